"""What the tests of the ledger share: public vectors, and a small ledger built by hand."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from clm_ethics.ledger import merkle, note, record
from clm_ethics.ledger.proof import Proof, leaf, leaf_salt, make_proof
from clm_ethics.ledger.receipt import Receipt, make_receipt

KEY_STREAM = b"k" * 16
ORIGIN = "shop.example/log"
SECRET = b"s" * 32


class Line(NamedTuple):
    """One entry as the tests remember it."""

    index: int
    digest: bytes
    body: bytes
    salt: bytes
    record: bytes


class Ledger:
    """Streams with entries, and a log that seals each stream once at its end."""

    def __init__(self) -> None:
        self.receipts = note.Signer("shop.example/receipts", b"r" * 32)
        self.log = note.Signer(ORIGIN, b"l" * 32)

    def lines(self, stream: bytes, records: list[bytes], *, clear: tuple[int, ...] = ()) -> list[Line]:
        """Return one entry per record, an hour apart; those named in *clear* stand in clear."""
        return [self._line(stream, number, each, number in clear) for number, each in enumerate(records, 1)]

    def _line(self, stream: bytes, index: int, said: bytes, clear: bool) -> Line:
        salt = sha256(stream + index.to_bytes(8, "big")).digest()
        at = index * 3_600_000_000
        if clear:
            body = record.clear_body(index, at, salt, said)
        else:
            head = record.header(index, at, KEY_STREAM)
            # Any bytes will do as ciphertext: no check of the ledger opens them.
            sealed = b"n" * 12 + sha256(salt + said).digest() * 2 + b"t" * 16
            body = record.body(head, record.commitment(salt, said), sealed)
        return Line(index, record.entry_digest(body), body, salt, said)

    def chain(self, stream: bytes, lines: list[Line]) -> bytes:
        """Return the chain after *lines*."""
        chain = record.chain_start(stream)
        for line in lines:
            chain = record.chain_next(chain, line.digest)
        return chain

    def receipt(self, stream: bytes, line: Line, kind: str = "granted") -> Receipt:
        """Return the receipt of one entry."""
        return make_receipt(kind, stream, line.body, salt=line.salt, record=line.record, signer=self.receipts)

    def checkpoint(self, hashes: list[bytes]) -> str:
        """Return a signed checkpoint over leaves with these hashes."""
        text = note.checkpoint_text(ORIGIN, len(hashes), merkle.root(hashes))
        return note.sign_note(text, [self.log])

    def proof(self, stream: bytes, lines: list[Line], index: int, *, leaf_index: int, size: int) -> Proof:
        """Return the proof of one entry; the other leaves of the log are invented."""
        salt = leaf_salt(SECRET, stream, len(lines))
        data = leaf(salt, stream, len(lines), self.chain(stream, lines))
        hashes = [merkle.leaf_hash(str(each).encode()) for each in range(size)]
        hashes[leaf_index] = merkle.leaf_hash(data)
        return make_proof(
            self.receipt(stream, lines[index - 1]),
            chain_before=self.chain(stream, lines[: index - 1]),
            following=[line.digest for line in lines[index:]],
            leaf_salt=salt,
            leaf_index=leaf_index,
            path=merkle.inclusion_proof(leaf_index, hashes),
            checkpoint=self.checkpoint(hashes),
        )


@pytest.fixture(scope="session")
def ledger() -> Ledger:
    """A ledger built by hand."""
    return Ledger()


@pytest.fixture(scope="session")
def vectors() -> Any:
    """Public test data of the standards; the file names its sources."""
    return json.loads(Path(__file__).with_name("tlog_vectors.json").read_text("utf-8"))
