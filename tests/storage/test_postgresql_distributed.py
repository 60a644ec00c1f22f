"""The tables are ready to be spread by stream: over partitions, as PostgreSQL shows, and over nodes."""

from __future__ import annotations

import asyncio
import json
from contextlib import closing
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from clm_ethics.commands import main
from clm_ethics.errors import StorageUnavailable
from clm_ethics.storage.contract import FIRST, Write
from clm_ethics.storage.postgresql import AsyncPostgresStorage, PostgresStorage, create
from clm_ethics.storage.postgresql_schema import SCHEMA, prepare
from clm_ethics.storage.postgresql_spread import WRITE
from clm_ethics.storage.postgresql_sql import Statements
from clm_ethics.testing import StorageConformance
from clm_ethics.testing.conformance_tools import create as create_stream
from clm_ethics.testing.conformance_tools import entries, entry, head, kept, make, story

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from clm_ethics.storage.postgresql_sql import Call
    from tests.storage.postgresql_server import Server

PARTS = 16
TABLES = ("head", "entry", "mark")


@pytest.fixture
def parted(emptied: Server) -> Iterator[Server]:
    """Return the server with every table of the namespace ``parted`` in partitions by stream."""
    statements = ["CREATE SCHEMA parted", "CREATE TABLE parted.about AS SELECT * FROM clm_ethics.about"]
    for table in TABLES:
        statements.append(
            f"CREATE TABLE parted.{table} (LIKE clm_ethics.{table} INCLUDING ALL) PARTITION BY HASH (stream)"
        )
        statements += [
            f"CREATE TABLE parted.{table}_{n} PARTITION OF parted.{table}"
            f" FOR VALUES WITH (MODULUS {PARTS}, REMAINDER {n})"
            for n in range(PARTS)
        ]
    emptied.execute(*statements)
    yield emptied
    emptied.execute("DROP SCHEMA parted CASCADE")


def touched(server: Server, call: Call[Any]) -> dict[str, set[str]]:
    """Run *call*, and return per table the partitions that its statements have read or written."""
    parts: dict[str, set[str]] = {}

    def walk(node: dict[str, Any]) -> None:
        table, _, number = node.get("Relation Name", "").partition("_")
        if number and node["Actual Loops"]:
            parts.setdefault(table, set()).add(number)
        for each in (*node.get("Plans", ()), *node.get("Target Tables", ())):
            walk({"Actual Loops": 1, **each})

    with psycopg.connect(server.address(), autocommit=True) as connection:
        connection.execute(*prepare(10, "parted"))
        for statement in call.statements:
            asked = b"EXPLAIN (ANALYZE, COSTS OFF, FORMAT JSON) " + statement.text
            [[[plan]]] = connection.execute(asked, statement.values).fetchall()
            walk(plan["Plan"])
    return parts


S = Statements("parted", "here")
HOT = {
    "create": [Write(b"s", 0, head(1, 2, marks=[(b"t", 1)]), entries(1, 2))],
    "append one": [Write(b"c", 1, kept(2, 3), (entry(3),))],
    "append several": [Write(b"c", 1, kept(2, 4), entries(3, 4))],
    "forget": [Write(b"c", 1, kept(2, 2), (), (1,))],
    "mark": [Write(b"c", 1, head(2, 2, marks=[(b"t", 9), (b"u", 1)]))],
    "unmark": [Write(b"c", 1, head(2, 2))],
    "delete": [Write(b"k", 1, None)],
    "refused": [Write(b"c", 7, kept(2, 3), (entry(3),))],
    "create what exists": [Write(b"c", 0, head(1, 1, marks=[(b"t", 1)]), entries(1, 1))],
}


@pytest.mark.parametrize("name", HOT)
def test_a_write_touches_one_partition(parted: Server, name: str) -> None:
    """Whatever a write changes lies in the partition of its stream, of every table."""
    with closing(PostgresStorage(parted.address(), schema="parted")) as storage:
        create_stream(storage, b"c", head(1, 2, marks=[(b"t", 1)]), *entries(1, 2))
        create_stream(storage, b"k", head(1, marks=[(b"t", 1)]))
    parts = touched(parted, S.commit(HOT[name]))
    assert all(len(each) <= 1 for each in parts.values())
    if name not in {"create", "create what exists"}:  # an INSERT goes where the stream belongs
        assert len(parts["head"]) == 1


def test_questions_about_a_stream_touch_one_partition(parted: Server) -> None:
    """Loading a head and paging its entries look into one partition; several streams, into as many."""
    assert [1, 1] == [
        sum(map(len, touched(parted, call).values())) for call in (S.load([b"s"]), S.entries(b"s", 0, 10))
    ]
    assert sum(map(len, touched(parted, S.load([b"s", b"t", b"u"])).values())) <= 3


def test_finding_asks_every_partition(parted: Server) -> None:
    """``find`` is the one statement that asks everywhere: a mark lies with its stream."""
    assert {"mark": {str(n) for n in range(PARTS)}} == touched(parted, S.find(b"t", 1, FIRST, 10))


def test_nothing_spans_streams(emptied: Server) -> None:
    """The stream leads every key and is in every unique one, and there is no sequence."""
    keys = emptied.execute(
        "SELECT c.relname::text, a.attname::text FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indrelid"
        " JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = i.indkey[0]"
        " WHERE c.relnamespace = 'clm_ethics'::regnamespace AND i.indisunique ORDER BY 1"
    )
    assert [("entry", "stream"), ("head", "stream"), ("mark", "stream")] == keys
    sequences = "SELECT FROM pg_class WHERE relkind = 'S' AND relnamespace = 'clm_ethics'::regnamespace"
    assert [] == emptied.execute(sequences)
    with psycopg.connect(emptied.address()) as other, closing(PostgresStorage(emptied.address())) as storage:
        create_stream(storage, b"s", head(1))
        other.execute("UPDATE clm_ethics.head SET version = 9 WHERE stream = 's'")
        make(storage, Write(b"t", 0, head(1)))  # nobody waits for another stream's transaction
        other.rollback()


# What is said to Citus, to an extension of that name which only takes note ------------------------

STAND_IN = """
CREATE SCHEMA citus;
CREATE TABLE citus.pg_dist_partition (logicalrelid regclass, partkey text, colocated text);
ALTER TABLE citus.pg_dist_partition SET SCHEMA pg_catalog;
GRANT ALL ON pg_catalog.pg_dist_partition TO PUBLIC;
CREATE FUNCTION pg_catalog.create_distributed_table(table_name regclass, distribution_column text,
    distribution_type text DEFAULT 'hash', colocate_with text DEFAULT 'default', shard_count int DEFAULT NULL)
    RETURNS void LANGUAGE plpgsql AS $$ BEGIN
    IF EXISTS (SELECT FROM pg_trigger WHERE tgrelid = table_name AND NOT tgisinternal) THEN
        RAISE 'triggers are not supported on distributed tables'; END IF;
    INSERT INTO pg_dist_partition VALUES (table_name, distribution_column, colocate_with);
    END $$;
CREATE FUNCTION pg_catalog.create_reference_table(table_name regclass) RETURNS void
    LANGUAGE sql AS $$ INSERT INTO pg_dist_partition VALUES (table_name, NULL, NULL) $$;
CREATE FUNCTION pg_catalog.create_distributed_function(function_name regprocedure,
    distribution_arg_name text DEFAULT NULL, colocate_with text DEFAULT 'default',
    force_delegation bool DEFAULT NULL) RETURNS void LANGUAGE plpgsql AS $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_proc WHERE oid = function_name AND proargtypes[0] = 'bytea'::regtype
        AND proargnames[1] = distribution_arg_name) THEN
        RAISE 'the argument is not there, or of another type than the column'; END IF;
    INSERT INTO pg_dist_partition
        VALUES (colocate_with::regclass, 'function ' || distribution_arg_name, function_name);
    END $$;
"""


@pytest.fixture
def stand_in(server: Server) -> Iterator[str]:
    """Return the address of an empty database in which the extension that takes note is there."""
    folder = server.folder / "share" / "extension"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "citus.control").write_text("default_version = '1'\nrelocatable = false\n")
    (folder / "citus--1.sql").write_text(STAND_IN)
    server.execute(
        f"ALTER SYSTEM SET extension_control_path = '{server.folder}/share:$system'",
        "SELECT pg_reload_conf()",
        "CREATE DATABASE spread ENCODING 'UTF8' TEMPLATE template0",
        "CREATE ROLE spread_app LOGIN",
    )
    address = server.address(database="spread")
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute("CREATE EXTENSION citus")
    yield address
    server.execute(
        "DROP DATABASE spread WITH (FORCE)",
        "DROP ROLE spread_app",
        "ALTER SYSTEM RESET extension_control_path",
        "SELECT pg_reload_conf()",
    )


def said(address: str) -> list[Any]:
    """Return what Citus would have been told."""
    with psycopg.connect(address) as connection:
        asked = "SELECT logicalrelid::text, partkey, colocated FROM pg_dist_partition"
        return connection.execute(asked.encode()).fetchall()


def test_the_tables_are_distributed_by_stream(stand_in: str, capsys: pytest.CaptureFixture[str]) -> None:
    """``storage create --distributed`` says so once, and the application's role can do its work."""
    words = ["storage", "create", stand_in, "--distributed", "--application", "spread_app", "--json"]
    for _ in range(2):
        assert main(words) == 0
        document = json.loads(capsys.readouterr().out)
        assert (True, SCHEMA) == (document["distributed"], document["schema"])
    assert [
        ("clm_ethics.about", None, None),
        ("clm_ethics.head", "stream", "default"),
        ("clm_ethics.entry", "stream", '"clm_ethics".head'),
        ("clm_ethics.mark", "stream", '"clm_ethics".head'),
    ] == said(stand_in)[:4]
    [(beside, argument, function)] = said(stand_in)[4:]
    assert ("clm_ethics.head", "function of_stream") == (beside, argument)
    assert function.startswith("clm_ethics.write(bytea,bigint,")
    application = stand_in.replace("postgres@", "spread_app@")
    with closing(PostgresStorage(application)) as storage:
        create_stream(storage, b"s", head(1, 2, marks=[(b"t", 1)]), *entries(1, 2))
        make(storage, Write(b"s", 1, head(2, 3, marks=[(b"t", 2)]), (entry(3),), (1,)))
        assert [1, 2, 3] == [each.index for each in story(storage, b"s")]
    refused = pytest.raises(psycopg.errors.InsufficientPrivilege)
    for statement in ("DELETE FROM clm_ethics.entry", "UPDATE clm_ethics.entry SET digest = 'x'"):
        with psycopg.connect(application, autocommit=True) as connection, refused:
            connection.execute(statement.encode())


def test_a_namespace_whose_name_needs_quoting_is_distributed(stand_in: str) -> None:
    """The name that is told is the quoted one."""
    create(stand_in, schema='odd "%s"', distributed=True)
    assert len(said(stand_in)) == 5
    with closing(PostgresStorage(stand_in, schema='odd "%s"')) as storage:
        create_stream(storage, b"s", head(1, 1), entry(1))
        assert [entry(1)] == story(storage, b"s")


def test_plans_are_made_with_values_where_citus_is(stand_in: str, emptied: Server) -> None:
    """Citus has no generic plan for most statements; elsewhere each is planned once."""
    for address, expected in ((stand_in, "auto"), (emptied.address(), "force_generic_plan")):
        with psycopg.connect(address, autocommit=True) as connection:
            connection.execute(*prepare(10, '"clm_ethics"'))
            assert [(expected,)] == connection.execute("SHOW plan_cache_mode").fetchall()


def test_a_spread_storage_is_in_order(stand_in: str) -> None:
    """The triggers that are not there by design are a note, and no fault."""
    create(stand_in, distributed=True)
    with closing(PostgresStorage(stand_in)) as storage:
        found = storage.check()
    assert [] == [each for each in found if each.level == "fault"]
    assert any("spread over nodes" in each.text for each in found)


@pytest.fixture
def spread(parted: Server) -> Server:
    """Return the server, whose namespace ``parted`` is written by the function of a spread storage."""
    parted.execute(
        WRITE.replace("{s}", "parted"),
        # What Citus takes away, and what its nodes add: a plan for each call.
        "ALTER FUNCTION parted.write SET plan_cache_mode = force_custom_plan",
    )
    return parted


class TestSpread(StorageConformance):
    """Written by the function, on partitioned tables without triggers, it keeps the contract."""

    examples, length, many = 2, 2_000, 200

    @pytest.fixture
    def connect(self, spread: Server) -> Iterator[Callable[[], PostgresStorage]]:
        """Return what opens the namespace once more."""
        opened: list[PostgresStorage] = []

        def connect() -> PostgresStorage:
            opened.append(PostgresStorage(spread.address(), schema="parted", max_size=4))
            assert opened[-1].load([b"nobody"]) == [None]
            return opened[-1]

        yield connect
        for storage in opened:
            storage.close()


def test_an_awaiting_storage_is_spread_too(spread: Server) -> None:
    """Both colours call the function: what is not continuous is refused by it, and undoes the call."""

    async def run() -> list[object]:
        async with AsyncPostgresStorage(spread.address(), schema="parted") as storage:
            said: list[object] = [*await storage.commit([Write(b"s", 0, head(1, 1), (entry(1),))])]
            for write in (
                Write(b"s", 1, kept(2, 3), (entry(3),)),
                Write(b"t", 0, head(1, 1)),
                Write(b"s", 1, None),
            ):
                try:
                    said += await storage.commit([Write(b"u", 0, head(1)), write])
                except ValueError as error:
                    said.append(type(error.__cause__).__name__)
            return [*said, *await storage.load([b"t", b"u"])]

    expected = [True, "NotNullViolation", "NotNullViolation", "RestrictViolation", None, None]
    assert expected == asyncio.run(run())


def test_the_function_touches_one_partition(spread: Server) -> None:
    """Every statement of the function names the stream: rows change in one partition of each table."""
    counted = (
        "SELECT relname::text FROM pg_stat_xact_user_tables WHERE schemaname = 'parted'"
        " AND coalesce(seq_scan, 0) + coalesce(idx_scan, 0) + n_tup_ins > 0"
    )
    S.spread = True
    try:
        calls = [
            S.commit(HOT["create"]),
            S.commit([Write(b"s", 1, head(2, 3, marks=[(b"u", 1)]), (entry(3),), (1,))]),
        ]
    finally:
        S.spread = False
    with psycopg.connect(spread.address()) as connection:
        for call in calls:
            [statement] = call.statements
            assert [(True,)] == connection.execute(statement.text, statement.values).fetchall()
        touched = [name for (name,) in connection.execute(counted.encode()).fetchall()]
    assert sorted(TABLES) == sorted({name.partition("_")[0] for name in touched})
    assert len({name.partition("_")[2] for name in touched if "_" in name}) == 1


def test_without_the_extension_nothing_is_created(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    """Where there is no Citus, that is said, and the database stays as it was."""
    server.execute("DROP SCHEMA IF EXISTS clm_ethics CASCADE")
    assert main(["storage", "create", server.address(), "--distributed"]) == 1
    assert "has not the extension citus" in capsys.readouterr().err
    assert [] == server.execute("SELECT FROM pg_namespace WHERE nspname = 'clm_ethics'")
    with pytest.raises(StorageUnavailable, match="CREATE EXTENSION citus"):
        create(server.address(), distributed=True)


def test_creating_without_citus(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    """``storage create`` creates the tables and prints the grants; with a role it gives them."""
    server.execute("DROP SCHEMA IF EXISTS clm_ethics CASCADE", "CREATE ROLE crm LOGIN")
    assert main(["storage", "create", server.address()]) == 0
    out = capsys.readouterr().out
    assert 'GRANT SELECT, INSERT, UPDATE (body) ON "clm_ethics".entry TO ROLE;' in out
    with pytest.raises(StorageUnavailable, match="refuses this role"):
        PostgresStorage(server.address("crm"))
    assert main(["storage", "create", server.address(), "--application", "crm"]) == 0
    assert 'GRANT SELECT ON "clm_ethics".about TO "crm";' in capsys.readouterr().out
    with closing(PostgresStorage(server.address("crm"))) as storage:
        create_stream(storage, b"s", head(1))
    server.execute("DROP SCHEMA clm_ethics CASCADE", "DROP ROLE crm")


def test_other_storages_are_not_created(capsys: pytest.CaptureFixture[str]) -> None:
    """The address of another storage is a wrong call."""
    assert main(["storage", "create", "sqlite:///crm.db"]) == 2
    assert "only PostgreSQL" in capsys.readouterr().err
