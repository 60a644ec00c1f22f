"""A hundred readers at once on one event loop: how they share commits, and one customer's queue."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from clm_ethics import AsyncSteward
from clm_ethics.storage.sqlite import SqliteStorage

from .measure import Row, Size, compare, count, folder, take_turns
from .shop import READ, READ_FOR, Recording, make_shop
from .world import make_policy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .shop import Shop

READERS = 100


def run(size: Size) -> list[Row]:
    """Let 100 read 100 customers, and 100 one customer, each read durable before it returns."""
    readers = min(READERS, size.customers)
    with folder() as place:
        shop = make_shop(make_policy(), place, readers)
        with asyncio.Runner() as runner:
            return _run(shop, runner, readers, size)


def _run(shop: Shop, runner: asyncio.Runner, readers: int, size: Size) -> list[Row]:
    storage = Recording(SqliteStorage(shop.path))
    steward = AsyncSteward.open(storage, policy=shop.policy, keys=shop.keys)
    commits: dict[str, list[int]] = {"many": [], "one": []}

    async def read(refs: Sequence[str]) -> None:
        views = await asyncio.gather(
            *(steward.customer(ref).read(READ_FOR, by="web", fields=READ) for ref in refs)
        )
        assert all(views)

    def turn(kind: str, refs: Sequence[str]) -> None:
        before = storage.commits
        runner.run(read(refs))
        commits[kind].append(storage.commits - before)
        storage.writes.clear()

    steps = {
        "many": lambda _: turn("many", shop.refs),
        "one": lambda _: turn("one", shop.refs[:1] * readers),
    }
    taken = take_turns(steps, size.rounds)
    runner.run(_close(steward))
    storage.inner.close()  # type: ignore[attr-defined]  # it is the adapter itself
    note = f"{readers} readers, audit durable; a commit is one sync (see appending)"
    return [
        Row(
            name=f"{READERS} readers of {READERS} customers: syncs per read",
            value=count(max(commits["many"]) / readers),
            must=1 / 20,
            stretch=1 / 50,
            note=f"{note}; at most {max(commits['many'])} commits",
        ),
        Row(
            name=f"{READERS} readers of one customer: syncs per read",
            value=count(max(commits["one"]) / readers),
            must=1 / 20,
            stretch=1 / 50,
            note=f"{note}; at most {max(commits['one'])} commits",
        ),
        compare(
            f"{READERS} readers of one customer / of different ones",
            taken["one"],
            taken["many"],
            must=2.0,
            note=note,
        ),
    ]


async def _close(steward: AsyncSteward) -> None:
    await steward.close()
