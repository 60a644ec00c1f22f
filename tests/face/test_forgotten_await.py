"""A verb of the awaiting face that nobody awaited is never taken for its answer."""

from __future__ import annotations

import asyncio
import gc
import inspect
import warnings
from collections.abc import Coroutine
from datetime import UTC, datetime
from typing import Any

import pytest

from clm_ethics import AsyncSteward, NotAwaited, Offer
from clm_ethics.errors import Closed
from tests.face.shop import EMAIL, POLICY, Clock, Seeded


def shop() -> AsyncSteward:
    """Return a steward that is not connected yet."""
    return AsyncSteward.memory(POLICY, clock=Clock(), random=Seeded())


MISUSES: dict[str, Any] = {
    "if": lambda p: 1 if p else 0,
    "not": lambda p: not p,
    "and": lambda p: p and 1,
    "[]": lambda p: p["email"],
    "for": lambda p: [each for each in p],  # noqa: C416
    "list": list,
    "in": lambda p: "email" in p,
    "len": len,
    "==": lambda p: p == True,  # noqa: E712
    "!=": lambda p: p != None,  # noqa: E711
    "unpack": lambda p: [*p],
    "bool": bool,
    "any": lambda p: any([p]),
    "filter": lambda p: list(filter(None, [p])),
}


@pytest.mark.parametrize("name", MISUSES)
def test_using_a_pending_answer_raises(name):
    """Truth, items, iteration, membership, length and equality; the error says where to write ``await``."""
    pending = shop().customer("c-1").may("account")
    with pytest.raises(NotAwaited) as caught:
        MISUSES[name](pending)
    assert "may" in str(caught.value)
    assert "await" in caught.value.remedy
    del pending
    gc.collect()  # it was told already: no second complaint


VERBS: dict[str, Any] = {
    "enroll": lambda s, c: s.enroll("c-2", {}, purpose="account", by="t"),
    "find": lambda s, c: s.find("email", EMAIL, purpose="account", by="t"),
    "notice": lambda s, c: s.notice("account"),
    "seal": lambda s, c: s.seal(),
    "sweep": lambda s, c: s.sweep(),
    "due_consents": lambda s, c: s.due_consents(datetime(2027, 1, 1, tzinfo=UTC)),
    "prove": lambda s, c: s.prove(None),
    "after_restore": lambda s, c: s.after_restore(by="t"),
    "verify": lambda s, c: s.ledger.verify(),
    "checkpoint": lambda s, c: s.ledger.checkpoint(),
    "close": lambda s, c: s.close(),
    "put": lambda s, c: c.put({}, purpose="account", by="t"),
    "record": lambda s, c: c.record("order_placed", {}, purpose="order", by="t"),
    "correct": lambda s, c: c.correct({}, by="t"),
    "grant": lambda s, c: c.grant("newsletter", shown="x", by="t"),
    "refuse": lambda s, c: c.refuse("newsletter", by="t"),
    "withdraw": lambda s, c: c.withdraw("newsletter", by="t"),
    "object_to": lambda s, c: c.object_to("newsletter", by="t"),
    "restrict": lambda s, c: c.restrict(by="t", reason="x"),
    "lift_restriction": lambda s, c: c.lift_restriction(by="t"),
    "may": lambda s, c: c.may("account"),
    "read": lambda s, c: c.read("account", by="t"),
    "choose": lambda s, c: c.choose([Offer("x", purpose="newsletter")], channel="email", by="t"),
    "history": lambda s, c: c.history(),
    "plan_erase": lambda s, c: c.plan_erase(),
    "erase": lambda s, c: c.erase(by="t"),
}


@pytest.mark.parametrize("name", VERBS)
def test_every_verb_dropped_without_await_warns(name):
    """A withdrawal that was never made is worse than a warning."""
    opened = shop()
    pending = VERBS[name](opened, opened.customer("c-1"))
    assert isinstance(pending, Coroutine)
    assert inspect.isawaitable(pending)
    with pytest.raises(NotAwaited):
        bool(pending)
    with pytest.warns(RuntimeWarning, match=f"`{name}` was never awaited"):
        drop(VERBS[name], opened)


def drop(verb: Any, opened: AsyncSteward) -> None:
    """Call a verb, and forget what it returned."""
    verb(opened, opened.customer("c-1"))
    gc.collect()


def test_a_pending_answer_works_wherever_a_coroutine_does():
    """In tasks, groups, ``gather``, ``wait_for`` and ``asyncio.run``."""

    async def story() -> None:
        async with shop() as opened:
            ana = await asyncio.create_task(opened.enroll("c-1", {}, purpose="account", by="t"))
            first, second = await asyncio.gather(ana.may("account"), ana.may("newsletter"))
            assert first
            assert not second
            assert await asyncio.wait_for(ana.may("account"), 60)
            async with asyncio.TaskGroup() as group:
                task = group.create_task(ana.refuse("newsletter", by="t"))
            assert "refused" == task.result().kind

    asyncio.run(story())
    decision = asyncio.run(shop().customer("nobody").may("account"))
    assert ("customer.unknown",) == decision.codes


def test_what_is_closed_on_purpose_does_not_warn():
    """``close()`` gives it up, as for any coroutine; awaiting twice is an error."""
    opened = shop()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        opened.customer("c-1").may("account").close()
        gc.collect()

    async def twice() -> None:
        pending = opened.customer("c-1").may("account")
        assert not await pending
        with pytest.raises(RuntimeError):
            await pending

    asyncio.run(twice())


def test_a_closed_awaiting_steward_says_so():
    """Also when it was closed before it was ever connected."""

    async def story() -> None:
        opened = shop()
        async with opened:
            ana = await opened.enroll("c-1", {}, purpose="account", by="t")
        await opened.close()
        with pytest.raises(Closed):
            await ana.may("account")
        never = shop()
        await never.close()
        with pytest.raises(Closed):
            await never.customer("c-1").may("account")

    asyncio.run(story())


def test_a_wrong_call_is_told_when_it_is_awaited():
    """The call itself only binds: a wrong argument name is told at once, a wrong value by ``await``."""
    opened = shop()
    with pytest.raises(TypeError):
        opened.customer("c-1").may("account", chanel="email")
    from clm_ethics import UnknownName

    with pytest.raises(UnknownName):
        asyncio.run(opened.customer("c-1").may("accont"))
