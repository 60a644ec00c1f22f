"""Useful offers that nothing may hold back, each a short story through the public face."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from clm_ethics import Level, Offer
from clm_ethics.ethics import Deadline, Experiment, Incentive, Price, Prompt, Scarcity, Statement
from tests.ethics.people import NOON, World, codes, offer_to

if TYPE_CHECKING:
    from collections.abc import Callable

NIGHT = datetime(2026, 3, 3, 23, 30, tzinfo=UTC)
STORIES: list[Callable[[World], Any]] = []


def story(tell: Callable[[World], Any]) -> Callable[[World], Any]:
    """Keep a story: it returns what has to be truthy."""
    STORIES.append(tell)
    return tell


@story
def plain(world):
    """Nothing is declared, and nothing is wrong."""
    return offer_to(world.who())


@story
def second_of_the_day(world):
    """Two a day are fine, here by e-mail and then by text."""
    ana = world.who()
    offer_to(ana).sent()
    return offer_to(ana, channel="sms")


@story
def next_day(world):
    """After a full day comes another."""
    ana = world.who()
    offer_to(ana).sent()
    offer_to(ana, channel="sms").sent()
    world.go(days=1, seconds=1)
    return offer_to(ana)


@story
def service_mail_at_night(world):
    """Where the order is stands in the mailbox at half past midnight."""
    ana = world.who(yes=())
    world.order(ana)
    ana.put({"email": "ana@example.org"}, purpose="delivery", by="web")
    world.at(NIGHT)
    return offer_to(ana, "delivery")


@story
def urgent_service_at_night(world):
    """What cannot wait rings."""
    ana = world.who()
    world.order(ana)
    world.at(NIGHT)
    return offer_to(ana, "delivery", "sms", urgent=True)


@story
def confirmation_after_an_objection(world):
    """Who objects to advertising still learns that the order came in."""
    ana = world.who()
    world.order(ana)
    ana.object_to("news", by="customer")
    return offer_to(ana, "delivery")


@story
def bill_with_a_price(world):
    """A service may say what something costs, and when it is due."""
    ana = world.who()
    world.order(ana)
    friday = NOON + timedelta(days=3)
    return offer_to(
        ana,
        "delivery",
        price=Price(asked=10, public=10),
        deadline=Deadline(until=friday, valid_until=friday),
    )


@story
def better_for_the_loyal(world):
    """Somebody who stays pays less than a new customer."""
    return offer_to(world.who(), price=Price(asked=8, public=10, for_new=9))


@story
def won_back(world):
    """A week after the first attempt comes the second."""
    ana = world.who()
    world.order(ana)
    world.go(days=100)
    offer_to(ana, name="back").sent()
    world.go(days=7, seconds=1)
    return offer_to(ana, name="again")


@story
def moved(world):
    """Who has moved to New York is texted when it is morning there."""
    ana = world.who()
    ana.put({"zone": "America/New_York"}, purpose="account", by="web")
    world.go(hours=4)
    return offer_to(ana, channel="sms")


@story
def wanted_topic(world):
    """Who wants to hear of tea hears of tea."""
    ana = world.who()
    ana.prefer(topics=["tea"], by="customer")
    return offer_to(ana, topics={"tea"})


@story
def changed_their_mind(world):
    """What somebody adds to their wishes themselves counts from then on."""
    ana = world.who()
    ana.prefer(topics=["tea"], by="customer")
    ana.prefer(topics=["tea", "coffee"], by="customer")
    return offer_to(ana, topics={"coffee"})


@story
def wanted_channel(world):
    """Who wants texts gets one."""
    ana = world.who()
    ana.prefer(channels=["sms"], by="customer")
    return offer_to(ana, channel="sms")


@story
def once_a_week(world):
    """Who wants one a week gets the next a week later."""
    ana = world.who()
    ana.prefer(most=1, per="P7D", by="customer")
    offer_to(ana).sent()
    world.go(days=7, seconds=1)
    return offer_to(ana)


@story
def yes_after_an_objection(world):
    """Who objected, and then agrees, is written to."""
    ana = world.who()
    ana.object_to("news", by="customer")
    world.agree(ana, "news")
    return offer_to(ana)


@story
def other_yes_stands(world):
    """A withdrawal ends its own purpose."""
    ana = world.who()
    ana.withdraw("deals", by="customer")
    return offer_to(ana)


@story
def after_the_complaint(world):
    """A fortnight later a complaint is over."""
    ana = world.who()
    ana.record("complaint", {}, purpose="account", by="desk")
    world.go(days=14, seconds=1)
    return offer_to(ana)


@story
def restriction_lifted(world):
    """What was agreed to before the restriction counts after it."""
    ana = world.who()
    ana.restrict(by="desk", reason="accuracy")
    ana.lift_restriction(by="desk")
    return offer_to(ana)


@story
def came_back_after_erasure(world):
    """Who comes back by their own wish, and agrees anew, is a customer like any other."""
    world.who().erase(by="customer")
    told = {"email": "ana@example.org", "region": "DE", "born": "1980-01-01"}
    ana = world.shop.enroll("ana", told, purpose="account", by="web", again=True)
    world.agree(ana, "news")
    ana.put({"email": "ana@example.org"}, purpose="news", by="web")
    return offer_to(ana)


@story
def soft_opt_in(world):
    """Who bought, was told of the news then, and said nothing, may be written to."""
    ana = world.who(yes=(), email=None, phone=None)
    world.order(ana)
    ana.put({"email": "ana@example.org"}, purpose="delivery", by="web", shown=world.shop.notice("news").id)
    return offer_to(ana)


@story
def personal_where_agreed(world):
    """Where tastes may be looked at, they are."""
    ana = world.who()
    world.order(ana)
    return Level.INDIVIDUAL is offer_to(ana, uses={"tastes"}).level


@story
def large_group(world):
    """A group of five hundred is one."""
    ana = world.who()
    world.order(ana)
    return Level.SEGMENT is offer_to(ana, segment={"tastes"}, segment_size=500).level


@story
def come_of_age(world):
    """Who turns eighteen in a week is offered wine in a fortnight."""
    ana = world.who(born="2008-03-10", yes=())
    world.go(days=14)
    world.agree(ana, "news")
    ana.put({"email": "ana@example.org"}, purpose="news", by="web")
    return offer_to(ana, states=Statement(risk="alcohol"))


@story
def true_deadline(world):
    """The offer ends when it says so."""
    until = NOON + timedelta(days=3)
    return offer_to(world.who(), deadline=Deadline(until=until, valid_until=until))


@story
def true_scarcity(world):
    """Three are left, counted a minute ago by a clock that is a little ahead."""
    counted = NOON + timedelta(minutes=5)
    return offer_to(world.who(), scarcity=Scarcity(claimed=3, stock=3, counted=counted))


@story
def fair_incentive(world):
    """Data is paid with no more than it is worth."""
    return offer_to(world.who(), states=Statement(incentive=Incentive(difference=1, data_value=2)))


@story
def decent_experiment(world):
    """A trial that was screened and can be stopped."""
    trial = Experiment(name="colours", harm_screened=True, stop_rule=True)
    return offer_to(world.who(), states=Statement(experiment=trial))


@story
def next_best(world):
    """What pushes makes room for what does not."""
    offers = [
        Offer("now", purpose="news", value=9, pressure="deadline"),
        Offer("later", purpose="news", value=1),
    ]
    return "later" == world.who().choose(offers, channel="email", by="crm").offer.name


@story
def cancelled_gives_back(world):
    """What did not go out leaves its place, also twice, also under another key."""
    ana = world.who()
    offer_to(ana, key="a").cancelled()
    offer_to(ana, key="b").cancelled()
    offer_to(ana, channel="sms")
    return offer_to(ana, key="c")


@story
def same_key_for_two(world):
    """A key names a telling to one customer."""
    ana, ben = world.who("ana"), world.who("ben")
    return offer_to(ana, key="k") and offer_to(ben, key="k")


@story
def night_is_over(world):
    """A text that came too late in the evening goes out when the answer said it would."""
    world.at(datetime(2026, 3, 3, 21, tzinfo=UTC))
    ana = world.who()
    world.at(offer_to(ana, channel="sms").try_again)
    return offer_to(ana, channel="sms")


@story
def noon_in_an_unknown_zone(world):
    """At noon in Germany it is day wherever in Germany somebody is."""
    return offer_to(world.who(zone=None), channel="sms")


@story
def page_waits(world):
    """A page that somebody comes to may suggest fifty times, and uses up nobody's mail."""
    ana = world.who()
    seen = [offer_to(ana, "tips", "web") for _ in range(50)]
    return all(seen) and offer_to(ana)


@story
def visitor_sees_a_banner(world):
    """A page needs nobody's name."""
    return offer_to(world.visitor(), "banner", "web")


@story
def visitor_is_notified(world):
    """Who agreed in a browser, which tells its zone, is notified."""
    return offer_to(world.visitor("news"), channel="push")


@story
def known_yes_outlives_the_visit(world):
    """Logging in costs nobody what they agreed to."""
    ana = world.who()
    world.visitor().identify("ana", by="login")
    return offer_to(ana)


@story
def visit_cancelled(world):
    """What was chosen during a visit, and did not go out, leaves its place with the customer, too."""
    ana, visitor = world.who(), world.visitor("news")
    seen = offer_to(visitor, channel="push")
    visitor.identify("ana", by="login")
    offer_to(ana)
    before = bool(offer_to(ana))
    seen.cancelled()
    return not before and offer_to(ana)


@story
def own_wish_after_the_visit(world):
    """What the customer says after the visit, known by name, is what they wish."""
    ana, visitor = world.who(), world.visitor()
    visitor.prefer(topics=["coffee"], by="web")
    world.go(minutes=1)
    ana.prefer(topics=["tea"], by="customer")
    visitor.identify("ana", by="login")
    return offer_to(ana, topics={"tea"})


@story
def may_ask_somebody_new(world):
    """Nobody has asked, so somebody may, with words that push nobody."""
    return world.who(yes=()).may_ask("news", prompt=Prompt())


@story
def may_ask_after_a_year(world):
    """A no is old after a year."""
    ana = world.who(yes=())
    ana.refuse("news", by="customer")
    world.go(days=367)
    return ana.may_ask("news")


@story
def may_ask_for_something_else(world):
    """A no to the news is no no to tips."""
    ana = world.who(yes=())
    ana.refuse("news", by="customer")
    return ana.may_ask("tips")


@pytest.mark.parametrize("tell", STORIES, ids=[tell.__name__ for tell in STORIES])
def test_what_is_useful_is_offered(tell):
    """None of these is held back."""
    came = tell(World())
    assert came, codes(came) if hasattr(came, "reasons") else came


def test_an_unknown_age_costs_the_aim_and_not_the_offer():
    """Where anybody may be a minor, somebody of unknown age is offered something without their data."""
    world = World(audience="general")
    choice = offer_to(world.who(born=None), uses={"tastes"})
    assert Level.CONTEXTUAL is choice.level
    assert ["offer.minor"] == [why.code for why in choice.why_not_higher][:1]
