"""Wrong calls: each gets a named error with place and remedy, nothing is written, and shows nobody's data."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from clm_ethics import (
    ClmError,
    Denied,
    FileKeys,
    KeyReused,
    Offer,
    Steward,
    UnknownCustomer,
    UnknownName,
    UsageError,
    ValueRefused,
)
from clm_ethics.errors import Closed, KeysMissing, KeysRefused, StorageCorrupt, VaultError
from clm_ethics.storage.memory import MemoryStorage
from tests.face.shop import (
    EMAIL,
    KEYS,
    POLICY,
    START,
    Clock,
    Counting,
    Seeded,
    agree,
    enrolled,
    heads,
    kinds,
    steward,
)

SURROGATE = "a\ud800b"
SECRET = "quetzalcoatl"  # planted in every wrong value: it is never to be seen in an error
OFFER = Offer("spring", purpose="newsletter")


def deep(levels: int) -> Any:
    """Return lists in lists."""
    return [SECRET] if levels == 0 else [deep(levels - 1)]


def fails(call: Any, kind: type[BaseException] = UsageError) -> ClmError:
    """Call, and return the error, which says where and what to do, and shows no value."""
    with pytest.raises(kind) as caught:
        call()
    error = caught.value
    assert isinstance(error, ClmError), repr(error)
    assert error.place or error.remedy, repr(error)
    assert SECRET not in f"{error} {error!r} {error.__cause__!r} {error.__context__!r}"
    return error


WRONG_CALLS = {
    "put: unknown purpose": lambda c: c.put({"email": EMAIL}, purpose="x", by="t"),
    "put: unknown field": lambda c: c.put({"shoe": SECRET}, purpose="account", by="t"),
    "put: no mapping": lambda c: c.put([SECRET], purpose="account", by="t"),
    "put: a field that is no text": lambda c: c.put({5: SECRET}, purpose="account", by="t"),
    "put: the host keeps it": lambda c: c.put({"points": 5}, purpose="account", by="t"),
    "put: ref": lambda c: c.put({"ref": SECRET}, purpose="account", by="t"),
    "put: stage": lambda c: c.put({"stage": SECRET}, purpose="account", by="t"),
    "put: a purpose that is no text": lambda c: c.put({}, purpose=[SECRET], by="t"),
    "put: no purpose": lambda c: c.put({}, purpose=None, by="t"),
    "put: a notice of nobody's": lambda c: c.put({"email": EMAIL}, purpose="account", by="t", shown="x"),
    "put: a notice that is no text": lambda c: c.put({"email": EMAIL}, purpose="account", by="t", shown=5),
    "put: without by": lambda c: c.put({"email": EMAIL}, purpose="account"),
    "put: by nothing": lambda c: c.put({"email": EMAIL}, purpose="account", by=""),
    "put: by a number": lambda c: c.put({"email": EMAIL}, purpose="account", by=5),
    "put: by too much": lambda c: c.put({"email": EMAIL}, purpose="account", by="x" * 600),
    "put: by no Unicode": lambda c: c.put({"email": EMAIL}, purpose="account", by=SURROGATE),
    "put: a key that is no text": lambda c: c.put({"email": EMAIL}, purpose="account", by="t", key=5),
    "put: a key of nothing": lambda c: c.put({"email": EMAIL}, purpose="account", by="t", key=""),
    "put: a key too long": lambda c: c.put({"email": EMAIL}, purpose="account", by="t", key="k" * 600),
    "put: a key of no Unicode": lambda c: c.put({"email": EMAIL}, purpose="account", by="t", key=SURROGATE),
    "put: naive at": lambda c: c.put({"email": EMAIL}, purpose="account", by="t", at=datetime(2026, 1, 1)),  # noqa: DTZ001
    "put: at is a date": lambda c: c.put({"email": EMAIL}, purpose="account", by="t", at=date(2026, 1, 1)),
    "put: at is text": lambda c: c.put({"email": EMAIL}, purpose="account", by="t", at="2026-01-01"),
    "put: at to come": lambda c: c.put(
        {"email": EMAIL}, purpose="account", by="t", at=START + timedelta(days=1)
    ),
    "put: at before time": lambda c: c.put(
        {"email": EMAIL}, purpose="account", by="t", at=datetime(1, 1, 1, tzinfo=UTC)
    ),
    "put: at before time, in the west": lambda c: c.put(
        {"email": EMAIL}, purpose="account", by="t", at=datetime.min.replace(tzinfo=UTC)
    ),
    "record: unknown event": lambda c: c.record("order", {}, purpose="order", by="t"),
    "record: event is no text": lambda c: c.record(None, {}, purpose="order", by="t"),
    "record: unknown key": lambda c: c.record("order_placed", {"x": SECRET}, purpose="order", by="t"),
    "record: no mapping": lambda c: c.record("order_placed", SECRET, purpose="order", by="t"),
    "record: a set": lambda c: c.record(
        "order_placed", {"sku": {SECRET}, "amount": 1}, purpose="order", by="t"
    ),
    "record: no number": lambda c: c.record(
        "order_placed", {"sku": SECRET, "amount": math.nan}, purpose="order", by="t"
    ),
    "record: no Unicode": lambda c: c.record(
        "order_placed", {"sku": SURROGATE, "amount": 1}, purpose="order", by="t", key="k"
    ),
    "record: a secret key": lambda c: c.record("order_placed", {5: SECRET}, purpose="order", by="t"),
    "correct: nothing there": lambda c: c.correct({"phone": "+49 30 5551234"}, by="t"),
    "correct: unknown field": lambda c: c.correct({"shoe": SECRET}, by="t"),
    "grant: unknown purpose": lambda c: c.grant("x", shown="y", by="t"),
    "grant: no notice": lambda c: c.grant("newsletter", shown=None, by="t"),
    "grant: a purpose without consent": lambda c: c.grant("account", shown=shown(c, "account"), by="t"),
    "grant: another notice": lambda c: c.grant("newsletter", shown=shown(c, "recommendations"), by="t"),
    "grant: by nobody": lambda c: c.grant("newsletter", shown=shown(c), by="t", given_by="dog"),
    "grant: explicit text": lambda c: c.grant("newsletter", shown=shown(c), by="t", explicit=SECRET),
    "grant: explicit no names": lambda c: c.grant("newsletter", shown=shown(c), by="t", explicit=[5]),
    "grant: explicit nothing": lambda c: c.grant("newsletter", shown=shown(c), by="t", explicit=None),
    "grant: channels": lambda c: c.grant("newsletter", shown=shown(c), by="t", channels=["pigeon"]),
    "grant: a channel it has not": lambda c: c.grant("newsletter", shown=shown(c), by="t", channels=["web"]),
    "grant: channels is a number": lambda c: c.grant("newsletter", shown=shown(c), by="t", channels=5),
    "grant: evidence too long": lambda c: c.grant(
        "newsletter", shown=shown(c), by="t", evidence=SECRET * 6000
    ),
    "grant: evidence no Unicode": lambda c: c.grant("newsletter", shown=shown(c), by="t", evidence=SURROGATE),
    "refuse: unknown purpose": lambda c: c.refuse("x", by="t"),
    "withdraw: unknown purpose": lambda c: c.withdraw("x", by="t"),
    "withdraw: no text": lambda c: c.withdraw(5, by="t"),
    "object_to: a ground too long": lambda c: c.object_to("newsletter", by="t", ground=SECRET * 6000),
    "object_to: a ground that is no text": lambda c: c.object_to("newsletter", by="t", ground=5),
    "restrict: no reason": lambda c: c.restrict(by="t", reason=""),
    "restrict: a reason too long": lambda c: c.restrict(by="t", reason=SECRET * 500),
    "restrict: a reason of no Unicode": lambda c: c.restrict(by="t", reason=SURROGATE),
    "may: unknown purpose": lambda c: c.may("newsleter"),
    "may: no text": lambda c: c.may(None),
    "may: a list": lambda c: c.may(["account"]),
    "may: unknown field": lambda c: c.may("account", fields=["shoe"]),
    "may: fields as one text": lambda c: c.may("account", fields="email"),
    "may: fields is a number": lambda c: c.may("account", fields=5),
    "may: fields are lists": lambda c: c.may("account", fields=[["email"]]),
    "may: unknown channel": lambda c: c.may("newsletter", channel="pigeon"),
    "may: a channel that is no text": lambda c: c.may("newsletter", channel=5),
    "may: naive at": lambda c: c.may("account", at=datetime(2026, 1, 1)),  # noqa: DTZ001
    "may: at is text": lambda c: c.may("account", at="now"),
    "read: unknown purpose": lambda c: c.read("x", by="t"),
    "read: unknown field": lambda c: c.read("account", by="t", fields=["shoe"]),
    "read: without by": lambda c: c.read("account"),
    "read: by no Unicode": lambda c: c.read("account", by=SURROGATE),
    "choose: no offers": lambda c: c.choose(None, channel="email", by="t"),
    "choose: one offer": lambda c: c.choose(OFFER, channel="email", by="t"),
    "choose: names": lambda c: c.choose(["spring"], channel="email", by="t"),
    "choose: unknown channel": lambda c: c.choose([OFFER], channel="pigeon", by="t"),
    "choose: unknown purpose": lambda c: c.choose([Offer("x", purpose="y")], channel="email", by="t"),
    "choose: unknown field": lambda c: c.choose(
        [Offer("x", purpose="newsletter", uses={"shoe"})], channel="email", by="t"
    ),
    "choose: two of one name": lambda c: c.choose([OFFER, OFFER], channel="email", by="t"),
    "history: limit": lambda c: c.history(limit="all"),
    "history: no limit": lambda c: c.history(limit=0),
    "history: after": lambda c: c.history(after=-5),
    "history: after text": lambda c: c.history(after="x"),
    "erase: without by": lambda c: c.erase(),
    "erase: by no Unicode": lambda c: c.erase(by=SURROGATE),
}


def shown(customer: Any, purpose: str = "newsletter") -> str:
    """Return the id of the current notice."""
    return str(customer._steward.notice(purpose).id)


@pytest.mark.parametrize("name", WRONG_CALLS)
def test_a_wrong_call_is_a_named_error_and_writes_nothing(name):
    """Whatever is wrong with it."""
    storage = Counting()
    with steward(storage) as shop:
        ana = enrolled(shop)
        before = heads(storage)
        fails(lambda: WRONG_CALLS[name](ana))
        assert before == heads(storage)
        assert ana.may("account")


VALUES: dict[str, tuple[Any, ...]] = {
    "email": (5, b"x", "", SURROGATE, "x" * 20_000, None, ["a"], 1.5, " ", "\n"),
    "address": (
        [SECRET],
        SECRET,
        {1: SECRET},
        {"x": object()},
        {"x": math.nan},
        {"x": math.inf},
        {"x": 2**60},
        {"x": SURROGATE},
        {SURROGATE: 1},
        {"x": "y" * 20_000},
        {"x": deep(9)},
        {"x": {SECRET}},
        {"x": b"y"},
        {"x": Decimal(1)},
        {"x": datetime(2026, 1, 1)},  # noqa: DTZ001
    ),
    "region": ("ZZ", "", 5, "de_DE", SECRET, SURROGATE, None),
    "zone": ("", 5, "../etc/passwd", "x" * 99, SURROGATE),
    "locale": ("", 5, "english!", SURROGATE),
    "born": ("1700-01-01", "2999-01-01", "x", 5, datetime(2000, 1, 1), SURROGATE),  # noqa: DTZ001
    "kind": ("robot", "", 5, [SECRET], {}),
}


@pytest.mark.parametrize(("field", "value"), [(name, value) for name in VALUES for value in VALUES[name]])
def test_a_malformed_value_is_refused_by_its_field_and_not_shown(field, value):
    """Wrong type, huge, no number, no text, too deep: the error names the field, never the value."""
    with steward() as shop:
        ana = enrolled(shop)
        error = fails(lambda: ana.put({field: value}, purpose="order", by="t"), ValueRefused)
        assert field in error.place or "look-up" in error.what
        for verb in ("enroll", "correct"):
            more = {"by": "t", "key": "k"} | ({"purpose": "order"} if verb == "enroll" else {})
            start = shop.enroll if verb == "enroll" else ana.correct
            arguments = ("c-2", {field: value}) if verb == "enroll" else ({field: value},)
            fails(lambda start=start, arguments=arguments, more=more: start(*arguments, **more), ValueRefused)
        assert 1 == kinds(ana).total()


def test_a_list_over_its_maximum_is_refused():
    """Before anything is sealed."""
    with steward() as shop:
        ana = enrolled(shop)
        agree(ana, "recommendations")
        ana.record("order_placed", {"sku": "tea", "amount": 1}, purpose="order", by="till")
        for value in ([SECRET] * 21, "text", {"a": 1}, 5, [object()], [math.nan], [deep(9)], ["x" * 20_000]):
            fails(
                lambda value=value: ana.put({"tastes": value}, purpose="recommendations", by="t"),
                ValueRefused,
            )
        ana.put({"tastes": ["x"] * 20}, purpose="recommendations", by="t")


def test_a_list_that_a_law_needs_refuses_instead_of_dropping():
    """The five-hundred-and-first invoice is an error that says so, and the event is not recorded."""
    from clm_ethics import Policy
    from tests.face.shop import document

    with steward(policy=Policy.of(document(fields__invoices__max=3, fields__purchases__max=2))) as shop:
        ana = enrolled(shop)
        for n in range(3):
            ana.record(
                "order_placed", {"sku": "t", "amount": 1, "number": f"R{n}"}, purpose="order", by="till"
            )
        told = {"sku": SECRET, "amount": 1, "number": "R3"}
        fails(lambda: ana.record("order_placed", told, purpose="order", by="till"), ValueRefused)
        view = ana.read("order", by="t")
        assert ["R0", "R1", "R2"] == [each["number"] for each in view["invoices"]]
        assert 2 == len(view["purchases"])  # this one is bounded, and drops its oldest


@pytest.mark.parametrize("ref", ["", "  ", None, 5, "x" * 513, SURROGATE, b"c-1", ["c-1"]])
def test_a_reference_is_a_short_text(ref):
    """Anything else is refused before it is looked up."""
    with steward() as shop:
        fails(lambda: shop.customer(ref))
        fails(lambda: shop.enroll(ref, {}, purpose="account", by="t"))


def test_a_command_about_nobody_raises_and_a_question_answers():
    """Commands raise ``UnknownCustomer``; questions give a falsy answer that says why."""
    with steward() as shop:
        nobody = shop.customer("nobody")
        commands = [
            lambda: nobody.put({"email": EMAIL}, purpose="account", by="t"),
            lambda: nobody.record("order_placed", {}, purpose="order", by="t"),
            lambda: nobody.correct({"email": EMAIL}, by="t"),
            lambda: nobody.grant("newsletter", shown=shown(nobody), by="t"),
            lambda: nobody.refuse("newsletter", by="t"),
            lambda: nobody.withdraw("newsletter", by="t"),
            lambda: nobody.object_to("newsletter", by="t"),
            lambda: nobody.restrict(by="t", reason="x"),
            lambda: nobody.lift_restriction(by="t"),
            lambda: nobody.erase(by="t"),
        ]
        for command in commands:
            fails(command, UnknownCustomer)
        assert ("customer.unknown",) == nobody.may("account").codes
        assert not nobody.read("account", by="t")
        assert not nobody.choose([OFFER], channel="email", by="t")
        assert 0 == len(nobody.history())
        assert not nobody.plan_erase()
        assert () == shop.find("email", EMAIL, purpose="account", by="t")


def test_the_nearest_name_is_offered():
    """A typing error is answered with what was meant."""
    with steward() as shop:
        error = fails(lambda: shop.customer("c").may("newsleter"), UnknownName)
        assert "newsletter" in error.remedy


def test_find_is_asked_with_a_look_up_field_and_text():
    """Anything else is a usage error, not an empty answer."""
    with steward() as shop:
        for field, value in (
            ("address", "x"),
            ("shoe", "x"),
            ("ref", "c-1"),
            ("email", 5),
            ("email", ""),
            ("email", SURROGATE),
            (None, "x"),
            ("region", "DE"),
        ):
            fails(lambda field=field, value=value: shop.find(field, value, purpose="account", by="t"))
        fails(lambda: shop.find("email", EMAIL, purpose="x", by="t"))


def test_notice_and_prove_and_after_restore_check_what_they_are_given():
    """Like every verb."""
    from clm_ethics.errors import LedgerError

    with steward() as shop:
        for call in (
            lambda: shop.notice("x"),
            shop.notice,
            lambda: shop.notice("account", locale="xx-XX"),
            lambda: shop.notice(5),
        ):
            fails(call)
        ana = enrolled(shop)
        receipt = ana.refuse("newsletter", by="t")
        fails(lambda: shop.prove(receipt), LedgerError)  # not sealed yet
        fails(lambda: shop.prove(None))
        fails(lambda: shop.prove("receipt"))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("audit", "off"),
        ("audit", None),
        ("tenant", ""),
        ("tenant", "x" * 99),
        ("tenant", 5),
        ("tenant", SURROGATE),
        ("sources", {"nobody": object()}),
        ("policy", "policy.toml"),
        ("policy", None),
        ("clock", datetime.utcnow),
        ("clock", lambda: "now"),
    ],
)
def test_a_steward_is_opened_with_what_it_can_use(name, value):
    """Wrong arguments are told when it is opened, not when it is used."""
    fails(lambda: steward(**{name: value}))


@pytest.mark.parametrize("url", ["", "crm.db", "mysql://x", "sqlite:", "memory:x", "sqlite:///"])
def test_a_url_that_names_no_storage_is_refused(url, tmp_path, monkeypatch):
    """With the schemes that there are."""
    monkeypatch.chdir(tmp_path)
    fails(lambda: Steward.open(url, policy=POLICY, keys=KEYS), ClmError)


# -- keys and files --------------------------------------------------------------------------------


def test_keys_that_others_may_read_are_refused(tmp_path):
    """At once, and again whenever they are used."""
    keys = FileKeys(tmp_path / "keys")
    storage = MemoryStorage()
    steward(storage, keys=keys).close()
    (tmp_path / "keys").chmod(0o755)
    fails(lambda: steward(storage, keys=keys), KeysRefused)
    (tmp_path / "keys").chmod(0o700)
    (tmp_path / "keys" / "wrapping.key").chmod(0o644)
    fails(lambda: steward(storage, keys=keys), KeysRefused)
    (tmp_path / "keys" / "wrapping.key").chmod(0o600)
    steward(storage, keys=keys).close()
    (tmp_path / "keys" / "wrapping.key").write_text("clm_ethics-key-1:nonsense\n")
    fails(lambda: steward(storage, keys=keys), KeysRefused)


def test_other_keys_do_not_open_what_is_there(tmp_path):
    """Nor are new ones made over data whose keys were lost."""
    storage = MemoryStorage()
    steward(storage, keys=FileKeys(tmp_path / "one")).close()
    steward(MemoryStorage(), keys=FileKeys(tmp_path / "two")).close()
    fails(lambda: steward(storage, keys=FileKeys(tmp_path / "two")), VaultError)
    fails(lambda: steward(storage, keys=FileKeys(tmp_path / "none")), KeysMissing)
    assert not (tmp_path / "none").exists()


def test_data_whose_keys_lie_elsewhere_is_not_opened_without_them(tmp_path):
    """A second storage of keys that is empty, or none at all, is not the one."""
    data, kept = MemoryStorage(), MemoryStorage()
    steward(data, keys_in=kept).close()
    fails(lambda: steward(data, keys_in=MemoryStorage()), KeysMissing)
    fails(lambda: steward(data), VaultError)
    steward(data, keys_in=kept).close()


def test_a_file_that_is_cut_or_altered_is_named_so(tmp_path):
    """Nothing opens what is no database, and ``verify`` names what was altered in one."""
    path = tmp_path / "crm.db"

    def shop() -> Steward:
        return Steward.open(f"sqlite:///{path}", policy=POLICY, keys=FileKeys(tmp_path / "keys"))

    with shop() as opened:
        for n in range(30):
            opened.enroll(f"c-{n}", {"region": "DE"}, purpose="account", by="t")
        opened.seal()
    whole = path.read_bytes()
    path.write_bytes(whole[:5000])
    fails(lambda: shop().customer("c-1").may("account"), StorageCorrupt)
    path.write_bytes(b"no database" * 500)
    fails(shop, StorageCorrupt)
    path.write_bytes(whole)
    with shop() as opened:
        assert opened.ledger.verify()


# -- closing, copies, forks ------------------------------------------------------------------------


def test_a_closed_steward_says_so():
    """Every verb of it and of its handles; closing twice is fine."""
    shop = steward()
    ana = enrolled(shop)
    shop.close()
    shop.close()
    for call in (
        lambda: ana.may("account"),
        lambda: ana.refuse("newsletter", by="t"),
        shop.seal,
        shop.ledger.verify,
        lambda: shop.enroll("c-2", {}, purpose="account", by="t"),
    ):
        fails(call, Closed)


def test_a_storage_that_the_host_opened_is_left_open():
    """Who opened it closes it."""

    class Closing(MemoryStorage):
        closed = 0

        def close(self) -> None:
            self.closed += 1

    storage = Closing()
    with steward(storage) as shop:
        with shop.acting("desk") as copy:
            copy.enroll("c-1", {}, purpose="account")
        assert shop.customer("c-1").may("account")  # closing a copy closes nothing
    assert 0 == storage.closed


def test_acting_is_the_default_actor_and_by_overrides_it():
    """A copy shares everything with the steward it was copied from."""
    with steward() as shop:
        desk = shop.acting("desk")
        ana = desk.enroll("c-1", {}, purpose="account")
        ana.refuse("newsletter")
        ana.refuse("recommendations", by="customer")
        assert ["desk", "desk", "customer"] == [line.by for line in ana.history()]
        for by in ("", None, 5, SURROGATE, "x" * 600):
            fails(lambda by=by: shop.acting(by))


# -- properties ------------------------------------------------------------------------------------

anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.binary(max_size=20)
    | st.datetimes()
    | st.dates(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text() | st.integers(), inner, max_size=4),
    max_leaves=10,
)


class _Shops:
    """One steward for all examples of a property: they differ by the customer."""

    def __init__(self) -> None:
        self.shop = steward(random=Seeded("properties"), clock=Clock())
        self.count = 0

    def ana(self) -> Any:
        self.count += 1
        return enrolled(self.shop, f"p-{self.count}", email=f"p{self.count}@example.org")


SHOPS = _Shops()


@settings(max_examples=150)
@given(field=st.sampled_from([*POLICY.fields, "region", "zone", "born", "shoe"]), value=anything)
@example(field="tastes", value=["", 0, None, [], {}])
@example(field="email", value="0")
@example(field="born", value=datetime(2000, 1, 1))  # noqa: DTZ001
def test_any_value_is_stored_as_it_is_or_refused(field, value):
    """What a read gives back equals what was put; everything else is a ``UsageError`` or ``Denied``."""
    ana = SHOPS.ana()
    agree(ana, "recommendations", explicit=["allergies"])
    purpose = next(
        (p for p in ("account", "order", "recommendations") if field in POLICY.purposes[p].fields),
        "order",
    )
    try:
        ana.put({field: value}, purpose=purpose, by="t", key="k")
    except (UsageError, Denied):
        assert {"enrolled": 1, "granted": 1} == dict(kinds(ana))
        return
    again = ana.put({field: value}, purpose=purpose, by="t", key="k")
    assert again.repeated
    view = ana.read(purpose, by="t", fields=[field])
    if field == "email":
        assert value == view[field]


@settings(max_examples=100)
@given(text=st.text(alphabet=st.characters(exclude_categories=())))
def test_any_text_as_reference_actor_and_key_works_or_is_refused(text):
    """Whatever Unicode it is made of, lone surrogates included."""
    shop = SHOPS.shop
    try:
        ana = shop.customer(text)
        ana.may("account")
        assert text == ana.ref
    except UsageError:
        pass
    ana = SHOPS.ana()
    try:
        ana.refuse("newsletter", by=text, key=text)
    except UsageError:
        assert 1 == kinds(ana).total()
    else:
        ana.refuse("newsletter", by=text, key=text)
        assert [text] == [line.by for line in ana.history() if line.kind == "refused"]


def test_a_key_used_for_something_else_is_refused_by_every_verb():
    """The same key with other content is a ``KeyReused``; nothing is written, nothing shown."""
    with steward() as shop:
        ana = enrolled(shop)
        agree(ana, "recommendations")
        pairs = [
            lambda n: ana.put({"email": f"{SECRET}{n}@x.example"}, purpose="account", by="t", key="k"),
            lambda n: ana.record(
                "order_placed", {"sku": f"{SECRET}{n}", "amount": n}, purpose="order", by="t", key="k"
            ),
            lambda n: ana.correct({"email": f"{SECRET}{n}@y.example"}, by="t", key="k"),
            lambda n: ana.grant("newsletter", shown=shown(ana), by="t", key="k", evidence=f"{SECRET} {n}"),
            lambda n: ana.refuse(("newsletter", "recommendations")[n], by="t", key="k"),
            lambda n: ana.withdraw(("newsletter", "recommendations")[n], by="t", key="k"),
            lambda n: ana.object_to(("newsletter", "recommendations")[n], by="t", key="k"),
            lambda n: ana.restrict(by="t", reason=f"{SECRET} {n}", key="k"),
        ]
        for tell in pairs:
            tell(0)
            before = kinds(ana).total()
            fails(lambda tell=tell: tell(1), KeyReused)
            tell(0)
            assert before == kinds(ana).total()
            if tell is pairs[-1]:
                break
