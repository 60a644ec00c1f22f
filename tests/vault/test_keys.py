"""Providers of the wrapping key: bound, owner-only, one key however many start at once."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clm_ethics.errors import KeysMissing, KeysRefused, SealBroken, VaultError
from clm_ethics.vault.keys import KEY_FILE, FileKeys, Keys, MemoryKeys

if TYPE_CHECKING:
    from pathlib import Path

SECRET = b"a tenant key of thirty-two bytes"
CONTEXT = b"tenant"


@pytest.fixture(params=["file", "memory"])
def keys(request: Any, tmp_path: Path) -> Keys:
    """Each provider."""
    return MemoryKeys() if request.param == "memory" else FileKeys(tmp_path / "keys")


def test_what_is_wrapped_unwraps(keys: Keys) -> None:
    """Under the same key and context; twice the same key gives two wrappings."""
    wrapped = keys.wrap(SECRET, CONTEXT)
    assert SECRET == keys.unwrap(wrapped, CONTEXT)
    assert wrapped != keys.wrap(SECRET, CONTEXT)
    assert bytes.fromhex(keys.current()) == wrapped[1:17]


def test_another_context_does_not_open(keys: Keys) -> None:
    """A wrapped key is bound to its tenant."""
    wrapped = keys.wrap(SECRET, CONTEXT)
    with pytest.raises(SealBroken):
        keys.unwrap(wrapped, b"tenant2")


@given(st.data())
def test_an_altered_wrapping_does_not_open(data: st.DataObject) -> None:
    """Any flipped bit and any cut is refused, with a named error."""
    keys = MemoryKeys()
    wrapped = keys.wrap(SECRET, CONTEXT)
    flipped = bytearray(wrapped)
    bit = data.draw(st.integers(0, len(wrapped) * 8 - 1))
    flipped[bit // 8] ^= 1 << bit % 8
    cut = wrapped[: data.draw(st.integers(0, len(wrapped) - 1))]
    for bad in (bytes(flipped), cut, wrapped + b"\0"):
        with pytest.raises(VaultError):
            keys.unwrap(bad, CONTEXT)


def test_another_key_is_named_as_missing(keys: Keys) -> None:
    """A key that another provider wrapped: the id that is missing, and the id that is here."""
    keys.wrap(SECRET, CONTEXT)
    other = MemoryKeys()
    with pytest.raises(KeysMissing, match=other.current()):
        keys.unwrap(other.wrap(SECRET, CONTEXT), CONTEXT)


def test_no_repr_shows_a_secret(keys: Keys, tmp_path: Path) -> None:
    """Neither the provider nor its parts print key bytes."""
    fixed = MemoryKeys(random=lambda n: b"S" * n)
    assert "SSSS" not in repr(fixed) + repr(fixed._wrapping)
    assert "5353" not in repr(fixed) + repr(fixed._wrapping)
    assert str(tmp_path) in repr(FileKeys(tmp_path))


def test_the_constructor_touches_nothing(tmp_path: Path) -> None:
    """Neither do the questions: only the first wrap makes a key."""
    folder = tmp_path / "keys"
    keys = FileKeys(folder)
    for ask in (keys.current, lambda: keys.unwrap(MemoryKeys().wrap(SECRET, b""), b"")):
        with pytest.raises(KeysMissing):
            ask()
    assert not folder.exists()


def test_folder_and_file_are_for_their_owner_alone(tmp_path: Path) -> None:
    """Mode 0700 and 0600, whatever the umask; nothing but the key file is left."""
    folder = tmp_path / "keys"
    before = os.umask(0)
    try:
        FileKeys(folder).wrap(SECRET, CONTEXT)
    finally:
        os.umask(before)
    assert [KEY_FILE] == names(folder)
    assert (0o700, 0o600) == (folder.stat().st_mode & 0o777, (folder / KEY_FILE).stat().st_mode & 0o777)


def test_the_file_is_one_documented_line(tmp_path: Path) -> None:
    """Format, id, key, checksum."""
    keys = FileKeys(tmp_path / "keys", random=lambda n: b"S" * n)
    keys.wrap(SECRET, CONTEXT)
    first, key_id, key, check = (tmp_path / "keys" / KEY_FILE).read_text("ascii").split(":")
    assert ("clm_ethics-key-1", keys.current()) == (first, key_id)
    assert ("U1NTU1NTU1NTU1NTU1NTU1NTU1NTU1NTU1NTU1NTU1M=", "\n") == (key, check[-1])


def test_a_second_process_reads_the_same_key(tmp_path: Path) -> None:
    """What one provider wrapped, another one over the folder unwraps."""
    wrapped = FileKeys(tmp_path / "keys").wrap(SECRET, CONTEXT)
    assert SECRET == FileKeys(str(tmp_path / "keys")).unwrap(wrapped, CONTEXT)


def names(folder: Path) -> list[str]:
    """Return what is in *folder*."""
    return [each.name for each in folder.iterdir()]


SPOILT = {
    "empty": b"",
    "not ascii": b"\xff\n",
    "another file": b"hello\n",
    "unknown version": b"clm_ethics-key-2:00:AAAA:0000\n",
    "half a key": b"clm_ethics-key-1:00:AAAA:0000\n",
}


@pytest.mark.parametrize("why", SPOILT)
def test_a_file_that_is_no_key_is_refused(tmp_path: Path, why: str) -> None:
    """Empty, foreign or cut: refused with its place, and never overwritten."""
    keys = FileKeys(tmp_path / "keys")
    keys.wrap(SECRET, CONTEXT)
    path = tmp_path / "keys" / KEY_FILE
    path.write_bytes(SPOILT[why])
    with pytest.raises(KeysRefused, match=KEY_FILE):
        keys.wrap(SECRET, CONTEXT)
    assert SPOILT[why] == path.read_bytes()


def test_every_changed_character_of_a_key_file_is_noticed(tmp_path: Path) -> None:
    """The checksum covers id and key, and a changed checksum fits nothing."""
    keys = FileKeys(tmp_path / "keys")
    keys.wrap(SECRET, CONTEXT)
    path = tmp_path / "keys" / KEY_FILE
    good = path.read_bytes()
    for at in range(len(good) - 1):
        path.write_bytes(good[:at] + (b"A" if good[at : at + 1] != b"A" else b"B") + good[at + 1 :])
        with pytest.raises(KeysRefused) as told:
            keys.current()
        assert good.split(b":")[2].decode() not in str(told.value)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o602])
def test_a_file_that_others_may_use_is_refused(tmp_path: Path, mode: int) -> None:
    """The error names the path and the command that mends it."""
    keys = FileKeys(tmp_path / "keys")
    keys.wrap(SECRET, CONTEXT)
    (tmp_path / "keys" / KEY_FILE).chmod(mode)
    with pytest.raises(KeysRefused, match=f"chmod 600 '.*{KEY_FILE}'"):
        keys.current()


@pytest.mark.parametrize("mode", [0o750, 0o705, 0o770, 0o701])
def test_a_folder_that_others_may_use_is_refused(tmp_path: Path, mode: int) -> None:
    """Also before a key is made in it."""
    folder = tmp_path / "keys"
    folder.mkdir(mode=0o700)
    folder.chmod(mode)
    with pytest.raises(KeysRefused, match="chmod 700"):
        FileKeys(folder).wrap(SECRET, CONTEXT)
    assert [] == names(folder)


def test_links_are_refused(tmp_path: Path) -> None:
    """Neither folder nor file may be a link: its target may belong to somebody else."""
    folder = tmp_path / "keys"
    FileKeys(folder).wrap(SECRET, CONTEXT)
    link = tmp_path / "link"
    link.symlink_to(folder)
    with pytest.raises(KeysRefused, match="link"):
        FileKeys(link).current()
    (folder / KEY_FILE).rename(tmp_path / "elsewhere")
    (folder / KEY_FILE).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(KeysRefused, match="link"):
        FileKeys(folder).current()


def test_what_is_no_folder_or_no_file_is_refused(tmp_path: Path) -> None:
    """A file in place of the folder, a folder in place of the file."""
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(KeysRefused, match="folder"):
        FileKeys(tmp_path / "file").wrap(SECRET, CONTEXT)
    (tmp_path / "keys").mkdir(mode=0o700)
    (tmp_path / "keys" / KEY_FILE).mkdir(mode=0o700)
    with pytest.raises(KeysRefused, match="file"):
        FileKeys(tmp_path / "keys").wrap(SECRET, CONTEXT)


def test_another_owner_is_refused(tmp_path: Path, monkeypatch: Any) -> None:
    """A key that another user put there may be known to that user."""
    keys = FileKeys(tmp_path / "keys")
    keys.wrap(SECRET, CONTEXT)
    owner = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    with pytest.raises(KeysRefused, match="another user"):
        keys.current()


def test_a_folder_without_parent_is_not_guessed(tmp_path: Path) -> None:
    """Only the last folder is made: a mistyped path is an error, with its remedy."""
    with pytest.raises(KeysRefused, match="parent"):
        FileKeys(tmp_path / "absent" / "keys").wrap(SECRET, CONTEXT)


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path, monkeypatch: Any) -> None:
    """An error of the system becomes a named one."""
    keys = FileKeys(tmp_path / "keys")
    keys.wrap(SECRET, CONTEXT)

    def fail(*_: Any, **__: Any) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", fail)
    with pytest.raises(KeysRefused, match="Permission denied"):
        keys.current()


def test_a_key_that_cannot_be_written_leaves_nothing(tmp_path: Path, monkeypatch: Any) -> None:
    """A full disk while the key is made: a named error, and no half key."""

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    keys = FileKeys(tmp_path / "keys")
    (tmp_path / "keys").mkdir(mode=0o700)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(KeysRefused, match="No space left"):
            keys.wrap(SECRET, CONTEXT)
    assert [] == names(tmp_path / "keys")
    assert SECRET == keys.unwrap(keys.wrap(SECRET, CONTEXT), CONTEXT)


def test_many_threads_that_start_at_once_get_one_key(tmp_path: Path) -> None:
    """Whoever makes the key, everybody uses the same."""
    start = threading.Barrier(8)
    found: list[bytes] = []

    def begin() -> None:
        keys = FileKeys(tmp_path / "keys")
        start.wait()
        found.append(keys.wrap(SECRET, CONTEXT))

    threads = [threading.Thread(target=begin) for _ in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert {SECRET} == {FileKeys(tmp_path / "keys").unwrap(each, CONTEXT) for each in found}
    assert 8 == len(found)
    assert [KEY_FILE] == names(tmp_path / "keys")


def test_two_processes_that_start_at_once_get_one_key(tmp_path: Path) -> None:
    """The same over processes, which begin when their input closes."""
    code = (
        "import sys\n"
        "from clm_ethics.vault.keys import FileKeys\n"
        "sys.stdin.read()\n"
        "print(FileKeys(sys.argv[1]).wrap(b'k' * 32, b'')[1:17].hex())\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "keys")]
    running = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(3)
    ]
    for each in running:
        assert each.stdin is not None
        each.stdin.close()
        each.stdin = None
    ids = {each.communicate()[0].strip() for each in running}
    assert {FileKeys(tmp_path / "keys").current()} == ids
