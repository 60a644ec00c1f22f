"""Intervals against published examples and against SciPy, which comes with fairlearn."""

from __future__ import annotations

import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

from clm_ethics import UsageError
from clm_ethics.ethics.intervals import CONFIDENCE, Interval, Mean, Shared, difference, student, wilson

counts = st.integers(1, 5000).flatmap(lambda of: st.tuples(st.integers(0, of), st.just(of)))


@given(counts)
def test_a_share_has_the_interval_of_wilson(count):
    """Of every count it is the one that SciPy computes, and its share lies within."""
    found = wilson(*count)
    theirs = stats.binomtest(*count).proportion_ci(CONFIDENCE, method="wilson")

    assert pytest.approx((count[0] / count[1], theirs.low, theirs.high), abs=1e-12) == found
    assert 0 <= found.low <= found.point <= found.high <= 1


@pytest.mark.parametrize(
    ("one", "other", "low", "high"),
    [
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((10, 10), (0, 20), 0.6791, 1.0),
    ],
)
def test_a_difference_has_the_interval_of_newcombe(one, other, low, high):
    """The examples of Newcombe's paper (1998), method 10, come out as printed there."""
    found = difference(wilson(*one), wilson(*other))

    assert pytest.approx((low, high), abs=5e-5) == found[1:]


@given(counts, counts)
def test_a_difference_turned_round_is_its_opposite(one, other):
    """Of whom the others are subtracted changes the sign, and nothing else."""
    there, back = (difference(wilson(*a), wilson(*b)) for a, b in ((one, other), (other, one)))

    assert pytest.approx((-there.point, -there.high, -there.low)) == back
    assert -1 - 1e-9 <= there.low <= there.point <= there.high <= 1 + 1e-9


@given(st.lists(st.floats(-1e6, 1e6), min_size=8, max_size=40))
def test_a_mean_has_the_interval_of_student(values):
    """Of eight people or more it is the one that SciPy computes, within a thousandth of its width."""
    mean = Mean()
    for value in values:
        mean.add(value)
    found, error = mean.interval(), stats.sem(values)
    assume(error > 1e-6)
    low, high = stats.t.interval(CONFIDENCE, len(values) - 1, loc=sum(values) / len(values), scale=error)

    assert pytest.approx((low, high), abs=(high - low) * 1e-3) == found[1:]


@pytest.mark.parametrize("freedom", [7, 10, 30, 1000])
def test_the_quantile_of_student_is_close(freedom):
    """Its series is within a thousandth from seven degrees of freedom on."""
    assert pytest.approx(stats.t.ppf((1 + CONFIDENCE) / 2, freedom), rel=1e-3) == student(freedom)


def test_one_value_says_nothing_of_others():
    """A mean of one person lies between anything."""
    mean = Mean()
    mean.add(3.0)

    assert Interval(3.0, -math.inf, math.inf) == mean.interval()


@given(st.lists(st.booleans(), min_size=2, max_size=60), st.integers(1, 9))
def test_repeating_the_same_people_makes_nothing_surer(hits, times):
    """If each person's offers are all alike, the share is as sure as if each had one."""
    once, often = Shared(), Shared()
    for hit in hits:
        once.add(hit, 1)
        often.add(hit * times, times)

    assert pytest.approx(once.interval(), abs=1e-9) == often.interval()


def test_offers_that_do_not_go_by_people_count_almost_each():
    """If people's shares differ no more than chance, the interval is narrower than one per person."""
    shared = Shared()
    for person in range(40):
        shared.add(5 + person % 2, 10)
    found, bare = shared.interval(), wilson(22, 40)

    assert found.high - found.low < bare.high - bare.low
    assert found.high - found.low >= wilson(220, 400).high - wilson(220, 400).low - 1e-9


@pytest.mark.parametrize("count", [(1, 0), (2, 1), (-1, 3)])
def test_a_share_that_cannot_be_is_a_wrong_call(count):
    """Nothing counted, or more than there is, has no share."""
    with pytest.raises(UsageError):
        wilson(*count)
