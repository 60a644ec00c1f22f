"""What the errors of psycopg and PostgreSQL mean for a caller of the contract."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from clm_ethics.errors import StorageCorrupt, StorageUnavailable

if TYPE_CHECKING:
    import psycopg

_RESTORE: Final = "restore the database from a backup"
_AGAIN: Final = "try again"

_BROKEN: Final = {
    "23502": "entries do not continue the stored stream",
    "23001": "only a stream of length 0 is deleted, and none gets shorter",
}
"""The caller's duties that the database checks as well."""
_CORRUPT: Final = {
    "23505": "contradicts itself: a row that must be new is there already",
    "42P01": "has not the tables that its schema number promises",
    "42703": "has not the columns that its schema number promises",
    "XX001": "is damaged",
    "XX002": "has a damaged index",
}
_UNAVAILABLE: Final = {
    "25006": ("takes no writes", "connect to the primary"),
    "40001": ("could not be written at the same time as others", _AGAIN),
    "40P01": ("was locked in a circle with others", _AGAIN),
    "42501": (
        "refuses this role",
        "grant it what docs/postgresql.md lists, or let the owner create the tables",
    ),
    "53100": ("cannot grow: the disk is full", "free space on the server, then try again"),
    "53300": ("has no connection left", "raise max_connections, or lower max_size"),
    "55P03": ("is locked by another transaction", "try again, or end the transaction that holds it"),
    "57014": ("was told to cancel", _AGAIN),
}
_SILENT: Final = ("did not answer", "check that the server runs and can be reached, then try again")


def translate(
    error: psycopg.Error, place: str, *, writes: bool
) -> StorageUnavailable | StorageCorrupt | ValueError:
    """Return what *error* means; the original stays as its cause.

    Only an answer of the server that it has rolled the transaction back is certain. A lost
    connection, and an error that ends the session, may have come after the commit.

    Args:
        error: what the driver raised.
        place: what errors call the storage.
        writes: whether the call had asked for a commit.
    """
    state = error.sqlstate or ""
    rolled_back = bool(state) and error.diag.severity_nonlocalized == "ERROR"
    if rolled_back and state in _BROKEN:
        return ValueError(_BROKEN[state])
    if rolled_back and state in _CORRUPT:
        return StorageCorrupt(f"{_CORRUPT[state]} ({state})", place=place, remedy=_RESTORE)
    what, remedy = _UNAVAILABLE.get(state, _SILENT)
    written = False if rolled_back or not writes else None
    detail = state or type(error).__name__
    return StorageUnavailable(f"{what} ({detail})", written=written, place=place, remedy=remedy)
