"""Plots: shapes that stay on the page and tell the numbers."""

from __future__ import annotations

import re
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from clm_ethics.tour import plots

numbers = st.integers(0, 10**6)


@st.composite
def tables(draw):
    """Days, and named rows with a value for each."""
    days = [f"day {number}" for number in range(draw(st.integers(1, 30)))]
    rows = draw(st.lists(st.lists(numbers, min_size=len(days), max_size=len(days)), min_size=1, max_size=7))
    return days, [(f"row {place}", values) for place, values in enumerate(rows)]


def points(path):
    """Return the coordinates of an SVG path."""
    return [(float(x), float(y)) for x, y in re.findall(r"([\d.]+) ([\d.]+)", path)]


@given(tables())
def test_every_point_lies_inside_the_axes(table):
    """No line or area leaves the chart, whatever the numbers."""
    for chart in (plots.lines(*table), plots.areas(*table)):
        for series in chart.series:
            for x, y in points(series.path):
                assert chart.left <= x <= chart.right
                assert plots.TOP <= y <= chart.bottom


@given(tables())
def test_a_line_rises_and_falls_with_its_values(table):
    """Of two days the one with the larger value is drawn at least as high."""
    for series in plots.lines(*table).series:
        heights = [plots.HEIGHT - y for _, y in points(series.path)]
        order = sorted(range(len(heights)), key=lambda place: series.values[place])

        assert [heights[place] for place in order] == sorted(heights)


@given(tables())
def test_areas_lie_on_top_of_each_other(table):
    """The floor of an area is the ceiling of the one below."""
    days, rows = table
    series = plots.areas(days, rows).series
    for below, above in pairwise(series):
        assert points(below.path)[: len(days)] == points(above.path)[len(days) :][::-1]


@given(st.lists(st.tuples(st.text(max_size=5), st.lists(numbers, min_size=2, max_size=2)), max_size=8))
def test_bars_are_as_long_as_their_values(rows):
    """The parts of a bar follow each other, and the longest bar fills the page."""
    drawn = plots.bars(["a", "b"], rows)

    assert [sum(values) for _, values in rows] == [bar.total for bar in drawn.bars]
    for bar in drawn.bars:
        assert bar.end <= plots.WIDTH - plots.NUMBER + 7
        assert bar.y + plots.BAR <= drawn.height


@given(numbers)
def test_steps_are_round_and_cover(highest):
    """The axis starts at zero, reaches the highest value, and has few steps of one size."""
    ticks = plots.steps(highest)

    assert 0 == ticks[0]
    assert ticks[-1] >= highest
    assert 2 <= len(ticks) <= 7
    assert 1 == len({later - earlier for earlier, later in pairwise(ticks)})
