"""A customer's story: one plain sentence for each entry, without a single value of theirs."""

from __future__ import annotations

from datetime import UTC, date, datetime
from functools import singledispatch
from typing import TYPE_CHECKING

import attrs

from ..model import events as e
from ..model.times import Duration

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ..policy.policy import Policy


@attrs.frozen(kw_only=True)
class Line:
    """One entry of a story.

    Attributes:
        index: the entry's number in the customer's stream.
        at: when it was learnt (UTC).
        text: what happened, in one sentence.
        kind: the kind of event, such as ``granted``.
        by: the actor.
    """

    index: int
    at: datetime
    text: str
    kind: str
    by: str = ""

    @classmethod
    def of(cls, index: int, event: e.AnyEvent, policy: Policy | None = None) -> Line:
        """Tell *event*, which is entry *index*."""
        return cls(
            index=index,
            at=event.at.astimezone(UTC),
            text=sentence(event, policy),
            kind=str(event.__struct_config__.tag),
            by=event.by,
        )

    def __str__(self) -> str:
        by = f" [{self.by}]" if self.by else ""
        return f"{self.at:%Y-%m-%d %H:%M} UTC  {self.text}{by}"


@attrs.frozen(kw_only=True)
class History:
    """A story, or a page of it; falsy when there is nothing to tell.

    Attributes:
        lines: in the order of the stream.
        complete: nothing is missing: no page before or after, nothing forgotten.
        next_after: where the next page begins (``history(after=...)``); ``None``: there is none.
    """

    lines: tuple[Line, ...] = ()
    complete: bool = True
    next_after: int | None = None

    def __len__(self) -> int:
        return len(self.lines)

    def __iter__(self) -> Iterator[Line]:
        return iter(self.lines)

    def __getitem__(self, place: int) -> Line:
        return self.lines[place]

    def __str__(self) -> str:
        said = [str(line) for line in self.lines] or ["Nothing is recorded."]
        if not self.complete:
            said.append("(This is not the whole story.)")
        return "\n".join(said)


def confidential(event: e.AnyEvent, policy: Policy, at: datetime) -> bool:
    """Say whether a law forbids, at *at*, to tell the customer of *event*.

    It does for reads, questions and choices of a purpose with ``confidential = { law, until }``:
    until that day, or for that long after the event. What no longer has a purpose in the policy is told.
    """
    if not isinstance(event, (e.Read, e.Refusal, e.Chosen)):
        return False
    purpose = policy.purposes.get(event.purpose)
    if purpose is None or purpose.confidential is None:
        return False
    return at < _until(purpose.confidential[1], event.at)


def _until(text: str, since: datetime) -> datetime:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return Duration.parse(text).after(since)
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def sentence(event: e.AnyEvent, policy: Policy | None = None) -> str:
    """Say in one plain English sentence what *event* was; *policy* gives purposes their titles."""
    said = _say(event, _Titles(policy))
    happened = event.happened
    if happened is not None and happened.date() != event.at.date():
        said += f" (it happened on {happened:%Y-%m-%d})"
    for move in event.moves:
        said += f"; the stage became {move.stage} on {move.at:%Y-%m-%d}"
    return said + "."


@attrs.frozen
class _Titles:
    policy: Policy | None

    def __call__(self, name: str) -> str:
        purpose = None if self.policy is None else self.policy.purposes.get(name)
        if purpose is None:
            return f'"{name}"' if name else "no purpose"
        return f'"{purpose.title.get("en") or next(iter(purpose.title.values()))}" ({name})'


@singledispatch
def _say(event: e.Event, titles: _Titles) -> str:
    # Reached only by a kind of event that is not of this library.
    return f"Something of the kind {type(event).__name__.lower()} happened"


@_say.register
def _(event: e.Enrolled, titles: _Titles) -> str:
    again = " again, by their own wish," if event.again else ""
    if event.anonymous:
        return "An anonymous visitor came"
    return f"The customer was enrolled{again} for {titles(event.purpose)}{_told(event, titles)}"


@_say.register
def _(event: e.Put, titles: _Titles) -> str:
    return f"Data was put under {titles(event.purpose)}{_told(event, titles)}"


@_say.register
def _(event: e.Corrected, titles: _Titles) -> str:
    return f"Data was corrected{_told(event, titles)}"


@_say.register
def _(event: e.Recorded, titles: _Titles) -> str:
    return f"The event {event.event} was recorded under {titles(event.purpose)}{_told(event, titles)}"


def _told(event: e.Telling, titles: _Titles) -> str:
    """Say which fields came and went, and what was opened, closed and silenced; no value."""
    appended = _each(item.field for item in event.collected if item.appended)
    set_ = _each([*(item.field for item in event.collected if not item.appended), *event.about])
    parts = [f"set were {set_}" if set_ else "", f"one more was added to {appended}" if appended else ""]
    parts += [
        f"{item.field} was derived from {', '.join(item.inputs)}{f' by {item.model}' if item.model else ''}"
        for item in event.collected
        if item.inputs
    ]
    parts.append("a notice was shown" if event.shown else "")
    parts.append(f"it came from {event.source}, not from the customer" if event.source else "")
    dropped = _each(item.field for item in event.collected if item.dropped)
    parts.append(f"the oldest of {dropped} had to go" if dropped else "")
    parts.append(_gone(event.removed))
    parts += [f"a contract for {titles(name)} was opened" for name in event.opened]
    parts += [f"a contract for {titles(name)} was closed" for name in event.closed]
    parts += [f"{word} is silent until {until:%Y-%m-%d}" for word, until in event.muted.items()]
    said = "; ".join(part for part in parts if part)
    return f": {said}" if said else ""


def _each(names: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(names))


def _gone(removed: tuple[e.Removed, ...]) -> str:
    return "; ".join(
        (f"{item.items} of {item.field} went" if item.items else f"{item.field} went")
        + (f" ({item.why})" if item.why else "")
        for item in removed
    )


@_say.register
def _(event: e.Informed, titles: _Titles) -> str:
    told = ", ".join(titles(name) for name in event.informed)
    return f"The customer was told of {told}" if told else "The customer was told"


@_say.register
def _(event: e.Preferred, titles: _Titles) -> str:
    stated = event.stated
    parts = ["which topics they care about" if stated.topics is not None else ""]
    if stated.channels is not None:
        parts.append(f"to be addressed on {', '.join(stated.channels) or 'no channel'}")
    if stated.most is not None:
        parts.append(f"at most {stated.most} messages in {stated.per.iso()}")
    said = "; ".join(part for part in parts if part)
    return f"The customer said what they prefer: {said}" if said else "The customer prefers nothing special"


@_say.register
def _(event: e.Granted, titles: _Titles) -> str:
    who = "A guardian" if event.given_by == "guardian" else "The customer"
    said = f"{who} agreed to {titles(event.purpose)}"
    said += f", explicitly for {', '.join(event.explicit)}" if event.explicit else ""
    said += f", on {', '.join(event.channels)}" if event.channels else ""
    said += f", until {event.until:%Y-%m-%d}" if event.until is not None else ""
    said += ", on a visit" if event.visit else ""
    return said + ("" if event.proven else ", but nobody can show what to")


@_say.register
def _(event: e.Refused, titles: _Titles) -> str:
    return f"The customer refused {titles(event.purpose)}"


@_say.register
def _(event: e.Withdrawn, titles: _Titles) -> str:
    return f"The customer withdrew from {titles(event.purpose)}"


@_say.register
def _(event: e.Objected, titles: _Titles) -> str:
    reach = ", and with it to all direct marketing" if event.marketing else ""
    return f"The customer objected to {titles(event.purpose)}{reach}"


@_say.register
def _(event: e.Identified, titles: _Titles) -> str:
    return "The visitor is a known customer" + ("" if event.done else ", who takes over every no")


@_say.register
def _(event: e.Merged, titles: _Titles) -> str:
    silent = [f"{word} is silent until {until:%Y-%m-%d}" for word, until in event.muted.items()]
    return "; ".join(["A visit turned out to be the customer's", *silent])


@_say.register
def _(event: e.Parted, titles: _Titles) -> str:
    return "A visit turned out to be somebody else's"


@_say.register
def _(event: e.SignalReceived, titles: _Titles) -> str:
    return f"The opt-out signal {event.signal} " + ("was cleared" if event.cleared else "was received")


@_say.register
def _(event: e.Restricted, titles: _Titles) -> str:
    return "The processing was restricted"


@_say.register
def _(event: e.RestrictionLifted, titles: _Titles) -> str:
    return "The restriction of the processing was lifted"


@_say.register
def _(event: e.Read, titles: _Titles) -> str:
    many = "were" if len(event.fields) > 1 else "was"
    said = f"{', '.join(event.fields) or 'Nothing'} {many} read for {titles(event.purpose)}"
    said = said[:1].upper() + said[1:] + _times(event.count)
    said += f", for {event.channel}" if event.channel else ""
    said += f", on the basis of {event.basis.replace('_', ' ')}" if event.basis else ""
    kept = "were" if len(event.withheld) > 1 else "was"
    return said + (f"; withheld {kept} {', '.join(event.withheld)}" if event.withheld else "")


@_say.register
def _(event: e.Refusal, titles: _Titles) -> str:
    said = f"The question {event.verb} for {titles(event.purpose)} was answered with no{_times(event.count)}"
    return said + (f" ({event.code})" if event.code else "")


def _times(count: int) -> str:
    return "" if count == 1 else f" {count} times"


@_say.register
def _(event: e.Chosen, titles: _Titles) -> str:
    data = f", from {', '.join(event.uses)}" if event.uses else ""
    level = f" at the {event.level} level" if event.level else ""
    return f"The offer {event.offer} was chosen for {titles(event.purpose)} on {event.channel}{level}{data}"


@_say.register
def _(event: e.Sent, titles: _Titles) -> str:
    late = f", though by then it was not allowed ({event.against})" if event.against else ""
    return f"What entry {event.choice}{_of_visit(event)} chose was sent{late}"


@_say.register
def _(event: e.Cancelled, titles: _Titles) -> str:
    return f"What entry {event.choice}{_of_visit(event)} chose was not sent"


def _of_visit(event: e.Sent | e.Cancelled) -> str:
    return " of a visit" if event.visit else ""


@_say.register
def _(event: e.Asked, titles: _Titles) -> str:
    where = f" on {event.surface}" if event.surface else ""
    return f"The customer was asked to agree to {titles(event.purpose)}{where}"


@_say.register
def _(event: e.Swept, titles: _Titles) -> str:
    gone = _gone(event.removed)
    return f"What was over was cleared away: {gone}" if gone else "What had come due was written down"


_FADING = {
    "shrink": "less of the data will be kept",
    "seal": "the data will be sealed away",
    "forget": "the customer will be forgotten",
}


@_say.register
def _(event: e.Announced, titles: _Titles) -> str:
    coming = _FADING.get(event.what, event.what)
    return f"Not heard of since {event.since:%Y-%m-%d}: {coming} on {event.due:%Y-%m-%d}, unless they return"


@_say.register
def _(event: e.Faded, titles: _Titles) -> str:
    gone = _gone(event.removed)
    said = "everything but what a law or a contract needs was sealed away" if event.what == "seal" else gone
    return f"Not heard of since {event.since:%Y-%m-%d}: {said or 'nothing was left to go'}"


@_say.register
def _(event: e.Forgotten, titles: _Titles) -> str:
    entries = ", ".join(f"{first} to {last}" if first != last else str(first) for first, last in event.ranges)
    return f"The contents of entries {entries} were forgotten" + (f" ({event.why})" if event.why else "")


@_say.register
def _(event: e.ErasureBegun, titles: _Titles) -> str:
    kept = [f"{field} for {titles(purpose)}" for field, purpose in event.survivors.items()]
    return "The erasure began" + (f"; a law keeps {', '.join(kept)}" if kept else "")


@_say.register
def _(event: e.ErasureDone, titles: _Titles) -> str:
    said = f"The erasure is done: {event.fields} field{'s' * (event.fields != 1)} erased"
    said += f"; a law keeps {', '.join(event.survivors)}" if event.survivors else ""
    return said + (f"; still pending at {', '.join(event.pending)}" if event.pending else "")
