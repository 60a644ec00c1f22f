"""Ways to push somebody through the gaps, each a short story through the public face."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from threading import Barrier, Thread
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest

from clm_ethics import Denied, KeyReused, Level, Offer, Steward, UsageError
from clm_ethics.ethics import (
    Change,
    Deadline,
    Experiment,
    Incentive,
    Price,
    Prompt,
    Scarcity,
    Statement,
)
from clm_ethics.storage.memory import MemoryStorage
from tests.ethics.people import NOON, World, codes, offer_to, shop_policy
from tests.face.shop import KEYS, Clock, kinds

if TYPE_CHECKING:
    from collections.abc import Callable

BERLIN = ZoneInfo("Europe/Berlin")
STORIES: list[tuple[Callable[[World], Any], str]] = []


def story(code: str) -> Callable[[Callable[[World], Any]], Callable[[World], Any]]:
    """Keep a story: it returns a choice that has to be none, and *code* says why."""

    def keep(tell: Callable[[World], Any]) -> Callable[[World], Any]:
        STORIES.append((tell, code))
        return tell

    return keep


def deadline(until: datetime, **more: Any) -> dict[str, Any]:
    """Return a true deadline, as an offer takes it."""
    return {"deadline": Deadline(until=until, valid_until=until, **more)}


# --- too often --------------------------------------------------------------------------------------


@story("contact.budget")
def third_by_another_name(world):
    """Another purpose, another channel and another name make no third message."""
    ana = world.who()
    offer_to(ana)
    offer_to(ana, channel="sms")
    return offer_to(ana, "deals", "push", name="something else")


@story("contact.budget")
def sent_and_then_cancelled(world):
    """What went out cannot be taken back, so that a loop of both gets no further."""
    ana = world.who()
    for _ in range(2):
        gone = offer_to(ana).sent()
        with pytest.raises(UsageError, match="has been sent"):
            gone.cancelled()
    return offer_to(ana)


@story("choice.sent")
def same_key_twice(world):
    """The key's choice has gone out."""
    ana = world.who()
    offer_to(ana, key="k").sent()
    return offer_to(ana, key="k")


@story("contact.budget")
def clock_put_back(world):
    """A clock that is put back empties nobody's budget."""
    ana = world.who()
    offer_to(ana).sent()
    offer_to(ana, channel="sms").sent()
    world.go(days=-40)
    return offer_to(ana)


@story("contact.budget")
def saved_up(world):
    """Choices that were put aside go out two a day like others."""
    ana = world.who()
    aside = [offer_to(ana), offer_to(ana, channel="sms")]
    world.go(days=3)
    for choice in (offer_to(ana), offer_to(ana, channel="sms")):
        choice.sent()
    return aside[0].still()


@story("contact.budget")
def first_as_a_visitor(world):
    """What the visitor was sent, the customer was sent."""
    ana, visitor = world.who(), world.visitor("news")
    offer_to(visitor, channel="push")
    offer_to(visitor, channel="push").sent()
    visitor.identify("ana", by="login")
    return offer_to(ana)


@story("contact.budget")
def parted_and_written_to_again(world):
    """Taken for the customer and parted again: both were written to."""
    world.who()
    visitor = world.visitor("news")
    offer_to(visitor, channel="push")
    offer_to(visitor, channel="push")
    visitor.identify("ana", by="login")
    world.shop.customer("ana").unidentify(visitor.ref, by="desk")
    return offer_to(visitor, channel="push")


@story("contact.budget")
def many_times(world):
    """Campaign after campaign, with a key and without, to lists that name her twice."""
    ana = world.who()
    for key in ("a", "b", "c", None, None):
        for choice in world.shop.choose_many(
            ["ana", "ana"], [Offer("x", purpose="news")], channel="email", by="crm", key=key
        ):
            if choice:
                choice.sent()
    assert 2 == kinds(ana)["chosen"] == kinds(ana)["sent"]
    return offer_to(ana)


@story("contact.fatigue")
def never_an_answer(world):
    """Who has not answered in sixteen messages is left alone."""
    ana = world.who()
    for _ in range(80):
        if choice := offer_to(ana):
            choice.sent()
        world.go(hours=23)
    assert 16 == kinds(ana)["sent"]
    return offer_to(ana)


@story("contact.win_back")
def twice_after_silence(world):
    """Who drifts away is called back once a week at most."""
    ana = world.who()
    world.order(ana)
    world.go(days=100)
    offer_to(ana).sent()
    world.go(days=6)
    return offer_to(ana, "deals", "sms")


@story("contact.preferred")
def more_than_wished(world):
    """A hundred a day is no permission, and one a week is a limit."""
    ana = world.who()
    ana.prefer(most=100, per="P1D", by="customer")
    offer_to(ana)
    ana.prefer(most=1, per="P7D", by="customer")
    world.go(days=6)
    return offer_to(ana, channel="sms")


# --- pressed ----------------------------------------------------------------------------------------


@story("contact.pressure")
def hurried_on_a_page(world):
    """Whatever each is called, and on a page, too: two that hurry in thirty days."""
    ana = world.who()
    for name in ("first", "last"):
        assert offer_to(ana, channel="web", name=name, **deadline(world.clock.now + timedelta(days=1)))
        world.go(days=9)
    return offer_to(ana, channel="web", name="very last", **deadline(world.clock.now + timedelta(days=1)))


@story("offer.deadline_false")
def put_off(world):
    """A deadline that was put off is none."""
    return offer_to(world.who(), **deadline(NOON + timedelta(days=1), resets=1))


@story("offer.deadline_false")
def back_at_once(world):
    """An offer that ended yesterday is not back today."""
    ended = NOON - timedelta(days=1)
    return offer_to(world.who(), name="anew", **deadline(NOON + timedelta(days=1), ended=ended))


@story("offer.deadline_false")
def released_too_late(world):
    """By the time it would go out the offer is over."""
    choice = offer_to(world.who(), **deadline(NOON + timedelta(hours=1)))
    world.go(hours=2)
    return choice.still()


@story("offer.scarcity_false")
def false_stock(world):
    """Three of three hundred."""
    return offer_to(world.who(), scarcity=Scarcity(claimed=3, stock=300, counted=NOON))


@story("offer.scarcity_false")
def stock_of_tomorrow(world):
    """Nobody has counted what will be there tomorrow."""
    counted = NOON + timedelta(days=1)
    return offer_to(world.who(), scarcity=Scarcity(claimed=3, stock=3, counted=counted))


@story("offer.pressure_untrue")
def streak_of_nothing(world):
    """Nobody says that the streak is true."""
    return offer_to(world.who(), pressure="streak")


@story("offer.pressure_minor")
def hurried_minor(world):
    """Nobody under eighteen is hurried."""
    return offer_to(world.who(born="2010-01-01"), **deadline(NOON + timedelta(days=1)))


@story("consent.guardian_needed")
def older_by_a_click(world):
    """Putting another date makes nobody older."""
    ana = world.who(born="2009-01-01")
    ana.put({"born": "1980-01-01"}, purpose="account", by="web")
    return offer_to(ana, states=Statement(risk="alcohol"))


@story("offer.risk_distress")
def credit_after_a_death(world):
    """Half a year after somebody died the silence is over, and a loan is still none of our business."""
    ana = world.who()
    ana.record("bereaved", {}, purpose="account", by="desk")
    world.go(days=181)
    return offer_to(ana, states=Statement(risk="credit"))


# --- by another name --------------------------------------------------------------------------------


@story("offer.not_urgent")
def urgent_advertising(world):
    """Calling it urgent is no way through the night."""
    ana = world.who()
    world.at(datetime(2026, 3, 3, 22, tzinfo=UTC))
    return offer_to(ana, channel="sms", urgent=True)


@story("offer.sells")
def service_that_lures(world):
    """Scarcity is no service."""
    ana = world.who()
    world.order(ana)
    return offer_to(ana, "delivery", scarcity=Scarcity(claimed=3, stock=3, counted=NOON))


@story("offer.price_undeclared")
def service_with_a_price_of_her_own(world):
    """A price made for her is no service either."""
    ana = world.who()
    world.order(ana)
    return offer_to(ana, "delivery", personal_price=True, disclosed=True)


@story("objection.direct_marketing")
def banner_after_an_objection(world):
    """Who objects to advertising sees none on a page by legitimate interest."""
    ana = world.who()
    ana.object_to("news", by="customer")
    return offer_to(ana, "banner", "web")


@story("muted")
def tips_in_grief(world):
    """Nothing is suggested on a page either while somebody grieves."""
    ana = world.who()
    ana.record("bereaved", {}, purpose="account", by="desk")
    return offer_to(ana, "tips", "web")


@story("channel.not_listed")
def page_purpose_by_text(world):
    """What was agreed to for a page does not come by text."""
    return offer_to(world.who(), "tips", "sms")


@story("contact.topic")
def topic_beside_the_wanted(world):
    """Tea for Mother's Day is about Mother's Day, too."""
    ana = world.who()
    ana.prefer(topics=["tea"], by="customer")
    return offer_to(ana, topics={"tea", "mothers_day"})


@story("preference.channel")
def visit_forgotten(world):
    """Only e-mail, said before logging in, is said by the customer."""
    ana, visitor = world.who(), world.visitor()
    visitor.prefer(channels=["email"], by="web")
    visitor.identify("ana", by="login")
    assert offer_to(ana)
    return offer_to(ana, channel="sms")


@story("preference.channel")
def visit_that_widens(world):
    """What a visitor wishes adds nothing to what the customer wished before."""
    ana, visitor = world.who(), world.visitor()
    ana.prefer(channels=["email"], topics=["tea"], by="customer")
    world.go(minutes=1)
    visitor.prefer(channels=["email", "sms"], topics=["tea", "coffee"], by="web")
    visitor.identify("ana", by="login")
    assert offer_to(ana, topics={"tea"})
    assert ["contact.topic"] == codes(offer_to(ana, topics={"coffee"}))
    return offer_to(ana, channel="sms", topics={"tea"})


# --- aimed ------------------------------------------------------------------------------------------


@story("segment.small")
def group_of_few(world):
    """Nineteen are no group, and there is no other way to make this offer."""
    ana = world.who()
    world.order(ana)
    return offer_to(ana, segment={"tastes"}, segment_size=19, contextual=False)


@story("segment.unsized")
def group_of_nobody_knows(world):
    """A group of unknown size may be her alone."""
    ana = world.who()
    world.order(ana)
    return offer_to(ana, segment={"tastes"}, contextual=False)


@story("offer.inference")
def told_by_tastes(world):
    """What tells of an illness needs an explicit yes."""
    ana = world.who()
    world.order(ana)
    return offer_to(ana, uses={"tastes"}, states=Statement(infers={"user.health_and_medical"}))


@story("offer.vulnerability")
def picked_for_debt(world):
    """Nobody is picked because they are in debt."""
    return offer_to(world.who(), states=Statement(vulnerability="debt"))


@story("offer.retaliation")
def privacy_punished(world):
    """Keeping data to oneself costs no more than it is worth."""
    return offer_to(world.who(), states=Statement(incentive=Incentive(difference=3, data_value=2)))


@story("offer.price_loyalty")
def loyal_pays_more(world):
    """Who stays pays no more than who is new."""
    return offer_to(world.who(), price=Price(asked=10, public=10, for_new=8))


@story("offer.price_above")
def above_the_public_price(world):
    """Nobody pays more than the public price."""
    return offer_to(world.who(), price=Price(asked=11, public=10))


@story("offer.irreversible")
def cannot_be_undone(world):
    """What changes the terms can be undone."""
    return offer_to(world.who(), states=Statement(change=Change(what="terms")))


@story("offer.no_human")
def no_human(world):
    """A decision against somebody has a human behind it."""
    return offer_to(world.who(), states=Statement(adverse=True))


@story("offer.experiment_people")
def tried_on_a_minor(world):
    """Nobody under eighteen is experimented on."""
    trial = Experiment(name="colours", harm_screened=True, stop_rule=True)
    return offer_to(world.who(born="2010-01-01"), states=Statement(experiment=trial))


# --- said since -------------------------------------------------------------------------------------


@story("consent.withdrawn")
def withdrawn_since(world):
    """A no between choosing and sending counts."""
    ana = world.who()
    choice = offer_to(ana)
    ana.withdraw("news", by="customer")
    return choice.still()


@story("contact.quiet")
def moved_since(world):
    """It was evening in Berlin, and is night where she is by now."""
    ana = world.who()
    world.at(datetime(2026, 3, 3, 18, tzinfo=UTC))
    choice = offer_to(ana, channel="sms")
    ana.put({"zone": "Asia/Kolkata"}, purpose="account", by="web")
    return choice.still()


@story("contact.quiet")
def night_since(world):
    """Quiet hours begin between choosing and sending."""
    ana = world.who()
    world.at(datetime(2026, 3, 3, 18, 50, tzinfo=UTC))
    choice = offer_to(ana, channel="sms")
    world.go(minutes=15)
    return choice.still()


@story("contact.quiet")
def no_such_zone(world):
    """Nonsense for a zone is no zone: it is night in Germany."""
    ana = world.who(zone="Mars/Olympus")
    world.at(datetime(2026, 3, 3, 22, tzinfo=UTC))
    return offer_to(ana, channel="sms")


@pytest.mark.parametrize(("tell", "code"), STORIES, ids=[tell.__name__ for tell, _ in STORIES])
def test_what_pushes_is_withheld(tell, code):
    """Each of these is withheld, for the reason that somebody would name."""
    choice = tell(World())
    assert not choice
    assert code in codes(choice)


# --- nights -----------------------------------------------------------------------------------------

HOURS = [
    ("Europe/Berlin", datetime(2026, 3, 29, tzinfo=UTC), "clocks go forward"),
    ("Europe/Berlin", datetime(2026, 10, 25, tzinfo=UTC), "clocks go back"),
    ("Australia/Lord_Howe", datetime(2026, 4, 5, tzinfo=UTC), "back by half an hour"),
    ("Australia/Lord_Howe", datetime(2026, 10, 4, tzinfo=UTC), "forward by half an hour"),
    ("Asia/Kolkata", datetime(2026, 5, 5, tzinfo=UTC), "half an hour off"),
    ("Asia/Kathmandu", datetime(2026, 5, 5, tzinfo=UTC), "three quarters off"),
    ("Pacific/Chatham", datetime(2026, 4, 5, tzinfo=UTC), "three quarters off, clocks go back"),
]


@pytest.mark.parametrize(("zone", "day", "what"), HOURS, ids=[f"{zone}, {what}" for zone, _, what in HOURS])
def test_a_day_begins_at_nine_and_ends_at_eight_on_her_own_clock(zone, day, what):
    """To the minute, on days on which clocks change, in both directions, and where offsets are odd."""
    world = World()
    ana = world.who(zone=zone)
    sent = {}
    for hour, minute in ((2, 30), (8, 59), (9, 0), (19, 59), (20, 0)):
        world.at(day.replace(hour=hour, minute=minute, tzinfo=ZoneInfo(zone)).astimezone(UTC))
        choice = offer_to(ana, channel="sms")
        sent[hour, minute] = bool(choice)
        if choice:
            choice.cancelled()
    assert {(2, 30): False, (8, 59): False, (9, 0): True, (19, 59): True, (20, 0): False} == sent


@pytest.mark.parametrize("month", [3, 10])
def test_the_morning_after_the_change_is_told_and_kept(month):
    """In the night in which clocks change the answer names nine o'clock of the new time, no second sooner."""
    world = World()
    ana = world.who()
    world.at(datetime(2026, month, {3: 28, 10: 24}[month], 20, 30, tzinfo=UTC))
    again = offer_to(ana, channel="sms").try_again
    assert (9, 0) == (again.astimezone(BERLIN).hour, again.minute)
    world.at(again - timedelta(seconds=1))
    assert not offer_to(ana, channel="sms")
    world.at(again)
    assert offer_to(ana, channel="sms")


# --- asking, counting, and at the same moment -------------------------------------------------------

NAGS = {
    "refused": lambda ana: ana.refuse("news", by="customer"),
    "withdrawn": lambda ana: ana.withdraw("news", by="customer"),
    "objected": lambda ana: ana.object_to("news", by="customer"),
    "asked": lambda ana: ana.ask("news", by="web", surface="banner"),
}


@pytest.mark.parametrize("visiting", [False, True], ids=["known", "as a visitor"])
@pytest.mark.parametrize("said", NAGS)
def test_nobody_is_asked_again_on_another_surface(said, visiting):
    """A no, or no answer, counts at the till, in the app and on the page, also if it was a visitor's."""
    world = World()
    ana = world.who(yes=())
    visitor = world.visitor()
    NAGS[said](visitor if visiting else ana)
    visitor.identify("ana", by="login")
    world.go(days=20)
    for surface in ("till", "app", "page"):
        assert not ana.may_ask("news")
        assert not ana.ask("news", by="web", surface=surface)


@pytest.mark.parametrize(
    "pushy",
    [
        {"preset": True},
        {"refuse": ""},
        {"refuse_clicks": 2},
        {"weight": 3},
        {"withdraw_clicks": 4},
        {"withdraw_login": True},
        {"same_layer": False},
        {"refuse": "No, I hate to save money"},
    ],
)
def test_no_prompt_that_pushes_is_shown(pushy):
    """One thing that is wrong with a prompt is enough."""
    assert not World().who(yes=()).may_ask("news", prompt=Prompt(**pushy))


def test_a_score_of_other_inputs_is_refused():
    """What the host's model looked at has to be declared."""
    with pytest.raises(UsageError, match="does not declare"):
        World().who().derive("score", 0.5, purpose="news", by="model", inputs=["email"])


def test_few_are_not_counted_and_nothing_is_written():
    """A preflight of five tells no five, and leaves no trace with them."""
    world = World()
    refs = [f"c-{n}" for n in range(5)]
    people = [world.who(ref) for ref in refs]
    before = [kinds(each) for each in people]
    found = world.shop.preflight([Offer("x", purpose="news")], channel="email", refs=refs * 3)
    assert (None, None) == (found.customers, found.reachable)
    assert before == [kinds(each) for each in people]


def test_a_list_that_names_somebody_twice_reaches_them_once():
    """The second answer of a page is a no that says so, with a key and without."""
    world = World()
    world.who("ana"), world.who("ben")
    offers = [Offer("x", purpose="news")]
    for key in ("k", None):
        found = world.shop.choose_many(["ana", "ben", "ana"], offers, channel="email", by="crm", key=key)
        assert [[], [], ["choice.twice"]] == [codes(each) for each in found]


def test_a_key_is_not_lent_to_another_offer():
    """The same key with another offer is an error, and no second message."""
    ana = World().who()
    offer_to(ana, key="k")
    with pytest.raises(KeyReused):
        offer_to(ana, key="k", name="other")
    assert 1 == kinds(ana)["chosen"]


def test_two_stewards_at_the_same_moment_stay_within_the_budget():
    """Twelve threads on two stewards of one storage: two messages, and the ledger verifies."""
    storage, clock, policy = MemoryStorage(), Clock(NOON), shop_policy()
    world = World()
    world.shop = Steward.open(storage, policy=policy, keys=KEYS, clock=clock)
    world.who()
    other = Steward.open(storage, policy=policy, keys=KEYS, clock=clock)
    barrier, came = Barrier(12), []

    def run(shop: Steward) -> None:
        barrier.wait()
        came.append(bool(offer_to(shop.customer("ana"))))

    threads = [Thread(target=run, args=(shop,)) for shop in (world.shop, other) * 6]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 2 == sum(came)
    assert world.shop.ledger.verify()


def test_a_minor_is_not_profiled_and_a_grown_up_says_so_themselves():
    """Her tastes stay out of it until she is eighteen."""
    world = World()
    ana = world.who(born="2010-01-01")
    world.order(ana)
    choice = offer_to(ana, uses={"tastes"})
    assert not choice or Level.CONTEXTUAL is choice.level


def test_a_yes_to_nothing_is_not_made_by_a_wish():
    """Wishing for tea by e-mail is no consent."""
    ana = World().who(yes=())
    ana.prefer(topics=["tea"], channels=["email"], by="customer")
    with pytest.raises(Denied):
        ana.put({"email": "ana@example.org"}, purpose="news", by="web")
    assert not offer_to(ana, topics={"tea"})
