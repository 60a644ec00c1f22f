"""What is allowed in a policy and is probably not meant.

Nothing here stops a policy from loading: a finding is something that will never take effect,
or that collects or keeps more than anything in the policy needs (Art. 5(1)(c), (e) GDPR).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ..model.times import Duration
from .finding import Finding
from .journey import about_lifecycle
from .values import ADVERTISING, Basis
from .vocabulary import ADDRESSED, SPECIAL

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .values import Channel, Declared, EventRule, Field, Purpose


LONGEST_MARKETING = Duration(months=3 * 12)
"""House rule, after the CNIL's guidance on customer files: prospects' data is kept three years at most."""
LONGEST_KEPT = Duration(months=10 * 12)
"""House rule: claims are over and most books are closed after ten years."""

_SOUNDS_SPECIAL = re.compile(
    "allerg|biometr|church|diagnos|disab|disease|ethnic|faith|genetic|gender_ident|handicap|health|illness|"
    "medic|pregnan|politic|relig|sexual|symptom|trade_union|krank|schwanger|gesund|behinder|gewerkschaft"
)
"""Parts of names, English and German, that a field of a special category often has."""
_NO_ADVERTISING = (Basis.CONTRACT, Basis.LEGAL_OBLIGATION, Basis.VITAL_INTEREST, Basis.PUBLIC_TASK)
_SELDOM_NEEDED = ("personalization", "analytics")
"""What a contract needs only where it is itself what was agreed on (EDPB Guidelines 2/2019, part 3)."""


def lint(declared: Declared) -> tuple[Finding, ...]:
    """Return the findings about *declared*, in the order of the document's sections."""
    return tuple(_findings(declared))


def _findings(declared: Declared) -> Iterator[Finding]:
    for field in declared.fields.values():
        yield from _about_field(field, declared)
    for event in declared.events.values():
        yield from _about_event(event, declared)
    for purpose in declared.purposes.values():
        yield from _about_telling(purpose)
        yield from _about_bases(purpose, declared)
        yield from _about_needs(purpose)
        yield from _about_special(purpose, declared)
        yield from _about_retention(purpose, declared)
    yield from about_lifecycle(declared)
    for channel in declared.channels.values():
        yield from _about_channel(channel, declared)


def _about_field(field: Field, declared: Declared) -> Iterator[Finding]:
    place = f"fields.{field.name}"
    listing = [purpose for purpose in declared.purposes.values() if field.name in purpose.fields]
    origin = any(field.name in other.derived_from for other in declared.fields.values())
    if not listing and origin:
        yield Finding(place, "no purpose lists it, it is only derived from", "list it where it is needed")
    elif not listing:
        yield Finding(place, "no purpose lists it, so nobody may see it", "list it, or collect it no more")
    if not field.special and any(root.startswith(field.category + ".") for root in SPECIAL):
        remedy = "write the narrower category that the field has"
        yield Finding(f"{place}.category", "the category has special ones below it (Art. 9(1) GDPR)", remedy)
    elif not field.special and _SOUNDS_SPECIAL.search(field.name):
        text = "its name sounds like a special category (Art. 9(1) GDPR), and its category is none"
        yield Finding(f"{place}.category", text, "write the category that it has, or give it another name")


def _about_event(event: EventRule, declared: Declared) -> Iterator[Finding]:
    moves = any(event.name in (move.on, move.without) for move in declared.lifecycle.moves)
    if not (event.appends or event.opens or event.closes or event.mutes or moves):
        yield Finding(f"events.{event.name}", "it has no effect", "give it one, or take it out")

    done = {word for purpose in declared.purposes.values() for word in purpose.processing}
    for word in event.mutes:
        if word not in done:
            text = "no purpose does it, so nothing is muted"
            yield Finding(
                f"events.{event.name}.mutes.{word}", text, "mute what a purpose does, or take it out"
            )


def _about_telling(purpose: Purpose) -> Iterator[Finding]:
    place = f"purposes.{purpose.name}"
    locales = list(purpose.title)
    for index, locale in enumerate(locales):
        if purpose.title[locale] in [purpose.title[other] for other in locales[:index]]:
            text = "the title is the same in another locale"
            yield Finding(f"{place}.title.{locale}", text, "translate it (Art. 12(1) GDPR)")
    if "sale_sharing" in purpose.processing and not purpose.shared_with:
        text = "it gives data away and names nobody who gets it"
        yield Finding(f"{place}.shared_with", text, "name the recipients (Art. 13(1)(e) GDPR)")


def _about_bases(purpose: Purpose, declared: Declared) -> Iterator[Finding]:
    place = f"purposes.{purpose.name}"
    if Basis.SOFT_OPT_IN in purpose.all_bases and not any(
        p.sale or p.support or p.inquiry or p.lasting for p in declared.purposes.values()
    ):
        text = "soft opt-in needs an address from a sale, and no purpose has sale = true"
        yield Finding(f"{place}.basis", text, "mark the sale (Art. 13(2) ePrivacy Directive), or take it out")
    if purpose.consent_expires and Basis.CONSENT not in purpose.all_bases:
        text = "there is no consent that could expire"
        yield Finding(f"{place}.consent_expires", text, "take it out, or claim consent")
    if purpose.sale and not any(Basis.SOFT_OPT_IN in p.all_bases for p in declared.purposes.values()):
        text = "it marks a sale, and no purpose claims soft opt-in"
        yield Finding(f"{place}.sale", text, "claim it for the newsletter, or take it out")
    if purpose.marketing and not purpose.channels:
        text = "direct marketing without a channel is never allowed: the channel picks the law"
        yield Finding(f"{place}.channels", text, "list the channels that it uses")
    for name in purpose.compatible_with:
        if declared.purposes[name].all_bases == {Basis.CONSENT}:
            text = f"what was collected for `{name}` under consent is never compatible (Art. 6(4) GDPR)"
            yield Finding(f"{place}.compatible_with", text, "ask for consent to this purpose")
        elif not set(purpose.fields) & set(declared.purposes[name].fields):
            text = f"it lists no field of `{name}`, so there is nothing to use"
            yield Finding(f"{place}.compatible_with", text, "list the field, or take the purpose out")


def _about_needs(purpose: Purpose) -> Iterator[Finding]:
    """What a claim does not need, it does not carry."""
    place = f"purposes.{purpose.name}"
    for word in purpose.processing:
        for claim in _NO_ADVERTISING:
            if word in ADVERTISING and claim in purpose.all_bases:
                text = f"no {claim} asks for {word}"
                yield Finding(f"{place}.basis", text, "claim consent, in a purpose of its own")
        if word in _SELDOM_NEEDED and Basis.CONTRACT in purpose.all_bases:
            text = f"a contract seldom needs {word} (EDPB 2/2019)"
            yield Finding(f"{place}.basis", text, "claim consent, unless it is what the customer ordered")


def _about_special(purpose: Purpose, declared: Declared) -> Iterator[Finding]:
    """A special field stays withheld without an explicit yes, whatever else the purpose says."""
    if purpose.all_bases == {Basis.LEGAL_OBLIGATION}:
        return
    place = f"purposes.{purpose.name}"
    special = [name for name in purpose.fields if name in declared.fields and declared.fields[name].special]
    for name in special:
        if name not in purpose.explicit:
            text = f"`{name}` is special and not in explicit, so it is always withheld (Art. 9 GDPR)"
            yield Finding(f"{place}.fields", text, f'take it out, or ask for it: explicit = ["{name}"]')
    if purpose.explicit and Basis.CONSENT not in purpose.all_bases:
        text = "an explicit yes needs consent among the bases, so these fields are always withheld"
        yield Finding(f"{place}.explicit", text, "claim consent, or move them to a purpose that does")


def _about_retention(purpose: Purpose, declared: Declared) -> Iterator[Finding]:
    place = f"purposes.{purpose.name}.keep"
    keep = purpose.keep
    if keep is None:
        if purpose.fields:
            text = "its values are kept without end (Art. 5(1)(e) GDPR)"
            yield Finding(place, text, 'write how long, such as { for = "P3Y", from = "collected" }')
        return
    if Basis.LEGAL_OBLIGATION not in purpose.all_bases and keep.span.longest > _longest(purpose).longest:
        text = "it keeps its values longer than is usual (Art. 5(1)(e) GDPR)"
        remedy = f"keep them for {'three' if purpose.marketing else 'ten'} years at most, or name the law"
        yield Finding(place, text, remedy)
    if keep.since == "contract_end":
        if Basis.CONTRACT not in purpose.all_bases:
            text = "it runs from the end of a contract, and the purpose has none"
            yield Finding(place, text, "write another from, or claim contract")
        elif not any(purpose.name in event.closes for event in declared.events.values()):
            text = "no event closes the contract, so it ends with the erasure only"
            yield Finding(place, text, f'write closes = ["{purpose.name}"] at an event')


def _longest(purpose: Purpose) -> Duration:
    return LONGEST_MARKETING if purpose.marketing else LONGEST_KEPT


def _about_channel(channel: Channel, declared: Declared) -> Iterator[Finding]:
    place = f"channels.{channel.name}"
    if not any(channel.name in purpose.channels for purpose in declared.purposes.values()):
        yield Finding(place, "no purpose uses it", "list it at a purpose, or take it out")
    if channel.row in ADDRESSED and not channel.address:
        yield Finding(place, "nobody can be reached without an address", "write address =, a field")
