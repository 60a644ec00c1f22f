"""The reasons that decisions give: stable codes with plain words.

Law is cited where a law speaks; what the policy or the house decides says so.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from .decision import Kind, Reason

if TYPE_CHECKING:
    from collections.abc import Mapping

_WORDS: dict[str, tuple[str, str, Kind]] = {
    "customer.unknown": ("nobody has enrolled this customer", "", Kind.POLICY),
    "customer.erased": ("the customer has been erased", "GDPR Art. 17", Kind.LAW),
    "customer.restored": (
        "unknown: restored from before a withdrawal, so what is stored is older than what the customer said",
        "GDPR Art. 7(3)",
        Kind.HOUSE,
    ),
    "visitor.identity": (
        "an anonymous visitor has no value that tells who they are: identify them first",
        "GDPR Art. 5(1)(c), 11",
        Kind.HOUSE,
    ),
    "actor.not_listed": ("the policy names other actors for this purpose", "", Kind.POLICY),
    "channel.not_listed": ("the purpose does not use this channel", "", Kind.POLICY),
    "policy.gap": ("no law that applies has a rule for this processing", "", Kind.POLICY),
    "restriction": ("the processing is restricted", "GDPR Art. 18(2)", Kind.LAW),
    "consent.refused": ("the customer refused", "GDPR Art. 4(11), 7", Kind.LAW),
    "consent.withdrawn": ("the customer withdrew", "GDPR Art. 7(3)", Kind.LAW),
    "consent.missing": (
        "the customer has not been asked, or has not answered",
        "GDPR Art. 6(1)(a)",
        Kind.LAW,
    ),
    "consent.unproven": ("nobody can show what the customer agreed to", "GDPR Art. 7(1)", Kind.LAW),
    "consent.other_clause": (
        "the purpose has changed since the customer agreed, beyond what was agreed to",
        "GDPR Art. 4(11), 6(1)(a)",
        Kind.LAW,
    ),
    "consent.expired": ("the consent has expired", "GDPR Art. 5(1)(e), 7", Kind.POLICY),
    "consent.other_channel": ("the customer agreed to other channels", "GDPR Art. 4(11)", Kind.LAW),
    "consent.not_explicit": ("the consent is not explicit for this", "GDPR Art. 9(2)(a), 22(2)(c)", Kind.LAW),
    "consent.not_theirs": (
        "somebody of age consents themselves; nobody else's yes is theirs",
        "GDPR Art. 4(11), 8(1)",
        Kind.LAW,
    ),
    "consent.guardian_needed": (
        "a child of this age cannot consent alone; a guardian can",
        "GDPR Art. 8(1)",
        Kind.LAW,
    ),
    "consent.given": ("the customer agreed", "GDPR Art. 6(1)(a)", Kind.LAW),
    "contract.absent": ("no contract is open that needs it", "GDPR Art. 6(1)(b)", Kind.LAW),
    "contract.live": ("an open contract needs it", "GDPR Art. 6(1)(b)", Kind.LAW),
    "contract.step": (
        "it is a step before a contract, at the customer's request",
        "GDPR Art. 6(1)(b)",
        Kind.LAW,
    ),
    "legal_obligation": ("a law obliges the controller", "GDPR Art. 6(1)(c)", Kind.LAW),
    "legitimate_interest.assessed": (
        "a recorded assessment found a legitimate interest, and the customer has not objected",
        "GDPR Art. 6(1)(f)",
        Kind.LAW,
    ),
    "legitimate_interest.public_body": (
        "a public body has no legitimate interest in its tasks",
        "GDPR Art. 6(1)",
        Kind.LAW,
    ),
    "legitimate_interest.unassessed": ("no balancing test is recorded", "GDPR Art. 6(1)(f)", Kind.LAW),
    "objection": ("the customer objected", "GDPR Art. 21(1)", Kind.LAW),
    "objection.direct_marketing": (
        "the customer objected to direct marketing",
        "GDPR Art. 21(2)-(3)",
        Kind.LAW,
    ),
    "soft_opt_in.met": (
        "the address came from a sale, with a notice of this purpose and how to stop it",
        "ePrivacy Directive Art. 13(2)",
        Kind.LAW,
    ),
    "soft_opt_in.unmet": (
        "the address did not come from a sale with a notice of this purpose and how to stop it",
        "ePrivacy Directive Art. 13(2)",
        Kind.LAW,
    ),
    "soft_opt_in.related": (
        "the law counts the relation to the customer in the place of consent",
        "",
        Kind.LAW,
    ),
    "soft_opt_in.unrelated": (
        "there is no relation to the customer, or no longer, that the law counts in the place of consent",
        "",
        Kind.LAW,
    ),
    "opt_out.open": ("the customer has not opted out", "", Kind.LAW),
    "vital_interest": ("it protects somebody's life", "GDPR Art. 6(1)(d)", Kind.LAW),
    "public_task": (
        "it is a task in the public interest, and the customer has not objected",
        "GDPR Art. 6(1)(e)",
        Kind.LAW,
    ),
    "signal": (
        "the customer's browser or device sends an opt-out signal",
        "Cal. Civ. Code 1798.135(e)",
        Kind.LAW,
    ),
    "muted": ("the customer is being left in peace for a while", "", Kind.HOUSE),
    "inactive.sealed": (
        "the customer has not been heard of for long, and their data is sealed away until they return",
        "GDPR Art. 5(1)(c), (e)",
        Kind.HOUSE,
    ),
    "preference.channel": (
        "the customer prefers to be addressed on other channels",
        "",
        Kind.HOUSE,
    ),
    "stage.not_listed": ("the purpose does not apply to the customer's stage", "", Kind.POLICY),
    "field.unlisted": ("the purpose does not list the field", "GDPR Art. 5(1)(c)", Kind.LAW),
    "field.absent": ("nothing has been collected", "", Kind.POLICY),
    "field.special": (
        "it is a special category, and there is no explicit consent for it",
        "GDPR Art. 9(1), 9(2)(a)",
        Kind.LAW,
    ),
    "field.other_purpose": ("it was collected for other purposes", "GDPR Art. 5(1)(b), 6(4)", Kind.LAW),
    "field.expired": ("its retention is over for this purpose", "GDPR Art. 5(1)(e)", Kind.LAW),
    "field.erased": ("it has been erased", "GDPR Art. 17", Kind.LAW),
    "source.absent": ("the source that holds it was not given", "", Kind.POLICY),
}

WORDS: Mapping[str, str] = {code: text for code, (text, _, _) in _WORDS.items()}
"""Per code its words in English, without a detail."""

CODES = frozenset(_WORDS)
"""Every code that ``decide`` itself may give; packs add ``law.*``."""


@lru_cache(maxsize=1024)
def reason(code: str, detail: str = "") -> Reason:
    """Return the reason with *code*; *detail* (never personal) is added to its words."""
    text, cite, kind = _WORDS[code]
    return Reason(code, f"{text}: {detail}" if detail else text, cite, kind, detail=detail)
