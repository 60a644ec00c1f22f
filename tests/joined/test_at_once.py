"""Many hosts at once about one customer: each transaction is whole, and none is lost."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any

import psycopg

from clm_ethics import FileKeys, Steward
from clm_ethics.storage.postgresql import PostgresStorage
from clm_ethics.storage.sqlite import SqliteStorage
from clm_ethics.testing.conformance_tools import together
from tests.face.shop import POLICY, enrolled
from tests.joined.hosts import INSERT, SqliteHost

if TYPE_CHECKING:
    from tests.joined.hosts import Host, PostgresHost

PATIENCE = 60.0
HOSTS, EACH = 3, 4


def test_hosts_and_a_steward_at_once(host: Host) -> None:
    """Threads that commit and roll back, and a steward that goes on: every committed entry is there once."""
    storage, connect = _sqlite(host) if isinstance(host, SqliteHost) else _postgresql(host)  # type: ignore[arg-type]
    shop = Steward.open(storage, policy=POLICY, keys=FileKeys(host.folder / "keys"))
    ana = enrolled(shop)

    def work() -> None:
        connection = connect()
        for number in range(EACH):
            connection.execute(host.begin)
            connection.execute(INSERT)
            with shop.joined(connection) as inside:
                inside.customer("c-1001").record(
                    "order_placed", {"sku": "tea", "amount": "9.90"}, purpose="order", by="web"
                )
            connection.execute("ROLLBACK" if number % 2 else "COMMIT")
        connection.close()

    def go_on() -> None:
        for _ in range(EACH):
            ana.read("account", by="web")
            ana.refuse("newsletter", by="web")

    together(*[work] * HOSTS, go_on)
    done = HOSTS * EACH // 2
    assert done == host.orders()
    assert 1 + done + 2 * EACH == len(ana.history(limit=100))
    shop.seal()
    assert shop.ledger.verify()
    shop.close()
    storage.close()


def _sqlite(host: SqliteHost) -> tuple[Any, Any]:
    def connect() -> sqlite3.Connection:
        return sqlite3.connect(host.path, isolation_level=None, timeout=PATIENCE)

    return SqliteStorage(host.path, timeout=PATIENCE), connect


def _postgresql(host: PostgresHost) -> tuple[Any, Any]:
    def connect() -> psycopg.Connection[Any]:
        return psycopg.connect(host.server.address(), autocommit=True)

    return PostgresStorage(host.server.address(), timeout=PATIENCE), connect
