"""What changes between two policies, and that "narrowing" is true."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import assume, event, given, settings
from hypothesis import strategies as st

from clm_ethics.errors import PolicyError
from clm_ethics.model import fold
from clm_ethics.policy import Policy, Verdict, decide
from clm_ethics.policy.diff import diff
from tests.policy.people import DOCUMENT, SHOP, shop
from tests.strategies import documents, lives, moments, questions


def changed(**changes: Any):
    """Return the differences that *changes* make to the shop's policy."""
    return diff(SHOP, shop(**changes))


def effects(difference) -> dict[str, str]:
    """Return per place the effect."""
    return {change.place: change.effect.value for change in difference.changes}


def test_equal_policies_have_no_difference():
    """A policy and itself do not differ, and nobody is asked again."""
    same = diff(SHOP, shop())

    assert not same
    assert not same.widens
    assert "equal" in same.explain()


SEAL = {"after": "P2Y", "announce": "P30D", "seal": True}
SHRINK = {"after": "P1Y", "announce": "P30D", "shrink": {"tastes": 3}}
MOVES = DOCUMENT["lifecycle"]["moves"]
CHANGES = [
    ({"purposes__advice__title": {"en": "Advise you"}}, "purposes.advice.title", "wording", True),
    ({"purposes__advice__fields": ["purchases", "tastes", "born", "stage"], "purposes__advice__explicit": []},
     "purposes.advice.fields", "narrowing", False),
    ({"purposes__newsletter__fields": ["email", "phone", "tastes", "purchases"]},
     "purposes.newsletter.fields", "widening", True),
    ({"purposes__advice__coarse": {"tastes": "count"}}, "purposes.advice.coarse.born", "widening", True),
    ({"purposes__newsletter__coarse": {"tastes": "count"}},
     "purposes.newsletter.coarse.tastes", "narrowing", False),
    ({"purposes__advice__keep": {"for": "P4Y", "from": "collected"}},
     "purposes.advice.keep", "widening", True),
    ({"purposes__advice__keep": {"for": "P2Y", "from": "collected"}},
     "purposes.advice.keep", "narrowing", False),
    ({"purposes__advice__keep": {"for": "P3Y", "from": "withdrawal"}},
     "purposes.advice.keep", "widening", True),
    ({"purposes__newsletter__shared_with": ["printer"]}, "purposes.newsletter.shared_with", "widening", True),
    ({"purposes__advice__processing": ["personalization", "analytics"]},
     "purposes.advice.processing", "widening", True),
    ({"purposes__newsletter__basis": ["consent"]}, "purposes.newsletter.basis", "narrowing", False),
    ({"purposes__figures__basis": ["legitimate_interest", "consent"]},
     "purposes.figures.basis", "widening", False),
    ({"purposes__newsletter__basis_under": {"US": ["consent", "opt_out"]}},
     "purposes.newsletter.basis_under.US", "widening", False),
    ({"purposes__catalogue__assessment": "balancing test 9"},
     "purposes.catalogue.assessment", "wording", False),
    ({"purposes__advice__stages": ["customer"]}, "purposes.advice.stages", "narrowing", False),
    ({"purposes__advice__stages": []}, "purposes.advice.stages", "widening", False),
    ({"purposes__newsletter__stages": ["customer"]}, "purposes.newsletter.stages", "narrowing", False),
    ({"purposes__newsletter__consent_expires": "P13M"},
     "purposes.newsletter.consent_expires", "narrowing", False),
    ({"purposes__order__sale": False}, "purposes.order.sale", "narrowing", False),
    ({"purposes__account__sale": True}, "purposes.account.sale", "widening", False),
    ({"purposes__invoicing__actors": ["bookkeeping", "web"]}, "purposes.invoicing.actors", "widening", False),
    ({"purposes__invoicing__actors": []}, "purposes.invoicing.actors", "widening", False),
    ({"purposes__newsletter__device": True}, "purposes.newsletter.device", "widening", False),
    ({"purposes__newsletter__channels": ["email"]}, "purposes.newsletter.channels", "widening", False),
    ({"controller__markets": ["DE"]}, "controller.markets", "widening", False),
    ({"controller__markets": ["DE", "FR", "AT"]}, "controller.markets", "narrowing", False),
    ({"controller__audience": "general"}, "controller.audience", "narrowing", False),
    ({"controller__audience": "adults", "controller__name": "Shops"}, "controller.name", "wording", False),
    ({"fields__tastes__category": "user.health_and_medical"}, "fields.tastes.category", "narrowing", False),
    ({"fields__tastes__category": "user.behavior.browsing_history"},
     "fields.tastes.category", "wording", False),
    ({"fields__tastes__max": 10}, "fields.tastes.max", "narrowing", False),
    ({"fields__phone__lookup": "phone"}, "fields.phone.lookup", "widening", False),
    ({"events__ordered__opens": []}, "events.ordered.opens", "narrowing", False),
    ({"events__ordered__closes": ["order"]}, "events.ordered.closes", "narrowing", False),
    ({"events__ordered__mutes": {"analytics": "P1D"}}, "events.ordered.mutes", "narrowing", False),
    ({"events__ordered__appends": {}}, "events.ordered.appends", "narrowing", False),
    ({"channels__email__caps": [{"max": 1, "per": "P1D"}]}, "channels.email.caps", "narrowing", False),
    ({"channels__sms__quiet": {"from": "20:00", "to": "08:00"}}, "channels.sms.quiet", "narrowing", False),
    ({"audit": {"keep": "P5Y"}}, "audit.keep", "widening", False),
    ({"lifecycle__moves": [*MOVES, {"from": ["gone"], "to": "customer", "on": "ordered"}]},
     "lifecycle.moves", "widening", False),
    ({"purposes__account__support": True}, "purposes.account.support", "widening", False),
    ({"purposes__account__inquiry": True}, "purposes.account.inquiry", "widening", False),
    ({"purposes__account__lasting": True}, "purposes.account.lasting", "widening", False),
    ({"controller__facts": {"charity": True}}, "controller.facts.charity", "widening", False),
    ({"controller__facts": {"platform": True}}, "controller.facts.platform", "wording", False),
    ({"controller__facts": {"residents": {"US-CA": 5}}},
     "controller.facts.residents.US-CA", "widening", False),
    ({"lifecycle__decay": {"without": ["ordered"], "steps": [SHRINK]}},
     "lifecycle.decay", "narrowing", False),
    ({"lifecycle__decay": {"without": ["ordered"], "steps": [SEAL]}},
     "lifecycle.decay", "widening", False),
    ({"purposes__newsletter__was": ["news"]}, "purposes.newsletter.was", "widening", False),
]  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "place", "effect", "asks"), CHANGES, ids=[each[1] + "-" + each[2] for each in CHANGES]
)
def test_a_change_has_a_place_and_an_effect(changes, place, effect, asks):
    """Each kind of change stands at its key, with what it does, and says whether it asks again."""
    difference = changed(**changes)

    assert effect == effects(difference).get(place), difference.explain()
    assert asks == bool(difference.asked_again)
    assert (effect == "widening") <= difference.widens


def test_the_reverse_of_a_longer_quiet_or_cap_widens():
    """What narrows in one direction widens in the other."""
    for key, value in (
        ("channels__email__caps", [{"max": 1, "per": "P1D"}]),
        ("channels__sms__quiet", {"from": "20:00", "to": "08:00"}),
        ("events__ordered__mutes", {"analytics": "P1D"}),
    ):
        narrower = shop(**{key: value})
        assert not diff(SHOP, narrower).widens
        assert diff(narrower, SHOP).widens


def test_who_is_asked_again_is_told_why():
    """A yes to the old clause does not reach new recipients and more fields; both are named."""
    difference = changed(
        purposes__newsletter__shared_with=["printer"],
        purposes__newsletter__fields=["email", "phone", "tastes", "purchases"],
    )

    assert {"newsletter": ("fields that were not asked for", "recipients that were not asked for")} == (
        difference.asked_again
    )
    assert "ask again everybody who said yes to newsletter" in difference.explain()


def test_a_lifecycle_that_looks_less_is_told():
    """Timed moves rest on a purpose: if it is narrowed, stages may last, which is no narrowing."""
    difference = changed(purposes__advice__keep={"for": "P2Y", "from": "collected"})

    assert "widening" == effects(difference)["lifecycle.purpose"]


def test_a_purpose_that_comes_or_goes_is_told():
    """A new purpose widens; one that is gone narrows."""
    document = deepcopy(DOCUMENT)
    del document["purposes"]["figures"]
    for name, each in document["purposes"].items():
        each.setdefault("title", {"en": name})
    smaller = Policy.of(document)

    assert {"purposes.figures": "narrowing"} == effects(diff(SHOP, smaller))
    assert {"purposes.figures": "widening"} == effects(diff(smaller, SHOP))


def decaying(**more):
    """Return the shop with a decay of two steps, the first changed by *more*."""
    rule = {"without": ["ordered"], "steps": [SHRINK | more, SEAL], **more.pop("rule", {})}
    return shop(lifecycle__decay=rule)


@pytest.mark.parametrize(
    ("more", "place", "effect"),
    [
        ({"after": "P6M"}, "lifecycle.decay.steps[0].after", "narrowing"),
        ({"after": "P15M"}, "lifecycle.decay.steps[0].after", "widening"),
        ({"announce": "P60D"}, "lifecycle.decay.steps[0].announce", "wording"),
        ({"shrink": {"tastes": 1}}, "lifecycle.decay.steps[0].shrink.tastes", "narrowing"),
        ({"shrink": {"purchases": 3}}, "lifecycle.decay.steps[0].shrink.tastes", "widening"),
    ],
)
def test_a_step_of_inactivity_that_spares_less_widens(more, place, effect):
    """Sooner and more narrows, later and less widens, and when it is announced is wording."""
    assert effect == effects(diff(decaying(), decaying(**more)))[place]


def test_a_rename_is_wording_and_takes_everything_along():
    """A purpose, a field and an event that are only called otherwise differ in nothing else."""
    text = json.dumps(SHOP.document)
    for old, new in (("newsletter", "letters"), ("tastes", "likes"), ("ordered", "bought")):
        text = text.replace(f'"{old}"', f'"{new}"')
    document = json.loads(text)
    for section, old, new in (
        ("purposes", "newsletter", "letters"),
        ("fields", "tastes", "likes"),
        ("events", "ordered", "bought"),
    ):
        document[section][new]["was"] = [old]
    document["purposes"]["letters"]["title"] = SHOP.purposes["newsletter"].title
    renamed = Policy.of(document)
    there, back = diff(SHOP, renamed), diff(renamed, SHOP)

    assert {"wording"} == {*effects(there).values()} == {*effects(back).values()}
    assert "was called `newsletter`" in there.explain()
    assert {} == there.asked_again == back.asked_again
    document["purposes"]["letters"]["was"] = []
    assert diff(renamed, Policy.of(document)).widens


def test_what_a_rename_must_not_do_widens():
    """A former name that is dropped, or no longer the first, loses a no; two purposes in one widen."""
    before = shop(purposes__newsletter__was=["news"])

    assert "a no too" in diff(before, shop()).explain()
    assert "a no too" in diff(before, shop(purposes__newsletter__was=["older", "news"])).explain()
    assert not diff(before, shop(purposes__newsletter__was=["news", "later"])).widens


def test_a_stage_that_goes_without_a_way_is_told_with_its_remedy():
    """Customers of a stage that is gone are in none until the policy says where they are."""
    trial = {"from": ["customer"], "to": "trial", "after": "P9Y"}
    before = shop(lifecycle__moves=[*MOVES, trial])
    after = shop(lifecycle__moves_to={"trial": "customer"})

    assert 'moves_to = { trial = "..." }' in diff(before, SHOP).explain()
    assert "its customers are in `customer`" in diff(before, after).explain()
    assert diff(before, after).widens


def test_the_document_of_a_difference_says_the_same():
    """The JSON form has every change and who is asked."""
    difference = changed(purposes__newsletter__shared_with=["printer"])
    document = difference.document()

    assert [str(each.effect) for each in difference.changes] == [
        each["effect"] for each in document["changes"]
    ]
    assert ["newsletter"] == list(document["asked_again"])
    assert document["widens"]


def narrowed(draw: st.DrawFn, document: dict[str, Any]) -> dict[str, Any]:
    """Return *document* with some of its purposes narrowed."""
    document = deepcopy(document)
    for _ in range(draw(st.integers(1, 3))):
        purpose = document["purposes"][draw(st.sampled_from(sorted(document["purposes"])))]
        _narrow(draw, document, purpose, draw(st.sampled_from(sorted(_WAYS))))
    return document


def _narrow(draw: st.DrawFn, document: dict[str, Any], purpose: dict[str, Any], way: str) -> None:
    if way in {"basis", "fields", "explicit", "channels", "compatible_with"} and purpose.get(way):
        gone = draw(st.sampled_from(purpose[way]))
        purpose[way] = [each for each in purpose[way] if each != gone]
        if way == "fields":
            purpose["explicit"] = [each for each in purpose.get("explicit", ()) if each != gone]
            purpose["coarse"] = {name: how for name, how in purpose["coarse"].items() if name != gone}
    elif way == "audience":
        document["controller"]["audience"] = "children"
    elif way == "facts":
        document["controller"]["facts"] = {}
    elif way == "markets":
        document["controller"]["markets"] = [*document["controller"]["markets"], "JP"]
    elif way in _WAYS and way not in {"basis", "fields", "explicit", "channels", "compatible_with"}:
        purpose[way] = _WAYS[way]


_WAYS: dict[str, Any] = {
    **dict.fromkeys(
        ("basis", "fields", "explicit", "channels", "compatible_with", "audience", "markets", "facts")
    ),
    "keep": {"for": "P5D", "from": "collected"},
    "stages": ["active"],
    "consent_expires": "P1M",
    "actors": ["web"],
    "sale": False,
    "support": False,
    "inquiry": False,
    "lasting": False,
    "title": {"en": "in other words"},
}


@settings(max_examples=250)
@given(st.data())
def test_what_does_not_widen_permits_no_more(data):
    """If no change of a difference widens, nobody is permitted more under the new policy."""
    before = data.draw(documents())
    try:
        old, new = Policy.of(before), Policy.of(narrowed(data.draw, before))
    except PolicyError:
        assume(False)
    difference = diff(old, new)
    event(
        "widens"
        if difference.widens
        else ", ".join(sorted({c.place.split(".")[-1] for c in difference.changes}))
    )
    events = data.draw(lives(old))
    state, at = fold(events), data.draw(moments(events))
    for _ in range(3):
        request = data.draw(questions(old))
        less, more = decide(new, state, request, at), decide(old, state, request, at)
        if difference.widens or more.verdict is Verdict.GAP:  # filling a gap is not widening
            continue
        assert more or not less, f"{difference.explain()}\n{less.explain()}\n--- but before\n{more.explain()}"
        assert less.fields.keys() <= more.fields.keys(), difference.explain()


@settings(max_examples=100)
@given(documents(), documents())
def test_nobody_is_asked_again_whose_yes_still_holds(one, other):
    """Who is asked again is exactly who said yes to a clause that does not cover the new one."""
    old, new = Policy.of(one), Policy.of(other)
    asked = diff(old, new).asked_again
    for name in set(old.purposes) & set(new.purposes):
        consents = "consent" in {*old.purposes[name].all_bases} & {*new.purposes[name].all_bases}
        assert (name in asked) == (consents and not old.clauses[name].covers(new.clauses[name]))
