"""What changes in the lifecycle between two policies: stages, moves, and what becomes of who stays away."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import shorten
from .change import NARROWING, WIDENING, WORDING, Change, Effect

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ..lifecycle.values import Decay, DecayStep, Lifecycle, Move
    from ..model.times import Duration


def lifecycles(was: Lifecycle, now: Lifecycle) -> Iterator[Change]:
    """Return the changes of a lifecycle: another stage may permit more or less, so it counts as widening."""
    yield from _stages(was, now)
    if was.start != now.start:
        yield Change("lifecycle.start", f"is {now.start or 'none'}, was {was.start or 'none'}", WIDENING)
    if was.purpose != now.purpose:
        text = f"is {now.purpose or 'none'}, was {was.purpose or 'none'}: another permission for timed moves"
        yield Change("lifecycle.purpose", text, WIDENING)
    yield from _moves(was.moves, now.moves)
    yield from _decay(was, now)


def _stages(was: Lifecycle, now: Lifecycle) -> Iterator[Change]:
    for stage in sorted(was.stages - now.stages):
        to = now.moves_to.get(stage)
        remedy = f'moves_to = {{ {stage} = "..." }} says where they are; without it they are in none'
        text = f"its customers are in `{to}`" if to else remedy
        yield Change("lifecycle", f"the stage `{stage}` is gone: {text}", WIDENING)
    for stage in sorted(now.stages - was.stages):
        yield Change("lifecycle", f"the stage `{stage}` is new", WIDENING)
    for stage in sorted(was.moves_to.keys() | now.moves_to.keys()):
        before, after = was.moves_to.get(stage), now.moves_to.get(stage)
        if before != after and stage not in was.stages ^ now.stages:
            text = f"is {after or 'none'}, was {before or 'none'}"
            yield Change(f"lifecycle.moves_to.{shorten(stage)}", text, WIDENING)


def _moves(was: tuple[Move, ...], now: tuple[Move, ...]) -> Iterator[Change]:
    before, after = ({_leads(move): move for move in moves} for moves in (was, now))
    for leads in dict.fromkeys((*before, *after)):
        old, new = before.get(leads), after.get(leads)
        text = f"from {leads[0]} to {leads[1]}: "
        if old is None or new is None or len(was) != len(before) or len(now) != len(after):
            continue
        if old != new:
            yield Change("lifecycle.moves", f"{text}{new.why}, was {old.why}", WIDENING)
    yield from (_move(move, "is gone") for move in was if move not in now and _unpaired(move, after))
    yield from (_move(move, "is new") for move in now if move not in was and _unpaired(move, before))
    if was != now and sorted(map(repr, was)) == sorted(map(repr, now)):
        yield Change("lifecycle.moves", "are in another order", WIDENING)
    elif was != now and (len(was) != len(before) or len(now) != len(after)):
        yield Change("lifecycle.moves", "are others", WIDENING)


def _leads(move: Move) -> tuple[str, str]:
    return " or ".join(move.sources), move.to


def _unpaired(move: Move, others: Iterable[tuple[str, str]]) -> bool:
    return _leads(move) not in others


def _move(move: Move, what: str) -> Change:
    source, to = _leads(move)
    return Change("lifecycle.moves", f"from {source} to {to} ({move.why}) {what}", WIDENING)


# -- who stays away ----------------------------------------------------------------------------------------


def _decay(old: Lifecycle, new: Lifecycle) -> Iterator[Change]:
    was, now = old.decay, new.decay
    if was == now:
        return
    place = "lifecycle.decay"
    if was is None or now is None:
        text = (
            "is new: who stays away is spared more" if was is None else "is gone: who stays away is used on"
        )
        changes = [Change(place, text, NARROWING if was is None else WIDENING)]
    else:
        changes = list(_rules(place, was, now))
    yield from changes
    narrower = any(each.effect is NARROWING for each in changes)
    if narrower and now is not None and any(step.seal for step in now.steps) and any(
        move.after for move in new.moves
    ):  # fmt: skip
        text = "is more often sealed: timed moves then rest, and stages may last longer"
        yield Change(place, text, WIDENING)


def _rules(place: str, was: Decay, now: Decay) -> Iterator[Change]:
    yield from _set(f"{place}.without", was.without, now.without, WIDENING)
    for index in range(max(len(was.steps), len(now.steps))):
        here = f"{place}.steps[{index}]"
        if index >= len(now.steps):
            yield Change(here, f"`{was.steps[index].kind}` is gone", WIDENING)
        elif index >= len(was.steps):
            yield Change(here, f"`{now.steps[index].kind}` is new", NARROWING)
        elif was.steps[index] != now.steps[index]:
            yield from _step(here, was.steps[index], now.steps[index])


def _step(place: str, old: DecayStep, new: DecayStep) -> Iterator[Change]:
    if old.kind != new.kind:
        yield Change(place, f"is `{new.kind}`, was `{old.kind}`", WIDENING)
        return
    if old.after != new.after:
        yield Change(f"{place}.after", _was(new.after, old.after), _sooner(old.after, new.after))
    if old.announce != new.announce:
        yield Change(f"{place}.announce", _was(new.announce, old.announce), WORDING)
    for name in dict.fromkeys((*old.shrink, *new.shrink)):
        before, after = old.shrink.get(name), new.shrink.get(name)
        if before != after:
            less = after is not None and (before is None or after < before)
            text = f"keeps {'all' if after is None else after}, kept {'all' if before is None else before}"
            yield Change(f"{place}.shrink.{name}", text, NARROWING if less else WIDENING)
    yield from _set(f"{place}.closes", old.closes, new.closes, NARROWING)


def _was(new: Duration, old: Duration) -> str:
    return f"is {new}, was {old}"


def _sooner(old: Duration, new: Duration) -> Effect:
    return NARROWING if old.outlasts(new) else WIDENING


def _set(place: str, old: Iterable[str], new: Iterable[str], more: Effect) -> Iterator[Change]:
    less = NARROWING if more is WIDENING else WIDENING
    yield from (Change(place, f"`{each}` is added", more) for each in new if each not in set(old))
    yield from (Change(place, f"`{each}` is gone", less) for each in old if each not in set(new))


__all__ = ["lifecycles"]
