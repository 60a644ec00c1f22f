"""A signal of the browser, and what the customer says to this one controller before and after it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from clm_ethics.model import SignalReceived
from tests.policy.people import NOON, ask, shop, someone, withdrawn, yes

STORE = shop(
    controller__established=["US"],
    controller__markets=["US"],
    purposes__ads__basis=["consent", "opt_out"],
    purposes__ads__basis_under={},
)
HOUR = timedelta(hours=1)
LATER = NOON + 3 * HOUR


def signal(at):
    """Return that the browser sent Global Privacy Control."""
    return SignalReceived(at=at, signal="gpc")


@pytest.mark.parametrize("region", ["US-CA", "US-CO", "US-CT"])
def test_a_later_consent_to_this_controller_counts_more_than_the_signal(region):
    """11 CCR 7025(c)(3); C.R.S. 6-1-1306(1)(a)(IV)(C); Conn. Gen. Stat. 42-520(e)(1)(B)."""
    agreed = yes("ads", shop=STORE, at=NOON + HOUR)
    assert ask(someone(signal(NOON), agreed, region=region), "ads", shop=STORE, at=LATER)


@pytest.mark.parametrize("region", ["US-CA", "US-CO", "US-CT"])
def test_an_earlier_consent_does_not(region):
    """The signal is a valid request to opt out, whatever was said before it (11 CCR 7025(c)(1))."""
    agreed = yes("ads", shop=STORE)
    answer = ask(someone(agreed, signal(NOON + HOUR), region=region), "ads", shop=STORE, at=LATER)
    assert ("signal",) == answer.codes


def test_nor_does_one_of_the_same_moment():
    """Where nobody can tell which came first, the no counts."""
    agreed = yes("ads", shop=STORE)
    assert not ask(someone(signal(NOON), agreed, region="US-CA"), "ads", shop=STORE, at=LATER)


def test_a_later_consent_that_is_none_changes_nothing():
    """A yes that nobody can prove, or that was taken back, does not end the signal."""
    doubtful = yes("ads", shop=STORE, at=NOON + HOUR, proven=False)
    assert not ask(someone(signal(NOON), doubtful, region="US-CA"), "ads", shop=STORE, at=LATER)
    agreed = yes("ads", shop=STORE, at=NOON + HOUR)
    gone = someone(signal(NOON), agreed, withdrawn("ads", NOON + 2 * HOUR), region="US-CA")
    assert not ask(gone, "ads", shop=STORE, at=LATER)


def test_where_no_law_says_so_the_signal_goes_on():
    """Texas has no such clause in its pack: the signal stands, protectively."""
    agreed = yes("ads", shop=STORE, at=NOON + HOUR)
    assert not ask(someone(signal(NOON), agreed, region="US-TX"), "ads", shop=STORE, at=LATER)


def test_nobody_is_asked_to_agree_against_their_signal():
    """For twelve months after the signal a consent is no remedy (Cal. Civ. Code 1798.135(c)(4))."""
    state = someone(signal(NOON), region="US-CA")
    assert () == ask(state, "ads", shop=STORE, at=LATER).remedies
    assert ask(state, "ads", shop=STORE, at=NOON + timedelta(days=366)).remedies
