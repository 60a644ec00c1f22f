"""The full decision beside general policy engines, and what its cost does not depend on."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from clm_ethics.policy import Policy, decide
from clm_ethics.regimes import load_packs

from . import decision, handwritten
from .engines import Rego, facts, installed
from .measure import Row, Size, Spread, compare, take_turns
from .world import NOW, REGIONS, make_world

if TYPE_CHECKING:
    from clm_ethics.model import State
    from clm_ethics.policy import Request

    from .engines import Engine
    from .measure import Work

FEW, MANY = 3, 300
"""Purposes, fields and packs beyond those that a question needs."""
COMPILED = 500


def run(size: Size) -> list[Row]:
    """Compare ``decide`` with the check by hand and every engine, then with itself in larger policies."""
    return [*decision.run(size), *_engines(size), *_growing(size), _compiling(size)]


# --- engines --------------------------------------------------------------------------------------


def _engines(size: Size) -> list[Row]:
    world = make_world()
    table = handwritten.make_table(world.policy, REGIONS, NOW)
    engines = {name: kind(table) for name, kind in installed().items()}
    told = [
        facts(table, handwritten.make_person(state, NOW), request.purpose, request.fields or (), NOW)
        for state, request in world.questions
    ]
    for name, engine in engines.items():
        check(name, engine, world.policy, world.questions, told)
    asked = world.questions[: size.loops]

    def ours(_: int) -> None:
        for state, request in asked:
            decide(world.policy, state, request, NOW)

    subjects: dict[str, Work] = {"ours": ours}
    subjects |= {name: _turn(engine, told[: size.loops]) for name, engine in engines.items()}
    taken = take_turns(subjects, size.rounds)
    return [
        compare(
            f"full decision / {name}, {'the whole answer' if engine.whole else 'the verdict alone'}",
            taken["ours"],
            taken[name],
            must=1 / 5,
            stretch=1 / 10,
            note=f"{len(asked)} questions, {len(told)} verdicts compared and equal; {len(table)} rules",
        )
        for name, engine in engines.items()
    ]


def _turn(engine: Engine, told: list[dict[str, Any]]) -> Work:
    def turn(_: int) -> None:
        for each in told:  # an engine reads its own form only, so putting a question into it is its price
            engine.ask(engine.put(each))

    return turn


def check(
    name: str,
    engine: Engine,
    policy: Policy,
    questions: list[tuple[State, Request]],
    told: list[dict[str, Any]],
) -> None:
    """Raise ``AssertionError`` if *engine* answers any question otherwise than the library."""
    for (state, request), each in zip(questions, told, strict=True):
        said = decide(policy, state, request, NOW)
        if engine.ask(engine.put(each)) is not bool(said):
            raise AssertionError(f"{name} gives another verdict on {each}")
        if isinstance(engine, Rego):
            withheld = {field: why.code for field, why in said.withheld.items()} if said else {}
            expected = {"reason": said.codes[0], "seen": sorted(said.fields), "withheld": withheld}
            found = engine.answer(engine.put(each))
            if expected != {**found, "seen": sorted(found["seen"])}:
                raise AssertionError(f"{name} answers {found}, the library {expected}")


# --- what the cost does not depend on -------------------------------------------------------------


def grown(policy: Policy, *, purposes: int = 0, fields: int = 0, packs: int = 0) -> Policy:
    """Return *policy* with so many more purposes, fields or packs, none of which a question is about.

    The packs are laws that hold where the customers are, and say nothing on the processing asked for.
    """
    document = policy.document
    model = document["purposes"]["p02"]
    document["purposes"] |= {f"more{number}": {**model, "title": {"en": "m"}} for number in range(purposes)}
    document["fields"] |= {
        f"more{number}": {"type": "text", "category": "user.behavior"} for number in range(fields)
    }
    known = load_packs()
    silent = replace(known["eu-gdpr"], cells=(), rules=(), signal=None, consent_age=None)
    more = {f"more{number}": replace(silent, id=f"more{number}") for number in range(packs)}
    return Policy(Policy.of(document).declared, {**known, **more})


def _growing(size: Size) -> list[Row]:
    world = make_world()
    asked = world.questions[: size.loops]
    rows = []
    for kind in ("purposes", "fields", "packs"):
        few, many = (grown(world.policy, **{kind: number}) for number in (FEW, MANY))
        taken = take_turns(
            {"few": _deciding(few, asked), "many": _deciding(many, asked)},
            size.rounds,
        )
        name = f"full decision, {MANY} more {kind} / {FEW} more"
        note = f"{len(asked)} questions; the law of each was looked up before, as it is in a running host"
        rows.append(compare(name, taken["many"], taken["few"], must=1.1, stretch=1.05, note=note))
    return rows


def _deciding(policy: Policy, asked: list[tuple[State, Request]]) -> Work:
    def turn(_: int) -> None:
        for state, request in asked:
            decide(policy, state, request, NOW)

    return turn


def _compiling(size: Size) -> Row:
    world = make_world()
    document = grown(world.policy, purposes=COMPILED - len(world.policy.purposes)).document
    taken = []
    for _ in range(min(size.rounds, 5)):
        start = time.process_time()
        policy = Policy.of(document)
        _ = policy.clauses, policy.sights, policy.identifying
        taken.append(time.process_time() - start)
    return Row(
        name=f"seconds of processor time to compile {len(document['purposes'])} purposes",
        value=Spread.of(taken),
        must=1.0,
        note="from the document, with clauses and what each purpose sees; the law is looked up when asked",
    )
