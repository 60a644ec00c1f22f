"""The adapter of the page "Write a storage adapter": quoted whole, installed, and held to the suite."""

from __future__ import annotations

import re
import shutil
import site
import subprocess
import sys
import venv
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "storage-adapter.md"
PACKAGE = ROOT / "docs" / "examples" / "clm-ethics-lmdb"

USED = """
import asyncio
from clm_ethics import AsyncSteward, FileKeys, Policy, Steward

policy, keys = Policy.load("policy.toml"), FileKeys("keys")
with Steward.open("lmdb:///crm", policy=policy, keys=keys) as shop:
    data = {"email": "ana@example.org", "region": "DE"}
    shop.enroll("c-1001", data, purpose="account", by="signup")
    shop.seal()
    assert shop.ledger.verify()

async def main():
    async with AsyncSteward.open("lmdb:///crm", policy=policy, keys=keys) as shop:
        view = await shop.customer("c-1001").read("account", by="web")
        print(view["email"])

asyncio.run(main())
"""


def squeezed(text: str) -> list[str]:
    """Return the lines that say something."""
    return [line for line in text.splitlines() if line.strip()]


def quoted(language: str, path: Path) -> list[str]:
    """Return the lines of the page's blocks that stand in the file at *path*, in the page's order."""
    blocks = re.findall(rf"```{language}[^\n]*\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    source = path.read_text(encoding="utf-8")
    return [line for block in blocks if block.rstrip() in source for line in squeezed(block)]


@pytest.mark.parametrize(
    ("language", "name"),
    [
        ("python", "src/clm_ethics_lmdb/__init__.py"),
        ("python", "tests/test_conformance.py"),
        ("toml", "pyproject.toml"),
    ],
)
def test_the_page_quotes_the_package_whole(language: str, name: str) -> None:
    """Whoever types the pieces of the page, from its first to its last, has the package's file."""
    path = PACKAGE / name
    assert squeezed(path.read_text(encoding="utf-8")) == quoted(language, path)


def pip() -> list[str]:
    """Return the command of a pip that can install into another environment."""
    if find_spec("pip"):
        return [sys.executable, "-m", "pip"]
    python = shutil.which("python3", path="/usr/local/bin:/usr/bin:/bin")
    assert python, "neither this environment nor the system has pip"
    return [python, "-m", "pip"]


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the interpreter of a new environment: what is installed here, and the example."""
    folder = tmp_path_factory.mktemp("example")
    venv.create(folder / "venv", with_pip=False, symlinks=True)
    python = folder / "venv" / "bin" / "python"
    [packages] = (folder / "venv").glob("lib/*/site-packages")
    # `addsitedir` follows the .pth files there too, by which a project in development is installed.
    here = [each for each in sys.path if each.endswith("site-packages")] or site.getsitepackages()
    lines = [f"import site; site.addsitedir({each!r})" for each in here]
    (packages / "here.pth").write_text("\n".join([*lines, ""]), encoding="utf-8")
    shutil.copytree(PACKAGE, folder / "package", ignore=shutil.ignore_patterns("__pycache__"))
    options = ["--quiet", "--disable-pip-version-check", "--no-deps", "--no-build-isolation", "--no-index"]
    run(*pip(), "--python", str(python), "install", *options, str(folder / "package"), cwd=folder)
    return python


def run(*command: object, cwd: Path) -> str:
    """Run *command*, which must succeed; return what it prints."""
    done = subprocess.run(
        [str(each) for each in command], cwd=cwd, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_installed_adapter_keeps_the_contract(python: Path, tmp_path: Path) -> None:
    """The package's own tests, the suite among them, pass where it is installed."""
    shutil.copytree(PACKAGE / "tests", tmp_path / "tests")
    options = ("-q", "-W", "error", "-p", "no:cacheprovider", "--import-mode=importlib")
    assert re.search(r"\d\d+ passed", run(python, "-m", "pytest", *options, "tests", cwd=tmp_path))


def test_stewards_open_its_addresses(python: Path, tmp_path: Path) -> None:
    """A steward and an awaiting steward reach the adapter by its entry point."""
    shutil.copy(ROOT / "docs" / "examples" / "policy.toml", tmp_path / "policy.toml")
    assert "ana@example.org\n" == run(python, "-c", USED, cwd=tmp_path)
    assert {"crm", "keys", "policy.toml"} == {each.name for each in tmp_path.iterdir()}


def test_it_is_named_among_the_installed(python: Path, tmp_path: Path) -> None:
    """The error about an unknown scheme lists the example's beside those of the library."""
    code = (
        "from clm_ethics import storage\nfrom clm_ethics.errors import UsageError\n"
        "try: storage.open('shelve:///crm')\nexcept UsageError as error: print(error)"
    )
    said = run(python, "-c", code, cwd=tmp_path)
    assert "installed are `lmdb:`, `memory:`, `postgresql:`, `sqlite:`" in said
