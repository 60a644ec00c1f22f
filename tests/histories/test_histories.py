"""Purchase histories replayed: what is understood, the stages, the caps, and the ledger.

By default a small made-up history of the shape of CDNOW's (many buy once, few often). On demand the real
one, from the package ``lifetimes`` (its files are read, nothing of it is imported)::

    CLM_CDNOW=.../lifetimes/datasets pytest tests/histories
"""

from __future__ import annotations

import csv
import os
import random
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from clm_ethics import Offer, Policy, Steward
from clm_ethics.lifecycle.understanding import frequency, monetary, recency, tenure
from clm_ethics.policy.journeys import journey
from tests.face.shop import Clock, Seeded, kinds

FOLDER = os.environ.get("CLM_CDNOW", "")
FIRST, END = datetime(2025, 1, 1, tzinfo=UTC), datetime(2025, 9, 30, tzinfo=UTC)
LATER = FIRST - datetime(1997, 1, 1, tzinfo=UTC)
"""In 1997 there was no law to ask, which is a gap: the history is moved into a year with laws."""
NOON = END + timedelta(hours=12)
AT_RISK, CHURNED = timedelta(days=90), timedelta(days=180)
MOST = 300
"""So many customers of the real history."""
History = dict[str, list[tuple[datetime, Decimal]]]


def history() -> History:
    """Return each customer's purchases until the end: a day's together, as the summaries count."""
    found: defaultdict[str, dict[datetime, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    for ref, day, paid in _real() if FOLDER else _made_up():
        if day <= END:
            found[ref][day] += paid
    return {ref: sorted(days.items()) for ref, days in list(found.items())[:MOST]}


def _real() -> Any:
    for line in (Path(FOLDER) / "CDNOW_sample.txt").read_text().splitlines():
        _, ref, day, _, paid = line.split()
        yield ref, datetime.strptime(day, "%Y%m%d").replace(tzinfo=UTC) + LATER, Decimal(paid)


def _made_up() -> Any:
    draw = random.Random(1997)
    for number in range(25):
        day = FIRST + timedelta(days=draw.randrange(84))
        for _ in range(min(int(draw.paretovariate(0.9)), 12)):
            yield f"{number:04}", day, Decimal(draw.randrange(500, 9000)) / 100
            day += timedelta(days=1 + int(draw.expovariate(1 / 55)))


def stage_of(days: list[datetime], at: datetime) -> str:
    """Tell the stage of retail by a plain walk: at risk 90 days after the last order, lost after 180."""
    stage = "customer"
    for day, later in zip(days, [*days[1:], at], strict=True):
        gap = later - day
        stage = "churned" if gap >= CHURNED else "at_risk" if gap >= AT_RISK else stage
        if later is not at:
            stage = {"churned": "won_back", "at_risk": "customer"}.get(stage, stage)
    return stage


@pytest.fixture(scope="module")
def replayed() -> Any:
    """Replay the whole history, day by day, with a campaign every fifth day to everybody."""
    clock = Clock(FIRST)
    policy = Policy.parse(
        journey("retail").replace('["purchases", "churn"]', '["purchases", "churn", "stage"]')
    )
    told = history()
    with Steward.memory(policy, clock=clock, random=Seeded()) as shop:
        days = sorted({day for bought in told.values() for day, _ in bought} | set(_fifths()))
        by_day: defaultdict[datetime, list[tuple[str, Decimal]]] = defaultdict(list)
        for ref, bought in told.items():
            for day, paid in bought:
                by_day[day].append((ref, paid))
        known: list[str] = []
        for day in days:
            clock.now = day + timedelta(hours=10)
            for ref, paid in by_day[day]:
                bought = {"sku": "cd", "amount": str(paid)}
                person = shop.customer(ref) if ref in known else _come(shop, ref)
                person.record("order_placed", bought, purpose="order", by="till", key=f"{ref}/{day:%Y%m%d}")
                if ref not in known:  # the yes that comes after the first order covers it, too
                    known.append(ref)
                    _agree(shop, person, "recommendations")
            if day in _fifths() and known:
                for choice in shop.choose_many(known, NEWS, channel="email", by="crm", key=f"{day:%Y%m%d}"):
                    if choice:
                        choice.sent()
        clock.now = NOON
        yield shop, told


NEWS = [Offer("new records", purpose="newsletter")]


def _fifths() -> list[datetime]:
    return [FIRST + timedelta(days=n) for n in range(0, 270, 5)]


def _come(shop: Steward, ref: str) -> Any:
    about = {"email": f"{ref}@example.org", "region": "DE", "zone": "Europe/Berlin", "born": "1960-01-01"}
    person = shop.enroll(ref, about, purpose="account", by="web")
    _agree(shop, person, "newsletter")
    person.put({"email": about["email"]}, purpose="newsletter", by="web")
    return person


def _agree(shop: Steward, person: Any, purpose: str) -> None:
    person.grant(purpose, shown=shop.notice(purpose).id, by="web")


def test_recency_frequency_and_money_are_those_of_the_summaries(replayed):
    """Repeats, weeks from the first to the last and to the end as in CDNOW's summary, and the money."""
    shop, told = replayed
    official = _official() if FOLDER else {}
    for ref, bought in told.items():
        items = shop.customer(ref).read("recommendations", by="desk")["purchases"]
        first, last = bought[0][0], bought[-1][0]
        assert len(bought) == frequency(items, NOON)
        assert (END - last).days == recency(items, NOON)
        assert (END - first).days == tenure(min(each["at"] for each in items), NOON)
        assert sum(paid for _, paid in bought) == monetary(items, "amount", NOON)
        if ref in official:
            x, since, age = official[ref]
            assert x == frequency(items, NOON) - 1
            assert abs(since - ((END - first).days - recency(items, NOON)) / 7) < 0.006
            assert abs(age - tenure(first, NOON) / 7) < 0.006


def _official() -> dict[str, tuple[int, float, float]]:
    with (Path(FOLDER) / "cdnow_customers_summary.csv").open() as lines:
        return {
            f"{int(row['ID']):04}": (int(row["frequency"]), float(row["recency"]), float(row["T"]))
            for row in csv.DictReader(lines)
        }


def test_the_stages_are_those_of_a_plain_walk(replayed):
    """Whoever has not ordered for ninety days drifts away, and who comes back is back."""
    shop, told = replayed
    policy = shop.policy
    assert policy.lifecycle.moves
    found = {ref: shop.customer(ref).stage("recommendations", by="desk").stage for ref in told}
    expected = {
        ref: stage_of([day for day, _ in bought], shop._setting.clock()) for ref, bought in told.items()
    }
    assert expected == found


def test_no_cap_was_exceeded_and_the_ledger_verifies(replayed):
    """Over nine months: the house's budget, and four attempts in ninety days once somebody drifts away."""
    shop, told = replayed
    for ref in told:
        lines = shop.customer(ref).history(limit=1000)
        sent = [line.at for line in lines if line.kind == "sent"]
        for days, most in ((1, 2), (7, 4), (30, 10)):
            assert all(
                sum(start <= each < start + timedelta(days=days) for each in sent) <= most for start in sent
            )
        assert kinds(shop.customer(ref))["chosen"] == len(sent)
    assert any(kinds(shop.customer(ref))["sent"] for ref in told)
    assert shop.seal()
    assert shop.ledger.verify()
    report = shop.report()
    assert len(told) == report.customers
