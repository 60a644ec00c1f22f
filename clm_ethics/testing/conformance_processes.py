"""The guarantees that only several processes can break: writers side by side, and writers killed.

::

    class TestMyProcesses(StorageProcessConformance):
        @pytest.fixture
        def url(self, tmp_path):
            return f"mine:///{tmp_path}/new.db"

The URL names an initially empty storage that another process can open by it, through the entry
point group ``clm_ethics.storage``. The child runs with this process's ``sys.path``.
"""

from __future__ import annotations

from itertools import pairwise
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from clm_ethics.testing.conformance_tools import create, make, story
from clm_ethics.testing.process_writer import CREATED, GROUP, appended
from clm_ethics.testing.processes import Child, Place, Told, sound

if TYPE_CHECKING:
    from clm_ethics.storage.contract import Storage


class StorageProcessConformance:
    """What the contract promises to several processes."""

    processes = 4
    """How many write at once."""
    appends = 25
    """How many entries each of them appends."""
    kills = 8
    """How many writers are killed, for each of two tests; 200 find more, and take minutes."""

    @pytest.fixture
    def place(self, url: str) -> Place:
        """Return where the storage is: at *url*."""
        return Place(url)

    def test_02_conditional_creators_in_processes(self, place: Place) -> None:
        """Of several processes that create the same streams, exactly one creates each, and is told so."""
        told = self._together(place, "create")
        winners = {n: who for who, said in enumerate(told) for n in said["won"]}
        assert self.appends == sum(len(said["won"]) for said in told) == len(winners)
        with place.opened() as storage:
            for n, who in winners.items():
                [head] = storage.load([b"contested %d" % n])
                assert head is not None
                assert (1 + who, b"%d" % who) == (head.version, head.digest)

    def test_04_linearizable_writers_in_processes(self, place: Place) -> None:
        """Processes that append by compare-and-swap leave every entry once, in order, without a gap."""
        self._together(place, "compete")
        with place.opened() as storage:
            assert self.processes * self.appends == sound(storage, b"shared")
            bodies = [each.body for each in story(storage, b"shared")]
        for who in range(self.processes):
            mine = [b"%d/%d" % (who, n) for n in range(self.appends)]
            read = [body for body in bodies if body in mine]
            assert read == [body for body in mine if body in read]
        # Every third entry makes its predecessor's body go, so two thirds of them can be counted.
        assert len(set(bodies) - {None}) == sum(body is not None for body in bodies)

    def test_01_atomic_when_killed(self, place: Place) -> None:
        """After kill -9 at any moment, each write of the group is there with all its parts, or with none."""
        for _, storage, _ in self._killed(place, seed=1):
            for stream in GROUP:
                sound(storage, stream)

    def test_05_durable_when_killed(self, place: Place) -> None:
        """After kill -9 at any moment, every acknowledged write is there, and at most one more."""
        for told, storage, said in self._killed(place, seed=5):
            made = [each["made"] for each in said if "made" in each]
            assert all(after == before + 1 for before, after in pairwise(made))
            told.judge(storage)

    def test_05_durable_when_closed_elsewhere(self, place: Place) -> None:
        """What one process has acknowledged is there for the next, and closing adds and takes nothing."""
        told: Told | None = None
        # An odd and an even number of calls: what waits for the next one is caught in one of them.
        for program in (("work", 5, 300), ("close",), ("work", 4, 300), ("close",)):
            said = _finished(Child(place, *program))
            told = Told.of(said, told.acknowledged if told else None)
            with place.opened() as storage:
                assert [told.acknowledged] * 3 == told.judge(storage)
        assert told is not None
        assert told.acknowledged == 9

    def test_13_contained_after_a_fork(self, place: Place) -> None:
        """A child that uses its parent's storage gets an answer or a named error; the parent goes on."""
        said = {key: value for each in _finished(Child(place, "fork")) for key, value in each.items()}
        assert ([True], 2) == (said.get("parent"), said.get("version")), said
        assert said["child"] in {0, 1}, "the child met something else than an answer or a StorageError"
        with place.opened() as storage:
            assert (said["child"] == 0) == (storage.load([b"child"])[0] is not None)

    def _together(self, place: Place, program: str) -> list[dict[str, Any]]:
        """Run *program* in all processes at once; return what each said."""
        with place.opened():  # so that all of them find it made
            children = [Child(place, program, who, self.appends) for who in range(self.processes)]
            for child in children:
                child.await_ready()
            for child in children:
                child.go()
            return [
                {key: value for each in _finished(child) for key, value in each.items()} for child in children
            ]

    def _killed(self, place: Place, *, seed: int) -> Any:
        """Kill writer after writer, each after some calls; yield what it told, the storage, and its words."""
        random = Random(seed)  # noqa: S311 -- to be repeated, not to be secret
        before: int | None = None
        for _ in range(self.kills):
            child = Child(place, "work", 0, random.choice((10, 3000)))
            said = []
            for _ in range(random.randint(1, 40)):
                heard = child.hear()
                assert heard is not None, child.end() or child.complaint
                said.append(heard)
            child.kill()
            said += child.end()
            told = Told.of(said, before)
            assert told.leaked is None
            assert told.error is None
            with place.opened() as storage:
                yield told, storage, said
                before = self._even(storage)

    def _even(self, storage: Storage) -> int:
        """Bring the three streams to one length again, as the next writer expects; return it."""
        for stream in GROUP:
            if storage.load([stream]) == [None]:
                create(storage, stream, CREATED)
        most = max(sound(storage, stream) for stream in GROUP)
        for stream in GROUP:
            [head] = storage.load([stream])
            assert head is not None
            if head.length < most:
                make(storage, appended(stream, head, b""))
        return most


def _finished(child: Child) -> list[dict[str, Any]]:
    """Wait until *child* has ended, which must be well."""
    said = child.end()
    assert {"ended": True} in said, said or child.complaint
    for each in said:
        assert "leaked" not in each, each["leaked"]
        assert "error" not in each, each
    return said


__all__ = ["Place", "StorageProcessConformance"]
