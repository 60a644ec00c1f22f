"""When a stage changes: pure functions of moves, state and time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..model.events import Moved

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from ..model.state import State
    from .values import Lifecycle, Move

MOST_MOVES = 32
"""More timed moves than this in a row are a circle, and stop."""


def due_moves(
    lifecycle: Lifecycle,
    state: State,
    at: datetime,
    permitted: Callable[[str, datetime], bool],
) -> tuple[Moved, ...]:
    """Return the timed moves that have come due by *at*, in order.

    *permitted(stage, instant)* says whether the lifecycle's purpose may look at behaviour
    then, judged with the stage before the move.
    """
    moves: list[Moved] = []
    stage, since = state.stage, state.stage_since
    while since is not None and len(moves) < MOST_MOVES:
        coming = _earliest(lifecycle, state, stage, since)
        if coming is None or coming[0] > at or not permitted(stage, coming[0]):
            break
        since, stage = coming
        moves.append(Moved(stage=stage, at=since))
    return tuple(moves)


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


def _earliest(lifecycle: Lifecycle, state: State, stage: str, since: datetime) -> tuple[datetime, str] | None:
    coming = [(_due(move, state, since), move.to) for move in lifecycle.moves if _timed(move, stage)]
    return min(coming, default=None)


def _timed(move: Move, stage: str) -> bool:
    return move.after is not None and stage in move.sources


def _due(move: Move, state: State, since: datetime) -> datetime:
    # "P180D without an order" counts from the last order; who never ordered, from the stage.
    # A move is never due before the stage it leaves began.
    last = state.happened.get(move.without, since) if move.without else since
    return max(move.after.after(last), since) if move.after else since
