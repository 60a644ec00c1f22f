"""Findings that need the law: what a purpose declares, and no law of its markets lets it do.

An adult is looked at: what nobody of age may be asked, nobody may be asked. Where the audience is
children, it is a child, for whom a guardian says yes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from .finding import Finding
from .policy import ASSUMED_AGE
from .values import Basis

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from .policy import Group, Plan, Policy
    from .values import Purpose

ADULT = 30
"""The age of the customer for whom the law is asked, unless the audience is children."""


class _Look(NamedTuple):
    """What the law makes of a purpose on a channel (place of it in the purpose's list) in a region."""

    region: str
    channel: int | None
    plan: Plan

    @property
    def blocked(self) -> tuple[Group, ...]:
        """The groups of regimes that accept none of the bases."""
        return tuple(group for group in self.plan.groups if not any(_accepted(group)))


def lint_law(policy: Policy, at: datetime) -> tuple[Finding, ...]:
    """Return the findings about *policy* under the law of *at* (aware, UTC), in the document's order."""
    found = list(_about_markets(policy, at))
    for purpose in policy.purposes.values():
        found += _about_purpose(policy, purpose, at)
    return tuple(found)


def _about_markets(policy: Policy, at: datetime) -> Iterator[Finding]:
    """A market whose own law nobody has written down is judged by the establishment's alone."""
    for place, region in enumerate(policy.controller.markets):
        if not any(pack.in_force(at.date(), territory=region) for pack in policy.packs.values()):
            text = f"no pack has the law of `{region}`, so only that of the establishment counts there"
            yield Finding(f"controller.markets[{place}]", text, "add a pack for it, or ask a lawyer there")


def _about_purpose(policy: Policy, purpose: Purpose, at: datetime) -> Iterator[Finding]:
    if purpose.marketing and not purpose.channels:
        return  # the channel picks the law; ``lint`` says that one is missing
    looks = _looks(policy, purpose, at)
    yield from _about_gaps(purpose, looks)
    yield from _about_refusals(purpose, looks)
    yield from _about_dead_bases(purpose, looks)
    yield from _about_other_laws(purpose, looks)


def _looks(policy: Policy, purpose: Purpose, at: datetime) -> list[_Look]:
    age = ASSUMED_AGE["children"] if policy.controller.audience == "children" else ADULT
    channels: Iterable[int | None] = range(len(purpose.channels)) if purpose.marketing else (None,)
    return [
        _Look(region, each, policy.plan(purpose, _channel(purpose, each), region, at, age))
        for each in channels
        for region in policy.controller.markets or policy.controller.established
    ]


def _channel(purpose: Purpose, place: int | None) -> str:
    return "" if place is None else purpose.channels[place]


def _place(purpose: Purpose, channel: int | None, key: str) -> str:
    return f"purposes.{purpose.name}.{key if channel is None else f'channels[{channel}]'}"


def _about_gaps(purpose: Purpose, looks: list[_Look]) -> Iterator[Finding]:
    for channel in dict.fromkeys(look.channel for look in looks):
        regions = [look.region for look in looks if look.channel == channel and not look.plan.groups]
        if regions:
            where = ", ".join(dict.fromkeys(regions))
            text = f"no law is known that speaks of it in {where}, so it is denied there"
            remedy = "take the market out, or add a pack of law for it"
            yield Finding(_place(purpose, channel, "processing"), text, remedy)


def _about_refusals(purpose: Purpose, looks: list[_Look]) -> Iterator[Finding]:
    """Report once per channel and reason, with the regions where it is the reason and what they cite."""
    found: dict[tuple[int | None, str, str], dict[str, str]] = {}
    for look in looks:
        for group in look.blocked[:1]:
            why = group.verdicts[group.bases[0]]
            if why is not None:
                found.setdefault((look.channel, why.text, _remedy(look, why.pack)), {})[look.region] = (
                    why.cite
                )
    for (channel, why_not, remedy), cites in found.items():
        same = {look.region for look in looks if look.channel == channel}
        where = "anywhere in the markets" if cites.keys() == same else f"in {', '.join(cites)}"
        reason = f"{why_not} [{'; '.join(dict.fromkeys(cites.values()))}]"
        text = f"it is never allowed {where}: {reason}"
        yield Finding(_place(purpose, channel, "basis"), text, remedy)


def _remedy(look: _Look, pack: str) -> str:
    """Say which bases every law that refuses would accept there; *pack* is the one that said why not."""
    accepted = [basis.value for basis in _CLAIMABLE if all(_accepts(group, basis) for group in look.blocked)]
    if not accepted:
        return "take it out there: no basis carries it"
    return f'claim {" or ".join(accepted)}, such as basis_under = {{ {pack} = ["{accepted[0]}"] }}'


_CLAIMABLE = (Basis.CONSENT, Basis.SOFT_OPT_IN, Basis.CONTRACT, Basis.LEGITIMATE_INTEREST, Basis.OPT_OUT)
"""What a remedy may propose; the first is what can always be asked for."""


def _about_dead_bases(purpose: Purpose, looks: list[_Look]) -> Iterator[Finding]:
    groups = [group for look in looks for group in look.plan.groups]
    lists = {"basis": purpose.basis, **{f"basis_under.{key}": bases for key, bases in _under(purpose)}}
    for key, bases in lists.items():
        judged = [group for group in groups if group.bases == bases]
        certain = next((place for place, basis in enumerate(bases) if basis in _CERTAIN), len(bases))
        for place, basis in enumerate(bases):
            here = f"purposes.{purpose.name}.{key}[{place}]"
            if place > certain:
                first = bases[certain].value
                text = f"it is never claimed, for `{first}` before it always holds"
                yield Finding(here, text, "take one of the two out")
            elif _is_dead(basis, judged):
                why = judged[0].verdicts[basis]
                reason = "" if why is None else why.text
                text = f"no law of the markets accepts it here: {reason}"
                yield Finding(here, text, "take it out, or claim it under the law that accepts it")


def _is_dead(basis: Basis, judged: list[Group]) -> bool:
    """Say whether every law refuses *basis*; where nothing is accepted, that is said already."""
    alive = any(any(_accepted(group)) for group in judged)
    return alive and not any(_accepts(group, basis) for group in judged)


_CERTAIN = (Basis.LEGAL_OBLIGATION, Basis.VITAL_INTEREST)
"""Bases that hold without any fact about the customer, and that no no ends."""


def _about_other_laws(purpose: Purpose, looks: list[_Look]) -> Iterator[Finding]:
    """A law of ``basis_under`` that judges no customer of these markets."""
    judged = {group.bases for look in looks for group in look.plan.groups}
    for key, bases in _under(purpose):
        if bases not in judged:
            text = f"no law of `{key}` speaks of it in the markets"
            remedy = "add the market, or take it out"
            yield Finding(f"purposes.{purpose.name}.basis_under.{key}", text, remedy)


def _under(purpose: Purpose) -> Iterable[tuple[str, tuple[Basis, ...]]]:
    return purpose.basis_under.items()


def _accepted(group: Group) -> Iterator[bool]:
    return (_accepts(group, basis) for basis in group.bases)


def _accepts(group: Group, basis: Basis) -> bool:
    by_guardian = basis is Basis.CONSENT and group.verdicts["guardian_consent"] is None
    return by_guardian or group.verdicts[basis] is None
