"""What is left of overwritten, forgotten and deleted bytes in the files of a PostgreSQL server."""

from __future__ import annotations

import asyncio
from contextlib import closing
from typing import TYPE_CHECKING

import psycopg
import pytest

from clm_ethics import Steward
from clm_ethics.errors import StorageUnavailable
from clm_ethics.storage import Scrubbable
from clm_ethics.storage.contract import Entry, Head, Mark, Write
from clm_ethics.storage.postgresql import AsyncPostgresStorage, PostgresStorage
from clm_ethics.storage.postgresql import create as create_tables
from clm_ethics.testing.conformance_tools import head, kept, make, story
from clm_ethics.vault.keys import MemoryKeys
from tests.face.shop import EMAIL, POLICY, Clock, Seeded

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.storage.postgresql_server import Server

SECRET = b"quetzalcoatlus"
LONG = SECRET + bytes(range(256)) * 40
"""Longer than what fits into a row: it goes into a table beside."""


def found(server: Server, folder: str) -> list[str]:
    """Return the files below *folder* of the server that hold the secret."""
    files = [each for each in (server.folder / "data" / folder).rglob("*") if each.is_file()]
    return [str(each.relative_to(server.folder)) for each in files if SECRET in each.read_bytes()]


@pytest.fixture
def written(emptied: Server) -> Iterator[PostgresStorage]:
    """Return a storage in which the secret was in a body, a state, values and a mark, and is no more."""
    with closing(PostgresStorage(emptied.address())) as storage:
        for n, body in enumerate((SECRET, LONG)):
            name = b"s%d" % n
            marks = (Mark(SECRET, 1),)
            make(storage, Write(name, 0, Head(1, 1, b"", body, body, marks), (Entry(1, b"d", body),)))
            make(storage, Write(name, 1, Head(2, 1, b"", b"", b"", ()), (), (1,)))
            make(storage, Write(b"k%d" % n, 0, Head(1, 0, b"", body, body, marks)))
            make(storage, Write(b"k%d" % n, 1, None))
        emptied.execute("CHECKPOINT")
        yield storage


def test_a_full_scrub_leaves_no_trace_in_the_tables(written: PostgresStorage, server: Server) -> None:
    """After it no file of the database holds the old bytes; the write-ahead log does, and it is said."""
    assert isinstance(written, Scrubbable)
    assert found(server, "base")
    report = written.scrub(full=True)
    assert [] == found(server, "base")
    assert found(server, "pg_wal")
    assert not any(line.startswith("not done") for line in report)
    assert "written anew" in report[0]
    assert "given up" in report[1]
    assert report[-1].startswith("not reached: the write-ahead log")
    assert [(1, None)] * 2 == [(each.index, each.body) for n in (b"s0", b"s1") for each in story(written, n)]


def test_a_scrub_gives_the_place_free(written: PostgresStorage, server: Server) -> None:
    """Without rewriting every table is vacuumed, and it is said that bytes may be left."""
    asked = "SELECT sum(vacuum_count)::int FROM pg_stat_user_tables WHERE schemaname = 'clm_ethics'"
    [[before]] = server.execute(asked)
    report = written.scrub()
    assert [(before + 3,)] == server.execute(asked)
    assert "bytes of them stay" in report[0]
    assert report[-1].startswith("not reached")
    assert len(report) == 2


def test_a_scrub_on_an_event_loop(written: PostgresStorage, server: Server) -> None:
    """The awaiting storage does and says the same."""

    async def scenario() -> list[str]:
        async with AsyncPostgresStorage(server.address()) as storage:
            return [*await storage.scrub(full=True)]

    assert list(written.scrub(full=True)) == asyncio.run(scenario())
    assert [] == found(server, "base")


def test_rows_that_somebody_still_reads(written: PostgresStorage, server: Server) -> None:
    """A transaction that began before keeps old rows alive, and the report says so."""
    with psycopg.connect(server.address()) as reader:
        reader.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        reader.execute("SELECT 1")
        report = written.scrub()
        reader.rollback()
    assert any("1 sessions were reading" in line for line in report)
    assert not any("sessions were reading" in line for line in written.scrub())


def test_a_role_that_may_not(emptied: Server) -> None:
    """The application's role is told who can; an owner who is no administrator, what he cannot."""
    emptied.execute("DROP SCHEMA clm_ethics CASCADE", "CREATE ROLE s_app LOGIN", "CREATE ROLE s_owner LOGIN")
    emptied.execute("GRANT CREATE ON DATABASE postgres TO s_owner")
    try:
        create_tables(emptied.address("s_owner"), application="s_app")
        with closing(PostgresStorage(emptied.address("s_app"))) as storage:
            [first, last] = storage.scrub()
            assert first.startswith("not done: this role may not vacuum")
            assert last.startswith("not reached")
            tables = "clm_ethics.head, clm_ethics.entry, clm_ethics.mark"
            emptied.execute(f"GRANT MAINTAIN ON {tables} TO s_app")
            assert "given free" in storage.scrub()[0]
        with closing(PostgresStorage(emptied.address("s_owner"))) as storage:
            assert "stay until the next checkpoint" in storage.scrub(full=True)[1]
        with psycopg.connect(emptied.address()) as other, closing(PostgresStorage(emptied.address())) as own:
            other.execute("DROP TABLE clm_ethics.mark")
            other.commit()
            assert own.scrub()[0].startswith("not done: the tables were not vacuumed: has not the tables")
    finally:
        emptied.execute("DROP SCHEMA clm_ethics CASCADE", "REVOKE ALL ON DATABASE postgres FROM s_owner")
        emptied.execute("DROP ROLE s_app", "DROP ROLE s_owner")


def test_a_server_that_is_gone(emptied: Server) -> None:
    """Without a server there is nothing to report, in both colours."""
    storage = PostgresStorage(emptied.address(), timeout=1)
    awaiting = AsyncPostgresStorage(emptied.address(), timeout=1)
    emptied.stop()
    try:
        with closing(storage), pytest.raises(StorageUnavailable, match="did not answer"):
            storage.scrub()
        with pytest.raises(StorageUnavailable, match="did not answer"):
            asyncio.run(awaiting.scrub())
    finally:
        emptied.start()


def test_an_erasure_says_what_was_scrubbed(emptied: Server) -> None:
    """Erasing vacuums the tables, and its certificate says what that leaves."""
    keys = MemoryKeys(Seeded("keys"))
    with Steward.open(emptied.address(), policy=POLICY, keys=keys, clock=Clock(), random=Seeded()) as shop:
        ana = shop.enroll("c-1", {"email": EMAIL, "region": "DE"}, purpose="account", by="signup")
        notes = ana.erase(by="customer").fields()["notes"]
    assert any("given free" in note for note in notes)
    assert any(note.startswith("not reached: the write-ahead log") for note in notes)


def test_a_stream_goes_on_after_a_scrub(written: PostgresStorage) -> None:
    """What is there stays as it was."""
    written.scrub(full=True)
    make(written, Write(b"s0", 2, kept(3, 1)), Write(b"new", 0, head(1)))
