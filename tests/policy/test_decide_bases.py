"""Legal bases, each by its own question: consent, contract, law, interests, soft opt-in, opt-out."""

from __future__ import annotations

from datetime import timedelta

import pytest
from msgspec.structs import replace

from clm_ethics.model import Collected, Duration, Put, fold
from tests.policy.people import DAY, NOON, SHOP, ask, objected, put, refused, shop, someone, withdrawn, yes

TICK = timedelta(microseconds=1)


def codes(answer):
    """Return the codes of a denial."""
    assert not answer
    return list(answer.codes)


# --- consent --------------------------------------------------------------------------------------


def test_nobody_is_taken_to_have_agreed():
    """Silence is no consent (Art. 4(11), recital 32 GDPR)."""
    assert ["consent.missing"] == codes(ask(someone(), "advice"))


def test_a_yes_carries_its_purpose_alone():
    """A consent is specific: one purpose's yes carries no other (Art. 6(1)(a))."""
    state = someone(yes("advice"))

    assert "consent" == ask(state, "advice").basis
    assert not ask(state, "newsletter", "email")
    assert not ask(state, "ads")


@pytest.mark.parametrize(("no", "code"), [(refused, "consent.refused"), (withdrawn, "consent.withdrawn")])
def test_of_a_yes_and_a_no_the_later_counts(no, code):
    """Entry order decides, even at the same instant (Art. 7(3))."""
    assert [code] == codes(ask(someone(yes("advice"), no("advice")), "advice"))
    assert ask(someone(no("advice"), yes("advice")), "advice")


def test_consent_is_not_swapped_for_another_basis_after_a_no():
    """Who withdraws from the newsletter is not written to under soft opt-in (EDPB 05/2020, 122)."""
    sold = put("order", "email", "phone", told=("newsletter",))

    assert "soft_opt_in" == ask(someone(sold), "newsletter", "email").basis
    for no in (refused, withdrawn):
        state = someone(sold, yes("newsletter"), no("newsletter"))
        assert not ask(state, "newsletter", "email")
        assert not ask(state, "newsletter", "sms")
    assert not ask(someone(sold, refused("newsletter")), "newsletter", "email")


def test_a_refusal_ends_a_contract_that_was_the_second_choice():
    """A no ends a purpose through every alternative: the contract does not take its place."""
    policy = shop(purposes__account__basis=["consent", "contract"])

    assert "contract" == ask(someone(), "account", shop=policy).basis
    assert ["consent.refused"] == codes(ask(someone(refused("account")), "account", shop=policy))


def test_a_refusal_leaves_the_contract_that_was_the_first_choice():
    """A refusal never ends a claim of contract that stands before what it reaches."""
    policy = shop(purposes__account__basis=["contract", "consent"])

    assert "contract" == ask(someone(refused("account")), "account", shop=policy).basis


def test_an_invalid_yes_hides_no_other_basis():
    """A consent that expired is as none: what stands without it stands with it."""
    sold = put("order", "email", "phone", told=("newsletter",))
    state = someone(sold, yes("newsletter", until=NOON + DAY))

    assert "consent" == ask(state, "newsletter", "email").basis
    assert "soft_opt_in" == ask(state, "newsletter", "email", at=NOON + DAY).basis


def test_a_consent_expires_to_the_instant():
    """After thirteen months the yes is over, at its instant and not before (P13M)."""
    until = Duration(months=13).after(NOON)
    state = someone(yes("ads", until=until))

    assert until == ask(state, "ads", at=until - DAY).valid_until
    assert ask(state, "ads", at=until - TICK)
    assert ["consent.expired"] == codes(ask(state, "ads", at=until))
    assert until != ask(state, "ads", at=until).valid_until


def test_an_unproven_consent_does_not_count():
    """The controller must be able to show the consent (Art. 7(1))."""
    assert ["consent.unproven"] == codes(ask(someone(yes("advice", proven=False)), "advice"))


def test_a_consent_binds_to_its_own_clause():
    """A wider purpose asks again, a narrower one does not, another purpose's change asks nobody."""
    state = someone(yes("advice"))
    fields = list(SHOP.purposes["advice"].fields)
    wider = shop(purposes__advice__fields=[*fields, "address"])
    narrower = shop(
        purposes__advice__fields=fields[1:], purposes__advice__keep={"for": "P1Y", "from": "collected"}
    )
    elsewhere = shop(purposes__newsletter__fields=["email", "phone"], purposes__ads__title={"en": "More ads"})

    assert ["consent.other_clause"] == codes(ask(state, "advice", shop=wider))
    assert ask(state, "advice", shop=narrower)
    assert ask(state, "advice", shop=elsewhere)


def test_a_yes_without_a_clause_is_none():
    """What nobody can tell the terms of was not agreed to."""
    bare = replace(yes("advice"), clause=None)

    assert ["consent.other_clause"] == codes(ask(someone(bare), "advice"))


def test_a_consent_for_one_channel_is_none_for_another():
    """A yes to e-mail is no yes to text messages; asked without a channel it stands."""
    state = someone(yes("newsletter", channels=("email",)))

    assert ask(state, "newsletter", "email")
    assert ["consent.other_channel"] == codes(ask(state, "newsletter", "sms"))
    assert ask(state, "newsletter")


def test_a_channel_that_the_purpose_does_not_use_is_denied():
    """Nobody is called for a newsletter."""
    assert ["channel.not_listed"] == codes(ask(someone(yes("newsletter")), "newsletter", "phone"))


# --- contract and law -----------------------------------------------------------------------------


def test_a_contract_carries_while_it_is_open():
    """Performance of a contract (Art. 6(1)(b)): while any order is open, and no longer."""
    first = Put(at=NOON, opened={"order": b"1"})
    second = Put(at=NOON, opened={"order": b"2"})
    one_left = Put(at=NOON, closed={"order": (b"1",)})
    none_left = Put(at=NOON, closed={"order": (b"2",)})

    assert ["contract.absent"] == codes(ask(someone(), "order"))
    assert "contract" == ask(someone(first), "order").basis
    assert ask(someone(first, second, one_left), "order")
    assert ["contract.absent"] == codes(ask(someone(first, second, one_left, none_left), "order"))


def test_collecting_is_a_step_before_the_contract():
    """Steps at the person's request before a contract need none (Art. 6(1)(b)); reading does."""
    assert ["contract.step"] == [
        code for code in ask(someone(), "order", collect=True).codes if "contract" in code
    ]
    assert ["contract.live"] == [
        code for code in ask(someone(), "account", collect=True).codes if "contract" in code
    ]
    assert ["contract.absent"] == codes(ask(someone(), "order"))


@pytest.mark.parametrize("no", [refused, withdrawn, objected])
def test_a_no_does_not_end_a_contract_or_a_legal_obligation(no):
    """Withdrawal and objection reach consent and interests, not a contract or a law (Art. 7(3), 21(1))."""
    state = someone(no("account"), no("invoicing"))

    assert "contract" == ask(state, "account").basis
    assert "legal_obligation" == ask(state, "invoicing").basis


def test_a_legal_obligation_names_its_law():
    """The answer says which law obliges (Art. 6(1)(c), 6(3))."""
    assert "DE AO s. 147" in ask(someone(), "invoicing").explain()


def test_no_contract_carries_what_the_law_wants_consent_for():
    """Personalisation under a contract, where the protective reading asks for consent, is refused."""
    policy = shop(purposes__account__processing=["personalization"])

    assert ["law.consent_required", "assumed.law"] == codes(ask(someone(), "account", shop=policy))


# --- legitimate interest --------------------------------------------------------------------------


def test_a_legitimate_interest_stands_on_its_assessment():
    """A recorded balancing test, and no objection (Art. 6(1)(f))."""
    answer = ask(someone(), "figures")

    assert "legitimate_interest" == answer.basis
    assert "legitimate_interest.assessed" in answer.codes


def test_without_an_assessment_there_is_no_legitimate_interest():
    """A purpose without a recorded test is denied, should one get past the loader."""
    purpose = replace(SHOP.purposes["figures"], assessment="")
    policy = type(SHOP)(replace(SHOP.declared, purposes=SHOP.declared.purposes | {"figures": purpose}))

    assert ["legitimate_interest.unassessed"] == codes(ask(someone(), "figures", shop=policy))


def test_a_legitimate_interest_does_not_carry_what_needs_consent():
    """Where ePrivacy asks for consent, an interest is no answer (Art. 13(1))."""
    policy = shop(purposes__newsletter__basis="legitimate_interest", purposes__newsletter__assessment="7")

    assert ["law.consent_required"] == codes(ask(someone(), "newsletter", "email", shop=policy))


def test_a_public_body_claims_no_interest():
    """Art. 6(1), last sentence: not in its tasks; who does not say that it is one may."""
    policy = shop(controller__facts={"public_body": True})

    assert ["legitimate_interest.public_body"] == codes(ask(someone(), "figures", shop=policy))
    assert ask(someone(), "figures", shop=shop(controller__facts={"public_body": False}))


def test_where_the_law_wants_consent_the_listed_consent_counts():
    """A purpose that lists an interest and consent stands on the consent where the law asks for it."""
    policy = shop(
        purposes__advice__basis=["legitimate_interest", "consent"], purposes__advice__assessment="7"
    )

    assert ["law.consent_required", "assumed.law"] == codes(ask(someone(), "advice", shop=policy))
    assert "consent" == ask(someone(yes("advice", shop=policy)), "advice", shop=policy).basis


@pytest.mark.parametrize(
    ("basis", "code"), [("vital_interest", "vital_interest"), ("public_task", "public_task")]
)
def test_vital_interest_and_public_task(basis, code):
    """Art. 6(1)(d) stands against an objection, Art. 6(1)(e) does not (Art. 21(1))."""
    policy = shop(purposes__figures__basis=basis, purposes__figures__processing=["essential"])
    state = someone(objected("figures"))

    assert code in ask(someone(), "figures", shop=policy).codes
    assert (basis == "vital_interest") == bool(ask(state, "figures", shop=policy))


# --- soft opt-in: Art. 13(2) ePrivacy Directive ----------------------------------------------------


def test_soft_opt_in_needs_an_address_from_a_sale_with_notice():
    """The address came from a sale, with a notice of this use and how to stop it; else there is none."""
    met = put("order", "email", told=("newsletter",))
    unannounced = put("order", "email")
    no_sale = put("account", "email", told=("newsletter",))

    assert "soft_opt_in" == ask(someone(met), "newsletter", "email").basis
    for unmet in (unannounced, no_sale):
        assert ["consent.missing"] == codes(ask(someone(unmet), "newsletter", "email"))


def test_soft_opt_in_holds_for_the_channel_whose_address_was_sold():
    """The phone number must come from the sale as well; without a channel all addresses must."""
    email = put("order", "email", told=("newsletter",))
    both = put("order", "email", "phone", told=("newsletter",))

    assert not ask(someone(email), "newsletter", "sms")
    assert not ask(someone(email), "newsletter")
    assert ask(someone(both), "newsletter")


def test_a_standing_consent_is_no_notice():
    """That the address was announced because a consent stood is not a notice with an opt-out."""
    collected = Collected(field="email", announced=("newsletter", "order"))
    told_later = put("account", "phone", told=("newsletter",))
    state = someone(Put(at=NOON, purpose="order", collected=(collected,)), told_later)

    assert ["consent.missing"] == codes(ask(state, "newsletter", "email"))


def test_soft_opt_in_alone_says_what_it_lacks():
    """A purpose on soft opt-in alone is denied with the condition that is not met."""
    policy = shop(purposes__newsletter__basis="soft_opt_in")

    assert ["soft_opt_in.unmet"] == codes(ask(someone(), "newsletter", "email", shop=policy))


def test_an_address_that_came_anew_without_notice_ends_soft_opt_in():
    """The address in use is the one that counts: put again elsewhere, it is not from the sale."""
    sold = put("order", "email", told=("newsletter",))
    again = put("account", "email")

    assert not ask(someone(sold, again), "newsletter", "email")


def test_soft_opt_in_needs_an_address_at_all():
    """A channel without an address has nothing that a sale could have brought."""
    policy = shop(purposes__newsletter__basis="soft_opt_in", purposes__newsletter__channels=["web"])

    assert not ask(someone(), "newsletter", "web", shop=policy)


# --- opt-out --------------------------------------------------------------------------------------


def test_opt_out_holds_until_somebody_opts_out():
    """Californian e-mail needs no yes, and ends with a no (15 U.S.C. 7704(a)(4))."""
    american = shop(controller__established=["US-CA"], controller__markets=["US-CA"])
    state = someone(region="US-CA")

    assert "opt_out" == ask(state, "newsletter", "email", shop=american).basis
    for no in (refused, withdrawn, objected):
        assert not ask(fold([no("newsletter")], state), "newsletter", "email", shop=american)


def test_each_law_judges_its_own_claim():
    """A German shop asks a Californian for consent, since the GDPR follows the shop (Art. 3(1))."""
    state = someone(region="US-CA")
    agreed = fold([yes("newsletter")], state)

    assert ["consent.missing"] == codes(ask(state, "newsletter", "email"))
    assert {"consent.given", "opt_out.open"} <= set(ask(agreed, "newsletter", "email").codes)


@pytest.mark.parametrize("where", ["FR", "eu-gdpr"])
def test_a_claim_can_be_declared_for_a_country_or_a_regime(where):
    """``basis_under`` counts wherever its region or regime is asked, and only there."""
    policy = shop(purposes__figures__basis_under={where: ["consent"]}, controller__established=["FR"])
    french, german = someone(region="FR"), someone(region="DE")

    assert ["consent.missing"] == codes(ask(french, "figures", shop=policy))
    assert bool(ask(german, "figures", shop=policy)) == (where == "FR")


def test_the_nearest_claim_counts():
    """A regime's own claim comes before its region's, and a state's before its country's."""
    american = {"controller__established": ["US-CA"], "controller__markets": ["US-CA"]}
    state = someone(region="US-CA")

    def basis(under):
        return ask(
            state, "newsletter", "email", shop=shop(purposes__newsletter__basis_under=under, **american)
        ).basis

    assert "opt_out" == basis({"US": ["consent"], "US-CA": ["opt_out"]})
    assert "consent" == basis({"US": ["opt_out"], "US-CA": ["consent"]})
    assert "public_task" == basis({"US-CA": ["consent"], "us-can-spam": ["public_task"]})
