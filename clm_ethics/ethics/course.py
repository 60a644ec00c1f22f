"""What one customer's entries say about how they were treated: folded one by one, then asked.

It is made for counting: no value of the customer is in it, and it is dropped once it was counted.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

import attrs

from ..model.events import (
    Asked,
    Cancelled,
    Chosen,
    Granted,
    Objected,
    Read,
    Refusal,
    Refused,
    Sent,
    Withdrawn,
)
from ..policy.values import Basis
from . import timing

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from ..model.events import Event
    from ..policy import Policy

CLAIMS = frozenset({Basis.CONTRACT.value, Basis.LEGAL_OBLIGATION.value})
"""A no does not end what rests on these: a later read under them is no breach of it."""


class Made(NamedTuple):
    """One choice, with what the host stated of it."""

    at: datetime
    purpose: str
    level: str
    pressed: bool
    reached: bool
    price: float | None
    worth: float | None


@attrs.define
class Answers:
    """What a customer said to one purpose.

    Attributes:
        prompted: they were asked.
        prompts: how often they were asked before their first yes.
        yes: they said yes, now or before.
        answered: they said yes or no as an answer, in the time that is looked at.
        agreed: likewise, and their last answer was yes.
        withdrew: they took a yes back, or objected.
        repeated: a no had to be said more than once.
        slowest: from when a no was said to the last use of their data for the purpose, if any came after.
    """

    prompted: bool = False
    prompts: int = 0
    yes: bool = False
    answered: bool = False
    agreed: bool = False
    withdrew: bool = False
    no: bool = False
    repeated: bool = False
    slowest: timedelta | None = None
    said: datetime | None = None


class Scope(NamedTuple):
    """What the policy says that a count needs; *since*: earlier entries only tell where somebody stood."""

    marketing: frozenset[str]
    reaching: frozenset[str]
    since: datetime | None = None

    @classmethod
    def of(cls, policy: Policy, since: datetime | None = None) -> Scope:
        """Take it from *policy*."""
        marketing = (
            name for name, purpose in policy.purposes.items() if "direct_marketing" in purpose.processing
        )
        reaching = (name for name, channel in policy.channels.items() if timing.reaches(channel))
        return cls(frozenset(marketing), frozenset(reaching), since)


class Course:
    """How one customer was treated.

    Attributes:
        considered: somebody wanted to choose something for them.
        answers: per purpose, what they said and what came of it.
        slow_yes: the longest time from when a yes was given until it stood in the ledger.
        slow_no: likewise for a no.
        yes_by, no_by: by whom a yes, and a no, were recorded.
    """

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._made: dict[int, Made] = {}
        self.considered = False
        self.answers: dict[str, Answers] = {}
        self.slow_yes: timedelta | None = None
        self.slow_no: timedelta | None = None
        self.yes_by: set[str] = set()
        self.no_by: set[str] = set()

    @property
    def made(self) -> tuple[Made, ...]:
        """The choices that were made and not cancelled, in their order."""
        return tuple(self._made.values())

    def see(self, index: int, event: Event) -> None:
        """Take entry *index* in; entries come in their order."""
        inside = self._scope.since is None or event.at >= self._scope.since
        match event:
            case Chosen() if inside:
                self._choose(index, event)
            case Cancelled(visit=b""):
                self._made.pop(event.choice, None)
            case Sent(visit=b"") if inside:
                self._send(event)
            case Read() if inside:
                if event.basis not in CLAIMS:
                    self._use(event.purpose, event.at)
            case Refusal():
                self.considered |= inside and event.verb == "choose"
            case Asked():
                self._ask(event, inside=inside)
            case Granted():
                self._agree(event, inside=inside)
            case Refused() | Withdrawn() | Objected():
                self._refuse(event, inside=inside)
            case _:
                pass

    def _choose(self, index: int, event: Chosen) -> None:
        self.considered = True
        price, public, worth = (
            _number(event.stated.get(name)) for name in ("price", "public_price", "customer_value")
        )
        self._made[index] = Made(
            at=event.at,
            purpose=event.purpose,
            level=event.level,
            pressed=event.pressed,
            reached=event.counts and event.channel in self._scope.reaching,
            price=price / public if price is not None and public else None,
            worth=worth,
        )

    def _send(self, event: Sent) -> None:
        made = self._made.get(event.choice)
        if made is not None:
            self._use(made.purpose, event.at)

    def _use(self, purpose: str, at: datetime) -> None:
        """Somebody used the data, or reached out, for *purpose*: if a no stands, it was not honoured yet."""
        answers = self.answers.get(purpose)
        if answers is not None and answers.said is not None:
            answers.slowest = max(answers.slowest or timedelta(), at - answers.said)

    def _ask(self, event: Asked, *, inside: bool) -> None:
        answers = self._to(event.purpose)
        answers.prompted |= inside
        answers.prompts += inside and not answers.yes

    def _agree(self, event: Granted, *, inside: bool) -> None:
        answers = self._to(event.purpose)
        answers.yes, answers.said = True, None
        if inside:
            answers.answered = answers.agreed = True
            if not event.evidence:  # what was agreed elsewhere, and moved here, was not slow
                self.slow_yes = _longer(self.slow_yes, event)
            self.yes_by.add(event.by)

    def _refuse(self, event: Refused | Withdrawn | Objected, *, inside: bool) -> None:
        ends = {event.purpose}
        if isinstance(event, Objected) and event.marketing:
            ends |= self._scope.marketing
        for purpose in ends:
            self._end(purpose, event, inside=inside)
        if inside:
            self.slow_no = _longer(self.slow_no, event)
            self.no_by.add(event.by)

    def _end(self, purpose: str, event: Event, *, inside: bool) -> None:
        named = getattr(event, "purpose", "") == purpose
        if not named and purpose not in self.answers:
            return  # an objection to all marketing is no answer to what they were never asked
        answers, said = self._to(purpose), event.happened or event.at
        again = answers.said is not None
        if not again:
            answers.said = said
        if not inside:
            return
        answers.no = True
        answers.repeated |= again and named
        answers.withdrew |= answers.yes and not isinstance(event, Refused)
        answers.slowest = max(answers.slowest or timedelta(), event.at - said)
        if isinstance(event, Refused):
            answers.answered, answers.agreed = True, False

    def _to(self, purpose: str) -> Answers:
        return self.answers.setdefault(purpose, Answers())


def _number(text: str | None) -> float | None:
    try:
        return None if text is None else float(text)
    except ValueError:
        return None


def _longer(before: timedelta | None, event: Event) -> timedelta:
    took = max(event.at - (event.happened or event.at), timedelta())  # clocks of two hosts differ
    return took if before is None else max(before, took)


def peak(times: Sequence[datetime], span: timedelta) -> int:
    """Return the most of *times* (in order) that lie within one rolling *span*."""
    most = first = 0
    for last, at in enumerate(times):
        while at - times[first] >= span:
            first += 1
        most = max(most, last - first + 1)
    return most


__all__ = ["Answers", "Course", "Made", "Scope", "peak"]
