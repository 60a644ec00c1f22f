"""A customer's stage through the face: read for a purpose, with its course, and why it is not another."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from clm_ethics import AsyncSteward, Policy, PolicyError, UnknownName
from tests.face.shop import START, Clock, Seeded, agree, document, enrolled, kinds, steward

STAGED = Policy.of(
    document(
        purposes__order__fields=["email", "address", "purchases", "invoices", "stage"],
        purposes__recommendations__stages=[],
        lifecycle__moves=[
            {"from": ["prospect", "at_risk"], "to": "customer", "on": "order_placed"},
            {"from": ["customer"], "to": "at_risk", "after": "P90D", "without": "order_placed"},
            {"from": ["customer"], "to": "at_risk", "when": {"field": "churn", "least": 0.7}},
            {"from": ["at_risk"], "to": "churned", "after": "P180D", "without": "order_placed"},
            {"from": ["churned"], "to": "customer", "on": "order_placed"},
        ],
    )
)


def order(ana: Any, key: str, at: Any = None) -> Any:
    """Record an order."""
    return ana.record(
        "order_placed", {"sku": "tea", "amount": "1"}, purpose="order", by="till", key=key, at=at
    )


def stage(ana: Any) -> Any:
    """Read the stage for the order."""
    return ana.stage("order", by="web")


def test_the_stage_is_read_like_any_field():
    """For a purpose that lists it and holds; the read is in the ledger, a refusal is falsy."""
    with steward(policy=STAGED) as shop:
        ana = enrolled(shop)
        assert not stage(ana)
        assert ("contract.absent",) == stage(ana).decision.codes
        order(ana, "1")
        told = stage(ana)
        assert ("customer", "order_placed", "till") == (told.stage, told.why, told.by)
        assert 1 == kinds(ana)["read"]
        assert not ana.stage("account", by="web")
        assert "customer" not in repr(told)
        assert not shop.customer("c-9").stage("order", by="web").toward("churned").legs


def test_the_course_says_what_the_stage_was_at_any_instant():
    """Before it was known it was nothing; time alone moves it where the purpose may look."""
    clock = Clock()
    with steward(policy=STAGED, clock=clock) as shop:
        ana = enrolled(shop)
        agree(ana, "recommendations")
        clock.move(days=1)
        order(ana, "1")
        clock.move(days=100)
        told = stage(ana)
        assert ("at_risk", "P90D without order_placed", "") == (told.stage, told.why, told.by)
        days = [-1, 0.5, 2, 95]
        assert ["", "prospect", "customer", "at_risk"] == [told.at(START + timedelta(days=n)) for n in days]
        assert told.next_at is not None
        assert 181 == (told.next_at - START).days


def test_what_is_learnt_late_moves_the_stage_back():
    """The order was placed before the customer seemed at risk: they never were."""
    clock = Clock()
    with steward(policy=STAGED, clock=clock) as shop:
        ana = enrolled(shop)
        agree(ana, "recommendations")
        order(ana, "1")
        shop.seal()
        clock.move(days=100)
        assert 1 == shop.sweep().stages
        assert "at_risk" == stage(ana).stage
        order(ana, "2", at=START + timedelta(days=80))
        told = stage(ana)
        assert ["prospect", "customer"] == [stay.stage for stay in told.course]
        assert 170 == (told.next_at - START).days
        shop.seal()
        assert shop.ledger.verify()


def test_a_value_moves_the_stage_only_if_the_purpose_may_see_it():
    """The score is put under the lifecycle's purpose; without its yes nobody can put it."""
    with steward(policy=STAGED) as shop:
        ana = enrolled(shop)
        agree(ana, "recommendations")
        order(ana, "1")
        ana.put({"churn": 0.5}, purpose="recommendations", by="model")
        assert "customer" == stage(ana).stage
        ana.put({"churn": 0.7}, purpose="recommendations", by="model")
        told = stage(ana)
        assert ("at_risk", "churn>=0.7", "model") == (told.stage, told.why, told.by)


def test_a_value_that_the_lifecycles_purpose_does_not_list_is_refused_at_load():
    """A move that needs data which no purpose grants it never happens."""
    moves = [{"from": ["prospect"], "to": "customer", "when": {"field": "churn", "least": 1}}]
    fields = ["purchases"]
    with pytest.raises(PolicyError, match="does not list `churn`") as refused:
        Policy.of(
            document(
                lifecycle__moves=moves,
                purposes__recommendations__fields=fields,
                purposes__recommendations__explicit=[],
                purposes__recommendations__coarse={},
                purposes__recommendations__stages=[],
            )
        )
    assert "lifecycle.moves[0].when.field" in refused.value.place


def test_why_it_is_not_another_stage():
    """The nearest moves, when time brings the first, and why it may not be made."""
    with steward(policy=STAGED) as shop:
        ana = enrolled(shop)
        order(ana, "1")
        away = stage(ana).toward("churned")
        assert not away
        assert ["at_risk", "churned"] == [leg.move.to for leg in away.legs]
        assert ("consent.missing",) == tuple(reason.code for reason in away.refused)
        assert (
            "nearest: customer -> at_risk (P90D without order_placed), "
            "then at_risk -> churned (P180D without order_placed); "
            "due on 2026-06-01; refused: consent.missing"
        ) == str(away)
        agree(ana, "recommendations")
        assert () == stage(ana).toward("churned").refused
        assert "no move leads from customer to prospect" == str(stage(ana).toward("prospect"))
        assert "the stage is customer" == str(stage(ana).toward("customer"))
        with pytest.raises(UnknownName):
            stage(ana).toward("custmer")


def test_a_stage_is_awaited_the_same_way():
    """The verb is written once."""

    async def story() -> None:
        async with AsyncSteward.memory(STAGED, clock=Clock(), random=Seeded()) as shop:
            ana = await shop.enroll("c-1", {}, purpose="account", by="signup")
            await ana.record("order_placed", {}, purpose="order", by="till", key="1")
            assert "customer" == (await ana.stage("order", by="web")).stage

    asyncio.run(story())


def test_what_brings_somebody_into_a_stage_may_be_seen_there():
    """A purpose for customers, agreed to as a prospect, sees the first order, which makes a customer."""
    with steward() as shop:
        ana = shop.enroll("c-1", {"region": "DE"}, purpose="account", by="web")
        agree(ana, "recommendations")
        assert ["stage.not_listed"] == [why.code for why in ana.may("recommendations").reasons]

        ana.record("order_placed", {"sku": "tea", "amount": "19.90"}, purpose="order", by="web", key="o-1")

        assert "tea" == ana.read("recommendations", by="web")["purchases"][0]["sku"]
