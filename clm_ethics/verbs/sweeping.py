"""Sweeping: values whose time is over go, stages that came due are written down, old reads forgotten."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from ..errors import ClockError
from ..flows import Book, Job, effects, open_books, streams
from ..flows.upkeep import needed_until
from ..ledger import record as codec
from ..model.events import Chosen, Forgotten, Read, Refusal, Removed, Swept
from ..model.times import Duration, instant, micros
from ..storage.contract import FIRST, MAX_FORGETS, Entry, Head, Write
from .common import moved, open_entry
from .sealing import load_remembered

if TYPE_CHECKING:
    from datetime import datetime

    from ..flows import Flow, Setting

FURTHEST_JUMP = Duration(seconds=7 * 86400)
"""How far the clock may have moved since the last sweep before somebody has to confirm it."""
PAGE = 200
"""Customers of one page."""


@attrs.frozen(kw_only=True)
class Sweep:
    """What a sweep did: counts only.

    Attributes:
        customers: how many were looked at.
        values: how many values were removed.
        stages: how many changes of stage were written down.
        forgotten: how many old records of questions lost their bodies.
    """

    customers: int = 0
    values: int = 0
    stages: int = 0
    forgotten: int = 0

    def __add__(self, other: Sweep) -> Sweep:
        """Add the counts."""
        return Sweep(
            customers=self.customers + other.customers,
            values=self.values + other.values,
            stages=self.stages + other.stages,
            forgotten=self.forgotten + other.forgotten,
        )


def sweep(setting: Setting, *, confirm: bool = False) -> Flow[Sweep]:
    """Sweep every customer that is due.

    Raises:
        ClockError: the clock is behind the last seal or sweep, or has jumped, and nobody confirmed it.
    """
    now = setting.clock()
    version = yield from _check_clock(setting, now, confirm=confirm)
    total = Sweep()
    after = FIRST
    while True:
        found = yield from effects.find(streams.due(setting.tenant), micros(now), after, PAGE)
        if not found:
            break
        after = found[-1]
        for _, stream in found:
            total += yield from _sweep_one(setting, stream)
    yield from _remember(setting, now, version)
    return total


def _check_clock(setting: Setting, now: datetime, *, confirm: bool) -> Flow[int]:
    """Removing is irreversible: it is refused while the clock cannot be trusted."""
    head = yield from effects.load_one(streams.sweep_stream(setting.tenant))
    last = None if head is None else instant(int.from_bytes(head.state or b"", "big"))
    sealed = yield from load_remembered(setting)
    if not confirm:
        if sealed.at and now < instant(sealed.at):
            raise ClockError("the clock is behind the last seal", place="sweep", remedy="set the clock right")
        if last is not None and now < last:
            raise ClockError(
                "the clock is behind the last sweep", place="sweep", remedy="set the clock right"
            )
        if last is not None and now > FURTHEST_JUMP.after(last):
            raise ClockError(
                "the clock is more than 7 days after the last sweep",
                place="sweep",
                remedy="if that is so, sweep(confirm=True)",
            )
    return 0 if head is None else head.version


def _remember(setting: Setting, now: datetime, version: int) -> Flow[None]:
    state = micros(now).to_bytes(8, "big")
    new = Head(setting.version() if version == 0 else version + 1, 0, b"", state, b"", ())
    yield from effects.commit_one(Write(streams.sweep_stream(setting.tenant), version, new))


def _sweep_one(setting: Setting, stream: bytes) -> Flow[Sweep]:
    old = yield from _old_records(setting, stream)

    def tell(book: Book) -> Sweep:
        if not book.state.known:
            return Sweep()
        at = book.now()
        removed = _remove(setting, book, at)
        event = moved(
            setting, book, Swept(at=at, by="clm_ethics", policy=setting.policy.hash, removed=removed)
        )
        book.remark = True
        if event.removed or event.moves:
            book.append(event)
        count = _forget(setting, book, old, at)
        book.touched = True  # the mark moves on, even if nothing was due after all
        return Sweep(
            customers=1,
            values=sum(each.items or 1 for each in removed),
            stages=len(event.moves),
            forgotten=count,
        )

    return (yield from effects.submit(Job(stream, tell)))  # type: ignore[no-any-return]


def _remove(setting: Setting, book: Book, at: datetime) -> tuple[Removed, ...]:
    removed = []
    for name, runs in book.state.fields.items():
        if name not in setting.policy.fields or not runs:
            continue
        if needed_until(setting.policy, book.state, name, runs[0].first) > at:
            continue
        items = book.values(name)
        over = [each for each in items if needed_until(setting.policy, book.state, name, each.at) <= at]
        count = _leading(len(over), [each in over for each in items])
        if count == len(items):
            book.drop_values(name)
            removed.append(Removed(field=name, why="retention"))
        elif count:
            book.drop_values(name, count)
            removed.append(Removed(field=name, items=count, why="retention"))
    return tuple(removed)


def _leading(most: int, over: list[bool]) -> int:
    """Return how many of the oldest items are over, one after the other."""
    count = 0
    while count < most and over[count]:
        count += 1
    return count


class _Old:
    """Records of questions that are older than the policy keeps them, by index."""

    def __init__(self) -> None:
        self.indexes: list[int] = []
        self.next_at: datetime | None = None


def _old_records(setting: Setting, stream: bytes) -> Flow[_Old]:
    """Find reads, refusals and choices older than ``audit.keep``; never the evidence of a consent."""
    found = _Old()
    books = yield from open_books(setting, (stream,))
    book = books[stream]
    limit = setting.policy.declared.audit_keep.before(setting.clock())
    if book.state.audit_since is None or book.state.audit_since > limit or book.sealer is None:
        found.next_at = book.state.audit_since
        return found
    position = book.state.forgotten
    while len(found.indexes) < MAX_FORGETS:
        page = yield from effects.entries(stream, position, PAGE)
        if not page:
            return found
        for entry in page:
            position = entry.index
            if not _is_question(book, entry):
                continue
            at = instant(codec.parse(entry.body or b"").at)
            if at > limit:
                found.next_at = at
                return found
            if len(found.indexes) < MAX_FORGETS:
                found.indexes.append(entry.index)
    return found


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
    book.append(
        Forgotten(
            at=at,
            by="clm_ethics",
            policy=setting.policy.hash,
            ranges=tuple(ranges),
            why="retention",
            until=old.next_at,
        )
    )
    book.forget = tuple(old.indexes)
    return len(old.indexes)
