"""The decision: a pure function of (compiled policy, state, request, time).

Stops come before bases, each with its own reach; then every regime that applies judges the
claim it is given, alone, and the most protective verdict wins; then each field is looked at.
Unknown, missing, unparsable and expired deny.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING

import msgspec

from ..lifecycle import advance, course
from ..lifecycle.decay import sealed_away
from ..model.fold import of_age
from ..model.state import Consent, State, Status
from ..model.times import NEVER, age_on, birthday, parse_born
from ..regimes.zones import day_begins
from .decision import Decision, Reason, Request, Verdict
from .facts import facts
from .policy import ASSUMED_AGE, FIRM, Plan, Policy
from .relation import soft_opt_in, soft_until
from .remedies import remedies
from .renaming import translate
from .values import Basis, Purpose
from .visible import NOTHING, Rights, see
from .words import reason

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from ..lifecycle import Permitted
    from ..model.events import Moved
    from ..model.state import Step
    from .decision import Fact, Remedy
    from .policy import Group

CONSENT, CONTRACT = Basis.CONSENT, Basis.CONTRACT
LEGAL_OBLIGATION, SOFT_OPT_IN = Basis.LEGAL_OBLIGATION, Basis.SOFT_OPT_IN
ALLOW, DENY, GRANTED = Verdict.ALLOW, Verdict.DENY, Status.GRANTED
"""Names of their own: reading a member from its enum took a tenth of a decision."""

STORAGE_ONLY = ("storage",)
"""The processing that a restriction leaves alone (Art. 18(2) GDPR)."""
_NEEDED = frozenset({CONTRACT, LEGAL_OBLIGATION})
"""Claims that reach whatever they need, for whichever purpose it was collected."""


class Case(msgspec.Struct, frozen=True):
    """Everything one decision looks at. *consent* is the last answer to the purpose itself."""

    policy: Policy
    state: State
    purpose: Purpose
    request: Request
    at: datetime
    stage: str
    age: int | None
    plan: Plan
    consent: Consent | None


class Rest(msgspec.Struct, frozen=True):
    """What of a decision is worked out only when somebody asks for it.

    Attributes:
        case: what was looked at.
        fields: until when the fields stay as they are seen (UTC).
        stage: when the stage changes next (UTC).
    """

    case: Case
    fields: datetime | None
    stage: datetime | None

    def remedies(self) -> tuple[Remedy, ...]:
        """Return the smallest changes that would make it a yes, each found by deciding again."""
        case = self.case
        return remedies(case.policy, case.state, case.request, case.at)

    def facts(self, reason: Reason, field: str = "") -> tuple[Fact, ...]:
        """Return what *reason* (for *field*, if it is withheld) rests on."""
        case = self.case
        return facts(case.policy, case.state, case.request, case.at, case.stage, reason, field)

    def valid_until(self) -> datetime | None:
        """Return the first instant after ``at`` at which anything that was looked at may change."""
        case = self.case
        state, at = case.state, case.at
        coming = [case.plan.change, self.fields, self.stage, state.minor_until, *state.mutes.values()]
        if case.consent is not None:
            coming.append(case.consent.until)
        coming += [soft_until(case, group) for group in case.plan.groups if SOFT_OPT_IN in group.bases]
        born = state.about.get("born")
        if born is not None:
            coming.append(_ageing(born, *_day(state, at))[1])
        return min((each for each in coming if each is not None and at < each < NEVER), default=None)


class Claim(msgspec.Struct, frozen=True):
    """A basis that was claimed, what speaks against it (nothing: it holds), and what for it.

    *beside*: further bases of the purpose that hold as well.
    """

    basis: Basis
    against: tuple[Reason, ...]
    holds: Reason | None
    beside: tuple[Basis, ...] = ()


def decide(policy: Policy, state: State, request: Request, at: datetime) -> Decision:
    """Return the explained answer to *request* about the customer of *state* at *at* (aware, UTC).

    Raises:
        UnknownName: the policy declares no such purpose, field or channel.
    """
    purpose = policy.purpose(request.purpose)
    if request.fields is not None:
        policy.check_fields(request.fields)
    if request.channel:
        policy.channel(request.channel)
    if policy.renames is not None:
        state = policy.renames.state(state)
    if state.at is not None and at < state.at:
        at = state.at  # time in a stream never runs backwards: a clock set back revives nothing
    stage, until = state.stage, None
    if stage in policy.timed_stages:
        moves, until = _course(policy, state, at)
        stage = moves[-1].stage if moves else stage
    if stage and stage not in policy.stages:
        stage = ""  # a stage that is gone, or that only a newer policy knows, is none
    case = _case(policy, state, purpose, request, at, stage)
    claims, against, holds = _judge(case)
    if against:
        verdict = Verdict.GAP if against[0].code == "policy.gap" else DENY
        seen = NOTHING
        withheld: Mapping[str, Reason] = dict.fromkeys(
            purpose.fields if request.fields is None else request.fields, against[0]
        )
    else:
        verdict = ALLOW
        seen = see(policy, state, purpose, request, at, stage, _rights(case, claims))
        withheld = seen.withheld
    return Decision(
        verdict,
        purpose.name,
        claims[0].basis._value_ if claims else "",  # `value` goes through a descriptor each time
        seen.fields,
        withheld,
        seen.partly,
        against or holds,
        case.plan.duties,
        policy.hash,
        at,
        stage,
        Rest(case, seen.until, until),
    )


def standing(
    policy: Policy, state: State, purposes: Iterable[Purpose], at: datetime, *, later: bool = False
) -> dict[str, Basis]:
    """Return those of *purposes* that are allowed at *at* (aware, UTC), each with its basis.

    It is what ``decide`` answers when no field and no channel is asked for, for many purposes at once.
    *later*: whose basis holds, even if the purpose is for stages that the customer is not in yet.
    """
    state = translate(policy, state)
    if state.at is not None and at < state.at:
        at = state.at
    moves, _ = _course(policy, state, at)
    stage = moves[-1].stage if moves else state.stage
    if stage not in policy.stages:
        stage = ""
    found = {}
    for purpose in purposes:
        then = purpose.stages[0] if later and purpose.stages else stage
        case = _case(policy, state, purpose, Request(purpose.name, ()), at, then)
        claims, against, _ = _judge(case)
        if not against:
            found[purpose.name] = claims[0].basis
    return found


def effective_moves(policy: Policy, state: State, at: datetime) -> tuple[Moved, ...]:
    """Return the timed moves that have come due by *at* and may be made."""
    return _course(policy, translate(policy, state), at)[0]


def _course(policy: Policy, state: State, at: datetime) -> tuple[tuple[Moved, ...], datetime | None]:
    """Return those moves, and when the stage after them would change next (UTC)."""
    if state.stage not in policy.timed_stages or state.erased is not None:
        return (), None
    return course(policy.lifecycle, state, at, _permission(policy, state))


def _permission(policy: Policy, state: State) -> Permitted:
    """Return a function that says whether the lifecycle's purpose may look at behaviour, in a stage, then."""
    purpose = policy.purposes.get(policy.lifecycle.purpose)
    asked = Request(policy.lifecycle.purpose, fields=())

    def permitted(stage: str, then: datetime) -> bool:
        return purpose is not None and not _judge(_case(policy, state, purpose, asked, then, stage))[1]

    return permitted


def brought_moves(policy: Policy, state: State, steps: Sequence[Step], at: datetime) -> tuple[Moved, ...]:
    """Return the moves that *steps* bring to the customer of *state*, and the timed ones until *at*."""
    state = translate(policy, state)
    return advance(policy.lifecycle, state, steps, at, _permission(policy, state))


def refused_move(policy: Policy, state: State, stage: str, at: datetime) -> tuple[Reason, ...]:
    """Return why a timed move from *stage* may not be made at *at*; nothing: it may."""
    purpose = policy.purposes.get(policy.lifecycle.purpose)
    if purpose is None:
        return ()
    state = translate(policy, state)
    asked = Request(policy.lifecycle.purpose, fields=())
    return _judge(_case(policy, state, purpose, asked, at, stage))[1]


def _case(policy: Policy, state: State, purpose: Purpose, request: Request, at: datetime, stage: str) -> Case:
    age = _age(state, at)
    about = state.about
    plan = policy.plan(purpose, request.channel, about.get("region", ""), at, age, about.get("kind", ""))
    return Case(policy, state, purpose, request, at, stage, age, plan, state.consents.get(purpose.name))


def _judge(case: Case) -> tuple[list[Claim], tuple[Reason, ...], tuple[Reason, ...]]:
    """Return the claim under each law, what speaks against them, and what for them."""
    barred = _barred(case)
    if barred:
        return [], barred, ()
    groups = case.plan.groups
    if not groups:
        return [], (reason("policy.gap"),), ()
    if len(groups) == 1:  # nearly always
        claim = _claim(case, groups[0])
        against = claim.against
        held: tuple[Reason, ...] = () if claim.holds is None else (claim.holds,)
        claims, lawful = [claim], not against or not against[0].pack  # what a law says comes first
    else:
        claims = [_claim(case, group) for group in groups]
        against = _once(each for claim in claims for each in claim.against)
        held = _once(claim.holds for claim in claims if claim.holds is not None)
        lawful = not against
    if not lawful and case.plan.notes:
        against += _assumed(case.plan.notes, against)
    return claims, against, held + case.plan.notes


def _assumed(notes: tuple[Reason, ...], against: tuple[Reason, ...]) -> tuple[Reason, ...]:
    """Return what a refusal by law rests on that is not known, or not settled."""
    laws = {(why.pack, why.cite) for why in against if why.code.startswith("law.")}
    return tuple(
        note
        for note in notes
        if (note.code == "assumed.law" and (note.pack, note.cite) in laws)
        or (note.code == "assumed.region" and laws)
    )


def _once(reasons: Iterable[Reason]) -> tuple[Reason, ...]:
    return tuple(dict.fromkeys(reasons))


def _barred(case: Case) -> tuple[Reason, ...]:
    """Stops that need no claim: nobody there, erased, restored, the wrong actor or channel."""
    state, purpose, request = case.state, case.purpose, case.request
    if state.restored:
        return (reason("customer.restored"),)
    if state.erased is not None:
        if request.collect or not any(name in state.fields for name in purpose.fields):
            return (reason("customer.erased"),)
    elif not state.known and not request.collect:
        return (reason("customer.unknown"),)
    if purpose.actors and request.actor is not None and request.actor not in purpose.actors:
        return (reason("actor.not_listed"),)
    if request.channel and request.channel not in purpose.channels:
        return (reason("channel.not_listed"),)
    return ()


def _claim(case: Case, group: Group) -> Claim:
    """Return the first claim that holds; if none does, the first whose own facts exist."""
    if len(group.bases) == 1:
        return _claimed(case, group, group.bases[0])
    claims = [_claimed(case, group, basis) for basis in _open(case, group)]
    holding = [claim for claim in claims if not claim.against]
    if len(holding) < 2:  # noqa: PLR2004  (one or none)
        return holding[0] if holding else claims[0]
    first = holding[0]
    return Claim(first.basis, (), first.holds, tuple(claim.basis for claim in holding[1:]))


def _open(case: Case, group: Group) -> tuple[Basis, ...]:
    """Return the bases that may be claimed: those whose facts exist, and nothing in place of a no."""
    bases = group.bases
    if case.consent is not None and case.consent.status is not GRANTED:
        # A no ends the purpose through every alternative; what stands before them all goes on.
        firm = next((place for place, basis in enumerate(bases) if basis not in FIRM), len(bases))
        bases = bases[: firm + 1]
    elif case.state.objections and CONSENT in bases and _objection(case):
        # An objection ends only by a later consent, never by another basis.
        bases = tuple(basis for basis in bases if basis in FIRM or basis is CONSENT)
    return tuple(basis for basis in bases if _exists(case, group, basis)) or bases[:1]


def _claimed(case: Case, group: Group, basis: Basis) -> Claim:
    refused = group.verdicts[_said(case, group, basis) if basis is CONSENT or basis is SOFT_OPT_IN else basis]
    against = [] if refused is None else [refused]
    if case.state.erased is not None:
        if basis is not LEGAL_OBLIGATION:
            return Claim(basis, (reason("customer.erased"),), None)
    elif basis not in FIRM or case.purpose.advertises:  # no claim shields advertising from a no
        against += _stops(case, basis)
    restriction = case.state.restriction
    if restriction is not None and case.purpose.processing != STORAGE_ONLY:
        later = case.consent is not None and case.consent.index > restriction.index
        if basis is not CONSENT or not later:
            against.append(reason("restriction"))
    if against:
        return Claim(basis, tuple(against), None)
    holds, found = _ASK[basis](case, group)
    return Claim(basis, (), found) if holds else Claim(basis, (found,), None)


def _said(case: Case, group: Group, basis: Basis) -> str:
    """Return the claim that regimes judge: a guardian's consent, or a supporter's address, is its own."""
    if basis is SOFT_OPT_IN and not soft_opt_in(case, group, support=False) and soft_opt_in(case, group):
        return "charity_soft_opt_in"
    if basis is not CONSENT or case.consent is None or case.consent.given_by != "guardian":
        return basis
    return "guardian_consent"


def _exists(case: Case, group: Group, basis: Basis) -> bool:
    """Say whether the claim's own facts exist, whatever they say."""
    state, purpose = case.state, case.purpose
    if basis is CONSENT:
        return purpose.name in state.consents
    if basis is CONTRACT:
        contract = state.contracts.get(purpose.name)
        return case.request.collect or (contract is not None and bool(contract.open))
    if basis is SOFT_OPT_IN:
        return soft_opt_in(case, group)
    return True


def _stops(case: Case, basis: Basis) -> list[Reason]:
    state, purpose = case.state, case.purpose
    stops = []
    consent = case.consent
    if consent is not None and consent.status is not GRANTED:
        code = "consent.refused" if consent.status is Status.REFUSED else "consent.withdrawn"
        stops.append(reason(code))
    if state.objections:
        stops += _objections(case, basis)
    if state.signals:
        stops += [
            why for name, why in case.plan.signals.items() if name in state.signals and _stands(case, name)
        ]
    if state.mutes and any(state.mutes.get(word, case.at) > case.at for word in purpose.processing):
        stops.append(reason("muted"))
    # What the customer does themselves is their return, so it may be collected.
    fading = state.decay is not None and not case.request.collect
    if fading and sealed_away(case.policy.lifecycle.decay, state):
        stops.append(reason("inactive.sealed"))
    preferred = None if state.preferences is None else state.preferences.channels
    if preferred is not None and case.request.channel and case.request.channel not in preferred:
        stops.append(reason("preference.channel"))
    if purpose.stages and case.stage not in purpose.stages:
        stops.append(
            reason("stage.not_listed", f"{case.stage or 'none'}, and it is for {', '.join(purpose.stages)}")
        )
    return stops


def _stands(case: Case, signal: str) -> bool:
    """Say whether a *signal* that was received is not outdone by a valid yes after it (11 CCR 7025(c)(3))."""
    consent = case.consent
    if signal not in case.plan.yielding or consent is None or CONSENT not in case.purpose.all_bases:
        return True
    later = consent.status is GRANTED and consent.at > case.state.signals[signal]
    return not later or bool(_consent_fault(case, consent, ()))


def _objections(case: Case, basis: Basis) -> list[Reason]:
    last = _objection(case)
    if not last or last <= _agreed(case, basis):
        return []
    own = case.state.objections.get(case.purpose.name)
    return [reason("objection.direct_marketing" if case.purpose.marketing or own is None else "objection")]


def _objection(case: Case) -> int:
    """Return the entry of the last objection that reaches the purpose; 0: there is none."""
    objections = case.state.objections
    own = objections.get(case.purpose.name)
    last = 0 if own is None else own.index
    # Art. 21(3): who objects to direct marketing objects to all of it, and to profiling for it.
    if case.purpose.marketing or "targeted_ads" in case.purpose.processing:
        for each in objections.values():
            if each.marketing and each.index > last:
                last = each.index
    return last


def _agreed(case: Case, basis: Basis) -> int:
    """Return the entry of the consent that ends earlier objections; 0: there is none.

    Under another basis than consent the yes must be a valid one to count.
    """
    consent = case.consent
    if consent is None or consent.status is not GRANTED:
        return 0
    if CONSENT not in case.purpose.all_bases:
        return 0
    return consent.index if basis is CONSENT or not _consent_fault(case, consent, ()) else 0


def _ask_consent(case: Case, group: Group) -> tuple[bool, Reason]:
    if case.consent is None:
        return False, reason("consent.missing")
    code = _consent_fault(case, case.consent, group.explicit)
    return (False, reason(code)) if code else (True, reason("consent.given"))


def _consent_fault(case: Case, consent: Consent, explicit: tuple[str, ...]) -> str:
    if not consent.proven:
        return "consent.unproven"
    if consent.clause is None or not consent.clause.covers(case.policy.clauses[case.purpose.name]):
        return "consent.other_clause"
    if consent.until is not None and consent.until <= case.at:
        return "consent.expired"
    if case.request.channel and consent.channels and case.request.channel not in consent.channels:
        return "consent.other_channel"
    if consent.given_by == "subject" and _too_young(case, consent.happened or consent.at):
        return "consent.guardian_needed"
    if any(word not in consent.explicit for word in explicit):
        return "consent.not_explicit"
    return ""


def _too_young(case: Case, given: datetime | None = None) -> bool:
    """Say whether the customer is too young to agree alone; so is who was it when the yes was *given*."""
    minimum = case.plan.consent_age
    if case.age is not None:
        if given is None or case.age < minimum:
            return case.age < minimum
        then = _age(case.state, given)
        return then is not None and then < minimum
    # Of unknown age: whoever children are the audience of may be of any, others are as old as is assumed.
    audience = case.policy.controller.audience
    return minimum > (0 if audience == "children" else ASSUMED_AGE[audience])


def too_young(policy: Policy, state: State, purpose: Purpose, at: datetime) -> bool:
    """Say whether the customer is too young to agree to *purpose* alone, whatever else stops it."""
    state = translate(policy, state)
    return _too_young(_case(policy, state, purpose, Request(purpose.name), at, state.stage))


def known_age(state: State, at: datetime) -> int | None:
    """Return the age in full years at *at*, if it is known; 0 for a minor whose date of birth is gone."""
    return _age(state, at)


def grown_up(state: State, at: datetime) -> bool:
    """Say whether the customer is known to have been of age at *at*: nobody else agrees for them then."""
    born, minor = state.about.get("born"), state.minor_until
    return born is not None and of_age(born) <= at and (minor is None or minor <= at)


def _ask_contract(case: Case, group: Group) -> tuple[bool, Reason]:
    contract = case.state.contracts.get(case.purpose.name)
    if contract is not None and contract.open:
        return True, reason("contract.live")
    if case.request.collect:
        return True, reason("contract.step")
    return False, reason("contract.absent")


def _ask_legitimate(case: Case, group: Group) -> tuple[bool, Reason]:
    if not case.purpose.assessment:
        return False, reason("legitimate_interest.unassessed")
    if case.policy.controller.facts.public_body:
        return False, reason("legitimate_interest.public_body")
    return True, reason("legitimate_interest.assessed")


def _ask_soft(case: Case, group: Group) -> tuple[bool, Reason]:
    holds = soft_opt_in(case, group)
    terms = next((each for each in group.soft if each.pack), None)
    if terms is None:
        return holds, reason("soft_opt_in.met" if holds else "soft_opt_in.unmet")
    said = reason("soft_opt_in.related" if holds else "soft_opt_in.unrelated")
    return holds, msgspec.structs.replace(said, cite=terms.cite, pack=terms.pack)


_ASK: dict[Basis, Callable[[Case, Group], tuple[bool, Reason]]] = {
    Basis.CONSENT: _ask_consent,
    Basis.CONTRACT: _ask_contract,
    Basis.LEGITIMATE_INTEREST: _ask_legitimate,
    Basis.SOFT_OPT_IN: _ask_soft,
    Basis.LEGAL_OBLIGATION: lambda case, _: (True, reason("legal_obligation", case.purpose.law)),
    Basis.OPT_OUT: lambda _case, _: (True, reason("opt_out.open")),
    Basis.VITAL_INTEREST: lambda _case, _: (True, reason("vital_interest")),
    Basis.PUBLIC_TASK: lambda _case, _: (True, reason("public_task")),
}


def _rights(case: Case, claims: list[Claim]) -> Rights:
    """Return by what right fields are looked at, once every claim holds."""
    firm = law = True
    agreed = False
    for claim in claims:
        bases = (claim.basis, *claim.beside)
        firm = firm and not _NEEDED.isdisjoint(bases)
        law = law and LEGAL_OBLIGATION in bases
        agreed = agreed or CONSENT in bases
    consent = case.consent
    if consent is not None and not agreed:
        agreed = CONSENT in case.purpose.all_bases and not _stops(case, CONSENT)
        consent = consent if agreed and not _consent_fault(case, consent, ()) else None
    return Rights(firm, law, consent, case.plan.sensitive)


def _age(state: State, at: datetime) -> int | None:
    """Return the age in full years at *at*, if it is known.

    It is reached when the birthday begins where the customer lives, in an unknown region everywhere on
    earth. A minor once known stays one until of age, whatever becomes of the date of birth.
    """
    born, minor = state.about.get("born"), state.minor_until
    if minor is not None and minor > at and (born is None or of_age(born) < minor):
        return 0
    return None if born is None else _ageing(born, *_day(state, at))[0]


def _day(state: State, at: datetime) -> tuple[date, timedelta]:
    """Return the day that has begun everywhere in the customer's region, and how far from midnight UTC."""
    begins = day_begins(state.about.get("region", ""))
    return (at - begins).date(), begins


@lru_cache(maxsize=4096)
def _ageing(born: str, day: date, begins: timedelta) -> tuple[int, datetime | None]:
    """Return the age in full years of somebody on *day*, which *begins* then, and when it rises (UTC).

    An unreadable date of birth counts as a small child.
    """
    try:
        first = parse_born(born)
    except ValueError:
        return 0, None
    age = age_on(first, day)
    return age, birthday(first, age + 1, begins)


__all__ = ["Case", "Claim", "brought_moves", "decide", "effective_moves", "refused_move", "standing"]
