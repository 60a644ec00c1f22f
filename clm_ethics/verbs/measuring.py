"""Fairness and trust over all customers, computed from the ledger, page by page.

Only counts of at least *k* people come out. The field that makes the groups is read for a purpose
like any other: for whom the purpose may see it, as precisely as it may, and with an entry for each.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..errors import UsageError
from ..ethics.course import Course, Scope
from ..ethics.fairness import Tally, findings
from ..flows import Job, effects, streams
from ..model.state import BUILT_IN
from ..model.times import aware
from ..storage.contract import FIRST, MAX_INT
from ..transparency.comparing import FLOOR
from ..transparency.trust import TrustReport
from .asking import check_request, open_seen, queue_refusal, read_entry, see
from .campaigning import opened
from .common import check_actor, moved, open_entry
from .sealing import flush

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from ..flows import Book, Flow, Setting
    from ..policy import Request
    from .asking import Seen

PAGE = 200
"""Customers of one page; entries of one too."""
SCALAR = ("text", "integer", "number", "boolean")
"""Types of fields that make groups."""


def report(
    setting: Setting,
    *,
    since: datetime | None = None,
    group: str | None = None,
    purpose: str | None = None,
    by: str | None = None,
    k: int = FLOOR,
    progress: Callable[[int], object] | None = None,
) -> Flow[TrustReport]:
    """Measure how customers were treated: offers, levels, prices, pressure, answers and their effect.

    Args:
        setting: the steward's.
        since: look at what happened from then on (aware).
        group: a field (such as ``region``) whose values make groups that are compared; it needs *purpose*.
        purpose: for which the group is read; whom it may not be read of counts as "not told".
        by: who reads it.
        k: no number of fewer people is told.
        progress: called now and then with the number of customers so far.

    Raises:
        UsageError: *group* without *purpose*, a field that makes no groups, or no *k*.
        UnknownName: the policy declares no such purpose or field.
    """
    request = _request(setting, group, purpose, by)
    tally = Tally(k, grouped=request is not None)
    scope = Scope.of(setting.policy, None if since is None else aware(since, "report(since=)"))
    yield from flush(setting)
    now = setting.clock()
    unopened, after = 0, FIRST
    again: set[bytes] = set()
    while True:
        found = yield from effects.find(streams.due(setting.tenant), MAX_INT, after, PAGE)
        if not found:
            break
        after = found[-1]
        books, broken = yield from opened(setting, [each for _, each in found if each not in again])
        unopened += broken
        books = [book for book in books if _counts(book)]
        yield from _page(setting, books, request, scope, tally, again, now)
        if progress is not None:
            progress(tally.customers)
    measures = tally.measures()
    return TrustReport(
        at=now,
        since=scope.since,
        customers=tally.customers if tally.customers == 0 or tally.customers >= k else None,
        unopened=unopened,
        group=group or "",
        k=k,
        measures=measures,
        findings=findings(measures),
    )


def _request(setting: Setting, group: str | None, purpose: str | None, by: str | None) -> Request | None:
    if group is None:
        if purpose is not None:
            raise UsageError("a purpose, and nothing to read for it", place="report", remedy="pass group=...")
        return None
    if purpose is None:
        raise UsageError(
            "a group is personal data, and there is no purpose to read it for",
            place="report(group=)",
            remedy="pass purpose=...: one that customers were told of, and that lists the field",
        )
    actor = check_actor(by, setting.acting, "report")
    request = check_request(setting.policy, purpose, (group,), None, actor)
    field = setting.policy.fields.get(group)
    if field is not None and (field.source or field.type not in SCALAR):
        raise UsageError(
            f"the values of `{group}` make no groups",
            place="report(group=)",
            remedy="a text, a number or a boolean that the steward keeps",
        )
    if field is None and group not in (*BUILT_IN, "stage"):
        raise UsageError(f"`{group}` makes no groups", place="report(group=)")
    return request


def _counts(book: Book) -> bool:
    """Whether it is a customer's: a visitor who has become one is that customer."""
    return book.state.known and book.state.erased is None and not book.state.anonymous


def _page(
    setting: Setting,
    books: list[Book],
    request: Request | None,
    scope: Scope,
    tally: Tally,
    again: set[bytes],
    now: datetime,
) -> Flow[None]:
    """Count a page of customers; *again* gets those whom the walk will meet once more."""
    groups: dict[bytes, str] = {}
    if request is not None:
        groups = yield from _groups(setting, books, request, again)
    for book in books:
        course = yield from _course(book, scope)
        tally.add(course, book.state.enrolled or now, now, groups.get(book.stream))


def _course(book: Book, scope: Scope) -> Flow[Course]:
    """Fold the customer's entries; entries that were forgotten tell nothing any more."""
    course = Course(scope)
    position = 0
    while True:
        page = yield from effects.entries(book.stream, position, PAGE)
        if not page:
            return course
        for entry in page:
            position = entry.index
            if entry.body is not None:
                course.see(entry.index, open_entry(book, entry.body).event)


def _groups(
    setting: Setting, books: Sequence[Book], request: Request, again: set[bytes]
) -> Flow[dict[bytes, str]]:
    """Read the group of each; the reads of a page share one commit, and stand before a value is opened."""
    jobs = [Job(book.stream, lambda book: _read(setting, book, request, again)) for book in books]
    yield from effects.submit_all(jobs)
    found: dict[bytes, str] = {}
    for job in jobs:
        seen: Seen = job.outcome()
        if not seen.decision:
            if seen.stream:
                queue_refusal(setting, seen.stream, "report", request.actor or "", seen.decision, "")
            continue
        value = open_seen(setting, seen)[0].get((request.fields or ("",))[0])
        if value is not None:
            found[job.stream] = _word(value)
    return found


def _read(setting: Setting, book: Book, request: Request, again: set[bytes]) -> Seen:
    seen = see(setting, book, request)
    if seen.decision and seen.decision.fields and book.sealer is not None:
        book.append(moved(setting, book, read_entry(seen.decision, request, request.actor or "", book)))
        if book.marks_move():  # customers are found by that mark, in its order
            again.add(book.stream)
    return seen


def _word(value: Any) -> str:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


__all__ = ["report"]
