"""Proofs: checked by the package and by the file that stands alone, which must agree."""

from __future__ import annotations

import ast
import hashlib
import hmac
import json
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clm_ethics.errors import LedgerError, NoteError, ProofError
from clm_ethics.ledger import merkle, note, proof, record, verifier
from clm_ethics.ledger.proof import Proof
from clm_ethics.ledger.tlog import TlogProof

STREAM = b"customer-stream!"
RECORDS = [f'{{"kind":"granted","n":{each},"text":"für \\" Sie"}}' for each in range(4)]
VERIFIER = Path(verifier.__file__)


@pytest.fixture(scope="session")
def good(ledger: Any) -> Proof:
    """A proof of the second of four entries, in a log of eleven leaves."""
    lines = ledger.lines(STREAM, [each.encode() for each in RECORDS])
    return ledger.proof(STREAM, lines, 2, leaf_index=6, size=11)


def verdicts(text: str | bytes, vkey: str) -> tuple[Any, Any]:
    """Return what the package and what the stand-alone file say: a record, or ``None``."""
    try:
        mine = Proof.from_json(text).check(vkey)
    except LedgerError:
        mine = None
    try:
        decoded = text if isinstance(text, str) else text.decode()
        other = verifier.verify(decoded, vkey)
    except (verifier.Refused, UnicodeDecodeError):
        other = None
    return mine, other


@given(st.data())
def test_every_entry_of_every_log_is_proven(ledger: Any, data: st.DataObject) -> None:
    """Whatever the place in stream and log, sealed or clear, both verifiers accept and agree."""
    count, size = data.draw(st.integers(1, 6)), data.draw(st.integers(1, 20))
    index, leaf_index = data.draw(st.integers(1, count)), data.draw(st.integers(0, size - 1))
    clear = tuple(data.draw(st.sets(st.integers(1, count))))
    said = [json.dumps({"kind": "x", "n": each}).encode() for each in range(count)]
    lines = ledger.lines(STREAM, said, clear=clear)
    made = ledger.proof(STREAM, lines, index, leaf_index=leaf_index, size=size)
    assert made == Proof.from_json(made.to_json())
    expected = {"kind": "x", "n": index - 1}
    assert (expected, expected) == verdicts(made.to_json(), ledger.log.vkey)


def test_no_single_bit_may_be_flipped(ledger: Any, good: Proof) -> None:
    """Every single-bit flip of a proof is refused by both verifiers."""
    raw = good.to_json().encode()
    assert None not in verdicts(raw, ledger.log.vkey)
    for bit in range(len(raw) * 8):
        flipped = bytearray(raw)
        flipped[bit // 8] ^= 1 << bit % 8
        assert (None, None) == verdicts(bytes(flipped), ledger.log.vkey), bit


@settings(max_examples=300)
@given(st.data())
def test_both_verifiers_agree_on_mangled_proofs(ledger: Any, good: Proof, data: st.DataObject) -> None:
    """After any edit of a member, both say the same."""
    members = json.loads(good.to_json())
    name = data.draw(st.sampled_from([*members, "more"]))
    other = data.draw(st.sampled_from(list(members)))
    odd = st.one_of(st.none(), st.booleans(), st.integers(-1, 12), st.text(max_size=3), st.floats())
    hashes = st.lists(st.just(members["salt"]), max_size=70)
    near = st.sampled_from([members[other], str(members.get(name)) + " ", {"a": 1}])
    members[name] = data.draw(odd | hashes | near)
    mine, theirs = verdicts(json.dumps(members), ledger.log.vkey)
    assert mine == theirs


PARTS = [each.name for each in attrs.fields(Proof)]


@pytest.mark.parametrize("name", PARTS)
def test_no_part_may_be_missing_or_changed(ledger: Any, good: Proof, name: str) -> None:
    """A changed part is refused, with a named error, whatever its type."""
    old = getattr(good, name)
    for new in _others(old):
        with pytest.raises((ProofError, NoteError)):
            attrs.evolve(good, **{name: new}).check(ledger.log.vkey)


def _others(old: Any) -> list[Any]:
    if isinstance(old, int):
        return [old + 1, old - 1, -1, 1 << 70]
    if isinstance(old, tuple):
        return [(), old[:-1], (*old, bytes(32)), (*old[:-1], b"short"), old * 40]
    if isinstance(old, str):
        return ["", old[:-2], old.replace("\n", "\r\n"), "x" + old]
    return [b"", old[:-1], old + b"\0", bytes(len(old))]


def test_a_proof_needs_the_right_log(ledger: Any, good: Proof) -> None:
    """A key of another log, or of another name with the same secret, is refused by both."""
    renamed = note.Signer("other.example/log", b"l" * 32)
    for vkey in (ledger.receipts.vkey, renamed.vkey, "nonsense", "", "a+b+c"):
        assert (None, None) == verdicts(good.to_json(), vkey)


def test_a_log_signs_under_its_own_origin(ledger: Any, good: Proof) -> None:
    """A checkpoint whose origin is not the key's name is refused, although its signature fits."""
    head = note.parse_checkpoint(good.checkpoint)
    text = note.checkpoint_text("other.example/log", head.size, head.root)
    forged = attrs.evolve(good, checkpoint=note.sign_note(text, [ledger.log]))
    with pytest.raises(NoteError, match="another log"):
        forged.check(ledger.log.vkey)
    assert (None, None) == verdicts(forged.to_json(), ledger.log.vkey)


def test_witness_signatures_and_extension_lines_are_carried_along(ledger: Any, good: Proof) -> None:
    """A checkpoint with further signatures and lines is still good; a bad second one is not."""
    text = note.open_note(good.checkpoint, [note.parse_vkey(ledger.log.vkey)]).text
    longer = text + "extension\n"
    witness = note.Signer("witness.example", b"w" * 32)
    carried = attrs.evolve(good, checkpoint=note.sign_note(longer, [witness, ledger.log]))
    assert None not in verdicts(carried.to_json(), ledger.log.vkey)
    bad = attrs.evolve(good, checkpoint=good.checkpoint + ledger.log.sign("other\n"))
    assert (None, None) == verdicts(bad.to_json(), ledger.log.vkey)


def test_a_first_entry_stands_at_the_start(ledger: Any) -> None:
    """Entry 1 of a stream cannot follow anything else, even under a true seal."""
    lines = ledger.lines(STREAM, [b"{}"])
    made = ledger.proof(STREAM, lines, 1, leaf_index=0, size=1)
    moved = attrs.evolve(made, chain_before=bytes(32))
    with pytest.raises(ProofError, match="start of its stream"):
        moved.check(ledger.log.vkey)
    assert (None, None) == verdicts(moved.to_json(), ledger.log.vkey)


def test_a_record_that_is_not_an_object_is_not_returned(ledger: Any) -> None:
    """Both refuse a record that is no JSON object, or that repeats a member."""
    for said in (b"[]", b'{"a":1,"a":2}', b"\xff", b'{"a":NaN}'):
        lines = ledger.lines(STREAM, [said])
        made = ledger.proof(STREAM, lines, 1, leaf_index=0, size=1)
        with pytest.raises(ProofError):
            made.check(ledger.log.vkey)
        if said != b"\xff":
            assert (None, None) == verdicts(made.to_json(), ledger.log.vkey)


def test_a_tlog_proof_checks_with_the_merkle_tree_alone(ledger: Any, good: Proof) -> None:
    """Tools of others can follow the last part: leaf data in `extra`, path, signed checkpoint."""
    read = TlogProof.from_text(good.to_tlog_proof())
    opened = note.open_note(read.checkpoint, [note.parse_vkey(ledger.log.vkey)])
    head = note.parse_checkpoint(opened.text)
    assert read.extra is not None
    merkle.check_inclusion(read.index, head.size, merkle.leaf_hash(read.extra), read.hashes, head.root)


def test_repr_shows_no_content(good: Proof) -> None:
    """Only places."""
    assert "<Proof index=2 leaf=6>" == repr(good)


@given(st.data())
def test_checkpoints_of_one_log_are_consistent(ledger: Any, data: st.DataObject) -> None:
    """A newer checkpoint continues an older one; a rewritten or foreign one does not."""
    size = data.draw(st.integers(2, 30))
    old = data.draw(st.integers(1, size - 1))
    hashes = [merkle.leaf_hash(bytes([each])) for each in range(size)]
    old_note, new_note = ledger.checkpoint(hashes[:old]), ledger.checkpoint(hashes)
    path = merkle.consistency_proof(old, hashes)
    heads = proof.check_consistent(old_note, new_note, path, ledger.log.vkey)
    assert (old, size) == (heads[0].size, heads[1].size)
    forged = [merkle.leaf_hash(b"forged"), *hashes[1:]]
    with pytest.raises(ProofError):
        proof.check_consistent(
            old_note, ledger.checkpoint(forged), merkle.consistency_proof(old, forged), ledger.log.vkey
        )
    with pytest.raises(NoteError):
        proof.check_consistent(old_note, new_note, path, ledger.receipts.vkey)


def test_an_empty_log_proves_nothing(ledger: Any) -> None:
    """Every log continues the empty one: such a check is refused instead of passed."""
    new = ledger.checkpoint([merkle.leaf_hash(b"")])
    with pytest.raises(ProofError):
        proof.check_consistent(ledger.checkpoint([]), new, (), ledger.log.vkey)


def test_leaf_and_its_salt_are_those_of_the_design() -> None:
    """Written out by hand: label, salt, stream, length, chain."""
    salt = hmac.new(b"secret", b"stream" + (5).to_bytes(8, "big"), "sha256").digest()
    assert salt == proof.leaf_salt(b"secret", b"stream", 5)
    data = b"clm_ethics/leaf/1\n" + salt + b"stream" + (5).to_bytes(8, "big") + b"c" * 32
    assert hashlib.sha256(data).digest() == proof.leaf(salt, b"stream", 5, b"c" * 32)


def test_the_verifier_runs_alone(ledger: Any, good: Proof, tmp_path: Path) -> None:
    """Copied elsewhere and run without the package it says yes, no, or how it is called."""
    copy, told = tmp_path / "verifier.py", tmp_path / "proof.json"
    copy.write_bytes(VERIFIER.read_bytes())
    told.write_text(good.to_json(), "utf-8")

    def run(*arguments: str) -> tuple[int, str]:
        command = [sys.executable, "-I", str(copy), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
        return done.returncode, done.stdout

    code, output = run(str(told), ledger.log.vkey)
    assert (0, "PROVEN") == (code, output.splitlines()[0])
    imported = {
        node.module if isinstance(node, ast.ImportFrom) else node.names[0].name
        for node in ast.walk(ast.parse(VERIFIER.read_text("utf-8")))
        if isinstance(node, ast.Import | ast.ImportFrom)
    }
    assert not {each for each in imported if str(each).startswith("clm_ethics")}
    told.write_text(good.to_json().replace('"leaf_index":6', '"leaf_index":7'), "utf-8")
    code, output = run(str(told), ledger.log.vkey)
    assert (1, True) == (code, output.startswith("NOT PROVEN"))


HEADER = bytes([1, 1]) + (1).to_bytes(8, "big") + bytes(24)
MANGLED: list[tuple[str, Any]] = [
    ("header", b"\x02" + HEADER[1:]),
    ("header", HEADER[:1] + b"\x02" + HEADER[2:]),
    ("header", HEADER[:2] + bytes(8) + HEADER[10:]),
    ("header", HEADER[:2] + b"\xff" * 8 + HEADER[10:]),
    ("header", HEADER[:10] + b"\xff" * 8 + HEADER[18:]),
    ("header", b"\x01\x00" + HEADER[2:18] + b"k" * 16),
    ("stream", b""),
    ("stream", bytes(65)),
    ("path", (bytes(32),) * 65),
    ("leaf_index", -1),
    ("leaf_index", 1 << 63),
    ("leaf_index", 11),
    ("checkpoint", ""),
    ("checkpoint", "a\n\nb"),
    ("checkpoint", "a\n\nb\n"),
    ("checkpoint", "a\x00\n\nb\n"),
    ("checkpoint", "a" * (1 << 20) + "\n\nb\n"),
    ("checkpoint", "a\n\n" + "b\n" * 101),
]


@pytest.mark.parametrize(("name", "value"), MANGLED)
def test_both_verifiers_refuse_what_cannot_be(ledger: Any, good: Proof, name: str, value: Any) -> None:
    """Unknown formats, impossible numbers, and checkpoints that are no notes."""
    text = attrs.evolve(good, **{name: value}).to_json()
    assert (None, None) == verdicts(text, ledger.log.vkey)


def test_both_verifiers_refuse_a_lone_surrogate(ledger: Any, good: Proof) -> None:
    """A record that is not Unicode text has no bytes to check."""
    members = json.loads(good.to_json()) | {"record": "\ud800"}
    assert (None, None) == verdicts(json.dumps(members), ledger.log.vkey)


def test_both_verifiers_refuse_a_short_path(ledger: Any, good: Proof) -> None:
    """The path must reach the root."""
    text = attrs.evolve(good, path=good.path[:-1]).to_json()
    assert (None, None) == verdicts(text, ledger.log.vkey)


def test_both_verifiers_refuse_a_malformed_signature_line(ledger: Any, good: Proof) -> None:
    """Beside a good signature, a line that is none spoils the note."""
    for line in ("- a AAAAAAAA\n", "\u2014 a AAAA\n", "\u2014 a+b AAAAAAAA\n"):
        text = attrs.evolve(good, checkpoint=good.checkpoint + line).to_json()
        assert (None, None) == verdicts(text, ledger.log.vkey)


def test_both_verifiers_refuse_a_malformed_key(good: Proof) -> None:
    """An id that is not that of the key, another type, a name with a space."""
    name, key_id, key = note.Signer("a", b"a" * 32).vkey.split("+", 2)
    for vkey in (f"{name}+00000000+{key}", f"{name} b+{key_id}+{key}", f"{name}+{key_id}+B{key[1:]}"):
        assert (None, None) == verdicts(good.to_json(), vkey)


@pytest.mark.parametrize("text", ["", "[]", "{}", "NaN", '{"a":NaN}', '{"a":1,"a":1}', "[" * 100_000])
def test_both_verifiers_refuse_what_is_no_proof(ledger: Any, text: str) -> None:
    """Not JSON, not an object, repeated members, too deep."""
    assert (None, None) == verdicts(text, ledger.log.vkey)


@pytest.mark.parametrize(
    "lines", [["x", "7", "AAAA"], ["7"], ["07", "AAAA"], ["7", "AAAA"], ["7", "AAAA", "", "x"]]
)
def test_both_verifiers_refuse_a_signed_text_that_is_no_checkpoint(
    ledger: Any, good: Proof, lines: list[str]
) -> None:
    """The log's signature does not make a checkpoint of it."""
    origin = [] if lines[0] == "x" else [ledger.log.name]
    text = "\n".join([*origin, *lines, ""])
    forged = attrs.evolve(good, checkpoint=note.sign_note(text, [ledger.log]))
    assert (None, None) == verdicts(forged.to_json(), ledger.log.vkey)


def test_both_verifiers_refuse_an_entry_in_clear_that_says_two_things(ledger: Any) -> None:
    """In clear, what is committed must be what stands there, even under a true seal."""
    head = record.header(1, 1, clear=True)
    salt, said = b"s" * 32, b"{}"
    sealed_hash = hashlib.sha256(salt + b'{"kind":"x"}').digest()
    digest = record.digest_of(head, record.commitment(salt, said), sealed_hash)
    chain = record.chain_next(record.chain_start(STREAM), digest)
    hashes = [merkle.leaf_hash(proof.leaf(salt, STREAM, 1, chain))]
    made = Proof(
        stream=STREAM,
        header=head,
        commitment=record.commitment(salt, said),
        sealed_hash=sealed_hash,
        salt=salt,
        record=said,
        chain_before=record.chain_start(STREAM),
        following=(),
        leaf_salt=salt,
        leaf_index=0,
        path=(),
        checkpoint=ledger.checkpoint(hashes),
    )
    assert (None, None) == verdicts(made.to_json(), ledger.log.vkey)


def test_the_verifier_names_a_wrong_call(good: Proof, tmp_path: Path, capsys: Any) -> None:
    """Wrong arguments and unreadable files give code 2, a proof that fails gives 1."""
    told = tmp_path / "proof.json"
    told.write_bytes(b"\xff")
    assert 2 == verifier.main([])
    assert 2 == verifier.main([str(tmp_path / "absent.json"), "key"])
    assert 2 == verifier.main([str(told), "key"])
    told.write_text(good.to_json(), "utf-8")
    assert 1 == verifier.main([str(told), "key"])
    assert "NOT PROVEN" in capsys.readouterr().out


def test_the_verifier_as_a_program(
    ledger: Any, good: Proof, tmp_path: Path, monkeypatch: Any, capsys: Any
) -> None:
    """Run as a program, it leaves with the code of its answer."""
    told = tmp_path / "proof.json"
    told.write_text(good.to_json(), "utf-8")
    monkeypatch.setattr(sys, "argv", ["verifier.py", str(told), ledger.log.vkey])
    with pytest.raises(SystemExit) as left:
        runpy.run_path(str(VERIFIER), run_name="__main__")
    assert 0 == left.value.code
    assert '"n": 1' in capsys.readouterr().out
