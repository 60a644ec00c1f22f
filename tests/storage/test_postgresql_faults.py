"""PostgreSQL between processes, crashes, cut connections, locks and cancelled callers."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import closing, contextmanager
from functools import partial
from itertools import pairwise
from pathlib import Path
from threading import Barrier
from typing import TYPE_CHECKING

import psycopg
import pytest

from clm_ethics.errors import StorageCorrupt, StorageUnavailable
from clm_ethics.storage.contract import Write
from clm_ethics.storage.postgresql import AsyncPostgresStorage, PostgresStorage
from clm_ethics.testing.conformance_tools import (
    create,
    entry,
    head,
    kept,
    living,
    load,
    make,
    marked,
    story,
    together,
)
from tests.storage.postgresql_proxy import Proxy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.storage.postgresql_server import Server

WRITER = str(Path(__file__).with_name("postgresql_writer.py"))


@pytest.fixture
def storage(emptied: Server) -> Iterator[PostgresStorage]:
    """Return a storage over empty tables, with one connection, so that all calls share its fate."""
    with closing(PostgresStorage(emptied.address(), max_size=1, timeout=30)) as storage:
        yield storage


@pytest.fixture
def folder() -> Iterator[Path]:
    """Return a folder whose name is short enough for a socket."""
    folder = Path(tempfile.mkdtemp(prefix="clm-px-", dir="/tmp"))
    yield folder
    shutil.rmtree(folder)


def start(*words: object) -> subprocess.Popen[str]:
    """Start the writer program."""
    return subprocess.Popen(
        [sys.executable, WRITER, *map(str, words)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )


def consistent(storage: PostgresStorage) -> int:
    """Check that head, marks, entries and forgotten bodies are of the same last write; return the length."""
    stored = living(storage, b"s")
    read = story(storage, b"s")
    text = b"%d" % stored.length
    assert list(range(1, stored.length + 1)) == [each.index for each in read]
    assert (text, text, text) == (stored.digest, stored.state, stored.values)
    assert [(stored.length, b"s")] == marked(storage, b"last")
    assert [(0, b"s")] == marked(storage, b"of" + text)
    assert [] == marked(storage, b"of%d" % (stored.length - 1))
    assert {n for n in range(2, stored.length) if n % 3 == 2} == {
        each.index for each in read if each.body is None
    }
    return stored.length


@contextmanager
def holding(server: Server, statement: str) -> Iterator[psycopg.Connection]:
    """Run *statement* in a transaction that stays open, as somebody else's would."""
    with psycopg.connect(server.address()) as other:
        other.execute(statement.encode())
        yield other
        other.rollback()


async def blocked(server: Server) -> None:
    """Return when somebody waits for a lock: the server says so."""
    while server.execute("SELECT 1 FROM pg_locks WHERE NOT granted") == []:  # noqa: ASYNC110
        await asyncio.sleep(0)


# Processes and crashes ---------------------------------------------------------------------------


def test_processes_that_write_one_stream(emptied: Server) -> None:
    """Processes append to one stream by compare-and-swap: nothing is lost, and nothing twice."""
    writers = [start("compete", emptied.address(), who, 25) for who in range(3)]
    for writer in writers:
        writer.communicate(timeout=120)
        assert writer.returncode == 0
    with closing(PostgresStorage(emptied.address())) as storage:
        assert consistent(storage) == 75
        read = [each.body for each in story(storage, b"s") if each.body is not None]
        assert len(set(read)) == len(read)
        assert set(read) <= {b"%d/%d" % (who, n) for who in range(3) for n in range(25)}


def test_a_server_that_crashes(emptied: Server) -> None:
    """What was acknowledged before a crash is there after it; what was not is whole or absent."""
    length = 0
    for run in range(3):
        with start("acknowledge", emptied.address()) as writer:
            assert writer.stdout is not None
            said = [int(writer.stdout.readline()) for _ in range(5 + run * 20)]
            emptied.stop("immediate")
            said_last = writer.stdout.read().splitlines()
        emptied.start()
        numbers = [*said, *map(int, said_last[:-1])]
        assert numbers[0] == length + 1
        assert all(after == before + 1 for before, after in pairwise(numbers))
        assert said_last[-1] in {"StorageUnavailable None", "StorageUnavailable False"}
        with closing(PostgresStorage(emptied.address())) as storage:
            length = consistent(storage)
        assert numbers[-1] <= length <= numbers[-1] + 1


def test_a_server_that_was_started_again(storage: PostgresStorage, emptied: Server) -> None:
    """A connection that died while nobody used it is replaced: no call fails for it."""
    create(storage, b"s", head(1))
    emptied.stop()
    emptied.start()
    make(storage, Write(b"s", 1, kept(2)))
    assert living(storage, b"s").version == 2


def test_a_server_that_is_away(emptied: Server) -> None:
    """Without a server nothing was written, which is said after the timeout, and work goes on later."""
    with closing(PostgresStorage(emptied.address(), timeout=1)) as storage:
        create(storage, b"s", head(1))
        emptied.stop()
        try:
            for _ in range(2):
                with pytest.raises(StorageUnavailable, match="check that the server runs") as caught:
                    storage.commit([Write(b"s", 1, kept(2))])
                assert caught.value.written is False
        finally:
            emptied.start()
    with closing(PostgresStorage(emptied.address())) as storage:
        assert living(storage, b"s").version == 1


def test_a_fork(storage: PostgresStorage) -> None:
    """A child is told to open its own; the parent's connections stay whole."""
    create(storage, b"s", head(1))
    child = os.fork()
    if child == 0:
        try:
            storage.load([b"s"])
        except StorageUnavailable as error:
            storage.close()
            os._exit(7 if error.written is False else 1)
        os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    assert living(storage, b"s").version == 1


# Lost answers ------------------------------------------------------------------------------------


@pytest.mark.parametrize("cut", ["question", "answer"])
@pytest.mark.parametrize("several", [False, True])
def test_a_connection_that_is_cut(emptied: Server, folder: Path, cut: str, several: bool) -> None:
    """Whether the question or the answer was lost cannot be known: it is said so, and loading tells."""
    address = emptied.address(host=folder)
    with (
        Proxy(folder, emptied.folder) as proxy,
        closing(PostgresStorage(address, max_size=1, timeout=30)) as storage,
    ):
        create(storage, b"s", head(1))
        for n in (1, 2):  # once in peace: so the second is prepared, and is one question with one answer
            writes = [Write(b"s", n, kept(n + 1, n), (entry(n),)), Write(b"t%d" % n, 0, head(5))]
            if n == 1:
                make(storage, *writes[: 1 + several])
        proxy.cut = cut
        with pytest.raises(StorageUnavailable) as caught:
            storage.commit(writes[: 1 + several])
        assert caught.value.written is None
        assert (cut == "answer") == (living(storage, b"s").version == 3)
        assert (cut == "answer") == (len(story(storage, b"s")) == 2)
        assert (cut == "answer" and several) == (load(storage, b"t2") is not None)


DEFERRED = (
    "CREATE FUNCTION clm_ethics.fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {what}; END $$",
    """CREATE CONSTRAINT TRIGGER fail AFTER INSERT OR UPDATE ON clm_ethics.head
        DEFERRABLE INITIALLY {when} FOR EACH ROW EXECUTE FUNCTION clm_ethics.fail()""",
)


@contextmanager
def failing(server: Server, what: str, when: str = "DEFERRED") -> Iterator[None]:
    """Let the server do *what* at each write, or where it is DEFERRED at its COMMIT."""
    server.execute(*(text.format(what=what, when=when) for text in DEFERRED))
    yield
    server.execute("DROP FUNCTION clm_ethics.fail CASCADE")


@pytest.mark.parametrize("when", ["DEFERRED", "IMMEDIATE"])
@pytest.mark.parametrize(
    ("state", "error", "says"),
    [
        ("40001", StorageUnavailable, "at the same time"),
        ("40P01", StorageUnavailable, "in a circle"),
        ("53100", StorageUnavailable, "disk is full"),
        ("57014", StorageUnavailable, "cancel"),
        ("P0001", StorageUnavailable, "P0001"),
        ("XX001", StorageCorrupt, "damaged"),
    ],
)
def test_errors_that_roll_back(
    storage: PostgresStorage, emptied: Server, when: str, state: str, error: type, says: str
) -> None:
    """An error of the statement or of its COMMIT has rolled everything back, and is said so."""
    create(storage, b"s", head(1))
    for writes in ([Write(b"s", 1, kept(2))], [Write(b"s", 1, kept(2)), Write(b"t", 0, head(1))]):
        fault = f"RAISE EXCEPTION 'secret' USING ERRCODE = '{state}'"
        with failing(emptied, fault, when), pytest.raises(error, match=says) as caught:
            storage.commit(writes)
        assert getattr(caught.value, "written", False) is False
        assert "secret" not in str(caught.value)
        assert (1, None) == (living(storage, b"s").version, load(storage, b"t"))
    make(storage, Write(b"s", 1, kept(2)))


def test_a_session_that_is_ended_in_its_commit(storage: PostgresStorage, emptied: Server) -> None:
    """Where the session ends before the answer, the outcome is unknown; the next call works."""
    create(storage, b"s", head(1))
    fault = "PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL"
    with failing(emptied, fault), pytest.raises(StorageUnavailable) as caught:
        storage.commit([Write(b"s", 1, kept(2))])
    assert caught.value.written is None
    assert living(storage, b"s").version == 1


# Locks -------------------------------------------------------------------------------------------


def test_a_deadlock(storage: PostgresStorage, emptied: Server) -> None:
    """A circle of waiting that somebody else closed is broken: nothing of our call was written."""
    for name in (b"a", b"b"):
        create(storage, name, head(1))
    # It waits for a minute before it looks for a circle: it is our session that finds it.
    script = "SET LOCAL deadlock_timeout = '60s'; UPDATE clm_ethics.head SET version = 9 WHERE stream = 'b'"
    with psycopg.connect(emptied.address()) as other:
        other.execute(script)

        async def scenario() -> None:
            call = asyncio.to_thread(storage.commit, [Write(b"b", 1, kept(2)), Write(b"a", 1, kept(2))])
            ours = asyncio.ensure_future(call)
            await blocked(emptied)
            theirs = asyncio.to_thread(
                other.execute, b"UPDATE clm_ethics.head SET version = 9 WHERE stream = 'a'"
            )
            with pytest.raises(StorageUnavailable, match="in a circle") as caught:
                await asyncio.gather(ours, theirs)
            assert caught.value.written is False

        asyncio.run(scenario())
        other.rollback()
    assert [1, 1] == [living(storage, name).version for name in (b"a", b"b")]


def test_calls_that_name_the_same_streams_in_other_orders(emptied: Server) -> None:
    """Calls for the same streams never wait for each other in a circle, whatever their order."""
    names = [b"%d" % n for n in range(20)]
    made: list[list[bool]] = []
    with closing(PostgresStorage(emptied.address())) as storage:
        for run in range(20):
            writes = [Write(b"%d/" % run + name, 0, head(1)) for name in names]
            barrier = Barrier(2)

            def write(writes: list[Write], step: int, barrier: Barrier) -> None:
                barrier.wait(60)
                made.append(list(storage.commit(writes[::step]))[::step])

            together(partial(write, writes, 1, barrier), partial(write, writes, -1, barrier))
    for one, other in zip(made[::2], made[1::2], strict=True):
        assert [True] * 20 == [a != b for a, b in zip(one, other, strict=True)]


def test_a_lock_that_is_held_too_long(emptied: Server) -> None:
    """A write waits for another's lock as long as was said, and not for ever."""
    with closing(PostgresStorage(emptied.address(), timeout=0.1)) as storage:
        create(storage, b"s", head(1))
        refused = pytest.raises(StorageUnavailable, match="is locked by another transaction")
        with holding(emptied, "SELECT FROM clm_ethics.head FOR UPDATE"), refused as caught:
            storage.commit([Write(b"s", 1, kept(2))])
        assert caught.value.written is False
        make(storage, Write(b"s", 1, kept(2)))


def test_a_version_that_moves_while_a_write_waits(storage: PostgresStorage, emptied: Server) -> None:
    """A write that waited for another's is refused if that one was made, with all that belongs to it."""
    create(storage, b"s", head(1, 1, marks=[(b"t", 1)]), entry(1))

    async def scenario() -> None:
        change = "UPDATE clm_ethics.head SET version = 2 WHERE stream = 's'"
        with psycopg.connect(emptied.address()) as other:
            other.execute(change)
            late = Write(b"s", 1, head(3, 2, marks=[(b"u", 1)]), (entry(2),), (1,))
            call = asyncio.ensure_future(asyncio.to_thread(storage.commit, [late]))
            await blocked(emptied)
            other.commit()
            assert [False] == list(await call)

    asyncio.run(scenario())
    assert head(2, 1, marks=[(b"t", 1)]) == living(storage, b"s")
    assert ([entry(1)], [(1, b"s")], []) == (
        story(storage, b"s"),
        marked(storage, b"t"),
        marked(storage, b"u"),
    )


# Cancelled callers -------------------------------------------------------------------------------


def test_a_cancelled_caller_never_cancels_a_commit(emptied: Server) -> None:
    """The commit of a caller that gave up is made; closing waits for it."""

    async def scenario() -> None:
        async with AsyncPostgresStorage(emptied.address()) as storage:
            assert [True] == list(await storage.commit([Write(b"s", 0, head(1))]))
            with holding(emptied, "SELECT FROM clm_ethics.head FOR UPDATE") as other:
                call = asyncio.ensure_future(storage.commit([Write(b"s", 1, kept(2))]))
                await blocked(emptied)
                call.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await call
                closing = asyncio.ensure_future(storage.aclose())
                await asyncio.sleep(0)
                assert not closing.done()
                other.rollback()
                await closing
            with pytest.raises(StorageUnavailable, match="is closed"):
                await storage.load([b"s"])

    asyncio.run(scenario())
    with closing(PostgresStorage(emptied.address())) as storage:
        assert living(storage, b"s").version == 2


def test_a_cancelled_reader(emptied: Server) -> None:
    """A reader that gave up leaves a connection that others can use."""

    async def scenario() -> None:
        async with AsyncPostgresStorage(emptied.address(), max_size=1) as storage:
            assert [None] == list(await storage.load([b"s"]))
            with holding(emptied, "LOCK TABLE clm_ethics.head"):
                call = asyncio.ensure_future(storage.load([b"s"]))
                await blocked(emptied)
                call.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await call
            assert [None] == list(await storage.load([b"s"]))

    asyncio.run(scenario())


def test_an_awaiting_storage_opens_when_it_can(emptied: Server) -> None:
    """Opening that failed is tried anew by the next call; another loop is refused."""
    storage = AsyncPostgresStorage(emptied.address(), timeout=2)

    async def refused() -> None:
        with pytest.raises(StorageUnavailable) as caught:
            await storage.load([b"s"])
        assert caught.value.written is False

    async def scenario() -> None:
        emptied.stop()
        try:
            await refused()
        finally:
            emptied.start()
        assert [[None], [None]] == list(await asyncio.gather(storage.load([b"s"]), storage.load([b"s"])))
        await asyncio.to_thread(asyncio.run, refused())
        await storage.aclose()
        await storage.aclose()

    asyncio.run(scenario())
