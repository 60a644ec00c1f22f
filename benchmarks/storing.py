"""The storage adapters against bare drivers: appends, groups, loads, marks, from 10**4 customers up.

Both sides write the same bytes to the same tables with the same durability, in turns, in one run;
``storing_rivals`` says what the rival does, and what it leaves out.
"""

from __future__ import annotations

import gc
import random
import shutil
import subprocess
import sys
from contextlib import ExitStack, closing
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from clm_ethics.storage import FIRST, MAX_INT, Entry, Head, Mark, Write
from clm_ethics.storage.memory import MemoryStorage
from clm_ethics.storage.sqlite import SqliteStorage

from .measure import Row, Sample, Size, compare, count, folder, take_turns
from .storing_rivals import BareMemory, BareSqlite

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from clm_ethics.storage import Storage

    Commit = Callable[[list[Write]], Sequence[bool] | None]

STATE, VALUES, BODY = b"s" * 700, b"v" * 400, b"b" * 300
"""About what the head and an entry of a customer with few values have."""
TOKENS = tuple(b"token %d" % n for n in range(200))
FLAT = 1.5
"""How much slower a point operation may be with a hundred times the customers."""
WARM = 420
"""Commits until a log of 2,000 pages has been copied once and is overwritten from then on."""


class Rival(Protocol):
    """What is compared with a storage."""

    def commit(self, writes: Sequence[Write]) -> list[bool]:
        """Make *writes*, each conditionally, in one transaction."""

    def load(self, streams: Sequence[bytes]) -> list[Any]:
        """Fetch heads."""

    def find(self, token: bytes, limit: int) -> list[Any]:
        """Fetch the first page of marks."""


def stream(number: int) -> bytes:
    """Return the id of a customer: as good as random, so that neighbours are not neighbours."""
    return sha256(b"%d" % number).digest()[:16]


def first(number: int) -> Write:
    """Return the write that creates a customer: a head, two marks, one entry."""
    marks = (Mark(TOKENS[number % len(TOKENS)], number), Mark(b"reference %d" % number, 0))
    head = Head(1, 1, sha256(STATE).digest(), STATE, VALUES, marks)
    return Write(stream(number), 0, head, (Entry(1, head.digest, BODY),))


def fill(storage: Storage, customers: int) -> None:
    """Create *customers*."""
    for start in range(0, customers, 1000):
        storage.commit([first(number) for number in range(start, min(start + 1000, customers))])
    gc.freeze()  # what is there by now need not be looked through between turns


class Feed:
    """Draws appends to streams at random, each with the version that its stream has by then."""

    def __init__(self, customers: int) -> None:
        self.customers = customers
        self.draw = random.Random(customers)
        self.lengths: dict[bytes, int] = {}

    def streams(self, number: int) -> list[bytes]:
        """Draw *number* different streams."""
        return [stream(each) for each in self.draw.sample(range(self.customers), number)]

    def writes(self, number: int) -> list[Write]:
        """Draw one append to each of *number* streams: state and entry new, values and marks kept."""
        made = []
        for each in self.streams(number):
            length = self.lengths.get(each, 1)
            self.lengths[each] = length + 1
            head = Head(length + 1, length + 1, sha256(b"%d" % length).digest(), STATE, None, None)
            made.append(Write(each, length, head, (Entry(length + 1, head.digest, BODY),)))
        return made


class Pair(NamedTuple):
    """A filled storage, and its rival on the same rows."""

    what: str
    storage: Storage
    rival: Rival
    feed: Feed
    other: Mapping[str, Commit] = {}

    @property
    def name(self) -> str:
        """Which storage, and how many customers it has."""
        return f"{self.what}, {self.feed.customers:,}"

    @property
    def note(self) -> str:
        """How much is stored."""
        sizes = f"state {len(STATE)}, values {len(VALUES)}, entry {len(BODY)} bytes"
        return f"{self.feed.customers:,} customers; {sizes}"


class Bars(NamedTuple):
    """What may be lost to the bare driver; ``None``: for information."""

    append: float | None = None
    load: float | None = None


def run(size: Size) -> list[Row]:
    """Compare every adapter with its driver at every number of customers."""
    from .storing_postgresql import run as postgresql

    numbers = [*size.streams, *([1_000_000] if size.full else [])]
    try:
        return [*_memory(size, numbers), *_sqlite(size, numbers), *postgresql(size, numbers)]
    finally:
        gc.unfreeze()


def _memory(size: Size, numbers: Sequence[int]) -> list[Row]:
    rows = []
    for customers in numbers[:2]:
        storage = MemoryStorage()
        fill(storage, customers)
        rival = BareMemory([first(number) for number in range(customers)])
        rows += compare_all(Pair("memory", storage, rival, Feed(customers)), size, Bars())
    return rows


def _sqlite(size: Size, numbers: Sequence[int]) -> list[Row]:
    rows = []
    with folder() as place, ExitStack() as opened:
        pairs = []
        for customers in numbers:
            path = place / f"{customers}.db"
            with closing(SqliteStorage(path)) as storage:
                fill(storage, customers)
            shutil.copy(path, place / f"{customers} bare.db")
            rival = opened.enter_context(closing(BareSqlite(place / f"{customers} bare.db")))
            storage = opened.enter_context(closing(SqliteStorage(path)))
            pairs.append(Pair("sqlite", storage, rival, Feed(customers)))
            # A log that grows is slower than one that is overwritten: let both reach their full size.
            for _ in range(WARM if size.commits > 2 else 2):
                writes = pairs[-1].feed.writes(1)
                assert list(storage.commit(writes)) == rival.commit(writes) == [True]
            rows += _executemany(pairs[-1], rival, size)
            rows += compare_all(pairs[-1], size, Bars(append=1.3, load=1.5))
        return [*rows, *flat(pairs[0], pairs[-1], size), *_sqlite_syncs(place, size)]


# -- one pair -------------------------------------------------------------------------------------


def compare_all(pair: Pair, size: Size, bars: Bars) -> list[Row]:
    """Compare appends, groups, loads and a page of marks."""
    rows = []
    for group, must in ((1, bars.append), (10, None), (100, None)):
        subjects = {
            "ours": pair.storage.commit,
            "bare": pair.rival.commit,
            **(pair.other if group == 1 else {}),
        }
        taken = commits(subjects, pair.feed, group, size)
        said = f"{pair.name}: {group} append{'s' * (group > 1)} a commit / "
        for name in list(subjects)[1:]:
            what = "the same by hand" if name == "bare" else name
            rows.append(compare(said + what, taken["ours"], taken[name], must=must, note=pair.note))
    for group, must in ((1, bars.load), (100, None)):
        taken = loads({"ours": pair.storage.load, "bare": pair.rival.load}, pair.feed, group, size)
        name = f"{pair.name}: load of {group} / the same by hand"
        rows.append(compare(name, taken["ours"], taken["bare"], must=must, note=pair.note))
    tokens = TOKENS[: size.loops]

    def find(_: int) -> None:
        for token in tokens:
            pair.storage.find(token, until=MAX_INT, after=FIRST, limit=50)

    def by_hand(_: int) -> None:
        for token in tokens:
            pair.rival.find(token, 50)

    taken = take_turns({"ours": find, "bare": by_hand}, size.rounds)
    name = f"{pair.name}: find, a page of 50 / the same by hand"
    return [*rows, compare(name, taken["ours"], taken["bare"], note=pair.note)]


def commits(subjects: Mapping[str, Commit], feed: Feed, group: int, size: Size) -> dict[str, list[Sample]]:
    """Let each subject make the same calls of *group* writes, drawn before."""
    group, calls = min(group, feed.customers), max(1, size.commits // (4 if group > 10 else 1))
    drawn = [[feed.writes(group) for _ in range(calls)] for _ in range(size.rounds + 1)]

    def turns(commit: Commit) -> Callable[[int], None]:
        def turn(number: int) -> None:
            for writes in drawn[number + 1]:
                made = commit(writes)
                assert not made or all(made)  # who is refused is quick

        return turn

    return take_turns({name: turns(commit) for name, commit in subjects.items()}, size.rounds)


def loads(
    subjects: dict[str, Callable[[list[bytes]], object]], feed: Feed, group: int, size: Size
) -> dict[str, list[Sample]]:
    """Let each subject load the same streams."""
    group = min(group, feed.customers)
    drawn = [feed.streams(group) for _ in range(max(1, size.loops // group))]

    def turns(load: Callable[[list[bytes]], object]) -> Callable[[int], None]:
        def turn(_: int) -> None:
            for streams in drawn:
                load(streams)

        return turn

    return take_turns({name: turns(load) for name, load in subjects.items()}, size.rounds)


def _executemany(pair: Pair, rival: BareSqlite, size: Size) -> list[Row]:
    taken = commits({"ours": pair.storage.commit, "bare": rival.commit_many}, pair.feed, 100, size)
    name = f"{pair.name}: 100 appends a commit / executemany of the same rows"
    return [compare(name, taken["ours"], taken["bare"], must=2.5, note=f"{pair.note}; no outcome for each")]


def flat(small: Pair, large: Pair, size: Size) -> list[Row]:
    """Compare point operations on the most customers with the same on the fewest; rivals stay behind."""
    drawn = {
        name: [[pair.feed.writes(1) for _ in range(size.commits)] for _ in range(size.rounds + 1)]
        for name, pair in (("small", small), ("large", large))
    }
    loads = {
        name: [pair.feed.streams(1) for _ in range(size.loops)]
        for name, pair in (("small", small), ("large", large))
    }

    def commit(name: str, pair: Pair) -> Callable[[int], None]:
        def work(turn: int) -> None:
            for each in drawn[name][turn + 1]:
                assert list(pair.storage.commit(each)) == [True]

        return work

    def load(name: str, pair: Pair) -> Callable[[int], None]:
        return lambda _: [pair.storage.load(each) for each in loads[name]] and None

    rows = []
    for what, work in (("append", commit), ("load", load)):
        taken = take_turns({"small": work("small", small), "large": work("large", large)}, size.rounds)
        name = f"{small.what}: one {what}, {large.feed.customers:,} customers / {small.feed.customers:,}"
        rows.append(compare(name, taken["large"], taken["small"], must=FLAT, note="random customers"))
    return rows


# -- syncs ------------------------------------------------------------------------------------------


def _sqlite_syncs(place: Path, size: Size) -> list[Row]:
    """Count the syncs of commits with strace: those of many less those of none."""
    if shutil.which("strace") is None:
        return []
    rows = []
    calls = size.commits * 5
    for group in (1, 100) if size.commits > 2 else (1,):
        none, many = (_traced(place, group, each) for each in (0, calls))
        if none is None or many is None:
            return rows
        name = f"sqlite: syncs of one commit of {group}"
        note = f"strace, fsync and fdatasync, {calls} commits; the copying of the log is among them"
        rows.append(
            Row(name=name, value=count((many - none) / calls), must=1.0 if group == 1 else None, note=note)
        )
    return rows


def _traced(place: Path, group: int, calls: int) -> int | None:
    """Make commits in a process of their own and count its syncs; ``None``: not allowed to trace."""
    path, out = place / "traced.db", place / "trace"
    code = f"from benchmarks.storing import work; work({str(path)!r}, {group}, {calls})"
    strace = ["strace", "-f", "-qq", "-e", "trace=fsync,fdatasync", "-o", str(out)]
    done = subprocess.run(
        [*strace, sys.executable, "-c", code],
        cwd=Path(__file__).parent.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    path.unlink(missing_ok=True)
    if done.returncode:
        if "ptrace" in done.stderr.lower():
            return None
        raise RuntimeError(done.stderr[-2000:])
    return sum("sync(" in line for line in out.read_text(encoding="utf-8").splitlines())


def work(path: str, group: int, calls: int) -> None:
    """Create streams, make twenty commits (the log is grown then), and *calls* more of *group* writes."""
    with closing(SqliteStorage(path)) as storage:
        fill(storage, group)
        feed = Feed(group)
        for _ in range(20):
            storage.commit(feed.writes(1))
        for _ in range(calls):
            storage.commit(feed.writes(group))
