"""An answer in words: for a terminal, for a page and for a program, in English, German and a host's words."""

from __future__ import annotations

import ast
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import clm_ethics
from clm_ethics.errors import UsageError
from clm_ethics.ethics import wording
from clm_ethics.ethics import words as ethics_words
from clm_ethics.model import fold
from clm_ethics.policy import Kind, Reason, decide
from clm_ethics.policy.catalogue import CATALOGUES, ENGLISH, GERMAN, catalogue
from clm_ethics.policy.decision import Change, Fact
from clm_ethics.policy.explanation import explanation, schema
from clm_ethics.policy.policy import _DUTIES
from clm_ethics.policy.words import CODES
from clm_ethics.regimes import Row
from tests.policy.people import DAY, NOON, SHOP, ask, objected, put, refused, shop, someone, withdrawn, yes
from tests.strategies import lives, moments, policies, questions

HOLES = re.compile(r"\{(\w+)\}")
GIVEN = ("law.prohibited", "law.explicit_consent_required", "law.consent_required")
ASSUMED = ("assumed.region", "assumed.age", "assumed.law")
PARTS = ("reasons", "kinds", "duties", "changes", "facts", "lines")


class Tags(HTMLParser):
    """Reads a fragment and checks that every tag is closed where it was opened."""

    def __init__(self, text):
        super().__init__()
        self.open, self.seen, self.words = [], [], []
        self.feed(text)
        self.close()
        assert [] == self.open

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)
        self.seen.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert tag == self.open.pop()

    def handle_data(self, data):
        self.words.append(data)


def holes(text):
    """Return the names of a text's holes."""
    return sorted(HOLES.findall(text))


# --- catalogues -----------------------------------------------------------------------------------


def test_every_code_has_words_in_every_language():
    """Each reason of ``decide``, of the packs and of what is assumed has words, in German its own."""
    for words in CATALOGUES.values():
        assert {*CODES, *GIVEN, *ASSUMED} == set(words.reasons)
        assert all(words.reasons.values())
    assert not {code for code in GERMAN.reasons if GERMAN.reasons[code] == ENGLISH.reasons[code]}


def test_every_code_of_the_ethics_rules_has_words_in_german():
    """No reason of a choice, or of asking, is missing, and none is left over."""
    assert ethics_words.CODES == set(wording.GERMAN_REASONS)
    for locale in CATALOGUES:
        assert {*CODES, *ethics_words.CODES} <= set(wording.catalogue(locale).reasons)


@pytest.mark.parametrize("part", PARTS)
def test_languages_have_the_same_words_with_the_same_holes(part):
    """What can be said in one language can be said in the other, and is filled with the same."""
    english, german = getattr(ENGLISH, part), getattr(GERMAN, part)

    assert set(english) == set(german)
    assert {key: holes(text) for key, text in english.items()} == {
        key: holes(text) for key, text in german.items()
    }


def test_details_keep_their_holes():
    """A translated detail says all that the English one says."""
    for details in (GERMAN.details, wording.GERMAN_DETAILS):
        for english, german in details.items():
            assert holes(english) == holes(german)


def test_every_duty_kind_and_row_has_words():
    """Duties of the packs, kinds of rule and rows of the packs are translated."""
    assert set(_DUTIES.values()) == set(GERMAN.duties)
    assert {kind.value for kind in Kind} == set(GERMAN.kinds)
    assert {row.value for row in Row} - {"children"} <= set(GERMAN.details)


def literals():
    """Return every detail that the code writes out, with its place."""
    for path in sorted(Path(clm_ethics.__file__).parent.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            named = isinstance(node, ast.Call) and getattr(node.func, "id", "") == "reason"
            if named and len(node.args) > 1 and isinstance(node.args[1], ast.Constant):
                yield f"{path.name}:{node.lineno}", node.args[1].value


def test_every_detail_that_the_code_writes_out_has_words_in_german():
    """A phrase after the colon is not left in English."""
    german = wording.catalogue("de")
    found = dict(literals())

    assert len(found) > 20
    assert {} == {place: said for place, said in found.items() if said not in german.details}


@pytest.mark.parametrize(
    ("english", "german"),
    [
        ("3 in 30 days", "3 in 30 Tagen"),
        ("1 in 1 day", "1 in 1 Tag"),
        ("1 in 2 days and 12 hours", "1 in 2 Tagen und 12 Stunden"),
        ("20:00 to 09:00", "20:00 bis 09:00"),
        ("fewer than 20", "weniger als 20"),
        ("change to another plan", "change to another plan"),
        ("none, and it is for customer, drifting", "keine, und er gilt für customer, drifting"),
    ],
)
def test_a_detail_is_translated_and_a_hosts_own_words_are_not(english, german):
    """Numbers, spans and times are said in German; what the host wrote stays as it is."""
    assert german == wording.catalogue("de").detail(english)


def test_a_language_that_nobody_brought_reads_english():
    """A tag's language counts; an unknown one is English; a catalogue is taken as it is."""
    assert catalogue("de-AT") is GERMAN
    assert catalogue("tlh") is ENGLISH
    assert catalogue(GERMAN) is GERMAN


def test_a_host_brings_its_own_words():
    """A catalogue with more reasons says a host's own rule; without them the reason's own words stand."""
    own = Reason("house.mondays", "nothing goes out on Mondays", kind=Kind.HOUSE)
    german = GERMAN.with_reasons({"house.mondays": "montags geht nichts hinaus"})

    assert "nothing goes out on Mondays" == GERMAN.reason(own)
    assert "montags geht nichts hinaus" == german.reason(own)
    assert ("montags geht nichts hinaus",) == tuple(each.text for each in wording.worded([own], german))


def test_a_brace_in_a_value_stays_one():
    """What is filled in is not filled again."""
    assert "the channel were {name}" == ENGLISH.change(Change("channel", "{name}"))
    assert "no entry holds {purpose}" == ENGLISH.fact(Fact("absent", {"field": "{purpose}"}))


# --- the forms ------------------------------------------------------------------------------------


@given(st.data())
def test_every_answer_is_said_in_every_form_and_language(data):
    """Whatever was decided: the forms agree, nothing is left unsaid, and English is what the reasons say."""
    policy = data.draw(policies())
    events = data.draw(lives(policy))
    answer = decide(policy, fold(events), data.draw(questions(policy)), data.draw(moments(events)))

    assert answer.explain() == answer.explain("en", "text")
    assert [each.text for each in answer.reasons] == [ENGLISH.reason(each) for each in answer.reasons]
    for locale in ("en", "de"):
        told = json.loads(answer.explain(locale, "json"))
        jsonschema.validate(told, schema())
        assert list(answer.codes) == [each["code"] for each in told["reasons"]]
        assert {*answer.fields} == {each["field"] for each in told["fields"]}
        assert len(answer.remedies) == len(told["remedies"])
        assert all(fact["text"] and "{" not in fact["text"] for fact in facts_of(told))
        page = Tags(answer.explain(locale, "html"))
        words = " ".join(page.words)
        lines = answer.explain(locale, "full")
        for each in told["reasons"]:
            assert each["text"] in lines
            assert each["text"] in words
            assert each["facts"], each["code"]


def facts_of(told):
    """Return every fact of a JSON explanation."""
    reasons = [*told["reasons"], *(each["reason"] for each in told["withheld"])]
    return [fact for each in reasons for fact in each["facts"]]


@settings(max_examples=40)
@given(st.data())
def test_no_fact_is_a_value_of_a_person(data):
    """Region, date of birth and kind of a customer stand in no form."""
    policy = data.draw(policies())
    events = data.draw(lives(policy, known=True, erased=False))
    state = fold(events)
    answer = decide(policy, state, data.draw(questions(policy)), data.draw(moments(events)))
    told = json.loads(answer.explain(form="json"))
    values = {value for fact in facts_of(told) for value in fact["values"].values()}

    assert values.isdisjoint(state.about.values())


def test_the_facts_of_an_answer_name_entries_and_times():
    """A consent, its entry and day; a no; an open contract; a value's entry, purposes and end."""
    state = someone(yes("advice", until=NOON + 30 * DAY), put("account", "email", told=("newsletter",)))
    advice, account = ask(state, "advice"), ask(state, "account")

    assert (
        Fact("consent", {"entry": "2", "given": "2026-05-04T12:00:00Z"}),
        Fact("consent.until", {"until": "2026-06-03T12:00:00Z"}),
    ) == advice.facts(advice.reasons[0])
    assert (Fact("contract", {"purpose": "account", "open": "1"}),) == account.facts(account.reasons[0])
    said = ask(someone(withdrawn("advice")), "advice")
    assert (Fact("no", {"entry": "2", "at": "2026-05-04T12:00:00Z"}),) == said.facts(said.reasons[0])
    said = ask(someone(objected("catalogue")), "newsletter", "email")
    assert "the objection of entry 2, learnt 2026-05-04T12:00:00Z" in said.explain(form="full")


def test_german_says_the_whole_answer():
    """A no with its article and remedy, as a person in Germany reads it."""
    assert (
        "newsletter: abgelehnt\n"
        "  Grund: die Person wurde nicht gefragt oder hat nicht geantwortet "
        "[GDPR Art. 6(1)(a), Gesetz] (consent.missing)\n"
        "  erlaubt, wenn gilt: die Person willigt ein\n"
        "  kann sich ändern am 2026-08-02 12:00 UTC"
    ) == ask(someone(), "newsletter", "email").explain("de")


def test_a_page_is_a_fragment_with_headings_lists_and_no_style():
    """One section in its language, one heading, a list per part, times that a program reads."""
    answer = ask(someone(put("account", "email")), "account")
    page = Tags(answer.explain("de", "html"))

    assert ("section", {"class": "clm-decision", "lang": "de", "data-verdict": "allow"}) == page.seen[0]
    assert {"section", "h2", "h3", "ul", "li", "strong", "cite", "code", "p", "time"} == {
        tag for tag, _ in page.seen
    }
    assert 1 == sum(tag == "h2" for tag, _ in page.seen)
    assert ("time", {"datetime": "2026-08-02T12:00:00Z"}) in page.seen


def test_a_page_escapes_what_a_policy_says():
    """A law's name with a tag in it is text."""
    policy = shop(purposes__account__basis="legal_obligation", purposes__account__law="<b>AO</b> & co")
    page = ask(someone(), "account", shop=policy).explain("en", "html")

    assert "<b>" not in page
    assert "&lt;b&gt;AO&lt;/b&gt; &amp; co" in page
    assert Tags(page).seen


def test_a_form_that_is_none_is_refused():
    """The error names the forms that there are."""
    with pytest.raises(UsageError, match="text, full, html, json"):
        ask(someone(), "account").explain(form="pdf")


def test_the_format_of_the_json_is_stable():
    """The keys of format 1 stay; the schema asks for every one of them."""
    keys = (
        "at basis fields format language obligations policy purpose reasons remedies stage valid_until "
        "verdict verdict_text withheld"
    )
    told = json.loads(ask(someone(refused("ads")), "ads").explain(form="json"))

    assert keys.split() == sorted(told)
    assert ["cite", "code", "facts", "kind", "kind_text", "pack", "text"] == sorted(told["reasons"][0])
    assert keys.split() == sorted(schema()["$defs"]["Explanation"]["required"])
    assert 1 == told["format"] == explanation(ask(someone(), "ads")).format


def test_the_shop_says_its_remedies_in_changes():
    """A remedy's parts are codes and names, for a program to act on."""
    answer = ask(someone(stage="gone"), "advice", shop=SHOP)

    assert (Change("consent"), Change("stage", "customer")) == answer.remedies[0].changes
    assert "die Person willigt ein und die Phase der Person ist customer" in answer.explain("de")
