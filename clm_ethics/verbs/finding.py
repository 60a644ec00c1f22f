"""Finding customers by a look-up field, for a purpose that may see it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import UsageError
from ..flows import effects, open_books
from ..model.events import Read
from ..policy import Request, decide
from ..storage.contract import FIRST
from .common import REF, check_actor, moved, on_customer, token_of

if TYPE_CHECKING:
    from ..flows import Book, Flow, Setting

PAGE = 100
"""Customers of one page."""


def find(
    setting: Setting, field: str, value: str, *, purpose: str, by: str | None = None
) -> Flow[tuple[str, ...]]:
    """Return the references of the customers whose *field* is *value*, if *purpose* may see it.

    Each one found is a read of that field, and stands in the ledger.
    """
    by = check_actor(by, setting.acting or "find", "find")
    policy = setting.policy
    policy.purpose(purpose)
    policy.check_fields((field,))
    declared = policy.fields.get(field)
    if declared is None or not declared.lookup:
        raise UsageError(
            f"`{field}` is no look-up field", place="find", remedy="the policy declares `lookup` for it"
        )
    if not isinstance(value, str):
        raise UsageError("a look-up value is a text", place="find")
    token = token_of(setting, field, value)
    refs: list[str] = []
    after = FIRST
    while True:
        page = yield from effects.find(token, 0, after, PAGE)
        if not page:
            return tuple(sorted(refs))
        after = page[-1]
        books = yield from open_books(setting, [stream for _, stream in page])
        for book in books.values():
            ref = book.state.about.get(REF)
            if ref is not None and _holds(setting, book, field, token):
                allowed = yield from on_customer(
                    setting, ref, lambda book: _read(setting, book, field, purpose, by), lambda: False
                )
                refs += [ref] if allowed else []


def _holds(setting: Setting, book: Book, field: str, token: bytes) -> bool:
    """A mark may be older than the value: look at the value itself."""
    return any(token_of(setting, field, each.value) == token for each in book.values(field))


def _read(setting: Setting, book: Book, field: str, purpose: str, by: str) -> bool:
    answer = decide(setting.policy, book.state, Request(purpose, (field,), actor=by), book.now())
    if not answer or field not in answer.fields:
        return False
    said = Read(
        at=answer.at,
        by=by,
        policy=answer.policy,
        purpose=purpose,
        fields=(field,),
        basis=answer.basis,
        seen=book.state.length,
    )
    book.append(moved(setting, book, said))
    return True
