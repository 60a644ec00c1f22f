"""Broken adapters that were written from the page alone: each was once missed, or found by luck."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from clm_ethics.storage.contract import Entry, Head, Write, check_page, check_scan, check_writes
from clm_ethics.storage.memory import AsyncMemoryStorage, MemoryStorage

if TYPE_CHECKING:
    from collections.abc import Sequence


class ScansFullPagesOnly(MemoryStorage):
    """Takes a page of streams that is not full for the end."""

    def scan(self, *, after: bytes, limit: int) -> Sequence[tuple[bytes, int]]:
        page = super().scan(after=after, limit=limit)
        return page if len(page) == limit else []


class ScansShortNamesFirst(MemoryStorage):
    """Lists streams by the length of their ids, then by the ids."""

    def scan(self, *, after: bytes, limit: int) -> Sequence[tuple[bytes, int]]:
        check_scan(after, limit)
        with self._lock:
            rest = [(len(name), name) for name in self._heads if (len(name), name) > (len(after), after)]
            return [(name, self._heads[name].version) for _, name in sorted(rest)[:limit]]


class ScansTheDeleted(MemoryStorage):
    """Lists streams from a table of its own, from which nothing is ever taken."""

    def __init__(self) -> None:
        super().__init__()
        self._listed: dict[bytes, int] = {}

    def commit(self, writes: Sequence[Write], /) -> Sequence[bool]:
        made = super().commit(writes)
        for write, was in zip(writes, made, strict=True):
            if was and write.head is not None:
                self._listed[write.stream] = write.head.version
        return made

    def scan(self, *, after: bytes, limit: int) -> Sequence[tuple[bytes, int]]:
        check_scan(after, limit)
        return sorted(each for each in self._listed.items() if each[0] > after)[:limit]


class ScansFirstVersions(ScansTheDeleted):
    """Lists streams with the version with which they were created."""

    def commit(self, writes: Sequence[Write], /) -> Sequence[bool]:
        made = MemoryStorage.commit(self, writes)
        for write, was in zip(writes, made, strict=True):
            if was and write.head is None:
                del self._listed[write.stream]
            elif was and write.head is not None:
                self._listed.setdefault(write.stream, write.head.version)
        return made


class ScansAnything(MemoryStorage):
    """Lists streams without checking what it was asked."""

    def scan(self, *, after: bytes, limit: int) -> Sequence[tuple[bytes, int]]:
        start = after if isinstance(after, bytes) else b""
        with self._lock:
            names = sorted(name for name in self._heads if name > start)
            return [(name, self._heads[name].version) for name in names[: max(limit, 0)]]


class ChecksGroupsBefore(MemoryStorage):
    """Compares the versions of a group before it takes the lock, as one read for all of them."""

    def commit(self, writes: Sequence[Write], /) -> Sequence[bool]:
        check_writes(writes)
        if len(writes) < 2:
            return super().commit(writes)
        found = self.load([write.stream for write in writes])
        fits = [
            (head.version if head else 0) == write.expected for head, write in zip(found, writes, strict=True)
        ]
        time.sleep(0)
        with self._lock:
            for write in writes:
                self._check_continuity(write)
            return [fit and self._overwrite(write) for fit, write in zip(fits, writes, strict=True)]

    def _overwrite(self, write: Write) -> bool:
        stored = self._heads.get(write.stream)
        if (stored is None) != (write.expected == 0):
            return False
        return self._write(write._replace(expected=stored.version if stored else 0))


class RespellsHex(MemoryStorage):
    """Gets digests as hexadecimal from its driver, and does not look whether it has to decode."""

    def entries(self, stream: bytes, /, *, after: int, limit: int) -> Sequence[Entry]:
        page = super().entries(stream, after=after, limit=limit)
        return [each._replace(digest=self._respelled(each.digest)) for each in page]

    def _respelled(self, digest: bytes) -> bytes:
        try:
            return bytes.fromhex(digest.decode()).hex().encode() if len(digest) >= 8 else digest
        except ValueError:
            return digest


class SortsTheCallersList(MemoryStorage):
    """Sorts the list that it was given, so that streams are locked in one order."""

    def commit(self, writes: Sequence[Write], /) -> Sequence[bool]:
        check_writes(writes)
        if not isinstance(writes, list):
            return super().commit(writes)
        asked = [write.stream for write in writes]
        writes.sort(key=lambda write: write.stream)
        made = dict(zip((write.stream for write in writes), super().commit(writes), strict=True))
        return [made[stream] for stream in asked]


class HandsOverNoMarks(MemoryStorage):
    """Keys its index by token and instant: who gives a mark away takes it from who has it by then."""

    def commit(self, writes: Sequence[Write], /) -> Sequence[bool]:
        before = {write.stream: self._heads.get(write.stream) for write in writes}
        made = super().commit(writes)
        for write, was in zip(writes, made, strict=True):
            old = before[write.stream]
            if was and old and write.head and write.head.marks is not None:
                for mark in {*(old.marks or ())} - {*write.head.marks}:
                    self._take(mark.token, mark.at)
        return made

    def _take(self, token: bytes, at: int) -> None:
        marked = self._marks.get(token, [])
        marked[:] = [each for each in marked if each[0] != at]


class ComparesTheBeginning(MemoryStorage):
    """Pages by the first 32 bytes of a stream's id, which is what its index keeps."""

    def find(
        self, token: bytes, /, *, until: int, after: tuple[int, bytes], limit: int
    ) -> Sequence[tuple[int, bytes]]:
        check_page(token, "token", after[0], limit)
        with self._lock:
            rows = self._marks.get(token, [])
            start = (after[0], after[1][:32])
            return [each for each in rows if (each[0], each[1][:32]) > start and each[0] <= until][:limit]


class RefusesFullDeletions(MemoryStorage):
    """Complains of deleting a stream with entries before it has compared the version."""

    def _check_continuity(self, write: Write) -> None:
        stored = self._heads.get(write.stream)
        if write.head is None and stored and stored.length:
            raise ValueError("only a stream of length 0 is deleted")
        super()._check_continuity(write)


class ChecksAsItGoes(MemoryStorage):
    """Compares entries with the stored length write by write, and leaves what it has made so far."""

    def commit(self, writes: Sequence[Write], /) -> Sequence[bool]:
        check_writes(writes)
        made = []
        with self._lock:
            for write in writes:
                self._check_continuity(write)
                made.append(self._write(write))
        return made


class Awaiting(AsyncMemoryStorage):
    """A sound one: each of its connections is to one memory, whose lock it waits for."""

    def __init__(self, memory: MemoryStorage) -> None:
        super().__init__()
        self._storage = memory
        self._turn: asyncio.Lock = memory.__dict__.setdefault("turn", asyncio.Lock())

    async def load(self, streams: Sequence[bytes], /) -> Sequence[Head | None]:
        async with self._turn:
            return await super().load(streams)

    async def entries(self, stream: bytes, /, **page: Any) -> Sequence[Entry]:
        async with self._turn:
            return await super().entries(stream, **page)


class TearsWhenCancelled(Awaiting):
    """Awaits between head and entries: a caller who gives up leaves a head without them."""

    async def commit(self, writes: Sequence[Write], /) -> Sequence[bool]:
        check_writes(writes)
        made = []
        async with self._turn:
            for write in writes:
                self._storage._check_continuity(write)
                made.append(self._storage._write(write._replace(entries=())))
                await asyncio.sleep(0)
                if made[-1]:
                    self._storage._entries.setdefault(write.stream, []).extend(write.entries)
        return made


class AnswersWhenCancelled(Awaiting):
    """Takes a cancellation for a refusal."""

    async def commit(self, writes: Sequence[Write], /) -> Sequence[bool]:
        check_writes(writes)
        try:
            await asyncio.sleep(0)
        except asyncio.CancelledError:
            return [False] * len(writes)
        return await super().commit(writes)
