"""Check a policy document: what stops it, and what is probably not meant.

Errors and findings stand with file, line, key and remedy. The exit code is 1 if the document is
no policy; with --strict also if there are findings.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import UsageError
from .output import NO, YES, say, show
from .words import moment

if TYPE_CHECKING:
    import argparse

    from ..errors import PolicyError
    from ..policy.examine import Examined


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("file", type=Path, metavar="FILE", help="policy document")
    parser.add_argument("--strict", action="store_true", help="findings count as faults")
    parser.add_argument("--at", type=moment, help="the day whose law counts (default: today)")


def run(arguments: argparse.Namespace) -> int:
    """Examine the document, and print what was found."""
    from ..policy.examine import examine

    found = examine(text_of(arguments.file), name=str(arguments.file), at=arguments.at or datetime.now(UTC))
    if arguments.json:
        show(_document(arguments.file, found))
    else:
        say(*_lines(arguments.file, found))
    return NO if found.errors or (arguments.strict and found.findings) else YES


def text_of(path: Path) -> str:
    """Return the text of a policy document.

    Raises:
        UsageError: there is no such file.
        PolicyError: it is too large, or not UTF-8.
    """
    from ..policy.document import text_of_file

    if not path.is_file():
        raise UsageError(
            "no such file", place=str(path), remedy="give a policy document, or write one with `policy init`"
        )
    return text_of_file(path)


def _lines(path: Path, found: Examined) -> list[str]:
    lines = [f"error: {error}" for error in found.errors]
    lines += [f"finding: {each}" for each in found.findings]
    if found.policy is None:
        lines.append(f"{path} is no policy: {_count(len(found.errors), 'error')}")
    else:
        about = f"{_count(len(found.policy.purposes), 'purpose')}, hash {found.policy.hash[:12]}"
        lines.append(f"{path} is a policy ({about}): {_count(len(found.findings), 'finding')}")
    return lines


def _count(number: int, what: str) -> str:
    return f"{number or 'no'} {what}{'' if number == 1 else 's'}"


def _document(path: Path, found: Examined) -> dict[str, object]:
    return {
        "file": str(path),
        "loads": found.policy is not None,
        "hash": None if found.policy is None else found.policy.hash,
        "errors": [_error(path, error) for error in found.errors],
        "findings": [
            {"line": each.line, "key": each.place, "what": each.text, "remedy": each.remedy}
            for each in found.findings
        ],
    }


def _error(path: Path, error: PolicyError) -> dict[str, object]:
    where = f"{path}:{error.line}" if error.line is not None else str(path)
    key = error.place.removeprefix(where).removeprefix(": ")
    return {"line": error.line, "key": key, "what": error.what, "remedy": error.remedy}
