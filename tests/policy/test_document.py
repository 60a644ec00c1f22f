"""Policy documents: what loads, what is refused and where, and what the hash depends on."""

from __future__ import annotations

import re
import tomllib
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from clm_ethics.errors import PolicyError
from clm_ethics.model.times import Duration
from clm_ethics.policy.document import LARGEST, read_file, read_mapping, read_text
from clm_ethics.policy.values import Basis, Cap, Declared, Keep, Move, Quiet

EXAMPLE_FILE = Path(__file__).with_name("shop.toml")
EXAMPLE = EXAMPLE_FILE.read_text("utf-8")
DOCS = Path(__file__).parents[2] / "docs" / "examples" / "policy.toml"
NAME = "policy.toml"
SMALL: dict[str, Any] = {
    "format": 1,
    "controller": {"name": "Example Shop", "contact": "privacy@example.org", "established": ["DE"]},
    "purposes": {"account": {"title": {"en": "Run it"}, "processing": ["essential"], "basis": "contract"}},
}


def small(**changes: Any) -> dict[str, Any]:
    """Return the smallest policy with some sections changed."""
    return {**SMALL, **changes}


def purpose(**changes: Any) -> dict[str, Any]:
    """Return the smallest policy, its purpose changed."""
    return small(purposes={"account": {**SMALL["purposes"]["account"], **changes}})


# --- what is declared ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def shop() -> Declared:
    """Return the example policy."""
    return read_file(EXAMPLE_FILE)


def test_the_example_declares_what_it_says(shop: Declared) -> None:
    """The sections of the example arrive with their names, in their order."""
    assert list(shop.purposes) == ["account", "order", "invoicing", "recommendations", "newsletter"]
    assert list(shop.events) == ["order_placed", "order_delivered", "account_closed", "complaint"]
    assert list(shop.channels) == ["email", "sms", "web"]
    assert shop.audit_keep == Duration(months=36)
    assert shop.controller.markets == ("DE", "AT", "FR", "US-CA")
    assert shop.controller.locales == ("en", "de")


def test_the_example_of_the_documentation_loads() -> None:
    """The policy that the documentation starts from is one, and names its file in errors."""
    declared = read_file(DOCS)

    assert {"account", "recommendations", "newsletter"} <= declared.purposes.keys()


def test_purposes_of_the_example(shop: Declared) -> None:
    """A purpose has its bases by region, its precision, its retention and its expiry."""
    newsletter, advice = shop.purposes["newsletter"], shop.purposes["recommendations"]

    assert newsletter.basis == (Basis.CONSENT, Basis.SOFT_OPT_IN)
    assert newsletter.basis_under == {"US": (Basis.OPT_OUT,)}
    assert newsletter.keep == Keep(Duration(seconds=30 * 86400), "withdrawal")
    assert advice.basis == (Basis.CONSENT,)
    assert advice.coarse == {"born": "year"}
    assert advice.consent_expires == Duration(months=13)
    assert shop.purposes["invoicing"].law == "DE AO s. 147"


def test_events_channels_and_moves_of_the_example(shop: Declared) -> None:
    """Appends, mutes, caps, quiet hours and timed moves are typed values."""
    assert shop.events["order_placed"].appends["invoices"] == ("number", "amount")
    assert shop.events["complaint"].mutes == {"direct_marketing": Duration(seconds=14 * 86400)}
    assert shop.channels["sms"].quiet == Quiet(start=20 * 60, end=9 * 60)
    assert shop.channels["email"].caps[1] == Cap(3, Duration(seconds=7 * 86400))
    assert ["email_marketing", "sms_marketing", "web_marketing"] == [c.row for c in shop.channels.values()]
    assert shop.lifecycle.moves[1] == Move(
        sources=("customer", "won_back"),
        to="at_risk",
        after=Duration(seconds=90 * 86400),
        without="order_placed",
    )


def test_special_by_category_and_by_descent() -> None:
    """A field is special by its category, and so is whatever is derived from it, however far."""
    fields = {
        "mood": {"type": "number", "category": "user.behavior", "derived_from": ["score", "visits"]},
        "score": {"type": "number", "category": "user.behavior", "derived_from": ["allergy"]},
        "allergy": {"type": "text", "category": "user.health_and_medical"},
        "genes": {"type": "text", "category": "user.health.genetic"},
        "visits": {"type": "integer", "category": "user.behavior"},
    }
    declared = read_mapping(small(fields=fields))

    assert {"mood", "score", "allergy", "genes"} == {f.name for f in declared.fields.values() if f.special}


def test_defaults() -> None:
    """What a small policy leaves out is the careful or the empty choice."""
    declared = read_mapping(SMALL)

    assert declared.audit_keep == Duration(months=36)
    assert declared.controller.audience == "general"
    assert declared.purposes["account"].sale is False
    assert declared.purposes["account"].keep is None
    assert declared.lifecycle.stages == frozenset()


def test_all_other_keys_of_a_purpose() -> None:
    """The keys that the example only names are read too."""
    declared = read_mapping(
        purpose(
            basis=["legitimate_interest"],
            assessment="LIA 7",
            sale=True,
            device=True,
            confidential={"law": "GwG s. 47", "until": "P1Y"},
            actors=["checkout"],
            shared_with=["Parcel Ltd"],
        )
    ).purposes["account"]

    assert (declared.sale, declared.device) == (True, True)
    assert declared.confidential == ("GwG s. 47", "P1Y")
    assert (declared.actors, declared.shared_with) == (("checkout",), ("Parcel Ltd",))


def test_a_channel_with_another_name_tells_its_kind() -> None:
    """``kind`` names the law's row where the channel's name does not."""
    declared = read_mapping(small(channels={"weekly": {"kind": "email"}, "shop": {"kind": "web"}}))

    assert ["email_marketing", "web_marketing"] == [each.row for each in declared.channels.values()]


def test_a_basis_may_be_named_for_one_pack() -> None:
    """``basis_under`` takes the id of a regime pack as well as a region."""
    declared = read_mapping(purpose(basis_under={"us-ca": ["consent"]}))

    assert declared.purposes["account"].basis_under == {"us-ca": (Basis.CONSENT,)}


# --- files and syntax -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("format = 1\nformat = 2\n", "p:2"),
        ("format = 1\nname = \n", "p:2"),
        ("format = 1\n\n\nname = 'x'y\n", "p:4"),
        ("format = [1,\n", "p"),
        ("a = " + "[" * 20_000, "p"),
        ("a = " + "9" * 5000, "p"),
        ("a." * 300_000 + "a = 1", "p"),
        ("a." * 50 + "a = 1", "p: a.a.a.a.a.a.a.a"),
        ("a = 2024-13-01", "p:1"),
        ("\ud800", "p:1"),
    ],
)
def test_what_is_no_toml_is_a_policy_error_with_its_line(text: str, place: str) -> None:
    """A syntax error names the line that the parser names, or none."""
    with pytest.raises(PolicyError) as caught:
        read_text(text, name="p")

    assert place == caught.value.place


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    """A missing file, a folder, bytes that are no UTF-8 and a file too large are policy errors."""
    latin, large, text = tmp_path / "latin.toml", tmp_path / "large.toml", tmp_path / "bom.toml"
    latin.write_bytes(b'format = 1\nname = "\xe9"\n')
    large.write_bytes(b"#" * (LARGEST + 1))
    text.write_text(EXAMPLE, "utf-8-sig")

    for path in (tmp_path / "none.toml", tmp_path, latin, large, "\0"):
        with pytest.raises(PolicyError) as caught:
            read_file(path)
        assert str(path) in caught.value.place
    with pytest.raises(PolicyError, match=r"latin.toml:2: the policy is not UTF-8"):
        read_file(latin)
    assert read_file(text) == read_file(EXAMPLE_FILE)


def test_text_that_is_too_large_is_refused() -> None:
    """A document is at most one mebibyte."""
    with pytest.raises(PolicyError, match="larger than"):
        read_text("#" * (LARGEST + 1))


# --- the hash --------------------------------------------------------------------------------------


def test_toml_and_mapping_agree() -> None:
    """The same objects built in Python, tuples for lists and dates included, have the same hash."""
    document = tomllib.loads(EXAMPLE)
    document["controller"]["markets"] = tuple(document["controller"]["markets"])
    dated = purpose(confidential={"law": "x", "until": date(2030, 1, 1)})

    assert read_text(EXAMPLE) == read_mapping(document)
    assert read_mapping(purpose(confidential={"law": "x", "until": "2030-01-01"})) == read_mapping(dated)


def test_comments_order_and_line_ends_do_not_count() -> None:
    """Only the content of a document is hashed."""
    bare = re.sub(r"(?m) +#.*$|^#.*$", "", EXAMPLE)
    head, *tables = re.split(r"(?m)^(?=\[)", bare)
    turned = head + "".join(f"{table}\n" for table in reversed(tables))

    assert read_text(EXAMPLE).hash == read_text(turned.replace("\n", "\r\n")).hash


def test_every_change_of_content_changes_the_hash() -> None:
    """Two valid policies with different content differ in their hash."""
    changes = [
        ('"P14D"', '"P15D"'),
        ("Keep invoices", "Keep all invoices"),
        ("max = 100", "max = 101"),
        ('["email", "points"]', '["points", "email"]'),
    ]
    hashes = {read_text(EXAMPLE.replace(*change)).hash for change in changes}

    assert len(changes) + 1 == len(hashes | {read_text(EXAMPLE).hash})
