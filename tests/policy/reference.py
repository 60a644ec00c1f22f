"""A second, slow implementation of the decision, written to be read against the law.

It shares no code with ``clm_ethics.policy.decide``, ``visible``, the compiled plans or what the
packs of law say about themselves: it reads the declared policy, the folded state and the cells
and rules of the packs (``reference_law.py``), and asks every question in the order in which the
articles are quoted. What it borrows has tests of its own: the folded state, the named conditions
of a statute, spans of time, and whether a clause covers another.

Where the two disagree, one of them is wrong.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from msgspec.structs import replace

from clm_ethics.model import Status
from clm_ethics.policy import Basis
from clm_ethics.regimes import Facts, Posture
from clm_ethics.regimes.zones import day_begins
from tests.policy.reference_law import Asked, Law, inside, law_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clm_ethics.model import Consent, Run, State
    from clm_ethics.policy import Policy, Purpose, Request
    from clm_ethics.regimes import Ground, Pack

UNSTOPPABLE = {Basis.CONTRACT, Basis.LEGAL_OBLIGATION, Basis.VITAL_INTEREST}
"""Claims that no withdrawal, refusal, objection, signal, age or stage ends."""
FOREVER = datetime(9999, 12, 31, tzinfo=UTC)


class Answer(NamedTuple):
    """What the reference says: the verdict, the claim that carries it, and per visible field
    (precision, the entries whose items may be seen); per withheld field its code.
    """

    verdict: str
    basis: str = ""
    fields: dict[str, tuple[str, tuple[int, ...]]] = {}  # noqa: RUF012  (never written to)
    withheld: dict[str, str] = {}  # noqa: RUF012


class Case(NamedTuple):
    """All that is looked at; *law* are the packs, *facts* what they are told."""

    policy: Policy
    state: State
    purpose: Purpose
    request: Request
    at: datetime
    stage: str
    law: Law
    facts: Facts


def _case(
    policy: Policy, state: State, purpose: Purpose, request: Request | _Bare, at: datetime, stage: str
) -> Case:
    told = _facts(policy, purpose, state, at)
    return Case(policy, state, purpose, request, at, stage, law_of(policy), told)  # type: ignore[arg-type]


def answer(policy: Policy, state: State, request: Request, at: datetime) -> Answer:
    """Decide *request*: values in, answer out."""
    state = _under_present_names(policy, state)
    if state.at is not None:
        at = max(at, state.at)  # time in a stream never runs backwards
    case = _case(policy, state, policy.purposes[request.purpose], request, at, _stage(policy, state, at))
    if case.stage not in policy.lifecycle.stages:
        case = case._replace(stage="")  # nobody knows what such a stage permits
    verdict, basis, sets = _verdict(case)
    if verdict != "allow":
        return Answer(verdict)
    wanted = case.purpose.fields if request.fields is None else request.fields
    looked = {name: _field(case, name, sets) for name in wanted}
    return Answer(
        verdict,
        basis,
        {name: found for name, found in looked.items() if not isinstance(found, str)},
        {name: found for name, found in looked.items() if isinstance(found, str)},
    )


# --- names: what was recorded under a former name of a purpose, an event or a stage ----------------


def _under_present_names(policy: Policy, state: State) -> State:
    """Call everything as the policy does; a name that it does not know stays."""
    purposes = {was: each.name for each in policy.purposes.values() for was in each.was}
    events = {was: each.name for each in policy.events.values() for was in each.was}
    consents: dict[str, Consent] = {}
    for name, said in state.consents.items():  # of a yes and a no the later in entry order counts
        now = purposes.get(name, name)
        if now not in consents or said.index > consents[now].index:
            consents[now] = said
    objections: dict[str, Any] = {}
    for name, each in sorted(state.objections.items(), key=lambda item: item[1].index):
        now = purposes.get(name, name)
        reach = each.marketing or (now in objections and objections[now].marketing)
        objections[now] = replace(each, marketing=reach)
    contracts: dict[str, Any] = {}
    for name, facts in state.contracts.items():
        now = purposes.get(name, name)
        before = contracts.get(now)
        if before is not None:
            ended = max((end for end in (before.ended, facts.ended) if end is not None), default=None)
            began = max((each for each in (before.began, facts.began) if each is not None), default=None)
            facts = replace(facts, open=before.open + facts.open, ended=ended, began=began)  # noqa: PLW2901
        contracts[now] = facts
    informed: dict[str, int] = {}
    for name, index in state.informed.items():
        now = purposes.get(name, name)
        informed[now] = min(index, informed.get(now, index))
    happened: dict[str, datetime] = {}
    for name, when in state.happened.items():
        now = events.get(name, name)
        happened[now] = max(when, happened.get(now, when))
    fields = {
        field: tuple(
            replace(
                run,
                announced=tuple(sorted({purposes.get(name, name) for name in run.announced})),
                purpose=purposes.get(run.purpose, run.purpose),
            )
            for run in runs
        )
        for field, runs in state.fields.items()
    }
    stage = state.stage
    while stage in policy.lifecycle.moves_to:
        stage = policy.lifecycle.moves_to[stage]
    return replace(
        state,
        consents=consents,
        objections=objections,
        contracts=contracts,
        informed=informed,
        happened=happened,
        fields=fields,
        stage=stage,
    )


# --- the stage: a pure function of the last recorded one, its time, and the instant ---------------


def _stage(policy: Policy, state: State, at: datetime) -> str:
    stage, since = state.stage, state.stage_since
    if state.erased is not None:
        return stage
    while since is not None:
        due = []
        for move in policy.lifecycle.moves:
            if move.after is not None and stage in move.sources:
                last = state.happened.get(move.without, since) if move.without else since
                due.append((max(move.after.after(last), since), move.to))
        if not due or min(due)[0] > at:
            return stage
        when, to = min(due)
        # The move looks at behaviour: its purpose must be allowed then, with the stage before it.
        purpose = policy.purposes[policy.lifecycle.purpose]
        if _verdict(_case(policy, state, purpose, _Bare(purpose.name), when, stage))[0] != "allow":
            return stage
        stage, since = to, when
    return stage


class _Bare(NamedTuple):
    """A question without a channel, an actor or a field."""

    purpose: str
    fields: tuple[str, ...] = ()
    channel: str = ""
    collect: bool = False
    actor: str | None = None


# --- the verdict -----------------------------------------------------------------------------------


def _verdict(case: Case) -> tuple[str, str, list[set[Basis]]]:
    """Return the verdict, the claim, and per list of claims all those that hold."""
    state, purpose, request = case.state, case.purpose, case.request
    if state.restored or not (state.known or request.collect):
        return "deny", "", []
    if state.erased is not None:
        surviving = [name for name in purpose.fields if name in state.fields]
        if not surviving or request.collect:
            return "deny", "", []
    if purpose.actors and request.actor is not None and request.actor not in purpose.actors:
        return "deny", "", []
    if request.channel and request.channel not in purpose.channels:
        return "deny", "", []
    judges = _judges(case)
    if judges is None:
        return "gap", "", []
    basis, sets = "", []
    for claims, rulings in judges.items():
        holding = [each for each in _open_claims(case, claims) if _holds(case, each, rulings)]
        if not holding:
            return "deny", "", []
        basis = basis or holding[0].value
        sets.append(set(holding))
    return "allow", basis, sets


def _open_claims(case: Case, claims: tuple[Basis, ...]) -> Iterator[Basis]:
    """The claims that may be judged, in the policy's order.

    A withdrawal or refusal ends the purpose through every alternative: what is listed before the
    first claim that it reaches may stand, nothing takes the place of what ended (Art. 7(3)). An
    objection ends only by a later consent, never by another claim (Art. 21(1), (3)).
    """
    said = case.state.consents.get(case.purpose.name)
    for claim in claims:
        if said is not None and said.status is not Status.GRANTED and claim not in UNSTOPPABLE:
            return
        if _objections(case) and Basis.CONSENT in claims and claim not in {*UNSTOPPABLE, Basis.CONSENT}:
            continue
        yield claim


def _holds(case: Case, claim: Basis, rulings: list[Asked]) -> bool:
    """Every regime accepts the claim, nothing stops it, and its own question is answered with yes."""
    state, purpose = case.state, case.purpose
    if state.erased is not None and claim is not Basis.LEGAL_OBLIGATION:
        return False
    if not all(_accepted(case, claim, ruling, rulings) for ruling in rulings):
        return False
    # Art. 21(2)-(3), Cal. Civ. Code 1798.120: advertising and sale end with a no, whatever they claim.
    advertises = {"direct_marketing", "targeted_ads", "sale_sharing"} & set(purpose.processing)
    if (claim not in UNSTOPPABLE or advertises) and _stopped(case, claim):
        return False
    said = state.consents.get(purpose.name)
    # Art. 18(2): but for storage, only with consent, and that given in the restricted time.
    if state.restriction is None or purpose.processing == ("storage",):
        return _question(case, claim, rulings)
    since = said is not None and said.index > state.restriction.index
    return claim is Basis.CONSENT and since and _question(case, claim, rulings)


def _accepted(case: Case, claim: Basis, ruling: Asked, rulings: list[Asked]) -> bool:
    if ruling.posture <= Posture.OPT_OUT:
        return True
    said = case.state.consents.get(case.purpose.name)
    if claim is Basis.SOFT_OPT_IN and not _soft_opt_in(case, rulings, by_support=False):
        return "charity_soft_opt_in" in ruling.carried
    word = (
        "guardian_consent" if claim is Basis.CONSENT and said and said.given_by == "guardian" else claim.value
    )
    if claim is not Basis.CONSENT or ruling.posture is not Posture.EXPLICIT_OPT_IN:
        return word in ruling.carried
    # Explicit consent: the yes names the processing (Art. 9(2)(a), 22(2)(c); 47 CFR 64.1200(f)(9)).
    named = ruling.row if ruling.row in case.purpose.processing else "direct_marketing"
    return "explicit_consent" in ruling.carried and said is not None and named in said.explicit


def _stopped(case: Case, claim: Basis) -> bool:
    state, purpose, at = case.state, case.purpose, case.at
    said = state.consents.get(purpose.name)
    if said is not None and said.status is not Status.GRANTED:
        return True
    noes = _objections(case)
    if noes and max(noes) > _agreed(case, claim):
        return True
    for pack, where in _regimes(case):
        signal = pack.signal
        if signal is not None and signal.name in state.signals and signal.since <= at.date():
            binds = case.law.binds(pack, where, at.date(), case.facts)
            if binds and any(row in purpose.processing for row in signal.rows):
                # 11 CCR 7025(c)(3): who agrees later, to this one controller, is taken at their word.
                later = said is not None and said.at > state.signals[signal.name] and _valid(case, said)
                if not (later and signal.later_consent and Basis.CONSENT in purpose.all_bases):
                    return True
    if any(word in purpose.processing and until > at for word, until in state.mutes.items()):
        return True
    # A stated preference for channels narrows: the others are not used.
    wished = None if state.preferences is None else state.preferences.channels
    if wished is not None and case.request.channel and case.request.channel not in wished:
        return True
    return bool(purpose.stages) and case.stage not in purpose.stages


def _objections(case: Case) -> list[int]:
    """The objections that reach the purpose: its own; to direct marketing all of it, and profiling
    for it (Art. 21(3)).
    """
    purpose = case.purpose
    reached = "direct_marketing" in purpose.processing or "targeted_ads" in purpose.processing
    return [
        each.index
        for name, each in case.state.objections.items()
        if name == purpose.name or (reached and each.marketing)
    ]


def _agreed(case: Case, claim: Basis) -> int:
    """The entry of the yes that ends earlier objections; under another claim it must be a valid one."""
    said = case.state.consents.get(case.purpose.name)
    if said is None or said.status is not Status.GRANTED or Basis.CONSENT not in case.purpose.all_bases:
        return 0
    return said.index if claim is Basis.CONSENT or _valid(case, said) else 0


def _question(case: Case, claim: Basis, rulings: list[Asked]) -> bool:
    state, purpose = case.state, case.purpose
    if claim is Basis.CONSENT:
        said = state.consents.get(purpose.name)
        return said is not None and _valid(case, said)
    if claim is Basis.CONTRACT:
        contract = state.contracts.get(purpose.name)
        return case.request.collect or (contract is not None and len(contract.open) > 0)
    if claim is Basis.LEGITIMATE_INTEREST:
        # Art. 6(1), last sentence: not for public authorities in the performance of their tasks.
        return purpose.assessment != "" and not case.policy.controller.facts.public_body
    if claim is Basis.SOFT_OPT_IN:
        return _soft_opt_in(case, rulings)
    return True  # a law obliges, a life is at stake, a public task, or nobody has opted out


def _valid(case: Case, said: Consent) -> bool:
    """Art. 4(11), 7(1), 8(1): a valid, proven, unexpired yes by the right person to this clause."""
    if said.status is not Status.GRANTED or not said.proven:
        return False
    if said.clause is None or not said.clause.covers(case.purpose.clause()):
        return False
    if said.until is not None and case.at >= said.until:
        return False
    if said.channels and case.request.channel and case.request.channel not in said.channels:
        return False
    given = said.happened or said.at
    return said.given_by != "subject" or (_old_enough(case, case.at) and _old_enough(case, given))


def _old_enough(case: Case, at: datetime) -> bool:
    ages = [case.law.age_of_consent(pack, where, case.at.date()) for pack, where in _regimes(case)]
    needed = max([each for each in ages if each is not None], default=0)
    age = _age(case.state, at)
    if age is None:
        # Whoever children are the audience of may be of any age, until somebody knows better.
        return {"adults": 18, "general": 16, "children": 0}[case.policy.controller.audience] >= needed
    return age >= needed


def _age(state: State, at: datetime) -> int | None:
    """The age that somebody surely has, counted birthday by birthday; 0 for a child who claims more."""
    born, minor = state.about.get("born"), state.minor_until
    if minor is not None and at < minor and (born is None or _turns(date.fromisoformat(born), 18) < minor):
        return 0
    if born is None:
        return None
    day, years = date.fromisoformat(born), 0
    while _turns(day, years + 1, state.about.get("region", "")) <= at:
        years += 1
    return years


@lru_cache(maxsize=4096)
def _turns(born: date, age: int, region: str = "") -> datetime:
    """When the birthday has begun (BGB s. 187(2)) wherever in the region somebody lives."""
    try:
        day = born.replace(year=born.year + age)
    except ValueError:
        day = date(born.year + age, 3, 1)
    return datetime(day.year, day.month, day.day, tzinfo=UTC) + day_begins(region)


def _soft_opt_in(case: Case, rulings: list[Asked], *, by_support: bool = True) -> bool:
    """Every law that lets a customer be addressed without consent sees one of the relations it names."""
    accepting = [each for each in rulings if each.posture > Posture.OPT_OUT and "soft_opt_in" in each.carried]
    laws = [law for each in accepting if (law := case.policy.packs[each.pack].soft_opt_in) is not None]
    if not laws:
        return _address_from_a_sale(case, told=True, by_support=by_support)
    return all(any(_related(case, ground, by_support) for ground in law.grounds) for law in laws)


def _related(case: Case, ground: Ground, by_support: bool) -> bool:
    """S.C. 2010 c. 23 s. 10(10): a purchase, an inquiry, a contract in force or ended, not too long ago."""
    if ground.told and not _address_from_a_sale(case, told=True, by_support=by_support):
        return False
    if ground.address and not ground.told and not _address_from_a_sale(case, told=False, by_support=False):
        return False
    if ground.relation == "sale" and ground.told and ground.within is None:
        return True
    times = []
    for purpose in case.policy.purposes.values():
        contract = case.state.contracts.get(purpose.name)
        if ground.relation == "lasting" and purpose.lasting and contract is not None:
            if contract.open:
                return True
            if contract.ended is not None and ground.within is not None:
                times.append(contract.ended)
        if (ground.relation == "sale" and purpose.sale) or (ground.relation == "inquiry" and purpose.inquiry):
            known = [contract.began, contract.ended] if contract is not None else []
            dates = [each for each in known if each is not None]
            collected = [
                run.last for runs in case.state.fields.values() for run in runs if run.purpose == purpose.name
            ]
            times += dates or collected
    return any(ground.within is None or case.at < ground.within.after(each) for each in times)


def _address_from_a_sale(case: Case, *, told: bool, by_support: bool) -> bool:
    """Art. 13(2) ePrivacy: each address comes from a sale, with notice of this use and its opt-out.

    PECR reg. 22(3A): or a supporter gave it, not before the day from which on that counts.
    """
    softly = [pack.soft_opt_in for pack, _ in _regimes(case)]
    days = [each.charity_since for each in softly if each is not None and each.charity_since is not None]
    state, purpose = case.state, case.purpose
    channels = [case.request.channel] if case.request.channel else purpose.channels
    addresses = {case.policy.channels[name].address for name in channels} - {""}
    if not addresses:
        return False
    for address in addresses:
        runs = state.fields.get(address, ())
        if not runs:
            return False
        for run in runs:
            seller = case.policy.purposes.get(run.purpose)
            named = (
                purpose.name in run.announced and state.informed.get(purpose.name, run.index + 1) <= run.index
            )
            if seller is None or (told and not named):
                return False
            supports = seller.support and (not days or run.first.date() >= max(days))
            if not seller.sale and not (supports and by_support):
                return False
    return True


# --- the regimes ----------------------------------------------------------------------------------


def _homes(case: Case) -> list[list[tuple[Pack, str]]]:
    """Per place where the customer may live, the regimes and where each looks."""
    return case.law.homes(case.state.about.get("region", ""))


def _regimes(case: Case) -> list[tuple[Pack, str]]:
    return [each for home in _homes(case) for each in home]


def _rows(case: Case) -> set[str]:
    rows = set(case.purpose.processing) - {"direct_marketing"}
    if "direct_marketing" in case.purpose.processing:
        channels = [case.request.channel] if case.request.channel else case.purpose.channels
        rows |= {case.policy.channels[name].row for name in channels}
    return rows


def _judges(case: Case) -> dict[tuple[Basis, ...], list[Asked]] | None:
    """Per list of claims the regimes that judge it; ``None``: some row has no regime anywhere it may be."""
    rows = _rows(case)
    judges: dict[tuple[Basis, ...], list[Asked]] = {}
    if not rows:
        return None
    for home in _homes(case):
        spoken = set()
        for pack, where in home:
            for row in rows:
                ruling = case.law.asks(pack, where, row, case.at.date(), case.facts)
                if ruling is not None:
                    spoken.add(row)
                    judges.setdefault(_claims(case.purpose, pack, where), []).append(ruling)
        if spoken != rows:
            return None
    return judges


def _facts(policy: Policy, purpose: Purpose, state: State, at: datetime) -> Facts:
    """What the regimes are told; an unknown age is that of the audience, a child's if it is for children."""
    return _told(law_of(policy), purpose.name, _age(state, at), state.about.get("kind", ""))


@lru_cache(maxsize=4096)
def _told(law: Law, name: str, age: int | None, kind: str) -> Facts:
    policy = law.policy
    purpose, controller = policy.purposes[name], policy.controller
    assumed = {"adults": 18, "general": 16, "children": 12}[controller.audience]
    return Facts(
        age=assumed if age is None else age,
        age_known=not (age is None and controller.audience != "children"),
        device=purpose.device,
        special=any(_special(policy, each) for each in purpose.fields),
        special_somewhere=any(_special(policy, each) for each in policy.fields),
        precise_location=any(_precise(policy, each) for each in purpose.fields),
        kind=kind,
        controller=controller.facts,
    )


def _precise(policy: Policy, name: str) -> bool:
    field = policy.fields.get(name)
    if field is None:
        return False
    return field.category == "user.location.precise" or any(
        _precise(policy, each) for each in field.derived_from
    )


def _claims(purpose: Purpose, pack: Pack, where: str) -> tuple[Basis, ...]:
    """Each law judges its own claim: by the regime's name, else by the nearest region."""
    if pack.id in purpose.basis_under:
        return purpose.basis_under[pack.id]
    regions = [each for each in purpose.basis_under if inside(where, each)]
    return purpose.basis_under[max(regions, key=len)] if regions else purpose.basis


# --- the fields -----------------------------------------------------------------------------------


def _special(policy: Policy, name: str) -> bool:
    field = policy.fields.get(name)
    return field is not None and (field.special or any(_special(policy, each) for each in field.derived_from))


def _field(case: Case, name: str, sets: list[set[Basis]]) -> str | tuple[str, tuple[int, ...]]:
    """Return precision and visible entries of one field, or why it is withheld."""
    purpose, state = case.purpose, case.state
    if name not in purpose.fields:
        return "field.unlisted"
    yes = _standing_yes(case)
    obliged = all(Basis.LEGAL_OBLIGATION in holding for holding in sets)
    explicit = name in purpose.explicit and yes is not None and name in yes.explicit
    if _special(case.policy, name) and not (obliged or explicit):
        return "field.special"
    needed = all(holding & {Basis.CONTRACT, Basis.LEGAL_OBLIGATION} for holding in sets)
    if _special(case.policy, name) and not needed and _forbidden(case):
        return "law.prohibited"
    if case.request.collect:
        return "", ()
    precision = purpose.coarse.get(name, "")
    declared = case.policy.fields.get(name)
    if declared is not None and declared.source and state.erased is None:
        return precision, ()
    if name == "stage":
        return (precision, ()) if case.stage else "field.absent"
    runs = state.fields.get(name, ())
    if not runs:
        return "field.erased" if state.erased is not None else "field.absent"
    fit = [run for run in runs if _fits(case, run, yes, sets)]
    kept = [run for run in fit if _needed_until(case, run.last) > case.at]
    if not kept:
        return "field.expired" if len(fit) == len(runs) else "field.other_purpose"
    return precision, tuple(run.index for run in kept)


def _forbidden(case: Case) -> bool:
    """Some law forbids special categories even with explicit consent (Md. Com. Law 14-4707(a)(1))."""
    day, facts = case.at.date(), case.facts
    found = [case.law.asks(pack, where, "sensitive", day, facts) for pack, where in _regimes(case)]
    return any(
        each is not None and each.posture > Posture.OPT_OUT and "explicit_consent" not in each.carried
        for each in found
    )


def _standing_yes(case: Case) -> Consent | None:
    """The purpose's yes, if it stands by itself: nothing stops it, and it is valid."""
    said = case.state.consents.get(case.purpose.name)
    if said is None or Basis.CONSENT not in case.purpose.all_bases or _stopped(case, Basis.CONSENT):
        return None
    return said if _valid(case, said) and case.state.erased is None else None


def _fits(case: Case, run: Run, yes: Consent | None, sets: list[set[Basis]]) -> bool:
    """Purpose limitation (Art. 5(1)(b), 6(4) GDPR)."""
    purpose = case.purpose
    if purpose.name in run.announced:
        return True
    if yes is not None and yes.index > run.index:
        return True
    if all(holding & {Basis.CONTRACT, Basis.LEGAL_OBLIGATION} for holding in sets):
        return True
    informed = purpose.name in case.state.informed
    return (
        run.purpose in purpose.compatible_with and purpose.assessment != "" and informed and not run.consented
    )


def _needed_until(case: Case, collected: datetime) -> datetime:
    """Storage limitation (Art. 5(1)(e) GDPR): until when this purpose needs what was collected then."""
    keep, state, name = case.purpose.keep, case.state, case.purpose.name
    if keep is None:
        return FOREVER
    start: datetime | None = collected
    if keep.since == "year_end":
        start = datetime(collected.year + 1, 1, 1, tzinfo=UTC)
    elif keep.since == "contract_end":
        contract = state.contracts.get(name)
        start = state.erased or collected
        if contract is not None:
            start = None if contract.open else contract.ended
    elif keep.since == "withdrawal":
        start = _ended(case, collected)
    return FOREVER if start is None else keep.span.after(start)


def _ended(case: Case, collected: datetime) -> datetime | None:
    """When the purpose ended: with the first no that stands, or when the consent ran out.

    A later yes ends an objection. Where nobody was ever asked, and nothing else can carry the
    purpose, the value was not needed from the beginning.
    """
    state, name = case.state, case.purpose.name
    said, objected = state.consents.get(name), state.objections.get(name)
    granted = said is not None and said.status is Status.GRANTED
    noes = []
    if said is not None and not granted:
        noes.append(said.at if said.since is None else said.since)
    if objected is not None and not (granted and said is not None and objected.index < said.index):
        noes.append(objected.at if objected.since is None else objected.since)
    if noes:
        return min(noes)
    if any(_may_carry(case, basis) for basis in _bases_here(case)):
        return None
    return said.until if said is not None else collected


def _bases_here(case: Case) -> set[Basis]:
    """Every basis that the purpose claims under a law of the customer's region, or a named regime."""
    region = case.state.about.get("region", "")
    own = [
        bases
        for under, bases in case.purpose.basis_under.items()
        if under in case.policy.packs or inside(region, under)
    ]
    return {*case.purpose.basis, *(basis for bases in own for basis in bases)}


def _may_carry(case: Case, basis: Basis) -> bool:
    contract = case.state.contracts.get(case.purpose.name)
    if basis is Basis.CONTRACT:
        return contract is not None and len(contract.open) > 0
    if basis is Basis.LEGITIMATE_INTEREST:
        return case.purpose.assessment != ""
    if basis is Basis.SOFT_OPT_IN:
        return case.purpose.name in case.state.informed
    return basis is not Basis.CONSENT
