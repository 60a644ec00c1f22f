"""What a sweep would find, and what the host has to do: a list of steps with their times."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from ..errors import UsageError
from ..flows import effects, open_books, streams
from ..flows.upkeep import needed_until
from ..lifecycle.decay import coming
from ..model.state import BUILT_IN
from ..model.times import aware, micros
from ..policy.decide import effective_moves
from ..storage.contract import FIRST
from .checking import check_count
from .common import REF
from .fading import open_contracts
from .sweeping import PAGE, UNOPENED

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from ..flows import Book, Flow, Setting

LIMIT = 1000
"""Customers of one plan, unless the host says otherwise."""


@attrs.frozen
class Due:
    """One step that is due for a customer.

    Attributes:
        ref: the host's reference; empty for who has been erased.
        what: ``notice`` (tell them where their data came from), ``remove`` (a value whose time is
            over), ``stage`` (a change of stage that is written down), and for who stays away
            ``announce``, ``shrink``, ``seal`` and ``forget``.
        about: the source, the field, the stage, the announced step, or the contracts that it waits for.
        at: when it is or was due (UTC).
    """

    ref: str = attrs.field(repr=False)
    what: str
    about: str
    at: datetime


@attrs.frozen
class SweepPlan:
    """What is due until an instant; falsy if nothing is. It holds no value of a customer.

    Attributes:
        steps: by customer, in the order in which they are due.
        customers: how many were looked at.
        unopened: how many customers' streams do not open; ``verify`` says what is wrong with them.
        complete: nobody was left out for the limit.
    """

    steps: tuple[Due, ...] = ()
    customers: int = 0
    unopened: int = 0
    complete: bool = True

    def __bool__(self) -> bool:
        return bool(self.steps)


def plan_sweep(setting: Setting, *, until: datetime | None = None, limit: int = LIMIT) -> Flow[SweepPlan]:
    """Return what will be due by *until* (now), for at most *limit* customers; nothing is written."""
    check_count(limit, "a limit", "plan_sweep(limit=)", 1)
    now = setting.clock()
    end = now if until is None else aware(until, "plan_sweep(until=)")
    if end < now:
        raise UsageError("a plan looks ahead", place="plan_sweep(until=)", remedy="pass a later time")
    steps: list[Due] = []
    count = unopened = 0
    after = FIRST
    seen: set[bytes] = set()
    while True:
        found = yield from effects.find(streams.due(setting.tenant), micros(end), after, min(PAGE, limit))
        if not found:
            return SweepPlan(tuple(steps), count, unopened)
        after = found[-1]
        for _, stream in found:
            if stream in seen:
                continue
            if len(seen) == limit:
                return SweepPlan(tuple(steps), count, unopened, complete=False)
            seen.add(stream)
            try:
                books = yield from open_books(setting, (stream,))
            except UNOPENED:
                unopened += 1
                continue
            book = books[stream]
            due = sorted(_steps(setting, book, end), key=lambda step: step.at)
            count += book.state.known
            steps += due


def _steps(setting: Setting, book: Book, end: datetime) -> Iterator[Due]:
    state = book.state
    ref = state.about.get(REF, "")
    if state.owed is not None and state.owed.due <= end:
        yield Due(ref, "notice", state.owed.source, state.owed.due)
    for move in effective_moves(setting.policy, state, end):
        yield Due(ref, "stage", move.stage, move.at)
    if state.restriction is not None and state.erased is None:
        return
    fading = coming(setting.policy.lifecycle.decay, state)
    if fading is not None and fading.at <= end:
        waits = open_contracts(book, fading) if fading.what == "forget" else ()
        about = f"waits for {', '.join(waits)}" if waits else fading.step.kind
        yield Due(ref, fading.what, about, fading.at)
    for name, runs in state.fields.items():
        if name not in BUILT_IN:
            over = needed_until(setting.policy, state, name, min(run.first for run in runs))
            if over <= end:
                yield Due(ref, "remove", name, over)
