"""Deciding once more before it goes out: a pure function of what was chosen and what is known now."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from clm_ethics.ethics import Level, Made, Offer, still
from clm_ethics.model import Chosen, Recorded, Withdrawn, fold
from tests.ethics.shop import NOON, SHOP, agree, someone, try_one

HOUR = timedelta(hours=1)
OFFER = Offer("x", purpose="news", uses={"tastes"}, segment={"visits"}, segment_size=50)


def chosen(person, offer=OFFER, at=NOON, channel="email"):
    """Choose, and return what stands in the ledger, and the state after it."""
    found = try_one(person, offer=offer, channel=channel, at=at)
    assert found
    event = Chosen(
        at=at,
        offer=offer.name,
        purpose=offer.purpose,
        channel=channel,
        level=found.level.value,
        uses=found.uses,
        counts=found.counts,
        since=found.since,
    )
    after = fold([event], person)
    return Made(offer, event, after.length), after


def without(state, *fields):
    """Return the state as if these fields had gone."""
    return replace(state, fields={name: runs for name, runs in state.fields.items() if name not in fields})


def test_made_of_data_that_has_gone():
    """What was written from somebody's tastes does not go out without them, nor as something lesser."""
    made, after = chosen(someone())
    assert Level.INDIVIDUAL == made.event.level

    assert still(SHOP, after, made, at=NOON)
    answer = still(SHOP, without(after, "tastes"), made, at=NOON)
    assert not answer
    assert ["field.absent"] == [why.code for why in answer.reasons]


def test_more_data_since_changes_nothing_about_it():
    """What was made without data stays what it was, however much may be used by now."""
    made, after = chosen(without(someone(), "tastes", "visits"))
    more = replace(after, fields=someone().fields)
    answer = still(SHOP, more, made, at=NOON)

    assert answer
    assert (Level.CONTEXTUAL, ()) == (answer.level, answer.uses)


@given(st.integers(0, 60 * 24 * 40), st.sampled_from(["email", "sms", "push", "web"]))
@settings(max_examples=60, deadline=None)
def test_no_time_makes_a_no_of_the_customer_a_yes(minutes, channel):
    """After a withdrawal it never goes out again, whenever somebody asks; a later yes frees it."""
    made, after = chosen(someone(), channel=channel)
    gone = fold([Withdrawn(at=NOON, purpose="news")], after)
    at = NOON + timedelta(minutes=minutes)

    assert not still(SHOP, gone, made, at=at)
    assert still(SHOP, fold([agree("news")], gone), made, at=NOON)


@pytest.mark.parametrize("stage", ["customer", "drifting"])
def test_it_is_never_laxer_than_choosing_now(stage):
    """Where the same offer could not be chosen now, for others' contacts, it does not go out either."""
    made, after = chosen(someone(stage=stage))
    later = NOON + 30 * HOUR
    busy = fold(
        [Chosen(at=later, offer="o", purpose="news", channel="email"), Recorded(at=later, event="ordered")],
        after,
    )

    assert still(SHOP, after, made, at=later)
    assert not still(SHOP, busy, made, at=later)
