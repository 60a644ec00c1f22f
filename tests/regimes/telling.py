"""A pack in lines of text, one fact a line with its article: as the tables in ``law/`` hold it.

A line says what it speaks of, a colon, what is asked, and after ``|`` where it is written and how that
is known. What is usual is left out: a cell or rule is law, settled, everywhere, always, for every age,
checked as far as its pack; a box that is ticked before is no consent. Prose is left out, too: names,
notes, definitions, why a law is silent, and what is only coming, none of which decides anything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clm_ethics.regimes import Kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import date

    from clm_ethics.regimes import AgeRule, Cell, Ground, Pack, Right, Rule, Scope

LIMITS = ["revenue_usd", "revenue_floor_usd", "residents", "residents_selling", "sale_share"]
FLAGS = ["sensitive", "nonprofits", "small_business_exempt"]


def told(pack: Pack) -> list[str]:
    """Return the lines of *pack*."""
    return [
        f"where: {' '.join(pack.territory)}",
        f"when: {_span(pack.since, pack.until)}",
        f"review: {pack.review}",
        *map(_scope, pack.scopes),
        *map(_cell, pack.cells),
        *(f"silent: {' '.join(each.rows)}" for each in pack.silences),
        *map(_rule, pack.rules),
        *_signal(pack),
        *_consent(pack),
        *_ages(pack),
        *_soft_opt_in(pack),
        *map(_right, pack.rights),
    ]


def _scope(scope: Scope) -> str:
    limits = [f"{name} {value:,}" for name in LIMITS if (value := getattr(scope, name)) is not None]
    flags = [name for name in FLAGS if getattr(scope, name)]
    return _line(f"scope {scope.test}", [_span(scope.since, scope.until), *limits, *flags], scope)


def _cell(cell: Cell) -> str:
    parts = [
        cell.posture.name.lower(),
        "" if cell.recommended is None else f"safer {cell.recommended.name.lower()}",
        "unsettled" if cell.uncertain else "",
        "on devices" if cell.device else "",
        _list("but for", cell.unless),
        *_common(cell),
    ]
    return _line(f"cell {cell.row}", parts, cell)


def _rule(rule: Rule) -> str:
    low, high = rule.age_min, rule.age_max
    parts = [
        rule.posture.name.lower(),
        _list("in", rule.territory),
        _span(rule.since, rule.until),
        "" if low is high is None else f"age {'' if low is None else low}-{'' if high is None else high}",
        _list("when", rule.when),
        "beyond the scope" if rule.beyond_scope else "",
        *_common(rule),
    ]
    return _line(f"rule {' '.join(rule.rows)}", parts, rule)


def _common(part: Cell | Rule) -> list[str]:
    return [
        _list("by", part.exceptions),
        _list("with", part.duties),
        "" if part.kind is Kind.LAW else str(part.kind),
        "" if part.review is None else str(part.review),
    ]


def _signal(pack: Pack) -> Iterator[str]:
    if (signal := pack.signal) is not None:
        parts = [_span(signal.since, None), " ".join(signal.rows)]
        if signal.later_consent:
            parts.append(f"a later consent counts ({signal.later_consent})")
        yield _line(f"signal {signal.name}", parts, signal)


def _consent(pack: Pack) -> Iterator[str]:
    if (consent := pack.consent) is not None:
        parts = [
            "per purpose" if consent.granular else "for all purposes at once",
            "withdrawn as easily" if consent.withdraw_as_easy else "withdrawn less easily",
            "ticked before" if consent.pre_ticked else "",
            "" if consent.ask_again_after is None else f"asked again after {consent.ask_again_after}",
        ]
        yield _line("consent", parts, consent)


def _ages(pack: Pack) -> Iterator[str]:
    if (ages := pack.consent_age) is not None:
        yield _line("age of consent", [str(ages.default)], ages)
        yield from map(_age, ages.national)


def _age(age: AgeRule) -> str:
    return _line(f"age of consent {age.territory}", [str(age.age), _span(age.since, age.until)], age)


def _soft_opt_in(pack: Pack) -> Iterator[str]:
    if (soft := pack.soft_opt_in) is not None:
        since = "" if soft.charity_since is None else f"charities from {soft.charity_since}"
        yield _line("soft opt-in", [*soft.conditions, since], soft)
        yield from map(_ground, soft.grounds)


def _ground(ground: Ground) -> str:
    parts = [
        "told" if ground.told else "not told",
        "address from it" if ground.address else "whatever the address is from",
        "without end" if ground.within is None else f"for {ground.within}",
    ]
    return _line(f"soft opt-in after {ground.relation}", parts, ground)


def _right(right: Right) -> str:
    parts = [
        "" if right.within is None else f"within {right.within}",
        "" if right.business_days is None else f"within {right.business_days} business days",
        "" if right.extension is None else f"{right.extension} more",
        _span(right.since, None),
    ]
    return _line(f"right {right.right}", parts, right)


def _span(since: date | None, until: date | None) -> str:
    words = ("" if since is None else f"from {since}", "" if until is None else f"to {until}")
    return " ".join(word for word in words if word)


def _list(word: str, values: Iterable[str]) -> str:
    found = " ".join(values)
    return f"{word} {found}" if found else ""


def _line(what: str, parts: list[str], source: Any) -> str:
    said = "; ".join(part for part in parts if part)
    return f"{what}: {said} | {source.cite} [{source.prov}]".replace(":  |", ": |")
