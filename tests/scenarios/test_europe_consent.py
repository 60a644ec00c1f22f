"""Consent in the member states, the United Kingdom and Switzerland: who may give it, for what, until when."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from clm_ethics import Denied, PolicyError, Steward
from clm_ethics.lifecycle import Row, Said
from clm_ethics.model import Enrolled, Granted, fold
from clm_ethics.policy import Request, decide
from tests.scenarios.market import Market, allowed, denied, duties, law_of

SPRING = datetime(2026, 5, 4, 12, tzinfo=UTC)


def test_nobody_asked() -> None:
    """GDPR Art. 6(1)(a), ePrivacy Art. 13(1): silence is no consent to a newsletter."""
    market = Market.of("DE", "newsletter")
    assert denied(market.person().may("newsletter", channel="email")) == ("consent.missing",)


def test_a_yes_to_a_newsletter() -> None:
    """Directive 2002/58/EC Art. 13(1), (4): with consent it may go, with a way out in each message."""
    market = Market.of("DE", "newsletter")
    ana = market.person()
    market.yes(ana, "newsletter")
    answer = ana.may("newsletter", channel="email")
    assert allowed(answer) == "consent"
    assert any("unsubscribe" in each for each in duties(answer))
    assert {"email"} <= set(answer.fields)


def test_withdrawn() -> None:
    """GDPR Art. 7(3): a withdrawal ends it at once."""
    market = Market.of("FR", "newsletter")
    ana = market.person()
    market.yes(ana, "newsletter")
    ana.withdraw("newsletter", by="customer")
    assert "consent.withdrawn" in denied(ana.may("newsletter", channel="email"))


def test_agreed_again_after_a_withdrawal() -> None:
    """GDPR Art. 4(11): somebody may change their mind, and agree again."""
    market = Market.of("FR", "newsletter")
    ana = market.person()
    market.yes(ana, "newsletter")
    ana.withdraw("newsletter", by="customer")
    market.later(days=3)
    market.yes(ana, "newsletter")
    assert allowed(ana.may("newsletter", channel="email")) == "consent"


def test_withdrawn_is_not_replaced_by_an_interest() -> None:
    """EDPB Guidelines 05/2020, 121-123: who withdrew is not served on under another basis."""
    market = Market.of(
        "DE", advice={"basis": ["consent", "legitimate_interest"], "assessment": "no. 4", "explicit": []}
    )
    ana = market.buyer()
    market.yes(ana, "advice")
    assert allowed(ana.may("advice")) == "consent"
    ana.withdraw("advice", by="customer")
    assert "consent.withdrawn" in denied(ana.may("advice"))


@pytest.mark.parametrize(("day", "still"), [("2028-05-03", True), ("2028-05-05", False)])
def test_a_yes_for_two_years(day: str, still: bool) -> None:
    """GDPR Art. 5(1)(e), 7: a period that was announced binds; before its end the yes stands."""
    market = Market.of("ES", newsletter={"consent_expires": "P24M"})
    ana = market.person()
    market.yes(ana, "newsletter")
    market.go(day)
    answer = ana.may("newsletter", channel="email")
    assert bool(answer) is still
    assert ("consent.expired" in answer.codes) is not still


def test_a_yes_without_a_period() -> None:
    """EDPB Guidelines 05/2020: no statute ends a consent after three years by itself."""
    market = Market.of("DE", "newsletter", on="2022-05-04")
    ana = market.person()
    market.yes(ana, "newsletter")
    market.go("2025-06-01")
    assert allowed(ana.may("newsletter", channel="email")) == "consent"


def test_a_yes_to_one_channel() -> None:
    """GDPR Art. 4(11): consent is specific; a yes to e-mail is none to SMS."""
    market = Market.of("IT", "newsletter")
    ana = market.person()
    market.yes(ana, "newsletter", channels=["email"])
    assert allowed(ana.may("newsletter", channel="email")) == "consent"
    assert "consent.other_channel" in denied(ana.may("newsletter", channel="sms"))


AGES = [
    *(
        ("BE", 13),
        ("EE", 13),
        ("FI", 13),
        ("IS", 13),
        ("LV", 13),
        ("MT", 13),
        ("NO", 13),
        ("PT", 13),
        ("SE", 13),
    ),
    *(
        ("GB", 13),
        ("AT", 14),
        ("BG", 14),
        ("CY", 14),
        ("ES", 14),
        ("IT", 14),
        ("LT", 14),
        ("CZ", 15),
        ("DK", 15),
    ),
    *(
        ("FR", 15),
        ("GR", 15),
        ("SI", 15),
        ("DE", 16),
        ("HR", 16),
        ("HU", 16),
        ("IE", 16),
        ("LI", 16),
        ("LU", 16),
    ),
    *(("NL", 16), ("PL", 16), ("RO", 16), ("SK", 16)),
]


@pytest.mark.parametrize(("country", "age"), AGES)
def test_old_enough_to_consent(country: str, age: int) -> None:
    """GDPR Art. 8(1), national law: from this age the child's own yes counts."""
    market = Market.of(country, "advice")
    kim = market.person(born=f"{2026 - age}-05-04")
    market.yes(kim, "advice")
    assert allowed(kim.may("advice")) == "consent"


@pytest.mark.parametrize(("country", "age"), AGES)
def test_too_young_to_consent(country: str, age: int) -> None:
    """GDPR Art. 8(1)-(2): a day younger, and only a guardian's yes counts."""
    market = Market.of(country, "advice")
    kim = market.person(born=f"{2026 - age}-05-05")
    with pytest.raises(Denied) as refused:
        market.yes(kim, "advice")
    assert refused.value.answer.codes[0] == "consent.guardian_needed"
    market.yes(kim, "advice", given_by="guardian")
    assert allowed(kim.may("advice")) == "consent"


def test_the_birthday_itself() -> None:
    """BGB s. 187(2): an age is reached when the birthday begins where somebody lives."""
    for hour, may in ((21, False), (23, True)):
        market = Market.of("DE", "advice")
        market.now = datetime(2026, 5, 3, hour, tzinfo=UTC)
        kim = market.person(born="2010-05-04")
        if may:
            market.yes(kim, "advice")
        assert bool(kim.may("advice")) is may


def test_denmark_before_2024() -> None:
    """Databeskyttelsesloven s. 6: until the end of 2023 a Danish child of 13 could consent."""
    market = Market.of("DK", "advice", on="2023-06-01")
    kim = market.person(born="2010-05-01")
    market.yes(kim, "advice")
    assert allowed(kim.may("advice")) == "consent"


def test_a_guardians_yes_outlives_childhood() -> None:
    """EDPB Guidelines 05/2020, 7.1.4: a guardian's yes stands when the child comes of age."""
    market = Market.of("DE", "advice")
    kim = market.person(born="2010-06-01")
    market.yes(kim, "advice", given_by="guardian")
    market.go("2028-07-01")
    assert allowed(kim.may("advice")) == "consent"


def test_nobody_consents_for_an_adult() -> None:
    """GDPR Art. 4(11): a parent's yes for somebody of age is none."""
    market = Market.of("DE", "advice")
    ana = market.person(born="1990-01-01")
    with pytest.raises(Denied) as refused:
        market.yes(ana, "advice", given_by="guardian")
    assert "consent.not_theirs" in refused.value.answer.codes


def test_a_child_may_have_an_account() -> None:
    """GDPR Art. 8(3): Art. 8 is about consent; what a contract needs is not touched."""
    market = Market.of("DE")
    kim = market.person(born="2012-01-01")
    assert allowed(kim.may("account")) == "contract"


def test_a_teenager_in_switzerland() -> None:
    """ZGB Art. 16, 19c: no age, but capacity of judgement; somebody of 17 consents to a newsletter."""
    market = Market.of("CH", "newsletter")
    kim = market.person(born="2009-01-01")
    market.yes(kim, "newsletter")
    assert allowed(kim.may("newsletter", channel="email")) == "consent"


def test_of_unknown_age_in_a_shop_for_adults() -> None:
    """GDPR Art. 8: a shop for adults may take a yes without asking for the date of birth."""
    market = Market.of("DE", "newsletter")
    ana = market.person(born=None)
    market.yes(ana, "newsletter")
    answer = ana.may("newsletter", channel="email")
    assert allowed(answer) == "consent"
    assert "assumed.age" in answer.codes


def test_of_unknown_age_on_a_page_for_children() -> None:
    """GDPR Art. 8(2): where the audience are children, an unknown age needs a guardian's yes."""
    market = Market.of("DE", "newsletter", audience="children")
    kim = market.person(born=None)
    with pytest.raises(Denied):
        market.yes(kim, "newsletter")
    market.yes(kim, "newsletter", given_by="guardian")
    assert allowed(kim.may("newsletter", channel="email")) == "consent"


def test_a_plain_yes_is_not_explicit_for_health() -> None:
    """GDPR Art. 9(2)(a): a plain yes opens the purchases, not what tells of health."""
    market = Market.of("DE", "advice")
    ana = market.buyer()
    market.yes(ana, "advice")
    answer = ana.may("advice")
    assert allowed(answer) == "consent"
    assert "purchases" in answer.fields
    assert answer.withheld["diet"].code == "field.special"


def test_an_explicit_yes_for_health() -> None:
    """GDPR Art. 9(2)(a): with an explicit yes health data may be used."""
    market = Market.of("DE", "advice")
    ana = market.buyer()
    market.yes(ana, "advice", explicit=["diet"])
    ana.put({"diet": "gluten-free"}, purpose="advice", by="web")
    assert "diet" in ana.may("advice").fields


def test_a_pharmacy_needs_a_contract_and_an_explicit_yes() -> None:
    """GDPR Art. 9(2)(a), C-21/23: medicine goes under the contract, health with an explicit yes."""
    market = Market.of("DE", order={"basis": ["contract", "consent"], "explicit": ["diet"]})
    ana = market.buyer()
    answer = ana.may("order")
    assert allowed(answer) == "contract"
    assert answer.withheld["diet"].code == "field.special"
    market.yes(ana, "order", explicit=["diet"])
    ana.put({"diet": "gluten-free"}, purpose="order", by="web")
    answer = ana.may("order")
    assert allowed(answer) == "contract"
    assert {"diet", "address"} <= set(answer.fields)


def test_no_interest_opens_health_data() -> None:
    """GDPR Art. 9: legitimate interest never suffices for health data."""
    market = Market.of("DE", tips={"fields": ["purchases", "diet"]})
    ana = market.buyer("tips")
    answer = ana.may("tips")
    assert "diet" not in answer.fields


def test_an_inference_needs_an_explicit_yes() -> None:
    """C-184/20: what is inferred is special too; a policy that does not ask for it does not load."""
    with pytest.raises(PolicyError):
        law_of("LT", (), advice={"fields": ["purchases", "leaning"], "explicit": []})


def test_an_inference_with_an_explicit_yes() -> None:
    """GDPR Art. 9(2)(a), C-184/20: with an explicit yes the inference may be used, with a plain one not."""
    market = Market.of("LT", advice={"fields": ["purchases", "leaning"], "explicit": ["leaning"]})
    ana, ben = market.buyer(), market.person()
    market.yes(ana, "advice", explicit=["leaning"])
    ana.put({"leaning": "x"}, purpose="advice", by="model")
    assert "leaning" in ana.may("advice").fields
    market.yes(ben, "advice")
    assert ben.may("advice").withheld["leaning"].code == "field.special"


def _imported(*said: Said) -> Steward:
    market = Market.of("DE", "newsletter")
    shown = market.notice("newsletter")
    words = [Said(**{**_plain(each), "shown": shown}) if each.shown else each for each in said]
    row = Row("c-1", {"email": "ana@example.org", "region": "DE"}, said=words)
    market.steward.enroll_many([row], purpose="account", by="import")
    return market.steward


def _plain(said: Said) -> dict[str, object]:
    return {name: getattr(said, name) for name in ("purpose", "answer", "at", "evidence")}


def test_a_legacy_yes_without_proof() -> None:
    """GDPR Art. 7(1): a yes that nobody can show permits nothing."""
    shop = _imported(Said("newsletter"))
    assert "consent.unproven" in denied(shop.customer("c-1").may("newsletter", channel="email"))


def test_a_legacy_yes_with_proof() -> None:
    """GDPR Art. 7(1): a double opt-in with its time, its log and its words counts on."""
    proof = Said("newsletter", at=datetime(2025, 1, 1, tzinfo=UTC), evidence="log line 7", shown="yes")
    assert allowed(_imported(proof).customer("c-1").may("newsletter", channel="email")) == "consent"


def test_a_legacy_no_always_counts() -> None:
    """GDPR Art. 21(3): a no needs neither a time nor a proof."""
    shop = _imported(Said("newsletter", answer="no"))
    assert "consent.refused" in denied(shop.customer("c-1").may("newsletter", channel="email"))


@pytest.mark.parametrize(
    ("change", "covered"),
    [
        ({"fields": ["email"]}, True),
        ({"keep": {"for": "P20D", "from": "withdrawal"}}, True),
        ({"fields": ["email", "phone", "purchases", "visits"]}, False),
        ({"shared_with": ["A partner"]}, False),
        ({"title": {"en": "All about you"}}, False),
    ],
)
def test_the_purpose_changed_after_the_yes(change: dict[str, object], covered: bool) -> None:
    """GDPR Art. 4(11): a yes covers less than was agreed to, never more, and nobody is asked for less."""
    old = law_of("DE", ("newsletter",))
    new = law_of("DE", newsletter={**change, "channels": ["email"]})
    events = [
        Enrolled(at=SPRING, purpose="account", about={"region": "DE", "born": "1980-01-01"}),
        Granted(at=SPRING, purpose="newsletter", clause=old.clauses["newsletter"]),
    ]
    answer = decide(new, fold(events), Request("newsletter", channel="email"), SPRING)
    assert bool(answer) is covered
    assert ("consent.other_clause" in answer.codes) is not covered


def test_refusing_a_newsletter_leaves_the_contract() -> None:
    """GDPR Art. 7(4), 6(1)(b): who refuses advertising is still served."""
    market = Market.of("DE", "newsletter")
    ana = market.buyer()
    ana.refuse("newsletter", by="customer")
    assert "consent.refused" in denied(ana.may("newsletter", channel="email"))
    assert allowed(ana.may("order")) == "contract"


def test_a_withdrawal_that_arrives_late() -> None:
    """GDPR Art. 7(3), 5(2): what was known then, and what was true then, are two answers."""
    market = Market.of("DE", "newsletter")
    ana = market.person()
    market.yes(ana, "newsletter")
    market.go("2026-05-25")
    ana.withdraw("newsletter", by="letters", at=datetime(2026, 5, 14, tzinfo=UTC))
    for day, known, want in [(20, "then", True), (20, "now", False), (10, "now", True), (10, "then", True)]:
        at = datetime(2026, 5, day, tzinfo=UTC)
        assert bool(ana.may("newsletter", channel="email", at=at, known=known)) is want


def test_looking_ahead_past_the_expiry() -> None:
    """GDPR Art. 5(1)(e): asked ahead, a yes of a year does not answer for the time after it."""
    market = Market.of("SE", newsletter={"consent_expires": "P12M"})
    ana = market.person()
    market.yes(ana, "newsletter")
    assert ana.may("newsletter", channel="email", at=datetime(2027, 5, 1, tzinfo=UTC))
    assert not ana.may("newsletter", channel="email", at=datetime(2027, 5, 6, tzinfo=UTC))


def test_data_given_before_the_yes() -> None:
    """GDPR Art. 5(1)(b), 6(4): a later yes to a purpose that lists it opens what was collected before."""
    market = Market.of("NL", "advice")
    ana = market.buyer()
    market.later(days=1)
    market.yes(ana, "advice")
    assert "purchases" in ana.may("advice").fields
