"""What a rule is: a small pure function ``(offer, facts) -> Reason | str | None``. A reason denies.

A host adds its own with :func:`rule`. A rule that raises denies: what cannot be judged is not made.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from ..errors import UsageError, shorten
from ..policy.decision import Kind as Speaker
from ..policy.decision import Reason
from .words import reason

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .facts import Facts
    from .offers import Offer

_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
LEAST_SHOWN = 3
"""Characters from which on a personal value is recognised in what a host's rule says."""


class Kind(StrEnum):
    """What a rule works on."""

    STATE = "state"
    """On what the ledger knows of the customer; it blocks."""
    DECLARED = "declared"
    """On what the host states of an offer; it blocks."""
    REVIEW = "review"
    """On campaigns and distributions; it only reports."""


class Once(StrEnum):
    """What a rule looks at beside the customer and the channel, if it is less than the whole offer."""

    OFFER = "offer"
    """The whole offer and its purpose, but no customer and no channel."""
    PURPOSE = "purpose"
    """The purpose."""
    TIME = "time"
    """Whether the purpose is a service, and whether the offer is urgent."""
    TOPICS = "topics"
    """Whether the purpose is a service, and the offer's topics."""


class Rule(NamedTuple):
    """A rule and its name.

    Attributes:
        name: stable; a host's rule gives reasons with the code ``house.NAME``.
        check: returns why not, or ``None``.
        kind: what it works on.
        says: what it asks for, in plain words.
        source: where it comes from.
        own: it is the host's.
        about: the parts of an offer, one of which it looks at (see ``Offer.parts``): an offer without them
            cannot break it. Empty: any offer may.
        once: it looks at no more than that, so it is asked once for all cases that are alike in it.
    """

    name: str
    check: Callable[[Offer, Facts], object]
    kind: Kind = Kind.STATE
    says: str = ""
    source: str = ""
    own: bool = False
    about: frozenset[str] = frozenset()
    once: Once | None = None

    def __call__(self, offer: Offer, facts: Facts) -> Reason | None:
        """Return why *offer* may not be made, if it may not; whatever the rule raises denies."""
        try:
            why = self.check(offer, facts)
            return self._said(why, facts) if self.own else _plain(why)
        except Exception as error:  # noqa: BLE001  (whatever it is: it denies, and its text may be personal)
            return reason("rule.error", f"{self.name} raised {type(error).__name__}")

    def _said(self, why: object, facts: Facts) -> Reason | None:
        """Return what a host's rule says under its own code; a personal value never gets out."""
        if why is None:
            return None
        if not isinstance(why, (str, Reason)):
            return reason("rule.error", f"{self.name} answered with {type(why).__name__}")
        detail = why.text if isinstance(why, Reason) else why
        values = [value for value in facts.state.about.values() if len(value) >= LEAST_SHOWN]
        personal = any(value.casefold() in detail.casefold() for value in values)
        text = self.says if personal or not detail else f"{self.says}: {detail}"
        return Reason(f"house.{self.name}", text, self.source, Speaker.HOUSE)


def _plain(why: object) -> Reason | None:
    if why is None or isinstance(why, Reason):
        return why
    raise TypeError("a built-in rule answers with a Reason")


def rule(
    name: str, *, says: str, source: str = "", kind: Kind = Kind.STATE
) -> Callable[[Callable[[Offer, Facts], str | None]], Rule]:
    """Make a rule of the host's own of a pure function ``(offer, facts) -> str | None``.

    The function returns ``None`` where the offer may be made, otherwise a detail (or an empty
    text). It reads no clock and does no I/O; ``facts.at`` is the time. Pass what comes back to
    ``Steward.open(..., rules=[...])``. ``clm_ethics.testing.check_rule`` tries it.

    Args:
        name: small letters, digits and ``_``; the reason's code is ``house.NAME``.
        says: what stands in every answer that it gives; it names no person.
        source: where it comes from, such as a code of conduct.
        kind: ``STATE``, or ``DECLARED`` for a rule that looks at the offer alone.

    Raises:
        UsageError: a name or words of the wrong form.
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise UsageError(
            f"no name of a rule: `{shorten(str(name))}`", place="rule", remedy="such as `no_mondays`"
        )
    if not isinstance(says, str) or not says.strip() or not says.isprintable():
        raise UsageError("a rule says in one line what it asks for", place=f"rule {name}", remedy="says=...")
    if kind is Kind.REVIEW:
        raise UsageError("a rule about one offer does not review", place=f"rule {name}", remedy="Kind.STATE")

    def made(function: Callable[[Offer, Facts], str | None]) -> Rule:
        return Rule(name, function, kind, says, source, own=True)

    return made


def check_rules(rules: Iterable[Rule], known: Iterable[Rule]) -> tuple[Rule, ...]:
    """Return the host's *rules*; each is one, and no name is there twice."""
    taken = {each.name for each in known}
    found = tuple(rules)
    for each in found:
        if not isinstance(each, Rule):
            raise UsageError(
                f"a {type(each).__name__} is no rule", place="rules", remedy="decorate it with @rule(...)"
            )
        if each.name in taken:
            raise UsageError(f"two rules are called `{each.name}`", place="rules", remedy="name each once")
        taken.add(each.name)
    return found


def apply_rules(rules: Iterable[Rule], offer: Offer, facts: Facts) -> tuple[Reason, ...]:
    """Return what *rules* say against *offer*, each once, in their order."""
    found = (each(offer, facts) for each in rules)
    return tuple(dict.fromkeys(why for why in found if why is not None))
