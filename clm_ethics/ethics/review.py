"""Looking at policy, journey and offers before anybody is contacted: findings, and what to do about each.

It blocks nothing by itself. ``Finding.blocks`` marks what the rules will withhold, whomever it is
for; the rest is for somebody to look at.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..model.state import State
from ..model.times import aware
from ..policy.values import Basis
from . import timing
from .catalogue import CATALOGUE
from .defaults import DISTURBING, GRAVE, HOUSE_QUIET, LEAST_SEGMENT, SERVICE
from .facts import Facts
from .findings import Finding
from .offers import Level
from .prompts import judge_prompt
from .rules import DECLARED_RULES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime

    from ..policy.policy import Policy
    from ..policy.values import Channel, Purpose
    from .offers import Offer
    from .prompts import Prompt
    from .rule import Rule

_NUMBERS = {where: each.id for each in CATALOGUE for where in each.where}
_DAY = 24 * 60
_REMEDIES = {
    "offer.pressure_untrue": "state what makes it true, or take the pressure out",
    "offer.deadline_false": "say when it really ends, to everybody, once",
    "offer.scarcity_false": "say what the stock is, right before it is shown",
    "offer.price_undisclosed": "tell the customer, and state disclosed = true",
    "offer.price_undeclared": "use a purpose that declares personalised_price",
    "offer.price_above": "ask no more than the public price, or document the cost",
    "offer.price_loyalty": "ask the same of all, or show how to get the better price",
    "offer.vulnerability": "pick people by something else, unless it protects them (protective = true)",
    "offer.intrusive": "leave the data out, or state what it is worth to the customer",
    "offer.irreversible": "let the customer undo it in as many steps",
    "offer.retaliation": "lower the difference to what the data is worth",
    "offer.no_human": "name a human who looks again, and state human = true",
    "offer.experiment": "screen it for harm, say when it is stopped, and read no emotions",
    "offer.not_urgent": "leave out urgent, or use a purpose that is a service",
    "offer.sells": "use a purpose of direct marketing, or leave out what lures",
    "prompt.unequal": "make the no as easy and as visible as the yes",
    "prompt.one_way": "let a yes be taken back as easily as it was given",
    "prompt.loaded": "name both answers plainly",
}


def review(
    policy: Policy,
    offers: Iterable[Offer] = (),
    *,
    at: datetime,
    prompts: Mapping[str, Prompt] | None = None,
    rules: Iterable[Rule] = (),
) -> tuple[Finding, ...]:
    """Return what is found in *policy*, its journey, *offers* and *prompts* at *at* (aware).

    *rules* are the host's own; those that look at offers alone (``Kind.DECLARED``) are asked, too.
    """
    moment = aware(at, "review")
    own = tuple(rule for rule in rules if rule.kind == "declared")
    found = [*_about_policy(policy), *_about_journey(policy)]
    for offer in offers:
        found += dict.fromkeys(_about_offer(policy, offer, moment, own))
    for name, prompt in (prompts or {}).items():
        numbers = {"prompt.unequal": "E23", "prompt.one_way": "E24", "prompt.loaded": "E26"}
        found += [
            Finding(numbers[why.code], f"prompts.{name}", why.text, _REMEDIES[why.code], blocks=True)
            for why in judge_prompt(prompt)
        ]
    return tuple(found)


# --- the policy --------------------------------------------------------------------------------------


def _about_policy(policy: Policy) -> Iterator[Finding]:
    marketing = [purpose for purpose in policy.purposes.values() if purpose.marketing]
    if marketing:
        yield from _about_peace(policy)
    for purpose in policy.purposes.values():
        yield from _about_purpose(policy, purpose)
    for channel in policy.channels.values():
        yield from _about_channel(channel)


def _about_peace(policy: Policy) -> Iterator[Finding]:
    spans = [
        rule.mutes["direct_marketing"] for rule in policy.events.values() if "direct_marketing" in rule.mutes
    ]
    if not spans:
        text = "no event silences direct marketing: a complaint changes nothing"
        yield Finding("E12", "events", text, 'write mutes = { direct_marketing = "P14D" } at an event')
    elif not any(span.outlasts(GRAVE) for span in spans):
        text = "no event silences for 30 days or more: nobody can say that somebody grieves, or is in debt"
        yield Finding("E11", "events", text, 'declare one, with mutes = { direct_marketing = "P365D" }')
    if all(rule.mutes for rule in policy.events.values()):
        text = "no event is an answer, so nobody can tell who never answers"
        yield Finding("E09", "events", text, "declare what customers do, such as an order or a visit")


def _about_purpose(policy: Policy, purpose: Purpose) -> Iterator[Finding]:
    place = f"purposes.{purpose.name}"
    behaves = [
        name
        for name in purpose.fields
        if name in policy.fields and policy.fields[name].category.startswith("user.behavior")
    ]
    reached = [name for name in purpose.channels if timing.reaches(policy.channels[name])]
    if SERVICE.issuperset(purpose.processing) and reached and behaves:
        text = f"a service that reaches out and knows {', '.join(behaves)}: advertising by another name?"
        remedy = "list only what the service needs; services are held back by no contact limit"
        yield Finding("E08", f"{place}.fields", text, remedy)
    special = [name for name in purpose.fields if policy.special(name)]
    if purpose.marketing and special:
        text = f"direct marketing that knows {', '.join(special)}: a special category"
        yield Finding("E03", f"{place}.fields", text, "take it out, or have somebody review why it is needed")
    if purpose.marketing and Basis.CONSENT in purpose.all_bases and purpose.consent_expires is None:
        text = "a yes to direct marketing that never expires"
        yield Finding("E20", f"{place}.consent_expires", text, 'write how long it is fresh, such as "P13M"')
    if "automated_decision" in purpose.processing:
        text = "decisions by machine alone"
        yield Finding("E30", place, text, "state adverse and human at its offers, and name who looks again")
    if {"personalization", "targeted_ads"} & set(
        purpose.processing
    ) and policy.controller.audience != "adults":
        text = f"profiling, and the audience is {policy.controller.audience}: without a date of birth a minor"
        yield Finding("E29", place, text, "offer something that needs no data, for everybody else")


def _about_channel(channel: Channel) -> Iterator[Finding]:
    if channel.row in DISTURBING and channel.quiet is not None:
        own, house = channel.quiet, HOUSE_QUIET
        loud = [
            minute
            for minute in range(_DAY)
            if timing.within(house, minute) and not timing.within(own, minute)
        ]
        if loud:
            clock = f"{loud[0] // 60:02}:{loud[0] % 60:02}"
            text = f"its quiet hours are shorter than the house's (at {clock}, for example)"
            yield Finding("E10", f"channels.{channel.name}.quiet", text, "write from 20:00 to 09:00, or more")


# --- the journey -------------------------------------------------------------------------------------


def _about_journey(policy: Policy) -> Iterator[Finding]:
    silent = {move.to for move in policy.lifecycle.moves if move.without}
    if not silent:
        return
    for purpose in policy.purposes.values():
        place = f"purposes.{purpose.name}.stages"
        if purpose.stages and silent.issuperset(purpose.stages):
            text = f"it opens only when a customer has grown silent ({', '.join(purpose.stages)})"
            remedy = "who drifts away is not known better for it: open it in other stages, or not at all"
            yield Finding("E01", place, text, remedy)
        reached = [name for name in purpose.channels if timing.reaches(policy.channels[name])]
        if purpose.marketing and reached and not purpose.stages:
            text = (
                f"it reaches out in every stage, also to who has grown silent ({', '.join(sorted(silent))})"
            )
            yield Finding("E08", place, text, "list the stages in which it may, so that somebody can be gone")


# --- offers ------------------------------------------------------------------------------------------


def _about_offer(policy: Policy, offer: Offer, at: datetime, own: tuple[Rule, ...]) -> Iterator[Finding]:
    place = f"offers.{offer.name}"
    purpose = policy.purposes.get(offer.purpose)
    if purpose is None:
        yield Finding(
            "purpose", place, f"no purpose `{offer.purpose}`", "name one of the policy", blocks=True
        )
        return
    yield from _about_names(policy, offer, purpose)
    yield from _about_fields(policy, offer, purpose)
    yield from _about_group(offer)
    for channel in _channels(policy, offer, purpose):
        facts = Facts(policy, State(), purpose, channel, at, "", minor=False, level=Level.INDIVIDUAL)
        for rule in (*DECLARED_RULES, *own):
            why = rule(offer, facts)
            if why is not None:
                remedy = _REMEDIES.get(why.code, "change the offer, or the rule")
                number = _NUMBERS.get(rule.name, rule.name)
                yield Finding(number, place, why.text, remedy, blocks=True)
    if offer.personal_price and not offer.uses:
        text = "a personal price that rests on nothing personal"
        yield Finding("E15", place, text, "name in uses what it rests on, or ask one price", blocks=True)
    if offer.presses and policy.controller.audience != "adults":
        text = (
            f"it presses, and the audience is {policy.controller.audience}: who may be a minor never sees it"
        )
        yield Finding("E29", place, text, "make it without pressure")


def _channels(policy: Policy, offer: Offer, purpose: Purpose) -> list[Channel]:
    names = [name for name in purpose.channels if not offer.channels or name in offer.channels]
    found = [policy.channels[name] for name in names]
    return found or list(policy.channels.values())[:1]


def _about_names(policy: Policy, offer: Offer, purpose: Purpose) -> Iterator[Finding]:
    place = f"offers.{offer.name}"
    for name in sorted(offer.channels.difference(purpose.channels)):
        text = f"the purpose does not use the channel `{name}`"
        yield Finding("offer_channel", f"{place}.channels", text, "take it out, or list it", blocks=True)
    for name in sorted(offer.stages):
        if name not in policy.lifecycle.stages or (purpose.stages and name not in purpose.stages):
            text = f"the purpose is not open in the stage `{name}`"
            yield Finding("offer_stage", f"{place}.stages", text, "take it out, or list it", blocks=True)


def _about_fields(policy: Policy, offer: Offer, purpose: Purpose) -> Iterator[Finding]:
    place = f"offers.{offer.name}.uses"
    for name in sorted(offer.fields.difference(purpose.fields)):
        text = f"the purpose does not list `{name}`"
        yield Finding("E18", place, text, "take it out, or list it", blocks=True)
    for name in sorted(offer.fields.intersection(purpose.fields)):
        if policy.special(name):
            asked = name in purpose.explicit
            text = f"`{name}` tells a special category" + ("" if asked else ", and nobody is asked for it")
            yield Finding(
                "E03", place, text, "aim by something else, or ask for it: explicit", blocks=not asked
            )
    if useless := sorted(offer.useless & offer.fields):
        text = f"{', '.join(useless)} adds next to nothing to the choice, so it is not looked at"
        yield Finding("E18", place, text, "take it out")


def _about_group(offer: Offer) -> Iterator[Finding]:
    if not offer.segment:
        return
    place = f"offers.{offer.name}.segment_size"
    if offer.segment_size is None:
        yield Finding("groups", place, "nobody says how large its group is, so it is none", "state it")
    elif offer.segment_size < LEAST_SEGMENT:
        text = f"its group is smaller than {LEAST_SEGMENT}, so it is none"
        yield Finding("groups", place, text, "aim at a larger group")
