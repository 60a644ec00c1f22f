"""What the SQLite adapter promises beside the contract: the file, its errors, its traces."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from clm_ethics.errors import ClmError, StorageCorrupt, StorageError, StorageUnavailable
from clm_ethics.storage import Scrubbable
from clm_ethics.storage.contract import FIRST, Write
from clm_ethics.storage.sqlite import SqliteStorage
from clm_ethics.storage.sqlite_file import APPLICATION_ID, LOG_BYTES, SCHEMA, TABLES, connect, grow_log
from clm_ethics.testing.conformance_tools import (
    create,
    entries,
    entry,
    head,
    kept,
    living,
    load,
    make,
    marked,
    story,
    together,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Open = Callable[[], SqliteStorage]


def filled(path: Path) -> Path:
    """Make a file with enough in it to be worth damaging."""
    with closing(SqliteStorage(path)) as storage:
        for n in range(200):
            create(storage, b"s%d" % n, head(1, 3, state=b"x" * 500, marks=[(b"t", n)]), *entries(1, 3))
    return path


def use(path: Path) -> None:
    """Open the file and read all of it."""
    with closing(SqliteStorage(path)) as storage:
        storage.load([b"s%d" % n for n in range(200)])
        for n in range(200):
            story(storage, b"s%d" % n)
        marked(storage, b"t")


def explained(error: ClmError, path: Path) -> None:
    """Check that *error* names the file, a remedy, and nothing of what is in it."""
    assert path.name == error.place
    assert error.remedy
    assert "xxx" not in str(error)


# The file ----------------------------------------------------------------------------------------


def test_a_new_file_is_its_owners(opened: Open, path: Path) -> None:
    """The file and its log can be read and written by nobody else."""
    create(opened(), b"s", head(1))
    for each in (path, path.with_name(path.name + "-wal"), path.with_name(path.name + "-shm")):
        assert stat.S_IMODE(each.stat().st_mode) == 0o600


def test_the_file_is_durable_and_says_whose_it_is(opened: Open) -> None:
    """Write-ahead log, full sync, secure delete, strict tables, our number in the header."""
    connection = opened()._opened()
    settings = {"journal_mode": "wal", "synchronous": 2, "secure_delete": 1, "trusted_schema": 0}
    settings |= {"application_id": APPLICATION_ID, "user_version": SCHEMA}
    assert settings == {name: connection.execute(f"PRAGMA {name}").fetchone()[0] for name in settings}
    strict = {row[1] for row in connection.execute("PRAGMA table_list") if row[5]}
    assert strict == TABLES.keys()


def test_an_existing_file_is_opened_without_sqlite_utils(path: Path) -> None:
    """Only making a schema needs sqlite-utils, which takes long to import."""
    filled(path)
    code = "import sys; from clm_ethics import storage; assert 'sqlite3' not in sys.modules\n"
    code += f"storage.open('sqlite:///' + {str(path)!r}).close(); assert 'sqlite_utils' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_many_open_a_new_file_at_once(path: Path) -> None:
    """Whoever comes first makes the schema, and nobody fails."""
    storages: list[SqliteStorage] = []
    together(*[lambda: storages.append(SqliteStorage(path))] * 8)
    create(storages[0], b"s", head(7))
    assert [7] * 8 == [living(each, b"s").version for each in storages]
    for each in storages:
        each.close()


def test_the_log_is_given_its_size_once(opened: Open, path: Path) -> None:
    """After some commits the log has its full size, and keeps it while more are made."""
    storage, log = opened(), path.with_name(path.name + "-wal")
    sizes = []
    for n in range(1, 100):
        create(storage, b"s%d" % n, head(1, state=b"x" * 3000))
        sizes.append(log.stat().st_size)
    assert sizes[0] < LOG_BYTES
    assert {LOG_BYTES} == set(sizes[20:])
    assert [1] * 99 == [living(opened(), b"s%d" % n).version for n in range(1, 100)]


def test_a_log_of_full_size_is_read_back(path: Path) -> None:
    """Zeros behind the last page of a log are its end, also for who finds it after a crash."""
    code = (
        "import os, sys; from clm_ethics.storage.sqlite import SqliteStorage as S\n"
        "from clm_ethics.storage.contract import Head, Write\n"
        "s = S(sys.argv[1])\n"
        "for n in range(40): s.commit([Write(b'%d' % n, 0, Head(1, 0, b'', b'', b'', ()))])\n"
        "os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", code, str(path)], check=False, timeout=60)
    assert path.with_name(path.name + "-wal").stat().st_size == LOG_BYTES
    with closing(SqliteStorage(path)) as storage:
        assert None not in storage.load([b"%d" % n for n in range(40)])


def test_the_log_does_not_grow_into_the_last_of_the_disk(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With little space left, or no space after all, the log stays as it is."""
    with closing(connect(path, timeout=1, create=True)):
        log = path.with_name(path.name + "-wal")
        before = log.stat().st_size

        def full(descriptor: int) -> None:
            raise OSError(28, "no space")

        with monkeypatch.context() as patched:
            patched.setattr(os, "fsync", full)
            grow_log(path)
        assert before == log.stat().st_size
        with monkeypatch.context() as patched:
            little = os.statvfs_result((4096, 4096, 9, 9, 9, 9, 9, 9, 0, 255))
            patched.setattr(os, "fstatvfs", lambda descriptor: little)
            grow_log(path)
        assert before == log.stat().st_size


# Bad files ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("content", [b"not a database at all, but a letter\n" * 40, b"\x00" * 8192])
def test_a_file_that_is_no_database(path: Path, content: bytes) -> None:
    """A foreign file is refused by name and left as it is."""
    path.write_bytes(content)
    with pytest.raises(StorageCorrupt) as caught:
        SqliteStorage(path)
    explained(caught.value, path)
    assert content == path.read_bytes()


@pytest.mark.parametrize("application", [0, 77])
def test_a_database_of_another_application(path: Path, application: int) -> None:
    """No table is added to somebody else's database."""
    with closing(sqlite3.connect(path)) as other:
        other.execute(f"PRAGMA application_id = {application}")
        other.execute("CREATE TABLE customers (name)")
    before = path.read_bytes()
    with pytest.raises(StorageCorrupt, match="another application") as caught:
        SqliteStorage(path)
    explained(caught.value, path)
    assert before == path.read_bytes()


def test_a_file_of_a_newer_version(path: Path) -> None:
    """A schema that this version does not know is not written to."""
    filled(path)
    alter(path, f"PRAGMA user_version = {SCHEMA + 1}")
    with pytest.raises(StorageCorrupt, match="newer version") as caught:
        SqliteStorage(path)
    explained(caught.value, path)
    assert "upgrade" in caught.value.remedy


def test_a_file_without_its_schema_number(path: Path) -> None:
    """A number that was taken away is missed."""
    filled(path)
    alter(path, "PRAGMA user_version = 0")
    with pytest.raises(StorageCorrupt, match="lacks its schema number"):
        SqliteStorage(path)


@pytest.mark.parametrize("table", TABLES)
def test_a_table_that_is_missing(path: Path, table: str) -> None:
    """A table that was dropped is named."""
    filled(path)
    alter(path, f"DROP TABLE {table}")
    with pytest.raises(StorageCorrupt, match=table) as caught:
        SqliteStorage(path)
    explained(caught.value, path)


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE clm_head RENAME COLUMN state TO condition",
        "ALTER TABLE clm_entry RENAME COLUMN body TO content",
        "ALTER TABLE clm_mark RENAME COLUMN at TO instant",
        "DELETE FROM clm_value WHERE id = 7",
        "UPDATE clm_head SET marks = x'ff00' WHERE id = 7",
    ],
)
def test_altered_tables_and_rows(path: Path, statement: str) -> None:
    """Rows and columns of another shape are found when they are read."""
    filled(path)
    alter(path, statement)
    with pytest.raises(StorageCorrupt) as caught:
        use(path)
    explained(caught.value, path)


@pytest.mark.parametrize(
    ("table", "column"),
    [
        (t, c)
        for t, cs in (("clm_head", ("version", "digest", "state")), ("clm_entry", ("digest", "body")))
        for c in cs
    ],
)
def test_values_of_another_type(path: Path, table: str, column: str) -> None:
    """A value of a type that was never written there is found when it is read."""
    filled(path)
    loosen(path, table)
    alter(path, f"UPDATE {table} SET {column} = 'text' WHERE id = 7")
    with pytest.raises(StorageCorrupt) as caught:
        use(path)
    explained(caught.value, path)


def loosen(path: Path, table: str) -> None:
    """Take STRICT away from *table*."""
    with closing(sqlite3.connect(path)) as other:
        other.execute("PRAGMA writable_schema = ON")
        for before, after in ((" STRICT, WITHOUT", " WITHOUT"), (") STRICT", ")")):
            other.execute(
                "UPDATE sqlite_schema SET sql = replace(sql, ?, ?) WHERE name = ?", (before, after, table)
            )
        other.commit()


def alter(path: Path, statement: str) -> None:
    """Change the file behind the library's back."""
    with closing(sqlite3.connect(path)) as other:
        other.execute(statement)
        other.commit()


@pytest.mark.parametrize("part", [0.05, 0.3, 0.6, 0.95])
def test_a_truncated_file(path: Path, part: float) -> None:
    """A file that was cut is refused by name, wherever the cut is."""
    content = filled(path).read_bytes()
    path.write_bytes(content[: int(len(content) * part)])
    with pytest.raises(StorageCorrupt) as caught:
        use(path)
    explained(caught.value, path)


def test_damaged_pages(path: Path) -> None:
    """Whatever page is overwritten, the outcome is a named error or what was written, never another."""
    content = filled(path).read_bytes()
    found = 0
    for start in range(0, len(content), 4096):
        path.write_bytes(content[:start] + b"\xa5" * 4096 + content[start + 4096 :])
        try:
            use(path)
        except StorageError as error:
            explained(error, path)
            found += 1
    assert found > len(content) // 4096 * 0.9


def test_damage_that_a_write_meets(path: Path) -> None:
    """A damaged file that is written to raises the same error, and nothing was written."""
    filled(path)
    alter(path, "INSERT INTO clm_entry SELECT id, 4, x'', x'' FROM clm_head WHERE stream = x'7337'")
    with closing(SqliteStorage(path)) as storage:
        with pytest.raises(StorageCorrupt, match="contradicts itself"):
            storage.commit([Write(b"new", 0, head(1)), Write(b"s7", 1, head(2, 4), (entry(4),))])
        assert [None, 1] == [each and each.version for each in storage.load([b"new", b"s7"])]
        make(storage, Write(b"s8", 1, head(2, 4), (entry(4),)))


# Places that cannot be used ----------------------------------------------------------------------


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    """The missing folder is not invented."""
    with pytest.raises(StorageUnavailable, match="folder does not exist") as caught:
        SqliteStorage(tmp_path / "no" / "crm.db")
    explained(caught.value, tmp_path / "no" / "crm.db")
    assert caught.value.written is False


def test_a_folder_for_a_file(tmp_path: Path) -> None:
    """A folder is not a file."""
    with pytest.raises(StorageUnavailable, match="is a folder") as caught:
        SqliteStorage(tmp_path)
    explained(caught.value, tmp_path)


def test_a_folder_that_cannot_be_written() -> None:
    """Where no file can be made, the system's reason is given."""
    with pytest.raises(StorageUnavailable, match="cannot be created") as caught:
        SqliteStorage("/proc/crm.db")
    assert caught.value.written is False


def test_a_file_that_is_read_only(path: Path) -> None:
    """A file that this connection may not write is unavailable, and nothing was written."""
    filled(path)
    with closing(SqliteStorage(path)) as storage:
        storage._opened().execute("PRAGMA query_only = ON")
        with pytest.raises(StorageUnavailable, match="cannot be written") as caught:
            storage.commit([Write(b"s1", 1, kept(2, 3))])
        explained(caught.value, path)
        assert caught.value.written is False


def test_a_place_that_would_not_be_durable(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A database that cannot have a write-ahead log is refused."""
    monkeypatch.setattr("pathlib.Path.as_uri", lambda self: "file::memory:")
    with pytest.raises(StorageUnavailable, match="would not be durable") as caught:
        SqliteStorage(path)
    explained(caught.value, path)


# Locks, forks, closing ---------------------------------------------------------------------------


def test_a_lock_that_is_held_too_long(path: Path) -> None:
    """Another's transaction is waited for, not for ever; nothing was written."""
    filled(path)
    with closing(SqliteStorage(path, timeout=0.05)) as storage, closing(sqlite3.connect(path)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StorageUnavailable, match="locked") as caught:
            storage.commit([Write(b"s1", 1, kept(2, 3))])
        assert caught.value.written is False
        explained(caught.value, path)
        assert living(storage, b"s1").version == 1
        other.rollback()
        make(storage, Write(b"s1", 1, kept(2, 3)))


def test_a_lock_while_opening(path: Path) -> None:
    """A new file whose first owner is not finished is not usable yet."""
    with closing(sqlite3.connect(path)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StorageUnavailable, match="locked"):
            SqliteStorage(path, timeout=0.05)


def test_a_fork(opened: Open) -> None:
    """A child that uses its parent's storage gets an error, and the parent's goes on."""
    storage = opened()
    create(storage, b"s", head(1))
    calls = [
        lambda: storage.load([b"s"]),
        lambda: storage.commit([Write(b"s", 1, kept(2))]),
        lambda: storage.entries(b"s", after=0, limit=1),
        lambda: storage.find(b"t", until=1, after=FIRST, limit=1),
        storage.scrub,
    ]
    with storage._lock:  # a thread of the parent may hold it at the moment of the fork
        child = os.fork()
        if child == 0:
            os._exit(sum(refuses(call) for call in calls) + 10 * (storage.close() is None))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == len(calls) + 10
    make(storage, Write(b"s", 1, kept(2)))


def refuses(call: Callable[[], object]) -> bool:
    """Tell whether *call* fails as it should after a fork."""
    try:
        call()
    except StorageUnavailable as error:
        return error.written is False and "before a fork" in str(error)
    return False


def test_a_writer_that_is_interrupted(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """An exception of another kind in the middle of a call leaves no open transaction."""
    storage = opened()
    create(storage, b"s", head(1))
    with monkeypatch.context() as patched:
        patched.setattr(storage, "_mark", lambda *each: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            storage.commit([Write(b"new", 0, head(1)), Write(b"s", 1, head(2, marks=[(b"t", 1)]))])
    assert load(storage, b"new") is None
    make(opened(), Write(b"s", 1, kept(2)))


def test_entries_that_do_not_continue_what_is_stored(opened: Open) -> None:
    """Beyond the contract, a gap to the stored head is refused, and the whole call with it."""
    storage = opened()
    create(storage, b"s", head(1, 2), *entries(1, 2))
    for write in (
        Write(b"s", 1, head(2, 4), (entry(4),)),
        Write(b"s", 1, None),
        Write(b"new2", 0, head(1, 3)),
    ):
        with pytest.raises(ValueError, match=r"continue|length 0"):
            storage.commit([Write(b"new", 0, head(1)), write])
    assert [None, 1] == [each and each.version for each in storage.load([b"new", b"s"])]


# Failures of the connection ----------------------------------------------------------------------


class Failing:
    """A connection of which one statement fails."""

    def __init__(self, connection: sqlite3.Connection, statement: str, code: int) -> None:
        self.connection, self.statement, self.code = connection, statement, code

    def __getattr__(self, name: str) -> object:
        return getattr(self.connection, name)

    def execute(self, statement: str, *parameters: object) -> sqlite3.Cursor:
        if statement.startswith(self.statement):
            error = sqlite3.OperationalError("injected")
            error.sqlite_errorcode, error.sqlite_errorname = self.code, "SQLITE_INJECTED"
            raise error
        return self.connection.execute(statement, *parameters)


@pytest.mark.parametrize(
    ("statement", "code", "written", "kind"),
    [
        ("BEGIN", sqlite3.SQLITE_BUSY, False, StorageUnavailable),
        ("INSERT", sqlite3.SQLITE_FULL, False, StorageUnavailable),
        ("INSERT", sqlite3.SQLITE_IOERR_READ, False, StorageUnavailable),
        ("INSERT", sqlite3.SQLITE_NOMEM, False, StorageUnavailable),
        ("UPDATE", sqlite3.SQLITE_CORRUPT, None, StorageCorrupt),
        ("COMMIT", sqlite3.SQLITE_FULL, False, StorageUnavailable),
        ("COMMIT", sqlite3.SQLITE_IOERR_WRITE, False, StorageUnavailable),
        ("COMMIT", sqlite3.SQLITE_IOERR_FSYNC, None, StorageUnavailable),
        ("COMMIT", sqlite3.SQLITE_PROTOCOL, None, StorageUnavailable),
        ("ROLLBACK", sqlite3.SQLITE_IOERR, False, StorageUnavailable),
    ],
)
def test_every_failure_is_told_honestly(
    opened: Open, path: Path, statement: str, code: int, written: bool | None, kind: type[StorageError]
) -> None:
    """``written`` is ``False`` only if nothing can have been written; then the storage goes on."""
    storage = opened()
    create(storage, b"s", head(1))
    storage._connection = Failing(storage._opened(), statement, code)  # type: ignore[assignment]
    expected = 7 if statement == "ROLLBACK" else 1
    with pytest.raises(kind) as caught:
        storage.commit([Write(b"s", expected, head(2, 1), (entry(1),))])
    explained(caught.value, path)
    assert written == getattr(caught.value, "written", None)
    if isinstance(storage._connection, Failing):
        storage._connection = storage._connection.connection
    assert head(1) == living(storage, b"s") == living(opened(), b"s")
    make(storage, Write(b"s", 1, head(2, 1), (entry(1),)))
    assert [entry(1)] == story(opened(), b"s")


def test_a_storage_that_cannot_settle_answers_nothing(opened: Open, path: Path) -> None:
    """After a sync that failed, no answer is given before the file has been written durably again."""
    storage = opened()
    create(storage, b"s", head(1))
    storage._connection = Failing(storage._opened(), "COMMIT", sqlite3.SQLITE_IOERR_FSYNC)  # type: ignore[assignment]
    with pytest.raises(StorageUnavailable):
        storage.commit([Write(b"s", 1, kept(2))])
    storage._timeout = 0.05
    with closing(sqlite3.connect(path)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StorageUnavailable, match="locked"):
            storage.load([b"s"])
        other.rollback()
    assert living(storage, b"s").version == 1


def test_a_file_that_vanished_is_not_made_anew(opened: Open, path: Path) -> None:
    """A storage that opens its file again finds that it is gone, and makes no empty one."""
    storage = opened()
    create(storage, b"s", head(1))
    storage._drop()
    for each in path.parent.iterdir():
        each.unlink()
    with pytest.raises(StorageUnavailable, match="cannot be opened"):
        storage.load([b"s"])
    assert not path.exists()


# Scrubbing ---------------------------------------------------------------------------------------


def test_scrubbing_leaves_no_trace(opened: Open, path: Path) -> None:
    """After forgetting, overwriting, deleting and scrubbing, no file holds the old bytes."""
    storage = opened()
    secret = b"-- the wrapped key of somebody --"
    for n in range(300):
        part = secret + b"%d." % n * (n % 40)
        create(
            storage,
            b"s%d" % n,
            head(1, 1, state=part, values=part, marks=[(secret + b"%d" % n, 1)]),
            entry(1, part),
        )
        create(storage, secret + b"%d" % n, head(1, state=part))
    for n in range(300):
        make(
            storage,
            Write(b"s%d" % n, 1, head(2, 1, state=b"", values=b""), (), (1,)),
            Write(secret + b"%d" % n, 1, None),
        )
    assert isinstance(storage, Scrubbable)
    report = storage.scrub()
    starts = ["the file was rewritten", "the write-ahead log was emptied", "not reached: backups"]
    assert [True] * 3 == [line.startswith(start) for line, start in zip(report, starts, strict=True)]
    for each in path.parent.iterdir():
        assert secret not in each.read_bytes()
    assert [2] * 300 == [living(storage, b"s%d" % n).version for n in range(300)]


def test_scrubbing_says_what_it_could_not_do(opened: Open, path: Path) -> None:
    """A reader that holds old pages, or a writer, is named in the report."""
    storage = opened()
    storage._opened().execute("PRAGMA busy_timeout = 50")
    create(storage, b"s", head(1))
    with closing(sqlite3.connect(path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM clm_head").fetchall()
        make(storage, Write(b"s", 1, head(2)))
        assert "another connection still reads old pages" in storage.scrub()[1]
        reader.execute("COMMIT")
        reader.execute("BEGIN IMMEDIATE")
        report = storage.scrub()
        assert all("not done" in line and "locked" in line for line in report[:1])
        reader.execute("ROLLBACK")
    assert not any("not done" in line for line in storage.scrub())
