"""Every key of a policy document: what it is, and what its value looks like (JSON Schema 2020-12).

The words and limits are those that the reader itself uses. What one key says of another, such as
that a purpose lists only declared fields, is beyond a schema: ``Policy.load`` checks it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from ..model.times import LONGEST
from ..regimes import load_packs
from ..regimes.regions import COUNTRIES
from .reading import MOST_TEXT, NAME
from .sections import LONGEST_LIST, MOST_CONTACTS, MOST_PEOPLE
from .values import Basis
from .vocabulary import AUDIENCES, CATEGORIES, NORMALISERS, PROCESSING, ROWS, STARTS, TYPES

Schema = dict[str, Any]


class Key(NamedTuple):
    """A key: what it is, the schema of its value, and whether it must be there."""

    text: str
    value: Schema
    needed: bool = False


TEXT: Schema = {"type": "string", "maxLength": MOST_TEXT, "pattern": r"\S"}
NAMED: Schema = {"type": "string", "pattern": f"^{NAME.pattern}$"}
SPAN: Schema = {
    "type": "string",
    "minLength": 3,
    "maxLength": LONGEST,
    "pattern": r"^P(\d+Y)?(\d+M)?(\d+W)?(\d+D)?(T(\d+H)?(\d+M)?(\d+S)?)?$",
    "examples": ["P30D", "P13M", "P3Y", "PT12H"],
}
"""A duration. Patterns look neither ahead nor behind: not every editor's engine can."""
LOCALE = r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*"
REGION = rf"({'|'.join(sorted(COUNTRIES))})(-[A-Z0-9]{{1,3}})?"
CLOCK: Schema = {"type": "string", "pattern": r"^([01]\d|2[0-3]):[0-5]\d$", "examples": ["20:00"]}
PRECISION: Schema = {
    "type": "string",
    "pattern": r"^(year|month|count|prefix:[1-9][0-9]?|bucket:[1-9][0-9]{0,14})$",
    "examples": ["year", "month", "count", "prefix:2", "bucket:10"],
}


def one_of(words: Any) -> Schema:
    """Return the schema of one of *words*."""
    return {"type": "string", "enum": [str(word) for word in words]}


def many(item: Schema, *, least: int = 0) -> Schema:
    """Return the schema of a list of different items."""
    found: Schema = {"type": "array", "items": item, "uniqueItems": True}
    return found | ({"minItems": least} if least else {})


def one_or_many(item: Schema, *, least: int = 1) -> Schema:
    """Return the schema of a list for which one item will do."""
    return {"anyOf": [item, many(item, least=least)]}


def table(keys: dict[str, Key]) -> Schema:
    """Return the schema of a table with *keys* and no others."""
    needed = [name for name, key in keys.items() if key.needed]
    found: Schema = {
        "type": "object",
        "additionalProperties": False,
        "properties": {name: {"description": key.text, **key.value} for name, key in keys.items()},
    }
    return found | ({"required": needed} if needed else {})


def by_name(value: Schema, pattern: str = NAME.pattern) -> Schema:
    """Return the schema of a table whose keys are declared names."""
    return {"type": "object", "patternProperties": {f"^{pattern}$": value}, "additionalProperties": False}


_REGIONS: Schema = {"type": "string", "pattern": f"^{REGION}$", "examples": ["DE", "DE-BY", "US-CA"]}
_BASES = one_or_many(one_of(Basis))

AUDIT = {
    "keep": Key("How long the record of reads, choices and refused questions is kept.", SPAN),
}
_COUNT: Schema = {"type": "integer", "minimum": 0, "maximum": MOST_PEOPLE}
_YES_OR_NO: Schema = {"type": "boolean"}
FACTS = {
    "revenue_usd": Key("Gross revenue of the last calendar year, in US dollars.", _COUNT),
    "turnover_eur": Key("Turnover of the last year, in euros.", _COUNT),
    "employees": Key("Persons employed.", _COUNT),
    "sale_share": Key(
        "Percentage of the revenue that comes from selling personal data, rounded up.",
        {"type": "integer", "minimum": 0, "maximum": 100},
    ),
    "sells": Key("You sell personal data, or are rewarded for it.", _YES_OR_NO),
    "small_business": Key(
        "You are one by the standards of the US Small Business Administration.", _YES_OR_NO
    ),
    "nonprofit": Key("You are a non-profit organisation.", _YES_OR_NO),
    "charity": Key("You are a charity (PECR reg. 22(3A)).", _YES_OR_NO),
    "public_body": Key("You are a public authority or body.", _YES_OR_NO),
    "food_retailer": Key("You sell food on 15,000 square feet or more, or deliver it.", _YES_OR_NO),
    "platform": Key(
        "You are an online platform (Art. 3(i) DSA): you show the public what users give you.", _YES_OR_NO
    ),
    "residents": Key("Per region, of how many residents data is handled in a year.", by_name(_COUNT, REGION)),
}
CONTROLLER = {
    "name": Key("Who is responsible (Art. 4(7) GDPR); stands in every notice.", TEXT, needed=True),
    "contact": Key("Where customers reach the controller (Art. 13(1)(a) GDPR).", TEXT, needed=True),
    "established": Key(
        "Regions whose law follows the controller to every customer (Art. 3(1) GDPR).",
        many(_REGIONS, least=1),
        needed=True,
    ),
    "markets": Key("Regions that a customer of unknown region may come from.", many(_REGIONS)),
    "audience": Key("What an unknown age means: grown up, a minor, or a child.", one_of(AUDIENCES)),
    "locales": Key(
        "The languages in which customers are told (BCP 47).",
        many({"type": "string", "pattern": f"^{LOCALE}$"}, least=1),
    ),
    "facts": Key(
        "What decides whether a law binds you; what is not stated counts as within the law.", table(FACTS)
    ),
}
_WAS = Key("Its former names, the oldest first: what was recorded under them goes on.", one_or_many(NAMED))
FIELD = {
    "type": Key("What a value is.", one_of(TYPES), needed=True),
    "category": Key(
        "What kind of data it is, a Fideslang key; it decides what is special (Art. 9(1) GDPR).",
        one_of(sorted(CATEGORIES)),
        needed=True,
    ),
    "max": Key("How many items a list holds.", {"type": "integer", "minimum": 1, "maximum": LONGEST_LIST}),
    "lookup": Key("Makes find() reach customers by it, with this normaliser.", one_of(NORMALISERS)),
    "source": Key("The value stays with the host, in the source of this name.", TEXT),
    "derived_from": Key("The fields that it was computed from; it is special if one of them is.", many(TEXT)),
    "was": _WAS,
}
EVENT = {
    "appends": Key(
        "Per list field the keys of one item; an item is appended if all of them were given.",
        {"type": "object", "additionalProperties": many(TEXT, least=1)},
    ),
    "opens": Key("Contract purposes of which it opens one.", many(TEXT)),
    "closes": Key("Contract purposes of which it closes one.", many(TEXT)),
    "mutes": Key(
        "Processings that rest for a while after it.",
        {"type": "object", "additionalProperties": False, "properties": dict.fromkeys(PROCESSING, SPAN)},
    ),
    "was": _WAS,
}
KEEP = {
    "for": Key("How long.", SPAN, needed=True),
    "from": Key("The fact from which the time runs.", one_of(STARTS), needed=True),
}
CONFIDENTIAL = {
    "law": Key("The law that forbids to tell the customer.", TEXT, needed=True),
    "until": Key("Until when: a date, or a duration from each read on.", TEXT, needed=True),
}
PURPOSE = {
    "title": Key("What the customer is told, in each of the locales.", by_name(TEXT, LOCALE), needed=True),
    "processing": Key(
        "What is done, in the words of the packs of law.", one_or_many(one_of(PROCESSING)), needed=True
    ),
    "basis": Key(
        "The legal bases that it claims; the first whose facts exist is the claim, a no ends them all.",
        _BASES,
        needed=True,
    ),
    "basis_under": Key(
        "Other bases before another law: by a pack, or by a region.",
        by_name(_BASES, rf"({REGION}|{'|'.join(sorted(load_packs()))})"),
    ),
    "fields": Key("What it may see, and nothing else.", many(TEXT)),
    "explicit": Key("Special fields for which it asks an explicit yes (Art. 9(2)(a) GDPR).", many(TEXT)),
    "coarse": Key("Fields that it sees less exactly.", {"type": "object", "additionalProperties": PRECISION}),
    "keep": Key("Its retention: after it the purpose sees the value no more.", table(KEEP)),
    "law": Key("The law that obliges; needed with legal_obligation.", TEXT),
    "assessment": Key(
        "Where the balancing test is recorded; needed with legitimate_interest and compatible_with.", TEXT
    ),
    "compatible_with": Key("Purposes whose data it may use without a new yes (Art. 6(4) GDPR).", many(TEXT)),
    "stages": Key("It applies to customers in these stages only.", many(TEXT)),
    "channels": Key("The channels that it uses; the channel picks the law of direct marketing.", many(TEXT)),
    "consent_expires": Key("How long a yes lasts.", SPAN),
    "sale": Key("An address collected under it comes from a sale.", {"type": "boolean"}),
    "support": Key("An address collected under it comes from a supporter of a charity.", {"type": "boolean"}),
    "inquiry": Key("Whoever gives data under it asks, or applies.", {"type": "boolean"}),
    "lasting": Key("Its contract lasts until it is closed, like a membership.", {"type": "boolean"}),
    "device": Key("It stores on the customer's device, or reads from it.", {"type": "boolean"}),
    "confidential": Key("A law forbids to tell the customer of its reads.", table(CONFIDENTIAL)),
    "actors": Key("Who may read, choose and find under it.", many(TEXT)),
    "shared_with": Key("Who else gets the data; stands in the notice.", many(TEXT)),
    "was": _WAS,
}
WHEN = {
    "field": Key("The number that is looked at when it is put.", TEXT, needed=True),
    "least": Key("It is so much or more.", {"type": "number"}),
    "most": Key("It is so much or less.", {"type": "number"}),
}
_WHEN = table(WHEN) | {"oneOf": [{"required": ["least"]}, {"required": ["most"]}]}
DECAY_STEP = {
    "after": Key("After how long without a sign.", SPAN, needed=True),
    "announce": Key("How long before it is announced.", SPAN, needed=True),
    "shrink": Key(
        "Per field how many of its newest items stay.",
        {
            "type": "object",
            "additionalProperties": {"type": "integer", "minimum": 0, "maximum": LONGEST_LIST},
        },
    ),
    "seal": Key("Everything but what a law or a contract needs is sealed away.", {"const": True}),
    "forget": Key("The customer is erased.", {"const": True}),
    "closes": Key("Open contracts that do not keep the customer from it.", many(TEXT)),
}
_DECAY_STEP = table(DECAY_STEP) | {
    "oneOf": [{"required": ["shrink"]}, {"required": ["seal"]}, {"required": ["forget"]}],
    "dependentRequired": {"closes": ["forget"]},
}
DECAY = {
    "without": Key("The events that show that a customer is there.", many(TEXT), needed=True),
    "steps": Key("What happens, in the order of time.", {"type": "array", "items": _DECAY_STEP}, needed=True),
}
MOVE = {
    "from": Key("The stages that it leaves.", one_or_many(NAMED), needed=True),
    "to": Key("The stage that it leads to.", NAMED, needed=True),
    "on": Key("The event that brings it.", TEXT),
    "after": Key("The time that brings it.", SPAN),
    "without": Key("The event whose absence counts.", TEXT),
    "when": Key("The value that brings it.", _WHEN),
}
_MOVE = table(MOVE) | {
    "oneOf": [{"required": [key]} for key in ("on", "after", "when")],
    "dependentRequired": {"without": ["after"]},
}
LIFECYCLE = {
    "start": Key("The stage in which a customer begins.", NAMED),
    "purpose": Key("The purpose that timed moves serve.", TEXT),
    "moves": Key("How stages follow each other.", {"type": "array", "items": _MOVE}),
    "decay": Key("What becomes of customers who are not there any more.", table(DECAY)),
    "moves_to": Key("Of stages that are gone, in which their customers are now.", by_name(NAMED)),
}
CAP = {
    "max": Key(
        "How many contacts at most.",
        {"type": "integer", "minimum": 1, "maximum": MOST_CONTACTS},
        needed=True,
    ),
    "per": Key("In any time so long.", SPAN, needed=True),
}
QUIET = {
    "from": Key("When they begin.", CLOCK, needed=True),
    "to": Key("When they end; they may span midnight.", CLOCK, needed=True),
}
CHANNEL = {
    "address": Key("The field with the address.", TEXT),
    "kind": Key("Which kind of channel it is, if its name does not say so.", one_of(ROWS)),
    "caps": Key("Limits in rolling windows.", {"type": "array", "items": table(CAP)}),
    "quiet": Key("Hours in which nothing is sent, on the customer's clock.", table(QUIET)),
}
_FIELD = table(FIELD) | {
    "if": {"properties": {"type": {"const": "list"}}},
    "then": {"required": ["max"]},
    "else": {"properties": {"max": False}},
}
_PURPOSES = by_name(table(PURPOSE)) | {"minProperties": 1}
TOP = {
    "format": Key("The format of the document.", {"const": 1}, needed=True),
    "audit": Key("How long the record of reads is kept.", table(AUDIT)),
    "controller": Key("Who decides about the processing (Art. 4(7) GDPR).", table(CONTROLLER), needed=True),
    "fields": Key("What may be known of a customer.", by_name(_FIELD)),
    "events": Key("What may happen: all that record() accepts.", by_name(table(EVENT))),
    "purposes": Key("What the data may be used for.", _PURPOSES, needed=True),
    "lifecycle": Key("The stages of a customer's life.", table(LIFECYCLE)),
    "channels": Key(
        "The ways to reach somebody.",
        {
            "type": "object",
            "propertyNames": NAMED,
            "properties": dict.fromkeys(ROWS, table(CHANNEL)),
            "additionalProperties": table({**CHANNEL, "kind": CHANNEL["kind"]._replace(needed=True)}),
        },
    ),
}
TABLES = (
    *(TOP, AUDIT, CONTROLLER, FACTS, FIELD, EVENT, KEEP, CONFIDENTIAL),
    *(PURPOSE, WHEN, MOVE, DECAY_STEP, DECAY, LIFECYCLE, CAP, QUIET, CHANNEL),
)
"""The kinds of table that a document has."""
