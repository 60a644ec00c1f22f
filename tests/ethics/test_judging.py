"""Judging many offers at once finds what asking every rule about each of them alone finds."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from clm_ethics.ethics import RULES, Deadline, Level, Offer, Price, Scarcity, Statement, pick
from clm_ethics.ethics.facts import Facts, is_minor
from clm_ethics.ethics.judging import Case
from clm_ethics.ethics.prepared import prepare_all
from clm_ethics.ethics.rule import Once, apply_rules
from clm_ethics.ethics.statements import Change, Experiment, Incentive
from clm_ethics.model import Chosen, Objected, Preferred, Recorded, SignalReceived, State
from clm_ethics.model.state import Preferences
from clm_ethics.model.times import EPOCH
from tests.ethics.shop import NOON, agree, policy, someone

ORDERS = {
    "processing": ["essential"],
    "basis": "contract",
    "channels": ["email", "web"],
    "fields": ["email", "tastes"],
}
WIDE = policy(purposes__orders=ORDERS)

FIELDS = st.sets(st.sampled_from(["tastes", "visits"]), max_size=2)
TOPICS = st.sets(st.sampled_from(["tea", "music"]), max_size=2)
OTHER = st.builds(
    Statement,
    risk=st.sampled_from(["", "", "credit"]),
    vulnerability=st.sampled_from(["", "", "debt"]),
    protective=st.booleans(),
    infers=st.sampled_from([[], [], ["user.health_and_medical"]]),
    sources=st.sampled_from([[], [], ["location"]]),
    change=st.sampled_from([None, None, Change(what="terms", steps=1, undo=3)]),
    incentive=st.sampled_from([None, None, Incentive(difference=5, data_value=1)]),
    adverse=st.booleans(),
    human=st.booleans(),
    experiment=st.sampled_from(
        [None, None, Experiment(name="colours"), Experiment(name="x", harm_screened=True)]
    ),
)
DEADLINES = [
    None,
    None,
    *(Deadline(until=NOON + timedelta(days=d), valid_until=NOON + timedelta(days=1)) for d in (1, 2)),
]
OFFERS = st.lists(
    st.builds(
        Offer,
        st.uuids().map(str),
        purpose=st.sampled_from(["news", "deals", "tips", "orders"]),
        uses=FIELDS,
        segment=FIELDS,
        segment_size=st.sampled_from([None, 3, 500]),
        channels=st.sampled_from([[], [], ["email"], ["web"]]),
        stages=st.sampled_from([[], [], ["customer"]]),
        topics=TOPICS,
        value=st.integers(0, 3),
        pressure=st.sampled_from(["", "", "deadline", "scarcity", "streak"]),
        pressure_true=st.sampled_from([None, None, True, False]),
        deadline=st.sampled_from(DEADLINES),
        scarcity=st.sampled_from([None, None, Scarcity(claimed=3, stock=2, counted=NOON)]),
        personal_price=st.booleans(),
        disclosed=st.booleans(),
        price=st.sampled_from([None, None, Price(asked=3, public=2, for_new=1)]),
        urgent=st.booleans(),
        states=st.one_of(st.just(Statement()), OTHER),
    ),
    min_size=1,
    max_size=6,
    unique_by=lambda each: each.name,
)
LIVES = st.lists(
    st.sampled_from(
        [
            [agree("news")],
            [agree("deals"), agree("tips")],
            [Objected(at=NOON, purpose="deals", marketing=True)],
            [SignalReceived(at=NOON, signal="gpc")],
            [Recorded(at=NOON, event="ordered", muted={"direct_marketing": NOON + timedelta(days=20)})],
            [Preferred(at=NOON, stated=Preferences(topics=("tea",)))],
            [Chosen(at=NOON, offer="o", purpose="news", channel=each) for each in ("email", "sms")],
            [Chosen(at=NOON, offer="o", purpose="news", channel="web", pressed=True)] * 2,
        ]
    ),
    max_size=4,
).map(lambda parts: [event for part in parts for event in part])
CASES = st.builds(
    lambda life, born, hours: (someone(*life, born=born), NOON + timedelta(hours=hours)),
    LIVES,
    st.sampled_from(["1990-01-01", "1990-01-01", "2014-01-01"]),
    st.integers(0, 72),
)
CHANNELS = st.sampled_from(["email", "sms", "web"])


def _facts(state, purpose, channel, at, level):
    minor = is_minor(WIDE, state, at)
    return Facts(WIDE, state, WIDE.purpose(purpose), WIDE.channel(channel), at, state.stage, minor, level)


@given(CASES, OFFERS, CHANNELS, st.sampled_from(Level))
@settings(max_examples=150, deadline=None)
def test_a_rule_has_nothing_to_say_of_what_an_offer_has_not(case, offers, channel, level):
    """A rule about some parts of an offer lets pass whatever has none of them."""
    for offer in offers:
        facts = _facts(case[0], offer.purpose, channel, case[1], level)
        for rule in RULES:
            if rule.about and rule.about.isdisjoint(offer.parts):
                assert rule(offer, facts) is None, rule.name


@given(CASES, OFFERS, CHANNELS, st.lists(st.sampled_from(Level), min_size=6, max_size=6))
@settings(max_examples=150, deadline=None)
def test_what_is_asked_once_is_the_same_for_all_offers_alike(case, offers, channel, levels):
    """A rule that is asked once says the same of all offers that are alike in that."""
    said = {}
    for offer, level in zip(offers, levels, strict=False):
        facts = _facts(case[0], offer.purpose, channel, case[1], level)
        nobody = _facts(State(), offer.purpose, "web", EPOCH, Level.NONE)
        for rule in RULES:
            if rule.once is not None:
                about = {
                    Once.OFFER: offer,
                    Once.PURPOSE: offer.purpose,
                    Once.TIME: (facts.service, offer.urgent),
                    Once.TOPICS: (facts.service, offer.topics),
                }[rule.once]
                first = said.setdefault(
                    (rule.name, about), rule(offer, nobody if rule.once is Once.OFFER else facts)
                )
                assert first == rule(offer, facts), rule.name


@given(CASES, OFFERS, CHANNELS)
@settings(max_examples=150, deadline=None)
def test_many_offers_are_judged_as_each_by_every_rule(about, offers, channel):
    """No rule that is passed over, and none that is asked once for many, would have said anything else."""
    state, at = about
    ready, reached = prepare_all(WIDE, offers), WIDE.channel(channel)
    case = Case(
        policy=WIDE, state=state, channel=reached, at=at, stage=None, sources=frozenset(), actor=None,
        rules=RULES, wanted=ready.wanted,
    )  # fmt: skip
    for offer, read in ready.ranked:
        found = case.judge(offer, read)
        alone = pick(WIDE, state, [offer], channel=channel, at=at)
        assert alone.withheld.get(offer.name, ()) == found.against
        if found.facts is None:
            continue
        said = apply_rules(RULES, offer, found.facts)
        unusable = found.aim.why if found.aim.level is Level.NONE else ()
        assert tuple(dict.fromkeys((*unusable, *said))) == found.against
