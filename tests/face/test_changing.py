"""A candidate policy against real customers: simulated, shadowed, and compared with a host's own check."""

from __future__ import annotations

import asyncio
from copy import deepcopy

import pytest

from clm_ethics import AsyncSteward, Policy, Steward
from clm_ethics.errors import UsageError
from clm_ethics.storage.memory import MemoryStorage
from clm_ethics.transparency.comparing import Adoption
from clm_ethics.vault.keys import MemoryKeys
from tests.face.shop import POLICY, Clock, Seeded

CROWD = 14


def candidate(**changes):
    """Return the example's policy with keys of purposes changed: ``newsletter__stages=[...]``."""
    document = deepcopy(POLICY.document)
    for path, value in changes.items():
        purpose, _, key = path.partition("__")
        document["purposes"][purpose][key] = value
    return Policy.of(document)


def opened(storage=None, clock=None):
    """Open the shop."""
    return Steward.open(
        MemoryStorage() if storage is None else storage,
        policy=POLICY,
        keys=MemoryKeys(Seeded("keys")),
        clock=clock or Clock(),
        random=Seeded(),
    )


def crowd(shop, *, yes=CROWD, no=3):
    """Enrol people, of whom *yes* agreed to recommendations and *no* were never asked."""
    notice = shop.notice("recommendations", locale="en")
    for number in range(yes + no):
        values = {"email": f"p{number}@example.org", "region": "DE", "born": "1980-01-01"}
        ana = shop.enroll(f"c-{number}", values, purpose="account", by="signup")
        ana.record("order_placed", {"sku": "tea", "amount": "1"}, purpose="order", by="till", key="o")
        if number < yes:
            ana.grant("recommendations", shown=notice.id, by="signup")


@pytest.fixture
def shop():
    """The shop with its crowd."""
    with opened() as shop:
        crowd(shop)
        yield shop


def by_name(effects):
    """Return effects per purpose."""
    return {each.purpose: each for each in effects}


def test_nothing_changes_under_the_same_policy(shop):
    """Simulating the policy in force changes nothing for anybody."""
    found = shop.simulate(candidate())

    assert CROWD + 3 == found.customers
    assert not found.change
    assert all((0, 0) == (each.closed, each.opened) for each in found.effects)
    assert CROWD == by_name(found.effects)["recommendations"].before


def test_a_narrower_candidate_closes_for_those_it_hits(shop):
    """A recipient more asks everybody again: fourteen lose the permission, with the reason."""
    found = shop.simulate(candidate(recommendations__shared_with=["a printer"]))
    effect = by_name(found.effects)["recommendations"]

    assert (CROWD, 0, CROWD, 0) == (effect.before, effect.after, effect.closed, effect.opened)
    assert {"consent.other_clause": CROWD} == dict(effect.why)
    assert ["recommendations"] == list(found.change.asked_again)
    assert "of 17 customers" in found.explain()
    assert found.document()["customers"] == CROWD + 3


def test_few_people_are_not_counted_out(shop):
    """Three people are fewer than ten: their number, and the one that would tell it, are not told."""
    for number in range(CROWD, CROWD + 3):
        shop.customer(f"c-{number}").withdraw("account", by="customer")
    found = shop.simulate(candidate(recommendations__basis=["opt_out"]))
    shown = by_name(found.effects)["recommendations"]

    assert all(count is None or count == 0 or count >= 10 for count in shown.why.values())
    assert shop.simulate(candidate(), k=1).effects != ()


def test_a_purpose_that_goes_or_comes_is_counted(shop):
    """Who was permitted a purpose that is gone loses it; a new one opens."""
    document = deepcopy(POLICY.document)
    document["purposes"]["figures"] = {
        "title": {"en": "Count sales", "de": "Verkäufe zählen"},
        "processing": ["analytics"],
        "basis": "legitimate_interest",
        "assessment": "balancing test 4",
        "fields": [],
    }
    bigger = Policy.of(document)
    assert {"purpose.new": CROWD + 3} == dict(by_name(shop.simulate(bigger).effects)["figures"].why)
    with Steward.memory(bigger, clock=Clock(), random=Seeded()) as other:
        crowd(other)
        gone = by_name(other.simulate(POLICY).effects)["figures"]
        assert {"purpose.gone": CROWD + 3} == dict(gone.why)


def test_a_sample_is_a_part_and_always_the_same(shop):
    """A share of the customers is looked at, the same ones each time."""
    half = shop.simulate(candidate(), share=0.5).customers

    assert 0 < half < CROWD + 3
    assert half == shop.simulate(candidate(), share=0.5).customers


def test_past_reads_are_decided_again(shop):
    """Of the reads in the ledger those are counted that the candidate would have refused, as of then."""
    for number in range(CROWD):
        shop.customer(f"c-{number}").read("recommendations", by="web")
    for number in range(CROWD):
        shop.customer(f"c-{number}").withdraw("recommendations", by="customer")
    same = by_name(shop.simulate(candidate(), reads=True).reads)["recommendations"]
    stages = candidate(recommendations__stages=["won_back"])
    other = by_name(shop.simulate(stages, reads=True).reads)["recommendations"]

    assert (CROWD, CROWD, 0) == (same.before, same.after, same.closed)
    assert {"stage.not_listed": CROWD} == dict(other.why)


def test_a_fewer_fields_candidate_is_seen_in_reads(shop):
    """A candidate that shows less than a read showed is counted as such."""
    for number in range(CROWD):
        shop.customer(f"c-{number}").read("recommendations", by="web")
    fields = [each for each in POLICY.purposes["recommendations"].fields if each != "purchases"]
    found = by_name(shop.simulate(candidate(recommendations__fields=fields), reads=True).reads)

    assert CROWD == found["recommendations"].fewer


def test_progress_is_told(shop):
    """Whoever waits hears how many were looked at."""
    told = []
    shop.simulate(candidate(), progress=told.append)

    assert [CROWD + 3] == told


@pytest.mark.parametrize(
    ("words", "named"),
    [({"share": 0}, "share"), ({"share": 1.5}, "share"), ({"k": 0}, "k="), ({"k": True}, "k=")],
)
def test_what_cannot_be_simulated_is_an_error(shop, words, named):
    """A share or a floor that makes no sense is refused, and says where."""
    with pytest.raises(UsageError, match=named):
        shop.simulate(candidate(), **words)


def test_a_candidate_is_a_policy(shop):
    """A file name is no policy."""
    for verb in (shop.simulate, shop.diff, lambda each: shop.shadow(each).__enter__()):
        with pytest.raises(UsageError, match="no policy"):
            verb("next.toml")


def test_an_altered_stream_is_counted_and_does_not_stop_it():
    """One customer whose state does not open is counted; the others are simulated."""
    storage = MemoryStorage()
    with opened(storage) as shop:
        crowd(shop, yes=3)
    [stream, *_] = [
        name for name, head in storage._heads.items() if head.length and head.marks and head.length > 2
    ]
    storage._heads[stream] = storage._heads[stream]._replace(state=b"\x00" * 80)
    with opened(storage) as shop:
        found = shop.simulate(candidate(), k=1)

    assert (6, 1) == (found.customers, found.unopened)
    assert "do not open" in found.explain()


# -- beside the policy in force ------------------------------------------------------------------------


def test_a_shadow_changes_no_answer(shop):
    """The candidate is asked the same and is counted; what comes back is the answer in force."""
    strict = candidate(recommendations__stages=["won_back"])
    with shop.shadow(strict) as seen:
        for number in range(CROWD):
            ana = shop.customer(f"c-{number}")
            assert ana.may("recommendations")
            assert ana.read("recommendations", by="web")["purchases"]
    ana.may("recommendations")

    [effect] = seen.effects
    assert (2 * CROWD, 2 * CROWD, {"stage.not_listed": 2 * CROWD}) == (
        effect.before,
        effect.closed,
        dict(effect.why),
    )
    assert "recommendations: before 28" in seen.explain()


def test_a_shadow_that_fails_is_counted_alone(shop, monkeypatch):
    """A candidate that raises changes no answer; its failures are counted."""
    broken = candidate()
    monkeypatch.setattr(broken, "plan", None)
    with shop.shadow(broken) as seen:
        assert shop.customer("c-0").may("recommendations")

    assert 1 == seen.failed
    assert "1 questions failed" in seen.explain()


def test_the_awaited_steward_simulates_and_shadows():
    """Both colours have the same verbs."""

    async def main():
        async with AsyncSteward.memory(POLICY, clock=Clock(), random=Seeded()) as shop:
            values = {"email": "a@example.org", "region": "DE"}
            await shop.enroll("c-1", values, purpose="account", by="signup")
            with shop.shadow(candidate(), k=1) as seen:
                await shop.customer("c-1").may("account")
            found = await shop.simulate(candidate(), k=1)
            spare = await shop.least_data(k=1)
            return seen.effects, found.customers, bool(shop.diff(candidate())), len(spare)

    effects, customers, differs, spare = asyncio.run(main())
    assert (["account"], 1, False) == ([each.purpose for each in effects], customers, differs)
    assert spare > 0


def test_a_host_s_own_check_is_compared_before_it_is_replaced(shop):
    """The host goes on with its own check; where it would allow what the library denies is counted."""
    adoption = Adoption()
    sent = [
        adoption.check(shop.customer(f"c-{number}").may("newsletter", channel="email"), mine=number % 2 == 0)
        for number in range(CROWD + 3)
    ]
    [effect] = adoption.effects

    assert [number % 2 == 0 for number in range(CROWD + 3)] == sent
    assert (9, None, None) == (sum(sent), effect.before, effect.closed)  # nine are fewer than the floor
    told = Adoption(k=1)
    told.check(shop.customer("c-0").may("newsletter"), mine=True)
    told.check(shop.customer("c-0").may("account"), mine=False)
    assert {"newsletter": (1, 0), "account": (0, 1)} == {
        each.purpose: (each.closed, each.opened) for each in told.effects
    }
    assert "consent.missing 1" in told.explain()


# -- data that nobody needed ---------------------------------------------------------------------------


def test_what_no_read_ever_saw_is_spare(shop):
    """A listed field that no read for the purpose saw, and a purpose nobody read for, are named."""
    for number in range(CROWD):
        shop.customer(f"c-{number}").read("recommendations", fields=["purchases"], by="web")
    spare = {(each.purpose, each.field): each for each in shop.least_data()}

    assert ("recommendations", "tastes") in spare
    assert ("recommendations", "purchases") not in spare
    assert ("invoicing", "") in spare
    assert CROWD == spare["recommendations", "tastes"].reads
    assert "never saw tastes" in spare["recommendations", "tastes"].text


def test_few_reads_are_no_evidence(shop):
    """A purpose with fewer reads than the floor is not judged by its fields."""
    shop.customer("c-0").read("recommendations", fields=["purchases"], by="web")

    assert not any(each.field and each.purpose == "recommendations" for each in shop.least_data())
