"""The conformance suite catches broken adapters, each at the guarantee that it breaks."""

from __future__ import annotations

import inspect
from functools import cache
from itertools import product
from threading import Lock
from typing import TYPE_CHECKING, Any

import pytest

from clm_ethics.storage.memory import MemoryStorage
from clm_ethics.testing import StorageConformance
from clm_ethics.testing.blocking import Loop, blocking
from clm_ethics.testing.conformance_tools import patient
from tests.storage import (
    broken,
    broken_blind,
    broken_bytes,
    broken_calls,
    broken_connections,
    broken_pages,
    broken_subtle,
)
from tests.storage.broken_connections import Connection

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from clm_ethics.storage import Write
    from clm_ethics.testing import Connect

MUTANTS = {
    broken.LosesWrites: {1, 3},
    broken.LosesARareWrite: {5},
    broken.IgnoresExpected: {2},
    broken.CreatesOver: {2},
    broken.ComparesOrder: {2},
    broken.ReusesVersions: {2},
    broken.LiesAboutOutcomes: {3},
    broken.AllOrNothing: {3},
    broken.SortsOutcomes: {3},
    broken.ReadsStale: {4},
    broken.TearsWrites: {1},
    broken.ForgetsAtClosing: {5},
    broken.StoresText: {6},
    broken.OverwritesValues: {7},
    broken.KeepsEmptyMarks: {7},
    broken.SortsNumbersAsText: {8},
    broken.RevivesForgotten: {9},
    broken.ForgetsDigests: {9},
    broken.EmptyIsForgotten: {9},
    broken.LeavesMarks: {10},
    broken.PagesByOffset: {11},
    broken.MissesMarks: {11},
    broken.ExcludesUntil: {11},
    broken.ChecksLate: {12},
    broken.WritesAndComplains: {13},
    broken.MakesLateWrites: {14},
    broken_connections.CachesAbsence: {4},
    broken_connections.CachesItsOwn: {4, 10},
    broken_connections.CachesPages: {4},
    broken_connections.CachesFound: {4},
    broken_connections.ReadsItsSnapshot: {4},
    broken_connections.WritesBehind: {4, 5},
    broken_connections.LosesAtClosing: {5},
    broken_connections.RetriesAtReading: {14},
    broken_connections.RetriesAtClosing: {14},
    broken_connections.BelongsToAThread: {4, 13},
    broken_calls.ForgetsWhenRefused: {1},
    broken_calls.MarksWhenRefused: {1},
    broken_calls.LeavesValuesBehind: {1},
    broken_calls.WritesInTwoSteps: {1},
    broken_calls.Keeps32Bits: {2},
    broken_calls.ComparesFloats: {2},
    broken_calls.DeletesAnyVersion: {2},
    broken_calls.ChecksThenWrites: {2},
    broken_calls.DropsTheEndOfLargeGroups: {3},
    broken_calls.TellsRowCounts: {3},
    broken_calls.StopsAtARefusal: {3},
    broken_calls.TellsDeletionsAsMade: {3},
    broken_calls.KeepsTheCallersList: {3},
    broken_calls.WantsTuples: {3},
    broken_bytes.FoldsCase: {6},
    broken_bytes.NormalisesText: {6},
    broken_bytes.StripsBlanks: {6},
    broken_bytes.StripsZeros: {6},
    broken_bytes.CutsNames: {6},
    broken_bytes.HexesKeys: {6},
    broken_bytes.FoldsTokens: {6},
    broken_bytes.CutsLargeParts: {6},
    broken_bytes.ReturnsViews: {6},
    broken_bytes.ReturnsLists: {6},
    broken_bytes.ReturnsRows: {6},
    broken_bytes.ReturnsAnIterator: {6},
    broken_bytes.RoundsInstants: {6},
    broken_bytes.SharesItsLists: {6},
    broken_bytes.LosesMarksWithValues: {7},
    broken_bytes.LosesStateWithMarks: {7},
    broken_bytes.TakesEmptyForNone: {7},
    broken_bytes.LosesPartsAtAppending: {7},
    broken_pages.ReturnsOneMore: {8},
    broken_pages.CountsFromTheEnd: {8},
    broken_pages.StartsAtAfter: {8},
    broken_pages.LosesFullPages: {8},
    broken_pages.EndsAtThousands: {8},
    broken_pages.SkipsWholePagesOfForgotten: {8},
    broken_pages.BurnsNumbers: {8},
    broken_pages.ForgetsTheFirstOnly: {9},
    broken_pages.ForgetsUpTo: {9},
    broken_pages.RevivesAtClosing: {9},
    broken_pages.RevivesAtScrubbing: {9},
    broken_pages.ForgetsInAllStreams: {9},
    broken_pages.DeletesByPrefix: {10},
    broken_pages.LeavesATombstone: {10},
    broken_pages.IgnoresUntil: {11},
    broken_pages.SortsByStream: {11},
    broken_pages.SortsByInstant: {11},
    broken_pages.ComparesPartsAlone: {11},
    broken_pages.IncludesAfter: {11},
    broken_pages.SortsSignedBytes: {11},
    broken_pages.LeavesMovedMarks: {11},
    broken_pages.MatchesTokensByPrefix: {11},
    broken_pages.OneStreamAnInstant: {11},
    broken_calls.ChecksNothing: {12},
    broken_calls.ChecksEachAlone: {12},
    broken_calls.ChecksWhatFits: {12},
    broken_calls.TakesAnyBuffer: {12},
    broken_calls.IsTooStrict: {12},
    broken_calls.MakesTheRestLater: {12},
    broken_calls.AnswersAnyQuestion: {12},
    broken_calls.LeaksAtLoad: {13},
    broken_calls.LeaksAtEntries: {13},
    broken_calls.LeaksAtFind: {13},
    broken_calls.LeaksAtClose: {13},
    broken_calls.ServesWhenClosed: {13},
    broken_calls.DoesNotKnow: {13},
    broken_calls.SaysWrittenWhenClosed: {13},
    broken_calls.LeaksForTheAbsent: {2},
    broken_subtle.AppendsOrForgets: {9},
    broken_subtle.BlanksLateDigests: {9},
    broken_subtle.ForgetsAFewAtOnce: {9},
    broken_subtle.CountsTheLiving: {9},
    broken_subtle.SharesEqualBodies: {9},
    broken_subtle.KeepsADigestOnce: {9},
    broken_subtle.CountsIn16Bits: {8},
    broken_subtle.ReversesTies: {11},
    broken_subtle.PagesForEver: {11},
    broken_subtle.StopsAtAnEmptyPage: {11},
    broken_subtle.IndexesTheFirstMarks: {11},
    broken_subtle.ComparesInstantsAsFloats: {11},
    broken_subtle.LoadsMarksUnsorted: {11},
    broken_subtle.DropsMarksGivenAgain: {11},
    broken_subtle.LoadsByHundreds: {6},
    broken_subtle.TakesEmptyDigestsForNone: {6},
    broken_subtle.TakesNoStateForEmpty: {7},
    broken_subtle.ChecksByHundreds: {12},
    broken_subtle.ForgetsBeforeChecking: {12},
    broken_subtle.TellsBeforeItLocks: {3},
    broken_subtle.SharesItsCursor: {4},
    broken_subtle.SharesItsPages: {4},
    broken_subtle.LocksInTheOrderGiven: {13},
    broken_subtle.NeverWaits: {13},
    broken_subtle.RemembersEntries: {9},
    broken_subtle.RemembersColdParts: {4},
    broken_subtle.CreatesFromARemnant: {10},
    broken_subtle.DeletesFewMarks: {10},
    broken_subtle.QueuesTheBusy: {14},
    broken_blind.ScansFullPagesOnly: {4},
    broken_blind.ScansShortNamesFirst: {4},
    broken_blind.ScansTheDeleted: {10},
    broken_blind.ScansFirstVersions: {4},
    broken_blind.ScansAnything: {12},
    broken_blind.ChecksGroupsBefore: {2},
    broken_blind.RespellsHex: {6},
    broken_blind.SortsTheCallersList: {3},
    broken_blind.HandsOverNoMarks: {11},
    broken_blind.ComparesTheBeginning: {11},
    broken_blind.RefusesFullDeletions: {3},
    broken_blind.ChecksAsItGoes: {12},
    broken_blind.TearsWhenCancelled: {1},
    broken_blind.AnswersWhenCancelled: {1},
}


SOUND = {Connection, broken_blind.Awaiting}
"""What mutants are made of, and is none."""


class Quick(StorageConformance):
    """The suite with small races: a mutant is not subtle."""

    writers = 2
    appends = 5
    examples = 20
    shrinking = False


# It is run by hand here, on storages that must fail it.
Quick.__test__ = False  # type: ignore[attr-defined]


def connecting(mutant: type) -> Connect:
    """Return a ``connect`` whose connections are one *mutant*, or broken ones to one sound storage."""
    if issubclass(mutant, (Connection, broken.ReadsStale)):
        memory = MemoryStorage()
        return lambda: mutant(memory)
    if issubclass(mutant, broken_blind.Awaiting):
        memory = MemoryStorage()
        return lambda: blocking(mutant(memory), loop)
    one = mutant()
    return lambda: one


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it believes to run unattended, pytest writes out how 70,000 entries differ: for minutes."""
    for name in ("CI", "BUILD_NUMBER"):
        monkeypatch.delenv(name, raising=False)


@cache
def loop() -> Loop:
    """Return the event loop of all awaiting mutants; its thread ends with the tests."""
    return Loop()


def facts(number: int | None = None) -> Iterator[tuple[str, dict[str, Any]]]:
    """Return every test of the guarantee *number* (or of all), with each of its parameters."""
    for name, test in inspect.getmembers(StorageConformance, inspect.isfunction):
        if name.startswith("test_0" if number is None else f"test_{number:02}_") or (
            number is None and name.startswith("test_1")
        ):
            marks = getattr(test, "pytestmark", [])
            choices = [[(mark.args[0], value) for value in mark.args[1]] for mark in marks]
            for chosen in product(*choices):
                yield name, dict(chosen)


def falls(mutant: type, name: str, parameters: dict[str, Any]) -> bool:
    """Tell whether a *mutant* fails one test."""
    try:
        getattr(Quick(), name)(connecting(mutant), **parameters)
    except (Exception, pytest.fail.Exception):  # noqa: BLE001 -- however it fails
        return True
    return False


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.__name__)
def test_a_broken_adapter_fails_at_the_guarantee_it_breaks(mutant: type) -> None:
    """Each mutant is caught by a test with the number of what it breaks."""
    for number in MUTANTS[mutant]:
        assert any(falls(mutant, *fact) for fact in facts(number)), f"guarantee {number} held"


def test_a_sound_adapter_fails_nowhere() -> None:
    """Run by hand in the same way, the specification itself has no failure."""
    for sound in (MemoryStorage, Connection, broken_blind.Awaiting):
        assert [] == [fact for fact in facts() if falls(sound, *fact)]


def test_every_guarantee_has_a_test_and_mutants() -> None:
    """The contract's fourteen guarantees are all tested, and each test number has caught something."""
    tested = {int(name.split("_")[1]) for name, _ in facts()}
    assert set(range(1, 15)) == tested == set().union(*MUTANTS.values())


def test_every_broken_adapter_is_tried() -> None:
    """No mutant was written and forgotten."""
    written = {
        each
        for module in (
            broken,
            broken_blind,
            broken_bytes,
            broken_calls,
            broken_connections,
            broken_pages,
            broken_subtle,
        )
        for name, each in inspect.getmembers(module, inspect.isclass)
        if each.__module__ == module.__name__ and not name.startswith("_") and each not in SOUND
    }
    assert written == MUTANTS.keys()


@pytest.mark.parametrize("mutant", [broken.OverwritesValues, broken.ForgetsDigests, broken.LiesAboutOutcomes])
def test_the_machine_finds_mutants_by_itself(mutant: type) -> None:
    """Compared with the model, a mutant is found without a test written for it."""
    with pytest.raises(AssertionError):
        Quick().test_all_against_the_model(connecting(mutant))


class HoldsItsPages(MemoryStorage):
    """Locks out every writer until who pages has come to the end."""

    def __init__(self) -> None:
        super().__init__()
        self.paging = Lock()

    def find(self, token: bytes, /, **page: Any) -> Sequence[tuple[int, bytes]]:
        rows = super().find(token, **page)
        if rows:
            self.paging.acquire(blocking=False)
        return rows

    def commit(self, writes: Sequence[Write], /) -> Sequence[bool]:
        with self.paging:
            return super().commit(writes)


def test_paging_that_blocks_writers_falls() -> None:
    """A page that keeps others from writing is caught by the test of paging while others write."""
    with pytest.raises(AssertionError, match="a call never returned"), patient(2):
        Quick().test_11_marks_while_paging(connecting(HoldsItsPages))


def test_a_call_that_never_returns_falls() -> None:
    """A storage that keeps its writers waiting for ever ends a test, not the run."""
    lock = Lock()
    lock.acquire()
    with pytest.raises(AssertionError, match="a call never returned"), patient(0.05):
        lock.acquire()
