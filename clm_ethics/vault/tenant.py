"""The keys of one tenant.

One tenant key, wrapped by the provider, wraps all others: the *bundle* made here once
(index, tombstone, receipt, log keys), and the data key of each customer. The log keys are
unwrapped only when they are asked for: only the notary does.

AES-256-GCM with random nonces; the role of a key is associated data, so that no wrapped key
can stand in for another.
"""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

import msgspec

from clm_ethics.errors import SealBroken, VaultError
from clm_ethics.ledger.note import Signer
from clm_ethics.vault.sealing import KEY, KEY_ID, NONCE, TAG, prefixed

if TYPE_CHECKING:
    from collections.abc import Callable

_LABEL = b"clm_ethics/tenant-key/1\n"
_TOKEN_LABEL = b"clm_ethics/token/1\n"
_TOMBSTONE_LABEL = b"clm_ethics/tombstone/1\n"
_DATA = b"data"
_REMEDY = "it was altered, or belongs to another tenant"


class _Bundle(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The wrapped keys of a tenant, each of the role that its name says."""

    index: bytes
    tombstone: bytes
    receipt: bytes
    log: bytes
    log_secret: bytes

    def __repr__(self) -> str:
        return "<wrapped keys of a tenant>"


class TenantKeys:
    """The opened keys of one tenant. Its ``repr`` shows the tenant alone."""

    __slots__ = ("_aead", "_bundle", "_index", "_random", "_receipt", "_tenant", "_tombstone")

    def __init__(
        self, tenant: str, tenant_key: bytes, bundle: _Bundle, random: Callable[[int], bytes]
    ) -> None:
        self._aead = _Aead(tenant, tenant_key, random)
        self._tenant = tenant
        self._bundle = bundle
        self._random = random
        self._index = self._aead.unwrap(b"index", bundle.index)
        self._tombstone = self._aead.unwrap(b"tombstone", bundle.tombstone)
        self._receipt: Signer | None = None

    def __repr__(self) -> str:
        return f"<TenantKeys of {self._tenant!r}>"

    def __reduce__(self) -> str:
        raise TypeError("the keys of a tenant are not pickled")

    @staticmethod
    def create(tenant: str, random: Callable[[int], bytes]) -> tuple[bytes, bytes]:
        """Draw the keys of a new tenant; return its tenant key and the bundle of the others."""
        tenant_key = random(KEY)
        aead = _Aead(tenant, tenant_key, random)
        roles = _Bundle.__struct_fields__
        bundle = _Bundle(**{role: aead.wrap(role.encode(), random(KEY)) for role in roles})
        return tenant_key, msgspec.msgpack.encode(bundle)

    @classmethod
    def open(
        cls, tenant: str, tenant_key: bytes, bundle: bytes, random: Callable[[int], bytes]
    ) -> TenantKeys:
        """Open what :meth:`create` made for the same *tenant*.

        Raises:
            SealBroken: the bundle was altered, or belongs to another tenant.
        """
        try:
            wrapped = msgspec.msgpack.decode(bundle, type=_Bundle)
        except (msgspec.MsgspecError, UnicodeDecodeError):  # the latter for member names
            raise SealBroken("the bundle of a tenant's keys is malformed", remedy=_REMEDY) from None
        return cls(tenant, tenant_key, wrapped, random)

    def wrap_data_key(self, key: bytes, key_stream: bytes) -> bytes:
        """Wrap a customer's data key for its place in *key_stream*."""
        if len(key) != KEY or len(key_stream) != KEY_ID:
            raise VaultError("a data key has 32 bytes, the id of a key stream 16")
        return self._aead.wrap(_DATA, key, key_stream)

    def data_key(self, wrapped: bytes, key_stream: bytes) -> bytes:
        """Unwrap a customer's data key.

        Raises:
            SealBroken: altered, or of another key stream or tenant.
        """
        return self._aead.unwrap(_DATA, wrapped, key_stream)

    def token(self, field: str, normalised: str) -> bytes:
        """Return the look-up token of a value, 32 bytes: equal exactly for equal values of one field.

        Whoever steals the storage sees which customers of a tenant share a value, not which value.
        """
        return self._mac(self._index, _TOKEN_LABEL, field, normalised)

    def tombstone(self, field: str, normalised: str) -> bytes:
        """Return the token under which the erasure register remembers a value, 32 bytes."""
        return self._mac(self._tombstone, _TOMBSTONE_LABEL, field, normalised)

    def _mac(self, key: bytes, label: bytes, field: str, normalised: str) -> bytes:
        parts = prefixed(self._tenant.encode(), field.encode(), normalised.encode())
        return hmac.digest(key, label + parts, "sha256")

    def receipt_signer(self) -> Signer:
        """Return the key that signs receipts; every process may hold it."""
        if self._receipt is None:
            seed = self._aead.unwrap(b"receipt", self._bundle.receipt)
            self._receipt = Signer(receipt_name(self._tenant), seed)
        return self._receipt

    def receipt_vkey(self) -> str:
        """Return the public half of the receipt key."""
        return self.receipt_signer().vkey

    def log_signer(self, origin: str) -> Signer:
        """Unwrap the key that signs checkpoints of the log *origin*; only the notary does."""
        return Signer(origin, self._aead.unwrap(b"log", self._bundle.log))

    def log_vkey(self, origin: str) -> str:
        """Return the verifier key of the log *origin*, which auditors and customers get."""
        return self.log_signer(origin).vkey

    def log_secret(self) -> bytes:
        """Unwrap the secret from which the salts of leaves derive; only the notary does."""
        return self._aead.unwrap(b"log_secret", self._bundle.log_secret)


def receipt_name(tenant: str) -> str:
    """Return the name of a tenant's receipt key; other characters than a URL's become ``%XX``."""
    plain = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~"
    safe = "".join(chr(each) if each in plain else f"%{each:02X}" for each in tenant.encode())
    return f"clm_ethics/receipts/{safe}"


class _Aead:
    """Wraps keys under a tenant key, bound to tenant, role and place."""

    __slots__ = ("_cipher", "_random", "_tenant")

    def __init__(self, tenant: str, tenant_key: bytes, random: Callable[[int], bytes]) -> None:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        if len(tenant_key) != KEY:
            raise VaultError("a tenant key has 32 bytes")
        self._cipher = AESGCM(tenant_key)
        self._tenant = tenant.encode()
        self._random = random

    def __repr__(self) -> str:
        return "<aead of a tenant>"

    def wrap(self, role: bytes, key: bytes, place: bytes = b"") -> bytes:
        nonce = self._random(NONCE)
        return nonce + self._cipher.encrypt(nonce, key, _LABEL + prefixed(self._tenant, role, place))

    def unwrap(self, role: bytes, wrapped: bytes, place: bytes = b"") -> bytes:
        from cryptography.exceptions import InvalidTag

        if len(wrapped) != NONCE + KEY + TAG:
            raise SealBroken("a wrapped key has a wrong length", remedy=_REMEDY)
        associated = _LABEL + prefixed(self._tenant, role, place)
        try:
            return self._cipher.decrypt(wrapped[:NONCE], wrapped[NONCE:], associated)
        except InvalidTag:
            raise SealBroken("a wrapped key does not open", remedy=_REMEDY) from None
