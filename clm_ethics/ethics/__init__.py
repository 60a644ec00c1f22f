"""The ethics of personalisation: lawful is the floor.

Permission to contact is decided first; then the rules; then the ladder (individual, segment,
contextual, none), which only ever lowers the use of data and is no way around a no.
"""

from .choose import Pick, pick
from .defaults import DEFAULTS, Default
from .offers import Level, Offer, Pressure
from .rules import AIM_RULES, RULES, Rule

__all__ = [
    "AIM_RULES",
    "DEFAULTS",
    "RULES",
    "Default",
    "Level",
    "Offer",
    "Pick",
    "Pressure",
    "Rule",
    "pick",
]
