"""A no that stands in the ledger is told as standing, and reaches the floor."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from clm_ethics import AsyncSteward, StorageUnavailable
from clm_ethics.storage.memory import MemoryStorage
from tests.face.shop import KEYS, POLICY, Clock, Seeded, agree, clone, enrolled, kinds, steward
from tests.regressions.shops import Flaky, Slow


@pytest.mark.parametrize("mode", ["down", "read-only"])
@pytest.mark.parametrize(
    "say",
    [
        pytest.param(lambda ana, key: ana.withdraw("newsletter", by="customer", key=key), id="withdraw"),
        pytest.param(lambda ana, key: ana.restrict(by="customer", reason="wrong", key=key), id="restrict"),
        pytest.param(lambda ana, key: ana.correct({"region": "AT"}, by="customer", key=key), id="correct"),
    ],
)
@pytest.mark.parametrize("key", [None, "once"])
def test_what_stands_in_the_ledger_is_told_as_written(mode, say, key):
    """When the floor cannot be written the error says that the word stands, and to say it again."""
    kept = Flaky()
    with steward(keys_in=kept) as shop:
        ana = enrolled(shop)
        before = kinds(ana).total()
        kept.mode = mode
        with pytest.raises(StorageUnavailable, match="say it again") as told:
            say(ana, key)
        kept.mode = ""

        assert told.value.written is True
        assert before + 1 == kinds(ana).total()
        say(ana, key)
        assert before + (2 if key is None else 1) == kinds(ana).total()


def test_a_repeated_no_that_cannot_be_looked_up_is_not_told_as_missing():
    """Also a no that was said before, whose entry cannot be loaded now, is not reported as unwritten."""
    data = Flaky()
    with steward(data) as shop:
        ana = enrolled(shop)
        ana.withdraw("newsletter", by="customer", key="once")
        entries = data.entries
        data.entries = lambda *_, **__: (_ for _ in ()).throw(StorageUnavailable("down", written=False))
        with pytest.raises(StorageUnavailable) as told:
            ana.withdraw("newsletter", by="customer", key="once")
        data.entries = entries

        assert told.value.written is True


def test_who_stops_waiting_for_a_no_has_still_said_it():
    """A cancelled caller's withdrawal goes on to its floor: a backup from before it revives nothing."""

    async def run() -> tuple[list[str], tuple[str, ...]]:
        data, kept = Slow(), Slow()
        shop = AsyncSteward.open(data, policy=POLICY, keys=KEYS, keys_in=kept, clock=Clock(), random=Seeded())
        ana = await shop.enroll("c-1", {"region": "DE"}, purpose="account", by="web")
        shown = (await shop.notice("recommendations")).id
        await ana.grant("recommendations", shown=shown, by="web")
        backup = clone(data.inner)
        data.slow = kept.slow = True
        saying = asyncio.ensure_future(asyncio.wait_for(ana.withdraw("recommendations", by="customer"), 60))
        for _ in range(10):
            await asyncio.sleep(0)
        saying.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await saying
        data.slow = kept.slow = False
        data.go.set()
        kept.go.set()
        await (await shop._connection.driver()).finish()
        lines = [line.kind for line in await ana.history()]
        data.inner = backup
        decision = await ana.may("recommendations")
        await shop.close()
        return lines, decision.codes

    lines, codes = asyncio.run(run())

    assert ["enrolled", "granted", "withdrawn"] == lines
    assert ("customer.restored",) == codes


def test_who_stops_waiting_for_an_erasure_has_still_asked_for_it():
    """A cancelled caller's erasure goes on to its certificate."""

    async def run() -> list[str]:
        data = Slow()
        shop = AsyncSteward.open(data, policy=POLICY, keys=KEYS, clock=Clock(), random=Seeded())
        ana = await shop.enroll("c-1", {"region": "DE"}, purpose="account", by="web")
        data.slow = True
        erasing = asyncio.ensure_future(asyncio.wait_for(ana.erase(by="customer"), 60))
        for _ in range(10):
            await asyncio.sleep(0)
        erasing.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await erasing
        data.slow = False
        data.go.set()
        await (await shop._connection.driver()).finish()
        lines = [line.kind for line in await ana.history()]
        await shop.close()
        return lines

    assert ["erasure_begun", "erasure_done"] == asyncio.run(run())


def test_a_restored_stream_stays_denied_however_long_it_grows():
    """Neither queued refusals nor noes lift the floor of a restored stream: ``after_restore`` alone does."""
    data, kept = MemoryStorage(), MemoryStorage()
    with steward(data, keys_in=kept) as shop:
        ana = enrolled(shop)
        agree(ana, "recommendations")
        backup = clone(data)
        ana.withdraw("recommendations", by="customer")
    with steward(backup, keys_in=kept) as shop:
        ana = shop.customer("c-1001")
        for number in range(3):
            assert not ana.read("recommendations", by=f"web-{number}")
        assert 2 < kinds(ana).total()
        ana.withdraw("newsletter", by="customer")
        ana.object_to("newsletter", by="customer")
        ana.restrict(by="customer", reason="wrong")
        assert ("customer.restored",) == ana.may("recommendations").codes
        assert ("customer.restored",) == ana.may("account").codes
    with steward(backup, keys_in=kept) as shop:
        ana = shop.customer("c-1001")
        assert ("customer.restored",) == ana.may("recommendations").codes
        shop.after_restore(by="operator")
        assert "consent.withdrawn" in ana.may("recommendations").codes
