"""What the packs of law say, read a second time: the part of the reference that reads their cells and rules.

It shares no code with the methods of a pack but for the named conditions (``CONDITIONS``, ``TESTS``),
which have tests of their own. What was read once is remembered per policy, for a stretch of days in
which no date of any pack lies.
"""

from __future__ import annotations

from bisect import bisect_right
from datetime import date, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from clm_ethics.regimes import Confidence, Posture, Review
from clm_ethics.regimes.conditions import CONDITIONS, TESTS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clm_ethics.policy import Policy
    from clm_ethics.regimes import Facts, Pack
    from clm_ethics.regimes.values import Cell, Rule

CONSENTS = frozenset({"consent", "explicit_consent", "guardian_consent"})


class Asked(NamedTuple):
    """What one regime asks on one row; from ``opt_in`` on only the claims *carried* carry it."""

    row: str
    posture: Posture
    carried: frozenset[str]
    pack: str


class Law:
    """The packs of one policy."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self._days = sorted(set(_dates(list(policy.packs.values()))))
        self._asked: dict[tuple[object, ...], Asked | None] = {}
        self._homes: dict[str, list[list[tuple[Pack, str]]]] = {}
        self._facts: dict[int, Facts] = {}

    def homes(self, region: str) -> list[list[tuple[Pack, str]]]:
        """Per place where somebody of *region* may live, which regimes apply, and where each looks.

        The laws of where somebody is, and those that follow the controller (Art. 3(1) GDPR). In an
        unknown region it may be any of the markets.
        """
        if region not in self._homes:
            homes = (region,) if region else self.policy.controller.markets or ("",)
            self._homes[region] = [
                [
                    (pack, where)
                    for pack in self.policy.packs.values()
                    for where in self._looks(pack, home, region)
                ]
                for home in homes
            ]
        return self._homes[region]

    def _looks(self, pack: Pack, home: str, region: str) -> list[str]:
        """Where a regime looks: at the customer's region; else, and where that is unknown, where it holds."""
        if region and _covers(pack, home):
            return [home]
        established = self.policy.controller.established
        return [where for where in (home, *established) if where and _covers(pack, where)]

    def asks(self, pack: Pack, where: str, row: str, day: date, facts: Facts) -> Asked | None:
        """What *pack* asks there of *row* on that *day*; ``None``: it is silent."""
        self._facts.setdefault(id(facts), facts)  # an id is used once as long as its owner lives
        key = (pack.id, where, row, bisect_right(self._days, day), id(facts))
        if key not in self._asked:
            self._asked[key] = _asks(pack, where, row, day, facts)
        return self._asked[key]

    def binds(self, pack: Pack, where: str, day: date, facts: Facts) -> bool:
        """Whether *pack* binds the controller there on that *day*."""
        return _in_force(pack, where, day) and _in_scope(pack, where, day, facts)

    def age_of_consent(self, pack: Pack, where: str, day: date) -> int | None:
        """From which age a child's own consent is valid: the national law's, else the regime's own."""
        if pack.consent_age is None or not _in_force(pack, where, day):
            return None
        ages = [
            each.age
            for each in pack.consent_age.national
            if inside(where, each.territory) and _between(each.since, day, each.until)
        ]
        return max(ages) if ages else pack.consent_age.default


@lru_cache(maxsize=8)
def _law(identity: int, policy: Policy) -> Law:
    return Law(policy)


def law_of(policy: Policy) -> Law:
    """The packs of *policy*, with what was read of them."""
    return _law(id(policy), policy)


def inside(region: str, territory: str) -> bool:
    """Whether *region* is *territory* or a subdivision of it."""
    return region.split("-")[: territory.count("-") + 1] == territory.split("-")


def _dates(value: Any) -> Iterator[date]:
    """Every date that stands in *value*, however deep, and the day after it."""
    if isinstance(value, date):
        yield from (value, value + timedelta(days=1))
    elif isinstance(value, msgspec.Struct):
        for name in value.__struct_fields__:
            yield from _dates(getattr(value, name))
    elif isinstance(value, (list, tuple)):
        for each in value:
            yield from _dates(each)


def _covers(pack: Pack, region: str) -> bool:
    return any(inside(region, own) for own in pack.territory)


def _between(first: date | None, day: date, last: date | None) -> bool:
    return (first or date.min) <= day <= (last or date.max)


def _in_force(pack: Pack, where: str, day: date) -> bool:
    return _covers(pack, where) and _between(pack.since, day, pack.until)


def _in_scope(pack: Pack, where: str, day: date, facts: Facts) -> bool:
    """A scope that is known not to be met keeps the law away, unless another of that day is met."""
    found = [
        TESTS[each.test](each, facts, where) for each in pack.scopes if _between(each.since, day, each.until)
    ]
    return found == [] or any(each is None or each for each in found)


def _asks(pack: Pack, where: str, row: str, day: date, facts: Facts) -> Asked | None:
    """The strictest of what applies; what carries it is what everything that applies lets through."""
    if not _in_force(pack, where, day):
        return None
    bound = _in_scope(pack, where, day, facts)
    texts = [_text(pack, cell) for cell in pack.cells if bound and _cell_speaks(cell, where, row, facts)]
    texts += [
        (rule.posture, rule.exceptions)
        for rule in pack.rules
        if (bound or rule.beyond_scope) and _rule_speaks(rule, where, row, day, facts)
    ]
    if not texts:
        return None
    carried: frozenset[str] | None = None
    for posture, exceptions in texts:
        if posture <= Posture.OPT_OUT:
            continue  # any legal basis carries it, as far as this text goes
        own = {Posture.OPT_IN: CONSENTS, Posture.EXPLICIT_OPT_IN: {"explicit_consent"}}.get(posture, set())
        here = frozenset({*own, *(each.value for each in exceptions)})
        carried = here if carried is None else carried & here
    return Asked(row, max(posture for posture, _ in texts), carried or frozenset(), pack.id)


def _cell_speaks(cell: Cell, where: str, row: str, facts: Facts) -> bool:
    # Art. 5(3) ePrivacy speaks of terminal equipment only; a national choice answers for its own territory.
    nationally = any(inside(where, each) for each in cell.unless)
    return cell.row == row and (facts.device or not cell.device) and not nationally


def _text(pack: Pack, cell: Cell) -> tuple[Posture, tuple[Any, ...]]:
    """What a cell asks: in doubt the more protective reading."""
    level = cell.review or pack.review
    sure = cell.prov.endswith("/high") or level is not Review.UNREVIEWED
    settled = not cell.uncertain or level is Review.COUNSEL
    if (sure and settled) or cell.recommended is None:
        return cell.posture, cell.exceptions
    return max(cell.posture, cell.recommended), cell.exceptions


def _rule_speaks(rule: Rule, where: str, row: str, day: date, facts: Facts) -> bool:
    here = rule.territory == () or any(inside(where, each) for each in rule.territory)
    old_enough = facts.age is None or rule.age_min is None or facts.age >= rule.age_min
    young_enough = facts.age is None or rule.age_max is None or facts.age <= rule.age_max
    met = all(CONDITIONS[each](facts) in (True, None) for each in rule.when)
    return (
        row in rule.rows
        and here
        and old_enough
        and young_enough
        and met
        and _between(rule.since, day, rule.until)
    )


assert {"high"} < {each.value for each in Confidence}  # the word that ``_text`` looks for is one of them
