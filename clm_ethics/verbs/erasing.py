"""Erasure: the key goes first, the rest follows, and every step may be repeated.

(0) the intent, in the register, which lives with the keys; a fresh key for what a law keeps.
(1) one commit: the stream says "erased", and holds no value but the survivors, sealed anew.
(2) the key stream is deleted: the point of no return.
(3) claims are freed, bodies forgotten, sources told, files scrubbed.
(4) a certificate, an entry in clear.

Resuming is the same function; ``after_restore`` (in ``restoring``) walks the register with its parts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec
from msgspec.structs import replace

from ..errors import Busy, LedgerError, StorageCorrupt, StorageUnavailable
from ..flows import DATA, KEYS, Book, effects, look, streams
from ..ledger import record as codec
from ..ledger.receipt import Certificate, make_certificate
from ..model.events import ErasureBegun, ErasureDone, from_record
from ..model.state import State
from ..model.times import instant, micros
from ..rights import ErasurePlan, plan_erasure
from ..storage.contract import Entry, Head, Mark, Write
from ..vault.sealing import Sealer
from .common import (
    REF,
    Tombstone,
    check_actor,
    check_whose,
    locate,
    peek,
    read_tombstone,
    token_of,
    tombstone_of,
    unknown,
    visits_token,
)

if TYPE_CHECKING:
    from datetime import datetime

    from ..flows import Flow, Setting
    from ..flows.book import Written

ATTEMPTS = 12
"""How often a conditional write is tried before ``Busy``."""
PORTION = 500
"""How many bodies are forgotten in one write."""


class _Survivors(NamedTuple):
    """What a law keeps: per field the law's purpose, and the sealer of a fresh key."""

    purposes: dict[str, str]
    sealer: Sealer | None


_NONE = _Survivors({}, None)


def plan_erase(setting: Setting, ref: str) -> Flow[ErasurePlan]:
    """Say what would go and what a law keeps; nothing is written."""
    book = yield from peek(setting, ref)
    return plan_erasure(setting.policy, book.state, book.now(), frozenset(setting.sources))


def erase(setting: Setting, ref: str, *, by: str | None = None) -> Flow[Certificate]:
    """Erase the customer; called again it resumes, or returns the certificate once more."""
    by = check_actor(by, setting.acting, "erase")
    stream, _ = yield from locate(setting, ref)
    if stream is None:
        raise unknown()
    setting.forget_ref(token_of(setting, REF, ref))
    setting.take_queued(stream)
    book = yield from look(setting, stream)
    if not book.state.known:
        raise unknown()
    check_whose(setting, book, ref)
    ref = book.state.about.get(REF, ref)  # a visit's reference may have led here
    try:
        if book.state.erased is None:
            yield from _register(setting, book, ref)
            yield from _erase_visits(setting, stream, by)
        return (yield from _finish(setting, stream, ref, by))
    except StorageUnavailable as error:
        # Each step may be the last that was made: only erasing again can tell.
        raise StorageUnavailable(
            error.what, written=None, place=error.place, remedy=f"{error.remedy}; erase again: it resumes"
        ) from error


def _erase_visits(setting: Setting, stream: bytes, by: str) -> Flow[None]:
    """The visits that turned out to be the customer's go before the customer: then nobody knows of them."""
    for visit in (yield from effects.find_all(visits_token(setting, stream), 0)):
        book = yield from look(setting, visit)
        if book.state.erased is None and book.state.into == stream:
            name = book.state.about.get(REF, "")
            yield from erase_stream(setting, visit, name, by)
            stone = yield from _stone_of(setting, name)
            yield from free_claim(setting, stone, stream)


def erase_stream(setting: Setting, stream: bytes, ref: str, by: str) -> Flow[None]:
    """Erase what is stored of the visitor *ref*; no source of the host knows of a visitor."""
    book = yield from look(setting, stream)
    if book.state.erased is None:
        yield from _register(setting, book, ref)
    survivors = yield from mark_erased(setting, stream, by)
    yield from delete_key(setting, stream)
    stone = yield from _stone_of(setting, ref)
    yield from free_claim(setting, stone, stream)
    yield from forget_bodies(stream)
    yield from certify(setting, stream, by, survivors, (), ())
    for token in () if stone is None else stone.tokens:
        yield from set_stone(setting, token, replace(stone or Tombstone(stream, 0), done=True))


def _register(setting: Setting, book: Book, ref: str) -> Flow[None]:
    """Step 0: one head per tombstone token: the reference, and each look-up value."""
    tokens = [tombstone_of(setting, REF, ref)]
    for name, field in setting.policy.fields.items():
        if field.lookup and book.opens(name):
            tokens += [tombstone_of(setting, name, each.value) for each in book.values(name)]
    tokens = list(dict.fromkeys(tokens))
    stone = Tombstone(
        stream=book.stream,
        at=micros(book.now()),
        tokens=tuple(tokens),
        claim=token_of(setting, REF, ref),
    )
    for token in tokens:
        yield from set_stone(setting, token, stone)


def set_stone(setting: Setting, token: bytes, stone: Tombstone) -> Flow[None]:
    """Write *stone* to the register's head *token*, whatever stands there."""
    state = msgspec.msgpack.encode(stone)
    for _ in range(ATTEMPTS):
        head = yield from effects.load_one(token, KEYS)
        if head is not None and head.state == state:
            return
        version = setting.version() if head is None else head.version + 1
        mark = Mark(streams.register(setting.tenant), stone.at)
        new = Head(version, 0, b"", state, b"", (mark,))
        made = yield from effects.commit_one(Write(token, 0 if head is None else head.version, new), KEYS)
        if made:
            return
    raise Busy("the erasure register kept moving", place="erase", remedy="erase again: it resumes")


def _finish(setting: Setting, stream: bytes, ref: str, by: str) -> Flow[Certificate]:
    """Steps 1 to 4, from wherever an earlier attempt had come."""
    survivors = yield from mark_erased(setting, stream, by)
    yield from delete_key(setting, stream)
    stone = yield from _stone_of(setting, ref)
    yield from free_claim(setting, stone, stream)
    yield from forget_bodies(stream)
    pending = yield from _tell_sources(setting, ref)
    notes = yield from scrub(setting)
    certificate = yield from certify(setting, stream, by, survivors, pending, notes)
    if stone is not None:
        for token in stone.tokens:
            yield from set_stone(setting, token, replace(stone, done=not pending))
    return certificate


def mark_erased(setting: Setting, stream: bytes, by: str, *, blind: bool = False) -> Flow[dict[str, str]]:
    """Step 1; returns per surviving field the purpose of the law that keeps it.

    *blind*: the stream was altered and does not open, so nothing of it can survive.
    """
    for _ in range(ATTEMPTS):
        book = yield from (_unopened(setting, stream) if blind else look(setting, stream))
        if book.head is None:
            return {}
        if book.state.erased is not None and _says_erased(book):
            return dict.fromkeys(book.state.fields, "")
        survivors = yield from _survivors(setting, book)
        at = yield from _moment(book)
        made = yield from effects.commit_one(_erasing(setting, book, survivors, at, by))
        if made:
            return survivors.purposes
        yield from effects.pause(0.002)
    raise Busy("the customer's stream kept moving", place="erase", remedy="erase again: it resumes")


def _unopened(setting: Setting, stream: bytes) -> Flow[Book]:
    head = yield from effects.load_one(stream)
    length = 0 if head is None else head.length
    return Book(setting, stream, head, State(known=True, length=length, erased=instant(0)), None)


def _says_erased(book: Book) -> bool:
    """The head itself says so; otherwise only the key is gone, as in a restored copy."""
    return book.sealer is not None or streams.read_erased((book.head and book.head.state) or b"") is not None


def _moment(book: Book) -> Flow[datetime]:
    """Return the time of the next entry: never before the last one, which says its time in clear."""
    now = book.now()
    if book.sealer is not None or book.head is None or not book.head.length:
        return now
    found = yield from effects.entries(book.stream, book.head.length - 1, 1)
    if not found or found[0].body is None:
        return now
    try:
        return max(now, instant(codec.parse(found[0].body).at))
    except (LedgerError, OverflowError):
        return now  # it was altered, and verify says so


def _survivors(setting: Setting, book: Book) -> Flow[_Survivors]:
    if book.sealer is None or book.state.erased is not None:
        return _NONE
    plan = plan_erasure(setting.policy, book.state, book.now(), frozenset(setting.sources))
    stays = {field: kept.purpose for field, kept in plan.stays.items() if book.opens(field)}
    if not stays:
        return _NONE
    name = streams.key_stream(book.stream, 1)
    key = yield from _survivors_key(setting, name)
    sealer = Sealer(key, tenant=setting.tenant, stream=book.stream, key_stream=name, random=setting.random)
    return _Survivors(stays, sealer)


def _survivors_key(setting: Setting, name: bytes) -> Flow[bytes]:
    """Return the stored key of what a law keeps: nothing is sealed under one that is not stored."""
    for _ in range(ATTEMPTS):
        head = yield from effects.load_one(name, KEYS)
        if head is not None:
            return setting.tenant_keys.data_key(head.state or b"", name)
        key = setting.random(32)
        wrapped = setting.tenant_keys.wrap_data_key(key, name)
        new = Head(setting.version(), 0, b"", wrapped, b"", ())
        if (yield from effects.commit_one(Write(name, 0, new), KEYS)):
            return key
    raise Busy("the key stream kept moving", place="erase", remedy="erase again: it resumes")


def _erasing(setting: Setting, book: Book, survivors: _Survivors, at: datetime, by: str) -> Write:
    begun = ErasureBegun(
        at=at,
        by=by,
        policy=setting.policy.hash,
        survivors=survivors.purposes,
        erased=len(book.state.fields) - len(survivors.purposes),
    )
    book.start_over(survivors.sealer, survivors.purposes)
    book.lookups = {}
    book.remark = True
    book.append(begun)
    return book.write()


def delete_key(setting: Setting, stream: bytes) -> Flow[None]:
    """Step 2: from here on nobody can read what was sealed, in any copy without keys."""
    name = streams.key_stream(stream)
    for _ in range(ATTEMPTS):
        head = yield from effects.load_one(name, KEYS)
        if head is None:
            setting.bury_key(name)
            return
        yield from effects.commit_one(Write(name, head.version, None), KEYS)
    raise Busy("the key stream kept moving", place="erase", remedy="erase again: it resumes")


def _stone_of(setting: Setting, ref: str) -> Flow[Tombstone | None]:
    head = yield from effects.load_one(tombstone_of(setting, REF, ref), KEYS)
    return None if head is None else read_tombstone(head.state)


def free_claim(setting: Setting, stone: Tombstone | None, stream: bytes) -> Flow[None]:
    """Step 3a: the reference is free again."""
    if stone is None or not stone.claim:
        return
    setting.forget_ref(stone.claim)
    for _ in range(ATTEMPTS):
        head = yield from effects.load_one(stone.claim, DATA)
        if head is None or head.state != stream:
            return
        yield from effects.commit_one(Write(stone.claim, head.version, None))


def forget_bodies(stream: bytes) -> Flow[None]:
    """Step 3b: bodies go in portions; index and digest stay, so the ledger still verifies.

    Only those from before the erasure: what came after it is the record of what a law keeps.
    """
    begun = (yield from clear_entries(stream)).begun_index
    position = 0
    while position < begun - 1:
        page = yield from effects.entries(stream, position, min(PORTION, begun - 1 - position))
        if not page:
            return
        position = page[-1].index
        yield from _forget(stream, [entry.index for entry in page if _is_sealed(entry)])


def _is_sealed(entry: Entry) -> bool:
    return entry.body is not None and entry.body[1:2] != bytes([codec.CLEAR])


def _forget(stream: bytes, indexes: list[int]) -> Flow[None]:
    for _ in range(ATTEMPTS):
        if not indexes:
            return
        head = yield from effects.load_one(stream)
        if head is None:
            return
        keep = head._replace(version=head.version + 1, state=None, values=None, marks=None)
        if (yield from effects.commit_one(Write(stream, head.version, keep, (), indexes))):
            return
        yield from effects.pause(0.002)
    raise Busy("the customer's stream kept moving", place="erase", remedy="erase again: it resumes")


def _tell_sources(setting: Setting, ref: str) -> Flow[tuple[str, ...]]:
    """Step 3c: the host's own sources; what fails or was not given stays pending."""
    pending = []
    for name in sorted({field.source for field in setting.policy.fields.values() if field.source}):
        source = setting.sources.get(name)
        if source is None:
            pending.append(name)
            continue
        try:
            yield from effects.call(source.erase, ref)
        except Exception:  # noqa: BLE001  (it is listed as pending, and told again)
            pending.append(name)
    return tuple(pending)


def scrub(setting: Setting) -> Flow[tuple[str, ...]]:
    """Step 3d: what was overwritten leaves the files, as far as the storage can reach."""
    notes = ["copies of the data made before keep what they hold; without its key it is noise"]
    if not setting.split:
        notes.append("backups that contain the keys keep the customer's key until they are destroyed")
    for each in setting.shared.scrubs:
        try:
            notes += yield from effects.call(each)
        except StorageUnavailable as error:  # the key is destroyed: what is left is noise
            notes.append(f"not done: the files were not scrubbed: {error.what}")
    return tuple(dict.fromkeys(str(note) for note in notes))  # data and keys may say the same


def certify(
    setting: Setting,
    stream: bytes,
    by: str,
    survivors: dict[str, str],
    pending: tuple[str, ...],
    notes: tuple[str, ...],
) -> Flow[Certificate]:
    """Step 4: an entry in clear, without anything personal; an earlier one is returned again."""
    said = yield from clear_entries(stream)
    if said.done is not None and said.done.pending == pending:
        return make_certificate(stream, said.body, signer=setting.tenant_keys.receipt_signer())
    for _ in range(ATTEMPTS):
        book = yield from look(setting, stream)
        at = yield from _moment(book)
        done = ErasureDone(
            at=at,
            by=by,
            policy=setting.policy.hash,
            fields=said.begun.erased if said.begun is not None else 0,
            survivors=said.begun.survivors if said.begun is not None else survivors,
            pending=pending,
            notes=notes,
        )
        written: Written = book.append(done)
        made = yield from effects.commit_one(book.write())
        if made:
            return make_certificate(stream, written.body, signer=setting.tenant_keys.receipt_signer())
        yield from effects.pause(0.002)
    raise Busy("the customer's stream kept moving", place="erase", remedy="erase again: it resumes")


class Clear(NamedTuple):
    """What the entries in clear say: the erasure that began, where, the last certificate, and its body."""

    begun: ErasureBegun | None
    begun_index: int
    done: ErasureDone | None
    body: bytes


def clear_entries(stream: bytes) -> Flow[Clear]:
    """Return what the entries in clear say of an erasure."""
    found = Clear(None, 0, None, b"")
    for index, body, event in (yield from _read_clear(stream)):
        if isinstance(event, ErasureBegun) and found.begun is None:
            found = found._replace(begun=event, begun_index=index)
        elif isinstance(event, ErasureDone):
            found = found._replace(done=event, body=body)
    return found


def clear_events(stream: bytes) -> Flow[list[object]]:
    """Return the events of a stream's entries in clear."""
    return [event for _, _, event in (yield from _read_clear(stream))]


def _read_clear(stream: bytes) -> Flow[list[tuple[int, bytes, object]]]:
    found: list[tuple[int, bytes, object]] = []
    position = 0
    while True:
        page = yield from effects.entries(stream, position, PORTION)
        if not page:
            return found
        for entry in page:
            position = entry.index
            if entry.body is None or _is_sealed(entry):
                continue
            try:
                _, record = codec.split(codec.parse(entry.body).sealed)
                found.append((entry.index, entry.body, from_record(record)))
            except (LedgerError, msgspec.DecodeError, ValueError):
                raise StorageCorrupt(
                    f"entry {entry.index} in clear cannot be read",
                    place=f"stream {stream.hex()}",
                    remedy="verify() says what is wrong",
                ) from None
