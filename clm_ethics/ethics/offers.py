"""What a host would like to show or send, and how personal it may turn out."""

from __future__ import annotations

from enum import StrEnum
from math import isfinite
from typing import TYPE_CHECKING, Any

import attrs

from ..errors import UsageError, shorten

if TYPE_CHECKING:
    from collections.abc import Iterable

LONGEST_NAME = 100
"""Characters of an offer's name: it stands in the ledger, so it names the offer and no person."""


class Level(StrEnum):
    """How much of somebody's data an offer uses, the most first. None needs less permission."""

    INDIVIDUAL = "individual"
    """Chosen from the customer's own data."""
    SEGMENT = "segment"
    """Chosen for a group that the customer's data puts them in: profiling too."""
    CONTEXTUAL = "contextual"
    """Chosen without looking at the customer's data."""
    NONE = "none"
    """Not made."""


class Pressure(StrEnum):
    """What a host may say that makes a customer hurry."""

    DEADLINE = "deadline"
    SCARCITY = "scarcity"
    STREAK = "streak"


def _names(names: Iterable[str]) -> frozenset[str]:
    if isinstance(names, str):
        raise UsageError("one text where several names belong", place="Offer", remedy="write {...} around it")
    found = frozenset(names)
    if not all(isinstance(name, str) for name in found):
        raise UsageError("a name that is not text", place="Offer", remedy="write names of the policy")
    return found


def _number(value: float) -> float:
    if not _is_number(value):
        raise UsageError(
            "the value of an offer is a finite number", place="Offer", remedy="such as value=2.5"
        )
    return float(value)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and isfinite(value)


def _pressure(value: str) -> str:
    if value and value not in list(Pressure):
        raise UsageError(
            f"no pressure `{shorten(value)}`", place="Offer", remedy="it is one of " + ", ".join(Pressure)
        )
    return str(value)


def _check_name(_: Any, attribute: attrs.Attribute[str], name: object) -> None:
    if not isinstance(name, str) or not name.strip() or not name.isprintable() or len(name) > LONGEST_NAME:
        raise UsageError(
            f"the {attribute.name} of an offer is a line of 1 to {LONGEST_NAME} characters", place="Offer"
        )


@attrs.frozen
class Offer:
    """Something to show or send. What a host does not state about it counts as "none", as its statement.

    Attributes:
        name: what it is called, in the ledger too; it names no person.
        purpose: the purpose of the policy that it serves.
        uses: the fields that it looks at when it is aimed at one person.
        segment: the fields that put somebody into the group that it is for.
        contextual: it may be made without looking at anybody's data.
        value: the host's own ranking value; the highest offer that passes every rule is chosen.
        stages: it is for these lifecycle stages only; that uses the built-in field ``stage``.
        pressure: it makes people hurry: ``deadline``, ``scarcity`` or ``streak``.
        pressure_true: whether what hurries them is true; ``None``: the host does not say.
        personal_price: its price depends on who is asked.
        disclosed: the customer is told that the price is personal.

    Raises:
        UsageError: a name or value of the wrong form, or an offer that could never be made.
    """

    name: str = attrs.field(validator=_check_name)
    purpose: str = attrs.field(kw_only=True, validator=_check_name)
    uses: frozenset[str] = attrs.field(default=frozenset(), converter=_names, kw_only=True)
    segment: frozenset[str] = attrs.field(default=frozenset(), converter=_names, kw_only=True)
    contextual: bool = attrs.field(default=True, kw_only=True)
    value: float = attrs.field(default=0.0, converter=_number, kw_only=True)
    stages: frozenset[str] = attrs.field(default=frozenset(), converter=_names, kw_only=True)
    pressure: str = attrs.field(default="", converter=_pressure, kw_only=True)
    pressure_true: bool | None = attrs.field(default=None, kw_only=True)
    personal_price: bool = attrs.field(default=False, kw_only=True)
    disclosed: bool = attrs.field(default=False, kw_only=True)

    def __attrs_post_init__(self) -> None:
        """Refuse an offer that neither uses data nor may be made without."""
        if not self.contextual and not self.fields:
            raise UsageError(
                "an offer that uses no data and may not be made without",
                place=f"Offer {shorten(self.name)}",
                remedy="name what it uses, or leave contextual=True",
            )

    @property
    def fields(self) -> frozenset[str]:
        """Every field that it may look at, at any level."""
        return self.uses | self.segment | ({"stage"} if self.stages else frozenset())

    def wanted(self, level: Level) -> frozenset[str]:
        """Return the fields that it looks at on *level*; empty: there is no such level of it."""
        aimed = {Level.INDIVIDUAL: self.uses, Level.SEGMENT: self.segment}.get(level, frozenset())
        if self.stages and (aimed or level is Level.SEGMENT):
            return aimed | {"stage"}
        return aimed

    @property
    def stated(self) -> dict[str, str]:
        """What the host states about it, for the ledger: what is missing is stated as "none" or "no"."""
        said = {True: "true", False: "false", None: "unsaid"}[self.pressure_true]
        return {
            "pressure": f"{self.pressure}, {said}" if self.pressure else "none",
            "personal_price": ("disclosed" if self.disclosed else "undisclosed")
            if self.personal_price
            else "no",
        }
