"""Verifying the ledger: every entry, every seal, the log and its checkpoints; and, with keys, the sealing.

It names what is wrong, in plain words, and what it could not check.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

import attrs

from ..errors import LedgerError, SealBroken, StorageCorrupt, VaultError
from ..flows import KEYS, Book, effects, open_books, streams
from ..flows.book import sealed_under
from ..ledger.audit import Fault, FaultKind, StreamCheck
from ..model.events import ErasureBegun, ErasureDone
from ..model.state import BUILT_IN
from ..model.times import Duration, micros
from ..storage.contract import MAX_INT, Head
from .common import REF, token_of
from .erasing import clear_events
from .flooring import is_lost, read_floor
from .verifying_log import PAGE, check_logs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ..flows import Flow, Setting
    from ..ledger.note import Checkpoint

UNSEALED_AT_MOST = Duration(seconds=7 * 86400)
"""House rule: how old the oldest unsealed entry of a customer may be."""
BATCH = 200
"""Customers whose heads and keys are loaded in one call."""
BROKEN = (SealBroken, StorageCorrupt, VaultError, LedgerError)
"""What an altered stream raises when it is opened."""

Seals = dict[bytes, list[tuple[int, bytes, int]]]


@attrs.frozen(kw_only=True)
class Verification:
    """What ``verify`` found. True when nothing is wrong.

    Attributes:
        faults: what is wrong, each with its kind, stream and place.
        streams: how many customers' streams were checked.
        entries: how many of their entries.
        leaves: how many seals.
        unchecked: what could not be checked, and what somebody has acknowledged, in plain words.
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


class Claimed(NamedTuple):
    """The claim of a living customer's reference, and the stream that it must lead to."""

    token: bytes
    stream: bytes


class Run:
    """One verification under way."""

    def __init__(
        self, setting: Setting, known: tuple[Checkpoint, ...], progress: Callable[[int], object] | None
    ) -> None:
        self.setting = setting
        self.known = known
        self.progress = progress
        self.faults: list[Fault] = []
        self.told: list[str] = []
        self.seals: Seals = {}
        self.claims: list[Claimed] = []
        self.restored: set[bytes] = set()
        self.streams = self.entries = self.leaves = 0

    def fault(self, kind: FaultKind, stream: bytes, index: int, text: str) -> None:
        """Note a fault."""
        self.faults.append(Fault(kind, stream, index, text))

    def tell(self, entries: int) -> None:
        """Count entries, and tell who waits."""
        self.entries += entries
        if self.progress is not None:
            self.progress(self.entries)


def verify(
    setting: Setting,
    *,
    known: tuple[Checkpoint, ...] = (),
    values: bool = True,
    progress: Callable[[int], object] | None = None,
) -> Flow[Verification]:
    """Check the whole ledger.

    Args:
        setting: the steward's.
        known: checkpoints of the tenant's logs that somebody else kept: the logs must contain them.
        values: open every stored value too, so that an altered one is found now and not when
            somebody reads it.
        progress: called with the number of entries checked so far.
    """
    run = Run(setting, known, progress)
    yield from check_logs(run)
    yield from _policy(run)
    sealed = iter(run.seals)
    while batch := list(islice(sealed, BATCH)):
        yield from _batch(run, batch, values=values)
    yield from _unsealed(run, values=values)
    yield from _claims(run, most=0)
    yield from _floors(run)
    run.told.append("back-dating before the first seal: only a witness's time bounds it")
    if not values:
        run.told.append("the stored values")
    return Verification(
        faults=tuple(run.faults),
        streams=run.streams,
        entries=run.entries,
        leaves=run.leaves,
        unchecked=tuple(run.told),
    )


def _policy(run: Run) -> Flow[None]:
    """The policy in force is kept under its hash, so that a decision can be understood later."""
    policy = run.setting.policy
    name = streams.policy_stream(run.setting.tenant, policy.hash)
    head = yield from effects.load_one(name)
    if head is None:
        run.fault(FaultKind.REMOVED, name, 0, "the policy in force is not kept")
    elif head.state != policy.declared.canonical:
        run.fault(FaultKind.ALTERED, name, 0, "what is kept as the policy in force is another document")


def _unsealed(run: Run, *, values: bool) -> Flow[None]:
    for first in range(256):
        token = streams.unsealed(run.setting.tenant, first)
        found = yield from effects.find_all(token, MAX_INT)
        rest: Iterator[bytes] = (stream for stream in dict.fromkeys(found) if stream not in run.seals)
        while batch := list(islice(rest, BATCH)):
            yield from _batch(run, batch, values=values)


def _batch(run: Run, names: list[bytes], *, values: bool) -> Flow[None]:
    """Check some customers' streams against their seals, their heads, and their keys."""
    try:
        books = yield from open_books(run.setting, names)
    except BROKEN:
        books = {}
    for stream in names:
        book = books.get(stream)
        head = (yield from effects.load_one(stream)) if book is None else book.head
        yield from _entries(run, stream, head)
        if head is not None:
            yield from _opened(run, stream, book, values=values)
    yield from _claims(run, most=BATCH)


def _entries(run: Run, stream: bytes, head: Head | None) -> Flow[None]:
    check = StreamCheck(stream, run.seals.get(stream, ()))
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
    run.faults += check.finish(length, b"" if head is None else head.digest, unsealed_before=before)


def _opened(run: Run, stream: bytes, book: Book | None, *, values: bool) -> Flow[None]:
    """Check what takes a key: that state and values open, and belong together."""
    try:
        if book is None or _keyless(book):
            # Looked at again: an erasure may have come between the head and its key.
            books = yield from open_books(run.setting, (stream,))
            book = books[stream]
        if _keyless(book):
            _tell_keyless(run, book)
        elif book.state.erased is not None and not book.state.fields:
            yield from _erased(run, book)
        elif values:
            _values(run, book)
    except BROKEN as error:
        text = f"what is stored for the customer does not open: {error.what}"
        run.fault(FaultKind.ALTERED, stream, 0, text)
        return
    if book.state.restored:
        run.restored.add(stream)
        text = "it was restored from before the customer said no: after_restore() takes back what it permits"
        run.fault(FaultKind.TRUNCATED, stream, book.state.length, text)
    if book.state.erased is None and REF in book.state.about:
        run.claims.append(Claimed(token_of(run.setting, REF, book.state.about[REF]), stream))


def _keyless(book: Book) -> bool:
    """Say whether the head is neither clear nor void, and no key opens it."""
    state = b"" if book.head is None else book.head.state or b""
    return book.sealer is None and state != streams.VOID and streams.read_erased(state) is None


def _tell_keyless(run: Run, book: Book) -> None:
    named = sealed_under(book.head)
    if named in {streams.key_stream(book.stream), streams.key_stream(book.stream, 1)}:
        text = "its key is gone, and it does not say that it was erased: after_restore() erases it again"
        run.fault(FaultKind.REMOVED, book.stream, 0, text)
    else:
        run.fault(FaultKind.ALTERED, book.stream, 0, "its state is not one that this library writes")


def _erased(run: Run, book: Book) -> Flow[None]:
    """The head of an erased customer is clear: the entries in clear must say the same."""
    begun: list[ErasureBegun] = []
    done = False
    for event in (yield from clear_events(book.stream)):
        if isinstance(event, ErasureBegun):
            begun.append(event)
        done = done or isinstance(event, ErasureDone)
    if book.state.erased not in {event.at for event in begun} or book.state.erasure_done != done:
        text = "its head says another erasure than its entries do"
        run.fault(FaultKind.ALTERED, book.stream, 0, text)
    if book.head is not None and book.head.values:
        run.fault(FaultKind.ALTERED, book.stream, 0, "it was erased, and there are values in its head")


def _values(run: Run, book: Book) -> None:
    names = [name for name in book.state.fields if name not in BUILT_IN]
    for name in names:
        book.values(name)
    if book.sealer is not None and book.strays(names):
        run.fault(FaultKind.ALTERED, book.stream, 0, "values are stored that the state does not tell of")


def _claims(run: Run, *, most: int) -> Flow[None]:
    """Check that the references lead to the customers who bear them, once there are *most* to check."""
    if len(run.claims) <= most:
        return
    claims, run.claims = run.claims, []
    for start in range(0, len(claims), BATCH):
        part = claims[start : start + BATCH]
        heads = yield from effects.load([each.token for each in part])
        for each, head in zip(part, heads, strict=True):
            if head is not None and head.state == each.stream:
                continue
            books = yield from open_books(run.setting, (each.stream,))
            state = books[each.stream].state
            if head is not None and state.into and head.state == state.into:
                continue  # a visitor who turned out to be that customer
            if state.erased is None:
                text = "the customer's reference leads elsewhere" if head else "no reference leads to it"
                run.fault(FaultKind.ALTERED, each.stream, 0, text)


def _floors(run: Run) -> Flow[None]:
    """Who said no must have a stream that is at least as long as it was then."""
    names = yield from effects.find_all(streams.floored(run.setting.tenant), MAX_INT, KEYS)
    lost = 0
    for start in range(0, len(names), BATCH):
        loaded = yield from effects.load(names[start : start + BATCH], KEYS)
        keys = [key for key in loaded if key is not None]
        floors = [read_floor(key.values) for key in keys]
        heads = yield from effects.load([floor.stream for floor in floors])
        for key, floor, head in zip(keys, floors, heads, strict=True):
            length = 0 if head is None else head.length
            if head is None and is_lost(run.setting, key):
                lost += 1
            elif length < floor.length and floor.stream not in run.restored:
                text = f"it has {length} entries, and {floor.length} when the customer last said no"
                run.fault(FaultKind.TRUNCATED, floor.stream, length, text)
    if lost:
        run.told.append(f"{lost} customers whom a restored backup does not hold, which is acknowledged")
