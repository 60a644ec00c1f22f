"""What the parts of a pack say of each other: each row answered, each exception meant, each place covered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .facts import within
from .regions import covers
from .words import Posture, Row

if TYPE_CHECKING:
    from datetime import date

    from .reading import Table
    from .values import Cell, Pack
    from .words import Claim


def check_exceptions(raw: Table, exceptions: tuple[Claim, ...], posture: Posture) -> None:
    """Refuse exceptions where any claim counts: they would read as the only ones."""
    if exceptions and posture <= Posture.OPT_OUT:
        raise raw.refuse(
            "exceptions", f"{posture.name.lower()} accepts any claim", "leave the exceptions out"
        )


def check_territories(top: Table, pack: Pack) -> None:
    """Refuse a rule outside of the pack's territory, and an ``unless`` that leaves a day unanswered."""
    for number, rule in enumerate(pack.rules):
        for code in rule.territory:
            if not pack.covers(code):
                place = f"rules[{number}].territory"
                raise top.refuse(place, f"`{code}` is outside of the pack's territory", "add it there")
    days = [day for day in pack.changes() if pack.since <= day]
    for cell in pack.cells:
        for code in cell.unless:
            if not all(_answered(pack, cell, code, day) for day in days):
                place = f"cells.{cell.row}.unless"
                raise top.refuse(place, f"no rule answers for `{code}` at all times", "add the missing rule")


def check_rows(top: Table, pack: Pack) -> None:
    """Refuse a row that has neither a cell nor a silence, or both, or two silences."""
    said = [cell.row for cell in pack.cells] + [row for each in pack.silences for row in each.rows]
    for row in Row:
        if said.count(row) == 0:
            raise top.refuse(
                "cells", f"`{row}` is missing", "write a cell, or name it under [[silent]] and say why"
            )
        if said.count(row) > 1:
            raise top.refuse("silent", f"`{row}` stands twice", "write a cell or one silence")


def _answered(pack: Pack, cell: Cell, code: str, day: date) -> bool:
    """Say whether a rule without further condition speaks on the cell's row in *code* on *day*."""
    return any(
        cell.row in rule.rows
        and within(day, rule.since, rule.until)
        and any(covers(own, code) for own in rule.territory or pack.territory)
        and (rule.when, rule.age_min, rule.age_max) == ((), None, None)
        for rule in pack.rules
    )
