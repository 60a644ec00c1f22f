"""Put, record, correct: values and happenings, each decided before it is written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
from msgspec.structs import replace

from ..errors import UsageError
from ..model.events import Collected, Corrected, Put, Recorded
from ..model.fold import fold
from ..model.state import BUILT_IN
from ..policy import Request, decide
from .collecting import (
    Input,
    announced,
    check_event,
    check_shown,
    check_values,
    collect,
    may_collect,
    remark_lookups,
)
from .common import (
    check_actor,
    check_happened,
    key_bytes,
    moved,
    need_current,
    need_living,
    on_customer,
    repeated,
)
from .enrolling import contract_key
from .flooring import once_said, raise_floor

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from ..flows import Book, Flow, Setting
    from ..policy.values import EventRule


Lineage = dict[str, tuple[str, tuple[str, ...]]]
"""Per derived field the model, and the fields that it looked at."""


@attrs.frozen
class Noted:
    """That a telling stands in the ledger.

    Attributes:
        index: the entry.
        at: when it was learnt (UTC).
        stage: the customer's lifecycle stage since then.
        repeated: it had been told before, with the same key; nothing was written now.
    """

    index: int
    at: datetime
    stage: str
    repeated: bool = False


def put(
    setting: Setting,
    ref: str,
    values: Mapping[str, Any],
    *,
    purpose: str,
    by: str | None = None,
    shown: str | None = None,
    at: datetime | None = None,
    key: str | None = None,
) -> Flow[Noted]:
    """Collect *values* for *purpose*."""
    said = put_traced(setting, ref, values, {}, purpose=purpose, by=by, shown=shown, at=at, key=key)
    return (yield from said)


def put_traced(
    setting: Setting,
    ref: str,
    values: Mapping[str, Any],
    lineage: Lineage,
    *,
    purpose: str,
    by: str | None = None,
    shown: str | None = None,
    at: datetime | None = None,
    key: str | None = None,
) -> Flow[Noted]:
    """Collect *values* for *purpose*; *lineage* says what derived a field, and from what."""
    by = check_actor(by, setting.acting, "put")
    policy = setting.policy
    wanted = policy.purpose(purpose)
    now = setting.clock()
    given = check_values(policy, values, now)
    informed = check_shown(policy, shown, "put")
    happened = check_happened(at, now, "put")
    content = [purpose, given.plain, given.about, shown]

    def tell(book: Book) -> Noted:
        need_living(book, "put")
        mine = key_bytes(book, "put", key, content)
        before = repeated(book, mine, "put")
        if before is not None:
            return Noted(before.index, book.now(), book.state.stage, repeated=True)
        learnt = book.now()
        seen = replace(book.state, about=book.state.about | given.about)
        answer = may_collect(policy, seen, wanted, given, learnt, "put")
        event = Put(
            at=learnt,
            by=by,
            happened=happened,
            policy=policy.hash,
            key=mine,
            purpose=purpose,
            shown=shown or "",
            informed=informed,
            about=given.about,
        )
        collected = collect(setting, book, wanted, given, answer, informed, happened or learnt)
        event = replace(event, collected=tuple(_traced(each, lineage) for each in collected))
        event = replace(event, steps=_reached(setting, book, event, given))
        return _note(book, moved(setting, book, event))

    return (yield from on_customer(setting, ref, tell))


def _traced(item: Collected, lineage: Lineage) -> Collected:
    if item.field not in lineage:
        return item
    model, inputs = lineage[item.field]
    return replace(item, model=model, inputs=inputs)


def _reached(setting: Setting, book: Book, event: Put, given: Input) -> tuple[str, ...]:
    """Return the values that *event* reaches and that the lifecycle's purpose may look at."""
    policy = setting.policy
    reached = [each for each in policy.lifecycle.thresholds if each.reached(given.plain.get(each.field))]
    if not reached:
        return ()
    after = replace(fold([event], book.state), length=book.state.length + 1)
    asked = Request(policy.lifecycle.purpose, tuple(dict.fromkeys(each.field for each in reached)))
    answer = decide(policy, after, asked, event.at)
    return tuple(dict.fromkeys(each.name for each in reached if each.field in answer.fields))


def record(
    setting: Setting,
    ref: str,
    event: str,
    values: Mapping[str, Any],
    *,
    purpose: str,
    by: str | None = None,
    shown: str | None = None,
    at: datetime | None = None,
    key: str | None = None,
) -> Flow[Noted]:
    """Record that *event* happened, with the values that it appends."""
    by = check_actor(by, setting.acting, "record")
    policy = setting.policy
    wanted = policy.purpose(purpose)
    rule = policy.event(event)
    now = setting.clock()
    given = check_event(policy, rule, values)
    informed = check_shown(policy, shown, "record")
    happened = check_happened(at, now, "record")
    scope = f"record:{event}"
    content = [event, purpose, dict(values), shown]

    def tell(book: Book) -> Noted:
        need_living(book, "record")
        mine = key_bytes(book, scope, key, content)
        before = repeated(book, mine, scope)
        if before is not None:
            return Noted(before.index, book.now(), book.state.stage, repeated=True)
        learnt = book.now()
        index = book.state.length + 1
        opened = {name: contract_key(book, key, index) for name in rule.opens}
        ended = {name: _closing(book, name, rule, key) for name in rule.closes}
        said = Recorded(
            event=event,
            at=learnt,
            by=by,
            happened=happened,
            policy=policy.hash,
            key=mine,
            purpose=purpose,
            shown=shown or "",
            informed=informed,
            opened=opened,
            closed={name: keys for name, keys in ended.items() if keys},  # what is not open does not end
            muted={word: span.after(happened or learnt) for word, span in rule.mutes.items()},
            steps=(event,) if event in policy.lifecycle.looked_at else (),
        )
        # An event is decided on the state after what it opens itself (Art. 6(1)(b) GDPR).
        after = fold([Put(at=learnt, opened=opened)], book.state) if opened else book.state
        answer = may_collect(policy, after, wanted, given, learnt, "record")
        said = moved(setting, book, said)
        before_state, book.state = book.state, replace(after, length=book.state.length)
        try:
            collected = collect(setting, book, wanted, given, answer, informed, happened or learnt)
        finally:
            book.state = before_state
        return _note(book, replace(said, collected=collected))

    return (yield from on_customer(setting, ref, tell))


def _closing(book: Book, purpose: str, rule: EventRule, key: str | None) -> tuple[bytes, ...]:
    """Return which open contracts of *purpose* an event closes: the one of its key, or the only one."""
    contract = book.state.contracts.get(purpose)
    is_open = () if contract is None else contract.open
    if key is not None:
        named = contract_key(book, key, 0)
        if named in is_open:
            return (named,)
        unkeyed = (contract_key(book, None, 1),)  # opened by the enrolment: no key could name it
        if is_open and is_open != unkeyed:
            raise UsageError(
                f"no open contract of `{purpose}` has this key",
                place=f"record({rule.name!r})",
                remedy="pass key= of the event that opened it; if that had none, leave it out",
            )
    if len(is_open) > 1:
        raise UsageError(
            f"{len(is_open)} contracts of `{purpose}` are open, and the event names none of them",
            place=f"record({rule.name!r})",
            remedy="pass key= of the event that opened it",
        )
    return is_open


def correct(
    setting: Setting,
    ref: str,
    values: Mapping[str, Any],
    *,
    by: str | None = None,
    at: datetime | None = None,
    key: str | None = None,
) -> Flow[Noted]:
    """Put values right (Art. 16 GDPR): what was announced for them, and by what right, stays."""
    by = check_actor(by, setting.acting, "correct")
    policy = setting.policy
    now = setting.clock()
    given = check_values(policy, values, now)
    happened = check_happened(at, now, "correct")
    content = [given.plain, given.about]

    def tell(book: Book) -> Noted:
        need_living(book, "correct")
        need_current(setting, book, "correct")
        mine = key_bytes(book, "correct", key, content)
        before = repeated(book, mine, "correct")
        if before is not None:
            return Noted(before.index, book.now(), book.state.stage, repeated=True)
        learnt = book.now()
        _need_present(book, given)
        event = Corrected(
            at=learnt, by=by, happened=happened, policy=policy.hash, key=mine, about=given.about
        )
        event = moved(setting, book, event)
        return _note(book, replace(event, collected=_replace(setting, book, given)))

    noted = yield from on_customer(setting, ref, tell)
    # A restored backup must not bring a wrong value back as if it were right.
    yield from once_said(raise_floor(setting, ref, noted.index, care=True))
    return noted


def _need_present(book: Book, given: Input) -> None:
    """There is something to correct only where something was collected: else it is collecting."""
    for name in given.names:
        if name not in book.state.fields:
            raise UsageError(
                "nothing has been collected that could be corrected",
                place=f"field `{name}`",
                remedy="put() collects it for a purpose",
            )


def _replace(setting: Setting, book: Book, given: Input) -> tuple[Collected, ...]:
    found = []
    for name, value in {**given.plain, **given.about}.items():
        runs = book.state.fields[name]
        told = set(frozenset.intersection(*(frozenset(run.announced) for run in runs)))
        collected = Collected(
            field=name,
            announced=announced(setting.policy, book.state, name, told, book.now(), event=False),
            consented=any(run.consented for run in runs),
        )
        if name not in BUILT_IN:
            is_list = setting.policy.fields[name].type == "list"
            values = value if is_list else [value]
            commitment = book.set_values(name, [(runs[-1].last, each) for each in values])
            collected = replace(collected, commitment=commitment, items=len(values))
        found.append(collected)
    if any(setting.policy.fields[name].lookup for name in given.plain):
        remark_lookups(setting, book)
    return tuple(found)


def _note(book: Book, event: Put | Recorded | Corrected) -> Noted:
    written = book.append(event)
    return Noted(written.index, event.at, book.state.stage)


__all__ = ["Noted", "correct", "put", "record"]
