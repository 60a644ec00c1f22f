"""A pack that is not exactly right is refused, and the error names file, key and remedy."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from clm_ethics.errors import PolicyError
from clm_ethics.regimes import Facts, Pack, Posture, loader, parse_packs

PACK = """
format = "clm_ethics/pack/1"
id = "xx"
name = "X"
territory = ["DE", "FR"]
from = 2020-01-01
review = "unreviewed"
disclaimer = "not legal advice"

[sources]
S1 = "a page"

[cells.analytics]
posture = "opt_in"
exceptions = ["contract"]
cite = "Art. 1"
prov = "read:S1/high"

[cells.phone_marketing]
posture = "opt_out"
unless = ["FR"]
cite = "Art. 2"
prov = "knowledge/low"

[[rules]]
rows = ["phone_marketing"]
posture = "opt_out"
territory = ["FR"]
to = 2020-12-31
cite = "Art. 3"
prov = "knowledge/low"

[[rules]]
rows = ["phone_marketing"]
posture = "opt_in"
territory = ["FR"]
from = 2021-01-01
cite = "Art. 3"
prov = "knowledge/low"

[[scope]]
test = "state_act"
residents = 100
cite = "Art. 9"
prov = "knowledge/high"

[[silent]]
rows = ["essential", "storage", "personalization", "personalised_price", "email_marketing", "sms_marketing"]
why = "nothing said"

[[silent]]
rows = ["push_marketing", "inbox_marketing", "postal_marketing", "web_marketing", "targeted_ads"]
why = "nothing said"

[[silent]]
rows = ["sale_sharing", "sensitive", "automated_decision", "children", "financial_incentive"]
why = "another act answers"

[[watch]]
instrument = "a bill"
territory = "DE"
status = "proposal"
effect = "none yet"
prov = "read:S1/low"

[signal]
name = "gpc"
from = 2021-01-28
rows = ["sale_sharing"]
cite = "Art. 4"
prov = "knowledge/high"

[consent]
definition = "a yes"
expiry = "none"
cite = "Art. 5"
prov = "knowledge/high"

[consent_age]
table = "tt"
guardian = "a parent"
cite = "Art. 6"
prov = "knowledge/high"

[soft_opt_in]
conditions = ["a sale"]
cite = "Art. 7"
prov = "knowledge/high"

[[rights]]
right = "access"
within = "P1M"
cite = "Art. 8"
prov = "knowledge/high"
"""
AGES = """
format = "clm_ethics/ages/1"
default = 16
ages = [
    { territory = "DE", age = 13, from = 2020-01-01, to = 2020-12-31, cite = "L. 1", prov = "knowledge/low" },
    { territory = "DE", age = 15, from = 2021-01-01, cite = "L. 2", prov = "knowledge/low" },
]
"""


def test_a_whole_pack_loads() -> None:
    """The document that the other tests damage is itself in order."""
    packs = parse_packs({"xx.toml": PACK, "tt.toml": AGES})
    assert ["xx"] == list(packs)
    ruling = packs["xx"].cell_at("analytics", date(2020, 1, 1), territory="DE", facts=Facts())
    assert ruling is not None
    assert (Posture.OPT_IN, "Art. 1") == (ruling.posture, ruling.cite)


DAMAGES = [
    ('id = "xx"', "id = xx", "xx.toml: no TOML"),
    ('id = "xx"', 'id = "yy"', "xx.toml: id: the id differs from the name of the file"),
    ('id = "xx"', "", "xx.toml: id: this key is missing"),
    ('id = "xx"', "id = 1", "xx.toml: id: this must be a non-empty string"),
    ("pack/1", "pack/2", "xx.toml: format: unknown format"),
    ('format = "clm_ethics/pack/1"', "", "xx.toml: format: this key is missing"),
    ('name = "X"', 'name = "X"\ntitle = "X"', "xx.toml: title: unknown key"),
    ('["DE", "FR"]', '["DE", "EU"]', "xx.toml: territory: unknown region `EU`"),
    ('["DE", "FR"]', '["DE", "de"]', "xx.toml: territory: unknown region `de`"),
    ('["DE", "FR"]', '["DE", "FR", "FR"]', "xx.toml: territory: an entry stands twice"),
    ('["DE", "FR"]', '"DE"', "xx.toml: territory: this must be an array"),
    ('["DE", "FR"]', "[]", "xx.toml: territory: this key is missing"),
    ("from = 2020-01-01\nrev", "rev", "xx.toml: from: this key is missing"),
    ("from = 2020-01-01\nrev", 'from = "2020-01-01"\nrev', "xx.toml: from: this must be a date"),
    ("from = 2020-01-01\nrev", "from = 2020-01-01T00:00:00Z\nrev", "xx.toml: from: this must be a date"),
    (
        "from = 2020-01-01\nrev",
        "from = 2020-01-01\nto = 2019-12-31\nrev",
        "xx.toml: to: the last day lies before",
    ),
    ('"unreviewed"', '"unreviwed"', "xx.toml: review: unknown value `unreviwed`; did you mean `unreviewed`"),
    ('disclaimer = "not legal advice"', "", "xx.toml: disclaimer: this key is missing"),
    ('S1 = "a page"', "S1 = 1", "xx.toml: sources.S1: this must be a non-empty string"),
    ("cells.analytics", "cells.anlytics", "`anlytics`; did you mean `analytics`"),
    ('posture = "opt_in"\nexc', 'posture = "optin"\nexc', "cells.analytics.posture: unknown value `optin`"),
    ('posture = "opt_in"\nexc', "exc", "xx.toml: cells.analytics.posture: this key is missing"),
    (
        'posture = "opt_in"\nexc',
        'posture = "allowed"\nexc',
        "cells.analytics.exceptions: allowed accepts any claim",
    ),
    (
        'posture = "opt_in"\nexc',
        'posture = "opt_in"\nrecommended = "opt_in"\nexc',
        "analytics.recommended: this is not",
    ),
    (
        '["contract"]',
        '["contrat"]',
        "cells.analytics.exceptions: unknown value `contrat`; did you mean `contract`",
    ),
    ('cite = "Art. 1"', "", "xx.toml: cells.analytics.cite: this key is missing"),
    ('cite = "Art. 1"', 'cite = " "', "xx.toml: cells.analytics.cite: this must be a non-empty string"),
    (
        'cite = "Art. 1"',
        'cite = "A"\nuncertain = "yes"',
        "cells.analytics.uncertain: this must be true or false",
    ),
    (
        'cite = "Art. 1"',
        'cite = "A"\ndevice = 1',
        "xx.toml: cells.analytics.device: this must be true or false",
    ),
    (
        'cite = "Art. 1"',
        'cite = "A"\nkind = "rumour"',
        "xx.toml: cells.analytics.kind: unknown value `rumour`",
    ),
    ('cite = "Art. 1"', 'cite = "A"\nduties = ["x"]', "xx.toml: cells.analytics.duties: unknown value `x`"),
    ('cite = "Art. 1"', 'cite = "A"\nlegal = true', "xx.toml: cells.analytics.legal: unknown key"),
    ("read:S1/high", "read:S2/high", "xx.toml: cells.analytics.prov: no source `S2`"),
    ("read:S1/high", "hearsay/high", "xx.toml: cells.analytics.prov: unknown provenance `hearsay/high`"),
    ("[cells.analytics]", "[cells]\nanalytics = 1\n[soft]", "xx.toml: soft: unknown key"),
    (
        "to = 2020-12-31",
        "to = 2020-12-30",
        "cells.phone_marketing.unless: no rule answers for `FR` at all times",
    ),
    ("from = 2021-01-01", "from = 2021-01-02", "cells.phone_marketing.unless: no rule answers for `FR`"),
    ("from = 2021-01-01", "from = 2021-01-01\nage_max = 15", "cells.phone_marketing.unless: no rule answers"),
    (
        "to = 2020-12-31",
        'to = 2020-12-31\nwhen = ["sunshine"]',
        "rules[0].when: unknown value `sunshine`",
    ),
    (
        "to = 2020-12-31",
        "to = 2020-12-31\nage_min = -1",
        "rules[0].age_min: this must be a whole number from 0",
    ),
    ("to = 2020-12-31", "to = 2020-12-31\nage_min = true", "rules[0].age_min: this must be a whole number"),
    (
        "to = 2020-12-31",
        "to = 2020-12-31\nage_min = 9\nage_max = 8",
        "rules[0].age_max: this is below age_min",
    ),
    ("to = 2020-12-31", "to = 2020-12-31\nif = 1", "xx.toml: rules[0].if: unknown key"),
    ("to = 2020-12-31", "to = 2020-12-31\nwhen = 1", "xx.toml: rules[0].when: this must be an array"),
    ("from = 2021-01-01", 'from = 2021-01-01\nwhen = ["device"]', "unless: no rule answers for `FR`"),
    ('"storage", ', "", "xx.toml: cells: `storage` is missing"),
    ('"storage", ', '"storage", "analytics", ', "xx.toml: silent: `analytics` stands twice"),
    ('"sensitive", ', '"sensitive", "storage", ', "xx.toml: silent: `storage` stands twice"),
    ('why = "nothing said"', "", "xx.toml: silent[0].why: this key is missing"),
    ('"state_act"', '"state_act_"', "xx.toml: scope[0].test: unknown value `state_act_`"),
    ("residents = 100", "residents = -1", "xx.toml: scope[0].residents: this must be a whole number"),
    ("residents = 100", "sale_share = 101", "xx.toml: scope[0].sale_share: this must be a whole number"),
    ('status = "proposal"', 'posture = "opt_in"', "xx.toml: watch[0].posture: unknown key"),
    ('status = "proposal"', "", "xx.toml: watch[0].status: this key is missing"),
    ("read:S1/low", "read:S9/low", "xx.toml: watch[0].prov: no source `S9`"),
    ('cite = "Art. 1"', 'cite = "A"\nreview = "x"', "cells.analytics.review: unknown value `x`"),
    ('territory = ["FR"]\nto', 'territory = ["IT"]\nto', "rules[0].territory: `IT` is outside"),
    (
        'rows = ["phone_marketing"]\nposture = "opt_out"',
        'rows = []\nposture = "opt_out"',
        "rules[0].rows: a rule speaks",
    ),
    ('rows = ["sale_sharing"]', 'rows = ["sale"]', "xx.toml: signal.rows: unknown value `sale`"),
    ('rows = ["sale_sharing"]', "", "xx.toml: signal.rows: this key is missing"),
    ("from = 2021-01-28", "", "xx.toml: signal.from: this key is missing"),
    ('definition = "a yes"', "", "xx.toml: consent.definition: this key is missing"),
    (
        'expiry = "none"',
        'expiry = "none"\nask_again_after = "a year"',
        "consent.ask_again_after: `a year` is no ISO",
    ),
    ('table = "tt"', 'table = "uu"', "xx.toml: consent_age.table: no table of ages `uu`"),
    ('table = "tt"', 'table = "tt"\nage = 13', "xx.toml: consent_age.age: give either an age or a table"),
    ('table = "tt"', "", "xx.toml: consent_age.age: give either an age or a table"),
    ('table = "tt"', "age = 200", "xx.toml: consent_age.age: this must be a whole number from 0 to 130"),
    ("[signal]", "[[signal]]", "xx.toml: signal: this must be a table"),
    ("[[rights]]", "[rights]", "xx.toml: rights: this must be an array of tables"),
    ('within = "P1M"', 'within = "1 month"', "xx.toml: rights[0].within: `1 month` is no ISO"),
]


@pytest.mark.parametrize(("old", "new", "complaint"), DAMAGES)
def test_a_damaged_pack(old: str, new: str, complaint: str) -> None:
    """Each damage raises PolicyError with the file, the key and what is wrong."""
    assert 1 <= PACK.count(old)
    with pytest.raises(PolicyError) as caught:
        parse_packs({"xx.toml": PACK.replace(old, new, 1), "tt.toml": AGES})
    assert complaint in str(caught.value)
    assert caught.value.place.startswith("xx.toml")
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("default = 16", "", "tt.toml: default: this key is missing"),
        ("default = 16", "default = 16.0", "tt.toml: default: this must be a whole number"),
        ("default = 16", "default = 16\nage = 1", "tt.toml: age: unknown key"),
        ("from = 2021-01-01", "from = 2020-12-31", "tt.toml: ages[1].from: two ages of DE on one day"),
        ("from = 2020-01-01, to = 2020-12-31, ", "", "tt.toml: ages[1].from: two ages of DE on one day"),
        ("age = 15, ", "", "tt.toml: ages[1].age: this key is missing"),
        (
            'territory = "DE", age = 15',
            'territory = "EU", age = 15',
            "tt.toml: ages[1].territory: unknown region",
        ),
        (
            "from = 2020-01-01, to = 2020-12-31",
            "from = 2020-01-01, to = 2019-12-31",
            "ages[0].to: the last day",
        ),
    ],
)
def test_a_damaged_table_of_ages(old: str, new: str, complaint: str) -> None:
    """A table of ages is read as strictly as a pack."""
    assert 1 == AGES.count(old)
    with pytest.raises(PolicyError) as caught:
        parse_packs({"xx.toml": PACK, "tt.toml": AGES.replace(old, new)})
    assert complaint in str(caught.value)


def test_a_missing_table_of_ages() -> None:
    """A pack whose table of ages is not there is refused, not loaded without ages."""
    with pytest.raises(PolicyError, match=r"consent_age\.table: no table of ages `tt`"):
        parse_packs({"xx.toml": PACK})


def load(old: str = "", new: str = "") -> Pack:
    """Load the document with one change."""
    assert old in PACK
    return parse_packs({"xx.toml": PACK.replace(old, new, 1), "tt.toml": AGES})["xx"]


def test_what_a_pack_leaves_out_about_consent() -> None:
    """A yes is per purpose, as easily withdrawn, and no box is ticked before; each can be said otherwise."""
    keys = ("granular", "withdraw_as_easy", "pre_ticked")
    said = 'expiry = "none"\ngranular = false\nwithdraw_as_easy = false\npre_ticked = true'
    found = [load().consent, load('expiry = "none"', said).consent]
    assert [[True, True, False], [False, False, True]] == [
        [getattr(each, key) for key in keys] for each in found
    ]


@pytest.mark.parametrize(
    "more",
    [
        "age_min = 9\nage_max = 9",
        "age_max = 0",
        "age_min = 130",
        "from = 2020-12-31",
    ],
)
def test_limits_that_meet(more: str) -> None:
    """One age, one day, the youngest and the oldest are limits like others."""
    rule = load(
        "[[scope]]",
        '[[rules]]\nrows = ["analytics"]\nposture = "opt_in"\nto = 2020-12-31\n'
        f'cite = "Art. 3"\nprov = "knowledge/low"\n{more}\n[[scope]]',
    ).rules[-1]
    for line in more.splitlines():
        key, _, value = line.partition(" = ")
        assert value == str(rule.since if key == "from" else getattr(rule, key))


def test_a_rule_names_no_exceptions_where_any_claim_counts() -> None:
    """They would read as the only ones."""
    with pytest.raises(PolicyError, match=r"rules\[0\]\.exceptions: opt_out accepts any claim"):
        load("to = 2020-12-31", 'to = 2020-12-31\nexceptions = ["contract"]')


def test_ages_of_other_places_and_times_stand_beside_each_other() -> None:
    """Two ages clash only in one place on one day, whichever is written first and whoever has no end."""
    early = '{ territory = "FR", age = 14, to = 2020-12-31, cite = "L", prov = "knowledge/low" },'
    late = '{ territory = "FR", age = 15, from = 2021-01-01, cite = "L", prov = "knowledge/low" },'
    open_ended = '{ territory = "FR", age = 16, cite = "L", prov = "knowledge/low" },'
    for pair in ((early, late), (late, early)):
        pages = {"xx.toml": PACK, "tt.toml": AGES.replace("ages = [", f"ages = [{' '.join(pair)}")}
        ages = parse_packs(pages)["xx"].consent_age
        assert ages is not None
        assert {14, 15} == {each.age for each in ages.national if each.territory == "FR"}
    for pair in ((early, open_ended), (open_ended, late), (open_ended, early), (late, open_ended)):
        with pytest.raises(PolicyError, match="two ages of FR on one day"):
            parse_packs({"xx.toml": PACK, "tt.toml": AGES.replace("ages = [", f"ages = [{' '.join(pair)}")})


def test_every_toml_file_of_the_folder_is_a_text() -> None:
    """None is passed over; each is read as UTF-8."""
    folder = Path(loader.__file__).parent / "packs"
    assert {file.name: file.read_text("utf-8") for file in folder.glob("*.toml")} == dict(loader.pack_texts())
