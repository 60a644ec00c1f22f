"""The built-in rules, by name, in the order in which they are asked. All of them are on.

What keeps data out of an offer stands apart: the offer may then still be made without.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import declared_rules as declared
from . import state_rules as state
from .rule import Kind, Once, Rule, apply_rules
from .rule import check_rules as _check_rules

if TYPE_CHECKING:
    from collections.abc import Iterable

AIM_RULES = (Rule("minors", state.minor_aim),)
"""What keeps the customer's data out of an offer, which may then still be made without."""

_ONCE = {
    "no_channel_hopping": Once.PURPOSE,
    "left_in_peace": Once.PURPOSE,
    "opt_out_signals": Once.PURPOSE,
    "preferred_topics": Once.TOPICS,
    "channel_caps": Once.TIME,
    "contact_budget": Once.TIME,
    "preferred_frequency": Once.TIME,
    "win_back": Once.TIME,
    "quiet_hours": Once.TIME,
}

STATE_RULES = tuple(
    Rule(name, check, Kind.STATE, about=frozenset(about), once=_ONCE.get(name))
    for name, check, *about in (
        ("no_channel_hopping", state.hopping),
        ("left_in_peace", state.peace),
        ("opt_out_signals", state.signals),
        ("preferred_topics", state.topics),
        ("offer_stage", state.stage, "stages"),
        ("sensitive_inference", state.inferred, "infers"),
        ("risky_offers", state.risky, "risk"),
        ("experiments_on_people", state.experiment, "experiment"),
        ("pressure_on_people", state.pressed_minor, "pressure"),
        ("price_aimed", state.price_aimed, "personal_price"),
        ("channel_caps", state.caps),
        ("contact_budget", state.budget),
        ("preferred_frequency", state.preferred),
        ("win_back", state.win_back),
        ("pressure_budget", state.urgency, "pressure"),
        ("quiet_hours", state.quiet),
    )
)

DECLARED_RULES = (
    *(
        Rule(name, check, Kind.DECLARED, about=frozenset({about}))
        for name, check, about in (
            ("offer_channel", declared.channel, "channels"),
            ("deadline", declared.deadline, "pressure"),
            ("scarcity", declared.scarcity, "pressure"),
        )
    ),
    *(
        Rule(name, check, Kind.DECLARED, once=Once.OFFER)
        for name, check in (
            ("pressure", declared.pressure),
            ("price_disclosed", declared.price_disclosed),
            ("price_declared", declared.price_declared),
            ("price_above_public", declared.price_above),
            ("loyalty", declared.loyalty),
            ("vulnerability", declared.vulnerable),
            ("intrusion", declared.intrusion),
            ("reversible", declared.reversible),
            ("retaliation", declared.retaliation),
            ("human_path", declared.human_path),
            ("experiment", declared.trial),
            ("urgent", declared.urgent),
            ("services", declared.sells),
        )
    ),
)

RULES = (*DECLARED_RULES, *STATE_RULES)
"""What an offer must pass, at whatever level."""


def check_rules(rules: Iterable[Rule]) -> tuple[Rule, ...]:
    """Return the host's *rules*: each is one, and no name is there twice, or a built-in one's.

    Raises:
        UsageError: something that is no rule, or a name that is taken.
    """
    return _check_rules(rules, (*AIM_RULES, *RULES))


__all__ = [
    "AIM_RULES",
    "DECLARED_RULES",
    "RULES",
    "STATE_RULES",
    "Kind",
    "Once",
    "Rule",
    "apply_rules",
    "check_rules",
]
