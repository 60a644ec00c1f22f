"""Properties of a host's own rules, tried on generated offers and customers.

``check_rule(my_rule, policy=policy)`` inside a test fails with the property that does not hold and
the smallest example that was found. Needs the extra ``testing``.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from ..ethics import Facts, Offer, Rule
from ..ethics.facts import is_minor
from ..ethics.rule import LEAST_SHOWN
from ..model import (
    Chosen,
    Collected,
    Enrolled,
    Granted,
    Objected,
    Recorded,
    Refused,
    Restricted,
    SignalReceived,
    State,
    Withdrawn,
    fold,
)
from ..policy.decide import effective_moves
from ..policy.decision import Reason

if TYPE_CHECKING:
    from ..model.events import Event
    from ..policy import Policy

_START = datetime(2026, 1, 5, 9, tzinfo=UTC)
_ZONES = ("Europe/Berlin", "America/Los_Angeles", "Asia/Tokyo")
_REGIONS = ("DE", "US-CA", "GB", "FR")


class Case(NamedTuple):
    """One generated case: the offer, and the facts to judge it on."""

    offer: Offer
    facts: Facts

    def __repr__(self) -> str:
        """Show the case as far as it helps to understand it; the customer is invented."""
        state = self.facts.state
        return f"{self.offer!r} for {dict(state.about)} in stage {self.facts.stage!r} at {self.facts.at}"


def check_rule(rule: Rule, *, policy: Policy, examples: int = 100) -> None:
    """Try *rule* on *examples* generated cases under *policy*.

    It has to be **total** (it answers ``None`` or a text, and never raises), **deterministic** (the
    same case gets the same answer, in whatever order cases come), **monotone** (one more no of the
    customer's never turns its no into a yes) and **discreet** (no personal value is in what it says).

    Raises:
        AssertionError: a property does not hold; the message names it and the case.
    """
    told: list[tuple[Case, object]] = []

    @settings(
        max_examples=examples, deadline=None, database=None, derandomize=True, report_multiple_bugs=False
    )
    @given(cases(policy), noes(policy))
    def run(case: Case, no: Event) -> None:
        answer = _total(rule, case)
        told.append((case, answer))
        _discreet(rule, case, answer)
        _monotone(rule, case, no, answer)

    run()
    for case, answer in reversed(told):
        if rule.check(*case) != answer:
            raise AssertionError(f"{rule.name} is not deterministic: another answer for {case!r}")


def _total(rule: Rule, case: Case) -> object:
    try:
        answer = rule.check(*case)
        again = rule.check(*case)
    except Exception as error:
        raise AssertionError(f"{rule.name} is not total: {error!r} for {case!r}") from error
    if answer is not None and not isinstance(answer, (str, Reason)):
        raise AssertionError(f"{rule.name} is not total: it answers {answer!r} for {case!r}")
    if answer != again:
        raise AssertionError(f"{rule.name} is not deterministic: another answer at once for {case!r}")
    return answer


def _discreet(rule: Rule, case: Case, answer: object) -> None:
    said = f"{rule.says} {answer.text if isinstance(answer, Reason) else answer or ''}".casefold()
    values = [value for value in case.facts.state.about.values() if len(value) >= LEAST_SHOWN]
    if any(value.casefold() in said for value in values):
        raise AssertionError(f"{rule.name} is not discreet: a personal value is in what it says of {case!r}")


def _monotone(rule: Rule, case: Case, no: Event, answer: object) -> None:
    if answer is None:
        return
    after = case.facts._replace(state=fold([no], case.facts.state))
    try:
        still = rule.check(case.offer, after)
    except Exception as error:
        raise AssertionError(f"{rule.name} is not total: {error!r} after {no!r}, for {case!r}") from error
    if still is None:
        raise AssertionError(f"{rule.name} is not monotone: after {no!r} it allows {case!r}")


def cases(policy: Policy) -> st.SearchStrategy[Case]:
    """Return a strategy of offers with facts under *policy*."""
    return st.builds(
        _case,
        st.just(policy),
        offers(policy),
        states(policy),
        st.sampled_from(sorted(policy.channels)),
        st.integers(0, 400 * 24 * 60),
    )


def _case(policy: Policy, offer: Offer, state: State, channel: str, minutes: int) -> Case:
    at = max(state.at or _START, _START) + timedelta(minutes=minutes)
    moves = effective_moves(policy, state, at)
    stage = moves[-1].stage if moves else state.stage
    purpose, reached = policy.purposes[offer.purpose], policy.channels[channel]
    return Case(offer, Facts(policy, state, purpose, reached, at, stage, is_minor(policy, state, at)))


def offers(policy: Policy) -> st.SearchStrategy[Offer]:
    """Return a strategy of offers that fit *policy*."""

    def of(purpose: str) -> st.SearchStrategy[Offer]:
        fields = sorted(policy.purposes[purpose].fields)
        some = st.sets(st.sampled_from(fields), max_size=3) if fields else st.just(set[str]())
        return st.builds(
            Offer,
            st.sampled_from(["tea", "spring sale", "loan"]),
            purpose=st.just(purpose),
            uses=some,
            segment=some,
            segment_size=st.sampled_from([None, 3, 20, 5000]),
            pressure=st.sampled_from(["", "", "deadline", "scarcity", "streak"]),
            pressure_true=st.sampled_from([None, True, False]),
            personal_price=st.booleans(),
            disclosed=st.booleans(),
            value=st.floats(-5, 5),
        )

    return st.sampled_from(sorted(policy.purposes)).flatmap(of)


def states(policy: Policy) -> st.SearchStrategy[State]:
    """Return a strategy of customers with a short story under *policy*."""
    about = st.fixed_dictionaries(
        {"ref": st.just("c-90210")},
        optional={
            "region": st.sampled_from(_REGIONS),
            "zone": st.sampled_from(_ZONES),
            "born": st.sampled_from(["1950-02-03", "1990-12-31", "2012-06-01"]),
        },
    )
    steps = st.lists(st.tuples(st.integers(0, 60 * 24 * 30), _events(policy)), max_size=8)
    return st.builds(_state, st.just(policy), about, steps)


def _state(policy: Policy, about: dict[str, str], steps: list[tuple[int, dict[str, Any]]]) -> State:
    purposes = tuple(sorted(policy.purposes))
    collected = tuple(Collected(field=name, announced=purposes) for name in sorted(policy.fields))
    at = _START
    story: list[Event] = [Enrolled(at=at, purpose=purposes[0], about=about, collected=collected)]
    for minutes, step in steps:
        at += timedelta(minutes=minutes)
        kind = step["kind"]
        story.append(kind(at=at, **{name: value for name, value in step.items() if name != "kind"}))
    return fold(story)


def _events(policy: Policy) -> st.SearchStrategy[dict[str, Any]]:
    purposes = st.sampled_from(sorted(policy.purposes))
    channels = st.sampled_from(sorted(policy.channels))
    known: list[st.SearchStrategy[dict[str, Any]]] = [
        purposes.map(
            lambda name: {"kind": Granted, "purpose": name, "clause": policy.clauses[name], "shown": "n"}
        ),
        st.fixed_dictionaries({"kind": st.sampled_from([Refused, Withdrawn, Objected]), "purpose": purposes}),
        st.fixed_dictionaries(
            {"kind": st.just(Chosen), "offer": st.just("o"), "purpose": purposes, "channel": channels}
        ),
        st.just({"kind": SignalReceived, "signal": "gpc"}),
        st.just({"kind": Restricted}),
    ]
    if policy.events:
        events = st.sampled_from(sorted(policy.events))
        known.append(st.fixed_dictionaries({"kind": st.just(Recorded), "event": events}))
    return st.one_of(known)


def noes(policy: Policy) -> st.SearchStrategy[Event]:
    """Return a strategy of noes to a purpose of *policy*, later than any story."""
    at = st.just(_START + timedelta(days=365))
    purposes = st.sampled_from(sorted(policy.purposes))
    return st.one_of(
        st.builds(Withdrawn, at=at, purpose=purposes),
        st.builds(Refused, at=at, purpose=purposes),
        st.builds(Objected, at=at, purpose=purposes, marketing=st.booleans()),
        st.builds(Restricted, at=at),
    )
