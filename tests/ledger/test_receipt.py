"""Receipts and certificates: signed, strict to read, quiet to print."""

from __future__ import annotations

import json
import pickle
from datetime import UTC, datetime
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clm_ethics.errors import LedgerError, ProofError
from clm_ethics.ledger import note, record
from clm_ethics.ledger.receipt import Certificate, Effect, Receipt, make_certificate, make_receipt

STREAM = b"customer-stream!"
RECORD = '{"kind":"granted","purpose":"newsletter","text":"für Sie"}'.encode()


@pytest.fixture(scope="session")
def receipt(ledger: Any) -> Receipt:
    """A receipt of the second entry of a stream."""
    return ledger.receipt(STREAM, ledger.lines(STREAM, [b"{}", RECORD])[1])


def test_a_receipt_tells_its_entry(ledger: Any, receipt: Receipt) -> None:
    """Index, time and digest are the entry's; the repr holds no more than kind, index and time."""
    line = ledger.lines(STREAM, [b"{}", RECORD])[1]
    assert (2, datetime(1970, 1, 1, 2, tzinfo=UTC)) == (receipt.index, receipt.at)
    assert line.digest == receipt.digest
    assert "<Receipt granted index=2 at=1970-01-01T02:00:00Z>" == repr(receipt)


def test_a_good_receipt_checks(ledger: Any, receipt: Receipt) -> None:
    """With the key that it names, and with the key that the reader trusts."""
    receipt.check()
    receipt.check(ledger.receipts.vkey)
    assert "newsletter" == receipt.fields()["purpose"]


def test_a_receipt_of_another_key_is_refused(ledger: Any, receipt: Receipt) -> None:
    """The key that counts is the one that the reader trusts; a malformed one is no key."""
    for vkey in (ledger.log.vkey, "nonsense"):
        with pytest.raises(ProofError, match="not signed"):
            receipt.check(vkey)


@pytest.mark.parametrize("name", ["kind", "stream", "header", "commitment", "sealed_hash", "salt", "record"])
def test_no_part_of_a_receipt_may_change(receipt: Receipt, name: str) -> None:
    """Another value of any part is refused."""
    old = getattr(receipt, name)
    new: Any = old + "x" if isinstance(old, str) else old[:-1] + bytes([old[-1] ^ 1])
    with pytest.raises(ProofError):
        attrs.evolve(receipt, **{name: new}).check()


def test_a_receipt_is_read_as_written(receipt: Receipt) -> None:
    """JSON gives the same receipt back."""
    assert receipt == Receipt.from_json(receipt.to_json())
    told = attrs.evolve(receipt, effect=Effect(holds=False, text="the contract ends first"))
    assert told == Receipt.from_json(told.to_json())


def test_effect_is_true_exactly_when_it_holds() -> None:
    """A no that ends nothing is falsy."""
    assert (True, False) == (bool(Effect()), bool(Effect(holds=False, text="end the contract")))


def _changes() -> list[Any]:
    return [
        lambda m: m.pop("salt"),
        lambda m: m.update(more=1),
        lambda m: m.update(type="clm_ethics/proof/1"),
        lambda m: m.update(kind=7),
        lambda m: m.update(kind="Not A Word"),
        lambda m: m.update(header="AAAA"),
        lambda m: m.update(salt="not base64"),
        lambda m: m.update(salt=m["salt"].rstrip("=")),
        lambda m: m.update(record={"kind": "x"}),
        lambda m: m.update(record="\ud800"),
        lambda m: m.update(effect=True),
        lambda m: m.update(effect={"holds": 1, "text": ""}),
        lambda m: m.update(effect={"holds": True}),
        lambda m: m.update(signature=None),
        lambda m: m.update(header="A" * 45 + "A=="[1:]),
    ]


@pytest.mark.parametrize("change", _changes())
def test_a_malformed_receipt_is_refused(receipt: Receipt, change: Any) -> None:
    """Missing, unknown and ill-typed members are refused at reading."""
    members = json.loads(receipt.to_json())
    change(members)
    with pytest.raises(ProofError):
        Receipt.from_json(json.dumps(members))


@pytest.mark.parametrize("text", ["", "[]", "7", "{", "NaN", '{"a":NaN}', "[" * 100_000, b"\xff"])
def test_what_is_no_document_is_refused(text: str | bytes) -> None:
    """Not JSON, not an object, or too deep: a named error."""
    with pytest.raises(ProofError):
        Receipt.from_json(text)


def test_a_repeated_member_is_refused(receipt: Receipt) -> None:
    """Of two members with one name, another reader may see the other."""
    text = receipt.to_json()
    with pytest.raises(ProofError, match="distinct"):
        Receipt.from_json(text[:-1] + ',"kind":"withdrawn"}')


def test_a_receipt_is_made_only_of_what_the_entry_says(ledger: Any) -> None:
    """A salt or record that the entry does not commit to is refused at making."""
    line = ledger.lines(STREAM, [RECORD])[0]
    with pytest.raises(LedgerError):
        make_receipt("x", STREAM, line.body, salt=line.salt, record=b"{}", signer=ledger.receipts)


def test_a_clear_entry_that_says_two_things_is_refused(ledger: Any) -> None:
    """In clear, what is committed and what stands there must be one."""
    salt = b"s" * 32
    body = record.body(record.header(1, 1, clear=True), record.commitment(salt, RECORD), salt + b"{}")
    with pytest.raises(LedgerError, match="something else"):
        make_receipt("x", STREAM, body, salt=salt, record=RECORD, signer=ledger.receipts)


def test_a_record_that_is_not_an_object_does_not_check(ledger: Any) -> None:
    """A record is a JSON object."""
    line = ledger.lines(STREAM, [b"[1]"])[0]
    with pytest.raises(ProofError, match="object"):
        ledger.receipt(STREAM, line).check()


def test_a_short_salt_does_not_check(receipt: Receipt) -> None:
    """A salt that lost a byte to the record is refused by its length."""
    with pytest.raises(ProofError):
        attrs.evolve(receipt, salt=receipt.salt[:-1], record=receipt.salt[-1:] + receipt.record).check()


def test_a_certificate_is_a_receipt_of_an_erasure(ledger: Any) -> None:
    """It is made over an entry in clear, checks, and comes back from JSON as a certificate."""
    line = ledger.lines(STREAM, [b'{"kind":"erased"}'], clear=(1,))[0]
    certificate = make_certificate(STREAM, line.body, signer=ledger.receipts)
    certificate.check(ledger.receipts.vkey)
    assert certificate == Certificate.from_json(certificate.to_json())
    assert repr(certificate).startswith("<Certificate erased index=1")


def test_an_ordinary_receipt_is_no_certificate(ledger: Any, receipt: Receipt) -> None:
    """Neither a sealed entry nor another kind passes for a certificate."""
    with pytest.raises(ProofError, match="certificate"):
        Certificate.from_json(receipt.to_json())
    with pytest.raises(LedgerError, match="clear"):
        make_certificate(STREAM, ledger.lines(STREAM, [RECORD])[0].body, signer=ledger.receipts)


@given(st.data())
def test_no_bit_of_a_signed_part_may_be_flipped(ledger: Any, receipt: Receipt, data: st.DataObject) -> None:
    """In JSON, a flipped bit anywhere before the effect is refused by reading or by checking."""
    text = attrs.evolve(receipt, vkey=ledger.receipts.vkey).to_json()
    raw = bytearray(text.encode())
    end = text.encode().index(b'"effect"')
    bit = data.draw(st.integers(0, end * 8 - 1))
    raw[bit // 8] ^= 1 << bit % 8
    with pytest.raises(ProofError):
        check_twice(bytes(raw), ledger.receipts.vkey)


def check_twice(text: bytes, vkey: str) -> None:
    """Check with the trusted key, and with the one in the receipt: only that notices a flip in it."""
    read = Receipt.from_json(text)
    read.check(vkey)
    read.check()


def test_a_receipt_pickles_and_hashes(receipt: Receipt) -> None:
    """It is a value: it may cross a queue and stand in a set."""
    assert {receipt} == {pickle.loads(pickle.dumps(receipt))}


def test_receipts_are_signed_over_the_whole_entry(ledger: Any, receipt: Receipt) -> None:
    """The signature of one kind does not fit another."""
    line = ledger.lines(STREAM, [b"{}", RECORD])[1]
    other = ledger.receipt(STREAM, line, kind="withdrawn")
    with pytest.raises(ProofError):
        attrs.evolve(receipt, signature=other.signature).check()
    assert note.parse_vkey(receipt.vkey).name == "shop.example/receipts"
