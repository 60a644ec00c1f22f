"""What of an offer depends on no customer: checked against a policy once, and kept for the next choice."""

from __future__ import annotations

from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from ..errors import UnknownName, UsageError, shorten
from ..model.state import State
from ..model.times import EPOCH
from .defaults import LEAST_SEGMENT
from .facts import Facts
from .offers import Level, Offer
from .rule import Once
from .rules import RULES
from .words import reason

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ..policy.decision import Reason
    from ..policy.policy import Policy
    from ..policy.values import Purpose


class Rung(NamedTuple):
    """A level of the ladder that an offer has.

    Attributes:
        level: which.
        wanted: the fields that it looks at there, sorted.
        group: why its group is none, if it is for a group that is none.
    """

    level: Level
    wanted: tuple[str, ...]
    group: Reason | None


class Prepared(NamedTuple):
    """An offer, read once.

    Attributes:
        purpose: the purpose that it serves.
        rank: by what offers are sorted: the host's value first, then the customer's, then the name.
        overreach: why it may not be made at all: it uses what its purpose does not list.
        fields: what it looks at, at any level, of what its purpose lists.
        rungs: its levels that use data, the highest first.
        useless: why what it names is not looked at.
        lowest: the level that uses no data, or none.
        parts: see :attr:`~clm_ethics.ethics.offers.Offer.parts`.
        said: what the rules say that look at the offer and its purpose alone, each with its place among them.
    """

    purpose: Purpose
    rank: tuple[float, float, str]
    overreach: Reason | None
    fields: frozenset[str]
    rungs: tuple[Rung, ...]
    useless: tuple[Reason, ...]
    lowest: Level
    parts: frozenset[str]
    said: tuple[tuple[int, Reason], ...]


class Ready(NamedTuple):
    """Offers to choose among.

    Attributes:
        ranked: the offers, each read, the best first.
        wanted: per purpose every field of it that some offer wants.
    """

    ranked: tuple[tuple[Offer, Prepared], ...]
    wanted: Mapping[str, frozenset[str]]


def prepare_all(policy: Policy, offers: Iterable[Offer]) -> Ready:
    """Check *offers* against *policy*, and sort them.

    Raises:
        UsageError: two offers of one name, or something that is no offer.
        UnknownName: see :func:`prepare`.
    """
    given = tuple(offers)
    for offer in given:
        if not isinstance(offer, Offer):
            raise UsageError(f"a {type(offer).__name__} is no offer", place="pick", remedy="pass Offer(...)")
    return _ready(policy, given)


@lru_cache(maxsize=64)
def _ready(policy: Policy, offers: tuple[Offer, ...]) -> Ready:
    names: set[str] = set()
    wanted: dict[str, frozenset[str]] = {}
    found = []
    for offer in offers:
        if offer.name in names:
            raise UsageError(
                f"two offers are called `{shorten(offer.name)}`", place="pick", remedy="name each once"
            )
        names.add(offer.name)
        read = prepare(policy, offer)
        wanted[offer.purpose] = wanted.get(offer.purpose, frozenset()) | read.fields
        found.append((offer, read))
    return Ready(tuple(sorted(found, key=lambda each: each[1].rank)), MappingProxyType(wanted))


@lru_cache(maxsize=4096)
def prepare(policy: Policy, offer: Offer) -> Prepared:
    """Check *offer* against *policy*, and read it.

    Raises:
        UnknownName: the policy declares no such purpose, field, stage or channel: an error, not a no.
    """
    purpose = policy.purpose(offer.purpose)
    policy.check_fields(sorted(offer.fields))
    for stage in sorted(offer.stages - policy.lifecycle.stages):
        raise UnknownName.among("stage", stage, policy.lifecycle.stages)
    for channel in sorted(offer.channels):
        policy.channel(channel)
    too_much = sorted(offer.fields.difference(purpose.fields))
    return Prepared(
        purpose=purpose,
        rank=(-offer.value, -(offer.customer_value or 0.0), offer.name),
        overreach=reason("offer.overreach", ", ".join(too_much)) if too_much else None,
        fields=offer.fields.intersection(purpose.fields),
        rungs=tuple(_rungs(offer)),
        useless=tuple(
            reason("offer.no_gain", name) for name in sorted(offer.useless & (offer.uses | offer.segment))
        ),
        lowest=Level.CONTEXTUAL if offer.contextual and not offer.stages else Level.NONE,
        parts=offer.parts,
        said=tuple(_said(policy, offer, purpose)),
    )


def _said(policy: Policy, offer: Offer, purpose: Purpose) -> list[tuple[int, Reason]]:
    """Ask the rules that look at nobody."""
    channel = next(iter(policy.channels.values()))  # an offer is made on a channel, so there is one
    facts = Facts(policy, State(), purpose, channel, EPOCH, "", minor=False)
    asked = ((place, rule(offer, facts)) for place, rule in enumerate(RULES) if rule.once is Once.OFFER)
    return [(place, why) for place, why in asked if why is not None]


def _rungs(offer: Offer) -> list[Rung]:
    found = []
    for level in (Level.INDIVIDUAL, Level.SEGMENT):
        wanted = tuple(sorted(offer.wanted(level)))
        if wanted:
            found.append(Rung(level, wanted, _group_fault(offer) if level is Level.SEGMENT else None))
    return found


def _group_fault(offer: Offer) -> Reason | None:
    """Return why the offer's group is none: made of people's data, it is of a known size, and not small.

    A lifecycle stage alone is as large as the policy makes it, unless the host states that it is small.
    """
    size = offer.segment_size
    if size is None:
        return reason("segment.unsized") if offer.segment - offer.useless else None
    return None if size >= LEAST_SEGMENT else reason("segment.small", f"fewer than {LEAST_SEGMENT}")
