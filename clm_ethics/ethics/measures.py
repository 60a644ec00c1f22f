"""What is measured: each measure with its title and how to read it, and the bands that it is told in."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import attrs

from .defaults import CONTACT_BUDGET, URGENCY
from .offers import Level

if TYPE_CHECKING:
    from .intervals import Interval

NOT_TOLD = "not told"
"""Customers whose group the purpose may not see, or who never told it."""
BUDGET = CONTACT_BUDGET[-1]
"""The limit of the house's contact budget that peaks are held against: 10 contacts in 30 days."""
YEAR = timedelta(days=365.25)
TENURES = ((1, "under 1 year"), (2, "1 to 2 years"), (5, "2 to 5 years"), (10**6, "5 years and more"))
"""Bands of how long somebody has been a customer when an offer is chosen."""
WAITS = (
    (timedelta(minutes=1), "at once"),
    (timedelta(days=1), "within a day"),
    (timedelta(days=30), "within 30 days"),
    (timedelta.max, "later"),
)
"""Bands of a time between two things, each without the ones before it."""
LEVELS = tuple(level.value for level in Level if level is not Level.NONE)
USED = ("no contact", "up to half of it", "more than half", "all of it")


@attrs.frozen(kw_only=True)
class Row:
    """One line of a measure. ``None``: of fewer people than are told.

    Attributes:
        name: which group, purpose or band.
        hits, of: the count, and out of how many; a mean has no hits.
        interval: the share or mean, and between what it lies.
        against: the difference to the measure's reference row, likewise.
    """

    name: str
    hits: int | None = None
    of: int | None = None
    interval: Interval | None = None
    against: Interval | None = None

    @property
    def told(self) -> bool:
        """Whether it stands for enough people."""
        return self.hits is not None or self.interval is not None


@attrs.frozen(kw_only=True)
class Measure:
    """One question, answered row by row.

    Attributes:
        key: its name for programs, such as ``offers.group``.
        title, note: what it is, and how to read it.
        unit: what a row is: ``share``, ``mean`` or ``count``.
        reference: the row that the others are held against; empty: none.
        rows: the answers.
    """

    key: str
    title: str
    note: str
    unit: str
    reference: str = ""
    rows: tuple[Row, ...] = ()


@attrs.frozen
class Plan:
    """How a measure is made.

    *way*: ``parts`` (each row has people of its own), ``split`` (the rows divide the same people),
    ``each`` (rows that have nothing to do with one another), ``shares``, ``means`` or ``counts``.
    *versus*: ``best``, ``first`` or nothing.
    """

    key: str
    way: str
    title: str
    note: str
    versus: str = ""


PLANS = (
    Plan("offers.group", "parts", "Customers who were made an offer, by group", "of all customers", "best"),
    Plan(
        "offers.group_asked",
        "parts",
        "Customers who were made an offer, by group, of those chosen for",
        "who was never chosen for is left out: the difference to the table above is whom the host picked",
        "best",
    ),
    *(
        Plan(
            f"{level}.group",
            "shares",
            f"Offers on the level {level}, by group",
            "of the offers that were made; one customer's offers count as alike",
            "best",
        )
        for level in LEVELS
    ),
    Plan(
        "prices.group",
        "means",
        "Price asked, over the public price, by group",
        "1 is the public price",
        "low",
    ),
    Plan(
        "offers.tenure",
        "parts",
        "Customers who were made an offer, by how long they have been customers",
        "of all customers, as long as they have been it today",
        "first",
    ),
    Plan(
        "prices.tenure",
        "means",
        "Price asked, over the public price, by how long they had been customers",
        "1 is the public price; above the first row, loyalty costs",
        "first",
    ),
    Plan(
        "worth.tenure",
        "means",
        "What the host says an offer is worth to the customer, by how long they had been one",
        "the offer's `customer_value`; below the first row, loyalty costs",
        "first",
    ),
    Plan("levels", "shares", "Offers by level of the ladder", "of the offers that were made"),
    Plan("pressure.offers", "shares", "Offers that hurry people", "of the offers that were made"),
    Plan(
        "pressure.budget",
        "split",
        f"Customers by how much of the contact budget was used ({BUDGET.max} in 30 days)",
        "the fullest 30 days of each, over all channels that reach out",
    ),
    Plan(
        "pressure.urgency",
        "each",
        f"Customers who were hurried as often as the house allows ({URGENCY.max} in 30 days)",
        "of the customers who were made an offer",
    ),
    Plan("consent.opt_in", "each", "Customers who agreed, by purpose", "of those who answered, their last"),
    Plan("consent.asked", "each", "Customers who agreed, by purpose, of those asked", "by `asked`"),
    Plan(
        "consent.withdrawal",
        "each",
        "Customers who took their yes back, or objected, by purpose",
        "of those who had said yes",
    ),
    Plan(
        "effort.prompts",
        "means",
        "How often customers were asked before their first yes, by purpose",
        "of those who were asked and agreed; many times is nagging",
    ),
    Plan(
        "effort.repeated",
        "each",
        "Customers who had to say a no more than once, by purpose",
        "of those who said no; a no that is said again was not felt to be heard",
    ),
    Plan(
        "effort.ways",
        "counts",
        "Ways by which an answer reaches the ledger",
        "actors who recorded it for enough customers; fewer ways for a no than for a yes is more effort",
    ),
    Plan("delay.yes", "split", "From a yes until it stood in the ledger", "each customer's slowest"),
    Plan("delay.no", "split", "From a no until it stood in the ledger", "each customer's slowest"),
    Plan(
        "honour",
        "split",
        "From a no until the last use of the data for what it ended",
        "each customer's slowest; what a contract or a law still needs is no such use",
    ),
)
"""Every measure, in the order in which it is told."""

ORDER = {
    name: place
    for names in (LEVELS, [name for _, name in TENURES], [name for _, name in WAITS], USED)
    for place, name in enumerate(names)
}
"""The place of a band among its own."""

__all__ = ["LEVELS", "NOT_TOLD", "ORDER", "PLANS", "TENURES", "USED", "WAITS", "Measure", "Plan", "Row"]
