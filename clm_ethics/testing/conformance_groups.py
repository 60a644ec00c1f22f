"""Guarantees 1, 2, 3 and 14 for groups of writes, and for numbers and types that look alike."""

from __future__ import annotations

from functools import partial
from itertools import combinations
from random import Random
from threading import Barrier
from typing import TYPE_CHECKING, Any, Final

import pytest

from clm_ethics.storage.contract import FIRST, MAX_INT, Entry, Head, Mark, Write
from clm_ethics.testing.conformance_tools import (
    WAIT,
    close,
    create,
    entries,
    entry,
    head,
    in_step,
    kept,
    living,
    load,
    make,
    marked,
    story,
    together,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from clm_ethics.storage.contract import Storage
    from clm_ethics.testing.conformance_tools import Connect

NEAR: Final = [1, 2, 1 << 8, 1 << 16, 1 << 31, (1 << 32) + 1, 1 << 53, (1 << 53) + 1, MAX_INT - 1, MAX_INT]
"""Versions that an adapter mistakes for each other if it keeps them in too few bits, or as a float."""


class Groups:
    """What a call with several writes makes of each."""

    writers: int
    appends: int

    @pytest.mark.parametrize("size", [2, 10, 100])
    def test_01_atomic_in_a_group(self, opens: Connect, size: int) -> None:
        """Of a group in which some are refused, each write is there with all its parts, or with none."""
        storage, other = opens(), opens()
        names = [b"g%03d" % n for n in range(size)]
        make(storage, *(Write(each, 0, self._group_head(each, 0), entries(1, 3)) for each in names))
        stale = set(_random(size).sample(names, size // 2))
        writes = [
            Write(each, 9 if each in stale else 1, self._group_head(each, 1), entries(4, 5), (1, 3))
            for each in names
        ]
        assert [each not in stale for each in names] == list(storage.commit(writes))
        for each in names:
            after = each not in stale
            expected = self._group_head(each, int(after))
            bodies = [each.body for each in entries(1, 5 if after else 3)]
            if after:
                bodies[0] = bodies[2] = None
            for reader in (storage, other):
                assert expected == living(reader, each)
                assert bodies == [read.body for read in story(reader, each)]
                assert ([(1, each)], []) == tuple(
                    marked(reader, b"%d of " % (after if now else not after) + each) for now in (True, False)
                )

    def test_01_atomic_a_refused_creation(self, opens: Connect) -> None:
        """A creation that is refused leaves nothing: no entry, no mark, no forgotten body, no value."""
        storage = opens()
        create(storage, b"s", head(5, 2, marks=[(b"t", 1)]), *entries(1, 2))
        refused = Write(b"s", 0, head(7, 3, state=b"x", values=b"y", marks=[(b"u", 2)]), (entry(3),), (1, 2))
        deleted = Write(b"gone", 5, None)
        absent = Write(b"absent", 5, head(7, 1, marks=[(b"u", 2)]), (entry(1),))
        assert [False] * 3 == list(storage.commit([refused, deleted, absent]))
        for each in (storage, opens()):
            assert head(5, 2, marks=[(b"t", 1)]) == living(each, b"s")
            assert list(entries(1, 2)) == story(each, b"s")
            assert [] == marked(each, b"u")
            assert [None, None] == list(each.load([b"gone", b"absent"]))
            assert [] == story(each, b"absent")

    @pytest.mark.parametrize("stored", NEAR)
    def test_02_conditional_on_every_bit(self, opens: Connect, stored: int) -> None:
        """Versions that differ in one bit only, or by one, are different."""
        storage = opens()
        create(storage, b"s", head(stored))
        others = {each for bit in range(63) if (each := stored ^ (1 << bit))} | {*NEAR, stored - 1}
        for expected in sorted(others - {stored, MAX_INT + 1}):
            version = 3 if expected != 3 else 5
            assert [False] == list(storage.commit([Write(b"s", expected, head(version))])), expected
        assert stored == living(storage, b"s").version
        make(storage, Write(b"s", stored, head(stored ^ 4 or 1)))

    def test_02_conditional_one_of_each_kind(self, opens: Connect) -> None:
        """Of a writer, a deleter and a creator who meet, those win who fit in some order, and no others."""
        storages = [opens() for _ in range(3)]
        for n in range(self.appends):
            name, barrier, made = b"k%d" % n, Barrier(3), [False] * 3
            create(storages[0], name, head(1, marks=[(b"of" + name, 0)]))
            tried = [
                Write(name, 1, head(2, digest=b"w")),
                Write(name, 1, None),
                Write(name, 0, head(7, digest=b"c")),
            ]

            def write(
                who: int,
                tried: list[Write] = tried,
                barrier: Barrier = barrier,
                made: list[bool] = made,
            ) -> None:
                barrier.wait(WAIT)
                [made[who]] = storages[who].commit([tried[who]])

            together(*(partial(write, who) for who in range(3)))
            written, deleted, created = made
            assert written != deleted
            assert deleted or not created
            stored = load(storages[0], name)
            expected = b"w" if written else b"c" if created else None
            assert expected == (stored and stored.digest)
            assert [] == marked(storages[1], b"of" + name)

    @pytest.mark.parametrize("size", [1, 2, 7, 64, 500, 1000])
    def test_03_told_for_groups_of_every_size(self, opens: Connect, size: int) -> None:
        """Each outcome is a bool at the place of its write, whatever is created, changed or deleted."""
        storage = opens()
        names = [b"n%04d" % n for n in range(size)]
        _random(size).shuffle(names)
        make(storage, *(Write(each, 0, head(1)) for each in names[::2]))
        kinds = [
            (Write(name, 0, head(2)), n % 2 == 1) if n % 3 == 0
            # the others expect version 1, or one that was never there
            else (Write(name, 1 + (n % 5 == 0), kept(3) if n % 2 == 0 else head(3)), n % 2 == 0 and n % 5 > 0)
            if n % 3 == 1
            else (Write(name, 1, None), n % 2 == 0)
            for n, name in enumerate(names)
        ]  # fmt: skip
        made = storage.commit([write for write, _ in kinds])
        assert [expected for _, expected in kinds] == list(made)
        assert {bool} == {type(each) for each in made}
        truth = [each and each.version for each in opens().load(names)]
        expected = [
            (write.head and write.head.version) if fits else (1 if n % 2 == 0 else None)
            for n, (write, fits) in enumerate(kinds)
        ]
        assert expected == truth

    def test_03_told_truly_under_contention(self, opens: Connect) -> None:
        """Where groups of several writers meet, exactly the writes that were told as made are stored."""
        streams = [b"c%d" % n for n in range(6)]
        storages = [opens() for _ in range(self.writers)]
        make(storages[0], *(Write(each, 0, head(1)) for each in streams))
        told: list[list[tuple[bytes, bytes]]] = [[] for _ in storages]

        def write(who: int, at_once: Callable[[], object]) -> None:
            storage, random = storages[who], _random(who)
            for n in range(self.appends):
                chosen = random.sample(streams, 4)
                found = [living(storage, each) for each in chosen]
                body = b"%d/%d" % (who, n)
                writes = [
                    Write(
                        each,
                        seen.version,
                        kept(seen.version + 1, seen.length + 1),
                        (entry(seen.length + 1, body),),
                    )
                    for each, seen in zip(chosen, found, strict=True)
                ]
                at_once()
                made = storage.commit(writes)
                told[who] += [(each, body) for each, was in zip(chosen, made, strict=True) if was]

        in_step(*(partial(write, who) for who in range(self.writers)))
        stored = [(each, read.body) for each in streams for read in story(storages[0], each)]
        assert sorted(pair for mine in told for pair in mine) == sorted(stored)
        for each in streams:
            assert living(storages[0], each).length == len(story(storages[0], each))

    def test_03_told_whatever_holds_the_writes(self, opens: Connect) -> None:
        """A tuple, a list and a range are sequences alike, and what happens to them later changes nothing."""
        storage = opens()
        appended, forgotten = [*entries(1, 4)], [1, 2]
        writes = [Write(b"s", 0, head(1, 4), appended)]
        assert [True] == list(storage.commit(tuple(writes)))
        assert [True] == list(storage.commit([Write(b"s", 1, kept(2, 4), [], range(1, 3))]))
        appended.clear()
        writes.clear()
        assert [True] == list(storage.commit([Write(b"s", 2, kept(3, 4), (), forgotten)]))
        forgotten.append(4)
        assert [None, None, b"body of 3", b"body of 4"] == [each.body for each in story(storage, b"s")]
        assert [3] == [each and each.version for each in storage.load((b"s",))]

    def test_03_told_without_touching_the_callers_lists(self, opens: Connect) -> None:
        """What the caller gave stands as it was given: order, length and members."""
        storage = opens()
        marks = head(1, 2, marks=[(b"z", 2), (b"a", 1)]).marks
        given = [
            Write(each, 0, Head(1, 2, b"d", b"s", b"v", marks), [*entries(1, 2)], [])
            for each in (b"9", b"1", b"5")
        ]
        given.append(Write(b"9", 1, kept(2, 2), [], [2, 1, 2]))
        for call in (given[:3], given[3:]):
            before = [each._replace(entries=[*each.entries], forget=[*each.forget]) for each in call]
            assert [True] * len(before) == list(storage.commit(call))
            assert before == call
        asked = [b"9", b"0", b"1", b"9"]
        assert [2, None, 1, 2] == [each and each.version for each in storage.load(asked)]
        assert [b"9", b"0", b"1", b"9"] == asked

    def test_03_told_for_deletions_that_do_not_fit(self, opens: Connect) -> None:
        """A deletion whose version is over is refused, though the stream has entries by now."""
        storage = opens()
        create(storage, b"s", head(1))
        make(storage, Write(b"s", 1, kept(2, 2), entries(1, 2)))
        assert [False, True] == list(storage.commit([Write(b"s", 1, None), Write(b"t", 0, head(1))]))
        assert [2, 1] == [each and each.version for each in storage.load([b"s", b"t"])]

    def test_14_impatient_whatever_comes_next(self, opens: Connect) -> None:
        """A refused creation, change and deletion are over: nothing that is called later makes them."""
        storage, other = opens(), opens()
        make(storage, *(Write(each, 0, head(1)) for each in (b"a", b"b", b"c")))
        refused = [
            Write(b"a", 0, head(9, 1, marks=[(b"late", 1)]), (entry(1),)),
            Write(b"b", 2, head(9, 1, marks=[(b"late", 1)]), (entry(1),)),
            Write(b"c", 2, None),
        ]
        assert [False] * 3 == list(storage.commit(refused))
        make(other, Write(b"a", 1, None), Write(b"b", 1, kept(2)), Write(b"c", 1, kept(2)))
        self._use(storage, b"before")
        close(storage)
        again = opens()
        self._use(again, b"after")
        assert [None, 2, 2] == [each and each.version for each in again.load([b"a", b"b", b"c"])]
        assert ([], [], []) == (marked(again, b"late"), story(again, b"a"), story(again, b"b"))

    def _group_head(self, name: bytes, step: int) -> Head:
        text = b"%d of " % step + name
        return Head(step + 1, 3 + 2 * step, text, text, text, (Mark(text, 1),))

    def _use(self, storage: Storage, name: bytes) -> None:
        """Call everything once; *name* is a new stream."""
        storage.load([b"a", b"b", b"c"])
        storage.entries(b"a", after=0, limit=9)
        storage.find(b"late", until=9, after=FIRST, limit=9)
        assert [True] == list(storage.commit([Write(name, 0, head(1))]))


PARTS: Final = ("state", "values", "marks")
KEPT: Final = [each for size in range(4) for each in combinations(PARTS, size)]


class Keeping:
    """What ``None`` keeps, whatever else is written (guarantee 7)."""

    @pytest.mark.parametrize("none", KEPT, ids=lambda each: "+".join(each) or "nothing")
    def test_07_keeping_any_parts(self, opens: Connect, none: tuple[str, ...]) -> None:
        """Whichever parts are ``None`` stay, beside entries and forgotten bodies, once and again."""
        storage, other = opens(), opens()
        expected = Head(1, 2, b"d", b"state 1", b"values 1", (Mark(b"t", 1), Mark(b"u", 1)))
        create(storage, b"s", expected, *entries(1, 2))
        for step in (2, 3):
            text = b"%d" % step
            new = Head(
                step, step + 1, text, b"state " + text, b"values " + text, (Mark(b"t", step), Mark(b"v", 0))
            )
            stays: dict[str, Any] = {part: getattr(expected, part) for part in none}
            nothing: dict[str, Any] = dict.fromkeys(none)
            written = new._replace(**nothing)
            make(storage, Write(b"s", step - 1, written, (entry(step + 1),), (step - 1,)))
            expected = new._replace(**stays)
            for each in (storage, other):
                assert expected == living(each, b"s")
                assert [(mark.at, b"s") for mark in expected.marks or () if mark.token == b"t"] == marked(
                    each, b"t"
                )
                assert marked(each, b"v") == ([] if "marks" in none else [(0, b"s")])
                assert marked(each, b"u") == ([(1, b"s")] if "marks" in none else [])

    def test_07_keeping_what_is_empty(self, opens: Connect) -> None:
        """Empty parts are kept as empty ones, and a part becomes empty when it is given so."""
        storage = opens()
        create(storage, b"s", Head(1, 0, b"", b"", b"", ()))
        make(storage, Write(b"s", 1, kept(2, digest=b"")))
        assert Head(2, 0, b"", b"", b"", ()) == living(storage, b"s")
        make(
            storage,
            Write(b"s", 2, Head(3, 1, b"", b"full", b"full", (Mark(b"t", 0),)), (Entry(1, b"", b""),)),
        )
        make(storage, Write(b"s", 3, Head(4, 1, b"", b"", b"", ())))
        assert Head(4, 1, b"", b"", b"", ()) == living(opens(), b"s")
        assert [Entry(1, b"", b"")] == story(storage, b"s")

    def test_07_keeping_is_not_done_by_the_refused(self, opens: Connect) -> None:
        """A refused write leaves the parts alone; what is kept is of the last write that was made."""
        storage = opens()
        create(storage, b"s", head(1, state=b"old", values=b"old", marks=[(b"t", 1)]))
        assert [False] == list(storage.commit([Write(b"s", 7, head(8, state=b"no", values=b"no"))]))
        make(storage, Write(b"s", 1, head(2, state=b"new", values=b"new", marks=[(b"t", 2)])))
        assert [False] == list(storage.commit([Write(b"s", 1, head(8, state=b"no", values=b"no"))]))
        make(storage, Write(b"s", 2, kept(3)))
        assert head(3, state=b"new", values=b"new", marks=[(b"t", 2)]) == living(storage, b"s")
        assert [(2, b"s")] == marked(storage, b"t")


def _random(seed: int) -> Random:
    return Random(seed)  # noqa: S311 -- to be repeated, not to be secret


__all__ = ["Groups", "Keeping"]
