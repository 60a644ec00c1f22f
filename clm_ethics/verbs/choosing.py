"""Choosing an offer: decided, the contact reserved and recorded before the answer leaves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import attrs

from ..errors import UsageError
from ..ethics import Made, Offer, Pick, pick
from ..ethics import still as decide_again
from ..ethics.words import reason
from ..flows.book import StateFull
from ..flows.setting import NOBODY
from ..model.events import Cancelled, Chosen, Refusal, Sent
from ..policy.typed import loaded
from .asking import check_request, one_more, whose
from .checking import check_several
from .common import (
    Repeated,
    check_actor,
    key_bytes,
    moved,
    need_living,
    on_customer,
    past_entry,
    peek,
    repeated,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from ..flows import Book, Flow, Setting
    from ..model.state import State


@attrs.frozen(kw_only=True, repr=False)
class Reserved:
    """What ``choose`` decided; the shells wrap it as ``Choice``."""

    pick: Pick
    index: int
    to: Any = None
    by: str = ""


class _Told(NamedTuple):
    pick: Pick
    index: int  # type: ignore[assignment]  # hides tuple.index, which nobody needs
    to: Any
    stream: bytes = b""

    def __repr__(self) -> str:
        """Show what was chosen, and no address."""
        return f"<choice of {self.pick!r}>"


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
        return (yield from self.came(ref, told))

    def tell(self, book: Book) -> _Told | Repeated:
        """Decide on an opened book, and reserve the contact."""
        setting, policy = self.setting, self.setting.policy
        content = _content(self.offers, self.channel)
        mine = key_bytes(book, "choose", self.key, content) if book.sealer is not None else b""
        before = repeated(book, mine, "choose")
        if before is not None:
            return before
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
        return _Told(found, written.index, _address(setting, book, self.channel, found))

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

    def came(self, ref: str, told: _Told | Repeated) -> Flow[Reserved]:
        """Turn what came of *tell* into an answer; a no is counted."""
        if isinstance(told, Repeated):
            return (yield from _again(self, ref, told.index))
        if told.stream:
            _queue(self, told)
        return Reserved(pick=told.pick, index=told.index, to=told.to, by=self.by)


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


def _again(ask: Ask, ref: str, index: int) -> Flow[Reserved]:
    """The same choice was made before: tell it again, as far as it may still go out."""
    _, past = yield from past_entry(ask.setting, ref, index)
    event = past.event
    offer = next(
        (each for each in ask.offers if isinstance(event, Chosen) and each.name == event.offer), None
    )
    if offer is None:
        raise UsageError("the key belongs to another choice", place="choose(key=)")
    return (yield from _still(ask.setting, ref, Made(offer, event, index), ask.by))


def still(setting: Setting, ref: str, reserved: Reserved) -> Flow[Reserved]:
    """Decide once more whether what was chosen may go out now; nothing is written."""
    offer = reserved.pick.offer
    if offer is None or not reserved.index:
        raise UsageError("nothing was chosen", place="still", remedy="look at withheld")
    return (yield from _still(setting, ref, _made(reserved, offer), reserved.by))


def _made(reserved: Reserved, offer: Offer) -> Made:
    chosen = reserved.pick
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


def _still(setting: Setting, ref: str, made: Made, by: str) -> Flow[Reserved]:
    book = yield from peek(setting, ref)
    found = _decided(setting, book, made, by)
    to = _address(setting, book, made.event.channel, found) if found else None
    return Reserved(pick=found, index=made.place, to=to, by=by)


def _decided(setting: Setting, book: Book, made: Made, by: str) -> Pick:
    return decide_again(
        setting.policy,
        book.state,
        made,
        at=book.now(),
        sources=frozenset(setting.sources),
        actor=by,
        rules=setting.rules,
    )


def resolve(
    setting: Setting, ref: str, reserved: Reserved, *, by: str | None = None, sent: bool
) -> Flow[Reserved]:
    """Say that what was chosen was sent, or cancelled; the same said twice is fine.

    What was cancelled gave its contact back, and cannot be sent any more. What went out although it
    was not allowed by then is a fact like any other: the entry says so, and so does the answer.
    """
    by = check_actor(by, setting.acting, "resolve")
    verb = "sent" if sent else "cancelled"
    offer = reserved.pick.offer
    if offer is None or not reserved.index:
        raise UsageError("nothing was chosen", place=verb, remedy="look at withheld")
    made = _made(reserved, offer)

    def tell(book: Book) -> Pick:
        need_living(book, verb)
        contact = next((each for each in book.state.contacts if each.index == made.place), None)
        if contact is not None and (contact.sent or contact.cancelled):
            if contact.sent is not sent:
                was = "sent" if contact.sent else "cancelled"
                raise UsageError(f"the choice has been {was}", place=verb, remedy="choose again")
            return reserved.pick
        said: Sent | Cancelled
        found = reserved.pick
        if sent:
            found = _decided(setting, book, made, reserved.by or by)
            against = "" if found else found.reasons[0].code
            said = Sent(at=book.now(), by=by, policy=setting.policy.hash, choice=made.place, against=against)
        else:
            said = Cancelled(at=book.now(), by=by, policy=setting.policy.hash, choice=made.place)
        book.append(moved(setting, book, said))
        return found

    found = yield from on_customer(setting, ref, tell)
    return attrs.evolve(reserved, pick=found)
