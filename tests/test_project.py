"""The project itself: what lies in its root, what its import costs, what its tests look like."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from clm_ethics.policy import Policy

ROOT = Path(__file__).parent.parent
FOLDERS = {"clm_ethics", "tests", "docs", "benchmarks"}
FILES = {"pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md", "SECURITY.md"}
MADE = {"build", "dist", "clm-tour", "htmlcov", "venv"}
"""Ignored: what tools and tours leave behind."""
SOURCES = sorted((ROOT / "clm_ethics").rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("test_*.py"))


def name(path: Path) -> str:
    """Return the path as the project says it."""
    return str(path.relative_to(ROOT))


def test_the_root_holds_nothing_else():
    """A newcomer sees the package, its tests, its docs and its benchmarks; nothing beside them."""
    seen = {each.name for each in ROOT.iterdir() if not each.name.startswith(".")}

    assert set() == seen - FOLDERS - FILES - MADE


@pytest.mark.parametrize("page", ["docs/examples/policy.toml", "clm_ethics/tour/policy.toml"])
def test_the_policies_that_are_shown_can_be_loaded(page):
    """Whoever copies an example policy gets one that works."""
    assert Policy.load(ROOT / page).purposes


def test_importing_the_package_loads_nothing_heavy():
    """`import clm_ethics` pays for no cryptography, no database and no extra."""
    heavy = ("cryptography", "sqlite3", "sqlite_utils", "asyncio", "argparse", "pandas", "jinja2")
    code = f"import sys, clm_ethics; print([name for name in {heavy!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)

    assert "[]" == done.stdout.strip()


def test_the_public_names_are_there():
    """Every name that the package lists can be had, and is listed by `dir`."""
    import clm_ethics

    assert clm_ethics.__all__
    for public in clm_ethics.__all__:
        assert getattr(clm_ethics, public) is not None


def test_the_declared_adapters_open():
    """Each adapter that the package registers names a function that exists."""
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    for scheme, target in declared["project"]["entry-points"]["clm_ethics.storage"].items():
        module, _, function = target.partition(":")
        __import__(module)
        assert callable(getattr(sys.modules[module], function)), scheme


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_nothing_is_left_for_later(path):
    """No stub, no note to oneself: what is not built is absent."""
    left = re.findall(r"NotImplementedError|\b(?:TODO|FIXME|XXX)\b", path.read_text(encoding="utf-8"))

    assert [] == left


@pytest.mark.parametrize("path", TESTS, ids=name)
def test_every_test_states_its_fact(path):
    """Each test has a docstring that ends as a sentence does, and none is skipped."""
    text = path.read_text(encoding="utf-8")
    silent = [
        node.name
        for node in ast.walk(ast.parse(text))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        and node.name.startswith("test_")
        and not (ast.get_docstring(node) or "").rstrip().endswith(".")
    ]

    assert [] == silent
    assert [] == re.findall(r"^\s*(?:@?pytest\.(?:mark\.)?(?:skip|xfail)\w*)", text, re.MULTILINE)
