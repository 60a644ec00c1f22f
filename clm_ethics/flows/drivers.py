"""The two drivers: one blocks, one awaits. They differ by ``await`` and by nothing else."""

from __future__ import annotations

import os
import time
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeVar

from ..errors import Closed
from .effects import KEYS, Call, Commit, Effect, Entries, Find, Flow, Load, Pause, Submit
from .settle import JOBS_AT_ONCE, Job, settle

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

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
            case Submit(job):
                return self._submit(job)
            case Entries(stream, after, limit, where):
                return self._storages[where].entries(stream, after=after, limit=limit)
            case Find(token, until, after_mark, limit, where):
                return self._storages[where].find(token, until=until, after=after_mark, limit=limit)
            case Call(function, arguments):
                return function(*arguments)
            case Pause(seconds):
                return self._sleep(seconds)

    def _submit(self, job: Job) -> Any:
        """Queue *job*; whoever gets to lead settles everything that waits by then."""
        with self._queue_lock:
            self._queue.append(job)
        with self._leading:
            while not job.done:
                self._lead()
        return job.outcome()

    def _lead(self) -> None:
        with self._queue_lock:
            batch, self._queue = self._queue[:JOBS_AT_ONCE], self._queue[JOBS_AT_ONCE:]
        try:
            self._drive(settle(self._setting, batch))
        except BaseException as error:
            for each in batch:
                if not each.done:
                    each.error, each.done = error, True
            raise


class Awaiting:
    """Runs flows on the event loop; verbs that wait together share commits.

    Cancelling a caller never withdraws what it has queued: the entry may be in the ledger.
    """

    def __init__(self, setting: Setting, data: AsyncStorage, keys: AsyncStorage) -> None:
        self._setting = setting
        self._storages = (data, keys)
        self._queue: list[Job] = []
        self._draining: asyncio.Task[None] | None = None
        self._process = os.getpid()
        self.open = True

    async def run(self, flow: Flow[T]) -> T:
        """Drive *flow* to its end."""
        _check(self._process, is_open=self.open)
        return await self._drive(flow)

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
            case Submit(job):
                return await self._submit(job)
            case Entries(stream, after, limit, where):
                return await self._storages[where].entries(stream, after=after, limit=limit)
            case Find(token, until, after_mark, limit, where):
                return await self._storages[where].find(token, until=until, after=after_mark, limit=limit)
            case Call(function, arguments):
                return await _call(function, arguments)
            case Pause(seconds):
                import asyncio

                return await asyncio.sleep(seconds)

    async def _submit(self, job: Job) -> Any:
        import asyncio

        job.waiter = asyncio.get_running_loop().create_future()
        self._queue.append(job)
        if self._draining is None:
            self._draining = asyncio.create_task(self._drain())
        await asyncio.shield(job.waiter)
        return job.outcome()

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
        except BaseException as error:
            for each in batch:
                if not each.done:
                    each.error, each.done = error, True
            raise
        finally:
            for each in batch:
                if not each.waiter.done():
                    each.waiter.set_result(None)

    async def close_storages(self) -> None:
        """Close both storages, where they can be closed."""
        for storage in dict.fromkeys(self._storages):
            close = getattr(storage, "aclose", None)
            if close is not None:
                await close()

    async def finish(self) -> None:
        """Wait until everything queued is settled."""
        while self._draining is not None:
            await self._draining


async def _call(function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    import asyncio
    import inspect

    if inspect.iscoroutinefunction(function):
        return await function(*arguments)
    return await asyncio.to_thread(function, *arguments)


def _check(process: int, *, is_open: bool) -> None:
    if not is_open:
        raise Closed("the steward is closed", remedy="open a new one")
    if os.getpid() != process:
        raise Closed("the steward was opened before a fork", remedy="open it in the child process")


__all__ = ["KEYS", "Awaiting", "Blocking"]
