"""Stages from what happened: the same in whatever order it was learnt.

What happens in order goes on from the present stage. What is learnt late is put where it
belongs, and the course from there on is derived anew: from the last settled stay, through every
step in the order of time, with the timed moves between them. A timed move that was made stays
permitted; one that was not is judged as the customer stands now.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ..model.events import Moved
from ..model.fold import step_order
from ..model.state import Stay
from .moves import MOST_MOVES, earliest

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from ..model.state import State, Step
    from .moves import Permitted
    from .values import Lifecycle


class _Base(NamedTuple):
    """Where a derivation begins: a stage, since when, and what had happened last by then."""

    stage: str
    since: datetime
    lasts: dict[str, datetime]


def advance(
    lifecycle: Lifecycle, state: State, new: Sequence[Step], until: datetime, permitted: Permitted
) -> tuple[Moved, ...]:
    """Return the moves that the *new* steps bring, and those that come due by *until*."""
    since = state.stage_since
    if since is None:
        return ()
    new = [step for step in new if state.settled is None or step.at > state.settled]
    latest = max([since, *(step.at for step in state.steps[-1:])])
    if all(step.at >= latest for step in new):
        base = _Base(state.stage, since, dict(state.happened))
        return tuple(_derive(lifecycle, base, new, until, permitted))
    kept = _settled(state)
    stay = state.course[kept] if state.course else Stay(state.stage, since)
    base = _Base(stay.stage, stay.since, dict(state.lasts))
    made = {(stay.stage, stay.since) for stay in state.course}

    def as_then(stage: str, at: datetime, to: str) -> bool:
        return (to, at) in made or permitted(stage, at)

    derived = _derive(lifecycle, base, [*state.steps, *new], until, permitted, as_then)
    return _difference(state.course, (*state.course[: kept + 1], *map(_stay, derived)))


def _settled(state: State) -> int:
    """Return the place of the last stay that nothing learnt late can change."""
    if state.settled is None:
        return 0
    before = [place for place, stay in enumerate(state.course) if stay.since <= state.settled]
    return before[-1] if before else 0


def _stay(move: Moved) -> Stay:
    return Stay(move.stage, move.at, move.why, move.by)


def _derive(
    lifecycle: Lifecycle,
    base: _Base,
    steps: Sequence[Step],
    until: datetime,
    permitted: Permitted,
    as_then: Callable[[str, datetime, str], bool] | None = None,
) -> list[Moved]:
    stage, since, lasts = base
    moves: list[Moved] = []

    def pass_time(end: datetime) -> None:
        nonlocal stage, since
        for _ in range(MOST_MOVES):
            coming = earliest(lifecycle, lasts, stage, since)
            if coming is None or coming[0] > end:
                return
            at, to, why = coming
            if not (permitted(stage, at) if as_then is None else as_then(stage, at, to)):
                return
            stage, since = to, at
            moves.append(Moved(stage=to, at=at, why=why))

    for step in sorted(steps, key=step_order):
        pass_time(step.at)
        lasts[step.name] = max(step.at, lasts.get(step.name, step.at))
        move = next((m for m in lifecycle.moves if m.step == step.name and stage in m.sources), None)
        if move is not None:
            stage, since = move.to, max(step.at, since)
            moves.append(Moved(stage=stage, at=since, why=move.why, by=step.by))
    pass_time(until)
    return moves


def _difference(old: tuple[Stay, ...], new: tuple[Stay, ...]) -> tuple[Moved, ...]:
    """Return what makes *new* of the *old* course, said again from the instant where they part."""
    if _places(old) == _places(new):
        return ()
    pairs = zip(_places(old), _places(new), strict=False)
    same = next((n for n, (one, other) in enumerate(pairs) if one != other), min(len(old), len(new)))
    if same == len(old):  # more came, and nothing else changed
        return tuple(_moved(stay) for stay in new[same:])
    parted = min(stay.since for stay in (*old[same : same + 1], *new[same : same + 1]))
    # The stay before is said again: what stands from its instant on is replaced.
    cut = max(stay.since for stay in new if stay.since <= parted)
    first, *others = [stay for stay in new if stay.since >= cut]
    return (_moved(first, anew=True), *map(_moved, others))


def _places(course: tuple[Stay, ...]) -> list[tuple[str, datetime]]:
    return [(stay.stage, stay.since) for stay in course]


def _moved(stay: Stay, *, anew: bool = False) -> Moved:
    return Moved(stage=stay.stage, at=stay.since, why=stay.why, by=stay.by, anew=anew)
