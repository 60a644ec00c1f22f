"""Signed notes, verifier keys, checkpoints and tlog-proofs: the C2SP rules, strictly."""

from __future__ import annotations

from base64 import b64decode, b64encode
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clm_ethics.errors import NoteError, ProofError
from clm_ethics.ledger import note
from clm_ethics.ledger.tlog import TlogProof

DASH = "\u2014"
SIGNER = note.Signer("shop.example/log", b"a" * 32)
OTHER = note.Signer("witness.example", b"b" * 32)
TEXT = "shop.example/log\n7\nAAAA\n"

texts = st.text(st.characters(exclude_categories=["Cs", "Cc"], include_characters="\n"), max_size=40)


@given(texts)
def test_a_signed_text_opens_as_signed(text: str) -> None:
    """Whatever may be signed comes back unchanged, empty lines included."""
    signed = note.sign_note(text + "\n", [SIGNER, OTHER])
    opened = note.open_note(signed, [note.parse_vkey(SIGNER.vkey)])
    assert text + "\n" == opened.text
    assert ["shop.example/log"] == [each.name for each in opened.verified]
    assert ["witness.example"] == [each.name for each in opened.unverified]


@given(st.data())
def test_no_bit_of_a_note_may_be_flipped(data: st.DataObject) -> None:
    """A note with one flipped bit does not open."""
    raw = bytearray(note.sign_note(TEXT, [SIGNER]).encode())
    at = data.draw(st.integers(0, len(raw) * 8 - 1))
    raw[at // 8] ^= 1 << at % 8
    with pytest.raises(NoteError):
        note.open_note(bytes(raw), [note.parse_vkey(SIGNER.vkey)])


def test_public_signature(vectors: Any) -> None:
    """Signing the published text with the published key gives the published note."""
    case = vectors["note"]
    seed = b64decode(case["signer_seed_key"])[1:]
    signer = note.Signer(case["signer_name"], seed)
    assert case["note"] == note.sign_note(case["text"], [signer])
    assert case["vkeys"][0] == signer.vkey


def test_public_note_with_two_signatures(vectors: Any) -> None:
    """Known keys are verified, unknown ones carried along, and no known key means no note."""
    case = vectors["note"]
    peter, enoch, _ = [note.parse_vkey(each) for each in case["vkeys"]]
    whole = case["note"] + case["second_signature"]
    one, both = note.open_note(whole, [peter]), note.open_note(whole, [peter, enoch])
    assert (["PeterNeumann"], ["EnochRoot"]) == (names(one.verified), names(one.unverified))
    assert (["PeterNeumann", "EnochRoot"], []) == (names(both.verified), names(both.unverified))
    with pytest.raises(NoteError, match="no known key"):
        note.open_note(whole, [])


def names(signatures: tuple[note.Signature, ...]) -> list[str]:
    """Return the names of the keys."""
    return [each.name for each in signatures]


def test_public_verifier_keys(vectors: Any) -> None:
    """Published keys are read and written back; published wrong ones are refused."""
    case = vectors["note"]
    assert case["vkeys"] == [note.parse_vkey(each).vkey() for each in case["vkeys"]]
    for each in case["bad_vkeys"]:
        with pytest.raises(NoteError):
            note.parse_vkey(each)


def test_every_part_and_every_mangling_of_a_verifier_key_is_refused(vectors: Any) -> None:
    """No proper substring of a key, and no key with one byte raised by one, is a key."""
    key = vectors["note"]["vkeys"][0]
    parts = {key[i:j] for i in range(len(key)) for j in range(i + 1, len(key) + 1)} - {key}
    raised = {key[:i] + chr(ord(key[i]) + 1) + key[i + 1 :] for i in range(len(key))}
    for each in parts | raised:
        with pytest.raises(NoteError):
            note.parse_vkey(each)


LINE = SIGNER.sign(TEXT)
MALFORMED = {
    "no signature block": TEXT,
    "nothing after the empty line": TEXT + "\n",
    "no last newline": TEXT + "\n" + LINE[:-1],
    "control character": "\x01" + TEXT + "\n" + LINE,
    "carriage return": TEXT.replace("\n", "\r\n") + "\n" + LINE,
    "space in a name": f"{TEXT}\n{DASH} Bad Name {LINE.split(' ')[2]}",
    "no-break space in a name": f"{TEXT}\n{DASH} Bad\u00a0Name {LINE.split(' ')[2]}",
    "plus in a name": f"{TEXT}\n{DASH} a+b {LINE.split(' ')[2]}",
    "no name": f"{TEXT}\n{DASH}  {LINE.split(' ')[2]}",
    "line that is none": TEXT + "\n" + LINE + "Unexpected.\n",
    "hyphen for the dash": TEXT + "\n" + LINE.replace(DASH, "-"),
    "only a key id": f"{TEXT}\n{DASH} a {b64encode(b'abcd').decode()}\n",
    "base64 with a space": TEXT + "\n" + LINE.replace("\n", " \n"),
    "too many signatures": TEXT + "\n" + LINE * 101,
    "too long": "a" * (1 << 20) + TEXT + "\n" + LINE,
}


@pytest.mark.parametrize("why", MALFORMED)
def test_a_malformed_note_is_refused(why: str) -> None:
    """A note that breaks the format is refused, although its signature fits."""
    with pytest.raises(NoteError):
        note.open_note(MALFORMED[why], [note.parse_vkey(SIGNER.vkey)])


def test_bytes_that_are_not_utf8_are_refused() -> None:
    """A note is UTF-8."""
    with pytest.raises(NoteError, match="UTF-8"):
        note.open_note(b"\xff" + (TEXT + "\n" + LINE).encode(), [note.parse_vkey(SIGNER.vkey)])


def test_a_bad_signature_of_a_known_key_spoils_the_note() -> None:
    """Beside a good signature, a known key's bad one still refuses the note."""
    bad = OTHER.sign("another text\n")
    keys = [note.parse_vkey(SIGNER.vkey), note.parse_vkey(OTHER.vkey)]
    with pytest.raises(NoteError, match="does not fit"):
        note.open_note(TEXT + "\n" + LINE + bad, keys)
    assert TEXT == note.open_note(TEXT + "\n" + LINE + bad, keys[:1]).text


def test_a_second_bad_signature_of_the_same_key_spoils_the_note() -> None:
    """A known key's bad signature is not hidden behind its good one."""
    with pytest.raises(NoteError, match="does not fit"):
        note.open_note(TEXT + "\n" + LINE + SIGNER.sign("x\n"), [note.parse_vkey(SIGNER.vkey)])


def test_repeated_signatures_count_once() -> None:
    """The same line twice is one signature."""
    opened = note.open_note(TEXT + "\n" + LINE + LINE, [note.parse_vkey(SIGNER.vkey)])
    assert 1 == len(opened.verified)


def test_keys_that_cannot_be_told_apart_are_refused_when_they_matter() -> None:
    """Two known keys of one name and id are ambiguous, but only for a note that they sign."""
    mine, other = note.parse_vkey(SIGNER.vkey), note.parse_vkey(OTHER.vkey)
    with pytest.raises(NoteError, match="share"):
        note.open_note(TEXT + "\n" + LINE, [mine, mine])
    assert TEXT == note.open_note(TEXT + "\n" + LINE, [mine, other, other]).text


def test_sixteen_signatures_are_read() -> None:
    """C2SP: a reader takes at least 16 signatures."""
    signers = [note.Signer(f"witness-{each}.example", bytes([each]) * 32) for each in range(16)]
    opened = note.open_note(note.sign_note(TEXT, signers), [note.parse_vkey(signers[15].vkey)])
    assert 15 == len(opened.unverified)


@pytest.mark.parametrize("text", ["", "no newline", "bell\x07\n", "tab\t\n", "lone \ud800\n"])
def test_what_cannot_be_a_note_is_not_signed(text: str) -> None:
    """A text without last newline, or with control characters, is not signed."""
    with pytest.raises(NoteError):
        note.sign_note(text, [SIGNER])


def test_a_note_needs_a_signer() -> None:
    """A note without signature is none."""
    with pytest.raises(NoteError):
        note.sign_note(TEXT, [])


@pytest.mark.parametrize(("name", "seed"), [("", b"a" * 32), ("a b", b"a" * 32), ("a", b"a" * 31)])
def test_a_signer_needs_a_good_name_and_seed(name: str, seed: bytes) -> None:
    """A name without spaces and a seed of 32 bytes."""
    with pytest.raises(NoteError):
        note.Signer(name, seed)


def test_a_signer_shows_no_secret() -> None:
    """Its repr is name and id."""
    assert f"<Signer shop.example/log+{SIGNER.key_id.hex()}>" == repr(SIGNER)


def test_public_checkpoints(vectors: Any) -> None:
    """Published checkpoints are read or refused as published."""
    for case in vectors["checkpoints"]:
        if case["good"]:
            expected = (case["origin"], case["size"], case["root"].encode(), tuple(case["extensions"]))
            assert expected == note.parse_checkpoint(case["text"])
        else:
            with pytest.raises(NoteError):
                note.parse_checkpoint(case["text"])


def test_public_cosigned_checkpoint_and_go_sum_tree(vectors: Any) -> None:
    """A witnessed checkpoint is read with its signatures on; Go's tree head is a checkpoint."""
    parsed = note.parse_checkpoint(vectors["cosigned"])
    assert ("example.com/behind-the-sofa", 20852163, 32) == (parsed.origin, parsed.size, len(parsed.root))
    assert vectors["gosum"]["size"] == note.parse_checkpoint(vectors["gosum"]["text"]).size
    for bad in vectors["gosum"]["bad"]:
        with pytest.raises(NoteError):
            note.parse_checkpoint(bad)


ROOT = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Log\n7\n",
        f"Log\n7\n{ROOT}",
        f"Log\n007\n{ROOT}\n",
        f"Log\n+7\n{ROOT}\n",
        f"Log\n 7\n{ROOT}\n",
        f"Log\n\u0667\n{ROOT}\n",
        f"Log\n1_0\n{ROOT}\n",
        f"Log\n18446744073709551616\n{ROOT}\n",
        f"Log\n7\n{ROOT}\n\n",
        f"Log\n7\n{ROOT}\n\n\n\n",
        f"Log\n7\n{ROOT}\nextension\n\nmore\n",
        f"Log\n7\n{ROOT}\r\n",
        "Log\n7\n\n",
        "Log\n7\nThisIsn'tBase64\n",
        f"Log\n7\n{ROOT[:-1]}\n",
        f"Log\n7\n{ROOT[:-2]}B=\n",
    ],
)
def test_a_malformed_checkpoint_is_refused(text: str) -> None:
    """Lines, size and root have one form each."""
    with pytest.raises(NoteError):
        note.parse_checkpoint(text)


@given(st.integers(0, (1 << 64) - 1), st.binary(min_size=32, max_size=32))
def test_a_checkpoint_is_read_as_written(size: int, root: bytes) -> None:
    """What is written is read back."""
    text = note.checkpoint_text("shop.example/log", size, root)
    assert ("shop.example/log", size, root, ()) == note.parse_checkpoint(text)


@pytest.mark.parametrize(
    ("origin", "size", "root"),
    [
        ("", 1, bytes(32)),
        ("a\nb", 1, bytes(32)),
        ("a", -1, bytes(32)),
        ("a", 1 << 64, bytes(32)),
        ("a", 1, b""),
    ],
)
def test_an_impossible_checkpoint_is_not_written(origin: str, size: int, root: bytes) -> None:
    """Origin, size and root are checked before writing."""
    with pytest.raises(NoteError):
        note.checkpoint_text(origin, size, root)


def test_public_tlog_proofs(vectors: Any) -> None:
    """Published tlog-proofs are read and written back to the byte; malformed ones are refused."""
    for case in vectors["tlog_proofs"]:
        extra = None if case["extra"] is None else b64decode(case["extra"])
        hashes = tuple(b64decode(each) for each in case["hashes"])
        proof = TlogProof(case["index"], hashes, case["checkpoint"], extra)
        assert proof == TlogProof.from_text(case["text"])
        assert case["text"] == proof.to_text()
    for bad in vectors["bad_tlog_proofs"]:
        with pytest.raises(ProofError):
            TlogProof.from_text(bad)


@pytest.mark.parametrize(
    "text",
    [
        "c2sp.org/tlog-proof@v1\nindex 01\n\ncheckpoint\n",
        "c2sp.org/tlog-proof@v1\nindex 18446744073709551616\n\ncheckpoint\n",
        "c2sp.org/tlog-proof@v1\nindex 1\n\n",
        "c2sp.org/tlog-proof@v1\nindex 1\n",
        "c2sp.org/tlog-proof@v1\nindex 1\nextra AAAA\n\ncheckpoint\n",
        "c2sp.org/tlog-proof@v1\nindex 1\n" + f"{ROOT}\n" * 65 + "\ncheckpoint\n",
    ],
)
def test_a_malformed_tlog_proof_is_refused(text: str) -> None:
    """Index, order and number of lines are those of the text."""
    with pytest.raises(ProofError):
        TlogProof.from_text(text)
