"""The notary: many at once, a crash anywhere, and a log that was rolled back."""

from __future__ import annotations

from contextlib import suppress
from random import Random
from threading import Barrier, Thread

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clm_ethics.errors import ClmError, LedgerError, StorageUnavailable
from clm_ethics.flows import Blocking, streams
from clm_ethics.ledger.audit import FaultKind
from clm_ethics.ledger.note import open_note, parse_checkpoint, parse_vkey
from clm_ethics.storage.memory import MemoryStorage
from clm_ethics.testing import Fault, HostileStorage
from clm_ethics.testing.tamper import Tamper
from clm_ethics.verbs import sealing
from tests.ledger_whole.shop import Shop, step

CUSTOMERS = ("c-1", "c-2", "c-3", "c-4")


def filled(**more):
    """Return a shop with four customers, nothing sealed."""
    shop = Shop(**more)
    for ref in CUSTOMERS:
        shop.enroll(ref)
    return shop


def unsealed(shop):
    """Return the streams that wait for a notary."""
    return {
        stream
        for first in range(256)
        for _, stream in shop.data.find(
            streams.unsealed("main", first), until=1 << 62, after=(-1, b""), limit=1000
        )
    }


def drive(shop, flows, choices):
    """Interleave *flows*, one storage call at a time, in the order that *choices* draws."""
    driver = Blocking(shop.steward._setting, shop.data, shop.data, sleep=lambda _: None)
    under_way = {number: (flow, None) for number, flow in enumerate(flows)}
    results = {}
    while under_way:
        number = choices(sorted(under_way))
        flow, answer = under_way[number]
        try:
            effect = flow.send(answer)
        except StopIteration as done:
            results[number] = done.value
            del under_way[number]
            continue
        under_way[number] = (flow, driver._perform(effect))
    return results


@settings(max_examples=40)
@given(st.integers(0, 1 << 30), st.integers(2, 4))
def test_notaries_that_take_turns_in_any_order_keep_one_log(seed, count):
    """However the calls of several notaries fall between each other, one whole log comes out."""
    shop = filled()
    random = Random(seed)
    settled = [sealing.seal(shop.steward._setting) for _ in range(count)]

    notes = drive(shop, settled, random.choice)

    assert set() == unsealed(shop)
    assert shop.steward.ledger.verify(known=tuple(notes.values()))
    newest = parse_checkpoint(shop.steward.ledger.checkpoint())
    assert newest.size >= len(CUSTOMERS)


def test_notaries_in_threads_keep_one_log():
    """Several processes may seal while others write; nothing is lost and nothing is forked."""
    shop = filled()
    notaries = [shop.open() for _ in range(3)]
    notes, failures = [], []
    start = Barrier(4)

    def notary(steward):
        start.wait()
        try:
            notes.extend(steward.seal() for _ in range(3))
        except ClmError as error:  # ``Busy`` is an answer too
            failures.append(error)

    def writer():
        start.wait()
        for _ in range(15):
            for ref in CUSTOMERS:
                shop.order(ref)

    threads = [Thread(target=notary, args=(each,)) for each in notaries] + [Thread(target=writer)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    shop.steward.seal()

    assert [] == [each for each in failures if type(each).__name__ != "Busy"]
    assert set() == unsealed(shop)
    assert shop.steward.ledger.verify(known=notes)


def sealed_with(meets):
    """Let a notary meet a fault at a call; return the shop, how many calls it made, and how many faults."""
    fault, call, forever = meets or (Fault.REFUSED, 1 << 30, False)
    shop = filled()
    steward = shop.open()
    hostile = HostileStorage(shop.data, fault=fault, fail_at=call, forever=forever)
    steward._driver = Blocking(steward._setting, hostile, hostile, sleep=lambda _: None)
    with suppress(ClmError):
        steward.seal()
    return shop, hostile.calls, hostile.met


@pytest.mark.parametrize("fault", list(Fault), ids=lambda each: each.value)
@pytest.mark.parametrize("forever", [False, True], ids=["once", "from-then-on"])
def test_a_notary_that_meets_a_fault_anywhere_loses_nothing(fault, forever):
    """At worst a leaf is there twice: no mark is lost, and the next seal completes it."""
    _, calls, _ = sealed_with(None)
    # The calls over the 256 marks are alike: of those in the middle some are tried.
    for call in sorted({*range(1, 12), *range(12, calls - 12, 19), *range(calls - 12, calls + 1)}):
        shop, _, met = sealed_with((fault, call, forever))
        assert met
        assert shop.steward.ledger.verify()
        shop.order("c-1")
        shop.steward.seal()
        assert set() == unsealed(shop)
        found = shop.steward.ledger.verify()
        assert found
        assert found.leaves <= 2 * len(CUSTOMERS) + 1


def test_a_seal_that_finds_nothing_still_signs():
    """An empty ledger has a checkpoint of size 0, and sealing again changes no leaf."""
    shop = Shop()

    first, second = shop.steward.seal(), shop.steward.seal()

    assert (0, 0) == (parse_checkpoint(first).size, parse_checkpoint(second).size)
    assert shop.steward.ledger.verify(known=(first, second))


def test_a_clock_that_was_set_back_leaves_nothing_unsealed():
    """Entries of the "future" are sealed too, and the log's own time never runs backwards."""
    shop = filled()
    shop.steward.seal()
    shop.order("c-1")
    shop.clock.move(days=-400)

    shop.steward.seal()

    assert set() == unsealed(shop)
    assert shop.steward.ledger.verify()


def test_an_entry_dated_before_its_seal_is_told():
    """A clock that was set back dates the next entries of others before the seal: verify says so."""
    shop = filled()
    shop.steward.seal()
    shop.clock.move(days=-1)
    shop.steward.customer("c-2").refuse("tips")

    found = shop.steward.ledger.verify()

    assert [] == [fault for fault in found.faults if fault.kind is not FaultKind.BACK_DATED]


@pytest.mark.parametrize("what", ["frontier", "checkpoint", "all"])
def test_the_notary_signs_nothing_that_it_has_not_signed_before(what):
    """A log head that somebody else wrote is refused: a signature must not make it true."""
    import msgspec

    from clm_ethics.ledger.merkle import Frontier, leaf_hash

    shop = filled()
    shop.steward.seal()
    tamper = Tamper(shop.data)
    stored = tamper.read(tamper.log())
    state = msgspec.msgpack.decode(stored.head.state)
    frontier = Frontier()
    for number in range(9):
        frontier = frontier.append(leaf_hash(b"%d" % number))
    if what in {"frontier", "all"}:
        state[1] = frontier.to_bytes()
    if what in {"checkpoint", "all"}:
        state[2] = state[2].replace("\n4\n", "\n9\n")
    head = stored.head._replace(state=msgspec.msgpack.encode(state))
    tamper.write(tamper.log(), stored._replace(head=head))
    shop.order("c-1")

    with pytest.raises(LedgerError, match="not the one that was signed"):
        shop.steward.seal()
    assert FaultKind.ALTERED in {fault.kind for fault in shop.steward.ledger.verify().faults}


def test_a_log_that_cannot_be_read_is_a_named_error():
    """Noise in place of the log's head, or of what is remembered of it, is told by name."""
    for name in (streams.log_stream("main"), streams.checkpoint_stream("main"), streams.sweep_stream("main")):
        shop = filled()
        shop.steward.seal()
        shop.steward.sweep()
        tamper = Tamper(shop.data)
        stored = tamper.read(name)
        tamper.write(name, stored._replace(head=stored.head._replace(state=b"\xff" * 20)))

        with pytest.raises(ClmError):
            shop.steward.sweep() if name == streams.sweep_stream("main") else shop.steward.seal()


class TestARestoredBackup:
    """The data comes from a backup, and the keys, which lie elsewhere, know better."""

    @staticmethod
    def restored(*, later_seals=2):
        """Seal once, keep a copy of the data, seal more, and put the copy back."""
        shop = filled(kept=MemoryStorage())
        shop.steward.seal()
        copy = Tamper(shop.data).copy()
        for _ in range(later_seals):
            shop.order("c-1")
            shop.steward.seal()
        newest = shop.steward.ledger.checkpoint()
        Tamper(shop.data).restore(copy)
        shop.steward = shop.open()
        return shop, newest

    def test_is_told_before_anything_is_done(self):
        """verify() says that the log ends before the checkpoint that is remembered."""
        shop, _ = self.restored()

        found = shop.steward.ledger.verify()

        log = streams.log_stream("main")
        assert (FaultKind.TRUNCATED, log) in {(each.kind, each.stream) for each in found.faults}

    def test_never_signs_the_old_log_again(self):
        """The next seal opens a log of another name, which names the old one and how far it was."""
        shop, newest = self.restored()
        before = Tamper(shop.data).read(streams.log_stream("main"))

        for _ in range(3):
            shop.order("c-2")
            note = shop.steward.seal()

        old, new = parse_checkpoint(newest), parse_checkpoint(note)
        assert old.origin != new.origin
        assert new.extensions[0].startswith(f"clm_ethics/previous {old.origin} {old.size} ")
        assert new == parse_checkpoint(open_note(note, [parse_vkey(shop.steward.ledger.vkey())]).text)
        assert before == Tamper(shop.data).read(streams.log_stream("main"))

    def test_stays_a_fault_until_somebody_acknowledges_it(self):
        """The old log's loss is named with its remedy; after_restore() makes it a remark."""
        shop, _ = self.restored()
        shop.steward.seal()

        found = shop.steward.ledger.verify()
        assert [FaultKind.TRUNCATED] == [fault.kind for fault in found.faults]
        assert "after_restore() acknowledges it" in found.explain()

        assert 1 == shop.steward.after_restore(by="ops").logs
        found = shop.steward.ledger.verify()
        assert found
        assert any("of 6 seals a restored backup left 4; ops" in each for each in found.unchecked)
        assert 0 == shop.steward.after_restore(by="ops").logs

    def test_can_be_acknowledged_before_the_next_seal(self):
        """after_restore() first, then a seal: the ledger verifies at once and later."""
        shop, _ = self.restored()

        assert 1 == shop.steward.after_restore(by="ops").logs
        assert shop.steward.ledger.verify()
        shop.order("c-1")
        shop.steward.seal()
        assert shop.steward.ledger.verify()

    def test_is_not_acknowledged_for_what_goes_later(self):
        """What is cut off the old log after the acknowledgement is a fault again."""
        shop, _ = self.restored()
        shop.steward.after_restore(by="ops")
        shop.steward.seal()
        tamper = Tamper(shop.data)
        tamper.truncate(tamper.log(), 2)

        assert FaultKind.TRUNCATED in {fault.kind for fault in shop.steward.ledger.verify().faults}

    def test_can_happen_again(self):
        """Each restored backup gets a log of its own, and each loss is told by itself."""
        shop, _ = self.restored()
        shop.steward.after_restore(by="ops")
        shop.order("c-1")
        shop.steward.seal()
        copy = Tamper(shop.data).copy()
        shop.order("c-1")
        third = shop.steward.seal()
        Tamper(shop.data).restore(copy)
        shop.steward = shop.open()

        shop.order("c-2")
        note = shop.steward.seal()

        assert third.partition("\n")[0].endswith("/1")
        assert note.partition("\n")[0].endswith("/2")
        assert not shop.steward.ledger.verify()
        assert 1 == shop.steward.after_restore(by="ops").logs
        assert shop.steward.ledger.verify(known=(note,))
        assert FaultKind.TRUNCATED in {
            fault.kind for fault in shop.steward.ledger.verify(known=(third,)).faults
        }

    def test_a_notary_that_crashed_before_it_could_remember_its_new_log_goes_on_with_it(self):
        """The log that was begun is found, verified and continued."""
        shop, _ = self.restored()
        shop.order("c-1")
        notary = shop.open()
        notary._driver = Blocking(notary._setting, shop.data, _NoCommit(shop.kept))
        with pytest.raises(StorageUnavailable):
            notary.seal()
        begun = Tamper(shop.data).read(streams.log_stream("main", 1))
        assert begun.head.length

        found = shop.steward.ledger.verify()
        assert begun.head.length + 4 == found.leaves
        shop.steward.seal()
        shop.steward.after_restore(by="ops")
        assert begun.entries == Tamper(shop.data).read(streams.log_stream("main", 1)).entries
        assert shop.steward.ledger.verify()

    def test_an_old_log_that_is_gone_is_a_fault(self):
        """The generation before the current one is checked like the current one."""
        shop, _ = self.restored()
        shop.steward.after_restore(by="ops")
        shop.steward.seal()
        tamper = Tamper(shop.data)
        tamper.remove(tamper.log())

        found = shop.steward.ledger.verify()

        assert (FaultKind.TRUNCATED, tamper.log()) in {(each.kind, each.stream) for each in found.faults}


class _NoCommit:
    """A storage of keys that takes no write."""

    def __init__(self, inner):
        self.load, self.entries, self.find = inner.load, inner.entries, inner.find

    def commit(self, writes, /):
        raise StorageUnavailable("it takes no write", written=False)


def test_the_newest_checkpoint_is_remembered_whoever_comes_last():
    """A slower notary does not overwrite what a faster one has remembered, and the greater is kept."""
    shop = filled()
    slow = sealing.seal(shop.steward._setting)
    driver = Blocking(shop.steward._setting, shop.data, shop.data)
    answer = None
    while True:  # up to the moment when it wants to remember
        effect = slow.send(answer)
        writes = getattr(effect, "writes", ())
        if any(write.stream == streams.checkpoint_stream("main") for write in writes):
            break
        answer = driver._perform(effect)
    step(shop, "order", "c-1", 0)
    newest = parse_checkpoint(shop.open().seal())
    answer = driver._perform(effect)
    with suppress(StopIteration):
        while True:
            answer = driver._perform(slow.send(answer))

    remembered = driver.run(sealing.load_remembered(shop.steward._setting))

    assert (newest.size, newest.root) == (remembered.size, remembered.root)
