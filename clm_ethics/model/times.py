"""Instants and durations.

Every instant is an aware ``datetime`` in UTC; storage keeps microseconds since 1970. A
duration is ISO 8601 (``P30D``, ``P13M``, ``P3Y``, ``PT12H``) and calendar-aware: a month
later is the same day of the next month, or that month's last day.
"""

from __future__ import annotations

import re
from calendar import monthrange
from datetime import MAXYEAR, UTC, date, datetime, timedelta
from functools import lru_cache

import msgspec

from ..errors import UsageError, shorten

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NEVER = datetime(9999, 12, 31, tzinfo=UTC)
"""Later than any instant this library computes with."""

LONGEST = 32
"""Most characters of a written duration."""
EARLIEST, LATEST = 1880, 9000
"""Years between which somebody may have been born."""

_TICK = timedelta(microseconds=1)
_PATTERN = re.compile(
    r"P(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?(?:T(?=\d)(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?",
)


def micros(at: datetime) -> int:
    """Return *at* as microseconds since 1970, UTC."""
    return (at - EPOCH) // _TICK


def instant(microseconds: int) -> datetime:
    """Return the aware UTC instant of *microseconds* since 1970."""
    return EPOCH + timedelta(microseconds=microseconds)


def aware(at: datetime, place: str) -> datetime:
    """Return *at* in UTC; a naive time is a :class:`~clm_ethics.errors.UsageError`.

    Whether 09:00 is before or after a withdrawal must never depend on a machine's zone.
    """
    if not isinstance(at, datetime) or at.tzinfo is None or at.utcoffset() is None:
        raise UsageError("a time without a zone", place=place, remedy="pass an aware datetime, such as UTC")
    return at.astimezone(UTC)


class Duration(msgspec.Struct, frozen=True, array_like=True, order=True):
    """A span of calendar months and exact seconds."""

    months: int = 0
    seconds: int = 0

    @classmethod
    def parse(cls, text: str) -> Duration:
        """Read an ISO 8601 duration such as ``P30D``; ``ValueError`` says what is wrong."""
        match = _PATTERN.fullmatch(text) if len(text) <= LONGEST else None
        if match is None or not any(match.groups()):
            raise ValueError(f"`{shorten(text)}` is no ISO 8601 duration such as P30D, P13M, P3Y or PT12H")
        years, months, weeks, days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
        total = cls(
            months=years * 12 + months,
            seconds=((weeks * 7 + days) * 24 + hours) * 3600 + minutes * 60 + seconds,
        )
        if total.longest > cls(months=200 * 12).longest:
            raise ValueError("a duration is at most 200 years")
        return total

    def iso(self) -> str:
        """Write it as ISO 8601: years and months, days, then hours, minutes and seconds."""
        years, months = divmod(self.months, 12)
        days, rest = divmod(self.seconds, 86400)
        hours, rest = divmod(rest, 3600)
        minutes, seconds = divmod(rest, 60)
        date_part = "".join(f"{n}{u}" for n, u in ((years, "Y"), (months, "M"), (days, "D")) if n)
        time_part = "".join(f"{n}{u}" for n, u in ((hours, "H"), (minutes, "M"), (seconds, "S")) if n)
        written = f"P{date_part}" + (f"T{time_part}" if time_part else "")
        return written if len(written) > 1 else "PT0S"

    @property
    def longest(self) -> int:
        """The most seconds it can last: every month counted with 31 days."""
        return self.months * 31 * 86400 + self.seconds

    def __str__(self) -> str:
        return self.iso()

    def outlasts(self, other: Duration) -> bool:
        """Say whether it is at least as long as *other*, from wherever both begin."""
        if other.months <= self.months and other.seconds <= self.seconds:
            return True
        shortest = self.months // 12 * 365 * 86400 + self.months % 12 * 28 * 86400 + self.seconds
        return other.longest <= shortest

    def after(self, at: datetime) -> datetime:
        """Return the instant this long after *at*, never beyond the calendar's end."""
        return _shift(at, self.months, self.seconds)

    def before(self, at: datetime) -> datetime:
        """Return the instant this long before *at*, never before the calendar's start."""
        return _shift(at, -self.months, -self.seconds)


def _shift(at: datetime, months: int, seconds: int) -> datetime:
    try:
        if months:
            year, month = divmod(at.year * 12 + at.month - 1 + months, 12)
            day = min(at.day, monthrange(year, month + 1)[1])
            at = at.replace(year=year, month=month + 1, day=day)
        return at + _span(seconds)
    except (ValueError, OverflowError):
        return NEVER if months > 0 or seconds > 0 else EPOCH


@lru_cache(maxsize=1024)
def _span(seconds: int) -> timedelta:
    return timedelta(seconds=seconds)


WEST = timedelta(hours=12)
"""How long after midnight UTC a day has begun everywhere on earth."""


def birthday(born: date, age: int, begins: timedelta = WEST) -> datetime:
    """Return the instant (UTC) from which somebody born on *born* has *age*.

    An age is reached when the birthday begins (BGB s. 187(2)): *begins* after midnight UTC where the person
    is, by default in every zone. 1 March stands for 29 February where there is none.
    """
    if born.year + age >= MAXYEAR:
        return NEVER
    day = _anniversary(born, born.year + age)
    return datetime(day.year, day.month, day.day, tzinfo=UTC) + begins


def age_on(born: date, day: date) -> int:
    """Return the age in full years of somebody born on *born*, on the *day* of their own calendar."""
    return max(day.year - born.year - (day < _anniversary(born, day.year)), 0)


def _anniversary(born: date, year: int) -> date:
    try:
        return born.replace(year=year)
    except ValueError:
        return date(year, 3, 1)


def parse_born(text: str) -> date:
    """Read a date of birth (``YYYY-MM-DD``); ``ValueError`` if it is none."""
    born = date.fromisoformat(text)
    if not EARLIEST <= born.year <= LATEST:
        raise ValueError("a date of birth lies after 1880")
    return born
