"""The machine that looks for a counter-example: any writes, compared with ``MemoryStorage``."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from clm_ethics.storage.contract import MAX_INT, Entry, Head, Mark, Write
from clm_ethics.storage.memory import MemoryStorage
from clm_ethics.testing.conformance_tools import marked, story

if TYPE_CHECKING:
    from collections.abc import Callable

    from clm_ethics.storage.contract import Storage
    from clm_ethics.testing.conformance_tools import Connect

_NAMES = (b"a", b"a\x00", b"b", b"\xff")
_PARTS = st.binary(max_size=12)
_INSTANTS = st.integers(0, 6) | st.integers(0, MAX_INT)


class AgainstTheModel:
    """Whatever is written, the storage answers as ``MemoryStorage`` does."""

    examples = 25
    """How many histories are tried."""
    steps = 20
    """How long the longest history is."""
    shrinking = True
    """Whether a counter-example is made small before it is shown."""

    def test_all_against_the_model(self, opens: Connect) -> None:
        """After any history of writes, every answer is that of the specification."""
        storages, runs = (opens(), opens()), count()

        class Machine(_Machine):
            def __init__(self) -> None:
                super().__init__(storages, b"%d/" % next(runs))

        run_state_machine_as_test(
            Machine,
            settings=settings(
                max_examples=self.examples,
                stateful_step_count=self.steps,
                deadline=None,
                database=None,
                report_multiple_bugs=False,
                # The storage keeps its earlier histories: a failure need not repeat in full.
                phases=(Phase.generate, *((Phase.shrink,) if self.shrinking else ())),
                suppress_health_check=(
                    HealthCheck.too_slow,
                    HealthCheck.filter_too_much,
                    HealthCheck.data_too_large,
                ),
            ),
        )


class _Machine(RuleBasedStateMachine):
    """Every history has names of its own, so that all of them can share one storage."""

    def __init__(self, storages: tuple[Storage, Storage], prefix: bytes) -> None:
        super().__init__()
        self._storages = storages
        self._model = MemoryStorage()
        self._streams = [prefix + name for name in _NAMES]
        self._versions: list[int] = [0]

    @initialize()
    def begin(self) -> None:
        """Nothing is there."""
        self._compare(0)

    @rule(data=st.data(), which=st.integers(0, 1))
    def commit(self, data: st.DataObject, which: int) -> None:
        """Write to one to three streams at once, some with a version that is over."""
        streams = data.draw(st.lists(st.sampled_from(self._streams), min_size=1, max_size=3, unique=True))
        writes = [self._write(data.draw, stream) for stream in streams]
        assert list(self._model.commit(writes)) == list(self._storages[which].commit(writes))
        self._compare(1 - which)

    def _write(self, draw: Callable[[st.SearchStrategy[Any]], Any], stream: bytes) -> Write:
        [stored] = self._model.load([stream])
        version = stored.version if stored else 0
        if draw(st.integers(0, 4)) == 0:
            version = draw(st.sampled_from(self._versions))
        fits = version == (stored.version if stored else 0)
        length = stored.length if stored and fits else draw(st.integers(0, 3)) if not fits else 0
        if version and draw(st.integers(0, 5)) == 0 and (length == 0 or not fits):
            return Write(stream, version, None)
        entries = [
            Entry(length + n, draw(_PARTS), draw(_PARTS)) for n in range(1, draw(st.integers(0, 3)) + 1)
        ]
        forget = draw(st.lists(st.integers(1, length), max_size=3)) if length else ()
        return Write(stream, version, self._head(draw, version, length + len(entries)), entries, forget)

    def _head(self, draw: Callable[[st.SearchStrategy[Any]], Any], expected: int, length: int) -> Head:
        # Never a version that was used before: the caller's duty.
        version = draw(st.integers(1, MAX_INT).filter(lambda each: each not in self._versions))
        self._versions.append(version)
        marks = st.lists(
            st.builds(Mark, st.sampled_from(self._streams), _INSTANTS),
            max_size=3,
            unique_by=lambda mark: mark.token,
        ).map(tuple)
        keep = st.none() if expected else st.nothing()
        return Head(
            version, length, draw(_PARTS), draw(keep | _PARTS), draw(keep | _PARTS), draw(keep | marks)
        )

    def _compare(self, which: int) -> None:
        storage = self._storages[which]
        assert list(self._model.load(self._streams)) == list(storage.load(self._streams))
        for name in self._streams:
            assert story(self._model, name) == story(storage, name, limit=2)
            assert marked(self._model, name) == marked(storage, name, limit=2)
            assert marked(self._model, name, until=3) == marked(storage, name, until=3, limit=1)
