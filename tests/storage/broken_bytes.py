"""Broken bytes: names, types, sizes, and what `None` keeps."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Any

from clm_ethics.storage.contract import Entry, Head, Write, check_writes
from clm_ethics.storage.memory import MemoryStorage

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Found = tuple[int, bytes]


# 6: opaque ---------------------------------------------------------------------------------------


class _Renames(MemoryStorage):
    """Keeps every stream and token under another name."""

    def name(self, given: bytes) -> bytes:
        return given

    def load(self, streams: Sequence[bytes], /) -> Sequence[Head | None]:
        return super().load([self.name(each) for each in streams])

    def commit(self, writes: Sequence[Write], /) -> Sequence[bool]:
        check_writes(writes)
        return super().commit([write._replace(stream=self.name(write.stream)) for write in writes])

    def entries(self, stream: bytes, /, *, after: int, limit: int) -> Sequence[Entry]:
        return super().entries(self.name(stream), after=after, limit=limit)


class FoldsCase(_Renames):
    """Has a collation that takes A for a."""

    def name(self, given: bytes) -> bytes:
        return given.lower()


class NormalisesText(_Renames):
    """Takes names for text, and normalises it."""

    def name(self, given: bytes) -> bytes:
        try:
            return unicodedata.normalize("NFC", given.decode()).encode()
        except ValueError:
            return given


class StripsBlanks(_Renames):
    """Stores names in a column that is padded with blanks."""

    def name(self, given: bytes) -> bytes:
        return given.rstrip(b" ") or b" "


class StripsZeros(_Renames):
    """Stores names in a column that is padded with zeros."""

    def name(self, given: bytes) -> bytes:
        return given.rstrip(b"\x00") or b"\x00"


class CutsNames(_Renames):
    """Has an index over the first 63 bytes."""

    def name(self, given: bytes) -> bytes:
        return given[:63]


class FoldsTokens(MemoryStorage):
    """Finds tokens whatever their case."""

    def find(self, token: bytes, /, *, until: int, after: tuple[int, bytes], limit: int) -> Sequence[Found]:
        tokens = [each for each in list(self._marks) if each.lower() == token.lower()] or [token]
        pages = [
            super(FoldsTokens, self).find(each, until=until, after=after, limit=limit) for each in tokens
        ]
        return sorted({row for page in pages for row in page})[:limit]


class CutsLargeParts(MemoryStorage):
    """Stores 65,535 bytes of a part."""

    def load(self, streams: Sequence[bytes], /) -> Sequence[Head | None]:
        return [
            head and head._replace(values=(head.values or b"")[:65_535]) for head in super().load(streams)
        ]


class ReturnsViews(MemoryStorage):
    """Returns what its driver returns: views of memory."""

    def load(self, streams: Sequence[bytes], /) -> Sequence[Head | None]:
        return [head and head._replace(state=memoryview(head.state)) for head in super().load(streams)]


class ReturnsLists(MemoryStorage):
    """Returns marks as a list."""

    def load(self, streams: Sequence[bytes], /) -> Sequence[Head | None]:
        return [head and head._replace(marks=list(head.marks)) for head in super().load(streams)]


class ReturnsRows(MemoryStorage):
    """Returns plain tuples for entries."""

    def entries(self, stream: bytes, /, *, after: int, limit: int) -> Sequence[Any]:
        return [tuple(each) for each in super().entries(stream, after=after, limit=limit)]


class ReturnsAnIterator(MemoryStorage):
    """Returns the page of a cursor that is still open."""

    def find(self, token: bytes, /, **page: Any) -> Any:
        return iter(super().find(token, **page))


class RoundsInstants(MemoryStorage):
    """Keeps instants as floating-point numbers."""

    def find(self, token: bytes, /, **page: Any) -> Sequence[Found]:
        return [(int(float(at)), stream) for at, stream in super().find(token, **page)]


class SharesItsLists(MemoryStorage):
    """Returns the list that it keeps."""

    def entries(self, stream: bytes, /, *, after: int, limit: int) -> Sequence[Entry]:
        stored = self._entries.get(stream, [])
        return (
            stored
            if after <= 0 and limit >= len(stored)
            else super().entries(stream, after=after, limit=limit)
        )


class HexesKeys(_Renames):
    """Stores a name that is hexadecimal already as it is."""

    def name(self, given: bytes) -> bytes:
        try:
            return bytes.fromhex(given.decode()) or given
        except ValueError:
            return given


# 7: keeping --------------------------------------------------------------------------------------


def _with_heads(
    change: Callable[[Write, Head], Head],
) -> Callable[[MemoryStorage, Sequence[Write]], Sequence[bool]]:
    """Return a ``commit`` that changes the heads of writes to existing streams."""

    def commit(self: MemoryStorage, writes: Sequence[Write], /) -> Sequence[bool]:
        check_writes(writes)
        changed = [
            write._replace(head=change(write, write.head)) if write.head and write.expected else write
            for write in writes
        ]
        return MemoryStorage.commit(self, changed)

    return commit


class LosesMarksWithValues(MemoryStorage):
    """Where the values are kept, writes the row anew, without the marks that are kept."""

    commit = _with_heads(
        lambda _, head: head._replace(marks=()) if head.values is head.marks is None else head
    )


class LosesStateWithMarks(MemoryStorage):
    """Keeps state and marks only together."""

    commit = _with_heads(
        lambda _, head: head._replace(state=b"") if head.state is None and head.marks is not None else head
    )


class TakesEmptyForNone(MemoryStorage):
    """Keeps a part that is given as empty."""

    commit = _with_heads(lambda _, head: head._replace(values=head.values or None))


class LosesPartsAtAppending(MemoryStorage):
    """Loses kept values when entries are appended and forgotten."""

    commit = _with_heads(
        lambda write, head: (
            head._replace(values=b"") if head.values is None and write.entries and write.forget else head
        )
    )
