"""Report on fairness and trust: who is offered what, what loyalty costs, how a yes and a no are served.

Everything is computed from the ledger. No number of a few people is printed. A field that makes groups
is read for a purpose, and those reads stand in the ledger; without --group nothing is written.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from . import where
from .output import NO, YES, Progress, say, show
from .words import moment, positive

if TYPE_CHECKING:
    import argparse

    from ..transparency.trust import TrustReport

STEP = 1000
"""How many customers lie between two lines of progress."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    where.configure(parser)
    parser.add_argument("--since", type=moment, help="the day from which on to look (default: the beginning)")
    parser.add_argument("--group", metavar="FIELD", help="compare groups by this field; needs --purpose")
    parser.add_argument("--purpose", help="the purpose for which the group is read")
    parser.add_argument("--by", default="report", help="who reads it (default: %(default)s)")
    parser.add_argument("-k", type=positive, help="fewest people of whom a number is told (default: 10)")
    parser.add_argument("--html", type=Path, metavar="FILE", help="also write a page with plots")


def run(arguments: argparse.Namespace) -> int:
    """Print the report; 1 if there is something that somebody should look at."""
    progress = Progress()
    shown = 0

    def told(count: int) -> None:
        nonlocal shown
        if count >= shown + STEP:
            shown = count
            progress(f"{count:,} customers")

    with where.opened(arguments) as shop:
        more = {} if arguments.k is None else {"k": arguments.k}
        found = shop.report(
            since=arguments.since,
            group=arguments.group,
            purpose=arguments.purpose,
            by=arguments.by,
            progress=told,
            **more,
        )
    progress.done()
    _write(found, arguments.html)
    if arguments.json:
        show(found.document())
    else:
        say(found.explain())
    return NO if found.findings else YES


def _write(found: TrustReport, path: Path | None) -> None:
    if path is not None:
        path.write_text(found.html(), encoding="utf-8")
