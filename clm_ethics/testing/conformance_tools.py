"""Short ways to say what the conformance suite says often."""

from __future__ import annotations

import signal
from collections.abc import Callable
from contextlib import contextmanager
from functools import partial
from itertools import count
from threading import Barrier, BrokenBarrierError, Thread, current_thread, main_thread
from typing import TYPE_CHECKING

from clm_ethics.storage.contract import FIRST, MAX_INT, Closable, Entry, Head, Mark, Storage, Write

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

WAIT = 120.0
"""How long a thread of the suite may take before it counts as stuck, in seconds."""


Connect = Callable[[], Storage]
"""The suite's one fixture: each call opens one more connection to the same storage."""


def head(
    version: int,
    length: int = 0,
    *,
    digest: bytes = b"digest",
    state: bytes | None = b"state",
    values: bytes | None = b"values",
    marks: Iterable[tuple[bytes, int]] | None = (),
) -> Head:
    """Build a head; what is not given is the same everywhere."""
    carried = None if marks is None else tuple(Mark(*mark) for mark in marks)
    return Head(version, length, digest, state, values, carried)


def kept(version: int, length: int = 0, *, digest: bytes = b"digest") -> Head:
    """Build a head that keeps state, values and marks."""
    return Head(version, length, digest, None, None, None)


def entry(index: int, body: bytes = b"body") -> Entry:
    """Build the entry number *index*, with a digest of its own."""
    return Entry(index, b"digest of %d" % index, body)


def entries(first: int, last: int) -> tuple[Entry, ...]:
    """Build the entries from *first* to *last*, each with a body of its own."""
    return tuple(entry(index, b"body of %d" % index) for index in range(first, last + 1))


def make(storage: Storage, *writes: Write) -> None:
    """Commit *writes*, all of which must be made."""
    assert [True] * len(writes) == list(storage.commit(writes))


def create(storage: Storage, stream: bytes, first: Head, *appended: Entry) -> None:
    """Create *stream*, which must not exist."""
    make(storage, Write(stream, 0, first, appended))


def load(storage: Storage, stream: bytes) -> Head | None:
    """Load one head."""
    [loaded] = storage.load([stream])
    return loaded


def living(storage: Storage, stream: bytes) -> Head:
    """Load one head that must exist."""
    loaded = load(storage, stream)
    assert loaded is not None
    return loaded


def story(storage: Storage, stream: bytes, *, limit: int = 100) -> list[Entry]:
    """Read all entries of *stream*, page by page."""
    read: list[Entry] = []
    while page := storage.entries(stream, after=read[-1].index if read else 0, limit=limit):
        assert len(page) <= limit
        # Said here, since a page that comes again and again would never end the loop.
        assert page[0].index > (read[-1].index if read else 0), "a page began at its `after`, or before"
        read.extend(page)
    return read


def marked(
    storage: Storage, token: bytes, *, until: int = MAX_INT, limit: int = 100
) -> list[tuple[int, bytes]]:
    """Find all marks with *token*, page by page."""
    found: list[tuple[int, bytes]] = []
    while page := storage.find(token, until=until, after=found[-1] if found else FIRST, limit=limit):
        assert len(page) <= limit
        assert tuple(page[0]) > (found[-1] if found else FIRST), "a page began at its `after`, or before"
        found.extend((at, stream) for at, stream in page)
    return found


def close(storage: Storage) -> None:
    """Close *storage* if it holds something open."""
    if isinstance(storage, Closable):
        storage.close()


def append_until(storage: Storage, stream: bytes, bodies: Sequence[bytes], attempts: int = 20_000) -> int:
    """Append *bodies* one by one, each by compare-and-swap; return how often somebody was faster."""
    lost = 0
    for body in bodies:
        for attempt in count():
            assert attempt < attempts, "no write was made for a very long time"
            stored = living(storage, stream)
            index = stored.length + 1
            write = Write(stream, stored.version, kept(stored.version + 1, index), (entry(index, body),))
            if list(storage.commit([write])) == [True]:
                break
            lost += 1
    return lost


@contextmanager
def patient(seconds: float) -> Iterator[None]:
    """Raise ``AssertionError`` in the main thread after *seconds*: a call that never returns has fallen.

    Where there are no such signals, or somebody else uses them, nothing is done.
    """
    alarm = getattr(signal, "SIGALRM", None)
    if alarm is None or current_thread() is not main_thread() or signal.getsignal(alarm) != signal.SIG_DFL:
        yield
        return

    def stuck(*_: object) -> None:
        raise AssertionError("a call never returned")

    signal.signal(alarm, stuck)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(alarm, signal.SIG_DFL)


def together(*jobs: Callable[[], object]) -> None:
    """Run *jobs* in one thread each; raise what the first that failed raised."""
    failures: list[BaseException] = []

    def guarded(job: Callable[[], object]) -> None:
        try:
            job()
        except BaseException as error:  # noqa: BLE001 -- raised again by the caller's thread
            failures.append(error)

    threads = [Thread(target=guarded, args=(job,), daemon=True) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT)
        assert not thread.is_alive(), "a call never returned"
    if failures:
        raise failures[0]


def in_step(*jobs: Callable[[Callable[[], object]], object]) -> None:
    """Run *jobs* together; each calls what it is given where all shall go on at the same moment.

    When one fails, the others end there; what it raised is raised.
    """
    barrier = Barrier(len(jobs))

    def guarded(job: Callable[[Callable[[], object]], object]) -> None:
        try:
            job(lambda: barrier.wait(WAIT))
        except BrokenBarrierError:
            return  # the one that failed says why
        except BaseException:
            barrier.abort()
            raise

    together(*(partial(guarded, job) for job in jobs))
