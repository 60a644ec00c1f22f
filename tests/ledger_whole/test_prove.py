"""prove(): whatever was handed out can be shown to anybody, offline, whatever came after it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clm_ethics.errors import ClmError, LedgerError, NoteError, ProofError, UsageError
from clm_ethics.ledger import verifier
from clm_ethics.ledger.proof import Proof
from clm_ethics.storage.memory import MemoryStorage
from clm_ethics.testing.tamper import Tamper
from tests.ledger_whole.shop import Shop, days, live, step


def standalone(proof, vkey):
    """Run the standalone verifier on a proof, in this process."""
    return verifier.verify(proof.to_json(), vkey)


@settings(max_examples=60)
@given(days, days)
def test_every_receipt_becomes_a_proof_and_stays_one(before, after):
    """Sealed once, each receipt is proven, also after whatever came later: erasure, sweeps, more seals."""
    shop = Shop()
    receipts = live(shop, before)
    shop.steward.seal()
    vkey = shop.steward.ledger.vkey()

    for more in ((), after):
        for verb, ref, what in more:
            try:
                step(shop, verb, ref, what)
            except ClmError:
                continue
        for receipt in receipts:
            proof = shop.steward.prove(receipt)
            assert receipt.fields() == proof.check(vkey) == standalone(proof, vkey)
            assert proof == Proof.from_json(proof.to_json())


def given_once():
    """Return a shop, a receipt of a yes, and its proof."""
    shop = Shop()
    shop.enroll("c-1", email="ana@x.example")
    shop.enroll("c-2", email="ben@x.example")
    receipt = shop.yes("c-1", "tips")
    shop.order("c-1")
    shop.steward.seal()
    return shop, receipt, shop.steward.prove(receipt)


SHOP, RECEIPT, PROOF = given_once()
TEXT = PROOF.to_json()
VKEY = SHOP.steward.ledger.vkey()


@settings(max_examples=300)
@given(st.integers(0, len(TEXT.encode()) * 8 - 1))
def test_a_proof_with_any_bit_flipped_proves_nothing(bit):
    """Both checks refuse an altered proof, or it says exactly the same as before."""
    altered = bytearray(TEXT.encode())
    altered[bit // 8] ^= 1 << bit % 8

    try:
        proof = Proof.from_json(bytes(altered))
        said = proof.check(VKEY)
    except (ProofError, NoteError):
        said = None
    assert said in (None, PROOF.check(VKEY))
    try:
        other = verifier.verify(bytes(altered).decode(), VKEY)
    except (verifier.Refused, UnicodeDecodeError):
        other = None
    assert said == other


def flipped(data, at=0):
    """Return *data* with a bit of its byte *at* flipped."""
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


@pytest.mark.parametrize(
    "part", ["stream", "header", "commitment", "sealed_hash", "salt", "record", "chain_before", "leaf_salt"]
)
def test_each_part_of_a_proof_is_bound(part):
    """A bit of any part breaks the chain from the record to the signature."""
    import attrs

    with pytest.raises((ProofError, LedgerError)):
        attrs.evolve(PROOF, **{part: flipped(getattr(PROOF, part), -1)}).check(VKEY)


def test_another_place_in_the_log_is_refused():
    """The index of the leaf and the path belong together."""
    import attrs

    for changes in ({"leaf_index": PROOF.leaf_index ^ 1}, {"path": PROOF.path[:-1]}, {"following": ()}):
        with pytest.raises(ProofError):
            attrs.evolve(PROOF, **changes).check(VKEY)


def run_verifier(folder, text, vkey):
    """Run the verifier as an auditor does: the one file, copied elsewhere, in a process of its own."""
    copy = folder / "verifier.py"
    copy.write_bytes(Path(verifier.__file__).read_bytes())
    (folder / "proof.json").write_text(text, encoding="utf-8")
    command = [sys.executable, "-I", "-W", "error", str(copy), str(folder / "proof.json"), vkey]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)


def test_an_auditor_checks_a_proof_with_one_file(tmp_path):
    """The standalone verifier prints the record of a true proof, and refuses an altered one."""
    done = run_verifier(tmp_path, TEXT, VKEY)
    assert (0, "") == (done.returncode, done.stderr)
    assert done.stdout.startswith("PROVEN\n")
    assert PROOF.check(VKEY) == json.loads(done.stdout.partition("\n")[2])

    members = json.loads(TEXT)
    members["record"] = members["record"].replace("tips", "news")
    refused = run_verifier(tmp_path, json.dumps(members), VKEY)
    assert (1, True) == (refused.returncode, refused.stdout.startswith("NOT PROVEN: "))


def test_a_proof_of_another_log_is_refused():
    """The key of another shop's log proves nothing here."""
    other = Shop(seed="another")
    other.steward.seal()

    with pytest.raises(NoteError):
        PROOF.check(other.steward.ledger.vkey())
    with pytest.raises(verifier.Refused):
        standalone(PROOF, other.steward.ledger.vkey())


@pytest.mark.parametrize("origin", ["", "other/log", "clm_ethics/log/0000000000000000/0"])
def test_the_key_of_a_log_of_others_is_not_given(origin):
    """A name that is none of this ledger's logs is a wrong call; the receipt key is another key."""
    with pytest.raises(UsageError):
        SHOP.steward.ledger.vkey(origin=origin)
    assert SHOP.steward.ledger.receipt_vkey() == RECEIPT.vkey != VKEY


def test_what_is_not_sealed_yet_cannot_be_proven_yet():
    """The error names the remedy, and after a seal it is no error."""
    shop = Shop()
    shop.enroll("c-1")
    shop.steward.seal()
    receipt = shop.yes("c-1", "tips")

    with pytest.raises(LedgerError, match=r"not sealed yet; seal\(\) first"):
        shop.steward.prove(receipt)
    shop.steward.seal()
    assert shop.steward.prove(receipt).check(shop.steward.ledger.vkey())


def test_a_receipt_of_another_ledger_is_not_to_be_sealed():
    """Its entry is not here, and sealing again would not help: the error says so."""
    other = Shop(seed="another")
    other.enroll("c-1")
    receipt = other.yes("c-1", "tips")

    with pytest.raises(LedgerError, match="not in this ledger"):
        SHOP.steward.prove(receipt)


def test_an_altered_log_or_stream_is_not_proven_from():
    """prove() hands out no proof that does not check: it names the ledger instead."""
    for where in ("log", "stream"):
        shop, receipt, _ = given_once()
        tamper = Tamper(shop.data)
        if where == "log":
            tamper.forge_leaf(receipt.stream)
        else:
            tamper.flip(receipt.stream, "digest", index=1)

        with pytest.raises(LedgerError, match="verify"):
            shop.open().prove(receipt)


def test_a_proof_survives_that_its_entry_was_forgotten():
    """After an erasure the body is gone, and the receipt still becomes a proof of what it says."""
    shop, receipt, _ = given_once()
    shop.steward.customer("c-1").erase()
    shop.steward.seal()
    body = Tamper(shop.data).read(receipt.stream).entries[receipt.index - 1].body

    assert body is None
    assert "granted" == shop.steward.prove(receipt).check(shop.steward.ledger.vkey())["kind"]


def test_the_certificate_of_an_erasure_is_proven():
    """The certificate is a receipt like any other, over an entry in clear."""
    shop, _, _ = given_once()
    certificate = shop.steward.customer("c-1").erase()
    shop.steward.seal()

    proof = shop.steward.prove(certificate)

    assert "erasure_done" == proof.check(shop.steward.ledger.vkey())["kind"]
    assert b"c-1" not in proof.record


def test_proofs_over_several_logs():
    """After a restored backup the old log's key proves what it holds, the new one's what came later."""
    shop = Shop(kept=MemoryStorage())
    shop.enroll("c-1")
    shop.enroll("c-2")
    first = shop.yes("c-1", "tips")
    shop.steward.seal()
    old_vkey = shop.steward.ledger.vkey()
    copy = Tamper(shop.data).copy()
    lost = shop.yes("c-1", "news")
    shop.steward.seal()
    Tamper(shop.data).restore(copy)
    with shop.open() as later:
        later.after_restore()
        second = later.customer("c-2").refuse("news")
        later.seal()
        new_vkey = later.ledger.vkey()

        assert old_vkey != new_vkey
        assert "granted" == later.prove(first).check(old_vkey)["kind"]
        assert "refused" == later.prove(second).check(new_vkey)["kind"]
        assert old_vkey == later.ledger.vkey(origin=old_vkey.partition("+")[0])
        with pytest.raises(LedgerError, match="not in this ledger"):
            later.prove(lost)
