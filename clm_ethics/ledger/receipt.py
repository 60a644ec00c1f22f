"""Receipts: what is handed out at once, before any seal.

A receipt shows one entry of one stream and is signed with the tenant's receipt key. It
reveals salt and record of that entry, never a key, so that it can still be checked after the
customer has been erased. Until a checkpoint covers its entry it is a promise of the
controller; :class:`~clm_ethics.ledger.proof.Proof` is what it becomes then. One that was made
inside a transaction of the host's (``Steward.joined``) is true once the host has committed.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Self

import attrs

from clm_ethics.errors import LedgerError, NoteError, ProofError
from clm_ethics.ledger import record as codec
from clm_ethics.ledger import strict
from clm_ethics.ledger.note import Signer, open_note, parse_vkey

if TYPE_CHECKING:
    from collections.abc import Mapping

TYPE = "clm_ethics/receipt/1"
"""The ``type`` member of a receipt in JSON, and the first line of what is signed."""

ERASED = "erased"
"""The kind of every certificate."""

_MEMBERS = ("type", "kind", "stream", "header", "commitment", "sealed_hash", "salt", "record")
_TAIL = ("signature", "vkey", "effect")
_KIND = re.compile(r"[a-z][a-z0-9_.]{0,63}")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@attrs.frozen
class Effect:
    """Whether what the customer wanted took effect; true exactly when it did. It is not signed.

    Attributes:
        holds: false for a no that cannot end the processing (a contract that is running).
        text: what would, in plain words.
    """

    holds: bool = True
    text: str = ""

    def __bool__(self) -> bool:
        return self.holds


@attrs.frozen(kw_only=True, repr=False)
class Receipt:
    """One entry of the ledger, signed.

    Attributes:
        kind: what happened, in a word.
        stream: the stream of the entry.
        header: of the entry, 34 bytes.
        commitment: over salt and record.
        sealed_hash: SHA-256 of the sealed part.
        salt: 32 bytes, used for this entry alone.
        record: what the entry says, canonical JSON (RFC 8785) in UTF-8.
        signature: the signature line of the receipt key.
        vkey: the receipt key's public half.
        effect: whether what was wanted took effect.
    """

    kind: str
    stream: bytes
    header: bytes
    commitment: bytes
    sealed_hash: bytes
    salt: bytes
    record: bytes
    signature: str
    vkey: str
    effect: Effect = Effect()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.kind} index={self.index} at={self.at:%Y-%m-%dT%H:%M:%SZ}>"

    @property
    def index(self) -> int:
        """The entry's number in its stream, from 1."""
        return codec.parse_header(self.header).index

    @property
    def at(self) -> datetime:
        """When the entry was made, UTC."""
        return _EPOCH + timedelta(microseconds=codec.parse_header(self.header).at)

    @property
    def digest(self) -> bytes:
        """The digest of the entry, as the ledger keeps it."""
        return codec.digest_of(self.header, self.commitment, self.sealed_hash)

    def fields(self) -> dict[str, Any]:
        """Return the record as a dictionary; ``ProofError`` if it is not a JSON object."""
        return strict.load_object(self.record, "the record of the receipt")

    def check(self, vkey: str | None = None) -> None:
        """Check that the parts fit each other and that the receipt key signed them.

        Args:
            vkey: the receipt key that the caller trusts. Without it the key that the receipt
                itself names is taken: that shows that nothing was altered, not who made it.

        Raises:
            ProofError: something does not fit, with what it is.
        """
        self._check_kind()
        check_entry(self.header, self.commitment, self.sealed_hash, self.salt, self.record)
        self.fields()
        text = _text(self.kind, self.stream, self.header, self.commitment, self.sealed_hash)
        try:
            open_note(f"{text}\n{self.signature}", [parse_vkey(self.vkey if vkey is None else vkey)])
        except NoteError as error:
            raise ProofError(f"the receipt is not signed by the given key: {error.what}") from None

    def _check_kind(self) -> None:
        if not _KIND.fullmatch(self.kind):
            raise ProofError("the kind of a receipt is a short word in lower case")

    def to_json(self) -> str:
        """Write the receipt on one line of JSON; bytes are base64."""
        parts = (self.stream, self.header, self.commitment, self.sealed_hash, self.salt)
        values = [TYPE, self.kind, *map(strict.base64, parts), self.record.decode()]
        members: dict[str, Any] = dict(zip(_MEMBERS, values, strict=True))
        members |= {"signature": self.signature, "vkey": self.vkey, "effect": attrs.asdict(self.effect)}
        return strict.dump(members)

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Read what :meth:`to_json` wrote; nothing is checked but the form.

        Raises:
            ProofError: a repeated, unknown, missing or ill-typed member.
        """
        members = strict.Members(text, "the receipt", (*_MEMBERS, *_TAIL))
        if members.text("type") != TYPE:
            raise ProofError(f"not a receipt of type {TYPE}")
        effect = members.object("effect", ("holds", "text"))
        receipt = cls(
            kind=members.text("kind"),
            stream=members.data("stream"),
            header=members.data("header", codec.HEADER),
            commitment=members.data("commitment", codec.HASH),
            sealed_hash=members.data("sealed_hash", codec.HASH),
            salt=members.data("salt", codec.SALT),
            record=members.utf8("record"),
            signature=members.text("signature"),
            vkey=members.text("vkey"),
            effect=Effect(effect.flag("holds"), effect.text("text")),
        )
        _refuse_header(receipt.header)
        receipt._check_kind()
        return receipt


@attrs.frozen(kw_only=True, repr=False)
class Certificate(Receipt):
    """The receipt of an erasure: a clear entry, which holds no personal data."""

    def _check_kind(self) -> None:
        if self.kind != ERASED or not codec.parse_header(self.header).clear:
            raise ProofError(f"a certificate is a receipt of kind {ERASED} over an entry in clear")


def make_receipt(
    kind: str,
    stream: bytes,
    body: bytes,
    *,
    salt: bytes,
    record: bytes,
    signer: Signer,
    effect: Effect | None = None,
) -> Receipt:
    """Sign a receipt of the entry with *body*, of which *salt* and *record* are shown.

    Raises:
        LedgerError: the body is malformed, or does not commit to salt and record.
    """
    return Receipt(
        **_parts(kind, stream, body, salt, record, signer), effect=Effect() if effect is None else effect
    )


def make_certificate(stream: bytes, body: bytes, *, signer: Signer) -> Certificate:
    """Sign the certificate of an erasure over the clear entry with *body*.

    Raises:
        LedgerError: the body is malformed, or not in clear.
    """
    entry = codec.parse(body)
    if not entry.clear:
        raise LedgerError("a certificate is made over an entry in clear")
    salt, record = codec.split(entry.sealed)
    return Certificate(**_parts(ERASED, stream, body, salt, record, signer))


def _parts(
    kind: str, stream: bytes, body: bytes, salt: bytes, record: bytes, signer: Signer
) -> Mapping[str, Any]:
    entry = codec.parse(body)
    sealed_hash = sha256(entry.sealed).digest()
    check_entry(entry.header, entry.commitment, sealed_hash, salt, record)
    text = _text(kind, stream, entry.header, entry.commitment, sealed_hash)
    return {
        "kind": kind,
        "stream": stream,
        "header": entry.header,
        "commitment": entry.commitment,
        "sealed_hash": sealed_hash,
        "salt": salt,
        "record": record,
        "signature": signer.sign(text),
        "vkey": signer.vkey,
    }


def _text(kind: str, stream: bytes, header: bytes, commitment: bytes, sealed_hash: bytes) -> str:
    """Return what is signed. Salt and record are bound by the commitment, index and time by the header."""
    parts = map(strict.base64, (stream, header, commitment, sealed_hash))
    return "\n".join((TYPE, kind, *parts, ""))


def _refuse_header(header: bytes) -> codec.Header:
    try:
        return codec.parse_header(header)
    except LedgerError as error:
        raise ProofError(error.what, remedy=error.remedy) from None


def check_entry(header: bytes, commitment: bytes, sealed_hash: bytes, salt: bytes, record: bytes) -> None:
    """Check that an entry with these parts says *record*.

    Raises:
        ProofError: the commitment is to something else, a part has a wrong length, or the
            entry is in clear and its sealed part is not salt and record.
    """
    head = _refuse_header(header)
    if len(sealed_hash) != codec.HASH or len(salt) != codec.SALT:
        raise ProofError("a hash and a salt have 32 bytes")
    if codec.commitment(salt, record) != commitment:
        raise ProofError("the entry does not commit to this record")
    if head.clear and sha256(salt + record).digest() != sealed_hash:
        raise ProofError("the entry in clear says something else than this record")
