"""Drawing a lifecycle: Mermaid text, and SVG that also says in words what it shows.

Stages stand in columns by how many moves lead to them from the start. Nothing but text is made.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, NamedTuple

from ..errors import UsageError

if TYPE_CHECKING:
    from .values import Lifecycle

FORMS = ("mermaid", "svg")
"""What a lifecycle can be drawn as."""
_WIDE, _HIGH = 130, 40
_GAP, _ROW = 120, 110
_LETTER, _LABEL_LETTER = 9, 7
"""How wide a letter is at the most, in a stage's name and in a label."""
_MARGIN = 30
_STYLE = (
    "text{font:14px sans-serif;fill:#111}.label{font-size:12px}"
    ".stage{fill:#fff;stroke:#111;stroke-width:2}.start{stroke-width:4}"
    ".move{fill:none;stroke:#444;stroke-width:1.5}.ground{fill:#fff}"
)


class _Arrow(NamedTuple):
    """All moves from one stage to another, and what brings each."""

    source: str
    to: str
    label: str


def draw(lifecycle: Lifecycle, form: str) -> str:
    """Return *lifecycle* as *form*; see :meth:`Lifecycle.diagram`."""
    if form not in FORMS:
        raise UsageError(f"no form `{form}`", place="diagram", remedy="one of " + ", ".join(FORMS))
    if not lifecycle.stages:
        raise UsageError("the policy has no lifecycle", place="diagram", remedy="declare [lifecycle]")
    return _mermaid(lifecycle) if form == "mermaid" else _svg(lifecycle)


def _arrows(lifecycle: Lifecycle) -> list[_Arrow]:
    found: dict[tuple[str, str], list[str]] = {}
    for move in lifecycle.moves:
        for source in move.sources:
            found.setdefault((source, move.to), []).append(move.why)
    return [_Arrow(source, to, " or ".join(whys)) for (source, to), whys in found.items()]


def _mermaid(lifecycle: Lifecycle) -> str:
    lines = ["stateDiagram-v2", f"    [*] --> {lifecycle.start}"]
    # A hash begins an entity in Mermaid, and so does a semicolon end one: names and durations have neither.
    lines += [f"    {each.source} --> {each.to}: {each.label}" for each in _arrows(lifecycle)]
    return "\n".join(lines) + "\n"


def _columns(lifecycle: Lifecycle) -> list[list[str]]:
    """Return the stages by how many moves lead to them, in the order of the policy."""
    columns, left = [[lifecycle.start]], lifecycle.stages - {lifecycle.start}
    order = [stage for move in lifecycle.moves for stage in (*move.sources, move.to)]
    while left:
        before = columns[-1]
        reached = {m.to for m in lifecycle.moves if set(before).intersection(m.sources)} & left
        if not reached:
            break
        columns.append([stage for stage in dict.fromkeys(order) if stage in reached])
        left -= reached
    return columns


def _svg(lifecycle: Lifecycle) -> str:
    columns, arrows = _columns(lifecycle), _arrows(lifecycle)
    column_of = {stage: column for column, stages in enumerate(columns) for stage in stages}
    wide = max(_WIDE, *(len(stage) * _LETTER + 30 for stage in column_of))
    # Straight lines lead to the next column only: whatever else there is goes round below.
    straight = [each for each in arrows if column_of[each.to] == column_of[each.source] + 1]
    around = [each for each in arrows if each not in straight]
    lefts = [_MARGIN]
    for column in range(1, len(columns)):
        labels = [len(each.label) for each in straight if column_of[each.to] == column]
        lefts.append(lefts[-1] + wide + max([_GAP, *(length * _LABEL_LETTER + 50 for length in labels)]))
    places = {
        stage: (lefts[column], _MARGIN + 30 + row * _ROW)
        for column, stages in enumerate(columns)
        for row, stage in enumerate(stages)
    }
    lowest = max(top for _, top in places.values()) + _HIGH
    width = 2 * _MARGIN + lefts[-1] + wide + 40
    height = lowest + _MARGIN + 34 * len(around)
    said = "; ".join(f"from {each.source} to {each.to}: {each.label}" for each in arrows)
    about = f"It starts at {lifecycle.start}. Moves: {said}." if said else f"It starts at {lifecycle.start}."
    frame = (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-labelledby="life-title life-desc" '
        f'viewBox="0 0 {width} {height}" width="{width}" height="{height}">'
    )
    tip = (
        '<defs><marker id="life-tip" markerWidth="10" markerHeight="8" refX="9" refY="4" orient="auto">'
        '<path d="M0 0L10 4L0 8z" fill="#444"/></marker></defs>'
    )
    parts = [
        frame,
        f'<title id="life-title">Customer lifecycle</title><desc id="life-desc">{escape(about)}</desc>',
        f'<style>{_STYLE}</style><rect class="ground" width="{width}" height="{height}"/>',
        tip,
    ]
    parts += [_straight(each, places, wide) for each in straight]
    parts += [_around(each, places, wide, lowest + 34 * n + 24) for n, each in enumerate(around)]
    parts += [_stage(stage, place, wide, start=stage == lifecycle.start) for stage, place in places.items()]
    return "\n".join([*parts, "</svg>"]) + "\n"


def _stage(stage: str, place: tuple[int, int], wide: int, *, start: bool) -> str:
    left, top = place
    kind = "stage start" if start else "stage"
    return (
        f'<rect class="{kind}" x="{left}" y="{top}" width="{wide}" height="{_HIGH}" rx="8"/>'
        f'<text x="{left + wide // 2}" y="{top + 25}" text-anchor="middle">{escape(stage)}</text>'
    )


def _straight(arrow: _Arrow, places: dict[str, tuple[int, int]], wide: int) -> str:
    left, top = places[arrow.source]
    to_left, to_top = places[arrow.to]
    start, end = (left + wide, top + _HIGH // 2), (to_left, to_top + _HIGH // 2)
    line = f"M{start[0]} {start[1]}L{end[0]} {end[1]}"
    return _labelled(line, arrow.label, (start[0] + end[0]) // 2, (start[1] + end[1]) // 2 - 8)


def _around(arrow: _Arrow, places: dict[str, tuple[int, int]], wide: int, level: int) -> str:
    """A move that leads back, or past a column, goes below all stages, each on a level of its own."""
    (left, top), (to_left, to_top) = places[arrow.source], places[arrow.to]
    start, end = left + wide // 2 + 18, to_left + wide // 2 - 18
    line = f"M{start} {top + _HIGH}L{start} {level}L{end} {level}L{end} {to_top + _HIGH}"
    return _labelled(line, arrow.label, (start + end) // 2, level - 6)


def _labelled(line: str, label: str, x: int, y: int) -> str:
    return (
        f'<path class="move" d="{line}" marker-end="url(#life-tip)"/>'
        f'<text class="label" x="{x}" y="{y}" text-anchor="middle">{escape(label)}</text>'
    )
