"""What a purpose may see: listed, not special without an explicit yes, for this purpose, not over."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from clm_ethics.errors import UnknownName
from clm_ethics.model import Collected, Corrected, Put, Recorded, Removed, Swept, fold
from clm_ethics.model.times import NEVER
from clm_ethics.policy import Grant
from clm_ethics.policy.visible import kept_until
from tests.policy.people import DAY, NOON, SHOP, ask, objected, put, shop, someone, withdrawn, yes

OPEN = Put(at=NOON, opened={"order": b"1"})
TICK = timedelta(microseconds=1)


def bought(
    *told: str, at: datetime = NOON, happened: datetime | None = None, consented: bool = False
) -> Recorded:
    """Return an order that appended a purchase, announced for *told*."""
    item = Collected(field="purchases", announced=tuple(sorted(told)), appended=True, consented=consented)
    return Recorded(at=at, happened=happened, event="ordered", purpose="order", collected=(item,))


def why(answer, name):
    """Return the code by which a field is withheld."""
    assert answer
    return answer.withheld[name].code


# --- minimisation ---------------------------------------------------------------------------------


def test_only_what_the_purpose_lists():
    """A field that the purpose does not list is withheld even if asked for (Art. 5(1)(c))."""
    answer = ask(someone(put("account", "email", "address")), "account", fields=("email", "address"))

    assert ["email"] == list(answer.fields)
    assert "field.unlisted" == why(answer, "address")


def test_unknown_names_are_errors_and_not_answers():
    """A purpose, field or channel that nobody declared is a mistake of the caller."""
    for request in ({"purpose": "avdice"}, {"purpose": "advice", "fields": ("taste",)}):
        with pytest.raises(UnknownName, match="did you mean"):
            ask(someone(), **request)
    with pytest.raises(UnknownName, match="did you mean"):
        ask(someone(), "newsletter", "e-mail")


def test_what_was_never_collected_is_absent():
    """Nothing was collected, so there is nothing to see."""
    assert "field.absent" == why(ask(someone(), "account"), "email")
    assert "field.absent" == why(ask(someone(yes("advice"), stage="customer"), "advice"), "tastes")


def test_coarse_values():
    """A purpose that needs less sees less, of single values and of lists."""
    state = someone(yes("advice"), put("advice", "tastes"), born="1990-01-01")
    state = fold([put("advice", "born")], state)
    answer = ask(state, "advice")

    assert "year" == answer.fields["born"].precision
    assert "count" == answer.fields["tastes"].precision
    assert "" == answer.fields["stage"].precision
    assert "born (year)" in answer.explain()


def test_the_stage_is_seen_where_it_is_listed_and_known():
    """The stage is a field as others, and absent before there is one."""
    policy = shop(purposes__advice__stages=[])

    assert "stage" in ask(someone(yes("advice")), "advice").fields
    assert "field.absent" == why(ask(someone(yes("advice"), stage=""), "advice", shop=policy), "stage")


def test_what_the_host_keeps_is_asked_of_its_source():
    """A field with a source is granted without provenance: the decision stands, the verb fetches."""
    assert Grant() == ask(someone(), "account").fields["points"]


# --- special categories: Art. 9 GDPR ---------------------------------------------------------------


def test_a_special_category_needs_an_explicit_yes():
    """Consent to the purpose is not enough: the yes names the field (Art. 9(2)(a))."""
    collected = put("advice", "allergies")

    assert "field.special" == why(ask(someone(collected, yes("advice")), "advice"), "allergies")
    assert "allergies" in ask(someone(collected, yes("advice", explicit=("allergies",))), "advice").fields


def test_a_special_category_is_not_collected_without_an_explicit_yes():
    """Collecting is processing: the field is withheld from the collector too."""
    answer = ask(someone(yes("advice")), "advice", collect=True, fields=("tastes", "allergies"))

    assert "field.special" == why(answer, "allergies")
    assert Grant() == answer.fields["tastes"]


def test_a_yes_that_the_purpose_did_not_ask_for_does_not_count():
    """Only what the policy asks for explicitly can be agreed to explicitly."""
    policy = shop(purposes__advice__explicit=[])
    state = someone(put("advice", "allergies"), yes("advice", explicit=("allergies",)))

    assert "field.special" == why(ask(state, "advice", shop=policy), "allergies")


def test_a_contract_sees_a_special_category_with_an_explicit_yes():
    """Art. 6 and Art. 9 are asked apart: an explicit consent opens the field beside a contract."""
    policy = shop(
        purposes__order__fields=["email", "address", "purchases", "allergies"],
        purposes__order__basis=["contract", "consent"],
        purposes__order__explicit=["allergies"],
    )
    collected, explicit = put("order", "allergies"), yes("order", shop=policy, explicit=("allergies",))

    assert "field.special" == why(ask(someone(OPEN, collected), "order", shop=policy), "allergies")
    answer = ask(someone(OPEN, collected, explicit), "order", shop=policy)
    assert "contract" == answer.basis
    assert "allergies" in answer.fields
    ended = ask(someone(OPEN, collected, explicit, objected("order")), "order", shop=policy)
    assert "field.special" == why(ended, "allergies")
    expired = yes("order", shop=policy, explicit=("allergies",), until=NOON)
    assert "field.special" == why(ask(someone(OPEN, collected, expired), "order", shop=policy), "allergies")


def test_a_law_sees_what_it_obliges_to_keep():
    """A legal obligation needs no explicit yes (Art. 9(2)(b), (g))."""
    policy = shop(purposes__invoicing__fields=["invoices", "allergies"])

    assert "allergies" in ask(someone(put("invoicing", "allergies")), "invoicing", shop=policy).fields


def test_under_two_laws_the_stricter_claim_decides_on_special_categories():
    """Where one law's claim is an obligation and the other's consent, the explicit yes is needed."""
    policy = shop(
        purposes__invoicing__fields=["invoices", "allergies"],
        purposes__invoicing__basis=["legal_obligation", "consent"],
        purposes__invoicing__basis_under={"US": ["consent"]},
    )
    state = someone(put("invoicing", "allergies"), yes("invoicing", shop=policy), region="US-CA")

    assert "field.special" == why(ask(state, "invoicing", shop=policy), "allergies")


# --- purpose limitation: Art. 5(1)(b), 6(4) GDPR ---------------------------------------------------


def test_what_was_collected_for_the_account_waits_for_a_later_consent():
    """An earlier consent does not reach it, a later one does, in entry order."""
    collected = put("account", "tastes")

    assert "field.other_purpose" == why(ask(someone(yes("advice"), collected), "advice"), "tastes")
    assert "tastes" in ask(someone(yes("advice"), collected, yes("advice")), "advice").fields
    assert "tastes" in ask(someone(collected, yes("advice")), "advice").fields


def test_a_later_consent_counts_whatever_the_law_asked_for():
    """Where opt-out is enough, a yes that stands still opens what was collected before it."""
    american = shop(controller__established=["US-CA"], controller__markets=["US-CA"])

    def tastes(*events):
        answer = ask(someone(*events, region="US-CA"), "newsletter", "email", shop=american)
        assert "opt_out" == answer.basis
        return "tastes" in answer.fields

    collected = put("account", "tastes")
    assert not tastes(collected)
    assert tastes(collected, yes("newsletter"))
    assert not tastes(collected, yes("newsletter", until=NOON))
    assert not tastes(collected, yes("newsletter", channels=("sms",)))


def test_a_yes_to_what_claims_no_consent_opens_nothing():
    """A purpose that does not rest on consent is not widened by one."""
    state = someone(put("account", "tastes"), yes("figures"))

    assert "field.other_purpose" == why(ask(state, "figures"), "tastes")


def test_what_was_announced_may_be_used():
    """The purposes of the notice are the purposes of the collection (Art. 13(1)(c))."""
    assert (
        "tastes" in ask(someone(yes("advice"), put("account", "tastes", told=("advice",))), "advice").fields
    )


def test_items_of_an_event_are_seen_by_the_purposes_they_were_announced_for():
    """Of a list only those items are seen that were collected for the purpose, or agreed to later."""
    before = [yes("advice"), bought("order"), bought("advice", "order"), bought("order")]
    answer = ask(someone(*before), "advice")

    assert ((4, 4),) == answer.fields["purchases"].spans
    assert "field.other_purpose" == answer.partly["purchases"].code
    assert "partly withheld purchases" in answer.explain()
    later = ask(someone(*before, yes("advice"), bought("account")), "advice").fields["purchases"]
    assert ((1, 3), (4, 4), (5, 5)) == later.spans
    assert () == ask(someone(*before, yes("advice")), "advice").fields["purchases"].spans


def test_a_contract_sees_what_it_needs_while_it_is_live():
    """Performance of the contract reaches what was collected for other purposes (Art. 6(1)(b))."""
    state = someone(put("account", "address"), OPEN)

    assert "address" in ask(state, "order").fields


def test_a_law_sees_what_it_needs():
    """A legal obligation reaches it too (Art. 6(1)(c))."""
    assert "invoices" in ask(someone(put("account", "invoices")), "invoicing").fields


def test_a_compatible_purpose_needs_assessment_and_notice():
    """Art. 6(4), 13(3): figures may use an order's data once they were announced; never consented data."""
    order, told = bought("order"), put("account", "email", told=("figures",))
    unassessed = shop(purposes__figures__assessment="x")
    policy = type(SHOP)(unassessed.declared)
    consented = bought("order", consented=True)

    assert "field.other_purpose" == why(ask(someone(order), "figures"), "purchases")
    assert "purchases" in ask(someone(order, told), "figures").fields
    assert "purchases" in ask(someone(told, order), "figures", shop=policy).fields
    assert "field.other_purpose" == why(ask(someone(told, consented), "figures"), "purchases")
    elsewhere = put("account", "tastes")
    assert "field.other_purpose" == why(ask(someone(told, elsewhere), "figures"), "tastes")


def test_correcting_a_value_changes_no_purpose():
    """A date of birth that was told for the account stays there."""
    told = Put(at=NOON, purpose="account", about={"born": "1990-01-01"})
    right = Collected(field="born", announced=("account",))
    corrected = Corrected(at=NOON, about={"born": "1991-01-01"}, collected=(right,))

    assert "field.other_purpose" == why(ask(someone(yes("advice"), told), "advice"), "born")
    assert "field.other_purpose" == why(ask(someone(yes("advice"), told, corrected), "advice"), "born")


# --- storage limitation: Art. 5(1)(e) GDPR ---------------------------------------------------------


def test_a_value_is_over_before_any_sweep():
    """At the end of its time a value is not readable any more, though nobody has removed it."""
    state = someone(yes("advice"), put("advice", "tastes"))
    policy = shop(purposes__advice__stages=[])
    end = NOON.replace(year=NOON.year + 3)

    assert "tastes" in ask(state, "advice", at=end - TICK, shop=policy).fields
    assert end == ask(state, "advice", at=end - TICK, shop=policy).valid_until
    assert "field.expired" == why(ask(state, "advice", at=end, shop=policy), "tastes")


def test_time_runs_per_purpose():
    """What is over for advice is still there for the contract that needs it."""
    state = someone(OPEN, yes("advice"), bought("advice", "order"))
    policy = shop(purposes__advice__keep={"for": "P1D", "from": "collected"})
    later = NOON + DAY

    assert "field.expired" == why(ask(state, "advice", at=later, shop=policy), "purchases")
    assert "purchases" in ask(state, "order", at=later, shop=policy).fields


def test_each_item_has_its_own_time():
    """Of a run of items the older go first; the grant says that each is to be looked at."""
    policy = shop(purposes__advice__stages=[], purposes__advice__keep={"for": "P10D", "from": "collected"})
    old, new = bought("advice", happened=NOON - 5 * DAY), bought("advice")
    state = someone(yes("advice"), old, new)
    first = ask(state, "advice", shop=policy)
    second = ask(state, "advice", at=NOON + 5 * DAY, shop=policy)

    assert Grant(by_item=True) == first.fields["purchases"]
    assert NOON + 5 * DAY == first.valid_until
    assert not first.partly
    assert "field.expired" == second.partly["purchases"].code
    assert NOON + 10 * DAY == second.valid_until
    assert "field.expired" == why(ask(state, "advice", at=NOON + 10 * DAY, shop=policy), "purchases")


def test_a_list_that_was_put_at_once_has_one_time():
    """Its items need not be looked at one by one."""
    whole = Collected(field="purchases", announced=("advice",), items=3)
    state = someone(yes("advice"), Put(at=NOON, purpose="advice", collected=(whole,)))

    assert Grant() == ask(state, "advice").fields["purchases"]


def test_an_expired_run_is_left_out():
    """Runs that are over are no part of the spans."""
    policy = shop(purposes__advice__stages=[], purposes__advice__keep={"for": "P10D", "from": "collected"})
    state = someone(yes("advice"), bought("advice", "order"), bought("advice", at=NOON + 9 * DAY))
    answer = ask(state, "advice", at=NOON + 12 * DAY, shop=policy)

    assert ((4, 4),) == answer.fields["purchases"].spans
    assert "field.expired" == answer.partly["purchases"].code


def test_removed_items_are_gone():
    """A swept field is absent; of a list the oldest items go."""
    state = someone(yes("advice"), bought("advice"), bought("advice", "order"))
    some = fold([Swept(at=NOON, removed=(Removed(field="purchases", items=1),))], state)
    none = fold([Swept(at=NOON, removed=(Removed(field="purchases"),))], state)

    assert [4] == [run.index for run in some.fields["purchases"]]
    assert "field.absent" == why(ask(none, "advice"), "purchases")


def test_retention_runs_from_the_end_of_the_contract():
    """While an order is open there is no end; then from the last closing; without any from the collection."""
    order, closed = SHOP.purposes["order"], Put(at=NOON + DAY, closed={"order": (b"1",)})

    assert NEVER == kept_until(order, someone(OPEN), NOON)
    assert (NOON + DAY).replace(year=2029) == kept_until(order, someone(OPEN, closed), NOON)
    assert NOON.replace(year=2029) == kept_until(order, someone(), NOON)
    assert NEVER == kept_until(SHOP.purposes["ads"], someone(), NOON)


def test_retention_runs_from_the_end_of_the_year():
    """Invoices of 2026 are kept for eight years from its end (AO s. 147(4))."""
    assert datetime(2035, 1, 1, tzinfo=UTC) == kept_until(SHOP.purposes["invoicing"], someone(), NOON)


def test_retention_runs_from_the_first_no():
    """A no that is said again ends nothing later than the first; a yes between the two starts anew."""
    news = SHOP.purposes["newsletter"]
    again, once_more = withdrawn("newsletter", NOON + 20 * DAY), withdrawn("newsletter", NOON + 25 * DAY)

    assert NEVER == kept_until(news, someone(yes("newsletter")), NOON)
    assert NOON + 30 * DAY == kept_until(news, someone(withdrawn("newsletter")), NOON)
    assert NOON + 30 * DAY == kept_until(news, someone(withdrawn("newsletter"), again, once_more), NOON)
    between = someone(withdrawn("newsletter"), yes("newsletter"), again)
    assert NOON + 50 * DAY == kept_until(news, between, NOON)


def test_retention_runs_from_the_end_of_a_consent():
    """A consent that runs out ends the purpose, and who was never asked never agreed to keeping."""
    news = SHOP.purposes["newsletter"]
    informed = put("account", "email", told=("newsletter",))

    assert NOON + 40 * DAY == kept_until(news, someone(yes("newsletter", until=NOON + 10 * DAY)), NOON)
    assert NOON + 30 * DAY == kept_until(news, someone(), NOON)
    assert NEVER == kept_until(news, someone(informed), NOON)  # soft opt-in may carry it
    assert NEVER == kept_until(news, someone(region="US-CA"), NOON)  # nobody has opted out


@pytest.mark.parametrize(
    ("basis", "carries"),
    [("legitimate_interest", True), ("public_task", True), ("contract", False), ("consent", False)],
)
def test_what_else_carries_a_purpose_keeps_its_values(basis, carries):
    """As long as another basis may carry the purpose, the value is needed; a contract, while it is open."""
    policy = shop(
        purposes__figures__basis=sorted({"consent", basis}),
        purposes__figures__keep={"for": "P30D", "from": "withdrawal"},
    )
    figures, opened = policy.purposes["figures"], Put(at=NOON, opened={"figures": b"f"})

    assert (NEVER if carries else NOON + 30 * DAY) == kept_until(figures, someone(), NOON)
    assert (basis != "consent") == (NEVER == kept_until(figures, someone(opened), NOON))


def test_a_claim_under_a_named_regime_may_carry_anywhere():
    """Whoever names a regime, and not a region, keeps the value wherever the customer lives."""
    policy = shop(purposes__newsletter__basis_under={"us-can-spam": ["opt_out"]})

    assert NEVER == kept_until(policy.purposes["newsletter"], someone(), NOON)


def test_retention_runs_from_the_first_objection():
    """The same of objections; a later yes ends them, and what is collected then is kept."""
    news = SHOP.purposes["newsletter"]
    again, once_more = objected("newsletter", NOON + 20 * DAY), objected("newsletter", NOON + 25 * DAY)

    assert NOON + 30 * DAY == kept_until(news, someone(objected("newsletter"), again, once_more), NOON)
    assert NEVER == kept_until(news, someone(objected("newsletter"), yes("newsletter")), NOON)
    between = someone(objected("newsletter"), yes("newsletter"), again)
    assert NOON + 50 * DAY == kept_until(news, between, NOON)
