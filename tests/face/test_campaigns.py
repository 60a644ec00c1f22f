"""Many at once: grouped commits, resumed by key, flat memory; who may be contacted; and before it."""

from __future__ import annotations

import asyncio
import gc
import tracemalloc
from itertools import count

import pytest

from clm_ethics import Offer, UnknownName, UsageError
from clm_ethics.model import Chosen
from clm_ethics.storage.memory import MemoryStorage
from clm_ethics.verbs import campaigning
from tests.face.shop import Counting, Seeded, agree, enrolled, heads, kinds
from tests.regressions.shops import CONSENT_ONLY, awaiting, look, shop

SPRING = [Offer("spring", purpose="newsletter", value=1), Offer("plain", purpose="newsletter")]
SEND = {"channel": "email", "by": "campaign"}


def people(steward_, number, *, agreed=None, start=0):
    """Enrol so many, of whom the first *agreed* (by default all) agreed to the newsletter."""
    refs = [f"p-{n}" for n in range(start, start + number)]
    for n, ref in enumerate(refs):
        ana = enrolled(steward_, ref, email=f"{ref}@example.org", born="1990-01-01")
        if agreed is None or n < agreed:
            agree(ana, "newsletter")
    return refs


def test_each_gets_what_choose_would_give():
    """For everybody in turn the answer is that of ``choose``, with address and reasons."""
    with shop(changes=CONSENT_ONLY) as one, shop(changes=CONSENT_ONLY) as many:
        refs = people(one, 12, agreed=7)
        people(many, 12, agreed=7)
        alone = [one.customer(ref).choose(SPRING, **SEND) for ref in [*refs, "nobody"]]
        together = list(many.choose_many([*refs, "nobody"], SPRING, **SEND))

        for single, each in zip(alone, together, strict=True):
            assert single.ref == each.ref
            assert (bool(single), single.level, single.to) == (bool(each), each.level, each.to)
            assert [why.code for why in single.reasons] == [why.code for why in each.reasons]
        assert 7 == sum(map(bool, together))
        assert "customer.unknown" in [why.code for why in together[-1].reasons]


def test_a_page_shares_its_commit():
    """Of a page of customers there is one write for the choices, and one for the counted noes at most."""
    storage = Counting()
    with shop(storage, changes=CONSENT_ONLY) as steward_:
        refs = people(steward_, 240, agreed=200)
        before = storage.calls["commit"]
        made = sum(map(bool, steward_.choose_many(refs, SPRING, **SEND)))
        commits = storage.calls["commit"] - before

        assert 200 == made
        assert commits * 20 <= len(refs)


def test_a_campaign_that_is_made_again_makes_nothing_twice():
    """With the same key who has a choice is told it again; who was not reached yet is chosen for now."""
    storage = MemoryStorage()
    with shop(storage, changes=CONSENT_ONLY) as steward_:
        refs = people(steward_, 30)
        begun = steward_.choose_many(refs, SPRING, **SEND, key="spring-26")
        first = [next(begun) for _ in range(10)]
        first[0].sent()
        first[1].cancelled()
    with shop(storage, changes=CONSENT_ONLY, random=Seeded(2)) as steward_:
        again = list(steward_.choose_many(refs, SPRING, **SEND, key="spring-26"))
        told = [each.reasons[0].code if each.reasons else "" for each in again]

        assert ["choice.sent", "choice.cancelled", *[""] * 28] == told
        assert first[2].to == again[2].to
        assert all(1 == kinds(steward_.customer(ref))["chosen"] for ref in refs)


def test_handles_and_repetitions_are_welcome():
    """A customer named twice has two answers and one contact more at most than the cap allows: none."""
    with shop(changes=CONSENT_ONLY) as steward_:
        [ref] = people(steward_, 1)
        ana = steward_.customer(ref)
        answers = list(steward_.choose_many([ana, ref, ana], SPRING, **SEND))

        assert [True, False, False] == [bool(each) for each in answers]
        assert 1 == kinds(ana)["chosen"]


def test_one_who_does_not_open_stops_nobody():
    """A customer whose stream was altered gets a no of its own; the others get their choices."""
    storage = MemoryStorage()
    with shop(storage, changes=CONSENT_ONLY) as steward_:
        refs = people(steward_, 3)
        stream = steward_._setting.remembered_ref(refs[1])
    head = storage._heads[stream]
    storage._heads[stream] = head._replace(state=head.state[:-1] + bytes([head.state[-1] ^ 1]))
    with shop(storage, changes=CONSENT_ONLY, random=Seeded(3)) as steward_:
        answers = list(steward_.choose_many(refs, SPRING, **SEND))
        seen = {each.ref for each in steward_.audience("newsletter", channel="email", by="c")}

        assert [True, False, True] == [bool(each) for each in answers]
        assert ["customer.unopened"] == [why.code for why in answers[1].reasons]
        assert {refs[0], refs[2]} >= seen


def test_who_was_enrolled_anew_is_found():
    """A remembered way to somebody erased, who came back since, leads to the new customer."""
    storage = MemoryStorage()
    with (
        shop(storage, changes=CONSENT_ONLY) as steward_,
        shop(storage, changes=CONSENT_ONLY, random=Seeded(4)) as other,
    ):
        [ref] = people(steward_, 1)
        list(steward_.choose_many([ref], SPRING, **SEND))
        other.customer(ref).erase(by="customer")
        assert "customer.erased" in [
            why.code for why in next(steward_.choose_many([ref], SPRING, **SEND)).reasons
        ]
        told = {"email": "new@example.org", "region": "DE", "born": "1990-01-01"}
        back = other.enroll(ref, told, purpose="account", by="signup", again=True)
        agree(back, "newsletter")
        [answer] = steward_.choose_many([ref], SPRING, **SEND)

        assert "new@example.org" == answer.to


def test_memory_is_that_of_a_page(monkeypatch):
    """However many there are, no more than a page of choices is held: what is held does not grow."""
    monkeypatch.setattr(campaigning, "PAGE", 20)
    with shop(changes=CONSENT_ONLY) as steward_:
        refs = people(steward_, 20, agreed=0)

        def held(rounds: int) -> list[int]:
            """Return what is held after each page, garbage aside."""
            tracemalloc.start()
            found = []
            walk = steward_.choose_many((ref for _ in range(rounds) for ref in refs), SPRING, **SEND)
            for place, _ in enumerate(walk, start=1):
                if place % 20 == 0:
                    gc.collect()
                    found.append(tracemalloc.get_traced_memory()[0])
            tracemalloc.stop()
            return found

        held(8)
        pages = held(24)
        assert max(pages[12:]) < 1.5 * max(pages[4:12])


@pytest.mark.parametrize(
    "call",
    [
        lambda s: s.choose_many("p-1", SPRING, **SEND),
        lambda s: s.choose_many(7, SPRING, **SEND),
        lambda s: next(s.choose_many([7], SPRING, **SEND)),
        lambda s: s.choose_many(["p-1"], [print], **SEND),
        lambda s: s.choose_many(["p-1"], SPRING, channel="fax", by="c"),
        lambda s: s.choose_many(["p-1"], SPRING, channel="email"),
        lambda s: s.audience("newz", by="c"),
        lambda s: s.audience("newsletter", channel="fax", by="c"),
        lambda s: s.preflight([print], channel="email"),
        lambda s: s.preflight(SPRING, channel="email", refs="p-1"),
    ],
)
def test_a_wrong_call_is_an_error_at_once(call):
    """Nobody waits for the first page to hear that a name is wrong."""
    with shop(changes=CONSENT_ONLY) as steward_, pytest.raises((UsageError, UnknownName)):
        call(steward_)


# --- the audience ------------------------------------------------------------------------------------


def test_the_audience_is_who_may_be_contacted(monkeypatch):
    """Page by page it names those who agreed and have an address; nothing is written or read."""
    monkeypatch.setattr(campaigning, "PAGE", 4)
    storage = Counting()
    with shop(storage, changes=CONSENT_ONLY) as steward_:
        refs = people(steward_, 11, agreed=6)
        steward_.customer(refs[0]).withdraw("newsletter", by="customer")
        steward_.customer(refs[1]).erase(by="customer")
        full = steward_.customer(refs[2])
        full.choose(SPRING, **SEND)  # the day's limit is reached: still a candidate
        before = storage.calls["commit"]
        named = [each.ref for each in steward_.audience("newsletter", channel="email", by="crm")]

        assert sorted(refs[2:6]) == sorted(named)
        assert sorted(refs[2:6]) == sorted(each.ref for each in steward_.audience("newsletter", by="crm"))
        assert before == storage.calls["commit"]
        assert [] == [each.ref for each in steward_.audience("newsletter", channel="sms", by="crm")]


def test_the_audience_feeds_the_campaign():
    """What one streams the other takes."""
    with shop(changes=CONSENT_ONLY) as steward_:
        people(steward_, 5, agreed=3)
        walk = steward_.audience("newsletter", channel="email", by="crm")

        assert 3 == sum(map(bool, steward_.choose_many(walk, SPRING, **SEND)))


# --- before it ---------------------------------------------------------------------------------------


def test_a_preflight_says_what_a_campaign_would_do():
    """It counts who would get what, what would be read, what stands in the way, and writes nothing."""
    storage = Counting()
    with shop(storage, changes=CONSENT_ONLY) as steward_:
        refs = people(steward_, 45, agreed=30)
        for ref in refs[:12]:
            steward_.customer(ref).choose(SPRING, **SEND)
        before = dict(heads(storage))
        found = steward_.preflight(SPRING, channel="email")

        assert (45, 18, 12) == (found.customers, found.reachable, found.later)
        assert {"spring": 18} == found.offers
        assert {"contextual": 18} == found.levels
        assert {"consent.missing": 15, "contact.cap": 12} == found.blocked
        assert {} == found.reads
        assert {3: 18} == found.left
        assert before == heads(storage)
        assert "18 of 45 customers would get something now" in found.explain()
        assert "18 have 3 of 4 contacts left in the week after it" in found.explain()


def test_a_preflight_tells_no_few():
    """A count of one to nine is not told; of those who are named only they are looked at."""
    with shop(changes=CONSENT_ONLY) as steward_:
        refs = people(steward_, 12, agreed=9)
        found = steward_.preflight(SPRING, channel="email", refs=[*refs, "nobody"])

        assert (13, None) == (found.customers, found.reachable)
        assert {"consent.missing": None, "customer.unknown": None} == found.blocked
        assert "fewer than 10 of 13 customers" in found.explain()
        assert (
            10
            == steward_.preflight(
                SPRING, channel="email", refs=[*people(steward_, 1, start=50), *refs]
            ).reachable
        )


def test_a_preflight_is_what_the_campaign_does():
    """Right after it as many are chosen for as it said."""
    with shop(changes=CONSENT_ONLY) as steward_:
        refs = people(steward_, 25, agreed=14)
        said = steward_.preflight(SPRING, channel="email", refs=refs)
        made = list(steward_.choose_many(refs, SPRING, **SEND))

        assert said.reachable == sum(map(bool, made))
        left = [len(look(steward_, ref).state.contacts) for ref in refs]
        assert 14 == sum(left)


# --- awaited -----------------------------------------------------------------------------------------


async def _awaited():
    numbers = count()
    async with awaiting(CONSENT_ONLY) as steward_:
        shown = (await steward_.notice("newsletter")).id
        for _ in range(12):
            ref = f"p-{next(numbers)}"
            told = {"email": f"{ref}@example.org", "region": "DE", "born": "1990-01-01"}
            ana = await steward_.enroll(ref, told, purpose="account", by="t")
            await ana.grant("newsletter", shown=shown, by="t")
        found = await steward_.preflight(SPRING, channel="email")
        walk = steward_.audience("newsletter", channel="email", by="crm")
        made = [each async for each in steward_.choose_many(walk, SPRING, **SEND)]
        listed = [each async for each in steward_.choose_many(["p-0"], SPRING, **SEND)]
        assert await made[0].still()
        return found.reachable, sum(map(bool, made)), [bool(each) for each in listed]


def test_the_awaited_face_streams_too():
    """``async for`` over a campaign and an audience gives what the blocking face gives."""
    assert (12, 12, [False]) == asyncio.run(_awaited())


def test_a_state_without_room_is_a_no_of_its_own(monkeypatch):
    """Who has no room for one more contact gets nothing; the page goes on."""
    from clm_ethics.flows.book import Book, StateFull

    whole = Book.append

    def full(book, event):
        if isinstance(event, Chosen) and book.state.about.get("ref") == "p-1":
            raise StateFull("full", place="x", remedy="y")
        return whole(book, event)

    with shop(changes=CONSENT_ONLY) as steward_:
        refs = people(steward_, 3)
        monkeypatch.setattr(Book, "append", full)
        answers = list(steward_.choose_many(refs, SPRING, **SEND))

        assert [True, False, True] == [bool(each) for each in answers]
        assert ["customer.full"] == [why.code for why in answers[1].reasons]
