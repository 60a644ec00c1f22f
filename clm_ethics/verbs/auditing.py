"""The ledger of a span of time, for an auditor or a supervisory authority (Art. 5(2), 58(1)(e) GDPR)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from ..errors import UsageError
from ..flows import KEYS, Book, effects, streams
from ..ledger import record as codec
from ..model.times import aware, micros
from ..storage.contract import FIRST, MAX_INT
from ..transparency.story import Line
from .campaigning import opened
from .common import REF, open_entry, read_tombstone
from .sealing import flush

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from ..flows import Flow, Setting

PAGE = 200
"""Customers of one page; entries of one too."""


@attrs.frozen(kw_only=True)
class Told:
    """One entry of the ledger, and whose it is.

    Attributes:
        ref: the host's reference; empty for who has been erased.
        line: what happened, in plain words and without a value.
    """

    ref: str = attrs.field(repr=False)
    line: Line

    def __str__(self) -> str:
        return str(self.line)


class Between:
    """A walk over the ledger, page by page: what was learnt from *since* on and before *until*.

    Each customer's entries come together, in their order. Reads that a law forbids to disclose to the
    customer are there: this is not for the customer. Memory is that of a page, and sixteen bytes for
    each customer; nothing is written, but for what waited. Who comes during the walk may be missed.
    """

    def __init__(self, setting: Setting, since: datetime | None, until: datetime | None) -> None:
        self._setting = setting
        self._since = 0 if since is None else micros(aware(since, "between(since=)"))
        self._until = MAX_INT if until is None else micros(aware(until, "between(until=)"))
        if self._until < self._since:
            raise UsageError("it ends before it begins", place="between(until=)", remedy="pass a later time")
        self._after = FIRST
        self._seen: set[bytes] = set()
        self._begun = self._gone = self.done = False
        self.unopened = 0

    def page(self) -> Flow[list[Told]]:
        """Return what the next page of customers has; it may be nothing.

        First come the customers, then those who were erased and of whom no law keeps anything.
        """
        if not self._begun:
            self._begun = True
            yield from flush(self._setting)
        names = yield from (self._erased() if self._gone else self._kept())
        if not names:
            self.done, self._gone, self._after = self._gone, True, FIRST
            return []
        fresh = [each for each in dict.fromkeys(names) if each not in self._seen]
        self._seen.update(fresh)
        books, unopened = yield from opened(self._setting, fresh)
        self.unopened += unopened
        found: list[Told] = []
        for book in books:
            found += yield from self._of(book)
        return found

    def _kept(self) -> Flow[Sequence[bytes]]:
        marks = yield from effects.find(streams.due(self._setting.tenant), MAX_INT, self._after, PAGE)
        self._after = marks[-1] if marks else FIRST
        return [stream for _, stream in marks]

    def _erased(self) -> Flow[Sequence[bytes]]:
        mark = streams.register(self._setting.tenant)
        marks = yield from effects.find(mark, MAX_INT, self._after, PAGE, KEYS)
        self._after = marks[-1] if marks else FIRST
        stones = yield from effects.load([token for _, token in marks], KEYS) if marks else _nothing()
        return [read_tombstone(stone.state).stream for stone in stones if stone is not None]

    def _of(self, book: Book) -> Flow[list[Told]]:
        found: list[Told] = []
        state, position = book.state, 0
        if book.head is None or (state.at is not None and micros(state.at) < self._since):
            return []
        while page := (yield from effects.entries(book.stream, position, PAGE)):
            for entry in page:
                position = entry.index
                if entry.body is None:
                    continue  # a later entry says what was forgotten
                header = codec.parse(entry.body)
                if header.at >= self._until:
                    return found  # time in a stream never runs backwards
                if header.at < self._since or not (header.clear or _opens(book, header.key_stream)):
                    continue
                event = open_entry(book, entry.body).event
                line = Line.of(entry.index, event, self._setting.policy)
                ref = "" if state.erased is not None else state.about.get(REF, "")
                found.append(Told(ref=ref, line=line))
        return found


def _opens(book: Book, key_stream: bytes) -> bool:
    """Say whether an entry's key is still there: an erasure that was interrupted leaves sealed bodies."""
    return book.state.erased is None or (book.sealer is not None and book.sealer.key_stream == key_stream)


def _nothing() -> Flow[Sequence[None]]:
    yield from ()
    return ()


__all__ = ["Between", "Told"]
