"""Controller, customer, processor and regulator: what each asks of the library, and what must come back.

The four personas and their kinds of query are those of GDPRbench (Shastri et al., PVLDB 13(7), 2020);
each query is made by the public calls that the pages name, and its answer compared with the oracle's.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from clm_ethics import AlreadyEnrolled, Denied, FieldWithheld, Policy, Steward, UnknownCustomer
from tests.workloads.oracle import BASIS, FIELDS, SHARED, Oracle

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

START = datetime(2026, 3, 3, 9, tzinfo=UTC)
TEXT = (Path(__file__).parent / "policy.toml").read_text(encoding="utf-8")
_CLOSED = "[purposes.statistics]" + TEXT.split("[purposes.statistics]")[1].split("[purposes.newsletter]")[0]
POLICIES = {
    "base": Policy.parse(TEXT),
    "shorter": Policy.parse(TEXT.replace('"P20D"', '"P10D"')),
    "closed": Policy.parse(TEXT.replace(_CLOSED, "")),
}
"""The policy, one that keeps statistics for a shorter time, and one without that purpose."""
OPT_INS = ("newsletter", "scoring")


class Clock:
    """Stands still until a test moves it."""

    def __init__(self) -> None:
        self.day = 0

    def __call__(self) -> datetime:
        return START + timedelta(days=self.day)


@attrs.define
class Client:
    """One host process at work: its steward, its own customers, and what the oracle knows of them."""

    shop: Steward
    draw: random.Random
    refs: tuple[str, ...]
    oracle: Oracle = attrs.field(factory=Oracle)
    reads: Counter[str] = attrs.field(factory=Counter)
    """Per customer: reads that were allowed, since they last enrolled."""
    receipts: list[Any] = attrs.field(factory=list)
    certificates: list[Any] = attrs.field(factory=list)
    made: Counter[str] = attrs.field(factory=Counter)
    """Per query: how often it was made."""
    serial: int = 0

    def step(self) -> None:
        """Make one query of one persona."""
        persona = self.draw.choice(tuple(MIXES))
        mix = MIXES[persona]
        query = self.draw.choices([each for each, _ in mix], [weight for _, weight in mix])[0]
        self.made[f"{persona}: {query.__name__}"] += 1
        query(self)

    def run(self, steps: int) -> None:
        """Make many."""
        for _ in range(steps):
            self.step()

    def anybody(self) -> str:
        """Draw a customer, who may have come, gone, or never been there."""
        return self.draw.choice(self.refs)

    def word(self, what: str) -> str:
        """Make a value that stands nowhere else."""
        self.serial += 1
        return f"{what}-{self.refs[0]}-{self.serial}"

    def told(self, ref: str, tell: Callable[[Any], Any], *, may: bool = True) -> Any:
        """Tell something of *ref*; return what came back, or ``None`` if it had to be, and was, refused."""
        ana = self.shop.customer(ref)
        if not self.oracle.known(ref):
            expect(UnknownCustomer, lambda: tell(ana))
            return None
        if not may:
            expect(Denied, lambda: tell(ana))
            return None
        return tell(ana)

    # -- controller --------------------------------------------------------------------------------

    def create(self) -> None:
        """CREATE-RECORD: a customer with purpose, origin, retention and sharing; all from the policy."""
        ref = self.anybody()
        email, note = f"{ref}@example.org", self.word("note")
        values = {"email": email, "note": note, "region": "DE"}
        person = self.oracle.people.get(ref)

        def enroll(*, again: bool) -> Any:
            return self.shop.enroll(ref, values, purpose="account", by="desk", again=again)

        if person is not None and person.erased is None:
            expect(AlreadyEnrolled, lambda: enroll(again=False))
            return
        if person is not None:  # nobody comes back by accident
            expect(Denied, lambda: enroll(again=False))
        enroll(again=person is not None)
        self.oracle.enroll(ref, email, note)
        self.reads[ref] = 0

    def collect(self) -> None:
        """CREATE-RECORD: one more value, for statistics, or shown together with the notice of one."""
        ref, value = self.anybody(), self.word("sample")
        if "statistics" not in self.oracle.purposes():
            return
        may = self.oracle.allowed(ref, "statistics")
        done = self.told(
            ref, lambda ana: ana.put({"sample": value}, purpose="statistics", by="desk"), may=may
        )
        if done is not None:
            self.oracle.put(ref, "sample", value, "statistics")

    def order(self) -> None:
        """CREATE-RECORD: an order, which opens a contract."""
        ref, key = self.anybody(), self.word("order")
        may = self.oracle.known(ref) and not self.oracle.people[ref].restricted
        values = {"sku": key, "number": key}
        done = self.told(
            ref, lambda ana: ana.record("ordered", values, purpose="order", by="till", key=key), may=may
        )
        if done is not None:
            self.oracle.order(ref, key)

    def deliver(self) -> None:
        """UPDATE-METADATA-BY-KEY: the contract that a value is kept for comes to its end."""
        ref = self.anybody()
        person = self.oracle.people.get(ref)
        keys = sorted(person.open.get("order", ())) if person is not None else []
        if not keys or person is None or person.restricted or person.erased is not None:
            return
        key = self.draw.choice(keys)
        self.shop.customer(ref).record("delivered", {}, purpose="order", by="till", key=key)
        self.oracle.deliver(ref, key)

    def leave(self) -> None:
        """UPDATE-METADATA-BY-USR: the account is closed."""
        ref = self.anybody()
        person = self.oracle.people.get(ref)
        may = person is not None and not person.restricted
        done = self.told(ref, lambda ana: ana.record("left", {}, purpose="account", by="desk"), may=may)
        if done is not None:
            self.oracle.leave(ref)

    def tell_of_statistics(self) -> None:
        """UPDATE-METADATA-BY-USR: a note is collected anew, with the notice of another purpose shown."""
        ref, value = self.anybody(), self.word("note")
        shown = self.shop.notice("scoring").id
        may = self.oracle.known(ref) and not self.oracle.people[ref].restricted
        done = self.told(
            ref, lambda ana: ana.put({"note": value}, purpose="account", shown=shown, by="desk"), may=may
        )
        if done is not None:
            self.oracle.put(ref, "note", value, "account", ("scoring",))

    def erase(self) -> None:
        """DELETE-RECORD-BY-USR: the customer goes; asked again it is the same certificate."""
        ref = self.anybody()
        if ref not in self.oracle.people:
            expect(UnknownCustomer, lambda: self.shop.customer(ref).erase(by="desk"))
            return
        certificate = self.shop.customer(ref).erase(by="desk")
        if self.oracle.known(ref):
            self.oracle.erase(ref)
            self.certificates.append(certificate)

    # -- customer ----------------------------------------------------------------------------------

    def look(self) -> None:
        """READ-DATA-BY-USR: what is in the account, and what was ordered."""
        ref = self.anybody()
        for purpose in ("account", "order"):
            self.check_read(ref, purpose)

    def look_up_story(self) -> None:
        """READ-METADATA-BY-KEY: the customer's story has every telling and every read, once."""
        self.check_story(self.anybody())

    def put_right(self) -> None:
        """UPDATE-DATA-BY-KEY: a wrong value is corrected, if there is one to correct."""
        ref, value = self.anybody(), self.word("note")
        if self.oracle.known(ref) and not self.oracle.people[ref].items.get("note"):
            return
        done = self.told(ref, lambda ana: ana.correct({"note": value}, by="customer"))
        if done is not None:
            self.oracle.correct(ref, "note", value)

    def agree(self) -> None:
        """UPDATE-METADATA-BY-KEY: a yes."""
        ref, purpose = self.anybody(), self.draw.choice(OPT_INS)
        shown = self.shop.notice(purpose).id
        explicit = ("automated_decision",) if purpose == "scoring" else ()
        receipt = self.told(
            ref, lambda ana: ana.grant(purpose, shown=shown, by="customer", explicit=explicit)
        )
        if receipt is not None:
            self.oracle.yes(ref, purpose)
            self.receipts.append(receipt)
            assert self.shop.customer(ref).may(purpose, channel="email" if purpose == "newsletter" else None)

    def say_no(self) -> None:
        """UPDATE-METADATA-BY-KEY: a no, whatever it is called; it never fails, and works at once."""
        ref = self.anybody()
        purpose = self.draw.choice([*OPT_INS, *({"statistics"} & set(self.oracle.purposes()))])
        verb = self.draw.choice(["refuse", "withdraw", "object_to"])
        receipt = self.told(ref, lambda ana: getattr(ana, verb)(purpose, by="customer"))
        if receipt is not None:
            [said] = self.shop.customer(ref).history(after=receipt.index - 1, limit=1)
            self.oracle.no(ref, purpose, said.kind)
            self.receipts.append(receipt)
            assert not self.shop.customer(ref).may(purpose)

    def restrict(self) -> None:
        """UPDATE-METADATA-BY-USR: everything rests, until it is lifted."""
        ref = self.anybody()
        person = self.oracle.people.get(ref)
        if person is not None and person.restricted and person.erased is None:
            self.shop.customer(ref).lift_restriction(by="desk")
            self.oracle.lift(ref)
        elif self.told(ref, lambda ana: ana.restrict(by="customer", reason="contested")) is not None:
            self.oracle.restrict(ref)

    # -- processor ---------------------------------------------------------------------------------

    def read(self) -> None:
        """READ-DATA-BY-KEY: one customer's data, for one purpose."""
        self.check_read(self.anybody(), self.draw.choice(self.oracle.purposes()))

    def read_for_purpose(self) -> None:
        """READ-DATA-BY-PUR, -OBJ and -DEC: of my own customers exactly those who may be used, and their data.

        ``statistics`` are those who did not object, ``scoring`` those who take part in automated decisions.
        """
        purpose = self.draw.choice(self.oracle.purposes())
        found = {ana.ref for ana in self.shop.audience(purpose)} & set(self.refs)
        assert self.oracle.audience(purpose) == found, purpose
        for ref in sorted(found):
            self.check_read(ref, purpose)

    # -- regulator ---------------------------------------------------------------------------------

    def read_metadata(self) -> None:
        """READ-METADATA-BY-USR: for each purpose the answer, its basis, and the fields that it sees."""
        ref = self.anybody()
        for purpose in self.oracle.purposes():
            answer = self.shop.customer(ref).may(purpose)
            assert self.oracle.allowed(ref, purpose) == bool(answer), (ref, purpose, answer)
            if answer and self.oracle.known(ref):
                seen = {name for name in answer.fields if name in FIELDS[purpose]}
                assert set(self.oracle.view(ref, purpose)) == seen
                basis = {"law": "legal_obligation", "interest": "legitimate_interest"}
                assert basis.get(BASIS[purpose], BASIS[purpose]) == answer.basis

    def read_sharing(self) -> None:
        """READ-METADATA-BY-SHR: whose data a recipient may be given."""
        recipient = self.draw.choice(sorted(set(SHARED.values())))
        purposes = self.shop.policy.purposes.values()
        names = [each.name for each in purposes if recipient in each.shared_with]
        found = {ana.ref for name in names for ana in self.shop.audience(name)} & set(self.refs)
        assert self.oracle.shared_with(recipient) == found

    def read_log(self) -> None:
        """GET-SYSTEM-LOGS: what the ledger has of a span of days is what the stories have of them."""
        first = self.draw.randint(0, self.oracle.day)
        since, until = (START + timedelta(days=day) for day in (first, first + self.draw.choice([1, 10, 60])))
        found = {(each.ref, each.line.index) for each in self.shop.ledger.between(since, until)}
        told = set()
        for ref in self.oracle.living():
            lines = self.shop.customer(ref).history(limit=1000)
            told |= {(ref, line.index) for line in lines if since <= line.at < until}
        assert told == {each for each in found if each[0] in self.refs}

    def verify_deletion(self) -> None:
        """VERIFY-DELETION: who was erased is erased for everybody, and the certificate is good."""
        vkey = self.shop.ledger.receipt_vkey()
        for certificate in self.certificates:
            certificate.check(vkey)
        for ref, person in self.oracle.people.items():
            if person.erased is not None:
                answer = self.shop.customer(ref).may("account")
                assert ("customer.erased",) == answer.codes

    # -- checks ------------------------------------------------------------------------------------

    def check_read(self, ref: str, purpose: str) -> None:
        """Read, and compare every value; what is not there raises."""
        view = self.shop.customer(ref).read(purpose, by="processor")
        assert self.oracle.allowed(ref, purpose) == bool(view), (ref, purpose, view)
        expected = self.oracle.view(ref, purpose)
        found = {
            name: [next(iter(item.values())) for item in value] if isinstance(value, tuple) else value
            for name, value in view.reveal().items()
        }
        assert expected == {name: value for name, value in found.items() if value != []}, (ref, purpose)
        self.reads[ref] += bool(view)
        for field in {"email", "note", "sample", "orders", "bills"} - set(found):
            assert field not in view
            expect(FieldWithheld, lambda field=field: view[field])

    def check_story(self, ref: str) -> None:
        """The ledger has what was told, and each read that was allowed: no more, and no less."""
        lines: list[Any] = []
        after: int | None = 0
        while after is not None:
            page = self.shop.customer(ref).history(after=after, limit=50)
            lines += page
            after = page.next_after
        kinds = Counter(line.kind for line in lines)
        person = self.oracle.people.get(ref)
        if person is None:
            assert not lines
            return
        if person.erased is not None:
            assert 1 == kinds["erasure_begun"]
            assert {"erasure_begun", "erasure_done", "read", "refusal", "swept"} >= set(kinds), kinds
            return
        told = {kind: count for kind, count in kinds.items() if kind not in {"read", "refusal", "swept"}}
        assert person.tellings == told, (ref, person.tellings, told)
        assert self.reads[ref] == kinds["read"], ref

    def check_everything(self) -> None:
        """Compare everybody with the oracle, for every purpose, and every story."""
        for ref in self.refs:
            for purpose in self.oracle.purposes():
                self.check_read(ref, purpose)
            self.check_story(ref)
        for purpose in self.oracle.purposes():
            found = {ana.ref for ana in self.shop.audience(purpose)} & set(self.refs)
            assert self.oracle.audience(purpose) == found, purpose
        self.verify_deletion()


def expect(kind: type[Exception], call: Callable[[], object]) -> None:
    """Call, and see it raise *kind*."""
    try:
        found = call()
    except kind:
        return
    raise AssertionError(f"{found!r} instead of {kind.__name__}")


Mix = tuple[tuple["Callable[[Client], None]", int], ...]
MIXES: dict[str, Mix] = {
    "controller": (
        (Client.create, 15),
        (Client.order, 6),
        (Client.collect, 4),
        (Client.deliver, 15),
        (Client.leave, 4),
        (Client.tell_of_statistics, 20),
        (Client.erase, 4),
    ),
    "customer": (
        (Client.look, 20),
        (Client.look_up_story, 20),
        (Client.put_right, 20),
        (Client.agree, 10),
        (Client.say_no, 10),
        (Client.restrict, 4),
        (Client.erase, 4),
    ),
    "processor": ((Client.read, 80), (Client.read_for_purpose, 20)),
    "regulator": (
        (Client.read_metadata, 40),
        (Client.read_sharing, 6),
        (Client.read_log, 31),
        (Client.verify_deletion, 23),
    ),
}
"""Per persona its queries and their weights, near the paper's; erasing is rarer, so that stories grow."""
