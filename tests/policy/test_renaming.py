"""Renames and moved stages, as pure functions of a state and a policy."""

from __future__ import annotations

from copy import deepcopy
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clm_ethics import Policy, PolicyError
from clm_ethics.model import Granted, Moved, Objected, Put, State, Withdrawn, fold
from clm_ethics.policy import Request, decide
from clm_ethics.policy.renaming import translate
from tests.policy.people import DOCUMENT, NOON, SHOP, shop
from tests.policy.reference import answer
from tests.strategies import documents, lives, moments, questions

LETTERS = shop(purposes__newsletter__was=["old_news", "news"])
DAY = timedelta(days=1)


def said(*names_and_kinds: tuple[str, str]) -> State:
    """Fold answers, each a day after the one before."""
    clause = LETTERS.clauses["newsletter"]
    made = []
    for day, (kind, name) in enumerate(names_and_kinds):
        more = {"clause": clause} if kind == "yes" else {"marketing": True} if kind == "objection" else {}
        form: Any = {"yes": Granted, "no": Withdrawn, "objection": Objected}[kind]
        made.append(form(at=NOON + day * DAY, purpose=name, **more))
    return fold([Put(at=NOON), *made], State(known=True, about={"region": "DE"}))


@pytest.mark.parametrize(
    ("answers", "codes"),
    [
        ([("yes", "news")], {"consent.given"}),
        ([("yes", "newsletter"), ("no", "news")], {"consent.withdrawn"}),
        ([("no", "old_news"), ("yes", "newsletter")], {"consent.given"}),
        ([("no", "newsletter"), ("yes", "old_news")], {"consent.given"}),
        ([("objection", "news")], {"objection.direct_marketing"}),
        ([("yes", "newsletter"), ("objection", "news"), ("no", "newsletter")],
         {"consent.withdrawn", "objection.direct_marketing"}),
        ([("objection", "newsletter"), ("yes", "news")], {"consent.given"}),
    ],
)  # fmt: skip
def test_of_two_names_the_later_answer_counts_and_no_objection_is_lost(answers, codes):
    """A no and an objection under any name count; a yes ends them only if it came later."""
    decision = decide(LETTERS, said(*answers), Request("newsletter", ()), NOON + 9 * DAY)

    assert codes == {reason.code for reason in decision.reasons} & (codes | {"consent.given"})
    assert bool(decision) == (codes == {"consent.given"})


def test_a_no_that_was_said_under_two_names_stands_since_the_first():
    """The retention that runs from a withdrawal runs from the first no."""
    state = translate(LETTERS, said(("no", "news"), ("no", "newsletter"), ("objection", "old_news")))

    assert NOON == state.consents["newsletter"].since
    assert ["newsletter"] == [*state.consents]
    assert ["newsletter"] == [*state.objections]


def test_a_policy_without_renames_returns_the_same_state():
    """Where nothing was renamed nothing is looked at."""
    state = said(("yes", "newsletter"))

    assert translate(SHOP, state) is state
    assert SHOP.renames is None


def called_otherwise(document: dict[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """Return *document* with its purposes and events renamed, and what each is called now."""
    called = {name: f"new_{name}" for name in (*document["purposes"], *document["events"])}
    new = deepcopy(document)
    for section in ("purposes", "events"):
        new[section] = {called[name]: {**each, "was": [name]} for name, each in new[section].items()}
    for purpose in new["purposes"].values():
        purpose["compatible_with"] = [called[name] for name in purpose.get("compatible_with", ())]
    for event in new["events"].values():
        for key in ("opens", "closes"):
            event[key] = [called[name] for name in event.get(key, ())]
    life = new["lifecycle"]
    life["purpose"] = called[life["purpose"]]
    for move in life["moves"]:
        for key in ("on", "without"):
            if key in move:
                move[key] = called[move[key]]
    return new, called


@settings(max_examples=60)
@given(st.data())
def test_a_renamed_policy_answers_as_before(data):
    """Over generated policies and lives: a rename changes no verdict, no field and no reason."""
    document = data.draw(documents())
    old = Policy.of(document)
    changed, called = called_otherwise(document)
    new = Policy.of(changed)
    events = data.draw(lives(old))
    state, at = fold(events), data.draw(moments(events))
    request = data.draw(questions(old))
    asked = Request(called[request.purpose], request.fields, request.channel, request.collect, request.actor)
    before, after = decide(old, state, request, at), decide(new, state, asked, at)

    assert answer(new, state, asked, at).verdict == after.verdict
    assert set(answer(new, state, asked, at).fields) == set(after.fields)
    assert (before.verdict, before.fields, before.codes) == (after.verdict, after.fields, after.codes)
    assert before.stage == after.stage
    assert before.valid_until == after.valid_until
    once = translate(new, state)
    assert translate(new, once) == once


def test_customers_of_a_stage_that_is_gone_are_in_the_one_it_moves_to():
    """The new stage counts at once, over several steps; without ``moves_to`` they are in none."""
    moved = fold([Put(at=NOON, moves=(Moved(stage="vip", at=NOON),))], State(known=True))
    base = deepcopy(DOCUMENT["lifecycle"])

    def stage(moves_to):
        return decide(shop(lifecycle={**base, "moves_to": moves_to}), moved, Request("account"), NOON).stage

    assert "" == stage({})
    assert "customer" == stage({"vip": "customer"})
    assert "customer" == stage({"vip": "gold", "gold": "customer"})


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"purposes__newsletter__was": ["account"]}, "`account` is declared as well"),
        ({"purposes__newsletter__was": ["news"], "purposes__advice__was": ["news"]}, "is a former name of"),
        ({"fields__email__was": ["born"]}, "`born` is built in"),
        ({"events__ordered__was": ["No Name"]}, "No Name"),
        ({"lifecycle__moves_to": {"customer": "gone"}}, "the stage `customer` is still there"),
        ({"lifecycle__moves_to": {"vip": "nowhere"}}, "no stage `nowhere`"),
        ({"lifecycle__moves_to": {"a": "b", "b": "a"}}, "moves to itself"),
    ],
)
def test_a_rename_that_cannot_be_meant_is_an_error(changes, what):
    """A former name is no present one, has one successor, and a stage moves to one that is there."""
    with pytest.raises(PolicyError, match=what):
        shop(**changes)


def test_the_document_and_its_toml_keep_the_former_names():
    """What is read back from TOML is an equal policy."""
    policy = shop(purposes__newsletter__was=["news"], lifecycle__moves_to={"vip": "customer"})

    assert policy == Policy.parse(policy.to_toml())
    assert ["news"] == policy.document["purposes"]["newsletter"]["was"]
