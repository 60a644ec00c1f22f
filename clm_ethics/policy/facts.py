"""The facts that a reason rests on: entries, times and versions, and no value of a person.

They are worked out when somebody asks for them, from the very state that was decided on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..model.state import Status
from ..model.times import NEVER
from .decision import Fact
from .visible import kept_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from ..model.state import Objection, State
    from .decision import Reason, Request
    from .policy import Policy
    from .values import Purpose

_SHORT = 12
"""How many characters of a policy's hash are enough to tell it from the others."""


class _Case:
    """What a fact is looked up in."""

    def __init__(
        self, policy: Policy, state: State, request: Request, at: datetime, stage: str, field: str
    ) -> None:
        self.policy, self.state, self.request = policy, state, request
        self.at, self.stage, self.field = at, stage, field
        self.purpose: Purpose = policy.purposes[request.purpose]


def facts(
    policy: Policy, state: State, request: Request, at: datetime, stage: str, reason: Reason, field: str = ""
) -> tuple[Fact, ...]:
    """Return what *reason* rests on; *stage*: the effective one; *field*: for which the reason was given."""
    case = _Case(policy, state, request, at, stage, field)
    if reason.pack:
        found = list(_law(case, reason))
        return (*found, *_signals(case)) if reason.code == "signal" else tuple(found)
    family = reason.code.partition(".")[0]
    look = _BY_CODE.get(reason.code) or _BY_CODE.get(family, _from_policy)
    return tuple(look(case))


def _from_policy(case: _Case) -> Iterator[Fact]:
    yield Fact("policy", {"policy": case.policy.hash[:_SHORT], "purpose": case.purpose.name})


def _law(case: _Case, reason: Reason) -> Iterator[Fact]:
    yield Fact("pack", {"pack": reason.pack, "day": f"{case.at:%Y-%m-%d}"})
    yield from _place(case)
    yield from _age(case)


def _place(case: _Case) -> Iterator[Fact]:
    yield Fact("region.known" if case.state.about.get("region") else "region.unknown")


def _age(case: _Case) -> Iterator[Fact]:
    yield Fact("age.known" if case.state.about.get("born") else "age.unknown")


def _consent(case: _Case) -> Iterator[Fact]:
    said = case.state.consents.get(case.purpose.name)
    if said is None:
        yield Fact("consent.none", {"purpose": case.purpose.name})
    elif said.status is Status.GRANTED:
        yield Fact("consent", {"entry": str(said.index), "given": _when(said.happened or said.at)})
        if said.until is not None:
            yield Fact("consent.until", {"until": _when(said.until)})
    else:
        yield Fact("no", {"entry": str(said.index), "at": _when(said.at)})


def _clause(case: _Case) -> Iterator[Fact]:
    yield from _consent(case)
    yield Fact("clause", {"policy": case.policy.hash[:_SHORT]})


def _guardian(case: _Case) -> Iterator[Fact]:
    yield from _consent(case)
    said = case.state.consents.get(case.purpose.name)
    if said is not None and said.status is Status.GRANTED:
        yield Fact("consent.by", {"by": said.given_by})
    yield from _age(case)


def _objections(case: _Case) -> Iterator[Fact]:
    last: Objection | None = None
    for name, each in case.state.objections.items():
        if (name == case.purpose.name or each.marketing) and (last is None or each.index > last.index):
            last = each
    if last is not None:
        yield Fact("objection", {"entry": str(last.index), "at": _when(last.at)})


def _restriction(case: _Case) -> Iterator[Fact]:
    found = case.state.restriction
    if found is not None:
        yield Fact("restriction", {"entry": str(found.index), "at": _when(found.at)})


def _contract(case: _Case) -> Iterator[Fact]:
    found = case.state.contracts.get(case.purpose.name)
    count = 0 if found is None else len(found.open)
    yield Fact("contract", {"purpose": case.purpose.name, "open": str(count)})
    if found is not None and not found.open and found.ended is not None:
        yield Fact("contract.ended", {"purpose": case.purpose.name, "at": _when(found.ended)})


def _mutes(case: _Case) -> Iterator[Fact]:
    for word in case.purpose.processing:
        until = case.state.mutes.get(word)
        if until is not None and until > case.at:
            yield Fact("mute", {"processing": word, "until": _when(until)})


def _signals(case: _Case) -> Iterator[Fact]:
    for name, at in case.state.signals.items():
        yield Fact("signal", {"signal": name, "at": _when(at)})


def _stage(case: _Case) -> Iterator[Fact]:
    if case.stage != case.state.stage:
        yield Fact("stage.due", {"stage": case.stage})
    elif case.state.stage and case.state.stage_since is not None:
        yield Fact("stage", {"stage": case.state.stage, "since": _when(case.state.stage_since)})
    yield from _from_policy(case)


def _erased(case: _Case) -> Iterator[Fact]:
    if case.state.erased is not None:
        yield Fact("erased", {"at": _when(case.state.erased)})


def _nobody(case: _Case) -> Iterator[Fact]:
    yield Fact("length", {"entries": str(case.state.length)})


def _interest(case: _Case) -> Iterator[Fact]:
    if case.purpose.assessment:
        yield Fact("assessment", {"assessment": case.purpose.assessment})
    else:
        yield from _from_policy(case)


def _obliged(case: _Case) -> Iterator[Fact]:
    yield Fact("law", {"law": case.purpose.law})


def _value(case: _Case) -> Iterator[Fact]:
    """Where a withheld value came from, for what, and how long it is kept."""
    runs = case.state.fields.get(case.field, ())
    if not runs:
        yield Fact("absent", {"field": case.field})
    for run in runs:
        known = {"field": case.field, "entry": str(run.index), "at": _when(run.last)}
        yield Fact("collected", {**known, "purpose": run.purpose or "-"})
        if run.announced:
            yield Fact("announced", {"field": case.field, "purposes": ", ".join(run.announced)})
        ends = kept_until(case.purpose, case.state, run.last)
        if ends < NEVER:
            yield Fact("kept", {"field": case.field, "until": _when(ends), "purpose": case.purpose.name})


def _address(case: _Case) -> Iterator[Fact]:
    """Where the addresses came from that a soft opt-in rests on."""
    channels = (case.request.channel,) if case.request.channel else case.purpose.channels
    names = [name for name in dict.fromkeys(case.policy.channels[each].address for each in channels) if name]
    for name in names:
        yield from _value(_Case(case.policy, case.state, case.request, case.at, case.stage, name))
    if not names:  # no channel of the purpose has an address that could come from a sale
        yield from _from_policy(case)


def _when(at: datetime) -> str:
    return at.isoformat(timespec="seconds").replace("+00:00", "Z")


_BY_CODE: dict[str, Callable[[_Case], Iterator[Fact]]] = {
    "customer.unknown": _nobody,
    "customer.restored": _nobody,
    "customer.erased": _erased,
    "restriction": _restriction,
    "consent": _consent,
    "consent.other_clause": _clause,
    "consent.guardian_needed": _guardian,
    "contract": _contract,
    "legal_obligation": _obliged,
    "legitimate_interest": _interest,
    "objection": _objections,
    "opt_out": _consent,
    "signal": _signals,
    "soft_opt_in": _address,
    "muted": _mutes,
    "stage": _stage,
    "field.unlisted": _from_policy,
    "field.erased": _erased,
    "field": _value,
    "assumed.region": _place,
    "assumed.age": _age,
}
"""By code, or by what stands before its dot; what is not here is the policy's."""


__all__ = ["facts"]
