"""Generated histories: a few people, a few months of shopping."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import strategies as st

from clm_ethics.tour.data import Basket, Campaign, History, Person, Redemption

START = datetime(2025, 1, 1, tzinfo=UTC)

moments = st.integers(0, 200 * 24 * 60).map(lambda minutes: START + timedelta(minutes=minutes))
refs = st.sampled_from([str(number) for number in range(1, 8)])
ages = st.sampled_from(["", "19-24", "45-54", "65+"])


@st.composite
def histories(draw: st.DrawFn) -> History:
    """At least one basket; one basket a day and person; campaigns and redemptions of anybody."""
    days = draw(
        st.dictionaries(
            st.tuples(refs, st.integers(0, 200)), st.integers(0, 24 * 60 - 1), min_size=1, max_size=30
        )
    )
    baskets = [
        Basket(
            ref=ref,
            at=START + timedelta(days=day, minutes=minute),
            number=f"{ref}-{day}",
            amount=Decimal(minute) / 100,
            aisle=draw(st.sampled_from(["", "cheese", "bread"])),
        )
        for (ref, day), minute in days.items()
    ]
    people = sorted({each.ref for each in baskets})
    campaigns = draw(
        st.lists(
            st.builds(
                Campaign,
                name=st.sampled_from("abc"),
                kind=st.sampled_from(["Type A", "Type B"]),
                at=moments,
                refs=st.frozensets(refs),
            ),
            max_size=3,
            unique_by=lambda each: each.name,
        )
    )
    used = draw(
        st.lists(
            st.builds(Redemption, ref=st.sampled_from(people), at=moments, campaign=st.just("a")),
            max_size=5,
            unique_by=lambda each: (each.ref, each.at.date()),
        )
    )
    return History(
        source="generated",
        persons=tuple(Person(ref=ref, age=draw(ages)) for ref in people),
        baskets=tuple(sorted(baskets, key=lambda each: (each.at, each.ref))),
        campaigns=tuple(sorted(campaigns, key=lambda each: (each.at, each.name))),
        redemptions=tuple(sorted(used, key=lambda each: (each.at, each.ref))),
    )
