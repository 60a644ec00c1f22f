"""Policies made up: valid ones load and keep what they say; nothing else gets out but ``PolicyError``."""

from __future__ import annotations

import re
import tomllib
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from clm_ethics.errors import PolicyError
from clm_ethics.policy.document import read_mapping, read_text
from clm_ethics.policy.lint import lint
from clm_ethics.policy.vocabulary import CATEGORIES, PROCESSING, ROWS, STARTS, special

if TYPE_CHECKING:
    from collections.abc import Callable

    from clm_ethics.policy.values import Declared

EXAMPLE = Path(__file__).with_name("shop.toml").read_text("utf-8")
NAME = "policy.toml"
NAMES = st.from_regex(r"[a-z][a-z0-9_]{0,7}", fullmatch=True).filter(
    lambda name: name not in {"region", "zone", "locale", "born", "kind", "stage"}
)
SPANS = st.sampled_from(["P1D", "P2W", "P13M", "P3Y", "PT12H"])
TEXTS = st.text(min_size=1, max_size=20).filter(str.strip)
COARSE = {"date": "year", "datetime": "month", "list": "count", "text": "prefix:2", "integer": "bucket:5"}


def outcome(read: Callable[[], Declared]) -> PolicyError | None:
    """Return the error of *read*, ``None`` if it loads; anything else goes through."""
    try:
        lint(read())
    except PolicyError as error:
        return error
    return None


def some(names: list[str]) -> st.SearchStrategy[list[str]]:
    """Draw different ones of *names*."""
    return st.lists(st.sampled_from(names), unique=True, max_size=4) if names else st.just([])


@st.composite
def fields(draw: st.DrawFn) -> dict[str, Any]:
    """Draw the fields of a policy; none is derived from a special one."""
    found: dict[str, Any] = {}
    for name in draw(st.lists(NAMES, unique=True, max_size=5)):
        kind = draw(st.sampled_from([*COARSE, "number", "boolean", "map"]))
        field = {"type": kind, "category": draw(st.sampled_from(sorted(CATEGORIES)))}
        if kind == "list":
            field["max"] = draw(st.integers(1, 10_000))
        elif kind == "text" and not special(field["category"]) and draw(st.booleans()):
            field["lookup"] = draw(st.sampled_from(["email", "phone", "plain"]))
        found[name] = field
    return found


@st.composite
def purpose(draw: st.DrawFn, declared: dict[str, Any], channels: dict[str, Any], locales: list[str]) -> Any:
    """Draw a purpose that fits the fields, the channels and the locales."""
    processing = draw(st.lists(st.sampled_from(PROCESSING), unique=True, min_size=1, max_size=3))
    addresses = {each["address"] for each in channels.values() if "address" in each}
    listed = sorted(set(draw(some([*declared, "region", "born"]))) | addresses)
    found = {
        "title": {locale: draw(TEXTS) for locale in locales},
        "processing": processing,
        "basis": draw(st.sampled_from(["consent", ["consent", "opt_out"], "legitimate_interest"])),
        "assessment": "A 1",
        "fields": listed,
        "explicit": [name for name in listed if name in declared and special(declared[name]["category"])],
        "coarse": {
            name: COARSE[declared[name]["type"]]
            for name in listed
            if name in declared and declared[name]["type"] in COARSE
        },
        "channels": sorted(channels),
        "keep": {"for": draw(SPANS), "from": draw(st.sampled_from(STARTS))},
        "basis_under": draw(st.dictionaries(st.sampled_from(["US", "FR", "US-CA"]), st.just("consent"))),
    }
    for key in draw(some(["channels", "keep", "basis_under", "coarse"])):
        del found[key]
    return found


@st.composite
def policies(draw: st.DrawFn) -> dict[str, Any]:
    """Draw a valid policy."""
    locales = draw(st.lists(st.sampled_from(["en", "de", "pt-BR"]), unique=True, min_size=1))
    declared = draw(fields())
    addresses = [name for name, field in declared.items() if field["type"] in {"text", "map"}]
    channels: dict[str, Any] = {}
    for name in draw(some(sorted(ROWS))):
        channels[name] = {"caps": [{"max": draw(st.integers(1, 9)), "per": draw(SPANS)}]}
        if addresses and draw(st.booleans()):
            channels[name]["address"] = draw(st.sampled_from(addresses))
    purposes = draw(
        st.dictionaries(NAMES, purpose(declared, channels, locales), min_size=1, max_size=3)  # type: ignore[arg-type]
    )
    listed = {name for each in purposes.values() for name in each["fields"]}
    lists = sorted(name for name in listed if declared.get(name, {}).get("type") == "list")
    stages = draw(st.lists(NAMES, unique=True, min_size=2, max_size=4))
    return {
        "format": 1,
        "controller": {
            "name": draw(TEXTS),
            "contact": draw(TEXTS),
            "established": draw(st.lists(st.sampled_from(["DE", "GB", "US-CA"]), unique=True, min_size=1)),
            "locales": locales,
        },
        "fields": declared,
        "events": {"seen": {"appends": {name: ["a", "b"] for name in draw(some(lists))}}},
        "purposes": purposes,
        "lifecycle": {
            "start": stages[0],
            "moves": [{"from": [old], "to": new, "on": "seen"} for old, new in pairwise(stages)],
        },
        "channels": channels,
    }


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(policies())
def test_a_valid_policy_loads_and_keeps_what_it_says(document: dict[str, Any]) -> None:
    """Every valid policy loads; names, lists and bases arrive as they were written."""
    declared = read_mapping(document)

    assert document["fields"].keys() == declared.fields.keys()
    assert [each["fields"] for each in document["purposes"].values()] == [
        list(each.fields) for each in declared.purposes.values()
    ]
    assert set(document["channels"]) == set(declared.channels)
    assert len(document["lifecycle"]["moves"]) == len(declared.lifecycle.moves)
    assert all(field.special == special(field.category) for field in declared.fields.values())
    lint(declared)


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(policies(), st.randoms(use_true_random=False))
def test_the_order_of_keys_does_not_count(document: dict[str, Any], shuffler: Any) -> None:
    """The same tables in another order are the same policy."""

    def turned(value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        keys = list(value)
        shuffler.shuffle(keys)
        return {key: turned(value[key]) for key in keys}

    assert read_mapping(document) == read_mapping(turned(document))


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(policies(), st.data())
def test_an_unknown_key_anywhere_is_refused(document: dict[str, Any], data: st.DataObject) -> None:
    """A key that nobody knows is refused at its place, in any table with a closed set of keys."""
    tables: list[tuple[str, dict[str, Any]]] = [("", document), ("controller.", document["controller"])]
    for section in ("fields", "purposes", "channels", "events"):
        tables += [(f"{section}.{name}.", table) for name, table in document[section].items()]
    place, table = data.draw(st.sampled_from(tables))
    table["unheard_of"] = 1

    with pytest.raises(PolicyError, match=rf"^policy: {re.escape(place)}unheard_of: no key"):
        read_mapping(document)


WORDS = sorted(set(re.findall(r"[a-z_]+", EXAMPLE)))
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(WORDS),
    st.dates(),
)
ANYTHING = st.recursive(
    LEAVES,
    lambda inside: (
        st.lists(inside, max_size=3)
        | st.dictionaries(st.sampled_from(WORDS) | st.text(max_size=5), inside, max_size=3)
    ),
    max_leaves=6,
)


@st.composite
def disturbed(draw: st.DrawFn) -> dict[str, Any]:
    """Draw the example with one or two values anywhere replaced, removed or added."""
    document: Any = tomllib.loads(EXAMPLE)
    for _ in range(draw(st.integers(1, 2))):
        here = document
        while True:
            keys = list(here) if isinstance(here, dict) else list(range(len(here)))
            key = draw(st.sampled_from(keys)) if keys else None
            inside = here[key] if key is not None else None
            if not isinstance(inside, (dict, list)) or not inside or draw(st.integers(0, 3)) == 0:
                break
            here = inside
        if isinstance(here, dict):
            act = draw(st.sampled_from(["replace", "remove", "add"]))
            if act == "remove" and key is not None:
                del here[key]
            else:
                here[key if act == "replace" and key else draw(st.sampled_from(WORDS))] = draw(ANYTHING)
        elif key is not None:
            here[key] = draw(ANYTHING)
    return document


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(disturbed())
def test_a_disturbed_mapping_loads_or_is_refused_with_a_place(document: dict[str, Any]) -> None:
    """Whatever stands in a mapping, only ``PolicyError`` gets out, and it says where."""
    error = outcome(lambda: read_mapping(document, name=NAME))

    assert error is None or (error.place.startswith(NAME) and error.what)


@settings(max_examples=100, deadline=None)
@given(ANYTHING)
@example({"format": 1, "controller": [], "purposes": 3})
def test_any_mapping_at_all(document: Any) -> None:
    """Values that are no policy at all are refused."""
    with pytest.raises(PolicyError):
        read_mapping(document)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_disturbed_text_loads_or_is_refused(data: st.DataObject) -> None:
    """Whatever is cut, doubled or typed into the example, only ``PolicyError`` gets out."""
    text = EXAMPLE
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(text)))
        end = min(len(text), start + data.draw(st.integers(0, 12)))
        typed = data.draw(st.text(alphabet="[]{}=.,\"'#\n\r\\ abtfx019-", max_size=4) | st.text(max_size=2))
        text = text[:start] + typed + text[end:]
    error = outcome(lambda: read_text(text, name=NAME))

    assert error is None or (error.place.startswith(NAME) and error.what)
