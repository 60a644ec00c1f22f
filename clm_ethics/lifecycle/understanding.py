"""Recency, frequency, money and tenure: pure functions over what a view shows of a list.

Give them the items that a purpose may see (``view["purchases"]``), never more: each item is a
mapping with its ``at`` (aware, UTC). Spans are whole days; money is exact.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, NamedTuple

from ..errors import ValueRefused
from ..model.times import aware

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from ..model.times import Duration

    Items = Iterable[Mapping[str, Any]]


class Rfm(NamedTuple):
    """Days since the last item (``None``: there is none), how many there are, and their sum."""

    recency: int | None
    frequency: int
    monetary: Decimal


def recency(items: Items, at: datetime) -> int | None:
    """Return the full days from the newest item until *at*; ``None`` without any, 0 for a later one."""
    now = aware(at, "recency(at=)")
    newest = max((item["at"] for item in items), default=None)
    return None if newest is None else max((now - newest).days, 0)


def frequency(items: Items, at: datetime, within: Duration | None = None) -> int:
    """Return how many items there are up to *at*, or in the time *within* before it."""
    return len(_within(items, at, within))


def monetary(items: Items, key: str, at: datetime, within: Duration | None = None) -> Decimal:
    """Return the exact sum of *key* over the items up to *at*, or *within* before it.

    Raises:
        ValueRefused: an item has no such number; the value is not shown.
    """
    return sum((_number(item, key) for item in _within(items, at, within)), Decimal(0))


def rfm(items: Items, key: str, at: datetime, within: Duration | None = None) -> Rfm:
    """Return recency, frequency and money of the same items."""
    seen = _within(items, at, within)
    return Rfm(recency(seen, at), len(seen), monetary(seen, key, at))


def tenure(since: datetime, at: datetime) -> int:
    """Return the full days from *since* (such as the first item's ``at``) until *at*."""
    return max((aware(at, "tenure(at=)") - aware(since, "tenure(since=)")).days, 0)


def _within(items: Items, at: datetime, within: Duration | None) -> list[Mapping[str, Any]]:
    now = aware(at, "at=")
    since = None if within is None else within.before(now)
    return [item for item in items if item["at"] <= now and (since is None or item["at"] > since)]


def _number(item: Mapping[str, Any], key: str) -> Decimal:
    value = item.get(key)
    try:
        number = Decimal(str(value)) if not isinstance(value, bool) else None
    except InvalidOperation:
        number = None
    if number is None or not number.is_finite():
        raise ValueRefused(
            "an item has no such number", place=f"key `{key}`", remedy="name the key of an amount"
        )
    return number


__all__ = ["Rfm", "frequency", "monetary", "recency", "rfm", "tenure"]
