"""Guarantees 1, 5 and 13 for adapters that keep their data in files: full, failing and lying disks.

::

    class TestMyFiles(StorageFileConformance):
        @pytest.fixture
        def placed(self):
            return lambda folder: f"mine:///{folder}/new.db"

``placed`` returns the URL of a storage whose files are all in the folder that it is given. What
needs ``strace``, or the right to mount, is skipped with that reason where it is missing.

A killed process does not show that anything reached the disk: the system keeps what was
written. So syncs are counted, too, and made to fail.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from clm_ethics.testing.faults import (
    CHANGES,
    NAMING,
    SYNCS,
    WRITES,
    NoRightToMountError,
    counted,
    enlarge,
    injecting,
    repeated_syncs,
    small_disk,
    spread,
    tracing,
    unsynced_answers,
    unsynced_names,
    untraceable,
)
from clm_ethics.testing.processes import Child, Place, Told

if TYPE_CHECKING:
    from collections.abc import Iterator

Placed = Callable[[Path], str]
"""The fixture: returns the URL of a storage in a folder."""


class StorageFileConformance:
    """What the contract promises whatever the disk does."""

    points = 5
    """At how many places a sweep stops; 10,000 stop at every call, and take minutes."""
    calls = 8
    """How many groups of writes a program makes that is broken somewhere."""
    disk = 1 << 20
    """How many bytes the small disk has, and how long the longest file may be."""

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        """Return where the tests make folders."""
        return tmp_path

    @pytest.fixture
    def fresh(self, placed: Placed, folder: Path) -> Callable[[], Place]:
        """Return what returns a place for a new storage each time."""
        numbers = count()

        def fresh() -> Place:
            each = folder / f"run{next(numbers)}"
            each.mkdir()
            return Place(placed(each))

        return fresh

    def test_01_atomic_killed_at_every_write(self, fresh: Callable[[], Place], tmp_path: Path) -> None:
        """Killed at its n-th change of a file or folder, a program leaves each write whole or absent."""
        for n, told, place in self._swept(fresh, tmp_path, CHANGES, "signal=KILL"):
            assert told.error is None, f"call {n}: {told.error}"
            with place.opened() as storage:
                told.judge(storage)

    def test_01_atomic_when_a_write_fails(self, fresh: Callable[[], Place], tmp_path: Path) -> None:
        """Where one write to a file fails, each of the group is whole or absent, and what is said is so."""
        for _, told, place in self._swept(fresh, tmp_path, WRITES, "error=EIO"):
            with place.opened() as storage:
                told.judge(storage)

    def test_13_contained_when_writes_fail(self, fresh: Callable[[], Place], tmp_path: Path) -> None:
        """From the n-th write on the disk is full: a named error, a remedy, an honest ``written``."""
        for n, told, place in self._swept(fresh, tmp_path, WRITES, "error=ENOSPC", forever=True):
            assert told.leaked is None, f"call {n}: {told.leaked}"
            self._explained(told)
            with place.opened() as storage:
                told.judge(storage)

    def test_13_contained_when_syncs_fail(self, fresh: Callable[[], Place], tmp_path: Path) -> None:
        """A commit whose sync fails is not acknowledged, and the error says honestly what is known."""
        for n, told, place in self._swept(fresh, tmp_path, SYNCS, "error=EIO"):
            assert told.leaked is None, f"sync {n}: {told.leaked}"
            with place.opened() as storage:
                told.judge(storage)

    def test_05_durable_only_after_a_sync(self, fresh: Callable[[], Place], tmp_path: Path) -> None:
        """Where every sync fails from some moment on, nothing is acknowledged any more."""
        total = self._counted(fresh(), tmp_path, SYNCS)
        assert total >= self.calls, "fewer syncs than acknowledged calls"
        place = fresh()
        child = Child(place, "work", self.calls * 2, 300, before=injecting(SYNCS, "error=EIO", f"{total}+"))
        told = Told.of(child.end())
        assert told.error is not None, "all was acknowledged, and no sync had succeeded"
        self._explained(told)
        with place.opened() as storage:
            told.judge(storage)

    def test_05_durable_a_sync_for_each_call(self, fresh: Callable[[], Place], tmp_path: Path) -> None:
        """So many acknowledged calls more are at least so many syncs more."""
        few = self._counted(fresh(), tmp_path, SYNCS)
        many = self._counted(fresh(), tmp_path, SYNCS, calls=self.calls * 3)
        assert many - few >= self.calls * 2, "calls were acknowledged that nothing had made durable"

    def test_05_durable_by_a_sync_after_the_writing(self, fresh: Callable[[], Place], tmp_path: Path) -> None:
        """Between the writing for a call and its answer there is a sync of what was written."""
        log = tmp_path / "answers.trace"
        self._traced(fresh(), log, f"sendto,openat,{WRITES},{SYNCS}")
        assert unsynced_answers(log) == 0, "calls were answered whose bytes were synced by nothing"

    def test_05_durable_under_its_name(self, fresh: Callable[[], Place], tmp_path: Path) -> None:
        """A file that was made or renamed is not lost with its name: its folder is synced afterwards."""
        log = tmp_path / "names.trace"
        self._traced(fresh(), log, f"{NAMING},{SYNCS}")
        assert [] == unsynced_names(log), "a loss of power takes these names away"

    def test_05_durable_only_by_a_sync_that_succeeded(
        self, fresh: Callable[[], Place], tmp_path: Path
    ) -> None:
        """After a sync has failed the same pages are not synced again and called safe."""
        log = tmp_path / "failed.trace"
        for n in spread(self._counted(fresh(), tmp_path, SYNCS), min(self.points, 3)):
            failing = injecting(SYNCS, "error=EIO", str(n), log=str(log), also=WRITES)
            told = Told.of(Child(fresh(), "work", self.calls, 300, before=failing).end())
            # After an error nothing rests on the failed sync; where there was none, everything does.
            again = repeated_syncs(log) if told.error is None else []
            assert [] == again, f"sync {n} failed; these were synced again, and not written again before"

    def test_13_contained_on_a_full_disk(self, placed: Placed, folder: Path) -> None:
        """On a full disk, a named error; what was acknowledged is there, and with space it goes on."""
        small = folder / "small"
        small.mkdir()
        try:
            with small_disk(small, self.disk):
                self._fill(Place(placed(small)), lambda: enlarge(small, 64 * self.disk))
        except NoRightToMountError as error:
            pytest.skip(str(error))

    def test_13_contained_when_no_file_may_grow(self, fresh: Callable[[], Place]) -> None:
        """Where files may not grow any more, a named error; what was acknowledged is there."""
        self._fill(fresh(), lambda: None, limit=self.disk)

    def _fill(self, place: Place, relieve: Callable[[], None], *, limit: int = 0) -> None:
        most = self.disk // 1000
        told = Told.of(Child(place, "work", most, 2000, limit=limit).end())
        assert told.leaked is None, told.leaked
        if told.error is None:
            pytest.skip(f"{most} calls did not fill it")
        self._explained(told)
        relieve()
        with place.opened() as storage:
            lengths = told.judge(storage)
        assert told.acknowledged is None or told.seen is not None, "after the error nothing could be read"
        if len(set(lengths)) == 1:
            again = Told.of(Child(place, "work", 3, 10).end(), lengths[0])
            assert (None, None) == (again.leaked, again.error)
            with place.opened() as storage:
                assert [lengths[0] + 3] * 3 == again.judge(storage)

    def _swept(
        self, fresh: Callable[[], Place], folder: Path, calls: str, what: str, *, forever: bool = False
    ) -> Iterator[tuple[int, Told, Place]]:
        """Break a program at its n-th call, for n from first to last; yield what it told, and where."""
        total = self._counted(fresh(), folder, calls)
        for n in spread(total, self.points):
            place = fresh()
            before = injecting(calls, what, f"{n}+" if forever else str(n))
            yield n, Told.of(Child(place, "work", self.calls, 300, before=before).end()), place

    def _counted(self, place: Place, folder: Path, names: str, *, calls: int = 0) -> int:
        """Let a program make its calls in peace; return how many system calls with these *names* it makes."""
        log = folder / "calls.trace"
        self._traced(place, log, names, calls=calls)
        return counted(log, names)

    def _traced(self, place: Place, log: Path, names: str, *, calls: int = 0) -> None:
        """Let a program make its calls in peace, and *log* its system calls with these *names*."""
        if reason := untraceable():
            pytest.skip(reason)
        child = Child(place, "work", calls or self.calls, 300, before=tracing(log, names))
        told = Told.of(child.end())
        assert (None, None) == (told.error, told.leaked), child.complaint
        assert told.acknowledged == (calls or self.calls), child.complaint

    def _explained(self, told: Told) -> None:
        if told.error is not None:
            assert told.error["contained"], told.error
            assert told.error["remedy"], "an error without a remedy"
            assert "xxx" not in told.error["text"], "an error that shows what is stored"


__all__ = ["Placed", "StorageFileConformance"]
