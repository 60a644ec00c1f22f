"""Why do I see this: a choice in plain words, for the customer. No value of theirs is in it."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from ..policy.values import Basis
from .offers import Level

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ..policy.decision import Decision, Reason
    from .choose import Pick

_LEVELS = {
    Level.INDIVIDUAL: "It was chosen for you, from what we know of you",
    Level.SEGMENT: "It was chosen for a group of customers that you belong to",
    Level.CONTEXTUAL: "It was chosen without looking at your data",
}
_RESTS = {
    Basis.CONSENT: "You agreed to this",
    Basis.CONTRACT: "A contract with you needs it",
    Basis.LEGAL_OBLIGATION: "A law obliges us to it",
    Basis.LEGITIMATE_INTEREST: "We have weighed our interest against yours, and you have not objected",
    Basis.SOFT_OPT_IN: "You bought from us, were told of this, and have not said no",
    Basis.OPT_OUT: "The law where you live allows it until you say no, and you have not",
    Basis.PUBLIC_TASK: "It is a task in the public interest, and you have not objected",
    Basis.VITAL_INTEREST: "It protects somebody's life",
}

_INDENT = 2
"""Spaces by which what belongs to a line stands further in."""


def explain(pick: Pick) -> str:
    """Say why somebody sees the chosen offer and how to stop it, or why nothing was chosen."""
    if pick.offer is None or pick.decision is None:
        return "\n".join(_nothing(pick))
    return "\n".join(_something(pick, pick.decision))


def explain_html(pick: Pick) -> str:
    """Say the same as paragraphs of HTML; what is indented is a list, in a list. Everything is escaped."""
    lines = [(len(line) - len(line.lstrip()), line.strip()) for line in explain(pick).splitlines()]
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


def _nothing(pick: Pick) -> Iterator[str]:
    yield f"Nothing was chosen on {pick.channel}."
    if not pick.withheld:
        yield "  No offer was proposed."
    for name, reasons in pick.withheld.items():
        yield f"  {name} was withheld:"
        yield from (f"    {_said(each)}" for each in reasons)
    if pick.try_again is not None:
        yield f"  From {pick.try_again:%Y-%m-%d %H:%M} UTC on no limit of time stands in the way."


def _something(pick: Pick, decision: Decision) -> Iterator[str]:
    name = "" if pick.offer is None else pick.offer.name
    yield f"You see {name} on {pick.channel} because of this purpose: {_purpose(pick, decision)}."
    since = "" if pick.agreed is None else f" on {pick.agreed:%Y-%m-%d}"
    yield f"{_RESTS[Basis(decision.basis)]}{since}."
    yield f"{_LEVELS[pick.level]}{_data(pick, decision)}."
    if pick.source:
        yield f"Some of what we know of you came not from you, but from: {pick.source}."
    if pick.profiling:
        yield "That looks at how you behave: it is profiling."
    if pick.why_not_higher:
        yield "No more of your data was used, because:"
        yield from (f"  {_said(each)}" for each in pick.why_not_higher)
    yield _stop(pick, decision)


def _purpose(pick: Pick, decision: Decision) -> str:
    return f"{pick.title} ({decision.purpose})" if pick.title else decision.purpose


def _data(pick: Pick, decision: Decision) -> str:
    fields = [_seen(name, decision) for name in pick.uses]
    return f": {', '.join(fields)}" if fields else ""


def _seen(name: str, decision: Decision) -> str:
    grant = decision.fields.get(name)
    return f"{name} (only as {grant.precision})" if grant is not None and grant.precision else name


def _stop(pick: Pick, decision: Decision) -> str:
    if decision.basis == Basis.CONSENT.value:
        how = "withdraw your consent, at any time and as easily as you gave it"
    else:
        how = "say no to this purpose, at any time and without a reason"
    return f"To stop it, {how}{f', or write to {pick.contact}' if pick.contact else ''}."


def _said(reason: Reason) -> str:
    words = ", ".join(part for part in (reason.cite, reason.kind.value) if part)
    return f"{reason.text} ({reason.code}) [{words}]"
