"""Run as a program of its own: tells things to a shop in a file until it is done, or killed."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from clm_ethics import FileKeys, Offer, Policy, Steward

if TYPE_CHECKING:
    from collections.abc import Iterator

POLICY = Path(__file__).parent.parent.parent / "docs" / "examples" / "policy.toml"


def environment() -> dict[str, str]:
    """Return the environment in which this program finds the library."""
    return os.environ | {"PYTHONPATH": str(POLICY.parent.parent.parent)}


def say(*words: object) -> None:
    """Print a line at once, whatever happens next."""
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


def opened(folder: str, *, split: bool = False) -> Steward:
    """Open the shop in *folder*."""
    keys_in = f"sqlite:///{folder}/keys.db" if split else None
    return Steward.open(
        f"sqlite:///{folder}/crm.db",
        policy=Policy.load(POLICY),
        keys=FileKeys(f"{folder}/keys"),
        keys_in=keys_in,
    )


def compete(folder: str, who: str, times: str) -> None:
    """Say no to one customer's newsletter, again and again, while others do the same."""
    with opened(folder) as shop:
        ana = shop.customer("c-1001")
        for n in range(int(times)):
            ana.refuse("newsletter", by=who, key=f"{who}/{n}")


def choose(folder: str, who: str, times: str) -> None:
    """Choose the same newsletter for one customer, again and again; say how often there was room."""
    with opened(folder) as shop:
        _choose(shop, who, times)


def choose_at(url: str, keys: str, who: str, times: str) -> None:
    """Choose likewise in the storage at *url*."""
    with Steward.open(url, policy=Policy.load(POLICY), keys=FileKeys(keys)) as shop:
        _choose(shop, who, times)


def _choose(shop: Steward, who: str, times: str) -> None:
    ana = shop.customer("c-1001")
    offers = [Offer("spring", purpose="newsletter")]
    made = [ana.choose(offers, channel="email", by=who) for _ in range(int(times))]
    say("made", sum(map(bool, made)))


def erase(folder: str, count: str, split: str) -> None:
    """Erase customer after customer, and say when each is begun and done."""
    with opened(folder, split=split == "split") as shop:
        for n in range(int(count)):
            if shop.customer(f"c-{n}").may("account"):
                say("begin", n)
                shop.customer(f"c-{n}").erase(by="customer")
                say("done", n)
    say("end")


def people(count: int) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield the rows of an import."""
    for number in range(count):
        yield f"p-{number}", {"email": f"p{number}@example.org", "region": "DE"}


def bring(folder: str, count: str) -> None:
    """Enrol many, and say after each group how many there are."""
    with opened(folder) as shop:
        shop.enroll_many(
            people(int(count)), purpose="account", by="import", progress=lambda done: say(done.rows)
        )


if __name__ == "__main__":
    {"choose": choose, "choose_at": choose_at, "compete": compete, "erase": erase, "bring": bring}[
        sys.argv[1]
    ](*sys.argv[2:])
