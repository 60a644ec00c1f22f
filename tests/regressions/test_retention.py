"""When the time of a value runs out (Art. 5(1)(e) GDPR), and what an erasure leaves of it."""

from __future__ import annotations

from tests.face.shop import agree, enrolled
from tests.regressions.shops import CONSENT_ONLY, look, shop

NO_US = {"purposes__newsletter__basis_under": None}
SMALL = NO_US | {"purposes__order__fields": ["address", "purchases", "invoices"]}
"""The e-mail address serves the account and the newsletter alone."""


def test_without_a_yes_the_time_runs_from_the_collection():
    """Nobody agreed and nobody said no: a retention "from withdrawal" does not keep the value for ever."""
    with shop(changes=SMALL) as steward_:
        ana = enrolled(steward_)
        ana.record("account_closed", {}, purpose="account", by="web")
        steward_._setting.clock.move(days=29)
        steward_.sweep(confirm=True)
        assert "email" in look(steward_).state.fields
        steward_._setting.clock.move(days=3)
        steward_.sweep(confirm=True)

        assert "email" not in look(steward_).state.fields


def test_a_basis_of_its_own_keeps_it():
    """While opt-out carries the purpose where the customer lives, or a yes stands, no time runs."""
    with shop(changes={"purposes__order__fields": ["address", "purchases", "invoices"]}) as steward_:
        ana = enrolled(steward_, region="US-CA")
        bo = enrolled(steward_, "c-2", born="1990-01-01")
        agree(bo, "newsletter")
        for each in (ana, bo):
            each.record("account_closed", {}, purpose="account", by="web")
        steward_._setting.clock.move(days=3650)
        steward_.sweep(confirm=True)
        assert "email" in look(steward_).state.fields
        assert "email" in look(steward_, "c-2").state.fields
        for each in (ana, bo):
            each.withdraw("newsletter", by="customer")
        steward_._setting.clock.move(days=31)
        steward_.sweep(confirm=True)

        assert "email" not in look(steward_).state.fields
        assert "email" not in look(steward_, "c-2").state.fields


def test_an_objection_before_a_yes_starts_no_time():
    """What ended with a later grant does not let the values run out."""
    with shop(changes=CONSENT_ONLY) as steward_:
        ana = enrolled(steward_, born="1990-01-01")
        ana.object_to("newsletter", by="customer")
        steward_._setting.clock.move(days=1)
        agree(ana, "newsletter")
        steward_._setting.clock.move(days=40)

        assert "email" in ana.may("newsletter", channel="email").fields


def test_a_law_still_sees_the_younger_items_after_an_erasure():
    """Of a list of which some items' time is over the live ones survive an erasure, and are shown."""
    with shop() as steward_:
        ana = enrolled(steward_)
        ana.record("order_placed", {"number": "R1", "amount": "1"}, purpose="order", by="till", key="one")
        steward_._setting.clock.move(days=365 * 3)
        ana.record("order_placed", {"number": "R2", "amount": "2"}, purpose="order", by="checkout", key="two")
        steward_._setting.clock.move(days=365 * 6)
        before = [each["number"] for each in ana.read("invoicing", by="tax")["invoices"]]
        ana.erase(by="customer")
        after = [each["number"] for each in ana.read("invoicing", by="tax")["invoices"]]

        assert ["R2"] == before == after


def test_a_law_of_one_region_survives_an_erasure_too():
    """A legal obligation that only ``basis_under`` names keeps its fields, and drops no item for room."""
    changes = {
        "purposes__invoicing__basis": "contract",
        "purposes__invoicing__basis_under": {"DE": ["legal_obligation"]},
        "controller__markets": ["DE"],
    }
    with shop(changes=changes) as steward_:
        ana = enrolled(steward_)
        ana.record("order_placed", {"number": "R1", "amount": "1"}, purpose="order", by="till", key="one")

        assert {"invoices"} == set(ana.plan_erase().stays)
        ana.erase(by="customer")
        steward_._setting.clock.move(days=365)
        steward_.sweep(confirm=True)
        assert ["R1"] == [each["number"] for each in ana.read("invoicing", by="tax")["invoices"]]
        steward_._setting.clock.move(days=365 * 9)
        steward_.sweep(confirm=True)
        assert {} == look(steward_).state.fields


def test_choices_alone_are_forgotten_in_time():
    """A stream whose only questions are choices forgets them after ``audit.keep``."""
    changes = {"purposes__recommendations__channels": ["web"], "purposes__recommendations__stages": None}
    from clm_ethics import Offer

    with shop(changes=changes) as steward_:
        ana = enrolled(steward_, born="1990-01-01")
        agree(ana, "recommendations")
        assert ana.choose([Offer("tea", purpose="recommendations")], channel="web", by="web")
        steward_._setting.clock.move(days=365 * 2)
        assert 0 == steward_.sweep(confirm=True).forgotten
        steward_._setting.clock.move(days=366 * 2)

        assert 1 == steward_.sweep(confirm=True).forgotten
        assert "chosen" not in [line.kind for line in ana.history()]


def test_a_restriction_survives_an_erasure():
    """What a law keeps of somebody who restricted it is still not used (Art. 18(2) GDPR)."""
    with shop() as steward_:
        ana = enrolled(steward_)
        ana.put({"address": {"street": "Hidden Lane 1"}}, purpose="invoicing", by="web")
        ana.restrict(by="customer", reason="it is wrong")
        assert ("restriction",) == ana.may("invoicing").codes
        ana.erase(by="customer")

        assert "restriction" in ana.may("invoicing").codes
        assert not ana.read("invoicing", by="tax")


def test_closing_what_is_closed_starts_no_time_anew():
    """An account that is closed twice ended the first time: its data is kept no longer for it."""
    with shop(changes=CONSENT_ONLY | SMALL) as steward_:
        ana = enrolled(steward_)
        ana.record("account_closed", {}, purpose="account", by="web")
        steward_._setting.clock.move(days=20)
        ana.record("account_closed", {}, purpose="account", by="web")
        steward_._setting.clock.move(days=12)

        assert 1 == str(ana.history()).count("was closed")
        assert 1 == steward_.sweep(confirm=True).values
        assert "email" not in look(steward_).state.fields


def test_what_was_never_opened_is_not_closed():
    """A delivery of an order that nobody placed ends no contract, and says so in no story."""
    with shop() as steward_:
        ana = enrolled(steward_)
        ana.record("order_delivered", {}, purpose="order", by="carrier")

        assert "order" not in look(steward_).state.contracts
        assert "was closed" not in str(ana.history())
