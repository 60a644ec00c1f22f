"""`storage conform URL`: what it says of sound, broken and used storages."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from clm_ethics import FileKeys, Policy, Steward
from clm_ethics.commands import main
from clm_ethics.storage.sqlite import SqliteStorage
from clm_ethics.testing.conformance_tools import create, head, living
from tests.storage.broken_files import install

ROOT = Path(__file__).parent.parent.parent


def conform(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own, with the adapters that are installed in *cwd*."""
    return subprocess.run(
        [sys.executable, "-m", "clm_ethics", "storage", "conform", *words],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{cwd}"},
    )


def test_a_sound_storage(tmp_path):
    """The memory keeps every guarantee; what it cannot show is said, and nothing is left behind."""
    done = conform("memory:", cwd=tmp_path)

    assert 0 == done.returncode, done.stdout + done.stderr
    for number in range(1, 15):
        assert any(
            line.split()[:1] == [str(number)] and "held, " in line for line in done.stdout.splitlines()
        )
    assert "several processes, kill -9: another process cannot open this process's memory" in done.stdout
    assert "the contract holds, as far as it was exercised" in done.stdout
    assert "held: A write that was refused is over" in done.stderr
    assert [] == list(tmp_path.iterdir())


def test_a_new_file_for_each_test(tmp_path):
    """With `{new}` in the URL each test makes its own files, disks and processes, and removes them."""
    done = conform("sqlite:///of-{new}.db", "--only", "5", "--json", cwd=tmp_path)

    assert 0 == done.returncode, done.stdout + done.stderr
    document = json.loads(done.stdout)
    [durable] = document["guarantees"]
    assert ("durable", "held", 5) == (durable["name"], durable["outcome"], durable["number"])
    assert durable["tests"] >= 7
    assert [] == durable["fell"] == durable["not_exercised"] == document["not_exercised"]
    assert [] == list(tmp_path.iterdir())


def test_a_shared_storage(tmp_path):
    """Without it the tests share one storage by prefixes, and it is said what was not exercised."""
    done = conform("sqlite:///shared.db", "--only", "9", "--only", "10", cwd=tmp_path)

    assert 0 == done.returncode, done.stdout + done.stderr
    assert "names shorter than nine bytes: the tests share one storage, by a prefix" in done.stdout
    assert "the URL has no {new}" in done.stdout
    assert "the storage holds what the tests have written: remove it" in done.stdout
    assert (tmp_path / "shared.db").exists()


def test_a_broken_adapter(tmp_path):
    """A guarantee that fell is named, with its fact and what was seen; the exit code is 1."""
    install(tmp_path)
    done = conform("keepsafileofitsown:///{new}.db", "--only", "4", cwd=tmp_path)

    assert 1 == done.returncode, done.stdout + done.stderr
    assert re.search(r" 4 linearizable   FELL, 1 of \d+ tests", done.stdout)
    assert "Processes that append by compare-and-swap leave every entry once, in order" in done.stdout
    assert "(4 * 25)" in done.stdout
    assert "the contract is broken: linearizable" in done.stdout


def test_a_storage_in_use_is_left_alone(tmp_path, capsys):
    """Where a ledger lives the suite is refused, and nothing was written."""
    path = tmp_path / "crm.db"
    policy = Policy.load(ROOT / "docs" / "examples" / "policy.toml")
    with Steward.open(f"sqlite:///{path}", policy=policy, keys=FileKeys(tmp_path / "keys")) as shop:
        shop.enroll("c-1", {"region": "DE"}, purpose="account", by="test")
    before = path.read_bytes()

    assert 2 == main(["storage", "conform", f"sqlite:///{path}"])
    out, err = capsys.readouterr()
    assert "" == out
    assert "this storage is in use" in err
    assert before == path.read_bytes()


def test_a_storage_that_nobody_knows_is_not_harmed(tmp_path):
    """Streams that the suite cannot know of are there after it, unchanged."""
    path = tmp_path / "other.db"
    with closing(SqliteStorage(path)) as storage:
        create(storage, b"s", head(7, marks=[(b"t", 1)]))
    done = conform(f"sqlite:///{path}", "--only", "10", cwd=tmp_path)

    assert 0 == done.returncode, done.stdout + done.stderr
    with closing(SqliteStorage(path)) as storage:
        assert head(7, marks=[(b"t", 1)]) == living(storage, b"s")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["storage"], "usage"),
        (["storage", "nothing"], "usage"),
        (["storage", "conform"], "usage"),
        (["storage", "conform", "memory:", "--only", "15"], "usage"),
        (["storage", "conform", "nowhere"], "is not an address of a storage"),
        (["storage", "conform", "nobody:///{new}"], "no adapter for `nobody:` is installed"),
    ],
)
def test_a_wrong_call(words, says, capsys):
    """What cannot be read, and what names no adapter, is a wrong call."""
    with pytest.raises(SystemExit) if says == "usage" else Nothing() as caught:
        code = main(words)
    out, err = capsys.readouterr()

    assert (2, "") == (caught.value.code if caught else code, out)
    assert says in err


def test_json_stands_on_either_side(capsys):
    """`--json` may stand before the verb or behind it."""
    for words in (["--json", "conform", "nowhere"], ["conform", "nowhere", "--json"]):
        assert 2 == main(["storage", *words])
        assert "UsageError" == json.loads(capsys.readouterr().out)["error"]


class Nothing:
    """Expects nothing."""

    def __enter__(self):
        return None

    def __exit__(self, *error):
        return False
