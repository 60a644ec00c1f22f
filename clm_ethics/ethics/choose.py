"""The choice: permission first, then the ladder, then every rule, then the host's own ranking."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

import attrs
from msgspec.structs import replace

from ..errors import UnknownName, UsageError, shorten
from ..model.times import aware
from ..policy import words
from ..policy.decide import decide
from ..policy.decision import Decision, Reason, Request
from ..policy.renaming import translate
from ..policy.values import Basis
from ..policy.vocabulary import special
from . import timing
from .defaults import LEAST_SEGMENT, SERVICE
from .facts import Facts, is_minor
from .offers import Level, Offer
from .plain import explain, explain_html
from .rule import apply_rules
from .rules import AIM_RULES, RULES
from .words import TIMED, reason

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from ..model.state import State
    from ..policy.catalogue import Catalogue
    from ..policy.policy import Policy
    from ..policy.values import Channel, Purpose
    from .rule import Rule


ORIGIN = "say where the data came from, at the latest now (GDPR Art. 14(2)(f), 14(3)(b))"
"""What goes with a choice for somebody whose data came from elsewhere, until they have been told."""


@attrs.frozen(kw_only=True, repr=False)
class Pick:
    """The explained answer to ``pick``; falsy when nothing was chosen.

    Attributes:
        offer: what was chosen.
        level: how much of the customer's data it uses.
        channel: the channel asked for.
        why_not_higher: what kept a higher level away; empty: the offer asks for no more.
        withheld: per offer that may not be made, why.
        decision: the permission for what was chosen, with the fields that it really uses.
        uses: the fields used at this level, without the address.
        profiling: what was used tells how the customer behaves: it is profiling (Art. 4(4) GDPR).
        counts: it is a contact that counts against caps and budget.
        since: contacts before it (UTC) matter to no limit any more.
        brief: per channel whose contacts matter for a shorter time, the same.
        try_again: nothing was chosen, and from then on (UTC) no limit of time stands in the way.
        title: the purpose in the words that the customer was told.
        titles: the same, per locale.
        agreed: when the customer agreed to the purpose, if that is what it rests on (UTC).
        contact: where to reach the controller.
        source: who gave us data of the customer's, as long as they have not been told (Art. 14 GDPR).
    """

    offer: Offer | None = None
    level: Level = Level.NONE
    channel: str
    why_not_higher: tuple[Reason, ...] = ()
    withheld: Mapping[str, tuple[Reason, ...]]
    decision: Decision | None = None
    uses: tuple[str, ...] = ()
    profiling: bool = False
    counts: bool = False
    since: datetime
    brief: Mapping[str, datetime] = attrs.field(factory=dict)
    try_again: datetime | None = None
    title: str = ""
    titles: Mapping[str, str] = attrs.field(factory=dict)
    agreed: datetime | None = None
    contact: str = ""
    source: str = ""

    def __bool__(self) -> bool:
        """Tell whether an offer was chosen."""
        return self.offer is not None

    def __repr__(self) -> str:
        """Show what was chosen and how many were not, never a person's data."""
        chosen = "nothing" if self.offer is None else f"{self.offer.name}, {self.level.value}"
        return f"<Pick on {self.channel}: {chosen}; {len(self.withheld)} withheld>"

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """Every reason for which an offer was withheld, once."""
        return tuple(dict.fromkeys(why for each in self.withheld.values() for why in each))

    def explain(self, locale: str | Catalogue = "en", *, html: bool = False) -> str:
        """Say to the customer why they see this, or why they see nothing; no value is in it.

        Args:
            locale: a language tag (``en``, ``de``; another language reads English), or a catalogue.
            html: as a list of paragraphs, escaped, safe to put into a page.
        """
        return explain_html(self, locale) if html else explain(self, locale)


class _Case(NamedTuple):
    policy: Policy
    state: State
    channel: Channel
    at: datetime
    stage: str | None
    sources: frozenset[str]
    actor: str | None
    rules: tuple[Rule, ...]
    decided: dict[tuple[str, tuple[str, ...]], Decision]
    """Many offers ask for the same: each question is decided once."""
    told: dict[tuple[str, str], Reason | None]
    used: Mapping[str, tuple[str, ...]]
    """Per purpose the address and every field that some offer wants: of a field no other decides."""

    def permission(self, offer: Offer, fields: Iterable[str]) -> Decision:
        """Decide whether the customer may be contacted for *offer*, with *fields* and the address."""
        asked = tuple(sorted({*fields, self.channel.address} - {""}))
        return self.decide(offer.purpose, asked)

    def decide(self, purpose: str, asked: tuple[str, ...]) -> Decision:
        """Decide about *purpose* with the fields *asked*, once."""
        found = self.decided.get((purpose, asked))
        if found is None:
            request = Request(purpose, fields=asked, channel=self.channel.name, actor=self.actor)
            found = decide(self.policy, self.state, request, self.at)
            self.decided[purpose, asked] = found
        return found


class _Aim(NamedTuple):
    level: Level
    uses: tuple[str, ...]
    why: tuple[Reason, ...]


class _Judged(NamedTuple):
    aim: _Aim
    against: tuple[Reason, ...]
    facts: Facts | None


def pick(
    policy: Policy,
    state: State,
    offers: Iterable[Offer],
    *,
    channel: str,
    at: datetime,
    stage: str | None = None,
    sources: frozenset[str] = frozenset(),
    actor: str | None = None,
    rules: Iterable[Rule] = (),
) -> Pick:
    """Choose the offer that the host values most among those that may be made, as personal as may be.

    Args:
        policy: the policy in force.
        state: the customer.
        offers: what the host would like to make; of equal value the first by name wins.
        channel: on which channel.
        at: the instant (aware).
        stage: the effective lifecycle stage if it is known already.
        sources: the host's sources that are at hand; fields of others are not used.
        actor: who asks, if the policy limits a purpose to actors.
        rules: the host's own rules, beside the built-in ones.

    Raises:
        UnknownName: the policy declares no such channel, purpose, field or stage.
        UsageError: two offers of one name, something that is no offer, or a time without a zone.
    """
    asked = policy.channel(channel)
    state = translate(policy, state)
    ranked = sorted(_checked(policy, offers), key=_rank)
    all_rules, used = (*RULES, *rules), _used(policy, asked, ranked)
    case = _Case(
        policy, state, asked, aware(at, "pick"), stage, frozenset(sources), actor, all_rules, {}, {}, used
    )
    judged = [(offer, _judge(case, offer)) for offer in ranked]
    withheld = MappingProxyType({offer.name: each.against for offer, each in judged if each.against})
    chosen, aim = next(((offer, each.aim) for offer, each in judged if not each.against), (None, None))
    now = case.at if state.at is None else max(case.at, state.at)
    since = timing.forgotten_before(policy, now, timing.wanted(state))
    if chosen is None or aim is None:
        again = _try_again(judged)
        return Pick(channel=channel, withheld=withheld, since=since, try_again=again)
    decision = case.permission(chosen, aim.uses)
    if state.owed is not None:
        decision = replace(decision, obligations=(*decision.obligations, ORIGIN))
    return Pick(
        offer=chosen,
        level=aim.level,
        channel=channel,
        why_not_higher=aim.why,
        withheld=withheld,
        decision=decision,
        uses=aim.uses,
        profiling=_profiles(policy, aim.uses),
        counts=_counts(case.channel, chosen, policy.purpose(chosen.purpose)),
        since=since,
        brief=timing.forgotten_sooner(policy, now),
        title=_title(policy, chosen),
        titles=policy.purpose(chosen.purpose).title,
        agreed=_agreed(state, decision),
        contact=policy.controller.contact,
        source="" if state.owed is None else state.owed.source,
    )


def _rank(offer: Offer) -> tuple[float, float, str]:
    """The host's value first, then the customer's, then the name."""
    return -offer.value, -(offer.customer_value or 0.0), offer.name


def _counts(channel: Channel, offer: Offer, purpose: Purpose) -> bool:
    """Say whether it is a contact that some limit looks at: advertising that reaches out, or that presses."""
    service = SERVICE.issuperset(purpose.processing)
    return bool(offer.presses) or (timing.counts(channel) and not service)


def _profiles(policy: Policy, uses: Iterable[str]) -> bool:
    """Say whether *uses* tell how somebody behaves, or were computed of them."""
    declared = [policy.fields[name] for name in uses if name in policy.fields]
    behaves = any(each.category.startswith("user.behavior") or each.derived_from for each in declared)
    return behaves or "stage" in uses


def _checked(policy: Policy, offers: Iterable[Offer]) -> list[Offer]:
    """Return the offers; a name that nobody declared is an error, not a no."""
    names: set[str] = set()
    found = []
    for offer in offers:
        if not isinstance(offer, Offer):
            raise UsageError(f"a {type(offer).__name__} is no offer", place="pick", remedy="pass Offer(...)")
        if offer.name in names:
            raise UsageError(
                f"two offers are called `{shorten(offer.name)}`", place="pick", remedy="name each once"
            )
        names.add(offer.name)
        policy.purpose(offer.purpose)
        policy.check_fields(sorted(offer.fields))
        for stage in sorted(offer.stages - policy.lifecycle.stages):
            raise UnknownName.among("stage", stage, policy.lifecycle.stages)
        for channel in sorted(offer.channels):
            policy.channel(channel)
        found.append(offer)
    return found


def _judge(case: _Case, offer: Offer) -> _Judged:
    nothing = _Aim(Level.NONE, (), ())
    purpose = case.policy.purpose(offer.purpose)
    decision = case.decide(offer.purpose, case.used[offer.purpose])
    if not decision:
        return _Judged(nothing, decision.reasons, None)
    if too_much := sorted(offer.fields.difference(purpose.fields)):
        return _Judged(nothing, (reason("offer.overreach", ", ".join(too_much)),), None)
    if unreachable := _address_fault(case, decision):
        return _Judged(nothing, (unreachable,), None)
    stage = decision.stage if case.stage is None else case.stage
    minor = is_minor(case.policy, case.state, decision.at)
    facts = Facts(case.policy, case.state, purpose, case.channel, decision.at, stage, minor)
    aim = _aim(case, offer, facts, decision)
    against = aim.why if aim.level is Level.NONE else ()
    against += tuple(
        why
        for why in apply_rules(case.rules, offer, facts._replace(level=aim.level), case.told)
        if why not in against
    )
    return _Judged(aim, against, facts)


def _address_fault(case: _Case, decision: Decision) -> Reason | None:
    address = case.channel.address
    if not address:
        return None
    return _named(address, _absent(case, address) or decision.withheld.get(address))


def _aim(case: _Case, offer: Offer, facts: Facts, decision: Decision) -> _Aim:
    """Find the highest level of the ladder whose data may be used, and what keeps it from the higher."""
    barred = apply_rules(AIM_RULES, offer, facts)
    failed = any(why.code == "rule.error" for why in barred)  # a broken rule denies, it does not lower
    useless = sorted(offer.useless & (offer.uses | offer.segment))
    why: dict[Reason, None] = dict.fromkeys(reason("offer.no_gain", name) for name in useless)
    for level in (Level.INDIVIDUAL, Level.SEGMENT):
        wanted = tuple(sorted(offer.wanted(level)))
        if not wanted:
            continue
        faults = [_named(field, _fault(case, decision, field)) for field in wanted]
        faults.append(_group_fault(offer) if level is Level.SEGMENT else None)
        missing = [each for each in faults if each is not None]
        if not barred and not missing:
            return _Aim(level, wanted, tuple(why))
        why |= dict.fromkeys((*barred, *missing))
    lowest = Level.CONTEXTUAL if offer.contextual and not offer.stages and not failed else Level.NONE
    if failed:
        why |= dict.fromkeys(barred)
    return _Aim(lowest, (), tuple(why))


def _group_fault(offer: Offer) -> Reason | None:
    """Return why the offer's group is none: made of people's data, it is of a known size, and not small.

    A lifecycle stage alone is as large as the policy makes it, unless the host states that it is small.
    """
    size = offer.segment_size
    if size is None:
        return reason("segment.unsized") if offer.segment - offer.useless else None
    return None if size >= LEAST_SEGMENT else reason("segment.small", f"fewer than {LEAST_SEGMENT}")


def _fault(case: _Case, decision: Decision, field: str) -> Reason | None:
    """Return why *field* may not be used for an offer, if it may not."""
    if absent := _absent(case, field):
        return absent
    why = decision.withheld.get(field)
    consented = decision.basis == Basis.CONSENT.value and (why is None or why.code != "field.special")
    if case.policy.special(field) and not consented:
        # Art. 9 GDPR: for an offer no basis stands in for an explicit yes, not even a law's.
        declared = case.policy.fields.get(field)
        inferred = declared is not None and not special(declared.category)
        return reason("offer.inference") if inferred else words.reason("field.special")
    return why


def _absent(case: _Case, field: str) -> Reason | None:
    declared = case.policy.fields.get(field)
    missing = declared is not None and declared.source and declared.source not in case.sources
    return words.reason("source.absent") if missing else None


def _named(field: str, why: Reason | None) -> Reason | None:
    return None if why is None else replace(why, text=f"{field}: {why.text}")


def _used(policy: Policy, channel: Channel, offers: Iterable[Offer]) -> dict[str, tuple[str, ...]]:
    found: dict[str, set[str]] = {}
    for offer in offers:
        found.setdefault(offer.purpose, set()).update(offer.fields)
    address = {channel.address} - {""}
    return {
        name: tuple(sorted(fields.intersection(policy.purpose(name).fields) | address))
        for name, fields in found.items()
    }


def _try_again(judged: Iterable[tuple[Offer, _Judged]]) -> datetime | None:
    ends: dict[tuple[str, bool], datetime | None] = {}  # limits of time know no more of an offer
    for offer, each in judged:
        asked = (offer.purpose, bool(offer.presses))
        if each.facts is None or asked in ends or not all(why.code in TIMED for why in each.against):
            continue
        ends[asked] = timing.wait(each.facts, presses=asked[1])
    return min((end for end in ends.values() if end is not None), default=None)


def _title(policy: Policy, offer: Offer) -> str:
    titles = policy.purpose(offer.purpose).title
    return titles.get("en") or next(iter(titles.values()), offer.purpose)


def _agreed(state: State, decision: Decision) -> datetime | None:
    consent = state.consents.get(decision.purpose)
    if consent is None or decision.basis != Basis.CONSENT.value:
        return None
    return consent.happened or consent.at
