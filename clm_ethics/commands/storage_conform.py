"""Run the conformance suite against a storage, and report by guarantee.

The URL names an empty storage that may be filled with rubbish. With {new} in it
(sqlite:///folder/{new}.db) every test makes one of its own, and removes its files. The exit
code is 1 if a guarantee fell.
"""

from __future__ import annotations

import textwrap
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from ..errors import UsageError
from .output import NO, YES, Progress, say, show

if TYPE_CHECKING:
    import argparse

    from ..storage import Storage
    from ..testing.url_run import Outcome, Report, Target


_CASES, _LONGEST_CASE, _WIDTH = 4, 40, 100
"""How many cases of a fact are shown, how long each, and how wide lines are."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "url", metavar="URL", help="an empty storage; {new} in it stands for a new name each time"
    )
    parser.add_argument(
        "--full", action="store_true", help="a million entries, a hundred kills, more places of faults"
    )
    parser.add_argument(
        "--only",
        type=int,
        choices=range(15),
        action="append",
        default=[],
        metavar="NUMBER",
        help="test this guarantee only; may be repeated; 0: the machine that compares any history",
    )


def run(arguments: argparse.Namespace) -> int:
    """Run the suite, and say which guarantees held."""
    for name in ("pytest", "hypothesis"):
        if find_spec(name) is None:
            raise UsageError(
                f"{name} is not installed", place="storage conform", remedy="install clm-ethics[testing]"
            )
    from ..testing import url_run

    target = url_run.Target(arguments.url, full=arguments.full, only=arguments.only)
    if not target.makes_new and not target.shares_nothing:
        _check_empty(target)
    progress = Progress()
    report = url_run.run(target, progress)
    progress.done()
    if arguments.json:
        show(_document(report, target))
    else:
        say(*_lines(report, target))
    return YES if report.held else NO


def _check_empty(target: Target) -> None:
    """Refuse a storage that somebody uses: its ledger is looked for by the names that it has.

    Raises:
        UsageError: it is there.
    """
    with target.place()._replace(prefix=b"").opened() as storage:
        if _used(storage):
            raise UsageError(
                "this storage is in use, and the suite would fill it with rubbish",
                place="storage conform",
                remedy="give the URL of an empty one",
            )


def _used(storage: Storage) -> bool:
    from ..flows import streams
    from ..storage.contract import FIRST, MAX_INT

    tenant = "main"
    names = [
        streams.tenant_stream(tenant),
        streams.log_stream(tenant),
        streams.checkpoint_stream(tenant),
        streams.sweep_stream(tenant),
    ]
    tokens = [streams.due(tenant), streams.register(tenant), streams.floored(tenant)]
    tokens += [streams.unsealed(tenant, first) for first in range(256)]
    return any(head is not None for head in storage.load(names)) or any(
        storage.find(token, until=MAX_INT, after=FIRST, limit=1) for token in tokens
    )


def _document(report: Report, target: Target) -> dict[str, Any]:
    return {
        "held": report.held,
        "guarantees": [
            {
                "number": number,
                "name": name,
                "outcome": _outcome(report.of(number)),
                "tests": len(report.of(number)),
                "fell": [_case(each) for each in report.of(number) if each.held is False],
                "not_exercised": [_case(each) for each in report.of(number) if each.held is None],
            }
            for number, name in _asked(target)
        ],
        "not_exercised": list(report.unexercised),
    }


def _asked(target: Target) -> list[tuple[int, str]]:
    """Return number and name of the guarantees that were to be tested; 0 stands last."""
    from ..testing.url_run import GUARANTEES

    every = [*enumerate(GUARANTEES, start=1), (0, "any history")]
    return [each for each in every if not target.only or each[0] in target.only]


def _case(outcome: Outcome) -> dict[str, str]:
    return {"fact": outcome.sentence, "case": outcome.case, "seen": outcome.seen}


def _outcome(outcomes: list[Outcome]) -> str:
    known = {each.held for each in outcomes} - {None}
    return "not exercised" if not known else "fell" if False in known else "held"


def _lines(report: Report, target: Target) -> list[str]:
    lines: list[str] = []
    for number, name in _asked(target):
        outcomes = report.of(number)
        word = _outcome(outcomes)
        lines.append(
            f"{number or '':>3} {name:<14} {word.upper() if word == 'fell' else word}, {_counted(outcomes)}"
        )
        lines += _fallen([each for each in outcomes if each.held is False])
    lines += _unexercised(report)
    if not target.makes_new and not target.shares_nothing:
        lines.append("the storage holds what the tests have written: remove it")
    fallen = [name for number, name in _asked(target) if _outcome(report.of(number)) == "fell"]
    if report.held:
        return [*lines, "the contract holds, as far as it was exercised"]
    return [*lines, f"the contract is broken: {', '.join(fallen) or 'nothing was exercised'}"]


def _counted(outcomes: list[Outcome]) -> str:
    fell = sum(each.held is False for each in outcomes)
    tests = f"{len(outcomes)} test{'s' * (len(outcomes) != 1)}"
    return f"{fell} of {tests}" if fell else tests


def _fallen(outcomes: list[Outcome]) -> list[str]:
    """Say each fact that fell once, with some of its cases and what was seen in the first."""
    lines: list[str] = []
    for sentence in dict.fromkeys(each.sentence for each in outcomes):
        of_it = [each for each in outcomes if each.sentence == sentence]
        cases = [each.case[:_LONGEST_CASE] for each in of_it if each.case]
        more = f", and {len(cases) - _CASES} more" if len(cases) > _CASES else ""
        shown = f" [{', '.join(cases[:_CASES])}{more}]" if cases else ""
        lines += _wrapped(sentence + shown, 6) + _wrapped(f"seen: {of_it[0].seen}", 8)
    return lines


def _wrapped(text: str, indent: int) -> list[str]:
    margin = " " * indent
    return textwrap.wrap(text, _WIDTH, initial_indent=margin, subsequent_indent=margin)


def _unexercised(report: Report) -> list[str]:
    reasons = [
        *report.unexercised,
        *(f"{each.number} {each.sentence} {each.seen}" for each in report.outcomes if each.held is None),
    ]
    return ["not exercised:", *(f"  {each}" for each in reasons)] if reasons else []
