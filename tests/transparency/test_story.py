"""A story tells every kind of event in a sentence, and no value of anybody."""

from __future__ import annotations

import typing
from datetime import UTC, datetime, timedelta

import pytest

from clm_ethics.model import Duration
from clm_ethics.model import events as e
from clm_ethics.model.state import Preferences
from clm_ethics.policy import Policy
from clm_ethics.transparency import History, Line, confidential, sentence

AT = datetime(2026, 5, 4, 12, tzinfo=UTC)
LATER = AT + timedelta(days=10)
SHOP = Policy.of(
    {
        "format": 1,
        "controller": {"name": "S", "contact": "s@s.example", "established": ["DE"], "locales": ["de"]},
        "fields": {"email": {"type": "text", "category": "user.contact.email"}},
        "purposes": {
            "news": {
                "title": {"de": "Neues erzählen"},
                "processing": ["personalization"],
                "basis": "consent",
                "fields": ["email"],
            },
            "probe": {
                "title": {"de": "Prüfen"},
                "processing": ["essential"],
                "basis": "legal_obligation",
                "law": "GwG s. 47",
                "confidential": {"law": "GwG s. 47", "until": "P1Y"},
            },
            "dated": {
                "title": {"de": "Prüfen"},
                "processing": ["essential"],
                "basis": "legal_obligation",
                "law": "GwG s. 47",
                "confidential": {"law": "GwG s. 47", "until": "2027-01-01"},
            },
        },
    }
)
NEWS = '"Neues erzählen" (news)'
RECORDED = (
    "The event ordered was recorded under no purpose: one more was added to email; "
    f"the oldest of email had to go; a contract for {NEWS} was opened; "
    'a contract for "Prüfen" (probe) was closed; direct_marketing is silent until 2026-05-14 '
    "(it happened on 2026-05-01); the stage became customer on 2026-05-04."
)
GUARDIAN = (
    f"A guardian agreed to {NEWS}, explicitly for email, on sms, until 2026-05-14, "
    "but nobody can show what to."
)
PREFERRED = (
    "The customer said what they prefer: which topics they care about; to be addressed on email; "
    "at most 2 messages in P30D."
)
TOLD = [
    (e.Enrolled(at=AT, purpose="news"), f"The customer was enrolled for {NEWS}."),
    (e.Enrolled(at=AT, anonymous=True), "An anonymous visitor came."),
    (e.Identified(at=AT, into=b"c"), "The visitor is a known customer, who takes over every no."),
    (e.Identified(at=AT, into=b"c", done=True), "The visitor is a known customer."),
    (
        e.Merged(at=AT, visit=b"v", muted={"direct_marketing": AT}),
        "A visit turned out to be the customer's; direct_marketing is silent until 2026-05-04.",
    ),
    (e.Parted(at=AT, visit=b"v"), "A visit turned out to be somebody else's."),
    (e.Granted(at=AT, purpose="news", visit=b"v"), f"The customer agreed to {NEWS}, on a visit."),
    (
        e.Announced(at=AT, what="forget", step=2, since=AT, due=AT),
        "Not heard of since 2026-05-04: the customer will be forgotten on 2026-05-04, unless they return.",
    ),
    (
        e.Faded(at=AT, what="shrink", step=0, since=AT, removed=(e.Removed(field="x", items=2),)),
        "Not heard of since 2026-05-04: 2 of x went.",
    ),
    (
        e.Faded(at=AT, what="shrink", step=0, since=AT),
        "Not heard of since 2026-05-04: nothing was left to go.",
    ),
    (
        e.Faded(at=AT, what="seal", step=1, since=AT),
        "Not heard of since 2026-05-04: everything but what a law or a contract needs was sealed away.",
    ),
    (
        e.Preferred(at=AT, stated=Preferences(("SECRET",), ("email",), 2, Duration.parse("P30D"))),
        PREFERRED,
    ),
    (
        e.Preferred(at=AT, stated=Preferences(channels=())),
        "The customer said what they prefer: to be addressed on no channel.",
    ),
    (e.Preferred(at=AT, stated=Preferences()), "The customer prefers nothing special."),
    (
        e.Put(at=AT, purpose="news", collected=(e.Collected(field="x", inputs=("y", "z"), model="m 1"),)),
        f"Data was put under {NEWS}: set were x; x was derived from y, z by m 1.",
    ),
    (e.Informed(at=AT, shown="n", informed=("news",)), f"The customer was told of {NEWS}."),
    (e.Informed(at=AT, shown="n"), "The customer was told."),
    (
        e.Enrolled(at=AT, purpose="news", source="a broker"),
        f"The customer was enrolled for {NEWS}: it came from a broker, not from the customer.",
    ),
    (
        e.Enrolled(at=AT, purpose="news", again=True),
        f"The customer was enrolled again, by their own wish, for {NEWS}.",
    ),
    (
        e.Put(
            at=AT, purpose="news", about={"region": "DE"}, collected=(e.Collected(field="email"),), shown="n"
        ),
        f"Data was put under {NEWS}: set were email, region; a notice was shown.",
    ),
    (
        e.Corrected(
            at=AT, collected=(e.Collected(field="email"),), removed=(e.Removed(field="x", why="wrong"),)
        ),
        "Data was corrected: set were email; x went (wrong).",
    ),
    (
        e.Recorded(
            at=AT,
            event="ordered",
            happened=AT - timedelta(days=3),
            collected=(e.Collected(field="email", appended=True, dropped=1),),
            opened={"news": b"k"},
            closed={"probe": (b"k",)},
            muted={"direct_marketing": LATER},
            moves=(e.Moved(stage="customer", at=AT),),
        ),
        RECORDED,
    ),
    (e.Granted(at=AT, purpose="news"), f"The customer agreed to {NEWS}."),
    (
        e.Granted(
            at=AT,
            purpose="news",
            given_by="guardian",
            explicit=("email",),
            channels=("sms",),
            until=LATER,
            proven=False,
        ),
        GUARDIAN,
    ),
    (e.Refused(at=AT, purpose="news"), f"The customer refused {NEWS}."),
    (e.Withdrawn(at=AT, purpose="gone"), 'The customer withdrew from "gone".'),
    (e.Objected(at=AT, purpose="news"), f"The customer objected to {NEWS}."),
    (
        e.Objected(at=AT, purpose="news", marketing=True),
        f"The customer objected to {NEWS}, and with it to all direct marketing.",
    ),
    (e.SignalReceived(at=AT, signal="gpc"), "The opt-out signal gpc was received."),
    (e.SignalReceived(at=AT, signal="gpc", cleared=True), "The opt-out signal gpc was cleared."),
    (e.Restricted(at=AT, reason="SECRET"), "The processing was restricted."),
    (e.RestrictionLifted(at=AT), "The restriction of the processing was lifted."),
    (
        e.Read(
            at=AT, purpose="news", fields=("email",), withheld=("x",), basis="legal_obligation", channel="sms"
        ),
        f"Email was read for {NEWS}, for sms, on the basis of legal obligation; withheld was x.",
    ),
    (e.Read(at=AT, purpose="news", count=3), f"Nothing was read for {NEWS} 3 times."),
    (
        e.Refusal(at=AT, verb="may", purpose="news", code="consent.missing", count=2),
        f"The question may for {NEWS} was answered with no 2 times (consent.missing).",
    ),
    (e.Refusal(at=AT, verb="read", purpose="news"), f"The question read for {NEWS} was answered with no."),
    (
        e.Chosen(at=AT, offer="spring", purpose="news", channel="sms", level="individual", uses=("email",)),
        f"The offer spring was chosen for {NEWS} on sms at the individual level, from email.",
    ),
    (
        e.Chosen(at=AT, offer="spring", purpose="news", channel="sms"),
        f"The offer spring was chosen for {NEWS} on sms.",
    ),
    (e.Sent(at=AT, choice=4), "What entry 4 chose was sent."),
    (
        e.Sent(at=AT, choice=4, against="consent.withdrawn"),
        "What entry 4 chose was sent, though by then it was not allowed (consent.withdrawn).",
    ),
    (e.Cancelled(at=AT, choice=4), "What entry 4 chose was not sent."),
    (
        e.Asked(at=AT, purpose="news", surface="banner"),
        f"The customer was asked to agree to {NEWS} on banner.",
    ),
    (e.Swept(at=AT), "What had come due was written down."),
    (
        e.Swept(at=AT, removed=(e.Removed(field="email", items=2), e.Removed(field="x"))),
        "What was over was cleared away: 2 of email went; x went.",
    ),
    (
        e.Forgotten(at=AT, ranges=((1, 3), (5, 5)), why="audit.keep"),
        "The contents of entries 1 to 3, 5 were forgotten (audit.keep).",
    ),
    (e.ErasureBegun(at=AT), "The erasure began."),
    (
        e.ErasureBegun(at=AT, survivors={"email": "probe"}),
        'The erasure began; a law keeps email for "Prüfen" (probe).',
    ),
    (e.ErasureDone(at=AT, fields=1), "The erasure is done: 1 field erased."),
    (
        e.ErasureDone(at=AT, fields=3, survivors={"email": "probe"}, pending=("till",)),
        "The erasure is done: 3 fields erased; a law keeps email; still pending at till.",
    ),
]


@pytest.mark.parametrize(("event", "said"), TOLD, ids=[str(index) for index in range(len(TOLD))])
def test_each_event_is_a_sentence(event, said):
    """Every kind of event is told in one plain sentence."""
    assert said == sentence(event, SHOP)


def test_no_kind_of_event_is_left_out():
    """There is a sentence for each event of the model, so that nothing happens unseen."""
    assert set(typing.get_args(e.AnyEvent)) == {type(event) for event, _ in TOLD}


def test_without_a_policy_the_names_remain():
    """A purpose that no policy declares is told by its name."""
    assert 'The customer agreed to "news".' == sentence(e.Granted(at=AT, purpose="news"))


def test_no_value_is_told():
    """Values, reasons, grounds and evidence that people wrote stay out of every sentence."""
    secret = "SECRET"
    events = [
        e.Put(at=AT, about={"region": secret, "born": secret}, key=secret.encode()),
        e.Restricted(at=AT, reason=secret),
        e.Objected(at=AT, purpose="news", ground=secret),
        e.Granted(at=AT, purpose="news", evidence=secret, shown=secret),
    ]
    for event in events:
        assert secret not in sentence(event, SHOP)


def test_an_event_of_somebody_else_is_told_as_such():
    """A kind of event that this library does not know is not passed over in silence."""

    class Odd(e.Event, kw_only=True):
        pass

    assert "Something of the kind odd happened." == sentence(Odd(at=AT))  # type: ignore[arg-type]


def test_a_line_has_its_place_time_and_actor():
    """A line shows when, what and by whom; its kind is the record's."""
    line = Line.of(7, e.SignalReceived(at=AT, signal="gpc", by="web"), SHOP)

    assert "2026-05-04 12:00 UTC  The opt-out signal gpc was received. [web]" == str(line)
    assert (7, AT, "signal_received", "web") == (line.index, line.at, line.kind, line.by)
    assert str(Line.of(1, e.Swept(at=AT))).endswith("written down.")


def test_a_history_is_its_lines():
    """It has a length, can be walked through, and prints as it reads."""
    lines = (Line.of(1, e.Swept(at=AT)), Line.of(2, e.RestrictionLifted(at=AT)))
    history = History(lines=lines)

    assert history
    assert 2 == len(history)
    assert list(lines) == list(history)
    assert lines[1] is history[1]
    assert f"{lines[0]}\n{lines[1]}" == str(history)
    assert str(History(lines=lines, complete=False, next_after=2)).endswith("(This is not the whole story.)")


def test_no_history_is_false():
    """Where nothing is recorded the answer is falsy, and says so."""
    assert not History()
    assert "Nothing is recorded." == str(History())


@pytest.mark.parametrize(
    ("event", "at", "hidden"),
    [
        (e.Read(at=AT, purpose="probe"), AT, True),
        (e.Read(at=AT, purpose="probe"), datetime(2027, 5, 4, 11, 59, tzinfo=UTC), True),
        (e.Read(at=AT, purpose="probe"), datetime(2027, 5, 4, 12, tzinfo=UTC), False),
        (e.Refusal(at=AT, verb="read", purpose="dated"), datetime(2026, 12, 31, 23, 59, tzinfo=UTC), True),
        (e.Refusal(at=AT, verb="read", purpose="dated"), datetime(2027, 1, 1, tzinfo=UTC), False),
        (e.Chosen(at=AT, purpose="probe", offer="o", channel="web"), AT, True),
        (e.Read(at=AT, purpose="news"), AT, False),
        (e.Read(at=AT, purpose="gone"), AT, False),
        (e.Put(at=AT, purpose="probe"), AT, False),
    ],
)
def test_what_a_law_forbids_to_tell(event, at, hidden):
    """Reads of a confidential purpose are not told until its day, or for its time; everything else is."""
    assert hidden == confidential(event, SHOP, at)
