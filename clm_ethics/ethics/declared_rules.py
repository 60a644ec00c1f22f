"""Declared rules: what the host states of an offer. They block; a missing statement means "none"."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .defaults import DEADLINE_REST, STOCK_AGE
from .statements import Pressure
from .words import reason

if TYPE_CHECKING:
    from ..policy.decision import Reason
    from .facts import Facts
    from .offers import Offer


def channel(offer: Offer, facts: Facts) -> Reason | None:
    """An offer for other channels is not made on this one."""
    return reason("offer.channel") if offer.channels and facts.channel.name not in offer.channels else None


def pressure(offer: Offer, _: Facts) -> Reason | None:
    """What hurries people is true; of a streak the host says so (E07)."""
    if offer.pressure_true is False:
        return reason("offer.pressure_untrue", ", ".join(sorted(offer.presses)))
    if offer.pressure == Pressure.STREAK and offer.pressure_true is not True:
        return reason("offer.pressure_untrue", offer.pressure)
    return None


def deadline(offer: Offer, facts: Facts) -> Reason | None:
    """A deadline is when the offer ends, for everybody, and it is kept (E06)."""
    said = offer.deadline
    if said is None:
        unproven = offer.pressure == Pressure.DEADLINE and offer.pressure_true is not False
        return reason("offer.pressure_untrue", "no deadline=Deadline(...)") if unproven else None
    if said.until != said.valid_until:
        return reason("offer.deadline_false", "the offer ends at another time")
    if said.resets:
        return reason("offer.deadline_false", "it has been put off before")
    if not said.for_all:
        return reason("offer.deadline_false", "everybody has another one")
    if said.until <= facts.at:
        return reason("offer.deadline_false", "it is over")
    if said.ended is not None and facts.at < said.ended + DEADLINE_REST:
        return reason("offer.deadline_false", "the same offer ended a moment ago, and is back")
    return None


def scarcity(offer: Offer, facts: Facts) -> Reason | None:
    """A scarcity is the stock, counted just now (E05)."""
    said = offer.scarcity
    if said is None:
        unproven = offer.pressure == Pressure.SCARCITY and offer.pressure_true is not False
        return reason("offer.pressure_untrue", "no scarcity=Scarcity(...)") if unproven else None
    if said.claimed != said.stock:
        return reason("offer.scarcity_false", "the stock is another")
    if facts.at - said.counted > STOCK_AGE:
        return reason("offer.scarcity_false", "the stock was counted too long ago")
    if said.counted - facts.at > STOCK_AGE:  # clocks differ by minutes, not by hours
        return reason("offer.scarcity_false", "the stock is said to be counted later than now")
    return None


def price_disclosed(offer: Offer, _: Facts) -> Reason | None:
    """A personal price is disclosed (E15)."""
    return reason("offer.price_undisclosed") if offer.personal_price and offer.disclosed is not True else None


def price_declared(offer: Offer, facts: Facts) -> Reason | None:
    """A personal price is a processing of its own, with a row of law of its own."""
    if offer.personal_price and "personalised_price" not in facts.purpose.processing:
        return reason("offer.price_undeclared")
    return None


def price_above(offer: Offer, _: Facts) -> Reason | None:
    """Nobody pays more than the public price without a documented cost (E14)."""
    price = offer.price
    if price is None or price.public is None or price.asked <= price.public or price.justification:
        return None
    return reason("offer.price_above")


def loyalty(offer: Offer, _: Facts) -> Reason | None:
    """Who stays pays no more than who is new, or is shown how to get that price (E17)."""
    price = offer.price
    if price is None or price.for_new is None or price.asked <= price.for_new or price.better_shown:
        return None
    return reason("offer.price_loyalty")


def vulnerable(offer: Offer, _: Facts) -> Reason | None:
    """Nobody's weakness is used against them (E01)."""
    if offer.states.vulnerability and not offer.states.protective:
        return reason("offer.vulnerability", offer.states.vulnerability)
    return None


def intrusion(offer: Offer, _: Facts) -> Reason | None:
    """Data from where nobody expects it needs to be worth it to the customer (E19)."""
    states = offer.states
    if states.sources and states.intrusion > (offer.customer_value or 0.0):
        return reason("offer.intrusive", ", ".join(sorted(states.sources)))
    return None


def reversible(offer: Offer, _: Facts) -> Reason | None:
    """What changes by itself can be undone as easily (E22)."""
    change = offer.states.change
    if change is None or (change.undo is not None and change.undo <= change.steps):
        return None
    return reason("offer.irreversible", change.what)


def retaliation(offer: Offer, _: Facts) -> Reason | None:
    """Who keeps their data does not pay more for it than the data is worth (E27)."""
    incentive = offer.states.incentive
    if incentive is None or incentive.difference <= incentive.data_value:
        return None
    return reason("offer.retaliation")


def human_path(offer: Offer, _: Facts) -> Reason | None:
    """A decision against the customer has a human behind it (E30)."""
    return reason("offer.no_human") if offer.states.adverse and not offer.states.human else None


def trial(offer: Offer, _: Facts) -> Reason | None:
    """An experiment was screened for harm, can be stopped, and reads no emotions (E30)."""
    found = offer.states.experiment
    if found is None:
        return None
    if not found.harm_screened:
        return reason("offer.experiment", "nobody has screened it for harm")
    if not found.stop_rule:
        return reason("offer.experiment", "nothing says when to stop it")
    return reason("offer.experiment", "it reads emotions") if found.reads_emotion else None


def urgent(offer: Offer, facts: Facts) -> Reason | None:
    """Only a service is urgent; advertising can wait until the morning."""
    return reason("offer.not_urgent") if offer.urgent and not facts.service else None


def sells(offer: Offer, facts: Facts) -> Reason | None:
    """A service runs out of nothing: what lures is advertising, and none of its limits may be left out.

    A deadline passes: a parcel is kept until Friday, and a bill is due.
    """
    lures = sorted(offer.presses & {Pressure.SCARCITY.value, Pressure.STREAK.value})
    lures += ["incentive"] if offer.states.incentive is not None else []
    return reason("offer.sells", ", ".join(lures)) if facts.service and lures else None
