"""A rename, while the old version of the policy still runs beside the new one."""

from __future__ import annotations

from copy import deepcopy
from datetime import timedelta

import pytest

from clm_ethics import Offer, Policy, Steward
from clm_ethics.storage.memory import MemoryStorage
from clm_ethics.vault.keys import MemoryKeys
from tests.face.shop import POLICY, Clock, Seeded

CALLED = {
    "newsletter": "letters",
    "recommendations": "tips",
    "order": "purchase",
    "tastes": "likes",
    "email": "mail",
    "purchases": "bought",
    "churn": "risk",
    "order_placed": "ordered",
}
"""What the new version calls otherwise: purposes, fields and an event."""
KEYS = ("purposes", "fields", "events")


def renamed(called=None):
    """Return the example's policy under other names."""
    called = CALLED if called is None else called

    def anew(value):
        if isinstance(value, dict):
            return {called.get(key, key): anew(each) for key, each in value.items()}
        if isinstance(value, list):
            return [anew(each) for each in value]
        return called.get(value, value) if isinstance(value, str) else value

    document = deepcopy(POLICY.document)
    new = {**document, **{key: anew(document[key]) for key in KEYS}, "lifecycle": anew(document["lifecycle"])}
    new["channels"]["email"]["address"] = called.get("email", "email")
    new["channels"] = {name: new["channels"][name] for name in document["channels"]}
    for field in new["fields"].values():  # what a word of the format stays
        if field.get("lookup") == "mail":
            field["lookup"] = "email"
    for purpose in new["purposes"].values():  # a channel keeps its name
        purpose["channels"] = ["email" if each == "mail" else each for each in purpose.get("channels", [])]
    for section in KEYS:
        for name in document[section]:
            if name in called:
                new[section][called[name]]["was"] = [name]
    return Policy.of(new)


NEW = renamed()


@pytest.fixture
def both():
    """The shop under the old policy and under the new one, over the same storage."""
    storage, keys, clock = MemoryStorage(), MemoryKeys(Seeded("keys")), Clock()
    with (
        Steward.open(storage, policy=POLICY, keys=keys, clock=clock, random=Seeded("old")) as old,
        Steward.open(storage, policy=NEW, keys=keys, clock=clock, random=Seeded("new")) as new,
    ):
        old.clock_of_test = clock
        yield old, new


def enrolled(shop, **values):
    """Enrol Ana with the old version."""
    values = {"email": "ana@example.org", "region": "DE", "born": "1980-01-01", **values}
    return shop.enroll("c-1", values, purpose="account", by="signup")


def agreed(shop, purpose):
    """Let Ana agree to *purpose*, as *shop* calls it."""
    notice = shop.notice(purpose, locale="en")
    return shop.customer("c-1").grant(purpose, shown=notice.id, by="signup", channels=())


def skus(shop, purpose, field):
    """Return what Ana has bought, as *purpose* sees it."""
    return [each["sku"] for each in shop.customer("c-1").read(purpose, by="web")[field]]


def found(shop, field, value):
    """Return the references of those whose *field* is *value*."""
    return [each.ref for each in shop.find(field, value, purpose="account", by="desk")]


def test_a_rename_alone_asks_nobody_again(both):
    """A yes that was said to the old names counts under the new ones, in every field."""
    old, new = both
    ana = enrolled(old)
    ana.record("order_placed", {"sku": "tea", "amount": "1"}, purpose="order", by="till", key="o")
    agreed(old, "recommendations")
    agreed(old, "newsletter")

    seen = new.customer("c-1").read("tips", by="web")

    assert "tea" == seen["bought"][0]["sku"]
    assert new.customer("c-1").may("letters", channel="email")
    assert "ana@example.org" == new.customer("c-1").read("account", by="web")["mail"]
    assert ["c-1"] == found(new, "mail", "ana@example.org")


def test_a_no_through_either_version_counts_in_both_at_once(both):
    """Who says no to the old name is refused under the new one, and the reverse."""
    old, new = both
    enrolled(old)
    agreed(old, "newsletter")
    assert new.customer("c-1").may("letters")
    new.customer("c-1").withdraw("letters", by="customer")
    assert "consent.withdrawn" in [each.code for each in old.customer("c-1").may("newsletter").reasons]

    agreed(old, "recommendations")
    assert "stage.not_listed" in [each.code for each in new.customer("c-1").may("tips").reasons]
    old.customer("c-1").withdraw("recommendations", by="customer")
    assert "consent.withdrawn" in [each.code for each in new.customer("c-1").may("tips").reasons]


def test_a_yes_through_the_new_version_counts_in_the_old_one(both):
    """Of a yes and a no the later counts, whichever version wrote it."""
    old, new = both
    enrolled(old)
    old.customer("c-1").refuse("newsletter", by="customer")
    agreed(new, "letters")

    assert old.customer("c-1").may("newsletter", channel="email")
    assert new.customer("c-1").may("letters", channel="email")


def test_an_objection_through_the_new_version_stands_in_the_old_one(both):
    """An objection to direct marketing reaches it under every name."""
    old, new = both
    enrolled(old)
    agreed(old, "newsletter")
    new.customer("c-1").object_to("letters", by="customer")

    for shop, name in ((old, "newsletter"), (new, "letters")):
        assert "objection.direct_marketing" in [each.code for each in shop.customer("c-1").may(name).reasons]


def test_values_go_on_through_both_versions(both):
    """What one version puts, appends, corrects and derives the other reads; lists grow through both."""
    old, new = both
    enrolled(old)
    for shop, event, purpose, sku in (
        (old, "order_placed", "order", "tea"),
        (new, "ordered", "purchase", "cup"),
        (old, "order_placed", "order", "pot"),
    ):
        given = {"sku": sku, "amount": "1"}
        shop.customer("c-1").record(event, given, purpose=purpose, by="till", key=sku)
    new.customer("c-1").correct({"mail": "ana@new.example"}, by="desk")

    assert ["tea", "cup", "pot"] == skus(old, "order", "purchases")
    assert ["tea", "cup", "pot"] == skus(new, "purchase", "bought")
    assert "ana@new.example" == old.customer("c-1").read("account", by="web")["email"]
    assert ["c-1"] == found(old, "email", "ana@new.example")
    assert [] == found(new, "mail", "ana@example.org")
    assert "customer" == new.customer("c-1").may("account").stage


def test_the_same_telling_through_the_other_version_is_a_repetition(both):
    """A retry with the same key after the rename is no second order."""
    old, new = both
    enrolled(old)
    given = {"sku": "tea", "amount": "1"}
    first = old.customer("c-1").record("order_placed", given, purpose="order", by="till", key="o-1")
    again = new.customer("c-1").record("ordered", given, purpose="purchase", by="till", key="o-1")

    assert again.repeated
    assert first.index == again.index


def test_nothing_is_swept_because_of_a_rename(both):
    """Sweeps under either version remove what is over, and leave the rest."""
    old, new = both
    enrolled(old)
    given = {"sku": "tea", "amount": "1"}
    old.customer("c-1").record("order_placed", given, purpose="order", by="till", key="o-1")
    agreed(old, "recommendations")
    old.clock_of_test.now += timedelta(days=400)
    new.sweep()
    assert "tea" == new.customer("c-1").read("purchase", by="web")["bought"][0]["sku"]
    new.customer("c-1").withdraw("tips", by="customer")
    new.customer("c-1").record("order_delivered", {}, purpose="purchase", by="till", key="o-1")
    old.clock_of_test.now += timedelta(days=366 * 11)
    new.sweep(confirm=True)

    assert "bought" not in new.customer("c-1").read("purchase", by="web")
    assert "purchases" not in old.customer("c-1").read("order", by="web")
    old.seal()
    assert old.ledger.verify()


def test_history_and_export_tell_the_present_names(both):
    """The story of the new version uses its own names; the old version goes on telling the old ones."""
    old, new = both
    enrolled(old)
    agreed(old, "newsletter")
    new.customer("c-1").withdraw("letters", by="customer")

    told = str(new.customer("c-1").history())
    assert "(letters)" in told
    assert "newsletter" not in told
    assert "(newsletter)" in str(old.customer("c-1").history())
    assert "letters" not in str(old.customer("c-1").history())


@pytest.mark.parametrize("first", ["old", "new"])
def test_an_erasure_through_either_version_is_whole(both, first):
    """Who is erased under one version is gone in both; what a law keeps is read under both."""
    old, new = both
    enrolled(old)
    given = {"sku": "tea", "amount": "1", "number": "7"}
    old.customer("c-1").record("order_placed", given, purpose="order", by="till", key="o-1")
    erasing, other = (old, new) if first == "old" else (new, old)
    certificate = erasing.customer("c-1").erase(by="customer")

    assert certificate
    assert not other.customer("c-1").may("account")
    for shop in both:
        assert "7" == shop.customer("c-1").read("invoicing", by="bookkeeping")["invoices"][0]["number"]
    assert new.ledger.verify()


def test_choosing_and_the_audience_go_on(both):
    """Offers, caps and audiences under the new name see the yes and the contacts under the old one."""
    old, new = both
    enrolled(old)
    agreed(old, "newsletter")
    old.clock_of_test.now = old.clock_of_test.now.replace(hour=11)
    chosen = old.customer("c-1").choose([Offer("spring", purpose="newsletter")], channel="email", by="c")
    again = new.customer("c-1").choose([Offer("summer", purpose="letters")], channel="email", by="c")

    assert "ana@example.org" == chosen.to
    assert not again
    old.clock_of_test.now += timedelta(days=8)
    assert (
        "ana@example.org"
        == new.customer("c-1").choose([Offer("summer", purpose="letters")], channel="email", by="c").to
    )


def test_a_simulated_rename_closes_nothing(both):
    """A candidate that only renames permits everybody the same, and so does going back."""
    old, new = both
    for number in range(12):
        values = {"email": f"p{number}@example.org", "region": "DE"}
        ana = old.enroll(f"p-{number}", values, purpose="account", by="signup")
        ana.grant("newsletter", shown=old.notice("newsletter", locale="en").id, by="signup")
        ana.read("newsletter", by="web")
    there, back = old.simulate(NEW, reads=True), new.simulate(POLICY, reads=True)

    for found, name in ((there, "letters"), (back, "newsletter")):
        effect = next(each for each in found.effects if each.purpose == name)
        assert (12, 12, 0) == (effect.before, effect.after, effect.closed)
        assert [0] == [each.closed for each in found.reads]
    with old.shadow(NEW, k=1) as seen:
        assert old.customer("p-1").may("newsletter")
    assert "closed 1" not in seen.explain()


def test_a_stage_that_goes_is_another_in_the_new_version_and_the_old_one_goes_on():
    """Customers of a stage that is gone are in the one that it moves to; the old version goes on."""
    document = deepcopy(POLICY.document)
    life = document["lifecycle"]
    life["moves_to"] = {"won_back": "customer"}
    life["moves"] = [
        {"from": ["prospect", "at_risk", "churned"], "to": "customer", "on": "order_placed"},
        {"from": ["customer"], "to": "at_risk", "after": "P90D", "without": "order_placed"},
        {"from": ["at_risk"], "to": "churned", "after": "P180D", "without": "order_placed"},
    ]
    document["purposes"]["recommendations"]["stages"] = ["customer", "at_risk"]
    policy = Policy.of(document)
    storage, keys = MemoryStorage(), MemoryKeys(Seeded("keys"))
    clock = Clock()
    with (
        Steward.open(storage, policy=POLICY, keys=keys, clock=clock, random=Seeded("a")) as before,
        Steward.open(storage, policy=policy, keys=keys, clock=clock, random=Seeded("b")) as after,
    ):
        enrolled(before)
        ana = before.customer("c-1")
        given = {"sku": "tea", "amount": "1"}
        ana.record("order_placed", given, purpose="order", by="till", key="1")
        agreed(before, "recommendations")
        clock.now += timedelta(days=280)
        assert "churned" == ana.may("account").stage
        ana.record("order_placed", given, purpose="order", by="till", key="2")
        assert "won_back" == ana.may("account").stage

        assert "customer" == after.customer("c-1").may("account").stage
        assert after.customer("c-1").may("recommendations")
        clock.now += timedelta(days=91)
        assert "at_risk" == after.customer("c-1").may("account").stage == ana.may("account").stage
        after.customer("c-1").record("order_placed", given, purpose="order", by="till", key="3")
        assert "customer" == ana.may("account").stage
