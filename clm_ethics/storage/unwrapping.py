"""From what a host has in its hand to the driver's connection; SQLAlchemy and Django are not imported."""

from __future__ import annotations

from typing import Any

from clm_ethics.errors import UsageError


def driver_connection(given: Any) -> object:
    """Return the driver's connection behind *given*; a Session begins its transaction by this.

    A connection of a driver is returned as it is. A ``Session`` of SQLAlchemy 2 with several
    binds cannot be told apart: pass the ``Connection`` of the right one. A connection of Django
    (``django.db.connection``, ``connections["crm"]``) is connected by this, if it is not yet.

    Raises:
        UsageError: it is one that must be awaited.
    """
    if hasattr(given, "sync_session") or hasattr(given, "sync_connection"):
        raise UsageError(
            "an awaiting connection under a blocking steward", place="joined", remedy="use AsyncSteward"
        )
    if hasattr(given, "get_bind") and callable(getattr(given, "connection", None)):
        given = given.connection()
    if callable(getattr(given, "ensure_connection", None)):
        given.ensure_connection()
        return given.connection
    if hasattr(given, "exec_driver_sql"):
        given = given.connection
    return getattr(given, "driver_connection", given)


async def driver_connection_async(given: Any) -> object:
    """Return the driver's connection behind *given*, also an ``AsyncSession`` or ``AsyncConnection``."""
    if hasattr(given, "sync_session"):
        given = await given.connection()
    if hasattr(given, "sync_connection"):
        given = await given.get_raw_connection()
        return given.driver_connection
    return driver_connection(given)
