"""What joined() refuses, each with its reason: questions, foreign connections, settings that lose writes."""

from __future__ import annotations

import sqlite3
from threading import Thread
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from clm_ethics import Offer, Steward, StorageUnavailable, UsageError
from clm_ethics.errors import Closed
from clm_ethics.storage.memory import MemoryStorage
from tests.face.shop import enrolled, steward
from tests.joined.hosts import INSERT
from tests.joined.test_together import COMMANDS

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.joined.hosts import Host, PostgresHost, SqliteHost

QUESTIONS: dict[str, Callable[[Any], Any]] = {
    "read": lambda inside: inside.customer("c-1001").read("account", by="web"),
    "choose": lambda inside: inside.customer("c-1001").choose(
        [Offer("spring", purpose="newsletter")], channel="email", by="web"
    ),
    "may": lambda inside: inside.customer("c-1001").may("account"),
    "history": lambda inside: inside.customer("c-1001").history(),
    "plan_erase": lambda inside: inside.customer("c-1001").plan_erase(),
    "erase": lambda inside: inside.customer("c-1001").erase(by="customer"),
    "find": lambda inside: inside.find("email", "ana@example.org", purpose="account", by="web"),
    "seal": lambda inside: inside.seal(),
    "sweep": lambda inside: inside.sweep(),
    "prove": lambda inside: inside.prove(None),
    "after_restore": lambda inside: inside.after_restore(),
}


def refused(shop: Steward, connection: Any, match: str) -> UsageError:
    """Try to join; return the refusal."""
    with pytest.raises(UsageError, match=match) as caught, shop.joined(connection):
        raise AssertionError
    assert caught.value.remedy
    return caught.value


@pytest.mark.parametrize("verb", QUESTIONS)
def test_what_cannot_be_rolled_back(host: Host, verb: str) -> None:
    """Whatever reveals, seals or destroys is refused with the reason, and the transaction goes on."""
    shop = host.steward()
    enrolled(shop)
    before = host.stored()
    connection = host.host()
    with shop.joined(connection) as inside, pytest.raises(UsageError, match="transaction") as caught:
        QUESTIONS[verb](inside)
    assert f"joined.{verb}" == caught.value.place
    connection.execute("COMMIT")
    assert (before, 1) == (host.stored(), host.orders())


def test_what_is_no_verb(host: Host) -> None:
    """A name that nobody knows is an ordinary AttributeError."""
    with host.steward().joined(host.host()) as inside:
        assert [False, False] == [hasattr(inside, "sael"), hasattr(inside.customer("c"), "raed")]


def test_no_transaction(host: Host) -> None:
    """A connection whose transactions are begun by hand must be in one."""
    refused(host.steward(), host.host(begun=False), "in no transaction")


def test_a_transaction_that_ended_inside(host: Host) -> None:
    """A command after the host's commit is refused, not written on its own."""
    shop = host.steward()
    connection = host.host()
    with shop.joined(connection) as inside:
        COMMANDS["enroll"](inside)
        connection.execute("COMMIT")
        with pytest.raises(UsageError, match="in no transaction"):
            inside.customer("c-2002").refuse("newsletter", by="web")
    assert [1, 1] == [len(shop.customer("c-2002").history()), host.orders()]


def test_outside_the_with_statement(host: Host) -> None:
    """Neither before nor after the ``with`` statement is there anything joined."""
    shop = host.steward()
    joined = shop.joined(host.host())
    with pytest.raises(Closed, match="nothing is joined"):
        COMMANDS["enroll"](joined)
    with joined as inside:
        assert "Joined under" in repr(inside)
        assert shop.policy is inside.policy
    with pytest.raises(Closed, match="has been left"):
        COMMANDS["enroll"](inside)


def test_a_closed_steward(host: Host) -> None:
    """A closed steward joins nothing."""
    shop = host.steward()
    shop.close()
    with pytest.raises(Closed), shop.joined(host.host()):
        raise AssertionError


def test_keys_elsewhere(host: Host) -> None:
    """With the keys in another database only what writes no key goes in; the rest is refused at once."""
    shop = host.steward(keys_in=MemoryStorage())
    enrolled(shop)
    connection = host.host()
    with shop.joined(connection) as inside:
        for name in ("enroll", "refuse", "withdraw", "object_to", "restrict", "correct"):
            with pytest.raises(UsageError, match="keys are in another database"):
                COMMANDS[name](inside)
        for name in ("put", "record", "grant", "lift_restriction"):
            COMMANDS[name](inside)
    connection.execute("COMMIT")
    assert 5 == len(shop.customer("c-1001").history())
    assert shop.ledger.verify()


def test_a_storage_without_transactions() -> None:
    """A memory has no host to share a transaction with."""
    refused(steward(), sqlite3.connect(":memory:"), "cannot write inside")


@pytest.mark.parametrize("given", [None, "sqlite:///host.db", object()])
def test_what_is_no_connection(host: Host, given: object) -> None:
    """Anything but a connection is named as such."""
    refused(host.steward(), given, "not a connection")


def test_an_actor_is_needed(host: Host) -> None:
    """Commands inside need an actor too, and take the steward's."""
    shop = host.steward()
    connection = host.host()
    with shop.joined(connection) as inside, pytest.raises(UsageError, match="no actor"):
        inside.enroll("c-1", {}, purpose="account")
    with shop.acting("job").joined(connection) as inside:
        inside.enroll("c-1", {"email": "a@example.org", "region": "DE"}, purpose="account")


# SQLite --------------------------------------------------------------------------


def test_another_file(sqlite: SqliteHost) -> None:
    """Another file, a memory, and a connection to which the ledger is only attached are refused."""
    shop = sqlite.steward()
    for place in (sqlite.folder / "other.db", ":memory:"):
        other = sqlite3.connect(place, isolation_level=None)
        other.execute("ATTACH ? AS ledger", (str(sqlite.path),))
        other.execute("BEGIN IMMEDIATE")
        refused(shop, other, "not the file of this steward")
        other.close()


def test_another_name_of_the_same_file(sqlite: SqliteHost) -> None:
    """The file is known by its identity: another path to it will do."""
    link = sqlite.folder / "link"
    link.symlink_to(sqlite.folder)
    shop = sqlite.steward()
    connection = sqlite3.connect(link / "host.db", isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    with shop.joined(connection) as inside:
        COMMANDS["enroll"](inside)
    connection.execute("COMMIT")
    connection.close()
    assert shop.customer("c-2002").may("account")


def test_a_temporary_table_in_front(sqlite: SqliteHost) -> None:
    """A temporary table of the same name would swallow what is written."""
    shop = sqlite.steward()
    connection = sqlite.host()
    connection.execute("CREATE TEMP TABLE CLM_head (id)")
    refused(shop, connection, "hides")


@pytest.mark.parametrize("level", ["NORMAL", "OFF"])
def test_a_connection_that_does_not_wait_for_the_disk(sqlite: SqliteHost, level: str) -> None:
    """What the host commits without a sync can be lost: refused before anything is written."""
    shop = sqlite.steward()
    connection = sqlite.host(begun=False)
    connection.execute(f"PRAGMA synchronous = {level}")
    connection.execute("BEGIN IMMEDIATE")
    refused(shop, connection, "does not wait for the disk")


def test_a_transaction_that_read_too_early(sqlite: SqliteHost) -> None:
    """A transaction that has read what others changed since cannot write: it says how to begin."""
    shop = sqlite.steward()
    connection = sqlite.host(begun=False)
    connection.execute("BEGIN")
    connection.execute("SELECT count(*) FROM host_order").fetchone()
    enrolled(shop)
    with pytest.raises(StorageUnavailable, match="BEGIN IMMEDIATE") as caught, shop.joined(connection):
        raise AssertionError
    assert caught.value.written is False
    connection.execute("ROLLBACK")


def test_a_transaction_that_has_only_read(sqlite: SqliteHost) -> None:
    """A deferred transaction becomes a writing one by joining it, before anything is decided."""
    shop = sqlite.steward()
    connection = sqlite.host(begun=False)
    connection.execute("BEGIN")
    connection.execute("SELECT count(*) FROM host_order").fetchone()
    with shop.joined(connection) as inside:
        with pytest.raises(StorageUnavailable, match="locked"):
            enrolled(shop)
        COMMANDS["enroll"](inside)
    connection.execute("COMMIT")
    assert shop.customer("c-2002").may("account")


def test_the_module_s_own_transactions(sqlite: SqliteHost) -> None:
    """A connection that begins by itself is in a transaction as soon as it is joined."""
    shop = sqlite.steward()
    connection = sqlite3.connect(sqlite.path)
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA secure_delete = OFF").fetchall()
    for end in (connection.rollback, connection.commit):
        with shop.joined(connection) as inside:
            COMMANDS["enroll"](inside)
            connection.execute(INSERT)
        end()
    assert 0 == connection.execute("PRAGMA secure_delete").fetchone()[0]
    connection.close()
    assert 1 == sqlite.orders()
    assert shop.customer("c-2002").may("account")


def test_another_thread(sqlite: SqliteHost) -> None:
    """A connection that belongs to another thread is refused with the reason."""
    shop = sqlite.steward()
    connection = sqlite.host()
    found: list[str] = []

    def work() -> None:
        with pytest.raises(StorageUnavailable) as caught, shop.joined(connection):
            raise AssertionError
        found.append(str(caught.value))

    thread = Thread(target=work)
    thread.start()
    thread.join()
    assert "the thread that opened it" in found[0]


def test_a_file_of_another_application(sqlite: SqliteHost) -> None:
    """A ledger does not come into a file that uses the two numbers itself, nor into one unasked."""
    from clm_ethics.errors import StorageCorrupt
    from clm_ethics.storage.sqlite import SqliteStorage

    path = sqlite.folder / "theirs.db"
    theirs = sqlite3.connect(path)
    theirs.execute("CREATE TABLE mine (id)")
    with pytest.raises(StorageCorrupt, match="beside=True"):
        SqliteStorage(path)
    theirs.execute("PRAGMA user_version = 1")
    with pytest.raises(StorageCorrupt, match="another application"):
        SqliteStorage(path, beside=True)
    theirs.close()


# PostgreSQL ----------------------------------------------------------------------


def test_another_database(postgresql: PostgresHost) -> None:
    """Another database of the same server is another database."""
    postgresql.server.execute("DROP DATABASE IF EXISTS elsewhere", "CREATE DATABASE elsewhere")
    with psycopg.connect(postgresql.server.address(database="elsewhere")) as connection:
        refused(postgresql.steward(), connection, "another database")


def test_a_failed_transaction(postgresql: PostgresHost) -> None:
    """A transaction that has failed cannot be joined."""
    connection = postgresql.host()
    with pytest.raises(psycopg.errors.DivisionByZero):
        connection.execute("SELECT 1/0")
    refused(postgresql.steward(), connection, "failed already")


@pytest.mark.parametrize(
    ("setting", "match"),
    [
        ("SET LOCAL synchronous_commit = off", "does not wait for the disk"),
        ("SET TRANSACTION READ ONLY", "read-only"),
    ],
)
def test_settings_that_lose_writes(postgresql: PostgresHost, setting: str, match: str) -> None:
    """What would be lost, or could not be written, is refused before anything is written."""
    connection = postgresql.host(begun=False)
    connection.execute("BEGIN")
    connection.execute(setting.encode())
    refused(postgresql.steward(), connection, match)


def test_a_commit_that_would_not_wait_for_the_standbys(postgresql: PostgresHost) -> None:
    """Where standbys have to confirm, a commit that waits for this server alone could be lost with it."""
    shop = postgresql.steward()
    connection = postgresql.host(begun=False)
    connection.execute("SET synchronous_commit = local")
    connection.execute("BEGIN")
    with shop.joined(connection):
        pass
    connection.execute("ROLLBACK")
    alter = "ALTER SYSTEM SET synchronous_standby_names = "
    try:
        connection.execute(f"{alter}'one'".encode())
        connection.execute("SELECT pg_reload_conf()")
        while not connection.execute("SHOW synchronous_standby_names").fetchone()[0]:
            pass
        connection.execute("BEGIN")
        refused(shop, connection, "does not wait for the disk")
    finally:
        connection.execute("ROLLBACK")
        connection.execute(f"{alter}''".encode())
        connection.execute("SELECT pg_reload_conf()")
        while connection.execute("SHOW synchronous_standby_names").fetchone()[0]:
            pass


@pytest.mark.parametrize("level", ["REPEATABLE READ", "SERIALIZABLE"])
def test_a_snapshot(postgresql: PostgresHost, level: str) -> None:
    """On a snapshot a customer who has not moved can be told of, who has gets 40001, none is enrolled."""
    shop = postgresql.steward()
    enrolled(shop)
    bo = enrolled(shop, "c-2002", email="bo@example.org")
    connection = postgresql.host(begun=False)
    connection.execute(f"BEGIN ISOLATION LEVEL {level}".encode())
    connection.execute(INSERT)
    bo.withdraw("recommendations", by="web")
    with shop.joined(connection) as inside:
        COMMANDS["record"](inside)
        with pytest.raises(UsageError, match="READ COMMITTED"):
            inside.enroll("c-3", {}, purpose="account", by="web")
        with pytest.raises(StorageUnavailable, match=r"40001.*begin it again") as caught:
            inside.customer("c-2002").refuse("newsletter", by="web")
        assert caught.value.written is False
    connection.execute("COMMIT")
    assert [2, 2, 1] == [len(shop.customer("c-1001").history()), len(bo.history()), postgresql.orders()]
    assert shop.ledger.verify()


def test_others_at_the_same_time(postgresql: PostgresHost) -> None:
    """Under READ COMMITTED a command decides on what others have committed since the transaction began."""
    shop = postgresql.steward()
    ana = enrolled(shop)
    connection = postgresql.host()
    with shop.joined(connection) as inside:
        ana.withdraw("recommendations", by="web")
        COMMANDS["refuse"](inside)
    connection.execute("COMMIT")
    assert 3 == len(ana.history())
    assert shop.ledger.verify()


def test_a_lost_connection(postgresql: PostgresHost) -> None:
    """When the server ends the host's connection, everything of the transaction is gone, and said to be."""
    shop = postgresql.steward()
    enrolled(shop)
    before = postgresql.stored()
    connection = postgresql.host()
    with shop.joined(connection) as inside:
        COMMANDS["record"](inside)
        postgresql.server.execute(f"SELECT pg_terminate_backend({connection.info.backend_pid})")
        with pytest.raises(StorageUnavailable) as caught:
            COMMANDS["withdraw"](inside)
        assert caught.value.written is False
        with pytest.raises(StorageUnavailable, match="lost"):
            COMMANDS["withdraw"](inside)
    assert (before, 0) == (postgresql.stored(), postgresql.orders())


def test_whatever_rows_the_host_likes(postgresql: PostgresHost) -> None:
    """Row and cursor factories of the host's connection are not ours."""
    shop = postgresql.steward()
    with psycopg.connect(
        postgresql.server.address(), row_factory=psycopg.rows.dict_row, cursor_factory=psycopg.ClientCursor
    ) as connection:
        with shop.joined(connection) as inside:  # without autocommit it is in a transaction
            COMMANDS["enroll"](inside)
        connection.execute(INSERT)
    assert 1 == postgresql.orders()
    assert shop.customer("c-2002").may("account")
