"""The one loop under the rarest faults: late commits, outages in a row, refusals half-way."""

from __future__ import annotations

import pytest

from clm_ethics import Busy, StorageUnavailable, ValueRefused
from clm_ethics.storage.memory import MemoryStorage
from clm_ethics.testing.hostile import Fault, HostileStorage
from tests.face.shop import EMAIL, Counting, agree, enrolled, heads, kinds, steward


class Late(Counting):
    """A storage whose next commit is answered with "unknown", and is done only before the one after it."""

    def __init__(self) -> None:
        super().__init__()
        self.armed = False
        self._held = None

    def commit(self, writes, /):
        if self._held is not None:
            held, self._held = self._held, None
            self.inner.commit(held)
        if self.armed:
            self.armed = False
            self._held = writes
            raise StorageUnavailable("the line was cut", written=None, place="late")
        return super().commit(writes)


def test_a_commit_that_becomes_true_late_is_still_the_one_that_the_receipt_is_of():
    """The verb acted again meanwhile; what counts is the entry that stands in the ledger."""
    storage = Late()
    with steward(storage) as shop:
        ana = enrolled(shop)
        storage.armed = True
        receipt = ana.refuse("recommendations", by="customer")
        shop.seal()
        assert 1 == kinds(ana)["refused"]
        assert shop.prove(receipt)
        assert shop.ledger.verify()


@pytest.mark.parametrize("fault", [Fault.UNWRITTEN, Fault.WRITTEN])
def test_what_waits_in_the_queue_is_written_once_whatever_becomes_of_an_answer(fault):
    """Counted refusals that were in a write of unknown outcome are neither lost nor doubled."""
    inner = MemoryStorage()
    hostile = HostileStorage(inner)
    with steward(hostile) as shop:
        ana = enrolled(shop)
        for _ in range(3):
            assert not ana.read("recommendations", by="web")
        hostile._fault, hostile._fail_at = fault, hostile.calls + 2  # the commit after the load
        ana.refuse("newsletter", by="customer")
        assert 1 == hostile.met
        [line] = [line for line in ana.history() if line.kind == "refusal"]
        assert "3 times" in line.text
        assert 1 == kinds(ana)["refused"]


@pytest.mark.parametrize("last", [False, None])
def test_an_outage_after_an_unknown_outcome_is_unknown(last):
    """Who hears ``written=False`` may tell it anew without a key, so it must be certain."""
    inner = MemoryStorage()
    hostile = HostileStorage(inner, fault=Fault.WRITTEN)
    with steward(hostile) as shop:
        ana = enrolled(shop)
        hostile._fail_at = hostile.calls + 2
        hostile._forever = True
        if last is False:
            before = hostile._draw
            hostile._draw = lambda: Fault.REFUSED if before() and hostile.met else before()
        with pytest.raises(StorageUnavailable) as caught:
            ana.refuse("newsletter", by="customer")
        hostile.enabled = False
        assert caught.value.written is not False
        assert 1 == kinds(ana)["refused"]


def test_endless_conflicts_end_as_busy_and_write_nothing():
    """Attempts are bounded."""
    hostile = HostileStorage(MemoryStorage())
    with steward(hostile) as shop:
        ana = enrolled(shop)
        hostile._fault, hostile._forever, hostile._fail_at = Fault.CONFLICT, True, hostile.calls + 1
        with pytest.raises(Busy):
            ana.refuse("newsletter", by="customer")
        hostile.enabled = False
        assert 0 == kinds(ana)["refused"]


def test_a_verb_that_is_refused_half_way_leaves_nothing_in_what_others_write():
    """Verbs of one stream share a write; the look-up tokens of a refused one are not in it."""
    from clm_ethics.flows import Job, settle

    storage = MemoryStorage()
    with steward(storage) as shop:
        ana = enrolled(shop)
        [stream] = [name for name, head in heads(storage).items() if head.length]
        before = heads(storage)[stream].marks

        def half(book):
            book.lookups = {b"a token of nobody's": None}
            book.remark = book.touched = True
            book.forget = (1,)
            raise ValueRefused("half-way", place="test")

        def whole(book):
            book.remark = True
            book.append(book_event(shop, book))

        jobs = [Job(stream, half), Job(stream, whole)]
        shop._driver._drive(settle(shop._setting, jobs))
        with pytest.raises(ValueRefused):
            jobs[0].outcome()
        assert {mark.token for mark in before} == {mark.token for mark in heads(storage)[stream].marks}
        assert 2 == len(ana.history())
        assert [ana.ref] == [each.ref for each in shop.find("email", EMAIL, purpose="account", by="desk")]


def book_event(shop, book):
    """Return some event that changes little."""
    from clm_ethics.model.events import Refused

    return Refused(at=book.now(), by="test", policy=shop.policy.hash, purpose="recommendations")


def test_a_host_that_is_wrong_about_the_contract_does_not_hang_the_others():
    """An error that no storage may raise reaches the verb that met it, and the next verb works."""

    class Broken(Counting):
        def commit(self, writes, /):
            if self.calls["broken"]:
                raise ZeroDivisionError
            return super().commit(writes)

    storage = Broken()
    with steward(storage) as shop:
        ana = enrolled(shop)
        storage.calls["broken"] = 1
        with pytest.raises(ZeroDivisionError):
            ana.refuse("newsletter", by="customer")
        storage.calls["broken"] = 0
        ana.refuse("newsletter", by="customer")
        assert 1 == kinds(ana)["refused"]


def test_a_question_that_races_with_a_no_is_not_taken_for_a_restored_backup():
    """The floor may be raised between loading the head and looking at the floor."""
    storage = Counting()
    with steward(storage) as shop:
        ana = enrolled(shop)
        agree(ana, "recommendations")
        ana.may("account")
        load = storage.load

        def racing(streams):
            found = load(streams)
            storage.load = load
            ana.withdraw("newsletter", by="customer")
            return found

        storage.load = racing
        assert ana.may("account"), ana.may("account").codes
