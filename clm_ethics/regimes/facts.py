"""What a pack states beside its cells and rules: scope, silence, signals, consent, ages, rights, news."""

from __future__ import annotations

from datetime import date

import msgspec

from ..model.times import Duration
from .words import Relation, Row, Test


def within(day: date, since: date | None, until: date | None) -> bool:
    """Say whether *day* lies between the two days, both inclusive; ``None`` is no limit."""
    return (since is None or since <= day) and (until is None or day <= until)


class Scope(msgspec.Struct, frozen=True, kw_only=True):
    """Whom a pack binds in some time: a named test, and the limits that the law gives to it.

    Attributes:
        test: the test; see :mod:`clm_ethics.regimes.conditions` for what each does with the limits.
        since: the first day; ``None`` for no limit.
        until: the last day, inclusive; ``None`` for no limit.
        revenue_usd: revenue above which it binds.
        revenue_floor_usd: revenue that must be reached besides the other limits.
        residents: data of so many residents.
        residents_selling: data of so many residents, for whoever sells data.
        sale_share: percentage of the revenue from selling data, rounded up.
        sensitive: any sensitive data suffices.
        nonprofits: binds non-profit organisations too.
        small_business_exempt: does not bind small businesses of the US Small Business Administration.
        cite: where it is written.
        prov: see :class:`~clm_ethics.regimes.Cell`, as is note.
    """

    test: Test
    since: date | None = None
    until: date | None = None
    revenue_usd: int | None = None
    revenue_floor_usd: int | None = None
    residents: int | None = None
    residents_selling: int | None = None
    sale_share: int | None = None
    sensitive: bool = False
    nonprofits: bool = False
    small_business_exempt: bool = False
    cite: str
    prov: str
    note: str = ""


class Silence(msgspec.Struct, frozen=True, kw_only=True):
    """Kinds of processing on which a regime has no cell, and *why*: who answers instead, or nobody."""

    rows: tuple[Row, ...]
    why: str


class Watch(msgspec.Struct, frozen=True, kw_only=True):
    """Law that is coming, or proposed. It has no posture and never decides.

    Attributes:
        instrument: its name.
        territory: where, in the words of the source.
        status: how far it is.
        effect: what it would change, and when.
        prov: see :class:`~clm_ethics.regimes.Cell`.
    """

    instrument: str
    territory: str
    status: str
    effect: str
    prov: str


class Signal(msgspec.Struct, frozen=True, kw_only=True):
    """An opt-out signal of the browser that the regime binds a controller to honour.

    Attributes:
        name: the signal: ``gpc`` for Global Privacy Control.
        since: the first day on which it binds.
        rows: the kinds of processing that it ends.
        later_consent: where it is written that a consent to this controller, given after the signal, counts
            more; empty: nowhere.
        cite: where it is written.
        prov: see :class:`~clm_ethics.regimes.Cell`, as is note.
    """

    name: str
    since: date
    rows: tuple[Row, ...]
    later_consent: str = ""
    cite: str
    prov: str
    note: str = ""

    def binds(self, day: date) -> bool:
        """Say whether a controller must honour it on that *day*."""
        return self.since <= day


class ConsentFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What the regime calls consent.

    Attributes:
        definition: when a yes is one.
        granular: whether each purpose needs its own yes.
        withdraw_as_easy: whether withdrawing must be as easy as giving.
        pre_ticked: whether a pre-ticked box counts.
        expiry: how long a yes lasts, in words.
        ask_again_after: how long a refused question must rest, or ``None``.
        cite: where it is written.
        prov: see :class:`~clm_ethics.regimes.Cell`.
    """

    definition: str
    granular: bool
    withdraw_as_easy: bool
    pre_ticked: bool
    expiry: str
    ask_again_after: Duration | None = None
    cite: str
    prov: str


class AgeRule(msgspec.Struct, frozen=True, kw_only=True):
    """From which age, in years, a child's own consent is valid in one territory.

    Attributes:
        age: the age.
        territory: a country or subdivision.
        since: the first day; ``None`` for no limit.
        until: the last day, inclusive; ``None`` for no limit.
        cite: where it is written.
        prov: see :class:`~clm_ethics.regimes.Cell`.
    """

    age: int
    territory: str = ""
    since: date | None = None
    until: date | None = None
    cite: str
    prov: str


class ConsentAge(msgspec.Struct, frozen=True, kw_only=True):
    """The digital age of consent of a regime.

    Attributes:
        default: the regime's own age: it holds where and when no national rule says otherwise.
        guardian: who consents below it.
        national: what national laws say.
        cite: where it is written.
        prov: see :class:`~clm_ethics.regimes.Cell`.
    """

    default: int
    guardian: str
    national: tuple[AgeRule, ...] = ()
    cite: str
    prov: str


class Ground(msgspec.Struct, frozen=True, kw_only=True):
    """One relation that carries a soft opt-in; of several any suffices.

    Attributes:
        relation: what it is.
        told: the address came from it, with a notice of the purpose and of how to stop it.
        address: the address came from it.
        within: for how long it counts: from the last sale or inquiry on, or from the end of a lasting
            contract. ``None``: the law sets no end; a lasting contract then counts only while it is open.
        cite: where it is written.
        prov: see :class:`~clm_ethics.regimes.Cell`, as is note.
    """

    relation: Relation
    told: bool = True
    address: bool = True
    within: Duration | None = None
    cite: str = ""
    prov: str = ""
    note: str = ""


BY_SALE = (Ground(relation=Relation.SALE),)
"""What carries a soft opt-in where a law says no more: an address from a sale, with notice, for good."""


class SoftOptIn(msgspec.Struct, frozen=True, kw_only=True):
    """When advertising one's own similar goods to a customer needs no consent: all *conditions* together.

    *grounds*: the relations that carry it. *charity_since*: an address given to a charity in support of it
    counts like one from a sale if it was given on this day or later; ``None``: the law sets no day (whether
    it counts the row's exceptions say).
    """

    conditions: tuple[str, ...]
    charity_since: date | None = None
    grounds: tuple[Ground, ...] = BY_SALE
    cite: str
    prov: str


class Right(msgspec.Struct, frozen=True, kw_only=True):
    """A right of the data subject and the time to answer its use.

    Attributes:
        right: its name.
        within: the time to answer, or ``None`` where it is at once or counted in business days.
        business_days: the time to answer in business days, or ``None``.
        extension: by how much the time may be extended, or ``None``.
        since: the first day; ``None`` for no limit.
        cite: where it is written.
        prov: see :class:`~clm_ethics.regimes.Cell`, as is note.
    """

    right: str
    within: Duration | None = None
    business_days: int | None = None
    extension: Duration | None = None
    since: date | None = None
    cite: str
    prov: str
    note: str = ""
