"""The same telling with the same key is one telling: nothing is written again, the receipt is the same."""

from __future__ import annotations

from typing import Any

import pytest

from clm_ethics import KeyReused, Offer
from clm_ethics.ledger.receipt import Receipt
from tests.face.shop import EMAIL, POLICY, Counting, Seeded, agree, enrolled, kinds, steward

SPRING = [Offer("spring", purpose="newsletter")]
TELLINGS: dict[str, Any] = {
    "put": lambda ana: ana.put({"address": {"city": "Ulm"}}, purpose="order", by="w", key="k"),
    "record": lambda ana: ana.record(
        "order_placed", {"sku": "tea", "amount": "1"}, purpose="order", by="w", key="k"
    ),
    "correct": lambda ana: ana.correct({"email": "b@example.org"}, by="w", key="k"),
    "grant": lambda ana: agree(ana, "recommendations", key="k", evidence="tape 7"),
    "refuse": lambda ana: ana.refuse("recommendations", by="w", key="k"),
    "withdraw": lambda ana: ana.withdraw("newsletter", by="w", key="k"),
    "withdraw a contract": lambda ana: ana.withdraw("account", by="w", key="k"),
    "object_to": lambda ana: ana.object_to("newsletter", by="w", key="k"),
    "restrict": lambda ana: ana.restrict(by="w", reason="why", key="k"),
    "lift_restriction": lambda ana: ana.lift_restriction(by="w", key="k"),
    "choose": lambda ana: ana.choose(SPRING, channel="email", by="w", key="k"),
}


def subscribed(shop: Any) -> Any:
    """Somebody who agreed to the newsletter."""
    ana = enrolled(shop)
    agree(ana, "newsletter")
    ana.put({"email": EMAIL}, purpose="newsletter", by="w")
    return ana


def said(answer: Any) -> Any:
    """Return what an answer says."""
    if isinstance(answer, Receipt):
        return answer.to_json()
    if hasattr(answer, "index"):
        return answer.index
    return (answer.offer, answer.level, answer.to, bool(answer))


@pytest.mark.parametrize("name", TELLINGS)
def test_telling_it_again_writes_nothing_and_gives_the_same(name):
    """From the same steward, from another one, after other tellings, and after a seal."""
    storage = Counting()
    tell = TELLINGS[name]
    with steward(storage) as shop:
        ana = subscribed(shop)
        first = said(tell(ana))
        before = storage.calls["commit"], kinds(ana)
        assert first == said(tell(ana))
        assert before == (storage.calls["commit"], kinds(ana))
        with steward(storage, random=Seeded(2)) as other:
            assert first == said(tell(other.customer("c-1001")))
            assert before[1] == kinds(ana)
        shop.seal()
        ana.read("account", by="w")
        assert first == said(tell(ana))
        assert shop.ledger.verify()


def test_a_key_stands_for_one_verb_and_one_content():
    """Two verbs may use the same key; one verb with other content may not."""
    with steward() as shop:
        ana = subscribed(shop)
        one = ana.refuse("recommendations", by="w", key="k")
        two = ana.withdraw("recommendations", by="w", key="k")
        assert one.index != two.index
        with pytest.raises(KeyReused):
            ana.refuse("newsletter", by="w", key="k")
        other = enrolled(shop, "c-2", email="x@example.org")
        other.refuse("newsletter", by="w", key="k")  # and one customer's key is not another's
        assert 1 == kinds(other)["refused"]


def test_the_last_256_keys_are_remembered():
    """What is older is told anew: the state is small."""
    with steward() as shop:
        ana = subscribed(shop)
        first = ana.lift_restriction(by="w", key="k0").index
        for n in range(1, 256):
            ana.lift_restriction(by="w", key=f"k{n}")
        assert first == ana.lift_restriction(by="w", key="k0").index
        ana.lift_restriction(by="w", key="k256")
        assert first != ana.lift_restriction(by="w", key="k0").index


def test_an_erased_customer_is_enrolled_anew_with_an_old_key():
    """The key belonged to the person's former record, which is gone."""
    with steward() as shop:
        told = {"email": EMAIL}
        shop.enroll("c-1", told, purpose="account", by="w", key="k").erase(by="customer")
        ana = shop.enroll("c-1", told, purpose="account", by="w", key="k", again=True)
        assert ana.may("account")


def test_a_choice_told_again_after_a_no_gives_no_address():
    """What was chosen is the same; whether it may be sent is asked again."""
    with steward() as shop:
        ana = subscribed(shop)
        assert EMAIL == ana.choose(SPRING, channel="email", by="w", key="k").to
        ana.withdraw("newsletter", by="customer")
        again = ana.choose(SPRING, channel="email", by="w", key="k")
        assert again.to is None
        assert not again
        assert POLICY.hash == shop.policy.hash
