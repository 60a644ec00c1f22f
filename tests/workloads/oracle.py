"""What the shop of the workloads has to answer, in plain dictionaries.

Written from the pages of the documentation, not from the code: a person is a few dictionaries, time
is a number of days, and each rule is a line or two. It knows nothing of storages, keys or ledgers.
"""

from __future__ import annotations

from typing import Any, NamedTuple

NEVER = 10**9
FIELDS = {
    "account": ("email", "note"),
    "order": ("email", "orders", "bills"),
    "books": ("bills",),
    "statistics": ("orders", "sample"),
    "newsletter": ("email", "orders"),
    "scoring": ("orders", "note"),
}
"""Per purpose the fields that it lists."""
BASIS = {
    "account": "contract",
    "order": "contract",
    "books": "law",
    "statistics": "interest",
    "newsletter": "consent",
    "scoring": "consent",
}
SHARED = {"order": "Carrier", "statistics": "Lab", "newsletter": "Mailer"}
EXPIRES = {"scoring": 25}
"""Days after which a yes ends by itself."""
MOST_ORDERS = 4
STATISTICS = {"base": 20, "shorter": 10, "closed": None}
"""Per version of the policy for how many days statistics keep a value; ``None``: there are none."""


class Item(NamedTuple):
    """One value: what it is, its day, the number of the telling, and for which purposes it was announced."""

    value: str
    day: int
    number: int
    announced: frozenset[str]


class Said(NamedTuple):
    """The last yes or no to a purpose; *since*: the day of the first no that stands."""

    yes: bool
    day: int
    number: int
    since: int


class Person:
    """What one customer has told, and what has become of it."""

    def __init__(self, day: int) -> None:
        self.number = 0
        self.items: dict[str, list[Item]] = {}
        self.said: dict[str, Said] = {}
        self.objected: dict[str, Said] = {}
        self.open: dict[str, set[str]] = {"account": {"account"}}
        self.ended: dict[str, int] = {}
        self.restricted = 0
        """The number of the restriction that stands; 0: none does."""
        self.erased: int | None = None
        self.enrolled = day
        self.tellings: dict[str, int] = {"enrolled": 1}
        """Per kind of telling how many there were."""

    def tell(self, kind: str) -> int:
        """Count one more telling."""
        self.number += 1
        self.tellings[kind] = self.tellings.get(kind, 0) + (kind != "enrolled")
        return self.number


class Oracle:
    """Everybody, the day, and the version of the policy."""

    def __init__(self) -> None:
        self.day = 0
        self.version = "base"
        self.people: dict[str, Person] = {}

    # -- telling -----------------------------------------------------------------------------------

    def enroll(self, ref: str, email: str, note: str) -> None:
        """A customer comes (again)."""
        person = self.people[ref] = Person(self.day)
        number = person.tell("enrolled")
        told = frozenset({"account"})
        person.items = {
            name: [Item(value, self.day, number, told)] for name, value in (("email", email), ("note", note))
        }

    def put(self, ref: str, field: str, value: str, purpose: str, shown: tuple[str, ...] = ()) -> None:
        """A value is collected for a purpose, and replaces the one before."""
        person = self.people[ref]
        told = {purpose, *shown, *(each for each in self._agreed(person) if field in FIELDS[each])}
        person.items[field] = [Item(value, self.day, person.tell("put"), frozenset(told))]

    def correct(self, ref: str, field: str, value: str) -> None:
        """A value is put right: its day and what it was announced for stay."""
        person = self.people[ref]
        [old] = person.items[field]
        told = {*old.announced, *(each for each in self._agreed(person) if field in FIELDS[each])}
        person.items[field] = [Item(value, old.day, person.tell("corrected"), frozenset(told))]

    def order(self, ref: str, key: str) -> None:
        """An order is placed: it opens a contract, and appends to both lists."""
        person = self.people[ref]
        person.open.setdefault("order", set()).add(key)
        number = person.tell("recorded")
        for field in ("orders", "bills"):
            told = {
                purpose
                for purpose, fields in FIELDS.items()
                if field in fields and self._exists(purpose) and self.allowed(ref, purpose)
            }
            item = Item(key, self.day, number, frozenset({"order", *told}))
            person.items[field] = [*person.items.get(field, []), item]
        person.items["orders"] = person.items["orders"][-MOST_ORDERS:]

    def deliver(self, ref: str, key: str) -> None:
        """The order is delivered: its contract ends."""
        self._close(self.people[ref], "order", key)

    def leave(self, ref: str) -> None:
        """The account is closed."""
        self._close(self.people[ref], "account", "account")

    def _close(self, person: Person, purpose: str, key: str) -> None:
        person.tell("recorded")
        if key in person.open.get(purpose, set()):
            person.open[purpose].discard(key)
            person.ended[purpose] = self.day

    def yes(self, ref: str, purpose: str) -> None:
        """A yes to a notice."""
        person = self.people[ref]
        person.said[purpose] = Said(yes=True, day=self.day, number=person.tell("granted"), since=0)

    def no(self, ref: str, purpose: str, kind: str) -> None:
        """A no, in the form that fits: against a legitimate interest it is an objection."""
        person = self.people[ref]
        where = person.objected if kind == "objected" else person.said
        before = where.get(purpose)
        since = before.since if before is not None and not before.yes else self.day
        where[purpose] = Said(yes=False, day=self.day, number=person.tell(kind), since=since)

    def restrict(self, ref: str) -> None:
        """Nothing but storage, and what is agreed to from now on."""
        person = self.people[ref]
        person.restricted = person.tell("restricted")

    def lift(self, ref: str) -> None:
        """The restriction ends."""
        person = self.people[ref]
        person.tell("restriction_lifted")
        person.restricted = 0

    def erase(self, ref: str) -> None:
        """Everything goes but what a law keeps and needs still."""
        person = self.people[ref]
        person.erased = self.day
        kept = [item for item in person.items.get("bills", []) if item.day + 90 > self.day]
        person.items = {"bills": person.items["bills"]} if kept else {}

    def sweep(self) -> None:
        """What no purpose needs any more goes; of who is restricted nothing does."""
        for person in self.people.values():
            if person.restricted and person.erased is None:
                continue
            for field, items in person.items.items():
                person.items[field] = [
                    item for item in items if self._needed_until(person, field, item) > self.day
                ]

    # -- asking ------------------------------------------------------------------------------------

    def known(self, ref: str) -> bool:
        """Somebody lives under this reference."""
        return ref in self.people and self.people[ref].erased is None

    def living(self) -> list[str]:
        """Return who is a customer."""
        return [ref for ref in self.people if self.known(ref)]

    def purposes(self) -> list[str]:
        """Return the purposes of the policy in force."""
        return [purpose for purpose in FIELDS if self._exists(purpose)]

    def audience(self, purpose: str) -> set[str]:
        """Return whose data may be used for *purpose* today."""
        return {ref for ref in self.living() if self.allowed(ref, purpose)}

    def shared_with(self, recipient: str) -> set[str]:
        """Return whose data *recipient* may be given today."""
        purposes = [each for each in self.purposes() if SHARED.get(each) == recipient]
        return {ref for purpose in purposes for ref in self.audience(purpose)}

    def allowed(self, ref: str, purpose: str) -> bool:
        """Say whether data of *ref* may be used for *purpose* today."""
        person = self.people.get(ref)
        if person is None:
            return False
        if person.erased is not None:
            # Until a sweep the law's purpose is answered with yes, and sees nothing that is over.
            return purpose == "books" and bool(person.items.get("bills")) and not person.restricted
        basis = BASIS[purpose]
        said = person.said.get(purpose)
        if person.restricted and not (basis == "consent" and said and said.number > person.restricted):
            return False
        if basis == "contract":
            return bool(person.open.get(purpose))
        if basis == "law":
            return True
        if basis == "interest":
            return purpose not in person.objected and said is None
        return self._agrees(person, purpose)

    def view(self, ref: str, purpose: str) -> dict[str, Any]:
        """Return what *purpose* sees of *ref* today; nothing if it is not allowed."""
        if not self.allowed(ref, purpose):
            return {}
        person, found = self.people[ref], {}
        for field in FIELDS[purpose]:
            seen = [item.value for item in person.items.get(field, ()) if self._sees(person, purpose, item)]
            if seen:
                found[field] = seen if field in {"orders", "bills"} else seen[-1]
        return found

    def _sees(self, person: Person, purpose: str, item: Item) -> bool:
        if self._kept_until(person, purpose, item) <= self.day:
            return False
        said = person.said.get(purpose)
        later = said is not None and said.yes and said.number > item.number
        return purpose in item.announced or later or BASIS[purpose] in {"contract", "law"}

    def _agrees(self, person: Person, purpose: str) -> bool:
        said, objected = person.said.get(purpose), person.objected.get(purpose)
        if said is None or not said.yes or self.day >= said.day + EXPIRES.get(purpose, NEVER):
            return False
        return objected is None or objected.number < said.number

    def _agreed(self, person: Person) -> list[str]:
        return [
            purpose for purpose in FIELDS if BASIS[purpose] == "consent" and self._agrees(person, purpose)
        ]

    def _exists(self, purpose: str) -> bool:
        return purpose != "statistics" or STATISTICS[self.version] is not None

    def _kept_until(self, person: Person, purpose: str, item: Item) -> int:
        """Return the day from which on *purpose* does not need the item any more."""
        if purpose in {"account", "order"}:
            if person.open.get(purpose):
                return NEVER
            return person.ended.get(purpose, item.day) + {"account": 30, "order": 45}[purpose]
        if purpose == "newsletter":
            return self._newsletter_ended(person, item)
        days = {"books": 90, "scoring": 40, "statistics": STATISTICS[self.version] or 0}
        return item.day + days[purpose]

    def _newsletter_ended(self, person: Person, item: Item) -> int:
        said, objected = person.said.get("newsletter"), person.objected.get("newsletter")
        noes = [each for each in (said, objected) if each is not None and not each.yes]
        if said is not None and said.yes:
            noes = [each for each in noes if each.number > said.number]
        if noes:
            return min(each.since for each in noes)
        return item.day if said is None else NEVER

    def _needed_until(self, person: Person, field: str, item: Item) -> int:
        if person.erased is not None:
            return item.day + 90 if field == "bills" else 0
        needing = [
            purpose
            for purpose in self.purposes()
            if field in FIELDS[purpose] and (BASIS[purpose] != "consent" or purpose in person.said)
        ]
        return max((self._kept_until(person, purpose, item) for purpose in needing), default=0)
