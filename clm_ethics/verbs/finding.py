"""Finding customers by a look-up field, for a purpose that may see it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import UsageError
from ..flows import Job, effects
from ..model.events import Read
from ..policy import Request, decide
from ..storage.contract import FIRST
from .asking import queue_refusal
from .common import REF, check_actor, moved, token_of

if TYPE_CHECKING:
    from ..flows import Book, Flow, Setting
    from ..policy import Decision

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
    request = Request(purpose, (field,), actor=by)
    refs: list[str] = []
    after = FIRST
    while True:
        page = yield from effects.find(token, 0, after, PAGE)
        if not page:
            return tuple(sorted(refs))
        after = page[-1]
        jobs = [
            Job(stream, lambda book: _read(setting, book, request, token))
            for stream in dict.fromkeys(stream for _, stream in page)
        ]
        yield from effects.submit_all(jobs)  # the reads of a page share one commit
        for job in jobs:
            if isinstance(job.result, str):
                refs.append(job.result)
            elif job.result is not None:
                queue_refusal(setting, job.stream, "find", by, job.result, request.channel)


def _holds(setting: Setting, book: Book, field: str, token: bytes) -> bool:
    """A mark may be older than the value: look at the value itself."""
    return any(token_of(setting, field, each.value) == token for each in book.values(field))


def _read(setting: Setting, book: Book, request: Request, token: bytes) -> str | Decision | None:
    """Decide on the customer behind a mark; return the reference if it may be told, else the refusal."""
    field, by = (request.fields or ("",))[0], request.actor or ""
    ref = book.state.about.get(REF)
    if ref is None or book.sealer is None or not _holds(setting, book, field, token):
        return None
    answer = decide(setting.policy, book.state, request, book.now())
    if not answer or field not in answer.fields:
        return answer
    said = Read(
        at=answer.at,
        by=by,
        policy=answer.policy,
        purpose=request.purpose,
        fields=(field,),
        basis=answer.basis,
        seen=book.state.length,
    )
    book.append(moved(setting, book, said))
    return ref
