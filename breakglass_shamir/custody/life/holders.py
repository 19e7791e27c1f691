# SPDX-License-Identifier: Apache-2.0
"""Who holds and who held which sheets of an epoch, and what follows from it.

Rules:

1. Whoever held a sheet may know its share for ever: handing it on, or voiding it, takes nothing back. Only a
   rotation does.
2. Nobody may come to hold, over time, a quorum of one epoch, nor sheets of two groups where no policy put them
   in both. A change that would is refused; one that has already happened is recorded in spite of it, by name.
3. A sheet that changed hands, one whose custodian the policy does not know any more, and one that is void make
   the rotation due at once.

Names are compared without regard to case and outer spaces.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping

from breakglass_shamir.custody.life.state import EpochState, SetState, read_seat
from breakglass_shamir.custody.policy import source as policies
from breakglass_shamir.errors import InvalidInput
from breakglass_shamir.nearest import did_you_mean
from breakglass_shamir.plural import counted

_SEAT = re.compile(r"(?:([1-9][0-9]{0,2})\.)?([1-9][0-9]{0,2})")
"""A sheet as people write it: ``3`` (group 1) or ``2.3``."""


def knowers(epoch: EpochState) -> Mapping[str, frozenset[str]]:
    """Return every holder so far, as written last, with the seats whose sheets they hold or held."""
    seats: dict[str, set[str]] = defaultdict(set)
    written: dict[str, str] = {}
    for seat in epoch.seats:
        for name in (*epoch.former.get(seat, ()), epoch.custodians.get(seat, "")):
            if name:
                seats[_plain(name)].add(seat)
                written[_plain(name)] = name
    return {written[key]: frozenset(found) for key, found in seats.items()}


def too_much(epoch: EpochState, sheet: str, custodian: str) -> tuple[str, ...]:
    """Return what stands against handing a sheet to somebody, a sentence each."""
    before = next((seats for name, seats in knowers(epoch).items() if _plain(name) == _plain(custodian)), frozenset())
    after = before | {sheet}
    found = []
    if epoch.envelope.core.structure.is_quorum([read_seat(seat) for seat in after]):
        found.append(f"{custodian} would have held a quorum of epoch {epoch.number}: sheets {_listed(after)}")
    elif len(_groups(after)) > max(1, len(_groups(before))):
        found.append(f"{custodian} would have held sheets of two groups of epoch {epoch.number}: {_listed(after)}")
    return tuple(found)


def quorum_at_risk(epoch: EpochState) -> str:
    """Say that voided sheets have used up the spare ones, or the quorum itself; empty while there is some to spare."""
    structure = epoch.envelope.core.structure
    void = len(epoch.voided)
    count = f"{counted(void, 'sheet')} of epoch {epoch.number} {'is' if void == 1 else 'are'} void"
    if not structure.is_quorum([read_seat(seat) for seat in epoch.seats if seat not in epoch.voided]):
        return f"no quorum is left: {count}; whoever still has the paper opens with --override void, then rotate"
    if len(epoch.voided) > structure.most_losses:
        return f"quorum at risk: {count}, and the next one lost may be the last of a quorum; rotate now"
    return ""


def rotation_reasons(s: SetState) -> Iterator[str]:
    """Yield why custody makes a rotation of the epoch in force due, the worst first."""
    epoch = s.current_epoch
    structure = epoch.envelope.core.structure
    for name, seats in knowers(epoch).items():
        if structure.is_quorum([read_seat(seat) for seat in seats]):
            yield f"rotate: {name} has held a quorum of epoch {epoch.number}, sheets {_listed(seats)}"
    moved = [seat for seat in epoch.seats if epoch.former.get(seat)]
    if moved:
        yield f"rotate: {_sheets(moved)} of epoch {epoch.number} changed hands"
    left = departed(s)
    if left:
        yield f"rotate: no custodian by the policy, but with a sheet of epoch {epoch.number}: {', '.join(left)}"


def departed(s: SetState) -> tuple[str, ...]:
    """Return who holds a sheet of the epoch in force and is no custodian of the policy."""
    if not s.policy_source:
        return ()
    known = {_plain(name) for name in policies.parse(s.policy_source).everyone}
    epoch = s.current_epoch
    holders = dict.fromkeys(epoch.custodians[seat] for seat in epoch.seats if epoch.custodians.get(seat))
    return tuple(name for name in holders if _plain(name) not in known)


def same_person(one: str, other: str) -> bool:
    """Tell whether two names are meant to be one person's."""
    return _plain(one) == _plain(other)


def sheet_of(epoch: EpochState, written: str) -> str:
    """Return the sheet that people mean: by its custodian's name, its seat, or the beginning of a custodian's name.

    A name that is recorded wins over a number. A void sheet is meant only where its custodian has no other.

    Raises:
        InvalidInput: nobody and nothing is meant by it, or more than one; with the sheets that may be.
    """
    said = _plain(written)
    whole = [seat for seat in epoch.seats if said and _plain(epoch.custodians.get(seat, "")) == said]
    if whole:
        return _only(epoch, whole, written)
    match = _SEAT.fullmatch(written.strip())
    if match is not None:
        return f"{match[1] or 1}.{match[2]}"
    begun = [seat for seat in epoch.seats if said and _plain(epoch.custodians.get(seat, "")).startswith(said)]
    if begun:
        return _only(epoch, begun, written)
    people = [name for seat in epoch.seats if (name := epoch.custodians.get(seat))]
    known = ", ".join(f"{seat} ({epoch.custodians.get(seat) or 'nobody named'})" for seat in epoch.seats)
    raise InvalidInput(
        f"expected a sheet of epoch {epoch.number}, or its custodian's name, got {written[:80]!r}: there are {known}",
        hint=did_you_mean(written, people),
    )


def _only(epoch: EpochState, seats: list[str], written: str) -> str:
    """Return the one sheet that is meant.

    Raises:
        InvalidInput: there are several.
    """
    good = [seat for seat in seats if seat not in epoch.voided] or seats
    if len(good) > 1:
        listed = ", ".join(f"{seat} ({epoch.custodians[seat]})" for seat in good)
        raise InvalidInput(
            f"{written.strip()[:80]!r} may mean more than one sheet of epoch {epoch.number}: {listed}",
            hint=f"say which by its number, such as {good[0]}",
        )
    return good[0]


def _groups(seats: frozenset[str]) -> set[int]:
    return {read_seat(seat)[0] for seat in seats}


def _listed(seats: frozenset[str]) -> str:
    return ", ".join(sorted(seats, key=read_seat))


def _sheets(seats: list[str]) -> str:
    return f"sheet{'s' if len(seats) > 1 else ''} {', '.join(seats)}"


def _plain(name: str) -> str:
    return name.strip().casefold()
