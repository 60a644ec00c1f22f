"""How often a verb waits for the PostgreSQL server, counted on the socket between them."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from clm_ethics import Policy, Steward
from clm_ethics.storage.postgresql import PostgresStorage
from clm_ethics.vault.keys import MemoryKeys
from tests.storage.postgresql_proxy import Counting

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.storage.postgresql_server import Server

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "policy.toml"


@pytest.fixture
def counting(emptied: Server) -> Iterator[tuple[Counting, str]]:
    """Return what counts, and the address that leads through it."""
    folder = Path(tempfile.mkdtemp(prefix="clm-px-", dir="/tmp"))
    with Counting(folder, emptied.folder) as counting:
        yield counting, emptied.address(host=folder)
    shutil.rmtree(folder)


def test_an_audited_read_takes_two_round_trips(counting: tuple[Counting, str]) -> None:
    """With the customer's keys at hand, an audited read is a load and a commit, and asking a load."""
    counter, address = counting
    with (
        closing(PostgresStorage(address, max_size=1)) as storage,
        Steward.open(storage, policy=Policy.load(EXAMPLE), keys=MemoryKeys()) as shop,
    ):
        values = {"email": "ana@example.org", "region": "DE"}
        ana = shop.enroll("c-1", values, purpose="account", by="web")
        for _ in range(3):  # a connection prepares a statement when it first uses it
            assert ana.read("account", by="web")
        trips = []
        for _ in range(5):
            before = counter.trips
            assert ana.read("account", by="web")
            read = counter.trips
            assert ana.may("account")
            trips.append((read - before, counter.trips - read))
    assert [(2, 1)] * 5 == trips
