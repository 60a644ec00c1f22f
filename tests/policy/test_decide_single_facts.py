"""One fact alone turns the answer: cases that made-up lives meet too rarely to tell apart."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from clm_ethics.errors import UnknownName
from clm_ethics.model import Collected, Preferences, Preferred, Put, Recorded, SignalReceived
from clm_ethics.model.events import Faded
from clm_ethics.policy import Basis
from clm_ethics.policy.decide import known_age
from clm_ethics.policy.decision import Kind
from clm_ethics.policy.policy import ASSUMED_AGE, FIRM
from clm_ethics.policy.values import ADVERTISING
from clm_ethics.policy.visible import kept_until
from tests.policy.people import DAY, NOON, SHOP, ask, objected, put, refused, shop, someone, yes


def codes(answer):
    """Return the codes of an answer."""
    return list(answer.codes)


def prefers(*channels):
    """Return that the customer wants to be reached there."""
    return Preferred(at=NOON, stated=Preferences(channels=channels))


# --- stops -----------------------------------------------------------------------------------------


def test_a_stated_preference_rules_out_the_other_channels():
    """Who prefers texts is not written to by mail; without a channel, or a preference, nothing stops."""
    agreed = yes("newsletter")

    assert ["preference.channel"] == codes(ask(someone(agreed, prefers("sms")), "newsletter", "email"))
    assert ["preference.channel"] == codes(ask(someone(agreed, prefers()), "newsletter", "sms"))
    assert ask(someone(agreed, prefers("sms")), "newsletter", "sms")
    assert ask(someone(agreed, prefers("sms")), "newsletter")
    assert ask(someone(agreed, Preferred(at=NOON, stated=Preferences())), "newsletter", "email")


FADES = [{"after": "P1Y", "announce": "P30D", "seal": True}]
FADING = shop(lifecycle__decay={"without": ["ordered"], "steps": FADES})


def test_who_is_sealed_away_is_left_alone():
    """Data sealed for inactivity serves what a contract needs, and what the customer does themselves."""
    sealed = someone(Faded(at=NOON, what="seal", step=0, since=NOON))

    assert ["inactive.sealed"] == codes(ask(sealed, "figures", shop=FADING))
    assert ask(sealed, "account", shop=FADING)
    assert ask(sealed, "figures", shop=FADING, collect=True)
    assert ask(sealed, "figures")  # a policy that lets nothing fade
    assert ask(someone(), "figures", shop=FADING)
    shrunk = someone(Faded(at=NOON, what="shrink", step=0, since=NOON))
    assert ask(shrunk, "figures", shop=FADING)


def test_each_stop_is_named_in_its_order():
    """A refusal, an objection, a signal and a preference: all of them, and none hides another."""
    american = shop(controller__established=["US-CA"], controller__markets=["US-CA"])
    said = (refused("ads"), objected("ads"), SignalReceived(at=NOON, signal="gpc"))

    answer = ask(someone(*said, region="US-CA"), "ads", shop=american)

    assert ["consent.refused", "objection", "signal"] == codes(answer)


# --- claims ----------------------------------------------------------------------------------------


def test_a_refusal_leaves_claims_alone_that_are_all_firm():
    """A no to a purpose that a contract or a law carries ends neither."""
    firm = shop(purposes__account__basis=["contract", "legal_obligation"], purposes__account__law="AO s. 147")

    assert "contract" == ask(someone(refused("account")), "account", shop=firm).basis


def test_an_objection_where_no_consent_is_claimed():
    """It stops the purpose by its own name."""
    bare = shop(purposes__figures__basis=["legitimate_interest", "opt_out"])

    assert ["objection"] == codes(ask(someone(objected("figures", shop=bare)), "figures", shop=bare))


def test_an_objection_to_something_else():
    """It leaves every claim of this purpose open."""
    both = shop(purposes__figures__basis=["legitimate_interest", "consent"])

    assert "legitimate_interest" == ask(someone(objected("archive")), "figures", shop=both).basis


def test_a_claim_that_holds_beside_the_first_counts_for_fields():
    """Under a contract as well, a purpose reaches what it needs; the first claim is the reason."""
    beside = shop(purposes__figures__basis=["legitimate_interest", "contract"])
    opened = Put(at=NOON, purpose="figures", opened={"figures": b"f"})
    tastes = put("newsletter", "tastes")

    with_contract = ask(someone(tastes, opened), "figures", shop=beside)
    without = ask(someone(tastes), "figures", shop=beside)

    assert "legitimate_interest" == with_contract.basis == without.basis
    assert "legitimate_interest.assessed" == codes(with_contract)[0]
    assert "tastes" in with_contract.fields
    assert "field.other_purpose" == without.withheld["tastes"].code


def test_soft_opt_in_looks_at_addresses_alone():
    """A channel without an address asks for no sale; an address of which no notice told is not enough."""
    wide = shop(purposes__newsletter__channels=["email", "web"])
    sold = put("order", "email", told=("newsletter",))
    untold = Put(
        at=NOON,
        purpose="order",
        collected=(Collected(field="email", announced=("newsletter", "order")),),
    )

    assert "soft_opt_in" == ask(someone(sold), "newsletter", shop=wide).basis
    assert not ask(someone(untold), "newsletter", "email")


def test_vital_interest_and_public_task_stand_by_themselves():
    """Who claims them needs no yes and no contract; an objection ends a public task alone."""
    for basis, after in (("vital_interest", True), ("public_task", False)):
        claimed = shop(purposes__archive__basis=basis)
        no = objected("archive", shop=claimed)

        assert basis == ask(someone(), "archive", shop=claimed).basis
        assert after is bool(ask(someone(no), "archive", shop=claimed))


# --- age -------------------------------------------------------------------------------------------


def test_a_service_for_children_assumes_nothing():
    """Where children of twelve may agree (Brazil), those of unknown age on a children's site may not."""
    brazil = {"controller__established": ["BR"], "controller__markets": ["BR"]}
    children = shop(controller__audience="children", **brazil)
    minimum = children.plan(children.purposes["advice"], "", "BR", NOON, None).consent_age
    assert 12 == minimum

    assert "consent.guardian_needed" in codes(
        ask(someone(yes("advice"), region="BR"), "advice", shop=children)
    )


def test_a_minor_is_one_until_of_age():
    """At the instant itself, no longer; before it, a small child if the date of birth is gone."""
    minor = replace(someone(), minor_until=NOON)

    assert (0, None) == (known_age(minor, NOON - timedelta(seconds=1)), known_age(minor, NOON))


def test_a_date_of_birth_that_nobody_can_read_is_a_small_child():
    """It frees nobody, and the answer has no end for it."""
    unreadable = someone(yes("advice"), born="soon")

    assert 0 == known_age(unreadable, NOON)
    answer = ask(unreadable, "advice")
    assert "consent.guardian_needed" in codes(answer)
    assert answer.valid_until is None or answer.valid_until > NOON


def test_the_highest_age_of_two_establishments():
    """A customer elsewhere is protected by the law of each place that the controller works from."""
    two = shop(controller__established=["AT", "DE"])

    assert 16 == two.plan(two.purposes["advice"], "", "US-OH", NOON, 15).consent_age
    assert 14 == two.plan(two.purposes["advice"], "", "AT", NOON, 15).consent_age


# --- what the law is told --------------------------------------------------------------------------

CONNECTICUT = {
    "controller__established": ["US-CT"],
    "controller__markets": ["US-CT"],
    "purposes__ads__basis": "opt_out",
    "purposes__ads__basis_under": {},
}
AUTUMN = datetime(2026, 10, 2, tzinfo=UTC)


def test_precise_locations_are_seen_over_derivation():
    """Public Act 26-64 bans their sale from 2026-10-01; what is computed from one is one."""
    where = {
        "fields__place": {"type": "text", "category": "user.location.precise"},
        "fields__area": {"type": "text", "category": "user.location", "derived_from": ["place"]},
    }
    sold = {
        name: ask(
            someone(region="US-CT", born="1980-01-01"),
            "ads",
            shop=shop(purposes__ads__fields=[name], **CONNECTICUT, **where),
            at=AUTUMN,
        )
        for name in ("tastes", "place", "area")
    }

    assert {"tastes": True, "place": False, "area": False} == {
        name: bool(each) for name, each in sold.items()
    }
    assert ["law.prohibited"] == codes(sold["place"]) == codes(sold["area"])


def test_sensitive_data_anywhere_brings_the_act_in():
    """SB 1295: whoever handles any sensitive data is bound, however small; the act then hears the signal."""
    small = {"controller__facts": {"residents": {"US-CT": 1}, "sells": False, "sale_share": 0}}
    with_allergies = shop(**CONNECTICUT, **small)
    without = shop(
        **CONNECTICUT,
        **small,
        fields__allergies={"type": "list", "max": 20, "category": "user.behavior"},
        purposes__advice__explicit=[],
    )
    signals = [
        set(each.plan(each.purposes["ads"], "", "US-CT", AUTUMN, 40).signals)
        for each in (with_allergies, without)
    ]

    assert [{"gpc"}, set()] == signals


def test_a_refusal_by_law_names_pack_row_and_kind():
    """And what was assumed says that it is a house rule."""
    answer = ask(someone(region="", born=""), "ads", shop=shop(purposes__ads__basis="opt_out"))
    (refusal, *_) = answer.reasons

    assert ("law.consent_required", "targeted_ads") == (refusal.code, refusal.detail)
    assert "the law asks for consent, and the purpose claims another basis (targeted_ads)" == refusal.text
    assert refusal.pack
    assert refusal.cite
    plan = SHOP.plan(SHOP.purposes["calls"], "phone", "", NOON, None)
    notes = {note.code: note for note in plan.notes}
    assert {Kind.HOUSE} == {note.kind for note in plan.notes}
    assert "DE, FR" == notes["assumed.region"].detail
    assert "(DE, FR)" in notes["assumed.region"].text


# --- how long --------------------------------------------------------------------------------------


def test_many_values_end_one_by_one():
    """Of values collected at different times the first that ends is the next change."""
    old, new = NOON - 100 * DAY, NOON
    state = someone(
        yes("advice", at=old),
        put("advice", "tastes", at=old),
        put("advice", "tastes", at=new),
        at=old,
        born="1980-01-01",
    )
    purpose = SHOP.purposes["advice"]

    assert kept_until(purpose, state, old) < kept_until(purpose, state, new)
    assert datetime(2029, 1, 24, 12, tzinfo=UTC) == kept_until(purpose, state, old)


def test_a_contract_that_lives_again_keeps_its_data():
    """Closed once and opened anew, it has not ended."""
    closed = Recorded(at=NOON, event="ordered", purpose="account", closed={"account": (b"a",)})
    again = Put(at=NOON + DAY, purpose="account", opened={"account": b"b"})
    email = put("account", "email")
    late = NOON + 40 * DAY

    assert "email" in ask(someone(email, closed, again), "account", at=late).fields


def test_who_never_agreed_is_kept_from_the_collection_on():
    """Of unknown region too, where another basis under another law would carry it."""
    newsletter = SHOP.purposes["newsletter"]

    assert NOON + 30 * DAY == kept_until(newsletter, someone(region=""), NOON)
    carried = kept_until(newsletter, someone(region="US-OH"), NOON)
    assert carried > NOON + 3650 * DAY


# --- names -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["purpose", "event", "channel"])
def test_an_unknown_name_says_of_what(kind):
    """Whatever is asked for, text or not, the error says what it was to be."""
    for name in ("nonsense", ["nonsense"], None):
        with pytest.raises(UnknownName, match=kind):
            getattr(SHOP, kind)(name)


def test_an_unknown_field_says_so():
    """The first of several that is none."""
    with pytest.raises(UnknownName, match=r"field.*nonsense"):
        SHOP.check_fields(["email", "nonsense"])
    assert {Basis.CONSENT} == SHOP.purposes["advice"].all_bases
    assert "advice" in {each.name for each in SHOP.listing("stage")}
    assert "calls" not in {each.name for each in SHOP.listing("stage")}


# --- the tables ------------------------------------------------------------------------------------


def test_the_tables_of_the_decision():
    """What an unknown age means, which claims no objection ends, what advertises (Art. 21 GDPR)."""
    assert {"adults": 18, "general": 16, "children": 12} == ASSUMED_AGE
    assert {Basis.CONTRACT, Basis.LEGAL_OBLIGATION, Basis.VITAL_INTEREST} == FIRM
    assert {"direct_marketing", "targeted_ads", "sale_sharing"} == ADVERTISING


def test_what_a_policy_works_out_once():
    """The purposes that rest on consent alone, and the events whose absence moves a stage or lets fade."""
    assert {"advice"} == SHOP.only_by_consent
    assert {"ordered"} == SHOP.timed_events
    silent = shop(lifecycle__decay={"without": ["ordered", "called"], "steps": FADES}, events__called={})
    assert {"ordered", "called"} == silent.timed_events
    assert {"email", "phone", "address"} <= SHOP.identifying
    assert list(SHOP.fields) == list(SHOP.document["fields"])
    assert list(SHOP.purposes) == list(SHOP.document["purposes"])
