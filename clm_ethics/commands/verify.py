"""Check a ledger: every entry, every seal, every checkpoint.

Prints what is wrong, or "verified" with what was looked at. The exit code is 1 if anything is
wrong.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import where
from .output import NO, YES, say, show

if TYPE_CHECKING:
    import argparse


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    where.configure(parser)


def run(arguments: argparse.Namespace) -> int:
    """Verify, and say what is wrong."""
    from ..tour.run import checked

    with where.opened(arguments) as shop:
        found = shop.ledger.verify()
    if arguments.json:
        faults = [
            {"kind": fault.kind, "stream": fault.stream.hex(), "index": fault.index, "text": fault.text}
            for fault in found.faults
        ]
        document = {"verified": bool(found), "faults": faults, "checked": checked(found)}
        show(document | {"unchecked": found.unchecked})
    else:
        say(found.explain())
    return YES if found else NO
