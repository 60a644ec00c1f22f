"""Once known as a minor, always a minor until of age; and a child's own yes never ripens (Art. 8 GDPR)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from clm_ethics import Denied, Offer
from clm_ethics.model import Corrected, Enrolled, Granted, Put, fold
from clm_ethics.policy import Request, decide
from tests.face.shop import START, agree, enrolled, kinds
from tests.regressions.shops import PARTNER, policy, shop

POLICY = policy(**PARTNER)
ASKED = Request("partner", fields=(), channel="email")
YEAR = timedelta(days=366)


def child(*more, **about):
    """Return the state of somebody in Germany after further events."""
    told = {"region": "DE", **about}
    return fold([Enrolled(at=START, purpose="account", about=told, opened={"account": b"1"}), *more])


def yes(**more):
    """Return a yes to the offers of partners."""
    return Granted(at=START, purpose="partner", clause=POLICY.clauses["partner"], shown="n", **more)


@pytest.mark.parametrize("claimed", ["1990-01-01", "2009-01-01"])
def test_putting_an_older_date_does_not_make_older(claimed):
    """A child who is known as one stays one when an earlier date is put: only a correction counts."""
    put = Put(at=START, purpose="account", about={"born": claimed})
    corrected = Corrected(at=START, about={"born": "1990-01-01"})

    assert (
        "consent.guardian_needed" in decide(POLICY, child(put, yes(), born="2015-01-01"), ASKED, START).codes
    )
    assert decide(POLICY, child(put, corrected, yes(), born="2015-01-01"), ASKED, START)


def test_the_face_says_so():
    """Nothing that a child puts lets them agree alone, or be profiled for an offer."""
    with shop(changes=PARTNER) as steward_:
        ana = enrolled(steward_, born="2015-01-01")
        with pytest.raises(Denied, match=r"consent\.guardian_needed"):
            agree(ana, "partner")
        ana.put({"born": "1990-01-01"}, purpose="account", by="web")
        with pytest.raises(Denied, match=r"consent\.guardian_needed"):
            agree(ana, "partner")
        agree(ana, "partner", given_by="guardian")
        choice = ana.choose([Offer("o", purpose="partner", uses={"email"})], channel="email", by="web")
        assert ["offer.minor"] == [each.code for each in (*choice.reasons, *choice.why_not_higher)]
        ana.correct({"born": "1990-01-01"}, by="clerk")
        assert agree(ana, "partner")


def test_a_childs_own_yes_never_ripens():
    """A yes that somebody was too young to give does not begin to count with a birthday."""
    late = Put(at=START, purpose="account", about={"born": "2013-01-01"})
    given = child(yes(), late)
    happened = child(yes(happened=START - 5 * YEAR), born="2009-01-01")

    for years in (0, 4, 20):
        assert ("consent.guardian_needed",) == decide(POLICY, given, ASKED, START + years * YEAR).codes
        assert ("consent.guardian_needed",) == decide(POLICY, happened, ASKED, START + years * YEAR).codes
    assert decide(POLICY, fold([yes(happened=START + 5 * YEAR)], given), ASKED, START + 5 * YEAR)


def test_a_child_is_told_so_even_where_something_else_stops_the_purpose():
    """A child's own yes is refused also where the stage hides that the age would stop it."""
    with shop(
        changes={"purposes__partner": PARTNER["purposes__partner"] | {"stages": ["won_back"]}}
    ) as steward_:
        ana = enrolled(steward_, born="2015-01-01")
        with pytest.raises(Denied, match=r"consent\.guardian_needed"):
            agree(ana, "partner")


def test_a_guardian_does_not_agree_for_somebody_of_age():
    """A parent's yes for a known adult is refused, and nothing is written; one for a child is not."""
    with shop(changes=PARTNER) as steward_:
        ana = enrolled(steward_, born="1990-01-01")
        before = kinds(ana)
        with pytest.raises(Denied, match=r"consent\.not_theirs"):
            agree(ana, "partner", given_by="guardian")
        assert before == kinds(ana)
        assert agree(ana, "partner")
        for ref, born in (("c-2", "2015-01-01"), ("c-3", "2009-01-01")):
            assert agree(enrolled(steward_, ref, born=born), "partner", given_by="guardian")
        nobody_knows = steward_.enroll("c-4", {"region": "DE"}, purpose="account", by="x")
        assert agree(nobody_knows, "partner", given_by="guardian")


def test_what_a_guardian_agreed_to_for_a_child_stands_until_the_grown_up_says_otherwise():
    """EDPB Guidelines 05/2020, 7.1.4: it may be confirmed, changed or withdrawn; by then by nobody else."""
    with shop(changes=PARTNER) as steward_:
        ana = enrolled(steward_, born="2015-01-01")
        agree(ana, "partner", given_by="guardian")
        steward_._setting.clock.move(days=10 * 366)

        assert ana.may("partner", channel="email")
        ana.withdraw("partner", by="customer")
        with pytest.raises(Denied, match=r"consent\.not_theirs"):
            agree(ana, "partner", given_by="guardian")
        ben = enrolled(steward_, "c-2", born="2015-01-01")
        assert agree(ben, "partner", given_by="guardian", at=START + timedelta(days=1))  # told late


def test_a_guardians_yes_for_somebody_of_age_is_no_proof_when_it_is_brought_along():
    """Brought along from elsewhere it is kept, and counts as nobody's: it has to be asked for again."""
    with shop(changes=PARTNER) as steward_:
        shown = steward_.notice("partner").id
        said = {
            "purpose": "partner",
            "at": START,
            "evidence": "form 7",
            "shown": shown,
            "given_by": "guardian",
        }
        rows = [
            (f"c-{born}", {"region": "DE", "born": born, "email": f"{born}@example.org"}, {"said": [said]})
            for born in ("1990-01-01", "2015-01-01")
        ]
        done = steward_.enroll_many(rows, purpose="account", by="import")
        answers = [steward_.customer(ref).may("partner", channel="email", fields=[]) for ref, *_ in rows]

        assert 2 == done.enrolled
        assert [("consent.unproven",), ("consent.given",)] == [each.codes[:1] for each in answers]


def test_a_guardians_yes_for_somebody_of_age_does_not_come_with_a_visit():
    """A form on a parent's device makes no adult agree."""
    with shop(changes=PARTNER) as steward_:
        enrolled(steward_, born="1990-01-01")
        ana, visitor = steward_.customer("c-1001"), steward_.visitor(by="web")
        agree(visitor, "partner", given_by="guardian")
        visitor.identify("c-1001", by="login", given_as=["partner"])

        assert ("consent.missing",) == ana.may("partner", channel="email").codes
