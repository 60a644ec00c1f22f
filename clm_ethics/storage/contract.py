"""The storage contract: append-only streams, each with a head.

An adapter is a dumb, durable place for bytes. It never sees a policy, a customer or a key. One
storage object is called by many threads at once, and many may be open on one database, in one
process and in several. ``docs/storage-adapter.md`` builds a complete adapter, step by step; all
names that it needs are in :mod:`clm_ethics.storage`. The guarantees, each of which
``clm_ethics.testing.StorageConformance`` tests by number:

1.  **Atomic.** Each write of a call happens whole or not at all, entries and head together.
2.  **Conditional.** A write is made only if the head's version equals ``expected`` (0: the
    stream does not exist). Versions are compared for equality only; they need not grow.
3.  **Told.** ``commit`` says for each write, in order, whether it was made: a refusal is
    ``False``, never an error. Writes in one call are independent: one that is refused does not
    stop the others.
4.  **Linearizable per stream.** Once ``commit`` has returned, every later call from any
    thread or process sees it.
5.  **Durable.** What has been seen survives a crash of the process and a loss of power.
6.  **Opaque.** Bytes come back as they went in: empty, 0x00 and non-ASCII included.
7.  **Keeping.** In a head that is written, ``state``, ``values`` or ``marks`` = ``None``
    keeps what is stored. A write that creates a stream gives all three.
8.  **Entries** are numbered from 1 without a gap. ``entries`` returns those after ``after``
    in order, at most ``limit``, at least one unless the end is reached; of a stream that does
    not exist, none.
9.  **Forgetting.** ``forget`` names entries whose bodies go; index and digest stay.
10. **Deleting.** ``head = None`` deletes a stream of length 0; no later call returns it.
11. **Marks.** ``find`` returns ``(at, stream)`` of heads that carry the token with
    ``at <= until``, in that order, strictly after ``after``. A stream that carries the mark
    unchanged while somebody pages is returned; one that lost it meanwhile may be. ``until``
    is any integer.
12. **Checked.** Two writes for one stream in a call, entries that are not consecutive or do
    not end at ``head.length``, anything over a limit: ``ValueError``, before anything is
    touched. So is a question that names no possible stream or token, or asks for less than one
    entry or mark. :func:`check_writes`, :func:`check_token` and :func:`check_page` see to it.
    (Continuity with the *stored* head is the caller's duty. An adapter may check it, after
    the version, with a ``ValueError`` that undoes the call.)
13. **Contained.** Only ``StorageUnavailable``, ``StorageCorrupt`` and ``ValueError`` get out.
    ``StorageUnavailable.written`` is honest, and speaks for the whole call: ``False`` nothing
    of it is or will be there, ``True`` all of it is, ``None`` only loading can tell.
14. **Impatient.** An adapter retries nothing silently.

New abilities are new, optional protocols (:class:`Closable`, :class:`Scrubbable`, :class:`Joinable`,
:class:`Scannable`, :class:`Checkable`), asked for by protocol, never by type.
"""

from __future__ import annotations

# Imported for good: a serialiser asks for the types of the fields of `Write` when it runs.
from collections.abc import Sequence  # noqa: TC003 -- decoders of hosts read the annotations
from enum import StrEnum
from typing import NamedTuple, Protocol, runtime_checkable

MAX_ID = 64
"""Longest stream id, token and digest, in bytes."""
MAX_PART = 1 << 20
"""Longest body, state and values, in bytes."""
MAX_MARKS = 1024
"""Most marks of one head."""
MAX_WRITES = 1000
"""Most writes of one call."""
MAX_ENTRIES = 1000
"""Most entries of one write."""
MAX_FORGETS = 1000
"""Most forgotten indexes of one write."""
MAX_CALL = 16 << 20
"""Most bytes of one call."""
MAX_INT = (1 << 63) - 1
"""Largest version, length, index and time."""

COPYING = b"clm_ethics/copying/1"
"""The stream of a storage that is being copied into: while it is there, no steward opens it."""

FIRST: tuple[int, bytes] = (-1, b"")
"""Where paging with ``find`` starts."""


class Mark(NamedTuple):
    """A token by which ``find`` reaches a stream, and an instant.

    Attributes:
        token: 1 to 64 bytes, opaque.
        at: microseconds since 1970, UTC; 0 for plain look-ups.
    """

    token: bytes
    at: int


class Head(NamedTuple):
    """What is rewritten with every write to a stream.

    Attributes:
        version: chosen by the caller, different at every write, 1 to 2**63 - 1.
        length: how many entries the stream has.
        digest: at most 64 opaque bytes.
        state: small, or ``None`` in a write: keep what is stored.
        values: large, or ``None`` in a write: keep what is stored.
        marks: or ``None`` in a write: keep what is stored. Order carries no meaning: a
            loaded head has them sorted.
    """

    version: int
    length: int
    digest: bytes
    state: bytes | None
    values: bytes | None
    marks: tuple[Mark, ...] | None


class Entry(NamedTuple):
    """One link of a stream.

    Attributes:
        index: from 1.
        digest: at most 64 opaque bytes; stays when the body is forgotten.
        body: ``None`` once forgotten.
    """

    index: int  # type: ignore[assignment]  # the field, not the method of tuples
    digest: bytes
    body: bytes | None


class Write(NamedTuple):
    """One conditional change of one stream.

    Attributes:
        stream: its id, 1 to 64 bytes.
        expected: the version that the stored head must have; 0: the stream must not exist.
        head: the new head; ``None`` deletes the stream, which must have length 0.
        entries: to append; they end at ``head.length``.
        forget: indexes whose bodies go, none of them appended by this write.
    """

    stream: bytes
    expected: int
    head: Head | None
    entries: Sequence[Entry] = ()
    forget: Sequence[int] = ()


class Storage(Protocol):
    """A place for streams. See the module's docstring for the guarantees."""

    def load(self, streams: Sequence[bytes], /) -> Sequence[Head | None]:
        """Return the heads of *streams* in order, ``None`` for those that do not exist.

        A stream may be asked for twice. A loaded head is complete: nothing in it is ``None``.

        Raises:
            ValueError: an id is not 1 to 64 bytes.
            StorageUnavailable: the storage cannot be asked, or is closed (all four methods).
            StorageCorrupt: what is stored cannot be what was written (all four methods).
        """
        ...

    def commit(self, writes: Sequence[Write], /) -> Sequence[bool]:
        """Try every write and share one wait for durability; say which were made.

        Raises:
            ValueError: guarantee 12.
            StorageUnavailable: ``written`` speaks for the whole call.
        """
        ...

    def entries(self, stream: bytes, /, *, after: int, limit: int) -> Sequence[Entry]:
        """Return entries with an index above *after* (-1 or more), in order; empty only at the end."""
        ...

    def find(
        self, token: bytes, /, *, until: int, after: tuple[int, bytes], limit: int
    ) -> Sequence[tuple[int, bytes]]:
        """Return ``(at, stream)`` of the marks with *token* up to *until*, strictly after *after*.

        Paging starts with :data:`FIRST`, and goes on with the last pair of the page before.
        """
        ...


class AsyncStorage(Protocol):
    """The same four methods as coroutines, with the same guarantees."""

    async def load(self, streams: Sequence[bytes], /) -> Sequence[Head | None]:
        """See :meth:`Storage.load`."""
        ...

    async def commit(self, writes: Sequence[Write], /) -> Sequence[bool]:
        """See :meth:`Storage.commit`."""
        ...

    async def entries(self, stream: bytes, /, *, after: int, limit: int) -> Sequence[Entry]:
        """See :meth:`Storage.entries`."""
        ...

    async def find(
        self, token: bytes, /, *, until: int, after: tuple[int, bytes], limit: int
    ) -> Sequence[tuple[int, bytes]]:
        """See :meth:`Storage.find`."""
        ...


@runtime_checkable
class Scrubbable(Protocol):
    """A storage that can remove what was overwritten from its files."""

    def scrub(self) -> Sequence[str]:
        """Remove old pages, and say in plain words what was done and what could not be reached."""
        ...


class JoinedStorage(Storage, Protocol):
    """The four methods inside a transaction of the host's, on the host's own connection.

    What is written is durable, and seen by others, once the host has committed; if the host rolls
    back it was never there. Guarantees 4 and 5 are the host's transaction's. It is for one thread.

    Attributes:
        snapshot: loading may answer with what stood when the transaction began.
        waits: a call may wait for another transaction.
    """

    snapshot: bool
    waits: bool

    def enter(self) -> None:
        """Check that the host's connection leads here, is in a transaction, and will be durable.

        Raises:
            UsageError: it leads elsewhere, is in no transaction, or has settings that lose writes.
            StorageUnavailable: the transaction cannot write, or the database cannot be asked.
        """
        ...

    def savepoint(self) -> None:
        """Set a place to go back to; raises what :meth:`enter` raises if the transaction is over."""
        ...

    def release(self) -> None:
        """Keep what was written since :meth:`savepoint`, for the host to commit."""
        ...

    def undo(self) -> None:
        """Undo what was written since :meth:`savepoint`, and nothing of the host's; raises nothing."""
        ...

    def leave(self) -> None:
        """Put back what :meth:`enter` has set on the connection; the transaction goes on."""
        ...


class AsyncJoinedStorage(AsyncStorage, Protocol):
    """The same with coroutines. See :class:`JoinedStorage`."""

    snapshot: bool
    waits: bool

    async def enter(self) -> None:
        """See :meth:`JoinedStorage.enter`."""
        ...

    async def savepoint(self) -> None:
        """See :meth:`JoinedStorage.savepoint`."""
        ...

    async def release(self) -> None:
        """See :meth:`JoinedStorage.release`."""
        ...

    async def undo(self) -> None:
        """See :meth:`JoinedStorage.undo`."""
        ...

    async def leave(self) -> None:
        """See :meth:`JoinedStorage.leave`."""
        ...


@runtime_checkable
class Joinable(Protocol):
    """A storage that can write inside a transaction of the host's on the same database."""

    def joined(self, connection: object, /) -> JoinedStorage | AsyncJoinedStorage:
        """Bind the contract to the driver *connection* of the host's; nothing is asked of it yet.

        Raises:
            UsageError: it is no connection of this database's driver.
        """
        ...


@runtime_checkable
class Scannable(Protocol):
    """A storage that can list its streams: for copying, and for nothing on a hot path."""

    def scan(self, *, after: bytes, limit: int) -> Sequence[tuple[bytes, int]]:
        """Return (stream, version) in the order of the ids, strictly after *after* (``b""``: all).

        Fewer than *limit* may come, none only at the end. A stream that exists while somebody pages
        is returned once; one that is created or deleted meanwhile may be.
        """
        ...


@runtime_checkable
class AsyncScannable(Protocol):
    """The same as a coroutine. See :class:`Scannable`."""

    async def scan(self, *, after: bytes, limit: int) -> Sequence[tuple[bytes, int]]:
        """See :meth:`Scannable.scan`."""
        ...


class Level(StrEnum):
    """What a finding means."""

    OK = "ok"
    NOTE = "note"
    """It works; somebody should know."""
    FAULT = "fault"
    """Something is lost, refused or unsafe."""


class Finding(NamedTuple):
    """One thing that was looked at.

    Attributes:
        subject: ``schema``, ``permissions``, ``durability``, ``clock``, ``versions``, ``space`` ...
        level: what it means.
        text: what was found, in plain words.
        remedy: what to do; empty if there is nothing to do.
    """

    subject: str
    level: Level
    text: str
    remedy: str = ""


@runtime_checkable
class Checkable(Protocol):
    """A storage that can say whether it is in order; it reads, and changes nothing."""

    def check(self) -> Sequence[Finding]:
        """Look at schema, permissions, durability, clock, versions and space, each with a remedy."""
        ...


@runtime_checkable
class Closable(Protocol):
    """A storage that holds something open. Who opened a storage closes it."""

    def close(self) -> None:
        """Release files and connections; may be called twice."""
        ...


def check_writes(writes: Sequence[Write]) -> None:
    """Raise ``ValueError`` if *writes* break guarantee 12; every adapter calls this first."""
    if len(writes) > MAX_WRITES:
        raise ValueError(f"{len(writes)} writes in one call; at most {MAX_WRITES}")
    seen: set[bytes] = set()
    total = 0
    for write in writes:
        check_token(write.stream, "stream")
        if write.stream in seen:
            raise ValueError("two writes for one stream in one call")
        seen.add(write.stream)
        total += len(write.stream) + _check_write(write)
    if total > MAX_CALL:
        raise ValueError(f"{total} bytes in one call; at most {MAX_CALL}")


def check_token(token: object, what: str) -> None:
    """Raise ``ValueError`` unless *token* is 1 to 64 bytes."""
    if not isinstance(token, bytes) or not 1 <= len(token) <= MAX_ID:
        raise ValueError(f"a {what} is 1 to {MAX_ID} bytes")


def check_page(name: bytes, what: str, after: int, limit: int) -> None:
    """Raise ``ValueError`` unless a page of *name* (a *what*) can be asked for."""
    check_token(name, what)
    if not -1 <= after <= MAX_INT or not 1 <= limit <= MAX_INT:
        raise ValueError("paging starts at -1 or later, and a limit is at least 1")


def check_scan(after: object, limit: int) -> None:
    """Raise ``ValueError`` unless a page of streams after *after* can be asked for."""
    if not isinstance(after, bytes) or len(after) > MAX_ID or not 1 <= limit <= MAX_INT:
        raise ValueError(f"paging starts after at most {MAX_ID} bytes, and a limit is at least 1")


# Every write of every adapter passes here: few calls, for what is called once a commit is called cold.


def _check_write(write: Write) -> int:
    _, expected, head, entries, forget = write
    if not 0 <= expected <= MAX_INT:
        raise ValueError("an expected version is 0 to 2**63 - 1")
    if len(entries) > MAX_ENTRIES or len(forget) > MAX_FORGETS:
        raise ValueError(f"a write has at most {MAX_ENTRIES} entries and {MAX_FORGETS} forgets")
    if head is None:
        if entries or forget or expected == 0:
            raise ValueError("deleting a stream takes its version, and neither entries nor forgets")
        return 0
    total = _check_head(head, expected) + _check_entries(entries, head.length)
    first_new = head.length - len(entries) + 1
    for index in forget:
        if not 1 <= index < first_new:
            raise ValueError("forget names entries that are stored already")
    return total


def _check_head(head: Head, expected: int) -> int:
    version, length, digest, state, values, marks = head
    if not 1 <= version <= MAX_INT or version == expected:
        raise ValueError("a version is 1 to 2**63 - 1 and differs from the expected one")
    if not 0 <= length <= MAX_INT or not isinstance(digest, bytes) or len(digest) > MAX_ID:
        raise ValueError(f"a length is 0 to 2**63 - 1, a digest at most {MAX_ID} bytes")
    if expected == 0 and (state is None or values is None or marks is None):
        raise ValueError("a write that creates a stream gives state, values and marks")
    total = len(digest)
    for part in (state, values):
        if part is not None:
            # Bytes, not another buffer that could change later.
            if not isinstance(part, bytes) or len(part) > MAX_PART:
                raise ValueError(f"state and values have at most {MAX_PART} bytes each")
            total += len(part)
    return total + (_check_marks(marks) if marks else 0)


def _check_marks(marks: tuple[Mark, ...]) -> int:
    if len(marks) > MAX_MARKS:
        raise ValueError(f"a head has at most {MAX_MARKS} marks")
    if len({mark.token for mark in marks}) != len(marks):
        raise ValueError("a head carries a token once")
    for mark in marks:
        check_token(mark.token, "token")
        if not 0 <= mark.at <= MAX_INT:
            raise ValueError("a mark's instant is 0 to 2**63 - 1")
    return sum(len(mark.token) for mark in marks)


def _check_entries(entries: Sequence[Entry], length: int) -> int:
    total = 0
    expected = length - len(entries)
    for index, digest, body in entries:
        expected += 1
        if index != expected or index < 1:
            raise ValueError("entries are consecutive, numbered from 1, and end at head.length")
        if not isinstance(body, bytes) or len(body) > MAX_PART:
            raise ValueError(f"a body has at most {MAX_PART} bytes")
        if not isinstance(digest, bytes) or len(digest) > MAX_ID:
            raise ValueError(f"a digest has at most {MAX_ID} bytes")
        total += len(body) + len(digest)
    return total
