"""From TOML to packs: strict, so that a spelling mistake never reads as silence of the law.

Two formats live side by side: ``clm_ethics/pack/1`` (one regime) and ``clm_ethics/ages/1`` (a table
of national ages of consent that packs refer to by name). Any unknown key or value, any date span
that is empty, any ``prov`` without its source is a :class:`~clm_ethics.errors.PolicyError` that
names file and key.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import TYPE_CHECKING

from ..errors import nearest
from . import compact
from .consistency import check_exceptions, check_rows, check_territories
from .facts import (
    BY_SALE,
    AgeRule,
    ConsentAge,
    ConsentFacts,
    Ground,
    Right,
    Scope,
    Signal,
    Silence,
    SoftOptIn,
    Watch,
    within,
)
from .reading import Table, parse_toml
from .regions import known_region
from .values import Cell, Pack, Rule
from .words import Claim, Condition, Duty, Kind, Posture, Relation, Review, Row, Test

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import date

PACK_FORMAT = "clm_ethics/pack/1"
AGES_FORMAT = "clm_ethics/ages/1"
OLDEST = 130
"""The highest age in years that a document may name."""
MOST = 10**12
"""The highest limit of a scope that a document may name."""


def _keys(words: str) -> tuple[str, ...]:
    return tuple(words.split())


_TOP = _keys(
    "format id name territory from to review disclaimer as_of notes sources scope cells silent rules signal"
    " consent consent_age soft_opt_in rights watch"
)
_AGES = _keys("format default notes ages sources")
_AGE = _keys("territory age from to cite prov")
_CELL = _keys("posture recommended uncertain exceptions duties device unless kind cite prov review note")
_RULE = _keys(
    "rows posture territory from to age_min age_max when beyond_scope exceptions duties kind cite prov review"
    " note"
)
_SCOPE = _keys(
    "test from to revenue_usd revenue_floor_usd residents residents_selling sale_share sensitive"
    " nonprofits small_business_exempt cite prov note"
)
_SILENT = _keys("rows why")
_WATCH = _keys("instrument territory status effect prov")
_SIGNAL = _keys("name from rows later_consent cite prov note")
_CONSENT = _keys("definition granular withdraw_as_easy pre_ticked expiry ask_again_after cite prov")
_CONSENT_AGE = _keys("age table guardian cite prov")
_SOFT_OPT_IN = _keys("conditions charity_since grounds cite prov")
_GROUND = _keys("relation told address within cite prov note")
_RIGHT = _keys("right within business_days extension from cite prov note")
_PROV = re.compile(r"(?:knowledge|read:(?P<source>\w+))/(?:high|medium|low)")

AgeTable = tuple[int, tuple[AgeRule, ...]]
"""A regime's own age, and the national ones."""


@cache
def load_packs() -> Mapping[str, Pack]:
    """Return the packs of this library by id, in alphabetical order; read once.

    Raises:
        PolicyError: a pack is malformed.
    """
    texts = pack_texts()
    quick = files("clm_ethics.regimes") / compact.FILE
    found = compact.read(quick.read_bytes(), texts) if quick.is_file() else None
    return parse_packs(texts) if found is None else found


def pack_texts() -> Mapping[str, str]:
    """Return the TOML of the packs of this library, by file name."""
    folder = files("clm_ethics.regimes") / "packs"
    entries = [entry for entry in folder.iterdir() if entry.name.endswith(".toml")]
    return {entry.name: entry.read_text("utf-8") for entry in entries}


def parse_packs(texts: Mapping[str, str]) -> Mapping[str, Pack]:
    """Return the packs in *texts*, which maps file names (``eu-gdpr.toml``) to TOML, by id.

    Raises:
        PolicyError: a document is malformed, or not of a known format.
    """
    pages = {file: parse_toml(file, text) for file, text in sorted(texts.items())}
    ages: dict[str, AgeTable] = {}
    packs: dict[str, Pack] = {}
    for file, page in pages.items():
        if page.get("format") == AGES_FORMAT:
            ages[file.removesuffix(".toml")] = _ages(Table(page, file=file, path="", keys=_AGES))
    for file, page in pages.items():
        if page.get("format") != AGES_FORMAT:
            pack = _pack(Table(page, file=file, path="", keys=_TOP), ages)
            packs[pack.id] = pack
    return MappingProxyType(packs)


def packs_for(territories: Iterable[str], packs: Mapping[str, Pack]) -> tuple[Pack, ...]:
    """Return the packs whose territory contains one of *territories*, in the order of *packs*.

    ``DE-BY`` brings in what covers ``DE``; ``US-CA`` what covers ``US-CA`` or ``US``; ``US`` alone
    brings in no law of a state.
    """
    regions = tuple(territories)
    return tuple(pack for pack in packs.values() if any(pack.covers(region) for region in regions))


def _pack(top: Table, ages: Mapping[str, AgeTable]) -> Pack:
    if top.text("format") != PACK_FORMAT:
        raise top.refuse("format", "unknown format", f"write `{PACK_FORMAT}` or `{AGES_FORMAT}`")
    name = top.text("id")
    if f"{name}.toml" != top.file:
        raise top.refuse("id", "the id differs from the name of the file", f"name the file `{name}.toml`")
    since, until = _span(top)
    sources = _sources(top)
    territory = _regions(top, "territory")
    if since is None or not territory:
        raise top.refuse(
            "territory" if since else "from", "this key is missing", "say where and from when it applies"
        )
    pack = Pack(
        id=name,
        name=top.text("name"),
        territory=territory,
        since=since,
        until=until,
        review=top.choice("review", Review),
        disclaimer=top.text("disclaimer"),
        as_of=top.day("as_of"),
        sources=tuple(sources.items()),
        notes=top.texts("notes"),
        scopes=tuple(_scope(each, sources) for each in top.tables("scope", _SCOPE)),
        cells=tuple(_cell(row, each, sources) for row, each in top.named("cells", _CELL).items()),
        silences=tuple(_silence(each) for each in top.tables("silent", _SILENT)),
        rules=tuple(_rule(each, sources) for each in top.tables("rules", _RULE)),
        signal=_signal(top, sources),
        consent=_consent(top, sources),
        consent_age=_consent_age(top, sources, ages),
        soft_opt_in=_soft_opt_in(top, sources),
        rights=tuple(_right(each, sources) for each in top.tables("rights", _RIGHT)),
        watch=tuple(_watch(each, sources) for each in top.tables("watch", _WATCH)),
    )
    check_territories(top, pack)
    check_rows(top, pack)
    return pack


def _cell(row: str, raw: Table, sources: Mapping[str, str]) -> Cell:
    known = [each.value for each in Row]
    if row not in known:
        raise raw.refuse("", f"unknown kind of processing `{row}`", nearest("kind of processing", row, known))
    cell = Cell(
        row=Row(row),
        posture=raw.choice("posture", Posture),
        recommended=raw.choice("recommended", Posture) if "recommended" in raw else None,
        uncertain=raw.flag("uncertain"),
        exceptions=raw.choices("exceptions", Claim),
        duties=raw.choices("duties", Duty),
        device=raw.flag("device"),
        unless=_regions(raw, "unless"),
        kind=raw.choice("kind", Kind, Kind.LAW),
        cite=raw.text("cite"),
        prov=_prov(raw, sources),
        review=_review(raw),
        note=raw.text_or("note"),
    )
    if cell.recommended is not None and cell.recommended <= cell.posture:
        raise raw.refuse("recommended", "this is not above the posture", "raise it or leave it out")
    check_exceptions(raw, cell.exceptions, max(cell.posture, cell.recommended or cell.posture))
    return cell


def _rule(raw: Table, sources: Mapping[str, str]) -> Rule:
    since, until = _span(raw)
    rule = Rule(
        rows=raw.choices("rows", Row),
        posture=raw.choice("posture", Posture),
        territory=_regions(raw, "territory"),
        since=since,
        until=until,
        age_min=raw.number("age_min", OLDEST),
        age_max=raw.number("age_max", OLDEST),
        when=raw.choices("when", Condition),
        beyond_scope=raw.flag("beyond_scope"),
        exceptions=raw.choices("exceptions", Claim),
        duties=raw.choices("duties", Duty),
        kind=raw.choice("kind", Kind, Kind.LAW),
        cite=raw.text("cite"),
        prov=_prov(raw, sources),
        review=_review(raw),
        note=raw.text_or("note"),
    )
    if not rule.rows:
        raise raw.refuse("rows", "a rule speaks of one kind of processing at least", "name its rows")
    if rule.age_max is not None and rule.age_max < (rule.age_min or 0):
        raise raw.refuse("age_max", "this is below age_min", "exchange the two")
    check_exceptions(raw, rule.exceptions, rule.posture)
    return rule


def _scope(raw: Table, sources: Mapping[str, str]) -> Scope:
    since, until = _span(raw)
    return Scope(
        test=raw.choice("test", Test),
        since=since,
        until=until,
        revenue_usd=raw.number("revenue_usd", MOST),
        revenue_floor_usd=raw.number("revenue_floor_usd", MOST),
        residents=raw.number("residents", MOST),
        residents_selling=raw.number("residents_selling", MOST),
        sale_share=raw.number("sale_share", 100),
        sensitive=raw.flag("sensitive"),
        nonprofits=raw.flag("nonprofits"),
        small_business_exempt=raw.flag("small_business_exempt"),
        cite=raw.text("cite"),
        prov=_prov(raw, sources),
        note=raw.text_or("note"),
    )


def _silence(raw: Table) -> Silence:
    return Silence(rows=raw.choices("rows", Row), why=raw.text("why"))


def _watch(raw: Table, sources: Mapping[str, str]) -> Watch:
    return Watch(
        instrument=raw.text("instrument"),
        territory=raw.text("territory"),
        status=raw.text("status"),
        effect=raw.text("effect"),
        prov=_prov(raw, sources),
    )


def _review(raw: Table) -> Review | None:
    return raw.choice("review", Review) if "review" in raw else None


def _signal(top: Table, sources: Mapping[str, str]) -> Signal | None:
    if "signal" not in top:
        return None
    raw = top.table("signal", _SIGNAL)
    since, rows = raw.day("from"), raw.choices("rows", Row)
    if since is None or not rows:
        raise raw.refuse(
            "rows" if since else "from", "this key is missing", "say from when it binds, and what it ends"
        )
    return Signal(
        name=raw.text("name"),
        since=since,
        rows=rows,
        later_consent=raw.text_or("later_consent"),
        cite=raw.text("cite"),
        prov=_prov(raw, sources),
        note=raw.text_or("note"),
    )


def _consent(top: Table, sources: Mapping[str, str]) -> ConsentFacts | None:
    if "consent" not in top:
        return None
    raw = top.table("consent", _CONSENT)
    return ConsentFacts(
        definition=raw.text("definition"),
        granular=raw.flag("granular", default=True),
        withdraw_as_easy=raw.flag("withdraw_as_easy", default=True),
        pre_ticked=raw.flag("pre_ticked"),
        expiry=raw.text("expiry"),
        ask_again_after=raw.span("ask_again_after"),
        cite=raw.text("cite"),
        prov=_prov(raw, sources),
    )


def _consent_age(top: Table, sources: Mapping[str, str], ages: Mapping[str, AgeTable]) -> ConsentAge | None:
    if "consent_age" not in top:
        return None
    raw = top.table("consent_age", _CONSENT_AGE)
    if ("age" in raw) == ("table" in raw):
        raise raw.refuse("age", "give either an age or a table", "keep one of the two keys")
    national: tuple[AgeRule, ...] = ()
    age = raw.number("age", OLDEST)
    if age is None:
        name = raw.text("table")
        if name not in ages:
            raise raw.refuse("table", f"no table of ages `{name}`", nearest("table of ages", name, ages))
        age, national = ages[name]
    return ConsentAge(
        default=age,
        guardian=raw.text("guardian"),
        national=national,
        cite=raw.text("cite"),
        prov=_prov(raw, sources),
    )


def _soft_opt_in(top: Table, sources: Mapping[str, str]) -> SoftOptIn | None:
    if "soft_opt_in" not in top:
        return None
    raw = top.table("soft_opt_in", _SOFT_OPT_IN)
    return SoftOptIn(
        conditions=raw.texts("conditions"),
        charity_since=raw.day("charity_since"),
        grounds=tuple(_ground(each, sources) for each in raw.tables("grounds", _GROUND)) or BY_SALE,
        cite=raw.text("cite"),
        prov=_prov(raw, sources),
    )


def _ground(raw: Table, sources: Mapping[str, str]) -> Ground:
    told = raw.flag("told", default=True)
    ground = Ground(
        relation=raw.choice("relation", Relation),
        told=told,
        address=raw.flag("address", default=told),
        within=raw.span("within"),
        cite=raw.text("cite"),
        prov=_prov(raw, sources),
        note=raw.text_or("note"),
    )
    if ground.told and not ground.address:
        raise raw.refuse("address", "a notice came with an address", "leave it out, or write told = false")
    return ground


def _right(raw: Table, sources: Mapping[str, str]) -> Right:
    return Right(
        right=raw.text("right"),
        within=raw.span("within"),
        business_days=raw.number("business_days", 366),
        extension=raw.span("extension"),
        since=raw.day("from"),
        cite=raw.text("cite"),
        prov=_prov(raw, sources),
        note=raw.text_or("note"),
    )


def _ages(top: Table) -> AgeTable:
    sources = _sources(top)
    default = top.number("default", OLDEST)
    if default is None:
        raise top.refuse("default", "this key is missing", "write the regime's own age")
    top.texts("notes")
    found: list[AgeRule] = []
    for raw in top.tables("ages", _AGE):
        each = _age(raw, sources)
        if any(other.territory == each.territory and _overlap(other, each) for other in found):
            raise raw.refuse("from", f"two ages of {each.territory} on one day", "end the earlier with `to`")
        found.append(each)
    return default, tuple(found)


def _age(raw: Table, sources: Mapping[str, str]) -> AgeRule:
    since, until = _span(raw)
    age = raw.number("age", OLDEST)
    if age is None:
        raise raw.refuse("age", "this key is missing", "write the age in years")
    return AgeRule(
        age=age,
        territory=_region(raw, "territory", raw.text("territory")),
        since=since,
        until=until,
        cite=raw.text("cite"),
        prov=_prov(raw, sources),
    )


def _overlap(one: AgeRule, other: AgeRule) -> bool:
    starts = [each.since for each in (one, other) if each.since is not None]
    day = max(starts, default=None)
    return day is None or (within(day, one.since, one.until) and within(day, other.since, other.until))


def _span(raw: Table) -> tuple[date | None, date | None]:
    """Return the first and the last day of *raw*."""
    since, until = raw.day("from"), raw.day("to")
    if since is not None and until is not None and until < since:
        raise raw.refuse("to", "the last day lies before the first", "exchange the two")
    return since, until


def _sources(top: Table) -> dict[str, str]:
    raw = top.raw.get("sources", {})
    table = Table(raw, file=top.file, path="sources", keys=raw if isinstance(raw, dict) else ())
    return {key: table.text(key) for key in table.raw}


def _prov(raw: Table, sources: Mapping[str, str]) -> str:
    text = raw.text("prov")
    match = _PROV.fullmatch(text)
    if match is None:
        raise raw.refuse("prov", f"unknown provenance `{text}`", "write knowledge/high or read:S01/high")
    source = match["source"]
    if source is not None and source not in sources:
        raise raw.refuse("prov", f"no source `{source}`", nearest("source", source, sources))
    return text


def _region(raw: Table, key: str, code: str) -> str:
    if not known_region(code):
        raise raw.refuse(key, f"unknown region `{code}`", "write an ISO 3166 code such as DE or US-CA")
    return code


def _regions(raw: Table, key: str) -> tuple[str, ...]:
    return tuple(_region(raw, key, code) for code in raw.texts(key))
