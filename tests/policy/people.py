"""A shop with a purpose for each legal question, and customers made of a few events."""

from __future__ import annotations

from copy import deepcopy
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from clm_ethics.model import (
    Collected,
    Enrolled,
    Granted,
    Moved,
    Objected,
    Put,
    Refused,
    State,
    Withdrawn,
    fold,
)
from clm_ethics.policy import Decision, Policy, Request, decide

if TYPE_CHECKING:
    from clm_ethics.model import Event

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
DAY = timedelta(days=1)

DOCUMENT: dict[str, Any] = {
    "format": 1,
    "controller": {
        "name": "Shop",
        "contact": "privacy@shop.example",
        "established": ["DE"],
        "markets": ["DE", "FR"],
        "audience": "adults",
    },
    "fields": {
        "email": {"type": "text", "category": "user.contact.email", "lookup": "email"},
        "phone": {"type": "text", "category": "user.contact.phone_number"},
        "address": {"type": "map", "category": "user.contact.address"},
        "purchases": {"type": "list", "max": 100, "category": "user.behavior.purchase_history"},
        "invoices": {"type": "list", "max": 100, "category": "user.financial"},
        "tastes": {"type": "list", "max": 20, "category": "user.behavior"},
        "allergies": {"type": "list", "max": 20, "category": "user.health_and_medical"},
        "points": {"type": "integer", "category": "user.account", "source": "till"},
    },
    "events": {"ordered": {"appends": {"purchases": ["sku"]}, "opens": ["order"]}},
    "purposes": {
        "account": {
            "processing": ["essential"],
            "basis": "contract",
            "fields": ["email", "points", "born"],
            "keep": {"for": "P30D", "from": "contract_end"},
        },
        "order": {
            "processing": ["essential"],
            "basis": "contract",
            "sale": True,
            "fields": ["email", "address", "purchases"],
            "keep": {"for": "P3Y", "from": "contract_end"},
        },
        "invoicing": {
            "processing": ["essential"],
            "basis": "legal_obligation",
            "law": "DE AO s. 147",
            "fields": ["address", "invoices", "points"],
            "keep": {"for": "P8Y", "from": "year_end"},
            "actors": ["bookkeeping"],
        },
        "advice": {
            "processing": ["personalization"],
            "basis": "consent",
            "fields": ["purchases", "tastes", "allergies", "born", "stage"],
            "explicit": ["allergies"],
            "coarse": {"born": "year", "tastes": "count"},
            "stages": ["customer", "drifting"],
            "keep": {"for": "P3Y", "from": "collected"},
        },
        "newsletter": {
            "processing": ["direct_marketing"],
            "basis": ["consent", "soft_opt_in"],
            "basis_under": {"US": ["opt_out"]},
            "channels": ["email", "sms"],
            "fields": ["email", "phone", "tastes"],
            "keep": {"for": "P30D", "from": "withdrawal"},
        },
        "catalogue": {
            "processing": ["direct_marketing"],
            "basis": ["legitimate_interest", "consent"],
            "assessment": "balancing test 3",
            "channels": ["post"],
            "fields": ["address"],
        },
        "calls": {
            "processing": ["direct_marketing"],
            "basis": "opt_out",
            "channels": ["phone"],
            "fields": ["phone"],
        },
        "ads": {
            "processing": ["targeted_ads", "sale_sharing"],
            "basis": "consent",
            "basis_under": {"US": ["opt_out"]},
            "fields": ["tastes"],
        },
        "figures": {
            "processing": ["analytics"],
            "basis": "legitimate_interest",
            "assessment": "balancing test 4",
            "compatible_with": ["order"],
            "fields": ["purchases", "tastes"],
        },
        "archive": {
            "processing": ["storage"],
            "basis": "legitimate_interest",
            "assessment": "5",
            "fields": [],
        },
    },
    "lifecycle": {
        "start": "prospect",
        "purpose": "advice",
        "moves": [
            {"from": ["prospect", "drifting"], "to": "customer", "on": "ordered"},
            {"from": ["customer"], "to": "drifting", "after": "P90D", "without": "ordered"},
            {"from": ["drifting"], "to": "gone", "after": "P180D", "without": "ordered"},
        ],
    },
    "channels": {
        "email": {"address": "email"},
        "sms": {"address": "phone"},
        "phone": {"address": "phone"},
        "post": {"address": "address"},
        "web": {},
    },
}


def shop(**changes: Any) -> Policy:
    """Return the shop's policy, with keys changed: ``purposes__advice__device=True``."""
    document = deepcopy(DOCUMENT)
    for path, value in changes.items():
        *way, last = path.split("__")
        table = document
        for step in way:
            table = table.setdefault(step, {})
        table[last] = value
    for name, each in document["purposes"].items():
        each.setdefault("title", {"en": name})
    return Policy.of(document)


SHOP = shop()


def someone(*events: Event, stage: str = "customer", at: datetime = NOON, **about: str) -> State:
    """Return the state of somebody in Germany with an open account, and then *events*."""
    about = {"region": "DE"} | about
    first = Enrolled(
        at=at,
        purpose="account",
        opened={"account": b"a"},
        about={name: value for name, value in about.items() if value},
        moves=(Moved(stage=stage, at=at),),
    )
    return fold([first, *events])


def yes(purpose: str, *, shop: Policy = SHOP, at: datetime = NOON, **how: Any) -> Granted:
    """Return a yes to the purpose's clause."""
    return Granted(at=at, purpose=purpose, clause=shop.clauses[purpose], shown="n", **how)


def withdrawn(purpose: str, at: datetime = NOON) -> Withdrawn:
    """Return a yes taken back."""
    return Withdrawn(at=at, purpose=purpose)


def refused(purpose: str, at: datetime = NOON) -> Refused:
    """Return a no to what was asked."""
    return Refused(at=at, purpose=purpose)


def objected(purpose: str, at: datetime = NOON, *, shop: Policy = SHOP) -> Objected:
    """Return an objection as the verb records it."""
    return Objected(at=at, purpose=purpose, marketing=shop.purposes[purpose].marketing)


def put(purpose: str, *fields: str, at: datetime = NOON, told: tuple[str, ...] = (), **how: Any) -> Put:
    """Return that *fields* were collected for *purpose*, with a notice of *told*."""
    named = tuple(sorted({purpose, *told}))
    consented = how.pop("consented", False)
    collected = tuple(Collected(field=each, announced=named, consented=consented) for each in fields)
    return Put(at=at, purpose=purpose, collected=collected, informed=told, shown="n" if told else "", **how)


def ask(
    state: State, purpose: str, channel: str = "", *, shop: Policy = SHOP, at: datetime = NOON, **more: Any
) -> Decision:
    """Decide."""
    return decide(shop, state, Request(purpose, channel=channel, **more), at)
