"""The report on fairness and trust: what was measured, in text, as JSON, and as a page."""

from __future__ import annotations

from importlib import resources
from importlib.util import find_spec
from math import isfinite
from typing import TYPE_CHECKING, Any

import attrs

from ..errors import UsageError
from ..ethics.intervals import CONFIDENCE

if TYPE_CHECKING:
    from datetime import datetime

    from ..ethics.findings import Finding
    from ..ethics.intervals import Interval
    from ..ethics.measures import Measure, Row


@attrs.frozen(kw_only=True)
class TrustReport:
    """Fairness and trust over all customers, as the ledger shows them.

    Attributes:
        at: when it was looked (UTC).
        since: from when on (UTC); ``None``: from the beginning.
        customers: how many customers were counted; ``None``: fewer than *k*.
        unopened: how many streams do not open; ``verify`` says what is wrong with them.
        group: the field by whose values customers were grouped; empty: none.
        k: no number of fewer people is told.
        measures: what was measured.
        findings: what somebody should look at.
    """

    at: datetime
    since: datetime | None
    customers: int | None
    unopened: int
    group: str
    k: int
    measures: tuple[Measure, ...]
    findings: tuple[Finding, ...]

    def explain(self) -> str:
        """Say it in lines of text."""
        lines = [f"{self.told_customers} customers, {self.told_span}"]
        for measure in self.measures:
            lines += ["", measure.title, f"  ({measure.note})"]
            lines += [f"  {row.name}: {said(measure, row)}" for row in measure.rows]
        lines += ["", *(map(str, self.findings) if self.findings else ["nothing that stands out"])]
        if self.unopened:
            lines.append(f"{self.unopened:,} customers' streams do not open: run `verify`")
        return "\n".join(lines)

    @property
    def told_customers(self) -> str:
        """How many were counted, in words."""
        return f"fewer than {self.k}" if self.customers is None else f"{self.customers:,}"

    @property
    def told_span(self) -> str:
        """The time that was looked at, in words."""
        start = "the beginning" if self.since is None else f"{self.since:%Y-%m-%d}"
        return f"from {start} to {self.at:%Y-%m-%d}"

    def document(self) -> dict[str, Any]:
        """Return the same as a JSON document; what is not told is ``null``."""
        return {
            "at": self.at.isoformat(),
            "since": None if self.since is None else self.since.isoformat(),
            "customers": self.customers,
            "unopened": self.unopened,
            "group": self.group,
            "k": self.k,
            "confidence": CONFIDENCE,
            "measures": [_measure(each) for each in self.measures],
            "findings": [each._asdict() for each in self.findings],
        }

    def html(self) -> str:
        """Return it as one page that needs nothing from elsewhere; every plot has its table.

        Raises:
            UsageError: Jinja2 is not installed.
        """
        if find_spec("jinja2") is None:
            raise UsageError(
                "the page needs Jinja2", place="report", remedy='pip install "clm-ethics[report]"'
            )
        import jinja2

        from .whiskers import whiskers

        source = resources.files("clm_ethics.transparency").joinpath("trust.html").read_text(encoding="utf-8")
        environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
        plots = [(measure, whiskers(measure)) for measure in self.measures]
        return environment.from_string(source).render(
            report=self,
            plots=plots,
            said=said,
            number=number,
            between=between,
            percent=round(CONFIDENCE * 100),
        )


def said(measure: Measure, row: Row) -> str:
    """Say one row in words."""
    if not row.told:
        return "too few to tell"
    if row.interval is None:
        return f"{row.hits:,}"
    counts = f", {row.hits:,} of {row.of:,}" if row.hits is not None else f", {row.of:,} customers"
    words = f"{number(measure, row.interval.point)} ({between(measure, row.interval)}){counts}"
    if row.against is not None:
        apart = between(measure, row.against, sign="+")
        words += f"; {number(measure, row.against.point, sign='+')} ({apart}) against {measure.reference}"
    return words


def number(measure: Measure, value: float, *, sign: str = "") -> str:
    """Write a share in percent, and a mean as it is."""
    if not isfinite(value):
        return "any"
    return f"{value:{sign}.1%}" if measure.unit == "share" else f"{value:{sign}.3f}"


def between(measure: Measure, interval: Interval, *, sign: str = "") -> str:
    """Write between what a number lies."""
    return f"{number(measure, interval.low, sign=sign)} to {number(measure, interval.high, sign=sign)}"


def _measure(measure: Measure) -> dict[str, Any]:
    rows = [
        {
            "name": row.name,
            "hits": row.hits,
            "of": row.of,
            "interval": _interval(row.interval),
            "against": _interval(row.against),
        }
        for row in measure.rows
    ]
    return {
        "key": measure.key,
        "title": measure.title,
        "note": measure.note,
        "unit": measure.unit,
        "reference": measure.reference,
        "rows": rows,
    }


def _interval(interval: Interval | None) -> dict[str, float | None] | None:
    if interval is None:
        return None
    return {name: value if isfinite(value) else None for name, value in interval._asdict().items()}


__all__ = ["TrustReport", "between", "number", "said"]
