"""Courses and measures, from events alone; parity as fairlearn computes it; nothing of few people."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest
from fairlearn.metrics import (
    MetricFrame,
    demographic_parity_difference,
    demographic_parity_ratio,
    selection_rate,
)
from hypothesis import given
from hypothesis import strategies as st

from clm_ethics import UsageError
from clm_ethics.ethics.course import Course, Scope, peak
from clm_ethics.ethics.fairness import NOT_TOLD, Tally, findings, hidden
from clm_ethics.model import (
    Asked,
    Cancelled,
    Chosen,
    Granted,
    Objected,
    Read,
    Refusal,
    Refused,
    Sent,
    Withdrawn,
)

NOW = datetime(2026, 5, 4, 10, tzinfo=UTC)
DAY = timedelta(days=1)
SCOPE = Scope(marketing=frozenset({"news", "deals"}), reaching=frozenset({"email"}))


def course(*events, scope=SCOPE):
    """Fold *events* as entries from 1 on."""
    found = Course(scope)
    for index, event in enumerate(events, 1):
        found.see(index, event)
    return found


def chosen(at=NOW, level="individual", **more):
    """An offer that was chosen."""
    return Chosen(**{"at": at, "offer": "x", "purpose": "news", "channel": "email", "level": level} | more)


def tally(*people, k=1, grouped=False):
    """Count *people*: courses, or courses with groups."""
    found = Tally(k, grouped=grouped)
    for each in people:
        one, group = each if isinstance(each, tuple) else (each, None)
        found.add(one, NOW - 400 * DAY, NOW, group)
    return {measure.key: measure for measure in found.measures()}


def rows(measure):
    """The told counts by row."""
    return {row.name: (row.hits, row.of) for row in measure.rows}


# --- parity ------------------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.sampled_from("abc"), st.booleans()), min_size=2, max_size=80))
def test_rates_and_parity_are_those_of_fairlearn(people):
    """Selection rates, their largest difference and their ratio agree with fairlearn's."""
    found = tally(*((course(*[chosen()] * got), group) for group, got in people), grouped=True)[
        "offers.group"
    ]
    groups, got = zip(*people, strict=True)
    frame = MetricFrame(
        metrics=selection_rate, y_true=got, y_pred=got, sensitive_features=pd.Series(groups, name="g")
    )
    ours = {row.name: row.interval.point for row in found.rows}
    gap = demographic_parity_difference(got, got, sensitive_features=groups)

    assert pytest.approx(frame.by_group.to_dict()) == ours
    assert pytest.approx(gap) == max(ours.values()) - min(ours.values())
    assert pytest.approx(gap) == max((-row.against.point for row in found.rows if row.against), default=0.0)
    if any(got):
        ratio = demographic_parity_ratio(got, got, sensitive_features=groups)
        assert pytest.approx(ratio) == min(ours.values()) / max(ours.values())


def test_groups_that_are_served_alike_raise_nothing():
    """Equal rates, prices at the public one, and new and old alike: nothing to look at."""
    people = [(course(*[chosen()] * (number % 2)), "ab"[number % 4 > 1]) for number in range(400)]

    assert () == findings(tally(*people, grouped=True).values())


@pytest.mark.parametrize(("members", "raised"), [(100, True), (19, False)])
def test_a_group_that_is_left_out_is_raised(members, raised):
    """A group that gets half as much is a finding, if it is large enough to be one."""
    people = [(course(*[chosen()] * (number % 10 < 9)), "a") for number in range(100)]
    people += [(course(*[chosen()] * (number % 10 < 4)), "b") for number in range(members)]
    found = findings(tally(*people, grouped=True).values())

    assert [("E16", "b")] * raised == [(each.rule, each.place) for each in found]


def test_a_gap_that_chance_explains_is_not_raised():
    """Five of twenty against seven of twenty is under four fifths, and nothing but chance."""
    people = [(course(*[chosen()] * (number < 7)), "a") for number in range(20)]
    people += [(course(*[chosen()] * (number < 5)), "b") for number in range(20)]

    assert () == findings(tally(*people, grouped=True).values())


def test_whom_the_host_picked_shows_beside_whom_it_served():
    """A group that is never chosen for is out of the second table, not of the first."""
    no = Refusal(at=NOW, verb="choose", purpose="news", code="consent.missing")
    found = tally((course(chosen()), "a"), (course(no), "a"), (course(), "b"), grouped=True)

    assert {"a": (1, 2), "b": (0, 1)} == rows(found["offers.group"])
    assert {"a": (1, 2)} == rows(found["offers.group_asked"])


def test_a_cancelled_choice_is_no_offer():
    """What was chosen and not sent counts nowhere, but the customer was considered."""
    found = tally((course(chosen(), Cancelled(at=NOW, choice=1)), "a"), grouped=True)

    assert {"a": (0, 1)} == rows(found["offers.group_asked"])
    assert "levels" not in found


def test_who_did_not_tell_is_compared_with_nobody():
    """Customers without a group have a row, the last, and are no reference."""
    people = [(course(), "a"), (course(), "b"), (course(chosen()), None)]
    found = tally(*people, grouped=True)["offers.group"]

    assert ["a", "b", NOT_TOLD] == [row.name for row in found.rows]
    assert found.reference in ("a", "b")


def test_a_field_with_too_many_values_makes_no_groups():
    """Memory grows with groups, so that a name or an address is refused."""
    with pytest.raises(UsageError, match="more than 100 groups"):
        tally(*((course(), str(number)) for number in range(101)), grouped=True)


# --- loyalty -----------------------------------------------------------------------------------------


def priced(years, asked, worth=None):
    """A customer of so many years who was asked for a price; the public one is 10."""
    stated = {"price": repr(asked), "public_price": "10.0"} | (
        {} if worth is None else {"customer_value": worth}
    )
    return course(chosen(stated=stated)), NOW - 366 * years * DAY


def tenured(*people):
    """Count people with the day on which they became customers."""
    found = Tally(1)
    for one, enrolled in people:
        found.add(one, enrolled, NOW)
    return found.measures()


@pytest.mark.parametrize(("old", "raised"), [(11.0, ["5 years and more"]), (10.0, []), (9.0, [])])
def test_who_stays_and_pays_more_is_raised(old, raised):
    """A price above that of new customers is a finding; the same or a lower one is none."""
    people = [priced(0, 10 + step % 3 * 0.1) for step in range(30)]
    people += [priced(6, old + step % 3 * 0.1) for step in range(30)]

    assert raised == [each.place for each in findings(tenured(*people)) if each.rule == "E17"]


def test_worse_offers_for_who_stays_are_raised():
    """What an offer is worth to the customer, by the host's word, is compared too."""
    people = [priced(0, 10.0, repr(5 + step % 3)) for step in range(30)]
    people += [priced(3, 10.0, repr(2 + step % 3)) for step in range(30)]

    assert [("E17", "2 to 5 years")] == [(each.rule, each.place) for each in findings(tenured(*people))]


@pytest.mark.parametrize(
    "stated", [{}, {"price": "9.0"}, {"price": "9.0", "public_price": "0.0"}, {"price": "?"}]
)
def test_a_price_without_a_public_one_is_compared_with_nothing(stated):
    """Prices of different things are no measure of each other."""
    assert "prices.tenure" not in tally(course(chosen(stated=stated)))


# --- pressure ----------------------------------------------------------------------------------------


@given(st.lists(st.integers(0, 90), max_size=30))
def test_the_peak_is_the_fullest_window(days):
    """It is the most that any rolling span holds, found by looking at every one of them."""
    times = [NOW + day * DAY for day in sorted(days)]
    fullest = max((sum(start <= at < start + 30 * DAY for at in times) for start in times), default=0)

    assert fullest == peak(times, 30 * DAY)


def test_the_budget_is_told_by_how_full_it_was():
    """Ten contacts in thirty days use all of it; the same over a year do not, nor do pages."""
    full = course(*(chosen(NOW + day * DAY) for day in range(10)))
    spread = course(*(chosen(NOW + 31 * day * DAY) for day in range(10)))
    page = course(*(chosen(NOW + day * DAY, channel="web") for day in range(10)))
    found = tally(full, spread, page)["pressure.budget"]

    assert {"no contact": (1, 3), "up to half of it": (1, 3), "all of it": (1, 3)} == rows(found)


def test_the_share_of_levels_and_of_pressure():
    """Each is told of all offers that were made."""
    found = tally(course(chosen(), chosen(level="contextual", pressed=True), chosen(level="contextual")))

    assert {"individual": (1, 3), "contextual": (2, 3), "segment": (0, 3)} == rows(found["levels"])
    assert {"pressing": (1, 3)} == rows(found["pressure.offers"])


# --- yes and no --------------------------------------------------------------------------------------


def yes(days=0, **more):
    """A yes to the newsletter."""
    return Granted(**{"at": NOW + days * DAY, "purpose": "news", "by": "web"} | more)


def no(days=0, kind=Withdrawn, **more):
    """A no to the newsletter."""
    return kind(**{"at": NOW + days * DAY, "purpose": "news", "by": "customer"} | more)


def test_opt_in_and_withdrawal_by_purpose():
    """The last answer counts as the answer; a withdrawal is of those who had said yes."""
    found = tally(
        course(yes()), course(no(kind=Refused)), course(no(kind=Refused), yes(1)), course(yes(), no(1))
    )

    assert {"news": (3, 4)} == rows(found["consent.opt_in"])
    assert {"news": (1, 3)} == rows(found["consent.withdrawal"])


def test_an_objection_to_marketing_takes_back_every_marketing_yes():
    """It is a withdrawal of each purpose that was agreed to, and no answer to others."""
    both = course(yes(), yes(purpose="deals"), yes(purpose="tips"), no(1, Objected, marketing=True))
    found = tally(both)

    assert {"deals": (1, 1), "news": (1, 1), "tips": (0, 1)} == rows(found["consent.withdrawal"])


@pytest.mark.parametrize(
    ("events", "band"),
    [
        ([no(1)], "at once"),
        ([no(1, happened=NOW)], "within a day"),
        ([no(3, happened=NOW)], "within 30 days"),
        ([no(1), Read(at=NOW + 4 * DAY, purpose="news", basis="consent")], "within 30 days"),
        ([no(1), Read(at=NOW + 4 * DAY, purpose="news", basis="contract")], "at once"),
        ([no(1), Read(at=NOW + 4 * DAY, purpose="tips", basis="consent")], "at once"),
        ([no(1), yes(3), Read(at=NOW + 4 * DAY, purpose="news", basis="consent")], "at once"),
        ([chosen(), no(0), Sent(at=NOW + 40 * DAY, choice=2, against="withdrawn")], "later"),
    ],
)
def test_a_no_is_honoured_when_nothing_comes_after_it(events, band):
    """The last use for the purpose after the no, and before another yes, is when it was honoured."""
    found = tally(course(yes(), *events))["honour"]

    assert {band: (1, 1)} == rows(found)


def test_a_yes_that_was_moved_here_was_not_slow():
    """An agreement from elsewhere, with its evidence, is as old as it is; a late one counts."""
    moved = course(yes(happened=NOW - 900 * DAY, evidence="scan-7"))
    late = course(yes(happened=NOW - 2 * DAY))

    assert {"within 30 days": (1, 1)} == rows(tally(moved, late)["delay.yes"])


def test_the_effort_of_a_yes_and_of_a_no():
    """Prompts before the first yes, noes said again, and the ways by which each arrives."""
    asked = [Asked(at=NOW, purpose="news", surface="popup")] * 3
    found = tally(course(*asked, yes(), no(1), no(2)), course(yes(by="shop"), no(1)))

    assert [("news", 1, 3.0)] == [
        (row.name, row.of, row.interval.point) for row in found["effort.prompts"].rows
    ]
    assert {"news": (1, 2)} == rows(found["effort.repeated"])
    assert {"a yes": (2, None), "a no": (1, None)} == rows(found["effort.ways"])


def test_what_came_before_only_says_where_somebody_stood():
    """With a beginning, an earlier yes is what a later no takes back, and no answer of that time."""
    scope = SCOPE._replace(since=NOW)
    found = tally(course(chosen(NOW - DAY), yes(-1), no(1), scope=scope))

    assert "consent.opt_in" not in found
    assert "levels" not in found
    assert {"news": (1, 1)} == rows(found["consent.withdrawal"])


# --- few people --------------------------------------------------------------------------------------

cells = st.dictionaries(
    st.sampled_from("abcdef"), st.tuples(st.integers(0, 40), st.integers(0, 40)).map(lambda c: (*c, sum(c)))
)


@given(cells, st.integers(1, 15))
def test_no_few_people_can_be_told_from_what_is(counts, k):
    """Neither a row nor what is missing from the sum of all rows is of 1 to k - 1 people."""
    few = hidden(counts, k)

    for name, row in counts.items():
        assert name in few or not any(0 < count < k for count in row)
    missing = [sum(counts[name][place] for name in few) for place in range(3)]
    if few != counts.keys():
        assert not any(0 < count < k for count in missing)


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.integers(0, 3)), max_size=60), st.integers(2, 10))
def test_every_told_count_is_of_enough_people(people, k):
    """Over all measures of shares a count is none, or of at least k people, and so is its rest."""
    found = tally(
        *((course(*[chosen(level=("individual", "contextual")[n % 2]) for n in range(got)]), group)
          for group, got in people),
        k=k, grouped=True,
    )  # fmt: skip
    for key in ("offers.group", "offers.tenure", "offers.group_asked", "pressure.budget"):
        for row in found[key].rows if key in found else ():
            if row.told:
                assert row.hits == 0 or row.hits >= k
                assert key == "pressure.budget" or row.of == row.hits or row.of - row.hits >= k


def test_a_level_does_not_follow_from_the_others():
    """If three customers of a group had a personal offer, the contextual ones are not told either."""
    people = [(course(chosen(), chosen(level="contextual")), "a") for _ in range(3)]
    people += [(course(chosen(level="contextual")), "a") for _ in range(30)]
    found = tally(*people, k=10, grouped=True)

    assert [False, False] == [found[f"{level}.group"].rows[0].told for level in ("individual", "contextual")]


@pytest.mark.parametrize("k", [0, -1, True, 2.5, "10"])
def test_a_floor_is_a_whole_number(k):
    """Anything else is a wrong call."""
    with pytest.raises(UsageError):
        Tally(k)
