"""Host rows and ledger commit or vanish together, on both databases, whatever fails where."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from clm_ethics import Denied, StorageUnavailable, UnknownCustomer
from clm_ethics.errors import StorageError
from clm_ethics.storage.postgresql_joined import JoinedPostgres
from clm_ethics.storage.sqlite_joined import HostConnection
from tests.face.shop import agree, enrolled, kinds
from tests.joined.hosts import SqliteHost

if TYPE_CHECKING:
    from collections.abc import Callable

    from clm_ethics import Steward
    from tests.joined.hosts import Host


def _grant(inside: Any) -> Any:
    return inside.customer("c-1001").grant(
        "recommendations", shown=inside.notice("recommendations").id, by="signup"
    )


COMMANDS: dict[str, Callable[[Any], Any]] = {
    "enroll": lambda inside: enrolled(inside, "c-2002", email="bo@example.org"),
    "put": lambda inside: inside.customer("c-1001").put({"region": "FR"}, purpose="account", by="web"),
    "record": lambda inside: inside.customer("c-1001").record(
        "order_placed", {"sku": "tea", "amount": "19.90"}, purpose="order", by="web", key="o-1"
    ),
    "grant": _grant,
    "refuse": lambda inside: inside.customer("c-1001").refuse("recommendations", by="web"),
    "withdraw": lambda inside: inside.customer("c-1001").withdraw("recommendations", by="web"),
    "object_to": lambda inside: inside.customer("c-1001").object_to("newsletter", by="web"),
    "restrict": lambda inside: inside.customer("c-1001").restrict(by="web", reason="disputed"),
    "lift_restriction": lambda inside: inside.customer("c-1001").lift_restriction(by="web"),
    "correct": lambda inside: inside.customer("c-1001").correct({"region": "AT"}, by="web"),
}


@pytest.fixture
def shop(host: Host) -> Steward:
    """Return a steward with one customer."""
    shop = host.steward()
    enrolled(shop)
    shop.seal()
    return shop


@pytest.mark.parametrize("command", COMMANDS)
def test_a_rollback_leaves_neither(host: Host, shop: Steward, command: str) -> None:
    """After a rollback the ledger holds, byte for byte, what it held before, and so does the host."""
    before = host.stored()
    connection = host.host()
    with shop.joined(connection) as inside:
        COMMANDS[command](inside)
    connection.execute("ROLLBACK")
    assert (before, 0) == (host.stored(), host.orders())
    assert shop.ledger.verify()


@pytest.mark.parametrize("command", COMMANDS)
def test_a_commit_keeps_both(host: Host, shop: Steward, command: str) -> None:
    """After a commit both are there, the ledger verifies, and the steward goes on from it."""
    before = host.stored()
    connection = host.host()
    with shop.joined(connection) as inside:
        COMMANDS[command](inside)
        assert before == host.stored()  # nobody else sees it yet
    connection.execute("COMMIT")
    assert before != host.stored()
    assert 1 == host.orders()
    shop.customer("c-1001").withdraw("recommendations", by="web")
    shop.seal()
    assert shop.ledger.verify()


def test_several_commands_are_one_transaction(host: Host, shop: Steward) -> None:
    """A customer is enrolled, says yes and orders in the transaction in which the host's row appears."""
    connection = host.host()
    with shop.joined(connection) as inside:
        bo = enrolled(inside, "c-2002", email="bo@example.org")
        receipt = agree(bo, "recommendations")
        bo.record("order_placed", {"sku": "tea", "amount": "9.90"}, purpose="order", by="web")
        assert not shop.customer("c-2002").may("recommendations")  # the steward itself sees no such thing
    connection.execute("COMMIT")
    assert shop.customer("c-2002").may("recommendations")
    assert {"enrolled": 1, "granted": 1, "recorded": 1} == kinds(shop.customer("c-2002"))
    shop.seal()
    assert shop.prove(receipt)


class _Fault:
    """Lets a statement fail: the *at*-th that goes out."""

    def __init__(self, host: Host, patch: pytest.MonkeyPatch, at: int) -> None:
        self.sent = 0
        kind, name = (
            (HostConnection, "execute") if isinstance(host, SqliteHost) else (JoinedPostgres, "_execute")
        )
        real = getattr(kind, name)

        def send(here: Any, *arguments: Any) -> Any:
            self.sent += 1
            if self.sent != at:
                return real(here, *arguments)
            if isinstance(here, JoinedPostgres):  # the server's own error: it breaks the transaction
                return here._connection.execute("SELECT 1/0")
            error = sqlite3.OperationalError("injected")
            error.sqlite_errorcode = sqlite3.SQLITE_FULL
            raise error

        patch.setattr(kind, name, send)


def _statements(host: Host, shop: Steward, command: str) -> int:
    connection = host.host()
    with pytest.MonkeyPatch.context() as patch:
        fault = _Fault(host, patch, 0)
        with shop.joined(connection) as inside:
            COMMANDS[command](inside)
    connection.execute("ROLLBACK")
    return fault.sent


@pytest.mark.parametrize("command", ["enroll", "record", "withdraw"])
@pytest.mark.parametrize("end", ["COMMIT", "ROLLBACK"])
def test_a_fault_at_each_statement(host: Host, shop: Steward, command: str, end: str) -> None:
    """Whichever statement fails, the command has written nothing, and the host may go on and commit."""
    before = host.stored()
    total = _statements(host, shop, command)
    assert total > 5
    for at in range(1, total + 1):
        connection = host.host()
        orders = host.orders()
        failure: Exception | None = None
        with pytest.MonkeyPatch.context() as patch:
            _Fault(host, patch, at)
            try:
                with shop.joined(connection) as inside:
                    COMMANDS[command](inside)
            except StorageError as error:
                failure = error
        broken = isinstance(connection, psycopg.Connection) and connection.info.transaction_status == 3
        connection.execute(end)
        if failure is not None:
            assert getattr(failure, "written", None) is False
            assert before == host.stored(), f"statement {at}"
            if not broken:
                assert orders + (end == "COMMIT") == host.orders()
        else:  # it was what puts the connection's settings back: the command was done
            assert (end == "COMMIT") == (before != host.stored())
            before = host.stored()
        assert shop.ledger.verify()


def test_an_exception_of_the_host(host: Host, shop: Steward) -> None:
    """An exception in the host's code leaves the transaction to the host, who rolls back."""
    before = host.stored()
    connection = host.host()

    def of_the_host() -> None:
        with shop.joined(connection) as inside:
            COMMANDS["record"](inside)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        of_the_host()
    connection.execute("ROLLBACK")
    assert (before, 0) == (host.stored(), host.orders())


def test_a_refused_command_leaves_the_rest(host: Host, shop: Steward) -> None:
    """What the policy refuses writes nothing; the commands before and after it stand."""
    connection = host.host()
    with shop.joined(connection) as inside:
        ana = inside.customer("c-1001")
        COMMANDS["restrict"](inside)
        with pytest.raises(Denied):
            ana.put({"phone": "+49 30 5550 1234"}, purpose="account", by="web")
        with pytest.raises(UnknownCustomer):
            inside.customer("c-9").refuse("newsletter", by="web")
        ana.lift_restriction(by="web")
    connection.execute("COMMIT")
    assert {"enrolled": 1, "restricted": 1, "restriction_lifted": 1} == kinds(shop.customer("c-1001"))
    assert shop.ledger.verify()


def test_nothing_of_a_rollback_is_remembered(host: Host, shop: Steward) -> None:
    """A customer of a transaction that was rolled back is unknown, and can be enrolled for real."""
    connection = host.host()
    with shop.joined(connection) as inside:
        COMMANDS["enroll"](inside)
        _grant(inside)
    connection.execute("ROLLBACK")
    bo = shop.customer("c-2002")
    assert "customer.unknown" in bo.may("account").codes
    with pytest.raises(UnknownCustomer):
        bo.refuse("newsletter", by="web")
    assert not shop.customer("c-1001").may("recommendations")
    COMMANDS["enroll"](shop)
    assert bo.may("account")
    assert shop.ledger.verify()


def test_a_savepoint_of_the_host_is_rolled_back(host: Host, shop: Steward) -> None:
    """What the host undoes between two commands is not remembered by the second."""
    connection = host.host()
    with shop.joined(connection) as inside:
        connection.execute("SAVEPOINT ours")
        COMMANDS["enroll"](inside)
        connection.execute(
            "ROLLBACK TO ours" if isinstance(host, SqliteHost) else "ROLLBACK TO SAVEPOINT ours"
        )
        with pytest.raises(UnknownCustomer):
            inside.customer("c-2002").refuse("newsletter", by="web")
        COMMANDS["enroll"](inside)
    connection.execute("COMMIT")
    assert shop.customer("c-2002").may("account")
    assert shop.ledger.verify()


def test_the_steward_itself_would_wait(host: Host, shop: Steward) -> None:
    """A command of the steward itself meets the host's lock, says that nothing was written, and keeps out."""
    connection = host.host()
    with shop.joined(connection) as inside:
        COMMANDS["record"](inside)
        with pytest.raises(StorageUnavailable, match="locked") as caught:
            shop.customer("c-1001").withdraw("recommendations", by="web")
        assert caught.value.written is False
        COMMANDS["withdraw"](inside)
    connection.execute("COMMIT")
    assert {"enrolled": 1, "recorded": 1, "withdrawn": 1} == kinds(shop.customer("c-1001"))


def test_queued_refusals_are_kept_for_after(host: Host, shop: Steward) -> None:
    """A denied read that waits to be written is not drawn into the host's transaction, nor lost."""
    ana = shop.customer("c-1001")
    assert not ana.read("recommendations", by="web")
    connection = host.host()
    with shop.joined(connection) as inside:
        COMMANDS["record"](inside)
        assert 1 == shop._setting.waiting
    connection.execute("ROLLBACK")
    assert 1 == shop._setting.waiting
    shop.seal()
    assert 0 == shop._setting.waiting
    assert 2 == sum(kinds(ana).values())


def test_a_repeated_key(host: Host, shop: Steward) -> None:
    """The same telling with the same key is written once, inside and after."""
    connection = host.host()
    with shop.joined(connection) as inside:
        COMMANDS["record"](inside)
        assert COMMANDS["record"](inside).repeated
    connection.execute("COMMIT")
    assert COMMANDS["record"](shop).repeated
    assert {"enrolled": 1, "recorded": 1} == kinds(shop.customer("c-1001"))


def test_a_no_inside_survives_a_restored_backup(host: Host, shop: Steward) -> None:
    """The floor of a no is in the same transaction: it stands after the commit, and not after a rollback."""
    from clm_ethics.flows import streams
    from clm_ethics.verbs.flooring import read_floor

    stream = shop._setting.remembered_ref("c-1001")
    key = streams.key_stream(stream)
    floors = []
    for end in ("ROLLBACK", "COMMIT"):
        connection = host.host()
        with shop.joined(connection) as inside:
            COMMANDS["withdraw"](inside)
        connection.execute(end)
        [head] = host.storage_of(shop).load([key])
        floors.append(read_floor(head.values).length)
    assert [0, 2] == floors


def test_values_are_read_outside(host: Host, shop: Steward) -> None:
    """What was put inside is readable once it is committed."""
    connection = host.host()
    with shop.joined(connection) as inside:
        inside.customer("c-1001").put({"email": "new@example.org"}, purpose="account", by="web")
    connection.execute("COMMIT")
    view = shop.customer("c-1001").read("account", by="web")
    assert "new@example.org" == view["email"]
