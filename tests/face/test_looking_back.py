"""Questions about the past: under the policy in force then, as known then or now."""

from __future__ import annotations

import asyncio
from copy import deepcopy
from datetime import timedelta

import pytest

from clm_ethics import AsyncSteward, Policy, Steward
from clm_ethics.errors import StorageCorrupt, StorageUnavailable, UnknownName, UsageError
from clm_ethics.flows import streams
from clm_ethics.storage.memory import MemoryStorage
from clm_ethics.testing.hostile import Fault, HostileStorage
from clm_ethics.verbs import policies
from tests.face.shop import KEYS, POLICY, START, Clock, Seeded, agree, clone, enrolled

DAY = timedelta(days=1)


def narrower():
    """Return the example's policy as it is changed later: recommendations for nobody but the at-risk."""
    document = deepcopy(POLICY.document)
    document["purposes"]["recommendations"]["stages"] = ["at_risk"]
    document["purposes"]["figures"] = {
        "title": {"en": "Count sales", "de": "Verkäufe zählen"},
        "processing": ["analytics"],
        "basis": "legitimate_interest",
        "assessment": "balancing test 4",
        "fields": [],
    }
    return Policy.of(document)


LATER = narrower()


def opened(storage, clock, policy=POLICY):
    """Open the shop."""
    return Steward.open(storage, policy=policy, keys=KEYS, clock=clock, random=Seeded(repr(clock.now)))


@pytest.fixture
def clock():
    """A clock that a test moves."""
    return Clock()


@pytest.fixture
def storage():
    """Where the shop keeps its data."""
    return MemoryStorage()


def test_a_withdrawal_that_arrives_late_is_told_both_ways(storage, clock):
    """What was known on the day, and what was true that day as is known now, are both answered."""
    with opened(storage, clock) as shop:
        ana = enrolled(shop)
        agree(ana, "newsletter")
        clock.move(days=20)
        ana.withdraw("newsletter", by="letter", at=START + 10 * DAY)
        day = START + 15 * DAY
        then, now = (ana.may("newsletter", channel="email", at=day, known=known) for known in ("then", "now"))

        assert ("consent.given", "assumed.age") == then.codes
        assert ("consent.withdrawn",) == now.codes
        assert day == then.at == now.at
        assert ana.may("newsletter", channel="email", at=START + 9 * DAY, known="now")
        assert not ana.may("newsletter", channel="email", at=clock.now, known="then")
        assert "consent.withdrawn" in ana.may("newsletter", channel="email", at=day).codes  # today's state


def test_the_policy_in_force_then_answers(storage, clock):
    """Under the policy of its day a purpose was allowed; a later version answers for its own days."""
    with opened(storage, clock) as shop:
        ana = enrolled(shop)
        ana.record("order_placed", {"sku": "tea", "amount": "1"}, purpose="order", by="till", key="o")
        agree(ana, "recommendations")
    clock.move(days=10)
    with opened(storage, clock, LATER) as shop:
        ana = shop.customer("c-1001")
        before = ana.may("recommendations", at=START + DAY, known="then")
        after = ana.may("recommendations", at=clock.now, known="then")
        today = ana.may("recommendations")

        assert before
        assert POLICY.hash == before.policy
        assert LATER.hash == after.policy == today.policy
        assert today.codes == after.codes
        assert "stage.not_listed" in today.codes
        assert ana.may("figures", known="now", at=clock.now)
        with pytest.raises(UnknownName, match="figures"):
            ana.may("figures", at=START + DAY, known="now")


def test_a_policy_that_comes_back_is_in_force_again(storage, clock):
    """Each coming into force is remembered, also of a version that had been there before, and once."""
    for policy in (POLICY, POLICY, LATER, POLICY):
        with opened(storage, clock, policy) as shop:
            ana = enrolled(shop) if clock.now < START + DAY else shop.customer("c-1001")
        clock.move(days=10)
    with opened(storage, clock, LATER) as shop:
        ana = shop.customer("c-1001")
        seen = [ana.may("account", at=START + day * DAY, known="then").policy for day in (1, 11, 21, 31)]

    assert [POLICY.hash, POLICY.hash, LATER.hash, POLICY.hash] == seen


def listed(storage):
    """Return the hashes in the list of policies, in its order."""
    return [each.policy for each in policies._read(storage._heads[streams.policies_stream("main")])]


def test_before_the_list_began_the_customers_ledger_tells_the_policy(storage, clock):
    """A storage from before the list: the customer's own entries name the policy of their time."""
    with opened(storage, clock) as shop:
        enrolled(shop)
    del storage._heads[streams.policies_stream("main")]
    clock.move(days=10)
    with opened(storage, clock, LATER) as shop:
        ana = shop.customer("c-1001")

        assert POLICY.hash == ana.may("account", at=START + DAY, known="then").policy
        assert POLICY.hash == ana.may("account", at=START + DAY, known="now").policy
        assert POLICY.hash == ana.may("account", at=START - DAY, known="now").policy
        assert LATER.hash == ana.may("account", at=clock.now, known="then").policy


def test_a_policy_of_then_that_is_gone_or_altered_is_no_answer(storage, clock):
    """Another document in its place, or none, raises; no other policy answers for it."""
    with opened(storage, clock) as shop:
        enrolled(shop)
    clock.move(days=10)
    name = streams.policy_stream("main", POLICY.hash)
    for state in (None, LATER.declared.canonical):
        broken = clone(storage)
        if state is None:
            del broken._heads[name]
        else:
            broken._heads[name] = broken._heads[name]._replace(state=state)
        with (
            opened(broken, clock, LATER) as shop,
            pytest.raises(StorageCorrupt, match="policy of then"),
        ):
            shop.customer("c-1001").may("account", at=START + DAY, known="then")


def test_nobody_is_known_before_they_enrolled(storage, clock):
    """Before the first entry, and of who never came, the answer is that nobody is known."""
    with opened(storage, clock) as shop:
        ana = enrolled(shop)

        assert ("customer.unknown",) == ana.may("account", at=START - DAY, known="then").codes
        assert ("customer.unknown",) == shop.customer("nobody").may("account", at=START, known="now").codes


def test_of_who_is_erased_nothing_is_left_to_look_back_on(storage, clock):
    """After an erasure every past answer is that the customer has been erased."""
    with opened(storage, clock) as shop:
        ana = enrolled(shop)
        day = clock.now
        assert ana.may("account", at=day, known="then")
        clock.move(days=1)
        ana.erase(by="customer")

        for known in ("then", "now"):
            assert ("customer.erased",) == ana.may("account", at=day, known=known).codes


def test_looking_back_writes_nothing_and_changes_no_answer(storage, clock):
    """The storage is the same bytes afterwards."""
    with opened(storage, clock) as shop:
        ana = enrolled(shop)
        before = clone(storage)
        ana.may("account", at=clock.now, known="now")

        assert (before._heads, before._entries) == (storage._heads, storage._entries)


def test_many_entries_are_read_page_by_page(storage, clock):
    """A ledger of more entries than a page answers as of its middle."""
    with opened(storage, clock) as shop:
        ana = enrolled(shop)
        for number in range(120):
            agree(ana, "newsletter", key=f"y{number}")
            ana.withdraw("newsletter", by="web", key=f"n{number}")
            clock.move(days=1)
        middle = START + 60 * DAY - timedelta(hours=1)
        agree(ana, "newsletter")

        assert not ana.may("newsletter", channel="email", at=middle, known="then")
        assert ana.may("newsletter", channel="email", at=clock.now, known="then")


def test_a_question_that_makes_no_sense_is_refused(storage, clock):
    """``known`` without an instant, or that is none of the two."""
    with opened(storage, clock) as shop:
        ana = enrolled(shop)
        with pytest.raises(UsageError, match="without at"):
            ana.may("account", known="then")
        with pytest.raises(UsageError, match='"then" or "now"'):
            ana.may("account", at=START, known="today")
        with pytest.raises(UnknownName):
            ana.may("nothing", at=clock.now, known="now")


def test_the_list_of_policies_is_bounded(storage, clock, monkeypatch):
    """A fleet that goes to and fro does not grow the storage: the oldest of too many go."""
    monkeypatch.setattr(policies, "MOST_KEPT", 4)
    for policy in (POLICY, LATER, POLICY, LATER, POLICY, LATER):
        with opened(storage, clock, policy):
            clock.move(days=10)

    assert [POLICY.hash, LATER.hash, POLICY.hash, LATER.hash] == listed(storage)


def test_opening_again_notes_nothing(storage, clock):
    """A version is noted when it comes into force, not whenever somebody opens."""
    for policy in (POLICY, POLICY, LATER, LATER, POLICY):
        with opened(storage, clock, policy):
            clock.move(days=1)

    assert [POLICY.hash, LATER.hash, POLICY.hash] == listed(storage)


def test_a_list_that_cannot_be_read_is_corrupt(storage, clock):
    """Garbage in the list's place is told, and not taken for no list."""
    with opened(storage, clock):
        pass
    name = streams.policies_stream("main")
    storage._heads[name] = storage._heads[name]._replace(state=b"\xc1")
    with pytest.raises(StorageCorrupt, match="list of policies"):
        opened(storage, clock)


def test_opening_ends_when_the_policy_cannot_be_noted(storage, clock):
    """A storage that lets nobody write the list is told, and not tried for ever."""
    with opened(storage, clock):
        pass
    stuck = HostileStorage(storage, fault=Fault.CONFLICT, fail_at=2, forever=True)
    with pytest.raises(StorageUnavailable, match="could not be noted"):
        opened(stuck, clock, LATER)


def test_it_answers_the_same_awaited(storage, clock):
    """The other colour has the same question."""
    with opened(storage, clock) as shop:
        agree(enrolled(shop), "newsletter")
        day = clock.now
        expected = shop.customer("c-1001").may("newsletter", at=day, known="now")

    async def run():
        async with AsyncSteward.open(
            storage, policy=POLICY, keys=KEYS, clock=clock, random=Seeded("async")
        ) as shop:
            return await shop.customer("c-1001").may("newsletter", at=day, known="now")

    assert expected == asyncio.run(run())
