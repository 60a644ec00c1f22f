"""Names of streams, and the two ways in which a head's state is not sealed.

Ids are random or hashes; none tells whose it is without the index key.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import sha256

VOID = b"\x00void"
"""State of a customer's stream that somebody gave up while enrolling."""
_ERASED = b"\x00erased"
_LATEST = 253_402_300_799_999_999
"""The last microsecond of the year 9999: what is later was not written by this library."""
STREAM = 16
"""Bytes of a customer's stream id."""


@lru_cache(maxsize=32_768)
def key_stream(stream: bytes, generation: int = 0) -> bytes:
    """Return the id of the stream that holds a customer's data key.

    *generation* 1 is the key of what a law keeps after an erasure.
    """
    return sha256(b"clm_ethics/key/1\n" + bytes([generation]) + stream).digest()[:16]


def tenant_stream(tenant: str) -> bytes:
    """Return the id of the stream that holds the tenant's keys."""
    return sha256(b"clm_ethics/tenant/1\n" + tenant.encode()).digest()


def policy_stream(tenant: str, digest: str) -> bytes:
    """Return the id of the stream that holds one version of a policy."""
    return sha256(b"clm_ethics/policy/1\n" + tenant.encode() + b"\n" + digest.encode()).digest()


def policies_stream(tenant: str) -> bytes:
    """Return the id of the stream that remembers which policy came into force when."""
    return sha256(b"clm_ethics/policies/1\n" + tenant.encode()).digest()


def log_stream(tenant: str, generation: int = 0) -> bytes:
    """Return the id of the Merkle log's stream; a log that was rolled back gets a new generation."""
    return sha256(b"clm_ethics/log/1\n" + bytes([generation]) + tenant.encode()).digest()


def checkpoint_stream(tenant: str) -> bytes:
    """Return the id of the stream, beside the keys, that remembers the newest checkpoint."""
    return sha256(b"clm_ethics/checkpoint/1\n" + tenant.encode()).digest()


def sweep_stream(tenant: str) -> bytes:
    """Return the id of the stream that remembers when somebody swept last."""
    return sha256(b"clm_ethics/sweep/1\n" + tenant.encode()).digest()


@lru_cache(maxsize=4096)
def unsealed(tenant: str, first: int) -> bytes:
    """Return the mark of customers' streams (by the id's first byte) with entries not yet sealed."""
    return sha256(b"clm_ethics/unsealed/1\n" + bytes([first]) + tenant.encode()).digest()


@lru_cache(maxsize=64)
def due(tenant: str) -> bytes:
    """Return the mark of customers' streams that a sweep has to look at."""
    return sha256(b"clm_ethics/due/1\n" + tenant.encode()).digest()


def register(tenant: str) -> bytes:
    """Return the mark of the erasure register's heads."""
    return sha256(b"clm_ethics/register/1\n" + tenant.encode()).digest()


def floored(tenant: str) -> bytes:
    """Return the mark of key heads that carry a floor."""
    return sha256(b"clm_ethics/floor/1\n" + tenant.encode()).digest()


def erased_state(at: int, *, done: bool) -> bytes:
    """Return the constant state of a customer erased at *at* (microseconds, UTC), nothing left."""
    return _ERASED + at.to_bytes(8, "big") + bytes([done])


def read_erased(state: bytes) -> tuple[int, bool] | None:
    """Return when a customer was erased, and whether it is finished; ``None`` if it is no such state."""
    if not state.startswith(_ERASED) or len(state) != len(_ERASED) + 9 or state[-1] > 1:
        return None
    at = int.from_bytes(state[len(_ERASED) : -1], "big")
    return (at, bool(state[-1])) if at <= _LATEST else None
