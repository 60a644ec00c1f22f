"""What a policy declares, as frozen values. ``document.py`` reads them from TOML or a mapping."""

from __future__ import annotations

import hashlib
from enum import StrEnum

import msgspec

from ..lifecycle.values import Lifecycle, Move
from ..model.state import BUILT_IN, Clause
from ..model.times import Duration
from ..regimes import Organisation


class Basis(StrEnum):
    """The legal bases that a purpose may claim (Art. 6(1) GDPR and its kin)."""

    CONSENT = "consent"
    CONTRACT = "contract"
    LEGAL_OBLIGATION = "legal_obligation"
    LEGITIMATE_INTEREST = "legitimate_interest"
    SOFT_OPT_IN = "soft_opt_in"
    OPT_OUT = "opt_out"
    PUBLIC_TASK = "public_task"
    VITAL_INTEREST = "vital_interest"


ADVERTISING = frozenset({"direct_marketing", "targeted_ads", "sale_sharing"})
"""Processing that nothing but the customer's silence or yes carries."""


class Keep(msgspec.Struct, frozen=True):
    """A retention: *span* counted from a fact.

    *since* is one of ``collected``, ``contract_end``, ``withdrawal``, ``year_end`` (the end
    of the calendar year of collection).
    """

    span: Duration
    since: str


class Field(msgspec.Struct, frozen=True, kw_only=True):
    """A declared field.

    Attributes:
        type: text, integer, number, boolean, date, datetime, map or list.
        category: a dotted fideslang data category.
        max: of a list: how many items at most.
        lookup: the normaliser (email, phone, plain) by which ``find`` reaches it.
        source: the host's source that holds the value.
        derived_from: the fields that it was computed from.
        special: a special category (Art. 9(1) GDPR), by its category or by those it was computed from.
        was: its former names, the oldest first.
    """

    name: str
    type: str
    category: str
    max: int = 0
    lookup: str = ""
    source: str = ""
    derived_from: tuple[str, ...] = ()
    special: bool = False
    was: tuple[str, ...] = ()


class EventRule(msgspec.Struct, frozen=True, kw_only=True):
    """What ``record`` does on an event.

    Attributes:
        appends: per list field the keys of the item; an item is appended if all were given.
        opens: contract purposes it opens.
        closes: contract purposes it closes.
        mutes: processings it silences, and for how long.
        was: its former names, the oldest first.
    """

    name: str
    appends: dict[str, tuple[str, ...]] = {}
    opens: tuple[str, ...] = ()
    closes: tuple[str, ...] = ()
    mutes: dict[str, Duration] = {}
    was: tuple[str, ...] = ()


class Purpose(msgspec.Struct, frozen=True, kw_only=True):
    """A purpose: what for, on which legal bases, with which fields, for how long.

    *was*: its former names, the oldest first.
    """

    name: str
    title: dict[str, str]
    processing: tuple[str, ...]
    basis: tuple[Basis, ...]
    basis_under: dict[str, tuple[Basis, ...]] = {}
    fields: tuple[str, ...] = ()
    explicit: tuple[str, ...] = ()
    coarse: dict[str, str] = {}
    keep: Keep | None = None
    law: str = ""
    assessment: str = ""
    compatible_with: tuple[str, ...] = ()
    stages: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    consent_expires: Duration | None = None
    sale: bool = False
    support: bool = False
    inquiry: bool = False
    lasting: bool = False
    device: bool = False
    confidential: tuple[str, str] | None = None
    actors: tuple[str, ...] = ()
    shared_with: tuple[str, ...] = ()
    was: tuple[str, ...] = ()

    @property
    def marketing(self) -> bool:
        """It is direct marketing (Art. 21(2) GDPR)."""
        return "direct_marketing" in self.processing

    @property
    def advertises(self) -> bool:
        """It advertises, or gives data away for it: who says no ends it, whatever basis it claims.

        Art. 21(2)-(3) GDPR for direct marketing and profiling for it; Cal. Civ. Code 1798.120 for sale.
        """
        return not ADVERTISING.isdisjoint(self.processing)

    @property
    def all_bases(self) -> frozenset[Basis]:
        """Every basis that it claims under any law."""
        return frozenset(self.basis).union(*self.basis_under.values())

    def clause(self) -> Clause:
        """Return the terms that a yes to this purpose is a yes to."""
        titles = "\n".join(f"{locale}={text}" for locale, text in sorted(self.title.items()))
        return Clause(
            title=hashlib.sha256(titles.encode()).digest()[:8],
            fields=tuple(
                sorted(f"{name}:{self.coarse[name]}" if name in self.coarse else name for name in self.fields)
            ),
            processing=tuple(sorted(self.processing)),
            recipients=tuple(sorted(self.shared_with)),
            keep=self.keep.span if self.keep else None,
            keep_from=self.keep.since if self.keep else "",
        )


class Cap(msgspec.Struct, frozen=True):
    """At most *max* contacts in any window as long as *per*."""

    max: int
    per: Duration


class Quiet(msgspec.Struct, frozen=True, kw_only=True):
    """Hours (minutes after midnight, the customer's wall clock) in which nothing is sent."""

    start: int
    end: int


class Channel(msgspec.Struct, frozen=True, kw_only=True):
    """A way to reach somebody.

    Attributes:
        address: the field with the address; without one the channel is a page of the host's own.
        row: the row of the regime packs that governs direct marketing on it.
        caps: rolling limits.
        quiet: quiet hours.
    """

    name: str
    row: str
    address: str = ""
    caps: tuple[Cap, ...] = ()
    quiet: Quiet | None = None


class Controller(msgspec.Struct, frozen=True, kw_only=True):
    """Who decides about the processing (Art. 4(7) GDPR).

    Attributes:
        established: regions whose law follows the controller (Art. 3(1) GDPR).
        markets: regions that a customer of unknown region may come from.
        audience: adults, general or children: what an unknown age means.
        facts: what decides whether a law binds this controller (size, platform ...).
    """

    name: str
    contact: str
    established: tuple[str, ...]
    markets: tuple[str, ...] = ()
    audience: str = "general"
    locales: tuple[str, ...] = ("en",)
    facts: Organisation = Organisation()


class Declared(msgspec.Struct, frozen=True, kw_only=True):
    """A whole policy document, checked but not compiled.

    Attributes:
        hash: SHA-256 (hex) over the document's canonical form (RFC 8785).
        canonical: that form.
        audit_keep: how long the record of reads is kept.
    """

    hash: str
    canonical: bytes
    audit_keep: Duration
    controller: Controller
    fields: dict[str, Field]
    events: dict[str, EventRule]
    purposes: dict[str, Purpose]
    lifecycle: Lifecycle
    channels: dict[str, Channel]

    @property
    def field_names(self) -> frozenset[str]:
        """Declared and built-in fields."""
        return frozenset(self.fields).union(BUILT_IN, {"stage"})


__all__ = [
    "Basis",
    "Cap",
    "Channel",
    "Controller",
    "Declared",
    "EventRule",
    "Field",
    "Keep",
    "Lifecycle",
    "Move",
    "Purpose",
    "Quiet",
]
