"""The example shop under injected time, randomness and storage, for tests of the public face."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from clm_ethics import Policy, Steward
from clm_ethics.storage.memory import MemoryStorage
from clm_ethics.vault.keys import MemoryKeys

if TYPE_CHECKING:
    from collections.abc import Sequence

EXAMPLE = Path(__file__).parent.parent.parent / "docs" / "examples" / "policy.toml"
POLICY = Policy.load(EXAMPLE)
START = datetime(2026, 3, 3, 9, tzinfo=UTC)
EMAIL = "ana.quetzal@example.org"
PHONE = "+49 30 5550 1234"


class Clock:
    """Moves on by a millisecond whenever somebody looks, or as far as a test says."""

    def __init__(self, now: datetime = START) -> None:
        self.now = now

    def __call__(self) -> datetime:
        self.now += timedelta(milliseconds=1)
        return self.now

    def move(self, **span: float) -> None:
        """Let time pass."""
        self.now += timedelta(**span)


class Seeded:
    """The same bytes in every run, different at every call."""

    def __init__(self, seed: object = 0) -> None:
        self._seed = repr(seed).encode()
        self._calls = 0
        self._lock = Lock()

    def __call__(self, size: int) -> bytes:
        with self._lock:
            self._calls += 1
            start = self._seed + b"/%d/" % self._calls
        return b"".join(sha256(start + b"%d" % part).digest() for part in range(-(-size // 32)))[:size]


class Counting:
    """A storage that counts its calls and, per stream, the entries that it was given."""

    def __init__(self, inner: Any = None) -> None:
        self.inner = MemoryStorage() if inner is None else inner
        self.calls: Counter[str] = Counter()

    def load(self, streams: Sequence[bytes], /) -> Any:
        self.calls["load"] += 1
        return self.inner.load(streams)

    def commit(self, writes: Any, /) -> Any:
        self.calls["commit"] += 1
        self.calls["writes"] += len(writes)
        return self.inner.commit(writes)

    def entries(self, stream: bytes, /, *, after: int, limit: int) -> Any:
        self.calls["entries"] += 1
        return self.inner.entries(stream, after=after, limit=limit)

    def find(self, token: bytes, /, *, until: int, after: tuple[int, bytes], limit: int) -> Any:
        self.calls["find"] += 1
        return self.inner.find(token, until=until, after=after, limit=limit)


class Till:
    """A source of the host: it keeps everybody's points until it is told to erase."""

    def __init__(self, *, broken: bool = False) -> None:
        self.points: dict[str, int] = {}
        self.erased: list[str] = []
        self.broken = broken

    def fetch(self, ref: str, fields: Sequence[str], /) -> dict[str, int]:
        return {"points": self.points.get(ref, 7)}

    def erase(self, ref: str, /) -> None:
        if self.broken:
            raise ConnectionError(f"the till does not answer about {ref}")
        self.erased.append(ref)


KEYS = MemoryKeys(Seeded("keys"))
"""One wrapping key for all stewards of these tests."""


def steward(storage: Any = None, **more: Any) -> Steward:
    """Open a steward of the example shop with a fixed clock and fixed randomness; nothing sleeps."""
    settled = {"policy": POLICY, "keys": KEYS, "clock": Clock(), "random": Seeded()} | more
    found = Steward.open(MemoryStorage() if storage is None else storage, **settled)
    found._driver._sleep = lambda seconds: None
    return found


def heads(storage: Any) -> dict[bytes, Any]:
    """Return every head of a memory storage."""
    return dict(getattr(storage, "inner", storage)._heads)


def document(**changes: Any) -> dict[str, Any]:
    """Return the example policy's document, with keys changed: ``purposes__order__basis="consent"``."""
    import tomllib

    found = tomllib.loads(EXAMPLE.read_text())
    for path, value in changes.items():
        *way, last = path.split("__")
        table: Any = found
        for step in way:
            table = table.setdefault(step, {})
        if value is None:
            table.pop(last)
        else:
            table[last] = value
    return found


def enrolled(shop: Steward, ref: str = "c-1001", **values: Any) -> Any:
    """Enrol somebody in Germany with an e-mail address."""
    told = {"email": EMAIL, "region": "DE", "zone": "Europe/Berlin"} | values
    return shop.enroll(ref, told, purpose="account", by="signup")


def agree(customer: Any, purpose: str, **more: Any) -> Any:
    """Let the customer say yes to the current notice."""
    shown = customer._steward.notice(purpose).id
    return customer.grant(purpose, shown=shown, by="signup", **more)


def clone(storage: MemoryStorage) -> MemoryStorage:
    """Copy a memory storage: what a backup is, or the same start for another run."""
    copied = MemoryStorage()
    copied._heads = dict(storage._heads)
    copied._entries = {stream: list(entries) for stream, entries in storage._entries.items()}
    copied._marks = {token: list(marks) for token, marks in storage._marks.items()}
    return copied


def kinds(customer: Any) -> Counter[str]:
    """Count the customer's entries by kind."""
    return Counter(line.kind for line in customer.history(limit=1000))
