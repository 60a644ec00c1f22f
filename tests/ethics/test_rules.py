"""The thirty rules, each on both sides of its threshold; and that nothing said is nothing against it."""

from __future__ import annotations

import inspect
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from clm_ethics.errors import UsageError
from clm_ethics.ethics import (
    CATALOGUE,
    RULES,
    Change,
    Deadline,
    Experiment,
    Incentive,
    Kind,
    Level,
    Offer,
    Price,
    Scarcity,
    Served,
    Statement,
    parity,
    proxies,
)
from clm_ethics.ethics import defaults as house
from clm_ethics.ethics.declared_rules import __name__ as _declared  # noqa: F401  (the module is there)
from clm_ethics.ethics.words import CODES
from clm_ethics.model import Chosen, Duration, Objected, Recorded, SignalReceived, fold
from tests.ethics.shop import NOON, codes, policy, someone, try_one

DAY, TICK, MINUTE = timedelta(days=1), timedelta(microseconds=1), timedelta(minutes=1)
SOON = NOON + 7 * DAY
KIDS = {"born": "2010-01-01"}

EVENTS = {
    "ordered": {},
    "grief": {"mutes": {"direct_marketing": "P30D"}},
    "complaint": {"mutes": {"direct_marketing": "P14D"}},
}
SHOP = policy(
    events=EVENTS,
    purposes__ads={"processing": ["targeted_ads"], "basis": "consent", "channels": ["web"], "fields": []},
    purposes__help={
        "processing": ["essential"],
        "basis": "contract",
        "channels": ["email", "sms"],
        "fields": ["email", "phone"],
    },
    purposes__hints={
        "processing": ["personalization"],
        "basis": "consent",
        "channels": ["push", "web"],
        "fields": ["tastes"],
    },
)


def said(at=NOON, people=(), about=None, channel="email", purpose="news", **offer):
    """Return the codes for which an offer with these statements is withheld from somebody."""
    person = someone(*people, shop=SHOP, **(about or {}))
    answer = try_one(person, offer=Offer("x", purpose=purpose, **offer), shop=SHOP, channel=channel, at=at)
    return codes(answer)


def states(**more):
    """Return an offer's further statements."""
    return {"states": Statement(**more)}


def deadline(**more):
    """Return a deadline that is true, but for what is changed."""
    return {"deadline": Deadline(**{"until": SOON, "valid_until": SOON} | more)}


def scarcity(**more):
    """Return a scarcity that is true, but for what is changed."""
    return {"scarcity": Scarcity(**{"claimed": 3, "stock": 3, "counted": NOON} | more)}


# --- nothing said, nothing against it --------------------------------------------------------------


@pytest.mark.parametrize("channel", ["email", "sms", "push", "web"])
def test_an_offer_of_which_nothing_is_stated_passes(channel):
    """Rules without their inputs block nothing: the barest offer is made on every channel."""
    assert [] == said(channel=channel)


def test_a_decent_offer_with_everything_stated_passes():
    """Everything that can be said of an offer can be said so that it passes."""
    offer = Offer(
        "x",
        purpose="deals",
        uses={"tastes"},
        segment={"tastes"},
        segment_size=5000,
        channels={"email"},
        topics={"tea"},
        value=1,
        customer_value=2,
        pressure="deadline",
        pressure_true=True,
        **deadline(),
        **scarcity(),
        personal_price=True,
        disclosed=True,
        price=Price(asked=8, public=10, for_new=9),
        states=Statement(
            infers={"user.behavior"},
            gains={"tastes": 0.2},
            sources={"location"},
            intrusion=1,
            change=Change(what="profile", steps=2, undo=2),
            incentive=Incentive(difference=1, data_value=1),
            adverse=True,
            human=True,
            experiment=Experiment(name="e", harm_screened=True, stop_rule=True),
        ),
    )
    answer = try_one(someone(shop=SHOP), offer=offer, shop=SHOP)

    assert {} == answer.withheld
    assert Level.INDIVIDUAL is answer.level
    assert (
        offer.stated["other"].startswith("infers, gains, sources, intrusion, change") or offer.stated["other"]
    )


# --- declared rules ----------------------------------------------------------------------------------

DECLARED = [
    # E01, E02
    (states(vulnerability="debt", protective=True), []),
    (states(vulnerability="debt"), ["offer.vulnerability"]),
    (states(risk="credit"), []),
    # E05
    (scarcity(), []),
    (scarcity(claimed=2), ["offer.scarcity_false"]),
    (scarcity(stock=4), ["offer.scarcity_false"]),
    (scarcity(counted=NOON - house.STOCK_AGE), []),
    (scarcity(counted=NOON - house.STOCK_AGE - TICK), ["offer.scarcity_false"]),
    ({"pressure": "scarcity", "pressure_true": True}, ["offer.pressure_untrue"]),
    ({"pressure_true": False, **scarcity()}, ["offer.pressure_untrue"]),
    # E06
    (deadline(), []),
    (deadline(until=SOON - TICK), ["offer.deadline_false"]),
    (deadline(resets=1), ["offer.deadline_false"]),
    (deadline(for_all=False), ["offer.deadline_false"]),
    (deadline(until=NOON, valid_until=NOON), ["offer.deadline_false"]),
    (deadline(until=NOON + TICK, valid_until=NOON + TICK), []),
    (deadline(ended=NOON - house.DEADLINE_REST), []),
    (deadline(ended=NOON - house.DEADLINE_REST + TICK), ["offer.deadline_false"]),
    ({"pressure": "deadline", "pressure_true": True}, ["offer.pressure_untrue"]),
    ({"pressure": "streak", "pressure_true": True}, []),
    # E14, E17
    ({"price": Price(asked=10, public=10)}, []),
    ({"price": Price(asked=10.01, public=10)}, ["offer.price_above"]),
    ({"price": Price(asked=12, public=10, justification="delivery to an island")}, []),
    ({"price": Price(asked=12)}, []),
    ({"price": Price(asked=10, for_new=10)}, []),
    ({"price": Price(asked=10, for_new=9.99)}, ["offer.price_loyalty"]),
    ({"price": Price(asked=10, for_new=5, better_shown=True)}, []),
    # E19
    ({**states(sources={"location"}, intrusion=0.5), "customer_value": 0.5}, []),
    ({**states(sources={"location"}, intrusion=0.51), "customer_value": 0.5}, ["offer.intrusive"]),
    (states(sources={"message_content"}), ["offer.intrusive"]),
    # E22
    (states(change=Change(what="terms", steps=1, undo=1)), []),
    (states(change=Change(what="terms", steps=1, undo=2)), ["offer.irreversible"]),
    (states(change=Change(what="consent")), ["offer.irreversible"]),
    # E27
    (states(incentive=Incentive(difference=5, data_value=5)), []),
    (states(incentive=Incentive(difference=5.01, data_value=5)), ["offer.retaliation"]),
    # E30
    (states(adverse=True, human=True), []),
    (states(adverse=True), ["offer.no_human"]),
    (states(experiment=Experiment(name="e", harm_screened=True, stop_rule=True)), []),
    (states(experiment=Experiment(name="e", stop_rule=True)), ["offer.experiment"]),
    (states(experiment=Experiment(name="e", harm_screened=True)), ["offer.experiment"]),
    (
        states(experiment=Experiment(name="e", harm_screened=True, stop_rule=True, reads_emotion=True)),
        ["offer.experiment"],
    ),
    # channel
    ({"channels": {"email", "sms"}}, []),
    ({"channels": {"sms"}}, ["offer.channel"]),
    ({"urgent": True}, ["offer.not_urgent"]),
]


@pytest.mark.parametrize(("offer", "found"), DECLARED)
def test_both_sides_of_what_a_host_states(offer, found):
    """Each declared rule lets its threshold pass, and withholds what is beyond it."""
    assert found == said(**offer)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Offer("x", purpose="p", deadline="friday"),
        lambda: Offer("x", purpose="p", scarcity=3),
        lambda: Offer("x", purpose="p", price=3),
        lambda: Offer("x", purpose="p", states={}),
        lambda: Offer("x", purpose="p", pressure_true="yes"),
        lambda: Offer("x", purpose="p", personal_price="no"),
        lambda: Offer("x", purpose="p", segment_size=-1),
        lambda: Statement(risk="loans"),
        lambda: Statement(sources={"weather"}),
        lambda: Statement(gains={"tastes": float("nan")}),
        lambda: Change(what="mind"),
        lambda: Deadline(until=NOON.replace(tzinfo=None), valid_until=NOON),
        lambda: Scarcity(claimed=True, stock=1, counted=NOON),
        lambda: Price(asked="10"),
    ],
)
def test_a_statement_of_the_wrong_form_is_an_error(wrong):
    """A statement that cannot be read is told to the developer, and never taken for none."""
    with pytest.raises(UsageError):
        wrong()


# --- state rules -------------------------------------------------------------------------------------


@pytest.mark.parametrize("risk", ["credit", "gambling", "alcohol", "diet"])
def test_risky_offers_spare_whoever_is_in_trouble(risk):
    """E02, E29: none for minors, and none for a year after a grave event; a complaint is none."""
    grief = Recorded(at=NOON, event="grief")
    year_later = house.DISTRESS.after(NOON)

    assert [] == said(**states(risk=risk))
    assert ["offer.risk_minor"] == said(about=KIDS, **states(risk=risk))
    assert ["offer.risk_distress"] == said(people=[grief], at=year_later - TICK, **states(risk=risk))
    assert [] == said(people=[grief], at=year_later, **states(risk=risk))
    assert [] == said(people=[Recorded(at=NOON, event="complaint")], **states(risk=risk))
    assert [] == said(people=[grief], **states(risk=risk, protective=True))


def test_nobody_in_distress_is_hurried():
    """E07: pressure waits for a year after a grave event; the same offer without it does not."""
    grief = Recorded(at=NOON, event="grief")

    assert ["offer.pressure_distress"] == said(people=[grief], pressure="streak", pressure_true=True)
    assert [] == said(people=[grief])


def test_nobody_vulnerable_is_experimented_on():
    """E30: minors and people in distress are no subjects; others are, in a decent trial."""
    trial = states(experiment=Experiment(name="e", harm_screened=True, stop_rule=True))

    assert [] == said(**trial)
    assert ["offer.experiment_people"] == said(about=KIDS, **trial)
    assert ["offer.experiment_people"] == said(people=[Recorded(at=NOON, event="grief")], **trial)


@pytest.mark.parametrize(
    ("infers", "grants", "found"),
    [
        ("user.behavior", [], []),
        ("user.health_and_medical", [], ["offer.inference"]),
        ("user.health_and_medical", ["allergies"], []),
        ("user.demographic.religious_belief", ["allergies"], ["offer.inference"]),
    ],
)
def test_an_inference_that_is_stated_needs_an_explicit_yes(infers, grants, found):
    """E03: what the aim tells of a special category needs the explicit yes to that category."""
    person = someone(grants=grants)

    assert found == codes(try_one(person, offer=Offer("x", purpose="news", **states(infers={infers}))))


def test_pressure_has_a_budget_of_its_own():
    """E07: two offers that press in thirty days, on pages too; one that does not press is made."""
    pressed = [
        Chosen(at=NOON + DAY * n, offer="o", purpose="news", channel="web", pressed=True) for n in range(2)
    ]
    streak = {"pressure": "streak", "pressure_true": True, "channel": "web"}
    end = NOON + 30 * DAY

    assert [] == said(people=pressed[:1], at=NOON + DAY, **streak)
    assert ["contact.pressure"] == said(people=pressed, at=end - TICK, **streak)
    assert [] == said(people=pressed, at=end, **streak)
    assert [] == said(people=pressed, at=NOON + 3 * DAY, channel="web")


def test_an_offer_that_presses_is_remembered_on_a_page_too():
    """A page counts as a contact of the pressure budget, and of no other."""
    person = someone(shop=SHOP)
    calm = try_one(person, shop=SHOP, channel="web")
    streak = Offer("x", purpose="news", pressure="streak", pressure_true=True)

    assert (False, True) == (calm.counts, try_one(person, offer=streak, shop=SHOP, channel="web").counts)


def _ignored(count, since=NOON + MINUTE, step=4):
    return [
        Chosen(at=since + DAY * step * n, offer="o", purpose="news", channel="email") for n in range(count)
    ]


def test_who_never_answers_is_written_to_half_as_often():
    """E09: after eight contacts without an answer one a day becomes the limit, before two were."""
    at = NOON + DAY * 40
    today = [Chosen(at=at - MINUTE, offer="o", purpose="news", channel="sms")]
    seven, eight = _ignored(6), _ignored(7)
    answered = [Recorded(at=at - 2 * MINUTE, event="ordered")]

    assert [] == said(people=[*seven, *today], at=at)
    assert ["contact.fatigue"] == said(people=[*eight, *today], at=at)
    assert [] == said(people=[*eight, *answered, *today], at=at)


def test_who_still_never_answers_is_left_alone():
    """E09: after sixteen there is none, until something was answered or the oldest is 90 days old."""
    many = _ignored(16)
    at = NOON + DAY * 80

    assert [] == said(people=many[:15], at=at)
    assert ["contact.fatigue"] == said(people=many, at=at)
    assert [] == said(people=[*many, Recorded(at=at, event="ordered")], at=at)
    assert "contact.fatigue" in said(people=many, at=NOON + MINUTE + DAY * 90 - TICK)
    assert "contact.fatigue" not in said(people=many, at=NOON + MINUTE + DAY * 90)


def test_silence_means_nothing_where_nobody_can_answer():
    """Without an event in the policy that a customer could answer by, silence is no sign."""
    mute = policy(events={"complaint": EVENTS["complaint"]}, lifecycle={"start": "customer"})
    person = someone(*_ignored(16), shop=mute)

    assert try_one(person, shop=mute, at=NOON + DAY * 80)


def test_a_service_is_no_advertising():
    """Caps, budget and fatigue are for advertising: a service gets through, and counts against nothing."""
    full = [Chosen(at=NOON, offer=f"o{n}", purpose="news", channel="email") for n in range(4)]
    shop = policy(
        purposes__help={
            "processing": ["essential"],
            "basis": "legitimate_interest",
            "assessment": "LIA 1",
            "channels": ["email", "sms"],
            "fields": ["email", "phone"],
        }
    )
    person = someone(*full, shop=shop)
    answer = try_one(person, offer=Offer("x", purpose="help"), shop=shop)
    field = {
        name: tuple(replace(run, announced=("help",)) for run in runs) for name, runs in person.fields.items()
    }
    known = replace(person, fields=field)

    assert ["contact.cap", "contact.budget"] == codes(try_one(person, shop=shop))
    assert not answer
    served = try_one(known, offer=Offer("x", purpose="help"), shop=shop)
    assert served
    assert not served.counts
    night = NOON.replace(hour=22)
    assert ["contact.quiet"] == codes(
        try_one(known, offer=Offer("x", purpose="help"), shop=shop, channel="sms", at=night)
    )
    assert try_one(known, offer=Offer("x", purpose="help", urgent=True), shop=shop, channel="sms", at=night)


def test_advertising_of_another_name_does_not_disturb_who_is_left_in_peace():
    """E11, E12: a mute of direct marketing stops every message that is no service; pages stay."""
    complaint = Recorded(at=NOON, event="complaint", muted={"direct_marketing": NOON + 14 * DAY})

    assert ["contact.peace"] == said(people=[complaint], purpose="hints", channel="push")
    assert [] == said(people=[complaint], purpose="hints", channel="web")
    assert [] == said(people=[complaint], purpose="hints", channel="push", at=NOON + 14 * DAY)
    assert ["muted"] == said(people=[complaint])


def test_an_opt_out_signal_counts_where_no_law_says_so():
    """E28: in Germany, too, a signal ends targeted advertising, and leaves other offers alone."""
    signal = SignalReceived(at=NOON, signal="gpc")

    assert [] == said(purpose="ads", channel="web")
    assert ["contact.signal"] == said(people=[signal], purpose="ads", channel="web")
    assert [] == said(people=[signal])
    assert [] == said(people=[signal, SignalReceived(at=NOON, signal="gpc", cleared=True)])


def test_an_objection_reaches_the_sale_of_data_too():
    """Who objects to marketing is not sold for it either."""
    shop = policy(purposes__sale={"processing": ["sale_sharing"], "basis": "consent", "channels": ["web"]})
    person = someone(Objected(at=NOON, purpose="news", marketing=True), shop=shop)

    assert "contact.objection" in codes(
        try_one(person, offer=Offer("x", purpose="sale"), shop=shop, channel="web")
    )


# --- the group, and the field that adds nothing ------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "level", "why"),
    [
        (None, Level.CONTEXTUAL, ["segment.unsized"]),
        (0, Level.CONTEXTUAL, ["segment.small"]),
        (house.LEAST_SEGMENT - 1, Level.CONTEXTUAL, ["segment.small"]),
        (house.LEAST_SEGMENT, Level.SEGMENT, []),
    ],
)
def test_a_small_group_is_none(size, level, why):
    """Below k, or unsized, the group is not aimed at: the offer is made without data, and says why."""
    offer = Offer("x", purpose="news", segment={"tastes"}, segment_size=size)
    answer = try_one(someone(), offer=offer)

    assert level is answer.level
    assert why == [each.code for each in answer.why_not_higher]
    assert (level is Level.SEGMENT) == answer.profiling


def test_a_group_by_what_is_not_behaviour_is_no_profiling():
    """Who gets an offer for where they live is not profiled by what they do."""
    shop = policy(purposes__news__fields=[*SHOP.purposes["news"].fields, "region"])
    person = someone(shop=shop)
    offer = Offer("x", purpose="news", segment={"region"}, segment_size=500)
    answer = try_one(person, offer=offer, shop=shop)

    assert (Level.SEGMENT, False) == (answer.level, answer.profiling)
    assert "profiling" not in answer.explain()


@pytest.mark.parametrize(
    ("gain", "level"), [(house.LEAST_GAIN, Level.INDIVIDUAL), (house.LEAST_GAIN / 2, Level.CONTEXTUAL)]
)
def test_a_field_that_adds_nothing_is_not_looked_at(gain, level):
    """E18: below the least gain the field stays out of the choice, which says so."""
    answer = try_one(
        someone(), offer=Offer("x", purpose="news", uses={"tastes"}, **states(gains={"tastes": gain}))
    )

    assert level is answer.level
    assert (level is Level.CONTEXTUAL) == ("offer.no_gain" in [why.code for why in answer.why_not_higher])


def test_of_equal_value_the_customers_decides():
    """What is worth more to the customer wins where the host has no preference."""
    from clm_ethics.ethics import pick

    offers = [
        Offer("a", purpose="news", value=1),
        Offer("b", purpose="news", value=1, customer_value=3),
        Offer("c", purpose="news", customer_value=9),
    ]
    answer = pick(SHOP, someone(shop=SHOP), offers, channel="web", at=NOON)

    assert answer.offer is not None
    assert "b" == answer.offer.name


# --- review rules ------------------------------------------------------------------------------------


def test_proxies_are_reported_beyond_the_threshold():
    """E04: the threshold itself passes; more is reported, and nothing is blocked."""
    found = proxies({"postcode": house.MOST_PROXY + 0.01, "basket": house.MOST_PROXY})

    assert [("E04", "postcode", False)] == [(each.rule, each.place, each.blocks) for each in found]
    with pytest.raises(UsageError):
        proxies({"postcode": 1.1})


def test_groups_that_are_served_worse_are_reported():
    """E16: four fifths of the best and two percent dearer pass; beyond it is reported; few say nothing."""
    fair = {"a": Served(100, 50, 10.0), "b": Served(100, 40, 10.2)}
    unfair = {"a": Served(100, 50, 10.0), "b": Served(100, 39, 10.21)}
    few = {"a": Served(100, 50), "b": Served(19, 0)}

    assert () == parity(fair)
    assert ["b", "b"] == [each.place for each in parity(unfair)]
    assert () == parity(few)
    assert () == parity({})


# --- the table ---------------------------------------------------------------------------------------


def test_the_catalogue_is_whole():
    """Thirty rules in order, each with inputs, verdict, source and where it is asked."""
    assert [f"E{number:02}" for number in range(1, 31)] == [each.id for each in CATALOGUE]
    assert all(each.inputs and each.where and each.verdict and each.source for each in CATALOGUE)


def test_the_catalogue_names_rules_that_are_there():
    """What the table says asks a rule does: a built-in rule of that name, or what else is named."""
    beside = {"decide", "may_ask", "may_ask(prompt=)", "choose", "choice.explain", "minors"}
    beside |= {"reviews.proxies", "reviews.parity"}
    names = {each.name for each in RULES}

    assert set() == {where for each in CATALOGUE for where in each.where} - names - beside
    named = {where for each in CATALOGUE for where in each.where}
    # what belongs to none of the thirty: the law's own, and the offer's own limits
    assert {"no_channel_hopping", "offer_stage", "offer_channel"} == names - named


def test_every_built_in_rule_is_small_pure_and_explained():
    """A rule is a documented function of two arguments, of at most a screen."""
    for each in RULES:
        assert inspect.getdoc(each.check), each.name
        assert 2 == len(inspect.signature(each.check).parameters)
        assert len(inspect.getsource(each.check).splitlines()) <= 20
        assert each.kind in {Kind.STATE, Kind.DECLARED}


@given(st.sampled_from(DECLARED), st.booleans())
@settings(max_examples=60, deadline=None)
def test_a_declared_rule_looks_at_the_offer_and_not_at_the_person(case, other):
    """What the host states is judged the same of whomever it is asked."""
    offer, found = case
    about = {"born": "1950-01-01"} if other else {}

    assert found == said(about=about, **offer)


def test_every_reason_can_be_given():
    """No code of the table is dead: each is named in the source of a rule."""
    import clm_ethics.ethics as package

    text = "".join(
        inspect.getsource(module)
        for name in (
            "choose",
            "judging",
            "prepared",
            "release",
            "state_rules",
            "declared_rules",
            "timing",
            "asking",
            "prompts",
            "rule",
        )
        for module in [__import__(f"{package.__name__}.{name}", fromlist=["x"])]
    )

    by_verbs = {"customer.full", "customer.unopened", "choice.twice"}
    assert by_verbs == {code for code in CODES if f'"{code}"' not in text}


def test_the_grave_threshold_has_two_sides():
    """Thirty days of silence are grave, twenty-nine are not."""
    for days, found in ((30, ["offer.risk_distress"]), (29, [])):
        shop = policy(events={"ordered": {}, "blow": {"mutes": {"direct_marketing": f"P{days}D"}}})
        person = fold([Recorded(at=NOON, event="blow")], someone(shop=shop))
        offer = Offer("x", purpose="news", **states(risk="diet"))
        assert found == codes(try_one(person, offer=offer, shop=shop))
    assert Duration(seconds=30 * 86400) == house.GRAVE
