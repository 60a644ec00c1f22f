"""Every situation that a decision can tell apart, for one purpose: a finite space.

A decision looks at finitely many facts: who the person is to us, what they answered, objections,
restriction, contract, sale, signals, age, stage, and the law of the place and day. Each fact has a
few values, and each combination is represented by one made-up customer. Places, ages and days on
which the law says the same are one. The decision about the representative is the decision about
everybody in that situation (a property test compares both).
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from itertools import product
from typing import TYPE_CHECKING, Any, NamedTuple

import attrs

from ..model.state import Consent, Contract, Objection, Preferences, Restriction, Run, State, Status
from .decide import decide
from .decision import Decision, Request
from .policy import ASSUMED_AGE
from .values import Basis, Purpose

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .policy import Plan, Policy

FAULTY = ("yes.unproven", "yes.other_clause", "yes.expired", "yes.other_channel", "yes.young")
"""Answers that look like a yes and are none."""
EXPLICIT = ("yes.explicit", "yes.guardian_explicit")
ANSWERS = ("none", "yes", "yes.guardian", *EXPLICIT, *FAULTY, "refused", "withdrawn")
"""What the customer said to the purpose, last."""
NOES = ("refused", "withdrawn", "objection", "restriction", "signal")
"""What :meth:`Situation.after` may add."""
PERSONS = ("known", "unknown", "restored", "erased", "erased.kept")
"""Who the customer is to us; ``erased.kept``: a law keeps some values."""
HORIZON = timedelta(days=3653)
"""How far ahead changes of the law are looked at."""

_OBJECTED, _RESTRICTED, _COLLECTED, _ANSWERED, _LATER, _THEN, _LENGTH = 2, 3, 5, 10, 12, 15, 20
"""The entries at which things happened, in their order."""
_TOLD = ("answer", "objection", "restriction", "contract", "relation", "signal", "muted", "stage", "unwanted")
_FAR = timedelta(days=60 * 366)
_GROWN = 18


class Facts(NamedTuple):
    """What tells one situation from another.

    Attributes:
        person: one of ``PERSONS``.
        place: the customer's region; empty: unknown.
        age: in years; ``None``: unknown. Where the law makes no difference, the youngest stands for all.
        at: an instant at which this law is in force (UTC).
        channel: of the request; empty: none.
        answer: one of ``ANSWERS``.
        objection: none, own or other (to other direct marketing), before or after the answer.
        restriction: none, before or after the answer.
        contract: none, open or ended.
        relation: none; ``sold``: the addresses come from a sale with notice (ePrivacy Directive Art. 13(2));
            ``related``: a relation that other laws count (S.C. 2010 c. 23 s. 10(10)); ``both``.
        signal: the opt-out signal that is on, and not outdone by a later consent.
        muted: left in peace after an event.
        stage: of the lifecycle.
        values: how the fields were collected: ``own`` (for this purpose), ``other`` (for another, before
            the answer), ``later`` (for another, after it), ``compatible``, ``expired`` or ``absent``.
        unwanted: the customer prefers to be addressed on other channels than that of the request.
        kind: business: the contact of a business; empty: unknown, or a consumer.
    """

    person: str
    place: str
    age: int | None
    at: datetime
    channel: str
    answer: str = "none"
    objection: str = "none"
    restriction: str = "none"
    contract: str = "none"
    relation: str = "none"
    signal: str = ""
    muted: bool = False
    stage: str = ""
    values: str = "own"
    kind: str = ""
    unwanted: bool = False

    @property
    def told(self) -> bool:
        """The addresses come from a sale with notice."""
        return self.relation in ("sold", "both")

    @property
    def related(self) -> bool:
        """There is a relation that other laws count."""
        return self.relation in ("related", "both")


@attrs.frozen(eq=False, repr=False)
class Situation:
    """One situation: its facts, the customer that stands for it, and what is decided about them."""

    policy: Policy
    purpose: Purpose
    facts: Facts
    state: State
    request: Request
    decision: Decision
    space: Space

    def after(self, no: str) -> Situation:
        """Return the situation after a further *no*, one of ``NOES``, with everything else as it is."""
        return self.space.situation(_said(self.facts, no, self.space.signals(self.facts)))


class Space:
    """The situations of one purpose.

    Args:
        policy: the policy.
        purpose: its name.
        at: from when on (aware, UTC); the law's changes in the ten years after it count as well.
        regions: where customers may live, beside the controller's places and an unknown one.
        ages: ages that are looked at for themselves, also where the law makes no difference.
    """

    def __init__(
        self,
        policy: Policy,
        purpose: str,
        *,
        at: datetime,
        regions: Iterable[str] = (),
        ages: Iterable[int] = (),
    ) -> None:
        self.policy = policy
        self.purpose = policy.purpose(purpose)
        self._at = at
        self._regions = tuple(
            dict.fromkeys((*policy.controller.established, *policy.controller.markets, *regions, ""))
        )
        self._apart = frozenset(ages)
        self._seen: dict[Facts, Situation] = {}

    def __iter__(self) -> Iterator[Situation]:
        """Return every situation, simple ones first."""
        for facts in self._all():
            first = self.situation(facts)
            yield first
            # Fields are looked at one by one and never change the verdict: only a yes needs the rest.
            if first.decision:
                for values in self._collections():
                    yield self.situation(facts._replace(values=values))

    def __len__(self) -> int:
        """Return how many situations have been looked at."""
        return len(self._seen)

    def situation(self, facts: Facts) -> Situation:
        """Return the situation with these *facts*."""
        found = self._seen.get(facts)
        if found is None:
            request = Request(self.purpose.name, channel=facts.channel)
            state = represent(self.policy, self.purpose, facts)
            decision = decide(self.policy, state, request, facts.at)
            found = Situation(self.policy, self.purpose, facts, state, request, decision, self)
            self._seen[facts] = found
        return found

    def signals(self, facts: Facts) -> frozenset[str]:
        """Return the signals that end the purpose's processing in a situation's place and time."""
        plan = self.policy.plan(self.purpose, facts.channel, facts.place, facts.at, facts.age, facts.kind)
        return frozenset(plan.signals)

    # -- enumeration ---------------------------------------------------------------------------

    def _all(self) -> Iterator[Facts]:
        somewhere = list(self._laws())
        for _, start in somewhere[:1]:
            yield from (start._replace(person=person) for person in ("unknown", "restored", "erased"))
        for plan, start in somewhere:
            for restriction in ("none", "after"):
                yield start._replace(person="erased.kept", restriction=restriction)
            yield from self._living(plan, start)

    def _living(self, plan: Plan, start: Facts) -> Iterator[Facts]:
        bases = self.purpose.all_bases
        reaches = self.purpose.marketing or "targeted_ads" in self.purpose.processing
        objections = ["none", "own.before", "own.after"]
        objections += ["other.before", "other.after"] if reaches else []
        for combined in product(
            self._answers(plan, start),
            objections,
            ("none", "before", "after"),
            ("none", "open", "ended") if Basis.CONTRACT in bases else ("none",),
            self._relations(plan),
            ("", *sorted(plan.signals)[:1]),
            (False, True) if self._can_mute() else (False,),
            self._stages(),
            (False, True) if start.channel else (False,),
        ):
            known: dict[str, Any] = dict(zip(_TOLD, combined, strict=True))
            yield start._replace(**known)

    def _answers(self, plan: Plan, start: Facts) -> tuple[str, ...]:
        may_have_been_young = start.age is not None and start.age >= plan.consent_age > 1
        left_out = set() if may_have_been_young else {"yes.young"}
        if not start.channel:
            left_out.add("yes.other_channel")
        if Basis.CONSENT not in self.purpose.all_bases:
            left_out |= {each for each in ANSWERS if each.startswith("yes")}
        return tuple(each for each in ANSWERS if each not in left_out)

    def _stages(self) -> tuple[str, ...]:
        names = sorted(self.policy.lifecycle.stages)
        inside = [name for name in names if not self.purpose.stages or name in self.purpose.stages]
        outside = [name for name in ("", *names) if self.purpose.stages and name not in self.purpose.stages]
        return (*inside[:1], *outside[:1]) or ("",)

    def _relations(self, plan: Plan) -> tuple[str, ...]:
        """Return the relations that a soft opt-in of the purpose may rest on here."""
        if Basis.SOFT_OPT_IN not in self.purpose.all_bases:
            return ("none",)
        purposes = self.policy.purposes.values()
        sold = any(each.sale or each.support for each in purposes)
        counted = any(terms.pack for group in plan.groups for terms in group.soft)
        related = counted and any(each.sale or each.inquiry or each.lasting for each in purposes)
        found = ("none", "sold") if sold else ("none",)
        return (*found, "related", *(("both",) if sold else ())) if related else found

    def _can_mute(self) -> bool:
        return any(
            word in self.purpose.processing for rule in self.policy.events.values() for word in rule.mutes
        )

    def _collections(self) -> tuple[str, ...]:
        compatible = ("compatible",) if self.purpose.compatible_with else ()
        return ("other", "later", *compatible, "expired", "absent")

    def _laws(self) -> Iterator[tuple[Plan, Facts]]:
        """Return one place, age, day and channel for each thing that the law may say, youngest first."""
        seen = set()
        for channel in ("", *self.purpose.channels):
            for age in (*self._ages(), None):
                for place, kind in product(self._regions, ("", "business")):
                    for plan, at in self._epochs(channel, place, age, kind):
                        said = (channel, age if age in self._apart else -1, _says(self.policy, plan, age))
                        if said not in seen:
                            seen.add(said)
                            yield plan, Facts("known", place, age, at, channel, kind=kind)

    def _epochs(
        self, channel: str, place: str, age: int | None, kind: str
    ) -> Iterator[tuple[Plan, datetime]]:
        at: datetime | None = self._at
        while at is not None and at <= self._at + HORIZON:
            plan = self.policy.plan(self.purpose, channel, place, at, age, kind)
            yield plan, at
            at = plan.change

    def _ages(self) -> list[int]:
        """Return the first year of each span of ages between which no law makes a difference."""
        starts = {5, _GROWN, *self._apart}
        for pack in self.policy.packs.values():
            for rule in pack.rules:
                starts |= {age for age in (rule.age_min, rule.age_max and rule.age_max + 1) if age}
            if pack.consent_age is not None:
                starts.add(pack.consent_age.default)
                starts |= {each.age for each in pack.consent_age.national}
        return sorted(age for age in starts if age)


def _says(policy: Policy, plan: Plan, age: int | None) -> tuple[object, ...]:
    """Return everything of a plan on which an answer may rest."""
    audience = policy.controller.audience
    assumed = 0 if audience == "children" else ASSUMED_AGE[audience]
    young = (assumed if age is None else age) < plan.consent_age
    return (
        tuple(
            (
                group.bases,
                tuple((claim, why and why.code) for claim, why in sorted(group.verdicts.items())),
                group.explicit,
                group.soft,
            )
            for group in plan.groups
        ),
        plan.consent_age > 0 and young,
        age is not None and plan.consent_age > 1,
        frozenset(plan.signals),
        plan.yielding,
        plan.duties,
        plan.sensitive is None,
    )


def _said(facts: Facts, no: str, signals: frozenset[str]) -> Facts:
    if no in ("refused", "withdrawn"):
        return facts._replace(answer=no)
    if no == "objection":
        return facts._replace(objection="own.after")
    if no == "restriction":
        # A restriction that stands is not renewed: the consent given since goes on counting.
        return facts if facts.restriction != "none" else facts._replace(restriction="after")
    if no == "signal":
        return facts._replace(signal=min(signals, default=""))
    raise ValueError(f"{no!r} is no way to say no")


# -- the customer who stands for a situation -----------------------------------------------------------


def represent(policy: Policy, purpose: Purpose, facts: Facts) -> State:
    """Return a customer in the situation of *facts*; they live only in the proof."""
    if facts.person == "unknown":
        return State()
    at = facts.at
    about = {"region": facts.place} if facts.place else {}
    if facts.kind:
        about["kind"] = facts.kind
    if facts.age is not None:
        about["born"] = _born(at.date(), facts.age).isoformat()
    living = not facts.person.startswith("erased")
    return State(
        known=True,
        length=_LENGTH,
        at=at,
        enrolled=at,
        about=about,
        stage=facts.stage,
        stage_since=at if facts.stage else None,
        consents=_consents(policy, purpose, facts),
        objections=_objections(facts, purpose),
        restriction=_restriction(facts),
        contracts=_relations(policy, facts) | _contracts(policy, purpose, facts) if living else {},
        preferences=Preferences(channels=()) if facts.unwanted else None,
        mutes=dict.fromkeys(purpose.processing, at + timedelta(days=1)) if facts.muted else {},
        signals={facts.signal: at} if facts.signal else {},
        informed={purpose.name: _COLLECTED} if facts.told or facts.values == "compatible" else {},
        fields=_fields(policy, purpose, facts) if facts.person != "erased" else {},
        erased=None if living else at,
        restored=facts.person == "restored",
    )


def _born(day: date, age: int) -> date:
    return day - timedelta(days=int(age * 365.25) + 180)


def _consents(policy: Policy, purpose: Purpose, facts: Facts) -> dict[str, Consent]:
    answer, at = facts.answer, facts.at
    if answer == "none":
        return {}
    since = at - _FAR if facts.values == "expired" else at
    if answer in ("refused", "withdrawn"):
        status = Status.REFUSED if answer == "refused" else Status.WITHDRAWN
        return {purpose.name: Consent(status, _ANSWERED, at, since=since)}
    born = None if facts.age is None else _born(at.date(), facts.age)
    young = at - timedelta(days=(at.date() - born).days - 400) if born and answer == "yes.young" else None
    return {
        purpose.name: Consent(
            Status.GRANTED,
            _ANSWERED,
            at,
            happened=young,
            clause=None if answer == "yes.other_clause" else policy.clauses[purpose.name],
            until=at if answer == "yes.expired" else None,
            explicit=(*purpose.processing, *purpose.explicit) if answer in EXPLICIT else (),
            channels=("another",) if answer == "yes.other_channel" else (),
            given_by="guardian" if "guardian" in answer else "subject",
            shown="n",
            proven=answer != "yes.unproven",
        )
    }


def _objections(facts: Facts, purpose: Purpose) -> dict[str, Objection]:
    whose, _, when = facts.objection.partition(".")
    if whose == "none":
        return {}
    index = _OBJECTED if when == "before" else _THEN
    since = facts.at - _FAR if facts.values == "expired" else None
    if whose == "own":
        return {purpose.name: Objection(index, facts.at, purpose.marketing, since)}
    return {"another": Objection(index, facts.at, marketing=True)}


def _restriction(facts: Facts) -> Restriction | None:
    if facts.restriction == "none":
        return None
    return Restriction(_RESTRICTED if facts.restriction == "before" else _THEN + 1, facts.at)


def _contracts(policy: Policy, purpose: Purpose, facts: Facts) -> dict[str, Contract]:
    if facts.contract == "none":
        return {}
    ended = facts.at - _FAR if facts.values == "expired" else facts.at
    began = None
    if _relates(purpose) and not facts.related:  # so long ago that no law counts it any more
        began = facts.at - _longest_relation(policy)
        ended = min(ended, began)
    open_keys = (b"c",) if facts.contract == "open" else ()
    return {purpose.name: Contract(open_keys, None if open_keys else ended, began)}


def _relates(purpose: Purpose) -> bool:
    return purpose.sale or purpose.inquiry or purpose.lasting


def _longest_relation(policy: Policy) -> timedelta:
    """Return for how long, and a day, some law counts a relation."""
    terms = [pack.soft_opt_in for pack in policy.packs.values() if pack.soft_opt_in is not None]
    spans = [ground.within.longest for each in terms for ground in each.grounds if ground.within is not None]
    return timedelta(days=1, seconds=max(spans, default=0))


def _relations(policy: Policy, facts: Facts) -> dict[str, Contract]:
    """Return the contracts that make somebody a customer: of today, or of so long ago that none counts."""
    at = facts.at if facts.related else facts.at - _FAR
    found = {}
    for each in policy.purposes.values():
        if facts.relation != "none" and (each.sale or each.inquiry or (facts.related and each.lasting)):
            goes_on = facts.related and each.lasting
            found[each.name] = Contract((b"r",) if goes_on else (), None if goes_on else at, at)
    return found


def _fields(policy: Policy, purpose: Purpose, facts: Facts) -> dict[str, tuple[Run, ...]]:
    if facts.values == "absent":
        names: Iterable[str] = ()
    else:
        names = [name for name in purpose.fields if name != "stage"]
    found: dict[str, tuple[Run, ...]] = {name: (_run(purpose, facts),) for name in names}
    sellers = sorted(policy.purposes.values(), key=lambda each: not each.sale)  # a sale opens more
    sellers = [each for each in sellers if each.sale or (each.support and facts.told)]
    if facts.relation != "none" and sellers:
        channels = (facts.channel,) if facts.channel else purpose.channels
        announced = (purpose.name,) if facts.told else ()
        sale = Run(_COLLECTED, facts.at, facts.at, announced, purpose=sellers[0].name)
        found |= {address: (sale,) for name in channels if (address := policy.channels[name].address)}
    return found


def _run(purpose: Purpose, facts: Facts) -> Run:
    at = facts.at - _FAR if facts.values == "expired" else facts.at
    own = facts.values in ("own", "expired")
    # What was collected in a sale would be a relation by itself.
    collected_for = purpose.name if own and (facts.related or not _relates(purpose)) else "another"
    if facts.values == "compatible":
        collected_for = purpose.compatible_with[0]
    index = _LATER if facts.values in ("later", "compatible") else _COLLECTED
    return Run(index, at, at, (purpose.name,) if own else (), purpose=collected_for)


__all__ = ["ANSWERS", "EXPLICIT", "FAULTY", "NOES", "PERSONS", "Facts", "Situation", "Space", "represent"]
