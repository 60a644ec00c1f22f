"""An objection to direct marketing reaches all of it, until a later consent (Art. 21(3) GDPR)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from clm_ethics import Offer
from clm_ethics.ethics import pick
from clm_ethics.model import Granted, Objected, fold
from clm_ethics.policy import Request, decide
from tests.face.shop import START, agree, enrolled
from tests.regressions.shops import PARTNER, look, policy, shop

POLICY = policy(**PARTNER)


def yes(purpose):
    """Return a yes to a purpose's clause."""
    return Granted(at=START, purpose=purpose, clause=POLICY.clauses[purpose], shown="n", channels=("email",))


@pytest.mark.parametrize("days", [0, 30, 400, 4000])
def test_an_earlier_consent_to_other_marketing_does_not_stand(days):
    """An objection ends earlier consents to every direct marketing, however long ago it was made."""
    with shop(changes=PARTNER) as steward_:
        enrolled(steward_)
        state = look(steward_).state
    at = START + timedelta(days=days, hours=3)
    offers = [Offer("spring", purpose="partner")]
    before = fold([yes("partner"), Objected(at=START, purpose="newsletter", marketing=True)], state)
    after = fold([yes("partner")], before)
    asked = Request("partner", channel="email")

    assert ("objection.direct_marketing",) == decide(POLICY, before, asked, at).codes
    assert not pick(POLICY, before, offers, channel="email", at=at)
    assert decide(POLICY, after, asked, at)
    assert pick(POLICY, after, offers, channel="email", at=at)


def test_an_objection_that_the_policy_calls_marketing_only_now_counts_too():
    """Where the purpose objected to has become marketing since, no other marketing steps in for it, ever."""
    with shop(changes=PARTNER) as steward_:
        enrolled(steward_)
        state = look(steward_).state
    state = fold([yes("partner"), Objected(at=START, purpose="newsletter")], state)
    at = START + timedelta(days=4000)

    assert not pick(POLICY, state, [Offer("spring", purpose="partner")], channel="email", at=at)


def test_the_face_says_so():
    """After ``object_to`` a purpose that was agreed to before is denied, and allowed when agreed to again."""
    with shop(changes=PARTNER) as steward_:
        ana = enrolled(steward_, born="1990-01-01")
        agree(ana, "partner")
        ana.object_to("newsletter", by="customer", ground="because of my situation, " * 500)

        assert not ana.may("partner", channel="email")
        agree(ana, "partner")
        assert ana.may("partner", channel="email")
