"""Reading a TOML document strictly: each wrong key or value is an error that names file and key."""

from __future__ import annotations

import tomllib
from datetime import date, datetime
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

from ..errors import PolicyError, nearest
from ..model.times import Duration

if TYPE_CHECKING:
    from collections.abc import Iterable
    from enum import Enum

_E = TypeVar("_E", bound="Enum")


def parse_toml(file: str, text: str) -> dict[str, Any]:
    """Return the document, or raise :class:`~clm_ethics.errors.PolicyError` with file and line."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise PolicyError(f"no TOML: {error}", place=file, remedy="correct the syntax") from error


@cache
def _members(among: type[Enum]) -> dict[str, Any]:
    """Return the members of *among* by their names in lower case; packs ask for them a thousand times."""
    return {member.name.lower(): member for member in among}


class Table:
    """One table of a document, read key by key.

    Args:
        raw: what stands there; anything but a table is refused.
        file: the file, for errors.
        path: the way to the table inside the file, such as ``cells.analytics``.
        keys: every key that may occur; any other is refused at once.
    """

    def __init__(self, raw: Any, *, file: str, path: str, keys: Iterable[str]) -> None:
        self.file = file
        self.path = path
        if not isinstance(raw, dict):
            raise PolicyError(
                "this must be a table", place=self.place(), remedy="write [key] or key = { ... }"
            )
        self.raw: dict[str, Any] = raw
        known = tuple(keys)
        for key in raw:
            if key not in known:
                raise self.refuse(key, "unknown key", nearest("key", key, known))

    def __contains__(self, key: str) -> bool:
        return key in self.raw

    def place(self, key: str = "") -> str:
        """Return file and key, as errors name them."""
        where = ".".join(part for part in (self.path, key) if part)
        return f"{self.file}: {where}" if where else self.file

    def refuse(self, key: str, what: str, remedy: str) -> PolicyError:
        """Build the error for *key* in this table."""
        return PolicyError(what, place=self.place(key), remedy=remedy)

    def table(self, key: str, keys: Iterable[str]) -> Table:
        """Return the required table *key*."""
        return Table(self._required(key), file=self.file, path=self._inner(key), keys=keys)

    def tables(self, key: str, keys: Iterable[str]) -> list[Table]:
        """Return the array of tables *key*; absent is empty."""
        found = self.raw.get(key, [])
        if not isinstance(found, list):
            raise self.refuse(key, "this must be an array of tables", f"write [[{key}]]")
        known = tuple(keys)
        return [
            Table(each, file=self.file, path=f"{self._inner(key)}[{number}]", keys=known)
            for number, each in enumerate(found)
        ]

    def named(self, key: str, keys: Iterable[str]) -> dict[str, Table]:
        """Return the tables inside the table *key*, by name; absent is empty."""
        found = self.raw.get(key, {})
        outer = Table(
            found, file=self.file, path=self._inner(key), keys=found if isinstance(found, dict) else ()
        )
        return {name: outer.table(name, keys) for name in outer.raw}

    def text(self, key: str) -> str:
        """Return the required, non-empty string *key*."""
        found = self._required(key)
        if not isinstance(found, str) or not found.strip():
            raise self.refuse(key, "this must be a non-empty string", "write it in quotation marks")
        return found

    def text_or(self, key: str, default: str = "") -> str:
        """Return the string *key*, or *default* where it is absent."""
        return self.text(key) if key in self.raw else default

    def texts(self, key: str) -> tuple[str, ...]:
        """Return the array of distinct, non-empty strings *key*; absent is empty."""
        found = self.raw.get(key, [])
        if not isinstance(found, list) or not all(isinstance(each, str) and each.strip() for each in found):
            raise self.refuse(key, "this must be an array of non-empty strings", 'write ["...", "..."]')
        if len(set(found)) < len(found):
            raise self.refuse(key, "an entry stands twice", "keep one of them")
        return tuple(found)

    def flag(self, key: str, *, default: bool = False) -> bool:
        """Return the boolean *key*, or *default* where it is absent."""
        found = self.raw.get(key, default)
        if not isinstance(found, bool):
            raise self.refuse(key, "this must be true or false", "write it without quotation marks")
        return found

    def number(self, key: str, highest: int) -> int | None:
        """Return the whole number *key* from 0 to *highest*, or ``None`` where it is absent."""
        found = self.raw.get(key)
        if key in self.raw and (type(found) is not int or not 0 <= found <= highest):
            raise self.refuse(key, f"this must be a whole number from 0 to {highest}", "correct it")
        return found

    def day(self, key: str) -> date | None:
        """Return the date *key*, or ``None`` where it is absent."""
        found = self.raw.get(key)
        if key in self.raw and (not isinstance(found, date) or isinstance(found, datetime)):
            raise self.refuse(key, "this must be a date", "write it as 2026-08-11, without quotation marks")
        return found

    def span(self, key: str) -> Duration | None:
        """Return the ISO 8601 duration *key*, or ``None`` where it is absent."""
        if key not in self.raw:
            return None
        try:
            return Duration.parse(self.text(key))
        except ValueError as error:
            raise self.refuse(key, str(error), "write a duration") from error

    def choice(self, key: str, among: type[_E], default: _E | None = None) -> _E:
        """Return the member of *among* that *key* names, in lower case."""
        if default is not None and key not in self.raw:
            return default
        return self._member(key, self.text(key), among)

    def choices(self, key: str, among: type[_E]) -> tuple[_E, ...]:
        """Return the members of *among* that the array *key* names; absent is empty."""
        return tuple(self._member(key, name, among) for name in self.texts(key))

    def _member(self, key: str, name: str, among: type[_E]) -> _E:
        names = _members(among)
        if name not in names:
            raise self.refuse(key, f"unknown value `{name}`", nearest("value", name, names))
        member: _E = names[name]
        return member

    def _required(self, key: str) -> Any:
        if key not in self.raw:
            raise self.refuse(key, "this key is missing", "add it")
        return self.raw[key]

    def _inner(self, key: str) -> str:
        return f"{self.path}.{key}" if self.path else key
