"""The answer itself: true or false, in words, comparable, and never a leak."""

from __future__ import annotations

import pickle

import pytest

from clm_ethics.errors import Denied, UsageError
from clm_ethics.model import Put, fold
from clm_ethics.policy import Kind, Reason
from clm_ethics.policy.words import CODES, reason
from tests.policy.people import DAY, NOON, SHOP, ask, objected, put, refused, shop, someone, withdrawn, yes


def remedies(answer):
    """Return the codes of the remedies."""
    return [each.code for each in answer.remedies]


def test_the_truth_of_an_answer_is_the_decision():
    """An answer is true when it allows, and ``require`` lets it through or raises with the reasons."""
    allowed, denied = ask(someone(), "account"), ask(someone(), "advice")

    assert allowed.require() is allowed
    with pytest.raises(Denied, match=r"advice: .*not been asked.*consent\.missing") as caught:
        denied.require()
    assert caught.value.answer is denied


def test_answers_compare_by_what_was_decided():
    """Equal inputs give equal answers with equal hashes; another time gives another answer."""
    assert ask(someone(), "account") == ask(someone(), "account")
    assert hash(ask(someone(), "account")) == hash(ask(someone(), "account"))
    assert ask(someone(), "account") != ask(someone(), "account", at=NOON + DAY)
    assert ask(someone(), "account") != "allowed"


def test_an_answer_shows_codes_and_no_data():
    """``repr`` and ``str`` name the verdict and the codes; nothing pickles."""
    answer = ask(someone(), "advice")

    assert "<Decision deny advice: consent.missing>" == repr(answer) == str(answer)
    with pytest.raises(UsageError, match="cannot be pickled"):
        pickle.dumps(answer)


def test_an_answer_explains_itself():
    """What was decided, by which rule and article, what is seen, what is withheld, what would change it."""
    state = someone(put("account", "email"), stage="gone")
    allowed, denied = ask(state, "account").explain(), ask(state, "advice").explain()

    assert "account: allowed" in allowed
    assert "because an open contract needs it [GDPR Art. 6(1)(b), law] (contract.live)" in allowed
    assert "may see email, points" in allowed
    assert "withheld born: nothing has been collected [policy] (field.absent)" in allowed
    assert "may change on 2026-08-11 00:00 UTC" in allowed
    assert "advice: denied" in denied
    assert "would be allowed if the customer agrees and the customer's stage were customer" in denied
    assert "withheld" not in denied


def test_a_yes_to_nothing_shows_nothing():
    """An allowed purpose without fields says so by its silence."""
    assert "may see" not in ask(someone(), "archive").explain()


def test_reasons_are_sentences_with_codes():
    """A reason shows its words, its code and its citation; a detail is added to the words."""
    plain = Reason("house.rule", "we do not do this", kind=Kind.HOUSE)

    assert "we do not do this (house.rule)" == str(plain)
    assert "the customer objected (objection) [GDPR Art. 21(1)]" == str(reason("objection"))
    assert "a law obliges the controller: AO" == reason("legal_obligation", "AO").text
    for code in CODES:
        assert code == reason(code).code
        assert reason(code).text
        assert reason(code).text[0].islower()


# --- remedies -------------------------------------------------------------------------------------


def test_a_permission_needs_no_remedy():
    """There is nothing to change."""
    assert () == ask(someone(), "account").remedies


def test_the_least_consent_is_proposed():
    """A plain yes where it is enough, an explicit one where the law asks, a guardian's for a child."""
    policy = shop(purposes__advice__processing=["automated_decision"])

    assert ["consent"] == remedies(ask(someone(), "advice"))
    assert ["consent.explicit"] == remedies(ask(someone(), "advice", shop=policy))
    assert ["consent.guardian"] == remedies(ask(someone(born="2014-01-01"), "advice"))


def test_an_open_contract_is_proposed():
    """A purpose under contract needs one."""
    assert ["contract.open"] == remedies(ask(someone(), "order"))


def test_a_stage_is_proposed():
    """Each stage that the purpose is for would do."""
    assert ["stage", "stage"] == remedies(ask(someone(yes("advice"), stage="gone"), "advice"))


def test_two_changes_together_are_proposed_when_one_is_not_enough():
    """A yes and a stage; neither alone turns the no into a yes."""
    answer = ask(someone(stage="gone"), "advice")

    assert ["consent+stage", "consent+stage"] == remedies(answer)
    assert answer.remedies[0].text == "the customer agrees and the customer's stage were customer"
    strict = shop(purposes__advice__processing=["automated_decision"])
    assert "consent.explicit+stage" in remedies(ask(someone(stage="gone"), "advice", shop=strict))


def test_another_channel_is_proposed_to_whoever_asks():
    """A channel that is allowed already is a remedy, for the same actor and the same fields."""
    policy = shop(purposes__newsletter__basis="soft_opt_in")
    sold = put("order", "email", told=("newsletter",))
    guarded = shop(purposes__newsletter__basis="soft_opt_in", purposes__newsletter__actors=["desk"])

    assert ["channel"] == remedies(ask(someone(sold), "newsletter", "sms", shop=policy))
    assert [] == remedies(ask(someone(sold), "newsletter", "sms", shop=guarded, actor="web"))
    assert ["channel"] == remedies(ask(someone(sold), "newsletter", "sms", shop=guarded, actor="desk"))


@pytest.mark.parametrize("no", [refused, withdrawn, objected])
def test_who_said_no_is_not_asked_for_a_year(no):
    """House rule after Cal. Civ. Code 1798.135(c)(4): twelve months of rest, to the instant."""
    state = someone(no("ads"))
    year = NOON.replace(year=2027)

    assert [] == remedies(ask(state, "ads"))
    assert [] == remedies(ask(state, "ads", at=year - DAY / 24))
    assert ["consent"] == remedies(ask(state, "ads", at=year))


def test_after_an_objection_to_marketing_no_channel_is_proposed():
    """There is no hopping to another channel after a no."""
    policy = shop(purposes__newsletter__basis="soft_opt_in")
    sold = put("order", "email", told=("newsletter",))
    state = someone(sold, objected("catalogue"))

    assert [] == remedies(ask(state, "newsletter", "sms", shop=policy))


def test_what_nobody_can_change_has_no_remedy():
    """A mute passes by itself; a law's prohibition and a gap are not the customer's to change."""
    muted = Put(at=NOON, muted={"direct_marketing": NOON + DAY})

    assert [] == remedies(ask(someone(yes("newsletter"), muted), "newsletter"))
    assert [] == remedies(ask(someone(), "calls", "phone"))


def test_a_remedy_is_what_the_answer_says_it_is():
    """A withheld verdict turns when the event of the remedy is applied."""
    state = someone()

    assert ["consent"] == remedies(ask(state, "ads"))
    assert ask(fold([yes("ads")], state), "ads", shop=SHOP)


def test_a_denial_withholds_just_what_was_asked_for_with_its_first_reason():
    """A denied question about one field withholds that field alone, and says why."""
    said = ask(someone(), "advice", fields=("tastes",))

    assert {"tastes": "consent.missing"} == {name: why.code for name, why in said.withheld.items()}


def test_a_clock_that_was_set_back_decides_as_of_the_last_entry():
    """Time in a stream never runs backwards: the answer carries the last entry's instant, and the policy."""
    said = ask(someone(at=NOON), "account", at=NOON - 3 * DAY)

    assert (NOON, SHOP.hash) == (said.at, said.policy)
