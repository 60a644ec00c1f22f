"""PostgreSQL as a cluster of three: leaders that die, that are cut off, and that do not know it."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack, closing
from itertools import count
from threading import Event, Thread
from typing import TYPE_CHECKING

import psycopg
import pytest

from clm_ethics import Steward
from clm_ethics.errors import StorageUnavailable
from clm_ethics.storage.contract import Entry, Head, Write
from clm_ethics.storage.postgresql import AsyncPostgresStorage, PostgresStorage, create
from clm_ethics.storage.threaded import Threaded
from clm_ethics.testing.conformance_tools import create as create_stream
from clm_ethics.testing.conformance_tools import entry, head, kept, living, load, make, story
from clm_ethics.vault.keys import MemoryKeys
from tests.face.shop import EMAIL, POLICY, Clock, Seeded
from tests.storage.postgresql_cluster import Cluster, running_cluster, until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clm_ethics.storage.contract import AsyncStorage
    from tests.storage.postgresql_cluster import Node

SHARED = b"shared"
GOAL = 25
"""How many writes each writer has to make before and after each fault."""


@pytest.fixture(scope="module")
def running() -> Iterator[Cluster]:
    """Return the cluster, with tables for a role of least privilege."""
    with running_cluster() as cluster:
        with psycopg.connect(cluster.address(), autocommit=True) as connection:
            connection.execute("CREATE ROLE app LOGIN")
        create(cluster.address(), application="app")
        yield cluster


@pytest.fixture
def cluster(running: Cluster) -> Cluster:
    """Return the cluster when it is whole, with empty tables."""
    running.whole()
    with psycopg.connect(running.address(), autocommit=True) as connection:
        connection.execute("TRUNCATE clm_ethics.head, clm_ethics.entry, clm_ethics.mark")
    return running


class Writer:
    """Appends to a stream of its own and to one that all share, until it is told to stop.

    Attributes:
        acknowledged: by stream, what it knows to be written, in order.
        made: how many writes that is.
        unknown: how many writes had an outcome that only loading told.
    """

    def __init__(self, storage: AsyncStorage, who: int, stopped: Event) -> None:
        self._storage = storage
        self._who = who
        self._stopped = stopped
        self._versions = count(2 + who * 1_000_000)
        self.own = b"own/%d" % who
        self.acknowledged: dict[bytes, list[bytes]] = {self.own: [], SHARED: []}
        self.made = self.unknown = 0

    def run(self) -> None:
        """Write, on an event loop of this thread's own."""
        asyncio.run(self._run())

    async def _run(self) -> None:
        while not self._stopped.is_set():
            for stream in self.acknowledged:
                self.acknowledged[stream].append(await self._append(stream))
                self.made += 1
        await self._storage.aclose()  # type: ignore[attr-defined]

    async def _append(self, stream: bytes) -> bytes:
        """Append one entry, once: what is unknown is looked for after every attempt."""
        doubts: dict[int, bytes] = {}
        while True:
            try:
                for index, body in doubts.items():
                    found = await self._storage.entries(stream, after=index - 1, limit=1)
                    if found and found[0].body == body:
                        return body
                [stored] = await self._storage.load([stream])
                length, expected = (0, 0) if stored is None else (stored.length, stored.version)
                version = next(self._versions)
                body = b"%d>%d" % (expected, version)
                after = Head(version, length + 1, b"", b"", b"", ())
                write = Write(stream, expected, after, (Entry(length + 1, b"", body),))
            except StorageUnavailable:
                continue  # nothing was asked for yet
            try:
                if [True] == list(await self._storage.commit([write])):
                    return body
            except StorageUnavailable as error:
                if error.written is None:
                    self.unknown += 1
                    doubts[length + 1] = body


def check(storage: PostgresStorage, writers: list[Writer]) -> None:
    """Nothing acknowledged is lost or stands twice, and each entry was decided on the one before."""
    shared: list[bytes] = []
    for writer in writers:
        own = [each.body for each in story(storage, writer.own)]
        assert own == writer.acknowledged[writer.own]
        shared += writer.acknowledged[SHARED]
    stored = story(storage, SHARED)
    assert sorted(shared) == sorted(each.body or b"" for each in stored)
    previous = b"0"
    for each in stored:
        expected, _, version = (each.body or b"").partition(b">")
        assert expected == previous
        previous = version
    assert living(storage, SHARED).version == int(previous)


# Leaders that die --------------------------------------------------------------------------------


def test_a_leader_that_is_killed_under_load(cluster: Cluster) -> None:
    """No acknowledged write is lost, none stands twice, none was stale; both colours find the new leader."""
    stopped = Event()
    address = cluster.address("app")
    storages: list[AsyncStorage] = [
        Threaded(lambda: PostgresStorage(address, max_size=2, timeout=3)),
        AsyncPostgresStorage(address, max_size=2, timeout=3),
        AsyncPostgresStorage(address, max_size=2, timeout=3),
    ]
    writers = [Writer(storage, who, stopped) for who, storage in enumerate(storages)]
    threads = [Thread(target=writer.run, daemon=True) for writer in writers]
    for thread in threads:
        thread.start()

    def all_made(more: int) -> None:
        goals = [writer.made + more for writer in writers]
        until(
            lambda: all(writer.made >= goal for writer, goal in zip(writers, goals, strict=True)),
            "every writer has written",
        )

    all_made(GOAL)
    for _ in range(2):
        leader = cluster.whole()
        leader.kill()
        cluster.other_leader(leader)
        all_made(GOAL)
    stopped.set()
    for thread in threads:
        thread.join(60)
    cluster.whole()
    with closing(PostgresStorage(address)) as storage:
        check(storage, writers)


# Leaders that are cut off ------------------------------------------------------------------------


def test_a_leader_that_is_cut_off_and_does_not_know(cluster: Cluster) -> None:
    """It still takes itself for the primary, and neither writes nor reads pass through it.

    Its Patroni is frozen, so nobody tells it to step down: the worst that can happen. After a
    withdrawal through the new leader has returned no read passes, whoever is asked.
    """
    old = cluster.whole()
    alone = old.address()
    keys = MemoryKeys(Seeded("keys"))

    def steward(address: str, seed: int, timeout: float) -> Steward:
        opened = PostgresStorage(address, max_size=1, timeout=timeout)
        stack.callback(opened.close)
        return stack.enter_context(
            Steward.open(opened, policy=POLICY, keys=keys, clock=Clock(), random=Seeded(seed))
        )

    with ExitStack() as stack:
        stale, shop = steward(alone, 1, 0.5), steward(cluster.address("app"), 2, 3)
        ana = shop.enroll("c-1", {"email": EMAIL, "region": "DE"}, purpose="account", by="signup")
        ana.record("order_placed", {"sku": "tea", "amount": "1"}, purpose="order", by="checkout", key="77")
        ana.grant("recommendations", shown=shop.notice("recommendations", locale="en").id, by="signup")
        assert stale.customer("c-1").may("recommendations")
        before = stack.enter_context(closing(PostgresStorage(alone, max_size=1, timeout=0.5)))
        create_stream(before, b"s", head(1, 1), entry(1))

        old.freeze()
        old.cut()
        cluster.other_leader(old)
        until(lambda: _told(ana), "the withdrawal has returned")
        with closing(PostgresStorage(cluster.address("app"), timeout=5)) as after:
            make(after, Write(b"s", 1, kept(2, 2), (entry(2, b"new"),)))

        with psycopg.connect(alone, autocommit=True) as connection:  # what a careless client is told
            rows = connection.execute(
                "SELECT pg_is_in_recovery(), version FROM clm_ethics.head WHERE stream = 's'"
            ).fetchall()
            assert [(False, 1)] == rows
        for question in (
            lambda: stale.customer("c-1").may("recommendations"),
            lambda: stale.customer("c-1").read("recommendations", by="web"),
            lambda: load(before, b"s"),
        ):
            with pytest.raises(StorageUnavailable):
                question()
        with pytest.raises(StorageUnavailable) as caught:
            before.commit([Write(b"s", 1, kept(3, 2), (entry(2, b"lost"),))])
        assert caught.value.written is None
        assert not ana.may("recommendations")

        old.cut(cut=False)
        old.freeze(frozen=False)
        cluster.whole()
        assert not ana.read("recommendations", by="web")
        with closing(PostgresStorage(cluster.address("app"))) as healed:
            assert [entry(1), entry(2, b"new")] == story(healed, b"s")
            assert living(healed, b"s").version == 2


def _told(ana: object) -> bool:
    """Withdraw, and tell whether it has returned; a host tries again while a leader is missing."""
    try:
        ana.withdraw("recommendations", by="customer", key="once")  # type: ignore[attr-defined]
    except StorageUnavailable:
        return False
    return True


def test_a_leader_that_is_cut_off_steps_down(cluster: Cluster) -> None:
    """Its Patroni ends it before another may lead; what it could not confirm is not written."""
    old = cluster.whole()
    with (
        closing(PostgresStorage(old.address(), timeout=1)) as minority,
        closing(PostgresStorage(cluster.address("app"), timeout=3)) as storage,
    ):
        create_stream(minority, b"s", head(1))
        old.cut()
        with pytest.raises(StorageUnavailable):
            minority.commit([Write(b"s", 1, kept(2, 1), (entry(1, b"minority"),))])
        until(lambda: _refused(old), "the old leader refuses")
        cluster.other_leader(old)
        until(lambda: _made(storage), "the adapter has found the new leader")
        assert [entry(1, b"majority")] == story(storage, b"s")
    old.cut(cut=False)  # whoever comes next waits until it follows


def _refused(node: Node) -> bool:
    """Tell whether *node* takes nobody in as a primary."""
    try:
        PostgresStorage(node.address(), timeout=1).close()
    except StorageUnavailable:
        return True
    return False


def _made(storage: PostgresStorage) -> bool:
    try:
        stored = living(storage, b"s")
        if stored.version == 1:
            storage.commit([Write(b"s", 1, kept(3, 1), (entry(1, b"majority"),))])
        return living(storage, b"s").version == 3
    except StorageUnavailable:
        return False
