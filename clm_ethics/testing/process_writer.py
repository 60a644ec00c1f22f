"""Run as a program of its own: writes to a storage by its URL until it is told, or made, to stop.

``python -m clm_ethics.testing.process_writer CHANNEL URL PREFIX LIMIT PROGRAM WORDS...``. It speaks
one JSON document a line over the socket with the file descriptor CHANNEL, so that whoever
counts or breaks its writes to files never meets its own words.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
from typing import TYPE_CHECKING, Any, Final

from clm_ethics import storage as storages
from clm_ethics.errors import ClmError, StorageError
from clm_ethics.storage.contract import Closable, Entry, Head, Mark, Write
from clm_ethics.testing.apart import apart

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from clm_ethics.storage.contract import Storage

GROUP: Final = (b"one", b"three", b"two")
"""The streams of each call of ``work``: a group of three writes."""
CREATED: Final = Head(1, 0, b"", b"0", b"0", ())


class Say:
    """The socket to whoever started the program."""

    def __init__(self, channel: int) -> None:
        self._socket = socket.socket(fileno=channel)

    def __call__(self, document: object) -> None:
        """Say one line."""
        self._socket.sendall(json.dumps(document).encode() + b"\n")

    def wait(self) -> None:
        """Say that all is prepared, and wait for the others."""
        self({"ready": True})
        self._socket.recv(1)


def appended(stream: bytes, head: Head, body: bytes) -> Write:
    """Build a write that changes everything that a write can: entry, forgotten body, parts and marks."""
    index = head.length + 1
    text = b"%d" % index
    marks = (Mark(b"last " + stream, index), Mark(b"of " + stream + text, 0))
    after = Head(head.version + 1, index, text, text, text, marks)
    forget = (index - 1,) if index > 1 and index % 3 == 0 else ()
    return Write(stream, head.version, after, (Entry(index, text, body),), forget)


def work(storage: Storage, say: Say, times: str, size: str) -> None:
    """Append to the three streams *times* times (0: for ever); say each index once it is acknowledged.

    The first call that fails ends it: it says how, and what is there then.
    """
    made = storage.commit([Write(each, 0, CREATED) for each in GROUP])
    if any(made):
        say({"made": 0})
    body = b"x" * int(size)
    done = 0
    while not int(times) or done < int(times):
        heads = _living(storage, GROUP)
        writes = [appended(each, head, body) for each, head in zip(GROUP, heads, strict=True)]
        if list(storage.commit(writes)) != [True] * len(writes):
            say({"leaked": "a write was refused although nobody else writes"})
            return
        done += 1
        say({"made": heads[0].length + 1})


def compete(storage: Storage, say: Say, who: str, times: str) -> None:
    """Append *times* entries to one stream that others write to as well; say how often it was refused."""
    storage.commit([Write(b"shared", 0, CREATED)])
    say.wait()
    refused = 0
    for n in range(int(times)):
        while True:
            [head] = _living(storage, [b"shared"])
            if storage.commit([appended(b"shared", head, f"{who}/{n}".encode())])[0]:
                break
            refused += 1
    say({"refused": refused})


def create(storage: Storage, say: Say, who: str, times: str) -> None:
    """Create streams that others create as well; say which of them are one's own."""
    won = []
    say.wait()
    for n in range(int(times)):
        head = Head(1 + int(who), 0, who.encode(), b"", b"", (Mark(b"won by " + who.encode(), n),))
        if storage.commit([Write(b"contested %d" % n, 0, head)])[0]:
            won.append(n)
    say({"won": won})


def fork(storage: Storage, say: Say) -> None:
    """Use a storage on both sides of a fork; say what became of it."""
    storage.commit([Write(b"parent", 0, CREATED)])
    child = os.fork()
    if child == 0:
        os._exit(_use_in_child(storage))
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    made = storage.commit([Write(b"parent", 1, CREATED._replace(version=2))])
    say({"child": status, "parent": list(made), "version": _living(storage, [b"parent"])[0].version})


def _use_in_child(storage: Storage) -> int:
    """Return 0 if a write was made, 1 if it was refused by a named error, 2 for anything else."""
    signal.alarm(60)
    try:
        return 0 if storage.commit([Write(b"child", 0, CREATED)])[0] else 2
    except StorageError:
        return 1
    except BaseException:  # noqa: BLE001 -- the parent has to hear of it
        return 2


def _living(storage: Storage, streams: Sequence[bytes]) -> list[Head]:
    heads = [head for head in storage.load(streams) if head is not None]
    if len(heads) != len(streams):
        raise LookupError("a stream that was written is not there")
    return heads


def _limited(size: str) -> None:
    """Let no file grow over *size* bytes (0: any size); too large a write is an error, not a signal."""
    if int(size):
        import resource

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(size), int(size)))


def run(say: Say, url: str, prefix: str, program: Callable[..., None], words: Sequence[str]) -> None:
    """Open the storage, run the program, and say how it ended."""
    storage: Storage | None = None
    try:
        storage = storages.open(url)
        if prefix:
            storage = apart(storage, bytes.fromhex(prefix))
        say({"opened": True})
        program(storage, say, *words)
    except ClmError as error:
        told = {"error": type(error).__name__, "written": getattr(error, "written", None)}
        say(told | {"text": str(error), "remedy": error.remedy, "contained": isinstance(error, StorageError)})
        if storage is not None:
            say(_seen(storage))
    except Exception as error:  # noqa: BLE001 -- what leaks is what is looked for
        say({"leaked": f"{type(error).__name__}: {error}"})


def _seen(storage: Storage) -> dict[str, Any]:
    """Return how long the three streams are after an error, as the same connection sees them."""
    try:
        return {"seen": [head.length if head else 0 for head in storage.load(GROUP)]}
    except StorageError as error:
        return {"unseen": type(error).__name__}
    except Exception as error:  # noqa: BLE001 -- what leaks is what is looked for
        return {"leaked": f"{type(error).__name__}: {error}"}


def main(words: Sequence[str]) -> None:
    """Read the words of the call, and run."""
    channel, url, prefix, limit, name, *rest = words
    say = Say(int(channel))
    _limited(limit)
    programs: dict[str, Callable[..., None]] = {
        "work": work,
        "compete": compete,
        "create": create,
        "fork": fork,
        "close": close,
    }
    run(say, url, prefix, programs[name], rest)
    say({"ended": True})
    os._exit(0)  # closing would write and sync, too


def close(storage: Storage, say: Say) -> None:
    """Close, and open nothing again."""
    if isinstance(storage, Closable):
        storage.close()
    say({"closed": True})


if __name__ == "__main__":
    main(sys.argv[1:])
