"""A shop, its people and its clock, for stories told through the public face."""

from __future__ import annotations

from copy import deepcopy
from datetime import UTC, datetime
from typing import Any

from clm_ethics import Offer, Policy, Steward
from tests.face.shop import Clock, Seeded

NOON = datetime(2026, 3, 3, 11, tzinfo=UTC)
"""Noon in Berlin, on a Tuesday."""
DOCUMENT: dict[str, Any] = {
    "format": 1,
    "controller": {
        "name": "Shop",
        "contact": "privacy@shop.example",
        "established": ["DE"],
        "markets": ["DE"],
        "audience": "adults",
        "locales": ["en"],
    },
    "fields": {
        "email": {"type": "text", "category": "user.contact.email", "lookup": "email"},
        "phone": {"type": "text", "category": "user.contact.phone_number", "lookup": "phone"},
        "tastes": {"type": "list", "max": 20, "category": "user.behavior"},
        "score": {"type": "number", "category": "user.behavior", "derived_from": ["tastes"]},
    },
    "events": {
        "ordered": {"opens": ["delivery"], "appends": {"tastes": ["word"]}},
        "delivered": {"closes": ["delivery"]},
        "visited": {},
        "complaint": {"mutes": {"direct_marketing": "P14D"}},
        "bereaved": {"mutes": {"direct_marketing": "P180D", "personalization": "P180D"}},
    },
    "purposes": {
        "account": {"processing": ["essential"], "basis": "contract", "fields": ["email", "phone"]},
        "delivery": {
            "processing": ["essential"],
            "basis": "contract",
            "channels": ["email", "sms", "web"],
            "fields": ["email", "phone", "tastes"],
            "sale": True,
        },
        "news": {
            "processing": ["direct_marketing"],
            "basis": ["consent", "soft_opt_in"],
            "channels": ["email", "sms", "push", "web"],
            "fields": ["email", "phone", "tastes", "score"],
        },
        "deals": {
            "processing": ["direct_marketing"],
            "basis": "consent",
            "channels": ["email", "sms", "push"],
            "fields": ["email", "phone", "tastes"],
        },
        "tips": {
            "processing": ["personalization"],
            "basis": "consent",
            "channels": ["web"],
            "fields": ["tastes", "score"],
        },
        "banner": {
            "processing": ["direct_marketing"],
            "basis": "legitimate_interest",
            "assessment": "LIA-7",
            "channels": ["web"],
            "fields": [],
        },
    },
    "lifecycle": {
        "start": "prospect",
        "purpose": "tips",
        "moves": [
            {"from": ["prospect", "at_risk"], "to": "customer", "on": "ordered"},
            {"from": ["customer", "won_back"], "to": "at_risk", "after": "P90D", "without": "ordered"},
            {"from": ["at_risk"], "to": "churned", "after": "P180D", "without": "ordered"},
            {"from": ["churned"], "to": "won_back", "on": "ordered"},
        ],
    },
    "channels": {"email": {"address": "email"}, "sms": {"address": "phone"}, "push": {}, "web": {}},
}


def shop_policy(**controller: Any) -> Policy:
    """Return the shop's policy, with keys of its controller changed."""
    document = deepcopy(DOCUMENT)
    document["controller"] |= controller
    for name, purpose in document["purposes"].items():
        purpose["title"] = {"en": f"Purpose {name}"}
    return Policy.of(document)


class World:
    """The shop at an instant, and whoever comes to it."""

    def __init__(self, now: datetime = NOON, **controller: Any) -> None:
        self.clock = Clock(now)
        self.shop = Steward.memory(shop_policy(**controller), clock=self.clock, random=Seeded())

    def who(self, ref: str = "ana", *, yes: tuple[str, ...] = ("news", "deals", "tips"), **said: Any) -> Any:
        """Enrol a grown-up in Berlin who agrees to *yes*; ``None`` leaves a value out."""
        told = {"email": f"{ref}@example.org", "phone": "+49 30 5550 1234", "region": "DE"}
        told |= {"zone": "Europe/Berlin", "born": "1980-01-01"} | said
        told = {name: value for name, value in told.items() if value is not None}
        person = self.shop.enroll(ref, told, purpose="account", by="web")
        for purpose in yes:
            self.agree(person, purpose)
        if "news" in yes:
            person.put({name: told[name] for name in ("email", "phone")}, purpose="news", by="web")
        return person

    def visitor(self, *yes: str) -> Any:
        """Let somebody come whom nobody knows, whose browser is in Berlin, and who agrees to *yes*."""
        person = self.shop.visitor(by="web")
        for purpose in yes:
            self.agree(person, purpose)
        person.put({"zone": "Europe/Berlin", "region": "DE"}, purpose="account", by="web")
        return person

    def agree(self, person: Any, purpose: str) -> None:
        """Let somebody say yes to the current notice."""
        person.grant(purpose, shown=self.shop.notice(purpose).id, by="web")

    def order(self, person: Any) -> None:
        """Let somebody order tea, who is told of the news at the till."""
        shown = self.shop.notice("news").id
        person.record("ordered", {"word": "tea"}, purpose="delivery", by="till", key="o-1", shown=shown)

    def go(self, **span: float) -> None:
        """Let time pass."""
        self.clock.move(**span)

    def at(self, now: datetime) -> None:
        """Set the clock."""
        self.clock.now = now


def offer_to(person: Any, purpose: str = "news", channel: str = "email", **about: Any) -> Any:
    """Choose one offer for somebody."""
    key, name = about.pop("key", None), about.pop("name", "x")
    return person.choose([Offer(name, purpose=purpose, **about)], channel=channel, by="crm", key=key)


def codes(choice: Any) -> list[str]:
    """Return why nothing was chosen."""
    return [why.code for why in choice.reasons]
