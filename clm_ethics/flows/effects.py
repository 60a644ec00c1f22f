"""What a flow may ask of the world. Four kinds: storage, keys, sources of the host, a pause.

A verb is written once, as a generator that yields effects through the typed helpers below;
two drivers perform them, one blocking, one awaiting. A fifth, :class:`Submit`, hands work on
one customer's stream to the steward's committer, which combines and queues.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, cast

if TYPE_CHECKING:
    from ..storage.contract import Entry, Head, Write
    from .settle import Job

T = TypeVar("T")

DATA = 0
"""The storage of customers, claims, policies and the log."""
KEYS = 1
"""The storage of keys and of the erasure register; by default the same."""


class Load(NamedTuple):
    """Load heads."""

    streams: Sequence[bytes]
    where: int


class Commit(NamedTuple):
    """Try writes."""

    writes: Sequence[Write]
    where: int


class Entries(NamedTuple):
    """Page entries of a stream."""

    stream: bytes
    after: int
    limit: int
    where: int


class Find(NamedTuple):
    """Page marks."""

    token: bytes
    until: int
    after: tuple[int, bytes]
    limit: int
    where: int


class Call(NamedTuple):
    """Call something of the host's that may take its time: a key provider, a source, a scrub."""

    function: Callable[..., Any]
    arguments: tuple[Any, ...]


class Pause(NamedTuple):
    """Wait, in seconds."""

    seconds: float


class Submit(NamedTuple):
    """Hand work on streams to the committer, and wait until it is durable; jobs hold what came of them."""

    jobs: Sequence[Job]


Effect = Load | Commit | Entries | Find | Call | Pause | Submit
Flow = Generator[Effect, Any, T]
"""A verb under way: yields effects, returns its answer."""


def load(streams: Sequence[bytes], where: int = DATA) -> Flow[Sequence[Head | None]]:
    """Return the heads of *streams*."""
    return cast("Sequence[Head | None]", (yield Load(streams, where)))


def load_one(stream: bytes, where: int = DATA) -> Flow[Head | None]:
    """Return the head of *stream*."""
    heads = cast("Sequence[Head | None]", (yield Load((stream,), where)))
    return heads[0]


def commit(writes: Sequence[Write], where: int = DATA) -> Flow[Sequence[bool]]:
    """Try *writes*; say which were made."""
    return cast("Sequence[bool]", (yield Commit(writes, where)))


def commit_one(write: Write, where: int = DATA) -> Flow[bool]:
    """Try one write; say whether it was made."""
    made = yield from commit((write,), where)
    return made[0]


def entries(stream: bytes, after: int, limit: int, where: int = DATA) -> Flow[Sequence[Entry]]:
    """Return entries after *after*."""
    return cast("Sequence[Entry]", (yield Entries(stream, after, limit, where)))


def find(
    token: bytes, until: int, after: tuple[int, bytes], limit: int, where: int = DATA
) -> Flow[Sequence[tuple[int, bytes]]]:
    """Return marks with *token* after *after*."""
    return cast("Sequence[tuple[int, bytes]]", (yield Find(token, until, after, limit, where)))


def find_all(
    token: bytes, until: int, where: int = DATA, page: int = 500
) -> Generator[Effect, Any, list[bytes]]:
    """Return the streams of every mark with *token* up to *until*, page by page."""
    from ..storage.contract import FIRST

    found: list[bytes] = []
    after = FIRST
    while True:
        batch = yield from find(token, until, after, page, where)
        if not batch:
            return found
        found += [stream for _, stream in batch]
        after = batch[-1]


def call(function: Callable[..., T], *arguments: Any) -> Flow[T]:
    """Call *function* of the host's with *arguments*."""
    return cast("T", (yield Call(function, arguments)))


def pause(seconds: float) -> Flow[None]:
    """Wait."""
    yield Pause(seconds)


def submit(job: Job) -> Flow[Any]:
    """Run *job* through the committer; return what it returned, or raise what it raised."""
    yield Submit((job,))
    return job.outcome()


def submit_all(jobs: Sequence[Job]) -> Flow[None]:
    """Run *jobs* through the committer together; raise what the first of them raised, if any did."""
    yield from run_all(jobs)
    for job in jobs:
        job.outcome()


def run_all(jobs: Sequence[Job]) -> Flow[None]:
    """Run *jobs* through the committer together; each keeps what came of it, and nothing is raised."""
    if jobs:
        yield Submit(jobs)
