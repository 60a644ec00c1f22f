"""The shells: ``Steward`` and ``AsyncSteward``, and their customers. Each verb once per colour, one line each.

What a verb does stands in ``verbs/``; here it is only bound to a driver.
"""

from __future__ import annotations

import functools
import os
import time
from collections.abc import Callable, Coroutine, Iterable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, Protocol, TypeVar

import attrs

from .errors import UsageError
from .flows import Awaiting, Blocking, Flow, Setting
from .pending import Pending
from .storage.contract import Closable, Scrubbable
from .verbs import asking, choosing, common, consenting, enrolling, erasing, finding, informing, ledgering, sealing
from .verbs import opening, sweeping, telling

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from .ethics import Level, Offer
    from .policy import Decision, Policy, Reason
    from .storage.contract import Storage
    from .vault.keys import Keys
    from .verbs.sources import Source

P = ParamSpec("P")
T = TypeVar("T")

FLUSH_AT = 100
"""How many queued entries are written at once; with ``audit="batched"`` a crash loses at most these."""
FLUSH_AFTER = 1.0
"""Seconds after which queued reads are written; a crash loses at most what came since."""
AUDITS = ("durable", "batched")


class _Runs(Protocol):
    """A shell's object that can drive flows without blocking anybody else's."""

    _setting: Setting

    def _run(self, flow: Flow[T]) -> T: ...


class _Awaits(Protocol):
    _setting: Setting

    async def _run(self, flow: Flow[T]) -> T: ...


class _RunsOne(_Runs, Protocol):
    @property
    def ref(self) -> str: ...


class _AwaitsOne(_Awaits, Protocol):
    @property
    def ref(self) -> str: ...


def _blocking(verb: Callable[Concatenate[Setting, P], Flow[T]]) -> Callable[Concatenate[_Runs, P], T]:
    """Bind a verb of the steward to the blocking driver."""

    @functools.wraps(verb)
    def bound(self: _Runs, *args: P.args, **kwargs: P.kwargs) -> T:
        return self._run(verb(self._setting, *args, **kwargs))

    return bound


def _awaiting(verb: Callable[Concatenate[Setting, P], Flow[T]]) -> Callable[Concatenate[_Awaits, P], Pending[T]]:
    """Bind a verb of the steward to the awaiting driver."""

    @functools.wraps(verb)
    def bound(self: _Awaits, *args: P.args, **kwargs: P.kwargs) -> Pending[T]:
        return Pending(lambda: self._run(verb(self._setting, *args, **kwargs)), verb.__name__)

    return bound


def _blocking_one(
    verb: Callable[Concatenate[Setting, str, P], Flow[T]],
) -> Callable[Concatenate[_RunsOne, P], T]:
    """Bind a verb about one customer to the blocking driver."""

    @functools.wraps(verb)
    def bound(self: _RunsOne, *args: P.args, **kwargs: P.kwargs) -> T:
        return self._run(verb(self._setting, self.ref, *args, **kwargs))

    return bound


def _awaiting_one(
    verb: Callable[Concatenate[Setting, str, P], Flow[T]],
) -> Callable[Concatenate[_AwaitsOne, P], Pending[T]]:
    """Bind a verb about one customer to the awaiting driver."""

    @functools.wraps(verb)
    def bound(self: _AwaitsOne, *args: P.args, **kwargs: P.kwargs) -> Pending[T]:
        return Pending(lambda: self._run(verb(self._setting, self.ref, *args, **kwargs)), verb.__name__)

    return bound


class _Answer:
    """What both colours of a choice have."""

    __slots__ = ("_by", "_reserved", "_steward")

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

    def explain(self) -> str:
        """Say to the customer why they see this, or why they see nothing."""
        return self._reserved.pick.explain()

    def __repr__(self) -> str:
        """Show what was chosen, never a person's data."""
        return repr(self._reserved.pick).replace("<Pick", "<Choice", 1)

    @property
    def _setting(self) -> Setting:
        setting: Setting = self._steward._setting  # noqa: SLF001  (a choice is part of its steward)
        return setting

    def _resolve(self, *, sent: bool, by: str | None) -> Flow[None]:
        if not self:
            raise UsageError("nothing was chosen", place="sent" if sent else "cancelled", remedy="look at withheld")
        return choosing.resolve(self._setting, self.ref, self._reserved.index, by=by or self._by, sent=sent)


class Choice(_Answer):
    """The answer of ``choose``; an unresolved one counts as a contact."""

    __slots__ = ("ref",)

    def sent(self, *, by: str | None = None) -> None:
        """Say that it went out."""
        self._steward._run(self._resolve(sent=True, by=by))  # noqa: SLF001

    def cancelled(self, *, by: str | None = None) -> None:
        """Say that it did not go out: the contact is free again."""
        self._steward._run(self._resolve(sent=False, by=by))  # noqa: SLF001


class AsyncChoice(_Answer):
    """The answer of an awaited ``choose``; an unresolved one counts as a contact."""

    __slots__ = ("ref",)

    def sent(self, *, by: str | None = None) -> Pending[None]:
        """Say that it went out."""
        return Pending(lambda: self._steward._run(self._resolve(sent=True, by=by)), "sent")  # noqa: SLF001

    def cancelled(self, *, by: str | None = None) -> Pending[None]:
        """Say that it did not go out: the contact is free again."""
        return Pending(lambda: self._steward._run(self._resolve(sent=False, by=by)), "cancelled")  # noqa: SLF001


class _Handle:
    """What both colours of a customer have: the steward, and the host's reference."""

    __slots__ = ("_steward", "ref")

    def __init__(self, steward: Any, ref: str) -> None:
        self._steward = steward
        self.ref = ref

    @property
    def _setting(self) -> Setting:
        setting: Setting = self._steward._setting  # noqa: SLF001  (a handle is part of its steward)
        return setting

    def __repr__(self) -> str:
        """Show that it is a handle; the reference may be personal."""
        return f"<{type(self).__name__}>"


class Customer(_Handle):
    """A handle to one customer: making one reads nothing."""

    __slots__ = ()

    def _run(self, flow: Flow[T]) -> T:
        answer: T = self._steward._run(flow)  # noqa: SLF001
        return answer

    put = _blocking_one(telling.put)
    record = _blocking_one(telling.record)
    correct = _blocking_one(telling.correct)
    grant = _blocking_one(consenting.grant)
    refuse = _blocking_one(consenting.refuse)
    withdraw = _blocking_one(consenting.withdraw)
    object_to = _blocking_one(consenting.object_to)
    restrict = _blocking_one(consenting.restrict)
    lift_restriction = _blocking_one(consenting.lift_restriction)
    may = _blocking_one(asking.may)
    read = _blocking_one(asking.read)
    history = _blocking_one(asking.history)
    plan_erase = _blocking_one(erasing.plan_erase)
    erase = _blocking_one(erasing.erase)

    def choose(self, offers: Iterable[Offer], *, channel: str, by: str | None = None, key: str | None = None) -> Choice:
        """Choose the best of *offers* that is lawful and decent; see ``verbs.choosing.choose``."""
        flow = choosing.choose(self._setting, self.ref, offers, channel=channel, by=by, key=key)
        return Choice(self._steward, self.ref, self._run(flow), by)


class AsyncCustomer(_Handle):
    """A handle to one customer: making one reads nothing, and is not awaited."""

    __slots__ = ()

    async def _run(self, flow: Flow[T]) -> T:
        answer: T = await self._steward._run(flow)  # noqa: SLF001
        return answer

    put = _awaiting_one(telling.put)
    record = _awaiting_one(telling.record)
    correct = _awaiting_one(telling.correct)
    grant = _awaiting_one(consenting.grant)
    refuse = _awaiting_one(consenting.refuse)
    withdraw = _awaiting_one(consenting.withdraw)
    object_to = _awaiting_one(consenting.object_to)
    restrict = _awaiting_one(consenting.restrict)
    lift_restriction = _awaiting_one(consenting.lift_restriction)
    may = _awaiting_one(asking.may)
    read = _awaiting_one(asking.read)
    history = _awaiting_one(asking.history)
    plan_erase = _awaiting_one(erasing.plan_erase)
    erase = _awaiting_one(erasing.erase)

    def choose(
        self, offers: Iterable[Offer], *, channel: str, by: str | None = None, key: str | None = None
    ) -> Pending[AsyncChoice]:
        """Choose the best of *offers* that is lawful and decent; see ``verbs.choosing.choose``."""

        async def run() -> AsyncChoice:
            flow = choosing.choose(self._setting, self.ref, offers, channel=channel, by=by, key=key)
            return AsyncChoice(self._steward, self.ref, await self._run(flow), by)

        return Pending(run, "choose")


class Ledger:
    """The ledger of a steward."""

    __slots__ = ("_steward",)

    def __init__(self, steward: Steward) -> None:
        self._steward = steward

    @property
    def _setting(self) -> Setting:
        return self._steward._setting  # noqa: SLF001

    def _run(self, flow: Flow[T]) -> T:
        return self._steward._run(flow)  # noqa: SLF001

    verify = _blocking(ledgering.verify)
    checkpoint = _blocking(ledgering.checkpoint)
    vkey = _blocking(ledgering.vkey)
    receipt_vkey = _blocking(ledgering.receipt_vkey)


class AsyncLedger:
    """The ledger of an asynchronous steward."""

    __slots__ = ("_steward",)

    def __init__(self, steward: AsyncSteward) -> None:
        self._steward = steward

    @property
    def _setting(self) -> Setting:
        return self._steward._setting  # noqa: SLF001

    async def _run(self, flow: Flow[T]) -> T:
        return await self._steward._run(flow)  # noqa: SLF001

    verify = _awaiting(ledgering.verify)
    checkpoint = _awaiting(ledgering.checkpoint)
    vkey = _awaiting(ledgering.vkey)
    receipt_vkey = _awaiting(ledgering.receipt_vkey)


class Steward:
    """Keeps customers' data under one policy; the object that a host embeds.

    Build it with :meth:`open` or :meth:`memory`, and close it (or use ``with``).
    """

    def __init__(self, setting: Setting, driver: Blocking, owned: tuple[Storage, ...]) -> None:
        self._setting = setting
        self._driver = driver
        self._owned = owned
        self._timer = _Timer(self._flush)
        self.ledger = Ledger(self)

    @classmethod
    def open(
        cls,
        storage: str | Storage,
        *,
        policy: Policy,
        keys: Keys,
        keys_in: str | Storage | None = None,
        sources: Mapping[str, Source] | None = None,
        audit: str = "durable",
        tenant: str = "main",
        clock: Callable[[], datetime] | None = None,
        random: Callable[[int], bytes] | None = None,
    ) -> Steward:
        """Open the storage at a URL (or one that the host opened, and closes).

        Args:
            storage: such as ``sqlite:///crm.db`` (a relative path; four slashes: an absolute one).
            policy: the policy in force.
            keys: what wraps the tenant's key, such as ``FileKeys("keys")``.
            keys_in: a second storage for the customers' keys, so that a backup of the data carries none.
            sources: the host's own data, by the names that the policy uses.
            audit: ``durable``, or ``batched``: allowed reads without special categories are queued,
                and a crash loses at most the last second or 100 of them.
            tenant: whose customers these are; a tenant cannot read another's.
            clock: returns the time (aware UTC).
            random: ``random(n)`` returns n random bytes.

        Raises:
            KeysMissing: the storage holds data, and its keys are not here.
            StorageUnavailable: the storage cannot be opened.
        """
        from . import storage as storages  # noqa: PLC0415

        data, own_data = (storages.open(storage), True) if isinstance(storage, str) else (storage, False)
        kept, own_keys = (
            (storages.open(keys_in), True) if isinstance(keys_in, str) else (keys_in or data, False)
        )
        owned = tuple(each for each, own in ((data, own_data), (kept, own_keys)) if own)
        setting = _setting(policy, keys, data, keys_in is not None, sources, audit, tenant, clock, random)
        return cls._opened(setting, data, kept, owned)

    @classmethod
    def memory(
        cls,
        policy: Policy,
        *,
        sources: Mapping[str, Source] | None = None,
        audit: str = "durable",
        tenant: str = "main",
        clock: Callable[[], datetime] | None = None,
        random: Callable[[int], bytes] | None = None,
    ) -> Steward:
        """Keep everything in this process's memory: for tests and first steps."""
        from .storage.memory import MemoryStorage  # noqa: PLC0415
        from .vault.keys import MemoryKeys  # noqa: PLC0415

        data = MemoryStorage()
        keys = MemoryKeys(random or os.urandom)
        setting = _setting(policy, keys, data, False, sources, audit, tenant, clock, random)  # noqa: FBT003
        return cls._opened(setting, data, data, ())

    @classmethod
    def _opened(cls, setting: Setting, data: Storage, kept: Storage, owned: tuple[Storage, ...]) -> Steward:
        driver = Blocking(setting, data, kept)
        steward = cls(setting, driver, owned)
        try:
            driver.run(opening.open_setting(setting))
        except BaseException:
            _close(owned)
            raise
        return steward

    def _run(self, flow: Flow[T]) -> T:
        answer = self._driver.run(flow)
        _, waiting = self._setting.waiting()
        if waiting >= FLUSH_AT:
            self._flush()
        elif waiting and self._setting.batched:
            self._timer.start()
        return answer

    def _flush(self) -> None:
        self._driver.run(sealing.flush(self._setting))

    def __enter__(self) -> Self:
        """Return the steward."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """Write what waits, and close the storages that this steward opened; may be called twice."""
        if not self._driver.open:
            return
        self._timer.stop()
        try:
            self._flush()
        finally:
            self._driver.open = False
            _close(self._owned)

    def __repr__(self) -> str:
        """Name the policy."""
        return f"<Steward under {self._setting.policy!r}>"

    @property
    def policy(self) -> Policy:
        """The policy in force."""
        return self._setting.policy

    def customer(self, ref: str) -> Customer:
        """Return a handle to the customer whom the host calls *ref*: no data is read."""
        return Customer(self, common.check_ref(ref))

    def acting(self, by: str) -> Steward:
        """Return a copy whose verbs are done by *by* unless they say otherwise; it need not be closed."""
        common.check_actor(by, None, "acting")
        copy = Steward(attrs.evolve(self._setting, acting=by), self._driver, ())
        copy._timer = self._timer  # noqa: SLF001
        return copy

    def enroll(
        self,
        ref: str,
        values: Mapping[str, Any],
        *,
        purpose: str,
        by: str | None = None,
        shown: str | None = None,
        at: datetime | None = None,
        key: str | None = None,
        again: bool = False,
    ) -> Customer:
        """Make a customer of *ref*; see ``verbs.enrolling.enroll``."""
        flow = enrolling.enroll(
            self._setting, ref, values, purpose=purpose, by=by, shown=shown, at=at, key=key, again=again
        )
        return self.customer(self._run(flow))

    def find(self, field: str, value: str, *, purpose: str, by: str | None = None) -> tuple[Customer, ...]:
        """Return the customers whose look-up *field* is *value*; see ``verbs.finding.find``."""
        refs = self._run(finding.find(self._setting, field, value, purpose=purpose, by=by))
        return tuple(self.customer(ref) for ref in refs)

    notice = _blocking(informing.notice)
    seal = _blocking(sealing.seal)
    prove = _blocking(sealing.prove)
    sweep = _blocking(sweeping.sweep)
    after_restore = _blocking(erasing.after_restore)


class AsyncSteward:
    """The same face with ``await``. ``open``, ``memory``, ``customer`` and ``acting`` are plain functions.

    Connecting happens in ``async with`` or at the first await.
    """

    def __init__(self, setting: Setting, connect: Callable[[], Coroutine[Any, Any, Awaiting]]) -> None:
        self._setting = setting
        self._connection = _Connection(connect)
        self.ledger = AsyncLedger(self)

    @classmethod
    def open(
        cls,
        storage: str | Storage,
        *,
        policy: Policy,
        keys: Keys,
        keys_in: str | Storage | None = None,
        sources: Mapping[str, Source] | None = None,
        audit: str = "durable",
        tenant: str = "main",
        clock: Callable[[], datetime] | None = None,
        random: Callable[[int], bytes] | None = None,
    ) -> AsyncSteward:
        """Prepare to open a storage; see :meth:`Steward.open`. A blocking storage gets a worker thread."""
        from . import storage as storages  # noqa: PLC0415
        from .storage.threaded import Threaded  # noqa: PLC0415

        def threaded(place: str | Storage) -> Threaded:
            return Threaded(functools.partial(storages.open, place)) if isinstance(place, str) else Threaded(place)

        setting = _setting(policy, keys, None, keys_in is not None, sources, audit, tenant, clock, random)

        async def connect() -> Awaiting:
            data = threaded(storage)
            kept = data if keys_in is None else threaded(keys_in)
            return await _connect(setting, data, kept)

        return cls(setting, connect)

    @classmethod
    def memory(
        cls,
        policy: Policy,
        *,
        sources: Mapping[str, Source] | None = None,
        audit: str = "durable",
        tenant: str = "main",
        clock: Callable[[], datetime] | None = None,
        random: Callable[[int], bytes] | None = None,
    ) -> AsyncSteward:
        """Keep everything in this process's memory: for tests and first steps."""
        from .storage.memory import AsyncMemoryStorage  # noqa: PLC0415
        from .vault.keys import MemoryKeys  # noqa: PLC0415

        keys = MemoryKeys(random or os.urandom)
        setting = _setting(policy, keys, None, False, sources, audit, tenant, clock, random)  # noqa: FBT003

        async def connect() -> Awaiting:
            data = AsyncMemoryStorage()
            return await _connect(setting, data, data)

        return cls(setting, connect)

    async def _run(self, flow: Flow[T]) -> T:
        driver = await self._connection.driver()
        answer = await driver.run(flow)
        _, waiting = self._setting.waiting()
        if waiting >= FLUSH_AT:
            await driver.run(sealing.flush(self._setting))
        elif waiting and self._setting.batched:
            self._connection.flush_later(self._setting)
        return answer

    async def __aenter__(self) -> Self:
        """Connect."""
        await self._connection.driver()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        await self._connection.close(self._setting)

    def close(self) -> Pending[None]:
        """Write what waits, and close; may be called twice."""
        return Pending(lambda: self._connection.close(self._setting), "close")

    def __repr__(self) -> str:
        """Name the policy."""
        return f"<AsyncSteward under {self._setting.policy!r}>"

    @property
    def policy(self) -> Policy:
        """The policy in force."""
        return self._setting.policy

    def customer(self, ref: str) -> AsyncCustomer:
        """Return a handle to the customer whom the host calls *ref*: no data is read."""
        return AsyncCustomer(self, common.check_ref(ref))

    def acting(self, by: str) -> AsyncSteward:
        """Return a copy whose verbs are done by *by* unless they say otherwise; it need not be closed."""
        common.check_actor(by, None, "acting")
        copy = AsyncSteward(attrs.evolve(self._setting, acting=by), self._connection.connect)
        copy._connection = self._connection  # noqa: SLF001
        return copy

    def enroll(
        self,
        ref: str,
        values: Mapping[str, Any],
        *,
        purpose: str,
        by: str | None = None,
        shown: str | None = None,
        at: datetime | None = None,
        key: str | None = None,
        again: bool = False,
    ) -> Pending[AsyncCustomer]:
        """Make a customer of *ref*; see ``verbs.enrolling.enroll``."""

        async def run() -> AsyncCustomer:
            flow = enrolling.enroll(
                self._setting, ref, values, purpose=purpose, by=by, shown=shown, at=at, key=key, again=again
            )
            return self.customer(await self._run(flow))

        return Pending(run, "enroll")

    def find(
        self, field: str, value: str, *, purpose: str, by: str | None = None
    ) -> Pending[tuple[AsyncCustomer, ...]]:
        """Return the customers whose look-up *field* is *value*; see ``verbs.finding.find``."""

        async def run() -> tuple[AsyncCustomer, ...]:
            refs = await self._run(finding.find(self._setting, field, value, purpose=purpose, by=by))
            return tuple(self.customer(ref) for ref in refs)

        return Pending(run, "find")

    notice = _awaiting(informing.notice)
    seal = _awaiting(sealing.seal)
    prove = _awaiting(sealing.prove)
    sweep = _awaiting(sweeping.sweep)
    after_restore = _awaiting(erasing.after_restore)


class _Connection:
    """Connects once, however many verbs wait for it."""

    def __init__(self, connect: Callable[[], Coroutine[Any, Any, Awaiting]]) -> None:
        self.connect = connect
        self._lock: Any = None
        self._driver: Awaiting | None = None
        self._flushing: Any = None
        self._closed = False

    async def driver(self) -> Awaiting:
        import asyncio  # noqa: PLC0415

        if self._driver is not None:
            return self._driver
        if self._lock is None:
            self._lock = asyncio.Lock()
        async with self._lock:
            if self._driver is None:
                self._driver = await self.connect()
                self._driver.open = not self._closed
        return self._driver

    def flush_later(self, setting: Setting) -> None:
        import asyncio  # noqa: PLC0415

        if self._flushing is None or self._flushing.done():
            self._flushing = asyncio.ensure_future(self._flush_after(setting))

    async def _flush_after(self, setting: Setting) -> None:
        import asyncio  # noqa: PLC0415

        await asyncio.sleep(FLUSH_AFTER)
        driver = await self.driver()
        await driver.run(sealing.flush(setting))

    async def close(self, setting: Setting) -> None:
        driver = self._driver
        self._closed = True
        if driver is None or not driver.open:
            return
        if self._flushing is not None:
            self._flushing.cancel()
        try:
            await driver.run(sealing.flush(setting))
            await driver.finish()
        finally:
            driver.open = False
            await driver.close_storages()


async def _connect(setting: Setting, data: Any, kept: Any) -> Awaiting:
    driver = Awaiting(setting, data, kept)
    try:
        await driver.run(opening.open_setting(setting))
    except BaseException:
        await driver.close_storages()
        raise
    return driver


class _Timer:
    """Writes the queue a second after something came to wait, in a thread of its own."""

    def __init__(self, flush: Callable[[], None]) -> None:
        self._flush = flush
        self._running: Any = None

    def start(self) -> None:
        import threading  # noqa: PLC0415

        if self._running is None or not self._running.is_alive():
            self._running = threading.Timer(FLUSH_AFTER, self._flush)
            self._running.daemon = True
            self._running.start()

    def stop(self) -> None:
        if self._running is not None:
            self._running.cancel()


def _setting(
    policy: Policy,
    keys: Keys,
    data: Storage | None,
    split: bool,  # noqa: FBT001
    sources: Mapping[str, Source] | None,
    audit: str,
    tenant: str,
    clock: Callable[[], datetime] | None,
    random: Callable[[int], bytes] | None,
) -> Setting:
    if audit not in AUDITS:
        raise UsageError(f"no audit `{audit}`", place="open(audit=)", remedy="`durable` or `batched`; there is no off")
    if not tenant or len(tenant) > 64:  # noqa: PLR2004
        raise UsageError("a tenant's name has 1 to 64 characters", place="open(tenant=)")
    given = dict(sources or {})
    declared = {field.source for field in policy.fields.values() if field.source}
    for name in given:
        if name not in declared:
            raise UsageError(f"the policy names no source `{name}`", place="open(sources=)")
    return Setting(
        policy=policy,
        tenant=tenant,
        provider=keys,
        clock=clock or _utc,
        random=random or os.urandom,
        monotonic=time.monotonic,
        sources=given,
        split=split,
        batched=audit == "batched",
        scrub=data.scrub if isinstance(data, Scrubbable) else None,
    )


def _utc() -> datetime:
    return datetime.now(UTC)


def _close(storages: Iterable[Storage]) -> None:
    for each in storages:
        if isinstance(each, Closable):
            each.close()
