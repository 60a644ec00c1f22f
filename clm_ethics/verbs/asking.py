"""Questions: may, read, history. A question returns an explained answer, never an exception for "no"."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from msgspec.structs import replace

from ..errors import SealBroken, SourceError, UsageError
from ..flows import Book, Job, effects
from ..flows.book import Cell, Value, open_cell
from ..flows.setting import NOBODY
from ..model.events import Event, Read, Refusal
from ..model.state import BUILT_IN
from ..model.times import aware
from ..policy import Request, decide
from ..policy.coarse import coarsen
from ..policy.typed import loaded
from ..policy.visible import kept_until
from ..policy.words import reason
from ..transparency.story import History, Line, confidential
from .checking import check_count, check_request
from .common import REF, check_actor, moved, on_customer, open_entry, peek
from .looking_back import decide_as_of
from .views import View

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from ..flows import Flow, Setting
    from ..model.asof import Known
    from ..model.state import State
    from ..policy import Decision, Grant, Policy, Reason
    from ..vault.sealing import Sealer

MOST_LINES = 1000
"""Most lines of a history in one call."""


class Seen(NamedTuple):
    """What a read may open, from the book that it was decided on; *stream*: whose it is, if anybody's.

    *named*: of fields that are stored under a former name, that name.
    """

    decision: Decision
    sealer: Sealer | None
    cells: dict[str, list[Cell]]
    about: dict[str, str]
    state: State
    stream: bytes = b""
    named: dict[str, str] = {}  # noqa: RUF012  (never written to)

    def __repr__(self) -> str:
        """Show the decision alone."""
        return f"<read of {self.decision!r}>"


def may(
    setting: Setting,
    ref: str,
    purpose: str,
    *,
    fields: Iterable[str] | None = None,
    channel: str | None = None,
    at: datetime | None = None,
    known: Known | None = None,
) -> Flow[Decision]:
    """Decide, and write nothing.

    Args:
        setting: the steward's.
        ref: the host's reference of the customer.
        purpose: for what.
        fields: which fields; by default all that the purpose lists.
        channel: the channel on which somebody would be contacted.
        at: as of which instant; by default now. Alone it asks how today's state and policy answer then.
        known: answers as of *at* under the policy in force then: ``then`` with what had been learnt by then,
            ``now`` with what had happened by then, as it is known today.

    Raises:
        UnknownName: the policy (that of then, with *known*) has no such purpose, field or channel.
        UsageError: *known* without *at*, or something else than these two.
    """
    if known is not None:
        return (yield from _looked_back(setting, ref, purpose, fields, channel, at, known))
    request = check_request(setting.policy, purpose, fields, channel, setting.acting)
    moment = setting.clock() if at is None else aware(at, "may(at=)")
    book = yield from peek(setting, ref)
    return setting.asked(book.stored, request, decide(setting.policy, book.state, request, moment))


def _looked_back(
    setting: Setting,
    ref: str,
    purpose: str,
    fields: Iterable[str] | None,
    channel: str | None,
    at: datetime | None,
    known: Known,
) -> Flow[Decision]:
    if at is None:
        raise UsageError(
            "known= without at=", place="may(known=)", remedy="pass at=, the instant asked about"
        )
    moment = aware(at, "may(at=)")
    book = yield from peek(setting, ref)
    return (
        yield from decide_as_of(
            setting, book, purpose, fields=fields, channel=channel, at=moment, known=known
        )
    )


def read(
    setting: Setting,
    ref: str,
    purpose: str,
    *,
    by: str | None = None,
    fields: Iterable[str] | None = None,
    channel: str | None = None,
) -> Flow[View]:
    """Decide, put the read into the ledger, and only then open what the purpose may see."""
    by = check_actor(by, setting.acting, "read")
    request = check_request(setting.policy, purpose, fields, channel, by)
    seen = yield from _read(setting, ref, request, by)
    if not seen.decision:
        if seen.stream:
            queue_refusal(setting, seen.stream, "read", by, seen.decision, request.channel)
        return View(seen.decision, {}, seen.decision.withheld)
    values, withheld = open_seen(setting, seen)
    yield from _fetch(setting, seen, seen.state.about.get(REF, ref), values, withheld)
    return View(seen.decision, values, withheld)


def _read(setting: Setting, ref: str, request: Request, by: str) -> Flow[Seen]:
    if setting.batched:
        book = yield from peek(setting, ref)
        seen = see(setting, book, request)
        if not seen.decision:
            return seen
        if not any(setting.policy.special(name) for name in seen.decision.fields):
            _queue_read(setting, book, seen.decision, request, by)
            return seen

    def tell(book: Book) -> Seen:
        seen = see(setting, book, request)
        if seen.decision and book.sealer is not None:
            book.append(moved(setting, book, read_entry(seen.decision, request, by, book)))
        return seen

    return (yield from on_customer(setting, ref, tell, lambda: _nobody(setting, request)))


def see(setting: Setting, book: Book, request: Request) -> Seen:
    """Decide on an opened book, and lay ready what may be seen; nothing is written yet."""
    decision = setting.asked(book.stored, request, decide(setting.policy, book.state, request, book.now()))
    cells: dict[str, list[Cell]] = {}
    about: dict[str, str] = {}
    known = book.state.about
    for name, grant in decision.fields.items():
        if name in BUILT_IN:
            about |= {name: known[name]} if name in known else {}
        elif name == "stage":
            about[name] = decision.stage
        elif book.sealer is not None:
            cells[name] = _visible(book.cells(name), grant)
    named = {} if book.kept is None else {name: book.named(name) for name in cells}
    return Seen(decision, book.sealer, cells, about, book.state, whose(book), named)


def _nobody(setting: Setting, request: Request) -> Seen:
    return Seen(decide(setting.policy, NOBODY, request, setting.clock()), None, {}, {}, NOBODY)


def _visible(cells: list[Cell], grant: Grant) -> list[Cell]:
    if not grant.spans:
        return cells
    return [cell for cell in cells if any(first <= cell.index <= last for first, last in grant.spans)]


def read_entry(decision: Decision, request: Request, by: str, book: Book) -> Read:
    """Return the record of an allowed read."""
    return Read(
        at=decision.at,
        by=by,
        policy=decision.policy,
        purpose=decision.purpose,
        fields=tuple(decision.fields),
        withheld=tuple(decision.withheld),
        basis=decision.basis,
        channel=request.channel,
        seen=book.state.length,
    )


def _queue_read(setting: Setting, book: Book, decision: Decision, request: Request, by: str) -> None:
    said = read_entry(decision, request, by, book)
    key = ("read", by, said.purpose, said.fields, said.policy, said.seen, said.channel)
    setting.queue(book.stream, key, said, one_more)


def whose(book: Book) -> bytes:
    """Return the stream of a book's customer; empty: it is nobody's."""
    return b"" if book.head is None or not book.state.known else book.stream


def queue_refusal(
    setting: Setting, stream: bytes, verb: str, by: str, decision: Decision, channel: str
) -> None:
    """Count a refusal: it is not written at once, so nobody can lock or grow a stream by asking."""
    code, at = decision.codes[0], decision.at
    said = Refusal(
        at=at,
        by=by,
        policy=decision.policy,
        verb=verb,
        purpose=decision.purpose,
        code=code,
        channel=channel,
        first=at,
    )
    setting.queue(stream, (verb, by, said.purpose, code, channel, said.policy), said, one_more)


def one_more(old: Event, new: Event) -> Event:
    """Return two equal questions as one, counted."""
    if isinstance(old, (Read, Refusal)) and isinstance(new, (Read, Refusal)):
        return replace(old, at=new.at, count=old.count + new.count)
    return new


def open_seen(setting: Setting, seen: Seen) -> tuple[dict[str, Any], dict[str, Reason]]:
    """Open the values that may be seen, each alone; what does not open is not shown."""
    values: dict[str, Any] = {}
    withheld = dict(seen.decision.withheld)
    policy = setting.policy
    for name, grant in seen.decision.fields.items():
        if name in seen.about:
            values[name] = coarse(seen.about[name], grant)
            continue
        field = policy.fields.get(name)
        if field is None or field.source:
            continue
        opened = _opened(seen, name, grant, policy)
        if field.type == "list":
            values[name] = coarse(tuple(_item(each) for each in opened), grant)
        elif opened:
            value = loaded(field, opened[-1].value)
            values[name] = coarse(value, grant) if grant.precision else value
        else:
            withheld[name] = reason("field.absent")
    return values, withheld


def _opened(seen: Seen, name: str, grant: Grant, policy: Policy) -> list[Value]:
    cells = seen.cells.get(name)
    if seen.sealer is None or not cells:
        return []
    stored = seen.named.get(name, name)
    if len(cells) == 1 and not grant.by_item:  # nearly always
        return [open_cell(seen.sealer, stored, cells[0])]
    found = [open_cell(seen.sealer, stored, cell) for cell in cells]
    if not grant.by_item:
        return found
    purpose, state, at = policy.purposes[seen.decision.purpose], seen.state, seen.decision.at
    return [each for each in found if kept_until(purpose, state, each.at) > at]


def _item(value: Value) -> Any:
    content = value.value if isinstance(value.value, dict) else {"value": value.value}
    return MappingProxyType({**content, "at": value.at})


def coarse(value: Any, grant: Grant) -> Any:
    """Return *value* as precise as *grant* allows."""
    return coarsen(value, grant.precision) if grant.precision else value


def _fetch(
    setting: Setting, seen: Seen, ref: str, values: dict[str, Any], withheld: dict[str, Reason]
) -> Flow[None]:
    """Ask the host's sources, after the read is in the ledger."""
    wanted: dict[str, list[str]] = {}
    for name in seen.decision.fields:
        field = setting.policy.fields.get(name)
        if field is not None and field.source:
            wanted.setdefault(field.source, []).append(name)
    for source, names in wanted.items():
        if source not in setting.sources:
            withheld |= {name: reason("source.absent", source) for name in names}
            continue
        try:
            found = yield from effects.call(setting.sources[source].fetch, ref, tuple(names))
        except Exception as error:  # noqa: BLE001  (whatever a host's source raises is not ours)
            raise SourceError(
                f"the source failed ({type(error).__name__})",
                place=f"source `{source}`",
                remedy="see its own log",
            ) from None
        for name in names:
            if name in found and found[name] is not None:
                values[name] = coarse(found[name], seen.decision.fields[name])
            else:
                withheld[name] = reason("field.absent")


def history(setting: Setting, ref: str, *, after: int | None = None, limit: int = 200) -> Flow[History]:
    """Tell the customer's story from entry *after* on, in plain words and without values."""
    check_count(after or 0, "after", "history(after=)", 0)
    check_count(limit, "a limit", "history(limit=)", 1)
    book = yield from peek(setting, ref)
    if setting.shared.queued.get(book.stream):
        yield from effects.submit(Job(book.stream, lambda _: None, flush=True))
        book = yield from peek(setting, ref)
    lines: list[Line] = []
    position = after or 0
    most = min(limit, MOST_LINES)
    while len(lines) < most and book.head is not None:
        page = yield from effects.entries(book.stream, position, most - len(lines))
        if not page:
            break
        for entry in page:
            position = entry.index
            line = _line(setting, book, entry.index, entry.body)
            if line is not None:
                lines.append(line)
    length = 0 if book.head is None else book.head.length
    done = position >= length
    return History(lines=tuple(lines), complete=done, next_after=None if done else position)


def _line(setting: Setting, book: Book, index: int, body: bytes | None) -> Line | None:
    if body is None:
        return None  # a later entry says what was forgotten
    try:
        event = open_entry(book, body).event
    except SealBroken:
        if book.state.erased is not None:
            return None
        raise
    except Exception:
        if book.state.erased is not None and book.sealer is None:
            return None
        raise
    if confidential(event, setting.policy, setting.clock()):
        return None
    return Line.of(index, event, setting.policy)


__all__ = ["check_request", "history", "may", "read"]
