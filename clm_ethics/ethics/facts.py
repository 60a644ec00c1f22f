"""What a rule may look at."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ..model.fold import ADULT
from ..policy.policy import ASSUMED_AGE
from .defaults import DISTRESS, GRAVE, SERVICE
from .offers import Level

if TYPE_CHECKING:
    from datetime import datetime

    from ..model.state import State
    from ..policy.policy import Policy
    from ..policy.values import Channel, Purpose


class Facts(NamedTuple):
    """The case that the rules judge, one for each offer.

    Attributes:
        policy: the policy in force.
        state: the customer; personal data, which no reason may repeat.
        purpose: the purpose that the offer serves.
        channel: the channel on which it would be made.
        at: the instant (UTC).
        stage: the effective lifecycle stage.
        minor: the customer is, or has to be taken for, a minor.
        level: how personal the offer would be; ``NONE`` while that is being found out.
    """

    policy: Policy
    state: State
    purpose: Purpose
    channel: Channel
    at: datetime
    stage: str
    minor: bool
    level: Level = Level.NONE

    def __repr__(self) -> str:
        """Show what is asked, and nothing of the customer."""
        return f"<Facts of {self.purpose.name} on {self.channel.name}>"

    @property
    def service(self) -> bool:
        """It serves the customer, and advertises nothing."""
        return SERVICE.issuperset(self.purpose.processing)

    @property
    def distressed(self) -> bool:
        """Within the last year something happened that silences for a month or more: a grave event."""
        return any(
            DISTRESS.after(self.state.happened[name]) > self.at
            for name, rule in self.policy.events.items()
            if name in self.state.happened and any(span.outlasts(GRAVE) for span in rule.mutes.values())
        )


def is_minor(policy: Policy, state: State, at: datetime) -> bool:
    """Say whether the customer is a minor at *at*; an unknown age is what the audience makes likely."""
    if state.minor_until is not None and state.minor_until > at:
        return True
    if state.minor_until is not None or "born" in state.about:
        return False
    return ASSUMED_AGE[policy.controller.audience] < ADULT
