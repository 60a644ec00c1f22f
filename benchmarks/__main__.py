"""The command line: ``python -m benchmarks [NAME ...] [--json] [--full]``."""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING

import attrs

from . import (
    appending,
    choosing,
    deciding,
    decision,
    importing,
    personas,
    reading,
    sharing,
    storing,
    verifying,
)
from .measure import TINY, Row, Size, facts

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

BENCHMARKS: dict[str, Callable[[Size], list[Row]]] = {
    "decision": decision.run,
    "deciding": deciding.run,
    "choosing": choosing.run,
    "reading": reading.run,
    "appending": appending.run,
    "sharing": sharing.run,
    "storing": storing.run,
    "verifying": verifying.run,
    "personas": personas.run,
    "importing": importing.run,
}


def main(words: Sequence[str] | None = None) -> int:
    """Run the named benchmarks (all without a name); return 1 if a bar was missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(BENCHMARKS))
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument(
        "--full",
        action="store_true",
        help="verify a million entries, store a million customers, choose for 100,000",
    )
    parser.add_argument("--tiny", action="store_true", help="only see whether everything runs")
    given = parser.parse_args(words)
    unknown = set(given.names) - set(BENCHMARKS)
    if unknown:
        parser.error(f"no benchmark {', '.join(sorted(unknown))}; there are {', '.join(BENCHMARKS)}")
    size = TINY if given.tiny else Size(full=given.full)
    about = facts()
    rows: dict[str, list[Row]] = {}
    if not given.json:
        _print_facts(about)
    for name in given.names or BENCHMARKS:
        rows[name] = BENCHMARKS[name](size)
        if not given.json:
            _print_rows(name, rows[name])
    if given.json:
        print(json.dumps({"facts": about, "rows": _as_json(rows)}, indent=2))
    return int(any(row.verdict == "missed" for each in rows.values() for row in each))


def _as_json(rows: dict[str, list[Row]]) -> dict[str, list[dict[str, object]]]:
    def plain(row: Row) -> dict[str, object]:
        spreads = {"value": row.value._asdict(), "cpu": None if row.cpu is None else row.cpu._asdict()}
        return {**attrs.asdict(row), **spreads, "verdict": row.verdict}

    return {name: [plain(row) for row in each] for name, each in rows.items()}


def _print_facts(about: dict[str, str]) -> None:
    for name, text in about.items():
        print(f"{name:12} {text}")
    print("a ratio is the median of paired rounds, with the 10th and 90th percentile; lower is better")


def _print_rows(name: str, rows: list[Row]) -> None:
    print(f"\n{name}")
    for row in rows:
        cpu = "" if row.cpu is None else f"  cpu {row.cpu}"
        bars = "" if row.must is None else f"  must {row.must:g}"
        bars += "" if row.stretch is None else f", stretch {row.stretch:g}"
        print(f"  {row.name}\n    {row.value}{cpu}{bars}  {row.verdict}\n    {row.note}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
