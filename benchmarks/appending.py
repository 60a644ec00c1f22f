"""One durable append through the steward, against a bare durable insert of the same rows."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from clm_ethics import FileKeys, Policy, Steward
from clm_ethics.storage.sqlite import SqliteStorage, _pack
from clm_ethics.transparency.notice import render

from .measure import Row, Size, compare, count, folder, take_turns
from .shop import READ, READ_FOR, Recording, Shop, connect, make_shop
from .world import ASKED, make_policy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clm_ethics.storage import Write

Verb = Callable[[Steward, str], object]

MUST, STRETCH = 1.3, 1.1
WARM = 420
"""Commits until a log of 2,000 pages has been copied once and is overwritten from then on."""


@lru_cache(maxsize=8)
def _shown(policy: Policy) -> str:
    """Render the notice once: a form that was rendered before sends its id back."""
    return render(policy, ASKED[:1], "en").id


def _grant(steward: Steward, ref: str) -> object:
    return steward.customer(ref).grant(ASKED[0], shown=_shown(steward.policy), by="web")


VERBS: dict[str, Verb] = {
    "record (no value)": lambda steward, ref: steward.customer(ref).record(
        "visit", {}, purpose="p02", by="web"
    ),
    "record (an item)": lambda steward, ref: steward.customer(ref).record(
        "order", {"sku": "tea", "amount": "19.90"}, purpose="p01", by="till"
    ),
    "grant": _grant,
    "read, audited": lambda steward, ref: steward.customer(ref).read(READ_FOR, by="web", fields=READ),
}


class Bare:
    """The same rows into the same tables with bare ``sqlite3``: one transaction, one sync."""

    def __init__(self, path: Path) -> None:
        self.connection = connect(path)
        self.ids = dict(self.connection.execute("SELECT stream, id FROM clm_head").fetchall())

    def insert(self, write: Write) -> None:
        """Insert what the library wrote: head, entries, and marks and values where they changed."""
        head, identity = write.head, self.ids[write.stream]
        assert head is not None
        execute = self.connection.execute
        execute("BEGIN IMMEDIATE")
        marks = None if head.marks is None else _pack(head.marks)
        execute(
            "UPDATE clm_head SET version = ?, length = ?, digest = ?, state = ?, marks = coalesce(?, marks)"
            " WHERE id = ?",
            (head.version, head.length, head.digest, head.state, marks, identity),
        )
        for entry in write.entries:
            execute(
                "INSERT INTO clm_entry (id, number, digest, body) VALUES (?, ?, ?, ?)", (identity, *entry)
            )
        if head.values is not None:
            execute("UPDATE clm_value SET data = ? WHERE id = ?", (head.values, identity))
        execute("COMMIT")


def run(size: Size) -> list[Row]:
    """Compare each verb with a replay of exactly the writes that it makes."""
    with folder() as place:
        shop = make_shop(make_policy(), place, size.customers)
        rows = []
        for number, (name, verb) in enumerate(VERBS.items()):
            rows.append(_compare(shop, place / str(number), name, verb, size))
        return [*rows, *_syncs(shop, place, size)]


def _compare(shop: Shop, place: Path, name: str, verb: Verb, size: Size) -> Row:
    place.mkdir()
    ours, twin, bare = (_copy(shop, place, each) for each in ("ours", "twin", "bare"))
    warm = WARM if size.commits > 2 else 2
    order = [shop.refs[number % len(shop.refs)] for number in range(warm + size.commits * (size.rounds + 1))]
    writes = _record(shop, twin, verb, order)
    rival = Bare(bare)
    for write in writes[:warm]:
        rival.insert(write)
    with Steward.open(f"sqlite:///{ours}", policy=shop.policy, keys=shop.keys) as steward:
        for ref in order[:warm]:
            verb(steward, ref)

        def through(turn: int) -> None:
            start = warm + (turn + 1) * size.commits
            for ref in order[start : start + size.commits]:
                verb(steward, ref)

        def insert(turn: int) -> None:
            start = warm + (turn + 1) * size.commits
            for write in writes[start : start + size.commits]:
                rival.insert(write)

        taken = take_turns({"ours": through, "bare": insert}, size.rounds)
    rival.connection.close()
    waits = 1 - sum(each.cpu for each in taken["bare"]) / sum(each.wall for each in taken["bare"])
    body = len(writes[-1].entries[0].body or b"")
    state = 0 if writes[-1].head is None else len(writes[-1].head.state or b"")
    return compare(
        f"{name}, one durable append / bare insert of the same rows",
        taken["ours"],
        taken["bare"],
        must=MUST,
        stretch=STRETCH,
        note=f"{size.commits} commits a turn; entry {body} bytes, state {state}; both logs grown before;"
        f" the bare insert waits for the disk {waits:.0%} of its time",
    )


def _copy(shop: Shop, place: Path, name: str) -> Path:
    target = place / f"{name}.db"
    shutil.copy(shop.path, target)
    return target


def _record(shop: Shop, path: Path, verb: Verb, order: Sequence[str]) -> list[Write]:
    """Make the same appends on a twin of the file, and return one write for each."""
    storage = SqliteStorage(path)
    recording = Recording(storage)
    with Steward.open(recording, policy=shop.policy, keys=shop.keys) as steward:
        recording.writes.clear()
        for ref in order:
            verb(steward, ref)
        writes = list(recording.writes)
    storage.close()
    if len(writes) != len(order):
        raise AssertionError(f"{len(writes)} writes for {len(order)} appends")
    return writes


# -- counting syncs -----------------------------------------------------------------------------


def _syncs(shop: Shop, place: Path, size: Size) -> list[Row]:
    """Count the syncs of appends with strace: those of many less those of none."""
    rows: list[Row] = []
    if shutil.which("strace") is None:
        return rows
    appends = size.commits * 5
    for name in ("record (no value)", "grant", "read, audited"):
        counted = [_traced(shop, place, name, each) for each in (0, appends)]
        if None in counted:
            return rows
        none, many = (each or 0 for each in counted)
        rows.append(
            Row(
                name=f"{name}: syncs of one durable append",
                value=count((many - none) / appends),
                must=1.0,
                stretch=1.0,
                note=f"strace, fsync and fdatasync, {appends} appends",
            )
        )
    return rows


def _traced(shop: Shop, place: Path, name: str, appends: int) -> int | None:
    """Run *appends* appends in a process of their own and count its syncs; ``None``: not allowed to trace."""
    copy = _copy(shop, place, "traced")
    out = place / "trace"
    arguments = f"{str(copy)!r}, {str(shop.folder)!r}, {name!r}, {appends}"
    code = f"from benchmarks.appending import work; work({arguments})"
    strace = ["strace", "-f", "-qq", "-e", "trace=fsync,fdatasync", "-o", str(out)]
    command = [*strace, sys.executable, "-c", code]
    done = subprocess.run(
        command, cwd=Path(__file__).parent.parent, capture_output=True, text=True, check=False
    )
    copy.unlink()
    if done.returncode:
        if "ptrace" in done.stderr.lower() or "PTRACE" in done.stderr:
            return None
        raise RuntimeError(done.stderr[-2000:])
    return sum("sync(" in line for line in out.read_text(encoding="utf-8").splitlines())


def work(path: str, keys: str, name: str, appends: int) -> None:
    """Open a file, make twenty appends (the log is grown then), and *appends* more."""
    with Steward.open(f"sqlite:///{path}", policy=make_policy(), keys=FileKeys(keys)) as steward:
        for _ in range(20 + appends):
            VERBS[name](steward, "c-0")
