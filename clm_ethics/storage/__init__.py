"""Places for streams: the contract, and how to open a place by its address.

Adapters register under the entry point group ``clm_ethics.storage``, by URL scheme, a function
that takes the whole URL and returns a :class:`Storage`. Only the one that is named is loaded.
Here is all that an adapter needs: the protocols, the values, the limits, the checks, the errors,
and :class:`Threaded`, which makes an :class:`AsyncStorage` of any storage.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

from clm_ethics.errors import StorageCorrupt, StorageUnavailable, UsageError, shorten
from clm_ethics.storage.contract import (
    FIRST,
    MAX_CALL,
    MAX_ENTRIES,
    MAX_FORGETS,
    MAX_ID,
    MAX_INT,
    MAX_MARKS,
    MAX_PART,
    MAX_WRITES,
    AsyncJoinedStorage,
    AsyncScannable,
    AsyncStorage,
    Checkable,
    Closable,
    Entry,
    Finding,
    Head,
    Joinable,
    JoinedStorage,
    Level,
    Mark,
    Scannable,
    Scrubbable,
    Storage,
    Write,
    check_page,
    check_scan,
    check_token,
    check_writes,
)
from clm_ethics.storage.threaded import Threaded

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "FIRST",
    "MAX_CALL",
    "MAX_ENTRIES",
    "MAX_FORGETS",
    "MAX_ID",
    "MAX_INT",
    "MAX_MARKS",
    "MAX_PART",
    "MAX_WRITES",
    "AsyncJoinedStorage",
    "AsyncScannable",
    "AsyncStorage",
    "Checkable",
    "Closable",
    "Entry",
    "Finding",
    "Head",
    "Joinable",
    "JoinedStorage",
    "Level",
    "Mark",
    "Scannable",
    "Scrubbable",
    "Storage",
    "StorageCorrupt",
    "StorageUnavailable",
    "Threaded",
    "Write",
    "check_page",
    "check_scan",
    "check_token",
    "check_writes",
    "open",
]

GROUP: Final = "clm_ethics.storage"
"""The entry point group of the adapters."""


def open(url: str, *, create: bool = True) -> Storage:  # noqa: A001 -- it is called as storage.open
    """Open the storage at *url*; who opens it closes it, if it is :class:`Closable`.

    ``memory:`` is this process's memory; ``sqlite:///crm.db`` a file in the current folder,
    ``sqlite:////srv/crm.db`` one by its absolute path.

    Args:
        url: its address.
        create: make what is not there; without it nothing is made, nor migrated. An adapter that can
            do so has a parameter of this name.

    Raises:
        UsageError: no adapter for the scheme is installed, or the URL is malformed.
        StorageUnavailable: the storage cannot be opened.
        StorageCorrupt: what is there is no storage of this library.
    """
    scheme, colon, _ = url.partition(":")
    if not colon or not scheme:
        raise UsageError(
            f"`{shorten(url)}` is not an address of a storage",
            remedy="write `sqlite:///crm.db` for a file, or `memory:`",
        )
    opener = _opener(scheme.lower())
    if create:
        return opener(url)
    from inspect import signature

    if "create" not in signature(opener).parameters:
        raise UsageError(
            f"the adapter for `{shorten(scheme)}:` does not promise to create nothing",
            place="storage",
            remedy="open it with Steward.open",
        )
    return opener(url, create=False)


_BUILT_IN: Final = {"memory": "clm_ethics.storage.memory", "sqlite": "clm_ethics.storage.sqlite"}
"""What needs no installed entry point; the two are registered as well."""


def _opener(scheme: str) -> Callable[..., Storage]:
    """Return what opens the URLs of *scheme*, and import nothing but that."""
    if scheme in _BUILT_IN:
        built_in: Callable[..., Storage] = import_module(_BUILT_IN[scheme]).open_url
        return built_in
    entry_points = import_module("importlib.metadata").entry_points
    for point in entry_points(group=GROUP, name=scheme):
        try:
            installed: Callable[..., Storage] = point.load()
        except (ImportError, AttributeError) as error:
            raise UsageError(
                f"the adapter for `{scheme}:` cannot be loaded: {error}",
                place="storage",
                remedy="install what it needs",
            ) from error
        return installed
    known = sorted({*_BUILT_IN, *(point.name for point in entry_points(group=GROUP))})
    raise UsageError(
        f"no adapter for `{shorten(scheme)}:` is installed",
        place="storage",
        remedy=f"installed are {', '.join(f'`{each}:`' for each in known)}",
    )
