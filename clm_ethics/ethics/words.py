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
    "offer.channel": ("the offer is for other channels", "", Kind.POLICY),
    "segment.unsized": (
        "nobody says how many customers are in the group, so it may be one person",
        "GDPR recital 26",
        Kind.HOUSE,
    ),
    "segment.small": ("the group is too small to be one", "GDPR recital 26", Kind.HOUSE),
    "offer.no_gain": ("it adds next to nothing to the choice", "GDPR Art. 5(1)(c)", Kind.HOUSE),
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
    "offer.pressure_distress": (
        "nobody whom something grave has happened to is put under pressure",
        "EDPB Guidelines 03/2022; FTC staff report on dark patterns (2022)",
        Kind.HOUSE,
    ),
    "offer.deadline_false": (
        "the deadline is not what the customer would take it for",
        "Directive 2005/29/EC Annex I no. 7; FTC staff report on dark patterns (2022)",
        Kind.HOUSE,
    ),
    "offer.scarcity_false": (
        "the scarcity is not what the customer would take it for",
        "Directive 2005/29/EC Annex I no. 7, Art. 6; FTC staff report on dark patterns (2022)",
        Kind.HOUSE,
    ),
    "offer.risk_minor": (
        "nobody who is, or may be, a minor is offered this",
        "ICO Children's Code standard 1; UNCRC General Comment 25",
        Kind.HOUSE,
    ),
    "offer.risk_distress": (
        "nobody whom something grave has happened to is offered this",
        "ICO direct marketing guidance; DMA Code (put your customer first)",
        Kind.HOUSE,
    ),
    "offer.vulnerability": (
        "people were picked for a weakness, and not to protect them from it",
        "Regulation (EU) 2024/1689 Art. 5(1)(b); Directive 2005/29/EC Art. 5(3)",
        Kind.HOUSE,
    ),
    "offer.intrusive": (
        "it intrudes more than it is worth to the customer",
        "ICO guidance on legitimate interests; EDPB Guidelines 1/2024",
        Kind.HOUSE,
    ),
    "offer.irreversible": (
        "it changes something by itself that cannot be undone as easily",
        "ACM Code of Ethics 1.2, 3.7; EDPB Guidelines 03/2022",
        Kind.HOUSE,
    ),
    "offer.retaliation": (
        "who keeps their data would lose more than the data is worth",
        "Cal. Civ. Code 1798.125; GDPR Art. 7(4)",
        Kind.HOUSE,
    ),
    "offer.no_human": (
        "it decides against the customer, and no human looks at it again",
        "GDPR Art. 22(3)",
        Kind.HOUSE,
    ),
    "offer.experiment": (
        "the experiment is not one that may be made on people",
        "ACM Code of Ethics 1.2, 2.5; IEEE 7000-2021",
        Kind.HOUSE,
    ),
    "offer.experiment_people": (
        "no minor, and nobody whom something grave has happened to, is experimented on",
        "ACM Code of Ethics 1.2",
        Kind.HOUSE,
    ),
    "offer.sells": (
        "a service lures nobody: this is advertising under the purpose of a service",
        "Directive 2000/31/EC Art. 6(a); ICO direct marketing guidance",
        Kind.HOUSE,
    ),
    "offer.not_urgent": ("advertising is never urgent", "DMA Code rule 1.4", Kind.HOUSE),
    "offer.price_above": (
        "the price is above the public one, and no cost is documented",
        "PIPL Art. 24(1); N.Y. Gen. Bus. Law 349-a",
        Kind.HOUSE,
    ),
    "offer.price_loyalty": (
        "new customers pay less for the same, and the customer is not shown how to",
        "UK FCA PS21/5; DMA Code (honest and fair)",
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
    "choice.twice": ("the customer stands in this list twice, and has their answer", "", Kind.HOUSE),
    "choice.sent": ("it has gone out already, and goes out once", "", Kind.HOUSE),
    "choice.cancelled": ("it was cancelled, and its contact given back", "", Kind.HOUSE),
    "choice.less": ("it was made with data that may not be used any more", "GDPR Art. 5(1)(b)", Kind.HOUSE),
    "customer.unopened": ("the customer's stream does not open: run `verify`", "", Kind.HOUSE),
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
    "contact.topic": ("the customer does not want to hear of this", "DMA Code", Kind.HOUSE),
    "contact.preferred": ("the customer wants to hear from us more rarely", "DMA Code", Kind.HOUSE),
    "contact.fatigue": (
        "the customer has not answered for a long time",
        "DMA Code (put your customer first); ACM Code of Ethics 1.2",
        Kind.HOUSE,
    ),
    "contact.pressure": (
        "the customer has been put under pressure often enough",
        "FTC staff report on dark patterns (2022); EDPB Guidelines 03/2022",
        Kind.HOUSE,
    ),
    "contact.peace": (
        "the customer is being left in peace for a while",
        "DMA Code rule 1.5; ACM Code of Ethics 1.2",
        Kind.HOUSE,
    ),
    "contact.signal": (
        "the customer's browser or device sends an opt-out signal, which counts everywhere",
        "GDPR Art. 21(5); ACM Code of Ethics 1.6",
        Kind.HOUSE,
    ),
    "contact.quiet": ("these are quiet hours where the customer is, or may be", "", Kind.POLICY),
    "contact.objection": (
        "the customer objected to direct marketing, and has not agreed to this since",
        "GDPR Art. 21(3)",
        Kind.HOUSE,
    ),
    "ask.refused": (
        "the customer said no within the last twelve months",
        "Cal. Civ. Code 1798.135(c)(4); EDPB Guidelines 03/2022",
        Kind.HOUSE,
    ),
    "ask.objected": (
        "the customer objected within the last twelve months",
        "GDPR Art. 21(3); EDPB Guidelines 03/2022",
        Kind.HOUSE,
    ),
    "ask.unanswered": (
        "the customer was asked, and did not answer",
        "EDPB Guidelines 03/2022",
        Kind.HOUSE,
    ),
    "ask.agreed": ("the customer has agreed already", "", Kind.HOUSE),
    "ask.no_consent": ("the purpose does not rest on consent", "GDPR Art. 5(1)(a)", Kind.POLICY),
    "ask.pointless": ("a yes would not allow it", "", Kind.HOUSE),
    "prompt.unequal": (
        "refusing is harder than agreeing",
        "CNIL recommendation on cookies (2020); EDPB Guidelines 03/2022",
        Kind.HOUSE,
    ),
    "prompt.one_way": ("withdrawing is harder than giving", "GDPR Art. 7(3)", Kind.LAW),
    "prompt.loaded": (
        "the words push",
        "FTC staff report on dark patterns (2022); EDPB Guidelines 03/2022",
        Kind.HOUSE,
    ),
    "rule.error": ("a rule failed, which denies", "", Kind.HOUSE),
}

CODES = frozenset(_WORDS)
"""Every code that ``pick`` and ``may_ask`` add to those of ``decide``."""

TIMED = frozenset(
    {
        "contact.cap",
        "contact.budget",
        "contact.win_back",
        "contact.fatigue",
        "contact.preferred",
        "contact.pressure",
        "contact.quiet",
    }
)
"""Codes that pass with time alone."""


def reason(code: str, detail: str = "", *, cite: str = "", kind: Kind | None = None) -> Reason:
    """Return the reason with *code*; *detail* (never personal) is added to its words."""
    text, cited, spoke = _WORDS[code]
    words = f"{text}: {detail}" if detail else text
    return Reason(code, words, cite or cited, kind or spoke, detail=detail)
