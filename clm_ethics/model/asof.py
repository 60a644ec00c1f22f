"""What was known of a customer at an instant, and what was true then as is known today.

Both are folds of the ledger: the first of the entries that had been learnt by then, the second of those
that speak of what had happened by then, whenever they were learnt. In both the later entry counts, as
everywhere; indexes are those of the ledger.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from msgspec.structs import replace

from .events import Event
from .fold import apply
from .state import State

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

Known = Literal["then", "now"]
"""Whose knowledge counts: that of the instant asked about, or today's."""


def fold_as_of(
    events: Iterable[Event | None], at: datetime, *, known: Known = "then", today: State | None = None
) -> State:
    """Return the state of a customer as of *at* (aware, UTC).

    Args:
        events: the whole ledger in entry order; ``None`` stands for an entry that has been forgotten.
        at: the instant.
        known: ``then``: the entries learnt by *at*. ``now``: whatever happened by *at*, as it is known today;
            a withdrawal that was learnt later counts from when it was given.
        today: today's state. The ledger holds no built-in value (region, date of birth ...): they, until
            when somebody is a minor, and that a backup was restored, are taken from it.
    """
    state = (_fold_then if known == "then" else _fold_now)(events, at)
    return state if today is None else _with_built_in(state, today)


def _with_built_in(state: State, today: State) -> State:
    return replace(state, about=today.about, minor_until=today.minor_until, restored=today.restored)


def _fold_then(events: Iterable[Event | None], at: datetime) -> State:
    state = State()
    for index, event in enumerate(events, 1):
        if event is None:
            state = replace(state, length=index)
        elif event.at > at:
            return state  # time never runs backwards in a ledger: nothing later was learnt earlier
        else:
            state = apply(state, event)
    return state


def _fold_now(events: Iterable[Event | None], at: datetime) -> State:
    state = State()
    for index, event in enumerate(events, 1):
        seen = None if event is None else _by(event, at)
        state = replace(state, length=index) if seen is None else apply(state, seen)
    return state


def _by(event: Event, at: datetime) -> Event | None:
    """Return what of *event* had happened by *at*, told at the time that it happened; ``None``: nothing."""
    when = event.happened or event.at
    moves = tuple(move for move in event.moves if move.at <= at)
    if when <= at:
        return replace(event, at=when, moves=moves)
    # A stage that was reached in time is written down with the next entry, which may be much later.
    return Event(at=moves[-1].at, moves=moves) if moves else None


__all__ = ["Known", "fold_as_of"]
