"""Whether a PostgreSQL server, its tables and a role's rights are in order: one question, read-only."""

from __future__ import annotations

import platform
import time
from typing import TYPE_CHECKING, Any, Final

import psycopg

from clm_ethics.storage.contract import Finding, Level
from clm_ethics.storage.postgresql_schema import SCHEMA
from clm_ethics.storage.postgresql_sql import Call, Statement

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from clm_ethics.storage.postgresql_link import Setting
    from clm_ethics.storage.postgresql_sql import Row

CLOCK_NOTE: Final = 2.0
"""Seconds between the two clocks from which somebody should know."""
CLOCK_FAULT: Final = 60.0
"""Seconds between the two clocks from which decisions of two machines differ."""
TRIGGERS: Final = frozenset({"only_forgotten", "never_deleted", "never_shorter", "only_empty"})
_SPREAD: Final = "the streams are spread over nodes: no trigger guards the entries, only the grants do"
_NEEDED: Final = {
    "USAGE on the namespace": "has_schema_privilege({schema}, 'USAGE')",
    "SELECT on about": "has_table_privilege({name} || '.about', 'SELECT')",
    **{
        f"{right} on {table}": f"has_table_privilege({{name}} || '.{table}', '{right}')"
        for table in ("head", "mark")
        for right in ("SELECT", "INSERT", "UPDATE", "DELETE")
    },
    "SELECT on entry": "has_table_privilege({name} || '.entry', 'SELECT')",
    "INSERT on entry": "has_table_privilege({name} || '.entry', 'INSERT')",
    "UPDATE (body) on entry": "has_column_privilege({name} || '.entry', 'body', 'UPDATE')",
}
_TRIGGERS: Final = (
    "(SELECT array_agg(tgname::text) FROM pg_catalog.pg_trigger WHERE tgenabled IN ('O', 'A')"
    " AND tgrelid IN (({name} || '.head')::regclass, ({name} || '.entry')::regclass))"
)
_INDEX: Final = (
    "(SELECT count(*) FROM pg_catalog.pg_index WHERE indisvalid"
    " AND indexrelid = ({name} || '.mark_by_token')::regclass)"
)
_REST: Final = (
    "has_table_privilege({name} || '.entry', 'DELETE')",
    "current_setting('server_version')",
    "current_setting('synchronous_commit')",
    "current_setting('synchronous_standby_names')",
    "current_setting('data_checksums')",
    "current_setting('autovacuum')",
    "extract(epoch FROM clock_timestamp())::double precision",
    "pg_database_size(current_database())",
    _TRIGGERS,
    _INDEX,
)


def asked(setting: Setting) -> Call[Sequence[Finding]]:
    """Build the question; the answer is judged against this machine's clock and versions."""
    name = _literal(setting.quoted)
    schema = _literal(setting.schema.replace("%", "%%"))
    asked = ", ".join((*_NEEDED.values(), *_REST))
    columns = asked.replace("{name}", name).replace("{schema}", schema)
    started = time.time()

    def read(answers: Sequence[Sequence[Row]]) -> Sequence[Finding]:
        row = answers[0][0]
        here = (started + time.time()) / 2
        spread = setting.statements.spread
        return [*_rights(row[: len(_NEEDED)]), *_server(row[len(_NEEDED) :], here, spread=spread)]

    return Call([Statement(f"SELECT {columns}".encode(), {})], read)


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def here() -> Sequence[Finding]:
    """Return what is found on this machine."""
    library = psycopg.pq.version()
    text = f"psycopg {psycopg.__version__}, libpq {library // 10000}.{library % 10000}"
    return [Finding("versions", Level.OK, f"{text}, Python {platform.python_version()}")]


def _rights(row: Row) -> Iterator[Finding]:
    missing = [what for what, has in zip(_NEEDED, row, strict=True) if not has]
    if missing:
        text = "this role lacks " + ", ".join(missing)
        yield Finding("permissions", Level.FAULT, text, "let the owner grant what docs/postgresql.md lists")
    else:
        yield Finding("permissions", Level.OK, "this role has what an application needs")


def _server(row: Row, here: float, *, spread: bool) -> Iterator[Finding]:
    may_delete, version, commit, standbys, checksums, vacuum, clock, size, triggers, indexes = row
    if may_delete:
        text = "this role may delete entries: it owns the tables, or is a superuser"
        yield Finding("permissions", Level.NOTE, text, "run the application as a role of its own")
    yield Finding("versions", Level.OK, f"PostgreSQL {version}")
    yield _schema(TRIGGERS if spread else triggers or [], indexes)
    if spread:
        yield Finding("schema", Level.NOTE, _SPREAD, "let `verify` run regularly")
    yield _commits(commit, standbys)
    if checksums == "off":
        text = "the server keeps no checksums of its pages"
        yield Finding("durability", Level.NOTE, text, "pg_checksums --enable, while it is stopped")
    yield _clock(clock - here)
    if vacuum == "off":
        text = "autovacuum is off: overwritten heads are never removed"
        yield Finding("space", Level.NOTE, text, "set autovacuum = on")
    text = f"the database has {size >> 20} MiB; how much is free, only the server's machine can tell"
    yield Finding("space", Level.OK, text)


def _schema(triggers: Collection[Any], indexes: int) -> Finding:
    missing = sorted(TRIGGERS - set(triggers))
    if missing:
        text = f"the trigger {missing[0]} is missing or disabled: an entry could be changed"
        return Finding("schema", Level.FAULT, text, "let the owner enable it, or restore the database")
    if not indexes:
        text = "the index mark_by_token is missing or invalid: every search reads the whole table"
        return Finding("schema", Level.FAULT, text, "REINDEX INDEX mark_by_token, as the owner")
    return Finding("schema", Level.OK, f"{SCHEMA}, the newest")


def _commits(commit: str, standbys: str) -> Finding:
    remote = commit != "local" and bool(standbys)
    text = f"fsync is on, synchronous_commit = {commit}, " + (
        f"synchronous standbys: {standbys}" if remote else "no synchronous standby"
    )
    return Finding("durability", Level.OK, text)


def _clock(apart: float) -> Finding:
    text = f"the server's clock and this machine's are {abs(apart):.1f} seconds apart"
    if abs(apart) > CLOCK_FAULT:
        return Finding("clock", Level.FAULT, text, "let both follow a time server")
    if abs(apart) > CLOCK_NOTE:
        return Finding("clock", Level.NOTE, text, "let both follow a time server")
    return Finding("clock", Level.OK, text)
