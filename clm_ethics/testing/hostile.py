"""A storage that keeps the contract in the nastiest way: what every verb must live with."""

from __future__ import annotations

from enum import Enum
from random import Random
from threading import Lock
from typing import TYPE_CHECKING

from clm_ethics.errors import StorageUnavailable
from clm_ethics.storage.contract import check_writes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from clm_ethics.storage.contract import Entry, Head, Storage, Write


class Fault(Enum):
    """What can go wrong with one call."""

    CONFLICT = "conflict"
    """A write is refused although its version fits: as if somebody had come first and undone it."""
    REFUSED = "refused"
    """``StorageUnavailable(written=False)``: nothing of the call was done."""
    UNWRITTEN = "unwritten"
    """``StorageUnavailable(written=None)``, and nothing was written."""
    WRITTEN = "written"
    """``StorageUnavailable(written=None)``, and everything was written: the answer was lost."""


class HostileStorage:
    """*inner*, with faults at random or at one chosen call.

    A call of ``load``, ``entries`` or ``find`` that meets a fault other than ``CONFLICT``
    raises ``StorageUnavailable(written=False)``; ``CONFLICT`` leaves reads alone.

    Args:
        inner: the storage that does the work.
        seed: of the random faults; the same seed and the same calls meet the same faults.
        conflict: how probable it is that a write is refused for nothing, 0 to 1.
        lost: how probable it is that the answer to a commit is lost (half of them written).
        refused: how probable it is that a call is not done at all.
        fault: the fault that the call number *fail_at* meets.
        fail_at: from 1; for a sweep: 1, 2, 3 ... until a run meets no fault (``met``).
        forever: every later call meets *fault* too.
        pause: called before each call, with nothing held: lets another writer in.

    Attributes:
        enabled: set to ``False`` to let everything pass.
        calls: how many calls were made while enabled.
        met: how many faults were met.
    """

    def __init__(
        self,
        inner: Storage,
        *,
        seed: int = 0,
        conflict: float = 0.0,
        lost: float = 0.0,
        refused: float = 0.0,
        fault: Fault = Fault.REFUSED,
        fail_at: int | None = None,
        forever: bool = False,
        pause: Callable[[], None] | None = None,
    ) -> None:
        self.enabled = True
        self.calls = 0
        self.met = 0
        self._inner = inner
        self._random = Random(seed)  # noqa: S311 -- to be repeated, not to be secret
        self._lock = Lock()
        self._conflict = conflict
        self._lost = lost
        self._refused = refused
        self._fault = fault
        self._fail_at = fail_at
        self._forever = forever
        self._pause = pause

    def load(self, streams: Sequence[bytes], /) -> Sequence[Head | None]:
        """Load, or fail."""
        self._read()
        return self._inner.load(streams)

    def commit(self, writes: Sequence[Write], /) -> Sequence[bool]:
        """Commit, or fail before or after, or leave some writes out and say that they were refused."""
        check_writes(writes)
        fault = self._next()
        if fault is Fault.REFUSED:
            raise _unavailable(written=False)
        if fault is Fault.UNWRITTEN:
            raise _unavailable(written=None)
        if fault is Fault.CONFLICT:
            return self._commit_some(writes, [False] * len(writes))
        made = self._commit_some(writes, self._passing(len(writes)))
        if fault is Fault.WRITTEN:
            raise _unavailable(written=None)
        return made

    def entries(self, stream: bytes, /, *, after: int, limit: int) -> Sequence[Entry]:
        """Read entries, or fail."""
        self._read()
        return self._inner.entries(stream, after=after, limit=limit)

    def find(
        self, token: bytes, /, *, until: int, after: tuple[int, bytes], limit: int
    ) -> Sequence[tuple[int, bytes]]:
        """Find marks, or fail."""
        self._read()
        return self._inner.find(token, until=until, after=after, limit=limit)

    def _read(self) -> None:
        if self._next() not in {None, Fault.CONFLICT}:
            raise _unavailable(written=False)

    def _next(self) -> Fault | None:
        """Pause, count the call and draw its fault."""
        if not self.enabled:
            return None
        if self._pause is not None:
            self._pause()
        with self._lock:
            self.calls += 1
            fault = self._draw()
            self.met += fault is not None
            return fault

    def _draw(self) -> Fault | None:
        if self._fail_at is not None:
            hit = self.calls == self._fail_at or (self._forever and self.calls > self._fail_at)
            return self._fault if hit else None
        drawn = self._random.random()
        if drawn < self._refused:
            return Fault.REFUSED
        if drawn < self._refused + self._lost:
            return self._random.choice((Fault.UNWRITTEN, Fault.WRITTEN))
        return None

    def _passing(self, count: int) -> list[bool]:
        """Draw for each write whether it is tried."""
        if not self.enabled or self._conflict == 0:
            return [True] * count
        with self._lock:
            passing = [self._random.random() >= self._conflict for _ in range(count)]
            self.met += count - sum(passing)
            return passing

    def _commit_some(self, writes: Sequence[Write], passing: Sequence[bool]) -> Sequence[bool]:
        tried = [write for write, passes in zip(writes, passing, strict=True) if passes]
        made = iter(self._inner.commit(tried) if tried else ())
        return [next(made) if passes else False for passes in passing]


def _unavailable(*, written: bool | None) -> StorageUnavailable:
    return StorageUnavailable(
        "a fault was injected", written=written, place="hostile storage", remedy="live with it"
    )
