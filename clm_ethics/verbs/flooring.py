"""The floor: a restored backup must not revive a consent.

The key head, which may lie elsewhere than the data, remembers how long the customer's stream
was after the last withdrawal, refusal, objection, restriction or correction, which stream that
is, and how long it was after the last restriction or correction. A stream that is shorter was
restored from before it, and every question about it is denied until ``after_restore`` has said
no again to everything, and has restricted what must not be used unasked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeVar

from ..errors import Busy, StorageUnavailable
from ..flows import KEYS, effects, streams
from ..storage.contract import Head, Mark, Write
from .common import locate

if TYPE_CHECKING:
    from ..flows import Flow, Setting

T = TypeVar("T")

ATTEMPTS = 12
"""How often the key head is tried."""
_LENGTH = 8
_LOST = 1
_CARE = _LENGTH + streams.STREAM


class Floor(NamedTuple):
    """What a key head remembers of the customer's stream.

    Attributes:
        length: after the last no, restriction or correction (0: there was none).
        stream: the customer's stream.
        care: after the last restriction or correction (0: there was none).
    """

    length: int
    stream: bytes
    care: int


def once_said(flow: Flow[T]) -> Flow[T]:
    """Go on with *flow* after the commit of what was said: whatever fails now, it has been written."""
    try:
        return (yield from flow)
    except (StorageUnavailable, Busy) as error:
        raise StorageUnavailable(
            f"it stands in the ledger, but the keys do not know of it yet ({error.what})",
            written=True,
            place="floor",
            remedy="say it again, so that a restored backup cannot undo it",
        ) from error


def raise_floor(setting: Setting, ref: str, length: int, *, care: bool = False) -> Flow[None]:
    """Write *length* to the customer's key head, unless it holds a greater one.

    *care*: what was said was a restriction or a correction, which a no to everything would not repeat.
    """
    stream, _ = yield from locate(setting, ref)
    if stream is not None:
        floor = Floor(length, stream, length if care else 0)
        yield from set_floor(setting, streams.key_stream(stream), floor)


def first_floor(setting: Setting, key: Write, stream: bytes, length: int) -> Write:
    """Return the write that follows *key*, a customer's new key head, once the stream has a no."""
    head = key.head
    version = 0 if head is None else head.version
    marks = (Mark(streams.floored(setting.tenant), 0),)
    values = _pack(Floor(length, stream, 0))
    return Write(key.stream, version, Head(version + 1, 0, b"", None, values, marks))


def set_floor(setting: Setting, name: bytes, floor: Floor, *, lower: bool = False) -> Flow[None]:
    """Write *floor* to the key head *name*; what is greater there stays unless *lower*."""
    for attempt in range(ATTEMPTS):
        head = yield from effects.load_one(name, KEYS)
        if head is None:
            return  # erased meanwhile: there is nothing to revive
        standing = read_floor(head.values)
        new = floor if lower else _higher(standing, floor)
        if new == standing and not is_lost(setting, head):
            return
        raised = head._replace(
            version=head.version + 1,
            state=None,
            values=_pack(new),
            marks=(Mark(streams.floored(setting.tenant), 0),),
        )
        made = yield from effects.commit_one(Write(name, head.version, raised), KEYS)
        if made:
            cached = setting.sealer(name)
            if cached is not None:
                cached.floor = new.length
            return
        yield from effects.pause(0.001 * 2**attempt)
    raise Busy(
        "the key head kept moving",
        place="floor",
        remedy="the ledger holds what was said; say it again so that a restored backup knows it too",
    )


def lose(setting: Setting, name: bytes) -> Flow[None]:
    """Note that somebody knows: the stream of the key head *name* is not in the restored data.

    The floor stays, should a later backup bring the customer back.
    """
    head = yield from effects.load_one(name, KEYS)
    if head is None or is_lost(setting, head):
        return
    marks = (Mark(streams.floored(setting.tenant), _LOST),)
    noted = head._replace(version=head.version + 1, state=None, values=None, marks=marks)
    yield from effects.commit_one(Write(name, head.version, noted), KEYS)  # who loses is noted by the next


def is_lost(setting: Setting, head: Head) -> bool:
    """Say whether somebody knows that the customer of a key head is not in the data."""
    return Mark(streams.floored(setting.tenant), _LOST) in (head.marks or ())


def _higher(one: Floor, other: Floor) -> Floor:
    return Floor(max(one.length, other.length), other.stream, max(one.care, other.care))


def _pack(floor: Floor) -> bytes:
    return floor.length.to_bytes(_LENGTH, "big") + floor.stream + floor.care.to_bytes(_LENGTH, "big")


def read_floor(values: bytes | None) -> Floor:
    """Return the floor that a key head carries."""
    kept = values or b""
    return Floor(
        int.from_bytes(kept[:_LENGTH], "big"), kept[_LENGTH:_CARE], int.from_bytes(kept[_CARE:], "big")
    )
