"""The packs say what the law says: one row per fact, with the article that the ruling must cite."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from clm_ethics.model.times import Duration
from clm_ethics.regimes import (
    Claim,
    Duty,
    Facts,
    Kind,
    Organisation,
    Posture,
    Review,
    Row,
    Ruling,
    consent_age,
    consent_age_rule,
    load_packs,
)

PACKS = load_packs()
TODAY = date(2026, 11, 23)
HOME = {
    "eu-gdpr": "IT",
    "eu-eprivacy": "IT",
    "uk-gdpr-pecr": "GB",
    "us-ca": "US-CA",
    "us-can-spam": "US-TX",
    "us-tcpa": "US-TX",
    "us-federal": "US-TX",
    "us-coppa": "US-TX",
    "ch-fadp": "CH",
    "eu-dsa": "IT",
    "eu-ai-act": "IT",
    "eu-consumer": "IT",
}
A, OO, OI, EX = Posture.ALLOWED, Posture.OPT_OUT, Posture.OPT_IN, Posture.EXPLICIT_OPT_IN
X = Posture.PROHIBITED
SMALL_ENTERPRISE = Organisation(platform=True, employees=49, turnover_eur=10_000_000)
"""Art. 19 DSA; Recommendation 2003/361/EC."""
SMALL_IN_CALIFORNIA = Organisation(revenue_usd=25_000_000, residents=(("US-CA", 50_000),), sale_share=49)
"""Within the limits of the CPRA, not within the 50,000 consumers of the first CCPA."""


def ask(
    pack: str,
    row: str,
    day: date = TODAY,
    *,
    territory: str = "",
    age: int | None = 40,
    **others: Any,
) -> Ruling | None:
    """Ask one pack about an adult without device access, at the pack's home."""
    facts = Facts(age=age, **others)
    return PACKS[pack].cell_at(row, day, territory=territory or HOME[pack], facts=facts)


# The least that the law asks, the safer choice where there is one, whether it is unsettled, the citation.
MINIMUM = [
    ("eu-gdpr", "essential", A, None, False, "Art. 6(1)(b), (c), (d)"),
    ("eu-gdpr", "storage", A, None, False, "Art. 5(1)(e)"),
    ("eu-gdpr", "analytics", OO, OI, False, "Art. 6(1)(f), 21(1)"),
    ("eu-gdpr", "personalization", OO, OI, True, "Art. 6(1)(f), 21(1)-(3)"),
    ("eu-gdpr", "personalised_price", OO, OI, True, "2011/83/EU Art. 6(1)(ea)"),
    ("eu-gdpr", "postal_marketing", OO, None, False, "recital 47, 21(2)-(3)"),
    ("eu-gdpr", "web_marketing", OO, None, False, "recital 47, 21(2)-(3)"),
    ("eu-gdpr", "targeted_ads", OI, None, False, "C-252/21"),
    ("eu-gdpr", "sale_sharing", OI, None, False, "Art. 6(1)(a), 13(1)(e), 14"),
    ("eu-gdpr", "sensitive", EX, None, False, "Art. 9(1)-(2)"),
    ("eu-gdpr", "automated_decision", EX, None, False, "Art. 22(1)-(3)"),
    ("eu-gdpr", "children", OI, None, False, "Art. 8"),
    ("eu-gdpr", "financial_incentive", OI, None, False, "Art. 6(1)(a)-(b), 7(4)"),
    ("uk-gdpr-pecr", "financial_incentive", OI, None, False, "Art. 6(1)(a)-(b), 7(4)"),
    ("ch-fadp", "financial_incentive", OO, None, False, "FADP Art. 30(2)(b)"),
    ("ch-fadp", "personalised_price", OO, OI, True, "UCA Art. 2"),
    ("eu-eprivacy", "essential", A, None, False, "Art. 5(3), second sentence"),
    ("eu-eprivacy", "analytics", OI, None, False, "Art. 5(3); CJEU C-673/17"),
    ("eu-eprivacy", "personalization", OI, None, False, "Art. 5(3)"),
    ("eu-eprivacy", "targeted_ads", OI, None, False, "Art. 5(3)"),
    ("eu-eprivacy", "email_marketing", OI, None, False, "Art. 13(1)-(2), (4)"),
    ("eu-eprivacy", "sms_marketing", OI, None, False, "Art. 13(1)-(2), recital 40"),
    ("eu-eprivacy", "phone_marketing", OO, OI, True, "Art. 13(3)"),
    ("eu-eprivacy", "push_marketing", OI, None, True, "Art. 13(1)"),
    ("eu-eprivacy", "inbox_marketing", OI, None, False, "C-102/20"),
    ("uk-gdpr-pecr", "essential", A, None, False, "Annex 1"),
    ("uk-gdpr-pecr", "storage", A, None, False, "UK GDPR Art. 5(1)(e)"),
    ("uk-gdpr-pecr", "analytics", OO, None, False, "Sch. A1"),
    ("uk-gdpr-pecr", "personalization", OO, OI, True, "UK GDPR Art. 6(1)(f), 21"),
    ("uk-gdpr-pecr", "personalised_price", OO, OI, True, "UK GDPR Art. 6(1)(f), 21"),
    ("uk-gdpr-pecr", "email_marketing", OO, None, False, "PECR reg. 22(1), 23"),
    ("uk-gdpr-pecr", "sms_marketing", OO, None, False, "PECR reg. 22(1), 23"),
    ("uk-gdpr-pecr", "push_marketing", OI, None, True, "PECR reg. 22"),
    ("uk-gdpr-pecr", "inbox_marketing", OI, None, True, "PECR reg. 22"),
    ("uk-gdpr-pecr", "phone_marketing", OO, None, False, "PECR reg. 21"),
    ("uk-gdpr-pecr", "postal_marketing", OO, None, False, "UK GDPR Art. 6(1)(f), 21(2)-(3)"),
    ("uk-gdpr-pecr", "web_marketing", OO, None, False, "UK GDPR Art. 6(1)(f), recital 47, 21(2)-(3)"),
    ("uk-gdpr-pecr", "targeted_ads", OI, None, False, "PECR reg. 6"),
    ("uk-gdpr-pecr", "sale_sharing", OI, None, False, "UK GDPR Art. 6(1)(a)"),
    ("uk-gdpr-pecr", "sensitive", EX, None, False, "DPA 2018 Sch. 1"),
    ("uk-gdpr-pecr", "automated_decision", OO, None, False, "Art. 22A-22D"),
    ("uk-gdpr-pecr", "children", OI, None, False, "DPA 2018 s. 9"),
    ("us-ca", "essential", A, None, False, "1798.100"),
    ("us-ca", "storage", A, None, False, "1798.100(a)(3)"),
    ("us-ca", "analytics", A, None, False, "1798.140(e)"),
    ("us-ca", "personalization", A, None, False, "1798.140(e)(4), (t)"),
    ("us-ca", "web_marketing", OO, None, False, "1798.140(e)(6)"),
    ("us-ca", "postal_marketing", OO, None, False, "1798.140(e)(6)"),
    ("us-ca", "targeted_ads", OO, None, False, "1798.120"),
    ("us-ca", "sale_sharing", OO, None, False, "1798.120, 1798.135"),
    ("us-ca", "sensitive", OO, None, False, "1798.121"),
    ("us-ca", "automated_decision", OO, None, False, "11 CCR 7200-7222"),
    ("us-ca", "children", OI, None, False, "1798.120(c)-(d)"),
    ("us-ca", "financial_incentive", OI, None, False, "1798.125(b)(3)"),
    ("us-can-spam", "email_marketing", OO, None, False, "15 U.S.C. 7704(a)"),
    ("us-tcpa", "sms_marketing", EX, None, True, "47 CFR 64.1200(a)(2)"),
    ("us-tcpa", "phone_marketing", OO, None, False, "47 CFR 64.1200(c)-(d)"),
    ("us-coppa", "essential", A, None, False, "312.5(c)(7)"),
    ("us-coppa", "children", OI, None, False, "16 CFR 312.5(a)"),
    ("eu-dsa", "personalization", A, None, False, "Art. 27"),
    ("eu-dsa", "targeted_ads", OI, None, False, "Art. 26(1)"),
    ("eu-ai-act", "personalization", A, None, False, "Art. 5(1)(a)-(b)"),
    ("eu-ai-act", "automated_decision", A, None, False, "Annex III(5)"),
    ("eu-consumer", "personalised_price", A, None, False, "2011/83/EU Art. 6(1)(ea)"),
    ("ch-fadp", "essential", A, None, False, "FADP Art. 6, 30-31"),
    ("ch-fadp", "storage", A, None, False, "FADP Art. 6(4)"),
    ("ch-fadp", "analytics", OO, None, False, "TCA Art. 45c(b)"),
    ("ch-fadp", "personalization", OO, OI, False, "FADP Art. 30(2)(b)"),
    ("ch-fadp", "email_marketing", OI, None, False, "UCA Art. 3(1)(o)"),
    ("ch-fadp", "sms_marketing", OI, None, False, "UCA Art. 3(1)(o)"),
    ("ch-fadp", "push_marketing", OI, None, True, "UCA Art. 3(1)(o)"),
    ("ch-fadp", "inbox_marketing", OI, None, True, "UCA Art. 3(1)(o)"),
    ("ch-fadp", "phone_marketing", OO, None, False, "UCA Art. 3(1)(u)-(v)"),
    ("ch-fadp", "postal_marketing", OO, None, False, "FADP Art. 30(2)(b)"),
    ("ch-fadp", "web_marketing", OO, None, False, "FADP Art. 30(2)(b)"),
    ("ch-fadp", "targeted_ads", OO, OI, True, "TCA Art. 45c"),
    ("ch-fadp", "sale_sharing", OO, None, False, "FADP Art. 30(2)(b)-(c)"),
    ("ch-fadp", "sensitive", EX, None, False, "6(7)(a)"),
    ("ch-fadp", "automated_decision", A, None, False, "FADP Art. 21"),
    ("ch-fadp", "children", OI, None, False, "Civil Code Art. 16, 19c"),
    *(
        ("us-federal", row, posture, None, False, "15 U.S.C. 45")
        for posture, rows in (
            (A, "essential storage analytics personalization"),
            (OO, "personalised_price web_marketing postal_marketing push_marketing inbox_marketing"),
            (OO, "targeted_ads sale_sharing automated_decision financial_incentive"),
            (OI, "sensitive"),
        )
        for row in rows.split()
    ),
]


@pytest.mark.parametrize(("pack", "row", "posture", "recommended", "uncertain", "cite"), MINIMUM)
def test_minimum(
    pack: str, row: str, posture: Posture, recommended: Posture | None, uncertain: bool, cite: str
) -> None:
    """A cell holds the least that the law asks, the safer choice, the doubt and the citation."""
    (cell,) = [each for each in PACKS[pack].cells if each.row == row]
    assert (posture, recommended, uncertain) == (cell.posture, cell.recommended, cell.uncertain)
    assert cite in cell.cite


def test_minimum_is_complete() -> None:
    """Each cell of these packs has its row in the table above."""
    assert {(name, str(cell.row)) for name in HOME for cell in PACKS[name].cells} == {
        fact[:2] for fact in MINIMUM
    }


def on(year: int, month: int, day: int, **others: Any) -> dict[str, Any]:
    """Name a day and other circumstances."""
    return {"day": date(year, month, day), **others}


RULINGS: list[tuple[str, str, dict[str, Any], Posture | None, str]] = [
    # unsettled law is read the protective way while nobody has reviewed the pack
    ("eu-gdpr", "personalization", {}, OI, "Art. 6(1)(f)"),
    ("eu-gdpr", "analytics", {}, OO, "Art. 6(1)(f)"),
    ("uk-gdpr-pecr", "personalization", {}, OI, "UK GDPR Art. 6(1)(f)"),
    # a pack speaks from its first day on
    ("eu-gdpr", "essential", on(2018, 5, 24), None, ""),
    ("eu-gdpr", "essential", on(2018, 5, 25), A, "Art. 6(1)"),
    ("eu-eprivacy", "email_marketing", on(2003, 10, 30), None, ""),
    ("eu-eprivacy", "email_marketing", on(2003, 10, 31), OI, "Art. 13"),
    ("uk-gdpr-pecr", "essential", on(2020, 12, 31), None, ""),
    ("uk-gdpr-pecr", "essential", on(2021, 1, 1), A, "UK GDPR"),
    ("us-ca", "sale_sharing", on(2019, 12, 31), None, ""),
    ("us-ca", "sale_sharing", on(2020, 1, 1), OO, "1798.120"),
    ("us-can-spam", "email_marketing", on(2003, 12, 31), None, ""),
    ("us-can-spam", "email_marketing", on(2004, 1, 1), OO, "7704"),
    ("us-tcpa", "phone_marketing", on(1992, 12, 19), None, ""),
    ("us-tcpa", "phone_marketing", on(1992, 12, 20), OO, "64.1200"),
    # territory
    ("eu-gdpr", "essential", {"territory": "NO"}, A, "Art. 6(1)"),
    ("eu-gdpr", "essential", {"territory": "DE-BY"}, A, "Art. 6(1)"),
    ("eu-gdpr", "essential", {"territory": "GB"}, None, ""),
    ("eu-gdpr", "essential", {"territory": "CH"}, None, ""),
    ("us-ca", "essential", {"territory": "US"}, None, ""),
    ("us-ca", "essential", {"territory": "US-TX"}, None, ""),
    ("us-can-spam", "email_marketing", {"territory": "US"}, OO, "7704"),
    # where ePrivacy is the specific law, the GDPR is silent
    *(
        ("eu-gdpr", row, {"device": device}, None, "")
        for row in (
            "email_marketing",
            "sms_marketing",
            "phone_marketing",
            "push_marketing",
            "inbox_marketing",
        )
        for device in (False, True)
    ),
    # Art. 5(3) ePrivacy speaks about device access alone
    *(
        ("eu-eprivacy", row, {"device": device}, OI if device else None, "2002/58/EC Art. 5(3)")
        for row in ("analytics", "personalization", "targeted_ads", "web_marketing", "sale_sharing")
        for device in (False, True)
    ),
    ("eu-eprivacy", "essential", {}, None, ""),
    ("eu-eprivacy", "essential", {"device": True}, A, "Art. 5(3), second sentence"),
    (
        "eu-eprivacy",
        "email_marketing",
        {"device": True},
        OI,
        "Art. 13(1)-(2), (4); Directive 2002/58/EC Art. 5(3)",
    ),
    # telephone: each member state chose (Art. 13(3))
    ("eu-eprivacy", "phone_marketing", {"territory": "FR", **on(2026, 8, 10)}, OO, "L. 223-1 (Bloctel)"),
    ("eu-eprivacy", "phone_marketing", {"territory": "FR", **on(2026, 8, 11)}, OI, "Loi 2025-594 art. 13"),
    (
        "eu-eprivacy",
        "phone_marketing",
        {"territory": "FR-IDF", **on(2026, 8, 11)},
        OI,
        "Loi 2025-594 art. 13",
    ),
    ("eu-eprivacy", "phone_marketing", {"territory": "DE"}, OI, "UWG s. 7(2) no. 1"),
    ("eu-eprivacy", "phone_marketing", {"territory": "AT"}, OI, "TKG 2021 s. 174"),
    ("eu-eprivacy", "phone_marketing", {"territory": "IT"}, OI, "Art. 13(3)"),
    # the United Kingdom before and after the main part of the Data (Use and Access) Act 2025
    ("uk-gdpr-pecr", "analytics", {"device": True, **on(2026, 2, 4)}, OI, "PECR reg. 6 (before Sch. A1)"),
    ("uk-gdpr-pecr", "analytics", {"device": True, **on(2026, 2, 5)}, OO, "Sch. A1"),
    ("uk-gdpr-pecr", "analytics", on(2026, 2, 4), OO, "UK GDPR Art. 6(1)(f)"),
    ("uk-gdpr-pecr", "automated_decision", on(2026, 2, 4), EX, "Art. 22(1)-(3) (before the DUAA)"),
    ("uk-gdpr-pecr", "automated_decision", on(2026, 2, 5), OO, "Art. 22A-22D"),
    ("uk-gdpr-pecr", "automated_decision", {"special": True, **on(2026, 2, 4)}, EX, "Art. 22(4) (before"),
    ("uk-gdpr-pecr", "automated_decision", {"special": True, **on(2026, 2, 5)}, EX, "Art. 22B"),
    ("uk-gdpr-pecr", "personalization", {"device": True}, OI, "PECR reg. 6"),
    ("uk-gdpr-pecr", "web_marketing", {"device": True}, OI, "PECR reg. 6"),
    ("uk-gdpr-pecr", "sms_marketing", {"device": True}, OI, "PECR reg. 6"),
    # California: selling the data of the young needs an opt-in (1798.120(c)); an unknown age is any age
    *(
        ("us-ca", row, {"age": age}, posture, "1798.120")
        for row in ("targeted_ads", "sale_sharing")
        for age, posture in ((0, OI), (12, OI), (13, OI), (15, OI), (16, OO), (40, OO), (None, OI))
    ),
    ("us-ca", "personalization", {"age": 12}, A, "1798.140"),
    ("us-ca", "automated_decision", on(2026, 12, 31), OO, "11 CCR 7200"),
    ("us-ca", "automated_decision", on(2027, 1, 1), OO, "11 CCR 7200"),
    # messages are federal law
    ("us-ca", "email_marketing", {}, None, ""),
    ("us-ca", "sms_marketing", {}, None, ""),
    ("us-ca", "phone_marketing", {}, None, ""),
    # a pack speaks from its first day on
    ("ch-fadp", "email_marketing", on(2023, 8, 31), None, ""),
    ("ch-fadp", "email_marketing", on(2023, 9, 1), OI, "UCA Art. 3(1)(o)"),
    ("eu-consumer", "personalised_price", on(2022, 5, 27), None, ""),
    ("eu-consumer", "personalised_price", on(2022, 5, 28), A, "Art. 6(1)(ea)"),
    ("us-coppa", "children", on(2000, 4, 20), None, ""),
    ("us-coppa", "children", on(2000, 4, 21), OI, "312.5"),
    ("us-federal", "essential", on(1938, 3, 20), None, ""),
    ("us-federal", "essential", on(1938, 3, 21), A, "15 U.S.C. 45"),
    # the DSA: from 2024-02-17 on; known minors, and special categories, whatever was consented to
    ("eu-dsa", "targeted_ads", {"age": 17, **on(2024, 2, 16)}, None, ""),
    ("eu-dsa", "targeted_ads", {"age": 17, **on(2024, 2, 17)}, X, "Art. 28(2)"),
    ("eu-dsa", "targeted_ads", {"age": 18}, OI, "Art. 26(1)"),
    ("eu-dsa", "targeted_ads", {"age": 16, "age_known": False}, OI, "Art. 26(1)"),
    ("eu-dsa", "targeted_ads", {"special": True}, X, "Art. 26(3)"),
    ("eu-dsa", "personalization", {"age": 12, "special": True}, A, "Art. 27"),
    ("eu-dsa", "targeted_ads", {"territory": "NO", "age": 17}, None, ""),
    ("eu-dsa", "targeted_ads", {"age": 17, "controller": Organisation(platform=False)}, None, ""),
    ("eu-dsa", "targeted_ads", {"age": 17, "controller": Organisation(platform=True)}, X, "Art. 28(2)"),
    ("eu-dsa", "targeted_ads", {"age": 17, "controller": SMALL_ENTERPRISE}, None, ""),
    # the AI Act: prohibited practices from 2025-02-02 on
    *(
        ("eu-ai-act", row, {"manipulative": True, **on(2025, 2, 2)}, X, "Art. 5(1)(a)-(b)")
        for row in ("personalization", "targeted_ads", "personalised_price")
    ),
    ("eu-ai-act", "personalization", {"manipulative": True, **on(2025, 2, 1)}, A, "Art. 5(1)"),
    ("eu-ai-act", "personalization", {}, A, "Art. 5(1)"),
    ("eu-ai-act", "targeted_ads", {}, None, ""),
    ("eu-ai-act", "personalization", {"territory": "LI"}, None, ""),
    # consumer law protects consumers
    ("eu-consumer", "personalised_price", {"kind": "business"}, None, ""),
    ("eu-consumer", "personalised_price", {"kind": "consumer"}, A, "Art. 6(1)(ea)"),
    # Switzerland: allowed until somebody objects, but for messages, ads by unsettled law, sensitive data
    ("ch-fadp", "analytics", {"device": True}, OO, "TCA Art. 45c(b)"),
    ("ch-fadp", "personalization", {}, OO, "FADP Art. 30(2)(b)"),
    ("ch-fadp", "targeted_ads", {}, OI, "FDPIC"),
    ("ch-fadp", "sale_sharing", {}, OO, "FADP Art. 30(2)(b)-(c)"),
    ("ch-fadp", "sale_sharing", {"special": True}, EX, "30(2)(c)"),
    ("ch-fadp", "essential", {"territory": "LI"}, None, ""),
    ("eu-gdpr", "automated_decision", {"special": True}, EX, "Art. 22(4)"),
    # telephone calls to businesses in Germany: consent may be presumed; in Spain consent since 2023-06-29
    ("eu-eprivacy", "phone_marketing", {"territory": "DE", "kind": "consumer"}, OI, "UWG s. 7(2) no. 1"),
    ("eu-eprivacy", "phone_marketing", {"territory": "DE", "kind": "business"}, OO, "UWG s. 7(2) no. 1"),
    ("eu-eprivacy", "phone_marketing", {"territory": "ES", **on(2023, 6, 28)}, OI, "Art. 13(3)"),
    ("eu-eprivacy", "phone_marketing", {"territory": "ES", **on(2023, 6, 29)}, OI, "LGTel"),
    # electronic mail to the contacts of businesses: PECR protects individual subscribers, the CNIL lets
    # professionals object; nobody's kind is assumed
    *(
        (pack, row, {"territory": territory, **kind}, posture, cite)
        for row in ("email_marketing", "sms_marketing")
        for pack, territory, kind, posture, cite in (
            ("uk-gdpr-pecr", "GB", {}, OI, "PECR reg. 22(2)-(3A)"),
            ("uk-gdpr-pecr", "GB", {"kind": "consumer"}, OI, "PECR reg. 22(2)-(3A)"),
            ("uk-gdpr-pecr", "GB", {"kind": "business"}, OO, "PECR reg. 22(1)"),
            ("uk-gdpr-pecr", "GB", {"kind": "business", **on(2026, 2, 4)}, OO, "PECR reg. 22(1)"),
            ("uk-gdpr-pecr", "GB", {"kind": "business", "device": True}, OI, "PECR reg. 6"),
            ("eu-eprivacy", "FR", {"kind": "consumer"}, OI, "CPCE Art. L. 34-5"),
            ("eu-eprivacy", "FR", {"kind": "business"}, OO, "CNIL"),
            ("eu-eprivacy", "FR", {"kind": "business", "device": True}, OI, "Art. 5(3)"),
            ("eu-eprivacy", "DE", {"kind": "business"}, OI, "UWG s. 7(2) no. 2"),
            ("eu-eprivacy", "IT", {"kind": "business"}, OI, "Codice privacy Art. 130"),
            ("ch-fadp", "CH", {"kind": "business"}, OI, "UCA Art. 3(1)(o)"),
        )
    ),
    # the national law on electronic mail is cited beside the Directive
    *(
        ("eu-eprivacy", row, {"territory": territory}, OI, cite)
        for row in ("email_marketing", "sms_marketing")
        for territory, cite in (
            ("DE", "UWG s. 7(2) no. 2, 7(3)"),
            ("AT", "TKG 2021 s. 174(3)-(4)"),
            ("FR", "CPCE Art. L. 34-5"),
            ("IT", "Codice privacy Art. 130"),
            ("ES", "LSSI (Ley 34/2002) Art. 21"),
        )
    ),
    # COPPA: known children under 13; what supports the service goes on
    *(
        ("us-coppa", row, {"age": age}, posture, "16 CFR 312.5")
        for row in ("personalization", "email_marketing", "targeted_ads", "sale_sharing")
        for age, posture in ((12, OI), (13, None))
    ),
    ("us-coppa", "targeted_ads", {"age": 12, "age_known": False}, None, ""),
    ("us-coppa", "essential", {"age": 12}, A, "312.5(c)(7)"),
    ("us-coppa", "postal_marketing", {"age": 12}, None, ""),
    ("us-coppa", "sale_sharing", {"age": 12, **on(2026, 4, 21)}, OI, "16 CFR 312.5(a)"),
    ("us-coppa", "sale_sharing", {"age": 12, **on(2026, 4, 22)}, OI, "16 CFR 312.5(a)(2)"),
    # the CCPA binds businesses; contacts of other businesses are consumers, too
    ("us-ca", "sale_sharing", {"controller": Organisation(nonprofit=True)}, None, ""),
    ("us-ca", "sale_sharing", {"kind": "business"}, OO, "1798.120"),
    *(
        (
            "us-ca",
            "sale_sharing",
            {"controller": SMALL_IN_CALIFORNIA, **on(year, 12, 31)},
            posture,
            "1798.120",
        )
        for year, posture in ((2022, OO), (2023, None), (2025, None))
    ),
]


@pytest.mark.parametrize(("pack", "row", "circumstances", "posture", "cite"), RULINGS)
def test_ruling(
    pack: str, row: str, circumstances: dict[str, Any], posture: Posture | None, cite: str
) -> None:
    """A pack asks this of the row in these circumstances, and cites this; None: it is silent."""
    ruling = ask(pack, row, **circumstances)
    assert posture == (None if ruling is None else ruling.posture)
    if ruling is not None:
        assert (pack, row) == (ruling.pack, ruling.row)
        assert cite in ruling.cite


@pytest.mark.parametrize("row", ["email_marketing", "sms_marketing", "phone_marketing"])
def test_a_national_law_is_of_its_nation(row: str) -> None:
    """In Portugal, of which nothing is written down, the Directive alone is cited."""
    ruling = ask("eu-eprivacy", row, territory="PT")
    assert ruling is not None
    assert "Directive 2002/58/EC Art. 13" == ruling.cite.partition("(")[0]
    assert ";" not in ruling.cite


def test_pecr_is_cited_for_devices_alone() -> None:
    """Personalisation without a device rests on the UK GDPR, with one on PECR reg. 6 as well."""
    without, with_device = (ask("uk-gdpr-pecr", "personalization", device=each) for each in (False, True))
    assert without is not None
    assert with_device is not None
    assert (False, True) == ("PECR" in without.cite, "PECR" in with_device.cite)


MESSAGE = "consent explicit_consent soft_opt_in guardian_consent"

ADMITTED: list[tuple[str, str, dict[str, Any], str]] = [
    ("eu-eprivacy", "email_marketing", {}, "consent explicit_consent soft_opt_in guardian_consent"),
    ("eu-eprivacy", "sms_marketing", {}, "consent explicit_consent soft_opt_in guardian_consent"),
    *(
        ("eu-eprivacy", row, {"territory": where}, "consent explicit_consent soft_opt_in guardian_consent")
        for row in ("email_marketing", "sms_marketing")
        for where in ("DE", "AT", "FR", "ES")
    ),
    ("us-coppa", "sale_sharing", {"age": 12}, "consent explicit_consent guardian_consent"),
    # a pixel needs consent, whatever carries the message (Art. 5(3))
    ("eu-eprivacy", "email_marketing", {"device": True}, "consent explicit_consent guardian_consent"),
    ("eu-eprivacy", "inbox_marketing", {}, "consent explicit_consent guardian_consent"),
    ("eu-eprivacy", "phone_marketing", {"territory": "DE"}, "consent explicit_consent guardian_consent"),
    ("eu-gdpr", "targeted_ads", {}, "consent explicit_consent guardian_consent"),
    ("eu-gdpr", "sensitive", {}, "explicit_consent legal_obligation"),
    ("eu-gdpr", "automated_decision", {}, "explicit_consent contract legal_obligation"),
    ("eu-gdpr", "automated_decision", {"special": True}, "explicit_consent"),
    ("uk-gdpr-pecr", "email_marketing", {}, "consent explicit_consent soft_opt_in guardian_consent"),
    *(
        ("uk-gdpr-pecr", row, {"controller": Organisation(charity=charity), **day}, claims)
        for row in ("email_marketing", "sms_marketing")
        for charity, day, claims in (
            (True, on(2026, 2, 5), f"{MESSAGE} charity_soft_opt_in"),
            (True, on(2026, 2, 4), MESSAGE),
            (False, on(2026, 2, 5), MESSAGE),
            (None, on(2026, 2, 5), MESSAGE),
        )
    ),
    ("uk-gdpr-pecr", "email_marketing", {"device": True}, "consent explicit_consent guardian_consent"),
    ("uk-gdpr-pecr", "automated_decision", on(2026, 2, 4), "explicit_consent contract legal_obligation"),
    ("uk-gdpr-pecr", "automated_decision", {"special": True}, "explicit_consent"),
    ("us-tcpa", "sms_marketing", {}, "explicit_consent"),
    ("us-ca", "sale_sharing", {"age": 12}, "consent explicit_consent guardian_consent"),
    ("us-ca", "sale_sharing", {}, " ".join(Claim)),
    ("us-can-spam", "email_marketing", {}, " ".join(Claim)),
]


@pytest.mark.parametrize(("pack", "row", "circumstances", "claims"), ADMITTED)
def test_admitted(pack: str, row: str, circumstances: dict[str, Any], claims: str) -> None:
    """These claims, and no others, carry the processing."""
    ruling = ask(pack, row, **circumstances)
    assert ruling is not None
    assert set(claims.split()) == {str(claim) for claim in Claim if ruling.admits(claim)}
    assert ruling.admits("legitimate_interest") is (ruling.posture <= OO)


def test_doubt_is_said() -> None:
    """A ruling that rests on the protective reading of unsettled law says so; another does not."""
    doubtful = {(name, str(cell.row)) for name in HOME for cell in PACKS[name].cells if cell.uncertain}
    found = {
        (pack, row)
        for pack, row, *_ in MINIMUM
        for ruling in (ask(pack, row, device=pack == "eu-eprivacy"),)
        if ruling is not None and ruling.uncertain
    }
    assert doubtful == found


def test_settled_by_the_member_state() -> None:
    """Where a member state has spoken on telephone calls, nothing is uncertain."""
    for territory in ("AT", "DE", "FR"):
        ruling = ask("eu-eprivacy", "phone_marketing", territory=territory)
        assert ruling is not None
        assert not ruling.uncertain


def test_house_and_law() -> None:
    """California's opt-out from automated decisions is house policy before 2027-01-01, then law."""
    before = ask("us-ca", "automated_decision", date(2026, 12, 31))
    after = ask("us-ca", "automated_decision", date(2027, 1, 1))
    web = ask("us-ca", "web_marketing")
    assert before is not None
    assert after is not None
    assert web is not None
    assert (Kind.HOUSE, Kind.LAW, Kind.HOUSE) == (before.kind, after.kind, web.kind)


def test_duties() -> None:
    """Messages carry a way out, personal prices are disclosed, significant decisions get a human."""
    mail, federal, price, decision = (
        ask("eu-eprivacy", "email_marketing"),
        ask("us-can-spam", "email_marketing"),
        ask("eu-gdpr", "personalised_price"),
        ask("eu-gdpr", "automated_decision"),
    )
    assert (Duty.UNSUBSCRIBE, Duty.SENDER_IDENTITY) == (mail and mail.duties)
    assert (Duty.UNSUBSCRIBE, Duty.SENDER_IDENTITY, Duty.POSTAL_ADDRESS) == (federal and federal.duties)
    assert (Duty.PRICE_DISCLOSURE,) == (price and price.duties)
    assert (Duty.HUMAN_REVIEW,) == (decision and decision.duties)


# Art. 8 GDPR: country, age, first day of the national law (2018-05-25 where the Regulation's own age stays)
AGES = """
AT 14 2018-05-25  BE 13 2018-09-05  BG 14 2019-03-02  CY 14 2018-07-31  CZ 15 2019-04-24  DE 16 2018-05-25
DK 13 2018-05-25  EE 13 2019-01-15  ES 14 2018-12-07  FI 13 2019-01-01  FR 15 2018-06-21  GR 15 2019-08-29
HR 16 2018-05-25  HU 16 2018-05-25  IE 16 2018-05-25  IS 13 2018-07-15  IT 14 2018-09-19  LI 16 2018-07-20
LT 14 2018-07-16  LU 16 2018-05-25  LV 13 2018-07-05  MT 13 2018-05-25  NL 16 2018-05-25  NO 13 2018-07-20
PL 16 2018-05-25  PT 13 2019-08-09  RO 16 2018-05-25  SE 13 2018-05-25  SI 15 2023-01-26  SK 16 2018-05-25
"""
AGE_ROWS = [
    (country, int(age), date.fromisoformat(since))
    for country, age, since in (line.split() for line in AGES.replace("  ", "\n").split("\n") if line)
]


@pytest.mark.parametrize(("country", "age", "since"), AGE_ROWS)
def test_consent_age(country: str, age: int, since: date) -> None:
    """A national age holds from its first day; before it the Regulation's 16 does (Art. 8(1) GDPR)."""
    gdpr = PACKS["eu-gdpr"]
    assert age == consent_age(gdpr, country, since)
    eve = since - timedelta(days=1)
    assert (16 if gdpr.since <= eve else None) == consent_age(gdpr, country, eve)
    assert consent_age(PACKS["eu-eprivacy"], country, TODAY) == consent_age(gdpr, country, TODAY)


def test_every_member_has_an_age() -> None:
    """The table of ages speaks of each of the 30 countries, once."""
    assert set(PACKS["eu-gdpr"].territory) == {country for country, _, _ in AGE_ROWS}
    assert 30 == len(AGE_ROWS)


@pytest.mark.parametrize(
    ("pack", "territory", "day", "age"),
    [
        ("eu-gdpr", "DK", date(2023, 12, 31), 13),
        ("eu-gdpr", "DK", date(2024, 1, 1), 15),
        ("eu-gdpr", "DK-84", date(2024, 1, 1), 15),
        ("eu-gdpr", "GB", TODAY, None),
        ("uk-gdpr-pecr", "GB", TODAY, 13),
        ("uk-gdpr-pecr", "GB-SCT", TODAY, 13),
        ("us-ca", "US-CA", TODAY, 13),
        ("us-tcpa", "US-CA", TODAY, None),
    ],
)
def test_consent_age_elsewhere(pack: str, territory: str, day: date, age: int | None) -> None:
    """Denmark raised its age for 2024; GB has 13 (DPA 2018 s. 9), California 13 (1798.120(c))."""
    assert age == consent_age(PACKS[pack], territory, day)


def test_consent_age_cites() -> None:
    """The age comes with the law that sets it, and with who consents below it."""
    danish = consent_age_rule(PACKS["eu-gdpr"], "DK", TODAY)
    early = consent_age_rule(PACKS["eu-gdpr"], "PT", date(2019, 8, 8))
    assert danish is not None
    assert early is not None
    assert "Databeskyttelsesloven s. 6" == danish.cite
    assert "GDPR Art. 8(1)" == early.cite
    for pack in PACKS.values():
        assert pack.consent_age is None or pack.consent_age.guardian


def test_signal() -> None:
    """Of these packs California alone binds to GPC: from 2021-01-28, on sale, sharing and targeted ads."""
    binding = {name: PACKS[name].signal for name in HOME if PACKS[name].signal is not None}
    assert ["us-ca"] == list(binding)
    signal = binding["us-ca"]
    assert signal is not None
    assert ("gpc", (Row.TARGETED_ADS, Row.SALE_SHARING)) == (signal.name, signal.rows)
    assert [False, True] == [signal.binds(day) for day in (date(2021, 1, 27), date(2021, 1, 28))]
    assert "1798.135(e)" in signal.cite


@pytest.mark.parametrize(
    ("pack", "right", "within", "business_days", "extension", "cite"),
    [
        ("eu-gdpr", "access", "P1M", None, "P2M", "Art. 15"),
        ("eu-gdpr", "erasure", "P1M", None, "P2M", "Art. 17"),
        ("eu-gdpr", "objection_direct_marketing", None, None, None, "Art. 21(2)-(3)"),
        ("eu-gdpr", "withdrawal", None, None, None, "Art. 7(3)"),
        ("uk-gdpr-pecr", "complaint", "P30D", None, None, "s. 164A"),
        ("us-ca", "access", "P45D", None, "P45D", "1798.110"),
        ("us-ca", "opt_out_sale_sharing", None, 15, None, "11 CCR 7026(f)"),
        ("us-can-spam", "objection_direct_marketing", None, 10, None, "7704(a)(4)"),
        ("us-tcpa", "withdrawal", None, 10, None, "64.1200(a)(10)"),
    ],
)
def test_deadlines(
    pack: str, right: str, within: str | None, business_days: int | None, extension: str | None, cite: str
) -> None:
    """A right is answered within this time, extended by that, under this article."""
    (found,) = [each for each in PACKS[pack].rights if each.right == right]
    expected = tuple(None if text is None else Duration.parse(text) for text in (within, extension))
    assert (*expected, business_days) == (found.within, found.extension, found.business_days)
    assert cite in found.cite


def test_consent() -> None:
    """A pre-ticked box is never consent; California lets a refused question rest for twelve months."""
    facts = {pack.id: pack.consent for pack in PACKS.values() if pack.consent is not None}
    silent = {"us-can-spam", "us-federal", "eu-dsa", "eu-ai-act", "eu-consumer"}
    assert set(HOME) - silent == set(HOME) & set(facts)
    assert not any(each.pre_ticked for each in facts.values())
    assert all(each.withdraw_as_easy for each in facts.values())
    assert Duration.parse("P12M") == facts["us-ca"].ask_again_after


def test_soft_opt_in() -> None:
    """The soft opt-in is that of Art. 13(2) ePrivacy, PECR reg. 22(3) and UCA Art. 3(1)(o)."""
    cites = {pack.id: pack.soft_opt_in.cite for pack in PACKS.values() if pack.soft_opt_in is not None}
    assert {"eu-eprivacy", "uk-gdpr-pecr", "ch-fadp"} == set(HOME) & set(cites)
    assert "Art. 3(1)(o)" in cites["ch-fadp"]
    assert "Art. 13(2)" in cites["eu-eprivacy"]
    assert "reg. 22(3)" in cites["uk-gdpr-pecr"]
    days = {name: PACKS[name].soft_opt_in.charity_since for name in HOME if PACKS[name].soft_opt_in}
    assert {"eu-eprivacy": None, "ch-fadp": None, "uk-gdpr-pecr": date(2026, 2, 5)} == days


def test_changes() -> None:
    """The days on which something changes are those of the law."""
    assert (date(2021, 1, 1), date(2026, 2, 5), date(2026, 6, 19)) == PACKS["uk-gdpr-pecr"].changes()
    assert ["2020-01-01", "2021-01-28", "2023-01-01", "2025-01-01", "2027-01-01"] == [
        str(day) for day in PACKS["us-ca"].changes()
    ]
    assert date(2026, 8, 11) in PACKS["eu-eprivacy"].changes()
    assert date(2024, 1, 1) in PACKS["eu-gdpr"].changes()


def test_no_lawyer_has_reviewed_a_pack() -> None:
    """No pack and no cell says that counsel has reviewed it, and each pack says what it is not."""
    for pack in PACKS.values():
        assert Review.COUNSEL not in {pack.review, *(each.review for each in (*pack.cells, *pack.rules))}
        assert "not legal advice" in pack.disclaimer
        assert pack.as_of is not None


def test_what_was_compared_says_so() -> None:
    """What was compared cell by cell is marked; general federal law is from knowledge alone."""
    assert {pack.id for pack in PACKS.values() if pack.review is Review.REVIEWED} >= set(HOME) - {
        "us-federal"
    }
    assert Review.UNREVIEWED is PACKS["us-federal"].review
