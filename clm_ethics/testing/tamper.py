"""A tamper kit: alters a storage of the contract behind the library's back.

For tests of hosts: what somebody with write access to the database could do, and what
``ledger.verify()`` must then say. It works on a :class:`~clm_ethics.storage.memory.MemoryStorage`
and on an SQLite file (also while a steward has it open)::

    tamper = Tamper("crm.db")
    stream = tamper.customers()[0]
    tamper.flip(stream, "body", index=1)
    assert not steward.ledger.verify()

:data:`TAMPERINGS` lists ready-made ones, each with the kinds of fault of which ``verify`` has to
name at least one. None of them holds a key: who has the keys as well can write a new history,
and only a seal that somebody else kept tells.
"""

# ruff: noqa: SLF001  (the kit reaches behind the storage: that is what it is for)
from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from ..flows import streams
from ..ledger import record as codec
from ..ledger.audit import FaultKind
from ..ledger.merkle import leaf_hash
from ..storage.contract import Entry, Head, Mark
from ..storage.memory import MemoryStorage

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from random import Random

_Row = TypeVar("_Row", Head, Entry)

PARTS = ("body", "digest", "head_digest", "state", "values")
"""What :meth:`Tamper.flip` can flip a bit of."""


class Stored(NamedTuple):
    """One stream as it is stored."""

    head: Head
    entries: tuple[Entry, ...]


class _Memory:
    """The insides of a :class:`MemoryStorage`."""

    def __init__(self, storage: MemoryStorage) -> None:
        self._storage = storage

    def names(self) -> list[bytes]:
        with self._storage._lock:
            return sorted(self._storage._heads)

    def read(self, stream: bytes) -> Stored | None:
        with self._storage._lock:
            head = self._storage._heads.get(stream)
            return None if head is None else Stored(head, tuple(self._storage._entries.get(stream, ())))

    def write(self, stream: bytes, stored: Stored | None) -> None:
        storage = self._storage
        with storage._lock:
            old = storage._heads.get(stream)
            before = () if old is None else old.marks or ()
            after = () if stored is None else tuple(sorted(stored.head.marks or ()))
            storage._mark(stream, before, after)
            storage._heads.pop(stream, None)
            storage._entries.pop(stream, None)
            if stored is not None:
                storage._heads[stream] = stored.head._replace(marks=after)
                storage._entries[stream] = list(stored.entries)


class _Sqlite:
    """The tables of an SQLite file, through a connection of its own for each look."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def names(self) -> list[bytes]:
        return [row[0] for row in self._run("SELECT stream FROM clm_head ORDER BY stream")]

    def read(self, stream: bytes) -> Stored | None:
        rows = self._run(
            "SELECT h.version, h.length, h.digest, h.state, v.data, h.id FROM clm_head h"
            " LEFT JOIN clm_value v ON v.id = h.id WHERE h.stream = ?",
            stream,
        )
        if not rows:
            return None
        version, length, digest, state, values, identity = rows[0]
        marks = self._run("SELECT token, at FROM clm_mark WHERE stream = ? ORDER BY token", stream)
        entries = self._run(
            "SELECT number, digest, body FROM clm_entry WHERE id = ? ORDER BY number", identity
        )
        head = Head(version, length, digest, state, values, tuple(Mark(*mark) for mark in marks))
        return Stored(head, tuple(Entry(*entry) for entry in entries))

    def write(self, stream: bytes, stored: Stored | None) -> None:
        with closing(sqlite3.connect(self._path, isolation_level=None)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            row = connection.execute("SELECT id FROM clm_head WHERE stream = ?", (stream,)).fetchone()
            if row is not None:
                for table in ("clm_entry", "clm_value", "clm_head"):
                    connection.execute(f"DELETE FROM {table} WHERE id = ?", row)  # noqa: S608  (no input)
            connection.execute("DELETE FROM clm_mark WHERE stream = ?", (stream,))
            if stored is not None:
                _insert(connection, stream, stored)
            connection.execute("COMMIT")

    def _run(self, statement: str, *parameters: Any) -> list[Any]:
        with closing(sqlite3.connect(self._path, isolation_level=None)) as connection:
            return connection.execute(statement, parameters).fetchall()


def _insert(connection: sqlite3.Connection, stream: bytes, stored: Stored) -> None:
    from ..storage.sqlite import _pack

    head = stored.head
    marks = head.marks or ()
    identity = connection.execute(
        "INSERT INTO clm_head (stream, version, length, digest, marks, state)"
        " VALUES (?, ?, ?, ?, ?, ?) RETURNING id",
        (stream, head.version, head.length, head.digest, _pack(marks), head.state),
    ).fetchone()[0]
    connection.execute("INSERT INTO clm_value (id, data) VALUES (?, ?)", (identity, head.values or b""))
    connection.executemany(
        "INSERT INTO clm_entry (id, number, digest, body) VALUES (?, ?, ?, ?)",
        [(identity, *entry) for entry in stored.entries],
    )
    connection.executemany(
        "INSERT INTO clm_mark (token, at, stream) VALUES (?, ?, ?)", [(*mark, stream) for mark in marks]
    )


class Tamper:
    """Alters what is stored, as somebody could who has the storage and no key.

    Args:
        where: a memory storage, or the path of an SQLite file.
        tenant: whose log it is, for the tamperings of the log.
    """

    def __init__(self, where: MemoryStorage | str | os.PathLike[str], *, tenant: str = "main") -> None:
        self._place = _Memory(where) if isinstance(where, MemoryStorage) else _Sqlite(Path(where))
        self.tenant = tenant

    # Looking -----------------------------------------------------------------

    def streams(self) -> list[bytes]:
        """Return the ids of all streams: customers, keys, claims, the log and others."""
        return self._place.names()

    def customers(self) -> list[bytes]:
        """Return the streams of customers, erased ones included."""
        return [
            stream
            for stream in self.streams()
            if len(stream) == streams.STREAM and self.read(stream).head.length
        ]

    def log(self, generation: int = 0) -> bytes:
        """Return the stream of the Merkle log."""
        return streams.log_stream(self.tenant, generation)

    def claim_of(self, stream: bytes) -> bytes | None:
        """Return the claim that leads to the customer's *stream*, if there is one."""
        for name in self.streams():
            head = self.read(name).head
            if not head.length and head.state == stream:
                return name
        return None

    def has(self, stream: bytes) -> bool:
        """Tell whether *stream* is stored."""
        return self._place.read(stream) is not None

    def read(self, stream: bytes) -> Stored:
        """Return *stream* as it is stored; ``KeyError`` if it is not."""
        stored = self._place.read(stream)
        if stored is None:
            raise KeyError(stream)
        return stored

    def copy(self) -> Mapping[bytes, Stored]:
        """Return a copy of everything, for :meth:`restore`."""
        return {stream: self.read(stream) for stream in self.streams()}

    # Altering ----------------------------------------------------------------

    def write(self, stream: bytes, stored: Stored | None) -> None:
        """Replace *stream* by *stored*; ``None`` removes it without a trace."""
        self._place.write(stream, stored)

    def restore(self, copy: Mapping[bytes, Stored]) -> None:
        """Replace everything by an older *copy*: a restored backup."""
        for stream in self.streams():
            if stream not in copy:
                self.write(stream, None)
        for stream, stored in copy.items():
            self.write(stream, stored)

    def flip(self, stream: bytes, part: str, *, index: int = 0, bit: int = 0) -> None:
        """Flip one *bit* of a *part* (of :data:`PARTS`) of *stream*; *index* names an entry."""
        stored = self.read(stream)
        if part in {"body", "digest"}:
            entry = stored.entries[index - 1]
            self.put_entry(stream, _with_part(entry, part, _flipped(getattr(entry, part), bit)))
            return
        name = "digest" if part == "head_digest" else part
        head = _with_part(stored.head, name, _flipped(getattr(stored.head, name), bit))
        self.write(stream, stored._replace(head=head))

    def put_entry(self, stream: bytes, entry: Entry) -> None:
        """Put *entry* into the place of the one with its index; nothing else is changed."""
        head, entries = self.read(stream)
        self.write(stream, Stored(head, (*entries[: entry.index - 1], entry, *entries[entry.index :])))

    def remove(self, stream: bytes) -> None:
        """Remove *stream*, head and entries."""
        self.write(stream, None)

    def remove_entry(self, stream: bytes, index: int) -> None:
        """Remove the row of one entry; the head is left as it was."""
        head, entries = self.read(stream)
        self.write(stream, Stored(head, (*entries[: index - 1], *entries[index:])))

    def drop_body(self, stream: bytes, index: int) -> None:
        """Take the body of an entry away, as a forgetting would, without saying so."""
        self.put_entry(stream, self.read(stream).entries[index - 1]._replace(body=None))

    def truncate(self, stream: bytes, length: int) -> None:
        """Cut the entries after *length* off; length and digest of the head are made to fit."""
        self.rechain(stream, self.read(stream).entries[:length])

    def reorder(self, stream: bytes, first: int, second: int) -> None:
        """Exchange digest and body of two entries; the head is made to fit."""
        entries = list(self.read(stream).entries)
        one, other = entries[first - 1], entries[second - 1]
        entries[first - 1] = other._replace(index=first)
        entries[second - 1] = one._replace(index=second)
        self.rechain(stream, entries)

    def rechain(self, stream: bytes, entries: Sequence[Entry]) -> None:
        """Replace the entries of *stream*, and make length and digest of its head fit them."""
        chain = codec.chain_start(stream)
        for entry in entries:
            chain = codec.chain_next(chain, entry.digest)
        head = self.read(stream).head._replace(length=len(entries), digest=chain if entries else b"")
        self.write(stream, Stored(head, tuple(entries)))

    def rewrite(self, stream: bytes, index: int, *, bit: int = 0) -> None:
        """Alter the sealed part of an entry, and make digest, chain and head fit."""
        body = self.read(stream).entries[index - 1].body or b""
        self._put_body(
            stream, index, _flipped(body, codec.PREFIX * 8 + bit % (8 * (len(body) - codec.PREFIX)))
        )

    def back_date(self, stream: bytes, index: int, at: int) -> None:
        """Let an entry claim to be of *at* (microseconds, UTC); digest, chain and head are made to fit."""
        body = self.read(stream).entries[index - 1].body or b""
        self._put_body(stream, index, body[:10] + at.to_bytes(8, "big") + body[18:])

    def _put_body(self, stream: bytes, index: int, body: bytes) -> None:
        entries = list(self.read(stream).entries)
        entries[index - 1] = Entry(index, codec.entry_digest(body), body)
        self.rechain(stream, entries)

    def swap(self, first: bytes, second: bytes, part: str) -> None:
        """Exchange ``state`` or ``values`` between two streams."""
        one, other = self.read(first), self.read(second)
        mine, theirs = getattr(one.head, part), getattr(other.head, part)
        self.write(first, one._replace(head=_with_part(one.head, part, theirs)))
        self.write(second, other._replace(head=_with_part(other.head, part, mine)))

    def swap_entries(self, first: bytes, second: bytes, index: int) -> None:
        """Exchange entry *index* between two streams; the heads are made to fit."""
        one, other = self.read(first).entries, self.read(second).entries
        for stream, mine, theirs in ((first, one, other), (second, other, one)):
            self.rechain(stream, (*mine[: index - 1], theirs[index - 1], *mine[index:]))

    def unmark(self, stream: bytes, token: bytes) -> None:
        """Take a mark from *stream*, so that nobody finds it by *token* any more."""
        stored = self.read(stream)
        marks = tuple(mark for mark in stored.head.marks or () if mark.token != token)
        self.write(stream, stored._replace(head=stored.head._replace(marks=marks)))

    def forge_leaf(self, stream: bytes, *, generation: int = 0) -> None:
        """Append a leaf to the log that says of *stream* what it holds now; nobody signs it."""
        import msgspec

        from ..verbs.sealing import Leaf

        head, entries = self.read(self.log(generation))
        sealed = self.read(stream).head
        said = Leaf(stream, sealed.length, sealed.digest, bytes(codec.SALT))
        index, at = head.length + 1, _time(entries[-1]) if entries else 0
        body = codec.clear_body(
            index, at, leaf_hash(said.data()), msgspec.json.Encoder(order="sorted").encode(said)
        )
        self.rechain(self.log(generation), (*entries, Entry(index, codec.entry_digest(body), body)))


def _with_part(row: _Row, part: str, value: bytes | None) -> _Row:
    changed: Any = {part: value}
    return row._replace(**changed)


def _flipped(data: bytes | None, bit: int) -> bytes:
    if not data:
        raise ValueError("there is nothing to flip a bit of")
    bit %= 8 * len(data)
    altered = bytearray(data)
    altered[bit // 8] ^= 1 << bit % 8
    return bytes(altered)


def _time(entry: Entry) -> int:
    return int.from_bytes((entry.body or bytes(18))[10:18], "big")


class Tampering(NamedTuple):
    """A ready-made tampering of one customer's stream or of the log.

    Attributes:
        name: of what is done.
        kinds: ``verify`` has to name at least one fault of these kinds.
        apply: does it to a customer's stream; returns where ``verify`` has to name it, or
            ``None`` if there is nothing there that could be altered in this way.
    """

    name: str
    kinds: frozenset[FaultKind]
    apply: Callable[[Tamper, bytes, Random], bytes | None]

    def __repr__(self) -> str:
        return f"<Tampering {self.name}>"


def _with_body(tamper: Tamper, stream: bytes, *, first: int = 1) -> list[int]:
    return [
        each.index for each in tamper.read(stream).entries if each.body is not None and each.index >= first
    ]


def _flip_body(tamper: Tamper, stream: bytes, random: Random) -> bytes | None:
    indexes = _with_body(tamper, stream)
    if not indexes:
        return None
    tamper.flip(stream, "body", index=random.choice(indexes), bit=random.getrandbits(16))
    return stream


def _flip_digest(tamper: Tamper, stream: bytes, random: Random) -> bytes:
    index = random.randint(1, len(tamper.read(stream).entries))
    tamper.flip(stream, "digest", index=index, bit=random.getrandbits(16))
    return stream


def _flip_head_digest(tamper: Tamper, stream: bytes, random: Random) -> bytes:
    tamper.flip(stream, "head_digest", bit=random.getrandbits(16))
    return stream


def _flip_state(tamper: Tamper, stream: bytes, random: Random) -> bytes:
    tamper.flip(stream, "state", bit=random.getrandbits(16))
    return stream


def _flip_values(tamper: Tamper, stream: bytes, random: Random) -> bytes | None:
    if not tamper.read(stream).head.values:
        return None
    tamper.flip(stream, "values", bit=random.getrandbits(16))
    return stream


def _remove_inner(tamper: Tamper, stream: bytes, random: Random) -> bytes | None:
    length = len(tamper.read(stream).entries)
    if length < 2:
        return None
    tamper.remove_entry(stream, random.randint(1, length - 1))
    return stream


def _remove_last(tamper: Tamper, stream: bytes, random: Random) -> bytes:
    tamper.remove_entry(stream, len(tamper.read(stream).entries))
    return stream


def _drop_body(tamper: Tamper, stream: bytes, random: Random) -> bytes | None:
    """An erasure names every body before it, a later one is another matter; take one after it."""
    entries = tamper.read(stream).entries
    from ..model.events import ErasureBegun, Forgotten, from_record

    named: set[int] = set()
    for entry in entries:
        if entry.body is None or not codec.parse(entry.body).clear:
            continue
        event = from_record(codec.split(codec.parse(entry.body).sealed)[1])
        if isinstance(event, ErasureBegun):
            named.update(range(1, entry.index))
        elif isinstance(event, Forgotten):
            named.update(*(range(first, last + 1) for first, last in event.ranges))
    indexes = [
        index
        for index in _with_body(tamper, stream)
        if index not in named and not codec.parse(entries[index - 1].body or b"").clear
    ]
    if not indexes:
        return None
    tamper.drop_body(stream, random.choice(indexes))
    return stream


def _remove_stream(tamper: Tamper, stream: bytes, random: Random) -> bytes:
    tamper.remove(stream)
    return stream


def _truncate(tamper: Tamper, stream: bytes, random: Random) -> bytes | None:
    length = len(tamper.read(stream).entries)
    if length < 2:
        return None
    tamper.truncate(stream, random.randint(1, length - 1))
    return stream


def _reorder(tamper: Tamper, stream: bytes, random: Random) -> bytes | None:
    indexes = _with_body(tamper, stream)
    if len(indexes) < 2:
        return None
    tamper.reorder(stream, *sorted(random.sample(indexes, 2)))
    return stream


def _rewrite(tamper: Tamper, stream: bytes, random: Random) -> bytes | None:
    entries = tamper.read(stream).entries
    indexes = [
        index for index in _with_body(tamper, stream) if not codec.parse(entries[index - 1].body or b"").clear
    ]
    if not indexes:
        return None
    tamper.rewrite(stream, random.choice(indexes), bit=random.getrandbits(16))
    return stream


def _back_date(tamper: Tamper, stream: bytes, random: Random) -> bytes | None:
    entries = tamper.read(stream).entries
    indexes = [
        index
        for index in _with_body(tamper, stream, first=2)
        if entries[index - 2].body is not None and _time(entries[index - 2])
    ]
    if not indexes:
        return None
    index = random.choice(indexes)
    tamper.back_date(stream, index, random.randrange(_time(entries[index - 2])))
    return stream


def _others(tamper: Tamper, stream: bytes) -> Iterator[bytes]:
    return (each for each in tamper.customers() if each != stream)


def _swap_values(tamper: Tamper, stream: bytes, random: Random) -> bytes | None:
    mine = tamper.read(stream).head.values
    others = [each for each in _others(tamper, stream) if tamper.read(each).head.values != mine]
    if not others:
        return None
    tamper.swap(stream, random.choice(others), "values")
    return stream


def _swap_states(tamper: Tamper, stream: bytes, random: Random) -> bytes | None:
    mine = tamper.read(stream).head.state
    others = [each for each in _others(tamper, stream) if tamper.read(each).head.state != mine]
    if not others:
        return None
    tamper.swap(stream, random.choice(others), "state")
    return stream


def _swap_entries(tamper: Tamper, stream: bytes, random: Random) -> bytes | None:
    others = list(_others(tamper, stream))
    if not others:
        return None
    other = random.choice(others)
    shorter = min(len(tamper.read(each).entries) for each in (stream, other))
    tamper.swap_entries(stream, other, random.randint(1, shorter))
    return stream


def _swap_claims(tamper: Tamper, stream: bytes, random: Random) -> bytes | None:
    mine = tamper.claim_of(stream)
    others = [each for each in _others(tamper, stream) if tamper.claim_of(each)]
    if mine is None or not others:
        return None
    theirs = tamper.claim_of(random.choice(others)) or b""
    tamper.swap(mine, theirs, "state")
    return stream


def _remove_key(tamper: Tamper, stream: bytes, random: Random) -> bytes | None:
    name = streams.key_stream(stream)
    if not tamper.has(name):
        return None
    tamper.remove(name)
    return stream


def _forge_leaf(tamper: Tamper, stream: bytes, random: Random) -> bytes | None:
    if not tamper.has(tamper.log()):
        return None
    tamper.forge_leaf(stream)
    return tamper.log()


def _cut_log(tamper: Tamper, stream: bytes, random: Random) -> bytes | None:
    """The newest leaves go; the checkpoint in the head is left, as nobody can sign an older one."""
    if not tamper.has(tamper.log()) or not tamper.read(tamper.log()).entries:
        return None
    tamper.truncate(tamper.log(), random.randrange(len(tamper.read(tamper.log()).entries)))
    return tamper.log()


def _alter_leaf(tamper: Tamper, stream: bytes, random: Random) -> bytes | None:
    indexes = _with_body(tamper, tamper.log()) if tamper.has(tamper.log()) else []
    if not indexes:
        return None
    tamper.flip(tamper.log(), "body", index=random.choice(indexes), bit=random.getrandbits(16))
    return tamper.log()


def _remove_log(tamper: Tamper, stream: bytes, random: Random) -> bytes | None:
    if not tamper.has(tamper.log()) or not tamper.read(tamper.log()).entries:
        return None
    tamper.remove(tamper.log())
    return tamper.log()


def _named(kinds: str, apply: Callable[[Tamper, bytes, Random], bytes | None]) -> Tampering:
    return Tampering(
        apply.__name__.strip("_").replace("_", " "),
        frozenset(FaultKind(kind) for kind in kinds.split()),
        apply,
    )


TAMPERINGS = (
    _named("altered", _flip_body),
    _named("altered forked", _flip_digest),
    _named("altered", _flip_head_digest),
    _named("altered", _flip_state),
    _named("altered", _flip_values),
    _named("removed", _remove_inner),
    _named("truncated", _remove_last),
    _named("removed", _drop_body),
    _named("truncated", _remove_stream),
    _named("truncated altered", _truncate),
    _named("reordered", _reorder),
    _named("forked altered", _rewrite),
    _named("back_dated", _back_date),
    _named("altered", _swap_values),
    _named("altered", _swap_states),
    _named("forked altered", _swap_entries),
    _named("altered", _swap_claims),
    _named("removed", _remove_key),
    _named("altered", _forge_leaf),
    _named("truncated altered", _cut_log),
    _named("altered", _alter_leaf),
    _named("truncated", _remove_log),
)
"""What somebody without a key can do to a sealed ledger; ``verify`` finds each of them."""

__all__ = ["PARTS", "TAMPERINGS", "Stored", "Tamper", "Tampering"]
