"""Two hundred legal scenarios outside Europe, half of them a yes (the table is ``scenes_world.txt``)."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from clm_ethics.model import Collected, Enrolled, Granted, Objected, Put, SignalReceived, Withdrawn, fold
from clm_ethics.policy import Policy, Request, decide

if TYPE_CHECKING:
    from clm_ethics.model import Event

TODAY, FIRST = "2026-10-15", "2023-02-01"
STATED: dict[str, dict[str, Any]] = {
    "small": {
        "revenue_usd": 1_000_000,
        "residents": {"US-CA": 100},
        "sale_share": 0,
        "small_business": True,
    },
    "food": {"food_retailer": True},
    "no-food": {"food_retailer": False},
}
DOES = {
    "stats": "analytics",
    "profile": "personalization",
    "ads": "targeted_ads",
    "sell": "sale_sharing",
    "judge": "automated_decision",
    "price": "personalised_price",
    "perks": "financial_incentive",
    "sell_place": "sale_sharing",
    "care": "personalization",
    "sell_health": "sale_sharing",
}
SEES = {"sell_place": "place", "care": "illness", "sell_health": "illness"}
STEP = re.compile(r"(?P<what>[a-z]+)(?P<explicit>!?)(\((?P<purpose>\w+)\))?(@(?P<day>[-\d]+))?")


class Scene(NamedTuple):
    """One line of the table."""

    region: str
    asked: str
    expected: str
    told: str
    why: str


def _scenes() -> list[Scene]:
    lines = Path(__file__).with_name("scenes_world.txt").read_text("utf-8").splitlines()
    return [Scene(*map(str.strip, line.split("|"))) for line in lines if not line.startswith("#")]


SCENES = _scenes()


@lru_cache
def policy(country: str, audience: str, stated: str) -> Policy:
    """Return a policy there that claims every basis: what is refused, the law refuses."""
    bases = ["consent", "legitimate_interest", "opt_out"]
    plain = {"basis": bases, "assessment": "balancing test 2", "shared_with": ["a partner"]}
    purposes: dict[str, Any] = {
        "account": {"processing": ["essential"], "basis": "contract", "fields": ["email", "phone"]},
        "news": {
            "processing": ["direct_marketing"],
            "channels": ["email", "sms", "phone"],
            "basis": ["consent", "soft_opt_in", "legitimate_interest", "opt_out"],
            "assessment": "balancing test 1",
            "fields": ["email", "phone"],
        },
    }
    for name, word in DOES.items():
        field = SEES.get(name, "purchases")
        explicit = ["illness"] if field == "illness" else []
        purposes[name] = {**plain, "processing": [word], "fields": [field], "explicit": explicit}
    for name, each in purposes.items():
        each["title"] = {"en": name}
    text = {"type": "text"}
    return Policy.of(
        {
            "format": 1,
            "controller": {
                "name": "Shop",
                "contact": "privacy@shop.example",
                "established": [country],
                "audience": audience,
                "facts": STATED.get(stated, {}),
            },
            "fields": {
                "email": {**text, "category": "user.contact.email"},
                "phone": {**text, "category": "user.contact.phone_number"},
                "illness": {**text, "category": "user.health"},
                "place": {**text, "category": "user.location.precise"},
                "purchases": {"type": "list", "max": 9, "category": "user.behavior.purchase_history"},
            },
            "purposes": purposes,
            "channels": {
                "email": {"address": "email"},
                "sms": {"address": "phone"},
                "phone": {"address": "phone"},
            },
        }
    )


def _day(text: str) -> datetime:
    return datetime.fromisoformat(text + "T17:00:00").replace(tzinfo=UTC)


def _step(rules: Policy, asked: str, word: str, before: datetime) -> Event:
    """Return what *word* says that the customer did, on its day or at the time of the step before."""
    match = STEP.fullmatch(word)
    assert match is not None, word
    purpose = match["purpose"] or asked
    at = _day(match["day"]) if match["day"] else before
    declared = rules.purpose(purpose)
    if match["what"] == "gpc":
        return SignalReceived(at=at, signal="gpc")
    if match["what"] == "withdraws":
        return Withdrawn(at=at, purpose=purpose)
    if match["what"] == "objects":
        return Objected(at=at, purpose=purpose, marketing=declared.marketing)
    given_by = {"agrees": "subject", "parent": "guardian"}[match["what"]]
    explicit = (*declared.explicit, *declared.processing) if match["explicit"] else ()
    clause = rules.clauses[purpose]
    return Granted(at=at, purpose=purpose, clause=clause, shown="n", explicit=explicit, given_by=given_by)


@pytest.mark.parametrize("scene", SCENES, ids=[f"{each.region}: {each.why}" for each in SCENES])
def test_the_law_answers(scene: Scene) -> None:
    """The purpose (and the field, if one is named) is allowed or denied as the law has it."""
    words = [] if scene.told == "-" else scene.told.split()
    known = dict(word.split("=", 1) for word in words if "=" in word)
    audience = next((word.removeprefix("for-") for word in words if word.startswith("for-")), "adults")
    stated = next((word for word in words if word in STATED), "")
    plain = {word for word in words if word in STATED or word.startswith("for-") or "=" in word} | {
        "business"
    }
    asked, _, field = scene.asked.partition(":")
    purpose, _, channel = asked.partition("/")
    rules = policy(scene.region[:2], audience, stated)
    about = {"region": scene.region, "born": known.get("born", "")}
    about["kind"] = "business" if "business" in words else ""
    at = _day(known.get("since", FIRST))
    events: list[Event] = [
        Enrolled(
            at=at,
            purpose="account",
            opened={"account": b"a"},
            about={name: value for name, value in about.items() if value},
        ),
        Put(
            at=at, purpose=purpose, collected=(Collected(field=field, announced=(purpose,)),) if field else ()
        ),
    ]
    for word in words:
        if word not in plain:
            events.append(_step(rules, purpose, word, events[-1].at))

    answer = decide(rules, fold(events), Request(purpose, channel=channel), _day(known.get("on", TODAY)))
    allowed = bool(answer) and (not field or field in answer.fields)
    assert (scene.expected == "allow") is allowed, answer.explain()


def test_half_of_them_are_a_yes() -> None:
    """Whoever denies everything fails: about half of the answers are a yes, and every sentence is its own."""
    yes = sum(each.expected == "allow" for each in SCENES)
    assert 0.4 < yes / len(SCENES) < 0.6
    assert len(SCENES) == len({(each.region, each.why) for each in SCENES}) >= 200
