# SPDX-License-Identifier: Apache-2.0
"""The Merkle tree of the log: what is appended, what is proven, what is verified.

Source: RFC 9162 section 2.1, which keeps the tree of RFC 6962; SHA-256.

Rules:

1. A node is addressed by (level, index): leaves are level 0, and node (l, i) covers the leaves from
   i * 2^l up to (i + 1) * 2^l. Only complete subtrees are nodes; they never change once written, so storage
   is append-only too.
2. ``get(level, index)`` hands out stored nodes. Appending, the root and both proofs ask for O(log n) of them.
3. Leaves and nodes are hashed with different prefixes, so neither can pass for the other.
4. A consistency proof from an empty tree proves nothing, and is refused.

It stores nothing and does not know what a leaf means. Roots are compared, not measured: whoever reads a
checkpoint fixes their length.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from breakglass_shamir.errors import InvalidProof

HASH_BYTES = 32
"""Length of a leaf hash, a node and a root."""

MAX_LEVEL = 48
"""Highest level of a subtree that is read from a file."""

EMPTY_ROOT = hashlib.sha256(b"").digest()
"""Root of the tree without leaves."""

Node = tuple[int, int]
"""(level, index) of a complete subtree."""

GetNode = Callable[[int, int], bytes]
"""Returns the stored 32-byte hash of the node at (level, index)."""

_LEAF_PREFIX = b"\x00"
_NODE_PREFIX = b"\x01"


def leaf_hash(data: bytes) -> bytes:
    """Return the 32-byte hash of one leaf's bytes."""
    return hashlib.sha256(_LEAF_PREFIX + data).digest()


def new_nodes(size: int, leaf: bytes, get: GetNode) -> list[tuple[int, int, bytes]]:
    """Return the nodes (level, index, hash) that appending a leaf completes, leaf first.

    Args:
        size: leaves before the append, which is the new leaf's index, counted from 0.
        leaf: 32-byte leaf hash.
        get: reads the nodes of the tree before the append.
    """
    level, index, value = 0, size, leaf
    nodes = [(level, index, value)]
    while index % 2 == 1:
        value = _node_hash(get(level, index - 1), value)
        level, index = level + 1, index // 2
        nodes.append((level, index, value))
    return nodes


def root(size: int, get: GetNode) -> bytes:
    """Return the 32-byte root of the first ``size`` leaves."""
    return _range_root(0, size, get) if size else EMPTY_ROOT


class RootBuilder:
    """Computes roots of a growing stream of leaf hashes, keeping only the O(log n) right edge."""

    __slots__ = ("_edge", "_size", "completed")

    def __init__(self) -> None:
        self._edge: dict[int, bytes] = {}
        """Level to the complete subtree that waits there for its right sibling."""

        self._size = 0
        self.completed: list[list[bytes]] | None = None
        """Where set, every node that is completed is added to the list of its level."""

    @property
    def size(self) -> int:
        """Leaves so far."""
        return self._size

    def append(self, leaf: bytes) -> None:
        """Add one 32-byte leaf hash."""
        self.extend([leaf])

    def extend(self, leaves: Sequence[bytes]) -> None:
        """Add 32-byte leaf hashes, in order; many at once are faster than one by one."""
        self._size += len(leaves)
        nodes, level = list(leaves), 0
        while nodes:
            self._note(level, nodes)
            if level in self._edge:
                nodes.insert(0, self._edge.pop(level))
            if len(nodes) % 2:
                self._edge[level] = nodes.pop()
            nodes = [hashlib.sha256(_NODE_PREFIX + left + right).digest() for left, right in _pairs(nodes)]
            level += 1

    def root(self) -> bytes:
        """Return the 32-byte root over all leaves so far."""
        return _joined(self._edge)

    def _note(self, level: int, nodes: list[bytes]) -> None:
        if self.completed is None:
            return
        if level == len(self.completed):
            self.completed.append([])
        self.completed[level] += nodes


def _joined(edge: Mapping[int, bytes]) -> bytes:
    """Join the complete subtrees at the right edge of a tree, by level."""
    levels = sorted(edge)
    if not levels:
        return EMPTY_ROOT
    value = edge[levels[0]]
    for level in levels[1:]:
        value = _node_hash(edge[level], value)
    return value


def _pairs(nodes: list[bytes]) -> Iterator[tuple[bytes, bytes]]:
    return zip(nodes[::2], nodes[1::2], strict=True)


class PartialTree:
    """Computes the tree of a log of which some subtrees are known by their hash alone, from left to right."""

    __slots__ = ("_edge", "size")

    def __init__(self) -> None:
        self._edge: dict[int, bytes] = {}
        """Level to the complete subtree that waits there for its right sibling."""

        self.size = 0
        """Leaves so far."""

    def append(self, level: int, value: bytes) -> Iterator[tuple[int, int, bytes]]:
        """Add a complete subtree of ``2 ** level`` leaves; yields every node that is known by it, itself first.

        Raises:
            InvalidProof: no such subtree begins here, or the hash is not 32 bytes.
        """
        _check_hashes([value])
        if not 0 <= level <= MAX_LEVEL or self.size % (1 << level):
            raise InvalidProof(f"no complete subtree of level {level} begins at leaf {self.size}")
        position, self.size = self.size >> level, self.size + (1 << level)
        yield level, position, value
        while position % 2 == 1:
            value = _node_hash(self._edge.pop(level), value)
            level, position = level + 1, position // 2
            yield level, position, value
        self._edge[level] = value

    def root(self) -> bytes:
        """Return the 32-byte root over all leaves so far."""
        return _joined(self._edge)


def subtrees(start: int, end: int) -> Iterator[Node]:
    """Yield the fewest complete subtrees that cover the leaves from ``start`` up to ``end``, from left to right."""
    while start < end:
        level = (end - start).bit_length() - 1
        if start:
            level = min(level, (start & -start).bit_length() - 1)
        yield level, start >> level
        start += 1 << level


def root_of(leaves: Iterable[bytes]) -> bytes:
    """Return the 32-byte root over leaf hashes, in order."""
    builder = RootBuilder()
    for leaf in leaves:
        builder.append(leaf)
    return builder.root()


def inclusion_proof(index: int, size: int, get: GetNode) -> list[bytes]:
    """Return the hashes that lead from leaf ``index`` to the root of ``size`` leaves (RFC 9162 2.1.3.1).

    Raises:
        InvalidProof: there is no such leaf.
    """
    _check_index(index, size)
    proof = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split_point(end - start)
        if index < middle:
            proof.append(_range_root(middle, end, get))
            end = middle
        else:
            proof.append(_range_root(start, middle, get))
            start = middle
    return proof[::-1]


def consistency_proof(size1: int, size2: int, get: GetNode) -> list[bytes]:
    """Return the hashes that prove the tree of ``size1`` a prefix of that of ``size2`` (RFC 9162 2.1.4.1).

    Raises:
        InvalidProof: the old tree is empty or larger than the new one.
    """
    _check_sizes(size1, size2)
    proof = []
    start, end = 0, size2
    while end != size1:
        middle = start + _split_point(end - start)
        if size1 <= middle:
            proof.append(_range_root(middle, end, get))
            end = middle
        else:
            proof.append(_range_root(start, middle, get))
            start = middle
    if start:
        proof.append(_range_root(start, end, get))
    return proof[::-1]


def verify_inclusion(index: int, size: int, leaf: bytes, proof: Sequence[bytes], root: bytes) -> None:
    """Verify that a leaf hash is number ``index`` of the tree with this root (RFC 9162 2.1.3.2).

    Raises:
        InvalidProof: it is not, or the proof is not of the shape these numbers ask for.
    """
    _check_index(index, size)
    _check_hashes([leaf, *proof])
    position, last, value = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            raise InvalidProof(f"the inclusion proof is too long for leaf {index} of {size}")
        if position % 2 == 1 or position == last:
            value = _node_hash(sibling, value)
            position, last = _climb_to_right_child(position, last)
        else:
            value = _node_hash(value, sibling)
        position, last = position // 2, last // 2
    if last != 0:
        raise InvalidProof(f"the inclusion proof is too short for leaf {index} of {size}")
    if value != root:
        raise InvalidProof(f"leaf {index} is not in the tree of size {size} with this root")


def verify_consistency(size1: int, size2: int, proof: Sequence[bytes], root1: bytes, root2: bytes) -> None:
    """Verify that the tree with ``root1`` is a prefix of that with ``root2`` (RFC 9162 2.1.4.2).

    Raises:
        InvalidProof: it is not, the old tree is empty, or the proof is not of the shape these sizes ask for.
    """
    _check_sizes(size1, size2)
    _check_hashes(proof)
    if size1 == size2:
        if proof or root1 != root2:
            raise InvalidProof(f"two trees of size {size1} are consistent only if they are the same")
        return
    # A complete old tree is itself a node of the new one, so its root is left out of the proof.
    path = [root1, *proof] if size1 & (size1 - 1) == 0 else list(proof)
    if not path:
        raise InvalidProof(f"the consistency proof from {size1} to {size2} is empty")
    old, new = _fold(size1, size2, path)
    if old != root1 or new != root2:
        raise InvalidProof(f"the tree of size {size1} is not a prefix of the tree of size {size2}")


def _fold(size1: int, size2: int, path: Sequence[bytes]) -> tuple[bytes, bytes]:
    """Compute the old and the new root along one path from the old tree's last complete node."""
    position, last = size1 - 1, size2 - 1
    while position % 2 == 1:
        position, last = position // 2, last // 2
    old = new = path[0]
    for sibling in path[1:]:
        if last == 0:
            raise InvalidProof(f"the consistency proof from {size1} to {size2} is too long")
        if position % 2 == 1 or position == last:
            old, new = _node_hash(sibling, old), _node_hash(sibling, new)
            position, last = _climb_to_right_child(position, last)
        else:
            new = _node_hash(new, sibling)
        position, last = position // 2, last // 2
    if last != 0:
        raise InvalidProof(f"the consistency proof from {size1} to {size2} is too short")
    return old, new


def _climb_to_right_child(position: int, last: int) -> tuple[int, int]:
    """Skip the levels where the last node of a ragged right edge has no sibling."""
    while position % 2 == 0 and position != 0:
        position, last = position // 2, last // 2
    return position, last


def _range_root(start: int, end: int, get: GetNode) -> bytes:
    """Return the root over leaves ``start`` up to ``end``; ``start`` must be aligned to that subtree.

    The range falls into complete subtrees, largest first; they are joined from the right.
    """
    nodes = []
    while start < end:
        level = (end - start).bit_length() - 1
        nodes.append(get(level, start >> level))
        start += 1 << level
    value = nodes.pop()
    while nodes:
        value = _node_hash(nodes.pop(), value)
    return value


def _node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(_NODE_PREFIX + left + right).digest()


def _split_point(size: int) -> int:
    """Return the largest power of two below ``size``."""
    return 1 << ((size - 1).bit_length() - 1)


def _check_index(index: int, size: int) -> None:
    if not 0 <= index < size:
        raise InvalidProof(f"expected a leaf below tree size {size}, got {index}")


def _check_sizes(size1: int, size2: int) -> None:
    if not 0 < size1 <= size2:
        raise InvalidProof(f"expected tree sizes that grow from at least 1, got {size1} and {size2}")


def _check_hashes(hashes: Iterable[bytes]) -> None:
    for value in hashes:
        if len(value) != HASH_BYTES:
            raise InvalidProof(f"expected hashes of {HASH_BYTES} bytes, got one of {len(value)}")
