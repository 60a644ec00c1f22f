"""Lifecycles as pictures, default journeys as policies, and the way from stage to stage."""

from __future__ import annotations

import json
from xml.etree import ElementTree as ET

import pytest

from clm_ethics import Policy, UnknownName, UsageError
from clm_ethics.commands import main
from clm_ethics.lifecycle import Lifecycle, Move
from clm_ethics.lifecycle.ways import way
from clm_ethics.policy.journeys import JOURNEYS, journey
from clm_ethics.policy.lint import lint

POLICIES = {name: Policy.parse(journey(name)) for name in JOURNEYS}
SVG = "{http://www.w3.org/2000/svg}"


@pytest.mark.parametrize("name", JOURNEYS)
def test_a_default_journey_loads_and_has_no_findings(name):
    """Somebody who starts from it starts clean; dashes in its name are fine."""
    assert () == lint(POLICIES[name].declared)
    assert journey(name) == journey(name.replace("_", "-"))


def test_an_unknown_journey_is_named_with_the_nearest():
    """So is a form of drawing that is none, and a policy without stages."""
    with pytest.raises(UnknownName, match="retail"):
        journey("retial")
    with pytest.raises(UsageError, match="mermaid, svg"):
        POLICIES["retail"].lifecycle.diagram("png")
    with pytest.raises(UsageError, match="no lifecycle"):
        Lifecycle().diagram()


@pytest.mark.parametrize("name", JOURNEYS)
def test_the_text_and_the_picture_show_every_stage_and_move(name):
    """Mermaid: a line for each pair of stages; SVG: a box for each stage, an arrow for each pair."""
    life = POLICIES[name].lifecycle
    pairs = {(source, move.to) for move in life.moves for source in move.sources}
    text = life.diagram()
    assert len(pairs) == text.count(" --> ") - 1
    assert f"[*] --> {life.start}" in text
    root = ET.fromstring(life.diagram("svg"))
    assert "img" == root.get("role")
    named = (root.get("aria-labelledby") or "").split()
    told = {each.get("id"): each.text or "" for each in root if each.tag in {f"{SVG}title", f"{SVG}desc"}}
    assert set(named) == set(told)
    assert all(f"from {source} to {to}" in told["life-desc"] for source, to in pairs)
    assert len(pairs) == len(root.findall(f".//{SVG}path[@class='move']"))
    assert life.stages == {each.text for each in root.findall(f"{SVG}text") if each.get("class") != "label"}


def test_nothing_in_a_picture_lies_outside_of_it():
    """Also a move that leads far back."""
    for each in POLICIES.values():
        root = ET.fromstring(each.lifecycle.diagram("svg"))
        wide, high = int(root.get("width") or 0), int(root.get("height") or 0)
        for box in root.findall(f"{SVG}rect"):
            assert int(box.get("x", 0)) + int(box.get("width") or 0) <= wide
            assert int(box.get("y", 0)) + int(box.get("height") or 0) <= high
        levels = [int(label.get("y") or 0) for label in root.findall(f"{SVG}text[@class='label']")]
        assert all(0 < level < high for level in levels)


def test_what_is_markup_is_escaped():
    """A name that no policy could have does not become markup."""
    life = Lifecycle(start="<b>", moves=(Move(sources=("<b>",), to="c&d", on="e"),))
    root = ET.fromstring(life.diagram("svg"))
    assert {"<b>", "c&d", "e"} == {each.text for each in root.findall(f"{SVG}text")}


def test_the_command_draws_and_prints_journeys(tmp_path, capsys):
    """To standard output, as text or as one JSON document."""
    assert 0 == main(["lifecycle", "journey", "retail"])
    path = tmp_path / "policy.toml"
    path.write_text(capsys.readouterr().out, encoding="utf-8")
    assert 0 == main(["lifecycle", "diagram", str(path)])
    assert POLICIES["retail"].lifecycle.diagram() == capsys.readouterr().out
    assert 0 == main(["lifecycle", "--json", "diagram", str(path), "--form", "svg"])
    assert POLICIES["retail"].lifecycle.diagram("svg") == json.loads(capsys.readouterr().out)["text"]


def test_the_way_has_the_fewest_moves():
    """Through the stages between; none where nothing leads, or where somebody is already."""
    life = POLICIES["retail"].lifecycle
    assert ["customer", "at_risk", "churned"] == [leg.move.to for leg in way(life, "prospect", "churned")]
    assert () == way(life, "customer", "prospect") == way(life, "customer", "customer")
