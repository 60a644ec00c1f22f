"""Yes and no: grant, refuse, withdraw, object, restrict. A no never fails."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from msgspec.structs import replace

from ..errors import UsageError
from ..ledger.receipt import Effect, Receipt, make_receipt
from ..model.events import (
    Event,
    Granted,
    Objected,
    Refused,
    Removed,
    Restricted,
    RestrictionLifted,
    Swept,
    Withdrawn,
)
from ..model.fold import fold
from ..policy import Request, decide
from ..policy.decide import grown_up, too_young
from ..policy.derived import under_consent
from ..policy.policy import FIRM
from ..policy.values import Basis
from ..policy.words import reason
from .checking import check_names, check_text
from .collecting import check_shown
from .common import (
    Past,
    check_actor,
    check_happened,
    key_bytes,
    locate,
    moved,
    need_current,
    need_living,
    on_customer,
    past_entry,
    repeated,
    written_past,
)
from .common import refuse as refusal
from .flooring import once_said, raise_floor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from ..flows import Book, Flow, Setting
    from ..policy import Policy
    from ..policy.values import Purpose

GIVEN_BY = ("subject", "guardian")
"""Who may say yes."""
LONGEST_REASON = 500
"""Most characters of a reason, which stands in the state."""
LONGEST_QUOTE = 1 << 16
"""Most characters of a ground or a piece of evidence, of which a hash is kept."""


class _Done(NamedTuple):
    """What was said now, or (without *past*) that it was said before, and what came of it."""

    effect: Effect
    past: Past | None
    index: int = 0  # type: ignore[assignment]  # hides tuple.index, which nobody needs


def grant(
    setting: Setting,
    ref: str,
    purpose: str,
    *,
    shown: str,
    by: str | None = None,
    explicit: Iterable[str] = (),
    channels: Iterable[str] = (),
    given_by: str = "subject",
    evidence: str | None = None,
    at: datetime | None = None,
    key: str | None = None,
) -> Flow[Receipt]:
    """Record a yes to *purpose*, to the clause that the notice *shown* showed."""
    by = check_actor(by, setting.acting, "grant")
    policy = setting.policy
    wanted = policy.purpose(purpose)
    now = setting.clock()
    happened = check_happened(at, now, "grant")
    if evidence is not None:
        check_text(evidence, "evidence", "grant(evidence=)", LONGEST_QUOTE, least=0)
    named, on = _check_grant(policy, wanted, shown, explicit, channels, given_by)
    content = [purpose, shown, named, on, given_by, evidence]

    def tell(book: Book) -> _Done:
        need_living(book, "grant")
        mine = key_bytes(book, "grant", key, content)
        effect = Effect(holds=True, text="the customer agreed")
        before = repeated(book, mine, "grant")
        if before is not None:
            return _Done(effect, None, before.index)
        learnt = book.now()
        said = Granted(
            at=learnt,
            by=by,
            happened=happened,
            policy=policy.hash,
            key=mine,
            purpose=purpose,
            clause=policy.clauses[purpose],
            shown=shown,
            until=None
            if wanted.consent_expires is None
            else wanted.consent_expires.after(happened or learnt),
            explicit=named,
            channels=on or wanted.channels,  # a channel that the policy adds later was never agreed to
            given_by=given_by,
            evidence=quoted(book, evidence) if evidence else "",
        )
        # Whether this person may give it is asked of the decision itself (Art. 8 GDPR).
        answer = decide(policy, fold([said], book.state), Request(purpose, ()), learnt)
        if book.state.restored or "law.prohibited" in answer.codes:
            answer.require()
        if given_by == "subject" and too_young(policy, book.state, wanted, learnt):
            raise refusal(answer, (reason("consent.guardian_needed"),), "grant")
        if given_by == "guardian" and grown_up(book.state, happened or learnt):
            raise refusal(answer, (reason("consent.not_theirs"),), "grant")
        return _append(setting, book, said, effect)

    return (yield from _receipt(setting, ref, "granted", tell))


def _check_grant(
    policy: Policy,
    purpose: Purpose,
    shown: str,
    explicit: Iterable[str],
    channels: Iterable[str],
    given_by: str,
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    if Basis.CONSENT not in purpose.all_bases:
        raise UsageError(
            f"`{purpose.name}` does not rest on consent",
            place="grant",
            remedy="its bases are " + ", ".join(sorted(purpose.all_bases)),
        )
    if purpose.name not in check_shown(policy, shown, "grant"):
        raise UsageError(
            "the notice does not show this purpose",
            place="grant(shown=)",
            remedy=f"render steward.notice({purpose.name!r}) and send its id back",
        )
    return check_yes(policy, purpose, explicit, channels, given_by)


def check_yes(
    policy: Policy, purpose: Purpose, explicit: Iterable[str], channels: Iterable[str], given_by: str
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Check who said yes, what it was explicit for, and on which channels; return the last two."""
    if given_by not in GIVEN_BY:
        raise UsageError("a yes comes from the subject or a guardian", place="grant(given_by=)")
    named = tuple(sorted(check_names(explicit, "grant(explicit=)")))
    for name in named:
        if name not in purpose.explicit and name not in purpose.processing:
            raise UsageError(
                f"`{purpose.name}` asks for no explicit yes to it",
                place="grant(explicit=)",
                remedy="the policy names such fields under `explicit`",
            )
    on = tuple(sorted(check_names(channels, "grant(channels=)")))
    for name in on:
        policy.channel(name)
        if name not in purpose.channels:
            raise UsageError(f"`{purpose.name}` does not use this channel", place="grant(channels=)")
    return named, on


def quoted(book: Book, words: str) -> str:
    """What somebody said is a value: the entry keeps a keyed hash of it, the host the words."""
    return book.need_sealer().mac(b"quoted\n" + str(words).encode("utf-8", "replace")).hex()


def refuse(
    setting: Setting,
    ref: str,
    purpose: str,
    *,
    by: str | None = None,
    at: datetime | None = None,
    key: str | None = None,
) -> Flow[Receipt]:
    """Record a no to *purpose*."""
    by = check_actor(by, setting.acting, "refuse")
    wanted = setting.policy.purpose(purpose)
    consent = Basis.CONSENT in wanted.all_bases
    said = Refused(at=setting.clock(), by=by, purpose=purpose) if consent else objected(setting, wanted, by)
    return (yield from _no(setting, ref, said, wanted, "refused", at, key))


def withdraw(
    setting: Setting,
    ref: str,
    purpose: str,
    *,
    by: str | None = None,
    at: datetime | None = None,
    key: str | None = None,
) -> Flow[Receipt]:
    """Record that a yes to *purpose* is taken back, in the legal form that fits its bases."""
    by = check_actor(by, setting.acting, "withdraw")
    wanted = setting.policy.purpose(purpose)
    loose = wanted.all_bases - FIRM
    said: Event
    if Basis.CONSENT in loose or not loose:
        said = Withdrawn(at=setting.clock(), by=by, purpose=purpose)
    else:
        said = objected(setting, wanted, by)
    return (yield from _no(setting, ref, said, wanted, "withdrawn", at, key))


def object_to(
    setting: Setting,
    ref: str,
    purpose: str,
    *,
    by: str | None = None,
    ground: str | None = None,
    at: datetime | None = None,
    key: str | None = None,
) -> Flow[Receipt]:
    """Record an objection to *purpose* (Art. 21 GDPR).

    A *ground* may quote the customer: the entry keeps a keyed hash of it, the host the words.
    """
    by = check_actor(by, setting.acting, "object_to")
    wanted = setting.policy.purpose(purpose)
    if ground is not None:
        check_text(ground, "a ground", "object_to(ground=)", LONGEST_QUOTE, least=0)
    said: Event = objected(setting, wanted, by)
    if wanted.all_bases - FIRM == {Basis.CONSENT} and not wanted.marketing:
        said = Withdrawn(at=setting.clock(), by=by, purpose=purpose)  # what is objected to is a consent
    return (yield from _no(setting, ref, said, wanted, "objected", at, key, ground=ground))


def objected(setting: Setting, purpose: Purpose, by: str) -> Objected:
    """Return an objection to *purpose*."""
    return Objected(at=setting.clock(), by=by, purpose=purpose.name, marketing=purpose.marketing)


def _no(
    setting: Setting,
    ref: str,
    said: Event,
    purpose: Purpose,
    kind: str,
    at: datetime | None,
    key: str | None,
    ground: str | None = None,
) -> Flow[Receipt]:
    happened = check_happened(at, setting.clock(), kind)

    def tell(book: Book) -> _Done:
        need_living(book, kind)
        mine = key_bytes(book, kind, key, [purpose.name])
        before = repeated(book, mine, kind)
        if before is not None:
            return _Done(_effect(setting, book, purpose), None, before.index)
        event = replace(said, at=book.now(), happened=happened, policy=setting.policy.hash, key=mine)
        if isinstance(event, Objected) and ground:
            event = replace(event, ground=quoted(book, ground))
        done = _append(setting, book, event, Effect())
        drop_derived(setting, book, purpose)
        return done._replace(effect=_effect(setting, book, purpose))

    receipt = yield from _receipt(setting, ref, kind, tell)
    yield from once_said(raise_floor(setting, ref, receipt.index))
    return receipt


def _effect(setting: Setting, book: Book, purpose: Purpose) -> Effect:
    """Say whether the no ended the processing, and if not what would."""
    answer = decide(setting.policy, book.state, Request(purpose.name, ()), book.now())
    if not answer:
        return Effect(holds=True, text="the processing has ended")
    if answer.basis == Basis.CONTRACT.value:
        text = "an open contract needs it; it ends when the contract does"
    elif answer.basis == Basis.LEGAL_OBLIGATION.value:
        text = f"a law obliges the controller ({purpose.law}); it ends when the law's time is over"
    else:
        text = "it rests on a basis that a no does not end; a restriction or an erasure does"
    return Effect(holds=False, text=text)


def drop_derived(setting: Setting, book: Book, purpose: Purpose) -> None:
    """What was derived under a purpose goes with it (the values, not that they existed).

    So does what was derived for something else from data that was given under consent to it.
    """
    gone = []
    policy, state = setting.policy, book.state
    for name, field in policy.fields.items():
        runs = state.fields.get(name, ())
        if not field.derived_from or not runs:
            continue
        if all(run.purpose == purpose.name for run in runs) or under_consent(
            policy, state, name, purpose.name
        ):
            book.drop_values(name)
            gone.append(Removed(field=name, why="withdrawn"))
    if gone:
        only_small = book.only_small
        book.append(Swept(at=book.now(), by="clm_ethics", policy=setting.policy.hash, removed=tuple(gone)))
        book.only_small = only_small


def restrict(
    setting: Setting,
    ref: str,
    *,
    by: str | None = None,
    reason: str,
    at: datetime | None = None,
    key: str | None = None,
) -> Flow[Receipt]:
    """Restrict the processing (Art. 18 GDPR); the reason is kept in the sealed state alone."""
    by = check_actor(by, setting.acting, "restrict")
    check_text(reason, "a reason", "restrict(reason=)", LONGEST_REASON)
    happened = check_happened(at, setting.clock(), "restrict")

    def tell(book: Book) -> _Done:
        need_living(book, "restrict")
        mine = key_bytes(book, "restrict", key, [reason])
        text = "only storage, and what the customer agrees to from now on"
        effect = Effect(holds=True, text=text)
        before = repeated(book, mine, "restrict")
        if before is not None:
            return _Done(effect, None, before.index)
        event = Restricted(
            at=book.now(), by=by, happened=happened, policy=setting.policy.hash, key=mine, reason=reason
        )
        return _append(setting, book, event, effect)

    receipt = yield from _receipt(setting, ref, "restricted", tell)
    yield from once_said(raise_floor(setting, ref, receipt.index, care=True))
    return receipt


def lift_restriction(
    setting: Setting, ref: str, *, by: str | None = None, at: datetime | None = None, key: str | None = None
) -> Flow[Receipt]:
    """End the restriction; the customer is to be told before (Art. 18(3) GDPR)."""
    by = check_actor(by, setting.acting, "lift_restriction")
    happened = check_happened(at, setting.clock(), "lift_restriction")

    def tell(book: Book) -> _Done:
        need_living(book, "lift_restriction")
        need_current(setting, book, "lift_restriction")
        mine = key_bytes(book, "lift_restriction", key, [])
        effect = Effect(holds=True, text="the processing is not restricted")
        before = repeated(book, mine, "lift_restriction")
        if before is not None:
            return _Done(effect, None, before.index)
        event = RestrictionLifted(
            at=book.now(), by=by, happened=happened, policy=setting.policy.hash, key=mine
        )
        return _append(setting, book, event, effect)

    return (yield from _receipt(setting, ref, "lifted", tell))


def _append(setting: Setting, book: Book, event: Event, effect: Effect) -> _Done:
    event = moved(setting, book, event)
    return _Done(effect, written_past(book.append(event), event))


def _receipt(setting: Setting, ref: str, kind: str, tell: Callable[[Book], _Done]) -> Flow[Receipt]:
    """Run *tell*, and sign a receipt of its entry: the new one, or the one it repeats."""
    done = yield from on_customer(setting, ref, tell)
    if done.past is None:
        stream, past = yield from once_said(past_entry(setting, ref, done.index))
    else:
        found, _ = yield from once_said(locate(setting, ref))
        stream, past = found or b"", done.past
    return make_receipt(
        kind,
        stream,
        past.body,
        salt=past.salt,
        record=past.record,
        signer=setting.tenant_keys.receipt_signer(),
        effect=done.effect,
    )
