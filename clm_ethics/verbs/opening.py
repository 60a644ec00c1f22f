"""Opening: the tenant's keys (made over an empty storage only), and the policy's version."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import KeysMissing, StorageUnavailable
from ..flows import DATA, KEYS, effects, streams
from ..storage.contract import Head, Write
from ..vault.tenant import TenantKeys

if TYPE_CHECKING:
    from ..flows import Flow, Setting

_CONTEXT = b"clm_ethics/tenant-key/1\n"


def open_setting(setting: Setting) -> Flow[None]:
    """Unwrap the tenant's keys, or make them; store the policy's version.

    Raises:
        KeysMissing: the storage holds data, and its keys are not here.
        KeysRefused: the keys cannot be trusted.
        SealBroken: the keys here are not this storage's.
    """
    name = streams.tenant_stream(setting.tenant)
    head = yield from effects.load_one(name, KEYS)
    if head is None:
        head = yield from _create(setting, name)
    context = _CONTEXT + setting.tenant.encode()
    tenant_key = yield from effects.call(setting.provider.unwrap, head.state or b"", context)
    setting.shared.keys = TenantKeys.open(setting.tenant, tenant_key, head.values or b"", setting.random)
    yield from _store_policy(setting)


def _create(setting: Setting, name: bytes) -> Flow[Head]:
    """Make the tenant's keys; of several processes that do so at once one wins."""
    if setting.split and (yield from effects.load_one(name, DATA)) is not None:
        raise KeysMissing(
            "the data was written with keys that are not in the storage of keys",
            place="open(keys_in=)",
            remedy="open it with the storage that holds its keys",
        )
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
    if setting.split:
        yield from effects.commit_one(
            Write(name, 0, Head(setting.version(), 0, b"", b"keys elsewhere", b"", ())), DATA
        )
    if made:
        return new
    head = yield from effects.load_one(name, KEYS)
    if head is None:
        raise StorageUnavailable(
            "the keys could not be stored", written=None, place="open", remedy="open again"
        )
    return head


def _store_policy(setting: Setting) -> Flow[None]:
    """Keep each version of the policy that was ever in force, under its hash."""
    name = streams.policy_stream(setting.tenant, setting.policy.hash)
    if (yield from effects.load_one(name)) is not None:
        return
    document = setting.policy.declared.canonical
    new = Head(setting.version(), 0, b"", document, b"", ())
    yield from effects.commit_one(Write(name, 0, new))
