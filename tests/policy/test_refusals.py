"""What a policy must not say: each mistake is refused at its line and key, in words that help."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from clm_ethics.errors import PolicyError
from clm_ethics.policy.document import read_mapping, read_text
from clm_ethics.policy.reading import MOST_PROBLEMS

EXAMPLE = Path(__file__).with_name("shop.toml").read_text("utf-8")
NAME = "policy.toml"
SMALL: dict[str, Any] = {
    "format": 1,
    "controller": {"name": "Example Shop", "contact": "privacy@example.org", "established": ["DE"]},
    "purposes": {"account": {"title": {"en": "Run it"}, "processing": ["essential"], "basis": "contract"}},
}


def small(**changes: Any) -> dict[str, Any]:
    """Return the smallest policy with some sections changed."""
    return {**SMALL, **changes}


def purpose(**changes: Any) -> dict[str, Any]:
    """Return the smallest policy, its purpose changed."""
    return small(purposes={"account": {**SMALL["purposes"]["account"], **changes}})


def refusal(document: dict[str, Any]) -> PolicyError:
    """Return the error about *document*."""
    with pytest.raises(PolicyError) as caught:
        read_mapping(document, name=NAME)
    return caught.value


class Wrong(NamedTuple):
    """One change to the example: *old* becomes *new*, and the error must name *key*.

    The line is that of *old*, or of the text *line* where it is given.
    """

    key: str
    says: str
    old: str
    new: str
    line: str = ""


ACCOUNT = '[purposes.account]\ntitle = { en = "Run your account", de = "Ihr Konto führen" }\n'
WRONG = [
    # unknown keys, everywhere
    Wrong("audti", "did you mean `audit`", "audit = {", "audti = {"),
    Wrong("audit.keeps", "did you mean `keep`", 'audit = { keep = "P3Y" }', 'audit = { keeps = "P3Y" }'),
    Wrong("controller.market", "did you mean `markets`", "markets = [", "market = ["),
    Wrong("fields.phone.look_up", "did you mean `lookup`", 'lookup = "phone"', 'look_up = "phone"'),
    Wrong("events.order_placed.open", "did you mean `opens`", 'opens = ["order"]', 'open = ["order"]'),
    Wrong("purposes.newsletter.chanels", "`channels`", "channels = [", "chanels = ["),
    Wrong("purposes.order.keep.form", "`from`", 'keep = { for = "P3Y", from', 'keep = { for = "P3Y", form'),
    Wrong("lifecycle.moves[1].with", "no key `with`", "without =", "with ="),
    Wrong("channels.email.caps[1].times", "no key `times`", "{ max = 3,", "{ times = 3,"),
    Wrong("channels.sms.quiet.till", "no key `till`", 'to = "09:00"', 'till = "09:00"'),
    # missing keys: the line of the table that lacks them
    Wrong("controller.contact", "is missing", 'contact = "privacy@example.org"\n', "", "[controller]"),
    Wrong("fields.email.category", "is missing", ', category = "user.contact.email"', "", "email     = {"),
    Wrong("fields.tastes.max", "is missing", "max = 20, ", "", "tastes    ="),
    Wrong("purposes.account.basis", "is missing", 'basis = "contract"\n', "", "[purposes.account]"),
    Wrong("purposes.invoicing.law", "needs its law", 'law = "DE AO s. 147"', "", "[purposes.invoicing]"),
    Wrong("lifecycle.start", "is missing", 'start = "prospect"\n', "", "[lifecycle]"),
    Wrong("lifecycle.purpose", "is missing", 'purpose = "recommendations" ', "# ", "[lifecycle]"),
    Wrong("channels.sms.caps[0].per", "is missing", '[{ max = 1, per = "P7D" }]', "[{ max = 1 }]"),
    # wrong types, empty and malformed values
    Wrong("format", "format 2 is not known", "format = 1", "format = 2"),
    Wrong("format", "it is true or false", "format = 1", "format = true"),
    Wrong("controller.name", "it is a whole number", 'name = "Example Shop"', "name = 7"),
    Wrong("controller.name", "empty", 'name = "Example Shop"', 'name = "  "'),
    Wrong("controller.established", "it is text", 'established = ["DE"]', 'established = "DE"'),
    Wrong("controller.established", "no region", 'established = ["DE"]', "established = []"),
    Wrong("controller.markets[3]", "did you mean `US-CA`", '"FR", "US-CA"', '"FR", "us-ca"'),
    Wrong("controller.markets[3]", "no region `US-XX`", '"FR", "US-CA"', '"FR", "US-XX"'),
    Wrong("controller.markets[1]", "listed twice", '["DE", "AT"', '["DE", "DE"'),
    Wrong("controller.audience", "did you mean `adults`", 'audience = "adults"', 'audience = "adult"'),
    Wrong("controller.locales[1]", "no locale", 'locales = ["en", "de"]', 'locales = ["en", "German"]'),
    Wrong(
        "fields.email.type", "no type `string`", '{ type = "text", category', '{ type = "string", category'
    ),
    Wrong("fields.phone.category", "phone_number", "contact.phone_number", "contact.phone_numer"),
    Wrong("fields.purchases.max", "out of range", "max = 100,", "max = 0,"),
    Wrong("fields.purchases.max", "it is a number", "max = 100,", "max = 1.5,"),
    Wrong("fields.address.max", "only a list", 'type = "map",', 'type = "map", max = 3,'),
    Wrong("fields.churn.lookup", "type number", 'type = "number",', 'type = "number", lookup = "plain",'),
    Wrong("fields.churn", "it is text", "churn     = { ", 'churn = "none" # '),
    Wrong("fields.region", "is built in", "points    = {", "region    = {"),
    Wrong("fields.Points", "is no name", "points    = {", "Points    = {"),
    Wrong("events.order_placed.appends.purchases", "without keys", '["sku", "amount"]', "[]"),
    Wrong("events.order_placed.appends.purchases[1]", "`at`", '["sku", "amount"]', '["sku", "at"]'),
    Wrong("events.complaint.mutes.marketing", "`direct_marketing`", "{ direct_marketing =", "{ marketing ="),
    Wrong("events.complaint.mutes.direct_marketing", "no ISO 8601 duration", '"P14D"', '"14 days"'),
    Wrong(
        "purposes.account.keep.for",
        "of nothing",
        '"P30D", from = "contract_end"',
        '"P0D", from = "collected"',
    ),
    Wrong(
        "purposes.account.keep.from",
        "`contract_end`",
        '"P30D", from = "contract_end"',
        '"P30D", from = "end"',
    ),
    Wrong("purposes.account.processing[0]", "essential", '"essential"]   ', '"esential"]   '),
    Wrong(
        "purposes.newsletter.processing[0]", 'channels = ["sms"]', '["direct_marketing"]', '["sms_marketing"]'
    ),
    Wrong("purposes.newsletter.basis[1]", "soft_opt_in", '"soft_opt_in"]', '"softoptin"]'),
    Wrong("purposes.newsletter.basis_under.USA", "no region", "{ US = [", "{ USA = ["),
    Wrong("purposes.recommendations.consent_expires", "no ISO 8601", '"P13M"', '"13M"'),
    Wrong("channels.sms.quiet.to", "end when they begin", 'to = "09:00"', 'to = "20:00"'),
    Wrong("channels.sms.quiet.from", "no time of day", 'from = "20:00"', 'from = "24:00"'),
    Wrong(
        "channels.email.caps[0].max", "out of range", '[{ max = 1, per = "P1D" }', '[{ max = 0, per = "P1D" }'
    ),
    Wrong("channels.letter", "add kind", "web   = {}", "letter = {}"),
    # references
    Wrong("fields.churn.derived_from[0]", "`purchases`", 'from = ["purchases"]', 'from = ["purchase"]'),
    Wrong("fields.churn.derived_from", "from itself", 'from = ["purchases"]', 'from = ["churn"]'),
    Wrong("events.order_placed.appends.tastse", "no field", "{ purchases = [", "{ tastse = ["),
    Wrong("events.order_placed.appends.email", "is no list", "{ purchases = [", "{ email = ["),
    Wrong("events.order_placed.opens[0]", "no purpose `ordr`", 'opens = ["order"]', 'opens = ["ordr"]'),
    Wrong(
        "events.account_closed.closes[0]", "is no contract", 'closes = ["account"]', 'closes = ["newsletter"]'
    ),
    Wrong("purposes.account.fields[1]", "did you mean `points`", '["email", "points"]', '["email", "point"]'),
    Wrong(
        "purposes.recommendations.explicit[0]",
        "no special",
        'explicit = ["allergies"]',
        'explicit = ["tastes"]',
    ),
    Wrong(
        "purposes.recommendations.explicit[0]", "not list", 'explicit = ["allergies"]', 'explicit = ["email"]'
    ),
    Wrong("purposes.recommendations.coarse.born", "date cannot", '{ born = "year" }', '{ born = "count" }'),
    Wrong(
        "purposes.recommendations.coarse.tastes",
        "list cannot",
        '{ born = "year" }',
        '{ tastes = "prefix:2" }',
    ),
    Wrong("purposes.recommendations.coarse.email", "not list", '{ born = "year" }', '{ email = "prefix:2" }'),
    Wrong(
        "purposes.recommendations.stages[1]",
        "`at_risk`",
        '"customer", "at_risk", "won',
        '"customer", "risk", "won',
    ),
    Wrong("purposes.newsletter.channels[1]", "no channel `push`", '["email", "sms"]', '["email", "push"]'),
    Wrong(
        "purposes.newsletter.channels[1]",
        "needs `phone`",
        '"phone", "tastes"]',
        '"tastes"]',
        'channels = ["email", "sms"]',
    ),
    Wrong(
        "channels.email.address",
        "no field `mail`",
        'email = { address = "email"',
        'email = { address = "mail"',
    ),
    Wrong("channels.email.address", "is list", 'email = { address = "email"', 'email = { address = "tastes"'),
    Wrong("lifecycle.purpose", "no purpose", 'purpose = "recommendations"', 'purpose = "recommend"'),
    Wrong(
        "lifecycle.moves[0].on",
        "no event",
        'to = "customer", on = "order_placed"',
        'to = "customer", on = "order"',
    ),
    Wrong("lifecycle.moves[1].without", "no event", 'without = "order_placed"', 'without = "visit"'),
    # conditions of the law
    Wrong(
        "purposes.account.basis",
        "EDPB 2/2019",
        ACCOUNT + 'processing = ["essential"]',
        ACCOUNT + 'processing = ["direct_marketing"]',
        'basis = "contract"',
    ),
    Wrong(
        "purposes.recommendations.assessment",
        "balancing test",
        'basis = "consent"',
        'basis = "legitimate_interest"',
        "[purposes.recommendations]",
    ),
    Wrong(
        "purposes.recommendations.assessment",
        "recorded assessment",
        "compatible_with = []",
        'compatible_with = ["order"]',
        "[purposes.recommendations]",
    ),
    Wrong(
        "purposes.recommendations.compatible_with[0]",
        "no other purpose",
        "compatible_with = []",
        'assessment = "x"\ncompatible_with = ["recommendations"]',
        'compatible_with = ["rec',
    ),
    Wrong(
        "purposes.recommendations.basis", "soft opt-in without", 'basis = "consent"', 'basis = "soft_opt_in"'
    ),
    Wrong("purposes.account.title", "no title in `de`", ', de = "Ihr Konto führen"', ""),
    Wrong(
        "purposes.account.title.fr", "none of the locales", 'en = "Run your account",', 'en = "R", fr = "S",'
    ),
    Wrong(
        "fields.allergies.lookup",
        "no look-up",
        'allergies = { type = "list", max = 20,',
        'allergies = { type = "text", lookup = "plain",',
    ),
    Wrong(
        "purposes.recommendations.fields[3]",
        "infers a special",
        'churn     = { type = "number", category = "user.behavior"',
        'churn     = { type = "number", category = "user.health"',
        'fields = ["purchases", "tastes", "all',
    ),
    # the lifecycle's shape
    Wrong("lifecycle.moves[3].from", "nothing leads to", 'from = ["churned"]', 'from = ["lost"]'),
    Wrong(
        "lifecycle.moves[3].from",
        "nothing leads to the stage `churned`",
        'to = "churned"',
        'to = "gone"',
        'from = ["churned"]',
    ),
    Wrong(
        "lifecycle.moves[0].on",
        "either `on` or",
        ', on = "order_placed" },\n  { from = ["customer"',
        ' },\n  { from = ["customer"',
    ),
    *(
        Wrong(
            f"lifecycle.moves[3].{key}",
            says,
            'to = "won_back", on = "order_placed"',
            f'to = "won_back", when = {value}',
        )
        for key, says, value in (
            ("when.field", "is missing", "{ least = 1 }"),
            ("when.least", "either `least` or `most`", '{ field = "churn" }'),
            ("when.least", "either `least` or `most`", '{ field = "churn", least = 1, most = 2 }'),
            ("when.least", "write a number", '{ field = "churn", least = "much" }'),
            ("when.field", "did you mean `churn`", '{ field = "churm", most = 1 }'),
            ("when.field", "only a number reaches", '{ field = "tastes", most = 1 }'),
            ("when.field", "the host keeps `points`", '{ field = "points", most = 1 }'),
        )
    ),
    Wrong(
        "lifecycle.moves[3].without",
        "belongs to `after`",
        'to = "won_back", on = "order_placed"',
        'to = "won_back", on = "order_placed", without = "complaint"',
    ),
    Wrong(
        "lifecycle.moves[2]",
        "same moment",
        'from = ["at_risk"], to = "churned", after = "P180D"',
        'from = ["at_risk", "won_back"], to = "churned", after = "P90D"',
    ),
    Wrong(
        "lifecycle.moves[1]",
        "time alone",
        'to = "churned", after',
        'to = "won_back", after',
        'from = ["customer", "won_back"]',
    ),
    Wrong("lifecycle.moves[0].to", "is no name", 'to = "customer"', 'to = "a customer"'),
]


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: f"{wrong.key}: {wrong.says}")
def test_one_mistake_is_refused_at_its_line_and_key(wrong: Wrong) -> None:
    """Each single mistake in the example is refused, with file, line, key, and words that help."""
    assert EXAMPLE.count(wrong.old) >= 1
    text = EXAMPLE.replace(wrong.old, wrong.new, 1)
    at = text.index(wrong.line) if wrong.line else EXAMPLE.index(wrong.old)
    line = text.count("\n", 0, at) + 1

    with pytest.raises(PolicyError) as caught:
        read_text(text, name=NAME)

    assert f"{NAME}:{line}: {wrong.key}" == caught.value.place
    assert line == caught.value.line
    assert wrong.says in str(caught.value)
    assert caught.value.remedy


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: f"{wrong.key}: {wrong.says}")
def test_a_mapping_is_refused_at_the_same_key(wrong: Wrong) -> None:
    """The same mistake in a mapping names the key, and no line."""
    document = tomllib.loads(EXAMPLE.replace(wrong.old, wrong.new, 1))

    error = refusal(document)

    assert error.place.startswith(f"{NAME}: ")
    assert error.line is None
    assert wrong.key in {error.place.removeprefix(f"{NAME}: ")} | {
        each.removeprefix(f"{NAME}: ").partition(": ")[0] for each in error.problems
    }


def test_the_first_problem_of_the_document_is_raised_and_the_others_are_named() -> None:
    """Of several problems the first by line is the error; ``problems`` holds the others in order."""
    text = EXAMPLE.replace('"P14D"', '"soon"').replace('law = "DE AO s. 147"', "").replace('"P1D"', '"often"')

    with pytest.raises(PolicyError) as caught:
        read_text(text, name=NAME)

    assert "events.complaint.mutes.direct_marketing" in caught.value.place
    assert 1 == len(caught.value.problems)
    assert "channels.email.caps[0].per" in caught.value.problems[0]


def test_a_thousand_problems_are_not_a_thousand_lines() -> None:
    """An error mentions a bounded number of other problems."""
    fields = {f"f{number}": {"type": "text", "category": "none"} for number in range(1000)}

    assert MOST_PROBLEMS == len(refusal(small(fields=fields)).problems)


@pytest.mark.parametrize(
    ("document", "key"),
    [
        ({}, "format"),
        ({"format": 1}, "controller"),
        (small(purposes={}), "purposes"),
        (small(purposes=[]), "purposes"),
        (small(fields={"a": None}), "fields.a"),
        (small(fields={1: {}}), "fields"),
        (small(fields={"a": {"type": {1, 2}}}), "fields.a.type"),
        (small(fields={"a": {"type": "text\ud800"}}), "fields.a.type"),
        (small(audit={"keep": float("nan")}), "audit.keep"),
        (small(audit={"keep": 2**53}), "audit.keep"),
        (small(fields={"a b": {}}), 'fields."a b"'),
        (purpose(title={"en": "x" * 1001}), "purposes.account.title.en"),
        (purpose(confidential={"law": "x", "until": "soon"}), "purposes.account.confidential.until"),
        (purpose(title={"en": "x", "English": "x"}), "purposes.account.title.English"),
        (purpose(sale="yes"), "purposes.account.sale"),
        (purpose(sale=1), "purposes.account.sale"),
        (purpose(actors=[["a"]]), "purposes.account.actors[0]"),
        (purpose(basis=[]), "purposes.account.basis"),
        (purpose(processing=[]), "purposes.account.processing"),
        (purpose(basis="consents"), "purposes.account.basis"),
        (purpose(stages=["lead"]), "purposes.account.stages[0]"),
        (small(lifecycle={"start": "a", "moves": [3]}), "lifecycle.moves[0]"),
        (
            small(lifecycle={"start": "a", "moves": [{"from": [], "to": "a", "on": "b"}]}),
            "lifecycle.moves[0].from",
        ),
        (small(controller={**SMALL["controller"], "locales": []}), "controller.locales"),
        (
            small(
                fields={"a": {"type": "list", "max": 3, "category": "user.behavior"}},
                events={"e": {"appends": {"a": ["b"]}}},
            ),
            "events.e.appends.a",
        ),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
def test_mistakes_that_only_a_small_policy_shows(document: dict[str, Any], key: str) -> None:
    """Each mistake in a mapping is refused at its key."""
    assert f"{NAME}: {key}" == refusal(document).place


def test_a_document_that_is_no_table_or_holds_itself() -> None:
    """A list, a table within itself, and very many values are refused."""
    endless: dict[str, Any] = small()
    endless["fields"] = endless
    twice: list[Any] = []
    twice.extend([twice] * 1000)

    for document in ([], endless, small(fields=twice), small(fields={str(n): 1 for n in range(200_000)})):
        with pytest.raises(PolicyError):
            read_mapping(document)  # type: ignore[arg-type]


def test_a_legal_obligation_may_need_an_inferred_field() -> None:
    """What a law obliges to is no inference that a customer could be asked about."""
    fields = {
        "cause": {"type": "text", "category": "user.health"},
        "risk": {"type": "number", "category": "user.behavior", "derived_from": ["cause"]},
    }
    obliged = {
        **SMALL["purposes"]["account"],
        "basis": "legal_obligation",
        "law": "X s. 1",
        "fields": ["risk"],
    }

    assert read_mapping(small(fields=fields, purposes={"report": obliged})).fields["risk"].special
