"""Django's connections, on SQLite and on PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import django.conf
import pytest
from django.apps import apps
from django.conf import UserSettingsHolder, global_settings
from django.db import transaction
from django.db.utils import ConnectionHandler

from clm_ethics import UsageError
from tests.joined.hosts import INSERT, SqliteHost
from tests.joined.test_together import COMMANDS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.joined.hosts import Host


@pytest.fixture
def connection(host: Host, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Return Django's connection to the host's database, not yet connected; no setting outlasts the test."""
    held = object.__getattribute__(django.conf.settings, "__dict__")
    before = dict(held)
    held["_wrapped"] = UserSettingsHolder(global_settings)
    if isinstance(host, SqliteHost):
        where = {"ENGINE": "django.db.backends.sqlite3", "NAME": str(host.path)}
    else:
        where = {"ENGINE": "django.db.backends.postgresql", "NAME": "postgres"}
        where |= {"USER": "postgres", "HOST": str(host.server.folder)}
    handler = ConnectionHandler({"default": where})
    monkeypatch.setattr(apps, "ready", True)  # no apps are needed for a connection
    monkeypatch.setattr(transaction, "get_connection", lambda using=None: handler["default"])
    yield handler["default"]
    handler.close_all()
    held.clear()
    held.update(before)


def test_rows_and_ledger_commit_or_vanish_together(host: Host, connection: Any) -> None:
    """Inside ``atomic`` Django's connection is passed as it is, whether or not it has been used before."""
    shop = host.steward()

    def fail() -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(INSERT)
            with shop.joined(connection) as inside:
                COMMANDS["enroll"](inside)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert 0 == host.orders()
    assert not shop.customer("c-2002").may("account")

    with transaction.atomic():
        with shop.joined(connection) as inside:
            COMMANDS["enroll"](inside)
        with connection.cursor() as cursor:
            cursor.execute(INSERT)
    assert 1 == host.orders()
    assert shop.customer("c-2002").may("account")
    assert shop.ledger.verify()


def test_outside_atomic_there_is_no_transaction(host: Host, connection: Any) -> None:
    """A connection that was never used is connected; without ``atomic`` nothing is told."""
    shop = host.steward()
    with pytest.raises(UsageError, match="in no transaction"), shop.joined(connection):
        raise AssertionError
