"""Opening a PostgreSQL database: addresses, tables, settings, servers that are refused; round trips."""

from __future__ import annotations

import asyncio
import tempfile
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING

import psycopg
import pytest

from clm_ethics import AsyncSteward, Steward, storage
from clm_ethics.errors import StorageCorrupt, StorageUnavailable, UsageError
from clm_ethics.storage.contract import Write
from clm_ethics.storage.postgresql import AsyncPostgresStorage, PostgresStorage, open_url
from clm_ethics.storage.postgresql_schema import judge
from clm_ethics.testing.conformance_tools import (
    create,
    entries,
    entry,
    head,
    kept,
    living,
    make,
    story,
    together,
)
from clm_ethics.vault.keys import MemoryKeys
from tests.face.shop import EMAIL, POLICY, Clock, Seeded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.storage.postgresql_server import Server


@pytest.fixture
def fresh(server: Server) -> Iterator[Server]:
    """Return the server without the usual namespace."""
    server.execute("DROP SCHEMA IF EXISTS clm_ethics CASCADE")
    yield server
    server.execute("DROP SCHEMA IF EXISTS clm_ethics CASCADE")


def test_an_address(fresh: Server) -> None:
    """``storage.open`` finds the adapter by its scheme; the first who opens creates the tables."""
    with closing(storage.open(fresh.address())) as opened:
        assert isinstance(opened, PostgresStorage)
        create(opened, b"s", head(1))
    with closing(open_url(fresh.address())) as opened:
        assert living(opened, b"s").version == 1


@pytest.mark.parametrize(
    "address", ["postgresql://user:secret@[", "postgresql://x/db?no_such=secret", "secret"]
)
def test_what_is_no_address(address: str) -> None:
    """A malformed address is named as such, and not shown: it may hold a password."""
    for kind in (PostgresStorage, AsyncPostgresStorage):
        with pytest.raises(UsageError, match="postgresql://user@host/database") as caught:
            kind(address)
        assert "secret" not in str(caught.value)


@pytest.mark.parametrize("schema", ["", "pg_x", "x" * 64, "a\x00"])
def test_what_is_no_namespace(schema: str) -> None:
    """A namespace that PostgreSQL would refuse or cut is refused before anything is connected."""
    with pytest.raises(UsageError, match="namespace"):
        PostgresStorage("postgresql://x/y", schema=schema)


def test_a_server_that_is_not_there(server: Server) -> None:
    """An address without a server, and a database that does not exist, are errors of opening."""
    with tempfile.TemporaryDirectory() as folder:
        for address in (f"postgresql://postgres@/postgres?host={folder}", server.address(database="none")):
            with pytest.raises(StorageUnavailable, match="check that the server runs") as caught:
                PostgresStorage(address)
            assert caught.value.written is False


def test_namespaces_are_apart(fresh: Server) -> None:
    """Two namespaces of one database, with names that need quoting, are two storages."""
    names = ("clm_ethics", 'odd "name" %s; --')
    for version, name in enumerate(names, start=1):
        with closing(PostgresStorage(fresh.address(), schema=name)) as opened:
            create(opened, b"s", head(version, version), *entries(1, version))
    for version, name in enumerate(names, start=1):
        with closing(PostgresStorage(fresh.address(), schema=name)) as opened:
            assert (version, version) == (living(opened, b"s").version, len(story(opened, b"s")))
    fresh.execute('DROP SCHEMA "odd ""name"" %s; --" CASCADE')


def test_several_that_open_an_empty_database_at_once(fresh: Server) -> None:
    """One creates the tables, the others wait for it and find them."""
    opened: list[PostgresStorage] = []
    together(*(lambda: opened.append(PostgresStorage(fresh.address())) for _ in range(4)))
    for each in opened:
        with closing(each):
            assert [None] == list(each.load([b"s"]))
    assert [(1,)] == fresh.execute("SELECT schema FROM clm_ethics.about")


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        ("UPDATE clm_ethics.about SET schema = 99", "another version .schema 99, known up to 1.; upgrade"),
        ("DELETE FROM clm_ethics.about", "another version"),
        ("DROP TABLE clm_ethics.mark", "lacks the table mark"),
    ],
)
def test_tables_that_are_not_ours(emptied: Server, damage: str, says: str) -> None:
    """Tables of a newer version, or not all of them, are refused and left alone."""
    emptied.execute(damage)
    with pytest.raises(StorageCorrupt, match=says):
        PostgresStorage(emptied.address())
    emptied.execute("DROP SCHEMA clm_ethics CASCADE")


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        ("DROP TABLE clm_ethics.entry", "has not the tables"),
        ("ALTER TABLE clm_ethics.head DROP COLUMN data", "has not the columns"),
        ("INSERT INTO clm_ethics.mark VALUES ('s', 't', 1)", "contradicts itself"),
        ("INSERT INTO clm_ethics.entry VALUES ('s', 1, '', '')", "contradicts itself"),
    ],
)
def test_tables_that_were_altered(emptied: Server, damage: str, says: str) -> None:
    """What no sequence of writes explains is corrupt, and the write is not made."""
    with closing(PostgresStorage(emptied.address())) as opened:
        emptied.execute(damage)
        with pytest.raises(StorageCorrupt, match=says):
            opened.commit([Write(b"s", 0, head(1, 1, marks=[(b"t", 1)]), (entry(1),))])
    assert [] == emptied.execute("SELECT stream FROM clm_ethics.head")
    emptied.execute("DROP SCHEMA clm_ethics CASCADE")


def test_a_head_that_was_altered(emptied: Server) -> None:
    """A head whose marks do not fit together is corrupt."""
    with closing(PostgresStorage(emptied.address())) as opened:
        create(opened, b"s", head(1, marks=[(b"t", 1)]))
        emptied.execute("UPDATE clm_ethics.head SET instants = '{}'")
        with pytest.raises(StorageCorrupt, match="another shape"):
            opened.load([b"s"])


@pytest.mark.parametrize(
    "write",
    [
        Write(b"s", 1, kept(2, 5), (entry(5),)),
        Write(b"s", 1, kept(2, 2), (entry(2),)),
        Write(b"s", 1, None),
        Write(b"new", 0, head(1, 3), (entry(3),)),
    ],
)
def test_duties_of_the_caller(emptied: Server, write: Write) -> None:
    """Entries that do not continue the stored ones, and deleting a story, are ``ValueError``, and undone."""
    with closing(PostgresStorage(emptied.address())) as opened:
        create(opened, b"s", head(1, 2), *entries(1, 2))
        for writes in ([write], [Write(b"a", 0, head(1)), write, Write(b"z", 0, head(1))]):
            with pytest.raises(ValueError, match=r"continue|length 0"):
                opened.commit(writes)
        assert [None, None, None] == list(opened.load([b"a", b"new", b"z"]))
        assert (1, list(entries(1, 2))) == (living(opened, b"s").version, story(opened, b"s"))


# Settings ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ((True, 180000, "UTF8", "on", "on"), "is a standby; connect to the primary"),
        ((False, 130009, "UTF8", "on", "on"), "is of version 13; use PostgreSQL 14"),
        ((False, 180000, "LATIN1", "on", "on"), "is encoded as LATIN1"),
        ((False, 180000, "UTF8", "off", "on"), "has fsync = off, so it would not be durable"),
        ((False, 180000, "UTF8", "on", "off"), "has full_page_writes = off"),
    ],
)
def test_servers_that_are_refused(row: tuple[object, ...], says: str) -> None:
    """A server that would lose or change what is written is refused, with what to do about it."""
    with pytest.raises(StorageUnavailable, match=says) as caught:
        judge(row, "here")
    assert caught.value.written is False


def test_a_database_of_another_encoding(server: Server) -> None:
    """A real database that is not UTF8 is refused, and nothing is created in it."""
    server.execute("CREATE DATABASE plain ENCODING 'SQL_ASCII' TEMPLATE template0")
    with pytest.raises(StorageUnavailable, match="ENCODING 'UTF8'"):
        PostgresStorage(server.address(database="plain"))
    server.execute("DROP DATABASE plain")


def test_a_server_that_stops_being_durable(emptied: Server) -> None:
    """Also a connection that is opened later is refused by a server that has lost its durability."""
    with closing(PostgresStorage(emptied.address(), min_size=0, max_size=1, timeout=2)) as opened:
        emptied.execute("ALTER SYSTEM SET full_page_writes = off", "SELECT pg_reload_conf()")
        while emptied.execute("SHOW full_page_writes") == [("on",)]:
            pass
        try:
            with pytest.raises(StorageUnavailable, match="full_page_writes = off"):
                opened.commit([Write(b"s", 0, head(1))])
        finally:
            emptied.execute("ALTER SYSTEM RESET full_page_writes", "SELECT pg_reload_conf()")
            while emptied.execute("SHOW full_page_writes") == [("off",)]:
                pass


def test_transactions_have_our_settings(emptied: Server) -> None:
    """Whatever the role prefers, each write is READ COMMITTED and waits for the disk."""
    emptied.execute(
        "CREATE ROLE loose SUPERUSER LOGIN",
        "ALTER ROLE loose SET default_transaction_isolation = 'serializable'",
        "ALTER ROLE loose SET default_transaction_read_only = on",
        "ALTER ROLE loose SET synchronous_commit = off",
        "CREATE TABLE clm_ethics.seen (isolation text, waits text)",
        """CREATE FUNCTION clm_ethics.see() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            INSERT INTO clm_ethics.seen VALUES (current_setting('transaction_isolation'),
            current_setting('synchronous_commit')); RETURN NULL; END $$""",
        "CREATE TRIGGER see AFTER INSERT ON clm_ethics.head FOR EACH ROW EXECUTE FUNCTION clm_ethics.see()",
    )
    with closing(PostgresStorage(emptied.address("loose"))) as opened:
        make(opened, Write(b"a", 0, head(1)))
        make(opened, Write(b"b", 0, head(1)), Write(b"c", 0, head(1)))
    assert [("read committed", "on")] * 3 == emptied.execute("SELECT * FROM clm_ethics.seen")
    emptied.execute("DROP SCHEMA clm_ethics CASCADE", "DROP ROLE loose")


# Round trips -------------------------------------------------------------------------------------


def counted(opened: PostgresStorage, call: Callable[[], object]) -> int:
    """Count the round trips of *call* on the only connection, as libpq traces its messages."""
    with tempfile.TemporaryFile("w+") as trace:
        with opened._pool.connection() as connection:
            connection.pgconn.trace(trace.fileno())
            connection.pgconn.set_trace_flags(psycopg.pq.Trace.SUPPRESS_TIMESTAMPS)
        call()
        with opened._pool.connection() as connection:
            connection.pgconn.untrace()
        trace.seek(0)
        senders = [line[0] for line in trace if line[0] in "FB"]
    return sum(before + after == "BF" for before, after in zip(["B", *senders], senders, strict=False))


def test_one_round_trip_a_call(emptied: Server) -> None:
    """Each call is one question and one answer, as soon as its statements are prepared."""
    with closing(PostgresStorage(emptied.address(), max_size=1)) as opened:
        create(opened, b"s", head(1))
        make(opened, Write(b"s", 1, kept(2, 1), (entry(1),)))
        opened.find(b"t", until=1, after=(-1, b""), limit=1)
        opened.load([b"s", b"t"])
        story(opened, b"s")
        for n in (2, 3):
            many = [Write(b"%d/%d" % (n, k), 0, head(1)) for k in range(10)]
            counts = [
                counted(opened, call)
                for call in (
                    partial(opened.load, [b"s"]),
                    partial(opened.load, [b"s", b"t"]),
                    partial(opened.entries, b"s", after=0, limit=9),
                    partial(opened.find, b"t", until=1, after=(-1, b""), limit=1),
                    partial(opened.commit, [Write(b"s", n, kept(n + 1, n), (entry(n),))]),
                    partial(opened.commit, many),
                )
            ]
        assert [1] * 6 == counts


def test_an_audited_read_is_two_round_trips(emptied: Server) -> None:
    """A read is loaded and is in the ledger before its answer leaves: two round trips, not one more."""
    with closing(PostgresStorage(emptied.address(), max_size=1)) as opened:
        shop = Steward.open(
            opened, policy=POLICY, keys=MemoryKeys(Seeded("keys")), clock=Clock(), random=Seeded()
        )
        with shop:
            ana = shop.enroll("c-1001", {"email": EMAIL, "region": "DE"}, purpose="account", by="signup")
            for _ in range(4):  # then every statement of it has been prepared
                assert ana.read("account", by="web")["email"] == EMAIL
            before = living(opened, _longest(emptied)).length
            assert counted(opened, lambda: ana.read("account", by="web")) == 2
            assert living(opened, _longest(emptied)).length == before + 1


def _longest(server: Server) -> bytes:
    [[stream]] = server.execute("SELECT stream FROM clm_ethics.head ORDER BY length DESC, stream LIMIT 1")
    return bytes(stream)


# A whole life ------------------------------------------------------------------------------------


def test_a_whole_life(emptied: Server) -> None:
    """Enrolled, recorded, asked, read, erased, sealed and proved: the face works as on any storage."""
    keys = MemoryKeys(Seeded("keys"))
    with Steward.open(emptied.address(), policy=POLICY, keys=keys, clock=Clock(), random=Seeded()) as shop:
        ana = shop.enroll("c-1001", {"email": EMAIL, "region": "DE"}, purpose="account", by="signup")
        ana.record(
            "order_placed", {"sku": "tea", "amount": "19.90"}, purpose="order", by="checkout", key="77"
        )
        receipt = ana.grant(
            "recommendations", shown=shop.notice("recommendations", locale="en").id, by="signup"
        )
        assert ana.read("recommendations", by="web")
        ana.withdraw("recommendations", by="customer")
        assert not ana.read("recommendations", by="web")
    with Steward.open(emptied.address(), policy=POLICY, keys=keys, clock=Clock(), random=Seeded(1)) as shop:
        ana = shop.customer("c-1001")
        assert ana.erase(by="customer")
        shop.seal()
        assert shop.ledger.verify()
        assert shop.prove(receipt)
        assert not ana.may("account")
    for table in ("head", "entry", "mark"):
        assert EMAIL.encode() not in repr(emptied.execute(f"SELECT * FROM clm_ethics.{table}")).encode()


def test_a_whole_life_on_an_event_loop(emptied: Server) -> None:
    """The awaiting face on the awaiting storage writes what the blocking one can read and verify."""
    keys = MemoryKeys(Seeded("keys"))

    async def scenario() -> None:
        async with (
            AsyncPostgresStorage(emptied.address()) as opened,
            AsyncSteward.open(opened, policy=POLICY, keys=keys, clock=Clock(), random=Seeded()) as shop,
        ):
            enrolled = [
                shop.enroll(f"c-{n}", {"email": EMAIL, "region": "DE"}, purpose="account", by="signup")
                for n in range(5)
            ]
            people = await asyncio.gather(*enrolled)
            views = await asyncio.gather(*(each.read("account", by="web") for each in people))
            assert [EMAIL] * 5 == [view["email"] for view in views]
            await shop.seal()

    asyncio.run(scenario())
    with Steward.open(emptied.address(), policy=POLICY, keys=keys, clock=Clock(), random=Seeded(1)) as shop:
        assert shop.ledger.verify()
        assert shop.customer("c-3").may("account")
