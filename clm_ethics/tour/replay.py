"""Telling the steps to a steward, week by week.

People do not wait for each other: all steps with one clock run concurrently, each person's own
in order, so that many share one wait for the disk. Every telling verb carries the step's key:
a week that is told twice changes nothing.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from random import Random
from typing import TYPE_CHECKING, Any, NamedTuple

from ..errors import Denied, UnknownCustomer
from ..ethics import Offer
from .figures import APART, CampaignCount, Point, bump
from .timeline import Act

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from ..customer import AsyncCustomer
    from ..steward import AsyncSteward
    from .data import Campaign
    from .figures import Figures
    from .timeline import Step, Week

ASKED = ("recommendations", "newsletter", "letters")
"""The purposes whose reach is drawn over the year."""
CANCELLED = 0.03
"""The invented share of messages that the shop decides, and then does not send."""
AT_ONCE = 200
"""How many people's steps are under way at a time."""


class Way(NamedTuple):
    """How campaigns of one kind reach people."""

    purpose: str
    channel: str
    uses: frozenset[str]


BOOK = Way("letters", "post", frozenset())
"""*Type A*: the same coupon book for everybody, by post."""
FITTING = Way("newsletter", "email", frozenset({"tastes"}))
"""Types B and C: coupons that fit, by e-mail; the plain ones where nothing is known."""


def way(campaign: Campaign) -> Way:
    """Return how *campaign* reaches people."""
    return BOOK if campaign.kind == "Type A" else FITTING


def offer(campaign: Campaign) -> Offer:
    """Return what *campaign* offers."""
    found = way(campaign)
    return Offer(campaign.name, purpose=found.purpose, uses=found.uses, channels={found.channel})


class Clock:
    """The clock of the replayed year: it stands where the tour has come to."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        """Return the time that the tour has come to."""
        return self.now


class Replay:
    """One tour under way: *shop* is told, *figures* count."""

    def __init__(self, shop: AsyncSteward, clock: Clock, figures: Figures) -> None:
        self.shop = shop
        self.clock = clock
        self.figures = figures
        self._notices: dict[tuple[str, str], str] = {}
        self._verbs = {
            Act.ENROLL: self._enroll,
            Act.GRANT: self._grant,
            Act.BASKET: self._record,
            Act.REDEEM: self._record,
            Act.INVOICE: self._record,
            Act.COMPLAIN: self._record,
            Act.REFUSE: self._refuse,
            Act.WITHDRAW: self._withdraw,
            Act.OBJECT: self._object,
            Act.RESTRICT: self._restrict,
            Act.LIFT: self._lift,
            Act.OFFER: self._offer,
            Act.VISIT: self._visit,
            Act.ERASE: self._erase,
        }

    async def week(self, week: Week) -> None:
        """Tell one *week*, sweep, count if it is time, and seal."""
        for batch in week.batches:
            self.clock.now = batch[0].clock
            await self._together(batch)
        self.clock.now = week.ends
        await self.shop.sweep()
        if week.counted:
            await self._count(week)
        await self.shop.seal()

    async def _together(self, batch: Iterable[Step]) -> None:
        by_person: dict[str, list[Step]] = defaultdict(list)
        for step in batch:
            by_person[step.ref].append(step)
        await self._gather([self._in_order(steps) for steps in by_person.values()])

    async def _gather(self, work: list[Any]) -> None:
        """Run all of *work*, a bounded number at a time; the first error ends the rest."""
        for start in range(0, len(work), AT_ONCE):
            try:
                async with asyncio.TaskGroup() as group:
                    for each in work[start : start + AT_ONCE]:
                        group.create_task(each)
            except BaseExceptionGroup as errors:
                raise _first(errors) from errors

    async def _in_order(self, steps: list[Step]) -> None:
        for step in steps:
            try:
                await self._verbs[step.act](self.shop.customer(step.ref), step)
            except Denied as denied:
                codes = self.figures.codes(denied.answer.reasons)
                bump(self.figures.refused, (f"{step.act}: {code}" for code in codes))
            except UnknownCustomer:
                # told again after a crash, and already erased in the first telling
                continue

    async def _tell(self, step: Step, telling: Any) -> None:
        await telling
        bump(self.figures.told, (step.act.value,))

    async def _enroll(self, ana: AsyncCustomer, step: Step) -> None:
        """Sign up; the form says that letters may come, and how to stop them (Art. 13, 21(4) GDPR)."""
        shown = await self._notice("letters", step.values["locale"])
        enrolling = self.shop.enroll(
            ana.ref, step.values, purpose=step.purpose, by="signup", shown=shown, key=step.key
        )
        await self._tell(step, enrolling)

    async def _record(self, ana: AsyncCustomer, step: Step) -> None:
        event, by = EVENTS[step.act]
        purpose = step.purpose or "account"
        await self._tell(
            step, ana.record(event, step.values, purpose=purpose, by=by, at=step.at, key=step.key)
        )

    async def _grant(self, ana: AsyncCustomer, step: Step) -> None:
        shown = await self._notice(step.purpose, step.values["locale"])
        await self._tell(step, ana.grant(step.purpose, shown=shown, by="customer", at=step.at, key=step.key))

    async def _notice(self, purpose: str, locale: str) -> str:
        if (purpose, locale) not in self._notices:
            self._notices[purpose, locale] = (await self.shop.notice(purpose, locale=locale)).id
        return self._notices[purpose, locale]

    async def _refuse(self, ana: AsyncCustomer, step: Step) -> None:
        await self._tell(step, ana.refuse(step.purpose, by="customer", at=step.at, key=step.key))

    async def _withdraw(self, ana: AsyncCustomer, step: Step) -> None:
        await self._tell(step, ana.withdraw(step.purpose, by="customer", at=step.at, key=step.key))

    async def _object(self, ana: AsyncCustomer, step: Step) -> None:
        await self._tell(step, ana.object_to(step.purpose, by="customer", at=step.at, key=step.key))

    async def _restrict(self, ana: AsyncCustomer, step: Step) -> None:
        telling = ana.restrict(by="customer", reason="accuracy disputed", at=step.at, key=step.key)
        await self._tell(step, telling)

    async def _lift(self, ana: AsyncCustomer, step: Step) -> None:
        await self._tell(step, ana.lift_restriction(by="privacy-desk", at=step.at, key=step.key))

    async def _erase(self, ana: AsyncCustomer, step: Step) -> None:
        plan = await ana.plan_erase()
        await self._tell(step, ana.erase(by="customer"))
        bump(self.figures.kept, plan.stays)

    async def _offer(self, ana: AsyncCustomer, step: Step) -> None:
        """Decide a campaign for somebody: as personal as they allow, or not at all."""
        campaign = step.campaign
        if campaign is None:
            raise AssertionError("a step that offers has a campaign")
        channel = way(campaign).channel
        choice = await ana.choose([offer(campaign)], channel=channel, by="campaigns", key=step.key)
        count = self.figures.campaigns.setdefault(campaign.name, CampaignCount(campaign.kind, channel))
        count.meant += 1
        codes = self.figures.codes(choice.withheld.get(campaign.name, ()))
        if "choice.sent" in codes:  # told again after a crash: it went out in the first telling
            count.sent += 1
            bump(self.figures.levels, (choice.level,))
        elif "choice.cancelled" in codes:
            count.cancelled += 1
        elif not choice:
            count.withheld += 1
            bump(self.figures.withheld, codes)
        elif Random(f"{step.key}:{ana.ref}").random() < CANCELLED:
            await choice.cancelled()
            count.cancelled += 1
        else:
            await choice.sent()
            count.sent += 1
            bump(self.figures.levels, (choice.level,))

    async def _visit(self, ana: AsyncCustomer, _: Step) -> None:
        view = await ana.read("recommendations", by="web")
        self.figures.read("recommendations", view.reasons, allowed=bool(view))

    async def _count(self, week: Week) -> None:
        """Count the people of each stage, and how many each purpose may reach."""
        point = Point(day=week.ends.date().isoformat(), open_to=dict.fromkeys(ASKED, 0))
        await self._gather([self._count_one(self.shop.customer(ref), point) for ref in week.living])
        self.figures.points.append(point)

    async def _count_one(self, ana: AsyncCustomer, point: Point) -> None:
        view = await ana.read("insight", by="insight", fields=("stage",))
        self.figures.read("insight", view.reasons, allowed=bool(view))
        bump(point.stages, (view.get("stage", APART),))
        for purpose in ASKED:
            if await ana.may(purpose):
                bump(point.open_to, (purpose,))


EVENTS: Mapping[Act, tuple[str, str]] = {
    Act.BASKET: ("basket_paid", "till"),
    Act.REDEEM: ("coupon_redeemed", "till"),
    Act.INVOICE: ("invoice_sent", "billing"),
    Act.COMPLAIN: ("complaint", "service-desk"),
}
"""The policy's event of an act, and who tells it."""


def _first(error: BaseException) -> BaseException:
    """Return the error that ended concurrent work: one person's, as if nobody else had been there."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
