"""Write a policy to start from, with a comment beside each line.

An existing file is never overwritten. The policy loads and passes `policy check` as it is.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import UsageError
from .output import YES, say, show

if TYPE_CHECKING:
    import argparse

FILE = Path("policy.toml")
"""Where it is written, unless the call says otherwise."""
STDOUT = Path("-")


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    from ..policy.templates import STARTER, templates

    parser.add_argument(
        "file",
        type=Path,
        nargs="?",
        default=FILE,
        metavar="FILE",
        help="where to write it (default: %(default)s); - prints it",
    )
    kinds = "; ".join(f"{name}: {what}" for name, what in templates().items())
    parser.add_argument(
        "--journey",
        choices=tuple(templates()),
        default=STARTER,
        help=f"which one (default: %(default)s). {kinds}",
    )


def run(arguments: argparse.Namespace) -> int:
    """Write the template, and say what comes next."""
    from ..policy.templates import template

    text = template(arguments.journey)
    if arguments.file == STDOUT:
        if arguments.json:
            show({"journey": arguments.journey, "file": None, "text": text})
        else:
            say(text.rstrip("\n"))
        return YES
    _write(arguments.file, text)
    if arguments.json:
        show({"journey": arguments.journey, "file": str(arguments.file)})
    else:
        say(f"wrote {arguments.file}", f"next: python -m clm_ethics policy check {arguments.file}")
    return YES


def _write(path: Path, text: str) -> None:
    try:
        with path.open("x", encoding="utf-8", newline="\n") as file:
            file.write(text)
    except FileExistsError:
        raise UsageError(
            "the file exists already", place=str(path), remedy="give another name, or move it away"
        ) from None
    except OSError as error:
        reason = (error.strerror or "no usable path").lower()
        raise UsageError(
            f"it cannot be written: {reason}", place=str(path), remedy="give another name"
        ) from error
