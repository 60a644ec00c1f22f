"""Run as a program of its own: writes to one file until it is told, or made, to stop."""

from __future__ import annotations

import os
import sys

from clm_ethics.errors import StorageError
from clm_ethics.storage.contract import Entry, Head, Mark, Write
from clm_ethics.storage.sqlite import SqliteStorage

CREATED = Head(1, 0, b"", b"0", b"0", ())


def say(*words: object) -> None:
    """Print a line at once, whatever happens next."""
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


def step(storage: SqliteStorage, stream: bytes, body: bytes) -> bool:
    """Try to append one entry, with everything else that a write can change."""
    [head] = storage.load([stream])
    assert head is not None
    index = head.length + 1
    text = b"%d" % index
    after = Head(head.version + 1, index, text, text, text, (Mark(b"last", index), Mark(b"of" + text, 0)))
    forget = (index - 1,) if index > 1 and index % 3 == 0 else ()
    [made] = storage.commit([Write(stream, head.version, after, (Entry(index, text, body),), forget)])
    return made


def compete(path: str, who: str, times: str) -> None:
    """Append *times* entries to one stream that others write to as well."""
    storage = SqliteStorage(path, timeout=60)
    storage.commit([Write(b"s", 0, CREATED)])
    for n in range(int(times)):
        while not step(storage, b"s", f"{who}/{n}".encode()):
            pass
    storage.close()


def acknowledge(path: str) -> None:
    """Append for ever, and print the index of each entry once it has been acknowledged."""
    storage = SqliteStorage(path)
    storage.commit([Write(b"s", 0, CREATED)])
    while True:
        assert step(storage, b"s", b"body" * 100)
        [head] = storage.load([b"s"])
        assert head is not None
        say(head.length)


def count(path: str, times: str) -> None:
    """Append *times* entries and nothing else; for counting system calls."""
    storage = SqliteStorage(path)
    storage.commit([Write(b"s", 0, CREATED)])
    for _ in range(int(times)):
        assert step(storage, b"s", b"body")
    os._exit(0)  # closing would sync too


def fail(path: str, *going_on: str) -> None:
    """Append until a call fails; say what the error says, then what is there, and append again."""
    storage = SqliteStorage(path)
    storage.commit([Write(b"s", 0, CREATED)])
    error, acknowledged = None, 0
    while error is None:
        try:
            assert step(storage, b"s", b"x" * 2000)
            acknowledged += 1
        except StorageError as caught:
            error = caught
    [head] = storage.load([b"s"])
    assert head is not None
    say(type(error).__name__, getattr(error, "written", ""), acknowledged, head.length, error)
    if going_on:
        assert step(storage, b"s", b"after")
        say("went on")
    os._exit(0)


if __name__ == "__main__":
    program = {"compete": compete, "acknowledge": acknowledge, "count": count, "fail": fail}[sys.argv[1]]
    program(*sys.argv[2:])
