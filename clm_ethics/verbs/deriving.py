"""Derived values and stated preferences: understanding within a purpose, and what outranks it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from ..errors import UsageError
from ..flows import effects
from ..model.events import Preferred
from ..model.state import Preferences
from ..model.times import Duration
from .asking import read
from .checking import check_count, check_names, check_text
from .common import (
    LONGEST_REF,
    check_actor,
    check_happened,
    key_bytes,
    moved,
    need_living,
    on_customer,
    refuse,
    repeated,
)
from .telling import Noted, put_traced

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from ..flows import Book, Flow, Setting

MOST_TOPICS = 20
"""Most topics that a customer may name."""
TOPIC = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
"""A topic is one of the host's words, not free text: that would be a value."""


def derive(
    setting: Setting,
    ref: str,
    field: str,
    compute: Any,
    *,
    purpose: str,
    by: str | None = None,
    model: str = "",
    inputs: Iterable[str] | None = None,
    key: str | None = None,
) -> Flow[Noted]:
    """Derive *field* for *purpose* from the fields that the policy declares, and put it with its lineage.

    The inputs are read for the purpose first, which stands in the ledger; a withdrawal from the
    purpose removes the value.

    Args:
        setting: the steward's.
        ref: the customer's reference.
        field: a field with ``derived_from``.
        compute: a function of the view of the inputs, or what the host's own model says.
        purpose: has to list the field and every input.
        by: the actor.
        model: which model and version it was.
        inputs: with a value of the host's model: what the model looked at; not more than is declared.
        key: names this telling.

    Raises:
        Denied: the purpose may not look at an input, or may not collect.
        UsageError: the field is not derived, or the model looked at more than the policy declares.
    """
    by = check_actor(by, setting.acting, "derive")
    setting.policy.check_fields((field,))
    declared = setting.policy.fields.get(field)
    if declared is None or not declared.derived_from:
        raise UsageError(
            f"`{field}` is not derived", place="derive", remedy="the policy declares derived_from for it"
        )
    if field not in setting.policy.purpose(purpose).fields:
        raise UsageError(
            f"`{purpose}` does not list `{field}`", place="derive", remedy="derive it for a purpose that does"
        )
    check_text(model, "a model's name", "derive(model=)", LONGEST_REF, least=0)
    used = declared.derived_from if inputs is None else check_names(inputs, "derive(inputs=)")
    for name in used:
        if name not in declared.derived_from:
            raise UsageError(
                f"the policy does not declare that `{field}` is derived from `{name}`",
                place="derive(inputs=)",
                remedy="declare it under derived_from, or let the model not look at it",
            )
    view = yield from read(setting, ref, purpose, by=by, fields=used)
    view.decision.require()
    hidden = tuple(reason for reason in view.withheld.values() if reason.code != "field.absent")
    if hidden:
        raise refuse(view.decision, hidden, "derive")
    value = (yield from effects.call(compute, view)) if callable(compute) else compute
    lineage = {field: (model, tuple(used))}
    return (yield from put_traced(setting, ref, {field: value}, lineage, purpose=purpose, by=by, key=key))


def prefer(
    setting: Setting,
    ref: str,
    *,
    by: str | None = None,
    topics: Iterable[str] | None = None,
    channels: Iterable[str] | None = None,
    most: int | None = None,
    per: str = "P30D",
    at: datetime | None = None,
    key: str | None = None,
) -> Flow[Noted]:
    """Record what the customer prefers; it replaces what they preferred before, and can only narrow.

    Args:
        setting: the steward's.
        ref: the customer's reference.
        by: the actor.
        topics: words of the host's for what they care about; ``None``: they did not say.
        channels: on which they want to be addressed; ``()``: on none.
        most: how many messages they want at most, in a time of *per* (ISO 8601).
        per: that time.
        at: when they said it.
        key: names this telling.
    """
    by = check_actor(by, setting.acting, "prefer")
    stated = _check(setting, topics, channels, most, per)
    happened = check_happened(at, setting.clock(), "prefer")

    def tell(book: Book) -> Noted:
        need_living(book, "prefer")
        mine = key_bytes(book, "prefer", key, [stated.topics, stated.channels, stated.most, per])
        before = repeated(book, mine, "prefer")
        if before is not None:
            return Noted(before.index, book.now(), book.state.stage, repeated=True)
        said = Preferred(
            at=book.now(), by=by, happened=happened, policy=setting.policy.hash, key=mine, stated=stated
        )
        written = book.append(moved(setting, book, said))
        return Noted(written.index, said.at, book.state.stage)

    return (yield from on_customer(setting, ref, tell))


def _check(
    setting: Setting,
    topics: Iterable[str] | None,
    channels: Iterable[str] | None,
    most: int | None,
    per: str,
) -> Preferences:
    named = None if topics is None else check_names(topics, "prefer(topics=)")
    on = None if channels is None else check_names(channels, "prefer(channels=)")
    if named is not None and (len(named) > MOST_TOPICS or not all(map(TOPIC.fullmatch, named))):
        raise UsageError(
            f"topics are at most {MOST_TOPICS} words of yours",
            place="prefer(topics=)",
            remedy="write small letters, digits and dashes; free text of a person is a value",
        )
    for name in on or ():
        setting.policy.channel(name)
    if most is None:
        return Preferences(topics=named, channels=on)
    check_count(most, "a frequency", "prefer(most=)", 0)
    try:
        span = Duration.parse(per)
    except ValueError as error:
        raise UsageError(str(error), place="prefer(per=)", remedy="write how long, such as P30D") from None
    return Preferences(topics=named, channels=on, most=most, per=span)
