"""Every error that this library raises, in one tree.

::

    ClmError
    |-- UsageError                 the call is wrong: the developer can fix it
    |   |-- NotAwaited             a verb of AsyncSteward was used without ``await``
    |   |-- UnknownName            a purpose, field, event, channel ... that the policy does not declare
    |   |-- ValueRefused           a value of the wrong type, or too large
    |   |-- KeyReused              the same ``key=`` with other content
    |   |-- NoticeOutdated         ``shown=`` is the id of no notice of the policy in force: show it again
    |   `-- Closed                 the steward is closed, or was opened before a fork
    |-- PolicyError                a policy that cannot be used; names file, line and key
    |-- Denied                     a command that the policy or a law refuses; carries the answer
    |-- FieldWithheld (KeyError)   a field that this view may not show
    |-- UnknownCustomer            no such customer, or erased
    |-- AlreadyEnrolled            the reference belongs to a living customer
    |-- Busy                       too many writers of one customer at once; try again
    |-- ClockError                 an irreversible step while the clock cannot be trusted
    |-- SourceError                a source of the host failed
    |-- VaultError
    |   |-- KeysMissing            the storage holds data, and its keys are not here
    |   |-- KeysRefused            a key folder or file that others may read, or that is not a key
    |   `-- SealBroken             a sealed record that does not open: altered, or another key's
    |-- StorageError
    |   |-- StorageUnavailable     nobody could be asked; ``written`` says what is known
    |   `-- StorageCorrupt         what the storage returned cannot be true
    `-- LedgerError
        |-- ProofError             a proof that does not prove
        `-- NoteError              a signed note that cannot be trusted

An error names the place and the remedy, and never shows personal data. ``http_status`` is what fits
it best when it reaches a web framework unhandled (RFC 9110, section 15).
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from collections.abc import Iterable


MOST_LISTED = 12
"""Most names that an error lists."""
LONGEST_SHOWN = 40
"""Most characters of a caller's name that an error shows."""


class ClmError(Exception):
    """The root: something went wrong, at a *place*, and a *remedy* is known.

    Args:
        what: what went wrong, lower-case, without a full stop.
        place: where: a file and line, a verb, a field, a stream.
        remedy: what the reader can do about it.

    Attributes:
        http_status: the status of an answer over HTTP; 500 where only the developer can do something.
    """

    http_status: ClassVar[int] = 500

    def __init__(self, what: str, *, place: str = "", remedy: str = "") -> None:
        self.what = what
        self.place = place
        self.remedy = remedy
        super().__init__(what, place, remedy)

    def __str__(self) -> str:
        text = f"{self.place}: {self.what}" if self.place else self.what
        return f"{text}; {self.remedy}" if self.remedy else text

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel between processes as words and plain facts: an answer stays, for it is personal."""
        plain = {name: fact for name, fact in vars(self).items() if isinstance(fact, (str, int, type(None)))}
        return (_rebuilt, (type(self), self.what, self.place, self.remedy), plain)


class UsageError(ClmError):
    """The call is wrong, whatever the customer's state; nothing was written."""


class NotAwaited(UsageError):
    """An answer of ``AsyncSteward`` was used before it was awaited."""


class UnknownName(UsageError):
    """The policy declares no such purpose, field, event, channel or stage."""

    http_status = 404

    @classmethod
    def among(cls, kind: str, name: object, known: Iterable[str], *, place: str = "") -> UnknownName:
        """Build the error for *name*, which is none of *known*, with the nearest names."""
        if not isinstance(name, str):  # a value by mistake: it is not shown
            return cls(f"the name of a {kind} is text", place=place, remedy=nearest(kind, "", known))
        return cls(f"no {kind} `{shorten(name)}`", place=place, remedy=nearest(kind, name, known))


class ValueRefused(UsageError):
    """A value has the wrong type or is too large; the value itself is not shown."""

    http_status = 422


class KeyReused(UsageError):
    """The idempotency key was used before, with other content."""

    http_status = 409


class NoticeOutdated(UsageError):
    """``shown=`` is the id of no notice of the policy in force: nothing was written, show the notice again.

    It comes from a form that was open while the policy changed, or from somebody who made it up.
    """

    http_status = 409


class Closed(UsageError):
    """The steward is closed, or belongs to the process that opened it."""

    http_status = 503


class PolicyError(ClmError):
    """A policy document that cannot be used: *place* is ``file:line: key``.

    Attributes:
        line: the line, if it is known.
        problems: up to twenty other problems of the document, in its order.
        others: the same, as errors.
    """

    line: int | None = None
    problems: tuple[str, ...] = ()
    others: tuple[PolicyError, ...] = ()


class Denied(ClmError):
    """The policy or a law refuses the command; nothing was written.

    Attributes:
        answer: the explained answer (a ``Decision`` or ``Choice``), falsy.
    """

    http_status = 403
    answer: Any = None

    def __init__(self, answer: Any, *, place: str = "") -> None:
        self.answer = answer
        reasons = "; ".join(str(reason) for reason in getattr(answer, "reasons", ()))
        super().__init__(
            reasons or "denied", place=place, remedy="answer.explain() says what would change it"
        )


class FieldWithheld(ClmError, KeyError):
    """The view does not show this field; *code* says why (``field.unlisted`` ...)."""

    http_status = 403

    def __init__(self, field: str, code: str, *, remedy: str = "") -> None:
        self.field = field
        self.code = code
        super().__init__(f"field `{shorten(field)}` is withheld ({code})", remedy=remedy)

    __str__ = ClmError.__str__


class UnknownCustomer(ClmError):
    """No customer has this reference (or the customer has been erased)."""

    http_status = 404


class AlreadyEnrolled(ClmError):
    """The reference belongs to a living customer."""

    http_status = 409


class Busy(ClmError):
    """The customer's stream kept moving; nothing was written, try again."""

    http_status = 503


class ClockError(ClmError):
    """An irreversible step was refused because the clock cannot be trusted."""

    http_status = 503


class SourceError(ClmError):
    """A source that the host declared failed to answer."""

    http_status = 503


class VaultError(ClmError):
    """A key is missing, unusable, or does not open what it should."""


class KeysMissing(VaultError):
    """The storage holds data, and the keys that open it are not here."""


class KeysRefused(VaultError):
    """A key folder or file that cannot be trusted: readable by others, or malformed."""


class SealBroken(VaultError):
    """A sealed record does not open: it was altered, moved, or belongs to another key."""


class StorageError(ClmError):
    """The storage failed."""


class StorageUnavailable(StorageError):
    """The storage could not be asked.

    Attributes:
        written: ``False``: nothing of this call was written; ``True``: all of it was;
            ``None``: unknown, and only loading can tell.
    """

    http_status = 503

    def __init__(self, what: str, *, written: bool | None = None, place: str = "", remedy: str = "") -> None:
        self.written = written
        super().__init__(what, place=place, remedy=remedy)


class StorageCorrupt(StorageError):
    """The storage returned something that no sequence of writes explains."""


class LedgerError(ClmError):
    """The ledger, or something taken from it, cannot be believed."""


class ProofError(LedgerError):
    """A proof that does not prove what it claims."""


class NoteError(LedgerError):
    """A signed note that is malformed, or that no known key has signed."""


def _rebuilt(kind: type[ClmError], what: str, place: str, remedy: str) -> ClmError:
    error = kind.__new__(kind)
    ClmError.__init__(error, what, place=place, remedy=remedy)
    return error


def nearest(kind: str, name: str, known: Iterable[str]) -> str:
    """Say which of the *known* names is meant, or list them when none is near."""
    names = sorted(known)
    close = get_close_matches(name, names, n=3)
    if close:
        return "did you mean " + " or ".join(f"`{each}`" for each in close) + "?"
    if not names:
        return f"the policy declares no {kind}"
    listed = ", ".join(f"`{each}`" for each in names[:MOST_LISTED])
    return f"declared are {listed}" + (", ..." if len(names) > MOST_LISTED else "")


def shorten(name: str) -> str:
    """Keep a name that a caller passed short and on one line: it may be a value by mistake."""
    printable = "".join(each if each.isprintable() else "?" for each in str(name))
    return printable if len(printable) <= LONGEST_SHOWN else printable[: LONGEST_SHOWN - 3] + "..."
