"""Programs of their own that use a storage by its URL: started, heard, killed, broken."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from contextlib import closing, contextmanager, suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from clm_ethics import storage as storages
from clm_ethics.storage.contract import FIRST, MAX_INT, Closable
from clm_ethics.testing.apart import apart
from clm_ethics.testing.process_writer import GROUP

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from clm_ethics.storage.contract import Entry, Storage

PATIENCE = 300.0
"""How long a program may be silent before it counts as stuck, in seconds."""


class Place(NamedTuple):
    """Where a storage is.

    Attributes:
        url: what ``clm_ethics.storage.open`` opens.
        prefix: eight bytes before every name, or none.
    """

    url: str
    prefix: bytes = b""

    @contextmanager
    def opened(self) -> Iterator[Storage]:
        """Open the storage in this process, and close it in the end."""
        storage = storages.open(self.url)
        try:
            yield apart(storage, self.prefix) if self.prefix else storage
        finally:
            if isinstance(storage, Closable):
                storage.close()


class Child:
    """The program ``process_writer`` in a process of its own.

    Args:
        place: what it opens.
        words: the program's name and its words.
        before: what runs it, such as ``strace`` and its options.
        limit: no file may grow over so many bytes; 0: no limit.
    """

    def __init__(self, place: Place, *words: object, before: Sequence[str] = (), limit: int = 0) -> None:
        mine, theirs = socket.socketpair()
        mine.settimeout(PATIENCE)
        self._socket = mine
        self._heard = mine.makefile("rb")
        call = [*before, sys.executable, "-m", "clm_ethics.testing.process_writer", str(theirs.fileno())]
        with closing(theirs):
            self._program = subprocess.Popen(  # noqa: S603 -- this library's own program
                [*call, place.url, place.prefix.hex(), str(limit), *map(str, words)],
                pass_fds=[theirs.fileno()],
                env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "PYTHONDONTWRITEBYTECODE": "1"},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
            )

    def hear(self) -> dict[str, Any] | None:
        """Return what the program says next; ``None`` once it has ended."""
        line = self._heard.readline()
        said: dict[str, Any] | None = json.loads(line) if line.endswith(b"\n") else None
        return said

    def await_ready(self) -> None:
        """Hear until it waits for the others."""
        said: dict[str, Any] | None = {}
        while said is not None and "ready" not in said:
            said = self.hear()

    def go(self) -> None:
        """Let it go on, if it is still there."""
        with suppress(OSError):
            self._socket.sendall(b"g")

    def kill(self) -> None:
        """End it as a crash would."""
        self._program.kill()

    def end(self) -> list[dict[str, Any]]:
        """Hear everything that is left, and wait until the program has ended."""
        said = []
        while (each := self.hear()) is not None:
            said.append(each)
        assert self._program.stderr is not None
        self.complaint = self._program.stderr.read().decode(errors="replace")[-2000:]
        self._program.stderr.close()
        self._heard.close()
        self._socket.close()
        self.status = self._program.wait(PATIENCE)
        return said


def sound(storage: Storage, stream: bytes) -> int:
    """Check that everything of *stream* is of the same last write; return its length, 0 if it is not there.

    The stream is one that ``process_writer`` writes.
    """
    [head] = storage.load([stream])
    if head is None:
        assert [] == list(storage.entries(stream, after=0, limit=1)), "entries without a head"
        return 0
    text = b"%d" % head.length
    assert (text, text) == (head.state, head.values), "state and values are of different writes"
    read: list[Entry] = []
    while page := storage.entries(stream, after=len(read), limit=1000):
        read.extend(page)
    assert list(range(1, head.length + 1)) == [each.index for each in read], "entries and head do not fit"
    if head.length:
        assert text == head.digest == read[-1].digest, "digests of head and last entry differ"
        _sound_marks(storage, stream, head.length)
        forgotten = {each.index for each in read if each.body is None}
        assert {n for n in range(2, head.length) if n % 3 == 2} == forgotten, "not the bodies that were named"
    return head.length


def _sound_marks(storage: Storage, stream: bytes, length: int) -> None:
    def found(token: bytes) -> list[tuple[int, bytes]]:
        return [(at, name) for at, name in storage.find(token, until=MAX_INT, after=FIRST, limit=9)]

    assert [(length, stream)] == found(b"last " + stream), "the mark is of another write"
    assert [(0, stream)] == found(b"of " + stream + b"%d" % length), "a mark is missing"
    assert [] == found(b"of " + stream + b"%d" % (length - 1)), "a mark of an earlier write is left"


class Told(NamedTuple):
    """What a run of ``work`` has said.

    Attributes:
        acknowledged: the last index that was acknowledged, ``None`` if the streams are not known to exist.
        error: the error that ended it, if one did.
        seen: how long the streams were after the error, as the program itself saw them.
        leaked: what got out that may not.
    """

    acknowledged: int | None
    error: dict[str, Any] | None
    seen: list[int] | None
    leaked: str | None

    @classmethod
    def of(cls, said: Sequence[dict[str, Any]], before: int | None = None) -> Told:
        """Read what was *said*; *before* is what an earlier run had acknowledged."""
        acknowledged, error, seen, leaked = before, None, None, None
        for each in said:
            acknowledged = each.get("made", acknowledged)
            error = each if "error" in each else error
            seen = each.get("seen", seen)
            leaked = each.get("leaked", leaked)
        return cls(acknowledged, error, seen, leaked)

    def judge(self, storage: Storage) -> list[int]:
        """Check what is stored against what was told: whole or absent, and nothing that was told is false."""
        lengths = [sound(storage, each) for each in GROUP]
        known = self.acknowledged or 0
        for n, length in enumerate(lengths):
            assert length >= known, f"entry {known} was acknowledged, and {length} are there"
            assert length <= known + 1, f"{length} entries are there, and only {known} were ever asked for"
            if self.seen is not None:
                assert self.seen[n] == length, "what was seen after an error is not what is there"
        self._judge_written(lengths, known)
        return lengths

    def _judge_written(self, lengths: list[int], known: int) -> None:
        if self.error is None or self.error["error"] != "StorageUnavailable":
            return
        if self.error["written"] is False:
            assert lengths == [known] * len(GROUP), "`written=False`, and something was written"
        if self.error["written"] is True:
            assert lengths == [known + 1] * len(GROUP), "`written=True`, and not everything was written"


__all__ = ["PATIENCE", "Child", "Place", "Told", "sound"]
