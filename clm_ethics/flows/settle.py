"""The one loop that owns concurrency: load, let every waiting verb act, commit, or do it again.

Verbs that wait for one stream are combined: one load, each acts in turn on the folded state,
one write with all their entries. Streams that wait together share one commit. Between
processes the conditional write arbitrates: who loses loads again and decides again, a bounded
number of times, then raises ``Busy``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from ..errors import (
    Busy,
    ClmError,
    LedgerError,
    SealBroken,
    StorageCorrupt,
    StorageUnavailable,
    VaultError,
)
from ..ledger import record as codec
from ..storage.contract import MAX_CALL, MAX_ENTRIES, Entry, Write
from . import effects, streams
from .book import Book, open_book, sealed_under

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from ..storage.contract import Head
    from .effects import Flow
    from .setting import Cached, Queued, Setting

T = TypeVar("T")

UNOPENED = (SealBroken, StorageCorrupt, VaultError, LedgerError)
"""What one customer's altered stream raises; the others are served all the same."""
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

    @property
    def came(self) -> tuple[Any, BaseException | None]:
        """What came of the last run: a result, or an error."""
        return self.result, self.error

    def outcome(self) -> Any:
        """Return the result, or raise the error."""
        if self.error is not None:
            raise self.error
        return self.result


class Doubt(NamedTuple):
    """A write of unknown outcome: its first entry, and what came of each verb that is in it."""

    entry: Entry
    came: dict[Job, tuple[Any, BaseException | None]]


class Work:
    """What is left to do of one call of :func:`settle`.

    Attributes:
        waiting: by stream, the verbs that are not done.
        doubts: by stream, the writes of which nobody knows whether they were made.
        queued: by stream, the queued entries that its write takes along, the same at each attempt:
            a write of unknown outcome may have taken them already.
    """

    def __init__(self, jobs: Iterable[Job]) -> None:
        self.waiting: dict[bytes, list[Job]] = {}
        self.doubts: dict[bytes, list[Doubt]] = {}
        self.queued: dict[bytes, Queued] = {}
        for job in jobs:
            self.waiting.setdefault(job.stream, []).append(job)

    def finish(self, stream: bytes) -> None:
        """All of *stream* is done, and what was queued for it is written."""
        for job in self.waiting.pop(stream):
            job.done = True
        self.queued.pop(stream, None)
        self.doubts.pop(stream, None)

    def fail(self, error: BaseException) -> None:
        """Nothing more can be done; a verb that may have been written is not told that it was not."""
        for stream in self.waiting:
            self._fail(stream, error)

    def fail_one(self, stream: bytes, error: BaseException) -> None:
        """*stream* cannot be opened: its verbs hear of it, and the others go on."""
        self._fail(stream, error)
        del self.waiting[stream]

    def _fail(self, stream: bytes, error: BaseException) -> None:
        doubtful = stream in self.doubts and getattr(error, "written", False) is not None
        for job in self.waiting[stream]:
            job.error, job.done = (_unknown(error) if doubtful else error), True

    def give_back(self, setting: Setting) -> None:
        """Queue again what was not written."""
        for stream, queued in self.queued.items():
            setting.give_back(stream, queued)


def act(stream: bytes, function: Callable[[Book], T]) -> Flow[T]:
    """Run *function* on the opened stream through the committer; return once it is durable."""
    done: T = yield from effects.submit(Job(stream, function))
    return done


def look(setting: Setting, stream: bytes) -> Flow[Book]:
    """Open a stream to look at it; nothing will be written."""
    key = setting.sealer(streams.key_stream(stream))
    if key is not None:  # nearly always the key is at hand, and the one that the state names
        head = yield from effects.load_one(stream)
        if sealed_under(head) == key.sealer.key_stream:
            book = _open(setting, stream, head, key)
            if not book.state.restored:
                return book
    books = yield from open_books(setting, (stream,))
    return books[stream]


def settle(setting: Setting, jobs: Iterable[Job]) -> Flow[None]:
    """Bring every job to its end. Whatever fails stays with the jobs; nothing is raised for one."""
    work = Work(jobs)
    try:
        yield from _attempts(setting, work)
    except Exception as error:  # noqa: BLE001  (each caller hears of it, and nobody else does)
        work.fail(error)
    finally:
        work.give_back(setting)


def _attempts(setting: Setting, work: Work) -> Flow[None]:
    outages = 0
    for attempt in range(ATTEMPTS):
        try:
            yield from _attempt(setting, work)
            outages = 0
        except StorageUnavailable:
            outages += 1
            if outages >= OUTAGES:
                raise
        if not work.waiting:
            return
        yield from effects.pause(_pause(setting, attempt))
    yield from _resolve(work)
    if work.waiting:
        raise Busy(
            "the customer's stream kept moving",
            place=f"{len(work.waiting)} streams after {ATTEMPTS} attempts",
            remedy="nothing was written; try again",
        )


def _attempt(setting: Setting, work: Work) -> Flow[None]:
    """Try once; whatever was settled leaves *work*."""
    yield from _resolve(work)
    if not work.waiting:
        return
    books = yield from open_each(setting, tuple(work.waiting))
    writes: dict[bytes, Write] = {}
    for stream, book in books.items():
        if not isinstance(book, Book):
            work.fail_one(stream, book)
            continue
        write = _run(setting, book, work)
        if write is not None:
            writes[stream] = write
    for batch in batches(writes):
        yield from _commit(batch, writes, work)


def _run(setting: Setting, book: Book, work: Work) -> Write | None:
    """Let the verbs act; return the write, if there is one."""
    stream = book.stream
    jobs = work.waiting[stream]
    start = book.mark()
    for job in jobs:
        job.run(book)
    if book.dirty or any(job.flush for job in jobs):
        if stream not in work.queued:
            work.queued[stream] = setting.take_queued(stream, MAX_ENTRIES - len(book.entries))
        _append_queued(book, work.queued[stream])
    if book.dirty:
        try:
            return book.write()
        except Exception:  # noqa: BLE001  (together it does not fit: each verb hears of its own)
            book.back_to(start)
            write = _one_by_one(book, jobs, work.queued.get(stream, {}))
            if write is not None:
                return write
    if stream in work.doubts:
        return None  # refused now; whether the earlier write was made is to be found out first
    work.finish(stream)
    return None


def _one_by_one(book: Book, jobs: Sequence[Job], queued: Queued) -> Write | None:
    """Let each verb act again, those with small events (a no) first; one that does not fit is refused."""
    _append_queued(book, queued)
    for job in sorted(jobs, key=lambda job: not _is_small(book, job)):
        place = book.mark()
        job.run(book)
        try:
            book.write()
        except Exception as error:  # noqa: BLE001  (it belongs to this verb's caller alone)
            book.back_to(place)
            job.error = error
    return book.write() if book.dirty else None


def _is_small(book: Book, job: Job) -> bool:
    place = book.mark()
    job.run(book)
    small = book.only_small
    book.back_to(place)
    return small


def _append_queued(book: Book, queued: Queued) -> None:
    from msgspec.structs import replace

    if book.sealer is None:
        return  # unknown or erased: nobody's story is left to tell
    for each in queued.values():
        event = each.event
        book.append(replace(event, at=max(event.at, book.state.at or event.at)))


def _commit(batch: Sequence[bytes], writes: dict[bytes, Write], work: Work) -> Flow[None]:
    try:
        made = yield from effects.commit([writes[stream] for stream in batch])
    except ValueError as error:  # over a limit of the contract, and nothing was touched
        yield from _commit_each(batch, writes, work, error)
        return
    except StorageUnavailable as error:
        if error.written is not False:
            for stream in batch:
                came = {job: job.came for job in work.waiting[stream]}
                work.doubts.setdefault(stream, []).append(Doubt(_first_entry(writes[stream]), came))
        raise
    for stream, was_made in zip(batch, made, strict=True):
        if was_made:
            work.finish(stream)


def _commit_each(
    batch: Sequence[bytes], writes: dict[bytes, Write], work: Work, error: ValueError
) -> Flow[None]:
    """Commit the writes of *batch* one by one: whoever is over a limit fails alone."""
    if len(batch) > 1:
        for stream in batch:
            yield from _commit((stream,), writes, work)
        return
    for job in work.waiting.pop(batch[0]):
        job.error, job.done = error, True


def _first_entry(write: Write) -> Entry:
    if write.entries:
        return write.entries[0]
    return Entry(0, b"", None)


def _resolve(work: Work) -> Flow[None]:
    """After an unknown outcome the stored entry's digest at our index decides."""
    for stream, doubts in list(work.doubts.items()):
        for doubt in doubts:
            entry = doubt.entry
            if not entry.index:
                continue
            found = yield from effects.entries(stream, entry.index - 1, 1)
            if found and found[0].index == entry.index and found[0].digest == entry.digest:
                for job, came in doubt.came.items():
                    job.result, job.error = came
                work.finish(stream)
                break


def _unknown(error: BaseException) -> StorageUnavailable:
    what = error.what if isinstance(error, ClmError) else type(error).__name__
    return StorageUnavailable(
        f"whether it was written is unknown ({what})",
        written=None,
        place="commit",
        remedy="tell it again with the same key=: what stands in the ledger is not written twice",
    )


def batches(writes: Mapping[bytes, Write]) -> list[list[bytes]]:
    """Split the writes so that no call is over the contract's limits."""
    batches: list[list[bytes]] = [[]]
    size = 0
    for stream, write in writes.items():
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
    missing = [stream for stream, key in cached.items() if key is None]
    if missing:
        heads = yield from _load_with_keys(setting, wanted, missing, cached)
    else:
        heads = yield from effects.load(wanted)
    books = {}
    for stream, head in zip(wanted, heads, strict=True):
        books[stream] = yield from _open_loaded(setting, stream, head, cached[stream])
    return books


def open_each(setting: Setting, wanted: Sequence[bytes]) -> Flow[dict[bytes, Book | Exception]]:
    """Load and open streams as ``open_books`` does; of one that does not open, return why."""
    found: dict[bytes, Book | Exception] = {}
    try:
        found.update((yield from open_books(setting, wanted)))
    except UNOPENED:  # one of them: each is asked alone, which only an altered storage ever costs
        for stream in wanted:
            try:
                found.update((yield from open_books(setting, (stream,))))
            except UNOPENED as error:
                found[stream] = error
    return found


def _open_loaded(setting: Setting, stream: bytes, head: Head | None, key: Cached | None) -> Flow[Book]:
    name = sealed_under(head)
    if name is not None and (key is None or key.sealer.key_stream != name):
        key = yield from _other_key(setting, stream, name)
    book = _open(setting, stream, head, key)
    if book.state.restored:
        # A no may have been told, and its floor raised, since the head was loaded.
        later = yield from effects.load_one(stream)
        book = _open(setting, stream, later, key)
    return book


def _load_with_keys(
    setting: Setting, wanted: Sequence[bytes], missing: list[bytes], cached: dict[bytes, Cached | None]
) -> Flow[Sequence[Head | None]]:
    """Return the heads; unwrap the keys of those that are *missing* into *cached*."""
    names = [streams.key_stream(stream) for stream in missing]
    if setting.split:
        heads = yield from effects.load(wanted)
        key_heads = yield from effects.load(names, effects.KEYS)
    else:
        both = yield from effects.load((*wanted, *names))
        heads, key_heads = both[: len(wanted)], both[len(wanted) :]
    for stream, name, key_head in zip(missing, names, key_heads, strict=True):
        if key_head is not None:
            cached[stream] = _unwrap(setting, stream, name, key_head)
    return heads


def _open(setting: Setting, stream: bytes, head: Head | None, key: Cached | None) -> Book:
    sealer, floor = (None, 0) if key is None else (key.sealer, key.floor)
    return open_book(setting, stream, head, sealer, floor)


def _other_key(setting: Setting, stream: bytes, name: bytes) -> Flow[Cached | None]:
    """Return the key that a head's state names, where it is not the one at hand."""
    if name == streams.key_stream(stream):
        return None  # it was asked for already, and is gone
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


__all__ = ["UNOPENED", "Book", "Job", "act", "batches", "codec", "look", "open_books", "open_each", "settle"]
