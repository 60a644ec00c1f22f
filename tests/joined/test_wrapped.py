"""SQLAlchemy's connections and sessions, and awaiting hosts."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import Session, scoped_session, sessionmaker

from clm_ethics import AsyncSteward, FileKeys, UnknownCustomer, UsageError
from clm_ethics.errors import Closed
from clm_ethics.storage.memory import MemoryStorage
from clm_ethics.storage.postgresql import AsyncPostgresStorage
from tests.face.shop import POLICY, enrolled
from tests.joined.hosts import INSERT, SqliteHost
from tests.joined.test_together import COMMANDS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from tests.joined.hosts import Host, PostgresHost


@pytest.fixture
def engine(host: Host) -> Iterator[Any]:
    """Return SQLAlchemy's engine for the host's database."""
    engine = create_engine(host.sqlalchemy)
    yield engine
    engine.dispose()


WRAPPED: dict[str, Callable[[Any], Any]] = {
    "connection": lambda engine: engine.connect(),
    "session": Session,
    "scoped_session": lambda engine: scoped_session(sessionmaker(engine)),
}


@pytest.mark.parametrize("kind", WRAPPED)
@pytest.mark.parametrize("first", [True, False])
def test_sqlalchemy(host: Host, engine: Any, kind: str, first: bool) -> None:
    """Rows of a session, or of a connection, commit or vanish with the ledger, whatever was first."""
    shop = host.steward()
    made = WRAPPED[kind](engine)
    for end in (made.rollback, made.commit):
        if first:
            made.execute(text(INSERT))
        with shop.joined(made) as inside:
            COMMANDS["enroll"](inside)
            if not first:
                made.execute(text(INSERT))
        end()
        assert host.orders() == bool(shop.customer("c-2002").may("account"))
    made.close()
    assert 1 == host.orders()
    assert shop.ledger.verify()


def test_an_awaiting_connection_under_a_blocking_steward(postgresql: PostgresHost) -> None:
    """A connection that must be awaited is refused by name, and so is a blocking one that may wait."""
    shop = postgresql.steward()

    async def main() -> None:
        plain = await psycopg.AsyncConnection.connect(postgresql.server.address())
        engine = create_async_engine(postgresql.sqlalchemy)
        async with plain, AsyncSession(engine) as session:
            for each in (plain, session):
                with pytest.raises(UsageError, match="awaiting connection"), shop.joined(each):
                    raise AssertionError
        await engine.dispose()
        for storage in (postgresql.storage(), AsyncPostgresStorage(postgresql.server.address())):
            async with opened(postgresql, storage) as awaiting:
                with postgresql.connect() as blocking, pytest.raises(UsageError, match="psycopg"):
                    async with awaiting.joined(blocking):
                        raise AssertionError

    asyncio.run(main())


@asynccontextmanager
async def opened(host: Host, storage: Any) -> AsyncIterator[AsyncSteward]:
    """Open an awaiting steward."""
    keys = FileKeys(host.folder / "keys")
    async with AsyncSteward.open(storage, policy=POLICY, keys=keys, clock=host.clock) as shop:
        yield shop
    if isinstance(storage, AsyncPostgresStorage):
        await storage.aclose()
    else:
        storage.close()


@asynccontextmanager
async def plain(host: PostgresHost) -> AsyncIterator[Any]:
    """Open psycopg's awaiting connection."""
    async with await psycopg.AsyncConnection.connect(host.server.address()) as connection:
        yield connection


@asynccontextmanager
async def session(host: PostgresHost) -> AsyncIterator[Any]:
    """Open SQLAlchemy's awaiting session."""
    engine = create_async_engine(host.sqlalchemy)
    async with AsyncSession(engine) as opened:
        yield opened
    await engine.dispose()


@asynccontextmanager
async def connection(host: PostgresHost) -> AsyncIterator[Any]:
    """Open SQLAlchemy's awaiting connection."""
    engine = create_async_engine(host.sqlalchemy)
    async with engine.connect() as opened:
        yield opened
    await engine.dispose()


@pytest.mark.parametrize("given", [plain, session, connection])
@pytest.mark.parametrize("threaded", [True, False])
def test_awaiting_on_postgresql(postgresql: PostgresHost, given: Any, threaded: bool) -> None:
    """Commands are awaited on the host's awaiting connection, whichever storage the steward has."""

    async def main() -> None:
        storage = postgresql.storage() if threaded else AsyncPostgresStorage(postgresql.server.address())
        async with opened(postgresql, storage) as shop, given(postgresql) as host:
            insert: Any = INSERT if given is plain else text(INSERT)
            for end in (host.rollback, host.commit):
                await host.execute(insert)
                async with shop.joined(host) as inside:
                    bo = await inside.enroll(
                        "c-2002", {"email": "bo@example.org", "region": "DE"}, purpose="account", by="web"
                    )
                    await bo.refuse("recommendations", by="web")
                    with pytest.raises(UsageError, match="rollback"):
                        bo.read("account", by="web")
                    with pytest.raises(UsageError, match="signed checkpoint"):
                        inside.seal()
                    with pytest.raises(UnknownCustomer):
                        await inside.customer("c-9").refuse("newsletter", by="web")
                    assert (await inside.notice("account")).id
                await end()
                assert postgresql.orders() == bool(await shop.customer("c-2002").may("account"))
            with pytest.raises(Closed):
                await bo.refuse("newsletter", by="web")
            assert await shop.ledger.verify()

    asyncio.run(main())
    assert 1 == postgresql.orders()


def test_awaiting_on_sqlite(sqlite: SqliteHost) -> None:
    """An awaiting steward joins a plain connection of sqlite3, which waits for nobody."""

    async def main() -> None:
        async with opened(sqlite, sqlite.storage()) as shop:
            host = sqlite3.connect(sqlite.path, isolation_level=None)
            for end in ("ROLLBACK", "COMMIT"):
                host.execute("BEGIN IMMEDIATE")
                host.execute(INSERT)
                async with shop.joined(host) as inside:
                    await inside.enroll("c-2002", {"region": "DE"}, purpose="account", by="web")
                host.execute(end)
                assert sqlite.orders() == bool(await shop.customer("c-2002").may("account"))
            host.close()

    asyncio.run(main())


def test_awaiting_with_keys_elsewhere(postgresql: PostgresHost) -> None:
    """What writes keys is refused by an awaiting steward too; looking at keys elsewhere is fine."""

    async def main() -> None:
        keys, kept = FileKeys(postgresql.folder / "keys"), MemoryStorage()
        async with AsyncPostgresStorage(postgresql.server.address()) as storage:
            shop = AsyncSteward.open(storage, policy=POLICY, keys=keys, keys_in=kept, clock=postgresql.clock)
            async with shop, plain(postgresql) as host:
                await shop.enroll("c-1001", {"region": "DE"}, purpose="account", by="web")
                async with shop.joined(host) as inside:
                    with pytest.raises(UsageError, match="another database"):
                        await inside.customer("c-1001").refuse("newsletter", by="web")
                    with pytest.raises(UsageError, match="another database"):
                        await inside.enroll("c-2", {}, purpose="account", by="web")
                    await inside.customer("c-1001").put({"region": "FR"}, purpose="account", by="web")
                await host.commit()
                assert 2 == len(await shop.customer("c-1001").history())

    asyncio.run(main())


def test_a_cancelled_command_is_undone(postgresql: PostgresHost) -> None:
    """A command that is cancelled while it waits for a lock writes nothing; the transaction goes on."""
    shop = postgresql.steward()
    enrolled(shop)
    other = postgresql.host()
    before = postgresql.stored()

    async def main() -> None:
        storage = AsyncPostgresStorage(postgresql.server.address())
        async with opened(postgresql, storage) as awaiting, plain(postgresql) as host:
            await host.execute(INSERT)
            async with awaiting.joined(host) as inside:
                waiting = asyncio.ensure_future(inside.customer("c-1001").refuse("newsletter", by="web"))
                locked = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
                while not postgresql.server.execute(locked):  # noqa: ASYNC110  (nothing tells but the server)
                    await asyncio.sleep(0)
                waiting.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await waiting
                await inside.enroll("c-2002", {"region": "DE"}, purpose="account", by="web")
            await host.commit()

    with shop.joined(other) as inside:
        COMMANDS["record"](inside)
        asyncio.run(main())
    other.execute("ROLLBACK")
    assert before != postgresql.stored()
    assert [1, 1] == [len(shop.customer(ref).history()) for ref in ("c-1001", "c-2002")]
    assert 1 == postgresql.orders()
