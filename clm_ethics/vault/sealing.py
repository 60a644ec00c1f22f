"""Sealing: AES-256-GCM over what belongs to one customer.

The sealing key derives from the data key, the tenant and the stream (HKDF-SHA256, RFC 5869),
so that one data key used for two streams still gives two keys. A sealed record is::

    header       18 bytes: format 1, algorithm 1, key stream 16
    nonce        12 bytes, random
    ciphertext   with its tag of 16 bytes

The associated data binds label, kind, tenant, stream, the header as stored, and what the
caller binds (the field and entry index of a value, the length and chain of a state). Each
part of free length is preceded by its length, so that no two sets of parts read alike. An
entry has its own header (:mod:`clm_ethics.ledger.record`), which takes the place of these 18
bytes. Never bound: wrapping key, policy, purpose, stage, where it is stored.

At most 2**32 records may be sealed under one key with random nonces (NIST SP 800-38D, 8.3).
Two bounds keep it: a stream seals at most 2**24 entries under one key, and one
:class:`Sealer` makes at most 2**31 records. A write of one entry seals a state, the entry and
the values that changed: with up to 254 of these it stays below.
"""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

from clm_ethics.errors import SealBroken, VaultError

if TYPE_CHECKING:
    from collections.abc import Callable

KEY_ID = 16
"""Length of the id of a key stream in a header, in bytes."""
KEY = 32
"""Length of every key, in bytes."""
NONCE = 12
"""Length of a nonce, in bytes."""
TAG = 16
"""Length of a tag, in bytes."""
HEADER = 2 + KEY_ID
"""Length of the header of a sealed record, in bytes."""
FORMAT = 1
"""The format that this version writes and reads."""
AES_256_GCM = 1
"""Algorithm number."""
MAX_ENTRIES = 1 << 24
"""Most entries of one stream under one key."""
MAX_RECORDS = 1 << 31
"""Most records that one sealer makes."""

_LABEL = b"clm_ethics/seal/1\n"
_KEY_LABEL = b"clm_ethics/sealing-key/1\n"
_MAC_LABEL = b"clm_ethics/hiding-key/1\n"
_ENTRY = b"entry"
_BODY = HEADER + NONCE
_SHORTEST = _BODY + TAG
_LAST_INDEX = MAX_ENTRIES.to_bytes(8, "big")


def prefixed(*parts: bytes) -> bytes:
    """Join *parts*, each preceded by its length in four bytes."""
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)


def derive(key: bytes, info: bytes) -> bytes:
    """Return 32 bytes of HKDF-SHA256 (RFC 5869) without salt: one block is all that is needed."""
    return hmac.digest(hmac.digest(bytes(32), key, "sha256"), info + b"\x01", "sha256")


class Sealer:
    """Seals and opens the records of one stream. Its ``repr`` shows nothing.

    Args:
        key: the data key, 32 bytes.
        tenant: whose customer it is.
        stream: the customer's stream.
        key_stream: names the stream that holds the data key, 16 bytes.
        random: ``random(n)`` gives n random bytes.

    Raises:
        VaultError: a key or the id of a key stream has a wrong length.
    """

    __slots__ = (
        "_bound",
        "_encrypt",
        "_entry",
        "_header",
        "_left",
        "_mac",
        "_open",
        "_prefixes",
        "_random",
        "_tags",
        "key_stream",
    )

    def __init__(
        self, key: bytes, *, tenant: str, stream: bytes, key_stream: bytes, random: Callable[[int], bytes]
    ) -> None:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        if len(key) != KEY or len(key_stream) != KEY_ID:
            raise VaultError("a data key has 32 bytes, the id of a key stream 16")
        self._bound = prefixed(tenant.encode(), stream)
        cipher = AESGCM(derive(key, _KEY_LABEL + self._bound))
        self._encrypt, self._open = cipher.encrypt, cipher.decrypt
        self._mac = derive(key, _MAC_LABEL + self._bound)
        self.key_stream = key_stream
        self._header = bytes((FORMAT, AES_256_GCM)) + key_stream
        self._entry = _LABEL + prefixed(_ENTRY) + self._bound
        self._prefixes: dict[bytes, bytes] = {}
        self._tags: dict[str, bytes] = {}
        self._random = random
        self._left = MAX_RECORDS

    def __repr__(self) -> str:
        return "<Sealer>"

    def __reduce__(self) -> str:
        raise TypeError("a sealer holds a key and is not pickled")

    def seal(self, kind: bytes, bind: bytes, plain: bytes) -> bytes:
        """Seal *plain* as a record of *kind*; it opens only with the same *kind* and *bind*."""
        header = self._header
        nonce = self._nonce()
        associated = (self._prefixes.get(kind) or self._associated(kind)) + bind
        return header + nonce + self._encrypt(nonce, plain, associated)

    def open(self, kind: bytes, bind: bytes, record: bytes) -> bytes:
        """Open what :meth:`seal` made.

        Raises:
            SealBroken: altered, of another kind, place or key, or too short.
        """
        if not record.startswith(self._header) or len(record) < _SHORTEST:
            raise _broken("a sealed record has another header than this key writes, or is cut")
        associated = (self._prefixes.get(kind) or self._associated(kind)) + bind
        try:
            return self._open(record[HEADER:_BODY], record[_BODY:], associated)
        except Exception as error:  # noqa: BLE001  (told apart by its name, see there)
            raise _unopened(error) from None

    def seal_entry(self, header: bytes, plain: bytes) -> bytes:
        """Seal salt and record of the entry with *header*; return nonce and ciphertext.

        Raises:
            VaultError: the stream has as many entries as one key may seal.
        """
        if header[2:10] > _LAST_INDEX:
            raise VaultError(f"one key seals at most {MAX_ENTRIES} entries", remedy="the key must be renewed")
        nonce = self._nonce()
        return nonce + self._encrypt(nonce, plain, self._entry + header)

    def open_entry(self, header: bytes, sealed: bytes) -> bytes:
        """Open what :meth:`seal_entry` made.

        Raises:
            SealBroken: altered, of another entry or key, or too short.
        """
        if len(sealed) < NONCE + TAG:
            raise _broken("a sealed entry is cut")
        try:
            return self._open(sealed[:NONCE], sealed[NONCE:], self._entry + header)
        except Exception as error:  # noqa: BLE001  (told apart by its name, see there)
            raise _unopened(error) from None

    def mac(self, data: bytes) -> bytes:
        """Return 32 bytes of HMAC-SHA256: equal for equal *data* of this customer, noise to others."""
        return hmac.digest(self._mac, data, "sha256")

    def tag(self, name: str) -> bytes:
        """Return the eight bytes that stand for a field's *name* in what is stored."""
        found = self._tags.get(name)
        if found is None:
            found = self._tags[name] = self.mac(b"field" + name.encode())[:8]
        return found

    def _associated(self, kind: bytes) -> bytes:
        found = self._prefixes[kind] = _LABEL + prefixed(kind) + self._bound + self._header
        return found

    def _nonce(self) -> bytes:
        self._left -= 1
        if self._left < 0:
            raise VaultError("this key has sealed too many records", remedy="the key must be renewed")
        return self._random(NONCE)


def _unopened(error: Exception) -> Exception:
    """Return what to raise for what the cipher raised."""
    # Named here and not imported above: the common way must not pay for an import.
    if type(error).__name__ != "InvalidTag":
        return error
    return _broken("a sealed record does not open")


def _broken(what: str) -> SealBroken:
    return SealBroken(what, remedy="it was altered or moved, or belongs to another key")
