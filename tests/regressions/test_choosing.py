"""A choice asked for again, sent, cancelled; and what was agreed to."""

from __future__ import annotations

import pytest

from clm_ethics import Offer, UsageError
from clm_ethics.policy import Request, decide
from clm_ethics.storage.memory import MemoryStorage
from tests.face.shop import agree, enrolled, kinds
from tests.regressions.shops import CONSENT_ONLY, look, policy, shop, together

SPRING = [Offer("spring", purpose="newsletter")]
COLLECTED = CONSENT_ONLY | {"purposes__newsletter__keep": {"for": "P30D", "from": "collected"}}


@pytest.mark.parametrize("say", ["withdraw", "object_to", "wait"])
def test_a_choice_is_not_told_again_after_a_no(say):
    """The same ``key=`` gives no offer and no address once there is a no, or the address has expired."""
    with shop(changes=COLLECTED) as steward_:
        ana = enrolled(steward_, born="1990-01-01")
        agree(ana, "newsletter")
        first = ana.choose(SPRING, channel="email", by="web", key="k")
        again = ana.choose(SPRING, channel="email", by="web", key="k")
        assert first.to == again.to
        if say == "wait":
            steward_._setting.clock.move(days=60)
        else:
            getattr(ana, say)("newsletter", by="customer")
        later = ana.choose(SPRING, channel="email", by="web", key="k")

        assert not later
        assert later.to is None
        assert later.offer is None
        assert later.reasons
        assert 1 == kinds(ana)["chosen"]


def test_what_was_cancelled_is_not_sent():
    """``sent`` after ``cancelled`` raises and counts nothing; either said twice is fine."""
    with shop(changes=CONSENT_ONLY) as steward_:
        ana = enrolled(steward_, born="1990-01-01")
        agree(ana, "newsletter")
        choice = ana.choose(SPRING, channel="email", by="web")
        choice.cancelled()
        choice.cancelled()
        with pytest.raises(UsageError, match="cancelled"):
            choice.sent()
        assert (0, 1) == (kinds(ana)["sent"], kinds(ana)["cancelled"])
        other = ana.choose(SPRING, channel="email", by="web")
        other.sent()
        other.sent()
        with pytest.raises(UsageError, match="sent"):
            other.cancelled()

        assert (1, 1) == (kinds(ana)["sent"], kinds(ana)["cancelled"])
        assert not ana.choose(SPRING, channel="email", by="web")


def test_a_channel_added_later_was_not_agreed_to():
    """A yes is for the channels that the purpose had when it was given."""
    with shop(changes=CONSENT_ONLY | {"purposes__newsletter__channels": ["email"]}) as steward_:
        ana = enrolled(steward_, born="1990-01-01")
        agree(ana, "newsletter")
        state, now = look(steward_).state, steward_._setting.clock()
    wider = policy(**CONSENT_ONLY)

    assert decide(wider, state, Request("newsletter", (), "email"), now)
    assert ("consent.other_channel",) == decide(wider, state, Request("newsletter", (), "sms"), now).codes


def test_a_refusal_is_counted_once_however_often_it_is_decided():
    """A question that is decided again, because a verb beside it met a conflict, counts as one."""
    storage = MemoryStorage()
    with shop(storage) as steward_:
        ana = enrolled(steward_)
        commit, lost = storage.commit, iter([True, True])

        def busy(writes, /):
            return [False] * len(writes) if next(lost, False) else commit(writes)

        storage.commit = busy
        came = together(
            steward_,
            read=lambda: ana.read("recommendations", by="web"),
            put=lambda: ana.put({"region": "AT"}, purpose="account", by="web"),
        )
        assert not came["read"]
        told = [str(line) for line in ana.history() if line.kind == "refusal"]

        assert 1 == len(told)
        assert "times" not in told[0]
