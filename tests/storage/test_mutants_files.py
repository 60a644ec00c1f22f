"""The suites for processes and files catch adapters that are broken where one process sees nothing."""

from __future__ import annotations

import inspect
from itertools import count
from typing import TYPE_CHECKING

import pytest

from clm_ethics.testing import StorageFileConformance, StorageProcessConformance
from clm_ethics.testing.processes import Place
from tests.storage.broken_files import KINDS, install

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

CAUGHT = {
    "syncslater": "test_05_durable_a_sync_for_each_call",
    "syncsbeforewriting": "test_05_durable_by_a_sync_after_the_writing",
    "writesintwotransactions": "test_01_atomic_killed_at_every_write",
    "acknowledgesfirst": "test_05_durable_when_killed",
    "hidesfulldisks": "test_13_contained_when_writes_fail",
    "leaksitsdriver": "test_13_contained_when_writes_fail",
    "saysnothingwaswritten": "test_13_contained_when_writes_fail",
    "locksitsprocessonly": "test_02_conditional_creators_in_processes",
    "diesinachild": "test_13_contained_after_a_fork",
    "keepsafileofitsown": "test_04_linearizable_writers_in_processes",
    "emptiesthefulldisk": "test_13_contained_when_no_file_may_grow",
    "leavesitsfolder": "test_05_durable_under_its_name",
    "namesitlater": "test_05_durable_when_closed_elsewhere",
    "syncsagain": "test_05_durable_only_by_a_sync_that_succeeded",
}
"""Each broken adapter, and the test that has to catch it."""


class Processes(StorageProcessConformance):
    """The suite, run by hand, on storages that must fail it."""

    processes, appends, kills = 3, 10, 4
    __test__ = False


class Files(StorageFileConformance):
    """The suite, run by hand, on storages that must fail it."""

    points = 7
    __test__ = False


@pytest.fixture
def fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Place]:
    """Install the broken adapters; return what makes a new place for one of them."""
    install(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    numbers = count()

    def fresh(scheme: str) -> Place:
        folder = tmp_path / f"place{next(numbers)}"
        folder.mkdir()
        return Place(f"{scheme}:///{folder}/crm.db")

    return fresh


@pytest.mark.parametrize("scheme", CAUGHT)
def test_a_broken_adapter_of_files_falls(scheme: str, fresh: Callable[[str], Place], tmp_path: Path) -> None:
    """What only a crash, a disk or another process shows is seen by the test that is there for it."""
    name = CAUGHT[scheme]
    suite = Processes() if hasattr(Processes, name) else Files()
    test = getattr(suite, name)
    given = {
        "place": lambda: fresh(scheme),
        "fresh": lambda: lambda: fresh(scheme),
        "tmp_path": lambda: tmp_path,
    }
    with pytest.raises(AssertionError):
        test(**{each: given[each]() for each in inspect.signature(test).parameters})


def test_every_broken_adapter_is_tried() -> None:
    """None was written and forgotten."""
    assert KINDS.keys() == CAUGHT.keys()
