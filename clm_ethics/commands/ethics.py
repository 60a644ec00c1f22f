"""Look at the ethics of a policy and its offers before anybody is contacted.

``ethics check POLICY [OFFERS]`` prints findings: the rule, the place, and what to do. The exit code is
1 if a rule will withhold something whomever it is for (with --strict: if anything was found at all).
"""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import UsageError
from .output import NO, YES, say, show
from .words import moment

if TYPE_CHECKING:
    from ..ethics import Finding


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    text = "print findings about a policy, its journey and its offers"
    check = actions.add_parser("check", help=text, description=__doc__)
    check.add_argument(
        "--json",
        action="store_true",
        default=argparse.SUPPRESS,
        help="print one JSON document instead of text",
    )
    check.add_argument("policy", type=Path, help="policy document (TOML)")
    check.add_argument("offers", type=Path, nargs="?", help="document of offers and prompts (TOML)")
    check.add_argument("--at", type=moment, help="the day to check for (default: now)")
    check.add_argument("--strict", action="store_true", help="exit code 1 for any finding")


def run(arguments: argparse.Namespace) -> int:
    """Check, and print what was found."""
    from ..ethics.document import Offered, read_offers
    from ..ethics.review import review
    from ..policy import Policy

    policy = Policy.load(arguments.policy)
    path = arguments.offers
    offered = read_offers(_text(path), name=path.name) if path else Offered((), {})
    at = arguments.at or datetime.now(UTC)
    found = review(policy, offered.offers, at=at, prompts=offered.prompts)
    blocking = [each for each in found if each.blocks]
    if arguments.json:
        show({"blocked": len(blocking), "findings": [each._asdict() for each in found]})
    else:
        say(*lines(found))
    return NO if blocking or (arguments.strict and found) else YES


def lines(found: tuple[Finding, ...]) -> list[str]:
    """Return findings as lines: what will be withheld, then what somebody should look at."""
    if not found:
        return ["nothing found"]
    told = []
    for title, wanted in (("will be withheld", True), ("to look at", False)):
        part = [each for each in found if each.blocks is wanted]
        told += [title] * bool(part)
        for each in part:
            told += [f"  {each.rule}  {each.place}: {each.text}", f"      {each.remedy}"]
    return told


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError("the offers cannot be read", place=str(path), remedy="give a TOML file") from error
