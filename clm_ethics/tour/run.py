"""The whole tour: read, replay week by week, verify, and show the figures."""

from __future__ import annotations

import asyncio
import time
from datetime import datetime
from importlib import resources
from typing import TYPE_CHECKING

import attrs

from ..errors import UsageError
from ..ethics import review
from ..policy import Policy
from ..steward import AsyncSteward
from ..vault.keys import FileKeys
from . import journal as journals
from .journal import Journal
from .replay import Clock, Replay, offer
from .report import Outcome
from .timeline import WEEK, weeks

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ..verbs.verifying import Verification
    from .data import History
    from .timeline import Week


@attrs.frozen(kw_only=True)
class Tour:
    """What a tour is to do.

    Attributes:
        history: of the chosen people.
        seed: of the invented answers.
        ledger: the SQLite file; keys and journal lie beside it.
        say: told how far it has come, in one line.
    """

    history: History
    seed: int
    ledger: Path
    say: Callable[[str], None]


def policy() -> Policy:
    """Return the example policy of the tour."""
    with resources.as_file(resources.files("clm_ethics.tour").joinpath("policy.toml")) as path:
        return Policy.load(path)


def url(ledger: Path) -> str:
    """Return the storage URL of a *ledger* file."""
    return f"sqlite:///{ledger.absolute()}"


def run(tour: Tour) -> Outcome:
    """Do the tour, or what is left of it; the same *tour* may be run any number of times.

    Raises:
        UsageError: nobody to replay, or the file holds something else.
        ClmError: what the library itself refuses.
    """
    if not tour.history.persons:
        raise UsageError("nobody to replay", place="tour", remedy="give --customers 1 or more")
    year = weeks(tour.history, tour.seed)
    tour.ledger.parent.mkdir(parents=True, exist_ok=True)
    begun = Journal(
        source=tour.history.source,
        fingerprint=tour.history.fingerprint,
        seed=tour.seed,
        customers=len(tour.history.persons),
        total=len(year),
        until=(year[0].ends - WEEK).isoformat(),
    )
    journal = journals.resume(tour.ledger, begun)
    journals.save(tour.ledger, journal)
    return asyncio.run(_replay(tour, year, journal))


async def _replay(tour: Tour, year: tuple[Week, ...], journal: Journal) -> Outcome:
    clock = Clock(datetime.fromisoformat(journal.until))
    keys = FileKeys(journals.keys_beside(tour.ledger))
    async with AsyncSteward.open(url(tour.ledger), policy=policy(), keys=keys, clock=clock) as shop:
        if journal.finished:
            tour.say(f"all {journal.total} weeks are told already")
        replay = Replay(shop, clock, journal.figures)
        for week in year[journal.weeks :]:
            started = time.monotonic()
            await replay.week(week)
            journal.weeks, journal.until = week.number, week.ends.isoformat()
            journal.seconds += time.monotonic() - started
            journals.save(tour.ledger, journal)
            tour.say(_progress(week, journal))
        tour.say("verifying the ledger")
        found = await shop.ledger.verify()
        controller = shop.policy.controller.name
        offers = [offer(campaign) for campaign in tour.history.campaigns]
        findings = review(shop.policy, offers, at=clock())
    return Outcome(
        journal=journal,
        begins=year[0].batches[0][0].clock.date().isoformat(),
        ends=year[-1].ends.date().isoformat(),
        controller=controller,
        faults=tuple(str(fault) for fault in found.faults),
        checked=checked(found),
        size=tour.ledger.stat().st_size,
        example=(year[-1].living or (tour.history.persons[0].ref,))[0],
        findings=findings,
    )


def checked(found: Verification) -> dict[str, int]:
    """Return what a verification looked at, by name."""
    return {"customers": found.streams, "entries": found.entries, "seals": found.leaves}


def _progress(week: Week, journal: Journal) -> str:
    told, figures = sum(journal.figures.told.values()), journal.figures
    reads = sum(tally.allowed + tally.denied for tally in figures.reads.values())
    return (
        f"week {week.number:>2} of {journal.total}, until {week.ends:%Y-%m-%d}: "
        f"{len(week.living):,} customers, {told:,} told, {reads:,} reads, {journal.seconds:.0f} s"
    )
