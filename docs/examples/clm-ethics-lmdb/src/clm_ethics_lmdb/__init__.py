"""The storage contract of clm_ethics on LMDB: a memory-mapped B-tree in one folder.

Any number of processes may use the folder, on one machine and on a local disk. Each commit is
synced. Processes that fork open the folder after the fork, each for itself.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from threading import Lock, RLock
from typing import TYPE_CHECKING, Any, Final, NoReturn

import lmdb
import msgspec

from clm_ethics.errors import UsageError
from clm_ethics.storage import (
    MAX_CALL,
    Entry,
    Head,
    Mark,
    StorageCorrupt,
    StorageUnavailable,
    check_page,
    check_token,
    check_writes,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from clm_ethics.storage import Write

    Transaction = lmdb.Transaction[bytes]

FORMAT: Final = b"1"
"""Stands in the folder: what its records look like."""
TABLES: Final = (b"head", b"values", b"entry", b"mark")
"""stream -> head; stream -> values; (stream, index) -> entry; (token, at, stream) -> nothing."""


def plain(value: Any) -> object:
    """Return a subclass of ``bytes`` or ``int`` as what it is: msgspec takes neither."""
    return bytes(value) if isinstance(value, bytes) else int(value)


encode: Final = msgspec.msgpack.Encoder(enc_hook=plain).encode
decode_head: Final = msgspec.msgpack.Decoder(Head).decode
decode_entry: Final = msgspec.msgpack.Decoder(Entry).decode


def key(name: bytes, number: int, rest: bytes = b"") -> bytes:
    """Build a key that sorts by *number*, then by *rest*, and that no other *name* can be part of."""
    return bytes((len(name),)) + name + number.to_bytes(8, "big") + rest


class Folder:
    """An open LMDB folder: one in a process, which all its storages share.

    LMDB lets a process open a folder once only, and lets nobody use it while the map is exchanged.
    """

    guard: Final = RLock()
    opened: Final[dict[Path, Folder]] = {}

    def __init__(self, path: Path, map_size: int) -> None:
        self.path, self.map_size = path, map_size
        self.lock = Lock()
        self.users = 0
        self.environment: lmdb.Environment | None = None
        self.tables: list[lmdb._Database] = []

    @classmethod
    def share(cls, path: Path, map_size: int) -> Folder:
        """Return the process's one folder at *path*, with one user more."""
        with cls.guard:
            folder = cls.opened.setdefault(path, cls(path, map_size))
            folder.users += 1
            return folder

    def release(self) -> None:
        """Close it when its last user goes."""
        with self.guard:
            self.users -= 1
            if not self.users:
                del self.opened[self.path]
                with self.lock:
                    self.drop()

    def begin(self, *, write: bool) -> Transaction:
        """Begin a transaction; the caller holds the lock."""
        environment = self.environment or self.open()
        try:
            return environment.begin(write=write)
        except lmdb.MapResizedError:  # another process has opened the folder with a larger map
            environment.set_mapsize(0)
            return environment.begin(write=write)

    def open(self) -> lmdb.Environment:
        """Open the folder, and commit: what is visible from now on stays, also after a crash."""
        environment = lmdb.open(
            str(self.path), map_size=self.map_size, mode=0o700, max_dbs=len(TABLES), max_readers=1024
        )
        try:
            environment.reader_check()  # a reader that was killed would keep old pages for ever
            with environment.begin(write=True) as transaction:
                found = transaction.get(b"clm_ethics")
                if found != FORMAT and (found or transaction.stat()["entries"]):
                    raise StorageCorrupt(
                        "is of another application, or of a newer version",
                        place=self.path.name,
                        remedy="check the address",
                    )
                self.tables = [environment.open_db(name, transaction) for name in TABLES]
                transaction.put(b"clm_ethics", FORMAT)
            sync(self.path)
            sync(self.path.parent)
        except BaseException:
            environment.close()
            raise
        self.environment = environment
        return environment

    def panics(self) -> bool:
        """Tell whether the page that makes a commit valid could not be written; LMDB stops then."""
        try:
            self.begin(write=False).abort()
        except lmdb.PanicError:
            return True
        return False

    def drop(self) -> None:
        """Close what is open; the next transaction opens it again."""
        environment, self.environment, self.tables = self.environment, None, []
        if environment is not None:
            environment.close()

    @classmethod
    def after_fork(cls) -> None:
        """In a child: let go of the parent's folders without touching them."""
        for folder in cls.opened.values():
            folder.environment, folder.tables = None, []
        cls.opened.clear()
        cls.guard.release()


os.register_at_fork(
    before=Folder.guard.acquire, after_in_parent=Folder.guard.release, after_in_child=Folder.after_fork
)


def sync(path: Path) -> None:
    """Make the names in the folder at *path* survive a loss of power."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


DAMAGED: Final = (
    lmdb.CorruptedError,
    lmdb.IncompatibleError,
    lmdb.InvalidError,
    lmdb.PageNotFoundError,
    lmdb.VersionMismatchError,
    msgspec.MsgspecError,
)


def fail(error: Exception, folder: Folder, *, committing: bool) -> NoReturn:
    """Raise what *error* means, and whether anything of the call was written."""
    what, remedy = f"did not answer ({type(error).__name__})", "check the folder and its permissions"
    unknown = committing
    if isinstance(error, DAMAGED):
        what, remedy = "is damaged or was altered", "restore it from a backup"
        raise StorageCorrupt(what, place=folder.path.name, remedy=remedy) from error
    if isinstance(error, lmdb.MapFullError):
        what, remedy = "is full", "open it with a larger map_size"
        unknown = False
    elif isinstance(error, lmdb.DiskError):
        what, remedy = "cannot grow: the disk is full", "free space on its disk, then try again"
        unknown = committing and folder.panics()
    if unknown or isinstance(error, lmdb.PanicError):
        folder.drop()
    raise StorageUnavailable(
        what, written=None if unknown else False, place=folder.path.name, remedy=remedy
    ) from error


def write_one(transaction: Transaction, tables: list[lmdb._Database], write: Write) -> bool:
    """Make *write* if the stored version is the expected one."""
    heads, values, entries, marks = tables
    stream, head = write.stream, write.head
    record = transaction.get(stream, db=heads)
    old = Head(0, 0, b"", b"", b"", ()) if record is None else decode_head(record)
    if old.version != write.expected:
        return False
    if old.length != (0 if head is None else head.length - len(write.entries)):
        raise ValueError("the write does not continue the stored stream")
    carried: set[Mark] = set(old.marks or ())
    carries: set[Mark] = set()
    if head is None:
        transaction.delete(stream, db=heads)
        transaction.delete(stream, db=values)
    else:
        carries = carried if head.marks is None else set(head.marks)
        state = old.state if head.state is None else head.state
        record = encode(head._replace(state=state, values=None, marks=tuple(sorted(carries))))
        transaction.put(stream, record, db=heads)
        if head.values is not None:
            transaction.put(stream, head.values, db=values)
    for token, at in carried - carries:
        transaction.delete(key(token, at, stream), db=marks)
    for token, at in carries - carried:
        transaction.put(key(token, at, stream), b"", db=marks)
    for entry in write.entries:
        transaction.put(key(stream, entry.index), encode(entry), db=entries)
    for index in write.forget:
        entry = decode_entry(transaction.get(key(stream, index), b"", db=entries))
        transaction.put(key(stream, index), encode(entry._replace(body=None)), db=entries)
    return True


def scan(
    transaction: Transaction, table: lmdb._Database, name: bytes, start: bytes
) -> Iterator[tuple[int, bytes, bytes]]:
    """Give number, rest of the key and record of what *name* has in *table*, from *start* on."""
    cursor = transaction.cursor(table)
    if not cursor.set_range(start):
        return
    prefix = key(name, 0)[:-8]
    for found, record in cursor.iternext():
        if not found.startswith(prefix):
            return
        end = len(prefix) + 8
        yield int.from_bytes(found[len(prefix) : end], "big"), found[end:], record


class LmdbStorage:
    """A :class:`~clm_ethics.storage.Storage` in the LMDB folder at *path*.

    Args:
        path: the folder; it is created, for its owner only, if it is not there.
        map_size: how large it may become, in bytes. It takes addresses, neither memory nor disk.
            In a process the first that opens a folder decides.

    Raises:
        StorageUnavailable: the folder cannot be opened.
        StorageCorrupt: it is something else, damaged, or of a newer version.
    """

    def __init__(self, path: str | os.PathLike[str], *, map_size: int = 64 << 30) -> None:
        self._process = os.getpid()
        self._closed = False
        self._folder = Folder.share(Path(path).resolve(), map_size)
        try:
            self.load(())
        except BaseException:
            self.close()
            raise

    def load(self, streams: Sequence[bytes], /) -> Sequence[Head | None]:
        """Return the heads of *streams* in order, ``None`` for those that do not exist."""
        for stream in streams:
            check_token(stream, "stream")
        loaded: list[Head | None] = []
        with self._transaction(write=False) as (transaction, (heads, values, _, _)):
            for stream in streams:
                record, blob = transaction.get(stream, db=heads), transaction.get(stream, db=values)
                if (record is None) != (blob is None):
                    raise lmdb.CorruptedError("a head without values")
                loaded.append(None if record is None else decode_head(record)._replace(values=blob))
        return loaded

    def commit(self, writes: Sequence[Write], /) -> Sequence[bool]:
        """Try every write in one transaction with one wait for the disk; say which were made."""
        check_writes(writes)
        with self._transaction(write=True) as (transaction, tables):
            return [write_one(transaction, tables, write) for write in writes]

    def entries(self, stream: bytes, /, *, after: int, limit: int) -> Sequence[Entry]:
        """Return at most *limit* entries with an index above *after*; fewer if they are many bytes."""
        check_page(stream, "stream", after, limit)
        page: list[Entry] = []
        size = 0
        with self._transaction(write=False) as (transaction, (_, _, entries, _)):
            for _, _, record in scan(transaction, entries, stream, key(stream, max(after, 0) + 1)):
                page.append(decode_entry(record))
                size += len(record)
                if len(page) == limit or size > MAX_CALL:
                    break
        return page

    def find(
        self, token: bytes, /, *, until: int, after: tuple[int, bytes], limit: int
    ) -> Sequence[tuple[int, bytes]]:
        """Return ``(at, stream)`` of the marks with *token* up to *until*, strictly after *after*."""
        check_page(token, "token", after[0], limit)
        start = key(token, 0) if after[0] < 0 else key(token, *after) + b"\x00"
        page: list[tuple[int, bytes]] = []
        with self._transaction(write=False) as (transaction, (_, _, _, marks)):
            for at, stream, _ in scan(transaction, marks, token, start):
                if at > until or len(page) == limit:
                    break
                page.append((at, stream))
        return page

    def close(self) -> None:
        """Close the folder if nobody else in this process uses it; may be called twice."""
        if os.getpid() == self._process:
            with Folder.guard:
                closed, self._closed = self._closed, True
                if not closed:
                    self._folder.release()

    @contextmanager
    def _transaction(self, *, write: bool) -> Iterator[tuple[Transaction, list[lmdb._Database]]]:
        """Lend a transaction: committed at the end of the block, aborted by an error."""
        if os.getpid() != self._process:
            raise self._unusable("was opened before a fork")
        committing = False
        with self._folder.lock:
            if self._closed:
                raise self._unusable("is closed")
            try:
                transaction = self._folder.begin(write=write)
                try:
                    yield transaction, self._folder.tables
                    committing = write
                    transaction.commit()
                finally:
                    transaction.abort()
            except (lmdb.Error, msgspec.MsgspecError, OSError) as error:
                fail(error, self._folder, committing=committing)

    def _unusable(self, what: str) -> StorageUnavailable:
        return StorageUnavailable(
            what, written=False, place=self._folder.path.name, remedy="open the storage again"
        )


def open_url(url: str) -> LmdbStorage:
    """Open ``lmdb:///relative`` or ``lmdb:////absolute``; the entry point of ``lmdb:`` addresses.

    Raises:
        UsageError: the address names no folder, or has options.
    """
    path = url.partition(":")[2]
    if not path.startswith("///") or path == "///" or "?" in path:
        raise UsageError("not the address of a folder", place="storage", remedy="write `lmdb:///crm`")
    return LmdbStorage(path[len("///") :])
