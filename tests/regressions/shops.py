"""Shops for the regression tests: the example policy, changed here and there."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

from clm_ethics import AsyncSteward, Policy, Steward, StorageUnavailable
from clm_ethics.storage.memory import MemoryStorage
from clm_ethics.verbs.common import peek
from tests.face.shop import Clock, Seeded, document, steward

if TYPE_CHECKING:
    from collections.abc import Callable

CONSENT_ONLY = {"purposes__newsletter__basis": "consent", "purposes__newsletter__basis_under": None}
"""The newsletter rests on consent alone, under every law."""
PARTNER = {
    "purposes__partner": {
        "title": {"en": "Offers of partners", "de": "Angebote von Partnern"},
        "processing": ["direct_marketing"],
        "basis": "consent",
        "channels": ["email"],
        "fields": ["email"],
    }
}
"""A second marketing purpose."""


def policy(**changes: Any) -> Policy:
    """Return the example policy, with keys changed."""
    return Policy.of(document(**changes))


def shop(storage: Any = None, changes: dict[str, Any] | None = None, **more: Any) -> Steward:
    """Open a steward of the example shop, with keys of its policy changed."""
    changed = {"policy": policy(**changes)} if changes else {}
    return steward(storage, **{**changed, **more})


def awaiting(changes: dict[str, Any] | None = None, **more: Any) -> AsyncSteward:
    """Prepare an asynchronous steward over memory."""
    return AsyncSteward.memory(policy(**(changes or {})), clock=Clock(), random=Seeded(), **more)


def look(steward_: Steward, ref: str = "c-1001") -> Any:
    """Return the customer's opened book."""
    return steward_._run(peek(steward_._setting, ref))


def together(steward_: Steward, **calls: Callable[[], Any]) -> dict[str, Any]:
    """Make *calls* wait for each other, so that one batch settles them all, in their order."""
    came: dict[str, Any] = {}
    driver: Any = steward_._driver

    def run(name: str, call: Callable[[], Any]) -> None:
        try:
            came[name] = call()
        except Exception as error:  # noqa: BLE001  (what came of it is looked at)
            came[name] = error

    threads = [threading.Thread(target=run, args=each) for each in calls.items()]
    with driver._leading:
        for waiting, thread in enumerate(threads, start=1):
            thread.start()
            while len(driver._queue) < waiting:
                threading.Event().wait(0.0001)
    for thread in threads:
        thread.join()
    return came


class Flaky:
    """A storage that fails as a test says: ``mode`` is asked at each call."""

    def __init__(self, inner: Any = None) -> None:
        self.inner = MemoryStorage() if inner is None else inner
        self.mode: str = ""

    def load(self, streams: Any, /) -> Any:
        self._ask()
        return self.inner.load(streams)

    def commit(self, writes: Any, /) -> Any:
        self._ask()
        if self.mode == "read-only":
            raise StorageUnavailable("read-only", written=False)
        made = self.inner.commit(writes)
        if self.mode == "lose one":
            self.mode = ""
            raise StorageUnavailable("the answer was lost", written=None)
        return made

    def entries(self, stream: bytes, /, *, after: int, limit: int) -> Any:
        self._ask()
        return self.inner.entries(stream, after=after, limit=limit)

    def find(self, token: bytes, /, *, until: int, after: tuple[int, bytes], limit: int) -> Any:
        self._ask()
        return self.inner.find(token, until=until, after=after, limit=limit)

    def _ask(self) -> None:
        if self.mode == "down":
            raise StorageUnavailable("down", written=False)


class Slow:
    """An asynchronous storage each call of which, while it is ``slow``, waits for ``go``."""

    def __init__(self, inner: Any = None) -> None:
        self.inner = MemoryStorage() if inner is None else inner
        self.slow = False
        self.go = asyncio.Event()

    async def load(self, streams: Any, /) -> Any:
        await self._wait()
        return self.inner.load(streams)

    async def commit(self, writes: Any, /) -> Any:
        await self._wait()
        return self.inner.commit(writes)

    async def entries(self, stream: bytes, /, *, after: int, limit: int) -> Any:
        return self.inner.entries(stream, after=after, limit=limit)

    async def find(self, token: bytes, /, *, until: int, after: tuple[int, bytes], limit: int) -> Any:
        return self.inner.find(token, until=until, after=after, limit=limit)

    async def _wait(self) -> None:
        if self.slow:
            await self.go.wait()
