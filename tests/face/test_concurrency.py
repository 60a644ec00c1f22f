"""Many at once: threads, tasks, processes, copies after a fork. What returned counts for all of them."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from threading import Barrier, Event, Thread
from typing import Any

import pytest

from clm_ethics import AsyncSteward, FileKeys, Steward
from clm_ethics.errors import Closed, StorageUnavailable
from clm_ethics.flows import lasting
from clm_ethics.storage.memory import AsyncMemoryStorage, MemoryStorage
from clm_ethics.testing.hostile import Fault, HostileStorage
from tests.face import teller
from tests.face.shop import KEYS, POLICY, Clock, Counting, Seeded, agree, clone, enrolled, kinds, steward


def in_file(folder: Any, **more: Any) -> Steward:
    """Open the shop in a file."""
    return Steward.open(f"sqlite:///{folder}/crm.db", policy=POLICY, keys=FileKeys(folder / "keys"), **more)


def run(threads: list[Thread]) -> None:
    """Start them all, and wait for them."""
    for each in threads:
        each.start()
    for each in threads:
        each.join()


class AsyncCounting:
    """An asynchronous storage that counts its calls, and waits with a commit while it is told to."""

    def __init__(self) -> None:
        self.inner = AsyncMemoryStorage()
        self.commits = 0
        self.gate: asyncio.Event | None = None
        self.reached = asyncio.Event()

    async def load(self, streams: Any, /) -> Any:
        return await self.inner.load(streams)

    async def commit(self, writes: Any, /) -> Any:
        self.commits += 1
        self.reached.set()
        if self.gate is not None:
            await self.gate.wait()
        return await self.inner.commit(writes)

    async def entries(self, stream: bytes, /, *, after: int, limit: int) -> Any:
        return await self.inner.entries(stream, after=after, limit=limit)

    async def find(self, token: bytes, /, *, until: int, after: tuple[int, bytes], limit: int) -> Any:
        return await self.inner.find(token, until=until, after=after, limit=limit)


def whole_story(customer: Any) -> list[Any]:
    """Return every line, page by page: how many reads fit in before a commit is the machine's affair."""
    lines: list[Any] = []
    after: int | None = 0
    while after is not None:
        page = customer.history(after=after, limit=1000)
        lines += page
        after = page.next_after
    return lines


def test_no_read_after_a_withdrawal_returned_is_allowed(tmp_path):
    """Fifty threads read one customer while she withdraws, with two stewards of one file."""
    with in_file(tmp_path) as shop, in_file(tmp_path) as other:
        ana = enrolled(shop)
        ana.record("order_placed", {"sku": "tea", "amount": "1"}, purpose="order", by="till")
        agree(ana, "recommendations")
        withdrawn, warm = Event(), Barrier(51)
        late: list[Any] = []
        early: list[bool] = []

        def read(number: int) -> None:
            mine = (shop, other)[number % 2].customer("c-1001")
            early.append(bool(mine.read("recommendations", by=f"t{number}")))
            warm.wait()
            while True:
                told = withdrawn.is_set()
                view = mine.read("recommendations", by=f"t{number}")
                if told:
                    late.append(view)
                    return

        def withdraw() -> None:
            warm.wait()
            ana.withdraw("recommendations", by="customer")
            withdrawn.set()

        run([Thread(target=read, args=(number,)) for number in range(50)] + [Thread(target=withdraw)])
        assert [True] * 50 == early
        assert 50 == len(late)
        assert not any(late)
        told = [line.kind for line in whole_story(ana)]
        after = told[told.index("withdrawn") :]
        assert "read" not in after
        assert shop.ledger.verify()


def test_threads_that_wait_for_one_stream_share_one_commit():
    """Fifty noes to one customer that wait together are one write of fifty entries."""
    storage = Counting()
    with steward(storage) as shop:
        ana = enrolled(shop)
        leading, together = shop._driver._leading, Barrier(50)

        class All:
            """The leader's lock, taken only once all fifty have queued."""

            def __enter__(self) -> None:
                together.wait()
                leading.acquire()

            def __exit__(self, *_: object) -> None:
                leading.release()

        shop._driver._leading = All()
        before = storage.calls["commit"]
        receipts: list[int] = []

        def tell(number: int) -> None:
            receipts.append(ana.lift_restriction(by=f"t{number}", key=f"k{number}").index)

        run([Thread(target=tell, args=(number,)) for number in range(50)])
        shop._driver._leading = leading
        assert 1 == storage.calls["commit"] - before
        assert list(range(2, 52)) == sorted(receipts)
        assert 50 == kinds(ana)["restriction_lifted"]


def test_of_verbs_that_share_a_commit_each_hears_its_own_answer():
    """One is refused, one repeats, one is wrong: the others are written all the same."""
    from clm_ethics import KeyReused, UsageError

    async def story() -> None:
        async with AsyncSteward.memory(POLICY, clock=Clock(), random=Seeded()) as shop:
            ana = await shop.enroll("c-1", {"region": "DE"}, purpose="account", by="t")
            came = await asyncio.gather(
                ana.refuse("newsletter", by="t", key="a"),
                ana.refuse("newsletter", by="t", key="a"),
                ana.refuse("recommendations", by="t", key="a"),
                ana.correct({"email": "x@example.org"}, by="t"),
                ana.read("newsletter", by="t"),
                ana.withdraw("newsletter", by="t"),
                return_exceptions=True,
            )
            assert came[0].index == came[1].index == 2
            assert isinstance(came[2], KeyReused)
            assert isinstance(came[3], UsageError)
            assert not came[4]
            assert "withdrawn" == came[5].kind
            told = [line.kind for line in await ana.history()]
            assert ["enrolled", "refused", "withdrawn", "refusal"] == told

    asyncio.run(story())


def test_a_hundred_readers_of_one_customer_share_few_commits():
    """Each read is an entry of its own, durable before its answer; they wait together."""

    async def story() -> None:
        storage = AsyncCounting()
        async with AsyncSteward.open(storage, policy=POLICY, keys=KEYS, random=Seeded(1)) as shop:
            ana = await shop.enroll("c-1", {"email": "a@example.org"}, purpose="account", by="t")
            before = storage.commits
            views = await asyncio.gather(*(ana.read("account", by=f"r{n}") for n in range(100)))
            assert all(view["email"] == "a@example.org" for view in views)
            assert 1 <= storage.commits - before <= 3
            told = [line for line in await ana.history(limit=1000) if line.kind == "read"]
            assert {f"r{n}" for n in range(100)} == {line.by for line in told}
            assert 100 == len(told)

    asyncio.run(story())


def test_readers_of_many_customers_share_commits_too():
    """A hundred customers read at once wait for a few flushes, not for a hundred."""

    async def story() -> None:
        storage = AsyncCounting()
        async with AsyncSteward.open(storage, policy=POLICY, keys=KEYS, random=Seeded(1)) as shop:
            refs = [f"c-{n}" for n in range(100)]
            people = await asyncio.gather(
                *(shop.enroll(ref, {"region": "DE"}, purpose="account", by="t") for ref in refs)
            )
            before = storage.commits
            views = await asyncio.gather(*(each.read("account", by="r") for each in people))
            assert all(views)
            assert storage.commits - before <= 3

    asyncio.run(story())


def test_cancelling_a_caller_withdraws_nothing_that_is_queued():
    """The no is in the ledger although nobody waits for it any more."""

    async def story() -> None:
        storage = AsyncCounting()
        async with AsyncSteward.open(storage, policy=POLICY, keys=KEYS, random=Seeded(1)) as shop:
            ana = await shop.enroll("c-1", {"region": "DE"}, purpose="account", by="t")
            storage.gate = asyncio.Event()
            storage.reached.clear()
            task = asyncio.ensure_future(ana.refuse("newsletter", by="t"))
            await storage.reached.wait()
            second = asyncio.ensure_future(ana.refuse("recommendations", by="t"))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            task.cancel()
            second.cancel()
            for each in (task, second):
                with pytest.raises(asyncio.CancelledError):
                    await each
            storage.gate.set()
            storage.gate = None
            await shop._connection._driver.finish()
            told = [line.kind for line in await ana.history()]
            assert ["enrolled", "refused", "refused"] == told
            assert not await ana.may("newsletter")

    asyncio.run(story())


def test_what_was_cancelled_before_it_was_queued_is_not_told():
    """A caller that gives up at once has told nothing."""

    async def story() -> None:
        async with AsyncSteward.memory(POLICY) as shop:
            ana = await shop.enroll("c-1", {"region": "DE"}, purpose="account", by="t")
            task = asyncio.ensure_future(ana.refuse("newsletter", by="t"))
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert 1 == len(await ana.history())

    asyncio.run(story())


def test_closing_waits_for_what_is_queued():
    """What was told before closing is written, and its caller hears so."""

    async def story() -> None:
        storage = AsyncCounting()
        shop = AsyncSteward.open(storage, policy=POLICY, keys=KEYS, random=Seeded(1))
        ana = await shop.enroll("c-1", {"region": "DE"}, purpose="account", by="t")
        tasks = [asyncio.ensure_future(ana.refuse("newsletter", by="t", key=f"k{n}")) for n in range(10)]
        await asyncio.sleep(0)
        await shop.close()
        came = await asyncio.gather(*tasks, return_exceptions=True)
        written = [each for each in came if not isinstance(each, BaseException)]
        assert all(isinstance(each, Closed) for each in came if isinstance(each, BaseException))
        async with AsyncSteward.open(storage, policy=POLICY, keys=KEYS, random=Seeded(2)) as again:
            told = [line.kind for line in await again.customer("c-1").history()]
            assert len(written) <= told.count("refused")

    asyncio.run(story())


def test_two_processes_tell_one_customer(tmp_path):
    """Every telling of both is there once, and the ledger verifies."""
    with in_file(tmp_path) as shop:
        enrolled(shop)
    program = [sys.executable, teller.__file__, "compete", str(tmp_path)]
    both = [subprocess.Popen([*program, who, "25"], env=teller.environment()) for who in "ab"]
    assert [0, 0] == [each.wait() for each in both]
    with in_file(tmp_path) as shop:
        ana = shop.customer("c-1001")
        told = [line.by for line in ana.history(limit=1000) if line.kind == "refused"]
        assert (25, 25) == (told.count("a"), told.count("b"))
        shop.seal()
        assert shop.ledger.verify()


def test_a_steward_opened_before_a_fork_is_not_used_after_it(tmp_path):
    """The child hears so at once, whatever it asks; the parent goes on, and what waited is written once."""
    with in_file(tmp_path) as shop:
        ana = enrolled(shop)
        assert not ana.read("newsletter", by="parent")  # one refusal waits in the queue
        child = os.fork()
        if child == 0:
            failed = 1
            try:
                for call in (lambda: ana.may("account"), lambda: ana.refuse("newsletter", by="child")):
                    with pytest.raises(Closed):
                        call()
                shop.close()
                failed = 0
            finally:
                os._exit(failed)
        _, status = os.waitpid(child, 0)
        assert 0 == os.waitstatus_to_exitcode(status)
        ana.refuse("newsletter", by="parent")
        assert {"enrolled": 1, "refused": 1, "refusal": 1} == dict(kinds(ana))
        assert shop.ledger.verify()


# -- the queue -------------------------------------------------------------------------------------


def test_batched_reads_are_written_at_the_latest_when_it_is_closed():
    """Equal reads are one entry with a count; special categories never wait."""
    storage = MemoryStorage()
    with steward(storage, audit="batched") as shop:
        ana = enrolled(shop)
        ana.record("order_placed", {"sku": "tea", "amount": "1"}, purpose="order", by="till")
        agree(ana, "recommendations", explicit=["allergies"])
        ana.put({"allergies": ["nuts"]}, purpose="recommendations", by="web")
        with steward(storage, random=Seeded(2)) as looking:
            for _ in range(5):
                assert ana.read("account", by="web")
            assert 0 == kinds(looking.customer("c-1001"))["read"]
            assert ana.read("recommendations", by="web")["allergies"]
            told = kinds(looking.customer("c-1001"))
            assert 2 == told["read"]  # with it came what had waited
    with steward(storage, random=Seeded(3)) as shop:
        lines = [line.text for line in shop.customer("c-1001").history() if line.kind == "read"]
        assert any("5 times" in text for text in lines)
        assert shop.ledger.verify()


def test_a_no_is_seen_by_batched_readers_at_once():
    """They decide on a head loaded now."""
    storage = MemoryStorage()
    with steward(storage, audit="batched") as shop, steward(storage, random=Seeded(2)) as other:
        ana = enrolled(shop)
        ana.record("order_placed", {"sku": "tea", "amount": "1"}, purpose="order", by="till")
        agree(ana, "recommendations")
        assert ana.read("recommendations", by="web")
        other.customer("c-1001").withdraw("recommendations", by="customer")
        assert not ana.read("recommendations", by="web")


def test_the_queue_is_written_after_a_second_or_a_hundred(monkeypatch):
    """A timer writes what nobody else does; a failing storage does not lose it."""
    monkeypatch.setattr(lasting, "FLUSH_AFTER", 0.0)
    inner = MemoryStorage()
    hostile = HostileStorage(inner)
    with steward(hostile, audit="batched") as shop:
        ana = enrolled(shop)
        assert ana.read("account", by="web")
        shop._timer._running.join()
        assert 1 == kinds(ana)["read"]
        hostile._fault, hostile._fail_at, hostile._forever = Fault.REFUSED, hostile.calls + 2, True
        assert ana.read("account", by="web")  # decided; the head was loaded
        shop._timer._running.join()
        hostile.enabled = False
    with steward(inner, random=Seeded(2)) as shop:
        assert 2 == kinds(shop.customer("c-1001"))["read"]


def test_nobody_grows_a_stream_by_asking():
    """A thousand refused questions are a counted entry, not a thousand."""
    storage = Counting()
    with steward(storage) as shop:
        ana = enrolled(shop)
        before = storage.calls["commit"]
        for _ in range(1000):
            assert not ana.read("newsletter", by="web")
        assert before == storage.calls["commit"]
        assert 1 == kinds(ana)["refusal"]
        assert "1000 times" in str(ana.history())


def test_a_refusal_that_cannot_be_written_now_is_still_answered():
    """A question gives its answer even if the queue cannot be written at that moment."""
    inner = MemoryStorage()
    hostile = HostileStorage(inner)
    with steward(hostile) as shop:
        people = [shop.enroll(f"c-{n}", {"region": "DE"}, purpose="account", by="t") for n in range(120)]
        hostile._fault, hostile._forever = Fault.REFUSED, False
        for each in people[:99]:
            assert not each.read("newsletter", by="web")
        hostile._fail_at = hostile.calls + 3  # the load of the question passes, the flush after it fails
        hostile._forever = True
        try:
            assert not people[99].read("newsletter", by="web")
        except StorageUnavailable:
            pytest.fail("the answer was lost because somebody else's entries could not be written")
        finally:
            hostile.enabled = False
    with steward(clone(inner), random=Seeded(2)) as shop:
        counted = sum(kinds(shop.customer(f"c-{n}"))["refusal"] for n in range(120))
        assert 100 == counted


def test_who_is_stopped_while_he_commits_for_others_tells_them_that_it_is_unknown():
    """A signal ends one thread; the other hears that its no may be written, and tells it again."""

    class Stopped(BaseException):
        pass

    class Stopping(Counting):
        def commit(self, writes: Any, /) -> Any:
            made = super().commit(writes)
            if self.calls["stop"]:
                self.calls["stop"] = 0
                raise Stopped
            return made

    storage = Stopping()
    with steward(storage) as shop:
        ana = enrolled(shop)
        leading, together = shop._driver._leading, Barrier(2)

        class Both:
            """The leader's lock, taken only once both have queued."""

            def __enter__(self) -> None:
                together.wait()
                leading.acquire()

            def __exit__(self, *_: object) -> None:
                leading.release()

        shop._driver._leading = Both()
        storage.calls["stop"] = 1
        came: list[BaseException] = []

        def tell(purpose: str) -> None:
            try:
                ana.lift_restriction(by="t", key=purpose)
            except BaseException as error:  # noqa: BLE001  (it is what the test looks at)
                came.append(error)

        run([Thread(target=tell, args=(purpose,)) for purpose in ("a", "b")])
        shop._driver._leading = leading
        [stopped] = [error for error in came if isinstance(error, Stopped)]
        [unsure] = [error for error in came if error is not stopped]
        assert isinstance(unsure, StorageUnavailable)
        assert unsure.written is None
        for purpose in ("a", "b"):
            ana.lift_restriction(by="t", key=purpose)
        assert 2 == kinds(ana)["restriction_lifted"]
