"""The lines between the nodes of a cluster on one machine: each can be cut, and says nothing then."""

from __future__ import annotations

import asyncio
import random
import socket
from contextlib import suppress
from threading import Thread
from typing import Self

LOOPBACK = "127.0.0.1"
QUIET = (10_000, 32_000)
"""Below what Linux gives to outgoing connections."""


class Line:
    """Listens on a port of its own, and passes on what comes to *target* and back.

    Attributes:
        port: where it listens.
    """

    def __init__(self, target: int) -> None:
        self._target = target
        self._whole = asyncio.Event()
        self._whole.set()
        self._connections: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self.port = 0

    async def open(self) -> None:
        """Begin to listen."""
        self._server = await asyncio.start_server(self._connected, LOOPBACK, 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def cut(self, *, cut: bool) -> None:
        """Let nothing pass, and tell nobody, as in a network that fails; or mend that.

        Connections from before have ended then.
        """
        if cut:
            self._whole.clear()
        else:
            await self._drop()
            self._whole.set()

    async def close(self) -> None:
        """End everything."""
        if self._server is not None:
            self._server.close()
        await self._drop()

    async def _drop(self) -> None:
        for each in self._connections:
            each.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _connected(self, near: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        ends = [back]
        try:
            await self._whole.wait()
            far, forth = await asyncio.open_connection(LOOPBACK, self._target)
            ends.append(forth)
            ways = {
                asyncio.ensure_future(self._pass(near, forth)),
                asyncio.ensure_future(self._pass(far, back)),
            }
            try:
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for way in ways:
                    way.cancel()
                await asyncio.gather(*ways, return_exceptions=True)
        except (OSError, asyncio.CancelledError):  # nobody listens there now; or the line is mended
            pass
        finally:
            self._connections.discard(task)
            for end in ends:
                end.transport.abort()

    async def _pass(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await source.read(1 << 16):
                await self._whole.wait()
                target.write(data)
                await target.drain()


class Network:
    """All lines, served by one thread."""

    def __init__(self) -> None:
        self._lines: list[Line] = []
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        for line in self._lines:
            asyncio.run_coroutine_threadsafe(line.close(), self._loop).result(60)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(60)
        self._loop.close()

    def line(self, target: int) -> Line:
        """Lay one more line."""
        line = Line(target)
        self._lines.append(line)
        asyncio.run_coroutine_threadsafe(line.open(), self._loop).result(60)
        return line

    def cut(self, lines: list[Line], *, cut: bool) -> None:
        """Cut *lines*, or mend them."""
        for line in lines:
            asyncio.run_coroutine_threadsafe(line.cut(cut=cut), self._loop).result(60)


def free_ports(count: int) -> list[int]:
    """Return ports that nobody listens on, and that no outgoing connection is given meanwhile."""
    found: list[int] = []
    while len(found) < count:
        port = random.randrange(*QUIET)
        with suppress(OSError), socket.create_server((LOOPBACK, port)):
            found.append(port)
    return found
