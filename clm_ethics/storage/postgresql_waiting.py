"""Connections that wait no longer than was agreed, and notice a commit that no replica confirmed.

A server that is frozen, or a primary that is cut off from the replicas it must wait for, says
nothing: its socket stays open, and no setting of the server ends the wait for a replica. So the
client ends it. What had been asked for stays unknown.
"""

from __future__ import annotations

from contextlib import suppress
from functools import cached_property
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar

import psycopg
from psycopg import conninfo as addresses

from clm_ethics.storage.postgresql_sql import CONFIRM, Row

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from psycopg.abc import PQGen
    from psycopg.errors import Diagnostic

T = TypeVar("T")

SHORTEST: Final = 2.0
"""The least time for a server that is asked whether it leads, in seconds."""
_SYNCHRONOUS: Final = (
    "SELECT current_setting('synchronous_standby_names') <> '' AND NOT pg_is_in_recovery(),"
    " set_config('synchronous_commit', 'on', false)"
)


class _Waiting:
    """What both colours of connection know.

    Attributes:
        patience: how long the server may say nothing, in seconds; ``None``: for ever.
        confirms: whether answers count only once a replica has confirmed that this server leads.
        doubted: whether the server has warned since :meth:`attend`: it does if somebody cancels
            the wait for a replica, and then reports success all the same.
        writing: whether a commit is under way, which is not cancelled.
    """

    patience: float | None = None
    confirms = False
    doubted = False
    writing = False

    def attend(self, *, writing: bool) -> None:
        """Begin a call."""
        self.doubted = False
        self.writing = writing

    def hear(self, notice: Diagnostic) -> None:
        """Take note of a warning; names and texts of warnings differ by version and language."""
        if notice.severity_nonlocalized == "WARNING":
            self.doubted = True


class Connection(psycopg.Connection[Row], _Waiting):
    """A blocking connection."""

    @cached_property
    def kept(self) -> psycopg.Cursor[Row]:
        """A cursor for whatever is asked alone: a new one each time costs as much as a tenth of an insert."""
        return self.cursor()

    @classmethod
    def connect(cls, conninfo: str = "", **named: Any) -> Self:
        """Connect to the first server that qualifies; of several, to one whose replicas confirm it.

        A primary that was replaced without noticing qualifies for libpq, and would be found
        again and again.
        """
        last: psycopg.Error | None = None
        hosts = list(_hosts(conninfo))
        for host, patience in hosts:
            try:
                connection = super().connect(host, **named)
                if len(hosts) > 1:
                    connection.leads(patience)
            except psycopg.Error as error:
                last = error
            else:
                return connection
        raise last or psycopg.OperationalError("no host is named")

    def leads(self, patience: float) -> None:
        """Raise, and close, unless a replica confirms that this server leads."""
        self.patience = patience
        self.add_notice_handler(self.hear)
        try:
            row = self.execute(_SYNCHRONOUS).fetchone()
            if row and row[0]:
                with self.transaction():
                    self.execute(*CONFIRM)
            if self.doubted:
                raise psycopg.OperationalError("no replica has confirmed that it leads")
        except BaseException:
            with suppress(psycopg.Error):
                self.close()
            raise
        self.remove_notice_handler(self.hear)

    def wait(self, gen: PQGen[T], *more: Any, **named: Any) -> T:
        """Wait for the answer; close the connection if none comes."""
        return super().wait(_bounded(self, gen, self.patience), *more, **named)

    def cancel_safe(self, **named: Any) -> None:
        """Cancel a question. A commit would become visible here without being anywhere else."""
        if not self.writing:
            super().cancel_safe(**named)


class AsyncConnection(psycopg.AsyncConnection[Row], _Waiting):
    """An awaiting connection."""

    @cached_property
    def kept(self) -> psycopg.AsyncCursor[Row]:
        """See :attr:`Connection.kept`."""
        return self.cursor()

    @classmethod
    async def connect(cls, conninfo: str = "", **named: Any) -> Self:
        """See :meth:`Connection.connect`."""
        last: psycopg.Error | None = None
        hosts = list(_hosts(conninfo))
        for host, patience in hosts:
            try:
                connection = await super().connect(host, **named)
                if len(hosts) > 1:
                    await connection.leads(patience)
            except psycopg.Error as error:
                last = error
            else:
                return connection
        raise last or psycopg.OperationalError("no host is named")

    async def leads(self, patience: float) -> None:
        """See :meth:`Connection.leads`."""
        self.patience = patience
        self.add_notice_handler(self.hear)
        try:
            row = await (await self.execute(_SYNCHRONOUS)).fetchone()
            if row and row[0]:
                async with self.transaction():
                    await self.execute(*CONFIRM)
            if self.doubted:
                raise psycopg.OperationalError("no replica has confirmed that it leads")
        except BaseException:
            with suppress(psycopg.Error):
                await self.close()
            raise
        self.remove_notice_handler(self.hear)

    async def wait(self, gen: PQGen[T], *more: Any, **named: Any) -> T:
        """See :meth:`Connection.wait`."""
        return await super().wait(_bounded(self, gen, self.patience), *more, **named)

    async def cancel_safe(self, **named: Any) -> None:
        """See :meth:`Connection.cancel_safe`."""
        if not self.writing:
            await super().cancel_safe(**named)


def _hosts(conninfo: str) -> Iterator[tuple[str, float]]:
    """Split an address of several servers into one each, with how long each is waited for."""
    given: dict[str, Any] = addresses.conninfo_to_dict(conninfo)
    lists = {name: str(given[name]).split(",") for name in ("host", "hostaddr", "port") if name in given}
    count = max((len(each) for each in lists.values()), default=1)
    patience = max(SHORTEST, float(given.get("connect_timeout", SHORTEST)))
    for n in range(count):
        # one port may stand for all hosts
        one: dict[str, Any] = {name: each[n if len(each) > 1 else 0] for name, each in lists.items()}
        yield addresses.make_conninfo("", **{**given, **one}), patience


def _bounded(
    connection: Connection | AsyncConnection, asked: PQGen[T], patience: float | None
) -> Generator[Any, Any, T]:
    """Pass on what *asked* waits for, until nothing at all has come for *patience* seconds."""
    try:
        wanted = next(asked)
        heard = monotonic()
        while True:
            ready = yield wanted
            if ready:
                heard = monotonic()
            elif patience is not None and monotonic() - heard > patience:
                connection.pgconn.finish()
                raise psycopg.OperationalError("the server said nothing for too long")
            wanted = asked.send(ready)
    except StopIteration as done:
        answer: T = done.value
        return answer
