"""PostgreSQL against bare psycopg, on a server of the benchmark's own; its writers and its round trips."""

from __future__ import annotations

import time
from contextlib import ExitStack, closing
from threading import Barrier, Thread
from typing import TYPE_CHECKING

from clm_ethics import FileKeys, Steward
from clm_ethics.storage.postgresql import PostgresStorage, create
from tests.storage.postgresql_proxy import Counting
from tests.storage.postgresql_server import Server, running

from .measure import Row, Size, compare, count, folder, take_turns
from .shop import READ, READ_FOR
from .storing import Bars, Feed, Pair, compare_all, fill, flat
from .storing_rivals import BarePostgres
from .world import ASKED, CONTRACTS, make_policy

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from clm_ethics.storage import Write

    from .storing import Commit

WRITERS = 8
SLOW = 2000
"""What a network volume takes for a flush, in microseconds, and a disk of the test's machine may not."""
PLAIN = (
    "CREATE TABLE {s}.plain (stream bytea, version bigint, length bigint, digest bytea, state bytea,"
    " number bigint, link bytea, body bytea, PRIMARY KEY (stream, number))"
)


def run(size: Size, numbers: Sequence[int]) -> list[Row]:
    """Compare at every number of customers, then count."""
    rows: list[Row] = []
    with folder() as place, running() as server, ExitStack() as opened:
        pairs = [_pair(server, customers, opened) for customers in numbers]
        for pair in pairs:
            rows += compare_all(pair, size, Bars(append=1.35))
        rows += [*_writers(server, pairs[0], size), *_writers(server, pairs[0], size, slow=SLOW)]
        rows += [*flat(pairs[0], pairs[-1], size)]
        return [*rows, *_round_trips(server, place, size), _syncs(server, pairs[0], size)]


def _pair(server: Server, customers: int, opened: ExitStack) -> Pair:
    """Fill a storage, and copy its rows for the rival."""
    ours, bare = f"ours_{customers}", f"bare_{customers}"
    storage = opened.enter_context(closing(PostgresStorage(server.address(), schema=ours)))
    fill(storage, customers)
    create(server.address(), schema=bare)
    copied = [f"INSERT INTO {bare}.{each} SELECT * FROM {ours}.{each}" for each in ("head", "entry", "mark")]
    server.execute(*copied, PLAIN.replace("{s}", bare), "VACUUM ANALYZE", "CHECKPOINT")
    rival = opened.enter_context(closing(BarePostgres(server.address(), bare)))
    other = {"one INSERT of the same bytes without a condition": rival.insert}
    return Pair("postgresql", storage, rival, Feed(customers), other)


def _writers(server: Server, pair: Pair, size: Size, *, slow: int = 0) -> list[Row]:
    """Let eight threads append, each to other customers, and one append as much; both with their rivals.

    *slow*: how many microseconds the server waits before each flush of its log, as if the disk took them.
    """
    each = max(1, size.commits // 2)
    drawn = [[pair.feed.writes(WRITERS * each) for _ in range(2)] for _ in range(size.rounds + 1)]
    number = pair.feed.customers
    waits = f"&options=-c%20commit_delay%3D{slow}%20-c%20commit_siblings%3D0" if slow else ""
    address = f"{server.address()}{waits}"
    with ExitStack() as opened:
        rivals = [
            opened.enter_context(closing(BarePostgres(address, f"bare_{number}"))) for _ in range(WRITERS)
        ]
        storage = opened.enter_context(closing(PostgresStorage(address, schema=f"ours_{number}")))

        def eight(commits: Sequence[Commit]) -> Callable[[int], None]:
            return lambda turn: _together(commits, drawn[turn + 1][0])

        def one(commit: Commit) -> Callable[[int], None]:
            return lambda turn: _make(commit, drawn[turn + 1][1])

        subjects = {"eight": eight([storage.commit] * WRITERS), "one": one(storage.commit)}
        by_hand = [rival.commit for rival in rivals]
        subjects |= {"bare eight": eight(by_hand), "bare one": one(by_hand[0])}
        taken = take_turns(subjects, size.rounds)
    note = f"{WRITERS} threads of one process, {each} appends each, of different customers"
    disk = f", where a flush takes {slow / 1000:g} ms more (commit_delay)" if slow else ""
    return [
        compare(
            f"postgresql: an append of eight writers / of one{disk}",
            taken["eight"],
            taken["one"],
            must=0.25,
            note=note,
        ),
        compare(
            f"the same by hand, eight connections / one{disk}",
            taken["bare eight"],
            taken["bare one"],
            note=note,
        ),
        compare(
            f"postgresql: eight writers / the same by hand{disk}",
            taken["eight"],
            taken["bare eight"],
            note=note,
        ),
    ]


def _together(commits: Sequence[Commit], writes: list[Write]) -> None:
    """Share *writes* among a thread for each of *commits*."""
    barrier = Barrier(len(commits))

    def work(number: int) -> None:
        barrier.wait()
        _make(commits[number], writes[number :: len(commits)])

    threads = [Thread(target=work, args=(number,)) for number in range(len(commits))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _make(commit: Commit, writes: Sequence[Write]) -> None:
    for write in writes:
        assert commit([write])


def _round_trips(server: Server, place: Path, size: Size) -> list[Row]:
    """Count the round trips of an audited read, of a customer whose keys are at hand."""
    policy, reads = make_policy(), max(3, size.commits)
    (place / "socket").mkdir()
    with Counting(place / "socket", server.folder) as counting:
        address = server.address(host=place / "socket")
        with (
            closing(PostgresStorage(address, max_size=1)) as storage,
            Steward.open(storage, policy=policy, keys=FileKeys(place / "keys")) as steward,
        ):
            values = {
                "email": "ana@shop.example",
                "name": "Ana",
                "city": "Berlin",
                "points": 7,
                "region": "DE",
            }
            ana = steward.enroll("c-1", values, purpose=CONTRACTS[0], by="web")
            for purpose in ASKED[:10]:
                ana.grant(purpose, shown=steward.notice(purpose, locale="en").id, by="web")
            for _ in range(3):  # a connection prepares a statement when it first uses it
                assert ana.read(READ_FOR, by="web", fields=READ)
            before = counting.trips
            for _ in range(reads):
                assert ana.read(READ_FOR, by="web", fields=READ)
            trips = (counting.trips - before) / reads
    note = f"{reads} reads of 4 fields, counted on the socket: a load, a commit"
    return [Row(name="postgresql: round trips of one audited read", value=count(trips), must=2.0, note=note)]


def _syncs(server: Server, pair: Pair, size: Size) -> Row:
    """Count the syncs of the server's log, which it tells once a connection has ended."""
    appends = size.commits * 5
    asked = (
        "SELECT coalesce(sum(fsyncs), 0)::bigint FROM pg_stat_io"
        " WHERE object = 'wal' AND backend_type = 'client backend'"
    )
    busy = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'counted'"
    [(before,)] = server.execute(asked)
    address = f"{server.address()}&application_name=counted"
    with closing(PostgresStorage(address, schema=f"ours_{pair.feed.customers}", max_size=1)) as storage:
        for _ in range(appends):
            storage.commit(pair.feed.writes(1))
    while server.execute(busy) != [(0,)]:
        time.sleep(0.01)
    [(after,)] = server.execute(asked)
    note = f"fsyncs of the log by client backends (pg_stat_io), {appends} appends"
    return Row(
        name="postgresql: syncs of one append",
        value=count(round((after - before) / appends, 2)),
        must=1.0,
        note=note,
    )
