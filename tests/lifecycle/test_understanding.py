"""Recency, frequency, money and tenure: exact, in whole days, over what a view shows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clm_ethics import UsageError, ValueRefused
from clm_ethics.lifecycle.understanding import frequency, monetary, recency, rfm, tenure
from clm_ethics.model import Duration

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
DAY = timedelta(days=1)
MONTH = Duration.parse("P30D")
BOUGHT = [
    {"at": NOON - 40 * DAY, "amount": "0.10"},
    {"at": NOON - 30 * DAY, "amount": "0.20"},
    {"at": NOON - 10 * DAY, "amount": 5},
    {"at": NOON + DAY, "amount": 100},
]


def test_only_what_has_happened_counts():
    """What lies after the instant does not, and a span begins after its first instant."""
    assert 10 == recency(BOUGHT[:3], NOON)
    assert (3, 1) == (frequency(BOUGHT, NOON), frequency(BOUGHT, NOON, MONTH))
    assert Decimal("5.30") == monetary(BOUGHT, "amount", NOON)
    assert (10, 1, Decimal(5)) == rfm(BOUGHT, "amount", NOON, MONTH)


def test_nobody_who_bought_nothing_is_recent():
    """No item is no day, not day zero."""
    assert (None, 0, Decimal(0)) == rfm([], "amount", NOON)
    assert 0 == recency(BOUGHT, NOON)


def test_a_tenure_is_in_full_days():
    """Never negative; a time without a zone is refused."""
    assert (1, 0) == (tenure(NOON - 1.9 * DAY, NOON), tenure(NOON + DAY, NOON))
    with pytest.raises(UsageError):
        tenure(datetime(2026, 1, 1), NOON)  # noqa: DTZ001


@pytest.mark.parametrize("amount", ["SECRET", None, True, "nan", "inf"])
def test_what_is_no_amount_is_refused_and_not_shown(amount):
    """Counting it as nothing would be a wrong sum."""
    with pytest.raises(ValueRefused) as refused:
        monetary([{"at": NOON, "amount": amount}], "amount", NOON)
    assert "SECRET" not in str(refused.value)


@given(days=st.lists(st.integers(0, 90)), span=st.integers(1, 90))
def test_a_longer_time_never_counts_less(days, span):
    """Frequency and money grow with the time that is looked at."""
    items = [{"at": NOON - day * DAY, "amount": 1} for day in days]
    short, long = (Duration(seconds=each * 86400) for each in (span, span + 1))
    assert frequency(items, NOON, short) <= frequency(items, NOON, long) <= frequency(items, NOON)
    assert monetary(items, "amount", NOON, short) == frequency(items, NOON, short)
