"""The states of the USA whose acts bind to a universal opt-out signal: each rule as its act says it."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from clm_ethics.model.times import Duration
from clm_ethics.regimes import (
    Claim,
    Duty,
    Facts,
    Kind,
    Organisation,
    Posture,
    Review,
    Row,
    Ruling,
    consent_age,
    load_packs,
)

PACKS = load_packs()
TODAY = date(2026, 11, 23)
A, OO, OI, X = Posture.ALLOWED, Posture.OPT_OUT, Posture.OPT_IN, Posture.PROHIBITED

# State, first day of the act, first day of the signal, days for an appeal (and extension), and the
# articles: rights, duties, sensitive data.
ACTS = """
CO 2023-07-01 2024-07-01 45+60 6-1-1306    6-1-1308    6-1-1308(7)
CT 2023-07-01 2025-01-01 60    42-518      42-520      42-520(a)(4)
TX 2024-07-01 2025-01-01 60    541.051     541.101     541.101(b)(2)
OR 2024-07-01 2026-01-01 45    646A.574    646A.578    646A.578(2)(b)
MT 2024-10-01 2025-01-01 60    30-14-2808  30-14-2812  30-14-2812(2)
DE 2025-01-01 2026-01-01 60    12D-104     12D-106     12D-106(a)(4)
NE 2025-01-01 2025-01-01 60    87-1107     87-1112     87-1112(2)(b)
NH 2025-01-01 2025-01-01 60    507-H:4     507-H:6     507-H:6(I)(d)
NJ 2025-01-15 2025-07-15 45    56:8-166.8  56:8-166.12 56:8-166.12(a)(4)
MN 2025-07-31 2025-07-31 45+60 325M.14     325M.16     325M.16
MD 2025-10-01 2025-10-01 60    14-4705     14-4707     14-4707(a)(1)-(2)
"""
STATES = [line.split() for line in ACTS.strip().splitlines()]
CODES = [code for code, *_ in STATES]


def ask(code: str, row: str, day: date = TODAY, *, age: int | None = 40, **others: Any) -> Ruling | None:
    """Ask a state's act about an adult consumer."""
    facts = Facts(age=age, **others)
    return PACKS[f"us-{code.lower()}"].cell_at(row, day, territory=f"US-{code}", facts=facts)


def posture(code: str, row: str, day: date = TODAY, **others: Any) -> Posture | None:
    """Return the posture alone."""
    ruling = ask(code, row, day, **others)
    return None if ruling is None else ruling.posture


def test_the_states_with_a_universal_opt_out() -> None:
    """Twelve states bind to a universal opt-out signal, California included, and no other pack does."""
    assert {"us-ca", *(f"us-{code.lower()}" for code in CODES)} == {
        name for name, pack in PACKS.items() if pack.signal is not None and name.startswith("us-")
    } - {"us-ny-adjunct"}
    assert 11 == len(CODES)


@pytest.mark.parametrize(("code", "act", "signal", "appeal", "rights", "duties", "sensitive"), STATES)
def test_the_act(
    code: str, act: str, signal: str, appeal: str, rights: str, duties: str, sensitive: str
) -> None:
    """First-party use is free; ads, sale and profiling end with a no; sensitive data needs a yes."""
    expected = {
        "essential": (A, duties),
        "analytics": (A, duties),
        "personalization": (A, duties),
        "targeted_ads": (OO, rights),
        "sale_sharing": (OO, rights),
        "automated_decision": (OO, rights),
        "sensitive": (X if code == "MD" else OI, sensitive),
        "children": (OI, sensitive),
    }
    first = date.fromisoformat(act)
    for row in Row:
        ruling = ask(code, row, max(first, date(2025, 12, 31)) if code != "MD" else first)
        assert (row in expected) is (ruling is not None), row
        if ruling is not None:
            least, cite = expected[row]
            assert (least, Kind.LAW) == (ruling.posture, ruling.kind)
            assert cite in ruling.cite
        assert ask(code, row, first - timedelta(days=1)) is None
    assert all(ask(code, row, first) is not None for row in expected)


@pytest.mark.parametrize(("code", "act", "signal", "appeal", "rights", "duties", "sensitive"), STATES)
def test_the_signal(
    code: str, act: str, signal: str, appeal: str, rights: str, duties: str, sensitive: str
) -> None:
    """The signal ends sale and targeted advertising from its day on."""
    found = PACKS[f"us-{code.lower()}"].signal
    day = date.fromisoformat(signal)
    assert found is not None
    assert ("gpc", (Row.TARGETED_ADS, Row.SALE_SHARING)) == (found.name, found.rows)
    assert [False, True] == [found.binds(day - timedelta(days=1)), found.binds(day)]


@pytest.mark.parametrize(("code", "act", "signal", "appeal", "rights", "duties", "sensitive"), STATES)
def test_the_rights(
    code: str, act: str, signal: str, appeal: str, rights: str, duties: str, sensitive: str
) -> None:
    """45 days and 45 more to answer; the appeal has a time of its own."""
    found = {each.right: each for each in PACKS[f"us-{code.lower()}"].rights}
    named = "access rectification erasure portability opt_out_targeted_ads opt_out_sale_sharing"
    for right in (*named.split(), "opt_out_automated_decision"):
        assert (Duration.parse("P45D"),) * 2 == (found[right].within, found[right].extension)
        assert rights in found[right].cite
    days, _, more = appeal.partition("+")
    extension = Duration.parse(f"P{more}D") if more else None
    assert (Duration.parse(f"P{days}D"), extension) == (found["appeal"].within, found["appeal"].extension)


def on(text: str) -> date:
    """Read a day."""
    return date.fromisoformat(text)


# State, rows, day, (age, posture) ...: the minors' rules, just before and after each day and age.
MINORS: list[tuple[str, str, str, list[tuple[int, Posture]]]] = [
    # C.R.S. 6-1-1308.5 (SB 24-041): from 2025-10-01, under 18, the parent under 13
    ("CO", "targeted_ads sale_sharing automated_decision", "2025-09-30", [(13, OO), (17, OO)]),
    ("CO", "targeted_ads sale_sharing automated_decision", "2025-10-01", [(0, OI), (12, OI), (13, OI)]),
    ("CO", "targeted_ads sale_sharing automated_decision", "2025-10-01", [(17, OI), (18, OO)]),
    # Conn. Gen. Stat. 42-520(a)(7): 13 to 15 until 2026-06-30; SB 1295: prohibited under 18 from 2026-07-01
    ("CT", "targeted_ads sale_sharing", "2026-06-30", [(12, OI), (13, OI), (15, OI), (16, OO), (17, OO)]),
    ("CT", "targeted_ads sale_sharing", "2026-07-01", [(0, X), (13, X), (17, X), (18, OO)]),
    ("CT", "automated_decision", "2026-06-30", [(13, OO), (17, OO)]),
    ("CT", "automated_decision", "2026-07-01", [(13, OI), (17, OI), (18, OO)]),
    # ORS 646A.578: 13 to 15 until 2025-12-31; HB 2008: prohibited under 16 from 2026-01-01
    ("OR", "targeted_ads sale_sharing", "2025-12-31", [(13, OI), (15, OI), (16, OO)]),
    ("OR", "automated_decision", "2025-12-31", [(13, OO), (15, OO)]),
    ("OR", "targeted_ads sale_sharing automated_decision", "2026-01-01", [(0, X), (15, X), (16, OO)]),
    # Mont. Code 30-14-2812: 13 to 15; SB 297: under 18 from 2025-10-01, profiling included
    ("MT", "targeted_ads sale_sharing", "2025-09-30", [(13, OI), (15, OI), (16, OO), (17, OO)]),
    ("MT", "automated_decision", "2025-09-30", [(13, OO), (17, OO)]),
    ("MT", "targeted_ads sale_sharing automated_decision", "2025-10-01", [(12, OI), (17, OI), (18, OO)]),
    # 6 Del. C. 12D-106(a)(7): 13 to 17
    ("DE", "targeted_ads sale_sharing", "2025-01-01", [(13, OI), (17, OI), (18, OO)]),
    ("DE", "automated_decision", "2025-01-01", [(13, OO), (17, OO)]),
    # RSA 507-H:6(I)(g): 13 to 15
    ("NH", "targeted_ads sale_sharing", "2025-01-01", [(13, OI), (15, OI), (16, OO)]),
    # N.J.S.A. 56:8-166.12(a)(7): 13 to 16, significant profiling included
    ("NJ", "targeted_ads sale_sharing automated_decision", "2025-01-15", [(13, OI), (16, OI), (17, OO)]),
    # Minn. Stat. 325M.16 subd. 2: "between the ages of 13 and 16", read with 16
    ("MN", "targeted_ads sale_sharing", "2025-07-31", [(13, OI), (16, OI), (17, OO)]),
    # Md. Com. Law 14-4707(a)(4)-(5): prohibited under 18, for processing from 2026-04-01 on
    ("MD", "targeted_ads sale_sharing", "2026-03-31", [(13, OO), (17, OO)]),
    ("MD", "targeted_ads sale_sharing", "2026-04-01", [(0, X), (17, X), (18, OO)]),
    ("MD", "automated_decision", "2026-04-01", [(13, OO), (17, OO)]),
    # no rule for teenagers
    ("TX", "targeted_ads sale_sharing automated_decision", "2026-11-23", [(13, OO), (17, OO)]),
    ("NE", "targeted_ads sale_sharing automated_decision", "2026-11-23", [(13, OO), (17, OO)]),
]


@pytest.mark.parametrize(("code", "rows", "day", "ages"), MINORS)
def test_minors(code: str, rows: str, day: str, ages: list[tuple[int, Posture]]) -> None:
    """What the act asks for a minor of this age on this day."""
    for row in rows.split():
        assert ages == [(age, posture(code, row, on(day), age=age)) for age, _ in ages], row


@pytest.mark.parametrize("code", CODES)
def test_a_known_child(code: str) -> None:
    """A known child is sensitive data: under 13 the parent consents, to first-party use as well."""
    assert (OI, A) == (posture(code, "personalization", age=12), posture(code, "personalization", age=13))
    assert A is posture(code, "essential", age=12)
    ruling = ask(code, "analytics", age=12)
    assert ruling is not None
    assert ruling.admits(Claim.GUARDIAN_CONSENT)
    assert 13 == consent_age(PACKS[f"us-{code.lower()}"], f"US-{code}", TODAY)


@pytest.mark.parametrize("code", [code for code in CODES if code != "MD"])
def test_who_is_not_known_to_be_a_minor(code: str) -> None:
    """The acts ask for actual knowledge: an age that is assumed from the audience is none."""
    for row in ("targeted_ads", "sale_sharing", "automated_decision", "personalization"):
        grown_up = posture(code, row, age=40)
        for age in (12, 13, 15, 17):
            assert grown_up is posture(code, row, age=age, age_known=False)
            assert grown_up is posture(code, row, date(2025, 12, 1), age=age, age_known=False)


@pytest.mark.parametrize(("code", "cite"), [("CO", "6-1-1308.5"), ("MT", "SB 297 (2025)")])
@pytest.mark.parametrize("row", ["targeted_ads", "sale_sharing", "automated_decision"])
def test_the_parent_under_the_rules_for_minors(code: str, cite: str, row: str) -> None:
    """From 2025-10-01 the act on minors itself asks for the parent's consent under 13."""
    for age in (12, 13):
        before, after = ask(code, row, on("2025-09-30"), age=age), ask(code, row, on("2025-10-01"), age=age)
        assert before is not None
        assert after is not None
        assert (False, True) == (cite in before.cite, cite in after.cite)


def test_maryland_asks_what_should_be_known() -> None:
    """Maryland forbids what concerns whoever should be known as a minor: an assumed age counts."""
    assert X is posture("MD", "targeted_ads", age=17, age_known=False)
    assert A is posture("MD", "personalization", age=12, age_known=False)


# State, row, facts, day before the rule, and its first day: nothing more, then this posture.
OTHER_RULES: list[tuple[str, str, dict[str, Any], str, Posture, str, Posture, str]] = [
    ("CT", "sale_sharing", {"special": True}, "2026-06-30", OO, "2026-07-01", OI, "SB 1295"),
    ("CT", "sale_sharing", {"precise_location": True}, "2026-09-30", OO, "2026-10-01", X, "Public Act 26-64"),
    ("OR", "sale_sharing", {"precise_location": True}, "2025-12-31", OO, "2026-01-01", X, "HB 2008"),
    ("MD", "sale_sharing", {"special": True}, "2026-03-31", OO, "2026-04-01", X, "14-4707(a)(2)"),
]


@pytest.mark.parametrize(("code", "row", "facts", "eve", "before", "day", "after", "cite"), OTHER_RULES)
def test_dated_rules(
    code: str,
    row: str,
    facts: dict[str, Any],
    eve: str,
    before: Posture,
    day: str,
    after: Posture,
    cite: str,
) -> None:
    """A rule of this kind of data speaks from its day on, and only about such data."""
    assert before is posture(code, row, on(eve), **facts)
    ruling = ask(code, row, on(day), **facts)
    assert ruling is not None
    assert after is ruling.posture
    assert cite in ruling.cite
    assert before is posture(code, row, on(day))


def test_personal_prices() -> None:
    """From 2026-10-01 Connecticut discloses them (PA 26-64), and Maryland bars them for food (HB 895)."""
    eve, day = on("2026-09-30"), on("2026-10-01")
    assert (None, None) == (ask("CT", "personalised_price", eve), ask("MD", "personalised_price", eve))
    told = ask("CT", "personalised_price", day)
    assert told is not None
    assert (A, (Duty.PRICE_DISCLOSURE,)) == (told.posture, told.duties)
    asked = {sells: posture("MD", "personalised_price", day, controller=sells) for sells in FOOD}
    assert {FOOD[0]: X, FOOD[1]: X, FOOD[2]: None} == asked


FOOD = (Organisation(), Organisation(food_retailer=True), Organisation(food_retailer=False))


def test_sensitive_data_in_maryland() -> None:
    """Only what is strictly necessary for the product asked for; consent does not help (14-4707(a)(1))."""
    ruling = ask("MD", "sensitive")
    assert ruling is not None
    assert {Claim.CONTRACT, Claim.LEGAL_OBLIGATION} == {each for each in Claim if ruling.admits(each)}


# State, limits: (day, residents, share of revenue from selling or whether it sells, in scope)
LIMITS: list[tuple[str, str, int, dict[str, Any], bool]] = [
    # C.R.S. 6-1-1304(1): 100,000, or 25,000 and any revenue or discount from selling
    ("CO", "2026-11-23", 99_999, {"sells": False}, False),
    ("CO", "2026-11-23", 100_000, {"sells": False}, True),
    ("CO", "2026-11-23", 24_999, {"sells": True}, False),
    ("CO", "2026-11-23", 25_000, {"sells": True}, True),
    # Conn. Gen. Stat. 42-516: 100,000, or 25,000 and more than 25 percent; SB 1295: 35,000, or any sale
    ("CT", "2026-06-30", 99_999, {"sale_share": 25}, False),
    ("CT", "2026-06-30", 25_000, {"sale_share": 26}, True),
    ("CT", "2026-07-01", 34_999, {"sells": False}, False),
    ("CT", "2026-07-01", 35_000, {"sells": False}, True),
    ("CT", "2026-07-01", 1, {"sells": True}, True),
    # ORS 646A.572: 100,000, or 25,000 and 25 percent or more
    ("OR", "2026-11-23", 99_999, {"sale_share": 24}, False),
    ("OR", "2026-11-23", 25_000, {"sale_share": 25}, True),
    # Mont. Code 30-14-2803: 50,000, then 25,000 (SB 297)
    ("MT", "2025-09-30", 49_999, {"sale_share": 25}, False),
    ("MT", "2025-09-30", 50_000, {"sale_share": 25}, True),
    ("MT", "2025-09-30", 25_000, {"sale_share": 26}, True),
    ("MT", "2025-10-01", 24_999, {"sale_share": 25}, False),
    ("MT", "2025-10-01", 25_000, {"sale_share": 0}, True),
    ("MT", "2025-10-01", 15_000, {"sale_share": 26}, True),
    ("MT", "2025-10-01", 14_999, {"sale_share": 100}, False),
    # 6 Del. C. 12D-103; RSA 507-H:2; Md. Com. Law 14-4702
    ("DE", "2026-11-23", 34_999, {"sale_share": 20}, False),
    ("DE", "2026-11-23", 35_000, {"sale_share": 0}, True),
    ("DE", "2026-11-23", 10_000, {"sale_share": 21}, True),
    ("NH", "2026-11-23", 34_999, {"sale_share": 25}, False),
    ("NH", "2026-11-23", 35_000, {"sale_share": 0}, True),
    ("NH", "2026-11-23", 10_000, {"sale_share": 26}, True),
    ("MD", "2026-11-23", 34_999, {"sale_share": 20}, False),
    ("MD", "2026-11-23", 35_000, {"sale_share": 0}, True),
    ("MD", "2026-11-23", 10_000, {"sale_share": 21}, True),
    # N.J.S.A. 56:8-166.5; Minn. Stat. 325M.12
    ("NJ", "2026-11-23", 99_999, {"sells": False}, False),
    ("NJ", "2026-11-23", 100_000, {"sells": False}, True),
    ("NJ", "2026-11-23", 25_000, {"sells": True}, True),
    ("MN", "2026-11-23", 99_999, {"sale_share": 25, "small_business": False}, False),
    ("MN", "2026-11-23", 100_000, {"sale_share": 0, "small_business": False}, True),
    ("MN", "2026-11-23", 25_000, {"sale_share": 26, "small_business": False}, True),
    ("MN", "2026-11-23", 100_000, {"sale_share": 100, "small_business": True}, False),
    # one resident fewer, and all the revenue comes from selling
    *((code, "2026-11-23", 24_999, {"sale_share": 100}, False) for code in ("OR", "MN")),
    *((code, "2026-11-23", 9_999, {"sale_share": 100}, False) for code in ("DE", "NH", "MD")),
    ("NJ", "2026-11-23", 24_999, {"sells": True}, False),
    ("CT", "2026-06-30", 24_999, {"sale_share": 100}, False),
    ("CT", "2026-06-30", 100_000, {"sale_share": 0}, True),
    ("CT", "2026-07-01", 0, {"sells": True}, False),
    ("MT", "2025-09-30", 24_999, {"sale_share": 100}, False),
    *(("OR", day, 99_999, {"sale_share": 24}, False) for day in ("2025-06-30", "2025-07-01")),
    *(("OR", day, 100_000, {"sale_share": 0}, True) for day in ("2025-06-30", "2025-07-01")),
    *(("OR", day, 24_999, {"sale_share": 100}, False) for day in ("2025-06-30", "2025-07-01")),
    *(("OR", day, 25_000, {"sale_share": 25}, True) for day in ("2025-06-30", "2025-07-01")),
    # Tex. Bus. & Com. Code 541.002(a)(3), Neb. Rev. Stat. 87-1103: no small business, whatever the number
    *((code, "2026-11-23", 1, {"small_business": False}, True) for code in ("TX", "NE")),
    *((code, "2026-11-23", 10**6, {"small_business": True}, False) for code in ("TX", "NE")),
]


@pytest.mark.parametrize(("code", "day", "residents", "who", "binds"), LIMITS)
def test_the_limits(code: str, day: str, residents: int, who: dict[str, Any], binds: bool) -> None:
    """The act binds from its limits on; who states nothing is bound."""
    controller = Organisation(residents=((f"US-{code}", residents),), **who)
    assert binds is (ask(code, "sale_sharing", on(day), controller=controller) is not None)
    assert ask(code, "sale_sharing", on(day)) is not None


@pytest.mark.parametrize("code", CODES)
def test_whom_no_act_binds(code: str) -> None:
    """Public bodies and the contacts of businesses are outside; so are non-profits in some states."""
    assert ask(code, "sale_sharing", controller=Organisation(public_body=True)) is None
    assert ask(code, "sale_sharing", kind="business") is None
    covers_nonprofits = code in {"CO", "OR", "DE", "NJ", "MN", "MD"}
    found = ask(code, "sale_sharing", controller=Organisation(nonprofit=True))
    assert covers_nonprofits is (found is not None)


def test_oregon_and_non_profits() -> None:
    """Non-profits are bound from 2025-07-01 on."""
    charity = Organisation(nonprofit=True)
    days = (on("2025-06-30"), on("2025-07-01"))
    assert [None, OO] == [posture("OR", "sale_sharing", day, controller=charity) for day in days]


@pytest.mark.parametrize("code", ["TX", "MN"])
def test_small_businesses_and_sensitive_data(code: str) -> None:
    """Whoever is exempt for being small still needs consent to sell sensitive data (541.107, 325M.17)."""
    small = Organisation(small_business=True)
    assert OI is posture(code, "sale_sharing", special=True, controller=small)
    assert None is posture(code, "sale_sharing", controller=small)


def test_each_was_compared() -> None:
    """Each of these packs was compared with its sources cell by cell."""
    assert {Review.REVIEWED} == {PACKS[f"us-{code.lower()}"].review for code in CODES}


@pytest.mark.parametrize("row", ["targeted_ads", "sale_sharing"])
def test_california_asks_for_a_yes_to_sale_below_16_and_only_there(row):
    """Cal. Civ. Code 1798.120(c): opt-in below 16; whose yes it must be, the age of consent says."""
    pack, day = load_packs()["us-ca"], date(2026, 5, 4)
    found = {age: pack.cell_at(row, day, territory="US-CA", facts=Facts(age=age)) for age in (12, 13, 15, 16)}

    assert [Posture.OPT_IN] * 3 + [Posture.OPT_OUT] == [each.posture for each in found.values()]
    assert found[12].admits("guardian_consent")
    assert found[13].admits("consent")
