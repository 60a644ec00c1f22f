"""Opening: the tenant's keys (made over an empty storage only), and the policy's version."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from ..errors import KeysMissing, StorageUnavailable, UsageError
from ..flows import DATA, KEYS, effects, streams
from ..storage.contract import COPYING, Head, Write
from ..vault.tenant import TenantKeys
from .policies import note_policy

if TYPE_CHECKING:
    from ..flows import Flow, Setting

_CONTEXT = b"clm_ethics/tenant-key/1\n"
_ELSEWHERE = b"clm_ethics/keys-elsewhere/1\n"


def open_setting(setting: Setting) -> Flow[None]:
    """Unwrap the tenant's keys, or make them; store the policy's version.

    Raises:
        KeysMissing: the storage holds data, and its keys are not here.
        KeysRefused: the keys cannot be trusted.
        SealBroken: the keys here are not this storage's.
        StorageUnavailable: it is a copy that has not been finished.
    """
    name = streams.tenant_stream(setting.tenant)
    head = yield from _whole(name, KEYS)
    marker = (yield from _whole(name, DATA)) if setting.split else None
    if head is None:
        if marker is not None:
            raise KeysMissing(
                "the data was written with keys that are not in the storage of keys",
                place="open(keys_in=)",
                remedy="open it with the storage that holds its keys",
            )
        head = yield from _create(setting, name)
    if not setting.split and (head.state or b"").startswith(_ELSEWHERE):
        raise KeysMissing(
            "the keys of this data are in a storage of their own",
            place="open",
            remedy="pass keys_in=, the storage that holds them",
        )
    context = _CONTEXT + setting.tenant.encode()
    tenant_key = yield from effects.call(setting.provider.unwrap, head.state or b"", context)
    setting.shared.keys = TenantKeys.open(setting.tenant, tenant_key, head.values or b"", setting.random)
    if setting.split:
        yield from _check_together(setting, name, head, marker)
    yield from _store_policy(setting)


def _whole(name: bytes, where: int) -> Flow[Head | None]:
    """Return the head of *name*; raise if the storage is a copy that has not been finished."""
    head, copying = yield from effects.load((name, COPYING), where)
    if copying is not None:
        raise StorageUnavailable(
            "is a copy that has not been finished",
            written=False,
            place="open",
            remedy="run `storage copy` again, with the same source",
        )
    return head


def _create(setting: Setting, name: bytes) -> Flow[Head]:
    """Make the tenant's keys; of several processes that do so at once one wins."""
    tenant_key, bundle = TenantKeys.create(setting.tenant, setting.random)
    context = _CONTEXT + setting.tenant.encode()
    wrapped = yield from effects.call(setting.provider.wrap, tenant_key, context)
    new = Head(setting.version(), 0, b"", wrapped, bundle, ())
    try:
        made = yield from effects.commit_one(Write(name, 0, new), KEYS)
    except StorageUnavailable as error:
        if error.written is False:
            raise
        made = False
    if made:
        return new
    head = yield from effects.load_one(name, KEYS)
    if head is None:
        raise StorageUnavailable(
            "the keys could not be stored", written=None, place="open", remedy="open again"
        )
    return head


def _check_together(setting: Setting, name: bytes, keys: Head, marker: Head | None) -> Flow[None]:
    """The data names its keys: with others every customer would be unknown, and none would be missed."""
    state = _ELSEWHERE + sha256(setting.tenant_keys.receipt_vkey().encode()).digest()
    if marker is None:
        yield from effects.commit_one(Write(name, 0, Head(setting.version(), 0, b"", state, b"", ())))
        marker = yield from effects.load_one(name)
    if marker is not None and marker.state == state:
        return
    if marker is not None and marker == keys:
        raise UsageError(
            "keys_in is the storage of the data itself",
            place="open(keys_in=)",
            remedy="name another storage, or leave keys_in= out",
        )
    raise KeysMissing(
        "the keys here are not those that the data was written with",
        place="open(keys_in=)",
        remedy="open it with the storage that holds its keys",
    )


def _store_policy(setting: Setting) -> Flow[None]:
    """Keep each version of the policy that was ever in force, under its hash."""
    name = streams.policy_stream(setting.tenant, setting.policy.hash)
    kept, history = yield from effects.load((name, streams.policies_stream(setting.tenant)))
    if kept is None:
        document = setting.policy.declared.canonical
        new = Head(setting.version(), 0, b"", document, b"", ())
        yield from effects.commit_one(Write(name, 0, new))
    yield from note_policy(setting, history)
