# SPDX-License-Identifier: Apache-2.0
"""What came to be at the target between the two snapshots of a use, and what went.

Rules:

1. It is two lists of the target's own words held against each other. An entry that changed is one that went and one
   that came. Whether it is the repair, or somebody's way back in, people say; nothing here ends anything.
2. Where a list was cut, only what lies before its end in both is compared, and that is said. Where one is missing, or
   something was not told, that is said: what is not known is not nothing.
3. Whoever holds the opened credential may be able to change what the target says of itself.
"""

from collections.abc import Iterable, Iterator

from breakglass_shamir.custody.records.openings import Snapshot
from breakglass_shamir.structs import Struct

CAME, WENT, UNKNOWN = "came", "went", "not known"
"""What can be said of an entry, or of all."""

NOTHING = "nothing that gives access came or went between the snapshots"


class Change(Struct, frozen=True):
    """One thing that a review looks at.

    Attributes:
        what: ``came``, ``went`` or ``not known``.
        text: the entry, or why it is not known.
    """

    what: str
    text: str


def changes(snapshots: Iterable[Snapshot]) -> Iterator[Change]:
    """Yield what a use's snapshots say together; nothing where none was wanted.

    Args:
        snapshots: of one opening, in the order of their records; of several at the close the last one counts.
    """
    before: dict[str, Snapshot] = {}
    after: dict[str, Snapshot] = {}
    for one in snapshots:
        if one.when == "opening":
            before.setdefault(one.target, one)
        else:
            after[one.target] = one
    for target in dict.fromkeys((*before, *after)):
        yield from _of_target(target, before.get(target), after.get(target))


def _of_target(target: str, before: Snapshot | None, after: Snapshot | None) -> Iterator[Change]:
    for when, one in (("opening", before), ("close", after)):
        if one is None:
            yield Change(UNKNOWN, f"{target}: no snapshot at the {when} is among these records")
        elif one.problem:
            yield Change(UNKNOWN, f"{target}: no snapshot was taken at the {when}: {one.problem}")
    if before is None or after is None or before.problem or after.problem:
        return
    first, last = set(before.entries), set(after.entries)
    ends = [one.entries[-1] for one in (before, after) if one.left_out and one.entries]
    if ends:
        first, last = ({entry for entry in one if entry <= min(ends)} for one in (first, last))
        yield Change(UNKNOWN, f"{target}: what follows on {min(ends)!r} in its list was not kept, and not compared")
    for untold in dict.fromkeys((*before.untold, *after.untold)):
        yield Change(UNKNOWN, f"{target}: {untold}")
    yield from (Change(CAME, entry) for entry in sorted(last - first))
    yield from (Change(WENT, entry) for entry in sorted(first - last))
