# SPDX-License-Identifier: Apache-2.0
"""Hold the stored tree nodes against recomputed ones, level by level, in memory that does not grow with the log."""

from breakglass_shamir.crypto.merkle import RootBuilder
from breakglass_shamir.errors import InvalidProof
from breakglass_shamir.ledger.stored import StoredLog
from breakglass_shamir.plural import counted

EVERY_RECORDS = 4096
"""How often what was recomputed is compared and forgotten."""


class NodeCheck:
    """Collects the nodes that a tree completes, and compares them with the stored ones."""

    def __init__(self, ledger: StoredLog, tree: RootBuilder) -> None:
        self._ledger = ledger
        self._compared: list[int] = []
        """How many nodes of each level were compared."""

        self._tree = tree
        self._agree = True
        tree.completed = []

    def compare(self) -> None:
        """Compare what was completed since the last time; a difference is remembered."""
        completed = self._tree.completed or []
        self._compared += [0] * (len(completed) - len(self._compared))
        for level, computed in enumerate(completed):
            if computed:
                self._agree &= self._ledger.has_nodes(level, self._compared[level], computed)
                self._compared[level] += len(computed)
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
            raise InvalidProof(f"the stored tree nodes do not belong to the {counted(size, 'record')}")
