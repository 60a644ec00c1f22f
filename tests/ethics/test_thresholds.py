"""The house's thresholds are what the pages say: each number once more, with where it comes from."""

from __future__ import annotations

from datetime import timedelta

from clm_ethics.ethics import defaults
from clm_ethics.model.times import Duration


def test_nights_that_laws_protect() -> None:
    """No texts or calls from 21:00 to 08:00 in the US; in Korea no push either; each says where it stands."""
    night = (21 * 60, 8 * 60)
    assert [
        ("US", {"sms_marketing", "phone_marketing"}, night, "47 CFR 64.1200(c)(1); 16 CFR 310.4(c)"),
        (
            "KR",
            {"sms_marketing", "phone_marketing", "push_marketing"},
            night,
            "Network Act (KR) Art. 50(3)",
        ),
    ] == [
        (each.territory, set(each.rows), (each.quiet.start, each.quiet.end), each.cite)
        for each in defaults.QUIET_FLOORS
    ]
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
