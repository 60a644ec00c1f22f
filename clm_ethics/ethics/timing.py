"""Not too often, and not at night: caps, the contact budget, win-back limits and quiet hours.

Windows roll: a contact counts until its span is over, reserved or sent, whatever the calendar
says. Quiet hours are judged on the customer's wall clock, so a change of the clocks is no
exception; while the zone is unknown they count in every zone that is plausible.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, NamedTuple
from zoneinfo import ZoneInfo

from ..model.state import Status
from ..model.times import EPOCH, Duration
from ..policy.decision import Kind, Reason
from ..policy.values import Cap
from ..regimes import COUNTRIES, covers, plausible_zones
from .defaults import (
    CONTACT_BUDGET,
    DISTURBING,
    EVERY_DAY,
    FATIGUE_HALF,
    FATIGUE_SPAN,
    FATIGUE_STOP,
    HOUSE_QUIET,
    QUIET_FLOORS,
    REACHING,
    URGENCY,
    WIN_BACK,
)
from .words import reason

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ..model.state import Contact, State
    from ..policy.policy import Policy
    from ..policy.values import Channel, Quiet
    from .facts import Facts

_MINUTE = timedelta(minutes=1)
_DAY = 24 * 60
_FAR = timedelta(days=3)
"""Who has no allowed minute within three days (somewhere it is always night) never has one."""
_MOST_WAITS = 64


class Wait(NamedTuple):
    """Why not now, and until when (UTC); ``None``: waiting does not help."""

    why: Reason
    until: datetime | None


def counts(channel: Channel) -> bool:
    """Say whether an offer on *channel* is a contact that counts: it reaches out, or it has caps."""
    return reaches(channel) or bool(channel.caps)


def reaches(channel: Channel) -> bool:
    """Say whether *channel* reaches out to somebody; otherwise it is a page that waits for them."""
    return bool(channel.address) or channel.row in REACHING


def forgotten_before(policy: Policy, at: datetime, own: Cap | None = None) -> datetime:
    """Return the instant (UTC) before which no contact matters to any limit, at *at* or later.

    *own* is the customer's own limit, if there is one.
    """
    caps = [cap for channel in policy.channels.values() for cap in channel.caps]
    spans = [cap.per for cap in (*caps, *CONTACT_BUDGET, *WIN_BACK, URGENCY)]
    spans += [FATIGUE_SPAN, *([] if own is None else [own.per])]
    longest = max(span.longest for span in spans)
    return Duration(seconds=longest).before(at)


def forgotten_sooner(policy: Policy, at: datetime) -> dict[str, datetime]:
    """Return, per channel that does not reach out, the instant (UTC) before which its contacts do not matter.

    Its own caps look at them, and the limit of pressure at those that pressed; no other limit does.
    """
    spans = {
        name: max(cap.per.longest for cap in channel.caps)
        for name, channel in policy.channels.items()
        if channel.caps and not reaches(channel)
    }
    return {name: Duration(seconds=longest).before(at) for name, longest in spans.items()}


def caps(facts: Facts) -> Wait | None:
    """The policy's own limits of this channel; a service is not advertising, and has none."""
    if facts.service:
        return None
    contacts = [each for each in facts.state.contacts if each.channel == facts.channel.name]
    return _full(facts.channel.caps, contacts, facts.at, "contact.cap")


def budget(facts: Facts) -> Wait | None:
    """The house's limit over all channels that reach out; half of it, or none, for who never answers."""
    if not reaches(facts.channel) or facts.service:
        return None
    unanswered = _unanswered(facts)
    if len(unanswered) >= FATIGUE_STOP:
        until = FATIGUE_SPAN.after(unanswered[len(unanswered) - FATIGUE_STOP])
        return Wait(reason("contact.fatigue", f"{FATIGUE_STOP} in {span(FATIGUE_SPAN)}"), until)
    if len(unanswered) >= FATIGUE_HALF:
        halved = [Cap(max(cap.max // 2, 1), cap.per) for cap in CONTACT_BUDGET]
        return _full(halved, _reached(facts), facts.at, "contact.fatigue")
    return _full(CONTACT_BUDGET, _reached(facts), facts.at, "contact.budget")


def wanted(state: State) -> Cap | None:
    """Return how often the customer wants to be addressed at most, if they have said so."""
    stated = state.preferences
    return None if stated is None or stated.most is None else Cap(stated.most, stated.per)


def preferred(facts: Facts) -> Wait | None:
    """The customer's own limit, over all channels that reach out; never of a service."""
    cap = wanted(facts.state)
    if cap is None or facts.service or not reaches(facts.channel):
        return None
    if not cap.max:
        return Wait(reason("contact.preferred", "never"), None)
    return _full((cap,), _reached(facts), facts.at, "contact.preferred")


def _unanswered(facts: Facts) -> list[datetime]:
    """Return when the customer was contacted since they last did anything, oldest first.

    An answer is a yes, or an event that the policy declares and that silences nothing. Where no such
    event is declared nobody can answer, and nothing is made of silence.
    """
    policy, state = facts.policy, facts.state
    telling = [name for name, rule in policy.events.items() if not rule.mutes]
    if not telling:
        return []
    answers = [state.happened[name] for name in telling if name in state.happened]
    answers += [each.at for each in state.consents.values() if each.status is Status.GRANTED]
    last = max(answers, default=EPOCH)
    held = [each.at for each in _reached(facts) if not each.cancelled]
    return sorted(at for at in held if at > last and FATIGUE_SPAN.after(at) > facts.at)


def win_back(facts: Facts) -> Wait | None:
    """The house's limit in a stage that silence leads to, by a move "after a time without"."""
    moves = facts.policy.lifecycle.moves
    if facts.service or not reaches(facts.channel):
        return None
    if facts.stage not in {move.to for move in moves if move.without}:
        return None
    return _full(WIN_BACK, _reached(facts), facts.at, "contact.win_back")


def urgency(facts: Facts) -> Wait | None:
    """The house's limit of offers that press, on whatever channel or page."""
    pressed = [each for each in facts.state.contacts if each.pressed]
    return _full((URGENCY,), pressed, facts.at, "contact.pressure")


def _reached(facts: Facts) -> list[Contact]:
    # A channel that the policy no longer declares was one that counted.
    known = facts.policy.channels
    return [
        each for each in facts.state.contacts if each.channel not in known or reaches(known[each.channel])
    ]


def _full(caps: Iterable[Cap], contacts: list[Contact], at: datetime, code: str) -> Wait | None:
    """Return the longest wait of the *caps* that are reached."""
    waits = []
    held = sorted(each.at for each in contacts if not each.cancelled)
    for cap in caps:
        if len(held) < cap.max:
            continue
        # The latest contact so many back frees a place first; but months do not keep the order of times.
        recent = held[-cap.max :] if not cap.per.months else held
        ends = sorted(map(cap.per.after, recent))
        if ends[-cap.max] > at:
            waits.append((ends[-cap.max], cap))
    if not waits:
        return None
    until, cap = max(waits, key=lambda each: each[0])
    return Wait(reason(code, f"{cap.max} in {span(cap.per)}"), until)


def span(per: Duration) -> str:
    """Write a duration in words."""
    days, rest = divmod(per.seconds, 86400)
    parts = [(per.months, "month"), (days, "day"), (rest // 3600, "hour"), (rest % 3600 // 60, "minute")]
    parts.append((rest % 60, "second"))
    said = [f"{number} {word}{'s' * (number != 1)}" for number, word in parts if number]
    return " and ".join(said)


def quiet(facts: Facts) -> Wait | None:
    """Quiet hours: the policy's or the house's, and nights that a law protects."""
    region = facts.state.about.get("region", "")
    hours = list(_hours(facts.policy, facts.channel, region))
    if not hours:
        return None
    windows = [each for each, _ in hours]
    zones = customer_zones(facts.state.about.get("zone", ""), region)
    first = _quiet_in(windows, zones, facts.at)
    if first is None:
        return None
    why = next(said for window, said in hours if window.holds(facts.at.astimezone(first)))
    return Wait(why, _loud_again(windows, zones, facts.at))


class _Window(NamedTuple):
    """Quiet hours on some days of the week."""

    quiet: Quiet
    days: tuple[int, ...] = EVERY_DAY

    def holds(self, clock: datetime) -> bool:
        """Say whether it is quiet at this time of the customer's clock."""
        return clock.weekday() in self.days and within(self.quiet, clock.hour * 60 + clock.minute)

    def left(self, minute: int) -> int:
        """Return for how many minutes it surely goes on; on some days only, until midnight at most."""
        left = (self.quiet.end - minute) % _DAY
        return left if len(self.days) == len(EVERY_DAY) else min(left or _DAY, _DAY - minute)


def _hours(policy: Policy, channel: Channel, region: str) -> Iterator[tuple[_Window, Reason]]:
    own = channel.quiet
    if own is not None:
        yield _Window(own), reason("contact.quiet", _clock(own))
    elif channel.row in DISTURBING:
        yield (
            _Window(HOUSE_QUIET),
            reason("contact.quiet", _clock(HOUSE_QUIET), cite="DMA Code rule 1.4", kind=Kind.HOUSE),
        )
    for floor in QUIET_FLOORS:
        places = (region,) if region else policy.controller.markets
        if channel.row in floor.rows and any(covers(floor.territory, place) for place in places):
            why = reason("contact.quiet", _clock(floor.quiet), cite=floor.cite, kind=Kind.HOUSE)
            yield _Window(floor.quiet, floor.days), why


def _clock(window: Quiet) -> str:
    return f"{window.start // 60:02}:{window.start % 60:02} to {window.end // 60:02}:{window.end % 60:02}"


def customer_zones(zone: str, region: str) -> tuple[ZoneInfo, ...]:
    """Return the zones that somebody may be in: their own, their region's, or every one on earth."""
    own = _load(zone) if zone else None
    if own is not None:
        return (own,)
    names = plausible_zones(region or None)
    return _zones(names if names is not None else _earth())


def _load(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # no such zone, no zone's name, or a folder of zones
        return None


@cache
def _earth() -> tuple[str, ...]:
    return tuple(sorted({name for country in COUNTRIES for name in plausible_zones(country) or ()}))


@cache
def _zones(names: tuple[str, ...]) -> tuple[ZoneInfo, ...]:
    return tuple(ZoneInfo(name) for name in names)


def within(window: Quiet, minute: int) -> bool:
    """Say whether *minute* of the day lies in the window; its end does not, and it may span midnight."""
    if window.start < window.end:
        return window.start <= minute < window.end
    return minute >= window.start or minute < window.end


def _quiet_in(windows: list[_Window], zones: tuple[ZoneInfo, ...], at: datetime) -> ZoneInfo | None:
    """Return the first zone in which it is quiet at *at*."""
    for zone in zones:
        clock = at.astimezone(zone)
        if any(window.holds(clock) for window in windows):
            return zone
    return None


def _loud_again(windows: list[_Window], zones: tuple[ZoneInfo, ...], at: datetime) -> datetime | None:
    """Return the first minute (UTC) after *at* that is quiet nowhere; ``None``: there is none."""
    if zones == _zones(_earth()):
        return None
    last = at + _FAR
    when = at.astimezone(UTC).replace(second=0, microsecond=0)
    while when <= last:
        zone = _quiet_in(windows, zones, when)
        if zone is None:
            return when
        clock = when.astimezone(zone)
        minute = clock.hour * 60 + clock.minute
        left = min(each.left(minute) for each in windows if each.holds(clock))
        end = when + max(left, 1) * _MINUTE
        # Where clocks change in between, the end comes earlier or later: then each minute is looked at.
        steady = end.astimezone(zone).utcoffset() == when.astimezone(zone).utcoffset()
        when = end if steady else when + _MINUTE
    return None


def wait(facts: Facts, *, presses: bool = False) -> datetime | None:
    """Return the first instant (UTC) from ``facts.at`` on at which no limit of time stands in the way.

    *presses*: the offer hurries people, so the limit of pressure counts too.
    """
    limits = (caps, budget, preferred, win_back, quiet, *([urgency] if presses else []))
    for _ in range(_MOST_WAITS):
        waits = [found for found in (each(facts) for each in limits) if found]
        if not waits:
            return facts.at
        ends = [each.until for each in waits if each.until is not None]
        if len(ends) < len(waits):
            return None
        facts = facts._replace(at=max(ends))
    return None
