"""Default journeys as data: whole policies to start from, which load and have no findings."""

from __future__ import annotations

from importlib.resources import files

from ...errors import UnknownName

JOURNEYS = {
    "retail": "somebody who buys now and then, and may fall silent",
    "subscription": "a trial, a paid time, a cancellation, and perhaps a return",
    "non_contractual": "readers, members, donors, users of a free service",
}
"""The names of the journeys, and whom each is for."""


def journey(name: str) -> str:
    """Return the policy of the journey *name*, as TOML text to change and keep.

    Raises:
        UnknownName: there is no such journey; the nearest is named.
    """
    wanted = name.replace("-", "_") if isinstance(name, str) else ""
    if wanted not in JOURNEYS:
        raise UnknownName.among("journey", name, JOURNEYS)
    return files(__name__).joinpath(f"{wanted}.toml").read_text(encoding="utf-8")


__all__ = ["JOURNEYS", "journey"]
