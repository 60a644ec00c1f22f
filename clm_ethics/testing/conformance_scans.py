"""Guarantees 4, 10, 12 and 13 for ``scan``, and 1 for calls of a coroutine that is cancelled.

Both are for storages that have them: a storage that lists no streams, or blocks, has nothing to show.
"""

from __future__ import annotations

from functools import partial
from threading import Event
from typing import TYPE_CHECKING, Any

import pytest

from clm_ethics.errors import StorageUnavailable, UsageError
from clm_ethics.storage.contract import MAX_ID, Closable, Mark, Scannable, Write
from clm_ethics.testing.blocking import Blocking
from clm_ethics.testing.conformance_tools import (
    close,
    create,
    entries,
    head,
    kept,
    load,
    make,
    marked,
    story,
    together,
)

if TYPE_CHECKING:
    from clm_ethics.storage.contract import AsyncStorage, Storage
    from clm_ethics.testing.conformance_tools import Connect

EDGES = (b"\x00", b"a", b"a\x00", b"aa", b"b", b"A", b"\x7f", b"\x80", b"\xff", b"\xff\x00")
STEPS = (0, 1, 2, 3, 5, 8, 20, 60)


class Scanning:
    """What a storage that lists its streams lists."""

    appends: int

    @pytest.mark.parametrize("limit", [1, 2, 7, 30, 31, 1000])
    def test_04_scanning_lists_every_stream(self, opens: Connect, limit: int) -> None:
        """Every stream is listed once, in the order of the ids, with the version that it has now."""
        storage, other = opens(), opens()
        if not scans(storage):
            return
        names = sorted({*EDGES, *(b"n%d" % n for n in range(20))})
        make(storage, *(Write(each, 0, head(n, marks=[(b"t", n)])) for n, each in enumerate(names, 1)))
        assert list(enumerate(names, 1)) == [(version, name) for name, version in listed(other, limit)]
        make(other, *(Write(each, n, kept(1000 + n)) for n, each in enumerate(names, 1)))
        expected = [(each, 1000 + n) for n, each in enumerate(names, 1)]
        for n, name in enumerate(names):
            page = scan(storage, name, limit)
            assert page == expected[n + 1 :][: len(page)]
            assert len(page) <= limit
            assert bool(page) == (n + 1 < len(names))

    def test_04_scanning_while_others_write(self, opens: Connect) -> None:
        """A stream that is there all the time is listed once, whatever is created and deleted beside it."""
        writing, reading, done = opens(), opens(), Event()
        if not scans(reading):
            return
        still = [b"still%02d" % n for n in range(25)]
        make(writing, *(Write(each, 0, head(1)) for each in still))

        def write() -> None:
            try:
                for n in range(self.appends * 2):
                    name = (b"a%d", b"still1%d", b"z%d")[n % 3] % (n % 7 + 100)
                    create(writing, name, head(n + 1))
                    make(writing, Write(name, n + 1, None))
            finally:
                done.set()

        def read() -> None:
            while True:
                last_round = done.is_set()
                names = [name for name, _ in listed(reading, 7)]
                assert still == [name for name in names if name in still]
                assert sorted(set(names)) == names
                if last_round:
                    return

        together(write, read)

    def test_10_deleting_ends_the_listing(self, opens: Connect) -> None:
        """A deleted stream is not listed, to nobody; created again, it has its new version."""
        storage, other = opens(), opens()
        if not scans(storage):
            return
        make(storage, *(Write(each, 0, head(1)) for each in (b"a", b"b", b"c")))
        make(storage, Write(b"b", 1, None), Write(b"c", 1, None))
        create(other, b"c", head(7))
        for each in (storage, other, opens()):
            assert [(b"a", 1), (b"c", 7)] == listed(each, 1)

    def test_12_checked_scanning(self, opens: Connect) -> None:
        """A listing that begins nowhere, or asks for nothing, is a ``ValueError``."""
        storage = opens()
        if not scans(storage):
            return
        create(storage, b"s", head(1))
        after: Any
        for after, limit in (
            (b"", 0),
            (b"", -1),
            (b"x" * (MAX_ID + 1), 1),
            ("s", 1),
            (None, 1),
            (b"", 1 << 63),
        ):
            with pytest.raises(ValueError, match=r"."):
                scan(storage, after, limit)

    def test_13_contained_scanning_after_closing(self, opens: Connect) -> None:
        """A storage that was closed lists nothing, and says so."""
        storage = opens()
        if scans(storage) and isinstance(storage, Closable):
            close(storage)
            with pytest.raises(StorageUnavailable) as caught:
                scan(storage, b"", 1)
            assert caught.value.written is False


class Cancelled:
    """What becomes of a coroutine's call whose caller gives up."""

    def test_01_atomic_when_cancelled(self, opens: Connect) -> None:
        """Cancelled at any step, each write is whole or absent, what is told is so, and work goes on."""
        storage, other = opens(), opens()
        if not isinstance(storage, Blocking):
            return
        for n, steps in enumerate(STEPS):
            names = [b"%d/%d" % (n, each) for each in range(3)]
            tokens = [b"of " + each for each in names]
            writes = [
                Write(name, 0, head(1, 3, marks=[(token, n)]), entries(1, 3))
                for name, token in zip(names, tokens, strict=True)
            ]
            told = storage.interrupted(partial(commit, writes=writes), steps)
            assert told is None or list(told) == [True] * 3, "told as refused, and nobody else writes"
            for name, token in zip(names, tokens, strict=True):
                stored = load(other, name)
                assert stored in (None, head(1, 3, marks=[(token, n)]))
                if stored is not None:
                    assert list(entries(1, 3)) == story(other, name)
                    assert [(n, name)] == marked(other, token)
                    assert (Mark(token, n),) == stored.marks
                assert told is None or stored is not None
            create(storage, b"after %d" % n, head(1))


async def commit(storage: AsyncStorage, writes: list[Write]) -> Any:
    """Commit; a function of its own, so that its cancellation can be aimed at."""
    return await storage.commit(writes)


def scans(storage: Storage) -> bool:
    """Tell whether *storage* lists its streams; what wraps another one finds out by asking it."""
    if not isinstance(storage, Scannable):
        return False
    try:
        storage.scan(after=b"", limit=1)
    except UsageError:
        return False
    return True


def scan(storage: object, after: Any, limit: int) -> list[tuple[bytes, int]]:
    """Return one page."""
    assert isinstance(storage, Scannable)
    return [(name, version) for name, version in storage.scan(after=after, limit=limit)]


def listed(storage: object, limit: int) -> list[tuple[bytes, int]]:
    """Return all that *storage* lists, page by page."""
    found: list[tuple[bytes, int]] = []
    while page := scan(storage, found[-1][0] if found else b"", limit):
        assert len(page) <= limit
        assert page[0][0] > (found[-1][0] if found else b""), "a page began at its `after`, or before"
        found.extend(page)
    return found


__all__ = ["Cancelled", "Scanning"]
