"""The laws of the decision: what holds for any policy, any customer, any question, at any time."""

from __future__ import annotations

import sys
from datetime import timedelta
from itertools import combinations
from typing import TYPE_CHECKING, Any

from hypothesis import assume, example, given
from hypothesis import strategies as st
from msgspec.structs import replace

from clm_ethics.model import (
    Clause,
    Duration,
    Granted,
    Moved,
    Objected,
    Put,
    Read,
    Refused,
    Restricted,
    SignalReceived,
    State,
    Status,
    Swept,
    Withdrawn,
    fold,
)
from clm_ethics.policy import Basis, Policy, Request, decide
from clm_ethics.policy.decide import known_age, standing, too_young
from clm_ethics.policy.decision import Change
from clm_ethics.policy.remedies import ASK_AGAIN_AFTER, MOST_CHANGES, MOST_TRIED
from clm_ethics.policy.words import CODES
from clm_ethics.regimes import load_packs
from tests.policy.people import shop, someone
from tests.strategies import REGIONS, START, lives, moments, policies, questions

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from clm_ethics.model import Event
    from clm_ethics.policy import Decision

TICK = timedelta(microseconds=1)


def scene(data: st.DataObject, **how: Any) -> tuple[Policy, list[Event], State, Request, datetime]:
    """Draw a policy, a life, the state that it leads to, a question and a time after it."""
    policy = data.draw(policies())
    events = data.draw(lives(policy, **how))
    state = fold(events)
    at = data.draw(moments(events))
    return policy, events, state, data.draw(questions(policy)), max(at, state.at or at)


def entries(state: State, decision: Decision, name: str) -> set[int]:
    """Return which entries' items of *name* may be seen."""
    spans = decision.fields[name].spans or ((0, state.length),)
    runs = state.fields.get(name, ())
    return {run.index for run in runs if any(first <= run.index <= last for first, last in spans)}


def assert_no_more(less: Decision, more: Decision, state: State, before: State) -> None:
    """Whatever *less* (on *state*) permits, *more* (on *before*) permits too: verdict, fields, items."""
    assert more or not less, f"{less.explain()}\n--- but before\n{more.explain()}"
    for name, grant in less.fields.items():
        assert name in more.fields, f"{name} appeared: {more.withheld.get(name)}"
        assert grant.precision == more.fields[name].precision
        assert entries(state, less, name) <= entries(before, more, name)


# --- a no -----------------------------------------------------------------------------------------


@given(st.data())
def test_a_no_never_permits_more(data):
    """A withdrawal, refusal, objection, restriction or signal never permits more, of whatever purpose."""
    policy, _, state, request, at = scene(data)
    name = data.draw(st.sampled_from(sorted(policy.purposes)))
    then = max(state.at or START, at - timedelta(days=data.draw(st.sampled_from([0, 5, 400]))))
    no = data.draw(
        st.sampled_from(
            [
                Withdrawn(at=then, purpose=name),
                Refused(at=then, purpose=name),
                Objected(at=then, purpose=name),
                Objected(at=then, purpose=name, marketing=True),
                Restricted(at=then, reason="accuracy"),
                SignalReceived(at=then, signal="gpc"),
            ]
        )
    )
    after = fold([no], state)

    assert_no_more(decide(policy, after, request, at), decide(policy, state, request, at), after, state)


@given(st.data())
def test_a_withdrawn_purpose_has_no_other_basis(data):
    """After a no, nothing that is not needed by contract, law or life carries the purpose (Art. 7(3))."""
    policy, _, state, request, at = scene(data, known=True, erased=False)
    no = data.draw(st.sampled_from([Withdrawn, Refused]))(at=at, purpose=request.purpose)
    answer = decide(policy, fold([no], state), request, at)

    assert not answer or answer.basis in {"contract", "legal_obligation", "vital_interest"}


@given(st.data())
def test_an_objection_leaves_only_what_was_agreed_to_afterwards(data):
    """After an objection only contract, law and life carry the purpose, until a later consent (Art. 21)."""
    policy, _, state, request, at = scene(data, known=True, erased=False)
    objected = fold([Objected(at=at, purpose=request.purpose)], state)
    answer = decide(policy, objected, request, at)

    assert not answer or answer.basis in {"contract", "legal_obligation", "vital_interest"}


@given(st.data())
def test_restricted_data_waits_for_a_later_consent(data):
    """While processing is restricted only storage, and consent given since, carry a purpose (Art. 18(2))."""
    policy, _, state, request, at = scene(data, known=True, erased=False)
    assume(state.restriction is None)
    state = fold([Restricted(at=at, reason="accuracy")], state)
    answer = decide(policy, state, request, at)

    assert not answer or policy.purposes[request.purpose].processing == ("storage",)


# --- a law more -----------------------------------------------------------------------------------


@given(st.data())
def test_an_added_regime_never_permits_more(data):
    """A regime more never permits more than the others did (filling a gap is not widening)."""
    policy, _, state, request, at = scene(data)
    packs = load_packs()
    some = data.draw(st.sets(st.sampled_from(sorted(packs))))
    added = data.draw(st.sampled_from(sorted(packs)))
    fewer = Policy(policy.declared, {name: pack for name, pack in packs.items() if name in some})
    more = Policy(policy.declared, {name: pack for name, pack in packs.items() if name in {*some, added}})
    before = decide(fewer, state, request, at)
    assume(before.verdict.value != "gap")

    assert_no_more(decide(more, state, request, at), before, state, state)


@given(st.data())
def test_an_establishment_more_never_permits_more(data):
    """The laws of one more establishment never permit more."""
    policy, _, state, request, at = scene(data)
    where = data.draw(st.sampled_from(REGIONS))
    controller = policy.controller
    added = replace(controller, established=(*controller.established, where))
    before = decide(policy, state, request, at)
    assume(before.verdict.value != "gap")
    after = decide(Policy(replace(policy.declared, controller=added)), state, request, at)

    assert_no_more(after, before, state, state)


@given(st.data())
def test_an_unknown_region_is_at_least_as_strict_as_each_market(data):
    """Who may live in any of the markets is protected as in each of them."""
    policy, _, state, request, at = scene(data)
    assume(policy.controller.markets)
    market = data.draw(st.sampled_from(policy.controller.markets))
    fields = {name: runs for name, runs in state.fields.items() if name != "region"}
    known = replace(state, about=state.about | {"region": market}, fields=fields)
    about = {name: value for name, value in state.about.items() if name != "region"}
    unknown = replace(state, about=about, fields=fields)

    assert_no_more(decide(policy, unknown, request, at), decide(policy, known, request, at), unknown, known)


# --- a fact less ----------------------------------------------------------------------------------


@given(st.data())
def test_a_yes_less_never_permits_more(data):
    """Whatever stands without a yes to a purpose stands with it: no yes hides another basis."""
    policy, events, state, request, at = scene(data)
    agreed = sorted({each.purpose for each in events if isinstance(each, Granted)})
    assume(agreed)
    name = data.draw(st.sampled_from(agreed))
    kept = [
        Read(at=each.at, purpose=name) if isinstance(each, Granted) and each.purpose == name else each
        for each in events  # a question instead of the yes keeps the others' places
    ]
    without = fold(kept)

    assert_no_more(decide(policy, without, request, at), decide(policy, state, request, at), without, state)


@given(st.data())
def test_a_contract_less_never_permits_more(data):
    """A contract that was never opened, or is no longer, permits nothing that it did not permit open."""
    policy, _, state, request, at = scene(data, known=True, erased=False)
    name = data.draw(st.sampled_from(sorted(policy.purposes)))
    opened = fold([Put(at=state.at or at, opened={name: b"k"})], state)
    closed = fold([Put(at=state.at or at, closed={name: opened.contracts[name].open})], opened)
    request = replace(request, purpose=name, channel="", collect=False)

    before = decide(policy, opened, request, at)
    assert_no_more(decide(policy, closed, request, at), before, closed, opened)
    assert_no_more(decide(policy, state, request, at), before, state, opened)


@given(st.data())
def test_a_value_less_never_permits_more(data):
    """A value or run of items less permits nothing else, and shows nothing else."""
    policy, _, state, request, at = scene(data)
    assume(state.fields)
    name = data.draw(st.sampled_from(sorted(state.fields)))
    runs = state.fields[name]
    kept = tuple(run for run in runs if data.draw(st.booleans())) if len(runs) > 1 else ()
    fields = {key: value for key, value in state.fields.items() if key != name}
    less = replace(state, fields=fields | ({name: kept} if kept else {}))

    assert_no_more(decide(policy, less, request, at), decide(policy, state, request, at), less, state)


@given(st.data())
def test_a_minor_stays_a_minor_when_the_date_of_birth_goes(data):
    """Until of age, who was known as a minor has no more permissions without the date than with it."""
    policy, _, state, request, at = scene(data, known=True)
    born = f"{at.year - data.draw(st.integers(1, 17))}-12-31"
    state = fold([Put(at=state.at or at, about={"born": born})], state)
    about = {name: value for name, value in state.about.items() if name != "born"}
    less = replace(state, about=about, fields={n: r for n, r in state.fields.items() if n != "born"})

    assert_no_more(decide(policy, less, request, at), decide(policy, state, request, at), less, state)


# --- time -----------------------------------------------------------------------------------------


def outcome(decision: Decision) -> tuple[Any, ...]:
    """Return all that ``valid_until`` speaks for."""
    return (
        *(decision.verdict, decision.basis, dict(decision.fields), dict(decision.withheld)),
        *(dict(decision.partly), decision.reasons, decision.obligations, decision.stage),
    )


@given(st.data())
def test_valid_until_is_honest(data):
    """Without a new event nothing changes before ``valid_until``: verdict, fields, reasons, duties, stage."""
    policy, events, state, request, at = scene(data)
    now = decide(policy, state, request, at)
    until = now.valid_until
    assert until is None or until > at
    last = until or at + timedelta(days=4000)
    instants = [last - TICK, at + (last - at) / 2, at + TICK, *(data.draw(moments(events)) for _ in range(6))]

    for instant in instants:
        if at < instant < last:
            assert outcome(now) == outcome(decide(policy, state, request, instant)), instant


@given(st.data())
def test_a_clock_set_back_revives_nothing(data):
    """A time before the last entry is decided as at the last entry."""
    policy, _, state, request, at = scene(data, known=True)
    assert state.at is not None
    back = state.at - timedelta(days=data.draw(st.integers(0, 4000)), seconds=1)

    assert decide(policy, state, request, state.at) == decide(policy, state, request, min(at, back))


@given(st.data())
def test_what_has_expired_stays_expired(data):
    """A later clock never revives a consent that had expired, nor a value whose time was over."""
    policy, events, state, request, at = scene(data)
    later = max(at, data.draw(moments(events)))
    before, after = decide(policy, state, request, at), decide(policy, state, request, later)

    if "consent.expired" in before.codes:
        assert after.basis != "consent" or not after
    for name, why in before.withheld.items():
        if before and after and why.code == "field.expired":
            assert name not in after.fields


# --- the answer -----------------------------------------------------------------------------------


@given(st.data())
def test_a_decision_is_a_function_of_its_inputs(data):
    """The same inputs give the same answer, also under a policy compiled anew, whatever was asked between."""
    policy, _, state, request, at = scene(data)
    first = decide(policy, state, request, at)
    for _ in range(3):
        decide(
            policy, state, data.draw(questions(policy)), at + timedelta(days=data.draw(st.integers(0, 900)))
        )

    assert first == decide(policy, state, request, at)
    assert first == decide(Policy(policy.declared), state, request, at)
    assert hash(first) == hash(decide(policy, state, request, at))


@given(st.data())
def test_what_stands_is_what_is_allowed(data):
    """Asking for many purposes at once is asking for each, also with a clock set back."""
    policy, _, state, _, at = scene(data)
    at -= timedelta(days=data.draw(st.sampled_from([0, 400])))
    answers = {name: decide(policy, state, Request(name, ()), at) for name in policy.purposes}

    allowed = {name: answer.basis for name, answer in answers.items() if answer}
    assert allowed == standing(policy, state, policy.purposes.values(), at)


@given(st.data())
def test_what_stands_later_waits_for_its_stage(data):
    """What may be done in a stage to come is no less than what may be done now, and is for other stages."""
    policy, _, state, _, at = scene(data)
    now = standing(policy, state, policy.purposes.values(), at)
    later = standing(policy, state, policy.purposes.values(), at, later=True)

    assert now.keys() <= later.keys()  # another basis may come first in its own stage
    for name in later.keys() - now.keys():
        assert decide(policy, state, Request(name, ()), at).stage not in policy.purposes[name].stages
        assert policy.purposes[name].stages


@given(st.data())
def test_every_answer_gives_its_reasons(data):
    """A denial has a reason with a known code, a permission a basis; what was asked is seen or withheld."""
    policy, _, state, request, at = scene(data)
    answer = decide(policy, state, request, at)
    wanted = policy.purposes[request.purpose].fields if request.fields is None else request.fields

    assert answer.reasons
    assert all(code in CODES or code.startswith(("law.", "assumed.")) for code in answer.codes)
    assert bool(answer.basis) or not answer
    assert {*wanted} == {*answer.fields, *answer.withheld}
    assert set(answer.fields).isdisjoint(answer.withheld)
    assert set(answer.partly) <= set(answer.fields)
    assert not answer.fields or answer
    assert answer.explain().startswith(f"{request.purpose}: ")


@given(st.data())
def test_more_is_never_seen_than_the_purpose_lists(data):
    """Minimisation (Art. 5(1)(c)): only listed fields, as coarse as the purpose sees them."""
    policy, _, state, request, at = scene(data)
    purpose = policy.purposes[request.purpose]
    answer = decide(policy, state, request, at)

    assert set(answer.fields) <= set(purpose.fields)
    for name, grant in answer.fields.items():
        assert request.collect or purpose.coarse.get(name, "") == grant.precision


# --- remedies -------------------------------------------------------------------------------------


def done(policy: Policy, state: State, request: Request, changes: Sequence[Change], at: datetime) -> Decision:
    """Decide once *changes* have been made."""
    events: list[Event] = []
    purpose = policy.purposes[request.purpose]
    for change in changes:
        if change.code == "contract.open":
            events.append(Put(at=at, purpose=purpose.name, opened={purpose.name: b"r"}))
        elif change.code == "stage":
            events.append(Swept(at=at, moves=(Moved(stage=change.name, at=at),)))
        elif change.code == "channel":
            request = replace(request, channel=change.name)
        else:
            events.append(
                Granted(
                    at=at,
                    purpose=purpose.name,
                    clause=policy.clauses[purpose.name],
                    explicit=() if change.code == "consent" else (*purpose.explicit, *purpose.processing),
                    given_by="guardian" if change.code == "consent.guardian" else "subject",
                )
            )
    return decide(policy, fold(events, state), request, at)


@given(st.data())
def test_remedies_turn_the_no_into_a_yes_and_nothing_smaller_does(data):
    """Each remedy flips the decision when all of it is done; no proper part, and no lesser consent, does."""
    policy, _, state, request, at = scene(data, known=True, erased=False)
    answer = decide(policy, state, request, at)

    for remedy in answer.remedies:
        assert 1 <= len(remedy.changes) <= MOST_CHANGES
        assert remedy.code == "+".join(change.code for change in remedy.changes)
        assert done(policy, state, request, remedy.changes, at)
        for size in range(1, len(remedy.changes)):
            for part in combinations(remedy.changes, size):
                assert not done(policy, state, request, part, at), part
        if any(change.code == "consent.explicit" for change in remedy.changes):
            lesser = [
                Change("consent") if each.code == "consent.explicit" else each for each in remedy.changes
            ]
            assert not done(policy, state, request, lesser, at)


@given(st.data())
def test_no_small_remedy_is_missing(data):
    """Any single change that could decently be asked for, and would be enough, is proposed."""
    policy, _, state, request, at = scene(data, known=True, erased=False)
    answer = decide(policy, state, request, at)
    assume(not answer and not state.restored and state.restriction is None)
    purpose = policy.purposes[request.purpose]
    single = [Change("contract.open")] if Basis.CONTRACT in purpose.all_bases else []
    single += [Change("stage", name) for name in purpose.stages]
    proposed = {remedy.changes for remedy in answer.remedies}

    for change in single:
        assert ((change,) in proposed) == bool(done(policy, state, request, [change], at))


@given(st.data())
def test_remedies_are_the_same_each_time_and_the_smallest_come_first(data):
    """The order is a function of the inputs; no remedy is given twice; fewer changes stand before more."""
    policy, _, state, request, at = scene(data, known=True, erased=False)
    first = decide(policy, state, request, at).remedies

    assert first == decide(Policy(policy.declared), state, request, at).remedies
    assert len(first) == len(set(first))
    assert sorted(len(each.changes) for each in first) == [len(each.changes) for each in first]


@given(st.data())
def test_a_remedy_asks_for_nothing_indecent(data):
    """Nothing under a restriction; no child is asked, nor a grown-up's guardian; nothing else is named."""
    policy, _, state, request, at = scene(data, known=True, erased=False)
    purpose = policy.purposes[request.purpose]
    codes = {each.code for remedy in decide(policy, state, request, at).remedies for each in remedy.changes}

    assert codes <= {"consent", "consent.explicit", "consent.guardian", "contract.open", "stage", "channel"}
    assert not codes or state.restriction is None
    if too_young(policy, state, purpose, at):
        assert codes.isdisjoint({"consent", "consent.explicit"})
    if (known_age(state, at) or 0) >= 18:
        assert "consent.guardian" not in codes


def test_what_remedies_cost_is_bounded(monkeypatch):
    """However many stages and channels a policy has, no more sets are tried than the bound says."""
    many = [f"s{number}" for number in range(60)]
    channels = {f"c{number}": {"address": "email", "kind": "email"} for number in range(40)}
    document = shop().document
    document["channels"] |= channels
    document["purposes"]["newsletter"] |= {
        "stages": many,
        "channels": ["email", *channels],
        "basis": ["consent"],
    }
    document["lifecycle"]["moves"] += [
        {"from": ["prospect"], "to": stage, "after": f"P{number + 1}D"} for number, stage in enumerate(many)
    ]
    policy = Policy.of(document)
    answer = decide(policy, someone(), Request("newsletter", channel="email"), START)
    tried = []
    monkeypatch.setattr(
        sys.modules["clm_ethics.policy.decide"], "decide", lambda *inputs: tried.append(1) or decide(*inputs)
    )

    assert 60 <= len(answer.remedies) <= MOST_TRIED
    assert 60 <= len(tried) <= MOST_TRIED


@given(st.data())
def test_nobody_is_asked_again_soon_after_a_no(data):
    """For a year after a no no remedy speaks of consent, or of another channel."""
    policy, _, state, request, at = scene(data, known=True, erased=False)
    no = data.draw(st.sampled_from([Withdrawn, Refused, Objected]))(at=at, purpose=request.purpose)
    state = fold([no], state)
    last = ASK_AGAIN_AFTER.after(at) - TICK
    instant = data.draw(st.sampled_from([at, last]))

    for remedy in decide(policy, state, request, instant).remedies:
        assert "consent" not in remedy.code
        assert "channel" not in remedy.code


# --- clauses --------------------------------------------------------------------------------------

SPANS = st.builds(Duration, months=st.integers(0, 40), seconds=st.integers(0, 40).map(lambda n: n * 86400))
PRECISE = ("", ":year", ":month", ":count", ":prefix:2", ":prefix:3", ":bucket:5", ":bucket:10")


@st.composite
def clauses(draw: st.DrawFn) -> Clause:
    """Draw the terms of a purpose."""
    names = draw(st.lists(st.sampled_from(["a", "b", "c"]), unique=True))
    return Clause(
        title=draw(st.sampled_from([b"one", b"two"])),
        fields=tuple(sorted(name + draw(st.sampled_from(PRECISE)) for name in names)),
        processing=tuple(sorted(draw(st.sets(st.sampled_from(["analytics", "essential"]))))),
        recipients=tuple(sorted(draw(st.sets(st.sampled_from(["carrier", "bank"]))))),
        keep=draw(st.none() | SPANS),
        keep_from=draw(st.sampled_from(["collected", "withdrawal"])),
    )


NARROWER_STEPS = (
    lambda clause, draw: replace(clause, fields=clause.fields[1:]),
    lambda clause, draw: replace(clause, processing=clause.processing[:-1]),
    lambda clause, draw: replace(clause, recipients=clause.recipients[1:]),
    lambda clause, draw: replace(clause, fields=tuple(sorted(map(_coarser, clause.fields)))),
    lambda clause, draw: replace(clause, keep=_shorter(clause.keep, draw)),
)


def _coarser(field: str) -> str:
    steps = {"month": "year", "prefix:3": "prefix:2", "bucket:5": "bucket:10"}
    name, colon, precision = field.partition(":")
    return f"{name}:{steps.get(precision, precision)}" if colon else f"{name}:year"


def _shorter(keep: Duration | None, draw: Any) -> Duration:
    if keep is None:
        return draw(SPANS)
    months = draw(st.integers(0, keep.months))
    return Duration(months=months, seconds=draw(st.integers(0, keep.seconds)))


@given(clauses(), st.data())
def test_a_narrower_clause_asks_nobody_again(clause, data):
    """Who agreed to a clause agreed to every narrower one: fewer or coarser fields, shorter, for fewer."""
    narrow = clause
    for step in data.draw(st.lists(st.sampled_from(NARROWER_STEPS))):
        narrow = step(narrow, data.draw)

    assert clause.covers(narrow)


@given(clauses(), clauses(), clauses())
def test_covering_is_an_order(one, two, three):
    """A clause covers itself; what the covered covers is covered; only equal ones cover each other."""
    assert one.covers(one)
    if one.covers(two) and two.covers(three):
        assert one.covers(three)
    if one.covers(two) and two.covers(one):
        assert one.fields == two.fields
        assert set(one.recipients) == set(two.recipients)


@given(clauses(), st.sampled_from(["fields", "processing", "recipients", "title", "keep"]))
def test_a_wider_clause_asks_again(clause, what):
    """A yes is none to more fields, other processing, one more recipient, other words or a longer time."""
    if what == "title":
        wider = replace(clause, title=b"three")
    elif what == "keep":
        assume(clause.keep is not None)
        wider = replace(clause, keep=None)
    else:
        wider = replace(clause, **{what: (*getattr(clause, what), "more")})

    assert not clause.covers(wider)


@given(SPANS, SPANS, st.datetimes(START.replace(tzinfo=None), START.replace(year=2030, tzinfo=None)))
@example(Duration(months=12), Duration(seconds=365 * 86400), START.replace(tzinfo=None))
@example(Duration(months=36), Duration(seconds=30 * 86400), START.replace(tzinfo=None))
def test_a_span_outlasts_another_only_if_it_does_from_every_day(one, two, at):
    """``outlasts`` never says so of a span that ends earlier, whichever day both begin."""
    at = at.replace(tzinfo=START.tzinfo)

    assert not one.outlasts(two) or two.after(at) <= one.after(at)


def test_days_and_months_compare():
    """Thirty days are less than three years, and 365 days no more than a year."""
    assert Duration(months=36).outlasts(Duration(seconds=30 * 86400))
    assert Duration(months=12).outlasts(Duration(seconds=365 * 86400))
    assert not Duration(months=12).outlasts(Duration(seconds=366 * 86400))
    assert not Duration(seconds=30 * 86400).outlasts(Duration(months=1))


def test_a_yes_counts_as_one():
    """The strategies do reach what the laws speak of: a consent that stands, by a known customer."""
    granted = Granted(at=START, purpose="tips")

    assert Status.GRANTED is fold([granted]).consents["tips"].status
    assert Basis.CONSENT.value == "consent"
