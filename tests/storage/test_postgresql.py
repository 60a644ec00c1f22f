"""The PostgreSQL adapter keeps the contract, in both colours, on a real server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from clm_ethics.storage.postgresql import AsyncPostgresStorage, PostgresStorage
from clm_ethics.testing import StorageConformance, StorageProcessConformance

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from clm_ethics.storage import AsyncStorage
    from clm_ethics.testing import Connect
    from tests.storage.postgresql_server import Server


class TestPostgresStorage(StorageConformance):
    """Each connection is a pool of its own to the same tables."""

    examples, length = 3, 3_000

    @pytest.fixture
    def connect(self, emptied: Server) -> Iterator[Connect]:
        """Return what opens the database once more."""
        opened: list[PostgresStorage] = []

        def connect() -> PostgresStorage:
            opened.append(PostgresStorage(emptied.address(), max_size=4))
            return opened[-1]

        yield connect
        for storage in opened:
            storage.close()


class TestAsyncPostgresStorage(StorageConformance):
    """The awaiting one, on one event loop, keeps the contract too."""

    examples, length = 2, 2_000

    @pytest.fixture
    def connect(self, emptied: Server) -> Callable[[], AsyncStorage]:
        """Return what opens the database once more; the suite closes it on the same loop."""
        return lambda: AsyncPostgresStorage(emptied.address(), max_size=4)


class TestPostgresProcesses(StorageProcessConformance):
    """Several processes, and processes that are killed, on one server."""

    kills = 5

    @pytest.fixture
    def url(self, emptied: Server) -> str:
        """Return the server's address, with empty tables."""
        return emptied.address()
