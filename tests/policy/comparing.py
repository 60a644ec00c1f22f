"""One question put to ``decide`` and to the reference, and what differs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clm_ethics.policy import decide
from tests.policy.reference import Answer, answer

if TYPE_CHECKING:
    from datetime import datetime

    from clm_ethics.model import State
    from clm_ethics.policy import Decision, Policy, Request

Fields = dict[str, tuple[str, tuple[int, ...]]]
"""Per visible field its precision and the entries whose items may be seen."""


def compare(policy: Policy, state: State, request: Request, at: datetime) -> tuple[Decision, Answer, Answer]:
    """Ask both; return the decision, the reference's answer, and the decision in the same words."""
    said = decide(policy, state, request, at)
    expected = answer(policy, state, request, at)
    if not said:
        return said, expected, Answer(said.verdict.value)
    withheld = {name: why.code for name, why in said.withheld.items()}
    # Where the host keeps the value, or a value is only to be collected, there is no entry to look at.
    hidden = set(said.fields) if request.collect else {"points", "stage"}
    actual = Answer(said.verdict.value, said.basis, _bare(seen(said, state), hidden), withheld)
    return said, expected._replace(fields=_bare(expected.fields, hidden)), actual


def seen(decision: Decision, state: State) -> Fields:
    """Return per visible field its precision and the entries whose items may be seen."""
    found = {}
    for name, grant in decision.fields.items():
        runs = () if decision.stage and name == "stage" else state.fields.get(name, ())
        spans = grant.spans or ((0, state.length),)
        entries = tuple(run.index for run in runs if any(low <= run.index <= high for low, high in spans))
        found[name] = (grant.precision, entries)
    return found


def _bare(fields: Fields, hidden: set[str]) -> Fields:
    return {
        name: (precision, () if name in hidden else entries) for name, (precision, entries) in fields.items()
    }
