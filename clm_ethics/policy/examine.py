"""A policy text examined whole: the errors that stop it, or the findings about it, each with its place."""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING, NamedTuple

from ..errors import PolicyError
from .document import read_text
from .law import lint_law
from .lint import lint
from .locate import locate
from .policy import Policy

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from .finding import Finding
    from .locate import Path

_PART = re.compile(r"\[(\d+)\]|([^.\[\]]+)")


class Examined(NamedTuple):
    """What was found: *errors* if the text is no policy, otherwise the *policy* and the *findings*."""

    policy: Policy | None
    errors: tuple[PolicyError, ...]
    findings: tuple[Finding, ...]


def examine(text: str, *, name: str = "policy", at: datetime) -> Examined:
    """Examine TOML *text* under the law of *at* (aware, UTC); *name* stands for the file.

    Nothing is raised for a text that is no policy: its errors are the answer.
    """
    try:
        declared = read_text(text, name=name)
    except PolicyError as error:
        return Examined(None, (error, *error.others), ())
    policy = Policy(declared)
    lines = locate(text, tomllib.loads(text))
    found = placed((*lint(declared), *lint_law(policy, at)), lines, name)
    return Examined(policy, (), tuple(sorted(found, key=lambda each: each.line or 0)))


def placed(findings: Iterable[Finding], lines: Mapping[Path, int], name: str) -> list[Finding]:
    """Give *findings* their file and line: that of the key, or of the nearest table above it."""
    return [each._replace(file=name, line=_line(each.place, lines)) for each in findings]


def _line(place: str, lines: Mapping[Path, int]) -> int | None:
    path: Path = tuple(int(index) if index else name for index, name in _PART.findall(place))
    ups = (path[:length] for length in range(len(path), 0, -1))
    return next((lines[up] for up in ups if up in lines), None)
