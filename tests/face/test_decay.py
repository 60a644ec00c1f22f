"""Inactivity: less data, then none but what is needed, then nobody; announced, and undone by a return."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clm_ethics import Policy
from tests.face.shop import Clock, agree, document, enrolled, kinds, steward

STEPS = [
    {"after": "P365D", "announce": "P14D", "shrink": {"tastes": 2, "purchases": 1, "churn": 0}},
    {"after": "P730D", "announce": "P30D", "seal": True},
    {"after": "P1095D", "announce": "P30D", "forget": True, "closes": ["account"]},
]
FADING = Policy.of(
    document(
        lifecycle__decay={"without": ["order_placed", "complaint"], "steps": STEPS},
        purposes__recommendations__stages=[],
        purposes__recommendations__consent_expires="P9Y",
        purposes__recommendations__keep={"for": "P9Y", "from": "collected"},
    )
)
TASTES = [{"tag": tag} for tag in "abcd"]


class Life:
    """A shop, a customer with tastes, and a clock that sweeps and seals every week."""

    def __init__(self, shop: Any, clock: Clock) -> None:
        self.shop, self.clock, self.swept = shop, clock, []
        self.ana = enrolled(shop)
        agree(self.ana, "recommendations")
        self.ana.put({"tastes": TASTES, "churn": 0.5}, purpose="recommendations", by="web")

    def pass_days(self, days: int) -> list[tuple[str, int]]:
        """Let time pass; return what the sweeps announced and made, with the days passed."""
        found = []
        for day in range(0, days, 7):
            self.clock.move(days=7)
            done = self.shop.sweep(confirm=True)
            found += [
                (name, day + 7)
                for name in ("announced", "faded", "erased")
                for _ in range(getattr(done, name))
            ]
        return found

    def order(self) -> None:
        """Come back."""
        self.ana.record("order_placed", {"sku": "tea", "amount": "1"}, purpose="order", by="till")


@pytest.fixture
def life() -> Any:
    """A life."""
    clock = Clock()
    with steward(policy=FADING, clock=clock) as shop:
        yield Life(shop, clock)


def test_each_step_is_announced_and_then_made(life):
    """Two weeks before the first, thirty days before the others; then the customer is gone."""
    assert [
        ("announced", 357),
        ("faded", 371),
        ("announced", 700),
        ("faded", 735),
        ("announced", 1071),
        ("erased", 1106),
    ] == life.pass_days(1110)
    assert ("customer.erased",) == life.ana.may("recommendations").codes


def test_shrinking_keeps_the_newest_and_takes_nothing_that_is_needed(life):
    """Of the tastes two; the score goes; what the order's contract needs stays."""
    life.order()
    life.pass_days(380)
    view = life.ana.read("recommendations", by="web")
    assert ["c", "d"] == [each["tag"] for each in view["tastes"]]
    assert "churn" not in view
    assert 1 == len(life.ana.read("order", by="web")["purchases"])
    assert "2 of tastes went (inactivity)" in str(life.ana.history())


def test_while_it_is_sealed_away_only_a_contract_goes_on(life):
    """Nothing is read, derived or sent; a return opens it again at once."""
    life.pass_days(740)
    assert ("inactive.sealed",) == life.ana.may("recommendations").codes
    assert life.ana.may("account")
    life.order()
    assert life.ana.may("recommendations")
    assert life.ana.read("recommendations", by="web")["tastes"]


def test_a_return_after_an_announcement_makes_it_void(life):
    """The count begins anew, from the return."""
    assert [("announced", 357)] == life.pass_days(357)
    life.order()
    assert [("announced", 357), ("faded", 371)] == life.pass_days(371)


def test_a_yes_is_a_return_too(life):
    """Whoever agrees is there."""
    life.pass_days(740)
    agree(life.ana, "newsletter")
    assert life.ana.may("recommendations")


@pytest.mark.parametrize("no", ["refuse", "withdraw", "object_to"])
def test_a_no_is_no_return(no):
    """Taking back the last yes must not open what was sealed away."""
    clock = Clock()
    with steward(policy=FADING, clock=clock) as shop:
        life = Life(shop, clock)
        clock.move(days=1)
        agree(life.ana, "newsletter")
        life.pass_days(740)
        assert ("inactive.sealed",) == life.ana.may("recommendations").codes
        getattr(life.ana, no)("newsletter", by="customer")
        assert ("inactive.sealed",) == life.ana.may("recommendations").codes
        assert [("announced", 329), ("erased", 364)] == life.pass_days(371)


def test_who_was_away_before_the_policy_knew_of_it_is_told_first():
    """The first sweep announces; the step comes no sooner than announced for."""
    clock = Clock()
    with steward(policy=FADING, clock=clock) as shop:
        Life(shop, clock)
        clock.move(days=3000)
        assert 1 == shop.sweep(confirm=True).announced
        clock.move(days=13)
        assert 0 == shop.sweep(confirm=True).faded
        clock.move(days=1)
        assert 1 == shop.sweep(confirm=True).faded


def test_forgetting_waits_for_an_open_contract(life):
    """An order that was not delivered keeps the customer; the account does not."""
    life.order()
    life.pass_days(1300)
    assert life.ana.may("order")
    assert ["waits for order"] == [step.about for step in life.shop.plan_sweep().steps]
    life.ana.record("order_delivered", {}, purpose="order", by="post")
    assert [("erased", 7)] == life.pass_days(7)


def test_nothing_happens_to_restricted_data(life):
    """Of it everything but storage is forbidden, removing too."""
    life.ana.restrict(by="desk", reason="contested")
    assert [] == life.pass_days(1200)


def test_the_plan_shows_each_step_with_its_day(life):
    """Before the announcement that one, after it the step."""
    from datetime import timedelta

    def plan(days: int) -> list[tuple[str, str]]:
        steps = life.shop.plan_sweep(until=life.clock.now + timedelta(days=days)).steps
        return [(step.what, step.about) for step in steps]

    assert [] == plan(350)
    assert [("announce", "shrink")] == plan(400)
    life.pass_days(357)
    assert [("shrink", "shrink")] == plan(20)


def test_a_visit_of_an_active_customer_does_not_let_them_fade(life):
    """The visitor's stream is silent for ever; its reference leads to the customer, who is not erased."""
    visitor = life.shop.visitor(by="web")
    visitor.identify("c-1001", by="login")
    for _ in range(8):
        life.pass_days(180)
        life.order()
    assert life.ana.may("account")
    assert 0 == kinds(life.ana)["faded"]


@given(days=st.lists(st.sampled_from([7, 300, 364, 400, 740]), max_size=4))
@settings(max_examples=15, deadline=None)
def test_no_step_is_made_that_was_not_announced_so_long_before(days):
    """Whenever the customer returns: before each step stands its announcement, early enough."""
    clock = Clock()
    with steward(policy=FADING, clock=clock) as shop:
        life = Life(shop, clock)
        for each in days:
            life.pass_days(each)
            if life.ana.may("account"):
                life.order()
        announced = None
        for line in life.ana.history(limit=1000):
            if line.kind == "announced":
                announced = line.at
            if line.kind == "faded":
                assert announced is not None
                assert (line.at - announced).days >= 13
                announced = None
            if line.kind == "recorded":
                announced = None
