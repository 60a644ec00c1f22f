"""Every storage of this library keeps the contract, guarantee by guarantee."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from clm_ethics.storage.memory import AsyncMemoryStorage, MemoryStorage
from clm_ethics.storage.threaded import Threaded
from clm_ethics.testing import HostileStorage, StorageConformance
from tests.storage.blocking import Blocking, ClosableBlocking, Loop

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clm_ethics.testing import Connect


class TestMemoryStorage(StorageConformance):
    """The specification keeps its own contract."""

    @pytest.fixture
    def connect(self) -> Connect:
        """Return the one memory, however often it is asked for."""
        storage = MemoryStorage()
        return lambda: storage


class TestSqliteStorage(StorageConformance):
    """Each connection is one of its own to the same file."""

    @pytest.fixture
    def connect(self, opened: Connect) -> Connect:
        """Return what opens the file once more."""
        return opened


class TestThreadedSqlite(StorageConformance):
    """A storage behind a worker thread and an event loop keeps the contract too."""

    examples = 5

    @pytest.fixture
    def connect(self, opened: Connect) -> Iterator[Connect]:
        """Return what opens the file once more, behind its own worker."""
        loop = Loop()
        storages: list[ClosableBlocking] = []

        def connect() -> ClosableBlocking:
            storages.append(ClosableBlocking(Threaded(opened), loop))
            return storages[-1]

        yield connect
        for storage in storages:
            storage.close()
        loop.close()


class TestAsyncMemoryStorage(StorageConformance):
    """The memory of an event loop keeps the contract."""

    examples = 5

    @pytest.fixture
    def connect(self) -> Iterator[Connect]:
        """Return the one memory, however often it is asked for."""
        loop, storage = Loop(), AsyncMemoryStorage()
        yield lambda: Blocking(storage, loop)
        loop.close()


class TestCalmHostileStorage(StorageConformance):
    """A hostile storage that has no fault to make is a storage like another."""

    examples = 5

    @pytest.fixture
    def connect(self) -> Connect:
        """Return a hostile face of the same memory each time."""
        inner = MemoryStorage()
        return lambda: HostileStorage(inner)
