"""The thirty rules, and where each is: what it looks at, which verdict it gives, and its threshold.

``where`` names the built-in rules that ask it, or what else does: ``decide``, ``may_ask``, a
review, or the way in which the library is built. Every threshold is a house default, on the
customer's side.
"""

from __future__ import annotations

from typing import NamedTuple

from .defaults import (
    FATIGUE_HALF,
    FATIGUE_STOP,
    LEAST_GAIN,
    LEAST_RATIO,
    MOST_GAP,
    MOST_PROXY,
    MOST_WEIGHT,
    URGENCY,
)
from .rule import Kind


class Entry(NamedTuple):
    """One of the thirty.

    Attributes:
        id: its number.
        title: what it asks for.
        kind: on what it works.
        inputs: what it looks at.
        where: the rules that ask it.
        verdict: what follows.
        threshold: the house default, empty where there is no number.
        source: where it comes from.
    """

    id: str
    title: str
    kind: Kind
    inputs: tuple[str, ...]
    where: tuple[str, ...]
    verdict: str
    threshold: str
    source: str


_STATE, _DECLARED, _REVIEW = Kind.STATE, Kind.DECLARED, Kind.REVIEW

CATALOGUE = (
    Entry(
        "E01",
        "no weakness is used against anybody",
        _DECLARED,
        ("states.vulnerability", "states.protective"),
        ("vulnerability",),
        "withheld",
        "",
        "Regulation (EU) 2024/1689 Art. 5(1)(b); Directive 2005/29/EC Art. 5(3)",
    ),
    Entry(
        "E02",
        "no risky offers to people in distress",
        _STATE,
        ("states.risk", "grave events", "age"),
        ("risky_offers", "pressure_on_people"),
        "withheld",
        "12 months after an event that silences for 30 days or more",
        "ICO direct marketing guidance; DMA Code",
    ),
    Entry(
        "E03",
        "no sensitive inference",
        _STATE,
        ("uses", "segment", "states.infers", "explicit consent"),
        ("sensitive_inference", "decide"),
        "less personal, or withheld",
        "",
        "CJEU C-184/20; GDPR Art. 9",
    ),
    Entry(
        "E04",
        "no proxies of protected attributes",
        _REVIEW,
        ("association per feature",),
        ("reviews.proxies",),
        "reported",
        f"association over {MOST_PROXY}",
        "IEEE 7003-2024",
    ),
    Entry(
        "E05",
        "scarcity is true",
        _DECLARED,
        ("scarcity",),
        ("scarcity",),
        "withheld",
        "the stock itself, counted within 15 minutes",
        "Directive 2005/29/EC Annex I no. 7; FTC staff report (2022)",
    ),
    Entry(
        "E06",
        "deadlines are real",
        _DECLARED,
        ("deadline",),
        ("deadline",),
        "withheld",
        "never put off; 14 days after the last one",
        "Directive 2005/29/EC Annex I no. 7; FTC staff report (2022)",
    ),
    Entry(
        "E07",
        "pressure has a budget",
        _STATE,
        ("pressure", "contacts", "age"),
        ("pressure", "pressure_budget", "pressure_on_people"),
        "withheld for a time",
        f"{URGENCY.max} in 30 days; none for minors and people in distress",
        "FTC staff report (2022); EDPB Guidelines 03/2022",
    ),
    Entry(
        "E08",
        "contacts have a budget over all channels",
        _STATE,
        ("contacts", "caps", "processing"),
        ("channel_caps", "contact_budget", "win_back"),
        "withheld for a time",
        "2 in a day, 4 in 7 days, 10 in 30 days",
        "DMA Code; ICO direct marketing guidance",
    ),
    Entry(
        "E09",
        "who never answers is left alone",
        _STATE,
        ("contacts", "events", "consents"),
        ("contact_budget",),
        "withheld for a time",
        f"half the budget after {FATIGUE_HALF} in a row, none after {FATIGUE_STOP}, in 90 days",
        "DMA Code; ACM Code of Ethics 1.2",
    ),
    Entry(
        "E10",
        "quiet hours on the customer's clock",
        _STATE,
        ("zone", "region", "channel", "urgent"),
        ("quiet_hours", "urgent", "services"),
        "withheld for a time",
        "20:00 to 09:00 by SMS, phone and push",
        "47 CFR 64.1200(c)(1); DMA Code rule 1.4; Network Act (KR) Art. 50(3)",
    ),
    Entry(
        "E11",
        "grief is left in peace",
        _STATE,
        ("mutes",),
        ("left_in_peace", "decide"),
        "withheld for a time",
        "as long as the policy's event silences",
        "DMA Code rule 1.5",
    ),
    Entry(
        "E12",
        "an open complaint comes first",
        _STATE,
        ("mutes",),
        ("left_in_peace", "decide"),
        "withheld for a time",
        "as long as the policy's event silences",
        "DMA Code; ACM Code of Ethics 1.2",
    ),
    Entry(
        "E13",
        "occasions can be opted out of",
        _STATE,
        ("topics", "the customer's preferences"),
        ("preferred_topics", "preferred_frequency", "decide"),
        "withheld",
        "",
        "DMA Code; practice of opt-outs for sensitive occasions",
    ),
    Entry(
        "E14",
        "no personal price above the public one",
        _DECLARED,
        ("price",),
        ("price_above_public",),
        "withheld",
        "without a documented cost",
        "PIPL Art. 24(1); N.Y. Gen. Bus. Law 349-a",
    ),
    Entry(
        "E15",
        "personal prices are disclosed",
        _DECLARED,
        ("personal_price", "disclosed", "processing"),
        ("price_disclosed", "price_declared", "price_aimed"),
        "withheld",
        "",
        "Directive 2011/83/EU Art. 6(1)(ea); N.Y. Gen. Bus. Law 349-a",
    ),
    Entry(
        "E16",
        "no group is offered less, or pays more",
        _REVIEW,
        ("offers and prices per group",),
        ("reviews.parity",),
        "reported",
        f"ratio under {LEAST_RATIO}, prices over {MOST_GAP:.0%} apart, groups of 20 or more",
        "N.Y. Gen. Bus. Law 349-a; IEEE 7003-2024",
    ),
    Entry(
        "E17",
        "loyalty is not penalised",
        _DECLARED,
        ("price.for_new", "price.better_shown"),
        ("loyalty",),
        "withheld",
        "",
        "UK FCA PS21/5; DMA Code",
    ),
    Entry(
        "E18",
        "no more data than the choice needs",
        _DECLARED,
        ("uses", "segment", "states.gains"),
        ("choose",),
        "withheld, or without the field",
        f"a field that adds less than {LEAST_GAIN}",
        "GDPR Art. 5(1)(c)",
    ),
    Entry(
        "E19",
        "intrusion is worth it to the customer",
        _DECLARED,
        ("states.sources", "states.intrusion", "customer_value"),
        ("intrusion",),
        "withheld",
        "not more intrusion than value to the customer",
        "EDPB Guidelines 1/2024; IEEE 7002-2022",
    ),
    Entry(
        "E20",
        "data has an end for each purpose",
        _STATE,
        ("provenance", "keep"),
        ("decide",),
        "without the field",
        "the purpose's own",
        "GDPR Art. 5(1)(e)",
    ),
    Entry(
        "E21",
        "every choice explains itself",
        _STATE,
        ("decision", "level", "reasons"),
        ("choice.explain",),
        "by the way it is built",
        "",
        "Regulation (EU) 2022/2065 Art. 26(1), 27; IEEE 7001-2021",
    ),
    Entry(
        "E22",
        "what changes by itself can be undone",
        _DECLARED,
        ("states.change",),
        ("reversible",),
        "withheld",
        "not more steps than doing it",
        "ACM Code of Ethics 1.2, 3.7; EDPB Guidelines 03/2022",
    ),
    Entry(
        "E23",
        "refusing is as easy as agreeing",
        _DECLARED,
        ("prompt",),
        ("may_ask(prompt=)",),
        "not asked",
        f"the yes at most {MOST_WEIGHT} times as heavy",
        "CNIL recommendation (2020); 11 CCR 7004; EDPB Guidelines 03/2022",
    ),
    Entry(
        "E24",
        "withdrawing is as easy as giving",
        _DECLARED,
        ("prompt",),
        ("may_ask(prompt=)",),
        "not asked",
        "",
        "GDPR Art. 7(3); 16 CFR 316.5",
    ),
    Entry(
        "E25",
        "no nagging",
        _STATE,
        ("consents", "objections", "asked"),
        ("may_ask",),
        "not asked for a time",
        "12 months after a no; unanswered once in 30 days, 3 times in 12 months",
        "Cal. Civ. Code 1798.135(c)(4); CNIL; EDPB Guidelines 03/2022",
    ),
    Entry(
        "E26",
        "no shaming and no loaded words",
        _DECLARED,
        ("prompt",),
        ("may_ask(prompt=)",),
        "not asked",
        "",
        "FTC staff report (2022); EDPB Guidelines 03/2022; 11 CCR 7004(a)",
    ),
    Entry(
        "E27",
        "nobody is punished for privacy",
        _DECLARED,
        ("states.incentive",),
        ("retaliation",),
        "withheld",
        "not more than the data is worth",
        "Cal. Civ. Code 1798.125; GDPR Art. 7(4)",
    ),
    Entry(
        "E28",
        "an opt-out signal counts everywhere",
        _STATE,
        ("signals", "processing"),
        ("opt_out_signals", "decide"),
        "withheld",
        "",
        "W3C GPC; GDPR Art. 21(5)",
    ),
    Entry(
        "E29",
        "the best interests of a minor",
        _STATE,
        ("age", "audience", "pressure", "states.risk"),
        ("minors", "pressure_on_people", "risky_offers"),
        "without their data, or withheld",
        "under 18, known or assumed",
        "ICO Children's Code; Regulation (EU) 2022/2065 Art. 28; UNCRC General Comment 25",
    ),
    Entry(
        "E30",
        "a human behind it, and no experiments on the vulnerable",
        _DECLARED,
        ("states.adverse", "states.human", "states.experiment"),
        ("human_path", "experiment", "experiments_on_people"),
        "withheld",
        "",
        "GDPR Art. 22(3); ACM Code of Ethics 1.2, 2.5; IEEE 7000-2021",
    ),
)
"""All of them, in their order."""
