"""Keys: none left behind by a refused enrolment, none in memory for longer than it may be."""

from __future__ import annotations

import pytest

from clm_ethics import AlreadyEnrolled, Denied
from clm_ethics.flows import streams
from clm_ethics.flows.setting import KEY_LIFE
from clm_ethics.storage.memory import MemoryStorage
from tests.face.shop import enrolled, heads
from tests.regressions.shops import look, shop


@pytest.mark.parametrize("split", [False, True])
def test_a_refused_enrolment_leaves_nothing(split):
    """Neither a living owner nor the register of the erased leaves a key stream or a claim behind."""
    data, kept = MemoryStorage(), MemoryStorage()
    with shop(data, keys_in=kept if split else None) as steward_:
        enrolled(steward_)
        before = (heads(data).keys(), heads(kept).keys())
        for _ in range(3):
            with pytest.raises(AlreadyEnrolled):
                enrolled(steward_)
        assert before == (heads(data).keys(), heads(kept).keys())
        steward_.customer("c-1001").erase(by="customer")
        before = (heads(data).keys(), heads(kept).keys())
        for ref in ("c-1001", "c-2"):  # the second shares the e-mail address
            with pytest.raises(Denied, match=r"customer\.erased"):
                enrolled(steward_, ref)

        assert before == (heads(data).keys(), heads(kept).keys())
        assert ("customer.unknown",) == steward_.customer("c-2").may("account").codes


def test_expired_keys_leave_memory():
    """A key whose five minutes are over is dropped by whoever unwraps the next one, with its opened state."""
    with shop() as steward_:
        for number in range(5):
            enrolled(steward_, f"c-{number}")
        shared, now = steward_._setting.shared, steward_._setting.monotonic()
        steward_._setting.monotonic = lambda: now + 2 * KEY_LIFE
        steward_.customer("c-0").may("account")

        assert 1 == len(shared.sealers)
        assert 1 >= len(shared.opened)


def test_a_key_that_is_erased_while_it_is_loaded_is_not_cached():
    """Whoever loaded the key before an erasure and unwraps it after must not keep it."""
    data = MemoryStorage()
    with shop(data) as steward_:
        ana = enrolled(steward_)
        stream = look(steward_).stream
        setting = steward_._setting
        setting.shared.sealers.clear()
        setting.shared.opened.clear()
        load, tripped = data.load, []

        def then_erase(wanted, /):
            found = load(wanted)
            if streams.key_stream(stream) in wanted and not tripped:
                tripped.append(True)
                ana.erase(by="customer")
            return found

        data.load = then_erase
        ana.may("account")
        data.load = load

        assert tripped
        assert streams.key_stream(stream) not in setting.shared.sealers
        assert ("customer.erased",) == ana.may("account").codes
