# ruff: noqa: INP001  (run as a program)
"""The tables of these pages that repeat what the code knows: made from it, so that they cannot drift.

Run it (``python docs/tables.py``) after a change of vocabularies, reasons, defaults or packs; a
test compares. A word that has no meaning here, or a page without its markers, is an error.
"""

from __future__ import annotations

import tomllib
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from clm_ethics.ethics import CATALOGUE, DEFAULTS
from clm_ethics.ethics import words as ethics_words
from clm_ethics.ethics.defaults import DISTURBING, QUIET_FLOORS, REACHING
from clm_ethics.policy import Basis, checks
from clm_ethics.policy import words as policy_words
from clm_ethics.policy.policy import FIRM
from clm_ethics.policy.vocabulary import (
    ADDRESSED,
    CATEGORIES,
    PROCESSING,
    ROWS,
    SPECIAL,
    STARTS,
    TYPES,
    special,
)
from clm_ethics.regimes import BY_SALE, Posture, Row, compact, load_packs, loader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import date

    from clm_ethics.model.times import Duration
    from clm_ethics.policy import Reason
    from clm_ethics.regimes import Cell, ConsentAge, Ground, Pack, Right, Rule, Scope, Watch

DOCS = Path(__file__).parent
START = "<!-- made by docs/tables.py: {name} -->"
END = "<!-- end of {name} -->"

_PROCESSING = {
    "direct_marketing": "advertise; the channel picks the row: `email_marketing`, `sms_marketing` ...",
    "essential": "what somebody asked for cannot be done without it",
    "storage": "keep, and do nothing else",
    "analytics": "count and compare how things are used",
    "personalization": "make a profile, and show what fits it",
    "personalised_price": "set a price by somebody's data",
    "targeted_ads": "advertise by behaviour across contexts",
    "sale_sharing": "sell data, or share it for advertising",
    "automated_decision": "decide by machine alone, with legal or similar effect",
    "financial_incentive": "give an advantage in return for data",
}
_BASES = {
    "consent": (
        "a valid, proven, unexpired yes of the right person to this purpose's clause",
        "GDPR Art. 6(1)(a), 7",
    ),
    "contract": (
        "a contract of this purpose is open; to collect, a step before one is enough",
        "GDPR Art. 6(1)(b)",
    ),
    "legal_obligation": ("the law that the purpose names", "GDPR Art. 6(1)(c)"),
    "legitimate_interest": ("a recorded balancing test, and no objection", "GDPR Art. 6(1)(f)"),
    "soft_opt_in": (
        "an address from a sale, with a notice of this purpose and how to stop it; or what its law counts",
        "ePrivacy Directive Art. 13(2); S.C. 2010 c. 23 s. 10(10)",
    ),
    "opt_out": ("nobody has said no, where the law is content with that", "such as CCPA, CAN-SPAM"),
    "public_task": ("the policy claims it, and nobody objected", "GDPR Art. 6(1)(e)"),
    "vital_interest": ("the policy claims it", "GDPR Art. 6(1)(d)"),
}
_TYPES = {
    "text": "`str`, not empty",
    "integer": "`int` within 2**53",
    "number": "`float` or `int`, finite",
    "boolean": "`True` or `False`",
    "date": "`date`, or its ISO text; read as `date`",
    "datetime": "aware `datetime`, or its ISO text; read as `datetime`",
    "map": "`dict` of texts, numbers, lists and maps",
    "list": "items, each a map (or one value), with a `max`; read as a tuple, each item with its `at`",
}
_COARSE = {
    "year": "the year, a number",
    "month": "year and month, such as `1990-05`",
    "count": "how many items there are",
    "prefix:N": "the first N characters, N from 1 to 99",
    "bucket:N": "the lower bound of its step of N",
}
_STARTS = {
    "collected": "the moment of collection",
    "contract_end": "the last closing of a contract of this purpose; while one is open, no time runs. "
    "Where there never was one: the collection, or the erasure",
    "withdrawal": "the customer's no to this purpose, in whatever form, or the end of the consent; before it "
    "no time runs. Where there never was a consent, and no other basis carries the purpose: the collection",
    "year_end": "1 January (UTC) after the collection",
}


def table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Write a table in Markdown."""
    titles = [*heads]
    lines = [titles, ["---"] * len(titles), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def code(names: Iterable[str]) -> str:
    """Write names as code, one after the other."""
    return ", ".join(f"`{name}`" for name in names)


# --- the vocabularies of a policy ------------------------------------------------------------------


def processing() -> str:
    """Say what a purpose may do, and which packs have an opinion on it."""
    rows = ((f"`{word}`", _PROCESSING[word], code(_speakers(word))) for word in PROCESSING)
    return table(("processing", "a purpose with it may", "packs that speak of it"), rows)


def _speakers(word: str) -> list[str]:
    """Return the packs with a cell or rule for *word*, without those that speak of devices alone."""
    rows = set(ROWS.values()) if word == "direct_marketing" else {word}
    return [
        pack.id
        for pack in load_packs().values()
        if any(cell.row in rows and not cell.device for cell in pack.cells)
        or any(rows.intersection(rule.rows) and not rule.when for rule in pack.rules)
    ]


def bases() -> str:
    """Say what each legal basis asks for, and whether a no ends it."""
    rows = ((f"`{each}`", *_BASES[each], "no" if each in FIRM else "yes") for each in Basis)
    return table(("basis", "holds if", "law", "a no ends it"), rows)


def types() -> str:
    """Say what a field may hold, and how coarse a purpose may ask to see it."""
    rows = (
        (f"`{each}`", _TYPES[each], code(checks._COARSE_FOR.get(each, ())) or "as it is only")  # noqa: SLF001
        for each in TYPES
    )
    return table(("type", "a value is", "coarse"), rows)


def coarse() -> str:
    """Say what a purpose sees that asks for less."""
    found = dict.fromkeys(each for allowed in checks._COARSE_FOR.values() for each in allowed)  # noqa: SLF001
    return table(("coarse", "the purpose sees"), ((f"`{each}`", _COARSE[each]) for each in found))


def starts() -> str:
    """Say from which facts a retention may run."""
    return table(("from", "the time runs from"), ((f"`{each}`", _STARTS[each]) for each in STARTS))


def channels() -> str:
    """Say which kinds of channel there are, and what each implies."""
    rows = (
        (
            f"`{kind}`",
            f"`{row}`",
            "yes" if row in ADDRESSED else "",
            "yes" if row in REACHING else "",
            "yes" if row in DISTURBING else "",
        )
        for kind, row in ROWS.items()
    )
    heads = ("kind", "row of the packs", "needs an address", "in the contact budget", "house quiet hours")
    return table(heads, rows)


def categories() -> str:
    """List the data categories, level by level; the special ones are bold."""
    parents = sorted({name.rpartition(".")[0] for name in CATEGORIES})
    rows = []
    for parent in parents:
        inside = sorted(name for name in CATEGORIES if name.rpartition(".")[0] == parent)
        rows.append((f"`{parent}`" if parent else "(top)", ", ".join(_category(name) for name in inside)))
    return table(("below", "categories"), rows)


def _category(name: str) -> str:
    last = name.rpartition(".")[2]
    return f"**`{last}`**" if special(name) else f"`{last}`"


def special_categories() -> str:
    """List the special categories."""
    rows = ((f"`{root}`", text) for root, text in SPECIAL.items())
    return table(("category, and all below it", "Art. 9(1) GDPR"), rows)


# --- reasons and house defaults ----------------------------------------------------------------------


def reasons() -> str:
    """List the reasons of ``decide``."""
    return _reasons(map(policy_words.reason, sorted(policy_words.CODES)))


def ethics_reasons() -> str:
    """List the reasons that ``choose`` adds."""
    return _reasons(map(ethics_words.reason, sorted(ethics_words.CODES)))


def _reasons(found: Iterable[Reason]) -> str:
    rows = ((f"`{each.code}`", each.text, each.cite, each.kind.value) for each in found)
    return table(("code", "in words", "cites", "kind"), rows)


def defaults() -> str:
    """List the house defaults."""
    return table(("house default", "says", "sources"), DEFAULTS)


def catalogue() -> str:
    """List the thirty rules."""
    rows = (
        (
            each.id,
            each.title,
            each.kind.value,
            code(each.inputs),
            code(each.where),
            each.verdict,
            each.threshold,
            each.source,
        )
        for each in CATALOGUE
    )
    heads = ("", "asks for", "works on", "looks at", "where", "otherwise", "house threshold", "sources")
    return table(heads, rows)


def floors() -> str:
    """List the nights that laws protect, whatever a policy says."""
    rows = (
        (
            floor.territory,
            code(sorted(floor.rows)),
            _days(floor.days),
            _clock(floor.quiet.start, floor.quiet.end),
            floor.cite,
        )
        for floor in QUIET_FLOORS
    )
    return table(("where", "rows", "days", "quiet, on the customer's clock", "cites"), rows)


def _days(days: tuple[int, ...]) -> str:
    names = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
    if len(days) == len(names):
        return "all"
    return names[days[0]] if len(days) == 1 else f"{names[days[0]]} to {names[days[-1]]}"


def _clock(start: int, end: int) -> str:
    return f"{start // 60:02}:{start % 60:02} to {end // 60:02}:{end % 60:02}"


# --- the regime packs --------------------------------------------------------------------------------


REGIONS = {
    "regimes/europe.md": ("eu", "uk", "ch"),
    "regimes/united-states.md": ("us",),
    "regimes/americas.md": ("br", "ca"),
    "regimes/asia-pacific.md": ("au", "cn", "in", "jp", "kr"),
    "regimes/africa.md": ("za",),
}
"""Per page of a region how the ids of its packs begin."""


def overview() -> str:
    """List the packs, and on which page each is told."""
    rows = (
        (
            f"[{pack.id}]({_page(pack)}#{pack.id})",
            pack.name,
            ", ".join(pack.territory),
            _span(pack.since, pack.until),
            f"**{pack.review.value}**",
            str(sum(cell.reading(pack.review).uncertain for cell in pack.cells)),
            str(len(pack.watch) or ""),
        )
        for pack in load_packs().values()
    )
    return table(("pack", "law", "where", "in force", "review", "doubtful cells", "coming"), rows)


def _page(pack: Pack) -> str:
    """Return the page of *pack*; a pack that begins like none of them is a ``KeyError``."""
    return {start: page for page, starts in REGIONS.items() for start in starts}[pack.id.partition("-")[0]]


def _packs_of(page: str) -> list[Pack]:
    return [pack for pack in load_packs().values() if _page(pack) == page]


def matrix(page: str) -> str:
    """Show the packs of a page against every row: what the cell asks, and how doubt is read."""
    rows = [(f"[{pack.id}](#{pack.id})", *(_asked(pack, row) for row in Row)) for pack in _packs_of(page)]
    return table(("pack", *(f"`{row.value}`" for row in Row)), rows)


def _asked(pack: Pack, row: Row) -> str:
    cell = next((each for each in pack.cells if each.row is row), None)
    if cell is not None:
        return _posture(pack, cell) + (" (device)" if cell.device else "")
    conditional = [rule for rule in pack.rules if row in rule.rows]
    return "rules only" if conditional else ""


def _posture(pack: Pack, cell: Cell) -> str:
    asked = _name(cell.posture)
    read = cell.reading(pack.review).posture
    if read > cell.posture:
        return f"{asked}, read as {_name(read)}"
    return f"{asked}, uncertain" if cell.uncertain else asked


def _name(posture: Posture) -> str:
    return f"`{posture.name.lower()}`"


def packs(page: str) -> str:
    """Tell every pack of a page in full."""
    return "\n\n".join(map(_pack, _packs_of(page)))


def _pack(pack: Pack) -> str:
    heads = ("row", "asks", "exceptions", "duties", "cites", "known from", "note")
    parts = [
        f"### {pack.id}",
        f"{pack.name}.",
        _facts(pack),
        table(heads, (_cell(pack, cell) for cell in pack.cells)),
    ]
    if pack.rules:
        parts.append("Rules that ask for more, where and when they apply:")
        parts.append(table(("rows", "when", *heads[1:]), map(_rule, pack.rules)))
    if pack.silences:
        parts.append("Silent, and why:")
        parts.append(_list(f"{code(each.rows)}: {each.why}" for each in pack.silences))
    if pack.soft_opt_in:
        soft = pack.soft_opt_in
        parts.append(f"Soft opt-in ({soft.cite}; {_prov(soft.prov)}), all of it together:")
        parts.append(_list(soft.conditions))
        if soft.grounds != BY_SALE:
            parts.append("It rests on any of these:")
            parts.append(_list(map(_ground, soft.grounds)))
    if pack.rights:
        parts.append("Rights, and the time to answer:")
        parts.append(table(("right", "within", "cites", "known from", "note"), map(_right, pack.rights)))
    parts += ["How it was read:", _list(pack.notes)]
    if pack.watch:
        parts += ["Coming or proposed; it decides nothing:", _list(map(_watch, pack.watch))]
    if pack.sources:
        parts += ["Sources:", _list(f"{key}: {text}" for key, text in pack.sources)]
    return "\n\n".join(parts)


def _ground(ground: Ground) -> str:
    what = {"sale": "a sale", "lasting": "a contract that lasts", "inquiry": "an inquiry"}[ground.relation]
    address = "with notice to an address from it" if ground.told else "to an address from it"
    time = f", for {ground.within}" if ground.within else ""
    note = f"; {ground.note}" if ground.note else ""
    way = f", {address}" if ground.address else ""
    return f"{what}{way}{time} ({ground.cite}; {_prov(ground.prov)}){note}"


def _facts(pack: Pack) -> str:
    lines = [
        f"Where: {', '.join(pack.territory)}",
        f"In force: {_span(pack.since, pack.until)}",
        f"Review: **{pack.review.value}**, sources as of {pack.as_of}. {pack.disclaimer}",
        *(f"Binds: {_scope(each)}" for each in pack.scopes),
        f"Something changes on: {', '.join(map(str, pack.changes()))}",
    ]
    if pack.signal:
        signal = pack.signal
        lines.append(
            f"Opt-out signal: `{signal.name}` ends {code(signal.rows)}, from {signal.since} "
            f"({signal.cite}; {_prov(signal.prov)})"
            + (f", until a later consent ({signal.later_consent})" if signal.later_consent else "")
            + f"; {signal.note}"
        )
    if pack.consent:
        said = pack.consent
        rest = said.ask_again_after
        again = f"; after a no, ask again after {_duration(rest)}" if rest else ""
        lines.append(
            f"Consent: {said.definition} ({said.cite}; {_prov(said.prov)}). Expiry: {said.expiry}{again}"
        )
    if pack.consent_age:
        lines.append(_consent_age(pack.consent_age))
    return _list(lines)


def _scope(scope: Scope) -> str:
    limits = [
        f"{key.replace('_', ' ')} {value:,}"
        for key in ("revenue_usd", "revenue_floor_usd", "residents", "residents_selling", "sale_share")
        if (value := getattr(scope, key)) is not None
    ]
    flags = [
        key.replace("_", " ")
        for key in ("sensitive", "nonprofits", "small_business_exempt")
        if getattr(scope, key)
    ]
    words = ", ".join(filter(None, (_span(scope.since, scope.until), *limits, *flags)))
    note = f"; {scope.note}" if scope.note else ""
    return f"`{scope.test.value}`{': ' if words else ''}{words} ({scope.cite}; {_prov(scope.prov)}){note}"


def _watch(item: Watch) -> str:
    return f"{item.territory}: {item.instrument} ({item.status}; {_prov(item.prov)}). {item.effect}"


def _consent_age(age: ConsentAge) -> str:
    national = "; national ages: [the table](#ages-of-consent)" if age.national else ""
    known = f"{age.cite}; {_prov(age.prov)}"
    return f"Own consent from the age of {age.default} ({known}){national}; {age.guardian}"


def _cell(pack: Pack, cell: Cell) -> tuple[str, ...]:
    notes = [
        "only with `device = true`" if cell.device else "",
        f"not in {', '.join(cell.unless)}, where rules answer" if cell.unless else "",
        "" if cell.kind.value == "law" else f"{cell.kind.value}, not law",
        f"safer: {_name(cell.recommended)}" if cell.recommended and not cell.uncertain else "",
        f"{cell.review.value}" if cell.review else "",
        cell.note,
    ]
    return (
        f"`{cell.row.value}`",
        _posture(pack, cell),
        code(cell.exceptions),
        code(cell.duties),
        cell.cite,
        _prov(cell.prov),
        "; ".join(filter(None, notes)),
    )


def _rule(rule: Rule) -> tuple[str, ...]:
    when = [
        ", ".join(rule.territory),
        _span(rule.since, rule.until) if rule.since or rule.until else "",
        _ages(rule.age_min, rule.age_max),
        f"if {' and '.join(f'`{each.value}`' for each in rule.when)}" if rule.when else "",
        "whatever the scope" if rule.beyond_scope else "",
    ]
    return (
        code(rule.rows),
        "; ".join(filter(None, when)) or "always",
        _name(rule.posture),
        code(rule.exceptions),
        code(rule.duties),
        rule.cite,
        _prov(rule.prov),
        rule.note,
    )


def _ages(least: int | None, most: int | None) -> str:
    if least is None and most is None:
        return ""
    return f"aged {least or 0} to {most}" if most is not None else f"aged {least} or more"


def _right(right: Right) -> tuple[str, ...]:
    within = _duration(right.within) if right.within else "at once"
    if right.business_days is not None:
        within = f"{right.business_days} business days"
    extension = f", and {_duration(right.extension)} more" if right.extension else ""
    since = f", from {right.since}" if right.since else ""
    return f"`{right.right}`", within + extension + since, right.cite, _prov(right.prov), right.note


def ages() -> str:
    """List the ages of consent of the EU and the EEA, with their sources."""
    page = tomllib.loads((files("clm_ethics.regimes") / "packs" / "eu-ages.toml").read_text("utf-8"))
    pack = next(each for each in load_packs().values() if each.consent_age and each.consent_age.national)
    assert pack.consent_age is not None  # noqa: S101  # for the type checker
    rows = (
        (each.territory, str(each.age), _span(each.since, each.until), each.cite, _prov(each.prov))
        for each in pack.consent_age.national
    )
    parts = [
        table(("where", "age", "in force", "cites", "known from"), rows),
        f"Elsewhere, and before: {page['default']}.",
        _list(page["notes"]),
        "Sources:",
        _list(f"{key}: {text}" for key, text in page["sources"].items()),
    ]
    return "\n\n".join(parts)


def _list(lines: Iterable[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


def _prov(text: str) -> str:
    how, _, sure = text.rpartition("/")
    return f"general knowledge, {sure}" if how == "knowledge" else f"{how.removeprefix('read:')}, {sure}"


def _span(since: date | None, until: date | None) -> str:
    return " ".join(filter(None, (f"from {since}" if since else "", f"until {until}" if until else "")))


def _duration(span: Duration) -> str:
    days = span.seconds // 86400
    parts = [f"{span.months} months" if span.months != 1 else "1 month"] * bool(span.months)
    return " ".join([*parts, *([f"{days} days"] if days else [])])


# --- putting them into the pages ---------------------------------------------------------------------

TABLES: dict[str, dict[str, Callable[[], str]]] = {
    "policy.md": {
        "processing": processing,
        "bases": bases,
        "types": types,
        "coarse": coarse,
        "starts": starts,
        "channels": channels,
        "categories": categories,
        "special categories": special_categories,
    },
    "decisions.md": {
        "reasons": reasons,
        "ethics reasons": ethics_reasons,
        "house defaults": defaults,
        "thirty rules": catalogue,
        "protected nights": floors,
    },
    "regimes.md": {"overview": overview},
    **{page: {"matrix": partial(matrix, page), "packs": partial(packs, page)} for page in REGIONS},
}
"""Per page its tables, by the names in their markers."""
TABLES["regimes/europe.md"]["ages"] = ages


def renewed(page: str, text: str) -> str:
    """Return the *text* of a *page* with its tables made anew; ``ValueError`` if a marker is missing."""
    for name, make in TABLES[page].items():
        start, end = START.format(name=name), END.format(name=name)
        if text.count(start) != 1 or text.count(end) != 1:
            raise ValueError(f"{page}: one pair of markers {start} ... {end} is needed")
        before, _, rest = text.partition(start)
        after = rest.partition(end)[2]
        text = f"{before}{start}\n\n{make()}\n\n{end}{after}"
    return text


def main() -> None:
    """Write the compact form of the packs, and the tables into the pages."""
    texts = loader.pack_texts()
    quick = Path(compact.__file__).parent / compact.FILE
    quick.write_bytes(compact.written(texts, loader.parse_packs(texts).values()))
    loader.load_packs.cache_clear()
    for page in TABLES:
        path = DOCS / page
        path.write_text(renewed(page, path.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
