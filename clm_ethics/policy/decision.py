"""The answer to a question: what was decided, why, and what would change it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

import msgspec

from ..errors import Denied, UsageError

if TYPE_CHECKING:
    from .catalogue import Catalogue


class Verdict(StrEnum):
    """Allowed, denied, or a gap: the configuration is incomplete, which denies too."""

    ALLOW = "allow"
    DENY = "deny"
    GAP = "gap"


class Kind(StrEnum):
    """What kind of rule spoke."""

    LAW = "law"
    GUIDANCE = "regulator guidance"
    HOUSE = "house rule"
    POLICY = "policy"


class Reason(msgspec.Struct, frozen=True):
    """Why, in a stable code and in words.

    Attributes:
        code: stable, dotted, such as ``consent.missing``.
        text: plain words, without a value of a person.
        cite: the article or section, if a law or regulator speaks.
        kind: law, regulator guidance, house rule or the policy.
        pack: the regime pack that it comes from.
        detail: the part of the words that is not the code's own (a row, a name), for other languages.
    """

    code: str
    text: str
    cite: str = ""
    kind: Kind = Kind.POLICY
    pack: str = ""
    detail: str = ""

    def __str__(self) -> str:
        source = f" [{self.cite}]" if self.cite else ""
        return f"{self.text} ({self.code}){source}"


class Request(msgspec.Struct, frozen=True):
    """What is asked.

    Attributes:
        purpose: its name.
        fields: which fields are wanted; ``None``: all that the purpose lists.
        channel: the channel on which somebody would be contacted.
        collect: values are to be collected, not read.
        actor: who asks, if the policy limits a purpose to actors.
    """

    purpose: str
    fields: tuple[str, ...] | None = None
    channel: str = ""
    collect: bool = False
    actor: str | None = None


class Grant(msgspec.Struct, frozen=True):
    """How much of a field may be seen.

    Attributes:
        precision: empty for the value as it is, otherwise ``year``, ``count``, ``prefix:3`` ...
        spans: the entry indexes (from, to) whose items may be seen; empty: all.
        by_item: each item has a retention of its own, to be looked at when it is read.
    """

    precision: str = ""
    spans: tuple[tuple[int, int], ...] = ()
    by_item: bool = False


FULL = Grant()
"""The whole field."""


class Fact(msgspec.Struct, frozen=True):
    """Something that a reason rests on: an entry, a time, a version; never a value of a person.

    Attributes:
        code: stable, such as ``consent``; a catalogue has its words.
        values: what the words are filled with (times in UTC, ISO 8601).
    """

    code: str
    values: dict[str, str] = {}


class Change(msgspec.Struct, frozen=True):
    """One change of a remedy: what would have to happen (*code*); *name*: which stage, or channel."""

    code: str
    name: str = ""


class Remedy(msgspec.Struct, frozen=True):
    """A minimal set of changes that turns a no into a yes: *who* can do *what*; no part of it is enough."""

    code: str
    text: str
    changes: tuple[Change, ...] = ()


class Rest(Protocol):
    """What of a decision is worked out only when somebody asks for it."""

    def remedies(self) -> tuple[Remedy, ...]:
        """Return the smallest changes that would make it a yes."""

    def valid_until(self) -> datetime | None:
        """Return the first instant at which anything may change (UTC)."""

    def facts(self, reason: Reason, field: str = "") -> tuple[Fact, ...]:
        """Return what *reason* (for *field*, if it is withheld) rests on."""


class Decision(msgspec.Struct, frozen=True, eq=False, weakref=False):
    """The explained answer to ``decide``. Its truth is the decision.

    Attributes:
        verdict: allow, deny or gap.
        purpose: the purpose asked for.
        basis: the legal basis claimed (empty when none was reached).
        fields: what may be seen, each with its precision.
        withheld: what may not be seen, each with its reason.
        partly: lists of which only some items may be seen, each with its reason.
        reasons: why; at least one for a denial.
        obligations: what comes with a yes (``unsubscribe`` ...).
        policy: the policy's hash.
        at: the instant decided for (UTC).
        stage: the effective lifecycle stage.
    """

    verdict: Verdict
    purpose: str
    basis: str
    fields: Mapping[str, Grant]
    withheld: Mapping[str, Reason]
    partly: Mapping[str, Reason]
    reasons: tuple[Reason, ...]
    obligations: tuple[str, ...]
    policy: str
    at: datetime
    stage: str
    _rest: Rest

    def __bool__(self) -> bool:
        """Tell whether it is allowed."""
        return self.verdict is Verdict.ALLOW

    def __eq__(self, other: object) -> bool:
        """Compare what was decided."""
        return isinstance(other, Decision) and self._key() == other._key()

    def __hash__(self) -> int:
        """Hash what was decided."""
        return hash((self.verdict, self.purpose, self.basis, self.reasons, self.at))

    def __repr__(self) -> str:
        """Show the verdict and the codes, never a person's data."""
        codes = ", ".join(reason.code for reason in self.reasons)
        return f"<Decision {self.verdict.value} {self.purpose}: {codes}>"

    __str__ = __repr__

    def __reduce__(self) -> NoReturn:
        raise UsageError("a decision cannot be pickled", remedy="decide where the answer is used")

    def _key(self) -> tuple[Any, ...]:
        named = (name for name in self.__struct_fields__ if not name.startswith("_"))
        return (*(getattr(self, name) for name in named), self.valid_until)

    @property
    def codes(self) -> tuple[str, ...]:
        """The codes of the reasons."""
        return tuple(reason.code for reason in self.reasons)

    @property
    def remedies(self) -> tuple[Remedy, ...]:
        """The smallest changes that would make it a yes, each found by deciding again."""
        return () if self else self._rest.remedies()

    @property
    def valid_until(self) -> datetime | None:
        """Without a new event nothing changes before it (UTC); ``None``: never."""
        return self._rest.valid_until()

    def require(self) -> Decision:
        """Return the answer if it is a yes, otherwise raise :class:`~clm_ethics.errors.Denied`."""
        if not self:
            raise Denied(self, place=self.purpose)
        return self

    def facts(self, reason: Reason, field: str = "") -> tuple[Fact, ...]:
        """Return what *reason* rests on: entries, times and versions, and no value of a person.

        *field*: the field that it is withheld for, if it is one of ``withheld`` or ``partly``.
        """
        return self._rest.facts(reason, field)

    def explain(self, locale: str | Catalogue = "en", form: str = "text") -> str:
        """Say in plain words what was decided, by which rule, and what would change it.

        Args:
            locale: a language tag (``en``, ``de``; another language reads English), or a catalogue.
            form: ``text`` for a terminal, ``full`` with the facts too; ``html`` for a page (a fragment,
                escaped); ``json`` (its schema: ``clm_ethics.policy.explanation.schema()``).

        Raises:
            UsageError: there is no such form.
        """
        from .explanation import explain

        return explain(self, locale, form)
