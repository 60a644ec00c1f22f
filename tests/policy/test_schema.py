"""The JSON Schema of policies: it takes what loads, and refuses what a schema can tell."""

from __future__ import annotations

import ast
import inspect
import json
import tomllib
from copy import deepcopy
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings

from clm_ethics.errors import PolicyError
from clm_ethics.policy import keys, sections
from clm_ethics.policy.document import read_mapping
from clm_ethics.policy.schema import json_schema
from clm_ethics.policy.templates import template, templates
from tests import strategies
from tests.policy import test_generated

EXAMPLE = tomllib.loads(Path(__file__).with_name("shop.toml").read_text("utf-8"))
SCHEMA = json_schema()
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
GONE = object()


def faults(document: Any) -> list[str]:
    """Return what the schema has against *document*."""
    return [error.message for error in VALIDATOR.iter_errors(document)]


def changed(path: str, value: Any) -> dict[str, Any]:
    """Return the shop's policy with one value changed, or taken out."""
    document = deepcopy(EXAMPLE)
    *way, last = path.split(".")
    here: Any = document
    for part in way:
        here = here[int(part) if part.isdigit() else part]
    if value is GONE:
        del here[last]
    else:
        here[last] = value
    return document


def test_the_schema_is_one() -> None:
    """It is a valid schema of its dialect, and plain JSON."""
    jsonschema.Draft202012Validator.check_schema(SCHEMA)

    assert SCHEMA == json.loads(json.dumps(SCHEMA))


def test_every_key_has_a_description() -> None:
    """Editors show what a key is: a sentence for each."""
    assert [] == [name for table in keys.TABLES for name, key in table.items() if not key.text.endswith(".")]


def test_the_schema_has_the_keys_of_the_reader() -> None:
    """What the reader knows and what the schema knows are the same tables."""
    calls = [node for node in ast.walk(ast.parse(inspect.getsource(sections))) if isinstance(node, ast.Call)]
    known = {
        frozenset(argument.value for argument in call.args if isinstance(argument, ast.Constant))
        for call in calls
        if isinstance(call.func, ast.Attribute)
        and call.func.attr == "only"
        and all(isinstance(argument, ast.Constant) for argument in call.args)
    }
    known |= {frozenset(sections.TOP), frozenset(sections._PURPOSE_KEYS), frozenset(sections._FACT_KEYS)}

    assert known == {frozenset(table) for table in keys.TABLES}


@pytest.mark.parametrize("name", templates())
def test_the_templates_are_valid(name: str) -> None:
    """What `policy init` writes passes an editor's check."""
    assert [] == faults(tomllib.loads(template(name)))


def test_the_shop_is_valid() -> None:
    """So does the shop of these tests."""
    assert [] == faults(EXAMPLE)


@settings(max_examples=60)
@given(test_generated.policies())
def test_what_loads_is_valid(document: dict[str, Any]) -> None:
    """The schema never refuses a document that the reader takes."""
    read_mapping(document)

    assert [] == faults(document)


@settings(max_examples=40)
@given(strategies.documents())
def test_what_loads_is_valid_for_dense_policies_too(document: dict[str, Any]) -> None:
    """Nor one that is drawn to use every basis, channel and retention."""
    assert [] == faults(document)


WRONG: dict[str, Any] = {
    "format": 2,
    "colour": "red",
    "controller": GONE,
    "controller.name": " ",
    "controller.established": [],
    "controller.markets": ["EU"],
    "controller.audience": "everybody",
    "controller.locales": ["english!"],
    "controller.facts": {"employes": 12},
    "audit.keep": "3 years",
    "fields.email.type": "string",
    "fields.email.category": "user.email",
    "fields.email.max": 3,
    "fields.purchases.max": GONE,
    "fields.tastes.max": 0,
    "fields.email.lookup": "soundex",
    "fields.Email": {"type": "text", "category": "user"},
    "events.complaint.mutes": {"marketing": "P1D"},
    "events.order_placed.appends": {"purchases": []},
    "purposes": {},
    "purposes.order.title": GONE,
    "purposes.order.basis": "contracts",
    "purposes.order.basis_under": {"EU": "consent"},
    "purposes.order.processing": "email_marketing",
    "purposes.order.sale": "yes",
    "purposes.order.fields": ["email", "email"],
    "purposes.order.keep": {"for": "P3Y"},
    "purposes.order.confidential": {"law": "GwG s. 47"},
    "purposes.recommendations.coarse": {"born": "century"},
    "lifecycle.moves.0.after": "P1D",
    "lifecycle.moves.1.after": GONE,
    "lifecycle.moves.1.when": {"field": "churn", "least": 1},
    "lifecycle.moves": [{"from": "prospect", "to": "customer", "when": {"field": "churn"}}],
    "channels.email.caps": [{"max": 1}],
    "channels.sms.quiet": {"from": "20:00", "to": "24:00"},
    "channels.telegraph": {},
}


@pytest.mark.parametrize("path", WRONG)
def test_what_a_schema_can_tell_is_refused(path: str) -> None:
    """One change, and both the reader and the schema refuse the document."""
    document = changed(path, WRONG[path])

    with pytest.raises(PolicyError):
        read_mapping(document)
    assert faults(document)
