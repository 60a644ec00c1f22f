"""Derived fields through the public face: their values are under the rules of what they came from."""

from __future__ import annotations

from typing import Any

import pytest

from clm_ethics import Denied, Policy, Steward

from .shop import Clock, Seeded

DOCUMENT: dict[str, Any] = {
    "format": 1,
    "controller": {
        "name": "Shop",
        "contact": "privacy@shop.example",
        "established": ["DE"],
        "audience": "adults",
    },
    "fields": {
        "visits": {"type": "list", "max": 20, "category": "user.behavior"},
        "tastes": {"type": "list", "max": 20, "category": "user.behavior"},
        "score": {"type": "number", "category": "user.behavior", "derived_from": ["visits", "tastes"]},
        "segment": {"type": "text", "category": "user.behavior", "derived_from": ["score"]},
    },
    "purposes": {
        "order": {
            "title": {"en": "Deliver"},
            "processing": ["essential"],
            "basis": "contract",
            "fields": ["visits"],
        },
        "advice": {
            "title": {"en": "Advise"},
            "processing": ["personalization"],
            "basis": "consent",
            "fields": ["tastes", "score"],
        },
        "stats": {
            "title": {"en": "Count"},
            "processing": ["analytics"],
            "basis": "legitimate_interest",
            "assessment": "A 7",
            "fields": ["visits", "score", "segment"],
        },
        "fraud": {
            "title": {"en": "Detect fraud"},
            "processing": ["analytics"],
            "basis": "legitimate_interest",
            "assessment": "A 8",
            "compatible_with": ["order", "advice", "stats"],
            "fields": ["score"],
        },
    },
}
POLICY = Policy.of(DOCUMENT)


@pytest.fixture
def shop():
    """A steward over an empty memory."""
    with Steward.memory(POLICY, clock=Clock(), random=Seeded()) as steward:
        yield steward.acting("web")


@pytest.fixture
def ana(shop):
    """A customer of whom a purchase is known, collected to deliver it."""
    return shop.enroll("c-1", {"visits": [{"page": 1}], "region": "DE"}, purpose="order")


def agreed(shop, ana):
    """Let her agree to advice."""
    ana.grant("advice", shown=shop.notice("advice").id)


def test_a_field_has_all_its_origins():
    """Over however many steps."""
    assert {"score", "visits", "tastes"} == POLICY.origins("segment")
    assert frozenset() == POLICY.origins("visits")


def test_nothing_is_derived_for_what_its_sources_do_not_serve(ana):
    """A score of visits that were collected to deliver may not be collected to count (Art. 5(1)(b))."""
    with pytest.raises(Denied) as caught:
        ana.put({"score": 0.5}, purpose="stats")

    assert "field.other_purpose" in str(caught.value)
    assert "field.absent" == ana.may("stats").withheld["score"].code


def test_nor_over_several_steps(ana):
    """A segment of a score of such visits neither."""
    with pytest.raises(Denied):
        ana.put({"segment": "often"}, purpose="stats")


def test_it_is_derived_for_what_its_sources_serve(ana):
    """Visits that were collected to count may be counted."""
    ana.put({"visits": [{"page": 2}]}, purpose="stats")
    ana.put({"score": 0.5}, purpose="stats")

    assert "score" in ana.may("stats").fields


def test_a_yes_lets_derive(shop, ana):
    """Who agreed to advice with a score agreed to its being computed."""
    agreed(shop, ana)
    ana.put({"score": 0.5}, purpose="advice")

    assert "score" in ana.may("advice").fields


def test_a_notice_does_not_widen_it(shop, ana):
    """A purpose in the notice gets the score only if what it was computed from serves it."""
    agreed(shop, ana)
    ana.put({"score": 0.5}, purpose="advice", shown=shop.notice("stats").id)

    assert "field.other_purpose" == ana.may("stats").withheld["score"].code


def test_what_came_from_consent_is_never_compatible(shop, ana):
    """A score for counting, of tastes given under consent, is not compatible with fraud detection."""
    agreed(shop, ana)
    ana.put({"tastes": ["tea"]}, purpose="advice", shown=shop.notice("stats").id)
    ana.put({"visits": [{"page": 2}]}, purpose="stats", shown=shop.notice("fraud").id)
    ana.put({"score": 0.5}, purpose="stats")

    assert "score" in ana.may("stats").fields
    assert "field.other_purpose" == ana.may("fraud").withheld["score"].code


def test_what_came_from_elsewhere_is_compatible(shop, ana):
    """Without the consented tastes it is, once she was told."""
    ana.put({"visits": [{"page": 2}]}, purpose="stats")
    ana.put({"score": 0.5}, purpose="stats")
    ana.put({"locale": "en"}, purpose="order", shown=shop.notice("fraud").id)

    assert "score" in ana.may("fraud").fields


def test_a_withdrawal_takes_what_was_derived_from_the_consented_data(shop, ana):
    """The score goes with the yes to the tastes that it came from, for whatever it was computed."""
    agreed(shop, ana)
    ana.put({"tastes": ["tea"]}, purpose="advice", shown=shop.notice("stats").id)
    ana.put({"visits": [{"page": 2}]}, purpose="stats")
    ana.put({"score": 0.5, "segment": "often"}, purpose="stats")
    ana.withdraw("advice")

    answer = ana.may("stats")
    assert {"score": "field.absent", "segment": "field.absent"} == {
        name: why.code for name, why in answer.withheld.items()
    }
    assert "visits" in answer.fields


def test_a_withdrawal_leaves_what_was_derived_from_other_data(shop, ana):
    """A score of what was never consented stays."""
    agreed(shop, ana)
    ana.put({"visits": [{"page": 2}]}, purpose="stats")
    ana.put({"score": 0.5}, purpose="stats")
    ana.withdraw("advice")

    assert "score" in ana.may("stats").fields
