"""The Merkle tree of RFC 6962, section 2.1, over SHA-256.

The check algorithms are those of RFC 9162, sections 2.1.3.2 and 2.1.4.2, with what these leave
out: an old tree of size 0 proves nothing and is refused, and so is a hash that has not
exactly 32 bytes. A failed check raises ``ProofError`` and returns nothing: it cannot be
overlooked.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple

from clm_ethics.errors import ProofError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

HASH = 32
"""Length of every hash, in bytes."""
EMPTY_ROOT = sha256(b"").digest()
"""The root of the tree without leaves."""


def leaf_hash(data: bytes) -> bytes:
    """Hash the *data* of a leaf; the byte 0x00 keeps leaves and nodes apart."""
    return sha256(b"\x00" + data).digest()


def _node(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()


def _check_hashes(hashes: Iterable[bytes]) -> None:
    if any(len(each) != HASH for each in hashes):
        raise ProofError("a hash of a Merkle tree has exactly 32 bytes")


def _levels(leaf_hashes: Sequence[bytes]) -> list[list[bytes]]:
    """Return the nodes of each level, leaves first. A last node without sibling moves up unhashed."""
    _check_hashes(leaf_hashes)
    levels = [list(leaf_hashes)]
    while len(below := levels[-1]) > 1:
        above = [_node(below[each], below[each + 1]) for each in range(0, len(below) - 1, 2)]
        if len(below) % 2:
            above.append(below[-1])
        levels.append(above)
    return levels


def root(leaf_hashes: Sequence[bytes]) -> bytes:
    """Return the root of the tree over *leaf_hashes* (each from :func:`leaf_hash`)."""
    return _levels(leaf_hashes)[-1][0] if leaf_hashes else EMPTY_ROOT


def inclusion_proof(index: int, leaf_hashes: Sequence[bytes]) -> tuple[bytes, ...]:
    """Return the hashes from the sibling of leaf *index* (from 0) up to a child of the root."""
    if not 0 <= index < len(leaf_hashes):
        raise ProofError(f"the log has no leaf {index}")
    return _siblings(index, _levels(leaf_hashes))


def _siblings(node: int, levels: Sequence[Sequence[bytes]]) -> tuple[bytes, ...]:
    path = []
    for level in levels[:-1]:
        sibling = node ^ 1
        if sibling < len(level):
            path.append(level[sibling])
        node >>= 1
    return tuple(path)


def consistency_proof(old_size: int, leaf_hashes: Sequence[bytes]) -> tuple[bytes, ...]:
    """Return what shows that the first *old_size* leaves are a prefix of *leaf_hashes*."""
    if not 1 <= old_size <= len(leaf_hashes):
        raise ProofError(f"no consistency proof from size {old_size} to size {len(leaf_hashes)}")
    if old_size == len(leaf_hashes):
        return ()
    levels = _levels(leaf_hashes)
    node, height = old_size - 1, 0
    while node & 1:  # the largest complete subtree that ends where the old tree ended
        node, height = node >> 1, height + 1
    # When that subtree is the whole old tree, its hash is the old root, which is known.
    start = (levels[height][node],) if node else ()
    return start + _siblings(node, levels[height:])


def check_inclusion(index: int, size: int, leaf_hash: bytes, proof: Sequence[bytes], root: bytes) -> None:
    """Check that *leaf_hash* is leaf *index* (from 0) of the tree of *size* leaves with *root*.

    Raises:
        ProofError: it is not, or *proof* does not show it (RFC 9162, 2.1.3.2).
    """
    _check_hashes((leaf_hash, root, *proof))
    if not 0 <= index < size:
        raise ProofError(f"a log of size {size} has no leaf {index}")
    node, last, found = index, size - 1, leaf_hash
    for sibling in proof:
        if last == 0:
            raise ProofError("the inclusion proof is too long")
        if node & 1 or node == last:
            found = _node(sibling, found)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            found = _node(found, sibling)
        node, last = node >> 1, last >> 1
    if last:
        raise ProofError("the inclusion proof is too short")
    if found != root:
        raise ProofError("the inclusion proof leads to another root")


def check_consistency(
    old_size: int, new_size: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]
) -> None:
    """Check that the tree of *old_size* leaves is a prefix of the one of *new_size*.

    Raises:
        ProofError: it is not, or *proof* does not show it (RFC 9162, 2.1.4.2). An *old_size*
            of 0 is refused: every tree begins with nothing.
    """
    _check_hashes((old_root, new_root, *proof))
    if not 1 <= old_size <= new_size:
        raise ProofError(f"a log of size {new_size} cannot continue one of size {old_size}")
    if old_size == new_size:
        if proof or old_root != new_root:
            raise ProofError("two roots of one size differ, or a proof is given where none is needed")
        return
    if old_size & (old_size - 1) == 0:  # the old root is itself the first node of the proof
        proof = (old_root, *proof)
    if not proof:
        raise ProofError("the consistency proof is empty")
    _climb(old_size - 1, new_size - 1, old_root, new_root, proof)


def _climb(node: int, last: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> None:
    while node & 1:
        node, last = node >> 1, last >> 1
    old = new = proof[0]
    for sibling in proof[1:]:
        if last == 0:
            raise ProofError("the consistency proof is too long")
        if node & 1 or node == last:
            old, new = _node(sibling, old), _node(sibling, new)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            new = _node(new, sibling)
        node, last = node >> 1, last >> 1
    if last:
        raise ProofError("the consistency proof is too short")
    if old != old_root or new != new_root:
        raise ProofError("the consistency proof leads to another root: the log was rewritten")


class Frontier(NamedTuple):
    """The right edge of a growing tree: enough to append and to tell the root.

    Attributes:
        size: how many leaves the tree has.
        hashes: the roots of its complete subtrees, largest first: one per 1 bit of *size*.
    """

    size: int = 0
    hashes: tuple[bytes, ...] = ()

    def append(self, leaf_hash: bytes) -> Frontier:
        """Return the frontier with one more leaf."""
        _check_hashes((leaf_hash,))
        hashes, merged, size = list(self.hashes), leaf_hash, self.size
        while size & 1:
            merged, size = _node(hashes.pop(), merged), size >> 1
        return Frontier(self.size + 1, (*hashes, merged))

    def root(self) -> bytes:
        """Return the root of the whole tree."""
        if not self.hashes:
            return EMPTY_ROOT
        *left, found = self.hashes
        for each in reversed(left):
            found = _node(each, found)
        return found

    def to_bytes(self) -> bytes:
        """Write the size (8 bytes, big-endian) and the hashes."""
        return self.size.to_bytes(8, "big") + b"".join(self.hashes)

    @classmethod
    def from_bytes(cls, data: bytes) -> Frontier:
        """Read what :meth:`to_bytes` wrote; ``ProofError`` for anything else."""
        size = int.from_bytes(data[:8], "big")
        if len(data) != 8 + HASH * size.bit_count():
            raise ProofError("a frontier has 8 bytes and one hash for each 1 bit of its size")
        return cls(size, tuple(data[at : at + HASH] for at in range(8, len(data), HASH)))
