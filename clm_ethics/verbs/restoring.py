"""After a restored backup: erasures and every no that it does not know are carried out again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
from msgspec.structs import replace

from ..errors import SealBroken, StorageCorrupt, VaultError
from ..flows import KEYS, act, effects, look, streams
from ..model.events import Corrected, Objected, Restricted, Withdrawn
from ..model.state import Status
from ..policy.policy import FIRM
from ..policy.values import Basis
from ..storage.contract import MAX_INT
from .common import check_actor, open_entry, read_tombstone
from .erasing import (
    certify,
    clear_entries,
    delete_key,
    forget_bodies,
    free_claim,
    mark_erased,
    scrub,
    set_stone,
)
from .flooring import Floor, lose, read_floor, set_floor
from .sealing import acknowledge

if TYPE_CHECKING:
    from ..flows import Book, Flow, Setting
    from .common import Tombstone


@attrs.frozen(kw_only=True)
class Restored:
    """What ``after_restore`` did.

    Attributes:
        erased_again: customers in the data whom the register knew as erased.
        resumed: erasures that had not come to their end.
        withdrawn: customers restored from before a no, for whom no was said to everything.
        unopened: customers whose stream was altered and does not open; ``verify`` says what is wrong.
        logs: logs of which the backup took seals that had been signed.
    """

    erased_again: int
    resumed: int
    withdrawn: int
    unopened: int = 0
    logs: int = 0


def after_restore(setting: Setting, *, by: str | None = None) -> Flow[Restored]:
    """Carry out again what a restored backup does not know: erasures, and every no.

    It may be repeated. What the backup took from the log is noted as known (``verify`` tells it
    from then on, and counts it as a fault no more).
    """
    by = check_actor(by, setting.acting, "after_restore")
    again = resumed = 0
    seen: set[bytes] = set()
    # Also what was erased "in the future": the clock of the restored machine may be behind.
    for token in (yield from effects.find_all(streams.register(setting.tenant), MAX_INT, KEYS)):
        head = yield from effects.load_one(token, KEYS)
        if head is None:
            continue
        stone = read_tombstone(head.state)
        if stone.stream in seen:
            continue
        seen.add(stone.stream)
        found = yield from _redo(setting, stone, by)
        again += found == "again"
        resumed += found == "resumed"
    withdrawn, unopened = yield from _below_floor(setting, by)
    setting.forget_refs()
    logs = yield from acknowledge(setting, by)
    return Restored(erased_again=again, resumed=resumed, withdrawn=withdrawn, unopened=unopened, logs=logs)


def _redo(setting: Setting, stone: Tombstone, by: str) -> Flow[str]:
    """Carry out an erasure of the register on what is stored; "" if there was nothing to do."""
    key = yield from effects.load_one(streams.key_stream(stone.stream), KEYS)
    head = yield from effects.load_one(stone.stream)
    if head is None:  # the backup is from before the customer
        if key is not None:
            yield from delete_key(setting, stone.stream)
        return ""
    said = yield from clear_entries(stone.stream)
    declared = {field.source for field in setting.policy.fields.values() if field.source}
    # The register does not know the reference: a source cannot be told from here.
    pending = tuple(sorted(declared)) if said.done is None else said.done.pending
    if said.done is None or key is not None:
        survivors = yield from _mark_anyhow(setting, stone.stream, by)
        yield from delete_key(setting, stone.stream)
        yield from free_claim(setting, stone, stone.stream)
        yield from forget_bodies(stone.stream)
        notes = yield from scrub(setting)
        yield from certify(setting, stone.stream, by, survivors, pending, notes)
    for token in stone.tokens:
        if stone.done == bool(pending):
            yield from set_stone(setting, token, replace(stone, done=not pending))
    if said.done is not None and key is None:
        return ""
    return "again" if stone.done else "resumed"


def _mark_anyhow(setting: Setting, stream: bytes, by: str) -> Flow[dict[str, str]]:
    try:
        return (yield from mark_erased(setting, stream, by))
    except (SealBroken, StorageCorrupt):
        return (yield from mark_erased(setting, stream, by, blind=True))


def _below_floor(setting: Setting, by: str) -> Flow[tuple[int, int]]:
    """Say no again for everybody whose stream is shorter than its floor; count them, and the altered."""
    count = unopened = 0
    for name in (yield from effects.find_all(streams.floored(setting.tenant), MAX_INT, KEYS)):
        head = yield from effects.load_one(name, KEYS)
        if head is None:
            continue
        setting.forget_key(name)
        floor = read_floor(head.values)
        try:
            count += yield from _back_to_no(setting, name, floor, by)
        except (SealBroken, StorageCorrupt, VaultError):
            unopened += 1
    return count, unopened


def _back_to_no(setting: Setting, name: bytes, floor: Floor, by: str) -> Flow[bool]:
    if (yield from effects.load_one(floor.stream)) is None:
        yield from lose(setting, name)
        return False
    careless = yield from _misses(setting, floor)
    length: int = yield from act(floor.stream, lambda book: _take_back(setting, book, by, restrict=careless))
    if not length:
        return False
    care = length if careless else floor.care
    yield from set_floor(setting, name, Floor(length, floor.stream, care), lower=True)
    return True


def _misses(setting: Setting, floor: Floor) -> Flow[bool]:
    """Say whether the last restriction or correction is not in the restored stream."""
    book = yield from look(setting, floor.stream)
    if not book.state.restored or not floor.care:
        return False
    found = yield from effects.entries(floor.stream, floor.care - 1, 1)
    if not found or found[0].index != floor.care or found[0].body is None:
        return True
    return not isinstance(open_entry(book, found[0].body).event, (Restricted, Corrected))


def _take_back(setting: Setting, book: Book, by: str, *, restrict: bool) -> int:
    """Say no to everything that a no can end; return the stream's length, 0 if nothing was lost.

    Which no it was nobody knows any more: it may have been an objection to any of them.
    """
    if not book.state.restored or not book.state.known or book.state.erased is not None:
        return 0
    for purpose in setting.policy.purposes.values():
        said = book.state.consents.get(purpose.name)
        open_to_no = said is None or said.status is Status.GRANTED
        loose = purpose.all_bases - FIRM
        if Basis.CONSENT in loose and open_to_no:
            book.append(Withdrawn(at=book.now(), by=by, policy=setting.policy.hash, purpose=purpose.name))
        elif loose and purpose.name not in book.state.objections:
            book.append(
                Objected(
                    at=book.now(),
                    by=by,
                    policy=setting.policy.hash,
                    purpose=purpose.name,
                    marketing=purpose.marketing,
                )
            )
    if restrict and book.state.restriction is None:
        reason = "a restored backup lost a restriction or a correction: ask the customer"
        book.append(Restricted(at=book.now(), by=by, policy=setting.policy.hash, reason=reason))
    book.end_restored()
    book.remark = book.touched = True
    return book.state.length
