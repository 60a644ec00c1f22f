"""Coarser values: what a purpose that needs less gets to see, and never more."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clm_ethics.policy.coarse import coarsen

BORN = date(1990, 5, 31)


@pytest.mark.parametrize(
    ("value", "precision", "seen"),
    [
        (BORN, "year", 1990),
        ("1990-05-31", "year", 1990),
        (datetime(1990, 5, 31, 23, tzinfo=UTC), "month", "1990-05"),
        ("1990-05-31T23:00:00+00:00", "month", "1990-05"),
        ([1, 2, 3], "count", 3),
        ((), "count", 0),
        ("ana@example.org", "prefix:3", "ana"),
        ("a", "prefix:3", "a"),
        (27, "bucket:10", 20),
        (-1, "bucket:10", -10),
        (19.5, "bucket:5", 15.0),
    ],
)
def test_each_precision(value, precision, seen):
    """Year and month of a date, how many, the beginning, the lower bound."""
    assert seen == coarsen(value, precision)


ANYTHING = (
    st.none() | st.booleans() | st.integers() | st.text() | st.lists(st.integers()) | st.dates() | st.floats()
)


@given(
    ANYTHING,
    st.sampled_from(["year", "month", "count", "prefix:3", "bucket:5", "bucket:0", "prefix:0", "prefix:x"]),
)
def test_what_cannot_be_coarsened_is_not_shown(value, precision):
    """Whatever the value, the answer is coarse or nothing, and never the value as it was."""
    seen = coarsen(value, precision)

    if precision == "year":
        assert seen is None or type(seen) is int
    elif precision == "month":
        assert seen is None or len(seen.split("-")) == 2
    elif precision.startswith("prefix"):
        assert seen is None or len(seen) <= 3


@pytest.mark.parametrize(
    ("value", "precision"),
    [
        (True, "bucket:5"),
        ("27", "bucket:5"),
        (27, "prefix:2"),
        ("ana", "prefix:0"),
        (27, "bucket:0"),
        (27, "count"),
        (27, "year"),
        ("May", "month"),
        (b"1990-05-31", "year"),
        (BORN, "decade"),
        (BORN, ""),
        ("ana", "prefix:three"),
        (None, "year"),
    ],
)
def test_a_mismatch_shows_nothing(value, precision):
    """A value of another type, or an unknown precision, is withheld as a whole."""
    assert coarsen(value, precision) is None
