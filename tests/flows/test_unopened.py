"""Verbs of several callers share one write; a stream that does not open fails its own callers alone."""

from __future__ import annotations

from functools import partial

import pytest

from clm_ethics.errors import SealBroken, StorageCorrupt
from clm_ethics.flows import streams
from clm_ethics.storage.memory import MemoryStorage
from tests.face.shop import Counting, Seeded, enrolled, steward
from tests.regressions.shops import together

REFS = ("c-1", "c-2", "c-3")


def altered(part):
    """Return a storage with three customers; the second's *part* has been altered."""
    storage = MemoryStorage()
    with steward(storage) as shop:
        for ref in REFS:
            enrolled(shop, ref)
        stream = shop._setting.remembered_ref("c-2")
    name = streams.key_stream(stream) if part == "key" else stream
    head = storage._heads[name]
    if part == "length":
        storage._heads[name] = head._replace(length=head.length + 1)
    else:
        storage._heads[name] = head._replace(state=head.state[:-1] + bytes([head.state[-1] ^ 1]))
    return storage


def tell(shop):
    """Let three callers refuse something at once; return what came of each."""
    calls = {ref: partial(shop.customer(ref).refuse, "recommendations", by="customer") for ref in REFS}
    return together(shop, **calls)


@pytest.mark.parametrize("part", ["state", "length", "key"])
def test_a_stream_that_does_not_open_fails_nobody_else(part):
    """Two no's are written although a third customer's stream, or key, was altered; and they stand."""
    storage = Counting(altered(part))
    with steward(storage, random=Seeded(part)) as shop:
        before = storage.calls["commit"]
        came = tell(shop)

        assert isinstance(came["c-2"], (SealBroken, StorageCorrupt))
        for ref in ("c-1", "c-3"):
            assert "consent.refused" in shop.customer(ref).may("recommendations").codes
            assert came[ref].effect
        # The two share a write, and each no raises its own floor.
        assert 1 <= storage.calls["commit"] - before <= 3
