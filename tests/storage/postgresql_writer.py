"""Run as a program of its own: writes to one PostgreSQL stream until it is told, or made, to stop."""

from __future__ import annotations

import sys

from clm_ethics.errors import StorageError
from clm_ethics.storage.contract import Write
from clm_ethics.storage.postgresql import PostgresStorage
from tests.storage.writer import CREATED, say, step


def compete(url: str, who: str, times: str) -> None:
    """Append *times* entries to one stream that others write to as well."""
    storage = PostgresStorage(url, max_size=1, timeout=60)
    storage.commit([Write(b"s", 0, CREATED)])
    for n in range(int(times)):
        while not step(storage, b"s", f"{who}/{n}".encode()):
            pass
    storage.close()


def acknowledge(url: str) -> None:
    """Append, and print the number of each entry once it is acknowledged, until a call fails."""
    storage = PostgresStorage(url, max_size=1, timeout=1)
    storage.commit([Write(b"s", 0, CREATED)])
    try:
        while True:
            assert step(storage, b"s", b"body" * 100)
            [head] = storage.load([b"s"])
            assert head is not None
            say(head.length)
    except StorageError as error:
        say(type(error).__name__, getattr(error, "written", ""))
    storage.close()


if __name__ == "__main__":
    {"compete": compete, "acknowledge": acknowledge}[sys.argv[1]](*sys.argv[2:])
