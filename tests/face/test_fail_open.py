"""Where others let data flow, ours denies and says why: a table, tried through the public face.

Each row is a way in which consent tools were seen to fail open; the name says what goes wrong.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from clm_ethics import Denied, Offer, Policy, PolicyError, Steward, UnknownName, UsageError
from tests.face.shop import EMAIL, PHONE, POLICY, Clock, Seeded, agree, document, enrolled, kinds, steward

MAIL = [Offer("spring", purpose="newsletter")]
ANY_STAGE = Policy.of(document(purposes__recommendations__stages=None))
"""Recommendations at every stage, so that nothing but the consent answers."""


def codes(choice: Any, name: str = "spring") -> set[str]:
    """Return why an offer was withheld."""
    return {why.code for why in choice.withheld.get(name, ())}


def subscribed(shop: Steward, ref: str = "c-1001", **about: Any) -> Any:
    """Somebody who agreed to the newsletter on every channel, with both addresses."""
    told = {"email": EMAIL, "region": "DE", "zone": "Europe/Berlin"} | about
    told = {name: value for name, value in told.items() if value is not None}
    ana = shop.enroll(ref, told, purpose="account", by="signup")
    agree(ana, "newsletter", explicit=["direct_marketing"], channels=["email", "sms"])
    ana.put({"email": EMAIL, "phone": PHONE}, purpose="newsletter", by="web")
    return ana


def test_no_answer_about_a_purpose_is_not_a_yes():
    """Nobody asked: a new profile is not subscribed, and targeting does not reach it."""
    with steward() as shop:
        ana = enrolled(shop)
        for purpose in ("newsletter", "recommendations"):
            answer = ana.may(purpose)
            assert not answer
            assert answer.remedies
        choice = ana.choose(MAIL, channel="email", by="campaign")
        assert not choice
        assert choice.to is None
        assert codes(choice)


def test_a_purpose_that_no_policy_maps_is_an_error_and_never_a_yes():
    """A name nobody declared does not pass as "nothing forbids it"."""
    with steward() as shop:
        ana = enrolled(shop)
        for ask in (
            lambda: ana.may("analytics"),
            lambda: ana.read("analytics", by="web"),
            lambda: ana.choose([Offer("x", purpose="analytics")], channel="email", by="c"),
            lambda: ana.put({"email": EMAIL}, purpose="analytics", by="web"),
        ):
            with pytest.raises(UnknownName):
                ask()


def test_processing_without_a_rule_in_any_law_is_a_gap_that_denies():
    """Incomplete configuration shows as such."""
    with pytest.raises(PolicyError):
        Policy.of(document(purposes__newsletter__processing=["telepathy"]))
    silent = document(
        controller__established=["US-CA"], controller__markets=["US-CA"], purposes__order__processing=[]
    )
    with pytest.raises(PolicyError):
        Policy.of(silent)


def test_a_consumer_without_purposes_is_refused_when_the_policy_is_loaded():
    """Neither a purpose without a basis nor one without a processing gets through."""
    for changes in (
        {"purposes__newsletter__basis": []},
        {"purposes__newsletter__basis": None},
        {"purposes__newsletter__processing": None},
        {"purposes__newsletter__consent_required": False},
        {"purposes__newsletter__enabled": False},
    ):
        with pytest.raises(PolicyError):
            Policy.of(document(**changes))


@pytest.mark.parametrize(
    ("about", "hour", "sent"),
    [
        ({"zone": "Europe/Berlin"}, 11, True),
        ({"zone": "Europe/Berlin"}, 3, False),
        ({"zone": "Europe/Berlin"}, 23, False),
        ({"zone": None, "region": "DE"}, 11, True),
        ({"zone": None, "region": "DE"}, 3, False),
        ({"zone": "Mars/Olympus"}, 11, True),
        ({"zone": "Mars/Olympus"}, 3, False),
        ({"zone": None, "region": "RU"}, 5, False),
        ({"zone": None, "region": "RU"}, 8, False),
    ],
)
def test_an_absent_time_zone_does_not_switch_quiet_hours_off(about, hour, sent):
    """Unknown zone: sent only when it is allowed in every zone that is plausible."""
    clock = Clock()
    clock.now = clock.now.replace(hour=hour) + timedelta(days=1)
    with steward(clock=clock) as shop:
        ana = subscribed(shop, **about)
        choice = ana.choose(MAIL, channel="sms", by="campaign")
        assert sent == bool(choice), choice.explain()
        assert sent or codes(choice)
        assert sent == (choice.to is not None)


def test_an_essential_purpose_in_the_same_breath_launders_no_other():
    """Each purpose is decided alone, and each offer by its own purpose."""
    with steward() as shop:
        ana = subscribed(shop)
        ana.withdraw("newsletter", by="customer")
        assert ana.may("account")
        assert not ana.may("newsletter")
        assert "tastes" not in ana.read("account", by="web")
        mixed = [Offer("spring", purpose="newsletter"), Offer("note", purpose="account")]
        choice = ana.choose(mixed, channel="email", by="c")
        assert not choice or "note" == choice.offer.name
        assert codes(choice)


def test_a_purpose_without_consent_is_no_yes_for_anyone():
    """Contract and legal obligation deny who was never enrolled, and can be objected to or answered."""
    with steward() as shop:
        nobody = shop.customer("nobody")
        for purpose in shop.policy.purposes:
            assert ("customer.unknown",) == nobody.may(purpose).codes
            assert not nobody.read(purpose, by="web")
        ana = enrolled(shop)
        assert not ana.may("order")  # no contract is open
        receipt = ana.object_to("account", by="customer")
        assert not receipt.effect  # the contract needs it, and the receipt says what would end it
        assert "contract" in receipt.effect.text


def test_an_expired_consent_denies():
    """Also when nobody has swept, and whatever the purpose has asked before."""
    clock = Clock()
    with steward(policy=ANY_STAGE, clock=clock) as shop:
        ana = enrolled(shop)
        agree(ana, "recommendations")
        ana.record("order_placed", {"sku": "tea", "amount": "1"}, purpose="order", by="till")
        before = ana.may("recommendations")
        assert before
        assert before.valid_until is not None
        clock.move(days=400)
        assert "consent.expired" in ana.may("recommendations").codes
        assert not ana.read("recommendations", by="web")


def test_a_yes_to_one_purpose_is_not_a_yes_to_its_neighbour():
    """That some record of consent exists says nothing about the purpose that is asked."""
    with steward() as shop:
        ana = enrolled(shop)
        agree(ana, "recommendations")
        assert not ana.may("newsletter")
        agree(ana, "newsletter", channels=["email"])
        assert ana.may("newsletter", channel="email")
        assert not ana.may("newsletter", channel="sms")


def test_a_yes_to_another_clause_is_no_yes():
    """The purpose was widened since: she is asked again, and neighbours are not."""
    from clm_ethics.storage.memory import MemoryStorage

    storage = MemoryStorage()
    with steward(storage) as shop:
        ana = enrolled(shop)
        agree(ana, "newsletter")
        assert ana.may("newsletter", channel="email")
    wider = Policy.of(document(purposes__newsletter__fields=["email", "phone", "tastes", "purchases"]))
    with steward(storage, policy=wider, random=Seeded(2)) as shop:
        assert "consent.other_clause" in shop.customer("c-1001").may("newsletter", channel="email").codes
    other = Policy.of(document(purposes__recommendations__title={"en": "Other", "de": "Anders"}))
    with steward(storage, policy=other, random=Seeded(3)) as shop:
        assert shop.customer("c-1001").may("newsletter", channel="email")


def test_a_rule_that_errs_withholds(monkeypatch):
    """A broken rule does not step aside, and its error shows no value."""
    from clm_ethics.ethics import state_rules

    def broken(facts: Any) -> None:
        raise ZeroDivisionError(EMAIL)

    monkeypatch.setattr(state_rules.timing, "caps", broken)
    with steward() as shop:
        choice = subscribed(shop).choose(MAIL, channel="email", by="c")
        assert not choice
        assert {"rule.error"} == codes(choice)
        assert EMAIL not in choice.explain()
        assert EMAIL not in repr(choice.withheld)


def test_the_audit_cannot_be_switched_off():
    """There is no such value, and an allowed read stands in the ledger before the view is there."""
    for off in ("off", "none", "", None, False):
        with pytest.raises(UsageError):
            Steward.memory(POLICY, audit=off)
    with steward() as shop:
        ana = enrolled(shop)
        assert ana.read("account", by="web")
        assert 1 == kinds(ana)["read"]
        for _ in range(3):
            assert not ana.read("newsletter", by="web")
        assert 1 == kinds(ana)["refusal"]


def test_a_storage_that_fails_gives_no_value():
    """No entry, no view: the read is durable first."""
    from clm_ethics import StorageUnavailable
    from clm_ethics.storage.memory import MemoryStorage
    from clm_ethics.testing.hostile import Fault, HostileStorage

    hostile = HostileStorage(MemoryStorage())
    with steward(hostile) as shop:
        ana = enrolled(shop)
        hostile._fault, hostile._fail_at, hostile._forever = Fault.REFUSED, hostile.calls + 2, True
        with pytest.raises(StorageUnavailable):
            ana.read("account", by="web")
        hostile.enabled = False


def test_the_day_cap_rolls_and_knows_no_midnight():
    """One a day means 24 hours, reserved or sent, and a no of the cap ends the choice, not the journey."""
    clock = Clock()
    clock.now = clock.now.replace(hour=21, minute=0)
    with steward(clock=clock) as shop:
        ana = subscribed(shop)
        ana.choose(MAIL, channel="email", by="c", key="1").sent()
        clock.move(hours=4)  # past midnight in Berlin and in UTC
        again = ana.choose(MAIL, channel="email", by="c", key="2")
        assert not again
        assert codes(again)
        clock.move(hours=19)
        assert not ana.choose(MAIL, channel="email", by="c", key="3")
        clock.move(hours=2)
        assert ana.choose(MAIL, channel="email", by="c", key="4")


def test_a_choice_nobody_resolved_counts_as_a_contact():
    """A crash between choosing and sending never frees the cap; cancelling does."""
    with steward() as shop:
        ana = subscribed(shop)
        first = ana.choose(MAIL, channel="email", by="c", key="1")
        assert first
        assert not ana.choose(MAIL, channel="email", by="c", key="2")
        first.cancelled()
        first.cancelled()
        second = ana.choose(MAIL, channel="email", by="c", key="3")
        assert second
        with pytest.raises(UsageError):
            first.sent()  # it was said that it did not go out: its contact counts no more
        second.sent()
        second.sent()
        with pytest.raises(UsageError):
            second.cancelled()
        assert {"cancelled": 1, "sent": 1} == {kind: kinds(ana)[kind] for kind in ("cancelled", "sent")}


def test_a_no_to_one_channel_is_not_answered_on_another():
    """Objecting to direct marketing ends it everywhere at once."""
    with steward() as shop:
        ana = subscribed(shop)
        ana.object_to("newsletter", by="customer")
        for channel in ("email", "sms"):
            assert not ana.may("newsletter", channel=channel)
            assert not ana.choose(MAIL, channel=channel, by="c")
        agree(ana, "newsletter")  # her own later yes is the only way back
        assert ana.may("newsletter", channel="email")


def test_an_unsubscribe_is_processed_whatever_became_of_the_campaign():
    """A no from a purpose's archived past is still a no: the name is declared, or it is an error."""
    with steward() as shop:
        ana = subscribed(shop)
        ana.choose(MAIL, channel="email", by="c").sent()
        assert ana.withdraw("newsletter", by="customer").effect
        with pytest.raises(UnknownName):
            ana.withdraw("spring-campaign", by="customer")


def test_a_yes_given_after_a_no_does_not_rewrite_the_past():
    """The story keeps every answer in its order; nothing is overwritten."""
    with steward() as shop:
        ana = enrolled(shop)
        agree(ana, "newsletter")
        ana.withdraw("newsletter", by="customer")
        agree(ana, "newsletter")
        ana.refuse("newsletter", by="customer")
        told = [line.kind for line in ana.history()]
        assert ["enrolled", "granted", "withdrawn", "granted", "refused"] == told


def test_of_a_yes_and_a_no_the_later_in_the_ledger_counts_whatever_time_they_claim():
    """A back-dated no is a no now, and a yes "from yesterday" does not undo it."""
    clock = Clock()
    with steward(clock=clock) as shop:
        ana = enrolled(shop)
        agree(ana, "newsletter")
        clock.move(days=2)
        ana.withdraw("newsletter", by="post", at=clock.now - timedelta(days=1))
        assert not ana.may("newsletter", channel="email")
        assert not ana.may("newsletter", channel="email", at=clock.now - timedelta(days=3))


def test_a_clock_set_back_revives_nothing():
    """Time in a stream never runs backwards, for decisions too."""
    clock = Clock()
    with steward(policy=ANY_STAGE, clock=clock) as shop:
        ana = enrolled(shop)
        agree(ana, "recommendations")
        ana.record("order_placed", {"sku": "tea", "amount": "1"}, purpose="order", by="till")
        clock.move(days=400)
        ana.refuse("newsletter", by="customer")
        clock.move(days=-400)
        assert "consent.expired" in ana.may("recommendations").codes


def test_a_box_ticked_before_is_no_yes():
    """A grant needs the notice that was shown, of the current clause, and of this purpose."""
    with steward() as shop:
        ana = enrolled(shop)
        other = shop.notice("newsletter").id
        for shown in ("", "default", other, None):
            with pytest.raises(UsageError):
                ana.grant("recommendations", shown=shown, by="signup")
        assert not ana.may("recommendations")
        assert 0 == kinds(ana)["granted"]


def test_a_child_cannot_agree_alone():
    """An age that the law protects takes a guardian's yes; an unknown age is what the policy assumes."""
    with steward() as shop:
        ana = enrolled(shop, born="2016-01-01")
        ana.record("order_placed", {"sku": "tea", "amount": "1"}, purpose="order", by="till")
        with pytest.raises(Denied) as caught:
            agree(ana, "recommendations")
        assert "consent.guardian_needed" in caught.value.answer.codes
        assert not ana.may("recommendations")


def test_an_unknown_region_is_the_strictest_market():
    """Not the laxest, and not none."""
    for region, allowed in ((None, False), ("DE", False), ("US-CA", False)):
        with steward() as shop:
            told = {"email": EMAIL} | ({} if region is None else {"region": region})
            ana = shop.enroll("c-1", told, purpose="account", by="signup")
            assert allowed == bool(ana.may("newsletter", channel="email"))


def test_special_categories_need_an_explicit_yes():
    """A plain yes to the purpose does not open them."""
    with steward() as shop:
        ana = enrolled(shop)
        agree(ana, "recommendations")
        with pytest.raises(Denied):
            ana.put({"allergies": ["nuts"]}, purpose="recommendations", by="web")
        ana.record("order_placed", {"sku": "tea", "amount": "1"}, purpose="order", by="till")
        view = ana.read("recommendations", by="web")
        assert "allergies" not in view
        assert view.withheld["allergies"].code in {"field.special", "field.absent"}
        agree(ana, "recommendations", explicit=["allergies"])
        ana.put({"allergies": ["nuts"]}, purpose="recommendations", by="web")
        assert "nuts" == ana.read("recommendations", by="web")["allergies"][0]["value"]


def test_a_source_that_is_not_given_withholds_and_does_not_stop_the_shop():
    """A missing integration is not an empty permission."""
    with steward() as shop:
        ana = enrolled(shop)
        view = ana.read("account", by="web")
        assert "source.absent" == view.withheld["points"].code
        assert "points" not in view


def test_stages_only_move_as_the_policy_says():
    """No caller sets a stage, forwards or backwards."""
    with steward() as shop:
        ana = enrolled(shop)
        for verb in (ana.put, ana.correct):
            more = {"purpose": "account"} if verb == ana.put else {}
            with pytest.raises(UsageError):
                verb({"stage": "customer"}, by="import", **more)
        assert "prospect" == ana.may("account").stage
        ana.record("order_placed", {"sku": "tea", "amount": "1"}, purpose="order", by="till")
        assert "customer" == ana.may("account").stage


def test_a_customer_restricted_stays_restricted_for_every_caller():
    """Even the contract waits; lifting is its own act, with its own entry."""
    with steward() as shop:
        ana = enrolled(shop)
        ana.restrict(by="desk", reason="contested")
        for purpose in ("account", "recommendations"):
            assert "restriction" in ana.may(purpose).codes
        with pytest.raises(Denied):
            ana.record("order_placed", {"sku": "tea", "amount": "1"}, purpose="order", by="till")


def test_an_erasure_that_a_hold_delayed_is_resumed_not_forgotten():
    """What a source could not erase stays on the certificate as pending until it has."""
    from tests.face.shop import Till

    till = Till(broken=True)
    with steward(sources={"shop_db": till}) as shop:
        ana = enrolled(shop)
        first = ana.erase(by="customer")
        assert ["shop_db"] == first.fields()["pending"]
        till.broken = False
        second = ana.erase(by="customer")
        assert "pending" not in second.fields()
        assert ["c-1001"] == till.erased
