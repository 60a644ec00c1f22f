"""A shop with everything that the ethics rules look at, and people to try them on."""

from __future__ import annotations

from copy import deepcopy
from datetime import UTC, datetime
from typing import Any

from clm_ethics.ethics import Offer, Pick, pick
from clm_ethics.model import Chosen, Collected, Enrolled, Granted, Moved, State, fold
from clm_ethics.policy import Policy

NOON = datetime(2026, 5, 4, 10, tzinfo=UTC)
"""Noon in Berlin, on a Monday."""

DOCUMENT: dict[str, Any] = {
    "format": 1,
    "controller": {
        "name": "Shop",
        "contact": "privacy@shop.example",
        "established": ["DE"],
        "markets": ["DE"],
        "audience": "adults",
        "locales": ["en", "de", "fr"],
    },
    "fields": {
        "email": {"type": "text", "category": "user.contact.email", "lookup": "email"},
        "phone": {"type": "text", "category": "user.contact.phone_number", "lookup": "phone"},
        "tastes": {"type": "list", "max": 20, "category": "user.behavior"},
        "visits": {"type": "list", "max": 20, "category": "user.behavior"},
        "points": {"type": "integer", "category": "user.account", "source": "till"},
        "allergies": {"type": "list", "max": 20, "category": "user.health_and_medical"},
        "gluten": {"type": "boolean", "category": "user.behavior", "derived_from": ["allergies"]},
    },
    "events": {"ordered": {}},
    "purposes": {
        "news": {
            "processing": ["direct_marketing"],
            "basis": "consent",
            "channels": ["email", "sms", "push", "web"],
            "fields": ["email", "phone", "tastes", "visits", "points", "allergies", "gluten", "stage"],
            "explicit": ["allergies", "gluten"],
        },
        "deals": {
            "processing": ["direct_marketing", "personalised_price"],
            "basis": "consent",
            "channels": ["email"],
            "fields": ["email", "tastes"],
            "coarse": {"tastes": "count"},
        },
        "tips": {
            "processing": ["personalization"],
            "basis": "consent",
            "channels": ["web"],
            "fields": ["tastes"],
        },
    },
    "lifecycle": {
        "start": "customer",
        "purpose": "tips",
        "moves": [
            {"from": ["customer"], "to": "drifting", "after": "P90D", "without": "ordered"},
            {"from": ["drifting"], "to": "customer", "on": "ordered"},
        ],
    },
    "channels": {
        "email": {"address": "email", "caps": [{"max": 1, "per": "P1D"}, {"max": 3, "per": "P7D"}]},
        "sms": {"address": "phone"},
        "push": {},
        "web": {},
    },
}


def policy(**changes: Any) -> Policy:
    """Return the shop's policy, with keys changed: ``controller__audience="general"``."""
    document = deepcopy(DOCUMENT)
    for path, value in changes.items():
        *way, last = path.split("__")
        table = document
        for step in way:
            table = table[step]
        table[last] = value
    for name, each in document["purposes"].items():
        locales = document["controller"]["locales"]
        each.setdefault("title", {locale: f"{name} ({locale})" for locale in locales})
    return Policy.of(document)


SHOP = policy()


def someone(
    *events: Any, shop: Policy = SHOP, grants: Any = (), stage: str = "customer", **about: str
) -> State:
    """Return somebody in Berlin who agreed to everything, on whom all is known, and then *events*."""
    about = {"region": "DE", "zone": "Europe/Berlin"} | about
    fields = ("email", "phone", "tastes", "visits", "allergies", "gluten")
    collected = tuple(Collected(field=name, announced=("news", "deals", "tips")) for name in fields)
    enrolled = Enrolled(
        at=NOON,
        purpose="news",
        about={name: value for name, value in about.items() if value},
        collected=collected,
        moves=(Moved(stage=stage, at=NOON),),
    )
    yes = [agree(name, shop=shop, explicit=tuple(grants)) for name in shop.purposes]
    return fold([enrolled, *yes, *events])


def agree(
    purpose: str, *, shop: Policy = SHOP, at: datetime = NOON, explicit: tuple[str, ...] = ()
) -> Granted:
    """Return a yes."""
    return Granted(
        at=at,
        purpose=purpose,
        clause=shop.clauses[purpose],
        shown="n",
        explicit=(*explicit, *shop.purposes[purpose].processing),
    )


def try_one(
    state: State,
    *,
    offer: Offer | None = None,
    shop: Policy = SHOP,
    channel: str = "email",
    at: datetime = NOON,
    **more: Any,
) -> Pick:
    """Pick from one offer."""
    return pick(shop, state, [offer or Offer("x", purpose="news")], channel=channel, at=at, **more)


def codes(answer: Pick, name: str = "x") -> list[str]:
    """Return the codes for which the offer was withheld."""
    return [why.code for why in answer.withheld.get(name, ())]


def reserve(state: State, answer: Pick, at: datetime) -> State:
    """Write down what was chosen."""
    assert answer.offer is not None
    chosen = Chosen(
        at=at,
        offer=answer.offer.name,
        purpose=answer.offer.purpose,
        channel=answer.channel,
        counts=answer.counts,
        since=answer.since,
    )
    return fold([chosen], state)
