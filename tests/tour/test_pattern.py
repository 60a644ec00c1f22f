"""The invented answers: seeded, independent, plausible."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clm_ethics.tour.data import Person
from clm_ethics.tour.pattern import REGIONS, SHARES, ZONES, character
from tests.tour.histories import START, ages

ENDS = START + timedelta(days=364)
people = st.builds(Person, ref=st.text("0123456789", min_size=1, max_size=6), age=ages)


@given(people, st.integers(0, 99))
def test_a_character_depends_on_seed_and_reference_only(person, seed):
    """The same seed and reference give the same person, in any company."""
    first = character(person, seed=seed, begins=START, ends=ENDS)
    character(Person(ref="another"), seed=seed, begins=START, ends=ENDS)

    assert first == character(person, seed=seed, begins=START, ends=ENDS)


@given(people, st.integers(0, 99), st.integers(0, 400))
def test_answers_lie_inside_the_year_and_in_order(person, seed, days):
    """Nobody answers before signing up; each no follows its yes."""
    begins = START + timedelta(days=days)
    answers = character(person, seed=seed, begins=begins, ends=ENDS).answers

    assert [each.at for each in answers] == sorted(each.at for each in answers)
    assert all(each.at >= begins for each in answers)
    for purpose in ("recommendations", "newsletter"):
        acts = [each.act for each in answers if each.purpose == purpose]
        assert acts in ([], ["refuse"], ["grant"], ["grant", "withdraw"], ["grant", "withdraw", "grant"])


@given(people, st.integers(0, 99))
def test_nothing_follows_an_erasure(person, seed):
    """An erasure is the last thing that anybody says."""
    acts = [each.act for each in character(person, seed=seed, begins=START, ends=ENDS).answers]

    assert "erase" not in acts[:-1]


@given(people, st.integers(0, 99))
def test_a_date_of_birth_lies_in_the_bracket(person, seed):
    """Whoever signs up has an age in the bracket of the data; without a bracket there is no date."""
    born = character(person, seed=seed, begins=START, ends=ENDS).born
    if not person.age:
        assert born == ""
        return
    low, _, high = person.age.partition("-")
    age = (START - datetime.fromisoformat(born).replace(tzinfo=UTC)).days / 365.25

    assert int(low.rstrip("+")) <= age + 0.01
    assert age < (int(high) if high else int(low.rstrip("+")) + 15) + 1


@pytest.mark.parametrize(
    ("share", "act"), [("erase", "erase"), ("object_letters", "object"), ("complain", "complain")]
)
def test_the_stated_shares_are_the_real_ones(share, act):
    """The share that the report states is the share that is drawn."""
    drawn = Counter(
        (each.act, each.purpose)
        for number in range(4000)
        for each in character(Person(ref=str(number)), seed=1, begins=START, ends=ENDS).answers
    )
    purpose = "letters" if act == "object" else ""

    assert drawn[act, purpose] / 4000 == pytest.approx(SHARES[share][1], abs=0.015)


def test_regions_add_up_and_have_a_zone():
    """The shares of the regions are percent of everybody, and each region has its wall clock."""
    assert sum(percent for _, percent in REGIONS) == 100
    assert {region for region, _ in REGIONS} == set(ZONES)
