"""An explained answer as a document, and that document as text, HTML or JSON, in any catalogue's words.

The JSON has a ``format`` number: what is there now stays, with its name and its meaning; more may come.
Times are UTC, ISO 8601. It holds names, codes, entries and times, and no value of a person.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

import msgspec

from ..errors import UsageError
from .catalogue import catalogue

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from datetime import datetime

    from .catalogue import Catalogue
    from .decision import Decision, Fact, Reason

FORMAT = 1
"""The number of the JSON's format."""


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """A fact: its stable code, what it is filled with, and the words."""

    code: str
    values: dict[str, str]
    text: str


class Because(msgspec.Struct, frozen=True, kw_only=True):
    """A reason: its stable code, words, citation, kind of rule, pack of law, and the facts used."""

    code: str
    text: str
    cite: str
    kind: str
    kind_text: str
    pack: str
    facts: tuple[Known, ...]


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """A field that may be seen, and how precisely (empty: as it is)."""

    field: str
    precision: str


class Withheld(msgspec.Struct, frozen=True, kw_only=True):
    """A field that may not be seen (*partly*: some items of it), and why."""

    field: str
    partly: bool
    reason: Because


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One change of a remedy: its stable code, the stage or channel that it names, and the words."""

    code: str
    name: str
    text: str


class Way(msgspec.Struct, frozen=True, kw_only=True):
    """A minimal set of changes that would make it a yes."""

    text: str
    changes: tuple[Step, ...]


class Duty(msgspec.Struct, frozen=True, kw_only=True):
    """What goes with a yes: *duty* is the stable English wording."""

    duty: str
    text: str


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """The whole of an explained answer; see the module for what stays stable."""

    format: int
    language: str
    verdict: str
    verdict_text: str
    purpose: str
    basis: str
    reasons: tuple[Because, ...]
    fields: tuple[Seen, ...]
    withheld: tuple[Withheld, ...]
    obligations: tuple[Duty, ...]
    remedies: tuple[Way, ...]
    at: str
    valid_until: str | None
    stage: str
    policy: str


def schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of ``explain(form="json")``."""
    return msgspec.json.schema(Explanation)


def explanation(answer: Decision, locale: str | Catalogue = "en") -> Explanation:
    """Return everything that there is to say of *answer*, in the words of *locale*."""
    words = catalogue(locale)
    until = answer.valid_until
    return Explanation(
        format=FORMAT,
        language=words.language,
        verdict=answer.verdict.value,
        verdict_text=words.lines[answer.verdict.value],
        purpose=answer.purpose,
        basis=answer.basis,
        reasons=tuple(because(each, words, answer.facts(each)) for each in answer.reasons),
        fields=tuple(Seen(field=name, precision=grant.precision) for name, grant in answer.fields.items()),
        withheld=tuple(_withheld(answer, words)),
        obligations=tuple(Duty(duty=each, text=words.duty(each)) for each in answer.obligations if answer),
        remedies=tuple(_ways(answer, words)),
        at=_iso(answer.at),
        valid_until=None if until is None else _iso(until),
        stage=answer.stage,
        policy=answer.policy,
    )


def because(reason: Reason, locale: str | Catalogue = "en", facts: Iterable[Fact] = ()) -> Because:
    """Return one *reason* in the words of *locale*, with the *facts* it rests on."""
    words = catalogue(locale)
    return Because(
        code=reason.code,
        text=words.reason(reason),
        cite=reason.cite,
        kind=reason.kind.value,
        kind_text=words.kind(reason.kind.value),
        pack=reason.pack,
        facts=tuple(Known(code=each.code, values=each.values, text=words.fact(each)) for each in facts),
    )


def _withheld(answer: Decision, words: Catalogue) -> Iterator[Withheld]:
    if not answer:  # what is refused as a whole is refused for its reasons
        return
    for partly, found in ((False, answer.withheld), (True, answer.partly)):
        for name, reason in found.items():
            why = because(reason, words, answer.facts(reason, name))
            yield Withheld(field=name, partly=partly, reason=why)


def _ways(answer: Decision, words: Catalogue) -> Iterator[Way]:
    for remedy in answer.remedies:
        steps = tuple(
            Step(code=each.code, name=each.name, text=words.change(each)) for each in remedy.changes
        )
        yield Way(text=words.lines["and"].join(each.text for each in steps), changes=steps)


def _iso(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


def explain(answer: Decision, locale: str | Catalogue, form: str) -> str:
    """Return *answer* explained in the words of *locale*; ``UsageError`` if there is no such *form*."""
    write = _FORMS.get(form)
    if write is None:
        named = ", ".join(_FORMS)
        raise UsageError("no such form", place="explain(form=)", remedy=f"one of {named}")
    words = catalogue(locale)
    return write(explanation(answer, words), words)


# -- text ----------------------------------------------------------------------------------------------


def _text(said: Explanation, words: Catalogue) -> str:
    return "\n".join(line for line, _ in _lines(said, words))


def _full(said: Explanation, words: Catalogue) -> str:
    lines = []
    for line, reason in _lines(said, words):
        lines.append(line)
        lines += (
            [f"    {words.lines['fact'].format(what=each.text)}" for each in reason.facts] if reason else ()
        )
    return "\n".join(lines)


def _lines(said: Explanation, words: Catalogue) -> Iterator[tuple[str, Because | None]]:
    lines = words.lines
    yield f"{said.purpose}: {said.verdict_text}", None
    for reason in said.reasons:
        yield f"  {lines['because'].format(what=reason.text + _source(reason))}", reason
    if said.fields:
        yield f"  {lines['see'].format(what=', '.join(map(_seen, said.fields)))}", None
    for each in said.withheld:
        what = each.reason.text if each.partly else each.reason.text + _source(each.reason)
        yield (
            f"  {lines['partly' if each.partly else 'withheld'].format(field=each.field, what=what)}",
            each.reason,
        )
    for duty in said.obligations:
        yield f"  {lines['must'].format(what=duty.text)}", None
    for way in said.remedies:
        yield f"  {lines['remedy'].format(what=way.text)}", None
    if said.valid_until is not None:
        yield f"  {lines['until'].format(what=_minute(said.valid_until))}", None


def _source(reason: Because) -> str:
    words = ", ".join(part for part in (reason.cite, reason.pack, reason.kind_text) if part)
    return f" [{words}] ({reason.code})"


def _seen(each: Seen) -> str:
    return f"{each.field} ({each.precision})" if each.precision else each.field


def _minute(iso: str) -> str:
    return iso[:16].replace("T", " ")


# -- HTML ----------------------------------------------------------------------------------------------


def _html(said: Explanation, words: Catalogue) -> str:
    """Return a fragment: a section with headings and lists; every word is escaped."""
    lines = words.lines
    withheld = [each for each in said.withheld if not each.partly]
    partly = [each for each in said.withheld if each.partly]
    parts = [
        f'<section class="clm-decision" lang="{escape(said.language)}" data-verdict="{said.verdict}">',
        f"<h2>{escape(said.purpose)}: <strong>{escape(said.verdict_text)}</strong></h2>",
        *_listed(lines["h.because"], map(_reason_html, said.reasons)),
        *_listed(lines["h.see"], (escape(_seen(each)) for each in said.fields)),
        *_listed(lines["h.withheld"], map(_withheld_html, withheld)),
        *_listed(lines["h.partly"], map(_withheld_html, partly)),
        *_listed(lines["h.must"], (escape(each.text) for each in said.obligations)),
        *_listed(lines["h.remedy"], (escape(each.text) for each in said.remedies)),
    ]
    if said.valid_until is not None:
        before, _, after = lines["until"].partition("{what}")
        time = f'<time datetime="{escape(said.valid_until)}">{escape(_minute(said.valid_until))}</time>'
        parts.append(f"<p>{escape(before)}{time}{escape(after)}</p>")
    return "\n".join([*parts, "</section>"])


def _listed(heading: str, items: Iterable[str]) -> Iterator[str]:
    found = [f"<li>{item}</li>" for item in items]
    if found:
        yield f"<h3>{escape(heading)}</h3>"
        yield f"<ul>{''.join(found)}</ul>"


def _withheld_html(each: Withheld) -> str:
    return f"{escape(each.field)}: {_reason_html(each.reason)}"


def _reason_html(reason: Because) -> str:
    cite = f" <cite>{escape(reason.cite)}</cite>" if reason.cite else ""
    source = ", ".join(part for part in (reason.pack, reason.kind_text) if part)
    facts = "".join(f"<li>{escape(each.text)}</li>" for each in reason.facts)
    known = f"<ul>{facts}</ul>" if facts else ""
    return f"{escape(reason.text)}{cite} [{escape(source)}] <code>{escape(reason.code)}</code>{known}"


# -- JSON ----------------------------------------------------------------------------------------------


def _json(said: Explanation, _: Catalogue) -> str:
    return msgspec.json.encode(said).decode()


_FORMS: dict[str, Callable[[Explanation, Catalogue], str]] = {
    "text": _text,
    "full": _full,
    "html": _html,
    "json": _json,
}


__all__ = ["Explanation", "because", "explain", "explanation", "schema"]
