"""Faults of files and disks, for adapters that keep their data in files: what Linux lets us do.

A disk that is really full is a small ``tmpfs`` (needs the right to mount) or a limit on the
size of a file (needs nothing). What ``strace`` can do (stop a program at its n-th system call,
let the call fail, count it) needs that program, and the right to trace.
"""

from __future__ import annotations

import shutil
import subprocess
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

# The question mark: a call that this machine's kernel does not have is left out.
WRITES: Final = "write,pwrite64,writev,pwritev,?pwritev2,ftruncate,fallocate"
"""The system calls that put bytes into a file."""
CHANGES: Final = WRITES + ",?rename,renameat,?renameat2,?unlink,unlinkat,?link,linkat"
"""And those that change a folder."""
SYNCS: Final = "fsync,fdatasync,msync,sync,syncfs"
"""The system calls that wait for the disk."""


@cache
def untraceable() -> str:
    """Return why no program can be traced here; empty if one can."""
    strace = shutil.which("strace")
    if strace is None:
        return "strace is not installed"
    tried = [strace, "-f", "-o", "/dev/null", "-e", "trace=fsync", "true"]
    if subprocess.run(tried, check=False, capture_output=True).returncode != 0:  # noqa: S603
        return "strace may not trace programs here"
    return ""


def tracing(log: Path, calls: str) -> list[str]:
    """Return what runs a program and writes its *calls* to *log*."""
    return ["strace", "-f", "-qq", "-o", str(log), "-e", f"trace={calls}", "-e", "signal=none"]


def injecting(calls: str, what: str, when: str) -> list[str]:
    """Return what runs a program and does *what* to the call number *when* (``7``, or from then on ``7+``).

    *what* is ``error=EIO``, ``error=ENOSPC``, ``signal=KILL`` ...; only one kind of *calls* is
    counted together.
    """
    return [
        "strace",
        "-f",
        "-qq",
        "-o",
        "/dev/null",
        "-e",
        f"trace={calls}",
        "-e",
        f"inject={calls}:{what}:when={when}",
    ]


def counted(log: Path, calls: str) -> int:
    """Count the *calls* that a *log* of :func:`tracing` has; writes to a file opened for sync are syncs."""
    names = {each.strip("?") for each in calls.split(",")}
    lines = [line.partition(" ")[2].lstrip() for line in log.read_text(errors="replace").splitlines()]
    return sum(line.partition("(")[0] in names for line in lines)


def spread(total: int, points: int) -> Sequence[int]:
    """Return at most *points* numbers from 1 to *total*, evenly spread, the first and the last among them."""
    if total <= points:
        return range(1, total + 1)
    return sorted({1 + round(n * (total - 1) / (points - 1)) for n in range(points)})


class NoRightToMountError(OSError):
    """A small disk cannot be mounted here."""


@contextmanager
def small_disk(folder: Path, size: int) -> Iterator[None]:
    """Mount a disk of *size* bytes at *folder*, which must exist.

    Raises:
        NoRightToMountError: only an administrator may, and only where there is a ``mount``.
    """
    if not _mount(folder, size):
        raise NoRightToMountError("mounting a small disk needs an administrator's rights")
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)  # noqa: S603, S607


def enlarge(folder: Path, size: int) -> None:
    """Make the small disk at *folder* a larger one."""
    subprocess.run(["mount", "-o", f"remount,size={size}", str(folder)], check=True)  # noqa: S603, S607


def _mount(folder: Path, size: int) -> bool:
    if shutil.which("mount") is None:
        return False
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    return subprocess.run(command, check=False, capture_output=True).returncode == 0  # noqa: S603


__all__ = [
    "CHANGES",
    "SYNCS",
    "WRITES",
    "NoRightToMountError",
    "counted",
    "enlarge",
    "injecting",
    "small_disk",
    "spread",
    "tracing",
    "untraceable",
]
