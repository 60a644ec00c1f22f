"""Deciding once more, when what was chosen is about to go out: much may have been said since."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

import attrs
from msgspec.structs import replace

from .choose import Pick, pick
from .offers import Level
from .words import reason

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from ..model.events import Chosen
    from ..model.state import State
    from ..policy.decision import Reason
    from ..policy.policy import Policy
    from .offers import Offer
    from .rule import Rule

_ORDER = (Level.NONE, Level.CONTEXTUAL, Level.SEGMENT, Level.INDIVIDUAL)


class Made(NamedTuple):
    """A choice that stands in the ledger: the offer, the event, and the index of its entry."""

    offer: Offer
    event: Chosen
    place: int


def still(
    policy: Policy,
    state: State,
    made: Made,
    *,
    at: datetime,
    sources: frozenset[str] = frozenset(),
    actor: str | None = None,
    rules: Iterable[Rule] = (),
) -> Pick:
    """Decide whether what was chosen may go out at *at*; its own contact does not count against it.

    It may not if it went out already, or was cancelled; if the customer has said no, or the night has
    begun; or if it was made with data that may not be used any more.
    """
    held = {each: each.index == made.place and not each.visit for each in state.contacts}
    own = next((each for each, mine in held.items() if mine), None)
    settled = "" if own is None else ("choice.sent" if own.sent else "choice.cancelled" * own.cancelled)
    others = replace(state, contacts=tuple(each for each, mine in held.items() if not mine))
    found = pick(
        policy,
        others,
        [made.offer],
        channel=made.event.channel,
        at=at,
        sources=sources,
        actor=actor,
        rules=rules,
    )
    level = Level(made.event.level) if made.event.level else Level.CONTEXTUAL
    if settled:
        return attrs.evolve(_no(found, made.offer, (reason(settled),)), level=level)
    if not found:
        return found
    if _ORDER.index(found.level) < _ORDER.index(level) or not set(made.event.uses) <= _seen(found):
        why = found.why_not_higher or (reason("choice.less"),)
        return _no(found, made.offer, why)
    return attrs.evolve(found, level=level, uses=made.event.uses, counts=made.event.counts)


def _seen(found: Pick) -> set[str]:
    return set() if found.decision is None else {*found.decision.fields, *found.uses}


def _no(found: Pick, offer: Offer, why: tuple[Reason, ...]) -> Pick:
    withheld = MappingProxyType({offer.name: why})
    return Pick(channel=found.channel, withheld=withheld, since=found.since)
