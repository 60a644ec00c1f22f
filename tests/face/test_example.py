"""The first ten minutes of a host developer, as promised: in memory, in a file, and with ``await``."""

from __future__ import annotations

import asyncio
import inspect
import json
from itertools import pairwise

import pytest

from clm_ethics import AsyncSteward, FileKeys, Offer, Steward
from clm_ethics.customer import AsyncChoice, AsyncCustomer, Choice, Customer
from clm_ethics.ledger.proof import Proof
from clm_ethics.ledger.receipt import Receipt
from clm_ethics.steward import AsyncLedger, Ledger
from tests.face.shop import EXAMPLE, POLICY, Clock, Seeded, Till


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty folder with the example policy, as the working directory."""
    (tmp_path / "policy.toml").write_bytes(EXAMPLE.read_bytes())
    monkeypatch.chdir(tmp_path)


def first_ten_minutes(opened):
    """Run the example with the steward that *opened* gives; the lines are the promise."""
    with opened as shop:
        ana = shop.enroll(
            "c-1001", {"email": "ana@example.org", "region": "DE"}, purpose="account", by="signup"
        )
        ana = shop.customer("c-1001")
        ana.record(
            "order_placed",
            {"sku": "tea", "amount": "19.90"},
            purpose="order",
            by="checkout",
            key="order-77",
        )

        answer = ana.may("recommendations")
        assert not answer
        assert "would be allowed if" in answer.explain()

        notice = shop.notice("recommendations", locale="en")
        assert notice.html
        receipt = ana.grant("recommendations", shown=notice.id, by="signup")
        view = ana.read("recommendations", by="web")
        assert view
        assert "tea" == view["purchases"][0]["sku"]
        assert view.withheld

        choice = ana.choose(
            [Offer("spring", purpose="newsletter", uses={"tastes"})], channel="email", by="campaign-7"
        )
        assert not choice
        assert {"spring"} == choice.withheld.keys()
        ana.withdraw("recommendations", by="customer")
        assert not ana.read("recommendations", by="web")
        assert "withdrew" in str(ana.history())

        plan = ana.plan_erase()
        assert plan
        assert plan.explain()
        certificate = ana.erase(by="customer")
        assert certificate
        shop.seal()
        assert shop.ledger.verify()
        proof = shop.prove(receipt)
        assert isinstance(receipt, Receipt)
        assert isinstance(proof, Proof)
        return proof, shop.ledger.vkey()


def test_the_example_works_in_memory(here):
    """As written."""
    from clm_ethics import Policy

    proof, vkey = first_ten_minutes(Steward.memory(Policy.load("policy.toml")))
    assert proof.check(vkey)


def test_the_example_works_in_a_file(here):
    """The one line that production changes; the file is written, and opens again."""

    def shop():
        return Steward.open("sqlite:///crm.db", policy=POLICY, keys=FileKeys("keys"))

    proof, vkey = first_ten_minutes(shop())
    assert proof.check(vkey)
    with shop() as again:
        assert ("customer.erased",) == again.customer("c-1001").may("account").codes
        assert again.ledger.verify()


def test_the_example_works_with_keys_elsewhere(here):
    """A second storage holds the keys; nothing else changes."""
    opened = Steward.open(
        "sqlite:///crm.db", policy=POLICY, keys=FileKeys("keys"), keys_in="sqlite:///keys.db"
    )
    proof, vkey = first_ten_minutes(opened)
    assert proof.check(vkey)


# -- the two faces agree ---------------------------------------------------------------------------

FACES = [(Steward, AsyncSteward), (Customer, AsyncCustomer), (Ledger, AsyncLedger), (Choice, AsyncChoice)]


def public(kind):
    """Return the public members of a class."""
    return {name: member for name, member in inspect.getmembers(kind) if not name.startswith("_")}


@pytest.mark.parametrize(("blocking", "awaiting"), FACES, ids=lambda kind: kind.__name__)
def test_every_verb_has_a_twin_with_the_same_signature(blocking, awaiting):
    """The two faces differ by ``await`` and by nothing else."""
    mine, twins = public(blocking), public(awaiting)
    assert mine.keys() == twins.keys()
    for name, member in mine.items():
        if callable(member) and name != "open":
            ours, theirs = inspect.signature(member), inspect.signature(twins[name])
            assert list(ours.parameters.values()) == list(theirs.parameters.values()), name
    if blocking is Steward:
        ours, theirs = inspect.signature(Steward.open), inspect.signature(AsyncSteward.open)
        assert list(ours.parameters) == list(theirs.parameters)  # an async storage may be given too


def told(answer):
    """Return what an answer says, as far as it is the same in every run."""
    if hasattr(answer, "explain"):
        answer = (bool(answer), answer.explain())
    return str(answer)


def scenario(shop, ana):
    """Yield each step of a story as (name, function of nothing); both faces run the same."""
    values = {"email": "ana@example.org", "region": "DE", "zone": "Europe/Berlin", "born": "1990-05-31"}
    offers = [Offer("spring", purpose="newsletter", uses={"tastes"}), Offer("tip", purpose="recommendations")]
    yield "enroll", lambda: shop.enroll("c-1001", values, purpose="account", by="signup", key="in")
    yield "may", lambda: ana.may("recommendations")
    yield (
        "record",
        lambda: ana.record(
            "order_placed",
            {"sku": "tea", "amount": "19.90", "number": "R1"},
            purpose="order",
            by="till",
            key="o1",
        ),
    )
    yield "notice", lambda: shop.notice("recommendations", "newsletter", locale="de")
    for purpose in ("recommendations", "newsletter"):
        yield "notice", lambda purpose=purpose: shop.notice(purpose)
        yield "grant", lambda purpose=purpose: ana.grant(purpose, shown=shown[-1], by="signup", key=purpose)
    yield "put", lambda: ana.put({"tastes": ["tea", {"brand": "x"}]}, purpose="recommendations", by="web")
    yield "put", lambda: ana.put({"email": "ana@example.org"}, purpose="newsletter", by="web")
    yield "read", lambda: ana.read("recommendations", by="web")
    yield "read", lambda: ana.read("newsletter", by="web", fields=["email"], channel="email")
    yield "choose", lambda: ana.choose(offers, channel="email", by="campaign", key="c")
    yield "choose", lambda: ana.choose(offers, channel="email", by="campaign", key="c2")
    yield "correct", lambda: ana.correct({"email": "ana@new.example"}, by="desk")
    yield "find", lambda: shop.find("email", "Ana@new.example", purpose="account", by="desk")
    yield "restrict", lambda: ana.restrict(by="desk", reason="contested")
    yield "may", lambda: ana.may("order")
    yield "lift_restriction", lambda: ana.lift_restriction(by="desk")
    yield "object_to", lambda: ana.object_to("newsletter", by="customer")
    yield "refuse", lambda: ana.refuse("recommendations", by="customer")
    yield "withdraw", lambda: ana.withdraw("order", by="customer")
    yield "read", lambda: ana.read("recommendations", by="web")
    yield "sweep", shop.sweep
    yield "seal", shop.seal
    yield "history", ana.history
    yield "plan_erase", ana.plan_erase
    yield "erase", lambda: ana.erase(by="customer")
    yield "history", ana.history
    yield "after_restore", lambda: shop.after_restore(by="ops")
    yield "verify", shop.ledger.verify
    yield "checkpoint", shop.ledger.checkpoint


shown: list[str] = []


def settled():
    """Return the same clock, the same randomness and the same till for every run."""
    return {"clock": Clock(), "random": Seeded("twins"), "sources": {"shop_db": Till()}}


def blocking_story():
    """Run the story with the blocking face."""
    shown.clear()
    story = []
    with Steward.memory(POLICY, **settled()) as shop:
        for name, step in scenario(shop, shop.customer("c-1001")):
            answer = step()
            shown.append(getattr(answer, "id", ""))
            story.append((name, told(answer)))
    return story


async def awaiting_story():
    """Run the story with the awaiting face."""
    shown.clear()
    story = []
    async with AsyncSteward.memory(POLICY, **settled()) as shop:
        for name, step in scenario(shop, shop.customer("c-1001")):
            answer = await step()
            shown.append(getattr(answer, "id", ""))
            story.append((name, told(answer)))
    return story


def test_both_faces_give_the_same_answers_and_the_same_history():
    """Under the same clock and randomness every answer is the same, to the signed checkpoint."""
    ours = blocking_story()
    theirs = asyncio.run(awaiting_story())
    for (name, mine), (twin, his) in zip(ours, theirs, strict=True):
        assert (name, mine.replace("Async", "")) == (twin, his.replace("Async", ""))
    assert 25 < len(ours)


def test_time_in_a_history_never_runs_backwards():
    """Whatever the clock does."""
    clock = Clock()
    with Steward.memory(POLICY, clock=clock, random=Seeded()) as shop:
        ana = shop.enroll("c-1001", {}, purpose="account", by="signup")
        for hours in (5, -9, 2, -48, 1):
            clock.move(hours=hours)
            ana.refuse("newsletter", by="customer")
        times = [line.at for line in ana.history()]
        assert 6 == len(times)
        assert all(one <= two for one, two in pairwise(times))


def test_a_handle_reads_nothing():
    """``customer()`` asks nobody, so that it is free and never fails for who is unknown."""
    from tests.face.shop import Counting, steward

    storage = Counting()
    with steward(storage) as shop:
        before = storage.calls.total()
        assert "<Customer>" == repr(shop.customer("nobody"))
        assert before == storage.calls.total()
        assert ("customer.unknown",) == shop.customer("nobody").may("account").codes


def test_a_proof_is_checked_offline_after_it_went_through_json(here):
    """What a customer keeps is text; the library alone, without the shop, checks it."""
    proof, vkey = first_ten_minutes(Steward.memory(POLICY))
    kept = json.loads(json.dumps(proof.to_json()))
    assert "granted" == Proof.from_json(kept).check(vkey)["kind"]
