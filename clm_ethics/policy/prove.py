"""Prove properties of a policy, or refute them with a counter-example in plain words.

The situations that a decision can tell apart are finitely many (``situations.py``), so every one is
looked at. A proof is about reading under this policy and these packs, in the places that the
controller names, from a day on, with the changes of law of the next ten years.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from .situations import EXPLICIT, NOES, Facts, Situation, Space
from .values import Basis

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable
    from datetime import datetime

    from .policy import Policy

_FIRM = frozenset({Basis.CONTRACT, Basis.LEGAL_OBLIGATION, Basis.VITAL_INTEREST})
_GROWN = 18


@attrs.frozen
class Property:
    """Something that shall hold in every situation.

    Attributes:
        name: short, in snake case.
        says: one plain sentence.
        check: whether it holds in a situation, or words that say what is wrong; pure. What it raises is
            passed on.
        source: the article or section behind it; empty: a rule of the house.
    """

    name: str
    says: str
    check: Callable[[Situation], bool | str]
    source: str = ""


@attrs.frozen
class Counterexample:
    """The simplest situation found in which a property does not hold.

    Attributes:
        situation: what it is.
        text: the same in plain words; nobody's data, for nobody is meant.
    """

    situation: Situation = attrs.field(repr=False)
    text: str


@attrs.frozen
class Result:
    """What became of one property. Its truth is that it holds.

    Attributes:
        property: which.
        situations: how many were looked at.
        counterexamples: one for each purpose that refutes it.
    """

    property: Property
    situations: int
    counterexamples: tuple[Counterexample, ...]

    def __bool__(self) -> bool:
        """Tell whether it holds in every situation."""
        return not self.counterexamples


@attrs.frozen
class Proof:
    """What became of every property. Its truth is that all hold.

    Attributes:
        policy: the policy's hash.
        at: from when on (UTC).
        results: one for each property, in order.
    """

    policy: str
    at: datetime
    results: tuple[Result, ...]

    def __bool__(self) -> bool:
        """Tell whether every property holds."""
        return all(self.results)

    def explain(self) -> str:
        """Say in plain words what was proved, and what was refuted by which situation."""
        lines = []
        for result in self.results:
            source = f" [{result.property.source}]" if result.property.source else ""
            verdict = "holds" if result else "REFUTED"
            lines.append(f"{verdict:<8} {result.property.name}: {result.property.says}{source}")
            lines += [f"         {each.text}" for each in result.counterexamples]
        count = self.results[0].situations if self.results else 0
        lines.append(f"{count:,} situations, policy {self.policy[:12]}, from {self.at:%Y-%m-%d}")
        return "\n".join(lines)

    def document(self) -> dict[str, Any]:
        """Return the same as a JSON document."""
        return {
            "policy": self.policy,
            "at": self.at.isoformat(),
            "holds": bool(self),
            "results": [
                {
                    "property": each.property.name,
                    "says": each.property.says,
                    "source": each.property.source,
                    "holds": bool(each),
                    "situations": each.situations,
                    "counterexamples": [
                        {"purpose": found.situation.purpose.name, "text": found.text}
                        for found in each.counterexamples
                    ],
                }
                for each in self.results
            ],
        }


def prove(
    policy: Policy,
    *,
    at: datetime,
    properties: Iterable[Property] | None = None,
    purposes: Collection[str] | None = None,
    regions: Iterable[str] = (),
    ages: Iterable[int] = (),
    progress: Callable[[str], object] | None = None,
) -> Proof:
    """Look at every situation of every purpose, and say which *properties* hold.

    Args:
        policy: the policy.
        at: from when on (aware, UTC).
        properties: by default :data:`PROPERTIES`.
        purposes: names; by default all.
        regions: places where customers may live beside those that the controller names.
        ages: ages (in years) that a property of yours tells apart though no law does.
        progress: called with the name of each purpose as it begins.

    Raises:
        UnknownName: a purpose that the policy does not declare.
    """
    wanted = PROPERTIES if properties is None else tuple(properties)
    regions, ages = tuple(regions), tuple(ages)
    found: list[list[Counterexample]] = [[] for _ in wanted]
    looked = 0
    for name in policy.purposes if purposes is None else purposes:
        if progress is not None:
            progress(name)
        space = Space(policy, name, at=at, regions=regions, ages=ages)
        worst: list[Counterexample | None] = [None] * len(wanted)
        for situation in space:
            looked += 1
            for place, each in enumerate(wanted):
                said = each.check(situation)
                if said is not True:
                    worst[place] = _simpler(worst[place], situation, said or "")
        for place, refuting in enumerate(worst):
            if refuting is not None:
                found[place].append(refuting)
    return Proof(
        policy.hash,
        at,
        tuple(Result(each, looked, tuple(examples)) for each, examples in zip(wanted, found, strict=True)),
    )


def _simpler(found: Counterexample | None, situation: Situation, said: str) -> Counterexample:
    if found is not None and _unusual(found.situation.facts) <= _unusual(situation.facts):
        return found
    text = told(situation)
    return Counterexample(situation, f"{text}, {said}" if said else text)


def _unusual(facts: Facts) -> int:
    usual = Facts._field_defaults
    unlike = sum(1 for name in usual if getattr(facts, name) != usual[name])
    return unlike + (facts.age is not None)


# -- in plain words ------------------------------------------------------------------------------------

_PERSON = {
    "known": "a customer",
    "unknown": "somebody whom nobody has enrolled",
    "restored": "a customer restored from before a withdrawal",
    "erased": "an erased customer",
    "erased.kept": "an erased customer of whom a law keeps some values",
}
_ANSWER = {
    "none": "who has not been asked",
    "yes": "who said yes",
    "yes.explicit": "who said an explicit yes",
    "yes.guardian": "for whom a guardian said yes",
    "yes.guardian_explicit": "for whom a guardian said an explicit yes",
    "yes.unproven": "whose yes nobody can prove",
    "yes.other_clause": "who said yes to other terms",
    "yes.expired": "whose yes has expired",
    "yes.other_channel": "who said yes for another channel",
    "yes.young": "who said yes as a child",
    "refused": "who refused",
    "withdrawn": "who took the yes back",
}
_VALUES = {
    "own": "",
    "other": "whose data were collected for another purpose",
    "later": "whose data were collected for another purpose afterwards",
    "compatible": "whose data were collected for a compatible purpose",
    "expired": "whose data are older than their retention",
    "absent": "of whom nothing was collected",
}


def told(situation: Situation) -> str:
    """Say in plain words what the situation is, and what is decided in it."""
    facts, decision = situation.facts, situation.decision
    said = [_PERSON[facts.person]]
    if facts.kind:
        said.append("who is the contact of a business")
    said.append(f"in {facts.place}" if facts.place else "of unknown region")
    said.append("of unknown age" if facts.age is None else f"aged {facts.age}")
    if facts.person == "known":
        said += [part for part in _circumstances(facts) if part]
    asked = f" by {facts.channel}" if facts.channel else ""
    answer = f"allowed ({decision.basis})" if decision else f"denied ({decision.codes[0]})"
    seen = f" with {', '.join(decision.fields)}" if decision and decision.fields else ""
    return f"{' '.join(said)}, on {facts.at:%Y-%m-%d}: {situation.purpose.name}{asked} is {answer}{seen}"


def _circumstances(facts: Facts) -> list[str]:
    whose, _, when = facts.objection.partition(".")
    what = {"own": "objected", "other": "objected to other direct marketing"}.get(whose, "")
    return [
        _ANSWER[facts.answer],
        f"and {what} {'before' if when == 'before' else 'afterwards'}" if what else "",
        "" if facts.restriction == "none" else f"under a restriction from {facts.restriction} the answer",
        {"open": "with an open contract", "ended": "whose contract has ended"}.get(facts.contract, ""),
        "whose address comes from a sale" if facts.told else "",
        "with a relation of business that counts" if facts.related else "",
        f"sending the signal {facts.signal}" if facts.signal else "",
        "to be left in peace" if facts.muted else "",
        "who prefers other channels" if facts.unwanted else "",
        f"in stage {facts.stage}" if facts.stage else "",
        _VALUES[facts.values],
    ]


# -- the properties that every policy should have --------------------------------------------------------


def _objection_ends_marketing(each: Situation) -> bool:
    objected = each.facts.objection in ("own.after", "other.after")
    return not (each.purpose.marketing and objected and each.decision)


def _special_needs_explicit_yes(each: Situation) -> bool:
    shown = [name for name in each.decision.fields if each.policy.special(name)]
    if not shown or Basis.LEGAL_OBLIGATION in each.purpose.all_bases:
        return True
    return each.facts.answer in EXPLICIT and set(shown) <= set(each.purpose.explicit)


def _nothing_after_erasure(each: Situation) -> bool:
    erased = each.facts.person.startswith("erased")
    return not (erased and each.decision) or each.decision.basis == Basis.LEGAL_OBLIGATION


def _no_child_profiled_for_ads(each: Situation) -> bool:
    child = each.facts.age is not None and each.facts.age < _GROWN
    return not (child and "targeted_ads" in each.purpose.processing and each.decision)


def _no_never_widens(each: Situation) -> bool | str:
    if each.facts.person != "known":
        return True
    seen = each.decision.fields.keys() if each.decision else frozenset()
    for no in NOES:
        after = each.after(no).decision
        if after and not (each.decision and after.fields.keys() <= seen):
            return f"and after a further no ({no}) it is allowed with {', '.join(after.fields) or 'no field'}"
    return True


def _no_ends_the_purpose(each: Situation) -> bool:
    said_no = each.facts.answer in ("refused", "withdrawn")
    return not (said_no and each.decision) or each.decision.basis in _FIRM


def _restriction_holds(each: Situation) -> bool:
    restricted = each.facts.restriction == "after"
    return not (restricted and each.decision) or each.purpose.processing == ("storage",)


def _strangers_are_denied(each: Situation) -> bool:
    return each.facts.person not in ("unknown", "restored") or not each.decision


def _always_explained(each: Situation) -> bool:
    return bool(each.decision.basis) if each.decision else bool(each.decision.reasons)


PROPERTIES: tuple[Property, ...] = (
    Property(
        "objection_ends_marketing",
        "no direct marketing after an objection to it, or to other direct marketing",
        _objection_ends_marketing,
        "GDPR Art. 21(2)-(3)",
    ),
    Property(
        "special_needs_explicit_yes",
        "no special category is seen without an explicit yes to it, unless a law obliges",
        _special_needs_explicit_yes,
        "GDPR Art. 9(1), 9(2)(a)",
    ),
    Property(
        "nothing_after_erasure",
        "after an erasure nothing is allowed but what a law obliges to keep",
        _nothing_after_erasure,
        "GDPR Art. 17(1), 17(3)(b)",
    ),
    Property(
        "no_child_profiled_for_ads",
        "nobody known to be under 18 is profiled for advertising",
        _no_child_profiled_for_ads,
        "DSA Art. 28(2); GDPR Recital 38",
    ),
    Property(
        "no_never_widens",
        "a withdrawal, refusal, objection, restriction or signal never permits more",
        _no_never_widens,
    ),
    Property(
        "no_ends_the_purpose",
        "after a no nothing but a contract, a law or somebody's life carries the purpose",
        _no_ends_the_purpose,
        "GDPR Art. 7(3)",
    ),
    Property(
        "restriction_holds",
        "restricted data are only stored, until a later consent",
        _restriction_holds,
        "GDPR Art. 18(2)",
    ),
    Property(
        "strangers_are_denied", "who is unknown, or restored from a backup, is denied", _strangers_are_denied
    ),
    Property("always_explained", "every yes names its basis, and every no its reason", _always_explained),
)
"""What :func:`prove` looks for unless told otherwise."""

__all__ = ["PROPERTIES", "Counterexample", "Proof", "Property", "Result", "prove", "told"]
