"""The PostgreSQL adapter keeps the contract, in both colours, on a real server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from clm_ethics.storage.postgresql import AsyncPostgresStorage, PostgresStorage
from clm_ethics.testing import StorageConformance
from tests.storage.blocking import ClosableBlocking, Loop

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clm_ethics.testing import Connect
    from tests.storage.postgresql_server import Server


class TestPostgresStorage(StorageConformance):
    """Each connection is a pool of its own to the same tables."""

    examples = 6

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

    examples = 3

    @pytest.fixture
    def connect(self, emptied: Server) -> Iterator[Connect]:
        """Return what opens the database once more, on the same loop."""
        loop, opened = Loop(), list[ClosableBlocking]()

        def connect() -> ClosableBlocking:
            opened.append(ClosableBlocking(AsyncPostgresStorage(emptied.address(), max_size=4), loop))
            return opened[-1]

        yield connect
        for storage in opened:
            storage.close()
        loop.close()
