"""The four personas of GDPRbench beside the same queries on bare tables, which guarantee nothing.

The mixes are those of the paper (Shastri et al., PVLDB 13(7), 2020). The rival keeps one
row per person, a row per happening, and indexes on what it is asked for; values lie in clear, no
read is recorded, nothing is chained, sealed, decided or scrubbed. Both are as durable per query.
"""

from __future__ import annotations

import random
from contextlib import closing
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from clm_ethics import FileKeys, Steward
from tests.storage.postgresql_server import running
from tests.workloads.personas import POLICIES

from .measure import Row, Size, compare, folder, take_turns
from .shop import connect

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from .measure import Sample

MIXES: dict[str, dict[str, int]] = {
    "controller": {"create": 25, "erase": 25, "answer": 50},
    "customer": {"read": 20, "story": 20, "correct": 20, "answer": 20, "erase": 20},
    "processor": {"read": 80, "for_purpose": 20},
    "regulator": {"story": 46, "log": 31, "is_gone": 23},
}
"""Per persona its queries and their shares in percent."""
FEW = 10
"""How many customers' data one query by purpose reads."""
ROUNDS = 5


class Query(NamedTuple):
    """A query: its name, whom it is about, and a text that stands nowhere else."""

    name: str
    ref: str
    text: str


class Ours:
    """The library."""

    def __init__(self, steward: Steward) -> None:
        self.steward = steward
        self.shown = steward.notice("newsletter").id
        self.begun = datetime.now(UTC)

    def fill(self, rows: Sequence[tuple[str, str]]) -> None:
        """Enrol everybody."""
        told = ((ref, {"email": f"{ref}@example.org", "note": note, "region": "DE"}) for ref, note in rows)
        assert self.steward.enroll_many(told, purpose="account", by="desk").enrolled == len(rows)
        self.begun = datetime.now(UTC)

    def create(self, ref: str, text: str) -> object:
        """Enrol."""
        values = {"email": f"{ref}@example.org", "note": text, "region": "DE"}
        self.steward.enroll(ref, values, purpose="account", by="desk")
        return None

    def erase(self, ref: str, _: str) -> object:
        """Erase; on SQLite the file is rewritten each time."""
        self.steward.customer(ref).erase(by="desk")
        return None

    def answer(self, ref: str, text: str) -> object:
        """Say yes or no to the newsletter."""
        ana = self.steward.customer(ref)
        if int(text) % 2:
            ana.grant("newsletter", shown=self.shown, by="customer")
        else:
            ana.refuse("newsletter", by="customer")
        return None

    def correct(self, ref: str, text: str) -> object:
        """Put a note right."""
        self.steward.customer(ref).correct({"note": text}, by="customer")
        return None

    def read(self, ref: str, _: str) -> object:
        """Read a customer's own data, which stands in the ledger."""
        view = self.steward.customer(ref).read("account", by="web")
        return view["email"], view["note"]

    def for_purpose(self, _: str, __: str) -> object:
        """Find who may get the newsletter, and read the first of them; whose they are is not compared."""
        found = list(islice(self.steward.audience("newsletter"), FEW))
        return len([ana.read("newsletter", by="mailer")["email"] for ana in found])

    def story(self, ref: str, _: str) -> object:
        """Tell a customer's story: ours has the reads, too, and is not compared."""
        assert self.steward.customer(ref).history(limit=100)
        return None

    def log(self, _: str, __: str) -> object:
        """Read everything that was learnt since the shop was filled; not compared for the same reason."""
        return len(list(self.steward.ledger.between(self.begun))) * 0

    def is_gone(self, ref: str, _: str) -> object:
        """Verify that somebody was erased."""
        return self.steward.customer(ref).may("account").codes == ("customer.erased",)


_TABLES = (
    "CREATE TABLE person (ref TEXT PRIMARY KEY, email TEXT, note TEXT, newsletter INTEGER, region TEXT)",
    "CREATE TABLE gone (ref TEXT PRIMARY KEY, at TEXT)",
    "CREATE TABLE happening (ref TEXT, at TEXT, what TEXT)",
    "CREATE INDEX by_purpose ON person (newsletter)",
    "CREATE INDEX by_ref ON happening (ref)",
    "CREATE INDEX by_time ON happening (at)",
)


class Bare:
    """Bare tables by hand; a query that writes is one transaction."""

    def __init__(self, execute: Callable[..., Any], begin: str) -> None:
        self.execute = execute
        self.begin = begin
        self.begun = _now()
        for statement in _TABLES:
            execute(statement)

    def fill(self, rows: Sequence[tuple[str, str]]) -> None:
        """Insert everybody."""
        self.execute(self.begin)
        for ref, note in rows:
            self._insert(ref, note)
        self.execute("COMMIT")
        self.begun = _now()

    def _insert(self, ref: str, note: str) -> None:
        self.execute("INSERT INTO person VALUES (?, ?, ?, 0, 'DE')", (ref, f"{ref}@example.org", note))
        self._note(ref, "enrolled")

    def _note(self, ref: str, what: str) -> None:
        self.execute("INSERT INTO happening VALUES (?, ?, ?)", (ref, _now(), what))

    def _write(self, ref: str, what: str, statement: str, values: tuple[Any, ...]) -> None:
        self.execute(self.begin)
        self.execute(statement, values)
        self._note(ref, what)
        self.execute("COMMIT")

    def create(self, ref: str, text: str) -> object:
        """Insert."""
        self.execute(self.begin)
        self._insert(ref, text)
        self.execute("COMMIT")
        return None

    def erase(self, ref: str, _: str) -> object:
        """Delete, and remember that."""
        self.execute(self.begin)
        self.execute("DELETE FROM person WHERE ref = ?", (ref,))
        self.execute("DELETE FROM happening WHERE ref = ?", (ref,))
        self.execute("INSERT INTO gone VALUES (?, ?)", (ref, _now()))
        self.execute("COMMIT")
        return None

    def answer(self, ref: str, text: str) -> object:
        """Set the flag."""
        self._write(ref, "answer", "UPDATE person SET newsletter = ? WHERE ref = ?", (int(text) % 2, ref))
        return None

    def correct(self, ref: str, text: str) -> object:
        """Set the note."""
        self._write(ref, "correct", "UPDATE person SET note = ? WHERE ref = ?", (text, ref))
        return None

    def read(self, ref: str, _: str) -> object:
        """Read two columns."""
        return tuple(self.execute("SELECT email, note FROM person WHERE ref = ?", (ref,)).fetchone())

    def for_purpose(self, _: str, __: str) -> object:
        """Read the first few who have the flag."""
        found = self.execute(f"SELECT ref, email FROM person WHERE newsletter = 1 LIMIT {FEW}").fetchall()
        return len(found)

    def story(self, ref: str, _: str) -> object:
        """Read a person's happenings."""
        self.execute("SELECT at, what FROM happening WHERE ref = ? LIMIT 100", (ref,)).fetchall()
        return None

    def log(self, _: str, __: str) -> object:
        """Read all happenings since then."""
        asked = "SELECT ref, at, what FROM happening WHERE at >= ?"
        return len(self.execute(asked, (self.begun,)).fetchall()) * 0

    def is_gone(self, ref: str, _: str) -> object:
        """Look whether the deletion was remembered."""
        return self.execute("SELECT 1 FROM gone WHERE ref = ?", (ref,)).fetchone() is not None


def _now() -> str:
    return datetime.now(UTC).isoformat()


class Plan:
    """The queries of every persona and turn, the same for both; each is about somebody who is there."""

    def __init__(self, size: Size, seed: int = 7) -> None:
        draw = random.Random(seed)
        self.people = [f"p-{number}" for number in range(size.customers)]
        self.spare: list[str] = []
        self.gone = [f"g-{number}" for number in range(5)]
        self.each = max(8, min(100, size.loops))
        self.turns = {
            (persona, turn): [self._query(draw, mix) for _ in range(self.each)]
            for persona, mix in MIXES.items()
            for turn in range(-1, ROUNDS)
        }
        self.rows = [(ref, f"note of {ref}") for ref in (*self.people, *self.spare, *self.gone)]

    def _query(self, draw: random.Random, mix: dict[str, int]) -> Query:
        [name] = draw.choices(list(mix), list(mix.values()))
        text = str(draw.randrange(10**9))
        if name == "create":
            return Query(name, f"n-{text}", text)
        if name == "erase":
            self.spare.append(f"s-{len(self.spare)}")
            return Query(name, self.spare[-1], text)
        return Query(name, draw.choice(self.gone if name == "is_gone" else self.people), text)


def run(size: Size) -> list[Row]:
    """Let each persona work on SQLite and on PostgreSQL, in turns with its rival."""
    with folder() as place, running() as server:
        plan = Plan(size)
        with closing(connect(place / "bare.db")) as connection:
            rows = _rows(
                "sqlite",
                f"sqlite:///{place}/ours.db",
                place,
                Bare(connection.execute, "BEGIN IMMEDIATE"),
                plan,
            )
        import psycopg

        server.execute("CREATE DATABASE bare")
        with psycopg.connect(server.address(database="bare"), autocommit=True, prepare_threshold=1) as link:

            def execute(text: str, values: tuple[Any, ...] = ()) -> Any:
                return link.execute(text.replace("?", "%s").encode(), values)

            (place / "pg").mkdir()
            return rows + _rows("postgresql", server.address(), place / "pg", Bare(execute, "BEGIN"), plan)


def _rows(name: str, url: str, place: Path, bare: Bare, plan: Plan) -> list[Row]:
    with Steward.open(url, policy=POLICIES["base"], keys=FileKeys(place / "keys")) as steward:
        ours = Ours(steward)
        for each in (ours, bare):
            each.fill(plan.rows)
            for ref in plan.gone:
                each.erase(ref, "")
            for number, ref in enumerate(plan.people):
                each.answer(ref, str(number))
        return [_persona(name, persona, ours, bare, plan) for persona in MIXES]


def _persona(name: str, persona: str, ours: Ours, bare: Bare, plan: Plan) -> Row:
    came: dict[str, dict[int, list[object]]] = {"ours": {}, "bare": {}}

    def work(who: str, subject: Ours | Bare) -> Callable[[int], None]:
        def turn(number: int) -> None:
            queries = plan.turns[persona, number]
            came[who][number] = [getattr(subject, each.name)(each.ref, each.text) for each in queries]

        return turn

    taken = take_turns({"ours": work("ours", ours), "bare": work("bare", bare)}, ROUNDS)
    assert came["ours"] == came["bare"]
    done, by_hand = _rate(taken["ours"], plan), _rate(taken["bare"], plan)
    note = (
        f"{plan.each} queries a turn, {len(plan.people)} customers;"
        f" a thousand queries complete in {done:.2f} s, by hand without any guarantee in {by_hand:.2f} s"
    )
    return compare(f"{name}: {persona} / bare tables", taken["ours"], taken["bare"], note=note)


def _rate(taken: Sequence[Sample], plan: Plan) -> float:
    return sum(each.wall for each in taken) / len(taken) / plan.each * 1000
