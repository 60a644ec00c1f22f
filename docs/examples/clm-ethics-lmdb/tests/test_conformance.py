"""LMDB keeps the contract."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from clm_ethics_lmdb import LmdbStorage

from clm_ethics.storage import Threaded
from clm_ethics.testing import StorageConformance, StorageFileConformance, StorageProcessConformance

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from clm_ethics.testing import Connect


class TestLmdbStorage(StorageConformance):
    """Each connection is one more storage on the same folder."""

    @pytest.fixture
    def connect(self, tmp_path: Path) -> Iterator[Connect]:
        """Return what opens the folder once more; all are closed in the end."""
        opened: list[LmdbStorage] = []

        def connect() -> LmdbStorage:
            opened.append(LmdbStorage(tmp_path / "crm"))
            return opened[-1]

        yield connect
        for storage in opened:
            storage.close()


class TestAwaiting(StorageConformance):
    """Behind a worker thread it is an ``AsyncStorage``, with the same guarantees."""

    examples = 5

    @pytest.fixture
    def connect(self, tmp_path: Path) -> Iterator[Callable[[], Threaded]]:
        """Return what opens the folder once more, each time with a worker of its own."""
        opened: list[Threaded] = []

        def connect() -> Threaded:
            opened.append(Threaded(LmdbStorage(tmp_path / "crm")))
            return opened[-1]

        yield connect
        for storage in opened:
            storage.close()


class TestProcesses(StorageProcessConformance):
    """Several processes, some of them killed."""

    @pytest.fixture
    def url(self, tmp_path: Path) -> str:
        """Return the address that each process opens."""
        return f"lmdb:///{tmp_path}/crm"


class TestFiles(StorageFileConformance):
    """Failing writes and syncs, a full disk, and kills at chosen system calls."""

    @pytest.fixture
    def placed(self) -> Callable[[Path], str]:
        """Return what makes the address of a storage in a folder."""
        return lambda folder: f"lmdb:///{folder}/crm"
