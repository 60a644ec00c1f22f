"""Every storage of this library keeps the contract, guarantee by guarantee."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from clm_ethics.storage.memory import AsyncMemoryStorage, MemoryStorage
from clm_ethics.storage.threaded import Threaded
from clm_ethics.testing import HostileStorage, StorageConformance
from clm_ethics.testing.apart import apart

if TYPE_CHECKING:
    from collections.abc import Callable

    from clm_ethics.storage import AsyncStorage
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

    examples, length, many = 5, 3_000, 150

    @pytest.fixture
    def connect(self, opened: Connect) -> Callable[[], AsyncStorage]:
        """Return what opens the file once more, behind its own worker."""
        return lambda: Threaded(opened)


class TestAsyncMemoryStorage(StorageConformance):
    """The memory of an event loop, opened by a coroutine, keeps the contract."""

    examples, length, many = 5, 3_000, 150

    @pytest.fixture
    def connect(self) -> Callable[[], object]:
        """Return the one memory, however often it is asked for."""
        storage = AsyncMemoryStorage()

        async def connect() -> AsyncStorage:
            return storage

        return connect


class TestCalmHostileStorage(StorageConformance):
    """A hostile storage that has no fault to make is a storage like another."""

    examples, length, many = 5, 3_000, 150

    @pytest.fixture
    def connect(self) -> Connect:
        """Return a hostile face of the same memory each time."""
        inner = MemoryStorage()
        return lambda: HostileStorage(inner)


class TestApart(StorageConformance):
    """A part of a storage in which others have names of their own is a storage like another."""

    examples, length, many = 5, 3_000, 150

    @pytest.fixture
    def connect(self) -> Connect:
        """Return one part of a memory; the other part has a stream with every mark of the tests."""
        inner = MemoryStorage()
        return lambda: apart(inner, b"\xfe prefix")
