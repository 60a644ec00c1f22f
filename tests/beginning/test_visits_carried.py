"""What a visitor wished, and what they were sent, is the customer's, whatever comes in between."""

from __future__ import annotations

import itertools
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clm_ethics import Offer, UnknownCustomer
from clm_ethics.model import Contact, Preferences
from clm_ethics.model.times import Duration
from clm_ethics.storage.memory import MemoryStorage
from clm_ethics.testing.hostile import HostileStorage
from tests.face.shop import START, Clock, Seeded, agree, enrolled, kinds, steward
from tests.regressions.shops import look, policy

CAPPED = policy(
    purposes__recommendations__stages=[],
    purposes__recommendations__channels=["web"],
    channels__web__caps=[{"max": 9, "per": "P1D"}],
)
TEA = [Offer("tea", purpose="recommendations")]
STEPS = 20
"""At most so many calls of the storage in one identify."""


def suggest(person):
    """Suggest tea on a page whose caps count."""
    return person.choose(TEA, channel="web", by="web")


BETWEEN = {
    "chosen": lambda visitor, seen: suggest(visitor),
    "cancelled": lambda visitor, seen: seen.cancelled(),
    "sent": lambda visitor, seen: seen.sent(),
    "preferred": lambda visitor, seen: visitor.prefer(channels=["email"], by="web"),
}


@pytest.mark.parametrize("what", BETWEEN)
def test_what_comes_in_between_is_carried_as_well(what):
    """While somebody is identified the visitor goes on, at each place between two calls of the storage."""
    for place in range(1, STEPS):
        storage = MemoryStorage()
        with (
            steward(storage, policy=CAPPED) as shop,
            steward(storage, policy=CAPPED, random=Seeded(2)) as other,
        ):
            visitor, ana = shop.visitor(by="web"), enrolled(shop, born="1990-01-01")
            agree(visitor, "recommendations")
            suggest(visitor)
            theirs = other.customer(visitor.ref)
            seen, calls = suggest(theirs), itertools.count(1)
            came = []

            def interrupt(place=place, calls=calls, came=came, theirs=theirs, seen=seen):
                if next(calls) == place:
                    came.append(bool(BETWEEN[what](theirs, seen)))

            with steward(HostileStorage(storage, pause=interrupt), policy=CAPPED, random=Seeded(3)) as third:
                third.customer(visitor.ref).identify("c-1001", by="login")
            if not came:
                assert place > 5
                return
            state = look(shop).state
            if what == "chosen":  # chosen for the visitor, or for the customer, who has not agreed
                assert 2 + sum(came) == len(state.contacts)
            elif what == "preferred":
                assert ("email",) == state.preferences.channels
            elif what == "cancelled":  # before anything was taken over there is nothing to take
                assert [False] == [each.cancelled for each in state.contacts if not each.cancelled]
            else:
                assert [False, True] == [each.sent for each in state.contacts]
            assert 1 <= kinds(ana)["merged"] <= 2
            assert shop.ledger.verify()


def test_what_is_said_of_a_visit_twice_stands_once():
    """Cancelling again, from wherever, is fine and writes nothing; the customer's own contacts stay."""
    with steward(policy=CAPPED) as shop:
        visitor, ana = shop.visitor(by="web"), enrolled(shop, born="1990-01-01")
        for person in (visitor, ana):
            agree(person, "recommendations")
        seen = suggest(visitor)
        suggest(ana)
        visitor.identify("c-1001", by="login")
        seen.cancelled()
        seen.cancelled()
        assert 1 == kinds(ana)["cancelled"]
        assert [True, False] == [each.cancelled for each in look(shop).state.contacts]
        text = str(ana.history())
        assert "of a visit chose was not sent" in text


def test_who_was_parted_keeps_what_was_taken_over():
    """After parting the visitor's choice is the visit's alone: the customer's copy is not given back."""
    with steward(policy=CAPPED) as shop:
        visitor, ana = shop.visitor(by="web"), enrolled(shop, born="1990-01-01")
        agree(visitor, "recommendations")
        seen = suggest(visitor)
        visitor.identify("c-1001", by="login")
        ana.unidentify(visitor.ref, by="desk")
        seen.cancelled()
        assert [False] == [each.cancelled for each in look(shop).state.contacts]
        assert 0 == kinds(ana)["cancelled"]


def test_the_erased_are_told_nothing_of_their_visit():
    """Cancelling what a visitor was shown, who became a customer and was erased, is no way back."""
    with steward(policy=CAPPED) as shop:
        visitor, ana = shop.visitor(by="web"), enrolled(shop, born="1990-01-01")
        agree(visitor, "recommendations")
        seen = suggest(visitor)
        visitor.identify("c-1001", by="login")
        ana.erase(by="customer")
        assert not seen.still()
        with pytest.raises(UnknownCustomer):
            seen.cancelled()
        assert shop.ledger.verify()


def test_the_report_counts_what_was_sent_where_it_was_chosen():
    """What is said of a visit's choice is not said of the customer's own choice at the same place."""
    with steward(policy=CAPPED) as shop:
        visitor, ana = shop.visitor(by="web"), enrolled(shop, born="1990-01-01")
        for person in (visitor, ana):
            agree(person, "recommendations")
        seen, own = suggest(visitor), suggest(ana)
        assert seen._reserved.index == own._reserved.index
        visitor.identify("c-1001", by="login")
        seen.cancelled()
        [levels] = [each for each in shop.report(k=1).measures if each.key == "levels"]
        assert 1 == sum(row.hits for row in levels.rows)


def test_a_wish_of_the_customer_after_the_visit_counts():
    """Of two wishes of the same person the later counts, if they said it as themselves."""
    clock = Clock()
    with steward(policy=CAPPED, clock=clock) as shop:
        visitor, ana = shop.visitor(by="web"), enrolled(shop)
        visitor.prefer(topics=["coffee"], most=1, by="web")
        clock.move(hours=1)
        ana.prefer(topics=["tea"], by="customer")
        visitor.identify("c-1001", by="login")
        assert (("tea",), None) == (look(shop).state.preferences.topics, look(shop).state.preferences.most)
        assert 1 == kinds(ana)["preferred"]


def test_a_wish_that_stands_already_is_not_written_again():
    """Both said the same: the customer's stream says it once."""
    clock = Clock()
    with steward(policy=CAPPED, clock=clock) as shop:
        visitor, ana = shop.visitor(by="web"), enrolled(shop)
        ana.prefer(topics=["tea"], most=1, by="customer")
        clock.move(hours=1)
        visitor.prefer(topics=["tea", "coffee"], most=3, by="web")
        visitor.identify("c-1001", by="login")
        assert 1 == kinds(ana)["preferred"]


words = st.none() | st.lists(st.sampled_from("abc"), unique=True).map(tuple)
spans = st.sampled_from(["P1D", "P7D", "P28D", "P1M", "P30D", "P1Y", "PT12H"]).map(Duration.parse)
wishes = st.builds(
    lambda topics, channels, most, per: Preferences(
        topics, channels, most, per if most is not None else Duration()
    ),
    words,
    words,
    st.none() | st.integers(0, 4),
    spans,
)


@given(wishes, wishes, st.lists(st.integers(0, 40 * 24), max_size=12))
def test_both_wishes_are_kept(one, other, hours):
    """What both allow is within either: topics, channels, and any series of messages."""
    both = one.narrowed(other)
    for wish in (one, other):
        for mine, narrowed in ((wish.topics, both.topics), (wish.channels, both.channels)):
            assert mine is None or set(narrowed) <= set(mine)
        assert not within(both, hours) or within(wish, hours)
    assert one.narrowed(one) == one
    alike = (set(both.topics or ()), set(both.channels or ()), both.most)
    turned = other.narrowed(one)
    assert alike == (set(turned.topics or ()), set(turned.channels or ()), turned.most)


def within(wish, hours):
    """Say whether messages at these *hours* keep to a wish, in every window."""
    if wish.most is None:
        return True
    times = sorted(START + timedelta(hours=hour) for hour in hours)
    return all(sum(start <= at < wish.per.after(start) for at in times) <= wish.most for start in times)


def test_a_contact_of_a_visit_is_told_apart():
    """The place of a contact says nothing without the stream that it is a place of."""
    own, taken = (Contact(index=3, at=START, channel="web", visit=visit) for visit in (b"", b"12345678"))
    assert own != taken
