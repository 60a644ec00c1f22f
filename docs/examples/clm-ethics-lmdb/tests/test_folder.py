"""What is particular to LMDB: its map, its processes, its folder."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING

import lmdb
import pytest
from clm_ethics_lmdb import LmdbStorage, open_url

from clm_ethics.errors import UsageError
from clm_ethics.storage import Entry, Head, StorageCorrupt, StorageUnavailable, Write

if TYPE_CHECKING:
    from pathlib import Path

PART = b"x" * 100_000
NEW = Head(1, 1, b"", b"state", PART, ())
APPENDED = (Entry(1, b"", PART),)

ANOTHER = """
import sys
from clm_ethics_lmdb import LmdbStorage
from clm_ethics.storage import Entry, Head, Write
storage = LmdbStorage(sys.argv[1], map_size=int(sys.argv[2]))
part = b"x" * 100_000
for n in range(int(sys.argv[3]), int(sys.argv[4])):
    [made] = storage.commit([Write(b"%d" % n, 0, Head(1, 1, b"", b"", part, ()), (Entry(1, b"", part),))])
    assert made
    print(n, flush=True)
"""


def another(*words: object) -> subprocess.Popen[str]:
    """Start a process that creates streams with the numbers of a range."""
    return subprocess.Popen(
        [sys.executable, "-c", ANOTHER, *map(str, words)], stdout=subprocess.PIPE, text=True
    )


def fill(storage: LmdbStorage) -> StorageUnavailable:
    """Create streams until a call fails; return its error, after checking that nothing of it is there."""
    for n in range(1000):
        pair = [b"%d" % n, b"and %d" % n]
        try:
            assert [True, True] == list(storage.commit([Write(each, 0, NEW, APPENDED) for each in pair]))
        except StorageUnavailable as error:
            assert [None, None] == list(storage.load(pair))
            assert [] == list(storage.entries(pair[0], after=0, limit=9))
            assert n > 0
            return error
    raise AssertionError("never full")


def test_a_full_map(tmp_path: Path) -> None:
    """Nothing of a call that does not fit is written; with a larger map there is room again."""
    with closing(LmdbStorage(tmp_path / "crm", map_size=2 << 20)) as small:
        error = fill(small)
        assert error.written is False
        assert "larger map_size" in error.remedy
        assert [NEW] == list(small.load([b"0"]))
    with closing(LmdbStorage(tmp_path / "crm", map_size=4 << 20)) as larger:
        assert [NEW] == list(larger.load([b"0"]))
        assert [True] == list(larger.commit([Write(b"new", 0, NEW, APPENDED)]))


def test_a_map_that_another_process_has_made_larger(tmp_path: Path) -> None:
    """Whoever has opened the folder with a smaller map goes on with the larger one."""
    with closing(LmdbStorage(tmp_path / "crm", map_size=2 << 20)) as small:
        fill(small)
        with another(tmp_path / "crm", 16 << 20, 100, 140) as process:
            assert process.communicate(timeout=60)[0].count("\n") == 40
        assert process.returncode == 0
        assert [1] == [each.index for each in small.entries(b"139", after=0, limit=9)]
        assert [True] == list(small.commit([Write(b"new", 0, NEW, APPENDED)]))


def test_a_process_that_is_killed(tmp_path: Path) -> None:
    """What a killed process has said is there, and nobody waits for its locks."""
    with closing(LmdbStorage(tmp_path / "crm")) as mine:
        for start in (0, 10_000, 20_000):
            with another(tmp_path / "crm", 1 << 30, start, start + 10_000) as process:
                assert process.stdout is not None
                said = [process.stdout.readline() for _ in range(5)]
                process.kill()
                said += [line for line in process.stdout if line.endswith("\n")]
            for line in said:
                name = b"%d" % int(line)
                assert [1] == [each and each.version for each in mine.load([name])]
                assert [1] == [each.index for each in mine.entries(name, after=0, limit=9)]
            assert [True] == list(mine.commit([Write(b"after %d" % start, 0, NEW, APPENDED)]))


def test_a_fork(tmp_path: Path) -> None:
    """A child is told to open the folder itself, can do so, and disturbs its parent in nothing."""
    with closing(LmdbStorage(tmp_path / "crm")) as mine:
        child = os.fork()
        if child == 0:
            code = 1
            try:
                mine.load([b"s"])
            except StorageUnavailable as error:
                mine.close()
                with closing(LmdbStorage(tmp_path / "crm")) as own:
                    made = own.commit([Write(b"s", 0, NEW, APPENDED)])
                code = 7 if error.written is False and list(made) == [True] else 2
            finally:
                os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
        assert [NEW] == list(mine.load([b"s"]))
        assert [True] == list(mine.commit([Write(b"s", 1, NEW._replace(version=2))]))


def test_what_is_no_storage(tmp_path: Path) -> None:
    """Folders of others are left alone, and what is damaged is called so."""
    with lmdb.open(str(tmp_path / "other")) as other, other.begin(write=True) as transaction:
        transaction.put(b"theirs", b"data")
    with pytest.raises(StorageCorrupt, match="of another application"):
        LmdbStorage(tmp_path / "other")
    (tmp_path / "garbage").mkdir()
    (tmp_path / "garbage" / "data.mdb").write_bytes(b"garbage" * 4000)
    with pytest.raises(StorageCorrupt, match="is damaged"):
        LmdbStorage(tmp_path / "garbage")
    with pytest.raises(StorageUnavailable, match="check the folder") as caught:
        LmdbStorage(tmp_path / "no" / "folder")
    assert caught.value.written is False


def test_altered_records(tmp_path: Path) -> None:
    """A record that cannot be read is "corrupt", whatever is asked, and never a driver's error."""
    with closing(LmdbStorage(tmp_path / "crm")) as mine:
        mine.commit([Write(b"s", 0, NEW, APPENDED), Write(b"bare", 0, NEW, APPENDED)])
    with lmdb.open(str(tmp_path / "crm"), max_dbs=4) as environment:
        heads, values, entries = (environment.open_db(name) for name in (b"head", b"values", b"entry"))
        with environment.begin(write=True) as transaction:
            transaction.put(b"s", b"\x00", db=heads)
            transaction.delete(b"bare", db=values)
            transaction.put(b"\x01s" + (1).to_bytes(8, "big"), b"\x00", db=entries)
    with closing(LmdbStorage(tmp_path / "crm")) as mine:
        for question in (
            lambda: mine.load([b"s"]),
            lambda: mine.load([b"bare"]),
            lambda: mine.entries(b"s", after=0, limit=1),
            lambda: mine.commit([Write(b"s", 1, NEW._replace(version=2))]),
        ):
            with pytest.raises(StorageCorrupt, match="restore it from a backup"):
                question()


def test_addresses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three slashes are a path from here, four an absolute one; anything else is refused."""
    monkeypatch.chdir(tmp_path)
    for address in ("lmdb:///crm", f"lmdb:///{tmp_path}/crm"):
        with closing(open_url(address)) as opened:
            opened.load([b"s"])
    assert ["crm"] == [each.name for each in tmp_path.iterdir()]
    for address in ("lmdb:crm", "lmdb://crm", "lmdb:///", "lmdb:///crm?map_size=9"):
        with pytest.raises(UsageError, match="write `lmdb:///crm`"):
            open_url(address)
