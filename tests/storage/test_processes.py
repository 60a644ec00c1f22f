"""The SQLite adapter between processes, killed processes, full disks and disks that fail."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import sys
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from clm_ethics.storage.sqlite import SqliteStorage
from clm_ethics.testing.conformance_tools import living, marked, story

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

WRITER = str(Path(__file__).with_name("writer.py"))
STRACE = shutil.which("strace")


def start(*words: object, before: Sequence[str] = ()) -> subprocess.Popen[str]:
    """Start the writer program."""
    return subprocess.Popen(
        [*before, sys.executable, WRITER, *map(str, words)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )


def consistent(storage: SqliteStorage) -> int:
    """Check that head, values, marks, entries and forgotten bodies are of the same last write."""
    head = living(storage, b"s")
    read = story(storage, b"s")
    text = b"%d" % head.length
    assert list(range(1, head.length + 1)) == [each.index for each in read]
    assert (head.state, head.values) == (text, text)
    if head.length:
        assert head.digest == text
        assert [(head.length, b"s")] == marked(storage, b"last")
        assert [(0, b"s")] == marked(storage, b"of" + text)
        assert [] == marked(storage, b"of%d" % (head.length - 1))
        assert {n for n in range(2, head.length) if n % 3 == 2} == {
            each.index for each in read if each.body is None
        }
    [answer] = storage._opened().execute("PRAGMA integrity_check").fetchall()
    assert answer == ("ok",)
    return head.length


def test_processes_that_write_one_stream(path: Path) -> None:
    """Four processes append to one stream by compare-and-swap: nothing is lost, and nothing twice."""
    writers = [start("compete", path, who, 40) for who in range(4)]
    for writer in writers:
        writer.communicate(timeout=120)
        assert writer.returncode == 0
    with closing(SqliteStorage(path)) as storage:
        assert consistent(storage) == 160
        expected = sorted(b"%d/%d" % (who, n) for who in range(4) for n in range(40))
        read = [each.body for each in story(storage, b"s") if each.body is not None]
        assert len(set(read)) == len(read)
        assert set(read) <= set(expected)


def test_killed_at_any_moment(path: Path) -> None:
    """After kill -9, every acknowledged write is there, and one that was not is whole or absent."""
    length = 0
    for run in range(12):
        with start("acknowledge", path) as writer:
            assert writer.stdout is not None
            said = [int(writer.stdout.readline()) for _ in range(1 + run * 7)]
            writer.kill()
            said += [int(line) for line in writer.stdout if line.endswith("\n")]
        assert said[0] == length + 1
        assert all(after == before + 1 for before, after in pairwise(said))
        with closing(SqliteStorage(path)) as storage:
            length = consistent(storage)
        assert said[-1] <= length <= said[-1] + 1


# A full disk -------------------------------------------------------------------------------------


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """Return a folder on a disk of 512 KiB, or, without the right to mount, one with small files only."""
    folder = tmp_path / "small"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(folder)]
    mounted = (
        shutil.which("mount") and subprocess.run(command, check=False, capture_output=True).returncode == 0
    )
    yield folder
    if mounted:
        subprocess.run(["umount", str(folder)], check=True)


def limited(folder: Path) -> None:
    """Where the disk is not small, let no file grow over 512 KiB; too large a write is an error."""
    if not os.path.ismount(folder):
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (512 << 10, 512 << 10))


@pytest.mark.parametrize("mount", [True, False], ids=["small disk", "small files"])
def test_a_full_disk(small: Path, tmp_path: Path, mount: bool) -> None:
    """When no byte more fits, the error says so, and everything acknowledged is there, also to be read."""
    folder = small if mount else tmp_path
    writer = subprocess.run(
        [sys.executable, WRITER, "fail", str(folder / "crm.db")],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        preexec_fn=lambda: limited(folder),
    )
    name, written, acknowledged, length, message = writer.stdout.split(" ", 4)
    assert ("StorageUnavailable", "False") == (name, written)
    assert int(acknowledged) == int(length) > 5
    assert message.startswith("crm.db: ")
    assert "space" in message
    shutil.copytree(folder, tmp_path / "copy")
    with closing(SqliteStorage(tmp_path / "copy" / "crm.db")) as storage:
        assert consistent(storage) == int(length)


# What only strace can see ------------------------------------------------------------------------

if STRACE:  # .ci/run installs it; without it there is nothing that could count or inject

    def syncs(path: Path, commits: int) -> int:
        """Count the syncs of a program that makes *commits* commits."""
        log = path.with_name(f"{commits}.trace")
        tracing = [STRACE, "-f", "-o", str(log), "-e", "trace=fsync,fdatasync,sync_file_range"]
        program = start("count", path, commits, before=tracing)
        program.communicate(timeout=120)
        assert program.returncode == 0
        return sum("sync(" in line for line in log.read_text().splitlines())

    def test_one_sync_a_commit(tmp_path: Path) -> None:
        """Thirty commits more are thirty syncs more: exactly one each."""
        assert syncs(tmp_path / "a.db", 60) - syncs(tmp_path / "b.db", 30) == 30

    def test_a_sync_that_fails(tmp_path: Path) -> None:
        """A commit whose sync fails is "unknown"; what is read afterwards is final, and work goes on."""
        outcomes = set()
        for n in range(12, 40, 5):
            path = tmp_path / f"{n}.db"
            failing = ["-e", "trace=fdatasync,fsync", "-e", f"inject=fdatasync:error=EIO:when={n}"]
            writer = start("fail", path, "on", before=[STRACE, "-f", "-o", "/dev/null", *failing])
            assert writer.stdout is not None
            with writer:
                name, written, acknowledged, length, _ = writer.stdout.readline().split(" ", 4)
                assert "went on\n" == writer.stdout.readline()
            outcomes.add((name, written))
            assert int(length) - int(acknowledged) in {0, 1}
            with closing(SqliteStorage(path)) as storage:
                assert consistent(storage) == int(length) + 1
        assert outcomes == {("StorageUnavailable", "None")}

    def test_what_was_seen_after_a_failed_sync_stays(tmp_path: Path) -> None:
        """A commit that was "unknown", and then not seen, is not found again in the log after a crash."""
        for n in (14, 22):
            path = tmp_path / f"{n}" / "crm.db"
            path.parent.mkdir()
            with closing(SqliteStorage(path)):  # so that the failing program is not the last to close the log
                failing = ["-e", "trace=fdatasync", "-e", f"inject=fdatasync:error=EIO:when={n}"]
                writer = start("fail", path, before=[STRACE, "-f", "-o", "/dev/null", *failing])
                said = writer.communicate(timeout=120)[0].split(" ", 4)
                crashed = shutil.copytree(path.parent, tmp_path / f"{n} after the crash")
            (crashed / "crm.db-shm").unlink()
            with closing(SqliteStorage(crashed / "crm.db")) as storage:
                assert ("StorageUnavailable", "None", consistent(storage)) == (*said[:2], int(said[3]))

    def test_killed_at_every_write_to_the_file(tmp_path: Path) -> None:
        """Killed at its n-th write to any file, the program leaves a sound file, or none yet."""
        for n in range(1, 60, 9):
            path = tmp_path / f"{n}.db"
            killing = ["-e", "trace=pwrite64", "-e", f"inject=pwrite64:signal=KILL:when={n}"]
            writer = start("count", path, 20, before=[STRACE, "-f", "-o", "/dev/null", *killing])
            writer.communicate(timeout=120)
            assert writer.returncode != 0
            with closing(SqliteStorage(path)) as storage:
                if storage.load([b"s"]) != [None]:
                    consistent(storage)
