"""Hypothesis strategies of what may happen under a policy: values, customers, noes, offers, histories.

Each takes the policy, so that what is drawn fits it: names that it declares, values of the declared
types. Everything is made up; texts hold the word ``quetzal``, so that a test finds them again where
they should not be (a log, a page of somebody else's). Needs the extra ``testing``.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from hypothesis import strategies as st

from ..errors import Denied, UnknownCustomer, UsageError
from ..ethics import Offer
from ..model import (
    Chosen,
    Collected,
    Enrolled,
    Granted,
    Moved,
    Objected,
    Recorded,
    Refused,
    Restricted,
    RestrictionLifted,
    SignalReceived,
    State,
    Swept,
    Withdrawn,
    fold,
)
from ..policy import Request
from ..policy.values import Basis

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..customer import Customer
    from ..model.events import Event
    from ..policy import Policy
    from ..policy.values import Field
    from ..steward import Steward
    from .clock import Clock

START: Final = datetime(2026, 1, 5, 9, tzinfo=UTC)
"""When the stories begin."""
ZONES: Final = ("Europe/Berlin", "America/Los_Angeles", "Asia/Tokyo")
REGIONS: Final = ("DE", "US-CA", "GB", "FR")
BORN: Final = ("1950-02-03", "1990-12-31", "2012-06-01")
NOES: Final = ("refuse", "withdraw", "object_to")
"""The verbs by which a customer says no to a purpose."""


# -- values --------------------------------------------------------------------------------------------


def _texts(form: str) -> st.SearchStrategy[str]:
    return st.integers(0, 999).map(form.format)


_PLAIN: Final[dict[str, st.SearchStrategy[Any]]] = {
    "text": _texts("quetzal {:03}"),
    "integer": st.integers(-1000, 1000),
    "number": st.integers(-4000, 4000).map(lambda quarters: quarters / 4),
    "boolean": st.booleans(),
    "date": st.dates(date(2020, 1, 1), date(2025, 12, 31)),
    "datetime": st.datetimes(datetime(2020, 1, 1), datetime(2025, 12, 31), timezones=st.just(UTC)),  # noqa: DTZ001
    "map": st.fixed_dictionaries({"street": _texts("{} quetzal road"), "number": st.integers(1, 99)}),
}
_LOOKUPS: Final = {"email": _texts("quetzal{:03}@example.org"), "phone": _texts("+4930555{:04}")}


def field_values(field: Field) -> st.SearchStrategy[Any]:
    """Return a strategy of values that *field* takes, as ``put`` wants them."""
    if field.type == "list":
        return st.lists(st.fixed_dictionaries({"what": _PLAIN["text"]}), max_size=min(field.max, 3))
    if field.type == "text" and (field.lookup == "email" or field.category.endswith("email")):
        return _LOOKUPS["email"]
    if field.type == "text" and (field.lookup == "phone" or field.category.endswith("phone_number")):
        return _LOOKUPS["phone"]
    return _PLAIN[field.type]


def about() -> st.SearchStrategy[dict[str, str]]:
    """Return a strategy of built-in fields: some have a region, a zone, a date of birth, others not."""
    return st.fixed_dictionaries(
        {},
        optional={
            "region": st.sampled_from(REGIONS),
            "zone": st.sampled_from(ZONES),
            "born": st.sampled_from(BORN),
        },
    )


def values(policy: Policy, purpose: str) -> st.SearchStrategy[dict[str, Any]]:
    """Return a strategy of values that may be told for *purpose*: built-in fields, and some that it lists.

    Derived fields and those that stay with the host are left out: they are not told.
    """
    listed = [policy.fields[name] for name in policy.purpose(purpose).fields if name in policy.fields]
    told = {each.name: field_values(each) for each in listed if not each.source and not each.derived_from}
    return st.builds(lambda one, other: one | other, about(), st.fixed_dictionaries({}, optional=told))


def event_values(policy: Policy, event: str) -> st.SearchStrategy[dict[str, Any]]:
    """Return a strategy of the values of *event*: every key that its lists append, or none."""
    keys = sorted({key for keys in policy.event(event).appends.values() for key in keys})
    return st.sampled_from([{}, dict.fromkeys(keys)]).flatmap(
        lambda shape: st.fixed_dictionaries(dict.fromkeys(shape, _PLAIN["text"]))
    )


# -- questions and offers ------------------------------------------------------------------------------


def requests(policy: Policy) -> st.SearchStrategy[Request]:
    """Return a strategy of questions for :func:`clm_ethics.policy.decide`."""
    return st.builds(
        Request,
        st.sampled_from(sorted(policy.purposes)),
        channel=st.sampled_from(["", *sorted(policy.channels)]),
    )


def offers(policy: Policy) -> st.SearchStrategy[Offer]:
    """Return a strategy of offers that fit *policy*."""

    def of(purpose: str) -> st.SearchStrategy[Offer]:
        fields = sorted(policy.purposes[purpose].fields)
        some = st.sets(st.sampled_from(fields), max_size=3) if fields else st.just(set[str]())
        return st.builds(
            Offer,
            st.sampled_from(["tea", "spring sale", "loan"]),
            purpose=st.just(purpose),
            uses=some,
            segment=some,
            segment_size=st.sampled_from([None, 3, 20, 5000]),
            pressure=st.sampled_from(["", "", "deadline", "scarcity", "streak"]),
            pressure_true=st.sampled_from([None, True, False]),
            personal_price=st.booleans(),
            disclosed=st.booleans(),
            value=st.floats(-5, 5),
        )

    return st.sampled_from(sorted(policy.purposes)).flatmap(of)


# -- states, for pure functions ------------------------------------------------------------------------


def states(policy: Policy) -> st.SearchStrategy[State]:
    """Return a strategy of customers with a short story, for ``decide`` and other pure functions."""
    steps = st.lists(st.tuples(st.integers(0, 60 * 24 * 30), _events(policy)), max_size=8)
    begun = st.fixed_dictionaries({"purpose": st.sampled_from(sorted(policy.purposes)), "about": about()})
    return st.builds(_state, st.just(policy), begun, steps)


def _state(policy: Policy, begun: dict[str, Any], steps: list[tuple[int, dict[str, Any]]]) -> State:
    purposes = tuple(sorted(policy.purposes))
    collected = tuple(Collected(field=name, announced=purposes) for name in sorted(policy.fields))
    contract = Basis.CONTRACT in policy.purposes[begun["purpose"]].all_bases
    opened = {begun["purpose"]: b"first"} if contract else {}
    known = {"ref": "c-90210", **begun["about"]}
    at = START
    story: list[Event] = [
        Enrolled(at=at, purpose=begun["purpose"], about=known, collected=collected, opened=opened)
    ]
    for minutes, step in steps:
        at += timedelta(minutes=minutes)
        told = {name: value for name, value in step.items() if name not in {"kind", "stage"}}
        if "stage" in step:
            told["moves"] = (Moved(stage=step["stage"], at=at),)
        story.append(step["kind"](at=at, **told))
    return fold(story)


def _events(policy: Policy) -> st.SearchStrategy[dict[str, Any]]:
    purposes = st.sampled_from(sorted(policy.purposes))
    channels = st.sampled_from(sorted(policy.channels)) if policy.channels else st.just("web")
    known: list[st.SearchStrategy[dict[str, Any]]] = [
        purposes.map(
            lambda name: {"kind": Granted, "purpose": name, "clause": policy.clauses[name], "shown": "n"}
        ),
        st.fixed_dictionaries({"kind": st.sampled_from([Refused, Withdrawn, Objected]), "purpose": purposes}),
        st.fixed_dictionaries(
            {"kind": st.just(Chosen), "offer": st.just("o"), "purpose": purposes, "channel": channels}
        ),
        st.just({"kind": SignalReceived, "signal": "gpc"}),
        st.sampled_from([{"kind": Restricted}, {"kind": Restricted}, {"kind": RestrictionLifted}]),
    ]
    if policy.stages:
        known.append(st.sampled_from(sorted(policy.stages)).map(lambda name: {"kind": Swept, "stage": name}))
    if policy.events:
        known.append(st.sampled_from(sorted(policy.events)).map(lambda name: _recorded(policy, name)))
    return st.one_of(known)


def _recorded(policy: Policy, name: str) -> dict[str, Any]:
    rule = policy.events[name]
    return {
        "kind": Recorded,
        "event": name,
        "opened": dict.fromkeys(rule.opens, b"opened"),
        "closed": dict.fromkeys(rule.closes, (b"first", b"opened")),
    }


def noes(policy: Policy) -> st.SearchStrategy[Event]:
    """Return a strategy of noes to a purpose of *policy*, later than any story of :func:`states`."""
    at = st.just(START + timedelta(days=365))
    purposes = st.sampled_from(sorted(policy.purposes))
    return st.one_of(
        st.builds(Withdrawn, at=at, purpose=purposes),
        st.builds(Refused, at=at, purpose=purposes),
        st.builds(Objected, at=at, purpose=purposes, marketing=st.booleans()),
        st.builds(Restricted, at=at),
    )


# -- histories, for stewards and applications ----------------------------------------------------------


class Told(NamedTuple):
    """One thing that a customer did or said: a verb of the customer's handle, or ``enroll``.

    Attributes:
        verb: ``enroll``, ``put``, ``record``, ``grant``, ``refuse``, ``withdraw``, ``object_to``,
            ``restrict``, ``lift_restriction``.
        purpose: the purpose; empty where the verb takes none.
        values: what is told.
        event: of ``record``.
        after: the time since what was told before.
        key: of ``record``: what names the contract that the event opens, or closes; empty: none.
    """

    verb: str
    purpose: str = ""
    values: Mapping[str, Any] = {}
    event: str = ""
    after: timedelta = timedelta()
    key: str = ""


def histories(policy: Policy, *, most: int = 8) -> st.SearchStrategy[tuple[Told, ...]]:
    """Return a strategy of what a customer told us, from the enrolment on; :func:`play` tells it.

    The enrolment is under a purpose that may collect without having been asked, if there is one.
    """
    firm = sorted(name for name, each in policy.purposes.items() if Basis.CONTRACT in each.all_bases)
    first = st.sampled_from(firm or sorted(policy.purposes)).flatmap(
        lambda name: values(policy, name).map(lambda told: Told("enroll", name, told))
    )
    later = st.lists(_tellings(policy), max_size=most)
    return st.builds(lambda begun, then: (begun, *then), first, later)


def _tellings(policy: Policy) -> st.SearchStrategy[Told]:
    after = st.integers(0, 60 * 24 * 60).map(lambda minutes: timedelta(minutes=minutes))
    purposes = st.sampled_from(sorted(policy.purposes))
    asked = consent_purposes(policy)
    kinds: list[st.SearchStrategy[Told]] = [
        purposes.flatmap(lambda name: st.builds(Told, st.just("put"), st.just(name), values(policy, name))),
        st.builds(Told, st.sampled_from(NOES), purposes),
        st.builds(Told, st.sampled_from(["restrict", "lift_restriction"])),
    ]
    if asked:
        kinds.append(st.builds(Told, st.just("grant"), st.sampled_from(asked)))
    if policy.events:
        kinds.append(st.sampled_from(sorted(policy.events)).flatmap(lambda name: _happenings(policy, name)))
    return st.builds(lambda told, span: told._replace(after=span), st.one_of(kinds), after)


def _happenings(policy: Policy, event: str) -> st.SearchStrategy[Told]:
    rule = policy.events[event]
    under = sorted({*rule.opens, *rule.closes}) or sorted(policy.purposes)
    return st.builds(
        Told, st.just("record"), st.sampled_from(under), event_values(policy, event), st.just(event)
    )


def consent_purposes(policy: Policy) -> list[str]:
    """Return the purposes that a customer may be asked to agree to."""
    return sorted(name for name, each in policy.purposes.items() if Basis.CONSENT in each.all_bases)


def play(shop: Steward, ref: str, history: tuple[Told, ...], *, clock: Clock | None = None) -> Customer:
    """Tell *history* to *shop* about the customer *ref*; what the policy refuses is left out, as it would be.

    Args:
        shop: a steward; its policy is that of the history.
        ref: a reference that nobody has yet.
        history: drawn from :func:`histories`.
        clock: the steward's, moved on by ``after`` of each telling; without it everything happens at once.
    """
    opened = ""
    for number, told in enumerate(history):
        if clock is not None and told.after:
            shop.seal()  # as a notary does, before time passes
            clock.move(told.after)
        if told.event and shop.policy.event(told.event).opens:
            opened = f"k-{number}"
        try:
            tell(shop, ref, told._replace(key=opened if told.event else ""))
        except (Denied, UnknownCustomer):
            continue
        except UsageError:
            if not (told.event and shop.policy.event(told.event).closes):
                raise  # what is closed was not told unmistakably: a host would ask which one
    return shop.customer(ref)


def tell(shop: Steward, ref: str, told: Told) -> object:
    """Tell *shop* one thing about *ref*; raises ``Denied`` where the policy refuses it."""
    by = "test"
    ana = shop.customer(ref)
    match told.verb:
        case "enroll":
            return shop.enroll(ref, told.values, purpose=told.purpose, by=by)
        case "put":
            return ana.put(told.values, purpose=told.purpose, by=by)
        case "record":
            return ana.record(told.event, told.values, purpose=told.purpose, by=by, key=told.key or None)
        case "grant":
            return ana.grant(told.purpose, shown=shop.notice(told.purpose).id, by=by)
        case "restrict":
            return ana.restrict(by=by, reason="accuracy is contested")
        case "lift_restriction":
            return ana.lift_restriction(by=by)
        case _:
            return getattr(ana, told.verb)(told.purpose, by=by)
