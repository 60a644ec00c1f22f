"""The packs of this library in one file that is read at once: a program starts in 2 ms, not in 60.

``compact.jsonl`` repeats the TOML files, one pack a line below a digest of those files and of itself.
It counts only while the digest fits; otherwise the TOML is read, so that the file never decides
anything by itself. ``python docs/tables.py`` makes it anew, and a test compares.
"""

from __future__ import annotations

import hashlib
from types import MappingProxyType
from typing import TYPE_CHECKING

import msgspec

from .values import Pack

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

FILE = "compact.jsonl"
FORMAT = b"clm_ethics/compact/1"


def written(texts: Mapping[str, str], packs: Iterable[Pack]) -> bytes:
    """Return the compact form of *packs*, which were read from *texts* (file name to TOML)."""
    body = b"".join(msgspec.json.encode(pack) + b"\n" for pack in packs)
    return _digest(texts, body) + b"\n" + body


def read(data: bytes, texts: Mapping[str, str]) -> Mapping[str, Pack] | None:
    """Return the packs in *data* by id, or ``None`` unless it was made from exactly these *texts*."""
    digest, _, body = data.partition(b"\n")
    if digest != _digest(texts, body):
        return None
    try:
        packs = msgspec.json.Decoder(Pack).decode_lines(body)
    except msgspec.DecodeError:  # made by another version of this library
        return None
    return MappingProxyType({pack.id: pack for pack in packs})


def _digest(texts: Mapping[str, str], body: bytes) -> bytes:
    """Hash names, texts and *body*, each with its length, so that no two ways to split them are alike."""
    found = hashlib.sha256(FORMAT)
    parts = [part.encode() for file, text in sorted(texts.items()) for part in (file, text)]
    for part in (*parts, body):
        found.update(len(part).to_bytes(8, "big"))
        found.update(part)
    return found.hexdigest().encode()
