"""The ledger of a span of time: every customer's entries, those of the erased too, and nothing else."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clm_ethics import AsyncSteward, Policy, UsageError
from tests.face.shop import POLICY, START, Clock, Seeded, document, enrolled, steward

DAY = timedelta(days=1)


@given(st.lists(st.tuples(st.sampled_from(["c-1", "c-2", "c-3"]), st.integers(0, 3)), max_size=12), st.data())
def test_it_tells_what_was_learnt_then_and_nothing_else(steps, data):
    """Whatever was told on which days, a span has exactly what the stories have of these days."""
    clock = Clock()
    with steward(clock=clock) as shop:
        people = {ref: enrolled(shop, ref, email=f"{ref}@example.org") for ref in ("c-1", "c-2", "c-3")}
        for ref, days in steps:
            clock.move(days=days)
            people[ref].refuse("newsletter", by="web")
            people[ref].read("account", by="web")
        length = (clock.now - START).days + 1
        first = data.draw(st.integers(0, length))
        since, until = START + first * DAY, START + data.draw(st.integers(first, length)) * DAY
        told = [
            (ref, line.index)
            for ref, ana in people.items()
            for line in ana.history(limit=1000)
            if since <= line.at < until
        ]

        assert told == sorted((each.ref, each.line.index) for each in shop.ledger.between(since, until))
        everything = sum(len(ana.history(limit=1000)) for ana in people.values())
        assert everything == len(list(shop.ledger.between()))


def test_the_erased_are_there_without_a_reference():
    """That somebody was erased, when and by whom stands there; what they had told does not."""
    with steward() as shop:
        for ref in ("c-1", "c-2"):
            enrolled(shop, ref, email=f"{ref}@example.org")
        bo = shop.customer("c-2")
        bo.record(
            "order_placed", {"sku": "t", "amount": "1", "number": "7"}, purpose="order", by="till", key="o"
        )
        for ref in ("c-1", "c-2"):
            shop.customer(ref).erase(by="customer")
        found = list(shop.ledger.between())

        assert {""} == {each.ref for each in found}
        assert {"erasure_begun": 2, "erasure_done": 2} == Counter(each.line.kind for each in found)


def test_confidential_reads_are_told_to_the_auditor():
    """What a law hides from the customer's own story is in the ledger that an authority reads."""
    law = {"law": "GwG s. 47", "until": "P1Y"}
    policy = Policy.of(document(purposes__invoicing__confidential=law))
    with steward(policy=policy) as shop:
        ana = enrolled(shop)
        assert ana.read("invoicing", by="fiu")

        assert "fiu" not in str(ana.history())
        assert ["fiu"] == [each.line.by for each in shop.ledger.between() if each.line.kind == "read"]


def test_what_waits_in_the_queue_is_told():
    """Refusals are written late; a span of time has them all the same, and no value of anybody."""
    with steward() as shop:
        ana = enrolled(shop)
        assert not ana.read("recommendations", by="web")
        found = list(shop.ledger.between(START))

        assert ["enrolled", "refusal"] == [each.line.kind for each in found]
        assert "ana" not in repr(found)
        assert "c-1001" not in repr(found)


@pytest.mark.parametrize("span", [(START, START - DAY), (datetime(2026, 3, 3), None)])  # noqa: DTZ001
def test_a_span_that_is_none_is_a_wrong_call(span):
    """It ends no sooner than it begins, and its times have a zone."""
    with steward() as shop, pytest.raises(UsageError, match="between"):
        shop.ledger.between(*span)


def test_the_awaited_ledger_tells_the_same():
    """With ``async for``, page by page."""

    async def run():
        async with AsyncSteward.memory(POLICY, clock=Clock(), random=Seeded()) as shop:
            ana = await shop.enroll("c-1", {"region": "DE"}, purpose="account", by="web")
            await ana.refuse("newsletter", by="web")
            return [each.line.kind async for each in shop.ledger.between(datetime(2026, 1, 1, tzinfo=UTC))]

    assert ["enrolled", "refused"] == asyncio.run(run())
