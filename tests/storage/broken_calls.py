"""Broken calls: groups, versions, outcomes, limits, errors."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from clm_ethics.errors import StorageUnavailable
from clm_ethics.storage.contract import Entry, Head, Write, check_writes
from clm_ethics.storage.memory import MemoryStorage

if TYPE_CHECKING:
    from collections.abc import Sequence

Found = tuple[int, bytes]


# 1: atomic ---------------------------------------------------------------------------------------


class ForgetsWhenRefused(MemoryStorage):
    """Forgets first, and looks at the version afterwards."""

    def commit(self, writes: Sequence[Write], /) -> Sequence[bool]:
        made = super().commit(writes)
        for write in writes:
            stored = self._entries.get(write.stream, [])
            for index in write.forget:
                if index <= len(stored):
                    stored[index - 1] = stored[index - 1]._replace(body=None)
        return made


class MarksWhenRefused(MemoryStorage):
    """Writes the index of marks in a transaction of its own, whatever comes of the head."""

    def commit(self, writes: Sequence[Write], /) -> Sequence[bool]:
        made = super().commit(writes)
        for write, was in zip(writes, made, strict=True):
            if not was and write.head and write.head.marks:
                self._mark(write.stream, (), write.head.marks)
        return made


class LeavesValuesBehind(MemoryStorage):
    """In a group with a refusal, writes the heads but not the values."""

    def commit(self, writes: Sequence[Write], /) -> Sequence[bool]:
        old = dict(self._heads)
        made = super().commit(writes)
        if not all(made):
            for write, was in zip(writes, made, strict=True):
                if was and write.head and write.stream in old:
                    stored = self._heads[write.stream]
                    self._heads[write.stream] = stored._replace(values=old[write.stream].values)
        return made


class WritesInTwoSteps(MemoryStorage):
    """Writes the state, lets others in, and writes the values."""

    def commit(self, writes: Sequence[Write], /) -> Sequence[bool]:
        for write in writes:
            stored = self._heads.get(write.stream)
            if stored and write.head and write.head.state and stored.version == write.expected:
                self._heads[write.stream] = stored._replace(state=write.head.state)
                time.sleep(0.001)
        return super().commit(writes)


# 2: conditional ----------------------------------------------------------------------------------


class _Compares(MemoryStorage):
    """Takes versions for equal that are not."""

    def same(self, stored: int, expected: int) -> bool:
        return stored == expected

    def commit(self, writes: Sequence[Write], /) -> Sequence[bool]:
        check_writes(writes)
        through = []
        for write in writes:
            stored = self._heads.get(write.stream)
            if stored and write.expected and self.same(stored.version, write.expected):
                through.append(write._replace(expected=stored.version))
            else:
                through.append(write)
        return [self._write(write) for write in through]


class Keeps32Bits(_Compares):
    """Keeps 32 bits of a version."""

    def same(self, stored: int, expected: int) -> bool:
        return stored & 0xFFFFFFFF == expected & 0xFFFFFFFF


class ComparesFloats(_Compares):
    """Keeps versions as floating-point numbers."""

    def same(self, stored: int, expected: int) -> bool:
        return float(stored) == float(expected)


class DeletesAnyVersion(MemoryStorage):
    """Deletes whatever version is there."""

    def commit(self, writes: Sequence[Write], /) -> Sequence[bool]:
        return super().commit(
            [
                write._replace(expected=self._heads[write.stream].version)
                if write.head is None and write.stream in self._heads
                else write
                for write in writes
            ]
        )


class ChecksThenWrites(MemoryStorage):
    """Looks at the version, and writes a moment later."""

    def commit(self, writes: Sequence[Write], /) -> Sequence[bool]:
        check_writes(writes)
        fits = [
            (self._heads.get(w.stream) or Head(0, 0, b"", b"", b"", ())).version == w.expected for w in writes
        ]
        time.sleep(0.001)
        for write, fit in zip(writes, fits, strict=True):
            if fit:
                stored = self._heads.get(write.stream)
                self._write(write._replace(expected=stored.version if stored else 0))
        return fits


# 3: told -----------------------------------------------------------------------------------------


class DropsTheEndOfLargeGroups(MemoryStorage):
    """Makes the first 900 writes of a call and acknowledges all."""

    def commit(self, writes: Sequence[Write], /) -> Sequence[bool]:
        check_writes(writes)
        return [*super().commit(writes[:900]), *[True] * len(writes[900:])]


class TellsRowCounts(MemoryStorage):
    """Answers how many rows each write has changed."""

    def commit(self, writes: Sequence[Write], /) -> Sequence[bool]:
        return [each * 1 for each in super().commit(writes)]


class StopsAtARefusal(MemoryStorage):
    """Refuses every write of a call that stands behind a refused one."""

    def commit(self, writes: Sequence[Write], /) -> Sequence[bool]:
        check_writes(writes)
        made: list[bool] = []
        for write in writes:
            made.append((not made or made[-1]) and super().commit([write])[0])
        return made


class TellsDeletionsAsMade(MemoryStorage):
    """Says of every deletion that it was made."""

    def commit(self, writes: Sequence[Write], /) -> Sequence[bool]:
        return [was or write.head is None for write, was in zip(writes, super().commit(writes), strict=True)]


class KeepsTheCallersList(MemoryStorage):
    """Keeps what it was given, and reads it later."""

    def commit(self, writes: Sequence[Write], /) -> Sequence[bool]:
        made = super().commit(writes)
        for write, was in zip(writes, made, strict=True):
            if was and write.expected == 0 and isinstance(write.entries, list):
                self._entries[write.stream] = write.entries
        return made


class WantsTuples(MemoryStorage):
    """Adds what it was given to a tuple."""

    def commit(self, writes: Sequence[Write], /) -> Sequence[bool]:
        for write in writes:
            assert isinstance(write.forget, tuple)
        return super().commit(writes)


# 12: checked -------------------------------------------------------------------------------------


class _Unchecked(MemoryStorage):
    """Does its own checks."""

    def check(self, writes: Sequence[Write]) -> None:
        check_writes(writes)

    def commit(self, writes: Sequence[Write], /) -> Sequence[bool]:
        self.check(writes)
        with self._lock:
            return [self._write(write) for write in writes]


class ChecksNothing(_Unchecked):
    """Believes its caller."""

    def check(self, writes: Sequence[Write]) -> None:
        pass


class ChecksEachAlone(_Unchecked):
    """Checks write by write, so that two of one stream, and too many, pass."""

    def check(self, writes: Sequence[Write]) -> None:
        for write in writes:
            check_writes([write])


class ChecksWhatFits(_Unchecked):
    """Checks only the writes whose version fits."""

    def check(self, writes: Sequence[Write]) -> None:
        heads = self.load([write.stream for write in writes])
        check_writes(
            [w for w, head in zip(writes, heads, strict=True) if (head.version if head else 0) == w.expected]
        )


class TakesAnyBuffer(_Unchecked):
    """Takes everything that can be made bytes of, and makes bytes of it."""

    def check(self, writes: Sequence[Write]) -> None:
        for write in writes:
            stored = [e._replace(body=bytes(e.body)) if e.body is not None else e for e in write.entries]
            check_writes([write._replace(entries=stored)])


class IsTooStrict(_Unchecked):
    """Refuses a call that is as large as it may be."""

    def check(self, writes: Sequence[Write]) -> None:
        if len(writes) >= 1000:
            raise ValueError("too many writes")
        super().check(writes)


class MakesTheRestLater(MemoryStorage):
    """Leaves the transaction of a malformed call open, for the next call to commit."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[Write] = []

    def commit(self, writes: Sequence[Write], /) -> Sequence[bool]:
        try:
            made = super().commit(writes)
        except ValueError:
            self.open += [write for write in writes if write.stream == b"sound"]
            raise
        waiting, self.open = self.open, []
        if waiting:
            super().commit(waiting[:1])
        return made


class AnswersAnyQuestion(MemoryStorage):
    """Answers a question for nothing with nothing."""

    def entries(self, stream: bytes, /, *, after: int, limit: int) -> Sequence[Entry]:
        return super().entries(stream, after=after, limit=limit) if limit > 0 else []


# 13: contained -----------------------------------------------------------------------------------


class _Closes(MemoryStorage):
    """Is closed in a way of its own."""

    closed = False

    def close(self) -> None:
        self.closed = True

    def fail(self, what: str) -> None:
        if self.closed:
            raise StorageUnavailable("is closed", written=False, remedy="open it again")

    def load(self, streams: Sequence[bytes], /) -> Sequence[Head | None]:
        self.fail("load")
        return super().load(streams)

    def commit(self, writes: Sequence[Write], /) -> Sequence[bool]:
        self.fail("commit")
        return super().commit(writes)

    def entries(self, stream: bytes, /, *, after: int, limit: int) -> Sequence[Entry]:
        self.fail("entries")
        return super().entries(stream, after=after, limit=limit)

    def find(self, token: bytes, /, **page: Any) -> Sequence[Found]:
        self.fail("find")
        return super().find(token, **page)


class _LeaksAt(_Closes):
    """Lets the driver's error out of one call."""

    call = ""

    def fail(self, what: str) -> None:
        if self.closed and what == self.call:
            raise OSError("bad file descriptor")
        super().fail(what)


class LeaksAtLoad(_LeaksAt):
    """Lets the driver's error out of ``load``."""

    call = "load"


class LeaksAtEntries(_LeaksAt):
    """Lets the driver's error out of ``entries``."""

    call = "entries"


class LeaksAtFind(_LeaksAt):
    """Lets the driver's error out of ``find``."""

    call = "find"


class LeaksAtClose(_Closes):
    """Cannot be closed twice."""

    def close(self) -> None:
        if self.closed:
            raise OSError("is closed already")
        super().close()


class ServesWhenClosed(_Closes):
    """Goes on after it was closed."""

    def fail(self, what: str) -> None:
        pass


class DoesNotKnow(_Closes):
    """Says of everything that it cannot know whether it was written."""

    def fail(self, what: str) -> None:
        if self.closed:
            raise StorageUnavailable("is closed", written=None, remedy="open it again")


class SaysWrittenWhenClosed(_Closes):
    """Says that a call which was never made was written."""

    def fail(self, what: str) -> None:
        if self.closed:
            raise StorageUnavailable("is closed", written=True, remedy="open it again")


class LeaksForTheAbsent(MemoryStorage):
    """Lets a missing key out."""

    def commit(self, writes: Sequence[Write], /) -> Sequence[bool]:
        check_writes(writes)
        for write in writes:
            if write.expected:
                self._heads[write.stream]
        return super().commit(writes)
