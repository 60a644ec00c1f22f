"""A policy as TOML text: laid out for readers, and the same policy when it is read again."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from . import keys

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_WIDTH = 100
"""Columns of a list; longer ones get a line for each item."""
_BY_LINE = frozenset({"fields", "channels"})
"""Sections whose entries are a line each."""
_BY_TABLE = {"events": keys.EVENT, "purposes": keys.PURPOSE}
"""Sections whose entries are tables of their own."""


def dumps(document: Mapping[str, Any]) -> str:
    """Return *document* (tables, lists, text, numbers and booleans) as TOML 1.0.

    The keys of each table come in the order of the manual, declared names in that of *document*.
    """
    plain = {key: value for key, value in document.items() if key not in _SECTIONS}
    blocks = [_lines("", _ordered(plain, keys.TOP))]
    for section in _SECTIONS:
        if section in document:
            blocks += _section(section, document[section])
    return "\n\n".join("\n".join(block) for block in blocks if block) + "\n"


_SECTIONS = tuple(key for key in keys.TOP if key not in {"format", "audit"})


def _section(name: str, items: Mapping[str, Any]) -> list[list[str]]:
    if name in _BY_TABLE:
        return [_lines(f"{name}.{_key(key)}", _ordered(each, _BY_TABLE[name])) for key, each in items.items()]
    if name in _BY_LINE:
        known = keys.FIELD if name == "fields" else keys.CHANNEL
        return [_lines(name, {key: _ordered(each, known) for key, each in items.items()})]
    return [_lines(name, _ordered(items, keys.CONTROLLER if name == "controller" else keys.LIFECYCLE))]


def _ordered(items: Mapping[str, Any], known: Iterable[str]) -> dict[str, Any]:
    order = {key: place for place, key in enumerate(known)}
    found = sorted(items.items(), key=lambda item: order.get(item[0], len(order)))
    return {key: _within(value, _INSIDE[key]) if key in _INSIDE else value for key, value in found}


def _within(value: Any, known: Iterable[str]) -> Any:
    if isinstance(value, dict):
        return _ordered(value, known)
    return [_within(item, known) for item in value] if isinstance(value, list) else value


_INSIDE = {
    "keep": keys.KEEP,
    "confidential": keys.CONFIDENTIAL,
    "facts": keys.FACTS,
    "moves": keys.MOVE,
    "when": keys.WHEN,
    "decay": keys.DECAY,
    "steps": keys.DECAY_STEP,
    "caps": keys.CAP,
    "quiet": keys.QUIET,
}
"""Tables inside of others that have an order of their own."""


def _lines(header: str, items: Mapping[str, Any]) -> list[str]:
    head = [f"[{header}]"] if header else []
    return head + [f"{_key(key)} = {_spread(value)}" for key, value in items.items()]


def _spread(value: Any) -> str:
    text = _inline(value)
    if not isinstance(value, list) or not value or (len(text) <= _WIDTH and not isinstance(value[0], dict)):
        return text
    return "[\n" + "".join(f"  {_inline(item)},\n" for item in value) + "]"


def _inline(value: Any) -> str:
    if isinstance(value, dict):
        inside = ", ".join(f"{_key(key)} = {_inline(item)}" for key, item in value.items())
        return f"{{ {inside} }}" if inside else "{}"
    if isinstance(value, list):
        return f"[{', '.join(_inline(item) for item in value)}]"
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value)


def _key(key: str) -> str:
    return key if _BARE.fullmatch(key) else _text(key)


def _text(value: str) -> str:
    # a basic string is a JSON string, but for one control character that JSON lets stand
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007F")
