"""Mutants of the packs of law: ``python -m tests.mutants.packs [PACK ...]``.

Each mutant changes one fact of one pack as a slip of the pen would: a posture, an exception, a duty,
a date, an age, a territory, a condition; or it drops a cell, a rule, the signal. The tests of the
regimes and the examples of decisions run on it in a process of its own, and stop at the first
failure. What survives is printed: a fact that no test looks at.
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from datetime import date, timedelta
from enum import Enum
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import pytest
from msgspec.structs import force_setattr, replace

from clm_ethics.model.times import Duration
from clm_ethics.regimes import (
    Claim,
    Condition,
    Confidence,
    Duty,
    Pack,
    Posture,
    Review,
    Row,
    load_packs,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

TESTS = (
    *(f"tests/regimes/test_{name}.py" for name in ("tables", "facts", "laws", "us_states")),
    *(f"tests/policy/test_decide_{name}.py" for name in ("regimes", "bases")),
)
DAY = timedelta(days=1)
SURVIVED, KILLED = 0, 3


class Mutant(NamedTuple):
    """One changed attribute of a pack."""

    pack: str
    what: str
    attribute: str
    value: Any


PARTS = ("scopes", "cells", "silences", "rules", "rights")
SINGLE = ("signal", "consent", "consent_age", "soft_opt_in")
OWN = ("territory", "since", "until", "review")
PROSE = {"why", "note", "definition", "guardian", "expiry"}
"""What no decision and no answer to a right depends on, as does what is only coming."""
ABSENT: dict[str, tuple[Any, ...]] = {
    "recommended": (Posture.PROHIBITED,),
    "review": (Review.REVIEWED,),
    "since": (date(2026, 6, 1),),
    "until": (date(2026, 5, 31),),
    "charity_since": (date(2026, 6, 1),),
    "age_min": (13,),
    "age_max": (17,),
    "within": (Duration.parse("P10D"),),
    "extension": (Duration.parse("P10D"),),
    "ask_again_after": (Duration.parse("P10D"),),
    "business_days": (5,),
    **dict.fromkeys(("revenue_usd", "revenue_floor_usd", "residents", "residents_selling"), (1000,)),
    "sale_share": (10,),
}
"""What could have been written where nothing is, by attribute."""
FURTHER: dict[str, type[Enum]] = {
    "exceptions": Claim,
    "duties": Duty,
    "rows": Row,
    "when": Condition,
}
"""The vocabulary of an attribute that holds some of it."""


def mutants(pack: Pack) -> Iterator[Mutant]:
    """Yield every mutant of *pack*."""
    for name in PARTS:
        parts = getattr(pack, name)
        for place, part in enumerate(parts):
            label = f"{name}[{place}] {_label(part)}"
            yield Mutant(pack.id, f"{label}: dropped", name, parts[:place] + parts[place + 1 :])
            for what, changed in _changed(part):
                whole = (*parts[:place], changed, *parts[place + 1 :])
                yield Mutant(pack.id, f"{label}: {what}", name, whole)
    for name in SINGLE:
        part = getattr(pack, name)
        if part is not None:
            yield Mutant(pack.id, f"{name}: dropped", name, None)
            for what, changed in _changed(part):
                yield Mutant(pack.id, f"{name}: {what}", name, changed)
    for name in OWN:
        for what, other in _other(name, getattr(pack, name)):
            yield Mutant(pack.id, f"{name} {what}", name, other)


def _label(part: Any) -> str:
    for name in ("rows", "row", "test", "right"):
        if found := getattr(part, name, None):
            return str(found) if isinstance(found, str) else ",".join(found)
    return ""


def _changed(part: Any) -> Iterator[tuple[str, Any]]:
    for name in part.__struct_fields__:
        if name not in PROSE:
            for what, other in _other(name, getattr(part, name)):
                yield f"{name} {what}", replace(part, **{name: other})


def _other(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Yield what *value* could have been by a slip of the pen."""
    if value is None:
        yield from ((f"{other} instead of nothing", other) for other in ABSENT[name])
    elif isinstance(value, tuple):
        yield from _more_or_less(name, value)
    else:
        if name in ABSENT:
            yield "left out", None
        yield from ((f"{other!s} instead of {value!s}", other) for other in _near(name, value))


def _near(name: str, value: Any) -> Iterator[Any]:
    if isinstance(value, Posture):
        yield from (each for each in Posture if abs(each - value) == 1)
    elif isinstance(value, Enum):
        yield from (each for each in type(value) if each is not value)
    elif isinstance(value, bool):
        yield not value
    elif isinstance(value, date):
        yield from (value + DAY, value - DAY, value.replace(year=value.year + 1, day=1))
    elif isinstance(value, int):
        yield from (value + 1, value - 1)
    elif isinstance(value, Duration):
        yield from (each for each in map(Duration.parse, ("P1D", "P1Y")) if each != value)
    elif name == "prov":
        source, _, sure = value.rpartition("/")
        yield from (f"{source}/{each}" for each in Confidence if each != sure)
    else:
        yield {"territory": "AQ"}.get(name, f"not {value}")


def _more_or_less(name: str, value: tuple[Any, ...]) -> Iterator[tuple[str, Any]]:
    for place, each in enumerate(value):
        label = getattr(each, "territory", each)
        if len(value) > 1 or name not in {"rows", "territory"}:
            yield f"without {label}", value[:place] + value[place + 1 :]
        if isinstance(each, msgspec.Struct):
            for what, changed in _changed(each):
                yield f"{label} {what}", (*value[:place], changed, *value[place + 1 :])
    for further in FURTHER.get(name, ()):
        if further not in value:
            yield f"with {further}", (*value, further)
    if name in {"territory", "unless"}:
        yield "with AQ", (*value, "AQ")


class Runner:
    """Runs the collected tests on each mutant, each in a process of its own."""

    def __init__(self, packs: Sequence[str]) -> None:
        self.packs = packs
        self.survived: Counter[str] = Counter()
        self.out = os.fdopen(os.dup(1), "w", encoding="utf-8")
        self.tried: Counter[str] = Counter()

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Take the place of the run."""
        known = load_packs()
        first = next(iter(known.values()))
        if self._killed(session, first, Mutant(first.id, "nothing changed", "review", first.review)):
            raise RuntimeError("the tests fail without a mutant")
        for pack in (known[name] for name in self.packs or known):
            for mutant in mutants(pack):
                self.tried[pack.id] += 1
                if not self._killed(session, pack, mutant):
                    self.survived[pack.id] += 1
                    self.say(f"{mutant.pack}: {mutant.what}")
            tried, alive = self.tried[pack.id], self.survived[pack.id]
            self.say(f"{pack.id} ({pack.review.value}): {tried} mutants, {alive} survive")
        return True

    def say(self, line: str) -> None:
        """Write where pytest does not look."""
        self.out.write(f"{line}\n")
        self.out.flush()

    def _killed(self, session: pytest.Session, pack: Pack, mutant: Mutant) -> bool:
        child = os.fork()
        if child:
            code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            if code not in {SURVIVED, KILLED}:
                raise RuntimeError(f"the tests did not end: {mutant.pack}: {mutant.what}")
            return code == KILLED
        code = 2
        try:
            devnull = os.open(os.devnull, os.O_WRONLY)
            os.dup2(devnull, 1)
            force_setattr(pack, mutant.attribute, mutant.value)
            code = _run(session, pack.id)
        finally:
            os._exit(code)


def _run(session: pytest.Session, pack: str) -> int:
    """Run the tests of that *pack* first: the table that tells it is compared at once."""
    items = sorted(session.items, key=lambda item: f"[{pack}]" not in item.name)
    for item, following in zip(items, [*items[1:], None], strict=True):
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        if session.testsfailed:
            return KILLED
    return SURVIVED


def main(packs: Sequence[str]) -> int:
    """Print what survives of each pack; return 0."""
    words = [
        "--assert=plain",  # nobody reads why
        "-o",
        "addopts=--import-mode=importlib",
        "-p",
        "no:terminal",
        "-p",
        "no:cacheprovider",
        "-m",
        "not hypothesis",
        *TESTS,
    ]
    pytest.main(words, plugins=[Runner(packs)])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
