"""No nagging: a no, and a prompt without an answer, keep everybody from asking again, on every surface."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from clm_ethics.errors import KeyReused, UnknownName, UsageError
from clm_ethics.ethics import Prompt, judge_prompt, may_ask
from clm_ethics.ethics.defaults import ASK_AGAIN, MOST_WEIGHT, PROMPTS
from clm_ethics.model import Asked, Enrolled, Objected, Recorded, Refused, Restricted, State, Withdrawn, fold
from tests.ethics.shop import NOON, SHOP, agree, policy, someone
from tests.face.shop import enrolled, kinds
from tests.regressions.shops import CONSENT_ONLY, shop

DAY, TICK = timedelta(days=1), timedelta(microseconds=1)


def stranger(*events, **about):
    """Return somebody who has been asked nothing yet."""
    told = {"region": "DE"} | about
    return fold([Enrolled(at=NOON, purpose="news", about=told), *events])


def codes(state, purpose="news", at=NOON, **more):
    """Return why somebody may not be asked."""
    return list(may_ask(SHOP, state, purpose, at, **more).codes)


def test_who_has_not_been_asked_may_be():
    """Nothing said, nothing against it."""
    answer = may_ask(SHOP, stranger(), "news", NOON)

    assert answer
    assert not answer.guardian
    assert "the customer may be asked" in answer.explain()


@pytest.mark.parametrize("no", [Refused, Withdrawn])
def test_both_sides_of_a_no(no):
    """For twelve months after a no nobody asks again; then once more."""
    person = stranger(no(at=NOON, purpose="news"))
    free = ASK_AGAIN.after(NOON)
    answer = may_ask(SHOP, person, "news", free - TICK)

    assert ("ask.refused",) == answer.codes
    assert free == answer.until
    assert f"from {free:%Y-%m-%d %H:%M} UTC on" in answer.explain()
    assert may_ask(SHOP, person, "news", free)


def test_an_objection_to_marketing_is_a_no_to_asking_for_marketing():
    """Who objected to one kind of marketing is not asked for another; advice is another matter."""
    person = stranger(Objected(at=NOON, purpose="deals", marketing=True))

    assert ["ask.objected"] == codes(person)
    assert [] == codes(person, "tips")
    assert [] == codes(person, at=ASK_AGAIN.after(NOON))


def test_a_no_after_a_prompt_counts_from_the_no():
    """The wait starts with what the customer said last, and a second no starts it again."""
    person = stranger(Refused(at=NOON, purpose="news"), Refused(at=NOON + 100 * DAY, purpose="news"))

    assert ["ask.refused"] == codes(person, at=ASK_AGAIN.after(NOON))


@pytest.mark.parametrize("cap", PROMPTS)
def test_both_sides_of_a_prompt_without_an_answer(cap):
    """Once in thirty days, three times in twelve months, counted over all surfaces."""
    shown = [
        Asked(at=NOON + timedelta(days=31 * n), purpose="news", surface=f"page {n}") for n in range(cap.max)
    ]
    person = stranger(*shown)
    free = cap.per.after(NOON)

    assert "ask.unanswered" in codes(person, at=free - TICK)
    if cap.max == 1:
        assert [] == codes(person, at=free)
    assert [] == codes(person, "deals", at=free - TICK)


def test_who_has_agreed_is_not_asked():
    """There is nothing to ask; a yes that has expired, or was to other terms, may be asked for again."""
    shop_ = policy(purposes__news__consent_expires="P13M")
    person = someone()
    expiring = stranger(agree("news", shop=shop_))

    assert ["ask.agreed"] == codes(person)
    assert may_ask(policy(purposes__news__processing=["personalization"]), person, "news", NOON)
    assert not may_ask(shop_, expiring, "news", NOON)


@pytest.mark.parametrize(
    ("state", "code"),
    [
        (State(), "customer.unknown"),
        (State(known=True, erased=NOON), "customer.erased"),
        (State(known=True, restored=True), "customer.restored"),
        (stranger(Restricted(at=NOON)), "restriction"),
    ],
)
def test_who_is_not_there_to_be_asked(state, code):
    """Nobody asks the unknown, the erased, the restored, and who had the processing restricted."""
    assert code in codes(state)
    assert may_ask(SHOP, state, "news", NOON).until is None


def test_left_in_peace_means_no_prompts_either():
    """After a complaint no consent to marketing is asked for, until the silence ends."""
    person = stranger(Recorded(at=NOON, event="x", muted={"direct_marketing": NOON + 14 * DAY}))

    assert ["contact.peace"] == codes(person)
    assert [] == codes(person, "tips")
    assert [] == codes(person, at=NOON + 14 * DAY)


def test_a_purpose_without_consent_is_not_asked_for():
    """A question that does not count is not asked: it would pretend a choice."""
    shop_ = policy(purposes__news__basis="legitimate_interest", purposes__news__assessment="LIA 1")

    assert ("ask.no_consent",) == may_ask(shop_, stranger(), "news", NOON).codes


def test_a_child_is_not_asked_but_a_guardian():
    """Below the age of consent the answer names whom to ask."""
    child = may_ask(SHOP, stranger(born="2014-01-01"), "news", NOON)

    assert child
    assert child.guardian
    assert "a guardian may be asked" in child.explain()


def test_an_unknown_purpose_and_a_naive_time_are_errors():
    """A typing error is no silent no."""
    with pytest.raises(UnknownName):
        may_ask(SHOP, stranger(), "newz", NOON)
    with pytest.raises(UsageError, match="zone"):
        may_ask(SHOP, stranger(), "news", datetime(2026, 5, 4))  # noqa: DTZ001


@given(
    st.lists(st.sampled_from(["asked", "refused", "withdrawn", "objected"]), max_size=6),
    st.integers(0, 500),
    st.sampled_from(["withdrawn", "refused", "objected"]),
    st.integers(0, 8),
)
@example(["asked", "refused"], 363, "withdrawn", 2)
@example(["objected"], 363, "objected", 2)
@settings(max_examples=60, deadline=None)
def test_a_no_never_makes_asking_easier(story, days, last_word, earlier):
    """One more no never turns "not now" into "now", told late and with an earlier time too."""
    last = NOON + len(story) * DAY
    at = last + timedelta(days=days)
    person = stranger(*(_said(name, NOON + n * DAY) for n, name in enumerate(story)))
    after = fold([_said(last_word, last - earlier * DAY)], person)

    assert may_ask(SHOP, person, "news", at) or not may_ask(SHOP, after, "news", at)


def _said(name, at):
    kinds_ = {"asked": Asked, "refused": Refused, "withdrawn": Withdrawn}
    if name == "objected":
        return Objected(at=at, purpose="news", marketing=True)
    return kinds_[name](at=at, purpose="news")


# --- how it looks ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("prompt", "found"),
    [
        ({}, []),
        ({"refuse_clicks": 1, "accept_clicks": 1}, []),
        ({"refuse_clicks": 2}, ["prompt.unequal"]),
        ({"same_layer": False}, ["prompt.unequal"]),
        ({"refuse": ""}, ["prompt.unequal"]),
        ({"weight": MOST_WEIGHT}, []),
        ({"weight": MOST_WEIGHT + 0.01}, ["prompt.unequal"]),
        ({"preset": True}, ["prompt.unequal"]),
        ({"withdraw_clicks": 2}, ["prompt.one_way"]),
        ({"withdraw_clicks": 2, "accept_clicks": 2}, []),
        ({"withdraw_login": True}, ["prompt.one_way"]),
        ({"withdraw_costs": True}, ["prompt.one_way"]),
        ({"refuse": "No, I don't want to save money"}, ["prompt.loaded"]),
        ({"refuse": "No thanks, I hate saving"}, ["prompt.loaded"]),
        ({"refuse": "No, thank you"}, []),
        ({"refuse": "Continue without"}, []),
        ({"accept": "Do not send me no news"}, ["prompt.loaded"]),
        ({"refuse": "Nein, danke"}, []),
    ],
)
def test_both_sides_of_a_prompt(prompt, found):
    """E23, E24, E26: as easy to refuse as to agree, to withdraw as to give, and no loaded words."""
    shown = Prompt(**prompt)

    assert found == sorted({why.code for why in judge_prompt(shown)})
    assert found == sorted(set(codes(stranger(), prompt=shown)))


# --- the verbs ---------------------------------------------------------------------------------------


def test_asking_is_decided_and_written_in_one_step():
    """The prompt counts once it is shown; a second surface is told no, and a repetition is the same."""
    with shop(changes=CONSENT_ONLY) as steward_:
        ana = enrolled(steward_, born="1990-01-01")
        first = ana.ask("newsletter", by="web", surface="banner", key="k")
        again = ana.ask("newsletter", by="web", surface="banner", key="k")
        other = ana.ask("newsletter", by="till", surface="receipt")
        with pytest.raises(KeyReused):
            ana.ask("newsletter", by="web", surface="footer", key="k")

        assert (True, True, False) == (bool(first), bool(again), bool(other))
        assert ("ask.unanswered",) == other.codes
        assert 1 == kinds(ana)["asked"]
        assert "asked to agree" in str(ana.history())


def test_a_refusal_on_one_surface_counts_on_all():
    """Who said no at the till is not asked on the web, for a year; a yes of their own counts."""
    with shop(changes=CONSENT_ONLY) as steward_:
        ana = enrolled(steward_, born="1990-01-01")
        assert ana.ask("newsletter", by="till", surface="till")
        ana.refuse("newsletter", by="customer")
        assert ("ask.refused", "ask.unanswered") == ana.may_ask("newsletter").codes
        assert not ana.ask("newsletter", by="web", surface="page")
        ana.grant("newsletter", shown=steward_.notice("newsletter").id, by="customer")

        assert ana.may("newsletter", channel="email")
        assert 1 == kinds(ana)["asked"]


def test_nobody_knows_whom_to_ask():
    """Who was never enrolled is not asked; wrong arguments are errors."""
    with shop() as steward_:
        nobody = steward_.customer("nobody")
        assert ("customer.unknown",) == nobody.ask("newsletter", by="web").codes
        assert ("customer.unknown",) == nobody.may_ask("newsletter").codes
        with pytest.raises(UsageError, match="Prompt"):
            nobody.may_ask("newsletter", prompt="banner")
        with pytest.raises(UsageError, match="surface"):
            nobody.ask("newsletter", by="web", surface="x" * 101)
