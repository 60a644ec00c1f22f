"""How the words of a call are read; what cannot be read is a wrong call."""

from __future__ import annotations

from argparse import ArgumentTypeError
from datetime import UTC, datetime


def positive(text: str) -> int:
    """Read a whole number above zero."""
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise ArgumentTypeError("a whole number from 1 on is wanted")
    return int(text)


def moment(text: str) -> datetime:
    """Read an ISO 8601 date or time; without a zone it is UTC."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError("a date such as 2025-06-01 is wanted") from None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def count(text: str) -> int:
    """Read a whole number from zero on."""
    if not text.isascii() or not text.isdigit():
        raise ArgumentTypeError("a whole number is wanted")
    return int(text)
