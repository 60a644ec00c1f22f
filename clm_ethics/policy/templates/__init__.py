"""Policies to start from, one TOML file each; the first comment line says what it is for."""

from __future__ import annotations

from importlib.resources import files

from ...errors import UnknownName
from ..journeys import JOURNEYS, journey

STARTER = "starter"
"""The template for those who have not chosen."""


def templates() -> dict[str, str]:
    """Return the name of each template and what it is for."""
    return {name: text.partition("\n")[0].lstrip("# ") for name, text in _texts().items()}


def template(name: str = STARTER) -> str:
    """Return the text of the template *name*; ``UnknownName`` if there is none."""
    found = _texts()
    if name not in found:
        raise UnknownName.among("template", name, found)
    return found[name]


def _texts() -> dict[str, str]:
    here = sorted(files(__name__).iterdir(), key=lambda each: each.name)
    own = {
        each.name.removesuffix(".toml"): each.read_text(encoding="utf-8")
        for each in here
        if each.name.endswith(".toml")
    }
    return own | {name: journey(name) for name in JOURNEYS}
