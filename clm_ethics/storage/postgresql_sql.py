"""The four methods of the contract as PostgreSQL statements, and their rows as heads and entries.

Nothing here waits: both colours of the adapter send what this module builds. Every call is one
round trip. A write is one statement: what belongs to its head (entries, marks, forgotten bodies)
hangs on the row that the conditional change returned, so a refused write has no effect at all.
The stream leads every condition, so on a partitioned table each statement touches one partition.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Generic, NamedTuple, TypeVar

from psycopg.types.numeric import Int8

from clm_ethics.errors import StorageCorrupt
from clm_ethics.storage.contract import (
    MAX_CALL,
    MAX_ENTRIES,
    MAX_INT,
    Entry,
    Head,
    Mark,
    check_page,
    check_scan,
    check_token,
    check_writes,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from clm_ethics.storage.contract import Write

T = TypeVar("T")
Row = tuple[Any, ...]
Shape = tuple[bool, bool, bool, "bool | None", int, bool, bool]
"""Of a write: it changes a stream; gives state, values, marks (some or none); entries (0, 1, more);
forgets; its entries are the first."""


class Statement(NamedTuple):
    """One statement and its parameters.

    Attributes:
        text: with placeholders by name; the same object each time, so that it stays prepared.
        values: the parameters.
    """

    text: bytes
    values: dict[str, Any]


class Call(NamedTuple, Generic[T]):
    """What is sent in one round trip, and what its rows mean.

    Attributes:
        statements: one, or several that go out together.
        read: turns the rows of each statement into the answer.
        writes: whether a lost answer leaves open what was written.
    """

    statements: Sequence[Statement]
    read: Callable[[Sequence[Sequence[Row]]], T]
    writes: bool = False


BEGIN: Final = Statement(b"BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE", {})
COMMIT: Final = Statement(b"COMMIT", {})
# A record in the write-ahead log, and nothing else: so that the COMMIT waits for the replicas.
CONFIRM: Final = Statement(b"SELECT pg_logical_emit_message(true, 'clm_ethics', '') IS NULL", {})


def confirmed(statements: Sequence[Statement]) -> Sequence[Statement]:
    """Return *statements* as a transaction whose COMMIT a replica must confirm, in one round trip.

    A primary that was replaced without noticing has no replica left that confirms anything: what
    it has read, and a version that it has found wanting, are then not answered. And as a replica
    confirms in order, nothing is answered that could still be lost with the primary.
    """
    inner = statements[1:-1] if statements[0] is BEGIN else statements
    return [BEGIN, *inner, CONFIRM, COMMIT]


def unconfirmed(statements: Sequence[Statement], rows: Sequence[Sequence[Row]]) -> Sequence[Sequence[Row]]:
    """Return those of the *rows* of :func:`confirmed` that answer *statements*."""
    return [*rows[:-2], rows[-1]] if statements[0] is BEGIN else rows[1:2]


_HEAD: Final = "SELECT stream, version, length, digest, state, data, tokens, instants FROM {s}.head WHERE "
_LOAD: Final = _HEAD + "stream = %(stream)s"
_LOAD_MANY: Final = _HEAD + "stream = ANY(%(streams)b)"
# A page ends with the entry that brings it over the bytes of a call: the sum is of those before.
_ENTRIES: Final = (
    "SELECT number, digest, body FROM (SELECT number, digest, body,"
    " sum(coalesce(octet_length(body), 0)) OVER (ORDER BY number) - coalesce(octet_length(body), 0) AS before"
    " FROM (SELECT number, digest, body FROM {s}.entry WHERE stream = %(stream)s AND number > %(after)s"
    f" ORDER BY number LIMIT %(limit)s) AS page) AS summed WHERE before <= {MAX_CALL} ORDER BY number"
)
_FIND: Final = (
    "SELECT at, stream FROM {s}.mark WHERE token = %(token)s AND at <= %(until)s"
    " AND (at, stream) > (%(at)s, %(stream)s) ORDER BY at, stream LIMIT %(limit)s"
)
_SCAN: Final = "SELECT stream, version FROM {s}.head WHERE stream > %(after)s ORDER BY stream LIMIT %(limit)s"

_COLUMNS: Final = "INSERT INTO {s}.head (stream, version, length, digest, state, data, tokens, instants) "
_VALUES: Final = (
    "%(stream)s, %(version)s, {length}, %(digest)s, %(state)s, %(data)s,"
    " %(tokens)b::bytea[], %(instants)b::bigint[]"
)
_CREATE: Final = (
    _COLUMNS + "VALUES (" + _VALUES.format(length="%(length)s") + ") ON CONFLICT (stream) DO NOTHING"
)
# A stream that begins with another entry than the first: a length of NULL is refused by the table,
# but a stream that exists is a refused write like any other.
_CREATE_BROKEN: Final = (
    _COLUMNS
    + "SELECT "
    + _VALUES.format(length="NULL::bigint")
    + " WHERE NOT EXISTS (SELECT FROM {s}.head WHERE stream = %(stream)s)"
)
# Entries that do not continue the stored ones make the length NULL, which the table refuses.
_ADVANCE: Final = (
    "UPDATE {s}.head SET version = %(version)s, digest = %(digest)s,"
    " length = CASE WHEN length = %(before)s THEN %(length)s END"
)
_FITS: Final = " WHERE stream = %(stream)s AND version = %(expected)s"
_APPEND_ONE: Final = (
    ", appended AS (INSERT INTO {s}.entry (stream, number, digest, body)"
    " SELECT %(stream)s, %(number)s, %(link)s, %(body)s FROM made)"
)
_APPEND: Final = (
    ", appended AS (INSERT INTO {s}.entry (stream, number, digest, body)"
    " SELECT %(stream)s, new.* FROM made, unnest(%(numbers)b::bigint[], %(links)b::bytea[],"
    " %(bodies)b::bytea[]) AS new)"
)
_FORGET: Final = (
    ", forgotten AS (UPDATE {s}.entry SET body = NULL WHERE stream = %(stream)s"
    " AND number = ANY(%(forget)b::bigint[]) AND EXISTS (SELECT FROM made))"
)
_UNMARK: Final = (
    ", unmarked AS (DELETE FROM {s}.mark WHERE stream = %(stream)s AND EXISTS (SELECT FROM made){other})"
)
_MARK: Final = (
    ", marked AS (INSERT INTO {s}.mark AS old (stream, token, at) SELECT %(stream)s, new.token, new.at"
    " FROM made, unnest(%(tokens)b::bytea[], %(instants)b::bigint[]) AS new (token, at){other})"
)
# Only a mark that is new or has moved is written.
_MOVED: Final = (
    " WHERE NOT EXISTS (SELECT FROM {s}.mark AS same WHERE same.stream = %(stream)s"
    " AND same.token = new.token AND same.at = new.at)"
    " ON CONFLICT (stream, token) DO UPDATE SET at = excluded.at"
)
_GONE: Final = " AND token <> ALL (%(tokens)b::bytea[])"
# Nothing but the call, whose first argument says where it belongs: so Citus lets that node do it.
_CALL: Final = (
    "SELECT {s}.write(%(stream)s::bytea, %(expected)s::bigint, %(version)s::bigint, %(length)s::bigint,"
    " %(digest)s::bytea, %(state)s::bytea, %(data)s::bytea, %(tokens)b::bytea[], %(instants)b::bigint[],"
    " %(numbers)b::bigint[], %(links)b::bytea[], %(bodies)b::bytea[], %(forget)b::bigint[])"
)


class Statements:
    """Builds the calls for one namespace.

    Args:
        schema: the namespace as it stands in statements: quoted where it has to be.
        place: what errors call the storage.

    Attributes:
        spread: the streams are spread over nodes: a write calls the function that lies with them.
    """

    def __init__(self, schema: str, place: str) -> None:
        self._schema = schema
        self._place = place
        self.spread = False
        self._texts: dict[str, bytes] = {}
        self._shapes: dict[Shape, bytes] = {}

    def load(self, streams: Sequence[bytes]) -> Call[Sequence[Head | None]]:
        """Build the call for :meth:`~clm_ethics.storage.Storage.load`."""
        for stream in streams:
            check_token(stream, "stream")
        if len(streams) == 1:
            statement = Statement(self._text(_LOAD), {"stream": streams[0]})
        else:
            statement = Statement(self._text(_LOAD_MANY), {"streams": [*dict.fromkeys(streams)]})

        def read(answers: Sequence[Sequence[Row]]) -> Sequence[Head | None]:
            found = {row[0]: self._head(row) for row in answers[0]}
            return [found.get(stream) for stream in streams]

        return Call([statement], read)

    def entries(self, stream: bytes, after: int, limit: int) -> Call[Sequence[Entry]]:
        """Build the call for :meth:`~clm_ethics.storage.Storage.entries`; pages have at most 1,000."""
        check_page(stream, "stream", after, limit)
        values = {"stream": stream, "after": Int8(after), "limit": Int8(min(limit, MAX_ENTRIES))}
        statement = Statement(self._text(_ENTRIES), values)
        return Call([statement], lambda answers: [Entry(*row) for row in answers[0]])

    def find(
        self, token: bytes, until: int, after: tuple[int, bytes], limit: int
    ) -> Call[Sequence[tuple[int, bytes]]]:
        """Build the call for :meth:`~clm_ethics.storage.Storage.find`."""
        check_page(token, "token", after[0], limit)
        values = {
            "token": token,
            "until": Int8(max(-1, min(until, MAX_INT))),
            "at": Int8(after[0]),
            "stream": after[1],
            "limit": Int8(limit),
        }
        statement = Statement(self._text(_FIND), values)
        return Call([statement], lambda answers: [(at, stream) for at, stream in answers[0]])

    def scan(self, after: bytes, limit: int) -> Call[Sequence[tuple[bytes, int]]]:
        """Build the call for :meth:`~clm_ethics.storage.Scannable.scan`."""
        check_scan(after, limit)
        statement = Statement(self._text(_SCAN), {"after": after, "limit": Int8(limit)})
        return Call([statement], lambda answers: [(stream, version) for stream, version in answers[0]])

    def commit(self, writes: Sequence[Write]) -> Call[Sequence[bool]]:
        """Build the call for :meth:`~clm_ethics.storage.Storage.commit`, of at least one write.

        A single write is a transaction by itself. Several go in the order of their streams, so
        that two calls never wait for each other in a circle, between BEGIN and COMMIT.
        """
        check_writes(writes)
        if len(writes) == 1:
            return Call([self._write(writes[0])], lambda answers: [_was_made(answers[0])], writes=True)
        order = sorted(range(len(writes)), key=lambda n: writes[n].stream)
        statements = [BEGIN, *(self._write(writes[n]) for n in order), COMMIT]

        def read(answers: Sequence[Sequence[Row]]) -> Sequence[bool]:
            made = dict(zip(order, answers[1:-1], strict=True))
            return [_was_made(made[n]) for n in range(len(writes))]

        return Call(statements, read, writes=True)

    def inside(self, writes: Sequence[Write]) -> Call[Sequence[bool]]:
        """Build the same call for a transaction that somebody else has begun, and commits."""
        check_writes(writes)
        order = sorted(range(len(writes)), key=lambda n: writes[n].stream)

        def read(answers: Sequence[Sequence[Row]]) -> Sequence[bool]:
            made = dict(zip(order, answers, strict=True))
            return [_was_made(made[n]) for n in range(len(writes))]

        return Call([self._write(writes[n]) for n in order], read)

    def _write(self, write: Write) -> Statement:
        if self.spread:
            return Statement(self._text(_CALL), _arguments(write))
        stream, expected, head, entries, forget = write
        if head is None:
            text = self._whole("DELETE FROM {s}.head" + _FITS, _UNMARK.replace("{other}", ""))
            return Statement(text, {"stream": stream, "expected": Int8(expected)})
        # A statement depends on a few facts only: built once for each, since a commit comes here cold.
        shape = (
            expected != 0,
            head.state is not None,
            head.values is not None,
            None if head.marks is None else bool(head.marks),
            min(len(entries), 2),
            bool(forget),
            head.length == len(entries),
        )
        text = self._shapes.get(shape) or self._build(shape)
        return Statement(text, _parameters(write, head))

    def _build(self, shape: Shape) -> bytes:
        changing, state, data, marks, entries, forget, first = shape
        if not changing:
            change = _CREATE if first else _CREATE_BROKEN
        else:
            change = (
                _ADVANCE + (", state = %(state)s" if state else "") + (", data = %(data)s" if data else "")
            )
            if marks is not None:
                change += ", tokens = %(tokens)b::bytea[], instants = %(instants)b::bigint[]"
            change += _FITS
        rest = "" if marks is None else _marks(creating=not changing, some=marks)
        rest += ("", _APPEND_ONE, _APPEND)[entries] + (_FORGET if forget else "")
        text = self._shapes[shape] = self._whole(change, rest)
        return text

    def _whole(self, change: str, rest: str) -> bytes:
        return self._text("WITH made AS (" + change + " RETURNING stream)" + rest + " SELECT 1 FROM made")

    def _text(self, text: str) -> bytes:
        """Name the schema in *text*, once for each text."""
        named = self._texts.get(text)
        if named is None:
            named = self._texts[text] = text.replace("{s}", self._schema).encode()
        return named

    def _head(self, row: Row) -> Head:
        _, version, length, digest, state, data, tokens, instants = row
        if len(tokens) != len(instants) or None in tokens or None in instants:
            raise StorageCorrupt(
                "holds a row of another shape than was written",
                place=self._place,
                remedy="restore the database from a backup",
            )
        return Head(version, length, digest, state, data, tuple(map(Mark, tokens, instants)))


def _marks(*, creating: bool, some: bool) -> str:
    """Bring the index of marks to what the head carries: *some* marks, or none."""
    if creating:
        return _MARK.replace("{other}", "") if some else ""
    if not some:
        return _UNMARK.replace("{other}", "")
    return _UNMARK.replace("{other}", _GONE) + _MARK.replace("{other}", _MOVED)


def _was_made(rows: Sequence[Row]) -> bool:
    """Read the answer to a write: no row, or what the function said."""
    return bool(rows and rows[0][0])


def _arguments(write: Write) -> dict[str, Any]:
    """Return what the function ``write`` of a spread storage is given; no version: delete."""
    stream, expected, head, entries, forget = write
    version, length, digest, state, data, marks = head or (None, None, None, None, None, None)
    ordered = None if marks is None else sorted(marks)
    return {
        "stream": stream,
        "expected": Int8(expected),
        "version": version and Int8(version),
        "length": None if length is None else Int8(length),
        "digest": digest,
        "state": state,
        "data": data,
        "tokens": ordered and [mark.token for mark in ordered],
        "instants": ordered and [Int8(mark.at) for mark in ordered],
        "numbers": [Int8(entry.index) for entry in entries],
        "links": [entry.digest for entry in entries],
        "bodies": [entry.body for entry in entries],
        "forget": [Int8(index) for index in forget],
    }


def _parameters(write: Write, head: Head) -> dict[str, Any]:
    """Return what the statement of *write* names; what the head keeps is not mentioned."""
    stream, expected, _, entries, forget = write
    version, length, digest, state, data, marks = head
    values: dict[str, Any] = {
        "stream": stream,
        "version": Int8(version),
        "length": Int8(length),
        "digest": digest,
        "state": state,
        "data": data,
    }
    if expected:
        values["expected"] = Int8(expected)
        values["before"] = Int8(length - len(entries))
    if marks is not None:
        ordered = sorted(marks)
        values["tokens"] = [mark.token for mark in ordered]
        values["instants"] = [Int8(mark.at) for mark in ordered]
    if len(entries) == 1:
        index, values["link"], values["body"] = entries[0]
        values["number"] = Int8(index)
    elif entries:
        values["numbers"] = [Int8(entry.index) for entry in entries]
        values["links"] = [entry.digest for entry in entries]
        values["bodies"] = [entry.body for entry in entries]
    if forget:
        values["forget"] = [Int8(index) for index in forget]
    return values
