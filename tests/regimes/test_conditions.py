"""Each condition in the prose of a law is a predicate: yes, no or unknown, on both sides of its limit."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest

from clm_ethics.regimes import Condition, Facts, Organisation, Scope, Test
from clm_ethics.regimes.conditions import CONDITIONS, TESTS, every, no, reaches, some

CASES: list[tuple[Condition, dict[str, Any], bool | None]] = [
    # Art. 5(3) ePrivacy: terminal equipment
    (Condition.DEVICE, {"device": True}, True),
    (Condition.DEVICE, {"device": False}, False),
    # Art. 9(1) GDPR
    (Condition.SPECIAL_CATEGORY, {"special": True}, True),
    (Condition.SPECIAL_CATEGORY, {"special": False}, False),
    # Va. SB 338, Or. HB 2008: within 1,750 feet
    (Condition.PRECISE_LOCATION, {"precise_location": True}, True),
    (Condition.PRECISE_LOCATION, {"precise_location": False}, False),
    # UWG s. 7(2) no. 1: a consumer; the state acts: in an individual or household context
    (Condition.CONSUMER, {"kind": "consumer"}, True),
    (Condition.CONSUMER, {"kind": "business"}, False),
    (Condition.CONSUMER, {"kind": ""}, None),
    # Md. HB 895 (2026): food retailers of 15,000 sq ft, food delivery
    (Condition.FOOD_RETAILER, {"controller": Organisation(food_retailer=True)}, True),
    (Condition.FOOD_RETAILER, {"controller": Organisation(food_retailer=False)}, False),
    (Condition.FOOD_RETAILER, {}, None),
    # PECR reg. 22(3A)
    (Condition.NO_CHARITY, {"controller": Organisation(charity=False)}, True),
    (Condition.NO_CHARITY, {"controller": Organisation(charity=True)}, False),
    (Condition.NO_CHARITY, {}, None),
    # Art. 5(1)(a)-(b) AI Act
    (Condition.HARMFUL_MANIPULATION, {"manipulative": True}, True),
    (Condition.HARMFUL_MANIPULATION, {}, False),
    # Art. 28(2) DSA: aware with reasonable certainty; the state acts: actual knowledge
    (Condition.AGE_KNOWN, {"age": 15, "age_known": True}, True),
    (Condition.AGE_KNOWN, {"age": 15, "age_known": False}, False),
    (Condition.AGE_KNOWN, {"age": None}, None),
]


@pytest.mark.parametrize(("condition", "facts", "expected"), CASES)
def test_a_condition(condition: Condition, facts: dict[str, Any], expected: bool | None) -> None:
    """A condition of a rule is met, not met, or unknown."""
    assert expected is CONDITIONS[condition](Facts(**facts))


def test_every_condition_has_its_cases() -> None:
    """No condition is without a function, nor without a case on either side; nor is a test of a scope."""
    sides = {(condition, expected) for condition, _, expected in CASES}
    assert set(CONDITIONS) == set(Condition)
    assert {(each, side) for each in Condition for side in (True, False)} <= sides
    assert set(TESTS) == set(Test)


def bound(test: Test, limits: dict[str, Any], *, kind: str = "consumer", **who: Any) -> bool | None:
    """Ask one test of a scope about a controller that handles *here* residents of Texas."""
    here = who.pop("here", None)
    residents = () if here is None else (("US-TX", here),)
    told = {name: who.pop(name) for name in ("special", "special_somewhere") if name in who}
    scope = Scope(test=test, cite="s. 1", prov="knowledge/high", **limits)
    facts = Facts(kind=kind, **told, controller=Organisation(residents=residents, **who))
    return TESTS[test](scope, facts, "US-TX")


PRIVATE: dict[str, Any] = {"public_body": False, "nonprofit": False}
VIRGINIA = {"residents": 100_000, "residents_selling": 25_000, "sale_share": 51}
"""Va. Code 59.1-576(A): 100,000 consumers, or 25,000 and over 50 percent of the revenue from selling."""
JERSEY = {"residents": 100_000, "residents_selling": 25_000, "nonprofits": True}
"""N.J.S.A. 56:8-166.5: 100,000, or 25,000 and any revenue or discount from selling."""
UTAH = {**VIRGINIA, "revenue_floor_usd": 25_000_000}
"""Utah Code 13-61-102(1): the same, and revenue of USD 25 million or more."""
CONNECTICUT = {"residents": 35_000, "residents_selling": 1, "sensitive": True}
"""SB 1295 (2025): 35,000 consumers, any sale, or any sensitive data."""
TEXAS = {"small_business_exempt": True}
"""Tex. Bus. & Com. Code 541.002(a)(3): no small business."""

ACTS: list[tuple[dict[str, Any], dict[str, Any], bool | None]] = [
    (VIRGINIA, {"here": 99_999, "sale_share": 0}, False),
    (VIRGINIA, {"here": 100_000, "sale_share": 0}, True),
    (VIRGINIA, {"here": 25_000, "sale_share": 50}, False),
    (VIRGINIA, {"here": 25_000, "sale_share": 51}, True),
    (VIRGINIA, {"here": 24_999, "sale_share": 100}, False),
    (VIRGINIA, {"here": 50_000}, None),
    (VIRGINIA, {"here": 24_999}, False),
    (VIRGINIA, {"sale_share": 0}, None),
    (VIRGINIA, {}, None),
    (VIRGINIA, {"here": 100_000, "kind": "business"}, False),
    (VIRGINIA, {"here": 100_000, "kind": ""}, None),
    (VIRGINIA, {"here": 100_000, "nonprofit": True}, False),
    (VIRGINIA, {"here": 100_000, "public_body": True}, False),
    (VIRGINIA, {"here": 100_000, "small_business": True}, True),
    (JERSEY, {"here": 25_000, "sells": False}, False),
    (JERSEY, {"here": 25_000, "sells": True}, True),
    (JERSEY, {"here": 25_000}, None),
    (JERSEY, {"here": 100_000, "nonprofit": True}, True),
    (UTAH, {"here": 100_000, "revenue_usd": 24_999_999}, False),
    (UTAH, {"here": 100_000, "revenue_usd": 25_000_000}, True),
    (UTAH, {"here": 100_000}, None),
    (CONNECTICUT, {"here": 34_999, "sells": False}, False),
    (CONNECTICUT, {"here": 35_000, "sells": False}, True),
    (CONNECTICUT, {"here": 1, "sells": True}, True),
    (CONNECTICUT, {"here": 0, "sells": True}, False),
    (CONNECTICUT, {"here": 1, "sells": False, "special_somewhere": True}, True),
    (CONNECTICUT, {"here": 1, "sells": False, "special": True}, True),
    (VIRGINIA, {"here": 1, "special": True}, False),
    (TEXAS, {"here": 1, "small_business": False}, True),
    (TEXAS, {"here": 1_000_000, "small_business": True}, False),
    (TEXAS, {"here": 1}, None),
]


@pytest.mark.parametrize(("limits", "who", "expected"), ACTS)
def test_state_act(limits: dict[str, Any], who: dict[str, Any], expected: bool | None) -> None:
    """A state's act binds from its limits on, and nobody else; what is not stated is unknown."""
    assert expected is bound(Test.STATE_ACT, limits, **{**PRIVATE, **who})


CCPA = {"revenue_usd": 26_625_000, "residents": 100_000, "sale_share": 50}
SMALL = {"revenue_usd": 26_625_000, "here": 99_999, "sale_share": 49}


@pytest.mark.parametrize(
    ("who", "expected"),
    [
        (SMALL, False),
        ({**SMALL, "revenue_usd": 26_625_001}, True),
        ({**SMALL, "here": 100_000}, True),
        ({**SMALL, "sale_share": 50}, True),
        ({**SMALL, "revenue_usd": None}, None),
        ({"revenue_usd": 26_625_001}, True),
        ({}, None),
        ({"here": 100_000, "nonprofit": True}, False),
        ({"here": 100_000, "public_body": True}, False),
        ({"here": 100_000, "kind": "business"}, True),
    ],
)
def test_ccpa_business(who: dict[str, Any], expected: bool | None) -> None:
    """Revenue above its limit, or residents or share at theirs (1798.140(d)); business contacts count."""
    assert expected is bound(Test.CCPA_BUSINESS, CCPA, **{**PRIVATE, **who})


def test_ccpa_without_a_limit_of_revenue() -> None:
    """A limit that a pack does not give cannot be reached."""
    assert bound(Test.CCPA_BUSINESS, {"residents": 5}, **PRIVATE, revenue_usd=10**9, here=4) is False


@pytest.mark.parametrize(
    ("who", "expected"),
    [
        ({"platform": True, "employees": 50, "turnover_eur": 0}, True),
        ({"platform": True, "employees": 49, "turnover_eur": 10_000_001}, True),
        ({"platform": True, "employees": 49, "turnover_eur": 10_000_000}, False),
        ({"platform": True, "employees": 49}, None),
        ({"platform": True}, None),
        ({"platform": False}, False),
        ({"employees": 49, "turnover_eur": 10_000_000}, False),
        ({}, None),
    ],
)
def test_online_platform(who: dict[str, Any], expected: bool | None) -> None:
    """Micro and small enterprises are spared: under 50 persons and up to EUR 10 million (Art. 19 DSA)."""
    assert expected is bound(Test.ONLINE_PLATFORM, {}, **who)


@pytest.mark.parametrize(("kind", "expected"), [("consumer", True), ("business", False), ("", None)])
def test_trader(kind: str, expected: bool | None) -> None:
    """Consumer law protects consumers (Art. 2(1) Directive 2011/83/EU)."""
    assert expected is bound(Test.TRADER, {}, kind=kind)


def test_unknown_is_neither_yes_nor_no() -> None:
    """A conjunction fails on one no, a disjunction holds by one yes, else what is unknown stays so."""
    for one, other in product((True, False, None), repeat=2):
        both = [one, other]
        assert every(one, other) is (False if False in both else None if None in both else True)
        assert some(one, other) is no(every(no(one), no(other)))
    assert (True, False, None) == (no(False), no(True), no(None))
    assert (True, False, None, False) == (reaches(5, 5), reaches(4, 5), reaches(None, 5), reaches(5, None))
