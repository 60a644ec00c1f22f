"""What a posture does not show: places, first days, devices, kinds, duties, exceptions, rights and limits."""

from __future__ import annotations

from datetime import date

import pytest

from clm_ethics.model.times import Duration
from clm_ethics.regimes import Cell, Facts, Kind, Posture, Row, load_packs

PACKS = load_packs()
STATES = ("us-co", "us-ct", "us-de", "us-md", "us-mn", "us-mt", "us-ne", "us-nh", "us-nj", "us-or", "us-tx")
EU = "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK"
EEA = f"{EU} IS LI NO"
PLACES = {
    "eu-gdpr": (EEA, "2018-05-25"),
    "eu-eprivacy": (EEA, "2003-10-31"),
    "eu-dsa": (EU, "2024-02-17"),
    "eu-ai-act": (EU, "2024-08-01"),
    "eu-consumer": (EU, "2022-05-28"),
    "uk-gdpr-pecr": ("GB", "2021-01-01"),
    "ch-fadp": ("CH", "2023-09-01"),
    "us-federal": ("US", "1938-03-21"),
    "us-coppa": ("US", "2000-04-21"),
    "us-can-spam": ("US", "2004-01-01"),
    "us-tcpa": ("US", "1992-12-20"),
    "us-ca": ("US-CA", "2020-01-01"),
}
"""Art. 93, 113 and their kin: where, and from when on."""
HERE = (*PLACES, *STATES)
"""The packs of which this page speaks."""


def cells(name: str) -> dict[str, Cell]:
    """Return the cells of a pack by row."""
    return {str(cell.row): cell for cell in PACKS[name].cells}


@pytest.mark.parametrize("name", PLACES)
def test_where_and_from_when(name: str) -> None:
    """The law holds in these places, no others, from this day on and without an end."""
    where, since = PLACES[name]
    pack = PACKS[name]
    assert where.split() == list(pack.territory)
    assert (date.fromisoformat(since), None) == (pack.since, pack.until)


def test_which_cells_speak_of_devices_alone() -> None:
    """Art. 5(3) ePrivacy alone: the other laws speak of the processing, with a device or without."""
    found = {(name, row) for name in HERE for row, cell in cells(name).items() if cell.device}
    rows = ("essential", "analytics", "personalization", "targeted_ads")
    assert {("eu-eprivacy", row) for row in rows} == found


CNIL = "CPCE Art. L. 34-5 as the CNIL reads it for professionals (2005-02-17)"
HOUSE = """
uk-gdpr-pecr: push_marketing inbox_marketing financial_incentive
eu-gdpr: financial_incentive
ch-fadp: push_marketing inbox_marketing personalised_price financial_incentive
us-ca: web_marketing postal_marketing automated_decision
us-federal: personalised_price web_marketing postal_marketing push_marketing inbox_marketing
us-federal: targeted_ads sale_sharing automated_decision financial_incentive
"""
"""Cells that no law and no regulator asks for."""


def test_law_guidance_and_house_are_kept_apart() -> None:
    """Beside what the house adds, sensitive data in FTC orders, and the CNIL on businesses, all is law."""
    house = {
        (name, row)
        for name, rows in (line.split(": ") for line in HOUSE.strip().splitlines())
        for row in rows.split()
    }
    kinds = {(name, row): cell.kind for name in HERE for row, cell in cells(name).items()}
    assert house == {place for place, kind in kinds.items() if kind is Kind.HOUSE}
    assert [("us-federal", "sensitive")] == [each for each, kind in kinds.items() if kind is Kind.GUIDANCE]
    rules = [
        (rule.kind, rule.cite) for name in HERE for rule in PACKS[name].rules if rule.kind is not Kind.LAW
    ]
    assert [(Kind.GUIDANCE, CNIL)] == rules


DUTIES = """
unsubscribe sender_identity: eu-eprivacy/email_marketing eu-eprivacy/sms_marketing
unsubscribe sender_identity: uk-gdpr-pecr/email_marketing uk-gdpr-pecr/sms_marketing us-tcpa/sms_marketing
unsubscribe sender_identity: ch-fadp/email_marketing ch-fadp/sms_marketing
unsubscribe sender_identity postal_address: us-can-spam/email_marketing
call_list_screening sender_identity: eu-eprivacy/phone_marketing uk-gdpr-pecr/phone_marketing
call_list_screening sender_identity: ch-fadp/phone_marketing us-tcpa/phone_marketing
unsubscribe: eu-eprivacy/push_marketing eu-eprivacy/inbox_marketing eu-gdpr/postal_marketing
unsubscribe: eu-gdpr/web_marketing uk-gdpr-pecr/push_marketing uk-gdpr-pecr/inbox_marketing
unsubscribe: uk-gdpr-pecr/postal_marketing uk-gdpr-pecr/web_marketing us-ca/web_marketing
unsubscribe: us-ca/postal_marketing us-federal/web_marketing us-federal/postal_marketing
unsubscribe: us-federal/push_marketing us-federal/inbox_marketing ch-fadp/push_marketing
unsubscribe: ch-fadp/inbox_marketing ch-fadp/postal_marketing ch-fadp/web_marketing
price_disclosure: eu-gdpr/personalised_price uk-gdpr-pecr/personalised_price eu-consumer/personalised_price
price_disclosure: us-federal/personalised_price ch-fadp/personalised_price
human_review: eu-gdpr/automated_decision uk-gdpr-pecr/automated_decision us-federal/automated_decision
pre_use_notice human_review: ch-fadp/automated_decision
pre_use_notice: us-ca/automated_decision
opt_out_link: us-ca/targeted_ads us-ca/sale_sharing us-ca/sensitive
opt_out_link: us-federal/targeted_ads us-federal/sale_sharing
recommender_parameters: eu-dsa/personalization
ad_transparency: eu-dsa/targeted_ads
"""
"""What goes with a yes: Art. 13(4) ePrivacy, 15 U.S.C. 7704(a), Art. 22(3) GDPR, Art. 26-27 DSA ..."""


def test_duties_of_cells() -> None:
    """Each cell has the duties of its article, and no others."""
    expected = {(name, row): {"opt_out_link"} for name in STATES for row in ("targeted_ads", "sale_sharing")}
    for line in DUTIES.strip().splitlines():
        duties, places = line.split(": ")
        for place in places.split():
            name, row = place.split("/")
            expected[name, row] = set(duties.split())
    assert expected == {
        (name, row): set(cell.duties) for name in HERE for row, cell in cells(name).items() if cell.duties
    }


EXCEPTIONS = """
consent soft_opt_in: eu-eprivacy/email_marketing eu-eprivacy/sms_marketing
consent soft_opt_in: ch-fadp/email_marketing ch-fadp/sms_marketing
explicit_consent legal_obligation: eu-gdpr/sensitive uk-gdpr-pecr/sensitive ch-fadp/sensitive
explicit_consent contract legal_obligation: eu-gdpr/automated_decision
consent guardian_consent: eu-gdpr/children uk-gdpr-pecr/children ch-fadp/children us-ca/children
guardian_consent: us-coppa/children
consent contract: eu-gdpr/financial_incentive uk-gdpr-pecr/financial_incentive
contract legal_obligation: us-md/sensitive
"""
"""Which claims a cell names: Art. 13(2) ePrivacy, Art. 9(2), 22(2) GDPR, 16 CFR 312.5 and their kin."""


def test_exceptions_of_cells() -> None:
    """Each cell names the claims of its article, and no others."""
    expected = {(name, "children"): {"guardian_consent"} for name in STATES}
    for line in EXCEPTIONS.strip().splitlines():
        claims, places = line.split(": ")
        for place in places.split():
            name, row = place.split("/")
            expected[name, row] = set(claims.split())
    found = {
        (name, row): {str(each) for each in cell.exceptions}
        for name in HERE
        for row, cell in cells(name).items()
    }
    assert expected == {place: claims for place, claims in found.items() if claims}


RIGHTS = """
eu-gdpr      access rectification erasure restriction portability objection human_review P1M P2M - -
eu-gdpr      objection_direct_marketing withdrawal - - - -
eu-eprivacy  objection_direct_marketing - - - -
eu-consumer  withdrawal_from_contract P14D P12M - -
uk-gdpr-pecr access rectification erasure restriction portability objection P1M P2M - -
uk-gdpr-pecr objection_direct_marketing withdrawal - - - -
uk-gdpr-pecr complaint P30D - - 2026-06-19
uk-gdpr-pecr human_review P1M P2M - 2026-02-05
ch-fadp      access portability P30D - - -
ch-fadp      rectification erasure human_review - - - -
us-ca        access erasure rectification P45D P45D - -
us-ca        access_automated_decision P45D P45D - 2027-01-01
us-ca        opt_out_sale_sharing limit_sensitive - - 15 -
us-ca        opt_out_automated_decision - - 15 2027-01-01
us-can-spam  objection_direct_marketing - - 10 -
us-coppa     parental_access_erasure - - - -
us-tcpa      withdrawal - - 10 2025-04-11
us-tcpa      objection_direct_marketing - - 10 -
"""
"""Pack, rights, time to answer, extension, business days, first day (Art. 12(3) GDPR and its kin)."""


def test_rights() -> None:
    """Each right, the time to answer, its extension and its first day; states are told on their own page."""
    expected = {}
    for line in RIGHTS.strip().splitlines():
        name, *rights, within, extension, business, since = line.split()
        times = [None if each == "-" else Duration.parse(each) for each in (within, extension)]
        first = None if since == "-" else date.fromisoformat(since)
        expected |= {
            (name, right): (*times, None if business == "-" else int(business), first) for right in rights
        }
    assert expected == {
        (name, each.right): (each.within, each.extension, each.business_days, each.since)
        for name in PLACES
        for each in PACKS[name].rights
    }


def test_rules_beyond_the_scope() -> None:
    """Small businesses of Texas and Minnesota, alone, are bound by one rule of an act that spares them."""
    found = [(name, rule.rows) for name in HERE for rule in PACKS[name].rules if rule.beyond_scope]
    assert [("us-mn", (Row.SALE_SHARING,)), ("us-tx", (Row.SALE_SHARING,))] == found


def test_limits_of_the_ccpa() -> None:
    """Revenue, residents and share (1798.140): 50,000 until 2022, 100,000 from 2023 on, indexed in 2025."""
    assert [
        ("2022-12-31", 25_000_000, 50_000, 50),
        ("2024-12-31", 25_000_000, 100_000, 50),
        ("None", 26_625_000, 100_000, 50),
    ] == [
        (str(each.until), each.revenue_usd, each.residents, each.sale_share) for each in PACKS["us-ca"].scopes
    ]
    assert [None, date(2023, 1, 1), date(2025, 1, 1)] == [each.since for each in PACKS["us-ca"].scopes]


NONPROFITS = {"us-co", "us-de", "us-md", "us-mn", "us-nj"}
"""Acts that bind non-profits from the beginning; Oregon's does later."""
SMALL = {"us-mn", "us-ne", "us-tx"}
"""Acts that spare small businesses."""


def test_whom_the_acts_spare() -> None:
    """Non-profits and small businesses, as each act says; sensitive data suffices in Connecticut alone."""
    scopes = [(name, scope) for name in HERE for scope in PACKS[name].scopes]
    assert NONPROFITS | {"us-or"} == {name for name, scope in scopes if scope.nonprofits}
    assert SMALL == {name for name, scope in scopes if scope.small_business_exempt}
    assert [("us-ct", date(2026, 7, 1))] == [(name, each.since) for name, each in scopes if each.sensitive]
    assert not any(scope.revenue_floor_usd for _, scope in scopes)


CHILD = "analytics personalization targeted_ads sale_sharing automated_decision"
COPPA = (
    f"{CHILD} personalised_price email_marketing sms_marketing phone_marketing push_marketing "
    "inbox_marketing web_marketing financial_incentive"
)


@pytest.mark.parametrize("name", [*STATES, "us-coppa"])
def test_what_waits_for_a_parent(name: str) -> None:
    """A known child under 13: all of this, and nothing of what supports the service, waits for a parent."""
    pack = PACKS[name]
    facts, day = Facts(age=12), pack.since
    expected = set((COPPA if name == "us-coppa" else CHILD).split()) | {"sensitive", "children"}
    asked = {row: pack.cell_at(row, day, territory=pack.territory[0], facts=facts) for row in Row}
    strict = {str(row) for row, each in asked.items() if each is not None and each.posture >= Posture.OPT_IN}
    assert expected - ({"sensitive"} if name == "us-coppa" else set()) == strict
    assert all(
        each is None or each.posture < Posture.PROHIBITED or row == "sensitive" for row, each in asked.items()
    )
    (rule,) = [
        each
        for each in pack.rules
        if set(each.rows) == {Row(row) for row in expected - {"sensitive", "children"}}
    ]
    assert (12, ("guardian_consent",)) == (rule.age_max, rule.exceptions)


def test_who_consents_in_the_states() -> None:
    """The minor from 13 on, the parent below: each rule names whose yes it takes."""
    for name in (*STATES, "us-ca", "us-coppa"):
        pack = PACKS[name]
        assert pack.consent_age is not None
        assert 13 == pack.consent_age.default
        assert pack.consent is not None
        assert not pack.consent.pre_ticked
        for rule in pack.rules:
            if rule.posture is Posture.OPT_IN and rule.age_max is not None and rule.cite != "SB 1295 (2025)":
                yes = "guardian_consent" if rule.age_max == 12 else "consent"
                assert (yes,) == rule.exceptions, (name, rule.cite)


def test_rows_of_the_device_rules() -> None:
    """Whatever else reads a device needs consent (Art. 5(3) ePrivacy, PECR reg. 6), not a soft opt-in."""
    rows = "web_marketing email_marketing sms_marketing push_marketing inbox_marketing sale_sharing"
    for name in ("eu-eprivacy", "uk-gdpr-pecr"):
        pack = PACKS[name]
        for row in (*rows.split(), "personalised_price"):
            ruling = pack.cell_at(
                row, date(2026, 11, 23), territory=pack.territory[0], facts=Facts(device=True, age=40)
            )
            assert ruling is not None
            assert Posture.OPT_IN is ruling.posture
            assert not ruling.admits("soft_opt_in")
            assert any(word in ruling.cite for word in ("Art. 5(3)", "PECR reg. 6"))


def test_duties_of_rules() -> None:
    """What goes with a rule: who calls in AT, DE, FR, ES, the link in California, the human in decisions."""
    found = {
        (name, rule.cite): set(rule.duties) for name in HERE for rule in PACKS[name].rules if rule.duties
    }
    assert all("opt_out_link" in rule.duties for rule in PACKS["us-ca"].rules if rule.age_max is not None)
    call, screened = {"sender_identity"}, {"sender_identity", "call_list_screening"}
    message = {"unsubscribe", "sender_identity"}
    assert {
        ("eu-eprivacy", "Code de la consommation L. 223-1 (Bloctel)"): screened,
        ("eu-eprivacy", "Code de la consommation L. 223-1 (Loi 2025-594 art. 13)"): call,
        ("eu-eprivacy", "UWG s. 7(2) no. 1"): call,
        ("eu-eprivacy", "UWG s. 7(2) no. 1 (other market participants)"): call,
        ("eu-eprivacy", "TKG 2021 s. 174"): call,
        ("eu-eprivacy", "LGTel (Ley 11/2022) Art. 66(1)(b)"): screened,
        ("eu-eprivacy", "UWG s. 7(2) no. 2, 7(3)"): message,
        ("eu-eprivacy", "TKG 2021 s. 174(3)-(4)"): message,
        ("eu-eprivacy", "Directive 2002/58/EC Art. 13(1)-(2), (4); CPCE Art. L. 34-5"): message,
        ("eu-eprivacy", CNIL): message,
        ("eu-eprivacy", "Codice privacy Art. 130(1)-(2), (4)"): message,
        ("eu-eprivacy", "LSSI (Ley 34/2002) Art. 21"): message,
        ("eu-gdpr", "GDPR Art. 22(4)"): {"human_review"},
        ("uk-gdpr-pecr", "UK GDPR Art. 22(1)-(3) (before the DUAA)"): {"human_review"},
        ("uk-gdpr-pecr", "UK GDPR Art. 22(4) (before the DUAA)"): {"human_review"},
        ("uk-gdpr-pecr", "UK GDPR Art. 22B"): {"human_review"},
        ("us-ca", "Cal. Civ. Code 1798.120(c)"): {"opt_out_link"},
        ("us-ca", "11 CCR 7200-7222"): {"pre_use_notice"},
        ("us-ct", "Public Act 26-64"): {"price_disclosure"},
    } == found
