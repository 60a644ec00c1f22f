"""Proofs: one entry, shown to stand under a signed checkpoint, offline and without a secret.

The way from the record to the signature, each step a hash or a comparison::

    record -> commitment -> entry digest -> chain of the stream -> leaf -> Merkle root -> checkpoint

What other customers did is not shown: their leaves appear as hashes of salted data.
"""

from __future__ import annotations

import hmac
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import attrs

from clm_ethics.errors import NoteError, ProofError
from clm_ethics.ledger import merkle, strict
from clm_ethics.ledger import record as codec
from clm_ethics.ledger.note import Checkpoint, open_note, parse_checkpoint, parse_vkey
from clm_ethics.ledger.receipt import check_entry
from clm_ethics.ledger.tlog import MAX_PATH, TlogProof

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clm_ethics.ledger.receipt import Receipt

TYPE = "clm_ethics/proof/1"
"""The ``type`` member of a proof in JSON."""
LEAF_LABEL = b"clm_ethics/leaf/1\n"
"""What a leaf's data begins with before hashing."""
MAX_STREAM = 64
"""Longest id of a stream, in bytes."""

_ENTRY = ("header", "commitment", "sealed_hash", "salt")
_MEMBERS = (
    *("type", "stream", *_ENTRY, "record", "chain_before", "following"),
    *("leaf_salt", "leaf_index", "path", "checkpoint"),
)


def leaf(salt: bytes, stream: bytes, length: int, chain: bytes) -> bytes:
    """Return the data of the leaf that seals *stream* at *length*, where its chain is *chain*."""
    return sha256(LEAF_LABEL + salt + stream + length.to_bytes(8, "big") + chain).digest()


def leaf_salt(secret: bytes, stream: bytes, length: int) -> bytes:
    """Return the salt of that leaf: without *secret* (the log's) nobody can guess who stands in a log."""
    return hmac.digest(secret, stream + length.to_bytes(8, "big"), "sha256")


@attrs.frozen(kw_only=True, repr=False)
class Proof:
    """An entry, the way to a seal of its stream, and the way from there to a checkpoint.

    Attributes:
        stream: the stream of the entry.
        header: of the entry, 34 bytes.
        commitment: over salt and record.
        sealed_hash: SHA-256 of the sealed part.
        salt: of the entry.
        record: what the entry says, canonical JSON in UTF-8.
        chain_before: the stream's chain before the entry.
        following: digests of the entries after it, up to the sealed length.
        leaf_salt: of the leaf.
        leaf_index: of the leaf in the log, from 0.
        path: Merkle hashes from the leaf's sibling up to a child of the root.
        checkpoint: the signed checkpoint.
    """

    stream: bytes
    header: bytes
    commitment: bytes
    sealed_hash: bytes
    salt: bytes
    record: bytes
    chain_before: bytes
    following: tuple[bytes, ...]
    leaf_salt: bytes
    leaf_index: int
    path: tuple[bytes, ...]
    checkpoint: str

    def __repr__(self) -> str:
        return f"<Proof index={codec.parse_header(self.header).index} leaf={self.leaf_index}>"

    def check(self, vkey: str) -> dict[str, Any]:
        """Check every step and return what the entry says.

        Args:
            vkey: the verifier key of the log, from a place that the reader trusts.

        Raises:
            ProofError: a step does not hold.
            NoteError: the checkpoint is malformed, or the log did not sign it.
        """
        self._check_lengths()
        check_entry(self.header, self.commitment, self.sealed_hash, self.salt, self.record)
        fields = strict.load_object(self.record, "the record of the proof")
        head = _open(self.checkpoint, vkey)
        merkle.check_inclusion(
            self.leaf_index, head.size, merkle.leaf_hash(self._leaf()), self.path, head.root
        )
        return fields

    def _leaf(self) -> bytes:
        index = codec.parse_header(self.header).index
        if index == 1 and self.chain_before != codec.chain_start(self.stream):
            raise ProofError("the first entry does not stand at the start of its stream")
        chain = codec.chain_next(
            self.chain_before, codec.digest_of(self.header, self.commitment, self.sealed_hash)
        )
        for digest in self.following:
            chain = codec.chain_next(chain, digest)
        return leaf(self.leaf_salt, self.stream, index + len(self.following), chain)

    def _check_lengths(self) -> None:
        """Refuse parts of another length: joined before hashing, they could stand for others."""
        hashes = (self.commitment, self.sealed_hash, self.chain_before, self.leaf_salt, *self.following)
        if any(len(each) != codec.HASH for each in hashes):
            raise ProofError("a hash of a proof has 32 bytes")
        if not 1 <= len(self.stream) <= MAX_STREAM or len(self.path) > MAX_PATH:
            raise ProofError(f"a stream's id has 1 to {MAX_STREAM} bytes, a path at most {MAX_PATH} hashes")

    def to_tlog_proof(self) -> str:
        """Write the last part, leaf to checkpoint, as a C2SP ``tlog-proof`` for tools of others.

        The leaf's data goes as ``extra``; its RFC 6962 leaf hash is what stands in the log.
        """
        return TlogProof(self.leaf_index, self.path, self.checkpoint, self._leaf()).to_text()

    def to_json(self) -> str:
        """Write the proof on one line of JSON; bytes are base64."""
        members: dict[str, Any] = {"type": TYPE, "stream": strict.base64(self.stream)}
        members |= {name: strict.base64(getattr(self, name)) for name in _ENTRY}
        members |= {
            "record": self.record.decode(),
            "chain_before": strict.base64(self.chain_before),
            "following": [strict.base64(each) for each in self.following],
            "leaf_salt": strict.base64(self.leaf_salt),
            "leaf_index": self.leaf_index,
            "path": [strict.base64(each) for each in self.path],
            "checkpoint": self.checkpoint,
        }
        return strict.dump(members)

    @classmethod
    def from_json(cls, text: str | bytes) -> Proof:
        """Read what :meth:`to_json` wrote; nothing is checked but the form.

        Raises:
            ProofError: a repeated, unknown, missing or ill-typed member.
        """
        members = strict.Members(text, "the proof", _MEMBERS)
        if members.text("type") != TYPE:
            raise ProofError(f"not a proof of type {TYPE}")
        return cls(
            stream=members.data("stream"),
            header=members.data("header", codec.HEADER),
            commitment=members.data("commitment", codec.HASH),
            sealed_hash=members.data("sealed_hash", codec.HASH),
            salt=members.data("salt", codec.SALT),
            record=members.utf8("record"),
            chain_before=members.data("chain_before", codec.HASH),
            following=members.hashes("following"),
            leaf_salt=members.data("leaf_salt", codec.HASH),
            leaf_index=members.number("leaf_index"),
            path=members.hashes("path"),
            checkpoint=members.text("checkpoint"),
        )


def make_proof(
    receipt: Receipt,
    *,
    chain_before: bytes,
    following: Sequence[bytes],
    leaf_salt: bytes,
    leaf_index: int,
    path: Sequence[bytes],
    checkpoint: str,
) -> Proof:
    """Upgrade *receipt* to a proof, with what the ledger adds. Nothing is checked here."""
    return Proof(
        stream=receipt.stream,
        header=receipt.header,
        commitment=receipt.commitment,
        sealed_hash=receipt.sealed_hash,
        salt=receipt.salt,
        record=receipt.record,
        chain_before=chain_before,
        following=tuple(following),
        leaf_salt=leaf_salt,
        leaf_index=leaf_index,
        path=tuple(path),
        checkpoint=checkpoint,
    )


def _open(note: str, vkey: str) -> Checkpoint:
    """Return the checkpoint in *note*, signed by the log that *vkey* names."""
    verifier = parse_vkey(vkey)
    head = parse_checkpoint(open_note(note, [verifier]).text)
    if head.origin != verifier.name:
        raise NoteError("the checkpoint is of another log than the verifier key")
    return head


def check_consistent(
    old_note: str, new_note: str, proof: Sequence[bytes], vkey: str
) -> tuple[Checkpoint, Checkpoint]:
    """Check that one log signed both checkpoints and that the newer continues the older.

    Args:
        old_note: the signed checkpoint that was known.
        new_note: the signed checkpoint that is claimed to continue it.
        proof: the consistency proof between their sizes.
        vkey: the verifier key of the log.

    Returns:
        both checkpoints.

    Raises:
        ProofError: the newer does not continue the older: the log was rewritten or cut.
        NoteError: a checkpoint is malformed, or the log did not sign it.
    """
    old, new = _open(old_note, vkey), _open(new_note, vkey)
    merkle.check_consistency(old.size, new.size, old.root, new.root, proof)
    return old, new
