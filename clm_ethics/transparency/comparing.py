"""What becomes of answers under another policy, or under a host's own check: counts, never people.

Counts below a floor of *k* are not shown: they would tell of few enough people to guess whom.
"""

from __future__ import annotations

from collections import Counter
from threading import Lock
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import attrs
from msgspec.structs import replace

from ..errors import UsageError
from ..policy.decide import decide
from ..policy.decision import Decision
from ..policy.renaming import counterparts

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from datetime import datetime

    from ..model.state import State
    from ..policy import Policy
    from ..policy.decision import Request

FLOOR = 10
"""House default: the fewest people of whom a number is told."""
GONE = "purpose.gone"
"""Why something is refused under a policy that has no such purpose."""
NEW = "purpose.new"
"""Why something was refused under a policy that had no such purpose."""


class Outcome(NamedTuple):
    """What two policies say to one question."""

    before: bool
    after: bool
    why: str
    fewer: bool
    more: bool


class Answer(Protocol):
    """What of an answer is compared: its truth, and the fields that it shows."""

    @property
    def fields(self) -> Collection[str]:
        """The names of the fields."""

    def __bool__(self) -> bool: ...


def compare(
    old: Answer | None, new: Decision | None, called: Mapping[str, str] = MappingProxyType({})
) -> Outcome:
    """Compare two answers; ``None``: that policy has no such purpose. *called*: the new names of fields."""
    before, after = bool(old), bool(new)
    if before and not after:
        why = GONE if new is None else new.codes[0]
    elif after and not before:
        why = old.codes[0] if isinstance(old, Decision) else NEW
    else:
        why = ""
    seen = [
        frozenset(called.get(name, name) for name in each.fields) if each else frozenset()
        for each in (old, new)
    ]
    both = before and after
    return Outcome(before, after, why, both and bool(seen[0] - seen[1]), both and bool(seen[1] - seen[0]))


@attrs.frozen(kw_only=True)
class Effect:
    """What becomes of one purpose, counted. ``None``: some, but fewer than the floor.

    Attributes:
        purpose: its name.
        before: how often it is allowed under the policy in force.
        after: how often under the other.
        closed: how often it was allowed and is not any more.
        opened: how often it was not allowed and is.
        fewer: how often it is allowed under both, with fewer fields.
        more: likewise, with more fields.
        why: per reason how often: for what is closed the new refusal, for what is opened the old.
    """

    purpose: str
    before: int | None
    after: int | None
    closed: int | None
    opened: int | None
    fewer: int | None
    more: int | None
    why: Mapping[str, int | None]

    def __str__(self) -> str:
        named = ("before", "after", "closed", "opened", "fewer", "more")
        shown = ", ".join(f"{name} {_shown(getattr(self, name))}" for name in named)
        why = ", ".join(f"{code} {_shown(count)}" for code, count in self.why.items())
        return f"{self.purpose}: {shown}{f' ({why})' if why else ''}"


def _shown(count: int | None) -> str:
    return "few" if count is None else f"{count:,}"


class Tally:
    """Counts outcomes per purpose. Safe to share between threads."""

    def __init__(self, floor: int = FLOOR) -> None:
        if not isinstance(floor, int) or isinstance(floor, bool) or floor < 1:
            raise UsageError("no floor", place="k=", remedy="a whole number from 1 on is wanted")
        self._floor = floor
        self._lock = Lock()
        self._counts: dict[str, Counter[str]] = {}

    def add(self, purpose: str, outcome: Outcome, times: int = 1) -> None:
        """Count one *outcome*."""
        words = {
            "before": outcome.before,
            "after": outcome.after,
            "closed": outcome.before and not outcome.after,
            "opened": outcome.after and not outcome.before,
            "fewer": outcome.fewer,
            "more": outcome.more,
        }
        with self._lock:
            counter = self._counts.setdefault(purpose, Counter())
            counter.update({word: times for word, true in words.items() if true})
            if outcome.why:
                counter["?" + outcome.why] += times

    def effects(self) -> tuple[Effect, ...]:
        """Return the counts so far, none below the floor."""
        with self._lock:
            return tuple(self._effect(name, counter) for name, counter in sorted(self._counts.items()))

    def _effect(self, purpose: str, counter: Counter[str]) -> Effect:
        told = {
            name: self.told(counter[name])
            for name in ("before", "after", "closed", "opened", "fewer", "more")
        }
        if None in (told["closed"], told["opened"]):
            told["after"] = None  # the difference would tell what is not to be told
        why = {code[1:]: self.told(count) for code, count in sorted(counter.items()) if code[0] == "?"}
        return Effect(purpose=purpose, why=why, **told)

    def told(self, count: int) -> int | None:
        """Return *count* if it may be told."""
        return count if count == 0 or count >= self._floor else None


class Shadow:
    """A candidate beside the policy in force: it is asked the same questions and changes no answer.

    Attributes:
        candidate: the other policy.
        failed: how many questions it failed to answer.
    """

    def __init__(self, candidate: Policy, *, k: int = FLOOR, live: Policy | None = None) -> None:
        self.candidate = candidate
        self._called = {} if live is None else counterparts(live.purposes, candidate.purposes)
        self._fields = {} if live is None else counterparts(live.fields, candidate.fields)
        self.failed = 0
        self._tally = Tally(k)

    def look(self, state: State, request: Request, at: datetime, answer: Decision) -> None:
        """Ask the candidate too, and count; whatever goes wrong here stays here."""
        try:
            asked = self._in_its_names(request)
            known = asked.purpose in self.candidate.purposes
            other = decide(self.candidate, state, asked, at) if known else None
        except Exception:  # noqa: BLE001  (an answer in force never depends on a candidate)
            self.failed += 1
            return
        self._tally.add(asked.purpose, compare(answer, other, self._fields))

    def _in_its_names(self, request: Request) -> Request:
        """Return *request* under the candidate's names, if it renames what is asked for."""
        fields = request.fields
        if fields is not None:
            fields = tuple(self._fields.get(name, name) for name in fields)
        return replace(request, purpose=self._called.get(request.purpose, request.purpose), fields=fields)

    @property
    def effects(self) -> tuple[Effect, ...]:
        """What became of each purpose that was asked for, counted and floored."""
        return self._tally.effects()

    def explain(self) -> str:
        """Say it in lines of text."""
        lines = [str(each) for each in self.effects] or ["nothing was asked"]
        return "\n".join([*lines, f"{self.failed} questions failed"] if self.failed else lines)


class Adoption:
    """A host's own check beside the library's answer, before the host enforces it.

    ``if adoption.check(ana.may("newsletter"), mine=user.marketing_ok): send()`` goes on to do what
    the host's own check says, and counts where the two differ.
    """

    def __init__(self, *, k: int = FLOOR) -> None:
        self._tally = Tally(k)

    def check(self, answer: Decision, *, mine: bool) -> bool:
        """Count whether *answer* agrees with the host's own check; return *mine*, whatever it says."""
        said = bool(mine)
        why = "" if said == bool(answer) else answer.codes[0] if answer.codes else "allowed"
        outcome = Outcome(said, bool(answer), why, fewer=False, more=False)
        self._tally.add(answer.purpose, outcome)
        return mine

    @property
    def effects(self) -> tuple[Effect, ...]:
        """Per purpose: ``closed``: the host allows what the library would not; ``opened``: the reverse."""
        return self._tally.effects()

    def explain(self) -> str:
        """Say per purpose what enforcing would change."""
        return "\n".join(map(str, self.effects)) or "nothing was checked"


def effects_document(effects: Iterable[Effect]) -> list[dict[str, Any]]:
    """Return *effects* as JSON-like objects."""
    return [attrs.asdict(each) for each in effects]


__all__ = ["FLOOR", "Adoption", "Effect", "Outcome", "Shadow", "Tally", "compare", "effects_document"]
