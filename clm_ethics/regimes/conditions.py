"""When a law speaks: the facts of a decision, and named predicates over them.

A statute says in prose to whom and when it applies. Here each such condition is a small pure
function of :class:`Facts` with a name that packs use. It answers ``True``, ``False`` or ``None``
(nobody knows). **Only a known no keeps a law away**: a scope or a rule speaks unless its
condition is ``False``, so a fact that nobody states never frees anybody.

To add a condition: add a member to :class:`~clm_ethics.regimes.Condition` (of a rule) or
:class:`~clm_ethics.regimes.Test` (of a pack's scope), write its function here, enter it in the
table below, and test it on both sides of its threshold.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from .words import Condition, Test

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .facts import Scope

Truth = bool | None
"""Yes, no, or unknown."""

SMALL_STAFF = 50
"""A small enterprise has fewer persons than that (Recommendation 2003/361/EC Annex Art. 2(2))."""
SMALL_TURNOVER = 10_000_000
"""... and at most that turnover, in EUR (the same)."""


class Organisation(msgspec.Struct, frozen=True, kw_only=True):
    """What a controller states about itself; ``None`` is not stated, and then counts as within the law.

    Attributes:
        revenue_usd: gross revenue of the last calendar year, in US dollars.
        turnover_eur: turnover of the last year, in euros.
        employees: persons employed.
        residents: (region, how many of its residents' data it handles in a year).
        sale_share: the percentage of the revenue that comes from selling personal data, rounded up.
        sells: it sells personal data, or is rewarded for it.
        small_business: it is one by the standards of the US Small Business Administration.
        nonprofit: it is a non-profit organisation.
        charity: it is a charity.
        public_body: it is a public authority or body.
        food_retailer: it sells food on 15,000 square feet or more, or delivers it (Md. HB 895).
        platform: it is an online platform: it shows the public what its users give it (Art. 3(i) DSA).
    """

    revenue_usd: int | None = None
    turnover_eur: int | None = None
    employees: int | None = None
    residents: tuple[tuple[str, int], ...] = ()
    sale_share: int | None = None
    sells: bool | None = None
    small_business: bool | None = None
    nonprofit: bool | None = None
    charity: bool | None = None
    public_body: bool | None = None
    food_retailer: bool | None = None
    platform: bool | None = None


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What a decision knows when it asks a regime.

    Attributes:
        age: in years; ``None`` is unknown, and every rule for some age applies.
        age_known: somebody knows the age, or the service is meant for children; otherwise it is assumed.
        device: the purpose stores on, or reads from, a device.
        special: the purpose uses special categories of data (Art. 9(1) GDPR).
        special_somewhere: some purpose of the controller does.
        precise_location: the purpose uses precise locations.
        manipulative: it manipulates people, or exploits a weakness, so that harm is likely: a host says so
            of what it offers, no policy does.
        kind: of the data subject: ``consumer``, ``business`` (a contact of one), or empty: unknown.
        controller: what the controller states about itself.
    """

    age: int | None = None
    age_known: bool = True
    device: bool = False
    special: bool = False
    special_somewhere: bool = False
    precise_location: bool = False
    manipulative: bool = False
    kind: str = ""
    controller: Organisation = Organisation()


# --- three-valued logic ---------------------------------------------------------------------------


def every(*parts: Truth) -> Truth:
    """Say yes if all do, no if one does, otherwise unknown."""
    if False in parts:
        return False
    return None if None in parts else True


def some(*parts: Truth) -> Truth:
    """Say yes if one does, no if all do, otherwise unknown."""
    if True in parts:
        return True
    return None if None in parts else False


def no(part: Truth) -> Truth:
    """Turn yes and no round."""
    return None if part is None else not part


def reaches(value: int | None, limit: int | None) -> Truth:
    """Say whether *value* is at least *limit*; a law without that limit cannot be reached by it."""
    if limit is None:
        return False
    return None if value is None else value >= limit


# --- conditions of a rule ---------------------------------------------------------------------------


def consumer(facts: Facts) -> Truth:
    """Say whether the data subject is met as a consumer, not as the contact of a business."""
    return {"consumer": True, "business": False}.get(facts.kind)


def knows_age(facts: Facts) -> Truth:
    """Say whether somebody knows the age, so that a law on known minors can speak."""
    return None if facts.age is None else facts.age_known


CONDITIONS: Mapping[Condition, Callable[[Facts], Truth]] = {
    Condition.DEVICE: lambda facts: facts.device,
    Condition.SPECIAL_CATEGORY: lambda facts: facts.special,
    Condition.PRECISE_LOCATION: lambda facts: facts.precise_location,
    Condition.CONSUMER: consumer,
    Condition.NO_CHARITY: lambda facts: no(facts.controller.charity),
    Condition.FOOD_RETAILER: lambda facts: facts.controller.food_retailer,
    Condition.HARMFUL_MANIPULATION: lambda facts: facts.manipulative,
    Condition.AGE_KNOWN: knows_age,
}
"""Per condition of a rule its function."""


# --- the scope of a pack -----------------------------------------------------------------------------


def handled(organisation: Organisation, territory: str) -> int | None:
    """Return how many residents of *territory* the controller says it handles, if it says so."""
    return dict(organisation.residents).get(territory)


def within_limits(scope: Scope, facts: Facts, territory: str) -> Truth:
    """Say whether a controller reaches the limits of a state's act.

    Residents alone suffice from ``residents`` on; fewer (``residents_selling``) for whoever sells data
    for at least ``sale_share`` percent of the revenue (no share: for any reward); where ``sensitive``,
    any sensitive data. A floor of revenue
    (``revenue_floor_usd``) must be reached besides.
    """
    who = facts.controller
    residents = handled(who, territory)
    selling = who.sells if scope.sale_share is None else reaches(who.sale_share, scope.sale_share)
    floor = True if scope.revenue_floor_usd is None else reaches(who.revenue_usd, scope.revenue_floor_usd)
    unlimited = (scope.residents, scope.residents_selling) == (None, None)
    count = unlimited or some(
        reaches(residents, scope.residents),
        every(reaches(residents, scope.residents_selling), selling),
        scope.sensitive and (facts.special or facts.special_somewhere),
    )
    return every(floor, count)


def state_act(scope: Scope, facts: Facts, territory: str) -> Truth:
    """Say whether a US state's consumer privacy act binds: consumers, no public body, the limits reached."""
    who = facts.controller
    return every(
        no(who.public_body),
        True if scope.nonprofits else no(who.nonprofit),
        consumer(facts),
        True if not scope.small_business_exempt else no(who.small_business),
        within_limits(scope, facts, territory),
    )


def ccpa_business(scope: Scope, facts: Facts, territory: str) -> Truth:
    """Say whether the controller is a business: for profit, and one of three limits (1798.140(d) CCPA).

    Revenue must exceed its limit; residents and the share of revenue from selling must reach theirs.
    Contacts of other businesses are consumers here.
    """
    who = facts.controller
    above = None if scope.revenue_usd is None else scope.revenue_usd + 1
    return every(
        no(who.public_body),
        no(who.nonprofit),
        some(
            reaches(who.revenue_usd, above),
            reaches(handled(who, territory), scope.residents),
            reaches(who.sale_share, scope.sale_share),
        ),
    )


def online_platform(scope: Scope, facts: Facts, territory: str) -> Truth:  # noqa: ARG001  (one signature for all)
    """Say whether it is an online platform above micro and small enterprises (Art. 3(i), 19 DSA)."""
    who = facts.controller
    big = some(reaches(who.employees, SMALL_STAFF), reaches(who.turnover_eur, SMALL_TURNOVER + 1))
    return every(who.platform, big)


def trader(scope: Scope, facts: Facts, territory: str) -> Truth:  # noqa: ARG001  (one signature for all)
    """Say whether a consumer law binds: the data subject is a consumer."""
    return consumer(facts)


TESTS: Mapping[Test, Callable[[Scope, Facts, str], Truth]] = {
    Test.STATE_ACT: state_act,
    Test.CCPA_BUSINESS: ccpa_business,
    Test.ONLINE_PLATFORM: online_platform,
    Test.TRADER: trader,
}
"""Per test of a scope its function of the scope's limits, the facts and the place."""
