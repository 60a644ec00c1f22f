"""The shells: ``Steward`` and ``AsyncSteward``. Each verb once per colour, one line each.

What a verb does stands in ``verbs/``; here it is only bound to a driver.
"""

from __future__ import annotations

import functools
import inspect
import os
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NoReturn, ParamSpec, TypeVar, cast

import attrs

from .customer import AsyncChoice, AsyncCustomer, Choice, Customer
from .errors import UsageError
from .flows import Awaiting, Blocking, Flow, Pending, Setting
from .flows.colours import awaiting, blocking
from .flows.lasting import Connection, Timer
from .joined import AsyncJoined, Joined
from .model.times import aware
from .policy import Policy
from .storage.contract import Closable, Scrubbable
from .verbs import (
    auditing,
    campaigning,
    checking,
    choosing,
    common,
    enrolling,
    finding,
    importing,
    informing,
    ledgering,
    measuring,
    opening,
    planning,
    proving,
    renewing,
    restoring,
    sealing,
    shadowing,
    simulating,
    sweeping,
    visiting,
)

if TYPE_CHECKING:
    from collections.abc import (
        AsyncIterator,
        Callable,
        Coroutine,
        Iterable,
        Iterator,
        Mapping,
        Sequence,
    )
    from contextlib import AbstractContextManager
    from types import TracebackType
    from typing import Self

    from .ethics import Offer, Rule
    from .policy.diff import Diff
    from .storage.contract import AsyncStorage, Storage
    from .transparency.comparing import Shadow
    from .vault.keys import Keys
    from .verbs.sources import Source

P = ParamSpec("P")
T = TypeVar("T")

FLUSH_AT = 100
"""How many queued entries are written at once; with ``audit="batched"`` a crash loses at most these."""
LONGEST_TENANT = 64
"""Most characters of a tenant's name."""
AUDITS = ("durable", "batched")


class Ledger:
    """The ledger of a steward."""

    __slots__ = ("_steward",)

    def __init__(self, steward: Steward) -> None:
        self._steward = steward

    @property
    def _setting(self) -> Setting:
        return self._steward._setting

    def _run(self, flow: Flow[T]) -> T:
        return self._steward._run(flow)

    verify = blocking(ledgering.verify)
    checkpoint = blocking(ledgering.checkpoint)
    vkey = blocking(ledgering.vkey)
    receipt_vkey = blocking(ledgering.receipt_vkey)

    def between(
        self, since: datetime | None = None, until: datetime | None = None
    ) -> Iterator[auditing.Told]:
        """Stream what was learnt from *since* on and before *until*; see ``verbs.auditing.Between``."""
        walk = auditing.Between(self._setting, since, until)
        steps = iter(lambda: None if walk.done else self._run(walk.page()), None)
        return (told for page in steps for told in page)


class AsyncLedger:
    """The ledger of an asynchronous steward."""

    __slots__ = ("_steward",)

    def __init__(self, steward: AsyncSteward) -> None:
        self._steward = steward

    @property
    def _setting(self) -> Setting:
        return self._steward._setting

    async def _run(self, flow: Flow[T]) -> T:
        return await self._steward._run(flow)

    verify = awaiting(ledgering.verify)
    checkpoint = awaiting(ledgering.checkpoint)
    vkey = awaiting(ledgering.vkey)
    receipt_vkey = awaiting(ledgering.receipt_vkey)

    def between(
        self, since: datetime | None = None, until: datetime | None = None
    ) -> AsyncIterator[auditing.Told]:
        """Stream (``async for``) what was learnt in a span of time; see ``verbs.auditing.Between``."""
        return self._told(auditing.Between(self._setting, since, until))

    async def _told(self, walk: auditing.Between) -> AsyncIterator[auditing.Told]:
        while not walk.done:
            for told in await self._run(walk.page()):
                yield told


class Steward:
    """Keeps customers' data under one policy; the object that a host embeds.

    Build it with :meth:`open` or :meth:`memory`, and close it (or use ``with``).
    """

    def __init__(self, setting: Setting, driver: Blocking, owned: tuple[Storage, ...]) -> None:
        self._setting = setting
        self._driver = driver
        self._owned = owned
        self._timer = Timer(self._flush)
        self._is_copy = False
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
        rules: Iterable[Rule] = (),
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
            rules: the host's own rules for offers (``clm_ethics.ethics.rule``), beside the built-in ones.
            clock: returns the time (aware UTC).
            random: ``random(n)`` returns n random bytes.

        Raises:
            KeysMissing: the storage holds data, and its keys are not here.
            StorageUnavailable: the storage cannot be opened.
        """
        from . import storage as storages

        setting = _setting(policy, keys, keys_in is not None, sources, audit, tenant, clock, random, rules)
        owned: list[Storage] = []

        def place(where: str | Storage) -> Storage:
            if not isinstance(where, str):
                return where
            owned.append(storages.open(where))
            return owned[-1]

        try:
            data = place(storage)
            kept = data if keys_in is None else place(keys_in)
            return cls._opened(setting, data, kept, tuple(owned))
        except BaseException:
            _close(owned)
            raise

    @classmethod
    def memory(
        cls,
        policy: Policy,
        *,
        sources: Mapping[str, Source] | None = None,
        audit: str = "durable",
        tenant: str = "main",
        rules: Iterable[Rule] = (),
        clock: Callable[[], datetime] | None = None,
        random: Callable[[int], bytes] | None = None,
    ) -> Steward:
        """Keep everything in this process's memory: for tests and first steps."""
        from .storage.memory import MemoryStorage
        from .vault.keys import MemoryKeys

        data = MemoryStorage()
        keys = MemoryKeys(random or os.urandom)
        setting = _setting(policy, keys, False, sources, audit, tenant, clock, random, rules)
        return cls._opened(setting, data, data, ())

    @classmethod
    def _opened(cls, setting: Setting, data: Storage, kept: Storage, owned: tuple[Storage, ...]) -> Steward:
        setting.shared.scrubs = _scrubs((data, kept))
        driver = Blocking(setting, data, kept)
        driver.run(opening.open_setting(setting))
        return cls(setting, driver, owned)

    def _run(self, flow: Flow[T]) -> T:
        answer = self._driver.run(flow)
        waiting = self._setting.waiting
        if waiting >= FLUSH_AT:
            self._timer.now()
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
        """Write what waits, and close the storages that this steward opened; may be called twice.

        Closing a copy (:meth:`acting`) leaves the steward that it was copied from open.
        """
        if self._is_copy or not self._driver.open:
            return
        self._timer.stop()
        try:
            if self._driver.is_here:  # after a fork the queue is the parent's
                self._flush()
        finally:
            self._driver.shut()
            _close(self._owned)

    def __reduce__(self) -> NoReturn:
        raise UsageError(
            "a steward holds keys and connections, and cannot be pickled",
            place="steward",
            remedy="open one in each process: send the policy, and references of customers",
        )

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
        copy._timer, copy._is_copy = self._timer, True
        return copy

    def joined(self, connection: object) -> Joined:
        """Put commands into the host's own open transaction on the same database; see :mod:`.joined`.

        Args:
            connection: of sqlite3, psycopg or Django, or a ``Connection`` or ``Session`` of SQLAlchemy.
        """
        return Joined(self._setting, self._driver, connection)

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

    def visitor(self, *, by: str | None = None) -> Customer:
        """Make a stream for an anonymous visitor; see ``verbs.visiting.visitor``."""
        return self.customer(self._run(visiting.visitor(self._setting, by=by)))

    def find(self, field: str, value: str, *, purpose: str, by: str | None = None) -> tuple[Customer, ...]:
        """Return the customers whose look-up *field* is *value*; see ``verbs.finding.find``."""
        refs = self._run(finding.find(self._setting, field, value, purpose=purpose, by=by))
        return tuple(self.customer(ref) for ref in refs)

    def choose_many(
        self,
        refs: campaigning.Refs,
        offers: Iterable[Offer],
        *,
        channel: str,
        by: str | None = None,
        key: str | None = None,
    ) -> Iterator[Choice]:
        """Choose for each of *refs* as they are iterated; see ``verbs.campaigning``."""
        ask = choosing.asked_of(self._setting, offers, channel, by, key, "choose_many")
        return (
            Choice(self, ref, found, by)
            for page in campaigning.pages(refs)
            for ref, found in self._run(campaigning.choose_page(ask, page))
        )

    def audience(
        self, purpose: str, *, channel: str | None = None, by: str | None = None
    ) -> Iterator[Customer]:
        """Stream those who may be contacted for *purpose*; see ``verbs.campaigning.Audience``."""
        walk = campaigning.Audience(self._setting, purpose, channel, by)
        steps = iter(lambda: None if walk.done else self._run(walk.page()), None)
        return (self.customer(ref) for page in steps for ref in page)

    preflight = blocking(campaigning.preflight)
    enroll_many = blocking(importing.enroll_many)
    notice = blocking(informing.notice)
    seal = blocking(sealing.seal)
    prove = blocking(proving.prove)
    sweep = blocking(sweeping.sweep)
    due_consents = blocking(renewing.due_consents)
    plan_sweep = blocking(planning.plan_sweep)
    after_restore = blocking(restoring.after_restore)
    simulate = blocking(simulating.simulate)
    least_data = blocking(simulating.least_data)
    report = blocking(measuring.report)

    def diff(self, candidate: Policy) -> Diff:
        """Return what changes under *candidate*; see ``policy.diff``."""
        return shadowing.changes(self._setting, candidate)

    def shadow(self, candidate: Policy, *, k: int = shadowing.FLOOR) -> AbstractContextManager[Shadow]:
        """Ask *candidate* the same questions in the with block; see ``transparency.comparing.Shadow``."""
        return shadowing.shadow(self._setting, candidate, k)


class AsyncSteward:
    """The same face with ``await``. ``open``, ``memory``, ``customer`` and ``acting`` are plain functions.

    Connecting happens in ``async with`` or at the first await.
    """

    def __init__(self, setting: Setting, connect: Callable[[], Coroutine[Any, Any, Awaiting]]) -> None:
        self._setting = setting
        self._connection = Connection(connect, sealing.flush)
        self._is_copy = False
        self.ledger = AsyncLedger(self)

    @classmethod
    def open(
        cls,
        storage: str | Storage | AsyncStorage,
        *,
        policy: Policy,
        keys: Keys,
        keys_in: str | Storage | AsyncStorage | None = None,
        sources: Mapping[str, Source] | None = None,
        audit: str = "durable",
        tenant: str = "main",
        rules: Iterable[Rule] = (),
        clock: Callable[[], datetime] | None = None,
        random: Callable[[int], bytes] | None = None,
    ) -> AsyncSteward:
        """Prepare to open a storage; see :meth:`Steward.open`. A blocking storage gets a worker thread."""
        from . import storage as storages
        from .storage.threaded import Threaded

        owned: list[AsyncStorage] = []

        def place(where: str | Storage | AsyncStorage) -> AsyncStorage:
            if not isinstance(where, str) and inspect.iscoroutinefunction(where.load):
                return cast("AsyncStorage", where)
            if isinstance(where, str):
                owned.append(Threaded(functools.partial(storages.open, where)))
            else:
                owned.append(Threaded(cast("Storage", where), owns=False))
            return owned[-1]

        setting = _setting(policy, keys, keys_in is not None, sources, audit, tenant, clock, random, rules)

        async def connect() -> Awaiting:
            data = place(storage)
            kept = data if keys_in is None else place(keys_in)
            return await _connect(setting, data, kept, owned)

        return cls(setting, connect)

    @classmethod
    def memory(
        cls,
        policy: Policy,
        *,
        sources: Mapping[str, Source] | None = None,
        audit: str = "durable",
        tenant: str = "main",
        rules: Iterable[Rule] = (),
        clock: Callable[[], datetime] | None = None,
        random: Callable[[int], bytes] | None = None,
    ) -> AsyncSteward:
        """Keep everything in this process's memory: for tests and first steps."""
        from .storage.memory import AsyncMemoryStorage
        from .vault.keys import MemoryKeys

        keys = MemoryKeys(random or os.urandom)
        setting = _setting(policy, keys, False, sources, audit, tenant, clock, random, rules)

        async def connect() -> Awaiting:
            data = AsyncMemoryStorage()
            return await _connect(setting, data, data)

        return cls(setting, connect)

    async def _run(self, flow: Flow[T]) -> T:
        driver = await self._connection.driver()
        answer = await driver.run(flow)
        waiting = self._setting.waiting
        if waiting >= FLUSH_AT:
            await self._connection.flush_now(self._setting)
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
        await self.close()

    def close(self) -> Pending[None]:
        """Write what waits, and close; may be called twice. Closing a copy does nothing."""

        async def run() -> None:
            if not self._is_copy:
                await self._connection.close(self._setting)

        return Pending(run, "close")

    __reduce__ = Steward.__reduce__

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
        copy._connection, copy._is_copy = self._connection, True
        return copy

    def joined(self, connection: object) -> AsyncJoined:
        """Put commands into the host's own open transaction (``async with``); see :meth:`Steward.joined`."""
        return AsyncJoined(self._setting, self._connection.driver, connection)

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

    def visitor(self, *, by: str | None = None) -> Pending[AsyncCustomer]:
        """Make a stream for an anonymous visitor; see ``verbs.visiting.visitor``."""

        async def run() -> AsyncCustomer:
            return self.customer(await self._run(visiting.visitor(self._setting, by=by)))

        return Pending(run, "visitor")

    def find(
        self, field: str, value: str, *, purpose: str, by: str | None = None
    ) -> Pending[tuple[AsyncCustomer, ...]]:
        """Return the customers whose look-up *field* is *value*; see ``verbs.finding.find``."""

        async def run() -> tuple[AsyncCustomer, ...]:
            refs = await self._run(finding.find(self._setting, field, value, purpose=purpose, by=by))
            return tuple(self.customer(ref) for ref in refs)

        return Pending(run, "find")

    def choose_many(
        self,
        refs: campaigning.Refs,
        offers: Iterable[Offer],
        *,
        channel: str,
        by: str | None = None,
        key: str | None = None,
    ) -> AsyncIterator[AsyncChoice]:
        """Choose for each of *refs* as they are iterated (``async for``); see ``verbs.campaigning``."""
        ask = choosing.asked_of(self._setting, offers, channel, by, key, "choose_many")
        return self._choose_pages(ask, campaigning.pages_awaited(refs), by)

    async def _choose_pages(
        self, ask: choosing.Ask, pages: AsyncIterator[list[str]], by: str | None
    ) -> AsyncIterator[AsyncChoice]:
        async for page in pages:
            for ref, found in await self._run(campaigning.choose_page(ask, page)):
                yield AsyncChoice(self, ref, found, by)

    def audience(
        self, purpose: str, *, channel: str | None = None, by: str | None = None
    ) -> AsyncIterator[AsyncCustomer]:
        """Stream (``async for``) those who may be contacted; see ``verbs.campaigning.Audience``."""
        return self._candidates(campaigning.Audience(self._setting, purpose, channel, by))

    async def _candidates(self, walk: campaigning.Audience) -> AsyncIterator[AsyncCustomer]:
        while not walk.done:
            for ref in await self._run(walk.page()):
                yield self.customer(ref)

    preflight = awaiting(campaigning.preflight)
    enroll_many = awaiting(importing.enroll_many)
    notice = awaiting(informing.notice)
    seal = awaiting(sealing.seal)
    prove = awaiting(proving.prove)
    sweep = awaiting(sweeping.sweep)
    due_consents = awaiting(renewing.due_consents)
    plan_sweep = awaiting(planning.plan_sweep)
    after_restore = awaiting(restoring.after_restore)
    simulate = awaiting(simulating.simulate)
    least_data = awaiting(simulating.least_data)
    report = awaiting(measuring.report)

    def diff(self, candidate: Policy) -> Diff:
        """Return what changes under *candidate*; see ``policy.diff``."""
        return shadowing.changes(self._setting, candidate)

    def shadow(self, candidate: Policy, *, k: int = shadowing.FLOOR) -> AbstractContextManager[Shadow]:
        """Ask *candidate* the same questions in the with block; see ``transparency.comparing.Shadow``."""
        return shadowing.shadow(self._setting, candidate, k)


async def _connect(
    setting: Setting, data: AsyncStorage, kept: AsyncStorage, owned: Sequence[AsyncStorage] = ()
) -> Awaiting:
    setting.shared.scrubs = _scrubs((data, kept))
    driver = Awaiting(setting, data, kept, owned=owned)
    try:
        await driver.run(opening.open_setting(setting))
    except BaseException:
        await driver.close_storages()
        raise
    return driver


def _setting(
    policy: Policy,
    keys: Keys,
    split: bool,  # noqa: FBT001  (private, passed by place)
    sources: Mapping[str, Source] | None,
    audit: str,
    tenant: str,
    clock: Callable[[], datetime] | None,
    random: Callable[[int], bytes] | None,
    rules: Iterable[Rule],
) -> Setting:
    if audit not in AUDITS:
        raise UsageError(
            f"no audit `{audit}`", place="open(audit=)", remedy="`durable` or `batched`; there is no off"
        )
    if not isinstance(policy, Policy):
        raise UsageError("no policy", place="open(policy=)", remedy="pass Policy.load(...) or Policy.of(...)")
    checking.check_text(tenant, "a tenant's name", "open(tenant=)", LONGEST_TENANT)
    if clock is not None:
        aware(clock(), "open(clock=)")
    from .ethics.rules import check_rules

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
        rules=check_rules(rules),
    )


def _scrubs(storages: Iterable[object]) -> tuple[Callable[[], Any], ...]:
    """Return what removes overwritten rows from the files of each storage, once."""
    return tuple(each.scrub for each in dict.fromkeys(storages) if isinstance(each, Scrubbable))


def _utc() -> datetime:
    return datetime.now(UTC)


def _close(storages: Iterable[Storage]) -> None:
    for each in storages:
        if isinstance(each, Closable):
            each.close()
