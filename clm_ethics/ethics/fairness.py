"""Fairness and trust over many customers: courses in, shares and means with their intervals out.

Whom a number stands for is always people, and a number of few people is not told: not itself, and not
by taking the told ones from their sum. What is measured is what the ledger holds; why groups differ
is for people to find out.
"""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING

import attrs

from ..errors import UsageError
from .course import peak
from .defaults import MOST_GAP, URGENCY
from .findings import Finding
from .intervals import Interval, Mean, Shared, difference, wilson
from .measures import BUDGET, LEVELS, NOT_TOLD, ORDER, PLANS, TENURES, USED, WAITS, YEAR, Measure, Row
from .reviews import Served, parity

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import datetime

    from .course import Course

MOST_GROUPS = 100
"""A field with more values than this has no groups."""
MOST_ACTORS = 1000
"""Actors of whom it is remembered that they took a yes or a no."""


class Tally:
    """Counts courses. It grows with groups, purposes and actors, not with customers."""

    def __init__(self, k: int, *, grouped: bool = False) -> None:
        if not isinstance(k, int) or isinstance(k, bool) or k < 1:
            raise UsageError("no floor", place="k=", remedy="a whole number from 1 on is wanted")
        self._k, self._grouped = k, grouped
        self._groups: set[str] = set()
        self._hits: Counter[tuple[str, str]] = Counter()
        self._of: Counter[tuple[str, str]] = Counter()
        self._shares: dict[tuple[str, str], Shared] = {}
        self._means: dict[tuple[str, str], Mean] = {}
        self._ways: dict[str, Counter[str]] = {"yes": Counter(), "no": Counter()}
        self.customers = 0

    def add(self, course: Course, enrolled: datetime, now: datetime, group: str | None = None) -> None:
        """Count one customer, who became one when *enrolled*.

        Raises:
            UsageError: the group's field has too many values to make groups.
        """
        self.customers += 1
        if self._grouped:
            self._add_group(course, NOT_TOLD if group is None else group)
        self._count("offers.tenure", _band(TENURES, (now - enrolled) / YEAR), hit=bool(course.made))
        self._add_tenure(course, enrolled)
        self._add_pressure(course)
        self._add_answers(course)
        for kind, took in (("yes", course.slow_yes), ("no", course.slow_no)):
            self._divide(f"delay.{kind}", took)
        for kind, actors in (("yes", course.yes_by), ("no", course.no_by)):
            known = self._ways[kind]
            known.update(by for by in actors if by in known or len(known) < MOST_ACTORS)

    def _add_group(self, course: Course, group: str) -> None:
        self._groups.add(group)
        if len(self._groups) > MOST_GROUPS:
            raise UsageError(
                f"more than {MOST_GROUPS} groups",
                place="report(group=)",
                remedy="let the purpose see the field more coarsely (`coarse` in the policy)",
            )
        self._count("offers.group", group, hit=bool(course.made))
        if course.considered:
            self._count("offers.group_asked", group, hit=bool(course.made))
        for level in LEVELS:
            self._share(f"{level}.group", group, [each.level == level for each in course.made])
        self._mean("prices.group", group, [each.price for each in course.made])

    def _add_tenure(self, course: Course, enrolled: datetime) -> None:
        bands = [_band(TENURES, (each.at - enrolled) / YEAR) for each in course.made]
        for _, band in TENURES:
            there = [each for each, where in zip(course.made, bands, strict=True) if where == band]
            self._mean("prices.tenure", band, [each.price for each in there])
            self._mean("worth.tenure", band, [each.worth for each in there])

    def _add_pressure(self, course: Course) -> None:
        for level in LEVELS:
            self._share("levels", level, [each.level == level for each in course.made])
        self._share("pressure.offers", "pressing", [each.pressed for each in course.made])
        month = timedelta(seconds=BUDGET.per.seconds)
        most = peak([each.at for each in course.made if each.reached], month)
        used = USED[0 if not most else 1 + (most > BUDGET.max / 2) + (most >= BUDGET.max)]
        self._count("pressure.budget", used, hit=True)
        if course.made:
            span = timedelta(seconds=URGENCY.per.seconds)
            hurried = peak([each.at for each in course.made if each.pressed], span)
            self._count("pressure.urgency", "hurried", hit=hurried >= URGENCY.max)

    def _add_answers(self, course: Course) -> None:
        slowest: timedelta | None = None
        for purpose, said in course.answers.items():
            if said.answered:
                self._count("consent.opt_in", purpose, hit=said.agreed)
            if said.prompted:
                self._count("consent.asked", purpose, hit=said.agreed)
            if said.yes:
                self._count("consent.withdrawal", purpose, hit=said.withdrew)
            if said.no:
                self._count("effort.repeated", purpose, hit=said.repeated)
            if said.prompts and said.agreed:
                self._mean("effort.prompts", purpose, [float(said.prompts)])
            if said.slowest is not None:
                slowest = max(slowest or timedelta(), said.slowest)
        self._divide("honour", slowest)

    def _count(self, key: str, row: str, *, hit: bool) -> None:
        self._of[key, row] += 1
        self._hits[key, row] += hit

    def _divide(self, key: str, took: timedelta | None) -> None:
        if took is not None:
            self._count(key, next(name for most, name in WAITS if took <= most), hit=True)

    def _share(self, key: str, row: str, hits: Sequence[bool]) -> None:
        self._shares.setdefault((key, row), Shared()).add(sum(hits), len(hits))

    def _mean(self, key: str, row: str, values: Iterable[float | None]) -> None:
        """Add one person's mean: who is made many offers does not count for more."""
        known = [value for value in values if value is not None]
        if known:
            self._means.setdefault((key, row), Mean()).add(sum(known) / len(known))

    # --- what is told --------------------------------------------------------------------------------

    def measures(self) -> tuple[Measure, ...]:
        """Return every measure that somebody counted for, none of it of fewer than *k* people."""
        ways: dict[str, Callable[[str], tuple[Row, ...]]] = {
            "parts": self._parts,
            "each": self._parts,
            "split": self._split,
            "shares": self._shared,
            "means": self._meant,
            "counts": self._counted,
        }
        units = {"means": "mean", "counts": "count"}
        found = []
        for plan in PLANS:
            rows, reference = _compared(ways[plan.way](plan.key), plan.versus)
            if rows:
                unit = units.get(plan.way, "share")
                found.append(
                    Measure(
                        key=plan.key,
                        title=plan.title,
                        note=plan.note,
                        unit=unit,
                        reference=reference,
                        rows=rows,
                    )
                )
        return tuple(found)

    def _names(self, key: str, counted: Iterable[tuple[str, str]]) -> list[str]:
        return sorted((row for each, row in counted if each == key), key=_place)

    def _parts(self, key: str) -> tuple[Row, ...]:
        counts = {row: (self._hits[key, row], self._of[key, row]) for row in self._names(key, self._of)}
        few = hidden({row: (hits, of - hits, of) for row, (hits, of) in counts.items()}, self._k)
        return tuple(_rate(row, *counts[row], told=row not in few) for row in counts)

    def _split(self, key: str) -> tuple[Row, ...]:
        counts = {row: self._hits[key, row] for row in self._names(key, self._hits)}
        few = hidden({row: (count,) for row, count in counts.items()}, self._k)
        whole = sum(counts.values())
        return tuple(_rate(row, count, whole, told=row not in few) for row, count in counts.items())

    def _shared(self, key: str) -> tuple[Row, ...]:
        found = {row: self._shares[key, row] for row in self._names(key, self._shares)}
        found = {row: share for row, share in found.items() if share.of}
        few = hidden({row: _people(each) for row, each in found.items()}, self._k)
        if key.endswith(".group"):  # nor may a level follow from the others of the same group
            few |= {row for row in found if key in self._levels_hidden(row)}
        return tuple(
            Row(name=row)
            if row in few
            else Row(name=row, hits=each.hits, of=each.of, interval=each.interval())
            for row, each in found.items()
        )

    def _levels_hidden(self, group: str) -> frozenset[str]:
        keys = [f"{level}.group" for level in LEVELS]
        found = {key: self._shares[key, group] for key in keys}
        return hidden({key: _people(each) for key, each in found.items()}, self._k)

    def _meant(self, key: str) -> tuple[Row, ...]:
        found = {row: self._means[key, row] for row in self._names(key, self._means)}
        few = hidden({row: (each.people,) for row, each in found.items()}, self._k)
        return tuple(
            Row(name=row) if row in few else Row(name=row, of=each.people, interval=each.interval())
            for row, each in found.items()
        )

    def _counted(self, _: str) -> tuple[Row, ...]:
        counts = {kind: sum(n >= self._k for n in by.values()) for kind, by in self._ways.items() if by}
        return tuple(Row(name=f"a {kind}", hits=count) for kind, count in counts.items())


def hidden(cells: Mapping[str, tuple[int, ...]], k: int) -> frozenset[str]:
    """Return the rows that are not told: those with a count of 1 to *k* - 1 people, and some more.

    As many are hidden as it takes that what is missing from a sum is never so few people either.
    """
    few = {row for row, counts in cells.items() if any(0 < count < k for count in counts)}
    for row in sorted(cells, key=lambda each: (cells[each][-1], each)):
        missing = [sum(counts) for counts in zip(*(cells[each] for each in few), strict=True)]
        if not any(0 < count < k for count in missing):
            break
        few.add(row)
    return frozenset(few)


def _people(share: Shared) -> tuple[int, ...]:
    return share.touched, share.missed, share.people


def _rate(row: str, hits: int, of: int, *, told: bool) -> Row:
    return Row(name=row, hits=hits, of=of, interval=wilson(hits, of)) if told else Row(name=row)


def _place(row: str) -> tuple[bool, int, str]:
    return row == NOT_TOLD, ORDER.get(row, 0), row


def _band(bands: Sequence[tuple[float, str]], years: float) -> str:
    return next(name for end, name in bands if years < end)


def _compared(rows: tuple[Row, ...], versus: str) -> tuple[tuple[Row, ...], str]:
    """Hold each told row against the best, the lowest or the first one."""
    open_to = [row for row in rows if row.interval is not None and row.name != NOT_TOLD]
    if not versus or len(open_to) < 2:  # noqa: PLR2004  (one row has nobody to be held against)
        return rows, ""
    places = {
        "best": max(open_to, key=lambda row: (_point(row), row.of or 0)),
        "low": min(open_to, key=lambda row: (_point(row), -(row.of or 0))),
        "first": open_to[0],
    }
    base = places[versus]
    return tuple(_against(row, base) for row in rows), base.name


def _point(row: Row) -> float:
    return row.interval.point if row.interval else 0.0


def _against(row: Row, base: Row) -> Row:
    if row.interval is None or base.interval is None or row.name == base.name:
        return row
    return attrs.evolve(row, against=difference(row.interval, base.interval))


def findings(measures: Iterable[Measure]) -> tuple[Finding, ...]:
    """Return what somebody has to look at: parity between groups, and a price of loyalty.

    The four-fifths rule and the gap of prices are first looks; a difference counts as one only if chance
    alone does not explain it.
    """
    named = {measure.key: measure for measure in measures}
    return (*_unequal(named), *_loyalty(named))


def _unequal(named: Mapping[str, Measure]) -> tuple[Finding, ...]:
    offers, prices = named.get("offers.group"), named.get("prices.group")
    apart = {
        row.name
        for each in (offers, prices)
        for row in (each.rows if each else ())
        if row.against is not None and (row.against.high < 0 or row.against.low > 0)
    }
    paid = {row.name: row.interval for row in (prices.rows if prices else ())}
    groups = {
        row.name: Served(row.of, row.hits, _mean_of(paid.get(row.name)))
        for row in (offers.rows if offers else ())
        if row.of is not None and row.hits is not None and row.name != NOT_TOLD
    }
    return tuple(each for each in parity(groups) if each.place in apart)


def _mean_of(interval: Interval | None) -> float | None:
    return None if interval is None else interval.point


def _loyalty(named: Mapping[str, Measure]) -> Iterable[Finding]:
    remedy = "offer the same to those who stay, or document the cost that it rests on"
    prices, worth = named.get("prices.tenure"), named.get("worth.tenure")
    for row in prices.rows if prices else ():
        if row.against is not None and row.against.low > 0 and row.against.point > MOST_GAP:
            yield Finding("E17", row.name, f"prices {row.against.point:.1%} above those of the new", remedy)
    for row in worth.rows if worth else ():
        if row.against is not None and row.against.high < 0:
            text = f"offers are worth {-row.against.point:.2f} less to them than to the new"
            yield Finding("E17", row.name, text, remedy)


__all__ = ["LEVELS", "NOT_TOLD", "PLANS", "Measure", "Row", "Tally", "findings", "hidden"]
