"""The storages under test, each as the suite's ``connect``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from clm_ethics.storage.sqlite import SqliteStorage

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
