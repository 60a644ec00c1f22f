"""The command line on policies: what it writes loads, and what it finds has a place."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from clm_ethics import Policy, Steward
from clm_ethics.commands import main
from clm_ethics.commands.policy import ACTIONS
from clm_ethics.policy.templates import templates

EXAMPLE = str(Path(__file__).parents[2] / "docs" / "examples" / "policy.toml")
BROKEN = 'format = 1\n[controller]\nnmae = "Example Shop"\n[purposes]\n'
LAW = "2026-03-03"
"""The day whose law the tests ask for."""


def called(capsys, *words):
    """Run `policy` with *words*; return exit code, standard output and standard error."""
    try:
        code = main(["policy", *map(str, words)])
    except SystemExit as error:
        code = error.code
    out, err = capsys.readouterr()
    return code, out, err


@pytest.fixture
def broken(tmp_path):
    """A document with two errors."""
    path = tmp_path / "broken.toml"
    path.write_text(BROKEN, encoding="utf-8")
    return path


@pytest.mark.parametrize("journey", templates())
def test_every_template_loads_and_has_no_findings(journey, capsys, tmp_path):
    """What `init` writes is a policy, and `check --strict` has nothing to say about it."""
    path = tmp_path / "policy.toml"

    code, out, _ = called(capsys, "init", path, "--journey", journey)
    checked, said, _ = called(capsys, "check", path, "--strict", "--at", LAW)

    assert (0, 0) == (code, checked), said
    assert f"wrote {path}\n" == out.partition("next")[0]
    assert said.endswith("no findings\n")
    assert Policy.load(path).purposes


def test_a_shop_opens_with_what_init_writes(capsys, tmp_path):
    """Under the starter policy she orders, is written to because she was told, and advised once asked."""
    path = tmp_path / "policy.toml"
    called(capsys, "init", path)

    with Steward.memory(Policy.load(path)) as opened:
        shop = opened.acting("web")
        told = shop.notice("newsletter").id
        values = {"region": "DE", "email": "ana@example.org", "born": "1990-01-01"}
        ana = shop.enroll("c-1", values, purpose="order", shown=told)
        ana.record("order_placed", {"sku": "tea", "amount": "1", "number": "R1"}, purpose="order", key="o1")

        assert "soft_opt_in" == ana.may("newsletter", channel="email").basis
        assert not ana.may("recommendations")
        ana.grant("recommendations", shown=shop.notice("recommendations").id)
        assert 1990 == ana.read("recommendations")["born"]


def test_init_overwrites_nothing(capsys, tmp_path):
    """A file that is there stays as it is, and the call is wrong."""
    path = tmp_path / "policy.toml"
    path.write_text("mine", encoding="utf-8")

    code, _, err = called(capsys, "init", path)

    assert 2 == code
    assert "exists already" in err
    assert "mine" == path.read_text(encoding="utf-8")


def test_init_writes_where_somebody_may(capsys, tmp_path):
    """A folder that is not there is a wrong call, not a traceback."""
    code, _, err = called(capsys, "init", tmp_path / "nowhere" / "policy.toml")

    assert 2 == code
    assert "cannot be written" in err


def test_init_prints_to_standard_output(capsys):
    """`-` prints the template; with --json inside of a document."""
    _, text, _ = called(capsys, "init", "-")
    _, document, _ = called(capsys, "init", "-", "--json")

    assert Policy.parse(text).hash == Policy.parse(json.loads(document)["text"]).hash


def test_check_names_every_error_with_line_key_and_remedy(broken, capsys):
    """A document that is no policy ends with 1; each of its errors is told."""
    code, out, _ = called(capsys, "check", broken)

    assert 1 == code
    assert [
        f"error: {broken}:3: controller.nmae: no key `nmae` here; did you mean `name`?",
        f"error: {broken}:4: purposes: the policy has no purpose; write [purposes.account], for example",
        f"{broken} is no policy: 2 errors",
    ] == out.splitlines()


def test_check_json_has_the_same_in_parts(broken, capsys):
    """With --json, before the action or after it, line, key, what and remedy are members."""
    code, out, _ = called(capsys, "check", broken, "--json")
    again, same, _ = called(capsys, "--json", "check", broken)
    document = json.loads(out)

    assert (1, 1, out) == (code, again, same)
    assert {"file", "loads", "hash", "errors", "findings"} == document.keys()
    assert {
        "line": 3,
        "key": "controller.nmae",
        "what": "no key `nmae` here",
        "remedy": "did you mean `name`?",
    } == document["errors"][0]


def test_findings_are_faults_only_if_that_is_asked(capsys):
    """A policy with findings is one: exit code 0, and 1 with --strict."""
    code, out, _ = called(capsys, "check", EXAMPLE, "--at", LAW)
    strict, _, _ = called(capsys, "check", EXAMPLE, "--at", LAW, "--strict")

    assert (0, 1) == (code, strict)
    assert f"finding: {EXAMPLE}:95: channels.web: no purpose uses it" in out


def test_findings_as_json(capsys):
    """Each finding has its line and its key."""
    _, out, _ = called(capsys, "check", EXAMPLE, "--json", "--at", LAW)

    lines = Path(EXAMPLE).read_text(encoding="utf-8").splitlines()
    for each in json.loads(out)["findings"]:
        key = each["key"].rpartition(".")[2].partition("[")[0]
        assert lines[each["line"] - 1].startswith(key)


def test_a_file_that_is_not_there_is_a_wrong_call(capsys):
    """No file: 2, and a remedy."""
    code, out, err = called(capsys, "check", "nowhere.toml")

    assert (2, "") == (code, out)
    assert "policy init" in err


def test_a_file_that_is_no_text_is_a_wrong_call(capsys, tmp_path):
    """Bytes that are no UTF-8 cannot be checked."""
    path = tmp_path / "policy.toml"
    path.write_bytes(b"\xff\xfe")

    code, _, err = called(capsys, "check", path)

    assert 2 == code
    assert "not UTF-8" in err


@pytest.mark.parametrize("action", ACTIONS)
def test_every_action_explains_itself(action, capsys):
    """--help says what an action is for."""
    code, out, _ = called(capsys, action, "--help")

    assert 0 == code
    assert "--json" in out


ADULT = ("--region", "DE", "--age", "30", "--at", LAW)


def explained(capsys, purpose, *words, file=EXAMPLE):
    """Return the exit code and the document that `explain --json` prints."""
    code, out, err = called(capsys, "explain", file, purpose, *words, "--json")
    return code, json.loads(out) if out else err


@pytest.mark.parametrize(
    ("purpose", "words", "reason"),
    [
        ("newsletter", (*ADULT,), "consent.missing"),
        ("newsletter", (*ADULT, "--consent", "yes"), "consent.given"),
        ("newsletter", (*ADULT, "--consent", "refused"), "consent.refused"),
        ("newsletter", (*ADULT, "--consent", "withdrawn"), "consent.withdrawn"),
        ("newsletter", (*ADULT, "--consent", "expired"), "consent.expired"),
        ("newsletter", (*ADULT, "--consent", "unproven"), "consent.unproven"),
        ("newsletter", (*ADULT, "--consent", "yes", "--objection"), "objection.direct_marketing"),
        ("newsletter", (*ADULT, "--consent", "yes", "--restricted"), "restriction"),
        ("newsletter", (*ADULT, "--consent", "yes", "--channel", "email"), "consent.given"),
        ("newsletter", (*ADULT, "--consent", "yes", "--channel", "web"), "channel.not_listed"),
        ("newsletter", ("--region", "us-ca", "--age", "30", "--channel", "email"), "consent.missing"),
        ("recommendations", (*ADULT, "--consent", "yes", "--stage", "churned"), "stage.not_listed"),
        ("recommendations", ("--region", "DE", "--age", "12", "--consent", "yes"), "consent.guardian_needed"),
        (
            "recommendations",
            ("--region", "DE", "--age", "12", "--consent", "yes", "--guardian"),
            "consent.given",
        ),
        ("order", (*ADULT,), "contract.absent"),
        ("order", (*ADULT, "--contract"), "contract.live"),
        ("invoicing", (*ADULT, "--consent", "refused"), "legal_obligation"),
    ],
)
def test_explain_decides_about_whom_the_call_describes(purpose, words, reason, capsys):
    """Each fact of the call counts; the exit code is the answer."""
    code, document = explained(capsys, purpose, *words)

    assert reason in [each["code"] for each in document["reasons"]]
    assert document["allowed"] is (code == 0)


def test_explain_knows_where_the_data_came_from(capsys):
    """What was collected for the account waits for a yes; what a notice announced does not."""
    file = EXAMPLE
    _, before = explained(capsys, "invoicing", *ADULT, "--collected", "account", file=file)
    _, after = explained(capsys, "recommendations", *ADULT, "--consent", "explicit", "--collected", "order")

    assert {"address", "invoices"} == before["fields"].keys()
    assert {"purchases", "tastes", "allergies", "churn", "born"} == after["fields"].keys()
    assert "year" == after["fields"]["born"]


def test_explain_in_words(capsys):
    """Without --json the answer explains itself, with what would change it."""
    code, out, _ = called(capsys, "explain", EXAMPLE, "newsletter", *ADULT)

    assert 1 == code
    assert out.startswith("newsletter: denied\n  because the customer has not been asked")
    assert "would be allowed if the customer agrees" in out


def test_explain_with_a_soft_opt_in(capsys, tmp_path):
    """An address from a sale, with a notice, carries the newsletter of the starter."""
    path = tmp_path / "policy.toml"
    called(capsys, "init", path)

    sold = explained(capsys, "newsletter", *ADULT, "--collected", "order", "--told", file=path)
    untold = explained(capsys, "newsletter", *ADULT, "--collected", "order", file=path)

    assert (0, "soft_opt_in") == (sold[0], sold[1]["basis"])
    assert 1 == untold[0]


def test_explain_honours_a_signal_and_an_actor(capsys, tmp_path):
    """GPC ends a sale of data in California, and the policy's actors are asked for."""
    path = tmp_path / "policy.toml"
    document = Policy.load(EXAMPLE).document
    document["purposes"]["sale"] = {
        "title": {"en": "Sell it", "de": "Verkaufen"},
        "processing": "sale_sharing",
        "basis": "opt_out",
        "actors": ["broker"],
    }
    document["controller"] |= {"established": ["US-CA"], "markets": ["US-CA"]}
    path.write_text(Policy.of(document).to_toml(), encoding="utf-8")
    words = ("--region", "US-CA", "--age", "30", "--at", LAW)

    assert 0 == explained(capsys, "sale", *words, file=path)[0]
    assert 0 == explained(capsys, "sale", *words, "--actor", "broker", file=path)[0]
    assert 1 == explained(capsys, "sale", *words, "--actor", "web", file=path)[0]
    assert 1 == explained(capsys, "sale", *words, "--signal", "gpc", file=path)[0]


@pytest.mark.parametrize(
    "words",
    [
        ("recomendations",),
        ("newsletter", "--region", "EU"),
        ("newsletter", "--age", "131"),
        ("newsletter", "--age", "-1"),
        ("newsletter", "--stage", "custmer"),
        ("newsletter", "--collected", "sale"),
        ("newsletter", "--channel", "fax"),
        ("newsletter", "--kind", "robot"),
    ],
)
def test_who_cannot_be_described_is_a_wrong_call(words, capsys):
    """A name that nobody declared, a region that is none, an age that nobody has: 2, and nothing printed."""
    code, out, err = called(capsys, "explain", EXAMPLE, *words)

    assert (2, "") == (code, out)
    assert "Traceback" not in err


@pytest.mark.parametrize("kind", ["consumer", "business"])
def test_the_contact_of_a_business_is_protected_like_anybody(kind, capsys):
    """A customer is a natural person: Art. 13(5) ePrivacy leaves out legal persons, not their staff."""
    code, document = explained(capsys, "newsletter", *ADULT, "--kind", kind)

    assert (1, ["consent.missing"]) == (code, [each["code"] for each in document["reasons"]])


def test_prove_says_what_holds(capsys):
    """The example's policy keeps every property; the answer names them."""
    code, out, _ = called(capsys, "prove", EXAMPLE, "--at", LAW)

    assert 0 == code, out
    assert out.startswith("holds    objection_ends_marketing")


def test_prove_refutes_with_a_situation(capsys, tmp_path, monkeypatch):
    """A host's module is asked too; what it refutes ends with 1 and a counter-example."""
    (tmp_path / "ours_to_prove.py").write_text(
        "from clm_ethics.policy.prove import Property\n"
        "PROPERTIES = (Property('never', 'nothing is ever allowed', lambda each: not each.decision),)\n",
        encoding="utf-8",
    )
    monkeypatch.syspath_prepend(tmp_path)
    words = ("--at", LAW, "--also", "ours_to_prove", "--property", "never", "--purpose", "account", "--json")
    code, out, _ = called(capsys, "prove", EXAMPLE, *words)
    said = json.loads(out)

    assert 1 == code
    assert ["never"] == [each["property"] for each in said["results"]]
    assert "account is allowed (contract)" in said["results"][0]["counterexamples"][0]["text"]


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (("--property", "objection_ends_marketting"), "objection_ends_marketing"),
        (("--also", "no_such_module_here"), "no such module"),
        (("--also", "json"), "declares no properties"),
        (("--purpose", "acount"), "account"),
    ],
)
def test_a_wrong_call_of_prove(capsys, words, fault):
    """What does not exist is named, with the nearest that does."""
    code, _, err = called(capsys, "prove", EXAMPLE, *words)

    assert code in {1, 2}
    assert fault in err


def test_diff_says_who_is_asked_again(capsys, tmp_path):
    """A policy and itself are equal (0); one with another recipient widens and asks again (1)."""
    text = Path(EXAMPLE).read_text(encoding="utf-8")
    other = tmp_path / "next.toml"
    head = "[purposes.newsletter]\n"
    other.write_text(text.replace(head, head + 'shared_with = ["a printing house"]\n'), encoding="utf-8")

    same, said, _ = called(capsys, "diff", EXAMPLE, EXAMPLE)
    wider, told, _ = called(capsys, "diff", EXAMPLE, other, "--json")

    assert (0, 1) == (same, wider)
    assert "equal" in said
    assert ["newsletter"] == list(json.loads(told)["asked_again"])
