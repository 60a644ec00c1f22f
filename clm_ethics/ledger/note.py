"""Signed notes and checkpoints, after the C2SP texts ``signed-note`` and ``tlog-checkpoint``.

A note is a text that ends in a newline, an empty line, and one or more signature lines. Only
Ed25519 keys (type 0x01) are read and written; signatures of unknown keys are carried along
and prove nothing. Everything that these texts leave open is refused: base64 in another than
its canonical form, control characters, a known key with a bad signature beside a good one.

``cryptography`` is loaded when a signature is made or checked. Errors are ``NoteError``.
"""

from __future__ import annotations

import re
from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple

from clm_ethics.errors import NoteError
from clm_ethics.ledger.strict import base64, unbase64

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

ED25519 = b"\x01"
"""The type byte of an Ed25519 key."""
KEY = 32
"""Length of an Ed25519 public key and of a seed, in bytes."""
KEY_ID = 4
"""Length of the id of a key, in bytes."""
ROOT = 32
"""Length of a root hash, in bytes."""
MAX_SIGNATURES = 100
"""Most signatures of one note (C2SP: readers take at least 16)."""
MAX_NOTE = 1 << 20
"""Longest note, in characters."""
MAX_SIZE = (1 << 64) - 1
"""Largest tree size."""

_DASH = "\u2014 "
_CONTROL = re.compile("[\x00-\x09\x0b-\x1f\ud800-\udfff]")
_SIZE = re.compile("0|[1-9][0-9]{0,19}")
_KEY_ID = re.compile("[0-9a-f]{8}")


class Signature(NamedTuple):
    """One signature line.

    Attributes:
        name: of the key.
        key_id: four bytes.
        signature: what the key made over the text.
    """

    name: str
    key_id: bytes
    signature: bytes


class Note(NamedTuple):
    """A note of which at least one signature was verified.

    Attributes:
        text: what was signed, with its last newline.
        verified: signatures of known keys; every one of them is good.
        unverified: signatures of unknown keys: they prove nothing.
    """

    text: str
    verified: tuple[Signature, ...]
    unverified: tuple[Signature, ...]


class Checkpoint(NamedTuple):
    """The head of a log.

    Attributes:
        origin: names the log.
        size: how many leaves.
        root: the root hash, of whatever length it was given.
        extensions: further lines, opaque.
    """

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()


class Verifier(NamedTuple):
    """A public key that is trusted under a name.

    Attributes:
        name: of the key.
        key_id: four bytes.
        public: the 32 bytes of an Ed25519 public key.
    """

    name: str
    key_id: bytes
    public: bytes

    def vkey(self) -> str:
        """Return the text form, ``name+id+key``."""
        return f"{self.name}+{self.key_id.hex()}+{base64(ED25519 + self.public)}"

    def verify(self, text: str, signature: bytes) -> bool:
        """Say whether *signature* is this key's over *text* (RFC 8032)."""
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, text.encode())
        except (InvalidSignature, ValueError):
            return False
        return True


class Signer:
    """A private Ed25519 key under a name. Its ``repr`` shows no secret.

    Args:
        name: without spaces and plus signs; for a log, its origin.
        seed: the 32 secret bytes of RFC 8032.
    """

    __slots__ = ("_key", "_verifier")

    def __init__(self, name: str, seed: bytes) -> None:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        if len(seed) != KEY:
            raise NoteError("the seed of an Ed25519 key has 32 bytes")
        _check_name(name)
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        public = self._key.public_key().public_bytes_raw()
        self._verifier = Verifier(name, _key_id(name, public), public)

    def __repr__(self) -> str:
        return f"<Signer {self.name}+{self.key_id.hex()}>"

    @property
    def name(self) -> str:
        """The name of the key."""
        return self._verifier.name

    @property
    def key_id(self) -> bytes:
        """The four bytes that tell keys of one name apart."""
        return self._verifier.key_id

    @property
    def vkey(self) -> str:
        """The text form of the public key."""
        return self._verifier.vkey()

    def sign(self, text: str) -> str:
        """Return the signature line over *text*, with its newline."""
        _check_text(text)
        return f"{_DASH}{self.name} {base64(self.key_id + self._key.sign(text.encode()))}\n"


def _key_id(name: str, public: bytes) -> bytes:
    return sha256(name.encode() + b"\n" + ED25519 + public).digest()[:KEY_ID]


def _check_name(name: str) -> None:
    if not name or "+" in name or _CONTROL.search(name) or any(each.isspace() for each in name):
        raise NoteError("the name of a key is not empty and has no space, plus sign or control character")


def _check_text(text: str) -> None:
    if not text.endswith("\n") or _CONTROL.search(text):
        raise NoteError("a note's text ends in a newline and has no control characters")


def parse_vkey(text: str) -> Verifier:
    """Read a verifier key, ``name+id+base64(type || key)``.

    Raises:
        NoteError: malformed, of another type than Ed25519, or its id is not that of the key.
    """
    name, _, rest = text.partition("+")
    key_id, _, encoded = rest.partition("+")
    _check_name(name)
    try:
        key = unbase64(encoded)
    except ValueError:
        raise NoteError("a verifier key is name+id+base64") from None
    if not _KEY_ID.fullmatch(key_id):
        raise NoteError("the id of a verifier key is eight hexadecimal digits")
    if key[:1] != ED25519 or len(key) != 1 + KEY:
        raise NoteError("only Ed25519 verifier keys (type 0x01, 32 bytes) are read")
    if bytes.fromhex(key_id) != _key_id(name, key[1:]):
        raise NoteError("the id of a verifier key is not that of its name and key")
    return Verifier(name, bytes.fromhex(key_id), key[1:])


def sign_note(text: str, signers: Iterable[Signer]) -> str:
    """Return *text* as a note with one signature line per signer."""
    _check_text(text)
    lines = [signer.sign(text) for signer in signers]
    if not lines or len(lines) > MAX_SIGNATURES:
        raise NoteError(f"a note has 1 to {MAX_SIGNATURES} signatures")
    return f"{text}\n{''.join(lines)}"


def open_note(text: str | bytes, verifiers: Iterable[Verifier]) -> Note:
    """Read a signed note, of which a known key's signature must be good.

    Args:
        text: the whole note (bytes are read as UTF-8).
        verifiers: the keys that are trusted.

    Raises:
        NoteError: malformed; no known key signed it; a known key's signature is bad; or it
            is signed under a name and id that two of *verifiers* share.
    """
    content, signatures = _split(_decode(text))
    known: dict[tuple[str, bytes], list[Verifier]] = {}
    for verifier in verifiers:
        known.setdefault((verifier.name, verifier.key_id), []).append(verifier)
    verified: list[Signature] = []
    unverified: list[Signature] = []
    for each in dict.fromkeys(signatures):
        keys = known.get((each.name, each.key_id), [])
        if len(keys) > 1:
            raise NoteError("two known keys share the name and id of a signature")
        if keys and not keys[0].verify(content, each.signature):
            raise NoteError("a known key's signature does not fit the text")
        (verified if keys else unverified).append(each)
    if not verified:
        raise NoteError("no known key has signed the note")
    return Note(content, tuple(verified), tuple(unverified))


def _decode(text: str | bytes) -> str:
    if isinstance(text, bytes):
        try:
            text = text.decode()
        except UnicodeDecodeError:
            raise NoteError("a note is UTF-8") from None
    if len(text) > MAX_NOTE or _CONTROL.search(text):
        raise NoteError("a note has at most 1 MiB and no control characters but newlines")
    return text


def _split(note: str) -> tuple[str, Sequence[Signature]]:
    content, gap, tail = note.rpartition("\n\n")
    lines = tail.split("\n")
    if not gap or not tail or lines[-1]:
        raise NoteError("a note is a text, an empty line and signature lines")
    if len(lines) - 1 > MAX_SIGNATURES:
        raise NoteError(f"a note has at most {MAX_SIGNATURES} signatures")
    return content + "\n", [_signature(line) for line in lines[:-1]]


def _signature(line: str) -> Signature:
    name, _, encoded = line.removeprefix(_DASH).partition(" ")
    try:
        data = unbase64(encoded)
    except ValueError:
        data = b""
    if not line.startswith(_DASH) or len(data) <= KEY_ID:
        raise NoteError("a signature line is a dash, a key's name and base64 of its id and signature")
    _check_name(name)
    return Signature(name, data[:KEY_ID], data[KEY_ID:])


def checkpoint_text(origin: str, size: int, root: bytes) -> str:
    """Return the text of a checkpoint, which is still to be signed."""
    if not origin or "\n" in origin or _CONTROL.search(origin):
        raise NoteError("the origin of a log is one line that is not empty")
    if not 0 <= size <= MAX_SIZE or len(root) != ROOT:
        raise NoteError("a checkpoint has a size below 2**64 and a root of 32 bytes")
    return f"{origin}\n{size}\n{base64(root)}\n"


def parse_checkpoint(text: str) -> Checkpoint:
    """Read the text of a checkpoint, or a whole signed one: **no signature is checked here**.

    Use :func:`open_note` first, and give its ``text``. The root may have any length: the
    Merkle checks refuse all but 32 bytes.

    Raises:
        NoteError: not three lines that are not empty: origin, size without leading zeros,
            base64; or an empty line among the extensions.
    """
    _check_text(text)
    if "\n\n" in text:
        text = _split(text)[0]
    match text.split("\n")[:-1]:
        case [origin, size, encoded, *extensions] if origin and encoded and all(extensions):
            pass
        case _:
            raise NoteError("a checkpoint has at least three lines, none of them empty")
    if not _SIZE.fullmatch(size) or int(size) > MAX_SIZE:
        raise NoteError("the size of a checkpoint is a decimal number below 2**64")
    try:
        root = unbase64(encoded)
    except ValueError:
        raise NoteError("the root of a checkpoint is base64") from None
    return Checkpoint(origin, int(size), root, tuple(extensions))
