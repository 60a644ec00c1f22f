"""Erasure: the key goes first, the rest follows, and every step may be repeated.

(0) the intent, in the register, which lives with the keys; a fresh key for what a law keeps.
(1) one commit: the stream says "erased", and holds no value but the survivors, sealed anew.
(2) the key stream is deleted: the point of no return.
(3) claims are freed, bodies forgotten, sources told, files scrubbed.
(4) a certificate, an entry in clear.

Resuming, and ``after_restore``, is the same function: it walks the register.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import attrs
import msgspec
from msgspec.structs import replace

from ..errors import Busy, SealBroken
from ..flows import DATA, KEYS, Book, act, effects, look, open_books, streams
from ..ledger import record as codec
from ..ledger.receipt import Certificate, make_certificate
from ..model.events import ErasureBegun, ErasureDone, Withdrawn, from_record
from ..model.state import Status
from ..model.times import micros
from ..rights import ErasurePlan, plan_erasure
from ..storage.contract import Head, Mark, Write
from ..vault.sealing import Sealer
from .common import (
    REF,
    Tombstone,
    check_actor,
    locate,
    peek,
    read_tombstone,
    token_of,
    tombstone_of,
    unknown,
)
from .flooring import read_floor, set_floor

if TYPE_CHECKING:
    from ..flows import Flow, Setting
    from ..flows.book import Value, Written

ATTEMPTS = 12
"""How often a conditional write is tried before ``Busy``."""
PORTION = 500
"""How many bodies are forgotten in one write."""


@attrs.frozen(kw_only=True)
class Restored:
    """What ``after_restore`` did.

    Attributes:
        erased_again: customers in the data whom the register knew as erased.
        resumed: erasures that had not come to their end.
        withdrawn: customers restored from before a no, whose consents were taken back.
    """

    erased_again: int
    resumed: int
    withdrawn: int


class _Survivors(NamedTuple):
    """What a law keeps: per field its opened values and the law's purpose, and the new sealer."""

    values: dict[str, list[Value]]
    purposes: dict[str, str]
    sealer: Sealer | None


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
    if book.state.erased is None:
        yield from _register(setting, book, ref)
    return (yield from _finish(setting, stream, ref, by))


def _register(setting: Setting, book: Book, ref: str) -> Flow[None]:
    """Step 0: one head per tombstone token: the reference, and each look-up value."""
    tokens = [tombstone_of(setting, REF, ref)]
    for name, field in setting.policy.fields.items():
        if field.lookup:
            tokens += [tombstone_of(setting, name, each.value) for each in book.values(name)]
    tokens = list(dict.fromkeys(tokens))
    stone = Tombstone(
        stream=book.stream,
        at=micros(book.now()),
        tokens=tuple(tokens),
        claim=token_of(setting, REF, ref),
    )
    for token in tokens:
        yield from _set_stone(setting, token, stone)


def _set_stone(setting: Setting, token: bytes, stone: Tombstone) -> Flow[None]:
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
    survivors = yield from _mark_erased(setting, stream, by)
    yield from _delete_key(setting, stream)
    stone = yield from _stone_of(setting, ref)
    yield from _free_claim(setting, stone, stream)
    yield from _forget_bodies(setting, stream)
    pending = yield from _tell_sources(setting, ref)
    notes = yield from _scrub(setting)
    certificate = yield from _certify(setting, stream, by, survivors, pending, notes)
    if stone is not None:
        for token in stone.tokens:
            yield from _set_stone(setting, token, replace(stone, done=not pending))
    return certificate


def _mark_erased(setting: Setting, stream: bytes, by: str) -> Flow[dict[str, str]]:
    """Step 1; returns per surviving field the purpose of the law that keeps it."""
    for _ in range(ATTEMPTS):
        books = yield from open_books(setting, (stream,))
        book = books[stream]
        if book.head is None:
            return {}
        if book.state.erased is not None and _says_erased(book):
            return dict.fromkeys(book.state.fields, "")
        survivors = yield from _survivors(setting, book)
        write = _erasing(setting, book, survivors, by)
        made = yield from effects.commit_one(write)
        if made:
            return survivors.purposes
        yield from effects.pause(0.002)
    raise Busy("the customer's stream kept moving", place="erase", remedy="erase again: it resumes")


def _says_erased(book: Book) -> bool:
    """The head itself says so; otherwise only the key is gone, as in a restored copy."""
    return book.sealer is not None or streams.read_erased((book.head and book.head.state) or b"") is not None


def _survivors(setting: Setting, book: Book) -> Flow[_Survivors]:
    if book.sealer is None or book.state.erased is not None:
        return _Survivors({}, {}, None)
    plan = plan_erasure(setting.policy, book.state, book.now(), frozenset(setting.sources))
    if not plan.stays:
        return _Survivors({}, {}, None)
    name = streams.key_stream(book.stream, 1)
    key = setting.random(32)
    head = yield from effects.load_one(name, KEYS)
    if head is None:
        wrapped = setting.tenant_keys.wrap_data_key(key, name)
        made = yield from effects.commit_one(
            Write(name, 0, Head(setting.version(), 0, b"", wrapped, b"", ())), KEYS
        )
        head = None if made else (yield from effects.load_one(name, KEYS))
    if head is not None:
        key = setting.tenant_keys.data_key(head.state or b"", name)
    sealer = Sealer(key, tenant=setting.tenant, stream=book.stream, key_stream=name, random=setting.random)
    purposes = {field: kept.purpose for field, kept in plan.stays.items()}
    return _Survivors({field: book.values(field) for field in plan.stays}, purposes, sealer)


def _erasing(setting: Setting, book: Book, survivors: _Survivors, by: str) -> Write:
    begun = ErasureBegun(
        at=book.now(),
        by=by,
        policy=setting.policy.hash,
        survivors=survivors.purposes,
        erased=len(book.state.fields) - len(survivors.purposes),
    )
    book.start_over(survivors.sealer)
    for field, values in survivors.values.items():
        book.set_values(field, [(each.at, each.value) for each in values])
    book.lookups = {}
    book.remark = True
    book.append(begun)
    return book.write()


def _delete_key(setting: Setting, stream: bytes) -> Flow[None]:
    """Step 2: from here on nobody can read what was sealed, in any copy without keys."""
    name = streams.key_stream(stream)
    for _ in range(ATTEMPTS):
        head = yield from effects.load_one(name, KEYS)
        if head is None:
            setting.forget_key(name)
            return
        yield from effects.commit_one(Write(name, head.version, None), KEYS)
    raise Busy("the key stream kept moving", place="erase", remedy="erase again: it resumes")


def _stone_of(setting: Setting, ref: str) -> Flow[Tombstone | None]:
    head = yield from effects.load_one(tombstone_of(setting, REF, ref), KEYS)
    return None if head is None else read_tombstone(head.state)


def _free_claim(setting: Setting, stone: Tombstone | None, stream: bytes) -> Flow[None]:
    """Step 3a: the reference is free again."""
    if stone is None or not stone.claim:
        return
    setting.forget_ref(stone.claim)
    for _ in range(ATTEMPTS):
        head = yield from effects.load_one(stone.claim, DATA)
        if head is None or head.state != stream:
            return
        yield from effects.commit_one(Write(stone.claim, head.version, None))


def _forget_bodies(setting: Setting, stream: bytes) -> Flow[None]:
    """Step 3b: bodies go in portions; index and digest stay, so the ledger still verifies."""
    while True:
        book = yield from look(setting, stream)
        if book.head is None:
            return
        indexes = yield from _with_bodies(stream, book.head.length)
        if not indexes:
            return
        book.forget = tuple(indexes)
        keep = book.head._replace(version=book.head.version + 1, state=None, values=None, marks=None)
        yield from effects.commit_one(Write(stream, book.head.version, keep, (), book.forget))


def _with_bodies(stream: bytes, length: int) -> Flow[list[int]]:
    found: list[int] = []
    position = 0
    while position < length and len(found) < PORTION:
        page = yield from effects.entries(stream, position, PORTION)
        if not page:
            break
        for entry in page:
            position = entry.index
            if entry.body is not None and not codec.parse(entry.body).clear and len(found) < PORTION:
                found.append(entry.index)
    return found


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


def _scrub(setting: Setting) -> Flow[tuple[str, ...]]:
    """Step 3d: what was overwritten leaves the files, as far as the storage can reach."""
    notes = ["copies of the data made before keep what they hold; without its key it is noise"]
    if not setting.split:
        notes.append("backups that contain the keys keep the customer's key until they are destroyed")
    if setting.scrub is not None:
        notes += yield from effects.call(setting.scrub)
    return tuple(str(note) for note in notes)


def _certify(
    setting: Setting,
    stream: bytes,
    by: str,
    survivors: dict[str, str],
    pending: tuple[str, ...],
    notes: tuple[str, ...],
) -> Flow[Certificate]:
    """Step 4: an entry in clear, without anything personal; an earlier one is returned again."""
    begun, earlier = yield from _clear_entries(stream)
    if earlier is not None and not _more_to_say(earlier, pending):
        return make_certificate(stream, earlier, signer=setting.tenant_keys.receipt_signer())
    for _ in range(ATTEMPTS):
        books = yield from open_books(setting, (stream,))
        book = books[stream]
        said = begun.survivors if begun is not None else survivors
        done = ErasureDone(
            at=book.now(),
            by=by,
            policy=setting.policy.hash,
            fields=begun.erased if begun is not None else 0,
            survivors=said,
            pending=pending,
            notes=notes,
        )
        written: Written = book.append(done)
        made = yield from effects.commit_one(book.write())
        if made:
            return make_certificate(stream, written.body, signer=setting.tenant_keys.receipt_signer())
        yield from effects.pause(0.002)
    raise Busy("the customer's stream kept moving", place="erase", remedy="erase again: it resumes")


def _more_to_say(body: bytes, pending: tuple[str, ...]) -> bool:
    earlier = _clear_event(body)
    return isinstance(earlier, ErasureDone) and earlier.pending != pending


def _clear_event(body: bytes) -> object:
    _, record = codec.split(codec.parse(body).sealed)
    return from_record(record)


def _clear_entries(stream: bytes) -> Flow[tuple[ErasureBegun | None, bytes | None]]:
    """Return the entry that began the erasure, and the body of the last certificate."""
    begun: ErasureBegun | None = None
    certificate: bytes | None = None
    position = 0
    while True:
        page = yield from effects.entries(stream, position, PORTION)
        if not page:
            return begun, certificate
        for entry in page:
            position = entry.index
            if entry.body is None or not codec.parse(entry.body).clear:
                continue
            event = _clear_event(entry.body)
            if isinstance(event, ErasureBegun):
                begun = event if begun is None else begun
            elif isinstance(event, ErasureDone):
                certificate = entry.body


def after_restore(setting: Setting, *, by: str | None = None) -> Flow[Restored]:
    """Carry out again what a restored backup does not know: erasures, and every no."""
    by = check_actor(by, setting.acting or "after_restore", "after_restore")
    again = resumed = 0
    now = micros(setting.clock())
    seen: set[bytes] = set()
    for token in (yield from effects.find_all(streams.register(setting.tenant), now, KEYS)):
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
    withdrawn = yield from _below_floor(setting, by)
    setting.forget_refs()
    return Restored(erased_again=again, resumed=resumed, withdrawn=withdrawn)


def _redo(setting: Setting, stone: Tombstone, by: str) -> Flow[str]:
    head = yield from effects.load_one(stone.stream)
    if head is None:
        return ""
    key = yield from effects.load_one(streams.key_stream(stone.stream), KEYS)
    erased = yield from look(setting, stone.stream)
    complete = erased.state.erased is not None and _says_erased(erased) and key is None
    if complete and stone.done:
        return ""
    try:
        survivors = yield from _mark_erased(setting, stone.stream, by)
    except SealBroken:
        # The values of an altered copy cannot be read, so none of them can survive.
        survivors = {}
    yield from _delete_key(setting, stone.stream)
    yield from _free_claim(setting, stone, stone.stream)
    yield from _forget_bodies(setting, stone.stream)
    notes = yield from _scrub(setting)
    yield from _certify(setting, stone.stream, by, survivors, (), notes)
    for token in stone.tokens:
        yield from _set_stone(setting, token, replace(stone, done=True))
    return "again" if stone.done else "resumed"


def _below_floor(setting: Setting, by: str) -> Flow[int]:
    """Take back every consent of customers whose stream is shorter than its floor."""
    count = 0
    for name in (yield from effects.find_all(streams.floored(setting.tenant), 0, KEYS)):
        head = yield from effects.load_one(name, KEYS)
        if head is None:
            continue
        setting.forget_key(name)
        floor, stream = read_floor(head.values)
        length = yield from act(stream, lambda book: _take_back(setting, book, by))
        if 0 < length < floor:
            yield from set_floor(setting, name, stream, length, lower=True)
        count += length > 0
    return count


def _take_back(setting: Setting, book: Book, by: str) -> int:
    """Withdraw every yes of a restored customer; return the stream's length, 0 if it was whole."""
    if not book.state.restored:
        return 0
    for purpose, consent in book.state.consents.items():
        if consent.status is Status.GRANTED:
            book.append(Withdrawn(at=book.now(), by=by, policy=setting.policy.hash, purpose=purpose))
    return book.state.length
