"""Opening a storage by its address."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from clm_ethics import storage
from clm_ethics.errors import StorageUnavailable, UsageError
from clm_ethics.storage.contract import Closable
from clm_ethics.storage.memory import MemoryStorage
from clm_ethics.storage.sqlite import SqliteStorage


def opener(url: str) -> Any:
    """Open the URLs of an adapter that somebody has installed."""
    return ("opened", url)


def install(monkeypatch: pytest.MonkeyPatch, **points: str) -> list[str]:
    """Make *points* the only installed adapters; return the names that are asked for."""
    asked: list[str] = []

    def entry_points(*, group: str, name: str | None = None) -> list[EntryPoint]:
        asked.append(name or "*")
        found = [EntryPoint(each, value, group) for each, value in points.items()]
        return [each for each in found if name in {None, each.name}]

    monkeypatch.setattr("importlib.metadata.entry_points", entry_points)
    return asked


def test_memory() -> None:
    """``memory:`` is an empty memory, each time another."""
    one, other = storage.open("memory:"), storage.open("memory:")
    assert isinstance(one, MemoryStorage)
    assert one is not other


def test_sqlite_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three slashes are a path from here, and stay so when here changes; four are an absolute path."""
    monkeypatch.chdir(tmp_path)
    relative = storage.open("sqlite:///crm.db")
    absolute = storage.open(f"sqlite:///{tmp_path}/a b%20.db")
    monkeypatch.chdir("/")
    assert isinstance(relative, SqliteStorage)
    relative._drop()
    assert [None] == list(relative.load([b"s"]))
    assert {"crm.db", "a b%20.db"} <= {each.name for each in tmp_path.iterdir()}
    for each in (relative, absolute):
        assert isinstance(each, Closable)
        each.close()


@pytest.mark.parametrize("url", ["sqlite:", "sqlite:crm.db", "sqlite://crm.db", "sqlite:///", "sqlite:///x/"])
def test_sqlite_addresses_that_name_no_file(url: str) -> None:
    """What is no address of a file says how one is written."""
    with pytest.raises(UsageError, match=r"sqlite:///crm\.db"):
        storage.open(url)


@pytest.mark.parametrize("url", ["sqlite:///crm.db?mode=memory", "sqlite:///:memory:", "memory:x"])
def test_addresses_with_options(url: str) -> None:
    """An option that would be ignored is refused."""
    with pytest.raises(UsageError, match="write `"):
        storage.open(url)


@pytest.mark.parametrize("url", ["crm.db", "", ":x"])
def test_no_address(url: str) -> None:
    """A path alone is not an address, and nothing is created."""
    with pytest.raises(UsageError, match="is not an address"):
        storage.open(url)
    assert not Path("crm.db").exists()


def test_an_unknown_scheme_names_those_that_are_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error lists the adapters, and shows nothing of the address behind the scheme."""
    install(monkeypatch, shelf="tests.storage.test_open:opener")
    with pytest.raises(UsageError) as caught:
        storage.open("shelve://user:password@host/db")
    assert "installed are `memory:`, `shelf:`, `sqlite:`" in str(caught.value)
    assert "password" not in str(caught.value)


def test_an_installed_adapter_is_given_the_whole_url(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the entry point of that name is looked for, and it opens the URL."""
    asked = install(monkeypatch, shelf="tests.storage.test_open:opener", broken="no.such.module:opener")
    assert ("opened", "shelf://a/b?c=d") == storage.open("shelf://a/b?c=d")
    assert ["shelf"] == asked


@pytest.mark.parametrize("value", ["no.such.module:opener", "tests.storage.test_open:missing"])
def test_an_adapter_that_cannot_be_loaded(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    """An adapter whose driver is missing says what is missing."""
    install(monkeypatch, shelf=value)
    with pytest.raises(UsageError, match=r"adapter for `shelf:` cannot be loaded.*(no|missing)"):
        storage.open("shelf:x")


def test_a_folder_that_is_missing() -> None:
    """What goes wrong below is named as it is there."""
    with pytest.raises(StorageUnavailable, match="create the folder first"):
        storage.open("sqlite:////no/such/folder/crm.db")


def test_importing_the_package_imports_no_adapter() -> None:
    """Whoever imports the contract and the kits pays for no database and no test tool."""
    code = (
        "import sys, clm_ethics.storage, clm_ethics.testing\n"
        "heavy = {'sqlite3', 'sqlite_utils', 'hypothesis', 'pytest'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
