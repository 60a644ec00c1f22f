"""What can happen to a customer: frozen events, each carrying its own effects.

An event says what was opened, closed, moved, muted and collected, so that ``fold`` needs no
policy. Three attributes never reach the ledger: ``about`` (the built-in facts' values), ``Restricted.reason``
and the topics of ``Preferred``; they live in the sealed state only, and :func:`recorded` strips them.

The names of the classes are the storage format: an entry's record is the event as JSON with
sorted keys, its class name in lower case under ``kind``.
"""

from __future__ import annotations

import re
from datetime import datetime

import msgspec

from .state import Clause, Contact, Preferences

_BORDER = re.compile(r"(?<!^)(?=[A-Z])")


def tag_of(name: str) -> str:
    """Return the ``kind`` of a class of events."""
    return _BORDER.sub("_", name).lower()


class Collected(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """That a field got a value (never the value itself).

    Attributes:
        field: its name.
        announced: the purposes that the customer was told of, or agreed to, at that moment.
        commitment: SHA-256 over a secret salt and the value; noise once the salt is gone.
        items: how many items it brought; 1 for a single value.
        appended: it is one more item of a list; otherwise it replaces what was there.
        dropped: how many of the list's oldest items had to go to make room.
        consented: it was collected under consent.
        inputs: the fields that it was derived from.
        model: what derived it.
    """

    field: str
    announced: tuple[str, ...] = ()
    commitment: bytes = b""
    items: int = 1
    appended: bool = False
    dropped: int = 0
    consented: bool = False
    inputs: tuple[str, ...] = ()
    model: str = ""


class Removed(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """That a field's oldest *items* went (0: all of it), and why."""

    field: str
    items: int = 0
    why: str = ""


class Moved(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A change of lifecycle stage, at the instant when it was due (UTC).

    Attributes:
        why: what moved it: an event, a time without one, or a value.
        by: the actor of that event; empty for time.
        anew: what was derived from this instant on is replaced: something was learnt late.
    """

    stage: str
    at: datetime
    why: str = ""
    by: str = ""
    anew: bool = False


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="kind", tag=tag_of):
    """What every event has.

    Attributes:
        at: when it was learnt (UTC); never before the entry that precedes it.
        by: the actor.
        happened: when it happened, if the host said so (UTC).
        policy: the hash of the policy in force.
        key: sixteen bytes: keyed hashes of the idempotency key and of the content.
        moves: changes of stage that it brought, or that had come due before it.
    """

    at: datetime
    by: str = ""
    happened: datetime | None = None
    policy: str = ""
    key: bytes = b""
    moves: tuple[Moved, ...] = ()


class Telling(Event, frozen=True, kw_only=True):
    """An event that may bring values, open and close contracts, and mute.

    *source*: where the values came from, if not from the customer (Art. 14(2)(f) GDPR).
    *steps*: names by which the lifecycle's moves look at it: an event, or a value that was reached.
    """

    purpose: str = ""
    source: str = ""
    shown: str = ""
    informed: tuple[str, ...] = ()
    collected: tuple[Collected, ...] = ()
    removed: tuple[Removed, ...] = ()
    about: dict[str, str] = {}
    opened: dict[str, bytes] = {}
    closed: dict[str, tuple[bytes, ...]] = {}
    muted: dict[str, datetime] = {}
    steps: tuple[str, ...] = ()

    def __repr__(self) -> str:
        """Name the fields it brought, and no value."""
        named = ", ".join([*(each.field for each in self.collected), *self.about])
        return f"<{type(self).__name__} under {self.purpose or 'no purpose'}: {named or 'nothing'}>"


class Enrolled(Telling, frozen=True, kw_only=True):
    """The customer's first entry; an *anonymous* visitor's too."""

    again: bool = False
    anonymous: bool = False


class Put(Telling, frozen=True, kw_only=True):
    """Values were collected."""


class Corrected(Telling, frozen=True, kw_only=True):
    """Values were put right (Art. 16 GDPR); what was announced for them stays."""


class Recorded(Telling, frozen=True, kw_only=True):
    """Something the policy names under ``[events]`` happened."""

    event: str


class Informed(Event, frozen=True, kw_only=True):
    """The customer was told, with the notice *shown*, of the purposes *informed* (Art. 13, 14 GDPR)."""

    shown: str = ""
    informed: tuple[str, ...] = ()


class Preferred(Event, frozen=True, kw_only=True):
    """The customer stated what they prefer; the topics are in the sealed state only."""

    stated: Preferences

    def __repr__(self) -> str:
        """Show nothing of the customer."""
        return f"<Preferred at {self.at:%Y-%m-%d %H:%M}>"


class Granted(Event, frozen=True, kw_only=True):
    """A yes to a purpose's clause; *visit*: the visitor's stream in which it was given."""

    purpose: str
    clause: Clause | None = None
    shown: str = ""
    proven: bool = True
    until: datetime | None = None
    explicit: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    given_by: str = "subject"
    evidence: str = ""
    visit: bytes = b""


class Refused(Event, frozen=True, kw_only=True):
    """A no to a purpose that was asked for."""

    purpose: str


class Withdrawn(Event, frozen=True, kw_only=True):
    """A yes taken back (Art. 7(3) GDPR), or a no to a purpose that rests on something else."""

    purpose: str


class Objected(Event, frozen=True, kw_only=True):
    """An objection (Art. 21 GDPR); *marketing* reaches all direct marketing."""

    purpose: str
    marketing: bool = False
    ground: str = ""


class Identified(Event, frozen=True, kw_only=True):
    """In a visitor's stream: who the visitor is.

    Attributes:
        into: the customer's stream.
        done: the customer's stream has every no of the visitor's, and answers from here on.
    """

    into: bytes
    done: bool = False


class Merged(Event, frozen=True, kw_only=True):
    """In a customer's stream: the visitor of stream *visit*, whose name has the digest *name*, is they.

    What else carries over narrows too: *muted*, until when the visitor is a *minor_until* (UTC), the
    *contacts* made, as they stand there, and when they were *asked* for consent, per purpose (UTC).
    """

    visit: bytes
    name: bytes = b""
    muted: dict[str, datetime] = {}
    minor_until: datetime | None = None
    contacts: tuple[Contact, ...] = ()
    asked: dict[str, tuple[datetime, ...]] = {}


class Parted(Event, frozen=True, kw_only=True):
    """The visitor of stream *visit* and the customer turned out to be two people; in both streams."""

    visit: bytes
    name: bytes = b""


class SignalReceived(Event, frozen=True, kw_only=True):
    """An opt-out signal (such as Global Privacy Control) was seen, or *cleared*."""

    signal: str
    cleared: bool = False


class Restricted(Event, frozen=True, kw_only=True):
    """Processing is restricted from here on (Art. 18 GDPR)."""

    reason: str = ""

    def __repr__(self) -> str:
        """Show no word of the customer's."""
        return f"<Restricted at {self.at:%Y-%m-%d %H:%M}>"


class RestrictionLifted(Event, frozen=True, kw_only=True):
    """The restriction ended; the customer was to be told before (Art. 18(3) GDPR)."""


class Read(Event, frozen=True, kw_only=True):
    """Fields were read for a purpose; *seen* is the entry that the decision was made on."""

    purpose: str
    fields: tuple[str, ...] = ()
    withheld: tuple[str, ...] = ()
    basis: str = ""
    channel: str = ""
    seen: int = 0
    count: int = 1


class Refusal(Event, frozen=True, kw_only=True):
    """A question was answered with no, *count* times since *first* (UTC)."""

    verb: str
    purpose: str = ""
    code: str = ""
    channel: str = ""
    first: datetime | None = None
    count: int = 1


class Chosen(Event, frozen=True, kw_only=True):
    """An offer was chosen and its contact reserved; contacts before *since* count no more.

    *brief*: per channel whose contacts count for a shorter time, the same; those that pressed stay.

    *pressed*: the offer hurries people.
    """

    offer: str
    purpose: str
    channel: str
    level: str = ""
    uses: tuple[str, ...] = ()
    stated: dict[str, str] = {}
    counts: bool = True
    since: datetime | None = None
    brief: dict[str, datetime] = {}
    pressed: bool = False


class Sent(Event, frozen=True, kw_only=True):
    """The choice of entry *choice* went out; *against*: what forbade it by then (a code), if anything did.

    *visit*: the entry is one of the visit with this digest, of which the customer knows the contact.
    """

    choice: int
    against: str = ""
    visit: bytes = b""


class Cancelled(Event, frozen=True, kw_only=True):
    """The choice of entry *choice* was not sent; its contact is free again. *visit*: as of ``Sent``."""

    choice: int
    visit: bytes = b""


class Left(msgspec.Struct, frozen=True, array_like=True):
    """What is left of one run of a list: how many items, the newest's entry, the oldest's time (UTC)."""

    count: int
    index: int
    first: datetime


class Asked(Event, frozen=True, kw_only=True):
    """The customer was asked to agree to a purpose, on some *surface*, whatever they answer."""

    purpose: str
    surface: str = ""


class Swept(Event, frozen=True, kw_only=True):
    """Values whose time was over were removed, or a due change of stage was written down.

    Attributes:
        removed: what went.
        left: per list of which a part went, what is left of each of its runs, in their order:
            an item that is learnt late may be older than the one before it, and goes first.
    """

    removed: tuple[Removed, ...] = ()
    left: dict[str, tuple[Left, ...]] = {}


class Announced(Event, frozen=True, kw_only=True):
    """That a step of inactivity will come.

    Attributes:
        what: ``shrink``, ``seal`` or ``forget``.
        step: its place in the policy, from 0.
        since: when the customer was last heard of (UTC).
        due: when it comes, unless they return (UTC).
    """

    what: str
    step: int
    since: datetime
    due: datetime


class Faded(Event, frozen=True, kw_only=True):
    """A step of inactivity was made: fields shrank, or everything was sealed away."""

    what: str
    step: int
    since: datetime
    removed: tuple[Removed, ...] = ()


class Forgotten(Event, frozen=True, kw_only=True):
    """Bodies of entries went, by index; an entry in clear.

    *until*: the oldest record of a question that is left (UTC).
    """

    ranges: tuple[tuple[int, int], ...]
    why: str = ""
    until: datetime | None = None


class ErasureBegun(Event, frozen=True, kw_only=True):
    """From here on every answer outside the survivors is "erased"; an entry in clear.

    Attributes:
        survivors: per field that a law keeps, the law's purpose.
    """

    survivors: dict[str, str] = {}
    erased: int = 0


class ErasureDone(Event, frozen=True, kw_only=True):
    """The certificate of an erasure; an entry in clear.

    Attributes:
        fields: how many fields were erased.
        survivors: per field that a law keeps, the law's purpose.
        pending: sources and processors that have not erased yet.
        notes: what was scrubbed and what could not be reached.
    """

    fields: int = 0
    survivors: dict[str, str] = {}
    pending: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


AnyEvent = (
    Enrolled
    | Put
    | Corrected
    | Recorded
    | Informed
    | Preferred
    | Granted
    | Refused
    | Withdrawn
    | Objected
    | Identified
    | Merged
    | Parted
    | SignalReceived
    | Restricted
    | RestrictionLifted
    | Read
    | Refusal
    | Chosen
    | Sent
    | Cancelled
    | Asked
    | Swept
    | Announced
    | Faded
    | Forgotten
    | ErasureBegun
    | ErasureDone
)
"""Every event, told apart in a record by its ``kind``."""

IN_CLEAR = (Forgotten, ErasureBegun, ErasureDone)
"""Events whose entries are not sealed, and hold nothing personal."""

NO = (Refused, Withdrawn, Objected, Restricted)
"""Events that only ever permit less: they never fail, and raise the stream's floor."""

SMALL = (*NO, RestrictionLifted, Read, Refusal, Sent, Cancelled, Swept, Announced, Faded, *IN_CLEAR)
"""Events for which a full state has room: they add to it no more than a no does."""

_encoder = msgspec.json.Encoder(order="sorted")
_decoder: msgspec.json.Decoder[AnyEvent] = msgspec.json.Decoder(AnyEvent)


def recorded(event: Event) -> bytes:
    """Return the canonical record of *event*: JSON, sorted keys, no value of a person."""
    if isinstance(event, Telling) and event.about:
        event = msgspec.structs.replace(event, about={})
    elif isinstance(event, Restricted) and event.reason:
        event = msgspec.structs.replace(event, reason="")
    elif isinstance(event, Preferred) and event.stated.topics:
        event = msgspec.structs.replace(event, stated=msgspec.structs.replace(event.stated, topics=()))
    return _encoder.encode(event)


def from_record(record: bytes) -> AnyEvent:
    """Read a record back; ``msgspec.ValidationError`` if it is none."""
    return _decoder.decode(record)
