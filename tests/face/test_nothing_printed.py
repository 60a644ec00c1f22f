"""Whatever the library gives back can be printed, logged and raised without showing anybody's data."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import io
import json
import logging
import pickle
import pprint
import traceback
from typing import Any

import msgspec
import pytest

from clm_ethics import AsyncSteward, ClmError, FieldWithheld, Offer, UsageError
from clm_ethics.storage.memory import MemoryStorage
from clm_ethics.testing.hostile import Fault, HostileStorage
from tests.face.shop import KEYS, POLICY, Clock, Counting, Seeded, Till, agree, steward

REF = "ref-quetzalcoatl-1"
PLANTED = {
    "email": "xolotl@quetzalcoatl.example",
    "city": "Tenochtitlan",
    "sku": "obsidian-mirror",
    "taste": "cacao-and-chili",
    "allergy": "huitlacoche",
    "born": "1987-06-05",
    "zone": "America/Mexico_City",
    "reason": "she-was-overcharged",
    "evidence": "call-of-last-tuesday",
    "ground": "my-own-reasons",
    "key": "cart-77-of-xolotl",
}
SECRETS = (*PLANTED.values(), REF, "1987")


def clean(text: object) -> None:
    """No planted value is in what somebody would see."""
    said = str(text)
    for secret in SECRETS:
        assert secret not in said, f"{secret} in {said[:500]}"


def life(shop: Any) -> dict[str, Any]:
    """Let somebody live through everything, and return everything that was given back."""
    ana = shop.enroll(
        REF,
        {
            "email": PLANTED["email"],
            "region": "DE",
            "zone": PLANTED["zone"],
            "born": PLANTED["born"],
        },
        purpose="account",
        by="signup",
        key=PLANTED["key"],
    )
    things: dict[str, Any] = {"handle": ana, "steward": shop, "policy": shop.policy}
    things["noted"] = ana.record(
        "order_placed",
        {"sku": PLANTED["sku"], "amount": "1", "number": "R1"},
        purpose="order",
        by="till",
        key=PLANTED["key"],
    )
    things["put"] = ana.put({"address": {"city": PLANTED["city"]}}, purpose="order", by="web")
    things["receipt"] = agree(ana, "recommendations", explicit=["allergies"], evidence=PLANTED["evidence"])
    agree(ana, "newsletter")
    ana.put(
        {"tastes": [PLANTED["taste"]], "allergies": [PLANTED["allergy"]]}, purpose="recommendations", by="web"
    )
    ana.put({"email": PLANTED["email"]}, purpose="newsletter", by="web")
    for purpose in shop.policy.purposes:
        things[f"may {purpose}"] = ana.may(purpose)
        things[f"read {purpose}"] = ana.read(purpose, by="web")
    assert PLANTED["city"] == things["read order"]["address"]["city"]
    things["choice"] = ana.choose(
        [Offer("spring", purpose="newsletter", uses={"tastes"})], channel="email", by="c"
    )
    assert PLANTED["email"] == things["choice"].to
    things["found"] = shop.find("email", PLANTED["email"], purpose="account", by="desk")
    things["objected"] = ana.object_to("newsletter", by="customer", ground=PLANTED["ground"])
    things["restricted"] = ana.restrict(by="desk", reason=PLANTED["reason"])
    things["denied"] = ana.read("order", by="web")
    things["no choice"] = ana.choose([Offer("spring", purpose="newsletter")], channel="email", by="c")
    things["lifted"] = ana.lift_restriction(by="desk")
    things["notice"] = shop.notice("account", "newsletter")
    things["sweep"] = shop.sweep()
    things["history"] = ana.history()
    things["checkpoint"] = shop.seal()
    things["proof"] = shop.prove(things["receipt"])
    things["verify"] = shop.ledger.verify()
    things["plan"] = ana.plan_erase()
    book = next(iter(shop._setting.shared.sealers.values()))
    things["sealer"] = book
    things["certificate"] = ana.erase(by="customer")
    things["restored"] = shop.after_restore(by="ops")
    things["gone"] = ana.history()
    return things


@pytest.fixture(scope="module")
def things() -> dict[str, Any]:
    """Everything that a life gave back."""
    return life(steward(sources={"shop_db": Till()}))


def test_no_repr_text_format_or_log_shows_a_value(things):
    """Of a view, decision, choice, handle, receipt, proof, plan, history, notice, steward ..."""
    log = io.StringIO()
    handler = logging.StreamHandler(log)
    logger = logging.getLogger("test")
    logger.addHandler(handler)
    for name, thing in things.items():
        clean(f"{name} {thing} {thing!r} {[thing]} { ({'a': thing}) }")
        clean(pprint.pformat(thing))
        logger.warning("%s %r", thing, thing)
        for explain in ("explain", "to_json", "__str__"):
            if hasattr(thing, explain):
                clean(getattr(thing, explain)())
        for part in ("reasons", "remedies", "withheld", "obligations", "lines", "decision", "partly", "html"):
            if hasattr(thing, part):
                clean(repr(getattr(thing, part)))
    logger.removeHandler(handler)
    clean(log.getvalue())


def test_what_holds_values_is_neither_pickled_nor_made_json(things):
    """A view, a decision and a choice refuse; whatever can be pickled or encoded shows nothing."""
    for thing in things.values():
        for encode in (pickle.dumps, json.dumps, msgspec.json.encode, msgspec.msgpack.encode, copy.deepcopy):
            try:
                said = encode(thing)
            except Exception as error:  # noqa: BLE001  (refusing is fine, showing is not)
                clean(error)
                continue
            if isinstance(said, bytes):
                clean(said.decode("latin-1"))
            elif encode is not copy.deepcopy:
                clean(said)
    for name in ("read order", "denied", "may order"):
        with pytest.raises(UsageError):
            pickle.dumps(things[name])
        with pytest.raises(TypeError):
            json.dumps(things[name])
    with pytest.raises((UsageError, TypeError)):
        pickle.dumps(things["choice"])


def test_a_value_leaves_a_view_only_when_it_is_asked_for(things):
    """By item, by ``get``, or all by ``reveal``; a view is no mapping."""
    view = things["read order"]
    assert PLANTED["email"] == view["email"] == view.get("email") == view.reveal()["email"]
    assert "email" in view
    assert "points" not in view
    for wrong in ("points", "shoe", "tastes"):
        with pytest.raises(FieldWithheld) as caught:
            view[wrong]
        assert isinstance(caught.value, KeyError)
        assert caught.value.code.startswith("field.")
        assert view.get(wrong) is None
    for unpack in (lambda: dict(view), lambda: {**view}, lambda: list(view), lambda: len(view)):
        with pytest.raises((TypeError, FieldWithheld)):
            unpack()
    with pytest.raises(TypeError):
        view["purchases"][0]["sku"] = "changed"
    assert view["purchases"][0]["at"].tzinfo is not None


def test_no_error_shows_a_value():
    """Not in its text, nor in its traceback, nor in what it was raised from."""
    hostile = HostileStorage(MemoryStorage())
    hostile.enabled = False
    errors: list[BaseException] = []
    with steward(hostile, sources={"shop_db": Till(broken=True)}) as shop:
        ana = shop.enroll(
            REF, {"email": PLANTED["email"], "born": PLANTED["born"]}, purpose="account", by="signup"
        )
        wrong = [
            lambda: ana.put({"born": PLANTED["city"]}, purpose="account", by="w"),
            lambda: ana.put({"zone": PLANTED["city"] + "!"}, purpose="account", by="w"),
            lambda: ana.put({"points": PLANTED["city"]}, purpose="account", by="w"),
            lambda: ana.put({"address": PLANTED["city"]}, purpose="order", by="w"),
            lambda: ana.put({"address": {"x": object(), "y": PLANTED["city"]}}, purpose="order", by="w"),
            lambda: ana.put({"allergies": [PLANTED["allergy"]]}, purpose="recommendations", by="w"),
            lambda: ana.record(
                "order_placed", {"sku": {PLANTED["sku"]}, "amount": 1}, purpose="order", by="w"
            ),
            lambda: ana.grant("newsletter", shown=PLANTED["email"], by="w"),
            lambda: ana.restrict(by="w", reason=PLANTED["reason"] * 100),
            lambda: ana.refuse("newsletter", by="w", key=PLANTED["key"] * 100),
            lambda: ana.read("account", by="w")["email "],
            lambda: ana.read("newsletter", by="w").require(),
            lambda: ana.read("newsletter", by="w")["email"],
            lambda: shop.enroll(REF, {}, purpose="account", by="w"),
            lambda: shop.customer(REF + "x").refuse("newsletter", by="w"),
            lambda: shop.customer(REF * 99),
            lambda: shop.find("region", PLANTED["email"], purpose="account", by="w"),
            lambda: shop.find("email", "\ud800" + PLANTED["email"], purpose="account", by="w"),
        ]
        for call in wrong:
            with pytest.raises(ClmError) as caught:
                call()
            errors.append(caught.value)
        for fault in Fault:
            hostile._fault, hostile._fail_at, hostile._forever = fault, hostile.calls + 1, True
            hostile.enabled = True
            with contextlib.suppress(ClmError):
                try:
                    ana.put({"email": PLANTED["email"]}, purpose="account", by="w")
                except ClmError as error:
                    errors.append(error)
                    raise
            hostile.enabled = False
    assert len(errors) > len(wrong)
    for error in errors:
        clean(f"{error} {error!r} {error.args}")
        shown = "".join(traceback.format_exception(error))
        for line in shown.splitlines():
            if "tests/face" not in line and not line.startswith(
                "    "
            ):  # source lines of this test name them
                clean(line)
        clean(repr(vars(error)))


def test_a_source_that_fails_shows_nothing_of_its_error():
    """The host's own exception may quote the customer: its type is all that is told."""

    class Rude(Till):
        def fetch(self, ref: str, fields: Any, /) -> Any:
            raise ValueError(f"no points for {ref} {PLANTED['email']}")

    with steward(sources={"shop_db": Rude()}) as shop:
        ana = shop.enroll(REF, {"email": PLANTED["email"]}, purpose="account", by="signup")
        with pytest.raises(ClmError) as caught:
            ana.read("account", by="web")
        clean(f"{caught.value} {caught.value!r} {caught.value.__cause__!r}")
        assert caught.value.__suppress_context__


def test_nothing_is_printed_and_nothing_is_logged(capfd, caplog):
    """The library itself is silent."""
    with caplog.at_level(0):
        life(steward(sources={"shop_db": Till()}))
    out, err = capfd.readouterr()
    assert "" == out + err
    clean(caplog.text)


def test_nothing_that_is_stored_shows_a_value():
    """Heads, entries, marks: not in clear, before any erasure."""
    storage, keys = Counting(), Counting()
    life(steward(storage, keys_in=keys, sources={"shop_db": Till()}))
    said = b""
    for place in (storage.inner, keys.inner):
        for stream, head in place._heads.items():
            said += stream + repr(head).encode() + (head.state or b"") + (head.values or b"")
        for stream, entries in place._entries.items():
            said += stream + b"".join(entry.body or b"" for entry in entries)
    assert len(said) > 5000
    clean(said.decode("latin-1"))


def test_the_awaiting_face_shows_no_more():
    """The same things, awaited."""

    async def story() -> list[Any]:
        clock = Clock()
        async with AsyncSteward.memory(POLICY, clock=clock, random=Seeded(5)) as shop:
            ana = await shop.enroll(REF, {"email": PLANTED["email"]}, purpose="account", by="signup")
            pending = ana.read("account", by="web")
            shown = [repr(pending), str(pending), f"{pending}"]
            view = await pending
            assert PLANTED["email"] == view["email"]
            return [shop, ana, *shown, view, await ana.history(), await ana.erase(by="customer")]

    for thing in asyncio.run(story()):
        clean(f"{thing} {thing!r}")
    assert KEYS.current() in repr(KEYS)
