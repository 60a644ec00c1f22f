"""Devices, advertising by profile, decisions by machines, and personal prices in Europe."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from clm_ethics import Denied
from tests.scenarios.market import Market, allowed, denied, duties

# --- devices ------------------------------------------------------------------------------------


@pytest.mark.parametrize("country", ["DE", "FR", "GB", "CH"])
def test_a_cart(country: str) -> None:
    """Directive 2002/58/EC Art. 5(3), PECR Sch. A1, TCA Art. 45c: what was asked for needs no consent."""
    market = Market.of(country, cart={"fields": ["email"]})
    market.steward.enroll("c-5", {"email": "e@example.org", "region": country}, purpose="cart", by="web")
    assert allowed(market.steward.customer("c-5").may("cart")) == "contract"


@pytest.mark.parametrize("country", ["DE", "FR", "IT", "NO"])
def test_counting_on_the_device(country: str) -> None:
    """Directive 2002/58/EC Art. 5(3), C-673/17: analytics cookies need consent."""
    market = Market.of(country, "webcount")
    assert "law.consent_required" in denied(market.person("webcount").may("webcount"))


def test_counting_on_the_device_with_consent() -> None:
    """Directive 2002/58/EC Art. 5(3): with consent analytics cookies are fine."""
    market = Market.of("DE", webcount={"basis": "consent"})
    ana = market.person()
    market.yes(ana, "webcount")
    assert allowed(ana.may("webcount")) == "consent"


@pytest.mark.parametrize(("day", "may"), [("2026-02-04", False), ("2026-02-05", True)])
def test_counting_on_the_device_in_the_united_kingdom(day: str, may: bool) -> None:
    """PECR Sch. A1, from 2026-02-05: first-party statistics with information and an objection."""
    market = Market.of("GB", "webcount", on=day)
    ana = market.person("webcount")
    assert bool(ana.may("webcount")) is may
    ana.object_to("webcount", by="customer")
    assert denied(ana.may("webcount"))


def test_counting_on_the_device_in_switzerland() -> None:
    """TCA Art. 45c(b): inform, and let people refuse."""
    market = Market.of("CH", "webcount")
    ana = market.person("webcount")
    assert allowed(ana.may("webcount")) == "legitimate_interest"
    ana.refuse("webcount", by="web")
    assert denied(ana.may("webcount"))


# --- advertising by profile ---------------------------------------------------------------------

BIG = {"platform": True, "employees": 400, "turnover_eur": 90_000_000}
SMALL = {"platform": True, "employees": 9, "turnover_eur": 900_000}


@pytest.mark.parametrize("country", ["DE", "FR", "GB"])
def test_targeted_ads_under_an_interest(country: str) -> None:
    """Directive 2002/58/EC Art. 5(3), PECR reg. 6, C-252/21: behavioural advertising needs consent."""
    market = Market.of(country, ads={"basis": "legitimate_interest", "assessment": "no. 3"})
    assert "law.consent_required" in denied(market.person("ads").may("ads"))


@pytest.mark.parametrize("country", ["DE", "FR", "GB", "CH"])
def test_targeted_ads_with_consent(country: str) -> None:
    """Directive 2002/58/EC Art. 5(3), C-252/21: with consent they may be shown to adults."""
    market = Market.of(country, "ads", facts=BIG)
    ana = market.person()
    market.yes(ana, "ads")
    assert allowed(ana.may("ads")) == "consent"


def test_a_minor_on_a_platform() -> None:
    """DSA Art. 28(2): no advertising by profile to minors, consent or not."""
    market = Market.of("DE", "ads", facts=BIG)
    kim = market.person(born="2009-01-01")
    with pytest.raises(Denied):
        market.yes(kim, "ads")
    assert "law.prohibited" in denied(kim.may("ads"))


def test_a_minor_on_no_platform() -> None:
    """DSA Art. 28(2): a shop is no platform; somebody of 17 may agree to advertising there."""
    market = Market.of("DE", "ads", facts={"platform": False})
    kim = market.person(born="2009-01-01")
    market.yes(kim, "ads")
    assert allowed(kim.may("ads")) == "consent"


def test_a_minor_on_a_small_platform() -> None:
    """DSA Art. 19: micro and small enterprises are exempt."""
    market = Market.of("DE", "ads", facts=SMALL)
    kim = market.person(born="2009-01-01")
    market.yes(kim, "ads")
    assert allowed(kim.may("ads")) == "consent"


def test_a_minor_in_norway() -> None:
    """DSA: not incorporated into the EEA Agreement here, so that somebody of 17 may agree."""
    market = Market.of("NO", "ads", facts=BIG)
    kim = market.person(born="2009-01-01")
    market.yes(kim, "ads")
    assert allowed(kim.may("ads")) == "consent"


WITH_DIET = {"fields": ["visits", "diet"], "explicit": ["diet"]}


def test_health_for_ads_on_a_platform() -> None:
    """DSA Art. 26(3): no advertising by a profile of special categories, whatever was agreed to."""
    market = Market.of("DE", ads=WITH_DIET, facts=BIG)
    ana = market.person()
    with pytest.raises(Denied):
        market.yes(ana, "ads", explicit=["diet"])
    assert "law.prohibited" in denied(ana.may("ads"))


def test_health_for_ads_on_no_platform() -> None:
    """GDPR Art. 9(2)(a): on no platform an explicit yes carries it."""
    market = Market.of("DE", ads=WITH_DIET, facts={"platform": False})
    ana = market.person()
    market.yes(ana, "ads", explicit=["diet"])
    ana.put({"diet": "x"}, purpose="ads", by="web")
    assert "diet" in ana.may("ads").fields


def test_giving_addresses_to_partners() -> None:
    """GDPR Art. 6(1)(a), 13(1)(e): a partner gets an address with consent."""
    market = Market.of("DE", "partners")
    ana = market.person()
    assert denied(ana.may("partners"))
    market.yes(ana, "partners")
    assert allowed(ana.may("partners")) == "consent"


def test_giving_addresses_to_partners_in_switzerland() -> None:
    """FADP Art. 30(2)(b), 31: disclosure of ordinary data is fine until somebody says no."""
    market = Market.of("CH", partners={"basis": "legitimate_interest", "assessment": "no. 8"})
    ana = market.person("partners")
    assert allowed(ana.may("partners")) == "legitimate_interest"
    ana.object_to("partners", by="customer")
    assert denied(ana.may("partners"))


# --- machines and prices ------------------------------------------------------------------------

CONTRACT = {"basis": "contract", "fields": ["email"], "keep": {"for": "P30D", "from": "contract_end"}}


def test_a_machine_decides_what_the_contract_needs() -> None:
    """GDPR Art. 22(2)(a), (3): necessary for a contract, with a human to turn to."""
    market = Market.of("DE", credit=CONTRACT)
    market.steward.enroll("c-5", {"email": "e@example.org", "region": "DE"}, purpose="credit", by="web")
    answer = market.steward.customer("c-5").may("credit")
    assert allowed(answer) == "contract"
    assert any("human" in each for each in duties(answer))


def test_a_machine_decides_under_an_interest() -> None:
    """GDPR Art. 22(1)-(2): an interest carries no such decision."""
    market = Market.of("DE", credit={"basis": "legitimate_interest", "assessment": "no. 5"})
    assert "law.explicit_consent_required" in denied(market.buyer("credit").may("credit"))


def test_a_machine_decides_on_a_plain_yes() -> None:
    """GDPR Art. 22(2)(c): the yes has to be explicit."""
    market = Market.of("FR", "credit")
    ana, ben = market.buyer(), market.person()
    market.yes(ana, "credit")
    assert "consent.not_explicit" in denied(ana.may("credit"))
    market.yes(ben, "credit", explicit=["automated_decision"])
    assert allowed(ben.may("credit")) == "consent"


def test_a_machine_decides_by_law() -> None:
    """GDPR Art. 22(2)(b): authorised by a law, such as one against fraud."""
    market = Market.of("DE", credit={"basis": "legal_obligation", "law": "KWG s. 25h"})
    assert allowed(market.buyer("credit").may("credit")) == "legal_obligation"


@pytest.mark.parametrize(("day", "may"), [("2026-02-04", False), ("2026-02-05", True)])
def test_a_machine_decides_in_the_united_kingdom(day: str, may: bool) -> None:
    """UK GDPR Art. 22A-22D, from 2026-02-05: any basis, with safeguards."""
    market = Market.of("GB", on=day, credit={"basis": "legitimate_interest", "assessment": "no. 5"})
    assert bool(market.buyer("credit").may("credit")) is may


def test_a_machine_decides_by_health_in_the_united_kingdom() -> None:
    """UK GDPR Art. 22B: by special categories only with explicit consent."""
    market = Market.of(
        "GB", credit={"basis": "legitimate_interest", "assessment": "no. 5", "fields": ["purchases", "diet"]}
    )
    answer = market.buyer("credit").may("credit")
    assert "diet" not in answer.fields


def test_a_machine_decides_in_switzerland() -> None:
    """FADP Art. 21: inform, and let a human look at it on request; no consent is needed."""
    market = Market.of("CH", credit={"basis": "legitimate_interest", "assessment": "no. 5"})
    answer = market.buyer("credit").may("credit")
    assert allowed(answer) == "legitimate_interest"
    assert any("human" in each for each in duties(answer))


@pytest.mark.parametrize("country", ["DE", "FR", "GB", "CH"])
def test_a_personal_price_with_consent(country: str) -> None:
    """Directive 2011/83/EU Art. 6(1)(ea): who agreed may get a personal price, and is told that it is one."""
    market = Market.of(country, pricing={"basis": "consent"})
    ben = market.buyer()
    market.yes(ben, "pricing")
    answer = ben.may("pricing")
    assert allowed(answer) == "consent"
    assert any("price" in each for each in duties(answer))


@pytest.mark.parametrize("country", ["DE", "FR", "GB", "CH"])
def test_a_personal_price_under_an_interest(country: str) -> None:
    """GDPR Art. 6(1)(f): that an interest carries it is unsettled; the answer says so."""
    market = Market.of(country, "pricing")
    assert {"law.consent_required", "assumed.law"} <= set(denied(market.buyer("pricing").may("pricing")))


def test_the_law_of_a_past_day() -> None:
    """PECR Sch. A1: asked for a day before 2026-02-05, the answer is that of then."""
    market = Market.of("GB", "webcount", on="2026-01-10")
    ana = market.person("webcount")
    market.go("2026-04-01")
    assert allowed(ana.may("webcount")) == "legitimate_interest"
    assert denied(ana.may("webcount", at=datetime(2026, 1, 20, tzinfo=UTC), known="then"))
