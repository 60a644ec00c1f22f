"""Tell one customer's story, and what may be done with their data now, with reasons.

No value of the customer is printed: the story says what was collected, never what it is.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from . import where
from .output import NO, YES, say, show
from .words import moment, positive

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from ..customer import Customer
    from ..policy import Decision
    from ..transparency.story import Line

PAGE = 500
"""How many lines of a story are asked for at a time."""
UNKNOWN = "customer.unknown"


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("customer", help="the customer's reference")
    where.configure(parser)
    parser.add_argument(
        "--at", type=moment, help="the day to answer for (default: a tour's last day, otherwise now)"
    )
    parser.add_argument(
        "--limit", type=positive, default=60, metavar="N", help="the latest N lines (default: %(default)s)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Print the story and the answers; 1 if nobody knows the customer."""
    with where.opened(arguments) as shop:
        ana = shop.customer(arguments.customer)
        lines = _latest(ana, arguments.limit)
        answers = {name: ana.may(name, at=arguments.at) for name in sorted(shop.policy.purposes)}
    known = not any(UNKNOWN in answer.codes for answer in answers.values())
    if arguments.json:
        show(_document(arguments.customer, lines, answers, known=known))
    elif known:
        say(*_told(lines, answers))
    else:
        say("nobody has enrolled this customer")
    return YES if known else NO


def _latest(ana: Customer, limit: int) -> list[Line]:
    """Return the last lines of the story, whose beginning is paged through."""
    latest: deque[Line] = deque(maxlen=limit)
    after: int | None = None
    while True:
        page = ana.history(after=after, limit=PAGE)
        latest.extend(page.lines)
        if page.next_after is None:
            return list(latest)
        after = page.next_after


def _told(lines: list[Line], answers: Mapping[str, Decision]) -> list[str]:
    told = ["story (the latest lines)"]
    told += [f"  {line.at:%Y-%m-%d %H:%M}  {line.text} [{line.by}]" for line in lines]
    told.append("")
    told += [f"what may be done, asked for {answer.at:%Y-%m-%d}" for answer in list(answers.values())[:1]]
    for answer in answers.values():
        told += [f"  {line}" for line in answer.explain().splitlines()]
    return told


def _document(ref: str, lines: list[Line], answers: Mapping[str, Decision], *, known: bool) -> dict[str, Any]:
    return {
        "customer": ref,
        "known": known,
        "history": [
            {
                "index": line.index,
                "at": line.at.isoformat(),
                "by": line.by,
                "kind": line.kind,
                "text": line.text,
            }
            for line in lines
        ],
        "answers": {
            name: {
                "allowed": bool(answer),
                "basis": answer.basis,
                "codes": list(answer.codes),
                "explanation": answer.explain(),
            }
            for name, answer in answers.items()
        },
    }
