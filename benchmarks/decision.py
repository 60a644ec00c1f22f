"""The full decision: one purpose, four fields; allowed fields, reasons, what is withheld and why."""

from __future__ import annotations

from clm_ethics.policy import decide

from . import handwritten
from .measure import Row, Size, compare, take_turns
from .world import NOW, REGIONS, make_world


def run(size: Size) -> list[Row]:
    """Compare ``decide`` with the frozen check by hand, question by question the same."""
    policy, _, questions = make_world()
    table = handwritten.make_table(policy, REGIONS, NOW)
    people = {id(state): handwritten.make_person(state, NOW) for state, _ in questions}
    asked = [(state, people[id(state)], request) for state, request in questions]
    wrong = handwritten.differences(policy, table, asked, NOW)
    if wrong:
        raise AssertionError(f"{len(wrong)} answers differ, such as {wrong[0]}")
    asked = asked[: size.loops]

    def ours(_: int) -> None:
        for state, _person, request in asked:
            decide(policy, state, request, NOW)

    def by_hand(_: int) -> None:
        for _state, person, request in asked:
            handwritten.decide(table, person, request.purpose, request.fields or (), NOW)

    taken = take_turns({"ours": ours, "hand": by_hand}, size.rounds * 4)
    allowed = sum(bool(decide(policy, state, request, NOW)) for state, _, request in asked)
    purposes = len(policy.purposes)
    note = f"{len(asked)} questions of 4 fields, {allowed} allowed; {purposes} purposes, same answers"
    return [
        compare(
            "full decision / frozen check by hand",
            taken["ours"],
            taken["hand"],
            must=3.0,
            stretch=1.5,
            note=note,
        )
    ]
