# SPDX-License-Identifier: Apache-2.0
"""From a heap of untrusted scans to a quorum.

:class:`Pool` takes texts in any order and answers each at once; :meth:`Pool.quorum` is the only way to a
:class:`Quorum`, and a quorum holds only shares that match their commitments.

Rules:

1. No scan ends the session: whatever is wrong with it is said, and the next one is welcome.
2. A share of a known epoch is checked against the envelope the ledger pins, at once. A share without an
   envelope waits; when its envelope comes it is checked, and a wrong one is named.
3. Surplus shares help; a wrong share among right ones is named and left out.
4. Two valid envelopes under one epoch id are an integrity error.
5. A share of another kind, a void epoch or a voided sheet never counts.

This module does not decide whether an unknown epoch may be opened; it only tells them apart.
"""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

from breakglass_shamir.crypto.keys import Kind
from breakglass_shamir.custody.state import EpochStatus, LedgerState, SetState, read_seat
from breakglass_shamir.errors import (
    BreakglassError,
    EnvelopeConflict,
    InsufficientShares,
    MissingEnvelope,
    MixedShares,
    ShareMismatch,
    VoidShare,
)
from breakglass_shamir.formats import seal, share, text
from breakglass_shamir.formats.envelope import PREFIX as ENVELOPE_PREFIX
from breakglass_shamir.formats.envelope import Envelope, EnvelopeReader
from breakglass_shamir.formats.share import PREFIX as SHARE_PREFIX
from breakglass_shamir.formats.share import ReadShare, Share
from breakglass_shamir.formats.structure import Seat


class Verdict(enum.StrEnum):
    """What a scan turned out to be."""

    ACCEPTED = "accepted"
    SEEN = "seen already"
    ENVELOPE = "envelope"
    WAITING = "waiting for an envelope"
    UNKNOWN = "unknown set"
    OTHER_SET = "another set"
    VOID = "void"
    DRILL = "drill code"
    LIVE = "live code"
    WRONG = "wrong share"
    DAMAGED = "damaged"
    CONFLICT = "conflicting envelope"
    FOREIGN = "not ours"


@dataclass(frozen=True, slots=True)
class Answer:
    """What to tell the person who scanned."""

    verdict: Verdict
    message: str
    sheet: str = ""
    epoch_id: bytes = b""


@dataclass(frozen=True, slots=True)
class Known:
    """An epoch the ledger knows."""

    set_name: str
    number: int
    envelope: Envelope
    openable: bool
    good: bool
    """Whether its sheets count at all: neither void nor abandoned."""

    state: str
    """In words, when it is not openable: ``void since 2026-01-01``."""

    voided: Mapping[Seat, str]
    """Single sheets that count no more, with the reason."""


@dataclass(frozen=True, slots=True)
class Quorum:
    """Verified shares that satisfy the structure, and their envelope."""

    envelope: Envelope
    shares: tuple[Share, ...] = field(repr=False)
    known: bool

    @property
    def epoch_id(self) -> str:
        """The epoch id, hexadecimal."""
        return self.envelope.core.epoch_id.hex()

    @property
    def sheets(self) -> tuple[str, ...]:
        """The seats whose sheets were scanned, ``group.member``."""
        return tuple(sorted(f"{s.group}.{s.member}" for s in self.shares))

    def unseal(self) -> seal.Unsealed:
        """Combine, confirm and decrypt; see :func:`breakglass_shamir.formats.seal.unseal`."""
        return seal.unseal(self.envelope.core, self.shares)


@dataclass(slots=True)
class _Bucket:
    """What was scanned of one epoch."""

    envelope: Envelope | None = None
    shares: dict[Seat, Share] = field(default_factory=dict, repr=False)
    waiting: list[ReadShare] = field(default_factory=list, repr=False)
    conflict: bool = False


def known_epochs(state: LedgerState) -> dict[bytes, Known]:
    """Return every epoch of a ledger, by epoch id."""
    return {
        bytes.fromhex(epoch_id): _known(set_state, epoch_id)
        for set_state in state.sets.values()
        for epoch_id in set_state.epochs
    }


def _known(s: SetState, epoch_id: str) -> Known:
    epoch = s.epochs[epoch_id]
    good = epoch.status is EpochStatus.GOOD
    if good:
        words = "" if s.openable(epoch_id) else "printed but not yet in force"
    else:
        words = f"{epoch.status} since {epoch.since[:16].replace('T', ' ')}"
    voided = {read_seat(seat): reason for seat, reason in epoch.voided.items()}
    return Known(s.name, epoch.number, epoch.envelope, s.openable(epoch_id), good, words, voided)


class Pool:
    """Collects scans until they make a quorum."""

    def __init__(
        self,
        known: Mapping[bytes, Known],
        *,
        set_name: str = "",
        kind: Kind = Kind.LIVE,
        in_custody: bool = False,
    ) -> None:
        """Start empty.

        Args:
            known: the ledger's epochs, by epoch id.
            set_name: only this set counts; empty: the sheets say which.
            kind: live, or drill for a rehearsal.
            in_custody: to read sheets back; a printed epoch counts before it is in force.
        """
        self._known = known
        self._set_name = set_name
        self._kind = kind
        self._in_custody = in_custody
        self._envelopes = EnvelopeReader()
        self._buckets: dict[bytes, _Bucket] = {}
        self._void: dict[bytes, Known] = {}
        for epoch_id, epoch in known.items():
            self._buckets[epoch_id] = _Bucket(epoch.envelope)

    def add(self, code: str) -> Answer:
        """Take one scanned or typed text and say what it is. Never raises for what was scanned."""
        head = code.strip()[: len(SHARE_PREFIX)].upper()
        try:
            if head == SHARE_PREFIX:
                return self.add_share(share.from_text(code))
            if head == ENVELOPE_PREFIX:
                return self._add_envelope(code)
        except BreakglassError as error:
            return Answer(Verdict.DAMAGED, f"a code of ours, but damaged: {error}")
        return Answer(Verdict.FOREIGN, "a code that is not one of ours")

    def add_share(self, read: ReadShare) -> Answer:
        """Take one share, as read."""
        found = read.share
        if found.kind is not self._kind:
            return self._wrong_kind(found)
        known = self._known.get(found.epoch_id)
        refusal = self._refusal(known, found)
        if refusal is not None:
            return refusal
        bucket = self._buckets.setdefault(found.epoch_id, _Bucket())
        if bucket.envelope is None:
            return self._wait(bucket, read)
        return self._check(bucket, read)

    def have(self, epoch_id: bytes) -> tuple[Seat, ...]:
        """Return the seats of an epoch whose shares were accepted."""
        bucket = self._buckets.get(epoch_id)
        return tuple(sorted(bucket.shares)) if bucket else ()

    def complete(self) -> bool:
        """Tell whether a quorum is there."""
        return any(self._is_quorum(bucket) for bucket in self._buckets.values())

    def quorum(self, epoch_id: bytes | None = None) -> Quorum:
        """Return the quorum; a known epoch comes before an unknown one.

        Args:
            epoch_id: only this epoch; None: whichever is complete.

        Raises:
            InsufficientShares: with what is there and what is needed.
            MissingEnvelope: shares but no envelope.
            EnvelopeConflict: two valid envelopes under one epoch id.
        """
        wanted = {epoch_id: self._buckets.get(epoch_id, _Bucket())} if epoch_id else self._buckets
        complete = [(e, b) for e, b in wanted.items() if self._is_quorum(b)]
        complete.sort(key=lambda pair: pair[0] not in self._known)
        if not complete:
            raise self._insufficient(wanted)
        found, bucket = complete[0]
        if bucket.conflict:
            raise EnvelopeConflict(
                f"two different valid envelopes carry the epoch id {text.short_id(found)}",
                hint="somebody with a quorum signed the second one; keep the page, and scan again without it",
            )
        assert bucket.envelope is not None  # noqa: S101 - _is_quorum requires it
        return Quorum(bucket.envelope, tuple(bucket.shares.values()), found in self._known)

    def _add_envelope(self, code: str) -> Answer:
        envelope = self._envelopes.add(code)
        if envelope is None:
            return Answer(Verdict.ENVELOPE, f"part of an envelope; still missing: {self._envelopes.missing()}")
        epoch_id = envelope.core.epoch_id
        name = f"the envelope of {envelope.set_name}, epoch {envelope.core.epoch}"
        if envelope.core.kind is not self._kind:
            return Answer(Verdict.DRILL, f"{name}, is {envelope.core.kind.word}: not what is needed here")
        bucket = self._buckets.setdefault(epoch_id, _Bucket())
        if bucket.envelope is None:
            bucket.envelope = envelope
            wrong = [a.message for a in self._recheck(bucket) if a.verdict is not Verdict.ACCEPTED]
            return Answer(Verdict.ENVELOPE, "; ".join([f"{name}: read", *wrong]), epoch_id=epoch_id)
        if bucket.envelope.to_bytes() != envelope.to_bytes():
            bucket.conflict = True
            return Answer(Verdict.CONFLICT, f"{name}, differs from the one already known", epoch_id=epoch_id)
        return Answer(Verdict.SEEN, f"{name}: known", epoch_id=epoch_id)

    def _recheck(self, bucket: _Bucket) -> list[Answer]:
        waiting, bucket.waiting = bucket.waiting, []
        return [self._check(bucket, read) for read in waiting]

    def _wait(self, bucket: _Bucket, read: ReadShare) -> Answer:
        if any(other.share == read.share for other in bucket.waiting):
            return Answer(Verdict.SEEN, "seen already")
        bucket.waiting.append(read)
        name = "a share" if read.provisional else f"share {read.share.public_id}"
        return Answer(Verdict.WAITING, f"{name}, but no envelope of its set yet: scan an envelope code from any sheet")

    def _check(self, bucket: _Bucket, read: ReadShare) -> Answer:
        """Hold a share against its envelope's commitment."""
        found, envelope = read.share, bucket.envelope
        assert envelope is not None  # noqa: S101 - the callers look first
        if self._set_name and envelope.set_name != self._set_name:
            return Answer(Verdict.OTHER_SET, f"a sheet of {envelope.set_name}: another set, not {self._set_name}")
        seat, sheet = (found.group, found.member), f"{found.group}.{found.member}"
        try:
            envelope.check_share(found)
        except (ShareMismatch, MixedShares) as error:
            return Answer(Verdict.WRONG, f"{error}; it is left out", sheet, found.epoch_id)
        if seat in bucket.shares:
            return Answer(Verdict.SEEN, f"sheet {sheet}: seen already", sheet, found.epoch_id)
        bucket.shares[seat] = found
        repaired = f", {len(read.repaired)} characters repaired" if read.repaired else ""
        progress = self._progress(bucket)
        word = "verified" if self._in_custody else "accepted"
        name = f"sheet {sheet} of {envelope.set_name}, epoch {envelope.core.epoch}"
        message = f"{name}: {word}{repaired} ({progress})"
        if found.epoch_id not in self._known:
            return Answer(Verdict.UNKNOWN, f"{message}; this terminal does not know the set", sheet, found.epoch_id)
        return Answer(Verdict.ACCEPTED, message, sheet, found.epoch_id)

    def _refusal(self, known: Known | None, found: Share) -> Answer | None:
        """Say why a share of a known epoch does not count, or None when it does."""
        if known is None:
            return None
        sheet = f"{found.group}.{found.member}"
        name = f"sheet {sheet} of {known.set_name}, epoch {known.number}"
        if self._set_name and known.set_name != self._set_name:
            return Answer(Verdict.OTHER_SET, f"{name}: another set, not {self._set_name}", sheet, found.epoch_id)
        if not (known.good if self._in_custody else known.openable):
            self._void[found.epoch_id] = known
            return Answer(Verdict.VOID, f"{name}: {known.state}; it opens nothing", sheet, found.epoch_id)
        reason = known.voided.get((found.group, found.member))
        if reason is not None:
            return Answer(Verdict.VOID, f"{name}: this sheet was voided ({reason})", sheet, found.epoch_id)
        return None

    def _wrong_kind(self, found: Share) -> Answer:
        if found.kind is Kind.DRILL:
            return Answer(Verdict.DRILL, "a drill code, not the live one: the live code is on the sheet in the bag")
        return Answer(Verdict.LIVE, "a live code in a drill: put the sheet back into its bag, it was exposed")

    def _is_quorum(self, bucket: _Bucket) -> bool:
        return bucket.envelope is not None and bucket.envelope.core.structure.is_quorum(bucket.shares)

    def _progress(self, bucket: _Bucket) -> str:
        assert bucket.envelope is not None  # noqa: S101 - the callers look first
        structure = bucket.envelope.core.structure
        if self._in_custody:
            return f"{len(bucket.shares)} of {structure.sheets} sheets"
        rows = []
        for number, group in enumerate(structure.groups, 1):
            held = len([seat for seat in bucket.shares if seat[0] == number])
            rows.append(f"{held} of {group.threshold}" + (f" in group {number}" if len(structure.groups) > 1 else ""))
        return ", ".join(rows)

    def _insufficient(self, wanted: Mapping[bytes, _Bucket]) -> BreakglassError:
        partly = [bucket for bucket in wanted.values() if bucket.envelope and bucket.shares]
        if partly:
            best = max(partly, key=lambda bucket: len(bucket.shares))
            assert best.envelope is not None  # noqa: S101 - filtered above
            return InsufficientShares(
                f"no quorum: expected {best.envelope.core.structure.in_words()}, got {self._progress(best)}",
                hint="bring more sheets of the same set and epoch, and scan them all in one go",
            )
        if self._void:
            return self._only_void()
        if any(bucket.waiting for bucket in wanted.values()):
            return MissingEnvelope(
                "shares were read, but no envelope: its code is the large one on every sheet",
                hint="scan the large code of any sheet, closer and in better light",
            )
        return InsufficientShares(
            "no quorum: no share that counts was read",
            hint="scan the sheets flat and in even light, one page at a time",
        )

    def _only_void(self) -> VoidShare:
        """Say that every sheet was of an epoch that opens nothing, and which sheets to bring."""
        said = ", ".join(f"epoch {known.number} of {known.set_name} is {known.state}" for known in self._void.values())
        names = {known.set_name for known in self._void.values()}
        living = [k for k in self._known.values() if k.openable and k.set_name in names]
        hint = "; ".join(f"bring the sheets of epoch {known.number} of {known.set_name}" for known in living)
        return VoidShare(f"these sheets open nothing: {said}", hint=hint)
