"""Figures as shapes: numbers in, coordinates out; ``report.html`` draws them as inline SVG."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from collections.abc import Sequence

WIDTH, HEIGHT = 760, 320
LEFT, RIGHT, TOP, BOTTOM = 48, 12, 12, 34
STEPS = 5
BAR, GAP, LABEL, NUMBER = 22, 10, 300, 60


@attrs.frozen(kw_only=True)
class Tick:
    """A mark of an axis at *place* (user units), with its *text*."""

    place: float
    text: str


@attrs.frozen(kw_only=True)
class Series:
    """One named line or area: *path* is SVG path data; *values* belong to the table."""

    name: str
    path: str
    values: tuple[int, ...]


@attrs.frozen(kw_only=True)
class Chart:
    """A chart over time: *columns* are the table's first column."""

    series: tuple[Series, ...]
    columns: tuple[str, ...]
    x: tuple[Tick, ...]
    y: tuple[Tick, ...]
    stacked: bool
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = WIDTH - RIGHT
    bottom: int = HEIGHT - BOTTOM


@attrs.frozen(kw_only=True)
class Bar:
    """One bar: *parts* are (x, width, index of the part's name)."""

    name: str
    y: int
    parts: tuple[tuple[float, float, int], ...]
    values: tuple[int, ...]
    end: float

    @property
    def total(self) -> int:
        """The sum of its values."""
        return sum(self.values)


@attrs.frozen(kw_only=True)
class Bars:
    """Horizontal bars, each made of the same named *parts*."""

    bars: tuple[Bar, ...]
    parts: tuple[str, ...]
    width: int
    height: int
    label: int = LABEL
    thick: int = BAR


def areas(days: Sequence[str], rows: Sequence[tuple[str, Sequence[int]]]) -> Chart:
    """Stack the *rows* (name, one value per day) on top of each other."""
    tops = [sum(values) for values in zip(*(values for _, values in rows), strict=True)]
    scale = _Scale(days, max(tops, default=0))
    floor = [0] * len(days)
    series = []
    for name, values in rows:
        ceiling = [low + value for low, value in zip(floor, values, strict=True)]
        there = scale.points(ceiling)
        back = scale.points(floor)[::-1]
        path = "M" + "L".join(there + back) + "Z" if there else ""
        series.append(Series(name=name, path=path, values=tuple(values)))
        floor = ceiling
    return scale.chart(series, stacked=True)


def lines(days: Sequence[str], rows: Sequence[tuple[str, Sequence[int]]]) -> Chart:
    """Draw each of the *rows* (name, one value per day) as a line."""
    scale = _Scale(days, max((value for _, values in rows for value in values), default=0))
    series = [
        Series(
            name=name,
            path="M" + "L".join(points) if (points := scale.points(values)) else "",
            values=tuple(values),
        )
        for name, values in rows
    ]
    return scale.chart(series, stacked=False)


def bars(parts: Sequence[str], rows: Sequence[tuple[str, Sequence[int]]]) -> Bars:
    """Draw each of the *rows* (name, one value per part) as a bar."""
    longest = max((sum(values) for _, values in rows), default=0) or 1
    unit = (WIDTH - LABEL - NUMBER) / longest
    drawn = []
    for place, (name, values) in enumerate(rows):
        x = float(LABEL)
        pieces = []
        for number, value in enumerate(values):
            pieces.append((round(x, 1), round(value * unit, 1), number))
            x += value * unit
        y = place * (BAR + GAP)
        drawn.append(Bar(name=name, y=y, parts=tuple(pieces), values=tuple(values), end=round(x + 6, 1)))
    height = max(len(rows) * (BAR + GAP), BAR)
    return Bars(bars=tuple(drawn), parts=tuple(parts), width=WIDTH, height=height)


def steps(highest: int) -> tuple[int, ...]:
    """Return round numbers from 0 to at least *highest*, about five of them."""
    if highest <= 0:
        return (0, 1)
    step = next(
        (
            factor * 10**power
            for power in range(16)
            for factor in (1, 2, 5)
            if highest / (factor * 10**power) <= STEPS
        ),
        highest,
    )
    return tuple(range(0, highest + step, step)) if highest % step else tuple(range(0, highest + 1, step))


class _Scale:
    """Where a day and a number lie."""

    def __init__(self, days: Sequence[str], highest: int) -> None:
        self.days = tuple(days)
        self.ticks = steps(highest)
        self.top = self.ticks[-1]

    def x(self, place: int) -> float:
        span = max(len(self.days) - 1, 1)
        return round(LEFT + place * (WIDTH - LEFT - RIGHT) / span, 1)

    def y(self, value: int) -> float:
        return round(HEIGHT - BOTTOM - value * (HEIGHT - TOP - BOTTOM) / self.top, 1)

    def points(self, values: Sequence[int]) -> list[str]:
        return [f"{self.x(place)} {self.y(value)}" for place, value in enumerate(values)]

    def chart(self, series: Sequence[Series], *, stacked: bool) -> Chart:
        every = max(-(-len(self.days) // 7), 1)
        return Chart(
            series=tuple(series),
            columns=self.days,
            x=tuple(Tick(place=self.x(i), text=day) for i, day in enumerate(self.days) if i % every == 0),
            y=tuple(Tick(place=self.y(value), text=str(value)) for value in self.ticks),
            stacked=stacked,
        )
