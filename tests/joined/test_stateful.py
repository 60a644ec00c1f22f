"""Whatever is told in whichever transactions: what was committed is what a plain steward would hold."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from clm_ethics import ClmError
from tests.face.shop import POLICY, enrolled, kinds, steward
from tests.joined.hosts import INSERT, SqliteHost
from tests.joined.test_together import COMMANDS

REFS = ("c-1001", "c-2002")
TOLD = st.lists(st.sampled_from(sorted(COMMANDS)), max_size=4)
TRANSACTIONS = st.lists(st.tuples(TOLD, st.sampled_from(["COMMIT", "ROLLBACK"])), max_size=6)


def told(shop: Any, name: str) -> str:
    """Tell *name*; return what was refused."""
    try:
        COMMANDS[name](shop)
    except ClmError as error:
        return type(error).__name__
    return ""


def story(shop: Any) -> list[Any]:
    """Return what is known of both customers: the kinds of their entries, and every answer."""
    people = [shop.customer(ref) for ref in REFS]
    return [(kinds(each), [bool(each.may(purpose)) for purpose in POLICY.purposes]) for each in people]


@settings(max_examples=15)
@given(transactions=TRANSACTIONS)
def test_the_committed_transactions_alone_count(transactions: list[tuple[list[str], str]]) -> None:
    """Commands of committed transactions alone stand in the ledger, and the host's rows go with them."""
    with tempfile.TemporaryDirectory() as folder, steward() as plain:
        host = SqliteHost(Path(folder))
        shop = host.steward()
        connection = host.host(begun=False)
        for each in (shop, plain):
            enrolled(each)
        for names, end in transactions:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute(INSERT)
            with shop.joined(connection) as inside:
                answers = [told(inside, name) for name in names]
            connection.execute(end)
            if end == "COMMIT":
                assert answers == [told(plain, name) for name in names]
            assert story(plain) == story(shop)
        assert sum(end == "COMMIT" for _, end in transactions) == host.orders()
        shop.seal()
        assert shop.ledger.verify()
        host.close()
