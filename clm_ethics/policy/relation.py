"""The relation that a soft opt-in rests on: whether the law sees one, and until when.

Art. 13(2) of the ePrivacy Directive asks for an address from a sale, with notice, and sets no end. Other laws
count a purchase, an inquiry or a lasting contract, some for so many months (S.C. 2010 c. 23 s. 10(10)): what
each asks stands in its pack, as grounds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..model.times import EPOCH, NEVER

if TYPE_CHECKING:
    from datetime import datetime

    from ..model.state import Run, State
    from ..regimes import Ground
    from .decide import Case
    from .policy import Group, Policy


def soft_opt_in(case: Case, group: Group, *, support: bool = True) -> bool:
    """Say whether each law of the *group* sees the relation that a soft opt-in rests on.

    *support* of a charity stands for a sale in the claim that regimes judge then (PECR reg. 22(3A)).
    """
    return case.at < soft_until(case, group, support=support)


def soft_until(case: Case, group: Group, *, support: bool = True) -> datetime:
    """Return until when (UTC) they see it: ``NEVER`` without an end, ``EPOCH`` where there is none."""
    return min(
        max(_relation_until(case, ground, support=support) for ground in terms.grounds)
        for terms in group.soft
    )


def _relation_until(case: Case, ground: Ground, *, support: bool) -> datetime:
    if ground.address and not _addressed(case, told=ground.told, support=support and ground.told):
        return EPOCH
    if ground.told and ground.within is None and ground.relation == "sale":
        return NEVER  # the address itself is the sale (ePrivacy Directive Art. 13(2))
    last = relation_since(case.policy, case.state, ground.relation)
    if last is None or last == NEVER:
        return EPOCH if last is None else NEVER
    if ground.within is None:
        return EPOCH if ground.relation == "lasting" else NEVER
    return ground.within.after(last)


def relation_since(policy: Policy, state: State, relation: str) -> datetime | None:
    """Return when (UTC) the customer last was in that *relation*; ``NEVER`` while a lasting one goes on.

    Of a sale or an inquiry it is the last opening or closing of its contract, or where there is none, when
    data was collected under it last. ``None``: they never were.
    """
    found: list[datetime] = []
    for purpose in policy.purposes.values():
        if not getattr(purpose, relation):
            continue
        contract = state.contracts.get(purpose.name)
        if relation == "lasting":
            if contract is not None and contract.open:
                return NEVER
            found += [] if contract is None or contract.ended is None else [contract.ended]
            continue
        times = [] if contract is None else [each for each in (contract.began, contract.ended) if each]
        runs = (run for some in state.fields.values() for run in some if run.purpose == purpose.name)
        found += times or [run.last for run in runs]
    return max(found, default=None)


def _addressed(case: Case, *, told: bool, support: bool) -> bool:
    """Say whether each channel's address comes from a sale, and if it has to be, with notice."""
    channels = (case.request.channel,) if case.request.channel else case.purpose.channels
    addresses = {case.policy.channels[name].address for name in channels} - {""}
    return bool(addresses) and all(_sold(case, address, told=told, support=support) for address in addresses)


def _sold(case: Case, address: str, *, told: bool, support: bool) -> bool:
    since = case.plan.support_since
    runs = case.state.fields.get(address, ())
    purposes = case.policy.purposes
    return bool(runs) and all(
        (not told or _announced(case, run))
        and (seller := purposes.get(run.purpose)) is not None
        and (seller.sale or (support and seller.support and (since is None or run.first.date() >= since)))
        for run in runs
    )


def _announced(case: Case, run: Run) -> bool:
    """Say whether the purpose was named when a value was collected: by a notice, then or before."""
    name = case.purpose.name
    return name in run.announced and case.state.informed.get(name, run.index + 1) <= run.index


__all__ = ["relation_since", "soft_opt_in", "soft_until"]
