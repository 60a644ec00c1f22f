"""The check of one stream: its entries against each other, its head, and its seals.

Pure and streaming: feed it pages of entries in order; memory does not grow with the stream
but for runs of forgotten bodies (one pair of numbers per run). It needs no key, so it cannot
say whether a sealed record opens; the digests cover every stored byte of it.

What it cannot see: entries cut off or rewritten that no seal ever covered, when the head was
rewritten with them. Seal often.
"""

from __future__ import annotations

from enum import StrEnum
from hashlib import sha256
from struct import Struct
from typing import TYPE_CHECKING, NamedTuple

import attrs

from clm_ethics.errors import LedgerError, ProofError
from clm_ethics.ledger import record as codec
from clm_ethics.ledger import strict

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

SKEW = 10_000_000
"""How far, in microseconds, the clocks of writers and notary may differ before it counts as back-dating."""
MAX_FAULTS = 100
"""Most faults told of one stream; the rest is counted."""
FORGOTTEN = "forgotten"
"""Kind of the clear record that names forgotten entries: ``"ranges": [[first, last], ...]``."""
ERASURE_BEGUN = "erasure_begun"
"""Kind of the clear record after which every earlier body may be gone."""

_START = Struct(">HQQ")
_SEALED = codec.FORMAT << 8 | codec.AES_256_GCM
_SHORTEST = codec.PREFIX + codec.SHORTEST_SEALED
_NEVER = 1 << 64


class FaultKind(StrEnum):
    """What can be wrong with a stream."""

    ALTERED = "altered"
    REMOVED = "removed"
    REORDERED = "reordered"
    TRUNCATED = "truncated"
    FORKED = "forked"
    BACK_DATED = "back_dated"
    UNSEALED_TOO_LONG = "unsealed_too_long"


@attrs.frozen
class Fault:
    """One thing that is wrong.

    Attributes:
        kind: of what sort.
        stream: where.
        index: at which entry (0: the stream as a whole).
        text: in plain words; no personal data.
    """

    kind: FaultKind
    stream: bytes
    index: int
    text: str

    def __str__(self) -> str:
        return f"stream {self.stream.hex()}: {self.text}"


class Seal(NamedTuple):
    """A leaf of the log that covers a stream.

    Attributes:
        length: how many entries it covers.
        chain: the chain at that length.
        at: when the notary looked at the stream, microseconds since 1970, UTC.
    """

    length: int
    chain: bytes
    at: int


class StreamCheck:
    """Checks one stream. Feed pages in order, then finish.

    Args:
        stream: its id.
        seals: ``(length, chain, at)`` of every leaf of the log that covers it, in any order.
        skew: how far clocks may differ, in microseconds.
    """

    __slots__ = (
        "_bound", "_chain", "_dropped", "_excused", "_faults", "_floor", "_missing", "_named",
        "_next", "_seals", "_since", "_skew", "_stop", "_stream", "_unsealed_from", "_watch",
    )  # fmt: skip

    def __init__(
        self, stream: bytes, seals: Iterable[tuple[int, bytes, int]] = (), *, skew: int = SKEW
    ) -> None:
        self._stream = stream
        self._skew = skew
        self._seals = sorted((Seal(*seal) for seal in seals), reverse=True)
        self._unsealed_from = (self._seals[0].length if self._seals else 0) + 1
        self._since: int | None = None  # time of the oldest entry that no seal covers
        self._watch = self._unsealed_from  # where to look for it: further on if the body is forgotten
        self._next = 1
        self._chain = codec.chain_start(stream)
        self._bound = 0  # no entry may be older: the latest entry, or the latest seal less the skew
        self._floor = 0  # the part of the bound that comes from seals
        self._excused = False  # a fault already told explains why the chain does not fit
        self._missing: list[list[int]] = []
        self._named: list[tuple[int, int]] = []
        self._faults: list[Fault] = []
        self._dropped = 0
        self._stop = 0
        self._at_stop(0)

    def feed(self, entries: Iterable[tuple[int, bytes, bytes | None]]) -> None:
        """Check the next entries: ``(index, digest, body)``, the body ``None`` once forgotten."""
        expected, chain, bound, stop = self._next, self._chain, self._bound, self._stop
        entry_label, chain_label, prefix = codec.ENTRY_LABEL, codec.CHAIN_LABEL, codec.PREFIX
        unpack = _START.unpack_from
        for index, digest, body in entries:
            if index != expected:
                self._chain = chain
                if not self._jump(expected, index):
                    continue
                chain, bound, stop = self._chain, max(bound, self._floor), self._stop
            expected = index + 1
            if body is None:
                self._absent(index)
            else:
                # What ``codec.entry_digest`` and ``chain_next`` do: millions of calls are worth saving.
                computed = sha256(entry_label + body[:prefix] + sha256(body[prefix:]).digest()).digest()
                form, named, at = unpack(body) if len(body) >= _SHORTEST else (0, 0, 0)
                if computed != digest or form != _SEALED or named != index or at < bound:
                    at = self._look(index, digest, body, bound)
                if at > bound:  # noqa: PLR1730  (half the cost of max, millions of times)
                    bound = at
            chain = sha256(chain_label + chain + digest).digest()
            if index == stop:
                self._chain, self._bound = chain, bound
                self._at_stop(index)
                chain, bound, stop = self._chain, max(bound, self._floor), self._stop
        self._next, self._chain, self._bound = expected, chain, bound

    def finish(
        self,
        head_length: int,
        head_digest: bytes,
        forgotten: Iterable[tuple[int, int]] = (),
        *,
        unsealed_before: int | None = None,
    ) -> list[Fault]:
        """Compare with the head and the seals, and return every fault found.

        Args:
            head_length: of the stored head; 0 if there is no head.
            head_digest: of the stored head; ignored if there is no head.
            forgotten: further ranges ``(first, last)`` of entries that may be without body.
            unsealed_before: an entry that no seal covers must not be as old as this instant
                (microseconds since 1970, UTC).
        """
        last = self._next - 1
        self._check_missing(forgotten)
        beyond = [seal.length for seal in self._seals if seal.length > last]
        if beyond:
            self._tell(FaultKind.TRUNCATED, last, f"sealed up to entry {max(beyond)}, ends at entry {last}")
        elif head_length > last:
            self._tell(FaultKind.TRUNCATED, last, f"its head counts {head_length} entries, {last} are there")
        elif head_length < last:
            self._tell(FaultKind.ALTERED, last, f"its head counts {head_length} entries, {last} are there")
        elif head_length and head_digest != self._chain and not self._faults:
            self._tell(FaultKind.ALTERED, last, "the digest of its head does not follow from its entries")
        since = self._since
        if since is not None and unsealed_before is not None and since <= unsealed_before:
            text = f"entries from {self._unsealed_from} on have not been sealed for too long"
            self._tell(FaultKind.UNSEALED_TOO_LONG, self._unsealed_from, text)
        if self._dropped:
            final = self._faults[-1]
            self._faults[-1] = attrs.evolve(final, text=f"{final.text}; and {self._dropped} more faults")
            self._dropped = 0
        return list(self._faults)

    def _tell(self, kind: FaultKind, index: int, text: str) -> None:
        if len(self._faults) < MAX_FAULTS:
            self._faults.append(Fault(kind, self._stream, index, text))
        else:
            self._dropped += 1

    def _jump(self, expected: int, index: int) -> bool:
        """Handle an entry that is not the next; say whether the check can go on from it."""
        self._excused = True
        if index < expected:
            self._tell(FaultKind.REORDERED, index, f"entry {index} comes after entry {expected - 1}")
            return False
        gone = f"entries {expected} to {index - 1} are" if index - expected > 1 else f"entry {expected} is"
        self._tell(FaultKind.REMOVED, expected, f"{gone} not there")
        while self._seals and self._seals[-1].length < index:
            seal = self._seals.pop()
            self._floor = max(self._floor, seal.at - self._skew)
            if seal.length == index - 1:  # the seal says where the chain stands: go on from there
                self._chain, self._excused = seal.chain, False
        self._set_stop(index - 1)
        return True

    def _absent(self, index: int) -> None:
        if self._missing and self._missing[-1][1] == index - 1:
            self._missing[-1][1] = index
        else:
            self._missing.append([index, index])

    def _look(self, index: int, digest: bytes, body: bytes, bound: int) -> int:
        """Say what is wrong with an entry, or read one in clear; return its time, if it can be believed."""
        intact = codec.entry_digest(body) == digest
        if not intact:
            self._excused = True
            self._tell(FaultKind.ALTERED, index, f"entry {index} is not what its digest says")
        try:
            entry = codec.parse(body)
        except LedgerError as error:
            self._tell(FaultKind.ALTERED, index, f"entry {index} cannot be read: {error.what}")
            return 0
        if entry.index != index:
            self._excused = True
            text = f"entry {index} was written as entry {entry.index}"
            self._tell(FaultKind.REORDERED, index, text)
        if entry.at < bound:
            than = "the seal before it" if entry.at < self._floor else "the entry before it"
            self._tell(FaultKind.BACK_DATED, index, f"entry {index} claims to be older than {than}")
        if entry.clear and intact:
            self._read_clear(index, entry)
        return entry.at if intact else 0

    def _read_clear(self, index: int, entry: codec.Parsed) -> None:
        """Take from an entry in clear which bodies it says are gone."""
        salt, record = codec.split(entry.sealed)
        try:
            if codec.commitment(salt, record) != entry.commitment:
                raise ProofError("it does not commit to what it says")
            said = strict.load_object(record, "its record")
            if said.get("kind") == ERASURE_BEGUN:
                self._named.append((1, index - 1))
            elif said.get("kind") == FORGOTTEN:
                self._named.extend(_ranges(said.get("ranges"), index))
        except ProofError as error:
            self._tell(FaultKind.ALTERED, index, f"entry {index} in clear cannot be read: {error.what}")

    def _at_stop(self, index: int) -> None:
        """Compare with the seals at *index*, and note when the unsealed part begins."""
        here = []
        while self._seals and self._seals[-1].length <= index:
            here.append(self._seals.pop())
        fitting = [seal for seal in here if seal.chain == self._chain]
        if len(fitting) < len(here) and not self._excused:
            text = f"entries 1 to {index} are not those that were sealed: history was written anew"
            self._tell(FaultKind.FORKED, index, text)
        if here:
            # A seal that was written twice counts from its first time.
            self._floor = max(self._floor, min(seal.at for seal in fitting or here) - self._skew)
            self._chain = (fitting or here)[0].chain
            self._excused = False
        if index == self._watch:
            if self._missing and self._missing[-1][1] == index:
                self._watch += 1
            else:
                self._since = self._bound
        self._set_stop(index)

    def _set_stop(self, index: int) -> None:
        """Find the next index at which something other than an entry is to be looked at."""
        sealed = self._seals[-1].length if self._seals else _NEVER
        self._stop = min(sealed, self._watch if self._watch > index else _NEVER)

    def _check_missing(self, forgotten: Iterable[tuple[int, int]]) -> None:
        named = sorted((*self._named, *forgotten))
        for first, last in self._missing:
            for start, end in _uncovered(first, last, named):
                which = f"entries {start} to {end} have" if end > start else f"entry {start} has"
                self._tell(
                    FaultKind.REMOVED, start, f"{which} no body, and no entry says that it was forgotten"
                )
        self._missing.clear()


def _ranges(said: object, index: int) -> Iterator[tuple[int, int]]:
    """Read the ranges that entry *index* names as forgotten; they lie before it."""
    if not isinstance(said, list):
        raise ProofError("it does not say what was forgotten")
    for each in said:
        match each:
            case [int(first), int(last)] if bool not in {type(first), type(last)}:
                pass
            case _:
                raise ProofError("it does not say what was forgotten")
        if not 1 <= first <= last < index:
            raise ProofError("it names entries that do not come before it")
        yield first, last


def _uncovered(first: int, last: int, named: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Yield the parts of *first* to *last* that no range of *named* (sorted) covers."""
    for start, end in named:
        if end < first or start > last:
            continue
        if start > first:
            yield first, start - 1
        first = max(first, end + 1)
    if first <= last:
        yield first, last
