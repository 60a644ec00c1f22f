"""Broken connections to one sound storage: caches, snapshots, buffers, retries."""

from __future__ import annotations

from threading import get_ident
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clm_ethics.storage.contract import Entry, Head, Write
    from clm_ethics.storage.memory import MemoryStorage


class Connection:
    """A connection to a storage that several share."""

    def __init__(self, shared: MemoryStorage) -> None:
        self.shared = shared

    def load(self, streams: Sequence[bytes], /) -> Sequence[Head | None]:
        return self.shared.load(streams)

    def commit(self, writes: Sequence[Write], /) -> Sequence[bool]:
        return self.shared.commit(writes)

    def entries(self, stream: bytes, /, *, after: int, limit: int) -> Sequence[Entry]:
        return self.shared.entries(stream, after=after, limit=limit)

    def find(self, token: bytes, /, **page: Any) -> Sequence[tuple[int, bytes]]:
        return self.shared.find(token, **page)


class CachesAbsence(Connection):
    """Remembers which streams are not there."""

    def __init__(self, shared: MemoryStorage) -> None:
        super().__init__(shared)
        self.absent: set[bytes] = set()

    def load(self, streams: Sequence[bytes], /) -> Sequence[Head | None]:
        heads = [None if s in self.absent else h for s, h in zip(streams, super().load(streams), strict=True)]
        self.absent |= {stream for stream, head in zip(streams, heads, strict=True) if head is None}
        return heads

    def commit(self, writes: Sequence[Write], /) -> Sequence[bool]:
        self.absent.clear()
        return super().commit(writes)


class CachesItsOwn(Connection):
    """Loads what it wrote itself from memory."""

    def __init__(self, shared: MemoryStorage) -> None:
        super().__init__(shared)
        self.own: dict[bytes, Head | None] = {}

    def load(self, streams: Sequence[bytes], /) -> Sequence[Head | None]:
        heads = super().load(streams)
        return [self.own.get(stream, head) for stream, head in zip(streams, heads, strict=True)]

    def commit(self, writes: Sequence[Write], /) -> Sequence[bool]:
        made = super().commit(writes)
        for write, was in zip(writes, made, strict=True):
            self.own.pop(write.stream, None)
            if was and write.head and None not in write.head:
                [self.own[write.stream]] = super().load([write.stream])
        return made


class CachesPages(Connection):
    """Remembers its last pages of entries."""

    def __init__(self, shared: MemoryStorage) -> None:
        super().__init__(shared)
        self.pages: dict[Any, Sequence[Entry]] = {}

    def entries(self, stream: bytes, /, *, after: int, limit: int) -> Sequence[Entry]:
        asked = (stream, after, limit)
        if asked not in self.pages:
            self.pages[asked] = super().entries(stream, after=after, limit=limit)
        return self.pages[asked]

    def commit(self, writes: Sequence[Write], /) -> Sequence[bool]:
        self.pages.clear()
        return super().commit(writes)


class CachesFound(Connection):
    """Remembers what it has found."""

    def __init__(self, shared: MemoryStorage) -> None:
        super().__init__(shared)
        self.found: dict[Any, Any] = {}

    def find(self, token: bytes, /, **page: Any) -> Sequence[tuple[int, bytes]]:
        asked = (token, *page.values())
        if asked not in self.found:
            self.found[asked] = super().find(token, **page)
        return self.found[asked]

    def commit(self, writes: Sequence[Write], /) -> Sequence[bool]:
        self.found.clear()
        return super().commit(writes)


class ReadsItsSnapshot(Connection):
    """Reads the state of its last write: a transaction that nobody ends."""

    def __init__(self, shared: MemoryStorage) -> None:
        super().__init__(shared)
        self._take()

    def _take(self) -> None:
        self.heads = dict(self.shared._heads)

    def load(self, streams: Sequence[bytes], /) -> Sequence[Head | None]:
        super().load(streams)
        return [self.heads.get(stream) for stream in streams]

    def commit(self, writes: Sequence[Write], /) -> Sequence[bool]:
        made = super().commit(writes)
        self._take()
        return made


class WritesBehind(Connection):
    """Acknowledges appended entries, and stores them when it is closed or used again."""

    def __init__(self, shared: MemoryStorage) -> None:
        super().__init__(shared)
        self.waiting: list[Sequence[Write]] = []

    def _flush(self) -> None:
        for writes in self.waiting:
            super().commit(writes)
        self.waiting.clear()

    def load(self, streams: Sequence[bytes], /) -> Sequence[Head | None]:
        self._flush()
        return super().load(streams)

    def commit(self, writes: Sequence[Write], /) -> Sequence[bool]:
        self._flush()
        heads = super().load([write.stream for write in writes])
        fits = [w.expected == (h.version if h else 0) for w, h in zip(writes, heads, strict=True)]
        if not all(fits) or not any(write.entries for write in writes):
            return super().commit(writes)
        self.shared.commit([])
        self.waiting.append(writes)
        return fits

    def close(self) -> None:
        self._flush()


class LosesAtClosing(Connection):
    """Closes without its last call."""

    def __init__(self, shared: MemoryStorage) -> None:
        super().__init__(shared)
        self.before: Any = None

    def commit(self, writes: Sequence[Write], /) -> Sequence[bool]:
        self.before = dict(self.shared._heads)
        return super().commit(writes)

    def close(self) -> None:
        if self.before is not None:
            self.shared._heads = self.before


class RetriesAtReading(Connection):
    """Tries refused writes again before it reads."""

    def __init__(self, shared: MemoryStorage) -> None:
        super().__init__(shared)
        self.refused: list[Write] = []

    def commit(self, writes: Sequence[Write], /) -> Sequence[bool]:
        made = super().commit(writes)
        self.refused += [write for write, was in zip(writes, made, strict=True) if not was]
        return made

    def again(self) -> None:
        for write in self.refused:
            super().commit([write])

    def load(self, streams: Sequence[bytes], /) -> Sequence[Head | None]:
        self.again()
        return super().load(streams)


class RetriesAtClosing(RetriesAtReading):
    """Tries refused writes again when it is closed."""

    def load(self, streams: Sequence[bytes], /) -> Sequence[Head | None]:
        return Connection.load(self, streams)

    def close(self) -> None:
        self.again()


class BelongsToAThread(Connection):
    """Serves the thread that opened it only, as a driver's connection may."""

    def __init__(self, shared: MemoryStorage) -> None:
        super().__init__(shared)
        self.thread = get_ident()

    def load(self, streams: Sequence[bytes], /) -> Sequence[Head | None]:
        if get_ident() != self.thread:
            raise RuntimeError("created in another thread")
        return super().load(streams)
