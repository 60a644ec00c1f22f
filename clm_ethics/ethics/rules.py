"""The rules, by name: small pure functions ``(offer, facts) -> Reason | None``. A reason denies.

State rules work on what the ledger knows; declared rules on what the host states of an offer. A
rule that raises denies: what cannot be judged is not made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ..model.state import Status
from . import timing
from .offers import Level
from .words import reason

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ..model.state import Objection
    from ..policy.decision import Reason
    from .facts import Facts
    from .offers import Offer


class Rule(NamedTuple):
    """A rule and its name."""

    name: str
    check: Callable[[Offer, Facts], Reason | None]


def apply_rules(rules: Iterable[Rule], offer: Offer, facts: Facts) -> tuple[Reason, ...]:
    """Return what *rules* say against *offer*, each once, in their order."""
    found: dict[Reason, None] = {}
    for rule in rules:
        try:
            why = rule.check(offer, facts)
        except Exception as error:  # noqa: BLE001  (whatever it is: it denies, and its text may be personal)
            why = reason("rule.error", f"{rule.name} raised {type(error).__name__}")
        if why is not None:
            found[why] = None
    return tuple(found)


# --- state rules: what the ledger knows ----------------------------------------------------------


def _caps(_: Offer, facts: Facts) -> Reason | None:
    return _why(timing.caps(facts))


def _budget(_: Offer, facts: Facts) -> Reason | None:
    return _why(timing.budget(facts))


def _win_back(_: Offer, facts: Facts) -> Reason | None:
    return _why(timing.win_back(facts))


def _quiet(_: Offer, facts: Facts) -> Reason | None:
    return _why(timing.quiet(facts))


def _why(wait: timing.Wait | None) -> Reason | None:
    return None if wait is None else wait.why


def _hopping(_: Offer, facts: Facts) -> Reason | None:
    """Art. 21(3) GDPR, and more: who objects to direct marketing does not get it by another way."""
    purpose = facts.purpose
    if not purpose.marketing and "targeted_ads" not in purpose.processing:
        return None
    consent = facts.state.consents.get(purpose.name)
    agreed = consent.index if consent is not None and consent.status is Status.GRANTED else 0
    for name, objection in facts.state.objections.items():
        if _reaches_marketing(facts, name, objection) and objection.index > agreed:
            return reason("contact.objection")
    return None


def _reaches_marketing(facts: Facts, name: str, objection: Objection) -> bool:
    about = facts.policy.purposes.get(name)
    return objection.marketing or (about is not None and about.marketing)


def _minor_aim(_: Offer, facts: Facts) -> Reason | None:
    return reason("offer.minor") if facts.minor else None


def _stage(offer: Offer, facts: Facts) -> Reason | None:
    return reason("offer.stage") if offer.stages and facts.stage not in offer.stages else None


# --- declared rules: what the host states --------------------------------------------------------


def _pressure(offer: Offer, facts: Facts) -> Reason | None:
    if not offer.pressure:
        return None
    if facts.minor:
        return reason("offer.pressure_minor", offer.pressure)
    return None if offer.pressure_true is True else reason("offer.pressure_untrue", offer.pressure)


def _price_disclosed(offer: Offer, _: Facts) -> Reason | None:
    return reason("offer.price_undisclosed") if offer.personal_price and offer.disclosed is not True else None


def _price_declared(offer: Offer, facts: Facts) -> Reason | None:
    """A personal price is a processing of its own, with a row of law of its own."""
    if offer.personal_price and "personalised_price" not in facts.purpose.processing:
        return reason("offer.price_undeclared")
    return None


def _price_aimed(offer: Offer, facts: Facts) -> Reason | None:
    """A price cannot be personal where no personal data may be used."""
    if offer.personal_price and facts.level is not Level.INDIVIDUAL:
        return reason("offer.price_impersonal")
    return None


AIM_RULES = (Rule("minors", _minor_aim),)
"""What keeps the customer's data out of an offer, which may then still be made without."""

RULES = (
    Rule("no_channel_hopping", _hopping),
    Rule("offer_stage", _stage),
    Rule("pressure", _pressure),
    Rule("price_disclosed", _price_disclosed),
    Rule("price_declared", _price_declared),
    Rule("price_aimed", _price_aimed),
    Rule("channel_caps", _caps),
    Rule("contact_budget", _budget),
    Rule("win_back", _win_back),
    Rule("quiet_hours", _quiet),
)
"""What an offer must pass, at whatever level."""
