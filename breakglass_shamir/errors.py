# SPDX-License-Identifier: Apache-2.0
"""The one tree of exceptions.

Rules:

1. Everything raised on purpose is a :class:`BreakglassError`; the root and the six categories are never
   raised themselves, only their leaves.
2. ``id`` is public and stable: vectors, JSON output and records name it.
3. ``exit_code`` is the command line's contract.
4. A message names what and where, in lower case, without a full stop, "expected X, got Y".
   It never holds a secret: a share is named by its public id, a credential by its set.
5. ``hint`` is what to do next, one sentence.

This module does not print, log or translate anything.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar, Self

from breakglass_shamir.nearest import did_you_mean
from breakglass_shamir.shell import word


class BreakglassError(Exception):
    """Root of the tree.

    Attributes:
        id: stable public name of the failure class.
        exit_code: what the command line exits with.
        hint: what to do next; empty when the message says it all.
        default_hint: the hint where whoever raised it gave none.
    """

    id: ClassVar[str] = "error"
    exit_code: ClassVar[int] = 1
    default_hint: ClassVar[str] = ""

    @property
    def details(self) -> Mapping[str, object]:
        """What the error document says beyond message and hint; none for most."""
        return {}

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint or self.default_hint


class Stopped(BreakglassError):
    """People left; what was recorded stands."""

    id = "stopped"
    exit_code = 130


class WentBack(BreakglassError):
    """People left what they were doing for the question before; what they gave so far stays."""

    id = "went-back"
    exit_code = 130


class UsageError(BreakglassError):
    """Category: the request itself is malformed."""

    id = "usage"
    exit_code = 2


class RefusedError(BreakglassError):
    """Category: policy or state forbids it."""

    id = "refused"
    exit_code = 3


class SharesError(BreakglassError):
    """Category: shares or envelopes are insufficient or invalid."""

    id = "shares"
    exit_code = 4


class IntegrityError(BreakglassError):
    """Category: ledger, proof or signature does not hold."""

    id = "integrity"
    exit_code = 5


class TargetError(BreakglassError):
    """Category: the target could not be reached, checked or changed."""

    id = "target"
    exit_code = 6


class DueError(BreakglassError):
    """Category: something is due or overdue."""

    id = "due"
    exit_code = 7


# --- usage -----------------------------------------------------------------------------------------------


class InvalidInput(UsageError):
    """An argument, file or answer is not what was asked for."""

    id = "invalid-input"


class LooksLikeShare(UsageError):
    """A text that would be recorded or shown looks like a share; it is not repeated."""

    id = "looks-like-share"
    default_hint = (
        "say it in other words; if a share was typed or scanned here, whoever saw this screen may have it: void its "
        "sheet with breakglass void NAME SHEET --reason R, and rotate"
    )


class InvalidPolicy(UsageError):
    """A policy file does not describe a set that can be kept.

    Attributes:
        problems: each with the key's path, the words and the nearest valid spelling, of several files the file too.
    """

    id = "invalid-policy"

    def __init__(self, message: str, *, hint: str = "", problems: Sequence[Mapping[str, str | int]] = ()) -> None:
        super().__init__(message, hint=hint)
        self.problems = tuple(problems)

    @property
    def details(self) -> Mapping[str, object]:
        """Every problem by itself."""
        return {"problems": list(self.problems)}


class InvalidStructure(UsageError):
    """A quorum structure that must not exist: k = 1 alone, k > n, n > 255, or one person opens it."""

    id = "invalid-structure"


class FileExists(UsageError):
    """A file that must not be overwritten is already there."""

    id = "file-exists"


# --- refused ---------------------------------------------------------------------------------------------


class IllegalState(RefusedError):
    """The set's state does not allow this step."""

    id = "illegal-state"


class GateClosed(RefusedError):
    """A check failed that an emergency may override by name.

    Attributes:
        gate: the name to pass to ``--override``.
    """

    id = "gate-closed"

    def __init__(self, gate: str, message: str, *, hint: str = "") -> None:
        super().__init__(
            message, hint=hint or f"an emergency may pass with --override {word(gate)} --override-reason R"
        )
        self.gate = gate


class PolicyWeakens(RefusedError):
    """A policy allows more than the one in force, and nobody brought the set's quorum.

    Attributes:
        weakens: what it allows that the one in force does not, a sentence each.
    """

    id = "policy-weakens"
    default_hint = "with the set's quorum: breakglass policy adopt FILE --scan PATH... --out DIR"

    def __init__(self, weakens: Sequence[str]) -> None:
        super().__init__("this policy weakens the set:" + "".join(f"\n  {one}" for one in weakens))
        self.weakens = tuple(weakens)

    @property
    def details(self) -> Mapping[str, object]:
        """What weakens."""
        return {"weakens": list(self.weakens)}


class HeldTooMuch(RefusedError):
    """Somebody would have held, over time, a quorum of one epoch or sheets of two groups.

    Attributes:
        reasons: a sentence each.
    """

    id = "held-too-much"
    default_hint = (
        "choose somebody else; if the sheet has changed hands already, say so with --has-happened, and rotate"
    )

    def __init__(self, reasons: Sequence[str]) -> None:
        super().__init__("; ".join(reasons))
        self.reasons = tuple(reasons)


class UnprovenSuccession(RefusedError):
    """An epoch is said to have followed another, and nothing that counts here proves it."""

    id = "unproven-succession"


class UnknownSet(RefusedError):
    """No set of this name in this ledger."""

    id = "unknown-set"

    @classmethod
    def among(cls, name: str, known: Iterable[str]) -> Self:
        """Make the error for a name that is not among those of a ledger, with the nearest of them."""
        names = sorted(known)
        listed = ", ".join(names) or "none yet"
        return cls(
            f"expected one of the sets in this ledger ({listed}), got {name!r}", hint=did_you_mean(name, names)
        )  # fmt: skip


class NoHome(RefusedError):
    """The home folder has no ledger yet."""

    id = "no-home"
    default_hint = "create one with: breakglass init"


# --- shares ----------------------------------------------------------------------------------------------


class MalformedText(SharesError):
    """A printed text is not of its format: prefix, length, alphabet, check or parity."""

    id = "malformed-text"


class UnsupportedVersion(SharesError):
    """The format version, suite or kind is not one this release knows."""

    id = "unsupported-version"


class InsufficientShares(SharesError):
    """Fewer shares than the quorum needs."""

    id = "insufficient-shares"


class DuplicateShare(SharesError):
    """The same share number twice with different values, or twice where each must be distinct."""

    id = "duplicate-share"


class MixedShares(SharesError):
    """Shares of different epochs or kinds in one combination."""

    id = "mixed-shares"


class ShareMismatch(SharesError):
    """A share's value does not match its commitment in the envelope."""

    id = "share-mismatch"


class VoidShare(SharesError):
    """A sheet of an epoch, or a single sheet, that was voided."""

    id = "void-share"


class InvalidEnvelope(SharesError):
    """The envelope's structure or signature does not hold."""

    id = "invalid-envelope"


class MissingEnvelope(SharesError):
    """Shares are there but no envelope of their epoch."""

    id = "missing-envelope"


class UnconfirmedMaster(SharesError):
    """The combined master does not derive the epoch id its shares carry."""

    id = "unconfirmed-master"


class DecryptionFailed(SharesError):
    """The credential's authentication tag or padding does not hold."""

    id = "decryption-failed"


class RollCallFailed(SharesError):
    """A sheet that was looked at alone is not what it should be; recorded.

    Attributes:
        out_of_bag: another sheet that was on the scanner in its place; empty: none is known.
    """

    id = "roll-call-failed"

    def __init__(self, message: str, *, hint: str = "", out_of_bag: str = "") -> None:
        super().__init__(message, hint=hint)
        self.out_of_bag = out_of_bag

    @property
    def details(self) -> Mapping[str, object]:
        """Which sheet needs a new bag."""
        return {"out_of_bag": self.out_of_bag}


# --- integrity -------------------------------------------------------------------------------------------


class EnvelopeConflict(IntegrityError):
    """Two valid envelopes under one epoch id, or one that differs from the pinned one."""

    id = "envelope-conflict"


class InvalidSignature(IntegrityError):
    """A signature is malformed, in the wrong namespace, or does not verify."""

    id = "invalid-signature"


class InvalidProof(IntegrityError):
    """A Merkle proof, checkpoint or signed note does not hold."""

    id = "invalid-proof"


class InvalidRecord(IntegrityError):
    """A record is not canonical, not of a known type, or breaks the chain."""

    id = "invalid-record"


class RecordMissing(IntegrityError):
    """A receipt or a sheet remembers a record that this ledger does not have: its end was cut off, or replaced."""

    id = "record-missing"
    default_hint = "keep this ledger as it is, and the receipt or sheet: together they prove the removal"


class FingerprintMismatch(IntegrityError):
    """What people typed is not the fingerprint of this file and the key that signs it."""

    id = "fingerprint-mismatch"


class Forked(IntegrityError):
    """Two histories were signed with one terminal key: a ledger was copied, and both copies went on."""

    id = "forked"
    default_hint = "keep both as they are, let neither go on, and find out who copied the home"


class LedgerUnwritable(IntegrityError):
    """A record could not be made durable."""

    id = "ledger-unwritable"
    default_hint = "make room, or make the place writable, and try again"


class LedgerBusy(IntegrityError):
    """Another process holds the ledger's write lock for too long."""

    id = "ledger-busy"
    default_hint = "wait for the other program or end it, and try again"


class LedgerElsewhere(IntegrityError):
    """This ledger was moved; it goes on in another place and is not written here any more."""

    id = "ledger-elsewhere"


class KeyMismatch(IntegrityError):
    """The terminal key is not the one that began the ledger."""

    id = "key-mismatch"


# --- target ----------------------------------------------------------------------------------------------


class ConnectorError(TargetError):
    """The only exception that leaves a connector; the cause is chained, no secret is in its text.

    Attributes:
        rejected: the target's own rules do not take the new credential, and it surely changed nothing.
    """

    id = "connector"

    def __init__(self, message: str, *, hint: str = "", rejected: bool = False) -> None:
        super().__init__(message, hint=hint)
        self.rejected = rejected


class PaperError(TargetError):
    """A sheet could not be written, printed or read back."""

    id = "paper"


class SinkFailure(TargetError):
    """A sink did not take every alert.

    Attributes:
        delivered: how many events, from the first on, it did take.
        taken: places, from 0, of events behind those that it took as well.
        retry_after_s: when it asked to be tried again; 0 where it did not say.
        nowhere: whether the next event has no place where it could ever arrive.
        only_refused: whether the sink is there and refused some events, so that others are not kept waiting for long.
        all_refused: whether it is there and refused whatever it was given; newer ones are tried once.
    """

    id = "sink"
    default_hint = "what was not delivered is kept and tried again; see it with: breakglass alerts list"

    def __init__(
        self,
        message: str,
        *,
        delivered: int = 0,
        taken: tuple[int, ...] = (),
        retry_after_s: int = 0,
        hint: str = "",
        nowhere: bool = False,
        only_refused: bool = False,
        all_refused: bool = False,
    ) -> None:
        super().__init__(message, hint=hint)
        self.delivered = delivered
        self.taken = taken
        self.retry_after_s = retry_after_s
        self.nowhere = nowhere
        self.only_refused = only_refused
        self.all_refused = all_refused


class WebError(TargetError):
    """Another machine gave no answer that could be used, over TLS or HTTP.

    Attributes:
        status: of the HTTP answer; 0 where there was none.
        retry_after_s: when it asked to be tried again; 0 where it did not say.
    """

    id = "web"
    default_hint = "look at the address, the certificate authority, and what stands between the two machines"

    def __init__(self, message: str, *, hint: str = "", status: int = 0, retry_after_s: int = 0) -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.retry_after_s = retry_after_s


class WheelhouseError(TargetError):
    """There are no wheels for a kit, or they are not what is pinned."""

    id = "wheelhouse"
    default_hint = (
        "make them with: make kit-wheels, in the source of this program; elsewhere they are named by --wheelhouse DIR"
    )


# --- due -------------------------------------------------------------------------------------------------


class RotationDue(DueError):
    """The credential was revealed and its rotation is still owed."""

    id = "rotation-due"


class Exposed(DueError):
    """A sheet or its bag was exposed, as a roll-call or a drill found; recorded, and to be acted on."""

    id = "exposed"
