"""What a host states about an offer, checked when it is said: converters for frozen values."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING

from ..errors import UsageError, shorten
from ..model.times import aware

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime
    from enum import StrEnum

LONGEST_NAME = 100
"""Characters of an offer's name: it stands in the ledger, so it names the offer and no person."""


def line(value: object, what: str) -> str:
    """Return *value* if it is one line of 1 to 100 printable characters."""
    if (
        not isinstance(value, str)
        or not value.strip()
        or not value.isprintable()
        or len(value) > LONGEST_NAME
    ):
        raise UsageError(f"the {what} of an offer is a line of 1 to {LONGEST_NAME} characters", place="Offer")
    return value


def text(value: object) -> str:
    """Return *value* if it is nothing, or one such line."""
    return "" if value == "" else line(value, "statement")


def names(values: Iterable[str]) -> frozenset[str]:
    """Return names as a set; one text is an error."""
    if isinstance(values, str):
        raise UsageError("one text where several names belong", place="Offer", remedy="write {...} around it")
    found = frozenset(values)
    if not all(isinstance(name, str) for name in found):
        raise UsageError("a name that is not text", place="Offer", remedy="write names of the policy")
    return found


def number(value: float) -> float:
    """Return a finite number; ``True`` is none."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not isfinite(value):
        raise UsageError(
            "the value of an offer is a finite number", place="Offer", remedy="such as value=2.5"
        )
    return float(value)


def maybe_number(value: float | None) -> float | None:
    """Return a finite number, or nothing."""
    return None if value is None else number(value)


def count(value: int) -> int:
    """Return a whole number from 0 on."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise UsageError("a count is a whole number, 0 or more", place="Offer", remedy="pass such a number")
    return value


def maybe_count(value: int | None) -> int | None:
    """Return a whole number from 0 on, or nothing."""
    return None if value is None else count(value)


def flag(value: object) -> bool:
    """Return a plain truth value: ``"no"`` is not one."""
    if not isinstance(value, bool):
        raise UsageError("a statement that is neither true nor false", place="Offer", remedy="True or False")
    return value


def maybe_flag(value: object) -> bool | None:
    """Return a plain truth value, or nothing."""
    return None if value is None else flag(value)


def moment(value: datetime) -> datetime:
    """Return an aware instant in UTC."""
    return aware(value, "Offer")


def maybe_moment(value: datetime | None) -> datetime | None:
    """Return an aware instant in UTC, or nothing."""
    return None if value is None else moment(value)


def word(known: type[StrEnum], value: str, what: str) -> str:
    """Return *value* if it is nothing, or one of *known*."""
    if value and value not in list(known):
        said = shorten(value) if isinstance(value, str) else type(value).__name__
        raise UsageError(f"no {what} `{said}`", place="Offer", remedy="it is one of " + ", ".join(known))
    return str(value)


def gains(values: Mapping[str, float] | Iterable[tuple[str, float]]) -> tuple[tuple[str, float], ...]:
    """Return, per field, what it adds to the choice; sorted, so that it can be compared."""
    pairs = values.items() if hasattr(values, "items") else values
    return tuple(sorted((line(name, "field"), number(gain)) for name, gain in pairs))
