"""Groups that are groups by construction: cells of counted customers, merged until none is small."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ..errors import UsageError
from .defaults import LEAST_SEGMENT

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class Segment(NamedTuple):
    """A group of customers: the cells that it is made of, the fields that tell them apart, its size."""

    cells: tuple[str, ...]
    fields: frozenset[str]
    size: int

    @property
    def offer(self) -> dict[str, object]:
        """What an offer for the group says: ``Offer("tea", purpose=..., **segment.offer)``."""
        return {"segment": self.fields, "segment_size": self.size}


def segments(
    counts: Mapping[str, int], *, fields: Iterable[str], least: int = LEAST_SEGMENT
) -> tuple[Segment, ...]:
    """Make groups of at least *least* customers out of *counts*, customers per cell; the largest first.

    Cells that are too small are merged into one group; if that is still too small, it goes with the
    smallest of the others. Where all of them together are too few, there is no group. A cell
    of nobody is left out. *least* below the house's 20 is refused.

    Raises:
        UsageError: a count that is none, or a lower *least*.
    """
    if least < LEAST_SEGMENT:
        raise UsageError(f"a group has {LEAST_SEGMENT} customers or more", place="segments(least=)")
    for count in counts.values():
        if isinstance(count, bool) or not isinstance(count, int) or count < 0:
            raise UsageError("a count is a whole number, 0 or more", place="segments")
    names = frozenset(fields)
    cells = sorted(((count, cell) for cell, count in counts.items() if count), reverse=True)
    large = [Segment((cell,), names, count) for count, cell in cells if count >= least]
    small = [(count, cell) for count, cell in cells if count < least]
    size = sum(count for count, _ in small)
    if 0 < size < least and large:
        size += large[-1].size
        small += [(0, cell) for cell in large.pop().cells]
    if size >= least:
        large.append(Segment(tuple(sorted(cell for _, cell in small)), names, size))
    return tuple(sorted(large, key=lambda each: (-each.size, each.cells)))
