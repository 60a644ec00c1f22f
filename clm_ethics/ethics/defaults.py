"""The house's own thresholds, in one table: none of them is law, and each says where it comes from.

They are on without being asked for. A policy adds its own caps and quiet hours per channel;
of two limits the stricter counts, always.
"""

from __future__ import annotations

from typing import NamedTuple

from ..model.times import Duration
from ..policy.values import Cap, Quiet
from ..regimes import Row

_DAY = 86400

CONTACT_BUDGET = (
    Cap(2, Duration(seconds=_DAY)),
    Cap(4, Duration(seconds=7 * _DAY)),
    Cap(10, Duration(seconds=30 * _DAY)),
)
"""Contacts over all channels that reach out, in rolling windows: no midnight gives two in two hours."""

WIN_BACK = Cap(3, Duration(seconds=30 * _DAY))
"""Contacts while a customer drifts away: who has grown silent is not to be shouted at."""

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


class Floor(NamedTuple):
    """Quiet hours that count in a territory, whatever the policy declares."""

    territory: str
    rows: frozenset[str]
    quiet: Quiet
    cite: str


_NIGHT = Quiet(start=21 * 60, end=8 * 60)

QUIET_FLOORS = (
    # Whether it covers texts with consent is unsettled, so it is applied to all as a house rule.
    Floor(
        "US",
        frozenset({Row.SMS_MARKETING.value, Row.PHONE_MARKETING.value}),
        _NIGHT,
        "47 CFR 64.1200(c)(1); 16 CFR 310.4(c)",
    ),
    Floor("KR", DISTURBING, _NIGHT, "Network Act (KR) Art. 50(3)"),
)
"""Nights that laws protect; a policy may be stricter, never laxer."""


class Default(NamedTuple):
    """One row of the table: what it is called, what it says, and its sources."""

    name: str
    says: str
    sources: str


DEFAULTS = (
    Default(
        "contact budget",
        "over all channels at most 2 contacts in a day, 4 in 7 days, 10 in 30 days",
        "DMA Code (relevance, suppression); ICO direct marketing guidance",
    ),
    Default(
        "win-back",
        "at most 3 contacts in 30 days in a stage that silence leads to",
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
        "minors",
        "no offer to a minor, known or assumed, is aimed with their data, or presses",
        "DSA Art. 28(2); ICO Children's Code standards 12 and 13; UNCRC General Comment 25",
    ),
    Default(
        "pressure",
        "a deadline, scarcity or streak is true, and the host says so",
        "Directive 2005/29/EC Annex I no. 7; FTC staff report on dark patterns (2022)",
    ),
    Default(
        "personal prices",
        "they are disclosed, and the purpose declares them",
        "Directive 2011/83/EU Art. 6(1)(ea); N.Y. Gen. Bus. Law 349-a",
    ),
)
"""The whole table, for people."""
