"""The steward over a hostile storage, against a dictionary that says what each customer told us."""

from __future__ import annotations

from collections import Counter
from typing import Any

import attrs
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from clm_ethics import (
    AlreadyEnrolled,
    Busy,
    Denied,
    FieldWithheld,
    KeyReused,
    Offer,
    StorageUnavailable,
    UnknownCustomer,
)
from clm_ethics.storage.memory import MemoryStorage
from clm_ethics.testing.hostile import HostileStorage
from tests.face.shop import Clock, Seeded, kinds, steward

REFS = ("c-1", "c-2", "c-3")
PURPOSES = ("recommendations", "newsletter")
KEYS = tuple(f"k{n}" for n in range(6))
OFFER = Offer("spring", purpose="newsletter")
UNSURE = (StorageUnavailable, Busy)

refs = st.sampled_from(REFS)
keys = st.sampled_from(KEYS)


@attrs.define
class Person:
    """What one customer told us, as far as it was acknowledged."""

    first: str
    email: str
    yes: dict[str, bool] = attrs.field(factory=dict)
    orders: list[str] = attrs.field(factory=list)
    restricted: bool = False
    erased: bool = False
    said: dict[tuple[str, str], int] = attrs.field(factory=dict)
    """Per verb and key told and acknowledged: the entry's index."""
    plain: Counter[str] = attrs.field(factory=Counter)
    """Per kind of entry without a key: how many were acknowledged."""
    unsure: Counter[str] = attrs.field(factory=Counter)
    """Per kind: how many more there may be."""


class Shop(RuleBasedStateMachine):
    """Every verb, told over a storage that conflicts, refuses and loses answers."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = MemoryStorage()
        self.clock = Clock()
        self.hostile = HostileStorage(self.inner, seed=1, conflict=0.1, lost=0.05, refused=0.03)
        self.people: dict[str, Person] = {}
        self.gone: set[str] = set()
        self.hostile.enabled = False
        self.shop = self.open("first", self.hostile)
        self.hostile.enabled = True
        self.opened = 0

    def open(self, seed: object, storage: Any) -> Any:
        """Open a steward with empty caches."""
        return steward(storage, clock=self.clock, random=Seeded(seed))

    def teardown(self) -> None:
        """In the end the ledger verifies, with seals and without."""
        self.hostile.enabled = False
        found = self.shop.ledger.verify()
        assert () == tuple(str(fault) for fault in found.faults)
        self.shop.seal()
        assert self.shop.ledger.verify()
        self.shop.close()

    def until_sure(self, tell: Any) -> Any:
        """Tell it again with the same key until the storage answers, as a host does."""
        for _ in range(50):
            try:
                return tell()
            except UNSURE:
                continue
        raise AssertionError("the storage never answered")

    @rule(ref=refs, key=keys, seed=st.integers(0, 9))
    def enroll(self, ref: str, key: str, seed: int) -> None:
        """A new customer, an old one, or one who was erased."""
        email = f"{ref}.{seed}@example.org"
        person = self.people.get(ref)
        told = {"email": email, "region": "DE"}
        again = person is not None and person.erased
        try:
            self.until_sure(
                lambda: self.shop.enroll(ref, told, purpose="account", by="t", key=key, again=again)
            )
        except AlreadyEnrolled:
            assert person is not None
            assert not person.erased
        except Denied:
            assert person is None
            assert email in self.gone  # the address of somebody who was erased
        except KeyReused:
            assert ("enroll", key) in self.people[ref].said
        else:
            repeated = person is not None and not person.erased
            if not repeated:
                self.people[ref] = Person(email, email)
                self.people[ref].said["enroll", key] = 1
            else:
                assert ("enroll", key) in person.said
                assert email == person.first

    def tell(self, ref: str, kind: str, key: str, call: Any) -> Any:
        """Tell something about somebody, and keep book about it."""
        person = self.people.get(ref)
        ana = self.shop.customer(ref)
        try:
            answer = self.until_sure(lambda: call(ana))
        except UnknownCustomer:
            assert person is None or person.erased
            return None
        except Denied:
            assert person is not None
            return None
        assert person is not None
        assert not person.erased
        before = person.said.get((kind, key))
        assert before in {None, answer.index}
        person.said[kind, key] = answer.index
        return answer if before is None else None

    @rule(ref=refs, key=keys)
    def order(self, ref: str, key: str) -> None:
        """An order, with a value."""
        sku = f"tea-{key}"
        found = self.tell(
            ref,
            "recorded",
            key,
            lambda ana: ana.record(
                "order_placed", {"sku": sku, "amount": "1"}, purpose="order", by="till", key=key
            ),
        )
        if found:
            self.people[ref].orders.append(sku)

    @rule(ref=refs, key=keys, purpose=st.sampled_from(PURPOSES))
    def grant(self, ref: str, key: str, purpose: str) -> None:
        """A yes."""
        shown = self.shop.notice(purpose).id
        key = f"{key}/{purpose}"
        if self.tell(ref, "granted", key, lambda ana: ana.grant(purpose, shown=shown, by="signup", key=key)):
            self.people[ref].yes[purpose] = True

    @rule(ref=refs, key=keys, purpose=st.sampled_from(PURPOSES), kind=st.sampled_from(("refuse", "withdraw")))
    def say_no(self, ref: str, key: str, purpose: str, kind: str) -> None:
        """A no: from when it has returned, it counts."""
        key = f"{key}/{purpose}"
        entry = {"refuse": "refused", "withdraw": "withdrawn"}[kind]
        if self.tell(ref, entry, key, lambda ana: getattr(ana, kind)(purpose, by="customer", key=key)):
            self.people[ref].yes[purpose] = False
            assert not self.until_sure(lambda: self.shop.customer(ref).may(purpose))
            assert not self.until_sure(lambda: self.shop.customer(ref).read(purpose, by="web"))

    @rule(ref=refs, key=keys)
    def restrict(self, ref: str, key: str) -> None:
        """A restriction stops the contract too."""
        if self.tell(ref, "restricted", key, lambda ana: ana.restrict(by="d", reason="why", key=key)):
            self.people[ref].restricted = True

    @rule(ref=refs, key=keys)
    def lift(self, ref: str, key: str) -> None:
        """And it ends."""
        if self.tell(ref, "restriction_lifted", key, lambda ana: ana.lift_restriction(by="d", key=key)):
            self.people[ref].restricted = False

    @rule(ref=refs, seed=st.integers(0, 9), key=keys)
    def correct(self, ref: str, seed: int, key: str) -> None:
        """Another address."""
        email = f"{ref}.{seed}@new.example"
        key = f"{key}/{seed}"
        if self.tell(ref, "corrected", key, lambda ana: ana.correct({"email": email}, by="d", key=key)):
            self.people[ref].email = email

    @rule(ref=refs)
    def read(self, ref: str) -> None:
        """A read shows what the model knows, or says why not."""
        person = self.people.get(ref)
        ana = self.shop.customer(ref)
        for purpose in ("account", "order", "recommendations"):
            try:
                view = ana.read(purpose, by="web")
            except UNSURE:
                if person is not None:
                    person.unsure["read"] += 1
                continue
            self.check_view(person, purpose, view)
            if view and person is not None and not person.erased:
                person.plain["read"] += 1

    def check_view(self, person: Person | None, purpose: str, view: Any) -> None:
        """Only what the model allows."""
        if person is None:
            assert ("customer.unknown",) == view.decision.codes
            return
        if person.erased:
            assert ("customer.erased",) == view.decision.codes
            return
        allowed = not person.restricted
        if purpose == "order":
            allowed = allowed and bool(person.orders)
        if purpose == "recommendations":
            if not person.yes.get(purpose):
                assert not view
            allowed = bool(view)
        assert allowed == bool(view), (view, person)
        if not view:
            with_nothing(view)
        elif purpose == "account":
            assert person.email == view["email"]
        elif purpose == "order":
            assert person.orders == [item["sku"] for item in view["purchases"]]
            assert person.email == view["email"]

    @rule(ref=refs)
    def choose(self, ref: str) -> None:
        """No offer without a yes; whether there is one, ethics may still say no."""
        person = self.people.get(ref)
        try:
            choice = self.shop.customer(ref).choose([OFFER], channel="email", by="c")
        except UNSURE:
            return
        if choice:
            assert person is not None
            assert person.yes.get("newsletter")
            assert not person.erased
            assert not person.restricted or person.yes["newsletter"]

    @rule(ref=refs)
    def erase(self, ref: str) -> None:
        """Whatever happens on the way, in the end everything is gone."""
        person = self.people.get(ref)
        try:
            self.until_sure(lambda: self.shop.customer(ref).erase(by="customer"))
        except UnknownCustomer:
            assert person is None
            return
        assert person is not None
        person.erased = True
        self.gone |= {person.email, person.first}
        assert not self.until_sure(lambda: self.shop.customer(ref).may("account"))

    @rule(seconds=st.integers(0, 3 * 86400))
    def wait(self, seconds: int) -> None:
        """Time passes, and a notary seals (who asks 256 times, so that some fault would always meet him)."""
        self.clock.move(seconds=seconds)
        self.hostile.enabled = False
        self.shop.seal()
        self.hostile.enabled = True

    @rule()
    def sweep(self) -> None:
        """Nothing is over yet in this little time, so a sweep changes no answer."""
        self.until_sure(lambda: self.shop.sweep(confirm=True))

    @rule()
    def reopen(self) -> None:
        """Another process, with empty caches."""
        self.until_sure(self.shop.close)
        self.opened += 1
        self.hostile.enabled = False
        self.shop = self.open(self.opened, self.hostile)
        self.hostile.enabled = True

    @precondition(lambda self: self.people)
    @invariant()
    def nothing_is_lost_or_doubled(self) -> None:
        """Each telling is one entry, at the index that it was acknowledged with."""
        self.hostile.enabled = False
        for ref, person in self.people.items():
            found = kinds(self.shop.customer(ref))
            if person.erased:
                assert {"erasure_begun", "erasure_done"} >= found.keys()
                assert 1 == found["erasure_begun"]
                continue
            told = Counter(kind for kind, _ in person.said)
            for kind in ("recorded", "granted", "refused", "withdrawn", "restricted", "corrected"):
                assert told[kind] == found[kind], (kind, found)
            assert person.plain["read"] <= found["read"] <= person.plain["read"] + person.unsure["read"]
        self.hostile.enabled = True


def with_nothing(view: Any) -> None:
    """A denied view has no values."""
    assert {} == view.reveal()
    try:
        view["email"]
    except FieldWithheld:
        return
    raise AssertionError("a denied view gave a value")


Shop.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestShop = Shop.TestCase
