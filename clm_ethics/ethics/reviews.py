"""Review rules: they look at features and distributions, and only report.

Counts come from the host, or from the ledger's reports; a group smaller than the floor says nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ..errors import UsageError
from .defaults import LEAST_RATIO, LEAST_SEGMENT, MOST_GAP, MOST_PROXY
from .findings import Finding

if TYPE_CHECKING:
    from collections.abc import Mapping


class Served(NamedTuple):
    """How one group was served: so many members, so many offers made, and their mean price, if any."""

    members: int
    offers: int
    price: float | None = None


def proxies(scores: Mapping[str, float], *, most: float = MOST_PROXY) -> tuple[Finding, ...]:
    """Report the features that stand in for a protected attribute (E04).

    *scores*: per feature how strongly it goes with the attribute, from 0 (not at all) to 1.

    Raises:
        UsageError: a score outside 0 to 1.
    """
    for score in scores.values():
        if not 0 <= score <= 1:
            raise UsageError("an association lies between 0 and 1", place="proxies")
    remedy = "leave it out of the choice, or have somebody review what it stands for"
    return tuple(
        Finding("E04", name, f"it goes with a protected attribute ({score:.2f} over {most})", remedy)
        for name, score in sorted(scores.items())
        if score > most
    )


def parity(
    groups: Mapping[str, Served], *, least: float = LEAST_RATIO, gap: float = MOST_GAP
) -> tuple[Finding, ...]:
    """Report groups that are offered less, or at higher prices, than the best-served one (E16).

    Groups of fewer than 20 members are left out.
    """
    large = {name: each for name, each in sorted(groups.items()) if each.members >= LEAST_SEGMENT}
    return (*_rates(large, least), *_prices(large, gap))


def _rates(groups: Mapping[str, Served], least: float) -> tuple[Finding, ...]:
    rates = {name: each.offers / each.members for name, each in groups.items()}
    best = max(rates.values(), default=0.0)
    remedy = "look at what the offers were aimed by; the four-fifths rule is a first look, and no proof"
    return tuple(
        Finding("E16", name, f"{rate / best:.2f} of the offers that the best-served group gets", remedy)
        for name, rate in rates.items()
        if best and rate < least * best
    )


def _prices(groups: Mapping[str, Served], gap: float) -> tuple[Finding, ...]:
    prices = {name: each.price for name, each in groups.items() if each.price is not None}
    low = min(prices.values(), default=0.0)
    return tuple(
        Finding(
            "E16", name, f"prices {price / low - 1:.1%} above those of another group", "justify or end it"
        )
        for name, price in prices.items()
        if low > 0 and price > low * (1 + gap)
    )
