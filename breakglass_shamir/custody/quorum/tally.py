# SPDX-License-Identifier: Apache-2.0
"""Which sheets of an epoch are in, which are missing and whose, and how many more it takes: for people who gather them.

It counts what was read, whether it is verified yet or not; whether it opens, the pool decides.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from breakglass_shamir.custody.quorum.bucket import Bucket
from breakglass_shamir.custody.quorum.known import Known
from breakglass_shamir.formats.structure import Seat


@dataclass(frozen=True, slots=True)
class GroupTally:
    """The sheets of one group, by seat (docs/library.md).

    Attributes:
        number: of the group, from 1.
        threshold: sheets that it takes.
        present: sheets that are in.
        missing: sheets that are not, and would count.
    """

    number: int
    threshold: int
    present: tuple[str, ...]
    missing: tuple[str, ...]
    void: tuple[str, ...]
    """Sheets that are missing and would not count."""

    @property
    def more(self) -> int:
        """Sheets that it still takes."""
        return max(0, self.threshold - len(self.present))


@dataclass(frozen=True, slots=True)
class Tally:
    """One epoch's sheets (docs/library.md).

    Attributes:
        set_name: empty where it is not known.
        epoch: its number.
        group_threshold: groups that it takes.
        groups: one after the other.
    """

    set_name: str
    epoch: int
    group_threshold: int
    groups: tuple[GroupTally, ...]
    custodians: Mapping[str, str] = field(default_factory=dict)
    """Who holds a sheet, by seat, where that is known."""

    whole: bool = False
    """Whether every sheet is wanted, and not only a quorum: a printing is read back."""

    @property
    def more(self) -> int:
        """Fewest sheets that are still needed."""
        return sum(sorted(group.more for group in self.groups)[: self.group_threshold])

    @property
    def present(self) -> int:
        """Sheets that are in."""
        return sum(len(group.present) for group in self.groups)


def tally_of(bucket: Bucket, known: Known | None, before: Collection[Seat] | None = None) -> Tally | None:
    """Count the sheets of an epoch; None where nothing says yet how many there are.

    Args:
        bucket: what was read of it.
        known: what the ledger knows of it.
        before: sheets that were read back before, where every sheet is wanted; None: a quorum is.
    """
    core, whole = bucket.core, before is not None
    if core is None:
        return None
    read = {*(bucket.shares if bucket.envelope or bucket.confirmed else bucket.seats()), *(before or ())}
    voided = known.voided if known and not whole else {}
    groups = []
    for number, group in enumerate(core.structure.groups, 1):
        seats = [(number, member) for member in range(1, group.members + 1)]
        groups.append(
            GroupTally(
                number,
                group.members if whole else group.threshold,
                present=_named(seat for seat in seats if seat in read),
                missing=_named(seat for seat in seats if seat not in read and seat not in voided),
                void=_named(seat for seat in seats if seat not in read and seat in voided),
            )
        )
    name = known.set_name if known else bucket.envelope.set_name if bucket.envelope else ""
    custodians = {_name(seat): who for seat, who in known.custodians.items()} if known else {}
    needed = len(groups) if whole else core.structure.group_threshold
    return Tally(name, core.epoch, needed, tuple(groups), custodians, whole)


def _named(seats: Iterable[Seat]) -> tuple[str, ...]:
    return tuple(map(_name, seats))


def _name(seat: Seat) -> str:
    return f"{seat[0]}.{seat[1]}"
