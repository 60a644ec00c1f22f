"""Guarantee 12: what a call may not contain, and that nothing is touched if it does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest

from clm_ethics.storage.contract import (
    FIRST,
    MAX_CALL,
    MAX_ENTRIES,
    MAX_FORGETS,
    MAX_ID,
    MAX_INT,
    MAX_MARKS,
    MAX_PART,
    MAX_WRITES,
    Entry,
    Write,
)
from clm_ethics.testing.conformance_tools import (
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
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from clm_ethics.storage.contract import Storage
    from clm_ethics.testing.conformance_tools import Connect

_LONG: Final = b"x" * (MAX_ID + 1)
_HUGE: Final = b"x" * (MAX_PART + 1)
_FULL: Final = b"x" * MAX_PART


def _on(head_or_none: object, *appended: Entry, expected: int = 1, forget: tuple[int, ...] = ()) -> Write:
    return Write(b"s", expected, head_or_none, appended, forget)  # type: ignore[arg-type]  # it is to be refused


_BUFFER: Final[Any] = bytearray(b"x")
_VIEW: Final[Any] = memoryview(b"x")
_TEXT: Final[Any] = "x"

MALFORMED: Final[dict[str, list[Write]]] = {
    "two writes for one stream": [_on(head(2, 2)), _on(head(3, 2), expected=2)],
    "two writes for one stream, far apart": [
        _on(head(2, 2)),
        *(Write(b"between%d" % n, 0, head(1)) for n in range(MAX_WRITES - 3)),
        _on(head(3, 2), expected=2),
    ],
    "a gap in the entries": [_on(head(2, 4), entry(3), Entry(5, b"", b""))],
    "entries in the wrong order": [_on(head(2, 4), entry(4), entry(3))],
    "an entry twice": [_on(head(2, 3), entry(3), entry(3))],
    "entries that end below the length": [_on(head(2, 4), entry(3))],
    "entries that end above the length": [_on(head(2, 3), entry(3), entry(4))],
    "an entry numbered 0": [_on(head(2, 0), entry(0))],
    "an entry without a body": [_on(head(2, 3), entry(3)._replace(body=None))],
    "forgetting what it appends": [_on(head(2, 3), entry(3), forget=(3,))],
    "forgetting what is not there": [_on(head(2, 2), forget=(3,))],
    "forgetting the entry 0": [_on(head(2, 2), forget=(0,))],
    "deleting with entries": [_on(None, entry(3))],
    "deleting with forgetting": [_on(None, forget=(1,))],
    "deleting what does not exist": [_on(None, expected=0)],
    "the expected version again": [_on(head(1, 2))],
    "version 0": [_on(head(0, 2))],
    "a version over the limit": [_on(head(MAX_INT + 1, 2))],
    "a negative expected version": [_on(head(2, 2), expected=-1)],
    "creating without a state": [Write(b"new", 0, head(1, state=None))],
    "creating without values": [Write(b"new", 0, head(1, values=None))],
    "creating without marks": [Write(b"new", 0, head(1, marks=None))],
    "an empty id": [Write(b"", 0, head(1))],
    "a long id": [Write(_LONG, 0, head(1))],
    "a long digest": [_on(head(2, 2, digest=_LONG))],
    "a long digest of an entry": [_on(head(2, 3), Entry(3, _LONG, b""))],
    "a huge state": [_on(head(2, 2, state=_HUGE))],
    "huge values": [_on(head(2, 2, values=_HUGE))],
    "a huge body": [_on(head(2, 3), entry(3, _HUGE))],
    "an empty token": [_on(head(2, 2, marks=[(b"", 0)]))],
    "a long token": [_on(head(2, 2, marks=[(_LONG, 0)]))],
    "a token twice": [_on(head(2, 2, marks=[(b"t", 0), (b"t", 1)]))],
    "an instant before 1970": [_on(head(2, 2, marks=[(b"t", -1)]))],
    "an instant over the limit": [_on(head(2, 2, marks=[(b"t", MAX_INT + 1)]))],
    "too many marks": [_on(head(2, 2, marks=[(b"%d" % n, 0) for n in range(MAX_MARKS + 1)]))],
    "too many entries": [_on(head(2, 2 + MAX_ENTRIES + 1), *entries(3, 2 + MAX_ENTRIES + 1))],
    "too many forgotten": [_on(head(2, 2), forget=(1,) * (MAX_FORGETS + 1))],
    "too many writes": [Write(b"%d" % n, 0, head(1)) for n in range(MAX_WRITES + 1)],
    "too many bytes": [Write(b"%d" % n, 0, head(1, state=_FULL)) for n in range(MAX_CALL // MAX_PART)],
    "text for a state": [_on(head(2, 2, state=_TEXT))],
    "a bytearray for a state": [_on(head(2, 2, state=_BUFFER))],
    "a memoryview for values": [_on(head(2, 2, values=_VIEW))],
    "a bytearray for a digest": [_on(head(2, 2, digest=_BUFFER))],
    "a bytearray for a body": [_on(head(2, 3), entry(3, _BUFFER))],
    "text for a body": [_on(head(2, 3), entry(3, _TEXT))],
    "text for an id": [Write(_TEXT, 1, head(2, 2))],
    "a bytearray for an id": [Write(_BUFFER, 0, head(2))],
    "text for a token": [_on(head(2, 2, marks=[(_TEXT, 0)]))],
    "a negative length": [_on(head(2, -1))],
    "a length over the limit": [_on(head(2, MAX_INT + 1))],
    "an expected version over the limit": [_on(head(2, 2), expected=MAX_INT + 1)],
    "deleting the version below zero": [_on(None, expected=-1)],
    "forgetting below zero": [_on(head(2, 2), forget=(-1,))],
    "forgetting sound and unsound": [_on(head(2, 2), forget=(1, 2, 3))],
    "too many bytes in bodies": [
        Write(b"%d" % n, 0, head(1, 1), (Entry(1, b"", _FULL),)) for n in range(MAX_CALL // MAX_PART)
    ],
    "too many bytes in values": [
        Write(b"%d" % n, 0, head(1, values=_FULL)) for n in range(MAX_CALL // MAX_PART)
    ],
}


QUESTIONS: Final[dict[str, Callable[[Storage], object]]] = {
    "loading an empty id": lambda storage: storage.load([b"s", b""]),
    "loading a long id": lambda storage: storage.load([_LONG]),
    "loading text": lambda storage: storage.load([_TEXT]),
    "entries of an empty id": lambda storage: storage.entries(b"", after=0, limit=1),
    "entries of a long id": lambda storage: storage.entries(_LONG, after=0, limit=1),
    "no entries": lambda storage: storage.entries(b"s", after=0, limit=0),
    "less than no entries": lambda storage: storage.entries(b"s", after=0, limit=-1),
    "finding an empty token": lambda storage: storage.find(b"", until=0, after=FIRST, limit=1),
    "finding a long token": lambda storage: storage.find(_LONG, until=0, after=FIRST, limit=1),
    "finding no marks": lambda storage: storage.find(b"t", until=0, after=FIRST, limit=0),
}


class Checked:
    """Calls that break a rule are refused whole; calls at a limit are not."""

    @pytest.mark.parametrize("what", MALFORMED)
    def test_12_checked(self, opens: Connect, what: str) -> None:
        """A malformed write is a ``ValueError``, and the sound ones beside it are not made either."""
        storage = opens()
        create(storage, b"s", head(1, 2, marks=[(b"u", 3)]), *entries(1, 2))
        before = (living(storage, b"s"), story(storage, b"s"), marked(storage, b"u"))
        sound = Write(b"sound", 0, head(1))
        for writes in ([sound, *MALFORMED[what]], [*MALFORMED[what], sound]):
            with pytest.raises(ValueError, match=r"."):
                storage.commit(writes)
        assert before == (living(storage, b"s"), story(storage, b"s"), marked(storage, b"u"))
        assert [None, None] == [load(storage, b"sound"), load(storage, b"new")]

    def test_12_checked_continuity_undoes_the_call(self, opens: Connect) -> None:
        """Who compares entries with the stored length, and raises, has made nothing of the call."""
        storage = opens()
        create(storage, b"s", head(1, 2), *entries(1, 2))
        create(storage, b"full", head(1, 1), entry(1))
        for broken in (
            Write(b"s", 1, kept(2, 5), (entry(5),)),
            Write(b"new", 0, head(2, 3), (entry(3),)),
            Write(b"full", 1, None),
        ):
            call = [Write(b"before", 0, head(1)), broken, Write(b"zz", 0, head(1))]
            try:
                storage.commit(call)
            except ValueError:
                assert [None] * 2 == list(storage.load([b"before", b"zz"]))
                assert [] == [*storage.entries(b"s", after=2, limit=9), *story(storage, b"new")]
            else:  # the caller's duty, and no adapter's: nothing can be said of what is stored
                return

    @pytest.mark.parametrize("what", ["two writes for one stream", "a gap in the entries", "a huge body"])
    def test_12_checked_leaves_nothing_behind(self, opens: Connect, what: str) -> None:
        """After a malformed call nothing of it is made by the next one, and nobody is kept waiting."""
        storage, other = opens(), opens()
        create(storage, b"s", head(1, 2, marks=[(b"u", 3)]), *entries(1, 2))
        with pytest.raises(ValueError, match=r"."):
            storage.commit([Write(b"sound", 0, head(1, marks=[(b"u", 1)])), *MALFORMED[what]])
        create(other, b"others", head(1))
        create(storage, b"next", head(1))
        for each in (storage, other):
            assert [None, 1, 1] == [
                found and found.version for found in each.load([b"sound", b"next", b"others"])
            ]
            assert [(3, b"s")] == marked(each, b"u")
            assert list(entries(1, 2)) == story(each, b"s")

    @pytest.mark.parametrize("what", QUESTIONS)
    def test_12_checked_questions(self, opens: Connect, what: str) -> None:
        """A question that names no possible stream, token or page is a ``ValueError`` too."""
        with pytest.raises(ValueError, match=r"."):
            QUESTIONS[what](opens())

    def test_12_checked_also_when_the_version_is_over(self, opens: Connect) -> None:
        """A malformed write is refused as malformed even where its version would refuse it."""
        storage = opens()
        create(storage, b"s", head(1))
        with pytest.raises(ValueError, match=r"."):
            storage.commit([_on(head(9, 5), entry(3), expected=8)])

    def test_12_checked_limits_are_included(self, opens: Connect) -> None:
        """The most entries, forgotten entries and writes that a call may have are made."""
        storage = opens()
        create(storage, b"s", head(1, MAX_ENTRIES), *entries(1, MAX_ENTRIES))
        forget = tuple(range(1, MAX_FORGETS + 1))
        make(storage, _on(kept(2, MAX_ENTRIES + 1), entry(MAX_ENTRIES + 1), forget=forget))
        bodies = [each.body for each in story(storage, b"s")]
        assert [None] * MAX_FORGETS + [b"body"] == bodies
        make(storage, *(Write(b"%d" % n, 0, head(1)) for n in range(MAX_WRITES)))

    def test_12_checked_bytes_of_a_call(self, opens: Connect) -> None:
        """A call of just under 16 MiB is made."""
        storage = opens()
        parts = MAX_CALL // MAX_PART - 1
        make(storage, *(Write(b"%d" % n, 0, head(1, state=_FULL)) for n in range(parts)))
        assert [_FULL] * parts == [living(storage, b"%d" % n).state for n in range(parts)]
