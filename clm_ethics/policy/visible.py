"""Which fields a purpose may see: listed, collected, not special without an explicit yes, not
collected for something else (Art. 5(1)(b) GDPR), and not over (Art. 5(1)(e) GDPR).
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from ..model.state import Status
from ..model.times import NEVER
from .decision import FULL, Grant, Reason
from .values import Basis
from .words import reason

if TYPE_CHECKING:
    from ..model.state import Run, State
    from ..model.times import Duration
    from .decision import Request
    from .policy import Policy
    from .values import Keep, Purpose


class Visible(NamedTuple):
    """What may be seen, what not, of what only a part, and until when (UTC) that stays so."""

    fields: dict[str, Grant]
    withheld: dict[str, Reason]
    partly: dict[str, Reason]
    until: datetime | None


class _Look(NamedTuple):
    policy: Policy
    state: State
    purpose: Purpose
    at: datetime
    basis: str
    consented: int
    explicit: tuple[str, ...]
    collect: bool


def see(
    policy: Policy,
    state: State,
    purpose: Purpose,
    request: Request,
    at: datetime,
    stage: str,
    basis: str,
) -> Visible:
    """Look at each field that *request* wants, once the purpose itself is allowed."""
    consent = state.consents.get(purpose.name)
    valid = consent is not None and consent.status is Status.GRANTED and basis == Basis.CONSENT.value
    look = _Look(
        policy,
        state,
        purpose,
        at,
        basis,
        consent.index if consent is not None and valid else 0,
        consent.explicit if consent is not None and valid else (),
        request.collect,
    )
    fields: dict[str, Grant] = {}
    withheld: dict[str, Reason] = {}
    partly: dict[str, Reason] = {}
    until: datetime | None = None
    for name in purpose.fields if request.fields is None else request.fields:
        grant, why, ends = _field(look, name, stage)
        if grant is None:
            withheld[name] = why or reason("field.absent")
            continue
        fields[name] = grant
        if why is not None:
            partly[name] = why
        if ends is not None and (until is None or ends < until):
            until = ends
    return Visible(fields, withheld, partly, until)


def _field(look: _Look, name: str, stage: str) -> tuple[Grant | None, Reason | None, datetime | None]:
    purpose, state = look.purpose, look.state
    if name not in purpose.fields:
        return None, reason("field.unlisted"), None
    special = look.policy.special(name)
    if special and look.basis != Basis.LEGAL_OBLIGATION.value and not _explicit(look, name):
        return None, reason("field.special"), None
    if look.collect:
        return FULL, None, None
    coarse = purpose.coarse.get(name, "")
    declared = look.policy.fields.get(name)
    if name == "stage":
        return (_grant(coarse) if stage else None), None, None
    if declared is not None and declared.source:
        return _grant(coarse), None, None  # the host's own data: the verb asks its source
    runs = state.fields.get(name)
    if not runs:
        code = "field.erased" if state.erased is not None else "field.absent"
        return None, reason(code), None
    return _runs(look, runs, coarse)


def _runs(
    look: _Look, runs: tuple[Run, ...], coarse: str
) -> tuple[Grant | None, Reason | None, datetime | None]:
    if len(runs) == 1:  # nearly always
        run = runs[0]
        if not _for_this(look, run):
            return None, reason("field.other_purpose"), None
        ends = kept_until(look.purpose, look.state, run.last)
        if ends <= look.at:
            return None, reason("field.expired"), None
        if run.count == 1 or run.first == run.last:
            return _grant(coarse), None, ends
    return _many(look, runs, coarse)


def _many(
    look: _Look, runs: tuple[Run, ...], coarse: str
) -> tuple[Grant | None, Reason | None, datetime | None]:
    spans: list[tuple[int, int]] = []
    why: Reason | None = None
    ends: datetime | None = None
    below = 0
    for run in runs:
        last = kept_until(look.purpose, look.state, run.last)
        if not _for_this(look, run):
            why = reason("field.other_purpose")
        elif last <= look.at:
            why = why or reason("field.expired")
        else:
            spans.append((below + 1, run.index))
            first = kept_until(look.purpose, look.state, run.first)
            if first <= look.at:
                why, first = why or reason("field.expired"), last
            ends = first if ends is None or first < ends else ends
        below = run.index
    if not spans:
        return None, why, None
    kept = tuple(spans) if len(spans) < len(runs) else ()
    return Grant(coarse, kept, True), why, ends


def _explicit(look: _Look, name: str) -> bool:
    """Art. 9(2)(a): the purpose asks for it explicitly, and the yes was explicit for it."""
    return name in look.purpose.explicit and name in look.explicit


def _for_this(look: _Look, run: Run) -> bool:
    """Purpose limitation (Art. 5(1)(b), 6(4) GDPR) for one value or run."""
    name = look.purpose.name
    if name in run.announced or look.consented > run.index:
        return True
    if look.basis in (Basis.CONTRACT.value, Basis.LEGAL_OBLIGATION.value):
        return True
    return (
        not run.consented
        and run.purpose in look.purpose.compatible_with
        and bool(look.purpose.assessment)
        and name in look.state.informed
    )


def _grant(coarse: str) -> Grant:
    return _coarse_grant(coarse) if coarse else FULL


@lru_cache(maxsize=256)
def _coarse_grant(coarse: str) -> Grant:
    return Grant(coarse)


def kept_until(purpose: Purpose, state: State, collected: datetime) -> datetime:
    """Return when (UTC) *purpose* stops needing a value collected then; ``NEVER`` while it lives."""
    keep = purpose.keep
    if keep is None:
        return NEVER
    start = _starts(keep, purpose, state, collected)
    return NEVER if start is None else _after(keep.span, start)


def _starts(keep: Keep, purpose: Purpose, state: State, collected: datetime) -> datetime | None:
    if keep.since == "collected":
        return collected
    if keep.since == "year_end":
        return datetime(collected.year + 1, 1, 1, tzinfo=UTC)
    if keep.since == "contract_end":
        contract = state.contracts.get(purpose.name)
        if contract is None:
            return state.erased or collected  # no contract ever: the time runs from the collection
        return None if contract.open else contract.ended
    # withdrawal
    said = state.consents.get(purpose.name)
    objected = state.objections.get(purpose.name)
    noes = [each.at for each in (objected,) if each is not None]
    if said is not None and said.status is not Status.GRANTED:
        noes.append(said.at)
    return min(noes, default=None)


@lru_cache(maxsize=8192)
def _after(span: Duration, start: datetime) -> datetime:
    return span.after(start)
