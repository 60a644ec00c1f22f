"""Several laws at once: the most protective verdict wins, silence is no opinion, and time changes the law."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from clm_ethics.model import SignalReceived, fold
from clm_ethics.policy import Policy, Verdict
from clm_ethics.regimes import Claim, Pack, Posture
from tests.policy.people import NOON, SHOP, ask, put, refused, shop, someone, yes


def codes(answer):
    """Return the codes of a denial."""
    assert not answer
    return list(answer.codes)


AMERICAN = {"controller__established": ["US-CA"], "controller__markets": ["US-CA"]}


def test_france_changed_telephone_marketing_on_a_day():
    """Calls were opt-out (Bloctel) until 2026-08-10 and need consent from the 11th (Loi 2025-594 art. 13)."""
    policy = shop(controller__established=["FR"])
    state = someone(put("calls", "phone"), region="FR", stage="gone")
    day = datetime(2026, 8, 11, tzinfo=UTC)

    assert ask(state, "calls", "phone", shop=policy)
    assert day == ask(state, "calls", "phone", shop=policy).valid_until
    assert ["law.consent_required"] == codes(ask(state, "calls", "phone", shop=policy, at=day))
    assert "L. 223-1" in ask(state, "calls", "phone", shop=policy, at=day).explain()


def test_the_british_rule_on_statistics_changed_on_a_day():
    """Statistics that read a device needed consent until 2026-02-04, and not from the 5th (PECR Sch. A1)."""
    policy = shop(controller__established=["GB"], purposes__figures__device=True)
    day = datetime(2026, 2, 5, tzinfo=UTC)
    state = someone(region="GB", at=day.replace(month=1))

    assert ["law.consent_required"] == codes(ask(state, "figures", shop=policy, at=day.replace(day=4)))
    assert ask(state, "figures", shop=policy, at=day)


def test_the_rows_on_devices_speak_of_purposes_with_a_device():
    """Art. 5(3) ePrivacy asks for consent to statistics only where a device is read."""
    policy = shop(purposes__figures__device=True)

    assert ask(someone(), "figures")
    assert ["law.consent_required"] == codes(ask(someone(), "figures", shop=policy))


def test_soft_opt_in_does_not_cover_a_pixel():
    """Consent is needed where the message reads the device (Art. 5(3)), whatever Art. 13(2) says."""
    sold = put("order", "email", told=("newsletter",))
    policy = shop(purposes__newsletter__device=True)

    assert ask(someone(sold), "newsletter", "email")
    assert not ask(someone(sold), "newsletter", "email", shop=policy)


def test_a_row_without_any_law_is_a_gap():
    """Where no regime has a rule for the processing the configuration is incomplete, and denies."""
    policy = shop(purposes__advice__processing=["financial_incentive"])
    answer = ask(someone(yes("advice", shop=policy)), "advice", shop=policy)

    assert Verdict.GAP is answer.verdict
    assert ["policy.gap"] == codes(answer)
    assert "leaves a gap" in answer.explain()


def test_a_gap_on_one_row_is_a_gap():
    """A law on one of the processings does not fill the gap on the other."""
    policy = shop(purposes__advice__processing=["personalization", "financial_incentive"])

    assert Verdict.GAP is ask(someone(), "advice", shop=policy).verdict


def test_a_policy_without_regimes_denies():
    """Without a pack there is no law to judge by, and no permission."""
    bare = Policy(SHOP.declared, {})

    assert Verdict.GAP is ask(someone(), "account", shop=bare).verdict


def test_marketing_without_a_channel_is_judged_on_all_of_them():
    """The strictest of the declared channels answers; without any there is nothing to judge."""
    policy = shop(purposes__newsletter__channels=["email", "web"], purposes__newsletter__basis="opt_out")
    mute = shop(purposes__newsletter__channels=[])

    assert ask(someone(), "newsletter", "web", shop=policy)
    assert not ask(someone(), "newsletter", shop=policy)
    assert Verdict.GAP is ask(someone(yes("newsletter", shop=mute)), "newsletter", shop=mute).verdict


def test_the_law_follows_the_customer_and_the_shop():
    """A Californian shop asks a German for consent; of a Californian the same shop asks none."""
    policy = shop(**AMERICAN)

    assert ["consent.missing"] == codes(ask(someone(region="DE"), "newsletter", "email", shop=policy))
    assert ask(someone(region="US-CA"), "newsletter", "email", shop=policy)


def test_an_unknown_region_is_the_strictest_market():
    """Nobody knows where the customer lives: every market's law is obeyed, and the answer says so."""
    policy = shop(controller__established=["US-CA"], controller__markets=["US-CA", "AT"])
    nowhere = someone(region="")
    agreed = fold([yes("newsletter")], nowhere)

    assert "consent.missing" in codes(ask(nowhere, "newsletter", "email", shop=policy))
    assert "assumed.region" in ask(agreed, "newsletter", "email", shop=policy).codes
    assert "AT" in ask(agreed, "newsletter", "email", shop=policy).explain()


def test_an_unknown_region_is_not_the_whole_world():
    """A law of a place that is no market does not count."""
    assert ask(someone(region=""), "newsletter", "email", shop=shop(**AMERICAN))


def test_a_market_without_a_law_is_a_gap_for_the_unknown():
    """Where the customer may live in a place on which no regime speaks, nobody can say yes."""
    incentive = {"purposes__advice__processing": ["financial_incentive"]}
    policy = shop(controller__established=["GB"], controller__markets=["US-CA", "JP"], **incentive)
    state = yes("advice", shop=policy)

    assert ask(someone(state, region="US-CA"), "advice", shop=policy)
    assert Verdict.GAP is ask(someone(state, region="JP"), "advice", shop=policy).verdict
    assert Verdict.GAP is ask(someone(state, region=""), "advice", shop=policy).verdict


@pytest.mark.parametrize("region", ["US-OH", "US-WA", "US-PR", "US"])
@pytest.mark.parametrize("processing", ["essential", "personalization", "analytics", "storage"])
def test_a_state_without_an_act_is_no_gap(region: str, processing: str) -> None:
    """Where no state has an act federal law governs: what is told truthfully goes ahead (FTC Act s. 5)."""
    policy = shop(controller__established=[region], purposes__account__processing=[processing])
    answer = ask(someone(region=region), "account", shop=policy)

    assert answer
    assert "contract.live" in answer.codes


def test_the_house_adds_a_way_out_where_federal_law_is_silent() -> None:
    """Sale and advertising go ahead on an opt-out basis, and a no ends them, in every state."""
    policy = shop(controller__established=["US-OH"], purposes__ads__basis="opt_out")

    assert ask(someone(region="US-OH"), "ads", shop=policy)
    assert ["consent.refused"] == codes(ask(someone(refused("ads"), region="US-OH"), "ads", shop=policy))


@pytest.mark.parametrize(
    ("facts", "binds"),
    [
        ({}, True),
        ({"revenue_usd": 26_625_000}, True),  # the other limits are not stated
        ({"revenue_usd": 26_625_000, "residents": {"US-CA": 99_999}, "sale_share": 49}, False),
        ({"revenue_usd": 26_625_001, "residents": {"US-CA": 99_999}, "sale_share": 49}, True),
        ({"revenue_usd": 26_625_000, "residents": {"US-CA": 100_000}, "sale_share": 49}, True),
        ({"revenue_usd": 26_625_000, "residents": {"US-CA": 99_999}, "sale_share": 50}, True),
        ({"nonprofit": True}, False),
        ({"public_body": True}, False),
    ],
)
def test_the_ccpa_binds_unless_the_controller_says_why_not(facts, binds) -> None:
    """A business has one of three limits (1798.140(d)); who does not state its facts is one."""
    policy = shop(**AMERICAN, controller__facts=facts)
    teenager = someone(region="US-CA", born="2011-01-01")
    signalled = someone(SignalReceived(at=NOON, signal="gpc"), region="US-CA")

    assert binds is not bool(ask(teenager, "ads", shop=policy))
    assert binds is not bool(ask(signalled, "ads", shop=policy))


def test_a_signal_names_the_law_that_binds_it() -> None:
    """The refusal cites the pack whose signal it is."""
    (why,) = ask(
        someone(SignalReceived(at=NOON, signal="gpc"), region="US-CA"), "ads", shop=shop(**AMERICAN)
    ).reasons

    assert ("signal", "us-ca") == (why.code, why.pack)
    assert "1798.135(e)" in why.cite


def test_a_protective_reading_is_a_house_rule() -> None:
    """Where the law itself asks for less, the verdict says that the house asks for more."""
    policy = shop(purposes__figures__processing=["personalization"], purposes__figures__compatible_with=[])
    (why,) = ask(someone(), "figures", shop=policy).reasons

    assert ("law.consent_required", "house rule", "eu-gdpr") == (why.code, why.kind.value, why.pack)


def test_without_markets_the_establishment_counts():
    """An unknown region of a shop that names no market is judged where the shop is."""
    policy = shop(controller__markets=[])

    assert ["consent.missing"] == codes(ask(someone(region=""), "newsletter", "email", shop=policy))
    assert "the controller's own" in ask(someone(yes("ads"), region=""), "ads", shop=policy).explain()


def test_a_part_of_a_country_has_its_law():
    """Bavaria is Germany."""
    assert ["consent.missing"] == codes(ask(someone(region="DE-BY"), "newsletter", "email"))


def test_american_texts_need_an_explicit_yes():
    """The TCPA asks for consent in writing to marketing texts (47 CFR 64.1200(a)(2), (f)(9))."""
    policy = shop(purposes__newsletter__basis_under={}, **AMERICAN)
    plain = someone(yes("newsletter", shop=policy), region="US-CA")
    explicit = someone(yes("newsletter", shop=policy, explicit=("direct_marketing",)), region="US-CA")
    opted = shop(**AMERICAN)

    assert ["consent.not_explicit"] == codes(ask(plain, "newsletter", "sms", shop=policy))
    assert ["consent.explicit"] == [
        each.code for each in ask(plain, "newsletter", "sms", shop=policy).remedies
    ]
    assert ask(explicit, "newsletter", "sms", shop=policy)
    assert ["law.explicit_consent_required"] == codes(ask(plain, "newsletter", "sms", shop=opted))


def test_automated_decisions_need_an_explicit_yes():
    """Art. 22(2)(c) GDPR: an explicit consent to this very processing, or the contract that needs it."""
    policy = shop(purposes__advice__processing=["automated_decision"])
    contract = shop(purposes__account__processing=["automated_decision"], purposes__account__fields=["email"])
    plain = yes("advice", shop=policy)
    explicit = yes("advice", shop=policy, explicit=("automated_decision",))

    assert ["consent.not_explicit"] == codes(ask(someone(plain), "advice", shop=policy))
    answer = ask(someone(explicit), "advice", shop=policy)
    assert answer
    assert any("human" in duty for duty in answer.obligations)
    assert ask(someone(), "account", shop=contract)


def test_selling_the_data_of_a_minor_takes_an_opt_in():
    """Under 16 sale and sharing are opt-in (1798.120(c)); from 16 they are opt-out."""
    policy = shop(**AMERICAN)

    assert ask(someone(region="US-CA", born="2009-01-01"), "ads", shop=policy)
    assert ["law.consent_required"] == codes(
        ask(someone(region="US-CA", born="2011-01-01"), "ads", shop=policy)
    )


def test_what_a_law_prohibits_ends_a_contract():
    """A prohibition leaves only the exceptions that it names, whatever the claim."""
    answer = ask(someone(), "account", shop=banning("essential"))

    assert ["law.prohibited"] == codes(answer)
    assert "prohibits" in answer.explain()


def test_a_guardians_consent_is_a_claim_of_its_own():
    """Where a law leaves only a guardian's consent, the own one does not carry."""
    policy = banning("personalization", Claim.GUARDIAN_CONSENT)

    assert ["law.prohibited"] == codes(ask(someone(yes("advice")), "advice", shop=policy))
    assert ask(someone(yes("advice", given_by="guardian")), "advice", shop=policy)


def test_the_strictest_of_several_refusals_is_named():
    """Of two rows that refuse a claim the answer cites the one that asks for most."""
    policy = shop(
        purposes__figures__processing=["personalization", "automated_decision"],
        purposes__figures__compatible_with=[],
    )

    assert ["law.explicit_consent_required"] == codes(ask(someone(), "figures", shop=policy))


def banning(row: str, *exceptions: Claim) -> Policy:
    """Return the shop's policy under packs that prohibit *row*, but for the exceptions."""

    def banned(pack: Pack) -> Pack:
        cells = [
            replace(cell, posture=Posture.PROHIBITED, exceptions=exceptions) if cell.row == row else cell
            for cell in pack.cells
        ]
        return replace(pack, cells=tuple(cells))

    return Policy(SHOP.declared, {name: banned(pack) for name, pack in SHOP.packs.items()})


def test_a_doubtful_law_is_read_protectively_and_says_so():
    """While nobody has reviewed a pack, its uncertain cells ask for more (house rule)."""
    answer = ask(someone(yes("advice")), "advice")

    assert "assumed.law" in answer.codes
    assert "eu-gdpr" in answer.explain()


def test_the_duties_come_with_the_yes():
    """Whoever writes to somebody offers a way out (Art. 13(4) ePrivacy)."""
    answer = ask(someone(yes("newsletter")), "newsletter", "email")

    assert any("unsubscribe" in duty for duty in answer.obligations)
    assert "must offer a way to unsubscribe" in answer.explain()


@pytest.mark.parametrize("region", ["DE", "GB", "US-CA", ""])
def test_plans_are_remembered_and_forgotten_without_a_trace(region, monkeypatch):
    """A policy that has forgotten its plans answers as before."""
    monkeypatch.setattr("clm_ethics.policy.policy.PLANS_KEPT", 1)
    policy = shop()
    state = someone(region=region)
    first = [ask(state, name, shop=policy) for name in policy.purposes]

    assert first == [ask(state, name, shop=policy) for name in policy.purposes]
    assert first == [ask(state, name, at=NOON, shop=SHOP) for name in policy.purposes]
