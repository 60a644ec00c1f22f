"""The house's thresholds are what the pages say: each number once more, with where it comes from."""

from __future__ import annotations

from datetime import timedelta

from clm_ethics.ethics import defaults
from clm_ethics.ethics.defaults import DISTURBING, Floor
from clm_ethics.model.times import Duration

NIGHTS = """
US    sms phone       21:00-08:00 mon-sun  47 CFR 64.1200(c)(1); 16 CFR 310.4(c)
US-FL sms phone       20:00-08:00 mon-sun  Fla. Stat. 501.059
US-OK sms phone       20:00-08:00 mon-sun  15 Okla. Stat. 775C.4
US-WA sms phone       20:00-08:00 mon-sun  RCW 80.36.390
US-TX sms phone       21:00-09:00 mon-sat  Tex. Bus. & Com. Code 301.051
US-TX sms phone       21:00-12:00 sun-sun  Tex. Bus. & Com. Code 301.051
KR    sms phone push  21:00-08:00 mon-sun  Network Act (KR) Art. 50(3)
IN    sms phone       21:00-10:00 mon-sun  TRAI TCCCPR 2018 (IN)
CA    phone           21:30-09:00 mon-fri  CRTC Unsolicited Telecommunications Rules (CA)
CA    phone           18:00-10:00 sat-sun  CRTC Unsolicited Telecommunications Rules (CA)
AU    phone           20:00-09:00 mon-fri  Telemarketing and Research Calls Industry Standard 2017 (AU)
AU    phone           17:00-09:00 sat-sat  Telemarketing and Research Calls Industry Standard 2017 (AU)
AU    phone           00:00-24:00 sun-sun  Telemarketing and Research Calls Industry Standard 2017 (AU)
ZA    phone           20:00-08:00 mon-fri  Consumer Protection Act 2008 (ZA) s. 12
ZA    phone           13:00-09:00 sat-sat  Consumer Protection Act 2008 (ZA) s. 12
ZA    phone           00:00-24:00 sun-sun  Consumer Protection Act 2008 (ZA) s. 12
"""
"""Where, for which channels, in which hours of which days nobody is disturbed, and where it stands."""
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def _line(floor: Floor) -> str:
    order = ("sms", "phone", "push")
    rows = " ".join(name for name in order if f"{name}_marketing" in floor.rows)
    start, end = (f"{minute // 60:02}:{minute % 60:02}" for minute in (floor.quiet.start, floor.quiet.end))
    assert tuple(range(floor.days[0], floor.days[-1] + 1)) == floor.days
    days = f"{DAYS[floor.days[0]]}-{DAYS[floor.days[-1]]}"
    return f"{floor.territory:5} {rows:15} {start}-{end} {days}  {floor.cite}"


def test_nights_that_laws_protect() -> None:
    """Each row of the table, and no other; the house's own night is longer than most."""
    assert NIGHTS.strip().splitlines() == [_line(each) for each in defaults.QUIET_FLOORS]
    assert all(len(each.rows) == len(each.rows & DISTURBING) for each in defaults.QUIET_FLOORS)
    assert (20 * 60, 9 * 60) == (defaults.HOUSE_QUIET.start, defaults.HOUSE_QUIET.end)


def test_how_often() -> None:
    """Contacts, win-back, pressing offers and prompts: at most so many in so many days."""
    found = {
        name: [(cap.max, str(cap.per)) for cap in getattr(defaults, name)]
        for name in ("CONTACT_BUDGET", "WIN_BACK", "PROMPTS")
    }
    assert {
        "CONTACT_BUDGET": [(2, "P1D"), (4, "P7D"), (10, "P30D")],
        "WIN_BACK": [(1, "P7D"), (3, "P30D"), (4, "P90D")],
        "PROMPTS": [(1, "P30D"), (3, "P1Y")],
    } == found
    assert (2, "P30D") == (defaults.URGENCY.max, str(defaults.URGENCY.per))


def test_how_long_and_how_many() -> None:
    """The other thresholds, one by one."""
    assert ("P90D", 8, 16) == (str(defaults.FATIGUE_SPAN), defaults.FATIGUE_HALF, defaults.FATIGUE_STOP)
    assert (timedelta(minutes=15), timedelta(days=14)) == (defaults.STOCK_AGE, defaults.DEADLINE_REST)
    assert (Duration.parse("P30D"), Duration.parse("P12M")) == (defaults.GRAVE, defaults.DISTRESS)
    assert Duration.parse("P12M") == defaults.ASK_AGAIN
    assert (20, 10) == (defaults.LEAST_SEGMENT, defaults.LEAST_COUNT)
    assert (0.001, 0.3) == (defaults.LEAST_GAIN, defaults.MOST_PROXY)
    assert (0.8, 0.02, 1.2) == (defaults.LEAST_RATIO, defaults.MOST_GAP, defaults.MOST_WEIGHT)


def test_which_channels() -> None:
    """Who reaches out, who disturbs, and what a service is."""
    out = {f"{name}_marketing" for name in ("email", "sms", "phone", "postal", "push")}
    assert out == defaults.REACHING
    assert {f"{name}_marketing" for name in ("sms", "phone", "push")} == defaults.DISTURBING
    assert {"essential", "storage"} == defaults.SERVICE
