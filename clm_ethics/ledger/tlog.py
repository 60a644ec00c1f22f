"""The text form of an inclusion proof, after the C2SP text ``tlog-proof``.

For tools of others: it shows that a leaf stands in a checkpointed log. What the leaf commits
to is shown by :class:`~clm_ethics.ledger.proof.Proof`.
"""

from __future__ import annotations

import re

import attrs

from clm_ethics.errors import ProofError
from clm_ethics.ledger.strict import HASH, base64, unbase64

FIRST_LINE = "c2sp.org/tlog-proof@v1"
"""The first line of every such text."""
MAX_PATH = 64
"""Most hashes of an inclusion proof: no log has more than 2**64 leaves."""

_INDEX = re.compile("index (0|[1-9][0-9]{0,19})")


@attrs.frozen
class TlogProof:
    """An inclusion proof with the checkpoint that it belongs to; nothing is checked.

    Attributes:
        index: of the leaf, from 0.
        hashes: from the leaf's sibling up to a child of the root.
        checkpoint: the signed checkpoint, verbatim.
        extra: opaque, and signed by nobody; ``None``: there is none.
    """

    index: int
    hashes: tuple[bytes, ...]
    checkpoint: str
    extra: bytes | None = None

    def to_text(self) -> str:
        """Write the proof."""
        extra = [] if self.extra is None else [f"extra {base64(self.extra)}"]
        lines = [FIRST_LINE, *extra, f"index {self.index}", *map(base64, self.hashes), "", self.checkpoint]
        return "\n".join(lines)

    @classmethod
    def from_text(cls, text: str) -> TlogProof:
        """Read a proof; ``ProofError`` if it is malformed. The checkpoint is not looked at."""
        top, gap, checkpoint = text.partition("\n\n")
        first, *lines = top.split("\n")
        if first != FIRST_LINE or not gap or not checkpoint:
            raise ProofError(f"a tlog-proof begins with `{FIRST_LINE}` and ends in a checkpoint")
        extra = None
        if lines and lines[0].startswith("extra "):
            extra = _data(lines.pop(0).removeprefix("extra "), "extra data")
        index = _INDEX.fullmatch(lines[0]) if lines else None
        if index is None or int(index[1]) >= 1 << 64:
            raise ProofError("a tlog-proof names an index below 2**64")
        hashes = tuple(_data(line, "hash") for line in lines[1:])
        if len(hashes) > MAX_PATH or any(len(each) != HASH for each in hashes):
            raise ProofError(f"a tlog-proof has at most {MAX_PATH} hashes, of 32 bytes each")
        return cls(int(index[1]), hashes, checkpoint, extra)


def _data(encoded: str, what: str) -> bytes:
    try:
        return unbase64(encoded)
    except ValueError:
        raise ProofError(f"the {what} of a tlog-proof is not base64") from None
