"""The one loop (load, decide, commit), the effects that a verb may ask for, and two drivers."""

from .book import Book, Cell, Value, Written
from .drivers import Awaiting, Blocking
from .effects import DATA, KEYS, Flow
from .pending import Pending
from .setting import Setting
from .settle import Job, act, batches, look, open_books, settle

__all__ = [
    "DATA",
    "KEYS",
    "Awaiting",
    "Blocking",
    "Book",
    "Cell",
    "Flow",
    "Job",
    "Pending",
    "Setting",
    "Value",
    "Written",
    "act",
    "batches",
    "look",
    "open_books",
    "settle",
]
