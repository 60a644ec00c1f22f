"""Sealing: opens only where and as what it was sealed."""

from __future__ import annotations

import os
import pickle
from itertools import count
from typing import Any

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given
from hypothesis import strategies as st

from clm_ethics.errors import SealBroken, VaultError
from clm_ethics.ledger import record
from clm_ethics.vault import sealing
from clm_ethics.vault.sealing import Sealer

KEY, STREAM, KEY_STREAM = b"d" * 32, b"s" * 16, b"k" * 16
small = st.binary(max_size=40)


def sealer(**changed: Any) -> Sealer:
    """Return a sealer, with some argument changed."""
    given_: dict[str, Any] = {
        "tenant": "shop",
        "stream": STREAM,
        "key_stream": KEY_STREAM,
        "random": os.urandom,
    }
    key = changed.pop("key", KEY)
    return Sealer(key, **(given_ | changed))


@given(small, small, small)
def test_what_is_sealed_opens(kind: bytes, bind: bytes, plain: bytes) -> None:
    """Empty parts included; the header names format, algorithm and key stream."""
    sealed = sealer().seal(kind, bind, plain)
    assert plain == sealer().open(kind, bind, sealed)
    assert b"\x01\x01" + KEY_STREAM == sealed[: sealing.HEADER]
    assert sealing.HEADER + 12 + len(plain) + 16 == len(sealed)


@given(st.data(), small, small, small)
def test_an_altered_record_does_not_open(data: st.DataObject, kind: bytes, bind: bytes, plain: bytes) -> None:
    """Any flipped bit, cut or extension is refused."""
    sealed = sealer().seal(kind, bind, plain)
    flipped = bytearray(sealed)
    bit = data.draw(st.integers(0, len(sealed) * 8 - 1))
    flipped[bit // 8] ^= 1 << bit % 8
    for bad in (bytes(flipped), sealed[: data.draw(st.integers(0, len(sealed) - 1))], sealed + b"\0"):
        with pytest.raises(SealBroken):
            sealer().open(kind, bind, bad)


@given(small, small, small, small)
def test_kind_and_binding_are_told_apart(kind: bytes, bind: bytes, other: bytes, more: bytes) -> None:
    """A record opens under no other pair, however the bytes are divided."""
    sealed = sealer().seal(kind, bind, b"plain")
    for pair in ((other, more), (kind + bind, b""), (b"", kind + bind), (kind + b"\0", bind)):
        if pair != (kind, bind):
            with pytest.raises(SealBroken):
                sealer().open(*pair, sealed)


@pytest.mark.parametrize(
    "changed",
    [
        {"key": b"e" * 32},
        {"tenant": "shop2"},
        {"stream": b"t" * 16},
        {"key_stream": b"l" * 16},
        {"tenant": "shops", "stream": STREAM[1:]},
    ],
)
def test_nothing_opens_elsewhere(changed: dict[str, Any]) -> None:
    """Another key, tenant, stream or key stream opens neither records nor entries."""
    here, there = sealer(), sealer(**changed)
    header = record.header(1, 2, KEY_STREAM)
    with pytest.raises(SealBroken):
        there.open(b"state", b"", here.seal(b"state", b"", b"plain"))
    if "key_stream" not in changed:
        with pytest.raises(SealBroken):
            there.open_entry(header, here.seal_entry(header, b"plain"))


@given(st.data(), st.integers(1, sealing.MAX_ENTRIES), small)
def test_an_entry_opens_under_its_own_header_alone(data: st.DataObject, index: int, plain: bytes) -> None:
    """Index, time and key stream are bound; any flipped bit of header or ciphertext is refused."""
    header = record.header(index, 7, KEY_STREAM)
    sealed = sealer().seal_entry(header, plain)
    assert plain == sealer().open_entry(header, sealed)
    whole = bytearray(header + sealed)
    bit = data.draw(st.integers(0, len(whole) * 8 - 1))
    whole[bit // 8] ^= 1 << bit % 8
    with pytest.raises(SealBroken):
        sealer().open_entry(bytes(whole[:34]), bytes(whole[34:]))
    with pytest.raises(SealBroken):
        sealer().open_entry(header, sealed[: data.draw(st.integers(0, len(sealed) - 1))])


def test_an_entry_is_not_a_record() -> None:
    """The associated data of the two never read alike."""
    header = record.header(1, 2, KEY_STREAM)
    sealed = sealer().seal_entry(header, b"plain")
    with pytest.raises(SealBroken):
        sealer().open(b"entry", header, sealer()._header + sealed)


def test_the_construction_is_the_documented_one() -> None:
    """Key by HKDF-SHA256, associated data by lengths: rebuilt here with the library's own parts."""

    def long(part: bytes) -> bytes:
        return len(part).to_bytes(4, "big") + part

    place = long(b"shop") + long(STREAM)
    info = b"clm_ethics/sealing-key/1\n" + place
    key = HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(KEY)
    sealed = sealer().seal(b"value", b"email", b"plain")
    header, nonce, ciphertext = sealed[:18], sealed[18:30], sealed[30:]
    associated = b"clm_ethics/seal/1\n" + long(b"value") + place + header + b"email"
    assert b"plain" == AESGCM(key).decrypt(nonce, ciphertext, associated)
    with pytest.raises(InvalidTag):
        AESGCM(KEY).decrypt(nonce, ciphertext, associated)


@given(st.binary(min_size=32, max_size=32), small)
def test_derivation_is_hkdf(key: bytes, info: bytes) -> None:
    """The short form equals RFC 5869."""
    expected = HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(key)
    assert expected == sealing.derive(key, info)


def test_each_record_draws_a_nonce() -> None:
    """The injected randomness is used once per record, twelve bytes each."""
    numbers = count()
    seal = sealer(random=lambda n: next(numbers).to_bytes(n, "big"))
    nonces = [seal.seal(b"a", b"", b"")[18:30], seal.seal_entry(record.header(1, 1, KEY_STREAM), b"")[:12]]
    assert [(0).to_bytes(12, "big"), (1).to_bytes(12, "big")] == nonces


def test_a_key_is_not_used_too_often() -> None:
    """Past the last index, or the last record, nothing is sealed: NIST SP 800-38D, 8.3."""
    header = record.header(sealing.MAX_ENTRIES + 1, 1, KEY_STREAM)
    with pytest.raises(VaultError, match="renewed"):
        sealer().seal_entry(header, b"")
    tired = sealer()
    tired._left = 1
    tired.seal(b"a", b"", b"")
    with pytest.raises(VaultError, match="renewed"):
        tired.seal(b"a", b"", b"")


def test_wrong_lengths_are_refused() -> None:
    """A short key or key stream is a fault of the caller."""
    for changed in ({"key": b"short"}, {"key_stream": b"short"}):
        with pytest.raises(VaultError):
            sealer(**changed)


def test_other_errors_are_not_hidden() -> None:
    """Only a broken seal is called one."""
    with pytest.raises(TypeError):
        sealer().open_entry(b"header", "not bytes, and long enough for one")  # type: ignore[arg-type]


def test_a_sealer_shows_and_gives_away_nothing() -> None:
    """Neither printed nor pickled."""
    assert "<Sealer>" == repr(sealer())
    with pytest.raises(TypeError):
        pickle.dumps(sealer())


@given(small, small)
def test_a_mac_is_the_customers_own(one: bytes, other: bytes) -> None:
    """Equal data, equal code; another key, tenant or stream gives another code, and so does a sealing key."""
    code = sealer().mac(one)
    assert (one == other) == (code == sealer().mac(other))
    for changed in ({"key": b"e" * 32}, {"tenant": "shop2"}, {"stream": b"t" * 16}):
        assert code != sealer(**changed).mac(one)
    assert 32 == len(code)


def test_a_tag_stands_for_a_name() -> None:
    """Eight bytes, the same for the same name of one customer, others for another."""
    assert sealer().tag("email") == sealer().tag("email")
    assert sealer().tag("email") != sealer().tag("phone")
    assert sealer().tag("email") != sealer(stream=b"t" * 16).tag("email")
    assert 8 == len(sealer().tag("email"))
