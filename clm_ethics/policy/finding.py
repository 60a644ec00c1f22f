"""What a lint says: a place, what is odd there, and what to do."""

from __future__ import annotations

from typing import NamedTuple


class Finding(NamedTuple):
    """A place in a policy (a dotted key), what is odd there, and what to do.

    *file* and *line* are known where the policy was examined as a text.
    """

    place: str
    text: str
    remedy: str
    file: str = ""
    line: int | None = None

    def __str__(self) -> str:
        line = "" if self.line is None else f":{self.line}"
        where = f"{self.file}{line}: " if self.file else ""
        return f"{where}{self.place}: {self.text}; {self.remedy}"
