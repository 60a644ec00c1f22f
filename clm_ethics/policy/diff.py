"""What changes between two policies, clause by clause: wording, narrowing, widening; who is asked again.

A change of which nobody can say that it narrows counts as widening. A yes binds to its purpose's own
clause (title, fields, processing, recipients, retention): a narrower clause asks nobody again
(Art. 4(11), 7(1) GDPR).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from ..model.state import Clause
from .change import NARROWING, WIDENING, WORDING, Change, Effect
from .diff_life import lifecycles
from .diff_names import renames, under_new_names
from .values import Basis, Channel, EventRule, Field, Purpose

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from ..model.times import Duration
    from ..regimes import Organisation
    from .policy import Policy
    from .values import Cap, Keep


@attrs.frozen
class Diff:
    """What changes between two policies. Its truth is that something does.

    Attributes:
        old: the hash of the policy in force.
        new: the hash of the candidate.
        changes: all of them, in the order of the document.
        asked_again: purposes to which an earlier yes is no yes any more, each with what is beyond it.
    """

    old: str
    new: str
    changes: tuple[Change, ...]
    asked_again: Mapping[str, tuple[str, ...]]

    def __bool__(self) -> bool:
        """Tell whether anything changed."""
        return bool(self.changes)

    @property
    def widens(self) -> bool:
        """Whether anything may permit more than before."""
        return any(change.effect is WIDENING for change in self.changes)

    def explain(self) -> str:
        """Say in plain words what changes, and who must be asked again."""
        if not self:
            return f"the policies are equal ({self.new[:12]})"
        lines = [str(change) for change in self.changes]
        for name, why in self.asked_again.items():
            lines.append(f"ask again everybody who said yes to {name}: {'; '.join(why)}")
        if not self.asked_again:
            lines.append("nobody has to be asked again")
        return "\n".join(lines)

    def document(self) -> dict[str, Any]:
        """Return the same as a JSON document."""
        return {
            "old": self.old,
            "new": self.new,
            "widens": self.widens,
            "changes": [
                {"place": each.place, "text": each.text, "effect": each.effect.value} for each in self.changes
            ],
            "asked_again": {name: list(why) for name, why in self.asked_again.items()},
        }


def diff(old: Policy, new: Policy) -> Diff:
    """Return what changes when *new* takes the place of *old*."""
    named, old = list(renames(old, new)), under_new_names(old, new)
    changes = [
        *_controller(old, new),
        *_kept("audit.keep", old.declared.audit_keep, new.declared.audit_keep),
        *named,
        *_each("fields", old.fields, new.fields, _field),
        *_each("events", old.events, new.events, _event),
        *_purposes(old, new),
        *lifecycles(old.lifecycle, new.lifecycle),
        *_each("channels", old.channels, new.channels, _channel),
    ]
    asked = {}
    for name, purpose in new.purposes.items():
        before = old.purposes.get(name)
        if before is not None and Basis.CONSENT in before.all_bases & purpose.all_bases:
            beyond = tuple(_beyond(before.clause(), purpose.clause()))
            if beyond:
                asked[name] = beyond
    return Diff(old.hash, new.hash, tuple(changes), asked)


def _beyond(old: Clause, new: Clause) -> Iterator[str]:
    """Return, part by part, where *new* is not covered by a yes to *old*."""
    parts = {
        "title": "another title",
        "fields": "fields that were not asked for",
        "processing": "processing that was not asked for",
        "recipients": "recipients that were not asked for",
    }
    for part, text in parts.items():
        if not old.covers(_with(old, part, new)):
            yield text
    if not old.covers(Clause(old.title, old.fields, old.processing, old.recipients, new.keep, new.keep_from)):
        yield "kept longer, or from another day on"


def _with(old: Clause, part: str, new: Clause) -> Clause:
    values = {name: getattr(old, name) for name in Clause.__struct_fields__}
    return Clause(**{**values, part: getattr(new, part)})


# -- a section of named tables ---------------------------------------------------------------------------


def _each(
    section: str,
    old: Mapping[str, Any],
    new: Mapping[str, Any],
    compare: Callable[[str, Any, Any], Iterable[Change]],
) -> Iterator[Change]:
    for name in dict.fromkeys((*old, *new)):
        place = f"{section}.{name}"
        if name not in new:
            yield Change(place, "is gone", NARROWING)
        elif name not in old:
            yield Change(place, "is new", WIDENING)
        elif old[name] != new[name]:
            yield from compare(place, old[name], new[name])


def _rest(place: str, old: Any, new: Any, known: Iterable[str]) -> Iterator[Change]:
    """Return a widening for each attribute of a Struct that nothing else compares."""
    for name in old.__struct_fields__:
        if name not in known and getattr(old, name) != getattr(new, name):
            yield Change(f"{place}.{name}", "is another", WIDENING)


def _set(place: str, old: Iterable[str], new: Iterable[str]) -> Iterator[Change]:
    """More of it permits more."""
    for each in new:
        if each not in set(old):
            yield Change(place, f"`{each}` is added", WIDENING)
    for each in old:
        if each not in set(new):
            yield Change(place, f"`{each}` is gone", NARROWING)


def _limit(place: str, old: tuple[str, ...], new: tuple[str, ...]) -> Iterator[Change]:
    """A list that limits: an empty one does not."""
    if bool(old) == bool(new):
        yield from _set(place, old, new)
    elif old:
        yield Change(place, "limits nothing any more", WIDENING)
    else:
        yield Change(place, f"is limited to {', '.join(new)}", NARROWING)


def _kept(place: str, old: Duration | None, new: Duration | None) -> Iterator[Change]:
    """Longer permits more; ``None`` is for ever."""
    if old == new:
        return
    narrower = new is not None and (old is None or old.outlasts(new))
    yield Change(
        place, f"is {new or 'for ever'}, was {old or 'for ever'}", NARROWING if narrower else WIDENING
    )


def _words(place: str, old: str, new: str) -> Iterator[Change]:
    """A statement which opens something as soon as it is there, whatever it says."""
    if old == new:
        return
    if bool(old) == bool(new):
        yield Change(place, "is worded anew", WORDING)
    else:
        yield Change(place, "is given" if new else "is gone", WIDENING if new else NARROWING)


# -- purposes --------------------------------------------------------------------------------------------

_PURPOSE_PARTS = {
    *("name", "title", "processing", "basis", "basis_under", "fields", "explicit", "coarse", "keep", "law"),
    *("assessment", "compatible_with", "stages", "channels", "consent_expires", "sale", "shared_with"),
    *("actors", "support", "inquiry", "lasting", "was"),
}


def _purposes(old: Policy, new: Policy) -> Iterator[Change]:
    changes = list(_each("purposes", old.purposes, new.purposes, _purpose))
    yield from changes
    looks = new.lifecycle.purpose
    if new.timed_stages and any(
        each.effect is NARROWING and each.place.split(".")[1] == looks for each in changes
    ):
        text = f"timed moves look at behaviour under `{looks}`, which is narrowed: stages may last longer"
        yield Change("lifecycle.purpose", text, WIDENING)


def _purpose(place: str, old: Purpose, new: Purpose) -> Iterator[Change]:
    if old.title != new.title:
        yield Change(f"{place}.title", "is worded anew; a yes was said to the old words", WORDING)
    yield from _set(f"{place}.processing", old.processing, new.processing)
    yield from _bases(f"{place}.basis", old.basis, new.basis)
    for under in dict.fromkeys((*old.basis_under, *new.basis_under)):
        key = f"{place}.basis_under.{under}"
        yield from _bases(key, old.basis_under.get(under, old.basis), new.basis_under.get(under, new.basis))
    yield from _set(f"{place}.fields", old.fields, new.fields)
    yield from _precision(place, old, new)
    yield from _set(f"{place}.explicit", old.explicit, new.explicit)
    yield from _retention(f"{place}.keep", old.keep, new.keep)
    yield from _words(f"{place}.law", old.law, new.law)
    yield from _words(f"{place}.assessment", old.assessment, new.assessment)
    yield from _set(f"{place}.compatible_with", old.compatible_with, new.compatible_with)
    yield from _limit(f"{place}.stages", old.stages, new.stages)
    yield from _channels(f"{place}.channels", old.channels, new.channels)
    yield from _kept(f"{place}.consent_expires", old.consent_expires, new.consent_expires)
    yield from _limit(f"{place}.actors", old.actors, new.actors)
    yield from _set(f"{place}.shared_with", old.shared_with, new.shared_with)
    for key in ("sale", "support", "inquiry", "lasting"):
        if getattr(old, key) != getattr(new, key):
            opens = getattr(new, key)
            who = "addresses from it open" if key in ("sale", "support") else "a customer by it opens"
            what = f"{who} {'the' if opens else 'no'} soft opt-in"
            yield Change(f"{place}.{key}", what, WIDENING if opens else NARROWING)
    yield from _rest(place, old, new, _PURPOSE_PARTS)


def _bases(place: str, old: tuple[Basis, ...], new: tuple[Basis, ...]) -> Iterator[Change]:
    changes = list(_set(place, old, new))
    if not changes and old != new:
        changes.append(Change(place, f"are claimed in another order: {', '.join(new)}", WIDENING))
    yield from changes


def _channels(place: str, old: tuple[str, ...], new: tuple[str, ...]) -> Iterator[Change]:
    for change in _set(place, old, new):
        if change.effect is not NARROWING:
            yield change
            continue
        # A question that names no channel is answered by the strictest of those that are declared.
        text = f"{change.text}; its law no longer counts where no channel is named"
        yield attrs.evolve(change, text=text, effect=WIDENING)


def _precision(place: str, old: Purpose, new: Purpose) -> Iterator[Change]:
    for name in new.fields:
        if name not in old.fields or old.coarse.get(name) == new.coarse.get(name):
            continue
        shown = [each.coarse.get(name, "") for each in (old, new)]
        before, after = (Clause(b"", (f"{name}:{each}" if each else name,), ()) for each in shown)
        text = f"is shown {_precisely(shown[1])}, was shown {_precisely(shown[0])}"
        yield Change(f"{place}.coarse.{name}", text, NARROWING if before.covers(after) else WIDENING)


def _precisely(coarse: str) -> str:
    return f"as {coarse}" if coarse else "as it is"


def _retention(place: str, old: Keep | None, new: Keep | None) -> Iterator[Change]:
    if old == new:
        return
    if old is not None and new is not None and old.since != new.since:
        yield Change(place, f"runs from {new.since}, ran from {old.since}", WIDENING)
        return
    yield from _kept(place, None if old is None else old.span, None if new is None else new.span)


# -- the other sections ----------------------------------------------------------------------------------


def _controller(old: Policy, new: Policy) -> Iterator[Change]:
    was, now = old.controller, new.controller
    for name in ("name", "contact", "locales"):
        if getattr(was, name) != getattr(now, name):
            yield Change(f"controller.{name}", "is worded anew", WORDING)
    for name in ("established", "markets"):
        # Another place brings another law, and the most protective verdict wins.
        for change in _set(f"controller.{name}", getattr(was, name), getattr(now, name)):
            yield attrs.evolve(change, effect=NARROWING if change.effect is WIDENING else WIDENING)
    if was.audience != now.audience:
        order = ("adults", "general", "children")
        older = order.index(now.audience) < order.index(was.audience)
        text = f"is {now.audience}, was {was.audience}: an unknown age means another"
        yield Change("controller.audience", text, WIDENING if older else NARROWING)
    yield from _facts(was.facts, now.facts)
    known = {"name", "contact", "locales", "established", "markets", "audience", "facts"}
    yield from _rest("controller", was, now, known)


_BOUND = {"sells": True, "food_retailer": True, "platform": True}
"""What binds a controller; of every other yes or no the no does."""


def _facts(was: Organisation, now: Organisation) -> Iterator[Change]:
    """What is not stated counts as within the law, and more of a number binds more."""
    for name in was.__struct_fields__:
        before, after = getattr(was, name), getattr(now, name)
        if name == "residents":
            before, after = dict(before), dict(after)
            for region in dict.fromkeys((*before, *after)):
                yield from _fact(f"residents.{region}", before.get(region), after.get(region))
        else:
            yield from _fact(name, before, after)


def _fact(name: str, before: int | None, after: int | None) -> Iterator[Change]:
    if before == after:
        return
    said = [_stated(each) for each in (after, before)]
    bound = _BOUND.get(name, False)
    if after is None:
        effect = WORDING if before is bound else NARROWING
    elif isinstance(after, bool):
        effect = WIDENING if after is not bound else WORDING if before is None else NARROWING
    else:
        effect = NARROWING if before is not None and after > before else WIDENING
    yield Change(f"controller.facts.{name}", f"is {said[0]}, was {said[1]}", effect)


def _stated(fact: int | None) -> str:
    if fact is None:
        return "not stated"
    return ("yes" if fact else "no") if isinstance(fact, bool) else f"{fact:,}"


def _field(place: str, old: Field, new: Field) -> Iterator[Change]:
    if old.category != new.category or old.special != new.special:
        effect = WORDING if old.special == new.special else NARROWING if new.special else WIDENING
        yield Change(f"{place}.category", f"is {new.category}, was {old.category}", effect)
    if old.max != new.max:
        effect = NARROWING if new.max < old.max else WIDENING
        yield Change(f"{place}.max", f"is {new.max}, was {old.max}", effect)
    yield from _words(f"{place}.lookup", old.lookup, new.lookup)
    yield from _rest(place, old, new, {"category", "special", "max", "lookup"})


def _event(place: str, old: EventRule, new: EventRule) -> Iterator[Change]:
    yield from _set(f"{place}.appends", old.appends, new.appends)
    for name in new.appends:
        if name in old.appends:
            yield from _set(f"{place}.appends.{name}", old.appends[name], new.appends[name])
    yield from _set(f"{place}.opens", old.opens, new.opens)
    # What closes a contract, or silences, permits less.
    for change in (
        *_set(f"{place}.closes", old.closes, new.closes),
        *_set(f"{place}.mutes", old.mutes, new.mutes),
    ):
        yield attrs.evolve(change, effect=NARROWING if change.effect is WIDENING else WIDENING)
    for word in new.mutes:
        if word in old.mutes and old.mutes[word] != new.mutes[word]:
            longer = new.mutes[word].outlasts(old.mutes[word])
            text = f"is {new.mutes[word]}, was {old.mutes[word]}"
            yield Change(f"{place}.mutes.{word}", text, NARROWING if longer else WIDENING)
    yield from _rest(place, old, new, {"name", "appends", "opens", "closes", "mutes"})


def _channel(place: str, old: Channel, new: Channel) -> Iterator[Change]:
    if old.caps != new.caps:
        narrower = all(any(_within(cap, each) for cap in new.caps) for each in old.caps)
        yield Change(f"{place}.caps", "are others", NARROWING if narrower else WIDENING)
    if old.quiet != new.quiet:
        longer = new.quiet is not None and (old.quiet is None or _hours(old.quiet) <= _hours(new.quiet))
        yield Change(f"{place}.quiet", "is another", NARROWING if longer else WIDENING)
    yield from _rest(place, old, new, {"name", "caps", "quiet"})


def _within(cap: Cap, other: Cap) -> bool:
    """Say whether *cap* lets nothing through that *other* stops."""
    return cap.max <= other.max and (cap.per == other.per or cap.per.outlasts(other.per))


def _hours(quiet: Any) -> frozenset[int]:
    if quiet.start <= quiet.end:
        return frozenset(range(quiet.start, quiet.end))
    return frozenset((*range(quiet.start, 24 * 60), *range(quiet.end)))


__all__ = ["Change", "Diff", "Effect", "diff"]
