"""The command line: wrong calls get exit code 2, a place and a remedy, and no traceback."""

from __future__ import annotations

import json

import pytest

from clm_ethics.commands import COMMANDS, main


def called(words, capsys):
    """Run the command line; return exit code, standard output and standard error."""
    try:
        code = main(words)
    except SystemExit as error:
        code = error.code
    out, err = capsys.readouterr()
    return code, out, err


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["nothing"],
        ["tour", "--customers", "0"],
        ["tour", "--customers", "many"],
        ["tour", "--customers", "3", "--all"],
        ["explain"],
        ["explain", "1", "--at", "yesterday"],
        ["explain", "1", "--limit", "0"],
        ["verify", "--file", "a", "--url", "sqlite:///a"],
    ],
)
def test_a_call_that_cannot_be_read_is_wrong(words, capsys):
    """Missing, unknown and contradicting words end with 2 and the usage."""
    code, out, err = called(words, capsys)

    assert (2, "") == (code, out)
    assert "usage: python -m clm_ethics" in err


@pytest.mark.parametrize(
    ("words", "remedy"),
    [
        (["verify", "--file", "nowhere.db"], "run the tour first"),
        (["explain", "1", "--file", "nowhere.db"], "run the tour first"),
        (["verify", "--url", "sqlite:///nowhere.db"], "give --keys FOLDER"),
        (["verify", "--url", "sqlite:///nowhere.db", "--keys", "nowhere"], "give --keys FOLDER"),
        (["tour", "--transactions", "nowhere.csv"], "check --transactions"),
    ],
)
def test_what_is_not_there_is_a_wrong_call(words, remedy, capsys, tmp_path, monkeypatch):
    """A file that does not exist ends with 2, a remedy and nothing created; never with a traceback."""
    monkeypatch.chdir(tmp_path)
    code, out, err = called(words, capsys)

    assert (2, "") == (code, out)
    assert remedy in err
    assert "Traceback" not in err
    assert [] == list(tmp_path.iterdir())


def test_an_error_is_json_when_json_was_asked_for(capsys, tmp_path, monkeypatch):
    """With --json standard output is one document, also for an error."""
    monkeypatch.chdir(tmp_path)
    code, out, _ = called(["verify", "--json", "--file", "nowhere.db"], capsys)
    document = json.loads(out)

    assert 2 == code
    assert "UsageError" == document["error"]
    assert {"error", "what", "place", "remedy"} == document.keys()


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name, capsys):
    """--help prints what a command is for and its options, and ends with 0."""
    code, out, _ = called([name, "--help"], capsys)

    assert 0 == code
    assert "--json" in out
    assert (COMMANDS[name].__doc__ or "").split(".")[0].split()[:3] == out.split("\n\n")[1].split()[:3]
