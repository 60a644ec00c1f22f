"""Ways through the gaps, tried through the face, and useful messages that nothing may hold back."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from clm_ethics import Offer
from clm_ethics.ethics import Deadline, Incentive, Level, Price, Statement
from tests.face.shop import agree, enrolled
from tests.regressions.shops import CONSENT_ONLY, PARTNER, shop

NIGHT = datetime(2026, 3, 3, 20, 30, tzinfo=UTC)
"""21:30 in Berlin, 12:30 in Los Angeles."""
FRIDAY = datetime(2026, 3, 6, 17, tzinfo=UTC)
SHOP = {
    **CONSENT_ONLY,
    **PARTNER,
    "purposes__partner__channels": ["email", "sms"],
    "purposes__partner__fields": ["email", "phone"],
    "purposes__recommendations__channels": ["web"],
    "purposes__recommendations__stages": [],
    "events__parcel_sent": {"opens": ["delivery"]},
    "purposes__delivery": {
        "title": {"en": "Tell you where your order is", "de": "Sagen, wo die Bestellung ist"},
        "processing": ["essential"],
        "basis": "contract",
        "channels": ["email", "sms"],
        "fields": ["email", "phone"],
    },
}


@pytest.fixture
def steward_():
    """Return a shop with two kinds of marketing, suggestions on a page, and a service."""
    with shop(changes=SHOP) as opened:
        yield opened


def ready(steward_, ref="c-1001", **values):
    """Enrol somebody grown up who agreed to everything that can be agreed to."""
    ana = enrolled(steward_, ref, born="1990-01-01", **values)
    for purpose in ("newsletter", "partner", "recommendations"):
        agree(ana, purpose)
    ana.put({"phone": "+49 30 5550 1234"}, purpose="partner", by="web")
    return ana


def choose(ana, purpose="newsletter", channel="email", key=None, **offer):
    """Choose one offer."""
    return ana.choose([Offer("x", purpose=purpose, **offer)], channel=channel, by="crm", key=key)


def codes(choice):
    """Return why nothing was chosen."""
    return [why.code for why in choice.reasons]


# --- pushing -----------------------------------------------------------------------------------------


def test_no_second_message_by_another_purpose_key_or_channel(steward_):
    """One contact a day by e-mail, and two in all, whatever the purpose, the key or the channel is called."""
    ana = ready(steward_)
    assert choose(ana, key="a")
    assert ["contact.cap"] == codes(choose(ana, "partner"))
    assert ["contact.cap"] == codes(choose(ana, key="b"))
    assert choose(ana, "partner", "sms")
    assert "contact.budget" in codes(choose(ana, "newsletter", "sms"))


def test_no_message_at_night_in_a_zone_that_was_put_in_between(steward_):
    """Chosen while it was noon where she was said to be; by the time it goes out she is in Berlin."""
    steward_._setting.clock.now = NIGHT
    ana = ready(steward_, zone="America/Los_Angeles")
    choice = choose(ana, "partner", "sms")
    assert choice
    ana.put({"zone": "Europe/Berlin"}, purpose="account", by="web")
    assert "contact.quiet" in [why.code for why in choice.still().reasons]


def test_no_message_to_somebody_who_objected_under_a_new_reference(steward_):
    """Erased and enrolled anew, or enrolled beside: a yes from before the objection is nobody's."""
    ana = ready(steward_)
    ana.object_to("newsletter", by="customer")
    beside = steward_.enroll("c-2", {"email": "a@example.org", "region": "DE"}, purpose="account", by="crm")
    ana.erase(by="customer")
    again = steward_.enroll(
        "c-1001", {"email": "a@example.org", "region": "DE"}, purpose="account", by="crm", again=True
    )
    assert [["consent.missing"]] * 2 == [codes(choose(each)) for each in (beside, again)]


def test_no_louder_voice_for_who_has_grown_silent(steward_):
    """In the stage that silence leads to, once a week is all, whichever purpose it is called by."""
    ana = ready(steward_)
    ana.record(
        "order_placed", {"sku": "t", "amount": "1", "number": "1"}, purpose="order", by="till", key="1"
    )
    steward_._setting.clock.move(days=100)
    assert choose(ana)
    steward_._setting.clock.move(days=2)
    assert ["contact.win_back"] == codes(choose(ana, "partner"))


def test_no_second_prompt_on_another_surface(steward_):
    """A banner, a till and the same browser before the log-in are one customer."""
    ana = enrolled(steward_, "c-2", born="1990-01-01")
    visitor = steward_.visitor(by="web")
    assert visitor.ask("partner", by="web", surface="banner")
    visitor.identify("c-2", by="login")
    assert not ana.ask("partner", by="till", surface="till")


def test_no_urgent_advertising(steward_):
    """Calling it urgent brings no advertisement through the night, nor by day."""
    ana = ready(steward_)
    assert ["offer.not_urgent"] == codes(choose(ana, urgent=True))
    steward_._setting.clock.now = NIGHT
    assert "contact.quiet" in codes(choose(ana, "partner", "sms", urgent=True))


@pytest.mark.parametrize(
    "lures",
    [
        {"pressure": "streak", "pressure_true": True},
        {"pressure": "scarcity", "pressure_true": True},
        {"states": Statement(incentive=Incentive(difference=1, data_value=2))},
    ],
)
def test_no_advertisement_in_the_clothes_of_a_service(steward_, lures):
    """What lures is no service, whatever its purpose is called; a bill that is due on Friday is one."""
    ana = ready(steward_)
    open_delivery(ana)
    friday = Deadline(until=FRIDAY, valid_until=FRIDAY)

    assert "offer.sells" in codes(choose(ana, "delivery", **lures))
    assert choose(ana, "delivery", deadline=friday, price=Price(asked=9, public=10))


@pytest.mark.parametrize("size", [None, 1, 19])
def test_no_group_of_one(steward_, size):
    """A group of one person, or of nobody knows how many, is none: the offer is made without it."""
    ana = ready(steward_)
    ana.put({"tastes": [{"tag": "tea"}]}, purpose="newsletter", by="web")
    assert choose(ana, segment={"tastes"}, segment_size=size).level is Level.CONTEXTUAL


# --- useful ------------------------------------------------------------------------------------------


def open_delivery(ana):
    """Open the contract that the service rests on."""
    ana.put({"email": "a@example.org", "phone": "+49 30 5550 1234"}, purpose="delivery", by="web")
    ana.record("parcel_sent", {}, purpose="delivery", by="post", key="p")


def test_a_service_is_told_whatever_is_full_objected_to_or_preferred(steward_):
    """Where the order is: with caps full, after an objection and a complaint, beside "only tea", at night."""
    ana = ready(steward_)
    open_delivery(ana)
    assert choose(ana)
    ana.prefer(topics=["tea"], most=0, by="customer")
    ana.record("complaint", {}, purpose="account", by="desk", key="c")
    ana.object_to("newsletter", by="customer")
    for _ in range(3):
        assert choose(ana, "delivery")
    steward_._setting.clock.now = NIGHT
    assert choose(ana, "delivery", "sms", urgent=True)


def test_a_page_still_suggests_when_no_message_may_go_out(steward_):
    """Caps are full and a complaint silences marketing: what she agreed to see on the page stays."""
    ana = ready(steward_)
    assert choose(ana)
    ana.record("complaint", {}, purpose="account", by="desk", key="c")
    assert choose(ana, "recommendations", "web")


def test_the_next_day_brings_the_next_message(steward_):
    """Limits roll: a day after the first, and at once if the first was cancelled."""
    ana = ready(steward_)
    choose(ana).cancelled()
    assert choose(ana)
    steward_._setting.clock.move(days=1)
    assert choose(ana)


def test_who_loves_tea_hears_of_tea(steward_):
    """A preference lets through what it asks for."""
    ana = ready(steward_)
    ana.prefer(topics=["tea"], channels=["email"], most=1, by="customer")
    assert choose(ana, topics={"tea"})


def test_a_no_to_one_thing_is_no_no_to_all(steward_):
    """A withdrawal ends its purpose; what she agreed to beside it goes on."""
    ana = ready(steward_)
    ana.withdraw("newsletter", by="customer")
    assert choose(ana, "partner")


def test_a_message_by_day_needs_no_zone(steward_):
    """At ten in Germany it is day in every zone that is plausible there."""
    told = {"region": "DE", "born": "1990-01-01"}
    ana = steward_.enroll("c-2", told, purpose="account", by="signup")
    agree(ana, "partner")
    ana.put({"phone": "+49 30 5550 1234"}, purpose="partner", by="web")
    assert choose(ana, "partner", "sms")


def test_who_tells_little_still_gets_an_offer(steward_):
    """No tastes are known, or a minor asks: the offer is made without data."""
    ana = ready(steward_)
    assert choose(ana, uses={"tastes"}).level is Level.CONTEXTUAL
    young = enrolled(steward_, "c-3", born="2009-12-01")
    agree(young, "newsletter")
    assert choose(young, uses={"tastes"}).level is Level.CONTEXTUAL


def test_a_visitor_who_agreed_sees_suggestions(steward_):
    """Nobody has to log in for what they agreed to on the page."""
    visitor = steward_.visitor(by="web")
    agree(visitor, "recommendations")
    assert choose(visitor, "recommendations", "web")
