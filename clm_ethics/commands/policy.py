"""Work on policy documents: start one, check it, explain it."""

# Every action has a module of its own, made like a command: ``configure(parser)`` and
# ``run(arguments) -> int``.

from __future__ import annotations

from argparse import SUPPRESS
from typing import TYPE_CHECKING

from . import policy_check, policy_diff, policy_explain, policy_init, policy_prove, policy_schema

if TYPE_CHECKING:
    import argparse
    from types import ModuleType

ACTIONS: dict[str, ModuleType] = {
    "init": policy_init,
    "check": policy_check,
    "explain": policy_explain,
    "diff": policy_diff,
    "prove": policy_prove,
    "schema": policy_schema,
}
"""The actions by their name. A new one is a module and a line here."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the actions, each with its own arguments."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    for name, module in ACTIONS.items():
        text = (module.__doc__ or "").partition("\n")[0]
        action = actions.add_parser(name, help=text, description=module.__doc__)
        # the same switch as before the action; without a default, so that it does not undo it
        action.add_argument(
            "--json", action="store_true", default=SUPPRESS, help="print one JSON document instead of text"
        )
        module.configure(action)


def run(arguments: argparse.Namespace) -> int:
    """Run the action."""
    code: int = ACTIONS[arguments.action].run(arguments)
    return code
