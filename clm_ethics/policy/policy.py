"""A policy, compiled: everything that does not depend on a customer's consent is worked out once.

Per purpose, channel, region, age and law in force there is one :class:`Plan`: which regimes
speak, and for each legal basis whether their postures accept it.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from datetime import UTC, date, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from msgspec.structs import replace

from ..errors import UnknownName
from ..model.state import BUILT_IN
from ..regimes import (
    BY_SALE,
    Duty,
    Facts,
    Ground,
    Pack,
    Posture,
    Ruling,
    consent_age,
    covers,
    load_packs,
    packs_for,
)
from ..regimes import Kind as PackKind
from .decision import FULL, Grant, Kind, Reason
from .document import read_file, read_mapping, read_text
from .reading import MOST_INTEGER
from .renaming import renames_of
from .values import Basis
from .vocabulary import IDENTIFYING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping
    from os import PathLike

    from ..model.state import Clause
    from .values import Channel, Declared, EventRule, Field, Purpose

FIRM = frozenset({Basis.CONTRACT, Basis.LEGAL_OBLIGATION, Basis.VITAL_INTEREST})
"""Claims that no withdrawal, refusal, objection, signal, age or stage ends, but for advertising."""
ASSUMED_AGE = {"adults": 18, "general": 16, "children": 12}
"""What an unknown age means: grown up; old enough to consent but a minor; a child."""
PLANS_KEPT = 4096
"""How many plans a policy remembers; the oldest go first."""


class Terms(NamedTuple):
    """What a law asks of a soft opt-in: one of *grounds*. Empty *cite* and *pack*: no law says more."""

    grounds: tuple[Ground, ...] = BY_SALE
    cite: str = ""
    pack: str = ""


class Group(NamedTuple):
    """The regimes that judge the same claim.

    Attributes:
        bases: the claims, in the policy's order of preference.
        verdicts: per claim (a basis, ``guardian_consent``, ``charity_soft_opt_in``) the reason why these
            regimes do not accept it, or ``None``.
        speaks: the strictest ruling, which an allowed decision cites.
        explicit: processings for which a consent must be explicit, in the words of the policy.
        soft: what those of them that accept a soft opt-in ask of it, all together; one at least.
    """

    bases: tuple[Basis, ...]
    verdicts: dict[str, Reason | None]
    speaks: Ruling
    explicit: tuple[str, ...]
    soft: tuple[Terms, ...] = (Terms(),)


class Plan(NamedTuple):
    """What the law makes of a purpose, somewhere, at some age, until the law changes.

    Attributes:
        groups: one for each distinct claim; empty: a gap.
        consent_age: below it a guardian consents.
        signals: the opt-out signals that end this processing here, each with the law that says so.
        yielding: those of them that end it only until a later consent, to every law that they bind under.
        change: when the law changes next (UTC).
        duties: what goes with a yes.
        support_since: a supporter's address counts for soft opt-in only from this day on; ``None``: always.
        sensitive: why a law forbids special categories here even with consent; ``None``: none does.
        notes: what was assumed, or read protectively.
    """

    groups: tuple[Group, ...]
    consent_age: int
    signals: Mapping[str, Reason]
    change: datetime | None
    duties: tuple[str, ...]
    notes: tuple[Reason, ...]
    support_since: date | None = None
    sensitive: Reason | None = None
    yielding: frozenset[str] = frozenset()


class Sight(NamedTuple):
    """How a purpose sees a field that it lists.

    Attributes:
        special: it is a special category (Art. 9(1) GDPR).
        explicit: the purpose asks for an explicit yes to it.
        grant: how precise the purpose sees it.
        elsewhere: the host keeps the value.
    """

    special: bool
    explicit: bool
    grant: Grant
    elsewhere: bool


class Policy:
    """A checked and compiled policy. Immutable; safe to share between threads.

    Build one with :meth:`load` (a TOML file), :meth:`parse` (TOML text) or :meth:`of` (a
    mapping). Each raises :class:`~clm_ethics.errors.PolicyError`, which names the place.
    """

    def __init__(self, declared: Declared, packs: Mapping[str, Pack] | None = None) -> None:
        self.declared = declared
        self.packs: Mapping[str, Pack] = load_packs() if packs is None else packs
        self.hash: str = declared.hash
        self.purposes: Mapping[str, Purpose] = declared.purposes
        self.fields: Mapping[str, Field] = declared.fields
        self.events: Mapping[str, EventRule] = declared.events
        self.channels: Mapping[str, Channel] = declared.channels
        self.lifecycle = declared.lifecycle
        self.controller = declared.controller
        self.renames = renames_of(declared)
        self.stages = declared.lifecycle.stages
        self.timed_stages = frozenset(
            stage for move in self.lifecycle.moves if move.after is not None for stage in move.sources
        )
        self._field_names = declared.field_names
        self._listing = _listing(declared)
        self._plans: dict[tuple[str, str, str, int, int | None, str], Plan] = {}
        self._changes = _law_changes(self.packs.values())

    @classmethod
    def load(cls, path: str | PathLike[str]) -> Policy:
        """Read a policy from a TOML file."""
        return cls(read_file(path))

    @classmethod
    def parse(cls, text: str, *, name: str = "policy") -> Policy:
        """Read a policy from TOML text; *name* stands in errors for the file."""
        return cls(read_text(text, name=name))

    @classmethod
    def of(cls, document: Mapping[str, object], *, name: str = "policy") -> Policy:
        """Read a policy from the same objects, built in Python."""
        return cls(read_mapping(document, name=name))

    @property
    def document(self) -> dict[str, Any]:
        """The document: the objects from which :meth:`of` builds the same policy."""
        found: dict[str, Any] = json.loads(self.declared.canonical, parse_int=_number)
        for section in ("fields", "events", "purposes", "channels"):  # the canonical form sorted the names
            if section in found:
                found[section] = {name: found[section][name] for name in getattr(self, section)}
        return found

    def to_toml(self) -> str:
        """Return the policy as TOML text, from which :meth:`parse` reads an equal one; comments are gone."""
        from .toml import dumps

        return dumps(self.document)

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel to another process as its document, which is checked and compiled there."""
        packs = None if self.packs is load_packs() else dict(self.packs)
        return (_rebuilt, (self.document, packs))

    def __eq__(self, other: object) -> bool:
        """Compare what is declared, and the law by which it is judged."""
        return isinstance(other, Policy) and self.hash == other.hash and self.packs == other.packs

    def __hash__(self) -> int:
        return hash(self.hash)

    def __repr__(self) -> str:
        """Name the policy by its hash."""
        return f"<Policy {self.hash[:12]}, {len(self.purposes)} purposes>"

    def purpose(self, name: str) -> Purpose:
        """Return the purpose called *name*, or raise ``UnknownName`` with the nearest."""
        found = self.purposes.get(name) if isinstance(name, str) else None
        if found is None:
            raise UnknownName.among("purpose", name, self.purposes)
        return found

    def event(self, name: str) -> EventRule:
        """Return the event called *name*, or raise ``UnknownName`` with the nearest."""
        found = self.events.get(name) if isinstance(name, str) else None
        if found is None:
            raise UnknownName.among("event", name, self.events)
        return found

    def channel(self, name: str) -> Channel:
        """Return the channel called *name*, or raise ``UnknownName`` with the nearest."""
        found = self.channels.get(name) if isinstance(name, str) else None
        if found is None:
            raise UnknownName.among("channel", name, self.channels)
        return found

    def check_fields(self, names: Collection[str]) -> None:
        """Raise ``UnknownName`` for the first of *names* that is no field."""
        if not self._field_names.issuperset(names):
            strange = next(name for name in names if name not in self._field_names)
            raise UnknownName.among("field", strange, self._field_names)

    def listing(self, field: str) -> tuple[Purpose, ...]:
        """Return the purposes that list *field*."""
        return self._listing.get(field, ())

    def retentions(self, field: str) -> tuple[tuple[Purpose, ...], ...]:
        """Return the same purposes, those together whose retention ends at the same time; open ends first."""
        return self._retentions.get(field, ())

    @cached_property
    def _retentions(self) -> dict[str, tuple[tuple[Purpose, ...], ...]]:
        return {field: _together(purposes) for field, purposes in self._listing.items()}

    @cached_property
    def only_by_consent(self) -> frozenset[str]:
        """The purposes that rest on consent and on nothing else."""
        return frozenset(
            purpose.name for purpose in self.purposes.values() if purpose.all_bases == {Basis.CONSENT}
        )

    @cached_property
    def timed_events(self) -> frozenset[str]:
        """The events whose absence moves a stage, or lets data fade."""
        decay = self.lifecycle.decay
        missed = {move.without for move in self.lifecycle.moves if move.without}
        return frozenset(missed if decay is None else missed.union(decay.without))

    @cached_property
    def identifying(self) -> frozenset[str]:
        """The fields that tell who somebody is: look-ups, addresses, and those of such a category."""
        addresses = {channel.address for channel in self.channels.values()}
        return frozenset(
            name
            for name, field in self.fields.items()
            if field.lookup or name in addresses or field.category.startswith(IDENTIFYING)
        )

    def special(self, field: str) -> bool:
        """Say whether *field* is a special category (Art. 9(1) GDPR), by its category or by descent."""
        return field in self._special

    @cached_property
    def _special(self) -> frozenset[str]:
        return frozenset(name for name, field in self.fields.items() if field.special)

    def origins(self, field: str) -> frozenset[str]:
        """Return every field that *field* is derived from, over however many steps."""
        return self._origins.get(field, frozenset())

    @cached_property
    def _origins(self) -> dict[str, frozenset[str]]:
        return {
            name: _ancestors(name, self.fields) for name, each in self.fields.items() if each.derived_from
        }

    @cached_property
    def _precise(self) -> frozenset[str]:
        return frozenset(name for name in self.fields if self._is_precise(name))

    def _is_precise(self, name: str) -> bool:
        field = self.fields.get(name)
        if field is None:
            return False
        return field.category == _PRECISE or any(map(self._is_precise, field.derived_from))

    @cached_property
    def sights(self) -> Mapping[str, Mapping[str, Sight]]:
        """Per purpose, how it sees each field that it lists."""
        return {
            purpose.name: {field: self._sight(purpose, field) for field in purpose.fields}
            for purpose in self.purposes.values()
        }

    def _sight(self, purpose: Purpose, field: str) -> Sight:
        declared = self.fields.get(field)
        coarse = purpose.coarse.get(field, "")
        return Sight(
            special=self.special(field),
            explicit=field in purpose.explicit,
            grant=Grant(coarse) if coarse else FULL,
            elsewhere=declared is not None and bool(declared.source),
        )

    @cached_property
    def clauses(self) -> Mapping[str, Clause]:
        """The clause of each purpose."""
        return {name: purpose.clause() for name, purpose in self.purposes.items()}

    def plan(
        self, purpose: Purpose, channel: str, region: str, at: datetime, age: int | None, kind: str = ""
    ) -> Plan:
        """Return what the law makes of *purpose*, from the memory if it is there.

        *kind* is that of the customer: ``consumer``, ``business``, or empty where nobody knows.
        """
        epoch = bisect_right(self._changes, at)
        key = (purpose.name, channel, region, epoch, age, kind)
        found = self._plans.get(key)
        if found is None:
            if len(self._plans) >= PLANS_KEPT:
                self._plans.clear()
            found = self._plans[key] = self._compile(purpose, channel, region, at, age, kind)
        return found

    def _facts(self, purpose: Purpose, age: int | None, kind: str) -> Facts:
        """Return what the regimes are told of the case; an unknown age is assumed from the audience."""
        audience = self.controller.audience
        return Facts(
            age=ASSUMED_AGE[audience] if age is None else age,
            age_known=age is not None or audience == "children",
            device=purpose.device,
            special=bool(self._special.intersection(purpose.fields)),
            special_somewhere=bool(self._special),
            precise_location=bool(self._precise.intersection(purpose.fields)),
            kind=kind,
            controller=self.controller.facts,
        )

    def _compile(
        self, purpose: Purpose, channel: str, region: str, at: datetime, age: int | None, kind: str
    ) -> Plan:
        day, facts = at.date(), self._facts(purpose, age, kind)
        rows = self._rows(purpose, channel)
        gap = not rows
        looks = self._looks(region)
        judges: dict[tuple[Basis, ...], dict[Ruling, None]] = {}
        for _, at_home in looks:
            spoken = set()
            for pack, where in at_home:
                for row in rows:
                    ruling = pack.cell_at(row, day, territory=where, facts=facts)
                    if ruling is not None:
                        spoken.add(row)
                        judges.setdefault(_bases_under(purpose, pack, where), {})[ruling] = None
            # A row on which no regime speaks is a gap, however many speak on the others.
            gap = gap or not spoken.issuperset(rows)
        rulings = [ruling for judged in judges.values() for ruling in judged]
        places = dict.fromkeys(place for _, at_home in looks for place in at_home)
        changes = _law_changes(dict.fromkeys(pack for pack, _ in places))
        signals = list(_signals(places, purpose, day, facts))
        return Plan(
            groups=()
            if gap
            else tuple(self._group(purpose, bases, judged) for bases, judged in judges.items()),
            consent_age=self._consent_age(looks, day),
            signals={name: why for name, why, _ in reversed(signals)},
            yielding=frozenset(name for name, _, _ in signals)
            - {name for name, _, later in signals if not later},
            change=next((change for change in changes if change > at), None),
            duties=tuple(dict.fromkeys(_DUTIES[duty] for ruling in rulings for duty in ruling.duties)),
            notes=self._notes(rulings, region, age),
            support_since=max(
                (
                    soft.charity_since
                    for pack, _ in places
                    if (soft := pack.soft_opt_in) and soft.charity_since
                ),
                default=None,
            ),
            sensitive=_forbidden(places, day, facts) if facts.special else None,
        )

    def _looks(self, region: str) -> list[tuple[str, list[tuple[Pack, str]]]]:
        """Return per place where the customer may live which regimes apply, and where each looks.

        A regime looks at the customer's region; one that came with the establishment, and every
        one while the region is unknown, at wherever it holds.
        """
        looks = []
        for home in (region,) if region else self.controller.markets or ("",):
            places = tuple(dict.fromkeys((home, *self.controller.established)))
            found = []
            for pack in packs_for(places, self.packs):
                covered = [where for where in places if pack.covers(where)]
                found += [(pack, where) for where in (covered[:1] if region in covered else covered)]
            looks.append((home, found))
        return looks

    def _rows(self, purpose: Purpose, channel: str) -> tuple[str, ...]:
        rows: dict[str, None] = {}
        for word in purpose.processing:
            if word != "direct_marketing":
                rows[word] = None
                continue
            for name in (channel,) if channel else purpose.channels:
                rows[self.channels[name].row] = None
        return tuple(rows)

    def _group(self, purpose: Purpose, bases: tuple[Basis, ...], judged: Iterable[Ruling]) -> Group:
        rulings = list(judged)
        explicit = [each.row.value for each in rulings if each.posture is Posture.EXPLICIT_OPT_IN]
        return Group(
            bases=bases,
            verdicts={claim: _refusal(claim, rulings) for claim in _CLAIMS},
            speaks=max(rulings, key=lambda each: each.posture),
            # A channel picks the row; what the customer was asked about is direct marketing.
            explicit=tuple(
                dict.fromkeys(row if row in purpose.processing else "direct_marketing" for row in explicit)
            ),
            soft=tuple(dict.fromkeys(self._terms(rulings))) or (Terms(),),
        )

    def _terms(self, rulings: Iterable[Ruling]) -> Iterator[Terms]:
        """Yield what each law asks of a soft opt-in that accepts one where it asks for consent."""
        for ruling in rulings:
            soft = self.packs[ruling.pack].soft_opt_in
            if soft is not None and "soft_opt_in" in ruling.exceptions:
                plain = soft.grounds == BY_SALE
                yield Terms() if plain else Terms(soft.grounds, soft.cite, ruling.pack)

    def _consent_age(self, looks: list[tuple[str, list[tuple[Pack, str]]]], day: date) -> int:
        ages = [consent_age(pack, where, day) for _, at_home in looks for pack, where in at_home]
        return max((age for age in ages if age is not None), default=0)

    def _notes(self, rulings: list[Ruling], region: str, age: int | None) -> tuple[Reason, ...]:
        notes = []
        if not region:
            markets = ", ".join(self.controller.markets) or "the controller's own"
            text = f"the region is unknown, so the strictest of the markets counts ({markets})"
            notes.append(Reason("assumed.region", text, kind=Kind.HOUSE, detail=markets))
        if age is None:
            text = f"the age is unknown; the policy's audience is {self.controller.audience}"
            notes.append(Reason("assumed.age", text, kind=Kind.HOUSE, detail=self.controller.audience))
        for ruling in rulings:
            if ruling.uncertain:
                text = "the law is unsettled here, so its more protective reading applies"
                notes.append(Reason("assumed.law", text, ruling.cite, Kind.HOUSE, ruling.pack))
        return tuple(notes)


def _listing(declared: Declared) -> dict[str, tuple[Purpose, ...]]:
    names = {*declared.fields, *BUILT_IN, "stage"}
    return {
        name: tuple(purpose for purpose in declared.purposes.values() if name in purpose.fields)
        for name in names
    }


def _ancestors(name: str, fields: Mapping[str, Field]) -> frozenset[str]:
    found: set[str] = set()
    waiting = list(fields[name].derived_from)
    while waiting:
        origin = waiting.pop()
        if origin not in found:
            found.add(origin)
            waiting.extend(fields[origin].derived_from if origin in fields else ())
    return frozenset(found)


def _rebuilt(document: Mapping[str, object], packs: Mapping[str, Pack] | None) -> Policy:
    return Policy(read_mapping(document), packs)


def _number(text: str) -> int | float:
    """Read an integer of the canonical form, which writes large numbers without a fraction too."""
    value = int(text)
    return value if abs(value) <= MOST_INTEGER else float(text)


def _together(purposes: Iterable[Purpose]) -> tuple[tuple[Purpose, ...], ...]:
    """Group purposes by the end of their retention: what runs from the collection ends for all at once."""
    groups: dict[object, list[Purpose]] = {}
    for purpose in purposes:
        keep = purpose.keep
        alone = keep is not None and keep.since not in ("collected", "year_end")
        groups.setdefault(purpose.name if alone else keep, []).append(purpose)
    by_facts = [group for each, group in groups.items() if isinstance(each, str)]
    by_time = [group for each, group in groups.items() if not isinstance(each, str)]
    return tuple(tuple(group) for group in (*by_facts, *by_time))


def _law_changes(packs: Iterable[Pack]) -> list[datetime]:
    days = {day for pack in packs for day in pack.changes()}
    return sorted(datetime(day.year, day.month, day.day, tzinfo=UTC) for day in days)


def _bases_under(purpose: Purpose, pack: Pack, where: str) -> tuple[Basis, ...]:
    """Return the claims that *pack* judges at *where*: by its name, else by the nearest region."""
    if pack.id in purpose.basis_under:
        return purpose.basis_under[pack.id]
    regions = [region for region in purpose.basis_under if covers(region, where)]
    return purpose.basis_under[max(regions, key=len)] if regions else purpose.basis


def _refusal(claim: str, rulings: list[Ruling]) -> Reason | None:
    """Return why the strictest of *rulings* that does not accept *claim* refuses it."""
    refused = [ruling for ruling in rulings if not _accepts(ruling, claim)]
    if not refused:
        return None
    worst = max(refused, key=lambda each: each.posture)
    if worst.posture is Posture.PROHIBITED:
        code, text = "law.prohibited", "the law prohibits it"
    elif worst.posture is Posture.EXPLICIT_OPT_IN:
        code, text = "law.explicit_consent_required", "the law asks for explicit consent"
    else:
        code, text = "law.consent_required", "the law asks for consent, and the purpose claims another basis"
    return Reason(code, f"{text} ({worst.row})", worst.cite, _KINDS[worst.kind], worst.pack, worst.row.value)


def _accepts(ruling: Ruling, claim: str) -> bool:
    if ruling.admits(claim):
        return True
    # ``decide`` asks the consent itself whether it is explicit for this row.
    return (
        claim in _CONSENTS and ruling.posture is Posture.EXPLICIT_OPT_IN and ruling.admits("explicit_consent")
    )


_PRECISE = "user.location.precise"
_CONSENTS = frozenset({"consent", "guardian_consent"})
_CLAIMS = (*(basis.value for basis in Basis), "guardian_consent", "charity_soft_opt_in")
_KINDS = {PackKind.LAW: Kind.LAW, PackKind.GUIDANCE: Kind.GUIDANCE, PackKind.HOUSE: Kind.HOUSE}
_DUTIES = {
    Duty.UNSUBSCRIBE: "offer a way to unsubscribe in every message",
    Duty.SENDER_IDENTITY: "say who sends it",
    Duty.POSTAL_ADDRESS: "give a postal address in every message",
    Duty.CALL_LIST_SCREENING: "screen the number against the do-not-call lists",
    Duty.PRICE_DISCLOSURE: "disclose that the price is personal",
    Duty.HUMAN_REVIEW: "offer a human who looks at the decision again",
    Duty.PRE_USE_NOTICE: "tell the customer before the decision is made",
    Duty.OPT_OUT_LINK: "offer a link to opt out",
    Duty.CONFIRM_CONSENT: "have a consent confirmed every two years",
    Duty.AD_TRANSPARENCY: "mark it as advertising, and say on whose behalf and why it is shown",
    Duty.RECOMMENDER_PARAMETERS: "say in the terms what decides on recommendations, and how to change it",
}


def _forbidden(places: Iterable[tuple[Pack, str]], day: date, facts: Facts) -> Reason | None:
    """Return why a law forbids special categories whatever was consented to, if one does."""
    for pack, where in places:
        ruling = pack.cell_at("sensitive", day, territory=where, facts=facts)
        if ruling is not None and not ruling.admits("explicit_consent"):
            return _refusal("explicit_consent", [ruling])
    return None


_SIGNAL = Reason("signal", "the customer's browser or device sends an opt-out signal", kind=Kind.LAW)


def _signals(
    places: Iterable[tuple[Pack, str]], purpose: Purpose, day: date, facts: Facts
) -> Iterator[tuple[str, Reason, str]]:
    """Yield each signal that binds, why it does, and where it is written that a later consent counts more."""
    for pack, where in places:
        signal = pack.signal
        if signal is None or not signal.binds(day) or set(signal.rows).isdisjoint(purpose.processing):
            continue
        if pack.binds(day, territory=where, facts=facts):
            yield signal.name, replace(_SIGNAL, cite=signal.cite, pack=pack.id), signal.later_consent
