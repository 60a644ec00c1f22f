"""Offers and prompts from a document (TOML): the same words as in Python, checked key by key."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import attrs

from ..errors import UsageError, nearest, shorten
from .offers import Offer
from .prompts import Prompt
from .statements import Change, Deadline, Experiment, Incentive, Price, Scarcity, Statement

if TYPE_CHECKING:
    from collections.abc import Mapping

T = TypeVar("T")

_PARTS: dict[str, type] = {
    "deadline": Deadline,
    "scarcity": Scarcity,
    "price": Price,
    "states": Statement,
    "change": Change,
    "incentive": Incentive,
    "experiment": Experiment,
}
"""What a table under one of these keys is."""
_TABLES = ("offers", "prompts")


class Offered(NamedTuple):
    """What a document of offers holds: offers, and prompts for consent by name."""

    offers: tuple[Offer, ...]
    prompts: Mapping[str, Prompt]


def read_offers(text: str, *, name: str = "offers") -> Offered:
    """Read ``[offers.NAME]`` and ``[prompts.NAME]`` from TOML *text*; *name* stands in errors for the file.

    Raises:
        UsageError: no TOML, an unknown key, or a statement of the wrong form.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(
            f"this is no TOML: {error}", place=name, remedy="put it right, and try again"
        ) from None
    _known(document, _TABLES, name)
    offers = _tables(document, "offers", name)
    prompts = _tables(document, "prompts", name)
    return Offered(
        offers=tuple(
            _build(Offer, {"name": key, **table}, f"{name}: offers.{key}") for key, table in offers.items()
        ),
        prompts={key: _build(Prompt, table, f"{name}: prompts.{key}") for key, table in prompts.items()},
    )


def _tables(document: Mapping[str, Any], key: str, name: str) -> dict[str, dict[str, Any]]:
    found = document.get(key, {})
    if not isinstance(found, dict) or not all(isinstance(each, dict) for each in found.values()):
        raise UsageError(f"`{key}` holds tables", place=name, remedy=f"write [{key}.spring], for example")
    return found


def _known(table: Mapping[str, Any], known: tuple[str, ...], place: str) -> None:
    for key in table:
        if key not in known:
            raise UsageError(f"no key `{shorten(key)}`", place=place, remedy=nearest("key", key, known))


def _build(kind: type[T], table: Mapping[str, Any], place: str) -> T:
    known = tuple(each.name for each in attrs.fields(kind))  # type: ignore[arg-type]  # all are attrs classes
    _known(table, known, place)
    given = {}
    for key, value in table.items():
        part = _PARTS.get(key)
        if part is None:
            given[key] = value
        elif isinstance(value, dict):
            given[key] = _build(part, value, f"{place}.{key}")
        else:
            raise UsageError("a table is wanted here", place=f"{place}.{key}", remedy=f"{key} = {{ ... }}")
    try:
        return kind(**given)
    except UsageError as error:
        raise UsageError(error.what, place=place, remedy=error.remedy) from None
    except TypeError:
        needed = ", ".join(each.name for each in attrs.fields(kind) if each.default is attrs.NOTHING)  # type: ignore[arg-type]
        raise UsageError(
            "something is missing, or of the wrong kind", place=place, remedy=f"it needs {needed}"
        ) from None
