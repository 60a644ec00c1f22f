"""As of an instant: what was known then, and what was true then as is known today."""

from __future__ import annotations

from datetime import timedelta
from itertools import product

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from msgspec.structs import replace

from clm_ethics.model import (
    Enrolled,
    Moved,
    Objected,
    Put,
    Recorded,
    Refused,
    Restricted,
    Swept,
    Withdrawn,
    fold,
    fold_as_of,
)
from clm_ethics.policy import Request, decide
from tests.policy.people import DAY, NOON, SHOP, put, shop, someone, withdrawn, yes
from tests.policy.test_laws import assert_no_more, outcome
from tests.strategies import REGIONS, START, lives, moments, policies, questions

NOES = (Withdrawn, Refused, Objected, Restricted)
TICK = timedelta(microseconds=1)


def scene(data):
    """Draw a policy, a life, a question and an instant."""
    policy = data.draw(policies())
    events = data.draw(lives(policy, known=True, erased=False))
    return policy, events, data.draw(questions(policy)), data.draw(moments(events))


def prompt(events):
    """Return the life as it is told when everything is learnt at once, and nothing is derived late."""
    return [replace(each, happened=None) for each in events]


def late(data, events):
    """Return the life with some of its noes, and nothing else, learnt long after they were said."""
    return [
        replace(each, happened=each.at - data.draw(st.sampled_from([0, 1, 30, 500])) * DAY)
        if isinstance(each, NOES)
        else each
        for each in prompt(events)
    ]


# --- what was known then --------------------------------------------------------------------------


@given(st.data())
def test_what_was_known_then_is_the_fold_of_what_was_learnt_by_then(data):
    """The state as known then is the fold of the entries that had been learnt, and of no other."""
    _, events, _, at = scene(data)

    assert fold([each for each in events if each.at <= at]) == fold_as_of(events, at)


@given(st.data())
def test_what_is_learnt_later_does_not_change_what_was_known(data):
    """An answer as known then is the same whatever the customer's ledger has got since."""
    policy, events, request, at = scene(data)
    prefix = [each for each in events if each.at <= at]
    before, after = (decide(policy, fold_as_of(told, at), request, at) for told in (prefix, events))

    assert outcome(before) == outcome(after)


# --- what is known now ----------------------------------------------------------------------------


@given(st.data())
def test_without_late_news_then_and_now_agree(data):
    """If everything was learnt when it happened, what was known then is what is true then."""
    _, events, _, at = scene(data)
    events = prompt(events)

    assert fold_as_of(events, at) == replace(
        fold_as_of(events, at, known="now"), length=fold_as_of(events, at).length
    )


@given(st.data())
def test_as_of_the_end_the_truth_permits_no_more_than_today(data):
    """After the last entry what is true is what today's state says, and no yes, value or item more."""
    policy, events, request, at = scene(data)
    today = fold(events)
    at = max(at, today.at or at)
    past = fold_as_of(events, at, known="now")

    assert_no_more(decide(policy, past, request, at), decide(policy, today, request, at), past, today)
    assert today.consents.keys() == past.consents.keys()
    assert [each.index for each in today.consents.values()] == [each.index for each in past.consents.values()]
    assert today.fields == past.fields
    assert (today.contracts, today.mutes, today.course) == (past.contracts, past.mutes, past.course)


@given(st.data())
def test_a_late_no_never_permits_more(data):
    """If only noes are learnt late, what is known today permits no more than what was known then."""
    policy, events, request, at = scene(data)
    events = late(data, events)
    then, now = fold_as_of(events, at), fold_as_of(events, at, known="now")
    now = replace(now, length=max(now.length, then.length))

    assert_no_more(decide(policy, now, request, at), decide(policy, then, request, at), now, then)


@given(st.data())
def test_what_happened_after_the_instant_is_not_true_then(data):
    """News of what happened later changes nothing of what is true of then."""
    policy, events, request, at = scene(data)
    happened = [each for each in events if (each.happened or each.at) <= at]
    news = Put(
        at=max([at, *(each.at for each in events)]) + TICK, purpose=request.purpose, opened={"x": b"x"}
    )
    assume(happened)
    before, after = (fold_as_of(told, at, known="now") for told in (events, [*events, news]))

    assert before == replace(after, length=before.length)
    assert outcome(decide(policy, before, request, at)) == outcome(decide(policy, after, request, at))


@given(st.data(), st.sampled_from(NOES[:3]), st.integers(0, 400), st.integers(1, 400))
def test_a_no_counts_from_when_it_was_said(data, kind, said, later):
    """From when it was said on, however late it is learnt, a no stops what it stops; not a moment before."""
    policy, events, request, _ = scene(data)
    events = prompt(events)
    start = events[-1].at + DAY * said
    no = kind(at=start + DAY * later, happened=start, purpose=request.purpose)
    told = [*events, no]
    for at in (start, start + DAY * later / 2, no.at - TICK):
        state = fold_as_of(told, at, known="now")
        at_once = fold([*events, replace(no, at=start, happened=None)])
        assert outcome(decide(policy, at_once, request, at)) == outcome(decide(policy, state, request, at))
    just_before = decide(policy, fold_as_of(told, start - TICK, known="now"), request, start - TICK)
    assume(start - TICK >= events[-1].at)
    assert outcome(decide(policy, fold(events), request, start - TICK)) == outcome(just_before)


@given(st.data())
def test_nothing_of_the_past_lies_after_the_instant(data):
    """No time in either state is later than the instant: a decision is made as of then, not later."""
    _, events, _, at = scene(data)
    for known in ("then", "now"):
        state = fold_as_of(events, at, known=known)
        assert state.at is None or state.at <= at
        assert all(each.at <= at for each in state.consents.values())
        assert all(stay.since <= at for stay in state.course)


# --- by example -----------------------------------------------------------------------------------


def told(*events):
    """Return the ledger of somebody with an account, and then *events*."""
    first = Enrolled(
        at=NOON, purpose="account", opened={"account": b"a"}, moves=(Moved(stage="customer", at=NOON),)
    )
    return [first, *events]


def asked(events, at, known, purpose="ads"):
    """Return the codes of an answer as of *at* about somebody in Germany."""
    today = replace(fold(events), about={"region": "DE"})
    state = fold_as_of(events, at, known=known, today=today)
    return decide(SHOP, state, Request(purpose), at).codes


def test_a_withdrawal_that_arrives_late():
    """Between when it was given and when it was learnt the answers differ, and are both right."""
    events = told(yes("ads"), replace(withdrawn("ads", at=NOON + 20 * DAY), happened=NOON + 10 * DAY))

    assert "consent.given" in asked(events, NOON + 15 * DAY, "then")
    assert "consent.withdrawn" in asked(events, NOON + 15 * DAY, "now")
    assert "consent.given" in asked(events, NOON + 9 * DAY, "now")
    assert "consent.withdrawn" in asked(events, NOON + 20 * DAY, "then")


def test_nobody_was_known_before_they_came():
    """Before the first entry nobody was known; who had been a customer elsewhere was, as is known now."""
    events = told()
    early = [replace(events[0], happened=NOON - 30 * DAY)]

    assert ("customer.unknown",) == asked(events, NOON - DAY, "then")
    assert ("customer.unknown",) == asked(early, NOON - DAY, "then")
    assert ("customer.unknown",) != asked(early, NOON - DAY, "now")


def test_a_stage_that_was_written_down_late_was_reached_in_time():
    """A move due on a day counts from that day, though a later entry wrote it down; later moves do not."""
    moves = (Moved(stage="drifting", at=NOON + 90 * DAY), Moved(stage="gone", at=NOON + 270 * DAY))
    events = told(Swept(at=NOON + 300 * DAY, moves=moves))

    assert "drifting" == fold_as_of(events, NOON + 100 * DAY, known="now").stage
    assert "customer" == fold_as_of(events, NOON + 100 * DAY, known="then").stage
    assert "gone" == fold_as_of(events, NOON + 300 * DAY, known="now").stage


def test_a_purchase_that_is_told_late_was_one():
    """An order learnt a month later opened its contract when it was made."""
    late_order = Recorded(
        at=NOON + 30 * DAY, happened=NOON + DAY, event="ordered", purpose="order", opened={"order": b"k"}
    )
    events = told(late_order)

    assert "contract.absent" in asked(events, NOON + 2 * DAY, "then", "order")
    assert "contract.live" in asked(events, NOON + 2 * DAY, "now", "order")


def test_a_forgotten_entry_keeps_its_place():
    """An entry whose body is gone counts as one; what comes after it keeps its index."""
    events = told(None, yes("ads"))

    assert 3 == fold_as_of(events, NOON).consents["ads"].index
    assert 3 == fold_as_of(events, NOON, known="now").consents["ads"].index


def test_built_in_values_and_a_restored_backup_are_those_of_today():
    """The ledger holds no region and no date of birth: today's are used; who was restored stays so."""
    today = replace(someone(born="2010-01-01"), restored=True)
    past = fold_as_of(told(), NOON, today=today)

    assert (today.about, today.minor_until, True) == (past.about, past.minor_until, past.restored)


# --- until when -----------------------------------------------------------------------------------


def turns(state, request, at, *, policy=SHOP):
    """Check that the answer stands until just before ``valid_until``, and is another at it; return when."""
    before = decide(policy, state, request, at)
    until = before.valid_until
    assert until is not None
    assert outcome(before) == outcome(decide(policy, state, request, until - TICK))
    assert outcome(before) != outcome(decide(policy, state, request, until))
    return until


def test_a_yes_that_expires_ends_to_the_instant():
    """A consent stands until just before it expires."""
    state = someone(yes("ads", until=NOON + 9 * DAY))

    assert NOON + 9 * DAY == turns(state, Request("ads", ()), NOON)


def test_a_mute_ends_to_the_instant():
    """Somebody is left in peace until just before the mute is over."""
    state = someone(yes("newsletter"), Put(at=NOON, muted={"direct_marketing": NOON + 3 * DAY}))

    assert NOON + 3 * DAY == turns(state, Request("newsletter", (), channel="email"), NOON)


def test_a_retention_ends_to_the_instant():
    """A value is seen until just before its time is over."""
    policy = shop(purposes__account__keep={"for": "P10D", "from": "collected"})
    state = someone(put("account", "email"))

    assert NOON + 10 * DAY == turns(state, Request("account"), NOON, policy=policy)


def test_coming_of_age_changes_the_law_to_the_instant():
    """Known as a minor, nobody is shown targeted ads on a platform until they are 18 where they live."""
    policy = shop(controller__facts={"platform": True, "employees": 500})
    state = someone(yes("ads", shop=policy), born="2008-06-01")

    until = turns(state, Request("ads", ()), NOON, policy=policy)
    assert "law.prohibited" in decide(policy, state, Request("ads", ()), NOON).codes
    assert NOON.replace(day=31, hour=23) == until  # midnight in Germany, in winter


@pytest.mark.parametrize("established", ["DE", "US-CA"])
def test_a_change_of_law_counts_from_its_first_instant(established):
    """Step by step through the packs' dates: nothing changes before one, and at some an answer does."""
    policy = shop(controller__established=[established])
    changed = 0
    for region, name in product(REGIONS, ("ads", "advice", "calls", "figures")):
        state = someone(yes("ads", shop=policy), yes("advice", shop=policy), at=START, region=region)
        request, at = Request(name, ()), START
        for _ in range(30):
            before = decide(policy, state, request, at)
            until = before.valid_until
            if until is None or until > START + 1500 * DAY:
                break
            assert outcome(before) == outcome(decide(policy, state, request, until - TICK))
            after = decide(policy, state, request, until)
            changed += before.stage == after.stage and outcome(before) != outcome(after)
            at = until

    assert changed


def test_a_stage_changes_to_the_instant():
    """A purpose for customers stands until just before somebody drifts away from all its stages."""
    policy = shop(purposes__advice__stages=["customer"])
    state = someone(yes("advice", shop=policy))

    assert NOON + 90 * DAY <= turns(state, Request("advice", ()), NOON + 60 * DAY, policy=policy)
