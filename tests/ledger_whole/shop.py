"""A small shop with short times, and generated days in its life."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import count
from threading import Lock
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from clm_ethics import Offer, Policy, Steward
from clm_ethics.errors import ClmError
from clm_ethics.storage.memory import MemoryStorage
from clm_ethics.vault.keys import MemoryKeys

if TYPE_CHECKING:
    from collections.abc import Callable

    from clm_ethics import Customer

START = datetime(2026, 3, 3, 9, tzinfo=UTC)

DOCUMENT: dict[str, Any] = {
    "format": 1,
    "audit": {"keep": "P60D"},
    "controller": {
        "name": "Shop",
        "contact": "privacy@shop.example",
        "established": ["DE"],
        "markets": ["DE"],
        "audience": "adults",
        "locales": ["en"],
    },
    "fields": {
        "email": {"type": "text", "category": "user.contact.email", "lookup": "email"},
        "phone": {"type": "text", "category": "user.contact.phone_number", "lookup": "phone"},
        "purchases": {"type": "list", "max": 4, "category": "user.behavior.purchase_history"},
        "invoices": {"type": "list", "max": 40, "category": "user.financial"},
        "tastes": {"type": "list", "max": 9, "category": "user.behavior"},
        "churn": {"type": "number", "category": "user.behavior", "derived_from": ["purchases"]},
    },
    "events": {
        "ordered": {
            "appends": {"purchases": ["sku"], "invoices": ["number"]},
            "opens": ["order"],
        },
        "delivered": {"closes": ["order"]},
        "left": {"closes": ["account"]},
    },
    "purposes": {
        "account": {
            "processing": ["essential"],
            "basis": "contract",
            "fields": ["email", "phone"],
            "keep": {"for": "P30D", "from": "contract_end"},
        },
        "order": {
            "processing": ["essential"],
            "basis": "contract",
            "fields": ["email", "purchases", "invoices"],
            "keep": {"for": "P20D", "from": "collected"},
        },
        "invoicing": {
            "processing": ["essential"],
            "basis": "legal_obligation",
            "law": "DE AO s. 147",
            "fields": ["invoices"],
            "keep": {"for": "P8Y", "from": "year_end"},
        },
        "tips": {
            "processing": ["personalization"],
            "basis": "consent",
            "fields": ["purchases", "tastes", "churn"],
            "keep": {"for": "P10D", "from": "collected"},
        },
        "news": {
            "processing": ["direct_marketing"],
            "basis": "consent",
            "channels": ["email"],
            "fields": ["email", "tastes"],
            "keep": {"for": "P5D", "from": "withdrawal"},
        },
        "quality": {
            "processing": ["analytics"],
            "basis": "legitimate_interest",
            "assessment": "balancing test of 2026-01",
            "fields": ["purchases"],
            "keep": {"for": "P10D", "from": "collected"},
        },
    },
    "lifecycle": {
        "start": "prospect",
        "purpose": "tips",
        "moves": [
            {"from": ["prospect", "at_risk"], "to": "customer", "on": "ordered"},
            {"from": ["customer"], "to": "at_risk", "after": "P30D", "without": "ordered"},
            {"from": ["at_risk"], "to": "lost", "after": "P60D", "without": "ordered"},
        ],
    },
    "channels": {"email": {"address": "email"}, "web": {}},
}


def policy(**changes: Any) -> Policy:
    """Return the shop's policy, with keys changed: ``audit__keep="P1D"``."""
    from copy import deepcopy

    document = deepcopy(DOCUMENT)
    for name, each in document["purposes"].items():
        each["title"] = {"en": f"the purpose {name}"}
    for path, value in changes.items():
        *way, last = path.split("__")
        table = document
        for step in way:
            table = table[step]
        table[last] = value
    return Policy.of(document)


POLICY = policy()


class Clock:
    """Moves on by a millisecond whenever somebody looks, or as far as a test says."""

    def __init__(self, now: datetime = START) -> None:
        self.now = now

    def __call__(self) -> datetime:
        self.now += timedelta(milliseconds=1)
        return self.now

    def later(self) -> Clock:
        """Return the same clock, an hour on."""
        self.move(hours=1)
        return self

    def move(self, **span: float) -> None:
        """Let time pass; negative spans set the clock back."""
        self.now += timedelta(**span)


class Seeded:
    """The same bytes in every run, different at every call."""

    def __init__(self, seed: object = 0) -> None:
        self._seed = repr(seed).encode()
        self._calls = count()
        self._lock = Lock()

    def __call__(self, size: int) -> bytes:
        with self._lock:
            start = self._seed + b"/%d/" % next(self._calls)
        return b"".join(sha256(start + b"%d" % part).digest() for part in range(-(-size // 32)))[:size]


class Shop:
    """A steward over a storage that the test can reach, with a clock that it can set."""

    def __init__(
        self,
        *,
        data: Any = None,
        kept: Any = None,
        seed: object = 0,
        under: Policy = POLICY,
        keys: Any = None,
        clock: Clock | None = None,
        **more: Any,
    ) -> None:
        self.data = MemoryStorage() if data is None else data
        self.kept = kept
        self.clock = Clock() if clock is None else clock
        self.keys = MemoryKeys(Seeded(f"keys of {seed}")) if keys is None else keys
        self.random = Seeded(seed)
        self.policy = under
        self.more = more
        self.steward = self.open()
        self.number = count(1)

    def open(self, **changes: Any) -> Steward:
        """Open one more steward over the same storages."""
        given = {"policy": self.policy, "keys": self.keys, "keys_in": self.kept, "clock": self.clock}
        return Steward.open(self.data, **(given | {"random": self.random} | self.more | changes)).acting(
            "test"
        )

    def yes(self, ref: str, purpose: str, **more: Any) -> Any:
        """Grant what the current notice shows."""
        shown = self.steward.notice(purpose, locale="en").id
        return self.steward.customer(ref).grant(purpose, shown=shown, **more)

    def enroll(self, ref: str, **values: Any) -> Any:
        """Enrol a German customer."""
        return self.steward.enroll(ref, {"region": "DE", **values}, purpose="account")

    def order(self, ref: str, **more: Any) -> Any:
        """Place an order with a number of its own."""
        number = str(next(self.number))
        values = {"sku": f"sku-{number}", "number": f"R-{number}"}
        return self.steward.customer(ref).record("ordered", values, purpose="order", **more)


REFS = ("c-1", "c-2", "c-3")
PURPOSES = ("tips", "news", "quality", "account", "order", "invoicing")

refs = st.sampled_from(REFS)
_asked = st.sampled_from(PURPOSES)
steps = st.one_of(
    st.tuples(st.just("enroll"), refs, st.sampled_from(["a@x.example", "b@x.example"])),
    st.tuples(st.just("put"), refs, st.sampled_from(["c@x.example", "d@x.example"])),
    st.tuples(st.just("correct"), refs, st.sampled_from(["e@x.example", "f@x.example"])),
    st.tuples(st.just("order"), refs, st.integers(0, 30)),
    st.tuples(st.just("tastes"), refs, st.integers(0, 4)),
    st.tuples(st.just("delivered"), refs, st.none()),
    st.tuples(st.just("left"), refs, st.none()),
    st.tuples(st.just("grant"), refs, st.sampled_from(["tips", "news"])),
    st.tuples(st.just("refuse"), refs, _asked),
    st.tuples(st.just("withdraw"), refs, _asked),
    st.tuples(st.just("object"), refs, _asked),
    st.tuples(st.just("restrict"), refs, st.none()),
    st.tuples(st.just("lift"), refs, st.none()),
    st.tuples(st.just("read"), refs, _asked),
    st.tuples(st.just("choose"), refs, st.booleans()),
    st.tuples(st.just("find"), refs, st.sampled_from(["a@x.example", "e@x.example"])),
    st.tuples(st.just("erase"), refs, st.none()),
    st.tuples(st.just("again"), refs, st.none()),
    st.tuples(st.just("wait"), refs, st.sampled_from([0.001, 1, 6, 25, 70])),
    st.tuples(st.just("back"), refs, st.sampled_from([0.001, 1, 40])),
    st.tuples(st.just("seal"), refs, st.none()),
    st.tuples(st.just("sweep"), refs, st.none()),
)
"""One step of a generated history; many are refused, and that is part of it."""

days = st.lists(steps, min_size=1, max_size=30)
"""A generated history."""


FIRST: list[tuple[str, str, Any]] = [
    ("enroll", "c-1", "a@x.example"),
    ("enroll", "c-2", "a@x.example"),
    ("grant", "c-1", "tips"),
    ("grant", "c-1", "news"),
    ("grant", "c-2", "tips"),
    ("order", "c-1", 0),
    ("order", "c-2", 12),
]
"""What happens before a generated history, so that it has somebody to happen to."""


def live(shop: Shop, history: list[tuple[str, str, Any]]) -> list[Any]:
    """Let two customers in, and do every step that the shop lets happen; return what was handed out."""
    receipts = []
    for verb, ref, what in (*FIRST, *history):
        with suppress(ClmError):
            done = step(shop, verb, ref, what)
            if verb in {"grant", "refuse", "withdraw", "object", "restrict", "lift", "erase"}:
                receipts.append(done)
    return receipts


def step(shop: Shop, verb: str, ref: str, what: Any) -> Any:
    """Do one step; whatever the library refuses is raised."""
    steward = shop.steward
    customer = steward.customer(ref)
    done: dict[str, Callable[[], Any]] = {
        "enroll": lambda: shop.enroll(ref, email=what, phone="+49 30 1234567"),
        "put": lambda: customer.put({"email": what}, purpose="account"),
        "correct": lambda: customer.correct({"email": what}),
        "order": lambda: shop.order(ref, at=shop.clock.now - timedelta(days=what)),
        "tastes": lambda: customer.put(
            {"tastes": [{"value": str(each)} for each in range(what)]}, purpose="tips"
        ),
        "delivered": lambda: customer.record("delivered", {}, purpose="order"),
        "left": lambda: customer.record("left", {}, purpose="account"),
        "grant": lambda: shop.yes(ref, what),
        "refuse": lambda: customer.refuse(what),
        "withdraw": lambda: customer.withdraw(what),
        "object": lambda: customer.object_to(what),
        "restrict": lambda: customer.restrict(reason="the customer doubts it"),
        "lift": customer.lift_restriction,
        "read": lambda: customer.read(what),
        "choose": lambda: _choose(customer, sent=what),
        "find": lambda: steward.find("email", what, purpose="account"),
        "erase": customer.erase,
        "again": lambda: steward.enroll(ref, {"region": "DE"}, purpose="account", again=True),
        "wait": lambda: shop.clock.move(days=what),
        "back": lambda: shop.clock.move(days=-what),
        "seal": steward.seal,
        "sweep": lambda: steward.sweep(confirm=True),
    }
    return done[verb]()


def _choose(customer: Customer, *, sent: bool) -> Any:
    choice = customer.choose([Offer("spring", purpose="news", uses={"tastes"})], channel="email")
    if choice and sent:
        choice.sent()
    elif choice:
        choice.cancelled()
    return choice


__all__ = ["POLICY", "START", "Clock", "Seeded", "Shop", "days", "live", "policy", "step"]
