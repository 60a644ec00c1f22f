"""The customer lifecycle: stages, and the moves between them.

Three kinds of move: *on* an event, *after* a time *without* one, and *when* a value is
reached. The effective stage is a pure function of the last recorded stage, its time, and the
instant asked for; a timed move is written down at the next write or sweep. What is learnt late
is put where it belongs, and the course of stages is derived anew from there.
"""

from .beginning import Row, Said
from .derive import advance
from .moves import Permitted, course, next_due, on_event
from .values import Lifecycle, Move, Threshold

__all__ = [
    "Lifecycle",
    "Move",
    "Permitted",
    "Row",
    "Said",
    "Threshold",
    "advance",
    "course",
    "next_due",
    "on_event",
]
