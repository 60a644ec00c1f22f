"""Findings that need the law: purposes that no law of the markets lets be, and bases it never accepts."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings

from clm_ethics.policy import Policy
from clm_ethics.policy.examine import examine
from clm_ethics.policy.law import lint_law
from tests import strategies

AT = datetime(2026, 3, 3, tzinfo=UTC)


def policy(markets: tuple[str, ...] = ("DE", "US-CA"), audience: str = "adults", **purpose: Any) -> Policy:
    """Return a policy with one purpose, a newsletter by e-mail unless something else is said."""
    news = {
        "title": {"en": "Write to you"},
        "processing": ["direct_marketing"],
        "basis": "consent",
        "channels": ["email"],
        "fields": ["email", "phone"],
        "law": "some law",
        "assessment": "assessment 7",
    }
    return Policy.of(
        {
            "format": 1,
            "controller": {
                "name": "Example Shop",
                "contact": "privacy@example.org",
                "established": [markets[0]],
                "markets": list(markets),
                "audience": audience,
            },
            "fields": {
                "email": {"type": "text", "category": "user.contact.email"},
                "phone": {"type": "text", "category": "user.contact.phone_number"},
            },
            "purposes": {"news": news | purpose},
            "channels": {"email": {"address": "email"}, "sms": {"address": "phone"}},
        }
    )


def found(
    *, markets: tuple[str, ...] = ("DE", "US-CA"), audience: str = "adults", **purpose: Any
) -> dict[str, tuple[str, str]]:
    """Return the findings, by place."""
    return {
        each.place: (each.text, each.remedy) for each in lint_law(policy(markets, audience, **purpose), AT)
    }


def test_what_the_laws_allow_has_no_findings() -> None:
    """A newsletter that asks first is fine in the markets."""
    assert {} == found()


def test_a_purpose_that_no_law_of_the_markets_allows() -> None:
    """E-mail under a balancing test is lawful nowhere in the Union, and the remedy says what would be."""
    text, remedy = found(markets=("PT", "FI"), basis="legitimate_interest")["purposes.news.channels[0]"]

    assert text.startswith("it is never allowed anywhere in the markets: the law asks for consent")
    assert "claim consent or soft_opt_in" in remedy


def test_a_purpose_that_one_law_forbids() -> None:
    """Only the regions in which it fails are named, and the pack whose claim would have to change."""
    places = found(markets=("US-CA", "US-NY"), channels=["sms"], basis="opt_out")
    text, remedy = places["purposes.news.channels[0]"]

    assert "47 CFR 64.1200" in text
    assert 'basis_under = { us-tcpa = ["consent"] }' in remedy


def test_the_remedy_of_a_finding_removes_it() -> None:
    """With the proposed claim under that law nothing is found."""
    under = {"us-tcpa": ["consent"]}

    assert {} == found(markets=("US-CA",), channels=["sms"], basis="opt_out", basis_under=under)


def test_a_market_without_a_law() -> None:
    """Where no pack speaks of it, it is denied, and that is said once."""
    places = found(markets=("AQ", "BV"))

    assert {"controller.markets[0]", "controller.markets[1]", "purposes.news.channels[0]"} == places.keys()
    assert "AQ, BV" in places["purposes.news.channels[0]"][0]


def test_a_market_whose_own_law_nobody_wrote_down() -> None:
    """The law of the establishment follows there, and the local one is missing."""
    places = found(markets=("DE", "AQ"))

    assert {"controller.markets[1]"} == places.keys()
    assert "no pack has the law of `AQ`" in places["controller.markets[1]"][0]


@pytest.mark.parametrize(
    ("purpose", "place", "says"),
    [
        ({"basis": ["consent", "opt_out"]}, "purposes.news.basis[1]", "no law of the markets accepts"),
        (
            {"processing": ["essential"], "basis": ["legal_obligation", "consent"], "channels": []},
            "purposes.news.basis[1]",
            "never claimed",
        ),
        (
            {"basis_under": {"eu-eprivacy": ["consent", "public_task"]}},
            "purposes.news.basis_under.eu-eprivacy[1]",
            "no law of the markets accepts",
        ),
        ({"basis_under": {"GB": ["opt_out"]}}, "purposes.news.basis_under.GB", "no law of `GB`"),
    ],
)
def test_a_dead_alternative(purpose: dict[str, Any], place: str, says: str) -> None:
    """A basis that is never claimed, or under which no law ever says yes, is found at its place."""
    places = found(markets=("DE", "AT"), **purpose)

    assert says in places[place][0]


def test_a_policy_for_children_is_asked_about_a_child() -> None:
    """What only adults may be asked is found where the audience is children (Cal. Civ. Code 1798.120(c))."""
    sale = {"processing": "sale_sharing", "basis": "opt_out", "channels": [], "shared_with": ["a broker"]}

    assert {} == found(markets=("US-CA",), **sale)
    assert {"purposes.news.basis"} == found(markets=("US-CA",), audience="children", **sale).keys()


def test_a_guardians_yes_is_a_yes() -> None:
    """A purpose for children that asks for consent is fine: a guardian gives it (Art. 8(1) GDPR)."""
    assert {} == found(audience="children", processing="personalization", channels=[])


def test_direct_marketing_without_a_channel_is_said_once() -> None:
    """Without a channel there is no law to ask; the other findings say so."""
    assert {} == found(channels=[])


def test_examine_gives_every_finding_its_line() -> None:
    """A finding about an item of a list stands at that item's line."""
    text = """format = 1
[controller]
name = "Shop"
contact = "x@example.org"
established = ["DE"]
[fields]
phone = { type = "text", category = "user.contact.phone_number" }
[purposes.news]
title = { en = "News" }
processing = "direct_marketing"
basis = "consent"
fields = ["phone"]
channels = [
  "sms",
  "phone",
]
keep = { for = "P30D", from = "withdrawal" }
basis_under = { US = "opt_out" }
[channels]
sms = { address = "phone" }
phone = {}
"""
    found = examine(text, name="p.toml", at=AT)

    assert () == found.errors
    assert [("p.toml", 18, "purposes.news.basis_under.US"), ("p.toml", 21, "channels.phone")] == [
        (each.file, each.line, each.place) for each in found.findings
    ]


@settings(max_examples=40)
@given(strategies.policies())
def test_every_finding_about_any_policy_has_its_line(made: Policy) -> None:
    """Whatever a policy declares, it can be examined, and what is found stands at a line of its text."""
    text = made.to_toml()
    lines = text.splitlines()

    found = examine(text, name="policy.toml", at=AT)

    assert made == found.policy
    for each in found.findings:
        assert each.line is not None
        assert 1 <= each.line <= len(lines)
        assert each.remedy
