"""A customer whose state or values are full is still heard, and takes nobody else along."""

from __future__ import annotations

import asyncio

from clm_ethics import Offer, UsageError, ValueRefused
from clm_ethics.storage.contract import MAX_PART
from tests.face.shop import agree, enrolled, kinds
from tests.regressions.shops import CONSENT_ONLY, awaiting, look, shop, together

LISTS = [f"list{number}" for number in range(6)]
LARGE = ["x" * 8000] * 32
MANY_LISTS = {
    f"fields__{name}": {"type": "list", "max": 99, "category": "user.account"} for name in LISTS
} | {"purposes__account__fields": ["email", "points", *LISTS]}
NARROW = {
    f"purposes__{'p' * 40}{number}": {
        "title": {"en": "More", "de": "Mehr"},
        "processing": ["essential"],
        "basis": "contract",
        "fields": ["email"],
    }
    for number in range(80)
}
"""So many purposes that the room for a no to each leaves little."""


def full(steward_):
    """Enrol somebody, and open contracts until their state is full."""
    ana = enrolled(steward_)
    ana.withdraw("newsletter", by="customer")
    return fill(ana)


def fill(customer):
    """Open contracts until the customer's state is full."""
    for number in range(2000):
        try:
            customer.record("order_placed", {}, purpose="order", by="till", key=f"{number}")
        except UsageError:
            return customer
    raise AssertionError("the state is never full")


def test_a_no_is_heard_beside_a_verb_that_does_not_fit():
    """Of a batch that overfills the state only the verb that brings too much is refused."""
    with shop(changes=NARROW) as steward_:
        ana = full(steward_)
        came = together(
            steward_,
            too_much=lambda: ana.record("order_placed", {}, purpose="order", by="till", key="one more"),
            no=lambda: ana.withdraw("newsletter", by="customer"),
        )

        assert isinstance(came["too_much"], UsageError)
        assert "withdrawn" == came["no"].kind
        assert 2 == kinds(ana)["withdrawn"]


def test_a_question_about_a_full_state_is_answered():
    """Reading and choosing still give an answer when the customer's state has no room left."""
    with shop(changes=NARROW | CONSENT_ONLY) as steward_:
        ana = full(steward_)

        assert ana.read("account", by="web")["email"]
        assert not ana.choose([Offer("spring", purpose="newsletter")], channel="email", by="web")


def test_choosing_for_a_full_state_is_a_no():
    """A choice whose contact cannot be remembered any more is not made, and says so."""
    with shop(changes=NARROW | CONSENT_ONLY) as steward_:
        ana = enrolled(steward_, born="1990-01-01")
        agree(ana, "newsletter")
        offers = [Offer("spring", purpose="newsletter")]
        fill(ana)
        answers = []
        for _ in range(40):
            answers.append(ana.choose(offers, channel="email", by="web"))
            if not answers[-1]:
                break
            answers[-1].cancelled()

        assert ["customer.full"] == [each.code for each in answers[-1].reasons]


def test_values_over_the_limit_are_refused_for_that_verb_alone():
    """Values over 1 MiB in all are ``ValueRefused``, and another customer's no in the same batch is made."""
    with shop(changes=MANY_LISTS) as steward_:
        ana, bo = enrolled(steward_), enrolled(steward_, "c-2")
        for name in LISTS[:4]:
            ana.put({name: LARGE}, purpose="account", by="web")
        came = together(
            steward_,
            too_much=lambda: ana.put({LISTS[4]: LARGE}, purpose="account", by="web"),
            other=lambda: bo.withdraw("newsletter", by="customer"),
            own=lambda: ana.withdraw("newsletter", by="customer"),
        )

        assert isinstance(came["too_much"], ValueRefused)
        assert ["withdrawn", "withdrawn"] == [came["other"].kind, came["own"].kind]
        assert MAX_PART >= len(look(steward_).head.values)


def test_an_awaited_batch_with_too_much_in_it_ends():
    """Under ``AsyncSteward`` everybody who waits beside a verb that does not fit hears of their own."""

    async def run() -> list[object]:
        async with awaiting(MANY_LISTS) as steward_:
            told = {"email": "a@example.org", "region": "DE"}
            ana = await steward_.enroll("c-1", told, purpose="account", by="web")
            bo = await steward_.enroll("c-2", told, purpose="account", by="web")
            for name in LISTS[:4]:
                await ana.put({name: LARGE}, purpose="account", by="web")
            return await asyncio.gather(
                ana.put({LISTS[4]: LARGE}, purpose="account", by="web"),
                bo.withdraw("newsletter", by="customer"),
                ana.withdraw("newsletter", by="customer"),
                return_exceptions=True,
            )

    refused, other, own = asyncio.run(run())

    assert isinstance(refused, ValueRefused)
    assert ["withdrawn", "withdrawn"] == [other.kind, own.kind]
