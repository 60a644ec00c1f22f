"""How far a tour has come: a small file beside the ledger, replaced whole after every week.

The ledger alone decides what happened. The journal only saves the work of telling again what
has been told, and keeps the figures. If a tour dies in the middle of a week, that week is told
again: every step carries its key, so nothing happens twice.
"""

from __future__ import annotations

import os
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from ..errors import UsageError
from .figures import Figures
from .timeline import WEEK

if TYPE_CHECKING:
    from pathlib import Path


WANTED = {
    "source": "another source",
    "seed": "another seed",
    "customers": "another number of customers",
    "fingerprint": "other transactions",
}
"""What must be the same when a tour goes on, and what it means if it is not."""


class Journal(msgspec.Struct, kw_only=True):
    """What was begun, how far it came, and what was counted.

    Attributes:
        source, fingerprint, seed, customers: what was begun; a tour goes on with the same only.
        weeks: how many weeks are told, swept and sealed.
        total: how many there are.
        until: the end of the last told week, or the beginning before the first (ISO, UTC).
        seconds: time spent so far, over all runs.
        runs: how many times it was started.
    """

    source: str
    fingerprint: str
    seed: int
    customers: int
    total: int
    until: str
    weeks: int = 0
    seconds: float = 0.0
    runs: int = 1
    figures: Figures = msgspec.field(default_factory=Figures)

    @property
    def finished(self) -> bool:
        """Every week is told."""
        return self.weeks >= self.total

    @property
    def clock(self) -> datetime:
        """The replayed time (aware UTC) before which everything in the ledger happened."""
        until = datetime.fromisoformat(self.until)
        return until if self.finished else until + WEEK


def beside(ledger: Path) -> Path:
    """Return where the journal of the *ledger* file lies."""
    return ledger.with_name(ledger.name + ".tour.json")


def keys_beside(ledger: Path) -> Path:
    """Return where a tour keeps the keys of the *ledger* file."""
    return ledger.with_name(ledger.name + ".keys")


def load(ledger: Path) -> Journal | None:
    """Return the journal of *ledger*, or ``None`` if no tour was begun there.

    Raises:
        UsageError: the file is not a journal.
    """
    path = beside(ledger)
    try:
        return msgspec.json.decode(path.read_bytes(), type=Journal)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError) as error:
        raise UsageError(
            "not the journal of a tour", place=str(path), remedy="give another --file"
        ) from error


def save(ledger: Path, journal: Journal) -> None:
    """Replace the journal of *ledger*: after a crash there is the old one or the new one."""
    path = beside(ledger)
    draft = path.with_name(path.name + ".draft")
    with draft.open("wb") as file:
        file.write(msgspec.json.format(msgspec.json.encode(journal), indent=1))
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def resume(ledger: Path, begun: Journal) -> Journal:
    """Return the journal to go on with: the stored one if it belongs to *begun*, else *begun*.

    Raises:
        UsageError: the file holds another tour, or something that is no tour.
    """
    stored = load(ledger)
    if stored is None:
        if ledger.exists():
            raise UsageError(
                "this file was not made by a tour, or its journal is lost",
                place=str(ledger),
                remedy="give another --file",
            )
        return begun
    for name, words in WANTED.items():
        if getattr(stored, name) != getattr(begun, name):
            raise UsageError(
                f"a tour with {words} was begun here ({getattr(stored, name)})",
                place=str(ledger),
                remedy="give the same --customers, --seed and --transactions, or another --file",
            )
    stored.runs += 1
    return stored
