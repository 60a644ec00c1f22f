"""What somebody would write by hand for one database: the same tables, rows, conditions and durability.

A rival is handed the library's writes and reads and makes them with as few statements as the
contract allows: the head changes only if its version is the expected one, the entry is appended
with it in one transaction, and the outcome is told. It checks nothing of what it is given, keeps
no marks in step (the measured writes keep theirs), translates no error and belongs to one thread.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.types.numeric import Int8

from clm_ethics.storage.sqlite_file import CACHE_KIB

from .shop import connect

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from clm_ethics.storage import Head, Write

    Heads = dict[bytes, Any]


def head_of(write: Write) -> Head:
    """Return the head of a write that has one."""
    assert write.head is not None
    return write.head


class BareMemory:
    """Dictionaries without a lock."""

    def __init__(self, writes: Sequence[Write]) -> None:
        self.heads = {write.stream: head_of(write) for write in writes}
        self.stories = {write.stream: list(write.entries) for write in writes}
        self.marks: dict[bytes, list[tuple[int, bytes]]] = {}
        for write in writes:
            for token, at in head_of(write).marks or ():
                self.marks.setdefault(token, []).append((at, write.stream))

    def commit(self, writes: Sequence[Write]) -> list[bool]:
        """Replace the heads and append the entries."""
        made = []
        for write in writes:
            stored, new = self.heads[write.stream], head_of(write)
            made.append(stored.version == write.expected)
            if made[-1]:
                self.heads[write.stream] = new._replace(values=stored.values, marks=stored.marks)
                self.stories[write.stream] += write.entries
        return made

    def load(self, streams: Sequence[bytes]) -> list[Any]:
        """Look the heads up."""
        return [self.heads.get(stream) for stream in streams]

    def find(self, token: bytes, limit: int) -> list[Any]:
        """Return one page of marks, from a list that is kept sorted."""
        return self.marks.get(token, [])[:limit]


_CHANGE = "UPDATE clm_head SET version = ?, length = ?, digest = ?, state = ? WHERE id = ? AND version = ?"
_APPEND = "INSERT INTO clm_entry (id, number, digest, body) VALUES (?, ?, ?, ?)"
_FETCH = (
    "SELECT h.stream, h.version, h.length, h.digest, h.state, v.data, h.marks FROM clm_head h"
    " JOIN clm_value v ON v.id = h.id WHERE h.stream "
)


class BareSqlite:
    """``sqlite3`` on a copy of the adapter's file, as durable and as thorough in overwriting.

    It knows the row of each stream beforehand.
    """

    def __init__(self, path: Path) -> None:
        self.connection = connect(path)
        self.connection.execute("PRAGMA secure_delete = ON")
        self.connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")  # as much memory as the adapter may use
        self.ids = dict(self.connection.execute("SELECT stream, id FROM clm_head").fetchall())

    def commit(self, writes: Sequence[Write]) -> list[bool]:
        """Make the writes one by one, in one transaction: two statements for each."""
        execute = self.connection.execute
        made = []
        execute("BEGIN IMMEDIATE")
        for stream, expected, head, entries, _ in writes:
            assert head is not None
            identity = self.ids[stream]
            row = (head.version, head.length, head.digest, head.state, identity, expected)
            made.append(execute(_CHANGE, row).rowcount == 1)
            for entry in entries if made[-1] else ():
                execute(_APPEND, (identity, *entry))
        execute("COMMIT")
        return made

    def commit_many(self, writes: Sequence[Write]) -> None:
        """Make all writes or none, with ``executemany``: no outcome for each."""
        self.connection.execute("BEGIN IMMEDIATE")
        changed = self.connection.executemany(
            _CHANGE,
            [
                (head.version, head.length, head.digest, head.state, self.ids[stream], expected)
                for stream, expected, head, _, _ in writes
                if head is not None
            ],
        ).rowcount
        assert changed == len(writes)
        self.connection.executemany(
            _APPEND,
            [(self.ids[write.stream], *entry) for write in writes for entry in write.entries],
        )
        self.connection.execute("COMMIT")

    def load(self, streams: Sequence[bytes]) -> list[Any]:
        """Fetch the rows of *streams* with one statement."""
        if len(streams) == 1:
            return [self.connection.execute(_FETCH + "= ?", streams).fetchone()]
        asked = ", ".join("?" * len(streams))
        rows = self.connection.execute(f"{_FETCH}IN ({asked})", streams).fetchall()
        found = {row[0]: row for row in rows}
        return [found.get(stream) for stream in streams]

    def find(self, token: bytes, limit: int) -> list[Any]:
        """Fetch one page of marks."""
        return self.connection.execute(
            "SELECT at, stream FROM clm_mark WHERE token = ? ORDER BY at, stream LIMIT ?", (token, limit)
        ).fetchall()

    def close(self) -> None:
        """Close the file."""
        self.connection.close()


_ADVANCE = (
    "WITH made AS (UPDATE {s}.head SET version = %(version)s, length = %(length)s, digest = %(digest)s,"
    " state = %(state)s WHERE stream = %(stream)s AND version = %(expected)s RETURNING stream),"
    " appended AS (INSERT INTO {s}.entry (stream, number, digest, body)"
    " SELECT stream, %(number)s, %(link)s, %(body)s FROM made) SELECT 1 FROM made"
)
_PLAIN = (
    "INSERT INTO {s}.plain (stream, version, length, digest, state, number, link, body) VALUES"
    " (%(stream)s, %(version)s, %(length)s, %(digest)s, %(state)s, %(number)s, %(link)s, %(body)s)"
)
_LOAD = "SELECT stream, version, length, digest, state, data, tokens, instants FROM {s}.head WHERE stream "
_FIND = "SELECT at, stream FROM {s}.mark WHERE token = %s ORDER BY token, at, stream LIMIT %s"


class BarePostgres:
    """psycopg on tables of its own, made by the same statements; prepared, binary, one connection.

    A write is one statement and one round trip, several are one pipeline: what the contract asks
    cannot be had for less.
    """

    def __init__(self, address: str, schema: str) -> None:
        self.connection = psycopg.connect(address, autocommit=True, prepare_threshold=0)
        self.connection.execute("SET plan_cache_mode = force_generic_plan")
        texts = (_ADVANCE, _PLAIN, _LOAD + "= %s", _LOAD + "= ANY(%b)", _FIND)
        self.advance, self.plain, self.one, self.many, self.page = (
            text.replace("{s}", schema).encode() for text in texts
        )

    def commit(self, writes: Sequence[Write]) -> list[bool]:
        """Make the writes, each conditionally."""
        if len(writes) == 1:
            return [bool(self._fetch(self.advance, _values(writes[0])))]
        with self.connection.transaction(), self.connection.pipeline():
            cursors = [self.connection.execute(self.advance, _values(each), binary=True) for each in writes]
        return [bool(each.fetchall()) for each in cursors]

    def insert(self, writes: Sequence[Write]) -> None:
        """Insert the bytes of a write as one row of a plain table, without a condition, and commit."""
        self.connection.execute(self.plain, _values(writes[0]))

    def load(self, streams: Sequence[bytes]) -> list[Any]:
        """Fetch the rows of *streams*."""
        if len(streams) == 1:
            rows = self._fetch(self.one, (streams[0],))
        else:
            rows = self._fetch(self.many, ([*streams],))
        found = {row[0]: row for row in rows}
        return [found.get(stream) for stream in streams]

    def find(self, token: bytes, limit: int) -> list[Any]:
        """Fetch one page of marks."""
        return self._fetch(self.page, (token, limit))

    def close(self) -> None:
        """Close the connection."""
        self.connection.close()

    def _fetch(self, text: bytes, values: Any) -> list[Any]:
        return self.connection.execute(text, values, binary=True).fetchall()


def _values(write: Write) -> dict[str, Any]:
    head = head_of(write)
    [entry] = write.entries
    return {
        "stream": write.stream,
        "expected": Int8(write.expected),
        "version": Int8(head.version),
        "length": Int8(head.length),
        "digest": head.digest,
        "state": head.state,
        "number": Int8(entry.index),
        "link": entry.digest,
        "body": entry.body,
    }
