"""The command line, one module per command.

A command module has ``configure(parser)``, which declares its arguments, and
``run(arguments) -> int``, which does it. What they print goes through ``output``. Exit codes: 0
for yes, 1 for no or found faults, 2 for a wrong call.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from . import ethics, explain, lifecycle, policy, report, storage, tour, verify
from .output import guarded

if TYPE_CHECKING:
    from collections.abc import Sequence

COMMANDS = {
    "tour": tour,
    "explain": explain,
    "ethics": ethics,
    "report": report,
    "verify": verify,
    "policy": policy,
    "lifecycle": lifecycle,
    "storage": storage,
}


def main(words: Sequence[str] | None = None) -> int:
    """Run the command that *words* (by default the process's arguments) call; return the exit code."""
    arguments = _parser().parse_args(words)
    return guarded(COMMANDS[arguments.command].run, arguments)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m clm_ethics",
        description="Customer lifecycle management that asks first.",
        epilog="Exit codes: 0 yes, 1 no or faults found, 2 wrong call.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, module in COMMANDS.items():
        text = (module.__doc__ or "").partition("\n")[0]
        command = commands.add_parser(name, help=text, description=module.__doc__)
        command.add_argument("--json", action="store_true", help="print one JSON document instead of text")
        module.configure(command)
    return parser
