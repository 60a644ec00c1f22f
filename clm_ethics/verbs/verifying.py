"""Verifying the ledger: every entry, every seal, the log and its checkpoints; and, with keys, the sealing.

It names what is wrong, in plain words, and what it could not check.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from ..errors import ClmError, LedgerError, NoteError, ProofError, SealBroken, StorageCorrupt, VaultError
from ..flows import Book, effects, open_books, streams
from ..ledger.audit import Fault, FaultKind, StreamCheck
from ..ledger.merkle import Frontier, leaf_hash
from ..ledger.note import open_note, parse_checkpoint, parse_vkey
from ..model.times import Duration, micros
from .sealing import PAGE, Remembered, load_remembered, origin_of, read_leaf, read_log_state

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ..flows import Flow, Setting
    from ..storage.contract import Head

UNSEALED_AT_MOST = Duration(seconds=7 * 86400)
"""House rule: how old the oldest unsealed entry of a customer may be."""

Seals = dict[bytes, list[tuple[int, bytes, int]]]


@attrs.frozen(kw_only=True)
class Verification:
    """What ``verify`` found. True when nothing is wrong.

    Attributes:
        faults: what is wrong, each with its kind, stream and place.
        streams: how many customers' streams were checked.
        entries: how many of their entries.
        leaves: how many seals.
        unchecked: what could not be checked, in plain words.
    """

    faults: tuple[Fault, ...]
    streams: int
    entries: int
    leaves: int
    unchecked: tuple[str, ...]

    def __bool__(self) -> bool:
        """Tell whether nothing is wrong."""
        return not self.faults

    def explain(self) -> str:
        """Say it in plain words."""
        found = f"{self.streams} customers, {self.entries} entries, {self.leaves} seals"
        lines = [f"verified: {found}" if self else f"{len(self.faults)} faults in {found}"]
        lines += [f"  {fault}" for fault in self.faults]
        lines += [f"  not checked: {each}" for each in self.unchecked]
        return "\n".join(lines)

    def __str__(self) -> str:
        """Say it in plain words."""
        return self.explain()


class _Run:
    """One verification under way."""

    def __init__(
        self, setting: Setting, known: Iterable[str], progress: Callable[[int], object] | None
    ) -> None:
        self.setting = setting
        self.known = tuple(known)
        self.progress = progress
        self.faults: list[Fault] = []
        self.seals: Seals = {}
        self.streams = self.entries = self.leaves = 0

    def fault(self, kind: FaultKind, stream: bytes, index: int, text: str) -> None:
        self.faults.append(Fault(kind, stream, index, text))

    def tell(self, entries: int) -> None:
        self.entries += entries
        if self.progress is not None:
            self.progress(self.entries)


def verify(
    setting: Setting,
    *,
    known: Iterable[str] = (),
    values: bool = True,
    progress: Callable[[int], object] | None = None,
) -> Flow[Verification]:
    """Check the whole ledger.

    Args:
        setting: the steward's.
        known: signed checkpoints that somebody else kept: the log must contain them.
        values: open every stored value too, so that an altered one is found now and not when
            somebody reads it.
        progress: called with the number of entries checked so far.
    """
    run = _Run(setting, known, progress)
    remembered = yield from load_remembered(setting)
    for generation in range(remembered.generation + 1):
        yield from _log(run, generation, remembered)
    for stream in list(run.seals):
        yield from _stream(run, stream, values=values)
    yield from _unsealed(run, values=values)
    unchecked = ["back-dating before the first seal: only a witness's time bounds it"]
    if not values:
        unchecked.append("the stored values")
    return Verification(
        faults=tuple(run.faults),
        streams=run.streams,
        entries=run.entries,
        leaves=run.leaves,
        unchecked=tuple(unchecked),
    )


def _log(run: _Run, generation: int, remembered: Remembered) -> Flow[None]:
    stream = streams.log_stream(run.setting.tenant, generation)
    head = yield from effects.load_one(stream)
    current = generation == remembered.generation
    if head is None:
        if current and remembered.size:
            run.fault(FaultKind.TRUNCATED, stream, 0, "the log is gone, and a checkpoint of it is remembered")
        return
    wanted = {size for size, _ in _known_roots(run, generation)}
    if current:
        wanted.add(remembered.size)
    frontier, roots = yield from _leaves(run, stream, head, wanted)
    _checkpoint(run, stream, head, frontier, generation)
    if current and remembered.size and roots.get(remembered.size) != remembered.root:
        run.fault(
            FaultKind.FORKED if frontier.size >= remembered.size else FaultKind.TRUNCATED,
            stream,
            0,
            "the log does not contain the checkpoint that is remembered beside the keys",
        )
    for size, root in _known_roots(run, generation):
        if roots.get(size) != root:
            run.fault(
                FaultKind.FORKED, stream, size, "the log does not contain a checkpoint that somebody kept"
            )


def _leaves(
    run: _Run, stream: bytes, head: Head, wanted: set[int]
) -> Flow[tuple[Frontier, dict[int, bytes]]]:
    check = StreamCheck(stream)
    frontier = Frontier()
    roots = {0: frontier.root()}
    position = 0
    while position < head.length:
        page = yield from effects.entries(stream, position, min(PAGE, head.length - position))
        if not page:
            break
        check.feed(page)
        for entry in page:
            position = entry.index
            try:
                said = read_leaf(entry)
            except StorageCorrupt as error:
                run.fault(FaultKind.ALTERED, stream, entry.index, error.what)
                continue
            frontier = frontier.append(leaf_hash(said.data()))
            at = int.from_bytes((entry.body or b"")[10:18], "big")
            run.seals.setdefault(said.stream, []).append((said.length, said.chain, at))
            run.leaves += 1
            if frontier.size in wanted:
                roots[frontier.size] = frontier.root()
    run.faults += check.finish(head.length, head.digest)
    return frontier, roots


def _checkpoint(run: _Run, stream: bytes, head: Head, frontier: Frontier, generation: int) -> None:
    """The log's own checkpoint: signed by its key, over exactly the leaves that are there."""
    try:
        note = read_log_state(head).checkpoint
        origin = origin_of(run.setting, generation)
        verifier = parse_vkey(run.setting.tenant_keys.log_vkey(origin))
        found = parse_checkpoint(open_note(note, [verifier]).text)
    except (ClmError, ValueError) as error:
        text = error.what if isinstance(error, ClmError) else "it cannot be read"
        run.fault(FaultKind.ALTERED, stream, 0, f"the log's checkpoint is not signed by the log: {text}")
        return
    if (found.origin, found.size, found.root) != (origin, frontier.size, frontier.root()):
        run.fault(FaultKind.ALTERED, stream, 0, "the log's checkpoint is over other leaves than are there")


def _known_roots(run: _Run, generation: int) -> list[tuple[int, bytes]]:
    origin = origin_of(run.setting, generation)
    verifier = parse_vkey(run.setting.tenant_keys.log_vkey(origin))
    found = []
    for note in run.known:
        try:
            checkpoint = parse_checkpoint(open_note(note, [verifier]).text)
        except (NoteError, ProofError, LedgerError):
            continue
        if checkpoint.origin == origin:
            found.append((checkpoint.size, checkpoint.root))
    return found


def _stream(run: _Run, stream: bytes, *, values: bool) -> Flow[None]:
    """Check one customer's stream against its seals, its head, and its key."""
    check = StreamCheck(stream, run.seals.get(stream, ()))
    head = yield from effects.load_one(stream)
    length = 0 if head is None else head.length
    position = 0
    while position < length:
        page = yield from effects.entries(stream, position, min(PAGE, length - position))
        if not page:
            break
        check.feed(page)
        position = page[-1].index
        run.tell(len(page))
    run.streams += 1
    before = micros(UNSEALED_AT_MOST.before(run.setting.clock()))
    digest = b"" if head is None else head.digest
    run.faults += check.finish(length, digest, unsealed_before=before)
    if head is not None:
        yield from _sealing(run, stream, values=values)


def _sealing(run: _Run, stream: bytes, *, values: bool) -> Flow[None]:
    try:
        books = yield from open_books(run.setting, (stream,))
        if values:
            _values(run, books[stream])
    except (SealBroken, StorageCorrupt, VaultError) as error:
        run.fault(
            FaultKind.ALTERED, stream, 0, f"what is stored for the customer does not open: {error.what}"
        )


def _values(run: _Run, book: Book) -> None:
    if book.sealer is None:
        return
    for name in run.setting.policy.fields:
        runs = book.state.fields.get(name, ())
        count = len(book.values(name))
        if count != sum(each.count for each in runs):
            run.fault(
                FaultKind.ALTERED,
                book.stream,
                0,
                f"the state counts {sum(each.count for each in runs)} values of a field, {count} are there",
            )


def _unsealed(run: _Run, *, values: bool) -> Flow[None]:
    now = micros(run.setting.clock())
    for first in range(256):
        token = streams.unsealed(run.setting.tenant, first)
        for stream in (yield from effects.find_all(token, now)):
            if stream not in run.seals:
                yield from _stream(run, stream, values=values)
