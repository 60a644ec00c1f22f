"""What the PostgreSQL adapter needs of a server: its tables, its settings, its roles.

The tables live in a namespace of their own. The stream leads every key, nothing is numbered by
a sequence, and no lock is global (but for the one while tables are created). The database
itself refuses to alter or delete an entry, except that its body is forgotten. Spread over nodes,
where triggers are not to be had, the grants alone do so (``postgresql_spread``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from clm_ethics.errors import StorageCorrupt, StorageUnavailable
from clm_ethics.storage.postgresql_sql import BEGIN, COMMIT, Row, Statement

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    Opening = Generator[Statement, Sequence[Row], None]
    """Yields one statement at a time, and is sent its rows."""

MIN_VERSION: Final = 140000
"""The oldest server that is accepted: PostgreSQL 14, which tells a client that it is a standby."""

STEPS: Final[tuple[tuple[str, ...], ...]] = (
    (
        "CREATE TABLE {s}.about (schema integer NOT NULL)",
        "INSERT INTO {s}.about (schema) VALUES (0)",
        # Room in the page for the next version of a row: no index has to follow it there.
        """CREATE TABLE {s}.head (
            stream bytea PRIMARY KEY, version bigint NOT NULL, length bigint NOT NULL, digest bytea NOT NULL,
            state bytea NOT NULL, data bytea NOT NULL, tokens bytea[] NOT NULL, instants bigint[] NOT NULL
            ) WITH (fillfactor = 70)""",
        """CREATE TABLE {s}.entry (
            stream bytea NOT NULL, number bigint NOT NULL, digest bytea NOT NULL, body bytea,
            PRIMARY KEY (stream, number))""",
        # The same marks stand in the head, so that a head is one row; this is their index.
        """CREATE TABLE {s}.mark (
            stream bytea NOT NULL, token bytea NOT NULL, at bigint NOT NULL, PRIMARY KEY (stream, token))""",
        "CREATE INDEX mark_by_token ON {s}.mark (token, at, stream)",
        # Sealed bytes do not shrink: compressing them is wasted time.
        "ALTER TABLE {s}.head ALTER state SET STORAGE EXTERNAL, ALTER data SET STORAGE EXTERNAL",
        "ALTER TABLE {s}.entry ALTER body SET STORAGE EXTERNAL",
        """CREATE FUNCTION {s}.refuse() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS
            $$ BEGIN RAISE EXCEPTION 'clm_ethics: %% of %% is refused', TG_OP, TG_TABLE_NAME
            USING ERRCODE = 'restrict_violation'; END $$""",
        """CREATE TRIGGER only_forgotten BEFORE UPDATE ON {s}.entry FOR EACH ROW WHEN (
            NEW.body IS NOT NULL OR (NEW.stream, NEW.number, NEW.digest)
            IS DISTINCT FROM (OLD.stream, OLD.number, OLD.digest)) EXECUTE FUNCTION {s}.refuse()""",
        """CREATE TRIGGER never_deleted BEFORE DELETE ON {s}.entry
            FOR EACH ROW EXECUTE FUNCTION {s}.refuse()""",
        """CREATE TRIGGER never_shorter BEFORE UPDATE ON {s}.head FOR EACH ROW
            WHEN (NEW.stream <> OLD.stream OR NEW.length < OLD.length) EXECUTE FUNCTION {s}.refuse()""",
        """CREATE TRIGGER only_empty BEFORE DELETE ON {s}.head FOR EACH ROW
            WHEN (OLD.length <> 0) EXECUTE FUNCTION {s}.refuse()""",
    ),
)
"""From an empty namespace to the tables of this version, oldest first."""
SCHEMA: Final = len(STEPS)
"""The number of steps that this version knows; the database keeps its own in ``about``."""

GRANTS: Final = (
    "GRANT USAGE ON SCHEMA {s} TO {role}",
    "GRANT SELECT ON {s}.about TO {role}",
    "GRANT SELECT, INSERT, UPDATE, DELETE ON {s}.head, {s}.mark TO {role}",
    "GRANT SELECT, INSERT, UPDATE (body) ON {s}.entry TO {role}",
)
"""All that the role of an application needs."""

# Settings of each connection, whatever role and database prefer. Plans are those for large tables
# from the first row on: a plan that was made while a table was small would be kept.
_SETTINGS: Final = {
    "default_transaction_isolation": "read committed",
    "default_transaction_read_only": "off",
    "search_path": "pg_catalog",
    "enable_seqscan": "off",
    "jit": "off",
}
IDENTITY: Final = (
    "(SELECT system_identifier FROM pg_catalog.pg_control_system()),"
    " (SELECT oid::bigint FROM pg_catalog.pg_database WHERE datname = current_database())"
)
"""Tells one database from another: the cluster's number, and the database's in it."""
_PREPARE: Final = (
    "SELECT pg_is_in_recovery(), current_setting('server_version_num')::integer,"
    " current_setting('server_encoding'), current_setting('fsync'), current_setting('full_page_writes'),"
    # Whether replicas must confirm a commit. `off`, `local` and `remote_write` would not wait until
    # it is on their disks; without such replicas all but `off` mean the same.
    " current_setting('synchronous_standby_names'),"
    " set_config('synchronous_commit', CASE current_setting('synchronous_commit')"
    " WHEN 'remote_apply' THEN 'remote_apply' ELSE 'on' END, false),"
    " set_config('lock_timeout', %(wait)s, false),"
    # Whether the streams are spread over nodes, so that writes go through the function (see
    # postgresql_spread). Citus cannot plan most statements without their values: generic plans would
    # be refused where it is at home.
    " to_regproc(%(write)s) IS NOT NULL,"
    " set_config('plan_cache_mode', CASE WHEN EXISTS (SELECT 1 FROM pg_catalog.pg_extension"
    " WHERE extname = 'citus') THEN 'auto' ELSE 'force_generic_plan' END, false), "
    + ", ".join(f"set_config('{name}', '{value}', false)" for name, value in _SETTINGS.items())
).encode()
_TABLES: Final = Statement(
    b"SELECT c.relname FROM pg_catalog.pg_class AS c"
    b" JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace"
    b" WHERE n.nspname = %(schema)s AND c.relkind IN ('r', 'p')",
    {},
)


def prepare(timeout: float, quoted: str) -> Statement:
    """Return what sets a connection's settings and asks what :func:`judge` judges.

    Args:
        timeout: how long a statement may wait for another's lock, in seconds.
        quoted: the namespace, as it stands in statements.
    """
    write = quoted.replace("%%", "%") + ".write"
    return Statement(_PREPARE, {"wait": str(max(1, round(timeout * 1000))), "write": write})


def is_spread(row: Row) -> bool:
    """Read from the answer to :func:`prepare` whether the streams are spread over nodes."""
    return bool(row[8])


def judge(row: Row, place: str) -> None:
    """Refuse a server that would lose or change what is written.

    Raises:
        StorageUnavailable: it is a standby, too old, of another encoding, or not durable.
    """
    standby, version, encoding, fsync, pages = row[:5]
    what, remedy = "", ""
    if standby:
        what, remedy = "is a standby", "connect to the primary"
    elif version < MIN_VERSION:
        what, remedy = f"is of version {version // 10000}", f"use PostgreSQL {MIN_VERSION // 10000} or newer"
    elif encoding != "UTF8":
        what, remedy = f"is encoded as {encoding}", "create the database with ENCODING 'UTF8'"
    elif "off" in {fsync, pages}:
        setting = "fsync" if fsync == "off" else "full_page_writes"
        what, remedy = f"has {setting} = off, so it would not be durable", f"set {setting} = on"
    if what:
        raise StorageUnavailable(what, written=False, place=place, remedy=remedy)


def opening(name: str, quoted: str, place: str, *, timeout: float, create: bool) -> Opening:
    """Check the server, and create or migrate the tables if they are not those of this version.

    Args:
        name: the namespace.
        quoted: the same as it stands in statements.
        place: what errors call the storage.
        timeout: how long to wait for a lock, in seconds.
        create: whether tables may be created.

    Raises:
        StorageUnavailable: see :func:`judge`; or there are no tables, and none may be created.
        StorageCorrupt: the tables are of a newer version, or some are missing.
    """
    judge((yield prepare(timeout, quoted))[0], place)
    number = yield from _recognise(name, quoted, place)
    if number == SCHEMA:
        return
    if not create:
        raise StorageUnavailable(
            f"has no tables in the namespace `{name}`" if number < 0 else f"has tables of schema {number}",
            written=False,
            place=place,
            remedy="let their owner call clm_ethics.storage.postgresql.create",
        )
    yield BEGIN
    # Of several that open an empty database at once, one creates and the others find its tables.
    yield Statement(
        b"SELECT pg_advisory_xact_lock(1129074757, hashtext(%(schema)s)) IS NULL", {"schema": name}
    )
    number = yield from _recognise(name, quoted, place)
    if number < 0:
        yield Statement(f"CREATE SCHEMA IF NOT EXISTS {quoted}".encode(), {})
    for step in STEPS[max(number, 0) :]:
        for text in step:
            yield Statement(text.replace("{s}", quoted).encode(), {})
    if number < SCHEMA:
        yield Statement(f"UPDATE {quoted}.about SET schema = {SCHEMA}".encode(), {})
    yield COMMIT


def grants(quoted: str, role: str) -> list[Statement]:
    """Return the grants for the *role* of an application, as it stands in statements."""
    return [Statement(text.replace("{s}", quoted).replace("{role}", role).encode(), {}) for text in GRANTS]


def _recognise(name: str, quoted: str, place: str) -> Generator[Statement, Sequence[Row], int]:
    """Return the number of the tables in the namespace, -1 if there are none."""
    tables = {row[0] for row in (yield _TABLES._replace(values={"schema": name}))}
    ours = {"about", "head", "entry", "mark"}
    if not tables & ours:
        return -1
    if ours - tables:
        raise StorageCorrupt(
            f"lacks the table {min(ours - tables)}", place=place, remedy="restore the database from a backup"
        )
    rows = yield Statement(f"SELECT schema FROM {quoted}.about".encode(), {})
    number = rows[0][0] if len(rows) == 1 else 0
    if not 1 <= number <= SCHEMA:
        raise StorageCorrupt(
            f"was written by another version (schema {number}, known up to {SCHEMA})",
            place=place,
            remedy="upgrade clm-ethics",
        )
    return int(number)
