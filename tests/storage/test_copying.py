"""Copying: ids, versions and bytes stay the same, whatever interrupts it and whoever writes meanwhile."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clm_ethics.errors import StorageCorrupt, StorageUnavailable, UsageError
from clm_ethics.storage import copying
from clm_ethics.storage.contract import COPYING, Entry, Head, Mark, Scannable, Write
from clm_ethics.storage.copying import copy, scanned
from clm_ethics.storage.memory import MemoryStorage
from clm_ethics.storage.postgresql import PostgresStorage
from clm_ethics.storage.sqlite import SqliteStorage
from clm_ethics.testing.conformance_tools import create, entries, entry, head, kept, make, story

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from tests.storage.postgresql_server import Server


class Wrapped:
    """A storage with a storage inside: may fail at a commit, or let somebody act after a page."""

    def __init__(self, inner: Any, *, fails_at: int = 0, acts: Any = None) -> None:
        self.inner = inner
        self.commits = 0
        self._fails_at = fails_at
        self._acts = acts

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def commit(self, writes: Sequence[Write], /) -> Sequence[bool]:
        self.commits += 1
        if self.commits == self._fails_at:
            raise StorageUnavailable("injected", written=False)
        done: Sequence[bool] = self.inner.commit(writes)
        return done

    def scan(self, *, after: bytes, limit: int) -> Sequence[tuple[bytes, int]]:
        page: Sequence[tuple[bytes, int]] = self.inner.scan(after=after, limit=limit)
        if self._acts is not None:
            self._acts()
        return page


def everything(storage: Any) -> dict[bytes, tuple[Head, list[Entry]]]:
    """Return every stream of *storage*, whole."""
    return {name: (storage.load([name])[0], story(storage, name)) for name, _ in scanned(storage)}


def is_closed(storage: Any) -> bool:
    """Whether the mark of an unfinished copy is there."""
    return storage.load([COPYING])[0] is not None


def forget(storage: Any, stream: bytes, version: int, length: int, *indexes: int) -> None:
    """Forget the bodies of *indexes*."""
    make(storage, Write(stream, version, kept(version + 1, length), (), indexes))


def filled(storage: Any) -> Any:
    """Put into *storage* what a ledger has: keys, marks, many entries, forgotten ones, empty bytes."""
    create(storage, b"\x00key", head(7))
    create(storage, b"claim", head(9, marks=[(b"t", 5)]))
    create(storage, b"short", head(3, 3, marks=[(b"t", 1), (b"u", 2)]), *entries(1, 3))
    forget(storage, b"short", 3, 3, 1, 3)
    for start in range(1, 1301, 650):
        write = Write(
            b"long",
            start - 1,
            head(start + 649 if start > 1 else 650, start + 649),
            tuple(entry(index) for index in range(start, start + 650)),
        )
        make(storage, write)
    return storage


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Go in small steps, so that a few streams take many."""
    for name, value in {
        "PAGE": 2,
        "CHUNK": 3,
        "CHUNK_BYTES": 64,
        "MAX_FORGETS": 2,
        "CALL_BYTES": 100,
    }.items():
        monkeypatch.setattr(copying, name, value)


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    """Return an empty storage of each kind."""
    if request.param == "memory":
        yield MemoryStorage()
    elif request.param == "sqlite":
        with closing(SqliteStorage(tmp_path / "copy.db")) as storage:
            yield storage
    else:
        server = request.getfixturevalue("emptied")
        with closing(PostgresStorage(server.address())) as storage:
            yield storage


def test_scanning(place: Any) -> None:
    """Each adapter lists its streams in the order of their bytes, page by page, strictly after a place."""
    names = sorted([b"\x00", b"\x00\x01", b"a", b"ab", b"b", b"\xff", b"\xff\xff" * 32])
    for number, name in enumerate(reversed(names), start=1):
        create(place, name, head(number))
    found: list[tuple[bytes, int]] = []
    while page := place.scan(after=found[-1][0] if found else b"", limit=2):
        found += page
    assert [*zip(names, range(len(names), 0, -1), strict=True)] == found
    assert isinstance(place, Scannable)
    for wrong in ({"after": b"x" * 65, "limit": 1}, {"after": b"", "limit": 0}):
        with pytest.raises(ValueError, match="paging"):
            place.scan(**wrong)


def test_a_copy_is_the_same(place: Any) -> None:
    """Everything arrives with its version, forgotten bodies and marks too, and can be copied back."""
    source = filled(MemoryStorage())
    done = copy(source, place)
    assert done
    assert (4, 1303, 4, 0, 2) == (done.streams, done.entries, done.written, done.deleted, done.passes)
    assert everything(source) == everything(place)
    assert not is_closed(place)
    assert [(1, b"short"), (5, b"claim")] == list(place.find(b"t", until=9, after=(-1, b""), limit=9))
    back = MemoryStorage()
    assert copy(place, back)
    assert everything(source) == everything(back)


def test_a_finished_copy_again(place: Any) -> None:
    """A finished copy is compared, found the same, and left alone; one that lives its own life is refused."""
    source = filled(MemoryStorage())
    copy(source, place)
    again = copy(source, place)
    assert (True, 0, 4) == (bool(again), again.written, again.streams)
    create(place, b"mine", head(1))
    with pytest.raises(UsageError, match="streams of its own"):
        copy(source, place)
    assert not is_closed(place)


def test_a_target_of_somebody_else() -> None:
    """A storage that has anything else in it is refused before anything is written."""
    target = MemoryStorage()
    create(target, b"theirs", head(1, 1), entry(1))
    before = everything(target)
    with pytest.raises(UsageError, match="name an empty storage"):
        copy(filled(MemoryStorage()), target)
    assert (before, False) == (everything(target), is_closed(target))


def test_an_unfinished_copy_as_source() -> None:
    """Half a storage is not copied on."""
    source = MemoryStorage()
    create(source, COPYING, head(1))
    with pytest.raises(UsageError, match="not finished"):
        copy(source, MemoryStorage())


class Plain:
    """A storage that cannot list its streams."""

    def load(self, streams: Sequence[bytes], /) -> Sequence[Head | None]:
        return [None for _ in streams]


def test_a_storage_that_cannot_list() -> None:
    """Who cannot list is named."""
    for source, target, what in ((Plain(), MemoryStorage(), "source"), (MemoryStorage(), Plain(), "target")):
        with pytest.raises(UsageError, match=f"the {what} cannot list"):
            copy(source, target)  # type: ignore[arg-type]


@pytest.mark.usefixtures("small")
def test_interrupted_at_each_commit() -> None:
    """Whichever commit of the target fails, nobody can open it, and the same call goes on to the end."""
    source = MemoryStorage()
    create(source, b"key", head(7))
    create(source, b"one", head(3, 8), *entries(1, 8))
    forget(source, b"one", 3, 8, 1, 2, 5, 7, 8)
    create(source, b"two", head(5, 4, marks=[(b"t", 1)]), *entries(1, 4))
    counting = Wrapped(MemoryStorage())
    assert copy(source, counting)
    assert counting.commits > 8
    for at in range(1, counting.commits + 1):
        target = MemoryStorage()
        with pytest.raises(StorageUnavailable, match="injected"):
            copy(source, Wrapped(target, fails_at=at))
        assert (at > 1) == is_closed(target)
        whole = everything(source)
        for name, (standing, _) in everything(target).items():
            assert standing == whole[name][0] or standing.state == copying.UNFINISHED
        assert copy(source, target)
        assert everything(source) == everything(target)
        assert not is_closed(target)


def test_what_is_deleted_meanwhile_is_deleted() -> None:
    """A key that is destroyed while it is being copied, or between two calls, is not in the copy."""
    source = filled(MemoryStorage())
    target = MemoryStorage()
    calls = []

    def destroy() -> None:
        calls.append(1)
        if len(calls) == 3:  # in the second pass: the first has copied it
            make(source, Write(b"\x00key", 7, None))

    done = copy(Wrapped(source, acts=destroy), target)
    assert done
    assert (1, None) == (done.deleted, target.load([b"\x00key"])[0])
    assert everything(source) == everything(target)

    create(source, b"\x00key", head(11))
    target = MemoryStorage()
    with pytest.raises(StorageUnavailable):
        copy(source, Wrapped(target, fails_at=3))
    assert target.load([b"\x00key"])[0] is not None
    make(source, Write(b"\x00key", 11, None))
    assert copy(source, target)
    assert everything(source) == everything(target)


def test_a_deleted_key_is_scrubbed_from_the_target_s_files(tmp_path: Path) -> None:
    """Not a byte of a key that was destroyed meanwhile stays in the files of the copy."""
    secret = b"wrapped key of somebody who was erased"
    source = MemoryStorage()
    create(source, b"key", head(7)._replace(state=secret))
    create(source, b"s", head(1, 1), entry(1))
    path = tmp_path / "copy.db"
    with closing(SqliteStorage(path)) as target:
        with pytest.raises(StorageUnavailable):
            copy(source, Wrapped(target, fails_at=3))
        make(source, Write(b"key", 7, None))
        done = copy(source, target)
    assert (1, True) == (done.deleted, any("rewritten" in line for line in done.scrubbed))
    assert not any(secret in file.read_bytes() for file in tmp_path.iterdir())


def test_a_source_that_keeps_moving() -> None:
    """A source in use is gone over again; if it does not come to rest the copy says so, and stays closed."""
    source = filled(MemoryStorage())
    target = MemoryStorage()
    version = iter(range(3, 1000))

    def move() -> None:
        at = source.load([b"long"])[0].version
        make(source, Write(b"long", at, kept(5000 + next(version), 1300)))

    done = copy(Wrapped(source, acts=move), target, passes=3)
    assert (False, 3, True) == (bool(done), done.passes, is_closed(target))
    assert done.moving
    assert copy(source, target)
    assert everything(source) == everything(target)


class Changing:
    """Changes a source at random: creates, appends, forgets and deletes. No version comes twice."""

    def __init__(self, source: MemoryStorage, data: st.DataObject) -> None:
        self._source = source
        self._data = data
        self._versions = iter(range(1000, 1 << 40, 1000))

    def maybe(self) -> None:
        """Change something now and then."""
        if self._data.draw(st.integers(0, 3)) == 0:
            self.change()

    def change(self) -> None:
        """Change something."""
        draw = self._data.draw
        name = draw(st.sampled_from([b"A", b"B", b"C", b"D", b"E"]))
        standing = self._source.load([name])[0]
        if standing is None:
            create(self._source, name, head(next(self._versions), 0))
        elif standing.length == 0 and draw(st.booleans()):
            make(self._source, Write(name, standing.version, None))
        else:
            length = standing.length + draw(st.integers(0, 4))
            new = entries(standing.length + 1, length) if length > standing.length else ()
            old = st.lists(st.integers(1, standing.length), unique=True, max_size=3)
            gone = sorted(draw(old)) if standing.length else []
            write = Write(name, standing.version, kept(standing.version + 1, length), tuple(new), tuple(gone))
            make(self._source, write)


@pytest.mark.usefixtures("small")
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_happens_in_the_source(data: st.DataObject) -> None:
    """Creations, appends, forgettings and deletions between pages and interruptions: the end is the same."""
    source, target = MemoryStorage(), MemoryStorage()
    changing = Changing(source, data)
    for _ in range(data.draw(st.integers(0, 8))):
        changing.change()
    for _ in range(data.draw(st.integers(0, 3))):
        fails_at = data.draw(st.integers(1, 9))
        try:
            copy(Wrapped(source, acts=changing.maybe), Wrapped(target, fails_at=fails_at), passes=3)
        except StorageUnavailable:
            continue
        if not is_closed(target):  # it was finished, and the source may have moved on since
            target = MemoryStorage()
    assert copy(source, target)
    assert everything(source) == everything(target)
    assert not is_closed(target)


def test_another_past() -> None:
    """A stream of the same name with other entries, or with more, is never overwritten."""
    source = MemoryStorage()
    create(source, b"s", head(3, 2), *entries(1, 2))
    other = Entry(1, b"other", b"body")
    for theirs in ([other], [*entries(1, 3)]):
        target = MemoryStorage()
        create(target, COPYING, head(1))
        create(target, b"s", head(1, len(theirs)), *theirs)
        with pytest.raises(StorageCorrupt, match=r"a stream (has another past|is longer)"):
            copy(source, target)
    target = MemoryStorage()
    create(target, COPYING, head(1))
    create(target, b"z", head(1, 1), entry(1))
    with pytest.raises(StorageCorrupt, match="is not in the source"):
        copy(source, target)


def test_bytes_are_compared() -> None:
    """The same version with other bytes is found, in the head and in an entry."""
    for index, changed in ((0, "head"), (1, "entry")):
        source, target = filled(MemoryStorage()), MemoryStorage()
        copy(source, target)
        create(target, COPYING, head(1))
        if index:
            target._entries[b"long"][700] = entry(701)._replace(body=b"altered")
        else:
            target._heads[b"claim"] = target._heads[b"claim"]._replace(marks=(Mark(b"t", 6),))
        with pytest.raises(StorageCorrupt, match="is not what the source has"):
            copy(source, target)
        assert changed


def test_somebody_writes_to_the_target(emptied: Server) -> None:
    """A conditional write that is refused stops the copy: nobody else may write there."""
    source = filled(MemoryStorage())
    with closing(PostgresStorage(emptied.address())) as target:

        class Racing(Wrapped):
            def commit(self, writes: Sequence[Write], /) -> Sequence[bool]:
                if writes[0].stream != COPYING:
                    create(target, writes[0].stream, head(1, 0))
                done: Sequence[bool] = target.commit(writes)
                return done

        with pytest.raises(StorageUnavailable, match="somebody else writes to the target"):
            copy(source, Racing(target))
