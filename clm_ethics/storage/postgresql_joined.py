"""The contract inside a transaction of the host's, on the host's own connection of psycopg 3.

Under READ COMMITTED a conditional write waits for whoever holds the stream and then sees what was
committed, as in a transaction of our own. Under REPEATABLE READ and SERIALIZABLE the snapshot
stays: a stream that others have moved since makes the server refuse the write (40001), and the
host has to begin its transaction again. Nothing here uses another connection.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, TypeVar

import psycopg
from psycopg.pq import TransactionStatus
from psycopg.rows import tuple_row

from clm_ethics.errors import StorageError, StorageUnavailable, UsageError
from clm_ethics.storage.postgresql_errors import translate
from clm_ethics.storage.postgresql_schema import IDENTITY, judge
from clm_ethics.storage.postgresql_sql import Call, Statement

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from clm_ethics.storage.contract import Entry, Head, Write
    from clm_ethics.storage.postgresql_link import Setting
    from clm_ethics.storage.postgresql_sql import Row

T = TypeVar("T")

_ASK: Final = Statement(
    (
        "SELECT pg_is_in_recovery(), current_setting('server_version_num')::integer,"
        " current_setting('server_encoding'), current_setting('fsync'), current_setting('full_page_writes'),"
        f" {IDENTITY}, current_setting('synchronous_commit'), current_setting('transaction_isolation'),"
        " current_setting('transaction_read_only'), current_setting('synchronous_standby_names')"
    ).encode(),
    {},
)
WHICH: Final = Call([Statement(f"SELECT {IDENTITY}".encode(), {})], lambda answers: answers[0][0])
"""Asks which database this is."""
_SAVEPOINT: Final = Statement(b"SAVEPOINT clm_ethics_joined", {})
_RELEASE: Final = Statement(b"RELEASE SAVEPOINT clm_ethics_joined", {})
_UNDO: Final = (Statement(b"ROLLBACK TO SAVEPOINT clm_ethics_joined", {}), _RELEASE)
_AGAIN: Final = frozenset({"40001", "40P01"})


class _Joined:
    """What both colours know of the host's connection."""

    waits = True

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self.snapshot = False

    def _accept(self, rows: Sequence[Row]) -> None:
        """Judge the transaction at the other end of the host's connection."""
        row = rows[0]
        if row[5:7] != self._setting.identity:
            raise _wrong(
                "the connection leads to another database than this steward's",
                "connect to the same database on the same server",
            )
        judge(row, self._setting.place)
        durable, isolation, read_only, standbys = row[7:11]
        # Where standbys are to confirm, only two of the levels wait until it is on their disks.
        if durable == "off" or (standbys and durable not in {"on", "remote_apply"}):
            raise _wrong(
                f"the connection does not wait for the disk (synchronous_commit = {durable})",
                "SET synchronous_commit = on",
            )
        if read_only == "on":
            raise _wrong("the transaction is read-only", "begin it READ WRITE")
        self.snapshot = isolation in {"repeatable read", "serializable"}

    def _check(self, connection: psycopg.Connection[Any] | psycopg.AsyncConnection[Any]) -> None:
        """The connection is in a transaction, or will be with the next statement (PEP 249)."""
        status = connection.info.transaction_status
        if status == TransactionStatus.INERROR:
            raise _wrong("the transaction has failed already", "roll it back, and begin again")
        if status == TransactionStatus.UNKNOWN:
            raise self._setting.unusable("the host's connection is lost", "begin again on a new one")
        if status == TransactionStatus.IDLE and connection.autocommit:
            raise _wrong(
                "the connection is in no transaction",
                "use `with connection.transaction():`, or a connection without autocommit",
            )

    def _failure(self, error: psycopg.Error) -> StorageError | ValueError:
        """Return what *error* means: whatever it was, nothing is written unless the host commits."""
        found = translate(error, self._setting.place, writes=False)
        if error.sqlstate in _AGAIN and isinstance(found, StorageError):
            remedy = "roll the transaction back, and begin it again"
            return StorageUnavailable(found.what, written=False, place=found.place, remedy=remedy)
        return found


class JoinedPostgres(_Joined):
    """A :class:`~clm_ethics.storage.contract.JoinedStorage` on a connection of psycopg 3.

    Args:
        setting: of the storage that is joined.
        connection: the host's.
        here: asks the storage's own connection for :data:`WHICH`.
    """

    def __init__(
        self, setting: Setting, connection: psycopg.Connection[Any], here: Callable[[], Row]
    ) -> None:
        super().__init__(setting)
        self._connection = connection
        self._here = here

    def enter(self) -> None:
        """See :meth:`clm_ethics.storage.contract.JoinedStorage.enter`."""
        self._check(self._connection)
        setting = self._setting
        setting.identity = setting.identity or self._here()
        self._accept(self._send(_ASK))

    def savepoint(self) -> None:
        """See :meth:`clm_ethics.storage.contract.JoinedStorage.savepoint`."""
        self._check(self._connection)
        self._send(_SAVEPOINT)

    def release(self) -> None:
        """See :meth:`clm_ethics.storage.contract.JoinedStorage.release`."""
        self._send(_RELEASE)

    def undo(self) -> None:
        """See :meth:`clm_ethics.storage.contract.JoinedStorage.undo`."""
        with suppress(psycopg.Error):  # a connection that is lost has rolled everything back
            for statement in _UNDO:
                self._execute(statement)

    def leave(self) -> None:
        """See :meth:`clm_ethics.storage.contract.JoinedStorage.leave`: nothing was set."""

    def load(self, streams: Sequence[bytes], /) -> Sequence[Head | None]:
        """See :meth:`clm_ethics.storage.Storage.load`."""
        return self._run(self._setting.statements.load(streams)) if streams else []

    def commit(self, writes: Sequence[Write], /) -> Sequence[bool]:
        """Make the writes in the host's transaction; say which were made."""
        return self._run(self._setting.statements.inside(writes)) if writes else []

    def entries(self, stream: bytes, /, *, after: int, limit: int) -> Sequence[Entry]:
        """See :meth:`clm_ethics.storage.Storage.entries`."""
        return self._run(self._setting.statements.entries(stream, after, limit))

    def find(
        self, token: bytes, /, *, until: int, after: tuple[int, bytes], limit: int
    ) -> Sequence[tuple[int, bytes]]:
        """See :meth:`clm_ethics.storage.Storage.find`."""
        return self._run(self._setting.statements.find(token, until, after, limit))

    def _run(self, call: Call[T]) -> T:
        return call.read([self._send(each) for each in call.statements])

    def _send(self, statement: Statement) -> list[Row]:
        try:
            return self._execute(statement)
        except psycopg.Error as error:
            raise self._failure(error) from error

    def _execute(self, statement: Statement) -> list[Row]:
        """Execute with a cursor of our own, whatever rows and cursors the host's connection makes."""
        with psycopg.Cursor(self._connection, row_factory=tuple_row) as cursor:
            cursor.execute(statement.text, statement.values, binary=True)
            return cursor.fetchall() if cursor.description else []


class AsyncJoinedPostgres(_Joined):
    """The same on an awaiting connection of psycopg 3."""

    def __init__(
        self, setting: Setting, connection: psycopg.AsyncConnection[Any], here: Callable[[], Awaitable[Row]]
    ) -> None:
        super().__init__(setting)
        self._connection = connection
        self._here = here

    async def enter(self) -> None:
        """See :meth:`clm_ethics.storage.contract.JoinedStorage.enter`."""
        self._check(self._connection)
        setting = self._setting
        setting.identity = setting.identity or await self._here()
        self._accept(await self._send(_ASK))

    async def savepoint(self) -> None:
        """See :meth:`clm_ethics.storage.contract.JoinedStorage.savepoint`."""
        self._check(self._connection)
        await self._send(_SAVEPOINT)

    async def release(self) -> None:
        """See :meth:`clm_ethics.storage.contract.JoinedStorage.release`."""
        await self._send(_RELEASE)

    async def undo(self) -> None:
        """See :meth:`clm_ethics.storage.contract.JoinedStorage.undo`."""
        with suppress(psycopg.Error):
            for statement in _UNDO:
                await self._execute(statement)

    async def leave(self) -> None:
        """See :meth:`clm_ethics.storage.contract.JoinedStorage.leave`: nothing was set."""

    async def load(self, streams: Sequence[bytes], /) -> Sequence[Head | None]:
        """See :meth:`clm_ethics.storage.Storage.load`."""
        return await self._run(self._setting.statements.load(streams)) if streams else []

    async def commit(self, writes: Sequence[Write], /) -> Sequence[bool]:
        """See :meth:`JoinedPostgres.commit`."""
        return await self._run(self._setting.statements.inside(writes)) if writes else []

    async def entries(self, stream: bytes, /, *, after: int, limit: int) -> Sequence[Entry]:
        """See :meth:`clm_ethics.storage.Storage.entries`."""
        return await self._run(self._setting.statements.entries(stream, after, limit))

    async def find(
        self, token: bytes, /, *, until: int, after: tuple[int, bytes], limit: int
    ) -> Sequence[tuple[int, bytes]]:
        """See :meth:`clm_ethics.storage.Storage.find`."""
        return await self._run(self._setting.statements.find(token, until, after, limit))

    async def _run(self, call: Call[T]) -> T:
        return call.read([await self._send(each) for each in call.statements])

    async def _send(self, statement: Statement) -> list[Row]:
        try:
            return await self._execute(statement)
        except psycopg.Error as error:
            raise self._failure(error) from error

    async def _execute(self, statement: Statement) -> list[Row]:
        """See :meth:`JoinedPostgres._execute`."""
        async with psycopg.AsyncCursor(self._connection, row_factory=tuple_row) as cursor:
            await cursor.execute(statement.text, statement.values, binary=True)
            return await cursor.fetchall() if cursor.description else []


def not_joinable() -> UsageError:
    """Return the error for what is no connection that can be joined here."""
    return _wrong(
        "not a connection of psycopg 3 of this steward's colour",
        "pass a connection of psycopg, or a Connection or Session of SQLAlchemy on one (postgresql+psycopg)",
    )


def _wrong(what: str, remedy: str) -> UsageError:
    return UsageError(what, place="joined", remedy=remedy)
