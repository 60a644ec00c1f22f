"""What a review finds: it reports, and blocks nothing."""

from __future__ import annotations

from typing import NamedTuple


class Finding(NamedTuple):
    """A finding: the rule, where, what, and what to do.

    Attributes:
        rule: its number in the catalogue (``E05``), or the name of a built-in rule.
        place: a dotted key of the document, or the name of an offer.
        text: what is odd there.
        remedy: what to do.
        blocks: what is found keeps an offer from being made; otherwise somebody should look.
    """

    rule: str
    place: str
    text: str
    remedy: str
    blocks: bool = False

    def __str__(self) -> str:
        return f"{self.rule} {self.place}: {self.text}; {self.remedy}"
