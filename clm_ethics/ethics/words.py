"""The reasons that the ethics rules give: stable codes with plain words, never a person's value."""

from __future__ import annotations

from ..policy.decision import Kind, Reason

_WORDS: dict[str, tuple[str, str, Kind]] = {
    "offer.overreach": ("the purpose does not list what the offer uses", "GDPR Art. 5(1)(c)", Kind.LAW),
    "offer.inference": (
        "it tells a special category by inference, and there is no explicit consent for it",
        "CJEU C-184/20; GDPR Art. 9(1)",
        Kind.LAW,
    ),
    "offer.stage": ("the offer is for other stages", "", Kind.POLICY),
    "offer.minor": (
        "nobody who is, or may be, a minor is profiled for an offer",
        "DSA Art. 28(2); ICO Children's Code standard 12",
        Kind.HOUSE,
    ),
    "offer.pressure_minor": (
        "nobody who is, or may be, a minor is put under pressure",
        "ICO Children's Code standard 13; Directive 2005/29/EC Annex I no. 28",
        Kind.HOUSE,
    ),
    "offer.pressure_untrue": (
        "the host does not say that the pressure is true",
        "Directive 2005/29/EC Annex I no. 7",
        Kind.HOUSE,
    ),
    "offer.price_undisclosed": (
        "the price is personal, and the customer is not told",
        "Directive 2011/83/EU Art. 6(1)(ea); N.Y. Gen. Bus. Law 349-a",
        Kind.HOUSE,
    ),
    "offer.price_undeclared": (
        "the price is personal, and the purpose does not declare personalised_price",
        "GDPR Art. 5(1)(b)",
        Kind.LAW,
    ),
    "offer.price_impersonal": (
        "a personal price needs data that may not be used here",
        "GDPR Art. 5(1)(a)",
        Kind.HOUSE,
    ),
    "customer.full": ("there is no room to remember the contact, so none is made", "", Kind.HOUSE),
    "contact.cap": ("the channel's limit is reached", "", Kind.POLICY),
    "contact.budget": (
        "the customer has been contacted often enough, over all channels",
        "ICO direct marketing guidance; DMA Code",
        Kind.HOUSE,
    ),
    "contact.win_back": (
        "the customer is drifting away, and has been contacted often enough",
        "DMA Code; ACM Code of Ethics 1.2",
        Kind.HOUSE,
    ),
    "contact.quiet": ("these are quiet hours where the customer is, or may be", "", Kind.POLICY),
    "contact.objection": (
        "the customer objected to direct marketing, and has not agreed to this since",
        "GDPR Art. 21(3)",
        Kind.HOUSE,
    ),
    "rule.error": ("a rule failed, which denies", "", Kind.HOUSE),
}

CODES = frozenset(_WORDS)
"""Every code that ``pick`` adds to those of ``decide``."""

TIMED = frozenset({"contact.cap", "contact.budget", "contact.win_back", "contact.quiet"})
"""Codes that pass with time alone."""


def reason(code: str, detail: str = "", *, cite: str = "", kind: Kind | None = None) -> Reason:
    """Return the reason with *code*; *detail* (never personal) is added to its words."""
    text, cited, spoke = _WORDS[code]
    return Reason(code, f"{text}: {detail}" if detail else text, cite or cited, kind or spoke)
