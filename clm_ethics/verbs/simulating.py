"""What a candidate policy would do: to every customer, to past reads; and which data nobody needed.

Nothing is written, no value is opened, and only counts of at least *k* come out.
"""

from __future__ import annotations

from collections import Counter
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple

import attrs
from msgspec.structs import replace

from ..errors import UsageError
from ..flows import effects, open_books, streams
from ..model.events import Read
from ..model.fold import apply
from ..model.state import State
from ..policy import Policy, Request, decide
from ..policy.diff import Diff, diff
from ..policy.renaming import counterparts
from ..storage.contract import FIRST, MAX_INT
from ..transparency.comparing import FLOOR, Effect, Tally, compare, effects_document
from .common import open_entry, recorded_entry
from .sweeping import UNOPENED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from ..flows import Book, Flow, Setting
    from ..policy import Decision

PAGE = 200
"""Customers of one page; entries of one too."""


class _Said(NamedTuple):
    """The answer that a read in the ledger had: it was allowed, with these fields."""

    fields: tuple[str, ...]

    def __bool__(self) -> bool:
        return True


@attrs.frozen(kw_only=True)
class Simulation:
    """What a candidate policy would do, as of now.

    Attributes:
        at: when it was looked (UTC).
        customers: how many were looked at.
        unopened: how many customers' streams do not open.
        change: what changes between the policies, and who is asked again.
        effects: per purpose, how many customers are permitted what.
        reads: per purpose, what would have become of the reads in the ledger, if that was asked.
    """

    at: datetime
    customers: int
    unopened: int
    change: Diff
    effects: tuple[Effect, ...]
    reads: tuple[Effect, ...] = ()

    def explain(self) -> str:
        """Say it in lines of text."""
        lines = [self.change.explain(), f"of {self.customers:,} customers", *map(str, self.effects)]
        if self.reads:
            lines += ["of the reads in the ledger", *map(str, self.reads)]
        if self.unopened:
            lines.append(f"{self.unopened:,} customers' streams do not open: run `verify`")
        return "\n".join(lines)

    def document(self) -> dict[str, Any]:
        """Return the same as a JSON document."""
        return {
            "at": self.at.isoformat(),
            "customers": self.customers,
            "unopened": self.unopened,
            "change": self.change.document(),
            "effects": effects_document(self.effects),
            "reads": effects_document(self.reads),
        }


def simulate(
    setting: Setting,
    candidate: Policy,
    *,
    share: float = 1.0,
    reads: bool = False,
    k: int = FLOOR,
    progress: Callable[[int], object] | None = None,
) -> Flow[Simulation]:
    """Decide every purpose for every customer under the policy in force and under *candidate*.

    Args:
        setting: the steward's.
        candidate: the other policy.
        share: of the customers, from above 0 to 1; always the same ones.
        reads: also decide every read in the ledger again, as of its time and under *candidate*. The region
            and the age are those known today; ``closed`` counts what would have been refused.
        k: counts below it are not told.
        progress: called now and then with the number of customers so far.

    Raises:
        UsageError: *candidate* is no policy, or *share* or *k* cannot be.
    """
    if not isinstance(candidate, Policy):
        raise UsageError("no policy", place="simulate()", remedy="pass Policy.load(...) or Policy.of(...)")
    if not 0 < share <= 1:
        raise UsageError("no share", place="simulate(share=)", remedy="a number above 0, at most 1")
    now = setting.clock()
    asked, past = Tally(k), Tally(k)
    count = unopened = 0
    after = FIRST
    while True:
        found = yield from effects.find(streams.due(setting.tenant), MAX_INT, after, PAGE)
        if not found:
            break
        after = found[-1]
        wanted = [stream for _, stream in found if _drawn(stream, share)]
        books, broken = yield from _open_page(setting, wanted)
        count, unopened = count + len(books) + broken, unopened + broken
        for book in books:
            _ask(setting.policy, candidate, book.stored, now, asked)
            if reads:
                yield from _reads(candidate, book, past)
        if progress is not None:
            progress(count)
    return Simulation(
        at=now,
        customers=count,
        unopened=unopened,
        change=diff(setting.policy, candidate),
        effects=asked.effects(),
        reads=past.effects(),
    )


def _drawn(stream: bytes, share: float) -> bool:
    """Say whether a customer is in the sample: ids are random, and a hash of them is evenly spread."""
    return int.from_bytes(sha256(b"sample\n" + stream).digest()[:4], "big") < share * 2**32


def _open_page(setting: Setting, wanted: list[bytes]) -> Flow[tuple[list[Book], int]]:
    """Open a page of customers; return those that open, and how many do not."""
    books: list[Book] = []
    broken = 0
    try:
        books += (yield from open_books(setting, wanted)).values()
    except UNOPENED:
        for stream in wanted:
            try:
                books += (yield from open_books(setting, [stream])).values()
            except UNOPENED:
                broken += 1
    # A visitor who has become a customer is that customer.
    return [book for book in books if not book.state.joined], broken


def _ask(old: Policy, new: Policy, state: State, now: datetime, tally: Tally) -> None:
    called = counterparts(old.purposes, new.purposes)
    fields = counterparts(old.fields, new.fields)
    for name in old.purposes:
        now_called = called.get(name)
        before = decide(old, state, Request(name), now)
        after = None if now_called is None else decide(new, state, Request(now_called), now)
        tally.add(now_called or name, compare(before, after, fields))
    for name in new.purposes.keys() - called.values():
        tally.add(name, compare(None, decide(new, state, Request(name), now)))


def _reads(candidate: Policy, book: Book, tally: Tally) -> Flow[None]:
    """Decide each read of one customer again, on what was known then (Art. 5(2) GDPR)."""
    # The ledger holds no built-in value: where somebody lives and their age are those of today.
    state = State(about=book.state.about, minor_until=book.state.minor_until)
    position = 0
    while book.head is not None and book.state.erased is None:
        page = yield from effects.entries(book.stream, position, PAGE)
        if not page:
            return
        for entry in page:
            position = entry.index
            if entry.body is None:
                state = replace(state, length=entry.index)  # only questions are forgotten
                continue
            event = recorded_entry(book, entry.body).event  # each policy has its own names for it
            if isinstance(event, Read):
                read = event if candidate.renames is None else candidate.renames.event(event)
                before, after = _again(candidate, state, read)
                tally.add(read.purpose, compare(before, after), read.count)
            state = apply(replace(state, length=entry.index - 1), event)


def _again(candidate: Policy, state: State, read: Read) -> tuple[_Said, Decision | None]:
    after = None
    if read.purpose in candidate.purposes:
        known = tuple(name for name in read.fields if name in candidate.declared.field_names)
        channel = read.channel if read.channel in candidate.channels else ""
        request = Request(read.purpose, known, channel, actor=read.by or None)
        after = decide(candidate, state, request, read.at)
    return _Said(read.fields), after


@attrs.frozen
class Spare:
    """A field, or a whole purpose, that nobody needed as far as the reads in the ledger show.

    Attributes:
        purpose: which purpose.
        field: which of its fields; empty: nobody read for the purpose at all.
        reads: how many reads for the purpose there were.
        text: the advice, in plain words (data minimisation, Art. 5(1)(c) GDPR).
    """

    purpose: str
    field: str
    reads: int
    text: str


def least_data(setting: Setting, *, k: int = FLOOR) -> Flow[tuple[Spare, ...]]:
    """Return which fields and purposes the reads in the ledger never needed.

    A read that names no fields needs all that it sees: advice is as good as the reads are precise.
    Purposes with fewer than *k* reads are too young to judge, and are left out.

    Raises:
        UsageError: *k* is no whole number from 1 on.
    """
    Tally(k)
    reads: Counter[str] = Counter()
    seen: Counter[tuple[str, str]] = Counter()
    customers = 0
    after = FIRST
    while True:
        found = yield from effects.find(streams.due(setting.tenant), MAX_INT, after, PAGE)
        if not found:
            break
        after = found[-1]
        books, _ = yield from _open_page(setting, [stream for _, stream in found])
        customers += len(books)
        for book in books:
            yield from _count_reads(book, reads, seen)
    return tuple(_spares(setting.policy, customers, reads, seen, k))


def _count_reads(book: Book, reads: Counter[str], seen: Counter[tuple[str, str]]) -> Flow[None]:
    position = 0
    while book.head is not None and book.state.erased is None:
        page = yield from effects.entries(book.stream, position, PAGE)
        if not page:
            return
        for entry in page:
            position = entry.index
            event = None if entry.body is None else open_entry(book, entry.body).event
            if isinstance(event, Read):
                reads[event.purpose] += event.count
                seen.update({(event.purpose, name): event.count for name in event.fields})


def _spares(
    policy: Policy, customers: int, reads: Counter[str], seen: Counter[tuple[str, str]], k: int
) -> Iterator[Spare]:
    for purpose in policy.purposes.values():
        count = reads[purpose.name]
        if not count and customers >= k and purpose.fields:
            yield Spare(
                purpose.name, "", 0, f"nobody read anything for {purpose.name}: is the purpose needed?"
            )
        if count < k:
            continue
        for name in purpose.fields:
            if not seen[purpose.name, name]:
                text = f"{count:,} reads for {purpose.name} never saw {name}: take it off the purpose's list"
                yield Spare(purpose.name, name, count, text)


__all__ = ["Simulation", "Spare", "least_data", "simulate"]
