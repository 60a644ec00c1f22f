"""Scenarios, allows and denies apart: ways in which somebody would push a customer, and useful offers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clm_ethics.errors import UsageError
from clm_ethics.ethics import (
    Deadline,
    Level,
    Offer,
    Price,
    Scarcity,
    Statement,
    pick,
    segments,
)
from clm_ethics.ethics.defaults import LEAST_SEGMENT
from clm_ethics.model import (
    Cancelled,
    Chosen,
    Duration,
    Granted,
    Objected,
    Recorded,
    Refused,
    Restricted,
    SignalReceived,
    Withdrawn,
    fold,
)
from clm_ethics.model.events import Preferred
from clm_ethics.model.state import Preferences
from tests.ethics.shop import NOON, agree, codes, policy, reserve, someone, try_one
from tests.ethics.test_rules import EVENTS, KIDS, SHOP

if TYPE_CHECKING:
    from collections.abc import Mapping

DAY, HOUR = timedelta(days=1), timedelta(hours=1)


class Scene(NamedTuple):
    """Somebody with a story, and an offer on a channel at a time."""

    offer: Mapping[str, Any] = MappingProxyType({})
    story: tuple[Any, ...] = ()
    about: Mapping[str, str] = MappingProxyType({})
    channel: str = "email"
    at: datetime = NOON
    purpose: str = "news"


def answer(scene):
    """Choose in a scene."""
    person = someone(*scene.story, shop=SHOP, **scene.about)
    offer = Offer("x", purpose=scene.purpose, **scene.offer)
    return try_one(person, offer=offer, shop=SHOP, channel=scene.channel, at=scene.at)


def sent(at=NOON, channel="email", **more):
    """Return a contact."""
    return Chosen(at=at, offer="o", purpose="news", channel=channel, **more)


COMPLAINT = Recorded(at=NOON, event="complaint", muted={"direct_marketing": NOON + 14 * DAY})
GRIEF = Recorded(at=NOON, event="grief", muted={"direct_marketing": NOON + 30 * DAY})
NIGHT = datetime(2026, 5, 4, 20, tzinfo=UTC)  # 22:00 in Berlin

ALLOWED = {
    "a plain newsletter to who agreed": Scene(),
    "an offer that fits, from what she agreed to": Scene({"uses": {"tastes"}}),
    "to a large group": Scene({"segment": {"tastes"}, "segment_size": 900}),
    "the last pieces, truly": Scene({"scarcity": Scarcity(claimed=2, stock=2, counted=NOON)}),
    "until Sunday, truly": Scene({"deadline": Deadline(until=NOON + DAY, valid_until=NOON + DAY)}),
    "a cheaper price for a regular": Scene(
        {"uses": {"tastes"}, "personal_price": True, "disclosed": True, "price": Price(asked=8, public=10)},
        purpose="deals",
    ),
    "wine for an adult": Scene({"states": Statement(risk="alcohol")}),
    "wine after a broken bottle": Scene(
        {"states": Statement(risk="alcohol")}, (COMPLAINT,), at=NOON + 15 * DAY
    ),
    "help for who is in debt": Scene(
        {"states": Statement(risk="credit", vulnerability="debt", protective=True)},
        (GRIEF,),
        at=NOON + 31 * DAY,
    ),
    "an offer without data to a child with a yes": Scene({"uses": {"tastes"}}, about=KIDS, channel="web"),
    "a page at night": Scene(channel="web", at=NIGHT),
    "an e-mail at night": Scene(at=NIGHT),
    "a text by day": Scene(channel="sms"),
    "the second of a day, on another channel": Scene({}, (sent(),), channel="sms", at=NOON + HOUR),
    "after what was cancelled": Scene(
        {}, (sent(), Cancelled(at=NOON, choice=len(SHOP.purposes) + 2)), at=NOON + HOUR
    ),
    "advice on a page after an objection to marketing": Scene(
        {}, (Objected(at=NOON, purpose="news", marketing=True),), channel="web", purpose="hints"
    ),
    "after a later yes": Scene(
        {}, (Withdrawn(at=NOON, purpose="news"), agree("news", shop=SHOP, at=NOON + HOUR)), at=NOON + HOUR
    ),
    "to a stage that she is in": Scene({"stages": {"customer"}}),
    "to who did not answer seven times": Scene(
        {}, tuple(sent(NOON + HOUR + 4 * DAY * n) for n in range(7)), at=NOON + 30 * DAY
    ),
    "a decent experiment with adults": Scene(
        {"states": Statement(change=None, gains={"tastes": 0.4})},
    ),
}

DENIED = {
    "a yes that was taken back": (Scene({}, (Withdrawn(at=NOON, purpose="news"),)), "consent.withdrawn"),
    "a refusal after a yes": (Scene({}, (Refused(at=NOON, purpose="news"),)), "consent.refused"),
    "once consented, long expired": (
        Scene(
            {},
            (
                Granted(
                    at=NOON, purpose="news", clause=SHOP.clauses["news"], shown="n", until=NOON + 30 * DAY
                ),
            ),
            at=NOON + 30 * DAY,
        ),
        "consent.expired",
    ),
    "the other newsletter after an objection": (
        Scene({}, (Objected(at=NOON, purpose="news", marketing=True),), purpose="deals"),
        "objection.direct_marketing",
    ),
    "a push that calls itself advice, after an objection": (
        Scene({}, (Objected(at=NOON, purpose="news", marketing=True),), channel="push", purpose="hints"),
        "contact.objection",
    ),
    "a push that calls itself advice, after a complaint": (
        Scene({}, (COMPLAINT,), channel="push", purpose="hints"),
        "contact.peace",
    ),
    "advertising while restricted": (Scene({}, (Restricted(at=NOON),)), "restriction"),
    "targeted ads in spite of a signal": (
        Scene({}, (SignalReceived(at=NOON, signal="gpc"),), channel="web", purpose="ads"),
        "contact.signal",
    ),
    "a loan to who grieves": (
        Scene({"states": Statement(risk="credit")}, (GRIEF,), at=NOON + 60 * DAY),
        "offer.risk_distress",
    ),
    "only today, to who grieves": (
        Scene({"pressure": "streak", "pressure_true": True}, (GRIEF,), at=NOON + 60 * DAY),
        "offer.pressure_distress",
    ),
    "gambling for a child": (Scene({"states": Statement(risk="gambling")}, about=KIDS), "offer.risk_minor"),
    "a streak for a child": (
        Scene({"pressure": "streak", "pressure_true": True}, about=KIDS),
        "offer.pressure_minor",
    ),
    "an invented deadline": (Scene({"pressure": "deadline", "pressure_true": True}), "offer.pressure_untrue"),
    "a countdown of her own": (
        Scene({"deadline": Deadline(until=NOON + DAY, valid_until=NOON + DAY, for_all=False)}),
        "offer.deadline_false",
    ),
    "the sale that always ends on Sunday": (
        Scene({"deadline": Deadline(until=NOON + DAY, valid_until=NOON + DAY, ended=NOON - DAY)}),
        "offer.deadline_false",
    ),
    "a dearer price for who can pay": (
        Scene(
            {
                "uses": {"tastes"},
                "personal_price": True,
                "disclosed": True,
                "price": Price(asked=12, public=10),
            },
            purpose="deals",
        ),
        "offer.price_above",
    ),
    "a price that is not called personal": (
        Scene({"price": Price(asked=12, public=10)}),
        "offer.price_above",
    ),
    "people picked for their debts": (
        Scene({"states": Statement(vulnerability="debt")}),
        "offer.vulnerability",
    ),
    "health, told from a basket": (
        Scene({"states": Statement(infers={"user.health_and_medical"})}),
        "offer.inference",
    ),
    "a text at night": (Scene(channel="sms", at=NIGHT), "contact.quiet"),
    "a text at night that calls itself urgent": (
        Scene({"urgent": True}, channel="sms", at=NIGHT),
        "offer.not_urgent",
    ),
    "a text to somewhere": (Scene(channel="sms", about={"zone": "", "region": ""}), "contact.quiet"),
    "a second e-mail on the same day": (Scene({}, (sent(),), at=NOON + HOUR), "contact.cap"),
    "a third contact of the day, wherever": (
        Scene({}, (sent(), sent(channel="push")), channel="sms", at=NOON + HOUR),
        "contact.budget",
    ),
    "more than the purpose lists": (Scene({"uses": {"visits"}}, purpose="deals"), "offer.overreach"),
    "to a stage that she is not in": (Scene({"stages": {"drifting"}}), "offer.stage"),
    "a stranger": (
        Scene({}, (Withdrawn(at=NOON, purpose="hints"),), channel="web", purpose="hints"),
        "consent",
    ),
}


@pytest.mark.parametrize("name", ALLOWED)
def test_what_is_useful_and_decent_is_made(name):
    """None of these is withheld."""
    made = answer(ALLOWED[name])

    assert {} == made.withheld
    assert made.explain().startswith("You see x on ")


@pytest.mark.parametrize("name", DENIED)
def test_what_pushes_is_withheld(name):
    """Each of these is withheld, for the reason that somebody would name."""
    scene, code = DENIED[name]
    made = answer(scene)

    assert not made
    assert any(found.startswith(code) for found in codes(made)), codes(made)
    assert codes(made)[0] in made.explain()


def test_a_price_that_depends_on_nobody_is_no_personal_price():
    """A public promotion below the public price needs no disclosure."""
    assert answer(Scene({"price": Price(asked=5, public=10)}))


def test_the_next_best_is_offered_instead():
    """What pushes makes room for what does not: the customer is not left without a useful offer."""
    offers = [
        Offer("only today", purpose="news", value=9, pressure="deadline"),
        Offer("for you", purpose="news", value=5, uses={"tastes"}),
    ]
    made = pick(SHOP, someone(shop=SHOP), offers, channel="email", at=NOON)

    assert made.offer is not None
    assert ("for you", Level.INDIVIDUAL) == (made.offer.name, made.level)


# --- preferences -------------------------------------------------------------------------------------


def preferring(scene, **wants):
    """Answer a scene of somebody who has stated preferences."""
    said = Preferred(at=NOON, stated=Preferences(**wants))
    return answer(scene._replace(story=(*scene.story, said)))


def test_topics_and_channels_that_somebody_does_not_want():
    """E13: what is about something else, or comes elsewhere, is withheld; all else is made."""
    topic = Scene({"topics": {"mothers-day", "tea"}})

    assert ["contact.topic"] == codes(preferring(topic, topics=("tea",)))
    assert preferring(topic, topics=("tea", "mothers-day", "mate"))
    assert preferring(topic, channels=("email",))
    assert preferring(Scene(), channels=("email",), most=3)  # who has named no topics hears of all
    assert ["preference.channel"] == codes(preferring(Scene(), channels=("sms",)))
    assert preferring(Scene(channel="sms"), channels=("sms",))


def test_an_offer_that_names_no_topic_waits_where_the_customer_comes_by():
    """Leaving the topic away is no way around "only tea": it may stand on a page, but does not reach out."""
    assert ["contact.topic"] == codes(preferring(Scene(), topics=("tea",)))
    assert ["contact.topic"] == codes(preferring(Scene(channel="push"), topics=("tea",)))
    assert preferring(Scene(channel="web"), topics=("tea",))
    assert ["contact.topic"] == codes(preferring(Scene(channel="web"), topics=()))


def test_both_sides_of_how_often_somebody_wants_to_hear():
    """Once in sixty days is what they asked for; it is remembered for as long. None is never."""
    wants = {"most": 1, "per": Duration(seconds=60 * 86400)}
    before = Scene({}, (sent(),), at=NOON + 60 * DAY - timedelta(microseconds=1))
    held = preferring(before, **wants)

    assert ["contact.preferred"] == codes(held)
    assert NOON + 60 * DAY == held.try_again
    assert preferring(before._replace(at=NOON + 60 * DAY), **wants)
    assert preferring(before._replace(channel="web"), **wants)
    never = preferring(Scene(), most=0, per=Duration(seconds=86400))
    assert (["contact.preferred"], None) == (codes(never), never.try_again)
    yearly = preferring(Scene(), most=1, per=Duration(months=12))
    assert yearly.since <= NOON - 365 * DAY


def test_a_preference_only_narrows():
    """Whoever wants to hear a hundred times a day is held by every other limit."""
    often = {"most": 100, "per": Duration(seconds=86400)}

    assert ["contact.cap"] == codes(preferring(Scene({}, (sent(),), at=NOON + HOUR), **often))


# --- what is remembered of pages ---------------------------------------------------------------------


def test_a_page_with_a_cap_does_not_fill_the_memory():
    """Of a page's contacts only those are kept that its cap looks at, and those that pressed."""
    shop = policy(events=EVENTS, channels__web={"caps": [{"max": 6, "per": "P1D"}]})
    person = fold([sent(NOON, "web", pressed=True)], someone(shop=shop))
    for n in range(100):
        at = NOON + timedelta(hours=5 * n + 1)
        made = try_one(person, shop=shop, channel="web", at=at)
        assert made
        event = Chosen(
            at=at, offer="x", purpose="news", channel="web", since=made.since, brief=dict(made.brief)
        )
        person = fold([event], person)

    assert len(person.contacts) <= 7
    assert any(each.pressed for each in person.contacts)
    assert reserve(person, made, at).contacts


# --- groups by construction --------------------------------------------------------------------------


@given(st.dictionaries(st.text("abcdefgh", min_size=1, max_size=3), st.integers(0, 60), max_size=12))
def test_no_group_is_small(counts):
    """However customers are counted, each group has twenty or more, and nobody is in two or forgotten."""
    found = segments(counts, fields={"tastes"})
    total = sum(counts.values())

    assert all(each.size >= LEAST_SEGMENT for each in found)
    assert all(each.size == sum(counts[cell] for cell in each.cells) for each in found)
    assert len({cell for each in found for cell in each.cells}) == sum(len(each.cells) for each in found)
    assert (total if total >= LEAST_SEGMENT else 0) == sum(each.size for each in found)


def test_a_group_is_what_an_offer_aims_at():
    """What a group says of itself goes into an offer, which is made at the level of the segment."""
    [tea, rest] = segments({"tea": 700, "coffee": 15, "mate": 9, "cocoa": 0}, fields={"tastes"})
    made = answer(Scene(dict(tea.offer)))

    assert (("tea",), ("coffee", "mate"), 24) == (tea.cells, rest.cells, rest.size)
    assert Level.SEGMENT is made.level
    with pytest.raises(UsageError):
        segments({"tea": 3}, fields={"tastes"}, least=5)
    with pytest.raises(UsageError):
        segments({"tea": 3.5}, fields={"tastes"})
