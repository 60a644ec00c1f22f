"""When a stage changes: pure functions of moves, state and time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from ..model.events import Moved

if TYPE_CHECKING:
    from ..model.state import State
    from .values import Lifecycle

MOST_MOVES = 32
"""More timed moves than this in a row are a circle, and stop."""


Permitted = Callable[[str, datetime], bool]
"""``permitted(stage, instant)``: whether the lifecycle's purpose may look at behaviour then,
judged with the stage before the move."""


def course(
    lifecycle: Lifecycle, state: State, at: datetime, permitted: Permitted
) -> tuple[tuple[Moved, ...], datetime | None]:
    """Return the timed moves that have come due by *at*, in order, and when the next one comes due.

    The next one is told whether it is permitted or not; one that is not may lie before *at*.
    """
    moves: list[Moved] = []
    stage, since = state.stage, state.stage_since
    while since is not None:
        coming = _earliest(lifecycle, state, stage, since)
        if coming is None:
            break
        if coming[0] > at or len(moves) == MOST_MOVES or not permitted(stage, coming[0]):
            return tuple(moves), coming[0]
        since, stage, why = coming
        moves.append(Moved(stage=stage, at=since, why=why))
    return tuple(moves), None


def next_due(lifecycle: Lifecycle, state: State) -> datetime | None:
    """Return when the next timed move from the recorded stage comes due, permitted or not."""
    if state.stage_since is None:
        return None
    coming = _earliest(lifecycle, state, state.stage, state.stage_since)
    return None if coming is None else coming[0]


def on_event(lifecycle: Lifecycle, stage: str, event: str, at: datetime) -> Moved | None:
    """Return the move that *event* brings from *stage*, if the policy has one."""
    for move in lifecycle.moves:
        if move.on == event and stage in move.sources:
            return Moved(stage=move.to, at=at)
    return None


def _earliest(
    lifecycle: Lifecycle, state: State, stage: str, since: datetime
) -> tuple[datetime, str, str] | None:
    return earliest(lifecycle, state.happened, stage, since)


def earliest(
    lifecycle: Lifecycle, happened: Mapping[str, datetime], stage: str, since: datetime
) -> tuple[datetime, str, str] | None:
    """Return the next timed move from *stage*: when it comes due, where it leads, and why."""
    first: tuple[datetime, str, str] | None = None
    for move in lifecycle.moves:
        if move.after is None or stage not in move.sources:
            continue
        # "P180D without an order" counts from the last order; who never ordered, from the stage.
        # A move is never due before the stage it leaves began.
        last = happened.get(move.without, since) if move.without else since
        coming = (max(move.after.after(last), since), move.to, move.why)
        first = coming if first is None else min(coming, first)
    return first
