"""How a prompt for consent looks: refusing is as easy as agreeing, withdrawing as easy as giving.

Declared rules over what the host states of its own user interface (E23, E24, E26).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import attrs

from . import checked
from .defaults import MOST_WEIGHT
from .words import reason

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..policy.decision import Reason

_LOADED = re.compile(
    r"\b(i (don'?t|do not|hate|prefer not|refuse) (to )?(care|want|like|sav|be|help|support|need)"
    r"|miss(ing)? out|i'?d rather (pay|not|miss)|no,? i (like|prefer|enjoy) paying|stay (uninformed|behind)"
    r"|lieber (nicht|mehr)|verzichte|egal|will nicht sparen)",
    re.IGNORECASE,
)
"""Shame and regret put into the customer's mouth (EDPB Guidelines 03/2022, "stirring")."""
_NEGATION = re.compile(r"\b(don'?t|do not|not|no|never|without|nicht|kein\w*|nie)\b", re.IGNORECASE)
_MOST_NEGATIONS = 1


@attrs.frozen(kw_only=True)
class Prompt:
    """A prompt for consent, as the host states that it looks.

    Attributes:
        accept: the label of the yes.
        refuse: the label of the no; empty: there is none.
        accept_clicks: steps to a yes.
        refuse_clicks: steps to a no.
        same_layer: both stand on the same page.
        weight: how much heavier the yes looks than the no (area times contrast); 1: as heavy.
        preset: the yes is chosen already.
        withdraw_clicks: steps to take a yes back later.
        withdraw_login: taking it back needs a login that giving it did not.
        withdraw_costs: taking it back costs money or service.
    """

    accept: str = attrs.field(default="Yes", converter=checked.text)
    refuse: str = attrs.field(default="No", converter=checked.text)
    accept_clicks: int = attrs.field(default=1, converter=checked.count)
    refuse_clicks: int = attrs.field(default=1, converter=checked.count)
    same_layer: bool = attrs.field(default=True, converter=checked.flag)
    weight: float = attrs.field(default=1.0, converter=checked.number)
    preset: bool = attrs.field(default=False, converter=checked.flag)
    withdraw_clicks: int = attrs.field(default=1, converter=checked.count)
    withdraw_login: bool = attrs.field(default=False, converter=checked.flag)
    withdraw_costs: bool = attrs.field(default=False, converter=checked.flag)


def judge_prompt(prompt: Prompt) -> tuple[Reason, ...]:
    """Return why *prompt* may not be shown; nothing: it may."""
    return (*_unequal(prompt), *_one_way(prompt), *_loaded(prompt))


def _unequal(prompt: Prompt) -> Iterator[Reason]:
    if not prompt.refuse:
        yield reason("prompt.unequal", "there is no way to say no")
    if prompt.refuse_clicks > prompt.accept_clicks:
        yield reason("prompt.unequal", "a no takes more steps")
    if not prompt.same_layer:
        yield reason("prompt.unequal", "the no is on another page")
    if prompt.weight > MOST_WEIGHT:
        yield reason("prompt.unequal", "the yes looks heavier")
    if prompt.preset:
        yield reason("prompt.unequal", "the yes is chosen already")


def _one_way(prompt: Prompt) -> Iterator[Reason]:
    if prompt.withdraw_clicks > prompt.accept_clicks:
        yield reason("prompt.one_way", "it takes more steps")
    if prompt.withdraw_login:
        yield reason("prompt.one_way", "it needs a login")
    if prompt.withdraw_costs:
        yield reason("prompt.one_way", "it costs something")


def _loaded(prompt: Prompt) -> Iterator[Reason]:
    if _LOADED.search(prompt.refuse):
        yield reason("prompt.loaded", "the no shames")
    for label in (prompt.accept, prompt.refuse):
        if len(_NEGATION.findall(label.replace("No, ", "", 1))) > _MOST_NEGATIONS:
            yield reason("prompt.loaded", "a double negative")
            return
