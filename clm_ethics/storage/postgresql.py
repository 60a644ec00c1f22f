"""The storage contract on PostgreSQL: many processes and machines, blocking and awaiting.

Needs the extra ``postgres`` (psycopg 3 and its pool). What is sent and what comes back is built
and read in ``postgresql_sql``, once for both colours; here are the two shells that wait. Each
call takes one connection of a pool and makes one round trip. Nothing is retried.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Self, TypeVar

try:
    import psycopg
    import psycopg_pool
except ImportError as missing:
    raise ImportError("it needs psycopg 3: pip install 'clm-ethics[postgres]'") from missing

from clm_ethics.errors import StorageError
from clm_ethics.storage import postgresql_check
from clm_ethics.storage.postgresql_errors import translate
from clm_ethics.storage.postgresql_joined import WHICH, AsyncJoinedPostgres, JoinedPostgres, not_joinable
from clm_ethics.storage.postgresql_link import (
    SESSION,
    Setting,
    alive,
    alive_async,
    asked,
    follow,
    not_opened,
    open_async,
    open_blocking,
    perform,
    perform_async,
    quoted_name,
    scrub_async,
    scrub_blocking,
)
from clm_ethics.storage.postgresql_schema import grants
from clm_ethics.storage.postgresql_spread import distribution
from clm_ethics.storage.postgresql_waiting import AsyncConnection, Connection

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    from clm_ethics.storage.contract import Entry, Finding, Head, Write
    from clm_ethics.storage.postgresql_sql import Call

__all__ = ["AsyncPostgresStorage", "PostgresStorage", "create", "open_url"]

T = TypeVar("T")


class PostgresStorage:
    """A :class:`~clm_ethics.storage.Storage` in a PostgreSQL database, for any number of threads.

    Args:
        conninfo: a URL (``postgresql://user@host/database``) or a connection string of libpq.
        schema: the namespace of the tables; one database can hold several.
        min_size: how many connections are kept open.
        max_size: the most connections, so the most calls at once.
        timeout: how long to wait for a connection and for another's lock, in seconds.
        create: create or migrate the tables if they are not those of this version.

    Raises:
        UsageError: the address is malformed.
        StorageUnavailable: the server cannot be reached, would not be durable, is a standby, or
            has no tables and this role may not create them.
        StorageCorrupt: the tables are of a newer version, or damaged.
    """

    def __init__(
        self,
        conninfo: str,
        *,
        schema: str = "clm_ethics",
        min_size: int = 1,
        max_size: int = 8,
        timeout: float = 10.0,
        create: bool = True,
    ) -> None:
        self._setting = Setting(conninfo, schema, timeout)
        open_blocking(self._setting, create=create)
        self._pool: psycopg_pool.ConnectionPool[Connection] = psycopg_pool.ConnectionPool(
            self._setting.conninfo,
            connection_class=Connection,
            kwargs=SESSION,
            min_size=min_size,
            max_size=max_size,
            timeout=timeout,
            reconnect_timeout=timeout,  # then the next call looks for the primary at once
            configure=self._configure,
            check=alive,
            name="clm_ethics",
            open=False,
        )
        self._pool.open()

    def load(self, streams: Sequence[bytes], /) -> Sequence[Head | None]:
        """Return the heads of *streams* in order, ``None`` for those that do not exist."""
        call = self._setting.statements.load(streams)
        return self._run(call) if streams else []

    def commit(self, writes: Sequence[Write], /) -> Sequence[bool]:
        """Try every write in one transaction; say which were made."""
        return self._run(self._setting.statements.commit(writes)) if writes else []

    def entries(self, stream: bytes, /, *, after: int, limit: int) -> Sequence[Entry]:
        """Return at most *limit* entries with an index above *after*; fewer if they are many bytes."""
        return self._run(self._setting.statements.entries(stream, after, limit))

    def find(
        self, token: bytes, /, *, until: int, after: tuple[int, bytes], limit: int
    ) -> Sequence[tuple[int, bytes]]:
        """Return ``(at, stream)`` of the marks with *token* up to *until*, strictly after *after*."""
        return self._run(self._setting.statements.find(token, until, after, limit))

    def scrub(self, *, full: bool = False) -> Sequence[str]:
        """Give the place of old rows free; say what was done, and what could not be reached.

        Args:
            full: write the tables anew, so that no old row is in their files. Nobody reads or
                writes meanwhile, and the disk needs room for both.

        Raises:
            StorageUnavailable: the server cannot be reached.
        """
        self._setting.check_process()
        return scrub_blocking(self._setting, self._setting.scrubbing(full=full))

    def scan(self, *, after: bytes, limit: int) -> Sequence[tuple[bytes, int]]:
        """See :class:`clm_ethics.storage.Scannable`."""
        return self._run(self._setting.statements.scan(after, limit))

    def check(self) -> Sequence[Finding]:
        """See :class:`clm_ethics.storage.Checkable`."""
        return [*self._run(postgresql_check.asked(self._setting)), *postgresql_check.here()]

    def joined(self, connection: object, /) -> JoinedPostgres | AsyncJoinedPostgres:
        """See :class:`clm_ethics.storage.Joinable`: for a connection of psycopg 3, of either colour."""
        here = partial(self._run, WHICH)
        if isinstance(connection, psycopg.AsyncConnection):
            return AsyncJoinedPostgres(self._setting, connection, partial(asyncio.to_thread, here))
        if isinstance(connection, psycopg.Connection):
            return JoinedPostgres(self._setting, connection, here)
        raise not_joinable()

    def close(self) -> None:
        """Close the connections; may be called twice. After a fork, the child's copies are left alone."""
        if self._setting.own_process():
            self._pool.close()

    def _configure(self, connection: Connection) -> None:
        self._setting.attend(connection)
        self._setting.accept(connection, perform(connection, [self._setting.preparing()])[0])

    def _run(self, call: Call[T]) -> T:
        setting = self._setting
        setting.check_process()
        try:
            connection = self._pool.getconn()
        except psycopg.Error as error:
            raise setting.no_connection(error) from error
        try:
            return setting.answer(connection, call, perform(connection, asked(connection, call)))
        except psycopg.Error as error:
            with suppress(psycopg.Error):
                connection.rollback()
            raise translate(error, setting.place, writes=call.writes) from error
        finally:
            self._pool.putconn(connection)


class AsyncPostgresStorage:
    """The same as an :class:`~clm_ethics.storage.AsyncStorage`, on the event loop, without threads.

    It connects at the first call, or in ``async with``. A caller that is cancelled stops waiting;
    the commit that was asked for is done all the same, and :meth:`aclose` waits for it.

    Args: see :class:`PostgresStorage`; what that raises is raised by the first call.
    """

    def __init__(
        self,
        conninfo: str,
        *,
        schema: str = "clm_ethics",
        min_size: int = 1,
        max_size: int = 8,
        timeout: float = 10.0,
        create: bool = True,
    ) -> None:
        self._setting = Setting(conninfo, schema, timeout)
        self._create = create
        self._sizes = (min_size, max_size)
        self._opened: asyncio.Future[psycopg_pool.AsyncConnectionPool[AsyncConnection]] | None = None
        self._running: set[asyncio.Future[Any]] = set()
        self._closed = False

    async def load(self, streams: Sequence[bytes], /) -> Sequence[Head | None]:
        """See :meth:`PostgresStorage.load`."""
        call = self._setting.statements.load(streams)
        return await self._run(call) if streams else []

    async def commit(self, writes: Sequence[Write], /) -> Sequence[bool]:
        """See :meth:`PostgresStorage.commit`; a cancelled caller's writes are still tried."""
        if not writes:
            return []
        call = self._setting.statements.commit(writes)
        return await asyncio.shield(self._keep(asyncio.ensure_future(self._run(call))))

    async def entries(self, stream: bytes, /, *, after: int, limit: int) -> Sequence[Entry]:
        """See :meth:`PostgresStorage.entries`."""
        return await self._run(self._setting.statements.entries(stream, after, limit))

    async def find(
        self, token: bytes, /, *, until: int, after: tuple[int, bytes], limit: int
    ) -> Sequence[tuple[int, bytes]]:
        """See :meth:`PostgresStorage.find`."""
        return await self._run(self._setting.statements.find(token, until, after, limit))

    async def scrub(self, *, full: bool = False) -> Sequence[str]:
        """See :meth:`PostgresStorage.scrub`."""
        self._setting.check_process()
        return await scrub_async(self._setting, self._setting.scrubbing(full=full))

    async def scan(self, *, after: bytes, limit: int) -> Sequence[tuple[bytes, int]]:
        """See :class:`clm_ethics.storage.AsyncScannable`."""
        return await self._run(self._setting.statements.scan(after, limit))

    def joined(self, connection: object, /) -> AsyncJoinedPostgres:
        """See :class:`clm_ethics.storage.Joinable`: for an awaiting connection of psycopg 3."""
        if isinstance(connection, psycopg.AsyncConnection):
            return AsyncJoinedPostgres(self._setting, connection, partial(self._run, WHICH))
        raise not_joinable()

    async def aclose(self) -> None:
        """Finish the commits that were asked for, then close the connections; may be called twice."""
        self._closed = True
        if not self._setting.own_process():
            return
        while self._running:
            await asyncio.wait(self._running)
        opened, self._opened = self._opened, None
        if opened is not None:
            with suppress(StorageError):  # it never connected
                await (await opened).close()

    async def __aenter__(self) -> Self:
        """Connect."""
        await self._pool()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        await self.aclose()

    def _keep(self, task: asyncio.Future[T]) -> asyncio.Future[T]:
        """Hold *task* until it is done, and hear its error where its caller no longer does."""

        def done(finished: asyncio.Future[T]) -> None:
            self._running.discard(finished)
            if not finished.cancelled():
                finished.exception()

        self._running.add(task)
        task.add_done_callback(done)
        return task

    async def _pool(self) -> psycopg_pool.AsyncConnectionPool[AsyncConnection]:
        """Return the pool; the first caller connects, and whoever comes meanwhile waits for it."""
        self._setting.check_process()
        if self._closed:
            raise self._setting.unusable("is closed")
        if self._opened is None:
            self._opened = self._keep(asyncio.ensure_future(self._connect()))
        elif self._opened.get_loop() is not asyncio.get_running_loop():
            raise self._setting.unusable(
                "belongs to another event loop", "open one storage for each event loop"
            )
        opened = self._opened
        try:
            return await asyncio.shield(opened)
        except StorageError:
            if self._opened is opened:
                self._opened = None  # the next call tries anew
            raise

    async def _connect(self) -> psycopg_pool.AsyncConnectionPool[AsyncConnection]:
        setting = self._setting
        await open_async(setting, create=self._create)
        pool: psycopg_pool.AsyncConnectionPool[AsyncConnection] = psycopg_pool.AsyncConnectionPool(
            setting.conninfo,
            connection_class=AsyncConnection,
            kwargs=SESSION,
            min_size=self._sizes[0],
            max_size=self._sizes[1],
            timeout=setting.timeout,
            reconnect_timeout=setting.timeout,
            configure=self._configure,
            check=alive_async,
            name="clm_ethics",
            open=False,
        )
        await pool.open()
        return pool

    async def _configure(self, connection: AsyncConnection) -> None:
        self._setting.attend(connection)
        rows = await perform_async(connection, [self._setting.preparing()])
        self._setting.accept(connection, rows[0])

    async def _run(self, call: Call[T]) -> T:
        setting = self._setting
        pool = await self._pool()
        try:
            connection = await pool.getconn()
        except psycopg.Error as error:
            raise setting.no_connection(error) from error
        try:
            rows = await perform_async(connection, asked(connection, call))
            return setting.answer(connection, call, rows)
        except psycopg.Error as error:
            with suppress(psycopg.Error):
                await connection.rollback()
            raise translate(error, setting.place, writes=call.writes) from error
        finally:
            await pool.putconn(connection)


def create(
    conninfo: str,
    *,
    schema: str = "clm_ethics",
    application: str | None = None,
    distributed: bool = False,
    timeout: float = 10.0,
) -> None:
    """Create or migrate the tables, as the role that is to own them; may be repeated.

    Args:
        conninfo: the address of the database, with the owner's role.
        schema: the namespace of the tables.
        application: a role that is given what an application needs, and no more.
        distributed: spread the streams over the nodes of Citus, whose extension must be there.
        timeout: how long to wait for locks, in seconds.

    Raises:
        UsageError: the address is malformed.
        StorageUnavailable: the server cannot be reached, this role may not create them, or Citus
            is not there.
        StorageCorrupt: the tables are of a newer version, or damaged.
    """
    setting = Setting(conninfo, schema, timeout)
    if distributed:  # asked for first: without it, nothing is created
        follow(setting, distribution(setting.quoted, setting.place, tables=False))
    open_blocking(setting, create=True)
    if distributed:
        follow(setting, distribution(setting.quoted, setting.place, tables=True))
    if application is None:
        return
    try:
        with Connection.connect(setting.conninfo, **SESSION) as connection:
            setting.attend(connection)
            for statement in grants(setting.quoted, quoted_name(application)):
                perform(connection, [statement])
    except psycopg.Error as error:
        raise not_opened(error, setting.place) from error


def open_url(url: str, *, create: bool = True) -> PostgresStorage:
    """Open ``postgresql://user@host/database``, with every parameter that libpq knows.

    Raises: see :class:`PostgresStorage`.
    """
    return PostgresStorage(url, create=create)
