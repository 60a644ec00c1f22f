"""The law as data: dated, cited packs, one per regime, and what they say.

``load_packs()`` reads the packs of this library, ``packs_for`` picks those of some regions,
``Pack.cell_at`` answers for a kind of processing on a day. The packs are no legal advice; each says
how it is known and whether counsel has reviewed it.
"""

from __future__ import annotations

from .conditions import Facts, Organisation
from .facts import (
    BY_SALE,
    AgeRule,
    ConsentAge,
    ConsentFacts,
    Ground,
    Right,
    Scope,
    Signal,
    Silence,
    SoftOptIn,
    Watch,
)
from .loader import load_packs, packs_for, parse_packs
from .regions import COUNTRIES, covers, known_region
from .values import Cell, Pack, Rule, Ruling, consent_age, consent_age_rule
from .words import Claim, Condition, Confidence, Duty, Kind, Posture, Relation, Review, Row, Test
from .zones import plausible_zones

__all__ = [
    "BY_SALE",
    "COUNTRIES",
    "AgeRule",
    "Cell",
    "Claim",
    "Condition",
    "Confidence",
    "ConsentAge",
    "ConsentFacts",
    "Duty",
    "Facts",
    "Ground",
    "Kind",
    "Organisation",
    "Pack",
    "Posture",
    "Relation",
    "Review",
    "Right",
    "Row",
    "Rule",
    "Ruling",
    "Scope",
    "Signal",
    "Silence",
    "SoftOptIn",
    "Test",
    "Watch",
    "consent_age",
    "consent_age_rule",
    "covers",
    "known_region",
    "load_packs",
    "packs_for",
    "parse_packs",
    "plausible_zones",
]
