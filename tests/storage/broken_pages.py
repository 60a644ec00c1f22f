"""Broken pages: entries, forgotten bodies, deleted streams, marks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clm_ethics.storage.contract import MAX_INT, Entry, Head, Mark, Write, check_writes
from clm_ethics.storage.memory import MemoryStorage

if TYPE_CHECKING:
    from collections.abc import Sequence

Found = tuple[int, bytes]


# 8: entries --------------------------------------------------------------------------------------


class _Pages(MemoryStorage):
    """Cuts its pages in a way of its own."""

    def cut(self, stored: list[Entry], after: int, limit: int) -> Sequence[Entry]:
        return stored[after : after + limit]

    def entries(self, stream: bytes, /, *, after: int, limit: int) -> Sequence[Entry]:
        super().entries(stream, after=after, limit=limit)
        return self.cut(list(self._entries.get(stream, [])), after, limit)


class ReturnsOneMore(_Pages):
    """Returns one more than was asked for."""

    def cut(self, stored: list[Entry], after: int, limit: int) -> Sequence[Entry]:
        return stored[max(after, 0) : max(after, 0) + limit + 1]


class CountsFromTheEnd(_Pages):
    """Takes -1 for the last place of a list."""


class StartsAtAfter(_Pages):
    """Returns the entry after which it was to begin."""

    def cut(self, stored: list[Entry], after: int, limit: int) -> Sequence[Entry]:
        start = max(after - 1, 0)
        page = stored[start : start + limit]
        return page if not page or page[-1].index > after else []


class LosesFullPages(_Pages):
    """Takes a page that is exactly full for one more than the last."""

    def cut(self, stored: list[Entry], after: int, limit: int) -> Sequence[Entry]:
        page = stored[max(after, 0) : max(after, 0) + limit]
        return page[:-1] if len(page) == limit and page[-1] is stored[-1] else page


class EndsAtThousands(_Pages):
    """Reads one block of 4,096 entries."""

    def cut(self, stored: list[Entry], after: int, limit: int) -> Sequence[Entry]:
        return stored[:4096][max(after, 0) :][:limit]


class SkipsWholePagesOfForgotten(_Pages):
    """Returns an empty page where all bodies are gone."""

    def cut(self, stored: list[Entry], after: int, limit: int) -> Sequence[Entry]:
        page = stored[max(after, 0) :][:limit]
        return [] if len(page) > 5 and all(each.body is None for each in page) else page


class BurnsNumbers(MemoryStorage):
    """Lets a sequence number the entries, which a refused write moves on as well."""

    def __init__(self) -> None:
        super().__init__()
        self.burnt: dict[bytes, int] = {}

    def commit(self, writes: Sequence[Write], /) -> Sequence[bool]:
        made = super().commit(writes)
        for write, was in zip(writes, made, strict=True):
            if not was and write.stream in self._heads:
                self.burnt[write.stream] = self.burnt.get(write.stream, 0) + len(write.entries)
            stored = self._entries.get(write.stream, [])
            burnt = self.burnt.get(write.stream, 0)
            if was and write.entries:
                stored[-len(write.entries) :] = [e._replace(index=e.index + burnt) for e in write.entries]
        return made


# 9: forgetting -----------------------------------------------------------------------------------


class ForgetsTheFirstOnly(MemoryStorage):
    """Forgets the first index that is named."""

    def commit(self, writes: Sequence[Write], /) -> Sequence[bool]:
        check_writes(writes)
        return super().commit([write._replace(forget=tuple(write.forget)[:1]) for write in writes])


class ForgetsUpTo(MemoryStorage):
    """Forgets everything up to the index that is named."""

    def commit(self, writes: Sequence[Write], /) -> Sequence[bool]:
        check_writes(writes)
        return super().commit([
            write._replace(forget=range(1, max(write.forget, default=0) + 1)) for write in writes
        ])  # fmt: skip


class RevivesAtClosing(MemoryStorage):
    """Forgets in its cache, not in its file."""

    def __init__(self) -> None:
        super().__init__()
        self.file: dict[tuple[bytes, int], Entry] = {}

    def commit(self, writes: Sequence[Write], /) -> Sequence[bool]:
        made = super().commit(writes)
        for write in writes:
            self.file |= {(write.stream, each.index): each for each in write.entries}
        return made

    def close(self) -> None:
        for (stream, index), entry in self.file.items():
            stored = self._entries.get(stream, [])
            if index <= len(stored) and stored[index - 1].digest == entry.digest:
                stored[index - 1] = entry


class RevivesAtScrubbing(RevivesAtClosing):
    """Rewrites its file from an old copy."""

    def close(self) -> None:
        """Leave the file alone."""

    def scrub(self) -> Sequence[str]:
        super().close()
        return ["the file was rewritten"]


class ForgetsInAllStreams(MemoryStorage):
    """Leaves the stream out of its condition."""

    def commit(self, writes: Sequence[Write], /) -> Sequence[bool]:
        made = super().commit(writes)
        for write in writes:
            for index in write.forget if any(made) else ():
                for stored in self._entries.values():
                    if index <= len(stored):
                        stored[index - 1] = stored[index - 1]._replace(body=None)
        return made


# 10: deleting ------------------------------------------------------------------------------------


class DeletesByPrefix(MemoryStorage):
    """Deletes a range of keys that begins with the stream's name."""

    def commit(self, writes: Sequence[Write], /) -> Sequence[bool]:
        made = super().commit(writes)
        for write, was in zip(writes, made, strict=True):
            for other in [each for each in self._heads if each.startswith(write.stream)]:
                if was and write.head is None and self._heads[other].length == 0:
                    super().commit([Write(other, self._heads[other].version, None)])
        return made


class LeavesATombstone(MemoryStorage):
    """Marks a stream as deleted, and loads it without a state."""

    def __init__(self) -> None:
        super().__init__()
        self.gone: set[bytes] = set()

    def commit(self, writes: Sequence[Write], /) -> Sequence[bool]:
        made = super().commit(writes)
        self.gone |= {w.stream for w, was in zip(writes, made, strict=True) if was and w.head is None}
        return made

    def load(self, streams: Sequence[bytes], /) -> Sequence[Head | None]:
        empty = Head(1, 0, b"", b"", b"", ())
        return [
            empty if head is None and stream in self.gone else head
            for stream, head in zip(streams, super().load(streams), strict=True)
        ]


# 11: marks ---------------------------------------------------------------------------------------


class _Finds(MemoryStorage):
    """Finds in a way of its own."""

    def rows(self, rows: list[Found], until: int, after: Found) -> list[Found]:
        return [each for each in rows if each[0] <= until and each > after]

    def find(self, token: bytes, /, *, until: int, after: Found, limit: int) -> Sequence[Found]:
        rows = super().find(token, until=MAX_INT, after=(-1, b""), limit=MAX_INT)
        return self.rows(list(rows), until, after)[:limit]


class IgnoresUntil(_Finds):
    """Returns marks of any instant."""

    def rows(self, rows: list[Found], until: int, after: Found) -> list[Found]:
        return [each for each in rows if each > after]


class SortsByStream(_Finds):
    """Sorts by stream alone."""

    def rows(self, rows: list[Found], until: int, after: Found) -> list[Found]:
        return sorted(super().rows(rows, until, after), key=lambda row: row[1])


class SortsByInstant(_Finds):
    """Sorts by instant alone."""

    def rows(self, rows: list[Found], until: int, after: Found) -> list[Found]:
        return sorted(super().rows(rows, until, after), key=lambda row: (row[0], [-byte for byte in row[1]]))


class ComparesPartsAlone(_Finds):
    """Compares the stream even where the instant is a later one."""

    def rows(self, rows: list[Found], until: int, after: Found) -> list[Found]:
        return [each for each in rows if each[0] <= until and each[0] >= after[0] and each[1] > after[1]]


class IncludesAfter(_Finds):
    """Begins with the row that it was to begin behind, unless that would be all."""

    def rows(self, rows: list[Found], until: int, after: Found) -> list[Found]:
        found = [each for each in rows if each[0] <= until and each >= after]
        return found if found and found[-1] != after else []


class SortsSignedBytes(_Finds):
    """Sorts bytes over 0x7f before all others."""

    def rows(self, rows: list[Found], until: int, after: Found) -> list[Found]:
        def key(row: Found) -> tuple[int, list[int]]:
            return row[0], [byte - 256 if byte > 127 else byte for byte in row[1]]

        return sorted((each for each in rows if each[0] <= until and key(each) > key(after)), key=key)


class LeavesMovedMarks(MemoryStorage):
    """Adds the mark at its new instant, and leaves the old one."""

    def _mark(self, stream: bytes, old: tuple[Mark, ...], new: tuple[Mark, ...]) -> None:
        tokens = {mark.token for mark in new}
        super()._mark(stream, tuple(mark for mark in old if mark.token not in tokens or mark in new), new)


class MatchesTokensByPrefix(MemoryStorage):
    """Finds every token that begins with the one that is asked for."""

    def find(self, token: bytes, /, *, until: int, after: Found, limit: int) -> Sequence[Found]:
        tokens = [each for each in list(self._marks) if each.startswith(token)] or [token]
        pages = [
            super(MatchesTokensByPrefix, self).find(each, until=until, after=after, limit=limit)
            for each in tokens
        ]
        return sorted({row for page in pages for row in page})[:limit]


class OneStreamAnInstant(_Finds):
    """Has a key of token and instant: one stream for each."""

    def rows(self, rows: list[Found], until: int, after: Found) -> list[Found]:
        return [each for each in sorted(dict(rows).items()) if each[0] <= until and each > after]
