"""The storage contract in its shortest form: dictionaries behind one lock.

It is the specification that other adapters are compared with. It is durable for as long as
the process lives, so it is for tests, tours and simulations.
"""

from __future__ import annotations

import platform
from bisect import bisect_left, bisect_right, insort
from threading import Lock
from typing import TYPE_CHECKING

from clm_ethics.errors import UsageError
from clm_ethics.storage.contract import (
    Entry,
    Finding,
    Head,
    Level,
    Mark,
    check_page,
    check_scan,
    check_token,
    check_writes,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clm_ethics.storage.contract import Write


class MemoryStorage:
    """A :class:`~clm_ethics.storage.Storage` in this process's memory, for any number of threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._heads: dict[bytes, Head] = {}
        self._entries: dict[bytes, list[Entry]] = {}
        self._marks: dict[bytes, list[tuple[int, bytes]]] = {}

    def load(self, streams: Sequence[bytes], /) -> Sequence[Head | None]:
        """Return the heads of *streams* in order, ``None`` for those that do not exist."""
        for stream in streams:
            check_token(stream, "stream")
        with self._lock:
            return [self._heads.get(stream) for stream in streams]

    def commit(self, writes: Sequence[Write], /) -> Sequence[bool]:
        """Make every write whose stream has the expected version; say which were made."""
        check_writes(writes)
        with self._lock:
            for write in writes:
                self._check_continuity(write)
            return [self._write(write) for write in writes]

    def entries(self, stream: bytes, /, *, after: int, limit: int) -> Sequence[Entry]:
        """Return at most *limit* entries with an index above *after*, in order."""
        check_page(stream, "stream", after, limit)
        with self._lock:
            return self._entries.get(stream, [])[max(after, 0) : max(after, 0) + limit]

    def find(
        self, token: bytes, /, *, until: int, after: tuple[int, bytes], limit: int
    ) -> Sequence[tuple[int, bytes]]:
        """Return ``(at, stream)`` of the marks with *token* up to *until*, strictly after *after*."""
        check_page(token, "token", after[0], limit)
        with self._lock:
            marked = self._marks.get(token, [])
            start = bisect_right(marked, after)
            return marked[start : min(start + limit, bisect_left(marked, (until + 1, b"")))]

    def scan(self, *, after: bytes, limit: int) -> Sequence[tuple[bytes, int]]:
        """See :class:`clm_ethics.storage.Scannable`."""
        check_scan(after, limit)
        with self._lock:
            found = sorted(stream for stream in self._heads if stream > after)[:limit]
            return [(stream, self._heads[stream].version) for stream in found]

    def check(self) -> Sequence[Finding]:
        """See :class:`clm_ethics.storage.Checkable`."""
        python = f"Python {platform.python_version()}"
        lost = "nothing survives the end of this process"
        return [
            Finding("versions", Level.OK, python),
            Finding("durability", Level.NOTE, lost, "open `sqlite:///crm.db` for data that is to stay"),
        ]

    def _check_continuity(self, write: Write) -> None:
        """The caller's duty, checked because it costs nothing here."""
        stored = self._heads.get(write.stream)
        if (stored.version if stored else 0) != write.expected:
            return
        length = stored.length if stored else 0
        if write.head is None and length != 0:
            raise ValueError("only a stream of length 0 is deleted")
        if write.head is not None and write.head.length - len(write.entries) != length:
            raise ValueError("entries do not continue the stored stream")

    def _write(self, write: Write) -> bool:
        stream, head = write.stream, write.head
        stored = self._heads.get(stream)
        if (stored.version if stored else 0) != write.expected:
            return False
        old = stored.marks or () if stored else ()
        if head is None:
            self._mark(stream, old, ())
            del self._heads[stream]
            self._entries.pop(stream, None)
            return True
        new = old if head.marks is None else tuple(sorted(head.marks))
        self._mark(stream, old, new)
        if stored:
            head = head._replace(
                state=stored.state if head.state is None else head.state,
                values=stored.values if head.values is None else head.values,
            )
        self._heads[stream] = head._replace(marks=new)
        entries = self._entries.setdefault(stream, [])
        for index in write.forget:
            entries[index - 1] = entries[index - 1]._replace(body=None)
        entries.extend(write.entries)
        return True

    def _mark(self, stream: bytes, old: tuple[Mark, ...], new: tuple[Mark, ...]) -> None:
        for token, at in set(old).difference(new):
            marked = self._marks[token]
            del marked[bisect_left(marked, (at, stream))]
            if not marked:
                del self._marks[token]
        for token, at in set(new).difference(old):
            insort(self._marks.setdefault(token, []), (at, stream))


def open_url(url: str, *, create: bool = True) -> MemoryStorage:  # noqa: ARG001  (it is new in any case)
    """Open ``memory:``, an empty storage of its own each time.

    Raises:
        UsageError: there is something behind the colon.
    """
    if url.partition(":")[2]:
        raise UsageError("a memory has no path", place="storage", remedy="write `memory:`")
    return MemoryStorage()


class AsyncMemoryStorage:
    """The same as an :class:`~clm_ethics.storage.AsyncStorage`: nothing in it ever waits."""

    def __init__(self) -> None:
        self._storage = MemoryStorage()

    async def load(self, streams: Sequence[bytes], /) -> Sequence[Head | None]:
        """See :meth:`MemoryStorage.load`."""
        return self._storage.load(streams)

    async def commit(self, writes: Sequence[Write], /) -> Sequence[bool]:
        """See :meth:`MemoryStorage.commit`."""
        return self._storage.commit(writes)

    async def entries(self, stream: bytes, /, *, after: int, limit: int) -> Sequence[Entry]:
        """See :meth:`MemoryStorage.entries`."""
        return self._storage.entries(stream, after=after, limit=limit)

    async def find(
        self, token: bytes, /, *, until: int, after: tuple[int, bytes], limit: int
    ) -> Sequence[tuple[int, bytes]]:
        """See :meth:`MemoryStorage.find`."""
        return self._storage.find(token, until=until, after=after, limit=limit)

    async def scan(self, *, after: bytes, limit: int) -> Sequence[tuple[bytes, int]]:
        """See :class:`clm_ethics.storage.AsyncScannable`."""
        return self._storage.scan(after=after, limit=limit)
