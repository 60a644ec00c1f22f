"""A socket between client and server that cuts the connection at a chosen moment."""

from __future__ import annotations

import select
import socket
from threading import Thread
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from pathlib import Path

PORT = ".s.PGSQL.5432"


class Proxy:
    """Listens in *folder* for what listens in *server*.

    Attributes:
        cut: ``""``: pass everything on; ``"question"``: the next question is not passed on, and both
            connections end; ``"answer"``: it is, the server answers, and the answer is thrown away.
            Afterwards it passes everything on again.
    """

    def __init__(self, folder: Path, server: Path) -> None:
        self.cut = ""
        self._server = str(server / PORT)
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(folder / PORT))
        self._listening.listen()
        self._wake, self._woken = socket.socketpair()
        self._thread = Thread(target=self._serve)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._wake.close()
        self._thread.join(60)
        self._woken.close()
        self._listening.close()

    def _serve(self) -> None:
        pairs: dict[socket.socket, socket.socket] = {}
        clients: set[socket.socket] = set()
        while True:
            ready, _, _ = select.select([self._listening, self._woken, *pairs], [], [])
            if self._woken in ready:
                break
            for each in ready:
                if each is self._listening:
                    client, server = self._listening.accept()[0], socket.socket(socket.AF_UNIX)
                    server.connect(self._server)
                    pairs |= {client: server, server: client}
                    clients.add(client)
                elif each in pairs and not self._relay(each, pairs[each], asks=each in clients):
                    for end in (pairs.pop(each), each):
                        pairs.pop(end, None)
                        clients.discard(end)
                        end.close()
        for end in pairs:
            end.close()

    def _relay(self, source: socket.socket, target: socket.socket, *, asks: bool) -> bool:
        """Pass on what *source* says; tell whether the connection goes on."""
        data = source.recv(1 << 16)
        cutting = self.cut == ("question" if asks else "answer")
        if data and cutting:
            self.cut = ""
        elif data:
            target.sendall(data)
        return bool(data) and not cutting


class Counting(Proxy):
    """Passes everything on, and counts how often an answer is waited for.

    Attributes:
        trips: how often the client has asked after it had been answered: what it sends at once, in
            however many pieces, is one round trip.
    """

    def __init__(self, folder: Path, server: Path) -> None:
        self.trips = 0
        self._answered = True
        super().__init__(folder, server)

    def _relay(self, source: socket.socket, target: socket.socket, *, asks: bool) -> bool:
        self.trips += asks and self._answered
        self._answered = not asks
        return super()._relay(source, target, asks=asks)
