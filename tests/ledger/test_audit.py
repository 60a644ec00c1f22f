"""The check of a stream: silent over every honest history, and it names every kind of tampering."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clm_ethics.ledger import record
from clm_ethics.ledger.audit import MAX_FAULTS, SKEW, Fault, FaultKind, StreamCheck

STREAM = b"customer-stream!"
HOUR = 3_600_000_000
KEY = b"k" * 16

Row = tuple[int, bytes, bytes | None]


class History(NamedTuple):
    """What a storage and a log hold of a stream."""

    rows: list[Row]
    seals: list[tuple[int, bytes, int]]
    length: int
    digest: bytes


def row(index: int, at: int, said: dict[str, Any] | None = None) -> Row:
    """Return one entry; with *said*, in clear."""
    if said is None:
        head = record.header(index, at, KEY)
        body = record.body(head, record.commitment(b"s" * 32, str(index).encode()), bytes([index % 256]) * 70)
    else:
        body = record.clear_body(index, at, b"s" * 32, json.dumps(said).encode())
    return index, record.entry_digest(body), body


def chain(rows: list[Row]) -> bytes:
    """Return the chain over the digests of *rows*."""
    found = record.chain_start(STREAM)
    for _, digest, _ in rows:
        found = record.chain_next(found, digest)
    return found


def history(rows: list[Row], sealed: list[int]) -> History:
    """Return *rows* with seals at these lengths, half an hour after their last entry."""
    seals = [(length, chain(rows[:length]), length * HOUR + HOUR // 2) for length in sealed]
    return History(rows, seals, len(rows), chain(rows))


def plain(count: int, sealed: list[int]) -> History:
    """Return *count* sealed entries, an hour apart."""
    return history([row(each, each * HOUR) for each in range(1, count + 1)], sealed)


def faults(told: History, *, page: int = 1000, **options: Any) -> list[Fault]:
    """Check a history, fed in pages."""
    check = StreamCheck(STREAM, told.seals)
    for at in range(0, len(told.rows), page):
        check.feed(told.rows[at : at + page])
    return check.finish(told.length, told.digest, **options)


def kinds(told: History, **options: Any) -> list[tuple[str, int]]:
    """Return kind and index of every fault."""
    return [(str(each.kind), each.index) for each in faults(told, **options)]


@given(st.data(), st.integers(0, 12))
def test_an_honest_history_has_no_fault(data: st.DataObject, count: int) -> None:
    """Any seals, any pages, equal times, forgotten bodies that are named: nothing is told."""
    sealed = data.draw(st.lists(st.integers(1, count), max_size=4) if count else st.just([]))
    rows = [row(each, (each // 2 + 1) * HOUR) for each in range(1, count + 1)]
    gone = data.draw(st.sets(st.integers(1, count))) if count else set()
    ranges = [[each, each] for each in gone]
    rows.append(row(count + 1, (count + 1) * HOUR, {"kind": "forgotten", "ranges": ranges}))
    told = history(rows, [])
    seals = [(length, chain(rows[:length]), (length // 2 + 1) * HOUR) for length in sealed]
    kept = [(i, digest, None if i in gone else body) for i, digest, body in told.rows]
    assert [] == faults(told._replace(rows=kept, seals=seals), page=data.draw(st.integers(1, 5)))


@given(st.data(), st.integers(1, 10))
def test_a_flipped_bit_is_told(data: st.DataObject, count: int) -> None:
    """Whatever bit of a body or digest is flipped, that entry is named, in any paging."""
    told = plain(count, [count])
    index = data.draw(st.integers(1, count))
    which = data.draw(st.sampled_from([1, 2]))
    changed: list[Any] = list(told.rows[index - 1])
    raw = bytearray(changed[which])
    bit = data.draw(st.integers(0, len(raw) * 8 - 1))
    raw[bit // 8] ^= 1 << bit % 8
    changed[which] = bytes(raw)
    rows = [*told.rows[: index - 1], tuple(changed), *told.rows[index:]]
    found = faults(told._replace(rows=rows), page=data.draw(st.integers(1, 4)))
    assert (FaultKind.ALTERED, index) in [(each.kind, each.index) for each in found]


def test_an_altered_entry_is_told_alone() -> None:
    """One altered body is one fault: the chain over the digests still stands."""
    told = plain(6, [3, 6])
    rows = list(told.rows)
    rows[3] = (4, rows[3][1], (rows[3][2] or b"")[:-1] + b"\0")
    assert [("altered", 4)] == kinds(told._replace(rows=rows))


@given(st.data(), st.integers(2, 9))
def test_a_removed_entry_is_told(data: st.DataObject, count: int) -> None:
    """A gap is named, and a seal right before the rest lets the check go on."""
    told = plain(count, [])
    index = data.draw(st.integers(1, count - 1))
    rows = told.rows[: index - 1] + told.rows[index:]
    assert [("removed", index)] == kinds(told._replace(rows=rows))


def test_after_a_gap_the_next_seal_sets_the_chain_right() -> None:
    """What was removed before a seal does not hide what was rewritten after it."""
    told = plain(6, [2, 3, 6])
    rows = [told.rows[0], told.rows[3], row(5, 5 * HOUR, {"kind": "forged"}), told.rows[5]]
    assert [("removed", 2), ("forked", 6)] == kinds(told._replace(rows=rows))


def test_a_body_that_is_gone_without_a_word_is_told() -> None:
    """Bodies that no entry names as forgotten were removed; those that are named were not."""
    rows = [row(each, each * HOUR) for each in range(1, 9)]
    rows.append(row(9, 9 * HOUR, {"kind": "forgotten", "ranges": [[2, 3], [5, 5]]}))
    told = history(rows, [4, 9])
    kept = [(i, digest, None if i in {2, 3, 4, 5, 6} else body) for i, digest, body in rows]
    expected = [("removed", 4), ("removed", 6)]
    assert expected == kinds(told._replace(rows=kept))
    assert [("removed", 6)] == kinds(told._replace(rows=kept), forgotten=[(4, 4)])


def test_an_erasure_names_all_before_it() -> None:
    """After an erasure has begun, every earlier body may be gone, but no later one."""
    rows = [row(each, each * HOUR) for each in range(1, 4)]
    rows += [row(4, 4 * HOUR, {"kind": "erasure_begun"}), row(5, 5 * HOUR)]
    told = history(rows, [5])
    gone = [(i, digest, None if i < 4 else body) for i, digest, body in rows]
    assert [] == faults(told._replace(rows=gone))
    gone[4] = (5, gone[4][1], None)
    assert [("removed", 5)] == kinds(told._replace(rows=gone))


@pytest.mark.parametrize(
    "ranges", [None, "1-2", [[2]], [[2, 1]], [[0, 1]], [[1, 3]], [["1", "2"]], [[True, 2]], [[1, 2, 3]]]
)
def test_a_forgetting_that_cannot_be_read_names_nothing(ranges: Any) -> None:
    """Only ranges of entries before it count."""
    said = {"kind": "forgotten", "ranges": ranges}
    rows = [row(1, HOUR), row(2, 2 * HOUR), row(3, 3 * HOUR, said)]
    told = history(rows, [])
    assert ("altered", 3) in kinds(told)


def test_a_clear_entry_that_commits_to_something_else_is_told() -> None:
    """In clear, the commitment must be to what stands there."""
    head = record.header(1, HOUR, clear=True)
    body = record.body(head, record.commitment(b"s" * 32, b"{}"), b"s" * 32 + b'{"kind":"erasure_begun"}')
    told = history([(1, record.entry_digest(body), body)], [])
    assert [("altered", 1)] == kinds(told)


@given(st.data(), st.integers(2, 8))
def test_swapped_entries_are_told(data: st.DataObject, count: int) -> None:
    """Two entries that changed places are both named, though each is intact."""
    first = data.draw(st.integers(1, count - 1))
    second = data.draw(st.integers(first + 1, count))
    told = plain(count, [count])
    rows = list(told.rows)
    one, other = rows[first - 1], rows[second - 1]
    rows[first - 1], rows[second - 1] = (first, *other[1:]), (second, *one[1:])
    found = kinds(told._replace(rows=rows))
    assert {("reordered", first), ("reordered", second)} <= set(found)


def test_rows_that_come_twice_are_told() -> None:
    """A repeated row is named, and the rest is still checked."""
    told = plain(3, [3])
    assert [("reordered", 2)] == kinds(told._replace(rows=[*told.rows[:2], told.rows[1], told.rows[2]]))


@given(st.data(), st.integers(1, 8))
def test_a_cut_stream_is_told(data: st.DataObject, count: int) -> None:
    """Entries and head cut together, below a seal: truncated, at the new end."""
    told = plain(count, [count])
    left = data.draw(st.integers(0, count - 1))
    rows = told.rows[:left]
    cut = told._replace(rows=rows, length=left, digest=chain(rows))
    assert [("truncated", left)] == kinds(cut)


def test_a_head_that_counts_more_or_less_is_told() -> None:
    """Length of the head and number of entries agree."""
    told = plain(3, [])
    assert [("truncated", 2)] == kinds(told._replace(rows=told.rows[:2]))
    assert [("altered", 3)] == kinds(told._replace(length=2))


def test_a_head_with_another_digest_is_told() -> None:
    """The digest of the head is the chain over its entries."""
    told = plain(3, [2])
    assert [("altered", 3)] == kinds(told._replace(digest=bytes(32)))


@given(st.data(), st.integers(1, 8))
def test_a_rewritten_history_is_told(data: st.DataObject, count: int) -> None:
    """Entries rewritten with their digests and head do not fit the seal: forked."""
    honest = plain(count, [count])
    index = data.draw(st.integers(1, count))
    rows = [*honest.rows]
    rows[index - 1] = row(index, index * HOUR, {"kind": "forged"})
    forged = History(rows, honest.seals, count, chain(rows))
    assert [("forked", count)] == kinds(forged)


def test_two_seals_that_contradict_each_other_are_told() -> None:
    """A log that sealed two histories of one stream is named, even if one of them stands here."""
    told = plain(3, [3])
    assert [("forked", 3)] == kinds(told._replace(seals=[*told.seals, (3, bytes(32), 4 * HOUR)]))


def test_a_seal_of_an_empty_stream_fits_its_start() -> None:
    """A seal at length 0 names the start of the chain."""
    told = plain(1, [])
    start = record.chain_start(STREAM)
    assert [] == faults(told._replace(seals=[(0, start, HOUR)]))
    assert [("forked", 0)] == kinds(told._replace(seals=[(0, bytes(32), HOUR)]))


@given(st.integers(1, 5), st.integers(1, 5))
def test_an_entry_older_than_the_seal_before_it_is_told(before: int, after: int) -> None:
    """What was appended after a seal cannot have happened before it; clocks may differ a little."""
    rows = [row(each, HOUR) for each in range(1, before + after + 1)]
    told = history(rows, [])
    late = (before, chain(rows[:before]), HOUR + SKEW + 1)
    assert ("back_dated", before + 1) in kinds(told._replace(seals=[late]))
    assert [] == faults(told._replace(seals=[(before, late[1], HOUR + SKEW)]))


def test_a_seal_written_twice_counts_from_its_first_time() -> None:
    """A notary that stopped half-way repeats a leaf: that makes nobody back-dated."""
    told = plain(2, [1])
    again = (1, told.seals[0][1], 40 * HOUR)
    assert [] == faults(told._replace(seals=[*told.seals, again]))


def test_time_that_runs_backwards_is_told() -> None:
    """Within a stream, time never runs backwards; the entry itself is named, not the rest."""
    rows = [row(1, 5 * HOUR), row(2, 4 * HOUR), row(3, 6 * HOUR)]
    assert [("back_dated", 2)] == kinds(history(rows, [3]))


def test_an_altered_time_does_not_accuse_the_rest() -> None:
    """A flipped time belongs to the altered entry alone."""
    told = plain(3, [3])
    rows = list(told.rows)
    body = rows[0][2] or b""
    rows[0] = (1, rows[0][1], body[:10] + b"\x7f" + body[11:])
    assert [("altered", 1)] == kinds(told._replace(rows=rows))


def test_entries_that_nobody_seals_are_told() -> None:
    """The oldest entry after the last seal must not be older than allowed."""
    told = plain(5, [2, 3])
    assert [("unsealed_too_long", 4)] == kinds(told, unsealed_before=4 * HOUR)
    assert [] == faults(told, unsealed_before=4 * HOUR - 1)
    assert [] == faults(plain(3, [3]), unsealed_before=99 * HOUR)
    assert [("unsealed_too_long", 1)] == kinds(plain(1, []), unsealed_before=HOUR)


def test_bodies_that_are_no_entries_are_told() -> None:
    """Empty, short or of an unknown format, even with a digest that fits."""
    for body in (b"", b"x" * 65, b"\x02" * 140, record.header(1, 1, KEY) + bytes(40)):
        told = history([(1, record.entry_digest(body), body)], [])
        assert ("altered", 1) in kinds(told)


def test_a_stream_of_faults_is_counted_and_not_kept() -> None:
    """A hundred faults are told; of the rest only the number."""
    told = plain(MAX_FAULTS + 20, [])
    rows: list[Row] = [(index, digest, b"") for index, digest, _ in told.rows]
    found = faults(told._replace(rows=rows))
    assert MAX_FAULTS == len(found)
    assert found[-1].text.endswith(f"and {2 * (MAX_FAULTS + 20) - MAX_FAULTS} more faults")


def test_a_fault_reads_as_a_sentence() -> None:
    """Stream and what is wrong, in words."""
    told = plain(2, [2])
    found = faults(told._replace(rows=told.rows[:1], length=1, digest=chain(told.rows[:1])))
    assert f"stream {STREAM.hex()}: sealed up to entry 2, ends at entry 1" == str(found[0])


def test_runs_of_forgotten_bodies_take_no_room() -> None:
    """However long a run without bodies is, one pair of numbers stands for it."""
    check = StreamCheck(STREAM)
    check.feed((index, bytes(32), None) for index in range(1, 5001))
    assert [[1, 5000]] == check._missing
