"""What every verb needs: finding the customer, checking the caller, idempotent repetition."""

from __future__ import annotations

import sys
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import msgspec
from msgspec.structs import replace

from ..errors import (
    Denied,
    KeyReused,
    StorageCorrupt,
    StorageUnavailable,
    UnknownCustomer,
    UsageError,
    ValueRefused,
)
from ..flows import KEYS, act, effects, look, streams
from ..flows.book import Book, Written
from ..flows.setting import NOBODY
from ..ledger import record as codec
from ..model.events import Event, Telling, from_record
from ..model.fold import KEY_RECORD, VISIT
from ..model.state import Step
from ..model.times import EPOCH, aware
from ..policy import Request, decide
from ..policy.decide import brought_moves, effective_moves
from ..policy.decision import Decision, Reason, Verdict
from ..storage.contract import Write
from ..vault.normalise import normalise
from .checking import check_text

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from ..flows import Flow, Setting
    from ..model.state import State

T = TypeVar("T")
E = TypeVar("E", bound=Event)

LONGEST_REF = 512
"""Most characters of a customer reference, an actor and an idempotency key."""
REF = "ref"
"""The pseudo-field whose look-up token leads to a customer's claim."""
CLOCK_SLACK = timedelta(minutes=5)
"""How far ``at=`` may lie in the future: clocks of two hosts differ."""


class Repeated(NamedTuple):
    """The same telling was made before, as entry *index*."""

    index: int  # type: ignore[assignment]  # hides tuple.index, which nobody needs


class Elsewhere(Exception):
    """The visitor of *stream* has become the customer of *into*, who answers."""

    def __init__(self, stream: bytes, into: bytes) -> None:
        super().__init__()
        self.stream, self.into = stream, into


class Stale(Exception):
    """A remembered way led to a stream that is not a living customer's."""


def check_actor(by: str | None, acting: str | None, verb: str) -> str:
    """Return the actor: ``by=``, or the steward's default; ``UsageError`` without either."""
    actor = by if by is not None else acting
    if not actor:
        raise UsageError(
            "no actor",
            place=verb,
            remedy="pass by=..., or use steward.acting(...): who does it stands in the ledger",
        )
    # A plain str, also of a member of an enumeration.
    return sys.intern(str.__str__(check_text(actor, "an actor", f"{verb}(by=)", LONGEST_REF)))


def check_ref(ref: object) -> str:
    """Return the host's reference, or raise ``UsageError``; the reference itself is not shown."""
    text = check_text(ref, "a customer reference", "customer", LONGEST_REF)
    if not text.strip():
        raise UsageError("a customer reference is not empty", place="customer", remedy="pass str(id)")
    return text


def check_happened(at: datetime | None, now: datetime, verb: str) -> datetime | None:
    """Return ``at=`` in UTC; a time in the future is a ``UsageError``."""
    if at is None:
        return None
    happened = aware(at, f"{verb}(at=)")
    if happened < EPOCH:
        raise UsageError("a time before 1970", place=f"{verb}(at=)", remedy="pass when it happened")
    if happened > now + CLOCK_SLACK:
        raise UsageError("it has not happened yet", place=f"{verb}(at=)", remedy="record it when it has")
    return happened


def token_of(setting: Setting, field: str, text: str) -> bytes:
    """Return the look-up token of *text* in *field*: the reference, or a look-up field."""
    kind = "plain" if field == REF else setting.policy.fields[field].lookup
    return setting.tenant_keys.token(_stored_name(setting, field), _normal(kind, field, text))


def tombstone_of(setting: Setting, field: str, text: str) -> bytes:
    """Return the token under which the erasure register knows *text* of *field*."""
    kind = "plain" if field == REF else setting.policy.fields[field].lookup
    return setting.tenant_keys.tombstone(_stored_name(setting, field), _normal(kind, field, text))


def _stored_name(setting: Setting, field: str) -> str:
    """Return the oldest name of *field*: under it every version of the policy finds the same customers."""
    renames = setting.policy.renames
    return field if renames is None else renames.fields.oldest(field)


def _normal(kind: str, field: str, text: str) -> str:
    try:
        return normalise(kind, text)
    except ValueRefused as error:
        raise ValueRefused(
            error.what, place=f"field `{field}`", remedy=error.remedy or "pass the text as people write it"
        ) from None


class Tombstone(msgspec.Struct, frozen=True, array_like=True):
    """What a head of the erasure register says.

    Attributes:
        stream: the erased customer's stream.
        at: when the erasure was asked for (microseconds, UTC).
        done: it has come to its end.
        tokens: the register's own heads and the claim of the same customer.
        claim: the look-up token of the reference.
    """

    stream: bytes
    at: int
    done: bool = False
    tokens: tuple[bytes, ...] = ()
    claim: bytes = b""


_tombstones = msgspec.msgpack.Decoder(Tombstone)


def read_tombstone(state: bytes | None) -> Tombstone:
    """Read a head of the register; ``StorageCorrupt`` if it is none."""
    try:
        return _tombstones.decode(state or b"")
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise StorageCorrupt(
            "a head of the erasure register cannot be read",
            place="keys",
            remedy="restore the keys from a backup",
        ) from None


def locate(setting: Setting, ref: str) -> Flow[tuple[bytes | None, bool]]:
    """Return the stream that *ref* leads to, and whether that way was only remembered.

    A reference without a claim is looked up in the erasure register.
    """
    remembered = setting.remembered_ref(ref)
    if remembered is not None:
        return remembered, True
    token = token_of(setting, REF, ref)
    claim = yield from effects.load_one(token)
    if claim is not None and claim.state:
        if len(claim.state) != streams.STREAM:
            raise _astray()
        setting.remember_ref(ref, token, claim.state)
        return claim.state, False
    stone = yield from effects.load_one(tombstone_of(setting, REF, ref), KEYS)
    return (None if stone is None else read_tombstone(stone.state).stream), False


def on_customer(
    setting: Setting, ref: str, function: Callable[[Book], T], absent: Callable[[], T] | None = None
) -> Flow[T]:
    """Run *function* on the customer's book through the committer.

    *absent* answers for who was never enrolled; without it ``UnknownCustomer`` is raised.
    """
    stream, remembered = yield from locate(setting, ref)

    def living(book: Book) -> T:
        if remembered and (not book.state.known or book.state.erased is not None):
            raise Stale
        if book.state.joined:
            raise Elsewhere(book.stream, book.state.into)
        check_whose(setting, book, ref)
        return function(book)

    if stream is not None:
        try:
            return (yield from act(stream, living))
        except Stale:
            setting.forget_ref(token_of(setting, REF, ref))
            return (yield from on_customer(setting, ref, function, absent))
        except Elsewhere as moved_on:
            yield from lead(setting, ref, moved_on.stream, moved_on.into)
            return (yield from on_customer(setting, ref, function, absent))
    if absent is None:
        raise unknown()
    return absent()


def lead(setting: Setting, ref: str, old: bytes, new: bytes) -> Flow[bool]:
    """Let *ref* lead to the stream *new*, if it leads to *old*; say whether it does now."""
    token = token_of(setting, REF, ref)
    setting.forget_ref(token)
    claim = yield from effects.load_one(token)
    if claim is None or claim.state not in (old, new):
        return False
    if claim.state == new:
        return True
    moved_claim = claim._replace(version=claim.version + 1, state=new)
    try:
        yield from effects.commit_one(Write(token, claim.version, moved_claim))
    except StorageUnavailable as error:
        if error.written is not None:
            raise
    return (yield from lead(setting, ref, old, new))  # who lost, or does not know, looks again


def peek(setting: Setting, ref: str) -> Flow[Book]:
    """Open the customer's book to look at it; a book of nobody's if there is none."""
    stream, remembered = yield from locate(setting, ref)
    if stream is None:
        return Book(setting, b"\x00", None, NOBODY, None)
    book = yield from look(setting, stream)
    if remembered and (not book.state.known or book.state.erased is not None):
        setting.forget_ref(token_of(setting, REF, ref))
        return (yield from peek(setting, ref))
    if book.state.joined:
        book = yield from look(setting, book.state.into)
        setting.forget_ref(token_of(setting, REF, ref))
    check_whose(setting, book, ref)
    return book


def check_whose(setting: Setting, book: Book, ref: str) -> None:
    """Raise ``StorageCorrupt`` if *ref* led to another living customer: nothing seals a claim."""
    theirs = book.state.about.get(REF)
    if theirs is None or theirs == ref or knows_visit(setting, book.state, ref):
        return
    if token_of(setting, REF, theirs) == token_of(setting, REF, ref):
        return
    raise _astray()


def visits_token(setting: Setting, stream: bytes) -> bytes:
    """Return the mark by which the visits of the customer of *stream* are found."""
    return setting.tenant_keys.token("visits", stream.hex())


def visit_name(setting: Setting, ref: str) -> bytes:
    """Return the digest by which a customer knows the visitor *ref* of theirs."""
    return token_of(setting, REF, ref)[:VISIT]


def knows_visit(setting: Setting, state: State, ref: str) -> bool:
    """Say whether the visitor *ref* is the customer of *state*."""
    name = visit_name(setting, ref) if state.visits else b""
    return any(state.visits[start : start + VISIT] == name for start in range(0, len(state.visits), VISIT))


def _astray() -> StorageCorrupt:
    return StorageCorrupt(
        "a reference leads to another customer",
        place="customer",
        remedy="the storage was altered: run `verify`, and restore from a backup",
    )


def unknown() -> UnknownCustomer:
    """Return the error for a command about nobody."""
    return UnknownCustomer("no such customer", place="customer", remedy="enroll(...) first")


def need_living(book: Book, verb: str) -> None:
    """Raise ``UnknownCustomer`` unless *book* is a living customer's."""
    if book.state.erased is not None:
        raise UnknownCustomer(
            "the customer has been erased", place=verb, remedy="enroll(..., again=True) by their own wish"
        )
    if not book.state.known:
        raise unknown()


def need_current(setting: Setting, book: Book, verb: str) -> None:
    """Raise ``Denied`` if a backup was restored from before a no: what it says must not be built upon."""
    if book.state.restored:
        purpose = next(iter(setting.policy.purposes))
        raise Denied(decide(setting.policy, book.state, Request(purpose, ()), book.now()), place=verb)


def moved(setting: Setting, book: Book, event: E) -> E:
    """Return *event* with the changes of stage that it brings, and those that have come due."""
    policy = setting.policy
    if isinstance(event, Telling) and event.steps:
        when = event.happened or event.at
        steps = [Step(when, name, event.by) for name in event.steps]
        moves = brought_moves(policy, book.state, steps, event.at)
    else:
        moves = effective_moves(policy, book.state, event.at)
    return replace(event, moves=moves) if moves else event


def key_bytes(book: Book, scope: str, key: str | None, content: Any) -> bytes:
    """Return the sixteen bytes that stand for an idempotency key and its content, or nothing."""
    if key is None:
        return b""
    check_text(key, "an idempotency key", f"{scope}(key=)", LONGEST_REF)
    sealer = book.need_sealer()
    renames = book.setting.policy.renames
    if renames is not None:
        verb, colon, event = scope.partition(":")
        scope, content = verb + colon + renames.events.oldest(event), renames.said(content)
    said = msgspec.json.encode(content, order="sorted")
    return sealer.mac(f"key\n{scope}\n{key}".encode())[:8] + sealer.mac(b"content\n" + said)[:8]


def repeated(book: Book, key: bytes, scope: str) -> Repeated | None:
    """Say whether the same telling was made before; ``KeyReused`` if its content was another."""
    if not key:
        return None
    keys = book.state.keys
    for start in range(0, len(keys), KEY_RECORD):
        if keys[start : start + 8] == key[:8]:
            if keys[start + 8 : start + 16] != key[8:]:
                raise KeyReused(
                    "the key was used before, with other content",
                    place=f"{scope}(key=)",
                    remedy="give each telling a key of its own",
                )
            return Repeated(int.from_bytes(keys[start + 16 : start + KEY_RECORD], "big"))
    return None


def refuse(decision: Decision, reasons: tuple[Reason, ...], verb: str) -> Denied:
    """Return the error for a command that *decision* would allow but for *reasons*."""
    verdict = Verdict.DENY if decision else decision.verdict
    return Denied(replace(decision, verdict=verdict, reasons=reasons), place=verb)


class Past(NamedTuple):
    """An entry that was written earlier, opened."""

    body: bytes
    salt: bytes
    record: bytes
    event: Any

    def __repr__(self) -> str:
        """Show what kind of entry it is."""
        return f"<Past {type(self.event).__name__}>"


def past_entry(setting: Setting, ref: str, index: int) -> Flow[tuple[bytes, Past]]:
    """Return the customer's stream and the opened entry *index*."""
    book = yield from peek(setting, ref)
    return book.stream, (yield from past_of(book, index))


def past_of(book: Book, index: int) -> Flow[Past]:
    """Return the opened entry *index* of *book*'s stream."""
    found = yield from effects.entries(book.stream, index - 1, 1)
    if not found or found[0].index != index or found[0].body is None:
        raise UnknownCustomer("the entry has been forgotten", place=f"entry {index}")
    return open_entry(book, found[0].body)


def open_entry(book: Book, body: bytes) -> Past:
    """Open the *body* of an entry; its event is told under the names of the policy in force."""
    past = recorded_entry(book, body)
    renames = book.setting.policy.renames
    return past if renames is None else past._replace(event=renames.event(past.event))


def recorded_entry(book: Book, body: bytes) -> Past:
    """Open the *body* of an entry, with its event under the names by which it was recorded."""
    entry = codec.parse(body)
    plain = entry.sealed if entry.clear else book.need_sealer().open_entry(entry.header, entry.sealed)
    salt, record = codec.split(plain)
    try:
        return Past(body, salt, record, from_record(record))
    except (msgspec.DecodeError, ValueError):
        raise StorageCorrupt(
            f"what entry {entry.index} says cannot be read",
            place="a customer's stream",
            remedy="run `verify`, and restore from a backup",
        ) from None


def written_past(written: Written, event: Event) -> Past:
    """Return a fresh entry in the form of an old one."""
    return Past(written.body, written.salt, written.record, event)
