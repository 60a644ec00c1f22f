"""Check a proof of clm_ethics with this one file: ``python verifier.py proof.json VKEY``.

For auditors and customers. Copy it anywhere: it needs Python 3.11 and the package
``cryptography``, and imports nothing else of clm_ethics. VKEY is the verifier key of the log,
from a place that you trust (not from who gave you the proof).

Exit code 0: the entry stands in the log, and its record is printed. 1: it is not shown, and
the reason is printed. 2: a wrong call.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import sys
from hashlib import sha256
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

BYTES = {
    "stream": None,
    "header": 34,
    "commitment": 32,
    "sealed_hash": 32,
    "salt": 32,
    "chain_before": 32,
    "leaf_salt": 32,
}
MAX_STREAM = MAX_PATH = 64
MAX_SIGNATURES = 100
KEY_ID = 4
MEMBERS = {*BYTES, "type", "record", "following", "leaf_index", "path", "checkpoint"}
DASH = "\u2014 "


class Refused(Exception):
    """The proof does not prove; says why."""


def verify(text: str, vkey: str) -> dict[str, Any]:
    """Return the record that the proof *text* shows to stand in the log of *vkey*, or raise ``Refused``."""
    proof = read(text)
    record = proof["record"]
    index, clear = read_header(proof["header"])
    if _hash(b"clm_ethics/record/1\n", proof["salt"], record) != proof["commitment"]:
        raise Refused("the entry does not commit to this record")
    if clear and _hash(proof["salt"], record) != proof["sealed_hash"]:
        raise Refused("the entry in clear says something else")
    fields = read_object(record.decode())
    chain = walk_chain(proof, index)
    length = (index + len(proof["following"])).to_bytes(8, "big")
    leaf = _hash(b"clm_ethics/leaf/1\n", proof["leaf_salt"], proof["stream"], length, chain)
    size, root = read_checkpoint(proof["checkpoint"], vkey)
    if climb(_hash(b"\x00", leaf), proof["leaf_index"], size, proof["path"]) != root:
        raise Refused("the leaf does not lead to the root of the checkpoint")
    return fields


def read_object(text: str) -> dict[str, Any]:
    """Read a JSON object with distinct members."""

    def distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len({name for name, _ in pairs}) != len(pairs):
            raise Refused("a member is repeated")
        return dict(pairs)

    def refuse(name: str) -> None:
        raise Refused(f"{name} is not JSON")

    try:
        found = json.loads(text, object_pairs_hook=distinct, parse_constant=refuse)
    except (ValueError, RecursionError):
        raise Refused("not JSON") from None
    if not isinstance(found, dict):
        raise Refused("not a JSON object")
    return found


def read(text: str) -> dict[str, Any]:
    """Read the proof's JSON into bytes and numbers of the right kind."""
    proof = read_object(text)
    if set(proof) != MEMBERS or proof["type"] != "clm_ethics/proof/1":
        raise Refused("not a proof of type clm_ethics/proof/1")
    for name, length in BYTES.items():
        proof[name] = read_bytes(proof[name], length)
    for name in ("following", "path"):
        if not isinstance(proof[name], list):
            raise Refused(f"{name} is not a list")
        proof[name] = [read_bytes(each, 32) for each in proof[name]]
    index, record, checkpoint = proof["leaf_index"], proof["record"], proof["checkpoint"]
    if type(index) is not int or not isinstance(record, str) or not isinstance(checkpoint, str):
        raise Refused("a member has the wrong type")
    if (
        not 1 <= len(proof["stream"]) <= MAX_STREAM
        or len(proof["path"]) > MAX_PATH
        or not 0 <= index < 1 << 63
    ):
        raise Refused("a member is out of bounds")
    try:
        proof["record"] = record.encode()
    except UnicodeEncodeError:
        raise Refused("the record is not Unicode text") from None
    return proof


def read_bytes(text: Any, length: int | None) -> bytes:
    """Read canonical base64 of *length* bytes."""
    try:
        data = base64.b64decode(text, validate=True) if isinstance(text, str) else None
    except (binascii.Error, ValueError):
        data = None
    if data is None or base64.b64encode(data).decode() != text or length not in (None, len(data)):
        raise Refused("a member is not base64 of the right length")
    return data


def read_header(header: bytes) -> tuple[int, bool]:
    """Return the index of the entry and whether it stands in clear."""
    index, at = int.from_bytes(header[2:10], "big"), int.from_bytes(header[10:18], "big")
    clear = header[1] == 0
    if header[0] != 1 or header[1] > 1 or not 1 <= index < 1 << 63 or at >= 1 << 63:
        raise Refused("the entry has an unknown format")
    if clear and header[18:] != bytes(16):
        raise Refused("an entry in clear names a key")
    return index, clear


def walk_chain(proof: dict[str, Any], index: int) -> bytes:
    """Return the stream's chain at the sealed length."""
    chain: bytes = proof["chain_before"]
    if index == 1 and chain != _hash(b"clm_ethics/stream/1\n", proof["stream"]):
        raise Refused("the first entry does not stand at the start of its stream")
    parts = (proof["header"], proof["commitment"], proof["sealed_hash"])
    for digest in (_hash(b"clm_ethics/entry/1\n", *parts), *proof["following"]):
        chain = _hash(b"clm_ethics/chain/1\n", chain, digest)
    return chain


def climb(found: bytes, node: int, size: int, path: list[bytes]) -> bytes:
    """Return the root that the leaf hash *found* at *node* leads to (RFC 9162, 2.1.3.2)."""
    last = size - 1
    if node > last:
        raise Refused("the log is too short for the leaf")
    for sibling in path:
        if last == 0:
            raise Refused("the path is too long")
        if node & 1 or node == last:
            found = _hash(b"\x01", sibling, found)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            found = _hash(b"\x01", found, sibling)
        node, last = node >> 1, last >> 1
    if last:
        raise Refused("the path is too short")
    return found


def read_checkpoint(note: str, vkey: str) -> tuple[int, bytes]:
    """Return size and root of the checkpoint (C2SP tlog-checkpoint), signed by the key *vkey*."""
    name, key_id, public = read_vkey(vkey)
    text, gap, tail = note.rpartition("\n\n")
    text += "\n"
    if not gap or not tail.endswith("\n") or len(note) > 1 << 20:
        raise Refused("the checkpoint is not a signed note")
    if re.search("[\x00-\x09\x0b-\x1f\ud800-\udfff]", note) or tail.count("\n") > MAX_SIGNATURES:
        raise Refused("the checkpoint has control characters or too many signatures")
    signed = [read_signature(line) for line in tail[:-1].split("\n")]
    mine = [signature for each, each_id, signature in signed if (each, each_id) == (name, key_id)]
    try:
        for signature in mine:
            public.verify(signature, text.encode())
    except InvalidSignature:
        raise Refused("the signature of the log does not fit the checkpoint") from None
    match text[:-1].split("\n"):
        case [origin, size, root, *more] if mine and origin == name and root and all(more):
            pass
        case _:
            raise Refused("the checkpoint is not one that this log has signed")
    if not re.fullmatch("0|[1-9][0-9]{0,19}", size):
        raise Refused("the size of the log is not a number")
    return int(size), read_bytes(root, 32)


def read_signature(line: str) -> tuple[str, bytes, bytes]:
    """Return key name, key id and signature of a signature line (C2SP signed-note)."""
    name, _, encoded = line.removeprefix(DASH).partition(" ")
    data = read_bytes(encoded, None)
    if not line.startswith(DASH) or not good_name(name) or len(data) <= KEY_ID:
        raise Refused("a signature line is malformed")
    return name, data[:KEY_ID], data[KEY_ID:]


def read_vkey(vkey: str) -> tuple[str, bytes, Ed25519PublicKey]:
    """Return name, id and public key of a verifier key."""
    name, _, rest = vkey.partition("+")
    key_id, _, encoded = rest.partition("+")
    key = read_bytes(encoded, 33)
    expected = _hash(name.encode("utf-8", "replace"), b"\n", key)[:KEY_ID]
    if key[0] != 1 or not good_name(name) or key_id != expected.hex():
        raise Refused("the verifier key is malformed")
    return name, expected, Ed25519PublicKey.from_public_bytes(key[1:])


def good_name(name: str) -> bool:
    """Say whether *name* may name a key."""
    return bool(name) and "+" not in name and not any(each.isspace() for each in name)


def _hash(*parts: bytes) -> bytes:
    return sha256(b"".join(parts)).digest()


def main(arguments: list[str]) -> int:
    """Run the check for the command line and return its exit code."""
    try:
        path, vkey = arguments
    except ValueError:
        sys.stderr.write("usage: python verifier.py proof.json VKEY\n")
        return 2
    try:
        with open(path, encoding="utf-8", newline="") as file:  # noqa: PTH123  (one file, and no more of the library than it needs)
            text = file.read()
    except (OSError, UnicodeDecodeError) as error:
        sys.stderr.write(f"{path} cannot be read: {error}\n")
        return 2
    try:
        record = verify(text, vkey)
    except Refused as error:
        sys.stdout.write(f"NOT PROVEN: {error}\n")
        return 1
    sys.stdout.write("PROVEN\n" + json.dumps(record, ensure_ascii=False, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
