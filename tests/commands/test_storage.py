"""``storage check`` and ``storage copy``: a shop moves from SQLite to PostgreSQL and back."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from clm_ethics import FileKeys, Policy, Steward, StorageUnavailable, storage
from clm_ethics.commands import main
from clm_ethics.storage.contract import COPYING, Level
from clm_ethics.storage.copying import scanned
from clm_ethics.storage.postgresql import create
from clm_ethics.storage.sqlite import SqliteStorage
from tests.commands.test_calls import called
from tests.storage.postgresql_server import Server, running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

from tests.face.shop import EXAMPLE, agree, enrolled

POLICY = Policy.load(EXAMPLE)
STOPPING = """
import sys
from clm_ethics.__main__ import main
from clm_ethics.commands import storage_copy
from clm_ethics.storage import copying

class Stopping(storage_copy.Progress):
    def __call__(self, text):
        super().__call__(text)
        if ": 10 streams" in text:
            sys.stdin.read()

copying.PAGE, copying.CHUNK, storage_copy.Progress = 5, 2, Stopping
sys.exit(main(sys.argv[1:]))
"""
"""The command, which stops after ten streams and waits for its end."""


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """Return a PostgreSQL server of our own."""
    with running() as server:
        yield server


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def opened(url: str) -> Steward:
    """Open the shop at *url*; its keys stay where they are."""
    return Steward.open(url, policy=POLICY, keys=FileKeys("keys"))


def busy(url: str, customers: int = 4) -> Any:
    """Fill a shop: customers, one of them erased, a yes, a no, a sealed log; return a receipt."""
    with opened(url) as shop:
        people = [
            enrolled(shop, f"c-{number}", email=f"c{number}@example.org") for number in range(customers)
        ]
        for each in people:
            each.record("order_placed", {"sku": "tea", "amount": "9.90"}, purpose="order", by="web")
            each.read("account", by="web")
        receipt = agree(people[1], "recommendations")
        people[2].withdraw("recommendations", by="web")
        shop.seal()
        people[0].erase(by="customer")
        shop.seal()
    return receipt


def versions(url: str) -> list[tuple[bytes, int]]:
    """Return every stream and its version."""
    with closing(storage.open(url, create=False)) as place:  # type: ignore[type-var]
        return list(scanned(place))


def check_shop(url: str, receipt: Any) -> None:
    """The shop is what it was: verified, the receipt proves, the erased stay erased, others are known."""
    with opened(url) as shop:
        assert shop.ledger.verify()
        assert shop.prove(receipt)
        gone = shop.customer("c-0")
        assert ["customer.erased"] == [each for each in gone.may("account").codes if "customer" in each]
        assert shop.customer("c-1").may("recommendations")
        assert not shop.customer("c-2").may("recommendations")
        assert "c3@example.org" == shop.customer("c-3").read("account", by="web")["email"]
        assert ["c-3"] == [
            each.ref for each in shop.find("email", "c3@example.org", purpose="account", by="x")
        ]


def test_a_shop_moves_there_and_back(desk: Path, server: Server, capsys: Any) -> None:
    """Ledger, proofs, receipts and erasures are the same on PostgreSQL, and back on SQLite."""
    receipt = busy("sqlite:///shop.db")
    before = versions("sqlite:///shop.db")
    server.execute("DROP SCHEMA IF EXISTS clm_ethics CASCADE")
    code, out, err = called(["storage", "copy", "sqlite:///shop.db", server.address()], capsys)
    assert (0, True) == (code, "the copy is the same as the source was" in out)
    assert "pass 2" in err
    assert before == versions(server.address())
    code, out, _ = called(["storage", "copy", server.address(), "sqlite:///back.db", "--json"], capsys)
    told = json.loads(out)
    assert (0, True, len(before)) == (code, told["same"], told["streams"])
    assert before == versions("sqlite:///back.db")
    for url in (server.address(), "sqlite:///back.db"):
        check_shop(url, receipt)


def test_killed_midway(desk: Path, capsys: Any) -> None:
    """After kill -9 the target cannot be opened, and the same call finishes it."""
    receipt = busy("sqlite:///shop.db", customers=30)
    words = ["storage", "copy", "sqlite:///shop.db", "sqlite:///copy.db"]
    with subprocess.Popen(
        [sys.executable, "-c", STOPPING, *words], stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as victim:
        assert victim.stderr is not None
        assert ["pass 1: 5 streams", "pass 1: 10 streams"] == [
            victim.stderr.readline().partition(",")[0] for _ in range(2)
        ]
        victim.kill()
    assert 0 < len(versions("sqlite:///copy.db")) < len(versions("sqlite:///shop.db"))
    with pytest.raises(StorageUnavailable, match="not been finished"):
        opened("sqlite:///copy.db")
    code, out, _ = called(words, capsys)
    assert (0, True) == (code, "the copy is the same" in out)
    assert versions("sqlite:///shop.db") == versions("sqlite:///copy.db")
    check_shop("sqlite:///copy.db", receipt)


def test_a_copy_that_cannot_be(desk: Path, capsys: Any) -> None:
    """No source, the same place, and a target with streams of its own end with a remedy; nothing is made."""
    busy("sqlite:///shop.db")
    code, _, err = called(["storage", "copy", "sqlite:///nowhere.db", "sqlite:///new.db"], capsys)
    assert (1, True) == (code, "check that it exists" in err)
    code, _, err = called(["storage", "copy", "sqlite:///shop.db", "sqlite:///shop.db"], capsys)
    assert (2, True) == (code, "are the same" in err)
    with opened("sqlite:///other.db"):
        pass
    code, _, err = called(["storage", "copy", "sqlite:///shop.db", "sqlite:///other.db"], capsys)
    assert (2, True) == (code, "name an empty storage" in err)
    code, _, err = called(["storage", "copy", "sqlite:///shop.db", "memory:x"], capsys)
    assert (2, True) == (code, "has no path" in err)
    assert ["keys", "other.db", "shop.db"] == sorted(each.name for each in desk.iterdir())


def test_a_source_in_use(desk: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A source that keeps being written to ends with 1, and says how many streams moved."""
    receipt = busy("sqlite:///shop.db")
    real = SqliteStorage.scan
    with opened("sqlite:///shop.db") as shop:

        def scan(self: SqliteStorage, **page: Any) -> Any:
            found = real(self, **page)
            if self._name == "shop.db":
                shop.customer("c-3").read("account", by="web")
            return found

        monkeypatch.setattr(SqliteStorage, "scan", scan)
        words = ["storage", "copy", "sqlite:///shop.db", "sqlite:///copy.db", "--passes", "3"]
        code, out, _ = called(words, capsys)
        assert (1, True) == (code, "1 streams moved since" in out)
        monkeypatch.undo()
        monkeypatch.chdir(desk)
    assert 0 == main(words)
    capsys.readouterr()
    check_shop("sqlite:///copy.db", receipt)


# check -----------------------------------------------------------------------------------


def findings(url: str, capsys: Any) -> tuple[int, dict[str, list[Any]]]:
    """Run ``storage check``; return the exit code and the findings by subject."""
    code, out, _ = called(["storage", "check", url, "--json"], capsys)
    found: dict[str, list[Any]] = {}
    for each in json.loads(out)["findings"]:
        found.setdefault(each["subject"], []).append(each)
        assert each["text"]
        assert bool(each["remedy"]) == (each["level"] != Level.OK)
    return code, found


def test_a_file_in_order(desk: Path, capsys: Any) -> None:
    """A file that is fine has a finding for each subject, and not a byte of it is changed."""
    busy("sqlite:///shop.db")
    before = (desk / "shop.db").read_bytes()
    code, found = findings("sqlite:///shop.db", capsys)
    assert 0 == code
    assert {"clock", "durability", "permissions", "schema", "space", "versions"} == found.keys()
    assert before == (desk / "shop.db").read_bytes()
    code, out, _ = called(["storage", "check", "sqlite:///shop.db"], capsys)
    assert (0, True) == (code, "ok     schema: 1, the newest" in out)


def test_what_is_not_there_is_not_made(desk: Path, capsys: Any) -> None:
    """A missing file, an empty one, and another application's are faults with a remedy, left as they are."""
    (desk / "empty.db").touch()
    with closing(sqlite3.connect(desk / "theirs.db")) as theirs:
        theirs.execute("CREATE TABLE mine (id)")
    (desk / "text.db").write_text("no database at all, just words " * 40)
    before = {each.name: each.read_bytes() for each in desk.iterdir()}
    for name in ("nowhere", "empty", "theirs", "text"):
        code, found = findings(f"sqlite:///{name}.db", capsys)
        assert (1, {"opening"}) == (code, found.keys())
    assert before == {each.name: each.read_bytes() for each in desk.iterdir()}


def test_a_file_that_is_not_in_order(desk: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wide permissions are noted; a time in the future and a full disk are faults."""
    with opened("sqlite:///shop.db"):
        pass
    (desk / "shop.db").chmod(0o644)
    code, found = findings("sqlite:///shop.db", capsys)
    assert (0, "note") == (code, found["permissions"][0]["level"])
    ahead = time.time() + 1000
    os.utime(desk / "shop.db", (ahead, ahead))
    code, found = findings("sqlite:///shop.db", capsys)
    assert (1, "fault") == (code, found["clock"][0]["level"])
    monkeypatch.setattr("clm_ethics.storage.sqlite_check.LEAST_FREE", 1 << 62)
    assert "fault" == findings("sqlite:///shop.db", capsys)[1]["space"][0]["level"]


@pytest.mark.parametrize(
    ("kind", "level"), [("nfs4", "fault"), ("tmpfs", "note"), ("ext4", None), ("cifs", "fault")]
)
def test_where_a_file_lies(
    desk: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch, kind: str, level: str | None
) -> None:
    """A file on a network is a fault, one in memory is noted, one on a disk is fine."""
    with opened("sqlite:///shop.db"):
        pass
    mounts = desk / "mounts"
    mounts.write_text(f"none / overlay rw 0 0\ndevice {desk} {kind} rw 0 0\nother {desk}/deeper nfs rw 0 0\n")
    monkeypatch.setattr("clm_ethics.storage.sqlite_check.MOUNTS", mounts)
    code, found = findings("sqlite:///shop.db", capsys)
    assert (level == "fault") == code
    assert [level] * (level is not None) == [each["level"] for each in found["durability"][1:]]
    mounts.unlink()
    assert 1 == len(findings("sqlite:///shop.db", capsys)[1]["durability"])


def test_a_file_that_cannot_be_written(desk: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file, or a folder, that this user may not write is a fault (root may write everything)."""
    with opened("sqlite:///shop.db"):
        pass
    for part in ("the file", "its folder"):
        monkeypatch.setattr("os.access", lambda path, mode, part=part: (part == "the file") == path.is_dir())
        code, found = findings("sqlite:///shop.db", capsys)
        assert (1, "fault") == (code, found["permissions"][0]["level"])
        assert found["permissions"][0]["text"].startswith(part)


def test_an_adapter_that_promises_nothing(capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """An adapter that could create something, or that cannot check itself, is a wrong call."""
    monkeypatch.setattr(storage, "_opener", lambda scheme: lambda url: None)
    code, _, err = called(["storage", "check", "mine:"], capsys)
    assert (2, True) == (code, "does not promise to create nothing" in err)
    monkeypatch.setattr(storage, "_opener", lambda scheme: lambda url, create: object())
    code, _, err = called(["storage", "check", "mine:"], capsys)
    assert (2, True) == (code, "cannot check itself" in err)


def test_a_memory(capsys: Any) -> None:
    """A memory keeps nothing, and says so."""
    code, found = findings("memory:", capsys)
    assert (0, "note") == (code, found["durability"][0]["level"])


def test_a_server_in_order(server: Server, capsys: Any) -> None:
    """A server that is fine has a finding for each subject; an owner is told to use a role of its own."""
    create(server.address())
    code, found = findings(server.address(), capsys)
    assert 0 == code
    assert {"clock", "durability", "permissions", "schema", "space", "versions"} == found.keys()
    assert ["ok", "note"] == [each["level"] for each in found["permissions"]]


def test_a_server_without_tables(server: Server, capsys: Any) -> None:
    """A database without tables is a fault, and gets none."""
    server.execute("DROP SCHEMA IF EXISTS clm_ethics CASCADE")
    code, found = findings(server.address(), capsys)
    assert (1, {"opening"}) == (code, found.keys())
    assert [(0,)] == server.execute("SELECT count(*) FROM pg_namespace WHERE nspname = 'clm_ethics'")


def test_a_server_that_is_not_in_order(server: Server, capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing grant, a disabled trigger, an invalid index and a distant clock are faults."""
    server.execute(
        "DROP SCHEMA IF EXISTS clm_ethics CASCADE", "DROP ROLE IF EXISTS app", "CREATE ROLE app LOGIN"
    )
    create(server.address(), application="app")
    server.execute("REVOKE DELETE ON clm_ethics.mark FROM app")
    code, found = findings(server.address("app"), capsys)
    assert (1, "fault") == (code, found["permissions"][0]["level"])
    assert "DELETE on mark" in found["permissions"][0]["text"]
    assert 1 == len(found["permissions"])
    server.execute("GRANT DELETE ON clm_ethics.mark TO app")
    assert 0 == findings(server.address("app"), capsys)[0]
    server.execute("ALTER TABLE clm_ethics.entry DISABLE TRIGGER never_deleted")
    assert "never_deleted" in findings(server.address("app"), capsys)[1]["schema"][0]["text"]
    server.execute("ALTER TABLE clm_ethics.entry ENABLE TRIGGER never_deleted")
    server.execute(
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'clm_ethics.mark_by_token'::regclass"
    )
    assert "mark_by_token" in findings(server.address("app"), capsys)[1]["schema"][0]["text"]
    server.execute("REINDEX INDEX clm_ethics.mark_by_token")
    monkeypatch.setattr("clm_ethics.storage.postgresql_check.time.time", lambda: 0.0)
    code, found = findings(server.address("app"), capsys)
    assert (1, "fault") == (code, found["clock"][0]["level"])


def test_a_server_that_is_not_there(desk: Path, capsys: Any) -> None:
    """A server that does not answer is a fault with a remedy."""
    code, found = findings(f"postgresql://nobody@/nothing?host={desk}", capsys)
    assert (1, True) == (code, "check that the server runs" in found["opening"][0]["remedy"])


@pytest.mark.parametrize("words", [["storage"], ["storage", "check"], ["storage", "copy", "memory:"]])
def test_a_call_that_cannot_be_read(words: list[str], capsys: Any) -> None:
    """Missing words end with 2 and the usage."""
    code, out, err = called(words, capsys)
    assert (2, "") == (code, out)
    assert "usage: python -m clm_ethics storage" in err


def test_json_before_or_after(capsys: Any) -> None:
    """``--json`` may stand at either place."""
    for words in (["storage", "--json", "check", "memory:"], ["storage", "check", "--json", "memory:"]):
        code, out, _ = called(words, capsys)
        assert (0, True) == (code, json.loads(out)["ok"])


def test_the_mark_of_a_copy_is_a_name_like_another() -> None:
    """It fits the contract, and is no name that the library makes."""
    assert len(COPYING) not in {16, 32}
