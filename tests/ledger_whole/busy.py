"""Run as a program of its own: a shop that does everything at once until it is killed."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path
from random import Random

from clm_ethics import FileKeys
from clm_ethics.errors import ClmError
from tests.ledger_whole.shop import Clock, Shop, step

WHAT = {
    "enroll": ["a@x.example", "b@x.example"],
    "put": ["c@x.example"],
    "correct": ["e@x.example"],
    "order": [0, 3, 12],
    "grant": ["tips", "news"],
    "withdraw": ["tips", "news"],
    "refuse": ["quality", "news"],
    "object": ["quality"],
    "read": ["account", "tips", "invoicing"],
    "choose": [True, False],
    "find": ["a@x.example"],
    "erase": [None],
    "again": [None],
    "seal": [None],
    "sweep": [None],
}
"""What is done, and with what."""


def say(*words: object) -> None:
    """Print a line at once, whatever happens next."""
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


def main(folder: str, seed: str) -> None:
    """Do one thing after the other, and say of each no and each erasure that it was acknowledged."""
    place = Path(folder)
    random = Random(seed)
    shop = Shop(
        data=f"sqlite:////{place / 'crm.db'}".replace("/////", "////"),
        keys=FileKeys(place / "keys"),
        seed=seed,
        clock=Clock(),
    )
    say("open")
    for number in range(1 << 30):
        verb = random.choice(list(WHAT))
        ref = f"c-{random.randrange(number // 40 + 3)}"
        shop.clock.move(seconds=random.random() * 100)
        what = random.choice(WHAT[verb])
        say("tries", verb, ref, what)
        with suppress(ClmError):
            step(shop, verb, ref, what)
            say("did", verb, ref, what)


if __name__ == "__main__":
    main(*sys.argv[1:])
