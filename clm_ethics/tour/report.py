"""The page of figures: one HTML file, without scripts, that needs nothing from elsewhere."""

from __future__ import annotations

from importlib import metadata, resources
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import attrs

from ..errors import UsageError
from . import plots
from .figures import APART, largest
from .pattern import REGIONS, SHARES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ..ethics import Finding
    from .journal import Journal

MOST_BARS = 12
REAL = (
    "Real, from the source: who bought what, when and for how much, which campaigns were meant for whom, "
    "which coupons were redeemed and, where known, the age bracket."
)


@attrs.frozen(kw_only=True)
class Outcome:
    """How a tour ended.

    Attributes:
        journal: what was done and counted.
        begins, ends: first and last day, ISO.
        controller: the controller's name in the policy.
        faults: what ``verify`` found; empty means verified.
        checked: what ``verify`` looked at, by name.
        size: bytes of the ledger file.
        example: the reference of somebody whose story `explain` can tell.
        findings: what the ethics check says of the policy, the journey and the campaigns.
    """

    journal: Journal
    begins: str
    ends: str
    controller: str
    faults: tuple[str, ...]
    checked: Mapping[str, int]
    size: int
    example: str
    findings: tuple[Finding, ...] = ()


def check() -> None:
    """Check that a report can be made.

    Raises:
        UsageError: Jinja2 is not installed.
    """
    if find_spec("jinja2") is None:
        raise UsageError("the report needs Jinja2", place="tour", remedy='pip install "clm-ethics[report]"')


def render(outcome: Outcome) -> str:
    """Return the HTML page of *outcome*."""
    import jinja2

    source = resources.files("clm_ethics.tour").joinpath("report.html").read_text(encoding="utf-8")
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    return environment.from_string(source).render(page=page(outcome))


def page(outcome: Outcome) -> dict[str, Any]:
    """Return what the template shows."""
    journal, figures = outcome.journal, outcome.journal.figures
    days = [point.day for point in figures.points]
    stages = sorted(figures.stages, key=lambda name: name == APART)
    purposes = list(figures.points[-1].open_to) if figures.points else []
    return {
        "source": journal.source,
        "begins": outcome.begins,
        "ends": outcome.ends,
        "controller": outcome.controller,
        "customers": journal.customers,
        "seed": journal.seed,
        "faults": outcome.faults,
        "findings": outcome.findings,
        "proof": proof(outcome.checked),
        "figures": table(outcome),
        "stages": plots.areas(
            days, [(name, [p.stages.get(name, 0) for p in figures.points]) for name in stages]
        ),
        "optins": plots.lines(
            days, [(name, [p.open_to.get(name, 0) for p in figures.points]) for name in purposes]
        ),
        "withheld": plots.bars(
            ["offers"], [(code, [count]) for code, count in largest(figures.withheld)[:MOST_BARS]]
        ),
        "reads": plots.bars(
            ["allowed", "denied"],
            [(name, [tally.allowed, tally.denied]) for name, tally in sorted(figures.reads.items())],
        ),
        "words": figures.words,
        "campaigns": list(figures.campaigns.items()),
        "real": REAL,
        "invented": [
            *SHARES.values(),
            *((f"live in {region}", percent / 100) for region, percent in REGIONS),
        ],
        "version": _version(),
    }


def _version() -> str:
    try:
        return metadata.version("clm-ethics")
    except metadata.PackageNotFoundError:
        return "from a folder that is not installed"


def proof(checked: Mapping[str, int]) -> str:
    """Say what ``verify`` looked at."""
    parts = [f"{count:,} {name.replace('_', ' ')}" for name, count in checked.items() if count]
    return f"Checked: {', '.join(parts)}." if parts else "Nothing was there to check."


def table(outcome: Outcome) -> Sequence[tuple[str, str]]:
    """Return the figures as names and values, for the page and for the terminal."""
    journal, figures = outcome.journal, outcome.journal.figures
    told, campaigns = figures.told, figures.campaigns.values()
    reads = figures.reads.values()
    rows = {
        "customers": journal.customers,
        "baskets told": told.get("basket", 0),
        "invoices": told.get("invoice", 0),
        "times a yes was given": told.get("grant", 0),
        "times a no was given": told.get("refuse", 0),
        "withdrawals": told.get("withdraw", 0),
        "objections": told.get("object", 0),
        "restrictions": told.get("restrict", 0),
        "erasures": told.get("erase", 0),
        "erased, invoices kept by law": figures.kept.get("invoices", 0),
        "offers considered": sum(each.meant for each in campaigns),
        "offers sent": sum(each.sent for each in campaigns),
        "sent, fitted to the person": figures.levels.get("individual", 0),
        "offers withheld": sum(each.withheld for each in campaigns),
        "reads allowed": sum(each.allowed for each in reads),
        "reads denied": sum(each.denied for each in reads),
        "acts refused": sum(figures.refused.values()),
    }
    shown = [(name, f"{value:,}") for name, value in rows.items()]
    return [
        *shown,
        ("size of the ledger", f"{outcome.size / 1e6:,.1f} MB"),
        ("time", f"{journal.seconds:,.0f} s"),
    ]
