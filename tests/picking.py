"""Who makes the choices when something is made up: hypothesis, which can shrink them, or a seeded die.

What is made up is written once (``tests/strategies.py``). Hypothesis looks for the smallest case that
fails; the die is some thirty times as fast, and a seed brings its cases back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

from hypothesis import strategies as st

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

T = TypeVar("T")


class Pick(Protocol):
    """Makes choices."""

    def one(self, options: Sequence[T]) -> T:
        """Pick one of *options*."""

    def some(self, options: Sequence[str], *, most: int = 4, least: int = 0) -> list[str]:
        """Pick different ones of *options*, at least *least* of them if there are so many."""

    def number(self, low: int, high: int) -> int:
        """Pick a number from *low* to *high*, both inclusive."""

    def flag(self) -> bool:
        """Pick yes or no."""

    def rarely(self, one_in: int = 4) -> bool:
        """Pick yes once in a while."""


class Drawn:
    """Hypothesis chooses; what it draws shrinks."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw

    def one(self, options: Sequence[T]) -> T:
        """Draw one of *options*."""
        return self.draw(st.sampled_from(options))

    def some(self, options: Sequence[str], *, most: int = 4, least: int = 0) -> list[str]:
        """Draw different ones of *options*."""
        if not options:
            return []
        return self.draw(st.lists(st.sampled_from(options), unique=True, max_size=most, min_size=least))

    def number(self, low: int, high: int) -> int:
        """Draw a number."""
        return self.draw(st.integers(low, high))

    def flag(self) -> bool:
        """Draw yes or no."""
        return self.draw(st.booleans())

    def rarely(self, one_in: int = 4) -> bool:
        """Draw true once in a while; shrinks to false."""
        return self.draw(st.integers(0, one_in - 1)) == one_in - 1


class Rolled:
    """A seeded die chooses."""

    def __init__(self, die: random.Random) -> None:
        self.die = die

    def one(self, options: Sequence[T]) -> T:
        """Roll one of *options*."""
        return options[int(self.die.random() * len(options))]

    def some(self, options: Sequence[str], *, most: int = 4, least: int = 0) -> list[str]:
        """Roll different ones of *options*."""
        different = list(dict.fromkeys(options))
        low = min(least, len(different))
        return self.die.sample(different, self.number(low, max(low, min(most, len(different)))))

    def number(self, low: int, high: int) -> int:
        """Roll a number."""
        return low + int(self.die.random() * (high - low + 1))

    def flag(self) -> bool:
        """Roll yes or no."""
        return self.die.random() < 0.5

    def rarely(self, one_in: int = 4) -> bool:
        """Roll true once in a while."""
        return self.die.random() * one_in < 1
