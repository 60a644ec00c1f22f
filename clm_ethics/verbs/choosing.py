"""Choosing an offer: decided, the contact reserved and recorded before the answer leaves."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import attrs
from msgspec.structs import replace

from ..errors import UsageError
from ..ethics import Made, Offer, Pick, pick
from ..ethics import still as decide_again
from ..ethics.words import reason
from ..flows import act, look
from ..flows.book import StateFull
from ..flows.setting import NOBODY
from ..model.events import Cancelled, Chosen, Refusal, Sent
from ..policy.typed import loaded
from .asking import check_request, one_more, whose
from .checking import check_several
from .common import (
    REF,
    check_actor,
    key_bytes,
    moved,
    need_living,
    on_customer,
    past_of,
    repeated,
    visit_name,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from ..flows import Book, Flow, Setting
    from ..model.state import Contact, State


@attrs.frozen(kw_only=True, repr=False)
class Reserved:
    """What ``choose`` decided; the shells wrap it as ``Choice``.

    *index* is an entry of *stream*: a reference may lead elsewhere by the time it is sent. *made* is the
    choice of that entry, also where *pick* says that it may not go out any more.
    """

    pick: Pick
    index: int
    to: Any = None
    by: str = ""
    stream: bytes = b""
    made: Made | None = None


class _Told(NamedTuple):
    pick: Pick
    index: int  # type: ignore[assignment]  # hides tuple.index, which nobody needs
    to: Any
    stream: bytes = b""

    def __repr__(self) -> str:
        """Show what was chosen, and no address."""
        return f"<choice of {self.pick!r}>"


class _Before(NamedTuple):
    """The same choice was made before, in entry *index* of *stream*."""

    index: int  # type: ignore[assignment]  # hides tuple.index, which nobody needs
    stream: bytes


def choose(
    setting: Setting,
    ref: str,
    offers: Iterable[Offer],
    *,
    channel: str,
    by: str | None = None,
    key: str | None = None,
) -> Flow[Reserved]:
    """Choose the best of *offers* that is lawful and decent on *channel*, and reserve the contact."""
    return (yield from asked_of(setting, offers, channel, by, key).flow(ref))


class Ask(NamedTuple):
    """What is asked of one customer, or of many: the offers, the channel, by whom, under which key."""

    setting: Setting
    offers: tuple[Offer, ...]
    channel: str
    by: str
    key: str | None

    def flow(self, ref: str) -> Flow[Reserved]:
        """Decide for one customer."""
        try:
            told = yield from on_customer(self.setting, ref, self.tell, self.nobody)
        except StateFull:  # a contact that cannot be remembered is not made
            return self.full()
        return (yield from self.came(told))

    def tell(self, book: Book) -> _Told | _Before:
        """Decide on an opened book, and reserve the contact."""
        setting, policy = self.setting, self.setting.policy
        content = _content(self.offers, self.channel)
        mine = key_bytes(book, "choose", self.key, content) if book.sealer is not None else b""
        before = repeated(book, mine, "choose")
        if before is not None:
            return _Before(before.index, book.stream)
        found = self.pick(book.state, book.now())
        if not found or found.offer is None:
            return _Told(found, 0, None, whose(book))
        event = Chosen(
            at=book.now(),
            by=self.by,
            policy=policy.hash,
            key=mine,
            offer=found.offer.name,
            purpose=found.offer.purpose,
            channel=self.channel,
            level=found.level.value,
            uses=tuple(found.uses),
            stated=dict(found.offer.stated),
            counts=found.counts,
            since=found.since,
            brief=dict(found.brief),
            pressed=bool(found.offer.presses),
        )
        written = book.append(moved(setting, book, event))
        return _Told(found, written.index, _address(setting, book, self.channel, found), book.stream)

    def pick(self, state: State, at: datetime) -> Pick:
        """Decide on a state; nothing is written."""
        setting = self.setting
        return pick(
            setting.policy,
            state,
            self.offers,
            channel=self.channel,
            at=at,
            sources=frozenset(setting.sources),
            actor=self.by,
            rules=setting.rules,
        )

    def nobody(self) -> _Told:
        """Answer for somebody whom nobody has enrolled."""
        return _Told(self.pick(NOBODY, self.setting.clock()), 0, None)

    def full(self) -> Reserved:
        """Answer for somebody whose state has no room for one more contact."""
        return self.no("customer.full")

    def no(self, code: str) -> Reserved:
        """Answer no to every offer, for one reason."""
        against = {offer.name: (reason(code),) for offer in self.offers}
        return Reserved(
            pick=Pick(channel=self.channel, withheld=against, since=self.setting.clock()), index=0
        )

    def came(self, told: _Told | _Before) -> Flow[Reserved]:
        """Turn what came of *tell* into an answer; a no is counted."""
        if isinstance(told, _Before):
            return (yield from _again(self, told))
        if told.stream and not told.index:
            _queue(self, told)
        return Reserved(pick=told.pick, index=told.index, to=told.to, by=self.by, stream=told.stream)


def asked_of(
    setting: Setting,
    offers: Iterable[Offer],
    channel: str,
    by: str | None,
    key: str | None,
    verb: str = "choose",
) -> Ask:
    """Check a call of ``choose`` before anybody is looked up."""
    by = check_actor(by, setting.acting, verb)
    policy = setting.policy
    policy.channel(channel)
    listed = check_several(offers, "offers", verb)
    for offer in listed:
        if not isinstance(offer, Offer):
            raise UsageError("what is offered is no Offer", place=verb, remedy="Offer(name, purpose=...)")
        check_request(policy, offer.purpose, sorted(offer.fields), channel)
    return Ask(setting, listed, channel, by, key)


def _content(offers: Sequence[Offer], channel: str) -> Any:
    """Everything that an idempotency key stands for: the channel, and each offer with all it says."""
    return [channel, [attrs.asdict(offer, value_serializer=_plain) for offer in offers]]


def _plain(_: Any, __: Any, value: Any) -> Any:
    return sorted(value) if isinstance(value, frozenset) else value


def _address(setting: Setting, book: Book, channel: str, found: Pick) -> Any:
    """Return the address of the chosen channel, and of no other."""
    address = setting.policy.channels[channel].address
    if not address or found.decision is None or book.sealer is None:
        return None
    cells = book.cells(address)
    if not cells:
        return None
    return loaded(setting.policy.fields[address], book.open_cell(address, cells[-1]).value)


def _queue(ask: Ask, told: _Told) -> None:
    setting, at = ask.setting, ask.setting.clock()
    for offer in ask.offers:
        reasons = told.pick.withheld.get(offer.name, ())
        code = reasons[0].code if reasons else "none"
        said = Refusal(
            at=at,
            by=ask.by,
            policy=setting.policy.hash,
            verb="choose",
            purpose=offer.purpose,
            code=code,
            channel=ask.channel,
            first=at,
        )
        setting.queue(told.stream, ("choose", ask.by, offer.purpose, code, ask.channel), said, one_more)


def _again(ask: Ask, before: _Before) -> Flow[Reserved]:
    """The same choice was made before: tell it again, as far as it may still go out."""
    book = yield from look(ask.setting, before.stream)
    event = (yield from past_of(book, before.index)).event
    offer = next(
        (each for each in ask.offers if isinstance(event, Chosen) and each.name == event.offer), None
    )
    if offer is None:
        raise UsageError("the key belongs to another choice", place="choose(key=)")
    return (yield from _still(ask.setting, before.stream, Made(offer, event, before.index), ask.by))


def still(setting: Setting, reserved: Reserved) -> Flow[Reserved]:
    """Decide once more whether what was chosen may go out now; nothing is written."""
    made = _made(reserved, "still")
    return (yield from _still(setting, reserved.stream, made, reserved.by))


def _made(reserved: Reserved, verb: str) -> Made:
    """Return the choice in the ledger; one that was told again is still it, also if it may not go out."""
    if reserved.made is not None:
        return reserved.made
    chosen, offer = reserved.pick, reserved.pick.offer
    if offer is None or not reserved.index:
        raise UsageError("nothing was chosen", place=verb, remedy="look at withheld")
    event = Chosen(
        at=chosen.since,
        offer=offer.name,
        purpose=offer.purpose,
        channel=chosen.channel,
        level=chosen.level.value,
        uses=chosen.uses,
        counts=chosen.counts,
    )
    return Made(offer, event, reserved.index)


def _still(setting: Setting, stream: bytes, made: Made, by: str) -> Flow[Reserved]:
    book = yield from look(setting, stream)
    who = book if not book.state.joined else (yield from look(setting, book.state.into))
    state = who.state if who is book else _identified(setting, book.state, who.state, made.place)
    found = _decided(setting, state, book.now(), made, by)
    to = _address(setting, who, made.event.channel, found) if found else None
    return Reserved(pick=found, index=made.place, to=to, by=by, stream=stream, made=made)


def _decided(setting: Setting, state: State, at: datetime, made: Made, by: str) -> Pick:
    return decide_again(
        setting.policy,
        state,
        made,
        at=at,
        sources=frozenset(setting.sources),
        actor=by,
        rules=setting.rules,
    )


def _identified(setting: Setting, visit: State, customer: State, place: int) -> State:
    """Return the *customer*'s state, in which the choice of entry *place* of the *visit* is known by it.

    Identifying has copied the contact. No contact of the customer's own, whose place is one of another
    stream, may be taken for it.
    """
    copy = (place, visit_name(setting, visit.about[REF]))
    theirs = [replace(each, index=0) for each in customer.contacts if (each.index, each.visit) != copy]
    own = [each for each in visit.contacts if each.index == place]
    return replace(customer, contacts=(*theirs, *own))


def resolve(setting: Setting, reserved: Reserved, *, by: str | None = None, sent: bool) -> Flow[Reserved]:
    """Say that what was chosen was sent, or cancelled; the same said twice is fine.

    It is written where it was chosen, whoever the reference leads to by now. Of a visitor who has been
    identified since, it is written with the customer, too: the contact was taken over.

    What was cancelled gave its contact back, and cannot be sent any more. What went out although it
    was not allowed by then is a fact like any other: the entry says so, and so does the answer.
    """
    by = check_actor(by, setting.acting, "resolve")
    release = _Release(setting, reserved, by, sent=sent)
    book = yield from look(setting, reserved.stream)
    while True:
        customer = (yield from look(setting, book.state.into)).state if book.state.joined else None
        found = yield from act(reserved.stream, partial(release.tell, customer))
        if found is not None:
            if book.state.joined:
                name = visit_name(setting, book.state.about[REF])
                yield from act(book.state.into, partial(release.tell_copy, name))
            return attrs.evolve(reserved, pick=found, made=release.made)
        book = yield from look(setting, reserved.stream)  # they have been identified, or parted, meanwhile


class _Release:
    """What is said of a choice, in the stream in which it stands."""

    def __init__(self, setting: Setting, reserved: Reserved, by: str, *, sent: bool) -> None:
        self._setting, self._reserved, self._by, self._sent = setting, reserved, by, sent
        self._verb = "sent" if sent else "cancelled"
        self.made = _made(reserved, self._verb)

    def tell(self, customer: State | None, book: Book) -> Pick | None:
        """Write it down, unless it stands there; ``None``: it is not known who answers now.

        *customer* is the state of whoever the visitor of *book* has become.
        """
        need_living(book, self._verb)
        made, found = self.made, self._reserved.pick
        contact = _contact(book.state, made.place)
        if contact is not None and (contact.sent or contact.cancelled):
            if contact.sent is not self._sent:
                was = "sent" if contact.sent else "cancelled"
                raise UsageError(f"the choice has been {was}", place=self._verb, remedy="choose again")
            return found
        if book.state.joined is not (customer is not None):
            return None
        said: Sent | Cancelled = Cancelled(
            at=book.now(), by=self._by, policy=self._setting.policy.hash, choice=made.place
        )
        if self._sent:
            state = book.state
            if customer is not None:
                state = _identified(self._setting, book.state, customer, made.place)
            found = _decided(self._setting, state, book.now(), made, self._reserved.by or self._by)
            against = "" if found else found.reasons[0].code
            said = Sent(at=said.at, by=said.by, policy=said.policy, choice=made.place, against=against)
        book.append(moved(self._setting, book, said))
        return found

    def tell_copy(self, visit: bytes, book: Book) -> None:
        """Write the same with the customer whom the visitor has become, unless it stands there."""
        place = self.made.place
        contact = _contact(book.state, place, visit)
        if contact is None or contact.sent or contact.cancelled:
            return
        kind = Sent if self._sent else Cancelled
        by, policy = self._by, self._setting.policy.hash
        said = kind(at=book.now(), by=by, policy=policy, choice=place, visit=visit)
        book.append(moved(self._setting, book, said))


def _contact(state: State, place: int, visit: bytes = b"") -> Contact | None:
    """Return the contact of the choice of entry *place*, of this stream or of a *visit* (its digest)."""
    return next((each for each in state.contacts if (each.index, each.visit) == (place, visit)), None)
