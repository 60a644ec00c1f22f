"""The conformance suite of the storage contract: one class to subclass, one fixture to give.

::

    class TestMyStorage(StorageConformance):
        @pytest.fixture
        def connect(self, tmp_path):
            opened = []
            def connect():
                opened.append(MyStorage(tmp_path))
                return opened[-1]
            yield connect
            for storage in opened:
                storage.close()

Each call of ``connect`` opens one more connection to the same storage, which is empty when a
test begins; the fixture closes them. It may return an ``AsyncStorage`` as well, or be a
coroutine function that does: the suite then runs an event loop in a thread of its own, and
closes there what it has opened.

A test's number is that of the guarantee in ``clm_ethics.storage.contract`` that it checks. A
minor release may add tests.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from clm_ethics.errors import StorageUnavailable
from clm_ethics.storage.contract import (
    FIRST,
    MAX_ID,
    MAX_INT,
    MAX_MARKS,
    MAX_PART,
    MAX_WRITES,
    Closable,
    Entry,
    Head,
    Mark,
    Write,
)
from clm_ethics.testing.blocking import ClosableBlocking, Loop, blocking
from clm_ethics.testing.conformance_bytes import Opaque
from clm_ethics.testing.conformance_checked import Checked
from clm_ethics.testing.conformance_enrolling import Enrolling
from clm_ethics.testing.conformance_groups import Groups, Keeping
from clm_ethics.testing.conformance_lasting import Lasting
from clm_ethics.testing.conformance_model import AgainstTheModel
from clm_ethics.testing.conformance_pages import Pages
from clm_ethics.testing.conformance_races import Races
from clm_ethics.testing.conformance_scans import Cancelled, Scanning
from clm_ethics.testing.conformance_tools import (
    Connect,
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
    patient,
    story,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from clm_ethics.storage.contract import AsyncStorage, Storage

__all__ = ["Connect", "StorageConformance"]

BYTES = [b"", b"\x00", b"a\x00b", b"\xff\xfe", "Zoë \u202e".encode(), b"'; --", b" ", bytes(range(256))]
# What a driver or a codec on the way could take for a spelling of something else.
BYTES += [
    b"DEADBEEF00",
    b"\\xDEADBEEF",
    b"0XDEADBEEF",
    b"NULL",
    b"-0",
    b"1E5",
    b"QUJD\n",
    b'{"a": 1}',
    b"%41",
]
IDS = [
    b"\x00",
    b"\x00\x00",
    b"a",
    b"A",
    b"a\x00",
    b"a ",
    b"\xff",
    b"\xff" * MAX_ID,
    bytes(range(MAX_ID)),
    b"%_",
]


class StorageConformance(
    Groups,
    Keeping,
    Opaque,
    Lasting,
    Pages,
    Enrolling,
    Races,
    Checked,
    Scanning,
    Cancelled,
    AgainstTheModel,
):
    """Every guarantee of the contract, by its number, as far as one process can see it."""

    patience = 180.0
    """How long one test may take before a call of it counts as stuck, in seconds."""

    @pytest.fixture
    def opens(self, connect: Callable[[], Storage | AsyncStorage]) -> Iterator[Connect]:
        """Return *connect*; what it opens is made blocking if it is asynchronous, and closed in the end."""
        loops: list[Loop] = []
        wrapped: list[ClosableBlocking] = []

        def loop() -> Loop:
            if not loops:
                loops.append(Loop())
            return loops[0]

        def opens() -> Storage:
            opened = blocking(connect(), loop)
            if isinstance(opened, ClosableBlocking):
                wrapped.append(opened)
            return opened

        with patient(self.patience):
            yield opens
        for each in wrapped:
            each.close()
        for running in loops:
            running.close()

    def test_01_atomic_a_refused_write_changes_nothing(self, opens: Connect) -> None:
        """A write with a version that is over leaves head, entries, bodies and marks as they were."""
        storage = opens()
        create(storage, b"s", head(5, 2, marks=[(b"t", 1)]), *entries(1, 2))
        before = (living(storage, b"s"), story(storage, b"s"), marked(storage, b"t"))
        refused = Write(b"s", 4, head(6, 3, state=b"x", values=b"y", marks=[(b"u", 2)]), (entry(3),), (1,))
        assert [False] == list(storage.commit([refused]))
        assert before == (living(storage, b"s"), story(storage, b"s"), marked(storage, b"t"))
        assert [] == marked(storage, b"u")

    def test_01_atomic_a_made_write_changes_everything(self, opens: Connect) -> None:
        """A write that is made brings head, entries, forgotten bodies and marks together."""
        storage = opens()
        create(storage, b"s", head(5, 2, marks=[(b"t", 1)]), *entries(1, 2))
        after = head(6, 4, digest=b"", state=b"x", values=b"y", marks=[(b"u", 2), (b"a", 3)])
        make(storage, Write(b"s", 5, after, entries(3, 4), (2,)))
        assert after._replace(marks=(Mark(b"a", 3), Mark(b"u", 2))) == living(storage, b"s")
        expected = [each._replace(body=None) if each.index == 2 else each for each in entries(1, 4)]
        assert expected == story(storage, b"s")
        assert ([], [(2, b"s")]) == (marked(storage, b"t"), marked(storage, b"u"))

    def test_02_conditional_on_the_version(self, opens: Connect) -> None:
        """A write is made if the stored version equals the expected one, greater or smaller alike."""
        storage = opens()
        assert [False] == list(storage.commit([Write(b"s", 1, head(2))]))
        create(storage, b"s", head(MAX_INT))
        for expected in (0, 1, MAX_INT - 1):
            assert [False] == list(storage.commit([Write(b"s", expected, head(9))]))
        make(storage, Write(b"s", MAX_INT, head(3)))
        assert [False] == list(storage.commit([Write(b"s", MAX_INT, head(2))]))
        make(storage, Write(b"s", 3, head(MAX_INT - 1)))
        assert living(storage, b"s").version == MAX_INT - 1

    def test_02_conditional_deleting(self, opens: Connect) -> None:
        """Deleting is conditional too."""
        storage = opens()
        create(storage, b"s", head(5))
        assert [False, False] == list(storage.commit([Write(b"s", 4, None), Write(b"none", 4, None)]))
        assert living(storage, b"s").version == 5

    def test_02_conditional_after_being_created_anew(self, opens: Connect) -> None:
        """A stream that was deleted and created again is not mistaken for the old one."""
        storage = opens()
        create(storage, b"s", head(5))
        make(storage, Write(b"s", 5, None))
        assert [False] == list(storage.commit([Write(b"s", 5, head(6))]))
        create(storage, b"s", head(50))
        assert [False] == list(storage.commit([Write(b"s", 5, head(6))]))
        assert [False] == list(storage.commit([Write(b"s", 5, None)]))
        assert living(storage, b"s").version == 50

    def test_03_told_in_order(self, opens: Connect) -> None:
        """The outcomes stand in the order of the writes, whatever the order of their streams."""
        storage = opens()
        names = [b"%d" % n for n in (7, 3, 9, 1, 8, 2, 6, 4, 5)]
        make(storage, *(Write(name, 0, head(1)) for name in names))
        stale = {b"9", b"2", b"4"}
        writes = [Write(name, 6 if name in stale else 1, kept(7)) for name in names]
        assert [name not in stale for name in names] == list(storage.commit(writes))
        assert [1 if name in stale else 7 for name in names] == [
            living(storage, name).version for name in names
        ]

    def test_03_told_for_each_write_alone(self, opens: Connect) -> None:
        """A refused write does not stop the others of its call, before or after it."""
        storage = opens()
        create(storage, b"b", head(1))
        writes = [Write(b"a", 0, head(1)), Write(b"b", 0, head(2)), Write(b"c", 0, head(3))]
        assert [True, False, True] == list(storage.commit(writes))
        assert [1, 1, 3] == [living(storage, name).version for name in (b"a", b"b", b"c")]
        assert [False] == list(storage.commit([Write(b"a", 0, head(2))]))
        assert [] == list(storage.commit([]))

    def test_05_durable_after_closing(self, opens: Connect) -> None:
        """What was acknowledged is there when the storage is closed and opened again."""
        storage = opens()
        create(storage, b"s", head(5, 2, marks=[(b"t", 1)]), *entries(1, 2))
        create(storage, b"gone", head(1))
        make(storage, Write(b"s", 5, kept(6, 3), (entry(3),), (1,)), Write(b"gone", 1, None))
        before = (living(storage, b"s"), story(storage, b"s"), marked(storage, b"t"))
        close(storage)
        again = opens()
        assert before == (living(again, b"s"), story(again, b"s"), marked(again, b"t"))
        assert load(again, b"gone") is None

    @pytest.mark.parametrize("data", BYTES, ids=repr)
    def test_06_opaque_parts(self, opens: Connect, data: bytes) -> None:
        """Digest, state, values and body come back as they went in."""
        storage = opens()
        digest = data[:MAX_ID]
        create(storage, b"s", Head(1, 1, digest, data, data, ()), Entry(1, digest, data))
        assert Head(1, 1, digest, data, data, ()) == living(storage, b"s")
        assert [Entry(1, digest, data)] == story(storage, b"s")
        make(storage, Write(b"s", 1, Head(2, 1, b"other", b"other", b"other", ())))
        make(storage, Write(b"s", 2, Head(3, 1, digest, data, data, ())))
        assert Head(3, 1, digest, data, data, ()) == living(storage, b"s")

    def test_06_opaque_ids(self, opens: Connect) -> None:
        """Streams and tokens that look alike are different."""
        storage = opens()
        for version, name in enumerate(IDS, start=1):
            create(storage, name, head(version, 1, marks=[(name, version)]), entry(1, name))
        for version, name in enumerate(IDS, start=1):
            assert living(storage, name) == head(version, 1, marks=[(name, version)])
            assert [entry(1, name)] == story(storage, name)
            assert [(version, name)] == marked(storage, name)
        assert [None, None] == list(storage.load([b"b", b"a\x00\x00"]))

    def test_06_opaque_largest(self, opens: Connect) -> None:
        """State, values and a body of 1 MiB come back, and so do the largest numbers."""
        storage = opens()
        part = bytes(range(256)) * (MAX_PART // 256)
        largest = Head(MAX_INT, 1, b"d" * MAX_ID, part, part[::-1], (Mark(b"t" * MAX_ID, MAX_INT),))
        create(storage, b"s", largest, Entry(1, b"", part))
        assert largest == living(storage, b"s")
        assert [Entry(1, b"", part)] == story(storage, b"s")
        assert [(MAX_INT, b"s")] == marked(storage, b"t" * MAX_ID)

    def test_06_opaque_many_at_once(self, opens: Connect) -> None:
        """``load`` answers in the order of the question, with repetitions and absent streams."""
        storage = opens()
        names = [b"%03d" % n for n in range(MAX_WRITES)]
        make(storage, *(Write(name, 0, head(n)) for n, name in enumerate(names, start=1)))
        asked = [b"absent", *reversed(names), b"absent", names[5], names[5]]
        expected = [None, *range(MAX_WRITES, 0, -1), None, 6, 6]
        assert expected == [each and each.version for each in storage.load(asked)]
        assert [] == list(storage.load([]))

    @pytest.mark.parametrize("part", ["state", "values", "marks"])
    def test_07_keeping(self, opens: Connect, part: str) -> None:
        """``None`` for one part keeps it, while the two others change, to nothing too."""
        storage = opens()
        first = head(1, state=b"s1", values=b"v1", marks=[(b"t", 1)])
        create(storage, b"s", first)
        second = head(2, state=b"", values=b"", marks=[])
        make(storage, Write(b"s", 1, _with(second, part, None)))
        expected = _with(second, part, getattr(first, part))
        assert expected == living(storage, b"s")
        assert ([(1, b"s")] if part == "marks" else []) == marked(storage, b"t")
        make(storage, Write(b"s", 2, kept(3)), Write(b"other", 0, head(1, state=b"x", values=b"y")))
        assert expected._replace(version=3) == living(storage, b"s")

    def test_08_entries_in_order(self, opens: Connect) -> None:
        """Entries come in the order of their numbers, without a gap, in pages of any size."""
        storage = opens()
        create(storage, b"s", head(1, 3), *entries(1, 3))
        create(storage, b"s2", head(1, 1), entry(1, b"other"))
        for last in (12, 13, 270, 300):
            stored = living(storage, b"s")
            make(storage, Write(b"s", stored.version, kept(last, last), entries(stored.length + 1, last)))
        for limit in (1, 7, 299, 300, 1000):
            assert list(entries(1, 300)) == story(storage, b"s", limit=limit)
        assert list(entries(200, 200)) == list(storage.entries(b"s", after=199, limit=1))
        assert [] == list(storage.entries(b"s", after=300, limit=5))
        assert [] == list(storage.entries(b"s", after=MAX_INT, limit=5))
        assert [] == list(storage.entries(b"absent", after=0, limit=5))

    def test_08_entries_that_are_large(self, opens: Connect) -> None:
        """However large the bodies are, each page brings at least one entry."""
        storage = opens()
        body = b"x" * MAX_PART
        create(storage, b"s", head(1))
        for n in range(1, 21):
            make(storage, Write(b"s", n, kept(n + 1, n), (entry(n, body),)))
        assert [entry(n, body) for n in range(1, 21)] == story(storage, b"s", limit=20)

    def test_09_forgetting(self, opens: Connect) -> None:
        """A forgotten entry keeps index and digest; an empty body is not a forgotten one."""
        storage = opens()
        create(storage, b"s", head(1, 4), entry(1), entry(2, b""), entry(3), entry(4))
        create(storage, b"other", head(1, 4), *entries(1, 4))
        make(storage, Write(b"s", 1, kept(2, 4), (), (3, 1)))
        forgotten = [entry(1)._replace(body=None), entry(2, b""), entry(3)._replace(body=None), entry(4)]
        assert forgotten == story(storage, b"s")
        make(storage, Write(b"s", 2, kept(3, 5), (entry(5),), (1, 4)))
        forgotten[3] = entry(4)._replace(body=None)
        assert [*forgotten, entry(5)] == story(storage, b"s")
        assert list(entries(1, 4)) == story(storage, b"other")

    def test_09_forgetting_is_for_ever(self, opens: Connect) -> None:
        """No later write brings a forgotten body back, and every connection agrees."""
        storage, other = opens(), opens()
        create(storage, b"s", head(1, 2), *entries(1, 2))
        assert list(entries(1, 2)) == story(other, b"s")
        make(storage, Write(b"s", 1, kept(2, 2), (), (1,)))
        make(other, Write(b"s", 2, head(3, 3, state=b"new"), (entry(3),), (2,)))
        make(storage, Write(b"s", 3, kept(4, 4), (entry(4),)))
        for each in (storage, other, opens()):
            assert [None, None, b"body", b"body"] == [read.body for read in story(each, b"s")]

    def test_10_deleting(self, opens: Connect) -> None:
        """A deleted stream is nowhere; created again, it has nothing of the old one."""
        storage = opens()
        create(storage, b"s", head(5, values=b"old", marks=[(b"t", 1), (b"u", 2)]))
        make(storage, Write(b"s", 5, None))
        assert load(storage, b"s") is None
        assert ([], []) == (marked(storage, b"t"), story(storage, b"s"))
        new = head(9, 1, state=b"", values=b"", marks=[(b"u", 7)])
        create(storage, b"s", new, entry(1))
        assert new == living(storage, b"s")
        assert ([], [(7, b"s")]) == (marked(storage, b"t"), marked(storage, b"u"))

    def test_11_marks_in_order(self, opens: Connect) -> None:
        """``find`` sorts by instant, then stream, up to ``until`` and strictly after ``after``."""
        storage = opens()
        carried = [(3, b"a"), (0, b"z"), (3, b"\xff"), (256, b"b"), (3, b"a\x00"), (MAX_INT, b"c"), (0, b"y")]
        for at, stream in carried:
            create(storage, stream, head(1, marks=[(b"t", at), (b"t\x00", 1), (b"s", 0)]))
        for limit in (1, 2, 100):
            assert sorted(carried) == marked(storage, b"t", limit=limit)
        for until in (0, 2, 3, 255, 256):
            assert sorted(each for each in carried if each[0] <= until) == marked(storage, b"t", until=until)
        for after in (FIRST, (0, b""), (0, b"y"), (3, b"a"), (3, b"b"), (256, b"b"), (MAX_INT, b"c")):
            expected = [each for each in sorted(carried) if each > after]
            assert expected == [
                tuple(each) for each in storage.find(b"t", until=MAX_INT, after=after, limit=99)
            ]
        assert [] == marked(storage, b"absent")

    def test_11_marks_follow_the_head(self, opens: Connect) -> None:
        """A mark that is moved, dropped or kept is found where it is, and only there."""
        storage = opens()
        create(storage, b"s", head(1, marks=[(b"move", 5), (b"drop", 5), (b"stay", 5)]))
        make(storage, Write(b"s", 1, head(2, marks=[(b"stay", 5), (b"move", 9), (b"add", 5)])))
        found = [marked(storage, token) for token in (b"move", b"drop", b"stay", b"add")]
        assert [[(9, b"s")], [], [(5, b"s")], [(5, b"s")]] == found
        make(storage, Write(b"s", 2, kept(3)))
        assert found == [marked(storage, token) for token in (b"move", b"drop", b"stay", b"add")]
        make(storage, Write(b"s", 3, head(4, marks=())))
        assert [] == marked(storage, b"stay")

    def test_11_marks_many(self, opens: Connect) -> None:
        """A head carries 1,024 marks, and loads them sorted; a token leads to many streams."""
        storage = opens()
        marks = [(b"%d" % n, n % 7) for n in range(MAX_MARKS)]
        make(storage, *(Write(b"s%d" % n, 0, head(1, marks=marks)) for n in range(5)))
        assert tuple(sorted(marks)) == living(storage, b"s3").marks
        assert [(5, b"s%d" % n) for n in range(5)] == marked(storage, b"5")

    def test_11_marks_until_any_instant(self, opens: Connect) -> None:
        """``until`` may be before everything, and later than any mark can be."""
        storage = opens()
        create(storage, b"s", head(1, marks=[(b"t", 0), (b"u", MAX_INT)]))
        for until, expected in ((-(1 << 70), []), (-1, []), (1 << 63, [(0, b"s")]), (1 << 70, [(0, b"s")])):
            assert expected == [tuple(each) for each in storage.find(b"t", until=until, after=FIRST, limit=9)]
        assert [(MAX_INT, b"s")] == marked(storage, b"u", until=1 << 64)

    def test_13_contained_after_closing(self, opens: Connect) -> None:
        """A storage that was closed says so, that nothing was written, and may be closed again."""
        storage, other = opens(), opens()
        create(other, b"s", head(1))
        close(storage)
        close(storage)
        calls: list[Callable[[], object]] = [
            lambda: storage.load([b"s"]),
            lambda: storage.commit([Write(b"s", 1, kept(2))]),
            lambda: storage.entries(b"s", after=0, limit=1),
            lambda: storage.find(b"t", until=1, after=FIRST, limit=1),
        ]
        for call in calls if isinstance(storage, Closable) else ():
            with pytest.raises(StorageUnavailable) as caught:
                call()
            assert caught.value.written is False
            assert caught.value.remedy
        if isinstance(storage, Closable):
            assert living(opens(), b"s").version == 1

    def test_14_impatient(self, opens: Connect) -> None:
        """A write that was refused is over: it is not made when its version comes to fit."""
        storage = opens()
        create(storage, b"s", head(1))
        assert [False] == list(storage.commit([Write(b"s", 2, head(9, 1, state=b"late"), (entry(1),))]))
        make(storage, Write(b"s", 1, kept(2)))
        for storage_now in (storage, opens()):
            assert living(storage_now, b"s") == head(2)
            assert [] == story(storage_now, b"s")


def _with(changed: Head, part: str, value: Any) -> Head:
    fields: dict[str, Any] = {part: value}
    return changed._replace(**fields)
