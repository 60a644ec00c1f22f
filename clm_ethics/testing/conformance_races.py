"""The guarantees that only several connections at once can break."""

from __future__ import annotations

from functools import partial
from threading import Barrier, Event
from typing import TYPE_CHECKING

from clm_ethics.storage.contract import FIRST, Write
from clm_ethics.testing.conformance_tools import (
    WAIT,
    append_until,
    create,
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


class Races:
    """Several connections, in several threads."""

    writers = 4
    """How many threads write at once."""
    appends = 25
    """How many entries each of them appends."""

    def test_01_atomic_for_readers(self, opens: Connect) -> None:
        """A reader never sees a head of one write beside the values, marks or entries of another."""
        writing, reading, done = opens(), opens(), Event()
        create(writing, b"s", head(1, digest=b"0", state=b"0", values=b"0"))

        def write() -> None:
            try:
                for n in range(1, self.writers * self.appends + 1):
                    text = b"%d" % n
                    after = head(n + 1, n, digest=text, state=text, values=text, marks=[(b"t", n)])
                    make(writing, Write(b"s", n, after, (entry(n),)))
            finally:
                done.set()

        def read() -> None:
            while not done.is_set():
                seen = living(reading, b"s")
                assert seen.digest == seen.state == seen.values == b"%d" % seen.length
                assert seen.marks == (((b"t", seen.length),) if seen.length else ())
                assert seen.length <= len(story(reading, b"s"))

        together(write, read)

    def test_02_conditional_one_winner(self, opens: Connect) -> None:
        """Of several writes that expect the same version at once, exactly one is made."""
        storages = [opens() for _ in range(self.writers)]
        create(storages[0], b"s", head(1))
        for version in range(1, self.appends + 1):
            made = self._race(storages, version)
            assert made.count(True) == 1
            assert living(storages[0], b"s").digest == b"%d" % made.index(True)

    def test_02_conditional_one_winner_of_groups(self, opens: Connect) -> None:
        """Where groups that expect the same versions meet, each of their writes has one winner."""
        storages = [opens() for _ in range(self.writers)]
        names = [b"g%d" % n for n in range(3)]
        make(storages[0], *(Write(each, 0, head(1)) for each in names))
        made: list[list[list[bool]]] = [[] for _ in storages]

        def write(who: int, at_once: Callable[[], object]) -> None:
            for version in range(1, self.appends + 1):
                group = [Write(each, version, kept(version + 1, digest=b"%d" % who)) for each in names]
                at_once()
                made[who].append(list(storages[who].commit(group)))
                at_once()

        in_step(*(partial(write, who) for who in range(self.writers)))
        for round_ in zip(*made, strict=True):
            assert [1] * len(names) == [sum(each) for each in zip(*round_, strict=True)]
        last = [list(each).index(True) for each in zip(*(mine[-1] for mine in made), strict=True)]
        assert [b"%d" % who for who in last] == [living(storages[0], each).digest for each in names]

    def test_02_conditional_one_creator(self, opens: Connect) -> None:
        """Of several that create the same stream at once, exactly one does."""
        storages = [opens() for _ in range(self.writers)]
        for n in range(self.appends):
            stream, barrier, made = b"s%d" % n, Barrier(self.writers), [False] * self.writers

            def write(
                who: int, stream: bytes = stream, barrier: Barrier = barrier, made: list[bool] = made
            ) -> None:
                barrier.wait(WAIT)
                [made[who]] = storages[who].commit([Write(stream, 0, head(7, digest=b"%d" % who))])

            together(*(partial(write, who) for who in range(self.writers)))
            assert made.count(True) == 1
            assert living(storages[0], stream).digest == b"%d" % made.index(True)

    def test_04_linearizable_no_entry_lost(self, opens: Connect) -> None:
        """Writers that append by compare-and-swap leave every entry once, and no gap."""
        storages = [opens() for _ in range(self.writers)]
        create(storages[0], b"s", head(1))
        texts = [[b"%d/%d" % (who, n) for n in range(self.appends)] for who in range(self.writers)]
        together(
            *(
                partial(append_until, storage, b"s", mine)
                for storage, mine in zip(storages, texts, strict=True)
            )
        )
        read = story(opens(), b"s")
        assert list(range(1, self.writers * self.appends + 1)) == [each.index for each in read]
        assert sorted(text for mine in texts for text in mine) == sorted(each.body or b"" for each in read)
        for mine in texts:
            assert mine == [each.body for each in read if each.body in mine]

    def test_04_linearizable_between_connections(self, opens: Connect) -> None:
        """What one connection has committed, another that has read before sees at once."""
        writing, reading = opens(), opens()
        create(writing, b"s", head(1))
        for n in range(1, 30):
            if n % 2:
                writing, reading = reading, writing
            assert living(reading, b"s").version == n
            make(writing, Write(b"s", n, head(n + 1, n, marks=[(b"t", n)]), (entry(n),)))
            assert living(reading, b"s").version == n + 1
            assert [n] == [each.index for each in reading.entries(b"s", after=n - 1, limit=9)]
            assert [(n, b"s")] == marked(reading, b"t")
        make(writing, Write(b"k", 0, head(1)), Write(b"s", 30, kept(31, 29), (), (1,)))
        assert load(reading, b"k") is not None
        assert reading.entries(b"s", after=0, limit=1)[0].body is None
        make(writing, Write(b"k", 1, None))
        assert load(reading, b"k") is None

    def test_04_linearizable_between_threads(self, opens: Connect) -> None:
        """One connection serves several threads, which all see what any of them has committed."""
        shared = opens()
        create(shared, b"s", head(1))
        texts = [[b"%d/%d" % (who, n) for n in range(self.appends)] for who in range(self.writers)]
        together(*(partial(append_until, shared, b"s", mine) for mine in texts))
        read = story(shared, b"s")
        assert sorted(text for mine in texts for text in mine) == sorted(each.body or b"" for each in read)

    def test_04_linearizable_answers_are_not_mixed_up(self, opens: Connect) -> None:
        """Threads that share one connection each get the answer to their own question."""
        shared, names = opens(), [b"mine%d" % who for who in range(self.writers)]
        make(shared, *(Write(each, 0, head(1, 1, marks=[(each, 1)]), (entry(1, each),)) for each in names))

        def ask(name: bytes, at_once: Callable[[], object]) -> None:
            for _ in range(self.appends * 2):
                at_once()
                assert living(shared, name).marks == ((name, 1),)
                at_once()
                assert [name] == [each.body for each in shared.entries(name, after=0, limit=9)]
                at_once()
                assert [(1, name)] == [
                    tuple(each) for each in shared.find(name, until=1, after=FIRST, limit=9)
                ]

        in_step(*(partial(ask, name) for name in names))

    def test_11_marks_while_paging(self, opens: Connect) -> None:
        """Whoever carries a mark unchanged is found once, however much the others change meanwhile."""
        reading, writing = opens(), opens()
        for n in range(40):
            create(writing, b"still%02d" % n, head(1, marks=[(b"t", n * 10)]))
            create(writing, b"moving%02d" % n, head(1, marks=[(b"t", n * 10 + 5)]))
        found: list[tuple[int, bytes]] = []
        after, step = (-1, b""), 0
        while page := reading.find(b"t", until=395, after=after, limit=7):
            found.extend((at, stream) for at, stream in page)
            after = found[-1]
            self._disturb(writing, step)
            step += 1
        assert [(n * 10, b"still%02d" % n) for n in range(40)] == [
            f for f in found if f[1].startswith(b"still")
        ]
        assert sorted(set(found)) == found

    def _race(self, storages: list[Storage], version: int) -> list[bool]:
        """Let every storage write over *version* at once; return who says that it did."""
        barrier, made = Barrier(len(storages)), [False] * len(storages)

        def write(who: int) -> None:
            barrier.wait(WAIT)
            [made[who]] = storages[who].commit([Write(b"s", version, kept(version + 1, digest=b"%d" % who))])

        together(*(partial(write, who) for who in range(len(storages))))
        return made

    def _disturb(self, writing: Storage, step: int) -> None:
        """Take marks away, put marks before and behind, move some, and delete their streams."""
        for offset in range(3):
            stream = b"moving%02d" % ((step * 3 + offset * 11) % 40)
            stored = load(writing, stream)
            if stored is None:
                create(writing, stream, head(1000 + step, marks=[(b"t", step)]))
            elif offset == 0:
                make(writing, Write(stream, stored.version, None))
            else:
                moved = head(
                    stored.version + 1, marks=[(b"t", (step * 97 + offset) % 400)] if offset == 1 else ()
                )
                make(writing, Write(stream, stored.version, moved))
