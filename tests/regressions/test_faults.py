"""Faults of a storage, a source or a stored value stay where they are."""

from __future__ import annotations

import asyncio
import functools

import pytest

from clm_ethics import AsyncSteward
from clm_ethics.errors import SealBroken
from clm_ethics.storage.memory import MemoryStorage
from clm_ethics.storage.threaded import Threaded
from clm_ethics.verbs import sealing
from tests.face.shop import KEYS, POLICY, Clock, Seeded, Till, enrolled, heads, kinds, steward
from tests.regressions.shops import Flaky, look


class AsyncTill(Till):
    """A source whose methods are coroutine functions."""

    async def fetch(self, ref, fields, /):
        return Till.fetch(self, ref, fields)

    async def erase(self, ref, /):
        Till.erase(self, ref)


class Partials:
    """A source of partials of coroutine functions, and of plain functions that return coroutines."""

    def __init__(self):
        self.till = AsyncTill()
        self.erase = functools.partial(self.till.erase)

    def fetch(self, ref, fields, /):
        return self.till.fetch(ref, fields)


def test_a_coroutine_under_a_blocking_steward_is_pending():
    """A source whose ``erase`` is ``async def`` cannot have erased: the certificate lists it."""
    till = AsyncTill()
    with steward(sources={"shop_db": till}) as shop:
        certificate = enrolled(shop).erase(by="customer")

        assert ["shop_db"] == list(certificate.fields()["pending"])
        assert [] == till.erased


def test_whatever_gives_a_coroutine_is_awaited():
    """Under ``AsyncSteward`` partials of coroutine functions and functions that return coroutines work."""

    async def run():
        source = Partials()
        async with AsyncSteward.memory(
            POLICY, sources={"shop_db": source}, clock=Clock(), random=Seeded()
        ) as shop:
            ana = await shop.enroll("c-1", {"region": "DE"}, purpose="account", by="web")
            points = (await ana.read("account", by="web"))["points"]
            certificate = await ana.erase(by="customer")
            return points, certificate.fields().get("pending"), source.till.erased

    assert (7, None, ["c-1"]) == asyncio.run(run())


class Scrubbed(MemoryStorage):
    """Counts how often it was scrubbed."""

    def __init__(self, name):
        super().__init__()
        self.name = name

    def scrub(self):
        return (f"{self.name} was scrubbed",)


@pytest.mark.parametrize("acting", [False, True])
def test_both_storages_are_scrubbed(acting):
    """An erasure scrubs the storage of the data and that of the keys, from an acting copy too."""
    with steward(Scrubbed("data"), keys_in=Scrubbed("keys")) as shop:
        enrolled(shop)
        copy = shop.acting("clerk") if acting else shop
        notes = copy.customer("c-1001").erase(by="customer").fields()["notes"]

        assert {"data was scrubbed", "keys was scrubbed"} <= set(notes)


@pytest.mark.parametrize("acting", [False, True])
def test_both_storages_are_scrubbed_by_an_awaited_erasure(acting):
    """So does ``AsyncSteward``, also where the copy was made before anybody connected."""

    async def run():
        shop = AsyncSteward.open(
            Scrubbed("data"),
            policy=POLICY,
            keys=KEYS,
            keys_in=Scrubbed("keys"),
            clock=Clock(),
            random=Seeded(),
        )
        used = shop.acting("clerk") if acting else shop
        ana = await used.enroll("c-1", {"region": "DE"}, purpose="account", by="web")
        certificate = await ana.erase(by="customer")
        await shop.close()
        return certificate.fields()["notes"]

    assert {"data was scrubbed", "keys was scrubbed"} <= set(asyncio.run(run()))


def test_an_async_steward_closes_only_what_it_opened():
    """A storage that the host opened goes on after the steward was closed."""

    async def run():
        storage = Threaded(MemoryStorage())
        async with AsyncSteward.open(
            storage, policy=POLICY, keys=KEYS, clock=Clock(), random=Seeded()
        ) as shop:
            await shop.enroll("c-1", {"region": "DE"}, purpose="account", by="web")
        found = await storage.load([b"nobody"])
        await storage.aclose()
        return found

    assert [None] == list(asyncio.run(run()))


def test_who_comes_by_is_not_to_blame_for_the_queue():
    """A verb that succeeded does not raise because others' queued refusals cannot be written."""
    storage = Flaky()
    with steward(storage) as shop:
        ana = enrolled(shop)
        storage.mode = "read-only"
        answers = [ana.read("recommendations", by=f"web-{number}") for number in range(150)]
        storage.mode = ""

        assert not any(answers)
        assert 150 == kinds(ana)["refusal"]


def test_a_flush_goes_on_to_the_next_stream():
    """One stream that cannot be written does not keep the others' queues waiting."""
    storage = MemoryStorage()
    shop = steward(storage)
    ana, bo = enrolled(shop), enrolled(shop, "c-2")
    for each in (ana, bo):
        each.read("recommendations", by="web")
    stream = look(shop).stream
    shop._setting.shared.opened.clear()
    head = storage._heads[stream]
    storage._heads[stream] = head._replace(state=head.state[:-1] + bytes([head.state[-1] ^ 1]))
    with pytest.raises(SealBroken):
        shop._run(sealing.flush(shop._setting))

    assert 1 == kinds(bo)["refusal"]


def test_a_lost_answer_doubles_nothing():
    """What a write of unknown outcome has taken from the queue is not written again; counts add up."""
    storage = Flaky()
    with steward(storage) as shop:
        ana = enrolled(shop)
        for _ in range(2):
            ana.read("recommendations", by="web")
        storage.mode = "lose one"
        ana.put({"region": "AT"}, purpose="account", by="web")
        ana.put({"region": "DE"}, purpose="account", by="web")
        assert 1 == kinds(ana)["refusal"]
        ana.read("recommendations", by="web")
        storage.mode = "read-only"
        with pytest.raises(Exception, match="read-only"):
            ana.put({"region": "AT"}, purpose="account", by="web")
        storage.mode = ""
        ana.read("recommendations", by="web")
        told = [str(line) for line in ana.history() if line.kind == "refusal"]

        assert 2 == len(told)
        assert all("2 times" in each for each in told)


@pytest.mark.parametrize("field", ["email", "address"])
def test_a_damaged_value_does_not_keep_somebody_from_being_erased(field):
    """A value that does not open any more goes with the rest, also where a law would have kept it."""
    storage = MemoryStorage()
    with steward(storage) as shop:
        ana = enrolled(shop)
        ana.put({"address": {"street": "Hidden Lane 1"}}, purpose="invoicing", by="web")
        book = look(shop)
        cell = book.cells(field)[0].sealed
        values = book.head.values.replace(cell, cell[:-1] + bytes([cell[-1] ^ 1]))
        storage._heads[book.stream] = heads(storage)[book.stream]._replace(values=values)
        assert ana.erase(by="customer").effect
        survives = {"address"} - {field}

        assert survives == set(look(shop).state.fields)
        if survives:
            assert ana.read("invoicing", by="tax")["address"]
