"""Moves and stages, as a policy declares them."""

from __future__ import annotations

import msgspec

from ..model.times import Duration


class Move(msgspec.Struct, frozen=True, kw_only=True):
    """A move to a stage: *on* an event, or *after* a time *without* one."""

    sources: tuple[str, ...]
    to: str
    on: str = ""
    after: Duration | None = None
    without: str = ""


class Lifecycle(msgspec.Struct, frozen=True, kw_only=True):
    """Stages and moves; timed moves look at behaviour and need *purpose*."""

    start: str = ""
    purpose: str = ""
    moves: tuple[Move, ...] = ()

    @property
    def stages(self) -> frozenset[str]:
        """Every stage that is named."""
        named = {self.start} | {move.to for move in self.moves}
        return frozenset(named.union(*(move.sources for move in self.moves))) - {""}
