"""A state machine over a steward, or over the application around it: hypothesis tells, the laws are asserted.

Subclass :class:`CustomerMachine`, name the policy, and run ``YourMachine.TestCase``. Each ``tell_*``
method may be overridden to go through the application's own endpoints; rules and invariants of the
application's own are added with ``@rule`` and ``@invariant``. Needs the extra ``testing``.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Final

import attrs
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from ..errors import AlreadyEnrolled, Denied, UnknownCustomer, UsageError
from ..policy.values import Basis
from ..steward import Steward
from .clock import Clock
from .strategies import NOES, consent_purposes, event_values, values

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ..policy import Decision, Policy

FIRM: Final = frozenset({Basis.CONTRACT.value, Basis.LEGAL_OBLIGATION.value, Basis.VITAL_INTEREST.value})
"""Bases that no no of the customer's ends."""
_BY = "test"


@attrs.define
class Person:
    """What one made-up customer has said, as far as the application took it.

    Attributes:
        noes: the purposes to which the last answer was a no.
        yeses: the purposes to which the last answer was a yes.
        texts: every text that was told about them.
        keys: of events that opened a contract and were not closed.
        erased: they are gone.
    """

    noes: set[str] = attrs.field(factory=set)
    yeses: set[str] = attrs.field(factory=set)
    texts: set[str] = attrs.field(factory=set)
    keys: list[str] = attrs.field(factory=list)
    erased: bool = False


class CustomerMachine(RuleBasedStateMachine):
    """Customers enrol, agree, refuse, buy and leave, in any order; after each step the laws hold.

    The laws: after a no nothing but a contract, a law or a vital interest carries the purpose; after an
    erasure nothing does but a legal obligation, and no field outside of it is seen; a denied view
    shows nothing; in the end the ledger verifies.

    Attributes:
        policy: the policy; set it in the subclass.
        refs: references that the customers may have.
        shop: the steward that :meth:`open` returned.
        clock: its clock.
        people: what was said, per reference.
    """

    policy: ClassVar[Policy]
    refs: ClassVar[tuple[str, ...]] = ("c-1", "c-2")

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.people: dict[str, Person] = {}
        self.number = 0
        self.shop = self.open()

    def open(self) -> Steward:
        """Return the steward under test: override it to start your application."""
        return Steward.memory(self.policy, clock=self.clock)

    def close(self) -> None:
        """Close what :meth:`open` opened."""
        self.shop.close()

    def teardown(self) -> None:
        """In the end the ledger verifies."""
        try:
            found = self.shop.ledger.verify()
            assert found, f"the ledger does not verify: {found}"
        finally:
            self.close()

    # How things are told: override what goes through your application -----------------------------------

    def tell_enroll(self, ref: str, told: Mapping[str, Any], purpose: str, *, again: bool) -> None:
        """Make a customer; *again*: they were erased, and come back of their own will."""
        self.shop.enroll(ref, told, purpose=purpose, by=_BY, again=again)

    def tell_values(self, ref: str, told: Mapping[str, Any], purpose: str) -> None:
        """Tell values about a customer."""
        self.shop.customer(ref).put(told, purpose=purpose, by=_BY)

    def tell_event(
        self, ref: str, event: str, told: Mapping[str, Any], purpose: str, key: str | None
    ) -> None:
        """Tell what happened; *key* names what it opens or closes, such as the number of an order."""
        self.shop.customer(ref).record(event, told, purpose=purpose, by=_BY, key=key)

    def tell_yes(self, ref: str, purpose: str) -> None:
        """Agree, as the consent form does."""
        self.shop.customer(ref).grant(purpose, shown=self.shop.notice(purpose).id, by=_BY)

    def tell_no(self, ref: str, purpose: str, verb: str) -> None:
        """Say no; *verb* is ``refuse``, ``withdraw`` or ``object_to``."""
        getattr(self.shop.customer(ref), verb)(purpose, by=_BY)

    def tell_erase(self, ref: str) -> None:
        """Delete the account."""
        self.shop.customer(ref).erase(by=_BY)

    # For the application's own invariants ---------------------------------------------------------------

    def living(self) -> Iterator[str]:
        """Return who is a customer now."""
        return (ref for ref, person in self.people.items() if not person.erased)

    def said_no(self, ref: str, purpose: str) -> bool:
        """Tell whether the customer's last answer to *purpose* was a no, or they were erased."""
        person = self.people.get(ref)
        return person is not None and (person.erased or purpose in person.noes)

    def texts_in(self, text: str) -> set[str]:
        """Return the made-up personal texts that stand in *text*, such as a log or somebody else's page."""
        every = {each for person in self.people.values() for each in person.texts}
        return {each for each in every if each in text}

    # Rules ----------------------------------------------------------------------------------------------

    @rule(data=st.data())
    def enroll(self, data: st.DataObject) -> None:
        """Somebody becomes a customer, or tries to."""
        ref = self._one(data, self.refs)
        purpose = self._one(data, sorted(self.policy.purposes))
        told = data.draw(values(self.policy, purpose))
        person = self.people.get(ref)
        again = person is not None and person.erased
        try:
            self.tell_enroll(ref, told, purpose, again=again)
        except (Denied, AlreadyEnrolled):
            return
        if person is None or again:
            self.people[ref] = person = Person()
        person.texts.update(_texts(told))

    @precondition(lambda self: bool(self.people))
    @rule(data=st.data())
    def put(self, data: st.DataObject) -> None:
        """Values are told."""
        ref, purpose = self._asked(data)
        told = data.draw(values(self.policy, purpose))
        if self._told(ref, lambda: self.tell_values(ref, told, purpose)):
            self.people[ref].texts.update(_texts(told))

    @precondition(lambda self: bool(self.people and self.policy.events))
    @rule(data=st.data())
    def record(self, data: st.DataObject) -> None:
        """Something happens."""
        ref, _ = self._asked(data)
        event = self._one(data, sorted(self.policy.events))
        told = data.draw(event_values(self.policy, event))
        declared = self.policy.events[event]
        purpose = self._one(data, sorted({*declared.opens, *declared.closes}) or sorted(self.policy.purposes))
        person = self.people[ref]
        key = None
        if declared.opens:
            self.number += 1
            key = f"k-{self.number}"
        elif declared.closes and person.keys:
            key = self._one(data, person.keys)
        try:
            taken = self._told(ref, lambda: self.tell_event(ref, event, told, purpose, key))
        except UsageError:
            if not declared.closes:
                raise
            return  # of several contracts nobody said which one
        if taken:
            person.texts.update(_texts(told))
            person.keys = [*person.keys, key] if declared.opens and key else _without(person.keys, key)

    @precondition(lambda self: bool(self.people and consent_purposes(self.policy)))
    @rule(data=st.data())
    def say_yes(self, data: st.DataObject) -> None:
        """A customer agrees."""
        ref = self._one(data, sorted(self.people))
        purpose = self._one(data, consent_purposes(self.policy))
        if self._told(ref, lambda: self.tell_yes(ref, purpose)):
            self.people[ref].noes.discard(purpose)
            self.people[ref].yeses.add(purpose)

    @precondition(lambda self: bool(self.people))
    @rule(data=st.data())
    def say_no(self, data: st.DataObject) -> None:
        """A customer says no, which never fails, and counts at once."""
        ref, purpose = self._asked(data)
        verb = self._one(data, NOES)
        try:
            self.tell_no(ref, purpose, verb)
        except UnknownCustomer:
            assert self.people[ref].erased, "a no of a living customer was refused"
            return
        self.people[ref].yeses.discard(purpose)
        self.people[ref].noes.add(purpose)

    @precondition(lambda self: bool(self.people))
    @rule(data=st.data())
    def read(self, data: st.DataObject) -> None:
        """A purpose looks at a customer: what it is denied, it does not see."""
        ref, purpose = self._asked(data)
        view = self.shop.customer(ref).read(purpose, by=_BY)
        self._check(ref, purpose, view.decision)
        assert view or not view.fields, f"a denied view of {purpose} shows {view.fields}"
        unlisted = set(view.fields) - set(self.policy.purposes[purpose].fields)
        assert not unlisted, f"{purpose} sees {sorted(unlisted)}, which it does not list"

    @precondition(lambda self: bool(self.people))
    @rule(data=st.data())
    def erase(self, data: st.DataObject) -> None:
        """A customer leaves."""
        ref = self._one(data, sorted(self.people))
        self.tell_erase(ref)
        self.people[ref].erased = True
        self.people[ref].noes.clear()
        self.people[ref].yeses.clear()

    @rule(days=st.sampled_from([1, 30, 100, 400]))
    def wait(self, days: int) -> None:
        """A notary seals what there is, and time passes."""
        self.shop.seal()
        self.clock.move(timedelta(days=days))

    @invariant()
    def no_means_no(self) -> None:
        """Nobody is served against a no, or after an erasure."""
        for ref in self.people:
            for purpose in self.policy.purposes:
                self._check(ref, purpose, self.shop.customer(ref).may(purpose))

    def _check(self, ref: str, purpose: str, answer: Decision) -> None:
        person = self.people[ref]
        if person.erased:
            allowed = {Basis.LEGAL_OBLIGATION.value}
            assert not answer or answer.basis in allowed, f"{purpose} goes on after an erasure: {answer}"
        elif purpose in person.noes:
            assert not answer or answer.basis in FIRM, f"{purpose} goes on after a no: {answer}"

    def _one(self, data: st.DataObject, known: Any) -> Any:
        return data.draw(st.sampled_from(known))

    def _asked(self, data: st.DataObject) -> tuple[str, str]:
        return self._one(data, sorted(self.people)), self._one(data, sorted(self.policy.purposes))

    def _told(self, ref: str, call: Any) -> bool:
        """Tell it; false if the policy refused, or the customer is gone."""
        try:
            call()
        except Denied:
            return False
        except UnknownCustomer:
            assert self.people[ref].erased, "a living customer is unknown"
            return False
        assert not self.people[ref].erased, "something was told about somebody who was erased"
        return True


def _without(keys: list[str], key: str | None) -> list[str]:
    return [each for each in keys if each != key]


def _texts(told: Mapping[str, Any]) -> Iterator[str]:
    """Return the texts in *told* that were made to be found again."""
    for value in told.values():
        parts = value if isinstance(value, list) else [value]
        for part in parts:
            inner = part.values() if isinstance(part, dict) else [part]
            yield from (each for each in inner if isinstance(each, str) and "quetzal" in each)
