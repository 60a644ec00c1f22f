"""Which fields a purpose may see: listed, collected, not special without an explicit yes, not
collected for something else (Art. 5(1)(b) GDPR), and not over (Art. 5(1)(e) GDPR).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import msgspec

from ..model.state import Consent, State, Status
from ..model.times import NEVER
from ..regimes import covers, known_region
from .decision import FULL, Grant, Reason
from .values import Basis, Purpose
from .words import reason

if TYPE_CHECKING:
    from ..model.state import Run
    from ..model.times import Duration
    from .decision import Request
    from .policy import Policy, Sight
    from .values import Keep


class Visible(msgspec.Struct, frozen=True):
    """What may be seen, what not, of what only a part, and until when (UTC) that stays so."""

    fields: Mapping[str, Grant]
    withheld: Mapping[str, Reason]
    partly: Mapping[str, Reason]
    until: datetime | None


_EMPTY: Mapping[str, Any] = MappingProxyType({})
NOTHING = Visible(_EMPTY, _EMPTY, _EMPTY, None)
"""What somebody sees who is refused."""


class Rights(msgspec.Struct, frozen=True):
    """By what right fields are looked at.

    Attributes:
        firm: a contract or a law carries the purpose, under each law that judges it.
        law: a legal obligation does.
        consent: the yes to the purpose, if it stands.
        forbidden: why a law forbids special categories even with consent, but for a contract that needs
            them or a legal obligation; ``None``: none does.
    """

    firm: bool
    law: bool
    consent: Consent | None
    forbidden: Reason | None = None


class _Look(msgspec.Struct, frozen=True):
    state: State
    purpose: Purpose
    at: datetime
    rights: Rights
    consented: int
    explicit: tuple[str, ...]
    collect: bool


_Found = tuple[Grant | None, Reason | None, datetime | None]
"""What may be seen of a field, why not (or why not all), and until when that stays so (UTC)."""

_UNLISTED: _Found = (None, reason("field.unlisted"), None)
_SPECIAL: _Found = (None, reason("field.special"), None)
_ABSENT: _Found = (None, reason("field.absent"), None)
_ERASED: _Found = (None, reason("field.erased"), None)
_OTHER_PURPOSE: _Found = (None, reason("field.other_purpose"), None)
_EXPIRED: _Found = (None, reason("field.expired"), None)


def see(
    policy: Policy,
    state: State,
    purpose: Purpose,
    request: Request,
    at: datetime,
    stage: str,
    rights: Rights,
) -> Visible:
    """Look at each field that *request* wants, once the purpose itself is allowed."""
    consent = rights.consent
    listed = policy.sights[purpose.name]
    look = _Look(
        state,
        purpose,
        at,
        rights,
        0 if consent is None else consent.index,
        () if consent is None else consent.explicit,
        request.collect,
    )
    fields: dict[str, Grant] = {}
    withheld: dict[str, Reason] = {}
    partly: dict[str, Reason] = {}
    until: datetime | None = None
    for name in purpose.fields if request.fields is None else request.fields:
        sight = listed.get(name)
        grant, why, ends = _UNLISTED if sight is None else _field(look, sight, name, stage)
        if grant is None:
            withheld[name] = why or reason("field.absent")
            continue
        fields[name] = grant
        if why is not None:
            partly[name] = why
        if ends is not None and (until is None or ends < until):
            until = ends
    return Visible(fields, withheld, partly, until)


def _field(look: _Look, sight: Sight, name: str, stage: str) -> _Found:
    state, purpose = look.state, look.purpose
    # Art. 9(2)(a): the purpose asks for it explicitly, and the yes was explicit for it.
    if sight.special:
        if not (sight.explicit and name in look.explicit) and not look.rights.law:
            return _SPECIAL
        if look.rights.forbidden is not None and not look.rights.firm:
            return None, look.rights.forbidden, None
    if look.collect:
        return FULL, None, None
    if name == "stage":
        return (sight.grant, None, None) if stage else _ABSENT
    if sight.elsewhere and state.erased is None:
        return sight.grant, None, None  # the host's own data: the verb asks its source
    runs = state.fields.get(name)
    if not runs:
        return _ABSENT if state.erased is None else _ERASED
    run = runs[0]
    if len(runs) > 1 or (run.count > 1 and run.first != run.last):
        return _many(look, runs, sight.grant.precision)
    if purpose.name not in run.announced and not _for_this(look, run):
        return _OTHER_PURPOSE
    ends = kept_until(purpose, state, run.last)
    return (sight.grant, None, ends) if ends > look.at else _EXPIRED


def _many(look: _Look, runs: tuple[Run, ...], coarse: str) -> _Found:
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


def _for_this(look: _Look, run: Run) -> bool:
    """Purpose limitation (Art. 5(1)(b), 6(4) GDPR) for one value or run."""
    name = look.purpose.name
    if name in run.announced or look.consented > run.index or look.rights.firm:
        return True
    return (
        not run.consented
        and run.purpose in look.purpose.compatible_with
        and bool(look.purpose.assessment)
        and name in look.state.informed
    )


def kept_until(purpose: Purpose, state: State, collected: datetime) -> datetime:
    """Return when (UTC) *purpose* stops needing a value collected then; ``NEVER`` while it lives."""
    keep = purpose.keep
    if keep is None:
        return NEVER
    if keep.since == "collected":
        return _after(keep.span, collected)
    start = _starts(keep, purpose, state, collected)
    return NEVER if start is None else _after(keep.span, start)


def _starts(keep: Keep, purpose: Purpose, state: State, collected: datetime) -> datetime | None:
    if keep.since == "year_end":
        return datetime(collected.year + 1, 1, 1, tzinfo=UTC)
    if keep.since == "contract_end":
        contract = state.contracts.get(purpose.name)
        if contract is None:
            return state.erased or collected  # no contract ever: the time runs from the collection
        return None if contract.open else contract.ended
    return _ended(purpose, state, collected)


def _ended(purpose: Purpose, state: State, collected: datetime) -> datetime | None:
    """Return when the purpose ended: with the first no that stands, or with a consent that ran out.

    Who said neither yes nor no never agreed: the time runs from the collection, unless something
    else carries the purpose. A later yes ends an objection.
    """
    said = state.consents.get(purpose.name)
    objected = state.objections.get(purpose.name)
    agreed, noes = 0, []
    if said is not None and said.status is Status.GRANTED:
        agreed = said.index
    elif said is not None:
        noes.append(said.since or said.at)
    if objected is not None and objected.index > agreed:
        noes.append(objected.since or objected.at)
    if noes:
        return min(noes)
    if (said is not None and said.until is None) or _carried(purpose, state):
        return None
    return collected if said is None else said.until


def _carried(purpose: Purpose, state: State) -> bool:
    """Say whether a basis other than consent may carry the purpose for this customer."""
    region = state.about.get("region", "")
    bases = set(purpose.basis)
    for under, more in purpose.basis_under.items():
        if covers(under, region) or not known_region(under):  # a pack's name may be of any region
            bases.update(more)
    contract = state.contracts.get(purpose.name)
    facts = {
        Basis.CONSENT: False,
        Basis.CONTRACT: contract is not None and bool(contract.open),
        Basis.LEGITIMATE_INTEREST: bool(purpose.assessment),
        Basis.SOFT_OPT_IN: purpose.name in state.informed,
    }
    return any(facts.get(basis, True) for basis in bases)


@lru_cache(maxsize=8192)
def _after(span: Duration, start: datetime) -> datetime:
    return span.after(start)
