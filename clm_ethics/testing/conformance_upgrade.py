"""What an earlier version of an adapter has written, read and written on by this one.

Before you change how your adapter stores things, let the version that is released fill a
storage with :func:`sample`, and keep a copy of it beside your tests::

    class TestMyUpgrade(StorageUpgradeConformance):
        @pytest.fixture
        def older(self, tmp_path):
            shutil.copy(OLDER / "schema-1.db", tmp_path / "crm.db")
            return f"mine:///{tmp_path}/crm.db"
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from clm_ethics.storage.contract import Write
from clm_ethics.testing.conformance_tools import create, load, make, marked
from clm_ethics.testing.process_writer import CREATED, GROUP, appended
from clm_ethics.testing.processes import Child, Place, Told, sound

if TYPE_CHECKING:
    from clm_ethics.storage.contract import Storage

SAMPLE: Final = 10
"""How many entries each stream of a sample has."""
_KEY: Final = b"a stream of length 0"
_GONE: Final = b"a stream that was deleted"


def sample(storage: Storage) -> None:
    """Fill an empty *storage* with what :class:`StorageUpgradeConformance` expects in an older one."""
    for stream in GROUP:
        create(storage, stream, CREATED)
        for n in range(SAMPLE):
            [head] = storage.load([stream])
            assert head is not None
            make(storage, appended(stream, head, b"\x00body %d" % n))
    for stream in (_KEY, _GONE):
        create(storage, stream, CREATED)
    make(storage, Write(_GONE, 1, None))


class StorageUpgradeConformance:
    """What the contract promises over versions of an adapter."""

    def test_05_durable_over_an_upgrade(self, older: str) -> None:
        """Everything that an earlier version has written is there, for this process and the next."""
        for _ in range(2):
            with Place(older).opened() as storage:
                assert [SAMPLE] * len(GROUP) == [sound(storage, stream) for stream in GROUP]
                assert CREATED == load(storage, _KEY)

    def test_09_forgetting_over_an_upgrade(self, older: str) -> None:
        """What was forgotten or deleted under an earlier version does not come back."""
        with Place(older).opened() as storage:
            assert load(storage, _GONE) is None
            assert [] == marked(storage, b"of " + GROUP[0] + b"%d" % (SAMPLE - 1))
            [first, second, *_] = storage.entries(GROUP[0], after=0, limit=SAMPLE)
            assert (b"\x00body 0", None) == (first.body, second.body)

    def test_05_durable_work_goes_on(self, older: str) -> None:
        """Another process writes on in an older storage; versions, numbers and marks continue."""
        told = Told.of(Child(Place(older), "work", 3, 20).end(), SAMPLE)
        assert (None, None) == (told.leaked, told.error)
        with Place(older).opened() as storage:
            assert [SAMPLE + 3] * len(GROUP) == told.judge(storage)
            make(storage, Write(_KEY, 1, None))


__all__ = ["SAMPLE", "StorageUpgradeConformance", "sample"]
