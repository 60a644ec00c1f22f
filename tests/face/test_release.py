"""Between choosing and sending much may be said: what goes out is decided again, and counted once."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime
from threading import Thread

import pytest

from clm_ethics import FileKeys, Offer, Steward, UnknownCustomer, UsageError
from clm_ethics.ethics import rule
from clm_ethics.ethics.choose import ORIGIN
from tests.face import teller
from tests.face.shop import Clock, agree, enrolled, kinds
from tests.regressions.shops import CONSENT_ONLY, awaiting, look, policy, shop

SPRING = [Offer("spring", purpose="newsletter")]
SMS = CONSENT_ONLY | {"channels__sms__quiet": {"from": "20:00", "to": "09:00"}}


def ready(steward_, **values):
    """Enrol somebody grown up who agreed to the newsletter."""
    ana = enrolled(steward_, born="1990-01-01", **values)
    agree(ana, "newsletter")
    return ana


def choose(ana, offers=SPRING, channel="email", **more):
    """Choose for her."""
    return ana.choose(offers, channel=channel, by="web", **more)


def test_what_is_still_allowed_still_goes_out():
    """Nothing has happened: the choice stands, with its address, and its own contact is not in its way."""
    with shop(changes=CONSENT_ONLY) as steward_:
        ana = ready(steward_)
        choice = choose(ana)
        before = kinds(ana)
        again = choice.still()

        assert again
        assert (choice.offer, choice.level, choice.to) == (again.offer, again.level, again.to)
        assert before == kinds(ana)  # a question writes nothing
        assert again.sent()
        assert "though by then" not in str(ana.history())


@pytest.mark.parametrize(
    ("say", "code"),
    [
        ("withdraw", "consent.withdrawn"),
        ("object_to", "objection.direct_marketing"),
        ("restrict", "restriction"),
    ],
)
def test_a_no_that_was_said_since_stops_it(say, code):
    """Withdrawal, objection and restriction between choosing and sending: no, and no address."""
    with shop(changes=CONSENT_ONLY) as steward_:
        ana = ready(steward_)
        choice = choose(ana)
        if say == "restrict":
            ana.restrict(by="customer", reason="disputed")
        else:
            getattr(ana, say)("newsletter", by="customer")
        again = choice.still()

        assert not again
        assert again.to is None
        assert code in [why.code for why in again.reasons]
        choice.cancelled()


def test_a_night_that_has_begun_stops_it_until_the_morning():
    """Chosen by day and still here at night: no, and the answer says from when on it may."""
    with shop(changes=SMS) as steward_:
        clock = steward_._setting.clock
        clock.now = datetime(2026, 3, 3, 18, 59, tzinfo=UTC)  # 19:59 in Berlin
        ana = ready(steward_)
        ana.put({"phone": "+49 30 5550 1234"}, purpose="newsletter", by="web")
        choice = choose(ana, channel="sms")
        assert choice
        clock.now = datetime(2026, 3, 3, 19, 0, tzinfo=UTC)
        night = choice.still()
        assert ["contact.quiet"] == [why.code for why in night.reasons]
        assert datetime(2026, 3, 4, 8, tzinfo=UTC) == night.try_again
        clock.now = night.try_again

        assert choice.still()


def test_a_fact_is_written_down_even_if_it_should_not_have_happened():
    """It went out after the withdrawal: the entry says so, the answer is falsy, and nothing is raised."""
    with shop(changes=CONSENT_ONLY) as steward_:
        ana = ready(steward_)
        choice = choose(ana)
        ana.withdraw("newsletter", by="customer")
        told = choice.sent()

        assert not told
        assert ["consent.withdrawn"] == [why.code for why in told.reasons]
        assert "though by then it was not allowed (consent.withdrawn)" in str(ana.history())


def test_nothing_goes_out_twice():
    """After it was sent, or cancelled, neither the choice nor its repetition by key is a yes."""
    with shop(changes=CONSENT_ONLY) as steward_:
        ana = ready(steward_)
        first = choose(ana, key="k")
        assert choose(ana, key="k")  # unresolved: it is told again, as for a worker that crashed
        first.sent()
        assert ["choice.sent"] == [why.code for why in first.still().reasons]
        assert ["choice.sent"] == [why.code for why in choose(ana, key="k").reasons]
        steward_._setting.clock.move(days=8)
        second = choose(ana, key="l")
        second.cancelled()
        assert ["choice.cancelled"] == [why.code for why in second.still().reasons]
        assert ["choice.cancelled"] == [why.code for why in choose(ana, key="l").reasons]

        assert 2 == kinds(ana)["chosen"]


def test_a_worker_that_crashed_says_again_what_it_has_said():
    """Told again by key, a choice that was sent is a no; saying once more that it was sent is fine."""
    with shop(changes=CONSENT_ONLY) as steward_:
        ana = ready(steward_)
        choose(ana, key="k").sent()
        again = choose(ana, key="k")
        assert not again
        again.sent()
        with pytest.raises(UsageError, match="has been sent"):
            again.cancelled()

        assert 1 == kinds(ana)["sent"]


def test_the_window_runs_from_when_it_went_out():
    """Reserved on Monday, sent on Wednesday: the day's limit of Wednesday is used up."""
    with shop(changes=CONSENT_ONLY | {"channels__email__caps": [{"max": 1, "per": "P1D"}]}) as steward_:
        ana = ready(steward_)
        choice = choose(ana)
        steward_._setting.clock.move(days=2)
        assert choice.still()
        choice.sent()
        steward_._setting.clock.move(hours=1)

        assert ["contact.cap"] == [why.code for why in choose(ana).reasons]


def test_a_reservation_that_waited_does_not_go_out_beside_a_later_one():
    """Reserved on Monday; on Wednesday another was made: the old one has to wait."""
    with shop(changes=CONSENT_ONLY | {"channels__email__caps": [{"max": 1, "per": "P1D"}]}) as steward_:
        ana = ready(steward_)
        old = choose(ana)
        steward_._setting.clock.move(days=2)
        assert choose(ana)

        assert ["contact.cap"] == [why.code for why in old.still().reasons]


def test_nothing_chosen_is_nothing_to_release():
    """``still``, ``sent`` and ``cancelled`` of a no are errors of the call."""
    with shop(changes=CONSENT_ONLY) as steward_:
        ana = enrolled(steward_)
        choice = choose(ana)
        for verb in (choice.still, choice.sent, choice.cancelled):
            with pytest.raises(UsageError, match="nothing was chosen"):
                verb()


async def _awaited():
    async with awaiting(CONSENT_ONLY) as steward_:
        told = {"email": "a@example.org", "region": "DE", "born": "1990-01-01"}
        ana = await steward_.enroll("c", told, purpose="account", by="t")
        shown = (await steward_.notice("newsletter")).id
        assert await ana.may_ask("newsletter")
        assert await ana.ask("newsletter", by="web", surface="page")
        assert not await ana.may_ask("newsletter")
        await ana.grant("newsletter", shown=shown, by="t")
        choice = await ana.choose(SPRING, channel="email", by="t")
        assert await choice.still()
        await ana.withdraw("newsletter", by="customer")
        assert not await choice.still()
        assert not await choice.sent()


def test_the_awaited_face_is_the_same():
    """``still``, ``sent`` and ``ask`` with await answer as without."""
    asyncio.run(_awaited())


def test_what_the_customer_prefers_narrows_what_is_chosen():
    """Topics that she does not care about are withheld; one that she does is made, and still goes out."""
    with shop(changes=CONSENT_ONLY) as steward_:
        ana = ready(steward_)
        ana.prefer(topics=["tea"], by="customer")
        offers = [
            Offer("mothers day", purpose="newsletter", topics={"mothers-day"}, value=9),
            Offer("tea", purpose="newsletter", topics={"tea"}),
        ]
        choice = choose(ana, offers)

        assert ["contact.topic"] == [why.code for why in choice.withheld["mothers day"]]
        assert "tea" == choice.offer.name
        ana.prefer(topics=[], by="customer")
        assert ["contact.topic"] == [why.code for why in choice.still().reasons]


def test_how_often_she_wants_to_hear_is_one_more_cap_everywhere():
    """At most one message in ten days: reserved at once, given back, and the same for many and beforehand."""
    loose = CONSENT_ONLY | {"channels__email__caps": [{"max": 9, "per": "P1D"}]}
    with shop(changes=loose) as steward_:
        ana = ready(steward_)
        ana.prefer(topics=["tea"], most=1, per="P10D", by="customer")
        tea = [Offer("tea", purpose="newsletter", topics={"tea"})]
        many = {"channel": "email", "by": "web"}
        assert ["c-1001"] == [each.ref for each in steward_.audience("newsletter", **many)]
        [none] = steward_.choose_many(["c-1001"], SPRING, **many)
        assert ["contact.topic"] == [why.code for why in none.reasons]
        first = choose(ana, tea)
        assert first
        for held in (choose(ana, tea), next(iter(steward_.choose_many(["c-1001"], tea, **many)))):
            assert ["contact.preferred"] == [why.code for why in held.reasons]
        first.cancelled()
        [second] = steward_.choose_many(["c-1001"], tea, **many)
        assert second
        assert ["c-1001"] == [each.ref for each in steward_.audience("newsletter", **many)]
        steward_._setting.clock.move(days=10)

        assert choose(ana, tea)


def test_a_preflight_knows_what_customers_prefer():
    """Ten customers care about tea: of spring they hear nothing, and the count says why."""
    with shop(changes=CONSENT_ONLY) as steward_:
        for n in range(10):
            each = enrolled(steward_, f"c-{n}", born="1990-01-01")
            agree(each, "newsletter")
            each.prefer(topics=["tea"], by="customer")
        spring = steward_.preflight(SPRING, channel="email", by="web")
        tea = steward_.preflight(
            [Offer("t", purpose="newsletter", topics={"tea"})], channel="email", by="web"
        )

        assert (0, {"contact.topic": 10}) == (spring.reachable, dict(spring.blocked))
        assert 10 == tea.reachable


# --- whose choice it is ------------------------------------------------------------------------------


CAPPED = {
    "purposes__recommendations__stages": [],
    "purposes__recommendations__channels": ["web"],
    "channels__web__caps": [{"max": 1, "per": "P1D"}],
}
TEA = [Offer("tea", purpose="recommendations")]


def strangers(steward_):
    """Return a visitor with a choice, and a customer with one in the very same place of their stream."""
    visitor, ana = steward_.visitor(by="web"), enrolled(steward_, born="1990-01-01")
    for each in (visitor, ana):
        agree(each, "recommendations")
    seen, own = (choose(each, TEA, channel="web") for each in (visitor, ana))
    assert seen
    assert seen._reserved.index == own._reserved.index
    return visitor, ana, seen, own


@pytest.mark.parametrize("verb", ["sent", "cancelled"])
def test_what_a_visitor_was_shown_is_resolved_where_it_was_chosen(verb):
    """After identify the visitor's choice is no choice of the customer's that has the same place.

    What is said of it is said of the contact that was taken over, and of no other.
    """
    with shop(changes=CAPPED) as steward_:
        visitor, ana, seen, own = strangers(steward_)
        visitor.identify("c-1001", by="login")
        before = kinds(ana)
        assert ["contact.cap"] == [why.code for why in seen.still().reasons]  # the customer's own counts
        getattr(seen, verb)()
        getattr(seen, verb)()  # the same said twice is fine

        assert before + Counter({verb: 1}) == kinds(ana)
        taken = {each.visit != b"": getattr(each, verb) for each in look(steward_).state.contacts}
        assert {True: True, False: False} == taken
        assert (verb == "cancelled") == bool(own.still())
        own.cancelled()
        assert before + Counter([verb, "cancelled"]) == kinds(ana)
        assert steward_.ledger.verify()


def test_what_a_visitor_was_shown_does_not_stand_in_its_own_way():
    """Identified as somebody who has seen nothing: the visit's contact is the choice's own, taken over."""
    with shop(changes=CAPPED) as steward_:
        visitor, ana = steward_.visitor(by="web"), enrolled(steward_, born="1990-01-01")
        agree(visitor, "recommendations")
        seen = choose(visitor, TEA, channel="web")
        agree(ana, "recommendations")
        visitor.identify("c-1001", by="login")

        assert seen.still()
        ana.withdraw("recommendations", by="customer")
        told = seen.sent()
        assert ["consent.withdrawn"] == [why.code for why in told.reasons]
        assert "choice.sent" in [why.code for why in seen.still().reasons]


def test_a_choice_for_somebody_erased_is_none_for_who_comes_after():
    """The same reference, enrolled anew: what was chosen before the erasure is not counted for them."""
    with shop(changes=CONSENT_ONLY) as steward_:
        ana = ready(steward_)
        old = choose(ana)
        ana.erase(by="customer")
        told = {"email": "ana@example.org", "region": "DE", "born": "1990-01-01"}
        new = steward_.enroll("c-1001", told, purpose="account", by="signup", again=True)
        agree(new, "newsletter")
        own = choose(new)

        assert ["customer.erased"] == [why.code for why in old.still().reasons]
        with pytest.raises(UnknownCustomer):
            old.sent()
        assert own.still()


# --- who is told where the data came from ------------------------------------------------------------


def test_the_first_contact_says_where_the_data_came_from():
    """Art. 14 GDPR: with data from elsewhere the choice says so, to host and customer, until told."""
    with shop(changes=CONSENT_ONLY) as steward_:
        told = {"email": "ana@example.org", "region": "DE", "born": "1990-01-01"}
        done = steward_.enroll_many([("c-1", told, {})], purpose="account", by="x", source="the <tea> fair")
        assert 1 == done.enrolled
        ana = steward_.customer("c-1")
        agree(ana, "newsletter")
        choice = choose(ana)

        assert choice
        assert "the <tea> fair" == choice.source
        assert ORIGIN in choice.decision.obligations
        assert "not from you, but from: the <tea> fair" in choice.explain()
        assert "from: the &lt;tea&gt; fair" in choice.explain(html=True)
        assert "fair" not in repr(choice)
        assert ORIGIN in choice.still().decision.obligations
        choice.cancelled()
        ana.inform(shown=steward_.notice("newsletter").id, by="web")
        later = choose(ana)
        assert (later.source, ORIGIN in later.decision.obligations) == ("", False)
        assert "not from you" not in later.explain()


# --- many at once ------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
def test_a_thousand_at_once_never_exceed_a_cap(kind, tmp_path):
    """Forty threads choose a thousand times: as many are made as the caps have room for, and no more."""
    changed = policy(**CONSENT_ONLY, channels__email__caps=[{"max": 2, "per": "P1D"}])
    settled = {"policy": changed, "keys": FileKeys(tmp_path / "keys"), "clock": Clock()}
    opened = (
        shop(changes=CONSENT_ONLY | {"channels__email__caps": [{"max": 2, "per": "P1D"}]})
        if kind == "memory"
        else Steward.open(f"sqlite:///{tmp_path}/crm.db", **settled)
    )
    with opened as steward_:
        ana = ready(steward_)
        made: list[bool] = []

        def go() -> None:
            made.extend(bool(choose(ana)) for _ in range(25))

        threads = [Thread(target=go) for _ in range(40)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()

        assert (1000, 2) == (len(made), sum(made))
        assert 2 == kinds(ana)["chosen"] == len(look(steward_).state.contacts)


def test_tasks_at_once_never_exceed_a_cap():
    """Two hundred tasks choose at once, on two channels: the contact budget has room for two."""

    async def main() -> tuple[int, int, bool]:
        async with awaiting(CONSENT_ONLY | {"channels__email__caps": []}) as steward_:
            told = {"email": "ana@example.org", "phone": "+49 30 5550 1234"}
            about = {"email": told["email"], "region": "DE", "zone": "Europe/Berlin", "born": "1990-01-01"}
            ana = await steward_.enroll("c-1001", about, purpose="account", by="signup")
            await ana.grant("newsletter", shown=(await steward_.notice("newsletter")).id, by="web")
            await ana.put(told, purpose="newsletter", by="web")
            channels = ["email", "sms"] * 100
            made = await asyncio.gather(*(ana.choose(SPRING, channel=each, by="crm") for each in channels))
            lines = await ana.history(limit=1000)
            chosen = sum(line.kind == "chosen" for line in lines)
            return sum(map(bool, made)), chosen, bool(await steward_.ledger.verify())

    assert (2, 2, True) == asyncio.run(main())


def test_processes_together_never_exceed_a_cap(tmp_path):
    """Three processes choose at once on one file; together they make one contact, the day's limit."""
    with teller.opened(str(tmp_path)) as steward_:
        ana = ready(steward_)
    calls = [
        subprocess.Popen(
            [sys.executable, teller.__file__, "choose", str(tmp_path), f"w{n}", "40"],
            stdout=subprocess.PIPE,
            text=True,
            env=teller.environment(),
        )
        for n in range(3)
    ]
    said = [each.communicate()[0].split() for each in calls]
    with teller.opened(str(tmp_path)) as steward_:
        ana = steward_.customer("c-1001")

        assert [0, 0, 0] == [each.returncode for each in calls]
        assert 1 == sum(int(words[1]) for words in said)
        assert 1 == kinds(ana)["chosen"]


# --- rules of the host -------------------------------------------------------------------------------


@rule("no_mondays", says="nothing goes out on Mondays", source="house style 4")
def no_mondays(offer, facts):
    """Mondays are for the inbox that is full already."""
    return "" if facts.at.weekday() == 0 else None


@rule("leaky", says="not here")
def leaky(offer, facts):
    """A rule that would tell where somebody lives."""
    return f"she lives in {facts.state.about['zone']}"


def test_a_rule_of_the_host_blocks_beside_the_built_in_ones():
    """It is asked for every choice, and at the release; its reason has its own code, words and source."""
    with shop(changes=CONSENT_ONLY, rules=[no_mondays]) as steward_:
        ana = ready(steward_)
        choice = choose(ana)  # a Tuesday
        steward_._setting.clock.move(days=6)
        monday = choose(ana)

        assert choice
        assert ["house.no_mondays"] == [why.code for why in monday.reasons]
        assert "nothing goes out on Mondays" in monday.explain()
        assert "house.no_mondays" in [why.code for why in choice.still().reasons]


def test_a_rule_of_the_host_tells_no_personal_value():
    """What it says is checked against what is known of the customer; only its own words get out."""
    with shop(changes=CONSENT_ONLY, rules=[leaky]) as steward_:
        answer = choose(ready(steward_))

        assert ["not here"] == [why.text for why in answer.reasons]
        assert "Berlin" not in answer.explain()


@pytest.mark.parametrize("wrong", [[print], [no_mondays, no_mondays], [no_mondays._replace(name="pressure")]])
def test_a_rule_that_is_none_is_refused_at_once(wrong):
    """Something else than a rule, or a name that is taken, is an error of ``open``."""
    with pytest.raises(UsageError, match="rule"):
        shop(rules=wrong)


@pytest.mark.parametrize("wrong", [("No", "x"), ("ok", ""), ("ok", "two\nlines"), (7, "x")])
def test_a_rule_says_its_name_and_what_it_asks_for(wrong):
    """A name or words of the wrong form are errors where the rule is written."""
    name, says = wrong
    with pytest.raises(UsageError):
        rule(name, says=says)


def test_what_a_broken_rule_answers_denies():
    """Something that is no text denies, as an exception does."""
    odd = rule("odd", says="x")(lambda offer, facts: True)
    with shop(changes=CONSENT_ONLY, rules=[odd]) as steward_:
        assert Counter({"rule.error": 1}) == Counter(why.code for why in choose(ready(steward_)).reasons)
