"""What the data does not know: who said yes, who said no, who changed their mind.

**All of it is invented**, by a random pattern that depends on nothing but the seed and the
person's reference: the same seed gives the same people, however many others take part. The
shares are in :data:`SHARES`; none of them is a finding about anybody.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .data import Person

REGIONS = (("DE", 55), ("AT", 15), ("FR", 10), ("GB", 10), ("US-CA", 10))
"""Where the invented people live, in percent: four regimes of law meet in one shop."""
ZONES = {
    "DE": "Europe/Berlin",
    "AT": "Europe/Vienna",
    "FR": "Europe/Paris",
    "GB": "Europe/London",
    "US-CA": "America/Los_Angeles",
}

SHARES: Mapping[str, tuple[str, float]] = {
    "recommendations_yes": ("say yes to recommendations when they sign up", 0.40),
    "recommendations_no": ("say no to recommendations when they sign up", 0.25),
    "recommendations_later": ("who were not asked say yes during the year", 0.35),
    "newsletter_yes": ("say yes to coupons by e-mail when they sign up", 0.45),
    "newsletter_no": ("say no to coupons by e-mail when they sign up", 0.30),
    "withdraw": ("who said yes to something withdraw it again", 0.20),
    "regret": ("who withdrew say yes once more", 0.35),
    "object_letters": ("object to letters", 0.12),
    "object_insight": ("object to statistics about their shopping", 0.06),
    "complain": ("complain about something (and want no advertising for two weeks)", 0.06),
    "restrict": ("dispute their data, which is restricted for a month", 0.03),
    "erase": ("ask to be forgotten in the second half of the year", 0.05),
}
"""The invented shares of people: who, how many."""


@attrs.frozen(kw_only=True)
class Answer:
    """One invented act: *act* on *purpose* at *at* (aware UTC)."""

    act: str
    at: datetime
    purpose: str = ""


@attrs.frozen(kw_only=True)
class Character:
    """An invented person behind a real reference: where they live, and what they say when."""

    region: str
    zone: str
    locale: str
    born: str
    answers: tuple[Answer, ...]


def character(person: Person, *, seed: int, begins: datetime, ends: datetime) -> Character:
    """Invent the character of *person*, who signs up at *begins*; the year is over at *ends*."""
    dice = Random(f"{seed}:{person.ref}")
    regions = [name for name, _ in REGIONS]
    region = dice.choices(regions, [percent for _, percent in REGIONS])[0]
    span = max(ends - begins, timedelta(days=1))
    answers = [
        *_consent(dice, "recommendations", begins, span),
        *_consent(dice, "newsletter", begins, span),
        *_others(dice, begins, span),
    ]
    return Character(
        region=region,
        zone=ZONES[region],
        locale="de" if region in {"DE", "AT"} else "en",
        born=_born(dice, person.age, begins.date()),
        answers=tuple(sorted(_until_erased(answers), key=lambda each: each.at)),
    )


def _consent(dice: Random, purpose: str, begins: datetime, span: timedelta) -> list[Answer]:
    """A yes, a no or nothing when signing up; perhaps a yes later, a withdrawal, a yes again."""
    lot = dice.random()
    yes, no = SHARES[f"{purpose}_yes"][1], SHARES[f"{purpose}_no"][1]
    later = SHARES.get(f"{purpose}_later", ("", 0.0))[1]
    draws = [dice.random() for _ in range(6)]  # always as many, so that a share can change alone
    if lot < yes:
        given = begins
    elif lot < yes + no:
        return [Answer(act="refuse", at=begins, purpose=purpose)]
    elif draws[0] < later:
        given = _during(begins, span, draws[1])
    else:
        return []
    answers = [Answer(act="grant", at=given, purpose=purpose)]
    if draws[2] < SHARES["withdraw"][1]:
        gone = _during(given, begins + span - given, draws[3])
        answers.append(Answer(act="withdraw", at=gone, purpose=purpose))
        if draws[4] < SHARES["regret"][1]:
            again = _during(gone, begins + span - gone, draws[5])
            answers.append(Answer(act="grant", at=again, purpose=purpose))
    return answers


def _others(dice: Random, begins: datetime, span: timedelta) -> list[Answer]:
    answers = []
    for share, act, purpose in (
        ("object_letters", "object", "letters"),
        ("object_insight", "object", "insight"),
        ("complain", "complain", ""),
        ("restrict", "restrict", ""),
        ("erase", "erase", ""),
    ):
        lot, place = dice.random(), dice.random()
        if lot >= SHARES[share][1]:
            continue
        at = _during(begins + span / 2, span / 2, place) if act == "erase" else _during(begins, span, place)
        answers.append(Answer(act=act, at=at, purpose=purpose))
        if act == "restrict":
            answers.append(Answer(act="lift", at=at + timedelta(days=30)))
    return answers


def _until_erased(answers: list[Answer]) -> list[Answer]:
    """Drop what somebody would do after they were forgotten."""
    erased = min((each.at for each in answers if each.act == "erase"), default=None)
    return [each for each in answers if erased is None or each.at < erased or each.act == "erase"]


def _during(begins: datetime, span: timedelta, place: float) -> datetime:
    """Return a moment at least a day after *begins*, on a whole minute."""
    seconds = max(span - timedelta(days=1), timedelta(0)).total_seconds() * place
    return begins + timedelta(days=1, minutes=seconds // 60)


def _born(dice: Random, bracket: str, today: date) -> str:
    """Return a date of birth (ISO) inside the age *bracket* of the data, or nothing."""
    lot, day = dice.random(), dice.randint(1, 365)
    if not bracket:
        return ""
    low, _, high = bracket.partition("-")
    youngest = int(low.rstrip("+"))
    oldest = int(high) if high else youngest + 15
    age = youngest + int(lot * (oldest - youngest + 1))
    born = datetime(today.year - age - 1, 1, 1, tzinfo=UTC) + timedelta(days=day - 1)
    return born.date().isoformat()
