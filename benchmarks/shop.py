"""A shop in an SQLite file: the same customers for the library and for its rivals."""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from clm_ethics import FileKeys, Steward

from .world import ASKED, CONTRACTS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from clm_ethics import Policy
    from clm_ethics.storage import Entry, Head, Storage, Write

READ_FOR = "p04"
"""The purpose of every read: it rests on consent."""
READ = ("email", "name", "city", "points")
"""The four fields that are read, one value each."""


class Recording:
    """A storage that remembers what was committed, and counts the calls."""

    def __init__(self, inner: Storage) -> None:
        self.inner = inner
        self.writes: list[Write] = []
        self.commits = 0

    def load(self, streams: Sequence[bytes], /) -> Sequence[Head | None]:
        """Pass it on."""
        return self.inner.load(streams)

    def commit(self, writes: Sequence[Write], /) -> Sequence[bool]:
        """Remember it, and pass it on."""
        self.commits += 1
        self.writes += writes
        return self.inner.commit(writes)

    def entries(self, stream: bytes, /, *, after: int, limit: int) -> Sequence[Entry]:
        """Pass it on."""
        return self.inner.entries(stream, after=after, limit=limit)

    def find(
        self, token: bytes, /, *, until: int, after: tuple[int, bytes], limit: int
    ) -> Sequence[tuple[int, bytes]]:
        """Pass it on."""
        return self.inner.find(token, until=until, after=after, limit=limit)


class Shop(NamedTuple):
    """A file full of customers."""

    policy: Policy
    path: Path
    folder: Path
    refs: list[str]

    @property
    def keys(self) -> FileKeys:
        """The keys of the file."""
        return FileKeys(self.folder)

    @contextmanager
    def open(self, *, audit: str = "durable") -> Iterator[Steward]:
        """Open the file with the library."""
        with Steward.open(
            f"sqlite:///{self.path}", policy=self.policy, keys=self.keys, audit=audit
        ) as steward:
            yield steward


def make_shop(policy: Policy, folder: Path, customers: int, name: str = "shop") -> Shop:
    """Enrol *customers*, each with eight values and ten answers."""
    shop = Shop(policy, folder / f"{name}.db", folder / f"{name}-keys", [f"c-{n}" for n in range(customers)])
    with shop.open() as steward:
        notices = [steward.notice(purpose, locale="en").id for purpose in ASKED[:10]]
        for number, ref in enumerate(shop.refs):
            values = {
                "email": f"{ref}@shop.example", "phone": f"+49 30 {number:07}",
                "name": f"Ana the {number}th",
                "city": "Berlin", "points": number,
                "address": {"street": "Main Street", "number": str(number)},
                "region": "DE", "born": "1990-05-06",
            }  # fmt: skip
            ana = steward.enroll(ref, values, purpose=CONTRACTS[0], by="web")
            for purpose, notice in zip(ASKED[:10], notices, strict=True):
                ana.grant(purpose, shown=notice, by="web")
    return shop


def connect(path: Path) -> sqlite3.Connection:
    """Open a rival's file as durably as the library's: WAL, synchronous=FULL."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA wal_autocheckpoint = 2000")
    return connection
