"""Properties of a host's own rules, tried on generated offers and customers.

``check_rule(my_rule, policy=policy)`` inside a test fails with the property that does not hold and
the smallest example that was found. Needs the extra ``testing``.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from ..ethics import Facts, Offer, Rule
from ..ethics.facts import is_minor
from ..ethics.rule import LEAST_SHOWN
from ..model import State, fold
from ..policy.decide import effective_moves
from ..policy.decision import Reason
from .strategies import START, noes, offers, states

if TYPE_CHECKING:
    from ..model.events import Event
    from ..policy import Policy


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
    at = max(state.at or START, START) + timedelta(minutes=minutes)
    moves = effective_moves(policy, state, at)
    stage = moves[-1].stage if moves else state.stage
    purpose, reached = policy.purposes[offer.purpose], policy.channels[channel]
    return Case(offer, Facts(policy, state, purpose, reached, at, stage, is_minor(policy, state, at)))
