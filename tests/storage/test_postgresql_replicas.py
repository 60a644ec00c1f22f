"""What the adapter does where replicas have to confirm a commit, and none is there to do it."""

from __future__ import annotations

import asyncio
from contextlib import closing, contextmanager
from threading import Thread
from typing import TYPE_CHECKING

import pytest

from clm_ethics.errors import StorageUnavailable
from clm_ethics.storage.contract import Write
from clm_ethics.storage.postgresql import AsyncPostgresStorage, PostgresStorage
from clm_ethics.testing.conformance_tools import create, head, kept, living, load, make

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.storage.postgresql_server import Server

WAITING = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep'"


@contextmanager
def replicated(server: Server) -> Iterator[None]:
    """Let every commit wait for a replica that does not exist."""
    change(server, "'nobody'")
    try:
        yield
    finally:
        change(server, "''")


def change(server: Server, names: str) -> None:
    """Set the names of the replicas, and wait until the server knows; this says nothing in the log."""
    server.execute(f"ALTER SYSTEM SET synchronous_standby_names = {names}", "SELECT pg_reload_conf()")
    while server.execute("SHOW synchronous_standby_names") != [(names.strip("'"),)]:
        pass


def released(server: Server, function: str) -> None:
    """Wait until a session waits for its replica, and run *function* on it."""
    while not (found := server.execute(WAITING)):
        pass
    server.execute(f"SELECT {function}({found[0][0]})")


@pytest.fixture
def storage(emptied: Server) -> Iterator[PostgresStorage]:
    """Return a storage that was opened while a replica was wanted, on one stream."""
    with closing(PostgresStorage(emptied.address())) as storage:
        create(storage, b"s", head(1))
    with replicated(emptied), closing(PostgresStorage(emptied.address(), timeout=0.2)) as storage:
        yield storage


def test_a_commit_that_no_replica_confirms(storage: PostgresStorage) -> None:
    """It is not awaited for ever, and its outcome is unknown."""
    for writes in ([Write(b"s", 1, kept(2))], [Write(b"t", 0, head(1)), Write(b"u", 0, head(1))]):
        with pytest.raises(StorageUnavailable, match="did not answer") as caught:
            storage.commit(writes)
        assert caught.value.written is None


def test_a_version_found_wanting_that_no_replica_confirms(storage: PostgresStorage) -> None:
    """Neither is a refusal told by a server that may have been replaced."""
    with pytest.raises(StorageUnavailable) as caught:
        storage.commit([Write(b"s", 9, kept(2))])
    assert caught.value.written is None


def test_a_question_that_no_replica_confirms(storage: PostgresStorage) -> None:
    """A server that may have been replaced answers no question."""
    for question in (
        lambda: load(storage, b"s"),
        lambda: storage.load([b"s", b"t"]),
        lambda: storage.entries(b"s", after=0, limit=1),
        lambda: storage.find(b"t", until=1, after=(-1, b""), limit=1),
    ):
        with pytest.raises(StorageUnavailable, match="did not answer") as caught:
            question()
        assert caught.value.written is False


def test_an_awaited_question_that_no_replica_confirms(storage: PostgresStorage, emptied: Server) -> None:
    """The same without threads."""

    async def scenario() -> None:
        async with AsyncPostgresStorage(emptied.address(), timeout=0.2) as awaited:
            with pytest.raises(StorageUnavailable, match="did not answer"):
                await awaited.load([b"s"])
            with pytest.raises(StorageUnavailable) as caught:
                await awaited.commit([Write(b"s", 1, kept(2))])
            assert caught.value.written is None

    asyncio.run(scenario())


@pytest.mark.parametrize("function", ["pg_cancel_backend", "pg_terminate_backend"])
def test_a_wait_for_a_replica_that_is_cancelled(emptied: Server, function: str) -> None:
    """PostgreSQL reports success when the wait is cancelled: the adapter does not."""
    with replicated(emptied), closing(PostgresStorage(emptied.address(), timeout=60)) as storage:
        helper = Thread(target=released, args=(emptied, function))
        helper.start()
        with pytest.raises(StorageUnavailable) as caught:
            storage.commit([Write(b"s", 0, head(1))])
        helper.join(60)
        assert caught.value.written is None
        helper = Thread(target=released, args=(emptied, function))
        helper.start()
        with pytest.raises(StorageUnavailable) as caught:
            load(storage, b"s")
        helper.join(60)
        assert caught.value.written is False


def test_an_answer_that_a_replica_confirms(emptied: Server) -> None:
    """Where replicas do confirm, every call says the same as without them."""
    with closing(PostgresStorage(emptied.address(), max_size=1)) as storage:
        with storage._pool.connection() as connection:
            connection.confirms = True  # as if there were a replica, which has confirmed
        create(storage, b"s", head(1, marks=[(b"t", 1)]))
        made = storage.commit([Write(b"z", 0, head(5)), Write(b"s", 9, kept(2)), Write(b"a", 0, head(6))])
        assert [True, False, True] == list(made)
        assert [False] == list(storage.commit([Write(b"s", 9, kept(2))]))
        assert [6, 1, None, 5] == [each and each.version for each in storage.load([b"a", b"s", b"x", b"z"])]
        assert [(1, b"s")] == list(storage.find(b"t", until=1, after=(-1, b""), limit=9))


@pytest.mark.parametrize("preferred", ["off", "local", "remote_write", "on", "remote_apply"])
def test_what_a_commit_waits_for(emptied: Server, preferred: str) -> None:
    """Whatever a role prefers, a commit waits until it is on the disk of the replicas."""
    emptied.execute(
        "CREATE ROLE loose SUPERUSER LOGIN", f"ALTER ROLE loose SET synchronous_commit = {preferred}"
    )
    try:
        with closing(PostgresStorage(emptied.address("loose"), max_size=1)) as storage:
            with storage._pool.connection() as connection:
                row = connection.execute("SHOW synchronous_commit").fetchone()
            assert ("remote_apply" if preferred == "remote_apply" else "on",) == row
    finally:
        emptied.execute("DROP ROLE loose")


def test_a_primary_that_was_replaced_is_passed_over(emptied: Server, server: Server) -> None:
    """Of several servers one that no replica confirms is not taken, whatever it says of itself."""
    both = f"postgresql://postgres@/postgres?host={server.folder},{server.folder}&connect_timeout=2"
    with replicated(emptied), pytest.raises(StorageUnavailable, match="did not answer"):
        PostgresStorage(both)

    async def scenario() -> None:
        async with AsyncPostgresStorage(both) as storage:
            assert [None] == list(await storage.load([b"s"]))
            with replicated(emptied), pytest.raises(StorageUnavailable):
                async with AsyncPostgresStorage(both) as refused:
                    await refused.load([b"s"])

    asyncio.run(scenario())
    with closing(PostgresStorage(both)) as storage:
        create(storage, b"s", head(1))
        make(storage, Write(b"s", 1, kept(2)))
        assert living(storage, b"s").version == 2
