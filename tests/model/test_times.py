"""Instants and durations: calendar arithmetic, birthdays, and no time without a zone."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from clm_ethics.errors import UsageError
from clm_ethics.model.times import (
    EPOCH,
    NEVER,
    Duration,
    age_on,
    aware,
    birthday,
    instant,
    micros,
    parse_born,
)

INSTANTS = st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
BIRTHS = st.dates(date(1900, 1, 1), date(2100, 1, 1))
DURATIONS = st.builds(Duration, months=st.integers(0, 600), seconds=st.integers(0, 10**8))
NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)


@given(INSTANTS)
def test_microseconds_and_back(at):
    """Storage's integers are exact."""
    assert at == instant(micros(at))


def test_the_epoch_is_zero():
    """Microseconds count from 1970, UTC, and are negative before."""
    assert 0 == micros(EPOCH)
    assert -1 == micros(EPOCH - timedelta(microseconds=1))


def test_a_time_without_a_zone_is_refused():
    """Whether nine o'clock is before a withdrawal must not depend on a machine."""
    for naive in (datetime(2026, 1, 1), "2026-01-01", None):  # noqa: DTZ001
        with pytest.raises(UsageError, match=r"^may\(at=\): a time without a zone"):
            aware(naive, "may(at=)")  # type: ignore[arg-type]


def test_another_zone_is_the_same_instant():
    """An aware time comes back in UTC."""
    berlin = timezone(timedelta(hours=2))

    assert aware(datetime(2026, 5, 4, 14, tzinfo=berlin), "x") == NOON
    assert UTC is aware(datetime(2026, 5, 4, 14, tzinfo=berlin), "x").tzinfo


# --- durations ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "months", "seconds"),
    [
        ("P30D", 0, 30 * 86400),
        ("P13M", 13, 0),
        ("P3Y", 36, 0),
        ("P1Y2M3W4DT5H6M7S", 14, 25 * 86400 + 5 * 3600 + 6 * 60 + 7),
        ("PT12H", 0, 43200),
        ("PT90M", 0, 5400),
        ("P0D", 0, 0),
    ],
)
def test_iso_8601_is_read(text, months, seconds):
    """Calendar parts are months, exact parts are seconds."""
    assert Duration(months=months, seconds=seconds) == Duration.parse(text)


@pytest.mark.parametrize(
    "text", ["", "P", "PT", "P1DT", "1D", "P1.5D", "P-1D", "P1H", "PT1D", "P1M1Y", "P1D ", "p1d"]
)
def test_what_is_no_duration_is_refused(text):
    """Anything else says so, and shows what was written."""
    with pytest.raises(ValueError, match="no ISO 8601 duration"):
        Duration.parse(text)


@given(DURATIONS)
def test_a_duration_is_written_as_it_is_read(duration):
    """Its text is ISO 8601, and reads back equal."""
    assert duration == Duration.parse(str(duration))


def test_a_duration_has_an_end():
    """Two hundred years are the most; a text longer than any duration is not even read."""
    assert Duration(months=2400) == Duration.parse("P196Y48M") == Duration.parse("P200Y")
    with pytest.raises(ValueError, match="at most 200 years"):
        Duration.parse("P201Y")
    with pytest.raises(ValueError, match="no ISO 8601 duration"):
        Duration.parse("P" + "0" * 40 + "1D")


@pytest.mark.parametrize(
    ("start", "months", "end"),
    [
        (date(2026, 1, 31), 1, date(2026, 2, 28)),
        (date(2024, 1, 31), 1, date(2024, 2, 29)),
        (date(2024, 2, 29), 12, date(2025, 2, 28)),
        (date(2026, 12, 15), 1, date(2027, 1, 15)),
        (date(2026, 5, 4), 13, date(2027, 6, 4)),
        (date(2026, 3, 31), 36, date(2029, 3, 31)),
    ],
)
def test_a_month_later_is_the_same_day_or_the_months_last(start, months, end):
    """Month arithmetic stays in the month that it reaches."""
    at = datetime(start.year, start.month, start.day, 8, tzinfo=UTC)

    assert end == Duration(months=months).after(at).date()
    assert at.time() == Duration(months=months).after(at).time()


@given(INSTANTS, DURATIONS)
def test_after_is_later_and_before_is_earlier(at, span):
    """Going on never goes back, and not further than the longest reading."""
    assert at <= span.after(at) <= at + timedelta(seconds=span.longest)
    assert at >= span.before(at) >= at - timedelta(seconds=span.longest)


@given(INSTANTS, INSTANTS, DURATIONS)
def test_who_begins_later_ends_no_earlier(one, two, span):
    """A retention that begins later does not end earlier."""
    first, second = sorted([one, two])

    assert span.after(first) <= span.after(second)


@given(INSTANTS, DURATIONS, DURATIONS)
def test_a_longer_duration_ends_later(at, one, two):
    """Of two durations the one that is longer in both parts ends no earlier."""
    longer = Duration(months=max(one.months, two.months), seconds=max(one.seconds, two.seconds))

    assert one.after(at) <= longer.after(at)


def test_beyond_the_calendar_is_never():
    """There is no overflow: after the end comes never, before the start the epoch."""
    far, early = datetime(9990, 1, 1, tzinfo=UTC), datetime(2, 1, 1, tzinfo=UTC)

    assert NEVER == Duration(months=2400).after(far)
    assert NEVER == Duration(seconds=20 * 366 * 86400).after(far)
    assert EPOCH == Duration(months=2400).before(early)
    assert EPOCH == Duration(seconds=20 * 366 * 86400).before(early)


# --- birthdays ------------------------------------------------------------------------------------


@given(BIRTHS, st.integers(0, 120))
@example(date(2008, 2, 29), 18)
@example(date(2008, 2, 29), 20)
@example(date(2008, 2, 28), 18)
def test_a_birthday_has_begun_in_every_zone(born, age):
    """Twelve hours west of Greenwich the day has begun that very moment, and elsewhere before."""
    turned = birthday(born, age)
    west = turned.astimezone(timezone(timedelta(hours=-12))).date()
    try:
        day = born.replace(year=born.year + age)
    except ValueError:
        day = date(born.year + age, 3, 1)

    assert west == day
    assert turned - datetime(day.year, day.month, day.day, tzinfo=UTC) == timedelta(hours=12)


@given(BIRTHS, st.dates(date(1900, 1, 1), date(2200, 1, 1)))
@example(date(2008, 2, 29), date(2026, 3, 1))
@example(date(2008, 2, 29), date(2028, 2, 29))
def test_an_age_is_the_number_of_birthdays(born, day):
    """The age on a day is that of the last birthday that had begun by then."""
    age = age_on(born, day)
    begun = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)

    assert age >= 0
    assert birthday(born, age + 1) > begun
    assert age == 0 or birthday(born, age) <= begun


def test_nobody_grows_up_before_their_birthday():
    """The day before, the older age does not count; from the begin of the day itself it does."""
    born = date(2010, 5, 20)

    assert 15 == age_on(born, date(2026, 5, 19))
    assert 16 == age_on(born, date(2026, 5, 20))
    assert 0 == age_on(born, date(2009, 1, 1))
    assert datetime(2026, 5, 20, 12, tzinfo=UTC) == birthday(born, 16)
    assert datetime(2026, 5, 19, 23, tzinfo=UTC) == birthday(born, 16, timedelta(hours=-1))


def test_who_lives_forever_has_no_birthday():
    """The calendar's end is never."""
    assert NEVER == birthday(date(9000, 1, 1), 999)


@pytest.mark.parametrize("text", ["1879-12-31", "9001-01-01", "tomorrow", "2026-02-30", ""])
def test_a_date_of_birth_is_a_date_in_reach(text):
    """Anything else is none."""
    with pytest.raises(ValueError, match=r".+"):
        parse_born(text)


def test_a_date_of_birth_is_read():
    """ISO 8601, the calendar's form."""
    assert date(1990, 5, 31) == parse_born("1990-05-31")
