"""Why do I see this: a choice in plain words, for the customer. No value of theirs is in it."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from ..policy.values import Basis
from . import wording
from .plain_words import ENGLISH, SENTENCES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ..policy.catalogue import Catalogue
    from ..policy.decision import Decision, Reason
    from .choose import Pick

_INDENT = 2
"""Spaces by which what belongs to a line stands further in."""


def explain(pick: Pick, locale: str | Catalogue = "en") -> str:
    """Say why somebody sees the chosen offer and how to stop it, or why nothing was chosen.

    *locale* is a language tag (``en``, ``de``; another language reads English), or a catalogue of the
    reasons' words.
    """
    return "\n".join(_Words(wording.catalogue(locale)).lines(pick))


def explain_html(pick: Pick, locale: str | Catalogue = "en") -> str:
    """Say the same as paragraphs of HTML; what is indented is a list, in a list. Everything is escaped."""
    said = explain(pick, locale).splitlines()
    lines = [(len(line) - len(line.lstrip()), line.strip()) for line in said]
    return "\n".join(_html(lines, 0))


def _html(lines: Sequence[tuple[int, str]], depth: int) -> Iterator[str]:
    """Write the *lines*, each with its indentation, of which those at *depth* head what follows them."""
    heads = [number for number, (indent, _) in enumerate(lines) if indent == depth]
    for number, end in zip(heads, [*heads[1:], len(lines)], strict=True):
        said, below = escape(lines[number][1]), lines[number + 1 : end]
        listed = f"<ul>{''.join(_html(below, depth + _INDENT))}</ul>" if below else ""
        if depth:
            yield f"<li>{said}{listed}</li>"
            continue
        yield f"<p>{said}</p>"
        if listed:
            yield listed


class _Words:
    """A choice in the words of one language."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._sentences = SENTENCES.get(catalogue.language, ENGLISH)

    def lines(self, pick: Pick) -> Iterator[str]:
        if pick.offer is None or pick.decision is None:
            return self._nothing(pick)
        return self._something(pick, pick.offer.name, pick.decision)

    def _say(self, key: str, **values: str) -> str:
        return self._sentences[key].format(**values)

    def _nothing(self, pick: Pick) -> Iterator[str]:
        yield self._say("nothing", channel=pick.channel)
        if not pick.withheld:
            yield f"  {self._say('none_proposed')}"
        for name, reasons in pick.withheld.items():
            yield f"  {self._say('withheld', offer=name)}"
            yield from (f"    {self._said(each)}" for each in reasons)
        if pick.try_again is not None:
            yield f"  {self._say('again', when=f'{pick.try_again:%Y-%m-%d %H:%M}')}"

    def _something(self, pick: Pick, name: str, decision: Decision) -> Iterator[str]:
        yield self._say("see", offer=name, channel=pick.channel, purpose=self._purpose(pick, decision))
        rests = self._say(f"rests.{decision.basis}")
        if pick.agreed is not None:
            rests = self._say("since", rests=rests, day=f"{pick.agreed:%Y-%m-%d}")
        yield f"{rests}."
        yield f"{self._say(f'level.{pick.level.value}')}{self._data(pick, decision)}."
        if pick.source:
            yield self._say("source", source=pick.source)
        if pick.profiling:
            yield self._say("profiling")
        if pick.why_not_higher:
            yield self._say("no_more")
            yield from (f"  {self._said(each)}" for each in pick.why_not_higher)
        yield self._stop(pick, decision)

    def _purpose(self, pick: Pick, decision: Decision) -> str:
        title = pick.title and pick.titles.get(self._catalogue.language, pick.title)
        return f"{title} ({decision.purpose})" if title else decision.purpose

    def _data(self, pick: Pick, decision: Decision) -> str:
        fields = [self._seen(name, decision) for name in pick.uses]
        return f": {', '.join(fields)}" if fields else ""

    def _seen(self, name: str, decision: Decision) -> str:
        grant = decision.fields.get(name)
        precise = grant.precision if grant is not None else ""
        return self._say("only", field=name, precision=precise) if precise else name

    def _stop(self, pick: Pick, decision: Decision) -> str:
        how = self._say("stop.consent" if decision.basis == Basis.CONSENT.value else "stop.no")
        return self._say("stop.write", how=how, contact=pick.contact) if pick.contact else f"{how}."

    def _said(self, reason: Reason) -> str:
        kind = self._catalogue.kind(reason.kind.value)
        words = ", ".join(part for part in (reason.cite, kind) if part)
        return f"{self._text(reason)} ({reason.code}) [{words}]"

    def _text(self, reason: Reason) -> str:
        """Return the reason's words; the field that it is about, if it names one, stands before them."""
        if self._sentences is ENGLISH:
            return reason.text
        field, _, plain = reason.text.partition(": ")
        about = bool(plain) and plain == wording.catalogue("en").reason(reason)
        said = self._catalogue.reason(reason)
        return f"{field}: {said}" if about else said


__all__ = ["explain", "explain_html"]
