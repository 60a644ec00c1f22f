"""Inactivity: what a customer who stays away is spared, step by step, each announced before it happens.

Pure functions of the rule, the state and the time. A return (an event that the rule names, or a
yes) ends the count at once: what was announced is void, and what was sealed away is open again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ..model.state import Status

if TYPE_CHECKING:
    from datetime import datetime

    from ..model.state import Decayed, State
    from .values import Decay, DecayStep

ANNOUNCE = "announce"
"""What comes before each step."""


class Coming(NamedTuple):
    """What comes next: the step's place, the step, ``announce`` or the step's kind, and when (UTC)."""

    place: int
    step: DecayStep
    what: str
    at: datetime


def quiet_since(rule: Decay, state: State) -> datetime | None:
    """Return when the customer was last heard of: an event of the rule, a yes, or the enrolment (UTC)."""
    heard = [state.happened[name] for name in rule.without if name in state.happened]
    heard += [each.happened or each.at for each in state.consents.values() if each.status is Status.GRANTED]
    heard += [] if state.enrolled is None else [state.enrolled]
    # A yes that is withdrawn no longer counts, but a no must not void what was sealed away.
    heard += [] if state.decay is None else [state.decay.since]
    return max(heard, default=None)


def decayed(rule: Decay | None, state: State) -> Decayed | None:
    """Return how far the decay has come; ``None`` if there is none, or the customer has returned."""
    if rule is None or state.decay is None or state.decay.since != quiet_since(rule, state):
        return None
    return state.decay


def sealed_away(rule: Decay | None, state: State) -> bool:
    """Say whether the customer's data is sealed away, and only what the law or a contract needs goes on."""
    standing = decayed(rule, state)
    return standing is not None and standing.sealed


def coming(rule: Decay | None, state: State) -> Coming | None:
    """Return the next announcement or step; ``None`` if there is none."""
    since = None if rule is None else quiet_since(rule, state)
    if rule is None or since is None or state.erased is not None or state.into:
        return None  # a visit is its customer's, who may be here every day
    standing = decayed(rule, state)
    place = 0 if standing is None else standing.done
    if place >= len(rule.steps):
        return None
    step = rule.steps[place]
    if standing is not None and standing.announced > place and standing.due is not None:
        return Coming(place, step, step.kind, standing.due)
    return Coming(place, step, ANNOUNCE, step.announce.before(step.after.after(since)))


def due_after(rule: Decay, state: State, place: int, announced: datetime) -> datetime:
    """Return when the step at *place* happens if it is *announced* then: never sooner than announced for."""
    step = rule.steps[place]
    since = quiet_since(rule, state) or announced
    return max(step.after.after(since), step.announce.after(announced))
