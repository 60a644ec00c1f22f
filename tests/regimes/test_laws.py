"""What holds of every pack, whatever it says: found by search, not by example."""

from __future__ import annotations

from datetime import date, timedelta

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
    Kind,
    Pack,
    Posture,
    Review,
    Row,
    Rule,
    Ruling,
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
    **FIXED,
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
    condition=st.none() | st.sampled_from(list(Condition)),
    exceptions=CLAIMS,
    duties=DUTIES,
    kind=st.sampled_from(list(Kind)),
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
    consent_age=st.none() | ages,
)


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that a pack is asked with, but for the day."""

    row: Row
    territory: str
    age: int | None
    device: bool
    special: bool

    def put_to(self, pack: Pack, day: date) -> Ruling | None:
        """Ask *pack* on *day*."""
        return pack.cell_at(
            self.row, day, territory=self.territory, age=self.age, device=self.device, special=self.special
        )


questions = st.builds(
    Question, row=ROWS, territory=REGIONS, age=AGES, device=st.booleans(), special=st.booleans()
)


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
    unknown = msgspec.structs.replace(question, age=None).put_to(pack, day)
    known = msgspec.structs.replace(question, age=age).put_to(pack, day)
    assert permits_no_more(unknown, known)


@given(packs, questions, DAYS)
def test_a_condition_never_permits_more(pack: Pack, question: Question, day: date) -> None:
    """Device access and special categories can only raise what is asked."""
    bare = msgspec.structs.replace(question, device=False, special=False).put_to(pack, day)
    both = msgspec.structs.replace(question, device=True, special=True).put_to(pack, day)
    assert permits_no_more(both, bare)


@given(packs, questions, DAYS)
def test_a_review_is_what_settles_doubt(pack: Pack, question: Question, day: date) -> None:
    """An unreviewed pack permits no more than the same pack reviewed, which admits to no doubt."""
    reviewed = question.put_to(msgspec.structs.replace(pack, review=Review.REVIEWED), day)
    unreviewed = question.put_to(msgspec.structs.replace(pack, review=Review.UNREVIEWED), day)
    assert permits_no_more(unreviewed, reviewed)
    assert reviewed is None or not reviewed.uncertain


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


@pytest.mark.parametrize(
    ("regions", "ids"),
    [
        ((), ()),
        (("DE",), ("eu-eprivacy", "eu-gdpr")),
        (("DE-BY",), ("eu-eprivacy", "eu-gdpr")),
        (("GB",), ("uk-gdpr-pecr",)),
        (("US-CA",), ("us-ca", "us-can-spam", "us-tcpa")),
        (("US",), ("us-can-spam", "us-tcpa")),
        (("US-TX", "DE", "DE"), ("eu-eprivacy", "eu-gdpr", "us-can-spam", "us-tcpa")),
        (("CH",), ()),
        (("D",), ()),
    ],
)
def test_packs_for(regions: tuple[str, ...], ids: tuple[str, ...]) -> None:
    """A region brings in the laws of each territory that contains it, each once."""
    assert ids == tuple(pack.id for pack in packs_for(iter(regions), load_packs()))


def test_an_unknown_row_is_not_silence() -> None:
    """A spelling mistake raises, with the nearest row: it must not pass for a law without an opinion."""
    with pytest.raises(UnknownName, match="`analytics`"):
        load_packs()["us-ca"].cell_at(
            "anlytics", date(2026, 1, 1), territory="US-CA", age=None, device=False, special=False
        )


def test_packs_are_values() -> None:
    """Packs are read once, hashable, and their table cannot be changed."""
    assert load_packs() is load_packs()
    assert len({hash(pack) for pack in load_packs().values()}) == len(load_packs())
    with pytest.raises(TypeError):
        load_packs()["x"] = load_packs()["us-ca"]  # type: ignore[index]
    with pytest.raises(AttributeError):
        load_packs()["us-ca"].name = "x"  # type: ignore[misc]
