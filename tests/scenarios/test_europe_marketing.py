"""Advertising in the member states, the United Kingdom and Switzerland, on every channel."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from clm_ethics import Offer, PolicyError
from clm_ethics.lifecycle import Row
from tests.scenarios.market import Market, allowed, denied, duties, law_of

# --- soft opt-in ---------------------------------------------------------------------------------


@pytest.mark.parametrize("country", ["DE", "AT", "FR", "IT", "ES", "NL", "SE", "NO", "GB", "CH"])
def test_a_buyer_who_was_told(country: str) -> None:
    """Directive 2002/58/EC Art. 13(2), PECR reg. 22(3), UWG (CH) Art. 3(1)(o): soft opt-in."""
    market = Market.of(country, "newsletter")
    answer = market.buyer("newsletter").may("newsletter", channel="email")
    assert allowed(answer) == "soft_opt_in"
    assert any("unsubscribe" in each for each in duties(answer))


@pytest.mark.parametrize("country", ["DE", "FR", "GB", "CH"])
def test_a_buyer_who_was_told_by_sms(country: str) -> None:
    """Directive 2002/58/EC Art. 13(2), recital 40, PECR reg. 22(3): SMS is electronic mail."""
    market = Market.of(country, "newsletter")
    assert allowed(market.buyer("newsletter").may("newsletter", channel="sms")) == "soft_opt_in"


@pytest.mark.parametrize("country", ["DE", "FR", "GB", "CH"])
def test_a_buyer_who_was_not_told(country: str) -> None:
    """Directive 2002/58/EC Art. 13(2), UWG (DE) s. 7(3) no. 4: no chance to object, no soft opt-in."""
    market = Market.of(country, newsletter={"basis": "soft_opt_in"})
    assert "soft_opt_in.unmet" in denied(market.buyer().may("newsletter", channel="email"))


@pytest.mark.parametrize("country", ["DE", "GB", "CH"])
def test_an_address_that_is_from_no_sale(country: str) -> None:
    """Directive 2002/58/EC Art. 13(2): an address from a raffle or a contact form is from no sale."""
    market = Market.of(country, newsletter={"basis": "soft_opt_in"})
    assert "soft_opt_in.unmet" in denied(market.person("newsletter").may("newsletter", channel="email"))


def test_a_free_account_can_be_a_sale() -> None:
    """C-654/23: a free account that serves a paid model is a sale; the trader marks it as one."""
    market = Market.of("RO", "newsletter", account={"sale": True})
    assert allowed(market.person("newsletter").may("newsletter", channel="email")) == "soft_opt_in"


@pytest.mark.parametrize("country", ["DE", "GB", "CH"])
def test_a_buyer_who_objected(country: str) -> None:
    """GDPR Art. 21(2)-(3), PECR reg. 22(3)(c): after a no there is no soft opt-in."""
    market = Market.of(country, "newsletter")
    ana = market.buyer("newsletter")
    ana.object_to("newsletter", by="customer")
    assert "objection.direct_marketing" in denied(ana.may("newsletter", channel="email"))


def test_a_buyer_who_refused() -> None:
    """PECR reg. 22(3)(c): who unticked the box at the checkout is not written to."""
    market = Market.of("GB", "newsletter")
    ana = market.buyer("newsletter")
    ana.refuse("newsletter", by="checkout")
    assert not ana.may("newsletter", channel="email")


def test_soft_opt_in_after_the_order_is_done() -> None:
    """Directive 2002/58/EC Art. 13(2): a sale that is over is still a sale."""
    market = Market.of("DE", "newsletter")
    ana = market.buyer("newsletter")
    market.later(days=30)
    ana.record("delivered", {}, purpose="order", by="carrier", key="o-1")
    market.later(days=60)
    assert allowed(ana.may("newsletter", channel="email")) == "soft_opt_in"


@pytest.mark.parametrize("country", ["DE", "FR", "GB", "CH", "IE"])
def test_an_interest_is_no_ground_for_consumer_email(country: str) -> None:
    """Directive 2002/58/EC Art. 13(1), PECR reg. 22(2), UWG (CH) Art. 3(1)(o): consent."""
    market = Market.of(country, "mailing")
    assert "law.consent_required" in denied(market.buyer("mailing").may("mailing", channel="email"))
    assert "law.consent_required" in denied(market.buyer("mailing").may("mailing", channel="sms"))


def test_marketing_under_a_contract() -> None:
    """EDPB Guidelines 2/2019: no contract carries advertising."""
    with pytest.raises(PolicyError):
        law_of("DE", newsletter={"basis": "contract"})


CHARITY = {"facts": {"charity": True}, "account": {"support": True}}


def test_a_charity_after_the_reform() -> None:
    """PECR reg. 22(3A), from 2026-02-05: a charity may write to who supported it and was told."""
    market = Market.of("GB", "newsletter", on="2026-03-01", **CHARITY)
    answer = market.person("newsletter").may("newsletter", channel="email")
    assert allowed(answer) == "soft_opt_in"


def test_a_charity_before_the_reform() -> None:
    """PECR reg. 22(3): before 2026-02-05 a donation was no sale."""
    market = Market.of("GB", "newsletter", on="2026-01-10", **CHARITY)
    assert not market.person("newsletter").may("newsletter", channel="email")


def test_a_supporter_from_before_the_reform() -> None:
    """PECR reg. 22(3A): the conditions have to be met at collection; who gave before is not reached."""
    market = Market.of("GB", "newsletter", on="2026-01-10", **CHARITY)
    ana = market.person("newsletter")
    market.go("2026-06-01")
    assert not ana.may("newsletter", channel="email")


def test_a_supporter_of_no_charity() -> None:
    """PECR reg. 22(3A): a company with fans is no charity."""
    market = Market.of("GB", "newsletter", account={"support": True}, facts={"charity": False})
    assert not market.person("newsletter").may("newsletter", channel="email")


def test_a_charity_in_germany() -> None:
    """UWG (DE) s. 7(3): German law has no such way for charities."""
    market = Market.of("DE", "newsletter", **CHARITY)
    assert not market.person("newsletter").may("newsletter", channel="email")


# --- businesses ----------------------------------------------------------------------------------


def test_a_company_in_the_united_kingdom() -> None:
    """PECR reg. 22(1): it protects individual subscribers; a company is written to."""
    market = Market.of("GB", "mailing")
    firm = market.person("mailing", kind="business", born=None)
    assert allowed(firm.may("mailing", channel="email")) == "legitimate_interest"
    firm.object_to("mailing", by="customer")
    assert "objection.direct_marketing" in denied(firm.may("mailing", channel="email"))


def test_a_company_in_germany() -> None:
    """UWG (DE) s. 7(2) no. 2: e-mail to businesses needs consent as well."""
    market = Market.of("DE", "mailing")
    firm = market.person("mailing", kind="business", born=None)
    assert "law.consent_required" in denied(firm.may("mailing", channel="email"))


def test_a_company_in_switzerland() -> None:
    """UWG (CH) Art. 3(1)(o): mass advertising needs consent, whoever receives it."""
    market = Market.of("CH", "mailing")
    firm = market.person("mailing", kind="business", born=None)
    assert "law.consent_required" in denied(firm.may("mailing", channel="email"))


def test_a_company_in_france() -> None:
    """CPCE L. 34-5, CNIL: professionals are written to until they object."""
    market = Market.of("FR", "mailing")
    firm = market.person("mailing", kind="business", born=None)
    assert allowed(firm.may("mailing", channel="email")) == "legitimate_interest"


def test_a_call_to_a_company_in_germany() -> None:
    """UWG (DE) s. 7(2) no. 1: a business may be called if its consent can be presumed."""
    market = Market.of("DE", "calls")
    firm = market.person("calls", kind="business", born=None)
    assert allowed(firm.may("calls", channel="phone")) == "legitimate_interest"


# --- calls ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("country", ["DE", "AT"])
def test_a_call_to_a_consumer_without_consent(country: str) -> None:
    """UWG (DE) s. 7(2) no. 1, TKG (AT) s. 174: calls to consumers need consent."""
    market = Market.of(country, "calls")
    assert "law.consent_required" in denied(market.buyer("calls").may("calls", channel="phone"))


@pytest.mark.parametrize("country", ["DE", "AT", "FR", "GB", "CH"])
def test_a_call_to_a_consumer_with_consent(country: str) -> None:
    """Directive 2002/58/EC Art. 13(3): with consent a call is fine everywhere."""
    market = Market.of(country, calls={"basis": "consent"}, on="2026-10-01")
    ana = market.buyer()
    market.yes(ana, "calls")
    assert allowed(ana.may("calls", channel="phone")) == "consent"


@pytest.mark.parametrize(("day", "may"), [("2026-08-10", True), ("2026-08-11", False)])
def test_calls_in_france(day: str, may: bool) -> None:
    """C. conso. L. 223-1: until 2026-08-10 Bloctel, then consent."""
    market = Market.of("FR", "calls", on=day)
    assert bool(market.buyer("calls").may("calls", channel="phone")) is may


def test_a_call_about_a_running_contract_in_france() -> None:
    """C. conso. L. 223-1: about a running contract the trader may call."""
    market = Market.of(
        "FR", on="2026-10-01", messages={"channels": ["phone"], "fields": ["phone"], "basis": "contract"}
    )
    ana = market.buyer()
    ana.put({"phone": "+33612345678"}, purpose="messages", by="web")
    market.steward.enroll("c-9", {"phone": "+33612345678", "region": "FR"}, purpose="messages", by="checkout")
    assert allowed(market.steward.customer("c-9").may("messages", channel="phone")) == "contract"


@pytest.mark.parametrize("country", ["GB", "CH"])
def test_a_call_without_consent(country: str) -> None:
    """PECR reg. 21, UWG (CH) Art. 3(1)(u): a live call needs no consent, as long as there is no no."""
    market = Market.of(country, "calls")
    ana = market.buyer("calls")
    assert allowed(ana.may("calls", channel="phone")) == "legitimate_interest"
    ana.object_to("calls", by="customer")
    assert denied(ana.may("calls", channel="phone"))


def test_a_number_on_the_register_is_to_be_looked_up() -> None:
    """PECR reg. 21(1)(b): TPS and CTPS are to be screened; the yes says so."""
    market = Market.of("GB", "calls")
    assert any(
        "register" in each or "screen" in each or "tps" in each.lower()
        for each in duties(market.buyer("calls").may("calls", channel="phone"))
    )


# --- letters and screens ------------------------------------------------------------------------


@pytest.mark.parametrize("country", ["DE", "AT", "FR", "ES", "GB", "CH", "NO"])
def test_a_letter_to_a_buyer(country: str) -> None:
    """GDPR recital 47, Art. 6(1)(f): post to customers goes under a legitimate interest."""
    market = Market.of(country, "letters")
    ana = market.buyer("letters")
    assert allowed(ana.may("letters", channel="post")) == "legitimate_interest"
    assert "address" in ana.may("letters", channel="post").fields


@pytest.mark.parametrize("country", ["DE", "GB", "CH"])
def test_a_letter_after_an_objection(country: str) -> None:
    """GDPR Art. 21(3): after an objection no letter, without any balancing."""
    market = Market.of(country, "letters")
    ana = market.buyer("letters")
    ana.object_to("letters", by="customer")
    assert "objection.direct_marketing" in denied(ana.may("letters", channel="post"))


def test_an_objection_to_one_advertising_reaches_all() -> None:
    """GDPR Art. 21(2)-(3): an objection to direct marketing is one to all of it."""
    market = Market.of("DE", "letters", "newsletter")
    ana = market.buyer("letters", "newsletter")
    ana.object_to("newsletter", by="customer")
    assert denied(ana.may("letters", channel="post"))


def test_agreed_after_an_objection() -> None:
    """GDPR Art. 21(3), 6(1)(a): what somebody agrees to later may be done; the rest stays ended."""
    market = Market.of("DE", "letters", "newsletter")
    ana = market.buyer("letters", "newsletter")
    ana.object_to("newsletter", by="customer")
    market.later(days=20)
    market.yes(ana, "newsletter")
    assert allowed(ana.may("newsletter", channel="email")) == "consent"
    assert denied(ana.may("letters", channel="post"))


def test_an_objection_leaves_service_messages() -> None:
    """GDPR Art. 21(2): the confirmation of an order is no advertising."""
    market = Market.of("DE", "newsletter", order={"channels": ["email"]})
    ana = market.buyer("newsletter")
    ana.object_to("newsletter", by="customer")
    assert allowed(ana.may("order", channel="email")) == "contract"


def test_an_objection_leaves_what_was_agreed_on_the_site() -> None:
    """GDPR Art. 21(2)-(3): recommendations that somebody agreed to are not ended by a no to letters."""
    market = Market.of("DE", "letters", "advice")
    ana = market.buyer("letters")
    ana.object_to("letters", by="customer")
    market.yes(ana, "advice")
    assert allowed(ana.may("advice")) == "consent"


def test_advertising_in_the_inbox() -> None:
    """C-102/20 StWL: advertising among the messages of an inbox is electronic mail, and needs consent."""
    market = Market.of("DE", push={"channels": ["inbox"]})
    assert denied(market.buyer("push").may("push", channel="inbox"))


@pytest.mark.parametrize("country", ["DE", "FR", "GB", "CH"])
def test_a_push_message_with_consent(country: str) -> None:
    """Directive 2002/58/EC Art. 13(1): who agreed to push messages gets them."""
    market = Market.of(country, push={"basis": "consent"})
    ana = market.buyer()
    market.yes(ana, "push")
    assert allowed(ana.may("push", channel="app")) == "consent"


@pytest.mark.parametrize("country", ["DE", "FR", "GB", "CH"])
def test_own_offers_on_the_own_page(country: str) -> None:
    """GDPR recital 47: own offers on the own page, to a customer who signed in, are no electronic mail."""
    market = Market.of(country, "banner")
    assert allowed(market.buyer("banner").may("banner", channel="web")) == "legitimate_interest"


@pytest.mark.parametrize("country", ["DE", "GB", "CH"])
def test_own_offers_on_the_page_after_an_objection(country: str) -> None:
    """GDPR Art. 21(2)-(3): direct marketing is ended on the page as well."""
    market = Market.of(country, "banner")
    ana = market.buyer("banner")
    ana.object_to("banner", by="customer")
    assert denied(ana.may("banner", channel="web"))


# --- where, whose, and with what ----------------------------------------------------------------


def test_a_british_trader_in_france() -> None:
    """GDPR Art. 3(2)(a): who sells to people in France follows the law there, wherever they are."""
    market = Market.of("GB", "calls", on="2026-10-01")
    assert "law.consent_required" in denied(market.buyer("calls", region="FR").may("calls", channel="phone"))


def test_a_region_that_nobody_knows() -> None:
    """GDPR Art. 3: of an unknown region the strictest of the markets counts, and the answer says so."""
    market = Market.of("GB", "calls", markets=["GB", "DE"])
    answer = market.buyer("calls", region=None).may("calls", channel="phone")
    assert {"law.consent_required", "assumed.region"} <= set(denied(answer))


def test_a_region_that_nobody_knows_where_all_agree() -> None:
    """GDPR recital 47: post goes under an interest in all of the markets."""
    market = Market.of("GB", "letters", markets=["GB", "DE", "CH"])
    answer = market.buyer("letters", region=None).may("letters", channel="post")
    assert allowed(answer) == "legitimate_interest"
    assert "assumed.region" in answer.codes


def test_an_address_from_a_broker() -> None:
    """GDPR Art. 14(3)(b), recital 47: a letter may go to a bought address, and has to name the source."""
    market = Market.of("DE", letters={"sale": False})
    row = Row("c-7", {"address": {"street": "Ring 2"}, "region": "DE", "born": "1970-01-01"})
    market.steward.enroll_many([row], purpose="letters", by="import", source="address broker")
    choice = market.steward.customer("c-7").choose(
        [Offer("spring", purpose="letters")], channel="post", by="c"
    )
    assert choice, choice.explain()
    assert choice.source == "address broker"


def test_an_email_address_from_a_broker() -> None:
    """Directive 2002/58/EC Art. 13(2): a bought address is from no sale to the customer."""
    market = Market.of("DE", newsletter={"basis": "soft_opt_in"})
    row = Row("c-7", {"email": "x@example.org", "region": "DE", "born": "1970-01-01"})
    shown = market.notice("newsletter")
    market.steward.enroll_many([row], purpose="order", by="import", source="address broker")
    who = market.steward.customer("c-7")
    who.inform(shown=shown, by="mailing")
    assert denied(who.may("newsletter", channel="email"))


def test_a_weakness_is_not_exploited() -> None:
    """AI Act Art. 5(1)(b), UCPD Art. 5(3): no offer to people picked for their weakness."""
    from clm_ethics.ethics import Statement

    market = Market.of("DE", "newsletter")
    ana = market.person()
    market.yes(ana, "newsletter")
    bad = Offer("loan", purpose="newsletter", states=Statement(vulnerability="in debt"))
    good = Offer("tea", purpose="newsletter")
    choice = ana.choose([bad, good], channel="email", by="campaign")
    assert choice.offer is not None
    assert choice.offer.name == "tea"
    assert choice.withheld["loan"][0].code == "offer.vulnerability"


def test_restricted_while_it_is_checked() -> None:
    """GDPR Art. 18(2): who had the processing restricted gets no newsletter on an old yes."""
    market = Market.of("DE", "newsletter")
    ana = market.person()
    market.yes(ana, "newsletter")
    ana.restrict(by="desk", reason="accuracy")
    assert "restriction" in denied(ana.may("newsletter", channel="email"))
    market.later(days=10)
    ana.lift_restriction(by="desk")
    assert allowed(ana.may("newsletter", channel="email")) == "consent"


def test_was_lawful_then() -> None:
    """GDPR Art. 7(3): an objection does not make unlawful what was sent before it."""
    market = Market.of("GB", "newsletter")
    ana = market.buyer("newsletter")
    market.go("2026-07-01")
    ana.object_to("newsletter", by="customer")
    june = datetime(2026, 6, 1, tzinfo=UTC)
    assert ana.may("newsletter", channel="email", at=june, known="now")
    assert not ana.may("newsletter", channel="email")


def test_a_sole_trader_in_the_united_kingdom() -> None:
    """PECR reg. 2(1): a sole trader is an individual subscriber, enrolled without a kind, and protected."""
    market = Market.of("GB", "mailing")
    assert "law.consent_required" in denied(market.person("mailing").may("mailing", channel="email"))
