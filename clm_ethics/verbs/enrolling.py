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

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from ..flows import Flow, Setting
    from ..policy import Decision
    from ..policy.values import Purpose

ATTEMPTS = 16
"""How often an enrolment starts again before it gives up as ``Busy``."""


class _Wish(NamedTuple):
    """A checked enrolment."""

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
    wish = _Wish(check_ref(ref), wanted, given, informed, shown or "", by, happened, key, again, answer)
    if not again:
        yield from _check_register(setting, wish)
    claim = token_of(setting, REF, ref)
    for _ in range(ATTEMPTS):
        try:
            done = yield from _attempt(setting, wish, claim)
        except _Repeated:
            return ref
        if done:
            return ref
    raise Busy("others kept enrolling the same reference", place="enroll", remedy="try again")


def _check_register(setting: Setting, wish: _Wish) -> Flow[None]:
    """An erased person is not brought back by an import: suppression survives."""
    tokens = [tombstone_of(setting, REF, wish.ref)]
    for name, value in wish.given.plain.items():
        if setting.policy.fields[name].lookup:
            tokens.append(tombstone_of(setting, name, value))
    found = yield from effects.load(tokens, KEYS)
    if any(each is not None for each in found):
        erased = reason("customer.erased", "enrolling anew takes their own wish, again=True")
        raise refuse(wish.answer, (erased,), "enroll")


def _attempt(setting: Setting, wish: _Wish, claim: bytes) -> Flow[bool]:
    """Go through the steps once; false: start again."""
    stream = setting.random(streams.STREAM)
    sealer, key_write = _draw_key(setting, stream)
    claimed = Head(setting.version(), 0, b"", stream, b"", ())
    made = yield from _claim(setting, key_write, Write(claim, 0, claimed))
    if not made:
        taken = yield from _take_over(setting, wish, claim, stream)
        if not taken:
            yield from _drop_key(setting, key_write)
            return False
    book = Book(setting, stream, None, NOBODY, sealer)
    _write_first(setting, book, wish)
    created = yield from _sure(book.write())
    if not created:  # somebody made our stream void meanwhile
        yield from _drop_key(setting, key_write)
        return False
    setting.remember_ref(claim, stream)
    setting.remember(sealer.key_stream, sealer, 0)
    return True


def _draw_key(setting: Setting, stream: bytes) -> tuple[Sealer, Write]:
    name = streams.key_stream(stream)
    key = setting.random(32)
    sealer = Sealer(key, tenant=setting.tenant, stream=stream, key_stream=name, random=setting.random)
    wrapped = setting.tenant_keys.wrap_data_key(key, name)
    return sealer, Write(name, 0, Head(setting.version(), 0, b"", wrapped, b"", ()))


def _claim(setting: Setting, key_write: Write, claim: Write) -> Flow[bool]:
    """Step 1: the key stream and the claim, in one call where they lie together."""
    if setting.split:
        yield from _sure(key_write, KEYS)
        return (yield from _sure(claim))
    try:
        made = yield from effects.commit((key_write, claim))
    except StorageUnavailable as error:
        if error.written is not None:
            raise
        stored = yield from effects.load((claim.stream, key_write.stream))
        if stored[1] is None:
            yield from _sure(key_write)
        return (yield from _sure(claim)) if stored[0] is None else stored[0] == claim.head
    return made[1]


def _sure(write: Write, where: int = DATA) -> Flow[bool]:
    """Try *write*; after an unknown outcome look whether it is there, and if not try again."""
    for _ in range(ATTEMPTS):
        try:
            made = yield from effects.commit_one(write, where)
        except StorageUnavailable as error:
            if error.written is not None:
                raise
            yield from effects.pause(0.01)
            made = False
        if made:
            return True
        head = yield from effects.load_one(write.stream, where)
        if head is not None:
            mine = write.head
            return mine is not None and (head.version, head.digest) == (mine.version, mine.digest)
    raise StorageUnavailable("the storage keeps losing its answers", written=None, place="enroll")


def _take_over(setting: Setting, wish: _Wish, claim: bytes, stream: bytes) -> Flow[bool]:
    """Steps 3 and 4: the claim is somebody's; take it over if that somebody does not live."""
    standing = yield from effects.load_one(claim)
    if standing is None or standing.state is None:
        return False
    owner = standing.state
    if owner == stream:
        return True  # our own claim, whose acknowledgement was lost
    head = yield from effects.load_one(owner)
    if head is None:
        void = Head(setting.version(), 0, b"", streams.VOID, b"", ())
        yield from _sure(Write(owner, 0, void))
        head = yield from effects.load_one(owner)
    if head is None:
        return False
    if head.state != streams.VOID and not _erased(head):
        yield from _already(setting, wish, owner)
    return (
        yield from effects.commit_one(
            Write(claim, standing.version, standing._replace(version=standing.version + 1, state=stream))
        )
    )


def _erased(head: Head) -> bool:
    return streams.read_erased(head.state or b"") is not None


def _already(setting: Setting, wish: _Wish, owner: bytes) -> Flow[None]:
    """A living owner: the same telling repeated is fine, anything else is ``AlreadyEnrolled``."""
    from ..flows import look

    book = yield from look(setting, owner)
    if book.state.erased is not None:
        return
    if wish.key is not None and book.sealer is not None:
        mine = key_bytes(book, "enroll", wish.key, _content(wish))
        if repeated(book, mine, "enroll") is not None:
            raise _Repeated
    raise AlreadyEnrolled(
        "the reference belongs to a living customer",
        place="enroll",
        remedy="use steward.customer(ref), or the same key= to repeat an enrolment",
    )


class _Repeated(Exception):
    """The same enrolment was made before, with the same key."""


def _drop_key(setting: Setting, key_write: Write) -> Flow[None]:
    where = KEYS if setting.split else DATA
    stored = yield from effects.load_one(key_write.stream, where)
    if stored is not None:
        yield from effects.commit_one(Write(key_write.stream, stored.version, None), where)


def _content(wish: _Wish) -> Any:
    return [wish.purpose.name, wish.given.plain, wish.given.about, wish.shown]


def _write_first(setting: Setting, book: Book, wish: _Wish) -> None:
    policy = setting.policy
    now = book.now()
    happened = wish.happened or now
    key = key_bytes(book, "enroll", wish.key, _content(wish))
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


def contract_key(book: Book, key: str | None, index: int) -> bytes:
    """Return the digest that names a contract: of the opening event's key, else of its index."""
    said = f"contract\n{key}" if key is not None else f"entry\n{index}"
    return book.need_sealer().mac(said.encode())[:8]
