"""A part of a storage that others use too: every name gets a prefix that nobody else has.

So tests that each expect an empty storage can share one, and harm nothing that is in it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from clm_ethics.storage.contract import MAX_ID, Closable, Entry, Head, Mark, Scannable, Scrubbable, Write

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clm_ethics.storage.contract import Storage

PREFIX = 8
"""Bytes of a prefix."""


class Apart:
    """*inner*, in which every stream and token has *prefix*.

    A name that would be too long with the prefix has its first bytes replaced, so that the
    longest names stay the longest. Malformed names go through as they are.

    Args:
        inner: the storage that does the work.
        prefix: eight bytes, drawn at random for each use.
    """

    def __init__(self, inner: Storage, prefix: bytes) -> None:
        if len(prefix) != PREFIX:
            raise ValueError(f"a prefix has {PREFIX} bytes")
        self._inner = inner
        self._prefix = prefix
        self._replacing = prefix[:-1] + bytes([prefix[-1] ^ 1])
        self._long: dict[bytes, bytes] = {}

    def load(self, streams: Sequence[bytes], /) -> Sequence[Head | None]:
        """See :meth:`clm_ethics.storage.Storage.load`."""
        return [
            head and head._replace(marks=self._marks_out(head.marks))
            for head in self._inner.load([self._in(stream) for stream in streams])
        ]

    def commit(self, writes: Sequence[Write], /) -> Sequence[bool]:
        """See :meth:`clm_ethics.storage.Storage.commit`."""
        return self._inner.commit([self._write(write) for write in writes])

    def entries(self, stream: bytes, /, *, after: int, limit: int) -> Sequence[Entry]:
        """See :meth:`clm_ethics.storage.Storage.entries`."""
        return self._inner.entries(self._in(stream), after=after, limit=limit)

    def find(
        self, token: bytes, /, *, until: int, after: tuple[int, bytes], limit: int
    ) -> Sequence[tuple[int, bytes]]:
        """See :meth:`clm_ethics.storage.Storage.find`."""
        at, stream = after
        start = (at, self._in(stream) if stream else stream)
        page = self._inner.find(self._in(token), until=until, after=start, limit=limit)
        return [(at, self._out(stream)) for at, stream in page]

    def _write(self, write: Write) -> Write:
        head = write.head
        if isinstance(head, Head) and head.marks is not None:
            head = head._replace(marks=tuple(Mark(self._in(token), at) for token, at in head.marks))
        return write._replace(stream=self._in(write.stream), head=head)

    def _marks_out(self, marks: tuple[Mark, ...] | None) -> tuple[Mark, ...] | None:
        # A container of another type than the contract's goes through as it is, for tests to see.
        return marks and type(marks)(Mark(self._out(token), at) for token, at in marks)

    def _in(self, name: bytes) -> bytes:
        if not isinstance(name, bytes) or not 1 <= len(name) <= MAX_ID:
            return name
        if len(name) <= MAX_ID - PREFIX:
            return self._prefix + name
        self._long[name[PREFIX:]] = name
        return self._replacing + name[PREFIX:]

    def _out(self, name: bytes) -> bytes:
        if name[:PREFIX] == self._prefix:
            return name[PREFIX:]
        return self._long.get(name[PREFIX:], name)


class _Closing(Apart):
    def close(self) -> None:
        """Close the storage inside."""
        assert isinstance(self._inner, Closable)
        self._inner.close()


class _Scrubbing(Apart):
    def scrub(self) -> Sequence[str]:
        """Scrub the storage inside."""
        assert isinstance(self._inner, Scrubbable)
        return self._inner.scrub()


class _Scanning(Apart):
    def scan(self, *, after: bytes, limit: int) -> Sequence[tuple[bytes, int]]:
        """List what has the prefix; the longest names stand elsewhere, and are left out."""
        assert isinstance(self._inner, Scannable)
        fits = isinstance(after, bytes) and len(after) <= MAX_ID - PREFIX
        page = self._inner.scan(after=self._prefix + after if fits else after, limit=limit)
        return [(name[PREFIX:], version) for name, version in page if name[:PREFIX] == self._prefix]


def apart(inner: Storage, prefix: bytes) -> Apart:
    """Return *inner* with *prefix* before every name; it can be closed, scrubbed, scanned if *inner* can."""
    abilities: tuple[tuple[type, type[Apart]], ...] = (
        (Closable, _Closing),
        (Scrubbable, _Scrubbing),
        (Scannable, _Scanning),
    )
    has = tuple(part for ability, part in abilities if isinstance(inner, ability))
    kind: type[Apart] = type("Apart", has or (Apart,), {})
    return kind(inner, prefix)


__all__ = ["PREFIX", "Apart", "apart"]
