"""The Merkle tree: against a literal recursive reading of RFC 6962, and against public vectors."""

from __future__ import annotations

from base64 import b64decode
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clm_ethics.errors import ProofError
from clm_ethics.ledger import merkle

Hashes = list[bytes]


def split(count: int) -> int:
    """Return the largest power of two below *count*."""
    power = 1
    while power * 2 < count:
        power *= 2
    return power


def reference_root(leaves: Hashes) -> bytes:
    """MTH of RFC 6962, 2.1, over leaf hashes."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    at = split(len(leaves))
    return sha256(b"\x01" + reference_root(leaves[:at]) + reference_root(leaves[at:])).digest()


def reference_path(index: int, leaves: Hashes) -> Hashes:
    """PATH of RFC 6962, 2.1.1."""
    if len(leaves) == 1:
        return []
    at = split(len(leaves))
    if index < at:
        return [*reference_path(index, leaves[:at]), reference_root(leaves[at:])]
    return [*reference_path(index - at, leaves[at:]), reference_root(leaves[:at])]


def reference_subproof(old: int, leaves: Hashes, complete: bool) -> Hashes:
    """SUBPROOF of RFC 6962, 2.1.2."""
    if old == len(leaves):
        return [] if complete else [reference_root(leaves)]
    at = split(len(leaves))
    if old <= at:
        return [*reference_subproof(old, leaves[:at], complete), reference_root(leaves[at:])]
    return [*reference_subproof(old - at, leaves[at:], complete=False), reference_root(leaves[:at])]


def leaves(count: int) -> Hashes:
    """Return *count* distinct leaf hashes."""
    return [merkle.leaf_hash(str(each).encode()) for each in range(count)]


sizes = st.integers(1, 70)


@given(st.integers(0, 70))
def test_root_is_the_recursive_one(count: int) -> None:
    """Roots, from a list and from a frontier, are those of the recursive definition."""
    frontier = merkle.Frontier()
    for each in leaves(count):
        frontier = frontier.append(each)
    assert reference_root(leaves(count)) == merkle.root(leaves(count)) == frontier.root()


@given(st.data(), sizes)
def test_inclusion_proof_is_the_recursive_one_and_checks(data: st.DataObject, size: int) -> None:
    """An inclusion proof is the one of the RFC, and the check accepts it."""
    index = data.draw(st.integers(0, size - 1))
    proof = merkle.inclusion_proof(index, leaves(size))
    assert tuple(reference_path(index, leaves(size))) == proof
    merkle.check_inclusion(index, size, leaves(size)[index], proof, merkle.root(leaves(size)))


@given(st.data(), sizes)
def test_consistency_proof_is_the_recursive_one_and_checks(data: st.DataObject, size: int) -> None:
    """A consistency proof is the one of the RFC, and the check accepts it."""
    old = data.draw(st.integers(1, size))
    proof = merkle.consistency_proof(old, leaves(size))
    assert tuple(reference_subproof(old, leaves(size), complete=True)) == proof
    merkle.check_consistency(old, size, merkle.root(leaves(old)), merkle.root(leaves(size)), proof)


@given(st.data(), sizes)
def test_an_altered_inclusion_proof_is_refused(data: st.DataObject, size: int) -> None:
    """No other index or size, and no bit flip, cut or extension of an inclusion proof is accepted."""
    index = data.draw(st.integers(0, size - 1))
    good = (index, size, leaves(size)[index], merkle.inclusion_proof(index, leaves(size)))
    bad = data.draw(st.sampled_from(altered(data, good)))
    with pytest.raises(ProofError):
        merkle.check_inclusion(bad[0], bad[1], bad[2], bad[3], merkle.root(leaves(size)))


def altered(data: st.DataObject, good: tuple[int, int, bytes, tuple[bytes, ...]]) -> list[Any]:
    """Return a list of ways in which an inclusion proof no longer fits."""
    index, size, leaf, proof = good
    flipped = bytes([leaf[0] ^ data.draw(st.sampled_from([1, 2, 4, 8, 16, 32, 64, 128]))]) + leaf[1:]
    other = data.draw(st.integers(0, size + 5).filter(lambda each: each != index))
    ways = [
        (index, size, flipped, proof),
        (other, size, leaf, proof),
        (-1, size, leaf, proof),
        (index, size, leaf, (*proof, leaf)),
        (index, size, leaf, (leaf, *proof)),
        (index, size, leaf[:31], proof),
        (index, size, leaf, (*proof, b"")),
        (index, 0, leaf, proof),
    ]
    for at in range(len(proof)):
        ways += [
            (index, size, leaf, proof[:at] + proof[at + 1 :]),
            (index, size, leaf, (*proof[:at], sha256(proof[at]).digest(), *proof[at + 1 :])),
        ]
    return ways


@given(st.data(), st.integers(2, 70))
def test_an_altered_consistency_proof_is_refused(data: st.DataObject, size: int) -> None:
    """No foreign root, and no cut, extension or change of a consistency proof is accepted."""
    old = data.draw(st.integers(1, size - 1))
    old_root, new_root = merkle.root(leaves(old)), merkle.root(leaves(size))
    proof = merkle.consistency_proof(old, leaves(size))
    other = sha256(b"another").digest()
    at = data.draw(st.integers(0, len(proof) - 1))
    ways = [
        (old, size, other, new_root, proof),
        (old, size, old_root, other, proof),
        (old, size, new_root, old_root, proof),
        (0, size, old_root, new_root, proof),
        (size + 1, size, old_root, new_root, proof),
        (size, size, old_root, new_root, ()),
        (size, size, new_root, new_root, proof),
        (old, size, old_root, new_root, (*proof, other)),
        (old, size, old_root, new_root, (other, *proof)),
        (old, size, old_root, new_root, ()),
        (old, size, old_root, new_root, proof[:at] + proof[at + 1 :]),
        (old, size, old_root, new_root, (*proof[:at], other, *proof[at + 1 :])),
        (old, size, old_root, new_root, (*proof[:at], proof[at][:31], *proof[at + 1 :])),
    ]
    bad = data.draw(st.sampled_from(ways))
    with pytest.raises(ProofError):
        merkle.check_consistency(*bad)


def test_a_rewritten_log_is_not_consistent() -> None:
    """A log that replaced an old leaf cannot show that it continues the old one."""
    forged = [merkle.leaf_hash(b"forged"), *leaves(9)[1:]]
    proof = merkle.consistency_proof(5, forged)
    with pytest.raises(ProofError, match="rewritten"):
        merkle.check_consistency(5, 9, merkle.root(leaves(5)), merkle.root(forged), proof)


@pytest.mark.parametrize("old", [0, 4])
def test_a_consistency_proof_between_impossible_sizes_is_not_made(old: int) -> None:
    """From nothing, or from more than there is, nothing can be shown."""
    with pytest.raises(ProofError):
        merkle.consistency_proof(old, leaves(3))


@pytest.mark.parametrize("index", [-1, 3])
def test_an_inclusion_proof_of_no_leaf_is_not_made(index: int) -> None:
    """There is no proof for a leaf that does not exist."""
    with pytest.raises(ProofError):
        merkle.inclusion_proof(index, leaves(3))


@given(st.integers(0, 300))
def test_a_frontier_survives_being_written(count: int) -> None:
    """A frontier read back is the same, and it stays small."""
    frontier = merkle.Frontier()
    for each in leaves(count):
        frontier = frontier.append(each)
    assert frontier == merkle.Frontier.from_bytes(frontier.to_bytes())
    assert count.bit_count() == len(frontier.hashes)


@pytest.mark.parametrize("data", [b"", b"\0" * 7, b"\0" * 9, (3).to_bytes(8, "big") + bytes(63)])
def test_a_malformed_frontier_is_refused(data: bytes) -> None:
    """A frontier has exactly the hashes that its size asks for."""
    with pytest.raises(ProofError):
        merkle.Frontier.from_bytes(data)


@pytest.mark.parametrize("bad", [b"", bytes(31), bytes(33)])
def test_only_hashes_of_32_bytes_enter_a_tree(bad: bytes) -> None:
    """A leaf hash of another length is refused wherever it comes in."""
    for call in (lambda: merkle.root([bad]), lambda: merkle.Frontier().append(bad)):
        with pytest.raises(ProofError):
            call()


def test_public_tree(vectors: Any) -> None:
    """The reference tree of Certificate Transparency has the published nodes and roots."""
    tree = vectors["tree"]
    hashes = [merkle.leaf_hash(bytes.fromhex(each)) for each in tree["leaves"]]
    assert tree["levels"][0] == [each.hex() for each in hashes]
    assert tree["roots"] == [merkle.root(hashes[:size]).hex() for size in range(len(hashes) + 1)]


def test_public_inclusion_proofs(vectors: Any) -> None:
    """Each published inclusion proof is accepted or refused as published."""
    for case in vectors["inclusion"]:
        proof = [b64decode(each) for each in case["proof"]]
        leaf, root = b64decode(case["leaf"]), b64decode(case["root"])
        accepted = holds(merkle.check_inclusion, case["index"], case["size"], leaf, proof, root)
        assert case["good"] == accepted, case["case"]


def test_public_consistency_proofs(vectors: Any) -> None:
    """Each published consistency proof is accepted or refused as published."""
    for case in vectors["consistency"]:
        proof = [b64decode(each) for each in case["proof"]]
        roots = b64decode(case["old_root"]), b64decode(case["new_root"])
        accepted = holds(merkle.check_consistency, case["old_size"], case["new_size"], *roots, proof)
        assert case["good"] == accepted, case["case"]


def holds(check: Any, *arguments: Any) -> bool:
    """Say whether *check* accepts."""
    try:
        check(*arguments)
    except ProofError:
        return False
    return True
