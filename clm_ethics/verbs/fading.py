"""Inactivity, made by the sweep: announce, shrink, seal away; forgetting is an erasure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..lifecycle.decay import ANNOUNCE, coming, due_after, quiet_since
from ..model.events import Announced, Faded, Removed
from ..model.state import BUILT_IN
from ..policy.policy import FIRM
from ..policy.visible import kept_until

if TYPE_CHECKING:
    from datetime import datetime

    from ..flows import Book, Setting
    from ..lifecycle.decay import Coming

BY = "clm_ethics"
"""The actor of a sweep."""


def fade(setting: Setting, book: Book, at: datetime) -> str:
    """Announce or make what inactivity brings by *at*; return what was done, ``forget`` if that is due."""
    rule, state = setting.policy.lifecycle.decay, book.state
    if rule is None or state.restriction is not None:
        return ""  # of restricted data everything but storage is forbidden (Art. 18(2) GDPR)
    found = coming(rule, state)
    since = quiet_since(rule, state)
    if found is None or since is None or found.at > at:
        return ""
    policy = setting.policy.hash
    if found.what == ANNOUNCE:
        due = due_after(rule, state, found.place, at)
        what = found.step.kind
        book.append(Announced(at=at, by=BY, policy=policy, what=what, step=found.place, since=since, due=due))
        return ANNOUNCE
    if found.what == "forget":
        return "" if open_contracts(book, found) else "forget"
    removed = _shrink(setting, book, found, at)
    book.append(
        Faded(at=at, by=BY, policy=policy, what=found.what, step=found.place, since=since, removed=removed)
    )
    return found.what


def open_contracts(book: Book, found: Coming) -> tuple[str, ...]:
    """Return the contracts that keep the customer from being forgotten."""
    return tuple(
        name for name, each in book.state.contracts.items() if each.open and name not in found.step.closes
    )


def _shrink(setting: Setting, book: Book, found: Coming, at: datetime) -> tuple[Removed, ...]:
    removed = []
    for name, kept in found.step.shrink.items():
        runs = book.state.fields.get(name, ())
        count = sum(run.count for run in runs)
        if name in BUILT_IN or count <= kept or _needed(setting, book, name, at):
            continue
        book.drop_values(name, count - kept if kept else 0)
        removed.append(Removed(field=name, items=count - kept if kept else 0, why="inactivity"))
    return tuple(removed)


def _needed(setting: Setting, book: Book, name: str, at: datetime) -> bool:
    """Say whether a contract or a law still needs the field: inactivity takes nothing from these."""
    state = book.state
    oldest = min(run.first for run in state.fields[name])
    return any(
        not purpose.all_bases.isdisjoint(FIRM) and kept_until(purpose, state, oldest) > at
        for purpose in setting.policy.listing(name)
    )
