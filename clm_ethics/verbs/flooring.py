"""The floor: a restored backup must not revive a consent.

The key head, which may lie elsewhere than the data, remembers how long the customer's stream
was after the last withdrawal, refusal, objection, restriction or correction, and which stream
that is. A stream that is shorter was restored from before it, and every question about it is
denied until ``after_restore`` has taken its consents back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import Busy
from ..flows import KEYS, effects, streams
from ..storage.contract import Mark, Write
from .common import locate

if TYPE_CHECKING:
    from ..flows import Flow, Setting

ATTEMPTS = 12
"""How often the key head is tried."""


def raise_floor(setting: Setting, ref: str, length: int) -> Flow[None]:
    """Write *length* to the customer's key head, unless it holds a greater one."""
    stream, _ = yield from locate(setting, ref)
    if stream is not None:
        yield from set_floor(setting, streams.key_stream(stream), stream, length)


def set_floor(
    setting: Setting, name: bytes, stream: bytes, length: int, *, lower: bool = False
) -> Flow[None]:
    """Write *length* and *stream* to the key head *name*; a greater floor stays unless *lower*."""
    for attempt in range(ATTEMPTS):
        head = yield from effects.load_one(name, KEYS)
        if head is None:
            return  # erased meanwhile: there is nothing to revive
        standing, _ = read_floor(head.values)
        if standing == length or (standing > length and not lower):
            return
        raised = head._replace(
            version=head.version + 1,
            state=None,
            values=length.to_bytes(8, "big") + stream,
            marks=(Mark(streams.floored(setting.tenant), 0),),
        )
        made = yield from effects.commit_one(Write(name, head.version, raised), KEYS)
        if made:
            cached = setting.sealer(name)
            if cached is not None:
                cached.floor = length
            return
        yield from effects.pause(0.001 * 2**attempt)
    raise Busy(
        "the key head kept moving",
        place="floor",
        remedy="the ledger holds what was said; say it again so that a restored backup knows it too",
    )


def read_floor(values: bytes | None) -> tuple[int, bytes]:
    """Return the floor that a key head carries (0: none), and the customer's stream."""
    return int.from_bytes((values or b"")[:8], "big"), (values or b"")[8:]
