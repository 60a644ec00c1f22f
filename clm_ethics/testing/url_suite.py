"""What ``python -m clm_ethics storage conform URL`` runs: the suites, on a storage that a URL names.

Pytest collects it by its name; the fixture ``target`` comes from :mod:`.url_run`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from clm_ethics.testing.conformance import StorageConformance
from clm_ethics.testing.conformance_files import StorageFileConformance
from clm_ethics.testing.conformance_processes import StorageProcessConformance

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from clm_ethics.storage.contract import Storage
    from clm_ethics.testing.conformance_files import Placed
    from clm_ethics.testing.processes import Place
    from clm_ethics.testing.url_run import Target


class TestContract(StorageConformance):
    """What one process can see."""

    @pytest.fixture
    def connect(self, target: Target) -> Iterator[Callable[[], Storage]]:
        """Return what opens the URL once more."""
        with target.connecting() as connect:
            yield connect

    @pytest.fixture(autouse=True)
    def size(self, target: Target) -> None:
        """Make the long tests longer if everything is wanted."""
        if target.full:
            self.length, self.examples, self.steps, self.many = 1_000_000, 200, 50, 20_000
            self.patience = 7200.0


class TestProcesses(StorageProcessConformance):
    """What several processes can see."""

    @pytest.fixture
    def place(self, target: Target) -> Place:
        """Return where a child finds the storage."""
        return target.place()

    @pytest.fixture(autouse=True)
    def size(self, target: Target) -> None:
        """Make the loop of kills longer if everything is wanted."""
        if target.full:
            self.kills = 100


class TestFiles(StorageFileConformance):
    """What a disk can do."""

    @pytest.fixture
    def folder(self, target: Target) -> Path:
        """Return a folder in which the URL's files can be."""
        return target.folder()

    @pytest.fixture
    def placed(self, target: Target) -> Placed:
        """Return what names a file in such a folder."""
        return target.placed

    @pytest.fixture(autouse=True)
    def size(self, target: Target) -> None:
        """Stop at more places if everything is wanted."""
        if target.full:
            self.points = 60
