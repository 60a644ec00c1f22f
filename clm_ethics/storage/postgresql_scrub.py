"""Removing what was overwritten from a PostgreSQL database, as far as SQL reaches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from clm_ethics.storage.postgresql_sql import Call, Statement

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clm_ethics.errors import StorageUnavailable
    from clm_ethics.storage.postgresql_link import Setting
    from clm_ethics.storage.postgresql_sql import Row

TABLES: Final = ("head", "entry", "mark")
# Who is neither the owner nor (from PostgreSQL 17 on) a maintainer only gets a warning from VACUUM.
_MAY: Final = (
    "SELECT bool_and(pg_has_role(relowner, 'USAGE') OR CASE"
    " WHEN current_setting('server_version_num')::integer >= 170000"
    " THEN has_table_privilege(oid, 'MAINTAIN') ELSE false END)"
    " FROM pg_catalog.pg_class WHERE relnamespace = {name}::regnamespace AND relname = ANY (%(tables)s)"
)
UNREACHED: Final = (
    "not reached: row versions that a transaction still open may see, the space between rows until it is"
    " reused, the write-ahead log and its archive, standbys, and backups"
)
DONE: Final = "the row versions that nobody can see any more were removed"
_MAY_NOT: Final = (
    "not done: this role may not VACUUM the tables, so autovacuum removes old row versions later;"
    " grant it MAINTAIN (PostgreSQL 17), or let the owner run VACUUM"
)
NOT_ALLOWED: Final = (_MAY_NOT, UNREACHED)


def failed(error: StorageUnavailable) -> Sequence[str]:
    """Return the report of a scrub that *error* stopped."""
    return [f"not done: the tables were not vacuumed: the database {error.what}; {error.remedy}", UNREACHED]


def may(setting: Setting) -> Call[bool]:
    """Ask whether this role may vacuum the tables."""
    name = "'" + setting.quoted.replace("'", "''") + "'"
    text = _MAY.replace("{name}", name).encode()
    return Call([Statement(text, {"tables": list(TABLES)})], lambda answers: bool(answers[0][0][0]))


def vacuum(setting: Setting) -> Call[Sequence[str]]:
    """Remove the old row versions; other writers go on meanwhile."""
    tables = ", ".join(f"{setting.quoted}.{table}" for table in TABLES)

    def read(_: Sequence[Sequence[Row]]) -> Sequence[str]:
        return [DONE, UNREACHED]

    return Call([Statement(f"VACUUM {tables}".encode(), {})], read)
