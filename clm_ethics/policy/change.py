"""One change between two policies, and what it does to what is permitted."""

from __future__ import annotations

from enum import StrEnum

import attrs


class Effect(StrEnum):
    """What a change does to what is permitted."""

    WORDING = "wording"
    NARROWING = "narrowing"
    WIDENING = "widening"


WORDING, NARROWING, WIDENING = Effect.WORDING, Effect.NARROWING, Effect.WIDENING


@attrs.frozen
class Change:
    """One change.

    Attributes:
        place: the key in the document, such as ``purposes.newsletter.fields``.
        text: what changed, in plain words.
        effect: wording, narrowing or widening.
    """

    place: str
    text: str
    effect: Effect

    def __str__(self) -> str:
        return f"{self.effect.value:<9} {self.place}: {self.text}"


__all__ = ["NARROWING", "WIDENING", "WORDING", "Change", "Effect"]
