"""Enrolling one reference from two places at once: every interleaving, and every place of a crash."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from clm_ethics import AlreadyEnrolled, Busy, Denied, KeyReused, StorageUnavailable
from clm_ethics.flows import effects, streams
from clm_ethics.storage.memory import MemoryStorage
from clm_ethics.verbs import enrolling
from clm_ethics.verbs.enrolling import enroll
from tests.face.shop import Counting, Seeded, clone, enrolled, heads, kinds, steward

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

REF = "c-1001"


class Place:
    """The data, the keys (beside it, or elsewhere), and stewards over them."""

    def __init__(self, *, split: bool) -> None:
        self.data = MemoryStorage()
        self.keys = MemoryStorage() if split else None

    def copy(self) -> Place:
        copied = Place(split=self.keys is not None)
        copied.data = clone(self.data)
        copied.keys = None if self.keys is None else clone(self.keys)
        return copied

    def open(self, who: str) -> Any:
        """Open a steward that draws other bytes than the others."""
        return steward(self.data, keys_in=self.keys, random=Seeded(who))

    def perform(self, effect: Any) -> Any:
        """Do what a flow asks for."""
        where = getattr(effect, "where", 0)
        storage = self.data if where == effects.DATA or self.keys is None else self.keys
        match effect:
            case effects.Load(names, _):
                return storage.load(names)
            case effects.Commit(writes, _):
                return storage.commit(writes)
            case effects.Entries(stream, after, limit, _):
                return storage.entries(stream, after=after, limit=limit)
        raise AssertionError(effect)


class Worker:
    """An enrolment under way, one effect at a time."""

    def __init__(self, place: Place, name: str, **more: Any) -> None:
        self.place = place
        self.name = name
        values = more.pop("values", {"email": f"{name}@example.org", "region": "DE"})
        told_by = {"purpose": "account", "by": name} | more
        self.flow = enroll(place.open(name)._setting, REF, values, **told_by)
        self.came: Any = None
        self.effect: Any = None
        self._go(None)

    @property
    def going(self) -> bool:
        return self.effect is not None

    @property
    def reads(self) -> bool:
        """Whether it only looks next: two that look do not disturb each other."""
        return not isinstance(self.effect, effects.Commit)

    def step(self) -> None:
        """Perform the effect that it waits for, and run up to the next."""
        self._go(self.place.perform(self.effect))

    def _go(self, answer: Any) -> None:
        try:
            self.effect = self.flow.send(answer)
            while isinstance(self.effect, effects.Pause):  # who goes on next is decided here, by no clock
                self.effect = self.flow.send(None)
        except StopIteration as done:
            self.came, self.effect = done.value, None
        except Exception as error:  # noqa: BLE001  (what came of it)
            self.came, self.effect = error, None

    def kill(self) -> None:
        """Crash: nothing more happens, not even cleaning up."""
        self.came, self.effect = "crashed", None


class Choice(NamedTuple):
    """One step: who goes on, or crashes."""

    who: int
    kill: bool = False
    read: bool = False


def interleavings(start: Callable[[], list[Worker]], *, crash: bool) -> Iterator[list[Worker]]:
    """Yield the workers of every interleaving, when all have come to their end.

    Of orders that differ only in which of two looked first, one is tried.
    """
    way: list[tuple[Choice, list[Choice]]] = []
    while True:
        workers = start()
        for chosen, _ in way:
            follow(workers, chosen)
        while options := open_choices(workers, [chosen for chosen, _ in way], crash=crash):
            way.append((options[0], options[1:]))
            follow(workers, options[0])
        if not any(worker.going for worker in workers):
            yield workers
        while way and not way[-1][1]:
            way.pop()
        if not way:
            return
        _, others = way.pop()
        way.append((others[0], others[1:]))


def open_choices(workers: list[Worker], so_far: list[Choice], *, crash: bool) -> list[Choice]:
    """Return what may happen next; who crashes does so right after a step of his own."""
    last = so_far[-1] if so_far else None
    found = []
    for who, worker in enumerate(workers):
        if not worker.going:
            continue
        commutes = last is not None and last.read and worker.reads and who < last.who and not last.kill
        if not commutes:
            found.append(Choice(who, read=worker.reads))
        if crash and last is not None and last.who == who and not any(each.kill for each in so_far):
            found.append(Choice(who, kill=True))
    return found


def follow(workers: list[Worker], chosen: Choice) -> None:
    """Let it happen."""
    worker = workers[chosen.who]
    if chosen.kill:
        worker.kill()
    else:
        worker.step()


def living(place: Place) -> list[bytes]:
    """Return the streams of living customers."""
    state_of = {name: head.state for name, head in heads(place.data).items() if head.length}
    return [name for name, state in state_of.items() if streams.read_erased(state) is None]


def orphans(place: Place) -> list[bytes]:
    """Return key streams of nobody's."""
    setting = place.open("looking")._setting
    customers = [name for name, head in heads(place.data).items() if len(name) == streams.STREAM]
    known = {streams.key_stream(name) for name in living(place)} | {streams.tenant_stream("main")}
    known |= {streams.policy_stream("main", setting.policy.hash), streams.policies_stream("main")}
    keys = heads(place.keys if place.keys is not None else place.data)
    return [
        name
        for name, head in keys.items()
        if name not in known and name not in customers_proper(place, customers) and len(head.state) > 40
    ]


def customers_proper(place: Place, names: list[bytes]) -> set[bytes]:
    """Return the streams that are customers', living, erased or void (keys have such ids too)."""
    stored = heads(place.data)
    return {name for name in names if stored[name].length or stored[name].state == streams.VOID}


def check(place: Place, workers: list[Worker]) -> None:
    """One living customer, readable, and it is the one whose enrolment returned."""
    [stream] = living(place)
    with place.open("looking") as shop:
        ana = shop.customer(REF)
        email = ana.read("account", by="test")["email"]
        winners = [worker for worker in workers if worker.came == REF]
        if winners:
            assert email in {f"{worker.name}@example.org" for worker in winners}
        assert 1 == kinds(ana)["enrolled"]
        assert ana.erase(by="test")
        assert [] == living(place)
        assert ("customer.erased",) == ana.may("account").codes
    assert stream


def opened(*, split: bool) -> Place:
    """Return a place that is open: its tenant has keys."""
    place = Place(split=split)
    place.open("first").close()
    return place


SPLIT = pytest.mark.parametrize("split", [False, True], ids=["beside", "split"])


@pytest.fixture
def few(monkeypatch):
    """Let an enrolment start again this often only: each new start multiplies the interleavings."""

    def bound(attempts: int) -> None:
        monkeypatch.setattr(enrolling, "ATTEMPTS", attempts)

    bound(1)
    return bound


def ends(place: Place, **more: Any) -> Iterator[tuple[Place, list[Worker]]]:
    """Yield where each interleaving of two enrolments at *place* ends."""
    crash = more.pop("crash", False)
    copies: list[Place] = []

    def begin() -> list[Worker]:
        copies.append(place.copy())
        return [Worker(copies[-1], name, **more) for name in "ab"]

    for workers in interleavings(begin, crash=crash):
        yield copies[-1], workers
        copies.clear()


@SPLIT
def test_of_two_enrolments_one_wins_in_every_interleaving(split, few):
    """The other hears so, or that he has to try again; no key stream is left over."""
    came: Counter[type] = Counter()
    for place, workers in ends(opened(split=split)):
        [winner] = [worker for worker in workers if worker.came == REF]
        [other] = [worker for worker in workers if worker is not winner]
        assert isinstance(other.came, (AlreadyEnrolled, Busy))
        came[type(other.came)] += 1
        assert [] == orphans(place)
        check(place, workers)
    assert came[AlreadyEnrolled] >= 4
    assert came[Busy] >= 10


def test_who_starts_again_does_no_harm_either(few):
    """With a second attempt there are thousands of interleavings, and one customer in each."""
    few(2)
    count = 0
    for place, workers in ends(opened(split=False)):
        count += 1
        assert 1 == [worker.came for worker in workers].count(REF)
        assert 1 == len(living(place))
        assert [] == orphans(place)
    assert count > 1000


@SPLIT
def test_two_tellings_of_one_enrolment_are_one_customer_in_every_interleaving(split, few):
    """With the same key and content the other returns too, unless he has to try again."""
    both = 0
    for place, workers in ends(opened(split=split), values={"email": "same@example.org"}, by="x", key="k"):
        assert REF in [worker.came for worker in workers]
        assert all(worker.came == REF or isinstance(worker.came, Busy) for worker in workers)
        both += all(worker.came == REF for worker in workers)
        assert 1 == len(living(place))
        assert [] == orphans(place)
    assert both >= 4


@SPLIT
def test_a_crash_at_any_step_leaves_one_customer_or_a_claim_that_the_next_takes_over(split, few):
    """Whoever dies, whenever: afterwards the reference is enrolled, or can be."""
    crashed = 0
    for place, workers in ends(opened(split=split), crash=True):
        crashed += any(worker.came == "crashed" for worker in workers)
        third = Worker(place, "c")
        while third.going:
            third.step()
        assert third.came == REF or isinstance(third.came, AlreadyEnrolled), third.came
        check(place, [*workers, third])
    assert crashed > 100


@SPLIT
def test_an_erased_owner_is_replaced_once_in_every_interleaving(split, few):
    """By their own wish (``again=True``), and by one of two only."""
    start = opened(split=split)
    with start.open("before") as shop:
        enrolled(shop, REF).erase(by="customer")
    for place, workers in ends(start, again=True):
        assert 1 == [worker.came for worker in workers].count(REF)
        assert all(
            worker.came == REF or isinstance(worker.came, (AlreadyEnrolled, Busy)) for worker in workers
        )
        check(place, workers)


@SPLIT
def test_enrolling_anew_while_the_erasure_is_under_way(split):
    """Between any two steps of an erasure that crashed, somebody comes back; both are completed."""
    start = opened(split=split)
    with start.open("before") as shop:
        enrolled(shop, REF)
    stop = 0
    came: list[str] = []
    while crash_while_erasing(start, place := start.copy(), stop):
        stop += 1
        with place.open("again") as shop:
            ana = shop.customer(REF)
            try:
                told = {"email": "new@example.org"}
                shop.enroll(REF, told, purpose="account", by="x", again=True)
            except AlreadyEnrolled:
                assert ana.may("account")
                shop.after_restore(by="ops")
                came.append("1 nothing had begun" if ana.may("account") else "2 it was resumed")
            else:
                came.append("3 replaced")
                shop.after_restore(by="ops")
                assert "new@example.org" == ana.read("account", by="test")["email"]
            assert shop.ledger.verify()
    assert sorted(came) == came
    assert 3 == len(set(came))


def crash_while_erasing(start: Place, place: Place, stop: int) -> bool:
    """Erase, and crash at the n-th call of the storages; false: it came to its end before."""
    eraser = place.open("eraser")
    calls = [stop]
    eraser._driver._storages = tuple(Stopping(each, calls) for each in eraser._driver._storages)
    try:
        eraser.customer(REF).erase(by="customer")
    except Stopped:
        return True
    return False


class Stopped(BaseException):
    """A crash."""


class Stopping(Counting):
    """A storage whose caller crashes at the n-th call; several count together."""

    def __init__(self, inner: Any, calls: list[int]) -> None:
        super().__init__(inner)
        self.left = calls

    def load(self, streams: Any, /) -> Any:
        self._count()
        return super().load(streams)

    def commit(self, writes: Any, /) -> Any:
        self._count()
        return super().commit(writes)

    def entries(self, stream: bytes, /, *, after: int, limit: int) -> Any:
        self._count()
        return super().entries(stream, after=after, limit=limit)

    def _count(self) -> None:
        self.left[0] -= 1
        if self.left[0] < 0:
            raise Stopped


@SPLIT
def test_who_is_enrolled_already_is_told_without_a_write(split):
    """Looking comes first: a second enrolment leaves no trace, told anew or by somebody else."""
    data, keys = Counting(), Counting() if split else None
    with steward(data, keys_in=keys) as shop:
        shop.enroll(REF, {"email": "a@example.org"}, purpose="account", by="x", key="k")
        before = data.calls["commit"], keys and keys.calls["commit"]
        ana = shop.enroll(REF, {"email": "a@example.org"}, purpose="account", by="x", key="k")
        assert ana.may("account")
        with pytest.raises(AlreadyEnrolled):
            shop.enroll(REF, {"email": "a@example.org"}, purpose="account", by="x")
        with pytest.raises(KeyReused):
            shop.enroll(REF, {"email": "b@example.org"}, purpose="account", by="x", key="k")
        assert before == (data.calls["commit"], keys and keys.calls["commit"])


def test_the_key_of_a_living_customer_is_never_taken_for_a_left_over_one():
    """The answer to creating the stream is lost, and somebody writes to it before anybody looks."""

    class Racing(Counting):
        armed = False

        def commit(self, writes: Any, /) -> Any:
            made = super().commit(writes)
            if self.armed and any(write.entries for write in writes):
                self.armed = False
                with steward(self.inner, random=Seeded("other")) as other:
                    other.customer(REF).refuse("newsletter", by="customer")
                raise StorageUnavailable("the answer was lost", written=None, place="test")
            return made

    storage = Racing()
    with steward(storage) as shop:
        storage.armed = True
        ana = enrolled(shop, REF)
        assert ana.may("account")
        assert {"enrolled": 1, "refused": 1} == dict(kinds(ana))


def test_an_erased_person_is_not_brought_back_by_an_import():
    """Neither by the reference nor by the address; by their own wish they may come back."""
    with steward() as shop:
        ana = enrolled(shop, REF)
        ana.erase(by="customer")
        told = {"email": ana_mail(), "region": "DE"}
        for ref, values in ((REF, {}), ("c-2", told), (REF, told)):
            with pytest.raises(Denied) as caught:
                shop.enroll(ref, values, purpose="account", by="import")
            assert ("customer.erased",) == caught.value.answer.codes
        back = shop.enroll(REF, told, purpose="account", by="signup", again=True)
        assert back.may("account")
        assert not back.may("recommendations")
        with pytest.raises(AlreadyEnrolled):
            shop.enroll(REF, told, purpose="account", by="import")


def ana_mail() -> str:
    """Return the address in another spelling."""
    from tests.face.shop import EMAIL

    return f" {EMAIL.upper()} "
