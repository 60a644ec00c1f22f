"""Where the keys of a TOML document stand.

``tomllib`` tells no positions. This scanner walks over text that ``tomllib`` has already
accepted, and notes the line of every key and list item. Its result is used only if it found
exactly the keys that ``tomllib`` found: no line is better than a wrong one.
"""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_left
from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator

Path: TypeAlias = tuple[str | int, ...]
"""Keys and list positions (from 0) from the top of a document."""

DEEPEST = 16
"""How many keys a path may have; no policy needs more than five, and deeper ones get no lines."""

_BLANK = re.compile(r"(?:[ \t\n]+|#[^\n]*)*")
_SPACE = re.compile(r"[ \t]*")
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_BASIC = re.compile(r'"[^"\\\n]*(?:\\.[^"\\\n]*)*"')
_LITERAL = re.compile(r"'[^'\n]*'")
_SCALAR = re.compile(r"[^,\]}\n#]+")
_STOP = re.compile(r'\\.|"""', re.DOTALL)


def locate(text: str, document: Mapping[str, object]) -> dict[Path, int]:
    """Return the line (from 1) of each path of *document*, which ``tomllib`` read from *text*.

    Empty if the scanner and ``tomllib`` disagree about what is there.
    """
    scanner = _Scanner(text.replace("\r\n", "\n"))
    try:
        scanner.run()
        same = scanner.lines.keys() == set(paths(document))
    except ValueError:
        return {}
    return scanner.lines if same else {}


def paths(document: Mapping[str, object]) -> Iterator[Path]:
    """Yield the path of every key and list item in *document*; ``ValueError`` if one is too deep."""
    waiting: list[tuple[Path, object]] = [((), document)]
    while waiting:
        path, value = waiting.pop()
        if len(path) > DEEPEST:
            raise ValueError("too deep")
        if path:
            yield path
        if isinstance(value, Mapping):
            waiting.extend(((*path, key), item) for key, item in value.items())
        elif isinstance(value, list):
            waiting.extend(((*path, index), item) for index, item in enumerate(value))


class _Scanner:
    """One pass over the text; *lines* grows as keys are met."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.ends = [match.start() for match in re.finditer("\n", text)]
        self.lines: dict[Path, int] = {}
        self.lengths: dict[Path, int] = {}

    def run(self) -> None:
        """Note every key; ``ValueError`` if the text is not what was expected."""
        table: Path = ()
        while self.skip(_BLANK):
            if self.text.startswith("[", self.at):
                table = self.header()
            else:
                self.pair(table)

    @property
    def line(self) -> int:
        return bisect_left(self.ends, self.at) + 1

    def skip(self, pattern: re.Pattern[str]) -> bool:
        """Step over *pattern*, and say whether any text is left."""
        self.at = self.take(pattern)[1]
        return self.at < len(self.text)

    def take(self, pattern: re.Pattern[str]) -> tuple[str, int]:
        """Return what *pattern* matches here, and where that ends."""
        match = pattern.match(self.text, self.at)
        if match is None:
            raise ValueError("unexpected text")
        return match.group(), match.end()

    def expect(self, token: str) -> bool:
        """Step over *token* if it stands here."""
        here = self.text.startswith(token, self.at)
        self.at += len(token) if here else 0
        return here

    def must(self, token: str) -> None:
        """Step over *token*, which has to stand here."""
        if not self.expect(token):
            raise ValueError("unexpected text")

    def header(self) -> Path:
        """Read ``[table]`` or ``[[table]]`` and return its path."""
        line = self.line
        array = self.expect("[[")
        if not array:
            self.must("[")
        table: Path = ()
        parts = self.key()
        for part in parts[:-1]:
            table = (*table, part)
            self.lines.setdefault(table, line)
            if table in self.lengths:
                table = (*table, self.lengths[table] - 1)
        table = (*table, parts[-1])
        if array:
            self.lines.setdefault(table, line)
            index = self.lengths.get(table, 0)
            self.lengths[table] = index + 1
            table = (*table, index)
        self.lines[table] = line
        self.must("]]" if array else "]")
        return table

    def pair(self, table: Path) -> None:
        """Read ``key = value`` inside *table*."""
        line = self.line
        path = table
        for part in self.key():
            path = (*path, part)
            self.lines.setdefault(path, line)
        self.must("=")
        self.skip(_SPACE)
        self.value(path)

    def key(self) -> list[str]:
        """Read a key, dotted or not, and the space around it."""
        parts = []
        while True:
            self.skip(_SPACE)
            quote = self.text[self.at : self.at + 1]
            if quote in ('"', "'"):
                raw, self.at = self.take(_BASIC if quote == '"' else _LITERAL)
                parts.append(str(tomllib.loads(f"key = {raw}")["key"]))
            else:
                raw, self.at = self.take(_BARE)
                parts.append(raw)
            self.skip(_SPACE)
            if not self.expect("."):
                return parts
            if len(parts) > DEEPEST:
                raise ValueError("too deep")

    def value(self, path: Path) -> None:
        """Step over a value, noting the keys and items inside it."""
        if len(path) > DEEPEST:
            raise ValueError("too deep")
        if self.expect("["):
            self.array(path)
        elif self.expect("{"):
            self.inline(path)
        elif self.expect('"""'):
            self.long_basic()
        elif self.expect("'''"):
            self.long_literal()
        elif self.text.startswith('"', self.at):
            self.skip(_BASIC)
        elif self.text.startswith("'", self.at):
            self.skip(_LITERAL)
        else:
            self.skip(_SCALAR)

    def array(self, path: Path) -> None:
        index = 0
        while self.skip(_BLANK) and not self.expect("]"):
            self.lines[*path, index] = self.line
            self.value((*path, index))
            self.skip(_BLANK)
            self.expect(",")
            index += 1

    def inline(self, path: Path) -> None:
        while self.skip(_BLANK) and not self.expect("}"):
            self.pair(path)
            self.skip(_BLANK)
            self.expect(",")

    def long_basic(self) -> None:
        while True:
            match = _STOP.search(self.text, self.at)
            if match is None:
                raise ValueError("unexpected text")
            self.at = match.end()
            if match.group() == '"""':
                break
        self.closing('"')

    def long_literal(self) -> None:
        self.at = self.text.index("'''", self.at) + 3
        self.closing("'")

    def closing(self, quote: str) -> None:
        """Up to two quotes before the closing three belong to the string."""
        for _ in range(2):
            self.expect(quote)
