"""Understanding within the purpose: derived values with their lineage, and preferences that only narrow."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clm_ethics import AsyncSteward, Denied, Policy, UnknownName, UsageError
from clm_ethics.lifecycle.understanding import frequency
from clm_ethics.model import Preferred, fold
from clm_ethics.model.state import Preferences
from clm_ethics.policy import decide
from tests import strategies
from tests.face.shop import EMAIL, START, Clock, Seeded, agree, document, enrolled, kinds, steward

SHOP = Policy.of(document(purposes__recommendations__stages=[]))


def buyer(shop: Any) -> Any:
    """Return somebody who bought twice and agreed to recommendations."""
    ana = enrolled(shop)
    agree(ana, "recommendations")
    for number in range(2):
        values = {"sku": "tea", "amount": "1"}
        ana.record("order_placed", values, purpose="order", by="till", key=f"o-{number}")
    return ana


def test_a_value_is_derived_from_what_the_purpose_may_see():
    """The read and the lineage are in the ledger."""
    with steward(policy=SHOP) as shop:
        ana = buyer(shop)
        ana.derive(
            "churn",
            lambda view: 1 / (1 + frequency(view["purchases"], START.replace(year=2027))),
            purpose="recommendations",
            by="nightly",
            model="often 1",
        )
        assert 1 / 3 == ana.read("recommendations", by="web")["churn"]
        assert "churn was derived from purchases by often 1" in str(ana.history())
        assert 2 == kinds(ana)["read"]


def test_a_score_of_the_hosts_model_declares_its_inputs():
    """It may have looked at no more than the policy says."""
    with steward(policy=SHOP) as shop:
        ana = buyer(shop)
        ana.derive("churn", 0.4, purpose="recommendations", by="model", inputs=["purchases"], model="m 7")
        assert 0.4 == ana.read("recommendations", by="web")["churn"]
        with pytest.raises(UsageError, match="does not declare"):
            ana.derive("churn", 0.4, purpose="recommendations", by="model", inputs=["tastes"])
        with pytest.raises(UsageError, match="not derived"):
            ana.derive("tastes", [], purpose="recommendations", by="model")


def test_nothing_is_derived_for_a_purpose_that_may_not_look():
    """Without the yes; and where an input was collected for others only. The function is not called."""
    asked: list[Any] = []
    with steward(policy=SHOP) as shop:
        ana = enrolled(shop)
        with pytest.raises(Denied):
            ana.derive("churn", asked.append, purpose="recommendations", by="model")
        ana.record("order_placed", {"sku": "t", "amount": "1"}, purpose="order", by="till", key="1")
        with pytest.raises(UsageError, match="does not list"):
            ana.derive("churn", asked.append, purpose="order", by="model")
        assert [] == asked


def test_a_withdrawal_removes_what_was_derived():
    """Also when it comes while the host computes."""
    with steward(policy=SHOP) as shop:
        ana = buyer(shop)
        ana.derive("churn", 0.4, purpose="recommendations", by="model")
        ana.withdraw("recommendations", by="customer")
        agree(ana, "recommendations")
        assert "churn" not in ana.read("recommendations", by="web")

        def slow(view: Any) -> float:
            ana.withdraw("recommendations", by="customer")
            return 0.5

        with pytest.raises(Denied):
            ana.derive("churn", slow, purpose="recommendations", by="model")


def test_a_preferred_channel_narrows_and_nothing_more():
    """It ends the others for marketing; a contract goes on, and a later preference replaces it."""
    with steward(policy=SHOP) as shop:
        ana = enrolled(shop)
        agree(ana, "newsletter")
        ana.put({"email": EMAIL}, purpose="newsletter", by="web")
        assert ana.may("newsletter", channel="email")
        ana.prefer(channels=["sms"], by="customer")
        assert ("preference.channel",) == ana.may("newsletter", channel="email").codes
        assert ana.may("newsletter", channel="sms")
        assert ana.may("account")
        ana.prefer(topics=["tea"], most=2, per="P30D", by="customer")
        assert ana.may("newsletter", channel="email")
        ana.withdraw("newsletter", by="customer")
        ana.prefer(channels=["email"], by="customer")
        assert not ana.may("newsletter", channel="email")


def test_topics_are_words_of_the_hosts_and_stay_out_of_the_ledger():
    """Free text is a value; the record does not hold even the words."""
    with steward(policy=SHOP) as shop:
        ana = enrolled(shop)
        for wrong in (["I like tea"], ["x"] * 3 + [f"t{n}" for n in range(30)], "tea"):
            with pytest.raises(UsageError):
                ana.prefer(topics=wrong, by="customer")
        with pytest.raises(UnknownName):
            ana.prefer(channels=["fax"], by="customer")
        for most, per in ((-1, "P1D"), (True, "P1D"), (1, "weekly")):
            with pytest.raises(UsageError):
                ana.prefer(most=most, per=per, by="customer")
        assert not ana.prefer(topics=["green-tea"], by="customer", key="k").repeated
        assert ana.prefer(topics=["green-tea"], by="customer", key="k").repeated
        assert "green-tea" not in str(ana.history()) + repr(
            Preferred(at=START, stated=Preferences(("green-tea",)))
        )


@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_a_preference_never_permits_more(data):
    """Whatever is known of the customer, and whatever is asked."""
    policy = data.draw(strategies.policies())
    events = data.draw(strategies.lives(policy))
    request = data.draw(strategies.questions(policy))
    at = data.draw(strategies.moments(events))
    state = fold(events)
    channels = data.draw(st.sampled_from([None, (), ("email",), ("email", "web")]))
    stated = Preferences(topics=("tea",), channels=channels, most=0)
    narrowed = fold([Preferred(at=state.at or START, stated=stated)], state)
    before, after = decide(policy, state, request, at), decide(policy, narrowed, request, at)
    assert before or not after
    assert set(after.fields) <= set(before.fields)


def test_deriving_and_preferring_are_awaited_the_same_way():
    """The verbs are written once; the host's function may be a coroutine."""

    async def story() -> None:
        async def score(view: Any) -> float:
            await asyncio.sleep(0)
            return 0.1 * len(view["purchases"])

        async with AsyncSteward.memory(SHOP, clock=Clock(), random=Seeded()) as shop:
            ana = await shop.enroll("c-1", {"region": "DE"}, purpose="account", by="signup")
            notice = await shop.notice("recommendations")
            await ana.grant("recommendations", shown=notice.id, by="signup")
            await ana.record("order_placed", {"sku": "t", "amount": "1"}, purpose="order", by="till", key="1")
            await ana.derive("churn", score, purpose="recommendations", by="model")
            assert 0.1 == (await ana.read("recommendations", by="web"))["churn"]
            await ana.prefer(channels=[], by="customer")

    asyncio.run(story())
