"""Enrolling many: streamed, grouped, resumed after a crash, and never a yes that nobody can show."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from contextlib import suppress
from datetime import timedelta
from typing import Any
from weakref import WeakSet

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clm_ethics import AsyncSteward, StorageUnavailable, UsageError
from clm_ethics.lifecycle import Row, Said
from clm_ethics.storage.memory import MemoryStorage
from clm_ethics.testing.hostile import Fault, HostileStorage
from tests.face import teller
from tests.face.shop import POLICY, START, Clock, Counting, Seeded, agree, clone, enrolled, kinds, steward

YES = {"purpose": "newsletter", "at": START, "evidence": "form 7, box 2"}
NO = {"purpose": "newsletter", "answer": "no"}


def rows(count: int, *said: Any, first: int = 0, **more: Any) -> Any:
    """Yield so many rows, one by one."""
    for number in range(first, first + count):
        values = {"email": f"c{number}@example.org", "region": "DE"}
        yield f"c-{number}", values, {"said": said, **more}


def bring(shop: Any, what: Any, **more: Any) -> Any:
    """Enrol them for their account."""
    return shop.enroll_many(what, purpose="account", by="import", **more)


def shape(shop: Any, ref: str) -> Any:
    """Return what is known of somebody, but for the times and keys."""
    ana = shop.customer(ref)
    lines = [(line.kind, line.text) for line in ana.history()]
    return lines, ana.may("account").codes, ana.may("newsletter", channel="email").codes


def test_each_row_is_a_customer_and_a_group_shares_its_commits():
    """Five hundred rows in groups of two hundred are three groups of two commits."""
    storage = Counting()
    with steward(storage) as shop:
        before = storage.calls["commit"]
        done = bring(shop, rows(500))
        assert (500, 500, 0, True) == (done.rows, done.enrolled, done.refused, bool(done))
        assert 6 == storage.calls["commit"] - before
        assert shop.customer("c-499").may("account")
        assert shop.ledger.verify()


def test_rows_are_taken_group_by_group():
    """Nothing is read ahead of the group that is written."""
    with steward() as shop:
        taken: list[int] = []

        def watched() -> Any:
            for number, row in enumerate(rows(30)):
                taken.append(number)
                yield row

        seen: list[tuple[int, int]] = []
        bring(shop, watched(), group=10, progress=lambda done: seen.append((len(taken), done.enrolled)))
        assert [(10, 10), (20, 20), (30, 30)] == seen


def test_an_import_does_the_same_as_enrolling_one_by_one():
    """The same entries, and the same answers, for every kind of thing that was said."""
    with steward() as one, steward() as many:
        shown = one.notice("newsletter").id
        bring(many, rows(1, {**YES, "shown": shown}))
        ana = one.enroll("c-0", {"email": "c0@example.org", "region": "DE"}, purpose="account", by="import")
        ana.grant("newsletter", shown=shown, evidence="form 7, box 2", at=START, by="import")
        assert shape(one, "c-0") == shape(many, "c-0")


@pytest.mark.parametrize("lacking", ["at", "evidence", "shown"])
def test_a_yes_without_its_time_evidence_or_notice_permits_nothing(lacking):
    """Art. 7(1) GDPR: it is kept, counted, and nobody may build on it."""
    with steward() as shop:
        said = {**YES, "shown": shop.notice("newsletter").id}
        del said[lacking]
        done = bring(shop, rows(2, said))
        assert {"newsletter": 2} == dict(done.unproven)
        assert ("consent.unproven",) == shop.customer("c-0").may("newsletter", channel="email").codes


def test_a_yes_to_words_that_are_no_longer_the_policys_permits_nothing():
    """The id of another notice shows another purpose, or none."""
    with steward() as shop:
        for shown in (shop.notice("recommendations").id, "n" * 40):
            bring(shop, [(shown[:9], {}, {"said": [{**YES, "shown": shown}]})])
            assert "consent.unproven" in shop.customer(shown[:9]).may("newsletter", channel="email").codes


def test_a_legacy_no_counts_without_time_and_without_proof():
    """It needs nothing but to have been said."""
    with steward() as shop:
        done = bring(shop, rows(1, NO))
        assert ("consent.refused",) == shop.customer("c-0").may("newsletter", channel="email").codes
        assert not done.unproven


@given(order=st.permutations(["yes", "unproven", "no", "objection"]), dated=st.booleans())
@settings(max_examples=30, deadline=None)
def test_a_no_without_a_time_stands_whatever_else_was_said(order, dated):
    """In whichever order a list names them: nobody knows that the yes came later."""
    with steward() as shop:
        shown = shop.notice("newsletter").id
        words = {
            "yes": {**YES, "shown": shown, "at": START - timedelta(days=3)},
            "unproven": {"purpose": "newsletter", "at": START},
            "no": {**NO, "at": START - timedelta(days=1) if dated else None},
            "objection": {**NO, "answer": "objection", "at": START - timedelta(days=2) if dated else None},
        }
        bring(shop, rows(1, *(words[each] for each in order)))
        assert not shop.customer("c-0").may("newsletter", channel="email")


def test_of_a_yes_and_a_no_with_times_the_later_counts():
    """Both are known: the person changed their mind."""
    with steward() as shop:
        said = {**YES, "shown": shop.notice("newsletter").id}
        early = {**NO, "at": START - timedelta(days=9)}
        bring(shop, rows(1, said, early))
        assert shop.customer("c-0").may("newsletter", channel="email")


def test_a_yes_without_proof_opens_no_other_basis_after_a_no():
    """The newsletter also claims soft opt-in: an unproven yes must not replace the no that ends it."""
    with steward() as shop:
        bring(shop, rows(1, {**NO, "at": START - timedelta(days=9)}, {"purpose": "newsletter", "at": START}))
        assert ("consent.refused",) == shop.customer("c-0").may("newsletter", channel="email").codes


def test_a_no_reaches_somebody_who_is_a_customer_already():
    """The row is refused, for they are enrolled; their no counts, once, and raises the floor."""
    storage = MemoryStorage()
    with steward(storage) as shop:
        ana = enrolled(shop, "c-0")
        agree(ana, "newsletter")
        assert ana.may("newsletter", channel="email")
        old = clone(storage)
        for _ in range(2):
            done = bring(shop, rows(1, NO))
            assert {"customer.enrolled": 1} == dict(done.reasons)
        assert 1 == kinds(ana)["refused"]
        assert not ana.may("newsletter", channel="email")
        for stream, head in storage._heads.items():  # the data of before, the keys of now
            if head.length == 0:
                old._heads[stream] = head
    with steward(old, random=Seeded(2)) as back:
        assert ("customer.restored",) == back.customer("c-0").may("newsletter", channel="email").codes


def test_a_yes_without_proof_replaces_no_answer_of_a_customer():
    """Also a refusal that stands in the same row, whichever has the later time."""
    with steward() as shop:
        said = [{**NO, "at": START - timedelta(days=9)}, {"purpose": "newsletter", "at": START}]
        bring(shop, rows(1, *said))
        last = list(shop.customer("c-0").history())[-1]
        assert "refused" == last.kind


def test_a_newer_yes_of_a_customer_outlives_an_older_no_of_the_list():
    """The customer agreed after what the list knows."""
    with steward() as shop:
        ana = enrolled(shop, "c-0")
        agree(ana, "newsletter")
        bring(shop, rows(1, {**NO, "at": START - timedelta(days=1)}))
        assert ana.may("newsletter", channel="email")


def test_a_no_of_the_import_raises_the_floor_of_a_restored_backup():
    """A copy of the stream from before the no denies everything."""
    storage = MemoryStorage()
    with steward(storage) as shop:
        bring(shop, rows(1, NO))
        ana = shop.customer("c-0")
        before = len(shop.customer("c-0").history())
        ana.grant("newsletter", shown=shop.notice("newsletter").id, by="web")
        heads = {stream: head for stream, head in storage._heads.items() if head.length == 0 and head.values}
        assert [before] == [int.from_bytes(head.values[:8], "big") for head in heads.values() if head.marks]


BAD = {
    "value.refused": ("x", {"email": 7}),
    "name.unknown": ("x", {"emial": "SECRET"}),
    "row.malformed": ("", {}),
}


@pytest.mark.parametrize("code", BAD)
def test_a_row_that_is_wrong_is_refused_and_the_others_go_on(code):
    """The report says which row, why and where, and no word of the person."""
    with steward() as shop:
        told: list[Any] = []
        done = bring(shop, [*rows(1), BAD[code], *rows(1, first=1)], refused=told.append)
        assert {code: 1} == dict(done.reasons)
        assert [2] == [each.number for each in done.first_refused]
        assert list(done.first_refused) == told
        assert "SECRET" not in repr(done)
        assert not done
        assert 2 == done.enrolled


@pytest.mark.parametrize(
    "row",
    [
        7,
        ("c",),
        ("c", {}, 7),
        ("c", {}, {"when": START}),
        ("c", 7),
        ("c", {}, {"said": "yes"}),
        ("c", {}, {"said": [7]}),
        ("c", {}, {"said": [{"purpose": "newsletter", "loud": True}]}),
        ("c", {}, {"said": [{"purpose": "newsletter", "answer": "maybe"}]}),
        ("c", {}, {"said": [{"purpose": "account"}]}),
        ("c", {}, {"said": [{**YES, "given_by": "neighbour"}]}),
        ("c", {}, {"source": "x" * 201}),
        ("c", {}, {"at": START + timedelta(days=2)}),
        ("c", {}, {"key": ""}),
    ],
)
def test_what_is_no_row_is_refused_alone(row):
    """Nothing that a row can hold stops the import."""
    with steward() as shop:
        done = bring(shop, [row, *rows(1)])
        assert (1, 1) == (done.refused, done.enrolled)


def test_who_did_not_give_the_data_was_shown_no_notice():
    """Else a bought address would pass for one from a sale, with a notice of the newsletter."""
    with steward() as shop:
        shown = shop.notice("account", "newsletter").id
        done = bring(shop, rows(1, shown=shown), source="address broker")
        assert {"row.malformed": 1} == dict(done.reasons)
        assert 1 == bring(shop, rows(1, shown=shown)).enrolled


def test_rows_that_cannot_be_gone_through_are_a_wrong_call():
    """One text is not a list of rows."""
    with steward() as shop:
        for wrong in ("rows", 7):
            with pytest.raises(UsageError):
                bring(shop, wrong)
        with pytest.raises(UsageError):
            bring(shop, rows(1), group=0)


def test_the_same_reference_twice_is_one_customer():
    """The same row again stands already; another one for the same person is refused."""
    with steward() as shop:
        same, other = ("c-0", {"email": "a@example.org"}), ("c-0", {"email": "b@example.org"})
        done = bring(shop, [same, same, other])
        assert (1, 1, {"key.reused": 1}) == (done.enrolled, done.already, dict(done.reasons))


def test_who_was_erased_is_not_brought_back():
    """Suppression survives: by reference, and by a look-up value under another reference."""
    with steward() as shop:
        bring(shop, rows(2))
        shop.customer("c-0").erase(by="customer")
        moved = ("c-9", {"email": "c0@example.org"})
        done = bring(shop, [*rows(2), moved])
        assert ({"customer.erased": 2}, 1) == (dict(done.reasons), done.already)
        assert not shop.customer("c-0").may("account")


@pytest.mark.parametrize("split", [False, True], ids=["beside", "split"])
@pytest.mark.parametrize("fault", list(Fault), ids=lambda fault: fault.value)
def test_after_a_fault_at_any_call_it_is_run_again_and_nobody_is_there_twice(fault, split):
    """Fail once at the first, second, third ... call: in the end it is as if nothing had been."""
    with steward() as calm:
        bring(calm, rows(4, NO, source="a broker"), group=2)
        wanted = [shape(calm, f"c-{number}") for number in range(4)]
    for place in range(1, 30):
        data, keys = MemoryStorage(), MemoryStorage()
        with steward(data, keys_in=keys if split else None):
            pass
        hostile = HostileStorage(data, fault=fault, fail_at=place)
        hostile.enabled = False
        with steward(hostile, keys_in=keys if split else None) as shop:
            hostile.enabled = True
            with suppress(StorageUnavailable):
                bring(shop, rows(4, NO, source="a broker"), group=2)
            hostile.enabled = False
        with steward(data, keys_in=keys if split else None, random=Seeded(place)) as shop:
            again = bring(shop, rows(4, NO, source="a broker"), group=2)
            assert (4, 0) == (again.already + again.enrolled, again.refused)
            assert wanted == [shape(shop, f"c-{number}") for number in range(4)]
            assert shop.ledger.verify()
        if not hostile.met:
            return
    raise AssertionError("the fault was still met")


def test_after_a_kill_it_is_finished_by_running_it_again(tmp_path):
    """Killed in the middle of an import into a file, it finishes and duplicates nothing."""
    with teller.opened(str(tmp_path)):
        pass
    program = [sys.executable, teller.__file__, "bring", str(tmp_path), "1200"]
    with subprocess.Popen(program, stdout=subprocess.PIPE, env=teller.environment()) as running:
        assert running.stdout is not None
        while int(running.stdout.readline() or "400") < 400:
            pass
        running.kill()
    with teller.opened(str(tmp_path)) as shop:
        done = bring(shop, teller.people(1200))
        assert (1200, 0) == (done.already + done.enrolled, done.refused)
        assert done.already >= 400
        assert {1} == {len(shop.customer(f"p-{number}").history()) for number in range(0, 1200, 50)}
        assert shop.ledger.verify()


def test_two_imports_at_once_leave_each_person_once():
    """Two stewards of one storage go through the same rows group by group in turn."""
    storage = MemoryStorage()
    with steward(storage) as one, steward(storage, random=Seeded(2)) as other:
        done: list[Any] = []

        def rival(_: Any) -> None:
            done.append(bring(other, rows(40), group=7))

        first = bring(one, rows(40), group=10, progress=rival)
        assert 40 == first.enrolled + done[0].enrolled
        assert {1} == {len(one.customer(f"c-{number}").history()) for number in range(40)}


def test_an_asynchronous_stream_is_enrolled_the_same_way():
    """Rows, progress and refusals may be asynchronous under ``AsyncSteward``."""

    async def stream() -> Any:
        for row in [*rows(25), BAD["value.refused"]]:
            await asyncio.sleep(0)
            yield row

    async def story() -> None:
        told: list[int] = []

        async def progress(done: Any) -> None:
            told.append(done.rows)

        async with AsyncSteward.memory(POLICY, clock=Clock(), random=Seeded()) as shop:
            done = await shop.enroll_many(
                stream(), purpose="account", by="import", group=10, progress=progress
            )
            assert (25, 1, [10, 20, 26]) == (done.enrolled, done.refused, told)
            again = await shop.enroll_many(rows(25), purpose="account", by="import")
            assert 25 == again.already
            assert await shop.customer("c-7").may("account")

    asyncio.run(story())


def test_no_row_is_kept_longer_than_its_group():
    """Memory stays flat however many rows come: of a thousand no more than two groups are alive."""
    alive: WeakSet[Row] = WeakSet()
    most: list[int] = []

    def watched() -> Any:
        for number in range(1000):
            row = Row(f"c-{number}", {"email": f"c{number}@example.org"})
            alive.add(row)
            most.append(len(alive))
            yield row

    with steward() as shop:
        assert 1000 == bring(shop, watched(), group=50).enrolled
    assert max(most) <= 100


def test_who_did_not_give_the_data_is_told_within_a_month():
    """Art. 14(3) GDPR: the plan lists it, the sweep counts it, and telling ends it."""
    clock = Clock()
    with steward(clock=clock) as shop:
        done = bring(shop, rows(2), source="address broker")
        assert 2 == done.notices
        assert not shop.plan_sweep()
        soon = shop.plan_sweep(until=clock.now + timedelta(days=32))
        assert [("notice", "address broker", 4, 3)] * 2 == [
            (step.what, step.about, step.at.month, step.at.day) for step in soon.steps
        ]
        shop.customer("c-0").inform(shown=shop.notice("account").id, by="mailing", key="told")
        assert shop.customer("c-0").inform(shown=shop.notice("account").id, by="mailing", key="told").repeated
        clock.move(days=32)
        assert ["c-1"] == [step.ref for step in shop.plan_sweep().steps]
        assert 1 == shop.sweep().notices
        shop.customer("c-1").inform(shown=shop.notice("account").id, by="mailing")
        assert 0 == shop.sweep().notices
        assert "address broker" in str(shop.customer("c-1").history())


def test_the_clock_of_art_14_ends_with_the_first_contact():
    """Whoever is written to is told then, not at the end of the month."""
    from clm_ethics import Offer

    clock = Clock()
    with steward(clock=clock) as shop:
        said = {**YES, "shown": shop.notice("newsletter").id}
        bring(shop, rows(1, said, source="address broker"))
        ana = shop.customer("c-0")
        ana.put({"email": "c0@example.org"}, purpose="newsletter", by="web")
        assert not shop.plan_sweep()
        assert ana.choose([Offer("spring", purpose="newsletter")], channel="email", by="campaign")
        assert ["notice"] == [step.what for step in shop.plan_sweep().steps]


def test_a_row_and_what_was_said_show_nothing_of_the_person():
    """Both are personal data, and logs are not."""
    shown = repr(Row("SECRET", {"email": "SECRET"}, [Said("newsletter", evidence="SECRET")], key="SECRET"))
    assert "SECRET" not in shown + repr(Said("newsletter", evidence="SECRET"))
