"""Events become state here, and nowhere else."""

from __future__ import annotations

from functools import lru_cache, singledispatch
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from . import events as e
from .state import (
    BUILT_IN,
    Consent,
    Contact,
    Contract,
    Decayed,
    Objection,
    Owed,
    Restriction,
    Run,
    State,
    Status,
    Stay,
    Step,
)
from .times import NEVER, Duration, birthday, parse_born

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

KEYS_KEPT = 256
"""How many idempotency keys a customer's state remembers."""
KEY_RECORD = 20
"""Bytes per remembered key: sixteen of the event's ``key``, four of the entry's index."""
PROMPTS_KEPT = 3
"""How many prompts for consent a customer's state remembers per purpose."""
RUNS_KEPT = 16
"""Most runs of one list; beyond it the two oldest merge, towards the protective side."""
NOTICE_WITHIN = Duration(months=1)
"""By when who did not give the data themselves has to be told (Art. 14(3)(a) GDPR)."""
COURSE_KEPT = 16
"""How many stays in a stage a customer's state remembers; the ledger has them all."""
STEPS_KEPT = 16
"""How many steps it remembers: what is learnt later than so many newer ones moves no stage."""
VISIT = 8
"""Bytes by which a customer knows a visit of theirs."""
ADULT = 18
"""The age of majority (UN CRC Art. 1, and every pack shipped)."""


def fold(events: Iterable[e.Event], state: State | None = None) -> State:
    """Apply *events* in order to *state* (by default: a customer nobody knows)."""
    state = State() if state is None else state
    for event in events:
        state = apply(state, event)
    return state


def apply(state: State, event: e.Event) -> State:
    """Return *state* after *event*."""
    index = state.length + 1
    changes = _effects(event, state, index)
    changes["length"] = index
    changes["at"] = event.at if state.at is None else max(event.at, state.at)
    if event.moves or (isinstance(event, e.Telling) and event.steps):
        changes |= _move(state, event)
    if event.key:
        kept = state.keys[-(KEYS_KEPT - 1) * KEY_RECORD :]
        changes["keys"] = kept + event.key + index.to_bytes(4, "big")
    return replace(state, **changes)


def _move(state: State, event: e.Event) -> dict[str, Any]:
    """Go on with the course of stages, and keep what it came from: of either the latest few."""
    course, steps = list(state.course), list(state.steps)
    if event.moves:
        first = event.moves[0]
        if first.anew:
            course = [stay for stay in course if stay.since < first.at]
        course += [Stay(stage=each.stage, since=each.at, why=each.why, by=each.by) for each in event.moves]
    if isinstance(event, e.Telling) and event.steps:
        when = event.happened or event.at
        steps = sorted([*steps, *(Step(when, name, event.by) for name in event.steps)], key=step_order)
    settled, lasts = state.settled, state.lasts
    floor = [stay.since for stay in course[-COURSE_KEPT:][:1] if len(course) > COURSE_KEPT]
    floor += [step.at for step in steps[: -STEPS_KEPT or None][-1:] if len(steps) > STEPS_KEPT]
    if floor:
        settled = max([*floor, *([] if settled is None else [settled])])
        old = [step for step in steps if step.at <= settled]
        lasts = lasts | {step.name: step.at for step in old}
        steps = steps[len(old) :]
        course = course[-COURSE_KEPT:]
    changes: dict[str, Any] = {
        "course": tuple(course),
        "steps": tuple(steps),
        "settled": settled,
        "lasts": lasts,
    }
    if course:
        changes |= {"stage": course[-1].stage, "stage_since": course[-1].since}
    return changes


def step_order(step: Step) -> tuple[datetime, str]:
    """Return where a step stands: by time, and of two at once by name."""
    return step.at, step.name


@singledispatch
def _effects(event: e.Event, state: State, index: int) -> dict[str, Any]:
    """Return the attributes of *state* that *event* changes; most questions change none."""
    return {}


@_effects.register
def _(event: e.Telling, state: State, index: int) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    if event.collected or event.removed or event.about:
        changes["fields"] = _collect(state, event, index)
    if event.about:
        changes |= _learn(state, event)
    if event.informed:
        changes["informed"] = dict.fromkeys(event.informed, index) | state.informed
    if event.opened or event.closed:
        changes["contracts"] = _contracts(state, event)
    if event.muted:
        longest = {name: max(until, state.mutes.get(name, until)) for name, until in event.muted.items()}
        changes["mutes"] = state.mutes | longest
    if event.source:
        changes["owed"] = _owe(state, event, index)
    return changes


def _owe(state: State, event: e.Telling, index: int) -> Owed:
    """Start the clock of Art. 14(3) GDPR; of two clocks the earlier counts."""
    obtained = event.happened or event.at
    new = Owed(index=index, at=obtained, due=NOTICE_WITHIN.after(obtained), source=event.source)
    return new if state.owed is None or new.due < state.owed.due else state.owed


@_effects.register
def _(event: e.Informed, state: State, index: int) -> dict[str, Any]:
    changes: dict[str, Any] = {} if state.owed is None else {"owed": None}
    if event.informed:
        changes["informed"] = dict.fromkeys(event.informed, index) | state.informed
    return changes


@_effects.register
def _(event: e.Enrolled, state: State, index: int) -> dict[str, Any]:
    told = _effects.dispatch(e.Telling)(event, state, index)
    known = {"known": True, "enrolled": event.happened or event.at}
    return told | known | ({"anonymous": True} if event.anonymous else {})


@_effects.register
def _(event: e.Recorded, state: State, index: int) -> dict[str, Any]:
    changes = _effects.dispatch(e.Telling)(event, state, index)
    when = event.happened or event.at
    changes["happened"] = state.happened | {event.event: max(when, state.happened.get(event.event, when))}
    return changes


@_effects.register
def _(event: e.Preferred, state: State, index: int) -> dict[str, Any]:
    return {"preferences": replace(event.stated, at=event.happened or event.at)}


@_effects.register
def _(event: e.Granted, state: State, index: int) -> dict[str, Any]:
    consent = Consent(
        status=Status.GRANTED,
        index=index,
        at=event.at,
        happened=event.happened,
        clause=event.clause,
        until=event.until,
        explicit=event.explicit,
        channels=event.channels,
        given_by=event.given_by,
        shown=event.shown,
        proven=event.proven,
    )
    return {"consents": state.consents | {event.purpose: consent}}


@_effects.register
def _(event: e.Refused, state: State, index: int) -> dict[str, Any]:
    return _say_no(event, event.purpose, Status.REFUSED, state, index)


@_effects.register
def _(event: e.Withdrawn, state: State, index: int) -> dict[str, Any]:
    return _say_no(event, event.purpose, Status.WITHDRAWN, state, index)


def _say_no(event: e.Event, purpose: str, status: Status, state: State, index: int) -> dict[str, Any]:
    old = state.consents.get(purpose)
    # A no that is said again has stood since it was said first: what it ends is not kept longer.
    since = None if old is None or old.status is Status.GRANTED else old.since or old.at
    # And it keeps us from asking again from when it was learnt last, in whatever order that is told.
    at = event.at if since is None or old is None else max(event.at, old.at)
    no = Consent(status=status, index=index, at=at, happened=event.happened, since=since)
    return {"consents": state.consents | {purpose: no}}


@_effects.register
def _(event: e.Objected, state: State, index: int) -> dict[str, Any]:
    # What an objection reached once it reaches still, whatever the policy calls the purpose now.
    old = state.objections.get(event.purpose)
    if old is None:
        new = Objection(index=index, at=event.at, marketing=event.marketing)
    else:
        said = state.consents.get(event.purpose)
        ended = said is not None and said.status is Status.GRANTED and said.index > old.index
        since = None if ended else old.since or old.at
        at = event.at if ended else max(event.at, old.at)
        new = Objection(index=index, at=at, marketing=event.marketing or old.marketing, since=since)
    return {"objections": state.objections | {event.purpose: new}}


@_effects.register
def _(event: e.Identified, state: State, index: int) -> dict[str, Any]:
    return {"into": event.into, "joined": event.done}


@_effects.register
def _(event: e.Merged, state: State, index: int) -> dict[str, Any]:
    changes: dict[str, Any] = {"visits": _without(state.visits, event.name) + event.name}
    if event.muted:
        longest = {name: max(until, state.mutes.get(name, until)) for name, until in event.muted.items()}
        changes["mutes"] = state.mutes | longest
    if event.contacts:  # they count against the caps; what is told anew of one replaces what was known
        anew = {(each.visit, each.index) for each in event.contacts if each.visit}
        kept = [each for each in state.contacts if (each.visit, each.index) not in anew]
        changes["contacts"] = tuple(sorted((*kept, *event.contacts), key=lambda each: each.at))
    if event.asked:
        changes["asked"] = state.asked | {
            name: later_prompts(state, name, times) for name, times in event.asked.items()
        }
    if event.minor_until is not None:
        known = state.minor_until
        changes["minor_until"] = event.minor_until if known is None else max(event.minor_until, known)
    return changes


@_effects.register
def _(event: e.Parted, state: State, index: int) -> dict[str, Any]:
    return {"into": b"", "joined": False, "visits": _without(state.visits, event.name)}


def later_prompts(state: State, purpose: str, times: Iterable[datetime]) -> tuple[datetime, ...]:
    """Return the prompts for *purpose* that are remembered once those at *times* (UTC) count too."""
    return tuple(sorted({*state.asked.get(purpose, ()), *times}))[-PROMPTS_KEPT:]


def _without(visits: bytes, name: bytes) -> bytes:
    names = [visits[start : start + VISIT] for start in range(0, len(visits), VISIT)]
    return b"".join(each for each in names if each != name)


@_effects.register
def _(event: e.SignalReceived, state: State, index: int) -> dict[str, Any]:
    signals = {name: at for name, at in state.signals.items() if name != event.signal}
    return {"signals": signals if event.cleared else signals | {event.signal: event.at}}


@_effects.register
def _(event: e.Restricted, state: State, index: int) -> dict[str, Any]:
    # A second restriction keeps the first one's place: consent given between them was given in it.
    first = state.restriction
    since = Restriction(index=index, at=event.at) if first is None else first
    return {"restriction": replace(since, reason=event.reason)}


@_effects.register
def _(event: e.RestrictionLifted, state: State, index: int) -> dict[str, Any]:
    return {"restriction": None}


@_effects.register
def _(event: e.Read, state: State, index: int) -> dict[str, Any]:
    return {} if state.audit_since is not None else {"audit_since": event.at}


@_effects.register
def _(event: e.Refusal, state: State, index: int) -> dict[str, Any]:
    return {} if state.audit_since is not None else {"audit_since": event.at}


@_effects.register
def _(event: e.Chosen, state: State, index: int) -> dict[str, Any]:
    contacts = tuple(each for each in state.contacts if _counts_still(each, event))
    if event.counts:
        contacts += (Contact(index=index, at=event.at, channel=event.channel, pressed=event.pressed),)
    asked: dict[str, Any] = {} if state.audit_since is not None else {"audit_since": event.at}
    if state.owed is not None:  # told at the latest with the first message, of whatever kind: Art. 14(3)(b)
        asked["owed"] = replace(state.owed, due=min(state.owed.due, event.at))
    return {"contacts": contacts, **asked}


def _counts_still(contact: Contact, event: e.Chosen) -> bool:
    """Say whether some limit may still look at an earlier *contact*."""
    if event.since is not None and contact.at < event.since:
        return False
    own = None if contact.pressed else event.brief.get(contact.channel)
    return own is None or contact.at >= own


@_effects.register
def _(event: e.Sent, state: State, index: int) -> dict[str, Any]:
    # The customer is reached when it goes out: from then on its windows run.
    return {
        "contacts": tuple(
            replace(each, sent=True, at=max(each.at, event.at)) if _is_of(each, event) else each
            for each in state.contacts
        )
    }


@_effects.register
def _(event: e.Cancelled, state: State, index: int) -> dict[str, Any]:
    return {
        "contacts": tuple(
            replace(each, cancelled=True) if _is_of(each, event) and not each.sent else each
            for each in state.contacts
        )
    }


def _is_of(contact: Contact, event: e.Sent | e.Cancelled) -> bool:
    """Say whether *contact* is that of the choice of which *event* speaks, in this stream or in a visit."""
    return (contact.index, contact.visit) == (event.choice, event.visit)


@_effects.register
def _(event: e.Asked, state: State, index: int) -> dict[str, Any]:
    # The last few tell whether it is too often; a purpose that is answered once a year needs no more.
    before = state.asked.get(event.purpose, ())[1 - PROMPTS_KEPT :]
    return {"asked": state.asked | {event.purpose: (*before, event.at)}}


@_effects.register
def _(event: e.Swept, state: State, index: int) -> dict[str, Any]:
    if not event.removed and not event.left:
        return {}
    fields = _remove(state.fields, tuple(each for each in event.removed if each.field not in event.left))
    for name, parts in event.left.items():
        both = zip(state.fields.get(name, ()), parts, strict=False)
        fields[name] = tuple(
            replace(run, count=part.count, index=part.index, first=part.first)
            for run, part in both
            if part.count
        )
    return {"fields": fields}


@_effects.register
def _(event: e.Announced, state: State, index: int) -> dict[str, Any]:
    done, sealed = (0, False)
    if state.decay is not None and state.decay.since == event.since:
        done, sealed = state.decay.done, state.decay.sealed
    return {"decay": Decayed(event.since, event.step + 1, event.due, done, sealed)}


@_effects.register
def _(event: e.Faded, state: State, index: int) -> dict[str, Any]:
    sealed = event.what == "seal" or (
        state.decay is not None and state.decay.since == event.since and state.decay.sealed
    )
    changes: dict[str, Any] = {"decay": Decayed(event.since, event.step + 1, None, event.step + 1, sealed)}
    if event.removed:
        changes["fields"] = _remove(state.fields, event.removed)
    return changes


@_effects.register
def _(event: e.Forgotten, state: State, index: int) -> dict[str, Any]:
    last = max((last for _, last in event.ranges), default=0)
    return {"forgotten": max(state.forgotten, last), "audit_since": event.until}


@_effects.register
def _(event: e.ErasureBegun, state: State, index: int) -> dict[str, Any]:
    kept = {field: runs for field, runs in state.fields.items() if field in event.survivors}
    gone = State()
    return {
        name: getattr(gone, name)
        for name in State.__struct_fields__
        if name not in {"length", "at", "known", "sealed", "restriction"}
    } | {"fields": kept, "erased": event.at, "restriction": _still(state.restriction) if kept else None}


def _still(restriction: Restriction | None) -> Restriction | None:
    """What a law keeps stays restricted (Art. 18(2) GDPR); the customer's words for it go."""
    return None if restriction is None else replace(restriction, reason="")


@_effects.register
def _(event: e.ErasureDone, state: State, index: int) -> dict[str, Any]:
    return {"erasure_done": True}


def _collect(state: State, event: e.Telling, index: int) -> dict[str, tuple[Run, ...]]:
    fields = _remove(state.fields, event.removed)
    when = event.happened or event.at
    kind = event.event if isinstance(event, e.Recorded) else e.tag_of(type(event).__name__)
    told = event.collected + tuple(
        e.Collected(field=name, announced=(event.purpose,) if event.purpose else ())
        for name in event.about
        if name in BUILT_IN and name not in {each.field for each in event.collected}
    )
    for item in told:
        run = Run(
            index=index,
            first=when,
            last=when,
            announced=tuple(sorted(item.announced)),
            count=item.items,
            purpose=event.purpose,
            event=kind,
            by=event.by,
            consented=item.consented,
        )
        before = fields.get(item.field, ())
        if isinstance(event, e.Corrected) and before:
            run = _corrected(run, before)
        old = before if item.appended else ()
        fields[item.field] = _append(_drop(old, item.dropped), run)
    return fields


def _corrected(run: Run, before: tuple[Run, ...]) -> Run:
    # A correction changes a value, not when, for what and by what right it was collected.
    return replace(
        run,
        first=min(each.first for each in before),
        last=max(each.last for each in before),
        purpose=before[0].purpose if len({each.purpose for each in before}) == 1 else "",
        consented=any(each.consented for each in before),
    )


def _append(runs: tuple[Run, ...], new: Run) -> tuple[Run, ...]:
    if runs and _alike(runs[-1], new):
        runs, new = runs[:-1], _merge(runs[-1], new)
    runs += (new,)
    while len(runs) > RUNS_KEPT:
        runs = (_merge(runs[0], runs[1]), *runs[2:])
    return runs


def _alike(old: Run, new: Run) -> bool:
    return (old.announced, old.purpose, old.event, old.by, old.consented) == (
        new.announced,
        new.purpose,
        new.event,
        new.by,
        new.consented,
    )


def _merge(old: Run, new: Run) -> Run:
    # Of two provenances the merged run keeps what permits least: the common purposes, the later
    # entry (a consent must be later still), and that consent was involved.
    return Run(
        index=max(old.index, new.index),
        first=min(old.first, new.first),
        last=max(old.last, new.last),
        announced=tuple(sorted(set(old.announced) & set(new.announced))),
        count=old.count + new.count,
        purpose=old.purpose if old.purpose == new.purpose else "",
        event=old.event if old.event == new.event else "",
        by=old.by if old.by == new.by else "",
        consented=old.consented or new.consented,
    )


def _drop(runs: tuple[Run, ...], items: int) -> tuple[Run, ...]:
    while items > 0 and runs:
        oldest = runs[0]
        if oldest.count <= items:
            items -= oldest.count
            runs = runs[1:]
        else:
            runs = (replace(oldest, count=oldest.count - items), *runs[1:])
            items = 0
    return runs


def _remove(fields: dict[str, tuple[Run, ...]], removed: tuple[e.Removed, ...]) -> dict[str, tuple[Run, ...]]:
    fields = dict(fields)
    for item in removed:
        left = _drop(fields.get(item.field, ()), item.items) if item.items else ()
        if left:
            fields[item.field] = left
        else:
            fields.pop(item.field, None)
    return fields


def _learn(state: State, event: e.Telling) -> dict[str, Any]:
    changes: dict[str, Any] = {"about": state.about | event.about}
    if "born" in event.about:
        until = of_age(event.about["born"])
        known = state.minor_until
        if known is not None and not isinstance(event, e.Corrected):
            until = max(until, known)  # nobody grows older by putting another date: only by correcting it
        changes["minor_until"] = until if until > event.at else None
    return changes


@lru_cache(maxsize=4096)
def of_age(born: str) -> datetime:
    """Return when (UTC) somebody who was *born* then is an adult in every zone."""
    try:
        return birthday(parse_born(born), ADULT)
    except ValueError:
        return NEVER  # an unreadable date of birth counts as a child's


def _contracts(state: State, event: e.Telling) -> dict[str, Contract]:
    contracts = dict(state.contracts)
    when = event.happened or event.at
    for purpose, key in event.opened.items():
        old = contracts.get(purpose, Contract())
        began = when if old.began is None else max(when, old.began)
        contracts[purpose] = replace(old, open=tuple(dict.fromkeys((*old.open, key))), began=began)
    for purpose, keys in event.closed.items():
        old = contracts.get(purpose, Contract())
        ended = when if old.ended is None else max(when, old.ended)
        contracts[purpose] = replace(old, open=tuple(key for key in old.open if key not in keys), ended=ended)
    return contracts
