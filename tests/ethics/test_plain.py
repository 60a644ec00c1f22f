"""Why do I see this, in the customer's language."""

from __future__ import annotations

from string import Formatter

import pytest

from clm_ethics.ethics import Offer
from clm_ethics.ethics.plain_words import ENGLISH, GERMAN
from clm_ethics.model import Withdrawn
from clm_ethics.policy.values import Basis
from tests.ethics.shop import NOON, someone, try_one

OFFER = Offer("x", purpose="news", uses={"tastes"}, segment={"tastes"}, segment_size=3)


def test_both_languages_say_the_same():
    """Every sentence is there, with the same holes, and for every legal basis."""
    assert ENGLISH.keys() == GERMAN.keys()
    for key, words in ENGLISH.items():
        holes = [sorted(each[1] or "" for each in Formatter().parse(said)) for said in (words, GERMAN[key])]
        assert set(holes[0]) - {""} == set(holes[1]) - {""}
    assert {f"rests.{each.value}" for each in Basis} <= ENGLISH.keys()


def test_a_choice_says_in_german_why_it_is_seen():
    """The purpose has its German title, and what kept a level away is German, with its field."""
    minor = someone(born="2009-01-01")
    told = try_one(minor, offer=OFFER).explain("de")

    assert "Sie sehen x über email wegen dieses Zwecks: news (de) (news)." in told
    assert "Sie haben darin eingewilligt (am 2026-05-04)." in told
    assert "wird für ein Angebot ein Profil gebildet (offer.minor)" in told
    assert "Hausregel" in told
    assert "widerrufen Sie Ihre Einwilligung" in told


def test_a_field_that_was_not_used_is_named_in_german():
    """The field stands before the words."""
    none = someone()
    told = try_one(none, offer=Offer("x", purpose="news", uses={"points"})).explain("de")
    assert "  points: die Quelle, die es hält, wurde nicht angegeben (source.absent)" in told


def test_nothing_is_explained_in_german_too():
    """Why nothing was chosen, in text and as a page."""
    gone = someone(Withdrawn(at=NOON, purpose="news"))
    answer = try_one(gone)
    assert "Über email wurde nichts ausgewählt." in answer.explain("de")
    assert "<li>x wurde zurückgehalten:<ul><li>" in answer.explain("de", html=True)
    assert "die Person hat ihre Einwilligung widerrufen (consent.withdrawn)" in answer.explain("de-AT")


@pytest.mark.parametrize("locale", ["en", "fr", "x-none"])
def test_another_language_reads_english(locale):
    """What is not translated is said in English."""
    assert try_one(someone()).explain() == try_one(someone()).explain(locale).replace(
        "news (fr)", "news (en)"
    )
