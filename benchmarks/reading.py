"""Reads without waiting for the disk: load, decide and open; and the batched audit."""

from __future__ import annotations

import hmac
import os
import sqlite3
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from clm_ethics.flows import look
from clm_ethics.policy import Request
from clm_ethics.verbs import asking
from clm_ethics.verbs.common import locate, peek

from . import handwritten
from .measure import Row, Size, compare, folder, take_turns
from .shop import READ, READ_FOR, Shop, connect, make_shop
from .world import NOW, REGIONS, make_policy

if TYPE_CHECKING:
    from pathlib import Path

    from clm_ethics import Steward
    from clm_ethics.flows import Flow, Setting

_encode = msgspec.msgpack.encode
_people = msgspec.msgpack.Decoder(handwritten.Person)
_blobs = msgspec.msgpack.Decoder(dict[str, bytes])
_values = msgspec.msgpack.Decoder()


class ByHand:
    """The same read by hand: token, one SELECT, open the state, decide, open the fields.

    State and values are sealed under one key per customer, which is at hand.
    """

    def __init__(self, path: Path, shop: Shop, steward: Steward) -> None:
        self.policy = shop.policy
        self.table = handwritten.make_table(shop.policy, REGIONS, NOW)
        self.secret = os.urandom(32)
        self.ciphers: dict[bytes, AESGCM] = {}
        self.connection = connect(path)
        self.connection.execute(
            "CREATE TABLE person (id INTEGER PRIMARY KEY, token BLOB UNIQUE, state BLOB, data BLOB)"
        )
        self.connection.execute("BEGIN")
        for ref in shop.refs:
            self._enroll(steward, ref)
        self.connection.execute("COMMIT")

    def _enroll(self, steward: Steward, ref: str) -> None:
        book = steward._run(peek(steward._setting, ref))  # noqa: SLF001
        person = handwritten.make_person(book.state, NOW)
        token = hmac.digest(self.secret, ref.encode(), "sha256")
        cipher = self.ciphers[token] = AESGCM(AESGCM.generate_key(256))
        data = {
            name: _seal(cipher, name, book.values(name)[-1].value)
            for name in self.policy.fields
            if name in book.state.fields
        }
        row = (token, _seal(cipher, "state", person), _encode(data))
        self.connection.execute("INSERT INTO person (token, state, data) VALUES (?, ?, ?)", row)

    def read(
        self, ref: str, purpose: str, fields: tuple[str, ...]
    ) -> tuple[handwritten.Answer, dict[str, Any]]:
        """Read *fields* for *purpose*."""
        token = hmac.digest(self.secret, ref.encode(), "sha256")
        state, data = self.connection.execute(
            "SELECT state, data FROM person WHERE token = ?", (token,)
        ).fetchone()
        cipher = self.ciphers[token]
        person = _people.decode(cipher.decrypt(state[:12], state[12:], b"state"))
        answer = handwritten.decide(self.table, person, purpose, fields, datetime.now(UTC))
        if not answer.allowed:
            return answer, {}
        sealed = _blobs.decode(data)
        return answer, {
            name: _values.decode(cipher.decrypt(sealed[name][:12], sealed[name][12:], name.encode()))
            for name in answer.fields
        }


def _seal(cipher: AESGCM, name: str, value: Any) -> bytes:
    nonce = os.urandom(12)
    return nonce + cipher.encrypt(nonce, _encode(value), name.encode())


class Bare:
    """A point read of the row that holds a head, and AEAD over what a read opens of it; nothing else."""

    def __init__(self, shop: Shop, steward: Steward) -> None:
        self.connection = sqlite3.connect(f"file:{shop.path}?mode=ro", uri=True, isolation_level=None)
        self.cipher = AESGCM(AESGCM.generate_key(256))
        self.nonce = os.urandom(12)
        book = steward._run(peek(steward._setting, shop.refs[0]))  # noqa: SLF001
        state = b"" if book.head is None else book.head.state or b""
        opened = [state, *(book.cells(name)[0].sealed for name in READ)]
        self.sealed = [self.cipher.encrypt(self.nonce, each[30:-16], b"") for each in opened]
        self.streams = [steward._run(locate(steward._setting, ref))[0] for ref in shop.refs]  # noqa: SLF001

    def read(self, number: int) -> None:
        """Read the row of customer *number* and open as many bytes as a read of the library does."""
        self.connection.execute(
            "SELECT h.state, v.data FROM clm_head h JOIN clm_value v ON v.id = h.id WHERE h.stream = ?",
            (self.streams[number],),
        ).fetchone()
        for each in self.sealed:
            self.cipher.decrypt(self.nonce, each, b"")


def _look_and_open(setting: Setting, ref: str, request: Request) -> Flow[dict[str, Any]]:
    """What ``read`` does, without the ledger."""
    book = yield from peek(setting, ref)
    values, _ = asking.open_seen(setting, asking.see(setting, book, request))
    return values


def run(size: Size) -> list[Row]:
    """Compare a read without audit with the same by hand, and a batched one with a bare point read."""
    with folder() as place:
        shop = make_shop(make_policy(), place, size.customers)
        return [*_unaudited(shop, place, size), *_batched(shop, size)]


def _unaudited(shop: Shop, place: Path, size: Size) -> list[Row]:
    request = Request(READ_FOR, READ, actor="web")
    refs = [shop.refs[number % len(shop.refs)] for number in range(size.loops)]
    with shop.open() as steward:
        setting = steward._setting  # noqa: SLF001
        hand = ByHand(place / "hand.db", shop, steward)
        assert all(
            steward._run(_look_and_open(setting, ref, request)) == hand.read(ref, READ_FOR, READ)[1]  # noqa: SLF001
            for ref in shop.refs
        )

        def ours(_: int) -> None:
            for ref in refs:
                steward._run(_look_and_open(setting, ref, request))  # noqa: SLF001

        def by_hand(_: int) -> None:
            for ref in refs:
                hand.read(ref, READ_FOR, READ)

        taken = take_turns({"ours": ours, "hand": by_hand}, size.rounds * 2)
        book = steward._run(look(setting, steward._run(locate(setting, refs[0]))[0] or b""))  # noqa: SLF001
        state = len(book.head.state or b"") if book.head else 0
        hand.connection.close()
    note = f"{len(refs)} reads of 4 fields, {len(shop.refs)} customers, state of {state} bytes, keys at hand"
    return [
        compare(
            "load, decide, open / the same by hand",
            taken["ours"],
            taken["hand"],
            must=2.0,
            stretch=1.3,
            note=note,
        )
    ]


def _batched(shop: Shop, size: Size) -> list[Row]:
    reads = min(99, size.loops, len(shop.refs))
    with shop.open(audit="batched") as steward:
        bare = Bare(shop, steward)
        handles = [steward.customer(ref) for ref in shop.refs[:reads]]

        def queued(_: int) -> None:
            for ana in handles:
                ana.read(READ_FOR, by="web", fields=READ)

        def flushed(turn: int) -> None:
            queued(turn)
            steward._flush()  # noqa: SLF001

        def point(_: int) -> None:
            for number in range(reads):
                bare.read(number)

        steps = {"queued": queued, "flushed": flushed, "bare": point}
        taken = take_turns(steps, size.rounds * 2, after=steward._flush)  # noqa: SLF001
        bare.connection.close()
    note = f"{reads} customers, one read of 4 fields each, one flush"
    return [
        compare(
            "batched read until queued / bare point read and AEAD",
            taken["queued"],
            taken["bare"],
            must=4.0,
            note=note,
        ),
        compare(
            "batched read and its share of the flush / bare point read and AEAD",
            taken["flushed"],
            taken["bare"],
            must=6.0,
            note=note,
        ),
    ]
