"""Reading what comes from outside: one meaning or a refusal.

``json.loads`` keeps the last of two equal members and base64 readers forgive padding and
trailing bits: two readers may then see different things in one document (RFC 8259, 4;
RFC 4648, 3.5). Here such a document is refused.
"""

from __future__ import annotations

import json
from binascii import Error, a2b_base64, b2a_base64
from typing import TYPE_CHECKING, Any, NoReturn

from clm_ethics.errors import ProofError

if TYPE_CHECKING:
    from collections.abc import Sequence

HASH = 32
"""Length of a SHA-256 hash, a salt and a commitment, in bytes."""
MAX_NUMBER = (1 << 63) - 1
"""Largest index, length and time."""


def base64(data: bytes) -> str:
    """Write *data* as standard base64 with padding (RFC 4648, 4)."""
    return b2a_base64(data, newline=False).decode("ascii")


def unbase64(text: str) -> bytes:
    """Read the one canonical base64 form of some bytes; ``ValueError`` for any other."""
    try:
        data = a2b_base64(text.encode("ascii"), strict_mode=True)
    except (Error, UnicodeEncodeError):
        raise ValueError("not base64") from None
    if base64(data) != text:
        raise ValueError("not canonical base64")
    return data


def load_object(text: str | bytes, what: str) -> dict[str, Any]:
    """Read a JSON object whose members, at every depth, have distinct names.

    Args:
        text: the document.
        what: its name in errors.

    Raises:
        ProofError: it is not JSON, not UTF-8, not an object, repeats a member, or holds a
            number that JSON has no notation for.
    """
    try:
        loaded = json.loads(text, object_pairs_hook=_distinct, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise ProofError(f"{what} is not a JSON object with distinct members") from None
    if not isinstance(loaded, dict):
        raise ProofError(f"{what} is not a JSON object")
    return loaded


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member is repeated")
    return members


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


def dump(members: dict[str, Any]) -> str:
    """Write a JSON object on one line, in the order given."""
    return json.dumps(members, ensure_ascii=False, separators=(",", ":"))


class Members:
    """The members of one JSON document, each read as the type that it must have.

    Args:
        text: the document.
        what: its name in errors.
        names: exactly the members that it must have.

    Raises:
        ProofError: by every method, if a member is missing, unknown or of the wrong type.
    """

    __slots__ = ("_members", "_what")

    def __init__(self, text: str | bytes, what: str, names: Sequence[str]) -> None:
        self._what = what
        self._members = load_object(text, what)
        if set(self._members) != set(names):
            missing = sorted(set(names) - set(self._members))
            told = f"lacks `{missing[0]}`" if missing else "has a member that it must not have"
            raise ProofError(f"{what} {told}", remedy="take it again from where it was made")

    def text(self, name: str) -> str:
        """Return the string *name*."""
        found = self._members[name]
        if not isinstance(found, str):
            self._refuse(name, "text")
        return found

    def utf8(self, name: str) -> bytes:
        """Return the string *name* as UTF-8; a lone surrogate is refused."""
        try:
            return self.text(name).encode()
        except UnicodeEncodeError:
            self._refuse(name, "Unicode text")

    def flag(self, name: str) -> bool:
        """Return the boolean *name*."""
        found = self._members[name]
        if not isinstance(found, bool):
            self._refuse(name, "true or false")
        return found

    def number(self, name: str) -> int:
        """Return the whole number *name*, 0 to 2**63 - 1."""
        found = self._members[name]
        if type(found) is not int or not 0 <= found <= MAX_NUMBER:
            self._refuse(name, "a whole number")
        return found

    def data(self, name: str, length: int | None = None) -> bytes:
        """Return the bytes *name*, of *length* if it is given."""
        return self._bytes(name, self._members[name], length)

    def hashes(self, name: str) -> tuple[bytes, ...]:
        """Return the list of hashes *name*."""
        found = self._members[name]
        if not isinstance(found, list):
            self._refuse(name, "a list")
        return tuple(self._bytes(name, each, HASH) for each in found)

    def object(self, name: str, names: Sequence[str]) -> Members:
        """Return the object *name*, which must have exactly the members *names*."""
        found = self._members[name]
        if not isinstance(found, dict):
            self._refuse(name, "an object")
        return Members(dump(found), f"`{name}` of {self._what}", names)

    def _bytes(self, name: str, found: Any, length: int | None) -> bytes:
        try:
            data = unbase64(found) if isinstance(found, str) else None
        except ValueError:
            data = None
        if data is None or (length is not None and len(data) != length):
            self._refuse(name, "base64" if length is None else f"base64 of {length} bytes")
        return data

    def _refuse(self, name: str, wanted: str) -> NoReturn:
        raise ProofError(f"`{name}` of {self._what} is not {wanted}")
