"""Events as records: canonical, read back as they were, and without what must not be written."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from clm_ethics.model import AnyEvent, Enrolled, Event, Forgotten, Granted, Moved, Put, Restricted
from clm_ethics.model.events import IN_CLEAR, NO, Telling, from_record, recorded
from clm_ethics.model.state import Preferences
from tests.policy.people import SHOP
from tests.strategies import lives

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
SECRET = st.text(st.characters(codec="ascii", categories=["L"]), min_size=12, max_size=20).map("zq{}".format)


def bare(event: Event) -> Event:
    """Return the event without the two attributes that no record holds."""
    if isinstance(event, Telling):
        return replace(event, about={})
    return replace(event, reason="") if isinstance(event, Restricted) else event


@given(st.data())
def test_a_record_comes_back_as_the_event(data):
    """What was written is read back, but for the built-in values and the reason of a restriction."""
    for event in data.draw(lives(SHOP, most=10)):
        assert bare(event) == from_record(recorded(event))


@given(st.data())
def test_a_record_is_canonical(data):
    """JSON with sorted keys: the same event has one record, and reading it changes nothing."""
    for event in data.draw(lives(SHOP, most=10)):
        record = recorded(event)

        assert json.dumps(json.loads(record), sort_keys=True, separators=(",", ":"), ensure_ascii=False) == (
            record.decode()
        )
        assert record == recorded(from_record(record))


@given(SECRET, SECRET, st.sampled_from(["region", "zone", "locale", "born", "kind", "ref"]))
def test_a_record_holds_no_built_in_value_and_no_reason(secret, reason, name):
    """Regions, dates of birth and free text stay in the sealed state."""
    events = [
        Enrolled(at=NOON, purpose="account", about={name: secret}),
        Put(at=NOON, purpose="account", about={name: secret}),
        Restricted(at=NOON, reason=reason),
    ]
    for event in events:
        record = recorded(event).decode()
        assert secret not in record
        assert reason not in record


def test_a_telling_shows_fields_and_no_value():
    """``repr`` names what it brought."""
    event = Put(at=NOON, about={"born": "1990-05-31"})

    assert "<Put under no purpose: born>" == repr(event)
    assert "<Enrolled under account: nothing>" == repr(Enrolled(at=NOON, purpose="account"))


def test_the_kind_is_the_name_of_the_class():
    """The names of the classes are the storage format."""
    kinds = {json.loads(recorded(_least(each)))["kind"] for each in AnyEvent.__args__}

    assert {"restriction_lifted", "erasure_begun", "signal_received", "put"} <= kinds
    assert len(AnyEvent.__args__) == len(kinds)


def _least(kind: type[Event]) -> Event:
    wanted = {
        "purpose": "p",
        "event": "e",
        "signal": "s",
        "verb": "v",
        "offer": "o",
        "channel": "c",
        "choice": 1,
        "into": b"c",
        "visit": b"v",
        "what": "seal",
        "step": 1,
        "since": NOON,
        "due": NOON,
        "stated": Preferences(topics=("tea",)),
    }
    names = {field.name for field in msgspec.structs.fields(kind) if field.required and field.name != "at"}
    more = {name: wanted[name] for name in names if name in wanted}
    return kind(at=NOON, **more) if names <= wanted.keys() else Forgotten(at=NOON, ranges=((1, 2),))


@pytest.mark.parametrize(
    "record", [b"", b"{}", b'{"kind":"put"}', b'{"kind":"nothing","at":"2026-05-04T12:00:00Z"}']
)
def test_what_is_no_record_is_refused(record):
    """A record of no kind, of an unknown one, or without a time is none."""
    with pytest.raises(msgspec.MsgspecError):
        from_record(record)


def test_noes_and_clear_entries_are_events():
    """The lists of what never fails and of what stands in clear name kinds of event."""
    assert set(NO) | set(IN_CLEAR) <= set(AnyEvent.__args__)


def test_events_are_frozen_and_hold_their_moves():
    """An event does not change after it was made."""
    moved = Granted(at=NOON, purpose="p", moves=(Moved(stage="active", at=NOON),))

    with pytest.raises(AttributeError):
        moved.purpose = "q"
    assert moved == from_record(recorded(moved))
