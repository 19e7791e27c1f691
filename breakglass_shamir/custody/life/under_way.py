# SPDX-License-Identifier: Apache-2.0
"""A rotation that was begun and not ended: what stands, and what people can do, each way with its command.

A pure function of the set's state. ``rotate``, ``recombine`` and ``status`` say the same, since all of them ask here.

Rules:

1. What stands is said first: which epoch is printed and how far it is, and what the target has.
2. Sheets are asked for by name: which of them, of which epoch, and whose.
3. A prepared epoch is given up only by the word ``abandon``, never by saying nothing; one that may be at the target
   already is never given up.
4. Who gives an epoch up is told which sheets to destroy, whose they are, and how that is recorded.
"""

from collections.abc import Callable, Collection, Iterable

import msgspec

from breakglass_shamir.custody.life.rules import epoch_of
from breakglass_shamir.custody.life.state import EpochState, Opening, Phase, SetState, read_seat
from breakglass_shamir.formats.structure import Seat
from breakglass_shamir.shell import breakglass, word

ABANDON = "abandon"
"""The word that gives a prepared epoch up."""

_BOTH = "--scan OLD --scan NEW"
_ATTESTS = f"{_BOTH} --attest-old-dead --officer O --officer O2"


class Way(msgspec.Struct, frozen=True):
    """One thing that people can do now."""

    words: str
    command: str
    """It, as it is typed."""


class Standing(msgspec.Struct, frozen=True):
    """How far a rotation is."""

    stands: str
    """What is so, in one sentence."""

    ways: tuple[Way, ...]
    """What can be done, the usual thing first."""

    @property
    def hint(self) -> str:
        """The ways in one line."""
        return "; or ".join(f"{way.words}: {way.command}" for way in self.ways)


def standing(s: SetState) -> Standing | None:
    """Say how far the rotation of a set is; None where none was begun and none is owed."""
    if s.retired or not s.current:
        return None
    if s.applying:
        return _applying(s)
    if s.prepared:
        return _prepared(s)
    if is_only_unclosed(s):
        return _unclosed(s)
    return _owed(s) if any(epoch_of(s, debt) == s.source for debt in s.rotation_debts) else None


def is_only_unclosed(s: SetState) -> bool:
    """Tell whether a rotation was proven, nothing is owed, and only the end of its opening is not on record."""
    opening = s.opening
    return opening is not None and opening.rotated and opening.use_ended and not s.rotation_debts


def missing_new(s: SetState, shown: Collection[Seat]) -> tuple[str, ...]:
    """Return the sheets of the prepared epoch that are still to be shown: to be read back, else for its quorum.

    Args:
        s: the set, with a prepared epoch.
        shown: sheets of that epoch that are there.

    Returns:
        Seats; of a quorum all that would help. Empty: nothing is missing.
    """
    epoch = s.epochs[s.prepared]
    left = [seat for seat in epoch.seats if read_seat(seat) not in shown and seat not in epoch.voided]
    unread = tuple(seat for seat in left if seat not in epoch.read_back)
    if unread and not s.applying:
        return unread
    return () if epoch.envelope.core.structure.is_quorum(shown) else tuple(left)


def wanted(s: SetState, epoch_id: str, shown: Collection[Seat]) -> str:
    """Ask by name for the sheets of one of the two epochs that are still to be shown; empty: nothing is missing."""
    epoch = s.epochs[epoch_id]
    structure = epoch.envelope.core.structure
    if epoch_id == s.prepared and not s.applying:
        seats = missing_new(s, shown)
        if not seats:
            return ""
        if seats[0] not in epoch.read_back:
            return f"show {len(seats)} of the new sheets: {held(epoch, seats)}, epoch {epoch.number}"
    elif structure.is_quorum(shown):
        return ""
    word = "new" if epoch_id == s.prepared else "old"
    there = f"; {len(shown)} shown" if shown else ""
    return f"show {structure.in_words().replace('these', f'the {word}')} (epoch {epoch.number}{there})"


def lacking(s: SetState, have: Callable[[bytes], Collection[Seat]]) -> tuple[str, ...]:
    """Ask for whatever is still to be shown of both epochs; empty: nothing.

    Args:
        s: the set, with a prepared epoch.
        have: returns the sheets of an epoch that are there.
    """
    return tuple(
        filter(None, (wanted(s, epoch_id, have(bytes.fromhex(epoch_id))) for epoch_id in (s.source, s.prepared)))
    )


def ends_with(s: SetState, opening: Opening) -> str:
    """Say what ends an opening, from where it is now: its use, the rotation that it owes, or a declaration."""
    if opening.phase is Phase.DECLARED:
        return f"withdraw it with: {breakglass('cancel', s.name, options='--reason R')}"
    if not opening.use_ended:
        return f"end its use with: {breakglass('close', s.name)}"
    return f"its rotation ends it: {breakglass('rotate', s.name)}"


def held(epoch: EpochState, seats: Iterable[str]) -> str:
    """Name sheets with whose they are: ``1.1 (North), 1.2 (South)``."""
    return ", ".join(f"{seat} ({name})" if (name := epoch.custodians.get(seat, "")) else seat for seat in seats)


def to_be_destroyed(s: SetState, epoch_id: str) -> Standing:
    """Say which sheets of an epoch that was given up are to be destroyed, whose they are, and how it is recorded."""
    epoch = s.epochs[epoch_id]
    options = f"--epoch {word(epoch.number)} --witness W --witness W2"
    return Standing(
        f"epoch {epoch.number} ({epoch.short_id}) of {s.name} is abandoned: destroy its sheets "
        f"{held(epoch, epoch.seats)} and its drill cards",
        (Way("before two witnesses, and record it", breakglass("destroyed", s.name, *epoch.seats, options=options)),),
    )


def _applying(s: SetState) -> Standing:
    old, new = s.epochs[s.source], s.epochs[s.prepared]
    both = f"{wanted(s, s.source, ())}, and {wanted(s, s.prepared, ()).removeprefix('show ')}"
    return Standing(
        f"the target was being changed from epoch {old.number} to epoch {new.number}: either credential may be the "
        "living one",
        (
            Way(both, breakglass("rotate", s.name, options=_BOTH)),
            Way(
                "where people change the target, two of them attest it", breakglass("rotate", s.name, options=_ATTESTS)
            ),
        ),
    )


def _prepared(s: SetState) -> Standing:
    old, new = s.epochs[s.source], s.epochs[s.prepared]
    show = f"{wanted(s, s.source, ())}, and {wanted(s, s.prepared, ()).removeprefix('show ')}"
    given_up = f"give epoch {new.number} up and print another"
    return Standing(
        f"epoch {new.number} is printed, {_progress(new)}; the target still has epoch {old.number}",
        (
            Way(show, breakglass("rotate", s.name, options=_BOTH)),
            Way(given_up, breakglass("rotate", s.name, options=f"--scan OLD --{ABANDON} --out DIR")),
        ),
    )


def _progress(epoch: EpochState) -> str:
    if not epoch.sealed:
        return f"not confirmed ({len(epoch.read_back)} of {len(epoch.seats)} sheets read back)"
    if not epoch.quorum_acknowledged:
        return f"confirmed, not in custody ({len(epoch.acknowledged)} of {len(epoch.seats)} sheets held)"
    return f"confirmed and in custody ({len(epoch.acknowledged)} of {len(epoch.seats)} sheets held)"


def _unclosed(s: SetState) -> Standing:
    return Standing(
        f"the old credential is dead and epoch {s.current_epoch.number} is in force; only the end is not on record",
        (Way("record it", breakglass("rotate", s.name)),),
    )


def _owed(s: SetState) -> Standing:
    epoch = s.epochs[s.source]
    opening = s.opening
    in_use = opening is not None and opening.phase in (Phase.OPEN, Phase.IN_USE)
    said = f"the credential of epoch {epoch.number} was opened and nothing is printed to follow it"
    show = f"{wanted(s, s.source, ()).replace('the old', 'its')}"
    way = Way(
        f"{show}, and name a place for the new sheets", breakglass("rotate", s.name, options="--scan OLD --out DIR")
    )
    if opening is None or not in_use or opening.declared.purpose == "rotation":
        return Standing(f"{said}; the target still has it", (way,))
    purpose = opening.declared.purpose
    close = Way("end the use", breakglass("close", s.name, options=f"--as {word(purpose)}"))
    return Standing(f"the credential of epoch {epoch.number} is in use; its rotation comes after it", (close, way))
