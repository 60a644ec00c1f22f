"""Proving an entry: from its receipt to a proof that anybody can check offline."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ..errors import LedgerError, NoteError, ProofError, StorageCorrupt, UsageError
from ..flows import effects, streams
from ..ledger import record as codec
from ..ledger.merkle import inclusion_proof, leaf_hash
from ..ledger.proof import make_proof
from ..ledger.receipt import Receipt
from .sealing import MOST_GENERATIONS, Leaf, load_remembered, origin_of, read_leaf, read_log_state

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..flows import Flow, Setting
    from ..ledger.proof import Proof

PAGE = 1000
"""Entries of one page."""


class _Found(NamedTuple):
    leaf: Leaf
    index: int  # type: ignore[assignment]  # hides tuple.index, which nobody needs
    path: Sequence[bytes]
    checkpoint: str


def prove(setting: Setting, receipt: Receipt) -> Flow[Proof]:
    """Upgrade *receipt* to a proof that anybody can check offline, also after an erasure.

    The proof has been checked before it is returned.

    Raises:
        LedgerError: its entry is not sealed yet, or is not in this ledger.
    """
    if not isinstance(receipt, Receipt):
        raise UsageError("no receipt", place="prove", remedy="pass what grant, withdraw, erase ... returned")
    yield from _check_here(receipt)
    remembered = yield from load_remembered(setting)
    # One more than is remembered: a notary may have crashed before it could remember its new log.
    for generation in range(min(remembered.generation + 1, MOST_GENERATIONS), -1, -1):
        found = yield from _find_leaf(setting, generation, receipt)
        if found is None:
            continue
        before, following = yield from _around(receipt, found.leaf)
        proof = make_proof(
            receipt,
            chain_before=before,
            following=following,
            leaf_salt=found.leaf.salt,
            leaf_index=found.index,
            path=found.path,
            checkpoint=found.checkpoint,
        )
        try:
            proof.check(setting.tenant_keys.log_vkey(origin_of(setting, generation)))
        except (ProofError, NoteError):
            raise LedgerError(
                "the ledger does not prove it", place="prove", remedy="verify() says what is wrong"
            ) from None
        return proof
    raise LedgerError("the entry is not sealed yet", place="prove", remedy="seal() first")


def _check_here(receipt: Receipt) -> Flow[None]:
    """A receipt of another ledger, or of what a restored backup does not know, is not to be sealed."""
    index = codec.parse_header(receipt.header).index
    found = yield from effects.entries(receipt.stream, index - 1, 1)
    if not found or found[0].index != index or found[0].digest != receipt.digest:
        raise LedgerError(
            "the receipt's entry is not in this ledger",
            place="prove",
            remedy="it was written elsewhere, or lost when a backup was restored",
        )


def _find_leaf(setting: Setting, generation: int, receipt: Receipt) -> Flow[_Found | None]:
    """Return the first seal that covers the receipt's entry, and its way to the newest checkpoint."""
    stream = streams.log_stream(setting.tenant, generation)
    head = yield from effects.load_one(stream)
    if head is None:
        return None
    hashes: list[bytes] = []
    best: tuple[int, Leaf] | None = None
    position = 0
    while position < head.length:
        page = yield from effects.entries(stream, position, min(PAGE, head.length - position))
        if not page:
            raise StorageCorrupt("entries of the log are missing", place="log", remedy="verify() says which")
        for entry in page:
            position = entry.index
            said = read_leaf(entry)
            hashes.append(leaf_hash(said.data()))
            covers = said.stream == receipt.stream and said.length >= receipt.index
            if covers and (best is None or said.length < best[1].length):
                best = (len(hashes) - 1, said)
    if best is None:
        return None
    path = inclusion_proof(best[0], hashes)
    return _Found(best[1], best[0], path, read_log_state(head).checkpoint)


def _around(receipt: Receipt, sealed: Leaf) -> Flow[tuple[bytes, list[bytes]]]:
    """Return the chain before the receipt's entry, and the digests after it up to the seal."""
    chain = codec.chain_start(receipt.stream)
    before, following = b"", []
    position = 0
    while position < sealed.length:
        page = yield from effects.entries(receipt.stream, position, min(PAGE, sealed.length - position))
        if not page:
            raise StorageCorrupt(
                "entries of the stream are missing", place="prove", remedy="verify() says which"
            )
        for entry in page:
            position = entry.index
            if entry.index == receipt.index:
                before = chain
            elif entry.index > receipt.index:
                following.append(entry.digest)
            chain = codec.chain_next(chain, entry.digest)
    return before, following
