"""Handles: a customer and a choice, in both colours. Each verb once per colour, one line each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from .errors import UsageError
from .flows import Pending
from .flows.colours import awaiting_one, blocking_one
from .verbs import (
    asking,
    choosing,
    consenting,
    deriving,
    erasing,
    informing,
    prompting,
    staging,
    telling,
    visiting,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from .ethics import Level, Offer
    from .flows import Flow, Setting
    from .policy import Decision, Reason
    from .policy.catalogue import Catalogue

T = TypeVar("T")


class _Answer:
    """What both colours of a choice have."""

    __slots__ = ("_by", "_reserved", "_steward", "ref")

    def __init__(self, steward: Any, ref: str, reserved: choosing.Reserved, by: str | None) -> None:
        self._steward = steward
        self.ref = ref
        self._reserved = reserved
        self._by = by

    def __bool__(self) -> bool:
        """Tell whether an offer was chosen."""
        return bool(self._reserved.pick)

    @property
    def offer(self) -> Offer | None:
        """What was chosen."""
        return self._reserved.pick.offer

    @property
    def level(self) -> Level:
        """How much of the customer's data it uses."""
        return self._reserved.pick.level

    @property
    def to(self) -> Any:
        """The customer's address on the chosen channel, and on no other."""
        return self._reserved.to

    @property
    def withheld(self) -> Mapping[str, tuple[Reason, ...]]:
        """Per offer that may not be made, why."""
        return self._reserved.pick.withheld

    @property
    def why_not_higher(self) -> tuple[Reason, ...]:
        """What kept a more personal level away."""
        return self._reserved.pick.why_not_higher

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """Every reason for which an offer was withheld, once."""
        return self._reserved.pick.reasons

    @property
    def decision(self) -> Decision | None:
        """The permission for what was chosen."""
        return self._reserved.pick.decision

    @property
    def try_again(self) -> datetime | None:
        """Nothing was chosen, and from then on (UTC) no limit of time stands in the way."""
        return self._reserved.pick.try_again

    @property
    def profiling(self) -> bool:
        """What was used tells how the customer behaves."""
        return self._reserved.pick.profiling

    @property
    def source(self) -> str:
        """Who gave us data of the customer's: the message has to say so; empty: nothing is owed."""
        return self._reserved.pick.source

    def explain(self, locale: str | Catalogue = "en", *, html: bool = False) -> str:
        """Say to the customer why they see this, or nothing; with *html* as paragraphs, escaped.

        *locale*: a language tag (``en``, ``de``; another language reads English), or a catalogue.
        """
        return self._reserved.pick.explain(locale, html=html)

    def __reduce__(self) -> NoReturn:
        raise UsageError(
            "a choice holds personal data and cannot be pickled",
            place="choice",
            remedy="choose in the process that sends; the same key= gives the same choice",
        )

    def __repr__(self) -> str:
        """Show what was chosen, never a person's data."""
        return repr(self._reserved.pick).replace("<Pick", "<Choice", 1)

    @property
    def _setting(self) -> Setting:
        setting: Setting = self._steward._setting
        return setting

    def _resolve(self, *, sent: bool, by: str | None) -> Flow[choosing.Reserved]:
        return choosing.resolve(self._setting, self._reserved, by=by or self._by, sent=sent)

    def _still(self) -> Flow[choosing.Reserved]:
        return choosing.still(self._setting, self._reserved)


class Choice(_Answer):
    """The answer of ``choose``; an unresolved one counts as a contact."""

    __slots__ = ()

    def _run(self, flow: Flow[choosing.Reserved]) -> Choice:
        return Choice(self._steward, self.ref, self._steward._run(flow), self._by)

    def still(self) -> Choice:
        """Decide once more, just before it goes out; falsy if it may not any more, with the reasons."""
        return self._run(self._still())

    def sent(self, *, by: str | None = None) -> Choice:
        """Say that it went out; falsy if that was not allowed any more by then."""
        return self._run(self._resolve(sent=True, by=by))

    def cancelled(self, *, by: str | None = None) -> None:
        """Say that it did not go out: the contact is free again."""
        self._run(self._resolve(sent=False, by=by))


class AsyncChoice(_Answer):
    """The answer of an awaited ``choose``; an unresolved one counts as a contact."""

    __slots__ = ()

    async def _run(self, flow: Flow[choosing.Reserved]) -> AsyncChoice:
        return AsyncChoice(self._steward, self.ref, await self._steward._run(flow), self._by)

    def still(self) -> Pending[AsyncChoice]:
        """Decide once more, just before it goes out; falsy if it may not any more, with the reasons."""
        return Pending(lambda: self._run(self._still()), "still")

    def sent(self, *, by: str | None = None) -> Pending[AsyncChoice]:
        """Say that it went out; falsy if that was not allowed any more by then."""
        return Pending(lambda: self._run(self._resolve(sent=True, by=by)), "sent")

    def cancelled(self, *, by: str | None = None) -> Pending[None]:
        """Say that it did not go out: the contact is free again."""

        async def run() -> None:
            await self._run(self._resolve(sent=False, by=by))

        return Pending(run, "cancelled")


class _Handle:
    """What both colours of a customer have: the steward, and the host's reference."""

    __slots__ = ("_steward", "ref")

    def __init__(self, steward: Any, ref: str) -> None:
        self._steward = steward
        self.ref = ref

    @property
    def _setting(self) -> Setting:
        setting: Setting = self._steward._setting
        return setting

    def __reduce__(self) -> NoReturn:
        raise UsageError(
            "a customer belongs to a steward and cannot be pickled",
            place="customer",
            remedy="send the reference (customer.ref) to a process that opens a steward of its own",
        )

    def __repr__(self) -> str:
        """Show that it is a handle; the reference may be personal."""
        return f"<{type(self).__name__}>"


class Customer(_Handle):
    """A handle to one customer: making one reads nothing."""

    __slots__ = ()

    def _run(self, flow: Flow[T]) -> T:
        answer: T = self._steward._run(flow)
        return answer

    put = blocking_one(telling.put)
    record = blocking_one(telling.record)
    correct = blocking_one(telling.correct)
    inform = blocking_one(informing.inform)
    derive = blocking_one(deriving.derive)
    prefer = blocking_one(deriving.prefer)
    identify = blocking_one(visiting.identify)
    unidentify = blocking_one(visiting.unidentify)
    grant = blocking_one(consenting.grant)
    refuse = blocking_one(consenting.refuse)
    withdraw = blocking_one(consenting.withdraw)
    object_to = blocking_one(consenting.object_to)
    restrict = blocking_one(consenting.restrict)
    lift_restriction = blocking_one(consenting.lift_restriction)
    may = blocking_one(asking.may)
    may_ask = blocking_one(prompting.may_ask)
    ask = blocking_one(prompting.ask)
    read = blocking_one(asking.read)
    history = blocking_one(asking.history)
    stage = blocking_one(staging.stage)
    plan_erase = blocking_one(erasing.plan_erase)
    erase = blocking_one(erasing.erase)

    def choose(
        self, offers: Iterable[Offer], *, channel: str, by: str | None = None, key: str | None = None
    ) -> Choice:
        """Choose the best of *offers* that is lawful and decent; see ``verbs.choosing.choose``."""
        flow = choosing.choose(self._setting, self.ref, offers, channel=channel, by=by, key=key)
        return Choice(self._steward, self.ref, self._run(flow), by)


class AsyncCustomer(_Handle):
    """A handle to one customer: making one reads nothing, and is not awaited."""

    __slots__ = ()

    async def _run(self, flow: Flow[T]) -> T:
        answer: T = await self._steward._run(flow)
        return answer

    put = awaiting_one(telling.put)
    record = awaiting_one(telling.record)
    correct = awaiting_one(telling.correct)
    inform = awaiting_one(informing.inform)
    derive = awaiting_one(deriving.derive)
    prefer = awaiting_one(deriving.prefer)
    identify = awaiting_one(visiting.identify)
    unidentify = awaiting_one(visiting.unidentify)
    grant = awaiting_one(consenting.grant)
    refuse = awaiting_one(consenting.refuse)
    withdraw = awaiting_one(consenting.withdraw)
    object_to = awaiting_one(consenting.object_to)
    restrict = awaiting_one(consenting.restrict)
    lift_restriction = awaiting_one(consenting.lift_restriction)
    may = awaiting_one(asking.may)
    may_ask = awaiting_one(prompting.may_ask)
    ask = awaiting_one(prompting.ask)
    read = awaiting_one(asking.read)
    history = awaiting_one(asking.history)
    stage = awaiting_one(staging.stage)
    plan_erase = awaiting_one(erasing.plan_erase)
    erase = awaiting_one(erasing.erase)

    def choose(
        self, offers: Iterable[Offer], *, channel: str, by: str | None = None, key: str | None = None
    ) -> Pending[AsyncChoice]:
        """Choose the best of *offers* that is lawful and decent; see ``verbs.choosing.choose``."""

        async def run() -> AsyncChoice:
            flow = choosing.choose(self._setting, self.ref, offers, channel=channel, by=by, key=key)
            return AsyncChoice(self._steward, self.ref, await self._run(flow), by)

        return Pending(run, "choose")
