# SPDX-License-Identifier: Apache-2.0
"""The log's tree holds against the definition in RFC 9162, and no false proof passes."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from breakglass_shamir.crypto import merkle
from breakglass_shamir.errors import InvalidProof

MAX_SIZE = 70
"""Past 64, so that every shape of a ragged right edge up to level 6 occurs."""

LEAVES = [merkle.leaf_hash(bytes([number])) for number in range(MAX_SIZE)]

SIZES = range(1, MAX_SIZE + 1)


class Store:
    """Nodes as a ledger stores them: written once, read by address, and counted."""

    def __init__(self, leaves: list[bytes]) -> None:
        self.nodes: dict[tuple[int, int], bytes] = {}
        self.reads = 0
        for size, leaf in enumerate(leaves):
            for level, index, value in merkle.new_nodes(size, leaf, self.get):
                assert (level, index) not in self.nodes
                self.nodes[level, index] = value

    def get(self, level: int, index: int) -> bytes:
        self.reads += 1
        return self.nodes[level, index]


STORE = Store(LEAVES)


def definition(leaves: list[bytes]) -> bytes:
    """The Merkle tree hash, word for word from RFC 9162 section 2.1.1."""
    if not leaves:
        return hashlib.sha256().digest()
    if len(leaves) == 1:
        return leaves[0]
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return hashlib.sha256(b"\x01" + definition(leaves[:k]) + definition(leaves[k:])).digest()


ROOTS = [definition(LEAVES[:size]) for size in range(MAX_SIZE + 1)]


def flipped(value: bytes, bit: int) -> bytes:
    changed = bytearray(value)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


bits = st.integers(0, 8 * merkle.HASH_BYTES - 1)


@st.composite
def inclusions(draw: st.DrawFn) -> tuple[int, int]:
    size = draw(st.integers(1, MAX_SIZE))
    return draw(st.integers(0, size - 1)), size


@st.composite
def growths(draw: st.DrawFn) -> tuple[int, int]:
    size2 = draw(st.integers(1, MAX_SIZE))
    return draw(st.integers(1, size2)), size2


def test_a_leaf_cannot_pass_for_a_node() -> None:
    left, right = LEAVES[:2]
    assert merkle.leaf_hash(left + right) != merkle.root_of([left, right])
    assert merkle.leaf_hash(b"") == hashlib.sha256(b"\x00").digest()


def test_the_empty_tree_has_the_root_of_nothing() -> None:
    assert merkle.root(0, STORE.get) == merkle.root_of([]) == merkle.EMPTY_ROOT == definition([])


@pytest.mark.parametrize("size", range(MAX_SIZE + 1))
def test_every_way_to_the_root_agrees_with_the_definition(size: int) -> None:
    assert merkle.root(size, STORE.get) == merkle.root_of(LEAVES[:size]) == ROOTS[size]


def test_a_stream_knows_its_root_at_every_size_and_keeps_only_the_right_edge() -> None:
    builder = merkle.RootBuilder()
    for leaf in LEAVES:
        builder.append(leaf)
        assert builder.root() == ROOTS[builder.size]
        assert len(builder._edge) == builder.size.bit_count()


def test_only_complete_subtrees_are_stored() -> None:
    covered = {(level, index) for level in range(7) for index in range(MAX_SIZE >> level)}
    assert set(STORE.nodes) == covered


def test_a_log_of_a_million_reads_few_nodes() -> None:
    size = 10**6 + 3
    reads: list[tuple[int, int]] = []

    def get(level: int, index: int) -> bytes:
        assert (index + 1) << level <= size
        reads.append((level, index))
        return hashlib.sha256(f"{level} {index}".encode()).digest()

    for ask in (
        lambda: merkle.root(size, get),
        lambda: merkle.new_nodes(size, LEAVES[0], get),
        lambda: merkle.inclusion_proof(size // 3, size, get),
        lambda: merkle.inclusion_proof(0, size, get),
        lambda: merkle.consistency_proof(size // 3, size, get),
        lambda: merkle.consistency_proof(1, size, get),
    ):
        reads.clear()
        ask()
        assert len(reads) <= 2 * size.bit_length()


@pytest.mark.parametrize("size", SIZES)
def test_every_leaf_of_every_tree_is_proven(size: int) -> None:
    for index in range(size):
        proof = merkle.inclusion_proof(index, size, STORE.get)
        merkle.verify_inclusion(index, size, LEAVES[index], proof, ROOTS[size])


@pytest.mark.parametrize("size2", SIZES)
def test_every_growth_is_proven(size2: int) -> None:
    for size1 in range(1, size2 + 1):
        proof = merkle.consistency_proof(size1, size2, STORE.get)
        merkle.verify_consistency(size1, size2, proof, ROOTS[size1], ROOTS[size2])


@given(inclusions(), st.data())
def test_no_changed_hash_passes_for_inclusion(where: tuple[int, int], data: st.DataObject) -> None:
    index, size = where
    hashes = [LEAVES[index], ROOTS[size], *merkle.inclusion_proof(index, size, STORE.get)]
    spoiled = data.draw(st.integers(0, len(hashes) - 1))
    hashes[spoiled] = flipped(hashes[spoiled], data.draw(bits))
    leaf, root, *proof = hashes
    with pytest.raises(InvalidProof):
        merkle.verify_inclusion(index, size, leaf, proof, root)


@given(inclusions(), st.integers(0, MAX_SIZE))
def test_no_other_index_passes(where: tuple[int, int], other: int) -> None:
    index, size = where
    if other == index:
        other = MAX_SIZE + 1
    proof = merkle.inclusion_proof(index, size, STORE.get)
    with pytest.raises(InvalidProof):
        merkle.verify_inclusion(other, size, LEAVES[index], proof, ROOTS[size])


@given(inclusions(), st.data())
def test_no_proof_of_another_length_passes(where: tuple[int, int], data: st.DataObject) -> None:
    index, size = where
    proof = merkle.inclusion_proof(index, size, STORE.get)
    at = data.draw(st.integers(0, len(proof)))
    longer = [*proof[:at], LEAVES[0], *proof[at:]]
    shorter = [*proof[:at], *proof[at + 1 :]]
    for changed in [longer, shorter] if shorter != proof else [longer]:
        with pytest.raises(InvalidProof):
            merkle.verify_inclusion(index, size, LEAVES[index], changed, ROOTS[size])


@given(growths(), st.data())
def test_no_changed_hash_passes_for_consistency(sizes: tuple[int, int], data: st.DataObject) -> None:
    size1, size2 = sizes
    hashes = [ROOTS[size1], ROOTS[size2], *merkle.consistency_proof(size1, size2, STORE.get)]
    spoiled = data.draw(st.integers(0, len(hashes) - 1))
    hashes[spoiled] = flipped(hashes[spoiled], data.draw(bits))
    root1, root2, *proof = hashes
    with pytest.raises(InvalidProof):
        merkle.verify_consistency(size1, size2, proof, root1, root2)


@given(growths(), st.data())
def test_no_consistency_proof_of_another_length_passes(sizes: tuple[int, int], data: st.DataObject) -> None:
    size1, size2 = sizes
    proof = merkle.consistency_proof(size1, size2, STORE.get)
    at = data.draw(st.integers(0, len(proof)))
    longer = [*proof[:at], LEAVES[0], *proof[at:]]
    shorter = [*proof[:at], *proof[at + 1 :]]
    for changed in [longer, shorter] if shorter != proof else [longer]:
        with pytest.raises(InvalidProof):
            merkle.verify_consistency(size1, size2, changed, ROOTS[size1], ROOTS[size2])


@given(growths(), st.integers(0, MAX_SIZE))
def test_no_other_old_size_passes(sizes: tuple[int, int], other: int) -> None:
    size1, size2 = sizes
    if other == size1:
        other = MAX_SIZE + 1
    proof = merkle.consistency_proof(size1, size2, STORE.get)
    with pytest.raises(InvalidProof):
        merkle.verify_consistency(other, size2, proof, ROOTS[size1], ROOTS[size2])


@given(inclusions(), st.integers(1, MAX_SIZE))
def test_a_log_that_dropped_a_record_is_found_out(where: tuple[int, int], size: int) -> None:
    removed, size1 = where
    forged = Store(LEAVES[:removed] + LEAVES[removed + 1 :])
    size2 = max(size1, min(size, MAX_SIZE - 1))
    if size2 == MAX_SIZE:
        return
    proof = merkle.consistency_proof(size1, size2, forged.get)
    with pytest.raises(InvalidProof):
        merkle.verify_consistency(size1, size2, proof, ROOTS[size1], merkle.root(size2, forged.get))


@pytest.mark.parametrize(("size1", "size2"), [(0, 0), (0, 1), (2, 1), (-1, 1)])
def test_sizes_that_do_not_grow_from_one_are_refused(size1: int, size2: int) -> None:
    with pytest.raises(InvalidProof):
        merkle.verify_consistency(size1, size2, [], ROOTS[1], ROOTS[1])
    with pytest.raises(InvalidProof):
        merkle.consistency_proof(size1, size2, STORE.get)


@pytest.mark.parametrize(("index", "size"), [(0, 0), (1, 1), (-1, 3), (3, 2)])
def test_a_leaf_outside_the_tree_is_refused(index: int, size: int) -> None:
    with pytest.raises(InvalidProof):
        merkle.verify_inclusion(index, size, LEAVES[0], [], LEAVES[0])
    with pytest.raises(InvalidProof):
        merkle.inclusion_proof(index, size, STORE.get)


def test_hashes_of_another_length_cannot_move_a_boundary() -> None:
    left, right = LEAVES[:2]
    with pytest.raises(InvalidProof, match="32 bytes"):
        merkle.verify_inclusion(0, 2, left[:-1], [left[-1:] + right], ROOTS[2])
    with pytest.raises(InvalidProof, match="32 bytes"):
        merkle.verify_consistency(1, 2, [left[-1:] + right], left[:-1], ROOTS[2])


@given(growths())
def test_a_proof_that_climbs_above_its_root_is_refused(sizes: tuple[int, int]) -> None:
    size1, size2 = sizes
    above = merkle.leaf_hash(b"above")

    def lifted(root: bytes) -> bytes:
        return hashlib.sha256(b"\x01" + above + root).digest()

    inclusion = merkle.inclusion_proof(size1 - 1, size2, STORE.get)
    with pytest.raises(InvalidProof):
        merkle.verify_inclusion(size1 - 1, size2, LEAVES[size1 - 1], [*inclusion, above], lifted(ROOTS[size2]))
    consistency = merkle.consistency_proof(size1, size2, STORE.get)
    with pytest.raises(InvalidProof):
        merkle.verify_consistency(size1, size2, [*consistency, above], lifted(ROOTS[size1]), lifted(ROOTS[size2]))
