"""The keys of a tenant: each for its role, its tenant and its place."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from itertools import count

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clm_ethics.errors import SealBroken, VaultError
from clm_ethics.ledger.note import open_note, parse_vkey, sign_note
from clm_ethics.vault import tenant as module
from clm_ethics.vault.tenant import TenantKeys

PLACE = b"k" * 16
KEY, BUNDLE = TenantKeys.create("shop", os.urandom)


def keys() -> TenantKeys:
    """Return the opened keys of the tenant `shop`."""
    return TenantKeys.open("shop", KEY, BUNDLE, os.urandom)


def test_a_data_key_opens_in_its_place_alone() -> None:
    """Under its key stream and tenant; not in another's place."""
    wrapped = keys().wrap_data_key(b"d" * 32, PLACE)
    assert b"d" * 32 == keys().data_key(wrapped, PLACE)
    with pytest.raises(SealBroken):
        keys().data_key(wrapped, b"l" * 16)
    other = TenantKeys.open("shop2", *TenantKeys.create("shop2", os.urandom), os.urandom)
    with pytest.raises(SealBroken):
        other.data_key(wrapped, PLACE)


@given(st.data())
def test_an_altered_data_key_does_not_open(data: st.DataObject) -> None:
    """Any flipped bit, cut or extension is refused."""
    wrapped = keys().wrap_data_key(b"d" * 32, PLACE)
    flipped = bytearray(wrapped)
    bit = data.draw(st.integers(0, len(wrapped) * 8 - 1))
    flipped[bit // 8] ^= 1 << bit % 8
    for bad in (bytes(flipped), wrapped[: data.draw(st.integers(0, len(wrapped) - 1))], wrapped + b"\0"):
        with pytest.raises(SealBroken):
            keys().data_key(bad, PLACE)


@given(st.data())
def test_an_altered_bundle_gives_no_key(data: st.DataObject) -> None:
    """A flipped bit is noticed at opening, or when the key that it struck is asked for."""
    flipped = bytearray(BUNDLE)
    bit = data.draw(st.integers(0, len(BUNDLE) * 8 - 1))
    flipped[bit // 8] ^= 1 << bit % 8
    with pytest.raises(SealBroken):
        touch(TenantKeys.open("shop", KEY, bytes(flipped), os.urandom))


def touch(opened: TenantKeys) -> None:
    """Ask for every key."""
    opened.receipt_signer()
    opened.log_signer("shop.example/log")
    opened.log_secret()


def test_a_bundle_opens_for_its_own_tenant_and_key() -> None:
    """Another tenant, another key, or keys that changed roles: refused."""
    touch(keys())
    swapped = msgspec.msgpack.decode(BUNDLE)
    swapped["index"], swapped["tombstone"] = swapped["tombstone"], swapped["index"]
    for name, key, bundle in (
        ("shop2", KEY, BUNDLE),
        ("shop", b"x" * 32, BUNDLE),
        ("shop", KEY, b""),
        ("shop", KEY, BUNDLE + b"\0"),
        ("shop", KEY, msgspec.msgpack.encode(swapped)),
    ):
        with pytest.raises(SealBroken):
            TenantKeys.open(name, key, bundle, os.urandom)


def test_the_log_keys_are_unwrapped_only_when_asked_for() -> None:
    """With a spoilt log key everything else still works."""
    wrapped = msgspec.msgpack.decode(BUNDLE)
    wrapped["log"] = wrapped["log_secret"] = bytes(60)
    opened = TenantKeys.open("shop", KEY, msgspec.msgpack.encode(wrapped), os.urandom)
    opened.receipt_signer()
    for ask in (opened.log_secret, lambda: opened.log_signer("a")):
        with pytest.raises(SealBroken):
            ask()


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=10)


@given(texts, texts, texts, texts)
def test_tokens_are_equal_exactly_for_equal_values(a: str, b: str, c: str, d: str) -> None:
    """Field and value are told apart however the letters are divided."""
    opened = keys()
    same = (a, b) == (c, d)
    assert same == (opened.token(a, b) == opened.token(c, d))
    assert same == (opened.tombstone(a, b) == opened.tombstone(c, d))
    assert opened.token(a, b) != opened.tombstone(a, b)
    assert 32 == len(opened.token(a, b)) == len(opened.tombstone(a, b))


def test_tokens_differ_between_tenants() -> None:
    """Even with the same index key, another tenant has other tokens."""
    numbers = [count(), count()]
    pair = []
    for name, number in zip(("a", "b"), numbers, strict=True):

        def draw(n: int, number: count[int] = number) -> bytes:
            return next(number).to_bytes(n, "big")

        pair.append(TenantKeys.open(name, *TenantKeys.create(name, draw), os.urandom))
    assert pair[0]._index == pair[1]._index
    assert pair[0].token("email", "x") != pair[1].token("email", "x")


def test_receipt_and_log_keys_sign_under_their_names() -> None:
    """Each verifier key opens what its signer signed, and no other."""
    opened = keys()
    signed = sign_note("text\n", [opened.receipt_signer()])
    assert "text\n" == open_note(signed, [parse_vkey(opened.receipt_vkey())]).text
    log = opened.log_signer("shop.example/log")
    assert ("shop.example/log", log.vkey) == (log.name, opened.log_vkey("shop.example/log"))
    assert log.vkey.split("+")[2] != opened.receipt_vkey().split("+")[2]
    assert opened.receipt_signer() is opened.receipt_signer()


@given(texts)
def test_any_tenant_has_a_receipt_key_name(tenant: str) -> None:
    """Spaces, plus signs and control characters in a tenant's name do no harm."""
    key, bundle = TenantKeys.create(tenant, os.urandom)
    vkey = TenantKeys.open(tenant, key, bundle, os.urandom).receipt_vkey()
    assert module.receipt_name(tenant) == parse_vkey(vkey).name


def test_wrong_lengths_are_refused() -> None:
    """Of the tenant key, a data key and a key stream."""
    for call in (
        lambda: TenantKeys.open("shop", b"short", BUNDLE, os.urandom),
        lambda: keys().wrap_data_key(b"short", PLACE),
        lambda: keys().wrap_data_key(b"d" * 32, b"short"),
    ):
        with pytest.raises(VaultError):
            call()


def test_nothing_is_shown_and_nothing_pickled() -> None:
    """No repr holds a byte of a key."""
    opened = keys()
    shown = repr(opened) + repr(opened._aead) + repr(opened._bundle) + repr(opened.receipt_signer())
    assert "x" not in repr(opened)
    assert KEY.hex() not in shown
    assert "b'" not in shown
    with pytest.raises(TypeError):
        pickle.dumps(opened)


def test_importing_ledger_and_vault_loads_no_cryptography() -> None:
    """Only sealing and signing load it: importing stays cheap."""
    code = (
        "import sys\n"
        "from clm_ethics.ledger import audit, merkle, note, proof, receipt, record, strict, tlog\n"
        "from clm_ethics.vault import keys, normalise, sealing, tenant\n"
        "sys.exit('cryptography' in sys.modules)\n"
    )
    assert 0 == subprocess.run([sys.executable, "-c", code], check=False).returncode
