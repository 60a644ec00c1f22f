"""After an erasure nothing of a person is left in any file, and no restored copy brings them back."""

from __future__ import annotations

import asyncio
import base64
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from clm_ethics import AsyncSteward, Denied, FileKeys, Offer, Steward, UnknownCustomer
from clm_ethics.flows import streams
from clm_ethics.storage.memory import MemoryStorage
from tests.face import teller
from tests.face.shop import POLICY, Clock, Seeded, Till, agree, clone, enrolled, heads, kinds, steward

if TYPE_CHECKING:
    from pathlib import Path

REF = "c-xolotl-4711"
EMAIL = "Xolotl.Q@Quetzal.Example"
PHONE = "+49 (30) 5550-1234"
PLANTED = {
    "ref": REF,
    "email": EMAIL,
    "email as it is looked up": EMAIL.lower(),
    "phone": PHONE,
    "phone as it is looked up": "+49305550 1234".replace(" ", ""),
    "city": "Tenochtitlan",
    "sku": "obsidian-mirror",
    "invoice": "R-2026-000777",
    "taste": "cacao-and-chili",
    "born": "1987-06-05",
    "reason": "she-was-overcharged-in-may",
    "key": "cart-77-of-somebody",
    "evidence": "the-call-of-last-tuesday",
}
SPLIT = pytest.mark.parametrize("split", [False, True], ids=["beside", "split"])


def encodings(text: str) -> dict[str, bytes]:
    """Return the ways in which a text may stand in a file."""
    plain = text.encode()
    found = {
        "utf-8": plain,
        "utf-16-le": text.encode("utf-16-le"),
        "utf-16-be": text.encode("utf-16-be"),
        "hex": plain.hex().encode(),
        "HEX": plain.hex().upper().encode(),
        "reversed": plain[::-1],
    }
    for shift in range(3):  # in base64 a text looks different at each offset
        inner = base64.b64encode(b"\0" * shift + plain + b"\0" * 3)
        start = (shift * 8 + 5) // 6
        found[f"base64+{shift}"] = inner[start : start + len(plain) * 8 // 6 - 1]
    return found


def search(folder: Path, things: dict[str, bytes]) -> list[str]:
    """Search every byte of every file; return what was found, and where."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    assert files
    return [
        f"{name} in {path.name}"
        for path in files
        for name, what in things.items()
        if what in path.read_bytes()
    ]


def planted() -> dict[str, bytes]:
    """Return everything to be searched for."""
    return {
        f"{name} ({how})": what for name, text in PLANTED.items() for how, what in encodings(text).items()
    }


def opened(folder: Path, *, split: bool, kind: Any = Steward, **more: Any) -> Any:
    """Open the shop in files."""
    return kind.open(
        f"sqlite:///{folder}/crm.db",
        policy=POLICY,
        keys=FileKeys(folder / "keys"),
        keys_in=f"sqlite:///{folder}/keys.db" if split else None,
        **more,
    )


def live(shop: Steward) -> Any:
    """Let somebody tell the shop everything, change some of it, and read it."""
    told = {"email": EMAIL, "region": "DE", "born": PLANTED["born"]}
    ana = shop.enroll(REF, told, purpose="account", by="signup", key=PLANTED["key"])
    values = {"sku": PLANTED["sku"], "amount": "19.90", "number": PLANTED["invoice"]}
    ana.record("order_placed", values, purpose="order", by="till", key=PLANTED["key"])
    ana.put({"address": {"city": PLANTED["city"]}}, purpose="order", by="web")
    agree(ana, "recommendations", evidence=PLANTED["evidence"])
    agree(ana, "newsletter")
    ana.put({"tastes": [PLANTED["taste"]]}, purpose="recommendations", by="web")
    ana.put({"email": EMAIL, "phone": PHONE}, purpose="newsletter", by="web")
    ana.correct({"email": EMAIL}, by="desk")
    ana.choose([Offer("spring", purpose="newsletter")], channel="email", by="c")
    ana.restrict(by="desk", reason=PLANTED["reason"])
    ana.lift_restriction(by="desk")
    for purpose in POLICY.purposes:
        ana.read(purpose, by="web")
    assert [REF] == [each.ref for each in shop.find("phone", PHONE, purpose="newsletter", by="desk")]
    return ana


def secrets_of(shop: Steward, ref: str) -> dict[str, bytes]:
    """Return the bytes that open or name the customer: the wrapped key, the tokens, sealed values."""
    setting = shop._setting
    data, kept = shop._driver._storages
    from clm_ethics.verbs.common import token_of

    claim = token_of(setting, "ref", ref)
    [head] = data.load([claim])
    stream = head.state
    [own] = data.load([stream])
    [key] = kept.load([streams.key_stream(stream)])
    found = {"the wrapped key": key.state, "the claim": claim, "the sealed state": own.state}
    found |= {f"look-up token {n}": mark.token for n, mark in enumerate(own.marks) if not mark.at}
    if own.values:
        found["the sealed values"] = own.values[:200]
    return found


@SPLIT
def test_no_file_ever_holds_a_value_and_after_an_erasure_not_even_its_seal(tmp_path, split):
    """Search each byte of the file, its log and the keys: before, while it is open, after, and closed."""
    with opened(tmp_path, split=split, sources={"shop_db": Till()}) as shop:
        for n in range(20):  # neighbours, so that there are pages to move rows between
            shop.enroll(f"n-{n}", {"email": f"n{n}@example.org"}, purpose="account", by="signup")
        ana = live(shop)
        assert [] == search(tmp_path, planted())
        sealed = secrets_of(shop, REF)
        assert len(sealed) >= 5
        present = search(tmp_path, sealed)
        assert {"the wrapped key", "the claim"} <= {each.partition(" in ")[0] for each in present}
        assert ana.erase(by="customer")
        assert [] == search(tmp_path, planted())
        sealed.pop("the claim")  # a keyed hash of the reference, which the register of erasures keeps
        assert [] == search(tmp_path, sealed)
        shop.seal()
        assert shop.ledger.verify()
    assert [] == search(tmp_path, planted() | sealed)
    with opened(tmp_path, split=split) as shop:
        assert shop.ledger.verify()
        assert shop.customer("n-1").read("account", by="web")["email"] == "n1@example.org"


@SPLIT
def test_the_awaiting_face_erases_as_thoroughly(tmp_path, split):
    """The files are scrubbed too."""
    with opened(tmp_path, split=split) as shop:
        live(shop)
        sealed = secrets_of(shop, REF)
        sealed.pop("the claim")

    async def story() -> None:
        async with opened(tmp_path, split=split, kind=AsyncSteward, sources={"shop_db": Till()}) as shop:
            certificate = await shop.customer(REF).erase(by="customer")
            assert "pending" not in certificate.fields()
            assert [] == search(tmp_path, planted() | sealed)
            assert await shop.ledger.verify()

    asyncio.run(story())
    assert [] == search(tmp_path, planted() | sealed)


def test_an_erasure_shows_up_in_every_answer():
    """Questions say "erased", commands raise, the story keeps what proves the erasure and nothing else."""
    with steward(sources={"shop_db": Till()}) as shop:
        ana = live(shop)
        receipt = ana.refuse("newsletter", by="customer")
        shop.seal()
        plan = ana.plan_erase()
        assert {"invoices", "address"} == plan.stays.keys()
        assert "email" in plan.goes
        certificate = ana.erase(by="customer")
        certificate.check(shop.ledger.receipt_vkey())
        for purpose in ("account", "order", "recommendations", "newsletter"):
            assert ("customer.erased",) == ana.may(purpose).codes
            assert {} == ana.read(purpose, by="web").reveal()
        assert not ana.choose([Offer("x", purpose="newsletter")], channel="email", by="c")
        assert () == shop.find("email", EMAIL, purpose="account", by="desk")
        for command in (
            lambda: ana.put({"email": EMAIL}, purpose="account", by="w"),
            lambda: ana.withdraw("newsletter", by="w"),
            lambda: agree(ana, "newsletter"),
        ):
            with pytest.raises(UnknownCustomer):
                command()
        assert not ana.plan_erase()
        shop.seal()
        told = [line.kind for line in ana.history()]
        assert ["erasure_begun", "erasure_done"] == told[:2]
        assert {"refusal"} == set(told[2:])  # the questions since, under the key of what a law keeps
        assert certificate.index == ana.erase(by="customer").index
        assert shop.prove(receipt).check(shop.ledger.vkey())  # still, after the erasure
        assert shop.prove(certificate).check(shop.ledger.vkey())
        assert shop.ledger.verify()


def test_what_a_law_keeps_is_readable_by_that_law_alone_and_not_for_ever():
    """Invoices survive under a key of their own, with their times, until the law's time is over."""
    clock = Clock()
    storage = MemoryStorage()
    with steward(storage, clock=clock, sources={"shop_db": Till()}) as shop:
        ana = live(shop)
        before = [dict(each) for each in ana.read("invoicing", by="tax")["invoices"]]
        ana.erase(by="customer")
        view = ana.read("invoicing", by="tax")
        assert before == [dict(each) for each in view["invoices"]]
        assert PLANTED["city"] == view["address"]["city"]
        assert {"invoices", "address"} == set(view.reveal())
        assert not ana.read("order", by="tax")
        assert kinds(ana)["read"] == 1
        assert shop.ledger.verify()
    with steward(storage, clock=clock, random=Seeded(2)) as shop:
        assert shop.customer(REF).read("invoicing", by="tax")["invoices"]
        shop.seal()
        clock.move(days=9 * 366)
        assert not shop.customer(REF).read("invoicing", by="tax").get("invoices")
        assert shop.sweep(confirm=True).values
        setting = shop._setting
        stream = next(name for name, head in heads(storage).items() if head.length and len(name) == 16)
        assert storage.load([streams.key_stream(stream, 1)]) == [None]
        assert setting.sealer(streams.key_stream(stream, 1)) is None


def test_a_tombstone_blocks_the_reference_and_each_address():
    """A re-import of a colleague's old list brings nobody back; their own wish does."""
    with steward(sources={"shop_db": Till()}) as shop:
        live(shop).erase(by="customer")
        for ref, values in (
            (REF, {}),
            ("other-1", {"email": EMAIL}),
            ("other-2", {"email": f"  {EMAIL.upper()}"}),
        ):
            with pytest.raises(Denied) as caught:
                shop.enroll(ref, values, purpose="account", by="import")
            assert ("customer.erased",) == caught.value.answer.codes
        assert shop.enroll("other-3", {"email": "else@example.org"}, purpose="account", by="import")
        back = shop.enroll(REF, {"email": EMAIL}, purpose="account", by="signup", again=True)
        assert ["enrolled"] == [line.kind for line in back.history()]
        assert "again" in str(back.history())
        back.erase(by="customer")
        assert ("customer.erased",) == back.may("account").codes
        assert shop.ledger.verify()


def test_two_erasures_at_once_are_one():
    """Whoever asks second resumes the first, or gets the same certificate."""
    from threading import Thread

    storage = MemoryStorage()
    with steward(storage, sources={"shop_db": Till()}) as one, steward(storage, random=Seeded(2)) as two:
        live(one)
        certificates: list[Any] = []

        def erase(shop: Steward) -> None:
            certificates.append(shop.customer(REF).erase(by="customer"))

        threads = [Thread(target=erase, args=(shop,)) for shop in (one, two, one, two)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        assert 4 == len(certificates)
        assert 1 == kinds(one.customer(REF))["erasure_begun"]
        assert one.ledger.verify()


# -- restored copies -------------------------------------------------------------------------------


def test_a_copy_from_before_an_erasure_opens_no_more(tmp_path):
    """With the keys elsewhere a restored file is noise; ``after_restore`` erases again."""
    with opened(tmp_path, split=True, sources={"shop_db": Till()}) as shop:
        live(shop)
        sealed = secrets_of(shop, REF)
    shutil.copy(tmp_path / "crm.db", tmp_path / "backup")
    with opened(tmp_path, split=True, sources={"shop_db": Till()}) as shop:
        shop.customer(REF).erase(by="customer")
        shop.seal()
    shutil.move(tmp_path / "backup", tmp_path / "crm.db")
    with opened(tmp_path, split=True, sources={"shop_db": Till()}) as shop:
        ana = shop.customer(REF)
        for purpose in POLICY.purposes:
            assert ("customer.erased",) == ana.may(purpose).codes
            assert {} == ana.read(purpose, by="web").reveal()
        assert () == shop.find("email", EMAIL, purpose="account", by="desk")
        assert "claim" in str(search(tmp_path, sealed))
        done = shop.after_restore(by="ops")
        assert 1 == done.erased_again
        assert ["erasure_begun", "erasure_done"] == [line.kind for line in ana.history()]
        sealed.pop("the claim")
        assert [] == search(tmp_path, planted() | sealed)
        assert 0 == shop.after_restore(by="ops").erased_again
        found = shop.ledger.verify()
        assert found, found.explain()


NOES: dict[str, tuple[Any, str]] = {
    "withdraw": (lambda ana: ana.withdraw("recommendations", by="customer"), "recommendations"),
    "refuse": (lambda ana: ana.refuse("recommendations", by="customer"), "recommendations"),
    "object_to": (lambda ana: ana.object_to("newsletter", by="customer"), "newsletter"),
    "restrict": (lambda ana: ana.restrict(by="desk", reason="contested"), "order"),
}


@pytest.mark.parametrize("name", NOES)
def test_a_copy_from_before_a_no_says_that_it_does_not_know(name):
    """What was said since is lost, so every question is denied until somebody has said no again."""
    data, kept = MemoryStorage(), MemoryStorage()
    say, purpose = NOES[name]
    clock = Clock()
    with steward(data, keys_in=kept, clock=clock) as shop:
        ana = enrolled(shop)
        ana.record("order_placed", {"sku": "tea", "amount": "1"}, purpose="order", by="till")
        agree(ana, "recommendations")
        agree(ana, "newsletter")
        backup = clone(data)
        say(ana)
        assert not ana.may(purpose)
    with steward(backup, keys_in=kept, clock=clock, random=Seeded(2)) as shop:
        ana = shop.customer("c-1001")
        for each in POLICY.purposes:
            assert ("customer.restored",) == ana.may(each).codes
            assert not ana.read(each, by="web")
        with pytest.raises(Denied):
            agree(ana, "newsletter")
        for n in range(12):  # however many entries come: they do not stand for what was lost
            ana.withdraw("newsletter", by="customer", key=f"k{n}")
            ana.read(purpose, by="web")
            with pytest.raises(Denied):
                ana.correct({"email": f"new{n}@example.org"}, by="desk")
            with pytest.raises(Denied):
                ana.lift_restriction(by="desk")
            assert ("customer.restored",) == ana.may(purpose).codes
        assert 1 == shop.after_restore(by="ops").withdrawn
        assert not ana.may(purpose)
        assert not ana.may("recommendations")
        assert not ana.may("newsletter", channel="email")
        assert 0 == shop.after_restore(by="ops").withdrawn
        if name == "restrict":
            ana.lift_restriction(by="desk")
        assert ana.may("account")
        agree(ana, "recommendations")
        assert ana.may("recommendations")
        found = shop.ledger.verify()
        assert found, found.explain()


def test_a_copy_from_before_a_correction_does_not_pass_a_wrong_value_as_right():
    """The old address is not used until somebody looked."""
    data, kept = MemoryStorage(), MemoryStorage()
    with steward(data, keys_in=kept) as shop:
        ana = enrolled(shop)
        backup = clone(data)
        ana.correct({"email": "right@example.org"}, by="desk")
    with steward(backup, keys_in=kept, random=Seeded(2)) as shop:
        ana = shop.customer("c-1001")
        assert not ana.read("account", by="web")
        shop.after_restore(by="ops")
        assert not ana.read("account", by="web")  # restricted: accuracy is contested (Art. 18(1)(a))
        ana.lift_restriction(by="desk")
        assert ana.read("account", by="web")


def test_a_copy_that_lost_only_reads_and_a_yes_is_used_as_it_is():
    """No no was lost, so nothing is denied; a lost yes is simply not there."""
    data, kept = MemoryStorage(), MemoryStorage()
    with steward(data, keys_in=kept) as shop:
        ana = enrolled(shop)
        ana.refuse("newsletter", by="customer")
        backup = clone(data)
        ana.read("account", by="web")
        agree(ana, "recommendations")
    with steward(backup, keys_in=kept, random=Seeded(2)) as shop:
        ana = shop.customer("c-1001")
        assert ana.read("account", by="web")
        assert ("consent.missing",) == ana.may("newsletter", channel="email").codes or not ana.may(
            "newsletter"
        )
        assert not ana.may("recommendations")
        assert 0 == shop.after_restore(by="ops").withdrawn


def test_a_copy_from_before_the_customer_knows_nobody():
    """And its reference may be enrolled again."""
    data, kept = MemoryStorage(), MemoryStorage()
    with steward(data, keys_in=kept) as shop:
        enrolled(shop, "c-0")
        backup = clone(data)
        enrolled(shop, "c-1", email="b@example.org").refuse("newsletter", by="customer")
    with steward(backup, keys_in=kept, random=Seeded(2)) as shop:
        assert ("customer.unknown",) == shop.customer("c-1").may("account").codes
        shop.after_restore(by="ops")
        assert shop.customer("c-0").may("account")
        assert enrolled(shop, "c-1", email="b@example.org").may("account")
        found = shop.ledger.verify()
        assert found, found.explain()


# -- kill -9 ---------------------------------------------------------------------------------------


@SPLIT
def test_killed_while_erasing_it_is_resumed(tmp_path, split):
    """Again and again at some moment; each customer is whole, or erased to the last byte."""
    count = 12
    with opened(tmp_path, split=split) as shop:
        for n in range(count):
            ana = shop.enroll(f"c-{n}", {"email": f"p{n}@planted.example"}, purpose="account", by="t")
            ana.record(
                "order_placed",
                {"sku": f"sku-{n}-planted", "amount": "1"},
                purpose="order",
                by="till",
                key="o",
            )
    begun: set[int] = set()
    for round_ in range(5):
        begun |= killed(tmp_path, count, split=split, lines=1 + 2 * round_ % 5)
        with opened(tmp_path, split=split, sources={"shop_db": Till()}) as shop:
            shop.after_restore(by="ops")
            gone = []
            for n in range(count):
                ana = shop.customer(f"c-{n}")
                if ana.may("account"):
                    assert ana.read("order", by="t")["email"] == f"p{n}@planted.example"
                else:
                    gone.append(n)
                    assert ("customer.erased",) == ana.may("account").codes
                    assert ["erasure_begun", "erasure_done"] == [line.kind for line in ana.history()]
            assert set(gone) <= begun
            shop.seal()
            found = shop.ledger.verify()
            assert found, found.explain()
    planted_here = {f"c-{n}": f"p{n}@planted.example".encode() for n in range(count)}
    assert [] == search(tmp_path, planted_here)
    assert begun


def killed(folder: Path, count: int, *, split: bool, lines: int) -> set[int]:
    """Erase in another process, and kill it after so many lines; return whom it had begun with."""
    program = [
        sys.executable,
        teller.__file__,
        "erase",
        str(folder),
        str(count),
        "split" if split else "beside",
    ]
    child = subprocess.Popen(program, stdout=subprocess.PIPE, text=True, env=teller.environment())
    assert child.stdout is not None
    said = []
    for line in child.stdout:
        said.append(line)
        if len(said) >= lines:
            child.kill()
            break
    said += child.stdout.readlines()
    child.stdout.close()
    child.wait()
    return {int(line.split()[1]) for line in said if line.startswith("begin")}
