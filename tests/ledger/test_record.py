"""The codec of entries: every byte counts, and every hash has its own label."""

from __future__ import annotations

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clm_ethics.errors import LedgerError
from clm_ethics.ledger import record

indexes = st.integers(1, (1 << 63) - 1)
times = st.integers(0, (1 << 63) - 1)
hashes = st.binary(min_size=32, max_size=32)
key_streams = st.binary(min_size=16, max_size=16)
sealed_parts = st.binary(min_size=60, max_size=100)


@given(indexes, times, key_streams, hashes, sealed_parts)
def test_a_body_is_read_as_written(
    index: int, at: int, key_stream: bytes, commitment: bytes, sealed: bytes
) -> None:
    """What is written is read back, part by part."""
    head = record.header(index, at, key_stream)
    parsed = record.parse(record.body(head, commitment, sealed))
    assert (index, at, False, key_stream, head, commitment, sealed) == parsed


@given(indexes, times, hashes, st.binary(max_size=50))
def test_a_clear_body_shows_salt_and_record(index: int, at: int, salt: bytes, said: bytes) -> None:
    """An entry in clear holds salt and record, commits to them, and names no key."""
    parsed = record.parse(record.clear_body(index, at, salt, said))
    assert (salt, said) == record.split(parsed.sealed)
    assert (True, bytes(16)) == (parsed.clear, parsed.key_stream)
    assert record.commitment(salt, said) == parsed.commitment


def test_the_hashes_are_those_of_the_design() -> None:
    """Labels and order of the hashed parts, written out by hand."""
    head = bytes([1, 1]) + (7).to_bytes(8, "big") + (9).to_bytes(8, "big") + b"k" * 16
    assert head == record.header(7, 9, b"k" * 16)
    salt, said, sealed = b"s" * 32, b'{"kind":"x"}', b"c" * 70
    commitment = sha256(b"clm_ethics/record/1\n" + salt + said).digest()
    assert commitment == record.commitment(salt, said)
    digest = sha256(b"clm_ethics/entry/1\n" + head + commitment + sha256(sealed).digest()).digest()
    assert digest == record.entry_digest(record.body(head, commitment, sealed))
    start = sha256(b"clm_ethics/stream/1\n" + b"stream").digest()
    assert start == record.chain_start(b"stream")
    assert sha256(b"clm_ethics/chain/1\n" + start + digest).digest() == record.chain_next(start, digest)
    assert sha256(salt + b"value").digest() == record.value_commitment(salt, b"value")


@given(st.data(), indexes, times, key_streams, hashes, sealed_parts)
def test_every_bit_of_a_body_is_in_its_digest(
    data: st.DataObject, index: int, at: int, key_stream: bytes, commitment: bytes, sealed: bytes
) -> None:
    """A flipped bit gives another digest."""
    body = record.body(record.header(index, at, key_stream), commitment, sealed)
    flipped = bytearray(body)
    bit = data.draw(st.integers(0, len(body) * 8 - 1))
    flipped[bit // 8] ^= 1 << bit % 8
    assert record.entry_digest(body) != record.entry_digest(bytes(flipped))


@given(indexes, times, key_streams, hashes, sealed_parts)
def test_a_digest_can_be_told_without_the_body(
    index: int, at: int, key_stream: bytes, commitment: bytes, sealed: bytes
) -> None:
    """Header, commitment and the hash of the sealed part are enough."""
    head = record.header(index, at, key_stream)
    expected = record.entry_digest(record.body(head, commitment, sealed))
    assert expected == record.digest_of(head, commitment, sha256(sealed).digest())


@pytest.mark.parametrize(
    "body",
    [
        b"",
        bytes(34),
        b"\x02" + record.header(1, 1, b"k" * 16)[1:] + bytes(92),
        b"\x01\x02" + record.header(1, 1, b"k" * 16)[2:] + bytes(92),
        record.header(1, 1, b"k" * 16) + bytes(91),
        record.header(1, 1, clear=True) + bytes(63),
        b"\x01\x00" + record.header(1, 1, b"k" * 16)[2:] + bytes(92),
        b"\x01\x01" + bytes(8) + record.header(1, 1, b"k" * 16)[10:] + bytes(92),
        b"\x01\x01" + b"\xff" * 8 + record.header(1, 1, b"k" * 16)[10:] + bytes(92),
        record.header(1, 1, b"k" * 16)[:10] + b"\xff" * 8 + b"k" * 16 + bytes(92),
    ],
)
def test_a_malformed_body_is_refused(body: bytes) -> None:
    """Too short, of an unknown format, or with an impossible index, time or key stream."""
    with pytest.raises(LedgerError):
        record.parse(body)


@pytest.mark.parametrize(
    ("index", "at", "key_stream", "clear"),
    [
        (0, 1, b"k" * 16, False),
        (1, -1, b"k" * 16, False),
        (1 << 63, 1, b"k" * 16, False),
        (1, 1, b"k", False),
        (1, 1, b"k" * 16, True),
    ],
)
def test_an_impossible_header_is_not_written(index: int, at: int, key_stream: bytes, clear: bool) -> None:
    """Index, time and key stream are checked before writing."""
    with pytest.raises(LedgerError):
        record.header(index, at, key_stream, clear=clear)


def test_parts_of_a_wrong_length_are_refused() -> None:
    """Joined before hashing, a short salt or hash could stand for another."""
    for call in (
        lambda: record.commitment(b"s" * 31, b"r"),
        lambda: record.value_commitment(b"s" * 16, b"v"),
        lambda: record.body(b"h", b"c" * 32, b""),
        lambda: record.body(b"h" * 34, b"c", b""),
        lambda: record.split(b"s" * 31),
    ):
        with pytest.raises(LedgerError):
            call()
