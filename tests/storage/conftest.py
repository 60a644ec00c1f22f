"""The storages under test, each as the suite's ``connect``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from clm_ethics.storage.postgresql import create
from clm_ethics.storage.sqlite import SqliteStorage
from tests.storage.postgresql_server import Server, running

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where the SQLite file of a test stands."""
    return tmp_path / "crm.db"


@pytest.fixture
def opened(path: Path) -> Iterator[Callable[[], SqliteStorage]]:
    """Return a function that opens one more connection to the test's file; all are closed."""
    storages: list[SqliteStorage] = []

    def connect() -> SqliteStorage:
        storages.append(SqliteStorage(path))
        return storages[-1]

    yield connect
    for storage in storages:
        storage.close()


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """Return a PostgreSQL server of our own, for as long as the tests run."""
    with running() as server:
        yield server


@pytest.fixture
def emptied(server: Server) -> Server:
    """Return the server, with empty tables in the usual namespace."""
    create(server.address())
    server.execute("TRUNCATE clm_ethics.head, clm_ethics.entry, clm_ethics.mark")
    return server
