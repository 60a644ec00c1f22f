"""An asynchronous storage made blocking again, so that the suite can test it."""

from __future__ import annotations

import asyncio
from threading import Thread
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Coroutine, Sequence
    from typing import Any

    from clm_ethics.storage import AsyncStorage, Entry, Head, Write
    from clm_ethics.storage.threaded import Threaded

T = TypeVar("T")


class Loop:
    """An event loop in a thread of its own."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever)
        self._thread.start()

    def run(self, awaited: Coroutine[Any, Any, T]) -> T:
        """Let the loop run *awaited*, and wait for it."""
        return asyncio.run_coroutine_threadsafe(awaited, self._loop).result(120)

    def close(self) -> None:
        """End the loop and its thread."""
        self.run(self._loop.shutdown_default_executor())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(120)
        self._loop.close()


class Blocking:
    """*storage*, whose coroutines are run by *loop*."""

    def __init__(self, storage: AsyncStorage, loop: Loop) -> None:
        self._storage = storage
        self._loop = loop

    def load(self, streams: Sequence[bytes], /) -> Sequence[Head | None]:
        """Load."""
        return self._loop.run(self._storage.load(streams))

    def commit(self, writes: Sequence[Write], /) -> Sequence[bool]:
        """Commit."""
        return self._loop.run(self._storage.commit(writes))

    def entries(self, stream: bytes, /, *, after: int, limit: int) -> Sequence[Entry]:
        """Read entries."""
        return self._loop.run(self._storage.entries(stream, after=after, limit=limit))

    def find(
        self, token: bytes, /, *, until: int, after: tuple[int, bytes], limit: int
    ) -> Sequence[tuple[int, bytes]]:
        """Find marks."""
        return self._loop.run(self._storage.find(token, until=until, after=after, limit=limit))


class ClosableBlocking(Blocking):
    """The same for a storage that can be closed."""

    def __init__(self, storage: Threaded, loop: Loop) -> None:
        super().__init__(storage, loop)
        self._closable = storage

    def close(self) -> None:
        """Close."""
        self._loop.run(self._closable.aclose())
