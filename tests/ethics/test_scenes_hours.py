"""The hours that laws keep for calls and texts, whatever a policy says, on the customer's clock."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

import pytest

from clm_ethics import Offer, Policy, Steward

ZONES = {
    "US-TX": "America/Chicago",
    "US-FL": "America/New_York",
    "US-OH": "America/New_York",
    "CA-ON": "America/Toronto",
    "AU": "Australia/Sydney",
    "ZA": "Africa/Johannesburg",
    "IN": "Asia/Kolkata",
    "KR": "Asia/Seoul",
}
OFFER = [Offer("spring", purpose="news")]


@lru_cache
def policy(country: str) -> Policy:
    """Return a policy that is quiet at night for one hour alone: the rest is the law's."""
    address = {"type": "text", "category": "user.contact.phone_number"}
    night = {"from": "02:00", "to": "03:00"}
    purpose = {
        "title": {"en": "Offers"},
        "processing": ["direct_marketing"],
        "basis": "consent",
        "channels": ["email", "sms", "phone"],
        "fields": ["email", "phone"],
    }
    account = {"title": {"en": "Account"}, "processing": ["essential"], "basis": "contract"}
    owner = {"name": "Shop", "contact": "p@shop.example", "established": [country], "audience": "adults"}
    return Policy.of(
        {
            "format": 1,
            "controller": owner,
            "fields": {"phone": address, "email": {"type": "text", "category": "user.contact.email"}},
            "purposes": {"news": purpose, "account": account},
            "channels": {
                "email": {"address": "email"},
                "sms": {"address": "phone", "quiet": night},
                "phone": {"address": "phone", "quiet": night},
            },
        }
    )


def reached(region: str, channel: str, clock: str) -> bool:
    """Say whether somebody there who agreed explicitly is chosen for, at that time of their clock."""
    at = datetime.fromisoformat(clock).replace(tzinfo=ZoneInfo(ZONES[region]))
    with Steward.memory(policy(region[:2]), clock=lambda: at) as shop:
        notice = shop.notice("news").id
        about = {"region": region, "zone": ZONES[region], "born": "1980-01-01"}
        eve = shop.enroll("e", about, purpose="account", by="web")
        eve.grant("news", shown=notice, by="web", explicit=["direct_marketing"])
        eve.put({"phone": "+15550100", "email": "eve@example.org"}, purpose="news", by="web")
        return bool(shop.customer("e").choose(OFFER, channel=channel, by="crm"))


# Monday 12 October 2026 to Sunday 18 October 2026
HOURS = """
US-OH phone 2026-10-14T07:59 no   47 CFR 64.1200(c)(1): from 8 to 21
US-OH phone 2026-10-14T08:00 yes  47 CFR 64.1200(c)(1)
US-OH sms   2026-10-14T20:59 yes  47 CFR 64.1200(c)(1)
US-OH sms   2026-10-14T21:00 no   read to cover texts, too
US-OH email 2026-10-14T23:00 yes  no law keeps hours for e-mail
US-FL phone 2026-10-14T20:00 no   Fla. Stat. 501.059: from 8 to 20
US-FL phone 2026-10-14T19:59 yes  Fla. Stat. 501.059
US-TX phone 2026-10-17T09:00 yes  Tex. Bus. & Com. Code 301.051: Monday to Saturday from 9 to 21
US-TX phone 2026-10-18T11:59 no   on Sundays from 12
US-TX phone 2026-10-18T12:00 yes  on Sundays from 12
CA-ON phone 2026-10-16T21:29 yes  CRTC: on weekdays from 9 to 21:30
CA-ON phone 2026-10-16T21:30 no   CRTC
CA-ON phone 2026-10-17T09:59 no   CRTC: on weekends from 10 to 18
CA-ON phone 2026-10-17T10:00 yes  CRTC
CA-ON phone 2026-10-18T18:00 no   CRTC
CA-ON email 2026-10-18T18:00 yes  the rules speak of calls
AU    phone 2026-10-16T19:59 yes  Industry Standard 2017: on weekdays from 9 to 20
AU    phone 2026-10-17T17:00 no   on Saturdays from 9 to 17
AU    phone 2026-10-18T12:00 no   not on Sundays
ZA    phone 2026-10-17T12:59 yes  CPA s. 12: on Saturdays from 9 to 13
ZA    phone 2026-10-17T13:00 no   CPA s. 12
ZA    phone 2026-10-18T11:00 no   not on Sundays
IN    sms   2026-10-14T09:59 no   TRAI TCCCPR 2018: from 10 to 21
IN    sms   2026-10-14T10:00 yes  TRAI TCCCPR 2018
KR    sms   2026-10-14T21:00 no   Network Act Art. 50(3): from 8 to 21
KR    sms   2026-10-14T20:59 yes  Network Act Art. 50(3)
KR    email 2026-10-14T22:00 yes  e-mail is exempt by decree
"""
LINES = [line.split(maxsplit=4) for line in HOURS.split("\n") if line]


@pytest.mark.parametrize(
    ("region", "channel", "clock", "expected"),
    [each[:4] for each in LINES],
    ids=[f"{each[0]} {each[1]} {each[2]}" for each in LINES],
)
def test_the_hours_of_the_law(region, channel, clock, expected):
    """A minute on either side of an hour that a law names."""
    assert (expected == "yes") is reached(region, channel, clock)


def test_who_may_not_be_called_on_sunday_may_on_monday():
    """The answer says when it may be tried again: after all days and nights that are quiet."""
    at = datetime(2026, 10, 17, 17, 0, tzinfo=ZoneInfo("Australia/Sydney"))
    with Steward.memory(policy("AU"), clock=lambda: at) as shop:
        notice = shop.notice("news").id
        about = {"region": "AU", "zone": ZONES["AU"], "born": "1980-01-01"}
        eve = shop.enroll("e", about, purpose="account", by="web")
        eve.grant("news", shown=notice, by="web")
        eve.put({"phone": "+15550100"}, purpose="news", by="web")
        choice = eve.choose(OFFER, channel="phone", by="crm")
    assert choice.try_again == datetime(2026, 10, 19, 9, 0, tzinfo=ZoneInfo("Australia/Sydney"))
