"""The notary: seals customers' streams into one signed Merkle log.

It pages the streams marked unsealed, appends a leaf for each, signs a checkpoint, and then
clears each mark conditionally. It runs on demand, on a timer, or from another process; many
may run, one wins. A crash at worst repeats a leaf. Nothing of it is on the write path.

It signs only what continues what it signed before: a log whose head is not the one that was
signed is refused, and one that was rolled back gets a successor that names it.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from ..errors import Busy, ClmError, LedgerError, StorageCorrupt
from ..flows import KEYS, Job, effects, streams
from ..ledger import record as codec
from ..ledger.merkle import Frontier, leaf_hash
from ..ledger.note import checkpoint_text, open_note, parse_checkpoint, parse_vkey, sign_note
from ..ledger.proof import leaf, leaf_salt
from ..ledger.strict import base64
from ..model.times import instant, micros
from ..storage.contract import FIRST, MAX_INT, Entry, Head, Write, check_token

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ..flows import Flow, Setting
    from ..ledger.note import Checkpoint

ATTEMPTS = 8
"""How often a seal starts again because another notary won."""
BATCH = 500
"""Leaves of one write to the log."""
PREVIOUS = "clm_ethics/previous"
"""What the line of a checkpoint begins with that names the log before: origin, size, root."""
MOST_GENERATIONS = 255
"""How often a log can get a successor."""


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
    """The state of the log's head: the Merkle frontier, the newest checkpoint, the newest leaf's time."""

    origin: str
    frontier: bytes
    checkpoint: str
    at: int = 0


class Acknowledged(msgspec.Struct, frozen=True, array_like=True):
    """That somebody knows what a restored backup took from a log: what is left of it, who, and when."""

    generation: int
    size: int
    root: bytes
    by: str
    at: int


class Remembered(msgspec.Struct, frozen=True, array_like=True):
    """What is remembered beside the keys: which log is the current one, and how far it was.

    Attributes:
        generation: of the current log.
        size: of the newest checkpoint that was signed.
        root: of that checkpoint.
        checkpoint: that checkpoint.
        at: when it was signed (microseconds, UTC); it only grows.
        previous: the newest checkpoint of each earlier log.
        acknowledged: what became of earlier logs, where somebody has said that it is known.
    """

    generation: int = 0
    size: int = 0
    root: bytes = b""
    checkpoint: str = ""
    at: int = 0
    previous: tuple[str, ...] = ()
    acknowledged: tuple[Acknowledged, ...] = ()


class Log(NamedTuple):
    """The current log, loaded."""

    generation: int
    origin: str
    head: Head | None
    state: LogState | None
    frontier: Frontier
    remembered: Remembered


_encoder = msgspec.json.Encoder(order="sorted")
_leaves = msgspec.json.Decoder(Leaf)
_states = msgspec.msgpack.Decoder(LogState)
_remembered = msgspec.msgpack.Decoder(Remembered)


def origin_of(setting: Setting, generation: int) -> str:
    """Return the log's name; it is unique to the tenant's keys, and to the generation."""
    return f"{origins(setting)}{generation}"


def origins(setting: Setting) -> str:
    """Return what the names of all the tenant's logs begin with."""
    name = sha256(setting.tenant_keys.receipt_vkey().encode()).hexdigest()[:16]
    return f"clm_ethics/log/{name}/"


def flush(setting: Setting) -> Flow[int]:
    """Write everything that waits in the queue; return how many entries that were."""
    waiting, count = setting.waiting_streams(), setting.waiting
    yield from effects.submit_all([Job(stream, lambda _: None, flush=True) for stream in waiting])
    return count


def seal(setting: Setting) -> Flow[str]:
    """Seal everything that is not sealed yet; return the signed checkpoint.

    Raises:
        LedgerError: the log is not the one that was signed; ``verify`` says what is wrong.
        Busy: other notaries kept winning.
    """
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
    for first in range(256):
        token = streams.unsealed(setting.tenant, first)
        after = FIRST
        seen: set[bytes] = set()
        while True:
            # Also marks of the future: a clock that was set back must leave nothing unsealed.
            found = yield from effects.find(token, MAX_INT, after, BATCH)
            new = [stream for _, stream in found if stream not in seen]
            if not new:
                break  # the rest was marked again while we were at it, and waits for the next seal
            seen.update(new)
            after = found[-1]
            went_on = yield from _seal_batch(setting, log, token, new)
            if went_on is None:
                return None
            log = went_on
    if log.state is None:
        empty = yield from _write_log(setting, log, [])
        if empty is None:
            return None
        log = empty
    checkpoint = "" if log.state is None else log.state.checkpoint
    yield from _remember(setting, log, checkpoint)
    return checkpoint


def _seal_batch(setting: Setting, log: Log, token: bytes, names: list[bytes]) -> Flow[Log | None]:
    # The time of a seal is taken before the heads are loaded: an entry that comes later than the
    # seal is then never older than it. Time in the log never runs backwards.
    at = max(micros(setting.clock()), 0 if log.state is None else log.state.at)
    heads = yield from effects.load(names)
    present = [(name, head) for name, head in zip(names, heads, strict=True) if head is not None]
    secret = setting.tenant_keys.log_secret()
    said = [
        Leaf(name, head.length, head.digest, leaf_salt(secret, name, head.length)) for name, head in present
    ]
    written = yield from _write_log(setting, log, said, at)
    if written is not None:
        yield from _clear_marks(token, present)
    return written


def _write_log(setting: Setting, log: Log, leaves: Sequence[Leaf], at: int = 0) -> Flow[Log | None]:
    head = log.head
    length = 0 if head is None else head.length
    stream = streams.log_stream(setting.tenant, log.generation)
    chain = codec.chain_start(stream) if head is None or not length else head.digest
    frontier = log.frontier
    entries = []
    for index, said in enumerate(leaves, start=length + 1):
        frontier = frontier.append(leaf_hash(said.data()))
        body = codec.clear_body(index, at, setting.random(codec.SALT), _encoder.encode(said))
        digest = codec.entry_digest(body)
        chain = codec.chain_next(chain, digest)
        entries.append(Entry(index, digest, body))
    state = LogState(log.origin, frontier.to_bytes(), _sign(setting, log, frontier), at)
    version = setting.version() if head is None else head.version + 1
    new = Head(version, length + len(entries), chain, msgspec.msgpack.encode(state), b"", ())
    made = yield from effects.commit_one(Write(stream, 0 if head is None else head.version, new, entries))
    return log._replace(head=new, state=state, frontier=frontier) if made else None


def _sign(setting: Setting, log: Log, frontier: Frontier) -> str:
    text = checkpoint_text(log.origin, frontier.size, frontier.root()) + _previous(log.remembered)
    return sign_note(text, [setting.tenant_keys.log_signer(log.origin)])


def _previous(remembered: Remembered) -> str:
    """Return the line that names the log before, with the last size and root of it that were signed."""
    if not remembered.previous:
        return ""
    last = parse_checkpoint(remembered.previous[-1])
    return f"{PREVIOUS} {last.origin} {last.size} {base64(last.root)}\n"


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
    """Load the current log. One that is behind what is remembered of it gets a successor.

    Raises:
        LedgerError: the log is not the one that was signed.
    """
    remembered = yield from load_remembered(setting)
    log = yield from _load_generation(setting, remembered)
    while _behind(log):
        if log.generation == MOST_GENERATIONS:
            raise LedgerError("the log has had too many successors", place="log")
        # Rolled back: signing here would fork a log that somebody has seen longer.
        previous = (*remembered.previous, remembered.checkpoint)
        remembered = Remembered(
            generation=log.generation + 1,
            at=remembered.at,
            previous=previous,
            acknowledged=remembered.acknowledged,
        )
        log = yield from _load_generation(setting, remembered)
    return log


def _behind(log: Log) -> bool:
    known = log.remembered
    return log.frontier.size < known.size or (
        log.frontier.size == known.size > 0 and log.frontier.root() != known.root
    )


def _load_generation(setting: Setting, remembered: Remembered) -> Flow[Log]:
    generation = remembered.generation
    head = yield from effects.load_one(streams.log_stream(setting.tenant, generation))
    origin = origin_of(setting, generation)
    if head is None:
        return Log(generation, origin, None, None, Frontier(), remembered)
    state = read_log_state(head)
    try:
        frontier = Frontier.from_bytes(state.frontier)
        signed = open_checkpoint(setting, generation, state.checkpoint)
        fits = (signed.size, signed.root) == (frontier.size, frontier.root())
    except (ClmError, ValueError):
        fits = False
    if not fits:
        # The notary's signature must never make true what somebody else has written there.
        raise LedgerError(
            "the log is not the one that was signed",
            place="log",
            remedy="verify() says what is wrong; restore from a backup",
        )
    return Log(generation, origin, head, state, frontier, remembered)


def open_checkpoint(setting: Setting, generation: int, note: str) -> Checkpoint:
    """Return the checkpoint in *note*, signed by the tenant's log; ``NoteError`` if it is none."""
    origin = origin_of(setting, generation)
    verifier = parse_vkey(setting.tenant_keys.log_vkey(origin))
    found = parse_checkpoint(open_note(note, [verifier]).text)
    if found.origin != origin:
        raise LedgerError("the checkpoint is of another log", place="log")
    return found


def read_log_state(head: Head) -> LogState:
    """Read the log's state; ``StorageCorrupt`` if it is none."""
    try:
        return _states.decode(head.state or b"")
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise StorageCorrupt(
            "the log's head cannot be read", place="log", remedy="restore from a backup"
        ) from None


def read_leaf(entry: Entry) -> Leaf:
    """Read an entry of the log; ``StorageCorrupt`` if it is no leaf."""
    try:
        _, record = codec.split(codec.parse(entry.body or b"").sealed)
        said = _leaves.decode(record)
        check_token(said.stream, "stream")
    except (LedgerError, msgspec.DecodeError, ValueError):
        raise StorageCorrupt(
            f"entry {entry.index} of the log cannot be read",
            place="log",
            remedy="verify() says what is wrong",
        ) from None
    return said


def _remember(setting: Setting, log: Log, checkpoint: str) -> Flow[None]:
    """Keep the newest checkpoint beside the keys, where a backup of the data does not reach."""

    def newest(known: Remembered) -> Remembered | None:
        if (known.generation, known.size) > (log.generation, log.frontier.size):
            return None  # another notary remembers a later one
        return Remembered(
            generation=log.generation,
            size=log.frontier.size,
            root=log.frontier.root(),
            checkpoint=checkpoint,
            at=max(known.at, micros(setting.clock())),
            previous=log.remembered.previous,
            acknowledged=known.acknowledged,
        )

    yield from change_remembered(setting, newest)


def change_remembered(setting: Setting, change: Callable[[Remembered], Remembered | None]) -> Flow[None]:
    """Replace what is remembered by what *change* makes of it (``None``: leave it)."""
    name = streams.checkpoint_stream(setting.tenant)
    for attempt in range(ATTEMPTS):
        head = yield from effects.load_one(name, KEYS)
        new = change(_read_remembered(head))
        if new is None:
            return
        version = 0 if head is None else head.version
        state = msgspec.msgpack.encode(new)
        written = Head(version + 1 if version else setting.version(), 0, b"", state, b"", ())
        if (yield from effects.commit_one(Write(name, version, written), KEYS)):
            return
        yield from effects.pause(0.002 * 2**attempt)
    raise Busy("what is remembered of the log kept moving", place="seal", remedy="seal again")


def load_remembered(setting: Setting) -> Flow[Remembered]:
    """Return what is remembered of the log beside the keys."""
    head = yield from effects.load_one(streams.checkpoint_stream(setting.tenant), KEYS)
    return _read_remembered(head)


def _read_remembered(head: Head | None) -> Remembered:
    if head is None:
        return Remembered()
    try:
        found = _remembered.decode(head.state or b"")
        instant(found.at)
        possible = 0 <= found.generation <= MOST_GENERATIONS and found.generation == len(found.previous)
    except (msgspec.DecodeError, ValueError, OverflowError):
        possible = False
    if not possible:
        raise StorageCorrupt(
            "what is remembered of the log beside the keys cannot be read",
            place="keys",
            remedy="restore the keys from a backup",
        )
    return found


def acknowledge(setting: Setting, by: str) -> Flow[int]:
    """Note who knows of what a restored backup took from the log; return how many logs that were."""
    log = yield from load_log(setting)
    left = []
    for generation in range(log.generation):
        head = yield from effects.load_one(streams.log_stream(setting.tenant, generation))
        frontier = Frontier() if head is None else Frontier.from_bytes(read_log_state(head).frontier)
        left.append(Acknowledged(generation, frontier.size, frontier.root(), by, micros(setting.clock())))
    told = 0

    def note(known: Remembered) -> Remembered | None:
        nonlocal told
        before = {(each.generation, each.size, each.root) for each in known.acknowledged}
        new = tuple(
            each
            for each in left
            if (each.generation, each.size, each.root) not in before and _lost(each, log.remembered)
        )
        told = len(new)
        if not new:
            return None
        base = log.remembered if log.generation > known.generation else known
        return msgspec.structs.replace(base, acknowledged=known.acknowledged + new, at=max(base.at, known.at))

    yield from change_remembered(setting, note)
    return told


def _lost(left: Acknowledged, known: Remembered) -> bool:
    """Say whether something of the log is missing that was signed."""
    signed = parse_checkpoint(known.previous[left.generation])
    return (left.size, left.root) != (signed.size, signed.root)
