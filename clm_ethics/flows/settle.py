"""The one loop that owns concurrency: load, let every waiting verb act, commit, or do it again.

Verbs that wait for one stream are combined: one load, each acts in turn on the folded state,
one write with all their entries. Streams that wait together share one commit. Between
processes the conditional write arbitrates: who loses loads again and decides again, a bounded
number of times, then raises ``Busy``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from ..errors import Busy, ClmError, StorageUnavailable
from ..ledger import record as codec
from ..storage.contract import MAX_CALL, MAX_ENTRIES, Entry, Write
from . import effects, streams
from .book import Book, open_book, sealed_under

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from ..storage.contract import Head
    from .effects import Flow
    from .setting import Cached, Setting

T = TypeVar("T")

ATTEMPTS = 12
"""How often a verb acts before it gives up as ``Busy``."""
OUTAGES = 3
"""How many failed calls in a row a batch survives when nothing was written."""
FIRST_PAUSE = 0.002
"""Seconds of the first pause after a conflict; it doubles, and is jittered."""
MOST_PAUSE = 0.25
"""Longest pause, in seconds."""
JOBS_AT_ONCE = 900
"""Most verbs acting in one write: each may bring an entry and queued ones beside."""


class Job:
    """One verb's work on one stream: a function of the opened book, run again after a conflict."""

    __slots__ = ("act", "done", "error", "flush", "result", "stream", "waiter")

    def __init__(self, stream: bytes, act: Callable[[Book], Any], *, flush: bool = False) -> None:
        self.stream = stream
        self.act = act
        self.flush = flush
        self.done = False
        self.result: Any = None
        self.error: BaseException | None = None
        self.waiter: Any = None

    def run(self, book: Book) -> None:
        """Act on *book*; a refusal undoes what this verb did and leaves the others alone."""
        place = book.mark()
        self.error = None
        try:
            self.result = self.act(book)
        except Exception as error:  # noqa: BLE001  (it belongs to this verb's caller alone)
            book.back_to(place)
            self.error = error

    def outcome(self) -> Any:
        """Return the result, or raise the error."""
        if self.error is not None:
            raise self.error
        return self.result


def act(stream: bytes, function: Callable[[Book], T]) -> Flow[T]:
    """Run *function* on the opened stream through the committer; return once it is durable."""
    done: T = yield from effects.submit(Job(stream, function))
    return done


def look(setting: Setting, stream: bytes) -> Flow[Book]:
    """Open a stream to look at it; nothing will be written."""
    books = yield from open_books(setting, (stream,))
    return books[stream]


def settle(setting: Setting, jobs: Iterable[Job]) -> Flow[None]:
    """Bring every job to its end. Errors of a job stay with it; this never raises for one."""
    waiting: dict[bytes, list[Job]] = {}
    for job in jobs:
        waiting.setdefault(job.stream, []).append(job)
    try:
        yield from _attempts(setting, waiting)
    except ClmError as error:
        _fail((job for each in waiting.values() for job in each), error)


def _attempts(setting: Setting, waiting: dict[bytes, list[Job]]) -> Flow[None]:
    doubtful: dict[bytes, list[Entry]] = {}
    outages = 0
    for attempt in range(ATTEMPTS):
        try:
            yield from _attempt(setting, waiting, doubtful)
            outages = 0
        except StorageUnavailable as error:
            outages += 1
            if outages >= OUTAGES:
                raise
            if error.written is True:  # pragma: no cover - ``commit`` returns then
                raise
        if not waiting:
            return
        yield from effects.pause(_pause(setting, attempt))
    raise Busy(
        "the customer's stream kept moving",
        place=f"{len(waiting)} streams after {ATTEMPTS} attempts",
        remedy="nothing was written; try again",
    )


def _attempt(
    setting: Setting, waiting: dict[bytes, list[Job]], doubtful: dict[bytes, list[Entry]]
) -> Flow[None]:
    """Try once; whatever was settled leaves *waiting*."""
    yield from _resolve(waiting, doubtful)
    if not waiting:
        return
    books = yield from open_books(setting, tuple(waiting))
    writes: dict[bytes, tuple[Write, dict[Any, Any]]] = {}
    for stream, jobs in list(waiting.items()):
        write, queued = _run(setting, books[stream], jobs)
        if write is None:
            _finish(waiting.pop(stream))
        else:
            writes[stream] = (write, queued)
    for batch in _batches(writes):
        yield from _commit(setting, batch, writes, waiting, doubtful)


def _run(setting: Setting, book: Book, jobs: list[Job]) -> tuple[Write | None, dict[Any, Any]]:
    """Let the verbs act; return the write, if there is one, and the queued entries in it."""
    for job in jobs:
        job.run(book)
    queued: dict[Any, Any] = {}
    if book.dirty or any(job.flush for job in jobs):
        queued = setting.take_queued(book.stream)
        _append_queued(book, queued)
    if not book.dirty:
        return None, {}
    try:
        return book.write(), queued
    except Exception as error:  # noqa: BLE001  (nothing of this stream is written, and each verb hears why)
        setting.give_back(book.stream, queued)
        _fail(jobs, error)
        return None, {}


def _append_queued(book: Book, queued: dict[Any, Any]) -> None:
    from msgspec.structs import replace

    if book.sealer is None:
        return  # unknown or erased: nobody's story is left to tell
    only_noes = book.only_noes
    for event in queued.values():
        if len(book.entries) < MAX_ENTRIES:
            book.append(replace(event, at=max(event.at, book.state.at or event.at)))
    book.only_noes = only_noes and len(book.entries) > len(queued)


def _commit(
    setting: Setting,
    batch: Sequence[bytes],
    writes: dict[bytes, tuple[Write, dict[Any, Any]]],
    waiting: dict[bytes, list[Job]],
    doubtful: dict[bytes, list[Entry]],
) -> Flow[None]:
    try:
        made = yield from effects.commit([writes[stream][0] for stream in batch])
    except StorageUnavailable as error:
        for stream in batch:
            setting.give_back(stream, writes[stream][1])
            if error.written is None:
                doubtful.setdefault(stream, []).append(_first_entry(writes[stream][0]))
        raise
    for stream, was_made in zip(batch, made, strict=True):
        if was_made:
            _finish(waiting.pop(stream))
            doubtful.pop(stream, None)
        else:
            setting.give_back(stream, writes[stream][1])


def _first_entry(write: Write) -> Entry:
    if write.entries:
        return write.entries[0]
    return Entry(0, b"", None)


def _resolve(waiting: dict[bytes, list[Job]], doubtful: dict[bytes, list[Entry]]) -> Flow[None]:
    """After an unknown outcome the stored entry's digest at our index decides."""
    for stream, tried in list(doubtful.items()):
        if stream not in waiting:
            continue
        for entry in tried:
            if not entry.index:
                continue
            found = yield from effects.entries(stream, entry.index - 1, 1)
            if found and found[0].index == entry.index and found[0].digest == entry.digest:
                _finish(waiting.pop(stream))
                break


def _finish(jobs: Iterable[Job]) -> None:
    for job in jobs:
        job.done = True


def _fail(jobs: Iterable[Job], error: BaseException) -> None:
    for job in jobs:
        if not job.done:
            job.error = error if job.error is None else job.error
            job.done = True


def _batches(writes: dict[bytes, tuple[Write, dict[Any, Any]]]) -> list[list[bytes]]:
    """Split the writes so that no call is over the contract's limits."""
    batches: list[list[bytes]] = [[]]
    size = 0
    for stream, (write, _) in writes.items():
        weight = _weight(write)
        if batches[-1] and (size + weight > MAX_CALL - 4096 or len(batches[-1]) >= JOBS_AT_ONCE):
            batches.append([])
            size = 0
        batches[-1].append(stream)
        size += weight
    return [batch for batch in batches if batch]


def _weight(write: Write) -> int:
    head = write.head
    parts = (
        0 if head is None else len(head.state or b"") + len(head.values or b"") + 64 * len(head.marks or ())
    )
    return 256 + parts + sum(128 + len(entry.body or b"") for entry in write.entries)


def _pause(setting: Setting, attempt: int) -> float:
    longest: float = min(FIRST_PAUSE * 2**attempt, MOST_PAUSE)
    return longest * (0.5 + int.from_bytes(setting.random(2), "big") / 131072)


def open_books(setting: Setting, wanted: Sequence[bytes]) -> Flow[dict[bytes, Book]]:
    """Load and open streams: one call for the heads and those keys that are not at hand."""
    cached = {stream: setting.sealer(streams.key_stream(stream)) for stream in wanted}
    missing = [stream for stream in wanted if cached[stream] is None]
    names = [streams.key_stream(stream) for stream in missing]
    if setting.split:
        heads = yield from effects.load(wanted)
        key_heads = (yield from effects.load(names, effects.KEYS)) if names else ()
    else:
        both = yield from effects.load((*wanted, *names))
        heads, key_heads = both[: len(wanted)], both[len(wanted) :]
    for stream, name, key_head in zip(missing, names, key_heads, strict=True):
        if key_head is not None:
            cached[stream] = _unwrap(setting, stream, name, key_head)
    books = {}
    for stream, head in zip(wanted, heads, strict=True):
        key = yield from _right_key(setting, stream, head, cached[stream])
        sealer, floor = (None, 0) if key is None else (key.sealer, key.floor)
        books[stream] = open_book(setting, stream, head, sealer, floor)
    return books


def _right_key(
    setting: Setting, stream: bytes, head: Head | None, cached: Cached | None
) -> Flow[Cached | None]:
    """Return the key that the head's state names: usually the one at hand."""
    name = sealed_under(head)
    if name is None or (cached is not None and cached.sealer.key_stream == name):
        return cached
    if name == streams.key_stream(stream):
        return cached
    at_hand = setting.sealer(name)
    if at_hand is not None:
        return at_hand
    key_head = yield from effects.load_one(name, effects.KEYS)
    return None if key_head is None else _unwrap(setting, stream, name, key_head)


def _unwrap(setting: Setting, stream: bytes, name: bytes, key_head: Head) -> Cached:
    from ..vault.sealing import Sealer

    key = setting.tenant_keys.data_key(key_head.state or b"", name)
    sealer = Sealer(key, tenant=setting.tenant, stream=stream, key_stream=name, random=setting.random)
    floor = int.from_bytes((key_head.values or b"")[:8], "big")
    return setting.remember(name, sealer, floor)


__all__ = ["Book", "Job", "act", "codec", "look", "open_books", "settle"]
