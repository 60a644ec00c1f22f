"""Taking turns, ratios with their spread, and the facts without which a ratio says nothing."""

from __future__ import annotations

import gc
import os
import platform
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterator

Work = Callable[[int], object]
"""One turn: does its operations; told the number of the round."""


@attrs.frozen(kw_only=True)
class Size:
    """How much is measured.

    Attributes:
        rounds: turns of each subject.
        loops: operations per turn where nothing waits for the disk.
        commits: durable operations per turn.
        customers: customers in a file.
        entries: entries of a ledger that is verified.
        streams: customers in the storages that are compared, from few to many.
        starts: processes started for one import.
        full: also what takes minutes.
    """

    rounds: int = 15
    loops: int = 256
    commits: int = 20
    customers: int = 400
    entries: int = 50_000
    streams: tuple[int, ...] = (10_000, 100_000)
    starts: int = 15
    full: bool = False


TINY = Size(rounds=3, loops=8, commits=2, customers=6, entries=300, streams=(100, 110), starts=3)
"""Enough to see that everything runs."""


class Sample(NamedTuple):
    """What one turn took, in seconds: on the wall, and of the processor by all threads."""

    wall: float
    cpu: float


class Spread(NamedTuple):
    """The median and the 10th and 90th percentile."""

    median: float
    p10: float
    p90: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Summarise *values*."""
        ordered = sorted(values)
        last = len(ordered) - 1
        return cls(statistics.median(ordered), ordered[round(last * 0.1)], ordered[round(last * 0.9)])

    def __str__(self) -> str:
        return f"{self.median:.2f} ({self.p10:.2f}..{self.p90:.2f})"


@attrs.frozen(kw_only=True)
class Row:
    """One line of the report: a ratio or a count, and what it should be.

    Attributes:
        name: what was compared with what.
        value: the ratio on the wall, or a count.
        cpu: the ratio of processor time, where that was taken.
        must: the bar; ``None``: for information.
        stretch: the better bar.
        note: sizes and counts.
    """

    name: str
    value: Spread
    cpu: Spread | None = None
    must: float | None = None
    stretch: float | None = None
    note: str = ""

    @property
    def verdict(self) -> str:
        """``stretch``, ``must``, ``missed``, or nothing without a bar."""
        if self.must is None:
            return ""
        if self.stretch is not None and self.value.median <= self.stretch:
            return "stretch"
        return "must" if self.value.median <= self.must else "missed"


def count(value: float) -> Spread:
    """Return an exact count as a spread of one value."""
    return Spread(value, value, value)


def take_turns(
    subjects: Mapping[str, Work], rounds: int, after: Callable[[], object] | None = None
) -> dict[str, list[Sample]]:
    """Let every subject have *rounds* turns, one after the other, each round in another order.

    One turn more goes before and is not counted; *after* is called after each turn, and not
    counted either.
    """
    taken: dict[str, list[Sample]] = {name: [] for name in subjects}
    names = list(subjects)
    for turn in range(-1, rounds):
        first = turn % len(names)
        for name in names[first:] + names[:first]:
            gc.collect()
            cpu, wall = time.process_time(), time.perf_counter()
            subjects[name](turn)
            sample = Sample(time.perf_counter() - wall, time.process_time() - cpu)
            if after is not None:
                after()
            if turn >= 0:
                taken[name].append(sample)
    return taken


def compare(
    name: str,
    ours: Sequence[Sample],
    rival: Sequence[Sample],
    *,
    must: float | None = None,
    stretch: float | None = None,
    note: str = "",
    per: float = 1.0,
) -> Row:
    """Return the ratio of *ours* to *rival*, round by round, divided by *per*."""
    pairs = list(zip(ours, rival, strict=True))
    return Row(
        name=name,
        value=Spread.of([mine.wall / other.wall / per for mine, other in pairs]),
        cpu=Spread.of([mine.cpu / max(other.cpu, 1e-6) / per for mine, other in pairs]),
        must=must,
        stretch=stretch,
        note=note,
    )


@contextmanager
def folder() -> Iterator[Path]:
    """Make a folder for files, and remove it; ``TMPDIR`` says on which disk."""
    with tempfile.TemporaryDirectory(prefix="clm-benchmark-") as path:
        yield Path(path)


def facts() -> dict[str, str]:
    """Return what a reader needs to know of the machine, and nothing that names it."""
    with folder() as path:
        system = _file_system(path)
    return {
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "sqlite": sqlite3.sqlite_version,
        "system": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "load": ", ".join(f"{each:.1f}" for each in os.getloadavg()) if hasattr(os, "getloadavg") else "?",
        "file system": system,
        "durability": "WAL, synchronous=FULL, on both sides",
    }


def _file_system(path: Path) -> str:
    """Return the type of the file system under *path*, where the system tells it."""
    mounts = Path("/proc/mounts")
    if not mounts.exists():
        return "unknown"
    best, kind = "", "unknown"
    for line in mounts.read_text(encoding="utf-8").splitlines():
        _, where, each, *_ = line.split(" ")
        if path.resolve().is_relative_to(where) and len(where) > len(best):
            best, kind = where, each
    return kind
