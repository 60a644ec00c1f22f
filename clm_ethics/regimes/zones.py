"""Which time zones a person in a region can be in.

Quiet hours of somebody whose zone is unknown are judged in every plausible zone. The table
``zones.toml`` is derived from ``zone1970.tab`` of the IANA time zone database (in the public
domain; its version stands in the file): per country the zones that differ since 1970. For states
of the United States it follows the legal boundaries (49 CFR part 71); a state that is not listed
has all zones of its country.
"""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from .regions import known_region

if TYPE_CHECKING:
    from collections.abc import Mapping


def plausible_zones(region: str | None) -> tuple[str, ...] | None:
    """Return the IANA names of the zones of *region*, in the order of the database.

    Args:
        region: a country or subdivision (:func:`~clm_ethics.regimes.known_region`).

    Returns:
        ``None`` where *region* is ``None``, unknown or uninhabited: then every zone on earth is plausible.
    """
    if region is None or not known_region(region):
        return None
    table = _zones()
    return table.get(region) or table.get(region.partition("-")[0])


EVERYWHERE = timedelta(hours=12)
"""How long after midnight UTC a day has begun in every zone on earth."""
_SEASONS = (datetime(2026, 1, 15, tzinfo=UTC), datetime(2026, 7, 15, tzinfo=UTC))


@cache
def day_begins(region: str) -> timedelta:
    """Return how long after midnight UTC (before it: negative) a day has begun in every zone of *region*.

    The later of summer and winter counts, the year round. Of an unknown region, or without a time zone
    database, it is :data:`EVERYWHERE`.
    """
    try:
        offsets = [
            ZoneInfo(name).utcoffset(season)
            for name in plausible_zones(region or None) or ()
            for season in _SEASONS
        ]
    except (ZoneInfoNotFoundError, OSError):
        return EVERYWHERE
    return max((-offset for offset in offsets if offset is not None), default=EVERYWHERE)


@cache
def _zones() -> Mapping[str, tuple[str, ...]]:
    page = tomllib.loads((files("clm_ethics.regimes") / "zones.toml").read_text("utf-8"))
    return {region: tuple(names) for region, names in page["zones"].items()}
