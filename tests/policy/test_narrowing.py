"""What may be learnt beside yes and no only ever narrows, whatever is known of the customer."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from clm_ethics.model import Informed, Preferred, Removed, fold
from clm_ethics.model.events import Announced, Faded, Identified, Merged, Parted, from_record, recorded
from clm_ethics.model.state import Contact, Preferences
from clm_ethics.policy import decide
from tests import strategies

if TYPE_CHECKING:
    from datetime import datetime

    from clm_ethics.model import Event

DAY = timedelta(days=1)
WORDS = st.sampled_from(["direct_marketing", "personalization", "analytics"])


@st.composite
def narrowing(draw: st.DrawFn, at: datetime) -> Event:
    """Draw an event that narrows, or says nothing about what is permitted."""
    channels = draw(st.sampled_from([None, (), ("email",), ("sms", "web")]))
    removed = tuple(Removed(field=name) for name in draw(st.sets(st.sampled_from(["email", "visits"]))))
    return draw(
        st.sampled_from(
            [
                Preferred(at=at, stated=Preferences(topics=("tea",), channels=channels, most=1)),
                Merged(
                    at=at,
                    visit=b"v",
                    name=b"12345678",
                    muted={draw(WORDS): at + DAY * draw(st.integers(0, 90))},
                    minor_until=draw(st.sampled_from([None, at + 400 * DAY])),
                    contacts=(Contact(index=0, at=at, channel="email", sent=True),),
                ),
                Parted(at=at, visit=b"v", name=b"12345678"),
                Identified(at=at, into=b"c", done=draw(st.booleans())),
                Announced(at=at, what="seal", step=1, since=at - 400 * DAY, due=at + DAY),
                Faded(at=at, what="seal", step=1, since=at - 400 * DAY),
                Faded(at=at, what="shrink", step=0, since=at - 400 * DAY, removed=removed),
                Informed(at=at, shown="n"),
            ]
        )
    )


@given(data=st.data())
@settings(max_examples=150, deadline=None)
def test_it_never_permits_more_and_comes_back_from_its_record(data):
    """Before and after it, at any instant; folding what the ledger holds gives the same permissions."""
    policy = data.draw(strategies.policies())
    events = data.draw(strategies.lives(policy))
    request = data.draw(strategies.questions(policy))
    state = fold(events)
    at = state.at or strategies.START
    event = data.draw(narrowing(at))
    moment = at + DAY * data.draw(st.integers(0, 30))
    after = decide(policy, fold([event], state), request, moment)
    before = decide(policy, state, request, moment)
    assert before or not after
    assert set(after.fields) <= set(before.fields)
    again = decide(policy, fold([from_record(recorded(event))], state), request, moment)
    assert (after.verdict, after.fields, after.codes) == (again.verdict, again.fields, again.codes)


@given(visits=st.lists(st.binary(min_size=8, max_size=8), max_size=12), parted=st.sets(st.integers(0, 11)))
def test_a_customer_knows_each_visit_once_until_they_part(visits, parted):
    """Merged twice is known once; what was parted is known no more, and the others are."""
    at = strategies.START
    merged = [Merged(at=at, visit=b"v", name=name) for name in (*visits, *visits)]
    gone = {name for place, name in enumerate(visits) if place in parted}
    state = fold([*merged, *(Parted(at=at, visit=b"v", name=name) for name in gone)])
    known = [state.visits[start : start + 8] for start in range(0, len(state.visits), 8)]
    assert sorted(set(visits) - gone) == sorted(known)
