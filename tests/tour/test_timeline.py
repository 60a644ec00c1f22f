"""The timeline: everything once, in order, nothing after an erasure."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from clm_ethics.tour.timeline import WEEK, Act, Step, Week, weeks
from tests.tour.histories import histories

seeds = st.integers(0, 1000)


def steps_of(year: tuple[Week, ...]) -> list[Step]:
    """Return all steps in the order of their telling."""
    return [step for week in year for batch in week.batches for step in batch]


@given(histories(), seeds)
def test_the_clock_never_runs_backwards(history, seed):
    """All comes in the order of the injected clock; nothing is told before it happened."""
    year = weeks(history, seed)
    steps = steps_of(year)

    assert [step.clock for step in steps] == sorted(step.clock for step in steps)
    assert all(step.at <= step.clock for step in steps)
    assert all(later.ends - earlier.ends == WEEK for earlier, later in pairwise(year))
    assert all(week.ends - WEEK < step.clock <= week.ends for week in year for step in steps_of((week,)))


@given(histories(), seeds)
def test_a_batch_has_one_clock_and_keeps_each_persons_order(history, seed):
    """Steps that run concurrently share the clock, and one person's steps stay in the order of time."""
    for week in weeks(history, seed):
        for batch in week.batches:
            assert {batch[0].clock} == {step.clock for step in batch}
            assert [step.at for step in batch] == sorted(step.at for step in batch)


@given(histories(), seeds)
def test_a_key_names_one_step_of_a_person(history, seed):
    """No two steps of a person have the same key, so telling again is never taken for telling more."""
    counts = Counter((step.ref, step.key) for step in steps_of(weeks(history, seed)))

    assert set() == {name for name, count in counts.items() if count > 1}


@given(histories(), seeds)
def test_every_story_starts_with_signing_up_and_ends_with_an_erasure(history, seed):
    """Nobody does anything before they sign up, nor after they are erased."""
    steps = steps_of(weeks(history, seed))
    for person in history.persons:
        acts = [step.act for step in steps if step.ref == person.ref]

        assert Act.ENROLL is acts[0]
        assert Act.ENROLL not in acts[1:]
        assert Act.ERASE not in acts[:-1]


@given(histories(), seeds)
def test_every_basket_of_a_living_customer_is_told_once(history, seed):
    """The baskets told are the baskets of the data, but for those after an erasure."""
    steps = steps_of(weeks(history, seed))
    erased = {step.ref: step.clock for step in steps if step.act is Act.ERASE}
    told = {(step.ref, step.values["receipt"]) for step in steps if step.act is Act.BASKET}
    due = {(each.ref, each.number): each.at for each in history.baskets}

    assert told <= due.keys()
    assert all(
        ref in erased and at > erased[ref].replace(hour=0)
        for (ref, _), at in due.items()
        if (ref, _) not in told
    )


@given(histories(), seeds)
def test_the_living_are_those_enrolled_and_not_erased(history, seed):
    """At the end of each week the living are whoever signed up so far and is not erased."""
    living: set[str] = set()
    for week in weeks(history, seed):
        for step in steps_of((week,)):
            if step.act is Act.ENROLL:
                living.add(step.ref)
            if step.act is Act.ERASE:
                living.discard(step.ref)

        assert living == set(week.living)


@given(histories(), seeds)
def test_the_same_seed_gives_the_same_year(history, seed):
    """A tour that goes on in another process tells the same steps."""
    assert weeks(history, seed) == weeks(history, seed)


@given(histories())
def test_the_last_week_is_counted(history):
    """The figures end with the last week, however short the year."""
    assert weeks(history, 1)[-1].counted


@given(histories(), seeds)
def test_invoices_add_up_to_the_baskets_of_the_month(history, seed):
    """The month's invoice is the sum of the month's baskets."""
    for step in steps_of(weeks(history, seed)):
        if step.act is Act.INVOICE:
            month = step.values["number"].partition("/")[0]
            total = sum(
                each.amount
                for each in history.baskets
                if each.ref == step.ref and f"{each.at:%Y-%m}" == month
            )

            assert str(total) == step.values["amount"]
