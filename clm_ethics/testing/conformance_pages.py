"""Guarantees 8 and 11: pages of any size, long streams, ties, and pages while others write."""

from __future__ import annotations

from itertools import product
from threading import Event
from typing import TYPE_CHECKING

import pytest

from clm_ethics.storage.contract import FIRST, MAX_ENTRIES, MAX_ID, MAX_INT, MAX_MARKS, Entry, Mark, Write
from clm_ethics.testing.conformance_tools import (
    create,
    entries,
    entry,
    head,
    kept,
    living,
    load,
    make,
    marked,
    story,
    together,
)

if TYPE_CHECKING:
    from clm_ethics.storage.contract import Storage
    from clm_ethics.testing.conformance_tools import Connect


class Pages:
    """What is read in pages is read whole, once and in order."""

    appends: int
    length = 70_000
    """How many entries the longest stream has: more than sixteen bits count. 1,000,000 takes minutes."""

    def test_08_entries_of_a_long_stream(self, opens: Connect) -> None:
        """A stream of ``length`` entries is read whole in pages, and from any place at once."""
        storage = opens()
        create(storage, b"s", head(1))
        for stored in range(0, self.length, MAX_ENTRIES):
            last = min(stored + MAX_ENTRIES, self.length)
            version = stored // MAX_ENTRIES + 1
            make(storage, Write(b"s", version, kept(version + 1, last), entries(stored + 1, last)))
        read, after = 0, 0
        while page := _page(storage, after, MAX_ENTRIES):
            assert [each.index for each in page] == list(range(after + 1, after + len(page) + 1))
            assert page[-1] == entries(page[-1].index, page[-1].index)[0]
            read, after = read + len(page), page[-1].index
        assert self.length == read == living(storage, b"s").length
        for place in (0, 1, self.length // 2, self.length - 3, self.length - 1):
            [first, *_] = storage.entries(b"s", after=place, limit=2)
            assert first == entry(place + 1, b"body of %d" % (place + 1))
        assert [] == list(storage.entries(b"s", after=self.length, limit=1))

    def test_08_entries_at_every_border(self, opens: Connect) -> None:
        """For every start and every limit the page begins right behind the start, and is never too long."""
        storage = opens()
        create(storage, b"s", head(1, 9), *entries(1, 9))
        for after, limit in product((-1, 0, 1, 4, 8, 9, 10, MAX_INT), (1, 2, 3, 8, 9, 10, MAX_INT)):
            page = list(storage.entries(b"s", after=after, limit=limit))
            start = max(after, 0)
            expected = list(entries(start + 1, min(start + limit, 9)))
            assert len(page) <= limit
            assert page == expected[: len(page)]
            assert bool(page) == bool(expected)

    def test_08_entries_in_writes_of_every_size(self, opens: Connect) -> None:
        """One write brings 1, 2, 500 or 1,000 entries, with bodies to forget or none, and all are there."""
        storage = opens()
        create(storage, b"s", head(1))
        version, last = 1, 0
        for size in (1, 2, 500, MAX_ENTRIES, 1):
            forget = range(1, min(last, 200) + 1)
            appended = entries(last + 1, last + size)
            make(storage, Write(b"s", version, kept(version + 1, last + size), appended, forget))
            version, last = version + 1, last + size
            assert [*range(1, last + 1)] == [each.index for each in story(storage, b"s", limit=333)]
        bodies = [each.body for each in story(storage, b"s")]
        assert [None] * 200 + [each.body for each in entries(201, last)] == bodies

    def test_08_entries_while_others_append(self, opens: Connect) -> None:
        """Who pages while others append and forget reads each entry once, in order, without a gap."""
        writing, reading, done = opens(), opens(), Event()
        create(writing, b"s", head(1, 200), *entries(1, 200))

        def write() -> None:
            try:
                for n in range(self.appends * 4):
                    index = 201 + n
                    make(writing, Write(b"s", n + 1, kept(n + 2, index), (entry(index),), (n + 1,)))
            finally:
                done.set()

        def read() -> None:
            while True:
                last_round = done.is_set()
                length = living(reading, b"s").length
                read = story(reading, b"s", limit=17)
                assert list(range(1, len(read) + 1)) == [each.index for each in read]
                assert len(read) >= length
                if last_round:
                    return

        together(write, read, read)

    def test_08_entries_after_refusals(self, opens: Connect) -> None:
        """Writes that were refused, or malformed, use up no number."""
        storage = opens()
        create(storage, b"s", head(1))
        for n in range(1, 9):
            assert [False] == list(storage.commit([Write(b"s", 99, kept(100, n), (entry(n, b"refused"),))]))
            malformed = Write(b"s", n, kept(n + 1, n), (entry(n + 1),))
            with pytest.raises(ValueError, match=r"."):
                storage.commit([malformed])
            make(storage, Write(b"s", n, kept(n + 1, n), (entry(n),)))
        assert [entry(n) for n in range(1, 9)] == story(storage, b"s")

    def test_08_entries_that_are_all_forgotten(self, opens: Connect) -> None:
        """Entries without bodies are entries: they are numbered, counted and paged like others."""
        storage = opens()
        create(storage, b"s", head(1, 50), *entries(1, 50))
        make(storage, Write(b"s", 1, kept(2, 50), (), range(1, 51)))
        expected = [Entry(each.index, each.digest, None) for each in entries(1, 50)]
        for limit in (1, 7, 50, 51):
            assert expected == story(storage, b"s", limit=limit)

    @pytest.mark.parametrize("limit", [1, 2, 7, 60, 61])
    def test_11_marks_at_one_instant(self, opens: Connect, limit: int) -> None:
        """Many streams with the same instant are paged by their names, each once, whatever the page."""
        storage = opens()
        edges = {b"z\x00", b"z", b"z\xff", b"\xff", b"\x7f", b"\x80", b"Z", b"\x00", b"\x00\x01", b"1" * 50}
        edges |= {b"p" * (MAX_ID - 9) + bytes([n]) for n in (0, 1, 97, 255)}  # alike for long
        names = sorted(edges | {b"%d" % n for n in range(50)})
        make(storage, *(Write(each, 0, head(1, marks=[(b"t", 7), (b"before", 6)])) for each in names[::-1]))
        assert [(7, each) for each in names] == marked(storage, b"t", limit=limit)
        assert [] == marked(storage, b"t", until=6, limit=limit)
        for n, each in enumerate(names):
            page = storage.find(b"t", until=7, after=(7, each), limit=limit)
            assert [(7, name) for name in names[n + 1 :]][:limit][: len(page)] == [tuple(row) for row in page]
            assert bool(page) == (n + 1 < len(names))

    def test_11_marks_at_every_border(self, opens: Connect) -> None:
        """``until`` is included, ``after`` is not, and neither need be an instant that is there."""
        storage = opens()
        carried = [(at, b"s%d%d" % (at, n)) for at in (0, 1, 5, 6, 100) for n in range(3)]
        make(storage, *(Write(name, 0, head(1, marks=[(b"t", at)])) for at, name in carried))
        starts = [
            FIRST,
            (0, b""),
            (0, b"\xff"),
            (1, b"s11"),
            (3, b"x"),
            (5, b""),
            (6, b"s62"),
            (100, b"s102"),
        ]
        for until, after, limit in product((0, 1, 4, 5, 99, 100, MAX_INT), starts, (1, 2, 100)):
            expected = [each for each in carried if after < each and each[0] <= until]
            page = [tuple(each) for each in storage.find(b"t", until=until, after=after, limit=limit)]
            assert len(page) <= limit
            assert page == expected[: len(page)]
            assert bool(page) == bool(expected)

    def test_11_marks_until_the_last_bit(self, opens: Connect) -> None:
        """``until`` and ``after`` are compared exactly, also where two instants are the same as floats."""
        storage = opens()
        carried = [
            (at + n, b"s%d" % n) for at in (1 << 31, 1 << 32, 1 << 53, 1 << 62, MAX_INT - 2) for n in range(3)
        ]
        make(storage, *(Write(b"%d" % at, 0, head(1, marks=[(b"t", at)])) for at, _ in carried))
        instants = [at for at, _ in carried]
        for n, at in enumerate(instants):
            assert instants[: n + 1] == [each for each, _ in marked(storage, b"t", until=at)]
            page = storage.find(b"t", until=1 << 63, after=(at, b"%d" % at), limit=99)
            assert instants[n + 1 :] == [each for each, _ in page]

    def test_11_marks_on_every_place(self, opens: Connect) -> None:
        """Each of the 1,024 marks of a head is found, whichever place it has among them."""
        storage = opens()
        marks = [(b"%04d" % n, n) for n in range(MAX_MARKS)]
        make(storage, Write(b"s", 0, head(1, marks=marks[::-1])))
        for token, at in marks[:: MAX_MARKS // 32] + marks[-2:]:
            assert [(at, b"s")] == marked(storage, token)

    def test_11_marks_that_are_written_again(self, opens: Connect) -> None:
        """A mark that is given again, in any order, is found once; one that moves is found where it went."""
        storage = opens()
        given = [(b"c", 1), (b"a", 9), (b"b", 0), (b"B", 0)]
        create(storage, b"s", head(1, marks=given))
        for version in range(1, 12):
            given = given[1:] + given[:1]
            at = version % 3
            given = [(token, at if token == b"c" else when) for token, when in given]
            make(storage, Write(b"s", version, head(version + 1, marks=given)))
            assert [[(9, b"s")], [(0, b"s")], [(0, b"s")], [(at, b"s")]] == [
                marked(storage, token, limit=1) for token in (b"a", b"b", b"B", b"c")
            ]
            assert tuple(Mark(*each) for each in sorted(given)) == living(storage, b"s").marks

    def test_11_marks_handed_over_in_a_group(self, opens: Connect) -> None:
        """In one call a mark goes from stream to stream, at the same instant; each is found with its own."""
        storage, names = opens(), [b"a", b"b", b"c"]
        make(storage, *(Write(each, 0, head(1, marks=[(b"t", 5)][: each == b"a"])) for each in names))
        for step in range(1, 7):
            before, after = names[(step - 1) % 3], names[step % 3]
            given = [
                Write(before, step, head(step + 1)),
                Write(after, step, head(step + 1, marks=[(b"t", 5)])),
            ]
            third = names[(step + 1) % 3]
            group = [*given[:: 1 if step % 2 else -1], Write(third, step, kept(step + 1))]
            make(storage, *group)
            assert [(5, after)] == marked(storage, b"t")
            assert [each == after for each in names] == [
                bool(each and each.marks) for each in storage.load(names)
            ]

    def test_11_marks_of_tokens_that_begin_alike(self, opens: Connect) -> None:
        """A token finds its own marks only, not those of a token that begins or ends like it."""
        storage = opens()
        tokens = [
            b"t",
            b"tt",
            b"t\x00",
            b"t\x00\x00",
            b"\x00t",
            b"T",
            b"t ",
            b"t" * MAX_ID,
            b"t" * (MAX_ID - 1),
        ]
        make(storage, *(Write(b"s%d" % n, 0, head(1, marks=[(each, n)])) for n, each in enumerate(tokens)))
        make(storage, Write(b"all", 0, head(1, marks=[(each, 50) for each in tokens])))
        for n, each in enumerate(tokens):
            assert [(n, b"s%d" % n), (50, b"all")] == marked(storage, each, limit=1)
        make(storage, Write(b"all", 1, head(2, marks=[(b"t", 50)])))
        assert [1 + (each == b"t") for each in tokens] == [len(marked(storage, each)) for each in tokens]

    def test_11_marks_while_others_write(self, opens: Connect) -> None:
        """Who pages while others mark, move and delete finds every unchanged mark once; nobody waits."""
        writing, reading, done = opens(), opens(), Event()
        still = [(n * 10, b"still%02d" % n) for n in range(40)]
        make(writing, *(Write(name, 0, head(1, marks=[(b"t", at)])) for at, name in still))

        def write() -> None:
            try:
                for n in range(self.appends * 4):
                    name = b"moving%d" % (n % 5)
                    self._move(writing, name, n)
            finally:
                done.set()

        def read() -> None:
            while True:
                last_round = done.is_set()
                found = marked(reading, b"t", limit=7)
                assert still == [each for each in found if each[1].startswith(b"still")]
                assert sorted(set(found)) == found
                if last_round:
                    return

        together(write, read, read)

    def _move(self, writing: Storage, name: bytes, step: int) -> None:
        stored = load(writing, name)
        if stored is None:
            create(writing, name, head(1000 + step, marks=[(b"t", step * 7 % 400)]))
        elif step % 4 == 0:
            make(writing, Write(name, stored.version, None))
        else:
            moved = head(stored.version + 1, marks=[(b"t", step * 37 % 400)])
            make(writing, Write(name, stored.version, moved))


def _page(storage: Storage, after: int, limit: int) -> list[Entry]:
    """Read one page of the long stream."""
    page = list(storage.entries(b"s", after=after, limit=limit))
    assert len(page) <= limit
    return page


__all__ = ["Pages"]
