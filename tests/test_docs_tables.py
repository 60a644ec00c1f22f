"""What the pages say in tables: made from the code, or compared with it, so that nothing drifts."""

from __future__ import annotations

import ast
import inspect
import re
import runpy
import tomllib
from copy import deepcopy
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from clm_ethics import Policy, PolicyError
from clm_ethics.policy import journey, law, lint, policy, sections

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
MAKER = runpy.run_path(str(DOCS / "tables.py"))
EXAMPLE = tomllib.loads((DOCS / "examples" / "policy.toml").read_text(encoding="utf-8"))
PAGES = [ROOT / "README.md", *sorted(DOCS.glob("**/*.md"))]
GONE = object()
"""Stands for a key that is left out."""

DOCUMENT = "key at the top"
CONTROLLER = "key of `[controller]`"
FACTS = "key of `[controller.facts]`"
FIELD = "key of `[fields.NAME]`"
EVENT = "key of `[events.NAME]`"
PURPOSE = "key of `[purposes.NAME]`"
LIFECYCLE = "key of `[lifecycle]`"
CHANNEL = "key of `[channels.NAME]`"
STEP = {"after": "P1Y", "announce": "P14D", "seal": True}
DECAY = {"without": ["order_placed"], "steps": [STEP]}
DECAYS: dict[str, dict] = {"without": {"without": ["order"]}, "steps": {"steps": [STEP, STEP]}}
STEPS: dict[str, dict] = {
    "after": {"after": "a year"},
    "announce": {"announce": "P1Y"},
    "shrink": {"seal": GONE, "shrink": {"email": 1}},
    "seal": {"seal": False},
    "forget": {"forget": True},
    "closes": {"closes": ["account"]},
}


def stepped(**more: object) -> dict:
    """Return a decay of one step, with keys changed or gone."""
    step = {key: value for key, value in (STEP | more).items() if value is not GONE}
    return DECAY | {"steps": [step]}


MUCH = {"field": "churn", "most": "much"}
THRESHOLD = {"from": "prospect", "to": "customer", "when": {"field": "points", "most": 1}}
MOVES = [*EXAMPLE["lifecycle"]["moves"], {"from": "lost", "to": "churned", "on": "complaint"}]


class Wrong(NamedTuple):
    """A wrong value: in which table and row of the page it stands, and where in the document."""

    table: str
    key: str
    path: str
    value: Any


WRONG = (
    Wrong(DOCUMENT, "format", "format", 2),
    Wrong(DOCUMENT, "audit", "audit", {"keep": "3 years"}),
    Wrong(DOCUMENT, "controller", "controller", GONE),
    Wrong(DOCUMENT, "fields", "fields", {"Email": {}}),
    Wrong(DOCUMENT, "events", "events", {"gone": {"opens": ["newsletter"]}}),
    Wrong(DOCUMENT, "purposes", "purposes", {}),
    Wrong(DOCUMENT, "lifecycle", "lifecycle.purpose", GONE),
    Wrong(DOCUMENT, "channels", "channels.fax", {}),
    Wrong("key of `audit`", "keep", "audit.keep", "P0D"),
    Wrong(CONTROLLER, "name", "controller.name", GONE),
    Wrong(CONTROLLER, "contact", "controller.contact", " "),
    Wrong(CONTROLLER, "established", "controller.established", []),
    Wrong(CONTROLLER, "markets", "controller.markets", ["us-ca"]),
    Wrong(CONTROLLER, "audience", "controller.audience", "everybody"),
    Wrong(CONTROLLER, "locales", "controller.locales", ["en", "de", "english"]),
    Wrong(CONTROLLER, "facts", "controller.facts", {"employes": 12}),
    Wrong(FACTS, "revenue_usd", "controller.facts", {"revenue_usd": -1}),
    Wrong(FACTS, "turnover_eur", "controller.facts", {"turnover_eur": "10m"}),
    Wrong(FACTS, "employees", "controller.facts", {"employees": 1.5}),
    Wrong(FACTS, "residents", "controller.facts", {"residents": {"US-XX": 9}}),
    Wrong(FACTS, "sale_share", "controller.facts", {"sale_share": 101}),
    Wrong(FACTS, "sells", "controller.facts", {"sells": "no"}),
    Wrong(FACTS, "small_business", "controller.facts", {"small_business": 1}),
    Wrong(FACTS, "nonprofit", "controller.facts", {"nonprofit": "yes"}),
    Wrong(FACTS, "charity", "controller.facts", {"charity": 0}),
    Wrong(FACTS, "public_body", "controller.facts", {"public_body": "false"}),
    Wrong(FACTS, "food_retailer", "controller.facts", {"food_retailer": "yes"}),
    Wrong(FACTS, "platform", "controller.facts", {"platform": []}),
    Wrong(FIELD, "type", "fields.email.type", "string"),
    Wrong(FIELD, "category", "fields.email.category", "user.email"),
    Wrong(FIELD, "max", "fields.purchases.max", GONE),
    Wrong(FIELD, "lookup", "fields.points.lookup", "plain"),
    Wrong(FIELD, "source", "fields.points.source", ""),
    Wrong(FIELD, "derived_from", "fields.churn.derived_from", ["churn"]),
    Wrong(FIELD, "was", "fields.churn.was", ["email"]),
    Wrong(EVENT, "appends", "events.order_placed.appends", {"email": ["sku"]}),
    Wrong(EVENT, "opens", "events.order_placed.opens", ["newsletter"]),
    Wrong(EVENT, "closes", "events.order_placed.closes", ["ordr"]),
    Wrong(EVENT, "mutes", "events.complaint.mutes", {"marketing": "P14D"}),
    Wrong(EVENT, "was", "events.complaint.was", ["order_placed"]),
    Wrong(PURPOSE, "title", "purposes.account.title", {"en": "Run your account"}),
    Wrong(PURPOSE, "processing", "purposes.account.processing", "email_marketing"),
    Wrong(PURPOSE, "basis", "purposes.newsletter.basis", "contract"),
    Wrong(PURPOSE, "basis_under", "purposes.newsletter.basis_under", {"EU": "consent"}),
    Wrong(PURPOSE, "fields", "purposes.account.fields", ["e-mail"]),
    Wrong(PURPOSE, "explicit", "purposes.recommendations.explicit", ["tastes"]),
    Wrong(PURPOSE, "coarse", "purposes.recommendations.coarse", {"born": "count"}),
    Wrong(PURPOSE, "keep", "purposes.account.keep", {"for": "P30D"}),
    Wrong(PURPOSE, "law", "purposes.invoicing.law", GONE),
    Wrong(PURPOSE, "assessment", "purposes.recommendations.basis", "legitimate_interest"),
    Wrong(PURPOSE, "compatible_with", "purposes.recommendations.compatible_with", ["order"]),
    Wrong(PURPOSE, "stages", "purposes.recommendations.stages", ["lost"]),
    Wrong(PURPOSE, "channels", "purposes.account.channels", ["sms"]),
    Wrong(PURPOSE, "consent_expires", "purposes.recommendations.consent_expires", "P0D"),
    Wrong(PURPOSE, "sale", "purposes.order.sale", "yes"),
    Wrong(PURPOSE, "support", "purposes.order.support", "yes"),
    Wrong(PURPOSE, "inquiry", "purposes.order.inquiry", "yes"),
    Wrong(PURPOSE, "lasting", "purposes.recommendations.lasting", True),
    Wrong(PURPOSE, "device", "purposes.recommendations.device", 1),
    Wrong(PURPOSE, "confidential", "purposes.invoicing.confidential", {"law": "GwG s. 47"}),
    Wrong(PURPOSE, "actors", "purposes.account.actors", ["web", "web"]),
    Wrong(PURPOSE, "shared_with", "purposes.account.shared_with", "a carrier"),
    Wrong(PURPOSE, "was", "purposes.newsletter.was", ["account"]),
    Wrong("key of `keep`", "for", "purposes.recommendations.keep.for", "P0D"),
    Wrong("key of `keep`", "from", "purposes.account.keep.from", "contract"),
    Wrong("key of `confidential`", "law", "purposes.invoicing.confidential", {"until": "P1Y"}),
    Wrong("key of `confidential`", "until", "purposes.invoicing.confidential", {"law": "x", "until": "soon"}),
    Wrong(LIFECYCLE, "start", "lifecycle.start", GONE),
    Wrong(LIFECYCLE, "purpose", "lifecycle.purpose", GONE),
    Wrong(LIFECYCLE, "moves", "lifecycle.moves", MOVES),
    Wrong(LIFECYCLE, "decay", "lifecycle.decay", {}),
    Wrong(LIFECYCLE, "moves_to", "lifecycle.moves_to", {"vip": "custmer"}),
    Wrong("key of a move", "from", "lifecycle.moves.0.from", []),
    Wrong("key of a move", "to", "lifecycle.moves.0.to", GONE),
    Wrong("key of a move", "on", "lifecycle.moves.0.on", "order"),
    Wrong("key of a move", "after", "lifecycle.moves.0.after", "P90D"),
    *(Wrong("key of the decay", key, "lifecycle.decay", DECAY | more) for key, more in DECAYS.items()),
    *(Wrong("key of a step", key, "lifecycle.decay", stepped(**more)) for key, more in STEPS.items()),
    Wrong("key of a value", "field", "lifecycle.moves.0", THRESHOLD | {"when": {"least": 1}}),
    Wrong("key of a value", "least", "lifecycle.moves.0", THRESHOLD | {"when": {"field": "churn"}}),
    Wrong("key of a value", "most", "lifecycle.moves.0", THRESHOLD | {"when": MUCH}),
    Wrong("key of a move", "when", "lifecycle.moves.0", THRESHOLD),
    Wrong("key of a move", "without", "lifecycle.moves.0.without", "complaint"),
    Wrong(CHANNEL, "address", "channels.web.address", "points"),
    Wrong(CHANNEL, "kind", "channels.fax", {"kind": "fax"}),
    Wrong(CHANNEL, "caps", "channels.email.caps", [{"max": 1}]),
    Wrong(CHANNEL, "quiet", "channels.sms.quiet", {"from": "20:00", "to": "20:00"}),
    Wrong("key of a cap", "max", "channels.email.caps.0.max", 0),
    Wrong("key of a cap", "per", "channels.email.caps.0.per", "1 day"),
    Wrong("key of `quiet`", "from", "channels.sms.quiet.from", "8 pm"),
    Wrong("key of `quiet`", "to", "channels.sms.quiet.to", "24:00"),
)


def text_of(page: str) -> str:
    """Return a page of the documentation."""
    return (DOCS / page).read_text(encoding="utf-8")


def tables_of(page: str) -> dict[str, list[list[str]]]:
    """Return the tables of *page*, by the words of their first head, as rows of cells."""
    found: dict[str, list[list[str]]] = {}
    rows: list[list[str]] | None = None
    for line in text_of(page).splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" |")] if line.startswith("|") else None
        if cells is None:
            rows = None
        elif rows is None:
            rows = found.setdefault(cells[0], [])
        elif not set(cells[0]) <= {"-"}:
            rows.append(cells)
    return found


def name(case: Wrong) -> str:
    """Return a readable id for a test."""
    return case.path


@pytest.mark.parametrize("page", MAKER["TABLES"])
def test_the_tables_of_a_page_are_those_of_the_code(page):
    """Vocabularies, reasons, defaults and packs stand in the pages as the code has them."""
    text = text_of(page)

    assert MAKER["renewed"](page, text) == text, "run: python docs/tables.py"


def test_every_key_of_a_policy_is_explained():
    """The tables of the page have the keys that the reader knows: none is missing, none too many."""
    calls = [node for node in ast.walk(ast.parse(inspect.getsource(sections))) if isinstance(node, ast.Call)]
    known = {
        frozenset(argument.value for argument in call.args)
        for call in calls
        if isinstance(call.func, ast.Attribute)
        and call.func.attr == "only"
        and all(isinstance(argument, ast.Constant) for argument in call.args)
    }
    known |= {frozenset(sections.TOP), frozenset(sections._PURPOSE_KEYS), frozenset(sections._FACT_KEYS)}

    told = {
        frozenset(row[0].strip("`") for row in rows)
        for head, rows in tables_of("policy.md").items()
        if head.startswith("key ")
    }

    assert known == told


def test_every_key_has_its_error():
    """Each row of these tables is tried out below."""
    told = {
        (head, row[0].strip("`"))
        for head, rows in tables_of("policy.md").items()
        for row in rows
        if head.startswith("key ")
    }

    assert told == {(case.table, case.key) for case in WRONG}


@pytest.mark.parametrize("case", WRONG, ids=name)
def test_a_wrong_value_gives_the_error_that_the_page_tells(case):
    """The page quotes what the error really says of the value that it shows."""
    document = deepcopy(EXAMPLE)
    place = document
    *way, last = [int(part) if part.isdigit() else part for part in case.path.split(".")]
    for part in way:
        place = place[part]
    if case.value is GONE:
        del place[last]
    else:
        place[last] = case.value
    with pytest.raises(PolicyError) as caught:
        Policy.of(document)

    shown = next(row[3] for row in tables_of("policy.md")[case.table] if row[0] == f"`{case.key}`")
    error = caught.value
    assert shown.endswith((f": {error.what}", f": {error.what}; {error.remedy}"))


def test_every_reason_that_a_law_gives_is_listed():
    """The codes that the compiled policy adds to those of the vocabulary stand in their table."""
    given = set(re.findall(r'"((?:law|assumed)\.\w+)"', inspect.getsource(policy)))
    listed = set(re.findall(r"^\| `([a-z_.]+)` \|", text_of("decisions.md"), re.MULTILINE))

    assert given == {code for code in listed if code.startswith(("law.", "assumed."))}


@pytest.mark.parametrize(
    ("modules", "head"), [((lint, journey), "where"), ((law,), "where the law is asked")]
)
def test_every_finding_of_lint_is_listed(modules, head):
    """The page has each finding once, in the words of the code."""
    source = "".join(map(inspect.getsource, modules))
    rows = tables_of("policy.md")[head]

    assert len(re.findall(r"yield Finding\(", source)) == len(rows)
    assert [] == [text for _, text in rows if text not in source]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page):
    """A link to a page or file of the project leads to one, and an anchor to a heading of it."""
    links = re.findall(r"\]\((?!\w+:)([^)#\s]*)(?:#([^)\s]+))?\)", page.read_text(encoding="utf-8"))

    assert [] == [(to, anchor) for to, anchor in links if not leads(page.parent / to if to else page, anchor)]


def leads(target: Path, anchor: str) -> bool:
    """Say whether there is such a file or folder, with such a heading."""
    return target.exists() and (not anchor or anchor in anchors(target))


def anchors(page: Path) -> set[str]:
    """Return the anchors of the headings of *page*, as the usual renderers make them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in headings}
