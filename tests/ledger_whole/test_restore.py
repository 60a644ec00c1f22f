"""keys_in, the floor, and after_restore: a backup of the data alone opens nothing and revives nothing."""

from __future__ import annotations

from contextlib import suppress
from itertools import product

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clm_ethics.errors import (
    ClmError,
    KeysMissing,
    SealBroken,
    UnknownCustomer,
    UsageError,
)
from clm_ethics.flows import Blocking, streams
from clm_ethics.ledger.audit import FaultKind
from clm_ethics.storage.memory import MemoryStorage
from clm_ethics.testing import Fault, HostileStorage
from clm_ethics.testing.tamper import Tamper
from clm_ethics.vault.keys import MemoryKeys
from clm_ethics.verbs.flooring import read_floor
from tests.ledger_whole.shop import REFS, Seeded, Shop, days, live, policy, step


def split(**more):
    """Return a shop that keeps its keys in a storage of their own."""
    return Shop(kept=MemoryStorage(), **more)


def stream_of(shop, ref):
    """Return the stream that a customer's reference leads to."""
    return Tamper(shop.data).read(shop.steward._setting.tenant_keys.token("ref", ref)).head.state


def floor_of(shop, ref):
    """Return the floor of a customer."""
    return read_floor(Tamper(shop.kept).read(streams.key_stream(stream_of(shop, ref))).head.values)


def put_back(shop, copy):
    """Restore a backup of the data, as an operator does: with the shop closed."""
    shop.steward.close()
    Tamper(shop.data).restore(copy)
    shop.steward = shop.open()


class TestWithoutTheKeys:
    """What a thief of the data, or an operator with the wrong keys, gets."""

    def test_a_backup_of_the_data_alone_opens_nothing(self):
        """Over an empty storage of keys it is a named error, with or without keys_in."""
        shop = split()
        shop.enroll("c-1", email="ana@x.example")
        stolen = MemoryStorage()
        Tamper(stolen).restore(Tamper(shop.data).copy())

        for kept in (MemoryStorage(), None):
            with pytest.raises(KeysMissing):
                Shop(data=stolen, kept=kept, keys=shop.keys)

    def test_no_key_is_in_the_data(self):
        """Not one byte of a wrapped key lies in the storage of the data."""
        shop = split()
        shop.enroll("c-1", email="ana@x.example")
        wrapped = [each.head.state for each in Tamper(shop.kept).copy().values() if each.head.state]
        raw = repr(Tamper(shop.data).copy())

        assert wrapped
        assert all(repr(each)[2:-1] not in raw for each in wrapped)
        assert not Tamper(shop.data).has(streams.key_stream(stream_of(shop, "c-1")))

    def test_the_keys_of_other_data_are_refused(self):
        """Else every customer would be unknown, and nobody would notice."""
        shop, other = split(), split(seed="other")
        shop.enroll("c-1")

        with pytest.raises(KeysMissing, match="not those that the data was written with"):
            Shop(data=shop.data, kept=other.kept, keys=other.keys)

    def test_another_wrapping_key_is_refused(self):
        """The provider's key is not the one that wrapped the tenant's."""
        for kept in (None, MemoryStorage()):
            shop = Shop(kept=kept)
            with pytest.raises(KeysMissing):
                Shop(data=shop.data, kept=kept, keys=MemoryKeys(Seeded("other")))

    def test_data_with_its_own_keys_is_not_opened_with_keys_in(self):
        """The keys lie beside the data: the error names the parameter."""
        shop = Shop()
        shop.enroll("c-1")

        with pytest.raises(KeysMissing, match="keys_in"):
            Shop(data=shop.data, kept=MemoryStorage(), keys=shop.keys)

    def test_the_storage_of_the_data_is_no_place_of_its_own(self):
        """keys_in= with the same storage is a wrong call."""
        data = MemoryStorage()

        with pytest.raises(UsageError, match="storage of the data itself"):
            Shop(data=data, kept=data)

    def test_a_crash_while_opening_leaves_nothing_that_other_keys_could_take(self):
        """Wherever opening fails, opening again works, and the data is bound to its keys by then."""
        for fault, call, which in product(Fault, range(1, 8), ("data", "kept", "once")):
            data, kept = MemoryStorage(), MemoryStorage()
            inner = data if which == "data" else kept
            hostile = HostileStorage(inner, fault=fault, fail_at=call, forever=which != "once")
            keys = MemoryKeys(Seeded("keys"))
            with suppress(ClmError):
                if which == "data":
                    Shop(data=hostile, kept=kept, keys=keys)
                else:
                    Shop(data=data, kept=hostile, keys=keys)
            shop = Shop(data=data, kept=kept, keys=keys)
            shop.enroll("c-1")
            with pytest.raises(KeysMissing):
                Shop(data=data, kept=MemoryStorage(), keys=keys)

    def test_a_destroyed_key_takes_the_copies_with_it(self):
        """A copy of the data from before an erasure stays shut: the customer is erased in it too."""
        shop = split()
        ana = shop.enroll("c-1", email="ana@x.example")
        copy = Tamper(shop.data).copy()
        ana.erase()
        put_back(shop, copy)

        assert ("customer.erased",) == shop.steward.customer("c-1").may("account").codes
        found = shop.steward.ledger.verify()
        assert {FaultKind.REMOVED} == {fault.kind for fault in found.faults}
        assert "after_restore() erases it again" in found.explain()


NOES = {
    "withdraw": lambda customer: customer.withdraw("tips"),
    "refuse": lambda customer: customer.refuse("news"),
    "object_to": lambda customer: customer.object_to("quality"),
    "restrict": lambda customer: customer.restrict(reason="doubt"),
    "correct": lambda customer: customer.correct({"email": "right@x.example"}),
}


class TestTheFloor:
    """What the keys remember of a no."""

    @pytest.mark.parametrize("verb", NOES)
    def test_every_no_raises_it(self, verb):
        """After each of the five the floor is the length of the stream, before the verb returns."""
        shop = split()
        ana = shop.enroll("c-1", email="ana@x.example")
        shop.yes("c-1", "tips")
        assert 0 == floor_of(shop, "c-1").length

        NOES[verb](ana)

        stream = stream_of(shop, "c-1")
        assert (3, stream) == floor_of(shop, "c-1")[:2]
        assert (3 if verb in {"restrict", "correct"} else 0) == floor_of(shop, "c-1").care

    @pytest.mark.parametrize("verb", NOES)
    def test_a_backup_from_before_a_no_denies_everything(self, verb):
        """Until after_restore nothing may be done with the customer, and the reason is said."""
        shop = split()
        ana = shop.enroll("c-1", email="ana@x.example")
        shop.yes("c-1", "tips")
        shop.order("c-1")
        copy = Tamper(shop.data).copy()
        NOES[verb](ana)
        put_back(shop, copy)
        ana = shop.steward.customer("c-1")

        for purpose in ("account", "order", "tips", "quality", "news"):
            assert ("customer.restored",) == ana.may(purpose).codes
        assert not ana.read("account")
        assert {FaultKind.TRUNCATED} == {each.kind for each in shop.steward.ledger.verify().faults}

    def test_a_restored_customer_does_not_grow_out_of_it(self):
        """However many refused questions and noes lengthen the stream, the lost no is not forgotten."""
        shop = split()
        ana = shop.enroll("c-1", email="ana@x.example")
        shop.yes("c-1", "tips")
        copy = Tamper(shop.data).copy()
        ana.withdraw("tips")
        put_back(shop, copy)
        ana = shop.steward.customer("c-1")

        for purpose in ("account", "tips", "news", "quality", "order"):
            assert not ana.read(purpose)
        ana.refuse("news")
        ana.object_to("quality")
        shop.steward.seal()
        shop.steward.close()
        shop.steward = shop.open()

        ana = shop.steward.customer("c-1")
        assert floor_of(shop, "c-1").length <= Tamper(shop.data).read(stream_of(shop, "c-1")).head.length
        assert ("customer.restored",) == ana.may("tips").codes
        assert stream_of(shop, "c-1") in {each.stream for each in shop.steward.ledger.verify().faults}
        assert 1 == shop.steward.after_restore().withdrawn
        assert ("consent.withdrawn",) == ana.may("tips").codes[:1]
        assert ana.may("account")

    @pytest.mark.parametrize("verb", NOES)
    def test_after_restore_says_every_no_again(self, verb):
        """Nothing that a no can end goes on; a contract does, unless a restriction or correction was lost."""
        shop = split()
        ana = shop.enroll("c-1", email="ana@x.example")
        shop.yes("c-1", "tips")
        shop.order("c-1")
        copy = Tamper(shop.data).copy()
        NOES[verb](ana)
        put_back(shop, copy)
        ana = shop.steward.customer("c-1")

        restored = shop.steward.after_restore(by="ops")

        assert (1, 0) == (restored.withdrawn, restored.unopened)
        for purpose in ("tips", "news", "quality"):
            assert not ana.may(purpose)
        careful = verb in {"restrict", "correct"}
        assert careful is not bool(ana.may("account"))
        assert careful is ("restriction" in ana.may("account").codes)
        assert attrs.evolve(restored, withdrawn=0, logs=0) == shop.steward.after_restore(by="ops")
        shop.steward.seal()
        assert shop.steward.ledger.verify()

    def test_what_the_backup_knows_is_not_restricted_again(self):
        """A correction that the backup holds needs no care: only the later withdrawal is said again."""
        shop = split()
        ana = shop.enroll("c-1", email="wrong@x.example")
        shop.yes("c-1", "tips")
        ana.correct({"email": "right@x.example"})
        copy = Tamper(shop.data).copy()
        ana.withdraw("tips")
        put_back(shop, copy)

        shop.steward.after_restore()

        ana = shop.steward.customer("c-1")
        assert ana.may("account")
        assert not ana.may("tips")

    def test_the_same_backup_may_be_restored_twice(self):
        """What after_restore wrote raises the floor, so the second restore is found too."""
        shop = split()
        ana = shop.enroll("c-1", email="ana@x.example")
        shop.yes("c-1", "tips")
        copy = Tamper(shop.data).copy()
        ana.withdraw("tips")
        for _ in range(2):
            put_back(shop, copy)
            assert 1 == shop.steward.after_restore().withdrawn
            assert not shop.steward.customer("c-1").may("tips")

    def test_a_customer_whom_the_backup_does_not_hold_is_acknowledged(self):
        """Who came after the backup and said no is missed by verify until after_restore notes it."""
        shop = split()
        copy = Tamper(shop.data).copy()
        shop.enroll("c-1", email="ana@x.example")
        shop.yes("c-1", "tips")
        newer = Tamper(shop.data).copy()
        shop.steward.customer("c-1").withdraw("tips")
        put_back(shop, copy)
        assert {FaultKind.TRUNCATED} == {each.kind for each in shop.steward.ledger.verify().faults}

        shop.steward.after_restore()

        found = shop.steward.ledger.verify()
        assert found
        assert any("1 customers whom a restored backup does not hold" in each for each in found.unchecked)
        put_back(shop, newer)
        assert ("customer.restored",) == shop.steward.customer("c-1").may("tips").codes
        assert 1 == shop.steward.after_restore().withdrawn
        assert not shop.steward.customer("c-1").may("tips")

    @pytest.mark.parametrize("fault", list(Fault), ids=lambda each: each.value)
    def test_a_crash_anywhere_in_after_restore_is_made_good_by_the_next(self, fault):
        """At no moment in between is a consent alive again."""
        call = 0
        met = True
        while met:
            call += 1
            shop = split()
            ana = shop.enroll("c-1", email="ana@x.example")
            eve = shop.enroll("c-2", email="eve@x.example")
            shop.yes("c-1", "tips")
            shop.yes("c-2", "tips")
            copy = Tamper(shop.data).copy()
            ana.withdraw("tips")
            eve.erase()
            put_back(shop, copy)
            hostile = HostileStorage(shop.data, fault=fault, fail_at=call, forever=True)
            kept = HostileStorage(shop.kept, fault=fault, fail_at=call, forever=True)
            doomed = shop.open()
            doomed._driver = Blocking(doomed._setting, hostile, kept, sleep=lambda _: None)
            with suppress(ClmError):
                doomed.after_restore()
            for ref in ("c-1", "c-2"):
                assert not shop.open().customer(ref).may("tips")
            shop.steward = shop.open()
            shop.steward.after_restore()
            assert shop.steward.customer("c-1").may("account")
            assert not shop.steward.customer("c-1").may("tips")
            assert ("customer.erased",) == shop.steward.customer("c-2").may("account").codes
            shop.steward.seal()
            assert shop.steward.ledger.verify()
            met = bool(hostile.met or kept.met)
        assert call > 10


class TestErasedAgain:
    """An erasure that a restored backup does not know."""

    def test_it_is_carried_out_again_and_counted_once(self):
        """The certificate comes back, nothing opens, and the second time there is nothing to do."""
        shop = split()
        ana = shop.enroll("c-1", email="ana@x.example")
        shop.order("c-1")
        copy = Tamper(shop.data).copy()
        ana.erase()
        stream = stream_of_erased(shop)
        put_back(shop, copy)

        assert 1 == shop.steward.after_restore().erased_again

        tamper = Tamper(shop.data)
        assert tamper.claim_of(stream) is None
        assert all(entry.body is None for entry in tamper.read(stream).entries[:2])
        assert () == tamper.read(stream).head.marks[2:]
        assert () == shop.steward.find("email", "ana@x.example", purpose="account")
        again = shop.steward.after_restore()
        assert (0, 0, 0) == (again.erased_again, again.resumed, again.withdrawn)
        shop.steward.seal()
        assert shop.steward.ledger.verify()

    def test_a_clock_that_is_behind_does_not_hide_it(self):
        """The restored machine's clock is a year behind: the register is walked all the same."""
        shop = split()
        ana = shop.enroll("c-1", email="ana@x.example")
        copy = Tamper(shop.data).copy()
        ana.erase()
        put_back(shop, copy)
        shop.clock.move(days=-365)

        assert 1 == shop.steward.after_restore().erased_again
        assert shop.steward.ledger.verify()

    def test_a_sweep_in_between_does_not_get_in_the_way(self):
        """Swept before after_restore, the older copy is still erased as it should be."""
        shop = split()
        ana = shop.enroll("c-1", email="ana@x.example")
        ana.record("left", {}, purpose="account")
        copy = Tamper(shop.data).copy()
        ana.erase()
        put_back(shop, copy)
        shop.clock.move(days=40)
        shop.steward.sweep()

        assert 1 == shop.steward.after_restore().erased_again
        shop.steward.seal()
        assert shop.steward.ledger.verify()

    def test_an_altered_copy_is_erased_blindly(self):
        """What does not open cannot survive, and must not keep the rest from being erased."""
        shop = split()
        ana = shop.enroll("c-1", email="ana@x.example")
        stream = stream_of(shop, "c-1")
        shop.order("c-1")
        copy = dict(Tamper(shop.data).copy())
        keys = Tamper(shop.kept).copy()
        ana.erase()
        put_back(shop, copy)
        Tamper(shop.kept).write(streams.key_stream(stream), keys[streams.key_stream(stream)])
        Tamper(shop.data).flip(stream, "state", bit=700)
        shop.steward = shop.open()
        with pytest.raises(SealBroken):
            shop.steward.customer("c-1").may("account")

        assert 1 == shop.steward.after_restore().erased_again

        assert ("customer.erased",) == shop.steward.customer("c-1").may("account").codes
        assert b"" == Tamper(shop.data).read(stream).head.values
        assert not Tamper(shop.kept).has(streams.key_stream(stream))

    def test_a_source_that_was_not_told_stays_pending(self):
        """after_restore knows no reference and claims nothing that it could not do; erasing again does it."""
        told = []

        class Till:
            def fetch(self, ref, names):
                return {}

            def erase(self, ref):
                told.append(ref)

        under = policy(
            fields__points={"type": "integer", "category": "user.account", "source": "till"},
        )
        shop = split(under=under)
        ana = shop.enroll("c-1", email="ana@x.example")
        assert ("till",) == tuple(ana.erase().fields()["pending"])

        assert (0, 0) == attrs.astuple(shop.steward.after_restore())[:2]

        shop.more = {"sources": {"till": Till()}}
        shop.steward = shop.open()
        assert (0, 0) == attrs.astuple(shop.steward.after_restore())[:2]
        assert [] == told
        assert "pending" not in shop.steward.customer("c-1").erase().fields()
        assert ["c-1"] == told
        assert (0, 0) == attrs.astuple(shop.steward.after_restore())[:2]
        assert shop.steward.ledger.verify()

    @pytest.mark.parametrize("fault", list(Fault), ids=lambda each: each.value)
    @pytest.mark.parametrize("resume", ["erase", "after_restore"])
    def test_an_erasure_that_crashed_anywhere_is_resumed(self, fault, resume):
        """Whatever call failed, erasing again or after_restore brings it to the same end."""
        call = 0
        met = True
        while met:
            call += 1
            shop = Shop()
            shop.enroll("c-1", email="ana@x.example")
            shop.order("c-1")
            shop.steward.customer("c-1").read("account")
            stream = stream_of(shop, "c-1")
            hostile = HostileStorage(shop.data, fault=fault, fail_at=call, forever=True)
            doomed = shop.open()
            doomed._driver = Blocking(doomed._setting, hostile, hostile, sleep=lambda _: None)
            with suppress(ClmError):
                doomed.customer("c-1").erase()
            met = bool(hostile.met)
            shop.steward = shop.open()
            assert shop.steward.ledger.verify()
            begun = any(
                mark.token == streams.register("main")
                for each in Tamper(shop.data).copy().values()
                for mark in each.head.marks or ()
            )
            if resume == "erase":
                shop.steward.customer("c-1").erase()
            else:
                shop.steward.after_restore()
                if not begun:  # nobody had asked for it yet, as far as the register knows
                    assert shop.steward.customer("c-1").may("account")
                    continue
            tamper = Tamper(shop.data)
            assert ("customer.erased",) == shop.steward.customer("c-1").may("account").codes
            assert not tamper.has(streams.key_stream(stream))
            assert tamper.claim_of(stream) is None
            length = len(tamper.read(stream).entries)
            assert [None] * 3 == [each.body for each in tamper.read(stream).entries[:3]]
            shop.steward.customer("c-1").erase()
            shop.steward.after_restore()
            assert length == len(tamper.read(stream).entries)
            assert shop.steward.ledger.verify()
        assert call > 12

    def test_the_record_of_what_a_law_keeps_is_not_forgotten_by_erasing_again(self):
        """Reads of survivors after an erasure stay, and the ledger verifies."""
        shop = Shop()
        shop.enroll("c-1", email="ana@x.example")
        shop.order("c-1")
        ana = shop.steward.customer("c-1")
        stream = stream_of(shop, "c-1")
        first = ana.erase()
        assert ana.read("invoicing")["invoices"]

        assert first == ana.erase()

        shop.steward.seal()
        assert shop.steward.ledger.verify()
        assert Tamper(shop.data).read(stream).entries[-1].body is not None
        assert [1] == [len(ana.read("invoicing")["invoices"])]

    def test_a_customer_from_after_the_backup_leaves_no_key(self):
        """The backup is older than the customer: the key of who was erased goes all the same."""
        shop = split()
        copy = Tamper(shop.data).copy()
        shop.enroll("c-1", email="ana@x.example").erase()
        put_back(shop, copy)

        assert (0, 0) == attrs.astuple(shop.steward.after_restore())[:2]
        with pytest.raises(UnknownCustomer):
            shop.steward.customer("c-1").put({"email": "x@x.example"}, purpose="account")


def stream_of_erased(shop):
    """Return the only customer's stream."""
    (stream,) = Tamper(shop.data).customers()
    return stream


@settings(max_examples=80)
@given(days, days, st.booleans())
def test_no_yes_outlives_the_no_that_a_backup_lost(before, after, sealed):
    """Whatever happened between the backup and its restore: what was denied then is denied afterwards."""
    shop = split()
    live(shop, before)
    if sealed:
        shop.steward.seal()
    copy = Tamper(shop.data).copy()
    for verb, ref, what in after:
        with suppress(ClmError):
            step(shop, verb, ref, what)
    noes = ("tips", "news", "quality")
    denied = {(ref, each) for ref in REFS for each in noes if not shop.steward.customer(ref).may(each)}
    erased = {ref for ref in REFS if "customer.erased" in shop.steward.customer(ref).may("account").codes}
    said_no = {
        (ref, what)
        for verb, ref, what in after
        if verb in {"withdraw", "refuse", "object"} and (ref, what) in denied
    }
    put_back(shop, copy)
    shop.clock.move(minutes=1)

    for ref, purpose in said_no:
        assert not shop.steward.customer(ref).may(purpose)
    shop.steward.after_restore()
    for ref, purpose in said_no:
        assert not shop.steward.customer(ref).may(purpose)
    for ref in erased:
        assert not shop.steward.customer(ref).read("account")
    shop.steward.seal()
    back = any(verb == "back" for verb, _, _ in (*before, *after))
    faults = {fault.kind for fault in shop.steward.ledger.verify().faults}
    assert faults <= ({FaultKind.BACK_DATED} if back else set())
