"""Events become state: bounded, merging only towards protection, one event at a time."""

from __future__ import annotations

import copy
import pickle
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from clm_ethics.errors import UsageError
from clm_ethics.model import (
    Cancelled,
    Chosen,
    Collected,
    Corrected,
    Enrolled,
    ErasureBegun,
    ErasureDone,
    Event,
    Forgotten,
    Granted,
    Moved,
    Objected,
    Put,
    Read,
    Recorded,
    Refusal,
    Refused,
    Removed,
    Restricted,
    RestrictionLifted,
    Sent,
    SignalReceived,
    State,
    Status,
    Swept,
    Withdrawn,
    apply,
    fold,
)
from clm_ethics.model.events import Left
from clm_ethics.model.fold import KEY_RECORD, KEYS_KEPT, RUNS_KEPT
from clm_ethics.model.times import NEVER
from tests.policy.people import SHOP
from tests.strategies import NAMES, lives, policies

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
DAY = timedelta(days=1)
MOST_STATE = 16 << 10
"""Bytes of a stored state, at most."""


def item(*announced: str, field: str = "visits", **how: object) -> Collected:
    """Return one appended item."""
    return Collected(field=field, announced=announced, appended=True, **how)  # type: ignore[arg-type]


def told(*collected: Collected, at: datetime = NOON, purpose: str = "account", **how: object) -> Put:
    """Return a telling of what was collected."""
    return Put(at=at, purpose=purpose, collected=collected, **how)  # type: ignore[arg-type]


# --- the whole ------------------------------------------------------------------------------------


@given(st.data())
def test_folding_is_one_event_at_a_time(data):
    """Folding in parts, from any state on, is folding the whole."""
    events = data.draw(lives(SHOP, most=12))
    cut = data.draw(st.integers(0, len(events)))

    assert fold(events) == fold(events[cut:], fold(events[:cut]))
    assert fold(events) == fold(events, State())
    assert len(events) == fold(events).length


def test_an_entry_of_no_effect_is_an_entry():
    """Whatever changes nothing else takes its place in the stream."""
    assert State(length=1, at=NOON) == fold([Event(at=NOON)])


@given(st.data())
def test_time_never_runs_backwards(data):
    """The state's time is that of its latest entry, in whatever order they come."""
    events = data.draw(st.permutations(data.draw(lives(SHOP, known=True))))

    assert max(each.at for each in events) == fold(events).at


@given(st.data())
def test_a_state_comes_back_from_storage(data):
    """What is stored is read back equal."""
    state = fold(data.draw(lives(SHOP, most=12)))

    assert state == msgspec.msgpack.decode(msgspec.msgpack.encode(state), type=State)


@settings(max_examples=20)
@given(st.data())
def test_a_state_stays_small(data):
    """Under a policy of bounded size a long life fits 16 KiB, idempotency keys included."""
    policy = data.draw(policies())
    events = data.draw(lives(policy, most=60))
    state = State()
    for round_ in range(6):
        keyed = [replace(each, key=bytes([round_, place % 256]) * 8) for place, each in enumerate(events)]
        state = fold(keyed, state)
        assert len(msgspec.msgpack.encode(state)) < MOST_STATE
        assert all(len(runs) <= RUNS_KEPT for runs in state.fields.values())
        assert len(state.keys) <= KEYS_KEPT * KEY_RECORD


def test_a_state_shows_its_shape_only():
    """``repr`` is no place for a person's data; nothing pickles; a copy is the same value."""
    known = fold([Enrolled(at=NOON, about={"region": "DE"})])

    assert "<State known, 1 entries>" == repr(known) == str(known)
    assert "<State unknown, 0 entries>" == repr(State())
    assert "<State erased, 2 entries>" == repr(fold([ErasureBegun(at=NOON)], known))
    with pytest.raises(UsageError, match="cannot be pickled"):
        pickle.dumps(known)
    assert known is copy.deepcopy(known)


# --- provenance -----------------------------------------------------------------------------------


def test_a_value_replaces_a_value():
    """Of a single value only the last provenance counts."""
    state = fold([told(Collected(field="email", announced=("news",))), told(Collected(field="email"))])

    assert [(2, ())] == [(run.index, run.announced) for run in state.fields["email"]]


def test_items_of_one_kind_are_one_run():
    """Items that came alike share a run, from the first to the last, with the later entry."""
    (run,) = fold([told(item("tips")), told(item("tips"), at=NOON + DAY)]).fields["visits"]

    assert (2, NOON, NOON + DAY, 2) == (run.index, run.first, run.last, run.count)


@pytest.mark.parametrize(
    "other",
    [
        told(item("tips", "news")),
        told(item("tips"), purpose="order"),
        told(item("tips"), by="till"),
        told(item("tips", consented=True)),
        Recorded(at=NOON, event="ordered", purpose="account", collected=(item("tips"),)),
    ],
)
def test_items_of_another_kind_begin_a_run(other):
    """Other purposes, another actor, event or right: another run."""
    assert 2 == len(fold([told(item("tips")), other]).fields["visits"])


RUN_KINDS = st.builds(
    lambda announced, purpose, consented, when: told(
        item(*sorted(announced), consented=consented), purpose=purpose, at=NOON + when * DAY
    ),
    st.sets(st.sampled_from(NAMES)),
    st.sampled_from(NAMES),
    st.booleans(),
    st.integers(0, 30),
)


@given(st.lists(RUN_KINDS, min_size=1, max_size=60))
def test_merging_only_ever_protects(tellings):
    """A merged run permits no more than each of its items: fewer purposes, a later entry, still consented."""
    runs = fold(tellings).fields["visits"]
    assert len(runs) <= RUNS_KEPT
    assert len(tellings) == sum(run.count for run in runs)
    assert sorted({run.index for run in runs}) == [run.index for run in runs]

    below = 0
    for run in runs:
        for index in range(below + 1, run.index + 1):
            (one,) = tellings[index - 1].collected
            assert set(run.announced) <= set(one.announced)
            assert run.consented >= one.consented
            assert run.purpose in {"", tellings[index - 1].purpose}
            assert run.first <= tellings[index - 1].at <= run.last
        below = run.index


@given(st.lists(RUN_KINDS, min_size=1, max_size=20), st.integers(0, 25))
def test_the_oldest_items_go_first(tellings, count):
    """Removing items takes them from the oldest runs; removing none takes all."""
    state = fold(tellings)
    removed = fold([Swept(at=NOON, removed=(Removed(field="visits", items=count),))], state)
    left = removed.fields.get("visits", ())

    assert (len(tellings) - count if count else 0) == sum(run.count for run in left) or count > len(tellings)
    assert [run.index for run in left] == [run.index for run in state.fields["visits"]][
        len(state.fields["visits"]) - len(left) :
    ]


def test_a_full_list_drops_its_oldest():
    """An appended item says how many had to go."""
    state = fold([told(item("a")), told(item("b")), told(item("c", dropped=1))])

    assert [("b",), ("c",)] == [run.announced for run in state.fields["visits"]]


def test_a_sweep_may_leave_parts_of_runs():
    """What is left of each run stands in the event; runs without items go."""
    state = fold([told(item("a"), item("a")), told(item("b")), told(item("c"))])
    left = (Left(1, 1, NOON + DAY), Left(0, 2, NOON), Left(1, 3, NOON))
    removed = (Removed(field="visits", items=2), Removed(field="email"))
    swept = fold([Swept(at=NOON, removed=removed, left={"visits": left})], state)

    assert [(1, NOON + DAY, ("a",)), (1, NOON, ("c",))] == [
        (run.count, run.first, run.announced) for run in swept.fields["visits"]
    ]


def test_a_telling_may_remove():
    """What a telling takes away is gone before what it brings."""
    state = fold(
        [told(item("a"), Collected(field="email")), told(item("b"), removed=(Removed(field="visits"),))]
    )

    assert [("b",)] == [run.announced for run in state.fields["visits"]]
    assert "email" in state.fields


def test_a_correction_changes_the_value_and_not_its_right():
    """When, for what and by what right it was collected stays (Art. 16 GDPR); the entry is a new one."""
    first = told(Collected(field="email", announced=("news",), consented=True), at=NOON, purpose="order")
    right = Corrected(
        at=NOON + 9 * DAY, by="desk", collected=(Collected(field="email", announced=("news",)),)
    )
    (run,) = fold([first, right]).fields["email"]

    assert (2, NOON, NOON, "order", True) == (run.index, run.first, run.last, run.purpose, run.consented)
    assert "corrected" == run.event


def test_a_corrected_list_of_several_purposes_has_none():
    """Where the items came for several purposes, the corrected list came for no one of them."""
    events = [told(item("a")), told(item("a"), purpose="order", at=NOON + DAY)]
    right = Corrected(at=NOON + DAY, collected=(Collected(field="visits", announced=("a",), items=2),))
    (run,) = fold([*events, right]).fields["visits"]

    assert ("", NOON, NOON + DAY, 2) == (run.purpose, run.first, run.last, run.count)


def test_a_correction_of_nothing_is_a_collection():
    """Without a value before there is no right to keep."""
    (run,) = fold([Corrected(at=NOON, collected=(Collected(field="email", announced=("a",)),))]).fields[
        "email"
    ]

    assert NOON == run.first


def test_built_in_facts_have_provenance():
    """A region came under a purpose as any value; what is no field has none."""
    state = fold([Enrolled(at=NOON, purpose="account", about={"region": "DE", "ref": "c-1"})])
    bare = fold([Put(at=NOON, about={"region": "DE"})])
    explicit = fold(
        [Put(at=NOON, about={"region": "DE"}, collected=(Collected(field="region", announced=("a",)),))]
    )

    assert {"region": "DE", "ref": "c-1"} == state.about
    assert {"region": ("account",)} == {name: runs[0].announced for name, runs in state.fields.items()}
    assert () == bare.fields["region"][0].announced
    assert ("a",) == explicit.fields["region"][0].announced


def test_what_happened_earlier_counts_from_then():
    """``happened`` is when it was collected; ``at`` when it was learnt."""
    (run,) = fold([told(item("a"), happened=NOON - 5 * DAY)]).fields["visits"]

    assert NOON - 5 * DAY == run.first


# --- consents and noes ----------------------------------------------------------------------------


def test_the_last_word_counts():
    """Per purpose the last yes or no stands, with its entry."""
    state = fold(
        [
            Granted(at=NOON, purpose="tips"),
            Refused(at=NOON, purpose="tips"),
            Withdrawn(at=NOON, purpose="news"),
        ]
    )

    assert (Status.REFUSED, 2) == (state.consents["tips"].status, state.consents["tips"].index)
    assert Status.WITHDRAWN is state.consents["news"].status


def test_a_repeated_no_remembers_the_first():
    """A no said again has stood since the first; a yes between begins anew; objections alike."""
    no, again = Refused(at=NOON, purpose="tips"), Withdrawn(at=NOON + DAY, purpose="tips")
    yes = Granted(at=NOON, purpose="tips")
    objected, later = Objected(at=NOON, purpose="tips"), Objected(at=NOON + DAY, purpose="tips")

    assert (NOON + DAY, NOON) == (
        fold([no, again]).consents["tips"].at,
        fold([no, again]).consents["tips"].since,
    )
    assert fold([no, again, again]).consents["tips"].since == NOON
    assert fold([no, yes, again]).consents["tips"].since is None
    assert fold([objected, later]).objections["tips"].since == NOON
    assert fold([objected, later, later]).objections["tips"].since == NOON
    assert fold([objected, yes, later]).objections["tips"].since is None
    assert fold([yes, objected, later]).objections["tips"].since == NOON


def test_an_objection_to_marketing_keeps_its_reach():
    """A later objection to the same purpose does not narrow the first, whatever the purpose is called now."""
    wide, narrow = Objected(at=NOON, purpose="news", marketing=True), Objected(at=NOON, purpose="news")

    assert fold([wide, narrow]).objections["news"].marketing
    assert fold([narrow, wide]).objections["news"].marketing
    assert not fold([narrow, narrow]).objections["news"].marketing


def test_a_restriction_keeps_its_place_until_it_is_lifted():
    """A second one changes the reason, not since when; lifting ends it."""
    first, second = Restricted(at=NOON, reason="one"), Restricted(at=NOON + DAY, reason="two")
    state = fold([first, second])

    assert state.restriction is not None
    assert (1, NOON, "two") == (state.restriction.index, state.restriction.at, state.restriction.reason)
    assert fold([RestrictionLifted(at=NOON)], state).restriction is None


def test_signals_come_and_are_cleared():
    """Each signal by its name."""
    state = fold([SignalReceived(at=NOON, signal="gpc"), SignalReceived(at=NOON + DAY, signal="gpc")])

    assert {"gpc": NOON + DAY} == state.signals
    assert {} == fold([SignalReceived(at=NOON, signal="gpc", cleared=True)], state).signals


# --- contracts, mutes, notices, stages ------------------------------------------------------------


def test_a_contract_is_open_while_any_is():
    """Contract facts are (purpose, key); the end is the latest closing."""
    state = fold(
        [
            Put(at=NOON, opened={"order": b"1"}),
            Put(at=NOON, opened={"order": b"1"}),
            Put(at=NOON, opened={"order": b"2"}),
        ]
    )
    one = fold([Put(at=NOON + DAY, closed={"order": (b"1",)})], state)
    none = fold([Put(at=NOON + 2 * DAY, happened=NOON, closed={"order": (b"2",)})], one)

    assert (b"1", b"2") == state.contracts["order"].open
    assert ((b"2",), NOON + DAY) == (one.contracts["order"].open, one.contracts["order"].ended)
    assert ((), NOON + DAY) == (none.contracts["order"].open, none.contracts["order"].ended)
    assert ((), NOON) == tuple(
        getattr(fold([Put(at=NOON, closed={"x": ()})]).contracts["x"], n) for n in ("open", "ended")
    )


def test_a_mute_is_never_shortened():
    """Of two times of peace the longer counts."""
    state = fold(
        [Put(at=NOON, muted={"a": NOON + 9 * DAY}), Put(at=NOON, muted={"a": NOON + DAY, "b": NOON})]
    )

    assert {"a": NOON + 9 * DAY, "b": NOON} == state.mutes


def test_a_notice_counts_from_its_first_time():
    """Since which entry the customer has been told of a purpose."""
    state = fold([Put(at=NOON, informed=("news",)), Put(at=NOON, informed=("news", "tips"))])

    assert {"news": 1, "tips": 2} == state.informed


def test_the_last_move_is_the_stage():
    """Several moves of one event are in order."""
    moves = (Moved(stage="quiet", at=NOON - DAY), Moved(stage="gone", at=NOON))
    state = fold([Enrolled(at=NOON, moves=moves)])

    assert ("gone", NOON) == (state.stage, state.stage_since)


def test_an_event_is_remembered_by_when_it_happened_last():
    """An older happening that is learnt later is not the last."""
    events = [
        Recorded(at=NOON, event="ordered"),
        Recorded(at=NOON + DAY, happened=NOON - DAY, event="ordered"),
    ]

    assert {"ordered": NOON} == fold(events).happened


def test_enrolment_makes_a_customer_known():
    """From when: as it happened, if that was said."""
    assert fold([Enrolled(at=NOON)]).known
    assert NOON == fold([Enrolled(at=NOON)]).enrolled
    assert NOON - DAY == fold([Enrolled(at=NOON, happened=NOON - DAY)]).enrolled


def test_a_minor_is_known_until_of_age():
    """From the date of birth; a correction corrects it; an unreadable date is a child's."""
    child = fold([Enrolled(at=NOON, about={"born": "2012-05-20"})])
    adult = fold([Enrolled(at=NOON, about={"born": "1990-05-20"})])

    assert datetime(2030, 5, 20, 12, tzinfo=UTC) == child.minor_until
    assert adult.minor_until is None
    assert NEVER == fold([Enrolled(at=NOON, about={"born": "long ago"})]).minor_until
    assert fold([Corrected(at=NOON, about={"born": "1990-01-01"})], child).minor_until is None
    assert child.minor_until == fold([Put(at=NOON, about={"region": "DE"})], child).minor_until


# --- keys, contacts, the record of questions ------------------------------------------------------


def test_the_last_keys_are_remembered_as_a_ring():
    """The last 256 keys with their entries; the oldest goes for the newest."""
    state = State()
    for index in range(1, KEYS_KEPT + 3):
        state = apply(state, Put(at=NOON, key=index.to_bytes(16, "big")))
        assert index.to_bytes(16, "big") + index.to_bytes(4, "big") == state.keys[-KEY_RECORD:]

    assert KEYS_KEPT * KEY_RECORD == len(state.keys)
    assert (3).to_bytes(16, "big") == state.keys[:16]
    assert state.keys == apply(state, Put(at=NOON)).keys


def test_contacts_are_reserved_sent_cancelled_and_pruned():
    """A choice reserves; what was sent stays so; what was cancelled counts no more; the old are pruned."""
    chosen = Chosen(at=NOON, offer="o", purpose="news", channel="email")
    free = Chosen(at=NOON, offer="o", purpose="news", channel="web", counts=False)
    state = fold([chosen, free, chosen])

    assert [(1, False, False), (3, False, False)] == [(c.index, c.sent, c.cancelled) for c in state.contacts]
    after = fold([Sent(at=NOON, choice=1), Cancelled(at=NOON, choice=1), Cancelled(at=NOON, choice=3)], state)
    assert [(1, True, False), (3, False, True)] == [(c.index, c.sent, c.cancelled) for c in after.contacts]
    pruned = fold([Chosen(at=NOON + DAY, offer="o", purpose="news", channel="sms", since=NOON + DAY)], after)
    assert ["sms"] == [c.channel for c in pruned.contacts]


def test_the_oldest_question_is_remembered_until_forgotten():
    """Reads and refusals begin the record; forgetting moves on to what is left."""
    read, refusal = Read(at=NOON, purpose="tips"), Refusal(at=NOON + DAY, verb="read")
    state = fold([read, refusal])

    assert NOON == state.audit_since
    assert NOON + DAY == fold([refusal, read]).audit_since
    forgotten = fold([Forgotten(at=NOON + DAY, ranges=((1, 1),), until=NOON + DAY)], state)
    assert (1, NOON + DAY) == (forgotten.forgotten, forgotten.audit_since)
    assert 1 == fold([Forgotten(at=NOON, ranges=())], forgotten).forgotten


# --- erasure --------------------------------------------------------------------------------------


@given(st.data())
def test_an_erasure_leaves_the_survivors_and_nothing_else(data):
    """Only the survivors' provenance stays, a restriction of them, and that somebody was there."""
    before = fold(data.draw(lives(SHOP, known=True, erased=False)))
    kept = data.draw(st.sets(st.sampled_from(["email", "visits", "allergies"])))
    state = fold([ErasureBegun(at=NOON, survivors=dict.fromkeys(kept, "books"))], before)
    bare = State(
        known=True,
        length=state.length,
        at=state.at,
        erased=NOON,
        sealed=before.sealed,
        fields={name: runs for name, runs in before.fields.items() if name in kept},
    )
    if bare.fields and before.restriction is not None:
        bare = replace(bare, restriction=replace(before.restriction, reason=""))

    assert bare == state
    assert fold([ErasureDone(at=NOON)], state).erasure_done
