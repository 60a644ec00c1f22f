"""Rates, means and differences with their intervals: how far what was counted can be trusted.

Pure arithmetic over counts. An interval is two-sided at 95 percent. It says how much chance alone may
have moved a number; it knows nothing of why groups differ.
"""

from __future__ import annotations

from math import sqrt
from statistics import NormalDist
from typing import NamedTuple

import attrs

from ..errors import UsageError

CONFIDENCE = 0.95
"""How sure every interval is."""
_Z = NormalDist().inv_cdf((1 + CONFIDENCE) / 2)


class Interval(NamedTuple):
    """A number, and between what it lies."""

    point: float
    low: float
    high: float


def wilson(hits: float, of: float) -> Interval:
    """Return the share *hits* of *of* with the score interval of Wilson (1927).

    Raises:
        UsageError: nothing was counted, or more than there is.
    """
    if of <= 0 or not 0 <= hits <= of:
        raise UsageError("a share lies between none and all of something", place="wilson")
    share, spread = hits / of, _Z * _Z / of
    middle = (share + spread / 2) / (1 + spread)
    half = sqrt(spread * share * (1 - share) + spread * spread / 4) / (1 + spread)
    low = 0.0 if hits == 0 else max(0.0, middle - half)
    return Interval(share, low, 1.0 if hits == of else min(1.0, middle + half))


def difference(one: Interval, other: Interval) -> Interval:
    """Return *one* minus *other*, of independent people.

    Of two Wilson intervals it is Newcombe's hybrid score interval (1998, method 10); of others the same
    way of putting two intervals together (MOVER, Zou and Donner 2008).
    """
    apart = one.point - other.point
    low = sqrt((one.point - one.low) ** 2 + (other.high - other.point) ** 2)
    high = sqrt((one.high - one.point) ** 2 + (other.point - other.low) ** 2)
    return Interval(apart, apart - low, apart + high)


@attrs.define
class Shared:
    """A share of things of which each person brings several: *hits* of *of*, by so many *people*.

    Things of one person are alike, so that the person is what varies: sums of squares are kept.
    *touched* people brought a hit, *missed* ones something else.
    """

    people: int = 0
    touched: int = 0
    missed: int = 0
    hits: int = 0
    of: int = 0
    hits_squared: int = 0
    both: int = 0
    of_squared: int = 0

    def add(self, hits: int, of: int) -> None:
        """Add one person's."""
        if of:
            self.people += 1
            self.touched += hits > 0
            self.missed += hits < of
            self.hits += hits
            self.of += of
            self.hits_squared += hits * hits
            self.both += hits * of
            self.of_squared += of * of

    def interval(self) -> Interval:
        """Return the share with a Wilson interval for as many independent things as there really are.

        The variance of the ratio is linearised over people; where it cannot be told (all the same, or
        one person), each person counts as one thing. Never more things than were counted.
        """
        share, things = self.hits / self.of, float(min(self.people, self.of))
        residual = self.hits_squared - 2 * share * self.both + share * share * self.of_squared
        if self.people > 1 and residual > 0:
            variance = residual / self.of**2 * self.people / (self.people - 1)
            things = min(float(self.of), max(1.0, share * (1 - share) / variance))
        return wilson(share * things, things)


@attrs.define
class Mean:
    """A mean over people, added up one by one (Welford), so that large numbers lose no digits."""

    people: int = 0
    mean: float = 0.0
    squares: float = 0.0

    def add(self, value: float) -> None:
        """Add one person's value."""
        self.people += 1
        step = value - self.mean
        self.mean += step / self.people
        self.squares += step * (value - self.mean)

    def interval(self) -> Interval:
        """Return the mean with the interval of Student's t; one person's has no end."""
        if self.people < 2:  # noqa: PLR2004  (one value does not vary)
            return Interval(self.mean, float("-inf"), float("inf"))
        error = sqrt(self.squares / (self.people - 1) / self.people)
        half = student(self.people - 1) * error
        return Interval(self.mean, self.mean - half, self.mean + half)


def student(freedom: int) -> float:
    """Return the two-sided quantile of Student's t, by its series around the normal one.

    Within 0.1 percent from seven degrees of freedom on; below, somewhat too small.
    """
    z, f = _Z, freedom
    return (
        z
        + (z**3 + z) / (4 * f)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * f**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * f**3)
    )


__all__ = ["CONFIDENCE", "Interval", "Mean", "Shared", "difference", "student", "wilson"]
