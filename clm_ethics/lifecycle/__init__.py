"""The customer lifecycle: stages, and the moves between them.

Two kinds of move: *on* an event, and *after* a time *without* one. The effective stage is a
pure function of the last recorded stage, its time, and the instant asked for; a timed move
is written down at the next write or sweep.
"""

from .beginning import Row, Said
from .moves import course, next_due, on_event
from .values import Lifecycle, Move

__all__ = ["Lifecycle", "Move", "Row", "Said", "course", "next_due", "on_event"]
