"""The kit for hosts: what it draws fits the policy, and its machine finds applications that do wrong."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, run_state_machine_as_test

from clm_ethics import Denied, Steward, UnknownCustomer
from clm_ethics.model import fold
from clm_ethics.policy import decide
from clm_ethics.testing import Clock, CustomerMachine, play, strategies
from tests.face.shop import POLICY

QUICK = settings(
    max_examples=40,
    stateful_step_count=15,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    print_blob=False,
)


class Shop(CustomerMachine):
    """An application that passes everything on, and looks at nothing itself."""

    policy = POLICY


class Deaf(Shop):
    """Its withdrawal endpoint says thank you, and does nothing."""

    def tell_no(self, ref, purpose, verb):
        """Forget it."""


class Eager(Shop):
    """It takes every no for a yes, where a yes can be told."""

    def tell_no(self, ref, purpose, verb):
        """Press the other button."""
        super().tell_no(ref, purpose, verb)
        if purpose in strategies.consent_purposes(self.policy):
            with suppress(Denied):  # a child's yes
                self.tell_yes(ref, purpose)


class Keeper(Shop):
    """Its account deletion hides the account, and keeps the data."""

    def tell_erase(self, ref):
        """Only look whether they are there."""
        self.shop.customer(ref).history()


class Mailer(Shop):
    """It keeps a list of recipients of its own, which hears of every yes and of no no."""

    def open(self):
        """Start with an empty list."""
        self.recipients = set()
        return super().open()

    def tell_yes(self, ref, purpose):
        """Subscribe."""
        super().tell_yes(ref, purpose)
        if purpose == "newsletter":
            self.recipients.add(ref)

    @invariant()
    def nobody_is_mailed_against_a_no(self):
        """What the application promises."""
        assert not [ref for ref in self.recipients if self.said_no(ref, "newsletter")]


class Chatty(Shop):
    """It logs what it was told."""

    def open(self):
        """Start with an empty log."""
        self.log = ""
        return super().open()

    def tell_enroll(self, ref, told, purpose, *, again):
        """Write it down."""
        super().tell_enroll(ref, told, purpose, again=again)
        self.log += f"enrolled {told}\n"

    @invariant()
    def the_log_names_nobody(self):
        """What the application promises."""
        assert not self.texts_in(self.log)


def test_a_good_application_passes():
    """Whatever customers do in whatever order, the laws hold."""
    run_state_machine_as_test(Shop, settings=QUICK)


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (Deaf, "goes on after a no"),
        (Eager, "goes on after a no"),
        (Keeper, "goes on after an erasure|something was told about somebody who was erased"),
        (Mailer, "assert not"),
        (Chatty, "quetzal"),
    ],
)
def test_a_bad_application_is_found(broken, said):
    """The machine finds who does not listen, does not forget, or tells."""
    with pytest.raises(AssertionError, match=said):
        run_state_machine_as_test(broken, settings=settings(QUICK, max_examples=200))


@settings(max_examples=25, deadline=None)
@given(strategies.histories(POLICY), st.sampled_from(sorted(POLICY.purposes)))
def test_a_no_ends_what_a_history_allowed(history, purpose):
    """A test of a host's: after any history, a no ends all that no contract and no law needs."""
    clock = Clock()
    with Steward.memory(POLICY, clock=clock) as shop:
        ana = play(shop, "c-1", history, clock=clock)
        try:
            ana.withdraw(purpose, by="test")
        except UnknownCustomer:
            assert ("customer.unknown",) == ana.may(purpose).codes  # the policy refused the enrolment
        answer = ana.may(purpose)
        assert not answer or answer.basis in {"contract", "legal_obligation"}
        assert shop.ledger.verify()


@settings(max_examples=50, deadline=None)
@given(strategies.states(POLICY), strategies.noes(POLICY), strategies.requests(POLICY))
def test_states_questions_and_noes_fit_each_other(state, no, request):
    """They are what ``decide`` and ``fold`` take: one more no never permits more."""
    assert decide(POLICY, state, request, no.at) or not decide(POLICY, fold([no], state), request, no.at)


@pytest.mark.parametrize("verb", ["put", "record", "grant", "refuse", "withdraw", "object_to", "restrict"])
def test_histories_reach_every_verb(verb):
    """Nothing that a customer may do is left out."""
    found = find(
        strategies.histories(POLICY),
        lambda history: any(each.verb == verb for each in history),
        settings=settings(database=None, phases=[Phase.generate]),
    )
    assert "enroll" == found[0].verb


@pytest.mark.parametrize("purpose", ["recommendations", "order", "newsletter"])
def test_states_reach_yes_and_no(purpose):
    """Both answers are found for each kind of basis: a strategy that only meets one would show nothing."""
    at = strategies.START.replace(year=2027)
    for wanted in (True, False):
        find(
            strategies.states(POLICY),
            lambda state, wanted=wanted: (
                wanted == bool(decide(POLICY, state, strategies.Request(purpose), state.at or at))
            ),
            settings=settings(max_examples=2000, database=None, phases=[Phase.generate]),
        )


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_values_are_of_the_declared_types(data):
    """What is drawn for a purpose is taken by the verbs, except where the policy itself says no."""
    purpose = data.draw(st.sampled_from(["account", "order"]))
    event = data.draw(st.sampled_from(sorted(POLICY.events)))
    with Steward.memory(POLICY) as shop:
        ana = shop.enroll("c-1", data.draw(strategies.values(POLICY, purpose)), purpose=purpose, by="test")
        assert ana.put(data.draw(strategies.values(POLICY, purpose)), purpose=purpose, by="test")
        under = "account" if event == "account_closed" else "order"
        values = data.draw(strategies.event_values(POLICY, event))
        if event == "complaint" or purpose == under or event == "order_placed":
            assert ana.record(event, values, purpose=under if event != "complaint" else purpose, by="test")
