"""Mixed workloads of controllers, customers, processors and regulators, against the oracle's dictionaries.

``CLM_PERSONAS=20 pytest tests/workloads`` makes twenty times as many queries.
"""

from __future__ import annotations

import os
import random
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clm_ethics import FileKeys, Steward
from clm_ethics.storage.memory import MemoryStorage
from clm_ethics.vault.keys import MemoryKeys
from tests.face.shop import Seeded
from tests.storage.postgresql_server import Server, running
from tests.workloads.personas import MIXES, POLICIES, Client, Clock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

TIMES = int(os.environ.get("CLM_PERSONAS", "1"))
"""How many times the usual number of queries is made."""
DAYS = (0, 1, 5, 10, 20, 25, 30, 45)
PHASES = 6
CLIENTS = 4


def live(clients: list[Client], clock: Clock, reopen: Callable[[str], Steward], steps: int) -> None:
    """Let *clients* work at once; then let time pass, sweep, restart under some policy, and seal."""
    draw = clients[0].draw
    for _ in range(PHASES):
        together(clients, lambda client: client.run(steps))
        days = draw.choice(DAYS)
        clock.day += days
        for client in clients:
            client.oracle.day += days
        together(clients, Client.check_everything)
        if draw.random() < 0.6:
            clients[0].shop.sweep(confirm=True)
            for client in clients:
                client.oracle.sweep()
            together(clients, Client.check_everything)
        version = draw.choice(list(POLICIES))
        for client in clients:
            client.shop.close()
            client.oracle.version = version
            client.shop = reopen(version)
        clients[0].shop.seal()
    together(clients, Client.check_everything)
    prove(clients)


def together(clients: list[Client], work: Callable[[Client], None]) -> None:
    """Do *work* for every client, each in a thread of its own if there are several."""
    if len(clients) == 1:
        work(clients[0])
        return
    raised: list[BaseException] = []

    def run(client: Client) -> None:
        try:
            work(client)
        except BaseException as error:  # noqa: BLE001  (raised again below)
            raised.append(error)

    threads = [Thread(target=run, args=(client,)) for client in clients]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    if raised:
        raise raised[0]


def prove(clients: list[Client]) -> None:
    """Everything verifies, and every receipt can be proven, of the erased too."""
    shop = clients[0].shop
    shop.seal()
    found = shop.ledger.verify()
    assert found, found.explain()
    assert sum(len(client.oracle.people) for client in clients) <= found.streams
    vkey = shop.ledger.vkey()
    for client in clients:
        for receipt in client.receipts[-5:]:
            assert shop.prove(receipt).check(vkey)


def close(clients: list[Client]) -> None:
    """Close whatever is open."""
    for client in clients:
        client.shop.close()


@settings(max_examples=8 * TIMES)
@given(seed=st.integers(0, 2**32))
def test_any_mix_of_personas_gets_the_answers_of_the_oracle(seed):
    """In memory, whatever is asked in whatever order."""
    clock, storage, keys = Clock(), MemoryStorage(), MemoryKeys(Seeded("keys"))

    def opened(version: str) -> Steward:
        return Steward.open(storage, policy=POLICIES[version], keys=keys, clock=clock)

    clients = [Client(opened("base"), random.Random(seed), ("c-0", "c-1", "c-2", "c-3"))]
    live(clients, clock, opened, 40)
    close(clients)


@pytest.mark.parametrize("seed", range(TIMES))
def test_a_file_gives_the_same_answers(tmp_path, seed):
    """On SQLite with keys in a file of their own, through restarts."""
    clock = Clock()

    def opened(version: str) -> Steward:
        return Steward.open(
            f"sqlite:///{tmp_path}/crm.db",
            policy=POLICIES[version],
            keys=FileKeys(tmp_path / "keys"),
            keys_in=f"sqlite:///{tmp_path}/keys.db",
            clock=clock,
        )

    clients = [Client(opened("base"), random.Random(seed), tuple(f"c-{n}" for n in range(6)))]
    for mix in MIXES.values():
        for query, _ in mix:
            query(clients[0])
    live(clients, clock, opened, 80)
    close(clients)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """Return a PostgreSQL server of our own."""
    with running() as server:
        yield server


@pytest.mark.parametrize("seed", range(TIMES))
def test_clients_at_once_get_the_same_answers(server: Server, tmp_path: Path, seed: int):
    """On a PostgreSQL server that crashes between the phases; each client is a steward of its own."""
    clock = Clock()
    tables: Any = f"postgresql://postgres@/seed{seed}?host={server.folder}"
    server.execute(f"CREATE DATABASE seed{seed}")
    opened: list[str] = []

    def reopen(version: str) -> Steward:
        if opened and not len(opened) % CLIENTS:  # everybody has closed
            server.stop("immediate")
            server.start()
        opened.append(version)
        return Steward.open(tables, policy=POLICIES[version], keys=FileKeys(tmp_path / "keys"), clock=clock)

    clients = [
        Client(reopen("base"), random.Random(seed * CLIENTS + who), tuple(f"{who}-{n}" for n in range(3)))
        for who in range(CLIENTS)
    ]
    live(clients, clock, reopen, 25)
    close(clients)
