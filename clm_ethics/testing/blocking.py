"""An asynchronous storage made blocking, so that what tests the one tests the other too."""

from __future__ import annotations

import asyncio
from inspect import isawaitable, iscoroutinefunction
from threading import Thread
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Sequence

    from clm_ethics.storage.contract import AsyncStorage, Entry, Head, Storage, Write

T = TypeVar("T")
_WAIT = 120.0
"""How long one call may take before it counts as stuck, in seconds."""


class Loop:
    """An event loop in a thread of its own."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, name="clm_ethics-loop", daemon=True)
        self._thread.start()

    def run(self, awaited: Coroutine[Any, Any, T]) -> T:
        """Let the loop run *awaited*, and wait for it.

        Raises:
            TimeoutError: it has not ended after two minutes.
        """
        return asyncio.run_coroutine_threadsafe(awaited, self._loop).result(_WAIT)

    def close(self) -> None:
        """End the loop and its thread."""
        self.run(self._loop.shutdown_default_executor())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_WAIT)
        self._loop.close()


class Blocking:
    """*storage*, whose coroutines are run by *loop*."""

    def __init__(self, storage: AsyncStorage, loop: Loop) -> None:
        self._storage = storage
        self._loop = loop

    def load(self, streams: Sequence[bytes], /) -> Sequence[Head | None]:
        """See :meth:`clm_ethics.storage.Storage.load`."""
        return self._loop.run(self._storage.load(streams))

    def commit(self, writes: Sequence[Write], /) -> Sequence[bool]:
        """See :meth:`clm_ethics.storage.Storage.commit`."""
        return self._loop.run(self._storage.commit(writes))

    def entries(self, stream: bytes, /, *, after: int, limit: int) -> Sequence[Entry]:
        """See :meth:`clm_ethics.storage.Storage.entries`."""
        return self._loop.run(self._storage.entries(stream, after=after, limit=limit))

    def find(
        self, token: bytes, /, *, until: int, after: tuple[int, bytes], limit: int
    ) -> Sequence[tuple[int, bytes]]:
        """See :meth:`clm_ethics.storage.Storage.find`."""
        return self._loop.run(self._storage.find(token, until=until, after=after, limit=limit))

    def interrupted(self, call: Callable[[AsyncStorage], Coroutine[Any, Any, T]], steps: int) -> T | None:
        """Let the loop begin *call*, cancel it after *steps* rounds; return its answer, if any."""

        async def run() -> T | None:
            task = asyncio.ensure_future(call(self._storage))
            for _ in range(steps):
                await asyncio.sleep(0)
            task.cancel()
            try:
                return await task
            except asyncio.CancelledError:
                return None

        return self._loop.run(run())


class _Scanning(Blocking):
    def scan(self, *, after: bytes, limit: int) -> Sequence[tuple[bytes, int]]:
        """See :class:`clm_ethics.storage.AsyncScannable`."""
        storage: Any = self._storage
        return self._loop.run(_awaited(lambda: storage.scan(after=after, limit=limit)))


class ClosableBlocking(Blocking):
    """The same for a storage that can be closed: by ``aclose``, or by a ``close`` that is awaited."""

    def close(self) -> None:
        """Close it."""
        storage: Any = self._storage
        self._loop.run(_awaited(storage.aclose if hasattr(storage, "aclose") else storage.close))


class _Both(ClosableBlocking, _Scanning):
    pass


_KINDS: Final = {
    (False, False): Blocking,
    (False, True): _Scanning,
    (True, False): ClosableBlocking,
    (True, True): _Both,
}
"""By whether it can be closed, and lists its streams."""


def blocking(storage: Storage | AsyncStorage | Awaitable[AsyncStorage], loop: Callable[[], Loop]) -> Storage:
    """Return *storage* as a blocking one; *loop* is called only if it is (or opens) an asynchronous one."""
    opened: Any = storage
    if isawaitable(opened):
        opened = loop().run(_awaited(lambda: opened))
    if not iscoroutinefunction(opened.load):
        return cast("Storage", opened)
    closable = hasattr(opened, "aclose") or hasattr(opened, "close")
    return _KINDS[closable, hasattr(opened, "scan")](opened, loop())


async def _awaited(call: Callable[[], Any]) -> Any:
    answer = call()
    return await answer if isawaitable(answer) else answer


__all__ = ["Blocking", "ClosableBlocking", "Loop", "blocking"]
