"""Looking before anybody is contacted: findings about policy, journey, offers and prompts."""

from __future__ import annotations

from datetime import timedelta

import pytest

from clm_ethics.errors import UsageError
from clm_ethics.ethics import Deadline, Kind, Offer, Price, Prompt, Scarcity, Statement, review, rule
from clm_ethics.ethics.document import read_offers
from clm_ethics.policy import Policy
from tests.ethics.shop import NOON, codes, policy, someone, try_one
from tests.ethics.test_rules import DECLARED, EVENTS, SHOP

DAY = timedelta(days=1)


def found(shop=SHOP, *offers, **more):
    """Return rule and place of what is found."""
    return [(each.rule, each.place) for each in review(shop, offers, at=NOON, **more)]


def about(shop, place):
    """Return the rules that find something at a place."""
    return [rule for rule, where in found(shop) if where == place]


CLEAN = policy(
    events=EVENTS,
    purposes__news__fields=["email", "phone", "tastes", "visits", "points", "stage"],
    purposes__news__explicit=[],
    purposes__news__consent_expires="P13M",
    purposes__news__stages=["customer"],
    purposes__deals__consent_expires="P13M",
    purposes__deals__stages=["customer"],
)


def test_a_clean_policy_has_no_findings():
    """Where everything is as it should be, nothing is found, nor about a decent offer."""
    until = NOON + DAY
    offer = Offer(
        "spring",
        purpose="deals",
        uses={"tastes"},
        segment={"tastes"},
        segment_size=50,
        channels={"email"},
        deadline=Deadline(until=until, valid_until=until),
        personal_price=True,
        disclosed=True,
        price=Price(asked=9, public=10),
    )

    assert [] == found(CLEAN, offer, prompts={"banner": Prompt()})


@pytest.mark.parametrize(
    ("changes", "number", "place"),
    [
        ({"events": {"ordered": {}}}, "E12", "events"),
        ({"events": {"ordered": {}, "complaint": EVENTS["complaint"]}}, "E11", "events"),
        ({"events": {"grief": EVENTS["grief"]}, "lifecycle": {"start": "customer"}}, "E09", "events"),
        ({"purposes__news__consent_expires": None}, "E20", "purposes.news.consent_expires"),
        ({"purposes__news__fields": ["email", "phone", "allergies"]}, "E03", "purposes.news.fields"),
        ({"purposes__news__stages": ["drifting"]}, "E01", "purposes.news.stages"),
        ({"purposes__news__stages": []}, "E08", "purposes.news.stages"),
        ({"controller__audience": "general"}, "E29", "purposes.tips"),
        ({"channels__sms__quiet": {"from": "22:00", "to": "08:00"}}, "E10", "channels.sms.quiet"),
        (
            {
                "purposes__help": {
                    "processing": ["essential"],
                    "basis": "consent",
                    "channels": ["email"],
                    "fields": ["email", "tastes"],
                }
            },
            "E08",
            "purposes.help.fields",
        ),
        (
            {
                "purposes__score": {
                    "processing": ["automated_decision"],
                    "basis": "consent",
                    "fields": ["tastes"],
                }
            },
            "E30",
            "purposes.score",
        ),
    ],
)
def test_what_is_odd_in_a_policy_is_found(changes, number, place):
    """Each oddity is found by its rule at its place, with a remedy; the clean policy has none of them."""
    base = {
        "events": EVENTS,
        "purposes__news__fields": ["email", "phone", "tastes", "visits", "points", "stage"],
        "purposes__news__explicit": [],
        "purposes__news__consent_expires": "P13M",
        "purposes__news__stages": ["customer"],
        "purposes__deals__consent_expires": "P13M",
        "purposes__deals__stages": ["customer"],
    }
    wanted = {name: value for name, value in (base | changes).items() if value is not None}
    shop = policy(**wanted)

    assert number in about(shop, place)
    assert all(each.remedy and not each.blocks for each in review(shop, at=NOON))


def test_what_is_kept_from_everybody_is_found():
    """Names that do not fit, fields that are not listed and groups that are none are told per offer."""
    assert [("purpose", "offers.x")] == found(CLEAN, Offer("x", purpose="newz"))
    assert [("E18", "offers.x.uses")] == found(CLEAN, Offer("x", purpose="deals", uses={"visits"}))
    assert [("groups", "offers.x.segment_size")] == found(
        CLEAN, Offer("x", purpose="news", segment={"tastes"})
    )
    small = Offer("x", purpose="news", segment={"tastes"}, segment_size=3)
    assert [("groups", "offers.x.segment_size")] == found(CLEAN, small)
    assert [("offer_channel", "offers.x.channels")] == found(
        CLEAN, Offer("x", purpose="deals", channels={"email", "sms"})
    )
    assert [("offer_stage", "offers.x.stages")] == found(
        CLEAN, Offer("x", purpose="news", stages={"drifting"})
    )
    useless = Offer("x", purpose="news", uses={"tastes"}, states=Statement(gains={"tastes": 0}))
    assert [("E18", "offers.x.uses")] == found(CLEAN, useless)
    special = review(SHOP, [Offer("x", purpose="news", uses={"allergies"})], at=NOON)
    assert ("E03", False) in [(each.rule, each.blocks) for each in special if each.place == "offers.x.uses"]
    price = Offer("x", purpose="deals", personal_price=True, disclosed=True)
    assert [("E15", "offers.x")] == found(CLEAN, price)


@pytest.mark.parametrize(("offer", "withheld"), DECLARED)
def test_the_check_says_what_choosing_would_do(offer, withheld):
    """What a declared rule will withhold is found beforehand, by the number of its rule; and nothing else."""
    made = Offer("x", purpose="news", **offer)
    blocks = [each for each in review(CLEAN, [made], at=NOON) if each.blocks]
    real = codes(try_one(someone(shop=CLEAN), offer=made, shop=CLEAN))

    assert withheld == real
    assert bool(withheld) == bool(blocks) or withheld == ["offer.channel"]
    assert all(each.rule.startswith("E") or each.rule == "urgent" for each in blocks)


def test_a_deadline_is_checked_for_the_day_that_is_asked_for():
    """What is in time today is over next month."""
    offer = Offer("x", purpose="news", deadline=Deadline(until=NOON + DAY, valid_until=NOON + DAY))

    assert () == review(CLEAN, [offer], at=NOON)
    assert ["E06"] == [each.rule for each in review(CLEAN, [offer], at=NOON + DAY)]


def test_rules_of_the_host_are_asked_too():
    """Those that look at the offer alone; one that looks at customers cannot be asked before there is one."""
    declared = rule("no_loans", says="no loans", kind=Kind.DECLARED)(lambda offer, facts: "")
    state = rule("no_strangers", says="no strangers")(lambda offer, facts: "")

    assert [("no_loans", "offers.x")] == found(CLEAN, Offer("x", purpose="news"), rules=[declared, state])


def test_pressure_and_a_mixed_audience():
    """Where minors may be among the customers, pressure is something to look at."""
    shop = policy(events=EVENTS, controller__audience="general")
    offer = Offer("x", purpose="news", pressure="streak", pressure_true=True)

    assert ("E29", "offers.x") in found(shop, offer)


# --- the document ------------------------------------------------------------------------------------

WHOLE = """
[offers.spring]
purpose = "news"
uses = ["tastes"]
segment = ["visits"]
segment_size = 400
channels = ["email"]
topics = ["tea"]
value = 2
deadline = { until = 2026-05-10T00:00:00Z, valid_until = 2026-05-10T00:00:00Z }
scarcity = { claimed = 3, stock = 3, counted = 2026-05-04T10:00:00Z }
price = { asked = 9, public = 10 }

[offers.spring.states]
gains = { tastes = 0.5 }
change = { what = "profile", undo = 1 }
experiment = { name = "e", harm_screened = true, stop_rule = true }

[prompts.banner]
refuse = "No, thank you"
"""


def test_a_document_says_what_python_says():
    """An offer read from TOML equals the same one built in Python."""
    read = read_offers(WHOLE)
    [offer] = read.offers

    assert Scarcity(claimed=3, stock=3, counted=NOON) == offer.scarcity
    assert ("spring", 400, 2.0) == (offer.name, offer.segment_size, offer.value)
    assert (("tastes", 0.5),) == offer.states.gains
    assert {"banner": Prompt(refuse="No, thank you")} == read.prompts
    assert () == review(CLEAN, read.offers, at=NOON, prompts=read.prompts)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("offers =", "no TOML"),
        ("[offer.x]\npurpose='news'", "no key `offer`"),
        ("offers = 3", "holds tables"),
        ("[offers]\nx = 3", "holds tables"),
        ("[offers.x]\npurpose='news'\nuse=['a']", "no key `use`"),
        ("[offers.x]\nuses=['a']", "something is missing"),
        ("[offers.x]\npurpose='news'\nprice=3", "a table is wanted"),
        ("[offers.x]\npurpose='news'\nprice={public=3}", "something is missing"),
        ("[offers.x]\npurpose='news'\npressure='shout'", "no pressure"),
        ("[offers.x]\npurpose='news'\nstates={change={what='mind'}}", "no change"),
        ("[prompts.b]\nsize=3", "no key `size`"),
        (
            "[offers.x]\npurpose='news'\ndeadline={until=2026-05-10T00:00:00,valid_until=2026-05-10}",
            "without a zone",
        ),
    ],
)
def test_a_document_that_cannot_be_read_says_where(text, what):
    """The error names the file, the offer and what is wrong; nothing is guessed."""
    with pytest.raises(UsageError, match=what) as caught:
        read_offers(text, name="spring.toml")

    assert "spring.toml" in str(caught.value)


def test_the_example_policies_are_fit_to_be_shown():
    """Nothing in the policies of the pages and of the tour will be withheld whomever it is for."""
    from clm_ethics.tour.run import policy as tour

    example = Policy.load("docs/examples/policy.toml")

    assert not [each for shop in (tour(), example) for each in review(shop, at=NOON) if each.blocks]
