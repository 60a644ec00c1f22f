"""The conformance suites on a storage that a URL names, and what they found by guarantee."""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import pytest

from clm_ethics import storage as storages
from clm_ethics.storage.contract import Closable, Head, Write
from clm_ethics.testing import REWRITTEN
from clm_ethics.testing.apart import PREFIX, apart
from clm_ethics.testing.processes import Place

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence

    from clm_ethics.storage.contract import Storage

GUARANTEES: Final = (
    "atomic",
    "conditional",
    "told",
    "linearizable",
    "durable",
    "opaque",
    "keeping",
    "entries",
    "forgetting",
    "deleting",
    "marks",
    "checked",
    "contained",
    "impatient",
)
"""The contract's guarantees, from number 1."""
NEW: Final = "{new}"
"""What stands in a URL for a new name each time."""
_LONGEST: Final = 600
_SUITE: Final = "clm_ethics.testing.url_suite"


class Target:
    """The storage under test.

    Args:
        url: its address. With ``{new}`` in it every test has a storage of its own; without,
            the tests share one, and each has random names in it.
        full: make the long tests longer.
        only: the numbers of the guarantees to test; none: all.

    Attributes:
        shares_nothing: opening the URL again gives another storage: it is this process's memory.
    """

    def __init__(self, url: str, *, full: bool = False, only: Sequence[int] = ()) -> None:
        self.full = full
        self.only = frozenset(only)
        self.makes_new = NEW in url
        self._url = url
        self._mark = f"conform-{secrets.token_hex(6)}"
        self._count = 0
        self.shares_nothing = url.lower() == "memory:"
        self._home: Path | None = None
        self._stem = ""
        if self.makes_new:
            self._find_home()

    @property
    def has_files(self) -> bool:
        """Whether the URL's ``{new}`` was found to be the name of a file or folder."""
        return self._home is not None

    def place(self) -> Place:
        """Return where a storage for one test is: a new one, or a part of the shared one."""
        if self.makes_new or self.shares_nothing:
            return Place(self._url.replace(NEW, self._name()))
        return Place(self._url, secrets.token_bytes(PREFIX))

    @contextmanager
    def connecting(self) -> Iterator[Callable[[], Storage]]:
        """Give what opens one more connection to the place of one test; close all in the end."""
        place = self.place()
        opened: list[Storage] = []

        def connect() -> Storage:
            if not (self.shares_nothing and opened):
                opened.append(storages.open(place.url))
            return apart(opened[-1], place.prefix) if place.prefix else opened[-1]

        try:
            yield connect
        finally:
            for each in opened:
                if isinstance(each, Closable):
                    each.close()

    def folder(self) -> Path:
        """Make a folder where the URL's files can be."""
        assert self._home is not None
        made = self._home / (self._stem + self._name())
        made.mkdir()
        return made

    def placed(self, folder: Path) -> str:
        """Return the URL of a storage in *folder*, which is one of :meth:`folder`, or in it."""
        assert self._home is not None
        path = folder.relative_to(self._home).as_posix().removeprefix(self._stem)
        return self._url.replace(NEW, f"{path}/storage")

    def clean(self) -> None:
        """Remove the files that the tests have made, known by a random part of their names."""
        if self._home is None:
            return
        for each in self._home.iterdir():
            if each.name.startswith(self._stem + self._mark):
                shutil.rmtree(each) if each.is_dir() else each.unlink()

    def _name(self) -> str:
        self._count += 1
        return f"{self._mark}-{self._count}"

    def _find_home(self) -> None:
        """Make one storage, and look for its file: in which folder, and how its name begins."""
        place = self.place()
        with place.opened() as storage:
            storage.commit([Write(b"first", 0, Head(1, 0, b"", b"", b"", ()))])
        path = self._url.partition(":")[2].partition(NEW)[0].removeprefix("///")
        for start in (Path(), Path("/")):
            made = start / f"{path}{self._mark}"
            names = [each.name for each in made.parent.iterdir()] if made.parent.is_dir() else []
            if any(name.startswith(made.name) for name in names):
                self._home = made.parent
                self._stem = made.name.removesuffix(self._mark)
                return


class Outcome(NamedTuple):
    """What became of one test.

    Attributes:
        number: of its guarantee; 0: of all of them (the machine that compares with the model).
        sentence: the fact that it checks.
        case: its parameters, if it has any.
        held: whether the fact held; ``None``: it was not exercised.
        seen: what was seen instead, or why it was not exercised.
    """

    number: int
    sentence: str
    case: str
    held: bool | None
    seen: str = ""


class Report(NamedTuple):
    """What became of all tests."""

    outcomes: tuple[Outcome, ...]
    unexercised: tuple[str, ...]

    @property
    def held(self) -> bool:
        """Whether something was exercised, and nothing fell."""
        known = [each.held for each in self.outcomes if each.held is not None]
        return bool(known) and all(known)

    def of(self, number: int) -> list[Outcome]:
        """Return the outcomes of one guarantee."""
        return [each for each in self.outcomes if each.number == number]


class _Plugin:
    """Pytest's plugin: gives the target, leaves out what cannot be exercised, and remembers."""

    def __init__(self, target: Target, progress: Callable[[str], None]) -> None:
        self._target = target
        self._progress = progress
        self._total = 0
        self.outcomes: list[Outcome] = []
        self.unexercised: list[str] = []

    @pytest.fixture(scope="session")
    def target(self) -> Target:
        """Return the storage under test."""
        return self._target

    def pytest_configure(self) -> None:
        """Let failing assertions show their two sides; before pytest runs nobody would listen."""
        pytest.register_assert_rewrite(*REWRITTEN)

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Leave out what this target cannot be asked, and say why."""
        target, out = self._target, dict[str, str]()
        if target.shares_nothing:
            out["TestProcesses"] = (
                "several processes, kill -9: another process cannot open this process's memory"
            )
        if not target.makes_new:
            out["TestFiles"] = (
                "full and failing disks, syncs: the URL has no {new} that could be a new file's name"
            )
        if not target.makes_new and not target.shares_nothing:
            self.unexercised.append("names shorter than nine bytes: the tests share one storage, by a prefix")
        if target.makes_new and not target.has_files:
            out["TestFiles"] = (
                "full and failing disks, syncs: no file was found with the name that {new} stood for"
            )
        self.unexercised += out.values()
        items[:] = [
            each
            for each in items
            if each.nodeid.split("::")[1] not in out and (not target.only or _number(each) in target.only)
        ]
        self._total = len(items)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Remember what became of a test."""
        report = yield
        if report.when == "call" or not report.passed:
            self._remember(item, report)
        return report

    def _remember(self, item: pytest.Item, report: pytest.TestReport) -> None:
        number = _number(item)
        document = (getattr(item, "function", item).__doc__ or "").strip().partition("\n")[0]
        case = item.name.partition("[")[2].removesuffix("]")
        held = None if report.skipped else report.passed
        outcome = Outcome(number, document, case, held, _seen(report))
        self.outcomes.append(outcome)
        said = {True: "held", False: "FELL", None: "not exercised"}[held]
        self._progress(f"[{len(self.outcomes)}/{self._total}] {number or ''} {said}: {document}"[:120])


def _number(item: pytest.Item) -> int:
    """Return the number of the guarantee that a test is about; 0: all of them."""
    number = item.name.split("_")[1]
    return int(number) if number.isdigit() else 0


def _seen(report: pytest.TestReport) -> str:
    """Say shortly what a report complains of."""
    if report.passed:
        return ""
    if isinstance(report.longrepr, tuple):
        return report.longrepr[2].removeprefix("Skipped: ")
    crash = getattr(report.longrepr, "reprcrash", None)
    text = crash.message if crash is not None else str(report.longrepr)
    text = " ".join(line.strip() for line in text.splitlines() if line.strip())
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."


def run(target: Target, progress: Callable[[str], None]) -> Report:
    """Run the suites against *target*; say to *progress* how far they are.

    Raises:
        KeyboardInterrupt: somebody stopped them.
        RuntimeError: pytest could not run them.
    """
    from hypothesis.configuration import set_hypothesis_home_dir

    plugin = _Plugin(target, progress)
    with tempfile.TemporaryDirectory(prefix="clm-conform-") as folder, _alone():
        set_hypothesis_home_dir(Path(folder) / "hypothesis")
        settings = Path(folder) / "pytest.ini"
        settings.write_text("[pytest]\n", encoding="utf-8")
        # No terminal: the answer is ours. `sys` capture: what adapters print is not in it.
        words = [
            "--pyargs",
            _SUITE,
            "-c",
            str(settings),
            "--rootdir",
            folder,
            "--noconftest",
            "--capture=sys",
        ]
        words += ["-p", "no:cacheprovider", "-p", "no:terminal", "--basetemp", str(Path(folder) / "base")]
        try:
            code = pytest.main(words, plugins=[plugin])
        finally:
            target.clean()
    if code == pytest.ExitCode.INTERRUPTED:
        raise KeyboardInterrupt
    if code not in {pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED}:
        raise RuntimeError(f"pytest ended with {code!r}")
    return Report(tuple(plugin.outcomes), tuple(plugin.unexercised))


@contextmanager
def _alone() -> Iterator[None]:
    """Keep the caller's other plugins and options away."""
    names: Sequence[str] = ("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "PYTEST_ADDOPTS", "PYTEST_PLUGINS")
    before = {name: os.environ.pop(name, None) for name in names}
    os.environ[names[0]] = "1"
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


__all__ = ["GUARANTEES", "NEW", "Outcome", "Report", "Target", "run"]
