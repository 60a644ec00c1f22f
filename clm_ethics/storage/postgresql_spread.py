"""The streams of a PostgreSQL storage spread over the nodes of Citus.

Citus plans a statement for the node of one stream if it names that stream and changes one table.
What PostgreSQL does in one statement with several parts, Citus would take to pieces, with the parts'
results carried between the nodes; so a write is a function here, of statements of the plainest kind,
and the call goes to the node of its stream as a whole. In a call with several writes, and in a
transaction of the host's, its statements are sent there one by one instead: slower, and as whole.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from clm_ethics.errors import StorageUnavailable
from clm_ethics.storage.postgresql_sql import BEGIN, COMMIT, Statement

if TYPE_CHECKING:
    from clm_ethics.storage.postgresql_schema import Opening

# A write that is refused for its version comes first, and does nothing. Continuity with the stored
# head raises the errors that tables and triggers raise where the storage is on one server.
WRITE: Final = """
CREATE FUNCTION {s}.write(of_stream bytea, expected bigint, new_version bigint, new_length bigint,
    new_digest bytea, new_state bytea, new_data bytea, new_tokens bytea[], new_instants bigint[],
    numbers bigint[], links bytea[], bodies bytea[], forget bigint[]) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
    added CONSTANT bigint := cardinality(numbers);
    stored_length bigint;
    this record;
BEGIN
    IF new_version IS NULL THEN
        DELETE FROM {s}.head WHERE stream = of_stream AND version = expected
            RETURNING length INTO stored_length;
        IF stored_length IS NULL THEN
            RETURN false;
        ELSIF stored_length <> 0 THEN
            RAISE EXCEPTION 'clm_ethics: DELETE of head is refused' USING ERRCODE = 'restrict_violation';
        END IF;
        DELETE FROM {s}.mark WHERE stream = of_stream;
        RETURN true;
    END IF;
    IF expected = 0 THEN
        INSERT INTO {s}.head (stream, version, length, digest, state, data, tokens, instants)
            VALUES (of_stream, new_version, new_length, new_digest, new_state, new_data, new_tokens,
                new_instants)
            ON CONFLICT (stream) DO NOTHING;
        IF NOT FOUND THEN
            RETURN false;
        ELSIF new_length <> added THEN
            RAISE EXCEPTION 'clm_ethics: INSERT into entry is refused' USING ERRCODE = 'not_null_violation';
        END IF;
    ELSE
        UPDATE {s}.head SET version = new_version, digest = new_digest,
            length = CASE WHEN length = new_length - added THEN new_length END,
            state = coalesce(new_state, state), data = coalesce(new_data, data),
            tokens = coalesce(new_tokens, tokens), instants = coalesce(new_instants, instants)
            WHERE stream = of_stream AND version = expected;
        IF NOT FOUND THEN
            RETURN false;
        END IF;
        IF new_tokens IS NOT NULL THEN
            DELETE FROM {s}.mark WHERE stream = of_stream AND token <> ALL (new_tokens);
        END IF;
    END IF;
    FOR this IN SELECT n.token, n.at FROM unnest(new_tokens, new_instants) AS n (token, at) LOOP
        INSERT INTO {s}.mark AS old (stream, token, at) VALUES (of_stream, this.token, this.at)
            ON CONFLICT (stream, token) DO UPDATE SET at = excluded.at WHERE old.at <> excluded.at;
    END LOOP;
    FOR this IN SELECT n.number, n.link, n.body FROM unnest(numbers, links, bodies) AS n (number, link, body)
    LOOP
        INSERT INTO {s}.entry (stream, number, digest, body)
            VALUES (of_stream, this.number, this.link, this.body);
    END LOOP;
    IF cardinality(forget) > 0 THEN
        UPDATE {s}.entry SET body = NULL WHERE stream = of_stream AND number = ANY (forget);
    END IF;
    RETURN true;
END $$
"""
_SIGNATURE: Final = (
    "bytea, bigint, bigint, bigint, bytea, bytea, bytea, bytea[], bigint[], bigint[], bytea[], bytea[],"
    " bigint[]"
)

DISTRIBUTE: Final = (
    # Citus refuses triggers on distributed tables: there the grants alone guard the entries.
    "DROP FUNCTION {s}.refuse() CASCADE",
    # It has no key by which a copy on a new node could follow changes.
    "ALTER TABLE {s}.about REPLICA IDENTITY FULL",
    "SELECT create_reference_table(%(about)s::regclass)",
    "SELECT create_distributed_table(%(head)s::regclass, 'stream')",
    "SELECT create_distributed_table(%(entry)s::regclass, 'stream', colocate_with => %(head)s)",
    "SELECT create_distributed_table(%(mark)s::regclass, 'stream', colocate_with => %(head)s)",
    WRITE,
    "SELECT create_distributed_function(%(write)s::regprocedure, 'of_stream', colocate_with => %(head)s)",
)
"""Spreads the streams over the nodes of Citus; what belongs to one stream stays on one node."""

_DISTRIBUTED: Final = b"SELECT 1 FROM pg_catalog.pg_dist_partition WHERE logicalrelid = %(head)s::regclass"


def distribution(quoted: str, place: str, *, tables: bool) -> Opening:
    """Check that Citus is there, and then, if *tables* are, distribute them; may be repeated.

    Args:
        quoted: the namespace, as it stands in statements.
        place: what errors call the storage.
        tables: whether the tables have been created; otherwise only the extension is looked for.

    Raises:
        StorageUnavailable: the database has no such extension.
    """
    if not (yield Statement(b"SELECT 1 FROM pg_catalog.pg_extension WHERE extname = 'citus'", {})):
        raise StorageUnavailable(
            "has not the extension citus",
            written=False,
            place=place,
            remedy="CREATE EXTENSION citus in this database, or leave the tables on one server",
        )
    if not tables:
        return
    plain = quoted.replace("%%", "%")
    names: dict[str, Any] = {name: f"{plain}.{name}" for name in ("about", "head", "entry", "mark")}
    names["write"] = f"{plain}.write({_SIGNATURE})"
    yield BEGIN
    yield Statement(f"LOCK TABLE {quoted}.about".encode(), {})
    if not (yield Statement(_DISTRIBUTED, names)):
        for text in DISTRIBUTE:
            # Only what has placeholders is sent with values: one statement, prepared, takes no others.
            yield Statement(text.replace("{s}", quoted).encode(), names if "%(" in text else {})
    yield COMMIT
