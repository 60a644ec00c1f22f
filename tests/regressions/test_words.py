"""No personal value in any repr, error or receipt; and small promises of the face."""

from __future__ import annotations

import pickle

import pytest

from clm_ethics import Denied, Offer, StorageUnavailable, UsageError
from clm_ethics.errors import FieldWithheld, PolicyError, ValueRefused
from clm_ethics.model import Restricted
from clm_ethics.policy import Request
from clm_ethics.verbs.asking import see
from clm_ethics.verbs.choosing import Reserved, _Told
from clm_ethics.verbs.collecting import check_values
from clm_ethics.verbs.common import Past
from tests.face.shop import EMAIL, START, agree, enrolled
from tests.regressions.shops import CONSENT_ONLY, look, policy, shop

SECRET = "my illness"
SPRING = [Offer("spring", purpose="newsletter")]


def test_nothing_prints_a_value():
    """Whatever a debugger or a log shows of events, values, inputs, answers and choices names no value."""
    with shop(changes=CONSENT_ONLY) as steward_:
        ana = enrolled(steward_, born="1990-01-01")
        agree(ana, "newsletter")
        choice = ana.choose(SPRING, channel="email", by="web")
        ana.restrict(by="customer", reason=SECRET)
        book = look(steward_)
        given = check_values(steward_.policy, {"email": EMAIL, "born": "1990-01-01"}, START)
        shown = [
            Restricted(at=START, reason=SECRET),
            book.state.restriction,
            book.state,
            book.values("email"),
            see(steward_._setting, book, Request("account", ("email",))),
            given,
            choice,
            choice._reserved,
            choice._reserved.pick,
            Reserved(pick=choice._reserved.pick, index=1, to=EMAIL),
            _Told(choice._reserved.pick, 1, EMAIL),
            Past(b"", b"", SECRET.encode(), Restricted(at=START, reason=SECRET)),
        ]

        for each in shown:
            for text in (repr(each), str(each), f"{each}"):
                assert EMAIL not in text, type(each)
                assert SECRET not in text, type(each)
                assert "1990" not in text, type(each)


@pytest.mark.parametrize(
    "error",
    [
        UsageError("what", place="where", remedy="how"),
        ValueRefused("what", place="where"),
        FieldWithheld("email", "field.absent", remedy="how"),
        StorageUnavailable("what", written=True, place="where"),
        PolicyError("what", place="p.toml:1: x"),
        Denied(None, place="grant"),
    ],
)
def test_errors_travel(error):
    """An error goes through pickle with its words and plain facts, as a process pool sends it."""
    back = pickle.loads(pickle.dumps(error))

    assert (type(error), str(error)) == (type(back), str(back))
    assert getattr(error, "written", 0) == getattr(back, "written", 0)
    assert getattr(error, "code", "") == getattr(back, "code", "")


def test_a_ground_of_any_length_is_kept_as_a_hash():
    """A no does not fail for its words, and the receipt repeats none of them."""
    with shop() as steward_:
        ana = enrolled(steward_)
        ground = "because of my situation " * 1000
        receipt = ana.object_to("newsletter", by="customer", ground=ground)
        again = ana.object_to("newsletter", by="customer", ground=ground)

        assert "situation" not in str(receipt.fields())
        assert receipt.fields()["ground"] == again.fields()["ground"]
        assert ground not in repr(receipt)


def test_a_no_under_a_contract_says_that_it_does_not_end_it():
    """``receipt.effect`` is falsy where an open contract goes on, and truthy where the processing ended."""
    with shop() as steward_:
        ana = enrolled(steward_)

        assert not ana.withdraw("account", by="customer").effect
        assert ana.withdraw("newsletter", by="customer").effect


def test_a_field_called_like_the_reference_shows_its_own_value():
    """A declared field named ``ref`` never shows the host's reference."""
    changes = {
        "fields__ref": {"type": "text", "category": "user.account"},
        "fields__ref_code": {"type": "text", "category": "user.account"},
        "purposes__account__fields": ["email", "ref", "ref_code"],
    }
    try:
        declared = policy(**changes)
    except PolicyError:
        return  # the policy may refuse the name instead
    with shop(policy=declared) as steward_:
        ana = steward_.enroll("c-secret", {"region": "DE"}, purpose="account", by="web")
        view = ana.read("account", by="web")
        assert "c-secret" not in str(view.reveal())
        ana.put({"ref": "R-1", "ref_code": "R-2"}, purpose="account", by="web")
        view = ana.read("account", by="web")

        assert ("R-1", "R-2") == (view["ref"], view["ref_code"])


def test_an_item_has_no_key_at_of_its_own():
    """``at`` is when an item was collected; an event cannot append a key of that name."""
    with pytest.raises(PolicyError, match="at"):
        policy(events__order_placed__appends={"purchases": ["sku", "at"]})


def test_may_asks_for_whoever_acts():
    """Where the policy names actors, ``may`` answers for the steward's default actor as ``read`` does."""
    with shop(changes={"purposes__account__actors": ["payroll"]}) as steward_:
        enrolled(steward_)

        assert ("actor.not_listed",) == steward_.acting("intern").customer("c-1001").may("account").codes
        assert steward_.acting("payroll").customer("c-1001").may("account")
        assert steward_.customer("c-1001").may("account")
        assert not steward_.customer("c-1001").read("account", by="intern")


def test_an_event_closes_the_contract_of_its_key_and_no_other():
    """With a ``key=`` that opened nothing the event is refused; without one the only open contract closes."""
    with shop() as steward_:
        ana = enrolled(steward_)
        ana.record("order_placed", {}, purpose="order", by="till", key="order-77")
        with pytest.raises(UsageError, match="key"):
            ana.record("order_delivered", {}, purpose="order", by="till", key="order-99")
        assert ana.may("order")
        ana.record("order_delivered", {}, purpose="order", by="till", key="order-77")
        assert not ana.may("order")
        ana.record("order_placed", {}, purpose="order", by="till")
        ana.record("order_placed", {}, purpose="order", by="till")
        with pytest.raises(UsageError, match="2 contracts"):
            ana.record("order_delivered", {}, purpose="order", by="till")


def test_closing_is_repeatable_and_unkeyed_openings_close():
    """A closing event told twice with its key is one, and a contract opened without a key closes without."""
    with shop() as steward_:
        ana = enrolled(steward_)
        ana.record("order_placed", {}, purpose="order", by="till", key="a")
        first = ana.record("order_delivered", {}, purpose="order", by="till", key="a")
        again = ana.record("order_delivered", {}, purpose="order", by="till", key="a")
        ana.record("order_placed", {}, purpose="order", by="till")
        ana.record("order_delivered", {}, purpose="order", by="till")

        assert first.index == again.index
        assert not ana.may("order")
