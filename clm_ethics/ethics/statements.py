"""What a host states about an offer beyond its name: each missing statement means "none", as the host's.

Nothing here is found out by the library. A statement stands in the ledger beside the choice,
so that whoever said it can be held to it.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

import attrs

from . import checked

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime


class Pressure(StrEnum):
    """What a host may say that makes a customer hurry."""

    DEADLINE = "deadline"
    SCARCITY = "scarcity"
    STREAK = "streak"


class Risk(StrEnum):
    """Kinds of offers that harm whoever is in trouble."""

    CREDIT = "credit"
    GAMBLING = "gambling"
    ALCOHOL = "alcohol"
    DIET = "diet"


class Source(StrEnum):
    """Where data comes from that nobody expects behind an offer."""

    OFF_PLATFORM = "off_platform"
    LOCATION = "location"
    MESSAGES = "message_content"


class Altered(StrEnum):
    """What an offer may change by itself."""

    TERMS = "terms"
    PRICE = "price"
    CONSENT = "consent"
    PROFILE = "profile"


def _altered(value: str) -> str:
    return checked.word(Altered, value, "change")


def _risk(value: str) -> str:
    return checked.word(Risk, value, "risk")


def _sources(values: Iterable[str]) -> frozenset[str]:
    return frozenset(checked.word(Source, value, "source") for value in checked.names(values))


@attrs.frozen(kw_only=True)
class Deadline:
    """A deadline that the customer is told, and what makes it true.

    Attributes:
        until: what the customer reads (aware).
        valid_until: when the offer really ends (aware).
        resets: how often the deadline has been put off before.
        for_all: it is the same for everybody; a countdown per person is none.
        ended: when the same offer ended the last time (aware), if it has been there before.
    """

    until: datetime = attrs.field(converter=checked.moment)
    valid_until: datetime = attrs.field(converter=checked.moment)
    resets: int = attrs.field(default=0, converter=checked.count)
    for_all: bool = attrs.field(default=True, converter=checked.flag)
    ended: datetime | None = attrs.field(default=None, converter=checked.maybe_moment)


@attrs.frozen(kw_only=True)
class Scarcity:
    """A "only so many left" that the customer is told, and the stock behind it.

    Attributes:
        claimed: what the customer reads.
        stock: what there is.
        counted: when that was counted (aware).
    """

    claimed: int = attrs.field(converter=checked.count)
    stock: int = attrs.field(converter=checked.count)
    counted: datetime = attrs.field(converter=checked.moment)


@attrs.frozen(kw_only=True)
class Price:
    """What the customer would pay, beside what others pay for the same; one currency.

    Attributes:
        asked: of this customer.
        public: of anybody; ``None``: there is no public price.
        for_new: of a new customer, if that differs.
        justification: the documented cost that a price above the public one rests on.
        better_shown: where others pay less, the customer is shown how to get that price.
    """

    asked: float = attrs.field(converter=checked.number)
    public: float | None = attrs.field(default=None, converter=checked.maybe_number)
    for_new: float | None = attrs.field(default=None, converter=checked.maybe_number)
    justification: str = attrs.field(default="", converter=checked.text)
    better_shown: bool = attrs.field(default=False, converter=checked.flag)


@attrs.frozen(kw_only=True)
class Change:
    """What accepting, or merely seeing, the offer changes by itself.

    Attributes:
        what: terms, price, consent or profile.
        steps: of doing it.
        undo: of undoing it; ``None``: it cannot be undone.
    """

    what: str = attrs.field(converter=_altered)
    steps: int = attrs.field(default=1, converter=checked.count)
    undo: int | None = attrs.field(default=None, converter=checked.maybe_count)


@attrs.frozen(kw_only=True)
class Incentive:
    """A better price or service for whoever gives data, and what the data is worth; one currency."""

    difference: float = attrs.field(converter=checked.number)
    data_value: float = attrs.field(converter=checked.number)


@attrs.frozen(kw_only=True)
class Experiment:
    """A trial that the offer is part of.

    Attributes:
        name: what it is called.
        harm_screened: somebody has looked for harm before it began.
        stop_rule: it says when it is stopped.
        reads_emotion: it infers emotions to choose the moment.
    """

    name: str = attrs.field(converter=checked.text)
    harm_screened: bool = attrs.field(default=False, converter=checked.flag)
    stop_rule: bool = attrs.field(default=False, converter=checked.flag)
    reads_emotion: bool = attrs.field(default=False, converter=checked.flag)


@attrs.frozen(kw_only=True)
class Statement:
    """What the host states beyond pressure and price. All of it is optional.

    Attributes:
        risk: ``credit``, ``gambling``, ``alcohol`` or ``diet``: harmful to whoever is in trouble.
        vulnerability: the weakness (debt, grief, illness ...) that the choice of people rests on.
        protective: it protects from that weakness rather than using it.
        infers: data categories that the aim tells something about.
        gains: per field, what it adds to the quality of the choice (from 0 to 1).
        sources: data from where nobody expects it: off_platform, location, message_content.
        intrusion: how intrusive that is, in the measure of the offer's ``customer_value``.
        change: what it changes by itself.
        incentive: a better price or service for whoever gives data.
        adverse: it decides against the customer (a refusal, a worse condition).
        human: a human can be reached who looks at the decision again.
        experiment: the trial that it is part of.
    """

    risk: str = attrs.field(default="", converter=_risk)
    vulnerability: str = attrs.field(default="", converter=checked.text)
    protective: bool = attrs.field(default=False, converter=checked.flag)
    infers: frozenset[str] = attrs.field(default=frozenset(), converter=checked.names)
    gains: tuple[tuple[str, float], ...] = attrs.field(default=(), converter=checked.gains)
    sources: frozenset[str] = attrs.field(default=frozenset(), converter=_sources)
    intrusion: float = attrs.field(default=1.0, converter=checked.number)
    change: Change | None = None
    incentive: Incentive | None = None
    adverse: bool = attrs.field(default=False, converter=checked.flag)
    human: bool = attrs.field(default=False, converter=checked.flag)
    experiment: Experiment | None = None

    @property
    def said(self) -> tuple[str, ...]:
        """The names of what was stated at all."""
        fields = attrs.fields(Statement)
        return tuple(each.name for each in fields if getattr(self, each.name) != each.default)


NOTHING = Statement()
"""Nothing stated beyond pressure and price."""
