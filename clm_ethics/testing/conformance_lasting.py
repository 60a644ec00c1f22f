"""Guarantees 4, 5, 9, 10 and 13: what every connection knows at once, and what never comes back."""

from __future__ import annotations

from functools import partial
from threading import Event
from typing import TYPE_CHECKING, Any

from clm_ethics.errors import StorageUnavailable
from clm_ethics.storage.contract import FIRST, MAX_ENTRIES, MAX_FORGETS, Entry, Scrubbable, Write
from clm_ethics.testing.conformance_tools import (
    close,
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
    from collections.abc import Callable

    from clm_ethics.storage.contract import Storage
    from clm_ethics.testing.conformance_tools import Connect


class Lasting:
    """What was written is there for everybody; what is gone is gone for everybody."""

    appends: int
    many = 500
    """How many calls one connection makes in a row."""

    def test_04_linearizable_after_absence(self, opens: Connect) -> None:
        """Who has seen that nothing is there sees it at once when it is, and the other way round."""
        writing, reading = opens(), opens()
        names = [b"%03d" % n for n in range(150)]
        for version in range(1, 4):
            assert [None] * len(names) == list(reading.load(names))
            assert ([], []) == (marked(reading, b"t"), story(reading, names[0]))
            make(writing, *(Write(each, 0, head(version, marks=[(b"t", version)])) for each in names))
            assert [version] * len(names) == [each and each.version for each in reading.load(names)]
            assert [(version, each) for each in names] == marked(reading, b"t")
            assert [False] == list(reading.commit([Write(names[0], 0, head(99))]))
            make(writing, *(Write(each, version, None) for each in names))

    def test_04_linearizable_for_pages(self, opens: Connect) -> None:
        """The end of a page is not remembered: what is appended or marked behind it is found."""
        writing, reading = opens(), opens()
        create(writing, b"s", head(1))
        for n in range(1, 30):
            assert [] == list(reading.entries(b"s", after=n - 1, limit=5))
            assert [] == list(reading.find(b"t", until=99, after=(n - 1, b"\xff"), limit=5))
            make(writing, Write(b"s", n, kept(n + 1, n), (entry(n),)))
            create(writing, b"m%d" % n, head(1, marks=[(b"t", n)]))
            assert [n] == [each.index for each in reading.entries(b"s", after=n - 1, limit=5)]
            assert [(n, b"m%d" % n)] == [
                tuple(each) for each in reading.find(b"t", until=99, after=(n - 1, b"\xff"), limit=5)
            ]

    def test_04_linearizable_for_readers_in_other_threads(self, opens: Connect) -> None:
        """No reader, in whatever thread and connection, is behind a write that has been acknowledged."""
        writing, reading, done = opens(), opens(), Event()
        create(writing, b"s", head(1))
        acknowledged = [0]

        def write() -> None:
            try:
                for n in range(1, self.appends * 4 + 1):
                    make(writing, Write(b"s", n, head(n + 1, n, marks=[(b"t", n)]), (entry(n),)))
                    acknowledged[0] = n
            finally:
                done.set()

        def read(storage: Storage) -> Callable[[], None]:
            def run() -> None:
                last = 0
                while not done.is_set():
                    known = acknowledged[0]
                    seen = living(storage, b"s").length
                    assert seen >= known
                    assert seen >= last
                    found = storage.entries(b"s", after=max(known - 1, 0), limit=1)
                    assert [known] == [each.index for each in found] or known == 0
                    # Between two marks there is no moment without one.
                    [(at, _)] = storage.find(b"t", until=1 << 60, after=FIRST, limit=9) or [(0, b"")]
                    assert at >= known
                    last = seen

            return run

        together(write, read(reading), read(writing))

    def test_04_linearizable_for_every_part(self, opens: Connect) -> None:
        """A part that changes alone is seen at once by who has read it: nothing is known by its length."""
        writing, reading = opens(), opens()
        expected = head(1, 1, marks=[(b"t", 1)])
        create(writing, b"s", expected, entry(1))
        for version, (part, value) in enumerate(
            (
                ("digest", b"2"),
                ("state", b"3"),
                ("values", b"4"),
                ("marks", head(5, marks=[(b"t", 5)]).marks),
            ),
            start=2,
        ):
            assert expected == living(reading, b"s")
            changed: dict[str, Any] = {part: value}
            new = kept(version, 1, digest=expected.digest)._replace(**changed)
            make(writing, Write(b"s", version - 1, new))
            expected = expected._replace(version=version, **changed)
            assert expected == living(reading, b"s")
        assert [(5, b"s")] == marked(reading, b"t")

    def test_05_durable_without_closing(self, opens: Connect) -> None:
        """Nothing waits in a connection for its closing: what was acknowledged is found by a new one."""
        storage = opens()
        for n in range(1, 40):
            name = b"s%d" % n
            create(storage, name, head(1, 1, marks=[(b"t", n)]), entry(1))
            make(storage, Write(name, 1, kept(2, 2), (entry(2),), (1,)))
        fresh = opens()
        for n in range(1, 40):
            assert living(fresh, b"s%d" % n) == head(2, 2, marks=[(b"t", n)])
            assert [None, b"body"] == [each.body for each in story(fresh, b"s%d" % n)]
        assert [(n, b"s%d" % n) for n in range(1, 40)] == marked(fresh, b"t")

    def test_05_durable_each_of_many_calls(self, opens: Connect) -> None:
        """Of hundreds of acknowledged calls none is missing, wherever in their row it was."""
        storage, names = opens(), [b"s%d" % n for n in range(7)]
        make(storage, *(Write(each, 0, head(1)) for each in names))
        for n in range(self.many):
            turn, name = n // len(names) + 1, names[n % len(names)]
            after = head(turn + 1, turn, marks=[(b"t" + name, n)])
            make(storage, Write(name, turn, after, (entry(turn, b"%d" % n),)))
        for reader in (storage, opens()):
            for n, name in enumerate(names):
                mine = range(n, self.many, len(names))
                assert [b"%d" % each for each in mine] == [each.body for each in story(reader, name)]
                assert [(mine[-1], name)] == marked(reader, b"t" + name)

    def test_05_durable_over_many_openings(self, opens: Connect) -> None:
        """Opening, writing and closing again and again loses nothing and repeats nothing."""
        for n in range(1, 9):
            storage = opens()
            if n == 1:
                create(storage, b"s", head(1))
            make(
                storage,
                Write(b"s", n, head(n + 1, n, marks=[(b"t%d" % n, n)]), (entry(n),), (n - 1,)[: n - 1]),
            )
            close(storage)
        again = opens()
        assert living(again, b"s") == head(9, 8, marks=[(b"t8", 8)])
        assert [None] * 7 + [b"body"] == [each.body for each in story(again, b"s")]
        assert [[]] * 7 + [[(8, b"s")]] == [marked(again, b"t%d" % n) for n in range(1, 9)]

    def test_09_forgetting_one_by_one_and_again(self, opens: Connect) -> None:
        """An index may be named twice, or be forgotten already; the others keep their bodies."""
        storage = opens()
        create(storage, b"s", head(1, 30), *entries(1, 30))
        gone: set[int] = set()
        for version, named in enumerate(
            [(1,), (30,), (7, 7), (7, 1), tuple(range(10, 20)), (20, 9)], start=1
        ):
            make(storage, Write(b"s", version, kept(version + 1, 30), (), named))
            gone.update(named)
            expected = [None if each.index in gone else each.body for each in entries(1, 30)]
            assert expected == [each.body for each in story(storage, b"s", limit=7)]
        assert [each.digest for each in entries(1, 30)] == [each.digest for each in story(storage, b"s")]
        assert living(storage, b"s").length == 30

    def test_09_forgetting_one_of_equals(self, opens: Connect) -> None:
        """Entries with the same digest and the same body are entries of their own."""
        storage = opens()
        equal = [Entry(n, b"digest", b"body") for n in range(1, 6)]
        for name in (b"s", b"other"):
            create(storage, name, head(1, 5), *equal)
        make(storage, Write(b"s", 1, kept(2, 6), (Entry(6, b"digest", b"new body"),), (2, 5)))
        bodies = [b"body", None, b"body", b"body", None, b"new body"]
        assert [Entry(n, b"digest", body) for n, body in enumerate(bodies, start=1)] == story(storage, b"s")
        assert equal == story(storage, b"other")

    def test_09_forgetting_as_many_as_there_may_be(self, opens: Connect) -> None:
        """The most indexes that one write may name are all forgotten, and index and digest of each stay."""
        storage = opens()
        create(storage, b"s", head(1, MAX_ENTRIES), *entries(1, MAX_ENTRIES))
        most = range(MAX_ENTRIES - MAX_FORGETS + 1, MAX_ENTRIES + 1)
        make(
            storage, Write(b"s", 1, kept(2, MAX_ENTRIES + 2), entries(MAX_ENTRIES + 1, MAX_ENTRIES + 2), most)
        )
        expected = [
            each._replace(body=None) if each.index in most else each for each in entries(1, MAX_ENTRIES + 2)
        ]
        for reader in (storage, opens()):
            assert expected == story(reader, b"s")

    def test_09_forgetting_survives_everything(self, opens: Connect) -> None:
        """No appending, keeping, replacing, refusing, closing or scrubbing brings a body back."""
        storage = opens()
        create(storage, b"s", head(1, 3), *entries(1, 3))
        make(storage, Write(b"s", 1, kept(2, 3), (), (1, 2)))
        make(storage, Write(b"s", 2, kept(3, 4), (entry(4),)))
        make(storage, Write(b"s", 3, head(4, 4, state=b"", values=b"", marks=[(b"t", 1)])))
        assert [False] == list(storage.commit([Write(b"s", 3, kept(9, 5), (entry(5),), (3,))]))
        make(storage, Write(b"s", 4, head(5, 4, marks=())))
        if isinstance(storage, Scrubbable):
            storage.scrub()
        for again in (storage, opens()):
            assert [None, None, b"body of 3", b"body"] == [each.body for each in story(again, b"s")]
            close(again)
        assert [None, None, b"body of 3", b"body"] == [each.body for each in story(opens(), b"s", limit=1)]

    def test_09_scrubbing_changes_no_answer(self, opens: Connect) -> None:
        """A storage that can scrub says in words what it did, and answers as before."""
        storage, other = opens(), opens()
        create(storage, b"s", head(1, 3, marks=[(b"t", 1)]), *entries(1, 3))
        create(storage, b"gone", head(1, marks=[(b"t", 2)]))
        make(storage, Write(b"s", 1, kept(2, 3), (), (2,)), Write(b"gone", 1, None))
        if isinstance(storage, Scrubbable):
            report = storage.scrub()
            assert report
            assert all(isinstance(line, str) and line for line in report)
        for each in (storage, other, opens()):
            assert living(each, b"s") == head(2, 3, marks=[(b"t", 1)])
            assert [b"body of 1", None, b"body of 3"] == [read.body for read in story(each, b"s")]
            assert [(1, b"s")] == marked(each, b"t")
            assert load(each, b"gone") is None
        make(other, Write(b"s", 2, kept(3, 4), (entry(4),)))

    def test_10_deleting_is_seen_by_who_created(self, opens: Connect) -> None:
        """Who wrote a stream last does not keep it: deleted by another, it is gone, with its version."""
        mine, other = opens(), opens()
        for n in range(1, 20):
            create(mine, b"s", head(n, marks=[(b"t", n)]))
            assert living(mine, b"s").version == n
            make(other, Write(b"s", n, None))
            assert load(mine, b"s") is None
            assert [] == marked(mine, b"t")
            assert [False, False] == [mine.commit([each])[0] for each in (
                Write(b"s", n, kept(n + 1)), Write(b"s", n, None))]  # fmt: skip
            create(other, b"s", head(1000 + n, state=b"theirs", values=b"", marks=()))
            assert head(1000 + n, state=b"theirs", values=b"") == living(mine, b"s")
            assert [False] == list(mine.commit([Write(b"s", n, kept(n + 1))]))
            make(mine, Write(b"s", 1000 + n, None))

    def test_10_deleting_many(self, opens: Connect) -> None:
        """A group of deletions takes away exactly what it names, and nothing is left to be found."""
        storage = opens()
        names = [b"%03d" % n for n in range(300)]
        make(storage, *(Write(each, 0, head(1, marks=[(b"t", 0), (each, 1)])) for each in names))
        assert [n % 3 > 0 for n in range(300)] == list(
            storage.commit([Write(each, 1 if n % 3 else 2, None) for n, each in enumerate(names)])
        )
        for reader in (storage, opens()):
            assert [None if n % 3 else 1 for n in range(300)] == [
                each and each.version for each in reader.load(names)
            ]
            assert [(0, each) for each in names[::3]] == marked(reader, b"t", limit=7)
            assert [] == marked(reader, b"001")

    def test_13_contained_while_closing(self, opens: Connect) -> None:
        """Who is in the middle of a call when another thread closes gets an answer or a named error."""
        storage, begun, told = opens(), Event(), [0]
        create(storage, b"s", head(1))

        def write() -> None:
            try:
                for n in range(1, 2000):
                    make(storage, Write(b"s", n, kept(n + 1, n), (entry(n),)))
                    told[0] = n
                    if n == 5:
                        begun.set()
            except StorageUnavailable as error:
                told.append({False: told[0], True: told[0] + 1, None: -1}[error.written])
            finally:
                begun.set()

        def end() -> None:
            begun.wait(60)
            close(storage)

        together(write, partial(_read_until_closed, storage), end)
        length = living(opens(), b"s").length
        assert told[0] <= length <= told[0] + 1
        assert told[-1] in {length, -1}

    def test_13_contained_when_others_are_at_work(self, opens: Connect) -> None:
        """Several threads on several connections that do everything at once raise nothing at all."""
        storages, names = [opens() for _ in range(3)], [b"x%d" % n for n in range(5)]

        groups = [b"g%d" % n for n in range(4)]
        make(storages[0], *(Write(each, 0, head(1)) for each in groups))

        def work(storage: Storage, step: int) -> Callable[[], None]:
            group = groups[:: 1 if step % 2 else -1]

            def run() -> None:
                for n in range(self.appends):
                    name = names[(n * step) % len(names)]
                    stored = load(storage, name)
                    if stored is None:
                        storage.commit([Write(name, 0, head(n * 10 + step, marks=[(b"t", n)]))])
                    elif n % 3 == 0:
                        storage.commit([Write(name, stored.version, None)])
                    else:
                        moved = kept(stored.version + step)._replace(marks=head(1, marks=[(b"t", n)]).marks)
                        storage.commit([Write(name, stored.version, moved)])
                    # Two groups whose streams come in opposite orders must not wait for each other.
                    storage.commit([Write(each, n + 1, kept(n + 2)) for each in group])
                    storage.find(b"t", until=1 << 60, after=FIRST, limit=3)
                    storage.entries(name, after=0, limit=3)

            return run

        together(*(work(storage, step) for step, storage in enumerate(storages, start=1)))


def _read_until_closed(storage: Storage) -> None:
    try:
        for _ in range(2000):
            storage.load([b"s"])
            storage.entries(b"s", after=0, limit=3)
            storage.find(b"t", until=1, after=FIRST, limit=3)
    except StorageUnavailable as error:
        assert error.written is False  # noqa: PT017 -- no error is an answer too


__all__ = ["Lasting"]
