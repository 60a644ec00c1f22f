"""What would turn a no into a yes: every minimal set of changes, each verified by deciding again.

Nothing is proposed that it would be indecent to ask for: who said no is not asked again for
a year (Cal. Civ. Code 1798.135(c)(4) says twelve months; CNIL guidance of 2020 six, so the
longer counts), nor reached on another channel; nobody is asked to lift a restriction, a mute or a
signal, or to be older or elsewhere; a child who cannot agree alone is not asked, a guardian is.
"""

from __future__ import annotations

from itertools import combinations, product
from typing import TYPE_CHECKING, NamedTuple

from msgspec.structs import replace

from ..model.events import Event, Granted, Moved, Put, Swept
from ..model.fold import ADULT, fold
from ..model.state import Status
from ..model.times import Duration
from .decision import Change, Remedy
from .values import Basis

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from ..model.state import State
    from .decision import Request
    from .policy import Policy
    from .values import Purpose

ASK_AGAIN_AFTER = Duration(months=12)
"""House rule: how long a no keeps us from asking again."""
SIGNALLED = frozenset({"targeted_ads", "sale_sharing"})
"""What an opt-out signal is about."""
MOST_CHANGES = 3
"""Most changes of one remedy."""
MOST_TRIED = 256
"""Most sets of changes that are tried; a policy needs a hundred stages and channels to come near it."""
TEXTS = {
    "consent": "the customer agrees",
    "consent.explicit": "the customer agrees explicitly",
    "consent.guardian": "a guardian agrees",
    "contract.open": "a contract for it were open",
    "stage": "the customer's stage were {name}",
    "channel": "the channel were {name}",
}
"""Per change its words in English."""


class _Choice(NamedTuple):
    """One change that may be tried: an event, or another channel.

    *effort*: how much is asked for, where one of its group is more than another; 0 where none is.
    """

    change: Change
    effort: int
    event: Event | None = None


class _Group(NamedTuple):
    """Changes of which a remedy holds at most one."""

    name: str
    choices: tuple[_Choice, ...]


_Set = dict[str, _Choice]
"""A set of changes: per group which one."""


def remedies(policy: Policy, state: State, request: Request, at: datetime) -> tuple[Remedy, ...]:
    """Return every minimal set of at most three changes that would allow *request*, the smallest first.

    A set is minimal if no proper part of it is enough, nor it with a lesser consent. The order is the same
    for the same inputs, and no more than ``MOST_TRIED`` sets are tried.
    """
    if not state.known or state.erased is not None or state.restored or state.restriction is not None:
        return ()
    found: list[_Set] = []
    for tried, chosen in enumerate(_sets(_groups(policy, state, request, at))):
        if tried >= MOST_TRIED:
            break
        if not any(_within(each, chosen) for each in found) and _allows(policy, state, request, at, chosen):
            found.append(chosen)
    return tuple(map(_remedy, found))


def _sets(groups: list[_Group]) -> Iterator[_Set]:
    """Yield sets of changes, the smallest first; of those with the same groups the least effort first."""
    for size in range(1, MOST_CHANGES + 1):
        for some in combinations(groups, size):
            for chosen in product(*(group.choices for group in some)):
                yield dict(zip((group.name for group in some), chosen, strict=True))


def _within(less: _Set, more: _Set) -> bool:
    """Say whether *more* asks for all that *less* asks for, or for a greater consent instead."""
    return all(name in more and _covers(each, more[name]) for name, each in less.items())


def _covers(less: _Choice, more: _Choice) -> bool:
    return less is more or 0 < less.effort < more.effort


def _allows(policy: Policy, state: State, request: Request, at: datetime, chosen: _Set) -> bool:
    from .decide import decide

    events = [each.event for each in chosen.values() if each.event is not None]
    channel = chosen["channel"].change.name if "channel" in chosen else request.channel
    return bool(decide(policy, fold(events, state), replace(request, channel=channel), at))


def _remedy(chosen: _Set) -> Remedy:
    changes = tuple(each.change for each in chosen.values())
    return Remedy(
        "+".join(each.code for each in changes),
        " and ".join(TEXTS[each.code].format(name=each.name) for each in changes),
        changes,
    )


def _groups(policy: Policy, state: State, request: Request, at: datetime) -> list[_Group]:
    """Return what may decently be tried for *request*."""
    purpose = policy.purposes[request.purpose]
    asking = not _asked_too_lately(purpose, state, at)
    groups = []
    if asking and Basis.CONSENT in purpose.all_bases:
        groups.append(_Group("consent", tuple(_consents(policy, purpose, state, at))))
    if Basis.CONTRACT in purpose.all_bases:
        opened = Put(at=at, purpose=purpose.name, opened={purpose.name: b"?"})
        groups.append(_Group("contract", (_Choice(Change("contract.open"), 0, opened),)))
    if purpose.stages:
        stages = (Swept(at=at, moves=(Moved(stage=each, at=at),)) for each in purpose.stages)
        moved = zip(purpose.stages, stages, strict=True)
        groups.append(
            _Group("stage", tuple(_Choice(Change("stage", name), 0, event) for name, event in moved))
        )
    if asking and request.channel:  # after a no there is no hopping to another channel
        others = [name for name in purpose.channels if name != request.channel]
        groups.append(_Group("channel", tuple(_Choice(Change("channel", name), 0) for name in others)))
    return [group for group in groups if group.choices]


def _consents(policy: Policy, purpose: Purpose, state: State, at: datetime) -> Iterator[_Choice]:
    """Yield the consents that may be asked for, the least first."""
    from .decide import too_young

    explicit = (*purpose.explicit, *purpose.processing)
    granted = Granted(at=at, purpose=purpose.name, clause=policy.clauses[purpose.name])
    if not too_young(policy, state, purpose, at):
        yield _Choice(Change("consent"), 1, granted)
        yield _Choice(Change("consent.explicit"), 2, replace(granted, explicit=explicit))
    if _has_guardian(policy, state, at):
        event = replace(granted, explicit=explicit, given_by="guardian")
        yield _Choice(Change("consent.guardian"), 3, event)


def _has_guardian(policy: Policy, state: State, at: datetime) -> bool:
    """Say whether somebody else may have to agree for the customer: who is, or may be, a minor."""
    from .decide import known_age

    age = known_age(state, at)
    return policy.controller.audience == "children" if age is None else age < ADULT


def _asked_too_lately(purpose: Purpose, state: State, at: datetime) -> bool:
    consent = state.consents.get(purpose.name)
    noes = [each.at for name, each in state.objections.items() if each.marketing or name == purpose.name]
    if consent is not None and consent.status is not Status.GRANTED:
        noes.append(consent.at)
    if not SIGNALLED.isdisjoint(purpose.processing):
        noes += state.signals.values()  # a signal is a no, too (11 CCR 7025(c)(1))
    return any(ASK_AGAIN_AFTER.after(no) > at for no in noes)
