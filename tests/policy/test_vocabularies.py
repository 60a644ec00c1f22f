"""The closed vocabularies against their sources: Fideslang's keys, and terms for every word."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from fideslang.default_taxonomy import DEFAULT_TAXONOMY

from clm_ethics.model.state import BUILT_IN
from clm_ethics.policy import Basis, Policy, dpv
from clm_ethics.policy.vocabulary import CATEGORIES, PROCESSING, SPECIAL, special

SHOP = Policy.load(Path(__file__).with_name("shop.toml"))
TERM = re.compile(r"(dpv|pd):[A-Z][A-Za-z]+")
FIDESLANG = {category.fides_key: category for category in DEFAULT_TAXONOMY.data_category}


def test_every_category_of_fideslang_is_known() -> None:
    """The released taxonomy is complete here; what is here beside it is newer."""
    assert set() == FIDESLANG.keys() - CATEGORIES


def test_every_category_hangs_below_one() -> None:
    """The parent of each category is one, as Fideslang has it."""
    assert [] == [name for name in CATEGORIES if "." in name and name.rpartition(".")[0] not in CATEGORIES]
    assert [] == [
        key for key, category in FIDESLANG.items() if (category.parent_key or "") != key.rpartition(".")[0]
    ]


def test_special_categories_are_categories() -> None:
    """No special category is spelt as nobody may spell it."""
    assert set() == SPECIAL.keys() - CATEGORIES


@pytest.mark.parametrize("category", sorted(CATEGORIES))
def test_every_category_has_a_term(category: str) -> None:
    """The export names each category, and says of each special one that it is special."""
    terms = dpv.data_terms(category)

    assert all(TERM.fullmatch(term) for term in terms)
    assert special(category) == (dpv.SPECIAL_TERM in terms)


def test_no_term_belongs_to_an_unknown_word() -> None:
    """The tables name what a policy can say, and all of it."""
    assert set() == dpv.DATA.keys() - CATEGORIES
    assert set(PROCESSING) == dpv.PURPOSES.keys()
    assert set(Basis) == dpv.BASES.keys()
    assert {*BUILT_IN, "stage"} == dpv._BUILT_IN.keys()


def test_a_term_has_an_address() -> None:
    """A prefixed term is short for an address."""
    assert "https://w3id.org/dpv/pd#EmailAddress" == dpv.iri("pd:EmailAddress")


def test_a_purpose_as_a_process() -> None:
    """The newsletter of the shop: what for, on which bases, with which data."""
    found = dpv.process(SHOP.declared, SHOP.purpose("newsletter"))

    assert [{"@id": "dpv:DirectMarketing"}] == found["dpv:hasPurpose"]
    assert [{"@id": "dpv:Consent"}, {"@id": "dpv:LegitimateInterest"}, {"@id": "dpv:LegalBasis"}] == found[
        "dpv:hasLegalBasis"
    ]
    assert {"@id": "pd:EmailAddress"} in found["dpv:hasPersonalData"]  # type: ignore[operator]


def test_what_a_law_obliges_is_compliance() -> None:
    """A purpose that only a legal obligation carries is not a service that somebody asked for."""
    assert ("dpv:LegalCompliance",) == dpv.purpose_terms(SHOP.purpose("invoicing"))


def test_special_data_is_named_as_such_by_descent_too() -> None:
    """A score computed from a special field makes the process one with special data."""
    policy = Policy.of(
        {
            "format": 1,
            "controller": {"name": "S", "contact": "s@example.org", "established": ["DE"]},
            "fields": {
                "allergies": {"type": "text", "category": "user.health_and_medical"},
                "score": {"type": "number", "category": "user.behavior", "derived_from": ["allergies"]},
            },
            "purposes": {
                "advice": {
                    "title": {"en": "Advise"},
                    "processing": ["personalization", "automated_decision"],
                    "basis": "consent",
                    "fields": ["score"],
                    "explicit": ["score"],
                    "shared_with": ["a doctor"],
                }
            },
        }
    )
    found = dpv.process(policy.declared, policy.purpose("advice"))

    assert [{"@id": "pd:Behavioral"}, {"@id": dpv.SPECIAL_TERM}] == found["dpv:hasPersonalData"]
    assert [{"@id": "dpv:AutomatedDecisionMaking"}] == found["dpv:hasContext"]
    assert ["a doctor"] == found["dpv:hasRecipient"]
