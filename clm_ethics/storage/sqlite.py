"""The storage contract on one SQLite file: durable, one sync a call, any number of processes.

One connection and one lock serve all threads of a process: a call takes microseconds, and
SQLite has one writer at a time in any case. Between processes SQLite's own locks arbitrate.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Final

from clm_ethics.errors import StorageCorrupt, StorageError, StorageUnavailable, UsageError
from clm_ethics.storage.contract import (
    MAX_CALL,
    MAX_INT,
    Entry,
    Head,
    Mark,
    check_page,
    check_scan,
    check_token,
    check_writes,
)
from clm_ethics.storage.sqlite_file import (
    NOTHING_COMMITTED,
    SCHEMA,
    code_of,
    connect,
    grow_log,
    translate,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from clm_ethics.storage.contract import Finding, JoinedStorage, Write

    Execute = Callable[[str, tuple[Any, ...]], sqlite3.Cursor]

_CHUNK: Final = 50
_HEAD: Final = (
    "SELECT h.version, h.length, h.digest, h.state, v.data, h.marks, h.stream"
    " FROM clm_head h LEFT JOIN clm_value v ON v.id = h.id WHERE h.stream "
)
_LOAD: Final = _HEAD + "= ?"
_LOAD_CHUNK: Final = _HEAD + f"IN ({', '.join('?' * _CHUNK)})"
_STORED: Final = "SELECT id, version, length, marks FROM clm_head WHERE stream = ?"
_ADVANCE: Final = (
    "UPDATE clm_head SET version = ?, length = ?, digest = ?, state = coalesce(?, state),"
    " marks = coalesce(?, marks) WHERE id = ?"
)
_CREATE: Final = (
    "INSERT INTO clm_head (stream, version, length, digest, marks, state)"
    " VALUES (?, ?, ?, ?, ?, ?) RETURNING id"
)
_PUT: Final = (
    "INSERT INTO clm_value (id, data) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET data = excluded.data"
)
_APPEND: Final = "INSERT INTO clm_entry (id, number, digest, body) VALUES (?, ?, ?, ?)"
_FORGET: Final = "UPDATE clm_entry SET body = NULL WHERE id = ? AND number = ?"
_MARK: Final = "INSERT INTO clm_mark (token, at, stream) VALUES (?, ?, ?)"
_UNMARK: Final = "DELETE FROM clm_mark WHERE token = ? AND at = ? AND stream = ?"
_ENTRIES: Final = (
    "SELECT number, digest, body FROM clm_entry WHERE id = (SELECT id FROM clm_head WHERE stream = ?)"
    " AND number > ? ORDER BY number LIMIT ?"
)
_FIND: Final = (
    "SELECT at, stream FROM clm_mark WHERE token = ? AND at <= ? AND (at, stream) > (?, ?)"
    " ORDER BY at, stream LIMIT ?"
)
_SCAN: Final = "SELECT stream, version FROM clm_head WHERE stream > ? ORDER BY stream LIMIT ?"
_UNREACHED: Final = (
    "not reached: backups and copies of the file, snapshots, and blocks that the file system"
    " or the disk has given up without overwriting them"
)
_BODY: Final = (bytes, type(None))
_as_tuple: Final = tuple.__new__
"""Makes a named tuple of a row at a third of its constructor's cost: ledgers are read entry by entry."""
_GROW_AT: Final = 16
"""The commit of a connection at which the log is given its full size: a short visit does without."""


class SqliteStorage:
    """A :class:`~clm_ethics.storage.Storage` in the SQLite file at *path*.

    Args:
        path: the file; a new one is readable by its owner only.
        timeout: how long to wait for another connection's write lock, in seconds.
        beside: put the ledger into a file that holds a host's own tables already, so that both can be
            written in one transaction (``Steward.joined``). The file must leave the ledger its
            ``application_id`` and ``user_version``.
        create: make the file and its tables if they are not there.

    Raises:
        StorageUnavailable: the file cannot be opened, or would not be durable there.
        StorageCorrupt: the file is something else, damaged, or of a newer version.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        timeout: float = 10.0,
        beside: bool = False,
        create: bool = True,
    ) -> None:
        self._path = Path(path).resolve()  # stays the same file when the current folder changes
        self._name = self._path.name
        self._timeout = timeout
        self._lock = RLock()
        self._process = os.getpid()
        self._closed = False
        self._unsettled = False
        self._commits = 0
        self._connection: sqlite3.Connection | None = connect(
            self._path, timeout=timeout, create=create, beside=beside
        )

    def load(self, streams: Sequence[bytes], /) -> Sequence[Head | None]:
        """Return the heads of *streams* in order, ``None`` for those that do not exist."""
        for stream in streams:
            check_token(stream, "stream")
        with self._own_lock():
            connection = self._opened()
            try:
                if len(streams) == 1:
                    rows = connection.execute(_LOAD, (streams[0],)).fetchall()
                    return [self._head(rows[0]) if rows else None]
                return self._load_many(connection, streams)
            except sqlite3.Error as error:
                raise self._failed(connection, error, committing=False) from error

    def commit(self, writes: Sequence[Write], /) -> Sequence[bool]:
        """Try every write in one transaction with one sync; say which were made."""
        check_writes(writes)
        if not writes:
            return []
        with self._own_lock():
            connection = self._opened()
            execute = connection.execute
            committing = False
            try:
                execute("BEGIN IMMEDIATE")
                self._commits += 1
                if self._commits == _GROW_AT:
                    grow_log(self._path)
                made = [self._write(execute, write) for write in writes]
                committing = any(made)
                execute("COMMIT" if committing else "ROLLBACK")
            except sqlite3.Error as error:
                raise self._failed(connection, error, committing=committing) from error
            except BaseException:
                self._roll_back(connection)
                raise
            return made

    def entries(self, stream: bytes, /, *, after: int, limit: int) -> Sequence[Entry]:
        """Return at most *limit* entries with an index above *after*; fewer if they are many bytes."""
        check_page(stream, "stream", after, limit)
        page: list[Entry] = []
        size = 0
        with self._own_lock():
            connection = self._opened()
            try:
                cursor = connection.execute(_ENTRIES, (stream, after, limit))
                for row in cursor:
                    number, digest, body = row
                    if type(number) is not int or type(digest) is not bytes or type(body) not in _BODY:
                        raise self._altered()
                    page.append(_as_tuple(Entry, row))
                    if body is not None:
                        size += len(body)
                        if size > MAX_CALL:
                            break
                cursor.close()  # or its snapshot would keep the log from being reused
            except sqlite3.Error as error:
                raise self._failed(connection, error, committing=False) from error
        return page

    def find(
        self, token: bytes, /, *, until: int, after: tuple[int, bytes], limit: int
    ) -> Sequence[tuple[int, bytes]]:
        """Return ``(at, stream)`` of the marks with *token* up to *until*, strictly after *after*."""
        check_page(token, "token", after[0], limit)
        with self._own_lock():
            connection = self._opened()
            try:
                asked = (token, max(-1, min(until, MAX_INT)), *after, limit)
                rows = connection.execute(_FIND, asked).fetchall()
            except sqlite3.Error as error:
                raise self._failed(connection, error, committing=False) from error
        if any(type(at) is not int or type(stream) is not bytes for at, stream in rows):
            raise self._altered()
        return rows

    def scan(self, *, after: bytes, limit: int) -> Sequence[tuple[bytes, int]]:
        """See :class:`clm_ethics.storage.Scannable`."""
        check_scan(after, limit)
        with self._own_lock():
            connection = self._opened()
            try:
                return connection.execute(_SCAN, (after, limit)).fetchall()
            except sqlite3.Error as error:
                raise self._failed(connection, error, committing=False) from error

    def check(self) -> Sequence[Finding]:
        """See :class:`clm_ethics.storage.Checkable`."""
        from clm_ethics.storage.sqlite_check import findings

        with self._own_lock():
            connection = self._opened()
            try:
                return findings(connection, self._path)
            except sqlite3.Error as error:
                raise self._failed(connection, error, committing=False) from error

    def scrub(self) -> Sequence[str]:
        """Rewrite the file and empty its log, so that nothing overwritten or deleted is in them.

        Takes time and space in proportion to the file: erase many, then scrub once.
        ``secure_delete`` alone leaves copies of rows that SQLite has moved between pages.
        """
        with self._own_lock():
            connection = self._opened()
            report = [self._rewrite(connection), self._empty_log(connection), _UNREACHED]
            self._commits = 0
            return report

    def joined(self, connection: object, /) -> JoinedStorage:
        """See :class:`clm_ethics.storage.Joinable`: for a connection of the module sqlite3."""
        from clm_ethics.storage.sqlite_joined import bind

        return bind(self._path, self._name, connection)

    def close(self) -> None:
        """Close the file; may be called twice. After a fork, the child's copy is only dropped."""
        if os.getpid() != self._process:
            return
        with self._lock:
            self._closed = True
            self._drop()

    # Connection --------------------------------------------------------------

    def _own_lock(self) -> RLock:
        """Return the lock; refuse in a forked child, where nobody may ever release it."""
        if os.getpid() != self._process:
            raise StorageUnavailable(
                "was opened before a fork",
                written=False,
                place=self._name,
                remedy="open the storage again in each process",
            )
        return self._lock

    def _opened(self) -> sqlite3.Connection:
        """Return the connection; open it again if an error has made it doubtful."""
        if self._closed:
            raise StorageUnavailable("is closed", written=False, place=self._name, remedy="open it again")
        if self._connection is None:
            self._connection = connect(self._path, timeout=self._timeout, create=False)
            self._commits = 0
        if self._unsettled:
            self._settle(self._connection)
        return self._connection

    def _settle(self, connection: sqlite3.Connection) -> None:
        """Commit a change of nothing, so that what stands now is what will stand after a crash.

        A COMMIT whose sync failed may have left a valid transaction at the end of the log,
        invisible now, and found again after a crash. The next transaction overwrites it.
        """
        try:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute(f"PRAGMA user_version = {SCHEMA}")
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            self._drop()
            raise translate(error, self._name, written=False) from error
        self._unsettled = False

    def _failed(
        self, connection: sqlite3.Connection, error: sqlite3.Error, *, committing: bool
    ) -> StorageError:
        """Undo what the failed call did, and return what to raise; nothing is tried again."""
        code = code_of(error)
        self._roll_back(connection)
        certain = not committing or code in NOTHING_COMMITTED
        if not certain:
            self._unsettled = True
        # After a failed sync the system takes the pages for written: never sync them again.
        if not certain or code & 0xFF in {
            sqlite3.SQLITE_IOERR,
            sqlite3.SQLITE_CORRUPT,
            sqlite3.SQLITE_NOTADB,
        }:
            self._drop()
        return translate(error, self._name, written=False if certain else None)

    def _roll_back(self, connection: sqlite3.Connection) -> None:
        """End the transaction; a connection that cannot is closed, which ends it as well."""
        try:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        except sqlite3.Error:
            self._drop()

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(sqlite3.Error):
                connection.close()

    # Writing -----------------------------------------------------------------

    def _write(self, execute: Execute, write: Write) -> bool:
        head = write.head
        rows = execute(_STORED, (write.stream,)).fetchall()
        identity, version, length, packed = rows[0] if rows else (0, 0, 0, b"")
        if version != write.expected:
            return False
        if head is None:
            if length != 0:
                raise ValueError("only a stream of length 0 is deleted")
            self._delete(execute, write.stream, identity, packed)
            return True
        if head.length - len(write.entries) != length:
            raise ValueError("entries do not continue the stored stream")
        marks = None if head.marks is None else _pack(head.marks)
        if rows:
            execute(_ADVANCE, (head.version, head.length, head.digest, head.state, marks, identity))
        else:
            row = (write.stream, head.version, head.length, head.digest, marks, head.state)
            identity = execute(_CREATE, row).fetchall()[0][0]
        if head.values is not None:
            execute(_PUT, (identity, head.values))
        if marks is not None and marks != packed:
            self._mark(execute, write.stream, packed, marks)
        for entry in write.entries:
            execute(_APPEND, (identity, *entry))
        for index in write.forget:
            execute(_FORGET, (identity, index))
        return True

    def _delete(self, execute: Execute, stream: bytes, identity: int, packed: bytes) -> None:
        self._mark(execute, stream, packed, b"")
        execute("DELETE FROM clm_value WHERE id = ?", (identity,))
        execute("DELETE FROM clm_head WHERE id = ?", (identity,))

    def _mark(self, execute: Execute, stream: bytes, packed: bytes, marks: bytes) -> None:
        """Bring the index of marks from what the head carried to what it carries."""
        old, new = set(self._unpack(packed)), set(self._unpack(marks))
        for token, at in old - new:
            execute(_UNMARK, (token, at, stream))
        for token, at in new - old:
            execute(_MARK, (token, at, stream))

    # Reading -----------------------------------------------------------------

    def _load_many(self, connection: sqlite3.Connection, streams: Sequence[bytes]) -> Sequence[Head | None]:
        found: dict[bytes, Head] = {}
        for start in range(0, len(streams), _CHUNK):
            chunk = tuple(streams[start : start + _CHUNK])
            # One statement for every number of streams: the last is repeated.
            for row in connection.execute(_LOAD_CHUNK, chunk + chunk[-1:] * (_CHUNK - len(chunk))).fetchall():
                found[row[6]] = self._head(row)
        return [found.get(stream) for stream in streams]

    def _head(self, row: tuple[Any, ...]) -> Head:
        version, length, digest, state, values, marks, _ = row
        if not (type(version) is type(length) is int) or not (
            type(digest) is type(state) is type(values) is type(marks) is bytes
        ):
            raise self._altered()
        return Head(version, length, digest, state, values, self._unpack(marks))

    def _unpack(self, packed: bytes) -> tuple[Mark, ...]:
        """Read what :func:`_pack` wrote."""
        marks = _read_marks(packed)
        if marks is None:
            raise self._altered()
        return marks

    def _altered(self) -> StorageCorrupt:
        return StorageCorrupt(
            "holds a row of another shape than was written",
            place=self._name,
            remedy="restore the file from a backup",
        )

    # Scrubbing ---------------------------------------------------------------

    def _rewrite(self, connection: sqlite3.Connection) -> str:
        try:
            connection.execute("VACUUM")
        except sqlite3.Error as error:
            failure = translate(error, self._name, written=False)
            return f"not done: the file was not rewritten: it {failure.what}; {failure.remedy}"
        return "the file was rewritten, without the remains of overwritten and deleted rows"

    def _empty_log(self, connection: sqlite3.Connection) -> str:
        try:
            busy = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()[0][0]
        except sqlite3.Error as error:
            failure = translate(error, self._name, written=False)
            return f"not done: the write-ahead log was not emptied: it {failure.what}; {failure.remedy}"
        if busy:
            return (
                "not done: another connection still reads old pages of the write-ahead log;"
                " scrub again when it has ended"
            )
        return "the write-ahead log was emptied"


def _pack(marks: tuple[Mark, ...]) -> bytes:
    """Write *marks*, sorted, as the token's length, the instant and the token of each."""
    return b"".join(
        len(token).to_bytes(1, "big") + at.to_bytes(8, "big") + token for token, at in sorted(marks)
    )


@lru_cache(maxsize=4096)
def _read_marks(packed: bytes) -> tuple[Mark, ...] | None:
    """Read what :func:`_pack` wrote; ``None`` if it is something else."""
    marks: list[Mark] = []
    start, size = 0, len(packed)
    while start < size:
        end = start + 9 + packed[start]
        if end > size:
            return None
        marks.append(Mark(packed[start + 9 : end], int.from_bytes(packed[start + 1 : start + 9], "big")))
        start = end
    return tuple(marks)


def open_url(url: str, *, create: bool = True) -> SqliteStorage:
    """Open ``sqlite:///relative.db`` or ``sqlite:////absolute.db``.

    Raises:
        UsageError: the URL names no file, or has options.
        StorageUnavailable: the file cannot be opened.
        StorageCorrupt: the file is no storage of this library.
    """
    path = url.partition(":")[2]
    if not path.startswith("///") or path.endswith("/") or "?" in path or path == "///:memory:":
        raise UsageError(
            "not the address of an SQLite file",
            place="storage",
            remedy="write `sqlite:///crm.db` for a file here, `sqlite:////srv/crm.db` for an absolute path",
        )
    return SqliteStorage(path[len("///") :], create=create)
