"""Removing what was overwritten, forgotten or deleted from the files of a PostgreSQL server.

An UPDATE and a DELETE leave the old row where it was. VACUUM gives its place free, and some of
its bytes stay there until something else is written over them; VACUUM FULL writes the table
anew. What was written before also stands in the write-ahead log, and wherever that went.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import psycopg

from clm_ethics.storage.postgresql_errors import translate
from clm_ethics.storage.postgresql_sql import Statement

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from clm_ethics.storage.postgresql_sql import Row

    Scrubbing = Generator[Statement, Sequence[Row] | psycopg.Error | None, list[str]]
    """Yields one statement at a time, is sent its rows or its error, and returns the report."""

UNREACHED: Final = (
    "not reached: the write-ahead log keeps old rows until its files are written over, and so do its"
    " archive, replicas that lag behind, base backups, dumps, snapshots and what the disk itself keeps"
)
_NOT_OURS: Final = (
    "not done: this role may not vacuum the tables: autovacuum will give the place of old rows free;"
    " to do it now, let their owner scrub, or grant MAINTAIN (PostgreSQL 17)"
)
_MAY: Final = (
    # From PostgreSQL 17 on others than the owner may be allowed to; before it the word is unknown.
    b"SELECT pg_catalog.bool_and(current_setting('is_superuser') = 'on'"
    b" OR pg_catalog.pg_has_role(c.relowner, 'USAGE')"
    b" OR CASE WHEN current_setting('server_version_num')::integer >= 170000"
    b" THEN pg_catalog.has_table_privilege(c.oid, 'MAINTAIN') ELSE false END)"
    b" FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace"
    b" WHERE n.nspname = %(schema)s AND c.relname IN ('head', 'entry', 'mark')"
)
_PATIENCE: Final = b"SELECT pg_catalog.set_config('lock_timeout', %(wait)s, false)"
# The oldest row version that somebody may still look at keeps all that died after it.
_OLDEST: Final = Statement(
    b"SELECT count(*) FROM pg_catalog.pg_stat_activity WHERE backend_xmin IS NOT NULL"
    b" AND pid <> pg_catalog.pg_backend_pid() AND datname = pg_catalog.current_database()",
    {},
)


def scrubbing(name: str, quoted: str, place: str, *, timeout: float, full: bool) -> Scrubbing:
    """Vacuum the tables, and report in plain words what was done and what could not be.

    Args:
        name: the namespace.
        quoted: the same as it stands in statements.
        place: what errors call the storage.
        timeout: how long to wait for somebody else's lock, in seconds.
        full: write the tables anew; others wait meanwhile, and the disk needs room for both.
    """
    yield Statement(_PATIENCE, {"wait": f"{round(timeout * 1000)}ms"})
    owned = yield Statement(_MAY, {"schema": name})
    if not _first(owned):
        return [_NOT_OURS, UNREACHED]
    tables = ", ".join(f"{quoted}.{table}" for table in ("head", "entry", "mark"))
    words = "VACUUM (FULL) " if full else "VACUUM "
    done = yield Statement((words + tables).encode(), {})
    if isinstance(done, psycopg.Error):
        return [f"not done: the tables were not vacuumed: {_why(done, place)}", UNREACHED]
    report = [
        "the tables were written anew, without old rows"
        if full
        else "the place of old rows was given free; bytes of them stay there until it is used again,"
        " or until the tables are written anew: scrub(full=True)"
    ]
    readers = yield _OLDEST
    if _first(readers):
        report.append(
            f"not done: {_first(readers)} sessions were reading at the same time, and rows that they may"
            " still look at were kept: scrub again when they have ended"
        )
    if full:
        report.append((yield from _emptied(place)))
    return [*report, UNREACHED]


def _emptied(place: str) -> Generator[Statement, Sequence[Row] | psycopg.Error | None, str]:
    """Let the server give up the old files of the tables."""
    done = yield Statement(b"CHECKPOINT", {})
    if isinstance(done, psycopg.Error):
        return (
            "not done: the old files of the tables stay until the next checkpoint of the server,"
            f" which this role may not ask for ({_why(done, place)})"
        )
    return "the old files of the tables were given up"


def _first(answer: Sequence[Row] | psycopg.Error | None) -> Any:
    """Return the first value of an answer; nothing if there is none."""
    return answer[0][0] if answer and not isinstance(answer, psycopg.Error) else None


def _why(error: psycopg.Error, place: str) -> str:
    failure = translate(error, place, writes=False)
    return str(getattr(failure, "what", failure))
