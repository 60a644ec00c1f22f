"""Whether an SQLite file is in order: read, never changed."""

from __future__ import annotations

import os
import platform
import sqlite3
import stat
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from clm_ethics.storage.contract import Finding, Level
from clm_ethics.storage.sqlite_file import SCHEMA

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

LEAST_FREE: Final = 64 << 20
"""Free bytes below which a file system is nearly full."""
CLOCK_SLACK: Final = 300.0
"""Seconds by which a file may seem to come from the future."""
MOUNTS: Final = Path("/proc/self/mounts")
"""Where Linux lists what is mounted where."""
_REMOTE: Final = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "fuse.sshfs", "ceph"})
_VOLATILE: Final = frozenset({"tmpfs", "ramfs"})
_FULL: Final = 2


def findings(connection: sqlite3.Connection, path: Path) -> Sequence[Finding]:
    """Return what is found about the file at *path*, which is open in *connection*."""
    return [
        Finding("versions", Level.OK, f"SQLite {sqlite3.sqlite_version}, Python {platform.python_version()}"),
        Finding("schema", Level.OK, f"{SCHEMA}, the newest"),
        *_permissions(path),
        *_durability(connection, path),
        _clock(path),
        _space(path),
    ]


def _permissions(path: Path) -> Iterator[Finding]:
    mode = path.stat().st_mode
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        text = f"others than the owner may read or write the file ({stat.filemode(mode)})"
        yield Finding("permissions", Level.NOTE, text, f"chmod 600 {path.name}")
    for each, what in ((path, "the file"), (path.parent, "its folder")):
        if not os.access(each, os.W_OK):
            text = f"{what} cannot be written by this user"
            remedy = "give this user write permission on the file and its folder"
            yield Finding("permissions", Level.FAULT, text, remedy)
            return
    yield Finding("permissions", Level.OK, "file and folder can be written")


def _durability(connection: sqlite3.Connection, path: Path) -> Iterator[Finding]:
    journal = connection.execute("PRAGMA journal_mode").fetchone()[0]
    level = connection.execute("PRAGMA synchronous").fetchone()[0]
    durable = journal == "wal" and level >= _FULL
    yield Finding(
        "durability",
        Level.OK if durable else Level.FAULT,
        f"journal_mode = {journal}, synchronous = {level}",
        "" if durable else "open it again; another program has changed its journal",
    )
    kind = _file_system(path)
    if kind in _REMOTE:
        text = f"the file lies on a network file system ({kind}), whose locks and syncs cannot be relied on"
        yield Finding("durability", Level.FAULT, text, "put the file on a local disk, or use PostgreSQL")
    elif kind in _VOLATILE:
        text = f"the file lies in memory ({kind}): a restart of the machine loses it"
        yield Finding("durability", Level.NOTE, text, "put the file on a disk")


def _file_system(path: Path) -> str:
    """Return the kind of file system that *path* is on, as Linux tells it; empty elsewhere."""
    try:
        mounts = MOUNTS.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    best, kind = "", ""
    for line in mounts:
        _, place, found, *_ = line.split(" ")
        place = place.replace("\\040", " ")
        inside = path.is_relative_to(place)
        if inside and len(place) >= len(best):
            best, kind = place, found
    return kind


def _clock(path: Path) -> Finding:
    ahead = path.stat().st_mtime - time.time()
    if ahead > CLOCK_SLACK:
        text = f"the file was changed {ahead:.0f} seconds in the future of this machine's clock"
        return Finding("clock", Level.FAULT, text, "set the clock: a decision depends on the time")
    return Finding("clock", Level.OK, "this machine's clock is not behind the file's last change")


def _space(path: Path) -> Finding:
    disk = os.statvfs(path)
    free, size = disk.f_bavail * disk.f_frsize, path.stat().st_size
    text = f"the file has {size >> 20} MiB, its file system has {free >> 20} MiB free"
    if free < LEAST_FREE:
        return Finding("space", Level.FAULT, text, "free space: a withdrawal must never fail for lack of it")
    if free < 2 * size:
        return Finding(
            "space", Level.NOTE, text, "scrubbing after an erasure needs twice the file's size free"
        )
    return Finding("space", Level.OK, text)
