"""A trader with the purposes and the clock of a scenario, and customers made through the face."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Self

import attrs

from clm_ethics import Policy, Steward

if TYPE_CHECKING:
    from collections.abc import Mapping

    from clm_ethics import Customer, Decision

LIA = "balancing tests, no. 1"
YEARS = {"for": "P3Y", "from": "collected"}

FIELDS: dict[str, Any] = {
    "email": {"type": "text", "category": "user.contact.email", "lookup": "email"},
    "phone": {"type": "text", "category": "user.contact.phone_number", "lookup": "phone"},
    "address": {"type": "map", "category": "user.contact.address"},
    "purchases": {"type": "list", "max": 100, "category": "user.behavior.purchase_history"},
    "invoices": {"type": "list", "max": 100, "category": "user.financial"},
    "visits": {"type": "integer", "category": "user.behavior.browsing_history"},
    "diet": {"type": "text", "category": "user.health_and_medical"},
    "leaning": {
        "type": "text",
        "category": "user.demographic.sexual_orientation",
        "derived_from": ["purchases"],
    },
}

EVENTS: dict[str, Any] = {
    "ordered": {"appends": {"purchases": ["sku"], "invoices": ["number"]}, "opens": ["order"]},
    "delivered": {"closes": ["order"]},
    "left": {"closes": ["account"]},
}


def _marketing(basis: list[str], *channels: str, fields: list[str], **more: Any) -> dict[str, Any]:
    return {
        "processing": "direct_marketing",
        "basis": basis,
        "channels": list(channels),
        "fields": fields,
        "keep": {"for": "P30D", "from": "withdrawal"},
        **more,
    }


def _interest(processing: str, fields: list[str], **more: Any) -> dict[str, Any]:
    return {
        "processing": processing,
        "basis": "legitimate_interest",
        "assessment": LIA,
        "fields": fields,
        "keep": YEARS,
        **more,
    }


def _agreed(processing: str, fields: list[str], **more: Any) -> dict[str, Any]:
    return {"processing": processing, "basis": "consent", "fields": fields, "keep": YEARS, **more}


PURPOSES: dict[str, dict[str, Any]] = {
    "account": {
        "processing": "essential",
        "basis": "contract",
        "fields": ["email", "phone", "born"],
        "keep": {"for": "P30D", "from": "contract_end"},
    },
    "order": {
        "processing": "essential",
        "basis": "contract",
        "sale": True,
        "fields": ["email", "phone", "address", "purchases", "invoices", "diet"],
        "keep": {"for": "P3Y", "from": "contract_end"},
    },
    "invoicing": {
        "processing": "essential",
        "basis": "legal_obligation",
        "law": "DE AO s. 147",
        "fields": ["address", "invoices"],
        "keep": {"for": "P8Y", "from": "year_end"},
    },
    "messages": {
        "processing": "essential",
        "basis": "contract",
        "channels": ["email", "sms", "app"],
        "fields": ["email", "phone"],
        "keep": {"for": "P30D", "from": "contract_end"},
    },
    "archive": _interest("storage", ["email"]),
    "fraud": _interest("essential", ["email", "purchases"], compatible_with=["account", "order"]),
    "security": _interest("essential", ["email"]),
    "newsletter": _marketing(
        ["consent", "soft_opt_in"], "email", "sms", fields=["email", "phone", "purchases"]
    ),
    "mailing": _marketing(["legitimate_interest"], "email", "sms", fields=["email", "phone"], assessment=LIA),
    "letters": _marketing(["legitimate_interest"], "post", fields=["address"], assessment=LIA),
    "calls": _marketing(["legitimate_interest"], "phone", fields=["phone"], assessment=LIA),
    "push": _marketing(["legitimate_interest"], "app", fields=["purchases"], assessment=LIA),
    "banner": _marketing(["legitimate_interest"], "web", fields=["purchases"], assessment=LIA),
    "advice": _agreed("personalization", ["purchases", "diet", "born"], explicit=["diet"]),
    "tips": _interest("personalization", ["purchases"]),
    "counting": _interest("analytics", ["purchases"]),
    "webcount": _interest("analytics", ["visits"], device=True),
    "cart": {
        "processing": "essential",
        "basis": "contract",
        "device": True,
        "fields": ["email"],
        "keep": {"for": "P30D", "from": "contract_end"},
    },
    "ads": _agreed("targeted_ads", ["visits"], device=True),
    "partners": _agreed("sale_sharing", ["email"], shared_with=["A partner"]),
    "credit": _agreed("automated_decision", ["purchases"]),
    "pricing": _interest("personalised_price", ["purchases"]),
}
"""What traders in Europe do; a scenario names those that it is about."""

CHANNELS: dict[str, Any] = {
    "email": {"address": "email"},
    "sms": {"address": "phone"},
    "phone": {"address": "phone"},
    "post": {"address": "address"},
    "app": {},
    "inbox": {},
    "web": {},
}

VALUES: dict[str, Any] = {
    "email": "ana@example.org",
    "phone": "+491701234567",
    "address": {"street": "Marktplatz 1"},
}


def law_of(established: str, names: tuple[str, ...] = (), **changes: Any) -> Policy:
    """Return the policy of a trader with account, order, invoicing, and the purposes named or changed.

    Args:
        established: the country of the trader.
        names: purposes as they stand in ``PURPOSES``.
        changes: per purpose what differs; ``facts``, ``audience`` and ``markets`` of the controller.
    """
    controller: dict[str, Any] = {"name": "Trader", "contact": "privacy@trader.example"}
    controller |= {"established": [established], "audience": changes.pop("audience", "adults")}
    controller |= {key: changes.pop(key) for key in ("facts", "markets") if key in changes}
    wanted = dict.fromkeys(("account", "order", "invoicing", *names, *changes))
    purposes = {
        name: {"title": {"en": name}, **PURPOSES.get(name, {}), **changes.get(name, {})} for name in wanted
    }
    return Policy.of(
        {
            "format": 1,
            "controller": controller,
            "fields": FIELDS,
            "events": EVENTS,
            "purposes": purposes,
            "channels": CHANNELS,
        }
    )


@attrs.define
class Market:
    """A steward whose clock stands still until the scenario moves it."""

    country: str
    now: datetime
    steward: Steward = attrs.field(init=False)
    count: int = 0

    @classmethod
    def of(cls, country: str, *names: str, on: str = "2026-05-04", **changes: Any) -> Self:
        """Open a market of a trader in *country* at noon (UTC) of the day *on*."""
        market = cls(country, _noon(on))
        market.steward = Steward.memory(law_of(country, names, **changes), clock=lambda: market.now)
        return market

    def go(self, day: str) -> None:
        """Move the clock to noon of *day*."""
        self.now = _noon(day)

    def later(self, **span: float) -> None:
        """Move the clock on."""
        self.now += timedelta(**span)

    def person(
        self,
        *told: str,
        region: str | None = "",
        born: str | None = "1980-01-01",
        values: Mapping[str, Any] | None = None,
        **about: str,
    ) -> Customer:
        """Enrol somebody with an account; *told* names the purposes of the notice that they were shown.

        An empty *region* is the country of the trader, ``None`` an unknown one.
        """
        self.count += 1
        known: dict[str, Any] = {"email": VALUES["email"], "phone": VALUES["phone"]}
        known |= {"region": self.country if region == "" else region, "born": born, **about, **(values or {})}
        known = {name: value for name, value in known.items() if value is not None}
        shown = self.notice(*told) if told else None
        return self.steward.enroll(f"c-{self.count}", known, purpose="account", by="signup", shown=shown)

    def buyer(self, *told: str, **person: Any) -> Customer:
        """Enrol somebody who gives address, phone and e-mail with an order, having been shown *told*."""
        who = self.person(**person)
        shown = self.notice(*told) if told else None
        who.put(dict(VALUES), purpose="order", by="checkout", shown=shown)
        who.record("ordered", {"sku": "tea", "number": "1"}, purpose="order", by="checkout", key="o-1")
        return who

    def notice(self, *purposes: str) -> str:
        """Return the id of the notice of *purposes*."""
        return self.steward.notice(*purposes).id

    def yes(self, who: Customer, purpose: str, **more: Any) -> None:
        """Have *who* agree to *purpose*."""
        who.grant(purpose, shown=self.notice(purpose), by="web", **more)


def allowed(answer: Decision) -> str:
    """Return the basis of an allowed *answer*, or say why it is none."""
    assert answer, answer.codes
    return answer.basis


def denied(answer: Decision) -> tuple[str, ...]:
    """Return the codes of a denied *answer*."""
    assert not answer, (answer.basis, answer.codes)
    return answer.codes


def duties(answer: Decision) -> set[str]:
    """Return the duties that go with a yes."""
    return set(answer.obligations)


def _noon(day: str) -> datetime:
    each = date.fromisoformat(day)
    return datetime(each.year, each.month, each.day, 12, tzinfo=UTC)
