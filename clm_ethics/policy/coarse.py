"""Coarser values: what a purpose that needs less gets to see."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any


def coarsen(value: Any, precision: str) -> Any:
    """Return *value* as coarse as *precision* says.

    ``year`` and ``month`` of a date (or its ISO text), ``count`` of a list, ``prefix:N`` of a
    text, ``bucket:N`` of a number (its lower bound). What cannot be coarsened is ``None``:
    never the value itself.
    """
    name, _, size = precision.partition(":")
    try:
        return _COARSE[name](value, int(size or 0))
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def _year(value: Any, _: int) -> int:
    return _date(value).year


def _month(value: Any, _: int) -> str:
    return f"{_date(value):%Y-%m}"


def _date(value: Any) -> date:
    if isinstance(value, datetime):
        return value.date()
    return value if isinstance(value, date) else date.fromisoformat(value[:10])


def _prefix(value: Any, size: int) -> str:
    if not isinstance(value, str) or size < 1:
        raise TypeError
    return value[:size]


def _bucket(value: Any, size: int) -> Any:
    if isinstance(value, bool) or size < 1:
        raise TypeError
    return value // size * size


_COARSE = {
    "year": _year,
    "month": _month,
    "count": lambda value, _: len(value),
    "prefix": _prefix,
    "bucket": _bucket,
}
