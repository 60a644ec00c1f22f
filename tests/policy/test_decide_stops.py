"""Stops come before bases, each with its own reach: objection, restriction, signals, age, stage, erasure."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from clm_ethics.model import (
    ErasureBegun,
    Put,
    Recorded,
    Restricted,
    RestrictionLifted,
    SignalReceived,
    State,
    fold,
)
from clm_ethics.policy.decide import effective_moves, too_young
from tests.policy.people import DAY, NOON, SHOP, ask, objected, put, refused, shop, someone, withdrawn, yes

AMERICAN = shop(controller__established=["US-CA"], controller__markets=["US-CA"])
GPC = SignalReceived(at=NOON, signal="gpc")


def codes(answer):
    """Return the codes of a denial."""
    assert not answer
    return list(answer.codes)


# --- nobody, erased, restored ---------------------------------------------------------------------


def test_nobody_knows_a_stranger():
    """Who was never enrolled is denied everything, but for being enrolled."""
    assert ["customer.unknown"] == codes(ask(State(), "account"))
    assert ask(State(), "account", collect=True)


def test_an_erased_customer_leaves_what_a_law_keeps():
    """After an erasure only a legal obligation reads, and only the survivors (Art. 17(3)(b))."""
    kept = put("invoicing", "address", "invoices")
    state = someone(kept, yes("advice"), ErasureBegun(at=NOON, survivors={"invoices": "invoicing"}))
    answer = ask(state, "invoicing")

    assert ["invoices"] == list(answer.fields)
    assert "field.erased" == answer.withheld["address"].code
    assert "field.erased" == answer.withheld["points"].code  # the source was told to erase as well
    for purpose in SHOP.purposes:
        assert purpose == "invoicing" or ["customer.erased"] == codes(ask(state, purpose))
    assert ["customer.erased"] == codes(ask(state, "invoicing", collect=True))


def test_an_erasure_without_survivors_leaves_nothing():
    """Nothing is left to look at, for no purpose."""
    state = someone(yes("advice"), ErasureBegun(at=NOON))

    for purpose in SHOP.purposes:
        assert ["customer.erased"] == codes(ask(state, purpose))
        assert () == ask(state, purpose).remedies


def test_the_survivors_keep_their_guards():
    """An actor whom the policy does not name reads no survivor, nor does another claim of the purpose."""
    state = someone(put("invoicing", "invoices"), ErasureBegun(at=NOON, survivors={"invoices": "invoicing"}))
    interest = shop(
        purposes__invoicing__basis=["legitimate_interest", "legal_obligation"],
        purposes__invoicing__assessment="9",
    )
    elsewhere = shop(purposes__invoicing__basis_under={"DE": ["contract"]})

    assert ["actor.not_listed"] == codes(ask(state, "invoicing", actor="web"))
    assert "legal_obligation" == ask(state, "invoicing", actor="bookkeeping", shop=interest).basis
    assert ["customer.erased"] == codes(ask(state, "invoicing", shop=elsewhere))


def test_a_restored_copy_is_not_believed():
    """What is older than the customer's last no denies everything (Art. 7(3))."""
    state = replace(someone(yes("advice")), restored=True)

    assert ["customer.restored"] == codes(ask(state, "advice"))
    assert ["customer.restored"] == codes(ask(state, "account"))
    assert ["customer.restored"] == codes(ask(state, "account", collect=True))
    assert () == ask(state, "advice").remedies


def test_only_named_actors_ask():
    """Where the policy names actors, others are denied."""
    assert ask(someone(), "invoicing", actor="bookkeeping")
    assert ["actor.not_listed"] == codes(ask(someone(), "invoicing", actor="web"))


# --- objection: Art. 21 GDPR ----------------------------------------------------------------------


def test_an_objection_ends_a_legitimate_interest():
    """Without a compelling ground on record the interest yields (Art. 21(1))."""
    assert ["objection"] == codes(ask(someone(objected("figures")), "figures"))


def test_an_objection_to_marketing_ends_all_marketing_that_nobody_agreed_to():
    """Soft opt-in, interests and profiles for marketing end with it (Art. 21(2)-(3)); the rest stays."""
    sold = put("order", "email", "phone", told=("newsletter",))
    state = someone(sold, objected("catalogue"))

    assert ["objection.direct_marketing"] == codes(ask(state, "catalogue", "post"))
    assert not ask(state, "newsletter", "email")
    assert ask(state, "account")
    assert ask(state, "figures")


def test_a_later_consent_counts_after_an_objection():
    """An objection ends only by a later grant: then consent is the basis, not the interest."""
    before = someone(yes("catalogue"), objected("catalogue"))
    after = fold([yes("catalogue")], before)

    assert ["objection.direct_marketing"] == codes(ask(before, "catalogue", "post"))
    assert "consent" == ask(after, "catalogue", "post").basis
    assert "legitimate_interest" == ask(someone(), "catalogue", "post").basis


def test_an_objection_to_another_purpose_ends_an_earlier_consent():
    """All direct marketing ends with an objection to some, but for what is agreed to later (Art. 21(3))."""
    before = someone(yes("newsletter"), objected("catalogue"))
    after = fold([yes("newsletter")], before)

    assert ["objection.direct_marketing"] == codes(ask(before, "newsletter", "email"))
    assert "consent" == ask(after, "newsletter", "email").basis


def test_a_yes_cannot_end_an_objection_where_nothing_rests_on_consent():
    """A purpose that claims no consent is not revived by one."""
    state = someone(objected("figures"), yes("figures"))

    assert ["objection"] == codes(ask(state, "figures"))


def test_a_later_valid_yes_ends_an_opt_out_elsewhere():
    """Where another law's claim is opt-out, a later yes ends the objection as long as it is valid."""
    state = someone(objected("newsletter"), yes("newsletter", until=NOON + DAY), region="US-CA")

    for policy in (SHOP, AMERICAN):
        assert ask(state, "newsletter", "email", shop=policy)
        assert "objection.direct_marketing" in codes(
            ask(state, "newsletter", "email", shop=policy, at=NOON + DAY)
        )


def test_an_objection_reaches_advertising_profiles():
    """Profiling for direct marketing ends with it (Art. 21(2))."""
    american = shop(controller__established=["US-CA"], controller__markets=["US-CA"])
    state = someone(objected("catalogue"), region="US-CA")

    assert ["objection.direct_marketing"] == codes(ask(state, "ads", shop=american))


# --- restriction: Art. 18 GDPR --------------------------------------------------------------------


def test_a_restriction_stops_everything_but_storage_and_later_consent():
    """Contract and law yield to it too; storing goes on, and what is agreed to from then on (Art. 18(2))."""
    state = someone(yes("advice"), Restricted(at=NOON, reason="accuracy"))
    later = fold([yes("advice")], state)

    for purpose in ("advice", "account", "invoicing", "figures"):
        assert ["restriction"] == codes(ask(state, purpose))
        assert () == ask(state, purpose).remedies
    assert ask(state, "archive")
    assert ask(later, "advice")
    assert not ask(later, "account")


def test_lifting_the_restriction_gives_back_what_was():
    """After it is lifted the earlier consent counts again (Art. 18(3))."""
    restricted = someone(yes("advice"), Restricted(at=NOON, reason="accuracy"))

    assert ask(fold([RestrictionLifted(at=NOON)], restricted), "advice")


def test_a_second_restriction_keeps_the_place_of_the_first():
    """Consent given in the restricted time stays given in it."""
    state = someone(Restricted(at=NOON), yes("advice"), Restricted(at=NOON, reason="unlawful"))

    assert ask(state, "advice")


# --- signals: Cal. Civ. Code 1798.135 -------------------------------------------------------------


def test_gpc_ends_sale_and_advertising_but_not_first_party_advice():
    """Global Privacy Control opts out of sale, sharing and targeted ads (11 CCR 7025), nothing else."""
    policy = shop(
        controller__established=["US-CA"], controller__markets=["US-CA"], purposes__advice__basis="opt_out"
    )
    state = someone(region="US-CA")
    signalled = fold([GPC], state)

    assert ask(state, "ads", shop=policy)
    assert ["signal"] == codes(ask(signalled, "ads", shop=policy))
    assert ask(signalled, "advice", shop=policy)
    assert ask(signalled, "newsletter", "email", shop=policy)


def test_gpc_ends_where_it_is_cleared_and_binds_where_the_law_says():
    """A cleared signal is none; in Germany none binds; an unknown one binds nowhere."""
    cleared = fold([SignalReceived(at=NOON, signal="gpc", cleared=True)], someone(GPC, region="US-CA"))
    unknown = someone(SignalReceived(at=NOON, signal="dnt"), region="US-CA")

    assert ask(cleared, "ads", shop=AMERICAN)
    assert ask(unknown, "ads", shop=AMERICAN)
    assert ask(someone(GPC, yes("ads")), "ads")


def test_a_no_to_sale_ends_it_without_a_signal():
    """The right to opt out needs no browser (1798.120)."""
    assert not ask(someone(withdrawn("ads"), region="US-CA"), "ads", shop=AMERICAN)


# --- age: Art. 8 GDPR -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("region", "age", "alone"),
    [
        ("DE", 15, False),
        ("DE", 16, True),
        ("AT", 13, False),
        ("AT", 14, True),
        ("GB", 12, False),
        ("GB", 13, True),
    ],
)
def test_a_child_consents_from_the_age_of_its_country(region, age, alone):
    """Below the national age a guardian consents (DE none lower than 16; DSG s. 4(4); DPA 2018 s. 9)."""
    policy = shop(controller__established=[region])
    born = f"{NOON.year - age}-01-01"
    by_child = ask(someone(yes("advice"), region=region, born=born), "advice", shop=policy)
    guardian = yes("advice", given_by="guardian")

    assert alone == bool(by_child)
    assert alone or ["consent.guardian_needed"] == codes(by_child)
    assert ask(someone(guardian, region=region, born=born), "advice", shop=policy)


def test_denmark_raised_its_age_in_2024():
    """A yes of a child of 14 counted in 2023 (13) and does not from 2024-01-01 on (15)."""
    policy = shop(controller__established=["DK"])
    then = NOON.replace(year=2023, month=10)
    state = someone(yes("advice", at=then), region="DK", born="2009-02-01", at=then)
    change = NOON.replace(year=2024, month=1, day=1, hour=0)

    assert ask(state, "advice", shop=policy, at=then)
    assert change == ask(state, "advice", shop=policy, at=then).valid_until
    assert ["consent.guardian_needed"] == codes(ask(state, "advice", shop=policy, at=change))


def test_a_child_grows_up():
    """A yes from the begin of the sixteenth birthday on counts (BGB s. 187(2)); an earlier one never does."""
    state = someone(yes("advice"), born="2010-05-20")
    turned = NOON.replace(day=19, hour=23)  # midnight in Germany, in winter
    again = fold([replace(yes("advice"), at=turned)], state)

    assert turned == ask(state, "advice").valid_until
    assert not ask(state, "advice", at=turned - DAY / 24)
    assert not ask(state, "advice", at=turned)
    assert ask(again, "advice", at=turned)


def test_an_unreadable_date_of_birth_is_a_childs():
    """What cannot be parsed is read protectively."""
    assert ["consent.guardian_needed"] == codes(ask(someone(yes("advice"), born="in May"), "advice"))


def test_an_unknown_age_is_what_the_audience_says():
    """Adults consent; in a service for children nobody is taken to be old enough; the answer says so."""
    children = shop(controller__audience="children")
    state = someone(yes("advice"))

    assert "assumed.age" in ask(state, "advice").codes
    assert ["consent.guardian_needed"] == codes(ask(state, "advice", shop=children))


def test_a_minor_stays_one_without_the_date():
    """When the date of birth is gone, the state still knows the minor until of age."""
    state = someone(yes("advice"), born="2012-05-20")
    gone = replace(state, about={"region": "DE"})

    assert ["consent.guardian_needed"] == codes(ask(gone, "advice"))
    assert ask(gone, "advice", at=NOON.replace(year=2030, month=6))


def test_whether_a_child_may_consent_is_a_question_of_its_own():
    """Whatever else stops the purpose, the verb that takes a yes asks for the age alone."""
    child = someone(born="2012-05-20", stage="gone")

    assert too_young(SHOP, child, SHOP.purposes["advice"], NOON)
    assert not too_young(SHOP, child, SHOP.purposes["advice"], NOON.replace(year=2029))


def test_no_age_ends_a_contract():
    """A child's order is delivered."""
    assert ask(someone(born="2014-01-01"), "account")


# --- mutes, stages --------------------------------------------------------------------------------


def test_after_a_complaint_the_customer_is_left_in_peace():
    """A muted processing rests until the time is over, and says when that is."""
    muted = Recorded(at=NOON, event="ordered", muted={"direct_marketing": NOON + 14 * DAY})
    state = someone(yes("newsletter"), yes("advice"), muted)

    assert ["muted"] == codes(ask(state, "newsletter", "email"))
    assert NOON + 14 * DAY == ask(state, "newsletter", "email").valid_until
    assert ask(state, "newsletter", "email", at=NOON + 14 * DAY)
    assert ask(state, "advice")


def test_a_purpose_has_its_stages():
    """Who is in another stage is not subject of it; a contract does not care."""
    state = someone(yes("advice"), stage="gone")
    policy = shop(purposes__account__stages=["customer"])

    assert ["stage.not_listed"] == codes(ask(state, "advice"))
    assert "none" in ask(someone(yes("advice"), stage=""), "advice").reasons[0].text
    assert ask(state, "account", shop=policy)


def test_a_timed_move_changes_the_answer():
    """After 90 days without an order the customer drifts, after 180 they are gone, and so is the purpose."""
    ordered = Recorded(at=NOON, event="ordered")
    state = someone(yes("advice"), ordered)

    assert "customer" == ask(state, "advice", at=NOON + 89 * DAY).stage
    assert NOON + 90 * DAY == ask(state, "advice", at=NOON + 89 * DAY).valid_until
    assert "drifting" == ask(state, "advice", at=NOON + 90 * DAY).stage
    assert "gone" == ask(state, "advice", at=NOON + 180 * DAY).stage
    assert ["stage.not_listed"] == codes(ask(state, "advice", at=NOON + 180 * DAY))


def test_a_withdrawn_lifecycle_purpose_stops_timed_moves():
    """Timed moves look at behaviour: without their purpose the stage stays (Art. 7(3))."""
    state = someone(yes("advice"), withdrawn("advice"))

    assert "customer" == ask(state, "account", at=NOON + 400 * DAY).stage


def test_a_move_is_judged_with_the_stage_before_it():
    """A purpose permits the move out of its own last stage, and none from there."""
    policy = shop(purposes__advice__stages=["customer"])
    state = someone(yes("advice", shop=policy))

    assert "drifting" == ask(state, "account", shop=policy, at=NOON + 400 * DAY).stage
    assert "gone" == ask(someone(yes("advice")), "account", at=NOON + 400 * DAY).stage


def test_the_moves_that_are_due_can_be_written_down():
    """What has come due and may be made, each at its own time."""
    state = someone(yes("advice"), Recorded(at=NOON, event="ordered"))
    moves = effective_moves(SHOP, state, NOON + 400 * DAY)

    assert [("drifting", NOON + 90 * DAY), ("gone", NOON + 180 * DAY)] == [(m.stage, m.at) for m in moves]
    assert () == effective_moves(SHOP, state, NOON + 89 * DAY)
    assert () == effective_moves(SHOP, someone(), NOON + 400 * DAY)


def test_the_erased_do_not_move():
    """Nobody's behaviour is left to look at."""
    state = replace(someone(yes("advice")), erased=NOON)

    assert "customer" == ask(state, "account", at=NOON + 400 * DAY).stage


def test_refused_before_asked_about():
    """A refusal of something never granted is a no as any other."""
    assert ["consent.refused"] == codes(ask(someone(refused("advice")), "advice"))


def test_a_purpose_rests_when_one_of_its_processings_does():
    """Advertising by recommendation is advertising."""
    policy = shop(purposes__newsletter__processing=["personalization", "direct_marketing"])
    muted = Put(at=NOON, muted={"direct_marketing": NOON + DAY})
    state = someone(yes("newsletter", shop=policy), muted)

    assert ["muted"] == codes(ask(state, "newsletter", "email", shop=policy))


def test_a_mute_that_was_over_is_none():
    """A time of peace in the past does not count."""
    over = Put(at=NOON, muted={"direct_marketing": NOON - DAY})

    assert ask(someone(yes("newsletter"), over), "newsletter", "email")


# --- advertising: no claim shields it from a no ---------------------------------------------------


@pytest.mark.parametrize("event", [GPC, refused("order"), withdrawn("order")])
def test_a_sale_of_data_under_a_contract_ends_with_a_no(event):
    """A contract shields no sale from an opt-out or a signal (Cal. Civ. Code 1798.120, 1798.135(e))."""
    policy = shop(
        controller__established=["US-CA"],
        controller__markets=["US-CA"],
        purposes__order__processing=["sale_sharing"],
        purposes__order__shared_with=["a broker"],
    )
    opened = Put(at=NOON, purpose="order", opened={"order": b"1"})

    assert ask(someone(opened, region="US-CA"), "order", shop=policy)
    assert not ask(someone(opened, event, region="US-CA"), "order", shop=policy)
