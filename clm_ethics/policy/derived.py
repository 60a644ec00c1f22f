"""Derived fields: what was computed from personal data is under the rules of what it came from.

A derived field's category is its own, and it is special if one it came from is (``document.py``).
Its *values* inherit too, when they are collected: they serve no purpose that none of their sources
serves, and what came from data given under consent is never compatible with anything else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .decide import standing
from .values import Basis

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from ..model.state import Run, State
    from .policy import Policy
    from .values import Purpose

_WHATEVER_IT_NEEDS = frozenset({Basis.CONSENT, Basis.CONTRACT, Basis.LEGAL_OBLIGATION})
"""Bases that reach what was collected for something else: a yes to it, a contract, a law."""


def may_derive(policy: Policy, state: State, purpose: str, field: str, at: datetime) -> bool:
    """Say whether a value of *field* may be computed for *purpose* at *at* (UTC) from what is known.

    Purpose limitation does not end at a computation (Art. 5(1)(b), 6(4) GDPR): of every field that
    it is derived from, and of which something was collected, some of it serves *purpose*.
    """
    sources = _sources(policy, state, field)
    if not sources:
        return True
    wanted = policy.purposes[purpose]
    if all(_serves(runs, wanted, state) for runs in sources):
        return True
    return standing(policy, state, (wanted,), at).get(purpose) in _WHATEVER_IT_NEEDS


def under_consent(policy: Policy, state: State, field: str, purpose: str = "") -> bool:
    """Say whether *field* is derived from data that was collected under consent (to *purpose*, if given)."""
    return any(
        run.consented and purpose in ("", run.purpose)
        for runs in _sources(policy, state, field)
        for run in runs
    )


def _sources(policy: Policy, state: State, field: str) -> list[tuple[Run, ...]]:
    return [state.fields[name] for name in policy.origins(field) if name in state.fields]


def _serves(runs: Iterable[Run], purpose: Purpose, state: State) -> bool:
    return any(
        purpose.name in run.announced
        or (
            run.purpose in purpose.compatible_with
            and not run.consented
            and bool(purpose.assessment)
            and purpose.name in state.informed
        )
        for run in runs
    )
