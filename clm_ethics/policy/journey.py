"""What is odd about a lifecycle: stages without a way out, moves that never happen, data use that widens."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .finding import Finding
from .values import Basis

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..lifecycle.values import Move
    from .values import Declared, Purpose

_NAMED = 3
"""How many fields a finding names."""


def about_lifecycle(declared: Declared) -> Iterator[Finding]:
    """Return the findings about the stages and moves of *declared*."""
    life = declared.lifecycle
    for stage in sorted(life.stages):
        if life.moves and not any(stage in move.sources for move in life.moves):
            text = f"nothing leads out of `{stage}`: who is there stays, even if they come back"
            yield Finding("lifecycle.moves", text, f'add a move, such as {{ from = ["{stage}"], on = ... }}')
    for index, move in enumerate(life.moves):
        place = f"lifecycle.moves[{index}]"
        yield from _never(place, move, declared)
        yield from _widens(place, move, declared)


def _never(place: str, move: Move, declared: Declared) -> Iterator[Finding]:
    """A move that another always forestalls, or that the lifecycle's purpose may never make."""
    purpose = declared.purposes.get(declared.lifecycle.purpose)
    for stage in move.sources:
        first = _forestalls(move, stage, declared)
        if first is not None:
            text = f"from `{stage}` it never happens: `{first.to}` comes first ({first.why})"
            yield Finding(place, text, "shorten its time, or take it out")
        looks = move.after is not None or move.when is not None
        firm = purpose is not None and not purpose.all_bases - {Basis.CONTRACT, Basis.LEGAL_OBLIGATION}
        if looks and purpose is not None and purpose.stages and stage not in purpose.stages and not firm:
            text = (
                f"from `{stage}` it never happens: `{purpose.name}`, which it serves, is not for that stage"
            )
            yield Finding(place, text, f'add "{stage}" to purposes.{purpose.name}.stages')


def _forestalls(move: Move, stage: str, declared: Declared) -> Move | None:
    if move.after is None:
        return None
    for other in declared.lifecycle.moves:
        if other is move or other.after is None or stage not in other.sources:
            continue
        if other.without == move.without and other.after.longest < move.after.longest:
            return other
    return None


def _widens(place: str, move: Move, declared: Declared) -> Iterator[Finding]:
    """Who turns away must not be looked at more closely for it: a stage reached by absence or by a score."""
    if move.on:
        return
    for purpose in declared.purposes.values():
        if not purpose.stages or move.to not in purpose.stages:
            continue
        missing = [stage for stage in move.sources if stage not in purpose.stages]
        if missing and purpose.fields:
            text = f"`{move.to}` lets `{purpose.name}` use {_some(purpose)}, and `{missing[0]}` did not"
            remedy = f'take "{move.to}" out of purposes.{purpose.name}.stages, or add "{missing[0]}"'
            yield Finding(f"{place}.to", f"who turns away is looked at more closely: {text}", remedy)


def _some(purpose: Purpose) -> str:
    return ", ".join(purpose.fields[:_NAMED]) + (", ..." if len(purpose.fields) > _NAMED else "")
