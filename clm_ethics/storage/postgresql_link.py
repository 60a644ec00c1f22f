"""The line to a PostgreSQL server: its address, what is set on it, sending and receiving, opening.

Here stand the two ways to wait, blocking and awaiting, side by side and nothing else twice.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, TypeVar

import psycopg
import psycopg_pool
from psycopg import conninfo as addresses

from clm_ethics.errors import StorageError, StorageUnavailable, UsageError
from clm_ethics.storage.postgresql_errors import translate
from clm_ethics.storage.postgresql_schema import is_spread, judge, opening, prepare
from clm_ethics.storage.postgresql_scrub import scrubbing
from clm_ethics.storage.postgresql_sql import Statements, confirmed, unconfirmed
from clm_ethics.storage.postgresql_waiting import AsyncConnection, Connection

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clm_ethics.storage.postgresql_schema import Opening
    from clm_ethics.storage.postgresql_scrub import Scrubbing
    from clm_ethics.storage.postgresql_sql import Call, Row, Statement

T = TypeVar("T")

SESSION: Final[dict[str, Any]] = {"autocommit": True, "prepare_threshold": 0}
"""How each connection is used: a statement is a transaction, and is prepared when first used."""
LONGEST_NAME: Final = 63
"""The longest name that PostgreSQL keeps, in bytes."""


class Setting:
    """What both colours know before they connect.

    Args:
        conninfo: a URL or a connection string of libpq.
        schema: the namespace of the tables.
        timeout: how long to wait for a connection and for a lock, in seconds.

    Raises:
        UsageError: one of them is malformed; the address is not shown, it may hold a password.
    """

    def __init__(self, conninfo: str, schema: str, timeout: float) -> None:
        try:
            given = addresses.conninfo_to_dict(conninfo)
        except psycopg.Error as error:
            raise UsageError(
                "not an address of a PostgreSQL database",
                place="storage",
                remedy="write `postgresql://user@host/database`",
            ) from error
        if not schema or len(schema.encode()) > LONGEST_NAME or "\x00" in schema or schema.startswith("pg_"):
            raise UsageError("a namespace is a name of PostgreSQL of 1 to 63 bytes", place="storage(schema=)")
        defaults: dict[str, Any] = {
            "connect_timeout": max(2, round(timeout)),
            "target_session_attrs": "primary",
            "fallback_application_name": "clm_ethics",
        }
        self.conninfo = addresses.make_conninfo("", **{**defaults, **given, "client_encoding": "UTF8"})
        self.schema = schema
        self.quoted = quoted_name(schema)
        self.timeout = timeout
        self.place = f"postgresql database {given.get('dbname') or given.get('user') or 'of this user'}"
        self.statements = Statements(self.quoted, self.place)
        self.trouble: StorageError | None = None
        self.identity: Row = ()  # which database this is, once somebody has joined a transaction
        self._process = os.getpid()

    def opening(self, *, create: bool) -> Opening:
        """Return the steps of opening."""
        return opening(self.schema, self.quoted, self.place, timeout=self.timeout, create=create)

    def preparing(self) -> Statement:
        """Return what each new connection is told and asked."""
        return prepare(self.timeout, self.quoted)

    def scrubbing(self, *, full: bool) -> Scrubbing:
        """Return the steps of a scrub."""
        return scrubbing(self.schema, self.quoted, self.place, timeout=self.timeout, full=full)

    def check_process(self) -> None:
        """Refuse in a forked child: its connections are the parent's."""
        if os.getpid() != self._process:
            raise self.unusable("was opened before a fork", "open the storage again in each process")

    def own_process(self) -> bool:
        """Tell whether this process opened the storage."""
        return os.getpid() == self._process

    def unusable(self, what: str, remedy: str = "open it again") -> StorageUnavailable:
        """Return the error for a call that cannot even begin."""
        return StorageUnavailable(what, written=False, place=self.place, remedy=remedy)

    def no_connection(self, error: psycopg.Error) -> StorageError:
        """Return why the pool has no connection to give."""
        if isinstance(error, psycopg_pool.PoolClosed):
            return self.unusable("is closed")
        if self.trouble is not None:
            return self.trouble
        return self.unusable(
            f"gave no connection ({type(error).__name__})",
            "check that the server runs and can be reached, or raise max_size",
        )

    def accept(self, connection: Connection | AsyncConnection, rows: Sequence[Row]) -> None:
        """Judge the server at the other end of a new connection, and remember what is wrong with it."""
        self.trouble = None
        try:
            judge(rows[0], self.place)
        except StorageError as error:
            self.trouble = error
            raise
        connection.confirms = bool(rows[0][5])
        self.statements.spread = is_spread(rows[0])

    def attend(self, connection: Connection | AsyncConnection) -> None:
        """Let a new connection wait no longer than was agreed, and hear what the server warns of."""
        # Its own limit, of waiting for a lock, comes first, and tells more.
        connection.patience = 2 * self.timeout
        connection.add_notice_handler(connection.hear)

    def answer(self, connection: Connection | AsyncConnection, call: Call[T], rows: list[list[Row]]) -> T:
        """Read the answer to *call*, if it may be believed."""
        if connection.doubted and (call.writes or connection.confirms):
            raise StorageUnavailable(
                "answered before its replicas had confirmed it",
                written=None if call.writes else False,
                place=self.place,
                remedy="let nobody cancel a session that waits for a replica",
            )
        return call.read(unconfirmed(call.statements, rows) if connection.confirms else rows)


def asked(connection: Connection | AsyncConnection, call: Call[T]) -> Sequence[Statement]:
    """Begin *call*; return what is sent for it on *connection*."""
    connection.attend(writing=call.writes)
    return confirmed(call.statements) if connection.confirms else call.statements


def perform(connection: Connection, statements: Sequence[Statement]) -> list[list[Row]]:
    """Send *statements* in one round trip, and return the rows of each."""
    if len(statements) == 1:
        return [_rows(connection.kept.execute(*statements[0], binary=True))]
    with connection.pipeline():
        cursors = [connection.execute(*each, binary=True) for each in statements]
    return [_rows(cursor) for cursor in cursors]


async def perform_async(connection: AsyncConnection, statements: Sequence[Statement]) -> list[list[Row]]:
    """See :func:`perform`."""
    if len(statements) == 1:
        return [await _rows_async(await connection.kept.execute(*statements[0], binary=True))]
    async with connection.pipeline():
        cursors = [await connection.execute(*each, binary=True) for each in statements]
    return [await _rows_async(cursor) for cursor in cursors]


def _rows(cursor: psycopg.Cursor[Row]) -> list[Row]:
    # Not `description`: it describes each column anew, which costs as much as a fetch.
    return cursor.fetchall() if cursor.pgresult and cursor.pgresult.nfields else []


async def _rows_async(cursor: psycopg.AsyncCursor[Row]) -> list[Row]:
    return await cursor.fetchall() if cursor.pgresult and cursor.pgresult.nfields else []


def alive(connection: Connection | AsyncConnection) -> None:
    """Raise if the server has ended an idle connection; asks the socket, not the server.

    Its farewell and the end of the stream are read one by one.
    """
    for _ in range(2):
        connection.pgconn.consume_input()


async def alive_async(connection: AsyncConnection) -> None:
    """See :func:`alive`."""
    alive(connection)


def open_blocking(setting: Setting, *, create: bool) -> None:
    """Go through the steps of opening, on a connection of its own."""
    follow(setting, setting.opening(create=create))


def follow(setting: Setting, steps: Opening) -> None:
    """Go through *steps*, on a connection of its own."""
    try:
        with Connection.connect(setting.conninfo, **SESSION) as connection:
            setting.attend(connection)
            statement = next(steps)
            with suppress(StopIteration):
                while True:
                    statement = steps.send(perform(connection, [statement])[0])
    except psycopg.Error as error:
        raise not_opened(error, setting.place) from error


async def open_async(setting: Setting, *, create: bool) -> None:
    """See :func:`open_blocking`."""
    steps = setting.opening(create=create)
    try:
        async with await AsyncConnection.connect(setting.conninfo, **SESSION) as connection:
            setting.attend(connection)
            statement = next(steps)
            with suppress(StopIteration):
                while True:
                    statement = steps.send((await perform_async(connection, [statement]))[0])
    except psycopg.Error as error:
        raise not_opened(error, setting.place) from error


def scrub_blocking(setting: Setting, steps: Scrubbing) -> Sequence[str]:
    """Go through the steps of a scrub, however long they take; what fails is part of the report."""
    answer: Sequence[Row] | psycopg.Error | None = None
    try:
        with Connection.connect(setting.conninfo, **SESSION) as connection:
            connection.patience = None
            while True:
                statement = steps.send(answer)
                try:
                    answer = perform(connection, [statement])[0]
                except psycopg.Error as error:
                    answer = error
    except StopIteration as done:
        report: Sequence[str] = done.value
        return report
    except psycopg.Error as error:
        raise not_opened(error, setting.place) from error


async def scrub_async(setting: Setting, steps: Scrubbing) -> Sequence[str]:
    """See :func:`scrub_blocking`."""
    answer: Sequence[Row] | psycopg.Error | None = None
    try:
        async with await AsyncConnection.connect(setting.conninfo, **SESSION) as connection:
            connection.patience = None
            while True:
                statement = steps.send(answer)
                try:
                    answer = (await perform_async(connection, [statement]))[0]
                except psycopg.Error as error:
                    answer = error
    except StopIteration as done:
        report: Sequence[str] = done.value
        return report
    except psycopg.Error as error:
        raise not_opened(error, setting.place) from error


def not_opened(error: psycopg.Error, place: str) -> StorageError:
    """Return why a storage was not opened."""
    found = translate(error, place, writes=False)
    return (
        found
        if isinstance(found, StorageError)
        else StorageUnavailable(str(found), written=False, place=place)
    )


def quoted_name(name: str) -> str:
    """Return *name* as an identifier in a statement with placeholders."""
    return '"' + name.replace('"', '""').replace("%", "%%") + '"'
