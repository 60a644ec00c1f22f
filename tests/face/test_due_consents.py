"""Whose consent runs out: the earliest first, and nobody who said no since."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clm_ethics import AsyncSteward, Policy, Steward
from clm_ethics.errors import UnknownName, UsageError
from clm_ethics.storage.memory import MemoryStorage
from clm_ethics.vault.keys import MemoryKeys
from tests.face.shop import EXAMPLE, POLICY, START, Clock, Counting, Seeded

YEAR = START + timedelta(days=370)
LATER = START + timedelta(days=800)


class Desk:
    """A shop with a clock that a test moves, and customers who agreed one after the other."""

    def __init__(self, policy: Policy = POLICY) -> None:
        self.clock = Clock()
        self.storage = Counting(MemoryStorage())
        self.keys = MemoryKeys()
        self.shop = self.steward(policy)

    def steward(self, policy: Policy) -> Steward:
        """Open the shop under *policy*."""
        return Steward.open(
            self.storage, policy=policy, keys=self.keys, clock=self.clock, random=Seeded(policy.hash)
        ).acting("web")

    def agreed(self, ref: str, day: int, *, given_by: str = "subject"):
        """Enrol a customer who agrees to recommendations on *day*; it lasts thirteen months."""
        self.clock.now = START + timedelta(days=day)
        ana = self.shop.enroll(ref, {"region": "DE"}, purpose="account")
        ana.grant("recommendations", shown=self.shop.notice("recommendations").id, given_by=given_by)
        return ana

    def due(self, until: datetime = LATER, **asked):
        """Return who is due, in order."""
        return [each.ref for each in self.shop.due_consents(until, **asked).consents]


@pytest.fixture
def desk():
    """A desk of its own for each test."""
    return Desk()


def test_it_says_who_when_and_who_has_to_agree(desk):
    """Reference, purpose, the instant, and whether a guardian gave it."""
    desk.agreed("c-1", 0, given_by="guardian")

    (due,) = desk.shop.due_consents(LATER).consents

    assert ("c-1", "recommendations", "guardian") == (due.ref, due.purpose, due.given_by)
    assert datetime(2027, 4, 3, tzinfo=UTC).date() == due.until.date()
    assert "c-1" not in repr(due)


@settings(max_examples=15)
@given(st.lists(st.integers(0, 700), unique=True, max_size=6), st.integers(0, 1200), st.integers(1, 7))
def test_the_earliest_come_first_up_to_the_instant(days, until, limit):
    """Exactly those whose yes ends by then, ordered, cut at the limit, and it says if there are more."""
    desk = Desk()
    for day in sorted(days):
        desk.agreed(f"c-{day:04}", day)
    instant = START + timedelta(days=until)
    ends = {
        f"c-{day:04}": POLICY.purposes["recommendations"].consent_expires.after(START + timedelta(days=day))
        for day in days
    }
    expected = [ref for ref, end in sorted(ends.items()) if end + timedelta(seconds=1) <= instant]

    found = desk.shop.due_consents(instant, limit=limit)

    assert expected[:limit] == [each.ref for each in found.consents]
    assert (len(expected) <= limit) == found.complete


def test_asking_writes_nothing(desk):
    """It is a question."""
    desk.agreed("c-1", 0)
    before = desk.storage.calls["writes"]

    desk.due()

    assert before == desk.storage.calls["writes"]


def test_who_renewed_is_due_later(desk):
    """A new yes has an end of its own."""
    ana = desk.agreed("c-1", 0)
    desk.clock.move(days=300)
    ana.grant("recommendations", shown=desk.shop.notice("recommendations").id)

    assert [] == desk.due(START + timedelta(days=500))
    assert ["c-1"] == desk.due()


def test_what_has_expired_is_due_too(desk):
    """Who was forgotten to be asked is not forgotten for good."""
    desk.agreed("c-1", 0)
    desk.clock.move(days=600)

    assert ["c-1"] == desk.due(desk.clock())


@pytest.mark.parametrize(
    "no",
    [
        lambda ana: ana.withdraw("recommendations"),
        lambda ana: ana.refuse("recommendations"),
        lambda ana: ana.object_to("recommendations"),
        lambda ana: ana.restrict(reason="disputed"),
        lambda ana: ana.erase(),
    ],
    ids=["withdraw", "refuse", "object", "restrict", "erase"],
)
def test_nobody_is_asked_again_after_a_no(desk, no):
    """Whoever took it back, objected, or is restricted or erased is not in the list."""
    ana = desk.agreed("c-1", 0)
    desk.agreed("c-2", 1)
    no(ana)

    assert ["c-2"] == desk.due()


def test_a_yes_without_an_end_is_never_due(desk):
    """The newsletter's yes of this shop does not expire."""
    desk.agreed("c-1", 0)
    shown = desk.shop.notice("newsletter").id
    desk.shop.customer("c-1").grant("newsletter", shown=shown)

    assert ["c-1"] == desk.due()
    assert [] == desk.due(purpose="newsletter")


def test_an_objection_to_marketing_reaches_what_is_due():
    """Who objected to direct marketing is not asked to renew a yes to it (Art. 21(3) GDPR)."""
    text = EXAMPLE.read_text("utf-8").replace(
        'channels = ["email", "sms"] ', 'consent_expires = "P13M"\nchannels = ["email", "sms"] '
    )
    desk = Desk(Policy.parse(text))
    ana = desk.agreed("c-1", 0)
    ana.grant("newsletter", shown=desk.shop.notice("newsletter").id)
    assert ["c-1"] == desk.due(purpose="newsletter")

    ana.object_to("newsletter")

    assert [] == desk.due(purpose="newsletter")


def test_a_purpose_that_asks_no_more_is_never_due(desk):
    """Under a policy without the purpose there is nothing to renew."""
    desk.agreed("c-1", 0)
    document = POLICY.document
    document["purposes"]["recommendations"] |= {"basis": "legitimate_interest", "assessment": "A 1"}
    del document["purposes"]["recommendations"]["consent_expires"]

    later = desk.steward(Policy.of(document))

    assert () == later.due_consents(LATER).consents


def test_a_stream_that_does_not_open_hides_no_other(desk):
    """One customer's altered record is counted; the others' consents are told."""
    desk.agreed("c-1", 0)
    desk.agreed("c-2", 1)
    inner = desk.storage.inner

    class Altered:
        """A storage that hands out one stream's state with a flipped bit."""

        broken: bytes | None = None

        def load(self, streams, /):
            return [
                self._altered(stream, head) for stream, head in zip(streams, inner.load(streams), strict=True)
            ]

        def _altered(self, stream, head):
            if head is None or not head.length or not head.marks or self.broken not in {None, stream}:
                return head
            self.broken = stream
            return head._replace(state=head.state[:-1] + bytes([head.state[-1] ^ 1]))

        def __getattr__(self, name):
            return getattr(inner, name)

    shop = Steward.open(Altered(), policy=POLICY, keys=desk.keys, clock=desk.clock, random=Seeded("again"))
    found = shop.due_consents(LATER)

    assert (1, 1) == (len(found.consents), found.unopened)


def test_wrong_questions():
    """A time without a zone, a purpose that nobody declared, and a limit that is none."""
    shop = Desk().shop
    with pytest.raises(UsageError):
        shop.due_consents(datetime(2027, 1, 1))  # noqa: DTZ001
    with pytest.raises(UnknownName):
        shop.due_consents(LATER, purpose="recomendations")
    with pytest.raises(UsageError):
        shop.due_consents(LATER, limit=0)


async def _awaited() -> tuple[str, ...]:
    async with AsyncSteward.memory(POLICY, clock=Clock(), random=Seeded()) as shop:
        ana = await shop.enroll("c-1", {"region": "DE"}, purpose="account", by="web")
        shown = (await shop.notice("recommendations")).id
        await ana.grant("recommendations", shown=shown, by="web")
        return tuple(each.ref for each in (await shop.due_consents(LATER)).consents)


def test_the_awaiting_face_has_it_too():
    """The same answer, awaited."""
    import asyncio

    assert ("c-1",) == asyncio.run(_awaited())
