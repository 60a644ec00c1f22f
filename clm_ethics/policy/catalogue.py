"""The words of an explanation in one language: English and German here, others by a host.

A catalogue has words for every code that a decision gives. What it lacks is said in English. A detail
(the part of a reason that is not the code's own) is looked up too: a phrase, or a template such as
``"{n} days"``, whose parts are looked up again; a name that nobody can translate stays as it is. In a
template ``{n}``, ``{from}`` and ``{until}`` stand for numbers and times of day, ``{span}``, ``{rest}`` and
``{stages}`` for any text, and everything else for one word, so that a host's own words are left alone.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

import attrs

from .catalogue_de import CHANGES as CHANGES_DE
from .catalogue_de import DETAILS, DUTIES, FACTS, KINDS, LINES, REASONS
from .remedies import TEXTS
from .words import WORDS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .decision import Change, Fact, Reason

_HOLE = re.compile(r"\{(\w+)\}")
_DEEPEST = 4
"""How often a part of a detail is looked up again."""


@attrs.frozen(kw_only=True)
class Catalogue:
    """The words of one language. Texts with braces are filled in; all words are the language's own.

    Attributes:
        language: BCP 47, for ``lang=``.
        reasons: per code the words; ``{detail}`` where the detail goes, otherwise it follows a colon.
        details: per English phrase, or template, its words.
        kinds: per kind of rule.
        duties: per English duty.
        changes: per change of a remedy; ``{name}``: the stage or channel.
        facts: per fact.
        lines: everything else.
    """

    language: str
    reasons: Mapping[str, str]
    details: Mapping[str, str]
    kinds: Mapping[str, str]
    duties: Mapping[str, str]
    changes: Mapping[str, str]
    facts: Mapping[str, str]
    lines: Mapping[str, str]

    def with_reasons(self, reasons: Mapping[str, str], details: Mapping[str, str] | None = None) -> Catalogue:
        """Return a catalogue that knows more reasons: a host's own rules, say."""
        more = {} if details is None else details
        return attrs.evolve(self, reasons={**self.reasons, **reasons}, details={**self.details, **more})

    def reason(self, reason: Reason) -> str:
        """Return the words of *reason*; those it brings along, if the catalogue has none."""
        words = self.reasons.get(reason.code)
        if words is None:
            return reason.text
        detail = self.detail(reason.detail)
        if "{detail}" in words:
            return words.replace("{detail}", detail)
        return f"{words}: {detail}" if detail else words

    def detail(self, said: str, depth: int = _DEEPEST) -> str:
        """Return an English detail in this language, or as it is."""
        if not said or said in self.details or not depth:
            return self.details.get(said, said)
        for template, words in self.details.items():
            found = _pattern(template).fullmatch(said) if "{" in template else None
            if found is not None:
                return _filled(
                    words, {name: self.detail(part, depth - 1) for name, part in found.groupdict().items()}
                )
        return said

    def kind(self, kind: str) -> str:
        """Return the words of a kind of rule."""
        return self.kinds.get(kind, kind)

    def duty(self, duty: str) -> str:
        """Return the words of a duty that goes with a yes."""
        return self.duties.get(duty, duty)

    def change(self, change: Change) -> str:
        """Return the words of one change of a remedy."""
        return _filled(self.changes.get(change.code, change.code), {"name": change.name})

    def fact(self, fact: Fact) -> str:
        """Return the words of a fact; times are UTC."""
        return _filled(self.facts.get(fact.code, fact.code), fact.values)


def _filled(words: str, values: Mapping[str, str]) -> str:
    """Fill *values* in, once: a brace in a value stays one."""
    return _HOLE.sub(lambda hole: values.get(hole[1], ""), words)


_PARTS = {
    **dict.fromkeys(("n", "from", "until"), r"\d[\d:]*"),
    **dict.fromkeys(("span", "rest", "stages"), ".+"),
}
"""What a hole of a template stands for, unless it is one word."""
_WORD = r"\S+"


@lru_cache(maxsize=1024)
def _pattern(template: str) -> re.Pattern[str]:
    parts = _HOLE.split(template)  # texts and, between them, names of holes
    return re.compile(
        "".join(
            f"(?P<{part}>{_PARTS.get(part, _WORD)})" if place % 2 else re.escape(part)
            for place, part in enumerate(parts)
        )
    )


ENGLISH = Catalogue(
    language="en",
    reasons={
        **WORDS,
        "law.prohibited": "the law prohibits it ({detail})",
        "law.explicit_consent_required": "the law asks for explicit consent ({detail})",
        "law.consent_required": "the law asks for consent, and the purpose claims another basis ({detail})",
        "assumed.region": "the region is unknown, so the strictest of the markets counts ({detail})",
        "assumed.age": "the age is unknown; the policy's audience is {detail}",
        "assumed.law": "the law is unsettled here, so its more protective reading applies",
    },
    details={},
    kinds={kind: kind for kind in KINDS},
    duties={duty: duty for duty in DUTIES},
    changes=TEXTS,
    facts={
        "consent": "the yes of entry {entry}, given {given}",
        "consent.none": "no entry says yes or no to {purpose}",
        "consent.until": "it lasts until {until}",
        "consent.by": "it was given by: {by}",
        "no": "the no of entry {entry}, learnt {at}",
        "objection": "the objection of entry {entry}, learnt {at}",
        "restriction": "the restriction of entry {entry}, since {at}",
        "contract": "contracts open for {purpose}: {open}",
        "contract.ended": "the last contract for {purpose} ended {at}",
        "mute": "left in peace about {processing} until {until}",
        "signal": "signal {signal}, received {at}",
        "stage": "stage {stage}, since {since}",
        "stage.due": "stage {stage}, by time alone: no entry says so yet",
        "erased": "erased {at}",
        "length": "entries known: {entries}",
        "collected": "{field}: entry {entry}, collected {at} for {purpose}",
        "announced": "{field} was announced for {purposes}",
        "kept": "{field} is kept until {until} for {purpose}",
        "absent": "no entry holds {field}",
        "assessment": "the assessment that the policy names: {assessment}",
        "law": "the law that the policy names: {law}",
        "age.known": "a date of birth is known",
        "age.unknown": "no date of birth is known",
        "region.known": "a region is known",
        "region.unknown": "no region is known",
        "pack": "pack {pack}, as in force on {day}",
        "clause": "the purpose as policy {policy} has it",
        "policy": "what policy {policy} says of {purpose}",
    },
    lines={
        "allow": "allowed",
        "deny": "denied",
        "gap": "denied (the policy leaves a gap)",
        "because": "because {what}",
        "see": "may see {what}",
        "withheld": "withheld {field}: {what}",
        "partly": "partly withheld {field}: {what}",
        "must": "must {what}",
        "remedy": "would be allowed if {what}",
        "until": "may change on {what} UTC",
        "fact": "known: {what}",
        "and": " and ",
        "h.because": "Because",
        "h.see": "May see",
        "h.withheld": "Withheld",
        "h.partly": "Partly withheld",
        "h.must": "What goes with it",
        "h.remedy": "It would be allowed if",
    },
)
"""The words that a reason brings along, and those around it."""

GERMAN = Catalogue(
    language="de",
    reasons=REASONS,
    details=DETAILS,
    kinds=KINDS,
    duties=DUTIES,
    changes=CHANGES_DE,
    facts=FACTS,
    lines=LINES,
)
"""German, with the terms of the German text of the GDPR."""

CATALOGUES = {each.language: each for each in (ENGLISH, GERMAN)}


def catalogue(locale: str | Catalogue) -> Catalogue:
    """Return the words for *locale*: its language's, or English; a catalogue is one already."""
    if isinstance(locale, Catalogue):
        return locale
    return CATALOGUES.get(locale.partition("-")[0].lower(), ENGLISH)


__all__ = ["CATALOGUES", "ENGLISH", "GERMAN", "Catalogue", "catalogue"]
