# SPDX-License-Identifier: Apache-2.0
"""In memory: a credential into an envelope and shares, texts of both and back, and a pool that answers each text.

Rules:

1. No file, network, terminal, environment or clock is touched. Randomness is the operating system's.
2. The master is drawn inside and never accepted from outside; each split is a new epoch.
3. A pool never raises for what a text holds: whatever it is, it is said. Only what is no text at all raises.
4. A pool gives away no credential. To open without a record is in ``hazmat``; with one, in ``custody``.

What it does not do: it writes no record, knows no ledger, and proves nothing at a target. An envelope that is dealt
here names no log: its checkpoint is that of an empty tree, and its policy digest that of nothing under a salt that
nobody kept (docs/spec/4-envelope.md, "Without a ledger").
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from breakglass_shamir.crypto.keys import Kind, random_bytes
from breakglass_shamir.custody.credential import Credential, of_a_drill
from breakglass_shamir.custody.quorum import pool as pools
from breakglass_shamir.custody.quorum.answer import Answer, Verdict
from breakglass_shamir.custody.quorum.known import Known
from breakglass_shamir.custody.quorum.quorum import Quorum
from breakglass_shamir.custody.quorum.typing import TypedEntry
from breakglass_shamir.errors import InvalidEnvelope, InvalidInput, MalformedText, MissingEnvelope
from breakglass_shamir.formats import seal, share, text
from breakglass_shamir.formats.envelope import NO_PREDECESSOR, Checkpoint, Envelope, EnvelopeReader
from breakglass_shamir.formats.extensions import Extensions
from breakglass_shamir.formats.seal import Facts, Sealed
from breakglass_shamir.formats.share import ReadShare
from breakglass_shamir.formats.structure import Structure
from breakglass_shamir.formats.text import TEXT_LINES
from breakglass_shamir.library.arguments import checked
from breakglass_shamir.plural import counted
from breakglass_shamir.version import __version__

LONGEST_TEXT = 8192
"""Characters; a QR code holds 4296 at most, and what people type has spaces in it."""

_NO_LOG = Checkpoint(bytes(8), 0, hashlib.sha256().digest())
_EXTENSIONS = Extensions(release=__version__)
_DIGEST_BYTES = 32


@dataclass(frozen=True, slots=True)
class GatheredQuorum:
    """What a pool has enough of; holds no secret (docs/spec/1-cryptography.md)."""

    set_name: str
    """As the envelope says it; empty where only typed lines were there, which carry no name."""

    epoch: int
    """Number of the epoch, from 1."""

    epoch_id: str
    """8 bytes, hexadecimal."""

    sheets: tuple[str, ...]
    """Seats of the sheets that hold, ``group.member``."""

    structure: Structure
    """Which sheets open."""

    verified: bool
    """Whether an envelope with its proofs was read; False: only typed lines, which a quorum confirmed."""

    pinned: bool
    """Whether the envelope is one that the pool was told to go by."""


@checked
def split(
    credential: Credential, structure: Structure, *, set_name: str, predecessor: Envelope | None = None
) -> Sealed:
    """Encrypt a credential and split its key over sheets (docs/spec/1-cryptography.md).

    A fresh master of 32 bytes is drawn, split by the structure, and proven to open again from two quorums before it is
    wiped.

    Args:
        credential: a secret of up to 4096 bytes, and what describes it.
        structure: how many sheets there are, and which of them open.
        set_name: 1 to 64 bytes of UTF-8 without control characters; printed on every sheet.
        predecessor: the envelope of the epoch before, so that the new one counts on from it; None: epoch 1.

    Returns:
        The public envelope, and the shares by group and member.

    Raises:
        InvalidInput: an argument of another type, or a name that an envelope cannot carry.
        InvalidEnvelope: the predecessor does not hold.
    """
    number, before = 1, NO_PREDECESSOR
    if predecessor is not None:
        proven = proven_envelope(predecessor)
        number, before = proven.core.epoch + 1, proven.core.epoch_id
    with credential.to_bytes() as plaintext:
        return seal.seal(_facts(Kind.LIVE, set_name, number, structure, before), plaintext)


@checked
def split_drill(structure: Structure, *, set_name: str, epoch: int = 1) -> Sealed:
    """Deal the drill cards of an epoch: an envelope and shares that open nothing (docs/spec/1-cryptography.md).

    They have a master and labels of their own, so no drill share ever counts as a live one.

    Args:
        structure: that of the live sheets.
        set_name: that of the live sheets.
        epoch: number of the epoch, from 1.

    Raises:
        InvalidInput: an argument of another type, a name that an envelope cannot carry, or no such epoch.
    """
    with of_a_drill().to_bytes() as plaintext:
        return seal.seal(_facts(Kind.DRILL, set_name, epoch, structure, NO_PREDECESSOR), plaintext)


@checked
def read_share(code: str) -> ReadShare:
    """Read a share from the text of its QR code, ``BGS1:`` and 96 characters (docs/spec/3-share.md).

    Case, spaces, hyphens, I, L and O are forgiven; ``?`` is an unreadable character. Repairs are reported. Nothing but
    an envelope tells whether the share is right: ``Envelope.check_share``.

    Raises:
        InvalidInput: it is no text.
        MalformedText: wrong prefix, length or characters, or more damage than can be repaired.
        UnsupportedVersion: a version or kind that this release does not know.
    """
    return share.from_text(_bounded(code))


@checked
def read_share_lines(lines: Sequence[str]) -> ReadShare:
    """Read a share from its four typed lines, in the order in which they are printed (docs/spec/2-text.md).

    Args:
        lines: four texts of 24 characters and a check character; ``?`` is an unreadable character, an empty text a
            line that is lost. One may be.

    Raises:
        InvalidInput: not four texts.
        MalformedText: a line of another length or alphabet, or more damage than can be repaired.
        UnsupportedVersion: a version or kind that this release does not know.
    """
    if len(lines) != TEXT_LINES:
        raise InvalidInput(f"expected the {TEXT_LINES} lines of one share, got {len(lines)}", hint="a lost one is ''")
    rows = {number: text.read_line(_bounded(line))[0] for number, line in enumerate(lines, 1) if line.strip()}
    return share.from_lines(rows)


@checked
def read_envelope(codes: Sequence[str]) -> Envelope:
    """Read an envelope from the texts of its QR codes, ``BGE1:``, in any order (docs/spec/4-envelope.md).

    What is returned verifies against its own set public key. That proves consistency, not origin.

    Raises:
        InvalidInput: they are no texts.
        MalformedText: one is no text of an envelope.
        InvalidEnvelope, UnsupportedVersion: complete, but it does not hold.
        MissingEnvelope: not all of its codes are there.
    """
    reader = EnvelopeReader()
    for code in codes:
        envelope = reader.add(_bounded(code))
        if envelope is not None:
            return envelope
    raise MissingEnvelope(f"expected all codes of an envelope; missing: {reader.missing() or 'every one'}")


class Pool:
    """Collects texts of sheets, from any source in any order, until they make a quorum (docs/spec/1-cryptography.md).

    Each is answered at once with a frozen :class:`Answer`. A share counts when its envelope's commitment holds for it;
    where only typed lines of the envelope are there, when a quorum combines to the key that the epoch id names.
    A pool is for one thread.

    Raises:
        InvalidInput: an argument of another type.
        InvalidEnvelope: an envelope to go by does not hold.
    """

    @checked
    def __init__(self, *, pinned: Sequence[Envelope] = (), set_name: str = "", kind: Kind = Kind.LIVE) -> None:
        """Start empty.

        Args:
            pinned: envelopes that are known to be right, from wherever they were kept. Their sheets are *accepted*;
                those of any other envelope are of an *unknown set* and count all the same.
            set_name: only this set counts; empty: any.
            kind: live sheets, or drill cards.

        Raises:
            InvalidInput: an argument of another type.
            InvalidEnvelope: an envelope to go by does not hold.
        """
        proven = [proven_envelope(one) for one in pinned]
        known = {one.core.epoch_id: _known(one) for one in proven if one.core.kind is kind}
        self._pool = pools.Pool(known, set_name=set_name, kind=kind)
        self._typed = TypedEntry(self._pool, asks=False)

    @checked
    def add(self, code: str) -> Answer:
        """Take the text of one QR code, scanned or typed, and say what it is (docs/spec/3-share.md, 4-envelope.md).

        Raises:
            InvalidInput: it is no text. What a text holds never raises.
        """
        if len(code) > LONGEST_TEXT:
            return Answer(Verdict.FOREIGN, f"{counted(len(code), 'character')}: no code is as long as that")
        return self._pool.add(code)

    @checked
    def type_line(self, line: str) -> tuple[Answer, ...]:
        """Take one typed line of a sheet, and answer it and what it completes (docs/spec/2-text.md).

        Lines 1 to 4 are a share, those from 5 on the envelope's core; each says by its check character which it is.
        An empty line ends a share or core of which lines are lost, ``back`` takes the last line back, and whole codes
        are taken, too. Where a line's number is filled already, another share begins.

        Raises:
            InvalidInput: it is no text. What a line holds never raises.
        """
        if len(line) > LONGEST_TEXT:
            return (Answer(Verdict.UNSURE, f"{counted(len(line), 'character')}: no line is as long as that"),)
        return tuple(self._typed.take(line))

    def end_typing(self) -> tuple[Answer, ...]:
        """Say that no further line comes, and answer what the lines so far make (docs/spec/2-text.md). Never raises."""
        answers = tuple(self._typed.finish())
        self._typed = TypedEntry(self._pool, asks=False)
        return answers

    @property
    def prompt(self) -> str:
        """What to type next, in words: ``share 2, line 3``."""
        return self._typed.prompt

    @property
    def complete(self) -> bool:
        """Whether a quorum is there."""
        return self._pool.complete()

    @checked
    def quorum(self, *, epoch_id: str = "") -> GatheredQuorum:
        """Return what there is enough of; a pinned epoch comes before an unknown one.

        Args:
            epoch_id: 8 bytes, hexadecimal: only this epoch; empty: whichever is complete.

        Raises:
            InvalidInput: an epoch id that is none.
            InsufficientShares: with what is there and what is needed.
            MissingEnvelope: shares, but no envelope of theirs.
            UnconfirmedMaster, DecryptionFailed: only a typed core, and the shares do not confirm it.
            EnvelopeConflict: two different valid envelopes under one epoch id, and none is pinned.
        """
        found = quorum_of(self, epoch_id)
        return GatheredQuorum(
            found.set_name, found.core.epoch, found.epoch_id, found.sheets, found.core.structure,
            found.envelope is not None, found.known,
        )  # fmt: skip


def quorum_of(pool: Pool, epoch_id: str = "") -> Quorum:
    """Return the quorum itself, which can be opened; for this room only."""
    try:
        wanted = bytes.fromhex(epoch_id)
    except ValueError:
        wanted = b"?"
    if epoch_id and len(wanted) != len(NO_PREDECESSOR):
        raise InvalidInput("expected an epoch id of 8 bytes, hexadecimal")
    return pool._pool.quorum(wanted or None)


def proven_envelope(envelope: Envelope) -> Envelope:
    """Return an envelope as it reads from its own bytes; one made by hand may be anything.

    Raises:
        InvalidEnvelope, UnsupportedVersion: it does not hold.
    """
    try:
        data = envelope.to_bytes()
    except (ValueError, OverflowError, ArithmeticError) as error:
        raise InvalidEnvelope("expected an envelope that was read or dealt, got one with impossible fields") from error
    return Envelope.from_bytes(data)


def _known(envelope: Envelope) -> Known:
    return Known(envelope.set_name, envelope.core.epoch, envelope, openable=True, good=True, state="", voided={})


def _facts(kind: Kind, set_name: str, epoch: int, structure: Structure, predecessor: bytes) -> Facts:
    return Facts(kind, set_name, epoch, structure, random_bytes(_DIGEST_BYTES), _NO_LOG, predecessor, _EXTENSIONS)


def _bounded(code: str) -> str:
    if len(code) > LONGEST_TEXT:
        raise MalformedText(f"expected a text of at most {LONGEST_TEXT} characters, got {len(code)}")
    return code
