"""General policy engines on the policy of ``world.py``: casbin, Cedar and Rego.

Each engine is given what favours it: the facts of one question are worked out before (the stage,
the age when somebody agreed, numbers for times, whether a value fits the purpose and is over), and
only the rules of one purpose are looked at. casbin and Cedar say neither why nor which fields, and
are asked for the verdict alone; Rego is asked for the whole answer. The library works it out from
the customer's state.

The rules come from the table of the check by hand, so that all give the same verdicts.
"""

from __future__ import annotations

import json
from importlib.util import find_spec
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from . import handwritten

if TYPE_CHECKING:
    from datetime import datetime

    from .handwritten import Person, Rule, Table

NEVER = 9_999_999_999
OLD = 99
"""What stands for no end, and for an unknown age."""


def facts(
    table: Table, person: Person, purpose: str, fields: tuple[str, ...], at: datetime
) -> dict[str, Any]:
    """Return what an engine is told of one question: flat, and numbers for times."""
    rule = table[purpose, person.region]
    consent = person.consents.get(purpose)
    agreed = consent is not None and consent.status == "granted"
    contract = person.contracts.get(purpose)
    return {
        "purpose": purpose,
        "region": person.region,
        "stage": handwritten._stage(table, person, at) if rule.stages else person.stage,
        "said": "" if consent is None else consent.status,
        "agreed": 0 if consent is None else consent.index,
        "objected": person.objections.get(purpose, 0),
        "clause": consent.clause if agreed and consent is not None else "",
        "ends": NEVER if consent is None or consent.until is None else int(consent.until.timestamp()),
        "age": OLD if consent is None or person.born is None else handwritten._age(person.born, consent.at),
        "open": contract is not None and contract[0],
        "now": int(at.timestamp()),
        "fields": list(fields),
        "explicit": sorted(rule.explicit & consent.explicit) if consent is not None else [],
        "kept": {
            name: {
                "fits": purpose in kept.announced or handwritten._read_all_the_same(rule, person, kept),
                "until": 0 if handwritten._over(rule, person, kept, at) else NEVER,
            }
            for name in fields
            if (kept := person.fields.get(name)) is not None and _holds(rule, person)
        },
    }


def _holds(rule: Rule, person: Person) -> bool:
    """Say whether there is a consent to look at, where the rule rests on one."""
    return rule.basis != "consent" or rule.purpose in person.consents


class Engine:
    """An engine that knows the rules: how a question is put, and how it is asked."""

    package = ""
    whole = False
    """It answers with the reason, the fields and what is withheld, not with the verdict alone."""

    def put(self, told: dict[str, Any]) -> Any:
        """Put *told* into the engine's own form, before the clock runs."""
        return told

    def ask(self, question: Any) -> bool:
        """Return the verdict."""
        raise AssertionError(question)


# --- casbin ---------------------------------------------------------------------------------------

_CASBIN = """
[request_definition]
r = purpose, region, who
[policy_definition]
p = purpose, region, basis, stages, clause, age
[policy_effect]
e = some(where (p.eft == allow))
[matchers]
m = r.purpose == p.purpose && r.region == p.region && (p.basis == "legal_obligation" \
|| (p.basis == "contract" && r.who.open) \
|| (r.who.objected <= r.who.agreed && (p.stages == "" || r.who.stage in p.stages) \
&& ((p.basis == "legitimate_interest" && (r.who.said == "" || r.who.said == "granted")) \
|| (p.basis == "consent" && r.who.said == "granted" && r.who.clause == p.clause \
&& r.who.ends > r.who.now && r.who.age >= p.age))))
"""


class Casbin(Engine):
    """casbin's ``FastEnforcer``, indexed by purpose and region."""

    package = "casbin"

    def __init__(self, table: Table) -> None:
        import casbin
        from casbin.model import FastModel

        order = [0, 1]
        model = FastModel(order)
        model.load_model_from_text(_CASBIN)
        self._enforcer = casbin.FastEnforcer(model, cache_key_order=order)
        for rule, region in _rules(table):
            stages = ";".join(sorted(rule.stages))
            self._enforcer.add_policy(
                rule.purpose, region, rule.basis, stages, rule.clause, f"{rule.consent_age:02}"
            )

    def put(self, told: dict[str, Any]) -> Any:
        """Return the arguments; an age is text there, as everything in a rule is."""
        who = SimpleNamespace(**{**told, "age": f"{told['age']:02}"})
        return told["purpose"], told["region"], who

    def ask(self, question: Any) -> bool:
        """Enforce."""
        return bool(self._enforcer.enforce(*question))


# --- Cedar ----------------------------------------------------------------------------------------


def _cedar(rule: Rule, region: str) -> str:
    told = [f'context.region == "{region}"']
    if rule.basis == "contract":
        told.append("context.open")
    elif rule.basis != "legal_obligation":
        told.append("context.objected <= context.agreed")
        if rule.stages:
            listed = ", ".join(f'"{each}"' for each in sorted(rule.stages))
            told.append(f"[{listed}].contains(context.stage)")
    if rule.basis == "legitimate_interest":
        told.append('["", "granted"].contains(context.said)')
    if rule.basis == "consent":
        told += ['context.said == "granted"', f'context.clause == "{rule.clause}"']
        told += ["context.ends > context.now", f"context.age >= {rule.consent_age}"]
    return f'permit(principal, action == Action::"{rule.purpose}", resource) when {{ {" && ".join(told)} }};'


class Cedar(Engine):
    """cedarpy, parsed policies of one purpose at a time."""

    package = "cedarpy"

    def __init__(self, table: Table) -> None:
        import cedarpy

        texts: dict[str, list[str]] = {purpose: [] for purpose, _ in table}
        for rule, region in _rules(table):
            texts[rule.purpose].append(_cedar(rule, region))
        self._policies = {
            name: cedarpy.PolicySet.from_str("\n".join(each)) for name, each in texts.items() if each
        }
        self._entities = cedarpy.Entities.from_json_str("[]")
        self._ask = cedarpy.is_authorized

    def put(self, told: dict[str, Any]) -> Any:
        """Return the request; who asks for what stands in its context."""
        action = {"type": "Action", "id": told["purpose"]}
        who = {"type": "Customer", "id": "c"}
        return told["purpose"], {"principal": who, "action": action, "resource": who, "context": told}

    def ask(self, question: Any) -> bool:
        """Authorise; a purpose that no rule permits is refused at once."""
        purpose, request = question
        policies = self._policies.get(purpose)
        return policies is not None and bool(self._ask(request, policies, self._entities).allowed)


# --- Rego -----------------------------------------------------------------------------------------

_REGO = """
package shop

rule := data.rules[input.purpose][input.region]

reason := rule.refusal if {
    rule.refusal != ""
} else := "legal_obligation" if {
    rule.basis == "legal_obligation"
} else := "contract.live" if {
    rule.basis == "contract"
    input.open
} else := "contract.absent" if {
    rule.basis == "contract"
} else := "consent.refused" if {
    input.said == "refused"
} else := "consent.withdrawn" if {
    input.said == "withdrawn"
} else := "objection" if {
    input.objected > input.agreed
} else := "stage.not_listed" if {
    count(rule.stages) > 0
    not input.stage in rule.stages
} else := "legitimate_interest.assessed" if {
    rule.basis == "legitimate_interest"
} else := "consent.missing" if {
    input.said == ""
} else := "consent.other_clause" if {
    input.clause != rule.clause
} else := "consent.expired" if {
    input.ends <= input.now
} else := "consent.guardian_needed" if {
    input.age < rule.age
} else := "consent.given"

good := {"legal_obligation", "contract.live", "legitimate_interest.assessed", "consent.given"}

allowed if reason in good

why(field) := "field.unlisted" if {
    not field in rule.fields
} else := "field.special" if {
    field in data.special
    rule.basis != "legal_obligation"
    not field in input.explicit
} else := "field.absent" if {
    not input.kept[field]
} else := "field.other_purpose" if {
    not input.kept[field].fits
} else := "field.expired" if {
    input.kept[field].until <= input.now
} else := ""

seen contains field if {
    allowed
    some field in input.fields
    why(field) == ""
}

withheld[field] := found if {
    allowed
    some field in input.fields
    found := why(field)
    found != ""
}

answer := {"reason": reason, "seen": seen, "withheld": withheld}
"""


class Rego(Engine):
    """Rego on the bytecode machine of regorus, the fastest engine for it that Python can call.

    It alone can say why, and which fields: it is asked for the whole answer.
    """

    package = "regorus"
    whole = True

    def __init__(self, table: Table) -> None:
        import regorus

        rules: dict[str, dict[str, Any]] = {}
        special: set[str] = set()
        for (purpose, region), rule in table.items():
            special |= rule.special
            rules.setdefault(purpose, {})[region] = {
                "basis": rule.basis,
                "refusal": rule.refusal,
                "clause": rule.clause,
                "age": rule.consent_age,
                "stages": sorted(rule.stages),
                "fields": sorted(rule.fields),
            }
        data = json.dumps({"rules": rules, "special": sorted(special)})
        entry = ["data.shop.answer"]
        program = regorus.Program.compile_from_modules(data, [("shop.rego", _REGO)], entry)
        self._machine = regorus.Rvm()
        self._machine.load_program(program)
        self._machine.set_data_json(data)

    def put(self, told: dict[str, Any]) -> Any:
        """Return JSON: the machine reads nothing else."""
        return json.dumps(told)

    def ask(self, question: Any) -> bool:
        """Run the program, and read its answer: JSON too."""
        return self.answer(question)["reason"] in handwritten._WORD.values()

    def answer(self, question: Any) -> dict[str, Any]:
        """Return the reason, and which fields are seen and withheld."""
        self._machine.set_input_json(question)
        found: dict[str, Any] = json.loads(self._machine.execute())
        return found


def _rules(table: Table) -> list[tuple[Rule, str]]:
    """Return the rules that permit anything, with their region: what is refused outright needs none."""
    return [(rule, region) for (_, region), rule in table.items() if not rule.refusal]


ENGINES: dict[str, type[Engine]] = {"casbin": Casbin, "Cedar": Cedar, "Rego (regorus)": Rego}


def installed() -> dict[str, type[Engine]]:
    """Return the engines that can be imported: ``pip install clm-ethics[benchmarks]`` brings them."""
    return {name: each for name, each in ENGINES.items() if find_spec(each.package) is not None}
