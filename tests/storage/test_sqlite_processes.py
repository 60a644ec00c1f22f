"""The suites for several processes and for files, on the SQLite adapter."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from clm_ethics.testing import StorageFileConformance, StorageProcessConformance, StorageUpgradeConformance

if TYPE_CHECKING:
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


class TestSqliteUpgrade(StorageUpgradeConformance):
    """A file of the first schema, as the version that made it has left it."""

    @pytest.fixture
    def older(self, path: Path) -> str:
        """Return the URL of a copy of the older file."""
        with closing(sqlite3.connect(path)) as made:
            made.executescript((Path(__file__).parent / "older" / "sqlite-1.sql").read_text())
        return f"sqlite:///{path}"
