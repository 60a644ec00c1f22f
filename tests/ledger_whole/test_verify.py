"""verify() is true after everything the library does, and false after everything else."""

from __future__ import annotations

from random import Random

import msgspec
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from clm_ethics.errors import NoteError, SealBroken, StorageCorrupt
from clm_ethics.flows import streams
from clm_ethics.ledger.audit import FaultKind
from clm_ethics.storage.memory import MemoryStorage
from clm_ethics.testing.tamper import TAMPERINGS, Tamper
from tests.ledger_whole.shop import Shop, days, live


def kinds(found):
    """Return which kinds of fault were found."""
    return {fault.kind for fault in found.faults}


@settings(max_examples=60)
@given(days, st.booleans())
def test_whatever_the_verbs_do_verifies(history, split):
    """After any sequence of verbs, seals, sweeps and erasures nothing is wrong, with or without values.

    Two things are said truly of an honest ledger: that nobody has sealed it for too long, and
    that a clock which was set back has dated entries before the seal that precedes them.
    """
    shop = Shop(kept=MemoryStorage() if split else None)
    live(shop, history)
    honest = {FaultKind.BACK_DATED} if any(verb == "back" for verb, _, _ in history) else set()

    assert kinds(shop.steward.ledger.verify()) <= {FaultKind.UNSEALED_TOO_LONG, *honest}
    shop.steward.seal()
    assert kinds(shop.steward.ledger.verify()) <= honest
    assert kinds(shop.open().ledger.verify(values=False)) <= honest


@pytest.mark.parametrize("tampering", TAMPERINGS, ids=lambda each: each.name.replace(" ", "-"))
@settings(max_examples=12)
@given(history=days, seed=st.integers(0, 1 << 20))
def test_every_tampering_of_a_sealed_ledger_is_found_and_named(tampering, history, seed):
    """verify() is false, and names the right kind at the right stream."""
    shop = Shop()
    live(shop, history)
    shop.steward.seal()
    tamper = Tamper(shop.data)
    random = Random(seed)
    where = tampering.apply(tamper, random.choice(tamper.customers()), random)
    assume(where is not None)

    found = shop.open().ledger.verify()

    assert not found
    assert {fault.kind for fault in found.faults if fault.stream == where} & tampering.kinds, found.explain()


def two(**more):
    """Return a shop with two customers who told different things, and the tamper kit on it."""
    shop = Shop(**more)
    shop.enroll("c-1", email="ana@x.example")
    shop.enroll("c-2", email="ben@y.example")
    return shop, Tamper(shop.data)


def stream_of(tamper, shop, ref):
    """Return the stream of a customer."""
    token = shop.steward._setting.tenant_keys.token("ref", ref)
    return tamper.read(token).head.state


def test_a_reference_that_was_led_to_somebody_else_shows_nobody():
    """Claims that were exchanged raise a named error, and never show one customer's values as another's."""
    shop, tamper = two()
    mine, other = stream_of(tamper, shop, "c-1"), stream_of(tamper, shop, "c-2")
    tamper.swap(tamper.claim_of(mine), tamper.claim_of(other), "state")
    ana = shop.open().customer("c-1")

    for ask in (
        lambda: ana.may("account"),
        lambda: ana.read("account"),
        lambda: ana.put({"email": "eve@z.example"}, purpose="account"),
        ana.erase,
    ):
        with pytest.raises(StorageCorrupt, match="leads to another customer"):
            ask()


def test_values_replaced_by_older_ones_are_not_shown():
    """An old copy of a customer's values under the current state is found by a read and by verify."""
    shop, tamper = two()
    stream = stream_of(tamper, shop, "c-1")
    old = tamper.read(stream).head.values
    shop.steward.customer("c-1").correct({"email": "ana@new.example"})
    now = tamper.read(stream)
    tamper.write(stream, now._replace(head=now.head._replace(values=old)))

    with pytest.raises(SealBroken, match="not those that the state tells of"):
        shop.open().customer("c-1").read("account")
    found = shop.open().ledger.verify()
    assert [(FaultKind.ALTERED, stream)] == [(fault.kind, fault.stream) for fault in found.faults]


def test_values_that_the_state_does_not_tell_of_are_found():
    """Values smuggled into a head are a fault, though no purpose would ever show them."""
    shop, tamper = two()
    stream = stream_of(tamper, shop, "c-1")
    stored = tamper.read(stream)
    more = msgspec.msgpack.decode(stored.head.values) | {b"12345678": []}
    tamper.write(stream, stored._replace(head=stored.head._replace(values=msgspec.msgpack.encode(more))))

    found = shop.steward.ledger.verify()

    assert [(FaultKind.ALTERED, stream)] == [(fault.kind, fault.stream) for fault in found.faults]


def test_a_stream_replaced_by_an_older_copy_is_truncated():
    """A sealed customer put back to an older copy ends before its seal."""
    shop, tamper = two()
    stream = stream_of(tamper, shop, "c-1")
    old = tamper.read(stream)
    shop.order("c-1")
    shop.steward.seal()
    tamper.write(stream, old)

    found = shop.open().ledger.verify()

    assert {(FaultKind.TRUNCATED, stream)} == {(fault.kind, fault.stream) for fault in found.faults}


def test_a_no_keeps_an_unsealed_stream_from_being_put_back():
    """What the keys remember of a withdrawal tells an older copy, and a missing one, without any seal."""
    shop, tamper = two()
    stream = stream_of(tamper, shop, "c-1")
    old = tamper.read(stream)
    shop.yes("c-1", "tips")
    shop.steward.customer("c-1").withdraw("tips")

    for copy in (old, None):
        tamper.write(stream, copy)
        found = shop.open().ledger.verify()
        assert {(FaultKind.TRUNCATED, stream)} == {(fault.kind, fault.stream) for fault in found.faults}


def test_what_no_seal_and_no_key_remembers_can_be_put_back_unseen():
    """The stated limit: before any seal an older copy of a whole stream verifies."""
    shop, tamper = two()
    stream = stream_of(tamper, shop, "c-1")
    old = tamper.read(stream)
    shop.order("c-1")
    tamper.write(stream, old)

    assert shop.open().ledger.verify()


def test_a_whole_copy_is_told_by_a_checkpoint_that_somebody_kept():
    """Data and keys put back together verify, but not against a note of an auditor."""
    shop, tamper = two()
    shop.steward.seal()
    copy = tamper.copy()
    shop.order("c-1")
    kept = shop.steward.seal()
    tamper.restore(copy)

    assert shop.open().ledger.verify()
    found = shop.open().ledger.verify(known=(kept,))
    assert [(FaultKind.TRUNCATED, tamper.log())] == [(fault.kind, fault.stream) for fault in found.faults]


def test_a_new_history_is_forked_from_a_checkpoint_that_somebody_kept():
    """The log that grew differently after being put back does not contain the kept checkpoint."""
    shop, tamper = two()
    copy = tamper.copy()
    shop.order("c-1")
    kept = shop.steward.seal()
    tamper.restore(copy)
    with shop.open() as other:
        other.customer("c-2").withdraw("tips")
        other.seal()

        found = other.ledger.verify(known=(kept,))

    assert [(FaultKind.FORKED, tamper.log())] == [(fault.kind, fault.stream) for fault in found.faults]


def test_older_and_newer_checkpoints_are_consistent():
    """Every checkpoint that was ever handed out stands in the log, however long it has grown."""
    shop, _ = two()
    kept = []
    for _ in range(4):
        kept.append(shop.steward.seal())
        shop.order("c-1")
        shop.order("c-2")
    shop.steward.seal()

    assert shop.steward.ledger.verify(known=kept)


@pytest.mark.parametrize("note", ["", "x", "other/log\n1\nAAAA\n\n— other/log AAAAAAAA\n"])
def test_a_note_that_is_no_checkpoint_of_this_ledger_is_refused(note):
    """A kept note that cannot be compared is a named error, not a silent yes."""
    shop, _ = two()
    shop.steward.seal()

    with pytest.raises(NoteError):
        shop.steward.ledger.verify(known=(note,))


def test_an_altered_kept_checkpoint_is_refused():
    """A note whose size was changed is not signed by the log."""
    shop, _ = two()
    kept = shop.steward.seal()
    origin, size, *rest = kept.split("\n")

    with pytest.raises(NoteError):
        shop.steward.ledger.verify(known=("\n".join([origin, str(int(size) + 1), *rest]),))


def test_nobody_sealing_for_a_week_is_a_fault():
    """An entry older than seven days that no seal covers is named; a seal ends it."""
    shop, tamper = two()
    shop.clock.move(days=7, seconds=1)

    found = shop.steward.ledger.verify()

    assert {FaultKind.UNSEALED_TOO_LONG} == kinds(found)
    assert set(tamper.customers()) == {fault.stream for fault in found.faults}
    shop.steward.seal()
    assert shop.steward.ledger.verify()


def test_a_mark_taken_away_shows_as_unsealed_too_long():
    """A sealed customer whose new entries the notary cannot find any more is told after a week."""
    shop, tamper = two()
    shop.steward.seal()
    shop.order("c-1")
    stream = stream_of(tamper, shop, "c-1")
    tamper.unmark(stream, streams.unsealed("main", stream[0]))
    shop.steward.seal()
    shop.clock.move(days=8)

    found = shop.steward.ledger.verify()

    assert {(FaultKind.UNSEALED_TOO_LONG, stream)} == {(each.kind, each.stream) for each in found.faults}


def test_the_policy_in_force_is_kept_and_checked():
    """A policy document that was altered or removed is a fault: nobody could explain a decision later."""
    shop, tamper = two()
    name = streams.policy_stream("main", shop.policy.hash)
    whole = tamper.read(name)
    tamper.flip(name, "state", bit=77)
    assert {(FaultKind.ALTERED, name)} == {
        (each.kind, each.stream) for each in shop.steward.ledger.verify().faults
    }
    tamper.remove(name)
    assert {(FaultKind.REMOVED, name)} == {
        (each.kind, each.stream) for each in shop.steward.ledger.verify().faults
    }
    tamper.write(name, whole)
    assert shop.steward.ledger.verify()


def test_an_erased_head_must_say_what_its_entries_say():
    """A changed time of erasure, values put back into an erased head: each is named."""
    shop, tamper = two()
    stream = stream_of(tamper, shop, "c-1")
    values = tamper.read(stream).head.values
    shop.steward.customer("c-1").erase()
    erased = tamper.read(stream)

    tamper.write(stream, erased._replace(head=erased.head._replace(values=values)))
    assert {FaultKind.ALTERED} == kinds(shop.steward.ledger.verify())
    tamper.write(stream, erased._replace(head=erased.head._replace(state=streams.erased_state(5, done=True))))
    assert {FaultKind.ALTERED} == kinds(shop.steward.ledger.verify())


@pytest.mark.parametrize("kept", [True, False], ids=["a-law-keeps-something", "nothing-left"])
def test_every_bit_of_an_erased_head_counts(kept):
    """Whichever bit of the state of an erased customer is flipped, verify names the customer."""
    shop, tamper = two()
    stream = stream_of(tamper, shop, "c-1")
    if kept:
        shop.order("c-1")
    shop.steward.customer("c-1").erase()
    erased = tamper.read(stream)
    for bit in range(0, 8 * len(erased.head.state), 7 if kept else 1):
        tamper.flip(stream, "state", bit=bit)
        assert stream in {fault.stream for fault in shop.steward.ledger.verify().faults}
        tamper.write(stream, erased)


def test_noise_in_what_the_keys_remember_of_the_log_is_named():
    """Impossible sizes, times and generations are a named error, not a crash."""
    shop, tamper = two()
    shop.steward.seal()
    name = streams.checkpoint_stream("main")
    stored = tamper.read(name)
    for place, value in ((0, 1 << 40), (0, -1), (0, 3), (4, 1 << 62), (4, "x"), (5, [b"x"])):
        state = msgspec.msgpack.decode(stored.head.state)
        state[place] = value
        head = stored.head._replace(state=msgspec.msgpack.encode(state))
        tamper.write(name, stored._replace(head=head))
        for ask in (shop.steward.ledger.verify, shop.steward.seal, shop.steward.sweep):
            with pytest.raises(StorageCorrupt):
                ask()


def test_a_customer_whom_an_altered_copy_keeps_from_opening_does_not_hide_others():
    """One altered customer is named, and the rest is checked all the same."""
    shop, tamper = two()
    stream = stream_of(tamper, shop, "c-1")
    tamper.flip(stream, "state", bit=999)

    found = shop.open().ledger.verify()

    assert {stream} == {fault.stream for fault in found.faults}
    assert 2 == found.streams


def test_verify_says_what_it_cannot_check():
    """What nobody has checked is told beside what was found."""
    shop, _ = two()

    found = shop.steward.ledger.verify(values=False)

    assert "the stored values" in found.unchecked
    assert any("back-dating" in each for each in found.unchecked)
    assert "not checked: the stored values" in found.explain()
