"""The benchmarks run, and say what they found; how fast anything is stands in no test."""

from __future__ import annotations

import json
import math

import pytest

from benchmarks import handwritten
from benchmarks.__main__ import BENCHMARKS, main
from benchmarks.measure import TINY, Row, Spread
from benchmarks.world import NOW, REGIONS, make_world


@pytest.mark.parametrize("name", BENCHMARKS)
def test_every_benchmark_returns_ratios(name):
    """Each benchmark runs at the smallest size and returns positive ratios with their spread."""
    rows = BENCHMARKS[name](TINY)

    assert rows
    for row in rows:
        assert 0 < row.value.p10 <= row.value.median <= row.value.p90 < math.inf, row.name
        assert row.note


def test_the_rival_gives_the_same_answers():
    """The check by hand agrees with ``decide`` on other people and questions than are measured."""
    policy, _, questions = make_world(seed=11)
    table = handwritten.make_table(policy, REGIONS, NOW)
    asked = [(state, handwritten.make_person(state, NOW), request) for state, request in questions]

    assert [] == handwritten.differences(policy, table, asked, NOW)


def test_a_verdict_compares_the_median_with_both_bars():
    """A row says which of its bars it keeps, and nothing where it has none."""
    rows = [
        Row(name="", value=Spread(value, value, value), must=2.0, stretch=1.0) for value in (0.9, 1.5, 2.5)
    ]

    assert ["stretch", "must", "missed"] == [row.verdict for row in rows]
    assert "" == Row(name="", value=Spread(1, 1, 1)).verdict


def test_json_holds_the_facts_and_every_row(capsys):
    """With --json one document holds the machine's facts, each row, its spread and its verdict."""
    code = main(["decision", "--json", "--tiny"])
    document = json.loads(capsys.readouterr().out)

    assert {"python", "sqlite", "file system", "durability", "load", "system"} == set(document["facts"])
    (row,) = document["rows"]["decision"]
    assert {"median", "p10", "p90"} == set(row["value"])
    assert int(row["verdict"] == "missed") == code


def test_an_unknown_name_is_a_wrong_call(capsys):
    """A benchmark that does not exist ends the call with 2 and the names that do."""
    with pytest.raises(SystemExit) as stopped:
        main(["speed"])

    assert 2 == stopped.value.code
    assert "decision" in capsys.readouterr().err
