"""Providers of the wrapping key, the one secret outside the storage.

A provider wraps a tenant's key and nothing else; that wraps all others. So it is asked once
at opening, and may be slow (an HSM, a cloud). Its three methods are the whole protocol.

What is wrapped reads: version 1, key id 16, nonce 12, AES-256-GCM ciphertext and tag. The
context is associated data: a wrapped key does not open in another tenant's place.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

from clm_ethics.errors import KeysMissing, KeysRefused, SealBroken
from clm_ethics.ledger.strict import base64, unbase64

if TYPE_CHECKING:
    from collections.abc import Callable

KEY_FILE = "wrapping.key"
"""Name of the file in the folder of :class:`FileKeys`."""

_VERSION = b"\x01"
_ID = 16
_KEY = 32
_NONCE = 12
_TAG = 16
_FIRST = "clm_ethics-key-1"
_WRAP_LABEL = b"clm_ethics/wrap/1\n"
_ID_LABEL = b"clm_ethics/wrapping-key-id/1\n"
_CHECK = 16
_LONGEST = 4096
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


class Keys(Protocol):
    """A provider of the wrapping key."""

    def current(self) -> str:
        """Return the id of the wrapping key in use."""
        ...

    def wrap(self, key: bytes, context: bytes) -> bytes:
        """Encrypt *key* under the wrapping key, bound to *context*."""
        ...

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        """Decrypt what :meth:`wrap` made for the same *context*.

        Raises:
            KeysMissing: the wrapping key is not here.
            KeysRefused: it is here and cannot be trusted.
            SealBroken: *wrapped* was altered, or belongs to another context.
        """
        ...


class _Wrapping(NamedTuple):
    """A wrapping key and its id."""

    id: bytes
    key: bytes

    def __repr__(self) -> str:
        return f"<wrapping key {self.id.hex()}>"

    @classmethod
    def of(cls, key: bytes) -> _Wrapping:
        return cls(sha256(_ID_LABEL + key).digest()[:_ID], key)

    def wrap(self, key: bytes, context: bytes, random: Callable[[int], bytes]) -> bytes:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        nonce, start = random(_NONCE), _VERSION + self.id
        return start + nonce + AESGCM(self.key).encrypt(nonce, key, _WRAP_LABEL + start + context)

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        start = _VERSION + self.id
        at = len(start) + _NONCE
        if wrapped[:1] != _VERSION or len(wrapped) < at + _TAG:
            raise SealBroken("a wrapped key is malformed", remedy="it was altered or cut")
        if not wrapped.startswith(start):
            told = f"the wrapping key {wrapped[1 : 1 + _ID].hex()} is not here"
            raise KeysMissing(
                told, remedy=f"here is {self.id.hex()}; give the keys that belong to this storage"
            )
        try:
            return AESGCM(self.key).decrypt(
                wrapped[len(start) : at], wrapped[at:], _WRAP_LABEL + start + context
            )
        except InvalidTag:
            remedy = "it was altered, or belongs to another tenant"
            raise SealBroken("a wrapped key does not open", remedy=remedy) from None


class MemoryKeys:
    """A wrapping key that lives in this object alone, for tests and trials.

    Args:
        random: ``random(n)`` gives n random bytes.
    """

    __slots__ = ("_random", "_wrapping")

    def __init__(self, random: Callable[[int], bytes] = os.urandom) -> None:
        self._random = random
        self._wrapping = _Wrapping.of(random(_KEY))

    def __repr__(self) -> str:
        return f"<MemoryKeys {self.current()}>"

    def current(self) -> str:
        """Return the id of the wrapping key."""
        return self._wrapping.id.hex()

    def wrap(self, key: bytes, context: bytes) -> bytes:
        """See :meth:`Keys.wrap`."""
        return self._wrapping.wrap(key, context, self._random)

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        """See :meth:`Keys.unwrap`."""
        return self._wrapping.unwrap(wrapped, context)


class FileKeys:
    """A wrapping key in a folder that only its owner may read (POSIX).

    The constructor touches nothing. The first :meth:`wrap` over a folder without a key makes
    one; opening never does, so that a storage whose keys were lost is not given new ones. The
    file is read again at every call: a folder that was opened to others is refused at once.

    Args:
        folder: holds the key file; made with mode 0700, its parent must exist.
        random: ``random(n)`` gives n random bytes.
    """

    __slots__ = ("_folder", "_random")

    def __init__(
        self, folder: str | os.PathLike[str], *, random: Callable[[int], bytes] = os.urandom
    ) -> None:
        self._folder = Path(folder)
        self._random = random

    def __repr__(self) -> str:
        return f"FileKeys({str(self._folder)!r})"

    def current(self) -> str:
        """Return the id of the wrapping key.

        Raises:
            KeysMissing: there is none yet.
            KeysRefused: there is one that cannot be trusted.
        """
        return self._read().id.hex()

    def wrap(self, key: bytes, context: bytes) -> bytes:
        """See :meth:`Keys.wrap`. Makes folder and key if there are none.

        Raises:
            KeysRefused: there is a key that cannot be trusted, or none can be made here.
        """
        try:
            wrapping = self._read()
        except KeysMissing:
            self._create()
            wrapping = self._read()
        return wrapping.wrap(key, context, self._random)

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        """See :meth:`Keys.unwrap`."""
        return self._read().unwrap(wrapped, context)

    def _read(self) -> _Wrapping:
        folder, path = self._folder, self._folder / KEY_FILE
        try:
            _check_owned(folder, os.lstat(folder), stat.S_ISDIR, "700")
            _check_owned(path, os.lstat(path), stat.S_ISREG, "600")
            # Between the check and the opening the file may be replaced: what is read is checked again.
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
            with open(descriptor, "rb") as file:  # noqa: PTH123  (it is a descriptor, not a path)
                _check_owned(path, os.fstat(descriptor), stat.S_ISREG, "600")
                return _parse(path, file.read(_LONGEST))
        except (FileNotFoundError, NotADirectoryError):
            told = "no wrapping key is here"
            raise KeysMissing(
                told, place=str(path), remedy="give the keys that belong to this storage"
            ) from None
        except OSError as error:
            raise _refused(
                path, f"cannot be read: {error.strerror}", "make it readable for its owner"
            ) from None

    def _create(self) -> None:
        try:
            self._make()
        except OSError as error:
            told = f"no wrapping key can be made here: {error.strerror}"
            raise _refused(
                self._folder, told, "give a folder whose parent exists and may be written"
            ) from None

    def _make(self) -> None:
        """Make folder and key file; of several who try at once, one wins and all read the same."""
        folder = self._folder
        with suppress(FileExistsError):
            folder.mkdir(mode=0o700)
            _sync(folder.parent)
        _check_owned(folder, os.lstat(folder), stat.S_ISDIR, "700")
        # Written whole under another name, then linked: nobody ever reads half a key.
        draft = folder / f".{self._random(8).hex()}.draft"
        descriptor = os.open(
            draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600
        )
        try:
            with open(descriptor, "wb") as file:  # noqa: PTH123  (it is a descriptor, not a path)
                file.write(_text(_Wrapping.of(self._random(_KEY))))
                file.flush()
                os.fsync(descriptor)
            with suppress(FileExistsError):
                os.link(draft, folder / KEY_FILE)
        finally:
            draft.unlink()
        _sync(folder)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _refused(path: Path, what: str, remedy: str) -> KeysRefused:
    return KeysRefused(what, place=str(path), remedy=remedy)


def _check_owned(path: Path, found: os.stat_result, is_kind: Callable[[int], bool], mode: str) -> None:
    """Refuse a link, a thing of another kind, of another owner, or open to others."""
    if not is_kind(found.st_mode):
        wanted = "folder" if is_kind is stat.S_ISDIR else "file"
        raise _refused(path, f"is a link, or not a plain {wanted}", f"put the {wanted} itself there")
    if found.st_uid != os.geteuid():
        raise _refused(path, "belongs to another user", f"chown it to user {os.geteuid()}")
    if found.st_mode & _OTHERS:
        raise _refused(path, "may be used by others", f"chmod {mode} '{path}'")


def _text(wrapping: _Wrapping) -> bytes:
    start = f"{_FIRST}:{wrapping.id.hex()}:{base64(wrapping.key)}"
    return f"{start}:{_checksum(start)}\n".encode()


def _checksum(start: str) -> str:
    return sha256(start.encode()).hexdigest()[:_CHECK]


def _parse(path: Path, data: bytes) -> _Wrapping:
    """Read the one line of a key file; an error never shows any of it."""
    remedy = "restore it from its backup"
    try:
        start, _, check = data.decode("ascii").removesuffix("\n").rpartition(":")
        first, key_id, encoded = start.split(":")
        wrapping = _Wrapping.of(unbase64(encoded))
    except ValueError:
        raise _refused(path, "is not a key file", remedy) from None
    if first != _FIRST:
        raise _refused(path, "is not a key file of a known version", remedy)
    if check != _checksum(start) or len(wrapping.key) != _KEY or key_id != wrapping.id.hex():
        raise _refused(path, "is a damaged key file", remedy)
    return wrapping
