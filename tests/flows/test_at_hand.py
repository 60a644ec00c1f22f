"""What is kept at hand saves work and changes no answer: opened states, ways to customers, the queue."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from clm_ethics import Steward
from clm_ethics.errors import SealBroken, StorageCorrupt
from clm_ethics.flows import setting as settings
from clm_ethics.flows import streams
from clm_ethics.policy import Policy
from clm_ethics.storage.memory import MemoryStorage
from clm_ethics.vault.keys import MemoryKeys

NOW = datetime(2026, 5, 4, 10, tzinfo=UTC)
POLICY = Policy.load(Path(__file__).parent.parent.parent / "docs" / "examples" / "policy.toml")


class Counting(MemoryStorage):
    """Counts the commits."""

    def __init__(self):
        super().__init__()
        self.commits = 0

    def commit(self, writes, /):
        self.commits += 1
        return super().commit(writes)


@pytest.fixture
def storage():
    """Return a storage that counts."""
    return Counting()


@pytest.fixture
def shop(storage):
    """Return a steward with batched reads over it."""
    with Steward.open(
        storage, policy=POLICY, keys=MemoryKeys(os.urandom), audit="batched", clock=lambda: NOW
    ) as steward:
        yield steward


def enroll(shop, ref):
    """Enrol somebody with an address."""
    return shop.enroll(ref, {"email": f"{ref}@example.org", "region": "DE"}, purpose="account", by="web")


def stream_of(shop, ref):
    """Return the customer's stream."""
    return shop._setting.remembered_ref(ref)


def opened(shop):
    """Return the states that are at hand."""
    return shop._setting.shared.opened


def test_the_same_bytes_are_opened_once(shop):
    """A state that was sealed or opened is at hand, and the answer is the one that is stored."""
    ana = enroll(shop, "c-1")
    key = streams.key_stream(stream_of(shop, "c-1"))

    assert ana.may("account")
    state = opened(shop)[key].state
    assert ana.may("account")
    assert state is opened(shop)[key].state


@pytest.mark.parametrize("part", ["digest", "state", "length"])
def test_what_is_at_hand_hides_no_alteration(shop, storage, part):
    """A head that was altered is found out although its state was opened a moment ago."""
    ana = enroll(shop, "c-1")
    assert ana.may("account")
    stream = stream_of(shop, "c-1")
    head = storage._heads[stream]
    other = {
        "digest": bytes(32),
        "state": head.state[:-1] + bytes([head.state[-1] ^ 1]),
        "length": head.length + 1,
    }
    storage._heads[stream] = head._replace(**{part: other[part]})

    with pytest.raises((SealBroken, StorageCorrupt)):
        ana.may("account")


def test_another_writer_is_seen_at_once(shop, storage):
    """What another steward on the same storage wrote counts, whatever is at hand here."""
    ana = enroll(shop, "c-1")
    assert ana.may("account")
    with Steward.open(storage, policy=POLICY, keys=shop._setting.provider, clock=lambda: NOW) as other:
        other.customer("c-1").restrict(by="desk", reason="disputed")

    assert not ana.may("account")


def test_an_erasure_drops_the_opened_state(shop):
    """No state, key or reference of who was erased stays in memory."""
    ana = enroll(shop, "c-1")
    assert ana.may("account")
    key = streams.key_stream(stream_of(shop, "c-1"))
    ana.erase(by="customer")

    assert key not in opened(shop)
    assert key not in shop._setting.shared.sealers
    assert "c-1" not in shop._setting.shared.refs


def test_opened_states_are_bounded(shop, monkeypatch):
    """Of too many opened states the oldest go."""
    monkeypatch.setattr(settings, "STATES_CACHED", 3)
    for number in range(5):
        assert enroll(shop, f"c-{number}").may("account")

    assert 3 == len(opened(shop))


def test_a_key_that_is_over_takes_its_state_along(shop):
    """When the time of a key is over, the next key that comes drops it, and its state."""
    time = [0.0]
    shop._setting.monotonic = lambda: time[0]
    assert enroll(shop, "c-1").may("account")
    time[0] = settings.KEY_LIFE + 1
    assert enroll(shop, "c-2").may("account")

    assert [streams.key_stream(stream_of(shop, "c-2"))] == list(opened(shop))


def test_the_queue_is_written_with_one_commit(shop, storage):
    """Reads of many customers that wait are written together."""
    people = [enroll(shop, f"c-{number}") for number in range(7)]
    for ana in people:
        assert ana.read("account", by="web")
    before = storage.commits
    shop._flush()

    assert 1 == storage.commits - before
    assert [2] * 7 == [storage._heads[stream_of(shop, f"c-{number}")].length for number in range(7)]
