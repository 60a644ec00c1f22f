"""What customers said before the library knew them: a no always counts, a yes needs its proof."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from ..errors import UsageError
from ..lifecycle.beginning import ANSWERS, Said
from ..model.events import Granted, Refused
from ..model.state import Status
from ..policy.decide import grown_up
from ..policy.policy import FIRM
from ..policy.values import Basis
from ..transparency.notice import purposes_of
from .checking import check_text
from .common import check_happened
from .consenting import LONGEST_QUOTE, check_yes, objected, quoted

if TYPE_CHECKING:
    from datetime import datetime

    from ..flows import Book, Setting
    from ..model.events import Event
    from ..model.state import State
    from ..policy.values import Purpose

MOST_SAID = 100
"""Most answers of one row."""


class Word(NamedTuple):
    """One checked answer.

    Attributes:
        happened: when it was said (UTC).
        proven: a yes that somebody can show: its time, its evidence and its notice are there.
    """

    said: Said
    purpose: Purpose
    happened: datetime | None
    proven: bool
    explicit: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()

    @property
    def is_yes(self) -> bool:
        """Whether it is a yes."""
        return self.said.answer == "yes"


def check_said(setting: Setting, given: object, now: datetime) -> tuple[Word, ...]:
    """Check what a row says, and put it into the order in which it counts.

    A yes without proof first, so that it undoes no no; then by time; a no without a time last.
    """
    if isinstance(given, (str, Mapping)) or not isinstance(given, Sequence) or len(given) > MOST_SAID:
        raise UsageError(f"what was said is a list of at most {MOST_SAID}", place="enroll_many(said)")
    words = [_check(setting, _read(each), now) for each in given]
    return tuple(sorted(words, key=lambda word: _order(word, now)))


def _order(word: Word, now: datetime) -> tuple[bool, datetime, bool]:
    return (not word.is_yes or word.proven, word.happened or now, not word.is_yes)


def _read(given: object) -> Said:
    if isinstance(given, Said):
        return given
    if isinstance(given, Mapping):
        try:
            return Said(**given)
        except TypeError:
            pass
    raise UsageError("what was said is a `Said`", place="enroll_many(said)", remedy="pass Said(...)")


def _check(setting: Setting, said: Said, now: datetime) -> Word:
    policy = setting.policy
    purpose = policy.purpose(said.purpose)
    happened = check_happened(said.at, now, "enroll_many")
    if said.answer not in ANSWERS:
        raise UsageError(
            "an answer is one of " + ", ".join(ANSWERS), place="enroll_many(said)", remedy="pass one of them"
        )
    if said.answer != "yes":
        return Word(said, purpose, happened, proven=True)
    if Basis.CONSENT not in purpose.all_bases:
        raise UsageError(f"`{purpose.name}` does not rest on consent", place="enroll_many(said)")
    if said.evidence is not None:
        check_text(said.evidence, "evidence", "enroll_many(said)", LONGEST_QUOTE, least=0)
    explicit, channels = check_yes(policy, purpose, said.explicit, said.channels, said.given_by)
    shown = purposes_of(policy, said.shown) if isinstance(said.shown, str) else ()
    # Art. 7(1) GDPR: who, when, what they were told, and how that can be shown.
    proven = bool(happened and said.evidence and purpose.name in shown)
    return Word(said, purpose, happened, proven, explicit, channels)


def write_said(setting: Setting, book: Book, words: tuple[Word, ...], by: str) -> None:
    """Append what was said to *book*."""
    for each in words:
        word = each
        if not word.is_yes:
            book.append(_no(setting, book, word, by))
            continue
        if word.said.given_by == "guardian" and grown_up(book.state, word.happened or book.now()):
            word = word._replace(proven=False)  # what is shown is somebody else's yes
        if word.proven or _unsaid(book.state, word.purpose.name):
            book.append(_yes(setting, book, word, by))


def write_noes(setting: Setting, book: Book, words: tuple[Word, ...], by: str) -> int:
    """Append the noes among *words* that do not stand yet; return the entry of the last, or 0.

    A later yes stands: of a yes and a no the later counts.
    """
    last = 0
    for word in words:
        if not word.is_yes and not _stands(book.state, word):
            last = book.append(_no(setting, book, word, by)).index
    return last


def _unsaid(state: State, purpose: str) -> bool:
    """Say whether nothing has been said: a yes without proof replaces no answer."""
    return purpose not in state.consents and purpose not in state.objections


def _stands(state: State, word: Word) -> bool:
    """Say whether a no needs no repetition: it stands, or a later yes has ended it."""
    name = word.purpose.name
    consent, objection = state.consents.get(name), state.objections.get(name)
    if consent is not None and consent.status is Status.GRANTED:
        said = consent.happened or consent.at
        return word.happened is not None and consent.proven and word.happened < said
    if isinstance(_form(word), str):
        return consent is not None
    return objection is not None


def _form(word: Word) -> str | None:
    """Return ``refused`` if the no is one to a consent; ``None`` for an objection."""
    loose = word.purpose.all_bases - FIRM
    if word.said.answer == "objection" and (loose != {Basis.CONSENT} or word.purpose.marketing):
        return None
    return "refused" if Basis.CONSENT in word.purpose.all_bases else None


def _no(setting: Setting, book: Book, word: Word, by: str) -> Event:
    from msgspec.structs import replace

    if _form(word) is None:
        event: Event = objected(setting, word.purpose, by)
    else:
        event = Refused(at=book.now(), by=by, purpose=word.purpose.name)
    return replace(event, at=book.now(), happened=word.happened, policy=setting.policy.hash)


def _yes(setting: Setting, book: Book, word: Word, by: str) -> Granted:
    policy, purpose, said = setting.policy, word.purpose, word.said
    learnt = book.now()
    expires = purpose.consent_expires
    return Granted(
        at=learnt,
        by=by,
        happened=word.happened,
        policy=policy.hash,
        purpose=purpose.name,
        clause=policy.clauses[purpose.name] if word.proven else None,
        shown=(said.shown or "") if word.proven else "",
        proven=word.proven,
        until=None if expires is None else expires.after(word.happened or learnt),
        explicit=word.explicit,
        channels=word.channels or purpose.channels,
        given_by=said.given_by,
        evidence=quoted(book, said.evidence) if said.evidence else "",
    )


def content_of(words: tuple[Word, ...]) -> list[Any]:
    """Return what *words* say, for the key of the row."""
    return [
        [w.said.purpose, w.said.answer, w.happened, w.said.evidence, w.said.shown, w.explicit, w.channels]
        for w in words
    ]
