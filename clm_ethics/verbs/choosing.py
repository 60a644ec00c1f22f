"""Choosing an offer: decided, the contact reserved and recorded before the answer leaves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import attrs

from ..errors import UsageError
from ..ethics import Level, Offer, Pick, pick
from ..ethics.words import reason
from ..flows.book import StateFull, open_cell
from ..flows.setting import NOBODY
from ..model.events import Cancelled, Chosen, Refusal, Sent
from ..policy import Request, decide
from ..policy.typed import loaded
from .asking import check_request, one_more, whose
from .checking import check_several
from .common import Repeated, check_actor, key_bytes, moved, need_living, on_customer, past_entry, repeated

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ..flows import Book, Flow, Setting


@attrs.frozen(kw_only=True, repr=False)
class Reserved:
    """What ``choose`` decided; the shells wrap it as ``Choice``."""

    pick: Pick
    index: int
    to: Any = None


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
    by = check_actor(by, setting.acting, "choose")
    policy = setting.policy
    policy.channel(channel)
    listed = check_several(offers, "offers", "choose")
    for offer in listed:
        if not isinstance(offer, Offer):
            raise UsageError("what is offered is no Offer", place="choose", remedy="Offer(name, purpose=...)")
        check_request(policy, offer.purpose, sorted(offer.fields), channel)

    def tell(book: Book) -> _Told | Repeated:
        mine = key_bytes(book, "choose", key, _content(listed, channel)) if book.sealer is not None else b""
        before = repeated(book, mine, "choose")
        if before is not None:
            return before
        found = pick(
            policy,
            book.state,
            listed,
            channel=channel,
            at=book.now(),
            sources=frozenset(setting.sources),
            actor=by,
        )
        if not found or found.offer is None:
            return _Told(found, 0, None, whose(book))
        event = Chosen(
            at=book.now(),
            by=by,
            policy=policy.hash,
            key=mine,
            offer=found.offer.name,
            purpose=found.offer.purpose,
            channel=channel,
            level=found.level.value,
            uses=tuple(found.uses),
            stated=dict(found.offer.stated),
            counts=found.counts,
            since=found.since,
        )
        written = book.append(moved(setting, book, event))
        return _Told(found, written.index, _address(setting, book, channel, found))

    def nobody() -> _Told:
        return _Told(pick(policy, NOBODY, listed, channel=channel, at=setting.clock()), 0, None)

    try:
        told = yield from on_customer(setting, ref, tell, nobody)
    except StateFull:  # a contact that cannot be remembered is not made
        against = {offer.name: (reason("customer.full"),) for offer in listed}
        return Reserved(pick=Pick(channel=channel, withheld=against, since=setting.clock()), index=0)
    if isinstance(told, Repeated):
        return (yield from _again(setting, ref, told.index, listed, channel, by))
    if told.stream:
        _queue(setting, told, listed, channel, by)
    return Reserved(pick=told.pick, index=told.index, to=told.to)


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
    return loaded(setting.policy.fields[address], open_cell(book.sealer, address, cells[-1]).value)


def _queue(setting: Setting, told: _Told, offers: Sequence[Offer], channel: str, by: str) -> None:
    at = setting.clock()
    for offer in offers:
        reasons = told.pick.withheld.get(offer.name, ())
        code = reasons[0].code if reasons else "none"
        said = Refusal(
            at=at,
            by=by,
            policy=setting.policy.hash,
            verb="choose",
            purpose=offer.purpose,
            code=code,
            channel=channel,
            first=at,
        )
        setting.queue(told.stream, ("choose", by, offer.purpose, code, channel), said, one_more)


def _again(
    setting: Setting, ref: str, index: int, offers: Sequence[Offer], channel: str, by: str
) -> Flow[Reserved]:
    """The same choice was made before: tell it again, as far as it may still be told."""
    _, past = yield from past_entry(setting, ref, index)
    event = past.event
    offer = next((each for each in offers if isinstance(event, Chosen) and each.name == event.offer), None)
    if offer is None:
        raise UsageError("the key belongs to another choice", place="choose(key=)")

    def look(book: Book) -> _Told:
        address = setting.policy.channels[channel].address
        fields = tuple(sorted({*event.uses, address} - {""}))
        request = Request(offer.purpose, fields, channel, actor=by)
        decision = decide(setting.policy, book.state, request, book.now())
        against = decision.reasons if not decision else tuple(decision.withheld.values())
        since = event.since or event.at
        if against:  # since the choice the customer has said no, or the address has gone
            return _Told(Pick(channel=channel, withheld={offer.name: against}, since=since), index, None)
        found = Pick(
            offer=offer,
            level=Level(event.level),
            channel=channel,
            withheld={},
            decision=decision,
            uses=event.uses,
            counts=event.counts,
            since=since,
        )
        return _Told(found, index, _address(setting, book, channel, found))

    told = yield from on_customer(setting, ref, look)
    return Reserved(pick=told.pick, index=index, to=told.to)


def resolve(setting: Setting, ref: str, index: int, *, by: str | None = None, sent: bool) -> Flow[None]:
    """Say that the choice of entry *index* was sent, or cancelled; the same said twice is fine.

    What was cancelled gave its contact back, and cannot be sent any more.
    """
    by = check_actor(by, setting.acting, "resolve")
    verb = "sent" if sent else "cancelled"

    def tell(book: Book) -> None:
        need_living(book, verb)
        contact = next((each for each in book.state.contacts if each.index == index), None)
        if contact is not None and (contact.sent or contact.cancelled):
            if contact.sent is not sent:
                was = "sent" if contact.sent else "cancelled"
                raise UsageError(f"the choice has been {was}", place=verb, remedy="choose again")
            return
        said = Sent if sent else Cancelled
        event = said(at=book.now(), by=by, policy=setting.policy.hash, choice=index)
        book.append(moved(setting, book, event))

    yield from on_customer(setting, ref, tell)
