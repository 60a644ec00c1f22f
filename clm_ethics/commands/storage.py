"""Try, check and move storages.

Each verb has its own help: ``storage VERB --help``.
"""

from __future__ import annotations

import argparse
from typing import Final

from . import storage_check, storage_conform, storage_copy, storage_create

VERBS: Final = {
    "check": storage_check,
    "conform": storage_conform,
    "copy": storage_copy,
    "create": storage_create,
}


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the verbs, each with the arguments that its module declares."""
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    for name, module in VERBS.items():
        text = (module.__doc__ or "").partition("\n")[0]
        verb = verbs.add_parser(name, help=text, description=module.__doc__)
        verb.add_argument(
            "--json",
            action="store_true",
            default=argparse.SUPPRESS,  # what stands before the verb counts too
            help="print one JSON document instead of text",
        )
        module.configure(verb)


def run(arguments: argparse.Namespace) -> int:
    """Do what the verb says."""
    code: int = VERBS[arguments.verb].run(arguments)
    return code
