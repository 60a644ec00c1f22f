"""A notice says what the policy says, in the customer's language, and its id proves it."""

from __future__ import annotations

import gc
from copy import deepcopy
from html.parser import HTMLParser
from typing import Any
from weakref import ref

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from clm_ethics.errors import UnknownName, UsageError
from clm_ethics.model import Duration
from clm_ethics.policy import Policy
from clm_ethics.policy.reading import MOST_TEXT
from clm_ethics.policy.values import Basis
from clm_ethics.policy.vocabulary import PROCESSING, STARTS
from clm_ethics.transparency import purposes_of, render
from clm_ethics.transparency.catalogue import CATALOGUES, ENGLISH, GERMAN, catalogue
from clm_ethics.transparency.notice import span

DOCUMENT: dict[str, Any] = {
    "format": 1,
    "audit": {"keep": "P3Y"},
    "controller": {
        "name": "Shop <b>& Co</b>",
        "contact": "privacy@shop.example",
        "established": ["DE"],
        "locales": ["en", "de", "fr", "de-AT"],
    },
    "fields": {
        "email": {"type": "text", "category": "user.contact.email"},
        "tastes": {"type": "list", "max": 20, "category": "user.behavior"},
        "churn": {"type": "number", "category": "user.behavior", "derived_from": ["tastes"]},
        "allergies": {"type": "list", "max": 20, "category": "user.health_and_medical"},
    },
    "purposes": {
        "news": {
            "title": {"en": "Tell you <news>", "de": "Neues erzählen", "fr": "Vous dire", "de-AT": "Servus"},
            "processing": ["direct_marketing", "personalization"],
            "basis": ["consent", "soft_opt_in"],
            "basis_under": {"US": ["opt_out"]},
            "channels": ["email"],
            "fields": ["email", "tastes", "churn", "allergies", "born"],
            "explicit": ["allergies"],
            "coarse": {"born": "year", "tastes": "count", "email": "prefix:3", "churn": "bucket:10"},
            "consent_expires": "P13M",
            "shared_with": ["Mailer Ltd"],
            "device": True,
            "keep": {"for": "P30D", "from": "withdrawal"},
        },
        "books": {
            "title": {"en": "Keep books", "de": "Bücher führen", "fr": "Comptes", "de-AT": "Bücher"},
            "processing": ["essential"],
            "basis": "legal_obligation",
            "law": "DE AO s. 147",
            "fields": ["allergies"],
            "keep": {"for": "P8Y", "from": "year_end"},
        },
        "stats": {
            "title": {"en": "Count", "de": "Zählen", "fr": "Compter", "de-AT": "Zählen"},
            "processing": ["analytics"],
            "basis": "legitimate_interest",
            "assessment": "LIA 3",
            "keep": {"for": "P0D", "from": "contract_end"},
        },
    },
    "channels": {"email": {"address": "email"}},
}


def policy(**changes: Any) -> Policy:
    """Return the policy, with keys changed: ``purposes__news__device=False``."""
    document = deepcopy(DOCUMENT)
    for path, value in changes.items():
        *way, last = path.split("__")
        table = document
        for step in way:
            table = table[step]
        table[last] = value
    return Policy.of(document)


SHOP = policy()


# --- what it says --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "said",
    [
        "Tell you <news>",
        "- email (only the first 3 characters)",
        "- tastes (only how many)",
        "- churn (only in steps of 10; worked out from tastes)",
        "- allergies (special category: only if you agree to it explicitly, Art. 9(2)(a) GDPR)",
        "- born (only the year)",
        "You agree to it (Art. 6(1)(a) GDPR)",
        "Art. 13(2) ePrivacy Directive",
        "In US: The law allows it until you say no.",
        "We make a profile",
        "We also store something on your device",
        "- Mailer Ltd",
        "until 30 days after you have said no",
        "You may withdraw at any time, as easily as you agreed",
        "You may object at any time, without a reason",
        "Your yes lasts 13 months",
        "Shop <b>& Co</b>. Ask us, or say no, at: privacy@shop.example.",
        "for 3 years",
    ],
)
def test_everything_the_policy_says_is_said(said):
    """Title, data and precision, basis and article, recipients, retention, rights and contact are in it."""
    assert said in render(SHOP, ("news",), "en").text


@pytest.mark.parametrize(
    ("purpose", "said"),
    [
        ("books", "A law obliges us: DE AO s. 147 (Art. 6(1)(c) GDPR)."),
        ("books", "8 years from the end of the year in which it was collected"),
        ("books", "- allergies (special category)"),
        ("books", "It ends with what it rests on"),
        ("stats", "Our legitimate interest, weighed against yours: LIA 3 (Art. 6(1)(f) GDPR)."),
        ("stats", "none of your data"),
        ("stats", "until the contract has ended"),
        ("stats", "You may object at any time."),
    ],
)
def test_other_bases_say_their_own(purpose, said):
    """Each basis brings its own article, retention and way out."""
    assert said in render(SHOP, (purpose,), "en").text


def test_a_yes_without_an_end_promises_no_question():
    """Where a consent does not expire, the notice does not say that it will be asked for again."""
    text = render(policy(purposes__stats__basis="consent"), ("stats",), "en").text

    assert "You may withdraw at any time" in text
    assert "then we ask again" not in text


def test_no_end_is_said_too():
    """A purpose without a retention says that it has no fixed end."""
    document = deepcopy(DOCUMENT)
    del document["purposes"]["stats"]["keep"]

    assert "as long as this purpose needs it" in render(Policy.of(document), ("stats",), "en").text


def test_several_purposes_stand_one_after_the_other():
    """A notice of two purposes has both titles, in the order asked for, and the rights once."""
    text = render(SHOP, ("books", "news"), "en").text

    assert text.index("Keep books") < text.index("Tell you")
    assert 1 == text.count("Your rights")


def test_german_is_german():
    """In German no English sentence is left."""
    text = render(SHOP, ("news", "books", "stats"), "de").text

    assert "Neues erzählen" in text
    assert "Sie willigen ein (Art. 6 Abs. 1 lit. a DSGVO)" in text
    assert "bis 30 Tage nach Ihrem Nein" in text
    assert not {"You", "you", "your", "the", "The"} & set(text.split())


def test_a_regional_locale_has_its_languages_words():
    """Austrian German is German, with titles of its own."""
    text = render(SHOP, ("news",), "de-AT").text

    assert "Servus" in text
    assert "Ihre Rechte" in text


def test_another_locale_has_its_titles_and_english_words():
    """What has no catalogue is English, and the title's language is marked (WCAG 3.1.2)."""
    notice = render(SHOP, ("news",), "fr")

    assert "Vous dire" in notice.text
    assert "Your rights" in notice.text
    assert 'lang="en"' in notice.html
    assert '<h3 lang="fr" dir="auto">Vous dire</h3>' in notice.html
    assert "fr" == notice.locale


@pytest.mark.parametrize(
    ("purposes", "locale", "error"),
    [
        (("newz",), "en", UnknownName),
        (("news",), "it", UsageError),
        (("news",), "", UsageError),
        ((), "en", UsageError),
        (("news", "news"), "en", UsageError),
    ],
)
def test_wrong_calls(purposes, locale, error):
    """An unknown purpose or locale, no purpose and one twice are errors."""
    with pytest.raises(error):
        render(SHOP, purposes, locale)


def test_an_unknown_locale_names_the_declared():
    """The error says which locales there are."""
    with pytest.raises(UsageError, match="`en`, `de`, `fr`, `de-AT`"):
        render(SHOP, ("news",), "it")


def test_both_catalogues_say_the_same_things():
    """Each word of one language exists in the other, with the same places to fill in."""
    for name in ("labels", "bases", "starts", "precision", "doings", "units", "texts"):
        english, german = getattr(ENGLISH, name), getattr(GERMAN, name)
        assert english.keys() == german.keys()
        if name != "units":
            for key, said in english.items():
                assert _places(said) == _places(german[key]), key


def _places(text: str) -> set[str]:
    return {part.partition("}")[0] for part in text.split("{")[1:]}


@pytest.mark.parametrize("words", CATALOGUES.values(), ids=list(CATALOGUES))
def test_the_catalogue_covers_the_vocabulary(words):
    """Every basis, every start of a retention and every precision has its words."""
    assert {basis.value for basis in Basis} == set(words.bases)
    assert {*STARTS, ""} == {start for start in words.starts if not start.startswith("now:")}
    assert {f"now:{start}" for start in STARTS if start != "collected"} <= set(words.starts)
    assert set(words.doings) <= set(PROCESSING)
    assert {"analytics", "personalization", "direct_marketing", "automated_decision"} <= set(words.doings)
    assert ENGLISH is catalogue("xx")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("P1Y", "1 year"),
        ("P3Y", "3 years"),
        ("P13M", "13 months"),
        ("P1M", "1 month"),
        ("P30D", "30 days"),
        ("P1Y2D", "1 year and 2 days"),
        ("PT1H1M1S", "1 hour and 1 minute and 1 second"),
    ],
)
def test_durations_in_words(text, words):
    """A retention is told as people say it."""
    assert words == span(Duration.parse(text), ENGLISH)


# --- the page ------------------------------------------------------------------------------------


class _Page(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open.append(tag)
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert tag == self.open.pop()

    def handle_data(self, data: str) -> None:
        self.text += data


TAGS = {"article", "section", "h2", "h3", "dl", "dt", "dd"}


@pytest.mark.parametrize("locale", SHOP.controller.locales)
def test_the_page_is_sound_and_says_the_same(locale):
    """Tags are closed, the language is marked, headings are in order, and no line of the text is lost."""
    notice = render(SHOP, ("news", "books"), locale)
    page = _Page(notice.html)
    names = [name for name, _ in page.tags]
    article, title = page.tags[0][1], page.tags[1][1]

    assert [] == page.open
    assert set(names) == TAGS
    assert article["lang"] in CATALOGUES
    assert article["aria-labelledby"] == title["id"]
    assert ["h2", "h3", "h3"] == [name for name in names if name in {"h2", "h3"}]
    for line in notice.text.splitlines():
        assert line.removeprefix("  - ").removesuffix(":") in page.text


@given(st.text(min_size=1, max_size=MOST_TEXT // 10).filter(lambda text: text.strip() and text.isprintable()))
@example("<script>alert(1)</script>")
@example("\"' onload=x {0} {law} &amp;")
def test_what_the_policy_says_is_escaped(text):
    """Whatever stands in a policy, the page has only the notice's own tags."""
    shop = policy(
        controller__name=text,
        controller__contact=text,
        purposes__books__law=text,
        purposes__news__shared_with=[text],
        purposes__news__title=dict.fromkeys(DOCUMENT["controller"]["locales"], text),
    )
    page = _Page(render(shop, ("news", "books"), "fr").html)

    assert {name for name, _ in page.tags} == TAGS
    assert {"class", "lang", "aria-labelledby", "id", "dir"} >= {key for _, each in page.tags for key in each}
    assert text.strip() in page.text


# --- the id --------------------------------------------------------------------------------------


@given(
    st.lists(st.sampled_from(["news", "books", "stats"]), min_size=1, unique=True),
    st.sampled_from(SHOP.controller.locales),
)
def test_an_id_leads_back_to_its_purposes(purposes, locale):
    """The purposes of a notice are found by its id, also in another process with the same policy."""
    notice = render(SHOP, tuple(purposes), locale)

    assert tuple(purposes) == purposes_of(SHOP, notice.id)
    assert tuple(purposes) == purposes_of(policy(), notice.id)
    assert notice == render(policy(), tuple(purposes), locale)
    assert f"{locale}:{'+'.join(purposes)}:" == notice.id[:-32]


@pytest.mark.parametrize(
    "changes",
    [
        {
            "purposes__news__title": {
                "en": "Other",
                "de": "Neues erzählen",
                "fr": "Vous dire",
                "de-AT": "Servus",
            }
        },
        {
            "purposes__news__title": {
                "en": "Tell you <news>",
                "de": "Anders",
                "fr": "Vous dire",
                "de-AT": "Servus",
            }
        },
        {"purposes__news__fields": ["email", "tastes", "churn", "born", "allergies", "locale"]},
        {"purposes__news__shared_with": []},
        {"purposes__news__keep": {"for": "P31D", "from": "withdrawal"}},
        {"purposes__news__processing": ["direct_marketing"]},
        {"purposes__news__basis": "consent"},
        {"controller__contact": "other@shop.example"},
    ],
)
def test_other_terms_have_another_id(changes):
    """Once what was shown or agreed to is different, the old id is of nothing."""
    assert () == purposes_of(policy(**changes), render(SHOP, ("news",), "en").id)


def test_another_purpose_changes_nothing():
    """The id of a purpose's notice stays when only another purpose changes."""
    changed = policy(purposes__stats__assessment="LIA 4")

    assert ("news",) == purposes_of(changed, render(SHOP, ("news",), "en").id)


@given(st.text() | st.text("abcdef0123456789:+-", max_size=60))
@example("en:news:" + "0" * 32)
@example("en:newz:" + "0" * 32)
@example("xx:news:" + "0" * 32)
@example("en:news+news:" + "0" * 32)
@example("en:+:" + "0" * 32)
@example("en::")
@example("\ud800")
@example("e" * 5000)
def test_nonsense_is_of_no_notice(text):
    """Whatever a form sends back: an id that was never given is of no purpose, and raises nothing."""
    assert () == purposes_of(SHOP, text)


@pytest.mark.parametrize("wrong", [None, 7, b"en:news:00", ["en"]])
def test_what_is_no_text_is_of_no_notice(wrong):
    """Nor does a value of another type raise."""
    assert () == purposes_of(SHOP, wrong)


@given(st.integers(0, 200), st.characters())
def test_one_letter_less_or_other_is_of_no_notice(place, letter):
    """An altered id is of nothing: neither shortened, nor with a letter changed."""
    real = render(SHOP, ("news",), "en").id
    place %= len(real)
    altered = real[:place] + letter + real[place + 1 :]

    assert () == purposes_of(SHOP, real[:place] + real[place + 1 :])
    assert (("news",) if altered == real else ()) == purposes_of(SHOP, altered)


def test_renderings_are_remembered_and_go_with_the_policy():
    """The second rendering is the first; a policy that is gone leaves nothing behind."""
    shop = policy()
    assert render(shop, ("news",), "en") is render(shop, ("news",), "en")
    gone = ref(shop)
    del shop
    gc.collect()

    assert gone() is None
