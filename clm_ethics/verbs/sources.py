"""Data that stays with the host: the decision, the withholding and the ledger are the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Source(Protocol):
    """Where a declared field's values are, when the host keeps them itself.

    Methods may be coroutines under ``AsyncSteward``. What they raise becomes ``SourceError``.
    """

    def fetch(self, ref: str, fields: Sequence[str], /) -> Mapping[str, Any]:
        """Return the values of *fields* of the customer that the host calls *ref*; absent ones left out."""
        ...

    def erase(self, ref: str, /) -> None:
        """Erase what it holds of the customer; called again until it returns."""
        ...
