"""Say what changes between two policies: wording, narrowing, widening; and who must be asked again.

The exit code is 1 if something widens, or somebody must be asked again.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from .output import NO, YES, say, show
from .policy_check import text_of

if TYPE_CHECKING:
    import argparse


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("old", type=Path, metavar="OLD", help="policy in force")
    parser.add_argument("new", type=Path, metavar="NEW", help="candidate")


def run(arguments: argparse.Namespace) -> int:
    """Compare, and print the changes."""
    from ..policy import Policy
    from ..policy.diff import diff

    old, new = (Policy.parse(text_of(path), name=str(path)) for path in (arguments.old, arguments.new))
    found = diff(old, new)
    if arguments.json:
        show(found.document())
    else:
        say(found.explain())
    return NO if found.widens or found.asked_again else YES
