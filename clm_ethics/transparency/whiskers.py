"""Intervals as shapes: a dot, and a line as long as it is uncertain; ``trust.html`` draws them as SVG."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..ethics.measures import Measure

WIDTH, LABEL, RIGHT, LINE, FOOT = 760, 260, 24, 30, 30
TICKS = 4


class Whisker(NamedTuple):
    """One row: its *name*, at height *y*; *x* is the dot, *low* and *high* the ends of its line."""

    name: str
    y: float
    x: float | None
    low: float
    high: float


class Tick(NamedTuple):
    """A mark of the axis at *x*, with its *text*."""

    x: float
    text: str


class Whiskers(NamedTuple):
    """A plot: its rows, its axis, and where the reference row's dot lies."""

    rows: tuple[Whisker, ...]
    ticks: tuple[Tick, ...]
    reference: float | None
    width: int
    height: int
    label: int = LABEL
    bottom: int = 0


def whiskers(measure: Measure) -> Whiskers | None:
    """Draw the rows of *measure*; ``None`` where there is no interval to draw."""
    known = [row.interval for row in measure.rows if row.interval is not None]
    ends = [end for each in known for end in each if isfinite(end)]
    if not ends:
        return None
    low, high = (0.0, 1.0) if measure.unit == "share" else _padded(min(ends), max(ends))
    span = WIDTH - LABEL - RIGHT

    def place(value: float) -> float:
        return round(LABEL + span * (min(max(value, low), high) - low) / (high - low), 1)

    rows, reference = [], None
    for number, row in enumerate(measure.rows):
        y = LINE * (number + 0.5)
        if row.interval is None:
            rows.append(Whisker(row.name, y, None, 0.0, 0.0))
            continue
        dot = place(row.interval.point)
        rows.append(Whisker(row.name, y, dot, place(row.interval.low), place(row.interval.high)))
        if row.name == measure.reference:
            reference = dot
    bottom = LINE * len(rows)
    ticks = tuple(_tick(measure, low + (high - low) * step / TICKS, place) for step in range(TICKS + 1))
    return Whiskers(tuple(rows), ticks, reference, WIDTH, bottom + FOOT, bottom=bottom)


def _padded(low: float, high: float) -> tuple[float, float]:
    room = (high - low) * 0.1 or abs(low) * 0.1 or 1.0
    return low - room, high + room


def _tick(measure: Measure, value: float, place: Callable[[float], float]) -> Tick:
    return Tick(place(value), f"{value:.0%}" if measure.unit == "share" else f"{value:.2f}")


__all__ = ["Tick", "Whisker", "Whiskers", "whiskers"]
