"""Findings: what is allowed in a policy and is probably not meant."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from clm_ethics.policy.document import read_file, read_mapping
from clm_ethics.policy.lint import lint

if TYPE_CHECKING:
    from clm_ethics.policy.finding import Finding

CLEAN: dict[str, Any] = {
    "format": 1,
    "controller": {"name": "Example Shop", "contact": "privacy@example.org", "established": ["DE"]},
    "fields": {
        "email": {"type": "text", "category": "user.contact.email"},
        "allergy": {"type": "text", "category": "user.health_and_medical"},
        "visits": {"type": "list", "max": 9, "category": "user.behavior"},
        "score": {"type": "number", "category": "user.behavior", "derived_from": ["visits"]},
    },
    "events": {
        "seen": {"appends": {"visits": ["page"]}},
        "closed": {"closes": ["account"]},
        "left": {},
    },
    "purposes": {
        "account": {
            "title": {"en": "Run it"},
            "processing": ["essential"],
            "basis": "contract",
            "sale": True,
            "fields": ["email", "visits"],
            "keep": {"for": "P1Y", "from": "contract_end"},
        },
        "advice": {
            "title": {"en": "Advise you"},
            "processing": ["personalization"],
            "basis": "consent",
            "consent_expires": "P1Y",
            "fields": ["allergy", "score"],
            "explicit": ["allergy"],
            "keep": {"for": "P1Y", "from": "collected"},
        },
        "news": {
            "title": {"en": "Write to you"},
            "processing": ["direct_marketing"],
            "basis": ["consent", "soft_opt_in"],
            "channels": ["email"],
            "fields": ["email"],
            "keep": {"for": "P30D", "from": "withdrawal"},
        },
        "report": {
            "title": {"en": "Report it"},
            "processing": ["essential"],
            "basis": "legal_obligation",
            "law": "X s. 1",
            "fields": ["allergy"],
            "keep": {"for": "P8Y", "from": "year_end"},
        },
    },
    "lifecycle": {
        "start": "new",
        "moves": [
            {"from": ["new"], "to": "gone", "on": "left"},
            {"from": ["gone"], "to": "new", "on": "left"},
        ],
    },
    "channels": {"email": {"address": "email"}},
}


def found(*path: str, value: Any = None) -> tuple[Finding, ...]:
    """Return the findings about the clean policy after one change; ``None`` takes the key out."""
    document = deepcopy(CLEAN)
    *way, last = path
    here = document
    for key in way:
        here = here[key]
    if value is None:
        here.pop(last, None)
    else:
        here[last] = value
    return lint(read_mapping(document))


def test_a_clean_policy_has_no_findings() -> None:
    """Where everything has its use, nothing is found."""
    assert () == found("no such key")


@pytest.mark.parametrize(
    ("path", "value", "place", "says"),
    [
        (("fields", "idle"), {"type": "text", "category": "user.name"}, "fields.idle", "nobody may see it"),
        (("purposes", "advice", "fields"), ["allergy"], "fields.score", "nobody may see it"),
        (("fields", "email", "category"), "user.demographic", "fields.email.category", "special ones below"),
        (("events", "idle"), {}, "events.idle", "no effect"),
        (("lifecycle", "moves"), [], "events.left", "no effect"),
        (("purposes", "account", "sale"), None, "purposes.news.basis", "sale = true"),
        (("purposes", "account", "consent_expires"), "P1Y", "purposes.account.consent_expires", "no consent"),
        (("purposes", "news", "channels"), None, "purposes.news.channels", "never allowed"),
        (("purposes", "advice", "explicit"), None, "purposes.advice.fields", "`allergy` is special"),
        (("purposes", "advice", "basis"), "opt_out", "purposes.advice.explicit", "needs consent"),
        (("purposes", "advice", "keep"), None, "purposes.advice.keep", "without end"),
        (("events", "closed", "closes"), None, "purposes.account.keep", "no event closes"),
        (
            ("purposes", "advice", "keep"),
            {"for": "P1Y", "from": "contract_end"},
            "purposes.advice.keep",
            "the purpose has none",
        ),
        (("channels", "web"), {}, "channels.web", "no purpose uses it"),
        (
            ("fields", "pregnancy_week"),
            {"type": "integer", "category": "user.behavior"},
            "fields.pregnancy_week.category",
            "sounds like a special category",
        ),
        (
            ("events", "left"),
            {"mutes": {"analytics": "P1D"}},
            "events.left.mutes.analytics",
            "nothing is muted",
        ),
        (
            ("purposes", "advice", "processing"),
            ["personalization", "sale_sharing"],
            "purposes.advice.shared_with",
            "names nobody",
        ),
        (("purposes", "news", "basis"), "consent", "purposes.account.sale", "no purpose claims soft opt-in"),
        (
            ("purposes", "report", "processing"),
            ["sale_sharing"],
            "purposes.report.basis",
            "no legal_obligation asks for sale_sharing",
        ),
        (
            ("purposes", "account", "processing"),
            ["essential", "analytics"],
            "purposes.account.basis",
            "seldom needs analytics",
        ),
        (
            ("purposes", "news", "keep"),
            {"for": "P4Y", "from": "withdrawal"},
            "purposes.news.keep",
            "longer than is usual",
        ),
        (
            ("purposes", "account", "keep"),
            {"for": "P11Y", "from": "contract_end"},
            "purposes.account.keep",
            "longer than is usual",
        ),
        (("channels", "email"), {}, "channels.email", "without an address"),
    ],
)
def test_each_oddity_is_found_at_its_key(path: tuple[str, ...], value: Any, place: str, says: str) -> None:
    """One change brings one kind of finding, at its place."""
    findings = found(*path, value=value)

    here = [each for each in findings if each.place == place]
    assert 1 == len(here)
    assert says in here[0].text
    assert here[0].remedy
    assert f"{place}: " in str(here[0])


def test_a_field_that_is_only_derived_from() -> None:
    """Data that serves only to compute other data is named as such."""
    document = deepcopy(CLEAN)
    document["events"]["seen"] = {"mutes": {"essential": "P1D"}}
    document["purposes"]["account"]["fields"] = ["email"]

    (only,) = lint(read_mapping(document))

    assert ("fields.visits", "no purpose lists it, it is only derived from") == only[:2]


def test_what_was_collected_under_consent_is_never_compatible() -> None:
    """Compatibility with a purpose that rests on consent alone never takes effect (Art. 6(4) GDPR)."""
    document = deepcopy(CLEAN)
    document["purposes"]["account"] |= {"compatible_with": ["advice"], "assessment": "A 1"}

    (only,) = lint(read_mapping(document))

    assert "purposes.account.compatible_with" == only.place


def test_findings_about_the_example_shop() -> None:
    """The shop of these tests has a soft opt-in without a sale, and a channel that nobody uses."""
    findings = lint(read_file(Path(__file__).with_name("shop.toml")))

    assert ["purposes.newsletter.basis", "channels.web"] == [each.place for each in findings]


def test_a_title_that_nobody_translated() -> None:
    """The same words in two languages are probably one language."""
    document = deepcopy(CLEAN)
    document["controller"]["locales"] = ["en", "de"]
    for purpose in document["purposes"].values():
        purpose["title"]["de"] = purpose["title"]["en"] + "!"
    document["purposes"]["news"]["title"]["de"] = "Write to you"

    (only,) = lint(read_mapping(document))

    assert "purposes.news.title.de" == only.place


def test_a_compatible_purpose_without_a_common_field() -> None:
    """Where two purposes list no field in common, compatibility has nothing to work on."""
    document = deepcopy(CLEAN)
    document["purposes"]["report"] |= {"compatible_with": ["account"], "assessment": "A 1"}

    (only,) = lint(read_mapping(document))

    assert "purposes.report.compatible_with" == only.place


def journey(*moves: dict, **stages: list[str]) -> tuple:
    """Return the findings about a lifecycle of the clean policy, with purposes for some stages only."""
    document = deepcopy(CLEAN)
    document["lifecycle"] = {"start": "new", "purpose": "advice", "moves": list(moves)}
    for name, listed in stages.items():
        document["purposes"][name]["stages"] = listed
    return lint(read_mapping(document))


AWAY = {"from": ["new"], "to": "gone", "after": "P90D", "without": "left"}
BACK = {"from": ["gone"], "to": "new", "on": "left"}


def test_a_stage_without_a_way_out_is_a_dead_end() -> None:
    """Who comes back from it would stay in it."""
    assert () == journey(AWAY, BACK)
    (only,) = journey(AWAY)
    assert "lifecycle.moves" == only.place
    assert "nothing leads out of `gone`" in only.text


def test_a_move_that_another_always_forestalls_never_happens() -> None:
    """Of two times without the same event the shorter one wins; times of their own kind do not compare."""
    later = AWAY | {"to": "lost", "after": "P180D"}
    home = {"from": ["lost"], "to": "new", "on": "left"}
    (only,) = journey(AWAY, BACK, later, home)
    assert "lifecycle.moves[2]" == only.place
    assert "`gone` comes first (P90D without left)" in only.text
    del later["without"]
    assert () == journey(AWAY, BACK, later, home)


def test_a_timed_move_from_a_stage_that_its_purpose_is_not_for_never_happens() -> None:
    """Its permission is judged with the stage before the move."""
    assert [] == [each.text for each in journey(AWAY, BACK, advice=["new", "gone"])]
    (only,) = journey(AWAY, BACK, advice=["gone"])[:1]
    assert "lifecycle.moves[0]" == only.place
    assert "is not for that stage" in only.text


def test_a_stage_that_widens_data_use_for_who_turns_away() -> None:
    """Reached by absence it must not let a purpose see more; reached by an event it may."""
    (only,) = journey(AWAY, BACK, account=["gone"])
    assert "lifecycle.moves[0].to" == only.place
    assert "looked at more closely" in only.text
    assert () == journey(AWAY, BACK, account=["gone", "new"])
    assert () == journey({"from": ["new"], "to": "gone", "on": "left"}, BACK, account=["gone"])
