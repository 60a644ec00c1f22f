"""Policies, lives and questions made up: what the properties of the core are tried on.

A *policy* is drawn dense: few names, every kind of basis, processing, regime and retention. A
*life* is a list of events in time order, such as the verbs write them and worse. Both are small
enough to read when a property fails.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st
from msgspec.structs import replace

from clm_ethics.model import (
    Cancelled,
    Chosen,
    Collected,
    Corrected,
    Duration,
    Enrolled,
    ErasureBegun,
    ErasureDone,
    Event,
    Forgotten,
    Granted,
    Moved,
    Objected,
    Put,
    Read,
    Recorded,
    Refusal,
    Refused,
    Removed,
    Restricted,
    RestrictionLifted,
    Sent,
    SignalReceived,
    Swept,
    Withdrawn,
)
from clm_ethics.policy import Basis, Policy, Request

if TYPE_CHECKING:
    from collections.abc import Sequence

START = datetime(2023, 9, 1, 9, 30, tzinfo=UTC)
"""When the lives begin: before several laws of the packs change."""
DAY = timedelta(days=1)

NAMES = ("account", "news", "tips", "ads", "books")
"""The purposes; what they do is drawn."""
STAGES = ("fresh", "active", "quiet", "gone")
REGIONS = ("DE", "AT", "FR", "DK", "GB", "US-CA", "DE-BY", "US-NY", "JP", "CH", "US-MD", "US-CT", "US-OR")
ESTABLISHED = (["DE"], ["GB"], ["US-CA"], ["DE", "GB"], ["AT", "US-CA"], ["US-OH"], ["AR"])
STATED: tuple[dict[str, Any], ...] = (
    {},
    {"nonprofit": True, "platform": False, "charity": True},
    {"platform": True, "employees": 50, "food_retailer": False},
    {"residents": {"US-MD": 1, "US-CT": 1, "US-CA": 1}, "revenue_usd": 0, "sale_share": 0, "sells": False},
)
"""What controllers state about themselves."""
LISTS = ("tastes", "visits", "allergies")
FIELDS: dict[str, dict[str, Any]] = {
    "email": {"type": "text", "category": "user.contact.email", "lookup": "email"},
    "phone": {"type": "text", "category": "user.contact.phone_number"},
    "tastes": {"type": "list", "max": 20, "category": "user.behavior"},
    "visits": {"type": "list", "max": 20, "category": "user.behavior"},
    "allergies": {"type": "list", "max": 20, "category": "user.health_and_medical"},
    "place": {"type": "text", "category": "user.location.precise"},
    "points": {"type": "integer", "category": "user.account", "source": "till"},
    "score": {"type": "number", "category": "user.behavior", "derived_from": ["visits"]},
}
COARSE = {"tastes": "count", "visits": "count", "email": "prefix:3", "score": "bucket:5", "born": "year"}
SPANS = ("P10D", "P30D", "P2M", "P1Y", "P3Y")
CHANNELS = {
    "email": {"address": "email"},
    "sms": {"address": "phone"},
    "phone": {"address": "phone"},
    "web": {},
}
PROCESSING = (
    ("essential",),
    ("essential",),
    ("storage",),
    ("personalization",),
    ("analytics",),
    ("direct_marketing",),
    ("direct_marketing",),
    ("targeted_ads",),
    ("sale_sharing",),
    ("automated_decision",),
    ("personalised_price",),
    ("financial_incentive",),
    ("personalization", "analytics"),
    ("direct_marketing", "personalization"),
)
BASES = ("consent", "consent", *(basis.value for basis in Basis))


def some(names: Sequence[str], *, most: int = 4, least: int = 0) -> st.SearchStrategy[list[str]]:
    """Draw different ones of *names*."""
    return (
        st.lists(st.sampled_from(names), unique=True, max_size=most, min_size=least) if names else st.just([])
    )


def rarely(draw: st.DrawFn, one_in: int = 4) -> bool:
    """Draw true once in a while; shrinks to false."""
    return draw(st.integers(0, one_in - 1)) == one_in - 1


def _bases(draw: st.DrawFn, processing: Sequence[str]) -> list[str]:
    drawn = draw(st.lists(st.sampled_from(BASES), min_size=1, max_size=3, unique=True))
    banned = set()
    if {"direct_marketing", "targeted_ads"} & set(processing):
        banned |= {"contract", "legal_obligation", "vital_interest"}
    if "direct_marketing" not in processing:
        banned.add("soft_opt_in")
    return [basis for basis in drawn if basis not in banned] or ["consent"]


def _purpose(draw: st.DrawFn, name: str) -> dict[str, Any]:
    processing = draw(st.sampled_from(PROCESSING))
    listed = draw(some([*FIELDS, "born", "region", "stage"], most=6))
    found: dict[str, Any] = {
        "title": {"en": name},
        "processing": list(processing),
        "basis": _bases(draw, processing),
        "law": "some law",
        "assessment": "assessment 7",
        "fields": listed,
    }
    if "direct_marketing" in processing:
        found["channels"] = draw(some(list(CHANNELS), most=2))
        needed = {CHANNELS[each].get("address", "email") for each in found["channels"]}
        found["fields"] = listed = [*listed, *sorted(needed - set(listed))]
    if rarely(draw):
        keys = draw(some(["US", "US-CA", "GB", "DE", "eu-gdpr"], most=2, least=1))
        found["basis_under"] = {key: _bases(draw, processing) for key in keys}
    found["explicit"] = draw(some([each for each in listed if each == "allergies"]))
    found["coarse"] = {each: COARSE[each] for each in draw(some([each for each in listed if each in COARSE]))}
    if draw(st.booleans()):
        found["keep"] = {
            "for": draw(st.sampled_from(SPANS)),
            "from": draw(st.sampled_from(["collected", "contract_end", "withdrawal", "year_end"])),
        }
    if rarely(draw, 6):
        found["stages"] = draw(some(STAGES, most=3, least=1))
    if rarely(draw):
        found["compatible_with"] = draw(some([each for each in NAMES if each != name], most=2))
    if rarely(draw):
        found["consent_expires"] = "P13M"
    if rarely(draw):
        found["actors"] = ["web"]
    found["sale"] = draw(st.booleans())
    found["support"] = rarely(draw)
    found["device"] = rarely(draw)
    return found


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    """Draw the document of a valid policy."""
    names = draw(some(NAMES, most=4, least=1))
    purposes = {name: _purpose(draw, name) for name in names}
    for each in purposes.values():
        each["compatible_with"] = [other for other in each.get("compatible_with", ()) if other in purposes]
    contracts = [name for name, each in purposes.items() if "contract" in _all_bases(each)]
    listed = {field for each in purposes.values() for field in each["fields"]}
    moves: list[dict[str, Any]] = [
        {"from": ["fresh", "quiet"], "to": "active", "on": "ordered"},
        {"from": ["active"], "to": "quiet", "after": "P60D", "without": "ordered"},
        {"from": ["quiet"], "to": "gone", "after": "P90D"},
    ]
    return {
        "format": 1,
        "controller": {
            "name": "Shop",
            "contact": "privacy@shop.example",
            "established": draw(st.sampled_from(ESTABLISHED)),
            "markets": draw(some(REGIONS, most=3)),
            "audience": draw(st.sampled_from(["adults", "general", "children"])),
            "facts": draw(st.sampled_from(STATED)),
        },
        "fields": FIELDS,
        "events": {
            "ordered": {
                "opens": contracts,
                "appends": {each: ["a"] for each in ["visits"] if each in listed},
            },
            "delivered": {"closes": contracts},
            "complaint": {"mutes": {draw(st.sampled_from(["direct_marketing", "personalization"])): "P14D"}},
        },
        "purposes": purposes,
        "lifecycle": {"start": "fresh", "purpose": draw(st.sampled_from(names)), "moves": moves},
        "channels": CHANNELS,
    }


def _all_bases(purpose: dict[str, Any]) -> set[str]:
    return {*purpose["basis"], *(each for bases in purpose.get("basis_under", {}).values() for each in bases)}


@lru_cache(maxsize=64)
def _compiled(text: str) -> Policy:
    return Policy.of(json.loads(text))


def policies() -> st.SearchStrategy[Policy]:
    """Draw a valid policy, compiled."""
    return documents().map(lambda document: _compiled(json.dumps(document)))


class _Teller:
    """Draws the events of one life; each knows the policy and the time."""

    def __init__(self, draw: st.DrawFn, policy: Policy) -> None:
        self.draw = draw
        self.policy = policy
        self.names = sorted(policy.purposes)
        self.at = START + DAY * draw(st.integers(0, 900))

    def purpose(self) -> str:
        return self.draw(st.sampled_from(self.names))

    def collected(self, *, appended: bool = False) -> tuple[Collected, ...]:
        names = LISTS if appended else [name for name in FIELDS if name != "points"]
        return tuple(self._one(name, appended=appended) for name in self.draw(some(names, most=3)))

    def _one(self, name: str, *, appended: bool) -> Collected:
        items = self.draw(st.integers(1, 3)) if name in LISTS and not appended else 1
        return Collected(
            field=name,
            announced=tuple(self.names if self.draw(st.booleans()) else sorted(self.draw(some(self.names)))),
            commitment=b"\x01" * 32,
            items=items,
            appended=appended,
            dropped=self.draw(st.integers(0, 1)) if appended else 0,
            consented=rarely(self.draw),
        )

    def about(self) -> dict[str, str]:
        about = {}
        if self.draw(st.booleans()):
            about["region"] = self.draw(st.sampled_from(REGIONS))
        if self.draw(st.booleans()):
            about["born"] = (
                f"{self.at.year - self.draw(st.sampled_from([8, 12, 13, 14, 15, 16, 17, 40]))}-06-15"
            )
        if rarely(self.draw):
            about["kind"] = self.draw(st.sampled_from(["consumer", "business"]))
        return about

    def happened(self) -> datetime | None:
        return self.at - DAY * self.draw(st.integers(0, 100)) if rarely(self.draw) else None

    def enrolled(self) -> Event:
        moves = (Moved(stage=self.draw(st.sampled_from(STAGES)), at=self.at),)
        informed = tuple(self.draw(some(self.names)))
        name = self.purpose()
        contract = Basis.CONTRACT in self.policy.purposes[name].all_bases
        return Enrolled(
            at=self.at,
            purpose=name,
            collected=self.collected(),
            about=self.about(),
            informed=informed,
            shown="n" if informed else "",
            opened={name: b"c"} if contract else {},
            moves=moves,
        )

    def put(self) -> Event:
        informed = tuple(self.draw(some(self.names)))
        if rarely(self.draw):
            return self.sold()
        return Put(
            at=self.at,
            happened=self.happened(),
            purpose=self.purpose(),
            collected=self.collected(),
            about=self.about() if rarely(self.draw) else {},
            informed=informed,
            shown="n" if informed else "",
            by=self.draw(st.sampled_from(["web", "till"])),
        )

    def sold(self) -> Event:
        """What a soft opt-in needs: addresses from a sale, with a notice of every purpose."""
        sales = [each for each in self.names if self.policy.purposes[each].sale] or self.names
        told = tuple(self.names)
        collected = tuple(Collected(field=each, announced=told) for each in ("email", "phone"))
        purpose = self.draw(st.sampled_from(sales))
        return Put(at=self.at, purpose=purpose, collected=collected, informed=told, shown="n")

    def recorded(self) -> Event:
        name = self.draw(st.sampled_from(sorted(self.policy.events)))
        rule = self.policy.events[name]
        key = bytes([self.draw(st.integers(0, 2))])
        brought = on_stage(self.policy, self.draw(st.sampled_from(STAGES)), name, self.at)
        return Recorded(
            at=self.at,
            event=name,
            happened=self.happened(),
            purpose=self.purpose(),
            collected=self.collected(appended=True),
            opened=dict.fromkeys(rule.opens, key),
            closed=dict.fromkeys(rule.closes, (b"c", b"\x00", b"\x01", b"\x02")),
            muted={word: span.after(self.at) for word, span in rule.mutes.items()},
            moves=brought,
        )

    def corrected(self) -> Event:
        return Corrected(at=self.at, collected=self.collected(), about=self.about())

    def granted(self) -> Event:
        asked = [each for each in self.names if Basis.CONSENT in self.policy.purposes[each].all_bases]
        name = self.draw(st.sampled_from(asked)) if asked else self.purpose()
        purpose, clause = self.policy.purposes[name], self.policy.clauses[name]
        clauses = [clause] * 6 + [replace(clause, title=b"another."), None]
        expires = purpose.consent_expires or Duration(months=self.draw(st.sampled_from([1, 6, 13])))
        named = [*purpose.explicit, *purpose.processing]
        return Granted(
            at=self.at,
            happened=self.happened(),
            purpose=name,
            clause=self.draw(st.sampled_from(clauses)),
            proven=not rarely(self.draw, 8),
            until=expires.after(self.at) if self.draw(st.booleans()) else None,
            explicit=tuple(self.draw(st.sampled_from([(), named, named[:1]]))),
            channels=tuple(self.draw(some(purpose.channels))) if rarely(self.draw) else (),
            given_by="guardian" if rarely(self.draw) else "subject",
            shown="n",
        )

    def no(self) -> Event:
        name = self.purpose()
        marketing = self.policy.purposes[name].marketing
        kind = self.draw(st.sampled_from(["refused", "withdrawn", "objected", "restricted"]))
        if kind == "objected":
            return Objected(at=self.at, purpose=name, marketing=marketing and not rarely(self.draw))
        if kind == "restricted":
            return Restricted(at=self.at, reason="accuracy is contested")
        return (Refused if kind == "refused" else Withdrawn)(at=self.at, purpose=name)

    def other(self) -> Event:
        kind = self.draw(st.sampled_from(["signal", "cleared", "lifted", "swept", "moved", "read"]))
        if kind in {"signal", "cleared"}:
            return SignalReceived(at=self.at, signal="gpc", cleared=kind == "cleared")
        if kind == "swept":
            names = self.draw(some(list(FIELDS), most=2))
            removed = tuple(Removed(field=each, items=self.draw(st.integers(0, 2))) for each in names)
            return Swept(at=self.at, removed=removed)
        if kind == "moved":
            return Swept(at=self.at, moves=(Moved(stage=self.draw(st.sampled_from(STAGES)), at=self.at),))
        return RestrictionLifted(at=self.at) if kind == "lifted" else Read(at=self.at, purpose=self.purpose())

    def talk(self) -> Event:
        """What leaves the permissions alone: contacts and what becomes of them, refusals, forgettings."""
        kind = self.draw(st.sampled_from(["chosen", "sent", "cancelled", "refusal", "forgotten"]))
        if kind == "chosen":
            since = self.at - 30 * DAY if self.draw(st.booleans()) else None
            return Chosen(at=self.at, offer="o", purpose=self.purpose(), channel="email", since=since)
        if kind in {"sent", "cancelled"}:
            return (Sent if kind == "sent" else Cancelled)(at=self.at, choice=self.draw(st.integers(1, 12)))
        if kind == "refusal":
            return Refusal(at=self.at, verb="read", purpose=self.purpose(), code="consent.missing")
        return Forgotten(at=self.at, ranges=((1, self.draw(st.integers(1, 4))),), until=self.at)

    def erased(self) -> list[Event]:
        laws = [each for each in self.names if Basis.LEGAL_OBLIGATION in self.policy.purposes[each].all_bases]
        kept = self.draw(some([f for each in laws for f in self.policy.purposes[each].fields]))
        begun = ErasureBegun(at=self.at, survivors=dict.fromkeys(kept, laws[0] if laws else ""))
        return [begun, ErasureDone(at=self.at)]

    def next(self) -> Event:
        self.at += DAY * self.draw(st.sampled_from([0, 0, 1, 20, 61, 91, 200, 400]))
        kinds = [self.granted, self.granted, self.no, self.put, self.recorded, self.other, self.corrected]
        return self.draw(st.sampled_from([*kinds, self.talk]))()


def on_stage(policy: Policy, stage: str, event: str, at: datetime) -> tuple[Moved, ...]:
    """Return the move that *event* brings from *stage*, read off the policy's list."""
    found = [move.to for move in policy.lifecycle.moves if move.on == event and stage in move.sources]
    return tuple(Moved(stage=each, at=at) for each in found[:1])


@st.composite
def lives(
    draw: st.DrawFn, policy: Policy, *, most: int = 7, known: bool = False, erased: bool = True
) -> list[Event]:
    """Draw the events of one customer, in time order; *known*: always enrolled."""
    teller = _Teller(draw, policy)
    if not known and rarely(draw, 20):
        return []
    events = [teller.enrolled()]
    events += [teller.next() for _ in range(draw(st.integers(0, most)))]
    if erased and rarely(draw, 16):
        events += teller.erased()
    return events


@st.composite
def questions(draw: st.DrawFn, policy: Policy) -> Request:
    """Draw a request about one of the policy's purposes."""
    name = draw(st.sampled_from(sorted(policy.purposes)))
    purpose = policy.purposes[name]
    fields = draw(some([*FIELDS, "born", "region", "stage"], most=4)) if rarely(draw) else None
    return Request(
        purpose=name,
        fields=None if fields is None else tuple(fields),
        channel=draw(
            st.sampled_from(
                ["", "", *purpose.channels, *purpose.channels, "web"][: None if rarely(draw) else -1]
            )
        ),
        collect=rarely(draw, 8),
        actor=draw(st.sampled_from([None, None, "web", "web", "till"])),
    )


@st.composite
def moments(draw: st.DrawFn, events: Sequence[Event]) -> datetime:
    """Draw an instant around the events, or long after them."""
    base = draw(st.sampled_from([START, *(event.at for event in events)]))
    days = draw(st.sampled_from([-400, -1, 0, 0, 1, 13, 14, 30, 31, 60, 61, 100, 200, 370, 800, 1200]))
    return base + DAY * days + timedelta(seconds=draw(st.sampled_from([0, 0, -1, 1, 20000])))
