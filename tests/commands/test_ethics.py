"""``ethics check``: findings with rule, place and remedy; 1 if something will be withheld."""

from __future__ import annotations

import json

import pytest

from clm_ethics.commands import main
from tests.commands.test_calls import called
from tests.face.shop import EXAMPLE

GOOD = '[offers.spring]\npurpose = "newsletter"\nchannels = ["email"]\n'
BAD = '[offers.spring]\npurpose = "newsletter"\npressure = "scarcity"\n'


@pytest.fixture
def offers(tmp_path):
    """A function that writes a document of offers."""

    def write(text):
        path = tmp_path / "offers.toml"
        path.write_text(text, encoding="utf-8")
        return str(path)

    return write


@pytest.mark.parametrize(
    ("text", "more", "code"), [(GOOD, [], 0), (BAD, [], 1), (GOOD, ["--strict"], 1), ("offers =", [], 2)]
)
def test_the_exit_code_says_whether_something_will_be_withheld(text, more, code, offers, capsys):
    """0 for nothing that blocks, 1 for what will be withheld or (strict) found, 2 for a wrong call."""
    found, out, err = called(["ethics", "check", str(EXAMPLE), offers(text), *more], capsys)

    assert code == found
    assert ("will be withheld" in out) == (text == BAD)
    assert ("error:" in err) == (code == 2)


@pytest.mark.parametrize("place", [["ethics", "--json", "check"], ["ethics", "check", "--json"]])
def test_findings_are_one_document(place, offers, capsys):
    """--json, before or after the action, prints every finding with its parts."""
    code, out, _ = called([*place, str(EXAMPLE), offers(BAD), "--at", "2026-05-04"], capsys)
    document = json.loads(out)

    assert 1 == code
    assert 1 == document["blocked"]
    [blocked] = [each for each in document["findings"] if each["blocks"]]
    assert ("E05", "offers.spring") == (blocked["rule"], blocked["place"])
    assert blocked["remedy"]


def test_without_offers_the_policy_is_looked_at(capsys, tmp_path):
    """A policy alone has findings too; a file that is not there is a wrong call."""
    code, out, _ = called(["ethics", "check", str(EXAMPLE)], capsys)
    assert (0, True) == (code, "to look at" in out)
    assert 2 == main(["ethics", "check", str(EXAMPLE), str(tmp_path / "none.toml")])
    assert 2 == called(["ethics"], capsys)[0]
