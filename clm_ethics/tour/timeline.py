"""The history and the invented answers as steps, week by week, in the order of time.

A shop works in three shifts, and so does the injected clock: in the morning people sign up,
at noon the shop decides campaigns and people look at its web page, in the evening the day's
baskets and answers are told, each with the time when it happened. Every step has a key made
of what it tells, so that telling it twice changes nothing.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import attrs

from .pattern import character

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from .data import Basket, Campaign, History, Person
    from .pattern import Character

MORNING, NOON, EVENING = time(8, tzinfo=UTC), time(12, tzinfo=UTC), time.max.replace(tzinfo=UTC)
WEEK = timedelta(weeks=1)
COUNT_EVERY = 4
"""After how many weeks the people in each stage are counted."""
VISIT_EVERY = 3
"""Before every third shopping day somebody looks at the web page."""


class Act(StrEnum):
    """What a step does, named as the steward's verbs where there is one."""

    ENROLL = "enroll"
    GRANT = "grant"
    REFUSE = "refuse"
    WITHDRAW = "withdraw"
    OBJECT = "object"
    COMPLAIN = "complain"
    RESTRICT = "restrict"
    LIFT = "lift"
    BASKET = "basket"
    REDEEM = "redeem"
    INVOICE = "invoice"
    OFFER = "offer"
    VISIT = "visit"
    ERASE = "erase"


@attrs.frozen(kw_only=True)
class Step:
    """One thing that is told or asked.

    Attributes:
        clock: when the shop does it.
        at: when it happened, never after *clock*.
        key: the same for the same step of the same person, in every run.
        values: what is told (decimal amounts as text); of a yes the locale of its notice.
        campaign: of an offer.
    """

    act: Act
    ref: str
    clock: datetime
    at: datetime
    key: str
    purpose: str = ""
    values: Mapping[str, Any] = {}
    campaign: Campaign | None = None


@attrs.frozen(kw_only=True)
class Week:
    """A week of steps.

    Attributes:
        number: from 1.
        ends: when it is swept and sealed.
        batches: steps with the same clock together.
        living: who is enrolled and not erased when it ends.
        counted: whether the people in each stage are counted when it ends.
    """

    number: int
    ends: datetime
    batches: tuple[tuple[Step, ...], ...]
    living: tuple[str, ...]
    counted: bool


def weeks(history: History, seed: int) -> tuple[Week, ...]:
    """Return the whole *history* as weeks; at least one."""
    opens = _day(history.baskets[0].at) - timedelta(days=1)
    ends = _day(history.baskets[-1].at) + timedelta(days=1)
    stories = dict(_stories(history, seed, ends))
    by_week: dict[int, list[Step]] = defaultdict(list)
    for story in stories.values():
        for step in story:
            by_week[(step.clock - opens) // WEEK].append(step)
    count = max(by_week) + 1
    return tuple(
        Week(
            number=number + 1,
            ends=(until := opens + (number + 1) * WEEK - timedelta.resolution),
            batches=_batches(by_week[number]),
            living=tuple(ref for ref, story in stories.items() if _lives(story, until)),
            counted=number + 1 == count or (number + 1) % COUNT_EVERY == 0,
        )
        for number in range(count)
    )


def _batches(steps: list[Step]) -> tuple[tuple[Step, ...], ...]:
    """Put steps with one clock together, each person's own in the order of time."""
    batches: dict[datetime, list[Step]] = defaultdict(list)
    for step in sorted(steps, key=lambda each: (each.clock, each.at)):
        batches[step.clock].append(step)
    return tuple(tuple(batch) for batch in batches.values())


def _lives(story: Sequence[Step], until: datetime) -> bool:
    return story[0].clock <= until and not (story[-1].act is Act.ERASE and story[-1].clock <= until)


def _stories(history: History, seed: int, ends: datetime) -> Iterator[tuple[str, list[Step]]]:
    baskets: dict[str, list[Basket]] = defaultdict(list)
    for basket in history.baskets:
        baskets[basket.ref].append(basket)
    extra: dict[str, list[Step]] = defaultdict(list)
    for used in history.redemptions:
        if (
            used.at.date() >= baskets[used.ref][0].at.date()
        ):  # a coupon before the first basket belongs to nobody yet
            values = {"campaign": used.campaign}
            extra[used.ref].append(
                _evening(
                    Act.REDEEM,
                    used.ref,
                    used.at,
                    f"redeem:{used.at:%Y%m%d}",
                    purpose="account",
                    values=values,
                )
            )
    for campaign in history.campaigns:
        for ref in sorted(campaign.refs & baskets.keys()):
            noon = _noon(max(campaign.at, baskets[ref][0].at))
            key = f"offer:{campaign.name}"
            step = Step(act=Act.OFFER, ref=ref, clock=noon, at=noon, key=key, campaign=campaign)
            extra[ref].append(step)
    for person in history.persons:
        yield person.ref, story(person, baskets[person.ref], extra[person.ref], seed=seed, ends=ends)


def story(
    person: Person, baskets: Sequence[Basket], extra: Sequence[Step], *, seed: int, ends: datetime
) -> list[Step]:
    """Return all steps of one *person*: from signing up, the day before the first basket, on.

    Nothing follows an erasure: later purchases are made without a customer card.
    """
    begins = datetime.combine(baskets[0].at.date() - timedelta(days=1), MORNING)
    invented = character(person, seed=seed, begins=begins, ends=ends)
    steps = [
        _enroll(person.ref, invented, begins),
        *_answers(person.ref, invented, begins),
        *_shopping(baskets),
        *_invoices(baskets),
        *extra,
    ]
    steps = sorted((each for each in steps if each.clock < ends), key=lambda each: (each.clock, each.at))
    erased = next((place for place, each in enumerate(steps) if each.act is Act.ERASE), None)
    if erased is None:
        return steps
    # whatever else was said in that shift comes first: nobody is told anything after they are gone
    return [*(each for each in steps[:erased] if each.act is not Act.ERASE), steps[erased]]


def _enroll(ref: str, invented: Character, begins: datetime) -> Step:
    values = {
        "email": f"household-{ref}@example.org",
        "address": {"street": f"{ref} Example Street", "region": invented.region},
        "region": invented.region,
        "zone": invented.zone,
        "locale": invented.locale,
    }
    if invented.born:
        values["born"] = invented.born
    return Step(
        act=Act.ENROLL, ref=ref, clock=begins, at=begins, key="enroll", purpose="account", values=values
    )


def _answers(ref: str, invented: Character, begins: datetime) -> Iterator[Step]:
    for number, answer in enumerate(invented.answers):
        act, key = Act(answer.act), f"answer:{number}"
        said = {"locale": invented.locale} if act is Act.GRANT else {}
        if answer.at == begins:
            yield Step(
                act=act, ref=ref, clock=begins, at=begins, key=key, purpose=answer.purpose, values=said
            )
        else:
            yield _evening(act, ref, answer.at, key, purpose=answer.purpose, values=said)


def _shopping(baskets: Sequence[Basket]) -> Iterator[Step]:
    for number, basket in enumerate(baskets):
        if number % VISIT_EVERY == 0:
            noon = _noon(basket.at)
            yield Step(act=Act.VISIT, ref=basket.ref, clock=noon, at=noon, key=f"visit:{basket.number}")
        values = {"receipt": basket.number, "amount": str(basket.amount)}
        if basket.aisle:
            values["aisle"] = basket.aisle
        yield _evening(
            Act.BASKET, basket.ref, basket.at, f"basket:{basket.number}", purpose="account", values=values
        )


def _invoices(baskets: Sequence[Basket]) -> Iterator[Step]:
    """The month's invoice, on the first of the next month."""
    months: dict[tuple[int, int], Decimal] = defaultdict(Decimal)
    for basket in baskets:
        months[basket.at.year, basket.at.month] += basket.amount
    for (year, month), total in months.items():
        at = datetime(year + month // 12, month % 12 + 1, 1, 18, tzinfo=UTC)
        number = f"{year}-{month:02}"
        values = {"number": f"{number}/{baskets[0].ref}", "amount": str(total)}
        yield _evening(
            Act.INVOICE, baskets[0].ref, at, f"invoice:{number}", purpose="invoicing", values=values
        )


def _evening(
    act: Act, ref: str, at: datetime, key: str, *, purpose: str = "", values: Mapping[str, Any] | None = None
) -> Step:
    """A step that the shop learns on the evening of its day."""
    evening = datetime.combine(at.date(), EVENING)
    return Step(act=act, ref=ref, clock=evening, at=at, key=key, purpose=purpose, values=values or {})


def _noon(at: datetime) -> datetime:
    return datetime.combine(at.date(), NOON)


def _day(at: datetime) -> datetime:
    return datetime.combine(at.date(), time(tzinfo=UTC))
