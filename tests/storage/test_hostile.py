"""The hostile storage does what it says, and nothing else."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest

from clm_ethics.errors import StorageUnavailable
from clm_ethics.storage.contract import FIRST, Write
from clm_ethics.storage.memory import MemoryStorage
from clm_ethics.testing import Fault, HostileStorage
from clm_ethics.testing.conformance_tools import append_until, create, head, kept, living, load, story

if TYPE_CHECKING:
    from clm_ethics.storage import Storage


@pytest.mark.parametrize(
    ("fault", "written", "stored"),
    [(Fault.REFUSED, False, 1), (Fault.UNWRITTEN, None, 1), (Fault.WRITTEN, None, 2)],
)
@pytest.mark.parametrize("forever", [False, True])
def test_the_chosen_commit_fails(fault: Fault, written: bool | None, stored: int, forever: bool) -> None:
    """The n-th call meets the fault, once or from then on; what was written is what the fault says."""
    inner = MemoryStorage()
    create(inner, b"s", head(1))
    storage = HostileStorage(inner, fault=fault, fail_at=2, forever=forever)
    assert living(storage, b"s").version == 1
    with pytest.raises(StorageUnavailable) as caught:
        storage.commit([Write(b"s", 1, kept(2))])
    assert written == caught.value.written
    assert stored == living(inner, b"s").version
    if forever:
        with pytest.raises(StorageUnavailable):
            storage.load([b"s"])
    else:
        assert stored == living(storage, b"s").version
    assert (3, 1 + forever) == (storage.calls, storage.met)


def test_a_chosen_conflict() -> None:
    """A conflict refuses every write of the call, and makes none."""
    inner = MemoryStorage()
    storage = HostileStorage(inner, fault=Fault.CONFLICT, fail_at=1)
    assert [False, False] == list(storage.commit([Write(b"a", 0, head(1)), Write(b"b", 0, head(1))]))
    assert [None, None] == list(inner.load([b"a", b"b"]))
    assert [True] == list(storage.commit([Write(b"a", 0, head(1))]))


def test_reads_fail_as_reads() -> None:
    """A read that fails has written nothing; a conflict is none for a read."""
    inner = MemoryStorage()
    for fault in (Fault.REFUSED, Fault.UNWRITTEN, Fault.WRITTEN):
        storage = HostileStorage(inner, fault=fault, fail_at=1, forever=True)
        for call in reads(storage):
            with pytest.raises(StorageUnavailable) as caught:
                call()
            assert caught.value.written is False
    storage = HostileStorage(inner, fault=Fault.CONFLICT, fail_at=1, forever=True)
    assert [[None], [], []] == [list(call()) for call in reads(storage)]


def reads(storage: Storage) -> list[partial[object]]:
    """Return the three reading calls."""
    return [
        partial(storage.load, [b"s"]),
        partial(storage.entries, b"s", after=0, limit=1),
        partial(storage.find, b"t", until=0, after=FIRST, limit=1),
    ]


def test_disabled_it_is_calm() -> None:
    """Disabled, it lets everything pass and counts nothing."""
    storage = HostileStorage(MemoryStorage(), refused=1.0, conflict=1.0, pause=lambda: 1 / 0)
    storage.enabled = False
    create(storage, b"s", head(1))
    assert (0, 0) == (storage.calls, storage.met)


def test_a_malformed_write_is_refused_first() -> None:
    """A fault never hides that a call was malformed."""
    storage = HostileStorage(MemoryStorage(), refused=1.0)
    with pytest.raises(ValueError, match="1 to 64 bytes"):
        storage.commit([Write(b"", 0, head(1))])


def test_the_same_seed_meets_the_same_faults() -> None:
    """Faults at random can be repeated, and a seed of its own gives others."""
    runs = [faults(seed) for seed in (1, 1, 2)]
    assert runs[0] == runs[1] != runs[2]
    assert {"made", "refused", "unknown", "unavailable"} == set(runs[0])


def faults(seed: int) -> list[str]:
    """Return how a hundred commits go."""
    storage = HostileStorage(MemoryStorage(), seed=seed, conflict=0.3, lost=0.2, refused=0.2)
    outcomes = []
    for n in range(100):
        try:
            [made] = storage.commit([Write(b"%d" % n, 0, head(1))])
            outcomes.append("made" if made else "refused")
        except StorageUnavailable as error:
            outcomes.append("unknown" if error.written is None else "unavailable")
    return outcomes


def test_lost_answers_are_of_both_kinds() -> None:
    """Of the commits whose answer is lost, some were made and some were not."""
    inner = MemoryStorage()
    storage = HostileStorage(inner, lost=1.0)
    for n in range(50):
        with pytest.raises(StorageUnavailable) as caught:
            storage.commit([Write(b"%d" % n, 0, head(1))])
        assert caught.value.written is None
    made = sum(load(inner, b"%d" % n) is not None for n in range(50))
    assert 0 < made < 50


def test_conflicts_hit_single_writes() -> None:
    """A refusal for nothing stops its own write only, and the outcomes are told in order."""
    inner = MemoryStorage()
    storage = HostileStorage(inner, conflict=0.5)
    made = storage.commit([Write(b"%d" % n, 0, head(1)) for n in range(100)])
    assert [load(inner, b"%d" % n) is not None for n in range(100)] == list(made)
    assert 100 - sum(made) == storage.met > 10


def test_a_pause_lets_others_in() -> None:
    """Between the load and the commit of one writer, another one can write; nothing is lost."""
    inner = MemoryStorage()
    create(inner, b"s", head(1))
    calls = 0

    def intrude() -> None:
        nonlocal calls
        calls += 1
        if calls in {2, 6}:
            append_until(inner, b"s", [b"intruder"])

    storage = HostileStorage(inner, pause=intrude)
    assert 2 == append_until(storage, b"s", [b"one", b"two"])
    assert [b"intruder", b"one", b"intruder", b"two"] == [each.body for each in story(inner, b"s")]
