"""Whose consent runs out: so that somebody can be asked again before it does, and no sooner."""

from __future__ import annotations

from heapq import heappush, heappushpop
from typing import TYPE_CHECKING

import attrs

from ..flows import effects, open_books, streams
from ..model.state import Status
from ..model.times import aware
from ..policy.values import Basis
from ..storage.contract import FIRST, MAX_INT
from .checking import check_count
from .common import REF
from .sweeping import PAGE, UNOPENED

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from ..flows import Book, Flow, Setting
    from ..model.state import Consent, State
    from ..policy import Policy
    from ..policy.values import Purpose


@attrs.frozen(kw_only=True, order=False)
class DueConsent:
    """A yes that runs out.

    Attributes:
        ref: the host's reference of the customer.
        purpose: what it is a yes to.
        until: when it expires, or did (UTC).
        given_by: who gave it, and would have to give it again: the subject or a guardian.
    """

    ref: str = attrs.field(repr=False)
    purpose: str
    until: datetime
    given_by: str


@attrs.frozen(kw_only=True)
class DueConsents:
    """The consents that run out by some instant, the earliest first.

    Attributes:
        consents: at most as many as were asked for.
        complete: there are no more.
        unopened: how many customers' streams do not open; ``verify`` says what is wrong with them.
    """

    consents: tuple[DueConsent, ...]
    complete: bool
    unopened: int = 0


def due_consents(
    setting: Setting, until: datetime, *, purpose: str | None = None, limit: int = 1000
) -> Flow[DueConsents]:
    """Return the *limit* consents that expire first, up to *until* (aware), those that have expired included.

    A question: nothing is written, and it is no permission to contact anybody. Left out is who has
    said no since, whose processing is restricted, and a purpose that no longer rests on consent.
    Every customer is looked at, page by page; a consent that changes meanwhile may be missed.

    Raises:
        UnknownName: the policy declares no such *purpose*.
        UsageError: *until* has no zone, or *limit* is no count.
    """
    until = aware(until, "due_consents(until)")
    check_count(limit, "a limit", "due_consents(limit=)", 1)
    if purpose is not None:
        setting.policy.purpose(purpose)
    kept = _Earliest(limit)
    after = FIRST
    seen: set[bytes] = set()
    while True:
        found = yield from effects.find(streams.due(setting.tenant), MAX_INT, after, PAGE)
        if not found:
            return kept.answer()
        after = found[-1]
        fresh = [stream for _, stream in found if stream not in seen]
        seen.update(fresh)
        for book in (yield from _opened(setting, fresh, kept)):
            for due in _due(setting.policy, book, until):
                if purpose in (None, due.purpose):
                    kept.add(due)


class _Earliest:
    """The first so many of those that are added, in the order of their end."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._heap: list[tuple[float, str, str, DueConsent]] = []
        self._more = False
        self.unopened = 0

    def add(self, due: DueConsent) -> None:
        """Keep *due* unless enough others end earlier."""
        item = (-due.until.timestamp(), due.ref, due.purpose, due)
        if len(self._heap) < self._limit:
            heappush(self._heap, item)
        else:
            heappushpop(self._heap, item)
            self._more = True

    def answer(self) -> DueConsents:
        """Return what was kept."""
        first = sorted((item[-1] for item in self._heap), key=lambda due: (due.until, due.ref, due.purpose))
        return DueConsents(consents=tuple(first), complete=not self._more, unopened=self.unopened)


def _opened(setting: Setting, wanted: Sequence[bytes], kept: _Earliest) -> Flow[list[Book]]:
    """Open a page of customers; one whose stream does not open hides no other."""
    if not wanted:
        return []
    try:
        return list((yield from open_books(setting, wanted)).values())
    except UNOPENED:
        if len(wanted) == 1:
            kept.unopened += 1
            return []
    books = []
    for stream in wanted:
        books += yield from _opened(setting, (stream,), kept)
    return books


def _due(policy: Policy, book: Book, until: datetime) -> Iterator[DueConsent]:
    state = book.state
    ref = state.about.get(REF)
    if ref is None or state.erased is not None or state.restored or state.restriction is not None:
        return
    for name, consent in state.consents.items():
        purpose = policy.purposes.get(name)
        if purpose is None or Basis.CONSENT not in purpose.all_bases:
            continue
        if consent.until is not None and consent.until <= until and _stands(state, purpose, consent):
            yield DueConsent(ref=ref, purpose=name, until=consent.until, given_by=consent.given_by)


def _stands(state: State, purpose: Purpose, consent: Consent) -> bool:
    """Say whether the yes is the last word: no withdrawal, and no objection that came after it."""
    return consent.status is Status.GRANTED and not any(
        each.index > consent.index and (name == purpose.name or (each.marketing and purpose.marketing))
        for name, each in state.objections.items()
    )
