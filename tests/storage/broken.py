"""Broken adapters: each breaks one guarantee, and keeps the rest as well as it can."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from clm_ethics.errors import StorageUnavailable
from clm_ethics.storage.contract import Entry, Head, Write
from clm_ethics.storage.memory import MemoryStorage

if TYPE_CHECKING:
    from collections.abc import Sequence


class LosesWrites(MemoryStorage):
    """Acknowledges every third call and forgets to make it."""

    calls = 0

    def commit(self, writes: Sequence[Write], /) -> Sequence[bool]:
        self.calls += 1
        return [True] * len(writes) if self.calls % 3 == 0 else super().commit(writes)


class LosesARareWrite(MemoryStorage):
    """Acknowledges every 300th call and forgets to make it."""

    calls = 0

    def commit(self, writes: Sequence[Write], /) -> Sequence[bool]:
        self.calls += 1
        return [True] * len(writes) if self.calls % 300 == 0 else super().commit(writes)


class IgnoresExpected(MemoryStorage):
    """Writes over whatever is there."""

    def commit(self, writes: Sequence[Write], /) -> Sequence[bool]:
        made = [False] * len(writes)
        for n, write in enumerate(writes):
            [stored] = self.load([write.stream])
            with suppress(ValueError):
                [made[n]] = super().commit([write._replace(expected=stored.version if stored else 0)])
        return made


class CreatesOver(MemoryStorage):
    """Takes expected 0 for "do not care"."""

    def commit(self, writes: Sequence[Write], /) -> Sequence[bool]:
        for write in writes:
            [stored] = self.load([write.stream])
            if write.expected == 0 and stored is not None and stored.length == 0:
                super().commit([Write(write.stream, stored.version, None)])
        return super().commit(writes)


class ComparesOrder(MemoryStorage):
    """Believes that versions only grow."""

    def commit(self, writes: Sequence[Write], /) -> Sequence[bool]:
        growing = [write for write in writes if write.head is None or write.head.version > write.expected]
        made = iter(super().commit(growing))
        return [next(made) if write in growing else False for write in writes]


class OverwritesValues(MemoryStorage):
    """Takes "keep the values" for "no values"."""

    def commit(self, writes: Sequence[Write], /) -> Sequence[bool]:
        return super().commit(
            [
                write._replace(head=write.head._replace(values=b""))
                if write.head and write.expected and write.head.values is None
                else write
                for write in writes
            ]
        )


class KeepsEmptyMarks(MemoryStorage):
    """Takes "no marks" for "keep the marks"."""

    def commit(self, writes: Sequence[Write], /) -> Sequence[bool]:
        return super().commit(
            [
                write._replace(head=write.head._replace(marks=write.head.marks or None))
                if write.head and write.expected
                else write
                for write in writes
            ]
        )


class ReadsStale(MemoryStorage):
    """Answers from a cache that nobody empties."""

    def __init__(self, shared: MemoryStorage) -> None:
        super().__init__()
        self.shared, self.cache = shared, dict[bytes, Head | None]()

    def load(self, streams: Sequence[bytes], /) -> Sequence[Head | None]:
        for stream, head in zip(streams, self.shared.load(streams), strict=True):
            if self.cache.get(stream) is None:
                self.cache[stream] = head
        return [self.cache[stream] for stream in streams]

    def commit(self, writes: Sequence[Write], /) -> Sequence[bool]:
        self.cache.clear()
        return self.shared.commit(writes)

    def entries(self, stream: bytes, /, *, after: int, limit: int) -> Sequence[Entry]:
        return self.shared.entries(stream, after=after, limit=limit)

    def find(self, token: bytes, /, **page: Any) -> Sequence[tuple[int, bytes]]:
        return self.shared.find(token, **page)


class ReusesVersions(MemoryStorage):
    """Numbers the versions itself, from 1: a deleted stream comes back as its old self."""

    def __init__(self) -> None:
        super().__init__()
        self.remembered: dict[bytes, set[int]] = {}

    def commit(self, writes: Sequence[Write], /) -> Sequence[bool]:
        through = []
        for write in writes:
            [stored] = self.load([write.stream])
            known = self.remembered.setdefault(write.stream, set())
            if stored and write.expected in known:
                through.append(write._replace(expected=stored.version))
            else:
                through.append(write)
            if write.head is None:
                known.add(write.expected)
        return super().commit(through)


class PagesByOffset(MemoryStorage):
    """Counts how many it has returned, and leaves out as many of what is there now."""

    def find(
        self, token: bytes, /, *, until: int, after: tuple[int, bytes], limit: int
    ) -> Sequence[tuple[int, bytes]]:
        self.offset = 0 if after == (-1, b"") else self.offset
        found = super().find(token, until=until, after=(-1, b""), limit=1 << 60)
        page = found[self.offset : self.offset + limit]
        self.offset += len(page)
        return page


class MissesMarks(MemoryStorage):
    """Pages strictly after the instant, so that a tie on the border of a page is missed."""

    def find(
        self, token: bytes, /, *, until: int, after: tuple[int, bytes], limit: int
    ) -> Sequence[tuple[int, bytes]]:
        return super().find(token, until=until, after=(after[0], b"\xff" * 65), limit=limit)


class ExcludesUntil(MemoryStorage):
    """Takes ``until`` for an exclusive limit."""

    def find(
        self, token: bytes, /, *, until: int, after: tuple[int, bytes], limit: int
    ) -> Sequence[tuple[int, bytes]]:
        return super().find(token, until=until - 1, after=after, limit=limit)


class LeavesMarks(MemoryStorage):
    """Deletes a stream, not its marks."""

    def _mark(self, stream: bytes, old: tuple[Any, ...], new: tuple[Any, ...]) -> None:
        super()._mark(stream, old, new if new or stream not in self._heads else old)


class RevivesForgotten(MemoryStorage):
    """Keeps the bodies, and shows them again after the next write."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[tuple[bytes, int], Entry] = {}

    def commit(self, writes: Sequence[Write], /) -> Sequence[bool]:
        for (stream, index), entry in self.kept.items():
            if any(write.stream == stream and not write.forget for write in writes):
                self._entries[stream][index - 1] = entry
        for write in writes:
            for index in write.forget if len(write.forget) < 100 else ():
                stored = self._entries.get(write.stream, [])
                if 0 < index <= len(stored):
                    self.kept.setdefault((write.stream, index), stored[index - 1])
        return super().commit(writes)


class ForgetsDigests(MemoryStorage):
    """Removes the whole entry when only the body should go."""

    def entries(self, stream: bytes, /, *, after: int, limit: int) -> Sequence[Entry]:
        return [each for each in super().entries(stream, after=after, limit=limit) if each.body is not None]


class EmptyIsForgotten(MemoryStorage):
    """Stores an empty body as nothing."""

    def entries(self, stream: bytes, /, *, after: int, limit: int) -> Sequence[Entry]:
        return [
            each._replace(body=each.body or None)
            for each in super().entries(stream, after=after, limit=limit)
        ]


class LiesAboutOutcomes(MemoryStorage):
    """Says of a call with one write that was made that all were made."""

    def commit(self, writes: Sequence[Write], /) -> Sequence[bool]:
        return [any(super().commit(writes))] * len(writes)


class AllOrNothing(MemoryStorage):
    """Makes no write of a call if one of them is refused."""

    def commit(self, writes: Sequence[Write], /) -> Sequence[bool]:
        heads = self.load([write.stream for write in writes])
        if any(
            (head.version if head else 0) != write.expected for head, write in zip(heads, writes, strict=True)
        ):
            return [False] * len(writes)
        return super().commit(writes)


class SortsOutcomes(MemoryStorage):
    """Answers in the order of the streams' names."""

    def commit(self, writes: Sequence[Write], /) -> Sequence[bool]:
        return super().commit(sorted(writes, key=lambda write: write.stream))


class TearsWrites(MemoryStorage):
    """Appends the entries whether or not the head may be written."""

    def commit(self, writes: Sequence[Write], /) -> Sequence[bool]:
        made = super().commit(writes)
        for write, was_made in zip(writes, made, strict=True):
            if not was_made and write.stream in self._entries:
                self._entries[write.stream].extend(write.entries)
        return made


class StoresText(MemoryStorage):
    """Ends bytes at the first zero, as a C string."""

    def load(self, streams: Sequence[bytes], /) -> Sequence[Head | None]:
        heads = super().load(streams)
        return [head and head._replace(state=(head.state or b"").split(b"\0")[0]) for head in heads]


class SortsNumbersAsText(MemoryStorage):
    """Keeps the entries in the order of their printed numbers."""

    def entries(self, stream: bytes, /, *, after: int, limit: int) -> Sequence[Entry]:
        stored = super().entries(stream, after=0, limit=1 << 60)
        return sorted((each for each in stored if each.index > after), key=lambda each: str(each.index))[
            :limit
        ]


class ChecksLate(MemoryStorage):
    """Finds the malformed write after it has made the ones before."""

    def commit(self, writes: Sequence[Write], /) -> Sequence[bool]:
        return [super(ChecksLate, self).commit([write])[0] for write in writes]


class ForgetsAtClosing(MemoryStorage):
    """Loses everything when it is closed."""

    def close(self) -> None:
        self.__init__()  # type: ignore[misc]


class WritesAndComplains(MemoryStorage):
    """Is closed, makes the write all the same, and says that it was not written."""

    closed = False

    def close(self) -> None:
        self.closed = True

    def commit(self, writes: Sequence[Write], /) -> Sequence[bool]:
        made = super().commit(writes)
        if self.closed:
            raise StorageUnavailable("is closed", written=False, remedy="open it again")
        return made


class MakesLateWrites(MemoryStorage):
    """Tries refused writes again by itself when the stream has moved."""

    def __init__(self) -> None:
        super().__init__()
        self.refused: list[Write] = []

    def commit(self, writes: Sequence[Write], /) -> Sequence[bool]:
        made = super().commit(writes)
        self.refused = [
            write for write in self.refused if not super(MakesLateWrites, self).commit([write])[0]
        ]
        self.refused += [write for write, was_made in zip(writes, made, strict=True) if not was_made]
        return made
