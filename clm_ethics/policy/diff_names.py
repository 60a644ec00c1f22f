"""What two policies call otherwise: the changes, and the old policy under the new names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from .change import WIDENING, WORDING, Change
from .policy import Policy
from .renaming import counterparts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from ..lifecycle.values import Decay, Lifecycle
    from .values import Declared, EventRule, Field, Purpose

    Call = Callable[[str], str]

SECTIONS = ("fields", "events", "purposes")
"""The sections whose names may change."""


def renames(old: Policy, new: Policy) -> Iterator[Change]:
    """Return a change for each name that is another, or under which something is not found any more."""
    for section in SECTIONS:
        before, after = getattr(old, section), getattr(new, section)
        taken: dict[str, str] = {}
        for name, called in counterparts(before, after).items():
            place = f"{section}.{called}"
            if called in taken:
                text = f"takes in `{name}` too: a yes to it is one to this"
                yield Change(place, text, WIDENING)
            elif called != name:
                yield Change(place, f"was called `{name}`", WORDING)
            taken[called] = name
            yield from _lost(f"{place}.was", before[name], after[called])


def _lost(place: str, old: Any, new: Any) -> Iterator[Change]:
    """The names under which there may be data, and the first, under which it is written, must stay."""
    first = (*old.was, old.name)[0]
    known = (*new.was, new.name)
    for name in (*old.was, old.name)[: len(old.was) or 1]:
        if name not in known:
            text = f"`{name}` is dropped: what was recorded under it is lost, a no too"
            yield Change(place, text, WIDENING)
    if first in known and known[0] != first:
        text = f"`{first}` is not the first: the old version does not find what is written now, a no too"
        yield Change(place, text, WIDENING)
    elif first == known[0] and old.was != new.was and old.name == new.name:
        yield Change(place, f"are now {', '.join(new.was) or 'none'}", WORDING)


def under_new_names(old: Policy, new: Policy) -> Policy:
    """Return *old* as it would be if it had the names of *new*; it still judges the same."""
    purpose, field, event = (
        _call(counterparts(getattr(old, section), getattr(new, section)))
        for section in ("purposes", "fields", "events")
    )
    declared = old.declared
    renamed: Declared = replace(
        declared,
        fields=_table(declared.fields, new.fields, field, lambda each: _field(each, field)),
        events=_table(declared.events, new.events, event, lambda each: _event(each, field, purpose)),
        purposes=_table(
            declared.purposes, new.purposes, purpose, lambda each: _purpose(each, field, purpose)
        ),
        lifecycle=_lifecycle(declared.lifecycle, purpose, field, event),
        channels={
            name: replace(each, address=field(each.address)) for name, each in declared.channels.items()
        },
    )
    return Policy(renamed, old.packs)


def _call(called: Mapping[str, str]) -> Call:
    return lambda name: called.get(name, name)


def _table(
    old: Mapping[str, Any], new: Mapping[str, Any], call: Call, change: Callable[[Any], Any]
) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, each in old.items():
        called = call(name)
        if called not in found or called == name:  # of two that become one, the one that keeps its name
            was = new[called].was if called in new else each.was
            found[called] = replace(change(each), name=called, was=was)
    return found


def _every(names: Iterable[str], call: Call) -> tuple[str, ...]:
    return tuple(dict.fromkeys(map(call, names)))


def _field(field: Field, call: Call) -> Field:
    return replace(field, derived_from=_every(field.derived_from, call))


def _event(event: EventRule, field: Call, purpose: Call) -> EventRule:
    return replace(
        event,
        appends={field(name): keys for name, keys in event.appends.items()},
        opens=_every(event.opens, purpose),
        closes=_every(event.closes, purpose),
    )


def _purpose(purpose: Purpose, field: Call, call: Call) -> Purpose:
    return replace(
        purpose,
        fields=_every(purpose.fields, field),
        explicit=_every(purpose.explicit, field),
        coarse={field(name): how for name, how in purpose.coarse.items()},
        compatible_with=_every(purpose.compatible_with, call),
    )


def _lifecycle(life: Lifecycle, purpose: Call, field: Call, event: Call) -> Lifecycle:
    moves = tuple(
        replace(
            move,
            on=event(move.on),
            without=event(move.without),
            when=None if move.when is None else replace(move.when, field=field(move.when.field)),
        )
        for move in life.moves
    )
    decay = None if life.decay is None else _decay(life.decay, purpose, field, event)
    return replace(life, purpose=purpose(life.purpose), moves=moves, decay=decay)


def _decay(decay: Decay, purpose: Call, field: Call, event: Call) -> Decay:
    steps = tuple(
        replace(
            step,
            shrink={field(name): kept for name, kept in step.shrink.items()},
            closes=_every(step.closes, purpose),
        )
        for step in decay.steps
    )
    return replace(decay, without=_every(decay.without, event), steps=steps)


__all__ = ["renames", "under_new_names"]
