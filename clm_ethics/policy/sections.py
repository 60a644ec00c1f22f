"""The sections of a policy document: one function for each kind of table.

Each checks what a table says by itself; what tables say of each other is in ``checks.py``.
"""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from ..errors import shorten
from ..lifecycle.values import Decay, DecayStep, Lifecycle, Move, Threshold
from ..model.state import BUILT_IN
from ..model.times import Duration
from ..regimes import Organisation, known_region, load_packs
from .reading import check_name, kind_of, meant
from .values import Basis, Cap, Channel, Controller, EventRule, Field, Keep, Purpose, Quiet
from .vocabulary import AUDIENCES, CATEGORIES, NORMALISERS, PROCESSING, ROWS, STARTS, TYPES

if TYPE_CHECKING:
    from .reading import Table

TOP = ("format", "audit", "controller", "fields", "events", "purposes", "lifecycle", "channels")
"""The keys at the top of a document."""
AUDIT_KEEP = Duration(months=36)
"""How long the record of reads is kept where the policy does not say (house default)."""
NOBODY = Controller(name="", contact="", established=())
"""Stands for a controller that could not be read."""
LONGEST_LIST = 10_000
"""Items of a list field, at most."""
MOST_CONTACTS = 10_000
"""Contacts that a cap may allow."""

MOST_PEOPLE = 10**15
"""The highest number in what a controller states about itself."""

_WHOLE = ("revenue_usd", "turnover_eur", "employees")
_YES_OR_NO = ("sells", "small_business", "nonprofit", "charity", "public_body", "food_retailer", "platform")
_FACT_KEYS = (*_WHOLE, "sale_share", *_YES_OR_NO, "residents")
_LOCALE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")
_CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")
_PURPOSE_KEYS = (
    *("title", "processing", "basis", "basis_under", "fields", "explicit", "coarse", "keep", "law"),
    *("assessment", "compatible_with", "stages", "channels", "consent_expires", "sale", "support", "device"),
    *("inquiry", "lasting", "confidential", "actors", "shared_with", "was"),
)


def audit(top: Table) -> Duration:
    """Read ``audit = { keep = "P3Y" }``."""
    return top.table("audit").only("keep").duration("keep") or AUDIT_KEEP


def controller(top: Table) -> Controller:
    """Read ``[controller]``."""
    top.need("controller", "say who decides: [controller] with name, contact and established")
    return _controller(top.table("controller"))


def _controller(table: Table) -> Controller:
    table.only("name", "contact", "established", "markets", "audience", "locales", "facts")
    table.need("name", "write who the controller is (Art. 4(7) GDPR)")
    table.need("contact", "write where customers reach the controller (Art. 13(1) GDPR)")
    table.need("established", "write the regions whose law follows the controller, such as DE")
    established = _regions(table, "established")
    if not established:
        raise table.error("established", "no region", "write where the controller is, such as DE")
    return Controller(
        name=table.text("name"),
        contact=table.text("contact"),
        established=established,
        markets=_regions(table, "markets"),
        audience=table.word("audience", AUDIENCES, "general"),
        locales=_locales(table),
        facts=_organisation(table.table("facts")),
    )


def _organisation(table: Table) -> Organisation:
    """Read ``facts = { employees = 12, platform = false }``: what is not there is not stated."""
    table.only(*_FACT_KEYS)
    residents = table.table("residents")
    for region in residents.items:
        if not known_region(region):
            raise residents.error(region, *_no_region(region))
    stated: dict[str, Any] = {key: _count(table, key, MOST_PEOPLE) for key in _WHOLE if key in table.items}
    if "sale_share" in table.items:
        stated["sale_share"] = _count(table, "sale_share", 100)
    stated |= {key: table.get(key, bool, False) for key in _YES_OR_NO if key in table.items}
    return Organisation(
        **stated,
        residents=tuple((region, _count(residents, region, MOST_PEOPLE)) for region in residents.items),
    )


def _count(table: Table, key: str, most: int) -> int:
    value = table.get(key, int, 0)
    if not 0 <= value <= most:
        raise table.error(key, "a number out of range", f"write a whole number from 0 to {most}")
    return value


def _regions(table: Table, key: str) -> tuple[str, ...]:
    regions = table.names(key)
    for index, region in enumerate(regions):
        if not known_region(region):
            raise table.source.error((*table.path, key, index), *_no_region(region))
    return regions


def _no_region(region: str) -> tuple[str, str]:
    upper = region.strip().upper().replace("_", "-")
    guess = f"did you mean `{upper}`?" if upper != region and known_region(upper) else ""
    return f"no region `{shorten(region)}`", guess or "write ISO 3166, such as `DE` or `US-CA`"


def _locales(table: Table) -> tuple[str, ...]:
    locales = table.names("locales") if "locales" in table.items else ("en",)
    for index, locale in enumerate(locales):
        if not _LOCALE.fullmatch(locale):
            path = (*table.path, "locales", index)
            raise table.source.error(path, f"no locale `{shorten(locale)}`", "write BCP 47, such as `en`")
    if not locales:
        raise table.error("locales", "no locale", "write at least one, such as `en`")
    return locales


def field(table: Table, name: str) -> Field:
    """Read one of ``[fields]``."""
    if name in BUILT_IN or name == "stage":
        raise table.source.error(table.path, f"`{name}` is built in", "leave it out: it is always there")
    table.only("type", "category", "max", "lookup", "source", "derived_from", "was")
    table.need("type", "write one of " + ", ".join(TYPES))
    table.need("category", "write a Fideslang data category, such as user.contact.email")
    kind = table.word("type", TYPES)
    category = table.word("category", CATEGORIES)
    most = table.whole("max", LONGEST_LIST)
    if kind == "list":
        table.need("max", f"write how many items it holds at most, from 1 to {LONGEST_LIST}")
    elif most:
        raise table.error("max", "only a list has a max", 'leave it out, or write type = "list"')
    lookup = table.word("lookup", NORMALISERS)
    if lookup and kind != "text":
        raise table.error(
            "lookup", f"nobody can be found by a field of type {kind}", "only text has a lookup"
        )
    return Field(
        name=name,
        type=kind,
        category=category,
        max=most,
        lookup=lookup,
        source=table.text("source"),
        derived_from=table.names("derived_from"),
        was=_was(table),
    )


def labelled(field: Field, *, special: bool) -> Field:
    """Return *field* with the label that it is special, or not."""
    return field if field.special == special else replace(field, special=special)


def event(table: Table, name: str) -> EventRule:
    """Read one of ``[events]``."""
    table.only("appends", "opens", "closes", "mutes", "was")
    appends = table.table("appends")
    mutes = table.table("mutes").only(*PROCESSING)
    return EventRule(
        name=name,
        appends={key: _item_keys(appends, key) for key in appends.items},
        opens=table.names("opens"),
        closes=table.names("closes"),
        mutes={word: mutes.duration(word) or Duration() for word in mutes.items},
        was=_was(table),
    )


def _item_keys(table: Table, key: str) -> tuple[str, ...]:
    keys = table.names(key)
    if not keys:
        raise table.error(key, "an item without keys", 'write what an item holds, such as ["sku"]')
    if "at" in keys:
        path = (*table.path, key, keys.index("at"))
        raise table.source.error(path, "every item has its `at` already", "leave it out")
    return keys


def purposes(top: Table) -> dict[str, Purpose]:
    """Read ``[purposes]``; there is at least one."""
    with top.source.collecting():
        if not top.get("purposes", dict, {}):
            raise top.error("purposes", "the policy has no purpose", "write [purposes.account], for example")
    return top.each("purposes", _purpose)


def _purpose(table: Table, name: str) -> Purpose:
    table.only(*_PURPOSE_KEYS)
    for key, remedy in (
        ("title", "say in each locale what the customer is told"),
        ("processing", "write one or more of " + ", ".join(PROCESSING[:6]) + ", ..."),
        ("basis", "write one of " + ", ".join(Basis)),
    ):
        table.need(key, remedy)
    return Purpose(
        name=name,
        title=_titles(table.table("title")),
        processing=_processing(table),
        basis=_bases(table, "basis"),
        basis_under=_basis_under(table.table("basis_under")),
        fields=table.names("fields"),
        explicit=table.names("explicit"),
        coarse=_texts(table.table("coarse")),
        keep=_keep(table),
        law=table.text("law"),
        assessment=table.text("assessment"),
        compatible_with=table.names("compatible_with"),
        stages=table.names("stages"),
        channels=table.names("channels"),
        consent_expires=table.duration("consent_expires"),
        sale=table.get("sale", bool, False),
        support=table.get("support", bool, False),
        inquiry=table.get("inquiry", bool, False),
        lasting=table.get("lasting", bool, False),
        device=table.get("device", bool, False),
        confidential=_confidential(table),
        actors=table.names("actors"),
        shared_with=table.names("shared_with"),
        was=_was(table),
    )


def _was(table: Table) -> tuple[str, ...]:
    """Read ``was = ["news"]``: former names, the oldest first."""
    names = table.names("was", single=True)
    for index, name in enumerate(names):
        check_name(table.source, table.item_path("was", index), name)
    return names


def _texts(table: Table) -> dict[str, str]:
    return {key: table.text(key) for key in table.items}


def _titles(table: Table) -> dict[str, str]:
    for locale in table.items:
        if not _LOCALE.fullmatch(locale):
            raise table.error(locale, f"no locale `{shorten(locale)}`", "write BCP 47, such as `en`")
    return _texts(table)


def _processing(table: Table) -> tuple[str, ...]:
    words = table.names("processing", single=True)
    for index, word in enumerate(words):
        if word in PROCESSING:
            continue
        channel = next((kind for kind, row in ROWS.items() if row == word), "")
        remedy = (
            f'write direct_marketing, and channels = ["{channel}"]' if channel else meant(word, PROCESSING)
        )
        raise table.source.error(
            table.item_path("processing", index), f"no processing `{shorten(word)}`", remedy
        )
    if not words:
        raise table.error("processing", "no processing", meant("", PROCESSING))
    return words


def _bases(table: Table, key: str) -> tuple[Basis, ...]:
    bases = table.names(key, single=True)
    known = [basis.value for basis in Basis]
    for index, basis in enumerate(bases):
        if basis not in known:
            path = table.item_path(key, index)
            raise table.source.error(path, f"no legal basis `{shorten(basis)}`", meant(basis, known))
    if not bases:
        raise table.error(key, "no legal basis", meant("", known))
    return tuple(Basis(basis) for basis in bases)


def _basis_under(table: Table) -> dict[str, tuple[Basis, ...]]:
    for region in table.items:
        if not known_region(region) and region not in load_packs():
            raise table.error(region, *_no_region(region))
    return {region: _bases(table, region) for region in table.items}


def _keep(table: Table) -> Keep | None:
    if "keep" not in table.items:
        return None
    keep = table.table("keep").only("for", "from")
    keep.need("for", "write how long, such as P3Y")
    keep.need("from", "write one of " + ", ".join(STARTS))
    since = keep.word("from", STARTS)
    span = keep.duration("for", zero=since != "collected")
    return Keep(span=span or Duration(), since=since)


def _confidential(table: Table) -> tuple[str, str] | None:
    if "confidential" not in table.items:
        return None
    inside = table.table("confidential").only("law", "until")
    inside.need("law", "name the law that forbids to tell the customer")
    inside.need("until", "write until when, a date or a duration")
    law, until = inside.text("law"), inside.text("until")
    if not _is_date(until) and not _is_duration(until):
        raise inside.error(
            "until", f"`{shorten(until)}` is no date and no duration", "write 2030-01-01 or P1Y"
        )
    return law, until


def _is_date(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _is_duration(text: str) -> bool:
    try:
        return Duration.parse(text) > Duration()
    except ValueError:
        return False


def lifecycle(top: Table) -> Lifecycle:
    """Read ``[lifecycle]``; one problem in each move is remembered."""
    table = top.table("lifecycle").only("start", "purpose", "moves", "decay", "moves_to")
    moves = []
    for each in table.tables("moves"):
        with top.source.collecting():
            moves.append(_move(each))
    moves_to = _texts(table.table("moves_to"))
    for stage in moves_to:
        check_name(table.source, (*table.path, "moves_to", stage), stage)
    if moves:
        table.need("start", "write the stage in which a customer begins")
    _check_stage(table, "start")
    return Lifecycle(
        start=table.text("start"),
        purpose=table.text("purpose"),
        moves=tuple(moves),
        decay=_decay(table.table("decay")) if "decay" in table.items else None,
        moves_to=moves_to,
    )


def _decay(table: Table) -> Decay:
    table.only("without", "steps")
    table.need("without", "write the events that show that a customer is there")
    table.need("steps", "write what happens, and after how long")
    return Decay(
        without=table.names("without"), steps=tuple(_decay_step(each) for each in table.tables("steps"))
    )


def _decay_step(table: Table) -> DecayStep:
    table.only("after", "announce", "shrink", "seal", "forget", "closes")
    table.need("after", "write after how long, such as P2Y")
    table.need("announce", "write how long before it is announced, such as P30D")
    kinds = [key for key in ("shrink", "seal", "forget") if key in table.items]
    if len(kinds) != 1:
        key = kinds[1] if kinds else "shrink"
        raise table.error(key, "a step does one thing", "write shrink, seal = true, or forget = true")
    for key in ("seal", "forget"):
        if key in table.items and not table.get(key, bool, False):
            raise table.error(key, "a step that does nothing", "write true, or take it out")
    if "closes" in table.items and "forget" not in table.items:
        raise table.error("closes", "only forgetting closes contracts", "leave it out")
    shrink = table.table("shrink")
    return DecayStep(
        after=table.duration("after") or Duration(),
        announce=table.duration("announce") or Duration(),
        shrink={name: _kept_items(shrink, name) for name in shrink.items},
        seal="seal" in table.items,
        forget="forget" in table.items,
        closes=table.names("closes"),
    )


def _kept_items(table: Table, name: str) -> int:
    value = table.get(name, int, 0)
    if not 0 <= value <= LONGEST_LIST:
        raise table.error(name, "a number out of range", f"write how many items stay, 0 to {LONGEST_LIST}")
    return value


def _move(table: Table) -> Move:
    table.only("from", "to", "on", "after", "without", "when")
    table.need("from", "write the stages that it leaves")
    table.need("to", "write the stage that it leads to")
    kinds = [key for key in ("on", "after", "when") if key in table.items]
    if len(kinds) != 1:
        key = kinds[1] if kinds else "on"
        raise table.error(key, "a move has either `on` or `after` or `when`", "an event, a time, or a value")
    if "without" in table.items and "after" not in table.items:
        raise table.error("without", "`without` belongs to `after`", "add after, or leave it out")
    sources = table.names("from", single=True)
    if not sources:
        raise table.error("from", "the move leaves no stage", "write the stages that it leaves")
    _check_stage(table, "from")
    _check_stage(table, "to")
    return Move(
        sources=sources,
        to=table.text("to"),
        on=table.text("on"),
        after=table.duration("after"),
        without=table.text("without"),
        when=_threshold(table.table("when")) if "when" in table.items else None,
    )


def _threshold(table: Table) -> Threshold:
    table.only("field", "least", "most")
    table.need("field", "write which number is looked at")
    if ("least" in table.items) == ("most" in table.items):
        raise table.error("least", "a value has either `least` or `most`", "write from where on it counts")
    return Threshold(field=table.text("field"), least=_number(table, "least"), most=_number(table, "most"))


def _number(table: Table, key: str) -> float | None:
    if key not in table.items:
        return None
    value = table.items[key]
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise table.error(key, f"it is {kind_of(value)}", "write a number")
    return float(value)


def _check_stage(table: Table, key: str) -> None:
    for index, name in enumerate(table.names(key, single=True)):
        check_name(table.source, table.item_path(key, index), name)


def channel(table: Table, name: str) -> Channel:
    """Read one of ``[channels]``."""
    table.only("address", "kind", "caps", "quiet")
    kind = table.word("kind", tuple(ROWS), name)
    if kind not in ROWS:
        kinds = ", ".join(ROWS)
        raise table.source.error(
            table.path, f"no law is known for a channel `{name}`", f"name it, or add kind =, one of {kinds}"
        )
    return Channel(
        name=name,
        row=ROWS[kind],
        address=table.text("address"),
        caps=tuple(_cap(cap) for cap in table.tables("caps")),
        quiet=_quiet(table),
    )


def _cap(table: Table) -> Cap:
    table.only("max", "per")
    table.need("max", "write how many contacts at most")
    table.need("per", "write in which time, such as P7D")
    return Cap(max=table.whole("max", MOST_CONTACTS), per=table.duration("per") or Duration())


def _quiet(table: Table) -> Quiet | None:
    if "quiet" not in table.items:
        return None
    quiet = table.table("quiet").only("from", "to")
    quiet.need("from", "write when it begins, such as 20:00")
    quiet.need("to", "write when it ends, such as 09:00")
    start, end = _minutes(quiet, "from"), _minutes(quiet, "to")
    if start == end:
        raise quiet.error("to", "the quiet hours end when they begin", "write two different times")
    return Quiet(start=start, end=end)


def _minutes(table: Table, key: str) -> int:
    text = table.text(key)
    match = _CLOCK.fullmatch(text)
    if match is None:
        raise table.error(
            key, f"`{shorten(text)}` is no time of day", "write hours and minutes, such as 20:00"
        )
    return int(match[1]) * 60 + int(match[2])
