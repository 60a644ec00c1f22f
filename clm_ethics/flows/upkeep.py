"""When a customer's stream needs a sweep: a retention that ends, a stage that changes, old reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..lifecycle import next_due
from ..model.times import NEVER
from ..policy.decide import effective_moves
from ..policy.visible import kept_until

if TYPE_CHECKING:
    from datetime import datetime

    from ..model.state import State
    from ..policy import Policy


def needed_until(policy: Policy, state: State, field: str, collected: datetime) -> datetime:
    """Return when (UTC) no purpose needs a value of *field* any more (Art. 5(1)(e) GDPR).

    A value lives while one purpose that lists the field still needs it; ``NEVER`` while that
    is open-ended. A value that no purpose lists is needed by none.
    """
    return max(
        (kept_until(purpose, state, collected) for purpose in policy.listing(field)), default=collected
    )


def next_sweep(policy: Policy, state: State) -> datetime | None:
    """Return the first instant (UTC) at which a sweep would have something to do."""
    coming = [_next_move(policy, state)]
    for field, runs in state.fields.items():
        if field in policy.fields and runs:
            when = needed_until(policy, state, field, runs[0].first)
            coming.append(None if when == NEVER else when)
    if state.audit_since is not None:
        coming.append(policy.declared.audit_keep.after(state.audit_since))
    return min((each for each in coming if each is not None), default=None)


def _next_move(policy: Policy, state: State) -> datetime | None:
    """Return when the stage changes next; a move that may not be made is no reason to sweep."""
    if state.stage not in policy.timed_stages:
        return None
    when = next_due(policy.lifecycle, state)
    return when if when is not None and effective_moves(policy, state, when) else None
