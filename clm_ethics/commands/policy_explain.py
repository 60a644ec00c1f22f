"""Say what a policy would decide about somebody who is described, and why.

Nobody's data is needed: region, age, yes or no, contract and stage are what the call says. The
exit code is 0 if it would be allowed, 1 if not.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import UnknownName, UsageError
from .output import NO, YES, say, show
from .policy_check import text_of
from .words import count, moment

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from ..model.events import Event
    from ..model.state import State
    from ..policy import Decision, Policy, Purpose, Reason

DAY = timedelta(days=1)
CONSENTS = ("none", "yes", "explicit", "refused", "withdrawn", "expired", "unproven")
"""What somebody may have said when asked."""
OLDEST = 130
"""Most years of age."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("file", type=Path, metavar="FILE", help="policy document")
    parser.add_argument("purpose", metavar="PURPOSE", help="what somebody would do")
    who = parser.add_argument_group("who it is about")
    who.add_argument("--region", default="", metavar="CODE", help="such as DE or US-CA (default: unknown)")
    who.add_argument("--age", type=count, metavar="YEARS", help="age in years (default: unknown)")
    who.add_argument("--stage", default="", help="lifecycle stage (default: one that the purpose is for)")
    who.add_argument("--kind", choices=("consumer", "business"), help="default: not said")
    said = parser.add_argument_group("what they said and did")
    said.add_argument("--consent", choices=CONSENTS, default="none", help="to PURPOSE (default: %(default)s)")
    said.add_argument("--guardian", action="store_true", help="a guardian said it")
    said.add_argument("--objection", action="store_true", help="they objected to PURPOSE")
    said.add_argument("--restricted", action="store_true", help="they had the processing restricted")
    said.add_argument("--contract", action="store_true", help="a contract of PURPOSE is open")
    said.add_argument("--signal", metavar="NAME", help="an opt-out signal of their browser, such as gpc")
    data = parser.add_argument_group("where the data came from")
    data.add_argument("--collected", metavar="PURPOSE", help="for which it was collected (default: this one)")
    data.add_argument("--told", action="store_true", help="a notice of PURPOSE was shown then")
    asked = parser.add_argument_group("the question")
    asked.add_argument("--channel", default="", help="on which somebody would be contacted")
    asked.add_argument("--actor", help="who would do it")
    asked.add_argument("--at", type=moment, help="the day whose law counts (default: today)")


def run(arguments: argparse.Namespace) -> int:
    """Decide, and print the answer."""
    from ..policy import Policy, Request, decide

    policy = Policy.parse(text_of(arguments.file), name=str(arguments.file))
    purpose = policy.purpose(arguments.purpose)
    at = arguments.at or datetime.now(UTC)
    request = Request(purpose.name, channel=arguments.channel, actor=arguments.actor)
    answer = decide(policy, described(policy, purpose, arguments, at), request, at)
    if arguments.json:
        show(_document(answer))
    else:
        say(answer.explain())
    return YES if answer else NO


def described(policy: Policy, purpose: Purpose, who: argparse.Namespace, at: datetime) -> State:
    """Return the state of the person that *who* describes, as of *at* (UTC).

    Raises:
        UnknownName: no such stage, or no such purpose of collection.
        UsageError: no such region, or an age that nobody has.
    """
    from ..model.fold import fold

    return fold(_events(policy, purpose, who, at))


def _events(policy: Policy, purpose: Purpose, who: argparse.Namespace, at: datetime) -> Iterator[Event]:
    from ..model import events as e

    yield _enrolled(policy, purpose, who, at)
    yesterday = at - DAY
    if who.contract:
        yield e.Put(at=yesterday, purpose=purpose.name, opened={purpose.name: b"contract"})
    if who.consent == "refused":
        yield e.Refused(at=yesterday, purpose=purpose.name)
    elif who.consent != "none":
        yield e.Granted(
            at=yesterday,
            purpose=purpose.name,
            clause=policy.clauses[purpose.name],
            proven=who.consent != "unproven",
            until=_until(purpose, who, at),
            explicit=(*purpose.explicit, *purpose.processing) if who.consent == "explicit" else (),
            channels=purpose.channels,
            given_by="guardian" if who.guardian else "subject",
        )
    if who.consent == "withdrawn":
        yield e.Withdrawn(at=yesterday, purpose=purpose.name)
    if who.objection:
        yield e.Objected(at=yesterday, purpose=purpose.name, marketing=purpose.marketing)
    if who.restricted:
        yield e.Restricted(at=yesterday)
    if who.signal:
        yield e.SignalReceived(at=yesterday, signal=who.signal)


def _until(purpose: Purpose, who: argparse.Namespace, at: datetime) -> datetime | None:
    if who.consent == "expired":
        return at
    return None if purpose.consent_expires is None else purpose.consent_expires.after(at - DAY)


def _enrolled(policy: Policy, purpose: Purpose, who: argparse.Namespace, at: datetime) -> Event:
    from ..model import events as e

    source = policy.purpose(who.collected) if who.collected else purpose
    told = (purpose.name,) if who.told else ()
    announced = tuple(dict.fromkeys((source.name, *told)))
    stage = who.stage or next(iter(purpose.stages), policy.lifecycle.start)
    if who.stage and who.stage not in policy.lifecycle.stages:
        raise UnknownName.among("stage", who.stage, policy.lifecycle.stages, place="--stage")
    then = at - 2 * DAY
    fields = (name for name in purpose.fields if name in policy.fields and not policy.fields[name].source)
    return e.Enrolled(
        at=then,
        purpose=source.name,
        about=_about(who, at),
        informed=told,
        shown="notice" if told else "",
        collected=tuple(e.Collected(field=name, announced=announced) for name in fields),
        moves=(e.Moved(stage=stage, at=then),) if stage else (),
    )


def _about(who: argparse.Namespace, at: datetime) -> dict[str, str]:
    from ..regimes import known_region

    about = {}
    if who.region:
        about["region"] = who.region.upper()
        if not known_region(about["region"]):
            raise UsageError("no such region", place="--region", remedy="write ISO 3166, such as DE or US-CA")
    if who.age is not None:
        if who.age > OLDEST:
            raise UsageError("nobody is so old", place="--age", remedy="give the age in years")
        # Somebody has an age in every zone from the day after the birthday on.
        born = (at - 2 * DAY).date()
        about["born"] = born.replace(year=born.year - who.age, day=min(born.day, 28)).isoformat()
    if who.kind:
        about["kind"] = who.kind
    return about


def _document(answer: Decision) -> dict[str, Any]:
    return {
        "purpose": answer.purpose,
        "allowed": bool(answer),
        "verdict": answer.verdict.value,
        "basis": answer.basis,
        "reasons": [_reason(each) for each in answer.reasons],
        "fields": {name: grant.precision for name, grant in answer.fields.items()},
        "withheld": {name: _reason(each) for name, each in answer.withheld.items()},
        "obligations": list(answer.obligations),
        "remedies": [{"code": each.code, "text": each.text} for each in answer.remedies],
        "valid_until": None if answer.valid_until is None else answer.valid_until.isoformat(),
        "policy": answer.policy,
    }


def _reason(why: Reason) -> dict[str, str]:
    return {
        "code": why.code,
        "text": why.text,
        "cite": why.cite,
        "kind": why.kind.value,
        "pack": why.pack,
    }
