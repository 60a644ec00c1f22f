"""The page of figures: every number, no script, nothing from elsewhere."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clm_ethics.tour import report
from clm_ethics.tour.figures import CampaignCount, Figures, Point, Tally
from clm_ethics.tour.journal import Journal

counts = st.integers(0, 10**5)
points = st.builds(
    Point,
    day=st.dates().map(str),
    stages=st.dictionaries(st.sampled_from(["prospect", "customer", "churned", report.APART]), counts),
    open_to=st.fixed_dictionaries({"recommendations": counts, "newsletter": counts}),
)
figures = st.builds(
    Figures,
    withheld=st.dictionaries(st.sampled_from(["consent.missing", "muted"]), counts),
    reads=st.dictionaries(st.sampled_from(["insight", "recommendations"]), st.builds(Tally, counts, counts)),
    campaigns=st.dictionaries(
        st.sampled_from(["campaign-1", "campaign-2"]),
        st.builds(CampaignCount, kind=st.just("Type A"), channel=st.just("post"), meant=counts, sent=counts),
    ),
    points=st.lists(points, max_size=5),
)


def outcome(figures: Figures | None = None, **changes) -> report.Outcome:
    """Return how a small tour might have ended."""
    journal = Journal(
        source="a shop",
        fingerprint="f",
        seed=7,
        customers=3,
        total=5,
        until="2025-12-31T00:00:00+00:00",
        weeks=5,
        figures=figures or Figures(),
    )
    ended = report.Outcome(
        journal=journal,
        begins="2025-01-01",
        ends="2025-12-31",
        controller="Corner Grocery",
        faults=(),
        checked={"entries": 12345},
        size=1_000_000,
        example="1",
    )
    return attrs.evolve(ended, **changes)


class Outline(HTMLParser):
    """Collects what a test wants to know of a page."""

    void = frozenset({"meta", "line", "path", "rect", "br"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open, self.tags, self.attributes, self.words = [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in self.void:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data.strip())


@given(figures)
@settings(max_examples=30)
def test_every_number_of_a_plot_stands_in_its_table(figures):
    """Whoever cannot see a plot finds each of its numbers as text."""
    words = Outline(report.render(outcome(figures))).words

    for point in figures.points:
        assert point.day in words
        assert all(str(count) in words for count in (*point.stages.values(), *point.open_to.values()))
    for count in figures.withheld.values():
        assert f"{count:,}" in words


@given(figures)
@settings(max_examples=30)
def test_the_page_is_whole_and_needs_nothing(figures):
    """Tags are balanced; there is no script, no handler and no address of anything elsewhere."""
    outline = Outline(report.render(outcome(figures)))

    assert [] == outline.open
    assert not {"script", "link", "img", "iframe", "object"} & set(outline.tags)
    assert not [name for name, _ in outline.attributes if name.startswith("on") or name in {"href", "src"}]


@given(figures)
@settings(max_examples=30)
def test_every_plot_has_a_title_a_description_and_a_table(figures):
    """An SVG is an image with a name and a description, and a table follows."""
    page = report.render(outcome(figures))
    for labels in re.findall(r'<svg [^>]*role="img" aria-labelledby="([^"]+)"', page):
        title, description = labels.split()
        assert f'<title id="{title}">' in page
        assert f'<desc id="{description}">' in page

    assert page.count("<svg ") == page.count("<details>")


def test_faults_are_shown_first_and_escaped():
    """What is wrong stands at the top, and no fault can write markup."""
    page = report.render(outcome(faults=("stream 1: <script>altered</script>",)))

    assert "not in order" in page
    assert "&lt;script&gt;altered" in page
    assert "<script>" not in page


def test_without_faults_the_page_says_verified():
    """A ledger in order is called verified, with what was looked at."""
    page = report.render(outcome())

    assert "verified" in page
    assert "12,345 entries" in page


def test_the_page_says_what_is_invented():
    """Every invented share is on the page."""
    page = report.render(outcome())

    assert all(words in page for words, _ in report.SHARES.values())


@pytest.mark.parametrize(
    "name", ["customers", "erasures", "offers sent", "reads denied", "size of the ledger"]
)
def test_the_figures_are_the_same_on_terminal_and_page(name):
    """The terminal and the page show one table."""
    ended = outcome()

    assert name in dict(report.table(ended))
    assert name in report.render(ended)


def test_what_the_ethics_check_finds_is_on_the_page():
    """Each finding has its rule, place, text and remedy, escaped; without any the page says so."""
    from clm_ethics.ethics import Finding

    found = Finding("E11", "events", "no <grief>", "declare one")
    page = report.render(outcome(findings=(found,)))

    assert "no &lt;grief&gt;" in page
    assert "declare one" in page
    assert '<p class="none">Nothing.</p>' in report.render(outcome())
