"""Proofs over every situation: that the situations are all there are, and that faults are found."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from hypothesis import assume, event, given, settings
from hypothesis import strategies as st

from clm_ethics.errors import UnknownName
from clm_ethics.model import Status, fold
from clm_ethics.policy import Request, decide
from clm_ethics.policy import decide as _decide_function
from clm_ethics.policy.policy import Terms
from clm_ethics.policy.prove import PROPERTIES, Property, prove
from clm_ethics.policy.relation import soft_opt_in
from clm_ethics.policy.situations import FAULTY, NOES, Facts, Space, represent
from tests.policy.people import NOON, SHOP, shop
from tests.strategies import lives, moments, policies

if TYPE_CHECKING:
    from collections.abc import Callable

    from clm_ethics.model import State
    from clm_ethics.policy import Policy, Purpose
    from clm_ethics.policy.situations import Situation

import importlib

deciding = importlib.import_module("clm_ethics.policy.decide")
assert deciding.decide is _decide_function


# -- the situations are all there are ------------------------------------------------------------------


def facts_of(policy: Policy, state: State, request: Request, at: datetime) -> Facts | None:
    """Return the situation that somebody is in; ``None`` if they agreed explicitly to a part only."""
    at = at if state.at is None else max(at, state.at)
    purpose = policy.purposes[request.purpose]
    stage = decide(policy, state, request, at).stage
    case = deciding._case(policy, state, purpose, request, at, stage)
    about, kind = state.about, state.about.get("kind", "")
    facts = Facts(
        _person(state, purpose),
        about.get("region", ""),
        case.age,
        at,
        request.channel,
        stage=stage,
        kind=kind,
    )
    answer = _answer(policy, case)
    if answer is None:
        return None
    consent = state.consents.get(purpose.name)
    entry = 0 if consent is None else consent.index
    contract = state.contracts.get(purpose.name)
    restriction = state.restriction
    signals = {each for each in set(case.plan.signals) & set(state.signals) if deciding._stands(case, each)}
    relation = _relation(case)
    if relation is None:
        return None
    return facts._replace(
        answer=answer,
        objection=_objection(case, entry),
        restriction="none" if restriction is None else "before" if entry > restriction.index else "after",
        contract="none" if contract is None else "open" if contract.open else "ended",
        relation=relation,
        signal=min(signals, default=""),
        unwanted=_unwanted(state, request),
        muted=any(state.mutes.get(word, at) > at for word in purpose.processing),
    )


def _relation(case: object) -> str | None:
    """Say which relations are there; ``None``: one that some law counts, and another that none does."""
    if not case.plan.groups:
        return "none"
    group = case.plan.groups[0]
    asked = {terms for each in case.plan.groups for terms in each.soft if terms.pack}
    seen = {soft_opt_in(case, group._replace(soft=(terms,))) for terms in asked}
    if len(seen) > 1:
        return None
    told = soft_opt_in(case, group._replace(soft=(Terms(),)))
    return {(False, False): "none", (True, False): "sold", (False, True): "related", (True, True): "both"}[
        told, True in seen
    ]


def _unwanted(state: State, request: Request) -> bool:
    wished = None if state.preferences is None else state.preferences.channels
    return bool(request.channel) and wished is not None and request.channel not in wished


def _person(state: State, purpose: Purpose) -> str:
    if state.restored:
        return "restored"
    if state.erased is not None:
        return "erased.kept" if any(name in state.fields for name in purpose.fields) else "erased"
    return "known" if state.known else "unknown"


def _answer(policy: Policy, case: object) -> str | None:
    consent, purpose = case.consent, case.purpose
    if consent is None:
        return "none"
    if consent.status is not Status.GRANTED:
        return "refused" if consent.status is Status.REFUSED else "withdrawn"
    fault = deciding._consent_fault(case, consent, ())
    if fault == "consent.guardian_needed":
        then = deciding._age(case.state, consent.happened or consent.at)
        young_now = case.age is None or case.age < case.plan.consent_age
        return "yes" if young_now else "yes.young" if then is not None else None
    if fault:
        return "yes." + fault.partition(".")[2]
    whole = {*purpose.processing, *purpose.explicit}
    if consent.explicit and not whole <= set(consent.explicit):
        return None
    kind = "explicit" if consent.explicit else ""
    if consent.given_by == "guardian":
        return "yes.guardian" + ("_" + kind if kind else "")
    return "yes.explicit" if kind else "yes"


def _objection(case: object, entry: int) -> str:
    last = deciding._objection(case)
    if not last:
        return "none"
    own = case.state.objections.get(case.purpose.name)
    return ("own." if own is not None else "other.") + ("before" if entry > last else "after")


@settings(max_examples=250)
@given(st.data())
def test_who_stands_for_a_situation_gets_the_answer_of_everybody_in_it(data):
    """Whoever lives whatever life is decided like the made-up customer of the same situation."""
    policy = data.draw(policies())
    events = data.draw(lives(policy))
    state = fold(events)
    for _ in range(4):
        name = data.draw(st.sampled_from(sorted(policy.purposes)))
        channel = data.draw(st.sampled_from(["", *policy.purposes[name].channels]))
        request, at = Request(name, channel=channel), data.draw(moments(events))
        facts = facts_of(policy, state, request, at)
        assume(facts is not None)
        made_up = represent(policy, policy.purposes[name], facts)
        expected = decide(policy, state, request, facts.at)
        event(f"{expected.verdict} {facts.person} {facts.answer}")

        actual = decide(policy, made_up, request, facts.at)
        said = f"{facts}\n{expected.explain()}\n--- but\n{actual.explain()}"
        assert (expected.verdict, expected.basis) == (actual.verdict, actual.basis), said
        if facts.answer not in FAULTY:  # of a yes that is none, another fault may be told: whose it was
            assert set(expected.codes) == set(actual.codes), said


@settings(max_examples=15)
@given(st.data())
def test_no_law_and_no_answer_is_left_out(data):
    """In the places of the controller, everybody's verdict is that of some situation of the space."""
    policy = data.draw(policies())
    events = data.draw(lives(policy, known=True))
    state = fold(events)
    name = data.draw(st.sampled_from(sorted(policy.purposes)))
    at = max(data.draw(moments(events)), state.at)
    place = state.about.get("region", "")
    assume(not place or place in (*policy.controller.established, *policy.controller.markets))
    facts = facts_of(policy, state, Request(name), at)
    assume(facts is not None)
    answer = decide(policy, state, Request(name), at)
    verdicts = {
        (each.decision.verdict, each.decision.basis)
        for each in Space(policy, name, at=at)
        if each.facts.person == facts.person
    }
    assert (answer.verdict, answer.basis) in verdicts


@settings(max_examples=10)
@given(policies(), st.sampled_from(NOES))
def test_a_no_stays_inside_the_space(policy, no):
    """After a further no a situation is one of the same space, and the second time it changes nothing."""
    name = min(policy.purposes)
    space = Space(policy, name, at=NOON)
    for each in list(space):
        if each.facts.person == "known":
            after = each.after(no)
            assert after.after(no).facts == after.facts


def test_a_no_is_one_of_those_there_are():
    """Something that is no way to say no is an error."""
    situation = next(each for each in Space(SHOP, "advice", at=NOON) if each.facts.person == "known")
    with pytest.raises(ValueError, match="no way to say no"):
        situation.after("perhaps")


# -- what is proved, and what is refuted ---------------------------------------------------------------


@settings(max_examples=8)
@given(policies())
def test_the_laws_of_the_decision_hold_under_any_policy(policy):
    """What is no matter of the policy's choice is proved whatever the policy."""
    chosen = [each for each in PROPERTIES if each.name != "no_child_profiled_for_ads"]
    proof = prove(policy, at=NOON, properties=chosen)
    assert proof, proof.explain()


BROKEN: dict[str, tuple[str, Callable[..., object]]] = {
    "objection_ends_marketing": ("_objections", lambda case, basis: []),
    "no_ends_the_purpose": ("_open", lambda case, group: group.bases),
    "strangers_are_denied": ("_barred", lambda case: ()),
    "no_never_widens": ("_agreed", lambda case, basis: 0 if case.state.objections else 99),
}


@pytest.mark.parametrize("name", sorted(BROKEN))
def test_a_decision_that_is_wrong_is_refuted(monkeypatch, name):
    """With a stop taken out of the decision, the property that rests on it falls."""
    place, wrong = BROKEN[name]
    if name == "no_ends_the_purpose":
        monkeypatch.setattr(deciding, "_stops", lambda case, basis: [])
    if name == "no_never_widens":
        # An objection that brings a yes: whatever was denied before is allowed after it.
        def wrong(case, basis):
            return [] if case.state.objections else [deciding.reason("objection")]

        place = "_stops"
    monkeypatch.setattr(deciding, place, wrong)
    proof = prove(shop(), at=NOON, properties=[each for each in PROPERTIES if each.name == name])
    assert not proof, proof.explain()
    assert "allowed" in proof.explain()


def test_special_categories_without_a_yes_are_refuted(monkeypatch):
    """If a purpose could see a special category without an explicit yes, the counter-example says so."""
    visible = importlib.import_module("clm_ethics.policy.visible")
    genuine = visible._field

    def lax(look, sight, name, stage):
        return (visible.FULL, None, None) if name == "allergies" else genuine(look, sight, name, stage)

    monkeypatch.setattr(visible, "_field", lax)
    [result] = prove(SHOP, at=NOON, properties=PROPERTIES[1:2], purposes=["advice"]).results
    assert not result
    assert "allergies" in result.counterexamples[0].text


def test_a_host_s_own_property_is_refuted_in_plain_words():
    """A property that the host writes gets the simplest counter-example, and a JSON document."""
    mine = Property(
        "no_sms", "nobody gets an SMS", lambda each: not (each.facts.channel == "sms" and each.decision)
    )
    asks = shop(purposes__newsletter__basis=["consent"])
    proof = prove(asks, at=NOON, properties=[mine])
    [found] = proof.results[0].counterexamples
    assert (
        "a customer in DE of unknown age who said yes in stage customer, on 2026-05-04: "
        "newsletter by sms is allowed (consent) with email, phone, tastes"
    ) == found.text
    document = proof.document()
    assert (False, "newsletter") == (
        document["holds"],
        document["results"][0]["counterexamples"][0]["purpose"],
    )


def test_an_age_that_no_law_knows_can_be_told_apart():
    """Ages that matter to a host alone are looked at when it names them."""
    seen: list[int | None] = []

    def note(each: Situation) -> bool:
        seen.append(each.facts.age)
        return True

    prove(SHOP, at=NOON, properties=[Property("note", "-", note)], purposes=["account"], ages=[65])
    assert 65 in seen
    seen.clear()
    prove(SHOP, at=NOON, properties=[Property("note", "-", note)], purposes=["account"])
    assert 65 not in seen


def test_a_law_to_come_is_looked_at():
    """Situations lie on both sides of a coming change of the law."""
    california = shop(controller__established=["US-CA"], controller__markets=["US-CA"])
    days = {each.facts.at.year for each in Space(california, "ads", at=datetime(2019, 1, 1, tzinfo=UTC))}
    assert {2019, 2020, 2021} == days


def test_a_purpose_that_is_not_declared_is_an_error():
    """A name with a typing error is told, with the nearest."""
    with pytest.raises(UnknownName, match="newsletter"):
        prove(SHOP, at=NOON, purposes=["newsleter"])


def test_progress_names_each_purpose():
    """Whoever waits is told how far it has come."""
    told: list[str] = []
    prove(SHOP, at=NOON, properties=[], progress=told.append)
    assert list(SHOP.purposes) == told
