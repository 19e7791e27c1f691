# SPDX-License-Identifier: Apache-2.0
"""Write a bundle of a log: records, hashes in the place of those that are withheld, receipts, all in one signed file.

Rules (spec: docs/spec/14-bundle.md):

1. Everything stands in the order of the log, so that whoever reads it computes the tree of the signed checkpoint:
   nothing can be taken out, added or put in another place.
2. In the range each withheld record is there as its own hash; outside it, as the fewest complete subtrees.
3. A bundle that would not have the root of its checkpoint is not written.
4. Public data only; the terminal key signs, and no other key is read.
"""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from breakglass_shamir.crypto import merkle, sshsig
from breakglass_shamir.custody.life import bundle_file
from breakglass_shamir.custody.life.bundle_file import AnyLine, End, Given, Head, Held, Withheld
from breakglass_shamir.errors import InvalidProof
from breakglass_shamir.ledger.entry import StoredRow
from breakglass_shamir.ledger.store import Ledger


@dataclass(frozen=True, slots=True)
class Range:
    """Which records a bundle is of."""

    size: int
    """Records in the log."""

    first: int
    last: int
    set: str = ""
    since: str = ""
    until: str = ""

    def covers(self, seq: int) -> bool:
        """Tell whether a number lies between the first and the last."""
        return self.first <= seq <= self.last


def lines(
    ledger: Ledger, of: Range, shown: Callable[[StoredRow], bool], receipts: tuple[str, ...], time: str
) -> Iterator[bytes]:
    """Yield the lines of a bundle.

    Args:
        ledger: where the records are.
        of: the range.
        shown: tells of a stored record whether it is in the bundle.
        receipts: files of receipts of this log.
        time: when the bundle is made.

    Raises:
        InvalidProof: the stored records are not those of the checkpoint.
    """
    root, checkpoint = ledger.root_at(of.size), ledger.row(of.size - 1)[4]
    head = Head(
        v=bundle_file.VERSION, terminal=ledger.state.terminal, public_key=sshsig.public_line(ledger.public_key, ""),
        size=of.size, root=root.hex(), checkpoint=checkpoint, first=of.first, last=of.last, set=of.set,
        since=of.since, until=of.until, time=time,
    )  # fmt: skip
    written = _Written(ledger, of)
    yield written.line(head)
    for row in ledger.rows():
        if row[0] >= of.size:
            break
        if shown(row):
            yield from written.flush()
            yield written.record(row)
        else:
            yield from written.withhold(row)
    yield from written.flush()
    if written.tree.root() != root:
        raise InvalidProof("the stored records are not those of the log's checkpoint; see: breakglass audit verify")
    for text in receipts:
        yield written.line(Given(receipt=text))
    yield written.end()


class _Written:
    """What was written so far."""

    def __init__(self, ledger: Ledger, of: Range) -> None:
        self.tree = merkle.PartialTree()
        self.records = self.withheld = 0
        self._ledger, self._of, self._digest = ledger, of, hashlib.sha256()
        self._leaves: list[bytes] = []
        """Hashes of withheld records in the range that were not written yet."""

        self._from = -1
        """The first of the withheld records outside the range that were not written yet; -1: there are none."""

        self._after = 0

    def line(self, line: AnyLine) -> bytes:
        data = bundle_file.to_bytes(line)
        self._digest.update(data)
        return data

    def record(self, row: StoredRow) -> bytes:
        self.records += 1
        self._add(0, merkle.leaf_hash(row[1]))
        held = Held(record=row[1].decode(), signature=row[2], quorum_signature=row[3], checkpoint=row[4])
        return self.line(held)

    def withhold(self, row: StoredRow) -> Iterator[bytes]:
        self.withheld += 1
        if self._of.covers(row[0]):
            if self._from >= 0 or len(self._leaves) == bundle_file.MAX_HASHES:
                yield from self.flush()
            self._leaves.append(merkle.leaf_hash(row[1]))
            return
        if self._leaves:
            yield from self.flush()
        self._from = row[0] if self._from < 0 else self._from
        self._after = row[0] + 1

    def flush(self) -> Iterator[bytes]:
        """Yield the line for what was withheld since the last one, if anything was."""
        nodes = [(0, leaf) for leaf in self._leaves]
        if self._from >= 0:
            spans = merkle.subtrees(self._from, self._after)
            nodes += [(level, self._ledger.node(level, position)) for level, position in spans]
        self._leaves, self._from = [], -1
        for level, value in nodes:
            self._add(level, value)
        if nodes:
            yield self.line(Withheld(nodes=tuple((level, value.hex()) for level, value in nodes)))

    def end(self) -> bytes:
        sha256 = self._digest.hexdigest()
        signature = self._ledger.sign_bundle(sha256)
        return self.line(End(records=self.records, withheld=self.withheld, sha256=sha256, signature=signature))

    def _add(self, level: int, value: bytes) -> None:
        for _ in self.tree.append(level, value):
            pass
