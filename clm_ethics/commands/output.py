"""How commands speak: answers on standard output, progress and errors on standard error."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

from ..errors import ClmError, PolicyError, UsageError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence

YES, NO, WRONG_CALL, INTERRUPTED = 0, 1, 2, 130
"""Exit codes. The last is what a shell expects after Ctrl-C."""


def guarded(run: Callable[[argparse.Namespace], int], arguments: argparse.Namespace) -> int:
    """Run a command; print an error of this library as one line, without a traceback."""
    try:
        return run(arguments)
    except ClmError as error:
        complain(error, as_json=arguments.json)
        return WRONG_CALL if isinstance(error, (UsageError, PolicyError)) else NO
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # whoever read the output has seen enough; nothing more may be written, not even at exit
        sys.stdout = None
        return NO


def complain(error: ClmError, *, as_json: bool) -> None:
    """Print *error*; its message never holds personal data."""
    if as_json:
        show(
            {"error": type(error).__name__, "what": error.what, "place": error.place, "remedy": error.remedy}
        )
    print(f"error: {error}", file=sys.stderr)


def show(document: Any) -> None:
    """Print a JSON *document*."""
    print(json.dumps(document, indent=2, ensure_ascii=False, default=str))


def say(*lines: str) -> None:
    """Print *lines*."""
    for line in lines:
        print(line)


def columns(rows: Sequence[tuple[str, str]], *, indent: int = 2) -> list[str]:
    """Lay out names and values in two columns, values to the right."""
    left = max((len(name) for name, _ in rows), default=0)
    right = max((len(value) for _, value in rows), default=0)
    return [f"{' ' * indent}{name:<{left}}  {value:>{right}}" for name, value in rows]


class Progress:
    """A line about how far something has come: rewritten on a terminal, otherwise one line each."""

    def __init__(self) -> None:
        self._stream = sys.stderr
        self._live = self._stream.isatty()
        self._width = 0

    def __call__(self, text: str) -> None:
        """Show *text*."""
        if self._live:
            print(f"\r{text:<{self._width}}", end="", file=self._stream, flush=True)
            self._width = len(text)
        else:
            print(text, file=self._stream, flush=True)

    def done(self) -> None:
        """End the line."""
        if self._live and self._width:
            print(file=self._stream)
