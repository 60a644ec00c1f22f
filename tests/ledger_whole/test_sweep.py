"""Sweeping: what is over goes, what is needed stays, and nothing is done twice."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clm_ethics.errors import ClmError, ClockError
from clm_ethics.flows import Blocking, open_books, streams
from clm_ethics.flows.upkeep import needed_until
from clm_ethics.ledger.audit import FaultKind
from clm_ethics.model.state import BUILT_IN
from clm_ethics.testing import Fault, HostileStorage
from clm_ethics.testing.tamper import Tamper
from clm_ethics.verbs import sweeping
from tests.ledger_whole.shop import Shop, days, live, policy


def book(shop, ref):
    """Open the stream that a customer's reference leads to."""
    token = shop.steward._setting.tenant_keys.token("ref", ref)
    return book_of(shop, Tamper(shop.data).read(token).head.state)


def book_of(shop, stream):
    """Open a customer's stream."""
    driver = Blocking(shop.steward._setting, shop.data, shop.kept or shop.data)
    return driver.run(open_books(shop.steward._setting, (stream,)))[stream]


def values(shop, ref, field):
    """Return what is stored of a field."""
    return [each.value for each in book(shop, ref).values(field)]


def everything(shop):
    """Return all bytes of the storage, but for the note when somebody swept last."""
    stored = dict(Tamper(shop.data).copy())
    stored.pop(streams.sweep_stream("main"), None)
    return stored


def cells(shop):
    """Return every sealed value of every customer."""
    found = set()
    tamper = Tamper(shop.data)
    for stream in tamper.customers():
        blob = tamper.read(stream).head.values
        for each in msgspec.msgpack.decode(blob).values() if blob else ():
            found |= {cell[2] for cell in each}
    return found


def ordered(*ages):
    """Return a shop whose customer agreed to tips and ordered as many days ago, in this order."""
    shop = Shop()
    shop.enroll("c-1", email="ana@x.example")
    shop.yes("c-1", "tips")
    for age in ages:
        shop.order("c-1", at=shop.clock.now - timedelta(days=age))
    return shop


def needed(shop, before, at):
    """Return per field which stored values are still needed at an instant."""
    restricted = before.state.restriction is not None and before.state.erased is None
    return {
        field: [
            each.value
            for each in before.values(field)
            if restricted or needed_until(shop.policy, before.state, field, each.at) > at
        ]
        for field in before.state.fields.keys() - set(BUILT_IN)
    }


@settings(max_examples=80)
@given(days, st.sampled_from([0, 3, 12, 31, 100, 4000]))
def test_a_sweep_leaves_exactly_what_is_needed(history, later):
    """After a sweep no value is over, none that was needed is gone, and a second sweep changes nothing."""
    shop = Shop()
    live(shop, history)
    shop.clock.move(days=later)
    books = [book_of(shop, stream) for stream in Tamper(shop.data).customers()]
    wanted = {}
    for before in books:
        if before.sealer is not None:
            # In a stream time never runs backwards, whatever the clock says.
            for which, at in (("now", shop.clock.now), ("then", max(shop.clock.now, before.state.at))):
                wanted[which, before.stream] = needed(shop, before, at)
    shop.steward.sweep(confirm=True)

    for (which, stream), fields in wanted.items():
        after = book_of(shop, stream)
        for field, values in fields.items():
            stored = [] if after.sealer is None else [each.value for each in after.values(field)]
            more, fewer = (values, stored) if which == "now" else (stored, values)
            assert fewer == [each for each in more if each in fewer]
            assert [] == stored or field in after.state.fields
    once = everything(shop)
    again = shop.steward.sweep(confirm=True)
    assert (0, 0, 0) == (again.values, again.stages, again.forgotten)
    assert once == everything(shop)


def test_a_value_is_unreadable_before_the_sweep_and_gone_after_it():
    """Once its time is over a read withholds it; the sweep takes its bytes out of the storage."""
    shop = ordered(0)
    tips = shop.steward.customer("c-1")
    assert tips.read("tips")["purchases"]
    shop.clock.move(days=30)
    before = cells(shop)

    assert "field.expired" == tips.read("tips").withheld["purchases"].code
    swept = shop.steward.sweep()

    assert 1 == swept.values
    gone = before - cells(shop)
    assert 1 == len(gone)
    raw = repr(Tamper(shop.data).copy())
    assert all(repr(cell)[2:-1] not in raw for cell in gone)
    assert "field.absent" == tips.read("tips").withheld["purchases"].code


def test_a_value_stays_while_one_purpose_needs_it():
    """Tips need a purchase for 10 days and the order for 20: it goes after 20."""
    shop = ordered(0)
    for after, left in ((11, 1), (8, 1), (2, 0)):
        shop.clock.move(days=after)
        shop.steward.sweep(confirm=True)
        assert left == len(values(shop, "c-1", "purchases"))


def test_a_purpose_that_nobody_agreed_to_keeps_nothing():
    """The newsletter would need the e-mail for ever; but it was never agreed to, so the account decides."""
    shop = Shop()
    shop.enroll("c-1", email="ana@x.example")
    shop.steward.customer("c-1").record("left", {}, purpose="account")
    shop.clock.move(days=31)

    assert 1 == shop.steward.sweep().values
    assert [] == values(shop, "c-1", "email")


def test_the_newsletter_keeps_the_address_until_five_days_after_the_no():
    """Retention from the withdrawal: nothing goes before it, and the address goes five days after it."""
    shop = Shop()
    ana = shop.enroll("c-1", email="ana@x.example")
    shop.yes("c-1", "news")
    ana.record("left", {}, purpose="account")
    shop.clock.move(days=300)
    assert 0 == shop.steward.sweep().values
    ana.withdraw("news")
    shop.clock.move(days=6)
    assert 1 == shop.steward.sweep().values


def test_a_look_up_mark_goes_with_its_value():
    """Once the e-mail is gone, nothing in the storage leads from it to the customer."""
    shop = Shop()
    shop.enroll("c-1", email="ana@x.example").record("left", {}, purpose="account")
    token = shop.steward._setting.tenant_keys.token("email", "ana@x.example")
    assert shop.data.find(token, until=0, after=(-1, b""), limit=1)
    shop.clock.move(days=31)

    shop.steward.sweep()

    assert [] == shop.data.find(token, until=0, after=(-1, b""), limit=1)


def test_items_go_one_by_one_also_when_they_were_learnt_out_of_order():
    """Of orders that happened 3, 19, 1 and 18 days ago the oldest go first, whatever their place."""
    shop = ordered(3, 19, 1, 18)
    for after, left in ((1.5, ["sku-1", "sku-3", "sku-4"]), (1, ["sku-1", "sku-3"]), (15, ["sku-3"])):
        shop.clock.move(days=after)
        shop.steward.sweep(confirm=True)
        assert left == [each["sku"] for each in values(shop, "c-1", "purchases")]
        once = everything(shop)
        shop.steward.sweep()
        assert once == everything(shop)
        shop.steward.seal()
        assert shop.steward.ledger.verify()


def test_items_that_were_dropped_for_room_bring_no_sweep_without_end():
    """A list of four got six items: the sweep that comes for the dropped ones puts its mark right."""
    shop = ordered(15, 14, 3, 2, 1, 0)
    shop.clock.move(days=6)
    swept = shop.steward.sweep()
    once = everything(shop)

    shop.steward.sweep()

    assert 0 == swept.values
    assert 4 == len(values(shop, "c-1", "purchases"))
    assert once == everything(shop)


def test_a_law_keeps_its_list_to_the_end_of_its_time():
    """Invoices stay eight years from the year's end, through every other retention, and go then."""
    shop = ordered(0)
    shop.steward.customer("c-1").record("left", {}, purpose="account")
    shop.clock.move(days=8 * 365)
    shop.steward.sweep()
    assert 1 == len(values(shop, "c-1", "invoices"))
    shop.clock.move(days=366)

    shop.steward.sweep(confirm=True)

    assert [] == values(shop, "c-1", "invoices")


def test_what_a_law_keeps_of_an_erased_customer_goes_in_time_and_its_key_too():
    """After the law's time nothing is left of the erased: no value, no key; the ledger verifies."""
    shop = ordered(0)
    stream = book(shop, "c-1").stream
    shop.steward.customer("c-1").erase()
    tamper = Tamper(shop.data)
    assert 1 == len(book_of(shop, stream).values("invoices"))
    assert tamper.has(streams.key_stream(stream, 1))
    shop.clock.move(days=9 * 366)

    assert 1 == shop.steward.sweep().values

    assert not tamper.has(streams.key_stream(stream, 1))
    assert b"" == tamper.read(stream).head.values
    assert set(book_of(shop, stream).state.fields) == set()
    shop.steward.seal()
    assert shop.steward.ledger.verify()


def test_restricted_data_is_only_stored():
    """While the processing is restricted nothing is removed (Art. 18(2) GDPR); after it, it is."""
    shop = ordered(0)
    ana = shop.steward.customer("c-1")
    ana.restrict(reason="needed for a claim")
    shop.clock.move(days=30)
    assert 0 == shop.steward.sweep().values
    ana.lift_restriction()

    assert 1 == shop.steward.sweep().values


def test_a_stage_that_came_due_is_written_down_once_with_its_due_time():
    """Sixty days without an order: two moves, each dated when it was due, and no second entry."""
    shop = ordered(0)
    at = book(shop, "c-1").state.happened["ordered"]
    shop.clock.move(days=61)

    assert 2 == shop.steward.sweep().stages

    state = book(shop, "c-1").state
    assert ("lost", at + timedelta(days=60)) == (state.stage, state.stage_since)
    length = state.length
    assert 0 == shop.steward.sweep().stages
    assert length == book(shop, "c-1").state.length


def test_a_move_that_may_not_be_made_brings_no_sweep_without_end():
    """Without the purpose that looks at behaviour the stage stays, and no sweep writes anything."""
    shop = ordered(0)
    shop.steward.customer("c-1").withdraw("tips")
    shop.clock.move(days=61)
    assert 0 == shop.steward.sweep().stages
    once = everything(shop)

    shop.steward.sweep()

    assert once == everything(shop)
    assert "customer" == book(shop, "c-1").state.stage


def kinds(shop, ref="c-1"):
    """Return the kinds of the entries that still have a body."""
    from clm_ethics.verbs.common import open_entry

    opened = book(shop, ref)
    return [
        type(open_entry(opened, each.body).event).__name__
        for each in Tamper(shop.data).read(opened.stream).entries
        if each.body is not None
    ]


def test_only_questions_are_forgotten_and_never_the_evidence_of_a_consent():
    """After audit.keep reads, refusals and choices lose their bodies; who agreed to what stays."""
    from clm_ethics import Offer

    shop = ordered(0)
    ana = shop.steward.customer("c-1")
    shop.yes("c-1", "news")
    ana.read("account")
    ana.read("invoicing")
    ana.withdraw("tips")
    assert not ana.read("tips")
    assert ana.choose([Offer("spring", purpose="news")], channel="email")
    shop.steward.seal()
    before = kinds(shop)
    shop.clock.move(days=59)
    ana.read("account")
    shop.clock.move(days=2)

    swept = shop.steward.sweep()

    assert 4 == swept.forgotten
    questions = {"Read", "Refusal", "Chosen"}
    assert [each for each in before if each not in questions] == [
        each for each in kinds(shop) if each not in {*questions, "Forgotten", "Swept"}
    ]
    assert 1 == kinds(shop).count("Read")
    assert 1 == kinds(shop).count("Forgotten")
    assert shop.steward.ledger.verify()
    once = everything(shop)
    assert 0 == shop.steward.sweep().forgotten
    assert once == everything(shop)


def test_the_record_of_reads_ends_also_for_a_customer_of_whom_nothing_else_comes():
    """A read alone is enough for the sweep to find the customer when audit.keep is over."""
    shop = Shop()
    ana = shop.enroll("c-1", email="ana@x.example")
    ana.read("account")
    for _ in range(3):
        shop.clock.move(days=61)
        assert 1 == shop.steward.sweep(confirm=True).forgotten
        ana.read("account")


def test_more_questions_than_one_write_can_forget(monkeypatch):
    """They go in portions, all in one sweep."""
    monkeypatch.setattr(sweeping, "MAX_FORGETS", 3)
    shop = Shop()
    ana = shop.enroll("c-1", email="ana@x.example")
    for _ in range(8):
        ana.read("account")
    shop.clock.move(days=61)

    swept = shop.steward.sweep()

    assert (8, 1) == (swept.forgotten, swept.customers)
    assert "Read" not in kinds(shop)
    shop.steward.seal()
    assert shop.steward.ledger.verify()


class TestTheClock:
    """Removing cannot be undone: while the clock cannot be trusted, nobody removes anything."""

    def test_a_first_sweep_has_no_limit(self):
        """Nothing to compare with: it sweeps."""
        shop = ordered(0)
        shop.clock.move(days=4000)

        assert shop.steward.sweep().values

    @pytest.mark.parametrize("sealed", [True, False], ids=["seal", "sweep"])
    def test_a_clock_behind_the_last_seal_or_sweep_is_refused(self, sealed):
        """It names what it is behind; confirmed it sweeps, and then the clock counts from there."""
        shop = ordered(0)
        shop.steward.seal() if sealed else shop.steward.sweep()
        shop.clock.move(days=-1)

        with pytest.raises(ClockError, match="behind the last " + ("seal" if sealed else "sweep")):
            shop.steward.sweep()
        shop.steward.sweep(confirm=True)
        shop.steward.sweep()

    def test_sealing_with_a_clock_that_is_behind_does_not_make_it_trusted(self):
        """A notary on a timer must not turn the check off."""
        shop = ordered(0)
        shop.steward.seal()
        shop.clock.move(days=-1)
        shop.order("c-1")
        shop.steward.seal()

        with pytest.raises(ClockError, match="behind the last seal"):
            shop.steward.sweep()

    def test_a_jump_of_more_than_seven_days_is_refused(self):
        """Seven days pass, a second more does not, and confirming helps."""
        shop = ordered(0)
        shop.steward.sweep()
        shop.clock.move(days=7, seconds=-1)
        shop.steward.sweep()
        shop.clock.move(days=7, seconds=1)
        before = everything(shop)

        with pytest.raises(ClockError, match=r"more than 7 days .* sweep\(confirm=True\)"):
            shop.steward.sweep()
        assert before == everything(shop)
        shop.steward.sweep(confirm=True)
        shop.steward.sweep()


@pytest.mark.parametrize("fault", list(Fault), ids=lambda each: each.value)
def test_a_sweep_that_is_interrupted_anywhere_is_simply_made_again(fault):
    """Whatever call fails, the next sweep comes to the same end as one that nothing disturbed."""

    def swept(fail_at):
        shop = ordered(12, 0)
        shop.enroll("c-2", email="ben@x.example").record("left", {}, purpose="account")
        shop.steward.customer("c-2").read("account")
        shop.clock.move(days=61)
        steward = shop.open()
        hostile = HostileStorage(shop.data, fault=fault, fail_at=fail_at, forever=fail_at is not None)
        steward._driver = Blocking(steward._setting, hostile, hostile, sleep=lambda _: None)
        try:
            steward.sweep()
        except ClmError:
            assert hostile.met
        faults = shop.open().ledger.verify().faults
        assert {fault.kind for fault in faults} <= {FaultKind.UNSEALED_TOO_LONG}
        shop.steward = shop.open()
        shop.steward.sweep()
        shop.steward.seal()
        assert shop.steward.ledger.verify()
        return hostile.calls, {
            (ref, field): values(shop, ref, field)
            for ref in ("c-1", "c-2")
            for field in ("email", "phone", "purchases", "invoices")
        }

    calls, wanted = swept(None)
    for call in range(1, calls + 1):
        assert wanted == swept(call)[1]


def test_another_policy_is_carried_out_on_everybody():
    """A shorter retention reaches customers whose marks were set under the longer one."""
    shop = Shop()
    shop.enroll("c-1", email="ana@x.example").record("left", {}, purpose="account")
    shop.enroll("c-2", email="ben@x.example")
    shop.steward.sweep()
    shorter = {"for": "P1D", "from": "contract_end"}
    shop.policy = policy(purposes__account__keep=shorter, purposes__order__keep=shorter)
    shop.steward = shop.open()
    shop.clock.move(days=2)

    swept = shop.steward.sweep()

    assert (2, 1) == (swept.customers, swept.values)
    assert ([], ["ben@x.example"]) == (values(shop, "c-1", "email"), values(shop, "c-2", "email"))


def test_one_altered_customer_does_not_keep_the_others_values():
    """A stream that does not open is counted, and the rest is swept."""
    shop = Shop()
    for ref in ("c-1", "c-2", "c-3"):
        shop.enroll(ref, email=f"{ref}@x.example").record("left", {}, purpose="account")
    Tamper(shop.data).flip(book(shop, "c-2").stream, "state", bit=500)
    shop.steward = shop.open()
    shop.clock.move(days=31)

    swept = shop.steward.sweep()

    assert (2, 2, 1) == (swept.customers, swept.values, swept.unopened)
