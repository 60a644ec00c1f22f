"""Replay a year of real shopping under a policy, and verify the ledger.

The data is the Complete Journey (the ``tour`` extra), or any CSV file of transactions. What
people answer is invented, by a seeded pattern. The tour may be stopped at any moment; the same
command goes on.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import UsageError
from .ethics import lines as findings
from .output import NO, YES, Progress, columns, say, show
from .where import FILE
from .words import positive

if TYPE_CHECKING:
    import argparse

    from ..tour.data import History
    from ..tour.report import Outcome


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    how_many = parser.add_mutually_exclusive_group()
    how_many.add_argument(
        "--customers", type=positive, default=300, metavar="N", help="how many (default: %(default)s)"
    )
    how_many.add_argument("--all", action="store_true", help="everybody in the data")
    parser.add_argument("--file", type=Path, default=FILE, help="SQLite file to write (default: %(default)s)")
    parser.add_argument("--report", type=Path, help="HTML page to write (default: beside the file)")
    parser.add_argument(
        "--seed", type=int, default=2017, help="of the invented answers (default: %(default)s)"
    )
    data = parser.add_argument_group("data of your own")
    data.add_argument(
        "--transactions", type=Path, metavar="FILE", help="CSV file with a header, a row per purchase"
    )
    data.add_argument(
        "--customer",
        default="customer",
        metavar="COL",
        help="its column of the customer (default: %(default)s)",
    )
    data.add_argument(
        "--date",
        default="date",
        metavar="COL",
        help="its column of the date, ISO 8601 (default: %(default)s)",
    )
    data.add_argument(
        "--amount", default="amount", metavar="COL", help="its column of the amount (default: %(default)s)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Do the tour, and print its figures; 1 if the ledger does not verify."""
    from ..tour import report as pages
    from ..tour.run import Tour
    from ..tour.run import run as replay

    pages.check()
    progress = Progress()
    progress("reading the data")
    history = _history(arguments).pick(None if arguments.all else arguments.customers, arguments.seed)
    try:
        outcome = replay(Tour(history=history, seed=arguments.seed, ledger=arguments.file, say=progress))
    except KeyboardInterrupt:
        progress("the same command goes on with the week that was not finished")
        raise
    finally:
        progress.done()
    report = arguments.report or arguments.file.with_suffix(".html")
    _write(report, pages.render(outcome))
    if arguments.json:
        show(_document(outcome, report))
    else:
        say(*_lines(outcome, arguments.file, report))
    return NO if outcome.faults else YES


def _history(arguments: argparse.Namespace) -> History:
    from ..tour import data

    if not arguments.transactions:
        return data.complete_journey().modern()
    return data.transactions(
        arguments.transactions, customer=arguments.customer, date=arguments.date, amount=arguments.amount
    ).modern()


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(
            "the report cannot be written", place=str(path), remedy="give another --report"
        ) from error


def _document(outcome: Outcome, report: Path) -> dict[str, object]:
    import msgspec

    return {
        "verified": not outcome.faults,
        "faults": list(outcome.faults),
        "checked": dict(outcome.checked),
        "begins": outcome.begins,
        "ends": outcome.ends,
        "report": str(report),
        "findings": [each._asdict() for each in outcome.findings],
        **msgspec.to_builtins(outcome.journal),
    }


def _lines(outcome: Outcome, ledger: Path, report: Path) -> list[str]:
    from ..tour.figures import largest
    from ..tour.report import proof, table

    journal = outcome.journal
    where = "" if ledger == FILE else f" --file {ledger}"
    last = journal.figures.points[-1].stages if journal.figures.points else {}
    state = "verified" if not outcome.faults else f"{len(outcome.faults)} faults"
    return [
        "",
        f"{journal.source}",
        f"{outcome.begins} to {outcome.ends}; what people answer is invented (seed {journal.seed})",
        "",
        *columns(table(outcome)),
        "",
        "stages at the end",
        *columns([(name, f"{count:,}") for name, count in largest(last)]),
        "",
        "why offers were withheld",
        *columns([(name, f"{count:,}") for name, count in largest(journal.figures.withheld)]),
        "",
        "what the ethics check finds in the policy and the campaigns",
        *(f"  {line}" for line in findings(outcome.findings)),
        "",
        f"ledger   {state}. {proof(outcome.checked)}",
        *(f"         {fault}" for fault in outcome.faults),
        f"report   {report}",
        f"next     python -m clm_ethics explain {outcome.example}{where}",
        f"         python -m clm_ethics verify{where}",
    ]
