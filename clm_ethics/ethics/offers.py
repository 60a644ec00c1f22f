"""What a host would like to show or send, and how personal it may turn out."""

from __future__ import annotations

from enum import StrEnum
from typing import TypeVar

import attrs

from ..errors import UsageError, shorten
from . import checked
from .checked import LONGEST_NAME
from .defaults import LEAST_GAIN
from .statements import NOTHING, Deadline, Pressure, Price, Scarcity, Statement


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


K = TypeVar("K")


def _one_of(kind: type[K], value: object) -> K:
    if not isinstance(value, kind):
        raise UsageError(f"what is stated of an offer is a {kind.__name__}", place="Offer")
    return value


def _name(value: object) -> str:
    return checked.line(value, "name")


def _purpose(value: object) -> str:
    return checked.line(value, "purpose")


def _pressure(value: str) -> str:
    return checked.word(Pressure, value, "pressure")


def _deadline(value: Deadline | None) -> Deadline | None:
    return None if value is None else _one_of(Deadline, value)


def _scarcity(value: Scarcity | None) -> Scarcity | None:
    return None if value is None else _one_of(Scarcity, value)


def _price(value: Price | None) -> Price | None:
    return None if value is None else _one_of(Price, value)


def _statement(value: Statement) -> Statement:
    return _one_of(Statement, value)


@attrs.frozen(cache_hash=True)
class Offer:
    """Something to show or send. What a host does not state about it counts as "none", as its statement.

    Attributes:
        name: what it is called, in the ledger too; it names no person.
        purpose: the purpose of the policy that it serves.
        uses: the fields that it looks at when it is aimed at one person.
        segment: the fields that put somebody into the group that it is for.
        segment_size: how many customers are in that group; unknown or small, and no group is aimed at.
        contextual: it may be made without looking at anybody's data.
        channels: it may be made on these channels only; empty: on any that its purpose has.
        stages: it is for these lifecycle stages only; that uses the built-in field ``stage``.
        topics: what it is about, such as ``mothers_day``: customers may not want to hear of some.
        value: the host's own ranking value; the highest offer that passes every rule is chosen.
        customer_value: what it is worth to the customer, if known; of equal ``value`` the better wins.
        pressure: it makes people hurry: ``deadline``, ``scarcity`` or ``streak``.
        pressure_true: whether what hurries them is true; ``None``: the host does not say.
        deadline: the deadline that the customer is told, and what makes it true.
        scarcity: the scarcity that the customer is told, and the stock behind it.
        personal_price: its price depends on who is asked.
        disclosed: the customer is told that the price is personal.
        price: what is asked, beside what others pay.
        urgent: it is a service message that cannot wait (a fraud alert); never for advertising.
        states: what else the host states.

    Raises:
        UsageError: a name or value of the wrong form, or an offer that could never be made.
    """

    name: str = attrs.field(converter=_name)
    purpose: str = attrs.field(kw_only=True, converter=_purpose)
    uses: frozenset[str] = attrs.field(default=frozenset(), converter=checked.names, kw_only=True)
    segment: frozenset[str] = attrs.field(default=frozenset(), converter=checked.names, kw_only=True)
    segment_size: int | None = attrs.field(default=None, converter=checked.maybe_count, kw_only=True)
    contextual: bool = attrs.field(default=True, kw_only=True)
    channels: frozenset[str] = attrs.field(default=frozenset(), converter=checked.names, kw_only=True)
    stages: frozenset[str] = attrs.field(default=frozenset(), converter=checked.names, kw_only=True)
    topics: frozenset[str] = attrs.field(default=frozenset(), converter=checked.names, kw_only=True)
    value: float = attrs.field(default=0.0, converter=checked.number, kw_only=True)
    customer_value: float | None = attrs.field(default=None, converter=checked.maybe_number, kw_only=True)
    pressure: str = attrs.field(default="", converter=_pressure, kw_only=True)
    pressure_true: bool | None = attrs.field(default=None, converter=checked.maybe_flag, kw_only=True)
    deadline: Deadline | None = attrs.field(default=None, converter=_deadline, kw_only=True)
    scarcity: Scarcity | None = attrs.field(default=None, converter=_scarcity, kw_only=True)
    personal_price: bool = attrs.field(default=False, converter=checked.flag, kw_only=True)
    disclosed: bool = attrs.field(default=False, converter=checked.flag, kw_only=True)
    price: Price | None = attrs.field(default=None, converter=_price, kw_only=True)
    urgent: bool = attrs.field(default=False, converter=checked.flag, kw_only=True)
    states: Statement = attrs.field(default=NOTHING, converter=_statement, kw_only=True)

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

    @property
    def presses(self) -> frozenset[str]:
        """Everything about it that makes people hurry."""
        said = {
            self.pressure,
            Pressure.DEADLINE.value if self.deadline else "",
            Pressure.SCARCITY.value if self.scarcity else "",
        }
        return frozenset(said - {""})

    @property
    def parts(self) -> frozenset[str]:
        """The names of what is stated of it: a rule that looks at something else has nothing to say.

        ``pressure`` stands for everything that makes people hurry.
        """
        stated = ("channels", "stages", "personal_price", "price", "urgent")
        found = {name for name in stated if getattr(self, name)}
        if self.presses or self.pressure_true is not None:
            found.add("pressure")
        return frozenset(found.union(self.states.said))

    @property
    def useless(self) -> frozenset[str]:
        """The fields that add next to nothing to the choice: they are not looked at."""
        return frozenset(name for name, gain in self.states.gains if gain < LEAST_GAIN)

    def wanted(self, level: Level) -> frozenset[str]:
        """Return the fields that it looks at on *level*; empty: there is no such level of it."""
        aimed = {Level.INDIVIDUAL: self.uses, Level.SEGMENT: self.segment}.get(level, frozenset())
        aimed -= self.useless
        if self.stages and (aimed or level is Level.SEGMENT):
            return aimed | {"stage"}
        return aimed

    @property
    def stated(self) -> dict[str, str]:
        """What the host states about it, for the ledger: what is missing is stated as "none" or "no".

        A price, and what it is worth to the customer, stand there only if the host said them.
        """
        said = {True: "true", False: "false", None: "unsaid"}[self.pressure_true]
        if self.deadline or self.scarcity:
            said = "shown"
        return {
            "pressure": f"{', '.join(sorted(self.presses))}, {said}" if self.presses else "none",
            "personal_price": ("disclosed" if self.disclosed else "undisclosed")
            if self.personal_price
            else "no",
            "other": ", ".join(self._else_stated) or "none",
        } | {name: repr(float(value)) for name, value in self._numbers.items() if value is not None}

    @property
    def _numbers(self) -> dict[str, float | None]:
        """What a report compares between groups."""
        asked, public = (self.price.asked, self.price.public) if self.price else (None, None)
        return {"price": asked, "public_price": public, "customer_value": self.customer_value}

    @property
    def _else_stated(self) -> tuple[str, ...]:
        beside = {
            "price": self.price is not None,
            "segment_size": self.segment_size is not None,
            "urgent": self.urgent,
        }
        return (*self.states.said, *(name for name, is_said in beside.items() if is_said))


__all__ = ["LONGEST_NAME", "Deadline", "Level", "Offer", "Pressure", "Price", "Scarcity", "Statement"]
