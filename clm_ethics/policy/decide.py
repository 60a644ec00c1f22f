"""The decision: a pure function of (compiled policy, state, request, time).

Stops come before bases, each with its own reach; then every regime that applies judges the
claim it is given, alone, and the most protective verdict wins; then each field is looked at.
Unknown, missing, unparsable and expired deny.
"""

from __future__ import annotations

from datetime import date
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from ..lifecycle import due_moves, next_due
from ..model.state import Status
from ..model.times import birthday
from .decision import Decision, Reason, Request, Verdict
from .policy import FIRM
from .remedies import remedies
from .values import Basis
from .visible import Visible, see
from .words import reason

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from ..model.events import Moved
    from ..model.state import Consent, State
    from .policy import Group, Plan, Policy
    from .values import Purpose


class Case(NamedTuple):
    """Everything one decision looks at."""

    policy: Policy
    state: State
    purpose: Purpose
    request: Request
    at: datetime
    stage: str
    age: int | None
    plan: Plan


class Claim(NamedTuple):
    """A basis that was claimed, what speaks against it (nothing: it holds), and what for it."""

    basis: Basis
    against: tuple[Reason, ...]
    holds: Reason | None


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
    if state.at is not None and at < state.at:
        at = state.at  # time in a stream never runs backwards: a clock set back revives nothing
    moves = effective_moves(policy, state, at)
    stage = moves[-1].stage if moves else state.stage
    return _decide(policy, state, purpose, request, at, stage, moves)


def effective_moves(policy: Policy, state: State, at: datetime) -> tuple[Moved, ...]:
    """Return the timed moves that have come due by *at* and may be made."""
    if state.stage not in policy.timed_stages or state.erased is not None:
        return ()
    asked = Request(policy.lifecycle.purpose, fields=())

    def permitted(stage: str, then: datetime) -> bool:
        purpose = policy.purposes.get(policy.lifecycle.purpose)
        return purpose is not None and bool(_decide(policy, state, purpose, asked, then, stage, ()))

    return due_moves(policy.lifecycle, state, at, permitted)


def _decide(
    policy: Policy,
    state: State,
    purpose: Purpose,
    request: Request,
    at: datetime,
    stage: str,
    moves: tuple[Moved, ...],
) -> Decision:
    born = state.about.get("born")
    age = None if born is None else _age(born, at.date())
    if age is None and state.minor_until is not None and state.minor_until > at:
        age = 0  # a minor once known stays one until of age, whatever becomes of the date of birth
    plan = policy.plan(purpose, request.channel, state.about.get("region", ""), at, age)
    case = Case(policy, state, purpose, request, at, stage, age, plan)
    basis, against, holds = _judge(case)
    if against:
        verdict = Verdict.GAP if against[0].code == "policy.gap" else Verdict.DENY
        seen = Visible({}, {}, {}, None)
        withheld = dict.fromkeys(purpose.fields if request.fields is None else request.fields, against[0])
    else:
        verdict = Verdict.ALLOW
        seen = see(policy, state, purpose, request, at, stage, basis)
        withheld = seen.withheld
    return Decision(
        verdict,
        purpose.name,
        basis,
        seen.fields,
        withheld,
        seen.partly,
        against or holds,
        plan.duties,
        policy.hash,
        at,
        _valid_until(case, seen.until, moves),
        stage,
        lambda: remedies(policy, state, request, at),
    )


def _judge(case: Case) -> tuple[str, tuple[Reason, ...], tuple[Reason, ...]]:
    """Return the basis, what speaks against it, and what for it."""
    barred = _barred(case)
    if barred:
        return "", barred, ()
    groups = case.plan.groups
    if not groups:
        return "", (reason("policy.gap"),), ()
    against: list[Reason] = []
    holding: list[Reason] = []
    basis = ""
    for group in groups:
        claim = _claim(case, group)
        against += [each for each in claim.against if each not in against]
        if claim.holds is not None and claim.holds not in holding:
            holding.append(claim.holds)
        basis = basis or claim.basis.value
    return basis, tuple(against), (*holding, *case.plan.notes)


def _barred(case: Case) -> tuple[Reason, ...]:
    """Stops that need no claim: nobody there, erased, restored, the wrong actor or channel."""
    state, purpose, request = case.state, case.purpose, case.request
    if state.restored:
        return (reason("customer.restored"),)
    if state.erased is not None:
        surviving = Basis.LEGAL_OBLIGATION in purpose.basis and any(
            name in state.fields for name in purpose.fields
        )
        return () if surviving and not request.collect else (reason("customer.erased"),)
    if not state.known and not request.collect:
        return (reason("customer.unknown"),)
    if purpose.actors and request.actor is not None and request.actor not in purpose.actors:
        return (reason("actor.not_listed"),)
    if request.channel and request.channel not in purpose.channels:
        return (reason("channel.not_listed"),)
    return ()


def _claim(case: Case, group: Group) -> Claim:
    basis = next((each for each in group.bases if _exists(case, each)), group.bases[0])
    objection = case.state.objections.get(case.purpose.name)
    if objection is not None and basis not in FIRM and Basis.CONSENT in group.bases:
        basis = Basis.CONSENT  # an objection ends only by a later consent, never by another basis
    refused = group.verdicts[_claimed(case, basis)]
    against = [] if refused is None else [refused]
    if case.state.erased is not None:
        if basis is not Basis.LEGAL_OBLIGATION:
            return Claim(basis, (reason("customer.erased"),), None)
        return Claim(basis, tuple(against), reason("legal_obligation", case.purpose.law))
    if basis not in FIRM:
        against += _stops(case, basis)
    restriction = case.state.restriction
    if restriction is not None:
        consent = case.state.consents.get(case.purpose.name)
        later = consent is not None and consent.index > restriction.index
        if basis is not Basis.CONSENT or not later:
            against.append(reason("restriction"))
    if against:
        return Claim(basis, tuple(against), None)
    holds, found = _ASK[basis](case, group)
    return Claim(basis, (), found) if holds else Claim(basis, (found,), None)


def _claimed(case: Case, basis: Basis) -> str:
    """Return the claim that regimes judge: a guardian's consent is one of its own."""
    consent = case.state.consents.get(case.purpose.name)
    if basis is Basis.CONSENT and consent is not None and consent.given_by == "guardian":
        return "guardian_consent"
    return basis.value


def _exists(case: Case, basis: Basis) -> bool:
    """Say whether the claim's own facts exist, whatever they say."""
    state, purpose = case.state, case.purpose
    if basis is Basis.CONSENT:
        return purpose.name in state.consents
    if basis is Basis.CONTRACT:
        contract = state.contracts.get(purpose.name)
        return case.request.collect or (contract is not None and bool(contract.open))
    if basis is Basis.SOFT_OPT_IN:
        return _soft(case)
    return True


def _stops(case: Case, basis: Basis) -> list[Reason]:
    state, purpose = case.state, case.purpose
    stops = []
    consent = state.consents.get(purpose.name)
    if consent is not None and consent.status is not Status.GRANTED:
        code = "consent.refused" if consent.status is Status.REFUSED else "consent.withdrawn"
        stops.append(reason(code))
    if state.objections:
        stops += _objections(case, consent, basis)
    if state.signals and case.plan.signals:
        stops.append(reason("signal"))
    if state.mutes and any(state.mutes.get(word, case.at) > case.at for word in purpose.processing):
        stops.append(reason("muted"))
    if purpose.stages and case.stage not in purpose.stages:
        stops.append(
            reason("stage.not_listed", f"{case.stage or 'none'}, and it is for {', '.join(purpose.stages)}")
        )
    return stops


def _objections(case: Case, consent: Consent | None, basis: Basis) -> list[Reason]:
    own = case.state.objections.get(case.purpose.name)
    agreed = consent.index if consent is not None and consent.status is Status.GRANTED else 0
    if own is not None and own.index > agreed:
        return [reason("objection.direct_marketing" if case.purpose.marketing else "objection")]
    # Art. 21(3): who objects to direct marketing objects to all of it, and to profiling for it,
    # but for what rests on a consent of its own.
    reach = case.purpose.marketing or "targeted_ads" in case.purpose.processing
    if not reach or basis is Basis.CONSENT:
        return []
    marketing = any(each.marketing for each in case.state.objections.values())
    return [reason("objection.direct_marketing")] if marketing else []


def _ask_consent(case: Case, group: Group) -> tuple[bool, Reason]:
    consent = case.state.consents.get(case.purpose.name)
    if consent is None:
        return False, reason("consent.missing")
    code = _consent_fault(case, consent, group)
    return (False, reason(code)) if code else (True, reason("consent.given"))


def _consent_fault(case: Case, consent: Consent, group: Group) -> str:
    if not consent.proven:
        return "consent.unproven"
    if consent.clause is None or not consent.clause.covers(case.policy.clauses[case.purpose.name]):
        return "consent.other_clause"
    if consent.until is not None and consent.until <= case.at:
        return "consent.expired"
    if case.request.channel and consent.channels and case.request.channel not in consent.channels:
        return "consent.other_channel"
    if consent.given_by == "subject" and _too_young(case):
        return "consent.guardian_needed"
    if any(row not in consent.explicit for row in group.explicit):
        return "consent.not_explicit"
    return ""


def _too_young(case: Case) -> bool:
    minimum = case.plan.consent_age
    if case.age is not None:
        return case.age < minimum
    return case.policy.controller.audience == "children" and minimum > 0


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
    return True, reason("legitimate_interest.assessed")


def _ask_soft(case: Case, group: Group) -> tuple[bool, Reason]:
    return (True, reason("soft_opt_in.met")) if _soft(case) else (False, reason("soft_opt_in.unmet"))


def _soft(case: Case) -> bool:
    """Say whether each channel's address comes from a sale, with notice (ePrivacy Directive Art. 13(2))."""
    channels = (case.request.channel,) if case.request.channel else case.purpose.channels
    addresses = {case.policy.channels[name].address for name in channels} - {""}
    return bool(addresses) and all(_sold(case, address) for address in addresses)


def _sold(case: Case, address: str) -> bool:
    runs = case.state.fields.get(address, ())
    purposes = case.policy.purposes
    return bool(runs) and all(
        case.purpose.name in run.announced
        and (seller := purposes.get(run.purpose)) is not None
        and seller.sale
        for run in runs
    )


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


def _valid_until(case: Case, seen: datetime | None, moves: tuple[Moved, ...]) -> datetime | None:
    """Return the first instant after ``at`` at which anything that was looked at may change."""
    state, at = case.state, case.at
    coming = [case.plan.change, seen]
    consent = state.consents.get(case.purpose.name)
    if consent is not None:
        coming.append(consent.until)
    coming += state.mutes.values()
    coming.append(state.minor_until)
    if "born" in state.about:
        coming.append(_next_birthday(state.about["born"], at))
    coming.append(_next_stage(case, moves))
    return min((each for each in coming if each is not None and each > at), default=None)


def _next_stage(case: Case, moves: tuple[Moved, ...]) -> datetime | None:
    if case.stage not in case.policy.timed_stages:
        return None
    if not moves:
        return next_due(case.policy.lifecycle, case.state)
    from msgspec.structs import replace

    then = replace(case.state, stage=moves[-1].stage, stage_since=moves[-1].at)
    return next_due(case.policy.lifecycle, then)


@lru_cache(maxsize=4096)
def _age(born: str, day: date) -> int:
    """Return the age in full years that somebody has in every zone on *day*.

    Of two readings the younger counts; an unreadable date of birth counts as a small child.
    """
    try:
        first = date.fromisoformat(born)
    except ValueError:
        return 0
    return max(day.year - first.year - ((day.month, day.day) <= (first.month, first.day)), 0)


def _next_birthday(born: str, at: datetime) -> datetime | None:
    try:
        first = date.fromisoformat(born)
    except ValueError:
        return None
    age = at.year - first.year
    return next((turn for turn in (birthday(first, age + years) for years in (-1, 0, 1)) if turn > at), None)


__all__ = ["Case", "Claim", "decide", "effective_moves"]
