"""What a lint says: a place, what is odd there, and what to do."""

from __future__ import annotations

from typing import NamedTuple


class Finding(NamedTuple):
    """A place in a policy (a dotted key), what is odd there, and what to do."""

    place: str
    text: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.place}: {self.text}; {self.remedy}"
