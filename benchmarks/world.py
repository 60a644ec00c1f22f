"""The policy, the customers and the questions that every benchmark shares. All of it is invented."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from clm_ethics.model import (
    Collected,
    Enrolled,
    Granted,
    Moved,
    Objected,
    Put,
    Recorded,
    Refused,
    State,
    Swept,
    Withdrawn,
    fold,
)
from clm_ethics.policy import Policy, Request

if TYPE_CHECKING:
    from clm_ethics.model.events import Event

NOW = datetime(2026, 5, 4, 10, tzinfo=UTC)
REGIONS = ("DE", "FR", "AT", "GB", "US-CA")
STAGES = ("prospect", "customer", "at_risk")
PURPOSES = 30
QUESTIONS = 256
PEOPLE = 64

FIELDS: dict[str, dict[str, Any]] = {
    "email": {"type": "text", "category": "user.contact.email", "lookup": "email"},
    "phone": {"type": "text", "category": "user.contact.phone_number"},
    "name": {"type": "text", "category": "user.name"},
    "address": {"type": "map", "category": "user.contact.address"},
    "city": {"type": "text", "category": "user.contact.address.city"},
    "tastes": {"type": "list", "max": 20, "category": "user.behavior"},
    "purchases": {"type": "list", "max": 50, "category": "user.behavior.purchase_history"},
    "points": {"type": "integer", "category": "user.account"},
    "size": {"type": "text", "category": "user.behavior"},
    "device": {"type": "text", "category": "user.device"},
    "allergies": {"type": "text", "category": "user.health_and_medical"},
    "churn": {"type": "number", "category": "user.behavior"},
}
NAMES = tuple(FIELDS)
CONTRACTS = ("p01", "p07", "p13")
ASKED = tuple(f"p{number:02}" for number in range(PURPOSES) if number % 6 in (0, 3, 4))
"""The purposes that rest on consent."""


def _kinds() -> tuple[dict[str, Any], ...]:
    collected = {"for": "P1095D", "from": "collected"}
    return (
        {"processing": ["personalization"], "basis": "consent", "stages": list(STAGES[1:]),
         "consent_expires": "P400D", "keep": collected},
        {"processing": ["essential"], "basis": "contract", "keep": {"for": "P90D", "from": "contract_end"}},
        {"processing": ["analytics"], "basis": "legitimate_interest", "assessment": "LIA-7",
         "keep": {"for": "P365D", "from": "collected"}},
        {"processing": ["direct_marketing"], "basis": "consent", "channels": ["email"], "keep": collected},
        {"processing": ["personalization"], "basis": "consent", "explicit": ["allergies"], "keep": collected},
        {"processing": ["essential"], "basis": "legal_obligation", "law": "DE AO s. 147",
         "keep": {"for": "P2920D", "from": "year_end"}},
    )  # fmt: skip


def make_policy() -> Policy:
    """Build a policy of 30 purposes over twelve fields, one of them special."""
    kinds = _kinds()
    purposes = {}
    for number in range(PURPOSES):
        kind = number % len(kinds)
        listed = {NAMES[(number + step) % len(NAMES)] for step in range(7)} | {"email", "name", "city"}
        if kind == 4:
            listed.add("allergies")
        elif kind != 5:
            listed.discard("allergies")
        purposes[f"p{number:02}"] = kinds[kind] | {
            "title": {"en": f"Purpose {number}"},
            "fields": sorted(listed, key=NAMES.index),
        }
    return Policy.of(
        {
            "format": 1,
            "controller": {
                "name": "Shop", "contact": "privacy@shop.example",
                "established": ["DE"], "markets": list(REGIONS),
                "audience": "adults", "locales": ["en"],
            },
            "fields": FIELDS,
            "events": {
                "order": {"opens": ["p01"], "appends": {"purchases": ["sku", "amount"]}},
                "visit": {},
            },
            "purposes": purposes,
            "channels": {"email": {"address": "email"}},
            "lifecycle": {
                "start": "prospect",
                "purpose": "p02",
                "moves": [
                    {"from": ["prospect"], "to": "customer", "on": "order"},
                    {"from": ["customer"], "to": "at_risk", "after": "P90D", "without": "order"},
                ],
            },
        }
    )  # fmt: skip


class World(NamedTuple):
    """What is asked of whom."""

    policy: Policy
    states: list[State]
    questions: list[tuple[State, Request]]


def make_world(seed: int = 7) -> World:
    """Invent people and questions with four fields each; the same every time."""
    policy = make_policy()
    draw = random.Random(seed)
    states = [fold(_life(policy, draw)) for _ in range(PEOPLE)]
    questions = []
    for _ in range(QUESTIONS):
        purpose = policy.purposes[draw.choice(sorted(policy.purposes))]
        fields = draw.sample(purpose.fields, 3) + draw.sample(NAMES, 1)
        channel = "email" if purpose.channels else ""
        asked = Request(purpose.name, tuple(dict.fromkeys(fields)), channel)
        questions.append((draw.choice(states), asked))
    return World(policy, states, questions)


def _life(policy: Policy, draw: random.Random) -> list[Event]:
    """Invent one person's events: values, ten answers, a few objections, an order, a stage."""
    start = NOW - timedelta(days=draw.randint(200, 1500))
    names = sorted(policy.purposes)
    about = {"region": draw.choice(REGIONS)}
    if draw.random() < 0.7:
        about["born"] = date(draw.randint(1950, 2014), draw.randint(1, 12), 9).isoformat()
    events: list[Event] = [
        Enrolled(at=start, by="web", purpose="p01", about=about, opened=dict.fromkeys(CONTRACTS, b"first"))
    ]
    for field in draw.sample(NAMES, 10):
        at = start + timedelta(days=draw.randint(0, 150))
        told = tuple(sorted(draw.sample(names, 12)))
        events.append(
            Put(at=at, by="web", purpose="p01", collected=(Collected(field=field, announced=told),))
        )
    events += [_answer(policy, name, start, draw) for name in draw.sample(ASKED, 10)]
    events += [
        Objected(at=start + timedelta(days=160), by="web", purpose=name)
        for name in draw.sample([each for each in names if int(each[1:]) % 6 == 2], 2)
    ]
    if draw.random() < 0.6:
        closed: dict[str, tuple[bytes, ...]] = dict.fromkeys(CONTRACTS[:2], (b"first",))
        ordered = NOW - timedelta(days=draw.randint(5, 180))
        events.append(Recorded(at=ordered, by="web", event="order", closed=closed))
    moved = start + timedelta(days=180)
    events.append(Swept(at=moved, moves=(Moved(stage=draw.choice(STAGES), at=moved),)))
    return events


def _answer(policy: Policy, name: str, start: datetime, draw: random.Random) -> Event:
    at = start + timedelta(days=draw.randint(1, 150))
    luck = draw.random()
    if luck < 0.15:
        return Refused(at=at, by="web", purpose=name)
    if luck < 0.25:
        return Withdrawn(at=at, by="web", purpose=name)
    span = policy.purposes[name].consent_expires
    return Granted(
        at=at,
        by="web",
        purpose=name,
        clause=policy.clauses[name],
        until=None if span is None else span.after(at),
        explicit=("allergies",) if draw.random() < 0.5 and policy.purposes[name].explicit else (),
        shown="notice",
    )
