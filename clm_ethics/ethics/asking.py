"""Whether somebody may be asked for consent now: a no is not worn down by asking again (E25).

A refusal counts on every surface, because there is one state per customer; a prompt that was
shown and not answered counts too, once the host says so (``asked``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from ..model.events import Granted
from ..model.fold import fold
from ..model.state import Status
from ..model.times import aware
from ..policy import words as lawful
from ..policy.decide import decide
from ..policy.decision import Request
from ..policy.renaming import translate
from ..policy.values import Basis
from .defaults import ASK_AGAIN, PROMPTS
from .prompts import judge_prompt
from .timing import span
from .words import reason

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from ..model.state import State
    from ..policy.decision import Reason
    from ..policy.policy import Policy
    from ..policy.values import Cap, Purpose
    from .prompts import Prompt

_POINTLESS = frozenset({"law.prohibited", "policy.gap"})
"""What no yes of anybody would change."""


@attrs.frozen(kw_only=True, repr=False)
class Asking:
    """The answer to ``may_ask``; falsy when the customer is not to be asked.

    Attributes:
        purpose: the purpose asked about.
        reasons: why not.
        until: from then on (UTC) they may be asked, if nothing else changes; ``None``: nobody can say.
        guardian: a guardian is to be asked, not the customer.
    """

    purpose: str
    reasons: tuple[Reason, ...] = ()
    until: datetime | None = None
    guardian: bool = False

    def __bool__(self) -> bool:
        """Tell whether they may be asked."""
        return not self.reasons

    def __repr__(self) -> str:
        """Show the codes, never a person's data."""
        codes = ", ".join(why.code for why in self.reasons)
        return f"<Asking for {self.purpose}: {codes or 'yes'}>"

    @property
    def codes(self) -> tuple[str, ...]:
        """The codes of the reasons."""
        return tuple(why.code for why in self.reasons)

    def explain(self) -> str:
        """Say in plain words whether, and from when on, the customer may be asked."""
        if self:
            who = "a guardian" if self.guardian else "the customer"
            return f"{self.purpose}: {who} may be asked"
        lines = [f"{self.purpose}: not to be asked"]
        lines += [f"  because {why}" for why in self.reasons]
        if self.until is not None:
            lines.append(f"  from {self.until:%Y-%m-%d %H:%M} UTC on")
        return "\n".join(lines)


def may_ask(
    policy: Policy, state: State, purpose: str, at: datetime, *, prompt: Prompt | None = None
) -> Asking:
    """Decide whether the customer of *state* may be asked to agree to *purpose* at *at*.

    Args:
        policy: the policy in force.
        state: the customer.
        purpose: the purpose.
        at: the instant (aware).
        prompt: how the prompt looks, if the host states it; one that manipulates is not shown.

    Raises:
        UnknownName: the policy declares no such purpose.
        UsageError: a time without a zone.
    """
    asked = policy.purpose(purpose)
    state = translate(policy, state)
    now = aware(at, "may_ask")
    now = now if state.at is None else max(now, state.at)
    for_good = tuple(_never(policy, asked, state, now))
    waits = tuple(_waits(asked, state, now))
    reasons = (*for_good, *(why for why, _ in waits))
    reasons += () if prompt is None else judge_prompt(prompt)
    ends = [end for _, end in waits]
    until = max(ends) if ends and len(ends) == len(reasons) else None
    return Asking(
        purpose=purpose,
        reasons=tuple(dict.fromkeys(reasons)),
        until=until,
        guardian=not for_good and "consent.guardian_needed" in _after_a_yes(policy, asked, state, now),
    )


def _never(policy: Policy, purpose: Purpose, state: State, at: datetime) -> Iterator[Reason]:
    """Yield what time does not change."""
    if state.restored:
        yield lawful.reason("customer.restored")
    elif state.erased is not None:
        yield lawful.reason("customer.erased")
    elif not state.known:
        yield lawful.reason("customer.unknown")
    elif Basis.CONSENT not in purpose.all_bases:
        yield reason("ask.no_consent")
    elif _stands(policy, purpose, state, at):
        yield reason("ask.agreed")
    elif state.restriction is not None:
        yield lawful.reason("restriction")
    else:
        codes = _after_a_yes(policy, purpose, state, at)
        yield from (reason("ask.pointless", code) for code in codes if code in _POINTLESS)


def _stands(policy: Policy, purpose: Purpose, state: State, at: datetime) -> bool:
    consent = state.consents.get(purpose.name)
    if consent is None or consent.status is not Status.GRANTED or not consent.proven:
        return False
    if consent.until is not None and consent.until <= at:
        return False
    return consent.clause is not None and consent.clause.covers(policy.clauses[purpose.name])


def _after_a_yes(policy: Policy, purpose: Purpose, state: State, at: datetime) -> tuple[str, ...]:
    """Return the codes of the decision as if the customer had just agreed to everything."""
    yes = Granted(
        at=at,
        purpose=purpose.name,
        clause=policy.clauses[purpose.name],
        shown="?",
        explicit=(*purpose.explicit, *purpose.processing),
    )
    return decide(policy, fold([yes], state), Request(purpose.name, ()), at).codes


def _waits(purpose: Purpose, state: State, at: datetime) -> Iterator[tuple[Reason, datetime]]:
    """Yield what time changes, and when (UTC)."""
    consent = state.consents.get(purpose.name)
    if consent is not None and consent.status is not Status.GRANTED:
        until = ASK_AGAIN.after(consent.at)
        if until > at:
            yield reason("ask.refused"), until
    for name, objection in state.objections.items():
        until = ASK_AGAIN.after(objection.at)
        if (name == purpose.name or (objection.marketing and purpose.marketing)) and until > at:
            yield reason("ask.objected"), until
    silent = [state.mutes[word] for word in purpose.processing if word in state.mutes]
    if silent and max(silent) > at:
        yield reason("contact.peace"), max(silent)
    for cap in PROMPTS:
        full = _full(cap, state.asked.get(purpose.name, ()), at)
        if full is not None:
            yield reason("ask.unanswered", f"{cap.max} in {span(cap.per)}"), full


def _full(cap: Cap, times: tuple[datetime, ...], at: datetime) -> datetime | None:
    running = sorted(end for end in map(cap.per.after, times) if end > at)
    return running[len(running) - cap.max] if len(running) >= cap.max else None
