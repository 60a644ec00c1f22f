"""Contracts, obligations, interests and public tasks in Europe: what carries a purpose without a consent."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from clm_ethics import Denied, Policy, PolicyError
from clm_ethics.model import Enrolled, Objected, fold
from clm_ethics.policy import Request, decide
from clm_ethics.regimes import Review, load_packs
from tests.scenarios.market import Market, allowed, denied, law_of

SPRING = datetime(2026, 5, 4, 12, tzinfo=UTC)

# --- contract and obligation --------------------------------------------------------------------


def test_what_the_contract_needs() -> None:
    """GDPR Art. 6(1)(b): an open order carries what it lists, and nothing else."""
    market = Market.of("DE")
    answer = market.buyer().may("order")
    assert allowed(answer) == "contract"
    assert {"address", "purchases"} <= set(answer.fields)
    assert "visits" not in answer.fields


def test_before_there_is_a_contract() -> None:
    """GDPR Art. 6(1)(b): to collect what an order will need is a step at the customer's request."""
    market = Market.of("FR")
    ana = market.person()
    ana.put({"address": {"street": "Rue 1"}}, purpose="order", by="checkout")
    assert denied(ana.may("order")) == ("contract.absent",)


def test_after_the_contract() -> None:
    """GDPR Art. 6(1)(b): when the order is done, the contract carries nothing any more."""
    market = Market.of("DE")
    ana = market.buyer()
    ana.record("delivered", {}, purpose="order", by="carrier", key="o-1")
    assert "contract.absent" in denied(ana.may("order"))
    assert allowed(ana.may("account")) == "contract"


def test_warranty_after_the_contract() -> None:
    """GDPR Art. 6(1)(c), 17(3)(e): for the time of the warranty the purchases may still be looked at."""
    market = Market.of(
        "DE",
        warranty={
            "processing": "essential",
            "basis": "legal_obligation",
            "law": "DE BGB s. 437",
            "fields": ["purchases"],
            "keep": {"for": "P2Y", "from": "collected"},
        },
    )
    ana = market.buyer()
    ana.record("delivered", {}, purpose="order", by="carrier", key="o-1")
    market.later(days=300)
    answer = ana.may("warranty")
    assert allowed(answer) == "legal_obligation"
    assert "purchases" in answer.fields


def test_an_objection_does_not_end_a_contract() -> None:
    """GDPR Art. 21(1): there is no right to object to what a contract needs."""
    market = Market.of("DE")
    ana = market.buyer()
    receipt = ana.object_to("order", by="customer")
    assert not receipt.effect
    assert allowed(ana.may("order")) == "contract"


def test_another_contract_uses_what_is_there() -> None:
    """GDPR Art. 6(1)(b): the e-mail of the account serves the order that needs it."""
    market = Market.of("DE")
    ana = market.person()
    ana.record("ordered", {"sku": "tea", "number": "1"}, purpose="order", by="checkout", key="o-1")
    assert "email" in ana.may("order").fields


@pytest.mark.parametrize(("processing", "may"), [("essential", True), ("personalization", False)])
def test_a_service_that_is_personal(processing: str, may: bool) -> None:
    """EDPB Guidelines 2/2019, 57: a profile that is the service itself is essential; beside one it is not."""
    box = {"processing": processing, "basis": "contract", "fields": ["purchases", "email"]}
    market = Market.of("DE", box=box)
    person = {"email": "eve@example.org", "region": "DE", "born": "1980-01-01"}
    if may:
        assert allowed(market.steward.enroll("c-5", person, purpose="box", by="web").may("box")) == "contract"
        return
    with pytest.raises(Denied) as refused:
        market.steward.enroll("c-5", person, purpose="box", by="web")
    assert {"law.consent_required", "assumed.law"} <= set(refused.value.answer.codes)


def test_invoices_after_an_erasure() -> None:
    """GDPR Art. 17(3)(b), AO s. 147: the invoices stay for the tax office, and for nobody else."""
    market = Market.of("DE", "invoicing")
    ana = market.buyer()
    ana.erase(by="customer")
    answer = ana.may("invoicing")
    assert allowed(answer) == "legal_obligation"
    assert "invoices" in answer.fields
    assert denied(ana.may("account")) == ("customer.erased",)


def test_invoices_after_their_time() -> None:
    """GDPR Art. 5(1)(e): when the law's time is over, they may not be seen."""
    market = Market.of("DE", "invoicing")
    ana = market.buyer()
    market.go("2034-12-31")
    assert "invoices" in ana.may("invoicing").fields
    market.go("2035-01-02")
    assert ana.may("invoicing").withheld["invoices"].code == "field.expired"


def test_an_obligation_without_a_law() -> None:
    """GDPR Art. 6(3): the obligation is laid down by a law, which has a name."""
    document = {"processing": "essential", "basis": "legal_obligation", "law": "", "fields": ["invoices"]}
    with pytest.raises(PolicyError):
        law_of("DE", invoicing=document)


def test_an_objection_to_an_obligation() -> None:
    """GDPR Art. 21(1): what a law obliges is not objected to."""
    market = Market.of("DE", "invoicing")
    ana = market.buyer()
    assert not ana.object_to("invoicing", by="customer").effect
    assert allowed(ana.may("invoicing")) == "legal_obligation"


def test_restricted() -> None:
    """GDPR Art. 18(2): restricted data is kept, and otherwise used only with a later consent."""
    market = Market.of("DE", "archive", "advice")
    ana = market.buyer("archive")
    ana.restrict(by="desk", reason="accuracy")
    assert "restriction" in denied(ana.may("order"))
    assert allowed(ana.may("archive")) == "legitimate_interest"
    market.later(days=1)
    market.yes(ana, "advice")
    assert allowed(ana.may("advice")) == "consent"


def test_claims_under_a_restriction() -> None:
    """GDPR Art. 18(2): restricted data may be used for the establishment of legal claims."""
    market = Market.of(
        "DE",
        claims={
            "processing": "storage",
            "basis": "legitimate_interest",
            "assessment": "no. 9",
            "fields": ["email", "purchases"],
            "keep": {"for": "P3Y", "from": "collected"},
        },
    )
    ana = market.buyer("claims")
    ana.restrict(by="desk", reason="unlawful")
    assert allowed(ana.may("claims")) == "legitimate_interest"


# --- interests ----------------------------------------------------------------------------------


@pytest.mark.parametrize("country", ["DE", "FR", "GB", "CH", "NO"])
def test_fraud_prevention(country: str) -> None:
    """GDPR recital 47, UK GDPR Annex 1: fraud prevention is a legitimate interest; people are told of it."""
    market = Market.of(country, "fraud")
    answer = market.buyer("fraud").may("fraud")
    assert allowed(answer) == "legitimate_interest"
    assert "email" in answer.fields


def test_fraud_prevention_of_which_nobody_was_told() -> None:
    """GDPR Art. 6(4), 13(3): a compatible purpose uses the data only after people were told."""
    market = Market.of("DE", "fraud")
    assert market.person().may("fraud").withheld["email"].code == "field.other_purpose"


def test_network_security() -> None:
    """GDPR recital 49: the security of the network is a legitimate interest."""
    market = Market.of("IE", "security")
    assert allowed(market.person("security").may("security")) == "legitimate_interest"


def test_an_interest_without_an_assessment() -> None:
    """GDPR Art. 6(1)(f): without a balancing there is no legitimate interest."""
    with pytest.raises(PolicyError):
        law_of("DE", tips={"assessment": ""})


def test_an_objection_to_an_interest() -> None:
    """GDPR Art. 21(1): an objection ends an interest."""
    market = Market.of("DE", "counting")
    ana = market.buyer("counting")
    assert allowed(ana.may("counting")) == "legitimate_interest"
    ana.object_to("counting", by="customer")
    assert "objection" in denied(ana.may("counting"))


def test_an_objection_to_fraud_prevention() -> None:
    """GDPR Art. 21(1): an objection ends it, until compelling grounds are shown."""
    market = Market.of("DE", "fraud")
    ana = market.buyer("fraud")
    ana.object_to("fraud", by="customer")
    assert "objection" in denied(ana.may("fraud"))


def test_recognised_interest_in_the_united_kingdom() -> None:
    """UK GDPR Art. 6(1)(ea), Annex 1, from 2026-02-05: crime prevention needs no balancing test."""
    market = Market.of("GB", fraud={"assessment": "recognised: UK GDPR Annex 1, para. 5"})
    assert allowed(market.buyer("fraud").may("fraud")) == "legitimate_interest"


@pytest.mark.parametrize("country", ["DE", "GB"])
def test_tips_under_an_interest(country: str) -> None:
    """GDPR Art. 6(1)(f), C-252/21: that an interest carries a profile is contested; the answer says so."""
    market = Market.of(country, "tips")
    assert {"law.consent_required", "assumed.law"} <= set(denied(market.buyer("tips").may("tips")))


def test_tips_that_counsel_has_looked_at() -> None:
    """GDPR Art. 6(1)(f): where counsel has read the unsettled cell, the law's own posture counts."""
    declared = law_of("DE", ("tips",)).declared
    packs = dict(load_packs())
    gdpr = packs["eu-gdpr"]
    read = tuple(
        replace(cell, review=Review.COUNSEL) if cell.row == "personalization" else cell for cell in gdpr.cells
    )
    policy = Policy(declared, packs | {"eu-gdpr": replace(gdpr, cells=read)})
    state = fold([Enrolled(at=SPRING, purpose="account", about={"region": "DE", "born": "1980-01-01"})])
    assert allowed(decide(policy, state, Request("tips"), SPRING)) == "legitimate_interest"
    objected = fold([Objected(at=SPRING, purpose="tips")], state)
    assert "objection" in denied(decide(policy, objected, Request("tips"), SPRING))


def test_tips_in_switzerland() -> None:
    """FADP Art. 30-31: private controllers need no consent for tips from own purchases."""
    market = Market.of("CH", "tips")
    assert allowed(market.buyer("tips").may("tips")) == "legitimate_interest"


@pytest.mark.parametrize("country", ["DE", "FR", "GB", "CH"])
def test_statistics_of_orders(country: str) -> None:
    """GDPR Art. 6(1)(f), 5(1)(b), 89: statistics of own orders go under an interest."""
    market = Market.of(country, "counting")
    assert allowed(market.buyer("counting").may("counting")) == "legitimate_interest"


def test_collected_under_consent_is_not_compatible() -> None:
    """GDPR Art. 6(4), EDPB 05/2020: what was given under consent serves no compatible purpose."""
    market = Market.of("DE", "newsletter", fraud={"compatible_with": ["newsletter"], "fields": ["phone"]})
    ana = market.person(values={"phone": None})
    market.yes(ana, "newsletter")
    ana.put({"phone": "+4917099"}, purpose="newsletter", by="web")
    ana.inform(shown=market.notice("fraud"), by="web")
    assert ana.may("fraud").withheld["phone"].code == "field.other_purpose"


def test_public_task() -> None:
    """GDPR Art. 6(1)(e), 21(1): a public body counts on its task until somebody objects."""
    market = Market.of("DE", counting={"basis": "public_task"}, facts={"public_body": True})
    ana = market.buyer("counting")
    assert allowed(ana.may("counting")) == "public_task"
    ana.object_to("counting", by="customer")
    assert denied(ana.may("counting"))


@pytest.mark.parametrize("country", ["DE", "GB"])
def test_a_public_body_has_no_interest(country: str) -> None:
    """GDPR Art. 6(1), last sentence: a public authority has no legitimate interest in its tasks."""
    market = Market.of(country, "counting", facts={"public_body": True})
    assert "legitimate_interest.public_body" in denied(market.buyer("counting").may("counting"))


def test_vital_interest() -> None:
    """GDPR Art. 6(1)(d): a recall of food that may kill."""
    market = Market.of(
        "DE",
        recall={
            "processing": "essential",
            "basis": "vital_interest",
            "channels": ["email"],
            "fields": ["email"],
            "keep": {"for": "P3Y", "from": "collected"},
        },
    )
    ana = market.buyer("recall")
    ana.object_to("recall", by="customer")
    assert allowed(ana.may("recall", channel="email")) == "vital_interest"
