"""Visitors: a stream of their own, and what becomes of it once somebody knows who they are.

There is no commit across two streams, so the order carries the promise. Identifying: (1) the
visitor's stream says who it will be, so that of two racing identifies one wins; (2) the customer's
stream takes over every no; (3) the visitor's stream says that it is done, unless a no has come
since, which goes to the customer first; (4) the visitor's reference leads to the customer. A
crash after any step loses no no and grants nothing; the same call again goes on. Parting goes
the other way: the yes that came with the visit ends first.
"""

from __future__ import annotations

from base64 import urlsafe_b64encode
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from msgspec.structs import replace

from ..errors import AlreadyEnrolled, Busy, UnknownCustomer, UsageError
from ..flows import act, effects, look, streams
from ..model.events import (
    Enrolled,
    Granted,
    Identified,
    Merged,
    Moved,
    Objected,
    Parted,
    Preferred,
    Refused,
    Restricted,
    SignalReceived,
    Withdrawn,
)
from ..model.fold import VISIT, later_prompts
from ..model.state import Status
from ..policy.decide import grown_up
from .checking import check_names
from .common import (
    REF,
    check_actor,
    check_ref,
    knows_visit,
    lead,
    locate,
    moved,
    need_current,
    need_living,
    on_customer,
    open_entry,
    token_of,
    unknown,
    visit_name,
    visits_token,
)
from .consenting import drop_derived
from .enrolling import ATTEMPTS, draft_of, store
from .erasing import erase_stream
from .flooring import Floor, once_said, set_floor
from .telling import Noted

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from ..flows import Book, Flow, Setting
    from ..model.events import Event
    from ..model.state import Consent, Contact, Preferences, State

NAME = 16
"""Random bytes of a visitor's reference."""
MOST_VISITS = 200
"""Most visits that a customer may turn out to have made."""
PAGE = 500
"""Entries of one page."""
RESTRICTED = "carried over from a visit"
"""Why a customer is restricted who was so as a visitor."""


def visitor(setting: Setting, *, by: str | None = None) -> Flow[str]:
    """Make a stream for somebody nobody knows; return its random reference, such as for a cookie.

    It takes no value that identifies, and no purpose is asked for: what the visitor says is kept.
    """
    by = check_actor(by, setting.acting, "visitor")
    name = "v-" + urlsafe_b64encode(setting.random(NAME)).decode().rstrip("=")
    policy = setting.policy

    def write(book: Book) -> None:
        now = book.now()
        start = policy.lifecycle.start
        moves = (Moved(stage=start, at=now),) if start else ()
        book.remark = True
        book.append(
            Enrolled(at=now, by=by, policy=policy.hash, about={REF: name}, anonymous=True, moves=moves)
        )

    claim = token_of(setting, REF, name)
    for _ in range(ATTEMPTS):
        if (yield from store(setting, name, draft_of(setting, write), claim, None)):
            return name
    raise Busy("the storage keeps refusing a write that fits", place="visitor", remedy="try again")


class _Visit(NamedTuple):
    """What a visitor's stream said when it was looked at."""

    stream: bytes
    name: str
    state: State
    joined: bool = False


def identify(
    setting: Setting, ref: str, known: str, *, by: str | None = None, given_as: Iterable[str] = ()
) -> Flow[Noted]:
    """Let the visitor *ref* be the customer *known*: every no carries over, and no yes.

    Args:
        setting: the steward's.
        ref: the visitor's reference; afterwards it leads to the customer.
        known: the customer's reference.
        by: the actor.
        given_as: purposes whose yes the visitor gave as this very person, such as in a form that
            names them: those carry over, unless the customer has said anything since.

    Raises:
        UnknownCustomer: no such visitor or customer, or erased.
        AlreadyEnrolled: the visitor has been identified as somebody else.
        UsageError: what is to be identified is no visitor, or is to be one.
    """
    by = check_actor(by, setting.acting, "identify")
    as_person = check_names(given_as, "identify(given_as=)")
    for name in as_person:
        setting.policy.purpose(name)
    target, _ = yield from locate(setting, check_ref(known))
    if target is None:
        raise unknown()
    yield from _check_target(setting, target)
    visit = yield from on_customer(setting, ref, lambda book: _intend(setting, book, ref, target, by))
    if visit.joined:
        return (yield from act(target, lambda book: _noted(book, repeated=True)))
    for _ in range(ATTEMPTS):
        try:
            noted = yield from _take_over(setting, target, visit, as_person, by)
        except UnknownCustomer:  # erased meanwhile: the visit was theirs, and goes too
            yield from erase_stream(setting, visit.stream, visit.name, by)
            raise
        seen = yield from act(visit.stream, partial(_finish, setting, visit, by))
        if seen is None:
            yield from lead(setting, ref, visit.stream, target)
            return noted
        visit = seen
    raise Busy("the visitor kept saying no", place="identify", remedy="identify again: it goes on")


def _check_target(setting: Setting, target: bytes) -> Flow[None]:
    book = yield from look(setting, target)
    need_living(book, "identify")
    if book.state.anonymous:
        raise UsageError(
            "a visitor is identified as a customer, not as a visitor",
            place="identify",
            remedy="enroll(...) the customer first",
        )


def _intend(setting: Setting, book: Book, ref: str, target: bytes, by: str) -> _Visit:
    """Step 1: say who the visitor will be, unless that is said."""
    state = book.state
    need_living(book, "identify")
    need_current(setting, book, "identify")  # a no that a backup has lost could not be carried over
    if knows_visit(setting, state, ref):  # the reference leads to a customer already
        if book.stream != target:
            raise _another()
        return _Visit(book.stream, ref, state, joined=True)
    if not state.anonymous:
        raise UsageError("a customer is known already", place="identify", remedy="identify a visitor")
    if state.into and state.into != target:
        raise _another()
    if not state.into:
        event = Identified(at=book.now(), by=by, policy=setting.policy.hash, into=target)
        book.lookups = {visits_token(setting, target): None}
        book.remark = True
        book.append(moved(setting, book, event))
    return _visit(book)


def _another() -> AlreadyEnrolled:
    return AlreadyEnrolled(
        "the visitor has been identified as another customer",
        place="identify",
        remedy="if that was wrong: customer.unidentify(visitor)",
    )


def _visit(book: Book) -> _Visit:
    return _Visit(book.stream, book.state.about.get(REF, ""), book.state)


def _noes(state: State) -> Any:
    """Return everything in a visitor's state that narrows: what has to be carried over."""
    return (
        {name: each for name, each in state.consents.items() if each.status is not Status.GRANTED},
        state.objections,
        state.signals,
        state.restriction,
        state.mutes,
        state.minor_until,
        state.contacts,
        state.asked,
        state.preferences,
    )


def _take_over(
    setting: Setting, target: bytes, visit: _Visit, as_person: tuple[str, ...], by: str
) -> Flow[Noted]:
    """Step 2: the customer's stream says that the visit was theirs, and every no."""

    def tell(book: Book) -> tuple[Noted, int]:
        need_living(book, "identify")
        said = _said(setting, book, visit, as_person, by)
        noes = 0
        for event in said:
            index = book.append(moved(setting, book, event)).index
            noes = index if isinstance(event, (Refused, Withdrawn, Objected, Restricted)) else noes
            if isinstance(event, (Refused, Withdrawn, Objected)):
                drop_derived(setting, book, setting.policy.purposes[event.purpose])
        return _noted(book), noes

    noted, noes = yield from act(target, tell)
    if noes:
        floor = Floor(noes, target, noes if visit.state.restriction is not None else 0)
        yield from once_said(set_floor(setting, streams.key_stream(target), floor))
    done: Noted = noted
    return done


def _noted(book: Book, *, repeated: bool = False) -> Noted:
    need_living(book, "identify")
    return Noted(book.state.length, book.now(), book.state.stage, repeated=repeated)


def _said(setting: Setting, book: Book, visit: _Visit, as_person: tuple[str, ...], by: str) -> list[Event]:
    """Return what the customer's stream has to say of the visit; nothing that it says already."""
    mine, theirs, now = book.state, visit.state, book.now()
    said: list[Event] = []
    name = visit_name(setting, visit.name)
    merged = Merged(
        at=now,
        visit=visit.stream,
        name=name,
        contacts=_contacts(mine, theirs, name),
        asked=_prompts(mine, theirs),
        muted=_longer(mine, theirs),
        minor_until=theirs.minor_until,
    )
    if not knows_visit(setting, mine, visit.name):
        if len(mine.visits) >= MOST_VISITS * VISIT:
            raise UsageError(f"more than {MOST_VISITS} visits of one customer", place="identify")
        said.append(merged)
        said += _yeses(mine, visit, as_person)
    elif (
        merged.contacts
        or merged.asked
        or merged.muted
        or (theirs.minor_until or now) > (mine.minor_until or now)
    ):
        said.append(merged)
    said += _refusals(setting, mine, theirs)
    said += _wishes(mine.preferences, theirs.preferences)
    return [replace(event, at=now, by=by, policy=setting.policy.hash) for event in said]


def _contacts(mine: State, theirs: State, name: bytes) -> tuple[Contact, ...]:
    """Return the visitor's contacts that the customer does not know, or not as they stand by now."""
    known = {each.index: each for each in mine.contacts if each.visit == name}
    found = (replace(each, visit=name) for each in theirs.contacts)
    return tuple(
        each
        for each in found
        if each != known.get(each.index) and not (each.cancelled and each.index not in known)
    )


def _wishes(mine: Preferences | None, theirs: Preferences | None) -> list[Event]:
    """Return what the visitor wished, as far as it narrows, unless the customer has said otherwise since."""
    if theirs is None or theirs.at is None:
        return []
    if mine is not None and mine.at is not None and mine.at > theirs.at:
        return []
    if mine is None:
        return [Preferred(at=theirs.at, happened=theirs.at, stated=theirs)]
    both = mine.narrowed(theirs)
    return [] if both == mine else [Preferred(at=theirs.at, happened=theirs.at, stated=both)]


def _longer(mine: State, theirs: State) -> dict[str, datetime]:
    return {
        word: until
        for word, until in theirs.mutes.items()
        if word not in mine.mutes or until > mine.mutes[word]
    }


def _prompts(mine: State, theirs: State) -> dict[str, tuple[datetime, ...]]:
    """Return when the visitor was asked for consent, as far as the customer's limits still look at it."""
    new = {
        name: tuple(at for at in later_prompts(mine, name, times) if at not in mine.asked.get(name, ()))
        for name, times in theirs.asked.items()
    }
    return {name: times for name, times in new.items() if times}


def _refusals(setting: Setting, mine: State, theirs: State) -> list[Event]:
    """Return every no of the visitor's that does not stand with the customer, or was said later there."""
    said: list[Event] = []
    for name, no in theirs.consents.items():
        if no.status is Status.GRANTED or name not in setting.policy.purposes:
            continue
        own = mine.consents.get(name)
        stands = own is not None and (_later(own, no.at) if own.status is Status.GRANTED else own.at >= no.at)
        if not stands:
            kind = Refused if no.status is Status.REFUSED else Withdrawn
            said.append(kind(at=no.at, happened=no.happened or no.at, purpose=name))
    for name, objection in theirs.objections.items():
        own_no, own = mine.objections.get(name), mine.consents.get(name)
        ended = own is not None and own.status is Status.GRANTED
        lasts = own_no is not None and (not ended or (own is not None and own.index < own_no.index))
        stands = lasts and own_no is not None and own_no.at >= objection.at
        if (
            name in setting.policy.purposes
            and not stands
            and not (own and ended and _later(own, objection.at))
        ):
            at = objection.at
            said.append(Objected(at=at, happened=at, purpose=name, marketing=objection.marketing))
    said += [
        SignalReceived(at=at, happened=at, signal=signal)
        for signal, at in theirs.signals.items()
        if signal not in mine.signals
    ]
    if theirs.restriction is not None and mine.restriction is None:
        said.append(Restricted(at=theirs.restriction.at, reason=RESTRICTED))
    return said


def _later(yes: Consent, no: datetime) -> bool:
    """Say whether a yes was said, with proof, after the visitor's no: of the two the later counts."""
    return yes.proven and (yes.happened or yes.at) > no


def _yeses(mine: State, visit: _Visit, as_person: tuple[str, ...]) -> list[Event]:
    """Return what the visitor agreed to as this person, where the customer has said nothing since."""
    said: list[Event] = []
    for name in as_person:
        yes = visit.state.consents.get(name)
        if yes is None or yes.status is not Status.GRANTED or not yes.proven:
            continue
        given = yes.happened or yes.at
        own, objection = mine.consents.get(name), mine.objections
        since = [own.at] if own is not None else []
        since += [each.at for key, each in objection.items() if key == name or each.marketing]
        not_theirs = yes.given_by == "guardian" and grown_up(mine, given)
        if mine.restored or not_theirs or any(at >= given for at in since):
            continue
        said.append(
            Granted(
                at=yes.at,
                happened=given,
                purpose=name,
                clause=yes.clause,
                shown=yes.shown,
                until=yes.until,
                explicit=yes.explicit,
                channels=yes.channels,
                given_by=yes.given_by,
                visit=visit.stream,
            )
        )
    return said


def _finish(setting: Setting, visit: _Visit, by: str, book: Book) -> _Visit | None:
    """Step 3: the visitor's stream says that it is done; what narrowed it since goes first."""
    if book.state.joined:
        return None
    if book.state.erased is not None or not book.state.into:
        raise UnknownCustomer("the visit was erased or parted meanwhile", place="identify")
    if _noes(book.state) != _noes(visit.state):
        return _visit(book)
    done = Identified(at=book.now(), by=by, policy=setting.policy.hash, into=book.state.into, done=True)
    book.append(moved(setting, book, done))
    return None


def unidentify(setting: Setting, ref: str, visitor: str, *, by: str | None = None) -> Flow[Noted]:
    """Part the customer from a *visitor* who was somebody else.

    A yes that came with the visit ends; every no stays with both, for only a yes of theirs ends it.
    The visitor's reference leads to the visit again.

    Raises:
        UnknownCustomer: the customer has no such visit.
    """
    by = check_actor(by, setting.acting, "unidentify")
    target, _ = yield from locate(setting, ref)
    if target is None:
        raise unknown()
    book = yield from look(setting, target)
    need_living(book, "unidentify")
    stream = yield from _visit_of(setting, target, check_ref(visitor))
    if stream is None:
        raise UnknownCustomer("the customer has no such visit", place="unidentify")
    given = yield from _given(book, stream)
    last: int = yield from act(target, lambda book: _end_yeses(setting, book, given, by))
    if last:
        name = streams.key_stream(target)
        yield from once_said(set_floor(setting, name, Floor(last, target, 0)))
    # First the visit answers for itself again, then its reference leads to it, then both forget.
    yield from act(stream, lambda book: _undo(setting, book, by))
    yield from lead(setting, visitor, target, stream)
    yield from act(stream, lambda book: _part(setting, book, visitor, stream, by))
    return (yield from act(target, lambda book: _part(setting, book, visitor, stream, by)))


def _undo(setting: Setting, book: Book, by: str) -> None:
    if book.state.joined:
        into = book.state.into
        book.append(Identified(at=book.now(), by=by, policy=setting.policy.hash, into=into))


def _visit_of(setting: Setting, target: bytes, visitor: str) -> Flow[bytes | None]:
    """Return the stream of the *visitor* who went into the customer of *target*, or did so and was parted."""
    for stream in (yield from effects.find_all(visits_token(setting, target), 0)):
        book = yield from look(setting, stream)
        if book.state.about.get(REF) == visitor and book.state.into in (b"", target):
            return stream
    return None


def _given(book: Book, stream: bytes) -> Flow[dict[str, int]]:
    """Return per purpose the entry of the yes that came with the visit of *stream*."""
    found: dict[str, int] = {}
    position = 0
    while True:
        page = yield from effects.entries(book.stream, position, PAGE)
        if not page:
            return found
        for entry in page:
            position = entry.index
            event = None if entry.body is None else open_entry(book, entry.body).event
            if isinstance(event, Granted) and event.visit == stream:
                found[event.purpose] = entry.index


def _end_yeses(setting: Setting, book: Book, given: dict[str, int], by: str) -> int:
    """End each yes that came with the visit and still counts; return the last entry, or 0."""
    need_living(book, "unidentify")
    last = 0
    for name, index in given.items():
        own = book.state.consents.get(name)
        if own is not None and own.status is Status.GRANTED and own.index == index:
            said = Withdrawn(at=book.now(), by=by, policy=setting.policy.hash, purpose=name)
            last = book.append(said).index
            if name in setting.policy.purposes:
                drop_derived(setting, book, setting.policy.purposes[name])
    return last


def _part(setting: Setting, book: Book, visitor: str, stream: bytes, by: str) -> Noted:
    """Say in either stream that they are two people, unless it says so."""
    mine = book.stream == stream
    if (mine and book.state.into) or (not mine and knows_visit(setting, book.state, visitor)):
        name = b"" if mine else visit_name(setting, visitor)
        # The visit keeps its mark: parting may have to go on after a crash.
        book.append(Parted(at=book.now(), by=by, policy=setting.policy.hash, visit=stream, name=name))
    return Noted(book.state.length, book.now(), book.state.stage)
