"""What holds of every pack, whatever it says: found by search, not by example."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clm_ethics.errors import UnknownName
from clm_ethics.regimes import (
    AgeRule,
    Cell,
    Claim,
    Condition,
    ConsentAge,
    Duty,
    Facts,
    Kind,
    Organisation,
    Pack,
    Posture,
    Review,
    Row,
    Rule,
    Ruling,
    Scope,
    Test,
    Watch,
    consent_age,
    load_packs,
    packs_for,
)

DAYS = st.dates(date(2020, 1, 1), date(2020, 1, 20))
ROWS = st.sampled_from([Row.ANALYTICS, Row.EMAIL_MARKETING, Row.SALE_SHARING])
REGIONS = st.sampled_from(["DE", "DE-BY", "FR", "US", "US-CA"])
TERRITORIES = st.lists(REGIONS, unique=True, max_size=3).map(tuple)
CLAIMS = st.lists(st.sampled_from(list(Claim)), unique=True, max_size=3).map(tuple)
DUTIES = st.lists(st.sampled_from(list(Duty)), unique=True, max_size=2).map(tuple)
POSTURES = st.sampled_from(list(Posture))
TRUTHS = st.none() | st.booleans()
AGES = st.none() | st.integers(0, 20)
FIXED = {"cite": st.sampled_from(["Art. 1", "Art. 2"]), "prov": st.just("knowledge/high")}

cells = st.builds(
    Cell,
    row=ROWS,
    posture=POSTURES,
    recommended=st.none() | POSTURES,
    uncertain=st.booleans(),
    exceptions=CLAIMS,
    duties=DUTIES,
    device=st.booleans(),
    unless=TERRITORIES,
    kind=st.sampled_from(list(Kind)),
    review=st.none() | st.sampled_from(list(Review)),
    cite=FIXED["cite"],
    prov=st.sampled_from(["knowledge/high", "knowledge/low"]),
)
rules = st.builds(
    Rule,
    rows=st.lists(ROWS, unique=True, min_size=1).map(tuple),
    posture=POSTURES,
    territory=TERRITORIES,
    since=st.none() | DAYS,
    until=st.none() | DAYS,
    age_min=AGES,
    age_max=AGES,
    beyond_scope=st.booleans(),
    when=st.lists(st.sampled_from(list(Condition)), unique=True, max_size=2).map(tuple),
    exceptions=CLAIMS,
    duties=DUTIES,
    kind=st.sampled_from(list(Kind)),
    **FIXED,
)
LIMITS = st.none() | st.integers(0, 4)
scopes = st.builds(
    Scope,
    test=st.sampled_from(list(Test)),
    since=st.none() | DAYS,
    until=st.none() | DAYS,
    revenue_usd=LIMITS,
    revenue_floor_usd=LIMITS,
    residents=LIMITS,
    residents_selling=LIMITS,
    sale_share=LIMITS,
    nonprofits=st.booleans(),
    small_business_exempt=st.booleans(),
    **FIXED,
)
ages = st.builds(
    ConsentAge,
    default=st.integers(13, 16),
    guardian=st.just("a parent"),
    national=st.lists(
        st.builds(
            AgeRule,
            age=st.integers(13, 16),
            territory=REGIONS,
            since=st.none() | DAYS,
            until=st.none() | DAYS,
            **FIXED,
        ),
        max_size=3,
    ).map(tuple),
    **FIXED,
)
packs = st.builds(
    Pack,
    id=st.just("x"),
    name=st.just("X"),
    territory=st.lists(REGIONS, unique=True, min_size=1).map(tuple),
    since=DAYS,
    until=st.none() | DAYS,
    review=st.sampled_from(list(Review)),
    cells=st.lists(cells, max_size=3, unique_by=lambda each: each.row).map(tuple),
    rules=st.lists(rules, max_size=4).map(tuple),
    scopes=st.lists(scopes, max_size=2).map(tuple),
    consent_age=st.none() | ages,
)


organisations = st.builds(
    Organisation,
    revenue_usd=st.none() | st.integers(0, 4),
    turnover_eur=st.none() | st.just(10_000_001),
    employees=st.none() | st.sampled_from([49, 50]),
    residents=st.lists(st.tuples(REGIONS, st.integers(0, 4)), max_size=2).map(tuple),
    sale_share=st.none() | st.integers(0, 4),
    sells=TRUTHS,
    small_business=TRUTHS,
    nonprofit=TRUTHS,
    public_body=TRUTHS,
    platform=TRUTHS,
)
facts = st.builds(
    Facts,
    age=AGES,
    age_known=st.booleans(),
    device=st.booleans(),
    special=st.booleans(),
    precise_location=st.booleans(),
    kind=st.sampled_from(["", "consumer", "business"]),
    controller=organisations,
)


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that a pack is asked with, but for the day."""

    row: Row
    territory: str
    facts: Facts

    def put_to(self, pack: Pack, day: date, **facts: Any) -> Ruling | None:
        """Ask *pack* on *day*, with some facts changed."""
        told = msgspec.structs.replace(self.facts, **facts)
        return pack.cell_at(self.row, day, territory=self.territory, facts=told)


questions = st.builds(Question, row=ROWS, territory=REGIONS, facts=facts)


def permits_no_more(after: Ruling | None, before: Ruling | None) -> bool:
    """Say whether *after* asks for at least what *before* asks for; silence asks for nothing."""
    if before is None:
        return True
    if after is None or after.posture < before.posture:
        return False
    return all(before.admits(claim) for claim in (*Claim, "legitimate_interest") if after.admits(claim))


@given(packs, rules, questions, DAYS)
def test_a_rule_never_permits_more(pack: Pack, rule: Rule, question: Question, day: date) -> None:
    """Adding a rule never lowers the posture and never admits a further claim."""
    more = msgspec.structs.replace(pack, rules=(*pack.rules, rule))
    assert permits_no_more(question.put_to(more, day), question.put_to(pack, day))


@given(st.lists(packs, max_size=3), packs, questions, DAYS)
def test_a_pack_never_permits_more(some: list[Pack], added: Pack, question: Question, day: date) -> None:
    """Adding a pack never lowers the highest posture of all."""

    def highest(among: list[Pack]) -> int:
        found = [question.put_to(pack, day) for pack in among]
        return max((ruling.posture for ruling in found if ruling is not None), default=-1)

    assert highest(some) <= highest([*some, added])


@given(packs, questions, DAYS, st.integers(0, 20))
def test_an_unknown_age_is_no_excuse(pack: Pack, question: Question, day: date, age: int) -> None:
    """Whoever's age is unknown is permitted no more than anybody of a known age."""
    unknown = question.put_to(pack, day, age=None)
    known = question.put_to(pack, day, age=age)
    assert permits_no_more(unknown, known)


@given(packs, questions, DAYS)
def test_a_condition_never_permits_more(pack: Pack, question: Question, day: date) -> None:
    """Device access and special categories can only raise what is asked."""
    bare = question.put_to(pack, day, device=False, special=False, precise_location=False)
    both = question.put_to(pack, day, device=True, special=True, precise_location=True)
    assert permits_no_more(both, bare)


@given(packs, questions, DAYS)
def test_a_review_is_what_settles_doubt(pack: Pack, question: Question, day: date) -> None:
    """The less a pack was checked, the less it permits; only counsel leaves nothing uncertain."""
    checked = [
        question.put_to(reviewed(pack, level), day)
        for level in (Review.UNREVIEWED, Review.REVIEWED, Review.COUNSEL)
    ]
    unreviewed, compared, counsel = checked
    assert permits_no_more(unreviewed, compared)
    assert permits_no_more(compared, counsel)
    assert counsel is None or not counsel.uncertain


def reviewed(pack: Pack, level: Review) -> Pack:
    """Return the pack with that level for the whole of it."""
    cells = tuple(msgspec.structs.replace(cell, review=None) for cell in pack.cells)
    return msgspec.structs.replace(pack, review=level, cells=cells)


@given(packs, questions, DAYS, st.sampled_from(sorted(set(Organisation.__struct_fields__) - {"residents"})))
def test_what_nobody_states_frees_nobody(pack: Pack, question: Question, day: date, fact: str) -> None:
    """A fact about the controller, or about whom it deals with, that is left open never permits more."""
    stated = question.put_to(pack, day)
    controller = msgspec.structs.replace(question.facts.controller, **{fact: None})
    assert permits_no_more(question.put_to(pack, day, controller=controller), stated)
    controller = msgspec.structs.replace(question.facts.controller, residents=())
    assert permits_no_more(question.put_to(pack, day, controller=controller), stated)
    assert permits_no_more(question.put_to(pack, day, kind=""), stated)
    assert permits_no_more(question.put_to(pack, day, age=None), stated)


@given(questions, st.dates(date(2000, 1, 1), date(2035, 1, 1)))
def test_what_is_coming_never_decides(question: Question, day: date) -> None:
    """Without its watch items each real pack gives the same answer; an item has no posture to give."""
    for pack in load_packs().values():
        bare = msgspec.structs.replace(pack, watch=())
        assert question.put_to(bare, day) == question.put_to(pack, day)
        assert bare.changes() == pack.changes()
    assert not {"posture", "rows", "since", "cite"}.intersection(Watch.__struct_fields__)


@pytest.mark.parametrize("pack", load_packs().values(), ids=lambda pack: str(pack.id))
def test_no_cell_is_missing(pack: Pack) -> None:
    """Each pack answers each kind of processing with a posture, or says why it is silent; never both."""
    with_cell = {cell.row for cell in pack.cells}
    silent = {row for row in Row if pack.silence(row)}
    assert set(Row) == with_cell | silent
    assert not with_cell & silent
    assert len(with_cell) == len(pack.cells)


@given(packs, questions, DAYS)
def test_nothing_changes_between_changes(pack: Pack, question: Question, day: date) -> None:
    """From one day to the next an answer is the same unless the later one is among the changes."""
    tomorrow = day + timedelta(days=1)
    if tomorrow not in pack.changes():
        assert question.put_to(pack, day) == question.put_to(pack, tomorrow)
        assert consent_age(pack, question.territory, day) == consent_age(pack, question.territory, tomorrow)


@given(packs, questions, DAYS)
def test_a_subdivision_has_the_law_of_its_country(pack: Pack, question: Question, day: date) -> None:
    """Where a pack speaks for a country, it speaks for each part of it."""
    country = question.put_to(pack, day)
    part = msgspec.structs.replace(question, territory=f"{question.territory[:2]}-ZZ").put_to(pack, day)
    if len(question.territory) == 2 and not any(cell.unless for cell in pack.cells):
        assert country == part


@given(questions, st.dates(date(1990, 1, 1), date(2030, 1, 1)))
def test_a_ruling_stands_on_something(question: Question, day: date) -> None:
    """Each ruling of the real packs cites an article, and names its pack and row."""
    for name, pack in load_packs().items():
        ruling = question.put_to(pack, day)
        if ruling is not None:
            assert (name, question.row) == (ruling.pack, ruling.row)
            assert ruling.cite
            assert ruling.kind in Kind


EUROPE = ("eu-ai-act", "eu-consumer", "eu-dsa", "eu-eprivacy", "eu-gdpr")
FEDERAL = ("us-can-spam", "us-coppa", "us-federal", "us-tcpa")


@pytest.mark.parametrize(
    ("regions", "ids"),
    [
        ((), ()),
        (("DE",), EUROPE),
        (("DE-BY",), EUROPE),
        (("NO",), ("eu-eprivacy", "eu-gdpr")),
        (("GB",), ("uk-gdpr-pecr",)),
        (("US-CA",), ("us-ca", *FEDERAL)),
        (("US",), FEDERAL),
        (("US-OH", "DE", "DE"), (*EUROPE, *FEDERAL)),
        (("CH",), ("ch-fadp",)),
        (("AR",), ()),
        (("D",), ()),
    ],
)
def test_packs_for(regions: tuple[str, ...], ids: tuple[str, ...]) -> None:
    """A region brings in the laws of each territory that contains it, each once."""
    assert ids == tuple(sorted(pack.id for pack in packs_for(iter(regions), load_packs())))


def test_an_unknown_row_is_not_silence() -> None:
    """A spelling mistake raises, with the nearest row: it must not pass for a law without an opinion."""
    with pytest.raises(UnknownName, match="`analytics`"):
        load_packs()["us-ca"].cell_at("anlytics", date(2026, 1, 1), territory="US-CA", facts=Facts())


def test_packs_are_values() -> None:
    """Packs are read once, hashable, and their table cannot be changed."""
    assert load_packs() is load_packs()
    assert len({hash(pack) for pack in load_packs().values()}) == len(load_packs())
    with pytest.raises(TypeError):
        load_packs()["x"] = load_packs()["us-ca"]  # type: ignore[index]
    with pytest.raises(AttributeError):
        load_packs()["us-ca"].name = "x"  # type: ignore[misc]
