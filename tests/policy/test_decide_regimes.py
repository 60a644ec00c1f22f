"""Several laws at once: the most protective verdict wins, silence is no opinion, and time changes the law."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from clm_ethics.model import Enrolled, SignalReceived, fold
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


def without(pack: str, policy: Policy = SHOP) -> Policy:
    """Return the policy under the packs but one."""
    return Policy(policy.declared, {name: each for name, each in policy.packs.items() if name != pack})


def test_a_row_without_any_law_is_a_gap():
    """Where no regime has a rule for the processing the configuration is incomplete, and denies."""
    answer = ask(someone(yes("catalogue")), "catalogue", shop=without("eu-gdpr"))

    assert Verdict.GAP is answer.verdict
    assert ["policy.gap"] == codes(answer)
    assert "leaves a gap" in answer.explain()


def test_a_gap_on_one_row_is_a_gap():
    """A law on one of the processings does not fill the gap on the other."""
    policy = without("eu-gdpr", shop(purposes__newsletter__processing=["direct_marketing", "storage"]))
    agreed = someone(yes("newsletter", shop=policy))

    assert ask(someone(yes("newsletter")), "newsletter", "email", shop=without("eu-gdpr"))
    assert Verdict.GAP is ask(agreed, "newsletter", "email", shop=policy).verdict


def test_a_loyalty_scheme_in_europe_is_no_gap():
    """It rests on the contract that was joined, or on consent (Art. 6(1)(a)-(b), 7(4) GDPR; house rule)."""
    for region in ("DE", "GB"):
        joined = shop(purposes__account__processing=["financial_incentive"], controller__established=[region])
        asked = shop(purposes__figures__processing=["financial_incentive"], controller__established=[region])
        (why,) = ask(someone(region=region), "figures", shop=asked).reasons

        assert ask(someone(region=region), "account", shop=joined)
        assert ("law.consent_required", "house rule") == (why.code, why.kind.value)


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
    policy = shop(controller__established=["AR"], controller__markets=["DE", "AR"])
    agreed = yes("advice")

    assert ask(someone(agreed, region="DE"), "advice", shop=policy)
    assert Verdict.GAP is ask(someone(agreed, region="AR"), "advice", shop=policy).verdict
    assert Verdict.GAP is ask(someone(agreed, region=""), "advice", shop=policy).verdict


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


@pytest.mark.parametrize(
    ("region", "day", "ends"),
    [
        ("US-CO", "2024-06-30", False),
        ("US-CO", "2024-07-01", True),  # 4 CCR 904-3 Part 5
        ("US-NJ", "2025-07-14", False),
        ("US-NJ", "2025-07-15", True),  # N.J.S.A. 56:8-166.11(b)(1)
        ("US-OR", "2025-12-31", False),
        ("US-OR", "2026-01-01", True),  # ORS 646A.578
        ("US-OH", "2026-11-23", False),
    ],
)
def test_a_signal_binds_from_its_day_where_an_act_says_so(region: str, day: str, ends: bool) -> None:
    """GPC ends sale and advertising where it binds, and first-party personalisation nowhere."""
    policy = shop(controller__established=["US-OH"], purposes__account__processing=["personalization"])
    at = datetime.fromisoformat(f"{day}T12:00:00+00:00")
    state = someone(SignalReceived(at=at, signal="gpc"), region=region, at=at)

    assert ends is not bool(ask(state, "ads", shop=policy, at=at))
    assert ask(state, "account", shop=policy, at=at)


@pytest.mark.parametrize(
    ("facts", "born", "allowed"),
    [
        ({"platform": True, "employees": 50}, "2008-11-23", False),
        ({"platform": True, "employees": 50}, "2008-05-01", True),
        ({"platform": True, "employees": 49, "turnover_eur": 10_000_000}, "2008-11-23", True),
        ({"platform": False}, "2008-11-23", True),
        ({}, "2008-11-23", False),  # who does not say that it is no platform counts as one
        ({}, "", True),  # nobody knows a minor here
    ],
)
def test_no_ads_by_profile_for_minors_on_platforms(facts, born, allowed):
    """Art. 28(2) DSA: prohibited whatever the minor agreed to, where the age is known."""
    policy = shop(controller__facts=facts, controller__audience="general")
    state = someone(yes("ads"), born=born)

    assert allowed is bool(ask(state, "ads", shop=policy))


def test_maryland_shows_sensitive_data_only_to_what_needs_it():
    """Consent does not help (14-4707(a)(1)); elsewhere an explicit yes shows the field."""
    policy = shop(controller__established=["US-OH"])
    agreed = (put("advice", "allergies", "tastes"), yes("advice", explicit=("allergies",)))
    answer = ask(someone(*agreed, region="US-MD"), "advice", shop=policy)

    assert {"tastes"} == set(answer.fields) & {"tastes", "allergies"}
    assert ("law.prohibited", "us-md") == (
        answer.withheld["allergies"].code,
        answer.withheld["allergies"].pack,
    )
    assert "allergies" in ask(someone(*agreed, region="US-NJ"), "advice", shop=policy).fields
    small = shop(controller__established=["US-OH"], controller__facts={"public_body": True})
    assert "allergies" in ask(someone(*agreed, region="US-MD"), "advice", shop=small).fields


def test_a_contract_that_needs_sensitive_data_sees_it_in_maryland():
    """What is strictly necessary for the product stays possible, with an explicit yes as everywhere."""
    pharmacy = shop(
        controller__established=["US-OH"],
        purposes__order__fields=["allergies"],
        purposes__order__explicit=["allergies"],
        purposes__order__basis=["contract", "consent"],
        purposes__account__fields=["email", "points", "born"],
    )
    opened = Enrolled(at=NOON, purpose="order", opened={"order": b"o"}, about={"region": "US-MD"})
    agreed = yes("order", shop=pharmacy, explicit=("allergies",))
    state = fold([opened, put("order", "allergies"), agreed])

    assert "allergies" in ask(state, "order", shop=pharmacy).fields


def test_the_contact_of_a_business_is_no_consumer():
    """German calls to businesses need no prior consent (UWG s. 7(2) no. 1); Colorado does not bind."""
    called = shop(controller__established=["DE"])
    agreed = put("calls", "phone")
    assert not ask(someone(agreed, stage="gone"), "calls", "phone", shop=called)
    assert ask(someone(agreed, stage="gone", kind="business"), "calls", "phone", shop=called)

    signal, american = SignalReceived(at=NOON, signal="gpc"), shop(controller__established=["US-OH"])
    assert not ask(someone(signal, region="US-CO"), "ads", shop=american)
    assert ask(someone(signal, region="US-CO", kind="business"), "ads", shop=american)


def test_an_american_child_needs_a_guardian():
    """Under 13, known: first-party use, too, takes a parent's consent (16 CFR 312.5(a)); essentials go on."""
    policy = shop(controller__established=["US-OH"], purposes__figures__basis="opt_out")
    child, teen = {"region": "US-OH", "born": "2014-01-01"}, {"region": "US-OH", "born": "2012-01-01"}

    assert ["law.consent_required"] == codes(ask(someone(**child), "figures", shop=policy))
    assert ask(someone(**teen), "figures", shop=policy)
    assert ["consent.guardian_needed"] == codes(ask(someone(yes("advice"), **child), "advice", shop=policy))
    assert ask(someone(yes("advice", given_by="guardian"), **child), "advice", shop=policy)
    assert ask(someone(**child), "account", shop=policy)


def test_a_protective_reading_is_a_house_rule() -> None:
    """Where the law itself asks for less, the verdict says that the house asks for more, and why."""
    policy = shop(purposes__figures__processing=["personalization"], purposes__figures__compatible_with=[])
    why, note = ask(someone(), "figures", shop=policy).reasons

    assert ("assumed.law", "eu-gdpr", why.cite) == (note.code, note.pack, note.cite)
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
    assert ["consent.explicit", "channel"] == [  # an e-mail needs no yes in the US
        each.code for each in ask(plain, "newsletter", "sms", shop=policy).remedies
    ]
    assert ask(explicit, "newsletter", "sms", shop=policy)
    refused = codes(ask(plain, "newsletter", "sms", shop=opted))
    assert ["law.explicit_consent_required", "assumed.law"] == refused


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


@pytest.mark.parametrize(
    ("charity", "given", "asked", "allowed"),
    [
        (True, "2026-02-05", "2026-05-04", True),
        (True, "2026-02-04", "2026-05-04", False),  # not for addresses of before
        (True, "2026-02-05", "2026-02-05", True),
        (False, "2026-02-05", "2026-05-04", False),
        (None, "2026-02-05", "2026-05-04", False),  # who does not say so is none
    ],
)
def test_a_charity_may_write_to_its_supporters(charity, given, asked, allowed):
    """PECR reg. 22(3A), from 2026-02-05: an address given in support, with notice and a way out."""
    facts = {} if charity is None else {"charity": charity}
    policy = shop(
        controller__established=["GB"],
        controller__facts=facts,
        purposes__order__sale=False,
        purposes__order__support=True,
    )
    at = datetime.fromisoformat(f"{given}T12:00:00+00:00")
    state = someone(put("order", "email", at=at, told=("newsletter",)), region="GB", at=at)
    then = datetime.fromisoformat(f"{asked}T12:00:00+00:00")

    assert allowed is bool(ask(state, "newsletter", "email", shop=policy, at=then))
    untold = someone(put("order", "email", at=at), region="GB", at=at)
    assert not ask(untold, "newsletter", "email", shop=policy, at=then)


def test_support_is_no_sale_in_germany():
    """Art. 13(2) ePrivacy knows sales alone, whatever the controller is; a British one changes nothing."""
    for established in (["DE"], ["GB"], ["DE", "GB"]):
        policy = shop(
            controller__established=established,
            controller__facts={"charity": True},
            purposes__order__sale=False,
            purposes__order__support=True,
        )
        state = someone(put("order", "email", told=("newsletter",)))
        assert not ask(state, "newsletter", "email", shop=policy)
