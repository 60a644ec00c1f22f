"""The compiled policy: names, classes of fields, and what is worked out once."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clm_ethics.errors import UnknownName
from clm_ethics.model import fold
from clm_ethics.policy import Policy
from clm_ethics.policy.document import read_mapping
from clm_ethics.policy.lint import lint
from clm_ethics.policy.locate import locate
from clm_ethics.policy.visible import kept_until
from tests.policy.people import DOCUMENT, SHOP, shop
from tests.strategies import START, lives, policies

EXAMPLE = Path(__file__).with_name("shop.toml")


def test_a_file_and_its_text_are_one_policy():
    """Loaded or parsed, the policy and its hash are the same; it shows itself by the hash."""
    loaded = Policy.load(EXAMPLE)

    assert loaded.hash == Policy.parse(EXAMPLE.read_text("utf-8")).hash
    assert f"<Policy {loaded.hash[:12]}, 5 purposes>" == repr(loaded)


def test_another_document_is_another_policy():
    """The hash is of the content."""
    assert SHOP.hash == shop().hash
    assert SHOP.hash != shop(controller__audience="general").hash


@pytest.mark.parametrize("kind", ["purpose", "event", "channel"])
def test_unknown_names_are_refused_with_the_nearest(kind):
    """A misspelt name says what was meant."""
    known = {"purpose": "newsletter", "event": "ordered", "channel": "email"}[kind]

    assert known == getattr(SHOP, kind)(known).name
    with pytest.raises(UnknownName, match=f"no {kind} `{known}x`; did you mean `{known}`"):
        getattr(SHOP, kind)(f"{known}x")


def test_unknown_fields_are_refused():
    """The first of several that is no field is named."""
    SHOP.check_fields(["email", "born", "stage"])
    with pytest.raises(UnknownName, match="no field `mail`; did you mean `email`"):
        SHOP.check_fields(["email", "mail", "fon"])


def test_who_lists_a_field():
    """The purposes that list it, in their order; of what is no field, none."""
    assert ["account", "order", "newsletter"] == [each.name for each in SHOP.listing("email")]
    assert () == SHOP.listing("mail")
    assert () == SHOP.retentions("mail")


def test_a_field_is_special_by_descent():
    """What was computed from a special category is one, by whatever way (CJEU C-184/20)."""
    derived = {"type": "number", "category": "user.behavior"}
    fields = DOCUMENT["fields"] | {
        "a": derived | {"derived_from": ["allergies"]},
        "b": derived | {"derived_from": ["allergies"]},
        "c": derived | {"derived_from": ["a", "b", "tastes"]},
        "d": derived | {"derived_from": ["tastes"]},
    }
    policy = shop(fields=fields)

    assert {"allergies", "a", "b", "c"} == {name for name in fields if policy.special(name)}


def test_what_rests_on_consent_alone_and_what_moves_with_time():
    """Two sets that others ask for."""
    assert {"advice"} == SHOP.only_by_consent
    assert {"ordered"} == SHOP.timed_events


def test_contracts_end_apart():
    """Two purposes with the same span from the end of a contract do not end together."""
    same = {"for": "P30D", "from": "contract_end"}
    policy = shop(purposes__account__keep=same, purposes__order__keep=same)
    groups = [[each.name for each in group] for group in policy.retentions("email")]

    assert ["account"] in groups
    assert ["order"] in groups


@given(st.data())
def test_purposes_that_are_kept_together_end_together(data):
    """Grouping the retentions of a field loses no purpose, and groups only what always ends at once."""
    policy = data.draw(policies())
    state = fold(data.draw(lives(policy)))
    collected = START + timedelta(days=data.draw(st.integers(-400, 2000)))

    for name in sorted(policy.fields):
        groups = policy.retentions(name)
        assert sorted(each.name for group in groups for each in group) == sorted(
            each.name for each in policy.listing(name)
        )
        for group in groups:
            assert 1 == len({kept_until(each, state, collected) for each in group})


def test_compatibility_with_more_than_consent_is_no_finding():
    """The shop's figures are compatible with its orders, and the linter has nothing to say about it."""
    assert not [finding for finding in lint(SHOP.declared) if "compatible" in finding.place]


def test_text_that_is_no_document_has_no_lines():
    """Where the scanner does not find what it expects it says nothing rather than something wrong."""
    for text in ("a b", "[a", "[[a]", "a = ", "= 1"):
        assert {} == locate(text, {"a": 1})


def test_a_document_and_its_declaration():
    """What was declared stands in the compiled policy."""
    declared = read_mapping(
        DOCUMENT | {"purposes": {n: p | {"title": {"en": n}} for n, p in DOCUMENT["purposes"].items()}}
    )

    assert declared == SHOP.declared
