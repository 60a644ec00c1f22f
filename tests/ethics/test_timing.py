"""Not too often and not at night: rolling windows, and the customer's clock on every kind of day."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from clm_ethics.ethics import Offer, pick, timing
from clm_ethics.ethics.defaults import CONTACT_BUDGET, DEFAULTS, FATIGUE_SPAN, HOUSE_QUIET, URGENCY, WIN_BACK
from clm_ethics.ethics.facts import Facts
from clm_ethics.model import Cancelled, Chosen, Contact, Duration, Sent, fold
from clm_ethics.policy.values import Cap, Channel, Quiet
from tests.ethics.shop import NOON, SHOP, codes, policy, reserve, someone, try_one

DAY, TICK, MINUTE = timedelta(days=1), timedelta(microseconds=1), timedelta(minutes=1)
BERLINER = someone()
SHORTEST = min(CONTACT_BUDGET, key=lambda cap: cap.per.longest)


def contacted(*hours: float, channel: str = "web", **about: str):
    """Return somebody who was contacted so many hours after noon."""
    person = someone(**about)
    events = [
        Chosen(at=NOON + timedelta(hours=each), offer="o", purpose="news", channel=channel)
        for each in sorted(hours)
    ]
    return fold(events, person)


# --- caps ----------------------------------------------------------------------------------------


def test_both_sides_of_a_cap():
    """One e-mail a day: a day after the last there is room, a microsecond earlier there is not."""
    person = contacted(0, channel="email")
    early, there = (try_one(person, at=NOON + DAY - TICK), try_one(person, at=NOON + DAY))

    assert ["contact.cap"] == codes(early)
    assert NOON + DAY == early.try_again
    assert there


def test_windows_roll_over_midnight():
    """Two contacts in two hours are two in a day, whatever the calendar says."""
    late = NOON.replace(hour=21, minute=30)
    person = fold([Chosen(at=late, offer="o", purpose="news", channel="email")], someone())

    assert ["contact.cap"] == codes(try_one(person, at=late + timedelta(hours=2)))


def test_both_sides_of_a_cap_of_several():
    """Three e-mails in seven days: the fourth waits until the first is seven days old."""
    person = contacted(0, 30, 60, channel="email")
    answer = try_one(person, at=NOON + timedelta(hours=100))

    assert ["contact.cap"] == codes(answer)
    assert NOON + 7 * DAY == answer.try_again
    assert try_one(person, at=NOON + 7 * DAY)


def test_caps_are_per_channel_and_the_budget_is_not():
    """Another channel's contacts leave this channel's cap alone, and fill the budget of all."""
    one, two = contacted(0, channel="sms"), contacted(0, 1, channel="sms")

    assert try_one(one, at=NOON + timedelta(hours=2))
    assert ["contact.budget"] == codes(try_one(two, at=NOON + timedelta(hours=2)))
    assert try_one(two, channel="web", at=NOON + timedelta(hours=2))


@pytest.mark.parametrize("cap", CONTACT_BUDGET)
def test_both_sides_of_the_budget(cap):
    """In each window of the house's budget the last contact that fits is made, and the next is not."""
    step = timedelta(seconds=cap.per.seconds) / (cap.max + 1)
    ages = [step.total_seconds() / 3600 * index for index in range(cap.max)]
    at = NOON + timedelta(hours=ages[-1]) + TICK

    full = timing._full((cap,), contacted(*ages).contacts, at, "contact.budget")
    room = timing._full((cap,), contacted(*ages[1:]).contacts, at, "contact.budget")

    assert full is not None
    assert NOON + timedelta(seconds=cap.per.seconds) == full.until
    assert room is None


def test_a_cancelled_contact_is_free_again():
    """What was not sent does not count; what was sent does, and so does what is unresolved."""
    reserved = contacted(0, channel="email")
    choice = reserved.contacts[-1].index
    later = NOON + timedelta(hours=1)

    assert not try_one(reserved, at=later)
    assert not try_one(fold([Sent(at=NOON, choice=choice)], reserved), at=later)
    assert try_one(fold([Cancelled(at=NOON, choice=choice)], reserved), at=later)


def test_a_channel_that_is_gone_still_counts():
    """Contacts on a channel that the policy no longer declares fill the budget."""
    assert ["contact.budget"] == codes(try_one(contacted(0, 0, channel="fax"), at=NOON + MINUTE))


def test_pages_count_only_where_they_have_caps():
    """A page of the host's own is no contact, unless the policy limits it."""
    capped = policy(channels__web={"caps": [{"max": 1, "per": "P1D"}]})
    person = someone(shop=capped)
    free, first = try_one(someone(), channel="web"), try_one(person, shop=capped, channel="web")
    again = try_one(reserve(person, first, NOON), shop=capped, channel="web")

    assert (False, True) == (free.counts, first.counts)
    assert ["contact.cap"] == codes(again)
    assert try_one(reserve(person, first, NOON), shop=capped)


def test_push_counts_without_an_address():
    """A push message reaches out: it counts although the policy knows no address of it."""
    assert try_one(someone(), channel="push").counts


def test_win_back_is_gentle():
    """In a stage that silence leads to there are three contacts in thirty days, elsewhere more."""
    ages = [index * 8 * 24.0 for index in range(3)]
    at = NOON + timedelta(hours=ages[-1]) + 8 * DAY
    person = contacted(*ages, channel="sms")

    assert try_one(person, at=at, stage="customer")
    assert ["contact.win_back"] == codes(try_one(person, at=at, stage="drifting"))
    assert try_one(contacted(*ages[1:], channel="sms"), at=at, stage="drifting")
    assert try_one(person, at=at, stage="drifting", channel="web")


@pytest.mark.parametrize("cap", WIN_BACK)
def test_both_sides_of_every_limit_of_winning_back(cap):
    """In each window the last attempt that fits is made, and the next waits until the first is past it."""
    gap = timedelta(seconds=cap.per.seconds) / cap.max - TICK
    ages = [(gap * index).total_seconds() / 3600 for index in range(cap.max)]
    full = timing._full((cap,), contacted(*ages).contacts, NOON + gap * cap.max, "contact.win_back")
    there = timing._full(
        (cap,), contacted(*ages).contacts, NOON + gap * cap.max + 4 * TICK, "contact.win_back"
    )

    assert full is not None
    assert there is None


@given(
    st.lists(
        st.tuples(st.integers(0, 72 * 60), st.sampled_from(["email", "sms", "push", "web"])),
        min_size=5,
        max_size=40,
    )
)
@settings(max_examples=50)
def test_no_window_ever_holds_more_than_its_cap(tries):
    """However the contacts come, when each is reserved no rolling window has more than its limit."""
    shop = policy(channels__sms={"address": "phone", "caps": [{"max": 2, "per": "P2D"}]})
    person, at, made = someone(shop=shop), NOON, []
    for minutes, channel in tries:
        at += timedelta(minutes=minutes)
        answer = try_one(person, shop=shop, channel=channel, at=at)
        if answer:
            person = reserve(person, answer, at)
            made.append((at, channel))
    for cap, channels in (
        *((cap, {"email", "sms", "push"}) for cap in CONTACT_BUDGET),
        *((cap, {"email"}) for cap in shop.channels["email"].caps),
        *((cap, {"sms"}) for cap in shop.channels["sms"].caps),
    ):
        times = [each for each, channel in made if channel in channels]
        for last in times:
            assert sum(1 for each in times if each <= last < cap.per.after(each)) <= cap.max


@given(st.lists(st.floats(0, 800), max_size=12), st.floats(800, 1000), st.integers(1, 4), st.integers(0, 3))
@settings(max_examples=60)
def test_a_lower_cap_never_lets_more_through(hours, at, most, less):
    """Where the laxer cap denies, the stricter one denies too."""
    contacts = list(contacted(*hours).contacts)
    when = NOON + timedelta(hours=at)
    per = Duration(seconds=7 * 86400)

    def open_to(cap: Cap) -> bool:
        return timing._full((cap,), contacts, when, "contact.cap") is None

    assert open_to(Cap(most, per)) or not open_to(Cap(max(most - less, 1), per))
    assert open_to(Cap(most, per)) or not open_to(Cap(most, Duration(months=1)))


@given(
    st.integers(0, 24 * 40),
    st.lists(st.integers(0, 24 * 40), min_size=1, max_size=8),
    st.sampled_from(
        [Duration(months=1), Duration(months=1, seconds=86400), Duration(months=13), Duration(seconds=60)]
    ),
)
@settings(max_examples=100)
def test_what_is_forgotten_never_mattered(now, hours, per):
    """A contact before ``since`` is in no window, however the calendar's months fall, then or later."""
    shop = policy(channels__email={"address": "email"})
    shop.channels["email"] = replace(shop.channels["email"], caps=(Cap(1, per),))
    start = datetime(2027, 1, 28, tzinfo=UTC)
    at = start + timedelta(hours=now)
    since = timing.forgotten_before(shop, at)
    for span in (per, *(cap.per for cap in (*CONTACT_BUDGET, *WIN_BACK, URGENCY)), FATIGUE_SPAN):
        for each in hours:
            contact = since - timedelta(hours=each) - TICK
            assert span.after(contact) <= at


# --- quiet hours ---------------------------------------------------------------------------------

CLOCKS = {
    "Europe/Berlin": ("DE", ["2026-03-29", "2026-10-25", "2026-06-21"]),
    "Europe/London": ("GB", ["2026-03-29", "2026-10-25", "2026-06-21"]),
    "America/Los_Angeles": ("US-CA", ["2026-03-08", "2026-11-01", "2026-06-21"]),
}
DAYS = [(zone, region, day) for zone, (region, days) in CLOCKS.items() for day in days]


def waits(zone: str, region: str, at: datetime, *, quiet: Quiet | None = None, row: str = "sms_marketing"):
    """Return the wait of somebody there on a channel with these hours."""
    about = {name: each for name, each in (("zone", zone), ("region", region)) if each}
    state = replace(BERLINER, about=about)
    channel = Channel(name="sms", row=row, quiet=quiet)
    return timing.quiet(Facts(SHOP, state, SHOP.purposes["news"], channel, at, "customer", False))


@pytest.mark.parametrize(("zone", "region", "day"), DAYS)
@pytest.mark.parametrize("known", [True, False])
def test_every_minute_of_the_day_goes_by_the_wall_clock(zone, region, day, known):
    """When clocks change, too, the house's hours are 20:00 to 09:00 on the wall, the end open."""
    wall = ZoneInfo(zone)
    at = datetime.fromisoformat(day).replace(tzinfo=wall).astimezone(UTC)
    end = (datetime.fromisoformat(day) + DAY).replace(tzinfo=wall).astimezone(UTC)
    minutes = set()
    while at < end:
        clock = at.astimezone(wall).time()
        minutes.add(clock)
        quiet = clock >= time(20) or clock < time(9)
        assert quiet == (waits(zone if known else "", region, at) is not None), (at, clock)
        at += MINUTE
    assert {time(8, 59), time(9), time(19, 59), time(20)} <= minutes


@pytest.mark.parametrize(("zone", "region", "day"), DAYS)
@pytest.mark.parametrize(
    "quiet",
    [
        Quiet(start=20 * 60, end=9 * 60),
        Quiet(start=60, end=150),
        Quiet(start=120, end=121),
        Quiet(start=1439, end=1),
    ],
)
def test_the_end_that_is_named_is_the_first_that_is_allowed(zone, region, day, quiet):
    """``try_again`` is the first allowed minute: all before it are quiet, on days of changing clocks too."""
    start = datetime.fromisoformat(day).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
    minutes = [start + MINUTE * each for each in range(-240, 1500, 11)]
    for at in minutes:
        wait = waits(zone, region, at, quiet=quiet, row="email_marketing")
        if wait is None:
            continue
        assert wait.until is not None
        assert waits(zone, region, wait.until, quiet=quiet, row="email_marketing") is None
        assert waits(zone, region, wait.until - MINUTE, quiet=quiet, row="email_marketing") is not None
        assert wait.until > at


@pytest.mark.parametrize(
    ("clock", "allowed"), [("08:59", False), ("09:00", True), ("19:59", True), ("20:00", False)]
)
def test_both_sides_of_the_house_hours(clock, allowed):
    """A text message goes out from nine to eight in the evening, on the customer's clock."""
    at = datetime.combine(NOON.date(), time.fromisoformat(clock), ZoneInfo("Europe/Berlin")).astimezone(UTC)
    person = replace(someone(), at=None)

    assert allowed == bool(try_one(person, channel="sms", at=at))
    assert try_one(person, channel="email", at=at)


def test_an_unknown_zone_means_every_zone_of_the_region():
    """Somewhere in the United States it is night: 10:00 in New York is 04:00 in Honolulu."""
    morning, evening = datetime(2026, 6, 1, 14, tzinfo=UTC), datetime(2026, 6, 1, 21, 30, tzinfo=UTC)

    assert waits("", "US", morning) is not None
    assert waits("", "US", evening) is None
    assert waits("America/New_York", "US", morning) is None


def test_the_wait_in_many_zones_ends_when_the_last_wakes():
    """With an unknown zone the first allowed minute is the last zone's morning."""
    wait = waits("", "US", datetime(2026, 6, 1, 14, tzinfo=UTC))

    assert wait is not None
    assert datetime(2026, 6, 1, 19, tzinfo=UTC) == wait.until  # 09:00 in Honolulu


@pytest.mark.parametrize("zone", ["Mars/Phobos", "Europe", "../etc/passwd", "\0", "x" * 300])
def test_a_zone_that_is_none_is_an_unknown_zone(zone):
    """Nonsense is no permission: the region's zones count."""
    assert waits(zone, "DE", NOON.replace(hour=2)) is not None
    assert waits(zone, "DE", NOON) is None


@given(st.integers(0, 366 * 24 * 60))
@settings(max_examples=100)
def test_nothing_known_of_the_place_means_all_places(minute):
    """Somewhere it is always night, so who may be anywhere gets no text, and waiting is no help."""
    wait = waits("", "", NOON + MINUTE * minute)

    assert wait is not None
    assert wait.until is None


def test_waiting_that_does_not_help_is_not_promised():
    """Without region and zone the choice names no time to try again."""
    person = someone(region="", zone="")
    answer = try_one(person, channel="sms")

    assert ["contact.quiet"] == codes(answer)
    assert answer.try_again is None
    assert "no limit of time" not in answer.explain()


def test_hours_that_never_end_somewhere_are_not_promised_either():
    """Where the zones of a region leave no common minute within two days, no time is named."""
    wait = waits("", "US", NOON, quiet=Quiet(start=12 * 60, end=11 * 60))

    assert wait is not None
    assert wait.until is None


def test_a_whole_day_of_quiet_never_ends():
    """Hours that end when they begin are a whole day, and no time to try again is looked for endlessly."""
    wait = waits("Europe/Berlin", "DE", NOON, quiet=Quiet(start=12 * 60, end=12 * 60))

    assert wait is not None
    assert wait.until is None


def test_a_policy_may_be_stricter_or_laxer_than_the_house():
    """A channel's own hours replace the house's, in both directions."""
    at = NOON.replace(hour=19)  # 21:00 in Berlin

    assert waits("Europe/Berlin", "DE", at) is not None
    assert waits("Europe/Berlin", "DE", at, quiet=Quiet(start=22 * 60, end=6 * 60)) is None
    assert waits("Europe/Berlin", "DE", NOON, quiet=Quiet(start=8 * 60, end=20 * 60)) is not None


def test_a_policy_is_never_laxer_than_a_protected_night():
    """In the United States 21:00 to 08:00 counts whatever the policy says, as a house rule."""
    night = datetime(2026, 6, 2, 4, 30, tzinfo=UTC)  # 21:30 in Los Angeles
    lax = Quiet(start=2 * 60, end=4 * 60)
    wait = waits("America/Los_Angeles", "US-CA", night, quiet=lax)

    assert wait is not None
    assert "47 CFR 64.1200(c)(1)" in wait.why.cite
    assert "house rule" == wait.why.kind
    assert waits("America/Los_Angeles", "US-CA", night, quiet=lax, row="email_marketing") is None
    assert waits("America/Los_Angeles", "", night, quiet=lax) is None  # the market is Germany


@given(st.integers(0, 1439), st.integers(0, 1439), st.integers(0, 1439))
def test_a_window_has_its_length(start, end, minute):
    """A window begins in its first minute and ends before its last, over midnight too."""
    if start == end:
        end = (end + 1) % 1440
    window = Quiet(start=start, end=end)

    assert ((minute - start) % 1440 < (end - start) % 1440) == timing.within(window, minute)


# --- all together --------------------------------------------------------------------------------


def test_try_again_is_past_every_limit():
    """Cap, budget and night are waited for together."""
    shop = policy(channels__sms={"address": "phone", "caps": [{"max": 1, "per": "PT12H"}]})
    person = fold([Chosen(at=NOON, offer="o", purpose="news", channel="sms")], someone(shop=shop))
    answer = try_one(person, shop=shop, channel="sms", at=NOON + MINUTE)

    assert ["contact.cap"] == codes(answer)
    assert datetime(2026, 5, 5, 7, tzinfo=UTC) == answer.try_again  # the cap ends at midnight: 09:00
    assert "From 2026-05-05 07:00 UTC on" in answer.explain()
    assert try_one(person, shop=shop, channel="sms", at=answer.try_again)
    assert not try_one(person, shop=shop, channel="sms", at=answer.try_again - MINUTE)


def test_waiting_for_limits_is_bounded(monkeypatch):
    """The search for a free instant ends, and then promises none."""
    monkeypatch.setattr(timing, "_MOST_WAITS", 1)

    assert try_one(contacted(0, channel="email"), at=NOON + MINUTE).try_again is None


def test_no_time_is_named_where_time_does_not_help():
    """Where something else stands in the way too, waiting is not advised."""
    offers = [Offer("x", purpose="news", pressure="streak")]

    assert (
        pick(SHOP, contacted(0, channel="email"), offers, channel="email", at=NOON + MINUTE).try_again is None
    )


@pytest.mark.parametrize(
    ("per", "words"),
    [
        ("P1D", "1 day"),
        ("P1M", "1 month"),
        ("P1M2D", "1 month and 2 days"),
        ("PT1H30M", "1 hour and 30 minutes"),
        ("PT1S", "1 second"),
    ],
)
def test_a_span_in_words(per, words):
    """A limit is told as people say it."""
    assert words == timing.span(Duration.parse(per))


def test_the_table_is_the_code():
    """What the table of house defaults says is what counts."""
    says = {each.name: each.says for each in DEFAULTS}
    for cap in CONTACT_BUDGET:
        assert f"{cap.max}" in says["contact budget"]
    assert "1 contact in 7 days, 3 contacts in 30 days, 4 in 90 days" in says["win-back"]
    assert [(1, 7), (3, 30), (4, 90)] == [(cap.max, cap.per.seconds // 86400) for cap in WIN_BACK]
    assert "from 20:00 to 09:00" in says["quiet hours"]
    assert (20 * 60, 9 * 60) == (HOUSE_QUIET.start, HOUSE_QUIET.end)
    assert all(each.sources for each in DEFAULTS)


def test_a_contact_is_what_the_model_says():
    """The rules look at the time and the channel of a contact, sent or not."""
    late = Contact(index=9, at=NOON, channel="email", sent=True)

    assert timing._full((SHORTEST,), [late, late], NOON, "contact.budget") is not None


@pytest.mark.parametrize("minute", range(0, 60, 7))
def test_an_hour_that_comes_twice_is_quiet_twice(minute):
    """When clocks go back in Berlin, both hours between two and three are quiet."""
    first = datetime(2026, 10, 25, 0, minute, tzinfo=UTC)
    hour = Quiet(start=2 * 60, end=3 * 60)

    for at in (first, first + timedelta(hours=1)):
        wait = waits("Europe/Berlin", "DE", at, quiet=hour)
        assert wait is not None
        assert datetime(2026, 10, 25, 2, tzinfo=UTC) == wait.until
    assert waits("Europe/Berlin", "DE", first + timedelta(hours=2), quiet=hour) is None
    assert waits("Europe/Berlin", "DE", first - timedelta(hours=1), quiet=hour) is None


@pytest.mark.parametrize("minute", range(0, 60, 7))
def test_an_hour_that_does_not_come_is_never_quiet(minute):
    """When clocks go forward there is no time between two and three; before and after it is not quiet."""
    hour = Quiet(start=2 * 60, end=3 * 60)
    before = datetime(2026, 3, 29, 0, minute, tzinfo=UTC)

    assert waits("Europe/Berlin", "DE", before, quiet=hour) is None
    assert waits("Europe/Berlin", "DE", before + timedelta(hours=1), quiet=hour) is None


def test_a_night_that_ends_in_the_hour_that_does_not_come():
    """Hours until half past two end at three, the first minute that there is after them."""
    wait = waits(
        "Europe/Berlin",
        "DE",
        datetime(2026, 3, 29, 0, 30, tzinfo=UTC),
        quiet=Quiet(start=60, end=150),
    )

    assert wait is not None
    assert datetime(2026, 3, 29, 1, tzinfo=UTC) == wait.until


def test_once_consented_is_never_consent():
    """Who withdrew, or whose yes has expired, is not won back: the stage changes nothing about it."""
    from clm_ethics.model import Granted, Objected, Withdrawn

    past = someone(stage="drifting")
    yes = Granted(at=NOON, purpose="news", clause=SHOP.clauses["news"], shown="n", until=NOON + DAY)

    assert try_one(past)
    assert ["consent.withdrawn"] == codes(try_one(fold([Withdrawn(at=NOON, purpose="news")], past)))
    assert ["consent.expired"] == codes(try_one(fold([yes], past), at=NOON + DAY))
    assert not try_one(fold([Objected(at=NOON, purpose="news", marketing=True)], past))
