"""How one offer is judged for one customer: permission first, then the ladder, then every rule.

What is the same for many offers is worked out once: what is true of their purpose, and what the rules
say that do not look at the offer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import attrs
from msgspec.structs import replace

from ..policy import words
from ..policy.decide import decide
from ..policy.decision import Request
from ..policy.values import Basis
from ..policy.vocabulary import special
from .facts import Facts, is_minor
from .offers import Level
from .rule import Once, apply_rules
from .rules import AIM_RULES
from .words import reason

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from ..model.state import State
    from ..policy.decision import Decision, Reason
    from ..policy.policy import Policy
    from ..policy.values import Channel, Purpose
    from .offers import Offer
    from .prepared import Prepared
    from .rule import Rule

_Why = tuple[int, "Reason"]
"""A reason, and the place of its rule among the rules."""
_About = tuple[Once, object, object]
"""What offers are alike in, of which a rule is asked once."""


class Aim(NamedTuple):
    """How personal an offer may be, with which fields, and what keeps it from being more so."""

    level: Level
    uses: tuple[str, ...]
    why: tuple[Reason, ...]


class Judged(NamedTuple):
    """What was found of an offer; *facts*: what the rules looked at, if it came to that."""

    aim: Aim
    against: tuple[Reason, ...]
    facts: Facts | None


CONSENT = Basis.CONSENT.value
_NOTHING = Aim(Level.NONE, (), ())


@attrs.define
class Ground:
    """What is true of a purpose for this customer, whatever the offer.

    Attributes:
        decision: whether the customer may be contacted for it, with every field that some offer wants.
        refused: what is found of every offer of it, if they may not.
        unreachable: what is found of the others, if the customer's address may not be used.
        service: the purpose serves the customer, and advertises nothing.
        facts: what rules look at, per level.
        said: of offers that are urgent, or not: what the rules say that look at the purpose and at times,
            with their places, and without.
        barred: why no data of theirs may be used for an offer.
        faults: per field, why it may not be used for an offer, found so far.
    """

    decision: Decision
    refused: Judged | None
    unreachable: Judged | None
    service: bool
    facts: dict[Level, Facts]
    said: dict[bool, tuple[tuple[_Why, ...], tuple[Reason, ...]]]
    barred: tuple[Reason, ...]
    faults: dict[str, Reason | None]


@attrs.define(kw_only=True)
class Case:
    """One choice: the customer, the channel, the instant, the rules, and what was found so far.

    Attributes:
        wanted: per purpose every field that some offer wants: of a field no other decides.
    """

    policy: Policy
    state: State
    channel: Channel
    at: datetime
    stage: str | None
    sources: frozenset[str]
    actor: str | None
    rules: tuple[Rule, ...]
    wanted: Mapping[str, frozenset[str]]
    _grounds: dict[str, Ground] = attrs.field(factory=dict, init=False)
    _asked: dict[frozenset[str], tuple[tuple[int, Rule], ...]] = attrs.field(factory=dict, init=False)
    _said: dict[_About, tuple[_Why, ...]] = attrs.field(factory=dict, init=False)

    def judge(self, offer: Offer, read: Prepared) -> Judged:
        """Judge *offer*, which was *read* under the same policy."""
        ground = self._grounds.get(offer.purpose) or self._ground(offer, read.purpose)
        if ground.refused is not None:
            return ground.refused
        if read.overreach is not None:
            return Judged(_NOTHING, (read.overreach,), None)
        if ground.unreachable is not None:
            return ground.unreachable
        aim = self._aim(ground, read)
        facts = ground.facts[aim.level]
        against = self._against(ground, offer, read, facts)
        if aim.level is Level.NONE:
            against = tuple(dict.fromkeys((*aim.why, *against)))
        return Judged(aim, against, facts)

    def permission(self, purpose: str, fields: Iterable[str]) -> Decision:
        """Decide whether the customer may be contacted for *purpose*, with *fields* and the address."""
        asked = tuple(sorted({*fields, self.channel.address} - {""}))
        request = Request(purpose, fields=asked, channel=self.channel.name, actor=self.actor)
        return decide(self.policy, self.state, request, self.at)

    def _ground(self, offer: Offer, purpose: Purpose) -> Ground:
        decision = self.permission(purpose.name, self.wanted[purpose.name])
        stage = decision.stage if self.stage is None else self.stage
        minor = is_minor(self.policy, self.state, decision.at)
        facts = {
            level: Facts(self.policy, self.state, purpose, self.channel, decision.at, stage, minor, level)
            for level in Level
        }
        first = facts[Level.NONE]
        barred = apply_rules(AIM_RULES, offer, first) if decision else ()
        lost = self._address_fault(decision)
        ground = Ground(
            decision=decision,
            refused=None if decision else Judged(_NOTHING, decision.reasons, None),
            unreachable=None if lost is None else Judged(_NOTHING, (lost,), None),
            service=first.service,
            facts=facts,
            said={},
            barred=barred,
            faults={},
        )
        self._grounds[purpose.name] = ground
        return ground

    # -- the rules --------------------------------------------------------------------------------

    def _against(self, ground: Ground, offer: Offer, read: Prepared, facts: Facts) -> tuple[Reason, ...]:
        """Return what the rules say against the offer, each reason once, in the order of the rules."""
        alike, reasons = ground.said.get(offer.urgent) or self._alike(ground, offer, facts)
        about = self._once((Once.TOPICS, ground.service, offer.topics), offer, facts)
        asked = self._asked.get(read.parts)
        if asked is None:
            asked = self._asked[read.parts] = tuple(
                (place, rule)
                for place, rule in enumerate(self.rules)
                if rule.once is None and (not rule.about or not rule.about.isdisjoint(read.parts))
            )
        own = _ask(asked, offer, facts) if asked else []
        if not own and not about and not read.said:
            return reasons
        return _in_order((*alike, *about, *read.said, *own))

    def _alike(
        self, ground: Ground, offer: Offer, facts: Facts
    ) -> tuple[tuple[_Why, ...], tuple[Reason, ...]]:
        """Ask the rules about the purpose and about times."""
        found = self._once((Once.PURPOSE, offer.purpose, None), offer, facts)
        found += self._once((Once.TIME, ground.service, offer.urgent), offer, facts)
        said = ground.said[offer.urgent] = (found, _in_order(found))
        return said

    def _once(self, about: _About, offer: Offer, facts: Facts) -> tuple[_Why, ...]:
        """Ask the rules that look at no more of an offer than *about* says."""
        found = self._said.get(about)
        if found is None:
            asked = [(place, rule) for place, rule in enumerate(self.rules) if rule.once is about[0]]
            found = self._said[about] = tuple(_ask(asked, offer, facts))
        return found

    # -- the ladder -------------------------------------------------------------------------------

    def _aim(self, ground: Ground, read: Prepared) -> Aim:
        """Find the highest level of the ladder whose data may be used, and what keeps it from the higher."""
        barred, faults = ground.barred, ground.faults
        why: dict[Reason, None] = dict.fromkeys(read.useless)
        for level, wanted, group in read.rungs:
            missing = [] if group is None else [group]
            for field in wanted:
                fault = faults[field] if field in faults else self._fault(ground, field)
                if fault is not None:
                    missing.append(fault)
            if not barred and not missing:
                return Aim(level, wanted, tuple(why))
            why |= dict.fromkeys((*barred, *missing))
        if any(each.code == "rule.error" for each in barred):  # a broken rule denies, it does not lower
            return Aim(Level.NONE, (), tuple(why | dict.fromkeys(barred)))
        return Aim(read.lowest, (), tuple(why))

    def _fault(self, ground: Ground, field: str) -> Reason | None:
        """Return why *field* may not be used for an offer of the purpose, if it may not."""
        fault = ground.faults[field] = _named(field, self._unusable(ground.decision, field))
        return fault

    def _unusable(self, decision: Decision, field: str) -> Reason | None:
        if absent := self._absent(field):
            return absent
        why = decision.withheld.get(field)
        consented = decision.basis == CONSENT and (why is None or why.code != "field.special")
        if self.policy.special(field) and not consented:
            # Art. 9 GDPR: for an offer no basis stands in for an explicit yes, not even a law's.
            declared = self.policy.fields.get(field)
            inferred = declared is not None and not special(declared.category)
            return reason("offer.inference") if inferred else words.reason("field.special")
        return why

    def _address_fault(self, decision: Decision) -> Reason | None:
        address = self.channel.address
        if not address:
            return None
        return _named(address, self._absent(address) or decision.withheld.get(address))

    def _absent(self, field: str) -> Reason | None:
        declared = self.policy.fields.get(field)
        missing = declared is not None and declared.source and declared.source not in self.sources
        return words.reason("source.absent") if missing else None


def _ask(rules: Iterable[tuple[int, Rule]], offer: Offer, facts: Facts) -> list[_Why]:
    return [(place, why) for place, rule in rules if (why := rule(offer, facts)) is not None]


def _in_order(said: Iterable[_Why]) -> tuple[Reason, ...]:
    """Return the reasons in the order of their rules, each once."""
    return tuple(dict.fromkeys(why for _, why in sorted(said, key=_place)))


def _place(said: _Why) -> int:
    return said[0]


def _named(field: str, why: Reason | None) -> Reason | None:
    return None if why is None else replace(why, text=f"{field}: {why.text}")
