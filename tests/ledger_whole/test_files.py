"""On a real file: altered bytes, a full disk, kill -9. Never a wrong answer, never half an entry."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import sys
from contextlib import closing, suppress
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clm_ethics import FileKeys, Offer
from clm_ethics.errors import ClmError, StorageUnavailable
from clm_ethics.ledger.audit import FaultKind
from clm_ethics.storage.sqlite import SqliteStorage
from clm_ethics.testing.tamper import TAMPERINGS, Tamper
from clm_ethics.vault.keys import MemoryKeys
from tests.ledger_whole.shop import Clock, Seeded, Shop, live

PURPOSES = ("account", "tips", "invoicing")
REFS = ("c-1", "c-2", "c-3", "c-4")
STORY: list[tuple[str, str, Any]] = [
    ("enroll", "c-3", "c@x.example"),
    ("tastes", "c-1", 3),
    ("read", "c-1", "account"),
    ("order", "c-1", 5),
    ("seal", "c-1", None),
    ("withdraw", "c-2", "tips"),
    ("correct", "c-2", "e@x.example"),
    ("order", "c-3", 0),
    ("erase", "c-3", None),
    ("seal", "c-1", None),
]


def shop_in(path, **more):
    """Open a shop over a file, its keys in memory."""
    storage = SqliteStorage(path)
    try:
        return Shop(data=storage, keys=MemoryKeys(Seeded("keys")), **more)
    except BaseException:
        storage.close()
        raise


def close(shop):
    """Close a shop and its file."""
    shop.steward.close()
    shop.data.close()


@pytest.fixture(scope="module")
def sealed(tmp_path_factory):
    """A file with three customers, one of them erased, everything sealed; closed."""
    path = tmp_path_factory.mktemp("sealed") / "crm.db"
    shop = shop_in(path)
    live(shop, STORY)
    answers = ask_all(shop)
    assert shop.steward.ledger.verify()
    close(shop)
    return Before(path, answers)


class Before(NamedTuple):
    """The file, and what is answered from it; quiet, for failing examples."""

    path: Path
    answers: dict[Any, Any]

    def __repr__(self) -> str:
        return "<Before>"


def ask(question):
    """Return an answer that can be compared, or that there was none, by name."""
    try:
        return question()
    except ClmError:
        return ClmError


def ask_all(shop):
    """Ask everything that a host can ask, and write nothing but reads."""
    answers = {}
    for ref in REFS:
        customer = shop.steward.customer(ref)
        for purpose in PURPOSES:
            answers[ref, purpose] = ask(lambda c=customer, p=purpose: _decision(c.may(p)))
            answers[ref, purpose, "read"] = ask(lambda c=customer, p=purpose: _view(c.read(p)))
        answers[ref, "history"] = ask(lambda c=customer: str(c.history()).split("\n")[:2])
    return answers


def _decision(answer):
    return bool(answer), answer.basis, tuple(answer.fields)


def _view(view):
    return view.reveal() if view else None


def found(shop):
    """Find by every e-mail there was."""
    return {
        customer.ref
        for mail in ("a@x.example", "e@x.example", "c@x.example")
        for customer in shop.steward.find("email", mail, purpose="account")
    }


@settings(max_examples=120)
@given(st.data())
def test_altered_bytes_never_give_a_wrong_answer(sealed, tmp_path_factory, data):
    """Whatever bytes are changed or cut: a named error, a fault, or the same answers as before."""
    path, answers = sealed
    raw = bytearray(path.read_bytes())
    if data.draw(st.booleans(), label="cut"):
        del raw[data.draw(st.integers(100, len(raw) - 1), label="size") :]
    for _ in range(data.draw(st.integers(1, 6), label="flips")):
        raw[data.draw(st.integers(0, len(raw) - 1), label="at")] ^= data.draw(
            st.integers(1, 255), label="with"
        )
    copy = tmp_path_factory.mktemp("altered") / "crm.db"
    copy.write_bytes(raw)
    try:
        shop = shop_in(copy, clock=Clock().later(), seed="later")
    except ClmError:
        return
    try:
        asked = ask_all(shop)
        strangers = ask(lambda: found(shop) - {"c-1", "c-2"})
        whole = ask(lambda: bool(shop.steward.ledger.verify()))
    finally:
        with suppress(ClmError):
            shop.steward.close()
        shop.data.close()

    wrong = {name for name, each in asked.items() if each not in (answers[name], ClmError)}
    assert whole in (False, ClmError) or set() == wrong
    assert strangers in (set(), ClmError)
    # A denial may be for another reason, and a value may be missing; a yes that was a no is never told.
    for name in wrong:
        if len(name) == 2 and name[1] != "history":
            assert not asked[name][0] or answers[name][0]
        elif len(name) == 3:
            assert not asked[name] or asked[name].items() <= (answers[name] or {}).items()


@pytest.mark.parametrize("size", [50, 100, 511, 512, 4096, 5000, 40960])
def test_a_file_cut_short_is_named(sealed, tmp_path, size):
    """A file of any shorter length is a named error at opening, or a fault."""
    copy = tmp_path / "crm.db"
    copy.write_bytes(sealed.path.read_bytes()[:size])

    assert _verified(copy) in (False, ClmError)


def _verified(path):
    try:
        shop = shop_in(path, clock=Clock().later())
    except ClmError:
        return ClmError
    with closing(shop.data):
        return ask(lambda: bool(shop.steward.ledger.verify()))


@pytest.mark.parametrize("tampering", TAMPERINGS, ids=lambda each: each.name.replace(" ", "-"))
def test_every_tampering_is_found_in_a_file_too(sealed, tmp_path, tampering):
    """The kit alters an SQLite file while a steward has it open, and verify names the right kind."""
    tried = 0
    for seed in range(8):
        copy = tmp_path / f"{seed}.db"
        shutil.copy(sealed.path, copy)
        shop = shop_in(copy, clock=Clock().later())
        with closing(shop.data):
            tamper = Tamper(copy)
            random = Random(seed)
            where = tampering.apply(tamper, random.choice(tamper.customers()), random)
            if where is None:
                continue
            tried += 1
            verified = shop.steward.ledger.verify()
            assert {each.kind for each in verified.faults if each.stream == where} & tampering.kinds
    assert tried


# A full disk -------------------------------------------------------------------------------------


@pytest.fixture
def disk(tmp_path):
    """Return a folder on a small disk of its own where that is permitted."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(folder)]
    mounted = (
        shutil.which("mount") and subprocess.run(command, check=False, capture_output=True).returncode == 0
    )
    yield folder
    if mounted:
        subprocess.run(["umount", "-l", str(folder)], check=True)


class Full:
    """While it is entered, no file in *folder* can grow: the disk is full, or files may not."""

    def __init__(self, folder: Path, *, limit: bool) -> None:
        self.folder = folder
        self.limit = limit or not os.path.ismount(folder)

    def __enter__(self) -> None:
        if self.limit:
            largest = (self.folder / "crm.db-wal").stat().st_size
            self.before = resource.getrlimit(resource.RLIMIT_FSIZE)
            resource.setrlimit(resource.RLIMIT_FSIZE, (largest, self.before[1]))
            return
        with (self.folder / "filler").open("wb", buffering=0) as filler, suppress(OSError):
            while True:
                filler.write(bytes(4096))

    def __exit__(self, *_: object) -> None:
        if self.limit:
            resource.setrlimit(resource.RLIMIT_FSIZE, self.before)
        else:
            (self.folder / "filler").unlink()


VERBS = {
    "enroll": lambda shop: shop.enroll("c-9", email="new@x.example"),
    "put": lambda shop: shop.steward.customer("c-1").put({"email": "n@x.example"}, purpose="account"),
    "correct": lambda shop: shop.steward.customer("c-1").correct({"email": "n@x.example"}),
    "record": lambda shop: shop.order("c-1"),
    "grant": lambda shop: shop.yes("c-1", "tips"),
    "refuse": lambda shop: shop.steward.customer("c-1").refuse("news"),
    "withdraw": lambda shop: shop.steward.customer("c-1").withdraw("tips"),
    "object_to": lambda shop: shop.steward.customer("c-1").object_to("quality"),
    "restrict": lambda shop: shop.steward.customer("c-1").restrict(reason="doubt"),
    "lift_restriction": lambda shop: shop.steward.customer("c-1").lift_restriction(),
    "read": lambda shop: shop.steward.customer("c-1").read("account"),
    "choose": lambda shop: shop.steward.customer("c-1").choose(
        [Offer("spring", purpose="news", uses={"tastes"})], channel="email"
    ),
    "find": lambda shop: shop.steward.find("email", "a@x.example", purpose="account"),
    "erase": lambda shop: shop.steward.customer("c-2").erase(),
    "seal": lambda shop: shop.steward.seal(),
    "sweep": lambda shop: shop.steward.sweep(confirm=True),
}


@pytest.mark.parametrize("limit", [False, True], ids=["small-disk", "small-files"])
@pytest.mark.parametrize("verb", VERBS)
def test_a_full_disk_during_a_verb(disk, verb, limit):
    """It is named, nothing is half written, and once there is space again the same verb works."""
    shop = shop_in(disk / "crm.db", clock=Clock().later())
    with closing(shop.data):
        live(shop, [])
        with Full(disk, limit=limit):
            while fits(shop, "c-1") or fits(shop, "c-2"):
                pass  # until the last byte of the files is used
            before = Tamper(disk / "crm.db").copy()
            with pytest.raises(StorageUnavailable, match="space") as caught:
                VERBS[verb](shop)
        after = Tamper(disk / "crm.db").copy()
        if caught.value.written is False:
            assert before == after
        elif caught.value.written:  # a no stands, and it is said that the keys do not know of it yet
            assert "it stands in the ledger" in str(caught.value)
            assert before != after
        else:
            assert "erase" == verb
        assert shop.steward.ledger.verify()
        VERBS[verb](shop)
        assert before != Tamper(disk / "crm.db").copy()
        shop.steward.seal()
        assert shop.steward.ledger.verify()


def fits(shop, ref):
    """Say whether one more read of the customer fits on the disk."""
    try:
        return bool(shop.steward.customer(ref).read("account"))
    except StorageUnavailable:
        return False


# kill -9 -----------------------------------------------------------------------------------------


def test_killed_at_any_moment_the_ledger_verifies(tmp_path):
    """However often a busy shop is killed: what it acknowledged is there, and the ledger is whole."""
    random = Random(7)
    for run in range(6):
        command = [sys.executable, "-m", "tests.ledger_whole.busy", str(tmp_path), str(run)]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]
        ) as busy:
            assert busy.stdout is not None
            said = [busy.stdout.readline() for _ in range(random.randrange(2, 120))]
            busy.send_signal(signal.SIGKILL)
            said += [line for line in busy.stdout if line.endswith("\n")]
        assert -signal.SIGKILL == busy.returncode
        shop = Shop(
            data=SqliteStorage(tmp_path / "crm.db"), keys=FileKeys(tmp_path / "keys"), clock=Clock().later()
        )
        with closing(shop.data):
            faults = shop.steward.ledger.verify().faults
            assert {fault.kind for fault in faults} <= {FaultKind.BACK_DATED, FaultKind.UNSEALED_TOO_LONG}
            expect(shop, said)


def expect(shop, said):
    """Check each no that was acknowledged, and after which nothing else was tried that could end it."""
    noes = set()
    for line in said:
        match line.split():
            case ["did", "withdraw" | "refuse" | "object", ref, purpose]:
                noes.add((ref, purpose))
            case ["did", "erase", ref, _]:
                noes.add((ref, "account"))
            case ["tries", "grant", ref, purpose]:
                noes.discard((ref, purpose))
            case ["tries", "erase" | "again", ref, _]:
                noes = {(other, purpose) for other, purpose in noes if other != ref}
    for ref, purpose in noes:
        assert not shop.steward.customer(ref).may(purpose)
