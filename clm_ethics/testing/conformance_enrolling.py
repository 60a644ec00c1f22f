"""Two enrolments of one reference over the storage under test, paused at every step (guarantee 2)."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import pytest

from clm_ethics.errors import AlreadyEnrolled, Busy
from clm_ethics.testing.hostile import HostileStorage

if TYPE_CHECKING:
    from clm_ethics.steward import Steward
    from clm_ethics.storage.contract import Storage
    from clm_ethics.testing.conformance_tools import Connect

_POLICY: Final = """
format = 1
[controller]
name = "Conformance"
contact = "nobody@example.org"
established = ["DE"]
markets = ["DE"]
audience = "adults"
locales = ["en"]
[fields]
email = { type = "text", category = "user.contact.email", lookup = "email" }
[purposes.account]
title = { en = "Run your account" }
processing = ["essential"]
basis = "contract"
fields = ["email"]
keep = { for = "P30D", from = "contract_end" }
"""
MOST_STEPS: Final = 60


class Enrolling:
    """What the library itself asks of a conditional write."""

    @pytest.mark.parametrize("split", [False, True], ids=["in between", "and left there"])
    def test_02_conditional_racing_enrolments(self, opens: Connect, split: bool) -> None:  # noqa: FBT001 -- a parameter
        """However far one enrolment is when another comes, or when it dies, one customer lives in the end."""
        from clm_ethics.policy import Policy
        from clm_ethics.vault.keys import MemoryKeys

        policy, keys = Policy.parse(_POLICY), MemoryKeys()
        mine, theirs = opens(), opens()
        for step in range(1, MOST_STEPS):
            reference = f"c-{split}-{step}"
            intruder = _Intruder(theirs, policy, keys, reference, step, dies=split)
            paused = HostileStorage(mine, pause=intruder)
            with _open(paused, policy, keys) as shop:
                intruder.armed = True
                with suppress(AlreadyEnrolled, Busy, _Died):
                    shop.enroll(reference, {"email": "mine@example.org"}, purpose="account", by="mine")
                intruder.armed = False
            if not intruder.came:
                return
            self._one_lives(opens(), policy, keys, reference)
        pytest.fail(f"an enrolment has not ended after {MOST_STEPS} calls")

    def _one_lives(self, storage: Storage, policy: Any, keys: Any, reference: str) -> None:
        with _open(storage, policy, keys) as shop:
            email = shop.customer(reference).read("account", by="check")["email"]
            found = [
                each
                for each in ("mine@example.org", "theirs@example.org")
                for customer in shop.find("email", each, purpose="account")
                if customer.ref == reference
            ]
        assert [email] == found


class _Died(Exception):
    """The program ended here."""


class _Intruder:
    """Enrols the same reference when the other one makes its call number *step*."""

    def __init__(
        self, storage: Storage, policy: Any, keys: Any, reference: str, step: int, *, dies: bool
    ) -> None:
        self.storage, self.policy, self.keys = storage, policy, keys
        self.reference, self.step, self.dies = reference, step, dies
        self.armed, self.came, self.calls = False, False, 0

    def __call__(self) -> None:
        self.calls += self.armed
        if not self.armed or self.calls != self.step:
            return
        self.came, self.armed = True, False
        with _open(self.storage, self.policy, self.keys) as shop, suppress(AlreadyEnrolled):
            shop.enroll(self.reference, {"email": "theirs@example.org"}, purpose="account", by="theirs")
        if self.dies:
            raise _Died


def _open(storage: Storage, policy: Any, keys: Any) -> Steward:
    from clm_ethics.steward import Steward

    return Steward.open(storage, policy=policy, keys=keys)


__all__ = ["Enrolling"]
