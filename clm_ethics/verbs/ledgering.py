"""The ledger's own face: verify, the newest checkpoint, the public keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .sealing import flush, load_log, load_remembered, origin_of, read_log_state
from .verifying import Verification
from .verifying import verify as _verify

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ..flows import Flow, Setting


def verify(
    setting: Setting,
    *,
    known: Iterable[str] = (),
    values: bool = True,
    progress: Callable[[int], object] | None = None,
) -> Flow[Verification]:
    """Check every entry, seal and checkpoint; see ``verbs.verifying.verify``."""
    yield from flush(setting)
    return (yield from _verify(setting, known=known, values=values, progress=progress))


def checkpoint(setting: Setting) -> Flow[str]:
    """Return the newest signed checkpoint (a C2SP signed note); empty before the first seal."""
    log = yield from load_log(setting)
    return "" if log.head is None else read_log_state(log.head).checkpoint


def vkey(setting: Setting) -> Flow[str]:
    """Return the public key of the log, which auditors and customers get to check proofs."""
    remembered = yield from load_remembered(setting)
    return setting.tenant_keys.log_vkey(origin_of(setting, remembered.generation))


def receipt_vkey(setting: Setting) -> Flow[str]:
    """Return the public key of receipts."""
    yield from ()  # a flow without effects
    return setting.tenant_keys.receipt_vkey()
