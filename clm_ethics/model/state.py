"""What is known of one customer: a frozen value, made by folding events.

A state is small (at most 16 KiB when stored), sealed as a whole, and rewritten with every
entry. It holds no declared field's value, only where each came from; the built-in facts
(region, zone, locale, born, kind and the host's reference) are the exception. It is personal
data: its ``repr`` shows none of it, and it refuses to be pickled.
"""

from __future__ import annotations

from datetime import datetime
from enum import IntEnum
from typing import Any, NoReturn

import msgspec

from ..errors import UsageError
from .times import Duration

BUILT_IN = ("region", "zone", "locale", "born", "kind")
"""Fields of every policy that a host may put; ``stage`` is the sixth, set by the lifecycle."""


class Status(IntEnum):
    """Where a customer and a purpose stand. Expiry is computed, never stored."""

    GRANTED = 1
    REFUSED = 2
    WITHDRAWN = 3


class Clause(msgspec.Struct, frozen=True, array_like=True):
    """What a yes was said to: the purpose's own terms, not the whole policy.

    Attributes:
        title: eight bytes of a hash over the titles in all locales.
        fields: names, with ``:precision`` where the purpose sees a coarser value.
        processing: words of the regime packs' vocabulary.
        recipients: who else gets the data.
        keep: the retention's span; ``None`` for no end.
        keep_from: from which fact the span runs.
    """

    title: bytes
    fields: tuple[str, ...]
    processing: tuple[str, ...]
    recipients: tuple[str, ...] = ()
    keep: Duration | None = None
    keep_from: str = ""

    def covers(self, new: Clause) -> bool:
        """Say whether a yes to this clause is a yes to *new*: the same, or narrower in every respect."""
        return self == new or (
            self.title == new.title
            and all(any(_finer(old, field) for old in self.fields) for field in new.fields)
            and set(new.processing) <= set(self.processing)
            and set(new.recipients) <= set(self.recipients)
            and self._keeps_longer(new)
        )

    def _keeps_longer(self, new: Clause) -> bool:
        if self.keep is None:
            return True
        if new.keep is None or new.keep_from != self.keep_from:
            return False
        return self.keep.outlasts(new.keep)


def _finer(old: str, new: str) -> bool:
    """Say whether the field *old* (``name`` or ``name:precision``) shows at least what *new* shows."""
    name, _, precision = old.partition(":")
    other, _, coarser = new.partition(":")
    if name != other or not precision or precision == coarser:
        return name == other
    kind, _, size = precision.partition(":")
    new_kind, _, new_size = coarser.partition(":")
    if (kind, new_kind) == ("prefix", "prefix"):
        return int(new_size) <= int(size)
    if (kind, new_kind) == ("bucket", "bucket"):
        return int(new_size) % int(size) == 0
    return (precision, coarser) == ("month", "year")


class Consent(msgspec.Struct, frozen=True, array_like=True):
    """The last yes or no to a purpose.

    Attributes:
        index: the entry that said it: of two, the later in entry order counts.
        at: when it was learnt (UTC).
        happened: when it was given, if that differs.
        until: when the yes expires; ``None``: it does not.
        shown: the id of the notice, empty without proof.
        proven: whether somebody can show what was agreed to (Art. 7(1) GDPR).
        since: of a no that was said before and stands: when it was said first.
    """

    status: Status
    index: int
    at: datetime
    happened: datetime | None = None
    clause: Clause | None = None
    until: datetime | None = None
    explicit: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    given_by: str = "subject"
    shown: str = ""
    proven: bool = False
    since: datetime | None = None


class Objection(msgspec.Struct, frozen=True, array_like=True):
    """An objection (Art. 21 GDPR).

    Attributes:
        index: the entry of the last one.
        at: when it was learnt (UTC).
        marketing: it reaches all direct marketing (Art. 21(3)).
        since: when it was made first, if that was said before and stands.
    """

    index: int
    at: datetime
    marketing: bool = False
    since: datetime | None = None


class Restriction(msgspec.Struct, frozen=True, array_like=True):
    """A restriction of processing (Art. 18 GDPR) since entry *index*."""

    index: int
    at: datetime
    reason: str = ""

    def __repr__(self) -> str:
        """Show no word of the customer's."""
        return f"<Restriction since entry {self.index}>"


class Contract(msgspec.Struct, frozen=True, array_like=True):
    """The contract facts of one purpose: live while any is open.

    Attributes:
        open: digests of the keys of the opening events.
        ended: when the last closing happened (UTC); the retention runs from it.
        began: when the last opening happened (UTC).
    """

    open: tuple[bytes, ...] = ()
    ended: datetime | None = None
    began: datetime | None = None


class Contact(msgspec.Struct, frozen=True, array_like=True):
    """A contact that counts against the caps from the choice on: reserved, then sent, or cancelled.

    Attributes:
        index: the entry of the choice.
        at: when it was reserved (UTC).
        channel: on which channel.
        pressed: the offer hurried people.
        visit: it was made during the visit with this digest, and *index* is an entry of that stream.
    """

    index: int
    at: datetime
    channel: str
    sent: bool = False
    cancelled: bool = False
    pressed: bool = False
    visit: bytes = b""


class Owed(msgspec.Struct, frozen=True, array_like=True):
    """A notice that is still owed: data came from somebody else than the customer (Art. 14(3) GDPR).

    Attributes:
        index: the entry that brought the data.
        at: when it was obtained (UTC).
        due: by when the customer has to be told: within a month, or with the first contact (UTC).
        source: where it came from, in the host's words.
    """

    index: int
    at: datetime
    due: datetime
    source: str


class Stay(msgspec.Struct, frozen=True, array_like=True):
    """A time in one lifecycle stage: since when (UTC), what moved it there, and whose doing that was."""

    stage: str
    since: datetime
    why: str = ""
    by: str = ""


class Step(msgspec.Struct, frozen=True, array_like=True):
    """Something that a move of the lifecycle looks at: when it happened (UTC), its name, the actor."""

    at: datetime
    name: str
    by: str = ""


class Decayed(msgspec.Struct, frozen=True, array_like=True):
    """How far inactivity has come; void once the customer is heard of after *since*.

    Attributes:
        since: when they were last heard of (UTC).
        announced: how many steps have been announced.
        due: when the last of these happens (UTC).
        done: how many steps have been made.
        sealed: their data is sealed away.
    """

    since: datetime
    announced: int = 0
    due: datetime | None = None
    done: int = 0
    sealed: bool = False


class Preferences(msgspec.Struct, frozen=True, array_like=True):
    """What the customer has stated; ``None``: nothing. It outranks what is inferred, and only narrows.

    Attributes:
        topics: the host's words for what they care about; only these.
        channels: on which they want to be addressed; only these.
        most: how many messages they want at most, in any time of *per*.
        at: when they said so (UTC).
    """

    topics: tuple[str, ...] | None = None
    channels: tuple[str, ...] | None = None
    most: int | None = None
    per: Duration = Duration()
    at: datetime | None = None

    def narrowed(self, other: Preferences) -> Preferences:
        """Return what both wish: no topic, no channel and no message that either of them would not have."""
        most, per = self._rarer(other)
        return Preferences(
            topics=_both(self.topics, other.topics),
            channels=_both(self.channels, other.channels),
            most=most,
            per=per,
            at=self.at,
        )

    def _rarer(self, other: Preferences) -> tuple[int | None, Duration]:
        if self.most is None or other.most is None:
            said = other if self.most is None else self
            return said.most, said.per
        for one, two in ((self, other), (other, self)):
            if one.per.outlasts(two.per):  # the fewer of both, in the longer time: neither limit is passed
                return min(self.most, other.most), one.per
        longest = Duration(seconds=max(self.per.longest, other.per.longest))
        return min(self.most, other.most), longest

    def __repr__(self) -> str:
        """Show nothing of the customer."""
        return "<Preferences>"


def _both(one: tuple[str, ...] | None, two: tuple[str, ...] | None) -> tuple[str, ...] | None:
    if one is None or two is None:
        return two if one is None else one
    return tuple(each for each in one if each in two)


class Run(msgspec.Struct, frozen=True, array_like=True):
    """Where a value, or a run of a list's items, came from.

    Attributes:
        index: the entry that set it (of a run: the last).
        first: when the oldest was collected (UTC).
        last: when the newest was collected (UTC).
        announced: the purposes named to the customer when it was collected.
        count: how many items; 1 for a single value.
        purpose: the purpose of collection.
        event: the kind of event that brought it.
        by: the actor.
        consented: it was collected under consent (never compatible with another purpose).
    """

    index: int
    first: datetime
    last: datetime
    announced: tuple[str, ...]
    count: int = 1
    purpose: str = ""
    event: str = ""
    by: str = ""
    consented: bool = False


class State(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    """Everything that a decision needs to know of a customer. Build one with ``fold``.

    ``known`` is false for somebody nobody has enrolled; every question about them is denied.
    A visitor is ``anonymous``, and, once somebody knows who it is, goes ``into`` a customer's stream;
    when they have ``joined``, only that stream answers. A customer knows their ``visits`` by digests.
    ``course`` and ``steps`` are the latest stays in a stage and what brought them; up to ``settled``
    nothing that is learnt late changes them, and ``lasts`` says what had happened last by then.
    """

    known: bool = False
    length: int = 0
    at: datetime | None = None
    enrolled: datetime | None = None
    about: dict[str, str] = {}
    stage: str = ""
    stage_since: datetime | None = None
    consents: dict[str, Consent] = {}
    objections: dict[str, Objection] = {}
    restriction: Restriction | None = None
    contracts: dict[str, Contract] = {}
    mutes: dict[str, datetime] = {}
    signals: dict[str, datetime] = {}
    informed: dict[str, int] = {}
    fields: dict[str, tuple[Run, ...]] = {}
    happened: dict[str, datetime] = {}
    contacts: tuple[Contact, ...] = ()
    minor_until: datetime | None = None
    keys: bytes = b""
    erased: datetime | None = None
    erasure_done: bool = False
    sealed: int = 0
    forgotten: int = 0
    audit_since: datetime | None = None
    restored: bool = False
    asked: dict[str, tuple[datetime, ...]] = {}
    owed: Owed | None = None
    anonymous: bool = False
    into: bytes = b""
    joined: bool = False
    visits: bytes = b""
    course: tuple[Stay, ...] = ()
    steps: tuple[Step, ...] = ()
    settled: datetime | None = None
    lasts: dict[str, datetime] = {}
    decay: Decayed | None = None
    preferences: Preferences | None = None

    def __repr__(self) -> str:
        """Show the shape only: a state is personal data."""
        what = "erased" if self.erased else ("known" if self.known else "unknown")
        return f"<State {what}, {self.length} entries>"

    __str__ = __repr__

    def __reduce__(self) -> NoReturn:
        raise UsageError(
            "a state is personal data and cannot be pickled", remedy="load it where it is needed"
        )

    def __deepcopy__(self, memo: dict[int, Any]) -> State:
        return self
