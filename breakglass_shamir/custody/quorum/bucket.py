# SPDX-License-Identifier: Apache-2.0
"""What was read of one epoch, and which of its shares hold.

Rules:

1. With an envelope each share is held against its commitment, alone and at once.
2. With a core only, shares wait until a quorum of them confirms it; then every other share is held against
   that quorum.
3. An envelope outranks every core; a pinned core outranks every other one. What is outranked is kept, to be
   tried: if it opens too, somebody sealed twice under one master.
4. A share that can be read in several ways is one sheet; whatever confirms, picks the reading.
5. A core whose lines can be read in several ways is what a quorum opens, within one bound for all readings.

It words no answer; ``pool.py`` does.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from breakglass_shamir.custody import confirm
from breakglass_shamir.custody.confirm import Confirmed
from breakglass_shamir.custody.confirmed import ConfirmedCore
from breakglass_shamir.errors import DecryptionFailed, MixedShares, ShareMismatch
from breakglass_shamir.formats.core import Core
from breakglass_shamir.formats.envelope import Envelope
from breakglass_shamir.formats.share import ReadShare, Share
from breakglass_shamir.formats.structure import Seat

Readings = tuple[ReadShare, ...]
"""One sheet's share, in every way it may be read; the likeliest first."""


@dataclass(slots=True)
class Bucket:
    """What was read of one epoch."""

    envelope: Envelope | None = None
    pinned: ConfirmedCore | None = None
    """What the ledger knows of an epoch that was only typed."""

    cores: list[Core] = field(default_factory=list)
    """Cores without proofs, as typed, that are not the pinned one."""

    guesses: list[Core] = field(default_factory=list)
    """What damaged lines may mean; most of it is wrong."""

    guessed_from: dict[int, str] = field(default_factory=dict)
    """The lines that they were read from."""

    shares: dict[Seat, Share] = field(default_factory=dict, repr=False)
    """Shares that hold."""

    waiting: list[Readings] = field(default_factory=list, repr=False)
    """Sheets that nothing could verify yet, and with a core all of them."""

    confirmed: Confirmed | None = field(default=None, repr=False)
    conflict: bool = False
    altered: bool = False
    """Whether shares did combine but a typed core did not open."""

    @property
    def core(self) -> Core | None:
        """The core to go by."""
        if self.envelope is not None:
            return self.envelope.core
        if self.pinned is not None:
            return self.pinned.core
        if self.confirmed is not None:
            return self.confirmed.public.core
        return next(iter((*self.cores, *self.guesses)), None)

    @property
    def set_public_key(self) -> bytes:
        """The set public key; empty until something confirms it."""
        source = self.envelope or (self.confirmed.public if self.confirmed else self.pinned)
        return source.set_public_key if source else b""

    def seats(self) -> set[Seat]:
        """Return the seats of every sheet that was read, whether it holds or not."""
        core = self.core
        likeliest = [next((read.share for read in rs if _fits(core, read.share)), None) for rs in self.waiting]
        waiting = {(share.group, share.member) for share in likeliest if share is not None}
        return waiting | set(self.shares)

    def may_be_quorum(self) -> bool:
        """Tell whether what waits may satisfy the structure of any core that it may open."""
        return any(core.structure.is_quorum(_options(core, self.waiting)) for core in self._candidates())

    def is_quorum(self) -> bool:
        """Tell whether shares that hold satisfy the structure."""
        core = self.core
        return core is not None and core.structure.is_quorum(self.shares)

    def holding(self, readings: Readings) -> ReadShare | None:
        """Return the reading that commitment or confirmed quorum holds for right."""
        return next((read for read in readings if self._holds(read.share)), None)

    def take_envelope(self, envelope: Envelope) -> list[Readings]:
        """Go by an envelope from now on; returns the sheets to be held against it."""
        sheets, self.waiting = self.waiting, []
        self.envelope, self.confirmed = envelope, None
        self.shares.clear()
        return sheets

    def try_cores(self) -> list[Share]:
        """Look for a quorum that confirms a core; returns the shares that it proves wrong."""
        if self.envelope is None and self.confirmed is None:
            self.confirmed = self._find()
        if self.confirmed is None:
            return []
        wrong = []
        for readings in self.waiting:
            right = self.holding(readings)
            if right is not None:
                self.shares.setdefault((right.share.group, right.share.member), right.share)
            elif self.uses_group(readings[0].share.group):
                wrong.append(readings[0].share)
        return wrong

    def uses_group(self, number: int) -> bool:
        """Tell whether the confirmed quorum uses a group: only then a share of it can be told right from wrong."""
        return self.confirmed is not None and any(share.group == number for share in self.confirmed.shares)

    def sealed_twice(self) -> bool:
        """Tell whether another core opens with the shares that hold."""
        rivals = [core for core in self.cores if core != self.core]
        return any(confirm.opens(core, self.shares.values()) for core in rivals)

    def _holds(self, share: Share) -> bool:
        if self.envelope is None:
            return self.confirmed is not None and confirm.belongs(self.confirmed, share)
        try:
            self.envelope.check_share(share)
        except (ShareMismatch, MixedShares):
            return False
        return True

    def _find(self) -> Confirmed | None:
        self.altered = False
        known = self.pinned.set_public_key if self.pinned else b""
        for core in self._candidates():
            tries = confirm.MAX_TRIES // (len(self.guesses) if core in self.guesses else 1)
            try:
                found = confirm.confirm(core, _options(core, self.waiting), tries, known)
            except DecryptionFailed:
                self.altered = True
                continue
            if found is not None:
                return found
        return None

    def _candidates(self) -> list[Core]:
        """Return the cores that a quorum of what waits may open."""
        return [self.pinned.core] if self.pinned else [*self.cores, *self.guesses]


def _options(core: Core, sheets: Iterable[Readings]) -> dict[Seat, list[Share]]:
    """Return what may stand at each seat, sheets that read well first."""
    options: dict[Seat, list[Share]] = {}
    for readings in sorted(sheets, key=lambda each: len(each) > 1 or each[0].provisional):
        for read in readings:
            held = options.setdefault((read.share.group, read.share.member), [])
            if _fits(core, read.share) and read.share not in held:
                held.append(read.share)
    return {seat: shares for seat, shares in options.items() if shares}


def _fits(core: Core | None, share: Share) -> bool:
    return core is not None and confirm.fits(core, share)
