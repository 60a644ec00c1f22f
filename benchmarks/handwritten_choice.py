"""A choice among offers as somebody would write it by hand: the rival of ``pick``.

The same filters as the built-in rules, in the order in which they would be written: what is true of the
customer once, what is true of the purpose once per purpose, and the rest per offer, with the reasons.
It has no citations, no host rules, no "from when on", and no words. :func:`differences` checks that both
choose the same offer on the same level, and withhold the others for the same reasons.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from clm_ethics.ethics import pick

from . import handwritten
from .handwritten import Person, Table, make_person

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from clm_ethics.ethics import Deadline, Offer
    from clm_ethics.model import State
    from clm_ethics.policy import Policy

CHANNEL = "email"
BUDGET = ((2, timedelta(days=1)), (4, timedelta(days=7)), (10, timedelta(days=30)))
HALVED = tuple((max(most // 2, 1), span) for most, span in BUDGET)
WIN_BACK = ((1, timedelta(days=7)), (3, timedelta(days=30)), (4, timedelta(days=90)))
URGENCY = ((2, timedelta(days=30)),)
FATIGUE = timedelta(days=90)
DRIFTING = frozenset({"at_risk"})
"""The stages that silence leads to."""


@dataclass(frozen=True, slots=True)
class Customer:
    """What is known of somebody to whom offers are made."""

    person: Person
    contacts: tuple[tuple[datetime, bool], ...]
    objected: int
    answered: datetime | None
    topics: frozenset[str] | None
    most: tuple[int, timedelta] | None
    minor_until: datetime | None


class Chosen(NamedTuple):
    """The answer: which offer on which level, and why not the others."""

    offer: str
    level: str
    withheld: dict[str, tuple[str, ...]]


def choose(table: Table, customer: Customer, offers: Sequence[Offer], at: datetime) -> Chosen:
    """Choose the offer that is worth most among those that may be made."""
    case = _look(table, customer, at)
    withheld: dict[str, tuple[str, ...]] = {}
    offer_made, level_made = "", ""
    for offer in sorted(offers, key=lambda each: (-each.value, -(each.customer_value or 0.0), each.name)):
        level, against = _judge(case, offer)
        if against:
            withheld[offer.name] = tuple(against)
        elif not offer_made:
            offer_made, level_made = offer.name, level
    return Chosen(offer_made, level_made, withheld)


class Case(NamedTuple):
    """What is true of the customer, whatever the offer; and the permissions that were asked for."""

    table: Table
    customer: Customer
    at: datetime
    stage: str
    minor: bool
    limits: list[str]
    pressed: bool
    decided: dict[tuple[str, frozenset[str]], handwritten.Answer]

    def answer(self, purpose: str, fields: frozenset[str]) -> handwritten.Answer:
        """Ask whether somebody may be contacted with these fields, once."""
        found = self.decided.get((purpose, fields))
        if found is None:
            person = self.customer.person
            asked = (*sorted(fields & self.table[purpose, person.region].fields), "email")
            found = handwritten.decide(self.table, person, purpose, asked, self.at)
            self.decided[purpose, fields] = found
        return found


def _look(table: Table, customer: Customer, at: datetime) -> Case:
    stage = handwritten._stage(table, customer.person, at)  # noqa: SLF001  (one rival in two files)
    return Case(
        table=table,
        customer=customer,
        at=at,
        stage=stage,
        minor=customer.minor_until is not None and customer.minor_until > at,
        limits=_limits(customer, stage, at),
        pressed=_full(URGENCY, [when for when, hurried in customer.contacts if hurried], at),
        decided={},
    )


def _judge(case: Case, offer: Offer) -> tuple[str, list[str]]:
    answer = case.answer(offer.purpose, offer.fields)
    if not answer.allowed:
        return "", [answer.reason]
    if not offer.fields <= answer.rule.fields:
        return "", ["offer.overreach"]
    if "email" in answer.withheld:
        return "", [answer.withheld["email"]]
    level, why = _level(offer, answer, minor=case.minor)
    against = [] if level else why
    return level, against + _declared(offer, case.at) + _person(case, offer, level) + case.limits


def _person(case: Case, offer: Offer, level: str) -> list[str]:
    found, customer = [], case.customer
    consent = customer.person.consents.get(offer.purpose)
    if customer.objected and customer.objected > (consent.index if consent is not None else 0):
        found.append("contact.objection")
    # E-mail reaches out: an offer that names no topic is not known to be wanted.
    if customer.topics is not None and not (offer.topics and offer.topics <= customer.topics):
        found.append("contact.topic")
    if offer.stages and case.stage not in offer.stages:
        found.append("offer.stage")
    if offer.personal_price and level != "individual":
        found.append("offer.price_impersonal")
    if case.minor:
        found += ["offer.risk_minor"] * bool(offer.states.risk)
        found += ["offer.pressure_minor"] * bool(offer.presses)
    return [*found, "contact.pressure"] if case.pressed and offer.presses else found


def _limits(customer: Customer, stage: str, at: datetime) -> list[str]:
    found = []
    times = [when for when, _ in customer.contacts]
    silent = [
        when
        for when in times
        if (customer.answered is None or when > customer.answered) and when + FATIGUE > at
    ]
    if len(silent) >= 16:
        found.append("contact.fatigue")
    elif len(silent) >= 8:
        found += ["contact.fatigue"] if _full(HALVED, times, at) else []
    elif _full(BUDGET, times, at):
        found.append("contact.budget")
    if customer.most is not None and _full((customer.most,), times, at):
        found.append("contact.preferred")
    if stage in DRIFTING and _full(WIN_BACK, times, at):
        found.append("contact.win_back")
    return found


def _full(caps: Iterable[tuple[int, timedelta]], times: Sequence[datetime], at: datetime) -> bool:
    return any(sum(when + span > at for when in times) >= most for most, span in caps)


def _level(offer: Offer, answer: handwritten.Answer, *, minor: bool) -> tuple[str, list[str]]:
    why: list[str] = []
    for level, wanted in (("individual", offer.uses), ("segment", offer.segment)):
        fields = wanted | {"stage"} if offer.stages and (wanted or level == "segment") else wanted
        if not fields:
            continue
        missing = [answer.withheld[field] for field in sorted(fields) if field in answer.withheld]
        if level == "segment":
            size = offer.segment_size
            missing += (["segment.unsized"] if offer.segment else []) if size is None else []
            missing += ["segment.small"] if size is not None and size < 20 else []
        if not minor and not missing:
            return level, why
        why += ["offer.minor"] * minor + missing
    return ("contextual" if offer.contextual and not offer.stages else ""), why


def _declared(offer: Offer, at: datetime) -> list[str]:
    found = []
    if offer.channels and CHANNEL not in offer.channels:
        found.append("offer.channel")
    if offer.pressure_true is False or (offer.pressure == "streak" and offer.pressure_true is not True):
        found.append("offer.pressure_untrue")
    if offer.deadline is not None and _false(offer.deadline, at):
        found.append("offer.deadline_false")
    stock = offer.scarcity
    if stock is not None and (stock.claimed != stock.stock or at - stock.counted > timedelta(minutes=15)):
        found.append("offer.scarcity_false")
    return found + _priced(offer) + _stated(offer)


def _false(said: Deadline, at: datetime) -> bool:
    early = said.ended is not None and at < said.ended + timedelta(days=14)
    return (
        said.until != said.valid_until or bool(said.resets) or not said.for_all or said.until <= at or early
    )


def _priced(offer: Offer) -> list[str]:
    found, price = [], offer.price
    if offer.personal_price:
        found += ["offer.price_undeclared"] if offer.disclosed else ["offer.price_undisclosed"]
    if price is not None:
        if price.public is not None and price.asked > price.public and not price.justification:
            found.append("offer.price_above")
        if price.for_new is not None and price.asked > price.for_new and not price.better_shown:
            found.append("offer.price_loyalty")
    return found


def _stated(offer: Offer) -> list[str]:
    found, states = [], offer.states
    if states.vulnerability and not states.protective:
        found.append("offer.vulnerability")
    if states.sources and states.intrusion > (offer.customer_value or 0.0):
        found.append("offer.intrusive")
    change = states.change
    if change is not None and (change.undo is None or change.undo > change.steps):
        found.append("offer.irreversible")
    if states.incentive is not None and states.incentive.difference > states.incentive.data_value:
        found.append("offer.retaliation")
    if states.adverse and not states.human:
        found.append("offer.no_human")
    trial = states.experiment
    if trial is not None and (not trial.harm_screened or not trial.stop_rule or trial.reads_emotion):
        found.append("offer.experiment")
    return [*found, "offer.not_urgent"] if offer.urgent else found


def make_customer(policy: Policy, state: State, at: datetime) -> Customer:
    """Write down what a state says."""
    person = make_person(state, at)
    marketing = {name for name, purpose in policy.purposes.items() if purpose.marketing}
    objected = [e.index for name, e in state.objections.items() if e.marketing or name in marketing]
    answers = [each.at for each in person.consents.values() if each.status == "granted"]
    answers += list(state.happened.values())
    stated = state.preferences
    most = (
        None
        if stated is None or stated.most is None
        else (stated.most, timedelta(seconds=stated.per.seconds))
    )
    return Customer(
        person=person,
        contacts=tuple((each.at, each.pressed) for each in state.contacts if not each.cancelled),
        objected=max(objected, default=0),
        answered=max(answers, default=None),
        topics=None if stated is None or stated.topics is None else frozenset(stated.topics),
        most=most,
        minor_until=state.minor_until,
    )


def differences(
    policy: Policy,
    table: Table,
    asked: Iterable[tuple[State, Customer]],
    offers: Sequence[Offer],
    at: datetime,
) -> list[str]:
    """Name every customer and offer on which the library and the rival differ."""
    found = []
    for number, (state, customer) in enumerate(asked):
        ours, theirs = (
            pick(policy, state, offers, channel=CHANNEL, at=at),
            choose(table, customer, offers, at),
        )
        mine = ("" if ours.offer is None else ours.offer.name, ours.level.value if ours else "")
        if mine != theirs[:2]:
            found.append(f"customer {number}: {mine} against {theirs[:2]}")
        for offer in offers:
            codes = {why.code for why in ours.withheld.get(offer.name, ())}
            other = set(theirs.withheld.get(offer.name, ()))
            # Of what a law or the customer forbids the rival gives the first reason.
            if not (codes == other or (len(other) == 1 and other < codes)):
                found.append(f"customer {number}, {offer.name}: {codes} against {other}")
    return found
