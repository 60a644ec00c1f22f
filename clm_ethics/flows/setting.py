"""What every flow of one steward works with."""

from __future__ import annotations

from collections import OrderedDict
from itertools import islice
from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple

import attrs

from ..errors import Closed
from ..model.state import State

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from ..ethics import Rule
    from ..model.events import Event
    from ..policy import Decision, Policy, Request
    from ..transparency.comparing import Shadow
    from ..vault.keys import Keys
    from ..vault.sealing import Sealer
    from ..vault.tenant import TenantKeys

KEY_LIFE = 300.0
"""Seconds for which an unwrapped key stays in memory."""
KEYS_CACHED = 10_000
"""Most unwrapped keys in memory."""
STATES_CACHED = 1_000
"""Most opened states in memory, each beside its key."""
REFS_CACHED = 20_000
"""Most remembered ways from a customer's reference to a stream."""
VERSION_BITS = 62
"""A stream starts at a random version of so many bits, and counts up."""


class Opened(NamedTuple):
    """A state, the bytes that it was sealed as, and the chain that they are bound to."""

    sealed: bytes
    chain: bytes
    state: State


@attrs.define(eq=False)
class Cached:
    """A customer's sealer, its floor, and when (monotonic seconds) it is dropped."""

    sealer: Sealer
    floor: int
    until: float


class Way(NamedTuple):
    """Where a customer's reference led: its look-up token, and the stream behind it."""

    token: bytes
    stream: bytes


class Waiting(NamedTuple):
    """An entry that waits to be written, and how it is merged with one more like it."""

    event: Event
    merge: Callable[[Event, Event], Event]

    def and_then(self, later: Waiting) -> Waiting:
        """Return the two as one."""
        return self._replace(event=self.merge(self.event, later.event))


Queued = dict[Any, Waiting]
"""What waits for one stream: equal ones (by key) are one."""


@attrs.define(eq=False, repr=False)
class Shared:
    """What all copies of a setting share: opened keys, caches, and the queue."""

    keys: TenantKeys | None = None
    sealers: OrderedDict[bytes, Cached] = attrs.field(factory=OrderedDict)
    opened: OrderedDict[bytes, Opened] = attrs.field(factory=OrderedDict)
    refs: OrderedDict[str, Way] = attrs.field(factory=OrderedDict)
    queued: dict[bytes, Queued] = attrs.field(factory=dict)
    count: int = 0
    lock: Lock = attrs.field(factory=Lock)
    gone: OrderedDict[bytes, float] = attrs.field(factory=OrderedDict)
    scrubs: tuple[Callable[[], Any], ...] = ()
    shadows: tuple[Shadow, ...] = ()


@attrs.define(eq=False, repr=False, kw_only=True)
class Setting:
    """Policy, keys, clock, randomness, caches and queue of one steward.

    ``split``: keys live in a storage of their own. ``batched``: allowed reads are queued.
    ``acting``: the actor of verbs that name none. ``rules``: the host's own rules for offers.
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
    acting: str | None = None
    rules: tuple[Rule, ...] = ()
    shared: Shared = attrs.field(factory=Shared)

    @property
    def tenant_keys(self) -> TenantKeys:
        """The tenant's keys, once the steward is open."""
        if self.shared.keys is None:
            raise Closed("the steward is not open", remedy="use it in a with statement, or open it first")
        return self.shared.keys

    def asked(self, state: State, request: Request, answer: Decision) -> Decision:
        """Return *answer* as it is, once every shadow has been asked the same."""
        for shadow in self.shared.shadows:
            shadow.look(state, request, answer.at, answer)
        return answer

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
        """Cache *sealer* for five minutes; drop those whose time is over.

        A key that was erased while somebody loaded it is not kept.
        """
        shared = self.shared
        now = self.monotonic()
        cached = Cached(sealer, floor, now + KEY_LIFE)
        with shared.lock:
            if key_stream in shared.gone:
                return cached
            shared.sealers[key_stream] = cached
            shared.sealers.move_to_end(key_stream)
            while len(shared.sealers) > KEYS_CACHED or next(iter(shared.sealers.values())).until < now:
                oldest, _ = shared.sealers.popitem(last=False)
                shared.opened.pop(oldest, None)
        return cached

    def opened_state(self, key_stream: bytes, sealed: bytes, chain: bytes) -> State | None:
        """Return the state that *sealed* is, if these very bytes were opened or sealed last."""
        found = self.shared.opened.get(key_stream)
        if found is None or found.sealed != sealed or found.chain != chain:
            return None
        return found.state

    def remember_state(self, key_stream: bytes, opened: Opened) -> None:
        """Keep an opened state for as long as its key; of too many the oldest go."""
        shared = self.shared
        with shared.lock:
            if key_stream in shared.sealers:
                shared.opened[key_stream] = opened
                shared.opened.move_to_end(key_stream)
                if len(shared.opened) > STATES_CACHED:
                    shared.opened.popitem(last=False)

    def forget_key(self, key_stream: bytes) -> None:
        """Drop a key at once; the next who needs it loads it."""
        with self.shared.lock:
            self.shared.sealers.pop(key_stream, None)
            self.shared.opened.pop(key_stream, None)

    def bury_key(self, key_stream: bytes) -> None:
        """Drop a key at once and for good: its customer is erased."""
        now, gone = self.monotonic(), self.shared.gone
        with self.shared.lock:
            while gone and next(iter(gone.values())) < now:
                gone.popitem(last=False)
            gone[key_stream] = now + KEY_LIFE
        self.forget_key(key_stream)

    def remembered_ref(self, ref: str) -> bytes | None:
        """Return where a customer's reference led; whoever uses it checks the stream."""
        way = self.shared.refs.get(ref)
        return None if way is None else way.stream

    def remember_ref(self, ref: str, token: bytes, stream: bytes) -> None:
        """Remember which stream a customer's reference led to."""
        shared = self.shared
        with shared.lock:
            shared.refs[ref] = Way(token, stream)
            while len(shared.refs) > REFS_CACHED:
                shared.refs.popitem(last=False)

    def forget_ref(self, token: bytes) -> None:
        """Forget every spelling of the reference with this look-up token: rare, so it may take a while."""
        refs = self.shared.refs
        with self.shared.lock:
            for ref in [ref for ref, way in refs.items() if way.token == token]:
                del refs[ref]

    def forget_refs(self) -> None:
        """Forget every remembered way."""
        with self.shared.lock:
            self.shared.refs.clear()

    def queue(self, stream: bytes, key: Any, event: Event, merge: Callable[[Event, Event], Event]) -> None:
        """Queue *event* for *stream*; equal ones (by *key*) are merged."""
        shared = self.shared
        with shared.lock:
            waiting = shared.queued.setdefault(stream, {})
            new = Waiting(event, merge)
            shared.count += key not in waiting
            waiting[key] = waiting[key].and_then(new) if key in waiting else new

    @property
    def waiting(self) -> int:
        """How many entries wait to be written."""
        return self.shared.count

    def waiting_streams(self) -> list[bytes]:
        """Return the streams for which something waits."""
        with self.shared.lock:
            return list(self.shared.queued)

    def take_queued(self, stream: bytes, most: int | None = None) -> Queued:
        """Take what waits for *stream*, of too many the first *most*."""
        shared = self.shared
        if stream not in shared.queued:
            return {}
        with shared.lock:
            waiting = shared.queued.pop(stream, {})
            taken = dict(islice(waiting.items(), most))
            left = {key: each for key, each in waiting.items() if key not in taken}
            if left:
                shared.queued[stream] = left
            shared.count -= len(taken)
            return taken

    def give_back(self, stream: bytes, taken: Queued) -> None:
        """Queue again what could not be written, before what has come since."""
        shared = self.shared
        if not taken:
            return
        with shared.lock:
            since = shared.queued.pop(stream, {})
            shared.count -= len(since)
            for key, each in since.items():
                taken[key] = taken[key].and_then(each) if key in taken else each
            shared.queued[stream] = taken
            shared.count += len(taken)


NOBODY = State()
"""The state of a customer nobody has enrolled."""
