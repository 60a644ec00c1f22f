"""The journal: whole or absent, and only for the same tour."""

from __future__ import annotations

from pathlib import Path

import pytest

from clm_ethics.errors import UsageError
from clm_ethics.tour import journal as journals
from clm_ethics.tour.figures import Figures, Point, Tally
from clm_ethics.tour.journal import Journal


@pytest.fixture
def ledger(tmp_path):
    """The path of a ledger file that is not there yet."""
    return tmp_path / "shop.db"


NOW = "2025-01-01T00:00:00+00:00"


def begun(**changes) -> Journal:
    """Return a journal as it is when a tour begins."""
    return Journal(
        **{"source": "s", "fingerprint": "f", "seed": 1, "customers": 3, "total": 5, "until": NOW, **changes}
    )


def test_what_is_saved_is_loaded(ledger):
    """A journal comes back with all its figures."""
    figures = Figures(
        told={"basket": 3}, reads={"insight": Tally(1, 2)}, points=[Point("2025-01-01", {"customer": 1})]
    )
    journal = begun(weeks=2, until="2025-01-01", figures=figures)
    journals.save(ledger, journal)

    assert journal == journals.load(ledger)
    assert [journals.beside(ledger)] == list(ledger.parent.iterdir())


def test_a_new_file_begins(ledger):
    """Without a journal and a ledger the tour begins."""
    assert begun() == journals.resume(ledger, begun())


def test_a_stopped_tour_goes_on(ledger):
    """The stored journal is taken up, and the run is counted."""
    journals.save(ledger, begun(weeks=4))
    resumed = journals.resume(ledger, begun())

    assert (4, 2) == (resumed.weeks, resumed.runs)
    assert not resumed.finished


@pytest.mark.parametrize("change", [{"seed": 2}, {"customers": 4}, {"source": "t"}, {"fingerprint": "g"}])
def test_another_tour_is_refused(ledger, change):
    """A file holds one tour: other people, another seed or other data are refused with the difference."""
    journals.save(ledger, begun())

    with pytest.raises(UsageError, match=journals.WANTED[next(iter(change))]):
        journals.resume(ledger, begun(**change))


def test_a_ledger_without_a_journal_is_not_touched(ledger):
    """A file that no tour made is never written to."""
    ledger.write_bytes(b"somebody's data")

    with pytest.raises(UsageError):
        journals.resume(ledger, begun())


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"source": 1}'])
def test_a_damaged_journal_is_refused(ledger, content):
    """A journal that does not parse is a usage error with its place."""
    path = journals.beside(ledger)
    path.write_bytes(content)

    with pytest.raises(UsageError, match=path.name):
        journals.load(ledger)


def test_a_crash_while_saving_leaves_the_old_journal(ledger, monkeypatch):
    """The new journal replaces the old one at once, or not at all."""
    journals.save(ledger, begun(weeks=1))

    def crash(*_):
        raise OSError("no space left")

    monkeypatch.setattr(Path, "replace", crash)
    with pytest.raises(OSError, match="no space left"):
        journals.save(ledger, begun(weeks=2))

    assert 1 == journals.load(ledger).weeks
