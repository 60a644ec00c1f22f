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
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import pytest
from msgspec.structs import force_setattr, replace

from clm_ethics.regimes import Pack, Posture, load_packs

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

TESTS = (
    *(f"tests/regimes/test_{name}.py" for name in ("facts", "laws", "us_states")),
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


def mutants(pack: Pack) -> Iterator[Mutant]:
    """Yield every mutant of *pack*."""
    for name in ("cells", "rules", "scopes"):
        parts = getattr(pack, name)
        for place, part in enumerate(parts):
            label = f"{name}[{place}] {_label(part)}"
            yield Mutant(pack.id, f"{label}: dropped", name, parts[:place] + parts[place + 1 :])
            for what, changed in _changed(part):
                whole = (*parts[:place], changed, *parts[place + 1 :])
                yield Mutant(pack.id, f"{label}: {what}", name, whole)
    for name in ("signal", "consent_age"):
        part = getattr(pack, name)
        if part is not None:
            yield Mutant(pack.id, f"{name}: dropped", name, None)
            for what, changed in _changed(part):
                yield Mutant(pack.id, f"{name}: {what}", name, changed)
    for what, changed in _changed(
        replace(pack, cells=(), rules=(), scopes=(), signal=None, consent_age=None)
    ):
        for name in ("territory", "since", "until"):
            if what.startswith(name):
                yield Mutant(pack.id, what, name, getattr(changed, name))


def _label(part: Any) -> str:
    rows = getattr(part, "rows", None) or (getattr(part, "row", getattr(part, "test", "")),)
    return ",".join(str(each) for each in rows)


def _changed(part: Any) -> Iterator[tuple[str, Any]]:
    for name in part.__struct_fields__:
        value = getattr(part, name)
        for what, other in _other(name, value):
            yield f"{name} {what}", replace(part, **{name: other})


def _other(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Yield what *value* could have been by a slip of the pen."""
    if isinstance(value, Posture):
        for step in (-1, 1):
            if value + step in list(Posture):
                yield f"{value.name} to {Posture(value + step).name}", Posture(value + step)
    elif isinstance(value, bool) and name != "uncertain":
        yield f"not {value}", not value
    elif isinstance(value, date):
        yield "a day later", value + DAY
        yield "a day earlier", value - DAY
    elif isinstance(value, int) and not isinstance(value, bool):
        yield "one more", value + 1
        yield "one less", value - 1
    elif name in {"exceptions", "duties", "unless", "rows", "territory", "when", "national"}:
        yield from _without(name, value)


def _without(name: str, value: tuple[Any, ...]) -> Iterator[tuple[str, Any]]:
    for place, each in enumerate(value):
        label = getattr(each, "territory", each)
        if len(value) > 1 or name != "rows":
            yield f"without {label}", value[:place] + value[place + 1 :]
        if isinstance(each, msgspec.Struct):
            for what, changed in _changed(each):
                yield f"{label} {what}", (*value[:place], changed, *value[place + 1 :])


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
            code = _run(session)
        finally:
            os._exit(code)


def _run(session: pytest.Session) -> int:
    items = session.items
    for item, following in zip(items, [*items[1:], None], strict=True):
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        if session.testsfailed:
            return KILLED
    return SURVIVED


def main(packs: Sequence[str]) -> int:
    """Print what survives of each pack; return 0."""
    words = [
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
