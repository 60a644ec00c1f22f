"""Values that a host hands in: checked against the declared type, and their stored form.

The stored form is JSON-like: dates and times are ISO 8601 text. Errors name the field and the
type, never the value.
"""

from __future__ import annotations

import math
import re
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from ..errors import ValueRefused
from ..model.times import aware, parse_born
from ..regimes import known_region

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .values import Field

MOST_VALUE = 16 << 10
"""Most bytes of a value, or of an item of a list, in its stored form."""
MOST_LIST = 256 << 10
"""Most bytes of a list in all."""
MOST_INTEGER = (1 << 53) - 1
"""Largest integer that JSON carries unharmed (RFC 8785 section 3.2.2.3)."""
DEEPEST = 8
"""How deep lists and maps may lie in each other."""
LONGEST_NAME = 64
"""Most characters of a zone or a locale."""
KINDS = ("consumer", "business")
"""What a customer may be: a consumer, or the contact of a business."""

_LOCALE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")
_ZONE = re.compile(r"[A-Za-z][A-Za-z0-9_+\-]*(/[A-Za-z0-9_+\-]+){0,2}")


def stored(field: Field, value: Any) -> Any:
    """Return the stored form of one *value*, or of a list's items, for *field*."""
    if field.type == "list":
        return _list(field, value)
    try:
        found = _TYPES[field.type](value)
    except (TypeError, ValueError, OverflowError):
        raise _wrong(field.name, _WANTED[field.type]) from None
    _measure(field.name, found)
    return found


def stored_item(field: Field, item: Mapping[str, Any]) -> dict[str, Any]:
    """Return the stored form of one item that an event appends to the list *field*."""
    try:
        found = _json(dict(item))
    except (TypeError, ValueError, OverflowError):
        raise _wrong(field.name, "an item of texts, numbers, lists and maps") from None
    _measure(field.name, found)
    return found  # type: ignore[no-any-return]  # a dict in, a dict out


def built_in(name: str, value: Any, today: date) -> str:
    """Return the stored form of a built-in field's *value*."""
    try:
        return _BUILT_IN[name](value, today)
    except KeyError:
        raise ValueRefused(
            f"`{name}` cannot be put", place=f"field `{name}`", remedy="the lifecycle sets the stage"
        ) from None
    except (TypeError, ValueError):
        raise _wrong(name, _WANTED_BUILT_IN[name]) from None


def loaded(field: Field | None, value: Any) -> Any:
    """Return what a reader gets for a stored value: dates and times as such, the rest as it is."""
    if field is not None and field.type == "date":
        return date.fromisoformat(value)
    if field is not None and field.type == "datetime":
        return datetime.fromisoformat(value)
    return value


def size(value: Any) -> int:
    """Return how many bytes a stored value takes."""
    return len(msgspec.msgpack.encode(value))


def _list(field: Field, value: Any) -> list[Any]:
    if isinstance(value, (str, bytes, dict)) or not hasattr(value, "__iter__"):
        raise _wrong(field.name, "a list")
    items = list(value)
    if len(items) > field.max:
        raise ValueRefused(
            f"{len(items)} items, and the policy allows {field.max}",
            place=f"field `{field.name}`",
            remedy="put the newest ones only",
        )
    found = []
    for item in items:
        try:
            found.append(_json(item))
        except (TypeError, ValueError, OverflowError):
            raise _wrong(field.name, "a list of texts, numbers, lists and maps") from None
        _measure(field.name, found[-1])
    if sum(map(size, found)) > MOST_LIST:
        raise ValueRefused(
            "too large", place=f"field `{field.name}`", remedy=f"at most {MOST_LIST} bytes in all"
        )
    return found


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise TypeError
    value.encode()  # lone surrogates are no text
    return value


def _integer(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError
    if abs(value) > MOST_INTEGER:
        raise ValueError
    return value


def _number(value: Any) -> float | int:
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError
        return value
    return _integer(value)


def _boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


def _date(value: Any) -> str:
    if isinstance(value, datetime):
        raise TypeError
    return (value if isinstance(value, date) else date.fromisoformat(_text(value))).isoformat()


def _datetime(value: Any) -> str:
    moment = value if isinstance(value, datetime) else datetime.fromisoformat(_text(value))
    if moment.tzinfo is None:
        raise ValueError
    return aware(moment, "value").isoformat()


def _map(value: Any) -> Any:
    if not isinstance(value, dict):
        raise TypeError
    return _json(value)


def _json(value: Any, depth: int = 0) -> Any:
    if depth > DEEPEST:
        raise ValueError
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        value.encode()
        return value
    if isinstance(value, (int, float)):
        return _number(value)
    if isinstance(value, dict):
        if not all(isinstance(key, str) for key in value):
            raise TypeError
        return {_json(key): _json(each, depth + 1) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_json(each, depth + 1) for each in value]
    if isinstance(value, datetime):
        return _datetime(value)
    if isinstance(value, date):
        return _date(value)
    raise TypeError


_TYPES: dict[str, Callable[[Any], Any]] = {
    "text": _text,
    "integer": _integer,
    "number": _number,
    "boolean": _boolean,
    "date": _date,
    "datetime": _datetime,
    "map": _map,
}
_WANTED = {
    "text": "a text that is not empty",
    "integer": "an integer within 2**53",
    "number": "a finite number",
    "boolean": "True or False",
    "date": "a date, or its ISO text",
    "datetime": "a datetime with a zone, or its ISO text",
    "map": "a map of texts, numbers, lists and maps",
}


def _region(value: Any, _: date) -> str:
    region = _text(value).upper()
    if not known_region(region):
        raise ValueError
    return region


def _zone(value: Any, _: date) -> str:
    if not _ZONE.fullmatch(_text(value)) or len(value) > LONGEST_NAME:
        raise ValueError
    return str(value)


def _locale(value: Any, _: date) -> str:
    if not _LOCALE.fullmatch(_text(value)) or len(value) > LONGEST_NAME:
        raise ValueError
    return str(value)


def _born(value: Any, today: date) -> str:
    text = _date(value)
    if parse_born(text) > today:
        raise ValueError
    return text


def _kind(value: Any, _: date) -> str:
    if value not in KINDS:
        raise ValueError
    return str(value)


_BUILT_IN: dict[str, Callable[[Any, date], str]] = {
    "region": _region,
    "zone": _zone,
    "locale": _locale,
    "born": _born,
    "kind": _kind,
}
_WANTED_BUILT_IN = {
    "region": "an ISO 3166 region such as `DE` or `US-CA`",
    "zone": "a zone of the tz database such as `Europe/Berlin`",
    "locale": "a language tag such as `en` or `de-AT`",
    "born": "a date of birth in the past, such as `1990-05-31`",
    "kind": "`consumer` or `business`",
}


def _measure(name: str, value: Any) -> None:
    if size(value) > MOST_VALUE:
        raise ValueRefused("too large", place=f"field `{name}`", remedy=f"at most {MOST_VALUE} bytes")


def _wrong(name: str, wanted: str) -> ValueRefused:
    return ValueRefused("a value of another type or form", place=f"field `{name}`", remedy=f"pass {wanted}")
