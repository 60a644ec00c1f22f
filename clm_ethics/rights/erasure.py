"""What an erasure would take, what a law keeps, and why (Art. 17 GDPR)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from ..policy.renaming import translate
from ..policy.values import Basis
from ..policy.visible import kept_until

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from ..model.state import State
    from ..policy import Policy


@attrs.frozen(kw_only=True)
class Kept:
    """A field that survives: the purpose that a law obliges, the law, and until when (UTC)."""

    purpose: str
    law: str
    until: datetime


@attrs.frozen(kw_only=True)
class ErasurePlan:
    """What would go, and what a law keeps. It holds names and times, never a value.

    Attributes:
        goes: the fields whose values are erased.
        stays: per field that a law keeps, which and until when (Art. 17(3)(b) GDPR).
        sources: sources of the host that will be told to erase.
        pending: sources that the policy declares and nobody has given: they cannot be told.
        known: whether there is a living customer.
    """

    goes: tuple[str, ...]
    stays: Mapping[str, Kept]
    sources: tuple[str, ...]
    pending: tuple[str, ...]
    known: bool = True

    def __bool__(self) -> bool:
        """Tell whether there is anything to erase."""
        return self.known

    def explain(self) -> str:
        """Say it in plain words."""
        if not self.known:
            return "there is no such customer, or nothing is left to erase"
        lines = [
            "goes: " + (", ".join(self.goes) or "nothing that was collected") + ", and the customer's key"
        ]
        lines += [
            f"stays: {field}, because of {kept.law} ({kept.purpose}), until {kept.until:%Y-%m-%d}"
            for field, kept in self.stays.items()
        ]
        lines += [f"asks the source {name} to erase" for name in self.sources]
        lines += [f"cannot reach the source {name}: it was not given" for name in self.pending]
        return "\n".join(lines)

    def __str__(self) -> str:
        """Say it in plain words."""
        return self.explain()


def plan_erasure(policy: Policy, state: State, at: datetime, sources: frozenset[str]) -> ErasurePlan:
    """Work out the plan; pure."""
    state = translate(policy, state)
    stays: dict[str, Kept] = {}
    for purpose in policy.purposes.values():
        if Basis.LEGAL_OBLIGATION not in purpose.all_bases:
            continue
        for field in purpose.fields:
            runs = state.fields.get(field, ())
            if not runs or field not in policy.fields:
                continue
            until = max(kept_until(purpose, state, run.last) for run in runs)
            if until > at and (field not in stays or until > stays[field].until):
                stays[field] = Kept(purpose=purpose.name, law=purpose.law, until=until)
    declared = sorted({field.source for field in policy.fields.values() if field.source})
    return ErasurePlan(
        goes=tuple(field for field in state.fields if field not in stays),
        stays=stays,
        sources=tuple(name for name in declared if name in sources),
        pending=tuple(name for name in declared if name not in sources),
        known=state.known and state.erased is None,
    )
