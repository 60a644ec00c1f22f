"""The way from one stage to another: which moves lead there, and what is nearest when none does."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from .values import Lifecycle, Move


class Leg(NamedTuple):
    """One move of a way: from a stage to another."""

    source: str
    move: Move

    def __str__(self) -> str:
        return f"{self.source} -> {self.move.to} ({self.move.why})"


def way(lifecycle: Lifecycle, stage: str, to: str) -> tuple[Leg, ...]:
    """Return the fewest moves from *stage* to *to*; empty if none leads there, or it is there already."""
    waiting: deque[tuple[str, tuple[Leg, ...]]] = deque([(stage, ())])
    seen = {stage}
    while waiting:
        here, legs = waiting.popleft()
        if here == to:
            return legs
        for move in lifecycle.moves:
            if here in move.sources and move.to not in seen:
                seen.add(move.to)
                waiting.append((move.to, (*legs, Leg(here, move))))
    return ()
