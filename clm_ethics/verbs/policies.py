"""Which policy was in force when: a short list of the tenant's, and the versions kept under their hashes."""

from __future__ import annotations

import json
from bisect import bisect_right
from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from ..errors import StorageCorrupt, StorageUnavailable
from ..flows import effects, streams
from ..model.times import micros
from ..policy import Policy
from ..storage.contract import Head, Write

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from ..flows import Flow, Setting

MOST_KEPT = 1000
"""How many comings into force are remembered; of more the oldest go."""
ATTEMPTS = 100
"""How often a host that opens beside others tries to note its policy."""


class InForce(NamedTuple):
    """That a policy came into force: when (microseconds, UTC), and its hash."""

    since: int
    policy: str


_decoder = msgspec.msgpack.Decoder(list[InForce])


def note_policy(setting: Setting, head: Head | None) -> Flow[None]:
    """Remember that the steward's policy is in force from now on, unless it is the last that came.

    *head*: that of the list's stream, just loaded. Of hosts that open at once each is remembered.

    Raises:
        StorageUnavailable: it could not be written.
    """
    name = streams.policies_stream(setting.tenant)
    if head is not None and _newest(head) == setting.policy.hash:
        return
    now = micros(setting.clock())
    for _ in range(ATTEMPTS):
        known = [] if head is None else _read(head)
        if known and known[-1].policy == setting.policy.hash:
            return
        since = max([now, *(each.since for each in known[-1:])])  # a clock set back changes no order
        state = msgspec.msgpack.encode([*known, InForce(since, setting.policy.hash)][-MOST_KEPT:])
        version = 0 if head is None else head.version
        new = Head(version + 1 if version else setting.version(), 0, b"", state, b"", ())
        if (yield from effects.commit_one(Write(name, version, new))):
            return
        head = yield from effects.load_one(name)
    raise StorageUnavailable(
        "that the policy is in force could not be noted", written=False, place="open", remedy="open again"
    )


def _newest(head: Head) -> str:
    known = _read(head)
    return known[-1].policy if known else ""


def _read(head: Head) -> list[InForce]:
    try:
        return _decoder.decode(head.state or b"")
    except msgspec.DecodeError:
        raise StorageCorrupt(
            "the list of policies cannot be read", place="policies", remedy="restore it from a backup"
        ) from None


def policy_at(setting: Setting, at: datetime, written: Sequence[tuple[datetime, str]]) -> Flow[Policy]:
    """Return the policy that was in force at *at* (UTC).

    *written*: when entries of a customer were learnt, and under which policy; they tell what was in force
    before the list of policies began. Before anything is known, the oldest that is known counts.

    Raises:
        StorageCorrupt: the policy of then is not kept, or is another document.
    """
    head = yield from effects.load_one(streams.policies_stream(setting.tenant))
    listed = [] if head is None else _read(head)
    place = bisect_right([each.since for each in listed], micros(at))
    if place:
        return (yield from _kept(setting, listed[place - 1].policy))
    before = [policy for when, policy in written if policy and when <= at]
    oldest = [*before[-1:], *(policy for _, policy in written if policy), *(each.policy for each in listed)]
    return (yield from _kept(setting, oldest[0] if oldest else setting.policy.hash))


def _kept(setting: Setting, digest: str) -> Flow[Policy]:
    if digest == setting.policy.hash:
        return setting.policy
    head = yield from effects.load_one(streams.policy_stream(setting.tenant, digest))
    canonical = b"" if head is None else head.state or b""
    if sha256(canonical).hexdigest() != digest:
        raise StorageCorrupt(
            "the policy of then is not kept as it was",
            place=f"policy {digest[:12]}",
            remedy="run `verify`, and restore from a backup",
        )
    return _compiled(canonical)


@lru_cache(maxsize=16)
def _compiled(canonical: bytes) -> Policy:
    return Policy.of(json.loads(canonical), name="the policy of then")


__all__ = ["note_policy", "policy_at"]
