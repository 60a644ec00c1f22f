"""Check that a storage is in order: schema, permissions, durability, clock, versions, space.

Reads only: nothing is created or migrated. The exit code is 1 if anything is at fault.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import StorageError, UsageError
from ..storage.contract import Checkable, Closable, Finding, Level
from .output import NO, YES, say, show

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the URL."""
    parser.add_argument("url", metavar="URL", help="such as sqlite:///crm.db or postgresql://user@host/crm")


def run(arguments: argparse.Namespace) -> int:
    """Check, and say what was found."""
    found = look(arguments.url)
    faults = [each for each in found if each.level is Level.FAULT]
    if arguments.json:
        show({"ok": not faults, "findings": [each._asdict() for each in found]})
    else:
        for each in found:
            say(f"{each.level:<5}  {each.subject}: {each.text}" + (f"; {each.remedy}" * bool(each.remedy)))
    return NO if faults else YES


def look(url: str) -> Sequence[Finding]:
    """Open the storage at *url* without creating anything; return what is found.

    Raises:
        UsageError: the URL is malformed, or its adapter cannot check itself.
    """
    from .. import storage as storages

    try:
        storage: object = storages.open(url, create=False)
    except StorageError as error:
        return [_fault(error)]
    try:
        if not isinstance(storage, Checkable):
            raise UsageError("its adapter cannot check itself", place="storage check")
        return sorted(storage.check(), key=lambda each: each.subject)
    except StorageError as error:
        return [_fault(error)]
    finally:
        if isinstance(storage, Closable):
            storage.close()


def _fault(error: StorageError) -> Finding:
    """A storage that does not open has one fault: the reason."""
    place = f"{error.place}: " if error.place else ""
    return Finding("opening", Level.FAULT, f"{place}{error.what}", error.remedy)
