"""A blocking storage behind one worker thread: cancelling, closing, forking."""

from __future__ import annotations

import asyncio
import os
from threading import Event, current_thread
from typing import TYPE_CHECKING

import pytest

from clm_ethics.errors import StorageUnavailable
from clm_ethics.storage.contract import FIRST, Write
from clm_ethics.storage.memory import MemoryStorage
from clm_ethics.storage.sqlite import SqliteStorage
from clm_ethics.storage.threaded import Threaded
from clm_ethics.testing.conformance_tools import head, living

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


class Gated(MemoryStorage):
    """A memory whose commits wait for a gate."""

    def __init__(self) -> None:
        super().__init__()
        self.entered, self.gate, self.threads = Event(), Event(), set[str]()

    def commit(self, writes: Sequence[Write], /) -> Sequence[bool]:
        self.threads.add(current_thread().name)
        self.entered.set()
        assert self.gate.wait(60)
        return super().commit(writes)


def test_a_cancelled_caller_never_cancels_a_commit() -> None:
    """Both the commit that runs and the one that waits behind it are made."""
    storage = Gated()

    async def scenario() -> None:
        threaded = Threaded(storage)
        running = asyncio.ensure_future(threaded.commit([Write(b"a", 0, head(1))]))
        await asyncio.to_thread(storage.entered.wait, 60)
        waiting = asyncio.ensure_future(threaded.commit([Write(b"b", 0, head(2))]))
        await asyncio.sleep(0)
        for task in (running, waiting):
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        storage.gate.set()
        await threaded.aclose()

    asyncio.run(scenario())
    assert [1, 2] == [living(storage, name).version for name in (b"a", b"b")]
    assert len(storage.threads) == 1
    assert current_thread().name not in storage.threads


def test_errors_reach_the_caller() -> None:
    """What the storage raises is raised where it is awaited."""

    async def scenario() -> None:
        threaded = Threaded(MemoryStorage())
        with pytest.raises(ValueError, match="1 to 64 bytes"):
            await threaded.load([b""])
        await threaded.aclose()

    asyncio.run(scenario())


def test_closing(tmp_path: Path) -> None:
    """Closing closes the storage too, may be repeated, and ends every call with a named error."""
    inner = SqliteStorage(tmp_path / "crm.db")

    async def scenario() -> None:
        threaded = Threaded(inner)
        assert [True] == list(await threaded.commit([Write(b"s", 0, head(1))]))
        await threaded.aclose()
        await threaded.aclose()
        with pytest.raises(StorageUnavailable, match="is closed") as caught:
            await threaded.load([b"s"])
        assert caught.value.written is False

    asyncio.run(scenario())
    with pytest.raises(StorageUnavailable, match="is closed"):
        inner.load([b"s"])


def test_a_storage_that_was_never_used_is_closed_too(tmp_path: Path) -> None:
    """Closing before the first call needs no worker and no event loop, and opens nothing."""
    inner = SqliteStorage(tmp_path / "crm.db")
    Threaded(inner).close()
    with pytest.raises(StorageUnavailable, match="is closed"):
        inner.load([b"s"])
    Threaded(lambda: SqliteStorage(tmp_path / "other.db")).close()
    assert not (tmp_path / "other.db").exists()


def test_opening_is_left_to_the_worker(tmp_path: Path) -> None:
    """A function that opens is called once it is needed, by the worker, until it succeeds."""
    folder = tmp_path / "later"

    async def scenario() -> None:
        threaded = Threaded(lambda: SqliteStorage(folder / "crm.db"))
        with pytest.raises(StorageUnavailable, match="folder does not exist"):
            await threaded.load([b"s"])
        folder.mkdir()
        assert [None] == list(await threaded.load([b"s"]))
        assert [] == list(await threaded.find(b"t", until=0, after=FIRST, limit=1))
        await threaded.aclose()

    asyncio.run(scenario())


def test_a_fork() -> None:
    """A child has no worker: it is told so instead of waiting for ever."""
    threaded = Threaded(MemoryStorage())
    asyncio.run(threaded.load([b"s"]))
    child = os.fork()
    if child == 0:
        try:
            asyncio.run(threaded.load([b"s"]))
        except StorageUnavailable as error:
            threaded.close()
            os._exit(7 if error.written is False else 1)
        os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    threaded.close()
