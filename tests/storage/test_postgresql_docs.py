"""The page about PostgreSQL, and the roles that it describes, on a real server."""

from __future__ import annotations

import asyncio
import re
from contextlib import closing
from typing import TYPE_CHECKING

import psycopg
import pytest

from clm_ethics.errors import StorageUnavailable
from clm_ethics.storage.contract import Scrubbable, Write
from clm_ethics.storage.postgresql import AsyncPostgresStorage, PostgresStorage
from clm_ethics.storage.postgresql import create as create_tables
from clm_ethics.testing.conformance_tools import create, entries, entry, head, kept, living, load, make, story
from tests.test_docs import ROOT, desk
from tests.test_docs import test_every_example_runs_and_prints_what_it_says as run_page

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from tests.storage.postgresql_server import Server

__all__ = ["desk"]

PAGE = ROOT / "docs" / "postgresql.md"
ROLES, GRANTS = re.findall(r"```sql\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


@pytest.fixture
def documented(server: Server) -> Iterator[Server]:
    """Return a server with the roles and the database of the page."""
    server.execute(*ROLES.strip().splitlines())
    yield server
    server.execute("DROP DATABASE crm WITH (FORCE)", "DROP ROLE crm_app", "DROP ROLE crm_owner")


@pytest.fixture
def app(documented: Server) -> Iterator[str]:
    """Return the address of the database with tables for the application's role."""
    create_tables(documented.address("crm_owner", database="crm"), application="crm_app")
    return documented.address("crm_app", database="crm")


@pytest.mark.usefixtures("desk")
@pytest.mark.parametrize("page", [PAGE, PAGE.with_name("joined.md")], ids=lambda page: page.name)
def test_the_pages(documented: Server, monkeypatch: pytest.MonkeyPatch, page: Path) -> None:
    """Every example of the pages runs, as the roles that they name."""
    monkeypatch.setenv("PGHOST", str(documented.folder))
    run_page(page)


def test_the_grants_of_the_page_are_those_that_are_given(documented: Server) -> None:
    """Tables with the page's grants, typed by hand, have the same rights as those of ``create``."""
    listed = (
        "SELECT relname::text, relacl::text FROM pg_class WHERE relnamespace = 'clm_ethics'::regnamespace"
        " UNION ALL SELECT attname, attacl::text FROM pg_attribute WHERE attacl IS NOT NULL"
        " AND attrelid = 'clm_ethics.entry'::regclass"
        " UNION ALL SELECT nspname, nspacl::text FROM pg_namespace WHERE nspname = 'clm_ethics' ORDER BY 1"
    )
    owner = documented.address("crm_owner", database="crm")
    rights = []
    for application in (None, "crm_app"):
        create_tables(owner, application=application)
        with psycopg.connect(owner, autocommit=True) as connection:
            if application is None:
                connection.execute(GRANTS.encode())
            rights.append(connection.execute(listed.encode()).fetchall())
            connection.execute("DROP SCHEMA clm_ethics CASCADE")
    assert rights[0] == rights[1]
    assert "crm_app" in str(rights[0])


def test_the_application_can_do_all_that_the_contract_asks(app: str) -> None:
    """Creating, appending, forgetting, marking and deleting need no right that the page does not give."""
    with closing(PostgresStorage(app)) as storage:
        create(storage, b"s", head(1, 2, marks=[(b"t", 1), (b"u", 1)]), *entries(1, 2))
        make(storage, Write(b"s", 1, head(2, 3, marks=[(b"t", 2)]), (entry(3),), (1,)))
        make(storage, Write(b"k", 0, head(1, marks=[(b"t", 5)])))
        make(storage, Write(b"k", 1, None), Write(b"s", 2, kept(3, 5), entries(4, 5)))
        assert [None, 3] == [load(storage, b"k"), living(storage, b"s").version]
        assert [(2, b"s")] == list(storage.find(b"t", until=9, after=(-1, b""), limit=9))
        assert [1] == [each.index for each in story(storage, b"s") if each.body is None]


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM clm_ethics.entry",
        "TRUNCATE clm_ethics.entry",
        "UPDATE clm_ethics.entry SET digest = 'x'",
        "UPDATE clm_ethics.entry SET number = number + 10, body = NULL",
        "UPDATE clm_ethics.entry SET stream = 'x', body = NULL",
        "UPDATE clm_ethics.entry SET body = 'x'",
        "UPDATE clm_ethics.entry SET body = body",
        "DELETE FROM clm_ethics.head",
        "UPDATE clm_ethics.head SET length = 1",
        "UPDATE clm_ethics.head SET stream = 'x'",
        "UPDATE clm_ethics.about SET schema = 9",
        "DROP TABLE clm_ethics.entry",
        "ALTER TABLE clm_ethics.entry DISABLE TRIGGER ALL",
        "CREATE TABLE clm_ethics.more ()",
        "CREATE OR REPLACE FUNCTION clm_ethics.refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN END'",
    ],
)
def test_what_the_application_cannot_do(app: str, statement: str) -> None:
    """No statement of the application's role changes, revives or removes an entry, or its guards."""
    with closing(PostgresStorage(app)) as storage:
        create(storage, b"s", head(1, 2), *entries(1, 2))
        make(storage, Write(b"s", 1, kept(2, 2), (), (1,)))
        before = story(storage, b"s")
        refused = pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.RestrictViolation))
        with psycopg.connect(app, autocommit=True) as connection, refused:
            connection.execute(statement.encode())
        assert before == story(storage, b"s")


@pytest.mark.parametrize(
    "statement",
    ["DELETE FROM clm_ethics.entry", "UPDATE clm_ethics.entry SET body = 'x'", "DELETE FROM clm_ethics.head"],
)
def test_the_owner_is_stopped_by_the_triggers(documented: Server, app: str, statement: str) -> None:
    """What the owner may by right, the tables refuse all the same."""
    with closing(PostgresStorage(app)) as storage:
        create(storage, b"s", head(1, 2), *entries(1, 2))
    owner = documented.address("crm_owner", database="crm")
    refused = pytest.raises(psycopg.errors.RestrictViolation, match=r"clm_ethics: .* is refused")
    with psycopg.connect(owner, autocommit=True) as connection, refused:
        connection.execute(statement.encode())


@pytest.mark.parametrize(
    ("grant", "said", "vacuumed"),
    [("", "not done: this role may not vacuum", 0), ("GRANT MAINTAIN ON {} TO crm_app", "was given free", 3)],
)
def test_scrubbing(documented: Server, app: str, grant: str, said: str, vacuumed: int) -> None:
    """Old row versions are removed by a role that may, in both colours; another one says that it may not."""
    owner = documented.address("crm_owner", database="crm")
    tables = "clm_ethics.head, clm_ethics.entry, clm_ethics.mark"
    with psycopg.connect(owner, autocommit=True) as connection:
        if grant:
            connection.execute(grant.format(tables).encode())
        with closing(PostgresStorage(app)) as storage:
            assert isinstance(storage, Scrubbable)
            create(storage, b"k", head(1))
            make(storage, Write(b"k", 1, None))
            report = storage.scrub()
        counted = (
            "SELECT count(*) FROM pg_stat_all_tables WHERE schemaname = 'clm_ethics' AND vacuum_count > 0"
        )
        assert (vacuumed,) == connection.execute(counted.encode()).fetchone()
    assert said in report[0]
    assert "not reached" in report[1]

    async def main() -> Sequence[str]:
        async with AsyncPostgresStorage(app) as storage:
            return await storage.scrub()

    assert list(report) == list(asyncio.run(main()))


def test_scrubbing_that_has_to_wait(documented: Server) -> None:
    """A table that somebody has locked is reported as not vacuumed: an erasure does not fail for it."""
    owner = documented.address("crm_owner", database="crm")
    with closing(PostgresStorage(owner, timeout=0.2)) as storage, psycopg.connect(owner) as other:
        other.execute("LOCK TABLE clm_ethics.head")
        report = storage.scrub()
    assert report[0].startswith("not done: the tables were not vacuumed: is locked by another transaction")


def test_the_application_cannot_create_the_tables(documented: Server) -> None:
    """Without tables, the application is told who has to create them."""
    with pytest.raises(StorageUnavailable, match="let the owner create the tables") as caught:
        PostgresStorage(documented.address("crm_app", database="crm"))
    assert caught.value.written is False
    with pytest.raises(StorageUnavailable, match="let their owner call"):
        PostgresStorage(documented.address("crm_app", database="crm"), create=False)


def test_a_role_without_the_grants(documented: Server) -> None:
    """Tables that the role may not use are named as such."""
    create_tables(documented.address("crm_owner", database="crm"))
    with pytest.raises(StorageUnavailable, match="refuses this role"):
        PostgresStorage(documented.address("crm_app", database="crm"))
