"""Verifying the Merkle log: its entries, its checkpoints, what is remembered of it, its predecessors."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ..errors import ClmError, NoteError, StorageCorrupt
from ..flows import effects, streams
from ..ledger.audit import FaultKind, StreamCheck
from ..ledger.merkle import Frontier, leaf_hash
from ..ledger.note import parse_checkpoint
from .sealing import (
    MOST_GENERATIONS,
    load_remembered,
    open_checkpoint,
    origin_of,
    origins,
    read_leaf,
    read_log_state,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..flows import Flow, Setting
    from ..ledger.note import Checkpoint
    from ..storage.contract import Head
    from .sealing import Remembered
    from .verifying import Run

PAGE = 1000
"""Entries of one page."""
_KEPT = "the log does not contain a checkpoint that somebody kept"
_BESIDE = "the log does not contain the checkpoint that is remembered beside the keys"


class _Wanted(NamedTuple):
    """A size and root that the log must have had; *lost* says why that may be over."""

    size: int
    root: bytes
    text: str


def open_known(setting: Setting, notes: Iterable[str]) -> tuple[Checkpoint, ...]:
    """Open checkpoints that somebody kept.

    Raises:
        NoteError: one is malformed, or was signed by none of this ledger's logs.
    """
    return tuple(_open_known(setting, note) for note in notes)


def _open_known(setting: Setting, note: str) -> Checkpoint:
    start = origins(setting)
    origin = note.partition("\n")[0]
    number = origin.removeprefix(start)
    if not origin.startswith(start) or not number.isdecimal() or int(number) > MOST_GENERATIONS:
        raise NoteError(
            "the checkpoint is of another ledger", place="verify(known=)", remedy="keep it with its log"
        )
    return open_checkpoint(setting, int(number), note)


def check_logs(run: Run) -> Flow[None]:
    """Check every log that there ever was, and gather the seals."""
    remembered = yield from load_remembered(run.setting)
    named = {int(known.origin.removeprefix(origins(run.setting))) for known in run.known}
    last = max(remembered.generation, *named, 0)
    generation = 0
    while generation <= last:
        found = yield from _log(run, generation, remembered)
        # A notary may have crashed before it could remember the log that it had begun.
        if found and generation == last < MOST_GENERATIONS:
            last += 1
        generation += 1


def _log(run: Run, generation: int, remembered: Remembered) -> Flow[bool]:
    stream = streams.log_stream(run.setting.tenant, generation)
    head = yield from effects.load_one(stream)
    wanted = _wanted(run, generation, remembered)
    if head is None:
        if any(each.size for each in wanted):
            text = "the log is gone, and a checkpoint of it is known"
            run.fault(FaultKind.TRUNCATED, stream, 0, text)
        return False
    frontier, roots = yield from _leaves(run, stream, head, {each.size for each in wanted})
    _checkpoint(run, stream, head, frontier, generation)
    for each in wanted:
        if roots.get(each.size) != each.root:
            kind = FaultKind.FORKED if frontier.size >= each.size else FaultKind.TRUNCATED
            run.fault(kind, stream, each.size, each.text)
    return True


def _wanted(run: Run, generation: int, remembered: Remembered) -> list[_Wanted]:
    """Return which sizes and roots the log must contain."""
    origin = origin_of(run.setting, generation)
    wanted = [_Wanted(each.size, each.root, _KEPT) for each in run.known if each.origin == origin]
    if generation == remembered.generation and remembered.size:
        wanted.append(_Wanted(remembered.size, remembered.root, _BESIDE))
    if generation < len(remembered.previous):
        wanted.append(_before(run, generation, remembered))
    return wanted


def _before(run: Run, generation: int, remembered: Remembered) -> _Wanted:
    """Return what an earlier log must contain: what was signed last, or what somebody knows is left."""
    signed = parse_checkpoint(remembered.previous[generation])
    known = [each for each in remembered.acknowledged if each.generation == generation]
    if known:
        left = known[-1]
        run.told.append(
            f"log {generation}: of {signed.size} seals a restored backup left {left.size};"
            f" {left.by} has acknowledged that"
        )
        return _Wanted(left.size, left.root, "the log lost more than somebody has acknowledged")
    text = (
        f"the log was rolled back behind its checkpoint of {signed.size} seals, and has a successor;"
        " if a backup was restored, after_restore() acknowledges it"
    )
    return _Wanted(signed.size, signed.root, text)


def _leaves(run: Run, stream: bytes, head: Head, wanted: set[int]) -> Flow[tuple[Frontier, dict[int, bytes]]]:
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


def _checkpoint(run: Run, stream: bytes, head: Head, frontier: Frontier, generation: int) -> None:
    """The log's own checkpoint: signed by its key, over exactly the leaves that are there."""
    try:
        state = read_log_state(head)
        found = open_checkpoint(run.setting, generation, state.checkpoint)
    except (ClmError, ValueError) as error:
        text = error.what if isinstance(error, ClmError) else "it cannot be read"
        run.fault(FaultKind.ALTERED, stream, 0, f"the log's checkpoint is not signed by the log: {text}")
        return
    if (found.size, found.root, state.frontier) != (frontier.size, frontier.root(), frontier.to_bytes()):
        run.fault(FaultKind.ALTERED, stream, 0, "the log's checkpoint is over other leaves than are there")
