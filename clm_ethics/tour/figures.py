"""What a tour counts. Nothing here names a person: only how many, how often, and why not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..policy import Reason


APART = "not looked at"
"""The stage, in a count, of whoever objected to being counted."""


class Tally(msgspec.Struct):
    """How often something was allowed and denied."""

    allowed: int = 0
    denied: int = 0

    def add(self, *, allowed: bool) -> None:
        """Count one more."""
        if allowed:
            self.allowed += 1
        else:
            self.denied += 1


class Point(msgspec.Struct):
    """A count of people on *day* (ISO): by stage, and per purpose how many are open to it."""

    day: str
    stages: dict[str, int] = {}
    open_to: dict[str, int] = {}


class CampaignCount(msgspec.Struct):
    """What became of one campaign: *meant* for so many, sent to, cancelled for, withheld from."""

    kind: str
    channel: str
    meant: int = 0
    sent: int = 0
    cancelled: int = 0
    withheld: int = 0


class Figures(msgspec.Struct):
    """All that was counted so far.

    Attributes:
        told: acts that the ledger took, by name.
        refused: acts that were refused, by ``act: reason code``.
        reads: by purpose.
        read_denials: why reads were denied, by reason code.
        withheld: why offers were withheld, by reason code.
        levels: how personal the offers that were made are, by step of the ladder.
        kept: fields that outlived an erasure because a law keeps them.
        words: what a reason code means, in plain words.
    """

    told: dict[str, int] = {}
    refused: dict[str, int] = {}
    reads: dict[str, Tally] = {}
    read_denials: dict[str, int] = {}
    withheld: dict[str, int] = {}
    levels: dict[str, int] = {}
    kept: dict[str, int] = {}
    words: dict[str, str] = {}
    campaigns: dict[str, CampaignCount] = {}
    points: list[Point] = []

    def read(self, purpose: str, reasons: Iterable[Reason], *, allowed: bool) -> None:
        """Count a read for *purpose*, and why it was denied."""
        self.reads.setdefault(purpose, Tally()).add(allowed=allowed)
        if not allowed:
            bump(self.read_denials, self.codes(reasons))

    def codes(self, reasons: Iterable[Reason]) -> list[str]:
        """Return the codes of *reasons*, each once, and remember their words."""
        found = {reason.code: reason.text for reason in reasons}
        self.words |= found
        return sorted(found)

    @property
    def stages(self) -> tuple[str, ...]:
        """Every stage that was ever counted, the fullest first."""
        totals: dict[str, int] = {}
        for point in self.points:
            for stage, people in point.stages.items():
                totals[stage] = totals.get(stage, 0) + people
        return tuple(sorted(totals, key=lambda stage: (-totals[stage], stage)))


def bump(counts: dict[str, int], names: Iterable[str]) -> None:
    """Add one for each of *names*."""
    for name in names:
        counts[name] = counts.get(name, 0) + 1


def largest(counts: dict[str, int]) -> list[tuple[str, int]]:
    """Return *counts*, the largest first, equal ones by name."""
    return sorted(counts.items(), key=lambda each: (-each[1], each[0]))
