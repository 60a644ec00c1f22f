"""What the parts of a policy say of each other: references, labels, legal conditions.

Every check notes its problems and goes on; the caller raises the first in document order.
"""

from __future__ import annotations

import re
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING

from ..errors import nearest, shorten
from ..model.state import BUILT_IN
from .values import Basis

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ..lifecycle.values import Decay, DecayStep
    from .reading import Source, Table
    from .values import Declared, EventRule, Field, Lifecycle, Move, Purpose

_COARSE = {
    "year": re.compile("year"),
    "month": re.compile("month"),
    "count": re.compile("count"),
    "prefix:N": re.compile(r"prefix:[1-9][0-9]?"),
    "bucket:N": re.compile(r"bucket:[1-9][0-9]{0,14}"),
}
_COARSE_FOR = {
    "date": ("year", "month"),
    "datetime": ("year", "month"),
    "list": ("count",),
    "text": ("prefix:N",),
    "integer": ("bucket:N",),
    "number": ("bucket:N",),
}
_NEVER_NEEDED = ("direct_marketing", "targeted_ads")
_NEEDS = {
    # EDPB Guidelines 2/2019: advertising is not necessary to perform a contract.
    Basis.CONTRACT: ("a contract", "EDPB 2/2019"),
    # Art. 21(2)-(3) GDPR: an objection ends it, which no law and no danger to life would allow.
    Basis.LEGAL_OBLIGATION: ("a legal obligation", "Art. 6(1)(c), 21(3) GDPR"),
    Basis.VITAL_INTEREST: ("a vital interest", "Art. 6(1)(d), 21(3) GDPR"),
}


def check(declared: Declared, top: Table) -> None:
    """Note every contradiction in *declared*."""
    source = top.source
    for field in declared.fields.values():
        _check_field(field, declared, source)
    circle = _circle({name: field.derived_from for name, field in declared.fields.items()})
    if circle:
        path = ("fields", circle[0], "derived_from")
        source.note(path, f"`{circle[0]}` is derived from itself", "break the circle")
    for event in declared.events.values():
        _check_event(event, declared, source)
    for purpose in declared.purposes.values():
        for each in (_check_titles, _check_bases, _check_fields, _check_coarse, _check_references):
            each(purpose, declared, source)
    _check_lifecycle(declared, source)
    for section in ("fields", "events", "purposes"):
        _check_was(section, declared, source)
    _check_moves_to(declared.lifecycle, source)
    for channel in declared.channels.values():
        _check_address(channel.name, channel.address, declared, source)


def _check_was(section: str, declared: Declared, source: Source) -> None:
    """A former name leads to one present name, and is none itself."""
    present = getattr(declared, section)
    taken: dict[str, str] = {}
    for name, each in present.items():
        for index, former in enumerate(each.was):
            here = (section, name, "was", index)
            if former in present:
                what = f"`{former}` is declared as well"
                source.note(here, what, "a name that is in use is no former one")
            elif former in taken:
                source.note(here, f"`{former}` is a former name of `{taken[former]}` too", "leave one out")
            elif section == "fields" and former in (*BUILT_IN, "stage"):
                source.note(here, f"`{former}` is built in", "leave it out: it is always there")
            taken[former] = name


def _check_moves_to(lifecycle: Lifecycle, source: Source) -> None:
    path = ("lifecycle", "moves_to")
    for stage, target in lifecycle.moves_to.items():
        known = lifecycle.stages | lifecycle.moves_to.keys()
        if stage in lifecycle.stages:
            remedy = "take the stage out of start and moves, or leave this out"
            source.note((*path, stage), f"the stage `{stage}` is still there", remedy)
        elif target not in known:
            source.note((*path, stage), f"no stage `{shorten(target)}`", nearest("stage", target, known))
    circle = _circle({stage: (target,) for stage, target in lifecycle.moves_to.items()})
    if circle:
        source.note((*path, circle[0]), f"`{circle[0]}` moves to itself", "name a stage that is there")


def _check_names(
    source: Source, path: tuple[str | int, ...], kind: str, names: Iterable[str], known: Iterable[str]
) -> None:
    known = frozenset(known)
    for index, name in enumerate(names):
        if name not in known:
            source.note((*path, index), f"no {kind} `{shorten(name)}`", nearest(kind, name, known))


def _check_field(field: Field, declared: Declared, source: Source) -> None:
    path = ("fields", field.name)
    _check_names(source, (*path, "derived_from"), "field", field.derived_from, declared.field_names)
    if field.special and field.lookup:
        # Equal look-up tokens of a condition or a creed over a population would be the value.
        source.note((*path, "lookup"), "a special category is no look-up", "leave it out (Art. 9(1) GDPR)")


def _check_event(event: EventRule, declared: Declared, source: Source) -> None:
    path = ("events", event.name)
    listed = {name for purpose in declared.purposes.values() for name in purpose.fields}
    lists = [name for name, field in declared.fields.items() if field.type == "list"]
    for name in event.appends:
        here = (*path, "appends", name)
        if name not in declared.fields:
            source.note(here, f"no field `{shorten(name)}`", nearest("field", name, lists))
        elif name not in lists:
            what = f"`{name}` is no list but {declared.fields[name].type}"
            source.note(here, what, 'write type = "list" and max, or put() its value')
        elif name not in listed:
            source.note(
                here, f"no purpose lists `{name}`", "collect nothing that no purpose needs, or list it"
            )
    contracts = [name for name, each in declared.purposes.items() if Basis.CONTRACT in each.all_bases]
    for key, names in (("opens", event.opens), ("closes", event.closes)):
        _check_names(source, (*path, key), "purpose", names, declared.purposes)
        for index, name in enumerate(names):
            if name in declared.purposes and name not in contracts:
                what = f"`{name}` is no contract"
                source.note((*path, key, index), what, f"only a purpose with basis contract {key[:-1]}s")


def _check_titles(purpose: Purpose, declared: Declared, source: Source) -> None:
    path = ("purposes", purpose.name, "title")
    locales = declared.controller.locales
    for locale in locales:
        if locale not in purpose.title:
            source.note(path, f"no title in `{locale}`", f"add {locale} =, or take it out of locales")
    for locale in purpose.title:
        if locale not in locales:
            source.note(
                (*path, locale), f"`{locale}` is none of the locales", nearest("locale", locale, locales)
            )


def _check_bases(purpose: Purpose, declared: Declared, source: Source) -> None:
    path, bases = ("purposes", purpose.name), purpose.all_bases
    if Basis.LEGAL_OBLIGATION in bases and not purpose.law:
        source.note((*path, "law"), "a legal obligation needs its law", "write law =, such as DE AO s. 147")
    if Basis.LEGITIMATE_INTEREST in bases and not purpose.assessment:
        source.note(
            (*path, "assessment"),
            "a legitimate interest needs a recorded balancing test",
            "write where it is recorded: assessment = (Art. 6(1)(f) GDPR)",
        )
    if purpose.compatible_with and not purpose.assessment:
        what = "a compatible purpose needs a recorded assessment"
        source.note((*path, "assessment"), what, "write assessment = (Art. 6(4) GDPR)")
    if purpose.lasting and Basis.CONTRACT not in bases:
        source.note((*path, "lasting"), "nothing lasts without a contract", "claim contract, or take it out")
    if Basis.SOFT_OPT_IN in bases and not purpose.marketing:
        remedy = "it covers direct marketing only (Art. 13(2) ePrivacy Directive)"
        source.note((*path, "basis"), "soft opt-in without direct marketing", remedy)
    for basis, (need, cite) in _NEEDS.items():
        for word in _NEVER_NEEDED:
            if basis in bases and word in purpose.processing:
                remedy = f"{need} does not need it: write consent, in a purpose of its own ({cite})"
                source.note((*path, "basis"), f"{word} under {need}", remedy)


def _check_fields(purpose: Purpose, declared: Declared, source: Source) -> None:
    path = ("purposes", purpose.name)
    _check_names(source, (*path, "fields"), "field", purpose.fields, declared.field_names)
    for index, name in enumerate(purpose.explicit):
        here = (*path, "explicit", index)
        if name not in purpose.fields:
            source.note(
                here, f"the purpose does not list `{shorten(name)}`", nearest("field", name, purpose.fields)
            )
        elif name not in declared.fields or not declared.fields[name].special:
            source.note(here, f"`{name}` is no special category", "leave it out: a plain yes is enough")
    if purpose.all_bases == {Basis.LEGAL_OBLIGATION}:
        return  # the law that obliges says what it needs (Art. 9(2)(b), (g) GDPR)
    marked = frozenset(purpose.explicit)
    for index, name in enumerate(purpose.fields):
        field = declared.fields.get(name)
        if field is not None and field.special and field.derived_from and name not in marked:
            # An inferred special category is one (CJEU C-184/20).
            what = f"`{name}` infers a special category"
            remedy = f'take it out, or ask for it: explicit = ["{name}"] (Art. 9(2)(a) GDPR)'
            source.note((*path, "fields", index), what, remedy)


def _check_coarse(purpose: Purpose, declared: Declared, source: Source) -> None:
    for name, precision in purpose.coarse.items():
        here = ("purposes", purpose.name, "coarse", name)
        if name not in purpose.fields:
            source.note(
                here, f"the purpose does not list `{shorten(name)}`", nearest("field", name, purpose.fields)
            )
            continue
        kind = _type_of(name, declared)
        allowed = _COARSE_FOR.get(kind, ())
        if not any(_COARSE[each].fullmatch(precision) for each in allowed):
            remedy = "write " + " or ".join(allowed) if allowed else "leave it out"
            source.note(here, f"{kind} cannot be seen as `{shorten(precision)}`", remedy)


def _type_of(name: str, declared: Declared) -> str:
    if name in declared.fields:
        return declared.fields[name].type
    return "date" if name == "born" else "text" if name in (*BUILT_IN, "stage") else "an unknown field"


def _check_references(purpose: Purpose, declared: Declared, source: Source) -> None:
    path = ("purposes", purpose.name)
    others = declared.purposes.keys() - {purpose.name}
    _check_names(source, (*path, "compatible_with"), "other purpose", purpose.compatible_with, others)
    _check_names(source, (*path, "stages"), "stage", purpose.stages, declared.lifecycle.stages)
    _check_names(source, (*path, "channels"), "channel", purpose.channels, declared.channels)
    for index, name in enumerate(purpose.channels):
        address = declared.channels[name].address if name in declared.channels else ""
        if address in declared.fields and address not in purpose.fields:
            what = f"the channel needs `{shorten(address)}`, which the purpose does not list"
            source.note((*path, "channels", index), what, "add it to fields, or leave the channel out")


def _check_address(channel: str, address: str, declared: Declared, source: Source) -> None:
    path = ("channels", channel, "address")
    fields = [name for name, field in declared.fields.items() if field.type in ("text", "map")]
    if address and address not in declared.fields:
        source.note(path, f"no field `{shorten(address)}`", nearest("field", address, fields))
    elif address and address not in fields:
        what = f"`{address}` is {declared.fields[address].type}"
        source.note(path, what, "an address is text or a map")


def _check_lifecycle(declared: Declared, source: Source) -> None:
    lifecycle = declared.lifecycle
    if lifecycle.purpose and lifecycle.purpose not in declared.purposes:
        what = f"no purpose `{shorten(lifecycle.purpose)}`"
        remedy = nearest("purpose", lifecycle.purpose, declared.purposes)
        source.note(("lifecycle", "purpose"), what, remedy)
    if not lifecycle.purpose and any(move.after or move.when for move in lifecycle.moves):
        remedy = "timed moves and values look at behaviour: write the purpose that they serve"
        source.note(("lifecycle", "purpose"), "the key `purpose` is missing", remedy)
    for index, move in enumerate(lifecycle.moves):
        for key, name in (("on", move.on), ("without", move.without)):
            if name and name not in declared.events:
                path = ("lifecycle", "moves", index, key)
                source.note(path, f"no event `{shorten(name)}`", nearest("event", name, declared.events))
        _check_threshold(index, move, declared, source)
    if lifecycle.decay is not None:
        _check_decay(lifecycle.decay, declared, source)
    _check_clashes(lifecycle, source)
    _check_reach(lifecycle, source)


def _check_decay(decay: Decay, declared: Declared, source: Source) -> None:
    """Steps follow each other, are announced after the one before, and name what there is."""
    path = ("lifecycle", "decay")
    _check_names(source, (*path, "without"), "event", decay.without, declared.events)
    contracts = [name for name, each in declared.purposes.items() if Basis.CONTRACT in each.all_bases]
    before = 0
    for index, step in enumerate(decay.steps):
        here = (*path, "steps", index)
        _check_names(source, (*here, "closes"), "contract", step.closes, contracts)
        _check_shrink(step, (*here, "shrink"), declared, source)
        if step.after.longest <= before:
            source.note((*here, "after"), "it comes before the step above", "put the steps in order")
        if step.announce.longest >= step.after.longest:
            source.note(
                (*here, "announce"), "it is announced before it is counted", "write less than `after`"
            )
        before = max(before, step.after.longest)
        if step.forget and index + 1 < len(decay.steps):
            source.note(here, "nothing comes after forgetting", "let it be the last step")


def _check_shrink(step: DecayStep, path: tuple[str | int, ...], declared: Declared, source: Source) -> None:
    for name, kept in step.shrink.items():
        field = declared.fields.get(name)
        if field is None:
            source.note((*path, name), f"no field `{shorten(name)}`", nearest("field", name, declared.fields))
        elif kept and field.type != "list":
            source.note((*path, name), f"`{name}` is {field.type}", "write 0: only a list keeps items")


def _check_threshold(index: int, move: Move, declared: Declared, source: Source) -> None:
    """A value moves a stage only if it is a number that somebody puts and that the purpose may see."""
    if move.when is None:
        return
    path, name = ("lifecycle", "moves", index, "when"), move.when.field
    field = declared.fields.get(name)
    numbers = [each.name for each in declared.fields.values() if each.type in ("integer", "number")]
    purpose = declared.purposes.get(declared.lifecycle.purpose)
    if field is None:
        source.note((*path, "field"), f"no field `{shorten(name)}`", nearest("field", name, numbers))
    elif name not in numbers:
        source.note((*path, "field"), f"`{name}` is {field.type}", "only a number reaches a value")
    elif field.source:
        remedy = "put() a number that the host derives from it"
        source.note((*path, "field"), f"the move never happens: the host keeps `{name}`", remedy)
    elif purpose is not None and name not in purpose.fields:
        what = (
            f"the purpose `{purpose.name}` of the lifecycle does not list `{name}`, so the move never happens"
        )
        source.note((*path, "field"), what, "list it there, or take the move out")


def _check_clashes(lifecycle: Lifecycle, source: Source) -> None:
    """Two moves must never come due at once, and time alone must not lead in a circle."""
    taken = set()
    timed: dict[str, list[str]] = {}
    for index, move in enumerate(lifecycle.moves):
        path = ("lifecycle", "moves", index)
        for stage in move.sources:
            trigger = (stage, move.step, move.after, move.without)
            if trigger in taken:
                what = f"a second move from `{stage}` at the same moment"
                source.note(path, what, "change its event or its time")
            taken.add(trigger)
            if move.after:
                timed.setdefault(stage, []).append(move.to)
    circle = _circle(timed)
    if circle:
        index = next(i for i, move in enumerate(lifecycle.moves) if move.after and circle[0] in move.sources)
        what = f"time alone leads from `{circle[0]}` back to it"
        source.note(("lifecycle", "moves", index), what, "let an event lead back")


def _check_reach(lifecycle: Lifecycle, source: Source) -> None:
    """Every stage can be reached from the start."""
    ways: dict[str, list[str]] = {}
    for move in lifecycle.moves:
        for stage in move.sources:
            ways.setdefault(stage, []).append(move.to)
    reached: set[str] = set()
    waiting = [lifecycle.start]
    while waiting:
        stage = waiting.pop()
        if stage not in reached:
            reached.add(stage)
            waiting.extend(ways.get(stage, ()))
    led_to = {move.to for move in lifecycle.moves}
    lost = ways.keys() - reached
    lost = lost - led_to or lost  # the first of a lost chain; all of a lost circle
    for index, move in enumerate(lifecycle.moves):
        stage = _first(stage for stage in move.sources if stage in lost)
        if stage:
            path = ("lifecycle", "moves", index, "from")
            remedy = nearest("stage", stage, reached - {""})
            source.note(path, f"nothing leads to the stage `{stage}`", remedy)


def _circle(leads_to: Mapping[str, Iterable[str]]) -> list[str]:
    """Return the names on a circle, the first of *leads_to* first; empty if there is none."""
    try:
        TopologicalSorter(leads_to).prepare()
    except CycleError as error:
        order = list(leads_to)
        return sorted(set(error.args[1]), key=order.index)
    return []


def _first(names: Iterable[str]) -> str:
    return next(iter(names), "")
