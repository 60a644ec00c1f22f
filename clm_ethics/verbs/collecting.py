"""How values get in: the decision about collecting, the sealing, what is announced for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from ..errors import NoticeOutdated, UnknownName, UsageError, ValueRefused
from ..model.events import Collected
from ..model.state import BUILT_IN, Status
from ..policy import Request, decide
from ..policy.decide import standing
from ..policy.derived import may_derive, under_consent
from ..policy.typed import MOST_LIST, built_in, size, stored, stored_item
from ..policy.values import Basis
from ..policy.words import reason
from ..transparency.notice import purposes_of
from .common import refuse, token_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from ..flows import Setting
    from ..flows.book import Book
    from ..model.state import State
    from ..policy import Decision, Policy
    from ..policy.values import EventRule, Purpose


class Input(NamedTuple):
    """Checked values: *plain* by field, *items* to append by list field, *about* built-in."""

    plain: dict[str, Any]
    items: dict[str, dict[str, Any]]
    about: dict[str, str]

    def __repr__(self) -> str:
        """Name the fields."""
        return f"<Input for {', '.join(self.names) or 'nothing'}>"

    @property
    def names(self) -> tuple[str, ...]:
        """Every field that gets something."""
        return (*self.plain, *self.items, *self.about)


def check_values(policy: Policy, values: Mapping[str, Any], today: datetime) -> Input:
    """Check *values* by field; ``UnknownName`` or ``ValueRefused`` names the field."""
    plain: dict[str, Any] = {}
    about: dict[str, str] = {}
    for name, value in _pairs(values):
        if name in BUILT_IN or name == "stage":
            about[name] = built_in(name, value, today.date())
            continue
        policy.check_fields((name,))
        field = policy.fields[name]
        if field.source:
            raise UsageError(
                f"the host keeps `{name}` itself", place=f"field `{name}`", remedy="change it at its source"
            )
        plain[name] = stored(field, value)
    return Input(plain, {}, about)


def check_event(policy: Policy, rule: EventRule, values: Mapping[str, Any]) -> Input:
    """Turn the values of an event into the items that it appends."""
    known = {key for keys in rule.appends.values() for key in keys}
    given = dict(_pairs(values))
    for key in given:
        if key not in known:
            raise UnknownName.among("key", str(key), known, place=f"event `{rule.name}`")
    items = {
        name: stored_item(policy.fields[name], {key: given[key] for key in keys})
        for name, keys in rule.appends.items()
        if all(key in given for key in keys)
    }
    return Input({}, items, {})


def _pairs(values: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
    if not hasattr(values, "items"):
        raise UsageError(
            "values are a mapping of field names", place="values", remedy='pass {"field": value}'
        )
    return values.items()


def check_shown(policy: Policy, shown: str | None, verb: str) -> tuple[str, ...]:
    """Return the purposes that the notice *shown* names; a stale or foreign id is a ``NoticeOutdated``."""
    if shown is None:
        return ()
    purposes = purposes_of(policy, shown)
    if not purposes:
        raise NoticeOutdated(
            "the notice is not one of the current policy",
            place=f"{verb}(shown=)",
            remedy="render steward.notice(...) again and send its id back",
        )
    return purposes


def may_collect(
    policy: Policy, state: State, purpose: Purpose, given: Input, at: datetime, verb: str
) -> Decision:
    """Decide whether *given* may be collected for *purpose*; raises ``Denied`` if not."""
    declared = tuple(name for name in given.names if name not in BUILT_IN)
    answer = decide(policy, state, Request(purpose.name, declared, collect=True), at)
    answer.require()
    if answer.withheld:
        raise refuse(answer, tuple(answer.withheld.values()), verb)
    for name in given.names:
        if not may_derive(policy, state, purpose.name, name, at):
            raise refuse(answer, (reason("field.other_purpose", f"what `{name}` is derived from"),), verb)
    if state.anonymous and not policy.identifying.isdisjoint(declared):
        raise refuse(answer, (reason("visitor.identity"),), verb)
    return answer


def collect(
    setting: Setting,
    book: Book,
    purpose: Purpose,
    given: Input,
    answer: Decision,
    informed: tuple[str, ...],
    happened: datetime,
) -> tuple[Collected, ...]:
    """Seal the values into *book* and return what the event says about them."""
    consented = answer.basis == Basis.CONSENT.value
    told = {purpose.name, *informed}
    found = []
    for name, value in given.plain.items():
        values = value if setting.policy.fields[name].type == "list" else [value]
        found.append(
            Collected(
                field=name,
                announced=announced(setting.policy, book.state, name, told, happened, event=False),
                commitment=book.set_values(name, [(happened, each) for each in values]),
                items=len(values),
                consented=consented or under_consent(setting.policy, book.state, name),
            )
        )
    for name, item in given.items.items():
        drop = _room(setting, book, name, item)
        found.append(
            Collected(
                field=name,
                announced=announced(setting.policy, book.state, name, told, book.now(), event=True),
                commitment=book.set_values(name, [(happened, item)], append=True, drop=drop),
                appended=True,
                dropped=drop,
                consented=consented or under_consent(setting.policy, book.state, name),
            )
        )
    for name in given.about:
        others = announced(setting.policy, book.state, name, told, happened, event=False)
        found.append(Collected(field=name, announced=others, consented=consented))
    if not given.plain.keys().isdisjoint(_lookups(setting.policy)):
        remark_lookups(setting, book)
    return tuple(found)


def announced(
    policy: Policy, state: State, field: str, told: set[str], at: datetime, *, event: bool
) -> tuple[str, ...]:
    """Purpose limitation, at its source: for whom the value is collected (Art. 5(1)(b), 13 GDPR)."""
    asked = [
        each
        for each in policy.listing(field)
        if each.name not in told and _may_stand(policy, state, each, event=event)
    ]
    # The same event may lead to the stage that a purpose is for; until then it looks at nothing.
    allowed = standing(policy, state, asked, at, later=True)
    found = told.union(name for name, basis in allowed.items() if event or basis is Basis.CONSENT)
    if policy.origins(field):  # a computation serves no purpose that what it came from does not serve
        found = {name for name in found if may_derive(policy, state, name, field, at)}
    return tuple(sorted(found))


def _may_stand(policy: Policy, state: State, purpose: Purpose, *, event: bool) -> bool:
    """Say whether it is worth asking: without a yes a consent does not stand."""
    consent = state.consents.get(purpose.name)
    stands = consent is not None and consent.status is Status.GRANTED
    return stands or (event and purpose.name not in policy.only_by_consent)


def _room(setting: Setting, book: Book, name: str, item: dict[str, Any]) -> int:
    """Return how many of the list's oldest items must go for one more."""
    field = setting.policy.fields[name]
    cells = book.cells(name)
    drop = max(len(cells) + 1 - field.max, 0)
    sizes = [len(cell.sealed) for cell in cells]
    while drop < len(cells) and sum(sizes[drop:]) + size(item) > MOST_LIST:
        drop += 1
    if drop and any(Basis.LEGAL_OBLIGATION in purpose.all_bases for purpose in setting.policy.listing(name)):
        raise ValueRefused(
            f"the list is full, and a law needs every item ({field.max} at most)",
            place=f"field `{name}`",
            remedy="raise `max`, or let a source of the host keep it",
        )
    return drop


def _lookups(policy: Policy) -> frozenset[str]:
    return frozenset(name for name, field in policy.fields.items() if field.lookup)


def remark_lookups(setting: Setting, book: Book) -> None:
    """Work out again by which tokens ``find`` reaches the customer."""
    tokens: dict[bytes, None] = {}
    for name in _lookups(setting.policy):
        for value in book.values(name):
            tokens[token_of(setting, name, value.value)] = None
    book.lookups = tokens
    book.remark = True
