"""State rules: what the ledger knows of the customer. They block."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..model.state import Status
from ..policy.vocabulary import SPECIAL, special
from . import timing
from .offers import Level
from .words import reason

if TYPE_CHECKING:
    from ..model.state import Objection
    from ..policy.decision import Reason
    from .facts import Facts
    from .offers import Offer

ABOUT_MARKETING = frozenset({"targeted_ads", "sale_sharing"})
"""Processings beside direct marketing that an objection to it, or an opt-out signal, reaches."""


def caps(_: Offer, facts: Facts) -> Reason | None:
    """The channel's own limit (E08)."""
    return _why(timing.caps(facts))


def budget(_: Offer, facts: Facts) -> Reason | None:
    """The limit over all channels, halved for whoever never answers (E08, E09)."""
    return _why(timing.budget(facts))


def win_back(_: Offer, facts: Facts) -> Reason | None:
    """The limit for whoever drifts away."""
    return _why(timing.win_back(facts))


def urgency(offer: Offer, facts: Facts) -> Reason | None:
    """How often somebody is put under pressure (E07)."""
    return _why(timing.urgency(facts)) if offer.presses else None


def quiet(offer: Offer, facts: Facts) -> Reason | None:
    """Nights, on the customer's clock (E10); a service that cannot wait rings through them."""
    return None if offer.urgent and facts.service else _why(timing.quiet(facts))


def _why(wait: timing.Wait | None) -> Reason | None:
    return None if wait is None else wait.why


def hopping(_: Offer, facts: Facts) -> Reason | None:
    """Art. 21(3) GDPR, and more: who objects to direct marketing does not get it by another way."""
    purpose = facts.purpose
    related = purpose.marketing or not ABOUT_MARKETING.isdisjoint(purpose.processing)
    if not related and (facts.service or not timing.reaches(facts.channel)):
        return None  # what reaches out and is no service is marketing by another name
    consent = facts.state.consents.get(purpose.name)
    agreed = consent.index if consent is not None and consent.status is Status.GRANTED else 0
    for name, objection in facts.state.objections.items():
        if _reaches_marketing(facts, name, objection) and objection.index > agreed:
            return reason("contact.objection")
    return None


def _reaches_marketing(facts: Facts, name: str, objection: Objection) -> bool:
    about = facts.policy.purposes.get(name)
    return objection.marketing or (about is not None and about.marketing)


def peace(_: Offer, facts: Facts) -> Reason | None:
    """Who is left in peace is not reached by advertising of another name either (E11, E12)."""
    until = facts.state.mutes.get("direct_marketing")
    if facts.service or until is None or until <= facts.at or not timing.reaches(facts.channel):
        return None
    return reason("contact.peace")


def topics(offer: Offer, facts: Facts) -> Reason | None:
    """Whoever has said what they care about hears of nothing else (E13), but for services.

    Every topic of the offer has to be wanted: tea for Mother's Day is about Mother's Day, too. An offer
    that names none is not known to be wanted: it may wait on a page, and does not reach out.
    """
    stated = facts.state.preferences
    if facts.service or stated is None or stated.topics is None:
        return None
    if not offer.topics:
        silent = not stated.topics or timing.reaches(facts.channel)
        return reason("contact.topic", "the offer names no topic") if silent else None
    unwanted = sorted(offer.topics.difference(stated.topics))
    return reason("contact.topic", ", ".join(unwanted)) if unwanted else None


def preferred(_: Offer, facts: Facts) -> Reason | None:
    """How often the customer wants to be addressed."""
    return _why(timing.preferred(facts))


def risky(offer: Offer, facts: Facts) -> Reason | None:
    """No credit, gambling, alcohol or diet for minors, and for whoever is in distress (E02, E29)."""
    if not offer.states.risk or offer.states.protective:
        return None
    if facts.minor:
        return reason("offer.risk_minor", offer.states.risk)
    return reason("offer.risk_distress", offer.states.risk) if facts.distressed else None


def signals(_: Offer, facts: Facts) -> Reason | None:
    """An opt-out signal counts everywhere, not only where a law binds us to it (E28)."""
    if facts.state.signals and not ABOUT_MARKETING.isdisjoint(facts.purpose.processing):
        return reason("contact.signal")
    return None


def inferred(offer: Offer, facts: Facts) -> Reason | None:
    """A special category is told by inference with an explicit yes only (E03)."""
    if not offer.states.infers:
        return None
    consent = facts.state.consents.get(facts.purpose.name)
    said = consent.explicit if consent is not None and consent.status is Status.GRANTED else ()
    declared = facts.policy.fields
    agreed = {_root(declared[name].category) for name in said if name in declared and declared[name].special}
    for category in sorted(offer.states.infers):
        if special(category) and _root(category) not in agreed:
            return reason("offer.inference", category)
    return None


def _root(category: str) -> str:
    roots = [root for root in SPECIAL if category == root or category.startswith(root + ".")]
    return SPECIAL[max(roots, key=len)] if roots else ""


def experiment(offer: Offer, facts: Facts) -> Reason | None:
    """Nobody vulnerable is experimented on (E30)."""
    trial = offer.states.experiment
    return reason("offer.experiment_people") if trial and (facts.minor or facts.distressed) else None


def pressed_minor(offer: Offer, facts: Facts) -> Reason | None:
    """No minor, and nobody in distress, is hurried (E07, E29)."""
    if not offer.presses:
        return None
    said = ", ".join(sorted(offer.presses))
    if facts.minor:
        return reason("offer.pressure_minor", said)
    return reason("offer.pressure_distress", said) if facts.distressed else None


def stage(offer: Offer, facts: Facts) -> Reason | None:
    """An offer for other stages is not made."""
    return reason("offer.stage") if offer.stages and facts.stage not in offer.stages else None


def price_aimed(offer: Offer, facts: Facts) -> Reason | None:
    """A price cannot be personal where no personal data may be used."""
    if offer.personal_price and facts.level is not Level.INDIVIDUAL:
        return reason("offer.price_impersonal")
    return None


def minor_aim(_: Offer, facts: Facts) -> Reason | None:
    """No minor is profiled for an offer (E29); it may be made without their data."""
    return reason("offer.minor") if facts.minor else None
