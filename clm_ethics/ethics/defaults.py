"""The house's own thresholds, in one place: none of them is law, and each says where it comes from.

They are on without being asked for. A policy adds its own caps and quiet hours per channel;
of two limits the stricter counts, always. ``catalogue.py`` has the rules that use them.
"""

from __future__ import annotations

from datetime import timedelta
from typing import NamedTuple

from ..model.times import Duration
from ..policy.remedies import ASK_AGAIN_AFTER
from ..policy.values import Cap, Quiet
from ..regimes import Row

_DAY = 86400
YEAR = Duration(months=12)

CONTACT_BUDGET = (
    Cap(2, Duration(seconds=_DAY)),
    Cap(4, Duration(seconds=7 * _DAY)),
    Cap(10, Duration(seconds=30 * _DAY)),
)
"""Contacts over all channels that reach out, in rolling windows: no midnight gives two in two hours."""

FATIGUE_SPAN = Duration(seconds=90 * _DAY)
"""How far back unanswered contacts count."""
FATIGUE_HALF, FATIGUE_STOP = 8, 16
"""Contacts in a row without any answer: from so many on half the budget, from so many on none."""

WIN_BACK = (
    Cap(1, Duration(seconds=7 * _DAY)),
    Cap(3, Duration(seconds=30 * _DAY)),
    Cap(4, Duration(seconds=90 * _DAY)),
)
"""Contacts while a customer drifts away: who has grown silent is not to be shouted at."""

URGENCY = Cap(2, Duration(seconds=30 * _DAY))
"""Offers with pressure, over all channels and pages."""

STOCK_AGE = timedelta(minutes=15)
"""How old a count of the stock may be that a scarcity rests on."""

DEADLINE_REST = timedelta(days=14)
"""How long an offer that has ended stays away, before a new deadline for it is believed."""

GRAVE = Duration(seconds=30 * _DAY)
"""An event that silences anything for so long is a grave one: grief, debt, illness."""
DISTRESS = YEAR
"""How long after a grave event no risky offer is made."""

LEAST_SEGMENT = 20
"""Customers in a group, at least, for it to be a group."""

LEAST_COUNT = 10
"""A count of fewer customers is not told."""

LEAST_GAIN = 0.001
"""What a field adds to a choice, at least, to be looked at."""

MOST_PROXY = 0.3
"""How strongly a feature may go with a protected attribute before somebody has to look."""
LEAST_RATIO, MOST_GAP = 0.8, 0.02
"""Offers of the worst-served group against the best-served, and the gap of mean prices."""

MOST_WEIGHT = 1.2
"""How much heavier the yes of a prompt may look than its no."""

ASK_AGAIN = ASK_AGAIN_AFTER
"""How long a no keeps us from asking again, on any surface."""
PROMPTS = (Cap(1, Duration(seconds=30 * _DAY)), Cap(3, YEAR))
"""How often somebody is asked who does not answer."""

HOUSE_QUIET = Quiet(start=20 * 60, end=9 * 60)
"""Quiet hours of a channel that disturbs and declares none, on the customer's wall clock."""

REACHING = frozenset(
    {
        Row.EMAIL_MARKETING.value,
        Row.SMS_MARKETING.value,
        Row.PHONE_MARKETING.value,
        Row.POSTAL_MARKETING.value,
        Row.PUSH_MARKETING.value,
    }
)
"""Rows of the channels that reach out to somebody; a page or an inbox waits until they come."""

DISTURBING = frozenset({Row.SMS_MARKETING.value, Row.PHONE_MARKETING.value, Row.PUSH_MARKETING.value})
"""Rows of the channels that ring or buzz: quiet hours count even where the policy declares none."""

SERVICE = frozenset({"essential", "storage"})
"""A purpose that does nothing else is a service, and no advertising."""


EVERY_DAY = tuple(range(7))
"""From Monday (0) to Sunday (6)."""


class Floor(NamedTuple):
    """Quiet hours that count in a territory, whatever the policy declares, on these *days* of the week there.

    Hours that span midnight are, on each of the days, those after they begin and those before they end.
    """

    territory: str
    rows: frozenset[str]
    quiet: Quiet
    cite: str
    days: tuple[int, ...] = EVERY_DAY


_NIGHT = Quiet(start=21 * 60, end=8 * 60)
_EVENING = Quiet(start=20 * 60, end=8 * 60)
_ALL_DAY = Quiet(start=0, end=24 * 60)
_WEEKDAYS, _TO_SATURDAY, _SATURDAY, _SUNDAY, _WEEKEND = (
    (0, 1, 2, 3, 4),
    (0, 1, 2, 3, 4, 5),
    (5,),
    (6,),
    (5, 6),
)
_CALLS = frozenset({Row.PHONE_MARKETING.value})
_TEXTS_TOO = frozenset({Row.SMS_MARKETING.value, Row.PHONE_MARKETING.value})
_CRTC = "CRTC Unsolicited Telecommunications Rules (CA)"
_TEXAS = "Tex. Bus. & Com. Code 301.051"
_AU = "Telemarketing and Research Calls Industry Standard 2017 (AU)"
_ZA = "Consumer Protection Act 2008 (ZA) s. 12"

QUIET_FLOORS = (
    # Whether it covers texts with consent is unsettled, so it is applied to all as a house rule.
    Floor(
        "US",
        frozenset({Row.SMS_MARKETING.value, Row.PHONE_MARKETING.value}),
        _NIGHT,
        "47 CFR 64.1200(c)(1); 16 CFR 310.4(c)",
    ),
    Floor("US-FL", _TEXTS_TOO, _EVENING, "Fla. Stat. 501.059"),
    Floor("US-OK", _TEXTS_TOO, _EVENING, "15 Okla. Stat. 775C.4"),
    Floor("US-WA", _TEXTS_TOO, _EVENING, "RCW 80.36.390"),
    Floor("US-TX", _TEXTS_TOO, Quiet(start=21 * 60, end=9 * 60), _TEXAS, _TO_SATURDAY),
    Floor("US-TX", _TEXTS_TOO, Quiet(start=21 * 60, end=12 * 60), _TEXAS, _SUNDAY),
    Floor("KR", DISTURBING, _NIGHT, "Network Act (KR) Art. 50(3)"),
    Floor("IN", _TEXTS_TOO, Quiet(start=21 * 60, end=10 * 60), "TRAI TCCCPR 2018 (IN)"),
    Floor("CA", _CALLS, Quiet(start=21 * 60 + 30, end=9 * 60), _CRTC, _WEEKDAYS),
    Floor("CA", _CALLS, Quiet(start=18 * 60, end=10 * 60), _CRTC, _WEEKEND),
    Floor("AU", _CALLS, Quiet(start=20 * 60, end=9 * 60), _AU, _WEEKDAYS),
    Floor("AU", _CALLS, Quiet(start=17 * 60, end=9 * 60), _AU, _SATURDAY),
    Floor("AU", _CALLS, _ALL_DAY, _AU, _SUNDAY),
    Floor("ZA", _CALLS, _EVENING, _ZA, _WEEKDAYS),
    Floor("ZA", _CALLS, Quiet(start=13 * 60, end=9 * 60), _ZA, _SATURDAY),
    Floor("ZA", _CALLS, _ALL_DAY, _ZA, _SUNDAY),
)
"""Nights and days that laws protect; a policy may be stricter, never laxer. Holidays are not known."""


class Default(NamedTuple):
    """One row of the table: what it is called, what it says, and its sources."""

    name: str
    says: str
    sources: str


DEFAULTS = (
    Default(
        "contact budget",
        "over all channels at most 2 contacts in a day, 4 in 7 days, 10 in 30 days; half of it after "
        "8 contacts in a row without any answer in 90 days, none after 16; service messages do not count",
        "DMA Code (relevance, suppression); ICO direct marketing guidance",
    ),
    Default(
        "win-back",
        "in a stage that silence leads to at most 1 contact in 7 days, 3 contacts in 30 days, 4 in 90 days",
        "DMA Code (put your customer first); ACM Code of Ethics 1.2",
    ),
    Default(
        "quiet hours",
        "nothing by SMS, phone or push from 20:00 to 09:00 on the customer's clock, "
        "and in every zone that is plausible while theirs is unknown",
        "DMA Code rule 1.4; 47 CFR 64.1200(c)(1); Network Act (KR) Art. 50(3)",
    ),
    Default(
        "no channel-hopping",
        "after an objection to direct marketing no other marketing purpose "
        "steps in without a later consent of its own",
        "GDPR Art. 21(3)",
    ),
    Default(
        "left in peace",
        "while an event silences direct marketing, nothing but services reaches out; for 12 months after an "
        "event that silences for 30 days or more, no pressure, and no credit, gambling, alcohol or diet",
        "DMA Code rule 1.5; ICO direct marketing guidance",
    ),
    Default(
        "minors",
        "no offer to a minor, known or assumed, is aimed with their data, presses, or is risky",
        "DSA Art. 28(2); ICO Children's Code standards 12 and 13; UNCRC General Comment 25",
    ),
    Default(
        "pressure",
        "a deadline is the real end, the same for all, never put off, and 14 days after the last one; "
        "a scarcity is the stock, counted within 15 minutes; a streak is said to be true; "
        "2 offers that press in 30 days",
        "Directive 2005/29/EC Annex I no. 7; FTC staff report on dark patterns (2022)",
    ),
    Default(
        "personal prices",
        "they are disclosed, the purpose declares them, and none is above the public price without a cost",
        "Directive 2011/83/EU Art. 6(1)(ea); N.Y. Gen. Bus. Law 349-a; PIPL Art. 24(1)",
    ),
    Default(
        "groups",
        "a group of fewer than 20 customers, or of unknown size, is none: the offer is made without it",
        "GDPR Art. 5(1)(c); recital 26",
    ),
    Default(
        "asking again",
        "12 months after a no, on any surface; who does not answer is asked once in 30 days, "
        "3 times in 12 months",
        "Cal. Civ. Code 1798.135(c)(4); CNIL recommendation on cookies (2020); EDPB Guidelines 03/2022",
    ),
)
"""The whole table, for people."""
