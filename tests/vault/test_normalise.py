"""Normalising look-up values: two spellings of one value, one form."""

from __future__ import annotations

from typing import Any
from unicodedata import normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clm_ethics.errors import UsageError, ValueRefused
from clm_ethics.vault.normalise import KINDS, normalise

texts = st.text(max_size=20)


@given(st.sampled_from(KINDS), texts)
def test_normalising_twice_changes_nothing(kind: str, text: str) -> None:
    """A normal form is its own normal form."""
    try:
        once = normalise(kind, text)
    except ValueRefused:
        return
    assert once == normalise(kind, once)


@given(st.sampled_from(KINDS), texts)
def test_canonically_equal_spellings_have_one_form(kind: str, text: str) -> None:
    """Composed and decomposed characters are the same characters, with space around or not."""
    spellings = [normalize("NFD", text), normalize("NFC", text), f" {text}\n"]
    assert 1 == len({outcome(kind, each) for each in spellings})


def outcome(kind: str, text: str) -> str | None:
    """Return the normal form, or ``None`` if the text is refused."""
    try:
        return normalise(kind, text)
    except ValueRefused:
        return None


@given(texts)
def test_case_does_not_matter_in_an_address(text: str) -> None:
    """An e-mail address folds case (where Python's upper case has a way back)."""
    upper = text.upper()
    if upper.casefold() == text.casefold():
        assert outcome("email", text) == outcome("email", upper)


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        ("email", "  Ana.Maria+Shop@Example.ORG ", "ana.maria+shop@example.org"),
        ("email", "STRASSE@example.org", "strasse@example.org"),
        ("email", "straße@example.org", "strasse@example.org"),
        ("phone", "+49 (30) 123-45", "+493012345"),
        ("phone", "0049 30 12345", "+493012345"),
        ("phone", "(+49) 30/12345", "+493012345"),
        ("phone", "030 12345", "03012345"),
        ("phone", "030 12345+6", "030123456"),
        ("phone", "\uff0b\uff14\uff19 30", "+4930"),
        ("phone", "\u0663\u0664", "34"),
        ("plain", "  C-1001 ", "C-1001"),
        ("plain", "e\u0301", "\u00e9"),
    ],
)
def test_examples(kind: str, text: str, expected: str) -> None:
    """What the module says of each kind."""
    assert expected == normalise(kind, text)


def test_an_unknown_kind_is_a_wrong_call() -> None:
    """The error names the nearest kind."""
    with pytest.raises(UsageError, match="email"):
        normalise("e-mail", "x")


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("phone", "none"),
        ("phone", "+"),
        ("phone", "00"),
        ("email", "  "),
        ("plain", ""),
        ("plain", "\ud800"),
        ("plain", 7),
    ],
)
def test_what_leaves_nothing_is_refused(kind: str, text: Any) -> None:
    """An empty look-up would find everybody whose value is missing; the value is not shown."""
    with pytest.raises(ValueRefused) as told:
        normalise(kind, text)
    assert "none" not in str(told.value)
