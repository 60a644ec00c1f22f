"""Broken adapters of files, opened by URL: what only a crash, a disk or another process shows."""

from __future__ import annotations

import os
import pickle
import sqlite3
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clm_ethics.errors import StorageUnavailable
from clm_ethics.storage.contract import Head, Write
from clm_ethics.storage.memory import MemoryStorage
from clm_ethics.storage.sqlite import SqliteStorage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clm_ethics.storage.contract import Storage


class SyncsLater(SqliteStorage):
    """Leaves it to the system when a commit reaches the disk (``synchronous = NORMAL``)."""

    def _opened(self) -> sqlite3.Connection:
        connection = super()._opened()
        connection.execute("PRAGMA synchronous = NORMAL")
        return connection


class SyncsBeforeWriting(SqliteStorage):
    """Syncs its log once a call: before it writes to it."""

    def _opened(self) -> sqlite3.Connection:
        connection = super()._opened()
        connection.execute("PRAGMA synchronous = OFF")
        return connection

    def commit(self, writes: Sequence[Write], /) -> Sequence[bool]:
        with Path(f"{self._path}-wal").open("ab") as log:
            os.fsync(log.fileno())
        return super().commit(writes)


class WritesInTwoTransactions(SqliteStorage):
    """Commits the head with its state first, and the rest of a write afterwards."""

    def commit(self, writes: Sequence[Write], /) -> Sequence[bool]:
        if any(write.head is None or write.expected == 0 for write in writes):
            return super().commit(writes)
        heads = self.load([write.stream for write in writes])
        first = []
        for write, stored in zip(writes, heads, strict=True):
            assert write.head is not None
            length = stored.length if stored else 0
            first.append(Write(write.stream, write.expected, write.head._replace(length=length, values=None)))
        made = super().commit(first)
        second = []
        for write, was in zip(writes, made, strict=True):
            assert write.head is not None
            if was:
                # The next version but one, so that the second half is a write of its own.
                halfway = write.head.version
                after = write.head._replace(version=halfway + (1 << 40), state=None, marks=None)
                second.append(write._replace(expected=halfway, head=after))
        super().commit(second)
        return made


class AcknowledgesFirst(SqliteStorage):
    """Makes every second call together with the next one."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.waiting: Sequence[Write] = ()
        self.ahead: dict[bytes, Head] = {}

    def load(self, streams: Sequence[bytes], /) -> Sequence[Head | None]:
        return [self.ahead.get(each, head) for each, head in zip(streams, super().load(streams), strict=True)]

    def commit(self, writes: Sequence[Write], /) -> Sequence[bool]:
        waiting, self.waiting = self.waiting, ()
        self.ahead.clear()
        if waiting:
            super().commit(waiting)
        heads = super().load([write.stream for write in writes])
        fits = [w.expected == (h.version if h else 0) for w, h in zip(writes, heads, strict=True)]
        if waiting or not all(fits) or not all(w.head and None not in w.head and w.entries for w in writes):
            return super().commit(writes)
        self.waiting = writes
        self.ahead = {write.stream: write.head for write in writes if write.head}
        return fits


class HidesFullDisks(SqliteStorage):
    """Takes an error of the disk for nothing, and acknowledges."""

    def commit(self, writes: Sequence[Write], /) -> Sequence[bool]:
        try:
            return super().commit(writes)
        except StorageUnavailable:
            return [True] * len(writes)


class LeaksItsDriver(SqliteStorage):
    """Lets the driver's error out."""

    def _failed(self, connection: sqlite3.Connection, error: sqlite3.Error, *, committing: bool) -> Any:
        super()._failed(connection, error, committing=committing)
        return error


class SaysNothingWasWritten(SqliteStorage):
    """Writes the group one by one, and says of an error that nothing was written."""

    def commit(self, writes: Sequence[Write], /) -> Sequence[bool]:
        try:
            return [super(SaysNothingWasWritten, self).commit([write])[0] for write in writes]
        except StorageUnavailable as error:
            raise StorageUnavailable(error.what, written=False, remedy=error.remedy) from error


class LocksItsProcessOnly(SqliteStorage):
    """Looks at the version in one transaction, and writes over it in another."""

    def commit(self, writes: Sequence[Write], /) -> Sequence[bool]:
        with self._lock:
            heads = self.load([write.stream for write in writes])
            made = [w.expected == (h.version if h else 0) for w, h in zip(writes, heads, strict=True)]
            time.sleep(0.002)
            for write, fits in zip(writes, made, strict=True):
                while fits:
                    [stored] = self.load([write.stream])
                    length = stored.length if stored else 0
                    if write.head and write.head.length - len(write.entries) != length:
                        break
                    version = stored.version if stored else 0
                    if super().commit([write._replace(expected=version)]) == [True]:
                        break
            return made


class DiesInAChild(SqliteStorage):
    """Does not know that it was carried over a fork."""

    def _own_lock(self) -> Any:
        if os.getpid() != self._process:
            raise sqlite3.ProgrammingError("carried over a fork")
        return super()._own_lock()


class KeepsAFileOfItsOwn(SqliteStorage):
    """Writes into a file with its process's number, so that others never see it."""

    def __init__(self, path: str) -> None:
        super().__init__(f"{path}.{os.getpid()}")


class EmptiesTheFullDisk(SqliteStorage):
    """Begins anew where a file grows too large."""

    def commit(self, writes: Sequence[Write], /) -> Sequence[bool]:
        try:
            return super().commit(writes)
        except StorageUnavailable:
            with suppress(sqlite3.Error):
                self._opened().executescript(
                    "DELETE FROM clm_entry; DELETE FROM clm_head; DELETE FROM clm_mark"
                )
            raise


class _Rewrites(MemoryStorage):
    """Writes all that it has to a new file at each call, syncs it, and gives it the old one's name."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self.path = Path(path)
        if self.path.exists():
            stored = pickle.loads(self.path.read_bytes())
            self._heads, self._entries, self._marks = stored

    def commit(self, writes: Sequence[Write], /) -> Sequence[bool]:
        made = super().commit(writes)
        new = self.path.with_suffix(".new")
        with new.open("wb") as file:
            file.write(pickle.dumps((self._heads, self._entries, self._marks)))
            file.flush()
            self.sync(file.fileno())
        self.name(new)
        return made

    def sync(self, file: int) -> None:
        """Make the new file's bytes durable."""
        os.fsync(file)

    def name(self, new: Path) -> None:
        """Make the new file the one that is opened next."""
        new.replace(self.path)
        folder = os.open(self.path.parent, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)


class LeavesItsFolder(_Rewrites):
    """Syncs the file, and not the folder in which it got its name."""

    def name(self, new: Path) -> None:
        new.replace(self.path)


class NamesItLater(_Rewrites):
    """Acknowledges once the new file is synced, and renames it at the next call."""

    waiting = False

    def sync(self, file: int) -> None:
        super().sync(file)
        self.waiting = not self.waiting

    def name(self, new: Path) -> None:
        if not self.waiting:
            super().name(new)


class SyncsAgain(_Rewrites):
    """Tries a sync that failed once more, and believes it then."""

    def sync(self, file: int) -> None:
        try:
            os.fsync(file)
        except OSError:
            os.fsync(file)


KINDS = {
    each.__name__.lower(): each
    for each in (
        SyncsLater,
        SyncsBeforeWriting,
        WritesInTwoTransactions,
        AcknowledgesFirst,
        HidesFullDisks,
        LeaksItsDriver,
        SaysNothingWasWritten,
        LocksItsProcessOnly,
        DiesInAChild,
        KeepsAFileOfItsOwn,
        EmptiesTheFullDisk,
        LeavesItsFolder,
        NamesItLater,
        SyncsAgain,
    )
}


def open_url(url: str) -> Storage:
    """Open ``syncslater:///path`` and its like."""
    scheme, _, path = url.partition(":")
    return KINDS[scheme](path.removeprefix("///"))


def install(folder: Path) -> None:
    """Make a distribution in *folder* that registers all of them; the folder goes on to ``sys.path``."""
    made = folder / "broken_files-1.dist-info"
    made.mkdir()
    (made / "METADATA").write_text("Metadata-Version: 2.1\nName: broken-files\nVersion: 1\n")
    points = "".join(f"{name} = tests.storage.broken_files:open_url\n" for name in KINDS)
    (made / "entry_points.txt").write_text(f"[clm_ethics.storage]\n{points}")
