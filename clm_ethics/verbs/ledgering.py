"""The ledger's own face: verify, the newest checkpoint, the public keys."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from ..errors import LedgerError, UsageError
from .sealing import flush, load_log, load_remembered, origin_of, origins
from .verifying import BROKEN, Verification
from .verifying import verify as _verify
from .verifying_log import open_known

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
    """Check every entry, seal and checkpoint.

    Args:
        setting: the steward's.
        known: signed checkpoints that somebody else kept: the log must contain them.
        values: open every stored value too, so that an altered one is found now and not when
            somebody reads it.
        progress: called with the number of entries checked so far.

    Raises:
        NoteError: a known checkpoint is malformed, or of another ledger.
    """
    kept = open_known(setting, known)
    with suppress(*BROKEN):  # a stream that does not open takes no entry; what is wrong is told below
        yield from flush(setting)
    return (yield from _verify(setting, known=kept, values=values, progress=progress))


def checkpoint(setting: Setting) -> Flow[str]:
    """Return the newest signed checkpoint (a C2SP signed note); empty before the first seal."""
    log = yield from load_log(setting)
    return "" if log.state is None else log.state.checkpoint


def vkey(setting: Setting, *, origin: str | None = None) -> Flow[str]:
    """Return the public key of the log, which auditors and customers get to check proofs.

    Args:
        setting: the steward's.
        origin: the name of an earlier log (the first line of a checkpoint), if one was rolled back.

    Raises:
        UsageError: it is no log of this ledger.
    """
    if origin is None:
        remembered = yield from load_remembered(setting)
        origin = origin_of(setting, remembered.generation)
    if not origin.startswith(origins(setting)):
        raise UsageError("no log of this ledger has that name", place="vkey(origin=)")
    try:
        return setting.tenant_keys.log_vkey(origin)
    except LedgerError:
        raise UsageError("no log has that name", place="vkey(origin=)") from None


def receipt_vkey(setting: Setting) -> Flow[str]:
    """Return the public key of receipts."""
    yield from ()  # a flow without effects
    return setting.tenant_keys.receipt_vkey()


__all__ = ["Verification", "checkpoint", "receipt_vkey", "verify", "vkey"]
