"""The report through the public face: who may be grouped, what is written, what is told, and the page."""

from __future__ import annotations

import asyncio
import gc
import html.parser
import json
import tracemalloc

import pytest

from clm_ethics import FileKeys, Offer, UnknownName, UsageError
from clm_ethics.commands import main
from clm_ethics.ethics import Price
from clm_ethics.steward import Steward
from clm_ethics.verbs import measuring
from tests.face.shop import EXAMPLE, Clock, Counting, agree, enrolled, kinds
from tests.regressions.shops import CONSENT_ONLY, awaiting, policy, shop

MONITORING = CONSENT_ONLY | {
    "fields__gender": {"type": "text", "category": "user.demographic"},
    "purposes__monitoring": {
        "title": {"en": "See whether we treat everybody alike", "de": "Gleichbehandlung prüfen"},
        "processing": ["analytics"],
        "basis": "consent",
        "fields": ["gender", "region"],
    },
}
OFFERS = [
    Offer("spring", purpose="newsletter", uses={"tastes"}, value=1, price=Price(asked=9.0, public=10.0)),
]
SEND = {"channel": "email", "by": "campaign"}
GROUP = {"group": "gender", "purpose": "monitoring", "by": "fairness-team"}


def people(steward_, number=40, *, told=30):
    """Enrol so many; half are women, who get the newsletter; the first *told* let themselves be counted."""
    for n in range(number):
        ana = enrolled(steward_, f"p-{n}", email=f"p-{n}@example.org", born="1990-01-01")
        if n < told:
            agree(ana, "monitoring")
            ana.put({"gender": "fm"[n % 2]}, purpose="monitoring", by="form")
        if n % 2 == 0:
            agree(ana, "newsletter")
        ana.choose(OFFERS, **SEND)


def rows(report, key):
    """The told counts of a measure by row."""
    [found] = [each for each in report.measures if each.key == key]
    return {row.name: (row.hits, row.of) for row in found.rows}


def test_groups_are_compared_and_who_denies_is_not_told():
    """Each group has its counts; customers who did not agree to be counted are a row without a group."""
    with shop(changes=MONITORING) as steward_:
        people(steward_, 60, told=50)
        report = steward_.report(**GROUP, k=5)

        assert 60 == report.customers
        assert {"f": (25, 25), "m": (0, 25), "not told": (5, 10)} == rows(report, "offers.group")
        assert "E16 m" in report.explain()


def test_each_read_of_the_group_stands_in_the_ledger():
    """Who agreed has one read of that field, by whoever asked; who did not has none."""
    storage = Counting()
    with shop(storage, changes=MONITORING) as steward_:
        people(steward_)
        before = [kinds(steward_.customer(f"p-{n}"))["read"] for n in (0, 35)]
        commits = storage.calls["commit"]
        steward_.report(**GROUP)
        commits = storage.calls["commit"] - commits
        after = [kinds(steward_.customer(f"p-{n}"))["read"] for n in (0, 35)]
        line = steward_.customer("p-0").history().lines[-1]

        assert ([0, 0], [1, 0]) == (before, after)
        assert ("read", "fairness-team") == (line.kind, line.by)
        assert 2 >= commits  # of all customers together: what waited, and the reads
        assert steward_.ledger.verify()


def test_without_a_group_nothing_is_written():
    """The report reads entries alone, opens no value, and leaves the storage as it was."""
    storage = Counting()
    with shop(storage, changes=MONITORING) as steward_:
        people(steward_)
        steward_.report()  # writes down the questions that waited
        before = storage.calls["commit"]
        report = steward_.report()

        assert before == storage.calls["commit"]
        assert not [each for each in report.measures if each.key.endswith("group")]


def test_a_withdrawal_takes_the_group_away():
    """Who withdraws from being counted is not told from then on, and restriction does the same."""
    with shop(changes=MONITORING) as steward_:
        people(steward_, 12, told=12)
        steward_.customer("p-0").withdraw("monitoring", by="customer")
        steward_.customer("p-1").restrict(by="customer", reason="wrong")

        assert {"f": (5, 5), "m": (0, 5), "not told": (1, 2)} == rows(
            steward_.report(**GROUP, k=1), "offers.group"
        )


def test_nothing_of_few_people_is_told():
    """With the floor of ten, eight of a group are too few, in text and in JSON."""
    with shop(changes=MONITORING) as steward_:
        people(steward_, 24, told=8)
        report = steward_.report(**GROUP)
        document = json.dumps(report.document())

        assert {(None, None)} == set(rows(report, "offers.group").values())
        assert "f: too few to tell" in report.explain()
        assert "p-1" not in document


def test_visitors_and_the_erased_are_not_counted():
    """A report is about customers who are there."""
    with shop(changes=MONITORING) as steward_:
        people(steward_, 12)
        steward_.visitor(by="web")
        steward_.customer("p-0").erase(by="customer")

        assert 11 == steward_.report().customers


def test_who_is_met_twice_is_counted_once():
    """A read that writes down a due change of stage moves the mark by which the walk finds people."""
    clock = Clock()
    with shop(changes=MONITORING, clock=clock) as steward_:
        people(steward_, 12, told=12)
        for n in range(12):
            ana = steward_.customer(f"p-{n}")
            agree(ana, "recommendations")
            told = {"sku": "tea", "amount": "1", "number": "1"}
            ana.record("order_placed", told, purpose="order", by="shop", key="o")
        clock.move(days=100)
        moves = [steward_.report(**GROUP, k=1).customers for _ in range(2)]

        assert [12, 12] == moves
        assert 2 == kinds(steward_.customer("p-0"))["read"]


def test_prices_and_worth_come_from_what_was_stated():
    """The ledger has the price that was asked beside the public one."""
    with shop(changes=MONITORING) as steward_:
        people(steward_, 30)
        [prices] = [each for each in steward_.report().measures if each.key == "prices.tenure"]

        assert [("under 1 year", 15, pytest.approx(0.9))] == [
            (row.name, row.of, row.interval.point) for row in prices.rows
        ]


@pytest.mark.parametrize(
    "wrong",
    [
        {"group": "gender"},
        {"purpose": "monitoring"},
        {"group": "tastes", "purpose": "recommendations"},
        {"group": "points", "purpose": "account"},
        {"group": "gender", "purpose": "monitoring"},
        {"k": 0},
    ],
)
def test_a_wrong_call_is_refused(wrong):
    """A group needs a purpose, an actor, and values that make groups; a floor is a whole number."""
    with shop(changes=MONITORING) as steward_, pytest.raises(UsageError):
        steward_.report(**wrong)


def test_unknown_names_are_refused():
    """A purpose or field that nobody declared is an error, not a no."""
    with shop(changes=MONITORING) as steward_:
        for wrong in ({"group": "gender", "purpose": "x"}, {"group": "x", "purpose": "monitoring"}):
            with pytest.raises(UnknownName):
                steward_.report(**wrong, by="me")


def test_both_colours_report_alike():
    """The asynchronous face gives the same document."""
    with shop(changes=MONITORING) as steward_:
        people(steward_, 12)
        ours = steward_.report(k=2).document()

    async def theirs():
        async with awaiting(MONITORING) as steward_:
            for n in range(12):
                told = {"email": f"p-{n}@example.org", "region": "DE", "zone": "Europe/Berlin"}
                ana = await steward_.enroll(f"p-{n}", told, purpose="account", by="signup")
                if n % 2 == 0:
                    shown = (await steward_.notice("newsletter")).id
                    await ana.grant("newsletter", shown=shown, by="signup")
                await ana.choose(OFFERS, **SEND)
            return (await steward_.report(k=2)).document()

    found = asyncio.run(theirs())
    names = ("offers.tenure", "levels", "pressure.budget")

    assert [each for each in ours["measures"] if each["key"] in names] == [
        each for each in found["measures"] if each["key"] in names
    ]


def test_memory_is_that_of_a_page(monkeypatch):
    """However many customers there are, what is held does not grow from page to page."""
    monkeypatch.setattr(measuring, "PAGE", 20)
    with shop(changes=MONITORING) as steward_:
        people(steward_, 300)

        def held():
            """Return what is held after each page, garbage aside."""
            found = []

            def look(_):
                gc.collect()
                found.append(tracemalloc.get_traced_memory()[0])

            tracemalloc.start()
            steward_.report(progress=look)
            tracemalloc.stop()
            return found

        held()
        pages = held()

        assert 15 == len(pages)
        assert max(pages[9:]) < 1.5 * max(pages[3:9])


# --- the command -------------------------------------------------------------------------------------


class Page(html.parser.HTMLParser):
    """Counts elements, and knows what is labelled."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.labelled, self.ids = [], [], set()
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        found = dict(attrs)
        if "id" in found:
            self.ids.add(found["id"])
        self.labelled += (found.get("aria-labelledby") or "").split()


def test_the_page_needs_nothing_from_elsewhere():
    """No script, no link, no image; every plot has a title, a description and its table."""
    with shop(changes=MONITORING) as steward_:
        people(steward_, 60, told=50)
        text = steward_.report(**GROUP, k=5).html()
    page = Page(text)

    assert not {"script", "link", "img", "iframe"} & set(page.tags)
    assert "http" not in text.replace("http-equiv", "")
    assert page.tags.count("figure") == page.tags.count("table") > page.tags.count("svg") - 2 > 5
    assert set(page.labelled) <= page.ids
    assert "E16 m" in text


def test_the_command_prints_and_writes(tmp_path, capsys):
    """`report` prints text or JSON, writes the page, and ends with 1 if something has to be looked at."""
    path, rules = tmp_path / "shop.db", tmp_path / "policy.toml"
    rules.write_text(EXAMPLE.read_text(encoding="utf-8"), encoding="utf-8")
    with Steward.open(
        f"sqlite:///{path}", policy=policy(), keys=FileKeys(tmp_path / "keys"), clock=Clock()
    ) as shop_:
        for n in range(12):
            agree(enrolled(shop_, f"p-{n}", email=f"p-{n}@example.org"), "recommendations")
    words = ["report", "--file", str(path), "--keys", str(tmp_path / "keys"), "--policy", str(rules)]

    assert 0 == main([*words, "--html", str(tmp_path / "page.html"), "--json"])
    assert 12 == json.loads(capsys.readouterr().out)["customers"]
    assert "Fairness and trust" in (tmp_path / "page.html").read_text(encoding="utf-8")
    assert 0 == main([*words, "--group", "region", "--purpose", "account", "--since", "2026-01-01"])
    assert "not told" in capsys.readouterr().out
    assert 2 == main([*words, "--group", "region"])
