"""The law as values: a pack, its cells and rules, and what they say on a day.

A **pack** is one regime. Its **cells** say for each *row* (a kind of processing) what the regime
asks at least, or its **silences** say why it asks nothing; its dated or conditional **rules** can
only ask for more. Silence is no opinion, neither yes nor no. Its **scope** says whom it binds.
Everything here is frozen, hashable and free of I/O. A date is a calendar day of the territory; the
caller chooses it.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import NamedTuple

import msgspec

from ..errors import UnknownName
from .conditions import CONDITIONS, TESTS, Facts
from .facts import (
    AgeRule,
    ConsentAge,
    ConsentFacts,
    Right,
    Scope,
    Signal,
    Silence,
    SoftOptIn,
    Watch,
    within,
)
from .regions import covers
from .words import Claim, Condition, Confidence, Duty, Kind, Posture, Review, Row

_MOST_AUTHORITATIVE_FIRST = (Kind.LAW, Kind.GUIDANCE, Kind.HOUSE)
_DAY = timedelta(days=1)


_ANY_CONSENT = frozenset({Claim.CONSENT, Claim.EXPLICIT_CONSENT, Claim.GUARDIAN_CONSENT})
_OWN_CLAIMS: dict[Posture, frozenset[Claim]] = {
    Posture.ALLOWED: frozenset(Claim),
    Posture.OPT_OUT: frozenset(Claim),
    Posture.OPT_IN: _ANY_CONSENT,
    Posture.EXPLICIT_OPT_IN: frozenset({Claim.EXPLICIT_CONSENT}),
    Posture.PROHIBITED: frozenset(),
}


class Ruling(msgspec.Struct, frozen=True, kw_only=True):
    """What one regime says on one row, on one day, in one place.

    Attributes:
        row: the kind of processing.
        pack: the id of the pack that says so.
        posture: the most protective of everything that applies.
        exceptions: from ``opt_in`` on, every claim that carries the processing, consent included where
            it does; empty below, where any claim does.
        duties: what goes with it when it is permitted.
        cite: the articles that ask for this posture.
        kind: the most authoritative source among them.
        uncertain: the law differs or is unsettled, and this is its more protective reading.
    """

    row: Row
    pack: str
    posture: Posture
    exceptions: tuple[Claim, ...] = ()
    duties: tuple[Duty, ...] = ()
    cite: str
    kind: Kind = Kind.LAW
    uncertain: bool = False

    def admits(self, claim: str) -> bool:
        """Say whether a *claim* that holds carries the processing here.

        Any legal basis does under ``allowed`` and ``opt_out`` (a no is judged elsewhere). Whether a
        guardian, or the child, was the right person to consent is a matter of :func:`consent_age`.
        """
        return self.posture <= Posture.OPT_OUT or claim in self.exceptions


class _Reading(NamedTuple):
    """One cell or rule that applies: a part of a ruling."""

    posture: Posture
    exceptions: tuple[Claim, ...]
    duties: tuple[Duty, ...]
    cite: str
    kind: Kind
    uncertain: bool = False

    def admitted(self) -> frozenset[Claim]:
        return _OWN_CLAIMS[self.posture] | frozenset(self.exceptions)


class Cell(msgspec.Struct, frozen=True, kw_only=True):
    """What a regime asks of one row as long as no rule asks for more.

    Attributes:
        row: the kind of processing.
        posture: the least that the law asks.
        recommended: a more protective posture that is the safer choice, or ``None``.
        uncertain: the law differs between the territories, or is unsettled.
        exceptions: claims that carry it beside those that the posture itself accepts.
        duties: see :class:`Ruling`.
        device: speaks only on purposes with device access (Art. 5(3) ePrivacy, PECR reg. 6).
        unless: territories for which rules answer instead (a national choice under a directive).
        kind: who says so.
        cite: where it is written.
        prov: how it is known: ``knowledge/high`` or ``read:S01/high``, with high, medium or low.
        review: how far it was checked, where that differs from its pack; ``None``: as the pack.
        note: what a reader should know.
    """

    row: Row
    posture: Posture
    recommended: Posture | None = None
    uncertain: bool = False
    exceptions: tuple[Claim, ...] = ()
    duties: tuple[Duty, ...] = ()
    device: bool = False
    unless: tuple[str, ...] = ()
    kind: Kind = Kind.LAW
    cite: str
    prov: str
    review: Review | None = None
    note: str = ""

    @property
    def confidence(self) -> Confidence:
        """How sure its source is."""
        return confidence(self.prov)

    def doubtful(self, review: Review) -> bool:
        """Say whether doubt is read protectively, in a pack of that *review*.

        Unsettled law is, until counsel has read it; while nobody has compared the cell with its
        sources, so is what is not known with high confidence.
        """
        level = self.review or review
        if level is Review.UNREVIEWED and self.confidence is not Confidence.HIGH:
            return True
        return self.uncertain and level is not Review.COUNSEL

    def applies(self, row: str, *, territory: str, device: bool) -> bool:
        """Say whether the cell speaks on *row* there."""
        if self.row != row or (self.device and not device):
            return False
        return not any(covers(own, territory) for own in self.unless)

    def reading(self, review: Review) -> _Reading:
        """Return what the cell asks; where it is doubtful, the stricter reading, which is a house rule."""
        cautious = self.doubtful(review)
        posture = max(self.posture, self.recommended or self.posture) if cautious else self.posture
        kind = self.kind if posture == self.posture else Kind.HOUSE
        unsettled = cautious and (self.uncertain or posture > self.posture)
        return _Reading(posture, self.exceptions, self.duties, self.cite, kind, unsettled)


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """A dated or conditional addition to the cells: it can only raise what is asked.

    Attributes:
        rows: the kinds of processing.
        territory: the part of the pack's territory; empty for all of it.
        since: the first day; ``None`` for no limit.
        until: the last day, inclusive; ``None`` for no limit.
        age_min: the lowest age in years; ``None`` for no limit.
        age_max: the highest age in years, inclusive; ``None`` for no limit.
        when: further conditions, all together; it speaks unless one is known not to be met.
        beyond_scope: it binds those, too, who are outside of the pack's scope.
        posture: what it asks; exceptions as in :class:`Cell`; duties, kind and cite as in :class:`Ruling`.
        prov: see :class:`Cell`, as are review and note.
    """

    rows: tuple[Row, ...]
    posture: Posture
    territory: tuple[str, ...] = ()
    since: date | None = None
    until: date | None = None
    age_min: int | None = None
    age_max: int | None = None
    when: tuple[Condition, ...] = ()
    beyond_scope: bool = False
    exceptions: tuple[Claim, ...] = ()
    duties: tuple[Duty, ...] = ()
    kind: Kind = Kind.LAW
    cite: str
    prov: str
    review: Review | None = None
    note: str = ""

    def applies(self, row: str, day: date, *, territory: str, facts: Facts) -> bool:
        """Say whether the rule speaks on *row* on that *day*; an unknown age is any age."""
        if row not in self.rows or not within(day, self.since, self.until):
            return False
        if self.territory and not any(covers(own, territory) for own in self.territory):
            return False
        if facts.age is not None and not self._of_age(facts.age):
            return False
        return all(CONDITIONS[each](facts) is not False for each in self.when)

    def _of_age(self, age: int) -> bool:
        if self.age_min is not None and age < self.age_min:
            return False
        return self.age_max is None or age <= self.age_max

    def reading(self) -> _Reading:
        """Return what the rule asks."""
        return _Reading(self.posture, self.exceptions, self.duties, self.cite, self.kind)


class Pack(msgspec.Struct, frozen=True, kw_only=True):
    """One regime.

    Attributes:
        id: the name of the pack and of its file.
        name: the name of the law.
        territory: ISO 3166 codes of the countries or subdivisions where it applies.
        since: the first day.
        until: the last day, inclusive; ``None`` for no end.
        review: how far it was checked.
        disclaimer: what it is not.
        as_of: the day on which its sources were last looked at.
        sources: (key, what was read), as ``prov`` refers to them.
        notes: conditions that an engine cannot evaluate and how they are read; what is left out.
        scopes: whom it binds; empty: everybody. Of several at one time any suffices.
        cells: what is asked, at most one per row.
        silences: on which other rows it asks nothing, and why; each row has a cell or a silence.
        rules: what is asked in addition.
        signal: the opt-out signal that binds; ``None``: none does.
        consent: what consent is; ``None``: the law does not say.
        consent_age: whose own consent is valid; ``None``: the law does not say.
        soft_opt_in: the conditions of the soft opt-in; ``None``: there is none.
        rights: the rights of the data subject.
        watch: what is coming or proposed; it never decides.
    """

    id: str
    name: str
    territory: tuple[str, ...]
    since: date
    until: date | None = None
    review: Review = Review.UNREVIEWED
    disclaimer: str = ""
    as_of: date | None = None
    sources: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()
    scopes: tuple[Scope, ...] = ()
    cells: tuple[Cell, ...] = ()
    silences: tuple[Silence, ...] = ()
    rules: tuple[Rule, ...] = ()
    signal: Signal | None = None
    consent: ConsentFacts | None = None
    consent_age: ConsentAge | None = None
    soft_opt_in: SoftOptIn | None = None
    rights: tuple[Right, ...] = ()
    watch: tuple[Watch, ...] = ()

    def covers(self, region: str) -> bool:
        """Say whether the territory contains *region*: ``DE`` contains ``DE-BY``, but not the reverse."""
        return any(covers(own, region) for own in self.territory)

    def in_force(self, day: date, *, territory: str) -> bool:
        """Say whether the law applies in *territory* on that *day*."""
        return within(day, self.since, self.until) and self.covers(territory)

    def binds(self, day: date, *, territory: str, facts: Facts) -> bool:
        """Say whether the law binds this controller on that *day*: in force there, and within its scope.

        A scope that nobody can judge for want of facts binds.
        """
        return self.in_force(day, territory=territory) and self._in_scope(day, territory, facts)

    def _in_scope(self, day: date, territory: str, facts: Facts) -> bool:
        scopes = [scope for scope in self.scopes if within(day, scope.since, scope.until)]
        met = [TESTS[scope.test](scope, facts, territory) is not False for scope in scopes]
        return not met or any(met)

    def cell_at(self, row: str, day: date, *, territory: str, facts: Facts) -> Ruling | None:
        """Return what the regime asks of *row* on that *day*, or ``None`` where it is silent.

        Args:
            row: a kind of processing, one of :class:`Row`.
            day: the calendar day.
            territory: the region of the data subject or of the establishment that brings the pack in.
            facts: what is known of the case.

        Raises:
            UnknownName: *row* is not in the vocabulary: a typing error must not read as silence.
        """
        if row not in _ROWS:
            raise UnknownName.among("kind of processing", row, _ROWS)
        if not self.in_force(day, territory=territory):
            return None
        bound = self._in_scope(day, territory, facts)
        readings = [
            cell.reading(self.review)
            for cell in self.cells
            if bound and cell.applies(row, territory=territory, device=facts.device)
        ]
        readings += [
            rule.reading()
            for rule in self.rules
            if (bound or rule.beyond_scope) and rule.applies(row, day, territory=territory, facts=facts)
        ]
        return _most_protective(Row(row), self.id, readings) if readings else None

    def silence(self, row: str) -> str:
        """Return why the regime has no cell for *row*; empty where it has one."""
        return next((each.why for each in self.silences if row in each.rows), "")

    def changes(self) -> tuple[date, ...]:
        """Return the days on which something becomes different, in order: between two, nothing changes."""
        spans: list[tuple[date | None, date | None]] = [(self.since, self.until)]
        spans += [(rule.since, rule.until) for rule in self.rules]
        spans += [(scope.since, scope.until) for scope in self.scopes]
        spans += [(right.since, None) for right in self.rights]
        if self.signal is not None:
            spans.append((self.signal.since, None))
        if self.consent_age is not None:
            spans += [(each.since, each.until) for each in self.consent_age.national]
        starts = {since for since, _ in spans if since is not None}
        ends = {until + _DAY for _, until in spans if until is not None}
        return tuple(sorted(starts | ends))


_ROWS = frozenset(row.value for row in Row)


def confidence(prov: str) -> Confidence:
    """Return how sure the source of a fact is: the last part of its *prov*."""
    return Confidence(prov.rpartition("/")[2])


def consent_age_rule(pack: Pack, territory: str, day: date) -> AgeRule | None:
    """Return from which age own consent is valid in *territory* on that *day*, with its citation.

    ``None`` where the pack does not apply or knows no such age. National rules come before the
    regime's own age; of several the highest age counts.
    """
    facts = pack.consent_age
    if facts is None or not pack.in_force(day, territory=territory):
        return None
    national = [
        each
        for each in facts.national
        if covers(each.territory, territory) and within(day, each.since, each.until)
    ]
    if national:
        return max(national, key=lambda each: each.age)
    return AgeRule(age=facts.default, territory=territory, cite=facts.cite, prov=facts.prov)


def consent_age(pack: Pack, territory: str, day: date) -> int | None:
    """Return the age of :func:`consent_age_rule` alone, in years."""
    found = consent_age_rule(pack, territory, day)
    return None if found is None else found.age


def _most_protective(row: Row, pack: str, readings: list[_Reading]) -> Ruling:
    """Join what applies: the highest posture, and only the claims that every reading admits."""
    posture = max(reading.posture for reading in readings)
    deciding = [reading for reading in readings if reading.posture == posture]
    common = frozenset.intersection(*(reading.admitted() for reading in readings))
    return Ruling(
        row=row,
        pack=pack,
        posture=posture,
        exceptions=tuple(claim for claim in Claim if claim in common) if posture > Posture.OPT_OUT else (),
        duties=tuple(duty for duty in Duty if any(duty in reading.duties for reading in readings)),
        cite="; ".join(dict.fromkeys(reading.cite for reading in deciding)),
        kind=min((reading.kind for reading in deciding), key=_MOST_AUTHORITATIVE_FIRST.index),
        uncertain=any(reading.uncertain for reading in deciding),
    )
