"""How somebody becomes a customer: the rows of an import, and what was said before it.

A row is personal data: its ``repr`` shows none of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import attrs

from ..errors import UsageError

if TYPE_CHECKING:
    from datetime import datetime

ANSWERS = ("yes", "no", "objection")
"""What somebody may have said to a purpose before the import."""


@attrs.frozen
class Said:
    """What a customer said to a purpose before the import.

    A no always counts. A yes counts only with its time, its *evidence* and the notice that was
    *shown* (Art. 7(1) GDPR); otherwise it is kept, and permits nothing.

    Attributes:
        purpose: the purpose's name.
        answer: ``yes``, ``no`` or ``objection``.
        at: when it was said (aware); a no without a time counts as the latest word.
        evidence: how it can be shown; the ledger keeps a keyed hash of it, the host the words.
        shown: the id of the notice whose words the customer saw.
        explicit: fields or processings that the yes was explicit for.
        channels: channels that it was said for; none: all that the purpose has now.
        given_by: ``subject`` or ``guardian``.
    """

    purpose: str
    answer: str = "yes"
    at: datetime | None = None
    evidence: str | None = attrs.field(default=None, repr=False)
    shown: str | None = None
    explicit: Sequence[str] = ()
    channels: Sequence[str] = ()
    given_by: str = "subject"


@attrs.frozen(eq=False)
class Row:
    """One customer of an import.

    Attributes:
        ref: the host's reference.
        values: by field.
        said: what the customer said before.
        at: when they became a customer, or when the data was obtained (aware).
        shown: the id of the notice that they saw when the values were collected.
        source: where the values came from, if not from the customer, such as "address broker":
            it starts the clock of Art. 14(3) GDPR.
        key: names this telling; without it all rows of all imports have the same one.
    """

    ref: str = attrs.field(repr=False)
    values: Mapping[str, Any] = attrs.field(factory=dict, repr=False)
    said: Sequence[Said] = attrs.field(default=(), repr=False)
    at: datetime | None = None
    shown: str | None = None
    source: str = ""
    key: str | None = attrs.field(default=None, repr=False)

    @classmethod
    def of(cls, given: object) -> Row:
        """Read a row: a ``Row``, ``(ref, values)``, or ``(ref, values, {"said": [...], ...})``."""
        if isinstance(given, Row):
            return given
        if not isinstance(given, (tuple, list)) or len(given) not in (2, 3):
            raise _malformed("a row that is none")
        ref, values, *more = given
        if not more:
            return cls(ref, values)
        if not isinstance(more[0], Mapping):
            raise _malformed("the third part of a row is a mapping")
        try:
            return cls(ref, values, **more[0])
        except TypeError:
            raise _malformed("a row with a key that it does not have") from None


def _malformed(what: str) -> UsageError:
    return UsageError(
        what, place="enroll_many", remedy='pass (ref, values), (ref, values, {"at": ...}) or a Row'
    )
