"""One SQLite file: creating, recognising, opening and naming what is wrong with it.

sqlite-utils is imported only when a schema has to be made: opening a file that has it is quick.
"""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from clm_ethics.errors import StorageCorrupt, StorageError, StorageUnavailable

if TYPE_CHECKING:
    from pathlib import Path

    from sqlite_utils import Database, Migrations

APPLICATION_ID: Final = 0x434C4D45
"""``CLME``, in the file's header."""
SCHEMA: Final = 1
"""The number of migrations that this version knows; the file keeps its own as ``user_version``."""
CHECKPOINT_PAGES: Final = 2000
"""The write-ahead log is copied into the file whenever it has this many pages."""
LOG_BYTES: Final = 32 + CHECKPOINT_PAGES * (4096 + 24)
"""The log's size just before it is copied: a header, and pages with a header each."""
CACHE_KIB: Final = 16 * 1024
"""At most so much memory for a connection: the inner pages of a million customers' indexes stay at hand."""

TABLES: Final = {
    # A row id keeps the wide rows out of the index: measured 2x faster to load than a table
    # WITHOUT ROWID as soon as a state has 1 KB.
    "clm_head": """CREATE TABLE clm_head (
        id INTEGER PRIMARY KEY, stream BLOB NOT NULL UNIQUE, version INTEGER NOT NULL,
        length INTEGER NOT NULL, digest BLOB NOT NULL, marks BLOB NOT NULL, state BLOB NOT NULL
        ) STRICT""",
    "clm_value": "CREATE TABLE clm_value (id INTEGER PRIMARY KEY, data BLOB NOT NULL) STRICT",
    "clm_entry": """CREATE TABLE clm_entry (
        id INTEGER NOT NULL, number INTEGER NOT NULL, digest BLOB NOT NULL, body BLOB,
        PRIMARY KEY (id, number)) STRICT, WITHOUT ROWID""",
    # The same marks stand in clm_head, so that a head is one row; this is their index.
    "clm_mark": """CREATE TABLE clm_mark (
        token BLOB NOT NULL, at INTEGER NOT NULL, stream BLOB NOT NULL,
        PRIMARY KEY (token, at, stream)) STRICT, WITHOUT ROWID""",
}

_RESTORE: Final = "restore the file from a backup"
_FREE: Final = "free space on the disk that holds it, then try again"

_UNLOCK: Final = (
    "try again; if it is a transaction of your own, end it first, or tell it inside (docs/joined.md);"
    " otherwise end the process that holds it"
)

_CORRUPT: Final = {
    sqlite3.SQLITE_NOTADB: ("is not an SQLite database, or was encrypted or overwritten", "check the path"),
    sqlite3.SQLITE_FORMAT: ("is not an SQLite database of a known format", "check the path"),
    sqlite3.SQLITE_CORRUPT: ("is damaged or was altered", _RESTORE),
    sqlite3.SQLITE_ERROR: ("has not the tables that its schema number promises", _RESTORE),
    sqlite3.SQLITE_CONSTRAINT: ("contradicts itself: a row that must be new is there already", _RESTORE),
    sqlite3.SQLITE_MISMATCH: ("holds a value of another type than its schema says", _RESTORE),
}
_UNAVAILABLE: Final = {
    sqlite3.SQLITE_BUSY: ("is locked by another connection", _UNLOCK),
    sqlite3.SQLITE_LOCKED: ("is locked by another connection", _UNLOCK),
    sqlite3.SQLITE_FULL: ("cannot grow: the disk is full", _FREE),
    sqlite3.SQLITE_READONLY: (
        "cannot be written",
        "give this user write permission on the file and its folder",
    ),
    sqlite3.SQLITE_PERM: ("cannot be written", "give this user write permission on the file and its folder"),
    sqlite3.SQLITE_CANTOPEN: ("cannot be opened", "check that it exists, and the permissions of its folder"),
    sqlite3.SQLITE_IOERR: ("cannot be read or written", "check the disk and its free space, then try again"),
    sqlite3.SQLITE_NOMEM: ("needs more memory than there is", "free memory, then try again"),
}
NOTHING_COMMITTED: Final = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_NOMEM,
        # The record that makes a transaction valid is the last to be written: if a write
        # failed, it is absent or its checksum is wrong.
        sqlite3.SQLITE_IOERR_WRITE,
    }
)
"""Errors of COMMIT after which nothing of the transaction can come back."""


def code_of(error: sqlite3.Error) -> int:
    """Return SQLite's extended result code, 0 if the module itself raised *error*."""
    return getattr(error, "sqlite_errorcode", None) or 0


def translate(error: sqlite3.Error, name: str, *, written: bool | None) -> StorageError:
    """Return what *error* means for the file *name*; the original stays as its cause."""
    primary = code_of(error) & 0xFF
    if primary in _CORRUPT:
        what, remedy = _CORRUPT[primary]
        return StorageCorrupt(what, place=name, remedy=remedy)
    if primary == 0 and isinstance(error, sqlite3.OperationalError):
        # The module found text that is no text where bytes must be.
        return StorageCorrupt(
            "holds a value of another type than its schema says", place=name, remedy=_RESTORE
        )
    detail = getattr(error, "sqlite_errorname", None) or type(error).__name__
    what, remedy = _UNAVAILABLE.get(primary, ("did not answer", "open it again"))
    return StorageUnavailable(f"{what} ({detail})", written=written, place=name, remedy=remedy)


def connect(path: Path, *, timeout: float, create: bool, beside: bool = False) -> sqlite3.Connection:
    """Open the file at *path*, made durable and current.

    Args:
        path: an absolute path.
        timeout: how long to wait for another connection's lock, in seconds.
        create: make the file (owner-only) and its tables if they are not there.
        beside: make the tables beside those of a host, whose file has no ``application_id`` and no
            ``user_version`` of its own.

    Raises:
        StorageUnavailable: it cannot be opened, or cannot be made durable.
        StorageCorrupt: it is no database of this library, or of a newer version of it.
    """
    name = path.name
    if create:
        _create(path, name)
    connection: sqlite3.Connection | None = None
    try:
        connection = sqlite3.connect(
            path.as_uri() + "?mode=rw",
            timeout=timeout,
            isolation_level=None,  # transactions are begun and ended by name
            check_same_thread=False,
            uri=True,
        )
        _prepare(connection, name, timeout, create=create, beside=beside)
    except sqlite3.Error as error:
        _close(connection)
        raise translate(error, name, written=False) from error
    except UnicodeDecodeError as error:  # of SQLite's own message, which quotes the altered schema
        _close(connection)
        raise StorageCorrupt("is damaged or was altered", place=name, remedy=_RESTORE) from error
    except BaseException:
        _close(connection)
        raise
    return connection


def grow_log(path: Path) -> None:
    """Give the write-ahead log its full size once, so that a commit only overwrites.

    Overwriting needs no new block of the file system: a durable commit is one fdatasync
    that writes no metadata. Must be called inside a write transaction, which keeps every
    other writer away from the log. Zeros after the last page end a log like its true end.
    """
    with suppress(OSError), path.with_name(path.name + "-wal").open("r+b", buffering=0) as log:
        start = size = log.seek(0, os.SEEK_END)
        disk = os.fstatvfs(log.fileno())
        if size >= LOG_BYTES or disk.f_bavail * disk.f_frsize < 16 * LOG_BYTES:
            return
        try:
            while size < LOG_BYTES:
                size += log.write(bytes(min(1 << 20, LOG_BYTES - size)))
            os.fsync(log.fileno())
        except OSError:
            log.truncate(start)
            raise


def _close(connection: sqlite3.Connection | None) -> None:
    if connection is not None:
        with suppress(sqlite3.Error):
            connection.close()


def _create(path: Path, name: str) -> None:
    if not path.parent.is_dir():
        raise StorageUnavailable(
            "its folder does not exist", written=False, place=name, remedy="create the folder first"
        )
    if path.is_dir():
        raise StorageUnavailable(
            "is a folder, not a file", written=False, place=name, remedy="name a file inside the folder"
        )
    try:
        # Never open a file that is there: closing it would drop SQLite's locks in this process.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        _sync_folder(path.parent)
    except FileExistsError:
        return
    except OSError as error:
        raise StorageUnavailable(
            f"cannot be created ({error.strerror})",
            written=False,
            place=name,
            remedy="check the permissions and the free space of its folder",
        ) from error


def _sync_folder(folder: Path) -> None:
    """Make the new name in *folder* survive a loss of power."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _prepare(
    connection: sqlite3.Connection, name: str, timeout: float, *, create: bool, beside: bool
) -> None:
    schema = _recognise(connection, name, beside=beside)
    if schema < SCHEMA and not create:
        raise StorageUnavailable(
            f"has tables of schema {schema}" if schema else "has no ledger in it",
            written=False,
            place=name,
            remedy="Steward.open creates and migrates them",
        )
    _set(connection, "journal_mode", "WAL", "wal", name, timeout)
    _set(connection, "synchronous", "FULL", 2, name, timeout)
    _set(connection, "secure_delete", "ON", 1, name, timeout)
    for pragma in (
        "trusted_schema = OFF",
        "cell_size_check = ON",
        f"wal_autocheckpoint = {CHECKPOINT_PAGES}",
        f"journal_size_limit = {LOG_BYTES}",
        f"cache_size = -{CACHE_KIB}",
    ):
        connection.execute(f"PRAGMA {pragma}")
    if schema < SCHEMA:
        _migrate(connection, name, beside=beside)


def _recognise(connection: sqlite3.Connection, name: str, *, beside: bool) -> int:
    """Return the schema number of the file, 0 for an empty one, before anything is changed."""
    tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    application = _ask(connection, "application_id")
    schema = _ask(connection, "user_version")
    if not tables and application in {0, APPLICATION_ID}:
        return 0
    if beside and application == schema == 0 and not tables & TABLES.keys():
        return 0
    if application != APPLICATION_ID:
        raise StorageCorrupt(
            "is the database of another application",
            place=name,
            remedy="check the path; SqliteStorage(path, beside=True) puts the ledger into a host's own file",
        )
    if not isinstance(schema, int) or schema > SCHEMA:
        raise StorageCorrupt(
            f"was written by a newer version (schema {schema}, known up to {SCHEMA})",
            place=name,
            remedy="upgrade clm-ethics",
        )
    missing = sorted(TABLES.keys() - tables)
    if missing or schema < 1:
        raise StorageCorrupt(
            f"lacks the table {missing[0]}" if missing else "lacks its schema number",
            place=name,
            remedy=_RESTORE,
        )
    return schema


def _ask(connection: sqlite3.Connection, pragma: str) -> object:
    row = connection.execute(f"PRAGMA {pragma}").fetchone()
    return row[0] if row else None


def _set(
    connection: sqlite3.Connection, pragma: str, value: str, expected: object, name: str, timeout: float
) -> None:
    """Set *pragma* and check that it took; SQLite says nothing when it did not."""
    deadline = time.monotonic() + timeout
    while True:
        try:
            connection.execute(f"PRAGMA {pragma} = {value}").fetchall()
            break
        except sqlite3.OperationalError as error:
            # Two that open a new file at once: SQLite does not wait for this lock by itself.
            if code_of(error) & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.005)
    if _ask(connection, pragma) != expected:
        raise StorageUnavailable(
            f"does not accept {pragma} = {value}, so it would not be durable",
            written=False,
            place=name,
            remedy="put the file on a local disk, not on a network file system",
        )


def _migrate(connection: sqlite3.Connection, name: str, *, beside: bool) -> None:
    """Bring the file to this version's schema, in one transaction, whoever else opens it now."""
    from sqlite_utils import Database

    # A plain BEGIN reads first and cannot wait for the write lock; see sqlite-utils' atomic().
    connection.execute("BEGIN IMMEDIATE")
    try:
        if _recognise(connection, name, beside=beside) < SCHEMA:
            database = Database(connection, execute_plugins=False)
            migrations().apply(database)
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {SCHEMA}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def migrations() -> Migrations:
    """Return the steps from an empty file to the schema of this version, oldest first."""
    from sqlite_utils import Migrations

    steps = Migrations("clm_ethics")

    @steps(name="0001_streams")
    def streams(database: Database) -> None:
        for statement in TABLES.values():
            database.execute(statement)

    return steps
