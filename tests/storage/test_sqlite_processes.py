"""The suites for several processes and for files, on the SQLite adapter."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from clm_ethics.testing import StorageFileConformance, StorageProcessConformance

if TYPE_CHECKING:
    from pathlib import Path

    from clm_ethics.testing.conformance_files import Placed


class TestSqliteProcesses(StorageProcessConformance):
    """One file, several processes."""

    @pytest.fixture
    def url(self, path: Path) -> str:
        """Return the URL of the test's file."""
        return f"sqlite:///{path}"


class TestSqliteFiles(StorageFileConformance):
    """A file on a disk that fails."""

    @pytest.fixture
    def placed(self) -> Placed:
        """Return what names a file in a folder."""
        return lambda folder: f"sqlite:///{folder}/crm.db"
