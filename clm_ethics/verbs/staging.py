"""The customer's stage: what it is, since when and why, what it was, and what comes next."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from ..errors import UnknownName
from ..lifecycle import next_due
from ..lifecycle.ways import Leg, way
from ..model.events import Swept
from ..model.fold import fold
from ..model.state import Stay
from ..model.times import aware
from ..policy.decide import effective_moves, refused_move
from .asking import read
from .common import check_actor, peek

if TYPE_CHECKING:
    from datetime import datetime

    from ..flows import Flow, Setting
    from ..model.state import State
    from ..policy import Decision, Policy, Reason


@attrs.frozen(kw_only=True)
class Toward:
    """Why the customer is not in a stage, and what is nearest; truthy if they are in it.

    Attributes:
        stage: the stage that was asked for.
        here: the stage that the customer is in.
        legs: the fewest moves that lead there; empty if none does.
        due: when the first of them comes due, if time alone brings it (UTC).
        refused: why that move may not be made: the lifecycle's purpose may not look.
    """

    stage: str
    here: str
    legs: tuple[Leg, ...] = ()
    due: datetime | None = None
    refused: tuple[Reason, ...] = ()

    def __repr__(self) -> str:
        """Show nothing of the customer: a stage is personal data."""
        return f"<Toward {self.stage}>"

    def __bool__(self) -> bool:
        return self.stage == self.here

    def __str__(self) -> str:
        if self:
            return f"the stage is {self.stage}"
        if not self.legs:
            return f"no move leads from {self.here} to {self.stage}"
        said = f"nearest: {', then '.join(map(str, self.legs))}"
        said += f"; due on {self.due:%Y-%m-%d}" if self.due is not None else ""
        codes = ", ".join(reason.code for reason in self.refused)
        return said + (f"; refused: {codes}" if codes else "")


@attrs.frozen(kw_only=True)
class Standing:
    """Where a customer stands in the lifecycle; truthy if the purpose may see it.

    Attributes:
        decision: whether the purpose may see the stage.
        stage: what it is; empty if it may not be seen.
        since: since when (UTC).
        why: what moved it there: an event, a time without one, or a value.
        by: whose doing that was; empty for time.
        course: the latest stays, oldest first; the ledger has them all.
        next_at: when time alone moves it next, as far as anybody knows now (UTC).
    """

    decision: Decision
    stage: str = ""
    since: datetime | None = None
    why: str = ""
    by: str = ""
    course: tuple[Stay, ...] = ()
    next_at: datetime | None = None
    _state: State | None = attrs.field(default=None, repr=False)
    _policy: Policy | None = attrs.field(default=None, repr=False)

    def __repr__(self) -> str:
        """Show nothing of the customer: a stage is personal data."""
        return f"<Standing {'seen' if self else 'withheld'}>"

    def __bool__(self) -> bool:
        return bool(self.stage)

    def at(self, moment: datetime) -> str:
        """Return the stage at *moment* (aware); empty before the first stay that is remembered."""
        then = aware(moment, "stage.at")
        return next((stay.stage for stay in reversed(self.course) if stay.since <= then), "")

    def toward(self, stage: str) -> Toward:
        """Say why the stage is not *stage*, and what is nearest.

        Raises:
            UnknownName: the lifecycle has no such stage.
        """
        state, policy = self._state, self._policy
        if state is None or policy is None:
            return Toward(stage=stage, here="")
        life = policy.lifecycle
        if stage not in life.stages:
            raise UnknownName.among("stage", stage, life.stages)
        legs = way(life, self.stage, stage)
        if not legs or (legs[0].move.after is None and legs[0].move.when is None):
            return Toward(stage=stage, here=self.stage, legs=legs)
        due = next_due(life, state) if legs[0].move.after is not None else None
        moment = self.decision.at if due is None else due
        refused = refused_move(policy, state, self.stage, moment)
        return Toward(stage=stage, here=self.stage, legs=legs, due=due, refused=refused)


def stage(setting: Setting, ref: str, purpose: str, *, by: str | None = None) -> Flow[Standing]:
    """Read the customer's stage for *purpose*, which has to list `stage`; the read is in the ledger."""
    by = check_actor(by, setting.acting, "stage")
    view = yield from read(setting, ref, purpose, by=by, fields=("stage",))
    decision = view.decision
    if not view or "stage" not in view:
        return Standing(decision=decision)
    book = yield from peek(setting, ref)
    return standing_of(setting.policy, book.state, decision)


def standing_of(policy: Policy, state: State, decision: Decision) -> Standing:
    """Return where the customer of *state* stands at the decision's time."""
    moves = effective_moves(policy, state, decision.at)
    course = (*state.course, *(Stay(each.stage, each.at, each.why, each.by) for each in moves))
    if not course and state.stage_since is not None:
        course = (Stay(state.stage, state.stage_since),)
    if not course:
        return Standing(decision=decision)
    now = course[-1]
    after = fold([Swept(at=decision.at, moves=moves)], state) if moves else state
    return Standing(
        decision=decision,
        stage=now.stage,
        since=now.since,
        why=now.why,
        by=now.by,
        course=course,
        next_at=next_due(policy.lifecycle, after),
        state=after,
        policy=policy,
    )
