"""A host application with a table of its own in the database of the ledger, on either database."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any

import psycopg

from clm_ethics import FileKeys, Steward
from clm_ethics.storage.postgresql import PostgresStorage, create
from clm_ethics.storage.sqlite import SqliteStorage
from tests.face.shop import POLICY, Clock

if TYPE_CHECKING:
    from pathlib import Path

    from tests.storage.postgresql_server import Server

TABLE = "CREATE TABLE IF NOT EXISTS host_order (name text NOT NULL)"
INSERT = "INSERT INTO host_order (name) VALUES ('order')"


class Host:
    """Opens stewards and connections of its own, and can look at everything that is stored.

    The steward's storage does not wait for locks: whatever waited for the host's transaction
    through another connection would fail at once.
    """

    begin: str
    dump: tuple[str, ...]

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = Clock()
        self._open: list[Any] = []
        self._storages: list[Any] = []

    def storage(self) -> Any:
        """Open the storage once more."""
        raise AssertionError

    def connect(self) -> Any:
        """Open a connection that leaves transactions to the host."""
        raise AssertionError

    @property
    def sqlalchemy(self) -> str:
        """The address for SQLAlchemy."""
        raise AssertionError

    def steward(self, **more: Any) -> Steward:
        """Open a steward."""
        self._storages.append(self.storage())
        settled = {"policy": POLICY, "keys": FileKeys(self.folder / "keys"), "clock": self.clock} | more
        shop = Steward.open(self._storages[-1], **settled)
        self._open.append(shop)
        return shop

    def host(self, *, begun: bool = True) -> Any:
        """Open a connection, and begin a transaction with a row of the host's."""
        connection = self.connect()
        self._open.append(connection)
        if begun:
            connection.execute(self.begin)
            connection.execute(INSERT)
        return connection

    def storage_of(self, shop: Steward) -> Any:
        """Return the storage of *shop*."""
        return shop._driver.storages[0]

    def orders(self) -> int:
        """Return how many rows of the host's are committed."""
        connection = self.connect()
        try:
            found: int = connection.execute("SELECT count(*) FROM host_order").fetchone()[0]
        finally:
            connection.close()
        return found

    def stored(self) -> list[Any]:
        """Return every committed row of the ledger."""
        connection = self.connect()
        try:
            return [connection.execute(text).fetchall() for text in self.dump]
        finally:
            connection.close()

    def close(self) -> None:
        """Close everything."""
        for each in reversed(self._open):
            each.close()
        for each in self._storages:
            each.close()


class SqliteHost(Host):
    """On SQLite: the ledger came into the host's file."""

    begin = "BEGIN IMMEDIATE"
    dump = tuple(f"SELECT * FROM clm_{name} ORDER BY 1, 2" for name in ("head", "value", "entry", "mark"))

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.path = folder / "host.db"
        first = sqlite3.connect(self.path)
        first.execute(TABLE)
        first.close()
        SqliteStorage(self.path, beside=True).close()

    def storage(self) -> SqliteStorage:
        return SqliteStorage(self.path, timeout=0.0)

    def connect(self) -> sqlite3.Connection:
        return sqlite3.connect(self.path, isolation_level=None, timeout=0.0)

    @property
    def sqlalchemy(self) -> str:
        return f"sqlite:///{self.path}"


class PostgresHost(Host):
    """On PostgreSQL: the ledger has a namespace of its own."""

    begin = "BEGIN"
    dump = tuple(f"SELECT * FROM clm_ethics.{name} ORDER BY 1, 2" for name in ("head", "entry", "mark"))

    def __init__(self, server: Server, folder: Path) -> None:
        super().__init__(folder)
        self.server = server
        create(server.address())
        server.execute("TRUNCATE clm_ethics.head, clm_ethics.entry, clm_ethics.mark", TABLE)
        server.execute("TRUNCATE host_order")

    def storage(self) -> PostgresStorage:
        return PostgresStorage(self.server.address(), max_size=2, timeout=0.5)

    def connect(self) -> psycopg.Connection[Any]:
        return psycopg.connect(self.server.address(), autocommit=True)

    @property
    def sqlalchemy(self) -> str:
        return f"postgresql+psycopg://postgres@/postgres?host={self.server.folder}"
