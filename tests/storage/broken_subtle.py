"""Broken adapters, part by part: right for small numbers, in one place, or by themselves."""

from __future__ import annotations

import time
from bisect import bisect_right
from threading import RLock
from typing import TYPE_CHECKING, Any

from clm_ethics.errors import StorageUnavailable
from clm_ethics.storage.contract import FIRST, Entry, Head, Mark, Write, check_writes
from clm_ethics.storage.memory import MemoryStorage
from tests.storage.broken_connections import Connection

if TYPE_CHECKING:
    from collections.abc import Sequence


Found = tuple[int, bytes]


class AppendsOrForgets(MemoryStorage):
    """Does not forget in a write that appends as well."""

    def commit(self, writes: Sequence[Write], /) -> Sequence[bool]:
        check_writes(writes)
        return super().commit([each._replace(forget=()) if each.entries else each for each in writes])


class BlanksLateDigests(MemoryStorage):
    """Forgets the digest with the body, in entries that came late."""

    def entries(self, stream: bytes, /, *, after: int, limit: int) -> Sequence[Entry]:
        return [
            each._replace(digest=b"") if each.body is None and each.index > 100 else each
            for each in super().entries(stream, after=after, limit=limit)
        ]


class ForgetsAFewAtOnce(MemoryStorage):
    """Binds at most 999 indexes to its statement."""

    def commit(self, writes: Sequence[Write], /) -> Sequence[bool]:
        check_writes(writes)
        return super().commit([each._replace(forget=each.forget[:999]) for each in writes])


class CountsTheLiving(MemoryStorage):
    """Takes the number of bodies for the length of a stream."""

    def load(self, streams: Sequence[bytes], /) -> Sequence[Head | None]:
        return [
            head
            and head._replace(length=sum(each.body is not None for each in self._entries.get(stream, [])))
            for stream, head in zip(streams, super().load(streams), strict=True)
        ]


class SharesEqualBodies(MemoryStorage):
    """Keeps a body once a stream, under its digest: who forgets one forgets all that are equal to it."""

    def commit(self, writes: Sequence[Write], /) -> Sequence[bool]:
        made = super().commit(writes)
        for write, was in zip(writes, made, strict=True):
            stored = self._entries.get(write.stream, [])
            gone = {stored[index - 1].digest for index in write.forget if was}
            for n, each in enumerate(stored):
                if each.digest in gone:
                    stored[n] = each._replace(body=None)
        return made


class KeepsADigestOnce(MemoryStorage):
    """Has a unique index on digests, and overwrites the entry that has the same."""

    def entries(self, stream: bytes, /, *, after: int, limit: int) -> Sequence[Entry]:
        bodies: dict[bytes, bytes | None] = {}
        for each in self._entries.get(stream, []):
            if each.body is not None:
                bodies[each.digest] = each.body
        return [
            each._replace(body=each.body and bodies[each.digest])
            for each in super().entries(stream, after=after, limit=limit)
        ]


class CountsIn16Bits(MemoryStorage):
    """Keeps the index of an entry in sixteen bits."""

    def entries(self, stream: bytes, /, *, after: int, limit: int) -> Sequence[Entry]:
        page = super().entries(stream, after=after, limit=limit)
        return [each._replace(index=each.index & 0xFFFF) for each in page]


class ReversesTies(MemoryStorage):
    """Sorts by instant, and the streams of one instant backwards."""

    def find(self, token: bytes, /, *, until: int, after: Found, limit: int) -> Sequence[Found]:
        found = super().find(token, until=until, after=FIRST, limit=1 << 40)
        rows = sorted(found, key=lambda row: (row[0], [255 - each for each in row[1]] + [256]))
        place = rows.index(after) + 1 if after in rows else 0
        return [row for row in rows[place:] if row[0] >= after[0]][:limit]


class PagesForEver(MemoryStorage):
    """Gives a page of one for ever, because it asks for at least, not for more than, the last one."""

    def find(self, token: bytes, /, *, until: int, after: Found, limit: int) -> Sequence[Found]:
        if limit > 1:
            return super().find(token, until=until, after=after, limit=limit)
        rows = super().find(token, until=until, after=FIRST, limit=1 << 40)
        return [row for row in rows if row >= after][:1]


class StopsAtAnEmptyPage(MemoryStorage):
    """Cleans its index lazily: takes a page, then leaves out the marks that are gone, and may have none."""

    def __init__(self) -> None:
        super().__init__()
        self._lazy: dict[bytes, set[Found]] = {}

    def _mark(self, stream: bytes, old: tuple[Mark, ...], new: tuple[Mark, ...]) -> None:
        super()._mark(stream, old, new)
        for mark in (*old, *new):
            self._lazy.setdefault(mark.token, set()).add((mark.at, stream))

    def find(self, token: bytes, /, *, until: int, after: Found, limit: int) -> Sequence[Found]:
        living = super().find(token, until=until, after=after, limit=1 << 40)
        rows = sorted(row for row in self._lazy.get(token, ()) if row > after)[:limit]
        return [row for row in rows if row in living]


class IndexesTheFirstMarks(MemoryStorage):
    """Writes the first hundred marks of a head to its index."""

    def _mark(self, stream: bytes, old: tuple[Mark, ...], new: tuple[Mark, ...]) -> None:
        super()._mark(stream, old[:100], new[:100])


class ComparesInstantsAsFloats(MemoryStorage):
    """Compares ``until`` in fifty-three bits."""

    def find(self, token: bytes, /, *, until: int, after: Found, limit: int) -> Sequence[Found]:
        rows = super().find(token, until=1 << 70, after=after, limit=1 << 40)
        return [row for row in rows if float(row[0]) <= float(until)][:limit]


class LoadsMarksUnsorted(MemoryStorage):
    """Returns the marks in the order in which they were written."""

    def __init__(self) -> None:
        super().__init__()
        self._order: dict[bytes, tuple[Mark, ...]] = {}

    def commit(self, writes: Sequence[Write], /) -> Sequence[bool]:
        made = super().commit(writes)
        for write, was in zip(writes, made, strict=True):
            if was and write.head and write.head.marks is not None:
                self._order[write.stream] = write.head.marks
        return made

    def load(self, streams: Sequence[bytes], /) -> Sequence[Head | None]:
        return [
            head and head._replace(marks=self._order[stream])
            for stream, head in zip(streams, super().load(streams), strict=True)
        ]


class DropsMarksGivenAgain(MemoryStorage):
    """Adds the marks that came, then removes the marks that were there."""

    def _mark(self, stream: bytes, old: tuple[Mark, ...], new: tuple[Mark, ...]) -> None:
        super()._mark(stream, old, tuple(mark for mark in new if mark not in old or new == old))


class LoadsByHundreds(MemoryStorage):
    """Asks for a hundred streams at a time, and has the answers of the later ones in their order."""

    def load(self, streams: Sequence[bytes], /) -> Sequence[Head | None]:
        names = [*streams[:100], *sorted(streams[100:])]
        return super().load(names)


class TakesEmptyDigestsForNone(MemoryStorage):
    """Keeps the old digest where the new one is empty."""

    def commit(self, writes: Sequence[Write], /) -> Sequence[bool]:
        check_writes(writes)
        heads = self.load([each.stream for each in writes])
        changed = [
            write._replace(head=write.head._replace(digest=write.head.digest or old.digest))
            if write.head and old
            else write
            for write, old in zip(writes, heads, strict=True)
        ]
        return super().commit(changed)


class TakesNoStateForEmpty(MemoryStorage):
    """Takes "keep the state" for an empty state where values come with the write."""

    def commit(self, writes: Sequence[Write], /) -> Sequence[bool]:
        check_writes(writes)
        return super().commit(
            [
                each._replace(head=each.head._replace(state=b""))
                if each.head and each.expected and each.head.state is None and each.head.values
                else each
                for each in writes
            ]
        )


class ChecksByHundreds(MemoryStorage):
    """Looks for two writes of one stream among neighbours only."""

    def commit(self, writes: Sequence[Write], /) -> Sequence[bool]:
        with_others = [check_writes(writes[n : n + 100]) for n in range(0, len(writes), 100)]
        names = {each.stream for each in writes}
        if len(names) == len(writes) or len(writes) > 1000 or not with_others:
            return super().commit(writes)
        made: list[bool] = []
        for n in range(0, len(writes), 100):
            made += super().commit(writes[n : n + 100])
        return made


class ForgetsBeforeChecking(MemoryStorage):
    """Makes the bodies go before it looks at the rest of a call."""

    def commit(self, writes: Sequence[Write], /) -> Sequence[bool]:
        for write in writes:
            stored = self._entries.get(write.stream, [])
            head = self._heads.get(write.stream)
            for index in write.forget:
                if head and head.version == write.expected and 0 < index <= len(stored):
                    stored[index - 1] = stored[index - 1]._replace(body=None)
        return super().commit(writes)


class TellsBeforeItLocks(MemoryStorage):
    """Answers by the versions that it saw before it had the lock."""

    def commit(self, writes: Sequence[Write], /) -> Sequence[bool]:
        check_writes(writes)
        heads = self.load([each.stream for each in writes])
        time.sleep(0.0002)
        super().commit(writes)
        return [w.expected == (h.version if h else 0) for w, h in zip(writes, heads, strict=True)]


class SharesItsCursor(MemoryStorage):
    """Has one place for the answer of a load, which all threads use."""

    answer: Sequence[Head | None] = ()

    def load(self, streams: Sequence[bytes], /) -> Sequence[Head | None]:
        answer = super().load(streams)
        self.answer = answer
        time.sleep(0.00005)
        return self.answer if len(self.answer) == len(answer) else answer


class SharesItsPages(MemoryStorage):
    """Has one place for a page of entries, which all threads use."""

    page: Sequence[Entry] = ()

    def entries(self, stream: bytes, /, *, after: int, limit: int) -> Sequence[Entry]:
        self.page = super().entries(stream, after=after, limit=limit)
        time.sleep(0.00005)
        return self.page


class LocksInTheOrderGiven(Connection):
    """Locks the streams of a call as they come, and gives up when two calls wait for each other."""

    def __init__(self, shared: MemoryStorage) -> None:
        super().__init__(shared)
        locks: dict[bytes, RLock] = getattr(shared, "locks", {})
        shared.locks = self.locks = locks  # type: ignore[attr-defined]

    def commit(self, writes: Sequence[Write], /) -> Sequence[bool]:
        taken: list[Any] = []
        try:
            for write in writes:
                lock = self.locks.setdefault(write.stream, RLock())
                if not lock.acquire(timeout=0.05):
                    raise StorageUnavailable("is locked", written=False, remedy="try again")
                taken.append(lock)
                time.sleep(0.0001)
            return super().commit(writes)
        finally:
            for lock in taken:
                lock.release()


class NeverWaits(Connection):
    """Takes somebody else's lock for an error at once."""

    def commit(self, writes: Sequence[Write], /) -> Sequence[bool]:
        lock: RLock = self.shared.__dict__.setdefault("writer", RLock())
        if not lock.acquire(blocking=False):
            raise StorageUnavailable("is locked", written=False, remedy="try again")
        try:
            time.sleep(0.0001)
            return super().commit(writes)
        finally:
            lock.release()


class RemembersEntries(Connection):
    """Keeps the entries that it has read, since an entry never changes."""

    def __init__(self, shared: MemoryStorage) -> None:
        super().__init__(shared)
        self.read: dict[tuple[bytes, int], Entry] = {}

    def entries(self, stream: bytes, /, *, after: int, limit: int) -> Sequence[Entry]:
        page = super().entries(stream, after=after, limit=limit)
        return [self.read.setdefault((stream, each.index), each) for each in page]


class RemembersColdParts(Connection):
    """Reads the values again only if the length of the stream has changed."""

    def __init__(self, shared: MemoryStorage) -> None:
        super().__init__(shared)
        self.cold: dict[tuple[bytes, int], bytes | None] = {}

    def load(self, streams: Sequence[bytes], /) -> Sequence[Head | None]:
        return [
            head and head._replace(values=self.cold.setdefault((stream, head.length), head.values))
            for stream, head in zip(streams, super().load(streams), strict=True)
        ]


class CreatesFromARemnant(MemoryStorage):
    """Leaves the state of a deleted stream, and takes it where the new stream's is empty."""

    def __init__(self) -> None:
        super().__init__()
        self.remnants: dict[bytes, bytes | None] = {}

    def commit(self, writes: Sequence[Write], /) -> Sequence[bool]:
        heads = self.load([each.stream for each in writes])
        made = super().commit(writes)
        for write, old, was in zip(writes, heads, made, strict=True):
            if was and write.head is None and old:
                self.remnants[write.stream] = old.state
            elif was and write.head and not write.expected and not write.head.state:
                left = self.remnants.pop(write.stream, b"")
                self._heads[write.stream] = self._heads[write.stream]._replace(state=left)
        return made


class DeletesFewMarks(MemoryStorage):
    """Takes away the first mark of a deleted stream."""

    def _mark(self, stream: bytes, old: tuple[Mark, ...], new: tuple[Mark, ...]) -> None:
        if new or len(old) < 2 or stream not in self._heads:
            super()._mark(stream, tuple(each for each in old if self._has(stream, each)), new)
        else:
            super()._mark(stream, old[:1], new)

    def _has(self, stream: bytes, mark: Mark) -> bool:
        rows = self._marks.get(mark.token, [])
        place = bisect_right(rows, (mark.at, stream))
        return place > 0 and rows[place - 1] == (mark.at, stream)


class QueuesTheBusy(Connection):
    """Makes a refused write again, once, when somebody else has deleted the stream."""

    def commit(self, writes: Sequence[Write], /) -> Sequence[bool]:
        queue: list[Write] = self.shared.__dict__.setdefault("queue", [])
        made = super().commit(writes)
        if any(each.head is None for each in writes):
            late = [each for each in queue if super(QueuesTheBusy, self).commit([each]) != [True]]
            queue[:] = late
        queue += [w for w, was in zip(writes, made, strict=True) if not was and w.head and not w.expected]
        return made
