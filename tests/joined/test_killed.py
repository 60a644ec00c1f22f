"""A host process killed inside its transaction, before its commit and after it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.face.shop import enrolled
from tests.joined.hosts import SqliteHost

if TYPE_CHECKING:
    from tests.joined.hosts import Host

VICTIM = Path(__file__).with_name("victim.py")


@pytest.mark.parametrize("place", ["inside", "left", "committed"])
def test_killed(host: Host, place: str) -> None:
    """After kill -9 both are there or neither, the ledger verifies, and the same telling can be repeated."""
    with host.steward(clock=None) as shop:
        enrolled(shop)
    before = host.stored()
    address = "sqlite" if isinstance(host, SqliteHost) else host.server.address()  # type: ignore[attr-defined]
    with subprocess.Popen(
        [sys.executable, VICTIM, host.folder, address, place],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(VICTIM.parents[2])},
    ) as victim:
        assert victim.stdout is not None
        assert place == victim.stdout.readline().strip()
        victim.kill()
    done = place == "committed"
    if isinstance(host, SqliteHost):  # the server takes a moment to notice, but shows nothing of it
        host.host()
        host.close()
    assert (done, int(done)) == (before != host.stored(), host.orders())
    with host.steward(clock=None) as shop:
        assert done == bool(shop.customer("c-2002").may("account"))
        assert shop.ledger.verify()
