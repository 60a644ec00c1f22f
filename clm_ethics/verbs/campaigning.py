"""Choosing for many: pages of customers share one load and one commit, whoever they are.

A campaign that was stopped is simply made again with the same ``key``: who has a choice is told it
again, as far as it may still go out. Memory is that of one page.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterable, Iterable
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import attrs

from ..errors import UsageError
from ..ethics import Offer
from ..ethics.defaults import CONTACT_BUDGET, LEAST_COUNT
from ..ethics.timing import reaches
from ..ethics.words import TIMED
from ..flows import KEYS, Book, Job, effects, streams
from ..flows.book import StateFull
from ..flows.setting import NOBODY
from ..flows.settle import UNOPENED, open_each
from ..policy import decide
from ..storage.contract import FIRST, MAX_INT
from .asking import check_request
from .choosing import Ask, Reserved, asked_of
from .common import (
    REF,
    Stale,
    check_actor,
    check_ref,
    check_whose,
    read_tombstone,
    token_of,
    tombstone_of,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping, Sequence

    from ..ethics import Pick
    from ..flows import Flow, Setting
    from ..model.state import State

PAGE = 200
"""Customers of one page: they share one load and one commit."""
WEEK = next(cap for cap in CONTACT_BUDGET if cap.per.seconds == 7 * 86400)
"""The limit of the house's budget that a preflight counts against."""


# --- choosing for many -------------------------------------------------------------------------------


class Referring(Protocol):
    """A handle of either colour: it knows the host's reference of one customer."""

    @property
    def ref(self) -> str:
        """The reference."""


Refs = Iterable[str | Referring] | AsyncIterable[str | Referring]
"""Customers by their references or handles; only an awaited steward can await them."""


def pages(refs: Refs) -> Iterator[list[str]]:
    """Yield the references of *refs* (texts, or handles of customers), page by page."""
    if isinstance(refs, AsyncIterable):
        raise UsageError("customers that have to be awaited", place="choose_many", remedy="use AsyncSteward")
    if isinstance(refs, str) or not hasattr(refs, "__iter__"):
        raise UsageError("one value where several customers belong", place="choose_many", remedy="pass [...]")
    waiting = iter(refs)
    return iter(lambda: [_ref(each) for each in islice(waiting, PAGE)], [])


async def pages_awaited(refs: Refs) -> AsyncIterator[list[str]]:
    """Yield the references of *refs*, which may come as they are awaited, page by page."""
    if not isinstance(refs, AsyncIterable):
        for page in pages(refs):
            yield page
        return
    page = []
    async for each in refs:
        page.append(_ref(each))
        if len(page) == PAGE:
            yield page
            page = []
    if page:
        yield page


def _ref(each: Any) -> str:
    return check_ref(getattr(each, "ref", each))


def choose_page(ask: Ask, refs: Sequence[str]) -> Flow[list[tuple[str, Reserved]]]:
    """Choose for each of *refs*; who is unknown, full or does not open is a no, and stops nobody else.

    Who stands on the page twice, under whatever reference, is chosen for once.

    Raises:
        StorageUnavailable, Busy: the page was not finished; make the campaign again with the same key.
    """
    found = yield from _locate(ask.setting, refs)
    jobs: dict[bytes, Job] = {}
    for ref, at in zip(refs, found, strict=True):
        if at is not None and at not in jobs:
            jobs[at] = Job(at, _living(ask, ref, at))
    yield from effects.run_all(list(jobs.values()))
    answers = []
    for ref, at in zip(refs, found, strict=True):
        if at is not None and at not in jobs:
            answers.append((ref, ask.no("choice.twice")))
            continue
        answer = yield from _came(ask, ref, None if at is None else jobs.pop(at))
        answers.append((ref, answer))
    return answers


def _living(ask: Ask, ref: str, stream: bytes) -> Any:
    def tell(book: Book) -> Any:
        if not book.state.known or book.state.erased is not None:
            if ask.setting.remembered_ref(ref) == stream:
                raise Stale  # the way was only remembered: it may lead to somebody enrolled anew
            return ask.tell(book)
        if book.state.joined:
            raise Stale  # a visitor who has become a customer: the reference leads there now
        check_whose(ask.setting, book, ref)
        return ask.tell(book)

    return tell


def _came(ask: Ask, ref: str, job: Job | None) -> Flow[Reserved]:
    if job is None:
        return (yield from ask.came(ask.nobody()))
    if isinstance(job.error, Stale):
        return (yield from ask.flow(ref))
    if isinstance(job.error, StateFull):
        return ask.full()
    if isinstance(job.error, UNOPENED):
        return ask.no("customer.unopened")
    return (yield from ask.came(job.outcome()))


def _locate(setting: Setting, refs: Sequence[str]) -> Flow[list[bytes | None]]:
    """Return the stream behind each of *refs*: one load for the claims, one for the erased."""
    found = {ref: setting.remembered_ref(ref) for ref in refs}
    missing = [ref for ref, stream in found.items() if stream is None]
    if missing:
        tokens = {ref: token_of(setting, REF, ref) for ref in missing}
        claims = yield from effects.load([tokens[ref] for ref in missing])
        for ref, claim in zip(missing, claims, strict=True):
            if claim is not None and claim.state and len(claim.state) == streams.STREAM:
                setting.remember_ref(ref, tokens[ref], claim.state)
                found[ref] = claim.state
    gone = [ref for ref, stream in found.items() if stream is None]
    if gone:
        stones = yield from effects.load([tombstone_of(setting, REF, ref) for ref in gone], KEYS)
        for ref, stone in zip(gone, stones, strict=True):
            found[ref] = None if stone is None else read_tombstone(stone.state).stream
    return [found[ref] for ref in refs]


# --- who may be contacted ----------------------------------------------------------------------------


class Audience:
    """A walk over every customer, page by page, that keeps those who may be contacted for a purpose.

    They are candidates: what counts is decided when one is chosen for. Nothing is written, as ``may``
    writes nothing, and no field's value is looked at. Who comes or goes during the walk may be missed.
    """

    def __init__(
        self, setting: Setting, purpose: str, channel: str | None = None, by: str | None = None
    ) -> None:
        actor = check_actor(by, setting.acting or "audience", "audience")
        self._request = check_request(setting.policy, purpose, (), channel, actor)
        self._setting = setting
        self._ask = (
            asked_of(setting, [Offer("audience", purpose=purpose)], channel, actor, None) if channel else None
        )
        self._walk = Walk(setting)

    @property
    def done(self) -> bool:
        """Whether everybody was looked at."""
        return self._walk.done

    def page(self) -> Flow[list[str]]:
        """Return the references of the next page's candidates; there may be none."""
        books = yield from self._walk.page()
        return [book.state.about[REF] for book in books if REF in book.state.about and self._may(book)]

    def _may(self, book: Book) -> bool:
        if self._ask is None:
            return bool(decide(self._setting.policy, book.state, self._request, book.now()))
        found = self._ask.pick(book.state, book.now())
        return bool(found) or _waits(found, _OPEN)


_OPEN = frozenset({"contact.topic"})
"""What is not known before there is an offer: what it is about."""


def _waits(found: Pick, beside: frozenset[str] = frozenset()) -> bool:
    """Say whether nothing but time, and what is *beside* it, stands in the way."""
    return bool(found.reasons) and all(why.code in TIMED or why.code in beside for why in found.reasons)


class Walk:
    """A walk over the opened books of every customer; streams that do not open are counted."""

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self._after = FIRST
        self._seen: set[bytes] = set()
        self.done = False
        self.unopened = 0

    def page(self) -> Flow[list[Book]]:
        """Return the books of the next page, each customer's once."""
        # Every customer carries this mark: who needs no sweep does at the end of time.
        found = yield from effects.find(streams.due(self._setting.tenant), MAX_INT, self._after, PAGE)
        if not found:
            self.done = True
            return []
        self._after = found[-1]
        fresh = [stream for _, stream in found if stream not in self._seen]
        self._seen.update(fresh)
        books, unopened = yield from opened(self._setting, fresh)
        self.unopened += unopened
        return [book for book in books if _is_customer(book.state)]


def _is_customer(state: State) -> bool:
    """Say whether it is a living customer, and no visitor whom nobody knows, or who has become one."""
    return state.known and state.erased is None and not state.anonymous and not state.joined


def opened(setting: Setting, wanted: Sequence[bytes]) -> Flow[tuple[list[Book], int]]:
    """Open the books of *wanted*, and count those that do not open."""
    books = yield from open_each(setting, tuple(dict.fromkeys(wanted)))
    found = [book for book in (books[stream] for stream in wanted) if isinstance(book, Book)]
    return found, len(wanted) - len(found)


# --- before a campaign -------------------------------------------------------------------------------


@attrs.frozen(kw_only=True)
class Preflight:
    """What a campaign would do, in counts of customers; nothing was written, and no contact reserved.

    A count of 1 to 9 is ``None``: so few are not told.

    Attributes:
        customers: how many were looked at.
        reachable: to how many something would go out now.
        later: to how many nothing goes out now, and only limits of time stand in the way.
        offers: per offer, to how many it would go out.
        levels: per level of the ladder, to how many.
        blocked: per reason's code, how many get nothing (also) because of it.
        reads: per field, of how many it would be read.
        left: per number of contacts that the week's budget leaves after it, how many customers.
        unopened: how many customers' streams do not open; ``verify`` says what is wrong with them.
    """

    customers: int | None
    reachable: int | None
    later: int | None
    offers: Mapping[str, int | None]
    levels: Mapping[str, int | None]
    blocked: Mapping[str, int | None]
    reads: Mapping[str, int | None]
    left: Mapping[int, int | None]
    unopened: int | None

    def explain(self) -> str:
        """Say it in plain words, line by line."""
        lines = [f"{_said(self.reachable)} of {_said(self.customers)} customers would get something now"]
        lines.append(f"  later, when limits of time have passed: {_said(self.later)}")
        for title, counts in (("offer", self.offers), ("level", self.levels), ("blocked by", self.blocked)):
            lines += [f"  {title} {name}: {_said(count)}" for name, count in counts.items()]
        lines += [f"  reads {name} of {_said(count)}" for name, count in self.reads.items()]
        lines += [
            f"  {_said(count)} have {left} of {WEEK.max} contacts left in the week after it"
            for left, count in self.left.items()
        ]
        return "\n".join(lines)


def _said(count: int | None) -> str:
    return f"fewer than {LEAST_COUNT}" if count is None else str(count)


def _floored(count: int) -> int | None:
    return count if count == 0 or count >= LEAST_COUNT else None


class _Tally(NamedTuple):
    ask: Ask
    one: Counter[str]
    offers: Counter[str]
    levels: Counter[str]
    blocked: Counter[str]
    reads: Counter[str]
    left: Counter[int]

    def look(self, state: State, found: Pick) -> None:
        """Count one customer."""
        self.one["customers"] += 1
        if not found or found.offer is None:
            self.one["later"] += _waits(found)
            self.blocked.update({why.code for why in found.reasons})
            return
        self.one["reachable"] += 1
        self.offers[found.offer.name] += 1
        self.levels[found.level.value] += 1
        self.reads.update(found.uses)
        if found.counts and reaches(self.ask.setting.policy.channels[self.ask.channel]):
            self.left[max(WEEK.max - 1 - self._this_week(state), 0)] += 1

    def _this_week(self, state: State) -> int:
        channels, now = self.ask.setting.policy.channels, self.ask.setting.clock()
        return sum(
            1
            for each in state.contacts
            if not each.cancelled
            and WEEK.per.after(each.at) > now
            and (each.channel not in channels or reaches(channels[each.channel]))
        )

    def told(self, unopened: int) -> Preflight:
        """Return the counts, floored; the most first."""
        return Preflight(
            customers=_floored(self.one["customers"]),
            reachable=_floored(self.one["reachable"]),
            later=_floored(self.one["later"]),
            offers=_each(self.offers),
            levels=_each(self.levels),
            blocked=_each(self.blocked),
            reads=_each(self.reads),
            left={left: _floored(count) for left, count in sorted(self.left.items())},
            unopened=_floored(unopened),
        )


def _each(counts: Counter[str]) -> dict[str, int | None]:
    return {
        name: _floored(count) for name, count in sorted(counts.items(), key=lambda one: (-one[1], one[0]))
    }


def preflight(
    setting: Setting,
    offers: Iterable[Offer],
    *,
    channel: str,
    refs: Iterable[Any] | None = None,
    by: str | None = None,
) -> Flow[Preflight]:
    """Say what a campaign of *offers* on *channel* would do to *refs* (by default: to everybody).

    Nothing is written, and no field's value is looked at.
    """
    ask = asked_of(setting, offers, channel, by or setting.acting or "preflight", None, "preflight")
    tally = _Tally(ask, Counter(), Counter(), Counter(), Counter(), Counter(), Counter())
    unopened = 0
    if refs is None:
        walk = Walk(setting)
        while not walk.done:
            for book in (yield from walk.page()):
                tally.look(book.state, ask.pick(book.state, book.now()))
        return tally.told(walk.unopened)
    seen: set[bytes] = set()
    for page in pages(refs):
        found = yield from _locate(setting, page)
        fresh = [stream for stream in dict.fromkeys(found) if stream is not None and stream not in seen]
        seen.update(fresh)
        books, broken = yield from opened(setting, fresh)
        unopened += broken
        for state in (*(book.state for book in books), *[NOBODY] * found.count(None)):
            tally.look(state, ask.pick(state, setting.clock()))
    return tally.told(unopened)


__all__ = ["Audience", "Preflight", "choose_page", "pages", "pages_awaited", "preflight"]
