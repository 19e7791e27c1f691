# SPDX-License-Identifier: Apache-2.0
"""Hold the stored tree nodes against recomputed ones, level by level, in memory that does not grow with the log."""

import itertools

from breakglass_shamir.crypto.merkle import RootBuilder
from breakglass_shamir.errors import InvalidProof
from breakglass_shamir.ledger.stored import StoredLog

EVERY_RECORDS = 4096
"""How often what was recomputed is compared and forgotten."""


class NodeCheck:
    """Collects the nodes that a tree completes, and compares them with the stored ones."""

    def __init__(self, ledger: StoredLog, tree: RootBuilder) -> None:
        self._ledger = ledger
        self._levels = itertools.count()
        self._stored = [ledger.nodes(next(self._levels))]
        self._tree = tree
        self._agree = True
        tree.completed = []

    def close(self) -> None:
        """End the reading of the stored nodes."""
        for stored in self._stored:
            stored.close()

    def compare(self) -> None:
        """Compare what was completed since the last time; a difference is remembered."""
        completed = self._tree.completed or []
        while len(self._stored) < len(completed):
            self._stored.append(self._ledger.nodes(next(self._levels)))
        for computed, stored in zip(completed, self._stored, strict=False):
            self._agree &= [value for (value,) in itertools.islice(stored, len(computed))] == computed
            computed.clear()

    def finish(self) -> None:
        """Compare the rest; with the ends of each level as they must be, nothing can be missing or more.

        Raises:
            InvalidProof: the stored nodes are not exactly those of the tree.
        """
        self.compare()
        size = self._tree.size
        expected = {level: (0, (size >> level) - 1) for level in range(size.bit_length())}
        if not self._agree or self._ledger.node_levels() != expected:
            raise InvalidProof(f"the stored tree nodes do not belong to the {size} records")
