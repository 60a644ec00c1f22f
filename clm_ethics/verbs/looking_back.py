"""Questions about the past: the customer's state, and the policy in force, as of an instant."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import UsageError
from ..flows import effects
from ..ledger import record as codec
from ..model.asof import Known, fold_as_of
from ..model.times import instant
from ..policy import decide
from .checking import check_request
from .common import open_entry
from .policies import policy_at

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from ..flows import Book, Flow, Setting
    from ..model.events import Event
    from ..model.state import State
    from ..policy import Decision

PAGE = 200
"""Entries of one page."""


def decide_as_of(
    setting: Setting,
    book: Book,
    purpose: str,
    *,
    fields: Iterable[str] | None,
    channel: str | None,
    at: datetime,
    known: Known,
) -> Flow[Decision]:
    """Decide as of *at* (UTC) under the policy and the law in force then.

    Raises:
        UnknownName: the policy of then had no such purpose, field or channel.
        UsageError: *known* is neither ``then`` nor ``now``.
    """
    if known not in ("then", "now"):
        raise UsageError("no such knowledge", place="may(known=)", remedy='"then" or "now"')
    events = yield from _told(book, at if known == "then" else None)
    policy = yield from policy_at(
        setting, at, [(each.at, each.policy) for each in events if each is not None]
    )
    request = check_request(policy, purpose, fields, channel, setting.acting)
    return decide(policy, _state(book, events, at, known), request, at)


def _state(book: Book, events: list[Event | None], at: datetime, known: Known) -> State:
    if book.state.erased is not None or not book.state.known:
        return book.state  # of who is erased nothing is left to look back on
    return fold_as_of(events, at, known=known, today=book.state)


def _told(book: Book, until: datetime | None) -> Flow[list[Event | None]]:
    """Open the entries that were learnt by *until* (all: ``None``), in order; forgotten ones are ``None``."""
    told: list[Event | None] = []
    while book.head is not None and book.state.erased is None:
        page = yield from effects.entries(book.stream, len(told), PAGE)
        for entry in page:
            if entry.body is None:
                told.append(None)  # only questions are forgotten
                continue
            if until is not None and instant(codec.parse(entry.body).at) > until:
                return told
            told.append(open_entry(book, entry.body).event)
        if not page:
            break
    return told


__all__ = ["decide_as_of"]
