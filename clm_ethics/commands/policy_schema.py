"""Print the JSON Schema of policy documents, by which an editor completes and checks them.

Save it, and name it in the first line of the policy: #:schema ./policy.schema.json
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .output import YES, show

if TYPE_CHECKING:
    import argparse


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments: there are none."""


def run(arguments: argparse.Namespace) -> int:  # noqa: ARG001  (every action has one)
    """Print the schema; it is JSON with or without --json."""
    from ..policy.schema import json_schema

    show(json_schema())
    return YES
