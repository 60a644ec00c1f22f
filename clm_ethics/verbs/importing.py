"""Enrolling many: streamed, in groups that share commits, and safe to run again.

A group of rows is read; its claims and keys are one commit, its customers' streams another. A
row for which anything is out of the ordinary (claimed before, half enrolled by a crash, a lost
answer) goes alone through the steps of ``enrolling``. What stands is recognised by its key, so
that running an import again finishes it and duplicates nothing.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

import attrs
from msgspec.structs import replace

from ..errors import (
    AlreadyEnrolled,
    ClmError,
    Denied,
    KeyReused,
    StorageUnavailable,
    UnknownName,
    UsageError,
    ValueRefused,
)
from ..flows import DATA, KEYS, act, batches, effects, open_books, streams
from ..flows.book import StateFull
from ..flows.setting import NOBODY
from ..lifecycle.beginning import Row
from .checking import check_count, check_text
from .collecting import check_shown, check_values, may_collect
from .common import LONGEST_REF, REF, check_actor, check_happened, check_ref, token_of
from .enrolling import (
    Draft,
    Wish,
    drop_key,
    enroll_one,
    is_repeated,
    keep_floor,
    prepare,
    stones,
    suppressed,
)
from .flooring import Floor, first_floor, raise_floor, set_floor
from .legacy import Word, check_said, content_of, write_noes, write_said
from .sweeping import UNOPENED

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Callable, Iterable, Mapping, Sequence

    from ..flows import Book, Flow, Setting
    from ..policy.values import Purpose
    from ..storage.contract import Head, Write

GROUP = 200
"""Rows that share commits, unless the host says otherwise."""
MOST_GROUP = 400
"""Most rows of one group: a row needs two writes in one call."""
REFUSED_KEPT = 1000
"""How many refused rows a report lists; it counts all of them."""
SAME_KEY = "enroll_many"
"""The key of rows that have none of their own."""
LONGEST_SOURCE = 200
"""Most characters of a source's name, which stands in the ledger."""

_CODES: tuple[tuple[type[Exception], str], ...] = (
    (StateFull, "state.full"),
    (ValueRefused, "value.refused"),
    (UnknownName, "name.unknown"),
    (KeyReused, "key.reused"),
    (AlreadyEnrolled, "customer.enrolled"),
    (UsageError, "row.malformed"),
)


class RefusedRow(NamedTuple):
    """A row that was not enrolled, and why: nothing of the person.

    Attributes:
        number: the row, counted from 1.
        code: a stable reason, such as ``value.refused`` or ``customer.erased``.
        place: where in the row, such as a field's name.
    """

    number: int
    code: str
    place: str = ""


@attrs.frozen(kw_only=True)
class Imported:
    """What an import did so far: counts, and no personal value. Truthy when no row was refused.

    Attributes:
        rows: how many were read.
        enrolled: how many customers are new.
        already: how many stood already, from an earlier run.
        noes: how many belonged to living customers, for whom only their noes were taken over.
        refused: how many were refused.
        reasons: how many by reason code.
        first_refused: the first thousand of them.
        unproven: per purpose, how many a yes without proof permits nothing.
        notices: how many customers have to be told where their data came from (Art. 14 GDPR).
    """

    rows: int = 0
    enrolled: int = 0
    already: int = 0
    noes: int = 0
    refused: int = 0
    reasons: Mapping[str, int] = attrs.field(factory=dict)
    first_refused: tuple[RefusedRow, ...] = ()
    unproven: Mapping[str, int] = attrs.field(factory=dict)
    notices: int = 0

    def __bool__(self) -> bool:
        return not self.refused


class _Tally:
    """Counts while the rows go by."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.reasons: Counter[str] = Counter()
        self.unproven: Counter[str] = Counter()
        self.first: list[RefusedRow] = []
        self.fresh: list[RefusedRow] = []

    def mark(self) -> tuple[Counter[str], Counter[str], Counter[str], int, int]:
        """Return a place to go back to."""
        return (
            Counter(self.counts),
            Counter(self.reasons),
            Counter(self.unproven),
            len(self.first),
            len(self.fresh),
        )

    def back_to(self, place: tuple[Counter[str], Counter[str], Counter[str], int, int]) -> None:
        """Count as if nothing had come since *place*."""
        self.counts, self.reasons, self.unproven, first, fresh = place
        del self.first[first:], self.fresh[fresh:]

    def refuse(self, number: int, error: Exception) -> None:
        """Count a refused row; what the error says of the person stays with the error."""
        row = RefusedRow(number, _code(error), error.place if isinstance(error, ClmError) else "")
        self.counts["refused"] += 1
        self.reasons[row.code] += 1
        self.fresh.append(row)
        if len(self.first) < REFUSED_KEPT:
            self.first.append(row)

    def enrolled(self, each: _Item) -> None:
        """Count a new customer."""
        self.counts["enrolled"] += 1
        self.counts["notices"] += bool(each.wish.source)
        self.unproven.update(word.purpose.name for word in each.words if word.is_yes and not word.proven)

    def report(self) -> Imported:
        """Return the counts."""
        return Imported(
            rows=self.counts["rows"],
            enrolled=self.counts["enrolled"],
            already=self.counts["already"],
            noes=self.counts["noes"],
            refused=self.counts["refused"],
            reasons=dict(self.reasons),
            first_refused=tuple(self.first),
            unproven=dict(self.unproven),
            notices=self.counts["notices"],
        )


class _Item(NamedTuple):
    """A checked row: its number, the enrolment it asks for, and what the customer said."""

    number: int
    wish: Wish
    words: tuple[Word, ...]
    claim: bytes


class _Job(NamedTuple):
    """What all rows of an import have in common."""

    purpose: Purpose
    by: str
    source: str
    tally: _Tally


def enroll_many(
    setting: Setting,
    rows: Iterable[Any] | AsyncIterable[Any],
    *,
    purpose: str,
    by: str | None = None,
    source: str = "",
    group: int = GROUP,
    progress: Callable[[Imported], Any] | None = None,
    refused: Callable[[RefusedRow], Any] | None = None,
) -> Flow[Imported]:
    """Enrol every row; run again after a crash it finishes, and duplicates nothing.

    Args:
        setting: the steward's.
        rows: ``(ref, values)``, ``(ref, values, {"said": ..., "at": ...})`` or ``Row`` objects; any
            iterable, and an asynchronous one for ``AsyncSteward``. It is read group by group.
        purpose: for which the values are collected.
        by: the actor.
        source: where the values came from, if not from the customers; a row may say otherwise.
        group: how many rows share their commits, at most 400.
        progress: called with the counts after each group.
        refused: called with each refused row.

    Raises:
        UsageError: the call is wrong. A wrong row is refused, and the others go on.
        StorageUnavailable: run it again.
    """
    by = check_actor(by, setting.acting, "enroll_many")
    check_count(group, "a group", "enroll_many(group=)", 1)
    check_text(source, "a source", "enroll_many(source=)", LONGEST_SOURCE, least=0)
    tally = _Tally()
    job = _Job(setting.policy.purpose(purpose), by, source, tally)
    take = _taker(rows, min(group, MOST_GROUP))
    while True:
        taken = yield from effects.call(take)
        if not taken:
            return tally.report()
        yield from _group(setting, job, taken)
        if refused is not None:
            for each in tally.fresh:
                yield from effects.call(refused, each)
        tally.fresh.clear()
        if progress is not None:
            yield from effects.call(progress, tally.report())


def _taker(rows: Iterable[Any] | AsyncIterable[Any], group: int) -> Callable[[], Any]:
    """Return a function that takes the next rows; of an asynchronous iterable it is a coroutine's."""
    from itertools import islice

    if hasattr(rows, "__aiter__"):
        waiting = rows.__aiter__()

        async def take() -> list[Any]:
            found: list[Any] = []
            async for row in waiting:
                found.append(row)
                if len(found) == group:
                    break
            return found

        return take
    if isinstance(rows, (str, bytes)) or not hasattr(rows, "__iter__"):
        raise UsageError("rows are an iterable", place="enroll_many", remedy="pass (ref, values) pairs")
    iterator = iter(rows)
    return lambda: list(islice(iterator, group))


def _group(setting: Setting, job: _Job, taken: Sequence[Any]) -> Flow[None]:
    items = []
    for given in taken:
        job.tally.counts["rows"] += 1
        number = job.tally.counts["rows"]
        try:
            items.append(_check(setting, job, number, given))
        except (UsageError, Denied) as error:
            job.tally.refuse(number, error)
    if not items:
        return
    place = job.tally.mark()
    try:
        alone = yield from _together(setting, job, items)
    except StorageUnavailable:
        job.tally.back_to(place)
        alone = items  # what came of it is found out one by one
    for each in alone:
        yield from _alone(setting, job, each)


def _check(setting: Setting, job: _Job, number: int, given: object) -> _Item:
    row = Row.of(given)
    policy = setting.policy
    now = setting.clock()
    values = check_values(policy, row.values, now)
    informed = check_shown(policy, row.shown, "enroll_many")
    words = check_said(setting, row.said, now)
    source = row.source or job.source
    check_text(source, "a source", "enroll_many(source)", LONGEST_SOURCE, least=0)
    if source and informed:
        raise UsageError(
            "who did not give the data was shown no notice when it was collected",
            place="enroll_many(shown)",
            remedy="leave out shown=, and inform() the customer (Art. 14 GDPR)",
        )
    key = SAME_KEY if row.key is None else row.key
    check_text(key, "an idempotency key", "enroll_many(key)", LONGEST_REF)
    wish = Wish(
        ref=check_ref(row.ref),
        purpose=job.purpose,
        given=values,
        informed=informed,
        shown=row.shown or "",
        by=job.by,
        happened=check_happened(row.at, now, "enroll_many"),
        key=key,
        again=False,
        answer=may_collect(
            policy, replace(NOBODY, about=values.about), job.purpose, values, now, "enroll_many"
        ),
        scope="enroll_many",
        source=source,
        more=(source, content_of(words)),
        then=lambda book: write_said(setting, book, words, job.by),
    )
    return _Item(number, wish, words, token_of(setting, REF, row.ref))


def _together(setting: Setting, job: _Job, items: Sequence[_Item]) -> Flow[list[_Item]]:
    """Enrol those of *items* that nobody claims; return those that have to go alone."""
    first = {each.claim: each for each in reversed(items)}
    alone = [each for each in items if first[each.claim] is not each]
    plain = [each for each in items if first[each.claim] is each]
    claims = yield from effects.load([each.claim for each in plain])
    free = [each for each, head in zip(plain, claims, strict=True) if head is None]
    taken = [(each, head) for each, head in zip(plain, claims, strict=True) if head is not None]
    alone += yield from _standing(setting, job, taken)
    free = yield from _unsuppressed(setting, job, free)
    drafts = _drafts(setting, job, free)
    claimed = yield from _claim(setting, drafts)
    alone += [each for each, _ in drafts if each.claim not in claimed]
    created = yield from _commit({draft.book.stream: draft.book.write() for draft in claimed.values()})
    yield from _raise_floors(setting, [each for each in claimed.values() if each.book.stream in created])
    for each, draft in drafts:
        if each.claim not in claimed:
            continue
        if draft.book.stream in created:
            setting.remember_ref(each.wish.ref, each.claim, draft.book.stream)
            job.tally.enrolled(each)
        else:  # somebody made the stream void
            yield from drop_key(setting, draft.key)
            alone.append(each)
    return sorted(alone, key=lambda each: each.number)


def _standing(setting: Setting, job: _Job, taken: Sequence[tuple[_Item, Head]]) -> Flow[list[_Item]]:
    """Count the rows that an earlier run has enrolled; return the others."""
    owners = [head.state or b"" for _, head in taken if len(head.state or b"") == streams.STREAM]
    try:
        books = (yield from open_books(setting, list(dict.fromkeys(owners)))) if owners else {}
    except UNOPENED:
        books = {}
    others = []
    for each, head in taken:
        book = books.get(head.state or b"")
        if book is None or not _same(book, each.wish):
            others.append(each)
        else:
            yield from keep_floor(setting, book)
            job.tally.counts["already"] += 1
    return others


def _same(book: Book, wish: Wish) -> bool:
    if book.sealer is None or not book.state.known or book.state.erased is not None:
        return False
    try:
        return book.state.about.get(REF) == wish.ref and is_repeated(book, wish)
    except KeyReused:
        return False


def _unsuppressed(setting: Setting, job: _Job, items: Sequence[_Item]) -> Flow[list[_Item]]:
    """Leave out who has been erased: one look into the register for all."""
    names = {each.number: stones(setting, each.wish) for each in items}
    every = list(dict.fromkeys(name for each in names.values() for name in each))
    heads = (yield from effects.load(every, KEYS)) if every else ()
    known = {name for name, head in zip(every, heads, strict=True) if head is not None}
    left = []
    for each in items:
        if known.isdisjoint(names[each.number]):
            left.append(each)
        else:
            job.tally.refuse(each.number, suppressed(each.wish))
    return left


def _drafts(setting: Setting, job: _Job, items: Sequence[_Item]) -> list[tuple[_Item, Draft]]:
    drafts = []
    for each in items:
        try:
            draft = prepare(setting, each.wish)
            draft.book.write()  # refused now, before anything is stored, if it does not fit
        except (UsageError, Denied) as error:
            job.tally.refuse(each.number, error)
        else:
            drafts.append((each, draft))
    return drafts


def _claim(setting: Setting, drafts: Sequence[tuple[_Item, Draft]]) -> Flow[dict[bytes, Draft]]:
    """Commit keys and claims; return the drafts whose claim was made. Keys that lie elsewhere come first."""
    keys = {draft.key.stream: draft.key for _, draft in drafts}
    claims = {each.claim: draft.claim(setting, each.claim, None) for each, draft in drafts}
    if setting.split:
        kept = yield from _commit(keys, KEYS)
        made = yield from _commit(claims)
    else:
        made = kept = yield from _commit(keys | claims)
    found = {}
    for each, draft in drafts:
        if each.claim in made and draft.key.stream in kept:
            found[each.claim] = draft
        elif each.claim not in made:
            yield from drop_key(setting, draft.key)
    return found


def _raise_floors(setting: Setting, drafts: Sequence[Draft]) -> Flow[None]:
    """Let the keys know of the noes: one commit for all, and the long way for who moved since."""
    said = [draft for draft in drafts if draft.floor]
    writes = {
        draft.key.stream: first_floor(setting, draft.key, draft.book.stream, draft.floor) for draft in said
    }
    made = (yield from _commit(writes, KEYS)) if writes else set()
    for draft in said:
        if draft.key.stream not in made:
            yield from set_floor(setting, draft.key.stream, Floor(draft.floor, draft.book.stream, 0))


def _commit(writes: Mapping[bytes, Write], where: int = DATA) -> Flow[set[bytes]]:
    """Commit *writes* within the contract's limits; return the streams whose write was made."""
    made: set[bytes] = set()
    for batch in batches(writes):
        done = yield from effects.commit([writes[stream] for stream in batch], where)
        made.update(stream for stream, was_made in zip(batch, done, strict=True) if was_made)
    return made


def _alone(setting: Setting, job: _Job, each: _Item) -> Flow[None]:
    """Go through the steps with one row; of a living customer only the noes are taken over."""
    try:
        new = yield from enroll_one(setting, each.wish)
    except (AlreadyEnrolled, KeyReused) as error:
        job.tally.refuse(each.number, error)
        yield from _noes(setting, job, each)
    except (UsageError, Denied) as error:
        job.tally.refuse(each.number, error)
    except UNOPENED as error:
        job.tally.refuse(each.number, error)
    else:
        if new:
            job.tally.enrolled(each)
        else:
            job.tally.counts["already"] += 1


def _noes(setting: Setting, job: _Job, each: _Item) -> Flow[None]:
    """A no counts for a living customer too, whoever enrolled them."""
    if not any(not word.is_yes for word in each.words):
        return
    claim = yield from effects.load_one(each.claim)
    if claim is None or not claim.state:
        return

    def tell(book: Book) -> int:
        if not book.state.known or book.state.erased is not None:
            return 0
        return write_noes(setting, book, each.words, job.by)

    last = yield from act(claim.state, tell)
    if last:
        job.tally.counts["noes"] += 1
        yield from raise_floor(setting, each.wish.ref, last)


def _code(error: Exception) -> str:
    if isinstance(error, Denied):
        codes = [reason.code for reason in getattr(error.answer, "reasons", ())]
        return codes[0] if codes else "denied"
    return next((code for kind, code in _CODES if isinstance(error, kind)), "customer.unopened")
