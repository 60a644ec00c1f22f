"""The two drivers: one blocks, one awaits. They differ by ``await`` and by nothing else."""

from __future__ import annotations

import os
import time
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeVar

from ..errors import Closed, StorageUnavailable, UsageError
from .effects import KEYS, Call, Commit, Effect, Entries, Find, Flow, Load, Pause, Submit
from .settle import JOBS_AT_ONCE, Job, settle

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Sequence

    from ..storage.contract import AsyncStorage, Storage
    from .setting import Setting

T = TypeVar("T")


class Blocking:
    """Runs flows in the caller's thread; verbs of several threads share commits."""

    def __init__(
        self, setting: Setting, data: Storage, keys: Storage, *, sleep: Callable[[float], object] = time.sleep
    ) -> None:
        self._setting = setting
        self._storages = (data, keys)
        self._sleep = sleep
        self._queue: list[Job] = []
        self._queue_lock = Lock()
        self._leading = Lock()
        self._process = os.getpid()
        self.open = True

    @property
    def is_here(self) -> bool:
        """Whether this is the process that opened it."""
        return os.getpid() == self._process

    @property
    def storages(self) -> tuple[Storage, Storage]:
        """The storage of the data, and that of the keys."""
        return self._storages

    def shut(self) -> None:
        """Take no more verbs, once those that commit are done."""
        if self.is_here:
            with self._leading:
                self.open = False
        self.open = False

    def run(self, flow: Flow[T]) -> T:
        """Drive *flow* to its end."""
        _check(self._process, is_open=self.open)
        return self._drive(flow)

    def _drive(self, flow: Flow[T]) -> T:
        answer: Any = None
        error: BaseException | None = None
        while True:
            try:
                effect = flow.send(answer) if error is None else flow.throw(error)
            except StopIteration as done:
                return done.value  # type: ignore[no-any-return]  # a StopIteration is not generic
            answer = error = None
            try:
                answer = self._perform(effect)
            except Exception as failed:  # noqa: BLE001  (the flow hears of it, and decides)
                error = failed

    def _perform(self, effect: Effect) -> Any:
        match effect:
            case Load(streams, where):
                return self._storages[where].load(streams)
            case Commit(writes, where):
                return self._storages[where].commit(writes)
            case Submit(jobs):
                return self._submit(jobs)
            case Entries(stream, after, limit, where):
                return self._storages[where].entries(stream, after=after, limit=limit)
            case Find(token, until, after_mark, limit, where):
                return self._storages[where].find(token, until=until, after=after_mark, limit=limit)
            case Call(function, arguments):
                return _not_awaitable(function(*arguments))
            case Pause(seconds):
                return self._sleep(seconds)

    def _submit(self, jobs: Sequence[Job]) -> None:
        """Queue *jobs*; whoever gets to lead settles everything that waits by then."""
        with self._queue_lock:
            self._queue += jobs
        with self._leading:
            while not all(job.done for job in jobs):
                self._lead()

    def _lead(self) -> None:
        with self._queue_lock:
            batch, self._queue = self._queue[:JOBS_AT_ONCE], self._queue[JOBS_AT_ONCE:]
        try:
            self._drive(settle(self._setting, batch))
        finally:
            _interrupted(batch)


class Awaiting:
    """Runs flows on the event loop; verbs that wait together share commits.

    Cancelling a caller never withdraws what it has queued: the entry may be in the ledger.
    """

    def __init__(
        self,
        setting: Setting,
        data: AsyncStorage,
        keys: AsyncStorage,
        *,
        owned: Sequence[AsyncStorage] = (),
    ) -> None:
        self._setting = setting
        self._storages = (data, keys)
        self._owned = owned
        self._queue: list[Job] = []
        self._draining: asyncio.Task[None] | None = None
        self._driven: set[asyncio.Future[Any]] = set()
        self._process = os.getpid()
        self.open = True

    @property
    def is_here(self) -> bool:
        """Whether this is the process that opened it."""
        return os.getpid() == self._process

    @property
    def storages(self) -> tuple[AsyncStorage, AsyncStorage]:
        """The storage of the data, and that of the keys."""
        return self._storages

    async def run(self, flow: Flow[T]) -> T:
        """Drive *flow* to its end, also when the caller is cancelled: a no half said would be none."""
        import asyncio

        _check(self._process, is_open=self.open)
        driven = asyncio.ensure_future(self._drive(flow))
        self._driven.add(driven)
        driven.add_done_callback(self._drove)
        return await asyncio.shield(driven)

    def _drove(self, driven: asyncio.Future[Any]) -> None:
        self._driven.discard(driven)
        if not driven.cancelled():
            driven.exception()  # who was cancelled does not hear of it, and nobody else need

    async def _drive(self, flow: Flow[T]) -> T:
        answer: Any = None
        error: BaseException | None = None
        while True:
            try:
                effect = flow.send(answer) if error is None else flow.throw(error)
            except StopIteration as done:
                return done.value  # type: ignore[no-any-return]  # a StopIteration is not generic
            answer = error = None
            try:
                answer = await self._perform(effect)
            except Exception as failed:  # noqa: BLE001  (the flow hears of it, and decides)
                error = failed

    async def _perform(self, effect: Effect) -> Any:
        match effect:
            case Load(streams, where):
                return await self._storages[where].load(streams)
            case Commit(writes, where):
                return await self._storages[where].commit(writes)
            case Submit(jobs):
                return await self._submit(jobs)
            case Entries(stream, after, limit, where):
                return await self._storages[where].entries(stream, after=after, limit=limit)
            case Find(token, until, after_mark, limit, where):
                return await self._storages[where].find(token, until=until, after=after_mark, limit=limit)
            case Call(function, arguments):
                return await _call(function, arguments)
            case Pause(seconds):
                import asyncio

                return await asyncio.sleep(seconds)

    async def _submit(self, jobs: Sequence[Job]) -> None:
        import asyncio

        for job in jobs:
            job.waiter = asyncio.get_running_loop().create_future()
        self._queue += jobs
        if self._draining is None:
            self._draining = asyncio.create_task(self._drain())
        for job in jobs:
            await asyncio.shield(job.waiter)

    async def _drain(self) -> None:
        import asyncio

        try:
            while self._queue:
                await asyncio.sleep(0)  # whoever is ready now shares the commit
                batch, self._queue = self._queue[:JOBS_AT_ONCE], self._queue[JOBS_AT_ONCE:]
                await self._settle(batch)
        finally:
            self._draining = None

    async def _settle(self, batch: list[Job]) -> None:
        try:
            await self._drive(settle(self._setting, batch))
        finally:
            _interrupted(batch)
            for each in batch:
                if not each.waiter.done():
                    each.waiter.set_result(None)

    async def close_storages(self) -> None:
        """Close the storages that were opened for this driver; who opened another closes it."""
        for storage in self._owned:
            close = getattr(storage, "aclose", None)
            if close is not None:
                await close()

    async def finish(self) -> None:
        """Wait until everything under way is done."""
        import asyncio

        while self._driven or self._draining is not None:
            under_way = [*self._driven, *([] if self._draining is None else [self._draining])]
            await asyncio.wait(under_way)


def _interrupted(batch: Sequence[Job]) -> None:
    """Whoever settled *batch* was stopped (a signal, the end of the loop); the others hear so."""
    for each in batch:
        if not each.done:
            each.done = True
            each.error = StorageUnavailable(
                "the commit was interrupted",
                written=None,
                place="commit",
                remedy="tell it again with the same key=",
            )


async def _call(function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    """Call on a thread what may block; what turns out to be a coroutine, however wrapped, is awaited."""
    import asyncio
    import inspect

    if inspect.iscoroutinefunction(function):
        return await function(*arguments)
    answer = await asyncio.to_thread(function, *arguments)
    return await answer if inspect.isawaitable(answer) else answer


def _not_awaitable(answer: Any) -> Any:
    """Refuse a coroutine: a blocking steward would take it for done, and it would never run."""
    if not hasattr(answer, "__await__"):
        return answer
    close = getattr(answer, "close", None)
    if close is not None:
        close()
    raise UsageError(
        "a coroutine cannot run under a blocking steward",
        place="sources",
        remedy="use AsyncSteward, or a source of plain functions",
    )


def _check(process: int, *, is_open: bool) -> None:
    if not is_open:
        raise Closed("the steward is closed", remedy="open a new one")
    if os.getpid() != process:
        raise Closed("the steward was opened before a fork", remedy="open it in the child process")


__all__ = ["KEYS", "Awaiting", "Blocking"]
