"""Commands inside a transaction of the host's, in both colours: ``with steward.joined(connection) as s:``.

The host's rows and the ledger's commit or vanish together. Only commands go in; what a question
answers cannot be rolled back. A receipt that was made inside is true once the host has committed:
hand it out after that. Nothing from inside is remembered by the steward, and what the steward had
queued stays queued until after.

Inside, speak to the joined steward alone: the steward itself uses another connection, and its
commands would wait for this very transaction.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeVar

from .customer import AsyncCustomer, Customer, _Handle
from .errors import Closed, UsageError
from .flows import Pending
from .flows.colours import awaiting, awaiting_one, blocking, blocking_one
from .flows.joining import AsyncInside, Inside, apart, awaiting_bound, bind, blocking_bound
from .storage.unwrapping import driver_connection, driver_connection_async
from .verbs import common, consenting, enrolling, informing, telling

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from datetime import datetime
    from types import TracebackType
    from typing import Self

    from .flows import Awaiting, Blocking, Flow, Setting
    from .policy import Policy

T = TypeVar("T")

_SEEN = "a rollback would unrecord what was already seen"
WHY_NOT: Final = {
    "read": _SEEN,
    "choose": _SEEN,
    "find": _SEEN,
    "history": _SEEN,
    "export": _SEEN,
    "may": "its answer could rest on what is rolled back; ask the steward itself",
    "erase": "a destroyed key cannot be rolled back",
    "sweep": "a destroyed value cannot be rolled back",
    "after_restore": "a destroyed key cannot be rolled back",
    "seal": "a signed checkpoint cannot be rolled back",
    "prove": "a proof is of what has been committed",
}
"""Why a verb is not for the inside of a host's transaction; of the others: it is no command."""
KEY_WRITERS: Final = frozenset({"enroll", "refuse", "withdraw", "object_to", "restrict", "correct"})
"""Commands that write to a key's stream: the key itself, or the floor after a no."""


def _refuse(verb: str) -> Callable[..., NoReturn]:
    why = WHY_NOT.get(verb, "only commands go into the host's transaction")

    def refused(*arguments: Any, **named: Any) -> NoReturn:  # noqa: ARG001  (called as the verb is)
        raise UsageError(
            f"not inside the host's transaction: {why}",
            place=f"joined.{verb}",
            remedy="call it on the steward itself, before or after the transaction",
        )

    return refused


def _missing(name: str, of: type | None = None) -> Callable[..., NoReturn]:
    """Return what stands for a verb that is not for the inside; ``AttributeError`` for no verb."""
    if name.startswith("_") or not (name in WHY_NOT or hasattr(of, name)):
        raise AttributeError(f"no attribute {name!r}")
    return _refuse(name)


class _Joined:
    """What both colours have."""

    def __init__(self, setting: Setting, connection: object) -> None:
        self._outer = setting
        self._connection = connection
        self._inner: Setting | None = None
        self._snapshot = False

    @property
    def _setting(self) -> Setting:
        if self._inner is None:
            raise Closed(
                "nothing is joined yet", place="joined", remedy="with steward.joined(connection) as s:"
            )
        return self._inner

    @property
    def policy(self) -> Policy:
        """The policy in force."""
        return self._outer.policy

    def __repr__(self) -> str:
        """Name the policy."""
        return f"<{type(self).__name__} under {self.policy!r}>"

    def _check(self, verb: str) -> None:
        """Refuse a verb that this transaction could not hold together."""
        if self._outer.split and verb in KEY_WRITERS:
            raise UsageError(
                "it writes to a customer's key, and the keys are in another database",
                place=f"joined.{verb}",
                remedy="call it on the steward itself, outside the transaction",
            )
        if verb == "enroll" and self._snapshot:
            raise UsageError(
                "the transaction does not see who has been erased since it began",
                place="joined.enroll",
                remedy="begin it with ISOLATION LEVEL READ COMMITTED, or enroll before it",
            )


class Joined(_Joined):
    """A steward inside the host's transaction, for one thread; made by ``Steward.joined``."""

    def __init__(self, setting: Setting, driver: Blocking, connection: object) -> None:
        super().__init__(setting, connection)
        self._outside = driver
        self._driver: Inside | None = None

    def __enter__(self) -> Self:
        """Check the host's transaction, and join it.

        Raises:
            UsageError: the connection leads to another database, is in no transaction, or would lose
                what was committed.
            StorageUnavailable: the transaction cannot write.
        """
        if not self._outside.open or not self._outside.is_here:
            raise Closed("the steward is closed", place="joined", remedy="open a new one")
        data, keys = self._outside.storages
        bound = blocking_bound(bind(data, driver_connection(self._connection)))
        self._inner = apart(self._outer)
        self._driver = Inside(self._inner, bound, keys if self._inner.split else None)
        self._driver.enter()
        self._snapshot = self._driver.snapshot
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the transaction to the host, who commits it or rolls it back."""
        if self._driver is not None:
            self._driver.leave()

    def _run(self, flow: Flow[T]) -> T:
        if self._driver is None:
            raise Closed("nothing is joined yet", place="joined", remedy="with steward.joined(...) as s:")
        return self._driver.run(flow)

    def customer(self, ref: str) -> JoinedCustomer:
        """Return a handle to the customer whom the host calls *ref*: no data is read."""
        return JoinedCustomer(self, common.check_ref(ref))

    def enroll(
        self,
        ref: str,
        values: Mapping[str, Any],
        *,
        purpose: str,
        by: str | None = None,
        shown: str | None = None,
        at: datetime | None = None,
        key: str | None = None,
        again: bool = False,
    ) -> JoinedCustomer:
        """Make a customer of *ref*, if the host commits; see ``verbs.enrolling.enroll``."""
        self._check("enroll")
        flow = enrolling.enroll(
            self._setting, ref, values, purpose=purpose, by=by, shown=shown, at=at, key=key, again=again
        )
        return self.customer(self._run(flow))

    notice = blocking(informing.notice)

    if not TYPE_CHECKING:  # a type checker is to say which verbs there are

        def __getattr__(self, name: str) -> Any:
            return _missing(name)


class AsyncJoined(_Joined):
    """The same with ``async with`` and ``await``; made by ``AsyncSteward.joined``."""

    def __init__(
        self, setting: Setting, outside: Callable[[], Awaitable[Awaiting]], connection: object
    ) -> None:
        super().__init__(setting, connection)
        self._outside = outside
        self._driver: AsyncInside | None = None

    async def __aenter__(self) -> Self:
        """Check the host's transaction, and join it; see :meth:`Joined.__enter__`."""
        outside = await self._outside()
        if not outside.open or not outside.is_here:
            raise Closed("the steward is closed", place="joined", remedy="open a new one")
        data, keys = outside.storages
        bound = awaiting_bound(bind(data, await driver_connection_async(self._connection)))
        self._inner = apart(self._outer)
        self._driver = AsyncInside(self._inner, bound, keys if self._inner.split else None)
        await self._driver.enter()
        self._snapshot = self._driver.snapshot
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the transaction to the host, who commits it or rolls it back."""
        if self._driver is not None:
            await self._driver.leave()

    async def _run(self, flow: Flow[T]) -> T:
        if self._driver is None:
            raise Closed(
                "nothing is joined yet", place="joined", remedy="async with steward.joined(...) as s:"
            )
        return await self._driver.run(flow)

    def customer(self, ref: str) -> AsyncJoinedCustomer:
        """Return a handle to the customer whom the host calls *ref*: no data is read."""
        return AsyncJoinedCustomer(self, common.check_ref(ref))

    def enroll(
        self,
        ref: str,
        values: Mapping[str, Any],
        *,
        purpose: str,
        by: str | None = None,
        shown: str | None = None,
        at: datetime | None = None,
        key: str | None = None,
        again: bool = False,
    ) -> Pending[AsyncJoinedCustomer]:
        """Make a customer of *ref*, if the host commits; see ``verbs.enrolling.enroll``."""

        async def run() -> AsyncJoinedCustomer:
            self._check("enroll")
            flow = enrolling.enroll(
                self._setting, ref, values, purpose=purpose, by=by, shown=shown, at=at, key=key, again=again
            )
            return self.customer(await self._run(flow))

        return Pending(run, "enroll")

    notice = awaiting(informing.notice)

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            return _missing(name)


class JoinedCustomer(_Handle):
    """A handle to one customer inside the host's transaction: commands only."""

    __slots__ = ()

    def _run(self, flow: Flow[T]) -> T:
        self._steward._check(getattr(flow, "__name__", ""))
        answer: T = self._steward._run(flow)
        return answer

    put = blocking_one(telling.put)
    record = blocking_one(telling.record)
    correct = blocking_one(telling.correct)
    grant = blocking_one(consenting.grant)
    refuse = blocking_one(consenting.refuse)
    withdraw = blocking_one(consenting.withdraw)
    object_to = blocking_one(consenting.object_to)
    restrict = blocking_one(consenting.restrict)
    lift_restriction = blocking_one(consenting.lift_restriction)

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            return _missing(name, Customer)


class AsyncJoinedCustomer(_Handle):
    """The same with ``await``."""

    __slots__ = ()

    async def _run(self, flow: Flow[T]) -> T:
        self._steward._check(getattr(flow, "__name__", ""))
        answer: T = await self._steward._run(flow)
        return answer

    put = awaiting_one(telling.put)
    record = awaiting_one(telling.record)
    correct = awaiting_one(telling.correct)
    grant = awaiting_one(consenting.grant)
    refuse = awaiting_one(consenting.refuse)
    withdraw = awaiting_one(consenting.withdraw)
    object_to = awaiting_one(consenting.object_to)
    restrict = awaiting_one(consenting.restrict)
    lift_restriction = awaiting_one(consenting.lift_restriction)

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            return _missing(name, AsyncCustomer)
