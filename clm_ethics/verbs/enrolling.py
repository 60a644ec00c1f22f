"""Enrolling: a claim makes the host's reference unique, and a crash never leaves two customers.

The steps are those of the design: (1) the key stream and the claim; (2) claim made: the
customer's stream; (3) claim refused, its owner lives: already enrolled; (4) the owner's stream
does not exist (a crash, or somebody slower): make it void, and only then take the claim over;
(5) who finds his own stream void starts again. All interleavings of two enrolments leave one
living customer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from msgspec.structs import replace

from ..errors import AlreadyEnrolled, Busy, StorageUnavailable
from ..flows import DATA, KEYS, Book, effects, streams
from ..flows.setting import NOBODY
from ..model.events import Enrolled
from ..model.fold import apply
from ..model.state import Status
from ..policy.values import Basis
from ..policy.words import reason
from ..storage.contract import Head, Write
from ..vault.sealing import Sealer
from .collecting import Input, check_shown, check_values, collect, may_collect
from .common import (
    REF,
    check_actor,
    check_happened,
    check_ref,
    key_bytes,
    refuse,
    repeated,
    token_of,
    tombstone_of,
)
from .flooring import Floor, once_said, set_floor

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from ..errors import Denied
    from ..flows import Flow, Setting
    from ..model.state import State
    from ..policy import Decision
    from ..policy.values import Purpose

ATTEMPTS = 16
"""How often an enrolment starts again before it gives up as ``Busy``."""
PAUSE = 0.01
"""Seconds to wait after an answer was lost, and at most before the first new start."""


class Wish(NamedTuple):
    """A checked enrolment.

    Attributes:
        scope: the verb for which its *key* counts.
        source: where the values came from, if not from the customer.
        more: what else its content is, beside the values.
        then: appends what the same write holds beside the enrolment.
    """

    ref: str
    purpose: Purpose
    given: Input
    informed: tuple[str, ...]
    shown: str
    by: str
    happened: datetime | None
    key: str | None
    again: bool
    answer: Decision
    scope: str = "enroll"
    source: str = ""
    more: tuple[Any, ...] = ()
    then: Callable[[Book], None] | None = None

    def __repr__(self) -> str:
        """Show neither who nor what."""
        return f"<wish to enrol for {self.purpose.name}>"


def enroll(
    setting: Setting,
    ref: str,
    values: Mapping[str, Any],
    *,
    purpose: str,
    by: str | None = None,
    shown: str | None = None,
    at: datetime | None = None,
    key: str | None = None,
    again: bool = False,
) -> Flow[str]:
    """Make a customer of *ref*; return the reference once everything is durable."""
    by = check_actor(by, setting.acting, "enroll")
    policy = setting.policy
    wanted = policy.purpose(purpose)
    now = setting.clock()
    given = check_values(policy, values, now)
    informed = check_shown(policy, shown, "enroll")
    state = replace(NOBODY, about=given.about)
    answer = may_collect(policy, state, wanted, given, now, "enroll")
    happened = check_happened(at, now, "enroll")
    wish = Wish(check_ref(ref), wanted, given, informed, shown or "", by, happened, key, again, answer)
    yield from enroll_one(setting, wish)
    return ref


def enroll_one(setting: Setting, wish: Wish) -> Flow[bool]:
    """Go through the steps until they are done; false: the same enrolment was made before."""
    claim = token_of(setting, REF, wish.ref)
    for attempt in range(ATTEMPTS):
        try:
            done = yield from _attempt(setting, wish, claim)
        except _Repeated:
            return False
        if done:
            return True
        # Two that enrol the same reference must not keep making each other's streams void.
        yield from effects.pause(PAUSE * 2 ** min(attempt, 5) * setting.random(1)[0] / 256)
    raise Busy("others kept enrolling the same reference", place="enroll", remedy="try again")


def stones(setting: Setting, wish: Wish) -> list[bytes]:
    """Return under which names the erasure register may know whom *wish* would enrol."""
    tokens = [tombstone_of(setting, REF, wish.ref)]
    for name, value in wish.given.plain.items():
        if setting.policy.fields[name].lookup:
            tokens.append(tombstone_of(setting, name, value))
    return tokens


def suppressed(wish: Wish) -> Denied:
    """Return the error for somebody erased: no import brings them back, for suppression survives."""
    erased = reason("customer.erased", "enrolling anew takes their own wish, again=True")
    return refuse(wish.answer, (erased,), wish.scope)


def _check_register(setting: Setting, wish: Wish) -> Flow[None]:
    found = yield from effects.load(stones(setting, wish), KEYS)
    if any(each is not None for each in found):
        raise suppressed(wish)


def _attempt(setting: Setting, wish: Wish, claim: bytes) -> Flow[bool]:
    """Go through the steps once; false: start again."""
    standing = yield from effects.load_one(claim)
    owner = b"" if standing is None else standing.state or b""
    head = (yield from effects.load_one(owner)) if owner else None
    if head is not None and head.state != streams.VOID and not _erased(head):
        yield from _already(setting, wish, owner)
    if not wish.again:
        yield from _check_register(setting, wish)
    if owner and head is None and not (yield from _make_void(setting, owner)):
        return False
    return (yield from store(setting, wish.ref, prepare(setting, wish), claim, standing))


def store(setting: Setting, ref: str, draft: Draft, claim: bytes, standing: Head | None) -> Flow[bool]:
    """Steps 1 and 2: the key and the claim, then the stream; false: somebody else was faster."""
    if not (yield from _claim(setting, draft.key, draft.claim(setting, claim, standing))):
        yield from drop_key(setting, draft.key)
        return False
    if not (yield from _create(draft.book.write())):
        yield from drop_key(setting, draft.key)
        return False
    setting.remember_ref(ref, claim, draft.book.stream)
    setting.remember(draft.key.stream, draft.book.need_sealer(), 0)
    if draft.floor:
        yield from once_said(set_floor(setting, draft.key.stream, Floor(draft.floor, draft.book.stream, 0)))
    return True


class Draft(NamedTuple):
    """An enrolment that is ready to be written: the customer's book, and the write of their key."""

    book: Book
    key: Write

    @property
    def floor(self) -> int:
        """How long the stream is after the last no that the enrolment brings along; 0: it brings none."""
        return last_no(self.book.state)

    def claim(self, setting: Setting, token: bytes, standing: Head | None) -> Write:
        """Return the write that claims the reference, or takes the *standing* claim over."""
        stream = self.book.stream
        if standing is None:
            return Write(token, 0, Head(setting.version(), 0, b"", stream, b"", ()))
        return Write(token, standing.version, standing._replace(version=standing.version + 1, state=stream))


def prepare(setting: Setting, wish: Wish) -> Draft:
    """Draw a stream and a key, and write the first entries into a book; nothing is stored yet."""
    return draft_of(setting, lambda book: _write_first(setting, book, wish))


def draft_of(setting: Setting, write: Callable[[Book], None]) -> Draft:
    """Draw a stream and a key, and let *write* append the first entries."""
    stream = setting.random(streams.STREAM)
    name = streams.key_stream(stream)
    key = setting.random(32)
    sealer = Sealer(key, tenant=setting.tenant, stream=stream, key_stream=name, random=setting.random)
    book = Book(setting, stream, None, NOBODY, sealer)
    write(book)
    wrapped = setting.tenant_keys.wrap_data_key(key, name)
    return Draft(book, Write(name, 0, Head(setting.version(), 0, b"", wrapped, b"", ())))


def last_no(state: State) -> int:
    """Return the entry of the last no; 0: there is none."""
    noes = [each.index for each in state.consents.values() if each.status is not Status.GRANTED]
    return max([0, *noes, *(each.index for each in state.objections.values())])


def _claim(setting: Setting, key_write: Write, claim: Write) -> Flow[bool]:
    """Step 1: the key stream and the claim, in one call where they lie together."""
    if setting.split:
        yield from _sure(key_write, KEYS)
        return (yield from _sure(claim))
    try:
        kept, made = yield from effects.commit((key_write, claim))
    except StorageUnavailable as error:
        if error.written is not None:
            raise
        kept, made = False, (yield from _sure(claim))
    if made and not kept:  # a claim without a key would be a customer whom nobody can read
        yield from _sure(key_write)
    return made


def _sure(write: Write, where: int = DATA) -> Flow[bool]:
    """Try *write*; whenever it seems not to be made look whether it is there, and if not try again."""
    mine = write.head
    for _ in range(ATTEMPTS):
        unknown = False
        try:
            made = yield from effects.commit_one(write, where)
        except StorageUnavailable as error:
            if error.written is not None:
                raise
            yield from effects.pause(PAUSE)
            made, unknown = False, True
        if made:
            return True
        head = yield from effects.load_one(write.stream, where)
        if head is not None and mine is not None and (head.version, head.state) == (mine.version, mine.state):
            return True
        if (0 if head is None else head.version) != write.expected:
            return False
    raise _lost(unknown=unknown)


def _create(write: Write) -> Flow[bool]:
    """Step 2: the customer's stream, unless somebody slower made it void (its id is nobody else's)."""
    for _ in range(ATTEMPTS):
        unknown = False
        try:
            made = yield from effects.commit_one(write)
        except StorageUnavailable as error:
            if error.written is not None:
                raise
            yield from effects.pause(PAUSE)
            made, unknown = False, True
        if made:
            return True
        head = yield from effects.load_one(write.stream)
        if head is not None:
            return head.state != streams.VOID
    raise _lost(unknown=unknown)


def _lost(*, unknown: bool) -> StorageUnavailable | Busy:
    if unknown:
        return StorageUnavailable(
            "the storage keeps losing its answers", written=None, place="enroll", remedy="enroll again"
        )
    return Busy("the storage keeps refusing a write that fits", place="enroll", remedy="enroll again")


def _make_void(setting: Setting, owner: bytes) -> Flow[bool]:
    """Step 4: who claimed the reference crashed, or is slower: he must not come after us."""
    void = Head(setting.version(), 0, b"", streams.VOID, b"", ())
    return (yield from _sure(Write(owner, 0, void)))


def _erased(head: Head) -> bool:
    return streams.read_erased(head.state or b"") is not None


def _already(setting: Setting, wish: Wish, owner: bytes) -> Flow[None]:
    """A living owner: the same telling repeated is fine, anything else is ``AlreadyEnrolled``."""
    from ..flows import look

    book = yield from look(setting, owner)
    if book.state.erased is not None:
        return
    if wish.key is not None and book.sealer is not None and is_repeated(book, wish):
        yield from keep_floor(setting, book)
        raise _Repeated
    raise AlreadyEnrolled(
        "the reference belongs to a living customer",
        place="enroll",
        remedy="use steward.customer(ref), or the same key= to repeat an enrolment",
    )


def is_repeated(book: Book, wish: Wish) -> bool:
    """Say whether the customer of *book* was enrolled by the same telling; ``KeyReused`` if by another."""
    return repeated(book, key_bytes(book, wish.scope, wish.key, _content(wish)), wish.scope) is not None


def keep_floor(setting: Setting, book: Book) -> Flow[None]:
    """Let the key know of the noes in *book*: a crash may have come before it did."""
    last = last_no(book.state)
    if last > book.floor:
        name = streams.key_stream(book.stream)
        yield from once_said(set_floor(setting, name, Floor(last, book.stream, 0)))


class _Repeated(Exception):
    """The same enrolment was made before, with the same key."""


def drop_key(setting: Setting, key_write: Write) -> Flow[None]:
    """Delete the key stream of an enrolment that did not come about."""
    where = KEYS if setting.split else DATA
    stored = yield from effects.load_one(key_write.stream, where)
    if stored is not None:
        yield from effects.commit_one(Write(key_write.stream, stored.version, None), where)


def _content(wish: Wish) -> Any:
    return [wish.purpose.name, wish.given.plain, wish.given.about, wish.shown, *wish.more]


def _write_first(setting: Setting, book: Book, wish: Wish) -> None:
    policy = setting.policy
    now = book.now()
    happened = wish.happened or now
    key = key_bytes(book, wish.scope, wish.key, _content(wish))
    about = {REF: wish.ref, **wish.given.about}
    opened = {}
    if Basis.CONTRACT in wish.purpose.all_bases:
        opened[wish.purpose.name] = contract_key(book, wish.key, 1)
    event = Enrolled(
        at=now,
        by=wish.by,
        happened=wish.happened,
        policy=policy.hash,
        key=key,
        purpose=wish.purpose.name,
        source=wish.source,
        shown=wish.shown,
        informed=wish.informed,
        about=about,
        opened=opened,
        again=wish.again,
    )
    if policy.lifecycle.start:
        from ..model.events import Moved

        event = replace(event, moves=(Moved(stage=policy.lifecycle.start, at=happened),))
    place = book.state
    book.state = apply(place, event)  # the contract that it opens counts for what is announced
    book.state = replace(book.state, length=place.length, at=place.at)
    collected = collect(setting, book, wish.purpose, wish.given, wish.answer, wish.informed, happened)
    book.state = place
    book.remark = True
    book.append(replace(event, collected=collected))
    if wish.then is not None:
        wish.then(book)


def contract_key(book: Book, key: str | None, index: int) -> bytes:
    """Return the digest that names a contract: of the opening event's key, else of its index."""
    said = f"contract\n{key}" if key is not None else f"entry\n{index}"
    return book.need_sealer().mac(said.encode())[:8]
