"""No example is unexecuted: every Python block of the pages runs, and prints what stands below.

A page runs from top to bottom in one namespace, in a folder of its own that has the example
policy as ``policy.toml``. A ``text`` block right after a Python block is what that block prints. A
``toml`` block is added to ``policy.toml``, which then has to load.
Clock and randomness are fixed, so that ids and times in the pages are real and stay the same.
"""

from __future__ import annotations

import hashlib
import io
import shutil
from contextlib import redirect_stdout
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from pathlib import Path

import pytest
from sybil import Sybil
from sybil.parsers.markdown import CodeBlockParser, PythonCodeBlockParser

import clm_ethics

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("**/*.md"))]
SERVED = {ROOT / "docs" / "postgresql.md", ROOT / "docs" / "joined.md"}
"""Their examples need a server: `tests/storage/test_postgresql_docs.py` runs them."""


class FixedClock:
    """Starts on 3 March 2026 at nine, and moves on by a second whenever somebody looks."""

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 3, 9, tzinfo=UTC)

    def __call__(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now


def fixed_random():
    """Return a source of bytes that gives the same ones in every run."""
    numbers = count()

    def random(size: int) -> bytes:
        return b"".join(
            hashlib.sha256(b"%d:%d" % (next(numbers), part)).digest() for part in range(-(-size // 32))
        )[:size]

    return random


@pytest.fixture
def desk(tmp_path, monkeypatch):
    """A folder with the example policy, and stewards with a fixed clock and fixed ids."""
    shutil.copy(ROOT / "docs" / "examples" / "policy.toml", tmp_path / "policy.toml")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(ROOT / "docs" / "examples" / "clm-ethics-lmdb" / "src")
    for kind in (clm_ethics.Steward, clm_ethics.AsyncSteward):
        for name in ("memory", "open"):
            fixed = partial(getattr(kind, name), clock=FixedClock(), random=fixed_random())
            monkeypatch.setattr(kind, name, fixed)
    return tmp_path


def add_to_policy(example):
    """Add a piece of a policy to the page's own one."""
    path = Path("policy.toml")
    text = f"{path.read_text(encoding='utf-8')}\n{example.parsed}"
    clm_ethics.Policy.parse(text)
    path.write_text(text, encoding="utf-8")


@pytest.mark.usefixtures("desk")
@pytest.mark.parametrize(
    "page", [each for each in PAGES if each not in SERVED], ids=lambda page: str(page.relative_to(ROOT))
)
def test_every_example_runs_and_prints_what_it_says(page):
    """The Python blocks of a page run in order, and print the text blocks that follow them."""
    printed = io.StringIO()
    python = PythonCodeBlockParser(future_imports=["annotations"])  # as the modules have it

    def compare(example):
        nonlocal printed
        if printed is None:
            return None
        shown, printed = printed.getvalue(), None
        return None if example.parsed.strip() == shown.strip() else f"printed instead:\n\n{shown}"

    text = CodeBlockParser(language="text", evaluator=compare)
    toml = CodeBlockParser(language="toml", evaluator=add_to_policy)
    document = Sybil(parsers=[python, text, toml]).parse(page)
    document.namespace["__name__"] = "__main__"  # a page runs as a script does
    for example in document.examples():
        if example.region.evaluator in {compare, add_to_policy}:
            example.evaluate()
            continue
        printed = io.StringIO()
        with redirect_stdout(printed):
            example.evaluate()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_between_the_pages_leads_somewhere(page):
    """A relative link names a file of the project."""
    import re

    targets = re.findall(r"\]\((?!https?:|#|mailto:)([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))

    assert [] == [target for target in targets if not (page.parent / target).exists()]
