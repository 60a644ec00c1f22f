"""One customer's stream, opened: what a verb reads, and what it writes before the commit.

A book is thrown away after its commit, whether that was made or not.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import sha256
from struct import Struct
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from msgspec.structs import replace

from ..errors import SealBroken, StorageCorrupt, UsageError, ValueRefused, VaultError
from ..ledger import record as codec
from ..model.events import IN_CLEAR, SMALL, Event, recorded
from ..model.fold import apply
from ..model.state import State
from ..model.times import instant, micros
from ..storage.contract import MAX_INT, MAX_PART, Entry, Head, Mark, Write
from . import streams
from .setting import NOBODY, Opened
from .upkeep import next_sweep, sweep_may_move

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from ..model.state import Run
    from ..policy import Policy
    from ..vault.sealing import Sealer
    from .setting import Setting

MOST_STATE = 16 << 10
"""Largest sealed state, in bytes."""
RESERVE_EACH = 96
"""Bytes kept free for a no to each purpose beyond its name: a no never fails for lack of room."""
MOST_SEALED = 1 << 32
"""Most records sealed under one key (AES-GCM with random nonces, NIST SP 800-38D section 8.3)."""
SMALL_NO = 512
"""What a no may need at the most when the reserve has been used up by other noes."""

_states = msgspec.msgpack.Decoder(State)
_encode = msgspec.msgpack.encode
_PLACE = Struct(">QI")
_blobs = msgspec.msgpack.Decoder(dict[bytes, msgspec.Raw])


class StateFull(UsageError):
    """The customer's state has no room for what a verb would add."""


class Cell(NamedTuple):
    """One sealed value, or item of a list: the entry that set it, its place there, the bytes."""

    index: int  # type: ignore[assignment]  # hides tuple.index, which nobody needs
    place: int
    sealed: bytes


class Value(msgspec.Struct, frozen=True):
    """One opened value, and when it was collected (microseconds since 1970, UTC)."""

    index: int
    collected: int
    value: Any

    def __repr__(self) -> str:
        """Show where it came from alone."""
        return f"<Value of entry {self.index}>"

    @property
    def at(self) -> datetime:
        """When it was collected (UTC)."""
        return instant(self.collected)


_cells = msgspec.msgpack.Decoder(list[Cell])
_values = msgspec.msgpack.Decoder(tuple[int, Any])


class Written(NamedTuple):
    """An entry that a book appended: its body tells a receipt everything."""

    index: int  # type: ignore[assignment]  # hides tuple.index, which nobody needs
    body: bytes
    salt: bytes
    record: bytes


class Snapshot(NamedTuple):
    """What a book goes back to when a verb is refused half-way."""

    state: State
    kept: State | None
    chain: bytes
    entries: int
    cells: dict[bytes, list[Cell]] | None
    sealed: int
    remark: bool
    only_small: bool
    lookups: dict[bytes, None] | None
    touched: bool
    forget: tuple[int, ...]


class Book:
    """The opened stream of one customer.

    Attributes:
        state: under the names of the policy in force.
        kept: the same under the names by which it is stored; ``None``: they are the same names.
    """

    __slots__ = (
        "_cells",
        "_raw",
        "chain",
        "dropped_marks",
        "entries",
        "floor",
        "forget",
        "head",
        "kept",
        "lookups",
        "only_small",
        "remark",
        "sealed",
        "sealer",
        "setting",
        "state",
        "stream",
        "touched",
    )

    def __init__(
        self,
        setting: Setting,
        stream: bytes,
        head: Head | None,
        state: State,
        sealer: Sealer | None,
        floor: int = 0,
    ) -> None:
        self.setting = setting
        self.stream = stream
        self.head = head
        renames = setting.policy.renames
        self.kept = None if renames is None else state
        self.state = state if renames is None else renames.state(state)
        self.sealer = sealer
        self.floor = floor
        self.chain = codec.chain_start(stream) if head is None or not head.length else head.digest
        self.entries: list[Entry] = []
        self.forget: tuple[int, ...] = ()
        self.lookups: dict[bytes, None] | None = None
        self.remark = False
        self.touched = False
        self.only_small = True
        self.sealed = 0
        self._raw: dict[bytes, msgspec.Raw] | None = None
        self._cells: dict[bytes, list[Cell]] | None = None

    def __repr__(self) -> str:
        """Show nothing of the customer."""
        return f"<Book of {len(self.entries)} new entries>"

    # -- time ------------------------------------------------------------------------------

    def now(self) -> datetime:
        """Return the clock's time, but never before the last entry (UTC)."""
        now = self.setting.clock()
        last = self.state.at
        return now if last is None or now > last else last

    # -- names -----------------------------------------------------------------------------

    @property
    def stored(self) -> State:
        """The state under the names by which it is stored, which every policy translates for itself."""
        return self.state if self.kept is None else self.kept

    def named(self, field: str) -> str:
        """Return the name under which the customer's values of *field* are stored."""
        renames = self.setting.policy.renames
        return field if renames is None else renames.holder(self.stored.fields, field)

    def end_restored(self) -> None:
        """Say that what a restored backup had lost has been made good."""
        self.state = replace(self.state, restored=False)
        self.kept = None if self.kept is None else replace(self.kept, restored=False)

    # -- values ----------------------------------------------------------------------------

    def cells(self, field: str) -> list[Cell]:
        """Return the sealed values of *field*, oldest first."""
        tag = self._tag(field)
        if self._cells is not None:
            return self._cells.get(tag, [])
        if self._raw is None:
            self._raw = self._load_raw()
        raw = self._raw.get(tag)
        cells = [] if raw is None else self._decode(raw)
        if not fitting(cells, self.state.fields.get(field, ())):
            raise SealBroken(
                "the stored values are not those that the state tells of",
                place="a customer's values",
                remedy="they were altered, or replaced by older ones",
            )
        return cells

    def strays(self, fields: Iterable[str]) -> bool:
        """Say whether the stored head has values of others than *fields*."""
        return bool(self._load_raw().keys() - {self._tag(field) for field in fields})

    def _decode(self, raw: msgspec.Raw) -> list[Cell]:
        try:
            return _cells.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise _corrupt(self.stream, "values") from None

    def open_cell(self, field: str, cell: Cell) -> Value:
        """Open one value of *field*."""
        return open_cell(self.need_sealer(), self.named(field), cell)

    def values(self, field: str) -> list[Value]:
        """Open every value of *field*."""
        return [self.open_cell(field, cell) for cell in self.cells(field)]

    def opens(self, field: str) -> bool:
        """Say whether every value of *field* opens: one that was altered must not stop an erasure."""
        try:
            self.values(field)
        except (SealBroken, StorageCorrupt):
            return False
        return True

    def set_values(
        self, field: str, values: list[tuple[datetime, Any]], *, append: bool = False, drop: int = 0
    ) -> bytes:
        """Seal *values* for *field* under the next entry; return their commitment.

        Without *append* they replace what was there; *drop* removes that many of the oldest.
        """
        index = self.state.length + 1
        sealer = self.need_sealer()
        old = self.cells(field)[drop:] if append else []
        first = len([cell for cell in old if cell.index == index])
        commitments = []
        new = []
        name = self.named(field)
        for place, (at, value) in enumerate(values, start=first):
            salt = self.setting.random(codec.SALT)
            plain = _encode((micros(at), value))
            commitments.append(codec.value_commitment(salt, plain))
            new.append(Cell(index, place, sealer.seal(b"value", _bind(name, index, place), salt + plain)))
        self.sealed += len(new)
        self._change()[self._tag(field)] = old + new
        return commitments[0] if len(commitments) == 1 else sha256(b"".join(commitments)).digest()

    def drop_values(self, field: str, items: int = 0) -> None:
        """Remove *field*'s oldest *items* (0: all)."""
        cells = self._change()
        left = self.cells(field)[items:] if items else []
        if left:
            cells[self._tag(field)] = left
        else:
            cells.pop(self._tag(field), None)

    def keep_values(self, field: str, kept: Sequence[bool]) -> None:
        """Remove the items of *field* that *kept*, in their order, does not name."""
        left = [cell for cell, stays in zip(self.cells(field), kept, strict=True) if stays]
        self._change()[self._tag(field)] = left

    def start_over(self, sealer: Sealer | None, keeping: Iterable[str] = ()) -> None:
        """Go on under another key, or under none; only the values of *keeping* stay, sealed anew."""
        opened = {
            field: [
                (cell, self.need_sealer().open(b"value", _bind(name, cell.index, cell.place), cell.sealed))
                for cell in self.cells(field)
            ]
            for field in keeping
            for name in (self.named(field),)
        }
        self._cells = {}
        self.sealer = sealer
        for field, cells in opened.items():
            # Each keeps its place, which says where it came from and for whom it was collected.
            name = self.named(field)
            self._cells[self._tag(field)] = [
                cell._replace(
                    sealed=self.need_sealer().seal(b"value", _bind(name, cell.index, cell.place), plain)
                )
                for cell, plain in cells
            ]
            self.sealed += len(cells)

    def _change(self) -> dict[bytes, list[Cell]]:
        if self._cells is None:
            raw = self._load_raw() if self._raw is None else self._raw
            self._cells = {tag: self._decode(each) for tag, each in raw.items()}
        return self._cells

    def _load_raw(self) -> dict[bytes, msgspec.Raw]:
        blob = self.head.values if self.head is not None else b""
        if not blob:
            return {}
        try:
            return _blobs.decode(blob)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise _corrupt(self.stream, "values") from None

    def _tag(self, field: str) -> bytes:
        # Field names are hidden in the stored blob: that somebody *has* a field may be telling.
        return self.need_sealer().tag(self.named(field))

    def need_sealer(self) -> Sealer:
        """Return the customer's sealer; there is none for who is unknown or erased."""
        if self.sealer is None:
            raise VaultError("there is no key for this customer", remedy="the customer is unknown or erased")
        return self.sealer

    # -- entries ---------------------------------------------------------------------------

    def append(self, event: Event) -> Written:
        """Seal *event* as the next entry and fold it into the state."""
        index = self.state.length + 1
        salt = self.setting.random(codec.SALT)
        renames = self.setting.policy.renames
        said = event if renames is None else renames.stored(event, self.stored)
        record = recorded(said)
        clear = isinstance(event, IN_CLEAR)
        at = micros(event.at)
        if clear:
            body = codec.clear_body(index, at, salt, record)
        else:
            sealer = self.need_sealer()
            header = codec.header(index, at, sealer.key_stream)
            sealed = sealer.seal_entry(header, salt + record)
            body = header + codec.commitment(salt, record) + sealed
            self.sealed += 1
        digest = codec.entry_digest(body)
        self.chain = codec.chain_next(self.chain, digest)
        self.entries.append(Entry(index, digest, body))
        before = self.state
        if renames is None:
            self.state = apply(before, event)
        else:
            self.kept = apply(self.stored, said)
            self.state = renames.state(self.kept)
        if not self.remark and sweep_may_move(self.setting.policy, before, self.state):
            self.remark = True
        if not isinstance(event, SMALL):
            self.only_small = False
        return Written(index, body, salt, record)

    def mark(self) -> Snapshot:
        """Return a place to go back to."""
        return Snapshot(
            self.state,
            self.kept,
            self.chain,
            len(self.entries),
            None if self._cells is None else dict(self._cells),
            self.sealed,
            self.remark,
            self.only_small,
            self.lookups,
            self.touched,
            self.forget,
        )

    def back_to(self, place: Snapshot) -> None:
        """Undo everything since *place*."""
        self.state = place.state
        self.kept = place.kept
        self.chain = place.chain
        del self.entries[place.entries :]
        self._cells = place.cells
        self.sealed = place.sealed
        self.remark = place.remark
        self.only_small = place.only_small
        self.lookups = place.lookups
        self.touched = place.touched
        self.forget = place.forget

    @property
    def dirty(self) -> bool:
        """Whether there is anything to write."""
        return bool(self.entries or self.forget or self.touched)

    # -- the write -------------------------------------------------------------------------

    def write(self) -> Write:
        """Return the conditional write of everything appended; raises if it would not fit."""
        head = self.head
        version = self.setting.version() if head is None else head.version + 1
        return Write(
            self.stream,
            0 if head is None else head.version,
            Head(
                version,
                self.state.length,
                self.chain,
                self._state_bytes(),
                self._values_bytes(),
                self._marks(),
            ),
            tuple(self.entries),
            self.forget,
        )

    def _state_bytes(self) -> bytes:
        state = self.stored
        if state.erased is not None and not state.fields:
            return streams.erased_state(micros(state.erased), done=state.erasure_done)
        sealed = state.sealed + self.sealed + 1
        if sealed > MOST_SEALED:
            raise VaultError("the customer's key has sealed 2**32 records", remedy="enrol the customer anew")
        # Who was restored from before a no stays so, however many entries come: only after_restore() ends it.
        state = replace(state, sealed=sealed)
        plain = _encode(state)
        if len(plain) > MOST_STATE - SMALL_NO - _reserve(self.setting.policy) and len(plain) > self._room():
            state = self._squeeze(state)
            plain = _encode(state)
        sealer = self.need_sealer()
        sealed_state = sealer.seal(b"state", _state_bind(state.length, self.chain), plain)
        self.setting.remember_state(sealer.key_stream, Opened(sealed_state, self.chain, state))
        return sealed_state

    def _room(self) -> int:
        if self.only_small:
            return MOST_STATE - SMALL_NO
        said = self.state.consents.keys() | self.state.objections.keys()
        policy = self.setting.policy
        reserve = sum(_reserve_of(policy, name) for name in policy.purposes if name not in said)
        return MOST_STATE - SMALL_NO - reserve

    def _squeeze(self, state: State) -> State:
        """Make room: first the oldest idempotency keys go, never a fact about the customer."""
        while state.keys:
            state = replace(state, keys=state.keys[len(state.keys) // 40 * 20 + 20 :])
            if len(_encode(state)) <= self._room():
                return state
        if self.only_small:
            return state
        raise StateFull(
            "the customer's state is full",
            place=f"{MOST_STATE} bytes less the room for a no to every purpose",
            remedy="a policy with fewer purposes, fields or open contracts per customer",
        )

    def _values_bytes(self) -> bytes | None:
        if self._cells is None:
            return b"" if self.head is None else None
        values = _encode(self._cells) if self._cells else b""
        if len(values) > MAX_PART:
            raise ValueRefused(
                "the customer's values are too large",
                place="values",
                remedy=f"at most {MAX_PART} bytes in all, sealed; a source of the host can keep more",
            )
        return values

    def marks_move(self) -> bool:
        """Say whether the marks that would be written differ from the stored ones."""
        marks = self._marks()
        return marks is not None and set(marks) != set(() if self.head is None else self.head.marks or ())

    def _marks(self) -> tuple[Mark, ...] | None:
        tenant = self.setting.tenant
        token = streams.unsealed(tenant, self.stream[0])
        old = () if self.head is None else self.head.marks or ()
        has = any(mark.token == token for mark in old)
        if has and not self.remark:
            return None
        due = streams.due(tenant)
        lookups = (
            [mark for mark in old if mark.token not in (token, due)]
            if self.lookups is None
            else [Mark(each, 0) for each in self.lookups]
        )
        since = next((mark.at for mark in old if mark.token == token), None)
        marks = list(lookups)
        if since is not None:
            marks.append(Mark(token, since))
        elif self.entries:
            marks.append(Mark(token, codec.parse(self.entries[0].body or b"").at))
        when = self._due() if self.remark else next((mark.at for mark in old if mark.token == due), None)
        if when is not None:
            marks.append(Mark(due, when))
        return tuple(marks)

    def _due(self) -> int | None:
        if self.state.erased is not None and not self.state.fields:
            return None
        # Who needs no sweep carries the mark too: under another policy he may.
        when = next_sweep(self.setting.policy, self.state)
        return MAX_INT if when is None else micros(when)


@lru_cache(maxsize=8)
def _reserve(policy: Policy) -> int:
    """Return the most bytes that are ever kept free: for a customer who has said nothing yet."""
    return sum(_reserve_of(policy, name) for name in policy.purposes)


def _reserve_of(policy: Policy, purpose: str) -> int:
    """Return the bytes that a no to *purpose* needs, under the name by which it is stored."""
    return RESERVE_EACH + len(purpose if policy.renames is None else policy.renames.purposes.oldest(purpose))


def fitting(cells: Sequence[Cell], runs: Sequence[Run]) -> bool:
    """Say whether *cells* are the values that *runs* tell of: so many, set by these entries.

    Each cell alone is bound to its entry; this tells that none is missing, old, or there twice.
    """
    if len(cells) == len(runs) == 1:  # nearly always
        return runs[0].count == 1 and cells[0].index == runs[0].index
    if len(cells) != sum(run.count for run in runs):
        return False
    below, place, start = 0, (0, -1), 0
    for run in runs:
        mine = cells[start : start + run.count]
        start += run.count
        for cell in mine:
            if not below < cell.index <= run.index or (cell.index, cell.place) <= place:
                return False
            place = (cell.index, cell.place)
        if mine and mine[-1].index != run.index:
            return False
        below = run.index
    return True


def open_cell(sealer: Sealer, field: str, cell: Cell) -> Value:
    """Open one sealed value; ``SealBroken`` if it was altered or moved."""
    plain = sealer.open(b"value", _bind(field, cell.index, cell.place), cell.sealed)
    try:
        at, value = _values.decode(plain[codec.SALT :])
    except msgspec.DecodeError:
        raise SealBroken("a value cannot be read", place="a customer's values") from None
    return Value(cell.index, at, value)


def open_book(setting: Setting, stream: bytes, head: Head | None, sealer: Sealer | None, floor: int) -> Book:
    """Open *head* with *sealer* (``None``: the key is gone, or none is needed)."""
    if head is None or head.state == streams.VOID:
        return Book(setting, stream, head, NOBODY, None)
    state = head.state or b""
    erased = streams.read_erased(state)
    if erased is not None:
        at, done = erased
        gone = State(known=True, length=head.length, erased=instant(at), at=instant(at), erasure_done=done)
        return Book(setting, stream, head, gone, None)
    if sealer is None:
        # The key was destroyed and the head does not know: an older copy of the data.
        gone = State(known=True, length=head.length, erased=instant(0))
        return Book(setting, stream, head, gone, None)
    known = setting.opened_state(sealer.key_stream, state, head.digest)
    if known is None:
        known = _open_state(stream, head, sealer)
        setting.remember_state(sealer.key_stream, Opened(state, head.digest, known))
    if known.length != head.length:
        raise _corrupt(stream, "length")
    if head.length < floor:
        known = replace(known, restored=True)
    return Book(setting, stream, head, known, sealer, floor)


def _open_state(stream: bytes, head: Head, sealer: Sealer) -> State:
    plain = sealer.open(b"state", _state_bind(head.length, head.digest), head.state or b"")
    try:
        return _states.decode(plain)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise _corrupt(stream, "state") from None


def sealed_under(head: Head | None) -> bytes | None:
    """Return the key stream that *head*'s state names, if it is sealed at all."""
    if head is None or head.state is None or not head.state.startswith(b"\x01"):
        return None
    return head.state[2 : 2 + codec.KEY_STREAM]


def _state_bind(length: int, chain: bytes) -> bytes:
    return length.to_bytes(8, "big") + chain


def _bind(field: str, index: int, place: int) -> bytes:
    return _named(field) + _PLACE.pack(index, place)


@lru_cache(maxsize=1024)
def _named(field: str) -> bytes:
    name = field.encode()
    return len(name).to_bytes(2, "big") + name


def _corrupt(stream: bytes, what: str) -> StorageCorrupt:
    return StorageCorrupt(
        f"the {what} of a customer cannot be read",
        place=f"stream {stream.hex()}",
        remedy="run `verify`, and restore from a backup",
    )


__all__ = ["Book", "Cell", "Value", "Written", "open_book", "open_cell", "sealed_under"]
