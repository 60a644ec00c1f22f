"""An offer is checked when it is built."""

from __future__ import annotations

import pytest

from clm_ethics.errors import UsageError
from clm_ethics.ethics import Level, Offer


def test_names_come_in_any_iterable():
    """Lists, sets and tuples of fields mean the same."""
    assert Offer("x", purpose="p", uses={"a", "b"}) == Offer("x", purpose="p", uses=["b", "a"])


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": ""},
        {"name": "a\nb"},
        {"name": "x" * 101},
        {"purpose": " "},
        {"uses": "email"},
        {"uses": {7}},
        {"segment": "email"},
        {"value": float("nan")},
        {"value": float("inf")},
        {"value": "high"},
        {"value": True},
        {"pressure": "shouting"},
        {"contextual": False},
    ],
)
def test_what_is_no_offer_is_refused(wrong):
    """A name, value or statement of the wrong form is an error of the call."""
    with pytest.raises(UsageError):
        Offer(**{"name": "x", "purpose": "p"} | wrong)


def test_what_it_wants_on_each_level():
    """A stage that an offer is for counts among the data that it uses."""
    offer = Offer("x", purpose="p", uses={"a"}, segment={"b"}, stages={"s"})

    assert {"a", "stage"} == offer.wanted(Level.INDIVIDUAL)
    assert {"b", "stage"} == offer.wanted(Level.SEGMENT)
    assert set() == offer.wanted(Level.CONTEXTUAL)
    assert {"a", "b", "stage"} == offer.fields
    assert {"stage"} == Offer("x", purpose="p", stages={"s"}).wanted(Level.SEGMENT)
    assert set() == Offer("x", purpose="p", stages={"s"}).wanted(Level.INDIVIDUAL)


@pytest.mark.parametrize(
    ("stated", "said"),
    [
        ({}, {"pressure": "none", "personal_price": "no"}),
        ({"pressure": "deadline"}, {"pressure": "deadline, unsaid", "personal_price": "no"}),
        ({"pressure": "streak", "pressure_true": True}, {"pressure": "streak, true", "personal_price": "no"}),
        (
            {"pressure": "streak", "pressure_true": False},
            {"pressure": "streak, false", "personal_price": "no"},
        ),
        ({"personal_price": True}, {"pressure": "none", "personal_price": "undisclosed"}),
        ({"personal_price": True, "disclosed": True}, {"pressure": "none", "personal_price": "disclosed"}),
    ],
)
def test_a_missing_statement_is_a_statement(stated, said):
    """What a host does not say is written down as its "none"."""
    assert said | {"other": "none"} == Offer("x", purpose="p", **stated).stated
