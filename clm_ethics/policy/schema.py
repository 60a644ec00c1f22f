"""The JSON Schema of policy documents, for editors: made from the keys that the reader knows."""

from __future__ import annotations

from typing import Any

from .keys import TOP, table

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of a policy document, TOML or the same objects.

    It accepts every document that loads. Of those that do not load it refuses what a schema can
    tell: unknown keys, wrong types, words outside the vocabularies.
    """
    return {
        "$schema": DIALECT,
        "title": "Policy of clm_ethics",
        "description": "Which data may be used for what, on which legal basis, in which stage of life.",
        **table(TOP),
    }
