"""The contract inside a transaction of the host's, on the host's own connection to the same file.

The statements are those of :class:`~clm_ethics.storage.sqlite.SqliteStorage`. Whoever has begun to
write in SQLite has the only write lock and sees the newest state, so nothing here can conflict;
nothing here uses another connection, which would wait for this very transaction.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import suppress
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Any, Final

from clm_ethics.errors import StorageError, StorageUnavailable, UsageError
from clm_ethics.storage.contract import check_writes
from clm_ethics.storage.sqlite import SqliteStorage
from clm_ethics.storage.sqlite_file import TABLES, code_of, translate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clm_ethics.storage.contract import Write

_SAVEPOINT: Final = "clm_ethics_joined"
_LOCK: Final = "UPDATE clm_head SET version = version WHERE id IS NULL"
"""Changes nothing, and takes the write lock: a transaction that has only read becomes a writing one."""
_NOT_DURABLE: Final = frozenset({"memory", "off"})
_FULL: Final = 2


class HostConnection:
    """Executes on the host's connection, whatever it makes of rows and cursors itself."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection

    def execute(self, text: str, values: tuple[Any, ...] = ()) -> sqlite3.Cursor:
        """Execute *text* with a plain cursor."""
        cursor = sqlite3.Connection.cursor(self.connection)
        cursor.row_factory = None
        return cursor.execute(text, values)

    def ask(self, pragma: str) -> Any:
        """Return what *pragma* says."""
        row = self.execute(f"PRAGMA {pragma}").fetchone()
        return row[0] if row else None


class JoinedSqlite(SqliteStorage):
    """A :class:`~clm_ethics.storage.contract.JoinedStorage` on a connection of the module sqlite3."""

    snapshot = False
    waits = False

    def __init__(self, path: os.PathLike[str], name: str, connection: sqlite3.Connection) -> None:
        self._file = path
        self._name = name
        self._lock = RLock()
        self._process = os.getpid()
        self._host = HostConnection(connection)
        self._secure: int | None = None

    # The host's transaction --------------------------------------------------

    def enter(self) -> None:
        """See :meth:`clm_ethics.storage.contract.JoinedStorage.enter`."""
        try:
            self._check_file()
            self._check_durable()
            self._begun()
            self._secure = self._host.ask("main.secure_delete")
            self._host.execute("PRAGMA main.secure_delete = ON").fetchall()
        except sqlite3.Error as error:
            raise self._failure(error) from error

    def savepoint(self) -> None:
        """See :meth:`clm_ethics.storage.contract.JoinedStorage.savepoint`."""
        try:
            self._begun()
            self._host.execute(f"SAVEPOINT {_SAVEPOINT}")
        except sqlite3.Error as error:
            raise self._failure(error) from error

    def release(self) -> None:
        """See :meth:`clm_ethics.storage.contract.JoinedStorage.release`."""
        try:
            self._host.execute(f"RELEASE {_SAVEPOINT}")
        except sqlite3.Error as error:
            raise self._failure(error) from error

    def undo(self) -> None:
        """See :meth:`clm_ethics.storage.contract.JoinedStorage.undo`."""
        with suppress(sqlite3.Error):  # some errors have rolled everything back already
            self._host.execute(f"ROLLBACK TO {_SAVEPOINT}")
            self._host.execute(f"RELEASE {_SAVEPOINT}")

    def leave(self) -> None:
        """See :meth:`clm_ethics.storage.contract.JoinedStorage.leave`."""
        if self._secure is not None:
            with suppress(sqlite3.Error):  # the host has closed it
                self._host.execute(f"PRAGMA main.secure_delete = {int(self._secure)}").fetchall()

    def commit(self, writes: Sequence[Write], /) -> Sequence[bool]:
        """Make the writes in the host's transaction; say which were made."""
        check_writes(writes)
        try:
            return [self._write(self._host.execute, write) for write in writes]
        except sqlite3.Error as error:
            raise self._failure(error) from error

    def close(self) -> None:
        """Leave the connection alone: it is the host's."""

    def scrub(self) -> Sequence[str]:
        """Refuse: a file is not rewritten inside a transaction."""
        raise UsageError("a file is not rewritten inside a transaction", place="joined")

    # Checks ------------------------------------------------------------------

    def _check_file(self) -> None:
        """The same file, by its identity, not by its name; and no table in front of ours."""
        rows = self._host.execute("PRAGMA database_list").fetchall()
        here = next((os.fsdecode(row[2] or "") for row in rows if row[0] == 0), "")
        try:
            same = bool(here) and Path(here).samefile(self._file)
        except OSError:
            same = False
        if not same:
            raise UsageError(
                "the connection's main database is not the file of this steward",
                place="joined",
                remedy=f"connect to {self._name} itself; a database that is only attached cannot be joined",
            )
        names = ", ".join(f"'{name}'" for name in TABLES)
        shadows = f"SELECT count(*) FROM sqlite_temp_master WHERE lower(name) IN ({names})"  # noqa: S608 -- our own names
        if self._host.execute(shadows).fetchone()[0]:
            raise UsageError(
                "a temporary table of the connection hides one of the ledger's",
                place="joined",
                remedy="drop it, or give it another name",
            )

    def _check_durable(self) -> None:
        if int(self._host.ask("main.synchronous")) < _FULL:
            raise UsageError(
                "the connection does not wait for the disk (synchronous is not FULL)",
                place="joined",
                remedy="PRAGMA synchronous = FULL, before the transaction begins",
            )
        if str(self._host.ask("main.journal_mode")) in _NOT_DURABLE:
            raise UsageError(
                "the connection keeps no journal on the disk",
                place="joined",
                remedy="PRAGMA journal_mode = WAL, before the transaction begins",
            )

    def _begun(self) -> None:
        """Be in a transaction that has the write lock."""
        connection = self._host.connection
        if not connection.in_transaction:
            if _by_hand(connection):
                raise UsageError(
                    "the connection is in no transaction",
                    place="joined",
                    remedy="execute BEGIN IMMEDIATE first, and COMMIT after",
                )
            self._host.execute("BEGIN IMMEDIATE")  # as the module does by itself before a change
        self._host.execute(_LOCK)

    def _failure(self, error: sqlite3.Error) -> StorageError:
        """Return what *error* means: whatever it was, nothing is written unless the host commits."""
        if code_of(error) == sqlite3.SQLITE_BUSY_SNAPSHOT:
            return StorageUnavailable(
                "was changed since the host's transaction read it (SQLITE_BUSY_SNAPSHOT)",
                written=False,
                place=self._name,
                remedy="roll back, and start the transaction with BEGIN IMMEDIATE",
            )
        if isinstance(error, sqlite3.ProgrammingError):
            return StorageUnavailable(
                "the host's connection cannot be used here",
                written=False,
                place="joined",
                remedy="use it in the thread that opened it, and before it is closed",
            )
        return translate(error, self._name, written=False)

    # What the inherited methods ask for --------------------------------------

    def _opened(self) -> Any:
        return self._host

    def _failed(self, connection: Any, error: sqlite3.Error, *, committing: bool) -> StorageError:  # noqa: ARG002 -- as in the base
        return self._failure(error)


def _by_hand(connection: sqlite3.Connection) -> bool:
    """Say whether the host begins its transactions itself; otherwise the module does (PEP 249)."""
    autocommit = getattr(connection, "autocommit", -1)  # from Python 3.12 on
    return autocommit is True or (autocommit == -1 and connection.isolation_level is None)


def bind(path: os.PathLike[str], name: str, connection: object) -> JoinedSqlite:
    """Bind the contract to *connection*; see :meth:`clm_ethics.storage.contract.Joinable.joined`."""
    if not isinstance(connection, sqlite3.Connection):
        raise UsageError(
            "not a connection of the module sqlite3",
            place="joined",
            remedy="pass a sqlite3.Connection, or a Connection or Session of SQLAlchemy on one",
        )
    return JoinedSqlite(path, name, connection)
