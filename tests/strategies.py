"""Policies, lives and questions made up: what the properties of the core are tried on.

A *policy* is dense: few names, every kind of basis, processing, regime and retention. A
*life* is a list of events in time order, such as the verbs write them and worse. Both are small
enough to read when a property fails. Who chooses is a :class:`tests.picking.Pick`: hypothesis in
``policies``, ``lives``, ``questions`` and ``moments``, a seeded die in ``test_decide_many``.
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
    Preferences,
    Preferred,
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
from tests.picking import Drawn

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.picking import Pick

START = datetime(2023, 9, 1, 9, 30, tzinfo=UTC)
"""When the lives begin: before several laws of the packs change."""
DAY = timedelta(days=1)

NAMES = ("account", "news", "tips", "ads", "books")
"""The purposes; what they do is made up."""
STAGES = ("fresh", "active", "quiet", "gone")
REGIONS = (
    *("DE", "AT", "FR", "DK", "GB", "US-CA", "DE-BY", "US-NY", "CH", "US-MD", "US-CT", "US-OR", "ZA", "IN"),
    *("JP", "CN", "BR", "AR"),  # AR has no pack
    *("CA-ON", "CA-ON", "KR", "AU"),
)
ESTABLISHED = (["DE"], ["GB"], ["US-CA"], ["DE", "GB"], ["AT", "US-CA"], ["US-OH"], ["AR"], ["CA-ON"])
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


def _bases(pick: Pick, processing: Sequence[str]) -> list[str]:
    drawn = pick.some(BASES, most=3, least=1)
    if "direct_marketing" in processing and pick.flag():
        drawn = ["soft_opt_in", *(basis for basis in drawn if basis != "soft_opt_in")]
    banned = set()
    if {"direct_marketing", "targeted_ads"} & set(processing):
        banned |= {"contract", "legal_obligation", "vital_interest"}
    if "direct_marketing" not in processing:
        banned.add("soft_opt_in")
    return [basis for basis in drawn if basis not in banned] or ["consent"]


def _purpose(pick: Pick, name: str) -> dict[str, Any]:
    processing = pick.one(PROCESSING)
    listed = pick.some([*FIELDS, "born", "region", "stage"], most=6)
    found: dict[str, Any] = {
        "title": {"en": name},
        "processing": list(processing),
        "basis": _bases(pick, processing),
        "law": "some law",
        "assessment": "assessment 7",
        "fields": listed,
    }
    if "direct_marketing" in processing:
        found["channels"] = pick.some(list(CHANNELS), most=3)
        needed = {CHANNELS[each].get("address", "email") for each in found["channels"]}
        found["fields"] = listed = [*listed, *sorted(needed - set(listed))]
    if pick.rarely():
        keys = pick.some(["US", "US-CA", "GB", "DE", "eu-gdpr"], most=2, least=1)
        found["basis_under"] = {key: _bases(pick, processing) for key in keys}
    found["explicit"] = pick.some([each for each in listed if each == "allergies"])
    found["coarse"] = {each: COARSE[each] for each in pick.some([each for each in listed if each in COARSE])}
    if pick.flag():
        found["keep"] = {
            "for": pick.one(SPANS),
            "from": pick.one(["collected", "contract_end", "withdrawal", "year_end"]),
        }
    if pick.rarely(6):
        found["stages"] = pick.some(STAGES, most=3, least=1)
    if pick.rarely():
        found["compatible_with"] = pick.some([each for each in NAMES if each != name], most=2)
    if pick.rarely():
        found["consent_expires"] = "P13M"
    if pick.rarely():
        found["actors"] = ["web"]
    found["sale"] = pick.flag()
    found["support"] = pick.rarely()
    found["inquiry"] = pick.rarely()
    found["lasting"] = "contract" in _all_bases(found) and pick.flag()
    found["device"] = pick.rarely()
    return found


def make_document(pick: Pick) -> dict[str, Any]:
    """Make up the document of a valid policy."""
    names = pick.some(NAMES, most=4, least=1)
    purposes = {name: _purpose(pick, name) for name in names}
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
            "established": pick.one(ESTABLISHED),
            "markets": pick.some(REGIONS, most=3),
            "audience": pick.one(["adults", "general", "children"]),
            "facts": pick.one(STATED),
        },
        "fields": FIELDS,
        "events": {
            "ordered": {
                "opens": contracts,
                "appends": {each: ["a"] for each in ["visits"] if each in listed},
            },
            "delivered": {"closes": contracts},
            "complaint": {"mutes": {pick.one(["direct_marketing", "personalization"]): "P14D"}},
        },
        "purposes": purposes,
        "lifecycle": {"start": "fresh", "purpose": pick.one(names), "moves": moves},
        "channels": CHANNELS,
    }


def _all_bases(purpose: dict[str, Any]) -> set[str]:
    return {*purpose["basis"], *(each for bases in purpose.get("basis_under", {}).values() for each in bases)}


class _Teller:
    """Draws the events of one life; each knows the policy and the time."""

    def __init__(self, pick: Pick, policy: Policy) -> None:
        self.pick = pick
        self.policy = policy
        self.names = sorted(policy.purposes)
        self.at = START + DAY * pick.number(0, 900)

    def purpose(self) -> str:
        return self.pick.one(self.names)

    def collected(self, *, appended: bool = False) -> tuple[Collected, ...]:
        names = LISTS if appended else [name for name in FIELDS if name != "points"]
        return tuple(self._one(name, appended=appended) for name in self.pick.some(names, most=3))

    def _one(self, name: str, *, appended: bool) -> Collected:
        items = self.pick.number(1, 3) if name in LISTS and not appended else 1
        return Collected(
            field=name,
            announced=tuple(self.names if self.pick.flag() else sorted(self.pick.some(self.names))),
            commitment=b"\x01" * 32,
            items=items,
            appended=appended,
            dropped=self.pick.number(0, 1) if appended else 0,
            consented=self.pick.rarely(),
        )

    def about(self) -> dict[str, str]:
        about = {}
        if self.pick.flag():
            about["region"] = self.pick.one(REGIONS)
        if self.pick.flag():
            about["born"] = f"{self.at.year - self.pick.one([8, 12, 13, 14, 15, 16, 17, 40])}-06-15"
        if self.pick.rarely():
            about["kind"] = self.pick.one(["consumer", "business"])
        return about

    def happened(self) -> datetime | None:
        return self.at - DAY * self.pick.number(0, 100) if self.pick.rarely() else None

    def enrolled(self) -> Event:
        moves = (Moved(stage=self.pick.one(STAGES), at=self.at),)
        informed = tuple(self.pick.some(self.names))
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
        informed = tuple(self.pick.some(self.names))
        if self.pick.rarely(3):
            return self.sold()
        return Put(
            at=self.at,
            happened=self.happened(),
            purpose=self.purpose(),
            collected=self.collected(),
            about=self.about() if self.pick.rarely() else {},
            informed=informed,
            shown="n" if informed else "",
            by=self.pick.one(["web", "till"]),
        )

    def sold(self) -> Event:
        """What a soft opt-in needs: addresses from a sale, with a notice of every purpose."""
        sales = [each for each in self.names if self.policy.purposes[each].sale] or self.names
        told = tuple(self.names)
        collected = tuple(Collected(field=each, announced=told) for each in ("email", "phone"))
        purpose = self.pick.one(sales)
        return Put(at=self.at, purpose=purpose, collected=collected, informed=told, shown="n")

    def recorded(self) -> Event:
        name = self.pick.one(sorted(self.policy.events))
        rule = self.policy.events[name]
        key = bytes([self.pick.number(0, 2)])
        brought = on_stage(self.policy, self.pick.one(STAGES), name, self.at)
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
        name = self.pick.one(asked) if asked else self.purpose()
        purpose, clause = self.policy.purposes[name], self.policy.clauses[name]
        clauses = [clause] * 6 + [replace(clause, title=b"another."), None]
        expires = purpose.consent_expires or Duration(months=self.pick.one([1, 6, 13]))
        named = [*purpose.explicit, *purpose.processing]
        return Granted(
            at=self.at,
            happened=self.happened(),
            purpose=name,
            clause=self.pick.one(clauses),
            proven=not self.pick.rarely(8),
            until=expires.after(self.at) if self.pick.flag() else None,
            explicit=tuple(self.pick.one([(), (), named, named[:1]])),
            channels=purpose.channels[-1:] if self.pick.rarely(2) else (),
            given_by="guardian" if self.pick.rarely() else "subject",
            shown="n",
        )

    def no(self) -> Event:
        name = self.purpose()
        marketing = self.policy.purposes[name].marketing
        kind = self.pick.one(["refused", "withdrawn", "objected", "restricted"])
        if kind == "objected":
            return Objected(at=self.at, purpose=name, marketing=marketing and not self.pick.rarely())
        if kind == "restricted":
            return Restricted(at=self.at, reason="accuracy is contested")
        return (Refused if kind == "refused" else Withdrawn)(at=self.at, purpose=name)

    def other(self) -> Event:
        kind = self.pick.one(["signal", "cleared", "lifted", "swept", "moved", "read", "preferred"])
        if kind == "preferred":
            wished = tuple(self.pick.some(list(CHANNELS), most=2)) if self.pick.flag() else None
            return Preferred(at=self.at, stated=Preferences(channels=wished))
        if kind in {"signal", "cleared"}:
            return SignalReceived(at=self.at, signal="gpc", cleared=kind == "cleared")
        if kind == "swept":
            names = self.pick.some(list(FIELDS), most=2)
            removed = tuple(Removed(field=each, items=self.pick.number(0, 2)) for each in names)
            return Swept(at=self.at, removed=removed)
        if kind == "moved":
            return Swept(at=self.at, moves=(Moved(stage=self.pick.one(STAGES), at=self.at),))
        return RestrictionLifted(at=self.at) if kind == "lifted" else Read(at=self.at, purpose=self.purpose())

    def talk(self) -> Event:
        """What leaves the permissions alone: contacts and what becomes of them, refusals, forgettings."""
        kind = self.pick.one(["chosen", "sent", "cancelled", "refusal", "forgotten"])
        if kind == "chosen":
            since = self.at - 30 * DAY if self.pick.flag() else None
            return Chosen(at=self.at, offer="o", purpose=self.purpose(), channel="email", since=since)
        if kind in {"sent", "cancelled"}:
            return (Sent if kind == "sent" else Cancelled)(at=self.at, choice=self.pick.number(1, 12))
        if kind == "refusal":
            return Refusal(at=self.at, verb="read", purpose=self.purpose(), code="consent.missing")
        return Forgotten(at=self.at, ranges=((1, self.pick.number(1, 4)),), until=self.at)

    def erased(self) -> list[Event]:
        laws = [each for each in self.names if Basis.LEGAL_OBLIGATION in self.policy.purposes[each].all_bases]
        kept = self.pick.some([f for each in laws for f in self.policy.purposes[each].fields])
        begun = ErasureBegun(at=self.at, survivors=dict.fromkeys(kept, laws[0] if laws else ""))
        return [begun, ErasureDone(at=self.at)]

    def next(self) -> Event:
        self.at += DAY * self.pick.one([0, 0, 1, 20, 61, 91, 200, 400])
        kinds = [self.granted, self.granted, self.no, self.put, self.recorded, self.other, self.corrected]
        return self.pick.one([*kinds, self.talk])()


def on_stage(policy: Policy, stage: str, event: str, at: datetime) -> tuple[Moved, ...]:
    """Return the move that *event* brings from *stage*, read off the policy's list."""
    found = [move.to for move in policy.lifecycle.moves if move.on == event and stage in move.sources]
    return tuple(Moved(stage=each, at=at) for each in found[:1])


def make_life(
    pick: Pick, policy: Policy, *, most: int = 7, known: bool = False, erased: bool = True
) -> list[Event]:
    """Make up the events of one customer, in time order; *known*: always enrolled."""
    teller = _Teller(pick, policy)
    if not known and pick.rarely(20):
        return []
    events = [teller.enrolled()]
    events += [teller.next() for _ in range(pick.number(0, most))]
    if erased and pick.rarely(16):
        events += teller.erased()
    return events


def make_question(pick: Pick, policy: Policy) -> Request:
    """Make up a request about one of the policy's purposes."""
    name = pick.one(sorted(policy.purposes))
    purpose = policy.purposes[name]
    fields = pick.some([*FIELDS, "born", "region", "stage"], most=4) if pick.rarely() else None
    return Request(
        purpose=name,
        fields=None if fields is None else tuple(fields),
        channel=pick.one(
            ["", "", *purpose.channels, *purpose.channels, "web"][: None if pick.rarely() else -1]
        ),
        collect=pick.rarely(8),
        actor=pick.one([None, None, "web", "web", "till"]),
    )


def make_moment(pick: Pick, events: Sequence[Event]) -> datetime:
    """Make up an instant around the events, or long after them."""
    base = pick.one([START, *(event.at for event in events)])
    days = pick.one([-400, -1, 0, 0, 1, 13, 14, 30, 31, 60, 61, 100, 200, 370, 800, 1200])
    return base + DAY * days + timedelta(seconds=pick.one([0, 0, -1, 1, 20000]))


# --- hypothesis draws them ------------------------------------------------------------------------


def some(names: Sequence[str], *, most: int = 4, least: int = 0) -> st.SearchStrategy[list[str]]:
    """Draw different ones of *names*."""
    return (
        st.lists(st.sampled_from(names), unique=True, max_size=most, min_size=least) if names else st.just([])
    )


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    """Draw the document of a valid policy."""
    return make_document(Drawn(draw))


@lru_cache(maxsize=64)
def _compiled(text: str) -> Policy:
    return Policy.of(json.loads(text))


def policies() -> st.SearchStrategy[Policy]:
    """Draw a valid policy, compiled."""
    return documents().map(lambda document: _compiled(json.dumps(document)))


@st.composite
def lives(
    draw: st.DrawFn, policy: Policy, *, most: int = 7, known: bool = False, erased: bool = True
) -> list[Event]:
    """Draw the events of one customer, in time order; *known*: always enrolled."""
    return make_life(Drawn(draw), policy, most=most, known=known, erased=erased)


@st.composite
def questions(draw: st.DrawFn, policy: Policy) -> Request:
    """Draw a request about one of the policy's purposes."""
    return make_question(Drawn(draw), policy)


@st.composite
def moments(draw: st.DrawFn, events: Sequence[Event]) -> datetime:
    """Draw an instant around the events, or long after them."""
    return make_moment(Drawn(draw), events)
