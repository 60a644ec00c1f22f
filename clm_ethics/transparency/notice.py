"""A notice: what a customer is shown before being asked, compiled from the policy itself.

What the policy says is what the notice says: there is no second text that could drift away from
it. It covers Art. 13 GDPR as far as a policy knows: purposes, data, legal basis, recipients,
retention, rights, controller. Its id is a hash of what was shown, so that a yes can prove later
what it was said to, and nothing has to be stored until then.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from functools import lru_cache
from html import escape
from typing import TYPE_CHECKING, NamedTuple
from weakref import WeakKeyDictionary

import attrs
import msgspec

from ..errors import UnknownName, UsageError, shorten
from ..policy.values import Basis
from .catalogue import Catalogue, catalogue

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ..model.times import Duration
    from ..policy.policy import Policy
    from ..policy.values import Purpose

RENDERINGS_KEPT = 256
"""Notices that are remembered per policy; the least used go first."""
LONGEST_ID = 4096
"""Characters of an id that is looked at."""

_ID = re.compile(r"([A-Za-z0-9-]+):([a-z0-9_+]+):([0-9a-f]{32})")
_FIRM = frozenset({Basis.CONTRACT, Basis.LEGAL_OBLIGATION, Basis.VITAL_INTEREST})
_DAY = 86400


@attrs.frozen(kw_only=True)
class Notice:
    """What is shown to a customer before a yes.

    Attributes:
        id: what the form sends back; ``grant`` takes it as ``shown=``.
        purposes: the purposes that it covers.
        locale: the locale asked for.
        html: an accessible fragment for a page: headings and a list of terms, no script.
        text: the same as plain text.
    """

    id: str
    purposes: tuple[str, ...]
    locale: str
    html: str
    text: str


class _Term(NamedTuple):
    label: str
    lines: tuple[str, ...]


class _Section(NamedTuple):
    purpose: str
    title: str
    terms: tuple[_Term, ...]


def render(policy: Policy, purposes: tuple[str, ...], locale: str) -> Notice:
    """Return the notice of *purposes* in *locale*.

    The fixed words are English or German; in another locale they are English, and only the
    purposes' titles are in it.

    Raises:
        UnknownName: the policy declares no such purpose.
        UsageError: no purpose, one of them twice, or a locale that the policy does not declare.
    """
    for name in purposes:
        policy.purpose(name)
    if not purposes or len(set(purposes)) < len(purposes):
        raise UsageError("a notice covers one purpose or several different ones", place="notice")
    if not isinstance(locale, str) or locale not in policy.controller.locales:
        declared = ", ".join(f"`{each}`" for each in policy.controller.locales)
        raise UsageError(f"no locale `{shorten(locale)}`", place="notice", remedy=f"declared are {declared}")
    return _renderer(policy)(tuple(purposes), locale)


def purposes_of(policy: Policy, notice_id: str) -> tuple[str, ...]:
    """Return the purposes of the notice with *notice_id*; none if it is not of the current clauses.

    Whatever comes back from a form is an answer here, never an exception.
    """
    match = _ID.fullmatch(notice_id) if _looks_right(notice_id) else None
    if match is None:
        return ()
    purposes = tuple(match[2].split("+"))
    try:
        current = render(policy, purposes, match[1])
    except (UnknownName, UsageError):
        return ()
    return purposes if hmac.compare_digest(current.id.encode(), notice_id.encode()) else ()


def _looks_right(notice_id: object) -> bool:
    return isinstance(notice_id, str) and len(notice_id) <= LONGEST_ID


_renderers: WeakKeyDictionary[Policy, Callable[[tuple[str, ...], str], Notice]] = WeakKeyDictionary()


def _renderer(policy: Policy) -> Callable[[tuple[str, ...], str], Notice]:
    """Return the remembering renderer of *policy*; it goes when the policy goes."""
    found = _renderers.get(policy)
    if found is None:
        # It must not hold the policy itself, or the weak key would never go.
        declared = _Declared.of(policy)
        found = lru_cache(maxsize=RENDERINGS_KEPT)(declared.render)
        _renderers[policy] = found
    return found


class _Declared(NamedTuple):
    """What a notice needs of a policy, without the policy."""

    purposes: dict[str, Purpose]
    special: frozenset[str]
    derived: dict[str, tuple[str, ...]]
    name: str
    contact: str
    audit_keep: Duration

    @classmethod
    def of(cls, policy: Policy) -> _Declared:
        return cls(
            purposes=dict(policy.purposes),
            special=frozenset(name for name in policy.fields if policy.special(name)),
            derived={name: field.derived_from for name, field in policy.fields.items()},
            name=policy.controller.name,
            contact=policy.controller.contact,
            audit_keep=policy.declared.audit_keep,
        )

    def render(self, names: tuple[str, ...], locale: str) -> Notice:
        words = catalogue(locale)
        purposes = [self.purposes[name] for name in names]
        sections = [
            _Section(each.name, each.title[locale], tuple(self.terms(each, words))) for each in purposes
        ]
        closing = self.closing(words)
        text = _text(words, sections, closing)
        clauses = msgspec.json.encode([each.clause() for each in purposes])
        said = b"\n".join((clauses, locale.encode(), text.encode()))
        digest = hashlib.sha256(said).hexdigest()[:32]
        return Notice(
            id=f"{locale}:{'+'.join(names)}:{digest}",
            purposes=names,
            locale=locale,
            html=_html(words, sections, closing, locale),
            text=text,
        )

    def terms(self, purpose: Purpose, words: Catalogue) -> Iterator[_Term]:
        labels = words.labels
        fields = tuple(self.field(name, purpose, words) for name in purpose.fields)
        yield _Term(labels["what"], fields or (words.texts["nothing"],))
        doing = [words.doings[each] for each in purpose.processing if each in words.doings]
        if purpose.device:
            doing.append(words.texts["device"])
        if doing:
            yield _Term(labels["doing"], tuple(doing))
        yield _Term(labels["why"], tuple(_bases(purpose, words)))
        if purpose.channels:
            yield _Term(labels["channels"], (", ".join(purpose.channels),))
        yield _Term(labels["who"], purpose.shared_with or (words.texts["nobody"],))
        yield _Term(labels["how_long"], (_retention(purpose, words),))
        yield _Term(labels["no"], tuple(_saying_no(purpose, words)))
        clause = hashlib.sha256(msgspec.json.encode(purpose.clause())).hexdigest()[:16]
        yield _Term(labels["clause"], (f"{purpose.name} {clause}",))

    def field(self, name: str, purpose: Purpose, words: Catalogue) -> str:
        notes = []
        if name in purpose.coarse:
            kind, _, size = purpose.coarse[name].partition(":")
            notes.append(words.precision[kind].format(n=size))
        if self.derived.get(name):
            notes.append(words.texts["derived"].format(fields=", ".join(self.derived[name])))
        if name in self.special:
            by_law = purpose.all_bases == {Basis.LEGAL_OBLIGATION}
            notes.append(words.texts["special_by_law" if by_law else "special"])
        return f"{name} ({'; '.join(notes)})" if notes else name

    def closing(self, words: Catalogue) -> tuple[_Term, ...]:
        texts = words.texts
        audit = texts["audit"].format(span=span(self.audit_keep, words))
        return (
            _Term(words.labels["rights"], (texts["rights"], audit)),
            _Term(
                words.labels["controller"],
                (texts["controller"].format(name=self.name, contact=self.contact),),
            ),
        )


def _bases(purpose: Purpose, words: Catalogue) -> Iterator[str]:
    def said(basis: Basis) -> str:
        return words.bases[basis.value].format(law=purpose.law, assessment=purpose.assessment)

    yield from (said(basis) for basis in purpose.basis)
    for where, bases in purpose.basis_under.items():
        yield from (words.texts["under"].format(where=where, basis=said(basis)) for basis in bases)


def _saying_no(purpose: Purpose, words: Catalogue) -> Iterator[str]:
    """Art. 7(3) and 21 GDPR: a no costs no more than a yes, and the notice says so."""
    bases = purpose.all_bases
    if Basis.CONSENT in bases:
        yield words.texts["no_consent"]
        if purpose.consent_expires is not None:
            yield words.texts["expires"].format(span=span(purpose.consent_expires, words))
    if bases - _FIRM - {Basis.CONSENT}:
        yield words.texts["no_marketing" if purpose.marketing else "no_object"]
    if bases & _FIRM:
        yield words.texts["no_firm"]


def _retention(purpose: Purpose, words: Catalogue) -> str:
    keep = purpose.keep
    if keep is None:
        return words.starts[""]
    if not keep.span.longest:
        return words.starts[f"now:{keep.since}"]
    return words.starts[keep.since].format(span=span(keep.span, words))


def span(duration: Duration, words: Catalogue) -> str:
    """Write *duration* in words: ``3 years``, ``13 months``, ``30 days``."""
    years, months = divmod(duration.months, 12) if duration.months % 12 == 0 else (0, duration.months)
    days, rest = divmod(duration.seconds, _DAY)
    parts = (
        (years, "year"),
        (months, "month"),
        (days, "day"),
        (rest // 3600, "hour"),
        (rest % 3600 // 60, "minute"),
        (rest % 60, "second"),
    )
    said = [f"{number} {words.units[unit][number != 1]}" for number, unit in parts if number]
    return f" {words.texts['and']} ".join(said)


def _text(words: Catalogue, sections: list[_Section], closing: tuple[_Term, ...]) -> str:
    lines = [words.labels["title"]]
    for section in sections:
        lines += ["", section.title, *_term_lines(section.terms)]
    lines += ["", *_term_lines(closing)]
    return "\n".join(lines) + "\n"


def _term_lines(terms: tuple[_Term, ...]) -> Iterator[str]:
    for term in terms:
        yield f"{term.label}:"
        yield from (f"  - {line}" for line in term.lines)


def _html(words: Catalogue, sections: list[_Section], closing: tuple[_Term, ...], locale: str) -> str:
    """Write a fragment whose language is marked, part by part (WCAG 3.1.1, 3.1.2, 1.3.1)."""
    anchor = f"notice-{locale}-{'-'.join(section.purpose for section in sections)}"
    foreign = (
        "" if locale.partition("-")[0].lower() == words.language else f' lang="{escape(locale)}" dir="auto"'
    )
    title = escape(words.labels["title"])
    lines = [f'<article class="notice" lang="{words.language}" aria-labelledby="{anchor}">']
    lines.append(f'<h2 id="{anchor}">{title}</h2>')
    for section in sections:
        lines.append(f"<section><h3{foreign}>{escape(section.title)}</h3>")
        lines += [*_term_html(section.terms), "</section>"]
    lines += [*_term_html(closing), "</article>"]
    return "\n".join(lines) + "\n"


def _term_html(terms: tuple[_Term, ...]) -> Iterator[str]:
    yield "<dl>"
    for term in terms:
        yield f"<dt>{escape(term.label)}</dt>"
        yield from (f"<dd>{escape(line)}</dd>" for line in term.lines)
    yield "</dl>"
