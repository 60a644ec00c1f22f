"""When a customer's stream needs a sweep: a retention that ends, a stage that changes, old reads."""

from __future__ import annotations

from operator import attrgetter, is_
from typing import TYPE_CHECKING

from ..lifecycle import next_due
from ..lifecycle.decay import coming as next_fading
from ..model.state import BUILT_IN, State
from ..model.times import NEVER
from ..policy.decide import effective_moves
from ..policy.values import Basis
from ..policy.visible import kept_until

if TYPE_CHECKING:
    from datetime import datetime

    from ..policy import Policy
    from ..policy.values import Purpose


def needed_until(policy: Policy, state: State, field: str, collected: datetime) -> datetime:
    """Return when (UTC) no purpose needs a value of *field* any more (Art. 5(1)(e) GDPR).

    A value lives while one live purpose that lists the field still needs it; ``NEVER`` while
    that is open-ended. A value that no purpose lists is needed by none.
    """
    latest: datetime | None = None
    for together in policy.retentions(field):
        live = next((purpose for purpose in together if _live(policy, purpose, state)), None)
        if live is not None:
            until = kept_until(live, state, collected)
            if until == NEVER:
                return NEVER
            latest = until if latest is None or until > latest else latest
    return collected if latest is None else latest


def _live(policy: Policy, purpose: Purpose, state: State) -> bool:
    """Say whether *purpose* can need a value of this customer at all."""
    if state.erased is not None:
        return Basis.LEGAL_OBLIGATION in purpose.all_bases  # Art. 17(3)(b) GDPR
    return purpose.name in state.consents or purpose.name not in policy.only_by_consent


_looked_at = attrgetter(
    *(
        name
        for name in State.__struct_fields__
        if name not in {"length", "at", "happened", "contacts", "keys", "sealed", "forgotten", "asked"}
    )
)
"""What of a state says when the next sweep is due; ``happened`` does for some events only."""


def sweep_may_move(policy: Policy, old: State, new: State) -> bool:
    """Say whether the next sweep may be due at another time for *new* than it was for *old*."""
    if not all(map(is_, _looked_at(old), _looked_at(new))):
        return True
    if old.happened is new.happened:
        return False
    return any(old.happened.get(name) != new.happened.get(name) for name in policy.timed_events)


def next_sweep(policy: Policy, state: State) -> datetime | None:
    """Return the first instant (UTC) at which a sweep would have something to do."""
    coming = [_next_move(policy, state)]
    restricted = state.restriction is not None and state.erased is None
    for field, runs in state.fields.items():
        if field not in BUILT_IN and not restricted:
            # What is learnt late may be older than what was learnt before it.
            when = needed_until(policy, state, field, min(run.first for run in runs))
            coming.append(None if when == NEVER else when)
    if state.owed is not None and state.erased is None:
        coming.append(state.owed.due)
    if not restricted:
        fading = next_fading(policy.lifecycle.decay, state)
        coming.append(None if fading is None else fading.at)
    if state.audit_since is not None:
        coming.append(policy.declared.audit_keep.after(state.audit_since))
    return min((each for each in coming if each is not None), default=None)


def _next_move(policy: Policy, state: State) -> datetime | None:
    """Return when the stage changes next; a move that may not be made is no reason to sweep."""
    if state.stage not in policy.timed_stages:
        return None
    when = next_due(policy.lifecycle, state)
    return when if when is not None and effective_moves(policy, state, when) else None
