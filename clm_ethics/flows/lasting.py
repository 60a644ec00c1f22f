"""What outlasts one verb: connecting once, and writing the queue when nobody else does."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from ..errors import ClmError, Closed

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from .drivers import Awaiting
    from .effects import Flow
    from .setting import Setting

_log = logging.getLogger(__name__)
_log.addHandler(logging.NullHandler())

FLUSH_AFTER = 1.0
"""Seconds after which queued reads are written; a crash loses at most what came since."""


class Connection:
    """Connects once, however many verbs wait for it."""

    def __init__(
        self, connect: Callable[[], Coroutine[Any, Any, Awaiting]], flush: Callable[[Setting], Flow[int]]
    ) -> None:
        self.flush = flush
        self.connect = connect
        self._lock: Any = None
        self._driver: Awaiting | None = None
        self._flushing: Any = None
        self._closed = False

    async def driver(self) -> Awaiting:
        """Return the driver; the first caller connects."""
        import asyncio

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
        """Write the queue a second from now, unless that is under way."""
        import asyncio

        if self._flushing is None or self._flushing.done():
            self._flushing = asyncio.ensure_future(self._flush_after(setting))

    async def _flush_after(self, setting: Setting) -> None:
        import asyncio

        await asyncio.sleep(FLUSH_AFTER)
        await self.flush_now(setting)

    async def flush_now(self, setting: Setting) -> None:
        """Write the queue; what cannot be written waits on, and the verb that came by is not to blame."""
        try:
            driver = await self.driver()
            await driver.run(self.flush(setting))
        except Closed:
            pass  # whoever closed it wrote the queue
        except ClmError as error:
            _log.warning("queued entries could not be written yet: %s", error)

    async def close(self, setting: Setting) -> None:
        """Write what waits, and close the storages; may be called twice."""
        driver = self._driver
        self._closed = True
        if driver is None or not driver.open:
            return
        if self._flushing is not None:
            self._flushing.cancel()
        try:
            await driver.finish()
            await driver.run(self.flush(setting))
        finally:
            driver.open = False
            await driver.close_storages()


class Timer:
    """Writes the queue a second after something came to wait, in a thread of its own."""

    def __init__(self, flush: Callable[[], None]) -> None:
        self._flush = flush
        self._running: Any = None

    def start(self) -> None:
        """Start the second, unless it runs."""
        import threading

        if self._running is None or not self._running.is_alive():
            self._running = threading.Timer(FLUSH_AFTER, self.now)
            self._running.daemon = True
            self._running.start()

    def stop(self) -> None:
        """Stop waiting; a writing that has begun comes to its end first."""
        if self._running is not None and self._running.is_alive():
            self._running.cancel()
            self._running.join()

    def now(self) -> None:
        """Write the queue; what cannot be written waits on, and the verb that came by is not to blame."""
        try:
            self._flush()
        except Closed:
            pass  # whoever closed it wrote the queue
        except ClmError as error:
            _log.warning("queued entries could not be written yet: %s", error)
