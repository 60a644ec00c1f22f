"""Values that a host hands in: checked by type and size, stored as JSON, and never shown in an error."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clm_ethics.errors import ValueRefused
from clm_ethics.policy import Field
from clm_ethics.policy.typed import (
    MOST_INTEGER,
    MOST_LIST,
    MOST_VALUE,
    built_in,
    loaded,
    size,
    stored,
    stored_item,
)

TODAY = date(2026, 5, 4)
NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
SECRET = "zq-secret-zq"


def field(kind: str, most: int = 3) -> Field:
    """Return a field of one type."""
    return Field(name="f", type=kind, category="user.account", max=most if kind == "list" else 0)


@pytest.mark.parametrize(
    ("kind", "value", "kept"),
    [
        ("text", "ana", "ana"),
        ("integer", -7, -7),
        ("integer", MOST_INTEGER, MOST_INTEGER),
        ("number", 1.5, 1.5),
        ("number", 3, 3),
        ("boolean", False, False),
        ("date", TODAY, "2026-05-04"),
        ("date", "20260504", "2026-05-04"),
        ("datetime", NOON, "2026-05-04T12:00:00+00:00"),
        (
            "datetime",
            datetime(2026, 5, 4, 14, tzinfo=timezone(timedelta(hours=2))),
            "2026-05-04T12:00:00+00:00",
        ),
        ("datetime", "2026-05-04T14:00:00+02:00", "2026-05-04T12:00:00+00:00"),
        ("map", {"a": [1, None, {"b": True}]}, {"a": [1, None, {"b": True}]}),
        (
            "map",
            {"d": TODAY, "t": NOON, "n": 0.5},
            {"d": "2026-05-04", "t": "2026-05-04T12:00:00+00:00", "n": 0.5},
        ),
        ("list", ["a", 1, {"k": "v"}], ["a", 1, {"k": "v"}]),
        ("list", (each for each in "ab"), ["a", "b"]),
        ("list", [], []),
    ],
)
def test_a_value_of_its_type_is_stored(kind, value, kept):
    """Each type has one stored form."""
    assert kept == stored(field(kind), value)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("text", ""),
        ("text", 7),
        ("text", b"ana"),
        ("text", "\ud800"),
        ("integer", True),
        ("integer", 1.0),
        ("integer", MOST_INTEGER + 1),
        ("number", float("nan")),
        ("number", float("inf")),
        ("number", "1"),
        ("boolean", 1),
        ("date", NOON),
        ("date", "04.05.2026"),
        ("date", 20260504),
        ("datetime", datetime(2026, 5, 4)),  # noqa: DTZ001
        ("datetime", "2026-05-04T14:00:00"),
        ("datetime", TODAY),
        ("map", [("a", 1)]),
        ("map", {1: "a"}),
        ("map", {"a": object()}),
        ("map", {"a": {"b": float("nan")}}),
        ("list", "abc"),
        ("list", b"abc"),
        ("list", {"a": 1}),
        ("list", 7),
        ("list", [object()]),
        ("list", [1, 2, 3, 4]),
    ],
)
def test_another_type_is_refused(kind, value):
    """The error names the field and what it wants."""
    with pytest.raises(ValueRefused, match=r"^field `f`: .+; .+"):
        stored(field(kind), value)


@pytest.mark.parametrize("kind", ["integer", "number", "boolean", "date", "datetime", "map", "list"])
def test_no_error_shows_the_value(kind):
    """A value may be anything, also somebody's data."""
    with pytest.raises(ValueRefused) as caught:
        stored(field(kind), SECRET)

    assert SECRET not in str(caught.value)
    assert SECRET not in repr(caught.value.__context__) or caught.value.__suppress_context__


def test_depth_and_size_have_bounds():
    """Eight levels, 16 KiB a value or item, 256 KiB a list."""
    deep: Any = {}
    for _ in range(9):
        deep = {"a": deep}

    with pytest.raises(ValueRefused, match="another type or form"):
        stored(field("map"), deep)
    with pytest.raises(ValueRefused, match="too large"):
        stored(field("text"), "x" * MOST_VALUE)
    with pytest.raises(ValueRefused, match="too large"):
        stored(field("list"), ["x" * MOST_VALUE])
    with pytest.raises(ValueRefused, match=f"at most {MOST_LIST} bytes in all"):
        stored(field("list", 100), ["x" * 15_000] * 18)
    assert "x" * 16_000 == stored(field("text"), "x" * 16_000)


def test_an_item_is_a_map():
    """What an event appends is checked like a value of the list."""
    assert {"sku": "tea", "at": "2026-05-04"} == stored_item(field("list"), {"sku": "tea", "at": TODAY})
    with pytest.raises(ValueRefused, match="an item of texts, numbers"):
        stored_item(field("list"), {"sku": object()})
    with pytest.raises(ValueRefused, match="too large"):
        stored_item(field("list"), {"sku": "x" * MOST_VALUE})


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-MOST_INTEGER, MOST_INTEGER)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inside: (
        st.lists(inside, max_size=3)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inside, max_size=3)
    ),
    max_leaves=8,
)


@given(st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), JSON, max_size=3))
def test_json_is_stored_as_it_is(value):
    """What is JSON already is kept, and its size is that of its stored form."""
    try:
        kept = stored(field("map"), value)
    except ValueRefused:
        return  # deeper than eight levels
    assert value == kept == json.loads(json.dumps(kept))
    assert size(kept) > 0


def test_dates_and_times_come_back_as_such():
    """A reader gets a date for a date and an aware time for a time; the rest as it is."""
    assert TODAY == loaded(field("date"), "2026-05-04")
    assert NOON == loaded(field("datetime"), "2026-05-04T12:00:00+00:00")
    assert "2026-05-04" == loaded(field("text"), "2026-05-04")
    assert 7 == loaded(None, 7)


# --- built-in fields ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value", "kept"),
    [
        ("region", "us-ca", "US-CA"),
        ("region", "DE-BY", "DE-BY"),
        ("zone", "America/Argentina/Buenos_Aires", "America/Argentina/Buenos_Aires"),
        ("zone", "UTC", "UTC"),
        ("locale", "de-AT", "de-AT"),
        ("born", date(1990, 5, 31), "1990-05-31"),
        ("born", "1990-05-31", "1990-05-31"),
        ("kind", "business", "business"),
    ],
)
def test_a_built_in_value_is_stored(name, value, kept):
    """Regions, zones, locales, births and kinds have one form."""
    assert kept == built_in(name, value, TODAY)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("region", "Germany"),
        ("region", "US-XX"),
        ("region", 49),
        ("zone", "Europe/../etc"),
        ("zone", "/etc/passwd"),
        ("zone", "A" * 65),
        ("zone", 1),
        ("locale", "deutsch!"),
        ("locale", "de-" + "abcdefgh-" * 5 + "x"),
        ("locale", None),
        ("born", "2026-05-05"),
        ("born", "1850-01-01"),
        ("born", NOON),
        ("born", ""),
        ("kind", "robot"),
    ],
)
def test_another_built_in_value_is_refused(name, value):
    """The error says what would do."""
    with pytest.raises(ValueRefused, match=rf"^field `{name}`: a value of another type or form; pass .+"):
        built_in(name, value, TODAY)


def test_the_stage_is_not_put():
    """The lifecycle sets it."""
    with pytest.raises(ValueRefused, match="`stage` cannot be put; the lifecycle sets the stage"):
        built_in("stage", "customer", TODAY)
