"""Any blocking storage as an :class:`~clm_ethics.storage.AsyncStorage`, by one worker thread."""

from __future__ import annotations

import os
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING, TypeVar

from clm_ethics.errors import StorageUnavailable, UsageError
from clm_ethics.storage.contract import Closable, Joinable, Scannable, Scrubbable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from concurrent.futures import Future, ThreadPoolExecutor

    from clm_ethics.storage.contract import (
        AsyncJoinedStorage,
        Entry,
        Head,
        JoinedStorage,
        Storage,
        Write,
    )

T = TypeVar("T")


class Threaded:
    """*storage* behind one worker thread, for callers that must not block.

    A caller that is cancelled stops waiting; what it asked for is done all the same, so that a
    commit is never half withdrawn. Closing it closes *storage* too.

    Args:
        storage: a storage, or a function that opens one; it is called by the worker at the
            first call, so that opening blocks nobody either.
        owns: closing this closes *storage* too; false for a storage that the caller opened.
    """

    def __init__(self, storage: Storage | Callable[[], Storage], *, owns: bool = True) -> None:
        self._owns = owns
        self._storage: Storage | None = None if callable(storage) else storage
        self._opener = storage if callable(storage) else None
        self._process = os.getpid()
        self._lock = Lock()
        self._worker: ThreadPoolExecutor | None = None
        self._closed = False

    async def load(self, streams: Sequence[bytes], /) -> Sequence[Head | None]:
        """See :meth:`clm_ethics.storage.Storage.load`."""
        return await self._run(lambda storage: storage.load(streams))

    async def commit(self, writes: Sequence[Write], /) -> Sequence[bool]:
        """See :meth:`clm_ethics.storage.Storage.commit`; a cancelled caller's writes are still tried."""
        return await self._run(lambda storage: storage.commit(writes))

    async def entries(self, stream: bytes, /, *, after: int, limit: int) -> Sequence[Entry]:
        """See :meth:`clm_ethics.storage.Storage.entries`."""
        return await self._run(lambda storage: storage.entries(stream, after=after, limit=limit))

    async def find(
        self, token: bytes, /, *, until: int, after: tuple[int, bytes], limit: int
    ) -> Sequence[tuple[int, bytes]]:
        """See :meth:`clm_ethics.storage.Storage.find`."""
        return await self._run(lambda storage: storage.find(token, until=until, after=after, limit=limit))

    async def scrub(self) -> Sequence[str]:
        """See :class:`clm_ethics.storage.Scrubbable`; nothing is said by a storage that cannot."""
        return await self._run(lambda storage: storage.scrub() if isinstance(storage, Scrubbable) else ())

    async def scan(self, *, after: bytes, limit: int) -> Sequence[tuple[bytes, int]]:
        """See :class:`clm_ethics.storage.AsyncScannable`.

        Raises:
            UsageError: the storage inside lists no streams.
        """
        return await self._run(partial(_scan, after=after, limit=limit))

    def joined(self, connection: object, /) -> JoinedStorage | AsyncJoinedStorage:
        """See :class:`clm_ethics.storage.Joinable`: the host's connection stays in the host's thread."""
        storage: object = self._storage
        if isinstance(storage, Joinable):
            return storage.joined(connection)
        raise UsageError(
            "this storage cannot write inside a transaction of the host's",
            place="joined",
            remedy="SQLite and PostgreSQL can; otherwise tell it after the commit, with a key=",
        )

    async def aclose(self) -> None:
        """Finish what was asked, then close the storage and end the worker; may be called twice."""
        import asyncio

        await asyncio.shield(asyncio.get_running_loop().run_in_executor(None, self.close))

    def close(self) -> None:
        """Do the same from code that may block."""
        if os.getpid() != self._process:
            return
        with self._lock:
            self._closed = True
            worker, self._worker = self._worker, None
        if worker is not None:
            worker.shutdown(wait=True)
        storage: object = self._storage
        self._storage = None
        if self._owns and isinstance(storage, Closable):
            storage.close()

    async def _run(self, call: Callable[[Storage], T]) -> T:
        """Let the worker make *call*; cancelling the caller leaves the call alone."""
        import asyncio

        return await asyncio.shield(asyncio.wrap_future(self._submit(partial(self._call, call))))

    def _call(self, call: Callable[[Storage], T]) -> T:
        if self._storage is None and self._opener is not None:
            self._storage, self._opener = self._opener(), None
        if self._storage is None:
            raise _unusable("is closed")
        return call(self._storage)

    def _submit(self, call: Callable[[], T]) -> Future[T]:
        if os.getpid() != self._process:
            raise _unusable("was opened before a fork")
        with self._lock:
            if self._closed:
                raise _unusable("is closed")
            if self._worker is None:
                from concurrent.futures import ThreadPoolExecutor

                self._worker = ThreadPoolExecutor(1, thread_name_prefix="clm_ethics-storage")
            return self._worker.submit(call)


def _scan(storage: Storage, *, after: bytes, limit: int) -> Sequence[tuple[bytes, int]]:
    if not isinstance(storage, Scannable):
        raise UsageError(
            "this storage cannot list its streams", place="scan", remedy="give it a method `scan` (Scannable)"
        )
    return storage.scan(after=after, limit=limit)


def _unusable(what: str) -> StorageUnavailable:
    return StorageUnavailable(what, written=False, place="storage", remedy="open the storage again")
