"""What every flow of one steward works with."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock
from typing import TYPE_CHECKING, Any

import attrs

from ..errors import Closed
from ..model.state import State

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from ..model.events import Event
    from ..policy import Policy
    from ..vault.keys import Keys
    from ..vault.sealing import Sealer
    from ..vault.tenant import TenantKeys

KEY_LIFE = 300.0
"""Seconds for which an unwrapped key stays in memory."""
KEYS_CACHED = 10_000
"""Most unwrapped keys in memory."""
REFS_CACHED = 100_000
"""Most remembered ways from a look-up token to a stream."""
VERSION_BITS = 62
"""A stream starts at a random version of so many bits, and counts up."""


@attrs.define(eq=False)
class Cached:
    """A customer's sealer, its floor, and when (monotonic seconds) it is dropped."""

    sealer: Sealer
    floor: int
    until: float


@attrs.define(eq=False, repr=False)
class Shared:
    """What all copies of a setting share: opened keys, caches, and the queue."""

    keys: TenantKeys | None = None
    sealers: OrderedDict[bytes, Cached] = attrs.field(factory=OrderedDict)
    refs: OrderedDict[bytes, bytes] = attrs.field(factory=OrderedDict)
    queued: dict[bytes, dict[Any, Event]] = attrs.field(factory=dict)
    count: int = 0
    lock: Lock = attrs.field(factory=Lock)


@attrs.define(eq=False, repr=False, kw_only=True)
class Setting:
    """Policy, keys, clock, randomness, caches and queue of one steward.

    ``split``: keys live in a storage of their own. ``batched``: allowed reads are queued.
    ``acting``: the actor of verbs that name none.
    """

    policy: Policy
    tenant: str
    provider: Keys
    clock: Callable[[], datetime]
    random: Callable[[int], bytes]
    monotonic: Callable[[], float]
    sources: Mapping[str, Any]
    split: bool
    batched: bool
    scrub: Callable[[], Any] | None = None
    acting: str | None = None
    shared: Shared = attrs.field(factory=Shared)

    @property
    def tenant_keys(self) -> TenantKeys:
        """The tenant's keys, once the steward is open."""
        if self.shared.keys is None:
            raise Closed("the steward is not open", remedy="use it in a with statement, or open it first")
        return self.shared.keys

    def version(self) -> int:
        """Draw the first version of a stream."""
        return int.from_bytes(self.random(8), "big") >> (64 - VERSION_BITS) | 1

    def sealer(self, key_stream: bytes) -> Cached | None:
        """Return the cached sealer of *key_stream*, if it has not grown old."""
        found = self.shared.sealers.get(key_stream)
        if found is None or found.until < self.monotonic():
            return None
        return found

    def remember(self, key_stream: bytes, sealer: Sealer, floor: int) -> Cached:
        """Cache *sealer* for five minutes."""
        shared = self.shared
        with shared.lock:
            cached = Cached(sealer, floor, self.monotonic() + KEY_LIFE)
            shared.sealers[key_stream] = cached
            while len(shared.sealers) > KEYS_CACHED:
                shared.sealers.popitem(last=False)
        return cached

    def forget_key(self, key_stream: bytes) -> None:
        """Drop a key at once: its customer is erased."""
        with self.shared.lock:
            self.shared.sealers.pop(key_stream, None)

    def remembered_ref(self, token: bytes) -> bytes | None:
        """Return where a look-up token led; whoever uses it checks the stream."""
        return self.shared.refs.get(token)

    def remember_ref(self, token: bytes, stream: bytes) -> None:
        """Remember which stream a look-up token led to."""
        shared = self.shared
        with shared.lock:
            shared.refs[token] = stream
            while len(shared.refs) > REFS_CACHED:
                shared.refs.popitem(last=False)

    def forget_ref(self, token: bytes) -> None:
        """Forget where a look-up token led."""
        with self.shared.lock:
            self.shared.refs.pop(token, None)

    def forget_refs(self) -> None:
        """Forget every remembered way."""
        with self.shared.lock:
            self.shared.refs.clear()

    def queue(self, stream: bytes, key: Any, event: Event, merge: Callable[[Event, Event], Event]) -> None:
        """Queue *event* for *stream*; equal ones (by *key*) are merged."""
        shared = self.shared
        with shared.lock:
            waiting = shared.queued.setdefault(stream, {})
            if key in waiting:
                waiting[key] = merge(waiting[key], event)
            else:
                waiting[key] = event
                shared.count += 1

    def waiting(self) -> tuple[list[bytes], int]:
        """Return the streams for which something waits, and how many entries that is."""
        with self.shared.lock:
            return list(self.shared.queued), self.shared.count

    def take_queued(self, stream: bytes) -> dict[Any, Event]:
        """Take what waits for *stream*."""
        shared = self.shared
        with shared.lock:
            taken = shared.queued.pop(stream, {})
            shared.count -= len(taken)
            return taken

    def give_back(self, stream: bytes, taken: dict[Any, Event]) -> None:
        """Queue again what could not be written."""
        shared = self.shared
        if not taken:
            return
        with shared.lock:
            now = shared.queued.setdefault(stream, {})
            for key, event in taken.items():
                if key not in now:
                    now[key] = event
                    shared.count += 1


NOBODY = State()
"""The state of a customer nobody has enrolled."""
