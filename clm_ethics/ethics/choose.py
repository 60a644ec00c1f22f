"""The choice: permission first, then the ladder, then every rule, then the host's own ranking."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

import attrs
from msgspec.structs import replace

from ..model.times import aware
from ..policy.renaming import translate
from . import timing
from .defaults import SERVICE
from .judging import CONSENT, Case
from .offers import Level, Offer
from .plain import explain, explain_html
from .prepared import prepare_all
from .rules import RULES
from .words import TIMED

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from ..model.state import State
    from ..policy.catalogue import Catalogue
    from ..policy.decision import Decision, Reason
    from ..policy.policy import Policy
    from ..policy.values import Channel, Purpose
    from .judging import Judged
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
    state = translate(policy, state)
    asked, ready = policy.channel(channel), prepare_all(policy, offers)
    case = Case(
        policy=policy,
        state=state,
        channel=asked,
        at=aware(at, "pick"),
        stage=stage,
        sources=frozenset(sources),
        actor=actor,
        rules=(*RULES, *rules),
        wanted=ready.wanted,
    )
    judged = [(offer, case.judge(offer, read)) for offer, read in ready.ranked]
    withheld = MappingProxyType({offer.name: each.against for offer, each in judged if each.against})
    chosen, aim = next(((offer, each.aim) for offer, each in judged if not each.against), (None, None))
    now = case.at if state.at is None else max(case.at, state.at)
    since = timing.forgotten_before(policy, now, timing.wanted(state))
    if chosen is None or aim is None:
        again = _try_again(judged)
        return Pick(channel=channel, withheld=withheld, since=since, try_again=again)
    decision = case.permission(chosen.purpose, aim.uses)
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


def _counts(channel: Channel, offer: Offer, purpose: Purpose) -> bool:
    """Say whether it is a contact that some limit looks at: advertising that reaches out, or that presses."""
    service = SERVICE.issuperset(purpose.processing)
    return bool(offer.presses) or (timing.counts(channel) and not service)


def _profiles(policy: Policy, uses: Iterable[str]) -> bool:
    """Say whether *uses* tell how somebody behaves, or were computed of them."""
    declared = [policy.fields[name] for name in uses if name in policy.fields]
    behaves = any(each.category.startswith("user.behavior") or each.derived_from for each in declared)
    return behaves or "stage" in uses


def _try_again(judged: Iterable[tuple[Offer, Judged]]) -> datetime | None:
    ends: dict[tuple[bool, bool], datetime | None] = {}  # limits of time know no more of an offer
    for offer, each in judged:
        if each.facts is None or not all(why.code in TIMED for why in each.against):
            continue
        asked = (each.facts.service, bool(offer.presses))
        if asked not in ends:
            ends[asked] = timing.wait(each.facts, presses=asked[1])
    return min((end for end in ends.values() if end is not None), default=None)


def _title(policy: Policy, offer: Offer) -> str:
    titles = policy.purpose(offer.purpose).title
    return titles.get("en") or next(iter(titles.values()), offer.purpose)


def _agreed(state: State, decision: Decision) -> datetime | None:
    consent = state.consents.get(decision.purpose)
    if consent is None or decision.basis != CONSENT:
        return None
    return consent.happened or consent.at
