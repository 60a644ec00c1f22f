"""Reading a plain document key by key, so that every complaint knows its file, line and key."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import contextmanager
from datetime import date, datetime, time
from math import isfinite
from typing import TYPE_CHECKING, Any, TypeVar

import attrs

from ..errors import PolicyError, nearest, shorten
from ..model.times import Duration

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator

    from .locate import Path

T = TypeVar("T")

MOST_TEXT = 1000
"""Characters of a text in a policy."""
MOST_PROBLEMS = 20
"""How many other problems an error mentions; then reading stops."""
MOST_DEPTH = 8
"""How deep tables and lists may lie inside each other; the format itself needs five."""
MOST_VALUES = 100_000
"""How many values a document may have."""
MOST_INTEGER = 2**53 - 1
"""The largest integer with a canonical form (RFC 8785 section 3.2.2.3, after I-JSON)."""

NAME = re.compile(r"[a-z][a-z0-9_]{0,47}")
"""A name that a policy declares."""
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_KINDS: tuple[tuple[type, str], ...] = (
    (bool, "true or false"),
    (str, "text"),
    (int, "a whole number"),
    (float, "a number"),
    (list, "a list"),
    (dict, "a table"),
)


@attrs.define
class Source:
    """The document as its author sees it: a name, lines where they are known, and problems."""

    name: str
    lines: Mapping[Path, int] = attrs.field(factory=dict)
    found: list[PolicyError] = attrs.field(factory=list, init=False)

    def error(self, path: Path, what: str, remedy: str = "") -> PolicyError:
        """Build the error about *path*; a missing key has the line of the table that lacks it."""
        line = next((self.lines[up] for up in _upwards(path) if up in self.lines), None)
        where = self.name if line is None else f"{self.name}:{line}"
        error = PolicyError(what, place=f"{where}: {dotted(path)}" if path else where, remedy=remedy)
        error.line = line
        return error

    def note(self, path: Path, what: str, remedy: str = "") -> None:
        """Remember a problem at *path*."""
        self.remember(self.error(path, what, remedy))

    def remember(self, error: PolicyError) -> None:
        """Keep *error* for :meth:`settle`; when there are enough, nothing more is read."""
        if error not in self.found:
            self.found.append(error)
        if len(self.found) > MOST_PROBLEMS:
            self.settle()

    @contextmanager
    def collecting(self) -> Iterator[None]:
        """Remember a problem that is raised inside, and go on after the block."""
        try:
            yield
        except PolicyError as error:
            self.remember(error)

    def attempt(self, read: Callable[[], T], otherwise: T) -> T:
        """Return what *read* reads; a problem is remembered, and *otherwise* stands for it."""
        try:
            return read()
        except PolicyError as error:
            self.remember(error)
            return otherwise

    def settle(self) -> None:
        """Raise the first problem in the document's order, if there is any."""
        if not self.found:
            return
        first, *others = sorted(self.found, key=lambda error: error.line or 0)
        first.problems = tuple(str(error) for error in others)
        first.others = tuple(others)
        raise first.with_traceback(None) from None


def _upwards(path: Path) -> Iterator[Path]:
    for length in range(len(path), 0, -1):
        yield path[:length]


def dotted(path: Path) -> str:
    """Write *path* as TOML would: ``channels.email.caps[0].per``."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            name = part if _BARE.fullmatch(part) and len(part) <= MOST_TEXT else f'"{shorten(part)}"'
            text += f".{name}" if text else name
    return text


def meant(name: str, known: Iterable[str]) -> str:
    """Say which of the *known* words is meant, or list them."""
    text = nearest("word", name, known)
    return text.replace("declared are", "it is one of", 1) if text.startswith("declared are") else text


def plain(document: object, source: Source) -> dict[str, Any]:
    """Return *document* as dicts, lists, text, numbers and booleans; dates become ISO 8601 text."""
    left = [MOST_VALUES]
    found = _plain(document, (), source, left)
    if not isinstance(found, dict):
        raise source.error((), "a policy is a table of keys", f"this is {kind_of(found)}")
    return found


def _plain(value: object, path: Path, source: Source, left: list[int]) -> Any:
    left[0] -= 1
    if left[0] < 0:
        raise source.error((), f"more than {MOST_VALUES:,} values", "split the policy")
    if len(path) > MOST_DEPTH:
        raise source.error(path[:MOST_DEPTH], "tables and lists lie too deep inside each other")
    if isinstance(value, (list, tuple)):
        return [_plain(item, (*path, index), source, left) for index, item in enumerate(value)]
    if isinstance(value, Mapping):
        return {
            _key(key, path, source): _plain(item, (*path, _key(key, path, source)), source, left)
            for key, item in value.items()
        }
    return _scalar(value, path, source)


def _key(key: object, path: Path, source: Source) -> str:
    if not isinstance(key, str):
        raise source.error(path, "a key that is not text", f"it is a {type(key).__name__}")
    return _text(key, path, source)


def _text(value: str, path: Path, source: Source) -> str:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise source.error(path, "text with a lone surrogate", "write whole characters") from None
    return str.__str__(value)


def _scalar(value: object, path: Path, source: Source) -> bool | int | float | str:
    if isinstance(value, str):
        return _text(value, path, source)
    if isinstance(value, bool):
        return value
    if isinstance(value, int) and abs(value) <= MOST_INTEGER:
        return int(value)
    if isinstance(value, float) and isfinite(value):
        return float(value)
    if isinstance(value, (date, datetime, time)):
        return value.isoformat()
    if isinstance(value, (int, float)):
        raise source.error(path, "a number out of range", "numbers are finite and below 2^53")
    raise source.error(path, f"a {type(value).__name__} has no place in a policy", "write text or a number")


def kind_of(value: object) -> str:
    """Name the type of a plain value in words."""
    return next((words for kind, words in _KINDS if isinstance(value, kind)), type(value).__name__)


@attrs.frozen
class Table:
    """One table of the document. Each method reads a key, and raises ``PolicyError`` about it."""

    source: Source
    path: Path
    items: Mapping[str, Any]

    def error(self, key: str, what: str, remedy: str = "") -> PolicyError:
        """Build the error about *key* of this table."""
        return self.source.error((*self.path, key), what, remedy)

    def only(self, *known: str) -> Table:
        """Return the table, which may have no other keys than the *known*."""
        for key in self.items:
            if key not in known:
                raise self.error(key, f"no key `{shorten(key)}` here", meant(key, known))
        return self

    def need(self, key: str, remedy: str) -> None:
        """Check that *key* is there."""
        if key not in self.items:
            raise self.error(key, f"the key `{key}` is missing", remedy)

    def get(self, key: str, kind: type[T], default: T) -> T:
        """Return the value of *key*, which is a *kind*; *default* if it is not there."""
        if key not in self.items:
            return default
        value = self.items[key]
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            wanted = next(words for each, words in _KINDS if each is kind)
            raise self.error(key, f"it is {kind_of(value)}", f"write {wanted}")
        return value

    def table(self, key: str) -> Table:
        """Return the table under *key*, empty if it is not there."""
        return Table(self.source, (*self.path, key), self.get(key, dict, {}))

    def each(self, key: str, read: Callable[[Table, str], T]) -> dict[str, T]:
        """Read every table under *key* with *read*; one problem in each is remembered."""
        found = {}
        with self.source.collecting():
            inside = self.table(key)
            for name in inside.items:
                with self.source.collecting():
                    check_name(self.source, (*inside.path, name), name)
                    inside.get(name, dict, {})
                    found[name] = read(inside.table(name), name)
        return found

    def tables(self, key: str) -> Iterator[Table]:
        """Yield the tables of the list under *key*."""
        for index, item in enumerate(self.get(key, list, [])):
            path = (*self.path, key, index)
            if not isinstance(item, dict):
                raise self.source.error(path, f"it is {kind_of(item)}", "write a table")
            yield Table(self.source, path, item)

    def text(self, key: str, default: str = "") -> str:
        """Return the text under *key*; it is not blank."""
        value = self.get(key, str, default)
        if key in self.items:
            _check_text(self.source, (*self.path, key), value)
        return value

    def word(self, key: str, known: Collection[str], default: str = "") -> str:
        """Return the text under *key*, one of the *known* words."""
        value = self.text(key, default)
        if key in self.items and value not in known:
            raise self.error(key, f"no {key} `{shorten(value)}`", meant(value, known))
        return value

    def whole(self, key: str, most: int) -> int:
        """Return the whole number from 1 to *most* under *key*; 0 if it is not there."""
        value = self.get(key, int, 0)
        if key in self.items and not 1 <= value <= most:
            raise self.error(key, "a number out of range", f"write a whole number from 1 to {most}")
        return value

    def duration(self, key: str, *, zero: bool = False) -> Duration | None:
        """Return the ISO 8601 duration under *key*, longer than nothing unless *zero* may be."""
        if key not in self.items:
            return None
        try:
            span = Duration.parse(self.text(key))
        except ValueError as error:
            raise self.error(key, str(error), "write how long, such as P30D") from None
        if span == Duration() and not zero:
            raise self.error(key, "a duration of nothing", "write how long, such as P30D")
        return span

    def names(self, key: str, *, single: bool = False) -> tuple[str, ...]:
        """Return the list of different texts under *key*; *single*: one text will do."""
        if single and isinstance(self.items.get(key), str):
            return (self.text(key),)
        found: dict[str, None] = {}
        for index, item in enumerate(self.get(key, list, [])):
            path = (*self.path, key, index)
            if not isinstance(item, str):
                raise self.source.error(path, f"it is {kind_of(item)}", "write text")
            _check_text(self.source, path, item)
            if item in found:
                raise self.source.error(path, f"`{shorten(item)}` is listed twice", "list it once")
            found[item] = None
        return tuple(found)

    def item_path(self, key: str, index: int) -> Path:
        """Return the path of an item; of the key itself where a single text stands for a list."""
        path = (*self.path, key)
        return (*path, index) if isinstance(self.items.get(key), list) else path


def check_name(source: Source, path: Path, name: str) -> None:
    """Check a name that the policy declares."""
    if not NAME.fullmatch(name):
        remedy = "write up to 48 lower-case letters, digits and underscores, a letter first"
        raise source.error(path, f"`{shorten(name)}` is no name", remedy)


def _check_text(source: Source, path: Path, value: str) -> None:
    if not value.strip():
        raise source.error(path, "the text is empty", "write it, or leave the key out")
    if len(value) > MOST_TEXT:
        raise source.error(path, "the text is too long", f"at most {MOST_TEXT} characters")
