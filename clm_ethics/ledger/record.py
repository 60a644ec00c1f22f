"""The codec of the ledger: entries, commitments, digests, the chain of a stream.

An entry's body is ``header || commitment || sealed``::

    header      34 bytes: format 1, algorithm 1, index 8, at 8, key stream 16 (big-endian)
    commitment  32 bytes: SHA-256 over the salted record
    sealed      AES-256-GCM (nonce || ciphertext || tag) over salt || record,
                or salt || record itself in an entry in clear

Its digest hashes the sealed part once more, so that the digest can be stated without the
body, and stays when the body is forgotten. The chain binds digests in their order to the
stream. Each hash has its own label: none can pass for another.

Times are microseconds since 1970, UTC. Errors are ``LedgerError``.
"""

from __future__ import annotations

from hashlib import sha256
from struct import Struct
from struct import error as struct_error
from typing import NamedTuple

from clm_ethics.errors import LedgerError

HEADER = 34
"""Length of an entry's header, in bytes."""
HASH = 32
"""Length of a digest, commitment, chain value or salt, in bytes."""
SALT = 32
"""Length of every salt, in bytes. Fixed: a salt of free length could be moved into the value."""
PREFIX = HEADER + HASH
"""Where the sealed part of a body begins."""
KEY_STREAM = 16
"""Length of the id of a key stream, in bytes."""
FORMAT = 1
"""The entry format that this version writes and reads."""
CLEAR = 0
"""Algorithm number: the record stands in clear."""
AES_256_GCM = 1
"""Algorithm number: AES-256-GCM with a random 96-bit nonce."""
NO_KEY = bytes(KEY_STREAM)
"""The key stream of an entry in clear."""
SHORTEST_SEALED = 12 + SALT + 16
"""Shortest sealed part: nonce, salt, an empty record, tag."""

RECORD_LABEL = b"clm_ethics/record/1\n"
ENTRY_LABEL = b"clm_ethics/entry/1\n"
STREAM_LABEL = b"clm_ethics/stream/1\n"
CHAIN_LABEL = b"clm_ethics/chain/1\n"

_HEADER = Struct(">BBQQ16s")
_MAX = (1 << 63) - 1


class Header(NamedTuple):
    """What an entry says of itself in clear.

    Attributes:
        index: from 1.
        at: microseconds since 1970, UTC.
        clear: whether the record stands in clear.
        key_stream: names the stream that holds the key; zeros when in clear.
    """

    index: int  # type: ignore[assignment]  # the field's own word; nobody calls tuple.index
    at: int
    clear: bool
    key_stream: bytes


class Parsed(NamedTuple):
    """The parts of a body.

    Attributes:
        index: from 1.
        at: microseconds since 1970, UTC.
        clear: whether the record stands in clear.
        key_stream: names the stream that holds the key; zeros when in clear.
        header: the 34 bytes as stored.
        commitment: over salt and record.
        sealed: nonce and ciphertext, or salt and record in clear.
    """

    index: int  # type: ignore[assignment]  # as above
    at: int
    clear: bool
    key_stream: bytes
    header: bytes
    commitment: bytes
    sealed: bytes


def header(index: int, at: int, key_stream: bytes = NO_KEY, *, clear: bool = False) -> bytes:
    """Write the header of entry *index*, made *at*, sealed under the key that *key_stream* holds."""
    if len(key_stream) != KEY_STREAM or (clear and key_stream != NO_KEY):
        raise LedgerError("a key stream has 16 bytes, all zero in an entry in clear")
    if not (1 <= index <= _MAX and 0 <= at <= _MAX):
        raise LedgerError("an entry's index is 1 to 2**63 - 1, its time 0 to 2**63 - 1 microseconds")
    return _HEADER.pack(FORMAT, CLEAR if clear else AES_256_GCM, index, at, key_stream)


def parse_header(data: bytes) -> Header:
    """Read a header of exactly 34 bytes."""
    try:
        form, algorithm, index, at, key_stream = _HEADER.unpack(data)
    except struct_error:
        raise LedgerError("an entry's header has 34 bytes") from None
    if form != FORMAT or algorithm not in (CLEAR, AES_256_GCM):
        raise LedgerError(
            f"entry format {form} with algorithm {algorithm} is unknown",
            remedy="a newer version of clm_ethics may read it",
        )
    clear = algorithm == CLEAR
    if not 1 <= index <= _MAX or at > _MAX or (clear and key_stream != NO_KEY):
        raise LedgerError("an entry's header holds an impossible index, time or key stream")
    return Header(index, at, clear, key_stream)


def commitment(salt: bytes, record: bytes) -> bytes:
    """Commit to *record* (canonical JSON) under a salt of 32 bytes."""
    if len(salt) != SALT:
        raise LedgerError("a salt has 32 bytes")
    return sha256(RECORD_LABEL + salt + record).digest()


def value_commitment(salt: bytes, value: bytes) -> bytes:
    """Commit to a value of a field: SHA-256 over a salt of 32 bytes and the value.

    Value and salt live in the head alone: once both are gone, the commitment is noise.
    """
    if len(salt) != SALT:
        raise LedgerError("a salt has 32 bytes")
    return sha256(salt + value).digest()


def body(header: bytes, commitment: bytes, sealed: bytes) -> bytes:
    """Join the parts of a body."""
    if len(header) != HEADER or len(commitment) != HASH:
        raise LedgerError("a header has 34 bytes, a commitment 32")
    return header + commitment + sealed


def clear_body(index: int, at: int, salt: bytes, record: bytes) -> bytes:
    """Write the whole body of an entry in clear. It must hold no personal data."""
    return body(header(index, at, clear=True), commitment(salt, record), salt + record)


def split(plain: bytes) -> tuple[bytes, bytes]:
    """Split what was opened from a body into salt and record."""
    if len(plain) < SALT:
        raise LedgerError("an opened entry is shorter than its salt")
    return plain[:SALT], plain[SALT:]


def parse(body: bytes) -> Parsed:
    """Read the parts of a body; nothing is opened and no hash is checked."""
    head = parse_header(body[:HEADER])
    sealed = body[PREFIX:]
    if len(sealed) < (SALT if head.clear else SHORTEST_SEALED):
        raise LedgerError("an entry's body is too short")
    return Parsed(*head, body[:HEADER], body[HEADER:PREFIX], sealed)


def entry_digest(body: bytes) -> bytes:
    """Hash a body into the digest that stays when the body is forgotten."""
    return sha256(ENTRY_LABEL + body[:PREFIX] + sha256(body[PREFIX:]).digest()).digest()


def digest_of(header: bytes, commitment: bytes, sealed_hash: bytes) -> bytes:
    """Compute the same digest from parts: *sealed_hash* is SHA-256 of the sealed part."""
    return sha256(ENTRY_LABEL + header + commitment + sealed_hash).digest()


def chain_start(stream: bytes) -> bytes:
    """Return chain(0): what the first entry of *stream* is chained to."""
    return sha256(STREAM_LABEL + stream).digest()


def chain_next(chain: bytes, digest: bytes) -> bytes:
    """Return chain(n) from chain(n - 1) and the digest of entry n."""
    return sha256(CHAIN_LABEL + chain + digest).digest()
