"""Choosing among a hundred offers; how it grows; and choosing for many customers at once."""

from __future__ import annotations

import json
import random
import resource
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clm_ethics import FileKeys, Offer, Steward
from clm_ethics.ethics import Price, Rule, pick, rule
from clm_ethics.ethics.statements import Deadline
from clm_ethics.lifecycle import Row as Person
from clm_ethics.lifecycle import Said
from clm_ethics.model import Chosen, Granted, Preferred, Recorded, fold
from clm_ethics.model.state import Preferences
from clm_ethics.model.times import Duration
from clm_ethics.policy import Request, decide
from clm_ethics.storage.sqlite import SqliteStorage

from . import handwritten, handwritten_choice
from .measure import Row, Size, compare, count, folder, take_turns
from .shop import Recording
from .world import CONTRACTS, NOW, REGIONS, make_policy, make_world

if TYPE_CHECKING:
    from clm_ethics.model import State
    from clm_ethics.policy import Policy

OFFERS = 100
LOADED = 16
MARKETING = tuple(f"p{number:02}" for number in range(30) if number % 6 == 3)
"""The purposes that advertise by e-mail, with consent."""
CAMPAIGN = "p03"


def run(size: Size) -> list[Row]:
    """Compare a choice with the same filters by hand, let it grow, and choose for many."""
    policy, states, _ = make_world()
    draw = random.Random(3)
    loaded = [_loaded(policy, state, draw) for state in states[:LOADED]]
    offers = make_offers(policy, OFFERS, draw)
    return [
        *_against_hand(policy, loaded, offers, size),
        *_growth(policy, loaded, draw, size),
        *_many(policy, size),
    ]


# -- one customer ---------------------------------------------------------------------------------


def make_offers(policy: Policy, number: int, draw: random.Random) -> list[Offer]:
    """Invent offers over five purposes: personal, for segments, by stage, priced, and hurried."""
    return [_offer(policy, each, draw) for each in range(number)]


def _offer(policy: Policy, number: int, draw: random.Random) -> Offer:
    purpose = draw.choice(MARKETING)
    fields = [name for name in policy.purposes[purpose].fields if name != "email"]
    more: dict[str, Any] = {}
    if draw.random() < 0.3:
        more |= {"segment": {draw.choice(fields)}, "segment_size": draw.choice([5, 200, 900])}
    if draw.random() < 0.2:
        more["topics"] = {draw.choice(["tea", "music", "garden"])}
    if draw.random() < 0.3:
        asked = draw.choice([8.0, 10.0, 11.0])
        more["price"] = Price(asked=asked, public=10.0, for_new=draw.choice([None, 9.0]))
    if draw.random() < 0.1:
        end = NOW + timedelta(days=draw.choice([-1, 3]))
        more["deadline"] = Deadline(until=end, valid_until=end)
    if draw.random() < 0.1:
        more["stages"] = {"customer"}
        more["contextual"] = False
        more["segment"] = {"city"}
        more["segment_size"] = 200
    uses = set(draw.sample(fields, draw.randint(0, 2)))
    return Offer(f"offer-{number:04}", purpose=purpose, uses=uses, value=draw.randint(0, 50), **more)


def _loaded(policy: Policy, state: State, draw: random.Random, contacts: int | None = None) -> State:
    """Add a life of marketing: yeses, contacts, wishes."""
    start = NOW - timedelta(days=100)
    events: list[Any] = [
        Granted(at=start, by="web", purpose=name, clause=policy.clauses[name], shown="notice")
        for name in draw.sample(MARKETING, 4)
    ]
    held = draw.randint(0, 12) if contacts is None else contacts
    for number in range(held):
        at = start + timedelta(days=98) * (number + 1) / (held + 1)
        since = at - timedelta(days=100)
        pressed = draw.random() < 0.1
        events.append(
            Chosen(at=at, offer="x", purpose=CAMPAIGN, channel="email", since=since, pressed=pressed)
        )
    if draw.random() < 0.5:
        events.append(Recorded(at=NOW - timedelta(days=draw.randint(1, 40)), by="web", event="visit"))
    if draw.random() < 0.3:
        wants = Preferences(
            topics=("tea", "garden"), most=draw.randint(1, 3), per=Duration(seconds=7 * 86400)
        )
        events.append(Preferred(at=NOW - timedelta(days=1), stated=wants))
    return fold(sorted(events, key=lambda each: each.at), state)


def _against_hand(policy: Policy, loaded: list[State], offers: list[Offer], size: Size) -> list[Row]:
    table = handwritten.make_table(policy, REGIONS, NOW)
    asked = [(state, handwritten_choice.make_customer(policy, state, NOW)) for state in loaded]
    wrong = handwritten_choice.differences(policy, table, asked, offers, NOW)
    if wrong:
        raise AssertionError(f"{len(wrong)} answers differ, such as {wrong[0]}")
    asked = asked[: size.loops]
    question = Request(CAMPAIGN, policy.purposes[CAMPAIGN].fields[:4], "email")

    def ours(_: int) -> None:
        for state, _customer in asked:
            pick(policy, state, offers, channel="email", at=NOW)

    def by_hand(_: int) -> None:
        for _state, customer in asked:
            handwritten_choice.choose(table, customer, offers, NOW)

    def single(_: int) -> None:
        for _ in range(10):
            for state, _customer in asked:
                decide(policy, state, question, NOW)

    taken = take_turns({"ours": ours, "hand": by_hand, "single": single}, size.rounds)
    made = sum(bool(pick(policy, state, offers, channel="email", at=NOW)) for state, _ in asked)
    note = f"{len(asked)} customers, {OFFERS} offers, {made} get one; same offers, levels and reasons"
    return [
        compare(
            f"a choice among {OFFERS} offers / the same filters by hand, with reasons",
            taken["ours"],
            taken["hand"],
            must=4.0,
            stretch=2.0,
            note=note,
        ),
        compare(
            f"a choice among {OFFERS} offers, in single decisions",
            taken["ours"],
            taken["single"],
            must=50.0,
            per=0.1,
            note=f"a decision of 4 fields; {note}",
        ),
    ]


# -- growth ---------------------------------------------------------------------------------------


def _growth(policy: Policy, loaded: list[State], draw: random.Random, size: Size) -> list[Row]:
    few, many = make_offers(policy, 40, draw), make_offers(policy, 400, draw)
    some, lots = [_house(number) for number in range(10)], [_house(number) for number in range(100)]
    short, long = (_loaded(policy, loaded[0], random.Random(5), contacts) for contacts in (5, 10))
    long = _aged(long)
    states = loaded[: size.loops]

    def over(offers: list[Offer], people: list[State], rules: list[Rule]) -> Any:
        def turn(_: int) -> None:
            for state in people:
                pick(policy, state, offers, channel="email", at=NOW, rules=rules)

        return turn

    steps = {
        "few": over(few, states, []),
        "many": over(many, states, []),
        "some": over(few, states, some),
        "lots": over(few, states, lots),
        "short": over(few, [short] * len(states), []),
        "long": over(few, [long] * len(states), []),
    }
    taken = take_turns(steps, size.rounds)
    return [
        compare("400 offers / 40 offers, per offer", taken["many"], taken["few"], must=1.25, per=10.0,
                note="at most linear"),
        compare("100 rules of the host / 10, per rule", taken["lots"], taken["some"], must=1.25, per=10.0,
                note="at most linear; 40 offers, each rule asked of each"),
        compare("a history of 5,000 choices / of 5", taken["long"], taken["short"], must=1.5,
                note="flat: what no limit looks at any more is not in the state; 10 contacts against 5 are"),
    ]  # fmt: skip


def _house(number: int) -> Rule:
    @rule(f"house_{number}", says="no such offers")
    def check(offer: Offer, facts: Any) -> str | None:  # noqa: ARG001
        return None

    return check


def _aged(state: State) -> State:
    """Let thousands of choices come and go before what is left of the state's own."""
    past = [
        Chosen(
            at=NOW - timedelta(days=2),
            offer="x",
            purpose=CAMPAIGN,
            channel="web",
            counts=False,
            since=NOW - timedelta(days=102),
        )
        for _ in range(5000)
    ]
    return fold(past, state)


# -- many customers -------------------------------------------------------------------------------


def _many(policy: Policy, size: Size) -> list[Row]:
    """Choose for everybody in a file, each choice durable before it is told."""
    customers = 100_000 if size.full else min(10_000, size.customers * 25)
    with folder() as place:
        found = {}
        for number in (customers // 4, customers):
            path = _fill(policy, place, number)
            given = f"{str(path)!r}, {str(place / 'keys')!r}, {number}"
            code = f"from benchmarks.choosing import work; work({given})"
            command = [sys.executable, "-c", code]
            root = Path(__file__).parent.parent
            done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
            found[number] = json.loads(done.stdout)
    part, whole = found[customers // 4], found[customers]
    note = f"SQLite, {customers:,} customers, 3 offers, {whole['made']:,} choices, "
    return [
        Row(
            name="choose_many: syncs per choice",
            value=count(whole["commits"] / whole["made"]),
            must=1 / 20,
            stretch=1 / 50,
            note=f"{note}{whole['commits']:,} commits; a commit is one sync (see appending)",
        ),
        Row(
            name="choose_many: peak memory, all customers / a quarter of them",
            value=count(whole["peak"] / part["peak"]),
            must=1.1,
            note=f"{note}whole process, peak resident size",
        ),
        Row(
            name="choose_many: time per customer, all customers / a quarter of them",
            value=count(whole["wall"] / part["wall"] / 4),
            must=1.25,
            note=f"{note}{customers / whole['wall']:,.0f} customers in a second",
        ),
        Row(
            name="choose_many / choose one by one, per choice",
            value=count(whole["wall"] / customers / whole["single"]),
            note=f"{note}one by one measured on 200 others",
        ),
    ]


def _fill(policy: Policy, place: Path, number: int) -> Path:
    """Enrol *number* customers with a consent each, and two hundred more."""
    path = place / f"many-{number}.db"
    with Steward.open(f"sqlite:///{path}", policy=policy, keys=FileKeys(place / "keys")) as steward:
        shown = steward.notice(CAMPAIGN, locale="en").id
        yes = Said(CAMPAIGN, "yes", at=NOW - timedelta(days=30), evidence="form", shown=shown)
        rows = (
            Person(
                f"c-{each}",
                {"email": f"c{each}@shop.example", "region": "DE", "born": "1990-05-06"},
                said=[yes],
            )
            for each in range(number + 200)
        )
        assert steward.enroll_many(rows, purpose=CONTRACTS[0], by="import")
    return path


def work(path: str, keys: str, number: int) -> None:
    """Choose for *number* customers and print what it took; the last two hundred one by one."""
    import time

    storage = Recording(SqliteStorage(path))
    offers = [Offer("tea", purpose=CAMPAIGN, uses={"city"}, value=2), Offer("plain", purpose=CAMPAIGN)]
    offers.append(Offer("other", purpose="p09", value=3))
    with Steward.open(storage, policy=make_policy(), keys=FileKeys(keys)) as steward:
        made, begin = 0, time.perf_counter()
        for choice in steward.choose_many(
            (f"c-{each}" for each in range(number)), offers, channel="email", by="c"
        ):
            made += bool(choice)
            storage.writes.clear()
        wall, commits = time.perf_counter() - begin, storage.commits
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        begin = time.perf_counter()
        for each in range(number, number + 200):
            steward.customer(f"c-{each}").choose(offers, channel="email", by="c")
        single = (time.perf_counter() - begin) / 200
    found = {"made": made, "wall": wall, "commits": commits, "peak": peak, "single": single}
    sys.stdout.write(json.dumps(found))
