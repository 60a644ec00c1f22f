"""A host process that is killed: it stops at a place, says so, and waits.

``python victim.py FOLDER sqlite|ADDRESS inside|left|committed``
"""

from __future__ import annotations

import sqlite3
import sys
from pathlib import Path

import psycopg

from clm_ethics import FileKeys, Policy, Steward
from clm_ethics.storage.sqlite import SqliteStorage

folder, address, place = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
policy = Policy.load(Path(__file__).parents[2] / "docs" / "examples" / "policy.toml")
on_file = address == "sqlite"
connection = (
    sqlite3.connect(folder / "host.db", isolation_level=None)
    if on_file
    else psycopg.connect(address, autocommit=True)
)


def reached(here: str) -> None:
    """Wait for the end at *here*."""
    if here == place:
        sys.stdout.write(f"{here}\n")
        sys.stdout.flush()
        sys.stdin.read()


with Steward.open(
    SqliteStorage(folder / "host.db") if on_file else address, policy=policy, keys=FileKeys(folder / "keys")
) as shop:
    connection.execute("BEGIN IMMEDIATE" if on_file else "BEGIN")
    connection.execute("INSERT INTO host_order (name) VALUES ('order')")
    with shop.joined(connection) as inside:
        inside.enroll(
            "c-2002", {"email": "bo@example.org", "region": "DE"}, purpose="account", by="web", key="e"
        )
        inside.customer("c-2002").refuse("recommendations", by="web")
        inside.customer("c-1001").record(
            "order_placed", {"sku": "tea", "amount": "19.90"}, purpose="order", by="web", key="o"
        )
        reached("inside")
    reached("left")
    connection.execute("COMMIT")
    reached("committed")
