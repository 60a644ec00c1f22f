"""LMDB keeps the contract."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from clm_ethics_lmdb import LmdbStorage

from clm_ethics.testing import StorageConformance

if TYPE_CHECKING:
    from collections.abc import Iterator
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
