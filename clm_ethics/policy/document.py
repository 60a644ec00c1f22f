"""Policy documents: TOML, or the same objects built in Python, to :class:`Declared`.

A document is checked whole: types and names first, then what its parts say of each other.
The error is about the first problem in the document, and mentions the others. The hash is
SHA-256 over the canonical JSON (RFC 8785) of the document, so comments, order and layout do
not count, and the same policy built in Python has the same hash.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from pathlib import Path as FilePath
from typing import TYPE_CHECKING

import rfc8785

from ..lifecycle.values import Lifecycle
from . import sections
from .checks import check
from .locate import locate
from .reading import Source, Table, plain
from .values import Declared
from .vocabulary import special

if TYPE_CHECKING:
    from collections.abc import Mapping
    from os import PathLike

    from .values import Field

FORMAT = 1
"""The format of policy documents that this version reads."""
LARGEST = 1024 * 1024
"""Bytes of a policy document, as text and in its canonical form."""

# The parser's memory grows with the square of a key's parts.
_LONG_KEY = re.compile(r"""(?<![\w"'-])(?:[\w"'-]++[ \t]*+\.[ \t]*+){100}""")
_LINE = re.compile(r"(.*?) ?\(at line (\d+), column \d+\)", re.DOTALL)


def read_file(path: str | PathLike[str]) -> Declared:
    """Read a policy from a TOML file in UTF-8; ``PolicyError`` if it cannot be used."""
    return read_text(text_of_file(path), name=str(path))


def text_of_file(path: str | PathLike[str]) -> str:
    """Return the text of a policy's file in UTF-8; ``PolicyError`` if it cannot be read."""
    source = Source(str(path))
    try:
        with FilePath(path).open("rb") as file:
            data = file.read(LARGEST + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "no usable path"
        raise source.error((), f"cannot read the policy: {reason.lower()}", "check the path") from None
    try:
        text = data.decode("utf-8-sig") if len(data) <= LARGEST else ""
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise Source(f"{path}:{line}").error((), "the policy is not UTF-8", "save it as UTF-8") from None
    _check_size(len(data), source)
    return text


def read_text(text: str, *, name: str = "policy") -> Declared:
    """Read a policy from TOML text; *name* stands for the file in errors.

    Raises:
        PolicyError: it is no TOML, or no policy; the error names line and key.
    """
    source = Source(name)
    _check_size(len(text.encode("utf-8", "surrogatepass")), source)
    if _LONG_KEY.search(text):
        raise source.error((), "a key of a hundred parts", "no key of a policy has more than five")
    try:
        document = tomllib.loads(text)
    except RecursionError:
        raise source.error((), "tables and lists lie too deep inside each other") from None
    except ValueError as error:
        raise _syntax_error(str(error), source) from None
    return _read(document, Source(name, locate(text, document)))


def read_mapping(document: Mapping[str, object], *, name: str = "policy") -> Declared:
    """Read a policy from the objects that its TOML would give; *name* stands in errors.

    Raises:
        PolicyError: it is no policy; the error names the key.
    """
    return _read(document, Source(name))


def _check_size(size: int, source: Source) -> None:
    if size > LARGEST:
        raise source.error((), f"the policy is larger than {LARGEST:,} bytes", "split the policy")


def _syntax_error(message: str, source: Source) -> Exception:
    match = _LINE.fullmatch(message)
    what, line = (match[1], int(match[2])) if match else (message.removesuffix(" (at end of document)"), None)
    what = what[:1].lower() + what[1:]
    where = source if line is None else Source(f"{source.name}:{line}")
    error = where.error((), f"this is no TOML: {what}", "see https://toml.io/en/v1.0.0")
    error.line = line
    return error


def _read(document: object, source: Source) -> Declared:
    values = plain(document, source)
    canonical = rfc8785.dumps(values)
    _check_size(len(canonical), source)
    top = Table(source, (), values)
    _check_format(top)
    declared = _declared(top, canonical)
    source.settle()
    check(declared, top)
    source.settle()
    return declared


def _check_format(top: Table) -> None:
    top.need("format", f"write format = {FORMAT}")
    if top.get("format", int, 0) != FORMAT:
        raise top.error(
            "format", f"format {top.items['format']} is not known", f"this version reads {FORMAT}"
        )


def _declared(top: Table, canonical: bytes) -> Declared:
    attempt = top.source.attempt
    attempt(lambda: top.only(*sections.TOP), top)
    fields = top.each("fields", sections.field)
    return Declared(
        hash=hashlib.sha256(canonical).hexdigest(),
        canonical=canonical,
        audit_keep=attempt(lambda: sections.audit(top), sections.AUDIT_KEEP),
        controller=attempt(lambda: sections.controller(top), sections.NOBODY),
        fields=_labelled(fields),
        events=top.each("events", sections.event),
        purposes=sections.purposes(top),
        lifecycle=attempt(lambda: sections.lifecycle(top), Lifecycle()),
        channels=top.each("channels", sections.channel),
    )


def _labelled(fields: dict[str, Field]) -> dict[str, Field]:
    """Mark special fields: by their category, or because they were derived from a special one."""
    derived: dict[str, list[str]] = {}
    for name, field in fields.items():
        for origin in field.derived_from:
            derived.setdefault(origin, []).append(name)
    waiting = [name for name, field in fields.items() if special(field.category)]
    marked: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name not in marked:
            marked.add(name)
            waiting.extend(derived.get(name, ()))
    return {name: sections.labelled(field, special=name in marked) for name, field in fields.items()}
