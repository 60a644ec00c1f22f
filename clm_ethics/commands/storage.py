"""Look after a storage: check it, copy it into another.

``storage PART --help`` says what each part does.
"""

from __future__ import annotations

import argparse

from . import storage_check, storage_copy

PARTS = {"check": storage_check, "copy": storage_copy}
"""Each is a module with ``configure`` and ``run``, as a command is."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the parts, each with its own arguments."""
    parts = parser.add_subparsers(dest="part", required=True, metavar="PART")
    for name, module in PARTS.items():
        text = (module.__doc__ or "").partition("\n")[0]
        part = parts.add_parser(name, help=text, description=module.__doc__)
        # without a default of its own: `storage --json check` is right too
        help_text = "print one JSON document instead of text"
        part.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help=help_text)
        module.configure(part)


def run(arguments: argparse.Namespace) -> int:
    """Run the part that was called."""
    code: int = PARTS[arguments.part].run(arguments)
    return code
