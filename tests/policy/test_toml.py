"""A policy written as TOML and read again is the same policy."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from clm_ethics.policy import Policy
from clm_ethics.policy.templates import template, templates
from clm_ethics.policy.toml import dumps
from tests import strategies
from tests.policy import test_generated

SHOP = Path(__file__).with_name("shop.toml")
VALUES = st.recursive(
    st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.text(), VALUES, max_size=4))
@example({"a b": '\x7f\x00"\\\n\u2028', "": {}, "é": [[], [{"x.y": -0.0}]]})
def test_any_table_is_written_so_that_it_is_read_the_same(document: dict[str, Any]) -> None:
    """Keys and values of every kind come back, whatever characters they have."""
    assert document == tomllib.loads(dumps(document))


@settings(max_examples=60)
@given(test_generated.policies())
def test_a_policy_comes_back(document: dict[str, Any]) -> None:
    """Policy to TOML to policy: equal, with the same hash, in the same order."""
    policy = Policy.of(document)
    again = Policy.parse(policy.to_toml())

    assert policy == again
    assert hash(policy) == hash(again)
    assert policy.hash == again.hash
    assert policy.declared == again.declared
    assert list(policy.purposes) == list(again.purposes)
    assert policy.to_toml() == again.to_toml()


@settings(max_examples=40)
@given(strategies.policies())
def test_a_dense_policy_comes_back(policy: Policy) -> None:
    """So does one that is drawn to use every basis, channel and retention; by mapping as well."""
    assert policy == Policy.parse(policy.to_toml())
    assert policy == Policy.of(policy.document)


@pytest.mark.parametrize("text", [SHOP.read_text("utf-8"), *map(template, templates())])
def test_documents_written_by_hand_come_back(text: str) -> None:
    """The shop of these tests and the templates, whose comments are lost."""
    policy = Policy.parse(text)

    assert policy == Policy.parse(policy.to_toml())


def test_it_is_laid_out_for_readers() -> None:
    """Names keep their order, keys have that of the manual, and each move has a line of its own."""
    text = Policy.load(SHOP).to_toml()
    email = 'email = { type = "text", category = "user.contact.email", lookup = "email" }'
    move = '  { from = ["prospect", "at_risk"], to = "customer", on = "order_placed" },'

    assert text.startswith('format = 1\naudit = { keep = "P3Y" }\n\n[controller]\nname = "Example Shop"\n')
    assert f"\n[fields]\n{email}\n" in text
    assert f"\nmoves = [\n{move}\n" in text
    assert text.index("[purposes.account]") < text.index("[purposes.order]") < text.index("[lifecycle]")


def test_policies_differ_by_what_they_declare() -> None:
    """Another title makes another policy, and something else is no policy at all."""
    policy = Policy.load(SHOP)
    document = policy.document
    document["purposes"]["account"]["title"]["en"] = "Run it"

    assert policy != Policy.of(document)
    assert policy != policy.hash


@pytest.mark.parametrize("least", [0.7, 1.0, -3, 1e20, 1e300, 2**53 - 1])
def test_a_number_comes_back_however_large(least: float) -> None:
    """The canonical form writes 1e20 as an integer, beyond what a policy's integers may be."""
    document = Policy.load(SHOP).document
    move = {"from": ["customer"], "to": "churned", "when": {"field": "churn", "least": least}}
    document["lifecycle"]["moves"].append(move)
    policy = Policy.of(document)

    assert policy == Policy.parse(policy.to_toml())
    assert policy == Policy.of(policy.document)
    assert policy.lifecycle == Policy.parse(policy.to_toml()).lifecycle
