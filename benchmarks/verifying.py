"""Verifying a whole ledger, against fetching the same rows and hashing them; and its memory."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from clm_ethics import FileKeys, Steward
from clm_ethics.flows import act
from clm_ethics.ledger.record import CHAIN_LABEL, ENTRY_LABEL, PREFIX
from clm_ethics.model import Read
from clm_ethics.verbs.common import locate

from .measure import Row, Size, compare, count, folder, take_turns
from .shop import READ, READ_FOR, Shop, connect, make_shop
from .world import make_policy

if TYPE_CHECKING:
    import sqlite3

    from clm_ethics.flows import Book

PER_CUSTOMER = 100
"""Entries of one customer where the time is measured."""
AT_ONCE = 900
ROWS = "SELECT number, digest, body FROM clm_entry ORDER BY id, number"


def run(size: Size) -> list[Row]:
    """Compare the time of ``verify`` with a scan, and its memory over streams of two lengths."""
    with folder() as place:
        shop = make_shop(make_policy(), place, max(size.entries // PER_CUSTOMER, 2))
        _fill(shop, PER_CUSTOMER)
        rows = _time(shop, size)
    with folder() as place:
        rows.append(_memory(place, size))
    return rows


def _fill(shop: Shop, length: int) -> None:
    """Bring every customer's stream to *length* entries, and seal them."""
    with shop.open() as steward:
        setting = steward._setting  # noqa: SLF001

        def fill(book: Book) -> None:
            for _ in range(min(length - book.state.length, AT_ONCE)):
                said = Read(at=book.now(), by="web", policy=shop.policy.hash, purpose=READ_FOR, fields=READ)
                book.append(said)

        for ref in shop.refs:
            stream, _ = steward._run(locate(setting, ref))  # noqa: SLF001
            while steward._run(act(stream or b"", _length)) < length:  # noqa: SLF001
                steward._run(act(stream or b"", fill))  # noqa: SLF001
        steward.seal()


def _length(book: Book) -> int:
    return book.state.length


def _time(shop: Shop, size: Size) -> list[Row]:
    connection = connect(shop.path)
    entries, octets = connection.execute("SELECT count(*), sum(length(body)) FROM clm_entry").fetchone()
    with shop.open() as steward:
        steps = {
            "ours": lambda _: _sure(steward.ledger.verify()),
            "hash": lambda _: _hash(connection),
            "once": lambda _: _hash_once(connection),
        }
        taken = take_turns(steps, max(size.rounds // 3, 3))
    connection.close()
    note = f"{entries} entries of {octets // entries} bytes, {len(shop.refs)} customers; values opened too"
    return [
        compare(
            "verify / fetching the same rows and hashing them as the format does",
            taken["ours"],
            taken["hash"],
            must=2.0,
            note=note,
        ),
        compare(
            "verify / fetching the same rows and hashing each once", taken["ours"], taken["once"], note=note
        ),
    ]


def _sure(answer: object) -> None:
    assert answer


def _hash(connection: sqlite3.Connection) -> None:
    """Hash every row as an entry is hashed: the sealed part, the entry, the chain."""
    chain = bytes(32)
    for _number, _digest, body in connection.execute(ROWS):
        digest = sha256(ENTRY_LABEL + body[:PREFIX] + sha256(body[PREFIX:]).digest()).digest()
        chain = sha256(CHAIN_LABEL + chain + digest).digest()


def _hash_once(connection: sqlite3.Connection) -> None:
    chain = bytes(32)
    for _number, _digest, body in connection.execute(ROWS):
        chain = sha256(chain + body).digest()


def _memory(place: Path, size: Size) -> Row:
    """Verify one long stream and one a twentieth as long, each in a process of its own."""
    long = 1_000_000 if size.full else size.entries
    peaks = []
    for length in (long // 20, long):
        shop = make_shop(make_policy(), place, 1, f"stream-{length}")
        _fill(shop, length)
        code = f"from benchmarks.verifying import work; work({str(shop.path)!r}, {str(shop.folder)!r})"
        command = [sys.executable, "-c", code]
        root = Path(__file__).parent.parent
        done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
        peaks.append(json.loads(done.stdout))
    return Row(
        name="verify, peak memory: a stream / one of a twentieth",
        value=count(peaks[1] / peaks[0]),
        must=1.1,
        note=f"one customer, {long:,} entries against {long // 20:,}; whole process, peak resident size",
    )


def work(path: str, keys: str) -> None:
    """Verify a file, and print the peak of this process's memory."""
    with Steward.open(f"sqlite:///{path}", policy=make_policy(), keys=FileKeys(keys)) as steward:
        assert steward.ledger.verify()
    sys.stdout.write(str(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss))
