"""The ethics of personalisation: lawful is the floor.

Permission to contact is decided first; then the rules; then the ladder (individual, segment,
contextual, none), which only ever lowers the use of data and is no way around a no.
"""

from .asking import Asking, may_ask
from .catalogue import CATALOGUE, Entry
from .choose import Pick, pick
from .defaults import DEFAULTS, Default
from .facts import Facts
from .findings import Finding
from .offers import Level, Offer
from .prompts import Prompt, judge_prompt
from .release import Made, still
from .review import review
from .reviews import Served, parity, proxies
from .rule import Kind, Rule, rule
from .rules import AIM_RULES, RULES
from .segments import Segment, segments
from .statements import Change, Deadline, Experiment, Incentive, Pressure, Price, Scarcity, Statement

__all__ = [
    "AIM_RULES",
    "CATALOGUE",
    "DEFAULTS",
    "RULES",
    "Asking",
    "Change",
    "Deadline",
    "Default",
    "Entry",
    "Experiment",
    "Facts",
    "Finding",
    "Incentive",
    "Kind",
    "Level",
    "Made",
    "Offer",
    "Pick",
    "Pressure",
    "Price",
    "Prompt",
    "Rule",
    "Scarcity",
    "Segment",
    "Served",
    "Statement",
    "judge_prompt",
    "may_ask",
    "parity",
    "pick",
    "proxies",
    "review",
    "rule",
    "segments",
    "still",
]
