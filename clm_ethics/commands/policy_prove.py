"""Prove what holds in every situation under a policy, or show one in which it does not.

The exit code is 1 if a property is refuted.
"""

from __future__ import annotations

from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import UnknownName, UsageError
from .output import NO, YES, Progress, say, show
from .policy_check import text_of
from .words import moment

if TYPE_CHECKING:
    import argparse

    from ..policy.prove import Property


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("file", type=Path, metavar="FILE", help="policy document")
    parser.add_argument("--at", type=moment, help="from which day on (default: today)")
    parser.add_argument(
        "--property", action="append", default=[], metavar="NAME", help="only this one; may be repeated"
    )
    parser.add_argument("--purpose", action="append", default=[], metavar="NAME", help="likewise")
    parser.add_argument(
        "--region", action="append", default=[], help="customers may live there too, such as US-NY"
    )
    parser.add_argument(
        "--also",
        action="append",
        default=[],
        metavar="MODULE",
        help="a module of yours with PROPERTIES, which is imported",
    )


def run(arguments: argparse.Namespace) -> int:
    """Prove, and print what holds."""
    from ..policy import Policy
    from ..policy.prove import prove

    policy = Policy.parse(text_of(arguments.file), name=str(arguments.file))
    progress = Progress()
    proof = prove(
        policy,
        at=arguments.at or datetime.now(UTC),
        properties=_properties(arguments.property, arguments.also),
        purposes=arguments.purpose or None,
        regions=arguments.region,
        progress=progress,
    )
    progress.done()
    if arguments.json:
        show(proof.document())
    else:
        say(proof.explain())
    return YES if proof else NO


def _properties(names: list[str], modules: list[str]) -> list[Property]:
    from ..policy.prove import PROPERTIES

    known = {each.name: each for each in (*PROPERTIES, *(mine for name in modules for mine in _of(name)))}
    for name in names:
        if name not in known:
            raise UnknownName.among("property", name, known)
    return [each for name, each in known.items() if not names or name in names]


def _of(module: str) -> tuple[Property, ...]:
    from ..policy.prove import Property

    try:
        found = tuple(import_module(module).PROPERTIES)
    except ImportError:
        raise UsageError(
            "no such module", place=module, remedy="name one that Python can import from here"
        ) from None
    except (AttributeError, TypeError):
        found = ()
    if not found or not all(isinstance(each, Property) for each in found):
        raise UsageError(
            "the module declares no properties",
            place=module,
            remedy="write PROPERTIES = (Property(name, says, check), ...) in it",
        )
    return found
