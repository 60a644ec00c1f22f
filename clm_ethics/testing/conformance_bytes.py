"""Guarantee 6: names that look alike, sizes at the edges, and the types that come back."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import TYPE_CHECKING, Final

import pytest

from clm_ethics.storage.contract import FIRST, MAX_ID, MAX_INT, MAX_PART, Entry, Head, Mark, Write
from clm_ethics.testing.conformance_tools import (
    create,
    entries,
    entry,
    head,
    kept,
    living,
    make,
    marked,
    story,
)

if TYPE_CHECKING:
    from clm_ethics.testing.conformance_tools import Connect

ALIKE: Final[dict[str, list[bytes]]] = {
    "case": [b"stream", b"Stream", b"STREAM", "stra\u00dfe".encode(), b"strasse", b"STRASSE"],
    "accents": ["\u00e9".encode(), "e\u0301".encode(), b"e", "\u00c9".encode(), "\u00e9".encode("latin-1")],
    "blanks": [b" ", b"  ", b"a", b"a ", b" a", b"a\t", b"a\n", b"a\r\n"],
    "zeros": [b"\x00", b"\x00\x00", b"z", b"z\x00", b"z\x00\x00", b"\x00z", b"z\x00z", b"z\x00y"],
    "numbers": [b"1", b"01", b"1.0", b"+1", b"0x1", b"\x01", b"1e0", b"-1", b"10", b"9"],
    "spellings": [b"a", b"61", b"\\x61", b"YQ==", b"b'a'", b"%61", b"&#97;", b"'a'", b'"a"'],
    "patterns": [b"%", b"_", b"*", b"?", b".*", b"[a]", b"a%", b"a_", b"ab", b"^a", b"$"],
    "keys": [
        b"s",
        b"s:1",
        b"s/1",
        b"s\x001",
        b"s.1",
        b"s|1",
        b"s#1",
        b"s" + bytes(7) + b"\x01",
        b"s1",
        b"s11",
    ],
    "bounds": [b"\x7f", b"\x80", b"\xff", b"\xff\xff", b"\x7f\xff", b"\x80\x00", b"\xfe\xff", b"\xff\x00"],
    "lengths": [b"p" * 30, b"p" * 31, b"p" * 32, b"p" * 33, b"p" * 55, b"p" * 56],
    "ends": [b"p" * (MAX_ID - 1) + bytes([last]) for last in (0, 1, 97, 65, 255)],
    "paths": [b".", b"..", b"/", b"a/b", b"a/../b", b"b", b"con", b"\\", b"a\\b", b"~"],
}
"""Names that something on the way to the disk takes for the same, or for the inside of each other."""

SIZES: Final = [
    1,
    127,
    128,
    255,
    256,
    4095,
    4096,
    4097,
    65_535,
    65_536,
    65_537,
    300_000,
    MAX_PART - 1,
    MAX_PART,
]


class _Bytes(bytes):
    """Bytes of a caller's own type."""

    __slots__ = ()


class Opaque:
    """Bytes come back as they went in."""

    @pytest.mark.parametrize("why", ALIKE)
    def test_06_opaque_names_alike(self, opens: Connect, why: str) -> None:
        """Names that look alike are different streams and different tokens, in everything that is done."""
        storage, names = opens(), ALIKE[why]
        writes = [
            Write(each, 0, head(n, 3, state=b"%d" % n, values=b"%d" % n, marks=[(each, n)]), entries(1, 3))
            for n, each in enumerate(names, start=1)
        ]
        make(storage, *writes)
        for n, each in enumerate(names, start=1):
            assert writes[n - 1].head == living(storage, each)
            assert [(n, each)] == marked(storage, each)
            assert list(entries(1, 3)) == story(storage, each)
        for n, each in enumerate(names, start=1):
            changed = head(1000 + n, 4, state=b"new", values=b"new", marks=[(each, 1000 + n)])
            make(storage, Write(each, n, changed, (entry(4, each),), (2,)))
            assert [(1000 + n, each)] == marked(storage, each)
            untouched = names[n:]
            assert [write.head for write in writes[n:]] == list(storage.load(untouched))
            for other in untouched:
                assert list(entries(1, 3)) == story(storage, other)
        for each in names:
            assert [b"body of 1", None, b"body of 3", each] == [read.body for read in story(storage, each)]

    @pytest.mark.parametrize("why", ALIKE)
    def test_10_deleting_one_of_those_alike(self, opens: Connect, why: str) -> None:
        """Deleting a stream leaves those whose names look like its own, with their marks."""
        storage, names = opens(), ALIKE[why]
        make(storage, *(Write(each, 0, head(1, marks=[(b"t", 1), (each, 2)])) for each in names))
        for n, each in enumerate(names, start=1):
            make(storage, Write(each, 1, None))
            rest = names[n:]
            assert [None] * n + [1] * len(rest) == [found and found.version for found in storage.load(names)]
            assert sorted((1, other) for other in rest) == marked(storage, b"t")
            assert [[]] * n + [[(2, other)] for other in rest] == [marked(storage, other) for other in names]

    def test_06_opaque_sizes(self, opens: Connect) -> None:
        """Parts and bodies of every size come back, whatever the size of their neighbours."""
        storage, random = opens(), Random(6)  # noqa: S311 -- the same bytes in every run
        for size in SIZES:
            data = random.randbytes(size)
            name = b"size%d" % size
            create(storage, name, Head(1, 1, b"", data, b"v", ()), Entry(1, b"", data[::-1]))
            make(storage, Write(name, 1, Head(2, 2, b"", b"s", data, None), (Entry(2, b"", b""),)))
            assert Head(2, 2, b"", b"s", data, ()) == living(storage, name)
            assert [Entry(1, b"", data[::-1]), Entry(2, b"", b"")] == story(storage, name)

    def test_06_opaque_every_byte(self, opens: Connect) -> None:
        """Each of the 256 bytes alone is a name, a token, a digest, a part and a body of its own."""
        storage = opens()
        every = [bytes([n]) for n in range(256)]
        make(
            storage,
            *(Write(each, 0, Head(1, 1, each, each, each, (Mark(each, 0),)), (Entry(1, each, each),))
              for each in every),
        )  # fmt: skip
        assert [Head(1, 1, each, each, each, (Mark(each, 0),)) for each in every] == list(storage.load(every))
        for each in every:
            assert [Entry(1, each, each)] == story(storage, each)
            assert [(0, each)] == marked(storage, each)

    def test_06_opaque_types(self, opens: Connect) -> None:
        """What comes back is what the contract names: heads, entries and marks of ``bytes`` and ``int``."""
        storage = opens()
        create(storage, b"s", head(1, 2, marks=[(b"t", 1), (b"u", 0)]), *entries(1, 2))
        make(storage, Write(b"s", 1, kept(2, 2), (), (1,)))
        loaded = storage.load([b"s"])
        pages = (storage.entries(b"s", after=0, limit=9), storage.find(b"t", until=9, after=FIRST, limit=9))
        assert [True] * 3 == [isinstance(each, Sequence) for each in (loaded, *pages)]
        stored = loaded[0]
        assert isinstance(stored, Head)
        assert [int, int, bytes, bytes, bytes, tuple] == [type(each) for each in stored]
        assert [(Mark, bytes, int)] * 2 == [
            (type(each), type(each.token), type(each.at)) for each in stored.marks or ()
        ]
        assert [(Entry, int, bytes, type(None)), (Entry, int, bytes, bytes)] == [
            (type(each), type(each.index), type(each.digest), type(each.body)) for each in pages[0]
        ]
        [found] = pages[1]
        assert isinstance(found, tuple)
        assert [int, bytes] == [type(each) for each in found]

    def test_06_opaque_bytes_of_another_type(self, opens: Connect) -> None:
        """A subclass of ``bytes`` is stored as the bytes that it is."""
        storage, data = opens(), _Bytes(b"\x00data")
        create(storage, data, Head(1, 1, data, data, data, (Mark(data, 1),)), Entry(1, data, data))
        reader, plain = opens(), bytes(data)
        assert Head(1, 1, plain, plain, plain, (Mark(plain, 1),)) == living(reader, plain)
        assert [Entry(1, plain, plain)] == story(reader, plain)
        assert [(1, plain)] == marked(reader, plain)

    def test_06_opaque_numbers(self, opens: Connect) -> None:
        """Versions and instants come back to the last bit, and instants sort as numbers."""
        storage = opens()
        numbers = sorted({1, 255, 256, *(each for bit in (15, 31, 32, 52, 53, 62) for each in
                          ((1 << bit) - 1, 1 << bit, (1 << bit) + 1)), MAX_INT - 1, MAX_INT})  # fmt: skip
        make(
            storage,
            *(Write(b"n%d" % n, 0, head(number, marks=[(b"t", number)])) for n, number in enumerate(numbers)),
        )
        assert numbers == [living(storage, b"n%d" % n).version for n in range(len(numbers))]
        assert [(number, b"n%d" % n) for n, number in enumerate(numbers)] == marked(storage, b"t", limit=3)
        for n, number in enumerate(numbers):
            assert n + 1 == len(marked(storage, b"t", until=number))

    def test_06_opaque_answers_are_the_callers(self, opens: Connect) -> None:
        """What a caller does to an answer changes nothing that is stored."""
        storage = opens()
        create(storage, b"s", head(1, 2, marks=[(b"t", 1)]), *entries(1, 2))
        for answer in (
            storage.load([b"s"]),
            storage.entries(b"s", after=0, limit=9),
            storage.find(b"t", until=9, after=FIRST, limit=9),
        ):
            if isinstance(answer, list):
                answer.clear()
        assert head(1, 2, marks=[(b"t", 1)]) == living(storage, b"s")
        assert (list(entries(1, 2)), [(1, b"s")]) == (story(storage, b"s"), marked(storage, b"t"))


__all__ = ["Opaque"]
