"""The kit for rules of the host: it passes good ones, and names what is broken in the others."""

from __future__ import annotations

from itertools import count

import pytest

from clm_ethics.ethics import AIM_RULES, RULES, rule
from clm_ethics.model.state import Status
from clm_ethics.testing import check_rule
from tests.ethics.test_rules import SHOP

NUMBERS = count()


@rule("no_mondays", says="nothing goes out on Mondays")
def no_mondays(offer, facts):
    """Look at the time that was handed in."""
    return "" if facts.at.weekday() == 0 else None


@rule("no_loans", says="no loans", source="house style 4")
def no_loans(offer, facts):
    """Look at the offer alone."""
    return offer.name if offer.name == "loan" else None


@rule("only_friends", says="only who agreed to something")
def only_friends(offer, facts):
    """A rule that looks at the customer, towards the protective side."""
    agreed = any(each.status is Status.GRANTED for each in facts.state.consents.values())
    return None if agreed and not facts.state.objections else "nobody asked them"


@rule("raises", says="it raises for some")
def raises(offer, facts):
    """The zone is not always known."""
    return facts.state.about["zone"] and None


@rule("odd", says="it answers with a truth value")
def odd(offer, facts):
    """Not a text."""
    return offer.value > 0


@rule("moody", says="it counts")
def moody(offer, facts):
    """Hidden state."""
    return "" if next(NUMBERS) % 3 == 0 else None


@rule("sulky", says="it offers more to who left")
def sulky(offer, facts):
    """A no makes it allow more: the way to win back by pressing."""
    gone = any(each.status is Status.WITHDRAWN for each in facts.state.consents.values())
    return None if gone else "they are still here"


@rule("leaky", says="not there")
def leaky(offer, facts):
    """It tells where somebody lives."""
    return f"they are in {facts.state.about.get('zone', 'no zone')}"


@pytest.mark.parametrize("good", [no_mondays, no_loans, only_friends])
def test_a_good_rule_passes(good):
    """Total, deterministic, monotone and discreet rules of several kinds pass."""
    check_rule(good, policy=SHOP, examples=40)


@pytest.mark.parametrize(
    ("broken", "named"),
    [
        (raises, "raises is not total: KeyError"),
        (odd, "odd is not total: it answers"),
        (moody, "moody is not deterministic"),
        (sulky, "sulky is not monotone"),
        (leaky, "leaky is not discreet"),
    ],
)
def test_a_broken_rule_is_named_with_what_is_broken(broken, named):
    """The message says which property does not hold, and for which case."""
    with pytest.raises(AssertionError, match=named):
        check_rule(broken, policy=SHOP, examples=40)


@pytest.mark.parametrize("built_in", [*AIM_RULES, *RULES], ids=lambda each: each.name)
def test_the_built_in_rules_hold_what_is_asked_of_others(built_in):
    """Each of the library's own rules is total, deterministic, monotone and discreet."""
    check_rule(built_in, policy=SHOP, examples=8)
