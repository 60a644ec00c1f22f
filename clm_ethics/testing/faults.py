"""Faults of files and disks, for adapters that keep their data in files: what Linux lets us do.

A disk that is really full is a small ``tmpfs`` (needs the right to mount) or a limit on the
size of a file (needs nothing). What ``strace`` can do (stop a program at its n-th system call,
let the call fail, count it) needs that program, and the right to trace.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# The question mark: a call that this machine's kernel does not have is left out.
WRITES: Final = "write,pwrite64,writev,pwritev,?pwritev2,ftruncate,fallocate"
"""The system calls that put bytes into a file."""
CHANGES: Final = WRITES + ",?rename,renameat,?renameat2,?unlink,unlinkat,?link,linkat"
"""And those that change a folder."""
SYNCS: Final = "fsync,fdatasync,msync,sync,syncfs"
"""The system calls that wait for the disk."""
NAMING: Final = "openat,?open,?creat,?rename,renameat,?renameat2,?link,linkat"
"""The system calls that give a file its name."""


@cache
def untraceable() -> str:
    """Return why no program can be traced here; empty if one can."""
    strace = shutil.which("strace")
    if strace is None:
        return "strace is not installed"
    tried = [strace, "-f", "-o", "/dev/null", "-e", "trace=fsync", "true"]
    if subprocess.run(tried, check=False, capture_output=True).returncode != 0:  # noqa: S603 -- for tests
        return "strace may not trace programs here"
    return ""


def tracing(log: Path, calls: str) -> list[str]:
    """Return what runs a program and writes its *calls* to *log*, with the paths of their files."""
    return ["strace", "-f", "-qq", "-y", "-o", str(log), "-e", f"trace={calls}", "-e", "signal=none"]


def injecting(calls: str, what: str, when: str, *, log: str = "/dev/null", also: str = "") -> list[str]:
    """Return what runs a program and does *what* to the call number *when* (``7``, or from then on ``7+``).

    *what* is ``error=EIO``, ``error=ENOSPC``, ``signal=KILL`` ...; only one kind of *calls* is
    counted together. They and *also* stand in the *log*, with the paths of their files.
    """
    return [
        "strace",
        "-f",
        "-qq",
        "-y",
        "-o",
        log,
        "-e",
        f"trace={calls},{also}".rstrip(","),
        "-e",
        f"inject={calls}:{what}:when={when}",
    ]


def counted(log: Path, calls: str) -> int:
    """Count the *calls* that a *log* of :func:`tracing` has; writes to a file opened for sync are syncs."""
    names = {each.strip("?") for each in calls.split(",")}
    lines = [line.partition(" ")[2].lstrip() for line in log.read_text(errors="replace").splitlines()]
    return sum(line.partition("(")[0] in names for line in lines)


def _calls(log: Path) -> Iterator[tuple[str, str]]:
    """Give name and text of each call of a *log*, in the order in which they ended."""
    begun: dict[str, str] = {}
    for line in log.read_text(errors="replace").splitlines():
        process, _, text = line.partition(" ")
        text = text.strip()
        if text.endswith("<unfinished ...>"):
            begun[process] = text.removesuffix("<unfinished ...>")
            continue
        if text.startswith("<..."):
            text = begun.pop(process, "") + text.partition(">")[2]
        yield text.partition("(")[0], text


def _file(text: str) -> str:
    """Return the path of the file that a call's first argument is, or nothing."""
    found = re.match(r"\w+\(\d+<([^>]*)>", text)
    return found[1] if found else ""


def repeated_syncs(log: Path) -> list[str]:
    """Return the files that were synced with success after a sync of the same pages had failed.

    The system may have marked them as written when it failed: who does not write them again
    before the next sync learns nothing from its success.
    """
    syncs, writes = SYNCS.split(","), [each.strip("?") for each in WRITES.split(",")]
    written, failed, repeated = set[str](), set[str](), list[str]()
    for name, text in _calls(log):
        file = _file(text)
        if name in writes:
            written.add(file)
            failed.discard(file)
        elif name in syncs and " = -1 " in text:
            failed |= {file} & written
        elif name in syncs and file in failed:
            repeated.append(file)
    return repeated


def unsynced_answers(log: Path) -> int:
    """Count the answers of ``work`` that nothing made durable: written before each, and not synced after.

    The *log* has ``sendto``, ``openat``, :data:`WRITES` and :data:`SYNCS`. One synced file that was
    written is enough: which other files may wait, only their adapter knows.
    """
    syncs, writes = SYNCS.split(","), [each.strip("?") for each in WRITES.split(",")]
    direct, written = set[str](), set[str]()
    count, safe = 0, True  # nothing is asked of the first answer: the storage is new
    for name, text in _calls(log):
        file = _file(text)
        if name == "openat" and re.search(r"O_D?SYNC", text):
            direct.update(re.findall(r" = \d+<([^>]*)>$", text))
        elif name == "sendto" and "made" in text:
            count += bool(written) and not safe
            written, safe = set(), False
        elif name in writes and " = -1 " not in text:
            written.add(file)
            safe = safe or file in direct or "SYNC" in text
        elif name in syncs and " = -1 " not in text:
            safe = safe or file in written or name in {"sync", "syncfs", "msync"}
    return count


def unsynced_names(log: Path) -> list[str]:
    """Return the files that are still there, and whose folder was not synced after they got their name."""
    waiting: dict[Path, list[str]] = {}
    named = set[str]()
    for name, text in _calls(log):
        if " = -1 " in text:
            continue
        if name in {"sync", "syncfs"}:
            waiting.clear()
        elif name in {"fsync", "fdatasync"}:
            waiting.pop(Path(_file(text)), None)
        elif name.startswith(("rename", "link")):
            path = _last_path(text)
            waiting.setdefault(path.parent, []).append(str(path))
        elif "O_CREAT" in text or name == "creat":
            opened = re.search(r" = \d+<([^>]*)>$", text)
            if opened and opened[1] not in named:
                named.add(opened[1])
                waiting.setdefault(Path(opened[1]).parent, []).append(opened[1])
    return [each for names in waiting.values() for each in names if Path(each).is_file()]


def _last_path(text: str) -> Path:
    """Return the second path of a call that renames or links."""
    place, path = map(str, re.findall(r'(?:<([^>]*)>, )?"([^"]*)"', text)[-1])
    return Path(place or ".") / path


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
        subprocess.run(["umount", str(folder)], check=True)  # noqa: S603, S607 -- for tests


def enlarge(folder: Path, size: int) -> None:
    """Make the small disk at *folder* a larger one."""
    subprocess.run(["mount", "-o", f"remount,size={size}", str(folder)], check=True)  # noqa: S603, S607 -- for tests


def _mount(folder: Path, size: int) -> bool:
    if shutil.which("mount") is None:
        return False
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    return subprocess.run(command, check=False, capture_output=True).returncode == 0  # noqa: S603 -- for tests


__all__ = [
    "CHANGES",
    "NAMING",
    "SYNCS",
    "WRITES",
    "NoRightToMountError",
    "counted",
    "enlarge",
    "injecting",
    "repeated_syncs",
    "small_disk",
    "spread",
    "tracing",
    "unsynced_answers",
    "unsynced_names",
    "untraceable",
]
