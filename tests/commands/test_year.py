"""A small year from a CSV file, through the command line: told, killed, gone on with, verified."""

from __future__ import annotations

import csv
import json
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path

import pytest

from clm_ethics.commands import main
from clm_ethics.tour.data import transactions
from clm_ethics.tour.timeline import Act, weeks

PEOPLE = 6
WEEKS = 30
SEED = 28
"""With it the pattern has somebody erased, somebody who objects, and everybody's stages move."""


@pytest.fixture(scope="module")
def sales(tmp_path_factory):
    """Half a year of six people, one of whom stays away for long."""
    path = tmp_path_factory.mktemp("sales") / "sales.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(["who", "day", "total"])
        for week in range(WEEKS):
            for person in range(PEOPLE):
                if person != 1 or week < 4 or week > 24:
                    day = date(2025, 1, 6) + timedelta(weeks=week, days=person)
                    table.writerow([f"person-number-{person}", day.isoformat(), f"{10 + person}.50"])
    return path


def words(sales, file, *more):
    """Return the words that call the tour on *sales*."""
    columns = ["--customer", "who", "--date", "day", "--amount", "total"]
    return ["tour", "--transactions", str(sales), *columns, "--file", str(file), "--seed", str(SEED), *more]


@pytest.fixture(scope="module")
def year(sales, tmp_path_factory):
    """A finished tour: its ledger file."""
    file = tmp_path_factory.mktemp("year") / "shop.db"
    assert 0 == main(words(sales, file, "--json"))
    return file


def asked(capsys, *words):
    """Run a command with --json; return exit code and document."""
    capsys.readouterr()
    code = main([*words, "--json"])
    return code, json.loads(capsys.readouterr().out)


def test_the_tour_tells_every_basket_and_verifies(year, sales, capsys):
    """All baskets of the file are in the ledger, and the ledger verifies."""
    code, document = asked(capsys, *words(sales, year))

    assert 0 == code
    assert document["verified"]
    assert [] == document["faults"]
    assert document["weeks"] == document["total"]
    rows = len(sales.read_text(encoding="utf-8").splitlines()) - 1
    assert rows >= document["figures"]["told"]["basket"] > 0.7 * rows
    assert document["figures"]["points"]


def test_running_it_again_tells_nothing_twice(year, sales, capsys):
    """A finished tour says so; figures and ledger stay as they are."""
    _, first = asked(capsys, *words(sales, year))
    capsys.readouterr()
    _, second = asked(capsys, *words(sales, year))

    assert first["figures"] == second["figures"]
    assert first["checked"] == second["checked"]


def test_stages_move(year, sales, capsys):
    """Whoever stays away for weeks leaves the stage of customers."""
    _, document = asked(capsys, *words(sales, year))
    stages = {stage for point in document["figures"]["points"] for stage in point["stages"]}

    assert {"customer", "at_risk", "churned"} <= stages


def test_another_seed_on_the_same_file_is_refused(year, sales, capsys):
    """A file holds one tour."""
    code, document = asked(capsys, *words(sales, year), "--seed", str(SEED + 1))

    assert 2 == code
    assert "another seed" in document["what"]


def test_verify_says_what_it_looked_at(year, capsys):
    """A ledger in order ends with 0, and with how much was checked."""
    code, document = asked(capsys, "verify", "--file", str(year))

    assert 0 == code
    assert document["verified"]
    assert document["checked"]["entries"] > 100


def test_a_story_is_told_with_reasons_and_without_values(year, capsys):
    """A story names events, answers and reasons; no value of the person is printed."""
    code = main(["explain", "person-number-2", "--file", str(year)])
    out, _ = capsys.readouterr()

    assert 0 == code
    assert "recommendations" in out
    assert "example.org" not in out
    assert "Example Street" not in out
    assert "12.50" not in out


def test_nothing_of_the_erased_is_left_in_any_file(year, sales):
    """Reference, e-mail address and street of whoever was erased are in no file of the tour."""
    history = transactions(sales, customer="who", date="day", amount="total")
    erased = [
        step.ref
        for week in weeks(history, SEED)
        for batch in week.batches
        for step in batch
        if step.act is Act.ERASE
    ]
    stored = {path: path.read_bytes() for path in year.parent.rglob("*") if path.is_file()}

    assert erased
    for ref in erased:
        assert [] == [path for path, content in stored.items() if ref.encode() in content]


def test_an_unknown_customer_is_a_no(year, capsys):
    """Nobody's story ends with 1."""
    code, document = asked(capsys, "explain", "nobody", "--file", str(year))

    assert 1 == code
    assert not document["known"]


def test_a_tour_that_is_killed_goes_on(sales, tmp_path, capsys):
    """Killed at any moment, and called again, a tour ends as if nothing had happened."""
    file = tmp_path / "shop.db"
    command = [sys.executable, "-m", "clm_ethics", *words(sales, file)]
    for lines in (1, 4, 9):
        with subprocess.Popen(
            command,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        ) as process:
            seen = 0
            for line in process.stderr:
                seen += line.startswith("week")
                if seen == lines:
                    process.send_signal(signal.SIGKILL)
                    break
            process.stderr.read()
        assert -signal.SIGKILL == process.returncode
        assert 0 == asked(capsys, "verify", "--file", str(file))[0]
    code, document = asked(capsys, *words(sales, file))

    assert 0 == code
    assert document["verified"]
    assert document["runs"] == 4


def test_an_altered_file_is_found(year, tmp_path, capsys):
    """A byte changed behind the library's back ends with 1, and with a fault that names the stream."""
    shutil.copytree(year.parent, tmp_path, dirs_exist_ok=True)
    with closing(sqlite3.connect(tmp_path / year.name)) as connection:
        row, number, body, stream = connection.execute(
            "select id, number, body, stream from clm_entry join clm_head using (id) where length(body) > 200"
        ).fetchone()
        altered = body[:-1] + bytes([body[-1] ^ 1])
        connection.execute(
            "update clm_entry set body = ? where id = ? and number = ?", (altered, row, number)
        )
        connection.commit()
    code, document = asked(capsys, "verify", "--file", str(tmp_path / year.name))

    assert 1 == code
    assert not document["verified"]
    assert stream.hex() in {fault["stream"] for fault in document["faults"]}
