"""What somebody would write by hand for one shop: the rival of ``decide`` and of a read.

One table of rules per purpose and region, one record per person, one function, one frozen
answer with the reason and the fields. It knows nothing of regimes, remedies, citations,
obligations or ``valid_until``, and its table is made from the same policy, so that both give
the same answers; :func:`differences` checks that they do.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from clm_ethics.model.state import Status
from clm_ethics.policy import decide as library_decide

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from clm_ethics.model import State
    from clm_ethics.policy import Policy, Request
    from clm_ethics.policy.values import Purpose

AT_RISK_AFTER = timedelta(days=90)
WATCHED = "p02"
"""The purpose under which the stage is watched."""

Table = dict[tuple[str, str], "Rule"]


@dataclass(frozen=True, slots=True)
class Rule:
    """What one purpose may do in one region."""

    purpose: str
    basis: str
    refusal: str
    fields: frozenset[str]
    special: frozenset[str]
    explicit: frozenset[str]
    stages: frozenset[str]
    clause: str
    consent_age: int
    keep: timedelta
    keep_from: str


class Yes(msgspec.Struct, frozen=True, array_like=True):
    """The last answer to a purpose."""

    status: str
    index: int
    at: datetime
    until: datetime | None
    clause: str
    explicit: frozenset[str]


class Kept(msgspec.Struct, frozen=True, array_like=True):
    """When a field's value was collected, and for whom."""

    index: int
    at: datetime
    announced: frozenset[str]


class Person(msgspec.Struct, frozen=True, array_like=True):
    """What is known of a customer."""

    region: str
    born: date | None
    stage: str
    stage_since: datetime
    ordered: datetime | None
    consents: dict[str, Yes]
    objections: dict[str, int]
    contracts: dict[str, tuple[bool, datetime | None]]
    fields: dict[str, Kept]


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer: the reason, and field by field what may be seen or why not."""

    allowed: bool
    reason: str
    rule: Rule
    fields: tuple[str, ...]
    withheld: dict[str, str]


def decide(table: Table, person: Person, purpose: str, fields: tuple[str, ...], at: datetime) -> Answer:
    """Answer whether *purpose* may use *fields* of *person* at *at*, and which of them."""
    rule = table[purpose, person.region]
    reason = rule.refusal or _stop(table, rule, person, at)
    if not reason:
        reason = _ASK[rule.basis](rule, person, at)
    if reason:
        return Answer(False, reason, rule, (), dict.fromkeys(fields, reason))
    seen: list[str] = []
    withheld: dict[str, str] = {}
    for field in fields:
        why = _field(rule, person, field, at)
        if why:
            withheld[field] = why
        else:
            seen.append(field)
    return Answer(True, _WORD[rule.basis], rule, tuple(seen), withheld)


def _stop(table: Table, rule: Rule, person: Person, at: datetime) -> str:
    if rule.basis in ("contract", "legal_obligation"):
        return ""
    consent = person.consents.get(rule.purpose)
    if consent is not None and consent.status != "granted":
        return f"consent.{consent.status}"
    objected = person.objections.get(rule.purpose)
    if objected is not None and (consent is None or objected > consent.index):
        return "objection"
    if rule.stages and _stage(table, person, at) not in rule.stages:
        return "stage.not_listed"
    return ""


def _stage(table: Table, person: Person, at: datetime) -> str:
    """Who has not ordered for ninety days is at risk, if his behaviour may be looked at."""
    if person.stage != "customer":
        return person.stage
    due = max((person.ordered or person.stage_since) + AT_RISK_AFTER, person.stage_since)
    if due > at or not decide(table, person, WATCHED, (), due).allowed:
        return person.stage
    return "at_risk"


def _ask_consent(rule: Rule, person: Person, at: datetime) -> str:
    consent = person.consents.get(rule.purpose)
    if consent is None:
        return "consent.missing"
    if consent.clause != rule.clause:
        return "consent.other_clause"
    if consent.until is not None and consent.until <= at:
        return "consent.expired"
    return "consent.guardian_needed" if _too_young(rule, person, consent.at) else ""


def _too_young(rule: Rule, person: Person, agreed: datetime) -> bool:
    # Whoever was too young when he agreed is asked again.
    return person.born is not None and _age(person.born, agreed) < rule.consent_age


def _age(born: date, at: datetime) -> int:
    return at.year - born.year - ((at.month, at.day) <= (born.month, born.day))


def _ask_contract(rule: Rule, person: Person, at: datetime) -> str:  # noqa: ARG001
    contract = person.contracts.get(rule.purpose)
    return "" if contract is not None and contract[0] else "contract.absent"


_ASK: dict[str, Callable[[Rule, Person, datetime], str]] = {
    "consent": _ask_consent,
    "contract": _ask_contract,
    "legitimate_interest": lambda _rule, _person, _at: "",
    "legal_obligation": lambda _rule, _person, _at: "",
}
_WORD = {
    "consent": "consent.given",
    "contract": "contract.live",
    "legitimate_interest": "legitimate_interest.assessed",
    "legal_obligation": "legal_obligation",
}


def _field(rule: Rule, person: Person, field: str, at: datetime) -> str:
    if field not in rule.fields:
        return "field.unlisted"
    if field in rule.special and rule.basis != "legal_obligation":
        consent = person.consents.get(rule.purpose)
        if field not in rule.explicit or consent is None or field not in consent.explicit:
            return "field.special"
    kept = person.fields.get(field)
    if kept is None:
        return "field.absent"
    if rule.purpose not in kept.announced and not _read_all_the_same(rule, person, kept):
        return "field.other_purpose"
    return "field.expired" if _over(rule, person, kept, at) else ""


def _read_all_the_same(rule: Rule, person: Person, kept: Kept) -> bool:
    if rule.basis == "consent":
        return person.consents[rule.purpose].index > kept.index
    return rule.basis in ("contract", "legal_obligation")


def _over(rule: Rule, person: Person, kept: Kept, at: datetime) -> bool:
    if rule.keep_from == "collected":
        return kept.at + rule.keep <= at
    if rule.keep_from == "year_end":
        return datetime(kept.at.year + 1, 1, 1, tzinfo=UTC) + rule.keep <= at
    contract = person.contracts.get(rule.purpose)
    if contract is None:
        return kept.at + rule.keep <= at
    is_open, ended = contract
    return not is_open and ended is not None and ended + rule.keep <= at


# -- making the table and the people from the same policy and states --------------------------------


def make_table(policy: Policy, regions: Iterable[str], at: datetime) -> Table:
    """Write down what the policy and the packs say, once, as somebody would by hand."""
    return {
        (purpose.name, region): _rule(policy, purpose, region, at)
        for purpose in policy.purposes.values()
        for region in regions
    }


def _rule(policy: Policy, purpose: Purpose, region: str, at: datetime) -> Rule:
    plan = policy.plan(purpose, purpose.channels[0] if purpose.channels else "", region, at, None)
    basis = purpose.basis[0]
    refused = plan.groups[0].verdicts[basis.value]
    keep = purpose.keep
    if len(plan.groups) != 1 or keep is None or keep.span.months:
        raise ValueError(f"the rival has no words for the purpose {purpose.name}")
    return Rule(
        purpose=purpose.name,
        basis=basis.value,
        refusal="" if refused is None else refused.code,
        fields=frozenset(purpose.fields),
        special=frozenset(name for name in policy.fields if policy.special(name)),
        explicit=frozenset(purpose.explicit),
        stages=frozenset(purpose.stages),
        clause=policy.clauses[purpose.name].title.hex(),
        consent_age=plan.consent_age,
        keep=timedelta(seconds=keep.span.seconds),
        keep_from=keep.since,
    )


def make_person(state: State, at: datetime) -> Person:
    """Write down what a state says."""
    born = state.about.get("born")
    return Person(
        region=state.about["region"],
        born=None if born is None else date.fromisoformat(born),
        stage=state.stage,
        stage_since=state.stage_since or at,
        ordered=state.happened.get("order"),
        consents={
            name: Yes(
                Status(each.status).name.lower(),
                each.index,
                each.at,
                each.until,
                "" if each.clause is None else each.clause.title.hex(),
                frozenset(each.explicit),
            )
            for name, each in state.consents.items()
        },
        objections={name: each.index for name, each in state.objections.items()},
        contracts={name: (bool(each.open), each.ended) for name, each in state.contracts.items()},
        fields={
            name: Kept(runs[0].index, runs[0].first, frozenset(runs[0].announced))
            for name, runs in state.fields.items()
        },
    )


def differences(
    policy: Policy, table: Table, asked: Iterable[tuple[State, Person, Request]], at: datetime
) -> list[str]:
    """Name every question that the library and the rival answer differently."""
    found = []
    for state, person, request in asked:
        fields = request.fields or ()
        ours = library_decide(policy, state, request, at)
        theirs = decide(table, person, request.purpose, fields, at)
        mine = (bool(ours), ours.codes[0], set(ours.fields), {k: v.code for k, v in ours.withheld.items()})
        other = (theirs.allowed, theirs.reason, set(theirs.fields), theirs.withheld)
        if mine != other:
            found.append(f"{request.purpose} {fields}: {mine} against {other}")
    return found


__all__ = ["Answer", "Person", "Rule", "decide", "differences", "make_person", "make_table"]
