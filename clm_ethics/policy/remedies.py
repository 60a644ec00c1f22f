"""What would turn a no into a yes: the smallest changes, each verified by deciding again.

Nothing is proposed that it would be indecent to ask for: who said no is not asked again for
a year (Cal. Civ. Code 1798.135(c)(4) says twelve months; CNIL guidance of 2020 six, so the
longer counts), and nobody is asked to lift a restriction.
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, NamedTuple

from msgspec.structs import replace

from ..model.events import Event, Granted, Moved, Put, Swept
from ..model.fold import fold
from ..model.state import Status
from ..model.times import Duration
from .decision import Decision, Remedy
from .values import Basis

if TYPE_CHECKING:
    from datetime import datetime

    from ..model.state import State
    from .decision import Request
    from .policy import Policy
    from .values import Purpose

ASK_AGAIN_AFTER = Duration(months=12)
"""House rule: how long a no keeps us from asking again."""


class _Change(NamedTuple):
    remedy: Remedy
    event: Event


def remedies(policy: Policy, state: State, request: Request, at: datetime) -> tuple[Remedy, ...]:
    """Return every smallest set of changes (of one, else of two) that would allow *request*."""
    if not state.known or state.erased is not None or state.restored or state.restriction is not None:
        return ()
    purpose = policy.purposes[request.purpose]
    changes = _changes(policy, purpose, state, request, at)
    for size in (1, 2):
        found = [
            _join(chosen)
            for chosen in combinations(changes, size)
            if _allows(policy, state, request, at, chosen)
        ]
        if found:
            return tuple(found)
    return _other_channels(policy, purpose, state, request, at)


def _allows(
    policy: Policy, state: State, request: Request, at: datetime, chosen: tuple[_Change, ...]
) -> bool:
    return bool(_decided(policy, fold((change.event for change in chosen), state), request, at))


def _decided(policy: Policy, state: State, request: Request, at: datetime) -> Decision:
    from .decide import decide

    return decide(policy, state, request, at)


def _join(chosen: tuple[_Change, ...]) -> Remedy:
    return Remedy(
        "+".join(change.remedy.code for change in chosen),
        " and ".join(change.remedy.text for change in chosen),
    )


def _changes(policy: Policy, purpose: Purpose, state: State, request: Request, at: datetime) -> list[_Change]:
    changes: list[_Change] = []
    if Basis.CONSENT in purpose.all_bases and not _asked_too_lately(purpose, state, at):
        changes += _consents(policy, purpose, state, request, at)
    if Basis.CONTRACT in purpose.all_bases:
        opened = Put(at=at, purpose=purpose.name, opened={purpose.name: b"?"})
        changes.append(_Change(Remedy("contract.open", "a contract for it were open"), opened))
    for stage in purpose.stages:
        moved = Swept(at=at, moves=(Moved(stage=stage, at=at),))
        changes.append(_Change(Remedy("stage", f"the customer's stage were {stage}"), moved))
    return changes


def _consents(
    policy: Policy, purpose: Purpose, state: State, request: Request, at: datetime
) -> list[_Change]:
    """Return the least consent that leaves nothing about consent to complain of, else the most."""
    explicit = (*purpose.explicit, *purpose.processing)
    granted = Granted(at=at, purpose=purpose.name, clause=policy.clauses[purpose.name])
    said = [
        _Change(Remedy("consent", "the customer agrees"), granted),
        _Change(
            Remedy("consent.explicit", "the customer agrees explicitly"), replace(granted, explicit=explicit)
        ),
        _Change(
            Remedy("consent.guardian", "a guardian agrees"),
            replace(granted, explicit=explicit, given_by="guardian"),
        ),
    ]
    if purpose.stages:  # a stage that is not the purpose's would hide what is wrong with the consent
        state = replace(state, stage=purpose.stages[0], stage_since=None)
    enough = (change for change in said if _suffices(policy, state, request, at, change))
    return [next(enough, said[-1])]


def _suffices(policy: Policy, state: State, request: Request, at: datetime, change: _Change) -> bool:
    answer = _decided(policy, fold([change.event], state), request, at)
    return not any(code.startswith("consent.") for code in answer.codes if not answer)


def _asked_too_lately(purpose: Purpose, state: State, at: datetime) -> bool:
    consent = state.consents.get(purpose.name)
    noes = [each.at for name, each in state.objections.items() if each.marketing or name == purpose.name]
    if consent is not None and consent.status is not Status.GRANTED:
        noes.append(consent.at)
    return any(ASK_AGAIN_AFTER.after(no) > at for no in noes)


def _other_channels(
    policy: Policy, purpose: Purpose, state: State, request: Request, at: datetime
) -> tuple[Remedy, ...]:
    # After a no there is no hopping to another channel.
    if not request.channel or _asked_too_lately(purpose, state, at):
        return ()
    return tuple(
        Remedy("channel", f"the channel were {name}")
        for name in purpose.channels
        if _decided(policy, state, replace(request, channel=name), at)
    )
