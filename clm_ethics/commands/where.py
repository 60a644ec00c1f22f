"""Which ledger a command is about: a file, with its keys and policy, or any storage by URL."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import UsageError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable
    from datetime import datetime

    from ..policy import Policy
    from ..steward import Steward

FILE = Path("clm-tour/shop.db")
"""Where a tour writes, and where the other commands look first."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare ``--file``, ``--url``, ``--policy`` and ``--keys``."""
    place = parser.add_mutually_exclusive_group()
    place.add_argument(
        "--file", type=Path, default=FILE, help="SQLite file of the ledger (default: %(default)s)"
    )
    place.add_argument("--url", help="storage URL, instead of --file")
    parser.add_argument("--policy", type=Path, help="policy document (default: the policy of the tour)")
    parser.add_argument("--keys", type=Path, help="key folder (default: beside the file, FILE.keys)")


def opened(arguments: argparse.Namespace) -> Steward:
    """Open what *arguments* name; nothing is ever created here.

    The customers of a tour live in the replayed year: for them it is the day that the tour has
    come to.

    Raises:
        UsageError: no such file, or a URL without ``--keys``.
    """
    if not arguments.url and not arguments.file.is_file():
        raise UsageError(
            "no such file", place=str(arguments.file), remedy="give --file, or run the tour first"
        )
    if arguments.url and not arguments.keys:
        raise UsageError("a URL says nothing about keys", place="--url", remedy="give --keys FOLDER")
    keys = arguments.keys or keys_of(arguments.file)
    if not keys.is_dir():
        raise UsageError("no such key folder", place=str(keys), remedy="give --keys FOLDER")
    from ..steward import Steward
    from ..tour.run import url
    from ..vault.keys import FileKeys

    return Steward.open(
        arguments.url or url(arguments.file),
        policy=_policy(arguments.policy),
        keys=FileKeys(keys),
        clock=_clock(arguments),
    )


def _clock(arguments: argparse.Namespace) -> Callable[[], datetime] | None:
    from ..tour import journal as journals

    journal = None if arguments.url else journals.load(arguments.file)
    if journal is None:
        return None
    now = journal.clock
    return lambda: now


def keys_of(file: Path) -> Path:
    """Return the key folder of a ledger *file*."""
    from ..tour.journal import keys_beside

    return keys_beside(file)


def _policy(path: Path | None) -> Policy:
    from ..policy import Policy
    from ..tour.run import policy

    return Policy.load(path) if path else policy()
