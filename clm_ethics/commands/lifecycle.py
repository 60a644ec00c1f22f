"""Draw the lifecycle of a policy, or print a default journey to start from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ..lifecycle.diagram import FORMS
from ..policy import Policy
from ..policy.journeys import JOURNEYS, journey
from .output import YES, say, show

if TYPE_CHECKING:
    import argparse


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parts = parser.add_subparsers(dest="part", required=True, metavar="WHAT")
    diagram = parts.add_parser("diagram", help="draw the stages and moves of a policy")
    diagram.add_argument("policy", type=Path, help="a policy's TOML file")
    diagram.add_argument("--form", choices=FORMS, default=FORMS[0], help="default: %(default)s")
    start = parts.add_parser("journey", help="print a policy with a default journey")
    start.add_argument(
        "name", choices=sorted(JOURNEYS), help="; ".join(f"{n}: {t}" for n, t in JOURNEYS.items())
    )


def run(arguments: argparse.Namespace) -> int:
    """Print the drawing, or the policy."""
    if arguments.part == "journey":
        text, about = journey(arguments.name), {"journey": arguments.name}
    else:
        text = Policy.load(arguments.policy).lifecycle.diagram(arguments.form)
        about = {"form": arguments.form}
    if arguments.json:
        show({**about, "text": text})
    else:
        say(text.rstrip("\n"))
    return YES
