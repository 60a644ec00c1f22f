"""Drivers inside a transaction of the host's: nothing is queued, retried, cached or shared.

Each command is one savepoint, so that one that fails leaves nothing half written in the host's
transaction. An error of the storage ends the command at once: whether it was written is never in
doubt, for nothing is before the host commits.
"""

from __future__ import annotations

import inspect
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeVar, cast

import attrs

from ..errors import ClmError, Closed, StorageError, StorageUnavailable, UsageError
from ..storage.contract import Joinable
from .drivers import Awaiting, Blocking
from .effects import KEYS, Commit
from .setting import Shared
from .settle import settle

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..storage.contract import AsyncJoinedStorage, AsyncStorage, JoinedStorage, Storage
    from .effects import Effect, Flow
    from .setting import Setting
    from .settle import Job

T = TypeVar("T")


class _Stopped(BaseException):
    """The storage has failed: no flow hears of it, for none can go on in a broken transaction."""

    def __init__(self, error: StorageError) -> None:
        self.error = error


def apart(setting: Setting) -> Setting:
    """Return a setting that shares the tenant's keys with *setting*, and neither cache nor queue."""
    return attrs.evolve(setting, shared=Shared(keys=setting.shared.keys), batched=False)


def bind(storage: object, connection: object) -> JoinedStorage | AsyncJoinedStorage:
    """Bind *storage* to the driver's *connection*; ``UsageError`` if it cannot be joined."""
    if not isinstance(storage, Joinable):
        raise UsageError(
            "this storage cannot write inside a transaction of the host's",
            place="joined",
            remedy="SQLite and PostgreSQL can; otherwise tell it after the commit, with a key=",
        )
    return storage.joined(connection)


class Inside(Blocking):
    """Runs commands in the host's transaction, one after the other.

    Args:
        setting: one of :func:`apart`.
        bound: the storage, on the host's connection.
        keys: the storage of the keys if that is another one: only looked at.
    """

    def __init__(self, setting: Setting, bound: JoinedStorage, keys: Storage | None) -> None:
        super().__init__(setting, bound, bound if keys is None else keys)
        self._bound = bound
        self._one = Lock()

    @property
    def snapshot(self) -> bool:
        """Whether the transaction sees what stood when it began."""
        return self._bound.snapshot

    def enter(self) -> None:
        """Check the host's transaction."""
        self._bound.enter()

    def leave(self) -> None:
        """Take no more commands; the transaction is the host's."""
        with self._one:
            self.open = False
            self._bound.leave()

    def run(self, flow: Flow[T]) -> T:
        """Drive *flow* to its end in a savepoint; whatever it raises, it has written nothing."""
        with self._one:
            _check(self)
            _forget(self._setting)
            self._bound.savepoint()
            try:
                answer = self._drive(flow)
                self._bound.release()
            except BaseException as error:  # noqa: BLE001  (raised again, once it is undone)
                self._bound.undo()
                told = _told(error)
                raise told from told.__cause__
            return answer

    def _perform(self, effect: Effect) -> Any:
        _only_look(self._setting, effect)
        try:
            return super()._perform(effect)
        except StorageError as error:
            raise _Stopped(error) from error

    def _submit(self, jobs: Sequence[Job]) -> None:
        self._drive(settle(self._setting, jobs))


class AsyncInside(Awaiting):
    """The same with ``await``. Cancelling a command undoes it."""

    def __init__(self, setting: Setting, bound: AsyncJoinedStorage, keys: AsyncStorage | None) -> None:
        super().__init__(setting, bound, bound if keys is None else keys)
        self._bound = bound
        self._one: Any = None

    @property
    def snapshot(self) -> bool:
        """Whether the transaction sees what stood when it began."""
        return self._bound.snapshot

    async def enter(self) -> None:
        """Check the host's transaction."""
        import asyncio

        self._one = asyncio.Lock()
        await self._bound.enter()

    async def leave(self) -> None:
        """Take no more commands; the transaction is the host's."""
        async with self._one:
            self.open = False
            await self._bound.leave()

    async def run(self, flow: Flow[T]) -> T:
        """Drive *flow* to its end in a savepoint, in the caller's own task."""
        async with self._one:
            _check(self)
            _forget(self._setting)
            await self._bound.savepoint()
            try:
                answer = await self._drive(flow)
                await self._bound.release()
            except BaseException as error:  # noqa: BLE001  (raised again, once it is undone)
                await self._bound.undo()
                told = _told(error)
                raise told from told.__cause__
            return answer

    async def _perform(self, effect: Effect) -> Any:
        _only_look(self._setting, effect)
        try:
            return await super()._perform(effect)
        except StorageError as error:
            raise _Stopped(error) from error

    async def _submit(self, jobs: Sequence[Job]) -> None:
        await self._drive(settle(self._setting, jobs))


class Direct:
    """A joined storage that waits for nobody (the host's transaction holds SQLite's only lock), awaited."""

    def __init__(self, bound: JoinedStorage) -> None:
        if bound.waits:
            raise UsageError(
                "a blocking connection under AsyncSteward",
                place="joined",
                remedy="pass an awaiting connection, such as psycopg.AsyncConnection",
            )
        self._bound = bound
        self.waits = False

    @property
    def snapshot(self) -> bool:
        """See :class:`clm_ethics.storage.contract.JoinedStorage`."""
        return self._bound.snapshot

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._bound, name)

        async def call(*arguments: Any, **named: Any) -> Any:
            return method(*arguments, **named)

        return call


def blocking_bound(bound: JoinedStorage | AsyncJoinedStorage) -> JoinedStorage:
    """Return *bound* for a blocking driver; ``UsageError`` for an awaiting connection."""
    if inspect.iscoroutinefunction(bound.enter):
        raise UsageError(
            "an awaiting connection under a blocking steward", place="joined", remedy="use AsyncSteward"
        )
    return cast("JoinedStorage", bound)


def awaiting_bound(bound: JoinedStorage | AsyncJoinedStorage) -> AsyncJoinedStorage:
    """Return *bound* for an awaiting driver."""
    if inspect.iscoroutinefunction(bound.enter):
        return cast("AsyncJoinedStorage", bound)
    return cast("AsyncJoinedStorage", Direct(cast("JoinedStorage", bound)))


def _check(driver: Inside | AsyncInside) -> None:
    if not driver.open or not driver.is_here:
        raise Closed(
            "the `with` statement has been left", place="joined", remedy="join the next transaction anew"
        )


def _forget(setting: Setting) -> None:
    """Nothing is remembered from one command to the next: the host may have rolled back between them."""
    setting.shared = Shared(keys=setting.shared.keys)


def _only_look(setting: Setting, effect: Effect) -> None:
    """No verb that writes keys gets here when they live elsewhere; should one, nothing is written."""
    if setting.split and isinstance(effect, Commit) and effect.where == KEYS:
        raise UsageError("keys in another database cannot join a transaction", place="joined")


def _told(error: BaseException) -> BaseException:
    """Return what the host hears of *error*: the savepoint is undone, so nothing was written."""
    found = error.error if isinstance(error, _Stopped) else error
    if isinstance(found, StorageUnavailable) and found.written is not False:
        origin = found.__cause__ if isinstance(found.__cause__, ClmError) else found
        return StorageUnavailable(origin.what, written=False, place=origin.place, remedy=origin.remedy)
    return found
