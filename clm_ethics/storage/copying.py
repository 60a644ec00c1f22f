"""Copying one storage into another through the contract alone: ids, versions and bytes stay the same.

Passes over both, in the order of the streams: what is missing or has moved is copied, what is gone
is deleted. A pass that finds no difference proves that the target was equal to the source when that
pass began, for a version is never used twice. Each stream is compared byte by byte, once, or
whenever it was copied after that.

While a copy is under way the target holds the stream ``COPYING``, and no steward opens it. A copy
that was interrupted, however rudely, goes on from where it was.
"""

from __future__ import annotations

import time
from itertools import islice
from typing import TYPE_CHECKING, Final

import attrs

from clm_ethics.errors import StorageCorrupt, StorageUnavailable, UsageError
from clm_ethics.storage.contract import (
    COPYING,
    MAX_FORGETS,
    MAX_INT,
    Entry,
    Head,
    Scannable,
    Scrubbable,
    Write,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Sequence

    from clm_ethics.storage.contract import Storage

PASSES: Final = 6
"""How often a source that is being written to is gone over."""
PAGE: Final = 200
"""Streams that are looked at together."""
CHUNK: Final = 500
"""Most entries of one write."""
CHUNK_BYTES: Final = 4 << 20
"""Bytes of entries from which a write is sent."""
CALL_BYTES: Final = 8 << 20
"""Bytes from which a call is sent."""
UNFINISHED: Final = b"\x00copying"
"""The state of a stream of which only a part has come: nobody can take it for a customer's."""
PARTIAL: Final = MAX_INT >> 1
"""Versions of unfinished streams are above, counted down; streams begin below, and count up."""

Two = tuple[bytes, int, int]
"""A stream, and its version in the source and in the target (0: it is not there)."""


@attrs.frozen
class Copied:
    """What a copy has come to; true if target and source were equal when the last pass began.

    Attributes:
        streams: how many there are.
        entries: how many were compared.
        written: how many streams were written, again included.
        deleted: how many were deleted in the target because the source has them no more.
        passes: how often both were gone over.
        moving: how many differed in the last pass: the source is being written to.
        began: when the last pass began (microseconds since 1970, UTC, by this machine's clock).
        scrubbed: what the target says about removing the deleted from its files.
    """

    streams: int = 0
    entries: int = 0
    written: int = 0
    deleted: int = 0
    passes: int = 0
    moving: int = 0
    began: int = 0
    scrubbed: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return not self.moving


def copy(
    source: Storage,
    target: Storage,
    *,
    passes: int = PASSES,
    progress: Callable[[str], object] = lambda _: None,
) -> Copied:
    """Copy every stream of *source* into *target*, or go on with a copy that was interrupted.

    Args:
        source: is only read; it may be in use.
        target: is empty, or an unfinished copy; nobody else writes to it.
        passes: how often to go over a source that keeps being written to.
        progress: is told in a line how far it has come.

    Raises:
        UsageError: one of them cannot list its streams, or the target has streams of its own.
        StorageCorrupt: the same stream has another past in the target.
        StorageUnavailable: one of them cannot be asked; the same call goes on later.
    """
    _check(source, target)
    work = _Copy(source, target, progress)
    if not work.begin():
        return work.done
    for number in range(1, passes + 1):
        work.run(number)
        if not work.done.moving and number > 1:  # the first pass compares nothing that it has copied
            work.finish()
            break
    return work.done


def _check(source: Storage, target: Storage) -> None:
    for each, what in ((source, "source"), (target, "target")):
        if not isinstance(each, Scannable):
            raise UsageError(
                f"the {what} cannot list its streams", place="copy", remedy="SQLite and PostgreSQL can"
            )
    if source.load([COPYING])[0] is not None:
        raise UsageError(
            "the source is itself a copy that was not finished",
            place="copy",
            remedy="finish that one first, with the same source as then",
        )


class _Copy:
    """One copy under way."""

    def __init__(self, source: Storage, target: Storage, progress: Callable[[str], object]) -> None:
        self._source = source
        self._target = target
        self._progress = progress
        self.done = Copied()

    # -- begin and end ---------------------------------------------------------------------

    def begin(self) -> bool:
        """Mark the target; false if it is a finished copy already."""
        if self._target.load([COPYING])[0] is not None:
            return True
        if next(scanned(self._target), None) is not None:
            self._compare_finished()
            return False
        [made] = self._target.commit([Write(COPYING, 0, Head(1, 0, b"", b"", b"", ()))])
        if not made:
            raise _busy()
        return True

    def _compare_finished(self) -> None:
        """A target without the mark is a finished copy, or it has streams of its own."""
        self.done = attrs.evolve(self.done, passes=1, began=_now())
        for two in merged(self._source, self._target):
            if two[1] != two[2] or not self._same(two[0]):
                raise UsageError(
                    "the target has streams of its own", place="copy", remedy="name an empty storage"
                )
            self._count(streams=1)

    def finish(self) -> None:
        """Remove what was deleted from the target's files, and the mark last."""
        if self.done.deleted and isinstance(self._target, Scrubbable):
            self.done = attrs.evolve(self.done, scrubbed=tuple(self._target.scrub()))
        [head] = self._target.load([COPYING])
        if head is not None:
            self._commit([Write(COPYING, head.version, None)])

    # -- passes ----------------------------------------------------------------------------

    def run(self, number: int) -> None:
        """Go over both once; whatever differs is copied or deleted."""
        self.done = attrs.evolve(self.done, streams=0, passes=number, moving=0, began=_now())
        pairs = merged(self._source, self._target)
        while page := list(islice(pairs, PAGE)):
            self._page(page, number)
            words = f"pass {number}: {self.done.streams:,} streams, {self.done.entries:,} entries compared"
            self._progress(words)

    def _page(self, page: Sequence[Two], number: int) -> None:
        gone = [stream for stream, here, _ in page if not here]
        differ = [stream for stream, here, there in page if here and here != there]
        self._delete(gone)
        copied = self._write(differ)
        again = copied if number > 1 else []
        equal = [stream for stream, here, there in page if here == there] if number == 2 else []  # noqa: PLR2004
        moved = sum(not self._same(stream) for stream in (*again, *equal))
        found = len(page) - len(gone)
        self._count(streams=found, moving=moved + (len(gone) + len(differ) if number > 1 else 0))

    def _count(self, **more: int) -> None:
        self.done = attrs.evolve(
            self.done, **{name: getattr(self.done, name) + value for name, value in more.items()}
        )

    def _delete(self, streams: Sequence[bytes]) -> None:
        """What the source has no more (a destroyed key, a freed claim) goes from the target."""
        if not streams:
            return
        writes = []
        for stream, head in zip(streams, self._target.load(streams), strict=True):
            if head is None or head.length:
                raise _another(stream, "is not in the source, and has entries, which are never deleted")
            writes.append(Write(stream, head.version, None))
        self._commit(writes)
        self._count(deleted=len(writes))

    # -- writing ---------------------------------------------------------------------------

    def _write(self, streams: Sequence[bytes]) -> list[bytes]:
        """Bring *streams* to what the source has; return those that it still had."""
        if not streams:
            return []
        heads, there = self._source.load(streams), self._target.load(streams)
        plans = {
            stream: self._plan(stream, head, standing)
            for stream, head, standing in zip(streams, heads, there, strict=True)
            if head is not None
        }
        for call in _calls(plans.values()):
            self._commit(call)
        self._count(written=len(plans))
        return list(plans)

    def _plan(self, stream: bytes, head: Head, there: Head | None) -> Iterator[Write]:
        """Yield the writes that bring a stream from *there* to *head*, the last with head and version."""
        expected, length = (there.version, there.length) if there else (0, 0)
        if expected == head.version:
            return
        if length > head.length:
            raise _another(stream, "is longer in the target")
        forget = list(self._forgotten(stream, length))
        chunk: list[Entry] = []
        size = 0
        for entry in paged(self._source, stream, length, head.length):
            body = entry.body
            if body is None:  # it can only be appended with a body, and forgotten by the next write
                forget.append(entry.index)
                body = b""
            chunk.append(entry._replace(body=body))
            size += len(body)
            if len(chunk) == CHUNK or size > CHUNK_BYTES:
                expected = yield from _part(stream, expected, head, chunk, [])
                length, chunk, size = length + len(chunk), [], 0
        if chunk and (len(forget) > MAX_FORGETS or forget[-1:] > [length]):
            expected = yield from _part(stream, expected, head, chunk, [])
            length, chunk = length + len(chunk), []
        while len(forget) > MAX_FORGETS:
            expected = yield from _part(stream, expected, head, [], forget[:MAX_FORGETS], length)
            del forget[:MAX_FORGETS]
        yield Write(stream, expected, head, tuple(chunk), tuple(forget))

    def _forgotten(self, stream: bytes, length: int) -> Iterator[int]:
        """Yield what the source has forgotten since; raises unless the rest is the same."""
        mine, theirs = (paged(each, stream, 0, length) for each in (self._source, self._target))
        for here, there in zip(mine, theirs, strict=True):
            if here == there:
                continue
            if here.digest != there.digest or here.body is not None:
                raise _another(stream, "has another past in the target")
            yield here.index

    def _commit(self, writes: Sequence[Write]) -> None:
        if not all(self._target.commit(writes)):
            raise _busy()

    # -- comparing -------------------------------------------------------------------------

    def _same(self, stream: bytes) -> bool:
        """Compare a stream byte by byte; false if the source has moved on meanwhile."""
        head, there = self._source.load([stream])[0], self._target.load([stream])[0]
        if head is None or there is None or head.version != there.version:
            return False
        equal = head == there
        count = 0
        mine, theirs = (paged(each, stream, 0, head.length) for each in (self._source, self._target))
        for here, copied in zip(mine, theirs, strict=True):
            equal = equal and here == copied
            count += 1
        if equal:
            self._count(entries=count)
            return True
        now = self._source.load([stream])[0]
        if now is not None and now.version == head.version:
            raise _another(stream, "is not what the source has")
        return False


def scanned(storage: Storage) -> Iterator[tuple[bytes, int]]:
    """Yield every stream and its version, in order, but for the mark of a copy."""
    assert isinstance(storage, Scannable)  # noqa: S101  (checked by copy)
    after = b""
    while page := storage.scan(after=after, limit=PAGE):
        yield from (each for each in page if each[0] != COPYING)
        after = page[-1][0]


def merged(source: Storage, target: Storage) -> Iterator[Two]:
    """Yield every stream of either, in order, with its version in both."""
    mine, theirs = scanned(source), scanned(target)
    here, there = next(mine, None), next(theirs, None)
    while here is not None or there is not None:
        if there is None or (here is not None and here[0] < there[0]):
            assert here is not None  # noqa: S101  (or the loop had ended)
            yield (*here, 0)
            here = next(mine, None)
        elif here is None or there[0] < here[0]:
            yield (there[0], 0, there[1])
            there = next(theirs, None)
        else:
            yield (*here, there[1])
            here, there = next(mine, None), next(theirs, None)


def paged(storage: Storage, stream: bytes, after: int, until: int) -> Iterator[Entry]:
    """Yield the entries of *stream* after *after* up to *until*."""
    while after < until:
        page = storage.entries(stream, after=after, limit=min(CHUNK, until - after))
        if not page:
            raise _another(stream, "has fewer entries than its head says")
        yield from page
        after = page[-1].index


def _part(
    stream: bytes, expected: int, head: Head, chunk: list[Entry], forget: list[int], length: int = 0
) -> Generator[Write, None, int]:
    """Yield a write that brings a part; return its version, which no whole stream comes to have."""
    version = expected - 1 if expected > PARTIAL else MAX_INT
    if version == head.version:
        version -= 1
    until = chunk[-1].index if chunk else length
    partial = Head(version, until, b"", UNFINISHED, b"", ())
    yield Write(stream, expected, partial, tuple(chunk), tuple(forget))
    return version


def _calls(plans: Iterable[Iterator[Write]]) -> Iterator[list[Write]]:
    """Yield the writes of *plans* so that those of one stream follow each other, each in its own call."""
    standing = list(plans)
    while standing:
        call: list[Write] = []
        size = 0
        left = []
        for plan in standing:
            write = next(plan, None)
            if write is None:
                continue
            left.append(plan)
            call.append(write)
            size += _size(write)
            if size > CALL_BYTES:
                yield call
                call, size = [], 0
        if call:
            yield call
        standing = left


def _size(write: Write) -> int:
    head = write.head
    parts = 0 if head is None else len(head.state or b"") + len(head.values or b"")
    return parts + sum(len(entry.body or b"") for entry in write.entries)


def _another(stream: bytes, what: str) -> StorageCorrupt:
    return StorageCorrupt(
        f"a stream {what}",
        place=f"stream {stream.hex()}",
        remedy="copy into an empty storage, and let nobody write to it meanwhile",
    )


def _now() -> int:
    return time.time_ns() // 1000


def _busy() -> StorageUnavailable:
    return StorageUnavailable(
        "somebody else writes to the target", written=False, place="copy", remedy="stop it, and copy again"
    )
