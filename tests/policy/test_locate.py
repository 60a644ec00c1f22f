"""Lines of keys: found in every layout that TOML allows, and never wrong."""

from __future__ import annotations

import string
import tomllib
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from clm_ethics.policy.locate import Path as Place
from clm_ethics.policy.locate import locate, paths

EXAMPLE = Path(__file__).with_name("shop.toml").read_text("utf-8")
LETTERS = string.ascii_letters + string.digits + "-_"
KEYS = (
    st.text(LETTERS, min_size=1, max_size=3)
    | st.text(max_size=3)
    | st.sampled_from(["a.b", '"', "\\", "#", "]"])
)
SCALARS = st.one_of(st.integers(-9, 99), st.booleans(), st.text(max_size=6), st.dates())
VALUES = st.recursive(
    SCALARS,
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(KEYS, inside, max_size=3),
    max_leaves=8,
)
DOCUMENTS = st.dictionaries(
    KEYS, VALUES | st.lists(st.dictionaries(KEYS, VALUES, max_size=2), max_size=3), max_size=4
)


class Writer:
    """Writes a document as TOML in a layout drawn at random, and keeps the line of every key."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw
        self.text = ""
        self.lines: dict[Place, int] = {}

    def note(self, path: Place, *, first: bool = False) -> None:
        """Keep the line of *path*: this one, or the first."""
        line = self.text.count("\n") + 1
        self.lines[path] = self.lines.get(path, line) if first else line

    def yes(self) -> bool:
        """Draw a choice."""
        return self.draw(st.booleans())

    def blank(self) -> None:
        """Write nothing, or lines that say nothing."""
        self.text += self.draw(st.sampled_from(["", "\n", "# x = 1\n", " \t# [a] \"\"\" '''\n\n"]))

    def key(self, name: str) -> str:
        """Write a key bare, literal or basic."""
        if name and set(name) <= set(LETTERS) and self.yes():
            return name
        if name.isprintable() and "'" not in name and self.yes():
            return f"'{name}'"
        return basic(name)

    def table(self, table: dict[str, Any], path: Place) -> None:
        """Write the plain keys of a table first, then its own tables under headers."""
        later = []
        for name, value in table.items():
            headed = isinstance(value, dict) or (tables(value) and value)
            if headed and self.yes():
                later.append(name)
            else:
                self.pair((), name, value, path)
                self.text += self.draw(st.sampled_from(["\n", " # note ]\n", "\r\n"]))
        for name in later:
            self.headed(table[name], (*path, name))

    def headed(self, value: Any, path: Place) -> None:
        """Write tables under headers of their own."""
        array = isinstance(value, list)
        for index, table in enumerate(value if array else [value]):
            here = (*path, index) if array else path
            self.blank()
            if array:
                self.note(path, first=True)
            self.note(here)
            parts = ".".join(self.key(part) for part in path if isinstance(part, str))
            self.text += f"[[ {parts} ]]\n" if array else f"[{parts}]\n"
            self.table(table, here)

    def pair(self, before: tuple[str, ...], name: str, value: Any, path: Place) -> None:
        """Write one key, or a table of one key as a dotted key."""
        if isinstance(value, dict) and len(value) == 1 and self.yes():
            ((inner, inside),) = value.items()
            self.note((*path, name), first=True)
            self.pair((*before, name), inner, inside, (*path, name))
            return
        self.note((*path, name))
        dot = self.draw(st.sampled_from([".", " . "]))
        self.text += dot.join(self.key(part) for part in (*before, name)) + " = "
        self.value(value, (*path, name))

    def value(self, value: Any, path: Place) -> None:
        """Write a value."""
        if isinstance(value, list):
            self.items(value, path)
        elif isinstance(value, dict):
            self.text += "{"
            for number, (name, inside) in enumerate(value.items()):
                self.text += ", " if number else " "
                self.pair((), name, inside, path)
            self.text += "}"
        elif isinstance(value, str):
            self.text += self.quoted(value)
        else:
            self.text += str(value).lower() if isinstance(value, bool) else str(value)

    def items(self, items: list[Any], path: Place) -> None:
        """Write a list over one or more lines."""
        self.text += "["
        for index, item in enumerate(items):
            self.blank()
            self.note((*path, index))
            self.value(item, (*path, index))
            self.blank()
            self.text += ","
        self.blank()
        self.text += "]"

    def quoted(self, text: str) -> str:
        """Write text in one of the four kinds of string."""
        if self.yes() and text.isprintable() and "'" not in text:
            return f"'''\n{text}\n'''" if self.yes() else f"'{text}'"
        inside = basic(text)[1:-1]
        return f'"""\n{inside} \\\n  "" \\\\\n"""' if self.yes() else f'"{inside}"'


def basic(text: str) -> str:
    """Write *text* as a basic string of TOML."""
    return '"' + "".join(each if each.isalnum() else f"\\U{ord(each):08X}" for each in text) + '"'


def tables(value: Any) -> bool:
    """Say whether *value* is a list of tables."""
    return isinstance(value, list) and all(isinstance(each, dict) for each in value)


@settings(max_examples=300, deadline=None)
@given(st.data(), DOCUMENTS)
def test_the_line_of_every_key_is_found_in_any_layout(data: st.DataObject, document: dict[str, Any]) -> None:
    """Headers, arrays of tables, inline tables, dotted and quoted keys, long strings: each line is right."""
    writer = Writer(data.draw)
    writer.blank()
    writer.table(document, ())
    read = tomllib.loads(writer.text)

    assert set(paths(document)) == set(paths(read))
    assert writer.lines == locate(writer.text, read)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_the_scanner_agrees_with_tomllib_on_disturbed_text(data: st.DataObject) -> None:
    """Whatever ``tomllib`` accepts, the scanner finds the same keys in it."""
    text = EXAMPLE
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(text)))
        typed = data.draw(st.text("[]{}=.,\"'#\n\r\\ abtx01-", max_size=3))
        text = text[:start] + typed + text[start + data.draw(st.integers(0, 3)) :]
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return

    assert set(paths(document)) == locate(text, document).keys()


def test_no_line_is_better_than_a_wrong_one() -> None:
    """Where text and document disagree, or the text is no TOML, no line is given."""
    assert {} == locate("a = 1\n", {"b": 1})
    assert {} == locate("a = \n", {"a": 1})
    assert {} == locate("= 1", {"a": 1})
    assert {} == locate('a = """x', {"a": "x"})


def test_what_is_deeper_than_any_policy_gets_no_lines() -> None:
    """Memory stays small: paths are bounded, whether made of lists, headers or tables."""
    deep: dict[str, Any] = {}
    for _ in range(30):
        deep = {"a": deep}

    for text in ("a = " + "[" * 30 + "]" * 30, "[" + "a." * 30 + "a]", "a." * 30 + "a = 1"):
        assert {} == locate(text, tomllib.loads(text))
    assert {} == locate("a = 1", deep)


def test_lines_by_hand() -> None:
    """A small document, counted by hand."""
    text = 'a = [\n  1,\n  { b = """\n""", c = 2 },\n]\n[x.y]\n"z.z" = 1\n[[t]]\n[t.u]\n[[t]]\nv.w = 3\n'

    assert {
        ("a",): 1,
        ("a", 0): 2,
        ("a", 1): 3,
        ("a", 1, "b"): 3,
        ("a", 1, "c"): 4,
        ("x",): 6,
        ("x", "y"): 6,
        ("x", "y", "z.z"): 7,
        ("t",): 8,
        ("t", 0): 8,
        ("t", 0, "u"): 9,
        ("t", 1): 10,
        ("t", 1, "v"): 11,
        ("t", 1, "v", "w"): 11,
    } == locate(text, tomllib.loads(text))
