"""Visitors: a stream of their own; a no carries over to the customer, a yes does not."""

from __future__ import annotations

import asyncio
import itertools
from contextlib import suppress
from datetime import timedelta
from threading import Barrier, Thread
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clm_ethics import (
    AlreadyEnrolled,
    AsyncSteward,
    Denied,
    Policy,
    StorageUnavailable,
    UnknownCustomer,
    UsageError,
)
from clm_ethics.storage.memory import MemoryStorage
from clm_ethics.testing.hostile import Fault, HostileStorage
from tests.face.shop import POLICY, Clock, Seeded, agree, clone, document, enrolled, kinds, steward


def open_shop() -> Any:
    """Return a policy whose recommendations have no stage, so that a yes is enough."""
    return Policy.of(document(purposes__recommendations__stages=[]))


SHOP = open_shop()


def pair(shop: Any) -> tuple[Any, Any]:
    """Return a visitor, and a customer nobody knows to be the same."""
    return shop.visitor(by="web"), enrolled(shop)


def test_a_visitor_has_a_random_reference_and_a_stream():
    """The handle is a customer's; two visitors are two."""
    with steward() as shop:
        one, other = shop.visitor(by="web"), shop.visitor(by="web")
        assert one.ref != other.ref
        assert 24 == len(one.ref)
        assert ["An anonymous visitor came"] == [
            str(line.text).split(";")[0].rstrip(".") for line in shop.customer(one.ref).history()
        ]
        assert shop.ledger.verify()


def test_a_visitor_has_no_value_that_tells_who_they_are():
    """A look-up or an address needs a customer; a taste does not."""
    with steward(policy=SHOP) as shop:
        visitor = shop.visitor(by="web")
        with pytest.raises(Denied) as refused:
            visitor.put({"email": "a@example.org"}, purpose="account", by="web")
        assert ("visitor.identity",) == refused.value.answer.codes
        with pytest.raises(Denied):
            visitor.put({"address": {"city": "Ulm"}}, purpose="order", by="web")
        agree(visitor, "recommendations")
        visitor.put({"tastes": [{"tag": "tea"}], "region": "DE"}, purpose="recommendations", by="web")
        assert visitor.read("recommendations", by="web")["tastes"]


NOES = {
    "refuse": lambda who: who.refuse("recommendations", by="web"),
    "withdraw": lambda who: who.withdraw("recommendations", by="web"),
    "objection": lambda who: who.object_to("newsletter", by="web"),
    "restriction": lambda who: who.restrict(by="web", reason="SECRET"),
}


@pytest.mark.parametrize("name", NOES)
def test_each_no_carries_over(name):
    """It ends what the customer had agreed to before."""
    with steward(policy=SHOP) as shop:
        visitor, ana = pair(shop)
        agree(ana, "recommendations")
        agree(ana, "newsletter")
        purpose, channel = ("newsletter", "email") if name == "objection" else ("recommendations", None)
        assert ana.may(purpose, channel=channel)
        NOES[name](visitor)
        visitor.identify("c-1001", by="login")
        assert not ana.may(purpose, channel=channel)
        assert shop.ledger.verify()


def test_a_yes_does_not_carry_over():
    """Somebody at a shared device may have given it."""
    with steward(policy=SHOP) as shop:
        visitor, ana = pair(shop)
        agree(visitor, "recommendations")
        visitor.identify("c-1001", by="login")
        assert ("consent.missing",) == ana.may("recommendations").codes
        assert ("consent.missing",) == visitor.may("recommendations").codes


def test_a_yes_that_was_given_as_this_person_carries_over():
    """The host says so, per purpose; its proof and its time come along."""
    with steward(policy=SHOP) as shop:
        visitor, ana = pair(shop)
        agree(visitor, "recommendations")
        agree(visitor, "newsletter")
        visitor.identify("c-1001", by="login", given_as=["recommendations"])
        assert ana.may("recommendations")
        assert not ana.may("newsletter", channel="email")


def test_a_yes_given_as_this_person_does_not_undo_what_the_customer_said_since():
    """The customer said no after the visit: that is the latest word."""
    for no in ("refuse", "withdraw", "object_to"):
        with steward(policy=SHOP) as shop:
            visitor, ana = pair(shop)
            agree(visitor, "newsletter")
            getattr(ana, no)("newsletter", by="customer")
            visitor.identify("c-1001", by="login", given_as=["newsletter"])
            assert not ana.may("newsletter", channel="email")


def test_a_yes_without_proof_does_not_carry_over_and_neither_does_a_later_no_go_missing():
    """Of a visitor's own no and the customer's later yes the later counts."""
    with steward(policy=SHOP) as shop:
        visitor, ana = pair(shop)
        visitor.refuse("recommendations", by="web")
        agree(ana, "recommendations")
        visitor.identify("c-1001", by="login")
        assert ana.may("recommendations")


def test_a_mute_and_an_age_carry_over():
    """Peace after a complaint, and that somebody is a child, narrow too."""
    with steward(policy=SHOP) as shop:
        visitor, ana = pair(shop)
        agree(ana, "newsletter")
        visitor.record("complaint", {}, purpose="account", by="web")
        visitor.put({"born": "2016-01-01"}, purpose="account", by="web")
        visitor.identify("c-1001", by="login")
        assert "muted" in ana.may("newsletter", channel="email").codes
        with pytest.raises(Denied) as refused:
            agree(ana, "recommendations")
        assert ("consent.guardian_needed",) == refused.value.answer.codes


def test_a_later_no_and_a_prompt_of_the_visit_count_for_asking_again():
    """A no that both said counts from the later one, and a banner that the visitor saw is not shown again."""
    with steward(policy=SHOP) as shop:
        clock = shop._setting.clock
        visitor, ana = pair(shop)
        ana.put({"born": "1990-01-01"}, purpose="account", by="web")
        ana.refuse("recommendations", by="web")
        ana.object_to("newsletter", by="web")
        clock.move(days=300)
        visitor.refuse("recommendations", by="web")
        visitor.object_to("newsletter", by="web")
        other = shop.visitor(by="web")
        assert other.ask("recommendations", by="web", surface="banner")
        visitor.identify("c-1001", by="login")
        ben = enrolled(shop, "c-2", born="1990-01-01")
        other.identify("c-2", by="login")

        assert ("ask.unanswered",) == ben.may_ask("recommendations").codes
        clock.move(days=100)
        assert ("ask.refused",) == ana.may_ask("recommendations").codes
        assert "ask.objected" in ana.may_ask("newsletter").codes
        clock.move(days=300)
        assert ana.may_ask("recommendations")


def test_afterwards_the_visitors_handle_is_the_customers():
    """Asking and telling through either is the same; also from another steward that remembers the way."""
    storage = MemoryStorage()
    with steward(storage, policy=SHOP) as shop, steward(storage, policy=SHOP, random=Seeded(2)) as other:
        visitor, ana = pair(shop)
        theirs = other.customer(visitor.ref)
        assert not theirs.may("recommendations")
        theirs.refuse("newsletter", by="web")
        visitor.identify("c-1001", by="login")
        agree(theirs, "recommendations")
        assert ana.may("recommendations")
        assert visitor.read("account", by="web")["email"]
        assert str(ana.history()) == str(theirs.history())
        visitor.withdraw("recommendations", by="customer")
        assert not ana.may("recommendations")


def test_identifying_again_changes_nothing_and_as_somebody_else_is_refused():
    """A visitor is one person."""
    with steward(policy=SHOP) as shop:
        visitor, ana = pair(shop)
        enrolled(shop, "c-2")
        assert not visitor.identify("c-1001", by="login").repeated
        before = kinds(ana)
        assert visitor.identify("c-1001", by="login").repeated
        with pytest.raises(AlreadyEnrolled):
            visitor.identify("c-2", by="login")
        assert before == kinds(ana)


def test_a_visitor_whose_no_was_lost_by_a_backup_is_not_identified():
    """What it said could not be carried over; after_restore() says no again, and that carries over."""
    storage = MemoryStorage()
    with steward(storage, policy=SHOP) as shop:
        visitor, ana = pair(shop)
        agree(ana, "newsletter")
        agree(visitor, "newsletter")
        old = clone(storage)
        visitor.refuse("newsletter", by="web")
        for stream, head in storage._heads.items():  # the data of before, the keys of now
            if head.length == 0:
                old._heads[stream] = head
    old._marks = {token: list(marks) for token, marks in storage._marks.items()}
    with steward(old, policy=SHOP, random=Seeded(2), clock=later()) as back:
        theirs = back.customer(visitor.ref)
        with pytest.raises(Denied) as refused:
            theirs.identify("c-1001", by="login")
        assert ("customer.restored",) == refused.value.answer.codes
        back.after_restore(by="desk")
        theirs.identify("c-1001", by="login")
        assert not back.customer("c-1001").may("newsletter", channel="email")


def test_only_a_visitor_is_identified_and_only_as_a_living_customer():
    """A customer is known, a visitor is nobody, and the erased are gone."""
    with steward(policy=SHOP) as shop:
        visitor, ana = pair(shop)
        enrolled(shop, "c-2")
        for who, known, error in [
            (ana, "c-2", UsageError),
            (visitor, shop.visitor(by="web").ref, UsageError),
            (visitor, "c-9", UnknownCustomer),
            (shop.customer("v-nobody"), "c-2", UnknownCustomer),
        ]:
            with pytest.raises(error):
                who.identify(known, by="login")
        ana.erase(by="customer")
        with pytest.raises(UnknownCustomer):
            visitor.identify("c-1001", by="login")
        with pytest.raises(UsageError):
            visitor.identify("c-2", by="login", given_as="newsletter")
        assert ["enrolled"] == [line.kind for line in visitor.history()]


def test_erasing_the_customer_erases_the_visit():
    """Not a key, not a body, not a way is left; asked by either reference."""
    for by_visit in (False, True):
        storage = MemoryStorage()
        with steward(storage, policy=SHOP) as shop:
            visitor, ana = pair(shop)
            agree(visitor, "recommendations")
            visitor.put({"tastes": [{"tag": "SECRET"}]}, purpose="recommendations", by="web")
            keys = {stream for stream, head in storage._heads.items() if head.length == 0}
            visitor.identify("c-1001", by="login")
            (visitor if by_visit else ana).erase(by="customer")
            for who in (visitor, ana):
                assert ("customer.erased",) == who.may("recommendations").codes
            gone = {stream for stream in keys if stream not in storage._heads}
            assert 4 == len(gone)  # two keys, two claims
            assert shop.ledger.verify()


def test_parting_ends_the_yes_that_came_with_the_visit_and_keeps_every_no():
    """They were two people: nothing of one permits anything of the other."""
    with steward(policy=SHOP) as shop:
        visitor, ana = pair(shop)
        agree(visitor, "recommendations")
        visitor.refuse("newsletter", by="web")
        visitor.identify("c-1001", by="login", given_as=["recommendations"])
        assert ana.may("recommendations")
        ana.unidentify(visitor.ref, by="desk")
        assert ("consent.withdrawn",) == ana.may("recommendations").codes
        assert ("consent.refused",) == ana.may("newsletter", channel="email").codes
        assert visitor.may("recommendations")
        assert ("consent.refused",) == visitor.may("newsletter", channel="email").codes
        assert 1 == kinds(ana)["parted"] == kinds(visitor)["parted"]
        enrolled(shop, "c-2")
        visitor.identify("c-2", by="login")
        ana.erase(by="customer")
        assert shop.customer("c-2").may("account")
        assert not visitor.may("recommendations")
        with pytest.raises(UnknownCustomer):
            shop.customer("c-2").unidentify("v-other", by="desk")


def test_a_yes_that_the_customer_gave_since_outlives_the_parting():
    """Only what came with the visit ends."""
    with steward(policy=SHOP) as shop:
        visitor, ana = pair(shop)
        agree(visitor, "recommendations")
        visitor.identify("c-1001", by="login", given_as=["recommendations"])
        agree(ana, "recommendations")
        ana.unidentify(visitor.ref, by="desk")
        assert ana.may("recommendations")


def never_wider(shop: Any, visitor: Any) -> None:
    """Whatever has happened so far: what was refused is denied, what was agreed to by a visitor too."""
    ana = shop.customer("c-1001")
    assert not visitor.may("newsletter", channel="email")
    assert not ana.may("recommendations")


@pytest.mark.parametrize("fault", list(Fault), ids=lambda fault: fault.value)
@pytest.mark.parametrize("split", [False, True], ids=["beside", "split"])
@pytest.mark.parametrize("verb", ["identify", "unidentify"])
def test_after_a_fault_at_any_call_no_no_is_lost_and_nothing_is_granted(verb, fault, split):
    """Fail once at the first, second, third ... call; the same call again completes it."""
    data, keys = MemoryStorage(), MemoryStorage()
    with steward(data, policy=SHOP, keys_in=keys if split else None) as shop:
        visitor, ana = pair(shop)
        agree(ana, "newsletter")
        agree(visitor, "recommendations")
        visitor.refuse("newsletter", by="web")
        if verb == "unidentify":
            visitor.identify("c-1001", by="login", given_as=["recommendations"])
    for place in range(1, 40):
        mine, own_keys = clone(data), clone(keys)
        hostile = HostileStorage(mine, fault=fault, fail_at=place)
        hostile.enabled = False

        def go(shop: Any) -> Any:
            if verb == "identify":
                return shop.customer(visitor.ref).identify("c-1001", by="login")
            return shop.customer("c-1001").unidentify(visitor.ref, by="desk")

        with steward(
            hostile, policy=SHOP, keys_in=own_keys if split else None, clock=later(), random=Seeded(place)
        ) as shop:
            hostile.enabled = True
            with suppress(StorageUnavailable):
                go(shop)
            hostile.enabled = False
        with steward(
            mine, policy=SHOP, keys_in=own_keys if split else None, clock=later(), random=Seeded("b")
        ) as shop:
            if verb == "identify":
                never_wider(shop, shop.customer(visitor.ref))
            go(shop)
            ana = shop.customer("c-1001")
            assert ("consent.refused",) == ana.may("newsletter", channel="email").codes
            assert not ana.may("recommendations")
            assert (1, 1) == (kinds(ana)["merged"], kinds(ana)["refused"])
            assert shop.ledger.verify()
        if not hostile.met:
            return
    raise AssertionError("the fault was still met")


def later() -> Clock:
    """Return a clock of the next day."""
    clock = Clock()
    clock.move(days=1)
    return clock


STEPS = 24
"""At most so many calls of the storage in one identify."""


@pytest.mark.parametrize("place", range(1, STEPS))
def test_a_no_that_comes_in_between_is_not_lost(place):
    """While somebody is identified the visitor refuses, at each place between two calls."""
    storage = MemoryStorage()
    with steward(storage, policy=SHOP) as shop, steward(storage, policy=SHOP, random=Seeded(2)) as other:
        visitor, ana = pair(shop)
        agree(ana, "newsletter")
        calls = itertools.count(1)
        theirs = other.customer(visitor.ref)
        with steward(
            HostileStorage(
                storage, pause=lambda: next(calls) == place and theirs.refuse("newsletter", by="web")
            ),
            policy=SHOP,
            random=Seeded(3),
        ) as third:
            third.customer(visitor.ref).identify("c-1001", by="login")
        theirs.refuse("newsletter", by="web")
        assert ("consent.refused",) == ana.may("newsletter", channel="email").codes
        assert shop.ledger.verify()


@pytest.mark.parametrize("place", range(1, STEPS))
def test_of_two_identifies_one_wins_and_the_other_customer_gets_nothing(place):
    """Another process identifies the visitor as somebody else, at each place between two calls."""
    storage = MemoryStorage()
    with steward(storage, policy=SHOP) as shop, steward(storage, policy=SHOP, random=Seeded(2)) as other:
        visitor, ana = pair(shop)
        ben = enrolled(shop, "c-2", email="ben@example.org")
        visitor.refuse("newsletter", by="web")
        calls, won = itertools.count(1), []

        def rival() -> None:
            if next(calls) == place:
                with suppress(AlreadyEnrolled):
                    other.customer(visitor.ref).identify("c-2", by="other")
                    won.append("c-2")

        rivals = HostileStorage(storage, pause=rival)
        with steward(rivals, policy=SHOP, random=Seeded(3)) as third, suppress(AlreadyEnrolled):
            third.customer(visitor.ref).identify("c-1001", by="login")
            won.append("c-1001")
        assert 1 == len(won)
        winner, loser = (ana, ben) if won == ["c-1001"] else (ben, ana)
        assert (1, 1) == (kinds(winner)["merged"], kinds(winner)["refused"])
        assert {"enrolled": 1} == dict(kinds(loser))
        assert str(winner.history()) == str(visitor.history())


def test_threads_that_identify_one_visitor_at_once_agree(tmp_path):
    """Eight threads, four customers, one file: one customer has the visit."""
    from clm_ethics import FileKeys, Steward

    with Steward.open(f"sqlite:///{tmp_path}/crm.db", policy=SHOP, keys=FileKeys(tmp_path / "keys")) as shop:
        for number in range(4):
            enrolled(shop, f"c-{number}", email=f"c{number}@example.org")
        visitor = shop.visitor(by="web")
        start, won = Barrier(8), []

        def go(number: int) -> None:
            start.wait()
            with suppress(AlreadyEnrolled):
                shop.customer(visitor.ref).identify(f"c-{number % 4}", by="login")
                won.append(number % 4)

        threads = [Thread(target=go, args=(number,)) for number in range(8)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        assert 1 == len(set(won))
        assert 1 == sum(kinds(shop.customer(f"c-{number}"))["merged"] for number in range(4))


WORDS = st.sampled_from(["yes", "refuse", "withdraw", "object_to"])


@given(
    visit=st.lists(st.tuples(WORDS, st.booleans()), max_size=4),
    known=st.lists(WORDS, max_size=3),
    given_as=st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_the_merge_permits_no_more_than_the_customer_alone_or_the_last_word(visit, known, given_as):
    """Allowed after it only if it was before, or the visitor's last word was a yes as this person."""
    with steward(policy=SHOP) as shop:
        visitor, ana = pair(shop)

        def say(who: Any, word: str) -> None:
            if word == "yes":
                agree(who, "newsletter")
            else:
                getattr(who, word)("newsletter", by="web")

        for word, _ in visit:
            say(visitor, word)
        for word in known:
            say(ana, word)
        before = bool(ana.may("newsletter", channel="email"))
        words = [word for word, _ in visit]
        visitor.identify("c-1001", by="login", given_as=["newsletter"] if given_as else [])
        after = bool(ana.may("newsletter", channel="email"))
        if after and not before:
            assert given_as
            assert "yes" == words[-1]
            assert not known
        if not known and words and words[-1] != "yes":
            assert not after


def test_a_visitor_is_found_again_after_a_year_and_swept():
    """A visit is kept like everything else: while a purpose needs it."""
    clock = Clock()
    with steward(policy=SHOP, clock=clock) as shop:
        visitor = shop.visitor(by="web")
        agree(visitor, "recommendations")
        visitor.put({"tastes": [{"tag": "tea"}]}, purpose="recommendations", by="web")
        clock.move(days=3 * 366)
        assert 1 == shop.sweep().values
        assert clock.now - timedelta(days=1) < visitor.may("recommendations").at


def test_visitors_work_the_same_when_awaited():
    """The verbs are written once."""

    async def story() -> None:
        async with AsyncSteward.memory(POLICY, clock=Clock(), random=Seeded()) as shop:
            await shop.enroll("c-1", {}, purpose="account", by="signup")
            visitor = await shop.visitor(by="web")
            await visitor.refuse("newsletter", by="web")
            await visitor.identify("c-1", by="login")
            ana = shop.customer("c-1")
            assert ("consent.refused",) == (await ana.may("newsletter", channel="email")).codes
            await ana.unidentify(visitor.ref, by="desk")

    asyncio.run(story())
