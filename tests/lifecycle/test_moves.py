"""Stages and their moves: pure functions of moves, state and time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from clm_ethics.lifecycle import Lifecycle, Move, course, next_due, on_event
from clm_ethics.lifecycle.moves import MOST_MOVES
from clm_ethics.model import Duration, Enrolled, Moved, Recorded, State, fold

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def days(count: int) -> Duration:
    """Return a span of days."""
    return Duration(seconds=count * 86400)


LIFE = Lifecycle(
    start="fresh",
    purpose="tips",
    moves=(
        Move(sources=("fresh", "quiet"), to="active", on="ordered"),
        Move(sources=("active",), to="quiet", after=days(60), without="ordered"),
        Move(sources=("quiet",), to="gone", after=days(150), without="ordered"),
        Move(sources=("gone",), to="lost", after=days(30)),
    ),
)


def in_stage(stage: str, since: datetime = NOON, *events: Recorded) -> State:
    """Return somebody in a stage since then."""
    return fold([Enrolled(at=since, moves=(Moved(stage=stage, at=since),)), *events])


def always(stage: str, at: datetime) -> bool:
    """Permit."""
    return True


def stages(state: State, at: datetime, permitted=always) -> list[tuple[str, datetime]]:
    """Return the moves that are due."""
    return [(each.stage, each.at) for each in course(LIFE, state, at, permitted)[0]]


def test_a_timed_move_comes_due_to_the_instant():
    """Sixty days without an order, and not an instant earlier."""
    state = in_stage("active")
    due = NOON + 60 * DAY

    assert due == next_due(LIFE, state)
    assert [] == stages(state, due - timedelta(microseconds=1))
    assert [("quiet", due)] == stages(state, due)
    assert due == course(LIFE, state, NOON, always)[1]
    assert due + 150 * DAY == course(LIFE, state, due, always)[1]


def test_the_time_counts_from_the_last_event():
    """A time without an order counts from the last order; of who never ordered, from the stage."""
    ordered = Recorded(at=NOON + 9 * DAY, event="ordered")
    elsewhere = Recorded(at=NOON + 9 * DAY, event="complaint")

    assert NOON + 69 * DAY == next_due(LIFE, in_stage("active", NOON, ordered))
    assert NOON + 60 * DAY == next_due(LIFE, in_stage("active", NOON, elsewhere))


def test_a_move_is_never_due_before_the_stage_that_it_leaves():
    """An old order does not lead out of a stage before it began."""
    before = Recorded(at=NOON, happened=NOON - 400 * DAY, event="ordered")

    assert NOON == next_due(LIFE, in_stage("quiet", NOON, before))


def test_moves_follow_each_other():
    """Several that came due meanwhile are made in order, each at its own time."""
    expected = [("quiet", NOON + 60 * DAY), ("gone", NOON + 210 * DAY), ("lost", NOON + 240 * DAY)]

    assert expected == stages(in_stage("active"), NOON + 999 * DAY)
    assert expected[:2] == stages(in_stage("active"), NOON + 239 * DAY)
    assert course(LIFE, in_stage("active"), NOON + 999 * DAY, always)[1] is None


def test_a_move_is_asked_for_with_the_stage_before_it_and_at_its_time():
    """What is not permitted is not made, and nothing after it."""
    asked = []

    def permitted(stage: str, at: datetime) -> bool:
        asked.append((stage, at))
        return stage == "active"

    assert [("quiet", NOON + 60 * DAY)] == stages(in_stage("active"), NOON + 999 * DAY, permitted)
    assert [("active", NOON + 60 * DAY), ("quiet", NOON + 210 * DAY)] == asked


def test_without_a_stage_or_a_way_out_nothing_is_due():
    """Nobody moves who is nowhere, or where only events lead on."""
    for state in (State(), in_stage("lost"), in_stage("fresh")):
        assert next_due(LIFE, state) is None
        assert ((), None) == course(LIFE, state, NOON + 999 * DAY, always)


def test_of_two_moves_the_earlier_is_made():
    """Whichever comes due first."""
    both = Lifecycle(
        start="a",
        moves=(
            Move(sources=("a",), to="late", after=days(9)),
            Move(sources=("a",), to="soon", after=days(3)),
        ),
    )

    assert ("soon", NOON + 3 * DAY) == _first(course(both, in_stage("a"), NOON + 9 * DAY, always)[0])


def _first(moves):
    return moves[0].stage, moves[0].at


def test_an_event_moves_from_where_the_policy_says():
    """The first move on the event from the stage; none elsewhere."""
    assert Moved(stage="active", at=NOON) == on_event(LIFE, "quiet", "ordered", NOON)
    assert on_event(LIFE, "gone", "ordered", NOON) is None
    assert on_event(LIFE, "quiet", "complaint", NOON) is None


def test_a_circle_of_time_comes_to_an_end():
    """Moves that lead round and round stop, should a policy get past its checks."""
    circle = Lifecycle(
        start="a",
        moves=(Move(sources=("a",), to="b", after=days(1)), Move(sources=("b",), to="a", after=days(1))),
    )

    assert MOST_MOVES == len(course(circle, in_stage("a"), NOON + 999 * DAY, always)[0])


def test_a_lifecycle_knows_its_stages():
    """Every stage that is named, the start included."""
    assert {"fresh", "active", "quiet", "gone", "lost"} == LIFE.stages
    assert frozenset() == Lifecycle().stages


@given(st.integers(0, 400), st.integers(0, 400), st.lists(st.integers(0, 300), max_size=4))
def test_the_stage_is_a_function_of_time_alone(first, second, orders):
    """Writing due moves down in between changes nothing of what comes after."""
    early, late = sorted([first, second])
    events = [Recorded(at=NOON, happened=NOON - count * DAY, event="ordered") for count in orders]
    state = in_stage("active", NOON, *events)
    written = course(LIFE, state, NOON + early * DAY, always)[0]
    recorded = fold([Recorded(at=NOON + early * DAY, event="noted", moves=written)], state)

    at_once = stages(state, NOON + late * DAY)
    assert at_once == [(each.stage, each.at) for each in written] + stages(recorded, NOON + late * DAY)
    assert sorted(at for _, at in at_once) == [at for _, at in at_once]
