"""Regions are codes of ISO 3166, and each has the time zones that somebody there can be in."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clm_ethics.regimes import COUNTRIES, covers, known_region, load_packs, plausible_zones
from clm_ethics.regimes.zones import EVERYWHERE, day_begins

STATES = [
    f"US-{code}"
    for code in re.findall(
        "[A-Z]{2}",
        """
AL AK AZ AR CA CO CT DE FL GA HI ID IL IN IA KS KY LA ME MD MA MI MN MS MO MT NE NV NH NJ NM NY NC ND OH OK OR
PA RI SC SD TN TX UT VT VA WA WV WI WY DC
        """,
    )
]


@pytest.mark.parametrize(
    ("code", "known"),
    [
        ("DE", True),
        ("DE-BY", True),
        ("GB", True),
        ("GB-SCT", True),
        ("FR-971", True),
        ("US-CA", True),
        ("CA-QC", True),
        ("EU", False),
        ("UK", False),
        ("EL", False),
        ("XK", False),
        ("ZZ", False),
        ("de", False),
        ("", False),
        ("-", False),
        ("DE-", False),
        ("DE-BY-M", False),
        ("DE-by", False),
        ("DE-ABCD", False),
        ("DE\n", False),
        ("DE-BY\n", False),
        ("US-CL", False),
        ("US-ZZ", False),
        ("CA-QB", False),
        ("DEU", False),
    ],
)
def test_known_region(code: str, known: bool) -> None:
    """A region is an assigned country, or a subdivision of one; EU and UK are neither."""
    assert known is known_region(code)


def test_249_countries() -> None:
    """ISO 3166-1 assigns 249 codes of two letters."""
    assert 249 == len(COUNTRIES)
    assert all(known_region(code) for code in COUNTRIES)


@given(st.text(max_size=8))
def test_known_region_answers_anything(code: str) -> None:
    """Any text gets an answer, and only upper-case ASCII codes a yes."""
    assert not known_region(code) or (code.isascii() and code == code.upper() and code[:2] in COUNTRIES)


def test_covers() -> None:
    """A country contains its parts, and nothing that merely begins like it."""
    assert covers("DE", "DE")
    assert covers("DE", "DE-BY")
    assert not covers("DE-BY", "DE")
    assert not covers("US-CA", "US-CO")
    assert not covers("D", "DE")


@pytest.mark.parametrize(
    ("region", "zones"),
    [
        ("DE", {"Europe/Berlin", "Europe/Zurich"}),
        ("DE-BY", {"Europe/Berlin", "Europe/Zurich"}),
        ("GB", {"Europe/London"}),
        ("PT", {"Europe/Lisbon", "Atlantic/Madeira", "Atlantic/Azores"}),
        ("ES", {"Europe/Madrid", "Africa/Ceuta", "Atlantic/Canary"}),
        ("FR", {"Europe/Paris"}),
        ("FR-974", {"Asia/Dubai"}),
        ("CH", {"Europe/Zurich"}),
        ("IN", {"Asia/Kolkata"}),
        ("JP", {"Asia/Tokyo"}),
        ("US-CA", {"America/Los_Angeles"}),
        ("US-TX", {"America/Chicago", "America/Denver"}),
        ("US-AZ", {"America/Phoenix", "America/Denver"}),
        ("US-HI", {"Pacific/Honolulu"}),
        ("US-PR", {"America/Puerto_Rico"}),
    ],
)
def test_plausible_zones(region: str, zones: set[str]) -> None:
    """Somebody in the region can be in these zones and in no others."""
    found = plausible_zones(region)
    assert found is not None
    assert zones == set(found)


def test_nowhere_is_everywhere() -> None:
    """No region, an unknown one and an uninhabited one have no list: every zone is plausible."""
    assert [None] * 5 == [plausible_zones(region) for region in (None, "", "EU", "US-XX", "BV")]


def test_every_territory_has_zones() -> None:
    """Each territory of a pack, and each state of the US, has zones that Python knows."""
    regions = {code for pack in load_packs().values() for code in pack.territory}
    regions |= set(STATES)
    for region in regions:
        zones = plausible_zones(region)
        assert zones, region
        assert all(ZoneInfo(zone).key == zone for zone in zones)


def test_states_lie_in_their_country() -> None:
    """Each zone of a state is a zone of the United States, and together they are all of them."""
    country = set(plausible_zones("US") or ())
    states = [set(plausible_zones(state) or ()) for state in STATES]
    assert country == set().union(*states)
    assert 51 == len(STATES)


@pytest.mark.parametrize(
    ("region", "hours"),
    [("DE", -1), ("GB", 0), ("PT", 1), ("US-HI", 10), ("JP", -9), ("", 12), ("US-XX", 12)],
)
def test_where_a_day_begins(region: str, hours: int) -> None:
    """It has begun when its last zone has midnight, in winter; in an unknown region, when all have."""
    assert timedelta(hours=hours) == day_begins(region) <= EVERYWHERE


def test_no_day_begins_later_than_everywhere() -> None:
    """In every zone of a country that day has begun then, in winter and in summer."""
    for region in COUNTRIES:
        assert day_begins(region) <= EVERYWHERE
        for season in (datetime(2026, 1, 10, tzinfo=UTC), datetime(2026, 7, 10, tzinfo=UTC)):
            begun = season + day_begins(region)
            zones = plausible_zones(region) or ()
            assert all(begun.astimezone(ZoneInfo(each)).date() >= season.date() for each in zones)
