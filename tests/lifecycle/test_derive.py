"""Stages are derived from what happened: the same in whatever order, and however late, it was learnt."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from clm_ethics.lifecycle import Lifecycle, Move, Threshold, advance, course
from clm_ethics.model import Duration, Enrolled, Moved, Put, Recorded, State, Swept, fold
from clm_ethics.model.fold import COURSE_KEPT, STEPS_KEPT
from clm_ethics.model.state import Step

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def days(count: int) -> Duration:
    """Return a span of days."""
    return Duration(seconds=count * 86400)


RISKY = Threshold(field="churn", least=0.7)
LIFE = Lifecycle(
    start="fresh",
    purpose="tips",
    moves=(
        Move(sources=("fresh", "quiet", "risky"), to="active", on="ordered"),
        Move(sources=("active",), to="quiet", after=days(30), without="ordered"),
        Move(sources=("active", "quiet"), to="risky", when=RISKY),
        Move(sources=("quiet", "risky"), to="gone", after=days(60), without="ordered"),
        Move(sources=("gone",), to="back", on="ordered"),
        Move(sources=("active",), to="cross", on="complained"),
        Move(sources=("cross",), to="active", after=days(10)),
    ),
)
NAMES = ("ordered", "complained", RISKY.name)
STEPS = st.lists(
    st.tuples(st.integers(0, 200), st.sampled_from(NAMES)), max_size=4, unique_by=lambda step: step[0]
)
END = 400


def always(stage: str, at: datetime) -> bool:
    """Permit."""
    return True


def born() -> State:
    """Return somebody who begins on day 0."""
    return fold([Enrolled(at=NOON, moves=(Moved(stage="fresh", at=NOON),))])


def learn(state: State, at: int, step: tuple[int, str]) -> State:
    """Let the customer's stream learn on day *at* what happened."""
    day, name = step
    happened, learnt = NOON + day * DAY, NOON + at * DAY
    moves = advance(LIFE, state, [Step(happened, name, "shop")], learnt, always)
    event = {"at": learnt, "happened": happened, "steps": (name,), "moves": moves, "by": "shop"}
    said = Put(**event) if name == RISKY.name else Recorded(event=name, **event)
    return fold([said], state)


def sweep(state: State, at: int) -> State:
    """Write down what is due on day *at*."""
    moves, _ = course(LIFE, state, NOON + at * DAY, always)
    return fold([Swept(at=NOON + at * DAY, moves=moves)], state)


def told(state: State) -> list[tuple[str, int]]:
    """Return the course: stages with the day on which each began."""
    return [(stay.stage, (stay.since - NOON).days) for stay in state.course]


class Walk:
    """Goes through the days one by one, and reads the moves off the list above."""

    def __init__(self) -> None:
        self.found = [("fresh", 0)]
        self.ordered: int | None = None

    @property
    def stage(self) -> str:
        return self.found[-1][0]

    def quiet(self, day: int) -> int:
        """Return for how many days there was no order, or the stage lasts."""
        return day - (self.found[-1][1] if self.ordered is None else self.ordered)

    def pass_day(self, day: int) -> None:
        """Make the timed moves of a day, one after the other."""
        if self.stage == "cross" and day - self.found[-1][1] >= 10:
            self.found.append(("active", day))
        if self.stage == "active" and self.quiet(day) >= 30:
            self.found.append(("quiet", day))
        if self.stage in {"quiet", "risky"} and self.quiet(day) >= 60:
            self.found.append(("gone", day))

    def see(self, day: int, name: str) -> None:
        """Make the move that something brings."""
        if name == "ordered":
            self.ordered = day
        brought = {
            "ordered": {"fresh": "active", "quiet": "active", "risky": "active", "gone": "back"},
            "complained": {"active": "cross"},
            RISKY.name: {"active": "risky", "quiet": "risky"},
        }[name]
        if self.stage in brought:
            self.found.append((brought[self.stage], day))


def literal(steps: list[tuple[int, str]], end: int) -> list[tuple[str, int]]:
    """Return the course, day by day."""
    walk = Walk()
    for day in range(end + 1):
        walk.pass_day(day)
        for name in [name for when, name in steps if when == day]:
            walk.see(day, name)
            walk.pass_day(day)
    return walk.found


@given(steps=STEPS)
@settings(max_examples=200, deadline=None)
def test_in_order_the_course_is_what_the_moves_say(steps):
    """Against a literal walk through the days."""
    state = born()
    for step in sorted(steps):
        state = learn(state, step[0], step)
    assert literal(sorted(steps), END) == told(sweep(state, END))


@given(steps=STEPS, order=st.randoms(use_true_random=False), gaps=st.lists(st.integers(0, 40), min_size=8))
@settings(max_examples=300, deadline=None)
def test_late_and_out_of_order_events_derive_the_same_course(steps, order, gaps):
    """Whenever each is learnt, and whatever timed moves were written down in between."""
    late = list(steps)
    order.shuffle(late)
    state, today = born(), 0
    for step, gap in zip(late, gaps, strict=False):
        today = max(today + gap, step[0])
        state = learn(sweep(state, today) if gap % 2 else state, today, step)
    assert literal(sorted(steps), END) == told(sweep(state, END))


@given(steps=st.lists(st.tuples(st.integers(0, 300), st.sampled_from(NAMES)), max_size=60))
@settings(max_examples=60, deadline=None)
def test_a_state_remembers_a_bounded_course_in_the_order_of_time(steps):
    """However much is learnt, in whatever order; the stage is that of the last stay."""
    state = born()
    for step in steps:
        state = learn(state, 301, step)
        assert len(state.course) <= COURSE_KEPT
        assert len(state.steps) <= STEPS_KEPT
        assert all(one.since <= other.since for one, other in pairwise(state.course))
        assert (state.stage, state.stage_since) == (state.course[-1].stage, state.course[-1].since)


def test_what_is_learnt_too_late_moves_no_stage():
    """Sixteen newer steps are known: what was before them is settled."""
    state = born()
    for day in range(10, 40):
        state = learn(state, day, (day, "ordered"))
    before = told(state)
    assert before == told(learn(state, 41, (1, "complained")))


def test_a_stay_says_what_moved_it_and_who_told():
    """An event and its actor, a time, or a value."""
    state = learn(learn(born(), 1, (1, "ordered")), 5, (5, RISKY.name))
    said = [(stay.stage, stay.why, stay.by) for stay in sweep(state, 100).course]
    assert [
        ("fresh", "", ""),
        ("active", "ordered", "shop"),
        ("risky", "churn>=0.7", "shop"),
        ("gone", "P60D without ordered", ""),
    ] == said


def test_a_timed_move_that_was_made_stays_made_when_the_purpose_has_ended_since():
    """Withdrawal is not retroactive: something learnt late derives with the moves as they were."""
    state = sweep(learn(born(), 1, (1, "ordered")), 35)
    moves = advance(LIFE, state, [Step(NOON, "complained")], NOON + 40 * DAY, lambda stage, at: False)
    assert () == moves


def test_a_value_is_reached_from_its_bound_on():
    """At the bound, not below it; what is no number reaches nothing."""
    low = Threshold(field="orders", most=2)
    assert [False, True, True] == [RISKY.reached(each) for each in (0.69, 0.7, 1)]
    assert [True, True, False] == [low.reached(each) for each in (1, 2.0, 2.01)]
    assert [False] * 4 == [each.reached(value) for each in (RISKY, low) for value in (True, "0.9")]
    assert ("churn>=0.7", "orders<=2") == (RISKY.name, low.name)
