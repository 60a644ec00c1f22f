"""What a caller hands in, checked before anything is looked up; an error never shows the value."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from ..errors import UsageError
from ..policy import Request

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..policy import Policy

T = TypeVar("T")


def check_text(given: object, what: str, place: str, longest: int, *, least: int = 1) -> str:
    """Return *given* if it is Unicode text of *least* to *longest* characters; else ``UsageError``.

    What is longer or holds a lone surrogate could not be stored, and so not be proven either.
    """
    if not isinstance(given, str) or not least <= len(given) <= longest or not _is_unicode(given):
        raise UsageError(
            f"{what} is a text of {least} to {longest} characters", place=place, remedy="pass such a text"
        )
    return given


def check_names(given: Iterable[str], place: str) -> tuple[str, ...]:
    """Return the names in *given*, each once; one text, or what is no text, is a ``UsageError``."""
    names = check_several(given, "names", place)
    if not all(isinstance(name, str) for name in names):
        raise UsageError("a name that is not text", place=place, remedy="write names of the policy")
    return tuple(dict.fromkeys(names))


def check_request(
    policy: Policy, purpose: str, fields: Iterable[str] | None, channel: str | None, actor: str | None = None
) -> Request:
    """Return a checked request; unknown names raise at once, whoever the customer is."""
    policy.purpose(purpose)
    wanted = None if fields is None else check_names(fields, f"fields of `{purpose}`")
    if wanted is not None:
        policy.check_fields(wanted)
    if channel is not None:
        policy.channel(channel)
    return Request(purpose, wanted, channel or "", actor=actor)


def check_several(given: Iterable[T], what: str, place: str) -> tuple[T, ...]:
    """Return what is in *given*; a text, or what cannot be gone through, is a ``UsageError``."""
    if isinstance(given, str) or not hasattr(given, "__iter__"):
        raise UsageError(
            f"one value where several {what} belong", place=place, remedy="write [...] around it"
        )
    return tuple(given)


def check_count(given: int | None, what: str, place: str, least: int) -> None:
    """Raise ``UsageError`` unless *given* is a whole number of at least *least*."""
    if isinstance(given, bool) or not isinstance(given, int) or given < least:
        raise UsageError(
            f"{what} is a whole number, {least} or more", place=place, remedy="pass such a number"
        )


def _is_unicode(text: str) -> bool:
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
