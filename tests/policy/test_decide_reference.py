"""``decide`` against a slow second implementation that is written to be read (``reference.py``)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import event, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from clm_ethics.model import fold
from clm_ethics.policy import decide
from tests.policy.reference import answer
from tests.strategies import lives, moments, policies, questions

if TYPE_CHECKING:
    from clm_ethics.model import State
    from clm_ethics.policy import Decision

QUESTIONS = 6
"""Asked of each life."""


def seen(decision: Decision, state: State) -> dict[str, tuple[str, tuple[int, ...]]]:
    """Return per visible field its precision and the entries whose items may be seen."""
    found = {}
    for name, grant in decision.fields.items():
        runs = () if decision.stage and name == "stage" else state.fields.get(name, ())
        spans = grant.spans or ((0, state.length),)
        entries = tuple(run.index for run in runs if any(low <= run.index <= high for low, high in spans))
        found[name] = (grant.precision, entries)
    return found


def check(data: st.DataObject) -> None:
    """Ask one made-up customer several questions, and compare every answer."""
    policy = data.draw(policies())
    events = data.draw(lives(policy))
    state = fold(events)
    if data.draw(st.integers(0, 30)) == 30:
        state = replace(state, restored=True)
    for _ in range(QUESTIONS):
        request, at = data.draw(questions(policy)), data.draw(moments(events))
        said = decide(policy, state, request, at)
        expected = answer(policy, state, request, at)
        event(f"{said.verdict.value} {said.basis if said else said.codes[0]}")

        assert expected.verdict == said.verdict.value, said.explain()
        if said:
            assert expected.basis == said.basis
            assert expected.fields.keys() == said.fields.keys()
            assert expected.withheld == {name: why.code for name, why in said.withheld.items()}
            if not request.collect:
                assert _without_sources(expected.fields) == _without_sources(seen(said, state))


def _without_sources(
    fields: dict[str, tuple[str, tuple[int, ...]]],
) -> dict[str, tuple[str, tuple[int, ...]]]:
    return {name: found for name, found in fields.items() if name not in {"points", "stage"}}


@settings(max_examples=800)
@given(st.data())
def test_the_decision_is_that_of_the_reference(data):
    """For any policy, life, question and time: the same verdict, claim, fields, precision and entries."""
    check(data)
