"""Renames: what was recorded under a former name goes on under the present one.

The ledger and the stored state keep the **oldest** name of a purpose, a field and an event, so that a process
that still runs an older policy finds what a newer one writes, a no above all, and the reverse. Stages are not
renamed but moved: one that is gone is read as the one it moves to.

Everything here is pure. A policy without renames has no :class:`Renames`, and pays nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from msgspec.structs import replace

from ..model.fold import PROMPTS_KEPT
from ..model.state import Clause, Consent, Contract, Objection, Run, State, Status
from .vocabulary import PROCESSING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import TypeVar

    from ..model.events import Collected, Event, Removed
    from .policy import Policy
    from .values import Declared

    E = TypeVar("E", bound=Event)
    T = TypeVar("T")

LEFT_BEHIND = "former "
"""Begins the name of a value that a customer has twice, under two names: the later counts, this one goes."""


class Names(msgspec.Struct, frozen=True):
    """The names of one kind: of each former one the present, of each present one all former, oldest first."""

    present: dict[str, str]
    former: dict[str, tuple[str, ...]]

    def now(self, name: str) -> str:
        """Return what *name* is called now."""
        return self.present.get(name, name)

    def oldest(self, name: str) -> str:
        """Return under which name it is stored."""
        return self.former[name][0] if name in self.former else name

    def every(self, name: str) -> tuple[str, ...]:
        """Return every name that it has had, oldest first, the present one last."""
        return (*self.former.get(name, ()), name)


class Renames(msgspec.Struct, frozen=True):
    """All renames of a policy. *stages*: of each stage that is gone, where its customers are now."""

    purposes: Names
    fields: Names
    events: Names
    stages: dict[str, str]

    # -- to the present names ----------------------------------------------------------------------------

    def state(self, state: State) -> State:
        """Return *state* under the present names; what says the same twice becomes one."""
        purpose = self.purposes.now
        consents = _together(self._clauses(state.consents), purpose, _later)
        changes: dict[str, Any] = {
            "consents": consents,
            "objections": _together(
                state.objections, purpose, lambda one, other: _both(one, other, consents)
            ),
            "contracts": _together(state.contracts, purpose, _contract),
            "informed": _together(state.informed, purpose, min),
            "asked": _together(state.asked, purpose, lambda a, b: tuple(sorted(a + b))[-PROMPTS_KEPT:]),
            "fields": self._fields(state.fields),
            "happened": _together(state.happened, self.events.now, max),
            "lasts": _together(state.lasts, self._step, max),
            "steps": tuple(replace(step, name=self._step(step.name)) for step in state.steps),
            "stage": self.stages.get(state.stage, state.stage),
            "course": tuple(
                replace(stay, stage=self.stages[stay.stage]) if stay.stage in self.stages else stay
                for stay in state.course
            ),
        }
        changes = {name: value for name, value in changes.items() if value != getattr(state, name)}
        return replace(state, **changes) if changes else state

    def event(self, event: E) -> E:
        """Return *event*, as it was recorded, under the present names."""
        return _renamed(event, self.purposes.now, self.fields.now, self.events.now)

    def _clauses(self, consents: dict[str, Consent]) -> dict[str, Consent]:
        if not self.fields.present:
            return consents
        now = self.fields.now
        return {
            name: replace(said, clause=_clause(said.clause, now), explicit=_explicit(said.explicit, now))
            for name, said in consents.items()
        }

    def _fields(self, fields: dict[str, tuple[Run, ...]]) -> dict[str, tuple[Run, ...]]:
        found = {}
        for name, runs in fields.items():
            now = self.fields.now(name)
            lost = name != self.holder(fields, now)
            found[LEFT_BEHIND + name if lost else now] = tuple(map(self._run, runs))
        return found

    def _run(self, run: Run) -> Run:
        return replace(
            run,
            announced=_sorted(run.announced, self.purposes.now),
            purpose=self.purposes.now(run.purpose),
            event=self.events.now(run.event),
        )

    def _step(self, step: str) -> str:
        """Return the present name of a step: an event, or a value such as ``churn>=0.7``."""
        return _step(step, self.events.now, self.fields.now)

    # -- to the stored names -----------------------------------------------------------------------------

    def holder(self, stored: Mapping[str, object], field: str) -> str:
        """Return under which name *field* is stored for the customer who has the fields *stored*."""
        if field.startswith(LEFT_BEHIND):
            return field.removeprefix(LEFT_BEHIND)
        if field not in self.fields.former:
            return field
        names = [name for name in self.fields.every(field) if name in stored]
        return max(names, key=lambda name: _last(stored[name]), default=self.fields.oldest(field))

    def stored(self, event: E, state: State) -> E:
        """Return *event*, which a verb has written, under the names by which *state* is stored."""

        def field(name: str) -> str:
            return self.holder(state.fields, name)

        return _renamed(event, self.purposes.oldest, field, self.events.oldest)

    def said(self, content: Any) -> Any:
        """Return the *content* of a telling under the oldest names: a repetition stays one after a rename."""
        if isinstance(content, str):
            return self.events.oldest(self.fields.oldest(self.purposes.oldest(content)))
        if isinstance(content, dict):
            return {self.said(key): self.said(value) for key, value in content.items()}
        return [self.said(each) for each in content] if isinstance(content, (list, tuple)) else content


def renames_of(declared: Declared) -> Renames | None:
    """Return what *declared* renames and moves; ``None``: nothing."""
    found = Renames(
        purposes=_names({each.name: each.was for each in declared.purposes.values()}),
        fields=_names({each.name: each.was for each in declared.fields.values()}),
        events=_names({each.name: each.was for each in declared.events.values()}),
        stages=_resolved(declared.lifecycle.moves_to),
    )
    some = found.purposes.former or found.fields.former or found.events.former or found.stages
    return found if some else None


def translate(policy: Policy, state: State) -> State:
    """Return *state* under the names that *policy* has for purposes, fields, events and stages.

    Of a yes and a no under two names the later in entry order counts; an objection and a contract stay.
    """
    return state if policy.renames is None else policy.renames.state(state)


def counterparts(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, str]:
    """Return for the names of *old* what they are called in *new*; those that are gone are left out."""
    now = {name: each.name for each in new.values() for name in each.was}
    found = {}
    for name, each in old.items():
        back = next((former for former in reversed(each.was) if former in new), "")  # an older policy again
        called = name if name in new else now.get(name, back)
        if called:
            found[name] = called
    return found


def _names(was: dict[str, tuple[str, ...]]) -> Names:
    return Names(
        {former: name for name, all_former in was.items() for former in all_former},
        {name: all_former for name, all_former in was.items() if all_former},
    )


def _resolved(moves_to: Mapping[str, str]) -> dict[str, str]:
    found = {}
    for stage in moves_to:
        end = stage
        while end in moves_to:  # the checks have found every circle
            end = moves_to[end]
        found[stage] = end
    return found


def _together(table: dict[str, T], now: Callable[[str], str], both: Callable[[T, T], T]) -> dict[str, T]:
    found: dict[str, T] = {}
    for name, value in table.items():
        called = now(name)
        found[called] = both(found[called], value) if called in found else value
    return found


def _later(one: Consent, other: Consent) -> Consent:
    """Of a yes and a no the later counts; of two noes the first says since when."""
    last = max(one, other, key=lambda each: each.index)
    if Status.GRANTED in (one.status, other.status):
        return last
    return replace(last, since=min(one.since or one.at, other.since or other.at))


def _both(one: Objection, other: Objection, consents: Mapping[str, Consent]) -> Objection:
    first, last = sorted((one, other), key=lambda each: each.index)
    ended = any(first.index < each.index < last.index for each in consents.values())
    since = last.since if ended else min(first.since or first.at, last.since or last.at)
    return replace(last, marketing=first.marketing or last.marketing, since=since)


def _contract(one: Contract, other: Contract) -> Contract:
    ends = [each for each in (one.ended, other.ended) if each is not None]
    begins = [each for each in (one.began, other.began) if each is not None]
    return Contract(
        open=tuple(dict.fromkeys((*one.open, *other.open))),
        ended=max(ends, default=None),
        began=max(begins, default=None),
    )


def _last(runs: object) -> int:
    return max((run.index for run in runs), default=0)  # type: ignore[attr-defined]  # a tuple of runs


def _sorted(names: Iterable[str], call: Callable[[str], str]) -> tuple[str, ...]:
    return tuple(sorted({call(name) for name in names}))


def _step(step: str, event: Callable[[str], str], field: Callable[[str], str]) -> str:
    for sign in (">=", "<="):
        name, found, value = step.partition(sign)
        if found:
            return f"{field(name)}{sign}{value}"
    return event(step)


def _clause(clause: Clause | None, field: Callable[[str], str]) -> Clause | None:
    if clause is None:
        return None
    parts = [name.partition(":") for name in clause.fields]
    return replace(clause, fields=tuple(sorted(f"{field(name)}{sign}{how}" for name, sign, how in parts)))


def _explicit(words: tuple[str, ...], field: Callable[[str], str]) -> tuple[str, ...]:
    return tuple(word if word in PROCESSING else field(word) for word in words)


def _renamed(
    event: E, purpose: Callable[[str], str], field: Callable[[str], str], named: Callable[[str], str]
) -> E:
    """Return *event* with every name that it holds called otherwise."""

    def collected(each: Collected) -> Collected:
        announced = tuple(dict.fromkeys(map(purpose, each.announced)))
        inputs = tuple(map(field, each.inputs))
        return replace(each, field=field(each.field), announced=announced, inputs=inputs)

    def removed(each: Removed) -> Removed:
        return replace(each, field=field(each.field))

    how: dict[str, Callable[[Any], Any]] = {
        "purpose": purpose,
        "informed": lambda value: tuple(map(purpose, value)),
        "opened": lambda value: {purpose(name): each for name, each in value.items()},
        "closed": lambda value: {purpose(name): each for name, each in value.items()},
        "collected": lambda value: tuple(map(collected, value)),
        "removed": lambda value: tuple(map(removed, value)),
        "event": named,
        "steps": lambda value: tuple(_step(each, named, field) for each in value),
        "clause": lambda value: _clause(value, field),
        "explicit": lambda value: _explicit(value, field),
        "fields": lambda value: tuple(map(field, value)) if isinstance(value, tuple) else value,
        "withheld": lambda value: tuple(map(field, value)),
        "uses": lambda value: tuple(map(field, value)),
        "left": lambda value: {field(name): each for name, each in value.items()},
        "survivors": lambda value: {field(name): purpose(each) for name, each in value.items()},
    }
    old = {name: getattr(event, name) for name in event.__struct_fields__ if name in how}
    changes = {name: new for name, value in old.items() if (new := how[name](value)) != value}
    return replace(event, **changes) if changes else event


__all__ = ["LEFT_BEHIND", "Names", "Renames", "counterparts", "renames_of", "translate"]
