"""The choice: permission first, then minimisation, the ladder, the rules, the host's ranking."""

from __future__ import annotations

import pickle
from datetime import UTC, datetime, timedelta

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from clm_ethics.errors import UnknownName, UsageError
from clm_ethics.ethics import AIM_RULES, RULES, Deadline, Level, Offer, Rule, Scarcity, choose, judging, pick
from clm_ethics.model import (
    Enrolled,
    Granted,
    Objected,
    Recorded,
    Refused,
    Restricted,
    SignalReceived,
    State,
    Withdrawn,
    fold,
)
from clm_ethics.policy import Request, Verdict, decide
from tests.ethics.shop import NOON, SHOP, agree, codes, policy, reserve, someone, try_one

YEAR = timedelta(days=365)


# --- permission ----------------------------------------------------------------------------------


def test_nobody_is_contacted_without_permission():
    """Without a yes no level of the ladder is open, not even the contextual one."""
    answer = try_one(fold([Enrolled(at=NOON, purpose="news")]))

    assert not answer
    assert Level.NONE is answer.level
    assert ["consent.missing"] == codes(answer)


def test_a_stranger_is_offered_nothing():
    """Who was never enrolled gets nothing, and the answer says so."""
    assert ["customer.unknown"] == codes(try_one(State()))


def test_an_address_is_part_of_the_permission():
    """Where the address may not be seen, nobody can be contacted."""
    bare = fold([Enrolled(at=NOON, purpose="news", about={"region": "DE"}), agree("news")])

    assert ["field.absent"] == codes(try_one(bare))
    assert try_one(bare, channel="web")


def test_an_address_at_a_source_needs_the_source():
    """An address that a missing source holds cannot be used."""
    shop = policy(fields__email={"type": "text", "category": "user.contact.email", "source": "till"})
    person = someone(shop=shop)

    assert ["source.absent"] == codes(try_one(person, shop=shop))
    assert try_one(person, shop=shop, sources=frozenset({"till"}))


def test_actors_are_heeded():
    """A purpose that is limited to actors is closed to others."""
    shop = policy(purposes__news__actors=["crm"])
    person = someone(shop=shop)

    assert try_one(person, shop=shop, actor="crm")
    assert ["actor.not_listed"] == codes(try_one(person, shop=shop, actor="web"))


def test_the_permission_names_only_what_is_used():
    """The decision behind a choice covers the address and the fields of its level, and no more."""
    answer = try_one(
        someone(), offer=Offer("x", purpose="news", segment={"tastes"}, segment_size=20, uses={"points"})
    )

    assert answer.decision is not None
    assert Level.SEGMENT is answer.level
    assert ("tastes",) == answer.uses
    assert {"email", "tastes"} == set(answer.decision.fields)
    assert Verdict.ALLOW is answer.decision.verdict


# --- what the host may ask for -------------------------------------------------------------------


def test_an_offer_may_use_what_its_purpose_lists_and_no_more():
    """Wanting more than the purpose lists refuses the offer, even if it could do without."""
    answer = try_one(someone(), offer=Offer("x", purpose="deals", uses={"visits", "tastes"}))

    assert ["offer.overreach"] == codes(answer)
    assert "visits" in answer.withheld["x"][0].text
    assert "tastes" not in answer.withheld["x"][0].text


@pytest.mark.parametrize(
    "offer",
    [
        Offer("x", purpose="newz"),
        Offer("x", purpose="news", uses={"taste"}),
        Offer("x", purpose="news", segment={"taste"}),
        Offer("x", purpose="news", stages={"lost"}),
    ],
)
def test_undeclared_names_are_errors(offer):
    """A typing error is told to the developer; it is no silent no."""
    with pytest.raises(UnknownName):
        try_one(someone(), offer=offer)


def test_a_call_is_checked():
    """An unknown channel, two offers of one name, a non-offer and a naive time are errors."""
    offer = Offer("x", purpose="news")
    with pytest.raises(UnknownName):
        try_one(someone(), channel="fax")
    with pytest.raises(UsageError, match="two offers"):
        pick(SHOP, someone(), [offer, Offer("x", purpose="tips")], channel="email", at=NOON)
    with pytest.raises(UsageError, match="no offer"):
        pick(SHOP, someone(), ["x"], channel="email", at=NOON)  # type: ignore[list-item]
    with pytest.raises(UsageError, match="zone"):
        try_one(someone(), at=datetime(2026, 5, 4, 12))  # noqa: DTZ001


def test_nothing_proposed_is_nothing_chosen():
    """Without offers the answer is a no, and says why."""
    answer = pick(SHOP, someone(), [], channel="email", at=NOON)

    assert not answer
    assert "No offer was proposed" in answer.explain()
    assert answer.try_again is None


# --- ranking -------------------------------------------------------------------------------------


def test_the_host_ranks_and_names_break_ties():
    """The highest value wins; of equals the first by name."""
    offers = [
        Offer("b", purpose="news", value=2),
        Offer("a", purpose="news", value=2),
        Offer("c", purpose="news"),
    ]
    answer = pick(SHOP, someone(), offers, channel="email", at=NOON)

    assert answer.offer is not None
    assert "a" == answer.offer.name
    assert {} == answer.withheld


def test_the_best_that_passes_is_chosen():
    """An offer that is withheld makes room for the next, and the answer says why it was."""
    offers = [Offer("a", purpose="news", value=2, pressure="scarcity"), Offer("b", purpose="news")]
    answer = pick(SHOP, someone(), offers, channel="email", at=NOON)

    assert answer.offer is not None
    assert "b" == answer.offer.name
    assert ["offer.pressure_untrue"] == codes(answer, "a")


# --- the ladder ----------------------------------------------------------------------------------


LADDER = Offer("x", purpose="news", uses={"tastes", "points"}, segment={"visits"}, segment_size=20)


def test_each_step_of_the_ladder():
    """The highest level whose fields may all be seen is taken; the rest says why not higher."""
    person = someone()
    high = try_one(person, offer=LADDER, sources=frozenset({"till"}))
    middle = try_one(person, offer=LADDER)
    low = try_one(person, offer=Offer("x", purpose="news", uses={"points"}))

    assert (Level.INDIVIDUAL, ("points", "tastes"), ()) == (high.level, high.uses, high.why_not_higher)
    assert (Level.SEGMENT, ("visits",)) == (middle.level, middle.uses)
    assert ["source.absent"] == [why.code for why in middle.why_not_higher]
    assert middle.why_not_higher[0].text.startswith("points: ")
    assert (Level.CONTEXTUAL, ()) == (low.level, low.uses)
    assert ["source.absent"] == [why.code for why in low.why_not_higher]


def test_the_ladder_ends_where_the_host_says():
    """An offer that makes no sense without data is withheld rather than lowered."""
    answer = try_one(someone(), offer=Offer("x", purpose="news", uses={"points"}, contextual=False))

    assert ["source.absent"] == codes(answer)


def test_an_offer_that_asks_for_nothing_is_contextual():
    """Nothing stands in the way of a higher level that nobody asked for."""
    answer = try_one(someone())

    assert (Level.CONTEXTUAL, ()) == (answer.level, answer.why_not_higher)


@pytest.mark.parametrize("field", ["allergies", "gluten"])
@pytest.mark.parametrize("way", ["uses", "segment"])
def test_special_categories_need_an_explicit_yes(field, way):
    """Nobody is picked, alone or in a group, by a special category without an explicit yes."""
    offer = Offer("x", purpose="news", segment_size=20, **{way: {field}})
    plain, explicit = try_one(someone(), offer=offer), try_one(someone(grants=[field]), offer=offer)

    assert Level.CONTEXTUAL is plain.level
    assert [{"allergies": "field.special", "gluten": "offer.inference"}[field]] == [
        why.code for why in plain.why_not_higher
    ]
    assert (field,) == explicit.uses


def test_no_other_basis_opens_a_special_category():
    """A legal obligation may read it, and still no offer is aimed by it."""
    shop = policy(
        purposes__recall={
            "title": {"en": "Recalls", "de": "Rückrufe", "fr": "Rappels"},
            "processing": ["essential"],
            "basis": "legal_obligation",
            "law": "EU 2023/988 Art. 35",
            "channels": ["web"],
            "fields": ["allergies"],
            "explicit": ["allergies"],
        }
    )
    person = someone(shop=shop, grants=["allergies"])
    offer = Offer("x", purpose="recall", uses={"allergies"})

    assert "allergies" in decide(shop, person, Request("recall"), NOON).fields
    assert Level.CONTEXTUAL is try_one(person, offer=offer, shop=shop, channel="web").level


SUBSETS = st.sets(st.sampled_from(["tastes", "visits", "email", "phone"]))


@given(
    SUBSETS,
    SUBSETS,
    st.sets(st.sampled_from(["tastes", "visits"])),
    st.sets(st.sampled_from(["tastes", "visits"])),
)
@settings(max_examples=60)
def test_less_data_never_means_more_use(known, more, uses, segment):
    """With less data collected the level is never higher, and nothing unseen is used."""
    order = [Level.NONE, Level.CONTEXTUAL, Level.SEGMENT, Level.INDIVIDUAL]
    offer = Offer("x", purpose="news", uses=uses, segment=segment)

    def answer(fields):
        gone = fold([Recorded(at=NOON, event="ordered", removed=())], someone())
        kept = {name: runs for name, runs in gone.fields.items() if name in fields}
        return try_one(_with_fields(gone, kept), offer=offer, channel="web")

    few, many = answer(known), answer(known | more)

    assert order.index(few.level) <= order.index(many.level)
    assert set(few.uses) <= known


def _with_fields(state, fields):
    from msgspec.structs import replace

    return replace(state, fields=fields)


# --- a no never lets more through ----------------------------------------------------------------


NOES = st.sampled_from(
    [
        Withdrawn(at=NOON, purpose="news"),
        Refused(at=NOON, purpose="deals"),
        Withdrawn(at=NOON, purpose="tips"),
        Objected(at=NOON, purpose="news", marketing=True),
        Objected(at=NOON, purpose="deals", marketing=True),
        Objected(at=NOON, purpose="tips"),
        Restricted(at=NOON),
        SignalReceived(at=NOON, signal="gpc"),
        Recorded(at=NOON, event="ordered", muted={"direct_marketing": NOON + YEAR}),
    ]
)
OFFERS = [
    Offer("aimed", purpose="news", uses={"tastes"}),
    Offer("priced", purpose="deals", uses={"tastes"}, personal_price=True, disclosed=True),
    Offer("shown", purpose="tips", uses={"tastes"}),
    Offer("rush", purpose="news", pressure="deadline", pressure_true=True),
]


@given(
    st.lists(NOES, max_size=4), NOES, st.sampled_from(["email", "sms", "push", "web"]), st.integers(0, 800)
)
@settings(max_examples=80)
def test_a_no_never_lets_more_through(before, no, channel, days):
    """After one more no, restriction, signal or mute no offer is allowed that was not."""
    at = NOON + timedelta(days=days)
    person = someone(*before)
    allowed = set(names_of(person, channel, at))

    assert set(names_of(fold([no], person), channel, at)) <= allowed


def names_of(state, channel, at):
    """Return the offers that would pass."""
    offers = [offer for offer in OFFERS if channel in SHOP.purposes[offer.purpose].channels]
    return [offer.name for offer in offers if pick(SHOP, state, [offer], channel=channel, at=at)]


@pytest.mark.parametrize("offer", OFFERS[:2])
def test_an_objection_is_not_answered_by_another_purpose(offer):
    """After an objection to one marketing purpose no other steps in, unless it was agreed to afterwards."""
    other = {"news": "deals", "deals": "news"}[offer.purpose]
    objected = Objected(at=NOON, purpose=other, marketing=True)
    person = someone(objected)

    assert ["objection.direct_marketing"] == codes(try_one(person, offer=offer), offer.name)
    assert try_one(fold([agree(offer.purpose)], person), offer=offer)


def test_of_a_yes_and_an_objection_the_later_entry_counts():
    """An objection right after a yes ends it, and a yes right after an objection begins it."""
    objected = Objected(at=NOON, purpose="deals", marketing=True)

    assert ["objection.direct_marketing"] == codes(try_one(someone(agree("news"), objected)))
    assert try_one(someone(objected, agree("news")))


def test_another_channel_is_no_way_around_an_objection():
    """The rule counts on pages of the host too, where no address is needed."""
    person = someone(Objected(at=NOON, purpose="deals"))

    for channel in ("email", "sms", "push", "web"):
        assert "contact.objection" in codes(try_one(person, channel=channel))


def test_no_time_ends_an_objection():
    """However long ago it was, an older yes does not count: a later one does."""
    person = someone(Objected(at=NOON, purpose="deals"))

    assert ["contact.objection"] == codes(try_one(person, at=NOON + YEAR))
    assert ["contact.objection"] == codes(try_one(person, at=NOON + 9 * YEAR))


def test_advice_is_not_marketing():
    """An objection to marketing leaves personalisation alone that was agreed to."""
    person = someone(Objected(at=NOON, purpose="deals", marketing=True))

    assert try_one(person, offer=OFFERS[2], channel="web")


# --- minors, pressure, prices, stages ------------------------------------------------------------


@pytest.mark.parametrize(
    ("audience", "born", "level"),
    [
        ("adults", "", Level.INDIVIDUAL),
        ("adults", "2008-05-04", Level.CONTEXTUAL),
        ("adults", "2008-05-03", Level.INDIVIDUAL),
        ("general", "", Level.CONTEXTUAL),
        ("general", "1990-01-01", Level.INDIVIDUAL),
    ],
)
def test_minors_are_not_profiled(audience, born, level):
    """Who is a minor, or may be one, sees what everybody sees, until the birthday has begun."""
    shop = policy(controller__audience=audience)
    person = someone(shop=shop, born=born)
    offer = Offer("x", purpose="news", uses={"tastes"}, segment={"visits"})
    answer = try_one(person, offer=offer, shop=shop)

    assert level is answer.level
    assert (level is Level.CONTEXTUAL) == ("offer.minor" in [why.code for why in answer.why_not_higher])


def test_both_sides_of_coming_of_age():
    """Until the eighteenth birthday has begun everywhere there is no profiling, from then on there is."""
    person = someone(born="2008-05-04")
    offer = Offer("x", purpose="news", uses={"tastes"})
    adult = datetime(2026, 5, 4, 12, tzinfo=UTC)

    assert Level.CONTEXTUAL is try_one(person, offer=offer, at=adult - timedelta(microseconds=1)).level
    assert Level.INDIVIDUAL is try_one(person, offer=offer, at=adult).level


@pytest.mark.parametrize(
    ("born", "true", "found"),
    [
        ("1990-01-01", True, []),
        ("1990-01-01", None, ["offer.pressure_untrue"]),
        ("1990-01-01", False, ["offer.pressure_untrue"]),
        ("2010-01-01", True, ["offer.pressure_minor"]),
    ],
)
@pytest.mark.parametrize("pressure", ["deadline", "scarcity", "streak"])
def test_pressure_is_true_and_spares_minors(born, true, found, pressure):
    """Pressure that the host does not call true is refused, and any pressure on a minor."""
    until = NOON + YEAR
    proof = {
        "deadline": {"deadline": Deadline(until=until, valid_until=until)},
        "scarcity": {"scarcity": Scarcity(claimed=3, stock=3, counted=NOON)},
        "streak": {},
    }[pressure]
    offer = Offer("x", purpose="news", pressure=pressure, pressure_true=true, **(proof if true else {}))

    assert found == codes(try_one(someone(born=born), offer=offer))


@pytest.mark.parametrize(
    ("purpose", "more", "found"),
    [
        ("deals", {"uses": {"tastes"}, "disclosed": True}, []),
        ("deals", {"uses": {"tastes"}}, ["offer.price_undisclosed"]),
        ("deals", {"disclosed": True}, ["offer.price_impersonal"]),
        ("deals", {"segment": {"tastes"}, "disclosed": True}, ["offer.price_impersonal"]),
        ("news", {"uses": {"tastes"}, "disclosed": True}, ["offer.price_undeclared"]),
    ],
)
def test_personal_prices(purpose, more, found):
    """A personal price is disclosed, declared by the purpose, and rests on data that may be used."""
    assert found == codes(try_one(someone(), offer=Offer("x", purpose=purpose, personal_price=True, **more)))


def test_an_offer_for_a_stage_uses_the_stage():
    """It is profiling: only where the purpose lists the stage, and never as a contextual offer."""
    mine = Offer("x", purpose="news", stages={"customer"})
    unlisted = Offer("x", purpose="deals", stages={"customer"})

    assert (Level.SEGMENT, ("stage",)) == (
        try_one(someone(), offer=mine).level,
        try_one(someone(), offer=mine).uses,
    )
    assert ["offer.stage"] == codes(try_one(someone(stage="drifting"), offer=mine))
    assert ["offer.stage"] == codes(try_one(someone(), offer=mine, stage="drifting"))
    assert ["offer.overreach"] == codes(try_one(someone(), offer=unlisted))
    assert ["offer.minor"] == codes(try_one(someone(born="2010-01-01"), offer=mine))


# --- rules that fail -----------------------------------------------------------------------------


def _broken(offer, facts):
    raise ValueError(f"secret of {facts.state.about['zone']}")


@pytest.mark.parametrize(
    ("module", "place", "rules"), [(choose, "RULES", RULES), (judging, "AIM_RULES", AIM_RULES)]
)
def test_a_rule_that_raises_denies(monkeypatch, module, place, rules):
    """What cannot be judged is not made, and what the rule stumbled over is not told."""
    monkeypatch.setattr(module, place, (*rules, Rule("mine", _broken)))
    answer = try_one(someone(), offer=Offer("x", purpose="news", uses={"tastes"}))

    assert not answer
    assert ["rule.error"] == codes(answer)
    assert "mine raised ValueError" in answer.explain()
    assert "Berlin" not in answer.explain()


def test_a_broken_rule_of_the_ladder_denies_what_uses_no_data():
    """A broken rule never merely lowers the level."""
    broken = (Rule("mine", _broken),)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(judging, "AIM_RULES", broken)
        assert ["rule.error"] == codes(try_one(someone()))


# --- words ---------------------------------------------------------------------------------------


STOP = (
    "To stop it, withdraw your consent, at any time and as easily as you gave it, "
    "or write to privacy@shop.example."
)


def test_why_am_i_seeing_this():
    """The customer is told the purpose, since when they agreed, the data, the level, and how to stop it."""
    told = try_one(someone(), offer=Offer("spring", purpose="deals", uses={"tastes"})).explain()

    assert told.splitlines() == [
        "You see spring on email because of this purpose: deals (en) (deals).",
        "You agreed to this on 2026-05-04.",
        "It was chosen for you, from what we know of you: tastes (only as count).",
        "That looks at how you behave: it is profiling.",
        STOP,
    ]


def test_it_is_safe_to_put_into_a_page():
    """As HTML it says the same in paragraphs and lists, and nothing in it is markup of somebody else's."""
    offer = Offer("<b>tea</b> & more", purpose="news", uses={"points"})
    told = try_one(someone(), offer=offer)
    page = told.explain(html=True)

    assert page.startswith("<p>You see &lt;b&gt;tea&lt;/b&gt; &amp; more on email")
    assert "<ul><li>points: the source that holds it was not given (source.absent) [policy]</li></ul>" in page
    assert page.count("<p>") == page.count("</p>") == 5
    assert "<b>" not in page


def test_why_not_more():
    """The customer is told what kept more of their data out of it."""
    told = try_one(
        someone(born="2010-01-01"), offer=Offer("spring", purpose="news", uses={"tastes"})
    ).explain()

    assert "without looking at your data" in told
    assert "No more of your data was used, because:" in told
    assert "offer.minor" in told


def test_other_bases_say_how_to_stop_too():
    """Where no consent is the basis, no date of one is told, and a no is as easy."""
    shop = policy(
        purposes__news__basis=["legitimate_interest"],
        purposes__news__assessment="LIA 7",
        controller__established=["US"],
    )
    answer = try_one(someone(shop=shop, region="US"), shop=shop)

    assert answer.agreed is None
    assert "We have weighed our interest against yours, and you have not objected." in answer.explain()
    assert "To stop it, say no to this purpose, at any time and without a reason" in answer.explain()


def test_a_choice_told_again_needs_no_titles():
    """Without the purpose's words its name stands in for them, and nothing is left blank."""
    told = try_one(someone())
    bare = evolve(told, title="", contact="", agreed=None).explain()

    assert "because of this purpose: news." in bare
    assert bare.endswith("as easily as you gave it.")


def test_nothing_personal_is_shown():
    """Neither the text nor the repr of an answer holds a value of the customer."""
    person = someone(born="1990-02-03")
    for answer in (try_one(person), try_one(person, offer=Offer("x", purpose="news", pressure="streak"))):
        for text in (repr(answer), answer.explain(), *map(str, answer.reasons)):
            assert not any(value in text for value in person.about.values())


def test_the_clock_never_runs_backwards():
    """A clock set back revives no contact that was open before a later entry."""
    person = reserve(someone(), try_one(someone()), NOON)

    assert not try_one(person, at=NOON - timedelta(days=30))


def test_a_pick_lists_every_reason_once():
    """Two offers that fail for the same reason give it once."""
    offers = [Offer("a", purpose="news", pressure="streak"), Offer("b", purpose="news", pressure="streak")]
    answer = pick(SHOP, someone(), offers, channel="email", at=NOON)

    assert ["offer.pressure_untrue"] == [why.code for why in answer.reasons]
    assert {"a", "b"} == set(answer.withheld)


def test_choosing_is_a_function_of_its_inputs():
    """The same question gets the same answer; nothing is remembered between two."""
    at = datetime(2026, 6, 1, 9, tzinfo=UTC)
    first = try_one(someone(), offer=LADDER, at=at)

    assert first == try_one(someone(), offer=LADDER, at=at)
    with pytest.raises(UsageError):
        pickle.dumps(first.decision)


def test_a_yes_to_one_channel_is_no_yes_to_another():
    """A consent that names its channels opens no other."""
    person = someone(
        Granted(
            at=NOON,
            purpose="news",
            clause=SHOP.clauses["news"],
            shown="n",
            explicit=("direct_marketing",),
            channels=("sms",),
        )
    )

    assert ["consent.other_channel"] == codes(try_one(person))
    assert try_one(person, channel="sms")
