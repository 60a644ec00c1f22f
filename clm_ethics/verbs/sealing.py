"""The notary: seals customers' streams into one signed Merkle log, and proves entries from it.

It pages the streams marked unsealed, appends a leaf for each, signs a checkpoint, and then
clears each mark conditionally. It runs on demand, on a timer, or from another process; many
may run, one wins. A crash at worst repeats a leaf. Nothing of it is on the write path.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from ..errors import Busy, LedgerError, StorageCorrupt
from ..flows import KEYS, Job, effects, streams
from ..ledger import record as codec
from ..ledger.merkle import Frontier, inclusion_proof, leaf_hash
from ..ledger.note import checkpoint_text, sign_note
from ..ledger.proof import leaf, leaf_salt, make_proof
from ..model.times import micros
from ..storage.contract import FIRST, Entry, Head, Write

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..flows import Flow, Setting
    from ..ledger.proof import Proof
    from ..ledger.receipt import Receipt

ATTEMPTS = 8
"""How often a seal starts again because another notary won."""
BATCH = 500
"""Leaves of one write to the log."""
PAGE = 1000
"""Entries of one page."""


class Leaf(msgspec.Struct, frozen=True, tag_field="kind", tag="leaf"):
    """One entry of the log, in clear: a stream's length and chain, and the leaf's salt."""

    stream: bytes
    length: int
    chain: bytes
    salt: bytes

    def data(self) -> bytes:
        """Return the data of the Merkle leaf."""
        return leaf(self.salt, self.stream, self.length, self.chain)


class LogState(msgspec.Struct, frozen=True, array_like=True):
    """The state of the log's head: the Merkle frontier and the newest checkpoint."""

    origin: str
    frontier: bytes
    checkpoint: str


class Remembered(msgspec.Struct, frozen=True, array_like=True):
    """What is remembered beside the keys: which log is the current one, and how far it was."""

    generation: int = 0
    size: int = 0
    root: bytes = b""
    checkpoint: str = ""
    at: int = 0
    previous: tuple[str, ...] = ()


class Log(NamedTuple):
    """The current log, loaded."""

    generation: int
    origin: str
    head: Head | None
    frontier: Frontier
    remembered: Remembered
    remembered_version: int


_encoder = msgspec.json.Encoder(order="sorted")
leaves = msgspec.json.Decoder(Leaf)
_states = msgspec.msgpack.Decoder(LogState)
_remembered = msgspec.msgpack.Decoder(Remembered)


def origin_of(setting: Setting, generation: int) -> str:
    """Return the log's name; it is unique to the tenant's keys, and to the generation."""
    name = sha256(setting.tenant_keys.receipt_vkey().encode()).hexdigest()[:16]
    return f"clm_ethics/log/{name}/{generation}"


def flush(setting: Setting) -> Flow[int]:
    """Write everything that waits in the queue; return how many entries that were."""
    waiting, count = setting.waiting()
    for stream in waiting:
        yield from effects.submit(Job(stream, lambda _: None, flush=True))
    return count


def seal(setting: Setting) -> Flow[str]:
    """Seal everything that is not sealed yet; return the signed checkpoint."""
    yield from flush(setting)
    for attempt in range(ATTEMPTS):
        log = yield from load_log(setting)
        done = yield from _seal(setting, log)
        if done is not None:
            return done
        yield from effects.pause(0.002 * 2**attempt)
    raise Busy("other notaries kept winning", place="seal", remedy="nothing is lost; seal again")


def _seal(setting: Setting, log: Log) -> Flow[str | None]:
    """Go over the marks once; ``None``: another notary won."""
    checkpoint = _stored_checkpoint(log)
    for first in range(256):
        token = streams.unsealed(setting.tenant, first)
        after = FIRST
        while True:
            started = setting.clock()
            found = yield from effects.find(token, micros(started), after, BATCH)
            if not found:
                break
            after = found[-1]
            log_or_none = yield from _seal_batch(setting, log, token, [stream for _, stream in found])
            if log_or_none is None:
                return None
            log = log_or_none
            checkpoint = _stored_checkpoint(log)
    if checkpoint is None:
        empty = yield from _write_log(setting, log, [], log.frontier)
        if empty is None:
            return None
        log, checkpoint = empty, _stored_checkpoint(empty)
    yield from _remember(setting, log, checkpoint or "")
    return checkpoint


def _seal_batch(setting: Setting, log: Log, token: bytes, names: list[bytes]) -> Flow[Log | None]:
    # The time of a seal is taken before the heads are loaded: an entry that comes later than the
    # seal is then never older than it.
    at = micros(setting.clock())
    heads = yield from effects.load(names)
    present = [(name, head) for name, head in zip(names, heads, strict=True) if head is not None]
    secret = setting.tenant_keys.log_secret()
    frontier = log.frontier
    entries: list[tuple[int, bytes]] = []
    for name, head in present:
        salt = leaf_salt(secret, name, head.length)
        said = Leaf(name, head.length, head.digest, salt)
        frontier = frontier.append(leaf_hash(said.data()))
        entries.append((at, _encoder.encode(said)))
    written = yield from _write_log(setting, log, entries, frontier)
    if written is None:
        return None
    yield from _clear_marks(token, present)
    return written


def _write_log(
    setting: Setting, log: Log, records: Sequence[tuple[int, bytes]], frontier: Frontier
) -> Flow[Log | None]:
    head = log.head
    length = 0 if head is None else head.length
    stream = streams.log_stream(setting.tenant, log.generation)
    chain = codec.chain_start(stream) if head is None or not length else head.digest
    entries = []
    for index, (at, record) in enumerate(records, start=length + 1):
        body = codec.clear_body(index, at, setting.random(codec.SALT), record)
        digest = codec.entry_digest(body)
        chain = codec.chain_next(chain, digest)
        entries.append(Entry(index, digest, body))
    note = sign_note(
        checkpoint_text(log.origin, frontier.size, frontier.root()),
        [setting.tenant_keys.log_signer(log.origin)],
    )
    state = msgspec.msgpack.encode(LogState(log.origin, frontier.to_bytes(), note))
    version = setting.version() if head is None else head.version + 1
    new = Head(version, length + len(entries), chain, state, b"", ())
    made = yield from effects.commit_one(Write(stream, 0 if head is None else head.version, new, entries))
    return log._replace(head=new, frontier=frontier) if made else None


def _clear_marks(token: bytes, present: Sequence[tuple[bytes, Head]]) -> Flow[None]:
    """Clear the marks of what was sealed; who moved meanwhile keeps his for the next seal."""
    writes = [
        Write(
            name,
            head.version,
            head._replace(
                version=head.version + 1,
                state=None,
                values=None,
                marks=tuple(mark for mark in head.marks or () if mark.token != token),
            ),
        )
        for name, head in present
    ]
    if writes:
        yield from effects.commit(writes)


def load_log(setting: Setting) -> Flow[Log]:
    """Load the current log. One that is behind what is remembered of it gets a successor."""
    known = yield from effects.load_one(streams.checkpoint_stream(setting.tenant), KEYS)
    remembered = Remembered() if known is None else _remembered.decode(known.state or b"")
    version = 0 if known is None else known.version
    head = yield from effects.load_one(streams.log_stream(setting.tenant, remembered.generation))
    origin = origin_of(setting, remembered.generation)
    frontier = _frontier(head)
    if frontier.size < remembered.size or (
        frontier.size == remembered.size and remembered.size and frontier.root() != remembered.root
    ):
        # Rolled back: signing here would fork a log that somebody has seen longer.
        generation = remembered.generation + 1
        remembered = Remembered(
            generation=generation, previous=(*remembered.previous, remembered.checkpoint), at=remembered.at
        )
        head = yield from effects.load_one(streams.log_stream(setting.tenant, generation))
        origin, frontier = origin_of(setting, generation), _frontier(head)
    return Log(remembered.generation, origin, head, frontier, remembered, version)


def _frontier(head: Head | None) -> Frontier:
    if head is None:
        return Frontier()
    return Frontier.from_bytes(read_log_state(head).frontier)


def read_log_state(head: Head) -> LogState:
    """Read the log's state; ``StorageCorrupt`` if it is none."""
    try:
        return _states.decode(head.state or b"")
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise StorageCorrupt(
            "the log's head cannot be read", place="log", remedy="restore from a backup"
        ) from None


def _stored_checkpoint(log: Log) -> str | None:
    return None if log.head is None else read_log_state(log.head).checkpoint


def _remember(setting: Setting, log: Log, checkpoint: str) -> Flow[None]:
    """Keep the newest checkpoint beside the keys, where a backup of the data does not reach."""
    name = streams.checkpoint_stream(setting.tenant)
    frontier = log.frontier
    state = msgspec.msgpack.encode(
        Remembered(
            generation=log.generation,
            size=frontier.size,
            root=frontier.root(),
            checkpoint=checkpoint,
            at=micros(setting.clock()),
            previous=log.remembered.previous,
        )
    )
    version = log.remembered_version
    new = Head(setting.version() if version == 0 else version + 1, 0, b"", state, b"", ())
    yield from effects.commit_one(Write(name, version, new), KEYS)  # who loses knew of a later one


def load_remembered(setting: Setting) -> Flow[Remembered]:
    """Return what is remembered of the log beside the keys."""
    head = yield from effects.load_one(streams.checkpoint_stream(setting.tenant), KEYS)
    return Remembered() if head is None else _remembered.decode(head.state or b"")


def prove(setting: Setting, receipt: Receipt) -> Flow[Proof]:
    """Upgrade *receipt* to a proof that anybody can check offline, also after an erasure.

    Raises:
        LedgerError: its entry is not sealed yet, or is not in this ledger.
    """
    remembered = yield from load_remembered(setting)
    for generation in range(remembered.generation, -1, -1):
        found = yield from _find_leaf(setting, generation, receipt)
        if found is not None:
            sealed, leaf_index, path, checkpoint = found
            before, following = yield from _around(receipt, sealed.length)
            return make_proof(
                receipt,
                chain_before=before,
                following=following,
                leaf_salt=sealed.salt,
                leaf_index=leaf_index,
                path=path,
                checkpoint=checkpoint,
            )
    raise LedgerError("the entry is not sealed yet", place="prove", remedy="seal() first")


class _Found(NamedTuple):
    leaf: Leaf
    index: int  # type: ignore[assignment]  # hides tuple.index, which nobody needs
    path: Sequence[bytes]
    checkpoint: str


def _find_leaf(setting: Setting, generation: int, receipt: Receipt) -> Flow[_Found | None]:
    stream = streams.log_stream(setting.tenant, generation)
    head = yield from effects.load_one(stream)
    if head is None:
        return None
    hashes: list[bytes] = []
    best: tuple[int, Leaf] | None = None
    position = 0
    while position < head.length:
        page = yield from effects.entries(stream, position, min(PAGE, head.length - position))
        if not page:
            raise StorageCorrupt("entries of the log are missing", place="log", remedy="verify() says which")
        for entry in page:
            position = entry.index
            said = read_leaf(entry)
            hashes.append(leaf_hash(said.data()))
            covers = said.stream == receipt.stream and said.length >= receipt.index
            if covers and (best is None or said.length < best[1].length):
                best = (len(hashes) - 1, said)
    if best is None:
        return None
    path = inclusion_proof(best[0], hashes)
    return _Found(best[1], best[0], path, read_log_state(head).checkpoint)


def read_leaf(entry: Entry) -> Leaf:
    """Read an entry of the log; ``StorageCorrupt`` if it is no leaf."""
    try:
        _, record = codec.split(codec.parse(entry.body or b"").sealed)
        return leaves.decode(record)
    except (LedgerError, msgspec.DecodeError, UnicodeDecodeError):
        raise StorageCorrupt(
            f"entry {entry.index} of the log cannot be read",
            place="log",
            remedy="verify() says what is wrong",
        ) from None


def _around(receipt: Receipt, length: int) -> Flow[tuple[bytes, list[bytes]]]:
    """Return the chain before the receipt's entry, and the digests after it up to the seal."""
    chain = codec.chain_start(receipt.stream)
    before, following = b"", []
    position = 0
    while position < length:
        page = yield from effects.entries(receipt.stream, position, min(PAGE, length - position))
        if not page:
            raise StorageCorrupt(
                "entries of the stream are missing", place="prove", remedy="verify() says which"
            )
        for entry in page:
            position = entry.index
            if entry.index == receipt.index:
                if entry.digest != receipt.digest:
                    raise LedgerError("the receipt's entry is not in this ledger", place="prove")
                before = chain
            elif entry.index > receipt.index:
                following.append(entry.digest)
            chain = codec.chain_next(chain, entry.digest)
    return before, following
