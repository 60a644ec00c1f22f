"""Copy a storage into an empty one: versions and bytes stay the same, so do proofs and receipts.

Repeat the call after an interruption: it goes on. Progress goes to standard error. The exit code
is 1 if the source kept being written to.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import attrs

from ..errors import UsageError
from ..model.times import instant
from ..storage.contract import Closable
from .output import NO, YES, Progress, say, show
from .words import positive

if TYPE_CHECKING:
    import argparse

    from ..storage.contract import Storage
    from ..storage.copying import Copied


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare where from, and where to."""
    parser.add_argument("source", metavar="FROM", help="URL of a storage; it is only read")
    parser.add_argument("target", metavar="TO", help="URL of an empty storage, or of an unfinished copy")
    parser.add_argument(
        "--passes",
        type=positive,
        default=6,
        help="how often to go over a source in use (default: %(default)s)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Copy, and say what came of it."""
    if arguments.source == arguments.target:
        raise UsageError("FROM and TO are the same", place="storage copy", remedy="name another storage")
    from ..storage.copying import copy

    progress = Progress()
    with ExitStack() as opened:
        source = _opened(opened, arguments.source, create=False)
        target = _opened(opened, arguments.target, create=True)
        try:
            done = copy(source, target, passes=arguments.passes, progress=progress)
        finally:
            progress.done()
    if arguments.json:
        show({"same": bool(done), "as_of": instant(done.began), **attrs.asdict(done)})
    else:
        say(*_told(done))
    return YES if done else NO


def _opened(opened: ExitStack, url: str, *, create: bool) -> Storage:
    from .. import storage as storages

    storage = storages.open(url, create=create)
    if isinstance(storage, Closable):
        opened.callback(storage.close)
    return storage


def _told(done: Copied) -> list[str]:
    began = f"{instant(done.began):%Y-%m-%d %H:%M:%S} UTC"
    found = f"{done.streams:,} streams with {done.entries:,} entries compared"
    lines = [f"{found}; {done.written:,} written, {done.deleted:,} deleted, in {done.passes} passes"]
    lines += done.scrubbed
    if done:
        lines.append(
            f"the copy is the same as the source was at {began}; what was written later is not in it"
        )
    else:
        lines.append(f"not the same: {done.moving:,} streams moved since {began}")
        lines.append("the source is being written to: stop its writers, and call again")
    return lines
