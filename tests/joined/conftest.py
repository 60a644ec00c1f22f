"""Two hosts: one on SQLite, one on a real PostgreSQL server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.joined.hosts import PostgresHost, SqliteHost
from tests.storage.postgresql_server import Server, running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.joined.hosts import Host


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """Return a PostgreSQL server of our own."""
    with running() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def host(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Host]:
    """Return a host on either database."""
    made = (
        SqliteHost(tmp_path)
        if request.param == "sqlite"
        else PostgresHost(request.getfixturevalue("server"), tmp_path)
    )
    yield made
    made.close()


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[SqliteHost]:
    """Return a host on SQLite."""
    made = SqliteHost(tmp_path)
    yield made
    made.close()


@pytest.fixture
def postgresql(server: Server, tmp_path: Path) -> Iterator[PostgresHost]:
    """Return a host on PostgreSQL."""
    made = PostgresHost(server, tmp_path)
    yield made
    made.close()
