"""Caps on PostgreSQL: processes that know nothing of each other share them."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from clm_ethics import FileKeys, Steward
from tests.face import teller
from tests.face.shop import POLICY, agree, enrolled, kinds

if TYPE_CHECKING:
    from pathlib import Path

    from tests.storage.postgresql_server import Server

pytestmark = pytest.mark.slow


def test_processes_on_a_server_together_never_exceed_a_cap(emptied: Server, tmp_path: Path) -> None:
    """Three processes choose thirty times each; together they make one contact, the day's limit."""
    keys = str(tmp_path / "keys")
    with Steward.open(emptied.address(), policy=POLICY, keys=FileKeys(keys)) as shop:
        agree(enrolled(shop, born="1990-01-01"), "newsletter")
        shop.customer("c-1001").put({"email": "ana@example.org"}, purpose="newsletter", by="web")
    calls = [
        subprocess.Popen(
            [sys.executable, teller.__file__, "choose_at", emptied.address(), keys, f"w{n}", "30"],
            stdout=subprocess.PIPE,
            text=True,
            env=teller.environment(),
        )
        for n in range(3)
    ]
    said = [each.communicate()[0].split() for each in calls]
    with Steward.open(emptied.address(), policy=POLICY, keys=FileKeys(keys)) as shop:
        assert [0, 0, 0] == [each.returncode for each in calls]
        assert 1 == sum(int(words[1]) for words in said)
        assert 1 == kinds(shop.customer("c-1001"))["chosen"]
        assert shop.ledger.verify()
