"""Sweeping: values whose time is over go, stages that came due are written down, old reads forgotten."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
from msgspec.structs import replace

from ..errors import ClockError, LedgerError, SealBroken, StorageCorrupt, VaultError
from ..flows import KEYS, Book, Job, effects, open_books, streams
from ..flows.upkeep import needed_until
from ..ledger import record as codec
from ..lifecycle.decay import ANNOUNCE
from ..model.events import Chosen, Forgotten, Left, Read, Refusal, Removed, Swept
from ..model.state import BUILT_IN
from ..model.times import Duration, instant, micros
from ..storage.contract import FIRST, MAX_FORGETS, MAX_INT, Entry, Head, Write
from .collecting import remark_lookups
from .common import REF, moved, open_entry
from .erasing import erase
from .fading import BY, fade
from .sealing import change_remembered, load_remembered

if TYPE_CHECKING:
    from datetime import datetime

    from ..flows import Flow, Setting, Value
    from ..model.state import Run

FURTHEST_JUMP = Duration(seconds=7 * 86400)
"""How far the clock may have moved since the last sweep before somebody has to confirm it."""
PAGE = 200
"""Customers of one page."""
_TIME = 8
_CONFIRM = "set the clock right; if it is right, sweep(confirm=True)"
UNOPENED = (SealBroken, StorageCorrupt, VaultError, LedgerError)
"""What one customer's altered stream raises; it must not keep the others' values in store."""


@attrs.frozen(kw_only=True)
class Sweep:
    """What a sweep did: counts only.

    Attributes:
        customers: how many were looked at.
        values: how many values were removed.
        stages: how many changes of stage were written down.
        forgotten: how many old records of questions lost their bodies.
        announced: for how many customers a step of inactivity was announced.
        faded: for how many data was shrunk or sealed away for it.
        erased: how many were forgotten for it.
        notices: how many customers should have been told by now where their data came from (Art. 14 GDPR).
        unopened: how many customers' streams do not open; ``verify`` says what is wrong with them.
    """

    customers: int = 0
    values: int = 0
    stages: int = 0
    forgotten: int = 0
    announced: int = 0
    faded: int = 0
    erased: int = 0
    notices: int = 0
    unopened: int = 0

    def __add__(self, other: Sweep) -> Sweep:
        """Add the counts."""
        return Sweep(
            customers=self.customers + other.customers,
            values=self.values + other.values,
            stages=self.stages + other.stages,
            forgotten=self.forgotten + other.forgotten,
            announced=self.announced + other.announced,
            faded=self.faded + other.faded,
            erased=self.erased + other.erased,
            notices=self.notices + other.notices,
            unopened=self.unopened + other.unopened,
        )


def sweep(setting: Setting, *, confirm: bool = False) -> Flow[Sweep]:
    """Sweep every customer that is due; under another policy than last time, look at every customer.

    A sweep that was interrupted is simply made again.

    Raises:
        ClockError: the clock is behind the last seal or sweep, or has jumped, and nobody confirmed it.
    """
    now = setting.clock()
    last = yield from effects.load_one(streams.sweep_stream(setting.tenant))
    yield from _check_clock(setting, last, now, confirm=confirm)
    until = micros(now) if _policy_of(last) == setting.policy.hash.encode() else MAX_INT
    total = Sweep()
    after = FIRST
    seen: set[bytes] = set()
    while True:
        found = yield from effects.find(streams.due(setting.tenant), until, after, PAGE)
        if not found:
            break
        after = found[-1]
        for at, stream in found:
            # A customer who was looked at comes again only if there is more to do by now.
            if stream not in seen or at <= micros(now):
                total += yield from _sweep_or_count(setting, stream, again=stream in seen)
            seen.add(stream)
    yield from _remember(setting, now, last)
    return total


def _check_clock(setting: Setting, head: Head | None, now: datetime, *, confirm: bool) -> Flow[None]:
    """Removing is irreversible: it is refused while the clock cannot be trusted."""
    last = _last_sweep(head)
    sealed = instant((yield from load_remembered(setting)).at)
    if confirm:
        if now < sealed:  # the clock was ahead when somebody sealed, and that is known now
            yield from change_remembered(setting, lambda known: replace(known, at=micros(now)))
        return
    if now < sealed:
        raise ClockError("the clock is behind the last seal", place="sweep", remedy=_CONFIRM)
    if last is not None and now < last:
        raise ClockError("the clock is behind the last sweep", place="sweep", remedy=_CONFIRM)
    if last is not None and now > FURTHEST_JUMP.after(last):
        raise ClockError("the clock is more than 7 days after the last sweep", place="sweep", remedy=_CONFIRM)


def _last_sweep(head: Head | None) -> datetime | None:
    if head is None:
        return None
    try:
        return instant(int.from_bytes((head.state or b"")[:_TIME], "big"))
    except (OverflowError, ValueError):
        raise StorageCorrupt(
            "the time of the last sweep cannot be read", place="sweep", remedy="restore from a backup"
        ) from None


def _policy_of(head: Head | None) -> bytes | None:
    return None if head is None else (head.state or b"")[_TIME:]


def _remember(setting: Setting, now: datetime, last: Head | None) -> Flow[None]:
    """Keep when the sweep was made, and under which policy; of two at once either will do."""
    state = micros(now).to_bytes(_TIME, "big") + setting.policy.hash.encode()
    version = 0 if last is None else last.version
    new = Head(version + 1 if version else setting.version(), 0, b"", state, b"", ())
    yield from effects.commit_one(Write(streams.sweep_stream(setting.tenant), version, new))


def _sweep_or_count(setting: Setting, stream: bytes, *, again: bool) -> Flow[Sweep]:
    try:
        done = yield from _sweep_one(setting, stream)
    except UNOPENED:
        return Sweep(unopened=0 if again else 1)
    return attrs.evolve(done, customers=0, notices=0) if again else done


def _sweep_one(setting: Setting, stream: bytes) -> Flow[Sweep]:
    old = yield from _old_records(setting, stream)

    def tell(book: Book) -> Sweep | str:
        if not book.state.known or (book.state.erased is not None and book.sealer is None):
            return Sweep()  # nothing is left, or an older copy of somebody erased: after_restore() sees to it
        at = book.now()
        said = moved(setting, book, _remove(setting, book, at))
        book.remark = True
        if said.removed or said.left or said.moves:
            book.append(said)
        faded = fade(setting, book, at) if book.state.erased is None and book.sealer is not None else ""
        if faded == "forget":
            return book.state.about.get(REF, "")
        count = _forget(setting, book, old, at)
        book.touched = book.touched or book.marks_move()
        return Sweep(
            customers=1,
            values=sum(each.items or 1 for each in said.removed),
            stages=len(said.moves),
            forgotten=count,
            announced=faded == ANNOUNCE,
            faded=faded in {"shrink", "seal"},
            notices=book.state.owed is not None and book.state.owed.due <= at,
        )

    done: Sweep | str = yield from effects.submit(Job(stream, tell))
    if isinstance(done, str):
        yield from erase(setting, done, by=BY)
        return Sweep(customers=1, erased=1)
    if done.values:
        yield from _drop_last_key(setting, stream)
    return done


def _drop_last_key(setting: Setting, stream: bytes) -> Flow[None]:
    """Once a law needs nothing of an erased customer any more, the key of what it kept goes too."""
    head = yield from effects.load_one(stream)
    if head is None or streams.read_erased(head.state or b"") is None:
        return
    name = streams.key_stream(stream, 1)
    key = yield from effects.load_one(name, KEYS)
    if key is not None:
        yield from effects.commit_one(Write(name, key.version, None), KEYS)
        setting.bury_key(name)


def _remove(setting: Setting, book: Book, at: datetime) -> Swept:
    """Remove every value that no purpose needs at *at*; return what the ledger says of it."""
    removed: list[Removed] = []
    left: dict[str, tuple[Left, ...]] = {}
    restricted = book.state.restriction is not None and book.state.erased is None
    for name, runs in book.state.fields.items():
        # Of restricted data everything but storage is forbidden, removal too (Art. 18(2) GDPR).
        if name in BUILT_IN or restricted:
            continue
        if needed_until(setting.policy, book.state, name, min(run.first for run in runs)) > at:
            continue
        items = book.values(name)
        kept = [needed_until(setting.policy, book.state, name, each.at) > at for each in items]
        if not any(kept):
            book.drop_values(name)
            removed.append(Removed(field=name, why="retention"))
            continue
        parts = _left(runs, items, kept)
        if not all(kept):
            book.keep_values(name, kept)
            removed.append(Removed(field=name, items=kept.count(False), why="retention"))
            left[name] = parts
        elif any(run.first != part.first for run, part in zip(runs, parts, strict=True)):
            left[name] = parts  # nothing is over, but older items had gone for lack of room
    lookups = {name for name, field in setting.policy.fields.items() if field.lookup}
    if lookups.intersection(each.field for each in removed) and book.state.erased is None:
        remark_lookups(setting, book)
    return Swept(at=at, by="clm_ethics", policy=setting.policy.hash, removed=tuple(removed), left=left)


def _left(runs: tuple[Run, ...], items: list[Value], kept: list[bool]) -> tuple[Left, ...]:
    """Return what is left of each of *runs*, whose items follow each other in *items*."""
    parts = []
    start = 0
    for run in runs:
        mine = range(start, start + run.count)
        stay = [items[place] for place in mine if kept[place]]
        start += run.count
        parts.append(
            Left(len(stay), stay[-1].index, min(each.at for each in stay))
            if stay
            else Left(0, run.index, run.first)
        )
    return tuple(parts)


class _Old:
    """Records of questions that are older than the policy keeps them, by index."""

    def __init__(self) -> None:
        self.indexes: list[int] = []
        self.next_at: datetime | None = None
        self.length = 0


def _old_records(setting: Setting, stream: bytes) -> Flow[_Old]:
    """Find reads, refusals and choices older than ``audit.keep``; never the evidence of a consent."""
    found = _Old()
    books = yield from open_books(setting, (stream,))
    book = books[stream]
    found.length = book.state.length
    limit = setting.policy.declared.audit_keep.before(setting.clock())
    if book.state.audit_since is None or book.state.audit_since > limit or book.sealer is None:
        return found
    position = book.state.forgotten
    while True:
        page = yield from effects.entries(stream, position, PAGE)
        if not page:
            return found
        for entry in page:
            position = entry.index
            if not _is_question(book, entry):
                continue
            at = instant(codec.parse(entry.body or b"").at)
            if at > limit or len(found.indexes) == MAX_FORGETS:
                found.next_at = at
                return found
            found.indexes.append(entry.index)


def _is_question(book: Book, entry: Entry) -> bool:
    if entry.body is None or codec.parse(entry.body).clear:
        return False
    return isinstance(open_entry(book, entry.body).event, (Read, Refusal, Chosen))


def _forget(setting: Setting, book: Book, old: _Old, at: datetime) -> int:
    if not old.indexes or book.sealer is None:
        return 0
    ranges: list[tuple[int, int]] = []
    for index in old.indexes:
        if ranges and ranges[-1][1] == index - 1:
            ranges[-1] = (ranges[-1][0], index)
        else:
            ranges.append((index, index))
    # What came since the stream was looked through may be a question too; none is older than its state.
    moved_on = book.state.length > old.length and old.next_at is None
    book.append(
        Forgotten(
            at=at,
            by="clm_ethics",
            policy=setting.policy.hash,
            ranges=tuple(ranges),
            why="retention",
            until=at if moved_on else old.next_at,
        )
    )
    book.forget = tuple(old.indexes)
    return len(old.indexes)
