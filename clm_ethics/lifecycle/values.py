"""Moves and stages, as a policy declares them."""

from __future__ import annotations

from functools import lru_cache

import msgspec

from ..model.times import Duration


class Threshold(msgspec.Struct, frozen=True, kw_only=True):
    """A value that moves a stage: a number of *field* that is *least* or more, or *most* or less."""

    field: str
    least: float | None = None
    most: float | None = None

    @property
    def name(self) -> str:
        """How the ledger calls it, such as ``churn>=0.7``."""
        if self.least is None:
            return f"{self.field}<={self.most:g}"
        return f"{self.field}>={self.least:g}"

    def reached(self, value: object) -> bool:
        """Say whether *value* is a number that reaches it."""
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return False
        return value >= self.least if self.least is not None else self.most is not None and value <= self.most


class Move(msgspec.Struct, frozen=True, kw_only=True):
    """A move to a stage: *on* an event, *after* a time *without* one, or *when* a value is reached."""

    sources: tuple[str, ...]
    to: str
    on: str = ""
    after: Duration | None = None
    without: str = ""
    when: Threshold | None = None

    @property
    def why(self) -> str:
        """What moves it, in the words of the ledger."""
        if self.after is not None:
            return _in_words(self.after, self.without)
        return self.on if self.when is None else self.when.name

    @property
    def step(self) -> str:
        """The name of the step that moves it; empty for time alone."""
        return self.on if self.when is None else self.when.name


class DecayStep(msgspec.Struct, frozen=True, kw_only=True):
    """What happens *after* so long without a sign, and how long before that it is announced.

    Attributes:
        shrink: per field how many of its newest items stay; 0: none, and no single value.
        seal: everything but what a law or a contract needs is sealed away.
        forget: the customer is erased, but not while a contract is open that *closes* does not name.
    """

    after: Duration
    announce: Duration
    shrink: dict[str, int] = {}
    seal: bool = False
    forget: bool = False
    closes: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        """What it does: ``shrink``, ``seal`` or ``forget``."""
        return "forget" if self.forget else "seal" if self.seal else "shrink"


class Decay(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of the data of who stays away: *steps*, counted from the last event of *without*."""

    without: tuple[str, ...]
    steps: tuple[DecayStep, ...]


@lru_cache(maxsize=1024)
def _in_words(after: Duration, without: str) -> str:
    """Say what a timed move waits for; every decision about a stage that time ends asks for it."""
    return f"{after.iso()} without {without}" if without else f"after {after.iso()}"


class Lifecycle(msgspec.Struct, frozen=True, kw_only=True):
    """Stages and moves; timed moves look at behaviour and need *purpose*.

    *moves_to*: of stages that are gone, in which their customers are now.
    """

    start: str = ""
    purpose: str = ""
    moves: tuple[Move, ...] = ()
    decay: Decay | None = None
    moves_to: dict[str, str] = {}

    def diagram(self, form: str = "mermaid") -> str:
        """Draw the stages and moves: ``mermaid`` (text) or ``svg`` (with a title and a description).

        Raises:
            UsageError: there is no such form, or no stage to draw.
        """
        from .diagram import draw

        return draw(self, form)

    @property
    def stages(self) -> frozenset[str]:
        """Every stage that is named."""
        named = {self.start} | {move.to for move in self.moves}
        return frozenset(named.union(*(move.sources for move in self.moves))) - {""}

    @property
    def looked_at(self) -> frozenset[str]:
        """The events that a move looks at, be it for their absence."""
        return frozenset(name for move in self.moves for name in (move.on, move.without)) - {""}

    @property
    def thresholds(self) -> tuple[Threshold, ...]:
        """The values that a move looks at."""
        return tuple(dict.fromkeys(move.when for move in self.moves if move.when is not None))
